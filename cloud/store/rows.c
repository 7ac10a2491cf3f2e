#include "cloud/store/rows.h"

#include "cloud/store/usage_blob.h"
#include "common/db.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define APPLICATION_ID 0x46474c31 /* "FGL1" */

static const struct db_migration migrations[] = {
    {1, "CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
        "CREATE TABLE subscription ("
        " id INTEGER PRIMARY KEY, name TEXT NOT NULL, licences INTEGER NOT NULL, purchases INTEGER NOT NULL,"
        " term_months INTEGER NOT NULL, term_days INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
        " activated_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) STRICT;"
        "CREATE TABLE licence ("
        " id INTEGER PRIMARY KEY, subscription_id INTEGER NOT NULL REFERENCES subscription (id),"
        " key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, quota INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
        " expires_ms INTEGER NOT NULL, deleted_ms INTEGER NOT NULL, moves INTEGER NOT NULL,"
        " last_installation TEXT NOT NULL, holder TEXT NOT NULL) STRICT;"
        /* licence_id 0 is a trial: no reference, and one per installation by the same index as the rest. */
        "CREATE TABLE farm ("
        " number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, licence_id INTEGER NOT NULL,"
        " installation_id TEXT NOT NULL, name TEXT NOT NULL, app_version TEXT NOT NULL,"
        " status INTEGER NOT NULL, reason INTEGER NOT NULL, activated_ms INTEGER NOT NULL,"
        " deactivated_ms INTEGER NOT NULL, reported_ms INTEGER NOT NULL, trial_limit INTEGER NOT NULL,"
        " trial_ends_ms INTEGER NOT NULL, serial INTEGER NOT NULL, issued_ms INTEGER NOT NULL,"
        " accepted_through INTEGER NOT NULL DEFAULT 0, windows_counted INTEGER NOT NULL DEFAULT 0,"
        " windows_refused INTEGER NOT NULL DEFAULT 0, windows_missing INTEGER NOT NULL DEFAULT 0,"
        " clock_ahead_ms INTEGER NOT NULL DEFAULT 0, peak_users INTEGER NOT NULL DEFAULT 0,"
        " peak_at_ms INTEGER NOT NULL DEFAULT 0, token BLOB, former_token BLOB, windows BLOB, days BLOB,"
        " UNIQUE (licence_id, installation_id)) STRICT;"},
};
static_assert(sizeof migrations / sizeof migrations[0] == ROWS_SCHEMA_VERSION,
              "a migration for each version");

#define SUBSCRIPTION_COLUMNS                                                           \
    "subscription.id, subscription.name, licences, purchases, term_months, term_days," \
    " subscription.created_ms, activated_ms, subscription.expires_ms"
#define SUBSCRIPTION_COUNT 9
#define LICENCE_COLUMNS                                                                              \
    "licence.id, subscription_id, key, licence.name, quota, licence.created_ms, licence.expires_ms," \
    " deleted_ms, moves, last_installation, holder"
#define LICENCE_COUNT 11
#define FARM_COLUMNS                                                                                   \
    "farm.id, licence_id, installation_id, farm.name, app_version, status, reason, farm.activated_ms," \
    " deactivated_ms, reported_ms, trial_limit, trial_ends_ms, serial, issued_ms"
#define FARM_COUNT 14
#define TOTALS_COLUMNS                                                                                 \
    "accepted_through, windows_counted, windows_refused, windows_missing, clock_ahead_ms, peak_users," \
    " peak_at_ms"
#define TOTALS_COUNT 7

