/* The power fails at every write, sync, truncation and deletion of a store's life, and again while it
 * recovers: every acknowledged commit is there afterwards, every other one is there whole or not at all, and
 * the database is sound. Controls: a disk whose syncs lie must be caught losing. Prints TAP.
 *
 *     test_store_crash [--long] [--seed N] */
#include "agent/core/core_actions.h"
#include "agent/store.h"
#include "crash_vfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOON          INT64_C(1767225600000)
#define COMMITS       12
#define REOPENED_AT   6 /* the life closes its store before this commit: a checkpoint */
#define LARGE_AT      9 /* a commit of many pages */
#define LARGE_ROWS    150
#define SEEDS_SHORT   4
#define SEEDS_LONG    400
#define CONTROL_SEEDS 1

struct life {
    char directory[64];
    uv_loop_t loop;
    struct core_actions *actions;
    int acknowledged; /* commits */
    bool answered;
    int error;
};

/* What a run of many lives found. */
struct findings {
    uint64_t recoveries, lost, torn, damaged;
};

static void on_closed(void *data)
{
    (void)data;
}

static void close_store(struct life *life, struct store *store)
{
    store_close(store, on_closed, NULL);
    (void)uv_run(&life->loop, UV_RUN_DEFAULT);
}

static void on_done(void *data, int error, const char *detail)
{
    struct life *life = data;
    (void)detail;
    life->answered = true;
    life->error = error;
}

/* Commit n: a connection, a window and an event, all or none. */
static void fill(struct core_actions *actions, int n)
{
    char id[16], user[CONNECTION_USER_BYTES_MAX + 1];
    (void)snprintf(id, sizeof(id), "c%d", n);
    memset(user, 'u', sizeof(user) - 1);
    user[sizeof(user) - 1] = '\0';
    struct persist connection = {.type = PERSIST_CONNECTION,
                                 .connection = {.connection = {.host = "ts1", .id = id, .user = "alice"},
                                                .reported_by = REPORTED_BY_BROKER,
                                                .broker_id = ""}};
    struct persist window = {
        .type = PERSIST_WINDOW,
        .window = {.start_ms = NOON + n * WINDOW_MS, .end_ms = NOON + (n + 1) * WINDOW_MS}};
    struct log_event event = {.code = LOG_gate_opened, .at_ms = NOON + n};
    bool added = core_actions_persist(actions, &connection) && core_actions_persist(actions, &window) &&
                 core_actions_log(actions, &event) == 0;
    connection.connection.connection.host = "ts2";
    connection.connection.connection.user = user;
    for (int i = 0; added && n == LARGE_AT && i < LARGE_ROWS; i++) {
        (void)snprintf(id, sizeof(id), "large%d", i);
        added = core_actions_persist(actions, &connection);
    }
    if (!added)
        abort();
}

static bool commit(struct life *life, struct store *store, int n)
{
    const struct core_actions *lists[] = {life->actions};
    struct store_batch batch = {.actions = lists, .count = 1};
    core_actions_clear(life->actions);
    fill(life->actions, n);
    life->answered = false;
    if (store_commit(store, &batch, on_done, life) != 0)
        abort();
    (void)uv_run(&life->loop, UV_RUN_DEFAULT);
    if (!life->answered)
        abort();
    return life->error == 0;
}

static struct store *open_store(struct life *life, struct store_loaded **ret_loaded)
{
    struct store *store = NULL;
    struct error_detail detail;
    if (store_open(&life->loop, life->directory, NOON, &store, ret_loaded, &detail) != 0)
        return NULL;
    return store;
}

/* Commits from the first that is not acknowledged on, until the power fails. */
static void live(struct life *life)
{
    struct store_loaded *loaded = NULL;
    struct store *store = open_store(life, &loaded);
    store_loaded_free(loaded);
    while (store && life->acknowledged < COMMITS) {
        if (life->acknowledged == REOPENED_AT) {
            close_store(life, store);
            store = open_store(life, &loaded);
            store_loaded_free(loaded);
            if (!store)
                return;
        }
        if (!commit(life, store, life->acknowledged))
            break;
        life->acknowledged++;
    }
    if (store)
        close_store(life, store);
}

/* --- what came back */

struct found {
    bool connection[COMMITS + 1], window[COMMITS + 1], event[COMMITS + 1];
    int large;
};

static void on_windows(void *data, int error, const struct store_windows *windows)
{
    struct found *found = data;
    for (size_t i = 0; error == 0 && i < windows->count; i++)
        found->window[(windows->windows[i].start_ms - NOON) / WINDOW_MS] = true;
}

static void on_events(void *data, int error, const struct store_event *events, size_t count)
{
    struct found *found = data;
    for (size_t i = 0; error == 0 && i < count; i++)
        found->event[events[i].at_ms - NOON] = true;
}

static void find(struct life *life, struct store *store, const struct store_loaded *loaded, struct found *ret)
{
    *ret = (struct found){0};
    for (size_t i = 0; i < loaded->core.connection_count; i++) {
        int n;
        if (sscanf(loaded->core.connections[i].connection.id, "c%d", &n) == 1)
            ret->connection[n] = true;
        else
            ret->large++;
    }
    (void)store_query_windows(store, INT64_MIN, INT64_MAX, COMMITS + 1, on_windows, ret);
    (void)store_query_events(store, 0, COMMITS + 1, on_events, ret);
    (void)uv_run(&life->loop, UV_RUN_DEFAULT);
}

static bool whole(const struct found *found, int n)
{
    return found->connection[n] && found->window[n] && found->event[n] &&
           (n != LARGE_AT || found->large == LARGE_ROWS);
}

