/* refusals.h - which refusals of the gate are said. Anybody on the machine may ask the gate for
 * any name, over loopback and without a token, so neither memory nor log may grow with what is asked: a
 * refusal is said once in a while, so many are said a minute and a day, and the rest is only counted. */
#ifndef FARMGATE_AGENT_REFUSALS_H
#define FARMGATE_AGENT_REFUSALS_H

#include "agent/core/connection.h"

#include <stdint.h>

#define REFUSALS_AGAIN_MS     300000 /* the same refusal is not said again for so long */
#define REFUSALS_MINUTE_MS    60000
#define REFUSALS_A_MINUTE_MAX 60 /* said one by one */
#define REFUSALS_DAY_MS       86400000
#define REFUSALS_A_DAY_MAX    6000
/* All that can have been said in REFUSALS_AGAIN_MS: that many whole minutes, and the one that it begins in.
 */
#define REFUSALS_KEPT ((REFUSALS_AGAIN_MS / REFUSALS_MINUTE_MS + 1) * REFUSALS_A_MINUTE_MAX)

struct refusal {
    const char *user, *host;
    enum connection_kind kind;
    const char *reason;
};

/* What was said, the oldest at next_kept. */
struct refusals {
    uint8_t key[16];
    struct {
        uint64_t hash, at_ms;
    } kept[REFUSALS_KEPT];
    unsigned next_kept;
    uint64_t minute_ms, day_ms; /* when they began */
    unsigned said_in_minute, said_in_day;
    uint64_t counted; /* not said */
};

/* now_ms is any clock that does not go back. */
void refusals_init(struct refusals *refusals, uint64_t now_ms);

enum refusal_fate {
    REFUSAL_SAY,   /* to be said now */
    REFUSAL_KNOWN, /* it was said a moment ago */
    REFUSAL_COUNTED
};
enum refusal_fate refusals_note(struct refusals *refusals, const struct refusal *refusal, uint64_t now_ms);

/* How many were counted since this was asked last: to be said at most once a minute. */
uint64_t refusals_take(struct refusals *refusals);

#endif
