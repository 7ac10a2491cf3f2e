/* Which windows are still to be reported, and when (RULES §3.3). */
#include "agent/core/core_error.h"
#include "agent/core/reporter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define T0 INT64_C(1700000400000)

static struct reporter *reporter_for(const char *farm_id, int64_t now_ms)
{
    struct reporter *reporter = reporter_create(42);
    assert_non_null(reporter);
    assert_int_equal(reporter_start(reporter, farm_id, 0, now_ms), 0);
    return reporter;
}

static void queue(struct reporter *reporter, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct window window = {.start_ms = T0 + (int64_t)i * WINDOW_MS};
        assert_true(reporter_queue(reporter, &window) > 0);
    }
}

static size_t batch_of(const struct reporter *reporter, uint64_t *ret_first)
{
    size_t count;
    const struct window *batch = reporter_batch(reporter, &count);
    *ret_first = count > 0 ? batch[0].sequence : 0;
    return count;
}

static void a_report_is_due_at_the_farms_phase(void **state)
{
    (void)state;
    const char *const farms[] = {"a", "b", "farm-0123456789abcdef", "f2"};
    for (size_t i = 0; i < 4; i++) {
        int64_t phase_ms = reporter_phase(farms[i]);
        assert_in_range(phase_ms, 0, WINDOW_MS - 1);
        struct reporter *reporter = reporter_for(farms[i], T0 + 17);
        int64_t due_ms = reporter_due_ms(reporter);
        assert_true(due_ms > T0 + 17 && due_ms <= T0 + 17 + WINDOW_MS);
        assert_int_equal((due_ms - phase_ms) % WINDOW_MS, 0);
        reporter_destroy(reporter);
    }
    assert_int_equal(reporter_phase("a"), UINT64_C(0xaf63dc4c8601ec8c) % 1200000); /* FNV-1a's own vector */
    assert_true(reporter_phase("a") != reporter_phase("b"));
}

static void before_activation_windows_get_no_sequence(void **state)
{
    (void)state;
    struct reporter *reporter = reporter_create(1);
    struct window window = {.start_ms = T0};
    assert_int_equal(reporter_queue(reporter, &window), 0);
    assert_int_equal(reporter_queued(reporter), 0);
    assert_int_equal(reporter_due_ms(reporter), INT64_MAX);
    assert_int_equal(reporter_start(reporter, "", 0, T0), CORE_INVALID);
    char too_long[100];
    memset(too_long, 'x', 99);
    too_long[99] = '\0';
    assert_int_equal(reporter_start(reporter, too_long, 0, T0), CORE_INVALID);
    reporter_destroy(reporter);
    reporter_destroy(NULL);
}

static void a_window_is_sent_until_it_is_acknowledged(void **state)
{
    (void)state;
    uint64_t first;
    struct reporter *reporter = reporter_for("farm", T0);
    queue(reporter, 3);
    assert_int_equal(batch_of(reporter, &first), 3);
    assert_int_equal(first, 1);
    reporter_sent(reporter, T0);
    assert_int_equal(reporter_due_ms(reporter), INT64_MAX);
    queue(reporter, 1); /* closed meanwhile: not part of what is on its way */
    assert_int_equal(batch_of(reporter, &first), 3);
    assert_true(reporter_failed(reporter, -1, T0));
    assert_int_equal(batch_of(reporter, &first), 4);
    reporter_sent(reporter, T0);
    assert_int_equal(reporter_acknowledge(reporter, 2), 2);
    assert_true(reporter_succeeded(reporter, T0));
    assert_int_equal(batch_of(reporter, &first), 2);
    assert_int_equal(first, 3);
    reporter_destroy(reporter);
}

static void an_answer_acknowledges_only_what_was_sent(void **state)
{
    (void)state;
    uint64_t first;
    struct reporter *reporter = reporter_for("farm", T0);
    queue(reporter, 2);
    assert_int_equal(reporter_acknowledge(reporter, 2), 0); /* nothing is on its way */
    reporter_sent(reporter, T0);
    queue(reporter, 2);
    assert_false(reporter_set_aside(reporter, 3));
    assert_int_equal(reporter_acknowledge(reporter, 1000000), 2);
    assert_true(reporter_succeeded(reporter, T0));
    assert_int_equal(batch_of(reporter, &first), 2);
    assert_int_equal(first, 3);
    reporter_destroy(reporter);
}

