/* A person is taken out of what is stored: every event of that user, in any spelling, and nothing of anybody
 * else's; and no copy of the name stays in the files. */
#include "agent/core/core_actions.h"
#include "agent/store.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOON INT64_C(1767225600000)
#define MANY 5000 /* several steps */

struct fixture {
    char directory[64];
    uv_loop_t loop;
    struct store *store;
    struct store_loaded *loaded;
    struct core_actions *actions;
    int error;
    uint64_t events;
    unsigned told;
    bool closed;
};

static const char *path_of(const struct fixture *fixture, const char *name)
{
    static char path[sizeof(fixture->directory) + 256 + 1];
    (void)snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
    return path;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct error_detail detail;
    (void)strcpy(fixture->directory, "/tmp/farmgate-forget-XXXXXX");
    fixture->actions = core_actions_create();
    (void)uv_loop_init(&fixture->loop);
    *state = fixture;
    if (!mkdtemp(fixture->directory) || sodium_init() < 0)
        return -1;
    return store_open(&fixture->loop, fixture->directory, NOON, &fixture->store, &fixture->loaded, &detail);
}

static void on_closed(void *data)
{
    ((struct fixture *)data)->closed = true;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    struct dirent *entry;
    store_loaded_free(fixture->loaded);
    if (!fixture->closed)
        store_close(fixture->store, on_closed, fixture);
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&fixture->loop);
    DIR *directory = opendir(fixture->directory);
    while ((entry = readdir(directory)) != NULL)
        (void)unlink(path_of(fixture, entry->d_name));
    (void)closedir(directory);
    core_actions_destroy(fixture->actions);
    int error = rmdir(fixture->directory);
    free(fixture);
    return error;
}

/* ---- what is stored ------------------------------------------------------------------------------------ */

static void ended(struct fixture *fixture, const char *user)
{
    struct log_event event = {.code = LOG_connection_ended, .at_ms = NOON};
    log_event_text(&event, "user", user);
    log_event_text(&event, "host", "ts1");
    log_event_text(&event, "session", "7");
    assert_int_equal(core_actions_log(fixture->actions, &event), 0);
}

static void on_done(void *data, int error, const char *detail)
{
    struct fixture *fixture = data;
    (void)detail;
    fixture->error = error;
    fixture->told++;
}

static void begin_commit(struct fixture *fixture)
{
    const struct core_actions *const actions = fixture->actions;
    const struct store_batch batch = {.actions = &actions, .count = 1};
    assert_int_equal(store_commit(fixture->store, &batch, on_done, fixture), 0);
    core_actions_clear(fixture->actions);
}

static void commit(struct fixture *fixture)
{
    begin_commit(fixture);
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(fixture->error, 0);
}

static void on_forgotten(void *data, int error, const char *detail, uint64_t events)
{
    struct fixture *fixture = data;
    assert_true((error != 0) == (detail != NULL));
    fixture->error = error;
    fixture->events = events;
    fixture->told++;
}

static uint64_t forget(struct fixture *fixture, const char *user, const struct identity_alias *aliases,
                       size_t count)
{
    assert_int_equal(store_forget(fixture->store, user, aliases, count, on_forgotten, fixture), 0);
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(fixture->error, 0);
    return fixture->events;
}

/* ---- what is left of it -------------------------------------------------------------------------------- */

struct left {
    size_t count, erased;
    char text[4096]; /* of all, one behind the other */
};

static void on_events(void *data, int error, const struct store_event *events, size_t count)
{
    struct left *left = data;
    assert_int_equal(error, 0);
    left->count = count;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(left->text);
        left->erased += strstr(events[i].json, "\"erased\":true") != NULL;
        (void)snprintf(left->text + length, sizeof(left->text) - length, "%s\n", events[i].json);
    }
}

static struct left what_is_left(struct fixture *fixture)
{
    struct left left = {0};
    assert_int_equal(store_query_events(fixture->store, 0, STORE_QUERY_ROWS_MAX, on_events, &left), 0);
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    return left;
}

static bool file_has(const char *path, const char *word)
{
    FILE *file = fopen(path, "rb");
    size_t length = strlen(word), matched = 0;
    bool found = false;
    for (int byte; file && !found && (byte = fgetc(file)) != EOF;) {
        matched = byte == word[matched] ? matched + 1 : (size_t)(byte == word[0]);
        found = matched == length;
    }
    if (file)
        (void)fclose(file);
    return found;
}

static bool on_disk(struct fixture *fixture, const char *word)
{
    struct dirent *entry;
    bool found = false;
    DIR *directory = opendir(fixture->directory);
    while ((entry = readdir(directory)) != NULL)
        found = found || file_has(path_of(fixture, entry->d_name), word);
    (void)closedir(directory);
    return found;
}

/* ---- tests --------------------------------------------------------------------------------------------- */

