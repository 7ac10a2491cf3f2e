/* backlog.h - when those are to come back who had to be sent away: spread at random over as long as their
 * number takes, so that they do not all come at once again. Pure. */
#ifndef FARMGATE_CLOUD_API_BACKLOG_H
#define FARMGATE_CLOUD_API_BACKLOG_H

#include <stdint.h>

#define BACKLOG_TURN_MS       2    /* that one of them is given: less than the ledger's slowest disks need */
#define BACKLOG_SPREAD_MS_MIN 5000 /* over which the first are spread */
#define BACKLOG_SPREAD_MS_MAX 600000 /* half a farm's reporting period */

struct backlog {
    int64_t clear_ms; /* when all that were sent away will have had their turn */
};

/* One more is sent away: the seconds (≥ 1) after which it may come back. `chance` is any random number,
 * now_ms monotonic. */
unsigned backlog_send_away(struct backlog *backlog, uint32_t chance, int64_t now_ms);

#endif
