/* clocks.h - every clock that runs, in one table: what falls due, and when. */
#ifndef FARMGATE_CORE_CLOCKS_H
#define FARMGATE_CORE_CLOCKS_H

#include <stdint.h>

struct core_status;

enum farm_clock {
    CLOCK_SETTLING_ENDS,      /* the overuse grace begins, if the limit is still exceeded */
    CLOCK_OVERUSE_GRACE_ENDS, /* while it runs */
    CLOCK_DEACTIVATES_AT,     /* the validation that deactivates, if the limit is still exceeded */
    CLOCK_EXPIRES_AT,         /* the term's end, also when it is past */
    CLOCK_EXPIRY_GRACE_ENDS,  /* while it runs */
    CLOCK_REFRESH_BY,         /* the next contact, also when it is past */
    CLOCK_NEXT_VALIDATION,
    CLOCK_NEXT_REPORT,
    CLOCK_MAX
};

/* "settling_ends", "expires_at", …: as in /v1/status. */
const char *farm_clock_name(enum farm_clock clock);

/* Licence time; INT64_MAX: it does not run. */
int64_t farm_clock_ms(const struct core_status *status, enum farm_clock clock);

#endif
