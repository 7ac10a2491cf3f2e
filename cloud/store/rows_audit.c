#include "cloud/store/rows_internal.h"

int rows_audit_put(struct rows *rows, const struct rows_audit_line *line, struct error_detail *ret_detail)
{
    return rows_run(rows,
                    rows_bind(rows, SQL_AUDIT_PUT, "ittttt", line->at_ms, line->who, line->what,
                              line->subject, line->before, line->after),
                    ret_detail);
}

int rows_each_audit_line(struct rows *rows, const char *subject, int64_t after, int64_t limit,
                         rows_audit_fn *each, void *data, struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = subject == NULL
                                  ? rows_bind(rows, SQL_AUDIT, "ii", after, limit)
                                  : rows_bind(rows, SQL_AUDIT_OF_SUBJECT, "tii", subject, after, limit);
    int rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        each(data, &(struct rows_audit_line){
                       .id = sqlite3_column_int64(statement, 0),
                       .at_ms = sqlite3_column_int64(statement, 1),
                       .who = (const char *)sqlite3_column_text(statement, 2),
                       .what = (const char *)sqlite3_column_text(statement, 3),
                       .subject = (const char *)sqlite3_column_text(statement, 4),
                       .before = (const char *)sqlite3_column_text(statement, 5),
                       .after = (const char *)sqlite3_column_text(statement, 6),
                   });
    }
    return rows_done(rows, statement, rc, ret_detail);
}

int rows_trials(struct rows *rows, int64_t day, const char *source, int64_t *ret_begun,
                struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = rows_bind(rows, SQL_TRIALS, "it", day, source);
    int error = rows_find(rows, statement, ret_detail);
    if (error != 0) {
        if (error == ERROR_NOT_FOUND)
            *ret_begun = 0;
        return error == ERROR_NOT_FOUND ? 0 : error;
    }
    *ret_begun = sqlite3_column_int64(statement, 0);
    return rows_done(rows, statement, SQLITE_ROW, ret_detail);
}

int rows_trials_count(struct rows *rows, int64_t day, const char *source, struct error_detail *ret_detail)
{
    int error = rows_run(rows, rows_bind(rows, SQL_TRIALS_FORGET, "i", day), ret_detail);
    return error != 0 ? error
                      : rows_run(rows, rows_bind(rows, SQL_TRIALS_PUT, "it", day, source), ret_detail);
}