static void test_only_this_user_in_any_spelling(void **state)
{
    static const struct identity_alias alias = {.dns_domain = "corp.example", .domain = "CORP"};
    static const struct {
        const char *user, *forgotten;
        bool aliased, goes;
    } rows[] = {
        {"alice", "alice", false, true},
        {"Alice", "alice", false, false}, /* Unix names are their bytes */
        {"alice2", "alice", false, false},
        {"CORP\\ann", "corp\\ANN", false, true},
        {"ann@corp.example", "CORP\\ann", false, false},
        {"ann@corp.example", "CORP\\ann", true, true},
        {"CORP\\\xc3\x84nne", "corp\\\xc3\xa4nne", false, true},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t before = what_is_left(fixture).erased;
        ended(fixture, rows[i].user);
        commit(fixture);
        (void)forget(fixture, rows[i].forgotten, &alias, rows[i].aliased);
        struct left left = what_is_left(fixture);
        assert_int_equal(left.erased > before, rows[i].goes);
        (void)forget(fixture, rows[i].user, NULL, 0); /* whoever it was */
    }
    assert_int_equal(what_is_left(fixture).erased, COUNT(rows));
}

static void test_what_stays_of_an_event(void **state)
{
    struct fixture *fixture = *state;
    ended(fixture, "Bartholomew");
    ended(fixture, "bob");
    commit(fixture);
    assert_true(on_disk(fixture, "Bartholomew"));
    assert_int_equal(forget(fixture, "Bartholomew", NULL, 0), 1);
    assert_string_equal(
        what_is_left(fixture).text,
        "{\"id\":1,\"at\":\"2026-01-01T00:00:00.000Z\",\"code\":\"connection_ended\",\"severity\":\"info\","
        "\"text\":\"What happened to somebody; erased.\",\"erased\":true}\n"
        "{\"id\":2,\"at\":\"2026-01-01T00:00:00.000Z\",\"code\":\"connection_ended\",\"severity\":\"info\","
        "\"text\":\"bob left ts1 (7)\",\"user\":\"bob\",\"host\":\"ts1\",\"session\":\"7\"}\n");
    assert_false(on_disk(fixture, "Bartholomew"));
    assert_true(on_disk(fixture, "bob"));
    assert_int_equal(forget(fixture, "Bartholomew", NULL, 0), 0);
    assert_int_equal(forget(fixture, "nobody", NULL, 0), 0);
}

/* Also the rows of a connection that has ended. */
static void test_an_ended_connection_leaves_no_name(void **state)
{
    struct fixture *fixture = *state;
    const struct connection connection = {
        .host = "ts1", .id = "7", .user = "Wilhelmina", .connected_at_ms = NOON, .route = ROUTE_RDP};
    struct persist persist = {.type = PERSIST_CONNECTION, .connection = {.connection = connection}};
    assert_true(core_actions_persist(fixture->actions, &persist));
    commit(fixture);
    assert_true(on_disk(fixture, "Wilhelmina"));
    persist.type = PERSIST_CONNECTION_ENDED;
    assert_true(core_actions_persist(fixture->actions, &persist));
    commit(fixture);
    (void)forget(fixture, "Wilhelmina", NULL, 0);
    assert_false(on_disk(fixture, "Wilhelmina"));
}

static void test_commits_go_between_its_steps(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < MANY; i++)
        ended(fixture, i % 2 ? "Bartholomew" : "bob");
    commit(fixture);
    fixture->told = 0;
    assert_int_equal(store_forget(fixture->store, "Bartholomew", NULL, 0, on_forgotten, fixture), 0);
    ended(fixture, "carol");
    begin_commit(fixture);
    while (fixture->told == 0)
        (void)uv_run(&fixture->loop, UV_RUN_ONCE);
    assert_int_equal(fixture->events, 0); /* the commit was first */
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(fixture->told, 2);
    assert_int_equal(fixture->events, MANY / 2);
    assert_false(on_disk(fixture, "Bartholomew"));
    struct left left = what_is_left(fixture);
    assert_int_equal(left.count, MANY + 1);
    assert_int_equal(left.erased, MANY / 2);
}

static void test_a_store_that_closes_says_so(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < MANY; i++)
        ended(fixture, "bob");
    commit(fixture);
    assert_int_equal(store_forget(fixture->store, "bob", NULL, 0, on_forgotten, fixture), 0);
    store_close(fixture->store, on_closed, fixture);
    assert_int_equal(store_forget(fixture->store, "bob", NULL, 0, on_forgotten, fixture), ERROR_CANCELLED);
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_true(fixture->closed);
    assert_int_equal(fixture->error, ERROR_CANCELLED);
    assert_true(fixture->events < MANY);
}

#define ON_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_STORE(test_only_this_user_in_any_spelling),     ON_STORE(test_what_stays_of_an_event),
        ON_STORE(test_an_ended_connection_leaves_no_name), ON_STORE(test_commits_go_between_its_steps),
        ON_STORE(test_a_store_that_closes_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
