/* What happens when more users are on than are licensed (RULES §3.6 to §3.9): the machine by itself. */
#include "tests/unit/unit.h"

#include "agent/core/usage.h"

#include <stdbool.h>

#define SECOND INT64_C(1000)
#define MINUTE INT64_C(60000)
#define DAY    INT64_C(86400000)
#define T0     (INT64_C(20000) * DAY)
#define SETTLE (60 * SECOND)

/* A machine in each of its states; the grace, where it began, began at T0. */
static struct usage in(enum usage_state state, bool exceeds)
{
    struct usage usage = {.state = state};
    if (state >= USAGE_OVERUSE_GRACE)
        usage.grace_started_ms = T0;
    if (exceeds) {
        usage.exceeding_since_ms = T0 - SETTLE;
        usage.settle_ms = SETTLE;
    }
    return usage;
}

/* Where each state goes, and that nothing else moves it. */
static void every_state_and_what_moves_it(void **state)
{
    (void)state;
    enum input { RISE, FALL, PASS_TO_END, VALIDATE_AT_END, VALIDATE_AN_HOUR_ON, PURCHASE, REST, INPUTS };
    static const struct {
        enum usage_state from;
        bool exceeds;
        enum usage_state to[INPUTS];
    } rows[] = {
        {USAGE_WITHIN,
         false,
         {USAGE_SETTLING, USAGE_WITHIN, USAGE_WITHIN, USAGE_WITHIN, USAGE_WITHIN, USAGE_WITHIN,
          USAGE_WITHIN}},
        {USAGE_SETTLING,
         true,
         {USAGE_SETTLING, USAGE_WITHIN, USAGE_ENFORCED, USAGE_SETTLING, USAGE_SETTLING, USAGE_WITHIN,
          USAGE_WITHIN}},
        {USAGE_OVERUSE_GRACE,
         false,
         {USAGE_OVERUSE_GRACE, USAGE_OVERUSE_GRACE, USAGE_ENFORCED, USAGE_OVERUSE_GRACE, USAGE_OVERUSE_GRACE,
          USAGE_WITHIN, USAGE_OVERUSE_GRACE}},
        {USAGE_OVERUSE_GRACE,
         true,
         {USAGE_OVERUSE_GRACE, USAGE_OVERUSE_GRACE, USAGE_ENFORCED, USAGE_OVERUSE_GRACE, USAGE_OVERUSE_GRACE,
          USAGE_WITHIN, USAGE_OVERUSE_GRACE}},
        {USAGE_ENFORCED,
         false,
         {USAGE_ENFORCED, USAGE_ENFORCED, USAGE_ENFORCED, USAGE_ENFORCED, USAGE_ENFORCED, USAGE_WITHIN,
          USAGE_ENFORCED}},
        {USAGE_ENFORCED,
         true,
         {USAGE_ENFORCED, USAGE_ENFORCED, USAGE_ENFORCED, USAGE_ENFORCED, USAGE_OVER, USAGE_WITHIN,
          USAGE_ENFORCED}},
        {USAGE_OVER,
         true,
         {USAGE_OVER, USAGE_OVER, USAGE_OVER, USAGE_OVER, USAGE_OVER, USAGE_WITHIN, USAGE_OVER}},
        {USAGE_OVER,
         false,
         {USAGE_OVER, USAGE_OVER, USAGE_OVER, USAGE_ENFORCED, USAGE_ENFORCED, USAGE_WITHIN, USAGE_OVER}},
    };
    const int64_t end_ms = T0 + 7 * DAY;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int input = 0; input < INPUTS; input++) {
            struct usage usage = in(rows[i].from, rows[i].exceeds);
            if (input == RISE || input == FALL)
                usage_judge(&usage, input == RISE, SETTLE, end_ms);
            else if (input == PASS_TO_END)
                usage_pass(&usage, end_ms);
            else if (input == PURCHASE)
                usage_purchased(&usage);
            else if (input == REST)
                usage_rest(&usage);
            else
                usage_validate(&usage, input == VALIDATE_AT_END ? end_ms : end_ms + 60 * MINUTE);
            assert_string_equal(usage_state_name(usage.state), usage_state_name(rows[i].to[input]));
        }
}

static void the_settling_to_the_millisecond(void **state)
{
    (void)state;
    struct usage usage = {0};
    assert_int_equal(usage_due_ms(&usage), INT64_MAX);
    usage_judge(&usage, true, SETTLE, T0);
    assert_int_equal(usage_due_ms(&usage), T0 + SETTLE);
    usage_judge(&usage, true, SETTLE, T0 + 30 * SECOND); /* still: it began when it began */
    usage_pass(&usage, T0 + SETTLE - 1);
    assert_int_equal(usage.state, USAGE_SETTLING);
    usage_pass(&usage, T0 + SETTLE);
    assert_int_equal(usage.state, USAGE_OVERUSE_GRACE);
    assert_int_equal(usage.grace_started_ms, T0 + SETTLE);
}

