/* farm_state_private.h - between farm_state.c (asking, and the order of things), farm_state_load.c (what
 * stands in the store) and farm_state_follow.c (what changes in it). */
#ifndef FARMGATE_AGENT_FARM_FARM_STATE_PRIVATE_H
#define FARMGATE_AGENT_FARM_FARM_STATE_PRIVATE_H

#include "ask.h"
#include "farm_state.h"
#include "host_sets.h"

enum farm_phase {
    PHASE_CHECKPOINT,
    PHASE_BOOT,
    PHASE_HOST,
    PHASE_SEQ,
    PHASE_SESSION,
    PHASE_BROKER,
    PHASE_WINDOW,
    PHASE_FOLLOWING,
    PHASE_CHECKING, /* whether revisions have gone back */
    PHASE_STOPPED,
    PHASE_MAX
};

/* What an answer said of itself. */
struct farm_answer {
    bool failed, more, compacted;
    int code;
    int64_t revision;
};

struct farm_state {
    const struct record_farm *farm;
    struct farm_port port;
    struct farm_state_told told;
    void *data;

    enum farm_phase phase;
    struct ask *ask;
    struct farm_answer answer;
    int64_t steady_ms, due_ms, backoff_ms;
    bool wants_earlier;        /* this checkpoint does not open: the one before it is read */
    struct error_detail newer; /* who wrote what is not understood */

    /* of a load: */
    bool as_of_now; /* not as of the checkpoint, whose history is gone */
    struct checkpoint *checkpoint;
    struct record_key after; /* the last key of the page before; "": the first page */
    struct record_seq *seq;  /* one at a time: it is large */
    struct window *unsent;
    size_t unsent_count, unsent_room;
    int64_t checkpoint_before; /* the checkpoint is read as of then, for the later ones do not open; 0: now */
    int64_t loaded_revision;   /* at which the checkpoint was written, with the windows that had closed */
    bool has_gap, is_older;
    struct checkpoint_gap gap;

    struct host_sets sets;
    bool hosts_wait; /* a lease is gone or back, and waits for a time */
    int64_t revision, head;
    int64_t event_revision; /* of the last event of the message that is read */
    int64_t seen_n;         /* the highest checkpoint ever; */
    int64_t followed_n; /* and of those that came by since the load, of which the first may be earlier ones */
    int64_t checkpoint_revision;
    int64_t now_ms;
    uint64_t noted[FARM_STATE_NOTED_MAX];
    size_t noted_count;
};

/* Tells what is wrong with a key, once. */
void farm_state_note(struct farm_state *state, enum farm_note note, const char *key, const char *detail);

/* Keys of a load, one function a phase. */
int farm_load_checkpoint(struct farm_state *state, const struct wire_kv *kv);
int farm_load_boot(struct farm_state *state, const struct wire_kv *kv);
int farm_load_host(struct farm_state *state, const struct wire_kv *kv);
int farm_load_seq(struct farm_state *state, const struct wire_kv *kv);
int farm_load_session(struct farm_state *state, const struct wire_kv *kv);
int farm_load_broker(struct farm_state *state, const struct wire_kv *kv);
int farm_load_window(struct farm_state *state, const struct wire_kv *kv);
/* Everything is read: the core begins. */
int farm_load_begin(struct farm_state *state);

/* A key that has changed. */
int farm_follow_kv(struct farm_state *state, const struct wire_kv *kv);
/* Notes which hosts the core holds silent otherwise than their leases say. */
void farm_follow_leases(struct farm_state *state);
/* Goes on with what came late shortly before the checkpoint. */
void farm_follow_late(struct farm_state *state);

#endif
