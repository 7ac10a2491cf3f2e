/* Reported windows (RULES §5.5): counted once, refused with a reason, never in the way. */
#include "cloud/ledger/calendar.h"
#include "cloud/ledger/usage.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define NOW_MS INT64_C(1769947200000) /* 2026-02-01T12:00Z */
#define W      INT64_C(1200000)

static struct usage_window window(int64_t sequence, int64_t start_ms, int64_t length_ms, int64_t peak)
{
    return (struct usage_window){.sequence = sequence,
                                 .start_ms = start_ms,
                                 .end_ms = start_ms + length_ms,
                                 .peak_at_ms = start_ms + 1,
                                 .peak_users = peak};
}

/* Whether a number in it was used before. */
static bool report(struct usage *usage, struct usage_window *windows, size_t count, int64_t now_ms)
{
    bool number_used = false;
    usage_report(usage, windows, count, now_ms, &number_used);
    return number_used;
}

static int begin(void **state)
{
    *state = calloc(1, sizeof(struct usage));
    return *state == NULL;
}

static int end(void **state)
{
    free(*state);
    return 0;
}

static void test_verdicts(void **state)
{
    static const struct {
        int64_t sequence, start_ms, length_ms;
        const char *refusal;
        int64_t accepted_through;
    } table[] = {
        {1, NOW_MS - 10 * W, W, "", 1},
        {1, NOW_MS - 10 * W, W, "", 1},     /* again */
        {1, NOW_MS - 10 * W, W / 2, "", 1}, /* a sequence counts once, whatever it says now */
        {1, NOW_MS - 12 * W, W, "", 1},
        {1, NOW_MS - 9 * W - 1, W, "", 1},
        {1, NOW_MS - 9 * W, W, "number_used", 1}, /* but nothing of what was not counted is lost */
        {1, NOW_MS - 5 * W, 0, "number_used", 1},
        {2, NOW_MS - 9 * W, W, "", 2}, /* touching is not overlapping */
        {3, NOW_MS - 9 * W + 1, W, "overlaps", 2},
        {3, NOW_MS - 9 * W + 1, W, "overlaps", 2}, /* the same answer again */
        {3, NOW_MS - 7 * W, W, "number_used", 2},  /* also of a refused one */
        {4, NOW_MS - 8 * W, W + 1, "too_long", 2},
        {5, NOW_MS - 8 * W, W, "", 5}, /* refused ones are not in the way */
        {6, NOW_MS - 7 * W, 0, "no_period", 5},
        {7, NOW_MS - 7 * W, -1, "no_period", 5},
        {8, NOW_MS + 71 * W, W, "", 8}, /* ends exactly 24 h from now */
        {9, NOW_MS + 72 * W, 1, "in_future", 8},
        {15, NOW_MS - 6 * W, 1, "", 15}, /* a gap is accepted, and so is what fills it */
        {12, NOW_MS - 5 * W, W, "", 15},
        {13, NOW_MS - 20 * W, 30 * W, "too_long", 15},
        {14, NOW_MS - 11 * W, W, "", 15}, /* before all others */
        {16, NOW_MS - 11 * W - 1, W, "overlaps", 15},
    };
    struct usage *usage = *state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct usage_window w = window(table[i].sequence, table[i].start_ms, table[i].length_ms, 1);
        assert_string_equal(usage_refusal_code(usage_take(usage, &w, NOW_MS)), table[i].refusal);
        assert_int_equal(usage->totals.accepted_through, table[i].accepted_through);
    }
    assert_int_equal(usage->totals.windows_counted, 7);
    assert_int_equal(usage->totals.windows_refused, 7);
    assert_int_equal(usage->totals.windows_missing, 2); /* 10 and 11 */
    assert_int_equal(usage->window_count, 14);
}

