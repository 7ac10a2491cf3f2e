#include "judge.h"

#include <string.h>

#define MINUTE_MS       INT64_C(60000)
#define DAY_MS          INT64_C(86400000)
#define CYCLE_MS        (20 * MINUTE_MS)
#define OVERUSE_MS      (7 * DAY_MS)
#define LONG_ENOUGH_MS  (60 * MINUTE_MS)
#define EXPIRY_GRACE_MS (30 * DAY_MS)

void judge_init(struct judge *judge, int64_t settle_ms)
{
    *judge = (struct judge){
        .usage = {.farm = JUDGE_NO_FARM, .grace_ms = JUDGE_NEVER},
        .settle_ms = settle_ms,
        .exceeding_ms = JUDGE_NEVER,
        .validation_ms = JUDGE_NEVER,
    };
}

static bool is_exceeding(const struct judge *judge)
{
    return judge->exceeding_ms != JUDGE_NEVER;
}

static bool has_begun(const struct judge *judge)
{
    return judge->usage.grace_ms != JUDGE_NEVER;
}

static int64_t spent_ms(const struct judge *judge)
{
    return judge->usage.grace_ms + OVERUSE_MS;
}

/* ---- overuse ------------------------------------------------------------------------------------------- */

static void begin_grace(struct judge *judge, int64_t at_ms, struct witness *witness)
{
    judge->usage.grace_ms = at_ms;
    witness_note(witness, HAPPENED_OVERUSE_GRACE);
}

/* The settling is over at now_ms or before. */
static bool has_settled(const struct judge *judge, int64_t now_ms)
{
    return !has_begun(judge) && is_exceeding(judge) && judge->exceeding_ms + judge->settle_ms <= now_ms;
}

static void look_at_users(struct judge *judge, struct witness *witness)
{
    bool exceeding = judge->activation != ACTIVATION_NONE && judge->users > judge->limit;
    if (exceeding == is_exceeding(judge))
        return;
    if (!exceeding && judge->activation != ACTIVATION_NONE && !has_begun(judge))
        witness_note(witness, HAPPENED_SETTLED);
    if (!exceeding && has_begun(judge) && judge->now_ms >= spent_ms(judge) && !judge->usage.over)
        witness_note(witness, HAPPENED_CANCELLED);
    judge->exceeding_ms = exceeding ? judge->now_ms : JUDGE_NEVER;
    if (judge->settle_ms == 0 && has_settled(judge, judge->now_ms))
        begin_grace(judge, judge->now_ms, witness);
}

static void validate(struct judge *judge, int64_t at_ms, struct witness *witness)
{
    if (judge->activation == ACTIVATION_NONE || !has_begun(judge) || at_ms < spent_ms(judge))
        return;
    int64_t above_since_ms = judge->exceeding_ms > spent_ms(judge) ? judge->exceeding_ms : spent_ms(judge);
    if (judge->usage.over && !is_exceeding(judge)) {
        judge->usage.over = false;
        witness_note(witness, HAPPENED_BACK_WITHIN);
    } else if (!judge->usage.over && is_exceeding(judge) && at_ms - above_since_ms >= LONG_ENOUGH_MS) {
        judge->usage.over = true;
        witness_note(witness, HAPPENED_OVER);
    }
}

/* ---- time ---------------------------------------------------------------------------------------------- */

/* The last instant of the farm's phase at or before at_ms. */
static int64_t phase_at(const struct judge *judge, int64_t at_ms)
{
    int64_t rest_ms = (at_ms - judge->phase_ms) % CYCLE_MS;
    return at_ms - (rest_ms < 0 ? rest_ms + CYCLE_MS : rest_ms);
}

static void expect_validation(struct judge *judge)
{
    judge->validation_ms = phase_at(judge, judge->now_ms) + CYCLE_MS;
}

/* Nothing has begun in the future, so no grace grows. */
static void set_back(struct judge *judge, int64_t now_ms)
{
    if (is_exceeding(judge) && judge->exceeding_ms > now_ms)
        judge->exceeding_ms = now_ms;
    if (has_begun(judge) && judge->usage.grace_ms > now_ms)
        judge->usage.grace_ms = now_ms;
    if (has_begun(judge) && now_ms < spent_ms(judge))
        judge->usage.over = false;
    judge->now_ms = now_ms;
    expect_validation(judge);
}

