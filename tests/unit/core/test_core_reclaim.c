/* Since when connections are disconnected, and what is said of those that are so for long. */
#include "agent/core/core.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0      INT64_C(1700000400000) /* a window's start */
#define MINUTE  INT64_C(60000)
#define HOUR    INT64_C(3600000)
#define FOREVER 1000000000

/* ---- memory that ends ---------------------------------------------------------------------------------- */

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

static int allocations_left = FOREVER;

void *__wrap_malloc(size_t bytes)
{
    return allocations_left-- <= 0 ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return allocations_left-- <= 0 ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return allocations_left-- <= 0 ? NULL : __real_realloc(memory, bytes);
}

/* ---- a core, its last step, and what a host shows ------------------------------------------------------ */

struct fixture {
    struct core *core;
    struct core_actions *actions;
    struct core_settings settings;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->settings = (struct core_settings){
        .tally = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT},
        .api_lease_ms = 24 * HOUR,
        .overuse_settle_ms = USAGE_SETTLE_MS,
        .disconnected_for_ms = HOUR,
        .seed = 7,
    };
    f->core = core_create(&f->settings);
    f->actions = core_actions_create();
    *state = f;
    return f->core != NULL && f->actions != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    core_destroy(f->core);
    core_actions_destroy(f->actions);
    free(f);
    return 0;
}

static int step(struct fixture *f, const struct core_event *event, int64_t now_ms)
{
    core_actions_clear(f->actions);
    return core_step(f->core, event, now_ms, f->actions);
}

static void simple(struct fixture *f, enum core_event_type type, int64_t now_ms)
{
    struct core_event event = {.type = type};
    assert_int_equal(step(f, &event, now_ms), 0);
}

static void timer(struct fixture *f, int64_t now_ms)
{
    simple(f, EVENT_TIMER, now_ms);
}

static struct connection session(const char *id, const char *user, enum connection_state state)
{
    return (struct connection){.host = "h",
                               .id = id,
                               .user = user,
                               .connected_at_ms = T0 - 9 * HOUR,
                               .kind = KIND_DESKTOP,
                               .route = ROUTE_RDP,
                               .state = state};
}

static struct connection gone(const char *id, const char *user)
{
    return session(id, user, CONNECTION_DISCONNECTED);
}

static struct connection there(const char *id, const char *user)
{
    return session(id, user, CONNECTION_ACTIVE);
}

static void host_shows(struct fixture *f, const struct connection *sessions, size_t count, int64_t now_ms)
{
    struct core_event event = {.type = EVENT_HOST_SET,
                               .set = {.host = "h", .connections = sessions, .count = count}};
    assert_int_equal(step(f, &event, now_ms), 0);
}

static void host_shows_one(struct fixture *f, struct connection one, int64_t now_ms)
{
    host_shows(f, &one, 1, now_ms);
}

static int reconfigure(struct fixture *f, int64_t now_ms)
{
    struct core_event event = {.type = EVENT_SETTINGS, .settings = &f->settings};
    return step(f, &event, now_ms);
}

static void allow_for(struct fixture *f, int64_t disconnected_for_ms, int64_t now_ms)
{
    f->settings.disconnected_for_ms = disconnected_for_ms;
    assert_int_equal(reconfigure(f, now_ms), 0);
}

static const struct action *nth(const struct fixture *f, enum action_type type, int detail, size_t n)
{
    size_t count;
    const struct action *all = core_actions_all(f->actions, &count);
    for (size_t i = 0; i < count; i++) {
        bool fits = all[i].type == type &&
                    (type == ACTION_LOG ? (int)all[i].log.code : (int)all[i].persist.type) == detail;
        if (fits && n-- == 0)
            return &all[i];
    }
    return NULL;
}

static const struct log_event *due(const struct fixture *f, size_t n)
{
    const struct action *action = nth(f, ACTION_LOG, LOG_reclaim_due, n);
    return action != NULL ? &action->log : NULL;
}

