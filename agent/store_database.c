/* store_database.c - farmgate.db: what is in it, its statements, and what is read at start. */
#include "store_private.h"

#include "agent/core/reporter.h"
#include "common/room.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE_APPLICATION_ID 0x46474174 /* "FGAt" */
#define COUNTED_MAX          (INT64_C(1) << 53)
#define WINDOW_COLUMNS       7 /* that are a struct window's, first in both tables */

/* Enums are stored as numbers: a new value goes last in its enum. */
static_assert(KIND_MAX == 2 && ROUTE_MAX == 5 && CONNECTION_STATE_MAX == 2 && ADMINISTRATOR_MAX == 3,
              "the table connections must allow the new value: add a migration");

static const struct db_migration migrations[] = {
    {1,
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
     "CREATE TABLE counters (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"},
    {2, "ALTER TABLE connections ADD COLUMN disconnected_at_ms INTEGER NOT NULL DEFAULT 0;"},
    {3, "CREATE TABLE farm_journal (number INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"
        "CREATE TABLE farm_told (key TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;"
        "CREATE TABLE farm_line (one INTEGER PRIMARY KEY CHECK (one = 1), line TEXT NOT NULL,"
        " through INTEGER NOT NULL, sure_through INTEGER NOT NULL) STRICT;"},
};
static_assert(sizeof(migrations) / sizeof(migrations[0]) == STORE_SCHEMA_VERSION, "one migration a version");

#define STORE_STATEMENT_SQL(name, sql) sql,
static const char *const statement_sql[] = {STORE_STATEMENTS(STORE_STATEMENT_SQL)};
#undef STORE_STATEMENT_SQL

int store_database_open(struct store_database *database, struct error_detail *ret_detail)
{
    int error = db_open(database->path, STORE_APPLICATION_ID, migrations,
                        sizeof(migrations) / sizeof(migrations[0]), &database->db, ret_detail);
    if (error != 0)
        return error;
    /* Names leave the file when they leave a table. */
    error = db_exec(&database->db, "PRAGMA secure_delete=ON", ret_detail);
    for (int i = 0; i < STATEMENT_MAX && error == 0; i++) {
        error = db_prepare(&database->db, statement_sql[i], &database->statements[i], ret_detail);
        if (error != 0 && sqlite3_errcode(database->db.handle) == SQLITE_ERROR)
            error = ERROR_DAMAGED; /* of our version, but not with our tables */
    }
    database->open = error == 0;
    if (error != 0)
        store_database_close(database);
    return error;
}

void store_database_close(struct store_database *database)
{
    db_close(&database->db);
    database->open = false;
    memset(database->statements, 0, sizeof(database->statements));
}

int store_database_error(struct store_database *database, int rc, struct error_detail *ret_detail)
{
    return db_error(database->db.handle, rc, ret_detail);
}

static int bind_values(sqlite3_stmt *statement, const char *types, va_list values)
{
    int rc = SQLITE_OK;
    for (int i = 0; types[i] != '\0' && rc == SQLITE_OK; i++) {
        if (types[i] == 't')
            rc = sqlite3_bind_text(statement, i + 1, va_arg(values, const char *), -1, SQLITE_STATIC);
        else
            rc = sqlite3_bind_int64(statement, i + 1, va_arg(values, int64_t));
    }
    return rc;
}

int store_database_run(struct store_database *database, enum store_statement statement,
                       struct error_detail *ret_detail, const char *types, ...)
{
    sqlite3_stmt *prepared = database->statements[statement];
    va_list values;
    va_start(values, types);
    int rc = bind_values(prepared, types, values);
    va_end(values);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(prepared);
    int error = rc == SQLITE_DONE ? 0 : store_database_error(database, rc, ret_detail);
    (void)sqlite3_reset(prepared); /* tells the error of the step again */
    (void)sqlite3_clear_bindings(prepared);
    return error;
}

const char *store_row_text(sqlite3_stmt *row, int column)
{
    const unsigned char *text = sqlite3_column_text(row, column);
    return text ? (const char *)text : "";
}

static uint32_t row_count(sqlite3_stmt *row, int column)
{
    return (uint32_t)sqlite3_column_int64(row, column);
}

void store_row_window(sqlite3_stmt *row, int from, struct window *ret)
{
    *ret = (struct window){
        .start_ms = sqlite3_column_int64(row, from),
        .end_ms = sqlite3_column_int64(row, from + 1),
        .peak_at_ms = sqlite3_column_int64(row, from + 2),
        .peak_users = row_count(row, from + 3),
        .users_at_end = row_count(row, from + 4),
        .exempt_peak = row_count(row, from + 5),
        .hosts = row_count(row, from + 6),
        .sequence = (uint64_t)sqlite3_column_int64(row, from + WINDOW_COLUMNS),
    };
}

