/* What survives, on real files. */
#include "agent/core/core_actions.h"
#include "agent/core/reporter.h"
#include "agent/store.h"
#include "common/file.h"
#include "tests/unit/other_process.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOON INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

/* One store on one directory, and the last answer it gave. */
struct fixture {
    char directory[64];
    uv_loop_t loop;
    struct store *store;
    struct store_loaded *loaded;
    struct core_actions *actions;
    bool answered;
    int error;
    char detail[ERROR_DETAIL_BYTES];
};

static const char *in_directory(const struct fixture *fixture, const char *name)
{
    static char path[sizeof(fixture->directory) + 256 + 1];
    (void)snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
    return path;
}

static bool exists(const struct fixture *fixture, const char *name)
{
    return access(in_directory(fixture, name), F_OK) == 0;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    (void)strcpy(fixture->directory, "/tmp/farmgate-store-XXXXXX");
    fixture->actions = core_actions_create();
    (void)uv_loop_init(&fixture->loop);
    *state = fixture;
    return mkdtemp(fixture->directory) && sodium_init() >= 0 ? 0 : -1;
}

static void on_closed(void *data)
{
    ((struct fixture *)data)->store = NULL;
}

static void close_store(struct fixture *fixture)
{
    store_loaded_free(fixture->loaded);
    fixture->loaded = NULL;
    if (fixture->store)
        store_close(fixture->store, on_closed, fixture);
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_null(fixture->store);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    close_store(fixture);
    DIR *open_directory = opendir(fixture->directory);
    for (struct dirent *entry; open_directory && (entry = readdir(open_directory));) {
        if (unlink(in_directory(fixture, entry->d_name)) != 0)
            (void)rmdir(in_directory(fixture, entry->d_name));
    }
    (void)closedir(open_directory);
    int error = rmdir(fixture->directory);
    core_actions_destroy(fixture->actions);
    error |= uv_loop_close(&fixture->loop);
    free(fixture);
    return error;
}

static int open_error(struct fixture *fixture)
{
    struct error_detail detail = {""};
    int error =
        store_open(&fixture->loop, fixture->directory, NOON, &fixture->store, &fixture->loaded, &detail);
    (void)snprintf(fixture->detail, sizeof(fixture->detail), "%s", detail.text);
    return error;
}

static void open_store(struct fixture *fixture)
{
    if (open_error(fixture) != 0)
        fail_msg("%s", fixture->detail);
}

static void reopen(struct fixture *fixture)
{
    close_store(fixture);
    open_store(fixture);
}

static void on_done(void *data, int error, const char *detail)
{
    struct fixture *fixture = data;
    assert_false(fixture->answered);
    fixture->answered = true;
    fixture->error = error;
    (void)snprintf(fixture->detail, sizeof(fixture->detail), "%s", detail ? detail : "");
}

/* Commits what the list holds, waits, empties the list. */
static int commit_files(struct fixture *fixture, const struct store_identity *identity,
                        const struct store_licence *licence)
{
    const struct core_actions *lists[] = {fixture->actions};
    struct store_batch batch = {.actions = lists, .count = 1, .identity = identity, .licence = licence};
    fixture->answered = false;
    assert_int_equal(store_commit(fixture->store, &batch, on_done, fixture), 0);
    core_actions_clear(fixture->actions); /* the store has its own copy */
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_true(fixture->answered);
    return fixture->error;
}

static int commit(struct fixture *fixture)
{
    return commit_files(fixture, NULL, NULL);
}

static void add(struct fixture *fixture, const struct persist *persist)
{
    assert_true(core_actions_persist(fixture->actions, persist));
}

/* --- what goes in */

static struct roster_change connection_of(const char *host, const char *id, const char *user)
{
    return (struct roster_change){
        .type = ROSTER_OPENED,
        .connection = {.host = host, .id = id, .user = user, .connected_at_ms = NOON + 1},
        .reported_by = REPORTED_BY_HOST,
        .broker_id = "",
    };
}

static void add_connection(struct fixture *fixture, const char *host, const char *id, const char *user)
{
    add(fixture, &(struct persist){.type = PERSIST_CONNECTION, .connection = connection_of(host, id, user)});
}

static struct window window_of(uint64_t sequence)
{
    int64_t start_ms = NOON + (int64_t)sequence * WINDOW_MS;
    return (struct window){.sequence = sequence,
                           .start_ms = start_ms,
                           .end_ms = start_ms + WINDOW_MS,
                           .peak_at_ms = start_ms + 7,
                           .peak_users = 100 + (uint32_t)sequence,
                           .users_at_end = 3,
                           .exempt_peak = 2,
                           .hosts = 4};
}

static void add_window(struct fixture *fixture, uint64_t sequence)
{
    add(fixture, &(struct persist){.type = PERSIST_WINDOW, .window = window_of(sequence)});
}

static void add_event(struct fixture *fixture, int64_t at_ms, const char *user)
{
    struct log_event event = {.code = LOG_connection_ended, .at_ms = at_ms};
    log_event_text(&event, "user", user);
    log_event_text(&event, "host", "ts1");
    log_event_text(&event, "session", "c1");
    assert_int_equal(core_actions_log(fixture->actions, &event), 0);
}

static struct store_identity *identity_of(const char *farm_id)
{
    static struct store_identity identity;
    identity = (struct store_identity){.installation_id = "0123456789abcdef",
                                       .machine_id = "machine",
                                       .farm_token = "token",
                                       .keys = {"fgkey1.first", "fgkey1.second"},
                                       .key_count = 2};
    (void)snprintf(identity.farm_id, sizeof(identity.farm_id), "%s", farm_id);
    return &identity;
}

static struct store_licence *licence_of(const char *farm_id)
{
    static struct store_licence licence;
    licence = (struct store_licence){
        .standing = {.activation = ACTIVATION_ACTIVE,
                     .term = TERM_EXPIRY_GRACE,
                     .contact = CONTACT_STALE,
                     .usage = {.state = USAGE_ENFORCED,
                               .exceeding_since_ms = NOON - 5000,
                               .settle_ms = 60000,
                               .grace_started_ms = NOON - 700000000,
                               .grace_end_said = true,
                               .warned_percent = 90},
                     .term_said = {.days = 30, .grace_days = 7},
                     .contact_said_days = 1,
                     .former = {{.farm_id = "former",
                                 .purchases = 3,
                                 .usage = {.state = USAGE_OVER, .grace_started_ms = NOON - 900000000}}},
                     .grant = {.installation_id = "0123456789abcdef",
                               .serial = INT64_MAX,
                               .status = GRANT_ACTIVE,
                               .reason = "because \"quoted\" and \\ and ü",
                               .limit = UINT32_MAX,
                               .purchases = 17,
                               .trial = true,
                               .expires_at_ms = 0,
                               .issued_at_ms = NOON - 5,
                               .refresh_by_ms = NOON + 30 * DAY_MS},
                     .last_contact_ms = NOON - 4},
        .clock = {.licence_ms = NOON + 123,
                  .boot_ms = 456,
                  .offset_ms = -789,
                  .boot_id = "11111111-1111-1111-1111-111111111111",
                  .anchored = true},
    };
    (void)snprintf(licence.standing.grant.farm_id, sizeof(licence.standing.grant.farm_id), "%s", farm_id);
    memset(licence.entitlement, 'e', STORE_ENTITLEMENT_MAX);
    return &licence;
}

