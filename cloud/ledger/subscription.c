#include "cloud/ledger/subscription.h"

#include "cloud/ledger/calendar.h"

#include <assert.h>
#include <stdio.h>

enum subscription_status subscription_status(const struct subscription *subscription, int64_t now_ms)
{
    if (subscription->cancelled_ms != 0)
        return SUBSCRIPTION_CANCELLED;
    if (subscription->activated_ms == 0)
        return SUBSCRIPTION_NEW;
    return now_ms >= subscription->expires_ms ? SUBSCRIPTION_EXPIRED : SUBSCRIPTION_ACTIVE;
}

const char *subscription_status_name(enum subscription_status status)
{
    static const char *const names[] = {
        [SUBSCRIPTION_NEW] = "new",
        [SUBSCRIPTION_ACTIVE] = "active",
        [SUBSCRIPTION_EXPIRED] = "expired",
        [SUBSCRIPTION_CANCELLED] = "cancelled",
    };
    static_assert(sizeof names / sizeof names[0] == SUBSCRIPTION_STATUS_MAX, "a name for every status");
    return names[status];
}

static struct order order_of(const struct subscription *subscription, enum order_kind kind, int64_t now_ms)
{
    return (struct order){.subscription_id = subscription->id,
                          .kind = kind,
                          .at_ms = now_ms,
                          .expires_before_ms = subscription->expires_ms,
                          .expires_after_ms = subscription->expires_ms};
}

static bool is_sold(const struct term *term, enum channel channel)
{
    return term->months != 1 || channel == CHANNEL_ONLINE;
}

enum ledger_verdict subscription_buy(const struct subscription_order *wanted, const char *key, int64_t now_ms,
                                     struct subscription *ret_subscription, struct key *ret_primary,
                                     struct order *ret_order)
{
    if (wanted->licences > LEDGER_LICENCES_MAX)
        return LEDGER_TOO_MANY;
    if (!is_sold(&wanted->term, wanted->channel))
        return LEDGER_MONTHLY_ONLINE;
    bool renews = wanted->renews != NULL ? *wanted->renews : wanted->channel == CHANNEL_ONLINE;
    if (renews && wanted->channel == CHANNEL_RESELLER)
        return LEDGER_RESELLER;
    struct subscription subscription = {
        .licences = wanted->licences,
        .purchases = wanted->licences,
        .term = wanted->term,
        .plan = wanted->plan,
        .channel = wanted->channel,
        .renews = renews,
        .created_ms = now_ms,
    };
    struct key primary = {.primary = true, .quota = wanted->licences, .created_ms = now_ms};
    (void)snprintf(subscription.name, sizeof subscription.name, "%s", wanted->name);
    (void)snprintf(subscription.contract, sizeof subscription.contract, "%s", wanted->contract);
    (void)snprintf(primary.name, sizeof primary.name, "%s", wanted->name);
    (void)snprintf(primary.text, sizeof primary.text, "%s", key);
    *ret_order = order_of(&subscription, ORDER_PURCHASE, now_ms);
    ret_order->licences = wanted->licences;
    ret_order->term = wanted->term;
    *ret_subscription = subscription;
    *ret_primary = primary;
    return LEDGER_GRANTED;
}

enum ledger_verdict subscription_add(struct subscription *subscription, struct key *primary,
                                     uint32_t licences, int64_t now_ms, struct order *ret_order)
{
    if (subscription->cancelled_ms != 0)
        return LEDGER_CANCELLED;
    if (licences > LEDGER_LICENCES_MAX - subscription->licences)
        return LEDGER_TOO_MANY;
    *ret_order = order_of(subscription, ORDER_ADD, now_ms);
    ret_order->licences = licences;
    subscription->licences += licences;
    subscription->purchases += licences;
    primary->quota += licences;
    return LEDGER_GRANTED;
}

/* What is counted in days has no day of the month to come back to: months after it count from its end. */
static void run_term(struct subscription *subscription, int64_t start_ms)
{
    const struct term *term = &subscription->term;
    subscription->expires_ms = term_end_ms(term, start_ms, subscription->anchor_day);
    if (term->months == 0)
        subscription->anchor_day = calendar_day_of_month(subscription->expires_ms);
}

void subscription_begin(struct subscription *subscription, int64_t now_ms)
{
    subscription->activated_ms = now_ms;
    subscription->anchor_day = calendar_day_of_month(now_ms);
    run_term(subscription, now_ms);
}

static void extend(struct subscription *subscription, const struct term *term, int64_t now_ms,
                   struct order *ret_order)
{
    bool late = now_ms > subscription->expires_ms + SUBSCRIPTION_RENEWAL_MS;
    *ret_order = order_of(subscription, ORDER_RENEW, now_ms);
    ret_order->term = *term;
    subscription->term = *term;
    if (late)
        subscription->anchor_day = calendar_day_of_month(now_ms);
    run_term(subscription, late ? now_ms : subscription->expires_ms);
    ret_order->expires_after_ms = subscription->expires_ms;
}

enum ledger_verdict subscription_renew(struct subscription *subscription, const struct term *term,
                                       int64_t now_ms, struct order *ret_order)
{
    struct term next = term->months == 0 && term->days == 0 ? subscription->term : *term;
    if (subscription->cancelled_ms != 0)
        return LEDGER_CANCELLED;
    if (subscription->activated_ms == 0)
        return LEDGER_NOT_ACTIVATED;
    if (!is_sold(&next, subscription->channel))
        return LEDGER_MONTHLY_ONLINE;
    extend(subscription, &next, now_ms, ret_order);
    return LEDGER_GRANTED;
}

enum ledger_verdict subscription_set_renews(struct subscription *subscription, bool renews, int64_t now_ms)
{
    if (subscription->cancelled_ms != 0)
        return LEDGER_CANCELLED;
    if (renews && subscription->channel == CHANNEL_RESELLER)
        return LEDGER_RESELLER;
    if (renews && !subscription->renews && subscription_status(subscription, now_ms) == SUBSCRIPTION_EXPIRED)
        return LEDGER_EXPIRED;
    subscription->renews = renews;
    return LEDGER_GRANTED;
}

enum ledger_verdict subscription_cancel(struct subscription *subscription, int64_t now_ms,
                                        struct order *ret_order)
{
    if (subscription->cancelled_ms != 0)
        return LEDGER_CANCELLED;
    *ret_order = order_of(subscription, ORDER_CANCEL, now_ms);
    subscription->cancelled_ms = now_ms;
    subscription->renews = false;
    return LEDGER_GRANTED;
}

bool subscription_renews_now(struct subscription *subscription, int64_t now_ms, struct order *ret_order)
{
    struct term term = subscription->term;
    if (!subscription->renews || subscription_status(subscription, now_ms) != SUBSCRIPTION_EXPIRED)
        return false;
    extend(subscription, &term, subscription->expires_ms, ret_order);
    ret_order->automatic = true;
    return true;
}
