/* Terms and clocks (RULES §3): every numbered rule, every machine of its table, and the verdict, at a whole
 * farm. Durations are written out here, not taken from the headers that are tested. */
#include "rules_farm.h"

#include <string.h>

/* The limit is 10. Eleven users start the grace; when it ends `count` are on. Returns that instant. */
static int64_t grace_is_spent_with(uint32_t count)
{
    users(11);
    after(SECONDS(60));
    expect(USAGE_OVERUSE_GRACE);
    users(count);
    after(DAYS(7));
    expect(USAGE_ENFORCED);
    return now();
}

/* The grace is spent and the farm is over, eleven users being on. */
static void farm_is_over(void)
{
    grace_is_spent_with(11);
    after(MINUTES(80));
    expect(USAGE_OVER);
}

/* The first instant of the farm's phase that is at_ms or later. */
static int64_t phase_from(int64_t at_ms)
{
    int64_t behind_ms = (at_ms - next_phase()) % MINUTES(20);
    return at_ms - behind_ms + (behind_ms > 0 ? MINUTES(20) : 0);
}

/* ---- 3.1: licence time --------------------------------------------------------------------------------- */

RULE(rule_3_1_an_accepted_entitlement_sets_licence_time)
{
    after(HOURS(1));
    assert_int_equal(entitled_at(now() + HOURS(3)), 0);
    assert_int_equal(now(), START + HOURS(4));
    assert_int_equal(status().standing.last_contact_ms, START + HOURS(4));
    assert_int_equal(said_number(LOG_clock_corrected, "seconds"), 3 * 3600);
}

RULE(rule_3_1_also_back)
{
    late(DAYS(300)); /* the wall clock was wrong when the agent started */
    assert_int_equal(entitled_at(START + HOURS(1)), 0);
    assert_int_equal(now(), START + HOURS(1));
    assert_int_equal(said_number(LOG_clock_corrected, "seconds"), -(300 * 86400 - 3600));
}

RULE(rule_3_1_an_entitlement_that_is_not_accepted_sets_nothing)
{
    after(HOURS(1));
    grant()->serial = 0;
    assert_int_equal(entitled_at(START - DAYS(1)), CORE_OUTDATED);
    assert_int_equal(now(), START + HOURS(1));
    assert_int_equal(said(LOG_clock_corrected), 0);
}

RULE(rule_3_1_a_correction_forward_is_time_passing)
{
    users(11);
    after(SECONDS(30));
    assert_int_equal(entitled_at(now() + DAYS(3)), 0);
    expect(USAGE_OVERUSE_GRACE); /* settled on the way, at its own instant */
    assert_int_equal(status().standing.usage.grace_started_ms, START + SECONDS(60));
    until(START + SECONDS(60) + DAYS(7) - 1);
    expect(USAGE_OVERUSE_GRACE);
    after(1);
    expect(USAGE_ENFORCED);
}

RULE(rule_3_1_what_falls_due_in_a_correction_happens_under_the_former_grant)
{
    grant()->expires_at_ms = START + DAYS(1);
    entitled();
    forget();
    grant()->expires_at_ms = START + DAYS(400);
    assert_int_equal(entitled_at(START + DAYS(2)), 0);
    assert_int_equal(said(LOG_expiry_grace_started), 1);
    assert_int_equal(said_at(LOG_expiry_grace_started), START + DAYS(1));
    assert_int_equal(said_at(LOG_term_renewed), START + DAYS(2));
    expect_term(TERM_VALID);
}

RULE(rule_3_1_states_are_recomputed_after_every_correction)
{
    grant()->expires_at_ms = START + DAYS(10);
    grant()->refresh_by_ms = START + DAYS(30);
    entitled();
    late(DAYS(100));
    assert_int_equal(entitled_at(START + DAYS(9)), 0);
    expect_term(TERM_VALID);
    expect_contact(CONTACT_FRESH);
    expect_gate(VERDICT_OPEN);
    /* and by the time the agent is told, as after a suspend: */
    asleep(DAYS(100));
    expect_term(TERM_EXPIRED);
    expect_contact(CONTACT_STALE);
    wakes_at(START + DAYS(9));
    expect_term(TERM_VALID);
    expect_contact(CONTACT_FRESH);
    expect_gate(VERDICT_OPEN);
}

RULE(rule_3_1_a_grace_never_grows_by_a_correction)
{
    users(11);
    after(SECONDS(60) + DAYS(1));
    wakes_at(START - DAYS(5)); /* before the grace began: it begins there, and not later */
    expect(USAGE_OVERUSE_GRACE);
    until(START - DAYS(5) + DAYS(7) - 1);
    expect(USAGE_OVERUSE_GRACE);
    after(1);
    expect(USAGE_ENFORCED);
}

RULE(rule_3_1_a_grace_that_is_no_longer_spent_goes_on)
{
    farm_is_over();
    wakes_at(now() - DAYS(2));
    expect(USAGE_OVERUSE_GRACE);
    expect_gate(VERDICT_OPEN);
    until(START + SECONDS(60) + DAYS(7) - 1); /* it began where it did */
    expect(USAGE_OVERUSE_GRACE);
    after(1);
    expect(USAGE_ENFORCED);
}

RULE(rule_3_1_a_grace_that_is_spent_stays_so_when_time_is_set_back_a_little)
{
    farm_is_over();
    wakes_at(now() - MINUTES(30));
    expect(USAGE_OVER);
    validation();
    expect(USAGE_OVER);
}

RULE(rule_3_1_exceeding_never_began_later_than_now)
{
    users(11);
    wakes_at(START - HOURS(2));
    expect(USAGE_SETTLING);
    after(SECONDS(60) - 1);
    expect(USAGE_SETTLING);
    after(1);
    expect(USAGE_OVERUSE_GRACE);
}

RULE(rule_3_1_time_that_was_days_ahead_begins_anew)
{
    users(2);
    asleep(HOURS(24) + MINUTES(7));
    size_t before = windows();
    wakes_at(START + MINUTES(7)); /* by 24 hours, not more: events wait where they were */
    users(3);
    assert_int_equal(said(LOG_time_restarted), 0);
    assert_int_equal(status().window.peak_at_ms, START + HOURS(24) + MINUTES(7));
    wakes_at(START + MINUTES(7) - 1); /* by more: the running window ends where it stood */
    assert_int_equal(said(LOG_time_restarted), 1);
    assert_int_equal(windows(), before + 1);
    assert_int_equal(window(before)->end_ms, START + HOURS(24) + MINUTES(7));
    assert_int_equal(status().window.start_ms, START + MINUTES(7) - 1);
    assert_int_equal(status().today.at_ms, START + MINUTES(7) - 1);
    assert_int_equal(status().ever.at_ms, START + HOURS(24) + MINUTES(7));
}

RULE(rule_3_1_warnings_begin_anew_where_time_was_days_ahead_though_the_key_was_given_back)
{
    grant()->expires_at_ms = START + DAYS(10);
    entitled();
    asleep(DAYS(9) + HOURS(12));
    released();
    wakes_at(START + HOURS(1));
    forget();
    assert_int_equal(activated("farm"), 0);
    until(START + DAYS(10) - 1);
    assert_int_equal(said(LOG_term_ends_soon), 2); /* 7 days and 1; 30 had passed */
}

