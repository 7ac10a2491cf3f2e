#include "periods.h"

#include "words.h"

#include "agent/core/peak.h"
#include "common/error.h"
#include "common/rfc3339.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *periods_unit_name(enum periods_unit unit)
{
    static const char *const names[PERIODS_UNIT_MAX] = {"day", "week", "month", "year"};
    return names[unit];
}

/* The first day of the period that holds `date`. */
static int64_t first_date(enum periods_unit unit, int64_t date)
{
    char day[WORDS_BYTES], text[WORDS_BYTES];
    int64_t ms = date * DAY_MS;
    if (unit == PERIODS_DAYS)
        return date;
    if (unit == PERIODS_WEEKS)
        return date - words_weekday_of(date);
    words_date(date, day);
    snprintf(text, sizeof text, "%.*s%sT00:00:00Z", unit == PERIODS_MONTHS ? 7 : 4, day,
             unit == PERIODS_MONTHS ? "-01" : "-01-01");
    (void)rfc3339_parse(text, strlen(text), &ms);
    return ms / DAY_MS;
}

/* Returns how many periods there are; fills them in if `periods` is not NULL. */
static size_t fill(const struct sizing_result *result, enum periods_unit unit, struct period *periods)
{
    size_t count = 0;
    int64_t last = 0;
    for (size_t i = 0; i < result->day_count; i++) {
        const struct sizing_day *day = &result->days[i];
        int64_t first = first_date(unit, day->date);
        bool begins = i == 0 || first != last;
        last = first;
        count += begins;
        if (periods == NULL)
            continue;
        struct period *period = &periods[count - 1];
        if (begins || day->peak_users > period->peak_users)
            *period = (struct period){first, day->peak_at_ms, day->peak_users};
    }
    return count;
}

int periods_make(const struct sizing_result *result, size_t most, struct periods *ret_periods)
{
    enum periods_unit unit = PERIODS_DAYS;
    while (unit < PERIODS_YEARS && fill(result, unit, NULL) > most)
        unit++;
    size_t count = fill(result, unit, NULL);
    struct period *periods = calloc(count + 1, sizeof *periods);
    if (periods == NULL)
        return ERROR_NO_MEMORY;
    (void)fill(result, unit, periods);
    *ret_periods = (struct periods){unit, periods, count};
    return 0;
}
