#include "ledger_model.h"

#include <string.h>

#define MINUTE_MS INT64_C(60000)
#define DAY_MS    (1440 * MINUTE_MS)

static void refuse(struct model_refusals *refusals, bool if_so, const char *code)
{
    if (if_so)
        refusals->codes[refusals->count++] = code;
}

/* --- the calendar --------------------------------------------------------------------------------------- */

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in(int year, int month) /* 0 … 11 */
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 1 && is_leap(year) ? 29 : days[month];
}

/* §5.1: calendar months in UTC, clamped to the month's end. */
static int64_t months_after(int64_t start_ms, int months)
{
    int64_t day = start_ms / DAY_MS, month_start = 0;
    int year = 1970, month = 0;
    while (month_start + days_in(year, month) <= day) {
        month_start += days_in(year, month);
        month = (month + 1) % 12;
        year += month == 0;
    }
    int64_t of_month = day - month_start;
    for (int i = 0; i < months; i++) {
        month_start += days_in(year, month);
        month = (month + 1) % 12;
        year += month == 0;
    }
    if (of_month >= days_in(year, month))
        of_month = days_in(year, month) - 1;
    return (month_start + of_month) * DAY_MS + start_ms % DAY_MS;
}

/* Months are counted all together from the day on which they began, so that none is clamped twice. */
static void run_on(struct model_subscription *of, struct model_term term)
{
    if (term.months > 0) {
        of->months_since += term.months;
        of->expires_ms = months_after(of->counted_from_ms, of->months_since);
        return;
    }
    of->expires_ms += term.days * DAY_MS;
    of->counted_from_ms = of->expires_ms;
    of->months_since = 0;
}

static void run_from(struct model_subscription *of, struct model_term term, int64_t start_ms)
{
    of->counted_from_ms = of->expires_ms = start_ms;
    of->months_since = 0;
    run_on(of, term);
}

/* --- what follows from the books ------------------------------------------------------------------------ */

static bool is_begun(const struct model_subscription *subscription)
{
    return subscription->activated_ms != 0;
}

static uint32_t reserved_of(const struct ledger_model *model, int subscription)
{
    uint32_t reserved = 0;
    for (int i = 0; i < model->key_count; i++)
        if (model->keys[i].subscription == subscription && model->keys[i].deleted_ms == 0)
            reserved += model->keys[i].reserved;
    return reserved;
}

/* §5.3: the primary key's quota is the licences less all reserved ones. */
uint32_t model_quota(const struct ledger_model *model, int key)
{
    const struct model_key *of = &model->keys[key];
    if (of->primary)
        return model->subscriptions[of->subscription].licences - reserved_of(model, of->subscription);
    return of->deleted_ms != 0 ? 0 : of->reserved;
}

uint32_t model_quota_left(const struct ledger_model *model, int subscription, int key)
{
    uint32_t left = model->subscriptions[subscription].licences - reserved_of(model, subscription);
    bool further = key != MODEL_NONE && !model->keys[key].primary;
    return further ? left + model_quota(model, key) : left;
}

unsigned model_moves_left(const struct ledger_model *model, int key)
{
    return model->keys[key].moves >= 3 ? 0 : 3 - model->keys[key].moves;
}

/* §5.3: the earlier of key's and subscription's. */
static int64_t end_of_key(const struct ledger_model *model, int key)
{
    int64_t own_ms = model->keys[key].expires_ms;
    int64_t all_ms = model->subscriptions[model->keys[key].subscription].expires_ms;
    if (own_ms == 0 || all_ms == 0)
        return own_ms + all_ms;
    return own_ms < all_ms ? own_ms : all_ms;
}

int64_t model_expires_ms(const struct ledger_model *model, int farm)
{
    const struct model_farm *of = &model->farms[farm];
    return of->key == MODEL_NONE ? of->trial_ends_ms : end_of_key(model, of->key);
}

/* The peak that the farm on a key reported last; -1: none runs, or none was reported. */
static int64_t last_peak(const struct ledger_model *model, int key)
{
    if (model->keys[key].farm == MODEL_NONE)
        return -1;
    const struct model_farm *farm = &model->farms[model->keys[key].farm];
    int64_t peak = -1, sequence = 0;
    for (size_t i = 0; i < farm->window_count; i++) {
        if (farm->windows[i].refusal[0] != '\0' || farm->windows[i].sequence < sequence)
            continue;
        sequence = farm->windows[i].sequence;
        peak = farm->windows[i].peak_users;
    }
    return peak;
}

static int primary_of(const struct ledger_model *model, int subscription)
{
    int key = 0;
    while (model->keys[key].subscription != subscription || !model->keys[key].primary)
        key++;
    return key;
}

