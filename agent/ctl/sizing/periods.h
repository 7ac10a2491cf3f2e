/* periods.h - a log's days, or where they are more than a picture has room for, its weeks, months or years.
 */
#ifndef FARMGATE_CTL_SIZING_PERIODS_H
#define FARMGATE_CTL_SIZING_PERIODS_H

#include "sizing.h"

enum periods_unit { PERIODS_DAYS, PERIODS_WEEKS, PERIODS_MONTHS, PERIODS_YEARS, PERIODS_UNIT_MAX };

/* The highest day of it. */
struct period {
    int64_t date; /* the first of its days, whether it is in the log or not */
    int64_t peak_at_ms;
    uint32_t peak_users;
};

struct periods {
    enum periods_unit unit;
    struct period *of; /* free() it */
    size_t count;
};

/* "day", "week", … */
const char *periods_unit_name(enum periods_unit unit);

/* In the finest unit that gives at most `most` of them (years may be more). ERROR_NO_MEMORY. */
int periods_make(const struct sizing_result *result, size_t most, struct periods *ret_periods);

#endif
