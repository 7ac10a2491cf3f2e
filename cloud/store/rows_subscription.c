#include "cloud/store/rows_internal.h"

/* --- subscriptions -------------------------------------------------------------------------------------- */

static void read_subscription(sqlite3_stmt *statement, int at, struct subscription *ret)
{
    struct subscription row = {.id = rows_column(statement, &at)};
    rows_column_text(statement, &at, row.name, sizeof row.name);
    row.licences = (uint32_t)rows_column(statement, &at);
    row.purchases = (uint64_t)rows_column(statement, &at);
    row.term.months = (int)rows_column(statement, &at);
    row.term.days = (int)rows_column(statement, &at);
    row.created_ms = rows_column(statement, &at);
    row.activated_ms = rows_column(statement, &at);
    row.expires_ms = rows_column(statement, &at);
    row.plan = (enum plan)rows_column(statement, &at);
    row.channel = (enum channel)rows_column(statement, &at);
    row.renews = rows_column(statement, &at) != 0;
    row.cancelled_ms = rows_column(statement, &at);
    rows_column_text(statement, &at, row.contract, sizeof row.contract);
    row.anchor_day = (int)rows_column(statement, &at);
    *ret = row;
}

static int find_subscription(struct rows *rows, sqlite3_stmt *statement, struct subscription *ret,
                             struct error_detail *ret_detail)
{
    int error = rows_find(rows, statement, ret_detail);
    if (error != 0)
        return error;
    read_subscription(statement, 0, ret);
    return rows_done(rows, statement, SQLITE_ROW, ret_detail);
}

int rows_subscription(struct rows *rows, int64_t id, struct subscription *ret,
                      struct error_detail *ret_detail)
{
    return find_subscription(rows, rows_bind(rows, SQL_SUBSCRIPTION, "i", id), ret, ret_detail);
}

int rows_subscription_due(struct rows *rows, int64_t now_ms, struct subscription *ret,
                          struct error_detail *ret_detail)
{
    return find_subscription(rows, rows_bind(rows, SQL_SUBSCRIPTION_DUE, "i", now_ms), ret, ret_detail);
}

int rows_subscription_put(struct rows *rows, struct subscription *row, struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = rows_bind(
        rows, SQL_SUBSCRIPTION_PUT, "itiiiiiiiiiiiti", row->id, row->name, (int64_t)row->licences,
        (int64_t)row->purchases, (int64_t)row->term.months, (int64_t)row->term.days, row->created_ms,
        row->activated_ms, row->expires_ms, (int64_t)row->plan, (int64_t)row->channel, (int64_t)row->renews,
        row->cancelled_ms, row->contract, (int64_t)row->anchor_day);
    return rows_put(rows, statement, &row->id, ret_detail);
}

int rows_each_subscription(struct rows *rows, int64_t after, int64_t limit, rows_subscription_fn *each,
                           void *data, struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = rows_bind(rows, SQL_SUBSCRIPTIONS, "ii", after, limit);
    int rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        struct subscription row;
        read_subscription(statement, 0, &row);
        each(data, &row);
    }
    return rows_done(rows, statement, rc, ret_detail);
}

/* --- orders --------------------------------------------------------------------------------------------- */

int rows_order_put(struct rows *rows, struct order *row, struct error_detail *ret_detail)
{
    sqlite3_stmt *statement =
        rows_bind(rows, SQL_ORDER_PUT, "iiiiiiiiii", row->id, row->subscription_id, (int64_t)row->kind,
                  (int64_t)row->automatic, (int64_t)row->licences, (int64_t)row->term.months,
                  (int64_t)row->term.days, row->at_ms, row->expires_before_ms, row->expires_after_ms);
    return rows_put(rows, statement, &row->id, ret_detail);
}

static void read_order(sqlite3_stmt *statement, struct order *ret)
{
    int at = 0;
    struct order row = {.id = rows_column(statement, &at)};
    row.subscription_id = rows_column(statement, &at);
    row.kind = (enum order_kind)rows_column(statement, &at);
    row.automatic = rows_column(statement, &at) != 0;
    row.licences = (uint32_t)rows_column(statement, &at);
    row.term.months = (int)rows_column(statement, &at);
    row.term.days = (int)rows_column(statement, &at);
    row.at_ms = rows_column(statement, &at);
    row.expires_before_ms = rows_column(statement, &at);
    row.expires_after_ms = rows_column(statement, &at);
    *ret = row;
}

int rows_each_order(struct rows *rows, int64_t subscription_id, int64_t after, int64_t limit,
                    rows_order_fn *each, void *data, struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = rows_bind(rows, SQL_ORDERS, "iii", subscription_id, after, limit);
    int rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        struct order row;
        read_order(statement, &row);
        each(data, &row);
    }
    return rows_done(rows, statement, rc, ret_detail);
}

/* --- keys ----------------------------------------------------------------------------------------------- */