static void a_refused_window_never_blocks_the_queue(void **state)
{
    (void)state;
    uint64_t first;
    struct reporter *reporter = reporter_for("farm", T0);
    queue(reporter, 4);
    reporter_sent(reporter, T0);
    assert_true(reporter_set_aside(reporter, 2));
    assert_false(reporter_set_aside(reporter, 2));
    assert_int_equal(reporter_acknowledge(reporter, 3), 3);
    reporter_succeeded(reporter, T0);
    assert_int_equal(batch_of(reporter, &first), 1);
    assert_int_equal(first, 4);
    reporter_destroy(reporter);
}

static void a_long_queue_goes_on_at_once_while_it_gets_shorter(void **state)
{
    (void)state;
    uint64_t first;
    struct reporter *reporter = reporter_for("farm", T0);
    queue(reporter, REPORTER_BATCH_MAX + 10);
    assert_int_equal(batch_of(reporter, &first), REPORTER_BATCH_MAX);
    reporter_sent(reporter, T0);
    assert_int_equal(reporter_acknowledge(reporter, REPORTER_BATCH_MAX), REPORTER_BATCH_MAX);
    reporter_succeeded(reporter, T0 + 5);
    assert_int_equal(reporter_due_ms(reporter), T0 + 5);
    reporter_sent(reporter, T0 + 5);
    reporter_succeeded(reporter, T0 + 6); /* accepts nothing: wait for the phase */
    assert_true(reporter_due_ms(reporter) > T0 + 6);
    assert_int_equal((reporter_due_ms(reporter) - reporter_phase("farm")) % WINDOW_MS, 0);
    reporter_destroy(reporter);
}

static void failures_back_off_with_full_jitter_within_the_cycle(void **state)
{
    (void)state;
    bool differs = false;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct reporter *reporter = reporter_create(seed);
        assert_int_equal(reporter_start(reporter, "farm", 0, T0), 0);
        int64_t now_ms = reporter_due_ms(reporter), first_ms = 0;
        for (unsigned i = 1; i <= 12; i++) {
            int64_t tick_ms =
                window_start(now_ms - reporter_phase("farm")) + reporter_phase("farm") + WINDOW_MS;
            int64_t bound_ms = INT64_C(5000) << (i - 1);
            reporter_sent(reporter, now_ms);
            assert_true(reporter_failed(reporter, -1, now_ms));
            assert_int_equal(reporter_failures(reporter), i);
            int64_t due_ms = reporter_due_ms(reporter);
            assert_true(due_ms >= now_ms + REPORTER_BACKOFF_LEAST_MS || due_ms == tick_ms);
            assert_true(due_ms <= now_ms + bound_ms);
            assert_true(due_ms <= tick_ms);
            if (i == 4)
                differs |= first_ms != due_ms - now_ms;
            first_ms = due_ms - now_ms;
            now_ms = due_ms;
        }
        reporter_sent(reporter, now_ms);
        reporter_succeeded(reporter, now_ms);
        assert_int_equal(reporter_failures(reporter), 0);
        reporter_destroy(reporter);
    }
    assert_true(differs);
}

static void retry_after_is_honoured_up_to_the_next_phase(void **state)
{
    (void)state;
    int64_t phase_ms = reporter_phase("farm");
    static const struct {
        int64_t retry_after_ms, least_ms, most_ms;
    } rows[] = {
        {60000, 60000, 66000},
        {0, 1000, 1000},
        {3600000, WINDOW_MS, WINDOW_MS}, /* the regular phase is tried all the same */
        {INT64_MAX, WINDOW_MS, WINDOW_MS},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reporter *reporter = reporter_for("farm", T0);
        int64_t now_ms = T0 + phase_ms;
        reporter_sent(reporter, now_ms);
        reporter_failed(reporter, rows[i].retry_after_ms, now_ms);
        assert_in_range(reporter_due_ms(reporter) - now_ms, rows[i].least_ms, rows[i].most_ms);
        reporter_destroy(reporter);
    }
}