static void test_a_report_again_changes_nothing(void **state)
{
    struct usage *usage = *state;
    struct usage_window windows[USAGE_WINDOWS_KEPT];
    for (int i = 0; i < USAGE_WINDOWS_KEPT; i++)
        windows[i] = window(i + 1, NOW_MS - (USAGE_WINDOWS_KEPT - i) * W, i % 7 == 3 ? 2 * W : W, i % 50);
    report(usage, windows, USAGE_WINDOWS_KEPT, NOW_MS);
    assert_int_equal(usage->totals.accepted_through, USAGE_WINDOWS_KEPT);

    struct usage *before = malloc(sizeof *before);
    assert_non_null(before);
    *before = *usage;
    struct usage_window again[USAGE_WINDOWS_KEPT];
    memcpy(again, windows, sizeof again);
    report(usage, again, USAGE_WINDOWS_KEPT, NOW_MS + 1000);
    assert_memory_equal(usage, before, sizeof *before);
    for (int i = 0; i < USAGE_WINDOWS_KEPT; i++) {
        assert_int_equal(again[i].refusal, windows[i].refusal);
        assert_int_equal(windows[i].refusal == USAGE_TOO_LONG, i % 7 == 3);
    }
    free(before);
}

static void test_the_oldest_windows_make_room(void **state)
{
    struct usage *usage = *state;
    for (int i = 1; i <= 1000; i++) {
        struct usage_window w = window(i, NOW_MS - (1001 - i) * W, W, i);
        assert_int_equal(usage_take(usage, &w, NOW_MS), USAGE_COUNTED);
    }
    assert_int_equal(usage->window_count, USAGE_WINDOWS_KEPT);
    assert_int_equal(usage->windows[0].sequence, 1000 - USAGE_WINDOWS_KEPT + 1);
    assert_int_equal(usage->windows[USAGE_WINDOWS_KEPT - 1].sequence, 1000);
    assert_int_equal(usage->totals.windows_counted, 1000);
    assert_int_equal(usage->totals.windows_missing, 0);

    /* one from before the windows kept was dealt with long ago */
    struct usage_window old = window(700, NOW_MS - 301 * W, W, 99999);
    assert_int_equal(usage_take(usage, &old, NOW_MS), USAGE_COUNTED);
    assert_int_equal(usage->totals.windows_counted, 1000);
    assert_int_equal(usage->totals.peak_users, 1000);
}

static void test_days_keep_their_peak(void **state)
{
    struct usage *usage = *state;
    int64_t midnight = calendar_day(NOW_MS) * CALENDAR_DAY_MS;
    const struct usage_window windows[] = {
        window(1, midnight - W, W, 5),
        window(2, midnight, W, 9),
        window(3, midnight + W, W, 7),
        window(4, midnight - 3 * CALENDAR_DAY_MS, W, 2),
    };
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(usage_take(usage, &windows[i], NOW_MS), USAGE_COUNTED);
    assert_int_equal(usage->day_count, 3);
    assert_int_equal(usage->days[0].peak_users, 2);
    assert_int_equal(usage->days[1].peak_users, 5);
    assert_int_equal(usage->days[2].day, calendar_day(NOW_MS));
    assert_int_equal(usage->days[2].peak_users, 9);
    assert_int_equal(usage->days[2].peak_at_ms, midnight + 1);
    assert_int_equal(usage->totals.peak_users, 9);
    assert_int_equal(usage->totals.peak_at_ms, midnight + 1);
}

static void test_days_are_kept_for_400_days(void **state)
{
    struct usage *usage = *state;
    for (int i = 0; i < 1000; i++) {
        struct usage_window w = window(i + 1, NOW_MS + (i - 1000) * CALENDAR_DAY_MS, W, i);
        assert_int_equal(usage_take(usage, &w, NOW_MS), USAGE_COUNTED);
    }
    assert_int_equal(usage->day_count, USAGE_DAYS_KEPT);
    assert_int_equal(usage->days[0].day, calendar_day(NOW_MS) - USAGE_DAYS_KEPT);

    /* a long silence ages them too */
    struct usage_window later = window(1001, NOW_MS + 100 * CALENDAR_DAY_MS, W, 1);
    assert_int_equal(usage_take(usage, &later, NOW_MS + 100 * CALENDAR_DAY_MS), USAGE_COUNTED);
    assert_int_equal(usage->day_count, USAGE_DAYS_KEPT - 100);

    /* what began before the windows kept may have been counted; where that was not noted yet, the day is
     * older than those that are kept */
    struct usage_window ancient = window(1002, NOW_MS - 2000 * CALENDAR_DAY_MS, W, 1);
    assert_int_equal(usage_take(usage, &ancient, NOW_MS), USAGE_OVERLAPS);
    usage->totals.forgotten_through_ms = 0;
    ancient.sequence++;
    assert_int_equal(usage_take(usage, &ancient, NOW_MS), USAGE_COUNTED);
    assert_int_equal(usage->day_count, USAGE_DAYS_KEPT - 100);
}

