#include "log_time.h"

#include "sizing.h"

#include <string.h>
#include <time.h>

#define HOUR_MS   INT64_C(3600000)
#define MINUTE_MS INT64_C(60000)
#define DAY_MS    INT64_C(86400000)

#define SET_BACK_MS  (30 * DAY_MS) /* as far a clock is set back; further back is another year */
#define DISORDER_MS  MINUTE_MS     /* of lines that several processes wrote */
#define SYSLOG_BYTES 15            /* of "Jan  2 03:04:05" */
#define DATE_BYTES   19            /* of "2024-01-02T03:04:05" */
#define XRDP_BYTES   17            /* of "20240102-03:04:05" */

void log_time_init(struct log_time *log, int year, int64_t modified_ms)
{
    if (modified_ms == 0)
        modified_ms = (int64_t)time(NULL) * 1000;
    *log = (struct log_time){.year = year, .modified_ms = modified_ms, .known.hour = INT64_MIN};
}

/* ---- calendars ----------------------------------------------------------------------------------------- */

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

bool log_time_is_date(const struct wall_time *wall)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (wall->month < 1 || wall->month > 12 || wall->day < 1 || wall->year < 1969 || wall->year > 9999)
        return false;
    return wall->day <= days[wall->month - 1] + (wall->month == 2 && is_leap(wall->year) ? 1 : 0) &&
           wall->hour <= 23 && wall->minute <= 59 && wall->second <= 60;
}

static int64_t days_before_year(int64_t year)
{
    year--;
    return year * 365 + year / 4 - year / 100 + year / 400;
}

/* Of the Gregorian calendar, as if its clock showed UTC. */
static int64_t utc_ms(const struct wall_time *wall)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t day = days_before_year(wall->year) - days_before_year(1970) + before[wall->month - 1] +
                  (wall->month > 2 && is_leap(wall->year) ? 1 : 0) + wall->day - 1;
    return day * DAY_MS + wall->hour * HOUR_MS + wall->minute * MINUTE_MS + wall->second * 1000 + wall->ms;
}

static bool shows(int64_t at_s, const struct tm *wall)
{
    struct tm other;
    time_t at = (time_t)at_s;
    return localtime_r(&at, &other) != NULL && other.tm_hour == wall->tm_hour &&
           other.tm_min == wall->tm_min && other.tm_mday == wall->tm_mday;
}

/* When local clocks show the beginning of this half hour, once or twice. Asking the system costs as much as
 * reading ten lines. */
static void know_half_hour(struct log_time *log, const struct wall_time *wall, int minute)
{
    struct tm tm = {.tm_year = wall->year - 1900,
                    .tm_mon = wall->month - 1,
                    .tm_mday = wall->day,
                    .tm_hour = wall->hour,
                    .tm_min = minute,
                    .tm_isdst = -1};
    struct tm asked = tm;
    int64_t at = (int64_t)mktime(&asked);
    int64_t first = shows(at - 3600, &tm) ? at - 3600 : at, second = shows(at + 3600, &tm) ? at + 3600 : at;
    log->known.first_ms = first * 1000;
    log->known.second_ms = second * 1000;
}

int64_t log_time_local(struct log_time *log, const struct wall_time *wall)
{
    int half = wall->minute / 30 * 30;
    int64_t hour =
        (((int64_t)wall->year * 12 + wall->month) * 31 + wall->day) * 48 + wall->hour * 2 + half / 30;
    if (log->known.hour != hour) {
        know_half_hour(log, wall, half);
        log->known.hour = hour;
    }
    int64_t within = (wall->minute - half) * MINUTE_MS + wall->second * 1000 + wall->ms;
    int64_t first = log->known.first_ms + within, second = log->known.second_ms + within;
    return log->has_last && first < log->last_ms - DISORDER_MS ? second : first;
}

/* ---- stamps -------------------------------------------------------------------------------------------- */

/* -1 unless all are digits. */
static int number(const char *text, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        unsigned digit = (unsigned char)text[i] - (unsigned)'0';
        if (digit > 9)
            return -1;
        value = value * 10 + (int)digit;
    }
    return value;
}

static bool read_clock(const char *text, struct wall_time *wall)
{
    wall->hour = number(text, 2);
    wall->minute = number(text + 3, 2);
    wall->second = number(text + 6, 2);
    return text[2] == ':' && text[5] == ':' && wall->hour >= 0 && wall->minute >= 0 && wall->second >= 0;
}

int log_time_month(const char *text)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++)
        if (memcmp(text, names + i * 3, 3) == 0)
            return i + 1;
    return 0;
}

/* The year a log without years begins in: the last in which its first line is not after its last writing. */
static int first_year(const struct log_time *log, const struct wall_time *wall)
{
    time_t written = (time_t)((log->modified_ms + DAY_MS) / 1000);
    struct tm tm;
    if (log->year != 0 || localtime_r(&written, &tm) == NULL)
        return log->year != 0 ? log->year : 1970;
    int year = tm.tm_year + 1900;
    bool is_after = wall->month > tm.tm_mon + 1 || (wall->month == tm.tm_mon + 1 && wall->day > tm.tm_mday);
    return is_after ? year - 1 : year;
}

