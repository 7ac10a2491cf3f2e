/* herd.h - a thousand farms and one authority that comes back: do they all come at once? */
#ifndef FARMGATE_TESTS_SIM_HERD_H
#define FARMGATE_TESTS_SIM_HERD_H

#include <stdbool.h>
#include <stdint.h>

enum herd_event {
    HERD_OUTAGE,      /* the authority is away for seven hours */
    HERD_RETRY_AFTER, /* it asks everybody to come back in ten minutes, for an hour */
    HERD_POWER_CUT,   /* every host loses power at one instant, and has it back at one */
    HERD_EVENT_MAX
};

struct herd_figures {
    unsigned farms;       /* that reported in the twenty minutes after it */
    unsigned most_second; /* reports in the busiest second */
    unsigned most_minute, least_minute;
};

const char *herd_event_text(enum herd_event event);

/* Runs it and measures. `in_step`: a planted mistake, farms whose cycles lie together. */
struct herd_figures herd_run(enum herd_event event, bool in_step);

/* Whether that is a crowd that an authority can bear: everybody is back within one cycle, no second has many
 * more than chance gives it, no minute is idle. */
bool herd_is_spread(const struct herd_figures *figures);

#endif
