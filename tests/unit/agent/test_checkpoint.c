/* test_checkpoint.c - what one leader leaves is what the next one goes on from. */
#include "tests/unit/unit.h"

#include "agent/farm/checkpoint.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0 INT64_C(1700000400000) /* a window's start */

static struct record_farm farm;

static int open_farm(void **state)
{
    static const uint8_t secret[SEAL_SECRET_BYTES] = {9};
    (void)state;
    return sodium_init() < 0 ? 1 : record_farm_init(&farm, "north-1", secret);
}

static struct wire_kv kv_of(const char *key, const struct record_value *value)
{
    assert_non_null(value->bytes);
    return (struct wire_kv){.key = key, .value = value->bytes, .value_bytes = value->count};
}

static const char *checkpoint_key(void)
{
    static struct record_key key;
    key = record_key(&farm, RECORD_CHECKPOINT, NULL, NULL);
    return key.text;
}

static struct checkpoint *there_and_back(const struct checkpoint *checkpoint)
{
    struct error_detail detail = {""};
    struct checkpoint *back = NULL;
    struct record_value value = checkpoint_value(&farm, checkpoint);
    struct wire_kv kv = kv_of(checkpoint_key(), &value);
    int code = checkpoint_read(&farm, &kv, &back, &detail);
    if (code < 0)
        fail_msg("%s", detail.text);
    free(value.bytes);
    return back;
}

static struct checkpoint *fresh(void)
{
    struct checkpoint *checkpoint = calloc(1, sizeof(*checkpoint));
    assert_non_null(checkpoint);
    checkpoint->n = 1;
    strcpy(checkpoint->instance, "i-1");
    strcpy(checkpoint->version, "0.7");
    strcpy(checkpoint->identity.installation_id, "inst-1");
    return checkpoint;
}

/* ---- a whole core -------------------------------------------------------------------------------------- */

static const struct core_settings settings = {
    .tally = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT},
    .host_lost_after_ms = 300000,
    .overuse_settle_ms = USAGE_SETTLE_MS,
};

static void step(struct core *core, const struct core_event *event, int64_t now_ms)
{
    struct core_actions *actions = core_actions_create();
    assert_non_null(actions);
    assert_int_equal(core_step(core, event, now_ms, actions), 0);
    core_actions_destroy(actions);
}

static void boot(struct core *core, const char *host, int64_t now_ms)
{
    struct core_event event = {.type = EVENT_HOST_BOOTED, .booted = {.host = host, .boot_id = "b1"}};
    step(core, &event, now_ms);
}

/* Two hosts, one of them silent; three windows closed, in an overuse grace. */
static struct core *busy_core(void)
{
    static const struct grant grant = {.farm_id = "farm-1",
                                       .installation_id = "inst-1",
                                       .serial = 7,
                                       .limit = 1,
                                       .issued_at_ms = T0,
                                       .expires_at_ms = T0 + 400 * DAY_MS,
                                       .refresh_by_ms = T0 + 30 * DAY_MS};
    struct core *core = core_create(&settings);
    struct core_saved saved = {.installation_id = "inst-1"};
    assert_int_equal(core_restore(core, &saved, T0), 0);
    boot(core, "rds1", T0);
    boot(core, "rds2", T0);
    step(core,
         &(struct core_event){
             .type = EVENT_ACTIVATED,
             .activated = {.farm_id = "farm-1", .installation_id = "inst-1", .grant = &grant}},
         T0);
    step(core, &(struct core_event){.type = EVENT_STARTED}, T0);
    const struct connection set[] = {
        {.host = "rds1", .id = "1", .user = "ann", .connected_at_ms = T0, .route = ROUTE_RDP},
        {.host = "rds1", .id = "2", .user = "bob", .connected_at_ms = T0, .route = ROUTE_RDP}};
    step(
        core,
        &(struct core_event){.type = EVENT_HOST_SET, .set = {.host = "rds1", .connections = set, .count = 2}},
        T0 + 5000);
    step(core, &(struct core_event){.type = EVENT_HOST_SILENT, .host = "rds2"}, T0 + 6000);
    step(core, &(struct core_event){.type = EVENT_TIMER}, T0 + 3 * WINDOW_MS + 10);
    return core;
}

