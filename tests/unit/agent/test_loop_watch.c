/* What a turn of a real loop took: its work, and not its waiting. */
#include "agent/loop_watch.h"
#include "tests/unit/unit.h"

#define WORK_MS  60
#define PAUSE_MS 150
#define MS_NS    UINT64_C(1000000)
#define CLOCK_MS 2 /* that a loop's own time, of whole milliseconds, and a sleep may be short of */

static void work(uv_timer_t *timer)
{
    (void)timer;
    uv_sleep(WORK_MS);
}

/* Turns that took longer than the bound. */
static uint64_t longer_than(const struct histogram *turns, uint64_t bound_ns)
{
    uint64_t count = turns->counts[HISTOGRAM_BOUNDS];
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++)
        count += histogram_bound_ns(i) > bound_ns ? turns->counts[i] : 0;
    return count;
}

static void test_work_counts_and_waiting_does_not(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_timer_t timer;
    struct loop_watch watch;
    uint64_t before_ns = uv_hrtime(); /* timers begin at the loop's time, which is that of its init */
    assert_int_equal(uv_loop_init(&loop), 0);
    loop_watch_init(&watch, &loop);
    (void)uv_timer_init(&loop, &timer);
    (void)uv_timer_start(&timer, work, PAUSE_MS, 0);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(uv_hrtime() - before_ns >= (PAUSE_MS + WORK_MS - CLOCK_MS) * MS_NS);
    /* the turn after the work is where it is noted */
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    uint64_t waited_ns = uv_metrics_idle_time(&loop);
    assert_true(waited_ns >= (PAUSE_MS - WORK_MS) * MS_NS);
    assert_true(longer_than(&watch.turns, 50 * MS_NS) >= 1);
    assert_true(watch.turns.sum_ns >= (WORK_MS - CLOCK_MS) * MS_NS);
    assert_true(watch.turns.sum_ns + waited_ns <= uv_hrtime() - before_ns + MS_NS);
    loop_watch_finish(&watch);
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_work_counts_and_waiting_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