RULE(rule_3_1_licence_time_is_stored_so_a_restart_repeats_nothing)
{
    grant()->expires_at_ms = START + MINUTES(5);
    entitled();
    after(MINUTES(10));
    assert_int_equal(said(LOG_expiry_grace_started), 1);
    forget();
    restarts();
    assert_int_equal(said(LOG_term_renewed), 0);
    assert_int_equal(said(LOG_expiry_grace_started), 0);
    expect_term(TERM_EXPIRY_GRACE);
}

RULE(rule_3_1_a_quiet_farm_stored_it_long_ago_and_no_time_is_lost)
{
    after(DAYS(3)); /* nothing changed, nothing was stored but windows */
    size_t before = windows();
    forget();
    restarts();
    assert_int_equal(said(LOG_time_restarted), 0);
    after(MINUTES(20));
    assert_int_equal(windows(), before + 1);
    assert_int_equal(window(before)->start_ms, START + DAYS(3));
}

RULE(rule_3_1_nothing_follows_from_the_time_zone)
{
    grant()->expires_at_ms = START + DAYS(130); /* over the end of March and its hour */
    entitled();
    until(START + DAYS(130) - 1);
    expect_term(TERM_VALID);
    after(1);
    expect_term(TERM_EXPIRY_GRACE);
    assert_int_equal(said_at(LOG_expiry_grace_started), START + DAYS(130));
}

/* ---- 3.2: windows -------------------------------------------------------------------------------------- */

RULE(rule_3_2_windows_are_20_minutes_of_unix_time)
{
    after(MINUTES(20) - 1);
    assert_int_equal(windows(), 0);
    after(1);
    assert_int_equal(windows(), 1);
    users(4); /* at the very start of the next: its, not the last one's */
    after(MINUTES(20));
    assert_int_equal(window(0)->start_ms, START);
    assert_int_equal(window(0)->end_ms, START + MINUTES(20));
    assert_int_equal(window(0)->peak_users, 0);
    assert_int_equal(window(1)->start_ms, START + MINUTES(20));
    assert_int_equal(window(1)->peak_users, 4);
}

RULE(rule_3_2_the_first_and_the_last_may_be_shorter)
{
    late(DAYS(2) + MINUTES(7)); /* a clock that is healed by days ends one and begins another */
    wakes_at(now());
    size_t before = windows();
    wakes_at(START + MINUTES(3));
    assert_int_equal(window(before)->start_ms, START + DAYS(2));
    assert_int_equal(window(before)->end_ms, START + DAYS(2) + MINUTES(7));
    until(START + MINUTES(20));
    assert_int_equal(window(before + 1)->start_ms, START + MINUTES(3));
    assert_int_equal(window(before + 1)->end_ms, START + MINUTES(20));
}

RULE(rule_3_2_days_are_utc)
{
    until(START + HOURS(24) - 1);
    users(3);
    assert_int_equal(status().today.users, 3);
    users(1);
    after(1);
    assert_int_equal(status().today.users, 1); /* the level carried over midnight */
    assert_int_equal(status().today.at_ms, START + HOURS(24));
    assert_int_equal(status().ever.users, 3);
}

RULE(rule_3_2_windows_before_the_first_activation_are_kept_and_not_sent)
{
    released();
    after(MINUTES(40));
    assert_int_equal(windows(), 2);
    assert_int_equal(window(0)->sequence, 0);
    assert_int_equal(window(1)->sequence, 0);
    assert_int_equal(status().windows_queued, 0);
    assert_int_equal(activated("farm"), 0);
    after(MINUTES(20));
    assert_int_equal(window(2)->sequence, 1);
    assert_int_equal(status().windows_queued, 1);
}

/* ---- 3.3: reports -------------------------------------------------------------------------------------- */

RULE(rule_3_3_every_20_minutes_at_the_farms_phase_closed_windows_are_sent)
{
    size_t count;
    int64_t phase_ms = status().next_report_ms;
    assert_int_equal(phase_ms, next_phase()); /* ours: it coincides with the validation */
    assert_in_range(phase_ms - START, 0, MINUTES(20));
    for (int i = 0; i < 3; i++) {
        until(phase_ms + i * MINUTES(20) - 1);
        assert_int_equal(reports(), i);
        after(1);
        assert_int_equal(reports(), i + 1);
        const struct window *batch = core_report_batch(core(), &count);
        assert_int_equal(count, i == 0 ? 0 : 1); /* the one closed since the last */
        report_accepted(count > 0 ? batch[0].sequence : 0);
        entitled();
    }
}

RULE(rule_3_3_what_is_not_accepted_is_sent_again)
{
    size_t count;
    until(START + HOURS(1));
    assert_true(reports() > 0);
    report_failed(false);
    after(HOURS(2)); /* tries again, unanswered */
    (void)core_report_batch(core(), &count);
    report_failed(true);
    until(START + HOURS(5) + MINUTES(1));
    const struct window *batch = core_report_batch(core(), &count);
    assert_int_equal(batch[0].sequence, 1);
    assert_int_equal(status().windows_queued, 15);
}

RULE(rule_3_3_the_phase_is_fixed_by_the_farm_id)
{
    /* FNV-1a of "farm" and of "another farm", 64 bits, modulo 20 minutes */
    assert_int_equal(next_phase(), START + 665497);
    assert_int_equal(activated("another farm"), 0);
    assert_int_equal(next_phase(), START + 907472);
}

/* ---- 3.4: validations ---------------------------------------------------------------------------------- */

RULE(rule_3_4_validation_happens_at_start_after_enumeration)
{
    grace_is_spent_with(11);
    after(MINUTES(50));
    stops();
    late(MINUTES(10)); /* 60 minutes above the limit, and no phase has come since */
    starts_but_does_not_judge_yet();
    after(MINUTES(25)); /* phases pass, the sources are still busy */
    expect(USAGE_ENFORCED);
    judges();
    expect(USAGE_OVER);
    assert_int_equal(said_at(LOG_farm_over), now());
}

RULE(rule_3_4_at_start_only_after_the_sources_have_told)
{
    farm_is_over();
    stops();
    users_unseen(10); /* one logs off meanwhile */
    late(MINUTES(1));
    starts();
    expect(USAGE_ENFORCED);
    expect_gate(VERDICT_OPEN);
}

RULE(rule_3_4_validation_happens_on_every_accepted_entitlement)
{
    int64_t spent_at = grace_is_spent_with(11);
    until(spent_at + MINUTES(60) - 1);
    entitled();
    expect(USAGE_ENFORCED);
    after(1);
    entitled();
    expect(USAGE_OVER);
}

RULE(rule_3_4_validation_happens_every_20_minutes_whether_the_authority_is_reached_or_not)
{
    int64_t spent_at = grace_is_spent_with(11);
    int64_t deactivates_at = phase_from(spent_at + MINUTES(60));
    until(deactivates_at - 1);
    expect(USAGE_ENFORCED);
    after(1);
    expect(USAGE_OVER);
    assert_int_equal(said_at(LOG_farm_over), deactivates_at);
    users(10);
    until(deactivates_at + MINUTES(20) - 1);
    expect(USAGE_OVER);
    after(1);
    expect(USAGE_ENFORCED);
}