static void all_of_a_core_but_its_connections_comes_back(void **state)
{
    (void)state;
    struct core *core = busy_core();
    struct checkpoint *taken = fresh();
    taken->revision = 4711;
    taken->at_ms = T0 + 3 * WINDOW_MS + 11;
    strcpy(taken->identity.farm_id, "farm-1");
    strcpy(taken->identity.farm_token, "token");
    strcpy(taken->identity.keys[0], "fgkey1.a");
    taken->identity.key_count = 1;
    strcpy(taken->entitlement, "fg1.x.y.z");
    checkpoint_take(taken, core);
    assert_int_equal(taken->standing.usage.state, USAGE_OVERUSE_GRACE);
    assert_int_equal(taken->unsent_count, 1);
    assert_int_equal(taken->unsent[0].last, 3);

    struct checkpoint *back = there_and_back(taken);
    assert_memory_equal(back, taken, sizeof(*taken));

    size_t count;
    const struct window *unsent = core_unsent(core, &count);
    struct core_saved saved = checkpoint_saved(back);
    const struct core_host hosts[] = {{"rds1", "b1", 0, false},
                                      {"rds2", "b1", back->hosts[0].silent_since_ms, back->hosts[0].lost}};
    saved.hosts = hosts;
    saved.host_count = 2;
    saved.unsent = unsent;
    saved.unsent_count = count;
    const struct roster_change on[] = {
        {.connection = {.host = "rds1", .id = "1", .user = "ann", .connected_at_ms = T0, .route = ROUTE_RDP},
         .reported_by = REPORTED_BY_HOST},
        {.connection = {.host = "rds1", .id = "2", .user = "bob", .connected_at_ms = T0, .route = ROUTE_RDP},
         .reported_by = REPORTED_BY_HOST}};
    saved.connections = on;
    saved.connection_count = 2;
    struct core *next = core_create(&settings);
    assert_int_equal(core_restore(next, &saved, back->event_ms), 0);
    step(next, &(struct core_event){.type = EVENT_TIMER}, back->event_ms);
    struct checkpoint *again = fresh();
    *again = *taken;
    checkpoint_take(again, next);
    assert_memory_equal(again, taken, sizeof(*taken));
    core_destroy(next);
    core_destroy(core);
    free(again);
    free(back);
    free(taken);
}

static void a_farm_that_never_was_comes_back(void **state)
{
    (void)state;
    struct checkpoint *taken = fresh(), *back = there_and_back(taken);
    assert_memory_equal(back, taken, sizeof(*taken));
    assert_false(back->has_running);
    assert_null(checkpoint_saved(back).farm_id);
    free(back);
    free(taken);
}

/* ---- what grows ---------------------------------------------------------------------------------------- */

static void the_largest_checkpoint_is_a_value(void **state)
{
    (void)state;
    struct checkpoint *most = fresh();
    most->host_count = CHECKPOINT_HOSTS_MAX;
    for (size_t i = 0; i < CHECKPOINT_HOSTS_MAX; i++) {
        memset(most->hosts[i].host, '"', CONNECTION_HOST_BYTES_MAX); /* two bytes in JSON */
        most->hosts[i].silent_since_ms = INT64_C(253402300799999);
        most->hosts[i].lost = true;
    }
    most->unsent_count = CHECKPOINT_SPANS_MAX;
    for (size_t i = 0; i < CHECKPOINT_SPANS_MAX; i++)
        most->unsent[i] = (struct checkpoint_span){INT64_MAX, INT64_MAX};
    most->gap_count = CHECKPOINT_GAPS_MAX;
    for (size_t i = 0; i < CHECKPOINT_GAPS_MAX; i++) {
        memset(most->gaps[i].host, '"', CONNECTION_HOST_BYTES_MAX);
        most->gaps[i].changes = INT64_MAX;
    }
    most->identity.key_count = STORE_KEYS_MAX;
    for (size_t i = 0; i < STORE_KEYS_MAX; i++)
        memset(most->identity.keys[i], 'k', STORE_KEY_BYTES_MAX - 1);
    memset(most->entitlement, 'e', STORE_ENTITLEMENT_MAX);
    struct checkpoint *back = there_and_back(most);
    assert_memory_equal(back, most, sizeof(*most));
    free(back);
    free(most);
}

static void of_too_many_silent_hosts_the_lost_ones_are_left_out(void **state)
{
    (void)state;
    struct core *core = core_create(&settings);
    struct core_saved saved = {.installation_id = "inst-1"};
    assert_int_equal(core_restore(core, &saved, T0), 0);
    for (int i = 0; i < CHECKPOINT_HOSTS_MAX + 2; i++) {
        char host[16];
        (void)snprintf(host, sizeof host, "h%05d", i);
        int64_t now_ms = i < 3 ? T0 : T0 + 600000; /* the first three are lost by then */
        boot(core, host, now_ms);
        step(core, &(struct core_event){.type = EVENT_HOST_SILENT, .host = host}, now_ms);
    }
    struct checkpoint *taken = fresh();
    checkpoint_take(taken, core);
    assert_int_equal(taken->host_count, CHECKPOINT_HOSTS_MAX);
    assert_int_equal(taken->hosts_left_out, 2);
    assert_string_equal(taken->hosts[0].host, "h00003");
    assert_string_equal(taken->hosts[CHECKPOINT_HOSTS_MAX - 1].host, "h00000");
    assert_true(taken->hosts[CHECKPOINT_HOSTS_MAX - 1].lost);
    free(taken);
    core_destroy(core);
}

