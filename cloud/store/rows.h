/* rows.h - the ledger's records in SQLite, read and written one by one. Blocking: for the pool, inside a
 * transaction of store.h, or before the loop runs. Every function returns 0, ERROR_NOT_FOUND where it looks
 * for one, or what db_error makes of SQLite's result, with words in *ret_detail. */
#ifndef FARMGATE_CLOUD_STORE_ROWS_H
#define FARMGATE_CLOUD_STORE_ROWS_H

#include "cloud/ledger/key.h"
#include "cloud/ledger/ledger.h"
#include "cloud/ledger/usage.h"
#include "common/error.h"

#define ROWS_SCHEMA_VERSION   5
#define ROWS_TOKEN_HASH_BYTES 32
#define ROWS_CACHE_KIB        32768 /* of the database, beside the system's own cache */

struct rows;

/* Opens or makes the database (db_open's errors). A damaged one is an error, never begun anew: it is the
 * licensor's book. */
int rows_open(const char *path, struct rows **ret_rows, struct error_detail *ret_detail);
void rows_close(struct rows *rows);

int rows_exec(struct rows *rows, const char *sql, struct error_detail *ret_detail);
/* A part of a transaction that can be undone by itself. */
int rows_job_begin(struct rows *rows, struct error_detail *ret_detail);
int rows_job_end(struct rows *rows, bool keeps, struct error_detail *ret_detail);
/* False after SQLite has rolled a transaction back on its own (full disk). */
bool rows_in_transaction(const struct rows *rows);
/* How many rows were written since it was opened, also by what was undone. */
int64_t rows_changes(const struct rows *rows);

/* One text of the book itself ("public_key"); "" if it was never set. */
int rows_note(struct rows *rows, const char *name, char *ret, size_t ret_bytes,
              struct error_detail *ret_detail);
int rows_note_put(struct rows *rows, const char *name, const char *text, struct error_detail *ret_detail);

int rows_subscription(struct rows *rows, int64_t id, struct subscription *ret,
                      struct error_detail *ret_detail);
/* The one whose renewal by itself has been due longest. */
int rows_subscription_due(struct rows *rows, int64_t now_ms, struct subscription *ret,
                          struct error_detail *ret_detail);
/* These give a record with id 0 its id. Whether a key is a primary one is for ever; orders never change. */
int rows_subscription_put(struct rows *rows, struct subscription *subscription,
                          struct error_detail *ret_detail);
int rows_key_put(struct rows *rows, struct key *key, struct error_detail *ret_detail);
int rows_order_put(struct rows *rows, struct order *order, struct error_detail *ret_detail);

int rows_key_primary(struct rows *rows, int64_t subscription_id, struct key *ret,
                     struct error_detail *ret_detail);
/* The first after `after_id` (0: of all) that a farm runs on. */
int rows_key_held(struct rows *rows, int64_t subscription_id, int64_t after_id, struct key *ret,
                  struct error_detail *ret_detail);
/* All keys of a subscription, summed up. */
int rows_key_sum(struct rows *rows, int64_t subscription_id, struct key_sum *ret,
                 struct error_detail *ret_detail);

/* The cancelled subscriptions some of whose farms are still to be closed; the first of them. */
int rows_closing_put(struct rows *rows, int64_t subscription_id, struct error_detail *ret_detail);
int rows_closing_done(struct rows *rows, int64_t subscription_id, struct error_detail *ret_detail);
int rows_closing(struct rows *rows, int64_t *ret_subscription_id, struct error_detail *ret_detail);

int rows_key(struct rows *rows, int64_t id, struct key *ret, struct error_detail *ret_detail);
int rows_key_by_text(struct rows *rows, const char *text, struct key *ret, struct error_detail *ret_detail);

/* Without the note, which is apart (rows_farm_line, rows_farm_note_put): a farm is rewritten at every report.
 */
int rows_farm(struct rows *rows, const char *id, struct farm *ret, struct error_detail *ret_detail);
int rows_farm_of(struct rows *rows, int64_t key_id, const char *installation_id, struct farm *ret,
                 struct error_detail *ret_detail);
int rows_farm_put(struct rows *rows, const struct farm *farm, struct error_detail *ret_detail);

/* The hashes of a farm's tokens: the newest, and the one before until the newest has been used (an answer
 * that got lost burns nothing). All zero: none. */
