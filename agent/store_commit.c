/* store_commit.c - a group of commits made durable: the files, then one transaction. On the pool. */
#include "store_private.h"

#include <string.h>

#define COUNTER_EVENTS "last_event_id"

static int put_connection(struct store_database *database, const struct roster_change *change,
                          struct error_detail *ret_detail)
{
    const struct connection *connection = &change->connection;
    return store_database_run(
        database, STATEMENT_CONNECTION_PUT, ret_detail, "tttiiiiiitii", connection->host, connection->id,
        connection->user, connection->connected_at_ms, (int64_t)connection->kind, (int64_t)connection->route,
        (int64_t)connection->state, (int64_t)connection->administrator, (int64_t)change->reported_by,
        change->broker_id ? change->broker_id : "", change->lease_at_ms, change->disconnected_at_ms);
}

static int put_window(struct store_database *database, const struct window *window, const char *farm_id,
                      struct error_detail *ret_detail)
{
    int error = store_database_run(database, STATEMENT_WINDOW_PUT, ret_detail, "iiiiiiiit", window->start_ms,
                                   window->end_ms, window->peak_at_ms, (int64_t)window->peak_users,
                                   (int64_t)window->users_at_end, (int64_t)window->exempt_peak,
                                   (int64_t)window->hosts, (int64_t)window->sequence, farm_id);
    if (error == 0 && window->sequence > 0)
        error = store_database_run(database, STATEMENT_FARM_PUT, ret_detail, "ti", farm_id,
                                   (int64_t)window->sequence + 1);
    return error;
}

static int put_running(struct store_database *database, const struct persist *persist,
                       struct error_detail *ret_detail)
{
    const struct window *window = &persist->running.window;
    const struct peak_mark *today = &persist->running.today, *ever = &persist->running.ever;
    if (ever->users < database->ever_floor.users)
        ever = &database->ever_floor;
    return store_database_run(database, STATEMENT_RUNNING_PUT, ret_detail, "iiiiiiiiiiii", window->start_ms,
                              window->end_ms, window->peak_at_ms, (int64_t)window->peak_users,
                              (int64_t)window->users_at_end, (int64_t)window->exempt_peak,
                              (int64_t)window->hosts, (int64_t)window->sequence, today->at_ms,
                              (int64_t)today->users, ever->at_ms, (int64_t)ever->users);
}

/* Windows that are older than the report may be on the disk, unsent still: of a time when the key was given
 * back, or before another farm's. The next start sends them. */
static int accept_windows(struct store_database *database, uint64_t first, uint64_t through,
                          const char *farm_id, struct error_detail *ret_detail)
{
    uint64_t least = database->sequence_floor > 0 ? database->sequence_floor : 1;
    if (first < least)
        first = least;
    return store_database_run(database, STATEMENT_WINDOWS_ACCEPT, ret_detail, "tii", farm_id, (int64_t)first,
                              (int64_t)through);
}

static int put_persist(struct store_database *database, const struct persist *persist, const char *farm_id,
                       struct error_detail *ret_detail)
{
    switch (persist->type) {
    case PERSIST_CLEAR:
        return store_database_run(database, STATEMENT_CONNECTIONS_CLEAR, ret_detail, "");
    case PERSIST_CONNECTION:
        return put_connection(database, &persist->connection, ret_detail);
    case PERSIST_CONNECTION_ENDED:
        return store_database_run(database, STATEMENT_CONNECTION_END, ret_detail, "tt",
                                  persist->connection.connection.host, persist->connection.connection.id);
    case PERSIST_HOST:
        return store_database_run(database, STATEMENT_HOST_PUT, ret_detail, "tt", persist->host.host,
                                  persist->host.boot_id);
    case PERSIST_WINDOW:
        return put_window(database, &persist->window, farm_id, ret_detail);
    case PERSIST_RUNNING:
        return put_running(database, persist, ret_detail);
    case PERSIST_ACKNOWLEDGED:
        return accept_windows(database, persist->acknowledged.first, persist->acknowledged.sequence, farm_id,
                              ret_detail);
    case PERSIST_SET_ASIDE:
        return store_database_run(database, STATEMENT_WINDOW_REFUSE, ret_detail, "tti",
                                  persist->acknowledged.reason, farm_id,
                                  (int64_t)persist->acknowledged.sequence);
    case PERSIST_NEXT_SEQUENCE:
        return store_database_run(database, STATEMENT_FARM_PUT, ret_detail, "ti", farm_id,
                                  (int64_t)persist->next_sequence);
    case PERSIST_DAY:
        return store_database_run(database, STATEMENT_DAY_PUT, ret_detail, "iii", persist->day.start_ms,
                                  persist->day.mark.at_ms, (int64_t)persist->day.mark.users);
    case PERSIST_STANDING: /* is in the licence file */
    case PERSIST_TYPE_MAX:
        break;
    }
    return 0;
}

