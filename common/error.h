/* error.h - how functions of common/, the agent's edges and the authority fail: 0, or a negative code from
 * this table. libuv's codes (negative errno) pass through unchanged. Library code never logs; its caller
 * does, once. */
#ifndef FARMGATE_COMMON_ERROR_H
#define FARMGATE_COMMON_ERROR_H

#include <stddef.h>

#define ERRORS(X)                                                       \
    X(ERROR_NO_MEMORY, -10001, "out of memory")                         \
    X(ERROR_INVALID, -10002, "not valid")                               \
    X(ERROR_TOO_LARGE, -10003, "too large")                             \
    X(ERROR_TOO_DEEP, -10004, "nested too deeply")                      \
    X(ERROR_NOT_FOUND, -10005, "not found")                             \
    X(ERROR_IO, -10006, "input or output failed")                       \
    X(ERROR_FULL, -10007, "no space left")                              \
    X(ERROR_BUSY, -10008, "in use by another process")                  \
    X(ERROR_DAMAGED, -10009, "damaged")                                 \
    X(ERROR_NEWER, -10010, "written by a newer version")                \
    X(ERROR_FORBIDDEN, -10011, "not permitted")                         \
    X(ERROR_SIGNATURE, -10012, "the signature does not fit")            \
    X(ERROR_UNKNOWN_KEY, -10013, "signed by a key that is not trusted") \
    X(ERROR_UNREACHABLE, -10014, "cannot be reached")                   \
    X(ERROR_REFUSED, -10015, "refused")                                 \
    X(ERROR_TIMEOUT, -10016, "timed out")                               \
    X(ERROR_CONFIGURATION, -10017, "the configuration is wrong")        \
    X(ERROR_CANCELLED, -10018, "cancelled")                             \
    X(ERROR_CERTIFICATE, -10019, "the certificate is not to be trusted")

#define ERROR_ENUM(name, code, text) name = (code),
enum error { ERRORS(ERROR_ENUM) ERROR_NONE = 0 };
#undef ERROR_ENUM

/* One line of English for any code of this table or of libuv. */
const char *error_text(int code);

/* The code for a failed system call's errno: ERROR_NOT_FOUND, ERROR_FULL, ERROR_FORBIDDEN, ERROR_NO_MEMORY,
 * else ERROR_IO. */
int error_from_errno(int number);

/* What was wrong, where, and what to do, for people. Filled by functions that say so; cut if too long.
 * Everywhere NULL may be passed by those who do not want it. */
#define ERROR_DETAIL_BYTES 512
struct error_detail {
    char text[ERROR_DETAIL_BYTES];
};
void error_detail_set(struct error_detail *ret_detail, const char *format, ...)
    __attribute__((format(__printf__, 2, 3)));

#endif
