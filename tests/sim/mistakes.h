/* mistakes.h - mistakes that can be planted in the simulator's own parts, each with the check that has to
 * find it: a check that cannot fail proves nothing. */
#ifndef FARMGATE_TESTS_SIM_MISTAKES_H
#define FARMGATE_TESTS_SIM_MISTAKES_H

#include "witness.h"

#define MISTAKES(X)                                                                                          \
    X(NONE, NONE, "")                                                                                        \
    X(AUTHORITY_COUNTS_TWICE, COUNTED_ONCE, "the authority counts a window sent again once more")            \
    X(AUTHORITY_FORGETS, CONSERVATION, "the authority acknowledges windows that it does not keep")           \
    X(AUTHORITY_IMPATIENT, REFUSED_FOR_A_REASON, "the authority refuses windows that ended a moment ago")    \
    X(STORE_LOSES_WINDOW, SEQUENCE, "the store loses a closed window now and then")                          \
    X(STORE_KEEPS_OLD_MARKS, WINDOWS, "the store keeps the marks of the running window as they were before") \
    X(STORE_ACCEPTS_OLDER, NONE_MISSING, "the store takes older windows than the report's for accepted")     \
    X(STORE_LOSES_COMMIT, LEVEL, "the store says that it has written, and has not")                          \
    X(SENT_BEFORE_DURABLE, DURABLE_FIRST, "a report goes out before the disk has its windows")               \
    X(REFUSAL_BELIEVED, CONSERVATION, "an unsigned refusal is taken for an acknowledgement")                 \
    X(SESSION_NOT_TOLD, LEVEL, "a session that ended is not told to the core")                               \
    X(ADMINISTRATOR_NOT_TOLD, LEVEL, "an administrator is told as one who is none")                          \
    X(CLOCK_WITHOUT_SLEEP, LICENCE_TIME, "licence time stands still while the machine sleeps")               \
    X(CLOCK_FOLLOWS_WALL, LICENCE_TIME, "licence time follows the wall clock")                               \
    X(CLOCK_NOT_STORED, LICENCE_TIME, "a reboot forgets licence time")                                       \
    X(GRACE_FORGOTTEN, GATE, "a restart forgets that the overuse grace has begun")                           \
    X(TIMER_LATE, GATE, "the core is asked a moment before its timer and not at it")                         \
    X(LIMIT_KEPT_BACK, GATE, "an entitlement is handed on with the limit of the one before")                 \
    X(EXCEEDING_BACKDATED, OVERUSE_BOUNDS, "a restart takes overuse for an hour older than it is")           \
    X(GATE_NOT_MOVED, GATE_FILE, "the gate's file is not written")                                           \
    X(STRICT_FORGOTTEN, ADMISSION, "the gate answers as if `strict` were not set")                           \
    X(RETRY_AFTER_IGNORED, RETRIES, "the core is not told of Retry-After")                                   \
    X(REPORT_REPEATED, CYCLES, "a report that was answered is followed by another")                          \
    X(TIMER_RESTLESS, STEPS, "the timer is set again and again for now")

#define MISTAKE_ENUM(name, check, text) MISTAKE_##name,
enum mistake { MISTAKES(MISTAKE_ENUM) MISTAKE_MAX };
#undef MISTAKE_ENUM

#endif
