/* Refusals are said, but never more than a log can bear. */
#include "agent/refusals.h"

#include "tests/unit/unit.h"

#include <sodium.h>
#include <stdio.h>

#define START_MS UINT64_C(1000000)

static struct refusals refusals;

static enum refusal_fate note(const char *user, uint64_t at_ms)
{
    const struct refusal refusal = {user, "h1", KIND_APPLICATION, "over"};
    return refusals_note(&refusals, &refusal, START_MS + at_ms);
}

/* Refuses `count` users who have not been refused before; returns how many are said. */
static unsigned crowd(unsigned count, uint64_t at_ms)
{
    static unsigned next;
    unsigned said = 0;
    for (unsigned i = 0; i < count; i++) {
        char user[32];
        (void)snprintf(user, sizeof(user), "crowd%u", next++);
        said += note(user, at_ms) == REFUSAL_SAY;
    }
    return said;
}

static int begin(void **state)
{
    (void)state;
    refusals_init(&refusals, START_MS);
    return 0;
}

static void the_same_is_said_once_in_five_minutes(void **state)
{
    (void)state;
    assert_int_equal(note("ann", 0), REFUSAL_SAY);
    assert_int_equal(note("ann", 1), REFUSAL_KNOWN);
    assert_int_equal(note("ann", 299999), REFUSAL_KNOWN);
    assert_int_equal(note("ann", 300000), REFUSAL_SAY);
    assert_int_equal(note("ann", 300001), REFUSAL_KNOWN);
    assert_int_equal(refusals_take(&refusals), 0); /* it was said: nothing is left to count */
}

static void another_user_host_kind_or_reason_is_another_refusal(void **state)
{
    (void)state;
    static const struct refusal others[] = {
        {"ann", "h1", KIND_APPLICATION, "over"},    {"bob", "h1", KIND_APPLICATION, "over"},
        {"ann", "h2", KIND_APPLICATION, "over"},    {"ann", "h1", KIND_DESKTOP, "over"},
        {"ann", "h1", KIND_APPLICATION, "expired"}, {"annh1", "", KIND_APPLICATION, "over"},
        {"an", "nh1", KIND_APPLICATION, "over"},
    };
    for (size_t i = 0; i < COUNT(others); i++)
        assert_int_equal(refusals_note(&refusals, &others[i], START_MS), REFUSAL_SAY);
    for (size_t i = 0; i < COUNT(others); i++)
        assert_int_equal(refusals_note(&refusals, &others[i], START_MS), REFUSAL_KNOWN);
}

static void sixty_a_minute_are_said_and_the_rest_counted(void **state)
{
    (void)state;
    assert_int_equal(crowd(59, 0), 59);
    assert_int_equal(note("ann", 30000), REFUSAL_SAY);
    assert_int_equal(note("bob", 59999), REFUSAL_COUNTED);
    assert_int_equal(note("bob", 59999), REFUSAL_COUNTED); /* nothing is kept of who was only counted */
    assert_int_equal(note("ann", 59999), REFUSAL_KNOWN);
    assert_int_equal(crowd(1000, 59999), 0);
    assert_int_equal(refusals_take(&refusals), 1002);
    assert_int_equal(refusals_take(&refusals), 0);
    assert_int_equal(note("bob", 60000), REFUSAL_SAY);
    assert_int_equal(crowd(1000, 60001), 59);
}

/* As many as can be said are kept for as long as it takes. */
static void nothing_said_is_forgotten_too_early(void **state)
{
    (void)state;
    assert_int_equal(crowd(59, 59999), 59);
    assert_int_equal(note("ann", 59999), REFUSAL_SAY);
    for (uint64_t minute = 1; minute <= 5; minute++)
        assert_int_equal(crowd(1000, minute * 60000), 60);
    assert_int_equal(note("ann", 359998), REFUSAL_KNOWN);
    assert_int_equal(note("ann", 359999),
                     REFUSAL_COUNTED); /* not known any more; of this minute 60 were said */
    assert_int_equal(note("ann", 360000), REFUSAL_SAY);
}

static void so_many_are_said_a_day(void **state)
{
    (void)state;
    unsigned said = 0;
    for (uint64_t minute = 0; minute < 24 * 60; minute++)
        said += crowd(100, minute * 60000);
    assert_int_equal(said, REFUSALS_A_DAY_MAX);
    assert_int_equal(refusals_take(&refusals), 24 * 60 * 100 - REFUSALS_A_DAY_MAX);
    assert_int_equal(crowd(100, REFUSALS_DAY_MS), 60);
}

static void nobody_can_tell_which_names_hide_others(void **state)
{
    (void)state;
    assert_int_equal(note("ann", 0), REFUSAL_SAY);
    uint64_t hash = refusals.kept[0].hash;
    refusals_init(&refusals, START_MS);
    assert_int_equal(note("ann", 0), REFUSAL_SAY);
    assert_true(refusals.kept[0].hash != hash);
}

#define FROM_BEGIN(test) cmocka_unit_test_setup(test, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FROM_BEGIN(the_same_is_said_once_in_five_minutes),
        FROM_BEGIN(another_user_host_kind_or_reason_is_another_refusal),
        FROM_BEGIN(sixty_a_minute_are_said_and_the_rest_counted),
        FROM_BEGIN(nothing_said_is_forgotten_too_early),
        FROM_BEGIN(so_many_are_said_a_day),
        FROM_BEGIN(nobody_can_tell_which_names_hide_others),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
