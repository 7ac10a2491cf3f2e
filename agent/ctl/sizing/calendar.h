/* calendar.h - the highest number of users of every day, and how many were on in every hour of the week, as
 * the clocks of a time zone have them.
 *
 * As with windows, what a day's or an hour's begin carries in is in its peak. */
#ifndef FARMGATE_CTL_SIZING_CALENDAR_H
#define FARMGATE_CTL_SIZING_CALENDAR_H

#include "sizing.h"

#include <stdbool.h>

struct calendar {
    const struct sizing_zone *zone; /* NULL: UTC */
    struct sizing_day *days;
    size_t day_count, day_room;
    struct {
        struct sizing_hour told;
        int64_t *levels;
        size_t level_room;
    } week[SIZING_WEEK_HOURS];
    uint32_t users;
    int64_t now_ms;
    unsigned hour;       /* of the week, that runs */
    int64_t hour_end_ms; /* where it will end */
};

void calendar_finish(struct calendar *calendar);

/* An all-zero one begins at now_ms, with nobody on. False without memory. */
bool calendar_start(struct calendar *calendar, const struct sizing_zone *zone, int64_t now_ms);
/* Time passes. False without memory. */
bool calendar_advance(struct calendar *calendar, int64_t now_ms);
/* From now on `users` are on. False without memory. */
bool calendar_observe(struct calendar *calendar, uint32_t users);

/* The hours of the week; their levels belong to the calendar. */
void calendar_week(const struct calendar *calendar, struct sizing_hour ret_week[SIZING_WEEK_HOURS]);

#endif
