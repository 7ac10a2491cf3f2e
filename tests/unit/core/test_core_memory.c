/* The core without memory: wherever it ends in an event, what happened is whole or has not happened, the same
 * event told again mends it, and nothing is left behind. */
#include "tests/unit/unit.h"

#include "agent/core/core.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define T0      INT64_C(1700006400000) /* a window's start */
#define HOUR    INT64_C(3600000)
#define FOREVER 1000000000
#define TENTHS  "0123456789"
#define LONG    TENTHS TENTHS TENTHS TENTHS TENTHS TENTHS TENTHS TENTHS TENTHS TENTHS /* beyond any record */

/* ---- memory that ends ---------------------------------------------------------------------------------- */

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

static int allocations_left = FOREVER;

static bool is_refused(void)
{
    return allocations_left <= 0 || allocations_left-- == 0;
}

void *__wrap_malloc(size_t bytes)
{
    return is_refused() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return is_refused() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return is_refused() ? NULL : __real_realloc(memory, bytes);
}

/* ---- a core -------------------------------------------------------------------------------------------- */

static const struct core_settings settings = {
    .tally = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT},
    .api_lease_ms = 24 * HOUR,
    .overuse_settle_ms = 60000,
    .disconnected_for_ms = HOUR,
    .seed = 7,
};

static const struct grant a_grant = {
    .farm_id = "farm", .installation_id = "inst", .serial = 1, .limit = 2, .issued_at_ms = T0};

static int step_without_list(struct core *core, const struct core_event *event, int64_t now_ms)
{
    struct core_actions *actions = core_actions_create();
    assert_non_null(actions);
    int code = core_step(core, event, now_ms, actions);
    core_actions_destroy(actions);
    return code;
}

static int tell(struct core *core, enum core_event_type type, const struct connection *set, size_t count,
                int64_t now_ms)
{
    struct core_event event = {.type = type, .set = {.host = "h", .connections = set, .count = count}};
    return step_without_list(core, &event, now_ms);
}

static struct core *a_farm(void)
{
    struct core *core = core_create(&settings);
    struct core_event activated = {
        .type = EVENT_ACTIVATED,
        .activated = {.farm_id = "farm", .installation_id = "inst", .grant = &a_grant}};
    struct core_event started = {.type = EVENT_STARTED};
    assert_non_null(core);
    assert_int_equal(step_without_list(core, &activated, T0), 0);
    assert_int_equal(step_without_list(core, &started, T0), 0);
    return core;
}

/* ---- one event, memory ending at every place in turn --------------------------------------------------- */

struct scenario {
    const char *name;
    struct connection hosts[3]; /* what the source of "h" told before; without a user: none */
    struct connection brokers[3];
    bool brokers_first;
    struct core_event event;
    int64_t at_ms;
};

static size_t count_of(const struct connection connections[3])
{
    size_t count = 0;
    while (count < 3 && connections[count].user != NULL)
        count++;
    return count;
}

static void prepare(struct core *core, const struct scenario *scenario)
{
    for (int i = 0; i < 2; i++) {
        bool brokers = scenario->brokers_first == (i == 0);
        const struct connection *told = brokers ? scenario->brokers : scenario->hosts;
        assert_int_equal(
            tell(core, brokers ? EVENT_BROKER_SET : EVENT_HOST_SET, told, count_of(told), T0 + i), 0);
    }
}

static struct tally_level level_of(const struct core *core)
{
    return *tally_level(core_tally(core));
}

/* Everybody leaves: no connection, record, lease or list remains that anything is due for but the window. */
static void expect_nothing_left(struct core *core, const struct scenario *scenario)
{
    int64_t now_ms = scenario->at_ms + 10;
    assert_int_equal(tell(core, EVENT_BROKER_SET, NULL, 0, now_ms), 0);
    assert_int_equal(tell(core, EVENT_HOST_SET, NULL, 0, now_ms), 0);
    assert_int_equal(level_of(core).connections, 0);
    assert_int_equal(level_of(core).disconnected, 0);
    struct core_status status;
    core_status(core, &status);
    assert_true(core_due_ms(core) == status.window.end_ms || core_due_ms(core) == status.next_validation_ms ||
                core_due_ms(core) == status.next_report_ms);
}