static void activate(struct fixture *fixture)
{
    assert_int_equal(commit_files(fixture, identity_of("farm-1"), licence_of("farm-1")), 0);
}

static void assert_connection(const struct roster_change *read, const struct roster_change *written)
{
    const struct connection *a = &read->connection, *b = &written->connection;
    assert_string_equal(a->host, b->host);
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->user, b->user);
    assert_int_equal(a->connected_at_ms, b->connected_at_ms);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->route, b->route);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->administrator, b->administrator);
    assert_int_equal(read->reported_by, written->reported_by);
    assert_string_equal(read->broker_id, written->broker_id);
    assert_int_equal(read->lease_at_ms, written->lease_at_ms);
    assert_int_equal(read->disconnected_at_ms, written->disconnected_at_ms);
}

/* Compares, and makes equal: what lies between the members is nobody's. */
static void take_usage(struct usage *read, const struct usage *written)
{
    assert_int_equal(read->state, written->state);
    assert_int_equal(read->exceeding_since_ms, written->exceeding_since_ms);
    assert_int_equal(read->settle_ms, written->settle_ms);
    assert_int_equal(read->grace_started_ms, written->grace_started_ms);
    assert_int_equal(read->grace_end_said, written->grace_end_said);
    assert_int_equal(read->warned_percent, written->warned_percent);
    memcpy(read, written, sizeof(*read));
}

static void assert_licence(const struct store_licence *read, const struct store_licence *written)
{
    static struct store_licence plain;
    memcpy(&plain, read, sizeof(plain));
    take_usage(&plain.standing.usage, &written->standing.usage);
    for (size_t i = 0; i < STANDING_FORMER_MAX; i++)
        take_usage(&plain.standing.former[i].usage, &written->standing.former[i].usage);
    assert_memory_equal(&plain, written, sizeof(plain));
}

/* --- a life */