static size_t dues(const struct fixture *f)
{
    size_t count = 0;
    while (due(f, count) != NULL)
        count++;
    return count;
}

static const char *session_of(const struct log_event *event)
{
    assert_string_equal(event->fields[2].name, "session");
    return event->fields[2].text;
}

static int64_t since(const struct fixture *f, const char *id)
{
    struct tally_entry entry;
    assert_true(tally_find(core_tally(f->core), "h", id, &entry));
    return core_disconnected_since_ms(f->core, entry.number);
}

static int64_t stored_since(const struct fixture *f, size_t n)
{
    const struct action *action = nth(f, ACTION_PERSIST, PERSIST_CONNECTION, n);
    assert_non_null(action);
    return action->persist.connection.disconnected_at_ms;
}

/* ---- since when ---------------------------------------------------------------------------------------- */

static void since_when_is_known_shown_and_stored(void **state)
{
    struct fixture *f = *state;
    host_shows_one(f, there("1", "alice"), T0);
    assert_int_equal(since(f, "1"), 0);
    assert_int_equal(stored_since(f, 0), 0);
    host_shows_one(f, gone("1", "alice"), T0 + MINUTE);
    assert_int_equal(since(f, "1"), T0 + MINUTE);
    assert_int_equal(stored_since(f, 0), T0 + MINUTE);
    host_shows_one(f, gone("1", "alice"), T0 + 5 * MINUTE);
    assert_int_equal(since(f, "1"), T0 + MINUTE);
    struct connection promoted = gone("1", "alice");
    promoted.kind = KIND_APPLICATION;
    host_shows_one(f, promoted, T0 + 6 * MINUTE); /* whatever else changes */
    assert_int_equal(since(f, "1"), T0 + MINUTE);
    assert_int_equal(stored_since(f, 0), T0 + MINUTE);
    host_shows_one(f, there("1", "alice"), T0 + 7 * MINUTE);
    assert_int_equal(since(f, "1"), 0);
    assert_int_equal(stored_since(f, 0), 0);
}

static void another_user_of_the_id_has_another_age(void **state)
{
    struct fixture *f = *state;
    host_shows_one(f, gone("1", "alice"), T0);
    host_shows_one(f, gone("1", "bob"), T0 + MINUTE);
    assert_int_equal(since(f, "1"), T0 + MINUTE);
}

static void a_whole_copy_has_it_too(void **state)
{
    struct fixture *f = *state;
    host_shows_one(f, gone("1", "alice"), T0);
    core_actions_clear(f->actions);
    assert_int_equal(core_snapshot(f->core, f->actions), 0);
    assert_int_equal(stored_since(f, 0), T0);
}

static void a_session_keeps_its_age_when_it_gets_its_hosts_id(void **state)
{
    struct fixture *f = *state;
    struct connection told = gone("broker-7", "alice");
    struct core_event put = {.type = EVENT_BROKER_PUT, .put = told};
    assert_int_equal(step(f, &put, T0), 0);
    host_shows_one(f, gone("1", "alice"), T0 + MINUTE);
    assert_int_equal(since(f, "1"), T0);
    assert_int_equal(stored_since(f, 0), T0);
    host_shows_one(f, there("1", "alice"), T0 + 2 * MINUTE);
    assert_int_equal(since(f, "1"), 0);
}

/* A broker's session is active, the host's disconnected: the host knows better, from now on. */
static void a_session_that_only_its_host_sees_disconnected_is_so_from_then_on(void **state)
{
    struct fixture *f = *state;
    struct core_event put = {.type = EVENT_BROKER_PUT, .put = there("broker-7", "alice")};
    assert_int_equal(step(f, &put, T0), 0);
    host_shows_one(f, gone("1", "alice"), T0 + MINUTE);
    assert_int_equal(since(f, "1"), T0 + MINUTE);
}

