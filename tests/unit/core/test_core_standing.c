/* The machines at work in a whole farm: what is warned of and said, restarts at any point, corrections of
 * time, farms that come and go, entitlements that are unusual. */
#include "rules_farm.h"

#include <string.h>

/* ---- warnings ------------------------------------------------------------------------------------------ */

static size_t said_of_the_limit(void)
{
    return said(LOG_limit_near) + said(LOG_limit_reached);
}

RULE(a_share_of_the_limit_is_said_once_until_the_number_has_fallen_5_points)
{
    limit(100);
    users(79);
    assert_int_equal(said_of_the_limit(), 0);
    users(80);
    assert_int_equal(said_number(LOG_limit_near, "percent"), 80);
    users(75);
    users(80);
    assert_int_equal(said_of_the_limit(), 1);
    users(74);
    users(80);
    assert_int_equal(said_of_the_limit(), 2);
    users(90);
    assert_int_equal(said_number(LOG_limit_near, "percent"), 90);
    users(100);
    assert_int_equal(said(LOG_limit_reached), 1);
    users(95);
    users(100);
    assert_int_equal(said(LOG_limit_reached), 1);
    users(94); /* 90 % hold still: nothing is said on the way down */
    assert_int_equal(said_of_the_limit(), 4);
    users(100);
    assert_int_equal(said(LOG_limit_reached), 2);
}

RULE(of_several_shares_at_once_the_highest_is_said)
{
    limit(100);
    users(100);
    assert_int_equal(said_of_the_limit(), 1);
    users(0);
    users(93);
    assert_int_equal(said_of_the_limit(), 2);
    assert_int_equal(said_number(LOG_limit_near, "percent"), 90);
}

RULE(a_smaller_limit_is_warned_of_when_it_arrives)
{
    users(8);
    assert_int_equal(said_number(LOG_limit_near, "percent"), 80);
    limit(8);
    assert_int_equal(said(LOG_limit_reached), 1);
    assert_int_equal(said_number(LOG_limit_changed, "before"), 10);
    limit(100);
    limit(8);
    assert_int_equal(said(LOG_limit_reached), 2);
}

RULE(the_end_of_the_term_is_warned_of_90_30_7_and_1_days_before)
{
    static const unsigned days[] = {90, 30, 7, 1};
    grant()->expires_at_ms = START + DAYS(100);
    entitled();
    for (size_t i = 0; i < COUNT(days); i++) {
        until(START + DAYS(100) - DAYS(days[i]) - 1);
        assert_int_equal(said(LOG_term_ends_soon), i);
        after(1);
        assert_int_equal(said(LOG_term_ends_soon), i + 1);
        assert_int_equal(said_number(LOG_term_ends_soon, "days"), days[i]);
        entitled(); /* the same end once more, with every report */
        restarts();
    }
    until(START + DAYS(100));
    assert_int_equal(said(LOG_term_ends_soon), 4);
    assert_int_equal(said(LOG_expiry_grace_started), 1);
    until(START + DAYS(123));
    assert_int_equal(said_number(LOG_expiry_grace_ends_soon, "days"), 7);
    until(START + DAYS(129));
    assert_int_equal(said_number(LOG_expiry_grace_ends_soon, "days"), 1);
    until(START + DAYS(130));
    assert_int_equal(said(LOG_expiry_grace_ends_soon), 2);
    assert_int_equal(said(LOG_term_expired), 1);
}

RULE(a_term_that_ends_soon_already_is_said_at_once_and_once)
{
    grant()->expires_at_ms = START + DAYS(20);
    entitled();
    assert_int_equal(said(LOG_term_ends_soon), 1);
    assert_int_equal(said_number(LOG_term_ends_soon, "days"), 30);
    grant()->expires_at_ms = START + DAYS(5); /* a new end begins anew */
    entitled();
    assert_int_equal(said(LOG_term_ends_soon), 2);
    assert_int_equal(said_number(LOG_term_ends_soon, "days"), 7);
    grant()->expires_at_ms = START + DAYS(400);
    entitled();
    assert_int_equal(said(LOG_term_ends_soon), 2);
}

RULE(an_entitlement_says_nothing_of_a_refresh_by_that_is_near)
{
    grant()->refresh_by_ms = START + DAYS(5);
    entitled();
    after(DAYS(4) - 1);
    assert_int_equal(said(LOG_contact_ends_soon), 0);
    after(1);
    assert_int_equal(said_number(LOG_contact_ends_soon, "days"), 1);
}

