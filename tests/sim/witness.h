/* witness.h - what a run saw: the first rule that did not hold, and how often each kind of thing happened. A
 * kind that never happened proves nothing, so the whole run fails without it. */
#ifndef FARMGATE_TESTS_SIM_WITNESS_H
#define FARMGATE_TESTS_SIM_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

#define CHECKS(X)                                                                                      \
    X(NONE, "nothing")                                                                                 \
    X(LEVEL, "concurrent users and exempt connections are those of the live set")                      \
    X(WINDOWS, "closed windows lie end to end, each with the peak over its instants")                  \
    X(SEQUENCE, "sequence numbers are dense, one a window")                                            \
    X(CONSERVATION, "accepted + refused + queued + running = seen, peak for peak")                     \
    X(DURABLE_FIRST, "nothing is sent that is not on the disk")                                        \
    X(COUNTED_ONCE, "the authority counts nothing twice")                                              \
    X(NONE_MISSING, "no window is missing once all has healed")                                        \
    X(REFUSED_FOR_A_REASON, "no window is refused where every clock was right")                        \
    X(GATE, "the gate is never open past a grace nor closed within one")                               \
    X(OVERUSE_BOUNDS, "overuse closes the gate 60 to 80 minutes after, and opens it within 20")        \
    X(GATE_FILE, "what the gate shows is what was decided, once the disk has it")                      \
    X(LICENCE_TIME, "licence time is that of the rule")                                                \
    X(ADMISSION, "holders, who is there, and administrators are let in, others as the licences allow") \
    X(RETRIES, "a failed report is tried again within its bounds")                                     \
    X(CYCLES, "missed cycles run once")                                                                \
    X(STEPS, "the core takes every step and comes to rest")

#define CHECK_ENUM(name, text) CHECK_##name,
enum check { CHECKS(CHECK_ENUM) CHECK_MAX };
#undef CHECK_ENUM

#define HAPPENINGS(X)                                                    \
    X(MESSAGE_LOST, "messages lost")                                     \
    X(MESSAGE_LATE, "messages that arrived after their sender gave up")  \
    X(MESSAGE_TWICE, "messages duplicated")                              \
    X(MESSAGE_OVERTAKEN, "messages overtaken by a later one")            \
    X(PARTITIONED, "messages into a partition")                          \
    X(AUTHORITY_DEAD, "messages to a dead authority")                    \
    X(AUTHORITY_WEEKS, "outages of the authority of over a week")        \
    X(PORTAL, "unsigned refusals")                                       \
    X(RETRY_AFTER, "refusals with Retry-After")                          \
    X(OLD_ANSWER, "old answers played back")                             \
    X(CRASH_BEFORE_WRITE, "crashes before anything was written")         \
    X(CRASH_AFTER_IDENTITY, "crashes between identity and licence")      \
    X(CRASH_AFTER_LICENCE, "crashes between licence and database")       \
    X(CRASH_BEFORE_ACTIONS, "crashes between the disk and what follows") \
    X(CRASH_AMID_ACTIONS, "crashes amid what follows")                   \
    X(REBOOT, "reboots")                                                 \
    X(REBOOT_WRONG_CLOCK, "reboots with a wrong clock")                  \
    X(WALL_JUMP, "jumps of a wall clock")                                \
    X(WALL_JUMP_YEARS, "jumps of a wall clock by years")                 \
    X(SUSPEND, "suspends")                                               \
    X(LATE_TIMER, "timers that came late")                               \
    X(STORE_FAILED, "outages of a store")                                \
    X(STORE_MENDED, "whole copies of the state")                         \
    X(COPIED, "copied images")                                           \
    X(AUTHORITY_CLOCK, "wrong clocks of the authority")                  \
    X(CORRECTED_BACK, "corrections of licence time back over an hour")   \
    X(CORRECTED_FAR_BACK, "corrections of licence time back over a day") \
    X(CORRECTED_FORWARD, "corrections of licence time on over an hour")  \
    X(TRIAL, "trials")                                                   \
    X(ACTIVATED, "activations by key")                                   \
    X(MOVED, "moves of a key")                                           \
    X(ACTIVATION_REFUSED, "activations refused")                         \
    X(RELEASED, "keys given back")                                       \
    X(REVOKED, "revocations")                                            \
    X(RENEWED, "renewals")                                               \
    X(PURCHASED, "purchases")                                            \
    X(LIMIT_LOWERED, "limits lowered")                                   \
    X(RELOADED, "reloads")                                               \
    X(WINDOW_REPEATED, "windows sent again")                             \
    X(WINDOW_REFUSED, "windows refused")                                 \
    X(WINDOW_GAP, "gaps in sequence")                                    \
    X(SETTLED, "settlings that ended in time")                           \
    X(OVERUSE_GRACE, "overuse graces")                                   \
    X(SPENT, "overuse graces spent")                                     \
    X(OVER, "deactivations for overuse")                                 \
    X(CANCELLED, "overuse that ended before its validation")             \
    X(BACK_WITHIN, "reactivations")                                      \
    X(GRACE_AGAIN, "graces available again after a purchase")            \
    X(EXPIRY_GRACE, "expiry graces")                                     \
    X(EXPIRED, "terms expired")                                          \
    X(TRIAL_OVER, "trials expired")                                      \
    X(STALE, "farms stale")                                              \
    X(MANY_CYCLES_MISSED, "pauses over many cycles")                     \
    X(ADMIN_EXEMPT, "administrators' desktops exempt")                   \
    X(ADMIN_THIRD, "third administrators' desktops counted")             \
    X(ADMIN_LET_IN, "administrators let in while others were not")       \
    X(HOLDER_LET_IN, "holders let in while others were not")             \
    X(PRESENT_LET_IN, "users let back while the farm was deactivated")   \
    X(TURNED_AWAY, "users turned away")

#define HAPPENING_ENUM(name, text) HAPPENED_##name,
enum happening { HAPPENINGS(HAPPENING_ENUM) HAPPENED_MAX };
#undef HAPPENING_ENUM

struct witness {
    const int64_t *true_ms; /* the world's */
    uint64_t happened[HAPPENED_MAX];
    enum check failed; /* the first that failed; CHECK_NONE */
    int64_t failed_ms;
    unsigned failed_host;
    char words[512];
};

const char *check_name(enum check check); /* "GATE" */
const char *check_text(enum check check);
const char *happening_text(enum happening happening);

void witness_fail(struct witness *witness, enum check check, unsigned host, const char *format, ...)
    __attribute__((format(__printf__, 4, 5)));

static inline void witness_note(struct witness *witness, enum happening happening)
{
    witness->happened[happening]++;
}

#endif