static void time_that_is_set_back_leaves_none_in_the_future(void **state)
{
    struct fixture *f = *state;
    const struct connection both[] = {gone("1", "alice"), gone("2", "bob")};
    simple(f, EVENT_STARTED, T0);
    host_shows(f, both, 1, T0);
    host_shows(f, both, 2, T0 + 40 * MINUTE);
    timer(f, T0 + 20 * MINUTE);
    assert_int_equal(since(f, "1"), T0);
    assert_int_equal(since(f, "2"), T0 + 20 * MINUTE);
    assert_null(nth(f, ACTION_PERSIST, PERSIST_CONNECTION, 1)); /* only what has changed is stored */
    assert_int_equal(stored_since(f, 0), T0 + 20 * MINUTE);
    timer(f, T0 + HOUR);
    assert_string_equal(session_of(due(f, 0)), "1");
    timer(f, T0 + 80 * MINUTE);
    assert_string_equal(session_of(due(f, 0)), "2");
}

/* What had passed waits again, and is due now: not at an instant that lies behind. */
static void nothing_falls_due_in_the_past(void **state)
{
    struct fixture *f = *state;
    struct connection root = gone("1", "root");
    root.administrator = ADMINISTRATOR_YES;
    simple(f, EVENT_STARTED, T0);
    host_shows_one(f, root, T0);
    timer(f, T0 + 2 * HOUR);
    host_shows_one(f, root, T0 + HOUR + 30 * MINUTE);
    assert_int_equal(core_due_ms(f->core), T0 + HOUR + 30 * MINUTE);
    timer(f, T0 + HOUR + 30 * MINUTE);
    assert_true(core_due_ms(f->core) > T0 + HOUR + 30 * MINUTE);
}

static void activate(struct fixture *f, int64_t issued_at_ms, int64_t now_ms)
{
    struct grant grant = {.serial = 1, .limit = 9, .issued_at_ms = issued_at_ms};
    strcpy(grant.farm_id, "farm");
    strcpy(grant.installation_id, "inst");
    struct core_event event = {.type = EVENT_ACTIVATED,
                               .activated = {.farm_id = "farm", .installation_id = "inst", .grant = &grant}};
    assert_int_equal(step(f, &event, now_ms), 0);
}

/* The host believed in a time that was years ago; nobody must be thrown out because it learns better. */
static void a_clock_that_is_put_right_makes_nobody_older(void **state)
{
    struct fixture *f = *state;
    const int64_t years = 6 * 365 * DAY_MS;
    simple(f, EVENT_STARTED, T0);
    host_shows_one(f, gone("1", "alice"), T0);
    activate(f, T0 + 10 * MINUTE + years, T0 + 10 * MINUTE);
    assert_int_equal(dues(f), 0);
    assert_int_equal(since(f, "1"), T0 + years);
    assert_int_equal(stored_since(f, 0), T0 + years);
    timer(f, T0 + years + HOUR - 1);
    assert_int_equal(dues(f), 0);
    timer(f, T0 + years + HOUR);
    assert_int_equal(dues(f), 1);
}

static void a_clock_that_was_ahead_keeps_the_ages_too(void **state)
{
    struct fixture *f = *state;
    simple(f, EVENT_STARTED, T0);
    host_shows_one(f, gone("1", "alice"), T0);
    activate(f, T0 - 30 * DAY_MS, T0 + 10 * MINUTE);
    assert_int_equal(since(f, "1"), T0 - 30 * DAY_MS - 10 * MINUTE);
    timer(f, T0 - 30 * DAY_MS + 50 * MINUTE);
    assert_int_equal(dues(f), 1);
}

static void what_is_too_little_to_be_said_is_time_that_passes(void **state)
{
    struct fixture *f = *state;
    simple(f, EVENT_STARTED, T0);
    host_shows_one(f, gone("1", "alice"), T0);
    activate(f, T0 + CORE_CLOCK_SAID_MS - 1, T0);
    assert_int_equal(since(f, "1"), T0);
    timer(f, T0 + HOUR);
    assert_int_equal(dues(f), 1);
}

