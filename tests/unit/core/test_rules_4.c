/* What the gate answers (RULES §4): every row of the table, and what its notes say of the decision, at a
 * whole farm whose limit is 10. */
#include "rules_farm.h"

#include <string.h>

static const enum connection_kind kinds[] = {KIND_DESKTOP, KIND_APPLICATION};
static const enum administrator administrators[] = {ADMINISTRATOR_NO, ADMINISTRATOR_YES,
                                                    ADMINISTRATOR_UNKNOWN};

/* The gate's and the list's answer, and why not. */
#define expect_answer(answer, gate_says, list_says, code_is) \
    do {                                                     \
        struct admission_answer said_so = answer;            \
        assert_int_equal(said_so.gate, gate_says);           \
        assert_int_equal(said_so.list, list_says);           \
        assert_string_equal(said_so.code, code_is);          \
        assert_true(strlen(said_so.text) > 20);              \
    } while (0)

#define expect_yes(answer)         expect_answer(answer, true, true, "open")
#define expect_no(answer, code_is) expect_answer(answer, false, false, code_is)
/* To a session that is there already, but not to the list. */
#define expect_back_only(answer, code_is) expect_answer(answer, true, false, code_is)

#define anyone(user, host) asks(user, host, KIND_APPLICATION, ADMINISTRATOR_NO)

static void grace_is_spent(void)
{
    users(11);
    after(SECONDS(60) + DAYS(7));
    expect(USAGE_ENFORCED);
    users(0);
}

/* ---- open ---------------------------------------------------------------------------------------------- */

static void everyone_is_admitted(void)
{
    expect_gate(VERDICT_OPEN);
    expect_admits(ADMISSION_ALL);
    for (size_t i = 0; i < COUNT(kinds); i++)
        for (size_t j = 0; j < COUNT(administrators); j++)
            expect_yes(asks("stranger", "h1", kinds[i], administrators[j]));
}

RULE(rule_4_row_1_open_with_licences_left_anyone)
{
    users(9);
    everyone_is_admitted();
    settings()->spare_grace = settings()->strict = true; /* neither matters yet */
    reloads();
    everyone_is_admitted();
}

RULE(rule_4_row_1_open_with_the_grace_available_anyone)
{
    users(10);
    everyone_is_admitted();
    users(11);
    expect(USAGE_SETTLING);
    everyone_is_admitted();
}

RULE(rule_4_row_1_open_with_the_grace_running_anyone)
{
    users(11);
    after(SECONDS(60));
    expect(USAGE_OVERUSE_GRACE);
    settings()->spare_grace = settings()->strict = true; /* it has started: nothing is left to spare */
    reloads();
    everyone_is_admitted();
    after(DAYS(7) - 1);
    everyone_is_admitted();
}

RULE(rule_4_row_1_open_with_the_grace_spent_but_licences_left_anyone)
{
    grace_is_spent();
    users(9);
    everyone_is_admitted();
}

/* ---- licences have run out ----------------------------------------------------------------------------- */

/* The limit is reached: nine of the crowd, and the holder on h1. */
static void licences_run_out_after_the_grace(void)
{
    grace_is_spent();
    users(9);
    comes(.host = "h1", .user = "holder");
    expect_users(10);
    expect_admits(ADMISSION_HOLDERS);
}

RULE(rule_4_row_2_run_out_who_holds_a_licence_is_admitted_everywhere)
{
    licences_run_out_after_the_grace();
    expect_yes(anyone("holder", "h1"));
    expect_yes(anyone("holder", "h2"));
    expect_yes(asks("holder", "h2", KIND_DESKTOP, ADMINISTRATOR_NO));
    settings()->strict = true;
    reloads();
    expect_yes(anyone("holder", "h2"));
}

RULE(rule_4_row_2_run_out_who_has_a_live_session_on_that_host_counted_or_not)
{
    licences_run_out_after_the_grace();
    comes(.host = "h2", .user = "on-the-console", .route = ROUTE_CONSOLE);
    comes(.host = "h2", .id = "5", .user = "exempt", .administrator = ADMINISTRATOR_YES);
    expect_users(10);
    expect_yes(anyone("on-the-console", "h2"));
    expect_yes(anyone("exempt", "h2"));
    expect_no(anyone("on-the-console", "h1"), "no_license_free"); /* elsewhere neither holds a licence */
    expect_no(anyone("exempt", "h1"), "no_license_free");
    settings()->strict = true;
    reloads();
    expect_yes(anyone("on-the-console", "h2"));
}

