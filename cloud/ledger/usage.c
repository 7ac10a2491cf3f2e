#include "cloud/ledger/usage.h"

#include "cloud/ledger/calendar.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

const char *usage_refusal_code(enum usage_refusal refusal)
{
#define USAGE_REFUSAL_CODE(name, code) [name] = code,
    static const char *const codes[] = {USAGE_REFUSALS(USAGE_REFUSAL_CODE)};
    return codes[refusal];
}

/* Where the sequence is or belongs among the windows kept. */
static size_t place_of(const struct usage *usage, int64_t sequence)
{
    size_t at = usage->window_count;
    while (at > 0 && usage->windows[at - 1].sequence >= sequence)
        at--;
    return at;
}

static bool overlaps_another(const struct usage *usage, const struct usage_window *window)
{
    if (window->start_ms < usage->totals.forgotten_through_ms)
        return true; /* as far as can be told */
    for (size_t i = 0; i < usage->window_count; i++) {
        const struct usage_window *other = &usage->windows[i];
        if (other->refusal == USAGE_COUNTED && window->start_ms < other->end_ms &&
            other->start_ms < window->end_ms)
            return true;
    }
    return false;
}

static int64_t counted_through_ms(const struct usage *usage)
{
    int64_t through_ms = usage->totals.forgotten_through_ms;
    for (size_t i = 0; i < usage->window_count; i++)
        if (usage->windows[i].refusal == USAGE_COUNTED && usage->windows[i].end_ms > through_ms)
            through_ms = usage->windows[i].end_ms;
    return through_ms;
}

static enum usage_refusal judge(const struct usage *usage, const struct usage_window *window, int64_t now_ms)
{
    if (window->end_ms <= window->start_ms)
        return USAGE_NO_PERIOD;
    if (window->end_ms - window->start_ms > USAGE_WINDOW_MS_MAX)
        return USAGE_TOO_LONG;
    if (window->end_ms > now_ms + USAGE_AHEAD_MS_MAX)
        return USAGE_IN_FUTURE;
    if (overlaps_another(usage, window))
        return USAGE_OVERLAPS;
    return USAGE_COUNTED;
}

static void note_gap(struct usage *usage, int64_t sequence)
{
    int64_t last = usage->window_count > 0 ? usage->windows[usage->window_count - 1].sequence : 0;
    if (sequence > last)
        usage->totals.windows_missing += sequence - last - 1;
    else if (usage->totals.windows_missing > 0)
        usage->totals.windows_missing--;
}

static void forget(struct usage_totals *totals, const struct usage_window *window)
{
    if (window->refusal == USAGE_COUNTED && window->end_ms > totals->forgotten_through_ms)
        totals->forgotten_through_ms = window->end_ms;
}

static void keep_window(struct usage *usage, size_t at, const struct usage_window *window)
{
    if (usage->window_count == USAGE_WINDOWS_KEPT) {
        forget(&usage->totals, &usage->windows[0]);
        memmove(&usage->windows[0], &usage->windows[1], (at - 1) * sizeof usage->windows[0]);
        at--;
    } else {
        memmove(&usage->windows[at + 1], &usage->windows[at],
                (usage->window_count - at) * sizeof usage->windows[0]);
        usage->window_count++;
    }
    usage->windows[at] = *window;
}

static void raise_day(struct usage_day *day, const struct usage_window *window)
{
    if (window->peak_users > day->peak_users) {
        day->peak_users = window->peak_users;
        day->peak_at_ms = window->peak_at_ms;
    }
}

static void count_day(struct usage *usage, const struct usage_window *window)
{
    int64_t day = calendar_day(window->start_ms);
    size_t at = usage->day_count;
    while (at > 0 && usage->days[at - 1].day > day)
        at--;
    if (at > 0 && usage->days[at - 1].day == day) {
        raise_day(&usage->days[at - 1], window);
        return;
    }
    if (usage->day_count == USAGE_DAYS_KEPT) {
        if (at == 0)
            return; /* older than all that are kept */
        memmove(&usage->days[0], &usage->days[1], (at - 1) * sizeof usage->days[0]);
        at--;
    } else {
        memmove(&usage->days[at + 1], &usage->days[at], (usage->day_count - at) * sizeof usage->days[0]);
        usage->day_count++;
    }
    usage->days[at] = (struct usage_day){day, window->peak_users, window->peak_at_ms};
}

