/* bookkeeping.h - what both sides of the authority (authority.h, authority_admin.h) do with the ledger: keep
 * renewals up to date, close farms, check that everything adds up. Inside the caller's transaction. */
#ifndef FARMGATE_CLOUD_BOOKKEEPING_H
#define FARMGATE_CLOUD_BOOKKEEPING_H

#include "cloud/audit.h"

#define BOOKKEEPING_CLOSED_MAX   200  /* farms of a cancelled subscription in one transaction */
#define BOOKKEEPING_RENEWALS_MAX 4000 /* of one subscription in one transaction: 333 years of months */

/* Makes the renewals by itself that have fallen due; each is an order and a line of the audit log. */
int bookkeeping_renew(struct rows *rows, struct subscription *subscription, int64_t now_ms,
                      struct error_detail *ret_detail);

/* Reads a subscription, renewed. ERROR_NOT_FOUND. */
int bookkeeping_subscription(struct rows *rows, int64_t id, int64_t now_ms, struct subscription *ret,
                             struct error_detail *ret_detail);

/* Makes at most `limit` renewals that have fallen due, of whatever subscriptions. */
int bookkeeping_sweep(struct rows *rows, int64_t now_ms, unsigned limit, unsigned *ret_made,
                      struct error_detail *ret_detail);

/* Ends a farm's activation and frees its key; nothing happens to one that is not active. */
int bookkeeping_close_farm(struct rows *rows, const struct audit_author *author, struct farm *farm,
                           enum audit_change change, enum farm_reason reason,
                           struct error_detail *ret_detail);

/* Closes farms of a cancelled subscription, BOOKKEEPING_CLOSED_MAX at most: reports wait behind it. What is
 * left is noted, for bookkeeping_close_rest; a farm that comes in before is closed then
 * (bookkeeping_close_if_cancelled). */
int bookkeeping_close_farms_of(struct rows *rows, const struct audit_author *author, int64_t subscription_id,
                               unsigned *ret_closed, struct error_detail *ret_detail);
/* Goes on with what was left, of whatever subscriptions; *ret_closed is less than BOOKKEEPING_CLOSED_MAX when
 * nothing is. */
int bookkeeping_close_rest(struct rows *rows, int64_t now_ms, unsigned *ret_closed,
                           struct error_detail *ret_detail);
int bookkeeping_close_if_cancelled(struct rows *rows, const struct subscription *subscription,
                                   struct farm *farm, int64_t now_ms, struct error_detail *ret_detail);

/* ERROR_DAMAGED, with words, if the quotas of the subscription's keys do not add up to its licences. */
int bookkeeping_check(struct rows *rows, const struct subscription *subscription,
                      struct error_detail *ret_detail);

#endif