static void the_same_seed_gives_the_same_instants(void **state)
{
    (void)state;
    struct reporter *one = reporter_for("farm", T0), *other = reporter_for("farm", T0);
    for (int i = 0; i < 5; i++) {
        reporter_sent(one, T0);
        reporter_sent(other, T0);
        reporter_failed(one, -1, T0);
        reporter_failed(other, -1, T0);
        assert_int_equal(reporter_due_ms(one), reporter_due_ms(other));
    }
    reporter_destroy(one);
    reporter_destroy(other);
}

static void hurry_is_now_but_not_twice(void **state)
{
    (void)state;
    struct reporter *reporter = reporter_for("farm", T0);
    reporter_hurry(reporter, T0 + 1);
    assert_int_equal(reporter_due_ms(reporter), T0 + 1);
    reporter_sent(reporter, T0 + 1);
    reporter_hurry(reporter, T0 + 2);
    assert_int_equal(reporter_due_ms(reporter), INT64_MAX);
    reporter_succeeded(reporter, T0 + 3);
    assert_true(reporter_due_ms(reporter) > T0 + 3);
    reporter_destroy(reporter);
}

static void nothing_hurries_what_is_stopped(void **state)
{
    (void)state;
    struct reporter *reporter = reporter_for("farm", T0);
    assert_int_equal(reporter_start(reporter, NULL, 0, T0), 0);
    reporter_hurry(reporter, T0 + 1);
    assert_int_equal(reporter_due_ms(reporter), INT64_MAX);
    reporter_corrected(reporter, T0 - 1);
    assert_int_equal(reporter_due_ms(reporter), INT64_MAX);
    reporter_destroy(reporter);
}

static void a_clock_set_back_by_the_answer_brings_no_second_report(void **state)
{
    (void)state;
    int64_t phase_ms = reporter_phase("farm");
    struct reporter *reporter = reporter_for("farm", T0);
    int64_t tick_ms = reporter_due_ms(reporter);
    reporter_sent(reporter, tick_ms);
    reporter_succeeded(reporter, tick_ms + 20);
    assert_int_equal(reporter_due_ms(reporter), tick_ms + WINDOW_MS);
    reporter_corrected(reporter, tick_ms - 500);
    assert_int_equal(reporter_due_ms(reporter), tick_ms + WINDOW_MS);
    reporter_corrected(reporter, tick_ms - 2 * WINDOW_MS); /* far back: the phase of the new time */
    assert_int_equal(reporter_due_ms(reporter), tick_ms - WINDOW_MS);
    assert_int_equal((reporter_due_ms(reporter) - phase_ms) % WINDOW_MS, 0);
    reporter_destroy(reporter);
}

static void a_report_between_phases_passes_over_none(void **state)
{
    (void)state;
    struct reporter *reporter = reporter_for("farm", T0);
    int64_t tick_ms = reporter_due_ms(reporter);
    reporter_corrected(reporter, tick_ms - 1000); /* an activation shortly before the phase */
    assert_int_equal(reporter_due_ms(reporter), tick_ms);
    reporter_hurry(reporter, tick_ms - 500);
    reporter_sent(reporter, tick_ms - 500);
    reporter_succeeded(reporter, tick_ms - 400);
    assert_int_equal(reporter_due_ms(reporter), tick_ms);
    reporter_sent(reporter, tick_ms);
    reporter_succeeded(reporter, tick_ms + 400);
    reporter_corrected(reporter, tick_ms - REPORTER_REST_MS - 1); /* long enough to be reported again */
    assert_int_equal(reporter_due_ms(reporter), tick_ms);
    reporter_destroy(reporter);
}

static void the_same_farm_goes_on_and_another_begins_anew(void **state)
{
    (void)state;
    uint64_t first;
    struct reporter *reporter = reporter_for("farm", T0);
    queue(reporter, 3);
    assert_int_equal(reporter_start(reporter, NULL, 0, T0), 0);
    struct window window = {.start_ms = T0};
    assert_int_equal(reporter_queue(reporter, &window), 0);
    assert_int_equal(reporter_due_ms(reporter), INT64_MAX);
    assert_int_equal(reporter_start(reporter, "farm", 0, T0), 0);
    assert_int_equal(batch_of(reporter, &first), 3);
    assert_int_equal(reporter_next_sequence(reporter), 4);
    assert_int_equal(reporter_start(reporter, "farm", 9, T0), 0);
    assert_int_equal(reporter_next_sequence(reporter), 9);
    assert_int_equal(reporter_start(reporter, "other", 0, T0), 0);
    assert_int_equal(reporter_queued(reporter), 0);
    assert_int_equal(reporter_next_sequence(reporter), 1);
    reporter_destroy(reporter);
}

