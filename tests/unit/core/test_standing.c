/* How the farm stands with the authority (RULES §3): the machines together, grants, and farms that come and
 * go. */
#include "tests/unit/unit.h"

#include "agent/core/standing.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DAY INT64_C(86400000)
#define T0  (INT64_C(20000) * DAY)

static struct grant grant_of(const char *farm_id)
{
    struct grant grant = {.serial = 1, .limit = 10, .issued_at_ms = T0};
    strcpy(grant.farm_id, farm_id);
    strcpy(grant.installation_id, "inst");
    return grant;
}

static struct standing active(const char *farm_id)
{
    struct standing standing = {0};
    struct grant grant = grant_of(farm_id);
    standing_activate(&standing, &grant, T0);
    return standing;
}

static void spend_the_grace(struct standing *standing, int64_t started_ms)
{
    standing->usage = (struct usage){.state = USAGE_ENFORCED, .grace_started_ms = started_ms};
}

/* ---- farms come and go --------------------------------------------------------------------------------- */

static void a_farm_that_comes_back_finds_its_usage(void **state)
{
    (void)state;
    struct standing standing = active("a");
    spend_the_grace(&standing, T0);
    standing.usage.exceeding_since_ms = T0 + DAY;
    standing.usage.warned_percent = 100;
    struct grant b = grant_of("b"), a = grant_of("a");
    standing_activate(&standing, &b, T0 + 8 * DAY);
    assert_int_equal(standing.usage.state, USAGE_WITHIN);
    assert_int_equal(standing.usage.grace_started_ms, 0);
    assert_string_equal(standing.former[0].farm_id, "a");
    standing_activate(&standing, &a, T0 + 9 * DAY);
    assert_int_equal(standing.usage.state, USAGE_ENFORCED);
    assert_int_equal(standing.usage.grace_started_ms, T0);
    assert_int_equal(standing.usage.exceeding_since_ms, 0); /* anew */
    assert_int_equal(standing.usage.warned_percent, 0);
    assert_string_equal(standing.former[0].farm_id, "b");
    assert_string_equal(standing.former[1].farm_id, "");
}

static void settling_does_not_outlive_a_change_of_farms(void **state)
{
    (void)state;
    struct standing standing = active("a");
    standing.usage = (struct usage){.state = USAGE_SETTLING, .exceeding_since_ms = T0, .settle_ms = 60000};
    struct grant b = grant_of("b"), a = grant_of("a");
    standing_activate(&standing, &b, T0 + 1);
    standing_activate(&standing, &a, T0 + 2);
    assert_int_equal(standing.usage.state, USAGE_WITHIN);
    assert_int_equal(standing.usage.exceeding_since_ms, 0);
}

static void four_former_farms_are_known_and_a_fifth_pushes_out_the_oldest(void **state)
{
    (void)state;
    static const char *const farms[] = {"a", "b", "c", "d", "e", "f"};
    struct standing standing = {0};
    for (size_t i = 0; i < COUNT(farms); i++) {
        struct grant grant = grant_of(farms[i]);
        standing_activate(&standing, &grant, T0);
        assert_int_equal(standing.usage.state, USAGE_WITHIN);
        spend_the_grace(&standing, T0 + (int64_t)i);
    }
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(standing.former[i].farm_id, farms[4 - i]);
    struct grant c = grant_of("c"), a = grant_of("a");
    standing_activate(&standing, &c, T0 + DAY);
    assert_int_equal(standing.usage.grace_started_ms, T0 + 2);
    const char *const left[] = {"f", "e", "d", "b"};
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(standing.former[i].farm_id, left[i]);
    standing_activate(&standing, &a, T0 + DAY); /* forgotten: its grace is available */
    assert_int_equal(standing.usage.state, USAGE_WITHIN);
    assert_int_equal(standing.usage.grace_started_ms, 0);
}