struct rows_tokens {
    unsigned char newest[ROWS_TOKEN_HASH_BYTES];
    unsigned char former[ROWS_TOKEN_HASH_BYTES];
};
int rows_tokens(struct rows *rows, const char *farm_id, struct rows_tokens *ret,
                struct error_detail *ret_detail);
int rows_tokens_put(struct rows *rows, const char *farm_id, const struct rows_tokens *tokens,
                    struct error_detail *ret_detail);

int rows_usage(struct rows *rows, const char *farm_id, struct usage *ret, struct error_detail *ret_detail);
/* What a farm that comes in is known by, at one look; with its usage unless that is NULL. */
struct rows_contact {
    struct farm farm;
    struct rows_tokens tokens;
};
int rows_contact(struct rows *rows, const char *farm_id, struct rows_contact *ret, struct usage *ret_usage,
                 struct error_detail *ret_detail);
/* A report's: the farm's version, dates and serial, and its usage, in one writing. */
int rows_report_put(struct rows *rows, const struct farm *farm, const struct usage *usage,
                    struct error_detail *ret_detail);
int rows_usage_put(struct rows *rows, const char *farm_id, const struct usage *usage,
                   struct error_detail *ret_detail);

/* Lists, in the order of making, from the one after cursor `after` (0: the first). Each row is handed to
 * `each`; it is valid during the call. The cursor of a subscription, an order and an audit line is its id. */
typedef void rows_subscription_fn(void *data, const struct subscription *subscription);
int rows_each_subscription(struct rows *rows, int64_t after, int64_t limit, rows_subscription_fn *each,
                           void *data, struct error_detail *ret_detail);

typedef void rows_order_fn(void *data, const struct order *order);
int rows_each_order(struct rows *rows, int64_t subscription_id, int64_t after, int64_t limit,
                    rows_order_fn *each, void *data, struct error_detail *ret_detail);

struct rows_key_line {
    int64_t cursor;
    struct key key;
    struct subscription subscription;
};
typedef void rows_key_fn(void *data, const struct rows_key_line *line);
/* `subscription_id` 0: of all. */
int rows_each_key(struct rows *rows, int64_t subscription_id, int64_t after, int64_t limit, rows_key_fn *each,
                  void *data, struct error_detail *ret_detail);

struct rows_farm_line {
    int64_t cursor;
    struct farm farm; /* with its note */
    struct usage_totals totals;
    char key[LEDGER_KEY_BYTES_MAX + 1]; /* "" for a trial */
    int64_t subscription_id;            /* 0 for a trial */
};
int rows_farm_line(struct rows *rows, const char *id, struct rows_farm_line *ret,
                   struct error_detail *ret_detail);
int rows_farm_note_put(struct rows *rows, const char *id, const char *note, struct error_detail *ret_detail);

struct rows_farm_filter {
    enum farm_status status; /* FARM_NEW: any */
    int64_t subscription_id; /* 0: any; of no effect beside a key */
    const char *key;         /* canonical; NULL: any */
};
typedef void rows_farm_fn(void *data, const struct rows_farm_line *line);
int rows_each_farm(struct rows *rows, const struct rows_farm_filter *filter, int64_t after, int64_t limit,
                   rows_farm_fn *each, void *data, struct error_detail *ret_detail);

/* A line of the audit log, which only ever grows: the database refuses everything else (audit.h writes it).
 */
struct rows_audit_line {
    int64_t id, at_ms;
    const char *who, *what, *subject;
    const char *before, *after; /* JSON objects; NULL: none */
};
typedef void rows_audit_fn(void *data, const struct rows_audit_line *line);
int rows_audit_put(struct rows *rows, const struct rows_audit_line *line, struct error_detail *ret_detail);
/* `subject` NULL: all. */
int rows_each_audit_line(struct rows *rows, const char *subject, int64_t after, int64_t limit,
                         rows_audit_fn *each, void *data, struct error_detail *ret_detail);

/* How many trials began on a day (since 1970-01-01, UTC), from a source address ("": in all). Counting one
 * forgets the days before. */
int rows_trials(struct rows *rows, int64_t day, const char *source, int64_t *ret_begun,
                struct error_detail *ret_detail);
int rows_trials_count(struct rows *rows, int64_t day, const char *source, struct error_detail *ret_detail);

#endif