/* Returns whether memory lasted. */
static bool fail_after(int allocations, const struct scenario *scenario, const struct tally_level *should_be)
{
    struct core *core = a_farm();
    prepare(core, scenario);
    struct core_actions *actions = core_actions_create();
    assert_non_null(actions);
    allocations_left = allocations;
    int code = core_step(core, &scenario->event, scenario->at_ms, actions);
    bool lasted = allocations_left > 0;
    allocations_left = FOREVER;
    if (code != 0 && code != CORE_NO_MEMORY)
        fail_msg("%s: code %d after %d allocations", scenario->name, code, allocations);
    core_actions_destroy(actions);
    code = step_without_list(core, &scenario->event, scenario->at_ms + 1);
    if (code != 0 && code != CORE_UNKNOWN) /* an end that had happened is none the second time */
        fail_msg("%s: code %d told again after %d allocations", scenario->name, code, allocations);
    struct tally_level level = level_of(core);
    if (memcmp(&level, should_be, sizeof(level)) != 0)
        fail_msg("%s: %u users, %u connections after %d allocations, not %u, %u", scenario->name,
                 level.concurrent_users, level.connections, allocations, should_be->concurrent_users,
                 should_be->connections);
    expect_nothing_left(core, scenario);
    core_destroy(core);
    return lasted;
}

static void try(const struct scenario *scenario)
{
    struct core *core = a_farm();
    prepare(core, scenario);
    assert_int_equal(step_without_list(core, &scenario->event, scenario->at_ms), 0);
    struct tally_level should_be = level_of(core);
    expect_nothing_left(core, scenario);
    core_destroy(core);
    bool lasted = false;
    for (int allocations = 0; !lasted; allocations++)
        lasted = fail_after(allocations, scenario, &should_be);
}

#define NAMED(session, who) .host = "h", .id = session, .user = who
#define ROOT                .administrator = ADMINISTRATOR_YES