static void purchases_are_compared_with_the_farms_own(void **state)
{
    (void)state;
    static const struct {
        uint64_t first, again; /* of farm a, with b of 50 purchases in between */
        bool renews;
    } rows[] = {{5, 5, false}, {5, 4, false}, {5, 6, true}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct standing standing = {0};
        struct grant a = grant_of("a"), b = grant_of("b");
        a.purchases = rows[i].first;
        b.purchases = 50;
        standing_activate(&standing, &a, T0);
        spend_the_grace(&standing, T0);
        standing_activate(&standing, &b, T0);
        assert_int_equal(standing.usage.grace_started_ms, 0);
        a.purchases = rows[i].again;
        standing_activate(&standing, &a, T0);
        assert_int_equal(standing.usage.state, rows[i].renews ? USAGE_WITHIN : USAGE_ENFORCED);
    }
}

static void release_copy_and_revocation_keep_the_usage(void **state)
{
    (void)state;
    struct standing standing = active("a");
    struct grant a = grant_of("a");
    spend_the_grace(&standing, T0);
    standing.usage.exceeding_since_ms = T0;
    a.status = GRANT_DEACTIVATED;
    standing_apply(&standing, &a, T0 + 8 * DAY);
    assert_int_equal(standing.activation, ACTIVATION_REVOKED);
    assert_int_equal(standing.usage.exceeding_since_ms, T0); /* it runs on while revoked */
    standing_release(&standing);
    assert_int_equal(standing.activation, ACTIVATION_NONE);
    assert_int_equal(standing.usage.exceeding_since_ms, 0);
    assert_int_equal(standing.usage.state, USAGE_ENFORCED);
    a.status = GRANT_ACTIVE;
    standing_activate(&standing, &a, T0 + 9 * DAY);
    assert_int_equal(standing.usage.state, USAGE_ENFORCED);
    assert_string_equal(standing.former[0].farm_id, "");
}

static void a_farm_whose_grant_was_lost_is_named(void **state)
{
    (void)state;
    struct standing standing = active("a");
    standing.grant.purchases = 7;
    spend_the_grace(&standing, T0);
    standing_name(&standing, "b");
    assert_string_equal(standing.grant.farm_id, "b");
    assert_int_equal(standing.grant.serial, 0);
    assert_int_equal(standing.usage.state, USAGE_WITHIN);
    standing_name(&standing, "a");
    assert_int_equal(standing.grant.purchases, 7);
    assert_int_equal(standing.usage.state, USAGE_ENFORCED);
}

/* ---- grants -------------------------------------------------------------------------------------------- */

static void a_grant_applies_at_once(void **state)
{
    (void)state;
    struct standing standing = active("a");
    struct grant grant = grant_of("a");
    grant.expires_at_ms = T0 - DAY;
    grant.refresh_by_ms = T0;
    standing_apply(&standing, &grant, T0);
    assert_int_equal(standing.term, TERM_EXPIRY_GRACE);
    assert_int_equal(standing.contact, CONTACT_STALE);
    assert_int_equal(standing.last_contact_ms, T0);
    grant.expires_at_ms = T0 + DAY;
    grant.refresh_by_ms = T0 + DAY;
    standing_apply(&standing, &grant, T0);
    assert_int_equal(standing.term, TERM_VALID);
    assert_int_equal(standing.contact, CONTACT_FRESH);
}

static void another_end_of_the_term_is_warned_of_anew(void **state)
{
    (void)state;
    struct standing standing = active("a");
    struct grant grant = grant_of("a");
    grant.expires_at_ms = T0 + 5 * DAY;
    standing_apply(&standing, &grant, T0);
    standing_pass(&standing, T0);
    assert_int_equal(standing.term_said.days, 7);
    standing_apply(&standing, &grant, T0); /* the same end: nothing anew */
    assert_int_equal(standing.term_said.days, 7);
    grant.expires_at_ms += 1;
    standing_apply(&standing, &grant, T0);
    assert_int_equal(standing.term_said.days, 0);
    assert_int_equal(standing_due_ms(&standing, T0), T0);
    standing_pass(&standing, T0);
    assert_int_equal(standing.term_said.days, 7);
}

static void a_contact_needs_no_warning_of_its_want(void **state)
{
    (void)state;
    struct standing standing = active("a");
    struct grant grant = grant_of("a");
    grant.refresh_by_ms = T0 + 5 * DAY;
    standing_apply(&standing, &grant, T0);
    assert_int_equal(standing.contact_said_days, 7); /* counts as said */
    assert_int_equal(standing_due_ms(&standing, T0), T0 + 4 * DAY);
}

