/* session_name.h - names of a reader's own for sessions: "wtmp-17". Every session gets one, so printf would
 * be the dearest part of reading. */
#ifndef FARMGATE_CTL_SESSION_NAME_H
#define FARMGATE_CTL_SESSION_NAME_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SESSION_NAME_BYTES        32
#define SESSION_NAME_PREFIX_BYTES 10 /* at most */

static inline void session_name(char ret_name[SESSION_NAME_BYTES], const char *prefix, uint64_t number)
{
    char digits[20];
    size_t count = 0, bytes = strlen(prefix);
    memcpy(ret_name, prefix, bytes);
    ret_name[bytes++] = '-';
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0)
        ret_name[bytes++] = digits[--count];
    ret_name[bytes] = '\0';
}

#endif