RULE(a_warning_that_was_said_is_not_said_again_when_time_is_set_back_a_day)
{
    grant()->expires_at_ms = START + DAYS(100);
    grant()->refresh_by_ms = START + DAYS(30);
    entitled();
    until(START + DAYS(10));
    assert_int_equal(said(LOG_term_ends_soon), 1);
    wakes_at(START + DAYS(9));
    until(START + DAYS(15));
    assert_int_equal(said(LOG_term_ends_soon), 1);
    wakes_at(START + DAYS(9)); /* by more: begun anew */
    until(START + DAYS(15));
    assert_int_equal(said(LOG_term_ends_soon), 2);
    until(START + DAYS(23));
    assert_int_equal(said(LOG_contact_ends_soon), 1);
    wakes_at(START + DAYS(22));
    until(START + DAYS(28));
    assert_int_equal(said(LOG_contact_ends_soon), 1);
    wakes_at(START + DAYS(20));
    until(START + DAYS(28));
    assert_int_equal(said(LOG_contact_ends_soon), 2);
}

RULE(a_day_before_the_overuse_grace_ends_it_is_said)
{
    users(11);
    until(START + SECONDS(60) + DAYS(6) - 1);
    assert_int_equal(said(LOG_overuse_grace_ends_soon), 0);
    after(1);
    assert_int_equal(said(LOG_overuse_grace_ends_soon), 1);
    wakes_at(now() - HOURS(24)); /* set back by a day: it was said */
    after(HOURS(36));
    assert_int_equal(said(LOG_overuse_grace_ends_soon), 1);
    wakes_at(now() - HOURS(25));
    after(HOURS(24));
    assert_int_equal(said(LOG_overuse_grace_ends_soon), 2);
    restarts();
    until(START + SECONDS(60) + DAYS(7));
    expect(USAGE_ENFORCED);
    assert_int_equal(said(LOG_overuse_grace_ends_soon), 2);
}

/* ---- what is said of overuse --------------------------------------------------------------------------- */

RULE(overuse_from_beginning_to_end)
{
    users(11);
    assert_int_equal(said(LOG_limit_exceeded), 1);
    assert_int_equal(said_number(LOG_limit_exceeded, "grace_starts_at"), START + SECONDS(60));
    users(10);
    assert_int_equal(said(LOG_limit_kept), 1);
    users(12);
    after(SECONDS(60));
    assert_int_equal(said(LOG_overuse_grace_started), 1);
    assert_int_equal(said_number(LOG_overuse_grace_started, "grace_ends_at"), now() + DAYS(7));
    users(10); /* said whatever the state */
    users(11);
    assert_int_equal(said(LOG_limit_exceeded), 3);
    assert_int_equal(said(LOG_limit_kept), 2);
    after(DAYS(7));
    assert_int_equal(said(LOG_overuse_grace_spent), 1);
    assert_int_equal(said(LOG_overuse_countdown_started), 1);
    int64_t deactivates_at = said_number(LOG_overuse_countdown_started, "deactivates_at");
    assert_int_equal(deactivates_at, status().deactivates_ms);
    users(10);
    assert_int_equal(said(LOG_overuse_countdown_stopped), 1);
    assert_int_equal(said(LOG_limit_kept), 2);
    users(11);
    assert_int_equal(said(LOG_overuse_countdown_started), 2);
    assert_int_equal(said(LOG_limit_exceeded), 3);
    deactivates_at = said_number(LOG_overuse_countdown_started, "deactivates_at");
    until(deactivates_at - 1);
    assert_int_equal(said(LOG_farm_over), 0);
    after(1);
    assert_int_equal(said(LOG_farm_over), 1);
    users(10);
    assert_int_equal(said(LOG_limit_kept), 3);
    assert_int_equal(said(LOG_farm_within), 0);
    validation();
    assert_int_equal(said(LOG_farm_within), 1);
    purchased(20);
    assert_int_equal(said(LOG_overuse_grace_renewed), 1);
}

RULE(licences_that_run_out_and_are_free_again_are_said)
{
    users(11);
    after(SECONDS(60) + DAYS(7));
    assert_int_equal(said(LOG_licenses_run_out), 1);
    size_t before = gate_moves();
    users(9);
    assert_int_equal(said(LOG_licenses_free_again), 1);
    assert_int_equal(gate_moves(), before + 1);
    users(8);
    assert_int_equal(gate_moves(), before + 1); /* only what moved is told */
    users(11);
    after(MINUTES(80));
    assert_int_equal(said(LOG_gate_closed), 1);
    users(9); /* from closed to open with room: nothing was run out */
    validation();
    assert_int_equal(said(LOG_gate_opened), 1);
    assert_int_equal(said(LOG_licenses_free_again), 1);
}

