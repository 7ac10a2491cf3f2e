/* Licence time under hand-driven clocks (RULES §3.1). */
#include "agent/clock.h"

#include "tests/unit/unit.h"

#include <string.h>

#define SECOND   INT64_C(1000)
#define HOUR     (3600 * SECOND)
#define DAY      (24 * HOUR)
#define YEAR     (365 * DAY)
#define NOON     INT64_C(1767225600000) /* 2026-01-01 */
#define BOOT_ONE "11111111-1111-1111-1111-111111111111"
#define BOOT_TWO "22222222-2222-2222-2222-222222222222"

static void read_hands(void *data, struct clock_reading *ret)
{
    *ret = *(const struct clock_reading *)data;
}

static const struct clock_saved NEVER_SAVED;

static void test_before_any_entitlement_it_is_the_wall_clock(void **state)
{
    (void)state;
    struct clock_reading hands = {.wall_ms = NOON, .boot_ms = HOUR};
    struct clock clock;
    clock_start(&clock, &NEVER_SAVED, BOOT_ONE, read_hands, &hands);
    assert_int_equal(clock_now_ms(&clock), NOON);
    hands.wall_ms += YEAR;
    assert_int_equal(clock_now_ms(&clock), NOON + YEAR);
    hands.wall_ms -= 3 * YEAR;
    assert_int_equal(clock_now_ms(&clock), NOON - 2 * YEAR);

    struct clock_saved saved;
    clock_save(&clock, &saved);
    assert_false(saved.anchored);
    struct clock again;
    clock_start(&again, &saved, BOOT_ONE, read_hands, &hands);
    hands.wall_ms = NOON;
    assert_int_equal(clock_now_ms(&again), NOON);
}

static void test_an_entitlement_sets_it_both_ways(void **state)
{
    (void)state;
    static const int64_t ahead_ms[] = {0, 1, HOUR, -HOUR, 10 * YEAR, -10 * YEAR};
    for (size_t i = 0; i < COUNT(ahead_ms); i++) {
        struct clock_reading hands = {.wall_ms = NOON + ahead_ms[i], .boot_ms = HOUR};
        struct clock clock;
        clock_start(&clock, &NEVER_SAVED, BOOT_ONE, read_hands, &hands);
        clock_set(&clock, NOON);
        assert_int_equal(clock_now_ms(&clock), NOON);
        clock_set(&clock, NOON + DAY);
        assert_int_equal(clock_now_ms(&clock), NOON + DAY);
        clock_set(&clock, NOON + HOUR);
        assert_int_equal(clock_now_ms(&clock), NOON + HOUR);
    }
}

static void test_wall_jumps_change_nothing(void **state)
{
    (void)state;
    static const int64_t jumps_ms[] = {YEAR, -10 * YEAR, 20 * YEAR, -HOUR, SECOND, -11 * YEAR};
    struct clock_reading hands = {.wall_ms = NOON, .boot_ms = HOUR};
    struct clock clock;
    clock_start(&clock, &NEVER_SAVED, BOOT_ONE, read_hands, &hands);
    clock_set(&clock, NOON);
    int64_t passed_ms = 0;
    for (size_t i = 0; i < COUNT(jumps_ms); i++) {
        hands.wall_ms += jumps_ms[i] + 20 * SECOND;
        hands.boot_ms += 20 * SECOND;
        passed_ms += 20 * SECOND;
        assert_int_equal(clock_now_ms(&clock), NOON + passed_ms);
    }
}

static void test_sleep_counts(void **state)
{
    (void)state;
    struct clock_reading hands = {.wall_ms = NOON, .boot_ms = HOUR};
    struct clock clock;
    clock_start(&clock, &NEVER_SAVED, BOOT_ONE, read_hands, &hands);
    clock_set(&clock, NOON);
    hands.boot_ms += 3 * DAY; /* boot time goes on while the machine sleeps */
    assert_int_equal(clock_now_ms(&clock), NOON + 3 * DAY);
}

/* How a restart goes on: what passed, what the clocks show, what must come out. All begin anchored at NOON,
 * the wall clock `offset` behind it, 10 h after boot. */