RULE(rule_3_4_missed_cycles_run_once_at_the_last_missed_instant)
{
    grace_is_spent_with(5);
    users(11);
    asleep(HOURS(9));
    int64_t last_missed = phase_from(now()) - (phase_from(now()) > now() ? MINUTES(20) : 0);
    assert_int_equal(said(LOG_farm_over), 1);
    assert_int_equal(said_at(LOG_farm_over), last_missed);
    assert_int_equal(next_phase(), last_missed + MINUTES(20));
}

RULE(rule_3_4_a_missed_validation_sees_what_was_true_at_its_instant)
{
    grace_is_spent_with(5);
    users(11);
    asleep(MINUTES(55)); /* the last missed phase lies less than 60 minutes after */
    expect(USAGE_ENFORCED);
    assert_int_equal(said(LOG_farm_over), 0);
}

RULE(rule_3_4_a_new_activation_has_missed_none)
{
    released();
    after(DAYS(3)); /* phases of the other farm pass */
    grant()->expires_at_ms = now() + DAYS(30);
    assert_int_equal(activated("another"), 0);
    assert_int_equal(said(LOG_term_ends_soon), 1); /* at the activation, not a phase before it as well */
    assert_int_equal(said_number(LOG_term_ends_soon, "days"), 30);
    assert_in_range(next_phase(), now() + 1, now() + MINUTES(20));
}

RULE(rule_3_4_a_start_has_missed_none)
{
    int64_t expires_at = next_phase() + MINUTES(19);
    grant()->expires_at_ms = expires_at;
    entitled();
    stops();
    starts_but_does_not_judge_yet();
    late(expires_at + 1 - now()); /* a phase has passed, and the term has ended */
    judges();
    assert_int_equal(said_at(LOG_expiry_grace_started), expires_at);
    assert_int_equal(said(LOG_expiry_grace_started), 1);
    assert_int_equal(said(LOG_term_renewed), 0); /* at that phase the term ran still */
    expect_term(TERM_EXPIRY_GRACE);
}

RULE(rule_3_4_without_an_activation_there_is_none)
{
    farm_is_over();
    users(3);
    released();
    assert_int_equal(status().next_validation_ms, INT64_MAX);
    after(HOURS(1));
    expect(USAGE_OVER);
    assert_int_equal(activated("farm"), 0); /* with the activation's entitlement comes one */
    expect(USAGE_ENFORCED);
}

/* ---- 3.5: what waits for a validation, and what comes first -------------------------------------------- */

RULE(rule_3_5_only_enforced_and_over_wait_for_a_validation)
{
    int64_t phase_ms = phase_from(START + DAYS(1)), exceeded_at = phase_ms + MINUTES(3);
    grant()->expires_at_ms = phase_ms + DAYS(3) + MINUTES(1); /* all between two validations */
    grant()->refresh_by_ms = phase_ms + DAYS(4) + MINUTES(2);
    entitled();
    until(exceeded_at);
    users(11);
    after(DAYS(40));
    assert_int_equal(said_at(LOG_overuse_grace_started), exceeded_at + SECONDS(60));
    assert_int_equal(said_at(LOG_overuse_grace_spent), exceeded_at + SECONDS(60) + DAYS(7));
    assert_int_equal(said_at(LOG_expiry_grace_started), grant()->expires_at_ms);
    assert_int_equal(said_at(LOG_contact_stale), grant()->refresh_by_ms);
    assert_int_equal(said_at(LOG_term_expired), grant()->expires_at_ms + DAYS(30));
    assert_int_equal(said_at(LOG_farm_over), phase_ms + DAYS(7) + MINUTES(80));
}

RULE(rule_3_5_at_the_bound_itself_the_next_state_holds)
{
    grant()->expires_at_ms = START + DAYS(2);
    grant()->refresh_by_ms = START + DAYS(2);
    entitled();
    until(START + DAYS(2) - 1);
    expect_term(TERM_VALID);
    expect_contact(CONTACT_FRESH);
    after(1);
    expect_term(TERM_EXPIRY_GRACE);
    expect_contact(CONTACT_STALE);
}

RULE(rule_3_5_session_events_come_before_timers)
{
    users(11);
    after(SECONDS(60) - 1);
    late(1);
    users(10); /* at the instant at which it would have settled */
    expect(USAGE_WITHIN);
    after(0);
    expect(USAGE_WITHIN);
}

RULE(rule_3_5_session_events_come_before_the_validation)
{
    int64_t spent_at = grace_is_spent_with(11);
    until(phase_from(spent_at + MINUTES(60)) - 1);
    late(1);
    users(10);
    after(0);
    expect(USAGE_ENFORCED);
}

RULE(rule_3_5_entitlements_come_before_timers)
{
    users(11);
    after(SECONDS(60) - 1);
    late(1);
    limit(11);
    expect(USAGE_WITHIN);
    assert_int_equal(said(LOG_overuse_grace_started), 0);

    grant()->expires_at_ms = now() + DAYS(1);
    entitled();
    after(DAYS(1) - 1);
    late(1);
    grant()->expires_at_ms += DAYS(1);
    entitled();
    expect_term(TERM_VALID);
    assert_int_equal(said(LOG_expiry_grace_started), 0);
}

RULE(rule_3_5_timers_come_before_the_validation)
{
    /* the grace ends, and an hour has passed, at an instant of the phase: the hour starts at that end */
    until(phase_from(now()) - SECONDS(60));
    int64_t spent_at = grace_is_spent_with(11);
    assert_int_equal(spent_at % MINUTES(20), next_phase() % MINUTES(20));
    expect(USAGE_ENFORCED);
    until(spent_at + MINUTES(60) - 1);
    expect(USAGE_ENFORCED);
    after(1);
    expect(USAGE_OVER);
}

RULE(rule_3_5_leases_come_before_timers_and_the_validation)
{
    grace_is_spent_with(10);
    until(phase_from(now()));
    broker_puts(.user = "leased"); /* the eleventh, until an instant of the phase */
    expect_users(11);
    after(HOURS(2));
    expect(USAGE_OVER);
    asleep(HOURS(22)); /* the lease, then the validation, both at that instant */
    expect_users(10);
    expect(USAGE_ENFORCED);
    assert_int_equal(said_at(LOG_farm_within), said_at(LOG_connection_ended));
}

RULE(rule_3_5_a_lease_that_ends_with_the_settling_ends_before_it)
{
    settings()->overuse_settle_ms = HOURS(24);
    reloads();
    users(10);
    broker_puts(.user = "leased");
    expect(USAGE_SETTLING);
    after(HOURS(24));
    expect(USAGE_WITHIN);
    assert_int_equal(said(LOG_overuse_grace_started), 0);
}

/* ---- 3.6: the overuse grace ---------------------------------------------------------------------------- */

RULE(rule_3_6_the_limit_itself_is_no_overuse)
{
    users(10);
    after(DAYS(400));
    expect(USAGE_WITHIN);
    expect_gate(VERDICT_OPEN);
}