#define STATEMENTS(X)                                                                                        \
    X(NOTE, "SELECT value FROM note WHERE name = ?")                                                         \
    X(NOTE_PUT, "INSERT INTO note VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")    \
    X(SUBSCRIPTION, "SELECT " SUBSCRIPTION_COLUMNS " FROM subscription WHERE id = ?")                        \
    X(SUBSCRIPTION_PUT,                                                                                      \
      "INSERT INTO subscription VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id)"                         \
      " DO UPDATE SET name = excluded.name, licences = excluded.licences, purchases = excluded.purchases,"   \
      " term_months = excluded.term_months, term_days = excluded.term_days,"                                 \
      " activated_ms = excluded.activated_ms, expires_ms = excluded.expires_ms")                             \
    X(LICENCE, "SELECT " LICENCE_COLUMNS " FROM licence WHERE id = ?")                                       \
    X(LICENCE_BY_KEY, "SELECT " LICENCE_COLUMNS " FROM licence WHERE key = ?")                               \
    X(LICENCE_PUT,                                                                                           \
      "INSERT INTO licence VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id)"                        \
      " DO UPDATE SET name = excluded.name, quota = excluded.quota, expires_ms = excluded.expires_ms,"       \
      " deleted_ms = excluded.deleted_ms, moves = excluded.moves,"                                           \
      " last_installation = excluded.last_installation, holder = excluded.holder")                           \
    X(FARM, "SELECT " FARM_COLUMNS " FROM farm WHERE id = ?")                                                \
    X(FARM_OF, "SELECT " FARM_COLUMNS " FROM farm WHERE licence_id = ? AND installation_id = ?")             \
    X(FARM_PUT,                                                                                              \
      "INSERT INTO farm (id, licence_id, installation_id, name, app_version, status, reason, activated_ms,"  \
      " deactivated_ms, reported_ms, trial_limit, trial_ends_ms, serial, issued_ms)"                         \
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"                    \
      " name = excluded.name, app_version = excluded.app_version, status = excluded.status,"                 \
      " reason = excluded.reason, activated_ms = excluded.activated_ms,"                                     \
      " deactivated_ms = excluded.deactivated_ms, reported_ms = excluded.reported_ms,"                       \
      " trial_limit = excluded.trial_limit, trial_ends_ms = excluded.trial_ends_ms,"                         \
      " serial = excluded.serial, issued_ms = excluded.issued_ms")                                           \
    X(TOKENS, "SELECT token, former_token FROM farm WHERE id = ?")                                           \
    X(TOKENS_PUT, "UPDATE farm SET token = ?, former_token = ? WHERE id = ?")                                \
    X(USAGE, "SELECT " TOTALS_COLUMNS ", windows, days FROM farm WHERE id = ?")                              \
    X(USAGE_PUT,                                                                                             \
      "UPDATE farm SET accepted_through = ?, windows_counted = ?, windows_refused = ?, windows_missing = ?," \
      " clock_ahead_ms = ?, peak_users = ?, peak_at_ms = ?, windows = ?, days = ? WHERE id = ?")             \
    X(LICENCES, "SELECT " LICENCE_COLUMNS ", " SUBSCRIPTION_COLUMNS                                          \
                " FROM licence JOIN subscription ON subscription.id = subscription_id"                       \
                " WHERE licence.id > ? ORDER BY licence.id LIMIT ?")                                         \
    X(FARMS, "SELECT " FARM_COLUMNS ", " TOTALS_COLUMNS                                                      \
             ", ifnull(key, ''), number FROM farm LEFT JOIN licence ON licence.id = licence_id"              \
             " WHERE number > ? ORDER BY number LIMIT ?")

#define STATEMENT_ENUM(name, sql) name,
enum statement { STATEMENTS(STATEMENT_ENUM) STATEMENT_MAX };
#undef STATEMENT_ENUM

struct rows {
    struct db db;
    sqlite3_stmt *statements[STATEMENT_MAX];
};

int rows_open(const char *path, struct rows **ret_rows, struct error_detail *ret_detail)
{
#define STATEMENT_SQL(name, sql) [name] = sql,
    static const char *const sqls[] = {STATEMENTS(STATEMENT_SQL)};
    struct rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL)
        return ERROR_NO_MEMORY;
    int error = db_open(path, APPLICATION_ID, migrations, ROWS_SCHEMA_VERSION, &rows->db, ret_detail);
    if (error != 0) {
        free(rows);
        return error;
    }
    for (int i = 0; i < STATEMENT_MAX && error == 0; i++)
        error = db_prepare(&rows->db, sqls[i], &rows->statements[i], ret_detail);
    if (error != 0) {
        rows_close(rows);
        return error;
    }
    *ret_rows = rows;
    return 0;
}

void rows_close(struct rows *rows)
{
    if (rows == NULL)
        return;
    for (int i = 0; i < STATEMENT_MAX; i++)
        (void)sqlite3_finalize(rows->statements[i]);
    db_close(&rows->db);
    free(rows);
}

int rows_exec(struct rows *rows, const char *sql, struct error_detail *ret_detail)
{
    return db_exec(&rows->db, sql, ret_detail);
}

bool rows_in_transaction(const struct rows *rows)
{
    return sqlite3_get_autocommit(rows->db.handle) == 0;
}

/* --- statements --------------------------------------------------------------------------------------- */

/* Binds by letter: i int64_t, t text, b bytes and their count. What is bound must live until the statement is
 * done. */