static void a_late_timer_starts_the_grace_where_it_began(void **state)
{
    (void)state;
    struct usage usage = {0};
    usage_judge(&usage, true, SETTLE, T0);
    usage_pass(&usage, T0 + 3 * DAY);
    assert_int_equal(usage.grace_started_ms, T0 + SETTLE);
    usage = (struct usage){0};
    usage_judge(&usage, true, SETTLE, T0);
    usage_pass(&usage, T0 + 30 * DAY); /* begun and spent meanwhile */
    assert_int_equal(usage.state, USAGE_ENFORCED);
    assert_int_equal(usage.grace_started_ms, T0 + SETTLE);
}

static void the_grace_its_warning_and_its_end(void **state)
{
    (void)state;
    struct usage usage = in(USAGE_OVERUSE_GRACE, false);
    assert_int_equal(usage_grace_ends_ms(&usage), T0 + 7 * DAY);
    assert_int_equal(usage_due_ms(&usage), T0 + 6 * DAY);
    usage_pass(&usage, T0 + 6 * DAY - 1);
    assert_false(usage.grace_end_said);
    usage_pass(&usage, T0 + 6 * DAY);
    assert_true(usage.grace_end_said);
    assert_int_equal(usage_due_ms(&usage), T0 + 7 * DAY);
    usage_pass(&usage, T0 + 7 * DAY - 1);
    assert_int_equal(usage.state, USAGE_OVERUSE_GRACE);
    usage_pass(&usage, T0 + 7 * DAY);
    assert_int_equal(usage.state, USAGE_ENFORCED);
    assert_int_equal(usage_due_ms(&usage), INT64_MAX);
}

static void when_it_deactivates(void **state)
{
    (void)state;
    static const struct {
        enum usage_state state;
        int64_t exceeding_since_ms, deactivates_ms;
    } rows[] = {
        {USAGE_ENFORCED, 0, INT64_MAX},
        {USAGE_ENFORCED, T0, T0 + 7 * DAY + 60 * MINUTE}, /* 60 minutes from the end of the grace */
        {USAGE_ENFORCED, T0 + 7 * DAY, T0 + 7 * DAY + 60 * MINUTE},
        {USAGE_ENFORCED, T0 + 7 * DAY + 1, T0 + 7 * DAY + 60 * MINUTE + 1},
        {USAGE_ENFORCED, T0 + 9 * DAY, T0 + 9 * DAY + 60 * MINUTE},
        {USAGE_OVERUSE_GRACE, T0, INT64_MAX},
        {USAGE_OVER, T0, INT64_MAX},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct usage usage = in(rows[i].state, false);
        usage.exceeding_since_ms = rows[i].exceeding_since_ms;
        assert_int_equal(usage_deactivates_ms(&usage), rows[i].deactivates_ms);
        if (rows[i].deactivates_ms == INT64_MAX)
            continue;
        usage_validate(&usage, rows[i].deactivates_ms - 1);
        assert_int_equal(usage.state, USAGE_ENFORCED);
        usage_validate(&usage, rows[i].deactivates_ms);
        assert_int_equal(usage.state, USAGE_OVER);
    }
}

