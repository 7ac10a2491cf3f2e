/* How long the licence runs (RULES §3.10). */
#include "tests/unit/unit.h"

#include "agent/core/term.h"

#include <stdbool.h>

#define DAY INT64_C(86400000)
#define END (INT64_C(20000) * DAY) /* expires_at */

static void states_and_warnings_to_the_millisecond(void **state)
{
    (void)state;
    static const struct {
        int64_t now_ms, due_ms;
        enum term_state state;
        unsigned days, grace_days;
    } rows[] = {
        {0, END - 90 * DAY, TERM_VALID, 0, 0},
        {END - 90 * DAY - 1, END - 90 * DAY, TERM_VALID, 0, 0},
        {END - 90 * DAY, END - 30 * DAY, TERM_VALID, 90, 0},
        {END - 30 * DAY - 1, END - 30 * DAY, TERM_VALID, 90, 0},
        {END - 30 * DAY, END - 7 * DAY, TERM_VALID, 30, 0},
        {END - 7 * DAY, END - DAY, TERM_VALID, 7, 0},
        {END - DAY, END, TERM_VALID, 1, 0},
        {END - 1, END, TERM_VALID, 1, 0},
        {END, END + 23 * DAY, TERM_EXPIRY_GRACE, 0, 0},
        {END + 23 * DAY - 1, END + 23 * DAY, TERM_EXPIRY_GRACE, 0, 0},
        {END + 23 * DAY, END + 29 * DAY, TERM_EXPIRY_GRACE, 0, 7},
        {END + 29 * DAY - 1, END + 29 * DAY, TERM_EXPIRY_GRACE, 0, 7},
        {END + 29 * DAY, END + 30 * DAY, TERM_EXPIRY_GRACE, 0, 1},
        {END + 30 * DAY - 1, END + 30 * DAY, TERM_EXPIRY_GRACE, 0, 1},
        {END + 30 * DAY, INT64_MAX, TERM_EXPIRED, 0, 0},
        {END + 9999 * DAY, INT64_MAX, TERM_EXPIRED, 0, 0},
    };
    const struct grant grant = {.expires_at_ms = END};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct term_said said = term_said_at(&grant, rows[i].now_ms);
        assert_int_equal(term_state_at(&grant, rows[i].now_ms), rows[i].state);
        assert_int_equal(said.days, rows[i].days);
        assert_int_equal(said.grace_days, rows[i].grace_days);
        assert_int_equal(term_due_ms(&grant, rows[i].now_ms), rows[i].due_ms);
    }
    assert_int_equal(term_closes_ms(&grant), END + 30 * DAY);
}

static void a_trial_has_no_grace(void **state)
{
    (void)state;
    const struct grant trial = {.expires_at_ms = END, .trial = true};
    assert_int_equal(term_state_at(&trial, END - 1), TERM_VALID);
    assert_int_equal(term_due_ms(&trial, END - 1), END);
    assert_int_equal(term_state_at(&trial, END), TERM_EXPIRED);
    assert_int_equal(term_due_ms(&trial, END), INT64_MAX);
    assert_int_equal(term_closes_ms(&trial), END);
    assert_int_equal(term_said_at(&trial, END - 7 * DAY).days, 7);
    assert_int_equal(term_said_at(&trial, END + 23 * DAY).grace_days, 0);
}

static void without_an_end_it_is_always_valid(void **state)
{
    (void)state;
    const struct grant grants[] = {{.expires_at_ms = 0}, {.expires_at_ms = 0, .trial = true}};
    for (size_t i = 0; i < COUNT(grants); i++) {
        assert_int_equal(term_state_at(&grants[i], INT64_MAX - 1), TERM_VALID);
        assert_int_equal(term_closes_ms(&grants[i]), INT64_MAX);
        assert_int_equal(term_due_ms(&grants[i], END), INT64_MAX);
        assert_int_equal(term_said_at(&grants[i], END).days, 0);
    }
}

static void only_expired_closes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool closes;
    } cells[TERM_STATE_MAX] = {{"valid", false}, {"expiry_grace", false}, {"expired", true}};
    for (int i = 0; i < TERM_STATE_MAX; i++) {
        assert_string_equal(term_state_name((enum term_state)i), cells[i].name);
        assert_int_equal(term_state_closes((enum term_state)i), cells[i].closes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_and_warnings_to_the_millisecond),
        cmocka_unit_test(a_trial_has_no_grace),
        cmocka_unit_test(without_an_end_it_is_always_valid),
        cmocka_unit_test(only_expired_closes),
    };
    return cmocka_run_group_tests_name("term (RULES 3.10)", tests, NULL, NULL);
}