/* ---- time ---------------------------------------------------------------------------------------------- */

static void the_next_thing_due_is_the_earliest_of_all(void **state)
{
    (void)state;
    struct standing standing = active("a");
    assert_int_equal(standing_due_ms(&standing, T0), INT64_MAX);
    standing.grant.expires_at_ms = T0 + 100 * DAY;
    assert_int_equal(standing_due_ms(&standing, T0), T0 + 10 * DAY);
    standing.grant.refresh_by_ms = T0 + 16 * DAY;
    assert_int_equal(standing_due_ms(&standing, T0), T0 + 9 * DAY);
    usage_judge(&standing.usage, true, 60000, T0);
    assert_int_equal(standing_due_ms(&standing, T0), T0 + 60000);
    assert_int_equal(standing_due_ms(&standing, T0 + DAY), T0 + DAY); /* overdue: now */
}

/* Each of them alone: the others are as they should be. */
static void whatever_is_behind_is_due_now(void **state)
{
    (void)state;
    static const struct {
        int64_t expires_at_ms, refresh_by_ms; /* 0: never */
    } rows[] = {
        {T0 + 80 * DAY, 0}, /* a warning before the end of the term */
        {T0 - DAY, 0},      /* the expiry grace */
        {T0 - 24 * DAY, 0}, /* a warning before its end */
        {T0 - 30 * DAY, 0}, /* the end */
        {0, T0 + 3 * DAY},  /* a warning before refresh_by */
        {0, T0},            /* refresh_by */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct standing standing = active("a");
        standing.grant.expires_at_ms = rows[i].expires_at_ms;
        standing.grant.refresh_by_ms = rows[i].refresh_by_ms;
        if (rows[i].expires_at_ms == T0 - 24 * DAY)
            standing.term = TERM_EXPIRY_GRACE;
        if (rows[i].refresh_by_ms == T0)
            standing.contact_said_days = 1;
        assert_int_equal(standing_due_ms(&standing, T0), T0);
        standing_pass(&standing, T0);
        assert_true(standing_due_ms(&standing, T0) > T0);
    }
}

static void at_rest_nothing_is_due_and_nothing_moves(void **state)
{
    (void)state;
    struct standing standing = active("a");
    standing.grant.expires_at_ms = T0 + DAY;
    standing.grant.refresh_by_ms = T0 + DAY;
    spend_the_grace(&standing, T0);
    standing_release(&standing);
    struct standing before = standing;
    assert_int_equal(standing_due_ms(&standing, T0 + 9 * DAY), INT64_MAX);
    standing_pass(&standing, T0 + 90 * DAY);
    standing_validate(&standing, T0 + 90 * DAY);
    assert_memory_equal(&standing, &before, sizeof(standing));
    assert_int_equal(standing.term, TERM_VALID);
    assert_int_equal(standing.contact, CONTACT_FRESH);
}

static void warnings_only_add_up(void **state)
{
    (void)state;
    struct standing standing = active("a");
    standing.grant.expires_at_ms = T0 + 100 * DAY;
    standing_pass(&standing, T0 + 98 * DAY); /* asleep until two days before the end: the most urgent */
    assert_int_equal(standing.term_said.days, 7);
    standing_pass(&standing, T0 + 99 * DAY);
    assert_int_equal(standing.term_said.days, 1);
    standing_pass(&standing, T0 + 100 * DAY);
    assert_int_equal(standing.term_said.days, 1);
    assert_int_equal(standing.term, TERM_EXPIRY_GRACE);
    assert_int_equal(standing_due_ms(&standing, T0 + 100 * DAY), T0 + 123 * DAY);
}

