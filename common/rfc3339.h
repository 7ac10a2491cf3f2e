/* rfc3339.h - instants as text: YYYY-MM-DDTHH:MM:SS.mmmZ. Pure: no time zone but UTC is ever
 * written. */
#ifndef FARMGATE_COMMON_RFC3339_H
#define FARMGATE_COMMON_RFC3339_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RFC3339_BYTES 32

/* Years 0001 to 9999; an instant outside is clamped to them. Returns ret_text. */
const char *rfc3339_format(int64_t unix_ms, char ret_text[RFC3339_BYTES]);

/* Reads RFC 3339 with any offset and 0 to 9 digits of fraction (cut to ms). False, *ret untouched, for
 * anything else, impossible dates included; a leap second (":60") is read as the next second. */
bool rfc3339_parse(const char *text, size_t bytes, int64_t *ret_unix_ms);

#endif