static void test_a_first_start_makes_an_identity(void **state)
{
    struct fixture *fixture = *state;
    char first[GRANT_ID_BYTES_MAX + 1];
    open_store(fixture);
    const struct store_loaded *loaded = fixture->loaded;
    assert_int_equal(strlen(loaded->identity.installation_id), 32);
    assert_string_equal(loaded->core.installation_id, loaded->identity.installation_id);
    assert_null(loaded->core.farm_id);
    assert_int_equal(loaded->core.next_sequence, 0);
    assert_int_equal(loaded->core.standing.activation, ACTIVATION_NONE);
    assert_false(loaded->core.has_running);
    assert_false(loaded->licence.clock.anchored);
    assert_int_equal(loaded->database_error, 0);
    assert_int_equal(store_next_event_id(fixture->store), 1);
    assert_false(loaded->database_was_damaged || loaded->identity_was_damaged || loaded->licence_was_damaged);
    (void)strcpy(first, loaded->identity.installation_id);
    reopen(fixture);
    assert_string_equal(fixture->loaded->identity.installation_id, first);

    struct stat status;
    static const char *const names[] = {"farmgate.db", "identity"};
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_equal(stat(in_directory(fixture, names[i]), &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
}

static void test_everything_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct roster_change paired = connection_of("ts1", "c1", "CORP\\älice");
    paired.connection.kind = KIND_APPLICATION;
    paired.connection.route = ROUTE_SSH;
    paired.connection.state = CONNECTION_DISCONNECTED;
    paired.connection.administrator = ADMINISTRATOR_UNKNOWN;
    paired.reported_by = REPORTED_BY_HOST | REPORTED_BY_BROKER;
    paired.broker_id = "broker-17";
    paired.lease_at_ms = NOON + 99;
    paired.disconnected_at_ms = NOON + 77;
    struct window running = window_of(3);
    running.sequence = 0;
    struct peak_mark today = {NOON + 5, 55}, ever = {NOON - 9, UINT32_MAX};

    open_store(fixture);
    add(fixture, &(struct persist){.type = PERSIST_CONNECTION, .connection = paired});
    add_connection(fixture, "ts2", "c1", "bob");
    add(fixture, &(struct persist){.type = PERSIST_HOST, .host = {.host = "ts1", .boot_id = "boot-1"}});
    add(fixture, &(struct persist){.type = PERSIST_HOST, .host = {.host = "ts2", .boot_id = "boot-2"}});
    add_window(fixture, 1);
    add_window(fixture, 2);
    add(fixture, &(struct persist){.type = PERSIST_RUNNING, .running = {running, today, ever}});
    assert_int_equal(commit_files(fixture, identity_of("farm-1"), licence_of("farm-1")), 0);
    reopen(fixture);

    const struct store_loaded *loaded = fixture->loaded;
    const struct core_saved *core = &loaded->core;
    struct roster_change bob = connection_of("ts2", "c1", "bob");
    assert_int_equal(core->connection_count, 2);
    assert_connection(&core->connections[0], &bob); /* by lease */
    assert_connection(&core->connections[1], &paired);
    assert_int_equal(core->host_count, 2);
    assert_string_equal(core->hosts[1].host, "ts2");
    assert_string_equal(core->hosts[1].boot_id, "boot-2");
    assert_int_equal(core->unsent_count, 2);
    for (uint64_t i = 0; i < 2; i++) {
        struct window written = window_of(i + 1);
        assert_memory_equal(&core->unsent[i], &written, sizeof(written));
    }
    assert_int_equal(core->next_sequence, 3);
    assert_true(core->has_running);
    assert_memory_equal(&core->running, &running, sizeof(running));
    assert_int_equal(core->today.at_ms, today.at_ms);
    assert_int_equal(core->today.users, today.users);
    assert_int_equal(core->ever.at_ms, ever.at_ms);
    assert_int_equal(core->ever.users, ever.users);
    assert_string_equal(core->farm_id, "farm-1");
    assert_memory_equal(&loaded->identity, identity_of("farm-1"), sizeof(loaded->identity));
    assert_licence(&loaded->licence, licence_of("farm-1"));
    assert_memory_equal(&core->standing, &loaded->licence.standing, sizeof(core->standing));
}

static void test_later_actions_replace_earlier_ones(void **state)
{
    struct fixture *fixture = *state;
    open_store(fixture);
    activate(fixture);
    add_connection(fixture, "ts1", "c1", "alice");
    add_connection(fixture, "ts1", "c1", "bob");
    add_connection(fixture, "ts1", "c2", "carol");
    add_connection(fixture, "ts1", "c3", "dora");
    assert_int_equal(commit(fixture), 0);
    add(fixture, &(struct persist){.type = PERSIST_CONNECTION_ENDED,
                                   .connection = connection_of("ts1", "c2", "carol")});
    for (uint64_t i = 1; i <= 5; i++)
        add_window(fixture, i);
    add(fixture,
        &(struct persist){.type = PERSIST_SET_ASIDE, .acknowledged = {.sequence = 2, .reason = "overlaps"}});
    add(fixture, &(struct persist){.type = PERSIST_ACKNOWLEDGED, .acknowledged = {.sequence = 3}});
    assert_int_equal(commit(fixture), 0);
    reopen(fixture);
    const struct core_saved *core = &fixture->loaded->core;
    assert_int_equal(core->connection_count, 2);
    assert_string_equal(core->connections[0].connection.user, "bob");
    assert_string_equal(core->connections[1].connection.user, "dora");
    assert_int_equal(core->unsent_count, 2);
    assert_int_equal(core->unsent[0].sequence, 4);
    assert_int_equal(core->next_sequence, 6);

    add(fixture, &(struct persist){.type = PERSIST_CLEAR});
    add_connection(fixture, "ts9", "c9", "eve");
    assert_int_equal(commit(fixture), 0);
    reopen(fixture);
    assert_int_equal(fixture->loaded->core.connection_count, 1);
    assert_string_equal(fixture->loaded->core.connections[0].connection.user, "eve");
}

/* The numbers of a farm whose state was set back. */
static void test_windows_get_new_numbers(void **state)
{
    struct fixture *fixture = *state;
    open_store(fixture);
    activate(fixture);
    for (uint64_t i = 1; i <= 3; i++)
        add_window(fixture, i);
    assert_int_equal(commit(fixture), 0);
    for (uint64_t i = 2; i <= 3; i++) {
        struct window window = window_of(i);
        window.sequence = 100 + i;
        add(fixture, &(struct persist){.type = PERSIST_WINDOW, .window = window});
    }
    assert_int_equal(commit(fixture), 0);
    assert_int_equal(store_next_sequence(fixture->store, "farm-1"), 104);
    add(fixture, &(struct persist){.type = PERSIST_NEXT_SEQUENCE, .next_sequence = 200});
    assert_int_equal(commit(fixture), 0);
    assert_int_equal(store_next_sequence(fixture->store, "farm-1"), 200);
    add(fixture, &(struct persist){.type = PERSIST_NEXT_SEQUENCE, .next_sequence = 150});
    add(fixture,
        &(struct persist){.type = PERSIST_ACKNOWLEDGED, .acknowledged = {.first = 1, .sequence = 102}});
    assert_int_equal(commit(fixture), 0);
    assert_int_equal(store_next_sequence(fixture->store, "farm-1"), 200);
    reopen(fixture);
    const struct core_saved *core = &fixture->loaded->core;
    assert_int_equal(core->next_sequence, 200);
    assert_int_equal(core->unsent_count, 1);
    assert_int_equal(core->unsent[0].sequence, 103);
    assert_int_equal(core->unsent[0].start_ms, window_of(3).start_ms);
}

static void test_windows_belong_to_their_farm(void **state)
{
    struct fixture *fixture = *state;
    struct window before = window_of(7);
    before.sequence = 0;
    open_store(fixture);
    add(fixture, &(struct persist){.type = PERSIST_WINDOW, .window = before}); /* kept, never sent */
    assert_int_equal(commit(fixture), 0);
    activate(fixture);
    add_window(fixture, 8);
    assert_int_equal(commit(fixture), 0);
    assert_int_equal(commit_files(fixture, identity_of("farm-2"), licence_of("farm-2")), 0);
    reopen(fixture);
    assert_int_equal(fixture->loaded->core.unsent_count, 0);
    assert_int_equal(fixture->loaded->core.next_sequence, 1);
    assert_int_equal(store_next_sequence(fixture->store, "farm-1"), 9);
    assert_int_equal(store_next_sequence(fixture->store, "farm-2"), 1);
    assert_int_equal(store_next_sequence(fixture->store, "farm-3"), 0);
    assert_int_equal(commit_files(fixture, identity_of("farm-1"), licence_of("farm-1")), 0);
    reopen(fixture);
    assert_int_equal(fixture->loaded->core.unsent_count, 1);
    assert_int_equal(fixture->loaded->core.next_sequence, 9);
}

/* The highest number that an authority is believed, and those after it. */
static void test_the_highest_numbers_are_read_again(void **state)
{
    struct fixture *fixture = *state;
    open_store(fixture);
    activate(fixture);
    add(fixture,
        &(struct persist){.type = PERSIST_NEXT_SEQUENCE, .next_sequence = 2 * REPORTER_SEQUENCE_MAX});
    assert_int_equal(commit(fixture), 0);
    reopen(fixture);
    assert_int_equal(fixture->loaded->core.next_sequence, 2 * REPORTER_SEQUENCE_MAX);
}

/* Given back with a window unsent, the key comes again: what is acknowledged then was not that window. */
static void test_windows_older_than_the_report_stay_unsent(void **state)
{
    struct fixture *fixture = *state;
    open_store(fixture);
    activate(fixture);
    for (uint64_t i = 1; i <= 3; i++)
        add_window(fixture, i);
    add(fixture,
        &(struct persist){.type = PERSIST_ACKNOWLEDGED, .acknowledged = {.sequence = 3, .first = 2}});
    assert_int_equal(commit(fixture), 0);
    reopen(fixture);
    assert_int_equal(fixture->loaded->core.unsent_count, 1);
    assert_int_equal(fixture->loaded->core.unsent[0].sequence, 1);
}

/* --- many commits at once */

struct row {
    bool answered;
    int order, error;
};
static int answers;

static void on_row(void *data, int error, const char *detail)
{
    struct row *row = data;
    (void)detail;
    assert_false(row->answered);
    row->answered = true;
    row->error = error;
    row->order = answers++;
}

static void test_waiting_commits_share_a_transaction_and_keep_their_order(void **state)
{
    struct fixture *fixture = *state;
    struct row rows[600] = {0};
    const struct core_actions *lists[] = {fixture->actions};
    struct store_batch batch = {.actions = lists, .count = 1};
    open_store(fixture);
    answers = 0;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char id[16], user[16];
        (void)snprintf(id, sizeof(id), "c%zu", i);
        (void)snprintf(user, sizeof(user), "user%zu", i);
        add_connection(fixture, "ts1", id, user);
        add_connection(fixture, "ts1", "latest", user);
        assert_int_equal(store_commit(fixture->store, &batch, on_row, &rows[i]), 0);
        core_actions_clear(fixture->actions);
        memset(id, 'x', sizeof(id)); /* everything was copied */
    }
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(rows[i].answered);
        assert_int_equal(rows[i].error, 0);
        assert_int_equal(rows[i].order, (int)i);
    }
    reopen(fixture);
    assert_int_equal(fixture->loaded->core.connection_count, COUNT(rows) + 1);
    const struct roster_change *last = &fixture->loaded->core.connections[COUNT(rows)];
    assert_string_equal(last->connection.id, "latest");
    assert_string_equal(last->connection.user, "user599");
}

static void test_closing_finishes_what_is_queued(void **state)
{
    struct fixture *fixture = *state;
    struct row rows[3] = {0};
    const struct core_actions *lists[] = {fixture->actions};
    struct store_batch batch = {.actions = lists, .count = 1};
    open_store(fixture);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "c%zu", i);
        add_connection(fixture, "ts1", id, "alice");
        assert_int_equal(store_commit(fixture->store, &batch, on_row, &rows[i]), 0);
        core_actions_clear(fixture->actions);
    }
    reopen(fixture);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_true(rows[i].answered && rows[i].error == 0);
    assert_int_equal(fixture->loaded->core.connection_count, COUNT(rows));
}

/* --- history */

struct history {
    bool answered, more;
    int error;
    size_t count;
    struct window windows[8];
    char states[9];
    struct store_day days[8];
    uint64_t ids[8];
    char names[8][32], json[8][256];
};

static void on_windows(void *data, int error, const struct store_windows *windows)
{
    struct history *history = data;
    *history =
        (struct history){.answered = true, .more = windows->more, .error = error, .count = windows->count};
    for (size_t i = 0; i < windows->count && i < 8; i++) {
        history->windows[i] = windows->windows[i];
        history->states[i] = windows->states[i];
    }
}

static void on_days(void *data, int error, const struct store_day *days, size_t count)
{
    struct history *history = data;
    *history = (struct history){.answered = true, .error = error, .count = count};
    for (size_t i = 0; i < count && i < 8; i++)
        history->days[i] = days[i];
}