/* ---- those that are so for long ------------------------------------------------------------------------ */

static void it_is_said_when_the_time_has_come(void **state)
{
    struct fixture *f = *state;
    simple(f, EVENT_STARTED, T0);
    host_shows_one(f, gone("1", "alice"), T0 + 1);
    assert_in_range(core_due_ms(f->core), T0 + 2, T0 + 1 + HOUR);
    timer(f, T0 + HOUR);
    assert_int_equal(dues(f), 0);
    assert_int_equal(core_due_ms(f->core), T0 + HOUR + 1);
    timer(f, T0 + HOUR + 1);
    assert_int_equal(dues(f), 1);
    const struct log_event *event = due(f, 0);
    assert_int_equal(event->at_ms, T0 + HOUR + 1);
    assert_int_equal(event->field_count, 4);
    assert_string_equal(event->fields[0].text, "alice");
    assert_string_equal(event->fields[1].text, "h");
    assert_string_equal(event->fields[2].text, "1");
    assert_string_equal(event->fields[3].name, "disconnected_at");
    assert_int_equal(event->fields[3].number, T0 + 1);
}

static void it_is_said_once_until_the_user_has_come_back(void **state)
{
    struct fixture *f = *state;
    simple(f, EVENT_STARTED, T0);
    host_shows_one(f, gone("1", "alice"), T0);
    timer(f, T0 + HOUR);
    assert_int_equal(dues(f), 1);
    timer(f, T0 + 9 * HOUR);
    assert_int_equal(dues(f), 0);
    host_shows_one(f, there("1", "alice"), T0 + 10 * HOUR);
    host_shows_one(f, gone("1", "alice"), T0 + 11 * HOUR);
    timer(f, T0 + 12 * HOUR);
    assert_int_equal(dues(f), 1);
}

static void to_come_back_in_time_cancels_it(void **state)
{
    struct fixture *f = *state;
    simple(f, EVENT_STARTED, T0);
    host_shows_one(f, gone("1", "alice"), T0);
    host_shows_one(f, there("1", "alice"), T0 + HOUR); /* at the very instant: sessions come first */
    assert_int_equal(dues(f), 0);
    timer(f, T0 + 2 * HOUR);
    assert_int_equal(dues(f), 0);
}

static void off_is_never(void **state)
{
    struct fixture *f = *state;
    allow_for(f, 0, T0);
    simple(f, EVENT_STARTED, T0);
    host_shows_one(f, gone("1", "alice"), T0);
    timer(f, T0 + 1000 * HOUR);
    assert_int_equal(dues(f), 0);
}

static void whose_session_is_never_said(void **state)
{
    struct fixture *f = *state;
    struct connection all[] = {gone("1", "alice"), gone("2", "root"), gone("3", "perhaps-root"),
                               gone("4", "console"), there("5", "bob")};
    all[1].administrator = ADMINISTRATOR_YES;
    all[2].administrator = ADMINISTRATOR_UNKNOWN;
    all[3].route = ROUTE_CONSOLE;
    simple(f, EVENT_STARTED, T0);
    host_shows(f, all, COUNT(all), T0);
    struct core_event put = {.type = EVENT_BROKER_PUT, .put = gone("6", "a broker's alone")};
    assert_int_equal(step(f, &put, T0), 0);
    timer(f, T0 + HOUR);
    assert_int_equal(dues(f), 1);
    assert_string_equal(session_of(due(f, 0)), "1");
    timer(f, T0 + 20 * HOUR);
    assert_int_equal(dues(f), 0);
}

