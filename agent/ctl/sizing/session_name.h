/* session_name.h - names of a reader's own for sessions: "wtmp-17". Every session gets one, so printf would
 * be the dearest part of reading. */
#ifndef FARMGATE_CTL_SESSION_NAME_H
#define FARMGATE_CTL_SESSION_NAME_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SESSION_NAME_BYTES        32
#define SESSION_NAME_PREFIX_BYTES 10 /* at most */

/* Writes a number; how many bytes it has. */
static inline size_t session_name_number(char *to, uint64_t number)
{
    char digits[20];
    size_t count = 0, bytes = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0)
        to[bytes++] = digits[--count];
    return bytes;
}

static inline void session_name(char ret_name[SESSION_NAME_BYTES], const char *prefix, uint64_t number)
{
    size_t bytes = strlen(prefix);
    memcpy(ret_name, prefix, bytes);
    ret_name[bytes++] = '-';
    ret_name[bytes + session_name_number(ret_name + bytes, number)] = '\0';
}

#endif