static void test_a_clock_that_is_ahead_is_noted(void **state)
{
    struct usage *usage = *state;
    struct usage_window ahead = window(1, NOW_MS - W + 90000, W, 1), right = window(2, NOW_MS - 3 * W, W, 1);
    report(usage, &ahead, 1, NOW_MS);
    assert_int_equal(usage->totals.clock_ahead_ms, 90000);
    report(usage, NULL, 0, NOW_MS);
    assert_int_equal(usage->totals.clock_ahead_ms, 90000);
    report(usage, &right, 1, NOW_MS);
    assert_int_equal(usage->totals.clock_ahead_ms, 0);
}

static void test_the_last_peak_is_of_the_last_counted_window(void **state)
{
    struct usage *usage = *state;
    assert_int_equal(usage_last_peak(usage), 0);
    struct usage_window windows[] = {window(1, NOW_MS - 9 * W, W, 7), window(2, NOW_MS - 8 * W, W, 4),
                                     window(3, NOW_MS - 8 * W, W, 9) /* overlaps */};
    report(usage, windows, COUNT(windows), NOW_MS);
    assert_int_equal(usage_last_peak(usage), 4);
}

/* `count` windows from this sequence and start on, side by side. */
static void fill(struct usage_window *ret, size_t count, int64_t sequence, int64_t start_ms)
{
    for (size_t i = 0; i < count; i++)
        ret[i] = window(sequence + (int64_t)i, start_ms + (int64_t)i * W, W, 3);
}

static void take_all(struct usage *usage, int64_t first, int64_t last, int64_t start_ms)
{
    for (int64_t sequence = first; sequence <= last; sequence++) {
        struct usage_window w = window(sequence, start_ms + (sequence - first) * W, W, 3);
        assert_int_equal(usage_take(usage, &w, NOW_MS), USAGE_COUNTED);
    }
}

/* Set back, a farm closes windows again for the time that was counted, and then new ones. */
static void test_a_farm_that_was_set_back(void **state)
{
    static const struct {
        int64_t counted; /* windows, the last of which ended just now */
        int64_t sequence, start;
        size_t sent, taken;
    } table[] =
        {
            {50, 49, -1, 3, 1},   /* what is counted is a repetition; what is not, no number */
            {50, 1, -50, 51, 51}, /* the same windows, and the next */
            {50, 1, 0, 1, 0},     /* begun anew, as before the first activation */
            {50, 20, -1, 3, 1},         {50, 51, 0, 3, 3},
            {1000, 1, 0, 5, 0}, /* from before the windows kept */
            {1000, 1, -1000, 216, 216}, {1000, 500, -300, 216, 216},
            {1000, 900, -2, 9, 2},      {1000, 999, -1, 9, 1},
        };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct usage *usage = *state, *before = malloc(sizeof *before);
        struct usage_window sent[USAGE_WINDOWS_KEPT], again[USAGE_WINDOWS_KEPT];
        assert_non_null(before);
        *usage = (struct usage){.window_count = 0};
        take_all(usage, 1, table[i].counted, NOW_MS - table[i].counted * W);
        fill(sent, table[i].sent, table[i].sequence, NOW_MS + table[i].start * W);
        memcpy(again, sent, sizeof again);
        assert_int_equal(report(usage, sent, table[i].sent, NOW_MS), table[i].taken < table[i].sent);
        for (size_t at = 0; at < table[i].sent; at++)
            assert_int_equal(sent[at].refusal, at < table[i].taken ? USAGE_COUNTED : USAGE_NUMBER_USED);
        int64_t sent_end = table[i].start + (int64_t)table[i].taken, fresh = sent_end > 0 ? sent_end : 0;
        assert_int_equal(usage->totals.windows_counted, table[i].counted + fresh);
        assert_int_equal(usage->totals.windows_refused, 0);

        *before = *usage; /* the answer was lost */
        report(usage, again, table[i].sent, NOW_MS);
        assert_memory_equal(usage, before, sizeof *before);
        for (size_t at = 0; at < table[i].sent; at++)
            assert_int_equal(again[at].refusal, sent[at].refusal);
        free(before);
    }
}

