/* The one decision maker: events and instants in, actions out (RULES §2 to §4). */
#include "agent/core/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

/* ---- a core and the actions of its last step ----------------------------------------------------------- */

struct fixture {
    struct core *core;
    struct core_actions *actions;
};

static const struct core_settings settings = {
    .tally = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT},
    .api_lease_ms = 24 * HOUR,
    .overuse_settle_ms = USAGE_SETTLE_MS,
    .seed = 7,
};

static void open_fixture(struct fixture *f)
{
    f->core = core_create(&settings);
    f->actions = core_actions_create();
    assert_non_null(f->core);
    assert_non_null(f->actions);
}

static void close_fixture(struct fixture *f)
{
    core_destroy(f->core);
    core_actions_destroy(f->actions);
}

static int step(struct fixture *f, const struct core_event *event, int64_t now_ms)
{
    core_actions_clear(f->actions);
    return core_step(f->core, event, now_ms, f->actions);
}

static int simple(struct fixture *f, enum core_event_type type, int64_t now_ms)
{
    struct core_event event = {.type = type};
    return step(f, &event, now_ms);
}

static struct connection connection(const char *id, const char *user)
{
    return (struct connection){
        .host = "h", .id = id, .user = user, .kind = KIND_DESKTOP, .route = ROUTE_BROKER};
}

static int put(struct fixture *f, const char *id, const char *user, int64_t now_ms)
{
    struct core_event event = {.type = EVENT_BROKER_PUT, .put = connection(id, user)};
    return step(f, &event, now_ms);
}

static int end(struct fixture *f, const char *id, int64_t now_ms)
{
    struct core_event event = {.type = EVENT_BROKER_END, .end = {.host = "h", .id = id}};
    return step(f, &event, now_ms);
}

static struct grant grant_of(const char *farm, uint64_t serial, uint32_t limit, int64_t issued_at_ms)
{
    struct grant grant = {.serial = serial, .limit = limit, .issued_at_ms = issued_at_ms};
    strcpy(grant.farm_id, farm);
    strcpy(grant.installation_id, "inst");
    return grant;
}

static int activate(struct fixture *f, const struct grant *grant, int64_t now_ms)
{
    struct core_event event = {
        .type = EVENT_ACTIVATED,
        .activated = {.farm_id = grant->farm_id, .installation_id = "inst", .grant = grant}};
    return step(f, &event, now_ms);
}

static int entitle(struct fixture *f, const struct grant *grant, int64_t now_ms)
{
    struct core_event event = {.type = EVENT_ENTITLEMENT, .grant = grant};
    return step(f, &event, now_ms);
}

static struct core_status status_of(const struct fixture *f)
{
    struct core_status status;
    core_status(f->core, &status);
    return status;
}

static const struct action *nth(const struct fixture *f, enum action_type type, int detail, size_t n)
{
    size_t count;
    const struct action *all = core_actions_all(f->actions, &count);
    for (size_t i = 0; i < count; i++) {
        if (all[i].type != type || (type == ACTION_PERSIST && (int)all[i].persist.type != detail) ||
            (type == ACTION_LOG && (int)all[i].log.code != detail))
            continue;
        if (n-- == 0)
            return &all[i];
    }
    return NULL;
}

static size_t persists(const struct fixture *f, enum persist_type type)
{
    size_t count = 0;
    while (nth(f, ACTION_PERSIST, (int)type, count) != NULL)
        count++;
    return count;
}

static size_t says(const struct fixture *f, enum log_event_code code)
{
    size_t count = 0;
    while (nth(f, ACTION_LOG, (int)code, count) != NULL)
        count++;
    return count;
}

static bool does(const struct fixture *f, enum action_type type)
{
    return nth(f, type, 0, 0) != NULL;
}

static const struct window *closed_window(const struct fixture *f, size_t n)
{
    const struct action *action = nth(f, ACTION_PERSIST, PERSIST_WINDOW, n);
    assert_non_null(action);
    return &action->persist.window;
}

/* ---- the gate ------------------------------------------------------------------------------------------ */

static void the_gate_is_told_once_at_start_and_when_it_moves(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    assert_int_equal(put(&f, "1", "alice", T0), 0);
    assert_false(does(&f, ACTION_GATE));
    assert_int_equal(simple(&f, EVENT_STARTED, T0), 0);
    assert_true(does(&f, ACTION_GATE));
    assert_int_equal(says(&f, LOG_gate_closed), 1);
    assert_int_equal(status_of(&f).verdict.reason, VERDICT_NOT_ACTIVATED);
    assert_int_equal(put(&f, "2", "bob", T0 + 1), 0);
    assert_false(does(&f, ACTION_GATE));
    struct grant grant = grant_of("farm", 1, 10, T0 + 2);
    assert_int_equal(activate(&f, &grant, T0 + 2), 0);
    assert_true(does(&f, ACTION_GATE));
    assert_int_equal(says(&f, LOG_gate_opened), 1);
    assert_int_equal(says(&f, LOG_farm_activated), 1);
    assert_int_equal(persists(&f, PERSIST_STANDING), 1);
    assert_true(status_of(&f).verdict.open);
    close_fixture(&f);
}