static void wherever_memory_ends(void **state)
{
    (void)state;
    static const struct connection longer[] = {
        {NAMED(LONG "1", "dora")}, {NAMED(LONG "2", LONG)}, {NAMED(LONG "3", "carl")}};
    static const struct connection mixed[] = {{NAMED("1", "alice"), .state = CONNECTION_DISCONNECTED},
                                              {NAMED("b2", "CORP\\Bob")},
                                              {NAMED("9", LONG), ROOT}};
    static const struct connection otherwise[] = {{NAMED("1", "CORP\\ALICE")}};
    static const struct connection taken_over[] = {{NAMED("1", "alice"), ROOT}, {NAMED("b2", "alice")}};
    static const struct connection known_now[] = {{NAMED("1", "alice"), .connected_at_ms = T0}};
    static const struct scenario scenarios[] = {
        {.name = "a host boots",
         .event = {.type = EVENT_HOST_BOOTED, .booted = {.host = "h" LONG, .boot_id = "b"}}},
        {.name = "a broker's record", .event = {.type = EVENT_BROKER_PUT, .put = {NAMED(LONG, "alice")}}},
        {.name = "a record of a live session",
         .hosts = {{NAMED("1", "alice"), ROOT}},
         .event = {.type = EVENT_BROKER_PUT, .put = {NAMED(LONG, "alice"), .kind = KIND_APPLICATION}}},
        {.name = "a record under the host's id",
         .hosts = {{NAMED("1", "alice"), ROOT}},
         .event = {.type = EVENT_BROKER_PUT, .put = {NAMED("1", "alice"), .kind = KIND_APPLICATION}}},
        {.name = "a record again, spelt otherwise",
         .brokers = {{NAMED("1", "CORP\\alice")}},
         .event = {.type = EVENT_BROKER_PUT, .put = {NAMED("1", "CORP\\ALICE")}}},
        {.name = "a pair again, spelt otherwise",
         .hosts = {{NAMED("1", "CORP\\alice")}},
         .brokers = {{NAMED("1", "CORP\\alice")}},
         .event = {.type = EVENT_HOST_SET, .set = {.host = "h", .count = 1, .connections = otherwise}}},
        {.name = "a record whose connect time pairs it",
         .hosts = {{NAMED("1", "alice"), .connected_at_ms = T0}},
         .brokers = {{NAMED(LONG, "alice"), .connected_at_ms = T0 - HOUR}},
         .event = {.type = EVENT_BROKER_PUT, .put = {NAMED(LONG, "alice"), .connected_at_ms = T0}}},
        {.name = "another user under the broker's id of a pair",
         .hosts = {{NAMED("1", "alice"), ROOT}},
         .brokers = {{NAMED("b1", "alice"), .kind = KIND_APPLICATION}},
         .event = {.type = EVENT_BROKER_PUT, .put = {NAMED("b1", "bob")}}},
        {.name = "a pair's record ends",
         .hosts = {{NAMED("1", "alice"), ROOT}},
         .brokers = {{NAMED("b1", "alice"), .kind = KIND_APPLICATION}},
         .event = {.type = EVENT_BROKER_END, .end = {.host = "h", .id = "b1"}}},
        {.name = "a broker's set in place of another",
         .hosts = {{NAMED("1", "alice"), ROOT}},
         .brokers = {{NAMED("b1", "alice"), .kind = KIND_APPLICATION},
                     {NAMED(LONG "a", "erin")},
                     {NAMED("b3", "bob")}},
         .event = {.type = EVENT_BROKER_SET, .set = {.host = "h", .connections = longer, .count = 3}}},
        {.name = "a host's set in place of another",
         .hosts = {{NAMED("1", "alice")}, {NAMED(LONG "a", "erin")}, {NAMED("5", "frank")}},
         .brokers = {{NAMED("b1", "alice")}, {NAMED("b2", "corp\\bob")}},
         .event = {.type = EVENT_HOST_SET, .set = {.host = "h", .connections = mixed, .count = 3}}},
        {.name = "a session whose connect time pairs it",
         .hosts = {{NAMED("1", "alice"), .connected_at_ms = T0 - HOUR}},
         .brokers = {{NAMED(LONG, "alice"), .connected_at_ms = T0}},
         .event = {.type = EVENT_HOST_SET, .set = {.host = "h", .connections = known_now, .count = 1}}},
        {.name = "another user under the broker's id, and the session becomes a desktop",
         .brokers_first = true,
         .hosts = {{NAMED("1", "alice"), ROOT}},
         .brokers = {{NAMED("b1", "alice"), .kind = KIND_APPLICATION}},
         .event = {.type = EVENT_BROKER_PUT, .put = {NAMED("b1", "bob")}}},
        {.name = "the broker's set is empty, and the session becomes a desktop",
         .brokers_first = true,
         .hosts = {{NAMED("1", "alice"), ROOT}},
         .brokers = {{NAMED("b1", "alice"), .kind = KIND_APPLICATION}},
         .event = {.type = EVENT_BROKER_SET, .set = {.host = "h"}}},
        {.name = "a session with the broker's id, and the other becomes a desktop",
         .brokers_first = true,
         .hosts = {{NAMED("1", "alice"), ROOT}},
         .brokers = {{NAMED("b2", "alice"), .kind = KIND_APPLICATION}},
         .event = {.type = EVENT_HOST_SET, .set = {.host = "h", .connections = taken_over, .count = 2}}},
        {.name = "a record spelt otherwise whose connect time pairs it",
         .hosts = {{NAMED("1", "CORP\\alice"), .connected_at_ms = T0}},
         .brokers = {{NAMED("b1", "CORP\\alice"), .connected_at_ms = T0 - HOUR}},
         .event = {.type = EVENT_BROKER_PUT, .put = {NAMED("b1", "CORP\\ALICE"), .connected_at_ms = T0}}},
        {.name = "other settings, and a number that nobody has",
         .brokers_first = true,
         .hosts = {{NAMED("1", "alice")}},
         .brokers = {{NAMED("b1", "alice")}},
         .event = {.type = EVENT_SETTINGS, .settings = &settings}},
        {.name = "other settings",
         .hosts = {{NAMED("1", "alice")}, {NAMED("2", "bob"), ROOT}},
         .brokers = {{NAMED(LONG, "carl")}},
         .event = {.type = EVENT_SETTINGS, .settings = &settings}},
        {.name = "an entitlement",
         .hosts = {{NAMED("1", "alice")}, {NAMED("2", "bob")}, {NAMED("3", "carl")}},
         .event = {.type = EVENT_ENTITLEMENT, .grant = &a_grant}},
        {.name = "leases and windows end",
         .hosts = {{NAMED("1", "alice")}},
         .brokers = {{NAMED(LONG, "bob")}, {NAMED("b2", "carl")}},
         .event = {.type = EVENT_TIMER},
         .at_ms = T0 + 30 * HOUR},
        {.name = "sessions disconnected for long",
         .hosts = {{NAMED("1", "alice"), .state = CONNECTION_DISCONNECTED}},
         .event = {.type = EVENT_TIMER},
         .at_ms = T0 + 2 * HOUR},
    };
    for (size_t i = 0; i < COUNT(scenarios); i++) {
        struct scenario scenario = scenarios[i];
        if (scenario.at_ms == 0)
            scenario.at_ms = T0 + 3;
        try(&scenario);
    }
}

