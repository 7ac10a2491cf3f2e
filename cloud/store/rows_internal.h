/* rows_internal.h - what the files of rows.h share: the connection, its prepared statements, and how values
 * go in and out of them. */
#ifndef FARMGATE_CLOUD_STORE_ROWS_INTERNAL_H
#define FARMGATE_CLOUD_STORE_ROWS_INTERNAL_H

#include "cloud/store/rows.h"
#include "cloud/store/usage_blob.h"
#include "common/db.h"

extern const struct db_migration rows_migrations[ROWS_SCHEMA_VERSION];

#define SUBSCRIPTION_COLUMNS                                                           \
    "subscription.id, subscription.name, licences, purchases, term_months, term_days," \
    " subscription.created_ms, activated_ms, subscription.expires_ms,"                 \
    " plan, channel, renews, cancelled_ms, contract, anchor_day"
/* Keys stand in the table `licence`: it was called so before there were several to a subscription. */
#define KEY_COLUMNS                                                                                  \
    "licence.id, subscription_id, key, licence.name, quota, licence.created_ms, licence.expires_ms," \
    " deleted_ms, moves, last_installation, holder, is_primary"
#define KEY_COUNT 12
#define ORDER_COLUMNS                                                                                   \
    "id, subscription_id, kind, automatic, licences, term_months, term_days, at_ms, expires_before_ms," \
    " expires_after_ms"
#define FARM_COLUMNS                                                                                   \
    "farm.id, licence_id, installation_id, farm.name, app_version, status, reason, farm.activated_ms," \
    " deactivated_ms, reported_ms, trial_limit, trial_ends_ms, serial, issued_ms"
#define FARM_COUNT 14
#define TOTALS_COLUMNS                                                                                 \
    "accepted_through, windows_counted, windows_refused, windows_missing, clock_ahead_ms, peak_users," \
    " peak_at_ms, forgotten_through_ms"
#define TOTALS_COUNT 8
#define FARM_LINES                                                                      \
    "SELECT " FARM_COLUMNS ", " TOTALS_COLUMNS                                          \
    ", ifnull(key, ''), ifnull(subscription_id, 0), ifnull(farm_note.note, ''), number" \
    " FROM farm LEFT JOIN licence ON licence.id = licence_id LEFT JOIN farm_note ON farm_id = farm.id"
#define FARM_PAGE " AND number > ? ORDER BY number LIMIT ?"