static void the_authority_deactivates_and_only_an_activation_opens(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    simple(&f, EVENT_STARTED, T0);
    struct grant grant = grant_of("farm", 1, 10, T0);
    activate(&f, &grant, T0);
    grant.serial = 2;
    grant.status = GRANT_DEACTIVATED;
    strcpy(grant.reason, "deactivated by administrator");
    assert_int_equal(entitle(&f, &grant, T0 + 1), 0);
    assert_true(does(&f, ACTION_GATE));
    assert_int_equal(says(&f, LOG_farm_deactivated), 1);
    assert_int_equal(says(&f, LOG_gate_closed), 1);
    assert_int_equal(status_of(&f).verdict.reason, VERDICT_REVOKED);
    assert_true(status_of(&f).next_report_ms < INT64_MAX); /* revoked farms still deliver windows */
    grant.serial = 3;
    grant.status = GRANT_ACTIVE;
    assert_int_equal(entitle(&f, &grant, T0 + 2), 0);
    assert_false(status_of(&f).verdict.open);
    grant.serial = 4;
    assert_int_equal(activate(&f, &grant, T0 + 3), 0);
    assert_int_equal(says(&f, LOG_farm_reactivated), 1);
    assert_int_equal(says(&f, LOG_gate_opened), 1);
    assert_true(status_of(&f).verdict.open);
    close_fixture(&f);
}

static void a_copied_image_is_closed_until_it_is_activated(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    simple(&f, EVENT_STARTED, T0);
    struct grant grant = grant_of("farm", 1, 10, T0);
    activate(&f, &grant, T0);
    assert_int_equal(simple(&f, EVENT_COPIED, T0 + 1), 0);
    assert_int_equal(status_of(&f).verdict.reason, VERDICT_COPIED);
    assert_int_equal(status_of(&f).next_report_ms, INT64_MAX);
    assert_null(status_of(&f).farm_id);
    assert_int_equal(entitle(&f, &grant, T0 + 2), CORE_NOT_ACTIVE);
    struct grant another = grant_of("farm2", 1, 10, T0);
    assert_int_equal(activate(&f, &another, T0 + 3), 0);
    assert_true(status_of(&f).verdict.open);
    assert_string_equal(status_of(&f).farm_id, "farm2");
    close_fixture(&f);
}

/* ---- entitlements -------------------------------------------------------------------------------------- */

static void what_is_not_ours_or_outdated_changes_nothing(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    simple(&f, EVENT_STARTED, T0);
    struct grant grant = grant_of("farm", 5, 10, T0);
    assert_int_equal(entitle(&f, &grant, T0), CORE_NOT_ACTIVE);
    assert_int_equal(says(&f, LOG_entitlement_refused), 1);
    activate(&f, &grant, T0);
    const struct {
        const char *farm;
        uint64_t serial;
        int64_t issued_at_ms;
        int code;
    } rows[] = {{"other", 9, T0 + 9, CORE_NOT_OURS},
                {"farm", 4, T0 + 9, CORE_OUTDATED},
                {"farm", 6, T0 - 1, CORE_OUTDATED}};
    for (size_t i = 0; i < 3; i++) {
        struct grant wrong = grant_of(rows[i].farm, rows[i].serial, 0, rows[i].issued_at_ms);
        wrong.status = GRANT_DEACTIVATED;
        assert_int_equal(entitle(&f, &wrong, T0 + 10), rows[i].code);
        assert_false(does(&f, ACTION_CLOCK));
        assert_int_equal(persists(&f, PERSIST_STANDING), 0);
        assert_int_equal(says(&f, LOG_entitlement_refused), 1);
        assert_true(status_of(&f).verdict.open);
        assert_int_equal(status_of(&f).standing.grant.limit, 10);
    }
    close_fixture(&f);
}

static void licence_time_is_corrected_and_events_never_go_back(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    simple(&f, EVENT_STARTED, T0);
    struct grant grant = grant_of("farm", 1, 10, T0 - HOUR);
    assert_int_equal(activate(&f, &grant, T0 + 5 * MINUTE), 0);
    const struct action *clock = nth(&f, ACTION_CLOCK, 0, 0);
    assert_non_null(clock);
    assert_int_equal(clock->clock_ms, T0 - HOUR);
    /* the running window is not left, and reports go by the corrected time */
    assert_int_equal(put(&f, "1", "alice", T0 - HOUR + 1), 0);
    assert_int_equal(status_of(&f).window.start_ms, T0);
    assert_int_equal(status_of(&f).window.peak_at_ms, T0 + 5 * MINUTE);
    assert_true(status_of(&f).next_report_ms <= T0 - HOUR + 1 + WINDOW_MS);
    /* forward again: what ended meanwhile is closed */
    grant.issued_at_ms = T0 + WINDOW_MS + 1;
    grant.serial = 2;
    assert_int_equal(entitle(&f, &grant, T0 - HOUR + 2), 0);
    assert_int_equal(persists(&f, PERSIST_WINDOW), 1);
    assert_int_equal(status_of(&f).standing.last_contact_ms, T0 + WINDOW_MS + 1);
    close_fixture(&f);
}

static void crossing_the_limit_is_noticed_and_closes_nothing(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    simple(&f, EVENT_STARTED, T0);
    put(&f, "1", "alice", T0);
    put(&f, "2", "bob", T0);
    struct grant grant = grant_of("farm", 1, 1, T0);
    activate(&f, &grant, T0); /* a limit applies when it arrives (RULES §3.9) */
    assert_int_equal(says(&f, LOG_limit_exceeded), 1);
    assert_int_equal(status_of(&f).standing.usage.state, USAGE_SETTLING);
    assert_true(status_of(&f).verdict.open);
    put(&f, "3", "carol", T0 + 1);
    assert_int_equal(says(&f, LOG_limit_exceeded), 0);
    end(&f, "3", T0 + 2);
    end(&f, "2", T0 + 3);
    assert_int_equal(says(&f, LOG_limit_kept), 1);
    assert_int_equal(status_of(&f).standing.usage.state, USAGE_WITHIN);
    assert_int_equal(persists(&f, PERSIST_STANDING), 1);
    grant = grant_of("farm", 2, 0, T0 + 4); /* 0 means nobody */
    entitle(&f, &grant, T0 + 4);
    assert_int_equal(says(&f, LOG_limit_exceeded), 1);
    assert_true(status_of(&f).verdict.open);
    close_fixture(&f);
}

