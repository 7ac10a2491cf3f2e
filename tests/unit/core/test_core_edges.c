/* What is told to the core that is wrong, too much, twice, or out of order; and what names may do to each
 * other. */
#include "rules_farm.h"

#include "agent/core/explain.h"

#include <stdio.h>
#include <string.h>

/* 64 bytes: one too many for a farm's or an installation's id. */
#define TOO_LONG_ID "0123456789012345678901234567890123456789012345678901234567890123"

/* ---- wrong --------------------------------------------------------------------------------------------- */

RULE(what_is_no_event_is_refused)
{
    struct core_event event = {.type = EVENT_TYPE_MAX};
    assert_int_equal(farm_hears(&event), CORE_INVALID);
}

RULE(an_activation_needs_two_ids)
{
    static const char *const wrong[] = {NULL, "", TOO_LONG_ID};
    for (size_t i = 0; i < COUNT(wrong); i++)
        for (int which = 0; which < 2; which++) {
            struct core_event event = {
                .type = EVENT_ACTIVATED,
                .activated = {.farm_id = which == 0 ? wrong[i] : "farm-2",
                              .installation_id = which == 0 ? "installation" : wrong[i],
                              .grant = grant()}};
            forget();
            assert_int_equal(farm_hears(&event), CORE_INVALID);
            assert_int_equal(said(LOG_entitlement_refused), 1);
            assert_string_equal(status().farm_id, "farm");
        }
}

RULE(a_host_without_a_name_or_boot_id_has_not_booted)
{
    static const char *const wrong[][2] = {{"", "boot"}, {"h1", ""}};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct core_event event = {.type = EVENT_HOST_BOOTED,
                                   .booted = {.host = wrong[i][0], .boot_id = wrong[i][1]}};
        assert_int_equal(farm_hears(&event), CORE_INVALID);
    }
}

RULE(a_connection_of_no_known_kind_route_state_or_flag_is_refused)
{
    struct connection wrong[] = {
        {.kind = KIND_MAX},
        {.route = ROUTE_MAX},
        {.state = CONNECTION_STATE_MAX},
        {.administrator = ADMINISTRATOR_MAX},
        {.connected_at_ms = -1},
        {.connected_at_ms = ROSTER_TIME_MS_MAX + 1},
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        wrong[i].host = "h1";
        wrong[i].id = wrong[i].user = "alice";
        struct core_event event = {.type = EVENT_BROKER_PUT, .put = wrong[i]};
        assert_int_equal(farm_hears(&event), CORE_INVALID);
    }
    assert_int_equal(status().level.connections, 0);
}

RULE(nobody_was_reclaimed_without_a_name_of_host_session_and_user)
{
    static const char *const wrong[][3] = {{"", "1", "alice"}, {"h1", "", "alice"}, {"h1", "1", ""}};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct core_event event = {
            .type = EVENT_RECLAIMED,
            .reclaimed = {.host = wrong[i][0], .id = wrong[i][1], .user = wrong[i][2]}};
        assert_int_equal(farm_hears(&event), CORE_INVALID);
    }
}

RULE(a_set_for_no_host_is_refused)
{
    static const enum core_event_type types[] = {EVENT_HOST_SET, EVENT_BROKER_SET};
    for (size_t i = 0; i < COUNT(types); i++) {
        struct core_event event = {.type = types[i], .set = {.host = ""}};
        assert_int_equal(farm_hears(&event), CORE_INVALID);
    }
}

/* ---- too much ------------------------------------------------------------------------------------------ */

RULE(settings_that_the_live_set_does_not_fit_are_refused)
{
    users(3);
    struct core_settings smaller = *settings();
    smaller.tally.users_max = 2;
    smaller.strict = true;
    struct core_event event = {.type = EVENT_SETTINGS, .settings = &smaller};
    assert_int_equal(farm_hears(&event), CORE_FULL);
    expect_users(3);
    assert_false(status().strict);
    users(4);
    expect_users(4);
}

RULE(of_a_set_that_does_not_fit_one_is_said)
{
    settings()->tally.users_max = 1;
    reloads();
    const struct connection set[] = {{.host = "h1", .id = "1", .user = "a"},
                                     {.host = "h1", .id = "2", .user = "b"},
                                     {.host = "h1", .id = "3", .user = "c"}};
    static const enum core_event_type types[] = {EVENT_HOST_SET, EVENT_BROKER_SET};
    for (size_t i = 0; i < COUNT(types); i++) {
        struct core_event event = {.type = types[i],
                                   .set = {.host = "h1", .connections = set, .count = COUNT(set)}};
        forget();
        assert_int_equal(farm_hears(&event), CORE_FULL);
        expect_users(1);
        assert_int_equal(said(LOG_connection_refused), 1);
        event.set.count = 0;
        assert_int_equal(farm_hears(&event), 0);
    }
}

