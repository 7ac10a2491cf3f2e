/* farm.h - the farm, as the agent of one of its hosts meets it: session events go in, who is
 * on and whether the gate is open comes out, and where this host counts for the farm, its counter may be
 * stepped. Alone, this host is the farm (alone.c); of many hosts one counts for all, and the others follow
 * (shared.h). One contract, one file a mode. */
#ifndef FARMGATE_AGENT_FARM_FARM_H
#define FARMGATE_AGENT_FARM_FARM_H

#include "agent/core/core.h"

struct farm;

/* How a sender learns what became of its event: 0 once it is durable, else why not. Called once, later or at
 * once. */
typedef void farm_done_fn(void *data, int error, const char *detail);

/* `given`: farm_step may be called until this returns. Else this host does not count for the farm, or does so
 * no longer. */
typedef void farm_turn_fn(void *data, bool given);

/* What this host is in its farm. */
enum farm_part {
    FARM_ALONE,   /* all of it */
    FARM_JOINING, /* it has not heard of the farm yet */
    FARM_LEADS,   /* it counts for all */
    FARM_FOLLOWS, /* another host counts */
    FARM_CUT_OFF, /* the farm cannot be reached: its last verdict stands */
    FARM_REFUSED, /* another machine has this host's name */
    FARM_LEFT,    /* it was taken out of the farm */
    FARM_PART_MAX
};
const char *farm_part_name(enum farm_part part);

/* For people. Texts live until the loop turns. */
struct farm_place {
    enum farm_part part;
    const char *name;         /* of the farm, in the store; "" alone */
    bool whole;               /* farm_core knows the connections of every host, not of this one alone */
    const char *leader;       /* the host that counts; "": nobody does, or it is not known */
    const char *holder;       /* FARM_REFUSED: the machine id that holds this host's name; else "" */
    const char *detail;       /* why it is cut off or refused; else "" */
    const char *endpoint;     /* of the store, that is asked now; "" alone */
    int64_t since_ms;         /* CUT_OFF: since when, licence time */
    int64_t verdict_n;        /* the number of the last verdict that was heard of, ever; 0: none */
    int64_t verdict_at_ms;    /* when the verdict that stands was given; 0: none yet */
    size_t waiting;           /* changes of this host that the farm does not have yet */
    int64_t waiting_since_ms; /* of the first of them, licence time; 0: none */
    int64_t revision, head;   /* of the store: what is applied here, and what it has; 0: not known */
    int64_t gaps;             /* spans of time of which not all is known, ever */
};

/* By how many revisions what is applied here is behind; 0 where that is not known. */
int64_t farm_place_lag(const struct farm_place *place);

/* One mode. A farm begins with its way. */
struct farm_way {
    void (*offer)(struct farm *farm, const struct core_event *event, farm_done_fn *done, void *done_data);
    void (*turn)(struct farm *farm, farm_turn_fn *turn, void *data);
    int (*step)(struct farm *farm, const struct core_event *event, farm_done_fn *done, void *done_data);
    int (*reconfigure)(struct farm *farm, const struct core_event *event);
    void (*started)(struct farm *farm, farm_done_fn *done, void *done_data);
    const struct core *(*core)(const struct farm *farm);
    void (*status)(const struct farm *farm, struct core_status *ret);
    void (*place)(const struct farm *farm, struct farm_place *ret);
    void (*close)(struct farm *farm, void (*closed)(void *data), void *data);
    void (*destroy)(struct farm *farm);
};
struct farm {
    const struct farm_way *way;
};

/* A local session event: HOST_BOOTED, HOST_SET, BROKER_PUT, BROKER_END, BROKER_SET, RECLAIMED. `done` may be
 * NULL. */
void farm_offer(struct farm *farm, const struct core_event *event, farm_done_fn *done, void *done_data);

/* Asks for a turn; `turn` is called once, later or at once. */
void farm_turn(struct farm *farm, farm_turn_fn *turn, void *data);
/* Within a turn: what is not of this host's sessions alone. What core_step returned; `done` (may be NULL) is
 * called too. */
int farm_step(struct farm *farm, const struct core_event *event, farm_done_fn *done, void *done_data);

/* EVENT_SETTINGS, from this host's own file. What core_step returned. */
int farm_reconfigure(struct farm *farm, const struct core_event *event);
/* Every source of this host has enumerated once; `done` when the gate may be judged for it. */
void farm_started(struct farm *farm, farm_done_fn *done, void *done_data);

/* Who is on, as far as this host knows: see farm_place.whole. Until the loop turns. */
const struct core *farm_core(const struct farm *farm);
/* The farm at a glance, whoever counts. Texts live until the loop turns. */
void farm_status(const struct farm *farm, struct core_status *ret);
void farm_place(const struct farm *farm, struct farm_place *ret);

/* Nothing is asked outside any more, and nothing told but to who waits; then `closed`. NULL: at once. */
void farm_close(struct farm *farm, void (*closed)(void *data), void *data);
/* Once it is closed, and the store is too. */
void farm_destroy(struct farm *farm);

/* This host is the farm: every event is stepped at once by `step` (commit_step), on `core`, which outlives
 * it. */
typedef int farm_step_fn(void *data, const struct core_event *event, farm_done_fn *done, void *done_data);
struct farm *farm_alone_create(farm_step_fn *step, void *data, const struct core *core);

#endif
