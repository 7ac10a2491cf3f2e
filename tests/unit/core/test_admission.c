/* What the gate answers one user (RULES §4). */
#include "agent/core/admission.h"
#include "agent/core/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_table_of_rules_4(void **state)
{
    (void)state;
    static const struct {
        enum verdict_reason verdict;
        const char *user, *host;
        enum connection_kind kind;
        enum administrator administrator;
        bool gate, list;
    } rows[] = {
        /* open: anyone */
        {VERDICT_OPEN, "stranger", "h1", KIND_APPLICATION, ADMINISTRATOR_NO, true, true},
        /* closed: a user with a live session on that host, counted or not */
        {VERDICT_REVOKED, "alice", "h1", KIND_APPLICATION, ADMINISTRATOR_NO, true, false},
        {VERDICT_REVOKED, "alice", "h2", KIND_APPLICATION, ADMINISTRATOR_NO, false, false},
        {VERDICT_REVOKED, "bob", "h1", KIND_DESKTOP, ADMINISTRATOR_NO, true, false},
        /* closed: an administrator's desktop */
        {VERDICT_NOT_ACTIVATED, "root", "h2", KIND_DESKTOP, ADMINISTRATOR_YES, true, false},
        {VERDICT_NOT_ACTIVATED, "root", "h2", KIND_APPLICATION, ADMINISTRATOR_YES, false, false},
        {VERDICT_NOT_ACTIVATED, "root", "h2", KIND_DESKTOP, ADMINISTRATOR_UNKNOWN, false, false},
        /* closed: anyone else */
        {VERDICT_COPIED, "stranger", "h1", KIND_DESKTOP, ADMINISTRATOR_NO, false, false},
    };
    struct tally_settings settings = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT};
    struct tally *tally = tally_create(&settings);
    struct connection alice = {.host = "h1", .id = "1", .user = "alice", .route = ROUTE_RDP};
    struct connection bob = {.host = "h1", .id = "2", .user = "bob", .route = ROUTE_CONSOLE};
    assert_non_null(tally);
    assert_int_equal(tally_put(tally, &alice, 0), 0);
    assert_int_equal(tally_put(tally, &bob, 0), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool open = rows[i].verdict == VERDICT_OPEN;
        struct verdict verdict = {
            .open = open, .reason = rows[i].verdict, .admission = open ? ADMISSION_ALL : ADMISSION_NONE};
        struct admission_question question = {.user = rows[i].user,
                                              .host = rows[i].host,
                                              .kind = rows[i].kind,
                                              .administrator = rows[i].administrator};
        struct admission_answer answer = admission_decide(&verdict, false, tally, &question);
        assert_int_equal(answer.gate, rows[i].gate);
        assert_int_equal(answer.list, rows[i].list);
        assert_string_equal(answer.code, verdict_reason_name(rows[i].verdict));
    }
    tally_destroy(tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_table_of_rules_4)};
    return cmocka_run_group_tests_name("admission (RULES 4)", tests, NULL, NULL);
}