RULE(a_host_without_a_name_is_not_heard_of)
{
    assert_int_equal(falls_silent(""), CORE_INVALID);
    assert_int_equal(comes_back("a\nb"), CORE_INVALID);
}

RULE(a_farm_has_as_many_hosts_as_it_may)
{
    char host[16];
    struct core_event event = {.type = EVENT_HOST_BOOTED, .booted = {.host = host, .boot_id = "boot"}};
    for (unsigned i = 0; i < TALLY_HOSTS_MAX; i++) {
        (void)snprintf(host, sizeof(host), "host-%05u", i);
        assert_int_equal(farm_hears(&event), 0);
    }
    (void)snprintf(host, sizeof(host), "zero");
    assert_int_equal(farm_hears(&event), CORE_FULL);
    (void)snprintf(host, sizeof(host), "host-%05u", 77u); /* one that is known */
    event.booted.boot_id = "another";
    assert_int_equal(farm_hears(&event), 0);
}

RULE(what_was_stored_and_does_not_fit_is_refused)
{
    struct core_settings one = *settings();
    one.tally.connections_max = 1;
    const unsigned reporters[] = {REPORTED_BY_HOST, REPORTED_BY_BROKER,
                                  REPORTED_BY_HOST | REPORTED_BY_BROKER};
    for (size_t i = 0; i < COUNT(reporters); i++) {
        const struct roster_change stored[] = {{.connection = {.host = "h1", .id = "1", .user = "a"},
                                                .reported_by = REPORTED_BY_HOST,
                                                .broker_id = ""},
                                               {.connection = {.host = "h1", .id = "2", .user = "b"},
                                                .reported_by = reporters[i],
                                                .broker_id = ""}};
        struct core_saved saved = {.connections = stored, .connection_count = 2};
        struct core *core_of_one = core_create(&one);
        assert_non_null(core_of_one);
        assert_int_equal(core_restore(core_of_one, &saved, START), CORE_FULL);
        core_destroy(core_of_one);
    }
}

RULE(what_was_stored_and_makes_no_sense_is_refused)
{
    const struct roster_change by_nobody = {.connection = {.host = "h1", .id = "1", .user = "a"},
                                            .broker_id = ""};
    const struct core_host hosts[] = {{.host = "h1", .boot_id = "one"}, {.host = "h1", .boot_id = "other"}};
    const struct {
        struct core_saved saved;
        int code;
    } rows[] = {
        {{.connections = &by_nobody, .connection_count = 1}, CORE_INVALID},
        {{.farm_id = "farm", .installation_id = TOO_LONG_ID}, CORE_INVALID},
        {{.hosts = hosts, .host_count = 2}, 0}, /* the first is kept */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct core *restored = core_create(settings());
        assert_non_null(restored);
        assert_int_equal(core_restore(restored, &rows[i].saved, START), rows[i].code);
        core_destroy(restored);
    }
}

/* ---- twice, or out of order ---------------------------------------------------------------------------- */

RULE(a_core_that_was_never_stepped_has_nothing_due_and_no_window)
{
    struct core *fresh = core_create(settings());
    struct core_actions *actions = core_actions_create();
    size_t count;
    assert_non_null(fresh);
    assert_non_null(actions);
    assert_int_equal(core_due_ms(fresh), INT64_MAX);
    assert_int_equal(core_snapshot(fresh, actions), 0);
    const struct action *all = core_actions_all(actions, &count);
    assert_int_equal(count, 2);
    assert_int_equal(all[0].persist.type, PERSIST_CLEAR);
    assert_int_equal(all[1].persist.type, PERSIST_STANDING);
    assert_true(roster_bytes(core_roster(fresh)) > 0);
    core_actions_destroy(actions);
    core_destroy(fresh);
}

RULE(a_copy_is_a_copy_once)
{
    copied();
    forget();
    copied();
    assert_int_equal(gate_moves(), 0);
    expect_gate(VERDICT_COPIED);
}

RULE(a_farm_whose_entitlement_was_lost_may_be_released)
{
    struct core_saved saved = {.farm_id = "farm", .installation_id = "installation"};
    forget();
    farm_goes_on_from(&saved);
    expect_gate(VERDICT_NOT_ACTIVATED);
    assert_int_equal(reports(), 1); /* it asks for what it lost */
    released();
    assert_int_equal(status().next_report_ms, INT64_MAX);
    assert_int_equal(entitled_at(now()), CORE_NOT_ACTIVE);
    assert_int_equal(activated("farm"), 0);
    expect_gate(VERDICT_OPEN);
}

