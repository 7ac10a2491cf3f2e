/* peak.h - the highest number of concurrent users of every 20-minute window, of today, and ever (RULES §2.6,
 * §3.2).
 *
 * Over instants, not samples: a user who connects and leaves between two reports is in it, and a window's
 * peak includes the level carried in at its start. Times are licence time, Unix ms; a time before the last
 * one counts as the last. */
#ifndef FARMGATE_CORE_PEAK_H
#define FARMGATE_CORE_PEAK_H

#include <stdbool.h>
#include <stdint.h>

#define WINDOW_MS INT64_C(1200000)  /* windows are [k·WINDOW_MS, (k+1)·WINDOW_MS) */
#define DAY_MS    INT64_C(86400000) /* days are UTC */

struct tally_level;

/* A reporting period. The first and the last may be shorter than WINDOW_MS. */
struct window {
    uint64_t sequence; /* of the farm id, from 1; 0: before the first activation, kept and never sent */
    int64_t start_ms, end_ms;
    int64_t peak_at_ms; /* the first instant of the peak */
    uint32_t peak_users;
    uint32_t users_at_end; /* of the running window: now */
    uint32_t exempt_peak;  /* most exempt connections at an instant */
    uint32_t hosts;        /* most hosts with a live connection at an instant */
};

struct peak_mark {
    int64_t at_ms; /* 0: none yet */
    uint32_t users;
};

struct peak {
    struct window window; /* the running one; its end_ms is where it will close */
    struct peak_mark today, ever;
    int64_t now_ms;                                  /* the latest instant seen */
    uint32_t level_users, level_exempt, level_hosts; /* as last observed */
    bool started;
};

typedef void peak_closed_fn(void *data, const struct window *closed);

/* Begins at now_ms with this level. A *peak that is all zero begins its first window; one whose window and
 * marks were restored goes on with them, and the next peak_advance closes what ended meanwhile. */
void peak_start(struct peak *peak, const struct tally_level *level, int64_t now_ms);

/* Moves to now_ms: every window that ended on the way is closed, oldest first, with the level held in it; so
 * is the day: while `closed` runs, peak->today is still the mark of that window's day, and a window that ends
 * at midnight (end_ms % DAY_MS == 0) finishes it. After PEAK_CATCH_UP_MAX windows a longer pause leaves a gap
 * and begins anew at now_ms. `closed` may be NULL. */
#define PEAK_CATCH_UP_MAX 28800 /* 400 days */
void peak_advance(struct peak *peak, int64_t now_ms, peak_closed_fn *closed, void *data);

/* Time was far ahead and begins anew at now_ms: the running window ends where it stood, another begins, today
 * is another day; `ever` stays. */
void peak_restart(struct peak *peak, int64_t now_ms, peak_closed_fn *closed, void *data);

/* The level from now_ms on (call peak_advance to it first). True if a mark of the running window, day or ever
 * moved. */
bool peak_observe(struct peak *peak, const struct tally_level *level, int64_t now_ms);

/* Start of the window that holds t_ms (floor, also before 1970). */
int64_t window_start(int64_t t_ms);

#endif