/* --- loading */

/* One table read row by row. */
struct reading {
    struct store_loaded *loaded;
    size_t room; /* of the array that grows */
};
typedef int read_row_fn(struct reading *reading, sqlite3_stmt *row);

static int read_rows(struct store_database *database, const char *sql, const char *farm_id,
                     read_row_fn *read_row, struct store_loaded *loaded, struct error_detail *ret_detail)
{
    sqlite3_stmt *statement;
    int error = 0;
    struct reading reading = {.loaded = loaded};
    int rc = sqlite3_prepare_v2(database->db.handle, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK && farm_id)
        rc = sqlite3_bind_text(statement, 1, farm_id, -1, SQLITE_STATIC);
    while (rc == SQLITE_OK && error == 0 && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        error = read_row(&reading, statement);
        rc = SQLITE_OK;
    }
    if (error != 0)
        error_detail_set(ret_detail, "%s: %s in \"%s\"", database->path, error_text(error), sql);
    else if (rc != SQLITE_DONE)
        error = store_database_error(database, rc, ret_detail);
    (void)sqlite3_finalize(statement);
    return error;
}

static const char *keep_text(struct reading *reading, sqlite3_stmt *row, int column)
{
    return store_arena_text(&reading->loaded->memory->arena, store_row_text(row, column));
}

static int read_connection(struct reading *reading, sqlite3_stmt *row)
{
    struct core_saved *core = &reading->loaded->core;
    struct store_memory *memory = reading->loaded->memory;
    void *array = memory->connections;
    if (!room_reserve(&array, &reading->room, core->connection_count + 1, sizeof(*memory->connections)))
        return ERROR_NO_MEMORY;
    memory->connections = array;
    struct roster_change read = {
        .type = ROSTER_OPENED,
        .connection = {.host = keep_text(reading, row, 0),
                       .id = keep_text(reading, row, 1),
                       .user = keep_text(reading, row, 2),
                       .connected_at_ms = sqlite3_column_int64(row, 3),
                       .kind = (enum connection_kind)sqlite3_column_int(row, 4),
                       .route = (enum connection_route)sqlite3_column_int(row, 5),
                       .state = (enum connection_state)sqlite3_column_int(row, 6),
                       .administrator = (enum administrator)sqlite3_column_int(row, 7)},
        .reported_by = (unsigned)sqlite3_column_int(row, 8),
        .broker_id = keep_text(reading, row, 9),
        .lease_at_ms = sqlite3_column_int64(row, 10),
        .disconnected_at_ms = sqlite3_column_int64(row, 11),
    };
    const struct connection *connection = &read.connection;
    if (!connection->host || !connection->id || !connection->user || !read.broker_id)
        return ERROR_NO_MEMORY;
    memory->connections[core->connection_count++] = read;
    core->connections = memory->connections;
    return 0;
}

static int read_host(struct reading *reading, sqlite3_stmt *row)
{
    struct core_saved *core = &reading->loaded->core;
    struct store_memory *memory = reading->loaded->memory;
    void *array = memory->hosts;
    if (!room_reserve(&array, &reading->room, core->host_count + 1, sizeof(*memory->hosts)))
        return ERROR_NO_MEMORY;
    memory->hosts = array;
    struct core_host host = {.host = keep_text(reading, row, 0), .boot_id = keep_text(reading, row, 1)};
    if (!host.host || !host.boot_id)
        return ERROR_NO_MEMORY;
    memory->hosts[core->host_count++] = host;
    core->hosts = memory->hosts;
    return 0;
}

static int read_unsent(struct reading *reading, sqlite3_stmt *row)
{
    struct core_saved *core = &reading->loaded->core;
    struct store_memory *memory = reading->loaded->memory;
    void *array = memory->unsent;
    if (!room_reserve(&array, &reading->room, core->unsent_count + 1, sizeof(*memory->unsent)))
        return ERROR_NO_MEMORY;
    memory->unsent = array;
    store_row_window(row, 0, &memory->unsent[core->unsent_count++]);
    core->unsent = memory->unsent;
    return 0;
}

static struct peak_mark row_mark(sqlite3_stmt *row, int from)
{
    return (struct peak_mark){.at_ms = sqlite3_column_int64(row, from), .users = row_count(row, from + 1)};
}

static int read_running(struct reading *reading, sqlite3_stmt *row)
{
    struct core_saved *core = &reading->loaded->core;
    core->has_running = true;
    store_row_window(row, 1, &core->running);
    core->today = row_mark(row, 9);
    core->ever = row_mark(row, 11);
    return 0;
}

