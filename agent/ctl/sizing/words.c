#include "words.h"

#include "agent/core/peak.h"
#include "common/rfc3339.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS          INT64_C(3600000)
#define MINUTE_MS        INT64_C(60000)
#define WEEK_DAYS        7
#define DAY_HOURS        24
#define OFFICE_GROUPS    4 /* told by name at most */
#define MONDAY_FROM_1970 4 /* 1970-01-05 */

/* ---- dates --------------------------------------------------------------------------------------------- */

const char *words_date(int64_t date, char ret_text[WORDS_BYTES])
{
    char text[RFC3339_BYTES];
    rfc3339_format(date * DAY_MS, text);
    snprintf(ret_text, WORDS_BYTES, "%.10s", text);
    return ret_text;
}

const char *words_weekday(unsigned weekday)
{
    static const char *const names[WEEK_DAYS] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    return names[weekday];
}

unsigned words_weekday_of(int64_t date)
{
    int64_t rest = (date - MONDAY_FROM_1970) % WEEK_DAYS;
    return (unsigned)(rest < 0 ? rest + WEEK_DAYS : rest);
}

void words_month_of(int64_t date, int *ret_year, int *ret_month)
{
    char text[WORDS_BYTES];
    words_date(date, text);
    *ret_year = atoi(text);
    *ret_month = atoi(text + 5);
}

static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};

const char *words_month(int month)
{
    static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    return names[month - 1];
}

const char *words_long_date(int64_t date, char ret_text[WORDS_BYTES])
{
    char text[WORDS_BYTES];
    int year, month;
    words_month_of(date, &year, &month);
    words_date(date, text);
    snprintf(ret_text, WORDS_BYTES, "%s %d %s %d", words_weekday(words_weekday_of(date)), atoi(text + 8),
             months[month - 1], year);
    return ret_text;
}

int64_t words_date_of(const struct sizing_zone *zone, int64_t at_ms, int64_t *ret_ms)
{
    int64_t local_ms = at_ms + (zone == NULL ? 0 : zone->offset_ms(zone->data, at_ms));
    int64_t rest = local_ms % DAY_MS;
    *ret_ms = rest < 0 ? rest + DAY_MS : rest;
    return (local_ms - *ret_ms) / DAY_MS;
}

const char *words_instant(const struct sizing_zone *zone, int64_t at_ms, char ret_text[WORDS_BYTES])
{
    char date[WORDS_BYTES];
    int64_t ms;
    words_long_date(words_date_of(zone, at_ms, &ms), date);
    snprintf(ret_text, WORDS_BYTES, "%.28s, %02d:%02d:%02d", date, (int)(ms / HOUR_MS),
             (int)(ms / MINUTE_MS % 60), (int)(ms / 1000 % 60));
    return ret_text;
}

/* ---- numbers ------------------------------------------------------------------------------------------- */

/* Rounded to the nearest; so much of a unit, and of the next smaller one where that is said. */
static int64_t rounded(int64_t ms, int64_t unit_ms)
{
    return (ms + unit_ms / 2) / unit_ms;
}

const char *words_span(int64_t ms, char ret_text[WORDS_BYTES])
{
    int64_t minutes = rounded(ms, MINUTE_MS), hours = rounded(ms, HOUR_MS);
    if (ms == 0)
        snprintf(ret_text, WORDS_BYTES, "0");
    else if (ms < 1000)
        snprintf(ret_text, WORDS_BYTES, "under 1 s");
    else if (rounded(ms, 1000) < 100)
        snprintf(ret_text, WORDS_BYTES, "%" PRId64 " s", rounded(ms, 1000));
    else if (minutes < 60)
        snprintf(ret_text, WORDS_BYTES, "%" PRId64 " min", minutes);
    else if (minutes < 10 * 60 && minutes % 60 != 0)
        snprintf(ret_text, WORDS_BYTES, "%" PRId64 " h %" PRId64 " min", minutes / 60, minutes % 60);
    else if (hours < 100)
        snprintf(ret_text, WORDS_BYTES, "%" PRId64 " h", hours);
    else
        snprintf(ret_text, WORDS_BYTES, "%" PRId64 " days", rounded(ms, DAY_MS));
    return ret_text;
}

const char *words_number(uint64_t number, char ret_text[WORDS_BYTES])
{
    char digits[WORDS_BYTES];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, number);
    char *to = ret_text;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return ret_text;
}

/* ---- office time --------------------------------------------------------------------------------------- */

static bool is_alike(const struct recommend_office *office, unsigned one, unsigned other)
{
    return memcmp(&office->hours[one * DAY_HOURS], &office->hours[other * DAY_HOURS],
                  DAY_HOURS * sizeof *office->hours) == 0;
}

/* "8-12, 13-17 h" of a day; false where it has none. */
static bool tell_hours(FILE *file, const bool *hours, const char *dash, unsigned *groups)
{
    bool any = false;
    for (unsigned from = 0; from < DAY_HOURS; from++) {
        unsigned to = from;
        while (to < DAY_HOURS && hours[to])
            to++;
        if (to == from)
            continue;
        fprintf(file, "%s%u%s%u", any ? ", " : " ", from, dash, to);
        any = true;
        ++*groups;
        from = to;
    }
    if (any)
        fprintf(file, " h");
    return any;
}

const char *words_office(const struct recommend_office *office, const char *dash,
                         char ret_text[WORDS_OFFICE_BYTES])
{
    char text[WORDS_OFFICE_BYTES * 4] = "";
    unsigned groups = 0;
    FILE *file = fmemopen(text, sizeof text, "w");
    for (unsigned from = 0, to; file != NULL && from < WEEK_DAYS; from = to) {
        static const bool none[DAY_HOURS];
        const bool *hours = &office->hours[from * DAY_HOURS];
        for (to = from + 1; to < WEEK_DAYS && is_alike(office, from, to);)
            to++;
        if (memcmp(hours, none, sizeof none) == 0)
            continue;
        fprintf(file, "%s%s", groups > 0 ? "; " : "", words_weekday(from));
        if (to > from + 1)
            fprintf(file, "%s%s", dash, words_weekday(to - 1));
        (void)tell_hours(file, hours, dash, &groups);
    }
    if (file != NULL)
        (void)fclose(file);
    if (office->hour_count == SIZING_WEEK_HOURS)
        snprintf(ret_text, WORDS_OFFICE_BYTES, "every hour of the week");
    else if (groups > OFFICE_GROUPS || file == NULL)
        snprintf(ret_text, WORDS_OFFICE_BYTES, "%u hours of the week", office->hour_count);
    else
        snprintf(ret_text, WORDS_OFFICE_BYTES, "%.*s", WORDS_OFFICE_BYTES - 1, text);
    return ret_text;
}