/* --- subscriptions (§5.1, §5.2) ------------------------------------------------------------------------- */

void model_renew_due(struct ledger_model *model, int subscription)
{
    struct model_subscription *of = &model->subscriptions[subscription];
    while (is_begun(of) && of->renews && of->cancelled_ms == 0 && model->now_ms >= of->expires_ms) {
        run_on(of, of->term);
        of->orders++;
        model->lines++;
    }
}

void model_buy(struct ledger_model *model, uint32_t licences, struct model_term term, bool reseller,
               bool renews, struct model_refusals *ret)
{
    refuse(ret, licences > 10000000, "too_many_licences");
    refuse(ret, term.months == 1 && reseller, "monthly_is_online_only");
    refuse(ret, renews && reseller, "renewed_by_reseller");
    if (ret->count > 0)
        return;
    model->subscriptions[model->subscription_count] = (struct model_subscription){.licences = licences,
                                                                                  .purchases = licences,
                                                                                  .term = term,
                                                                                  .reseller = reseller,
                                                                                  .renews = renews,
                                                                                  .orders = 1};
    model->keys[model->key_count++] = (struct model_key){.subscription = model->subscription_count++,
                                                         .primary = true,
                                                         .last_installation = MODEL_NONE,
                                                         .farm = MODEL_NONE};
    model->lines++;
}

void model_add(struct ledger_model *model, int subscription, uint32_t licences, struct model_refusals *ret)
{
    struct model_subscription *of = &model->subscriptions[subscription];
    model_renew_due(model, subscription);
    refuse(ret, of->cancelled_ms != 0, "subscription_cancelled");
    refuse(ret, (uint64_t)of->licences + licences > 10000000, "too_many_licences");
    if (ret->count > 0)
        return;
    of->licences += licences;
    of->purchases += licences;
    of->orders++;
    model->lines++;
}

void model_renew(struct ledger_model *model, int subscription, struct model_term term,
                 struct model_refusals *ret)
{
    struct model_subscription *of = &model->subscriptions[subscription];
    struct model_term next = term.months == 0 && term.days == 0 ? of->term : term;
    model_renew_due(model, subscription);
    refuse(ret, of->cancelled_ms != 0, "subscription_cancelled");
    refuse(ret, !is_begun(of), "not_activated");
    refuse(ret, next.months == 1 && of->reseller, "monthly_is_online_only");
    if (ret->count > 0)
        return;
    bool in_time = model->now_ms - of->expires_ms <= 30 * DAY_MS;
    if (in_time)
        run_on(of, next);
    else
        run_from(of, next, model->now_ms);
    of->term = next;
    of->orders++;
    model->lines++;
}

void model_set_renews(struct ledger_model *model, int subscription, bool renews, struct model_refusals *ret)
{
    struct model_subscription *of = &model->subscriptions[subscription];
    model_renew_due(model, subscription);
    bool begins = renews && !of->renews;
    refuse(ret, of->cancelled_ms != 0, "subscription_cancelled");
    refuse(ret, renews && of->reseller, "renewed_by_reseller");
    refuse(ret, begins && is_begun(of) && model->now_ms >= of->expires_ms, "subscription_expired");
    if (ret->count > 0 || of->renews == renews)
        return;
    of->renews = renews;
    model->lines++;
}

void model_cancel(struct ledger_model *model, int subscription, struct model_refusals *ret)
{
    struct model_subscription *of = &model->subscriptions[subscription];
    model_renew_due(model, subscription);
    refuse(ret, of->cancelled_ms != 0, "subscription_cancelled");
    if (ret->count > 0)
        return;
    of->cancelled_ms = model->now_ms;
    of->renews = false;
    of->orders++;
    model->lines++;
    for (int i = 0; i < model->key_count; i++)
        if (model->keys[i].subscription == subscription && model->keys[i].farm != MODEL_NONE)
            model_deactivate(model, model->keys[i].farm, "cancelled");
}

/* --- keys (§5.3) ---------------------------------------------------------------------------------------- */