/* ---- connections --------------------------------------------------------------------------------------- */

static void a_connection_is_stored_and_said_with_its_reason(void **state)
{
    (void)state;
    char text[256];
    struct fixture f;
    open_fixture(&f);
    uint64_t revision = status_of(&f).sessions_revision;
    put(&f, "1", "alice", T0);
    assert_int_equal(persists(&f, PERSIST_CONNECTION), 1);
    assert_int_equal(persists(&f, PERSIST_RUNNING), 1);
    assert_true(status_of(&f).sessions_revision > revision);
    const struct action *said = nth(&f, ACTION_LOG, LOG_connection_opened, 0);
    assert_non_null(said);
    assert_int_equal(said->log.at_ms, T0);
    log_event_sentence(&said->log, text, sizeof(text));
    assert_string_equal(text, "alice connected to h (1: desktop by broker), counted");
    revision = status_of(&f).sessions_revision;
    put(&f, "1", "alice", T0 + 5); /* only the lease */
    assert_int_equal(persists(&f, PERSIST_CONNECTION), 1);
    assert_int_equal(persists(&f, PERSIST_RUNNING), 0);
    assert_int_equal(says(&f, LOG_connection_changed), 0);
    assert_int_equal(status_of(&f).sessions_revision, revision);
    assert_int_equal(end(&f, "1", T0 + 6), 0);
    assert_int_equal(persists(&f, PERSIST_CONNECTION_ENDED), 1);
    assert_int_equal(says(&f, LOG_connection_ended), 1);
    assert_int_equal(end(&f, "1", T0 + 6), CORE_UNKNOWN);
    close_fixture(&f);
}

static void an_unknown_administrator_is_said(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct core_event event = {.type = EVENT_BROKER_PUT, .put = connection("1", "alice")};
    event.put.administrator = ADMINISTRATOR_UNKNOWN;
    step(&f, &event, T0);
    assert_int_equal(says(&f, LOG_administrator_unknown), 1);
    assert_int_equal(status_of(&f).level.concurrent_users, 1);
    close_fixture(&f);
}

static void a_set_is_one_batch_for_the_peak(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct connection first[] = {connection("1", "alice"), connection("2", "bob")};
    struct connection second[] = {connection("3", "carol"), connection("4", "dave")};
    struct core_event event = {.type = EVENT_HOST_SET,
                               .set = {.host = "h", .connections = first, .count = 2}};
    step(&f, &event, T0);
    event.set.connections = second;
    step(&f, &event, T0 + 1);
    assert_int_equal(status_of(&f).window.peak_users, 2);
    assert_int_equal(status_of(&f).level.concurrent_users, 2);
    close_fixture(&f);
}

static void another_boot_id_ends_the_hosts_connections(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct core_event boot = {.type = EVENT_HOST_BOOTED, .booted = {.host = "h", .boot_id = "one"}};
    put(&f, "1", "alice", T0);
    assert_int_equal(step(&f, &boot, T0), 0); /* the first that is heard of */
    assert_int_equal(persists(&f, PERSIST_HOST), 1);
    assert_int_equal(status_of(&f).level.connections, 1);
    assert_int_equal(step(&f, &boot, T0), 0);
    assert_int_equal(persists(&f, PERSIST_HOST), 0);
    boot.booted.boot_id = "two";
    assert_int_equal(step(&f, &boot, T0 + 1), 0);
    assert_int_equal(says(&f, LOG_host_booted), 1);
    assert_int_equal(persists(&f, PERSIST_CONNECTION_ENDED), 1);
    assert_int_equal(status_of(&f).level.connections, 0);
    boot.booted.boot_id = "";
    assert_int_equal(step(&f, &boot, T0 + 1), CORE_INVALID);
    close_fixture(&f);
}

static void a_lease_ends_at_its_own_instant_however_late_the_timer(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    put(&f, "1", "alice", T0 + MINUTE);
    int64_t lapses_ms = T0 + MINUTE + 24 * HOUR;
    assert_int_equal(core_due_ms(f.core), T0 + WINDOW_MS);
    simple(&f, EVENT_TIMER, lapses_ms - 1);
    assert_int_equal(core_due_ms(f.core), lapses_ms);
    assert_int_equal(status_of(&f).level.connections, 1);
    assert_int_equal(status_of(&f).window.users_at_end, 1);
    simple(&f, EVENT_TIMER, lapses_ms + 2 * WINDOW_MS); /* two windows late */
    assert_int_equal(status_of(&f).level.connections, 0);
    assert_int_equal(persists(&f, PERSIST_WINDOW), 2);
    assert_int_equal(closed_window(&f, 0)->peak_users, 1);
    assert_int_equal(closed_window(&f, 0)->users_at_end, 0);
    assert_int_equal(closed_window(&f, 1)->peak_users, 0);
    close_fixture(&f);
}

static uint32_t number_of(const struct fixture *f, const char *id)
{
    struct tally_entry entry;
    assert_true(tally_find(core_tally(f->core), "h", id, &entry));
    return entry.number;
}