static void the_last_gaps_are_kept_and_all_are_counted(void **state)
{
    (void)state;
    struct checkpoint *checkpoint = fresh();
    for (int64_t i = 1; i <= CHECKPOINT_GAPS_MAX + 3; i++)
        checkpoint_add_gap(checkpoint, &(struct checkpoint_gap){.after_revision = i});
    assert_int_equal(checkpoint->gap_count, CHECKPOINT_GAPS_MAX);
    assert_int_equal(checkpoint->gaps[0].after_revision, 4);
    assert_int_equal(checkpoint->gaps_ever, CHECKPOINT_GAPS_MAX + 3);
    free(checkpoint);
}

static void what_one_host_tells_late_is_one_gap(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        int64_t after_ms, through_ms;
        size_t gaps;
        int64_t changes; /* of the gap it is in */
    } table[] = {
        {"h1", 5000, 90000, 1, 1},
        {"h1", 4000, 90000, 1, 2},
        {"h2", 5000, 95000, 2, 1},
        {"h1", 6000, 90000 + CHECKPOINT_LATE_JOIN_MS, 2, 3},
        {"h1", 7000, 90001 + 2 * CHECKPOINT_LATE_JOIN_MS, 3, 1},
    };
    struct checkpoint *checkpoint = fresh();
    for (size_t i = 0; i < COUNT(table); i++) {
        struct checkpoint_gap late = {.after_revision = (int64_t)i,
                                      .through_revision = (int64_t)i + 1,
                                      .after_ms = table[i].after_ms,
                                      .through_ms = table[i].through_ms,
                                      .changes = 1};
        strcpy(late.host, table[i].host);
        checkpoint_add_late(checkpoint, &late);
        assert_int_equal(checkpoint->gap_count, table[i].gaps);
        assert_int_equal(checkpoint->gaps_ever, table[i].gaps);
        const struct checkpoint_gap *gap = checkpoint->gaps;
        while (gap->through_revision != (int64_t)i + 1)
            gap++;
        assert_int_equal(gap->changes, table[i].changes);
        assert_int_equal(gap->through_ms, table[i].through_ms);
    }
    assert_int_equal(checkpoint->gaps[0].after_ms, 4000);
    struct checkpoint *back = there_and_back(checkpoint);
    assert_memory_equal(back->gaps, checkpoint->gaps, sizeof checkpoint->gaps);
    free(back);
    free(checkpoint);
}

static void unsent_windows_are_known_by_their_sequence(void **state)
{
    (void)state;
    struct checkpoint *checkpoint = fresh();
    checkpoint->unsent_count = 2;
    checkpoint->unsent[0] = (struct checkpoint_span){3, 5};
    checkpoint->unsent[1] = (struct checkpoint_span){8, 8};
    static const struct {
        uint64_t sequence;
        bool unsent;
    } rows[] = {{0, false}, {2, false}, {3, true}, {5, true}, {6, false}, {8, true}, {9, false}};
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(checkpoint_is_unsent(checkpoint, rows[i].sequence), rows[i].unsent);
    free(checkpoint);
}

/* ---- other releases, and strangers --------------------------------------------------------------------- */

#define BEFORE                                                                                               \
    "\"n\":3,\"revision\":9,\"at_ms\":1,\"instance\":\"i\",\"event_ms\":1,\"clock_ms\":1,\"next_sequence\":" \
    "1,"                                                                                                     \
    "\"unsent_from_ms\":0,\"entitlement\":\"\",\"gaps_ever\":0,"
#define STANDING                                                                                           \
    "\"standing\":{\"activation\":\"none\",\"term\":\"valid\",\"contact\":\"fresh\",\"usage\":\"within\"," \
    "\"copied\":false,\"last_contact_ms\":0,\"farm_id\":\"\",\"installation_id\":\"\",\"serial\":0,"       \
    "\"status\":\"active\",\"reason\":\"\",\"limit\":0,\"purchases\":0,\"trial\":false,"                   \
    "\"expires_at_ms\":0,\"issued_at_ms\":0,\"refresh_by_ms\":0}"
