/* What is bought, added, renewed and cancelled (RULES §5.1, §5.2). */
#include "cloud/ledger/calendar.h"
#include "cloud/ledger/subscription.h"
#include "tests/unit/unit.h"

#include <string.h>

#define DAY       CALENDAR_DAY_MS
#define JAN_31    INT64_C(1769817600000) /* 2026-01-31 00:00 */
#define FEB_28    (JAN_31 + 28 * DAY)
#define MAR_31    (FEB_28 + 31 * DAY)
#define APR_30    (MAR_31 + 30 * DAY)
#define A_YEAR_ON (JAN_31 + 365 * DAY)

static const struct term month = {.months = 1}, year = {.months = 12}, as_before = {0};

struct bought {
    struct subscription subscription;
    struct key primary;
    struct order order;
};

static struct bought buy(struct term term, enum channel channel)
{
    struct bought bought;
    struct subscription_order wanted = {
        .name = "Sales", .contract = "PO 17", .licences = 10, .term = term, .channel = channel};
    assert_int_equal(subscription_buy(&wanted, "KEY", JAN_31 - 5 * DAY, &bought.subscription, &bought.primary,
                                      &bought.order),
                     LEDGER_GRANTED);
    return bought;
}

/* As its first activation would leave it. */
static struct bought running(struct term term, enum channel channel)
{
    struct bought bought = buy(term, channel);
    subscription_begin(&bought.subscription, JAN_31);
    return bought;
}

static void a_purchase_makes_a_primary_key_with_all_licences(void **state)
{
    (void)state;
    struct bought online = buy(year, CHANNEL_ONLINE), reseller = buy(year, CHANNEL_RESELLER);
    assert_int_equal(online.subscription.licences, 10);
    assert_int_equal(online.subscription.purchases, 10);
    assert_true(online.primary.primary);
    assert_int_equal(online.primary.quota, 10);
    assert_string_equal(online.primary.text, "KEY");
    assert_string_equal(online.subscription.contract, "PO 17");
    assert_int_equal(online.order.kind, ORDER_PURCHASE);
    assert_int_equal(online.order.licences, 10);
    assert_true(online.subscription.renews); /* by default if bought online */
    assert_false(reseller.subscription.renews);
    assert_int_equal(subscription_status(&online.subscription, JAN_31), SUBSCRIPTION_NEW);
}

static void a_month_is_sold_online_only(void **state)
{
    (void)state;
    struct bought bought, online = running(month, CHANNEL_ONLINE), reseller = running(year, CHANNEL_RESELLER);
    struct subscription_order wanted = {
        .name = "", .contract = "", .licences = 1, .term = month, .channel = CHANNEL_RESELLER};
    assert_int_equal(subscription_buy(&wanted, "K", 0, &bought.subscription, &bought.primary, &bought.order),
                     LEDGER_MONTHLY_ONLINE);
    assert_int_equal(subscription_renew(&online.subscription, &month, JAN_31, &bought.order), LEDGER_GRANTED);
    assert_int_equal(subscription_renew(&reseller.subscription, &month, JAN_31, &bought.order),
                     LEDGER_MONTHLY_ONLINE);
}

static void status_follows_from_dates(void **state)
{
    (void)state;
    struct bought bought = running(month, CHANNEL_ONLINE);
    assert_int_equal(bought.subscription.expires_ms, FEB_28); /* clamped to the month's end */
    assert_int_equal(subscription_status(&bought.subscription, FEB_28 - 1), SUBSCRIPTION_ACTIVE);
    assert_int_equal(subscription_status(&bought.subscription, FEB_28), SUBSCRIPTION_EXPIRED);
    bought.subscription.cancelled_ms = 1;
    assert_int_equal(subscription_status(&bought.subscription, 0), SUBSCRIPTION_CANCELLED);
    assert_string_equal(subscription_status_name(SUBSCRIPTION_CANCELLED), "cancelled");
}