static int put_record(struct store_database *database, const struct store_record *record, const char *farm_id,
                      struct error_detail *ret_detail)
{
    if (!record->is_event)
        return put_persist(database, &record->persist, farm_id, ret_detail);
    const struct store_event *event = &record->event;
    return store_database_run(database, STATEMENT_EVENT_PUT, ret_detail, "iitt", (int64_t)event->id,
                              event->at_ms, event->name, event->json);
}

static bool holds_window(const struct store_commit_job *commit)
{
    for (size_t i = 0; i < commit->record_count; i++) {
        if (!commit->records[i].is_event && commit->records[i].persist.type == PERSIST_WINDOW)
            return true;
    }
    return false;
}

/* A little with every window: a year's worth at once would hold up the commits behind it. An event that is
 * dated ahead, from when the clock was wrong, has the age of those that came after it: by its date it would
 * stay for years, and all behind it. */
static int prune(struct store_database *database, const struct store_commit_job *commit,
                 struct error_detail *ret_detail)
{
    if (commit->history_now_ms <= 0 || !holds_window(commit))
        return 0;
    int64_t windows_ms = commit->history_now_ms - STORE_HISTORY_KEPT_MS;
    int64_t events_ms = commit->history_now_ms - STORE_EVENTS_KEPT_MS;
    int64_t rows = STORE_PRUNE_ROWS;
    int error = store_database_run(database, STATEMENT_WINDOWS_PRUNE, ret_detail, "iit", windows_ms, rows,
                                   commit->farm_id);
    if (error == 0)
        error = store_database_run(database, STATEMENT_DAYS_PRUNE, ret_detail, "ii", windows_ms, rows);
    if (error == 0)
        error = store_database_run(database, STATEMENT_EVENTS_PRUNE, ret_detail, "iii", events_ms, rows,
                                   commit->history_now_ms);
    return error;
}

static int put_commit(struct store_database *database, const struct store_commit_job *commit,
                      struct error_detail *ret_detail)
{
    int error = 0;
    /* A farm that has no windows yet is known from here on: its first sequence is 1, not one past all. */
    if (commit->identity && commit->identity->farm_id[0] != '\0')
        error = store_database_run(database, STATEMENT_FARM_PUT, ret_detail, "ti", commit->identity->farm_id,
                                   INT64_C(1));
    for (size_t i = 0; i < commit->record_count && error == 0; i++)
        error = put_record(database, &commit->records[i], commit->farm_id, ret_detail);
    if (error == 0 && commit->journal)
        error = store_journal_put(database, commit->journal, ret_detail);
    if (error == 0)
        error = store_database_run(database, STATEMENT_COUNTER_PUT, ret_detail, "ti", COUNTER_EVENTS,
                                   (int64_t)commit->last_event_id);
    if (error == 0)
        error = prune(database, commit, ret_detail);
    return error;
}

static int write_transaction(struct store_database *database, const struct store_job *group,
                             struct error_detail *ret_detail)
{
    int error = db_exec(&database->db, "BEGIN IMMEDIATE", ret_detail);
    for (const struct store_job *job = group; job && error == 0; job = job->next)
        error = put_commit(database, &job->commit, ret_detail);
    if (error == 0)
        error = db_exec(&database->db, "COMMIT", ret_detail);
    if (error != 0 && !sqlite3_get_autocommit(database->db.handle)) {
        struct error_detail ignored;
        (void)db_exec(&database->db, "ROLLBACK", &ignored);
    }
    return error;
}

/* The last of the group holds: each is whole. Identity before licence: see store.h. */
static int write_files(const struct store *store, const struct store_job *group,
                       struct error_detail *ret_detail)
{
    const struct store_identity *identity = NULL;
    const struct store_licence *licence = NULL;
    for (const struct store_job *job = group; job; job = job->next) {
        identity = job->commit.identity ? job->commit.identity : identity;
        licence = job->commit.licence ? job->commit.licence : licence;
    }
    int error = identity ? store_identity_write(store->identity_path, identity, ret_detail) : 0;
    if (error == 0 && licence)
        error = store_licence_write(store->licence_path, licence, ret_detail);
    return error;
}

/* A database that could not be opened at start: what the core does not know of it must outlive what it writes
 * now. */
static int open_late(struct store_database *database, struct error_detail *ret_detail)
{
    int error = store_database_open(database, ret_detail);
    if (error == 0)
        error = store_database_load_ever(database, &database->ever_floor, ret_detail);
    if (error != 0 && database->open)
        store_database_close(database);
    return error;
}

void store_commit_run(struct store *store, struct store_job *group)
{
    struct error_detail detail = {""};
    int error = store->database.open ? 0 : open_late(&store->database, &detail);
    if (error == 0)
        error = write_files(store, group, &detail);
    if (error == 0)
        error = write_transaction(&store->database, group, &detail);
    for (struct store_job *job = group; job; job = job->next) {
        job->error = error;
        job->detail = detail;
    }
}
