#include "cloud/store/rows_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define APPLICATION_ID  0x46474c31 /* "FGL1" */
#define TEXT(number)    #number
#define TEXT_OF(number) TEXT(number)

int rows_open(const char *path, struct rows **ret_rows, struct error_detail *ret_detail)
{
#define STATEMENT_SQL(name, sql) [SQL_##name] = sql,
    static const char *const sqls[] = {STATEMENTS(STATEMENT_SQL)};
    struct rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL)
        return ERROR_NO_MEMORY;
    int error = db_open(path, APPLICATION_ID, rows_migrations, ROWS_SCHEMA_VERSION, &rows->db, ret_detail);
    if (error != 0) {
        free(rows);
        return error;
    }
    error = db_exec(&rows->db, "PRAGMA cache_size=-" TEXT_OF(ROWS_CACHE_KIB), ret_detail);
    for (int i = 0; i < SQL_MAX && error == 0; i++)
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
    for (int i = 0; i < SQL_MAX; i++)
        (void)sqlite3_finalize(rows->statements[i]);
    db_close(&rows->db);
    free(rows);
}

int rows_exec(struct rows *rows, const char *sql, struct error_detail *ret_detail)
{
    return db_exec(&rows->db, sql, ret_detail);
}

int rows_job_begin(struct rows *rows, struct error_detail *ret_detail)
{
    return rows_run(rows, rows->statements[SQL_JOB_BEGIN], ret_detail);
}

int rows_job_end(struct rows *rows, bool keeps, struct error_detail *ret_detail)
{
    int error = keeps ? 0 : rows_run(rows, rows->statements[SQL_JOB_UNDO], ret_detail);
    return error != 0 ? error : rows_run(rows, rows->statements[SQL_JOB_KEEP], ret_detail);
}

bool rows_in_transaction(const struct rows *rows)
{
    return sqlite3_get_autocommit(rows->db.handle) == 0;
}

int64_t rows_changes(const struct rows *rows)
{
    return sqlite3_total_changes64(rows->db.handle);
}

/* --- statements --------------------------------------------------------------------------------------- */

/* Binds by letter: i int64_t, t text, b bytes and their count. What is bound must live until the statement is
 * done. */
sqlite3_stmt *rows_bind(struct rows *rows, enum statement which, const char *types, ...)
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

int rows_done(struct rows *rows, sqlite3_stmt *statement, int rc, struct error_detail *ret_detail)
{
    int error = 0;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        error = db_error(rows->db.handle, rc, ret_detail);
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return error;
}

int rows_run(struct rows *rows, sqlite3_stmt *statement, struct error_detail *ret_detail)
{
    return rows_done(rows, statement, sqlite3_step(statement), ret_detail);
}

/* 0: there is a row to read, and rows_done() to call after. */
int rows_find(struct rows *rows, sqlite3_stmt *statement, struct error_detail *ret_detail)
{
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        return 0;
    int error = rows_done(rows, statement, rc, ret_detail);
    return error != 0 ? error : ERROR_NOT_FOUND;
}

int rows_put(struct rows *rows, sqlite3_stmt *statement, int64_t *id, struct error_detail *ret_detail)
{
    if (*id == 0)
        (void)sqlite3_bind_null(statement, 1);
    int error = rows_run(rows, statement, ret_detail);
    if (error == 0 && *id == 0)
        *id = sqlite3_last_insert_rowid(rows->db.handle);
    return error;
}

int64_t rows_column(sqlite3_stmt *statement, int *at)
{
    return sqlite3_column_int64(statement, (*at)++);
}

void rows_column_text(sqlite3_stmt *statement, int *at, char *ret, size_t ret_bytes)
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
    sqlite3_stmt *statement = rows_bind(rows, SQL_NOTE, "t", name);
    int error = rows_find(rows, statement, ret_detail);
    if (error == ERROR_NOT_FOUND) {
        ret[0] = '\0';
        return 0;
    }
    if (error != 0)
        return error;
    int at = 0;
    rows_column_text(statement, &at, ret, ret_bytes);
    return rows_done(rows, statement, SQLITE_ROW, ret_detail);
}

int rows_note_put(struct rows *rows, const char *name, const char *text, struct error_detail *ret_detail)
{
    return rows_run(rows, rows_bind(rows, SQL_NOTE_PUT, "tt", name, text), ret_detail);
}
