/* Peaks of windows, days and ever (RULES §2.6, §3.2). */
#include "agent/core/peak.h"
#include "agent/core/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define T0 (INT64_C(1700000400000)) /* 2023-11-14T22:20:00Z: a window's start */

#define CLOSED_MAX 64
struct closed {
    struct window windows[CLOSED_MAX];
    struct peak_mark today[CLOSED_MAX];
    size_t count;
    const struct peak *peak;
};

static void keep(void *data, const struct window *window)
{
    struct closed *closed = data;
    if (closed->count < CLOSED_MAX) {
        closed->windows[closed->count] = *window;
        closed->today[closed->count] = closed->peak->today;
    }
    closed->count++;
}

static struct tally_level level(uint32_t users)
{
    return (struct tally_level){.concurrent_users = users, .exempt = users / 2, .hosts = users ? 1 : 0};
}

static void begin(struct peak *peak, struct closed *closed, uint32_t users, int64_t now_ms)
{
    struct tally_level now = level(users);
    memset(peak, 0, sizeof(*peak));
    memset(closed, 0, sizeof(*closed));
    closed->peak = peak;
    peak_start(peak, &now, now_ms);
}

static bool step(struct peak *peak, struct closed *closed, uint32_t users, int64_t now_ms)
{
    struct tally_level now = level(users);
    peak_advance(peak, now_ms, keep, closed);
    return peak_observe(peak, &now, now_ms);
}

