/* C's time, with POSIX' functions: they know any year. */
#ifndef PLATFORM_TIME_H
#define PLATFORM_TIME_H

#define clock_gettime runtime_clock_gettime
#define nanosleep     runtime_nanosleep
#define strftime      runtime_strftime
#include_next <time.h>
#undef clock_gettime
#undef nanosleep
#undef strftime
#undef CLOCK_REALTIME
#undef CLOCK_MONOTONIC

#define CLOCK_REALTIME  0
#define CLOCK_MONOTONIC 1
#define CLOCK_BOOTTIME  7 /* sleep included */
typedef int clockid_t;

int platform_clock_gettime(clockid_t clock, struct timespec *ret);
struct tm *platform_gmtime_r(const time_t *at, struct tm *ret);
struct tm *platform_localtime_r(const time_t *at, struct tm *ret);
int platform_nanosleep(const struct timespec *length, struct timespec *ret_left);
size_t platform_strftime(char *ret, size_t room, const char *format, const struct tm *tm);
time_t platform_timegm(struct tm *tm);

int clock_gettime(clockid_t clock, struct timespec *ret) __asm__("platform_clock_gettime");
struct tm *gmtime_r(const time_t *at, struct tm *ret) __asm__("platform_gmtime_r");
struct tm *localtime_r(const time_t *at, struct tm *ret) __asm__("platform_localtime_r");
/* Nothing interrupts it. */
int nanosleep(const struct timespec *length, struct timespec *ret_left) __asm__("platform_nanosleep");
/* %Z, a sentence on Windows, is the offset of local time: "+0100", or "UTC". */
size_t strftime(char *ret, size_t room, const char *format, const struct tm *tm) __asm__("platform_strftime");
time_t timegm(struct tm *tm) __asm__("platform_timegm");

#endif
