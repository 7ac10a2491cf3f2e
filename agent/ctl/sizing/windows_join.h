/* windows_join.h - a session that both logs of a Windows host tell counts once, whether they came in one file
 * or in several. It stands behind order.h: events come in order of time.
 *
 * Which log told a session is seen by its id (windows_sessions.h). Two sessions of a user on a host are one,
 * if LSM tells its log-on while one lives that only Security tells, or at most WINDOWS_JOIN_MS before
 * Security does. The one session then
 *
 *   - has begun when the first of both said so, and is known by the id that this one gave it;
 *   - is disconnected and comes back as LSM says: Security's 4778 and 4779 are not always recorded;
 *   - ends when either says so, but for Security in the first WINDOWS_JOIN_MS: to find the session that a
 * user comes back to some Windows make a log-on that ends at once;
 *   - is an administrator's if Security says so, as far as it does within WINDOWS_JOIN_HOLD_MS of LSM's
 *     log-on: stamps of whole seconds leave open which was first.
 *
 * What only one log tells counts as that log tells it: either may begin later than the other, or end. */
#ifndef FARMGATE_CTL_WINDOWS_JOIN_H
#define FARMGATE_CTL_WINDOWS_JOIN_H

#include "sizing.h"

#include "agent/core/keyed_hash.h"

#define WINDOWS_JOIN_MS       INT64_C(60000)
#define WINDOWS_JOIN_HOLD_MS  INT64_C(2000)
#define WINDOWS_JOIN_HELD_MAX 4096 /* events; of more the earliest is given at once */

struct repairs;

struct windows_join_settings {
    /* Gets the events; its error is handed back. The texts live during the call. */
    int (*take)(void *data, const struct sizing_event *event);
    void *data;
    struct repairs *repairs; /* outlives it: REPAIR_DUPLICATE */
    uint8_t seed[KEYED_HASH_SEED_BYTES];
};

struct windows_join;

/* NULL without memory. */
struct windows_join *windows_join_create(const struct windows_join_settings *settings);
void windows_join_destroy(struct windows_join *join);

/* The next event, of whatever log. 0, ERROR_NO_MEMORY or what `take` returned. */
int windows_join_take(struct windows_join *join, const struct sizing_event *event);
/* There are no more. */
int windows_join_end(struct windows_join *join);

#endif