static void an_answer_for_the_old_farm_says_nothing(void **state)
{
    (void)state;
    struct reporter *reporter = reporter_for("farm", T0);
    queue(reporter, 2);
    reporter_sent(reporter, T0);
    assert_int_equal(reporter_start(reporter, "other", 0, T0), 0);
    assert_int_equal(reporter_due_ms(reporter), INT64_MAX); /* one on its way at a time */
    queue(reporter, 2);
    assert_int_equal(reporter_acknowledge(reporter, 2), 0);
    assert_false(reporter_set_aside(reporter, 1));
    assert_false(reporter_succeeded(reporter, T0 + 9));
    assert_int_equal(reporter_queued(reporter), 2);
    assert_true(reporter_due_ms(reporter) < INT64_MAX);
    assert_false(reporter_failed(reporter, -1, T0 + 9)); /* none is on its way */
    reporter_destroy(reporter);
}

static void a_full_queue_drops_the_oldest(void **state)
{
    (void)state;
    uint64_t first;
    struct reporter *reporter = reporter_for("farm", T0);
    queue(reporter, REPORTER_QUEUE_MAX);
    batch_of(reporter, &first);
    assert_int_equal(first, 1);
    reporter_sent(reporter, T0);
    queue(reporter, 3);
    assert_int_equal(reporter_queued(reporter), REPORTER_QUEUE_MAX);
    assert_int_equal(batch_of(reporter, &first), REPORTER_BATCH_MAX - 3);
    assert_int_equal(first, 4);
    assert_int_equal(reporter_acknowledge(reporter, REPORTER_BATCH_MAX), REPORTER_BATCH_MAX);
    reporter_succeeded(reporter, T0);
    batch_of(reporter, &first);
    assert_int_equal(first, REPORTER_BATCH_MAX + 1);
    reporter_destroy(reporter);
}

static void a_file_is_answered_while_a_report_is_on_its_way(void **state)
{
    (void)state;
    uint64_t first;
    struct reporter *reporter = reporter_for("farm", T0);
    queue(reporter, 5);
    reporter_sent(reporter, T0);
    queue(reporter, 5);
    assert_true(reporter_set_aside_carried(reporter, 7));  /* it was not sent */
    assert_false(reporter_set_aside_carried(reporter, 7)); /* it is gone */
    assert_int_equal(batch_of(reporter, &first), 5);
    assert_true(reporter_set_aside_carried(reporter, 2));
    assert_int_equal(batch_of(reporter, &first), 4);
    assert_int_equal(reporter_acknowledge_carried(reporter, 4), 4);
    assert_int_equal(batch_of(reporter, &first), 1);
    assert_int_equal(first, 5);
    assert_int_equal(reporter_acknowledge(reporter, 99), 5);
    assert_int_equal(reporter_acknowledge_carried(reporter, 5), 0);
    assert_true(reporter_succeeded(reporter, T0));
    assert_int_equal(reporter_acknowledge_carried(reporter, 99), 10);
    assert_int_equal(reporter_queued(reporter), 0);
    reporter_destroy(reporter);
}

static void restored_windows_come_first(void **state)
{
    (void)state;
    uint64_t first;
    struct reporter *reporter = reporter_for("farm", T0);
    struct window window = {.sequence = 7, .start_ms = T0};
    assert_int_equal(reporter_restore(reporter, &window), 0);
    assert_int_equal(reporter_restore(reporter, &window), CORE_INVALID);
    window.sequence = 9;
    assert_int_equal(reporter_restore(reporter, &window), 0);
    assert_int_equal(reporter_queue(reporter, &window), 10);
    assert_int_equal(batch_of(reporter, &first), 3);
    assert_int_equal(first, 7);
    reporter_destroy(reporter);
}