/* What is refused of any change to the quota and the end of a key; `key` MODEL_NONE: a new one. */
static void refuse_change(const struct ledger_model *model, int subscription, int key,
                          const struct model_key_change *change, struct model_refusals *ret)
{
    const struct model_subscription *of = &model->subscriptions[subscription];
    uint32_t had = key != MODEL_NONE ? model_quota(model, key) : 0;
    uint32_t left = model_quota_left(model, subscription, key);

    refuse(ret, of->cancelled_ms != 0, "subscription_cancelled");
    refuse(ret, change->sets_expires && is_begun(of) && change->expires_ms > of->expires_ms,
           "beyond_subscription");
    refuse(ret, change->sets_quota && change->quota > left, "quota_too_large");
    if (!change->sets_quota || change->quota > left || change->confirmed)
        return;
    bool key_suffers =
        key != MODEL_NONE && change->quota < had && (int64_t)change->quota < last_peak(model, key);
    bool primary_suffers = change->quota > had && (int64_t)(left - change->quota) <
                                                      last_peak(model, primary_of(model, subscription));
    refuse(ret, key_suffers || primary_suffers, "below_peak");
}

void model_create_key(struct ledger_model *model, int subscription, const struct model_key_change *wanted,
                      struct model_refusals *ret)
{
    model_renew_due(model, subscription);
    refuse_change(model, subscription, MODEL_NONE, wanted, ret);
    if (ret->count > 0)
        return;
    model->keys[model->key_count++] = (struct model_key){.subscription = subscription,
                                                         .reserved = wanted->quota,
                                                         .expires_ms = wanted->expires_ms,
                                                         .last_installation = MODEL_NONE,
                                                         .farm = MODEL_NONE};
    model->lines++;
}

void model_edit_key(struct ledger_model *model, int key, const struct model_key_change *change,
                    struct model_refusals *ret)
{
    struct model_key *of = &model->keys[key];
    model_renew_due(model, of->subscription);
    refuse(ret, of->deleted_ms != 0, "key_deleted");
    if (of->primary) {
        refuse(ret, change->sets_quota || change->sets_expires, "primary_key");
        refuse(ret, model->subscriptions[of->subscription].cancelled_ms != 0, "subscription_cancelled");
    } else {
        refuse_change(model, of->subscription, key, change, ret);
    }
    if (ret->count > 0)
        return;
    struct model_key before = *of;
    if (change->sets_quota)
        of->reserved = change->quota;
    if (change->sets_expires)
        of->expires_ms = change->expires_ms;
    if (change->resets_moves)
        of->moves = 0;
    model->lines +=
        before.reserved != of->reserved || before.expires_ms != of->expires_ms || before.moves != of->moves;
}

void model_delete_key(struct ledger_model *model, int key, bool confirmed, struct model_refusals *ret)
{
    struct model_key *of = &model->keys[key];
    model_renew_due(model, of->subscription);
    refuse(ret, of->primary, "primary_key");
    refuse(ret, of->deleted_ms != 0, "key_deleted");
    refuse(ret, !of->primary && !confirmed && last_peak(model, key) > 0, "below_peak");
    if (ret->count > 0)
        return;
    of->deleted_ms = model->now_ms;
    model->lines++;
    if (of->farm != MODEL_NONE)
        model_deactivate(model, of->farm, "key_deleted");
}

/* --- farms (§3.12, §3.13) ------------------------------------------------------------------------------- */

void model_deactivate(struct ledger_model *model, int farm, const char *reason)
{
    struct model_farm *of = &model->farms[farm];
    if (!of->active)
        return;
    of->active = false;
    of->reason = reason;
    of->deactivated_ms = model->now_ms;
    if (of->key != MODEL_NONE)
        model->keys[of->key].farm = MODEL_NONE;
    model->lines++;
}

/* Key and server id give the same farm for ever. */
static int farm_of(const struct ledger_model *model, int key, int installation)
{
    for (int i = 0; i < model->farm_count; i++)
        if (model->farms[i].key == key && model->farms[i].installation == installation)
            return i;
    return MODEL_NONE;
}

static int open_farm(struct ledger_model *model, int farm, int key, int installation)
{
    if (farm == MODEL_NONE) {
        farm = model->farm_count++;
        memset(&model->farms[farm], 0, sizeof model->farms[farm]);
        model->farms[farm].key = key;
        model->farms[farm].installation = installation;
    }
    struct model_farm *of = &model->farms[farm];
    if (of->active)
        return farm;
    of->active = true;
    of->reason = "";
    of->activated_ms = model->now_ms;
    of->deactivated_ms = 0;
    model->lines++;
    return farm;
}

void model_activate(struct ledger_model *model, int key, int installation, bool move, int *ret_farm,
                    struct model_refusals *ret)
{
    struct model_key *of = &model->keys[key];
    struct model_subscription *subscription = &model->subscriptions[of->subscription];
    int farm = farm_of(model, key, installation), trial = farm_of(model, MODEL_NONE, installation);