RULE(rule_3_6_the_grace_begins_when_the_limit_was_exceeded_for_60_seconds)
{
    users(11);
    expect(USAGE_SETTLING);
    after(SECONDS(60) - 1);
    expect(USAGE_SETTLING);
    after(1);
    expect(USAGE_OVERUSE_GRACE);
    assert_int_equal(status().standing.usage.grace_started_ms, START + SECONDS(60));
    expect_gate(VERDICT_OPEN);
    expect_admits(ADMISSION_ALL);
}

RULE(rule_3_6_without_interruption)
{
    for (int i = 0; i < 100; i++) {
        users(11);
        after(SECONDS(60) - 1);
        users(10);
        expect(USAGE_WITHIN);
        after(1);
    }
    assert_int_equal(said(LOG_overuse_grace_started), 0);
}

RULE(rule_3_6_who_changes_does_not_matter)
{
    users(11);
    after(SECONDS(30));
    tells("crowd", {.user = "a"}, {.user = "b"}, {.user = "c"}, {.user = "d"}, {.user = "e"}, {.user = "f"},
          {.user = "g"}, {.user = "h"}, {.user = "i"}, {.user = "j"}, {.user = "k"}, {.user = "l"});
    after(SECONDS(30));
    expect(USAGE_OVERUSE_GRACE);
}

RULE(rule_3_6_a_settling_time_of_0_is_the_first_instant)
{
    settings()->overuse_settle_ms = 0;
    reloads();
    users(11);
    expect(USAGE_OVERUSE_GRACE);
    assert_int_equal(status().standing.usage.grace_started_ms, START);
    users(0);
    until(START + DAYS(7) - 1);
    expect(USAGE_OVERUSE_GRACE);
    after(1);
    expect(USAGE_ENFORCED);
}

RULE(rule_3_6_another_settling_time_holds_from_the_reload_on)
{
    users(11);
    after(SECONDS(30));
    settings()->overuse_settle_ms = SECONDS(300);
    reloads();
    after(SECONDS(270) - 1);
    expect(USAGE_SETTLING);
    settings()->overuse_settle_ms = SECONDS(10); /* passed long ago: the grace begins now */
    reloads();
    expect(USAGE_OVERUSE_GRACE);
    assert_int_equal(status().standing.usage.grace_started_ms, START + SECONDS(300) - 1);
    settings()->overuse_settle_ms = SECONDS(900); /* and is not taken back */
    reloads();
    expect(USAGE_OVERUSE_GRACE);
}

RULE(rule_3_6_for_7_days_more_users_may_connect)
{
    users(11);
    after(SECONDS(60));
    users(100);
    for (int day = 0; day < 7; day++) {
        expect(USAGE_OVERUSE_GRACE);
        expect_admits(ADMISSION_ALL);
        after(DAYS(1));
    }
    expect(USAGE_ENFORCED);
    expect_gate(VERDICT_OPEN);
    expect_admits(ADMISSION_HOLDERS);
}

RULE(rule_3_6_falling_back_stops_or_resets_nothing)
{
    users(11);
    after(SECONDS(60));
    users(0);
    until(START + SECONDS(60) + DAYS(7) - 1);
    expect(USAGE_OVERUSE_GRACE);
    users(11);
    expect(USAGE_OVERUSE_GRACE);
    after(1);
    expect(USAGE_ENFORCED);
    users(0);
    after(DAYS(365)); /* a spent grace does not come back by waiting */
    expect(USAGE_ENFORCED);
}

RULE(rule_3_6_purchases_end_a_running_grace_and_make_it_available)
{
    users(11);
    after(DAYS(3));
    expect(USAGE_OVERUSE_GRACE);
    purchased(20);
    expect(USAGE_WITHIN);
    assert_int_equal(status().standing.usage.grace_started_ms, 0);
    assert_int_equal(said(LOG_overuse_grace_renewed), 1);
    users(21);
    after(SECONDS(60) + DAYS(7) - 1);
    expect(USAGE_OVERUSE_GRACE); /* a whole new one */
}

RULE(rule_3_6_purchases_renew_a_spent_grace)
{
    grace_is_spent_with(10);
    expect_admits(ADMISSION_HOLDERS);
    purchased(10);
    expect(USAGE_WITHIN);
    expect_admits(ADMISSION_ALL);
}

RULE(rule_3_6_purchases_renew_the_grace_in_over_too)
{
    farm_is_over();
    purchased(10); /* still too few */
    expect(USAGE_SETTLING);
    expect_gate(VERDICT_OPEN);
    after(SECONDS(60) - 1);
    expect(USAGE_SETTLING);
    after(1);
    expect(USAGE_OVERUSE_GRACE);
}

RULE(rule_3_6_purchases_start_the_settling_anew)
{
    users(11);
    after(SECONDS(50));
    purchased(10);
    expect(USAGE_SETTLING);
    after(SECONDS(60) - 1);
    expect(USAGE_SETTLING);
    after(1);
    expect(USAGE_OVERUSE_GRACE);
    assert_int_equal(status().standing.usage.grace_started_ms, START + SECONDS(110));
}

RULE(rule_3_6_only_growing_purchases_do)
{
    grace_is_spent_with(10);
    limit(500); /* a quota edit, a renewal */
    grant()->expires_at_ms = now() + DAYS(400);
    entitled();
    expect(USAGE_ENFORCED);
    grant()->purchases = 3;
    entitled();
    expect(USAGE_WITHIN);
    limit(9);
    after(SECONDS(60));
    expect(USAGE_OVERUSE_GRACE);
    grant()->purchases = 2;
    entitled();
    expect(USAGE_OVERUSE_GRACE);
}

RULE(rule_3_6_peaks_are_not_affected_by_settling)
{
    users(40);
    users(3);
    assert_int_equal(status().window.peak_users, 40);
    assert_int_equal(status().today.users, 40);
}

RULE(rule_3_6_the_60_minutes_are_not_affected_by_settling)
{
    settings()->overuse_settle_ms = HOURS(5);
    reloads();
    users(11);
    after(HOURS(5));
    users(5);
    after(DAYS(7));
    expect(USAGE_ENFORCED);
    until(phase_from(now()));
    users(11);
    after(MINUTES(60));
    expect(USAGE_OVER);
}

/* ---- 3.7: after the grace ------------------------------------------------------------------------------ */

RULE(rule_3_7_the_farm_runs_normally_while_users_are_within_the_limit)
{
    grace_is_spent_with(10);
    after(DAYS(100));
    expect(USAGE_ENFORCED);
    expect_gate(VERDICT_OPEN);
    users(9);
    expect_admits(ADMISSION_ALL);
}

RULE(rule_3_7_deactivated_at_the_first_validation_after_60_minutes)
{
    grace_is_spent_with(5);
    until(phase_from(now()));
    users(11); /* at an instant of the phase: 60 minutes later is another */
    assert_int_equal(status().deactivates_ms, now() + MINUTES(60));
    after(MINUTES(60) - 1);
    expect(USAGE_ENFORCED);
    expect_gate(VERDICT_OPEN);
    after(1);
    expect(USAGE_OVER);
    expect_gate(VERDICT_OVER);
}

