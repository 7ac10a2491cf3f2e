#include "peak.h"

#include "tally.h"

#include <string.h>

static int64_t floor_to(int64_t t_ms, int64_t step_ms)
{
    int64_t rest = t_ms % step_ms;
    return t_ms - (rest < 0 ? rest + step_ms : rest);
}

int64_t window_start(int64_t t_ms)
{
    return floor_to(t_ms, WINDOW_MS);
}

static bool raise_mark(struct peak_mark *mark, uint32_t users, int64_t at_ms)
{
    bool none_yet = mark->at_ms == 0 && mark->users == 0;
    if (!none_yet && users <= mark->users)
        return false;
    *mark = (struct peak_mark){.at_ms = at_ms, .users = users};
    return true;
}

/* The level held at at_ms, put into every mark that it passes. */
static bool raise_marks(struct peak *peak, int64_t at_ms)
{
    struct window *window = &peak->window;
    bool moved = false;
    if (peak->level_users > window->peak_users) {
        window->peak_users = peak->level_users;
        window->peak_at_ms = at_ms;
        moved = true;
    }
    if (peak->level_exempt > window->exempt_peak) {
        window->exempt_peak = peak->level_exempt;
        moved = true;
    }
    if (peak->level_hosts > window->hosts) {
        window->hosts = peak->level_hosts;
        moved = true;
    }
    moved |= raise_mark(&peak->today, peak->level_users, at_ms);
    moved |= raise_mark(&peak->ever, peak->level_users, at_ms);
    return moved;
}

/* A window lies within one day, so the running window also says which day `today` is. */
static void open_window(struct peak *peak, int64_t start_ms)
{
    bool another_day =
        !peak->started || floor_to(start_ms, DAY_MS) != floor_to(peak->window.start_ms, DAY_MS);
    if (another_day)
        peak->today = (struct peak_mark){0};
    peak->window = (struct window){
        .start_ms = start_ms,
        .end_ms = window_start(start_ms) + WINDOW_MS,
        .peak_at_ms = start_ms,
        .users_at_end = peak->level_users,
    };
    (void)raise_marks(peak, start_ms);
}

static void close_window(struct peak *peak, peak_closed_fn *closed, void *data)
{
    if (closed != NULL)
        closed(data, &peak->window);
}

static void hold_level(struct peak *peak, const struct tally_level *level)
{
    peak->level_users = level->concurrent_users;
    peak->level_exempt = level->exempt;
    peak->level_hosts = level->hosts;
    peak->window.users_at_end = peak->level_users;
}

/* The restored level was held when the state was saved; should it pass the saved marks all the same (other
 * counting settings since), it must not leave a window that ends higher than its peak. Time goes on from the
 * window's start, not from now: what fell due since happens at its own instant. */
static void go_on(struct peak *peak, int64_t now_ms)
{
    int64_t at_ms = now_ms;
    if (at_ms >= peak->window.end_ms)
        at_ms = peak->window.end_ms - 1;
    if (at_ms < peak->window.start_ms)
        at_ms = peak->window.start_ms;
    (void)raise_marks(peak, at_ms);
    peak->now_ms = peak->window.start_ms;
}

void peak_start(struct peak *peak, const struct tally_level *level, int64_t now_ms)
{
    bool restored = peak->window.end_ms > peak->window.start_ms;
    hold_level(peak, level);
    if (restored) {
        go_on(peak, now_ms);
    } else {
        peak->now_ms = now_ms;
        open_window(peak, now_ms);
    }
    peak->started = true;
}

void peak_advance(struct peak *peak, int64_t now_ms, peak_closed_fn *closed, void *data)
{
    if (!peak->started || now_ms <= peak->now_ms)
        return;
    for (int count = 0; now_ms >= peak->window.end_ms; count++) {
        bool too_long = count == PEAK_CATCH_UP_MAX;
        if (!too_long)
            close_window(peak, closed, data);
        open_window(peak, too_long ? now_ms : peak->window.end_ms);
    }
    peak->now_ms = now_ms;
}

void peak_restart(struct peak *peak, int64_t now_ms, peak_closed_fn *closed, void *data)
{
    if (!peak->started)
        return;
    peak->window.end_ms = peak->now_ms;
    if (peak->window.end_ms > peak->window.start_ms)
        close_window(peak, closed, data);
    peak->now_ms = now_ms;
    peak->today = (struct peak_mark){0};
    open_window(peak, now_ms);
}

bool peak_observe(struct peak *peak, const struct tally_level *level, int64_t now_ms)
{
    if (now_ms > peak->now_ms)
        peak->now_ms = now_ms;
    hold_level(peak, level);
    return raise_marks(peak, peak->now_ms);
}
