#include "cloud/sweep.h"

#include "cloud/bookkeeping.h"
#include "cloud/wall_clock.h"

static void submit(struct sweep *sweep);

static int run_sweep(struct store_job *job, struct rows *rows, struct error_detail *ret_detail)
{
    struct sweep *sweep = (struct sweep *)((char *)job - offsetof(struct sweep, job));
    int error = bookkeeping_sweep(rows, sweep->now_ms, SWEEP_RENEWALS_MAX, &sweep->made, ret_detail);
    return error != 0 ? error : bookkeeping_close_rest(rows, sweep->now_ms, &sweep->closed, ret_detail);
}

static bool is_done(const struct sweep *sweep)
{
    return sweep->made < SWEEP_RENEWALS_MAX && sweep->closed < BOOKKEEPING_CLOSED_MAX && !sweep->again;
}

/* A failure is tried again in an hour: until then every subscription is renewed, and every farm closed, when
 * it comes in. */
static void finish_sweep(struct store_job *job, int error, const char *detail)
{
    struct sweep *sweep = (struct sweep *)((char *)job - offsetof(struct sweep, job));
    sweep->under_way = false;
    if (error != 0)
        log_line(sweep->log, 3, "cannot renew subscriptions or close farms: %s%s%s", error_text(error),
                 detail[0] != '\0' ? ": " : "", detail);
    else if (sweep->made > 0)
        log_line(sweep->log, 6, "%u subscriptions renewed by themselves", sweep->made);
    if (error == 0 && sweep->closed > 0)
        log_line(sweep->log, 6, "%u farms of cancelled subscriptions closed", sweep->closed);
    if (error == 0 && !is_done(sweep) && !sweep->stopped)
        submit(sweep);
}

static void submit(struct sweep *sweep)
{
    sweep->now_ms = wall_clock_ms();
    sweep->made = sweep->closed = 0;
    sweep->again = false;
    sweep->job = (struct store_job){.run = run_sweep, .done = finish_sweep};
    sweep->under_way = store_submit(sweep->store, &sweep->job) == 0;
}

static void on_timer(uv_timer_t *timer)
{
    struct sweep *sweep = timer->data;
    if (!sweep->under_way)
        submit(sweep);
}

void sweep_start(struct sweep *sweep, uv_loop_t *loop, struct store *store, const struct log *log)
{
    *sweep = (struct sweep){.store = store, .log = log};
    (void)uv_timer_init(loop, &sweep->timer);
    sweep->timer.data = sweep;
    (void)uv_timer_start(&sweep->timer, on_timer, 0, SWEEP_EVERY_MS);
}

void sweep_soon(struct sweep *sweep)
{
    if (sweep->under_way)
        sweep->again = true;
    else if (!sweep->stopped)
        submit(sweep);
}

void sweep_stop(struct sweep *sweep)
{
    sweep->stopped = true;
    uv_close((uv_handle_t *)&sweep->timer, NULL);
}
