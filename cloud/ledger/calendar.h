/* calendar.h - calendar months and days in UTC over Unix ms. Pure. */
#ifndef FARMGATE_CLOUD_LEDGER_CALENDAR_H
#define FARMGATE_CLOUD_LEDGER_CALENDAR_H

#include <stdint.h>

#define CALENDAR_DAY_MS INT64_C(86400000)

/* The same time of day `months` later, on that day of the month (1 … 31) or, where the month is too short, on
 * its last day. */
int64_t calendar_add_months(int64_t unix_ms, int months, int day_of_month);

int calendar_day_of_month(int64_t unix_ms); /* 1 … 31 */

/* Days since 1970-01-01. */
int64_t calendar_day(int64_t unix_ms);

#endif