static void windows_start_at_multiples_of_20_minutes(void **state)
{
    (void)state;
    static const struct {
        int64_t t_ms, start_ms;
    } rows[] = {
        {0, 0},
        {1, 0},
        {WINDOW_MS - 1, 0},
        {WINDOW_MS, WINDOW_MS},
        {-1, -WINDOW_MS},
        {-WINDOW_MS, -WINDOW_MS},
        {-WINDOW_MS - 1, -2 * WINDOW_MS},
        {T0, T0},
        {T0 + 1199999, T0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(window_start(rows[i].t_ms), rows[i].start_ms);
}

static void the_first_window_is_shorter(void **state)
{
    (void)state;
    struct peak peak;
    struct closed closed;
    begin(&peak, &closed, 3, T0 + 5000);
    step(&peak, &closed, 3, T0 + WINDOW_MS);
    assert_int_equal(closed.count, 1);
    assert_int_equal(closed.windows[0].start_ms, T0 + 5000);
    assert_int_equal(closed.windows[0].end_ms, T0 + WINDOW_MS);
    assert_int_equal(closed.windows[0].peak_users, 3);
    assert_int_equal(closed.windows[0].peak_at_ms, T0 + 5000);
    assert_int_equal(peak.window.start_ms, T0 + WINDOW_MS);
}

static void who_came_and_left_between_reports_is_in_the_peak(void **state)
{
    (void)state;
    struct peak peak;
    struct closed closed;
    begin(&peak, &closed, 1, T0);
    assert_true(step(&peak, &closed, 9, T0 + 10));
    assert_false(step(&peak, &closed, 2, T0 + 11));
    assert_int_equal(peak.window.users_at_end, 2);
    step(&peak, &closed, 2, T0 + WINDOW_MS);
    assert_int_equal(closed.windows[0].peak_users, 9);
    assert_int_equal(closed.windows[0].peak_at_ms, T0 + 10);
    assert_int_equal(closed.windows[0].users_at_end, 2);
    assert_int_equal(closed.windows[0].exempt_peak, 4);
    assert_int_equal(closed.windows[0].hosts, 1);
}

static void the_peak_is_at_its_first_instant(void **state)
{
    (void)state;
    struct peak peak;
    struct closed closed;
    begin(&peak, &closed, 0, T0);
    step(&peak, &closed, 5, T0 + 100);
    step(&peak, &closed, 1, T0 + 200);
    assert_false(step(&peak, &closed, 5, T0 + 300));
    assert_int_equal(peak.window.peak_at_ms, T0 + 100);
    assert_int_equal(peak.today.at_ms, T0 + 100);
    assert_int_equal(peak.ever.at_ms, T0 + 100);
}

static void the_level_carried_in_counts(void **state)
{
    (void)state;
    struct peak peak;
    struct closed closed;
    begin(&peak, &closed, 7, T0);
    step(&peak, &closed, 2, T0 + WINDOW_MS); /* falls at the very start of the next */
    assert_int_equal(peak.window.peak_users, 7);
    assert_int_equal(peak.window.peak_at_ms, T0 + WINDOW_MS);
    assert_int_equal(peak.window.users_at_end, 2);
    step(&peak, &closed, 2, T0 + 2 * WINDOW_MS);
    assert_int_equal(peak.window.users_at_end, 2);
    assert_int_equal(closed.windows[1].peak_users, 7);
    assert_int_equal(closed.windows[1].users_at_end, 2);
    assert_int_equal(peak.window.peak_users, 2);
}

static void a_pause_closes_every_window_of_it(void **state)
{
    (void)state;
    struct peak peak;
    struct closed closed;
    begin(&peak, &closed, 4, T0 + 7);
    step(&peak, &closed, 0, T0 + 10 * WINDOW_MS + 3);
    assert_int_equal(closed.count, 10);
    for (size_t i = 0; i < 10; i++) {
        const struct window *window = &closed.windows[i];
        assert_int_equal(window->start_ms, i == 0 ? T0 + 7 : T0 + (int64_t)i * WINDOW_MS);
        assert_int_equal(window->end_ms, T0 + (int64_t)(i + 1) * WINDOW_MS);
        assert_int_equal(window->peak_users, 4);
        assert_int_equal(window->users_at_end, 4);
    }
}

static void too_long_a_pause_leaves_a_gap(void **state)
{
    (void)state;
    struct peak peak;
    struct closed closed;
    int64_t later = T0 + (PEAK_CATCH_UP_MAX + 10) * WINDOW_MS + 77;
    begin(&peak, &closed, 4, T0);
    step(&peak, &closed, 4, later);
    assert_int_equal(closed.count, PEAK_CATCH_UP_MAX);
    assert_int_equal(peak.window.start_ms, later);
    assert_int_equal(peak.window.end_ms, window_start(later) + WINDOW_MS);
    assert_int_equal(peak.window.peak_users, 4);
}

static void days_are_utc_and_end_with_their_last_window(void **state)
{
    (void)state;
    struct peak peak;
    struct closed closed;
    int64_t midnight = (T0 / DAY_MS + 1) * DAY_MS;
    begin(&peak, &closed, 1, midnight - 3 * WINDOW_MS);
    step(&peak, &closed, 6, midnight - 2 * WINDOW_MS + 5);
    step(&peak, &closed, 2, midnight - 10);
    step(&peak, &closed, 2, midnight);
    assert_int_equal(closed.count, 3);
    assert_int_equal(closed.windows[2].end_ms % DAY_MS, 0);
    assert_int_equal(closed.today[2].users, 6);
    assert_int_equal(closed.today[2].at_ms, midnight - 2 * WINDOW_MS + 5);
    assert_int_equal(peak.today.users, 2); /* carried in */
    assert_int_equal(peak.today.at_ms, midnight);
    assert_int_equal(peak.ever.users, 6);
}

static void time_never_goes_back(void **state)
{
    (void)state;
    struct peak peak;
    struct closed closed;
    begin(&peak, &closed, 1, T0 + 500);
    step(&peak, &closed, 3, T0 + 400);
    assert_int_equal(closed.count, 0);
    assert_int_equal(peak.window.peak_at_ms, T0 + 500);
    assert_int_equal(peak.now_ms, T0 + 500);
}

static void a_restored_window_goes_on(void **state)
{
    (void)state;
    struct peak peak;
    struct closed closed;
    begin(&peak, &closed, 2, T0);
    step(&peak, &closed, 8, T0 + 10);
    step(&peak, &closed, 3, T0 + 20);
    struct peak restored = {.window = peak.window, .today = peak.today, .ever = peak.ever};
    struct tally_level held = level(3);
    closed.peak = &restored;
    peak_start(&restored, &held, T0 + 2 * WINDOW_MS + 1);
    step(&restored, &closed, 3, T0 + 2 * WINDOW_MS + 1);
    assert_int_equal(closed.count, 2);
    assert_int_equal(closed.windows[0].start_ms, T0);
    assert_int_equal(closed.windows[0].peak_users, 8);
    assert_int_equal(closed.windows[0].peak_at_ms, T0 + 10);
    assert_int_equal(closed.windows[1].peak_users, 3);
}

static void a_restored_level_above_the_marks_raises_them(void **state)
{
    (void)state;
    struct peak restored = {
        .window = {.start_ms = T0, .end_ms = T0 + WINDOW_MS, .peak_at_ms = T0 + 1, .peak_users = 2},
        .today = {.at_ms = T0 + 1, .users = 2},
        .ever = {.at_ms = T0 - 5, .users = 9},
    };
    struct closed closed = {.peak = &restored};
    struct tally_level held = level(5);
    peak_start(&restored, &held, T0 + 3 * WINDOW_MS);
    step(&restored, &closed, 5, T0 + WINDOW_MS);
    assert_int_equal(closed.windows[0].peak_users, 5);
    assert_int_equal(closed.windows[0].users_at_end, 5);
    assert_int_equal(restored.today.users, 5);
    assert_int_equal(restored.ever.users, 9);
}

static void exempt_and_hosts_are_marks_too(void **state)
{
    (void)state;
    struct peak peak;
    struct closed closed;
    begin(&peak, &closed, 1, T0);
    struct tally_level now = {.concurrent_users = 1, .exempt = 2, .hosts = 1};
    assert_true(peak_observe(&peak, &now, T0 + 1));
    now.hosts = 2;
    assert_true(peak_observe(&peak, &now, T0 + 2));
    assert_false(peak_observe(&peak, &now, T0 + 3));
}

static void what_has_not_begun_does_not_move(void **state)
{
    (void)state;
    struct peak peak = {0};
    peak_advance(&peak, T0 + WINDOW_MS, NULL, NULL);
    peak_restart(&peak, T0, NULL, NULL);
    assert_false(peak.started);
    assert_int_equal(peak.window.end_ms, 0);
}

static void whoever_asks_nothing_is_told_nothing(void **state)
{
    (void)state;
    struct peak peak = {0};
    struct tally_level level = {.concurrent_users = 3};
    peak_start(&peak, &level, T0);
    peak_advance(&peak, T0 + 3 * WINDOW_MS, NULL, NULL);
    assert_int_equal(peak.window.start_ms, T0 + 3 * WINDOW_MS);
    peak_restart(&peak, T0, NULL, NULL);
    assert_int_equal(peak.window.start_ms, T0);
}

static void a_mark_may_be_at_the_very_beginning_of_time(void **state)
{
    (void)state;
    struct peak peak = {0};
    struct tally_level level = {.concurrent_users = 3};
    peak_start(&peak, &level, 0);
    assert_int_equal(peak.ever.users, 3);
    assert_int_equal(peak.ever.at_ms, 0);
    assert_false(peak_observe(&peak, &level, 5)); /* it is no mark that is still to be set */
    assert_int_equal(peak.ever.at_ms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_start_at_multiples_of_20_minutes),
        cmocka_unit_test(the_first_window_is_shorter),
        cmocka_unit_test(who_came_and_left_between_reports_is_in_the_peak),
        cmocka_unit_test(the_peak_is_at_its_first_instant),
        cmocka_unit_test(the_level_carried_in_counts),
        cmocka_unit_test(a_pause_closes_every_window_of_it),
        cmocka_unit_test(too_long_a_pause_leaves_a_gap),
        cmocka_unit_test(days_are_utc_and_end_with_their_last_window),
        cmocka_unit_test(time_never_goes_back),
        cmocka_unit_test(a_restored_window_goes_on),
        cmocka_unit_test(a_restored_level_above_the_marks_raises_them),
        cmocka_unit_test(exempt_and_hosts_are_marks_too),
        cmocka_unit_test(what_has_not_begun_does_not_move),
        cmocka_unit_test(whoever_asks_nothing_is_told_nothing),
        cmocka_unit_test(a_mark_may_be_at_the_very_beginning_of_time),
    };
    return cmocka_run_group_tests_name("peak (RULES 2.6, 3.2)", tests, NULL, NULL);
}
