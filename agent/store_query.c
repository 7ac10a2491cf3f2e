/* store_query.c - history read back. On the pool. */
#include "store_private.h"

#include <stdlib.h>
#include <string.h>

typedef int read_fn(struct store_job *job, sqlite3_stmt *row);

static int read_window(struct store_job *job, sqlite3_stmt *row)
{
    struct store_query_job *query = &job->query;
    store_row_window(row, 0, &query->windows[query->count]);
    query->states[query->count++] = store_row_text(row, 9)[0];
    return 0;
}

static int read_day(struct store_job *job, sqlite3_stmt *row)
{
    struct store_query_job *query = &job->query;
    query->days[query->count++] = (struct store_day){
        .start_ms = sqlite3_column_int64(row, 0),
        .mark = {.at_ms = sqlite3_column_int64(row, 1), .users = (uint32_t)sqlite3_column_int64(row, 2)},
    };
    return 0;
}

static int read_event(struct store_job *job, sqlite3_stmt *row)
{
    struct store_query_job *query = &job->query;
    struct store_event event = {
        .id = (uint64_t)sqlite3_column_int64(row, 0),
        .at_ms = sqlite3_column_int64(row, 1),
        .name = store_arena_text(&job->arena, store_row_text(row, 2)),
        .json = store_arena_text(&job->arena, store_row_text(row, 3)),
    };
    if (!event.name || !event.json)
        return ERROR_NO_MEMORY;
    query->events[query->count++] = event;
    return 0;
}

/* Room for every row that may come. */
static int make_room(struct store_job *job)
{
    struct store_query_job *query = &job->query;
    size_t rows = query->limit;
    bool made;
    if (job->type == STORE_JOB_WINDOWS) {
        query->windows = calloc(rows + 1, sizeof(*query->windows));
        query->states = calloc(rows + 1, 1); /* also read as a string */
        made = query->windows && query->states;
    } else if (job->type == STORE_JOB_DAYS) {
        query->days = calloc(rows + 1, sizeof(*query->days));
        made = query->days != NULL;
    } else {
        query->events = calloc(rows + 1, sizeof(*query->events));
        made = query->events != NULL;
    }
    return made ? 0 : ERROR_NO_MEMORY;
}

static int run(struct store_database *database, struct store_job *job)
{
    static const struct {
        enum store_statement statement;
        read_fn *read;
    } kinds[] = {
        [STORE_JOB_WINDOWS] = {STATEMENT_WINDOWS_QUERY, read_window},
        [STORE_JOB_DAYS] = {STATEMENT_DAYS_QUERY, read_day},
        [STORE_JOB_EVENTS] = {STATEMENT_EVENTS_QUERY, read_event},
    };
    struct store_query_job *query = &job->query;
    sqlite3_stmt *statement = database->statements[kinds[job->type].statement];
    int error = 0, rc = sqlite3_bind_int64(statement, 1, query->first);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(statement, 2, query->second);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(statement, 3,
                                (int64_t)query->limit + 1); /* one more tells that there is more */
    while (rc == SQLITE_OK && error == 0 && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        query->more = query->count == query->limit;
        if (query->more)
            break;
        error = kinds[job->type].read(job, statement);
        rc = SQLITE_OK;
    }
    if (error == 0 && rc != SQLITE_DONE && rc != SQLITE_ROW)
        error = store_database_error(database, rc, &job->detail);
    (void)sqlite3_reset(statement);
    return error;
}

void store_query_run(struct store *store, struct store_job *job)
{
    if (!store->database.open) {
        job->error = ERROR_IO;
        return;
    }
    job->error = make_room(job);
    if (job->error == 0)
        job->error = run(&store->database, job);
}
