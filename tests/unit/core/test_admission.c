/* What the gate answers one user: every row of the table of RULES §4, and every row for everybody. */
#include "agent/core/admission.h"
#include "agent/core/tally.h"

#include "tests/unit/unit.h"

#include <string.h>

enum answer { NO, GATE_ONLY, BOTH };

static struct tally *tally;

/* h1: alice holds a licence; bob's console is not counted; two administrators' desktops take both exempt
 * places, a third one's counts. h2: carol's desktop is exempt, one place is free. */
static void put(const char *host, const char *id, const char *user, enum connection_route route,
                enum administrator administrator)
{
    struct connection connection = {
        .host = host, .id = id, .user = user, .route = route, .administrator = administrator};
    assert_int_equal(tally_put(tally, &connection, 0), 0);
}

static int set_up(void **state)
{
    struct tally_settings settings = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT};
    (void)state;
    tally = tally_create(&settings);
    if (tally == NULL)
        return -1;
    put("h1", "1", "alice", ROUTE_RDP, ADMINISTRATOR_NO);
    put("h1", "2", "bob", ROUTE_CONSOLE, ADMINISTRATOR_NO);
    put("h1", "3", "root1", ROUTE_RDP, ADMINISTRATOR_YES);
    put("h1", "4", "root2", ROUTE_RDP, ADMINISTRATOR_YES);
    put("h1", "5", "root3", ROUTE_RDP, ADMINISTRATOR_YES);
    put("h2", "1", "carol", ROUTE_RDP, ADMINISTRATOR_YES);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tally_destroy(tally);
    return 0;
}

static enum answer ask(struct verdict verdict, bool strict, const struct admission_question *question,
                       const char **ret_code, const char **ret_text)
{
    struct admission_answer answer = admission_decide(&verdict, strict, tally, question);
    *ret_code = answer.code;
    *ret_text = answer.text;
    assert_true(answer.gate || !answer.list); /* who may not start anything is listed nothing */
    return !answer.gate ? NO : answer.list ? BOTH : GATE_ONLY;
}

static const struct verdict everybody = {.open = true, .admission = ADMISSION_ALL};
static const struct verdict holders = {.open = true, .admission = ADMISSION_HOLDERS};

/* Who asks, and the answer in each state of the farm. */
static const struct row {
    const char *who, *user, *host;
    enum connection_kind kind;
    enum administrator administrator;
    enum answer holders, holders_strict, none, none_strict;
} rows[] = {
    {"who holds a licence, here", "alice", "h1", KIND_APPLICATION, ADMINISTRATOR_NO, BOTH, BOTH, GATE_ONLY,
     NO},
    {"who holds a licence, for a desktop", "alice", "h1", KIND_DESKTOP, ADMINISTRATOR_NO, BOTH, BOTH,
     GATE_ONLY, NO},
    {"who holds a licence, on another host", "alice", "h2", KIND_APPLICATION, ADMINISTRATOR_NO, BOTH, BOTH,
     NO, NO},
    {"who holds a licence, on a host that nobody is on", "alice", "h3", KIND_DESKTOP, ADMINISTRATOR_NO, BOTH,
     BOTH, NO, NO},
    {"who is here without a licence", "bob", "h1", KIND_APPLICATION, ADMINISTRATOR_NO, BOTH, BOTH, GATE_ONLY,
     NO},
    {"who is on another host without a licence", "bob", "h2", KIND_APPLICATION, ADMINISTRATOR_NO, NO, NO, NO,
     NO},
    {"an administrator who is here, exempt", "carol", "h2", KIND_APPLICATION, ADMINISTRATOR_YES, BOTH, BOTH,
     GATE_ONLY, NO},
    {"an administrator whose desktop counts, elsewhere", "root3", "h2", KIND_APPLICATION, ADMINISTRATOR_YES,
     BOTH, BOTH, NO, NO},
    {"an administrator's desktop, no exempt place free", "dan", "h1", KIND_DESKTOP, ADMINISTRATOR_YES, BOTH,
     NO, GATE_ONLY, NO},
    {"an administrator's desktop, a place free", "dan", "h2", KIND_DESKTOP, ADMINISTRATOR_YES, BOTH, BOTH,
     GATE_ONLY, NO},
    {"an administrator's desktop, both places free", "dan", "h3", KIND_DESKTOP, ADMINISTRATOR_YES, BOTH, BOTH,
     GATE_ONLY, NO},
    {"an administrator's application", "dan", "h2", KIND_APPLICATION, ADMINISTRATOR_YES, NO, NO, NO, NO},
    {"who may be an administrator, which is not known", "dan", "h2", KIND_DESKTOP, ADMINISTRATOR_UNKNOWN, NO,
     NO, NO, NO},
    {"anyone else, for an application", "eve", "h1", KIND_APPLICATION, ADMINISTRATOR_NO, NO, NO, NO, NO},
    {"anyone else, for a desktop", "eve", "h2", KIND_DESKTOP, ADMINISTRATOR_NO, NO, NO, NO, NO},
};

static struct admission_question question_of(const struct row *row)
{
    return (struct admission_question){
        .user = row->user, .host = row->host, .kind = row->kind, .administrator = row->administrator};
}