struct restart {
    const char *what;
    int64_t offset_ms;
    const char *boot_id; /* of the second start */
    int64_t wall_ms, boot_ms;
    int64_t expected_ms;
};

static const struct restart restarts[] = {
    {"the agent restarts after a minute", 0, BOOT_ONE, NOON + 60 * SECOND, 10 * HOUR + 60 * SECOND,
     NOON + 60 * SECOND},
    {"the wall clock jumped ahead meanwhile", 0, BOOT_ONE, NOON + 9 * YEAR, 10 * HOUR + 60 * SECOND,
     NOON + 60 * SECOND},
    {"the wall clock jumped back meanwhile", 0, BOOT_ONE, NOON - 9 * YEAR, 10 * HOUR + 60 * SECOND,
     NOON + 60 * SECOND},
    {"a wall clock that is off stays off", 2 * HOUR, BOOT_ONE, NOON - HOUR, 11 * HOUR, NOON + HOUR},
    {"a reboot, wall clock right", 0, BOOT_TWO, NOON + 5 * 60 * SECOND, 30 * SECOND, NOON + 5 * 60 * SECOND},
    {"a reboot, wall clock off as before", 2 * HOUR, BOOT_TWO, NOON - HOUR, 30 * SECOND, NOON + HOUR},
    {"a reboot, wall clock ahead as before", -2 * HOUR, BOOT_TWO, NOON + 3 * HOUR, 30 * SECOND, NOON + HOUR},
    {"a reboot into 1970 goes on from what is stored", 0, BOOT_TWO, 0, 30 * SECOND, NOON},
    {"a reboot into the future believes it until contact", 0, BOOT_TWO, NOON + 9 * YEAR, 30 * SECOND,
     NOON + 9 * YEAR},
    {"a long new boot is still another", 0, BOOT_TWO, NOON + DAY, 20 * HOUR, NOON + DAY},
    {"the same id with less boot time is another boot", 0, BOOT_ONE, NOON + DAY, HOUR, NOON + DAY},
    {"no id, same boot, wall clock steady", 0, "", NOON + 60 * SECOND, 10 * HOUR + 60 * SECOND,
     NOON + 60 * SECOND},
    {"no id, a reboot", 0, "", NOON + DAY, 20 * HOUR, NOON + DAY},
    {"no id, the wall clock went back: never back from what is stored", 0, "", NOON - YEAR, 20 * HOUR, NOON},
};

static void test_restarts_and_reboots(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(restarts); i++) {
        const struct restart *row = &restarts[i];
        struct clock_reading hands = {.wall_ms = NOON - row->offset_ms, .boot_ms = 10 * HOUR};
        struct clock before, after;
        struct clock_saved saved;
        clock_start(&before, &NEVER_SAVED, row->boot_id[0] ? BOOT_ONE : "", read_hands, &hands);
        clock_set(&before, NOON);
        clock_save(&before, &saved);

        hands = (struct clock_reading){.wall_ms = row->wall_ms, .boot_ms = row->boot_ms};
        clock_start(&after, &saved, row->boot_id, read_hands, &hands);
        if (clock_now_ms(&after) != row->expected_ms)
            fail_msg("%s: %lld, not %lld", row->what, (long long)clock_now_ms(&after),
                     (long long)row->expected_ms);
    }
}