RULE(a_lost_entitlement_is_news_whatever_its_serial)
{
    struct core_saved saved = {.farm_id = "farm", .installation_id = "installation"};
    farm_goes_on_from(&saved);
    struct grant zero = {
        .farm_id = "farm", .installation_id = "installation", .limit = 5, .issued_at_ms = now()};
    struct core_event event = {.type = EVENT_ENTITLEMENT, .grant = &zero};
    assert_int_equal(farm_hears(&event), 0);
    assert_int_equal(said(LOG_entitlement_applied), 1);
    expect_gate(VERDICT_OPEN);
}

RULE(a_window_may_be_refused_without_a_reason)
{
    until(START + MINUTES(25));
    report_accepted(0);
    until(START + MINUTES(45));
    size_t count;
    const struct window *batch = core_report_batch(core(), &count);
    assert_int_equal(count, 1);
    struct core_refused_window refused = {.sequence = batch[0].sequence, .reason = NULL};
    struct core_event event = {.type = EVENT_REPORT_ACCEPTED,
                               .accepted = {.through = 0, .refused = &refused, .refused_count = 1}};
    size_t queued = status().windows_queued;
    assert_int_equal(farm_hears(&event), 0);
    assert_int_equal(status().windows_queued, queued - 1);
    assert_int_equal(said(LOG_window_refused), 1);
}

RULE(a_long_queue_goes_on_at_once_while_it_gets_shorter)
{
    asleep(DAYS(6));
    size_t count;
    (void)core_report_batch(core(), &count);
    assert_int_equal(count, REPORTER_BATCH_MAX);
    forget();
    report_accepted(REPORTER_BATCH_MAX);
    assert_int_equal(reports(), 1); /* the rest, at once */
    report_accepted(0);             /* accepted nothing of it: not at once again */
    assert_int_equal(reports(), 1);
}

RULE(a_full_batch_that_is_taken_whole_may_be_all)
{
    until(START + REPORTER_BATCH_MAX * MINUTES(20));
    report_failed(false);
    asleep(MINUTES(1));
    size_t count;
    (void)core_report_batch(core(), &count);
    assert_int_equal(count, REPORTER_BATCH_MAX);
    assert_int_equal(status().windows_queued, REPORTER_BATCH_MAX);
    forget();
    report_accepted(REPORTER_BATCH_MAX);
    assert_int_equal(status().windows_queued, 0);
    assert_int_equal(reports(), 0);
}

RULE(an_administrator_flag_is_asked_for_only_where_it_decides)
{
    comes(.user = "ann", .kind = KIND_APPLICATION, .administrator = ADMINISTRATOR_UNKNOWN);
    comes(.user = "bea", .route = ROUTE_CONSOLE, .administrator = ADMINISTRATOR_UNKNOWN);
    assert_int_equal(said(LOG_administrator_unknown), 0);
    comes(.user = "cat", .administrator = ADMINISTRATOR_UNKNOWN);
    assert_int_equal(said(LOG_administrator_unknown), 1);
}

/* ---- time set back ------------------------------------------------------------------------------------- */

RULE(leases_that_lie_ahead_begin_anew)
{
    settings()->api_lease_ms = HOURS(72);
    reloads();
    until(START + HOURS(1));
    broker_puts(.user = "early");
    until(START + HOURS(30));
    broker_puts(.user = "late");
    until(START + HOURS(40));
    broker_puts(.user = "later");
    wakes_at(START + HOURS(2));
    assert_int_equal(said(LOG_time_restarted), 1);
    until(START + HOURS(1 + 72) - 1);
    expect_users(3);
    after(1);
    expect_users(2); /* this one's went on */
    until(START + HOURS(2 + 72) - 1);
    expect_users(2);
    after(1);
    expect_users(0);
}

RULE(all_leases_may_lie_ahead)
{
    asleep(DAYS(3));
    broker_puts(.user = "alice");
    broker_puts(.user = "bob");
    wakes_at(START);
    after(HOURS(24) - 1);
    expect_users(2);
    after(1);
    expect_users(0);
}

RULE(a_grace_with_nobody_above_the_limit_is_cut_as_well)
{
    users(11);
    after(SECONDS(60));
    users(3);
    wakes_at(START - HOURS(10));
    assert_int_equal(status().standing.usage.grace_started_ms, START - HOURS(10));
    restarts(); /* and that was stored */
    assert_int_equal(status().standing.usage.grace_started_ms, START - HOURS(10));
}