/* ---- restarts ------------------------------------------------------------------------------------------ */

/* Everything a restart may not change. */
static void expect_same(const struct core_status *one, const struct core_status *other)
{
    assert_int_equal(one->verdict.reason, other->verdict.reason);
    assert_int_equal(one->verdict.admission, other->verdict.admission);
    assert_memory_equal(&one->standing, &other->standing, sizeof(one->standing));
    assert_int_equal(one->level.concurrent_users, other->level.concurrent_users);
    assert_int_equal(one->window.start_ms, other->window.start_ms);
    assert_int_equal(one->window.peak_users, other->window.peak_users);
    assert_int_equal(one->window.peak_at_ms, other->window.peak_at_ms);
    assert_int_equal(one->today.users, other->today.users);
    assert_int_equal(one->ever.users, other->ever.users);
    assert_int_equal(one->next_validation_ms, other->next_validation_ms);
    assert_int_equal(one->deactivates_ms, other->deactivates_ms);
}

/* A year of overuse, expiry and silence, in steps; every state of every machine occurs. */
static void live_on(size_t step)
{
    static const struct {
        int64_t after_ms;
        uint32_t users;
    } steps[] = {
        {MINUTES(7), 8},   {MINUTES(3), 11},
        {SECONDS(30), 12}, {SECONDS(29), 9},
        {HOURS(2), 11},    {SECONDS(59), 11},
        {SECONDS(1), 11},  {DAYS(3), 4},
        {DAYS(3), 11},     {HOURS(23), 11},
        {HOURS(1), 12},    {MINUTES(30), 12},
        {MINUTES(29), 10}, {MINUTES(40), 11},
        {MINUTES(61), 11}, {MINUTES(25), 11},
        {HOURS(5), 10},    {MINUTES(20), 9},
        {DAYS(20), 9},     {DAYS(40), 10},
        {DAYS(20), 3},     {DAYS(8) - SECONDS(61), 2},
        {SECONDS(61), 11}, {SECONDS(60), 11},
        {DAYS(30), 0},
    };
    after(steps[step % COUNT(steps)].after_ms);
    users(steps[step % COUNT(steps)].users);
}

#define STEPS 26

RULE(a_restart_at_any_point_changes_nothing)
{
    static struct core_status steady[STEPS];
    static size_t said_steady[LOG_EVENT_MAX];
    for (size_t restarted = 0; restarted <= STEPS; restarted++) {
        farm_without_a_past();
        grant()->expires_at_ms = START + DAYS(95);
        grant()->refresh_by_ms = START + DAYS(60);
        assert_int_equal(activated("farm"), 0);
        forget();
        for (size_t step = 0; step < STEPS; step++) {
            live_on(step);
            if (step + 1 == restarted)
                restarts();
            else
                judges(); /* a start is a validation: here too, without the restart */
            struct core_status is = status();
            if (restarted == 0)
                steady[step] = is;
            else
                expect_same(&steady[step], &is);
        }
        for (int code = 0; code < LOG_EVENT_MAX; code++) {
            size_t count = said((enum log_event_code)code);
            if (restarted == 0)
                said_steady[code] = count;
            else if (code != LOG_gate_opened && code != LOG_gate_closed && code != LOG_licenses_run_out)
                assert_int_equal(count, said_steady[code]); /* those three are told with every start */
        }
    }
    assert_true(said_steady[LOG_farm_over] > 0 && said_steady[LOG_farm_within] > 0);
    assert_true(said_steady[LOG_contact_stale] > 0 && said_steady[LOG_term_expired] > 0);
}

RULE(what_fell_due_while_stopped_happened_at_its_own_instant)
{
    grant()->expires_at_ms = START + DAYS(5);
    entitled();
    users(11);
    stops();
    late(DAYS(9));
    starts();
    assert_int_equal(said_at(LOG_overuse_grace_started), START + SECONDS(60));
    assert_int_equal(said_at(LOG_overuse_grace_ends_soon), START + SECONDS(60) + DAYS(6));
    assert_int_equal(said_at(LOG_overuse_grace_spent), START + SECONDS(60) + DAYS(7));
    assert_int_equal(said_at(LOG_expiry_grace_started), START + DAYS(5));
    assert_int_equal(said_at(LOG_farm_over), now()); /* but no validation was while it was stopped */
}