RULE(rule_3_7_so_60_to_80_minutes_after)
{
    grace_is_spent_with(5);
    int64_t phase_ms = phase_from(now());
    for (int64_t behind_ms = 0; behind_ms < MINUTES(20); behind_ms += MINUTES(1) - 1) {
        phase_ms += HOURS(3);
        until(phase_ms + behind_ms);
        users(11);
        after(MINUTES(80) + 1);
        int64_t after_ms = said_at(LOG_farm_over) - (phase_ms + behind_ms);
        assert_in_range(after_ms, MINUTES(60), MINUTES(80) - 1);
        assert_int_equal(after_ms, MINUTES(60) + (MINUTES(20) - behind_ms) % MINUTES(20));
        users(5);
        after(MINUTES(20));
        expect(USAGE_ENFORCED);
    }
}

RULE(rule_3_7_falling_to_the_limit_before_that_validation_cancels_it)
{
    grace_is_spent_with(11);
    after(MINUTES(59));
    users(10);
    assert_int_equal(status().deactivates_ms, INT64_MAX);
    users(11); /* at once: the 60 minutes start anew all the same */
    after(MINUTES(60) - 1);
    expect(USAGE_ENFORCED);
    after(MINUTES(20));
    expect(USAGE_OVER);
}

RULE(rule_3_7_falling_after_60_minutes_but_before_the_validation_cancels_it_too)
{
    grace_is_spent_with(5);
    until(phase_from(now()) + 1);
    users(11);
    after(MINUTES(79));
    expect(USAGE_ENFORCED);
    users(10);
    after(HOURS(5));
    expect(USAGE_ENFORCED);
    assert_int_equal(said(LOG_farm_over), 0);
}

RULE(rule_3_7_sixty_minutes_start_at_the_end_of_the_grace)
{
    int64_t spent_at = grace_is_spent_with(11); /* above the limit for 7 days already */
    until(spent_at + MINUTES(60) - 1);
    entitled();
    expect(USAGE_ENFORCED);
    after(1);
    entitled();
    expect(USAGE_OVER);
}

RULE(rule_3_7_or_when_the_limit_is_exceeded_if_that_is_later)
{
    grace_is_spent_with(10);
    after(HOURS(3));
    users(11);
    after(MINUTES(60) - 1);
    entitled();
    expect(USAGE_ENFORCED);
    after(1);
    entitled();
    expect(USAGE_OVER);
}

/* ---- 3.8 ----------------------------------------------------------------------------------------------- */

RULE(rule_3_8_reactivated_at_the_first_validation_that_finds_users_within_the_limit)
{
    farm_is_over();
    users(10);
    until(next_phase() - 1);
    expect(USAGE_OVER);
    expect_gate(VERDICT_OVER);
    after(1);
    expect(USAGE_ENFORCED);
    expect_gate(VERDICT_OPEN);
}

RULE(rule_3_8_not_if_they_exceed_it_again_by_then)
{
    farm_is_over();
    int64_t next = next_phase();
    users(0);
    until(next - 1);
    users(11);
    after(MINUTES(1));
    expect(USAGE_OVER);
}

RULE(rule_3_8_a_larger_limit_reactivates_with_its_own_validation)
{
    farm_is_over();
    limit(11); /* no purchase: the grace stays spent */
    expect(USAGE_ENFORCED);
    expect_gate(VERDICT_OPEN);
}

RULE(rule_3_8_then_the_60_minutes_start_anew)
{
    farm_is_over();
    users(10);
    validation();
    expect(USAGE_ENFORCED);
    users(11);
    after(MINUTES(60) - 1);
    expect(USAGE_ENFORCED);
}

/* ---- 3.9 ----------------------------------------------------------------------------------------------- */

RULE(rule_3_9_a_limit_applies_when_it_arrives)
{
    users(8);
    after(HOURS(1));
    limit(7);
    assert_int_equal(status().standing.usage.exceeding_since_ms, START + HOURS(1));
    expect(USAGE_SETTLING);
    after(SECONDS(60));
    expect(USAGE_OVERUSE_GRACE);
}

RULE(rule_3_9_nobody_is_logged_off)
{
    users(8);
    limit(0);
    after(DAYS(7) + HOURS(2));
    expect_gate(VERDICT_OVER);
    expect_users(8);
    assert_int_equal(said(LOG_connection_ended), 0);
}

RULE(rule_3_9_a_limit_of_0_is_nobody)
{
    limit(0);
    expect(USAGE_WITHIN);
    users(1);
    after(SECONDS(60));
    expect(USAGE_OVERUSE_GRACE);
}

RULE(rule_3_9_a_larger_limit_ends_exceeding_when_it_arrives)
{
    users(12);
    after(SECONDS(30));
    limit(12);
    expect(USAGE_WITHIN);
    limit(11);
    assert_int_equal(status().standing.usage.exceeding_since_ms, now());
}

RULE(rule_3_9_exceeding_before_and_after_is_without_interruption)
{
    users(15);
    after(SECONDS(30));
    limit(12);
    after(SECONDS(30) - 1);
    expect(USAGE_SETTLING);
    after(1);
    expect(USAGE_OVERUSE_GRACE);
    assert_int_equal(status().standing.usage.grace_started_ms, START + SECONDS(60));
}

RULE(rule_3_9_in_an_enforced_farm_the_60_minutes_start_with_the_smaller_limit)
{
    grace_is_spent_with(8);
    after(HOURS(2));
    until(phase_from(now()));
    limit(7);
    after(MINUTES(60) - 1);
    expect(USAGE_ENFORCED);
    after(1);
    expect(USAGE_OVER);
}

/* ---- 3.10 ---------------------------------------------------------------------------------------------- */

RULE(rule_3_10_from_expires_at_the_farm_runs_30_more_days)
{
    grant()->expires_at_ms = START + DAYS(5);
    entitled();
    until(START + DAYS(5) - 1);
    expect_term(TERM_VALID);
    after(1);
    expect_term(TERM_EXPIRY_GRACE);
    expect_gate(VERDICT_OPEN);
    expect_admits(ADMISSION_ALL);
    until(START + DAYS(35) - 1);
    expect_term(TERM_EXPIRY_GRACE);
    expect_gate(VERDICT_OPEN);
    after(1);
    expect_term(TERM_EXPIRED);
    expect_gate(VERDICT_EXPIRED);
    assert_int_equal(said_at(LOG_gate_closed), START + DAYS(35));
}

RULE(rule_3_10_not_from_when_it_was_learnt)
{
    after(DAYS(20));
    grant()->expires_at_ms = START + DAYS(5); /* cancelled 15 days ago */
    entitled();
    expect_term(TERM_EXPIRY_GRACE);
    until(START + DAYS(35));
    expect_term(TERM_EXPIRED);
}

RULE(rule_3_10_an_agent_that_was_asleep_is_no_exception)
{
    grant()->expires_at_ms = START + DAYS(5);
    entitled();
    asleep(DAYS(34));
    expect_term(TERM_EXPIRY_GRACE);
    assert_int_equal(said_at(LOG_expiry_grace_started), START + DAYS(5));
    stops();
    late(DAYS(3));
    starts();
    expect_gate(VERDICT_EXPIRED);
}

