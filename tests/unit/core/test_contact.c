/* How long the farm may go without the authority (RULES §3.11). */
#include "tests/unit/unit.h"

#include "agent/core/contact.h"

#include <stdbool.h>

#define DAY INT64_C(86400000)
#define END (INT64_C(20000) * DAY) /* refresh_by */

static void states_and_warnings_to_the_millisecond(void **state)
{
    (void)state;
    static const struct {
        int64_t now_ms, due_ms;
        enum contact_state state;
        unsigned days;
    } rows[] = {
        {0, END - 7 * DAY, CONTACT_FRESH, 0},         {END - 7 * DAY - 1, END - 7 * DAY, CONTACT_FRESH, 0},
        {END - 7 * DAY, END - DAY, CONTACT_FRESH, 7}, {END - DAY - 1, END - DAY, CONTACT_FRESH, 7},
        {END - DAY, END, CONTACT_FRESH, 1},           {END - 1, END, CONTACT_FRESH, 1},
        {END, INT64_MAX, CONTACT_STALE, 1},           {END + 500 * DAY, INT64_MAX, CONTACT_STALE, 1},
    };
    const struct grant grant = {.refresh_by_ms = END};
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(contact_state_at(&grant, rows[i].now_ms), rows[i].state);
        assert_int_equal(contact_days_passed(&grant, rows[i].now_ms), rows[i].days);
        assert_int_equal(contact_due_ms(&grant, rows[i].now_ms), rows[i].due_ms);
    }
    assert_int_equal(contact_closes_ms(&grant), END);
}

static void without_refresh_by_it_is_always_fresh(void **state)
{
    (void)state;
    const struct grant grant = {.refresh_by_ms = 0};
    assert_int_equal(contact_state_at(&grant, INT64_MAX - 1), CONTACT_FRESH);
    assert_int_equal(contact_closes_ms(&grant), INT64_MAX);
    assert_int_equal(contact_due_ms(&grant, END), INT64_MAX);
    assert_int_equal(contact_days_passed(&grant, END), 0);
}

static void only_stale_closes(void **state)
{
    (void)state;
    assert_string_equal(contact_state_name(CONTACT_FRESH), "fresh");
    assert_string_equal(contact_state_name(CONTACT_STALE), "stale");
    assert_false(contact_state_closes(CONTACT_FRESH));
    assert_true(contact_state_closes(CONTACT_STALE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_and_warnings_to_the_millisecond),
        cmocka_unit_test(without_refresh_by_it_is_always_fresh),
        cmocka_unit_test(only_stale_closes),
    };
    return cmocka_run_group_tests_name("contact (RULES 3.11)", tests, NULL, NULL);
}