/* What is counted up one by one stays far below this, also from where an authority says that it was. */
static_assert(REPORTER_SEQUENCE_MAX <= COUNTED_MAX / 4, "a number that was stored must be readable");
static int row_number(sqlite3_stmt *row, int column, uint64_t *ret)
{
    int64_t number = sqlite3_column_int64(row, column);
    if (number < 0 || number > COUNTED_MAX)
        return ERROR_DAMAGED;
    *ret = (uint64_t)number;
    return 0;
}

static int read_farm(struct reading *reading, sqlite3_stmt *row)
{
    struct store_memory *memory = reading->loaded->memory;
    void *array = memory->farms;
    if (!room_reserve(&array, &reading->room, memory->farm_count + 1, sizeof(*memory->farms)))
        return ERROR_NO_MEMORY;
    memory->farms = array;
    struct store_farm *farm = &memory->farms[memory->farm_count++];
    (void)snprintf(farm->farm_id, sizeof(farm->farm_id), "%s", store_row_text(row, 0));
    return row_number(row, 1, &farm->next_sequence);
}

static int read_text(struct reading *reading, sqlite3_stmt *row, const char ***texts, size_t *count)
{
    void *array = *texts;
    if (!room_reserve(&array, &reading->room, *count + 1, sizeof(const char *)))
        return ERROR_NO_MEMORY;
    *texts = array;
    (*texts)[*count] = keep_text(reading, row, 0);
    if (!(*texts)[*count])
        return ERROR_NO_MEMORY;
    (*count)++;
    return 0;
}

static int read_told(struct reading *reading, sqlite3_stmt *row)
{
    struct store_loaded *loaded = reading->loaded;
    int error = read_text(reading, row, &loaded->memory->told, &loaded->journal.told_count);
    loaded->journal.told = loaded->memory->told;
    return error;
}

static int read_change(struct reading *reading, sqlite3_stmt *row)
{
    struct store_loaded *loaded = reading->loaded;
    int error = read_text(reading, row, &loaded->memory->changes, &loaded->journal.change_count);
    loaded->journal.changes = loaded->memory->changes;
    return error;
}

static int read_line(struct reading *reading, sqlite3_stmt *row)
{
    struct farm_journal_kept *journal = &reading->loaded->journal;
    journal->line = keep_text(reading, row, 0);
    if (!journal->line)
        return ERROR_NO_MEMORY;
    int error = row_number(row, 1, &journal->through);
    return error == 0 ? row_number(row, 2, &journal->sure_through) : error;
}

static int read_event_id(struct reading *reading, sqlite3_stmt *row)
{
    return row_number(row, 0, &reading->loaded->last_event_id);
}

static int read_last_window(struct reading *reading, sqlite3_stmt *row)
{
    reading->loaded->last_window_ms = sqlite3_column_int64(row, 0); /* NULL of an empty table is 0 */
    return 0;
}

int store_database_load(struct store_database *database, struct store_loaded *loaded,
                        struct error_detail *ret_detail)
{
    const char *farm_id = loaded->identity.farm_id;
    const struct {
        const char *sql, *farm_id;
        read_row_fn *read_row;
    } tables[] = {
        {"SELECT * FROM connections ORDER BY lease_at_ms, host, id", NULL, read_connection},
        {"SELECT * FROM hosts", NULL, read_host},
        {"SELECT * FROM windows WHERE farm_id=? AND state='c' AND sequence>0 ORDER BY sequence", farm_id,
         read_unsent},
        {"SELECT * FROM running", NULL, read_running},
        {"SELECT * FROM farms", NULL, read_farm},
        {"SELECT value FROM counters WHERE name='last_event_id'", NULL, read_event_id},
        {"SELECT max(start_ms) FROM windows", NULL, read_last_window},
        {"SELECT text FROM farm_told", NULL, read_told},
        {"SELECT text FROM farm_journal ORDER BY number", NULL, read_change},
        {"SELECT line, through, sure_through FROM farm_line", NULL, read_line},
    };
    int error = 0;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && error == 0; i++)
        error = read_rows(database, tables[i].sql, tables[i].farm_id, tables[i].read_row, loaded, ret_detail);
    return error;
}

int store_database_load_ever(struct store_database *database, struct peak_mark *ret,
                             struct error_detail *ret_detail)
{
    struct store_loaded loaded = {0};
    int error = read_rows(database, "SELECT * FROM running", NULL, read_running, &loaded, ret_detail);
    if (error == 0 && loaded.core.has_running)
        *ret = loaded.core.ever;
    return error;
}
