#include "cloud/store/rows_internal.h"

#include <string.h>

/* --- farms --------------------------------------------------------------------------------------------- */

static void read_farm(sqlite3_stmt *statement, struct farm *ret)
{
    int at = 0;
    struct farm row = {.id = ""};
    rows_column_text(statement, &at, row.id, sizeof row.id);
    row.key_id = rows_column(statement, &at);
    rows_column_text(statement, &at, row.installation_id, sizeof row.installation_id);
    rows_column_text(statement, &at, row.name, sizeof row.name);
    rows_column_text(statement, &at, row.app_version, sizeof row.app_version);
    row.status = (enum farm_status)rows_column(statement, &at);
    row.reason = (enum farm_reason)rows_column(statement, &at);
    row.activated_ms = rows_column(statement, &at);
    row.deactivated_ms = rows_column(statement, &at);
    row.reported_ms = rows_column(statement, &at);
    row.trial_limit = (uint32_t)rows_column(statement, &at);
    row.trial_ends_ms = rows_column(statement, &at);
    row.serial = (uint64_t)rows_column(statement, &at);
    row.issued_ms = rows_column(statement, &at);
    *ret = row;
}

static int find_farm(struct rows *rows, sqlite3_stmt *statement, struct farm *ret,
                     struct error_detail *ret_detail)
{
    int error = rows_find(rows, statement, ret_detail);
    if (error != 0)
        return error;
    read_farm(statement, ret);
    return rows_done(rows, statement, SQLITE_ROW, ret_detail);
}

int rows_farm(struct rows *rows, const char *id, struct farm *ret, struct error_detail *ret_detail)
{
    return find_farm(rows, rows_bind(rows, SQL_FARM, "t", id), ret, ret_detail);
}

int rows_farm_of(struct rows *rows, int64_t key_id, const char *installation_id, struct farm *ret,
                 struct error_detail *ret_detail)
{
    return find_farm(rows, rows_bind(rows, SQL_FARM_OF, "it", key_id, installation_id), ret, ret_detail);
}

int rows_farm_put(struct rows *rows, const struct farm *row, struct error_detail *ret_detail)
{
    return rows_run(rows,
                    rows_bind(rows, SQL_FARM_PUT, "titttiiiiiiiii", row->id, row->key_id,
                              row->installation_id, row->name, row->app_version, (int64_t)row->status,
                              (int64_t)row->reason, row->activated_ms, row->deactivated_ms, row->reported_ms,
                              (int64_t)row->trial_limit, row->trial_ends_ms, (int64_t)row->serial,
                              row->issued_ms),
                    ret_detail);
}

static void column_hash(sqlite3_stmt *statement, int at, unsigned char ret[ROWS_TOKEN_HASH_BYTES])
{
    memset(ret, 0, ROWS_TOKEN_HASH_BYTES);
    if (sqlite3_column_bytes(statement, at) == ROWS_TOKEN_HASH_BYTES)
        memcpy(ret, sqlite3_column_blob(statement, at), ROWS_TOKEN_HASH_BYTES);
}

static void read_tokens(sqlite3_stmt *statement, int at, struct rows_tokens *ret)
{
    column_hash(statement, at, ret->newest);
    column_hash(statement, at + 1, ret->former);
}

int rows_tokens(struct rows *rows, const char *farm_id, struct rows_tokens *ret,
                struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = rows_bind(rows, SQL_TOKENS, "t", farm_id);
    int error = rows_find(rows, statement, ret_detail);
    if (error != 0)
        return error;
    read_tokens(statement, 0, ret);
    return rows_done(rows, statement, SQLITE_ROW, ret_detail);
}

int rows_tokens_put(struct rows *rows, const char *farm_id, const struct rows_tokens *tokens,
                    struct error_detail *ret_detail)
{
    return rows_run(rows,
                    rows_bind(rows, SQL_TOKENS_PUT, "bbt", tokens->newest, sizeof tokens->newest,
                              tokens->former, sizeof tokens->former, farm_id),
                    ret_detail);
}

static void read_totals(sqlite3_stmt *statement, int at, struct usage_totals *ret)
{
    ret->accepted_through = rows_column(statement, &at);
    ret->windows_counted = rows_column(statement, &at);
    ret->windows_refused = rows_column(statement, &at);
    ret->windows_missing = rows_column(statement, &at);
    ret->clock_ahead_ms = rows_column(statement, &at);
    ret->peak_users = rows_column(statement, &at);
    ret->peak_at_ms = rows_column(statement, &at);
    ret->forgotten_through_ms = rows_column(statement, &at);
}

/* Totals, windows and days, from the column `at` on. */
static int read_usage(sqlite3_stmt *statement, int at, const char *farm_id, struct usage *ret,
                      struct error_detail *ret_detail)
{
    int windows = at + TOTALS_COUNT, days = windows + 1;
    read_totals(statement, at, &ret->totals);
    ret->window_count = ret->day_count = 0;
    int error = usage_blob_read_windows(sqlite3_column_blob(statement, windows),
                                        (size_t)sqlite3_column_bytes(statement, windows), ret);
    if (error == 0)
        error = usage_blob_read_days(sqlite3_column_blob(statement, days),
                                     (size_t)sqlite3_column_bytes(statement, days), ret);
    if (error != 0)
        error_detail_set(ret_detail, "the reported windows of farm %s cannot be read", farm_id);
    return error;
}

