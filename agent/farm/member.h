/* member.h - this host's place among the hosts of its farm: the key host/H, on a lease that is kept alive for
 * as long as the agent lives.
 *
 *                     the key is ours                 no answer for a TTL, or the lease is gone
 *     MEMBER_JOINING ────────────────► MEMBER_JOINED ◄──────────────────────────────────────► MEMBER_CUT_OFF
 *          │                                 ▲              the key is ours again                    │
 *          └──── another machine ────► MEMBER_REFUSED ◄──── another machine has the name ────────────┘
 *
 * A key that stands there is this machine's own former process (the same machine id): it is taken over at
 * once, so that an agent which was killed need not wait for its lease to end. Or it is another machine of the
 * same name: whoever came second is refused, and told which machine holds it; it asks again every TTL, since
 * the other may go. A machine without an id cannot be told from another and waits for its former lease.
 *
 * Pure: replies and time in, requests out. Times are steady ms. */
#ifndef FARMGATE_AGENT_FARM_MEMBER_H
#define FARMGATE_AGENT_FARM_MEMBER_H

#include "port.h"
#include "record.h"

#define MEMBER_TTL_SECONDS    15  /* default of ttl_seconds; etcd grants no less than 2 */
#define MEMBER_RENEWALS       3   /* in one TTL */
#define MEMBER_LOOK_EVERY     3   /* renewals: does the key still stand? */
#define MEMBER_RETRY_FIRST_MS 250 /* after a request that failed; doubled up to the time between renewals */

struct member;

enum member_state {
    MEMBER_JOINING,
    MEMBER_JOINED,
    MEMBER_CUT_OFF,
    MEMBER_REFUSED,
    MEMBER_LEFT,
    MEMBER_STATE_MAX
};

struct member_news {
    enum member_state state;
    bool back;                        /* JOINED: after it was cut off */
    int64_t since_ms;                 /* CUT_OFF: when the farm was last known to hear of this host */
    const struct record_host *holder; /* REFUSED: who holds the name, until the next pass; else NULL */
    const char *detail;               /* REFUSED, CUT_OFF: for people */
};

struct member_settings { /* copied, but for what is pointed to */
    const struct record_farm *farm;
    struct record_host self;
    int64_t ttl_seconds; /* 0: the default */
    uint64_t seed;       /* for the jitter of retries */
    struct farm_port port;
    /* A change of state, within member_pass. */
    void (*changed)(void *data, const struct member_news *news);
    /* An answer has come: member_pass is due at once. May be NULL. */
    void (*wake)(void *data);
    void *data;
};

/* NULL without memory. */
struct member *member_create(const struct member_settings *settings);

/* Does what is due; from the first call on it joins. */
void member_pass(struct member *member, int64_t now_ms);
int64_t member_due_ms(const struct member *member); /* INT64_MAX: never */

enum member_state member_state(const struct member *member);
/* Why the last request that failed did, until this host is joined; "": none has. */
const char *member_failure(const struct member *member);
const char *member_state_name(enum member_state state);

/* Gives the lease back, so that the farm knows at once; then MEMBER_LEFT. */
void member_leave(struct member *member);

/* Once nothing that it asked is under way (etcd_close). */
void member_destroy(struct member *member);

#endif
