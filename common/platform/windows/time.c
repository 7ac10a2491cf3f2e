/* time.c - time.h's functions: any year of the calendar, where Windows' C runtime knows 1970 to 3000. */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <windows.h>

#define TICKS_PER_SECOND INT64_C(10000000)
#define TICKS_PER_MS     10000
#define UNIX_EPOCH_S     INT64_C(11644473600) /* in Windows' time */
#define DAY_S            INT64_C(86400)
#define ZONE_BYTES       8
#define FORMAT_BYTES     128
#define ZONE_MS          1000 /* that an administrator's change of the zone may take to be seen */

/* Days since 1970-01-01 of a date, years beginning in March so that a leap day is the last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct tm *platform_gmtime_r(const time_t *at, struct tm *ret)
{
    int64_t days = *at / DAY_S, rest = *at % DAY_S;
    if (rest < 0) {
        rest += DAY_S;
        days--;
    }
    int64_t shifted = days + 719468, era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * of_year + 2) / 153, month = march_month + (march_month < 10 ? 3 : -9);
    int64_t year = year_of_era + era * 400 + (month <= 2);
    if (year > INT32_MAX || year < INT32_MIN + 1900)
        return NULL;
    *ret = (struct tm){
        .tm_sec = (int)(rest % 60),
        .tm_min = (int)(rest / 60 % 60),
        .tm_hour = (int)(rest / 3600),
        .tm_mday = (int)(of_year - (153 * march_month + 2) / 5 + 1),
        .tm_mon = (int)month - 1,
        .tm_year = (int)year - 1900,
        .tm_wday = (int)(((days + 4) % 7 + 7) % 7),
        .tm_yday = (int)(days - days_of(year, 1, 1)),
    };
    return ret;
}

time_t platform_timegm(struct tm *tm)
{
    int64_t months = (int64_t)tm->tm_year * 12 + tm->tm_mon;
    int64_t year = months / 12 - (months % 12 < 0), month = months - year * 12;
    int64_t days = days_of(year + 1900, month + 1, 1) + tm->tm_mday - 1;
    time_t at = days * DAY_S + (int64_t)tm->tm_hour * 3600 + (int64_t)tm->tm_min * 60 + tm->tm_sec;
    (void)platform_gmtime_r(&at, tm);
    return at;
}

/* Windows looks every year's rule up in its registry: what was looked up lately is kept. */
static bool zone_of_year(WORD year, TIME_ZONE_INFORMATION *ret)
{
    static _Thread_local struct {
        WORD year;
        ULONGLONG until_ms;
        TIME_ZONE_INFORMATION zone;
    } known;
    ULONGLONG now_ms = GetTickCount64();
    if (known.year != year || now_ms >= known.until_ms) {
        known.year = 0;
        if (!GetTimeZoneInformationForYear(year, NULL, &known.zone))
            return false;
        known.year = year;
        known.until_ms = now_ms + ZONE_MS;
    }
    *ret = known.zone;
    return true;
}

/* By the system's zone and the rule of that very year. */
struct tm *platform_localtime_r(const time_t *at, struct tm *ret)
{
    SYSTEMTIME utc, local;
    TIME_ZONE_INFORMATION zone;
    struct tm tm;
    if (!platform_gmtime_r(at, &tm))
        return NULL;
    utc = (SYSTEMTIME){
        .wYear = (WORD)(tm.tm_year + 1900),
        .wMonth = (WORD)(tm.tm_mon + 1),
        .wDay = (WORD)tm.tm_mday,
        .wDayOfWeek = (WORD)tm.tm_wday,
        .wHour = (WORD)tm.tm_hour,
        .wMinute = (WORD)tm.tm_min,
        .wSecond = (WORD)tm.tm_sec,
    };
    bool known = tm.tm_year + 1900 >= 1601 && tm.tm_year + 1900 < 30000 && zone_of_year(utc.wYear, &zone) &&
                 SystemTimeToTzSpecificLocalTime(&zone, &utc, &local);
    if (!known) {
        *ret = tm;
        return ret;
    }
    tm.tm_year = local.wYear - 1900;
    tm.tm_mon = local.wMonth - 1;
    tm.tm_mday = local.wDay;
    tm.tm_hour = local.wHour;
    tm.tm_min = local.wMinute;
    tm.tm_sec = local.wSecond;
    time_t shown = platform_timegm(&tm);
    *ret = tm;
    ret->tm_isdst = shown - *at != -60 * (time_t)(zone.Bias + zone.StandardBias);
    return ret;
}