RULE(a_stored_window_far_ahead_of_licence_time_begins_anew)
{
    users(3);
    asleep(DAYS(9));
    stops();
    late(-DAYS(8)); /* the licence file was older than the database: time is days behind the window */
    starts();
    assert_int_equal(said(LOG_time_restarted), 1);
    users(4);
    assert_int_equal(status().window.start_ms, START + DAYS(1));
    assert_int_equal(status().window.peak_at_ms, START + DAYS(1));
}

RULE(before_the_sources_have_told_machines_run_and_no_verdict_is_told)
{
    users(11);
    stops();
    forget();
    late(SECONDS(61));
    starts_but_does_not_judge_yet();
    expect(USAGE_OVERUSE_GRACE);
    assert_int_equal(gate_moves(), 0);
    after(DAYS(8));
    expect(USAGE_ENFORCED);
    assert_int_equal(gate_moves(), 0);
    assert_int_equal(said(LOG_licenses_run_out), 0);
    judges();
    assert_int_equal(gate_moves(), 1);
    assert_int_equal(said(LOG_gate_closed), 1);
}

/* ---- corrections --------------------------------------------------------------------------------------- */

RULE(a_correction_by_seconds_is_not_said)
{
    after(HOURS(1));
    assert_int_equal(entitled_at(now() + SECONDS(60) - 1), 0);
    assert_int_equal(said(LOG_clock_corrected), 0);
    assert_int_equal(entitled_at(now() + SECONDS(60)), 0);
    assert_int_equal(said(LOG_clock_corrected), 1);
    after(HOURS(1));
    assert_int_equal(entitled_at(now() - SECONDS(60) + 1), 0);
    assert_int_equal(said(LOG_clock_corrected), 1);
    after(HOURS(1));
    assert_int_equal(entitled_at(now() - SECONDS(60)), 0);
    assert_int_equal(said(LOG_clock_corrected), 2);
}

RULE(seconds_back_and_forth_neither_lose_nor_repeat_a_window)
{
    for (int i = 0; i < 200; i++) {
        after(MINUTES(3));
        assert_int_equal(entitled_at(now() + (i % 2 ? -SECONDS(50) : SECONDS(55))), 0);
        users((uint32_t)i % 9);
    }
    for (size_t i = 0; i < windows(); i++) {
        assert_int_equal(window(i)->sequence, i + 1);
        assert_int_equal(window(i)->start_ms, START + (int64_t)i * MINUTES(20));
        assert_int_equal(window(i)->end_ms, window(i)->start_ms + MINUTES(20));
    }
    assert_int_equal(windows(), (now() - START) / MINUTES(20));
}

RULE(hours_back_windows_wait_and_machines_do_not)
{
    users(11);
    after(HOURS(3));
    assert_int_equal(entitled_at(START + HOURS(1)), 0);
    size_t before = windows();
    until(START + HOURS(3));
    assert_int_equal(windows(), before);
    until(START + SECONDS(60) + DAYS(7));
    expect(USAGE_ENFORCED);
    assert_int_equal(windows(), 7 * 24 * 3);
}

RULE(years_forward_and_back_leave_the_licence_where_it_was)
{
    grant()->expires_at_ms = START + DAYS(400);
    entitled();
    users(9);
    after(DAYS(10));
    assert_int_equal(entitled_at(now() + DAYS(1000)), 0);
    expect_gate(VERDICT_EXPIRED);
    late(-DAYS(1000));
    grant()->issued_at_ms = 0;
    wakes_at(START + DAYS(10));
    expect_gate(VERDICT_OPEN);
    expect_term(TERM_VALID);
    users(10);
    assert_int_equal(status().window.peak_at_ms, now());
    after(MINUTES(20));
    assert_int_equal(window(windows() - 1)->peak_users, 10);
}

/* ---- farms that come and go ---------------------------------------------------------------------------- */

RULE(a_fifth_former_farm_is_forgotten)
{
    static const char *const others[] = {"b", "c", "d", "e"};
    users(11);
    after(SECONDS(60) + DAYS(7));
    users(3);
    for (size_t i = 0; i < COUNT(others); i++)
        assert_int_equal(activated(others[i]), 0);
    assert_int_equal(activated("farm"), 0); /* the oldest of four */
    expect(USAGE_ENFORCED);
    for (size_t i = 0; i < COUNT(others); i++)
        assert_int_equal(activated(others[i]), 0);
    assert_int_equal(activated("f"), 0);
    assert_int_equal(activated("farm"), 0); /* the fifth */
    expect(USAGE_WITHIN);
}