static void only_orders_that_add_licences_count_as_purchases(void **state)
{
    (void)state;
    struct bought bought = running(year, CHANNEL_ONLINE);
    struct subscription *subscription = &bought.subscription;
    assert_int_equal(subscription_add(subscription, &bought.primary, 5, JAN_31 + DAY, &bought.order),
                     LEDGER_GRANTED);
    assert_int_equal(subscription->licences, 15);
    assert_int_equal(subscription->purchases, 15);
    assert_int_equal(bought.primary.quota, 15);
    assert_int_equal(bought.order.kind, ORDER_ADD);
    assert_int_equal(bought.order.licences, 5);
    assert_int_equal(subscription_renew(subscription, &year, JAN_31 + DAY, &bought.order), LEDGER_GRANTED);
    assert_int_equal(subscription->purchases, 15);
    struct subscription before = *subscription;
    assert_int_equal(subscription_add(subscription, &bought.primary, LEDGER_LICENCES_MAX, 0, &bought.order),
                     LEDGER_TOO_MANY);
    assert_memory_equal(subscription, &before, sizeof before);
}

static void a_renewal_extends_from_the_old_end_or_from_the_order(void **state)
{
    (void)state;
    static const struct {
        int64_t ordered_ms, expires_ms;
    } rows[] = {
        {JAN_31 + 10 * DAY, A_YEAR_ON + 365 * DAY},
        {A_YEAR_ON, A_YEAR_ON + 365 * DAY},
        {A_YEAR_ON + 30 * DAY, A_YEAR_ON + 365 * DAY},
        {A_YEAR_ON + 30 * DAY + 1, A_YEAR_ON + 30 * DAY + 1 + 366 * DAY}, /* over 29 February 2028 */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bought bought = running(year, CHANNEL_RESELLER);
        assert_int_equal(
            subscription_renew(&bought.subscription, &as_before, rows[i].ordered_ms, &bought.order),
            LEDGER_GRANTED);
        assert_int_equal(bought.subscription.expires_ms, rows[i].expires_ms);
        assert_int_equal(bought.order.expires_before_ms, A_YEAR_ON);
        assert_int_equal(bought.order.expires_after_ms, rows[i].expires_ms);
        assert_false(bought.order.automatic);
    }
    struct bought fresh = buy(year, CHANNEL_ONLINE);
    assert_int_equal(subscription_renew(&fresh.subscription, &year, JAN_31, &fresh.order),
                     LEDGER_NOT_ACTIVATED);
}

