/* usage.h - the windows that a farm reports (RULES §5.5): counted once, refused with a reason, never in the
 * way of the next. Pure.
 *
 * A farm whose database was set back (a snapshot, a backup) numbers from an earlier number on. Windows that
 * it closes again for the time that was counted are repetitions, and change nothing. One with a used number
 * that begins only after everything counted ended is none: its number is refused (USAGE_NUMBER_USED), the
 * books stay as they are, and the farm reports it under a number past usage_through. So is all that stands
 * behind it in the report, that the farm numbers on in the order of time. A new number for a time that may
 * have been counted, before the windows kept, overlaps.
 *
 * A report of up to USAGE_WINDOWS_KEPT windows sent again gets the same answer: of a longer one (a file) the
 * first are not kept any more, count as taken, and lose their reasons. What was refused for its time is
 * judged anew once that time has come. */
#ifndef FARMGATE_CLOUD_LEDGER_USAGE_H
#define FARMGATE_CLOUD_LEDGER_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USAGE_WINDOWS_KEPT  216 /* as many as one report holds: a report sent again is always recognised */
#define USAGE_DAYS_KEPT     400
#define USAGE_WINDOW_MS_MAX 1200000
#define USAGE_AHEAD_MS_MAX  86400000

#define USAGE_REFUSALS(X)           \
    X(USAGE_COUNTED, "")            \
    X(USAGE_NO_PERIOD, "no_period") \
    X(USAGE_TOO_LONG, "too_long")   \
    X(USAGE_IN_FUTURE, "in_future") \
    X(USAGE_OVERLAPS, "overlaps")   \
    X(USAGE_NUMBER_USED, "number_used")

#define USAGE_REFUSAL_ENUM(name, code) name,
enum usage_refusal { USAGE_REFUSALS(USAGE_REFUSAL_ENUM) USAGE_REFUSAL_MAX };
#undef USAGE_REFUSAL_ENUM

const char *usage_refusal_code(enum usage_refusal refusal); /* "too_long"; "" if it counts */

struct usage_window {
    int64_t sequence;
    int64_t start_ms, end_ms, peak_at_ms;
    int64_t peak_users, users_at_end, exempt_peak, hosts;
    enum usage_refusal refusal;
};

struct usage_day {
    int64_t day; /* since 1970-01-01, UTC */
    int64_t peak_users, peak_at_ms;
};

struct usage_totals {
    int64_t accepted_through; /* the highest sequence that was counted */
    int64_t windows_counted, windows_refused;
    int64_t windows_missing;        /* sequences skipped so far */
    int64_t clock_ahead_ms;         /* how far the last report's windows reached past our time; 0: not */
    int64_t peak_users, peak_at_ms; /* the highest ever reported */
    int64_t forgotten_through_ms;   /* counted windows that are not kept any more ended by then; 0: none */
};

struct usage {
    struct usage_totals totals;
    size_t window_count, day_count;
    struct usage_window windows[USAGE_WINDOWS_KEPT]; /* by sequence, counted and refused ones */
    struct usage_day days[USAGE_DAYS_KEPT];          /* oldest first */
};

/* Takes one window in (sequence ≥ 1). The same sequence again gets the same answer and changes nothing, but
 * where USAGE_IN_FUTURE has passed: then it is taken in as if it came now. One from before the windows kept
 * has long been dealt with and counts as taken. With another start either is USAGE_NUMBER_USED, and nothing
 * is kept of it, if it begins after all that was counted. */
enum usage_refusal usage_take(struct usage *usage, const struct usage_window *window, int64_t now_ms);

/* Through which number a report is dealt with: the highest that was counted; where one was used before, the
 * highest that was ever taken in, refused or not, that the farm finds a free one at once. */
int64_t usage_through(const struct usage *usage, bool number_used);

/* The peak of the last window that was counted; 0 before the first. */
int64_t usage_last_peak(const struct usage *usage);

/* Takes in a report, or a piece of one: `windows` in any order, each one's refusal in its place. *number_used
 * is false before the first piece; from the first USAGE_NUMBER_USED on it is true, and nothing is taken. */
void usage_report(struct usage *usage, struct usage_window *windows, size_t count, int64_t now_ms,
                  bool *number_used);

#endif