static bool absent(const struct found *found, int n)
{
    return !found->connection[n] && !found->window[n] && !found->event[n] &&
           (n != LARGE_AT || found->large == 0);
}

static bool sound(const struct life *life)
{
    char path[128];
    sqlite3 *handle = NULL;
    sqlite3_stmt *statement = NULL;
    (void)snprintf(path, sizeof(path), "%s/farmgate.db", life->directory);
    bool ok = sqlite3_open(path, &handle) == SQLITE_OK &&
              sqlite3_exec(handle, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL) == SQLITE_OK &&
              sqlite3_prepare_v2(handle, "PRAGMA integrity_check", -1, &statement, NULL) == SQLITE_OK &&
              sqlite3_step(statement) == SQLITE_ROW &&
              strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(handle);
    return ok;
}

/* The power is back: whatever was acknowledged must be there. The next commit may be, whole. */
static void judge(struct life *life, struct findings *findings)
{
    struct store_loaded *loaded = NULL;
    struct store *store = open_store(life, &loaded);
    findings->recoveries++;
    if (!store || loaded->database_was_damaged || loaded->database_error != 0) {
        findings->damaged++;
        store_loaded_free(loaded);
        if (store)
            close_store(life, store);
        return;
    }
    struct found found;
    find(life, store, loaded, &found);
    store_loaded_free(loaded);
    close_store(life, store);
    bool lost = false, torn = false;
    for (int n = 0; n < life->acknowledged; n++)
        lost |= !whole(&found, n);
    for (int n = life->acknowledged; n <= COMMITS; n++)
        torn |= n == life->acknowledged ? !whole(&found, n) && !absent(&found, n) : !absent(&found, n);
    findings->lost += lost;
    findings->torn += torn;
    findings->damaged += !sound(life);
}

/* --- many lives */

static uint64_t whole_life(struct life *life, enum crash_lie lie)
{
    crash_vfs_format(lie);
    life->acknowledged = 0;
    live(life);
    if (life->acknowledged != COMMITS) {
        printf("Bail out! a life without a power failure acknowledged %d of %d commits\n", life->acknowledged,
               COMMITS);
        exit(1);
    }
    return crash_vfs_operations();
}

/* Dies at operation `at`; with `again` also at an operation of its recovery. */
static void die(struct life *life, enum crash_lie lie, uint64_t at, uint64_t seed, uint64_t again,
                struct findings *findings)
{
    crash_vfs_format(lie);
    crash_vfs_fail_at(at);
    life->acknowledged = 0;
    live(life);
    crash_vfs_restart(seed);
    if (again > 0) {
        struct store_loaded *loaded = NULL;
        crash_vfs_fail_at(again);
        struct store *store = open_store(life, &loaded);
        store_loaded_free(loaded);
        if (store)
            close_store(life, store);
        crash_vfs_restart(seed + 1);
    }
    judge(life, findings);
}

static struct findings run(struct life *life, enum crash_lie lie, uint64_t seeds, uint64_t first_seed)
{
    struct findings findings = {0};
    uint64_t operations = whole_life(life, lie);
    for (uint64_t at = 1; at <= operations; at++) {
        for (uint64_t s = 0; s < seeds; s++) {
            uint64_t seed = first_seed + at * UINT64_C(1000003) + s * 7;
            die(life, lie, at, seed, s % 2 ? 1 + seed % 12 : 0, &findings);
        }
    }
    printf("# %" PRIu64 " operations, %" PRIu64 " recoveries: %" PRIu64 " lost, %" PRIu64 " torn, %" PRIu64
           " damaged\n",
           operations, findings.recoveries, findings.lost, findings.torn, findings.damaged);
    return findings;
}

static void tell(int number, bool ok, const char *what)
{
    printf("%sok %d - %s\n", ok ? "" : "not ", number, what);
    (void)fflush(stdout);
}

/* Also of what was set aside, under names of its own. */
static void remove_directory(const char *path)
{
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        (void)unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        (void)closedir(directory);
    (void)rmdir(path);
}

int main(int argc, char **argv)
{
    uint64_t seeds = SEEDS_SHORT, first_seed = 1;
    struct life life = {.directory = "/tmp/farmgate-crash-XXXXXX"};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--long") == 0)
            seeds = SEEDS_LONG;
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            first_seed = strtoull(argv[++i], NULL, 10);
    }
    (void)setenv("UV_THREADPOOL_SIZE", "1", 1);
    if (sodium_init() < 0 || !mkdtemp(life.directory) || uv_loop_init(&life.loop) != 0)
        return 1;
    life.actions = core_actions_create();
    crash_vfs_register();
    printf("1..3\n# seed %" PRIu64 "\n", first_seed);

    struct findings honest = run(&life, CRASH_HONEST, seeds, first_seed);
    bool held = honest.lost + honest.torn + honest.damaged == 0 && honest.recoveries > 0;
    tell(1, held, "no power failure loses an acknowledged commit");
    struct findings wal = run(&life, CRASH_WAL_LIES, CONTROL_SEEDS, first_seed);
    tell(2, wal.lost > 0, "control: a log that is not synced is caught losing");
    struct findings all = run(&life, CRASH_ALL_LIE, CONTROL_SEEDS, first_seed);
    tell(3, all.lost + all.damaged > wal.lost, "control: a disk that never syncs is caught losing more");

    remove_directory(life.directory);
    core_actions_destroy(life.actions);
    (void)uv_loop_close(&life.loop);
    crash_vfs_format(CRASH_HONEST);
    return held && wal.lost > 0 && all.lost + all.damaged > wal.lost ? 0 : 1;
}
