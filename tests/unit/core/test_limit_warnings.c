/* Which warning holds at which share of the limit: by default 80, 90 and 100 %, each taken back
 * 5 points below. */
#include "agent/core/usage.h"
#include "tests/unit/unit.h"

struct step {
    uint32_t users;
    unsigned warned; /* after it */
};

static void expect(const struct usage_warnings *warnings, uint32_t limit, const struct step *steps,
                   size_t count)
{
    unsigned warned = 0;
    for (size_t i = 0; i < count; i++) {
        warned = usage_warning(warnings, warned, steps[i].users, limit);
        if (warned != steps[i].warned)
            fail_msg("step %zu, %u of %u users: %u, not %u", i, steps[i].users, limit, warned,
                     steps[i].warned);
    }
}

static void untold_they_are_80_90_and_100(void **state)
{
    (void)state;
    static const struct usage_warnings untold = {{0}};
    static const struct step steps[] = {{79, 0},   {80, 80}, {75, 80}, {74, 0},   {89, 80},
                                        {90, 90},  {85, 90}, {84, 80}, {99, 90},  {100, 100},
                                        {95, 100}, {94, 90}, {60, 0},  {300, 100}};
    expect(&untold, 100, steps, COUNT(steps));
}

static void they_may_be_others(void **state)
{
    (void)state;
    static const struct usage_warnings half = {{50, 75}}, low = {{1, 3, 5, 6}};
    static const struct step of_half[] = {{49, 0},  {50, 50}, {45, 50}, {44, 0},
                                          {75, 75}, {70, 75}, {69, 50}, {500, 75}};
    static const struct step of_low[] = {{9, 0},  {10, 1}, {60, 6}, {10, 6}, {9, 0},
                                         {50, 5}, {10, 5}, {9, 0},  {30, 3}, {0, 0}};
    expect(&half, 100, of_half, COUNT(of_half));
    expect(&low, 1000, of_low, COUNT(of_low));
}

static void a_limit_of_0_is_reached_by_the_first_user(void **state)
{
    (void)state;
    static const struct usage_warnings untold = {{0}}, half = {{50}};
    static const struct step steps[] = {{0, 0}, {1, 100}, {0, 0}}, of_half[] = {{0, 0}, {1, 50}, {0, 0}};
    expect(&untold, 0, steps, COUNT(steps));
    expect(&half, 0, of_half, COUNT(of_half));
}

/* A reload changes them under a warning that holds: what was said already is not said again. */
static void others_take_over(void **state)
{
    (void)state;
    static const struct usage_warnings fewer = {{85}}, more = {{80, 85, 95}};
    assert_int_equal(usage_warning(&fewer, 90, 92, 100), 85);
    assert_int_equal(usage_warning(&fewer, 90, 81, 100), 85);
    assert_int_equal(usage_warning(&fewer, 90, 79, 100), 0);
    assert_int_equal(usage_warning(&more, 90, 92, 100), 85);
    assert_int_equal(usage_warning(&more, 90, 95, 100), 95);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(untold_they_are_80_90_and_100),
        cmocka_unit_test(they_may_be_others),
        cmocka_unit_test(a_limit_of_0_is_reached_by_the_first_user),
        cmocka_unit_test(others_take_over),
    };
    return cmocka_run_group_tests_name("limit warnings", tests, NULL, NULL);
}
