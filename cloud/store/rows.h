/* rows.h - the ledger's records in SQLite, read and written one by one. Blocking: for the pool, inside a
 * transaction of store.h, or before the loop runs. Every function returns 0, ERROR_NOT_FOUND where it looks
 * for one, or what db_error makes of SQLite's result, with words in *ret_detail. */
#ifndef FARMGATE_CLOUD_STORE_ROWS_H
#define FARMGATE_CLOUD_STORE_ROWS_H

#include "cloud/ledger/ledger.h"
#include "cloud/ledger/usage.h"
#include "common/error.h"

#define ROWS_SCHEMA_VERSION   1
#define ROWS_TOKEN_HASH_BYTES 32

struct rows;

/* Opens or makes the database (db_open's errors). A damaged one is an error, never begun anew: it is the
 * licensor's book. */
int rows_open(const char *path, struct rows **ret_rows, struct error_detail *ret_detail);
void rows_close(struct rows *rows);

int rows_exec(struct rows *rows, const char *sql, struct error_detail *ret_detail);
/* False after SQLite has rolled a transaction back on its own (full disk). */
bool rows_in_transaction(const struct rows *rows);

/* One text of the book itself ("public_key"); "" if it was never set. */
int rows_note(struct rows *rows, const char *name, char *ret, size_t ret_bytes,
              struct error_detail *ret_detail);
int rows_note_put(struct rows *rows, const char *name, const char *text, struct error_detail *ret_detail);

int rows_subscription(struct rows *rows, int64_t id, struct subscription *ret,
                      struct error_detail *ret_detail);
/* These two give a record with id 0 its id. */
int rows_subscription_put(struct rows *rows, struct subscription *subscription,
                          struct error_detail *ret_detail);
int rows_licence_put(struct rows *rows, struct licence *licence, struct error_detail *ret_detail);

int rows_licence(struct rows *rows, int64_t id, struct licence *ret, struct error_detail *ret_detail);
int rows_licence_by_key(struct rows *rows, const char *key, struct licence *ret,
                        struct error_detail *ret_detail);

int rows_farm(struct rows *rows, const char *id, struct farm *ret, struct error_detail *ret_detail);
int rows_farm_of(struct rows *rows, int64_t licence_id, const char *installation_id, struct farm *ret,
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
int rows_usage_put(struct rows *rows, const char *farm_id, const struct usage *usage,
                   struct error_detail *ret_detail);

/* Lists, in the order of making, from the one after cursor `after` (0: the first). Each row is handed to
 * `each` with its own cursor; it is valid during the call. */
struct rows_licence_line {
    int64_t cursor;
    struct licence licence;
    struct subscription subscription;
};
typedef void rows_licence_fn(void *data, const struct rows_licence_line *line);
int rows_each_licence(struct rows *rows, int64_t after, int64_t limit, rows_licence_fn *each, void *data,
                      struct error_detail *ret_detail);

struct rows_farm_line {
    int64_t cursor;
    struct farm farm;
    struct usage_totals totals;
    char key[LEDGER_KEY_BYTES_MAX + 1]; /* "" for a trial */
};
typedef void rows_farm_fn(void *data, const struct rows_farm_line *line);
int rows_each_farm(struct rows *rows, int64_t after, int64_t limit, rows_farm_fn *each, void *data,
                   struct error_detail *ret_detail);

#endif