static sqlite3_stmt *bind(struct rows *rows, enum statement which, const char *types, ...)
{
    sqlite3_stmt *statement = rows->statements[which];
    va_list values;
    va_start(values, types);
    for (int i = 1; types[i - 1] != '\0'; i++) {
        if (types[i - 1] == 'i') {
            (void)sqlite3_bind_int64(statement, i, va_arg(values, int64_t));
        } else if (types[i - 1] == 't') {
            (void)sqlite3_bind_text(statement, i, va_arg(values, const char *), -1, SQLITE_STATIC);
        } else {
            const void *bytes = va_arg(values, const void *);
            (void)sqlite3_bind_blob64(statement, i, bytes, va_arg(values, size_t), SQLITE_STATIC);
        }
    }
    va_end(values);
    return statement;
}

static int done(struct rows *rows, sqlite3_stmt *statement, int rc, struct error_detail *ret_detail)
{
    int error = 0;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        error = db_error(rows->db.handle, rc, ret_detail);
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return error;
}

static int run(struct rows *rows, sqlite3_stmt *statement, struct error_detail *ret_detail)
{
    return done(rows, statement, sqlite3_step(statement), ret_detail);
}

/* 0: there is a row to read, and done() to call after. */
static int find(struct rows *rows, sqlite3_stmt *statement, struct error_detail *ret_detail)
{
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        return 0;
    int error = done(rows, statement, rc, ret_detail);
    return error != 0 ? error : ERROR_NOT_FOUND;
}

static int64_t column(sqlite3_stmt *statement, int *at)
{
    return sqlite3_column_int64(statement, (*at)++);
}

static void column_text(sqlite3_stmt *statement, int *at, char *ret, size_t ret_bytes)
{
    const unsigned char *text = sqlite3_column_text(statement, *at);
    size_t bytes = (size_t)sqlite3_column_bytes(statement, (*at)++);
    if (bytes >= ret_bytes)
        bytes = ret_bytes - 1;
    if (bytes > 0)
        memcpy(ret, text, bytes);
    ret[bytes] = '\0';
}

/* --- notes --------------------------------------------------------------------------------------------- */

int rows_note(struct rows *rows, const char *name, char *ret, size_t ret_bytes,
              struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = bind(rows, NOTE, "t", name);
    int error = find(rows, statement, ret_detail);
    if (error == ERROR_NOT_FOUND) {
        ret[0] = '\0';
        return 0;
    }
    if (error != 0)
        return error;
    int at = 0;
    column_text(statement, &at, ret, ret_bytes);
    return done(rows, statement, SQLITE_ROW, ret_detail);
}

int rows_note_put(struct rows *rows, const char *name, const char *text, struct error_detail *ret_detail)
{
    return run(rows, bind(rows, NOTE_PUT, "tt", name, text), ret_detail);
}

/* --- subscriptions and keys ---------------------------------------------------------------------------- */

static void read_subscription(sqlite3_stmt *statement, int at, struct subscription *ret)
{
    struct subscription row = {.id = column(statement, &at)};
    column_text(statement, &at, row.name, sizeof row.name);
    row.licences = (uint32_t)column(statement, &at);
    row.purchases = (uint64_t)column(statement, &at);
    row.term.months = (int)column(statement, &at);
    row.term.days = (int)column(statement, &at);
    row.created_ms = column(statement, &at);
    row.activated_ms = column(statement, &at);
    row.expires_ms = column(statement, &at);
    *ret = row;
}

int rows_subscription(struct rows *rows, int64_t id, struct subscription *ret,
                      struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = bind(rows, SUBSCRIPTION, "i", id);
    int error = find(rows, statement, ret_detail);
    if (error != 0)
        return error;
    read_subscription(statement, 0, ret);
    return done(rows, statement, SQLITE_ROW, ret_detail);
}

static int put(struct rows *rows, sqlite3_stmt *statement, int64_t *id, struct error_detail *ret_detail)
{
    if (*id == 0)
        (void)sqlite3_bind_null(statement, 1);
    int error = run(rows, statement, ret_detail);
    if (error == 0 && *id == 0)
        *id = sqlite3_last_insert_rowid(rows->db.handle);
    return error;
}

int rows_subscription_put(struct rows *rows, struct subscription *row, struct error_detail *ret_detail)
{
    sqlite3_stmt *statement =
        bind(rows, SUBSCRIPTION_PUT, "itiiiiiii", row->id, row->name, (int64_t)row->licences,
             (int64_t)row->purchases, (int64_t)row->term.months, (int64_t)row->term.days, row->created_ms,
             row->activated_ms, row->expires_ms);
    return put(rows, statement, &row->id, ret_detail);
}