static void when_a_lease_ends_is_told(void **state)
{
    (void)state;
    struct fixture f;
    struct connection seen = connection("2", "bob");
    struct core_event set = {.type = EVENT_HOST_SET, .set = {.host = "h", .connections = &seen, .count = 1}};
    struct core_settings changed = settings;
    struct core_event event = {.type = EVENT_SETTINGS, .settings = &changed};
    open_fixture(&f);
    put(&f, "1", "alice", T0 + MINUTE);
    assert_int_equal(step(&f, &set, T0 + MINUTE), 0);
    assert_int_equal(core_lease_ends_ms(f.core, number_of(&f, "1")), T0 + MINUTE + 24 * HOUR);
    assert_int_equal(core_lease_ends_ms(f.core, number_of(&f, "2")), INT64_MAX); /* its host sees it */
    put(&f, "1", "alice", T0 + 5 * MINUTE);
    assert_int_equal(core_lease_ends_ms(f.core, number_of(&f, "1")), T0 + 5 * MINUTE + 24 * HOUR);
    changed.api_lease_ms = 0;
    assert_int_equal(step(&f, &event, T0 + 6 * MINUTE), 0);
    assert_int_equal(core_lease_ends_ms(f.core, number_of(&f, "1")), INT64_MAX);
    close_fixture(&f);
}

static void at_equal_instants_a_session_event_comes_before_the_timer(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    put(&f, "1", "alice", T0);
    assert_int_equal(put(&f, "1", "alice", T0 + 24 * HOUR), 0); /* renewed at the very bound */
    assert_int_equal(persists(&f, PERSIST_CONNECTION_ENDED), 0);
    simple(&f, EVENT_TIMER, T0 + 24 * HOUR);
    assert_int_equal(status_of(&f).level.connections, 1);
    close_fixture(&f);
}

static void new_settings_count_the_live_set_anew(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    put(&f, "1", "alice", T0);
    struct core_settings changed = settings;
    changed.tally.routes_counted = ROUTE_BIT(ROUTE_RDP);
    struct core_event event = {.type = EVENT_SETTINGS, .settings = &changed};
    assert_int_equal(step(&f, &event, T0 + 1), 0);
    assert_int_equal(status_of(&f).level.concurrent_users, 0);
    assert_int_equal(status_of(&f).level.connections, 1);
    assert_int_equal(end(&f, "1", T0 + 2), 0); /* the roster still knows who told it */
    close_fixture(&f);
}

/* ---- windows and reports ------------------------------------------------------------------------------- */

static void windows_of_a_farm_are_numbered_and_reported_at_its_phase(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    simple(&f, EVENT_STARTED, T0);
    simple(&f, EVENT_TIMER, T0 + WINDOW_MS);
    assert_int_equal(closed_window(&f, 0)->sequence, 0); /* before activation: kept, not sent */
    assert_int_equal(persists(&f, PERSIST_RUNNING), 1);
    struct grant grant = grant_of("farm", 1, 10, T0 + WINDOW_MS);
    activate(&f, &grant, T0 + WINDOW_MS);
    int64_t due_ms = status_of(&f).next_report_ms;
    assert_int_equal((due_ms - reporter_phase("farm")) % WINDOW_MS, 0);
    assert_true(due_ms < T0 + 3 * WINDOW_MS);
    simple(&f, EVENT_TIMER, due_ms);
    assert_true(does(&f, ACTION_REPORT));
    struct core_event accepted = {.type = EVENT_REPORT_ACCEPTED, .accepted = {.through = 99}};
    assert_int_equal(step(&f, &accepted, due_ms + 10), 0); /* nothing had closed yet, or the first */
    accepted.accepted.through = 199;
    simple(&f, EVENT_TIMER, due_ms + WINDOW_MS);
    assert_true(does(&f, ACTION_REPORT));
    size_t count;
    (void)core_report_batch(f.core, &count);
    assert_int_equal(count, 1);
    assert_int_equal(step(&f, &accepted, due_ms + WINDOW_MS + 10), 0);
    const struct action *acknowledged = nth(&f, ACTION_PERSIST, PERSIST_ACKNOWLEDGED, 0);
    assert_non_null(acknowledged);
    assert_true(acknowledged->persist.acknowledged.sequence < 199); /* no more than was sent, nor older */
    assert_int_equal(acknowledged->persist.acknowledged.first, acknowledged->persist.acknowledged.sequence);
    assert_int_equal(status_of(&f).windows_queued, 0);
    assert_int_equal(step(&f, &accepted, due_ms + WINDOW_MS + 11), CORE_UNKNOWN); /* none is on its way */
    close_fixture(&f);
}

static void refused_windows_are_set_aside(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct grant grant = grant_of("farm", 1, 10, T0);
    activate(&f, &grant, T0);
    simple(&f, EVENT_TIMER, T0 + 3 * WINDOW_MS - 1);
    simple(&f, EVENT_REPORT_NOW, T0 + 3 * WINDOW_MS - 1);
    size_t queued = status_of(&f).windows_queued;
    assert_true(queued >= 1);
    struct core_refused_window refused[] = {{.sequence = 1, .reason = "too far in the future"},
                                            {.sequence = 77, .reason = "never sent"}};
    struct core_event accepted = {.type = EVENT_REPORT_ACCEPTED,
                                  .accepted = {.through = 0, .refused = refused, .refused_count = 2}};
    step(&f, &accepted, T0 + 3 * WINDOW_MS);
    assert_int_equal(persists(&f, PERSIST_SET_ASIDE), 1);
    assert_string_equal(nth(&f, ACTION_PERSIST, PERSIST_SET_ASIDE, 0)->persist.acknowledged.reason,
                        "too far in the future");
    assert_int_equal(says(&f, LOG_window_refused), 1);
    close_fixture(&f);
}