RULE(a_countdown_that_goes_on_is_not_said_again)
{
    users(11);
    after(SECONDS(60) + DAYS(7) + HOURS(2));
    users(3);
    validation();
    users(11);
    size_t before = said(LOG_overuse_countdown_started);
    after(MINUTES(10));
    wakes_at(now() - MINUTES(20)); /* the grace is spent still, and exceeding began no later than now */
    expect(USAGE_ENFORCED);
    assert_int_equal(status().standing.usage.exceeding_since_ms, now());
    assert_int_equal(said(LOG_overuse_countdown_started), before);
}

/* ---- names that meet ----------------------------------------------------------------------------------- */

RULE(a_record_goes_into_the_session_whose_connect_time_becomes_known)
{
    /* the broker's record "5" is alice's session "1"; then "5" is a session of its own */
    tells("h1", {.id = "1", .user = "alice", .connected_at_ms = START - HOURS(1)});
    broker_puts(.id = "5", .user = "alice", .connected_at_ms = START);
    assert_int_equal(status().level.connections, 2);
    tells("h1", {.id = "1", .user = "alice", .connected_at_ms = START},
          {.id = "5", .user = "alice", .connected_at_ms = START - HOURS(3)});
    assert_int_equal(status().level.connections, 2);
    expect_users(1);
    assert_int_equal(broker_ends("h1", "5"), 0);
    tells_nobody("h1");
    assert_int_equal(status().level.connections, 0);
}

RULE(a_session_of_another_user_with_a_brokers_id_takes_no_words_over)
{
    broker_puts(.id = "b1", .user = "alice", .kind = KIND_APPLICATION);
    tells("h1", {.id = "1", .user = "alice"});
    assert_int_equal(status().level.connections, 1);
    tells("h1", {.id = "1", .user = "alice"}, {.id = "b1", .user = "bob"});
    struct tally_entry entry;
    assert_true(tally_find(tally(), "h1", "1", &entry)); /* alice's is as her host sees it again */
    assert_int_equal(entry.connection.kind, KIND_DESKTOP);
    assert_true(tally_find(tally(), "h1", "b1", &entry));
    assert_string_equal(entry.connection.user, "bob");
    assert_int_equal(entry.connection.kind, KIND_DESKTOP);
    assert_int_equal(broker_ends("h1", "b1"), CORE_UNKNOWN);
}

/* ---- explanations -------------------------------------------------------------------------------------- */

static struct explain_farm explained(void)
{
    struct core_status is = status();
    struct explain_farm farm;
    explain_farm(&is, now(), &farm);
    return farm;
}

static bool says(const struct explain_why *why, enum explain_code code)
{
    for (size_t i = 0; i < why->count; i++)
        if (why->sentences[i].code == code)
            return true;
    return false;
}

static const struct explain_step *next_step(const struct explain_farm *farm, enum explain_code code)
{
    for (size_t i = 0; i < farm->next_count; i++)
        if (farm->next[i].sentence.code == code)
            return &farm->next[i];
    return NULL;
}

RULE(a_grace_that_runs_is_not_spared)
{
    settings()->spare_grace = true;
    reloads();
    struct explain_farm farm = explained();
    assert_true(says(&farm.machines[EXPLAIN_USAGE].why, EXPLAIN_grace_spared));
    users(11);
    after(SECONDS(60));
    farm = explained();
    assert_false(says(&farm.machines[EXPLAIN_USAGE].why, EXPLAIN_grace_spared));
}

RULE(that_contact_ends_matters_when_it_is_near)
{
    grant()->refresh_by_ms = START + DAYS(300);
    entitled();
    struct explain_farm farm = explained();
    assert_false(next_step(&farm, EXPLAIN_next_contact_closes)->matters);
    until(START + DAYS(299));
    farm = explained();
    assert_true(next_step(&farm, EXPLAIN_next_contact_closes)->matters);
}

RULE(that_contact_ends_matters_while_reports_fail)
{
    grant()->refresh_by_ms = START + DAYS(300);
    entitled();
    struct explain_farm farm = explained();
    assert_false(next_step(&farm, EXPLAIN_next_contact_closes)->matters);
    until(START + MINUTES(20));
    report_failed(false);
    farm = explained();
    assert_true(next_step(&farm, EXPLAIN_next_contact_closes)->matters);
}

