/* roll.h - the roll of a farm of many hosts, called when somebody wants to know: who is in it and how each
 * stands, as the shared store tells it at one revision. Nobody keeps it: a follower knows the verdict alone.
 *
 * Pure: requests go out by a port, time is told, steady ms. */
#ifndef FARMGATE_AGENT_FARM_ROLL_H
#define FARMGATE_AGENT_FARM_ROLL_H

#include "checkpoint.h"
#include "port.h"

#define ROLL_PATIENCE_MS 1500 /* for all of it; then whoever asked is told that the store does not answer */
#define ROLL_HOSTS_MAX   2000
#define ROLL_SEQ_PAGE    200 /* of the larger seq/ values */

struct roll_host {
    char host[CONNECTION_HOST_BYTES_MAX + 1];
    char version[RECORD_VERSION_BYTES_MAX + 1]; /* of its program; "": it is not up */
    char machine_id[GRANT_ID_BYTES_MAX + 1];    /* likewise */
    bool is_up;                                 /* its lease lives */
    bool lost;                                  /* its connections have ended without it (RULES §2.10) */
    int64_t silent_since_ms;                    /* its lease is gone, as the leader knows; 0: not */
    uint64_t through;                           /* the number of its last change that the farm has; 0: none */
    int64_t last_change_ms;                     /* when that was; 0: none */
};

/* Instants are licence time. */
struct roll {
    struct roll_host *hosts; /* by name */
    size_t host_count;
    bool more;                                  /* there are hosts that are left out */
    char leader[CONNECTION_HOST_BYTES_MAX + 1]; /* "": nobody leads */
    int64_t head;                               /* the store's revision when it was asked */
    int64_t checkpoint_n, checkpoint_at_ms;     /* what the next leader would go on from; 0: there is none */
    int64_t checkpoint_revision;                /* what of the store is in it */
    size_t hosts_left_out;                      /* silent hosts that the checkpoint had no room for */
    size_t unreadable; /* values that do not open, or are not understood: not this farm's */
    struct checkpoint_gap gaps[CHECKPOINT_GAPS_MAX]; /* the last ones, oldest first */
    size_t gap_count;
    int64_t gaps_ever;
};

/* The roll, until this returns; or NULL and why: ERROR_TIMEOUT, ERROR_UNREACHABLE … */
typedef void roll_done_fn(void *data, const struct roll *roll, int error, const char *detail);

/* One place to ask from: whoever asks while the store is being asked hears the same answer. */
struct roll_call;

/* `farm` outlives it. NULL without memory. */
struct roll_call *roll_call_create(const struct record_farm *farm, const struct farm_port *port);
/* Whoever waits is told ERROR_CANCELLED. Not from within `done`. */
void roll_call_destroy(struct roll_call *call);

/* `done` is called once, later or at once. */
void roll_call_ask(struct roll_call *call, int64_t steady_ms, roll_done_fn *done, void *data);
/* Time has passed. */
void roll_call_pass(struct roll_call *call, int64_t steady_ms);
int64_t roll_call_due_ms(const struct roll_call *call); /* steady; INT64_MAX: nobody waits */

#endif
