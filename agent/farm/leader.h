/* leader.h - one host of the farm counts for all: it is elected, goes on where the last leader was, and
 * leaves in the store what the next one needs.
 *
 *                    the key is free             elected            its own checkpoint came back
 *     following ───────────────────► campaigning ───────► replaying ─────────────► live
 *         ▲                              │ another was        │ fenced, lease lost    │
 *         └──────────────────────────────┴────────────────────┴───────────────────────┘
 *
 * The core's time moves with the store alone (farm_state.h), so a checkpoint is also a clock: it is written
 * when something has changed, and whenever something falls due, a lease has gone, or the owner has something
 * to step; what waits for it happens when it comes back through the watch, with everything before it applied.
 * Its transaction holds only while this leadership and the checkpoint before it do, and while the history
 * since that is whole. Actions of steps are carried out once it is committed.
 *
 * Pure: requests go out by a port, time is told: steady_ms for waits, licence time in what is written. */
#ifndef FARMGATE_AGENT_FARM_LEADER_H
#define FARMGATE_AGENT_FARM_LEADER_H

#include "farm_state.h"
#include "farm_verdict.h"

#define LEADER_CHECKPOINT_MS \
    2000                         /* between two where nothing is urgent: so old a follower's numbers may be */
#define LEADER_RETRY_MS   500    /* after a request that failed */
#define LEADER_COMPACT_MS 300000 /* between two compactions */
#define LEADER_BARRIER_MS \
    8000 /* a checkpoint that was committed comes back sooner, or the watch is begun anew */
#define LEADER_BARRIERS_MAX    3              /* so often; then another host may see more */
#define LEADER_WINDOWS_MAX     64             /* windows in one transaction */
#define LEADER_WINDOWS_KEPT_MS (400 * DAY_MS) /* in the store; unsent ones longer */
#define LEADER_FLOORS_MAX      256            /* farms in one etcd that are looked at */

struct leader;

enum leader_state {
    LEADER_FOLLOWING,   /* another one leads, or none is known to */
    LEADER_CAMPAIGNING, /* asks for a lease and the key */
    LEADER_REPLAYING,   /* elected; comes to where the store is */
    LEADER_LIVE,
    LEADER_STATE_MAX
};

struct leader_settings {
    const struct record_farm *farm; /* outlives the leader */
    struct farm_port port;
    struct record_host self;
    int64_t lease_ttl_s; /* of the leadership: how long the farm is without one when its leader dies */
    int64_t seen_n;      /* the highest checkpoint that was seen before; 0: none */
};

/* The owner, who has the core. No function here may be answered by leader_destroy. */
struct leader_told {
    int64_t (*licence_ms)(void *data);
    const struct core_settings *(*settings)(void *data);
    int (*begin)(void *data, const struct farm_begin *begin); /* makes the core anew; negative: it cannot */
    const struct core *(*core)(void *data);                   /* since then */
    /* core_step; its code. ACTION_CLOCK is carried out at once, all else when it is handed back by `saved`.
     */
    int (*step)(void *data, const struct core_event *event, int64_t at_ms, struct core_actions *actions);
    /* What stands beside the core in the checkpoint. */
    void (*identity)(void *data, struct store_identity *ret, char ret_entitlement[STORE_ENTITLEMENT_MAX + 1]);
    /* From here on there are timers and uplink: EVENT_STARTED was stepped. */
    void (*live)(void *data);
    /* Everything in the store is applied: what waits for leader_wants_turn may be stepped, by leader_step. */
    void (*turn)(void *data);
    /* These actions are durable, to be carried out. */
    void (*saved)(void *data, const struct core_actions *actions);
    /* The leadership is over: the core is another's; uplink and timers stop. What was not saved is lost. */
    void (*resigned)(void *data, int error, const char *detail);
    void (*window)(void *data, const char *farm_id, const struct window *window);
    void (*note)(void *data, enum farm_note note, const char *key, const char *detail);
};

/* NULL without memory. */
struct leader *leader_create(const struct leader_settings *settings, const struct leader_told *told,
                             void *data);
/* Ends at once, without a word; the lease runs out by itself. */
void leader_destroy(struct leader *leader);
/* Hands the leadership on before it is destroyed: the lease is revoked, `resigned` is told. */
void leader_resign(struct leader *leader);

/* A verdict with this number was seen: a checkpoint that is older was put back, and what this host leads with
 * has higher ones. */
void leader_saw(struct leader *leader, int64_t n);

/* Whether it stands for election (a host that drains does not); true at first. */
void leader_stand(struct leader *leader, bool stands);

/* Time has passed. The first call begins. */
void leader_pass(struct leader *leader, int64_t steady_ms);
int64_t leader_due_ms(const struct leader *leader); /* steady */

/* Windows of a time before this farm, for its hosts to have: written when nothing else is to be. `windows` is
 * the leader's from here on, freed with free(). Only while it is live, and once; else they are freed at once.
 */
void leader_add_history(struct leader *leader, struct window *windows, size_t count);

/* The owner has something to step that is not in the store: `turn` follows soon. */
void leader_wants_turn(struct leader *leader);
/* Within `turn` only: steps at this turn's time. What core_step returned. */
int leader_step(struct leader *leader, const struct core_event *event);

enum leader_state leader_state(const struct leader *leader);
/* For people: who leads, "" if nobody does or it is not known; since the last look. */
const char *leader_name(const struct leader *leader);
/* NULL unless replaying or live. */
const struct farm_state *leader_farm_state(const struct leader *leader);
int64_t leader_gaps(const struct leader *leader);

#endif