/* ---- over a restart ------------------------------------------------------------------------------------ */

static void what_cannot_be_restored_whole_is_not(void **state)
{
    (void)state;
    const struct roster_change stored[] = {
        {.connection = {NAMED(LONG, "alice"), ROOT}, .reported_by = REPORTED_BY_HOST, .broker_id = ""},
        {.connection = {NAMED("2", "bob")},
         .reported_by = REPORTED_BY_BROKER,
         .broker_id = "",
         .lease_at_ms = T0},
        {.connection = {NAMED("3", "carl"), .state = CONNECTION_DISCONNECTED},
         .reported_by = REPORTED_BY_HOST | REPORTED_BY_BROKER,
         .broker_id = "b3"}};
    const struct core_host hosts[] = {{.host = "h", .boot_id = "boot"}};
    const struct window unsent[] = {{.sequence = 1}};
    const struct core_saved saved = {.connections = stored,
                                     .connection_count = 3,
                                     .hosts = hosts,
                                     .host_count = 1,
                                     .unsent = unsent,
                                     .unsent_count = 1,
                                     .farm_id = "farm",
                                     .installation_id = "inst",
                                     .standing = {.activation = ACTIVATION_ACTIVE, .grant = a_grant}};
    bool lasted = false;
    for (int allocations = 0; !lasted; allocations++) {
        struct core *core = core_create(&settings);
        assert_non_null(core);
        allocations_left = allocations;
        int code = core_restore(core, &saved, T0);
        lasted = allocations_left > 0;
        allocations_left = FOREVER;
        assert_true(lasted ? code == 0 : code == 0 || code == CORE_NO_MEMORY);
        if (code == 0)
            assert_int_equal(level_of(core).connections, 3);
        core_destroy(core);
    }
}

/* ---- the list ------------------------------------------------------------------------------------------ */

static size_t connections_on(const struct core_actions *actions)
{
    size_t count, connections = 0;
    const struct action *all = core_actions_all(actions, &count);
    for (size_t i = 0; i < count; i++)
        connections += all[i].type == ACTION_PERSIST && all[i].persist.type == PERSIST_CONNECTION;
    return connections;
}

/* A pair, disconnected in what turns out to be the future: to set time back changes and stores it, and needs
 * no memory but the list's. */
static struct core *a_farm_ahead_of_time(void)
{
    struct core *core = a_farm();
    const struct connection session = {NAMED("1", LONG), .state = CONNECTION_DISCONNECTED};
    const struct connection record = {NAMED("b" LONG, LONG)};
    assert_int_equal(tell(core, EVENT_HOST_SET, &session, 1, T0 + 600), 0);
    assert_int_equal(tell(core, EVENT_BROKER_SET, &record, 1, T0 + 600), 0);
    return core;
}

/* A list whose block of texts has room for so many bytes more. */
static struct core_actions *a_list_with_room_for(size_t bytes)
{
    static char filler[4000]; /* as large as the block */
    struct core_actions *actions = core_actions_create();
    struct log_event event = {.code = LOG_source_failed};
    assert_non_null(actions);
    memset(filler, 'x', sizeof(filler) - 1);
    log_event_text(&event, "source", filler + bytes);
    assert_int_equal(core_actions_log(actions, &event), 0);
    return actions;
}

static bool begins_with_a_copy(struct core *core, struct core_actions *actions)
{
    struct core_event timer = {.type = EVENT_TIMER};
    size_t count;
    core_actions_clear(actions);
    assert_int_equal(core_step(core, &timer, T0, actions), 0);
    const struct action *all = core_actions_all(actions, &count);
    return count > 0 && all[0].type == ACTION_PERSIST && all[0].persist.type == PERSIST_CLEAR;
}

/* Wherever the texts of a change end the list's block, the change is not on the list, and the next step
 * begins with a whole copy. */
