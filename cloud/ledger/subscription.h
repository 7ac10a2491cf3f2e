/* subscription.h - what is bought, added, renewed and cancelled (RULES §5.1, §5.2). Pure.
 *
 * A change is judged and made in one: anything but LEDGER_GRANTED leaves everything as it was. Every change
 * that is an order fills in *ret_order for the history. */
#ifndef FARMGATE_CLOUD_LEDGER_SUBSCRIPTION_H
#define FARMGATE_CLOUD_LEDGER_SUBSCRIPTION_H

#include "cloud/ledger/ledger.h"

#define SUBSCRIPTION_RENEWAL_MS                                                 \
    (INT64_C(30) * 86400000) /* after expiration: renewal still extends from it \
                              */

enum subscription_status {
    SUBSCRIPTION_NEW, /* bought, its term has not begun */
    SUBSCRIPTION_ACTIVE,
    SUBSCRIPTION_EXPIRED,
    SUBSCRIPTION_CANCELLED,
    SUBSCRIPTION_STATUS_MAX
};
enum subscription_status subscription_status(const struct subscription *subscription, int64_t now_ms);
const char *subscription_status_name(enum subscription_status status); /* "new", "active", … */

/* What is asked for. */
struct subscription_order {
    const char *name, *contract;
    uint32_t licences;
    struct term term;
    enum plan plan;
    enum channel channel;
    const bool *renews; /* by itself; NULL: if it is bought online */
};

/* A subscription and its primary key, which is given the text `key`. */
enum ledger_verdict subscription_buy(const struct subscription_order *wanted, const char *key, int64_t now_ms,
                                     struct subscription *ret_subscription, struct key *ret_primary,
                                     struct order *ret_order);

/* Its term begins, with the first activation of one of its keys. */
void subscription_begin(struct subscription *subscription, int64_t now_ms);

/* More licences: they go to the primary key, and `purchases` grows by as many. */
enum ledger_verdict subscription_add(struct subscription *subscription, struct key *primary,
                                     uint32_t licences, int64_t now_ms, struct order *ret_order);

/* Another term (0 months and 0 days: as the one before), from the old expiration if it is ordered before it
 * or within SUBSCRIPTION_RENEWAL_MS after it, else from now. */
enum ledger_verdict subscription_renew(struct subscription *subscription, const struct term *term,
                                       int64_t now_ms, struct order *ret_order);

/* Whether it renews by itself; nothing else changes before its expiration. One that has expired does not
 * begin to: that would be a renewal that nobody ordered, of a past that nobody used. */
enum ledger_verdict subscription_set_renews(struct subscription *subscription, bool renews, int64_t now_ms);

/* Ends it at once. The farms on its keys are to be closed with FARM_REASON_CANCELLED (activation_end). */
enum ledger_verdict subscription_cancel(struct subscription *subscription, int64_t now_ms,
                                        struct order *ret_order);

/* A renewal by itself that has fallen due, dated at the expiration it extends. True: made; ask again, for
 * more than one term may have passed. To be asked before anything else is done with a subscription. */
bool subscription_renews_now(struct subscription *subscription, int64_t now_ms, struct order *ret_order);

#endif