RULE(rule_4_row_3_run_out_an_administrators_desktop)
{
    licences_run_out_after_the_grace();
    expect_yes(asks("root", "h2", KIND_DESKTOP, ADMINISTRATOR_YES));
    expect_no(asks("root", "h2", KIND_APPLICATION, ADMINISTRATOR_YES), "no_license_free");
    expect_no(asks("root", "h2", KIND_DESKTOP, ADMINISTRATOR_UNKNOWN), "no_license_free");
    expect_no(asks("root", "h2", KIND_DESKTOP, ADMINISTRATOR_NO), "no_license_free");
}

RULE(rule_4_row_3_counted_if_no_exempt_place_is_free_and_with_strict_only_if_one_is)
{
    licences_run_out_after_the_grace();
    tells("h2", {.user = "ann", .administrator = ADMINISTRATOR_YES},
          {.user = "bea", .administrator = ADMINISTRATOR_YES});
    expect_users(10);
    expect_yes(asks("root", "h2", KIND_DESKTOP, ADMINISTRATOR_YES));
    settings()->strict = true;
    reloads();
    expect_no(asks("root", "h2", KIND_DESKTOP, ADMINISTRATOR_YES), "no_license_free");
    expect_yes(asks("root", "h3", KIND_DESKTOP, ADMINISTRATOR_YES)); /* another host has places of its own */
    leaves("h2", "bea");
    expect_yes(asks("root", "h2", KIND_DESKTOP, ADMINISTRATOR_YES));
    settings()->strict = false;
    reloads();
    tells("h2", {.user = "ann", .connected_at_ms = 1, .administrator = ADMINISTRATOR_YES},
          {.user = "bea", .connected_at_ms = 2, .administrator = ADMINISTRATOR_YES},
          {.user = "root", .connected_at_ms = 3, .administrator = ADMINISTRATOR_YES});
    expect_users(11); /* counted */
}

RULE(rule_4_row_4_run_out_anyone_else_waits_until_someone_ends_all_sessions)
{
    licences_run_out_after_the_grace();
    comes(.host = "h2", .user = "holder");
    for (size_t i = 0; i < COUNT(kinds); i++)
        expect_no(asks("stranger", "h1", kinds[i], ADMINISTRATOR_NO), "no_license_free");
    leaves("h1", "holder"); /* one session of two is not all */
    expect_no(anyone("stranger", "h1"), "no_license_free");
    leaves("h2", "holder");
    expect_yes(anyone("stranger", "h1"));
}

RULE(rule_4_row_4_with_spare_grace_licences_run_out_while_the_grace_is_unstarted)
{
    settings()->spare_grace = true;
    reloads();
    users(9);
    expect_yes(anyone("stranger", "h1"));
    users(10);
    expect_no(anyone("stranger", "h1"), "no_license_free");
    expect_yes(anyone("user-1", "h1"));
    users(11); /* somebody slipped in by another way: settling */
    expect(USAGE_SETTLING);
    expect_no(anyone("stranger", "h1"), "no_license_free");
    after(SECONDS(60)); /* now it has started, and nothing is spared */
    expect_yes(anyone("stranger", "h1"));
}

RULE(rule_4_row_4_a_limit_of_0_is_run_out_at_once_when_the_grace_is_spent)
{
    grace_is_spent();
    limit(0);
    expect_admits(ADMISSION_HOLDERS);
    expect_no(anyone("stranger", "h1"), "no_license_free");
}

/* ---- closed -------------------------------------------------------------------------------------------- */

static void farm_is_revoked(void)
{
    comes(.host = "h1", .user = "alice");
    comes(.host = "h1", .user = "on-the-console", .route = ROUTE_CONSOLE);
    revoked("deactivated by administrator");
    expect_gate(VERDICT_REVOKED);
    expect_admits(ADMISSION_NONE);
}

RULE(rule_4_row_5_closed_who_has_a_live_session_on_that_host_may_come_back)
{
    farm_is_revoked();
    expect_back_only(anyone("alice", "h1"), "revoked");
    expect_back_only(anyone("on-the-console", "h1"), "revoked");
    expect_no(anyone("alice", "h2"), "revoked");
}

RULE(rule_4_row_5_closed_an_administrators_desktop_may_come)
{
    farm_is_revoked();
    expect_back_only(asks("root", "h2", KIND_DESKTOP, ADMINISTRATOR_YES), "revoked");
    expect_no(asks("root", "h2", KIND_APPLICATION, ADMINISTRATOR_YES), "revoked");
    expect_no(asks("root", "h2", KIND_DESKTOP, ADMINISTRATOR_UNKNOWN), "revoked");
}