static void read_licence(sqlite3_stmt *statement, int at, struct licence *ret)
{
    struct licence row = {.id = column(statement, &at)};
    row.subscription_id = column(statement, &at);
    column_text(statement, &at, row.key, sizeof row.key);
    column_text(statement, &at, row.name, sizeof row.name);
    row.quota = (uint32_t)column(statement, &at);
    row.created_ms = column(statement, &at);
    row.expires_ms = column(statement, &at);
    row.deleted_ms = column(statement, &at);
    row.moves = (unsigned)column(statement, &at);
    column_text(statement, &at, row.last_installation, sizeof row.last_installation);
    column_text(statement, &at, row.holder, sizeof row.holder);
    *ret = row;
}

static int find_licence(struct rows *rows, sqlite3_stmt *statement, struct licence *ret,
                        struct error_detail *ret_detail)
{
    int error = find(rows, statement, ret_detail);
    if (error != 0)
        return error;
    read_licence(statement, 0, ret);
    return done(rows, statement, SQLITE_ROW, ret_detail);
}

int rows_licence(struct rows *rows, int64_t id, struct licence *ret, struct error_detail *ret_detail)
{
    return find_licence(rows, bind(rows, LICENCE, "i", id), ret, ret_detail);
}

int rows_licence_by_key(struct rows *rows, const char *key, struct licence *ret,
                        struct error_detail *ret_detail)
{
    return find_licence(rows, bind(rows, LICENCE_BY_KEY, "t", key), ret, ret_detail);
}

int rows_licence_put(struct rows *rows, struct licence *row, struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = bind(rows, LICENCE_PUT, "iittiiiiitt", row->id, row->subscription_id, row->key,
                                   row->name, (int64_t)row->quota, row->created_ms, row->expires_ms,
                                   row->deleted_ms, (int64_t)row->moves, row->last_installation, row->holder);
    return put(rows, statement, &row->id, ret_detail);
}

int rows_each_licence(struct rows *rows, int64_t after, int64_t limit, rows_licence_fn *each, void *data,
                      struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = bind(rows, LICENCES, "ii", after, limit);
    int rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        struct rows_licence_line line;
        read_licence(statement, 0, &line.licence);
        read_subscription(statement, LICENCE_COUNT, &line.subscription);
        line.cursor = line.licence.id;
        each(data, &line);
    }
    return done(rows, statement, rc, ret_detail);
}

/* --- farms --------------------------------------------------------------------------------------------- */

static void read_farm(sqlite3_stmt *statement, struct farm *ret)
{
    int at = 0;
    struct farm row = {.id = ""};
    column_text(statement, &at, row.id, sizeof row.id);
    row.licence_id = column(statement, &at);
    column_text(statement, &at, row.installation_id, sizeof row.installation_id);
    column_text(statement, &at, row.name, sizeof row.name);
    column_text(statement, &at, row.app_version, sizeof row.app_version);
    row.status = (enum farm_status)column(statement, &at);
    row.reason = (enum farm_reason)column(statement, &at);
    row.activated_ms = column(statement, &at);
    row.deactivated_ms = column(statement, &at);
    row.reported_ms = column(statement, &at);
    row.trial_limit = (uint32_t)column(statement, &at);
    row.trial_ends_ms = column(statement, &at);
    row.serial = (uint64_t)column(statement, &at);
    row.issued_ms = column(statement, &at);
    *ret = row;
}

static int find_farm(struct rows *rows, sqlite3_stmt *statement, struct farm *ret,
                     struct error_detail *ret_detail)
{
    int error = find(rows, statement, ret_detail);
    if (error != 0)
        return error;
    read_farm(statement, ret);
    return done(rows, statement, SQLITE_ROW, ret_detail);
}

int rows_farm(struct rows *rows, const char *id, struct farm *ret, struct error_detail *ret_detail)
{
    return find_farm(rows, bind(rows, FARM, "t", id), ret, ret_detail);
}

int rows_farm_of(struct rows *rows, int64_t licence_id, const char *installation_id, struct farm *ret,
                 struct error_detail *ret_detail)
{
    return find_farm(rows, bind(rows, FARM_OF, "it", licence_id, installation_id), ret, ret_detail);
}