static void test_a_wrong_clock_after_reboot_heals_at_contact(void **state)
{
    (void)state;
    struct clock_reading hands = {.wall_ms = NOON, .boot_ms = HOUR};
    struct clock clock;
    struct clock_saved saved;
    clock_start(&clock, &NEVER_SAVED, BOOT_ONE, read_hands, &hands);
    clock_set(&clock, NOON);
    clock_save(&clock, &saved);

    hands = (struct clock_reading){.wall_ms = NOON + 30 * YEAR, .boot_ms = 0};
    clock_start(&clock, &saved, BOOT_TWO, read_hands, &hands);
    assert_int_equal(clock_now_ms(&clock), NOON + 30 * YEAR);
    clock_set(&clock, NOON + DAY);
    hands.boot_ms += HOUR;
    assert_int_equal(clock_now_ms(&clock), NOON + DAY + HOUR);

    /* The wall clock is still wrong by 30 years at the next reboot: the offset makes up for it. */
    hands.wall_ms += HOUR;
    clock_save(&clock, &saved);
    hands = (struct clock_reading){.wall_ms = hands.wall_ms + 2 * HOUR, .boot_ms = 0};
    clock_start(&clock, &saved, "33333333-3333-3333-3333-333333333333", read_hands, &hands);
    assert_int_equal(clock_now_ms(&clock), NOON + DAY + 3 * HOUR);
}

static void test_what_is_saved_is_what_was_known(void **state)
{
    (void)state;
    struct clock_reading hands = {.wall_ms = NOON - 2 * HOUR, .boot_ms = HOUR};
    struct clock clock;
    struct clock_saved saved;
    clock_start(&clock, &NEVER_SAVED, BOOT_ONE, read_hands, &hands);
    clock_set(&clock, NOON);
    hands.boot_ms += DAY;
    hands.wall_ms += DAY;
    clock_save(&clock, &saved);
    assert_true(saved.anchored);
    assert_int_equal(saved.licence_ms, NOON + DAY);
    assert_int_equal(saved.boot_ms, HOUR + DAY);
    assert_int_equal(saved.offset_ms, 2 * HOUR);
    assert_string_equal(saved.boot_id, BOOT_ONE);
}

/* A stored file may hold any number: nothing overflows (the sanitizers watch). */
static void test_absurd_values_are_bounded(void **state)
{
    (void)state;
    static const int64_t absurd[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    size_t count = COUNT(absurd);
    for (size_t i = 0; i < count * count * count; i++) {
        struct clock_saved saved = {.licence_ms = absurd[i % count],
                                    .boot_ms = absurd[i / count % count],
                                    .offset_ms = absurd[i / count / count],
                                    .boot_id = BOOT_ONE,
                                    .anchored = true};
        struct clock_reading hands = {.wall_ms = absurd[(i + 3) % count], .boot_ms = absurd[(i + 5) % count]};
        struct clock clock;
        clock_start(&clock, &saved, i % 2 ? BOOT_ONE : BOOT_TWO, read_hands, &hands);
        hands.boot_ms = INT64_MAX;
        assert_in_range(clock_now_ms(&clock) + CLOCK_MS_MAX, 0, 2 * CLOCK_MS_MAX);
        clock_set(&clock, absurd[i % count]);
        clock_save(&clock, &saved);
        assert_in_range(saved.licence_ms + CLOCK_MS_MAX, 0, 2 * CLOCK_MS_MAX);
    }
}

static void test_the_system_tells_time_and_boot(void **state)
{
    (void)state;
    struct clock_reading first, second;
    clock_system_read(NULL, &first);
    clock_system_read(NULL, &second);
    assert_true(first.wall_ms > NOON - 10 * YEAR);
    assert_true(first.boot_ms > 0);
    assert_true(second.boot_ms >= first.boot_ms);
    char id[CLOCK_BOOT_ID_BYTES], again[CLOCK_BOOT_ID_BYTES];
    clock_system_boot_id(id);
    clock_system_boot_id(again);
    assert_string_equal(id, again);
    assert_in_range(strlen(id), 32, CLOCK_BOOT_ID_BYTES - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_any_entitlement_it_is_the_wall_clock),
        cmocka_unit_test(test_an_entitlement_sets_it_both_ways),
        cmocka_unit_test(test_wall_jumps_change_nothing),
        cmocka_unit_test(test_sleep_counts),
        cmocka_unit_test(test_restarts_and_reboots),
        cmocka_unit_test(test_a_wrong_clock_after_reboot_heals_at_contact),
        cmocka_unit_test(test_what_is_saved_is_what_was_known),
        cmocka_unit_test(test_absurd_values_are_bounded),
        cmocka_unit_test(test_the_system_tells_time_and_boot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