    model_renew_due(model, of->subscription);
    bool elsewhere = of->farm != MODEL_NONE && of->farm != farm;
    bool is_move = of->last_installation != MODEL_NONE && of->last_installation != installation;
    int64_t end_ms = end_of_key(model, key);
    refuse(ret, of->deleted_ms != 0, "key_deleted");
    refuse(ret, subscription->cancelled_ms != 0, "subscription_cancelled");
    refuse(ret, end_ms != 0 && model->now_ms >= end_ms, "expired");
    refuse(ret, elsewhere && !move, "key_in_use");
    refuse(ret, is_move && model_moves_left(model, key) == 0, "moves_exhausted");
    if (ret->count > 0)
        return;
    if (!is_begun(subscription)) {
        subscription->activated_ms = model->now_ms;
        run_from(subscription, subscription->term, model->now_ms);
    }
    of->moves += is_move;
    of->last_installation = installation;
    if (elsewhere)
        model_deactivate(model, of->farm, "moved");
    *ret_farm = of->farm = open_farm(model, farm, key, installation);
    if (trial != MODEL_NONE)
        model_deactivate(model, trial, "replaced");
}

void model_trial(struct ledger_model *model, int installation, int source, int *ret_farm,
                 struct model_refusals *ret)
{
    int farm = farm_of(model, MODEL_NONE, installation);
    int64_t day = model->now_ms / DAY_MS;
    if (day != model->trial_day) {
        model->trial_day = day;
        model->trials_begun = 0;
        memset(model->trials_begun_at, 0, sizeof model->trials_begun_at);
    }
    if (farm != MODEL_NONE) {
        const struct model_farm *of = &model->farms[farm];
        refuse(ret, model->now_ms >= of->trial_ends_ms, "trial_used");
        refuse(ret, !of->active && strcmp(of->reason, "administrator") == 0, "trial_used");
    } else {
        bool source_full =
            source != MODEL_NONE && model->trials_begun_at[source] >= model->trials_per_day_and_source;
        refuse(ret, model->trials_begun >= model->trials_per_day || source_full, "trial_cap");
    }
    if (ret->count > 0)
        return;
    *ret_farm = open_farm(model, farm, MODEL_NONE, installation);
    if (farm != MODEL_NONE)
        return;
    model->farms[*ret_farm].trial_limit = model->trial_limit;
    model->farms[*ret_farm].trial_ends_ms = model->now_ms + 30 * DAY_MS;
    model->trials_begun++;
    if (source != MODEL_NONE)
        model->trials_begun_at[source]++;
}

bool model_is_forgotten(const struct ledger_model *model, int farm)
{
    const struct model_farm *of = &model->farms[farm];
    return !of->active && model->now_ms - of->deactivated_ms >= 400 * DAY_MS;
}

/* --- windows (§5.5) ------------------------------------------------------------------------------------- */

static const char *refusal_of(const struct ledger_model *model, const struct model_farm *farm,
                              const struct model_window *window)
{
    if (window->end_ms <= window->start_ms)
        return "no_period";
    if (window->end_ms - window->start_ms > 20 * MINUTE_MS)
        return "too_long";
    if (window->end_ms - model->now_ms > DAY_MS)
        return "in_future";
    for (size_t i = 0; i < farm->window_count; i++) {
        const struct model_window *other = &farm->windows[i];
        bool apart = window->end_ms <= other->start_ms || window->start_ms >= other->end_ms;
        if (other->refusal[0] == '\0' && !apart)
            return "overlaps";
    }
    return "";
}

/* Whether all that was counted ended before. */
static bool is_later(const struct model_farm *farm, const struct model_window *window)
{
    for (size_t i = 0; i < farm->window_count; i++)
        if (farm->windows[i].refusal[0] == '\0' && farm->windows[i].end_ms > window->start_ms)
            return false;
    return true;
}

const char *model_window(struct ledger_model *model, int farm, const struct model_window *window)
{
    struct model_farm *of = &model->farms[farm];
    for (size_t i = 0; i < of->window_count; i++) {
        if (of->windows[i].sequence != window->sequence)
            continue;
        if (of->windows[i].start_ms != window->start_ms && is_later(of, window))
            return "number_used"; /* the farm was set back */
        if (of->windows[i].start_ms == window->start_ms && strcmp(of->windows[i].refusal, "in_future") == 0 &&
            of->windows[i].end_ms - model->now_ms <= DAY_MS) { /* its time has come */
            const char *refusal = refusal_of(model, of, window);
            of->windows[i] = *window;
            of->windows[i].refusal = refusal;
        }
        return of->windows[i].refusal; /* counted, or refused, once */
    }
    struct model_window judged = *window;
    judged.refusal = refusal_of(model, of, window);
    of->windows[of->window_count++] = judged;
    return judged.refusal;
}