/* Even the third desktop of administrators, which consumes. */
static void an_administrators_never_though_it_consumes(void **state)
{
    struct fixture *f = *state;
    struct connection all[] = {gone("1", "root"), gone("2", "admin"), gone("3", "chief")};
    for (size_t i = 0; i < COUNT(all); i++)
        all[i].administrator = ADMINISTRATOR_YES;
    simple(f, EVENT_STARTED, T0);
    host_shows(f, all, COUNT(all), T0);
    assert_int_equal(tally_level(core_tally(f->core))->consuming, 1);
    timer(f, T0 + HOUR);
    assert_int_equal(dues(f), 0);
}

static void what_does_not_consume_while_disconnected_is_left_alone(void **state)
{
    struct fixture *f = *state;
    f->settings.tally.count_disconnected = false;
    assert_int_equal(reconfigure(f, T0), 0);
    simple(f, EVENT_STARTED, T0);
    host_shows_one(f, gone("1", "alice"), T0);
    timer(f, T0 + HOUR);
    assert_int_equal(dues(f), 0);
    f->settings.tally.count_disconnected = true;
    assert_int_equal(reconfigure(f, T0 + 2 * HOUR), 0);
    assert_int_equal(dues(f), 1); /* now it would save something, and the time has come */
}

static void it_is_said_as_soon_as_it_may_be(void **state)
{
    struct fixture *f = *state;
    struct connection unknown = gone("1", "alice");
    unknown.administrator = ADMINISTRATOR_UNKNOWN;
    simple(f, EVENT_STARTED, T0);
    host_shows_one(f, unknown, T0);
    timer(f, T0 + HOUR);
    assert_int_equal(dues(f), 0);
    host_shows_one(f, gone("1", "alice"), T0 + 2 * HOUR);
    assert_int_equal(dues(f), 1);
    host_shows_one(f, unknown, T0 + 3 * HOUR);
    host_shows_one(f, gone("1", "alice"), T0 + 4 * HOUR);
    assert_int_equal(dues(f), 0);
}

static void a_brokers_record_is_said_once_its_host_sees_it(void **state)
{
    struct fixture *f = *state;
    struct core_event put = {.type = EVENT_BROKER_PUT, .put = gone("1", "alice")};
    simple(f, EVENT_STARTED, T0);
    assert_int_equal(step(f, &put, T0), 0);
    timer(f, T0 + HOUR);
    assert_int_equal(dues(f), 0);
    host_shows_one(f, gone("1", "alice"), T0 + 2 * HOUR);
    assert_int_equal(dues(f), 1);
}

/* ---- settings ------------------------------------------------------------------------------------------ */

static void another_time_holds_at_once(void **state)
{
    struct fixture *f = *state;
    simple(f, EVENT_STARTED, T0);
    host_shows_one(f, gone("1", "alice"), T0);
    allow_for(f, 3 * HOUR, T0 + MINUTE);
    timer(f, T0 + 2 * HOUR);
    assert_int_equal(dues(f), 0);
    allow_for(f, HOUR, T0 + 2 * HOUR);
    assert_int_equal(dues(f), 1);
    assert_int_equal(due(f, 0)->at_ms, T0 + 2 * HOUR);
    allow_for(f, 5 * HOUR, T0 + 3 * HOUR); /* what was said is not said again */
    timer(f, T0 + 5 * HOUR);
    assert_int_equal(dues(f), 0);
}

/* ---- order --------------------------------------------------------------------------------------------- */

static void after_a_pause_each_is_said_at_its_own_instant(void **state)
{
    struct fixture *f = *state;
    const struct connection all[] = {gone("1", "alice"), gone("2", "bob"), gone("3", "carol"),
                                     gone("4", "dave")};
    simple(f, EVENT_STARTED, T0);
    for (size_t i = 1; i <= 3; i++)
        host_shows(f, all, i, T0 + (int64_t)i * 25 * MINUTE);
    host_shows(f, all, 4, T0 + 75 * MINUTE); /* together with the third, and told after it */
    timer(f, T0 + 50 * HOUR);
    assert_int_equal(dues(f), 4);
    for (size_t i = 0; i < 4; i++) {
        int64_t since_ms = T0 + (i == 3 ? 3 : (int64_t)i + 1) * 25 * MINUTE;
        assert_string_equal(session_of(due(f, i)), all[i].id);
        assert_int_equal(due(f, i)->at_ms, since_ms + HOUR);
        assert_int_equal(due(f, i)->fields[3].number, since_ms);
    }
}