/* All that stands behind a used number waits with it, also in the pieces of a file. */
static void test_nothing_overtakes_a_used_number(void **state)
{
    struct usage *usage = *state;
    struct usage_window sent[60];
    bool number_used = false;
    take_all(usage, 1, 50, NOW_MS - 50 * W);
    fill(sent, COUNT(sent), 41, NOW_MS); /* the last 50 have numbers of their own */
    usage_report(usage, sent, 30, NOW_MS, &number_used);
    usage_report(usage, sent + 30, 30, NOW_MS, &number_used);
    for (size_t i = 0; i < COUNT(sent); i++)
        assert_int_equal(sent[i].refusal, USAGE_NUMBER_USED);
    assert_int_equal(usage->totals.windows_counted, 50);

    fill(sent, COUNT(sent), 101, NOW_MS);
    assert_false(report(usage, sent, COUNT(sent), NOW_MS));
    assert_int_equal(usage->totals.windows_counted, 110);
    assert_int_equal(usage->totals.accepted_through, 160);
}

/* Where every window that is kept was refused: a clock far ahead. */
static void test_refused_windows_hide_no_counted_ones(void **state)
{
    struct usage *usage = *state;
    int64_t day_ms = calendar_day(NOW_MS) * CALENDAR_DAY_MS;
    take_all(usage, 1, 10, day_ms);
    for (int i = 0; i < USAGE_WINDOWS_KEPT; i++) {
        struct usage_window w = window(11 + i, NOW_MS + (100 + i) * W, W, 1);
        assert_int_equal(usage_take(usage, &w, NOW_MS), USAGE_IN_FUTURE);
    }
    struct usage_window counted = window(5, day_ms + 2 * W, W, 1), later = window(5, day_ms + 10 * W, W, 1);
    assert_int_equal(usage_take(usage, &counted, NOW_MS), USAGE_COUNTED);
    assert_int_equal(usage_take(usage, &later, NOW_MS), USAGE_NUMBER_USED);
    assert_int_equal(usage->totals.windows_counted, 10);
}

/* A farm whose clock was far ahead is set back, and comes to the same number and period in its time. */
static void test_a_window_whose_time_has_come(void **state)
{
    static const struct {
        int64_t sequence, start, length_ms; /* from the end of the last that was counted, in windows */
        int64_t now;
        const char *refusal;
        int64_t counted, refused, peak;
    } table[] = {
        {11, 100, W, 0, "in_future", 10, 1, 3},      {11, 100, W, 28, "in_future", 10, 1, 3}, /* again */
        {11, 100, W / 2, 28, "in_future", 10, 1, 3}, /* whatever it says now */
        {11, 100, W, 29, "", 11, 0, 1000},           {11, 100, W, 101, "", 11, 0, 1000},
        {12, 200, W, 101, "in_future", 11, 1, 1000}, {12, 200, W + 1, 201, "too_long", 11, 1, 1000},
        {12, 200, W, 201, "too_long", 11, 1, 1000}, /* other reasons do not pass */
        {13, 300, W, 201, "in_future", 11, 2, 1000}, {14, 299, 2 * W, 301, "too_long", 11, 3, 1000},
        {15, 300, W, 301, "", 12, 3, 1004},          {13, 300, W, 301, "overlaps", 12, 3, 1004},
        {16, 400, W, 301, "in_future", 12, 4, 1004}, {16, 400, 20 * W, 401, "too_long", 12, 4, 1004},
        {17, 500, W, 401, "in_future", 12, 5, 1004}, {17, 480, W, 501, "number_used", 12, 5, 1004},
    };
    struct usage *usage = *state;
    take_all(usage, 1, 10, NOW_MS - 10 * W);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct usage_window w = window(table[i].sequence, NOW_MS + table[i].start * W, table[i].length_ms,
                                       989 + table[i].sequence);
        int64_t now_ms = NOW_MS + table[i].now * W;
        assert_string_equal(usage_refusal_code(usage_take(usage, &w, now_ms)), table[i].refusal);
        assert_int_equal(usage->totals.windows_counted, table[i].counted);
        assert_int_equal(usage->totals.windows_refused, table[i].refused);
        assert_int_equal(usage->totals.peak_users, table[i].peak);
    }
    assert_int_equal(usage->totals.windows_missing, 0);
    assert_int_equal(usage->totals.accepted_through, 15);
    assert_int_equal(usage->window_count, 17);
    assert_int_equal(usage->windows[10].refusal, USAGE_COUNTED);
}