RULE(rule_4_row_5_closed_neither_with_strict)
{
    settings()->strict = true;
    reloads();
    farm_is_revoked();
    expect_no(anyone("alice", "h1"), "revoked");
    expect_no(asks("root", "h1", KIND_DESKTOP, ADMINISTRATOR_YES), "revoked");
}

RULE(rule_4_row_6_closed_anyone_else_gets_the_reason)
{
    comes(.host = "h1", .user = "alice");
    grant()->expires_at_ms = START + DAYS(40);
    grant()->refresh_by_ms = START + DAYS(20);
    entitled();
    until(START + DAYS(20));
    expect_no(anyone("stranger", "h1"), "stale");
    until(START + DAYS(70));
    expect_no(anyone("stranger", "h1"), "expired");
    revoked("key moved");
    expect_no(anyone("stranger", "h1"), "revoked");
    released();
    expect_no(anyone("stranger", "h1"), "not_activated");
    copied();
    expect_no(anyone("stranger", "h1"), "copied");
}

RULE(rule_4_row_6_over_is_a_reason_like_the_others)
{
    grace_is_spent();
    users(11);
    after(MINUTES(80));
    expect_no(anyone("stranger", "h1"), "over");
    expect_no(anyone("user-1", "h1"), "over"); /* a licence held elsewhere opens no closed gate */
    expect_back_only(anyone("user-1", "crowd"), "over");
}

/* ---- notes --------------------------------------------------------------------------------------------- */

RULE(rule_4_note_1_deactivated_running_sessions_are_left_alone)
{
    users(8);
    revoked("subscription cancelled");
    after(DAYS(10));
    expect_users(8);
    assert_int_equal(said(LOG_connection_ended), 0);
    expect_back_only(anyone("user-8", "crowd"), "revoked");
}

RULE(rule_4_note_1_deactivated_nobody_gets_the_list)
{
    comes(.user = "alice");
    comes(.user = "root", .administrator = ADMINISTRATOR_YES);
    revoked("subscription cancelled");
    const char *const names[] = {"alice", "root", "stranger"};
    for (size_t i = 0; i < COUNT(names); i++)
        for (size_t j = 0; j < COUNT(kinds); j++)
            for (size_t k = 0; k < COUNT(administrators); k++)
                assert_false(asks(names[i], "h1", kinds[j], administrators[k]).list);
}

RULE(rule_4_note_2_the_gate_reserves_nothing)
{
    grace_is_spent();
    users(9);
    for (int i = 0; i < 5; i++) { /* one licence is left, and it stays left however often it is asked for */
        expect_yes(anyone("one", "h1"));
        expect_yes(anyone("other", "h1"));
    }
    expect_users(9);
    comes(.user = "other");
    expect_no(anyone("one", "h1"), "no_license_free");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE_TEST(rule_4_row_1_open_with_licences_left_anyone),
        RULE_TEST(rule_4_row_1_open_with_the_grace_available_anyone),
        RULE_TEST(rule_4_row_1_open_with_the_grace_running_anyone),
        RULE_TEST(rule_4_row_1_open_with_the_grace_spent_but_licences_left_anyone),
        RULE_TEST(rule_4_row_2_run_out_who_holds_a_licence_is_admitted_everywhere),
        RULE_TEST(rule_4_row_2_run_out_who_has_a_live_session_on_that_host_counted_or_not),
        RULE_TEST(rule_4_row_3_run_out_an_administrators_desktop),
        RULE_TEST(rule_4_row_3_counted_if_no_exempt_place_is_free_and_with_strict_only_if_one_is),
        RULE_TEST(rule_4_row_4_run_out_anyone_else_waits_until_someone_ends_all_sessions),
        RULE_TEST(rule_4_row_4_with_spare_grace_licences_run_out_while_the_grace_is_unstarted),
        RULE_TEST(rule_4_row_4_a_limit_of_0_is_run_out_at_once_when_the_grace_is_spent),
        RULE_TEST(rule_4_row_5_closed_who_has_a_live_session_on_that_host_may_come_back),
        RULE_TEST(rule_4_row_5_closed_an_administrators_desktop_may_come),
        RULE_TEST(rule_4_row_5_closed_neither_with_strict),
        RULE_TEST(rule_4_row_6_closed_anyone_else_gets_the_reason),
        RULE_TEST(rule_4_row_6_over_is_a_reason_like_the_others),
        RULE_TEST(rule_4_note_1_deactivated_running_sessions_are_left_alone),
        RULE_TEST(rule_4_note_1_deactivated_nobody_gets_the_list),
        RULE_TEST(rule_4_note_2_the_gate_reserves_nothing),
    };
    return cmocka_run_group_tests_name("what the gate answers (RULES 4)", tests, NULL, NULL);
}