static void another_settling_time(void **state)
{
    (void)state;
    static const struct {
        int64_t settle_ms, now_ms, grace_started_ms, due_ms;
    } rows[] = {
        {SETTLE, T0 + 30 * SECOND, 0, T0 + SETTLE},
        {5 * MINUTE, T0 + 30 * SECOND, 0, T0 + 5 * MINUTE},
        {31 * SECOND, T0 + 30 * SECOND, 0, T0 + 31 * SECOND},
        {30 * SECOND, T0 + 30 * SECOND, T0 + 30 * SECOND, 0},
        {10 * SECOND, T0 + 30 * SECOND, T0 + 30 * SECOND, 0}, /* not backdated */
        {0, T0 + 30 * SECOND, T0 + 30 * SECOND, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct usage usage = {0};
        usage_judge(&usage, true, SETTLE, T0);
        usage_resettle(&usage, rows[i].settle_ms, rows[i].now_ms);
        assert_int_equal(usage.grace_started_ms, rows[i].grace_started_ms);
        if (rows[i].grace_started_ms == 0)
            assert_int_equal(usage_due_ms(&usage), rows[i].due_ms);
        else
            assert_int_equal(usage.state, USAGE_OVERUSE_GRACE);
    }
    for (int i = 0; i < USAGE_STATE_MAX; i++) { /* only one that runs is measured anew */
        struct usage usage = in((enum usage_state)i, false), before = usage;
        if (i == USAGE_SETTLING)
            continue;
        usage_resettle(&usage, 0, T0 + DAY);
        assert_memory_equal(&usage, &before, sizeof(usage));
    }
}

static void set_back_nothing_began_later_than_now(void **state)
{
    (void)state;
    static const struct {
        enum usage_state from;
        int64_t now_ms; /* behind T0, where the grace began */
        enum usage_state to;
        int64_t grace_started_ms;
        bool said;
    } rows[] = {
        {USAGE_OVERUSE_GRACE, T0 - DAY, USAGE_OVERUSE_GRACE, T0 - DAY, false},
        {USAGE_OVERUSE_GRACE, T0, USAGE_OVERUSE_GRACE, T0, false},
        {USAGE_OVERUSE_GRACE, T0 + DAY, USAGE_OVERUSE_GRACE, T0, false},
        {USAGE_ENFORCED, T0 + 7 * DAY, USAGE_ENFORCED, T0, true}, /* spent still */
        {USAGE_OVER, T0 + 7 * DAY, USAGE_OVER, T0, true},
        {USAGE_OVER, T0 + 7 * DAY - 1, USAGE_OVERUSE_GRACE, T0, true},
        {USAGE_ENFORCED, T0 + 6 * DAY - 1, USAGE_OVERUSE_GRACE, T0, false},
        {USAGE_OVER, T0 - 400 * DAY, USAGE_OVERUSE_GRACE, T0 - 400 * DAY, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct usage usage = in(rows[i].from, false);
        usage.exceeding_since_ms = T0 + 6 * DAY;
        usage.grace_end_said = rows[i].from != USAGE_OVERUSE_GRACE;
        usage_set_back(&usage, true, rows[i].now_ms);
        assert_int_equal(usage.state, rows[i].to);
        assert_int_equal(usage.grace_started_ms, rows[i].grace_started_ms);
        assert_int_equal(usage.grace_end_said, rows[i].said);
        assert_true(usage.exceeding_since_ms <= rows[i].now_ms);
    }
    struct usage said = in(USAGE_OVERUSE_GRACE, false);
    said.grace_end_said = true;
    usage_set_back(&said, false, T0 + 5 * DAY); /* a little: it is not said again */
    assert_true(said.grace_end_said);
    usage_set_back(&said, true, T0 + 5 * DAY);
    assert_false(said.grace_end_said);
    struct usage settling = in(USAGE_SETTLING, true);
    usage_set_back(&settling, true, T0 - DAY);
    assert_int_equal(settling.state, USAGE_SETTLING);
    assert_int_equal(usage_due_ms(&settling), T0 - DAY + SETTLE);
    struct usage within = {0};
    usage_set_back(&within, true, T0);
    assert_int_equal(within.exceeding_since_ms, 0);
    assert_int_equal(within.grace_started_ms, 0);
}

static void a_purchase_forgets_all_but_the_warning(void **state)
{
    (void)state;
    struct usage usage = in(USAGE_OVER, true);
    usage.grace_end_said = true;
    usage.warned_percent = 100;
    usage_purchased(&usage);
    assert_int_equal(usage.state, USAGE_WITHIN);
    assert_int_equal(usage.grace_started_ms, 0);
    assert_int_equal(usage.exceeding_since_ms, 0);
    assert_false(usage.grace_end_said);
    assert_int_equal(usage.warned_percent, 100);
    assert_int_equal(usage_grace_ends_ms(&usage), INT64_MAX);
}

static void at_rest_the_grace_is_kept(void **state)
{
    (void)state;
    struct usage usage = in(USAGE_ENFORCED, true);
    usage.warned_percent = 100;
    usage_rest(&usage);
    assert_int_equal(usage.state, USAGE_ENFORCED);
    assert_int_equal(usage.grace_started_ms, T0);
    assert_int_equal(usage.exceeding_since_ms, 0);
    assert_int_equal(usage.warned_percent, 0);
    assert_int_equal(usage_deactivates_ms(&usage), INT64_MAX);
}

static void only_over_closes(void **state)
{
    (void)state;
    static const char *const names[USAGE_STATE_MAX] = {"within", "settling", "overuse_grace", "enforced",
                                                       "over"};
    for (int i = 0; i < USAGE_STATE_MAX; i++) {
        assert_string_equal(usage_state_name((enum usage_state)i), names[i]);
        assert_int_equal(usage_state_closes((enum usage_state)i), i == USAGE_OVER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_and_what_moves_it),
        cmocka_unit_test(the_settling_to_the_millisecond),
        cmocka_unit_test(a_late_timer_starts_the_grace_where_it_began),
        cmocka_unit_test(the_grace_its_warning_and_its_end),
        cmocka_unit_test(when_it_deactivates),
        cmocka_unit_test(another_settling_time),
        cmocka_unit_test(set_back_nothing_began_later_than_now),
        cmocka_unit_test(a_purchase_forgets_all_but_the_warning),
        cmocka_unit_test(at_rest_the_grace_is_kept),
        cmocka_unit_test(only_over_closes),
    };
    return cmocka_run_group_tests_name("usage (RULES 3.6 to 3.9)", tests, NULL, NULL);
}
