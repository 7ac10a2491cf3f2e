/* usage.h - what happens when more users are on than are licensed (RULES §3.6 to §3.9). Pure: levels,
 * instants of licence time and validations in; the state out.
 *
 *     within ──exceeds──► settling ──60 s──► overuse_grace ──7 d──► enforced ◄──validation, fits──┐
 *        ▲                   │ fits              │                    │ validation, ≥ 60 min above │
 *        ├───────────────────┘                   │                    └──────────────────────────► over
 *        └────────── purchases: from any state, and the settling starts anew ───────────────────────┘
 */
#ifndef FARMGATE_CORE_USAGE_H
#define FARMGATE_CORE_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#define USAGE_SETTLE_MS        INT64_C(60000) /* default of overuse_settle */
#define USAGE_GRACE_MS         (INT64_C(7) * 86400000)
#define USAGE_GRACE_WARNING_MS (INT64_C(86400000)) /* before the grace ends */
#define USAGE_OVER_AFTER_MS    (INT64_C(60) * 60000)

/* At how many percents of the limit a warning is due, rising; 0: no further one. None at all: 80, 90, 100. */
#define USAGE_WARNINGS_MAX 4
struct usage_warnings {
    unsigned percents[USAGE_WARNINGS_MAX];
};

enum usage_state {
    USAGE_WITHIN,
    USAGE_SETTLING,
    USAGE_OVERUSE_GRACE,
    USAGE_ENFORCED,
    USAGE_OVER,
    USAGE_STATE_MAX
};

/* All zero: within, the grace available. Persisted with every change. */
struct usage {
    enum usage_state state;
    int64_t exceeding_since_ms; /* without interruption; 0: users are within the limit */
    int64_t settle_ms;          /* the settling time that runs, as it was when it began */
    int64_t grace_started_ms;   /* 0: the grace is available */
    bool grace_end_said;        /* the warning before the grace ends */
    unsigned warned_percent;    /* the highest warning that is latched; 0: none */
};

const char *usage_state_name(enum usage_state state);
bool usage_state_closes(enum usage_state state);

/* Whether users exceed the limit, from now_ms on. Call it after every whole batch of changes. */
void usage_judge(struct usage *usage, bool exceeds, int64_t settle_ms, int64_t now_ms);

/* The settling time is another now (a reload): the one that runs is measured by it, and ends at once if it
 * has lasted as long. */
void usage_resettle(struct usage *usage, int64_t settle_ms, int64_t now_ms);

/* The next instant at which usage_pass has something to do; INT64_MAX: none. */
int64_t usage_due_ms(const struct usage *usage);
/* What is due at now_ms happens: the settling ends, the warning comes, the grace ends. */
void usage_pass(struct usage *usage, int64_t now_ms);

/* A validation (RULES §3.4, §3.7, §3.8): the only thing that moves between enforced and over. */
void usage_validate(struct usage *usage, int64_t now_ms);

/* From when on a validation deactivates, if users stay above the limit; INT64_MAX: none does. */
int64_t usage_deactivates_ms(const struct usage *usage);
/* When the running grace ends, or ended; INT64_MAX: none has begun. */
int64_t usage_grace_ends_ms(const struct usage *usage);

/* Licences were added: any grace ends and is available again. Judge again afterwards. */
void usage_purchased(struct usage *usage);

/* The farm is no longer activated: no limit is in force, and what was exceeded is forgotten. */
void usage_rest(struct usage *usage);

/* Licence time was set back to now_ms: nothing has begun later than that, so that no grace grows. `anew`:
 * what was said of the grace's end is said again. */
void usage_set_back(struct usage *usage, bool anew, int64_t now_ms);

/* Which warning holds for so many users, given the one that holds now: each is taken back 5 points below it,
 * one at 5 % or less when users are below 1 %. */
unsigned usage_warning(const struct usage_warnings *warnings, unsigned warned_percent, uint32_t users,
                       uint32_t limit);

#endif
