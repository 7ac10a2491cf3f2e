#include "cloud/bookkeeping.h"

#include "cloud/ledger/activation.h"
#include "cloud/ledger/key.h"
#include "cloud/ledger/subscription.h"

#include <inttypes.h>

/* --- renewals ------------------------------------------------------------------------------------------- */

/* One renewal that is due; *ret_made false: none is. */
static int renew_once(struct rows *rows, struct subscription *subscription, int64_t now_ms, bool *ret_made,
                      struct error_detail *ret_detail)
{
    const struct audit_author author = {AUDIT_AUTHORITY, now_ms};
    struct subscription before = *subscription;
    struct order order;

    *ret_made = subscription_renews_now(subscription, now_ms, &order);
    if (!*ret_made)
        return 0;
    int error = rows_subscription_put(rows, subscription, ret_detail);
    if (error == 0)
        error = rows_order_put(rows, &order, ret_detail);
    if (error == 0)
        error = audit_subscription(rows, &author, AUDIT_SUBSCRIPTION_RENEW, &before, subscription, NULL,
                                   ret_detail);
    return error;
}

int bookkeeping_renew(struct rows *rows, struct subscription *subscription, int64_t now_ms,
                      struct error_detail *ret_detail)
{
    bool made = true;
    int error = 0;
    for (int i = 0; i < BOOKKEEPING_RENEWALS_MAX && made && error == 0; i++)
        error = renew_once(rows, subscription, now_ms, &made, ret_detail);
    return error;
}

int bookkeeping_subscription(struct rows *rows, int64_t id, int64_t now_ms, struct subscription *ret,
                             struct error_detail *ret_detail)
{
    int error = rows_subscription(rows, id, ret, ret_detail);
    return error != 0 ? error : bookkeeping_renew(rows, ret, now_ms, ret_detail);
}

int bookkeeping_sweep(struct rows *rows, int64_t now_ms, unsigned limit, unsigned *ret_made,
                      struct error_detail *ret_detail)
{
    unsigned count = 0;
    int error = 0;
    bool made = true;
    while (count < limit && made && error == 0) {
        struct subscription subscription;
        error = rows_subscription_due(rows, now_ms, &subscription, ret_detail);
        if (error == 0)
            error = renew_once(rows, &subscription, now_ms, &made, ret_detail);
        if (error == 0 && made)
            count++;
    }
    if (error == 0 || error == ERROR_NOT_FOUND)
        *ret_made = count;
    return error == ERROR_NOT_FOUND ? 0 : error;
}

/* --- farms ---------------------------------------------------------------------------------------------- */

int bookkeeping_close_farm(struct rows *rows, const struct audit_author *author, struct farm *farm,
                           enum audit_change change, enum farm_reason reason, struct error_detail *ret_detail)
{
    struct key key, before_key;
    struct farm before = *farm;
    bool trial = farm->key_id == 0;
    int error = trial ? 0 : rows_key(rows, farm->key_id, &key, ret_detail);
    if (error != 0)
        return error;
    if (!trial)
        before_key = key;
    if (!activation_end(farm, trial ? NULL : &key, reason, author->now_ms))
        return 0;
    if (!trial)
        error = rows_key_put(rows, &key, ret_detail);
    if (error == 0)
        error = rows_farm_put(rows, farm, ret_detail);
    return error != 0 ? error
                      : audit_farm(rows, author, change,
                                   &(struct audit_farm_state){&before, trial ? NULL : &before_key},
                                   &(struct audit_farm_state){farm, trial ? NULL : &key}, ret_detail);
}

/* One by one, for a list must not change while it is read. */
int bookkeeping_close_farms_of(struct rows *rows, const struct audit_author *author, int64_t subscription_id,
                               unsigned *ret_closed, struct error_detail *ret_detail)
{
    struct key held = {.id = 0};
    for (unsigned closed = 0; closed < BOOKKEEPING_CLOSED_MAX; closed++) {
        struct farm farm;
        int error = rows_key_held(rows, subscription_id, held.id, &held, ret_detail);
        if (error == ERROR_NOT_FOUND) {
            *ret_closed = closed;
            return rows_closing_done(rows, subscription_id, ret_detail);
        }
        if (error == 0)
            error = rows_farm(rows, held.holder, &farm, ret_detail);
        if (error == 0)
            error = bookkeeping_close_farm(rows, author, &farm, AUDIT_FARM_DEACTIVATE, FARM_REASON_CANCELLED,
                                           ret_detail);
        if (error != 0)
            return error;
    }
    *ret_closed = BOOKKEEPING_CLOSED_MAX;
    return rows_closing_put(rows, subscription_id, ret_detail);
}

int bookkeeping_close_rest(struct rows *rows, int64_t now_ms, unsigned *ret_closed,
                           struct error_detail *ret_detail)
{
    const struct audit_author author = {AUDIT_AUTHORITY, now_ms};
    unsigned closed = 0;
    int error = 0;
    while (error == 0 && closed < BOOKKEEPING_CLOSED_MAX) {
        int64_t subscription_id;
        unsigned more = 0;
        error = rows_closing(rows, &subscription_id, ret_detail);
        if (error == 0)
            error = bookkeeping_close_farms_of(rows, &author, subscription_id, &more, ret_detail);
        closed += more;
    }
    if (error == 0 || error == ERROR_NOT_FOUND)
        *ret_closed = closed;
    return error == ERROR_NOT_FOUND ? 0 : error;
}

int bookkeeping_close_if_cancelled(struct rows *rows, const struct subscription *subscription,
                                   struct farm *farm, int64_t now_ms, struct error_detail *ret_detail)
{
    const struct audit_author author = {AUDIT_AUTHORITY, now_ms};
    if (subscription->cancelled_ms == 0 || farm->status != FARM_ACTIVE)
        return 0;
    return bookkeeping_close_farm(rows, &author, farm, AUDIT_FARM_DEACTIVATE, FARM_REASON_CANCELLED,
                                  ret_detail);
}

/* --- what must hold ------------------------------------------------------------------------------------- */

int bookkeeping_check(struct rows *rows, const struct subscription *subscription,
                      struct error_detail *ret_detail)
{
    struct key_sum sum = {.quotas = 0};
    int error = rows_key_sum(rows, subscription->id, &sum, ret_detail);
    if (error != 0 || key_sum_fits(&sum, subscription))
        return error;
    error_detail_set(ret_detail,
                     "the keys of subscription %" PRId64 " have %" PRIu64 " of its %" PRIu32
                     " licences: the ledger is damaged, and nothing was changed",
                     subscription->id, sum.quotas, subscription->licences);
    return ERROR_DAMAGED;
}
