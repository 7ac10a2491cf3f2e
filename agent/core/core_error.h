/* core_error.h - how functions of the core fail. 0 is success; everything else is negative and leaves the
 * state as it was. The core never logs: the caller does, once, with what it was trying to do. */
#ifndef FARMGATE_CORE_CORE_ERROR_H
#define FARMGATE_CORE_CORE_ERROR_H

#define CORE_ERRORS(X)                                                 \
    X(CORE_NO_MEMORY, -20001, "out of memory")                         \
    X(CORE_FULL, -20002, "the table has reached its limit")            \
    X(CORE_INVALID, -20003, "not a valid value")                       \
    X(CORE_UNKNOWN, -20004, "no such thing")                           \
    X(CORE_NOT_OURS, -20005, "meant for another farm or installation") \
    X(CORE_OUTDATED, -20006, "older than what is already in force")    \
    X(CORE_NOT_ACTIVE, -20007, "the farm is not activated")

#define CORE_ERROR_ENUM(name, code, text) name = (code),
enum core_error { CORE_ERRORS(CORE_ERROR_ENUM) CORE_OK = 0 };
#undef CORE_ERROR_ENUM

/* One line of English for a code, "unknown error" for any other number. */
const char *core_error_text(int code);

#endif