static void on_events(void *data, int error, const struct store_event *events, size_t count)
{
    struct history *history = data;
    *history = (struct history){.answered = true, .error = error, .count = count};
    for (size_t i = 0; i < count && i < 8; i++) {
        history->ids[i] = events[i].id;
        (void)snprintf(history->names[i], sizeof(history->names[i]), "%s", events[i].name);
        (void)snprintf(history->json[i], sizeof(history->json[i]), "%s", events[i].json);
    }
}

static struct history ask_windows(struct fixture *fixture, int64_t since_ms, int64_t until_ms, size_t limit)
{
    struct history history = {0};
    assert_int_equal(store_query_windows(fixture->store, since_ms, until_ms, limit, on_windows, &history), 0);
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_true(history.answered);
    return history;
}

static struct history ask_days(struct fixture *fixture, int64_t since_ms, int64_t until_ms)
{
    struct history history = {0};
    assert_int_equal(store_query_days(fixture->store, since_ms, until_ms, on_days, &history), 0);
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_true(history.answered);
    return history;
}

static struct history ask_events(struct fixture *fixture, uint64_t after_id, size_t limit)
{
    struct history history = {0};
    assert_int_equal(store_query_events(fixture->store, after_id, limit, on_events, &history), 0);
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_true(history.answered);
    return history;
}

static void test_windows_are_asked_for(void **state)
{
    struct fixture *fixture = *state;
    open_store(fixture);
    activate(fixture);
    for (uint64_t i = 0; i < 6; i++)
        add_window(fixture, i);
    add(fixture,
        &(struct persist){.type = PERSIST_SET_ASIDE, .acknowledged = {.sequence = 3, .reason = "too long"}});
    add(fixture, &(struct persist){.type = PERSIST_ACKNOWLEDGED, .acknowledged = {.sequence = 4}});
    assert_int_equal(commit(fixture), 0);

    static const struct {
        int64_t since, until; /* in windows after NOON, times ten */
        size_t limit, first, count;
        bool more;
        const char *states;
    } rows[] = {
        {-100, 1000, 8, 0, 6, false, "caarac"}, {-100, 1000, 6, 0, 6, false, "caarac"},
        {-100, 1000, 5, 0, 5, true, "caara"},   {-100, 1000, 0, 0, 0, true, ""},
        {20, 40, 8, 2, 2, false, "ar"},         {25, 41, 8, 2, 3, false, "ara"},
        {19, 20, 8, 1, 1, false, "a"},          {60, 1000, 8, 0, 0, false, ""},
        {40, 20, 8, 0, 0, false, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct history history = ask_windows(fixture, NOON + rows[i].since * WINDOW_MS / 10,
                                             NOON + rows[i].until * WINDOW_MS / 10, rows[i].limit);
        assert_int_equal(history.error, 0);
        assert_int_equal(history.count, rows[i].count);
        assert_int_equal(history.more, rows[i].more);
        assert_string_equal(history.states, rows[i].states);
        struct window first = window_of(rows[i].first);
        if (history.count > 0)
            assert_memory_equal(&history.windows[0], &first, sizeof(first));
    }
    assert_int_equal(ask_windows(fixture, INT64_MIN, INT64_MAX, SIZE_MAX).count, 6);
}

static void test_readers_may_outlive_the_store(void **state)
{
    struct fixture *fixture = *state;
    struct history history = {0};
    open_store(fixture);
    store_close(fixture->store, on_closed, fixture);
    assert_int_equal(store_query_windows(fixture->store, 0, 1, 1, on_windows, &history), ERROR_CANCELLED);
    assert_int_equal(store_query_days(fixture->store, 0, 1, on_days, &history), ERROR_CANCELLED);
    assert_int_equal(store_query_events(fixture->store, 0, 1, on_events, &history), ERROR_CANCELLED);
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_null(fixture->store);
    assert_int_equal(store_query_windows(NULL, 0, 1, 1, on_windows, &history), ERROR_CANCELLED);
    assert_false(history.answered);
}

static void test_days_are_asked_for(void **state)
{
    struct fixture *fixture = *state;
    open_store(fixture);
    for (int i = 0; i < 4; i++) {
        struct peak_mark mark = {NOON + i * DAY_MS + 5, 10 + (uint32_t)i};
        add(fixture, &(struct persist){.type = PERSIST_DAY, .day = {NOON + i * DAY_MS, mark}});
    }
    assert_int_equal(commit(fixture), 0);
    struct history all = ask_days(fixture, INT64_MIN, INT64_MAX);
    assert_int_equal(all.count, 4);
    assert_int_equal(all.days[3].start_ms, NOON + 3 * DAY_MS);
    assert_int_equal(all.days[3].mark.users, 13);
    assert_int_equal(all.days[3].mark.at_ms, NOON + 3 * DAY_MS + 5);
    struct history some = ask_days(fixture, NOON + DAY_MS + DAY_MS / 2, NOON + 3 * DAY_MS);
    assert_int_equal(some.count, 2);
    assert_int_equal(some.days[0].start_ms, NOON + DAY_MS);
    assert_int_equal(ask_days(fixture, NOON + DAY_MS, NOON + 2 * DAY_MS).count, 1);
}

static void test_event_ids_rise_over_restarts(void **state)
{
    struct fixture *fixture = *state;
    open_store(fixture);
    for (int i = 0; i < 3; i++)
        add_event(fixture, NOON + i, "alice");
    assert_int_equal(store_next_event_id(fixture->store), 1);
    assert_int_equal(commit(fixture), 0);
    assert_int_equal(store_next_event_id(fixture->store), 4);
    reopen(fixture);
    assert_int_equal(fixture->loaded->last_event_id, 3);
    assert_int_equal(store_next_event_id(fixture->store), 4);
    add_event(fixture, NOON + 9, "bob \"the\" builder");
    assert_int_equal(commit(fixture), 0);

    struct history all = ask_events(fixture, 0, 8);
    assert_int_equal(all.count, 4);
    for (size_t i = 0; i < all.count; i++)
        assert_int_equal(all.ids[i], i + 1);
    struct history last = ask_events(fixture, 3, 8);
    assert_int_equal(last.count, 1);
    assert_string_equal(last.names[0], "connection_ended");
    assert_string_equal(last.json[0],
                        "{\"id\":4,\"at\":\"2026-01-01T00:00:00.009Z\",\"code\":\"connection_ended\","
                        "\"severity\":\"info\",\"text\":\"bob \\\"the\\\" builder left ts1 (c1)\","
                        "\"user\":\"bob \\\"the\\\" builder\",\"host\":\"ts1\",\"session\":\"c1\"}");
    assert_int_equal(ask_events(fixture, 1, 2).count, 2);
    assert_int_equal(ask_events(fixture, 4, 8).count, 0);
    assert_int_equal(ask_events(fixture, UINT64_MAX, 8).count, 0);
}

static void test_old_history_goes(void **state)
{
    struct fixture *fixture = *state;
    struct window old = window_of(1), older = window_of(2), unsent = window_of(3);
    old.start_ms = NOON - STORE_HISTORY_KEPT_MS - 10;
    old.sequence = 0;
    older.start_ms = NOON - STORE_HISTORY_KEPT_MS - 2 * WINDOW_MS;
    older.sequence = 1;
    unsent.start_ms = NOON - STORE_HISTORY_KEPT_MS - 4 * WINDOW_MS;
    unsent.sequence = 2;
    open_store(fixture);
    assert_int_equal(commit_files(fixture, identity_of("farm-1"), licence_of("farm-1")), 0);
    add(fixture, &(struct persist){.type = PERSIST_WINDOW, .window = old});
    add(fixture, &(struct persist){.type = PERSIST_WINDOW, .window = older});
    add(fixture, &(struct persist){.type = PERSIST_ACKNOWLEDGED, .acknowledged = {.sequence = 1}});
    add(fixture, &(struct persist){.type = PERSIST_WINDOW, .window = unsent});
    add(fixture, &(struct persist){.type = PERSIST_DAY, .day = {NOON - 401 * DAY_MS, {0}}});
    add(fixture, &(struct persist){.type = PERSIST_DAY, .day = {NOON - 399 * DAY_MS, {0}}});
    add_event(fixture, NOON - 401 * DAY_MS, "alice");
    add_event(fixture, NOON - 399 * DAY_MS, "bob");
    assert_int_equal(commit(fixture), 0);
    assert_int_equal(ask_windows(fixture, INT64_MIN, INT64_MAX, 8).count, 1);
    assert_int_equal(ask_windows(fixture, INT64_MIN, INT64_MAX, 8).windows[0].sequence, 2);
    assert_int_equal(ask_days(fixture, INT64_MIN, INT64_MAX).count, 1);
    assert_int_equal(ask_events(fixture, 0, 8).count, 1);
    assert_int_equal(ask_events(fixture, 0, 8).ids[0], 2);
}

/* A clock that was years ahead: what was said then is as old as what was said next. */
static void test_events_dated_ahead_hold_nothing_up(void **state)
{
    struct fixture *fixture = *state;
    const int64_t too_old = NOON - 401 * DAY_MS, recent = NOON - 399 * DAY_MS, ahead = NOON + 3650 * DAY_MS;
    const uint64_t many = 4200; /* more than are looked at in one go */
    open_store(fixture);
    assert_int_equal(commit_files(fixture, identity_of("farm-1"), licence_of("farm-1")), 0);
    add_event(fixture, too_old, "ann");
    for (uint64_t i = 0; i < many; i++)
        add_event(fixture, ahead, "bob");
    add_event(fixture, too_old, "cem");
    add_event(fixture, ahead, "dora"); /* between a day too old and one that is not: nobody knows */
    add_event(fixture, recent, "emil");
    add_event(fixture, ahead, "fay");
    assert_int_equal(commit(fixture), 0);
    for (uint64_t sequence = 1; sequence <= 2; sequence++) {
        add_window(fixture, sequence);
        assert_int_equal(commit(fixture), 0);
    }
    struct history left = ask_events(fixture, 0, 8);
    assert_int_equal(left.count, 3);
    assert_int_equal(left.ids[0], many + 3);
    assert_int_equal(left.ids[2], many + 5);
}

/* --- damage */

static void overwrite(const char *path, off_t at, const void *bytes, size_t count)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, count, at), (ssize_t)count);
    (void)close(fd);
}