static void numbers_go_on_after_what_was_counted(void **state)
{
    (void)state;
    static const struct {
        uint64_t counted;
        bool moves;
        uint64_t next;
    } table[] = {
        {0, false, 4},
        {3, false, 4},
        {4, true, 5},
        {100, true, 101},
        {UINT64_MAX, false, 4},
        {REPORTER_SEQUENCE_MAX, true, REPORTER_SEQUENCE_MAX + 1},
        {REPORTER_SEQUENCE_MAX + 1, false, 4},
        {UINT64_C(1) << 60, false, 4},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct reporter *reporter = reporter_for("farm", T0);
        queue(reporter, 3);
        assert_int_equal(reporter_go_on_after(reporter, table[i].counted), table[i].moves);
        assert_int_equal(reporter_next_sequence(reporter), table[i].next);
        assert_int_equal(reporter_queued(reporter), 3);
        reporter_destroy(reporter);
    }
}

/* Windows 3 to 7 are queued, of which the first so many are on their way. */
static void a_window_and_all_behind_it_get_new_numbers(void **state)
{
    (void)state;
    static const struct {
        size_t in_flight;
        uint64_t from;
        uint64_t sequences[5];
        size_t count, flight_count;
    } table[] = {
        {0, 3, {8, 9, 10, 11, 12}, 5, 0}, {0, 6, {3, 4, 5, 8, 9}, 2, 0},
        {0, 7, {3, 4, 5, 6, 8}, 1, 0},    {0, 2, {3, 4, 5, 6, 7}, 0, 0},
        {0, 8, {3, 4, 5, 6, 7}, 0, 0},    {0, UINT64_MAX, {3, 4, 5, 6, 7}, 0, 0},
        {3, 4, {3, 8, 9, 10, 11}, 4, 1},  {3, 3, {8, 9, 10, 11, 12}, 5, 0},
        {3, 7, {3, 4, 5, 6, 8}, 1, 3},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct reporter *reporter = reporter_for("farm", T0);
        queue(reporter, 2 + table[i].in_flight);
        (void)reporter_acknowledge_carried(reporter, 2);
        if (table[i].in_flight > 0)
            reporter_sent(reporter, T0);
        queue(reporter, 5 - table[i].in_flight);
        assert_int_equal(reporter_renumber(reporter, table[i].from), table[i].count);
        size_t count;
        const struct window *unsent = reporter_unsent(reporter, &count);
        assert_int_equal(count, 5);
        for (size_t at = 0; at < count; at++)
            assert_int_equal(unsent[at].sequence, table[i].sequences[at]);
        assert_int_equal(reporter_next_sequence(reporter), 8 + table[i].count);
        if (table[i].in_flight > 0) {
            (void)reporter_batch(reporter, &count);
            assert_int_equal(count, table[i].flight_count);
        }
        reporter_destroy(reporter);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_due_at_the_farms_phase),
        cmocka_unit_test(before_activation_windows_get_no_sequence),
        cmocka_unit_test(a_window_is_sent_until_it_is_acknowledged),
        cmocka_unit_test(an_answer_acknowledges_only_what_was_sent),
        cmocka_unit_test(a_refused_window_never_blocks_the_queue),
        cmocka_unit_test(a_long_queue_goes_on_at_once_while_it_gets_shorter),
        cmocka_unit_test(failures_back_off_with_full_jitter_within_the_cycle),
        cmocka_unit_test(retry_after_is_honoured_up_to_the_next_phase),
        cmocka_unit_test(the_same_seed_gives_the_same_instants),
        cmocka_unit_test(hurry_is_now_but_not_twice),
        cmocka_unit_test(nothing_hurries_what_is_stopped),
        cmocka_unit_test(a_clock_set_back_by_the_answer_brings_no_second_report),
        cmocka_unit_test(a_report_between_phases_passes_over_none),
        cmocka_unit_test(the_same_farm_goes_on_and_another_begins_anew),
        cmocka_unit_test(an_answer_for_the_old_farm_says_nothing),
        cmocka_unit_test(a_full_queue_drops_the_oldest),
        cmocka_unit_test(a_file_is_answered_while_a_report_is_on_its_way),
        cmocka_unit_test(restored_windows_come_first),
        cmocka_unit_test(numbers_go_on_after_what_was_counted),
        cmocka_unit_test(a_window_and_all_behind_it_get_new_numbers),
    };
    return cmocka_run_group_tests_name("reporter (RULES 3.3)", tests, NULL, NULL);
}