static void an_outage_is_said_when_it_begins_changes_and_ends(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    assert_int_equal(simple(&f, EVENT_REPORT_NOW, T0), CORE_NOT_ACTIVE);
    struct grant grant = grant_of("farm", 1, 10, T0);
    activate(&f, &grant, T0);
    static const struct {
        bool refused;
        size_t unreachable_said, refused_said;
    } rows[] = {{false, 1, 0}, {false, 0, 0}, {true, 0, 1}, {true, 0, 0}, {false, 1, 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        simple(&f, EVENT_REPORT_NOW, T0 + (int64_t)i);
        assert_true(does(&f, ACTION_REPORT));
        struct core_event failed = {
            .type = EVENT_REPORT_FAILED,
            .failed = {.refused = rows[i].refused, .retry_after_ms = -1, .detail = "HTTP 503"}};
        assert_int_equal(step(&f, &failed, T0 + (int64_t)i), 0);
        assert_int_equal(says(&f, LOG_authority_unreachable), rows[i].unreachable_said);
        assert_int_equal(says(&f, LOG_authority_refused), rows[i].refused_said);
        assert_true(status_of(&f).verdict.open); /* a refusal without a signature closes nothing */
    }
    assert_int_equal(status_of(&f).report_failures, 5);
    simple(&f, EVENT_REPORT_NOW, T0 + 9);
    struct core_event accepted = {.type = EVENT_REPORT_ACCEPTED};
    step(&f, &accepted, T0 + 9);
    assert_int_equal(says(&f, LOG_authority_reached), 1);
    assert_int_equal(status_of(&f).report_failures, 0);
    close_fixture(&f);
}

static void the_same_farm_goes_on_and_another_begins_anew(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct grant grant = grant_of("farm", 1, 10, T0);
    activate(&f, &grant, T0);
    simple(&f, EVENT_TIMER, T0 + WINDOW_MS);
    assert_int_equal(simple(&f, EVENT_RELEASED, T0 + WINDOW_MS + 1), 0);
    assert_int_equal(says(&f, LOG_farm_released), 1);
    assert_null(status_of(&f).farm_id);
    assert_int_equal(status_of(&f).standing.activation, ACTIVATION_NONE);
    assert_int_equal(simple(&f, EVENT_RELEASED, T0 + WINDOW_MS + 2), CORE_NOT_ACTIVE);
    simple(&f, EVENT_TIMER, T0 + 2 * WINDOW_MS);
    assert_int_equal(closed_window(&f, 0)->sequence, 0);
    grant.issued_at_ms = T0 + 2 * WINDOW_MS;
    activate(&f, &grant, T0 + 2 * WINDOW_MS);
    simple(&f, EVENT_TIMER, T0 + 3 * WINDOW_MS);
    assert_int_equal(closed_window(&f, 0)->sequence, 2);
    struct grant another = grant_of("farm2", 1, 10, T0 + 3 * WINDOW_MS);
    activate(&f, &another, T0 + 3 * WINDOW_MS);
    assert_int_equal(status_of(&f).windows_queued, 0);
    simple(&f, EVENT_TIMER, T0 + 4 * WINDOW_MS);
    assert_int_equal(closed_window(&f, 0)->sequence, 1);
    close_fixture(&f);
}

static void a_window_that_closes_before_an_activation_is_not_its_farms(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct grant grant = grant_of("farm", 1, 10, T0 + WINDOW_MS);
    struct grant another = grant_of("farm2", 1, 10, T0 + 3 * WINDOW_MS);
    simple(&f, EVENT_STARTED, T0);
    activate(&f, &grant, T0 + WINDOW_MS);
    assert_int_equal(closed_window(&f, 0)->sequence, 0);
    assert_int_equal(status_of(&f).windows_queued, 0);
    activate(&f, &another, T0 + 2 * WINDOW_MS); /* corrected by one window more */
    assert_int_equal(persists(&f, PERSIST_WINDOW), 2);
    assert_int_equal(closed_window(&f, 0)->sequence, 0);
    assert_int_equal(closed_window(&f, 1)->sequence, 0);
    assert_int_equal(status_of(&f).windows_queued, 0);
    simple(&f, EVENT_TIMER, T0 + 4 * WINDOW_MS);
    assert_int_equal(closed_window(&f, 0)->sequence, 1);
    close_fixture(&f);
}

static void a_finished_day_is_stored(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    int64_t midnight = (T0 / DAY_MS + 1) * DAY_MS;
    put(&f, "1", "alice", midnight - 5);
    simple(&f, EVENT_TIMER, midnight);
    const struct action *day = nth(&f, ACTION_PERSIST, PERSIST_DAY, 0);
    assert_non_null(day);
    assert_int_equal(day->persist.day.start_ms, midnight - DAY_MS);
    assert_int_equal(day->persist.day.mark.users, 1);
    assert_int_equal(day->persist.day.mark.at_ms, midnight - 5);
    close_fixture(&f);
}

/* ---- restart ------------------------------------------------------------------------------------------- */

static void a_lost_entitlement_comes_back_with_a_report(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct core_saved saved = {.farm_id = "farm", .installation_id = "inst", .next_sequence = 4};
    assert_int_equal(core_restore(f.core, &saved, T0), 0);
    simple(&f, EVENT_STARTED, T0);
    assert_int_equal(status_of(&f).verdict.reason, VERDICT_NOT_ACTIVATED);
    assert_true(does(&f, ACTION_REPORT));
    struct grant grant = grant_of("farm", 1, 10, T0);
    assert_int_equal(entitle(&f, &grant, T0), 0);
    assert_true(status_of(&f).verdict.open);
    close_fixture(&f);

    open_fixture(&f); /* but a farm that was released stays so */
    saved.standing.grant = grant;
    assert_int_equal(core_restore(f.core, &saved, T0), 0);
    simple(&f, EVENT_STARTED, T0);
    assert_int_equal(status_of(&f).next_report_ms, INT64_MAX);
    assert_int_equal(entitle(&f, &grant, T0), CORE_NOT_ACTIVE);
    close_fixture(&f);
}

static void note_silent_host(void *data, const struct core_host *host)
{
    int *silent = data;
    *silent += host->silent_since_ms != 0;
}

static void what_is_kept_is_what_was_restored(void **state)
{
    (void)state;
    static const char *const farms[] = {"farm", NULL};
    for (size_t i = 0; i < sizeof(farms) / sizeof(farms[0]); i++) {
        struct fixture f;
        int64_t event_ms;
        int silent = 0;
        open_fixture(&f);
        const struct window unsent = {.sequence = 4, .peak_users = 2};
        const struct core_host host = {.host = "h", .boot_id = "b", .silent_since_ms = T0};
        struct core_saved kept, saved = {.hosts = &host,
                                         .host_count = 1,
                                         .unsent = &unsent,
                                         .unsent_count = farms[i] != NULL,
                                         .next_sequence = 5,
                                         .has_running = true,
                                         .running = {.start_ms = T0, .end_ms = T0 + WINDOW_MS},
                                         .ever = {.at_ms = T0 - 99, .users = 8},
                                         .clock_ms = T0 + 10,
                                         .farm_id = farms[i],
                                         .installation_id = "inst"};
        assert_int_equal(core_restore(f.core, &saved, T0 + 20), 0);
        simple(&f, EVENT_TIMER, T0 + 20);
        core_keep(f.core, &kept, &event_ms);
        assert_int_equal(event_ms, T0 + 20);
        assert_int_equal(kept.clock_ms, T0 + 20);
        assert_int_equal(kept.unsent_count, farms[i] != NULL);
        assert_int_equal(kept.running.start_ms, T0);
        assert_int_equal(kept.ever.users, 8);
        assert_string_equal(kept.installation_id, "inst");
        if (farms[i] != NULL) {
            assert_string_equal(kept.farm_id, "farm");
            assert_int_equal(kept.next_sequence, 5);
            assert_int_equal(kept.unsent[0].peak_users, 2);
        } else {
            assert_null(kept.farm_id);
        }
        core_each_host(f.core, note_silent_host, &silent);
        assert_int_equal(silent, 1);
        close_fixture(&f);
    }
}

static void what_ended_while_the_agent_was_away_is_closed(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct roster_change stored = {.connection = connection("1", "alice"),
                                   .reported_by = REPORTED_BY_BROKER,
                                   .broker_id = "",
                                   .lease_at_ms = T0};
    struct window running = {.start_ms = T0, .end_ms = T0 + WINDOW_MS, .peak_at_ms = T0 + 1, .peak_users = 5};
    struct window unsent[] = {{.sequence = 3}, {.sequence = 4}};
    struct core_saved saved = {
        .connections = &stored,
        .connection_count = 1,
        .unsent = unsent,
        .unsent_count = 2,
        .next_sequence = 5,
        .has_running = true,
        .running = running,
        .today = {.at_ms = T0 + 1, .users = 5},
        .ever = {.at_ms = T0 - 99, .users = 8},
        .standing = {.activation = ACTIVATION_ACTIVE, .grant = grant_of("farm", 1, 9, T0)},
        .farm_id = "farm",
        .installation_id = "inst"};
    assert_int_equal(core_restore(f.core, &saved, T0 + 2 * WINDOW_MS), 0);
    simple(&f, EVENT_STARTED, T0 + 2 * WINDOW_MS);
    assert_int_equal(persists(&f, PERSIST_WINDOW), 2);
    assert_int_equal(closed_window(&f, 0)->sequence, 5);
    assert_int_equal(closed_window(&f, 0)->peak_users, 5);
    assert_int_equal(closed_window(&f, 1)->peak_users, 1);
    assert_int_equal(status_of(&f).windows_queued, 4);
    assert_int_equal(status_of(&f).ever.users, 8);
    close_fixture(&f);
}

/* Licence time was stored later than the lease ended: it ends then, time does not go back to it. */
static void what_was_overdue_ends_at_the_stored_time(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct roster_change stored = {.connection = connection("1", "alice"),
                                   .reported_by = REPORTED_BY_BROKER,
                                   .broker_id = "",
                                   .lease_at_ms = T0 + 1 - DAY_MS};
    struct core_saved saved = {
        .connections = &stored,
        .connection_count = 1,
        .has_running = true,
        .running = {.start_ms = T0, .end_ms = T0 + WINDOW_MS, .peak_at_ms = T0},
        .standing = {.activation = ACTIVATION_ACTIVE, .grant = grant_of("farm", 1, 0, T0)},
        .clock_ms = T0 + 60000,
        .farm_id = "farm",
        .installation_id = "inst"};
    assert_int_equal(core_restore(f.core, &saved, T0 + 120000), 0);
    simple(&f, EVENT_TIMER, T0 + 120000);
    const struct action *ended = nth(&f, ACTION_LOG, LOG_connection_ended, 0);
    assert_non_null(ended);
    assert_int_equal(ended->log.at_ms, T0 + 60000);
    close_fixture(&f);
}

static void stored_state_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct roster_change bad = {
        .connection = connection("", "alice"), .reported_by = REPORTED_BY_HOST, .broker_id = ""};
    struct window twice[] = {{.sequence = 3}, {.sequence = 3}};
    const struct core_host host = {.host = "h", .boot_id = ""};
    struct core_saved rows[] = {
        {.connections = &bad, .connection_count = 1},
        {.hosts = &host, .host_count = 1},
        {.farm_id = "0123456789012345678901234567890123456789012345678901234567890123456789"},
        {.farm_id = "farm", .unsent = twice, .unsent_count = 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        open_fixture(&f);
        assert_int_equal(core_restore(f.core, &rows[i], T0), CORE_INVALID);
        close_fixture(&f);
    }
}

/* ---- the list, and no memory --------------------------------------------------------------------------- */

static void the_list_keeps_its_own_texts(void **state)
{
    (void)state;
    char name[8] = "first";
    struct core_actions *actions = core_actions_create();
    struct log_event event = {.code = LOG_source_failed};
    log_event_text(&event, "source", name);
    log_event_number(&event, "detail", 3);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(core_actions_log(actions, &event), 0);
    strcpy(name, "gone");
    size_t count;
    const struct action *all = core_actions_all(actions, &count);
    assert_int_equal(count, 5000);
    assert_string_equal(all[0].log.fields[0].text, "first");
    assert_string_equal(all[4999].log.fields[0].text, "first");
    core_actions_clear(actions);
    (void)core_actions_all(actions, &count);
    assert_int_equal(count, 0);
    core_actions_destroy(actions);
    core_actions_destroy(NULL);
    core_destroy(NULL);
}

/* Whether the list that a snapshot began holds the whole live set. */
static bool list_is_whole(const struct fixture *f)
{
    size_t count;
    const struct action *all = core_actions_all(f->actions, &count);
    return count > 0 && all[0].type == ACTION_PERSIST && all[0].persist.type == PERSIST_CLEAR &&
           persists(f, PERSIST_CONNECTION) >= status_of(f).level.connections &&
           persists(f, PERSIST_RUNNING) >= 1 && persists(f, PERSIST_STANDING) >= 1;
}

/* For every place where memory can end: a put is either live and on the list, or refused and nowhere, or the
 * next step brings a whole copy. */
static void no_put_is_half_done_without_memory(void **state)
{
    (void)state;
    bool refused = false, copied = false, done = false;
    for (int allocations = 0; !done; allocations++) {
        struct fixture f;
        open_fixture(&f);
        struct grant grant = grant_of("farm", 1, 10, T0);
        activate(&f, &grant, T0);
        put(&f, "1", "alice", T0);
        core_actions_destroy(f.actions);
        f.actions = core_actions_create();
        struct core_event event = {.type = EVENT_BROKER_PUT,
                                   .put = connection("a session id that is longer than any record", "bob")};
        allocations_left = allocations;
        int code = core_step(f.core, &event, T0 + WINDOW_MS, f.actions);
        done = allocations_left > 0;
        allocations_left = FOREVER;
        struct tally_entry entry;
        bool live = tally_find(core_tally(f.core), "h", event.put.id, &entry);
        if (code == 0) {
            assert_true(live);
            assert_int_equal(persists(&f, PERSIST_CONNECTION), 1);
            assert_int_equal(persists(&f, PERSIST_WINDOW), 1);
            assert_int_equal(persists(&f, PERSIST_RUNNING), 1);
        } else {
            assert_int_equal(code, CORE_NO_MEMORY);
            refused |= !live;
            bool needs_copy = live || persists(&f, PERSIST_WINDOW) == 0 || persists(&f, PERSIST_RUNNING) == 0;
            assert_true(!needs_copy || core_due_ms(f.core) <= T0 + WINDOW_MS + CORE_UNSAVED_RETRY_MS);
            assert_int_equal(simple(&f, EVENT_TIMER, T0 + WINDOW_MS), 0);
            assert_true(!needs_copy || list_is_whole(&f));
            copied |= needs_copy;
        }
        assert_int_equal(status_of(&f).level.connections, live ? 2 : 1);
        close_fixture(&f);
    }
    assert_true(refused);
    assert_true(copied);
}

/* A set that pairs, ends and opens: wherever memory ends, the same set once more brings all to where it
 * belongs, and a shorter way never leaves anybody counted twice or a record without its session. */
static void a_set_told_again_mends_what_memory_prevented(void **state)
{
    (void)state;
    bool done = false, failed = false;
    for (int allocations = 0; !done; allocations++) {
        struct fixture f;
        open_fixture(&f);
        put(&f, "the broker's own id, longer than any record", "alice", T0);
        put(&f, "5", "bob", T0);
        struct connection set[] = {connection("1", "alice"), connection("5", "bob"),
                                   connection("9", "carol")};
        set[0].kind = set[1].kind = KIND_APPLICATION;
        struct core_event event = {.type = EVENT_HOST_SET,
                                   .set = {.host = "h", .connections = set, .count = 3}};
        core_actions_destroy(f.actions);
        f.actions = core_actions_create();
        allocations_left = allocations;
        int code = core_step(f.core, &event, T0 + 1, f.actions);
        done = allocations_left > 0;
        allocations_left = FOREVER;
        failed |= code == CORE_NO_MEMORY;
        assert_true(code == 0 || code == CORE_NO_MEMORY);
        assert_in_range(status_of(&f).level.concurrent_users, 2, 3);
        assert_in_range(status_of(&f).level.connections, 2, 3);
        assert_int_equal(step(&f, &event, T0 + 2), 0);
        assert_int_equal(status_of(&f).level.connections, 3);
        struct core_event gone = {.type = EVENT_HOST_SET, .set = {.host = "h"}};
        assert_int_equal(step(&f, &gone, T0 + 3), 0); /* paired ones end when the host says so */
        assert_int_equal(status_of(&f).level.connections, 0);
        assert_int_equal(core_due_ms(f.core), T0 + WINDOW_MS); /* and no lease of theirs runs on */
        close_fixture(&f);
    }
    assert_true(failed);
}

static void no_activation_is_half_done_without_memory(void **state)
{
    (void)state;
    bool done = false, failed = false;
    for (int allocations = 0; !done; allocations++) {
        struct fixture f;
        open_fixture(&f);
        simple(&f, EVENT_STARTED, T0);
        core_actions_destroy(f.actions);
        f.actions = core_actions_create();
        struct grant grant = grant_of("farm", 1, 10, T0);
        struct core_event event = {
            .type = EVENT_ACTIVATED,
            .activated = {.farm_id = "farm", .installation_id = "inst", .grant = &grant}};
        allocations_left = allocations;
        int code = core_step(f.core, &event, T0, f.actions);
        done = allocations_left > 0;
        allocations_left = FOREVER;
        failed |= code == CORE_NO_MEMORY;
        bool active = status_of(&f).standing.activation == ACTIVATION_ACTIVE;
        if (code == 0)
            assert_true(active && persists(&f, PERSIST_STANDING) == 1 && does(&f, ACTION_GATE));
        else if (active) { /* what could not be listed comes with the next step */
            bool gate_told = does(&f, ACTION_GATE);
            assert_int_equal(simple(&f, EVENT_TIMER, T0), 0);
            assert_true(list_is_whole(&f));
            assert_true(gate_told || does(&f, ACTION_GATE));
        }
        close_fixture(&f);
    }
    assert_true(failed);
}

static void half_a_copy_is_no_copy(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    for (int i = 0; i < 100; i++) {
        char id[8];
        (void)snprintf(id, sizeof(id), "%d", i);
        assert_int_equal(put(&f, id, id, T0), 0);
    }
    bool done = false;
    for (int allocations = 0; !done; allocations++) {
        core_actions_destroy(f.actions);
        f.actions = core_actions_create();
        allocations_left = allocations;
        int code = core_snapshot(f.core, f.actions);
        allocations_left = FOREVER;
        size_t count;
        (void)core_actions_all(f.actions, &count);
        done = code == 0;
        assert_true(done ? list_is_whole(&f) && persists(&f, PERSIST_CONNECTION) == 100 : count == 0);
    }
    close_fixture(&f);
}

static void a_core_is_whole_or_not_made(void **state)
{
    (void)state;
    bool made = false;
    for (int allocations = 0; !made; allocations++) {
        allocations_left = allocations;
        struct core *core = core_create(&settings);
        allocations_left = FOREVER;
        made = core != NULL;
        core_destroy(core);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gate_is_told_once_at_start_and_when_it_moves),
        cmocka_unit_test(the_authority_deactivates_and_only_an_activation_opens),
        cmocka_unit_test(a_copied_image_is_closed_until_it_is_activated),
        cmocka_unit_test(what_is_not_ours_or_outdated_changes_nothing),
        cmocka_unit_test(licence_time_is_corrected_and_events_never_go_back),
        cmocka_unit_test(crossing_the_limit_is_noticed_and_closes_nothing),
        cmocka_unit_test(a_connection_is_stored_and_said_with_its_reason),
        cmocka_unit_test(an_unknown_administrator_is_said),
        cmocka_unit_test(a_set_is_one_batch_for_the_peak),
        cmocka_unit_test(another_boot_id_ends_the_hosts_connections),
        cmocka_unit_test(a_lease_ends_at_its_own_instant_however_late_the_timer),
        cmocka_unit_test(when_a_lease_ends_is_told),
        cmocka_unit_test(at_equal_instants_a_session_event_comes_before_the_timer),
        cmocka_unit_test(new_settings_count_the_live_set_anew),
        cmocka_unit_test(windows_of_a_farm_are_numbered_and_reported_at_its_phase),
        cmocka_unit_test(refused_windows_are_set_aside),
        cmocka_unit_test(an_outage_is_said_when_it_begins_changes_and_ends),
        cmocka_unit_test(the_same_farm_goes_on_and_another_begins_anew),
        cmocka_unit_test(a_window_that_closes_before_an_activation_is_not_its_farms),
        cmocka_unit_test(a_finished_day_is_stored),
        cmocka_unit_test(a_lost_entitlement_comes_back_with_a_report),
        cmocka_unit_test(what_is_kept_is_what_was_restored),
        cmocka_unit_test(what_ended_while_the_agent_was_away_is_closed),
        cmocka_unit_test(what_was_overdue_ends_at_the_stored_time),
        cmocka_unit_test(stored_state_that_makes_no_sense_is_refused),
        cmocka_unit_test(the_list_keeps_its_own_texts),
        cmocka_unit_test(no_put_is_half_done_without_memory),
        cmocka_unit_test(a_set_told_again_mends_what_memory_prevented),
        cmocka_unit_test(no_activation_is_half_done_without_memory),
        cmocka_unit_test(half_a_copy_is_no_copy),
        cmocka_unit_test(a_core_is_whole_or_not_made),
    };
    return cmocka_run_group_tests_name("core (RULES 2 to 4)", tests, NULL, NULL);
}