enum damage {
    NOTHING_LEFT_OF_HEADER,
    A_PAGE_OF_NOISE,
    CUT_SHORT,
    A_TEXT_FILE,
    ENUM_OUT_OF_RANGE,
    DAMAGE_MAX
};

static void damage_database(const struct fixture *fixture, enum damage damage)
{
    const char *path = in_directory(fixture, "farmgate.db");
    unsigned char noise[4096];
    memset(noise, 0xA5, sizeof(noise));
    switch (damage) {
    case NOTHING_LEFT_OF_HEADER:
        overwrite(path, 0, noise, 100);
        break;
    case A_PAGE_OF_NOISE:
        overwrite(path, 4096, noise, sizeof(noise));
        break;
    case CUT_SHORT:
        assert_int_equal(truncate(path, 3 * 4096 + 17), 0);
        break;
    case A_TEXT_FILE:
        assert_int_equal(truncate(path, 0), 0);
        overwrite(path, 0, "this is no database at all", 26);
        break;
    case ENUM_OUT_OF_RANGE: {
        sqlite3 *handle;
        assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
        assert_int_equal(sqlite3_exec(handle,
                                      "PRAGMA ignore_check_constraints=1; UPDATE connections SET kind=9",
                                      NULL, NULL, NULL),
                         SQLITE_OK);
        (void)sqlite3_close(handle);
        break;
    }
    case DAMAGE_MAX:
        break;
    }
}

static void test_a_damaged_database_costs_history_never_the_licence(void **state)
{
    struct fixture *fixture = *state;
    for (enum damage damage = 0; damage < DAMAGE_MAX; damage++) {
        open_store(fixture);
        activate(fixture);
        add_connection(fixture, "ts1", "c1", "alice");
        add_window(fixture, 1);
        assert_int_equal(commit(fixture), 0);
        close_store(fixture);
        damage_database(fixture, damage);
        open_store(fixture);

        const struct store_loaded *loaded = fixture->loaded;
        assert_true(loaded->database_was_damaged);
        assert_int_equal(access(loaded->set_aside, F_OK), 0);
        assert_non_null(strstr(loaded->set_aside, "farmgate.db.damaged-20260101T000000Z"));
        assert_int_equal(loaded->database_error, 0);
        assert_int_equal(loaded->core.connection_count, 0);
        assert_licence(&loaded->licence, licence_of("farm-1"));
        assert_memory_equal(&loaded->identity, identity_of("farm-1"), sizeof(loaded->identity));
        /* Sequence 1 was used: the authority would take it for a repetition. */
        assert_int_equal(loaded->core.next_sequence, (NOON + 123) / 1000);
        add_connection(fixture, "ts1", "c2", "bob");
        assert_int_equal(commit(fixture), 0);
        reopen(fixture);
        assert_false(fixture->loaded->database_was_damaged);
        assert_int_equal(fixture->loaded->core.connection_count, 1);
        close_store(fixture);
        assert_int_equal(unlink(in_directory(fixture, "farmgate.db")), 0);
    }
}

static void test_a_damaged_licence_is_said(void **state)
{
    struct fixture *fixture = *state;
    static const char *const contents[] = {"", "{", "{}\n", "{\"version\":1}\n\"blake2b:00\"\n", "\xff\xfe"};
    for (size_t i = 0; i <= COUNT(contents); i++) {
        open_store(fixture);
        activate(fixture);
        close_store(fixture);
        const char *path = in_directory(fixture, "licence");
        struct error_detail detail;
        if (i < COUNT(contents))
            assert_int_equal(file_replace(path, contents[i], strlen(contents[i]), 0600, false, &detail), 0);
        else
            overwrite(path, 200, "7", 1); /* a changed byte that may still be good JSON */
        open_store(fixture);
        assert_true(fixture->loaded->licence_was_damaged);
        assert_int_equal(access(fixture->loaded->licence_set_aside, F_OK), 0);
        assert_int_equal(fixture->loaded->core.standing.activation, ACTIVATION_NONE);
        assert_string_equal(fixture->loaded->identity.farm_token, "token");
        assert_false(fixture->loaded->identity_was_damaged);
        close_store(fixture);
    }
}