void judge_move(struct judge *judge, int64_t now_ms, bool inclusive, struct witness *witness)
{
    int64_t through_ms = inclusive ? now_ms : now_ms - 1;
    if (now_ms < judge->now_ms)
        set_back(judge, now_ms);
    if (has_settled(judge, through_ms))
        begin_grace(judge, judge->exceeding_ms + judge->settle_ms, witness);
    if (has_begun(judge) && judge->now_ms < spent_ms(judge) && through_ms >= spent_ms(judge))
        witness_note(witness, HAPPENED_SPENT);
    if (judge->started && through_ms >= judge->validation_ms) {
        if (through_ms - judge->validation_ms > 6 * CYCLE_MS)
            witness_note(witness, HAPPENED_MANY_CYCLES_MISSED);
        validate(judge, phase_at(judge, through_ms), witness); /* missed ones run once */
        judge->validation_ms = phase_at(judge, through_ms) + CYCLE_MS;
    }
    judge->now_ms = now_ms;
}

/* ---- what is told -------------------------------------------------------------------------------------- */

void judge_restart(struct judge *judge, int farm, bool has_token, uint32_t users, int64_t now_ms)
{
    struct witness nobody = {.true_ms = &now_ms};
    judge->started = false;
    judge->users = users;
    bool is_its = has_token && farm == judge->usage.farm;
    if (!is_its)
        judge->activation = ACTIVATION_NONE; /* a crash between the two files: the next report mends it */
    if (now_ms < judge->now_ms)
        set_back(judge, now_ms);
    if (!(judge->users > judge->limit) || judge->activation == ACTIVATION_NONE)
        look_at_users(judge, &nobody);
}

void judge_started(struct judge *judge, struct witness *witness)
{
    judge->started = true;
    validate(judge, judge->now_ms, witness);
    expect_validation(judge);
}

void judge_users(struct judge *judge, uint32_t users, struct witness *witness)
{
    judge->users = users;
    look_at_users(judge, witness);
}

void judge_settings(struct judge *judge, int64_t settle_ms, struct witness *witness)
{
    judge->settle_ms = settle_ms;
    if (has_settled(judge, judge->now_ms))
        begin_grace(judge, judge->now_ms, witness);
}

bool judge_accepts(const struct judge *judge, int farm, const struct grant *grant)
{
    bool known = farm == judge->usage.farm;
    return !known || (grant->serial >= judge->serial && grant->issued_at_ms >= judge->issued_ms);
}

/* Overuse stays with the farm id: that of the last few is remembered. */
static struct judge_usage recall(struct judge *judge, int farm)
{
    struct judge_usage found = {.farm = farm, .grace_ms = JUDGE_NEVER};
    unsigned kept = 0;
    for (unsigned i = 0; i < judge->former_count; i++) {
        if (judge->former[i].farm == farm)
            found = judge->former[i];
        else
            judge->former[kept++] = judge->former[i];
    }
    judge->former_count = kept;
    return found;
}

static void remember(struct judge *judge, const struct judge_usage *usage)
{
    unsigned kept = judge->former_count < JUDGE_FORMER_MAX ? judge->former_count : JUDGE_FORMER_MAX - 1;
    memmove(&judge->former[1], &judge->former[0], kept * sizeof(judge->former[0]));
    judge->former[0] = *usage;
    judge->former_count = kept + 1;
}

static void change_farm(struct judge *judge, int farm)
{
    struct judge_usage before = judge->usage;
    if (before.farm == farm)
        return;
    judge->usage = recall(judge, farm);
    judge->exceeding_ms = JUDGE_NEVER;
    if (before.farm != JUDGE_NO_FARM)
        remember(judge, &before);
}

static void take_purchases(struct judge *judge, uint64_t purchases, struct witness *witness)
{
    if (purchases > judge->usage.purchases) {
        if (has_begun(judge))
            witness_note(witness, HAPPENED_GRACE_AGAIN);
        judge->usage.grace_ms = JUDGE_NEVER;
        judge->usage.over = false;
        judge->exceeding_ms = JUDGE_NEVER;
    }
    judge->usage.purchases = purchases;
}