#define STATEMENTS(X)                                                                                        \
    X(JOB_BEGIN, "SAVEPOINT job")                                                                            \
    X(JOB_KEEP, "RELEASE job")                                                                               \
    X(JOB_UNDO, "ROLLBACK TO job")                                                                           \
    X(NOTE, "SELECT value FROM note WHERE name = ?")                                                         \
    X(NOTE_PUT, "INSERT INTO note VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")    \
    X(SUBSCRIPTION, "SELECT " SUBSCRIPTION_COLUMNS " FROM subscription WHERE id = ?")                        \
    X(SUBSCRIPTION_PUT,                                                                                      \
      "INSERT INTO subscription VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id)"       \
      " DO UPDATE SET name = excluded.name, licences = excluded.licences, purchases = excluded.purchases,"   \
      " term_months = excluded.term_months, term_days = excluded.term_days,"                                 \
      " activated_ms = excluded.activated_ms, expires_ms = excluded.expires_ms, plan = excluded.plan,"       \
      " channel = excluded.channel, renews = excluded.renews, cancelled_ms = excluded.cancelled_ms,"         \
      " contract = excluded.contract, anchor_day = excluded.anchor_day")                                     \
    X(SUBSCRIPTIONS, "SELECT " SUBSCRIPTION_COLUMNS " FROM subscription WHERE id > ? ORDER BY id LIMIT ?")   \
    X(SUBSCRIPTION_DUE, "SELECT " SUBSCRIPTION_COLUMNS                                                       \
                        " FROM subscription WHERE renews = 1 AND activated_ms > 0 AND expires_ms <= ?"       \
                        " ORDER BY expires_ms LIMIT 1")                                                      \
    X(ORDER_PUT, "INSERT INTO subscription_order VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")                     \
    X(ORDERS, "SELECT " ORDER_COLUMNS " FROM subscription_order WHERE subscription_id = ? AND id > ?"        \
              " ORDER BY id LIMIT ?")                                                                        \
    X(KEY, "SELECT " KEY_COLUMNS " FROM licence WHERE id = ?")                                               \
    X(KEY_BY_TEXT, "SELECT " KEY_COLUMNS " FROM licence WHERE key = ?")                                      \
    X(KEY_PRIMARY, "SELECT " KEY_COLUMNS " FROM licence WHERE subscription_id = ? AND is_primary = 1")       \
    X(KEY_SUM, "SELECT ifnull(sum(quota), 0), ifnull(sum(deleted_ms = 0), 0), ifnull(sum(is_primary), 0),"   \
               " ifnull(sum(deleted_ms <> 0), 0) FROM licence"                                               \
               " WHERE subscription_id = ? AND (deleted_ms = 0 OR quota <> 0)")                              \
    X(CLOSING, "SELECT subscription_id FROM closing WHERE subscription_id > 0 ORDER BY subscription_id"      \
               " LIMIT 1")                                                                                   \
    X(CLOSING_PUT, "INSERT INTO closing VALUES (?) ON CONFLICT DO NOTHING")                                  \
    X(CLOSING_DONE, "DELETE FROM closing WHERE subscription_id = ?")                                         \
    X(KEY_HELD, "SELECT " KEY_COLUMNS " FROM licence WHERE subscription_id = ? AND licence.id > ?"           \
                " AND holder <> '' ORDER BY licence.id LIMIT 1")                                             \
    X(KEY_PUT,                                                                                               \
      "INSERT INTO licence VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id)"                     \
      " DO UPDATE SET name = excluded.name, quota = excluded.quota, expires_ms = excluded.expires_ms,"       \
      " deleted_ms = excluded.deleted_ms, moves = excluded.moves,"                                           \
      " last_installation = excluded.last_installation, holder = excluded.holder")                           \
    X(KEYS, "SELECT " KEY_COLUMNS ", " SUBSCRIPTION_COLUMNS                                                  \
            " FROM licence JOIN subscription ON subscription.id = subscription_id"                           \
            " WHERE licence.id > ? ORDER BY licence.id LIMIT ?")                                             \
    X(KEYS_OF_SUBSCRIPTION, "SELECT " KEY_COLUMNS ", " SUBSCRIPTION_COLUMNS                                  \
                            " FROM licence JOIN subscription ON subscription.id = subscription_id"           \
                            " WHERE subscription_id = ? AND licence.id > ? ORDER BY licence.id LIMIT ?")     \
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
    X(FARM_NOTE_PUT, "INSERT INTO farm_note VALUES (?, ?) ON CONFLICT (farm_id)"                             \
                     " DO UPDATE SET note = excluded.note")                                                  \
    X(TOKENS, "SELECT token, former_token FROM farm WHERE id = ?")                                           \
    X(TOKENS_PUT, "UPDATE farm SET token = ?, former_token = ? WHERE id = ?")                                \
    X(CONTACT, "SELECT " FARM_COLUMNS ", token, former_token, " TOTALS_COLUMNS ", windows, days"             \
               " FROM farm WHERE id = ?")                                                                    \
    X(USAGE, "SELECT " TOTALS_COLUMNS ", windows, days FROM farm WHERE id = ?")                              \
    X(REPORT_PUT,                                                                                            \
      "UPDATE farm SET app_version = ?, reported_ms = ?, serial = ?, issued_ms = ?, accepted_through = ?,"   \
      " windows_counted = ?, windows_refused = ?, windows_missing = ?, clock_ahead_ms = ?, peak_users = ?,"  \
      " peak_at_ms = ?, forgotten_through_ms = ?, windows = ?, days = ? WHERE id = ?")                       \
    X(USAGE_PUT,                                                                                             \
      "UPDATE farm SET accepted_through = ?, windows_counted = ?, windows_refused = ?, windows_missing = ?," \
      " clock_ahead_ms = ?, peak_users = ?, peak_at_ms = ?, forgotten_through_ms = ?, windows = ?,"          \
      " days = ? WHERE id = ?")                                                                              \
    X(FARM_LINE, FARM_LINES " WHERE farm.id = ?")                                                            \
    X(FARMS, FARM_LINES " WHERE true" FARM_PAGE)                                                             \
    X(FARMS_ACTIVE, FARM_LINES " WHERE status = 1" FARM_PAGE)                                                \
    X(FARMS_DEACTIVATED, FARM_LINES " WHERE status = 2" FARM_PAGE)                                           \
    X(FARMS_OF_SUBSCRIPTION, FARM_LINES " WHERE subscription_id = ?1 AND (?2 = 0 OR status = ?2)" FARM_PAGE) \
    X(FARMS_OF_KEY, FARM_LINES " WHERE key = ?1 AND (?2 = 0 OR status = ?2)" FARM_PAGE)                      \
    X(TRIALS, "SELECT begun FROM trial_day WHERE day = ? AND source = ?")                                    \
    X(TRIALS_PUT, "INSERT INTO trial_day VALUES (?, ?, 1) ON CONFLICT (day, source)"                         \
                  " DO UPDATE SET begun = begun + 1")                                                        \
    X(TRIALS_FORGET, "DELETE FROM trial_day WHERE day < ?")                                                  \
    X(AUDIT_PUT, "INSERT INTO audit (at_ms, who, what, subject, before, after) VALUES (?, ?, ?, ?, ?, ?)")   \
    X(AUDIT, "SELECT id, at_ms, who, what, subject, before, after FROM audit WHERE id > ?"                   \
             " ORDER BY id LIMIT ?")                                                                         \
    X(AUDIT_OF_SUBJECT, "SELECT id, at_ms, who, what, subject, before, after FROM audit"                     \
                        " WHERE subject = ? AND id > ? ORDER BY id LIMIT ?")