int rows_farm_put(struct rows *rows, const struct farm *row, struct error_detail *ret_detail)
{
    return run(rows,
               bind(rows, FARM_PUT, "titttiiiiiiiii", row->id, row->licence_id, row->installation_id,
                    row->name, row->app_version, (int64_t)row->status, (int64_t)row->reason,
                    row->activated_ms, row->deactivated_ms, row->reported_ms, (int64_t)row->trial_limit,
                    row->trial_ends_ms, (int64_t)row->serial, row->issued_ms),
               ret_detail);
}

static void column_hash(sqlite3_stmt *statement, int at, unsigned char ret[ROWS_TOKEN_HASH_BYTES])
{
    memset(ret, 0, ROWS_TOKEN_HASH_BYTES);
    if (sqlite3_column_bytes(statement, at) == ROWS_TOKEN_HASH_BYTES)
        memcpy(ret, sqlite3_column_blob(statement, at), ROWS_TOKEN_HASH_BYTES);
}

int rows_tokens(struct rows *rows, const char *farm_id, struct rows_tokens *ret,
                struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = bind(rows, TOKENS, "t", farm_id);
    int error = find(rows, statement, ret_detail);
    if (error != 0)
        return error;
    column_hash(statement, 0, ret->newest);
    column_hash(statement, 1, ret->former);
    return done(rows, statement, SQLITE_ROW, ret_detail);
}

int rows_tokens_put(struct rows *rows, const char *farm_id, const struct rows_tokens *tokens,
                    struct error_detail *ret_detail)
{
    return run(rows,
               bind(rows, TOKENS_PUT, "bbt", tokens->newest, sizeof tokens->newest, tokens->former,
                    sizeof tokens->former, farm_id),
               ret_detail);
}

static void read_totals(sqlite3_stmt *statement, int at, struct usage_totals *ret)
{
    ret->accepted_through = column(statement, &at);
    ret->windows_counted = column(statement, &at);
    ret->windows_refused = column(statement, &at);
    ret->windows_missing = column(statement, &at);
    ret->clock_ahead_ms = column(statement, &at);
    ret->peak_users = column(statement, &at);
    ret->peak_at_ms = column(statement, &at);
}

int rows_usage(struct rows *rows, const char *farm_id, struct usage *ret, struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = bind(rows, USAGE, "t", farm_id);
    int error = find(rows, statement, ret_detail);
    if (error != 0)
        return error;
    *ret = (struct usage){.window_count = 0};
    read_totals(statement, 0, &ret->totals);
    error = usage_blob_read_windows(sqlite3_column_blob(statement, TOTALS_COUNT),
                                    (size_t)sqlite3_column_bytes(statement, TOTALS_COUNT), ret);
    if (error == 0)
        error = usage_blob_read_days(sqlite3_column_blob(statement, TOTALS_COUNT + 1),
                                     (size_t)sqlite3_column_bytes(statement, TOTALS_COUNT + 1), ret);
    if (error != 0)
        error_detail_set(ret_detail, "the reported windows of farm %s cannot be read", farm_id);
    (void)done(rows, statement, SQLITE_ROW, NULL);
    return error;
}

int rows_usage_put(struct rows *rows, const char *farm_id, const struct usage *usage,
                   struct error_detail *ret_detail)
{
    const struct usage_totals *totals = &usage->totals;
    unsigned char *blobs = malloc((size_t)2 * USAGE_BLOB_BYTES_MAX);
    if (blobs == NULL)
        return ERROR_NO_MEMORY;
    unsigned char *windows = blobs, *days = blobs + USAGE_BLOB_BYTES_MAX;
    sqlite3_stmt *statement =
        bind(rows, USAGE_PUT, "iiiiiiibbt", totals->accepted_through, totals->windows_counted,
             totals->windows_refused, totals->windows_missing, totals->clock_ahead_ms, totals->peak_users,
             totals->peak_at_ms, windows, usage_blob_write_windows(usage, windows), days,
             usage_blob_write_days(usage, days), farm_id);
    int error = run(rows, statement, ret_detail);
    free(blobs);
    return error;
}

int rows_each_farm(struct rows *rows, int64_t after, int64_t limit, rows_farm_fn *each, void *data,
                   struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = bind(rows, FARMS, "ii", after, limit);
    int rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        struct rows_farm_line line = {.cursor = 0};
        int at = FARM_COUNT + TOTALS_COUNT;
        read_farm(statement, &line.farm);
        read_totals(statement, FARM_COUNT, &line.totals);
        column_text(statement, &at, line.key, sizeof line.key);
        line.cursor = column(statement, &at);
        each(data, &line);
    }
    return done(rows, statement, rc, ret_detail);
}