static void set_back_warnings_begin_anew_only_after_more_than_a_day(void **state)
{
    (void)state;
    static const struct {
        int64_t by_ms;
        unsigned term_days, contact_days;
    } rows[] = {
        {DAY / 2, 1, 1}, {DAY, 1, 1}, {DAY + 1, 7, 7}, {8 * DAY, 30, 0}, {80 * DAY, 90, 0}, {100 * DAY, 0, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct standing standing = active("a");
        int64_t now_ms = T0 + 100 * DAY - DAY / 2;
        standing.grant.expires_at_ms = standing.grant.refresh_by_ms = T0 + 100 * DAY;
        standing_pass(&standing, now_ms);
        standing_set_back(&standing, now_ms, now_ms - rows[i].by_ms);
        assert_int_equal(standing.term_said.days, rows[i].term_days);
        assert_int_equal(standing.contact_said_days, rows[i].contact_days);
    }
}

static void set_back_term_and_contact_follow_at_once(void **state)
{
    (void)state;
    struct standing standing = active("a");
    standing.grant.expires_at_ms = T0;
    standing.grant.refresh_by_ms = T0 + DAY;
    standing_pass(&standing, T0 + 30 * DAY);
    assert_int_equal(standing.term, TERM_EXPIRED);
    assert_int_equal(standing.contact, CONTACT_STALE);
    standing_set_back(&standing, T0 + 30 * DAY, T0 + 30 * DAY - 1);
    assert_int_equal(standing.term, TERM_EXPIRY_GRACE);
    assert_int_equal(standing.contact, CONTACT_STALE);
    standing_set_back(&standing, T0 + 30 * DAY - 1, T0 + DAY - 1);
    assert_int_equal(standing.contact, CONTACT_FRESH);
    standing_set_back(&standing, T0 + DAY - 1, T0 - 1);
    assert_int_equal(standing.term, TERM_VALID);
}

static void set_back_former_farms_do_not_gain_time_either(void **state)
{
    (void)state;
    struct standing standing = active("a");
    struct grant b = grant_of("b"), a = grant_of("a");
    spend_the_grace(&standing, T0);
    standing_activate(&standing, &b, T0 + 8 * DAY);
    standing_set_back(&standing, T0 + 8 * DAY, T0 - 3 * DAY);
    standing_activate(&standing, &a, T0 - 3 * DAY);
    assert_int_equal(standing.usage.state, USAGE_OVERUSE_GRACE);
    assert_int_equal(standing.usage.grace_started_ms, T0 - 3 * DAY);
}

static void set_back_at_rest_too(void **state)
{
    (void)state;
    struct standing standing = active("a");
    spend_the_grace(&standing, T0);
    standing_release(&standing);
    standing_set_back(&standing, T0 + 8 * DAY, T0 - 3 * DAY);
    assert_int_equal(standing.usage.grace_started_ms, T0 - 3 * DAY);
    assert_int_equal(standing.activation, ACTIVATION_NONE);
}

static void only_none_and_revoked_close(void **state)
{
    (void)state;
    static const char *const names[ACTIVATION_STATE_MAX] = {"none", "active", "revoked"};
    for (int i = 0; i < ACTIVATION_STATE_MAX; i++) {
        assert_string_equal(activation_state_name((enum activation_state)i), names[i]);
        assert_int_equal(activation_state_closes((enum activation_state)i), i != ACTIVATION_ACTIVE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_farm_that_comes_back_finds_its_usage),
        cmocka_unit_test(settling_does_not_outlive_a_change_of_farms),
        cmocka_unit_test(four_former_farms_are_known_and_a_fifth_pushes_out_the_oldest),
        cmocka_unit_test(purchases_are_compared_with_the_farms_own),
        cmocka_unit_test(release_copy_and_revocation_keep_the_usage),
        cmocka_unit_test(a_farm_whose_grant_was_lost_is_named),
        cmocka_unit_test(a_grant_applies_at_once),
        cmocka_unit_test(another_end_of_the_term_is_warned_of_anew),
        cmocka_unit_test(a_contact_needs_no_warning_of_its_want),
        cmocka_unit_test(the_next_thing_due_is_the_earliest_of_all),
        cmocka_unit_test(whatever_is_behind_is_due_now),
        cmocka_unit_test(at_rest_nothing_is_due_and_nothing_moves),
        cmocka_unit_test(warnings_only_add_up),
        cmocka_unit_test(set_back_warnings_begin_anew_only_after_more_than_a_day),
        cmocka_unit_test(set_back_term_and_contact_follow_at_once),
        cmocka_unit_test(set_back_former_farms_do_not_gain_time_either),
        cmocka_unit_test(set_back_at_rest_too),
        cmocka_unit_test(only_none_and_revoked_close),
    };
    return cmocka_run_group_tests_name("standing (RULES 3)", tests, NULL, NULL);
}
