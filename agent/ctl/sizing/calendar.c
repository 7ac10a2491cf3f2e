#include "calendar.h"

#include "agent/core/peak.h"
#include "common/room.h"

#include <stdlib.h>

#define HOUR_MS      INT64_C(3600000)
#define FIRST_MONDAY 4 /* 1970-01-05, in days from 1970-01-01 */

static int64_t floor_of(int64_t dividend, int64_t divisor)
{
    int64_t rest = dividend % divisor;
    return (dividend - (rest < 0 ? rest + divisor : rest)) / divisor;
}

void calendar_finish(struct calendar *calendar)
{
    for (int hour = 0; hour < SIZING_WEEK_HOURS; hour++)
        free(calendar->week[hour].levels);
    free(calendar->days);
    *calendar = (struct calendar){0};
}

static bool open_day(struct calendar *calendar, int64_t date)
{
    void *days = calendar->days;
    /* Clocks that are set back over midnight begin no day twice. */
    if (calendar->day_count > 0 && date <= calendar->days[calendar->day_count - 1].date)
        return true;
    bool reserved = room_reserve(&days, &calendar->day_room, calendar->day_count + 1, sizeof *calendar->days);
    calendar->days = days;
    if (reserved)
        calendar->days[calendar->day_count++] = (struct sizing_day){
            .date = date,
            .start_ms = calendar->now_ms,
            .peak_at_ms = calendar->now_ms,
            .peak_users = calendar->users,
        };
    return reserved;
}

/* Room for the number of users in the running hour, and its peak. */
static bool raise_hour(struct calendar *calendar)
{
    struct sizing_hour *told = &calendar->week[calendar->hour].told;
    void *levels = calendar->week[calendar->hour].levels;
    bool reserved = room_reserve(&levels, &calendar->week[calendar->hour].level_room,
                                 (size_t)calendar->users + 1, sizeof(int64_t));
    calendar->week[calendar->hour].levels = levels;
    if (reserved && told->level_count <= calendar->users)
        told->level_count = calendar->users + 1;
    if (reserved && told->peak_users < calendar->users)
        told->peak_users = calendar->users;
    return reserved;
}

/* The hour that holds now; the zone is asked anew at each, so that its clocks may be changed between. */
static bool open_hour(struct calendar *calendar)
{
    const struct sizing_zone *zone = calendar->zone;
    int64_t offset_ms = zone == NULL ? 0 : zone->offset_ms(zone->data, calendar->now_ms);
    int64_t hour = floor_of(calendar->now_ms + offset_ms, HOUR_MS);
    int64_t date = floor_of(hour, 24);
    calendar->hour_end_ms = (hour + 1) * HOUR_MS - offset_ms;
    calendar->hour = (unsigned)(hour - FIRST_MONDAY * 24 - floor_of(hour - FIRST_MONDAY * 24, 168) * 168);
    return open_day(calendar, date) && raise_hour(calendar);
}

bool calendar_start(struct calendar *calendar, const struct sizing_zone *zone, int64_t now_ms)
{
    calendar->zone = zone;
    calendar->now_ms = now_ms;
    return open_hour(calendar);
}

bool calendar_advance(struct calendar *calendar, int64_t now_ms)
{
    for (;;) {
        bool ends = now_ms >= calendar->hour_end_ms;
        int64_t passed_ms = (ends ? calendar->hour_end_ms : now_ms) - calendar->now_ms;
        struct sizing_hour *told = &calendar->week[calendar->hour].told;
        told->held_ms += passed_ms;
        told->user_ms += passed_ms * calendar->users;
        calendar->week[calendar->hour].levels[calendar->users] += passed_ms;
        calendar->now_ms += passed_ms;
        if (!ends)
            return true;
        if (!open_hour(calendar))
            return false;
    }
}

bool calendar_observe(struct calendar *calendar, uint32_t users)
{
    struct sizing_day *day = &calendar->days[calendar->day_count - 1];
    calendar->users = users;
    if (users > day->peak_users) {
        day->peak_users = users;
        day->peak_at_ms = calendar->now_ms;
    }
    return raise_hour(calendar);
}

void calendar_week(const struct calendar *calendar, struct sizing_hour ret_week[SIZING_WEEK_HOURS])
{
    for (int hour = 0; hour < SIZING_WEEK_HOURS; hour++) {
        ret_week[hour] = calendar->week[hour].told;
        ret_week[hour].levels = calendar->week[hour].levels;
    }
}
