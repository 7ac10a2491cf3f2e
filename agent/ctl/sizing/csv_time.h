/* csv_time.h - times as tables have them: ISO 8601 with 'T' or a blank, with or without seconds, fraction and
 * zone (without: UTC), or Unix time in s (a fraction is allowed) or ms. */
#ifndef FARMGATE_CTL_CSV_TIME_H
#define FARMGATE_CTL_CSV_TIME_H

#include <stdbool.h>
#include <stdint.h>

#define CSV_TIME_BYTES_MAX 48

/* False, *ret_unix_ms untouched, for anything else. */
bool csv_time_parse(const char *text, int64_t *ret_unix_ms);

#endif