/* Where refused numbers lie above those counted, a farm that was set back finds a free one at once. */
static void test_through_which_number_a_report_is_dealt_with(void **state)
{
    struct usage *usage = *state;
    assert_int_equal(usage_through(usage, false), 0);
    assert_int_equal(usage_through(usage, true), 0);
    take_all(usage, 1, 10, NOW_MS - 10 * W);
    assert_int_equal(usage_through(usage, true), 10);
    for (int i = 0; i < 50; i++) {
        struct usage_window w = window(11 + i, NOW_MS + (100 + i) * W, W, 1);
        assert_int_equal(usage_take(usage, &w, NOW_MS), USAGE_IN_FUTURE);
    }
    struct usage_window sent[3];
    fill(sent, COUNT(sent), 10, NOW_MS);
    assert_true(report(usage, sent, COUNT(sent), NOW_MS));
    assert_int_equal(usage_through(usage, false), 10);
    assert_int_equal(usage_through(usage, true), 60);
    fill(sent, COUNT(sent), 61, NOW_MS);
    assert_false(report(usage, sent, COUNT(sent), NOW_MS));
    assert_int_equal(usage_through(usage, false), 63);
}

/* Numbers that ran ahead: nothing that was counted counts under another number. */
static void test_a_new_number_counts_no_period_again(void **state)
{
    static const struct {
        int64_t start;
        const char *refusal;
    } table[] = {{-1000, "overlaps"}, {-217, "overlaps"}, {-216, "overlaps"}, {-1, "overlaps"}, {0, ""}};
    struct usage *usage = *state;
    take_all(usage, 1, 1000, NOW_MS - 1000 * W);
    assert_int_equal(usage->totals.forgotten_through_ms, NOW_MS - USAGE_WINDOWS_KEPT * W);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct usage_window w = window(2000 + (int64_t)i, NOW_MS + table[i].start * W, W, 9);
        assert_string_equal(usage_refusal_code(usage_take(usage, &w, NOW_MS)), table[i].refusal);
    }
    assert_int_equal(usage->totals.windows_counted, 1001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_verdicts, begin, end),
        cmocka_unit_test_setup_teardown(test_a_report_again_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_the_oldest_windows_make_room, begin, end),
        cmocka_unit_test_setup_teardown(test_days_keep_their_peak, begin, end),
        cmocka_unit_test_setup_teardown(test_days_are_kept_for_400_days, begin, end),
        cmocka_unit_test_setup_teardown(test_the_last_peak_is_of_the_last_counted_window, begin, end),
        cmocka_unit_test_setup_teardown(test_a_clock_that_is_ahead_is_noted, begin, end),
        cmocka_unit_test_setup_teardown(test_a_farm_that_was_set_back, begin, end),
        cmocka_unit_test_setup_teardown(test_nothing_overtakes_a_used_number, begin, end),
        cmocka_unit_test_setup_teardown(test_refused_windows_hide_no_counted_ones, begin, end),
        cmocka_unit_test_setup_teardown(test_a_window_whose_time_has_come, begin, end),
        cmocka_unit_test_setup_teardown(test_through_which_number_a_report_is_dealt_with, begin, end),
        cmocka_unit_test_setup_teardown(test_a_new_number_counts_no_period_again, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