/* What a zone is called here: "+0100", "UTC". */
static void zone_name(const struct tm *tm, char ret[ZONE_BYTES])
{
    TIME_ZONE_INFORMATION zone = {0};
    if (tm->tm_year + 1900 >= 1601 && tm->tm_year + 1900 < 30000)
        (void)zone_of_year((WORD)(tm->tm_year + 1900), &zone);
    long behind = zone.Bias + (tm->tm_isdst > 0 ? zone.DaylightBias : zone.StandardBias);
    if (behind == 0)
        (void)snprintf(ret, ZONE_BYTES, "UTC");
    else
        (void)snprintf(ret, ZONE_BYTES, "%c%02ld%02ld", behind > 0 ? '-' : '+', labs(behind) / 60 % 100,
                       labs(behind) % 60);
}

/* The C runtime's own has this name in its library alone. */
size_t runtime_strftime(char *ret, size_t room, const char *format, const struct tm *tm) __asm__("strftime");

size_t platform_strftime(char *ret, size_t room, const char *format, const struct tm *tm)
{
    char zone[ZONE_BYTES], whole[FORMAT_BYTES];
    size_t used = 0;
    zone_name(tm, zone);
    for (const char *at = format; *at && used + ZONE_BYTES < sizeof(whole); at++) {
        bool is_zone = at[0] == '%' && at[1] == 'Z';
        if (is_zone)
            used += (size_t)snprintf(whole + used, ZONE_BYTES, "%s", zone);
        else
            whole[used++] = *at;
        if (at[0] == '%' && at[1] == '%')
            whole[used++] = '%';
        at += (at[0] == '%' && at[1] == '%') || is_zone ? 1 : 0;
    }
    whole[used] = '\0';
    return runtime_strftime(ret, room, whole, tm);
}

/* --- clocks -----------------------------------------------------------------------------------------------
 */

static struct timespec of_ticks(uint64_t ticks)
{
    return (struct timespec){.tv_sec = (time_t)(ticks / TICKS_PER_SECOND),
                             .tv_nsec = (long)(ticks % TICKS_PER_SECOND * 100)};
}

/* Since the machine was started, what it slept included. QueryInterruptTime() is Windows 10's and Server
 * 2016's, in kernelbase.dll, which every process has; no import library names it there. Where it is missing
 * (wine), a clock of the same beginning steps by about 16 ms. */
static uint64_t ticks_since_boot(void)
{
    static _Atomic(FARPROC) known;
    static atomic_bool looked;
    ULONGLONG ticks = 0;
    if (!atomic_load(&looked)) { /* by two threads at once: both find the same */
        HMODULE library = GetModuleHandleW(L"kernelbase.dll");
        atomic_store(&known, library ? GetProcAddress(library, "QueryInterruptTime") : NULL);
        atomic_store(&looked, true);
    }
    FARPROC found = atomic_load(&known);
    if (!found)
        return GetTickCount64() * TICKS_PER_MS;
    ((void(WINAPI *)(ULONGLONG *))(void (*)(void))found)(&ticks);
    return ticks;
}

int platform_clock_gettime(clockid_t clock, struct timespec *ret)
{
    ULONGLONG ticks;
    FILETIME wall;
    switch (clock) {
    case CLOCK_REALTIME:
        GetSystemTimePreciseAsFileTime(&wall);
        *ret = of_ticks((uint64_t)wall.dwHighDateTime << 32 | wall.dwLowDateTime);
        ret->tv_sec -= UNIX_EPOCH_S;
        return 0;
    case CLOCK_MONOTONIC:
        (void)QueryUnbiasedInterruptTime(&ticks);
        *ret = of_ticks(ticks);
        return 0;
    case CLOCK_BOOTTIME:
        *ret = of_ticks(ticks_since_boot());
        return 0;
    default:
        errno = EINVAL;
        return -1;
    }
}

int platform_nanosleep(const struct timespec *length, struct timespec *ret_left)
{
    Sleep((DWORD)(length->tv_sec * 1000 + (length->tv_nsec + 999999) / 1000000));
    if (ret_left)
        *ret_left = (struct timespec){0};
    return 0;
}
