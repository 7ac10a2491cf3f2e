#include "rfc3339.h"

#include <stdio.h>

#define DAY_MS   INT64_C(86400000)
#define FIRST_MS (INT64_C(-62135596800000)) /* 0001-01-01T00:00:00.000Z */
#define LAST_MS  (INT64_C(253402300799999)) /* 9999-12-31T23:59:59.999Z */

struct date {
    int year, month, day;
};

static bool is_leap_year(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap_year(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01. Years are counted from March, so that the leap day is the last of its year. */
static int64_t days_of_date(struct date date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = year / 400; /* years here are never negative */
    int64_t year_of_era = year - era * 400;
    int64_t month_from_march = (date.month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static struct date date_of_days(int64_t days)
{
    int64_t shifted = days + 719468;
    int64_t era = shifted / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    struct date date;
    date.day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    date.month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    date.year = (int)(year_of_era + era * 400 + (date.month <= 2 ? 1 : 0));
    return date;
}

static int64_t floor_divide(int64_t value, int64_t by)
{
    return value / by - (value % by < 0 ? 1 : 0);
}

static void put_digits(char *at, int value, int digits)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
}

const char *rfc3339_format(int64_t unix_ms, char ret_text[RFC3339_BYTES])
{
    int64_t instant = unix_ms < FIRST_MS ? FIRST_MS : unix_ms > LAST_MS ? LAST_MS : unix_ms;
    int64_t days = floor_divide(instant, DAY_MS);
    int in_day = (int)(instant - days * DAY_MS);
    struct date date = date_of_days(days);
    static const char form[] = "0000-00-00T00:00:00.000Z";
    for (size_t i = 0; i < sizeof(form); i++)
        ret_text[i] = form[i];
    put_digits(ret_text, date.year, 4);
    put_digits(ret_text + 5, date.month, 2);
    put_digits(ret_text + 8, date.day, 2);
    put_digits(ret_text + 11, in_day / 3600000, 2);
    put_digits(ret_text + 14, in_day / 60000 % 60, 2);
    put_digits(ret_text + 17, in_day / 1000 % 60, 2);
    put_digits(ret_text + 20, in_day % 1000, 3);
    return ret_text;
}

/* What is left to read. */
struct cursor {
    const char *at, *end;
};

static bool take(struct cursor *cursor, char upper, char lower)
{
    if (cursor->at == cursor->end || (*cursor->at != upper && *cursor->at != lower))
        return false;
    cursor->at++;
    return true;
}

static bool take_number(struct cursor *cursor, int digits, int min, int max, int *ret)
{
    int value = 0;
    if (cursor->end - cursor->at < digits)
        return false;
    for (int i = 0; i < digits; i++, cursor->at++) {
        if (*cursor->at < '0' || *cursor->at > '9')
            return false;
        value = value * 10 + (*cursor->at - '0');
    }
    if (value < min || value > max)
        return false;
    *ret = value;
    return true;
}

static bool take_fraction(struct cursor *cursor, int *ret_ms)
{
    *ret_ms = 0;
    if (!take(cursor, '.', '.'))
        return true;
    int digits = 0, weight = 100;
    for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++, digits++) {
        *ret_ms += (*cursor->at - '0') * weight;
        weight /= 10;
    }
    return digits >= 1 && digits <= 9;
}

static bool take_offset(struct cursor *cursor, int *ret_minutes)
{
    int hours, minutes, sign = 1;
    if (take(cursor, 'Z', 'z')) {
        *ret_minutes = 0;
        return true;
    }
    if (take(cursor, '-', '-'))
        sign = -1;
    else if (!take(cursor, '+', '+'))
        return false;
    if (!take_number(cursor, 2, 0, 23, &hours) || !take(cursor, ':', ':') ||
        !take_number(cursor, 2, 0, 59, &minutes))
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

bool rfc3339_parse(const char *text, size_t bytes, int64_t *ret_unix_ms)
{
    struct cursor cursor = {text, text + bytes};
    struct date date;
    int hour, minute, second, fraction_ms, offset_minutes;
    if (!take_number(&cursor, 4, 1, 9999, &date.year) || !take(&cursor, '-', '-') ||
        !take_number(&cursor, 2, 1, 12, &date.month) || !take(&cursor, '-', '-') ||
        !take_number(&cursor, 2, 1, days_in_month(date.year, date.month), &date.day) ||
        !take(&cursor, 'T', 't') || !take_number(&cursor, 2, 0, 23, &hour) || !take(&cursor, ':', ':') ||
        !take_number(&cursor, 2, 0, 59, &minute) || !take(&cursor, ':', ':') ||
        !take_number(&cursor, 2, 0, 60, &second) || !take_fraction(&cursor, &fraction_ms) ||
        !take_offset(&cursor, &offset_minutes) || cursor.at != cursor.end)
        return false;
    int64_t seconds = days_of_date(date) * 86400 + hour * 3600 + (minute - offset_minutes) * 60 + second;
    if (second == 60 && seconds % 86400 != 0) /* leap seconds are inserted only at the end of a UTC day */
        return false;
    int64_t instant = seconds * 1000 + fraction_ms;
    if (instant < FIRST_MS || instant > LAST_MS)
        return false;
    *ret_unix_ms = instant;
    return true;
}