void judge_entitled(struct judge *judge, int farm, int64_t phase_ms, const struct grant *grant,
                    bool activation, struct witness *witness)
{
    int64_t corrected_ms = grant->issued_at_ms;
    judge_move(judge, corrected_ms, false, witness); /* time passes under the former grant */
    if (activation || judge->activation == ACTIVATION_NONE) {
        change_farm(judge, farm);
        judge->phase_ms = phase_ms;
        judge->copied = false;
        judge->activation = grant->status == GRANT_ACTIVE ? ACTIVATION_ACTIVE : ACTIVATION_REVOKED;
    } else if (grant->status == GRANT_DEACTIVATED) {
        judge->activation = ACTIVATION_REVOKED;
    }
    judge->serial = grant->serial;
    judge->issued_ms = grant->issued_at_ms;
    judge->expires_ms = grant->expires_at_ms;
    judge->refresh_ms = grant->refresh_by_ms;
    judge->trial = grant->trial;
    judge->limit = grant->limit;
    take_purchases(judge, grant->purchases, witness);
    look_at_users(judge, witness);
    if (has_settled(judge, corrected_ms))
        begin_grace(judge, judge->exceeding_ms + judge->settle_ms, witness);
    if (judge->started)
        validate(judge, corrected_ms, witness);
    expect_validation(judge);
}

static void deactivate(struct judge *judge)
{
    judge->activation = ACTIVATION_NONE;
    judge->exceeding_ms = JUDGE_NEVER;
    judge->validation_ms = JUDGE_NEVER;
}

void judge_released(struct judge *judge)
{
    deactivate(judge);
}

void judge_copied(struct judge *judge)
{
    deactivate(judge);
    judge->copied = true;
}

/* ---- what follows -------------------------------------------------------------------------------------- */

/* Bounds are half-open: at the instant itself the next state holds. */
static bool has_passed(const struct judge *judge, int64_t bound_ms, bool before)
{
    return before ? judge->now_ms > bound_ms : judge->now_ms >= bound_ms;
}

static int64_t term_ends_ms(const struct judge *judge)
{
    if (judge->expires_ms == 0)
        return JUDGE_NEVER;
    return judge->trial ? judge->expires_ms : judge->expires_ms + EXPIRY_GRACE_MS;
}

enum verdict_reason judge_verdict(const struct judge *judge, bool before)
{
    if (judge->activation == ACTIVATION_NONE)
        return judge->copied ? VERDICT_COPIED : VERDICT_NOT_ACTIVATED;
    if (judge->activation == ACTIVATION_REVOKED)
        return VERDICT_REVOKED;
    if (has_passed(judge, term_ends_ms(judge), before))
        return VERDICT_EXPIRED;
    if (has_passed(judge, judge->refresh_ms, before))
        return VERDICT_STALE;
    return judge->usage.over ? VERDICT_OVER : VERDICT_OPEN;
}

enum usage_state judge_usage_state(const struct judge *judge, bool before)
{
    if (!has_begun(judge))
        return is_exceeding(judge) ? USAGE_SETTLING : USAGE_WITHIN;
    if (!has_passed(judge, spent_ms(judge), before))
        return USAGE_OVERUSE_GRACE;
    return judge->usage.over ? USAGE_OVER : USAGE_ENFORCED;
}

enum admission judge_admission(const struct judge *judge)
{
    bool run_out = judge->users >= judge->limit;
    bool is_spent = has_begun(judge) && judge->now_ms >= spent_ms(judge);
    bool is_spared = judge->spare_grace && !has_begun(judge);
    if (judge_verdict(judge, false) != VERDICT_OPEN)
        return ADMISSION_NONE;
    return run_out && (is_spent || is_spared) ? ADMISSION_HOLDERS : ADMISSION_ALL;
}

int64_t judge_grace_ends(const struct judge *judge)
{
    return has_begun(judge) ? spent_ms(judge) : JUDGE_NEVER;
}

static void consider(const struct judge *judge, int64_t at_ms, int64_t *due_ms)
{
    if (at_ms > judge->now_ms && at_ms < *due_ms)
        *due_ms = at_ms;
}

int64_t judge_due(const struct judge *judge)
{
    int64_t due_ms = JUDGE_NEVER;
    struct judge later = *judge;
    struct witness nobody = {.true_ms = &due_ms};
    if (judge->activation != ACTIVATION_ACTIVE)
        return JUDGE_NEVER;
    consider(judge, term_ends_ms(judge), &due_ms);
    consider(judge, judge->refresh_ms, &due_ms);
    if (judge->started) {
        judge_move(&later, judge->validation_ms, true, &nobody);
        if (later.usage.over != judge->usage.over)
            consider(judge, judge->validation_ms, &due_ms);
    }
    return due_ms;
}