/* Days more than 400 before the newest go, also where the farm was silent in between. */
static void forget_old_days(struct usage *usage)
{
    size_t old = 0;
    while (old < usage->day_count &&
           usage->days[old].day <= usage->days[usage->day_count - 1].day - USAGE_DAYS_KEPT)
        old++;
    memmove(&usage->days[0], &usage->days[old], (usage->day_count - old) * sizeof usage->days[0]);
    usage->day_count -= old;
}

static void count_window(struct usage *usage, const struct usage_window *window)
{
    usage->totals.windows_counted++;
    if (window->sequence > usage->totals.accepted_through)
        usage->totals.accepted_through = window->sequence;
    if (window->peak_users > usage->totals.peak_users) {
        usage->totals.peak_users = window->peak_users;
        usage->totals.peak_at_ms = window->peak_at_ms;
    }
    count_day(usage, window);
    forget_old_days(usage);
}

/* As if it had never come before: it was one of the refused, and is it again or not. */
static enum usage_refusal judge_anew(struct usage *usage, struct usage_window *kept,
                                     const struct usage_window *window, int64_t now_ms)
{
    enum usage_refusal refusal = judge(usage, window, now_ms);
    *kept = *window;
    kept->refusal = refusal;
    if (refusal == USAGE_COUNTED) {
        usage->totals.windows_refused--;
        count_window(usage, window);
    }
    return refusal;
}

/* A clock that was far ahead has used number and period, and a farm that was set back comes to both again. */
static bool has_come(const struct usage_window *kept, int64_t now_ms)
{
    return kept->refusal == USAGE_IN_FUTURE && kept->end_ms <= now_ms + USAGE_AHEAD_MS_MAX;
}

enum usage_refusal usage_take(struct usage *usage, const struct usage_window *window, int64_t now_ms)
{
    size_t at = place_of(usage, window->sequence);
    bool is_kept = at < usage->window_count && usage->windows[at].sequence == window->sequence;
    bool is_again = is_kept && usage->windows[at].start_ms == window->start_ms;
    bool is_used = is_kept || (at == 0 && usage->window_count == USAGE_WINDOWS_KEPT);
    if (is_used && !is_again && window->start_ms >= counted_through_ms(usage))
        return USAGE_NUMBER_USED;
    if (is_again && has_come(&usage->windows[at], now_ms))
        return judge_anew(usage, &usage->windows[at], window, now_ms);
    if (is_used)
        return is_kept ? usage->windows[at].refusal : USAGE_COUNTED;

    struct usage_window judged = *window;
    judged.refusal = judge(usage, window, now_ms);
    note_gap(usage, window->sequence);
    keep_window(usage, at, &judged);
    if (judged.refusal == USAGE_COUNTED)
        count_window(usage, &judged);
    else
        usage->totals.windows_refused++;
    return judged.refusal;
}

int64_t usage_through(const struct usage *usage, bool number_used)
{
    if (!number_used || usage->window_count == 0)
        return usage->totals.accepted_through;
    return usage->windows[usage->window_count - 1].sequence;
}

int64_t usage_last_peak(const struct usage *usage)
{
    for (size_t at = usage->window_count; at > 0; at--)
        if (usage->windows[at - 1].refusal == USAGE_COUNTED)
            return usage->windows[at - 1].peak_users;
    return 0;
}

void usage_report(struct usage *usage, struct usage_window *windows, size_t count, int64_t now_ms,
                  bool *number_used)
{
    int64_t ahead_ms = 0;
    for (size_t i = 0; i < count; i++) {
        windows[i].refusal = *number_used ? USAGE_NUMBER_USED : usage_take(usage, &windows[i], now_ms);
        *number_used = windows[i].refusal == USAGE_NUMBER_USED;
        if (windows[i].end_ms - now_ms > ahead_ms)
            ahead_ms = windows[i].end_ms - now_ms;
    }
    if (count > 0)
        usage->totals.clock_ahead_ms = ahead_ms;
}
