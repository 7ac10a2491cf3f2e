/* last_line.h - a line of the listing of `last -F` or `last --time-format iso` (util-linux; -w, -x, -a, -R
 * and -i as well). Pure but for the local time zone. */
#ifndef FARMGATE_CTL_LAST_LINE_H
#define FARMGATE_CTL_LAST_LINE_H

#include "log_time.h"
#include "utmp_layout.h"

enum last_kind {
    LAST_NOTHING, /* not understood */
    LAST_SESSION, /* user, line, host, begin, how it ended */
    LAST_BOOT,    /* begin; end if it is told */
    LAST_DOWN,    /* begin: a shutdown, run level 0 or 6 */
    LAST_OTHER,   /* another run level, a change of the clock */
    LAST_BEGINS,  /* "wtmp begins …": the listing is complete */
};

enum last_end {
    LAST_ENDED,     /* at end_ms */
    LAST_WENT_DOWN, /* "crash", "down": when is not told, but how long it lasted */
    LAST_OPEN,      /* "still logged in", "gone - no logout", "still running" */
};

struct last_line {
    enum last_kind kind;
    enum last_end end;
    struct utmp_field user, line, host;
    int64_t begin_ms, end_ms;
    bool has_minutes;
    int64_t minutes; /* how long it lasted */
};

void last_line_read(struct log_time *time, const char *text, size_t bytes, struct last_line *ret);

#endif
