/* sentence.h - a sentence out of a text with {fields}: the one formatter of log events and explanations.
 *
 *     {name}           the value of the field of that name; "?" if there is none
 *     {name?one:many}  the first word where the field is 1, else the second: "{users} {users?user:users}" */
#ifndef FARMGATE_CORE_SENTENCE_H
#define FARMGATE_CORE_SENTENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One field: a text, or a number when text is NULL. Names are literals; a number whose name ends in "_at" is
 * an instant (Unix ms) and is shown as one. */
struct sentence_field {
    const char *name;
    const char *text;
    int64_t number;
};

/* How an instant reads. */
#define SENTENCE_INSTANT_BYTES 64
typedef void sentence_instant_fn(void *data, int64_t unix_ms, char ret[SENTENCE_INSTANT_BYTES]);
/* "2026-01-31T08:00:00Z"; 0 and INT64_MAX are "never". `data` is not looked at. */
sentence_instant_fn sentence_utc;

/* Whether the field is an instant. */
bool sentence_field_is_instant(const struct sentence_field *field);

/* Whether `name` is one of `names`, one space between two. */
bool sentence_names(const char *names, const char *name, size_t name_bytes);

/* The field of that name; NULL: none. */
const struct sentence_field *sentence_find(const struct sentence_field *fields, size_t count,
                                           const char *name, size_t name_bytes);

/* Writes the sentence, NUL-terminated, cut at a character if it does not fit. Returns the length written. */
size_t sentence_write(const char *text, const struct sentence_field *fields, size_t count,
                      sentence_instant_fn *instant, void *instant_data, char *ret, size_t ret_bytes);

#endif
