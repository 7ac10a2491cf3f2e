/* standing.h - what a farm's next entitlement says. Pure. */
#ifndef FARMGATE_CLOUD_LEDGER_STANDING_H
#define FARMGATE_CLOUD_LEDGER_STANDING_H

#include "cloud/ledger/ledger.h"

struct standing {
    uint64_t serial;
    bool active;
    const char *reason; /* static; "" while active */
    uint32_t limit;
    uint64_t purchases;
    bool trial;
    int64_t expires_ms, issued_ms, refresh_by_ms;
};

/* Takes the next serial and date for the farm, which remembers them: neither goes back, even if the wall
 * clock does. `subscription` and `key` are NULL for a trial. */
void standing_issue(struct farm *farm, const struct subscription *subscription, const struct key *key,
                    int64_t refresh_ms, int64_t now_ms, struct standing *ret);

#endif