/* Puts the year into a reading that has none. */
static bool guess_year(struct log_time *log, struct wall_time *wall)
{
    if (!log->has_last) {
        wall->year = first_year(log, wall);
        return log_time_is_date(wall);
    }
    wall->year = log->last_year;
    if (log_time_is_date(wall)) {
        int64_t at_ms = utc_ms(wall);
        if (at_ms < log->last_ms - SET_BACK_MS)
            wall->year++;
        else if (at_ms > log->last_ms + 365 * DAY_MS - SET_BACK_MS)
            wall->year--;
    } else {
        wall->year++; /* 29 February, of the year after a New Year that no line has shown */
    }
    return log_time_is_date(wall);
}

static size_t read_syslog(struct log_time *log, const char *text, size_t bytes, int64_t *ret_ms)
{
    struct wall_time wall = {.month = bytes >= SYSLOG_BYTES ? log_time_month(text) : 0};
    if (wall.month == 0 || text[3] != ' ' || text[6] != ' ')
        return 0;
    wall.day = text[4] == ' ' ? number(text + 5, 1) : number(text + 4, 2);
    if (!read_clock(text + 7, &wall) || !guess_year(log, &wall))
        return 0;
    *ret_ms = log_time_local(log, &wall);
    log->last_year = wall.year;
    return SYSLOG_BYTES;
}

/* ".123456": its bytes, and what ms it says. */
static size_t read_fraction(const char *text, size_t bytes, int *ret_ms)
{
    size_t at = 1;
    int ms = 0, weight = 100;
    if (bytes == 0 || (text[0] != '.' && text[0] != ','))
        return 0;
    for (; at < bytes && text[at] >= '0' && text[at] <= '9'; at++, weight /= 10)
        ms += (text[at] - '0') * weight;
    *ret_ms = ms;
    return at;
}

/* "Z", "+01:00", "+0100": its bytes, 0 if there is none. */
static size_t read_zone(const char *text, size_t bytes, int64_t *ret_offset_ms)
{
    if (bytes > 0 && (text[0] == 'Z' || text[0] == 'z')) {
        *ret_offset_ms = 0;
        return 1;
    }
    if (bytes < 5 || (text[0] != '+' && text[0] != '-'))
        return 0;
    size_t colon = text[3] == ':' ? 1 : 0;
    if (bytes < 5 + colon)
        return 0;
    int hours = number(text + 1, 2), minutes = number(text + 3 + colon, 2);
    if (hours < 0 || minutes < 0 || minutes > 59)
        return 0;
    *ret_offset_ms = (hours * HOUR_MS + minutes * MINUTE_MS) * (text[0] == '-' ? -1 : 1);
    return 5 + colon;
}

static size_t read_iso(struct log_time *log, const char *text, size_t bytes, int64_t *ret_ms)
{
    struct wall_time wall;
    int64_t offset_ms;
    if (bytes < DATE_BYTES || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != ' '))
        return 0;
    wall =
        (struct wall_time){.year = number(text, 4), .month = number(text + 5, 2), .day = number(text + 8, 2)};
    if (!read_clock(text + 11, &wall) || !log_time_is_date(&wall))
        return 0;
    size_t at = DATE_BYTES;
    at += read_fraction(text + at, bytes - at, &wall.ms);
    size_t zone = read_zone(text + at, bytes - at, &offset_ms);
    int64_t at_ms = zone > 0 ? utc_ms(&wall) - offset_ms : log_time_local(log, &wall);
    if (at_ms < 0 || at_ms > SIZING_TIME_MS_MAX)
        return 0;
    *ret_ms = at_ms;
    return at + zone;
}

static size_t read_xrdp(struct log_time *log, const char *text, size_t bytes, int64_t *ret_ms)
{
    struct wall_time wall;
    if (bytes < XRDP_BYTES || text[8] != '-')
        return read_iso(log, text, bytes, ret_ms);
    wall =
        (struct wall_time){.year = number(text, 4), .month = number(text + 4, 2), .day = number(text + 6, 2)};
    if (!read_clock(text + 9, &wall) || !log_time_is_date(&wall))
        return 0;
    *ret_ms = log_time_local(log, &wall);
    return XRDP_BYTES;
}

size_t log_time_read(struct log_time *log, const char *text, size_t bytes, int64_t *ret_ms)
{
    int64_t at_ms = 0;
    size_t read = 0;
    if (bytes == 0)
        return 0;
    if (*text == '[') {
        read = read_xrdp(log, text + 1, bytes - 1, &at_ms);
        if (read == 0 || read + 1 >= bytes || text[read + 1] != ']')
            return 0;
        read += 2;
    } else {
        read = *text >= '0' && *text <= '9' ? read_iso(log, text, bytes, &at_ms)
                                            : read_syslog(log, text, bytes, &at_ms);
    }
    if (read == 0 || at_ms < 0 || at_ms > SIZING_TIME_MS_MAX)
        return 0;
    log->has_last = true;
    log->last_ms = at_ms;
    *ret_ms = at_ms;
    return read;
}