static void a_text_that_cannot_be_kept_leaves_the_change_to_the_next_step(void **state)
{
    (void)state;
    struct core_event timer = {.type = EVENT_TIMER};
    unsigned refused = 0, kept = 0;
    for (size_t bytes = 0; bytes < 500; bytes++) {
        struct core *core = a_farm_ahead_of_time();
        struct core_actions *actions = a_list_with_room_for(bytes);
        allocations_left = 0;
        int code = core_step(core, &timer, T0, actions);
        assert_int_equal(connections_on(actions), code == 0);
        if (code != 0) /* nor is there memory for the copy */
            assert_int_equal(core_step(core, &timer, T0, actions), CORE_NO_MEMORY);
        allocations_left = FOREVER;
        kept += code == 0;
        refused += code == CORE_NO_MEMORY;
        assert_int_equal(begins_with_a_copy(core, actions), code != 0);
        size_t count;
        const struct action *all = core_actions_all(actions, &count);
        if (code != 0) {
            assert_int_equal(all[1].persist.connection.disconnected_at_ms, T0);
            assert_string_equal(all[1].persist.connection.broker_id, "b" LONG);
        }
        core_actions_destroy(actions);
        core_destroy(core);
    }
    assert_true(refused > 0 && kept > 0);
}

static void a_boot_id_that_cannot_be_kept_comes_with_the_next_step(void **state)
{
    (void)state;
    unsigned refused = 0, kept = 0;
    for (size_t bytes = 0; bytes < 300; bytes++) {
        struct core *core = a_farm();
        struct core_event booted = {.type = EVENT_HOST_BOOTED,
                                    .booted = {.host = "h" LONG, .boot_id = "boot"}};
        assert_int_equal(step_without_list(core, &booted, T0), 0);
        struct core_actions *actions = a_list_with_room_for(bytes);
        booted.booted.boot_id = "another";
        allocations_left = 0;
        int code = core_step(core, &booted, T0, actions);
        allocations_left = FOREVER;
        kept += code == 0;
        refused += code == CORE_NO_MEMORY;
        assert_int_equal(begins_with_a_copy(core, actions), code != 0);
        core_actions_destroy(actions);
        core_destroy(core);
    }
    assert_true(refused > 0 && kept > 0);
}

static size_t gates_on(const struct core_actions *actions)
{
    size_t count, gates = 0;
    const struct action *all = core_actions_all(actions, &count);
    for (size_t i = 0; i < count; i++)
        gates += all[i].type == ACTION_GATE;
    return gates;
}

/* However full the list is when the gate closes. */
static void a_gate_that_cannot_be_told_is_told_with_the_next_step(void **state)
{
    (void)state;
    struct core_event released = {.type = EVENT_RELEASED}, timer = {.type = EVENT_TIMER};
    unsigned late = 0;
    for (int filled = 0; filled <= 16; filled++) {
        struct core *core = a_farm();
        struct core_actions *actions = core_actions_create();
        struct log_event event = {.code = LOG_store_recovered};
        for (int i = 0; i < filled; i++)
            assert_int_equal(core_actions_log(actions, &event), 0);
        allocations_left = 0;
        (void)core_step(core, &released, T0, actions);
        allocations_left = FOREVER;
        size_t at_once = gates_on(actions);
        assert_int_equal(core_step(core, &timer, T0, actions), 0);
        assert_int_equal(gates_on(actions), 1);
        late += at_once == 0;
        core_actions_destroy(actions);
        core_destroy(core);
    }
    assert_in_range(late, 1, 16);
}

static void a_list_that_was_long_gives_its_room_back(void **state)
{
    (void)state;
    static char text[9000];
    memset(text, 'x', sizeof(text) - 1);
    struct core_actions *actions = core_actions_create();
    struct log_event event = {.code = LOG_source_failed};
    size_t count;
    log_event_text(&event, "source", text);
    assert_int_equal(core_actions_log(actions, &event), 0);
    core_actions_clear(actions);
    (void)core_actions_all(actions, &count);
    assert_int_equal(count, 0);
    allocations_left = 0; /* the block of 9,000 bytes is gone */
    assert_int_equal(core_actions_log(actions, &event), CORE_NO_MEMORY);
    allocations_left = FOREVER;
    assert_int_equal(core_actions_log(actions, &event), 0);
    core_actions_destroy(actions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wherever_memory_ends),
        cmocka_unit_test(what_cannot_be_restored_whole_is_not),
        cmocka_unit_test(a_text_that_cannot_be_kept_leaves_the_change_to_the_next_step),
        cmocka_unit_test(a_boot_id_that_cannot_be_kept_comes_with_the_next_step),
        cmocka_unit_test(a_gate_that_cannot_be_told_is_told_with_the_next_step),
        cmocka_unit_test(a_list_that_was_long_gives_its_room_back),
    };
    return cmocka_run_group_tests_name("the core without memory", tests, NULL, NULL);
}
