/* shared_private.h - between shared.c (this host in its farm), shared_count.c (who counts, and the verdict)
 * and shared_say.c (what is said of it). */
#ifndef FARMGATE_AGENT_FARM_SHARED_PRIVATE_H
#define FARMGATE_AGENT_FARM_SHARED_PRIVATE_H

#include "follower.h"
#include "leader.h"
#include "member.h"
#include "probe.h"
#include "settings_watch.h"
#include "shared.h"
#include "writer.h"

#define SHARED_NOTED_MAX 1024

/* Who waits for a turn, or for a step to be durable. */
struct shared_turn {
    struct shared_turn *next;
    farm_turn_fn *turn;
    void *data;
};
struct shared_waiter {
    struct shared_waiter *next;
    const struct core_actions *list; /* that its step is on */
    farm_done_fn *done;
    void *data;
};

struct shared {
    struct farm farm;
    struct farm_shared_settings settings;
    struct farm_shared_told told;
    char name[RECORD_FARM_BYTES_MAX + 1]; /* the farm's */
    struct record_farm record;
    struct farm_port port;
    uint64_t seed;
    int64_t opened_ms; /* steady */

    struct etcd *etcd;
    struct probe *probe;
    struct member *member;
    struct writer *writer;
    struct settings_watch *watch;
    struct roll_call *roll;
    struct leader *leader;
    struct follower *follower; /* NULL while this host leads */
    uv_prepare_t prepare;
    uv_timer_t timer;
    bool has_joined, is_leaving, lacks_settings, first_put;
    struct error_detail trouble; /* why it is cut off or refused */
    char holder[GRANT_ID_BYTES_MAX + 1];
    int64_t cut_off_since_ms; /* licence time */

    /* this host */
    struct core *here;
    struct core_actions *here_actions;
    uint64_t here_revision;
    bool has_enumerated;
    farm_done_fn *started; /* told once the gate may be judged */
    void *started_data;

    /* the farm */
    struct core *whole;                 /* NULL unless it is followed whole */
    struct core_actions *whole_actions; /* a follower's: nothing comes of them */
    struct core_settings whole_settings;
    bool begins;                     /* the farm had no state before this leadership */
    bool whole_leads;                /* `whole` is the leader's */
    struct farm_verdict verdict;     /* n 0: none was heard */
    int64_t kept_at_ms;              /* when its standing was kept last */
    uint64_t moves;                  /* of who is on: it grows */
    struct verdict gate;             /* that was told last */
    enum verdict_reason said_reason; /* of the gate, as a log event */
    int64_t windows_after_ms, seen_n;
    bool is_turn;
    const struct core_actions *step_list; /* that the last step is on */
    size_t step_count;                    /* actions on it */
    struct shared_turn *turns, **turns_end;
    struct shared_waiter *waiters, **waiters_end;

    uint64_t noted[SHARED_NOTED_MAX]; /* keys of which it was told what is wrong with them */
    size_t noted_count;

    void (*closed)(void *data);
    void *closed_data;
    unsigned open_handles;
    bool is_closing;
};

/* --- shared.c --- */
int64_t shared_steady_ms(const struct shared *shared);
int64_t shared_licence_ms(const struct shared *shared);
/* Who is on has moved. */
void shared_moved(struct shared *shared);

/* --- shared_count.c --- */
int shared_count_open(struct shared *shared);
void shared_count_pass(struct shared *shared, int64_t now_ms);
int64_t shared_count_due_ms(const struct shared *shared);
/* Nobody waits in vain. */
void shared_count_stop(struct shared *shared);
void shared_count_free(struct shared *shared);
bool shared_leads(const struct shared *shared);
/* Everything that farm_core tells is the whole farm's. */
bool shared_is_whole(const struct shared *shared);
void shared_turn(struct shared *shared, farm_turn_fn *turn, void *data);
int shared_step(struct shared *shared, const struct core_event *event, farm_done_fn *done, void *done_data);
/* EVENT_SETTINGS has changed told.settings. */
void shared_count_reconfigure(struct shared *shared);

/* --- shared_say.c --- */
void shared_say(struct shared *shared, enum log_event_code code, const char *name, const char *text);
void shared_say_note(struct shared *shared, enum farm_note note, const char *key, const char *detail);
void shared_say_writer(struct shared *shared, enum writer_saying saying, const char *detail);
void shared_say_verdict(struct shared *shared, const struct verdict *verdict);

#endif
