/* judge.h - whether a farm's gate must be open: RULES §3 reckoned from what the farm was told and its licence
 * time, without a look at the core. One judge a host; what it knows is plain data, so that a crash takes it
 * back to what was on the disk by a copy. */
#ifndef FARMGATE_TESTS_SIM_JUDGE_H
#define FARMGATE_TESTS_SIM_JUDGE_H

#include "agent/core/standing.h"
#include "agent/core/verdict.h"
#include "witness.h"

#define JUDGE_FORMER_MAX 4 /* farm ids whose overuse is remembered */
#define JUDGE_NO_FARM    -1
#define JUDGE_NEVER      INT64_MAX

/* Overuse as it belongs to a farm id. */
struct judge_usage {
    int farm;           /* the simulator's number of the farm id */
    uint64_t purchases; /* as told last */
    int64_t grace_ms;   /* when the 7 days began; JUDGE_NEVER: available */
    bool over;
};

struct judge {
    int64_t now_ms; /* licence time */
    enum activation_state activation;
    bool copied;
    bool started;
    int64_t expires_ms, issued_ms, refresh_ms;
    uint64_t serial;
    uint32_t limit;
    bool trial;
    struct judge_usage usage;
    struct judge_usage former[JUDGE_FORMER_MAX]; /* the latest first */
    unsigned former_count;
    uint32_t users;
    int64_t settle_ms;
    int64_t exceeding_ms;  /* since when, JUDGE_NEVER: not */
    int64_t phase_ms;      /* of the farm's cycle */
    int64_t validation_ms; /* the next at the phase */
    bool spare_grace, strict;
};

void judge_init(struct judge *judge, int64_t settle_ms);
/* A new process goes on with what was stored. `farm` is the identity's; users: the level restored. */
void judge_restart(struct judge *judge, int farm, bool has_token, uint32_t users, int64_t now_ms);

/* Time goes on; what falls due before now_ms happens, with `inclusive` also what is due then. */
void judge_move(struct judge *judge, int64_t now_ms, bool inclusive, struct witness *witness);

/* At the instant moved to: */
void judge_started(struct judge *judge, struct witness *witness);
void judge_users(struct judge *judge, uint32_t users, struct witness *witness);
void judge_settings(struct judge *judge, int64_t settle_ms, struct witness *witness);
/* Whether the farm has to take this entitlement for farm number `farm`. */
bool judge_accepts(const struct judge *judge, int farm, const struct grant *grant);
/* It came with a report, or with an activation (then also the farm changes). */
void judge_entitled(struct judge *judge, int farm, int64_t phase_ms, const struct grant *grant,
                    bool activation, struct witness *witness);
void judge_released(struct judge *judge);
void judge_copied(struct judge *judge);

/* The verdict due; with `before` that of the instant just before, for what is due now but has not happened
 * yet. */
enum verdict_reason judge_verdict(const struct judge *judge, bool before);
enum usage_state judge_usage_state(const struct judge *judge, bool before);
/* Whom an open gate admits (RULES §4). */
enum admission judge_admission(const struct judge *judge);
/* When the 7 days end, or ended; JUDGE_NEVER: they have not begun. */
int64_t judge_grace_ends(const struct judge *judge);
/* The next instant at which the verdict changes if nothing else happens; JUDGE_NEVER. */
int64_t judge_due(const struct judge *judge);

#endif
