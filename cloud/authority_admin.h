/* authority_admin.h - what the authority does for its administrators (RULES §5.1 to §5.4), each call inside
 * one transaction: reads records, makes renewals that are due, asks the ledger, writes records and lines of
 * the audit log. Blocking, for the pool. Returns 0 also when it refuses, with the refusal in the outcome
 * (whose other fields are then as far as they are known); else a store error with words, and nothing is to be
 * kept: ERROR_DAMAGED if quotas would no longer add up. */
#ifndef FARMGATE_CLOUD_AUTHORITY_ADMIN_H
#define FARMGATE_CLOUD_AUTHORITY_ADMIN_H

#include "cloud/audit.h"
#include "cloud/ledger/key.h"
#include "cloud/ledger/subscription.h"

/* --- subscriptions -------------------------------------------------------------------------------------- */

struct admin_subscription {
    enum ledger_verdict verdict;
    struct subscription subscription;
    struct key primary;
    struct order order; /* that the call made; id 0: none */
    unsigned closed;    /* farms, by a cancellation; BOOKKEEPING_CLOSED_MAX: the rest is left to a sweep */
};

int authority_admin_buy(struct rows *rows, const struct audit_author *author,
                        const struct subscription_order *wanted, struct admin_subscription *ret,
                        struct error_detail *ret_detail);
int authority_admin_add(struct rows *rows, const struct audit_author *author, int64_t id, uint32_t licences,
                        struct admin_subscription *ret, struct error_detail *ret_detail);
/* A term of 0 months and 0 days: as the one before. */
int authority_admin_renew(struct rows *rows, const struct audit_author *author, int64_t id,
                          const struct term *term, struct admin_subscription *ret,
                          struct error_detail *ret_detail);
/* Closes all farms on its keys. */
int authority_admin_cancel(struct rows *rows, const struct audit_author *author, int64_t id,
                           struct admin_subscription *ret, struct error_detail *ret_detail);

/* What is to be changed; NULL leaves it as it is. */
struct subscription_change {
    const char *name, *contract;
    const bool *renews;
};
int authority_admin_set_subscription(struct rows *rows, const struct audit_author *author, int64_t id,
                                     const struct subscription_change *change, struct admin_subscription *ret,
                                     struct error_detail *ret_detail);

int authority_admin_subscription(struct rows *rows, int64_t id, int64_t now_ms,
                                 struct admin_subscription *ret, struct error_detail *ret_detail);

/* --- lists ---------------------------------------------------------------------------------------------- */

/* As rows_each_…, shown as if every renewal that is due had been made already. Orders, farms and lines of the
 * audit log are listed by rows.h itself. */
int authority_admin_each_subscription(struct rows *rows, int64_t now_ms, int64_t after, int64_t limit,
                                      rows_subscription_fn *each, void *data,
                                      struct error_detail *ret_detail);
int authority_admin_each_key(struct rows *rows, int64_t now_ms, int64_t subscription_id, int64_t after,
                             int64_t limit, rows_key_fn *each, void *data, struct error_detail *ret_detail);

/* --- keys ----------------------------------------------------------------------------------------------- */

struct admin_key {
    enum ledger_verdict verdict;
    uint32_t quota_left; /* the most that it could be given */
    struct subscription subscription;
    struct key key;
    struct key_loss loss; /* with LEDGER_BELOW_PEAK, and the farm that would suffer it */
    char losing_farm[LEDGER_ID_BYTES_MAX + 1];
};

/* `key` is canonical everywhere. `confirmed`: also if a running farm gets less than its last reported peak.
 */
int authority_admin_create_key(struct rows *rows, const struct audit_author *author, int64_t subscription_id,
                               const struct key_change *wanted, bool confirmed, struct admin_key *ret,
                               struct error_detail *ret_detail);
int authority_admin_edit_key(struct rows *rows, const struct audit_author *author, const char *key,
                             const struct key_change *change, bool confirmed, struct admin_key *ret,
                             struct error_detail *ret_detail);
/* Closes the farm on it. */
int authority_admin_delete_key(struct rows *rows, const struct audit_author *author, const char *key,
                               bool confirmed, struct admin_key *ret, struct error_detail *ret_detail);
int authority_admin_key(struct rows *rows, const char *key, int64_t now_ms, struct admin_key *ret,
                        struct error_detail *ret_detail);

/* --- farms ---------------------------------------------------------------------------------------------- */

struct admin_farm {
    enum ledger_verdict verdict;
    bool changed;               /* by this call */
    struct rows_farm_line line; /* as rows_each_farm gives it */
};

/* For several at once call it again in the same transaction. One that is deactivated already stays as it is.
 */
int authority_admin_deactivate(struct rows *rows, const struct audit_author *author, const char *farm_id,
                               struct admin_farm *ret, struct error_detail *ret_detail);
int authority_admin_note(struct rows *rows, const struct audit_author *author, const char *farm_id,
                         const char *note, struct admin_farm *ret, struct error_detail *ret_detail);
/* `ret_usage` (its windows kept, its days) may be NULL; it is large. */
int authority_admin_farm(struct rows *rows, const char *farm_id, struct admin_farm *ret,
                         struct usage *ret_usage, struct error_detail *ret_detail);

#endif
