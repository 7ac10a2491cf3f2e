#include "csv_time.h"

#include "sizing.h"

#include "common/rfc3339.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIX_S_MAX INT64_C(100000000000) /* from there on it is ms: the year 5138, or March 1973 */

static size_t digits_at(const char *text)
{
    size_t digits = 0;
    while (isdigit((unsigned char)text[digits]))
        digits++;
    return digits;
}

/* "1767225600", "1767225600.25", "1767225600250" */
static bool parse_unix(const char *text, int64_t *ret_unix_ms)
{
    size_t digits = digits_at(text), fraction = text[digits] == '.' ? digits_at(text + digits + 1) : 0;
    if (digits == 0 || digits > 15 || text[digits + (fraction > 0 ? fraction + 1 : 0)] != '\0')
        return false;
    int64_t value = strtoll(text, NULL, 10);
    if (value >= UNIX_S_MAX && fraction > 0)
        return false;
    if (value < UNIX_S_MAX) {
        value *= 1000;
        for (size_t i = 0, weight = 100; i < fraction && weight > 0; i++, weight /= 10)
            value += (text[digits + 1 + i] - '0') * (int64_t)weight;
    }
    if (value > SIZING_TIME_MS_MAX)
        return false;
    *ret_unix_ms = value;
    return true;
}

/* "+02:00", "+0200", "+02", "Z", "UTC", or nothing, as RFC 3339 has it. */
static bool parse_zone(const char *zone, char ret[8])
{
    while (*zone == ' ')
        zone++;
    if (*zone == '\0' || strcmp(zone, "Z") == 0 || strcmp(zone, "z") == 0 || strcmp(zone, "UTC") == 0 ||
        strcmp(zone, "GMT") == 0) {
        memcpy(ret, "Z", 2);
        return true;
    }
    size_t hours = digits_at(zone + 1);
    if (*zone != '+' && *zone != '-')
        return false;
    if (hours == 4 && zone[5] == '\0') {
        (void)snprintf(ret, 8, "%.3s:%.2s", zone, zone + 3);
        return true;
    }
    if (hours != 2 || (zone[3] != '\0' && (zone[3] != ':' || digits_at(zone + 4) != 2 || zone[6] != '\0')))
        return false;
    (void)snprintf(ret, 8, "%.3s:%.2s", zone, zone[3] == ':' ? zone + 4 : "00");
    return true;
}

bool csv_time_parse(const char *text, int64_t *ret_unix_ms)
{
    char zone[8], whole[CSV_TIME_BYTES_MAX + 16];
    if (strlen(text) > CSV_TIME_BYTES_MAX)
        return false;
    if (parse_unix(text, ret_unix_ms))
        return true;
    /* YYYY-MM-DD, a 'T' or a blank, HH:MM, and what follows */
    if (strlen(text) < 16 || (text[10] != 'T' && text[10] != ' '))
        return false;
    const char *seconds = text + 16, *rest = seconds;
    size_t fraction = 0;
    if (seconds[0] == ':') {
        rest = seconds + 1 + digits_at(seconds + 1);
        if (*rest == '.' || *rest == ',')
            fraction = digits_at(rest + 1);
    }
    if (!parse_zone(rest + (fraction > 0 ? fraction + 1 : 0), zone))
        return false;
    (void)snprintf(whole, sizeof whole, "%.10sT%.5s%.*s%s%.*s%s", text, text + 11,
                   seconds[0] == ':' ? (int)(rest - seconds) : 3, seconds[0] == ':' ? seconds : ":00",
                   fraction > 0 ? "." : "", (int)(fraction < 9 ? fraction : 9), rest + 1, zone);
    int64_t at_ms;
    if (!rfc3339_parse(whole, strlen(whole), &at_ms) || at_ms < 0 || at_ms > SIZING_TIME_MS_MAX)
        return false;
    *ret_unix_ms = at_ms;
    return true;
}