int rows_usage(struct rows *rows, const char *farm_id, struct usage *ret, struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = rows_bind(rows, SQL_USAGE, "t", farm_id);
    int error = rows_find(rows, statement, ret_detail);
    if (error != 0)
        return error;
    error = read_usage(statement, 0, farm_id, ret, ret_detail);
    (void)rows_done(rows, statement, SQLITE_ROW, NULL);
    return error;
}

int rows_contact(struct rows *rows, const char *farm_id, struct rows_contact *ret, struct usage *ret_usage,
                 struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = rows_bind(rows, SQL_CONTACT, "t", farm_id);
    int error = rows_find(rows, statement, ret_detail);
    if (error != 0)
        return error;
    read_farm(statement, &ret->farm);
    read_tokens(statement, FARM_COUNT, &ret->tokens);
    if (ret_usage != NULL)
        error = read_usage(statement, FARM_COUNT + 2, farm_id, ret_usage, ret_detail);
    (void)rows_done(rows, statement, SQLITE_ROW, NULL);
    return error;
}

static const struct usage_blobs *write_blobs(struct rows *rows, const struct usage *usage)
{
    struct usage_blobs *blobs = &rows->blobs;
    blobs->window_bytes = usage_blob_write_windows(usage, blobs->windows);
    blobs->day_bytes = usage_blob_write_days(usage, blobs->days);
    return blobs;
}

int rows_usage_put(struct rows *rows, const char *farm_id, const struct usage *usage,
                   struct error_detail *ret_detail)
{
    const struct usage_totals *totals = &usage->totals;
    const struct usage_blobs *blobs = write_blobs(rows, usage);
    sqlite3_stmt *statement =
        rows_bind(rows, SQL_USAGE_PUT, "iiiiiiiibbt", totals->accepted_through, totals->windows_counted,
                  totals->windows_refused, totals->windows_missing, totals->clock_ahead_ms,
                  totals->peak_users, totals->peak_at_ms, totals->forgotten_through_ms, blobs->windows,
                  blobs->window_bytes, blobs->days, blobs->day_bytes, farm_id);
    return rows_run(rows, statement, ret_detail);
}

int rows_report_put(struct rows *rows, const struct farm *farm, const struct usage *usage,
                    struct error_detail *ret_detail)
{
    const struct usage_totals *totals = &usage->totals;
    const struct usage_blobs *blobs = write_blobs(rows, usage);
    sqlite3_stmt *statement =
        rows_bind(rows, SQL_REPORT_PUT, "tiiiiiiiiiiibbt", farm->app_version, farm->reported_ms,
                  (int64_t)farm->serial, farm->issued_ms, totals->accepted_through, totals->windows_counted,
                  totals->windows_refused, totals->windows_missing, totals->clock_ahead_ms,
                  totals->peak_users, totals->peak_at_ms, totals->forgotten_through_ms, blobs->windows,
                  blobs->window_bytes, blobs->days, blobs->day_bytes, farm->id);
    return rows_run(rows, statement, ret_detail);
}

static void read_line(sqlite3_stmt *statement, struct rows_farm_line *ret)
{
    int at = FARM_COUNT + TOTALS_COUNT;
    read_farm(statement, &ret->farm);
    read_totals(statement, FARM_COUNT, &ret->totals);
    rows_column_text(statement, &at, ret->key, sizeof ret->key);
    ret->subscription_id = rows_column(statement, &at);
    rows_column_text(statement, &at, ret->farm.note, sizeof ret->farm.note);
    ret->cursor = rows_column(statement, &at);
}

int rows_farm_line(struct rows *rows, const char *id, struct rows_farm_line *ret,
                   struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = rows_bind(rows, SQL_FARM_LINE, "t", id);
    int error = rows_find(rows, statement, ret_detail);
    if (error != 0)
        return error;
    read_line(statement, ret);
    return rows_done(rows, statement, SQLITE_ROW, ret_detail);
}

int rows_farm_note_put(struct rows *rows, const char *id, const char *note, struct error_detail *ret_detail)
{
    return rows_run(rows, rows_bind(rows, SQL_FARM_NOTE_PUT, "tt", id, note), ret_detail);
}

static sqlite3_stmt *select_farms(struct rows *rows, const struct rows_farm_filter *filter, int64_t after,
                                  int64_t limit)
{
    int64_t status = (int64_t)filter->status;
    if (filter->key != NULL)
        return rows_bind(rows, SQL_FARMS_OF_KEY, "tiii", filter->key, status, after, limit);
    if (filter->subscription_id != 0)
        return rows_bind(rows, SQL_FARMS_OF_SUBSCRIPTION, "iiii", filter->subscription_id, status, after,
                         limit);
    if (filter->status == FARM_ACTIVE)
        return rows_bind(rows, SQL_FARMS_ACTIVE, "ii", after, limit);
    if (filter->status == FARM_DEACTIVATED)
        return rows_bind(rows, SQL_FARMS_DEACTIVATED, "ii", after, limit);
    return rows_bind(rows, SQL_FARMS, "ii", after, limit);
}

int rows_each_farm(struct rows *rows, const struct rows_farm_filter *filter, int64_t after, int64_t limit,
                   rows_farm_fn *each, void *data, struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = select_farms(rows, filter, after, limit);
    int rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        struct rows_farm_line line;
        read_line(statement, &line);
        each(data, &line);
    }
    return rows_done(rows, statement, rc, ret_detail);
}
