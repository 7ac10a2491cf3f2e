/* log_time.h - the times that Unix logs stamp their lines with.
 *
 * A stamp without a zone is local time of the machine that reads (TZ). Of an hour that a clock put back at
 * the end of summer shows twice it is the first, unless lines before it were later. A stamp without a year is
 * of the year the log has got to: a month's jump back or more begins the next one. */
#ifndef FARMGATE_CTL_LOG_TIME_H
#define FARMGATE_CTL_LOG_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A wall clock's reading. */
struct wall_time {
    int year, month, day, hour, minute, second, ms; /* month and day from 1 */
};

struct log_time {
    int year;            /* of the first stamp without one; 0: see modified_ms */
    int64_t modified_ms; /* when the log was last written; 0: not known, as of now */
    bool has_last;
    int64_t last_ms; /* the stamp read last */
    int last_year;
    struct {
        int64_t hour; /* which hour of a calendar, and half of it, is known */
        int64_t first_ms, second_ms;
    } known;
};

void log_time_init(struct log_time *log, int year, int64_t modified_ms);

/* Bytes of the stamp that `text` begins with, 0 if there is none sizing knows (its range, impossible dates):
 *
 *     Jan  2 03:04:05            2024-01-02T03:04:05.123456+01:00   (also +0100, Z, no zone)
 *     [20240102-03:04:05]        [2024-01-02T03:04:05.123+0100]     (xrdp's own logs) */
size_t log_time_read(struct log_time *log, const char *text, size_t bytes, int64_t *ret_ms);

/* A month by its English name of three letters; 0: none. */
int log_time_month(const char *text);
bool log_time_is_date(const struct wall_time *wall);
/* Unix ms of a reading in local time. */
int64_t log_time_local(struct log_time *log, const struct wall_time *wall);

#endif