#define IDENTITY                                                                                        \
    "\"identity\":{\"installation_id\":\"i\",\"machine_id\":\"\",\"farm_id\":\"\",\"farm_token\":\"\"," \
    "\"keys\":[]}"

static void other_releases_are_read_as_far_as_can_be(void **state)
{
    (void)state;
    static const struct {
        const char *text, *detail;
        int code;
    } rows[] = {
        {"{\"format\":1,\"version\":\"0.9\"," BEFORE STANDING "," IDENTITY "}", "", 0},
        {"{\"format\":1,\"version\":\"0.9\",\"colour\":{\"a\":[1]}," BEFORE STANDING "," IDENTITY "}", "", 0},
        {"{\"format\":2,\"version\":\"9.1\"}",
         "written by version 9.1: its format is 2, this program knows 1", ERROR_NEWER},
        {"{\"format\":1,\"version\":\"0.9\"," BEFORE STANDING "}", "identity: missing", ERROR_INVALID},
        {"{\"format\":1,\"version\":\"0.9\"," BEFORE
         "\"silent_hosts\":[{\"host\":\"a\\u0001\",\"silent_since_ms\":1}]," STANDING "," IDENTITY "}",
         "silent_hosts[0].host: contains a control character", ERROR_INVALID},
        {"{}", "format: missing", ERROR_INVALID},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error_detail detail = {""};
        struct checkpoint *back = NULL;
        struct record_value value = record_seal(&farm, checkpoint_key(), rows[i].text, strlen(rows[i].text));
        struct wire_kv kv = kv_of(checkpoint_key(), &value);
        int code = checkpoint_read(&farm, &kv, &back, &detail);
        if (code != rows[i].code || (code < 0 && strcmp(detail.text, rows[i].detail) != 0))
            fail_msg("row %zu: %d, %s", i, code, detail.text);
        if (code == 0)
            assert_int_equal(back->n, 3);
        free(back);
        free(value.bytes);
    }
}

static void a_strangers_checkpoint_does_not_open(void **state)
{
    (void)state;
    struct record_farm other;
    static const uint8_t secret[SEAL_SECRET_BYTES] = {1};
    assert_int_equal(record_farm_init(&other, "north-1", secret), 0);
    struct checkpoint *taken = fresh(), *back = NULL;
    struct record_value value = checkpoint_value(&other, taken);
    struct wire_kv kv = kv_of(checkpoint_key(), &value);
    struct error_detail detail;
    assert_int_equal(checkpoint_read(&farm, &kv, &back, &detail), ERROR_SIGNATURE);
    assert_null(back);
    free(value.bytes);
    free(taken);
}

/* ---- windows ------------------------------------------------------------------------------------------- */

static void a_window_comes_back_under_its_own_key_only(void **state)
{
    (void)state;
    const struct window window = {5, T0, T0 + WINDOW_MS, T0 + 3, 40, 12, 2, 7};
    struct window back;
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    struct error_detail detail;
    struct record_value value = checkpoint_window_value(&farm, "farm-1", &window);
    struct record_key key = record_window_key(&farm, T0), other = record_window_key(&farm, T0 + WINDOW_MS);
    struct wire_kv kv = kv_of(key.text, &value);
    assert_int_equal(checkpoint_window_read(&farm, &kv, farm_id, &back, &detail), 0);
    assert_memory_equal(&back, &window, sizeof(window));
    assert_string_equal(farm_id, "farm-1");
    kv.key = other.text;
    assert_int_equal(checkpoint_window_read(&farm, &kv, farm_id, &back, &detail), ERROR_SIGNATURE);
    free(value.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_a_core_but_its_connections_comes_back),
        cmocka_unit_test(a_farm_that_never_was_comes_back),
        cmocka_unit_test(the_largest_checkpoint_is_a_value),
        cmocka_unit_test(of_too_many_silent_hosts_the_lost_ones_are_left_out),
        cmocka_unit_test(the_last_gaps_are_kept_and_all_are_counted),
        cmocka_unit_test(what_one_host_tells_late_is_one_gap),
        cmocka_unit_test(unsent_windows_are_known_by_their_sequence),
        cmocka_unit_test(other_releases_are_read_as_far_as_can_be),
        cmocka_unit_test(a_strangers_checkpoint_does_not_open),
        cmocka_unit_test(a_window_comes_back_under_its_own_key_only),
    };
    return cmocka_run_group_tests(tests, open_farm, NULL);
}