RULE(rule_3_10_deactivated_until_a_renewed_entitlement_arrives)
{
    grant()->expires_at_ms = START + DAYS(5);
    entitled();
    after(DAYS(100));
    expect_gate(VERDICT_EXPIRED);
    entitled(); /* the same once more renews nothing */
    expect_gate(VERDICT_EXPIRED);
    grant()->expires_at_ms = START + DAYS(370);
    entitled();
    expect_term(TERM_VALID);
    expect_gate(VERDICT_OPEN);
}

RULE(rule_3_10_a_trial_has_no_such_grace)
{
    grant()->trial = true;
    grant()->expires_at_ms = START + DAYS(30);
    entitled();
    until(START + DAYS(30) - 1);
    expect_term(TERM_VALID);
    after(1);
    expect_term(TERM_EXPIRED);
    expect_gate(VERDICT_EXPIRED);
    assert_int_equal(said(LOG_expiry_grace_started), 0);
}

RULE(rule_3_10_without_an_end_it_never_expires)
{
    grant()->expires_at_ms = 0;
    entitled();
    asleep(DAYS(3000));
    expect_term(TERM_VALID);
}

/* ---- 3.11 ---------------------------------------------------------------------------------------------- */

RULE(rule_3_11_past_refresh_by_the_gate_closes)
{
    grant()->refresh_by_ms = START + DAYS(30);
    entitled();
    until(START + DAYS(30) - 1);
    expect_contact(CONTACT_FRESH);
    expect_gate(VERDICT_OPEN);
    after(1);
    expect_contact(CONTACT_STALE);
    expect_gate(VERDICT_STALE);
}

RULE(rule_3_11_an_accepted_entitlement_is_contact_and_opens_it)
{
    grant()->refresh_by_ms = START + DAYS(30);
    entitled();
    after(DAYS(50));
    expect_gate(VERDICT_STALE);
    grant()->refresh_by_ms = now() + DAYS(30);
    entitled();
    expect_contact(CONTACT_FRESH);
    expect_gate(VERDICT_OPEN);
    assert_int_equal(status().standing.last_contact_ms, now());
    after(DAYS(30) - 1);
    expect_gate(VERDICT_OPEN);
    after(1);
    expect_gate(VERDICT_STALE);
}

RULE(rule_3_11_an_accepted_report_alone_is_none)
{
    grant()->refresh_by_ms = START + DAYS(1);
    entitled();
    after(HOURS(23));
    report_accepted(1);
    after(HOURS(1));
    expect_gate(VERDICT_STALE);
}

RULE(rule_3_11_warnings_come_at_7_days_at_1_day_and_past_it)
{
    grant()->refresh_by_ms = START + DAYS(30);
    entitled();
    until(START + DAYS(23) - 1);
    assert_int_equal(said(LOG_contact_ends_soon), 0);
    after(1);
    assert_int_equal(said(LOG_contact_ends_soon), 1);
    assert_int_equal(said_number(LOG_contact_ends_soon, "days"), 7);
    until(START + DAYS(29) - 1);
    assert_int_equal(said(LOG_contact_ends_soon), 1);
    after(1);
    assert_int_equal(said_number(LOG_contact_ends_soon, "days"), 1);
    after(DAYS(1));
    assert_int_equal(said(LOG_contact_stale), 1);
    assert_int_equal(said_at(LOG_contact_stale), START + DAYS(30));
}

/* ---- 3.12 ---------------------------------------------------------------------------------------------- */

RULE(rule_3_12_a_signed_entitlement_revokes_at_that_contact)
{
    after(MINUTES(5));
    revoked("deactivated by administrator");
    expect_activation(ACTIVATION_REVOKED);
    expect_gate(VERDICT_REVOKED);
    assert_int_equal(said_at(LOG_farm_deactivated), now());
}

RULE(rule_3_12_only_a_new_activation_opens_the_gate)
{
    revoked("key moved");
    entitled(); /* "active" again: not enough */
    expect_gate(VERDICT_REVOKED);
    assert_int_equal(activated("farm"), 0);
    expect_gate(VERDICT_OPEN);
    assert_int_equal(said(LOG_farm_reactivated), 1);
}

RULE(rule_3_12_an_unsigned_refusal_is_said_as_refused_and_is_no_contact)
{
    int64_t contact_ms = status().standing.last_contact_ms;
    after(MINUTES(20));
    report_failed(true);
    assert_int_equal(said(LOG_authority_refused), 1);
    assert_int_equal(status().standing.last_contact_ms, contact_ms);
    expect_gate(VERDICT_OPEN);
    after(DAYS(200));
    expect_gate(VERDICT_OPEN);
}

RULE(rule_3_12_revoked_farms_still_deliver_windows)
{
    revoked("subscription cancelled");
    users(3);
    after(MINUTES(60));
    assert_true(reports() > 0);
    assert_int_equal(status().windows_queued, 3);
    assert_int_equal(window(2)->sequence, 3);
}

RULE(rule_3_12_a_refused_entitlement_revokes_nothing)
{
    struct grant saved = *grant();
    strcpy(grant()->farm_id, "another");
    grant()->status = GRANT_DEACTIVATED;
    assert_int_equal(entitled_at(now()), CORE_NOT_OURS);
    *grant() = saved;
    entitled();
    grant()->serial = 0; /* an old one, kept and sent once more */
    grant()->status = GRANT_DEACTIVATED;
    assert_int_equal(entitled_at(now()), CORE_OUTDATED);
    expect_gate(VERDICT_OPEN);
}

/* ---- 3.13 ---------------------------------------------------------------------------------------------- */

RULE(rule_3_13_before_any_activation_the_gate_is_closed)
{
    farm_without_a_past();
    expect_activation(ACTIVATION_NONE);
    expect_gate(VERDICT_NOT_ACTIVATED);
    users(100);
    after(DAYS(100));
    expect(USAGE_WITHIN); /* no limit is in force */
    expect_gate(VERDICT_NOT_ACTIVATED);
}

RULE(rule_3_13_the_old_installation_closes_at_its_next_contact)
{
    grant()->refresh_by_ms = START + DAYS(30);
    entitled();
    after(DAYS(3)); /* moved away meanwhile, not yet heard of */
    expect_gate(VERDICT_OPEN);
    revoked("key moved");
    expect_gate(VERDICT_REVOKED);
}

RULE(rule_3_13_at_the_latest_at_its_refresh_by)
{
    grant()->refresh_by_ms = START + DAYS(30);
    entitled();
    after(DAYS(30));
    expect_gate(VERDICT_STALE);
}

RULE(rule_3_13_usage_stays_with_the_farm_id_through_a_release)
{
    farm_is_over();
    released();
    expect_gate(VERDICT_NOT_ACTIVATED);
    after(DAYS(10));
    assert_int_equal(activated("farm"), 0);
    expect(USAGE_OVER);        /* eleven are still on, */
    expect_gate(VERDICT_OVER); /* and the activation's validation finds them */
}

RULE(rule_3_13_usage_stays_with_the_farm_id_through_a_revocation)
{
    users(11);
    after(SECONDS(60) + DAYS(1));
    revoked("key deleted");
    after(DAYS(6)); /* it runs on meanwhile */
    expect(USAGE_ENFORCED);
    assert_int_equal(activated("farm"), 0);
    expect(USAGE_ENFORCED);
}