static void test_a_lost_identity_is_told_by_the_licence(void **state)
{
    struct fixture *fixture = *state;
    open_store(fixture);
    activate(fixture);
    close_store(fixture);
    overwrite(in_directory(fixture, "identity"), 30, "?", 1);
    open_store(fixture);
    assert_true(fixture->loaded->identity_was_damaged);
    assert_int_equal(access(fixture->loaded->identity_set_aside, F_OK), 0);
    assert_true(fixture->loaded->identity_was_recovered);
    assert_string_equal(fixture->loaded->identity.installation_id, "0123456789abcdef");
    assert_string_equal(fixture->loaded->core.farm_id, "farm-1");
    assert_string_equal(fixture->loaded->identity.farm_token, "");
    assert_int_equal(fixture->loaded->core.standing.activation, ACTIVATION_ACTIVE);
}

static void test_a_crash_between_identity_and_licence_is_mended(void **state)
{
    struct fixture *fixture = *state;
    struct store_identity released = *identity_of("farm-1");
    released.farm_token[0] = '\0';
    open_store(fixture);
    activate(fixture);
    assert_int_equal(commit_files(fixture, identity_of("farm-2"), NULL), 0);
    reopen(fixture);
    assert_int_equal(fixture->loaded->core.standing.activation, ACTIVATION_NONE);
    assert_string_equal(fixture->loaded->licence.entitlement, "");
    assert_string_equal(fixture->loaded->core.farm_id, "farm-2");

    activate(fixture);
    assert_int_equal(commit_files(fixture, &released, NULL), 0);
    reopen(fixture);
    assert_int_equal(fixture->loaded->core.standing.activation, ACTIVATION_NONE);
    assert_null(fixture->loaded->core.farm_id);
}

static void test_a_revoked_farm_does_not_revoke_the_next_one(void **state)
{
    struct fixture *fixture = *state;
    struct store_licence revoked = *licence_of("farm-1");
    revoked.standing.activation = ACTIVATION_REVOKED;
    revoked.standing.usage = (struct usage){.state = USAGE_SETTLING, .exceeding_since_ms = 1000};
    open_store(fixture);
    assert_int_equal(commit_files(fixture, identity_of("farm-1"), &revoked), 0);
    assert_int_equal(commit_files(fixture, identity_of("farm-2"), NULL), 0); /* the licence is not written */
    reopen(fixture);
    assert_int_equal(fixture->loaded->core.standing.activation, ACTIVATION_NONE);
    assert_int_equal(fixture->loaded->core.standing.usage.exceeding_since_ms, 0); /* nothing runs meanwhile */
    assert_string_equal(fixture->loaded->core.farm_id, "farm-2");
}

/* --- the farm's journal */

static void on_nothing(void *data, int error, const char *detail)
{
    (void)data;
    (void)detail;
    assert_int_equal(error, 0);
}

static int write_journal(struct fixture *fixture, const struct farm_journal_write *write)
{
    fixture->answered = false;
    assert_int_equal(store_journal_write(fixture->store, write, on_done, fixture), 0);
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_true(fixture->answered);
    return fixture->error;
}

/* What is kept, as "line through sure | told … | changes …". */
static void expect_journal(struct fixture *fixture, const char *expected)
{
    char text[512];
    reopen(fixture);
    const struct farm_journal_kept *kept = &fixture->loaded->journal;
    size_t used = (size_t)snprintf(text, sizeof(text), "%s %d %d |", kept->line, (int)kept->through,
                                   (int)kept->sure_through);
    for (size_t i = 0; i < kept->told_count; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, " %s", kept->told[i]);
    used += (size_t)snprintf(text + used, sizeof(text) - used, " |");
    for (size_t i = 0; i < kept->change_count; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, " %s", kept->changes[i]);
    assert_string_equal(text, expected);
}

static void test_the_journal_keeps_changes_and_what_they_come_to(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *name;
        struct farm_journal_entry entries[3];
        struct farm_journal_write write;
        const char *kept;
    } steps[] = {
        {"a line begins",
         {{.number = 1, .text = "boot-1", .key = "/boot/H"}, {.number = 2, .text = "a", .key = "/s/H/1"}},
         {.line = "p1", .forget = true, .count = 2},
         "p1 0 0 | boot-1 a | boot-1 a"},
        {"the last of a key stands",
         {{.number = 3, .text = "b", .key = "/s/H/1"}, {.number = 4, .text = "c", .key = "/b/H/1"}},
         {.drop_through = 2, .sure_through = 4, .count = 2},
         "p1 2 4 | c boot-1 b | b c"},
        {"an end leaves nothing there",
         {{.number = 5, .text = "end", .key = "/s/H/1", .ended = true}},
         {.drop_through = 3, .sure_through = 5, .count = 1},
         "p1 3 5 | c boot-1 | c end"},
        {"a boot sweeps",
         {{.number = 6, .text = "d", .key = "/s/H/2"},
          {.number = 7, .text = "boot-2", .key = "/boot/H", .swept = {"/s/H/", "/b/H/"}}},
         {.drop_through = 6, .sure_through = 7, .count = 2},
         "p1 6 7 | boot-2 | boot-2"},
        {"what stands, without a change; a change whose key is known",
         {{.text = "e", .key = "/s/H/3"}, {.number = 8, .text = "f"}},
         {.drop_through = 6, .sure_through = 8, .count = 2},
         "p1 6 8 | boot-2 e | boot-2 f"},
        {"another line forgets the changes",
         {{.number = 9, .text = "g", .key = "/s/H/4"}},
         {.line = "p2", .drop_through = 8, .sure_through = 8, .count = 1},
         "p2 8 8 | boot-2 e g | g"},
        {"nothing but a drop", {{0}}, {.drop_through = 9, .sure_through = 9}, "p2 9 9 | boot-2 e g |"},
        {"everything is forgotten", {{0}}, {.line = "p3", .forget = true}, "p3 0 0 | |"},
    };
    open_store(fixture);
    assert_string_equal(fixture->loaded->journal.line, "");
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct farm_journal_write write = steps[i].write;
        write.entries = steps[i].entries;
        assert_int_equal(write_journal(fixture, &write), 0);
        expect_journal(fixture, steps[i].kept);
    }
}

static void test_the_journal_shares_the_order_of_commits(void **state)
{
    struct fixture *fixture = *state;
    const struct farm_journal_entry entry = {.number = 1, .text = "a", .key = "/s/H/1"};
    const struct farm_journal_write first = {.line = "p1", .entries = &entry, .count = 1};
    const struct farm_journal_write second = {.drop_through = 1, .sure_through = 1};
    open_store(fixture);
    add(fixture, &(struct persist){.type = PERSIST_HOST, .host = {.host = "ts1", .boot_id = "boot-1"}});
    fixture->answered = false;
    assert_int_equal(store_journal_write(fixture->store, &first, on_nothing, NULL), 0);
    assert_int_equal(store_journal_write(fixture->store, &second, on_nothing, NULL), 0);
    assert_int_equal(commit(fixture), 0);
    expect_journal(fixture, "p1 1 1 | a |");
    assert_int_equal(fixture->loaded->core.host_count, 1);
}

/* --- older, newer, owned by another, not to be written */