static void expect(const struct row *row, struct verdict verdict, bool strict, enum answer expected,
                   const char *refused_code)
{
    const char *code, *text;
    struct admission_question question = question_of(row);
    enum answer answer = ask(verdict, strict, &question, &code, &text);
    if (answer != expected || strcmp(code, answer == BOTH ? "open" : refused_code) != 0 || text[0] == '\0')
        fail_msg("%s, %s%s: %d %s", row->who, admission_name(verdict.admission), strict ? ", strict" : "",
                 answer, code);
}

static void open_with_licences_left_or_grace_anyone_gate_and_list(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        expect(&rows[i], everybody, false, BOTH, "open");
        expect(&rows[i], everybody, true, BOTH, "open");
    }
}

static void open_with_licences_run_out_holders_and_administrators_desktops(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        expect(&rows[i], holders, false, rows[i].holders, "no_license_free");
}

static void run_out_and_strict_an_administrator_needs_a_free_exempt_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        expect(&rows[i], holders, true, rows[i].holders_strict, "no_license_free");
}

static void closed_who_is_here_and_administrators_desktops_pass_and_nobody_sees_the_list(void **state)
{
    (void)state;
    for (int reason = VERDICT_OPEN + 1; reason < VERDICT_REASON_MAX; reason++) {
        struct verdict closed = {.reason = (enum verdict_reason)reason, .admission = ADMISSION_NONE};
        for (size_t i = 0; i < COUNT(rows); i++)
            expect(&rows[i], closed, false, rows[i].none, verdict_reason_name(closed.reason));
    }
}

static void closed_and_strict_nobody_passes(void **state)
{
    (void)state;
    for (int reason = VERDICT_OPEN + 1; reason < VERDICT_REASON_MAX; reason++) {
        struct verdict closed = {.reason = (enum verdict_reason)reason, .admission = ADMISSION_NONE};
        for (size_t i = 0; i < COUNT(rows); i++)
            expect(&rows[i], closed, true, NO, verdict_reason_name(closed.reason));
    }
}

/* "Counted if no exempt place is free": the gate lets the third administrator in, and the tally counts him.
 */
static void an_administrator_let_in_without_a_place_counts(void **state)
{
    const char *code, *text;
    struct admission_question question = {"dan", "h1", KIND_DESKTOP, ADMINISTRATOR_YES};
    uint32_t before = tally_level(tally)->concurrent_users;
    (void)state;
    assert_int_equal(ask(holders, false, &question, &code, &text), BOTH);
    put("h1", "6", "dan", ROUTE_RDP, ADMINISTRATOR_YES);
    assert_int_equal(tally_level(tally)->concurrent_users, before + 1);
    assert_int_equal(tally_end(tally, "h1", "6"), 0);
}

/* "Wait until someone ends all their sessions": then the place is somebody else's. */
static void a_user_who_has_ended_all_sessions_holds_no_licence(void **state)
{
    const char *code, *text;
    struct admission_question question = {"fay", "h1", KIND_APPLICATION, ADMINISTRATOR_NO};
    (void)state;
    put("h2", "2", "fay", ROUTE_BROKER, ADMINISTRATOR_NO);
    put("h3", "1", "fay", ROUTE_BROKER, ADMINISTRATOR_NO);
    assert_int_equal(ask(holders, false, &question, &code, &text), BOTH);
    assert_int_equal(tally_end(tally, "h2", "2"), 0);
    assert_int_equal(ask(holders, false, &question, &code, &text), BOTH);
    assert_int_equal(tally_end(tally, "h3", "1"), 0);
    assert_int_equal(ask(holders, false, &question, &code, &text), NO);
    assert_string_equal(text, admission_run_out_text());
}

/* Names are those of RULES §2.5. */
static void a_holder_is_known_in_any_spelling(void **state)
{
    const char *code, *text;
    struct admission_question question = {"corp\\GINA", "h3", KIND_APPLICATION, ADMINISTRATOR_NO};
    struct admission_question unix_name = {"Alice", "h3", KIND_APPLICATION, ADMINISTRATOR_NO};
    (void)state;
    put("h2", "3", "CORP\\gina", ROUTE_BROKER, ADMINISTRATOR_NO);
    assert_int_equal(ask(holders, false, &question, &code, &text), BOTH);
    assert_int_equal(ask(holders, false, &unix_name, &code, &text), NO);
    assert_int_equal(tally_end(tally, "h2", "3"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_with_licences_left_or_grace_anyone_gate_and_list),
        cmocka_unit_test(open_with_licences_run_out_holders_and_administrators_desktops),
        cmocka_unit_test(run_out_and_strict_an_administrator_needs_a_free_exempt_place),
        cmocka_unit_test(closed_who_is_here_and_administrators_desktops_pass_and_nobody_sees_the_list),
        cmocka_unit_test(closed_and_strict_nobody_passes),
        cmocka_unit_test(an_administrator_let_in_without_a_place_counts),
        cmocka_unit_test(a_user_who_has_ended_all_sessions_holds_no_licence),
        cmocka_unit_test(a_holder_is_known_in_any_spelling),
    };
    return cmocka_run_group_tests_name("admission (RULES 4)", tests, set_up, tear_down);
}