RULE(rule_3_13_a_new_farm_id_starts_with_its_grace_available)
{
    grace_is_spent_with(11);
    assert_int_equal(activated("farm-2"), 0);
    expect(USAGE_SETTLING);
    after(SECONDS(60) - 1);
    expect(USAGE_SETTLING);
    after(1);
    expect(USAGE_OVERUSE_GRACE);
}

RULE(rule_3_13_a_farm_id_that_comes_back_finds_its_usage_again)
{
    int64_t spent_at = grace_is_spent_with(5);
    assert_int_equal(activated("farm-2"), 0);
    expect(USAGE_WITHIN);
    after(DAYS(20));
    assert_int_equal(activated("farm"), 0);
    expect(USAGE_ENFORCED);
    assert_int_equal(status().standing.usage.grace_started_ms, spent_at - DAYS(7));
}

RULE(rule_3_13_a_key_may_be_activated_over_a_trial)
{
    grant()->trial = true;
    grant()->expires_at_ms = START + DAYS(30);
    assert_int_equal(activated("trial"), 0);
    after(DAYS(31));
    expect_gate(VERDICT_EXPIRED);
    grant()->trial = false;
    grant()->expires_at_ms = now() + DAYS(365);
    assert_int_equal(activated("bought"), 0);
    expect_gate(VERDICT_OPEN);
    assert_string_equal(status().farm_id, "bought");
}

/* ---- the four machines and the verdict ----------------------------------------------------------------- */

RULE(rule_3_row_1_activation_closes_in_none_and_revoked)
{
    expect_activation(ACTIVATION_ACTIVE);
    expect_gate(VERDICT_OPEN);
    revoked("deactivated by administrator");
    expect_gate(VERDICT_REVOKED);
    released();
    expect_activation(ACTIVATION_NONE);
    expect_gate(VERDICT_NOT_ACTIVATED);
    copied();
    expect_gate(VERDICT_COPIED);
    assert_int_equal(activated("farm"), 0);
    expect_gate(VERDICT_OPEN);
}

RULE(rule_3_row_2_term_closes_in_expired)
{
    grant()->expires_at_ms = START + DAYS(1);
    entitled();
    expect_gate(VERDICT_OPEN);
    after(DAYS(1));
    expect_term(TERM_EXPIRY_GRACE);
    expect_gate(VERDICT_OPEN);
    after(DAYS(30));
    expect_term(TERM_EXPIRED);
    expect_gate(VERDICT_EXPIRED);
}

RULE(rule_3_row_3_contact_closes_in_stale)
{
    grant()->refresh_by_ms = START + DAYS(1);
    entitled();
    expect_contact(CONTACT_FRESH);
    expect_gate(VERDICT_OPEN);
    after(DAYS(1));
    expect_contact(CONTACT_STALE);
    expect_gate(VERDICT_STALE);
}

RULE(rule_3_row_4_usage_closes_in_over)
{
    const enum usage_state open_in[] = {USAGE_WITHIN, USAGE_SETTLING, USAGE_OVERUSE_GRACE, USAGE_ENFORCED};
    const int64_t after_ms[] = {0, 0, SECONDS(60), DAYS(7)};
    for (size_t i = 0; i < COUNT(open_in); i++) {
        after(after_ms[i]);
        expect(open_in[i]);
        expect_gate(VERDICT_OPEN);
        users(11);
    }
    after(MINUTES(80));
    expect(USAGE_OVER);
    expect_gate(VERDICT_OVER);
}

RULE(rule_3_verdict_is_the_conjunction_and_its_reason_the_first_that_closes)
{
    grant()->expires_at_ms = START + DAYS(9);
    grant()->refresh_by_ms = START + DAYS(35);
    entitled();
    farm_is_over();
    expect_gate(VERDICT_OVER);
    until(START + DAYS(35));
    expect_gate(VERDICT_STALE);
    until(START + DAYS(39));
    expect_gate(VERDICT_EXPIRED);
    /* one after the other they open again, the others hold */
    grant()->expires_at_ms = START + DAYS(900);
    grant()->refresh_by_ms = now();
    entitled();
    expect_gate(VERDICT_STALE);
    grant()->refresh_by_ms = START + DAYS(900);
    entitled();
    expect_gate(VERDICT_OVER);
    revoked("key deleted");
    expect_gate(VERDICT_REVOKED);
    released();
    expect_gate(VERDICT_NOT_ACTIVATED);
}

RULE(rule_3_verdict_machines_always_run)
{
    grant()->expires_at_ms = START + DAYS(1);
    entitled();
    revoked("deactivated by administrator"); /* the gate is closed, and they run on */
    users(11);
    after(SECONDS(60) + DAYS(7));
    expect(USAGE_ENFORCED);
    expect_term(TERM_EXPIRY_GRACE);
    after(MINUTES(80));
    expect(USAGE_OVER);
    expect_gate(VERDICT_REVOKED);
}