/* farmgate.db as version 1 made it, with what it stored. Never to be changed. */
static const char version_1[] =
    "PRAGMA application_id=1179074932; PRAGMA user_version=1;"
    "CREATE TABLE connections (host TEXT NOT NULL, id TEXT NOT NULL, user TEXT NOT NULL,"
    " connected_at_ms INTEGER NOT NULL,"
    " kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 1),"
    " route INTEGER NOT NULL CHECK (route BETWEEN 0 AND 4),"
    " state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 1),"
    " administrator INTEGER NOT NULL CHECK (administrator BETWEEN 0 AND 2),"
    " reported_by INTEGER NOT NULL, broker_id TEXT NOT NULL, lease_at_ms INTEGER NOT NULL,"
    " PRIMARY KEY (host, id)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE hosts (host TEXT NOT NULL PRIMARY KEY, boot_id TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE windows (start_ms INTEGER PRIMARY KEY, end_ms INTEGER NOT NULL,"
    " peak_at_ms INTEGER NOT NULL, peak_users INTEGER NOT NULL, users_at_end INTEGER NOT NULL,"
    " exempt_peak INTEGER NOT NULL, hosts INTEGER NOT NULL,"
    " sequence INTEGER NOT NULL, farm_id TEXT NOT NULL,"
    " state TEXT NOT NULL CHECK (state IN ('c', 'a', 'r')), reason TEXT NOT NULL) STRICT;"
    "CREATE INDEX windows_by_sequence ON windows (farm_id, sequence);"
    "CREATE TABLE running (one INTEGER PRIMARY KEY CHECK (one = 1),"
    " start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL,"
    " peak_at_ms INTEGER NOT NULL, peak_users INTEGER NOT NULL, users_at_end INTEGER NOT NULL,"
    " exempt_peak INTEGER NOT NULL, hosts INTEGER NOT NULL, sequence INTEGER NOT NULL,"
    " today_at_ms INTEGER NOT NULL, today_users INTEGER NOT NULL,"
    " ever_at_ms INTEGER NOT NULL, ever_users INTEGER NOT NULL) STRICT;"
    "CREATE TABLE days (start_ms INTEGER PRIMARY KEY, peak_at_ms INTEGER NOT NULL,"
    " peak_users INTEGER NOT NULL) STRICT;"
    "CREATE TABLE farms (farm_id TEXT NOT NULL PRIMARY KEY, next_sequence INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE events (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, name TEXT NOT NULL,"
    " json TEXT NOT NULL) STRICT;"
    "CREATE TABLE counters (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO connections VALUES ('ts1','c1','alice',1767225600001,0,1,1,0,1,'',0);"
    "INSERT INTO connections VALUES ('ts1','c2','bob',1767225600001,0,1,0,0,2,'',1767225600099);"
    "INSERT INTO hosts VALUES ('ts1','boot-1');"
    "INSERT INTO counters VALUES ('last_event_id',41);";

static void sql(const struct fixture *fixture, const char *statements)
{
    sqlite3 *handle;
    char *message = NULL;
    assert_int_equal(sqlite3_open(in_directory(fixture, "farmgate.db"), &handle), SQLITE_OK);
    if (sqlite3_exec(handle, statements, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    (void)sqlite3_close(handle);
}

static void test_what_version_1_stored_is_taken_over(void **state)
{
    struct fixture *fixture = *state;
    struct roster_change alice = connection_of("ts1", "c1", "alice"), bob = connection_of("ts1", "c2", "bob");
    alice.connection.route = bob.connection.route = ROUTE_RDP;
    alice.connection.state = CONNECTION_DISCONNECTED;
    bob.reported_by = REPORTED_BY_BROKER;
    bob.lease_at_ms = NOON + 99;
    sql(fixture, version_1);
    for (int i = 0; i < 2; i++) {
        open_store(fixture);
        const struct core_saved *core = &fixture->loaded->core;
        assert_false(fixture->loaded->database_was_damaged);
        assert_int_equal(core->connection_count, 2);
        assert_connection(&core->connections[0], &alice); /* since when was not stored */
        assert_connection(&core->connections[1], &bob);
        assert_int_equal(core->host_count, 1);
        assert_int_equal(store_next_event_id(fixture->store), 42);
        alice.disconnected_at_ms = NOON + 5;
        add(fixture, &(struct persist){.type = PERSIST_CONNECTION, .connection = alice});
        assert_int_equal(commit(fixture), 0);
        close_store(fixture);
    }
}

static void test_a_newer_version_is_refused_untouched(void **state)
{
    struct fixture *fixture = *state;
    static const char *const files[] = {"identity", "licence"};
    static const char text[] = "{\"version\":3,\"more\":true}";
    struct error_detail detail;
    for (size_t i = 0; i < COUNT(files); i++) {
        char *kept = NULL;
        size_t bytes;
        assert_int_equal(
            file_replace(in_directory(fixture, files[i]), text, strlen(text), 0600, false, &detail), 0);
        assert_int_equal(open_error(fixture), ERROR_NEWER);
        assert_non_null(strstr(fixture->detail, "3"));
        assert_non_null(strstr(fixture->detail, "2"));
        assert_non_null(strstr(fixture->detail, files[i]));
        assert_false(exists(fixture, "farmgate.db"));
        assert_int_equal(file_read(in_directory(fixture, files[i]), 1000, &kept, &bytes, &detail), 0);
        assert_string_equal(kept, text);
        free(kept);
        assert_int_equal(unlink(in_directory(fixture, files[i])), 0);
    }

    open_store(fixture);
    close_store(fixture);
    char newer[64], *before = NULL, *after = NULL;
    size_t before_bytes, after_bytes;
    (void)snprintf(newer, sizeof(newer), "PRAGMA user_version=%d", STORE_SCHEMA_VERSION + 1);
    sql(fixture, newer);
    assert_int_equal(
        file_read(in_directory(fixture, "farmgate.db"), 1 << 20, &before, &before_bytes, &detail), 0);
    assert_int_equal(open_error(fixture), ERROR_NEWER);
    assert_non_null(strstr(fixture->detail, "has version 4, this program knows versions up to 3"));
    assert_int_equal(file_read(in_directory(fixture, "farmgate.db"), 1 << 20, &after, &after_bytes, &detail),
                     0);
    assert_int_equal(after_bytes, before_bytes);
    assert_memory_equal(after, before, before_bytes);
    free(before);
    free(after);
}

static void test_a_second_owner_is_refused(void **state)
{
    struct fixture *fixture = *state;
    open_store(fixture);
    add_connection(fixture, "ts1", "c1", "alice");
    assert_int_equal(commit(fixture), 0);
    assert_int_equal(other_process("open", fixture->directory), 0);
    add_connection(fixture, "ts1", "c2", "bob");
    assert_int_equal(commit(fixture), 0);
    reopen(fixture);
    assert_int_equal(fixture->loaded->core.connection_count, 2);
}

static rlim_t limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    return before;
}

static void test_without_room_a_commit_fails_and_a_later_one_succeeds(void **state)
{
    struct fixture *fixture = *state;
    (void)signal(SIGXFSZ, SIG_IGN);
    open_store(fixture);
    activate(fixture);
    add_connection(fixture, "ts1", "c1", "alice");
    assert_int_equal(commit(fixture), 0);

    rlim_t before = limit_file_size(4096);
    for (int i = 0; i < 40; i++)
        add_window(fixture, (uint64_t)i);
    add_connection(fixture, "ts1", "c2", "bob");
    add_event(fixture, NOON, "bob");
    int database_full = commit(fixture);
    struct history history = ask_windows(fixture, INT64_MIN, INT64_MAX, 8);
    add_connection(fixture, "ts1", "c3", "carol");
    int file_full = commit_files(fixture, NULL, licence_of("farm-1"));
    (void)limit_file_size(before);

    assert_true(database_full == ERROR_FULL || database_full == ERROR_IO);
    assert_true(file_full == ERROR_FULL || file_full == ERROR_IO);
    assert_string_not_equal(fixture->detail, "");
    assert_int_equal(history.error, 0); /* history is still read */
    assert_int_equal(history.count, 0);
    add_connection(fixture, "ts1", "c4", "dora");
    add_event(fixture, NOON, "dora");
    assert_int_equal(commit(fixture), 0);
    reopen(fixture);
    assert_int_equal(fixture->loaded->core.connection_count, 2); /* alice and dora, nothing of the failed */
    assert_int_equal(fixture->loaded->core.standing.activation, ACTIVATION_ACTIVE);
    assert_int_equal(ask_events(fixture, 0, 8).count, 1);
    assert_int_equal(ask_events(fixture, 0, 8).ids[0], 2); /* 1 was published, and is not given again */
}

static void test_a_store_that_cannot_open_yet_serves_the_licence_and_tries_again(void **state)
{
    struct fixture *fixture = *state;
    struct peak_mark ever = {NOON, 50}, lower = {NOON + 1, 3};
    (void)signal(SIGXFSZ, SIG_IGN);
    open_store(fixture);
    activate(fixture);
    add_window(fixture, 1);
    add(fixture, &(struct persist){.type = PERSIST_RUNNING, .running = {window_of(2), ever, ever}});
    assert_int_equal(commit(fixture), 0);
    close_store(fixture);

    char database[256], away[256];
    (void)snprintf(database, sizeof(database), "%s/farmgate.db", fixture->directory);
    (void)snprintf(away, sizeof(away), "%s/away", fixture->directory);
    assert_int_equal(rename(database, away), 0);
    assert_int_equal(mkdir(in_directory(fixture, "farmgate.db"), 0700), 0); /* cannot be opened as a file */
    open_store(fixture);
    assert_int_not_equal(fixture->loaded->database_error, 0);
    assert_string_not_equal(fixture->loaded->database_detail.text, "");
    assert_int_equal(fixture->loaded->core.standing.activation, ACTIVATION_ACTIVE);
    uint64_t first_sequence = fixture->loaded->core.next_sequence;
    assert_int_equal(first_sequence, (NOON + 123) / 1000);
    assert_true(store_next_event_id(fixture->store) > NOON);
    add_connection(fixture, "ts1", "c1", "alice");
    assert_int_not_equal(commit(fixture), 0);
    assert_string_not_equal(fixture->detail, "");
    assert_int_not_equal(ask_windows(fixture, INT64_MIN, INT64_MAX, 8).error, 0);

    assert_int_equal(rmdir(in_directory(fixture, "farmgate.db")), 0);
    assert_int_equal(rename(away, database), 0);
    add(fixture, &(struct persist){.type = PERSIST_CLEAR});
    add_connection(fixture, "ts1", "c1", "alice");
    struct window window = window_of(5);
    window.sequence = first_sequence;
    add(fixture, &(struct persist){.type = PERSIST_WINDOW, .window = window});
    add(fixture, &(struct persist){.type = PERSIST_RUNNING, .running = {window_of(6), lower, lower}});
    add(fixture,
        &(struct persist){.type = PERSIST_ACKNOWLEDGED, .acknowledged = {.sequence = first_sequence}});
    assert_int_equal(commit(fixture), 0);
    reopen(fixture);
    const struct core_saved *core = &fixture->loaded->core;
    assert_int_equal(fixture->loaded->database_error, 0);
    assert_int_equal(core->connection_count, 1);
    assert_int_equal(core->unsent_count, 1); /* the window of before was not sent, so it is not accepted */
    assert_int_equal(core->unsent[0].sequence, 1);
    assert_int_equal(core->next_sequence, first_sequence + 1);
    assert_int_equal(core->ever.users, 50);
    assert_int_equal(core->today.users, 3);
}

static void test_a_first_start_without_room_keeps_its_identity(void **state)
{
    struct fixture *fixture = *state;
    (void)signal(SIGXFSZ, SIG_IGN);
    rlim_t before = limit_file_size(0);
    open_store(fixture);
    (void)limit_file_size(before);
    assert_int_not_equal(fixture->loaded->database_error, 0);
    struct store_identity identity = fixture->loaded->identity;
    assert_int_equal(strlen(identity.installation_id), 32);
    assert_int_equal(commit_files(fixture, &identity, NULL), 0);
    reopen(fixture);
    assert_string_equal(fixture->loaded->identity.installation_id, identity.installation_id);
}

static void test_a_directory_that_cannot_be_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    char kept[sizeof(fixture->directory)];
    (void)strcpy(kept, fixture->directory);
    (void)strcpy(fixture->directory, "/tmp/farmgate-none/none");
    assert_int_equal(open_error(fixture), ERROR_NOT_FOUND);
    assert_non_null(strstr(fixture->detail, "/tmp/farmgate-none/none"));
    (void)strcpy(fixture->directory, kept);
}