/* At one instant: a lease, what is reclaimed, a machine's timer. */
static void it_stands_between_leases_and_machines(void **state)
{
    struct fixture *f = *state;
    struct core_event put = {.type = EVENT_BROKER_PUT, .put = there("7", "bob")};
    struct grant grant = {.serial = 1, .limit = 9, .issued_at_ms = T0, .refresh_by_ms = T0 + 24 * HOUR};
    strcpy(grant.farm_id, "farm");
    strcpy(grant.installation_id, "inst");
    struct core_event activated = {
        .type = EVENT_ACTIVATED,
        .activated = {.farm_id = "farm", .installation_id = "inst", .grant = &grant}};
    allow_for(f, 24 * HOUR, T0);
    simple(f, EVENT_STARTED, T0);
    assert_int_equal(step(f, &activated, T0), 0);
    assert_int_equal(step(f, &put, T0), 0);
    host_shows_one(f, gone("1", "alice"), T0);
    timer(f, T0 + 24 * HOUR);
    size_t count, said = 0;
    const enum log_event_code wanted[] = {LOG_connection_ended, LOG_reclaim_due, LOG_contact_stale};
    const struct action *all = core_actions_all(f->actions, &count);
    for (size_t i = 0; i < count && said < COUNT(wanted); i++)
        said += all[i].type == ACTION_LOG && all[i].log.code == wanted[said];
    assert_int_equal(said, COUNT(wanted));
}

/* ---- what a hook did ----------------------------------------------------------------------------------- */

static int reclaimed(struct fixture *f, const char *id, const char *failure)
{
    struct core_event event = {.type = EVENT_RECLAIMED,
                               .reclaimed = {.host = "h", .id = id, .user = "alice", .failure = failure}};
    return step(f, &event, T0);
}

static void what_a_hook_did_is_said(void **state)
{
    struct fixture *f = *state;
    char text[256];
    assert_int_equal(reclaimed(f, "1", NULL), 0);
    const struct action *action = nth(f, ACTION_LOG, LOG_session_reclaimed, 0);
    assert_non_null(action);
    log_event_sentence(&action->log, text, sizeof(text));
    assert_string_equal(text, "the disconnected session of alice on h (1) was ended");
    assert_int_equal(reclaimed(f, "1", "Access denied"), 0);
    action = nth(f, ACTION_LOG, LOG_reclaim_failed, 0);
    assert_non_null(action);
    log_event_sentence(&action->log, text, sizeof(text));
    assert_string_equal(text, "the disconnected session of alice on h (1) could not be ended: Access denied");
}

static void what_cannot_be_said_is_refused(void **state)
{
    struct fixture *f = *state;
    char long_text[CORE_FAILURE_BYTES_MAX + 2];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    assert_int_equal(reclaimed(f, "", NULL), CORE_INVALID);
    assert_int_equal(reclaimed(f, "1", ""), CORE_INVALID);
    assert_int_equal(reclaimed(f, "1", "two\nlines"), CORE_INVALID);
    assert_int_equal(reclaimed(f, "1", long_text), CORE_INVALID);
    assert_int_equal(reclaimed(f, "1", long_text + 1), 0);
}

/* ---- over a restart ------------------------------------------------------------------------------------ */

static struct roster_change stored(const struct connection *connection, int64_t disconnected_at_ms)
{
    return (struct roster_change){.connection = *connection,
                                  .reported_by = REPORTED_BY_HOST,
                                  .broker_id = "",
                                  .disconnected_at_ms = disconnected_at_ms};
}

