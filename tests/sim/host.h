/* host.h - a farm of one host: a machine, who is on it, a disk, and the agent as it is wired round the
 * real core and the real clock. Beside it stand its judge and its ledger, which see what the core is told and
 * what comes out, and nothing else of it.
 *
 *     host.c           power, sleep, start, crash, and who comes and goes
 *     host_step.c      a step of the core
 *     host_follow.c    what judge and ledger make of it
 *     host_check.c     what came out, held against them
 *     host_commit.c    what is decided becomes durable, and only then is carried out
 *     host_contact.c   what is asked of the authority, and what its answers become */
#ifndef FARMGATE_TESTS_SIM_HOST_H
#define FARMGATE_TESTS_SIM_HOST_H

#include "agent/core/admission.h"
#include "heap.h"
#include "judge.h"
#include "ledger.h"
#include "machine.h"
#include "mistakes.h"
#include "model_store.h"
#include "network.h"
#include "people.h"
#include "plan.h"

/* Where a commit may be cut off. Behind it: so many of its actions were carried out. */
enum crash_point {
    CRASH_BEFORE_WRITE,
    CRASH_AFTER_IDENTITY,
    CRASH_AFTER_LICENCE,
    CRASH_BEFORE_ACTIONS,
    CRASH_AMID_ACTIONS,
    CRASH_POINTS_MAX = CRASH_AMID_ACTIONS + 5
};

struct surroundings {
    const int64_t *true_ms;
    uint64_t seed;
    enum mistake mistake;
    struct heap *heap;
    struct witness *witness;
    struct network *network;
    int traced; /* the host whose steps are printed; -1: none */
};

/* Steps that become durable together, and how judge, ledger and files stand behind them. */
struct batch {
    struct core_actions *actions;
    bool identity; /* it changes the identity file */
    bool errand;   /* it is what the administrator waits for */
    struct model_identity
        former; /* whose key is given back once another has taken its place; token 0: none */
    bool whole; /* it is a whole copy for a store that failed */
    struct model_identity identity_after;
    struct model_licence licence_after;
    struct licence_time_kept time_after;
    struct judge judge_after;
    struct ledger_state ledger_after;
};

/* What the farm's administrator wants done, and tries until it is. */
struct errand {
    bool wanted;
    enum message_type type;
    int key;
    bool move;
    unsigned tries_left;
    uint64_t number; /* of the message under way; 0: none */
    char installation_id[GRANT_ID_BYTES_MAX + 1];
};

struct host {
    unsigned number;
    char name[PEOPLE_NAME_BYTES];
    const struct host_traits *traits;
    struct surroundings around;

    struct machine machine;
    bool concerned; /* anything happens to it */
    bool powered;
    int64_t asleep_ms; /* until when */
    int64_t late_ms;   /* timers come so much late after a sleep */
    struct people truth;

    struct model_store store;
    int64_t store_fails_ms; /* until when */

    /* the process; core NULL: none runs */
    uint64_t life;
    struct core *core;
    struct core_settings settings;
    struct clock clock;
    struct model_identity identity;
    struct batch batches[2], *open, *flying;
    bool acting;
    unsigned failures; /* of the store, in a row */
    bool retrying, report_waits, identity_lost;
    bool ready;
    int64_t wake_ms;        /* true time for which a moment is queued; INT64_MAX: none */
    uint64_t messages;      /* sent in all lives */
    uint64_t report_number; /* under way; 0: none */
    char report_farm[GRANT_ID_BYTES_MAX + 1];
    uint64_t flight[REPORTER_BATCH_MAX]; /* sequences; 0: dealt with */
    size_t flight_count;
    bool crash_armed[CRASH_POINTS_MAX];
    int64_t crash_pause_ms;
    struct errand errand;

    /* what outlives every process */
    enum verdict_reason shown; /* by the gate's file */
    char farms[LEDGER_FARMS_MAX][GRANT_ID_BYTES_MAX + 1];
    unsigned farm_count;
    unsigned installations;

    /* who watches */
    const struct grant *meant; /* by the authority, where a planted mistake hands on another; else NULL */
    struct judge judge, judge_kept;
    struct ledger ledger;
    struct ledger_state ledger_kept;
    struct licence_time time;
    struct licence_time_kept time_kept;
    bool overslept, step_was_late; /* no step since a sleep; nor before this one */
    bool was_over, was_exceeding;
    int64_t exceeding_moved_ms; /* licence time when it began or ended */
    int exceeding_farm;
    int64_t cycle_sent, cycle_done; /* of the last report, and of the last that was answered */
    int64_t retry_after_ms;         /* asked for by the refusal under way */
    unsigned failures_in_row;       /* of reports, in this life */
    unsigned steps_at_once;         /* without time going on */
    int64_t stepped_ms;
    uint64_t steps;
};

void host_init(struct host *host, unsigned number, const struct plan *plan,
               const struct surroundings *around);
void host_finish(struct host *host);

/* host.c */
void host_power_on(struct host *host, int64_t wall_error_ms);
void host_power_off(struct host *host, int64_t for_ms, int64_t wall_error_ms);
void host_die(struct host *host, int64_t pause_ms); /* the process; it is started again */
void host_resume(struct host *host);
void host_suspend(struct host *host, int64_t for_ms, int64_t late_ms);
void host_start(struct host *host);
void host_ready(struct host *host);
void host_reload(struct host *host, int64_t settle_ms, unsigned flags);
void host_arrive(struct host *host, int64_t session, int64_t who);
void host_leave(struct host *host, int64_t session);
void host_change_state(struct host *host, int64_t session, enum connection_state state);
static inline bool host_sleeps(const struct host *host)
{
    return *host->around.true_ms < host->asleep_ms;
}
static inline bool host_runs(const struct host *host)
{
    return host->core != NULL && !host_sleeps(host);
}

/* Random choices that hang on who, when and what for, so that leaving something out changes nothing else. */
uint64_t host_chance(const struct host *host, unsigned what_for);

/* A step of the core, for those who watch. */
struct step {
    const struct core_event *event;
    int64_t now_ms;
    int code;
    struct ledger_closed closed;
    bool inclusive; /* what is due at now_ms itself has happened too */
};

/* host_follow.c: judge and ledger take note of it */
void host_follow(struct host *host, struct step *step);
/* The number of a farm id here, LEDGER_NO_FARM if it was never seen. */
int host_farm(const struct host *host, const char *farm_id);

/* host_check.c: what it led to is held against them. Between two steps nothing may have changed that nobody
 * noticed: the timer is for that. */
void host_check(struct host *host, const struct step *step);
void host_check_not_missed(struct host *host, int64_t now_ms);

/* host_step.c */
int host_step(struct host *host, const struct core_event *event);
void host_wake(struct host *host);
void host_arm(struct host *host);
/* Asks the gate for a person, and compares. */
bool host_admits(struct host *host, unsigned person, enum connection_kind kind);

/* host_commit.c */
void host_commit(struct host *host); /* sends off what is open */
void host_landed(struct host *host);
void host_retry_store(struct host *host);
bool host_is_quiet(const struct host *host);

/* host_contact.c */
void host_report(struct host *host);
void host_answer(struct host *host, const struct message *message);
void host_want(struct host *host, enum message_type type, int key, bool move);
void host_try_errand(struct host *host);
/* What the batch did for the administrator is durable, or not. */
void host_errand_done(struct host *host, const struct batch *batch, bool durable);
void host_report_now(struct host *host);
/* The offset of the farm's cycle within 20 minutes (RULES §3.3). */
int64_t host_phase(const char *farm_id);

#endif
