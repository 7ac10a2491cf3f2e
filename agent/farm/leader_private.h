/* leader_private.h - between leader.c (who leads) and leader_write.c (what a leader leaves in the store). */
#ifndef FARMGATE_AGENT_FARM_LEADER_PRIVATE_H
#define FARMGATE_AGENT_FARM_LEADER_PRIVATE_H

#include "ask.h"
#include "leader.h"

/* What an answer said, and what stood under the key `leader`. */
struct leader_answer {
    bool failed, succeeded, more;
    int code;
    int64_t revision, lease, ttl;
    char text[WIRE_TEXT_BYTES_MAX + 1];
};

struct closed_window {
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    struct window window;
};

/* A transaction whose outcome is not known yet: it is sent again as it was. */
struct leader_flight {
    bool is_on, is_checkpoint; /* else of windows alone */
    bool is_history;           /* these are of a time before this farm */
    int64_t n, revision;
    struct record_value checkpoint, verdict; /* the latter empty before the core has started */
    size_t window_count;                     /* the first ones of those that are kept */
    struct record_value windows[LEADER_WINDOWS_MAX];
    struct core_actions *actions; /* to be carried out once it is committed */
    int64_t committed_revision;   /* the watch has shown it; 0: not yet */
    /* of the failing branch: */
    int64_t leader_revision, checkpoint_revision;
    bool is_ours; /* the checkpoint that stands there */
};

struct leader {
    struct leader_settings settings;
    struct leader_told told;
    void *data;
    enum leader_state state;
    bool stands;
    int64_t steady_ms;
    bool resigning;
    int resign_error;
    struct error_detail resign_detail;

    /* leader.c: the election and the lease */
    struct ask *election, *keeping;
    struct leader_answer election_answer, keeping_answer;
    bool is_watching;
    int64_t election_due_ms;
    char holder[CONNECTION_HOST_BYTES_MAX + 1];
    int64_t holder_revision, holder_lease; /* 0: nobody leads */
    int64_t lease, lease_until_ms, keep_due_ms, keep_sent_ms;
    int64_t create_revision; /* of our key: what fences others off */

    /* leader_write.c */
    struct farm_state *farm_state;
    struct ask *writing, *compacting;
    struct leader_answer writing_answer, compacting_answer;
    int64_t write_due_ms, compact_due_ms;
    struct checkpoint *checkpoint;
    struct leader_flight flight;
    struct core_actions *gathered;
    struct closed_window *windows;
    size_t window_count, window_room;
    int64_t newest_window_ms; /* none of them begins later */
    struct window *history;   /* NULL: none is to be written */
    size_t history_at, history_count;
    int64_t first_n;               /* of this leadership's checkpoints */
    int64_t seen_n;                /* the highest that ever stood in the store */
    int64_t last_n, last_revision; /* of the key `checkpoint`, tried or not; its revision, and */
    int64_t guard_revision;        /* the one to which history must be whole */
    struct record_key old_keys[LEADER_WINDOWS_MAX]; /* windows that are kept no longer */
    size_t old_count;
    int64_t floor;            /* of all farms, as far as was read; 0: none */
    int64_t awaited_revision; /* of a committed checkpoint that did not come by yet; 0: none */
    int64_t awaited_until_ms;
    unsigned awaited_times;
    bool said_no_compaction;
    bool is_dirty, is_urgent, wants_turn, is_turn, barrier_sent, barrier_back, said_left_out;
};

void leader_note_answer(struct leader_answer *answer, const struct wire_message *message);
/* With the next pass. */
void leader_resign_soon(struct leader *leader, int error, const char *detail);

/* Elected: the store is loaded; over: everything is dropped. */
int leader_write_open(struct leader *leader);
void leader_write_close(struct leader *leader);
void leader_write_pass(struct leader *leader);
int64_t leader_write_due_ms(const struct leader *leader);

#endif
