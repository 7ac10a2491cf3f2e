#include "cloud/ledger/calendar.h"

#include <stdbool.h>

#define DAYS_IN_400_YEARS 146097

struct date {
    int64_t year;
    int month, day; /* 1 … 12, 1 … 31 */
};

static int64_t floor_divide(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

int64_t calendar_day(int64_t unix_ms)
{
    return floor_divide(unix_ms, CALENDAR_DAY_MS);
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970-01-01 to the first of January. */
static int64_t day_of_year_start(int64_t year)
{
    int64_t before = year - 1;
    return before * 365 + floor_divide(before, 4) - floor_divide(before, 100) + floor_divide(before, 400) -
           719162;
}

static int64_t day_of_date(const struct date *date)
{
    int64_t day = day_of_year_start(date->year) + date->day - 1;
    for (int month = 1; month < date->month; month++)
        day += days_in_month(date->year, month);
    return day;
}

static struct date date_of_day(int64_t day)
{
    /* The estimate is never late and at most a year early. */
    struct date date = {.year = 1970 + floor_divide((day - 1) * 400, DAYS_IN_400_YEARS), .month = 1};
    while (day_of_year_start(date.year + 1) <= day)
        date.year++;
    int64_t left = day - day_of_year_start(date.year);
    while (left >= days_in_month(date.year, date.month))
        left -= days_in_month(date.year, date.month++);
    date.day = (int)left + 1;
    return date;
}

int calendar_day_of_month(int64_t unix_ms)
{
    return date_of_day(calendar_day(unix_ms)).day;
}

int64_t calendar_add_months(int64_t unix_ms, int months, int day_of_month)
{
    int64_t day = calendar_day(unix_ms);
    struct date date = date_of_day(day);

    int64_t months_since_year_0 = date.year * 12 + date.month - 1 + months;
    date.year = floor_divide(months_since_year_0, 12);
    date.month = (int)(months_since_year_0 - date.year * 12) + 1;
    int last = days_in_month(date.year, date.month);
    date.day = day_of_month < last ? day_of_month : last;
    return day_of_date(&date) * CALENDAR_DAY_MS + (unix_ms - day * CALENDAR_DAY_MS);
}