RULE(nothing_is_said_of_what_another_farm_had)
{
    users(11);
    after(SECONDS(60) + DAYS(1));
    forget();
    assert_int_equal(activated("another"), 0);
    assert_int_equal(said(LOG_overuse_grace_renewed), 0);
    assert_int_equal(said(LOG_limit_exceeded), 1); /* the new farm's limit is exceeded from now on */
    assert_int_equal(said(LOG_limit_reached), 1);
    assert_int_equal(said(LOG_limit_changed), 0);
    assert_int_equal(said(LOG_farm_activated), 1);
}

RULE(a_copy_keeps_the_usage)
{
    users(11);
    after(SECONDS(60) + DAYS(7));
    users(3);
    copied();
    restarts();
    expect_gate(VERDICT_COPIED);
    assert_int_equal(activated("farm"), 0);
    expect(USAGE_ENFORCED);
}

RULE(a_grace_runs_on_while_no_farm_is_activated)
{
    users(11);
    after(SECONDS(60) + DAYS(1));
    released();
    after(DAYS(7));
    assert_int_equal(activated("farm"), 0);
    expect(USAGE_ENFORCED); /* it began 8 days ago */
    assert_int_equal(status().standing.usage.exceeding_since_ms, now());
    after(MINUTES(60) - 1);
    expect(USAGE_ENFORCED);
}

/* ---- entitlements that are unusual --------------------------------------------------------------------- */

RULE(what_is_unusual_is_applied_and_said)
{
    limit(0);
    assert_int_equal(said(LOG_entitlement_odd), 1);
    assert_int_equal(said(LOG_limit_changed), 1);
    limit(10);
    grant()->expires_at_ms = START - DAYS(90); /* a term in the past: expired, at once */
    entitled();
    assert_int_equal(said(LOG_entitlement_odd), 2);
    expect_gate(VERDICT_EXPIRED);
    grant()->expires_at_ms = START + DAYS(200 * 366); /* an absurd date */
    entitled();
    assert_int_equal(said(LOG_entitlement_odd), 3);
    expect_gate(VERDICT_OPEN);
    grant()->expires_at_ms = 0;
    grant()->refresh_by_ms = START;
    entitled();
    assert_int_equal(said(LOG_entitlement_odd), 4);
    expect_gate(VERDICT_STALE);
}

RULE(the_same_entitlement_again_is_contact_and_no_news)
{
    entitled();
    forget();
    grant()->serial--; /* the authority raises it only when the content changes */
    after(HOURS(1));
    assert_int_equal(entitled_at(now()), 0);
    assert_int_equal(said(LOG_entitlement_applied), 0);
    assert_int_equal(status().standing.last_contact_ms, now());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE_TEST(a_share_of_the_limit_is_said_once_until_the_number_has_fallen_5_points),
        RULE_TEST(of_several_shares_at_once_the_highest_is_said),
        RULE_TEST(a_smaller_limit_is_warned_of_when_it_arrives),
        RULE_TEST(the_end_of_the_term_is_warned_of_90_30_7_and_1_days_before),
        RULE_TEST(a_term_that_ends_soon_already_is_said_at_once_and_once),
        RULE_TEST(an_entitlement_says_nothing_of_a_refresh_by_that_is_near),
        RULE_TEST(a_warning_that_was_said_is_not_said_again_when_time_is_set_back_a_day),
        RULE_TEST(a_day_before_the_overuse_grace_ends_it_is_said),
        RULE_TEST(overuse_from_beginning_to_end),
        RULE_TEST(licences_that_run_out_and_are_free_again_are_said),
        RULE_TEST(a_restart_at_any_point_changes_nothing),
        RULE_TEST(what_fell_due_while_stopped_happened_at_its_own_instant),
        RULE_TEST(a_stored_window_far_ahead_of_licence_time_begins_anew),
        RULE_TEST(before_the_sources_have_told_machines_run_and_no_verdict_is_told),
        RULE_TEST(a_correction_by_seconds_is_not_said),
        RULE_TEST(seconds_back_and_forth_neither_lose_nor_repeat_a_window),
        RULE_TEST(hours_back_windows_wait_and_machines_do_not),
        RULE_TEST(years_forward_and_back_leave_the_licence_where_it_was),
        RULE_TEST(a_fifth_former_farm_is_forgotten),
        RULE_TEST(nothing_is_said_of_what_another_farm_had),
        RULE_TEST(a_copy_keeps_the_usage),
        RULE_TEST(a_grace_runs_on_while_no_farm_is_activated),
        RULE_TEST(what_is_unusual_is_applied_and_said),
        RULE_TEST(the_same_entitlement_again_is_contact_and_no_news),
    };
    return cmocka_run_group_tests_name("the machines at work (RULES 3)", tests, NULL, NULL);
}