static void who_buys_says_whether_it_renews(void **state)
{
    (void)state;
    static const bool yes = true, no = false;
    static const struct {
        enum channel channel;
        const bool *wanted;
        enum ledger_verdict verdict;
        bool renews;
    } rows[] = {
        {CHANNEL_ONLINE, NULL, LEDGER_GRANTED, true},   {CHANNEL_ONLINE, &no, LEDGER_GRANTED, false},
        {CHANNEL_ONLINE, &yes, LEDGER_GRANTED, true},   {CHANNEL_RESELLER, NULL, LEDGER_GRANTED, false},
        {CHANNEL_RESELLER, &no, LEDGER_GRANTED, false}, {CHANNEL_RESELLER, &yes, LEDGER_RESELLER, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bought bought = {.subscription = {.id = 0}};
        struct subscription_order wanted = {
            .name = "", .contract = "", .term = year, .channel = rows[i].channel, .renews = rows[i].wanted};
        assert_int_equal(
            subscription_buy(&wanted, "KEY", JAN_31, &bought.subscription, &bought.primary, &bought.order),
            rows[i].verdict);
        assert_int_equal(bought.subscription.renews, rows[i].renews);
    }
}

static void it_renews_by_itself_term_by_term(void **state)
{
    (void)state;
    struct bought bought = running(month, CHANNEL_ONLINE);
    struct subscription *subscription = &bought.subscription;
    assert_false(subscription_renews_now(subscription, FEB_28 - 1, &bought.order));
    assert_true(subscription_renews_now(subscription, FEB_28 + 40 * DAY, &bought.order));
    assert_int_equal(bought.order.at_ms, FEB_28);
    assert_true(bought.order.automatic);
    assert_int_equal(subscription->expires_ms, MAR_31);
    assert_true(subscription_renews_now(subscription, FEB_28 + 40 * DAY, &bought.order));
    assert_false(subscription_renews_now(subscription, FEB_28 + 40 * DAY, &bought.order));
    assert_int_equal(subscription_set_renews(subscription, false, FEB_28 + 40 * DAY), LEDGER_GRANTED);
    assert_int_equal(subscription->expires_ms, APR_30); /* turning it off changes nothing before */
    assert_false(subscription_renews_now(subscription, FEB_28 + 400 * DAY, &bought.order));
    assert_int_equal(subscription_set_renews(subscription, true, APR_30), LEDGER_EXPIRED);
    assert_int_equal(subscription_set_renews(subscription, false, APR_30), LEDGER_GRANTED);
    assert_int_equal(subscription_set_renews(subscription, true, APR_30 - 1), LEDGER_GRANTED);
    struct bought reseller = running(year, CHANNEL_RESELLER);
    assert_int_equal(subscription_set_renews(&reseller.subscription, true, JAN_31), LEDGER_RESELLER);
}

/* The day on which months end is that of the activation, until a term begins on another one. */
static void months_end_on_the_day_on_which_they_began(void **state)
{
    (void)state;
    static const struct term days = {.days = 30};
    static const struct {
        const struct term *first;
        int64_t ordered_ms; /* then months, twice */
        int64_t ends_ms[2];
    } rows[] = {
        {&month, FEB_28 - 1, {MAR_31, APR_30}},
        {&month, FEB_28 + 30 * DAY, {MAR_31, APR_30}},                      /* late, but in time */
        {&month, FEB_28 + 33 * DAY, {APR_30 + 2 * DAY, APR_30 + 33 * DAY}}, /* from 2 April on */
        {&days, JAN_31 + 1, {JAN_31 + 61 * DAY, JAN_31 + 91 * DAY}},        /* which end on 2 March */
        {&year, JAN_31 + 1, {A_YEAR_ON + 28 * DAY, A_YEAR_ON + 59 * DAY}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bought bought = running(*rows[i].first, CHANNEL_ONLINE);
        for (size_t n = 0; n < 2; n++) {
            assert_int_equal(
                subscription_renew(&bought.subscription, &month, rows[i].ordered_ms, &bought.order),
                LEDGER_GRANTED);
            assert_int_equal(bought.subscription.expires_ms, rows[i].ends_ms[n]);
            assert_int_equal(bought.order.expires_after_ms, rows[i].ends_ms[n]);
        }
    }
}

static void cancelled_is_cancelled(void **state)
{
    (void)state;
    struct bought bought = running(year, CHANNEL_ONLINE);
    struct subscription *subscription = &bought.subscription;
    assert_int_equal(subscription_cancel(subscription, JAN_31 + DAY, &bought.order), LEDGER_GRANTED);
    assert_int_equal(bought.order.kind, ORDER_CANCEL);
    assert_int_equal(subscription_status(subscription, JAN_31 + DAY), SUBSCRIPTION_CANCELLED);
    assert_int_equal(subscription_cancel(subscription, JAN_31, &bought.order), LEDGER_CANCELLED);
    assert_int_equal(subscription_add(subscription, &bought.primary, 1, 0, &bought.order), LEDGER_CANCELLED);
    assert_int_equal(subscription_renew(subscription, &year, 0, &bought.order), LEDGER_CANCELLED);
    assert_int_equal(subscription_set_renews(subscription, true, JAN_31), LEDGER_CANCELLED);
    assert_false(subscription_renews_now(subscription, A_YEAR_ON + DAY, &bought.order));
}

static void every_refusal_has_its_words(void **state)
{
    (void)state;
    for (int i = LEDGER_GRANTED + 1; i < LEDGER_VERDICT_MAX; i++) {
        enum ledger_verdict verdict = (enum ledger_verdict)i;
        assert_in_range(ledger_http_status(verdict), 400, 499);
        assert_true(strlen(ledger_code(verdict)) > 3 && strlen(ledger_text(verdict)) > 10);
        assert_non_null(ledger_field(verdict));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_purchase_makes_a_primary_key_with_all_licences),
        cmocka_unit_test(a_month_is_sold_online_only),
        cmocka_unit_test(status_follows_from_dates),
        cmocka_unit_test(only_orders_that_add_licences_count_as_purchases),
        cmocka_unit_test(a_renewal_extends_from_the_old_end_or_from_the_order),
        cmocka_unit_test(who_buys_says_whether_it_renews),
        cmocka_unit_test(it_renews_by_itself_term_by_term),
        cmocka_unit_test(months_end_on_the_day_on_which_they_began),
        cmocka_unit_test(cancelled_is_cancelled),
        cmocka_unit_test(every_refusal_has_its_words),
    };
    return cmocka_run_group_tests_name("subscriptions (RULES 5.1, 5.2)", tests, NULL, NULL);
}