static void read_key(sqlite3_stmt *statement, int at, struct key *ret)
{
    struct key row = {.id = rows_column(statement, &at)};
    row.subscription_id = rows_column(statement, &at);
    rows_column_text(statement, &at, row.text, sizeof row.text);
    rows_column_text(statement, &at, row.name, sizeof row.name);
    row.quota = (uint32_t)rows_column(statement, &at);
    row.created_ms = rows_column(statement, &at);
    row.expires_ms = rows_column(statement, &at);
    row.deleted_ms = rows_column(statement, &at);
    row.moves = (unsigned)rows_column(statement, &at);
    rows_column_text(statement, &at, row.last_installation, sizeof row.last_installation);
    rows_column_text(statement, &at, row.holder, sizeof row.holder);
    row.primary = rows_column(statement, &at) != 0;
    *ret = row;
}

static int find_key(struct rows *rows, sqlite3_stmt *statement, struct key *ret,
                    struct error_detail *ret_detail)
{
    int error = rows_find(rows, statement, ret_detail);
    if (error != 0)
        return error;
    read_key(statement, 0, ret);
    return rows_done(rows, statement, SQLITE_ROW, ret_detail);
}

int rows_key(struct rows *rows, int64_t id, struct key *ret, struct error_detail *ret_detail)
{
    return find_key(rows, rows_bind(rows, SQL_KEY, "i", id), ret, ret_detail);
}

int rows_key_by_text(struct rows *rows, const char *text, struct key *ret, struct error_detail *ret_detail)
{
    return find_key(rows, rows_bind(rows, SQL_KEY_BY_TEXT, "t", text), ret, ret_detail);
}

int rows_key_primary(struct rows *rows, int64_t subscription_id, struct key *ret,
                     struct error_detail *ret_detail)
{
    return find_key(rows, rows_bind(rows, SQL_KEY_PRIMARY, "i", subscription_id), ret, ret_detail);
}

int rows_key_held(struct rows *rows, int64_t subscription_id, int64_t after_id, struct key *ret,
                  struct error_detail *ret_detail)
{
    return find_key(rows, rows_bind(rows, SQL_KEY_HELD, "ii", subscription_id, after_id), ret, ret_detail);
}

int rows_key_put(struct rows *rows, struct key *row, struct error_detail *ret_detail)
{
    sqlite3_stmt *statement =
        rows_bind(rows, SQL_KEY_PUT, "iittiiiiitti", row->id, row->subscription_id, row->text, row->name,
                  (int64_t)row->quota, row->created_ms, row->expires_ms, row->deleted_ms, (int64_t)row->moves,
                  row->last_installation, row->holder, (int64_t)row->primary);
    return rows_put(rows, statement, &row->id, ret_detail);
}

int rows_each_key(struct rows *rows, int64_t subscription_id, int64_t after, int64_t limit, rows_key_fn *each,
                  void *data, struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = subscription_id == 0 ? rows_bind(rows, SQL_KEYS, "ii", after, limit)
                                                   : rows_bind(rows, SQL_KEYS_OF_SUBSCRIPTION, "iii",
                                                               subscription_id, after, limit);
    int rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        struct rows_key_line line;
        read_key(statement, 0, &line.key);
        read_subscription(statement, KEY_COUNT, &line.subscription);
        line.cursor = line.key.id;
        each(data, &line);
    }
    return rows_done(rows, statement, rc, ret_detail);
}

int rows_key_sum(struct rows *rows, int64_t subscription_id, struct key_sum *ret,
                 struct error_detail *ret_detail)
{
    int at = 0;
    sqlite3_stmt *statement = rows_bind(rows, SQL_KEY_SUM, "i", subscription_id);
    int error = rows_find(rows, statement, ret_detail);
    if (error != 0)
        return error;
    ret->quotas = (uint64_t)rows_column(statement, &at);
    ret->keys = (uint64_t)rows_column(statement, &at);
    ret->primaries = (uint64_t)rows_column(statement, &at);
    ret->bad = (uint64_t)rows_column(statement, &at);
    return rows_done(rows, statement, SQLITE_ROW, ret_detail);
}

/* --- farms still to be closed --------------------------------------------------------------------------- */

int rows_closing_put(struct rows *rows, int64_t subscription_id, struct error_detail *ret_detail)
{
    return rows_run(rows, rows_bind(rows, SQL_CLOSING_PUT, "i", subscription_id), ret_detail);
}

int rows_closing_done(struct rows *rows, int64_t subscription_id, struct error_detail *ret_detail)
{
    return rows_run(rows, rows_bind(rows, SQL_CLOSING_DONE, "i", subscription_id), ret_detail);
}

int rows_closing(struct rows *rows, int64_t *ret_subscription_id, struct error_detail *ret_detail)
{
    int at = 0;
    sqlite3_stmt *statement = rows->statements[SQL_CLOSING];
    int error = rows_find(rows, statement, ret_detail);
    if (error != 0)
        return error;
    *ret_subscription_id = rows_column(statement, &at);
    return rows_done(rows, statement, SQLITE_ROW, ret_detail);
}
