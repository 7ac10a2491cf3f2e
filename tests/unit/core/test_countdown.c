/* Warnings some days before an instant. */
#include "tests/unit/unit.h"

#include "agent/core/countdown.h"

#define DAY INT64_C(86400000)
#define END (INT64_C(1000) * DAY)

static const unsigned days[] = {30, 7, 1, 0};

static void the_last_that_has_passed(void **state)
{
    (void)state;
    static const struct {
        int64_t now_ms, next_ms;
        unsigned passed;
    } rows[] = {
        {0, END - 30 * DAY, 0},
        {END - 30 * DAY - 1, END - 30 * DAY, 0},
        {END - 30 * DAY, END - 7 * DAY, 30}, /* at the instant itself it has */
        {END - 7 * DAY - 1, END - 7 * DAY, 30},
        {END - 7 * DAY, END - DAY, 7},
        {END - DAY - 1, END - DAY, 7},
        {END - DAY, INT64_MAX, 1},
        {END, INT64_MAX, 1},
        {END + 5000 * DAY, INT64_MAX, 1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(countdown_passed(days, END, rows[i].now_ms), rows[i].passed);
        assert_int_equal(countdown_next_ms(days, END, rows[i].now_ms), rows[i].next_ms);
    }
}

static void no_days_no_warnings(void **state)
{
    (void)state;
    static const unsigned none[] = {0};
    assert_int_equal(countdown_passed(none, END, END), 0);
    assert_int_equal(countdown_next_ms(none, END, 0), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_that_has_passed),
        cmocka_unit_test(no_days_no_warnings),
    };
    return cmocka_run_group_tests_name("countdown", tests, NULL, NULL);
}