RULE(rule_3_verdict_usage_runs_only_once_activated)
{
    released();
    users(50);
    after(DAYS(30));
    expect(USAGE_WITHIN);
    assert_int_equal(activated("farm"), 0);
    expect(USAGE_SETTLING);
    assert_int_equal(status().standing.usage.exceeding_since_ms, now());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE_TEST(rule_3_1_an_accepted_entitlement_sets_licence_time),
        RULE_TEST(rule_3_1_also_back),
        RULE_TEST(rule_3_1_an_entitlement_that_is_not_accepted_sets_nothing),
        RULE_TEST(rule_3_1_a_correction_forward_is_time_passing),
        RULE_TEST(rule_3_1_what_falls_due_in_a_correction_happens_under_the_former_grant),
        RULE_TEST(rule_3_1_states_are_recomputed_after_every_correction),
        RULE_TEST(rule_3_1_a_grace_never_grows_by_a_correction),
        RULE_TEST(rule_3_1_a_grace_that_is_no_longer_spent_goes_on),
        RULE_TEST(rule_3_1_a_grace_that_is_spent_stays_so_when_time_is_set_back_a_little),
        RULE_TEST(rule_3_1_exceeding_never_began_later_than_now),
        RULE_TEST(rule_3_1_time_that_was_days_ahead_begins_anew),
        RULE_TEST(rule_3_1_warnings_begin_anew_where_time_was_days_ahead_though_the_key_was_given_back),
        RULE_TEST(rule_3_1_licence_time_is_stored_so_a_restart_repeats_nothing),
        RULE_TEST(rule_3_1_a_quiet_farm_stored_it_long_ago_and_no_time_is_lost),
        RULE_TEST(rule_3_1_nothing_follows_from_the_time_zone),
        RULE_TEST(rule_3_2_windows_are_20_minutes_of_unix_time),
        RULE_TEST(rule_3_2_the_first_and_the_last_may_be_shorter),
        RULE_TEST(rule_3_2_days_are_utc),
        RULE_TEST(rule_3_2_windows_before_the_first_activation_are_kept_and_not_sent),
        RULE_TEST(rule_3_3_every_20_minutes_at_the_farms_phase_closed_windows_are_sent),
        RULE_TEST(rule_3_3_what_is_not_accepted_is_sent_again),
        RULE_TEST(rule_3_3_the_phase_is_fixed_by_the_farm_id),
        RULE_TEST(rule_3_4_validation_happens_at_start_after_enumeration),
        RULE_TEST(rule_3_4_at_start_only_after_the_sources_have_told),
        RULE_TEST(rule_3_4_validation_happens_on_every_accepted_entitlement),
        RULE_TEST(rule_3_4_validation_happens_every_20_minutes_whether_the_authority_is_reached_or_not),
        RULE_TEST(rule_3_4_missed_cycles_run_once_at_the_last_missed_instant),
        RULE_TEST(rule_3_4_a_missed_validation_sees_what_was_true_at_its_instant),
        RULE_TEST(rule_3_4_a_new_activation_has_missed_none),
        RULE_TEST(rule_3_4_a_start_has_missed_none),
        RULE_TEST(rule_3_4_without_an_activation_there_is_none),
        RULE_TEST(rule_3_5_only_enforced_and_over_wait_for_a_validation),
        RULE_TEST(rule_3_5_at_the_bound_itself_the_next_state_holds),
        RULE_TEST(rule_3_5_session_events_come_before_timers),
        RULE_TEST(rule_3_5_session_events_come_before_the_validation),
        RULE_TEST(rule_3_5_entitlements_come_before_timers),
        RULE_TEST(rule_3_5_timers_come_before_the_validation),
        RULE_TEST(rule_3_5_leases_come_before_timers_and_the_validation),
        RULE_TEST(rule_3_5_a_lease_that_ends_with_the_settling_ends_before_it),
        RULE_TEST(rule_3_6_the_limit_itself_is_no_overuse),
        RULE_TEST(rule_3_6_the_grace_begins_when_the_limit_was_exceeded_for_60_seconds),
        RULE_TEST(rule_3_6_without_interruption),
        RULE_TEST(rule_3_6_who_changes_does_not_matter),
        RULE_TEST(rule_3_6_a_settling_time_of_0_is_the_first_instant),
        RULE_TEST(rule_3_6_another_settling_time_holds_from_the_reload_on),
        RULE_TEST(rule_3_6_for_7_days_more_users_may_connect),
        RULE_TEST(rule_3_6_falling_back_stops_or_resets_nothing),
        RULE_TEST(rule_3_6_purchases_end_a_running_grace_and_make_it_available),
        RULE_TEST(rule_3_6_purchases_renew_a_spent_grace),
        RULE_TEST(rule_3_6_purchases_renew_the_grace_in_over_too),
        RULE_TEST(rule_3_6_purchases_start_the_settling_anew),
        RULE_TEST(rule_3_6_only_growing_purchases_do),
        RULE_TEST(rule_3_6_peaks_are_not_affected_by_settling),
        RULE_TEST(rule_3_6_the_60_minutes_are_not_affected_by_settling),
        RULE_TEST(rule_3_7_the_farm_runs_normally_while_users_are_within_the_limit),
        RULE_TEST(rule_3_7_deactivated_at_the_first_validation_after_60_minutes),
        RULE_TEST(rule_3_7_so_60_to_80_minutes_after),
        RULE_TEST(rule_3_7_falling_to_the_limit_before_that_validation_cancels_it),
        RULE_TEST(rule_3_7_falling_after_60_minutes_but_before_the_validation_cancels_it_too),
        RULE_TEST(rule_3_7_sixty_minutes_start_at_the_end_of_the_grace),
        RULE_TEST(rule_3_7_or_when_the_limit_is_exceeded_if_that_is_later),
        RULE_TEST(rule_3_8_reactivated_at_the_first_validation_that_finds_users_within_the_limit),
        RULE_TEST(rule_3_8_not_if_they_exceed_it_again_by_then),
        RULE_TEST(rule_3_8_a_larger_limit_reactivates_with_its_own_validation),
        RULE_TEST(rule_3_8_then_the_60_minutes_start_anew),
        RULE_TEST(rule_3_9_a_limit_applies_when_it_arrives),
        RULE_TEST(rule_3_9_nobody_is_logged_off),
        RULE_TEST(rule_3_9_a_limit_of_0_is_nobody),
        RULE_TEST(rule_3_9_a_larger_limit_ends_exceeding_when_it_arrives),
        RULE_TEST(rule_3_9_exceeding_before_and_after_is_without_interruption),
        RULE_TEST(rule_3_9_in_an_enforced_farm_the_60_minutes_start_with_the_smaller_limit),
        RULE_TEST(rule_3_10_from_expires_at_the_farm_runs_30_more_days),
        RULE_TEST(rule_3_10_not_from_when_it_was_learnt),
        RULE_TEST(rule_3_10_an_agent_that_was_asleep_is_no_exception),
        RULE_TEST(rule_3_10_deactivated_until_a_renewed_entitlement_arrives),
        RULE_TEST(rule_3_10_a_trial_has_no_such_grace),
        RULE_TEST(rule_3_10_without_an_end_it_never_expires),
        RULE_TEST(rule_3_11_past_refresh_by_the_gate_closes),
        RULE_TEST(rule_3_11_an_accepted_entitlement_is_contact_and_opens_it),
        RULE_TEST(rule_3_11_an_accepted_report_alone_is_none),
        RULE_TEST(rule_3_11_warnings_come_at_7_days_at_1_day_and_past_it),
        RULE_TEST(rule_3_12_a_signed_entitlement_revokes_at_that_contact),
        RULE_TEST(rule_3_12_only_a_new_activation_opens_the_gate),
        RULE_TEST(rule_3_12_an_unsigned_refusal_is_said_as_refused_and_is_no_contact),
        RULE_TEST(rule_3_12_revoked_farms_still_deliver_windows),
        RULE_TEST(rule_3_12_a_refused_entitlement_revokes_nothing),
        RULE_TEST(rule_3_13_before_any_activation_the_gate_is_closed),
        RULE_TEST(rule_3_13_the_old_installation_closes_at_its_next_contact),
        RULE_TEST(rule_3_13_at_the_latest_at_its_refresh_by),
        RULE_TEST(rule_3_13_usage_stays_with_the_farm_id_through_a_release),
        RULE_TEST(rule_3_13_usage_stays_with_the_farm_id_through_a_revocation),
        RULE_TEST(rule_3_13_a_new_farm_id_starts_with_its_grace_available),
        RULE_TEST(rule_3_13_a_farm_id_that_comes_back_finds_its_usage_again),
        RULE_TEST(rule_3_13_a_key_may_be_activated_over_a_trial),
        RULE_TEST(rule_3_row_1_activation_closes_in_none_and_revoked),
        RULE_TEST(rule_3_row_2_term_closes_in_expired),
        RULE_TEST(rule_3_row_3_contact_closes_in_stale),
        RULE_TEST(rule_3_row_4_usage_closes_in_over),
        RULE_TEST(rule_3_verdict_is_the_conjunction_and_its_reason_the_first_that_closes),
        RULE_TEST(rule_3_verdict_machines_always_run),
        RULE_TEST(rule_3_verdict_usage_runs_only_once_activated),
    };
    return cmocka_run_group_tests_name("terms and clocks (RULES 3)", tests, NULL, NULL);
}