static void restore(struct fixture *f, const struct roster_change *connections, size_t count, int64_t now_ms)
{
    struct core_saved saved = {.connections = connections, .connection_count = count};
    assert_int_equal(core_restore(f->core, &saved, now_ms), 0);
}

static void after_a_restart_the_age_goes_on(void **state)
{
    struct fixture *f = *state;
    const struct connection both[] = {gone("1", "alice"), gone("2", "bob")};
    const struct roster_change rows[] = {stored(&both[0], T0 - 10 * MINUTE), stored(&both[1], T0 - 3 * HOUR)};
    restore(f, rows, 2, T0);
    host_shows(f, both, 2, T0);
    assert_int_equal(since(f, "1"), T0 - 10 * MINUTE);
    timer(f, T0 + MINUTE); /* a source may still tell that somebody has come back */
    assert_int_equal(dues(f), 0);
    simple(f, EVENT_STARTED, T0 + 2 * MINUTE);
    assert_int_equal(dues(f), 1);
    assert_string_equal(session_of(due(f, 0)), "2");
    assert_int_equal(due(f, 0)->at_ms, T0 + 2 * MINUTE);
    timer(f, T0 + 50 * MINUTE);
    assert_int_equal(dues(f), 1);
    assert_string_equal(session_of(due(f, 0)), "1");
}

static void who_came_back_meanwhile_is_not_said(void **state)
{
    struct fixture *f = *state;
    const struct connection was = gone("1", "alice");
    const struct roster_change row = stored(&was, T0 - 3 * HOUR);
    restore(f, &row, 1, T0);
    host_shows_one(f, there("1", "alice"), T0);
    simple(f, EVENT_STARTED, T0);
    assert_int_equal(dues(f), 0);
}

static void what_was_stored_in_the_future_or_not_at_all_is_so_since_now(void **state)
{
    struct fixture *f = *state;
    const struct connection both[] = {gone("1", "alice"), gone("2", "bob")};
    const struct roster_change rows[] = {stored(&both[0], T0 + HOUR), stored(&both[1], 0)};
    restore(f, rows, 2, T0);
    assert_int_equal(since(f, "1"), T0);
    assert_int_equal(since(f, "2"), T0);
    timer(f, T0 + MINUTE); /* and stored so */
    assert_int_equal(stored_since(f, 0), T0);
    assert_int_equal(stored_since(f, 1), T0);
}

static void many_are_restored_in_the_order_of_since(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 5000 };
    static struct roster_change rows[MANY];
    static char ids[MANY][8];
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "%d", i);
        struct connection one = gone(ids[i], ids[i]);
        if (i % 10 == 0)
            one.state = CONNECTION_ACTIVE;
        rows[i] = stored(&one, i % 10 == 0 ? 0 : T0 - (i * 7919 % MANY));
    }
    restore(f, rows, MANY, T0);
    simple(f, EVENT_STARTED, T0);
    timer(f, T0 + HOUR);
    assert_int_equal(dues(f), MANY - MANY / 10);
    size_t count;
    int64_t before_ms = 0;
    const struct action *all = core_actions_all(f->actions, &count);
    for (size_t i = 0; i < count; i++) {
        if (all[i].type != ACTION_LOG || all[i].log.code != LOG_reclaim_due)
            continue;
        assert_true(all[i].log.fields[3].number >= before_ms);
        before_ms = all[i].log.fields[3].number;
    }
}

/* ---- no memory ----------------------------------------------------------------------------------------- */

/* Wherever memory ends, the connection counts, and told again it has its age; what the step could not put on
 * its list comes with the next. */