#define ON_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* Finds the store taken. */
static int be_the_other(const char *directory)
{
    struct fixture second = {0};
    (void)snprintf(second.directory, sizeof(second.directory), "%s", directory);
    (void)uv_loop_init(&second.loop);
    int error = open_error(&second);
    (void)uv_loop_close(&second.loop);
    return error == ERROR_BUSY && strstr(second.detail, "farmgate.db") ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return be_the_other(argv[2]);
    const struct CMUnitTest tests[] = {
        ON_DIRECTORY(test_a_first_start_makes_an_identity),
        ON_DIRECTORY(test_everything_comes_back),
        ON_DIRECTORY(test_later_actions_replace_earlier_ones),
        ON_DIRECTORY(test_windows_get_new_numbers),
        ON_DIRECTORY(test_windows_belong_to_their_farm),
        ON_DIRECTORY(test_the_highest_numbers_are_read_again),
        ON_DIRECTORY(test_windows_older_than_the_report_stay_unsent),
        ON_DIRECTORY(test_waiting_commits_share_a_transaction_and_keep_their_order),
        ON_DIRECTORY(test_closing_finishes_what_is_queued),
        ON_DIRECTORY(test_windows_are_asked_for),
        ON_DIRECTORY(test_readers_may_outlive_the_store),
        ON_DIRECTORY(test_days_are_asked_for),
        ON_DIRECTORY(test_event_ids_rise_over_restarts),
        ON_DIRECTORY(test_old_history_goes),
        ON_DIRECTORY(test_events_dated_ahead_hold_nothing_up),
        ON_DIRECTORY(test_a_damaged_database_costs_history_never_the_licence),
        ON_DIRECTORY(test_a_damaged_licence_is_said),
        ON_DIRECTORY(test_a_lost_identity_is_told_by_the_licence),
        ON_DIRECTORY(test_a_crash_between_identity_and_licence_is_mended),
        ON_DIRECTORY(test_a_revoked_farm_does_not_revoke_the_next_one),

        ON_DIRECTORY(test_the_journal_keeps_changes_and_what_they_come_to),
        ON_DIRECTORY(test_the_journal_shares_the_order_of_commits),
        ON_DIRECTORY(test_what_version_1_stored_is_taken_over),
        ON_DIRECTORY(test_a_newer_version_is_refused_untouched),
        ON_DIRECTORY(test_a_second_owner_is_refused),
        ON_DIRECTORY(test_without_room_a_commit_fails_and_a_later_one_succeeds),
        ON_DIRECTORY(test_a_store_that_cannot_open_yet_serves_the_licence_and_tries_again),
        ON_DIRECTORY(test_a_first_start_without_room_keeps_its_identity),
        ON_DIRECTORY(test_a_directory_that_cannot_be_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