RULE(before_the_start_nobody_knows_when_it_deactivates)
{
    users(11);
    after(SECONDS(60) + DAYS(7));
    stops();
    starts_but_does_not_judge_yet();
    struct explain_farm farm = explained();
    const struct explain_step *step = next_step(&farm, EXPLAIN_next_deactivates);
    assert_true(step == NULL || step->at_ms == INT64_MAX);
    judges();
    farm = explained();
    assert_int_equal(next_step(&farm, EXPLAIN_next_deactivates)->at_ms, status().deactivates_ms);
}

RULE(of_two_as_old_the_first_by_host_and_id_holds_the_licence)
{
    const struct tally_entry entries[] = {{.connection = {.host = "h2", .id = "1"}},
                                          {.connection = {.host = "h1", .id = "2"}},
                                          {.connection = {.host = "h1", .id = "1"}},
                                          {.connection = {.host = "h1", .id = "3"}}};
    assert_ptr_equal(explain_holder(entries, COUNT(entries)), &entries[2]);
}

/* ---- visits -------------------------------------------------------------------------------------------- */

static bool stop(void *data, const struct tally_user *user)
{
    (void)user;
    ++*(int *)data;
    return false;
}

static bool stop_at_host(void *data, const char *host, uint32_t connections)
{
    (void)host;
    (void)connections;
    ++*(int *)data;
    return false;
}

RULE(whoever_visits_users_or_hosts_may_stop)
{
    int visited_users = 0, visited_hosts = 0;
    users(3);
    comes(.user = "alice");
    tally_each_user(tally(), stop, &visited_users);
    tally_each_host(tally(), stop_at_host, &visited_hosts);
    assert_int_equal(visited_users, 1);
    assert_int_equal(visited_hosts, 1);
}

RULE(a_host_whose_name_is_too_long_has_no_exempt_place_in_use)
{
    char host[CONNECTION_HOST_BYTES_MAX + 2];
    memset(host, 'h', sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';
    assert_int_equal(tally_host_exempt(tally(), host), 0);
    assert_int_equal(tally_host_exempt(tally(), ""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE_TEST(what_is_no_event_is_refused),
        RULE_TEST(an_activation_needs_two_ids),
        RULE_TEST(a_host_without_a_name_or_boot_id_has_not_booted),
        RULE_TEST(a_connection_of_no_known_kind_route_state_or_flag_is_refused),
        RULE_TEST(nobody_was_reclaimed_without_a_name_of_host_session_and_user),
        RULE_TEST(a_set_for_no_host_is_refused),
        RULE_TEST(settings_that_the_live_set_does_not_fit_are_refused),
        RULE_TEST(of_a_set_that_does_not_fit_one_is_said),
        RULE_TEST(a_host_without_a_name_is_not_heard_of),
        RULE_TEST(a_farm_has_as_many_hosts_as_it_may),
        RULE_TEST(what_was_stored_and_does_not_fit_is_refused),
        RULE_TEST(what_was_stored_and_makes_no_sense_is_refused),
        RULE_TEST(a_core_that_was_never_stepped_has_nothing_due_and_no_window),
        RULE_TEST(a_copy_is_a_copy_once),
        RULE_TEST(a_farm_whose_entitlement_was_lost_may_be_released),
        RULE_TEST(a_lost_entitlement_is_news_whatever_its_serial),
        RULE_TEST(a_window_may_be_refused_without_a_reason),
        RULE_TEST(a_long_queue_goes_on_at_once_while_it_gets_shorter),
        RULE_TEST(a_full_batch_that_is_taken_whole_may_be_all),
        RULE_TEST(an_administrator_flag_is_asked_for_only_where_it_decides),
        RULE_TEST(leases_that_lie_ahead_begin_anew),
        RULE_TEST(all_leases_may_lie_ahead),
        RULE_TEST(a_grace_with_nobody_above_the_limit_is_cut_as_well),
        RULE_TEST(a_countdown_that_goes_on_is_not_said_again),
        RULE_TEST(a_record_goes_into_the_session_whose_connect_time_becomes_known),
        RULE_TEST(a_session_of_another_user_with_a_brokers_id_takes_no_words_over),
        RULE_TEST(a_grace_that_runs_is_not_spared),
        RULE_TEST(that_contact_ends_matters_when_it_is_near),
        RULE_TEST(that_contact_ends_matters_while_reports_fail),
        RULE_TEST(before_the_start_nobody_knows_when_it_deactivates),
        RULE_TEST(of_two_as_old_the_first_by_host_and_id_holds_the_licence),
        RULE_TEST(whoever_visits_users_or_hosts_may_stop),
        RULE_TEST(a_host_whose_name_is_too_long_has_no_exempt_place_in_use),
    };
    return cmocka_run_group_tests_name("the core at its edges", tests, NULL, NULL);
}
