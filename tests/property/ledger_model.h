/* ledger_model.h - RULES §5 and §3.13 of the authority's side once more, written from the rules: arrays and
 * loops, sums made anew each time, nothing of cloud/. Instants are Unix ms, 0 never or not yet.
 *
 * Each change takes what is asked for and tells every reason for which the rules refuse it; none: it is made.
 * Several may hold at once, and which one is told is not the rules' matter. */
#ifndef FARMGATE_TESTS_LEDGER_MODEL_H
#define FARMGATE_TESTS_LEDGER_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_SUBSCRIPTIONS_MAX 16
#define MODEL_KEYS_MAX          80
#define MODEL_FARMS_MAX         200
#define MODEL_WINDOWS_MAX       200 /* of a farm: fewer than the authority keeps, so nothing is forgotten */
#define MODEL_SOURCES           3
#define MODEL_REFUSALS_MAX      8
#define MODEL_NONE              (-1)

struct model_refusals {
    const char *codes[MODEL_REFUSALS_MAX];
    size_t count;
};

struct model_term { /* exactly one is not 0 */
    int months, days;
};

struct model_subscription {
    uint32_t licences;
    uint64_t purchases;
    struct model_term term;
    bool reseller, renews;
    int64_t activated_ms, expires_ms, cancelled_ms;
    int64_t counted_from_ms; /* since then it has run for … */
    int months_since;        /* … so many months without a break */
    int orders;
};

struct model_key {
    int subscription;
    bool primary;
    uint32_t reserved; /* of a further key; the primary key's quota is what these leave */
    int64_t expires_ms, deleted_ms;
    unsigned moves;
    int last_installation, farm; /* MODEL_NONE: none */
};

struct model_window {
    int64_t sequence, start_ms, end_ms, peak_users;
    const char *refusal; /* "" if it counts */
};

struct model_farm {
    int key; /* MODEL_NONE: a trial */
    int installation;
    bool active;
    const char *reason; /* code; "" while active */
    int64_t activated_ms, deactivated_ms, reported_ms;
    uint32_t trial_limit;
    int64_t trial_ends_ms;
    struct model_window windows[MODEL_WINDOWS_MAX]; /* as they came, counted and refused ones */
    size_t window_count;
};

struct ledger_model {
    int64_t now_ms; /* never goes back */
    uint32_t trial_limit;
    int trials_per_day, trials_per_day_and_source;
    int64_t trial_day;
    int trials_begun, trials_begun_at[MODEL_SOURCES];
    int lines; /* of the audit log */
    struct model_subscription subscriptions[MODEL_SUBSCRIPTIONS_MAX];
    struct model_key keys[MODEL_KEYS_MAX];
    struct model_farm farms[MODEL_FARMS_MAX];
    int subscription_count, key_count, farm_count;
};

/* Makes all renewals by themselves that are due. */
void model_renew_due(struct ledger_model *model, int subscription);

void model_buy(struct ledger_model *model, uint32_t licences, struct model_term term, bool reseller,
               bool renews, struct model_refusals *ret);
void model_add(struct ledger_model *model, int subscription, uint32_t licences, struct model_refusals *ret);
/* A term of zeros: the same again. */
void model_renew(struct ledger_model *model, int subscription, struct model_term term,
                 struct model_refusals *ret);
void model_set_renews(struct ledger_model *model, int subscription, bool renews, struct model_refusals *ret);
void model_cancel(struct ledger_model *model, int subscription, struct model_refusals *ret);

struct model_key_change {
    bool sets_quota, sets_expires, resets_moves, confirmed;
    uint32_t quota;
    int64_t expires_ms;
};
void model_create_key(struct ledger_model *model, int subscription, const struct model_key_change *wanted,
                      struct model_refusals *ret);
void model_edit_key(struct ledger_model *model, int key, const struct model_key_change *change,
                    struct model_refusals *ret);
void model_delete_key(struct ledger_model *model, int key, bool confirmed, struct model_refusals *ret);
void model_deactivate(struct ledger_model *model, int farm, const char *reason);

/* *ret_farm: the farm that is active now. */
void model_activate(struct ledger_model *model, int key, int installation, bool move, int *ret_farm,
                    struct model_refusals *ret);
/* `source` MODEL_NONE: not known. */
void model_trial(struct ledger_model *model, int installation, int source, int *ret_farm,
                 struct model_refusals *ret);
/* Deactivated so long ago that it is unknown. */
bool model_is_forgotten(const struct ledger_model *model, int farm);
/* Takes one window of a report in; the code of its refusal, "" if it counts. Of what stands behind one with
 * "number_used" nothing is taken. */
const char *model_window(struct ledger_model *model, int farm, const struct model_window *window);

uint32_t model_quota(const struct ledger_model *model, int key);
/* What the key may be given at most; MODEL_NONE: a new one. */
uint32_t model_quota_left(const struct ledger_model *model, int subscription, int key);
unsigned model_moves_left(const struct ledger_model *model, int key);
/* When the farm's entitlement ends; 0: never or not known yet. */
int64_t model_expires_ms(const struct ledger_model *model, int farm);

#endif
