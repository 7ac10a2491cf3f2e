/* farm_state.h - a farm's store as a stream of events for the core: loads the state as of the last
 * checkpoint, then follows every later change in the store's own order. Leader and follower read with the
 * same code, so both come to the same state.
 *
 *     idle ─► checkpoint ─► boot ► host ► seq ► s ► b ► w (as of revision C) ─► following from C + 1
 *                 ▲                   │ compacted: as of now, and a gap            │ compacted
 *                 └───────────────────┴────────────────────────────────────────────┘
 *
 * Only what stands in the store moves time: a change has the time of its host, a checkpoint that of its
 * writer; neither goes behind what came before it in the store nor ahead of this host's licence time. That a
 * host's lease is gone, or back, has no time of its own, and happens at the next one. So whoever reads
 * the same revisions closes the same windows, and loses the same hosts at the same instant.
 *
 * Pure: what it asks goes out by a port, time is told. Waits are measured in steady ms, all else is licence
 * time. */
#ifndef FARMGATE_AGENT_FARM_FARM_STATE_H
#define FARMGATE_AGENT_FARM_FARM_STATE_H

#include "checkpoint.h"
#include "port.h"

#define FARM_STATE_PAGE           5000 /* keys in one answer */
#define FARM_STATE_SEQ_PAGE       200  /* of the larger seq/ values */
#define FARM_STATE_RETRY_FIRST_MS 200  /* after a request that failed; doubled up to the last */
#define FARM_STATE_RETRY_LAST_MS  5000
#define FARM_STATE_NOTED_MAX      1024 /* keys of which it was told what is wrong with them */
#define FARM_STATE_LATE_MS        5000 /* a change whose time lies further behind the farm's came late */

struct farm_state;

/* What is told of the store beside its events. */
enum farm_note {
    FARM_NOTE_FOREIGN,       /* a key that is not ours */
    FARM_NOTE_UNREADABLE,    /* a value that does not open, or is not understood */
    FARM_NOTE_OLD,           /* an old value was put back: a number went back */
    FARM_NOTE_MISSED,        /* a host's changes are not all there: numbers are missing */
    FARM_NOTE_GAP,           /* history was compacted away before it was read */
    FARM_NOTE_LATE,          /* a host was cut off: what it had kept counts now; told once it is all there */
    FARM_NOTE_LEFT_OUT,      /* more hosts are silent than a checkpoint holds */
    FARM_NOTE_NO_COMPACTION, /* etcd does not let its user compact the history */
    FARM_NOTE_MAX
};

/* Where the core begins. */
struct farm_begin {
    const struct core_saved *saved;      /* whole but, without a checkpoint, for licence and counts */
    const struct checkpoint *checkpoint; /* NULL: the farm has none yet */
    int64_t at_ms;                       /* to be restored at */
    const struct checkpoint_gap *gap;    /* what is not known of; NULL: nothing */
    bool is_older; /* the checkpoint is older than one that was seen: the store was put back */
};

/* The owner of the core. What returns an int ends the following if it is negative. */
struct farm_state_told {
    int64_t (*licence_ms)(void *data); /* this host's */
    const struct core_settings *(*settings)(void *data);
    /* Makes the core anew. */
    int (*begin)(void *data, const struct farm_begin *begin);
    const struct core *(*core)(void *data); /* once begun */
    int (*step)(void *data, const struct core_event *event, int64_t at_ms);
    /* A leader's checkpoint has come by at `at_ms`: everything before it is applied. EVENT_TIMER follows. */
    int (*checkpoint)(void *data, const struct checkpoint *checkpoint, int64_t revision, int64_t at_ms);
    void (*window)(void *data, const char *farm_id, const struct window *window); /* one has closed */
    void (*settled)(void *data); /* everything through farm_state_revision is applied */
    void (*note)(void *data, enum farm_note note, const char *key, const char *detail);
    void (*failed)(void *data, int error, const char *detail);   /* it stopped by itself */
    void (*late)(void *data, const struct checkpoint_gap *late); /* one more change that came late */
};

/* NULL without memory. `farm` outlives it. `seen_n`: the highest checkpoint that was seen before. */
struct farm_state *farm_state_create(const struct record_farm *farm, const struct farm_port *port,
                                     const struct farm_state_told *told, void *data, int64_t seen_n);
/* Ends at once: nothing is told any more. */
void farm_state_destroy(struct farm_state *state);

/* Time has passed: asks, or asks again, what is due. The first call begins. */
void farm_state_pass(struct farm_state *state, int64_t steady_ms);
int64_t farm_state_due_ms(const struct farm_state *state); /* steady; INT64_MAX: nothing is due */

/* The history this state was loaded from is gone: load as of now, and note the gap. */
void farm_state_reload(struct farm_state *state);

/* What was written elsewhere did not come by: the watch is begun anew from where it is. */
void farm_state_watch_again(struct farm_state *state);

bool farm_state_is_following(const struct farm_state *state); /* it has begun, and is told of changes */
/* Everything through this revision is in the core; and the highest revision of the store that was heard of.
 */
int64_t farm_state_revision(const struct farm_state *state);
int64_t farm_state_head(const struct farm_state *state);
/* The highest number of a checkpoint that was ever seen, and the revision at which its key was put last; 0:
 * none. */
int64_t farm_state_seen_n(const struct farm_state *state);
int64_t farm_state_checkpoint_revision(const struct farm_state *state);
/* Licence time of the last event. */
int64_t farm_state_now_ms(const struct farm_state *state);
/* A lease has gone or come back, and waits for a time. */
bool farm_state_wants_time(const struct farm_state *state);
/* The host of this name has a live lease. */
bool farm_state_host_is_up(const struct farm_state *state, const char *host);

#endif
