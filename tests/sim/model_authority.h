/* model_authority.h - the authority of RULES §3.12, §3.13 and §5: subscriptions with one key each, farms,
 * what they report, and signed entitlements, whose serial and date never go back. Written from the rules. */
#ifndef FARMGATE_TESTS_SIM_MODEL_AUTHORITY_H
#define FARMGATE_TESTS_SIM_MODEL_AUTHORITY_H

#include "agent/core/core.h"
#include "plan.h"
#include "witness.h"

#define MODEL_MOVES_MAX   3
#define MODEL_TRIAL_LIMIT 5
#define MODEL_TRIAL_MS    (30 * DAY_MS)

/* A subscription and its key. */
struct model_key {
    uint32_t limit;
    uint64_t purchases;
    int64_t term_ms, refresh_ms;
    int64_t expires_ms; /* 0: not activated yet */
    unsigned moves;
    char last_installation[GRANT_ID_BYTES_MAX + 1];
    int holder; /* farm, or -1 */
};

struct model_seen {
    struct window window;
    bool counted;
};

struct model_farm_account {
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    char installation_id[GRANT_ID_BYTES_MAX + 1];
    unsigned host; /* where it runs, for the witnesses */
    int key;       /* PLAN_TRIAL: none */
    bool active;
    int64_t trial_ends_ms;
    uint64_t serial, newest_token, used_token; /* good are those from the one used last to the newest */
    int64_t issued_ms;
    struct model_seen *seen; /* by sequence */
    size_t seen_count, seen_room;
    int64_t (*counted)[2]; /* [start, end) of counted windows, by start */
    size_t counted_count, counted_room;
    uint64_t windows_counted, users_counted; /* what is billed by */
    uint64_t through;                        /* the highest sequence counted */
    struct grant last_grant[4];              /* for playing back */
    unsigned grants;
};

/* What it tells whoever watches the books: every window that it deals with. */
typedef void model_judged_fn(void *data, const struct model_farm_account *farm, const struct window *window,
                             bool accepted, bool repeated);

struct model_authority {
    struct witness *witness;
    const int64_t *true_ms;
    int64_t clock_error_ms;
    struct model_key keys[PLAN_KEYS_MAX];
    unsigned key_count;
    struct model_farm_account *farms;
    size_t farm_count, farm_room;
    uint64_t tokens;                                /* given out */
    bool counts_twice, forgets, impatient, in_step; /* planted mistakes */
    model_judged_fn *judged;
    void *judged_data;
};

enum model_answer_type {
    ANSWER_GRANTED,
    ANSWER_UNKNOWN, /* no such farm or a wrong token: unsigned */
    ANSWER_KEY_IN_USE,
    ANSWER_MOVES_EXHAUSTED,
    ANSWER_KEY_EXPIRED,
    ANSWER_TRIAL_USED,
};

struct model_answer {
    enum model_answer_type type;
    struct grant grant;
    uint64_t token;   /* of an activation */
    uint64_t through; /* of a report */
    size_t refused_count;
    uint64_t refused[REPORTER_BATCH_MAX];
};

void model_authority_init(struct model_authority *authority, const struct plan *plan, struct witness *witness,
                          const int64_t *true_ms);
void model_authority_finish(struct model_authority *authority);

void model_authority_activate(struct model_authority *authority, unsigned host, const char *installation_id,
                              int key, bool move, struct model_answer *ret);
/* At most REPORTER_BATCH_MAX windows. */
void model_authority_report(struct model_authority *authority, const char *farm_id, uint64_t token,
                            const struct window *windows, size_t count, struct model_answer *ret);
void model_authority_release(struct model_authority *authority, const char *farm_id, uint64_t token,
                             struct model_answer *ret);

void model_authority_purchase(struct model_authority *authority, unsigned key, uint32_t licences);
void model_authority_limit(struct model_authority *authority, unsigned key, uint32_t licences);
void model_authority_renew(struct model_authority *authority, unsigned key, int64_t by_ms);
void model_authority_deactivate(struct model_authority *authority, unsigned key);

/* NULL: no such farm. */
struct model_farm_account *model_authority_find(struct model_authority *authority, const char *farm_id);

#endif