#define STATEMENT_ENUM(name, sql) SQL_##name,
enum statement { STATEMENTS(STATEMENT_ENUM) SQL_MAX };
#undef STATEMENT_ENUM

/* What a farm has reported, as it is written. */
struct usage_blobs {
    unsigned char windows[USAGE_BLOB_BYTES_MAX], days[USAGE_BLOB_BYTES_MAX];
    size_t window_bytes, day_bytes;
};

struct rows {
    struct db db;
    sqlite3_stmt *statements[SQL_MAX];
    struct usage_blobs blobs; /* kept here: made anew for every report, they cost a tenth of it */
};

/* Binds by letter: i int64_t, t text (NULL: null), b bytes and their count. What is bound must live until the
 * statement is done. */
sqlite3_stmt *rows_bind(struct rows *rows, enum statement which, const char *types, ...);

/* Ends a statement whose last step gave `rc`. */
int rows_done(struct rows *rows, sqlite3_stmt *statement, int rc, struct error_detail *ret_detail);

/* A statement without results. */
int rows_run(struct rows *rows, sqlite3_stmt *statement, struct error_detail *ret_detail);

/* 0: there is a row to read, and rows_done() to call after; else it is done. ERROR_NOT_FOUND: none. */
int rows_find(struct rows *rows, sqlite3_stmt *statement, struct error_detail *ret_detail);

/* Runs an insertion whose first value is *id; 0 there takes the next free one. */
int rows_put(struct rows *rows, sqlite3_stmt *statement, int64_t *id, struct error_detail *ret_detail);

/* The value at *at, which goes on to the next. A text is cut if it does not fit. */
int64_t rows_column(sqlite3_stmt *statement, int *at);
void rows_column_text(sqlite3_stmt *statement, int *at, char *ret, size_t ret_bytes);

#endif