static void without_memory_only_the_age_is_not_known(void **state)
{
    bool done = false, lost = false;
    (void)state;
    for (int allocations = 0; !done; allocations++) {
        void *fixture;
        assert_int_equal(set_up(&fixture), 0);
        struct fixture *f = fixture;
        const struct connection one = gone("1", "alice");
        struct core_event event = {.type = EVENT_HOST_SET,
                                   .set = {.host = "h", .connections = &one, .count = 1}};
        host_shows_one(f, there("1", "alice"), T0);
        allocations_left = allocations;
        int code = step(f, &event, T0 + MINUTE);
        done = allocations_left > 0;
        allocations_left = FOREVER;
        bool changed = tally_level(core_tally(f->core))->disconnected == 1;
        assert_int_equal(tally_level(core_tally(f->core))->concurrent_users, 1);
        lost |= changed && since(f, "1") == 0;
        if (code == 0 && since(f, "1") == 0)
            assert_int_equal(stored_since(f, 0), 0);
        struct connection application = one;
        application.kind = KIND_APPLICATION;
        host_shows_one(f, application, T0 + 2 * MINUTE);
        assert_in_range(since(f, "1"), T0 + MINUTE, T0 + 2 * MINUTE);
        assert_int_equal(tear_down(&fixture), 0);
    }
    assert_true(lost);
}

static void without_memory_nothing_is_restored(void **state)
{
    bool restored = false, refused = false;
    const struct connection one = gone("1", "alice");
    const struct roster_change row = stored(&one, T0 - HOUR);
    struct core_saved saved = {.connections = &row, .connection_count = 1};
    (void)state;
    for (int allocations = 0; !restored; allocations++) {
        void *fixture;
        assert_int_equal(set_up(&fixture), 0);
        struct fixture *f = fixture;
        allocations_left = allocations;
        int code = core_restore(f->core, &saved, T0);
        restored = allocations_left > 0;
        allocations_left = FOREVER;
        refused |= code == CORE_NO_MEMORY;
        assert_true(code == 0 || code == CORE_NO_MEMORY);
        assert_int_equal(tear_down(&fixture), 0);
    }
    assert_true(refused);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(since_when_is_known_shown_and_stored),
        TEST(another_user_of_the_id_has_another_age),
        TEST(a_whole_copy_has_it_too),
        TEST(a_session_keeps_its_age_when_it_gets_its_hosts_id),
        TEST(a_session_that_only_its_host_sees_disconnected_is_so_from_then_on),
        TEST(time_that_is_set_back_leaves_none_in_the_future),
        TEST(nothing_falls_due_in_the_past),
        TEST(a_clock_that_is_put_right_makes_nobody_older),
        TEST(a_clock_that_was_ahead_keeps_the_ages_too),
        TEST(what_is_too_little_to_be_said_is_time_that_passes),
        TEST(it_is_said_when_the_time_has_come),
        TEST(it_is_said_once_until_the_user_has_come_back),
        TEST(to_come_back_in_time_cancels_it),
        TEST(off_is_never),
        TEST(whose_session_is_never_said),
        TEST(an_administrators_never_though_it_consumes),
        TEST(what_does_not_consume_while_disconnected_is_left_alone),
        TEST(it_is_said_as_soon_as_it_may_be),
        TEST(a_brokers_record_is_said_once_its_host_sees_it),
        TEST(another_time_holds_at_once),
        TEST(after_a_pause_each_is_said_at_its_own_instant),
        TEST(it_stands_between_leases_and_machines),
        TEST(what_a_hook_did_is_said),
        TEST(what_cannot_be_said_is_refused),
        TEST(after_a_restart_the_age_goes_on),
        TEST(who_came_back_meanwhile_is_not_said),
        TEST(what_was_stored_in_the_future_or_not_at_all_is_so_since_now),
        TEST(many_are_restored_in_the_order_of_since),
        cmocka_unit_test(without_memory_only_the_age_is_not_known),
        cmocka_unit_test(without_memory_nothing_is_restored),
    };
    return cmocka_run_group_tests_name("reclaim", tests, NULL, NULL);
}
