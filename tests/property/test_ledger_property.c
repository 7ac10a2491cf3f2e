/* test_ledger_property.c - the authority over its database against the model of RULES §5 (ledger_model.h):
 * years of random orders, keys, activations, moves, trials, reports and releases, every verdict, entitlement
 * and record compared, what must always hold checked after each.
 *
 *     ledger_property [--seed N] [--operations N] [--expect-difference]
 *
 * A failing run prints the seed and the operation; the same seed replays it. */
#include "chance.h"
#include "ledger_model.h"

#include "cloud/authority.h"
#include "cloud/authority_admin.h"
#include "cloud/bookkeeping.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPERATIONS_DEFAULT   100000
#define OPERATIONS_PER_WORLD 500
#define COMPARE_ALL_EVERY    16
#define COMMIT_EVERY         125
#define START_MS             INT64_C(1769904000000) /* 2026-02-01 */
#define MINUTE_MS            INT64_C(60000)
#define DAY_MS               (1440 * MINUTE_MS)
#define REFRESH_MS           (30 * DAY_MS)
#define INSTALLATIONS        8
#define TRIAL_INSTALLATIONS  40 /* these and the ones above */
#define REPORT_WINDOWS_MAX   4

struct farm_names {
    char id[LEDGER_ID_BYTES_MAX + 1];
    char token[MESSAGE_TOKEN_BYTES_MAX + 1]; /* the last one that arrived; "": none did */
    bool token_used;
    uint64_t serial;
    int64_t issued_ms;
};

/* What was met in all worlds, so that a test which meets little is seen. */
static const char *const expected[] = {
    "unknown_subscription",
    "unknown_key",
    "subscription_cancelled",
    "not_activated",
    "renewed_by_reseller",
    "subscription_expired",
    "monthly_is_online_only",
    "too_many_licences",
    "quota_too_large",
    "beyond_subscription",
    "primary_key",
    "key_deleted",
    "below_peak",
    "expired",
    "key_in_use",
    "moves_exhausted",
    "trial_used",
    "trial_cap",
    "no_period",
    "too_long",
    "in_future",
    "overlaps",
    "number_used",
    "administrator",
    "moved",
    "cancelled",
    "released",
    "replaced",
    "forgotten",
    "stranger",
    "granted",
};
#define EXPECTED (sizeof expected / sizeof expected[0])

struct met {
    uint64_t times[EXPECTED];
};

struct world {
    struct met *met;
    char directory[64], path[96];
    struct rows *rows;
    struct authority authority;
    struct entitlement_keyring keyring;
    struct ledger_model model;
    char keys[MODEL_KEYS_MAX][LEDGER_KEY_BYTES_MAX + 1];
    struct farm_names farms[MODEL_FARMS_MAX];
    struct report_request request;
    struct authority_report report;
    struct report_answer answer;
    struct authority_activation activation;
    struct usage usage;
    uint64_t chance;
    char operation[160], difference[512];
    struct error_detail detail;
};

static bool differs(struct world *world, const char *format, ...) __attribute__((format(__printf__, 2, 3)));
static bool differs(struct world *world, const char *format, ...)
{
    va_list values;
    if (world->difference[0] != '\0')
        return false;
    va_start(values, format);
    (void)vsnprintf(world->difference, sizeof world->difference, format, values);
    va_end(values);
    return false;
}

static void meet(struct world *world, const char *what)
{
    for (size_t i = 0; i < EXPECTED; i++)
        if (strcmp(expected[i], what) == 0)
            world->met->times[i]++;
}

static void describe(struct world *world, const char *format, ...) __attribute__((format(__printf__, 2, 3)));
static void describe(struct world *world, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    (void)vsnprintf(world->operation, sizeof world->operation, format, values);
    va_end(values);
}

static unsigned below(struct world *world, unsigned bound)
{
    return chance_below(&world->chance, bound);
}

static bool percent(struct world *world, unsigned chances)
{
    return chance_percent(&world->chance, chances);
}

static bool worked(struct world *world, int error)
{
    return error == 0 || differs(world, "failed: %s, %s", error_text(error), world->detail.text);
}

/* The verdict is one of those the rules allow; none of them: it was granted. */
static bool same_verdict(struct world *world, const char *code, const struct model_refusals *refusals)
{
    meet(world, code[0] == '\0' ? "granted" : code);
    if (refusals->count == 0)
        return code[0] == '\0' || differs(world, "refused: %s", code);
    for (size_t i = 0; i < refusals->count; i++)
        if (strcmp(code, refusals->codes[i]) == 0)
            return true;
    return differs(world, "\"%s\", wanted %s", code, refusals->codes[0]);
}

#define SAME(what, got, wanted) \
    ((got) == (wanted) ||       \
     differs(world, "%s: %" PRId64 ", wanted %" PRId64, (what), (int64_t)(got), (int64_t)(wanted)))

/* --- records against the model ------------------------------------------------------------------------- */

static const char *farm_name(const struct world *world, int farm)
{
    return farm == MODEL_NONE ? "" : world->farms[farm].id;
}

static bool same_subscription(struct world *world, const struct subscription *got, int subscription)
{
    const struct model_subscription *wanted = &world->model.subscriptions[subscription];
    return SAME("licences", got->licences, wanted->licences) &&
           SAME("purchases", got->purchases, wanted->purchases) &&
           SAME("activated", got->activated_ms, wanted->activated_ms) &&
           SAME("expires", got->expires_ms, wanted->expires_ms) &&
           SAME("cancelled", got->cancelled_ms, wanted->cancelled_ms) &&
           SAME("renews", got->renews, wanted->renews) &&
           SAME("months", got->term.months, wanted->term.months) &&
           SAME("days", got->term.days, wanted->term.days);
}

static bool same_key(struct world *world, const struct key *got, int key)
{
    const struct model_key *wanted = &world->model.keys[key];
    char installation[16] = "";
    if (wanted->last_installation != MODEL_NONE)
        (void)snprintf(installation, sizeof installation, "i%d", wanted->last_installation);
    if (strcmp(got->text, world->keys[key]) != 0 || strcmp(got->last_installation, installation) != 0 ||
        strcmp(got->holder, farm_name(world, wanted->farm)) != 0)
        return differs(world, "key %d: %s of %s on %s, wanted %s of %s", key, got->text, got->holder,
                       got->last_installation, farm_name(world, wanted->farm), installation);
    return SAME("primary", got->primary, wanted->primary) &&
           SAME("quota", got->quota, model_quota(&world->model, key)) &&
           SAME("key expires", got->expires_ms, wanted->expires_ms) &&
           SAME("deleted", got->deleted_ms, wanted->deleted_ms) && SAME("moves", got->moves, wanted->moves) &&
           SAME("of subscription", got->subscription_id, wanted->subscription + 1);
}

static struct usage_totals totals_of(const struct model_farm *farm)
{
    struct usage_totals totals = {.windows_missing = 0};
    int64_t highest = 0;
    for (size_t i = 0; i < farm->window_count; i++) {
        const struct model_window *window = &farm->windows[i];
        if (window->sequence > highest)
            highest = window->sequence;
        if (window->refusal[0] != '\0') {
            totals.windows_refused++;
            continue;
        }
        totals.windows_counted++;
        if (window->sequence > totals.accepted_through)
            totals.accepted_through = window->sequence;
        if (window->peak_users > totals.peak_users)
            totals.peak_users = window->peak_users;
    }
    totals.windows_missing = highest - (int64_t)farm->window_count;
    return totals;
}

static bool same_farm(struct world *world, const struct rows_farm_line *got, int farm)
{
    const struct model_farm *wanted = &world->model.farms[farm];
    struct usage_totals totals = totals_of(wanted);
    if (strcmp(farm_reason_code(got->farm.reason), wanted->reason) != 0)
        return differs(world, "farm %d: %s, wanted %s", farm, farm_reason_code(got->farm.reason),
                       wanted->reason);
    if (strcmp(got->key, wanted->key == MODEL_NONE ? "" : world->keys[wanted->key]) != 0)
        return differs(world, "farm %d runs on %s", farm, got->key);
    return SAME("active", got->farm.status == FARM_ACTIVE, wanted->active) &&
           SAME("activated", got->farm.activated_ms, wanted->activated_ms) &&
           SAME("deactivated", got->farm.deactivated_ms, wanted->deactivated_ms) &&
           SAME("reported", got->farm.reported_ms, wanted->reported_ms) &&
           SAME("counted", got->totals.windows_counted, totals.windows_counted) &&
           SAME("refused", got->totals.windows_refused, totals.windows_refused) &&
           SAME("missing", got->totals.windows_missing, totals.windows_missing) &&
           SAME("accepted through", got->totals.accepted_through, totals.accepted_through) &&
           SAME("peak", got->totals.peak_users, totals.peak_users);
}

/* §5.5 by days: the highest of the counted windows that began on it, for 400 days. */
static bool same_days(struct world *world, int farm)
{
    const struct model_farm *wanted = &world->model.farms[farm];
    if (!worked(world, rows_usage(world->rows, world->farms[farm].id, &world->usage, &world->detail)))
        return false;
    for (size_t i = 0; i < world->usage.day_count; i++) {
        int64_t peak = -1, day = world->usage.days[i].day;
        for (size_t at = 0; at < wanted->window_count; at++) {
            const struct model_window *window = &wanted->windows[at];
            if (window->refusal[0] == '\0' && window->start_ms / DAY_MS == day && window->peak_users > peak)
                peak = window->peak_users;
        }
        if (!SAME("a day's peak", world->usage.days[i].peak_users, peak))
            return false;
    }
    return true;
}

/* --- what must always hold ------------------------------------------------------------------------------ */

struct sums {
    struct world *world;
    struct key_sum of_subscription[MODEL_SUBSCRIPTIONS_MAX];
    struct subscription subscriptions[MODEL_SUBSCRIPTIONS_MAX];
    int keys, farms, active_on[MODEL_KEYS_MAX];
};

static void add_key(void *data, const struct rows_key_line *line)
{
    struct sums *sums = data;
    int subscription = (int)line->key.subscription_id - 1;
    key_sum_add(&sums->of_subscription[subscription], &line->key);
    sums->subscriptions[subscription] = line->subscription;
    (void)same_key(sums->world, &line->key, sums->keys++);
}

/* Allocated quotas are exactly the licences, with one primary key; purchases grew only by purchases. */
static bool keys_hold(struct world *world, struct sums *sums)
{
    if (!worked(world, authority_admin_each_key(world->rows, world->model.now_ms, 0, 0, INT64_MAX, add_key,
                                                sums, &world->detail)))
        return false;
    for (int i = 0; i < world->model.subscription_count; i++) {
        if (!key_sum_fits(&sums->of_subscription[i], &sums->subscriptions[i]))
            return differs(world, "the keys of subscription %d have %" PRIu64 " of %" PRIu32 " licences", i,
                           sums->of_subscription[i].quotas, sums->subscriptions[i].licences);
        model_renew_due(&world->model, i); /* as the list shows them */
        if (!same_subscription(world, &sums->subscriptions[i], i))
            return false;
    }
    return world->difference[0] == '\0' && SAME("keys", sums->keys, world->model.key_count);
}

static void add_farm(void *data, const struct rows_farm_line *line)
{
    struct sums *sums = data;
    struct world *world = sums->world;
    int farm = sums->farms++;
    if (strcmp(line->farm.id, world->farms[farm].id) != 0)
        (void)differs(world, "farm %d is %s, wanted %s", farm, line->farm.id, world->farms[farm].id);
    (void)same_farm(world, line, farm);
    if (line->farm.key_id != 0)
        sums->active_on[line->farm.key_id - 1] += line->farm.status == FARM_ACTIVE;
}

/* A key runs at most one farm, and that is its holder (same_key). */
static bool farms_hold(struct world *world, struct sums *sums)
{
    const struct rows_farm_filter all = {.status = FARM_NEW};
    if (!worked(world, rows_each_farm(world->rows, &all, 0, INT64_MAX, add_farm, sums, &world->detail)))
        return false;
    for (int i = 0; i < world->model.key_count; i++)
        if (sums->active_on[i] != (world->model.keys[i].farm != MODEL_NONE))
            return differs(world, "%d farms run on key %d", sums->active_on[i], i);
    return world->difference[0] == '\0' && SAME("farms", sums->farms, world->model.farm_count);
}

static void count_line(void *data, const struct rows_audit_line *line)
{
    int *lines = data;
    (*lines)++;
    if (line->id != *lines)
        *lines = -1000000; /* a gap */
}

static void count_order(void *data, const struct order *order)
{
    (*(int *)data)++;
    (void)order;
}

/* Every renewal that is due is made, so that books and model show the same; then all is compared. */
static bool all_hold(struct world *world, struct sums *sums)
{
    unsigned made;
    int lines = 0;
    for (int i = 0; i < world->model.subscription_count; i++)
        model_renew_due(&world->model, i);
    if (!worked(world, bookkeeping_sweep(world->rows, world->model.now_ms, 100000, &made, &world->detail)) ||
        !farms_hold(world, sums) ||
        !worked(world,
                rows_each_audit_line(world->rows, NULL, 0, INT64_MAX, count_line, &lines, &world->detail)))
        return false;
    for (int i = 0; i < world->model.subscription_count; i++) {
        int orders = 0;
        if (!worked(world, rows_each_order(world->rows, i + 1, 0, INT64_MAX, count_order, &orders,
                                           &world->detail)) ||
            !SAME("orders", orders, world->model.subscriptions[i].orders))
            return false;
    }
    return SAME("lines of the audit log", lines, world->model.lines);
}

/* --- administrators ------------------------------------------------------------------------------------- */

static struct audit_author administrator(const struct world *world)
{
    return (struct audit_author){"socket", world->model.now_ms};
}

/* Now and then one that does not exist; more often one that is not over. */
static int choose_subscription(struct world *world)
{
    const struct ledger_model *model = &world->model;
    int at = (int)below(world, (unsigned)model->subscription_count);
    for (int i = 0; i < 2 && model->subscriptions[at].cancelled_ms != 0; i++)
        at = (int)below(world, (unsigned)model->subscription_count);
    return percent(world, 1) ? model->subscription_count : at;
}

static int choose_key(struct world *world)
{
    const struct ledger_model *model = &world->model;
    int at = (int)below(world, (unsigned)model->key_count);
    for (int i = 0; i < 2 && (model->keys[at].deleted_ms != 0 ||
                              model->subscriptions[model->keys[at].subscription].cancelled_ms != 0);
         i++)
        at = (int)below(world, (unsigned)model->key_count);
    return percent(world, 1) ? model->key_count : at;
}

static struct model_term choose_term(struct world *world)
{
    static const struct model_term terms[] = {{1, 0},  {1, 0},  {12, 0}, {12, 0},
                                              {24, 0}, {36, 0}, {0, 1},  {0, 45}};
    return terms[below(world, sizeof terms / sizeof terms[0])];
}

static bool buy(struct world *world)
{
    struct model_refusals refusals = {.count = 0};
    struct admin_subscription of;
    const struct audit_author author = administrator(world);
    struct model_term term = choose_term(world);
    bool says = percent(world, 50), renews = percent(world, 50), reseller = percent(world, 30);
    uint32_t licences = percent(world, 1) ? LEDGER_LICENCES_MAX + below(world, 2) : below(world, 30);
    struct subscription_order wanted = {.name = "s",
                                        .contract = "",
                                        .licences = licences,
                                        .term = {.months = term.months, .days = term.days},
                                        .channel = reseller ? CHANNEL_RESELLER : CHANNEL_ONLINE,
                                        .renews = says ? &renews : NULL};
    describe(world, "buy %" PRIu32 " for %dm%dd%s", licences, term.months, term.days,
             reseller ? ", reseller" : "");
    if (!says)
        renews = !reseller;
    model_buy(&world->model, licences, term, reseller, renews, &refusals);
    if (!worked(world, authority_admin_buy(world->rows, &author, &wanted, &of, &world->detail)))
        return false;
    if (of.verdict == LEDGER_GRANTED)
        (void)strcpy(world->keys[world->model.key_count - 1], of.primary.text);
    return same_verdict(world, ledger_code(of.verdict), &refusals);
}

/* add, renew, set or cancel: all are about one subscription. */
static bool change_subscription(struct world *world, unsigned kind)
{
    struct model_refusals refusals = {.count = 0};
    struct admin_subscription of;
    const struct audit_author author = administrator(world);
    int at = choose_subscription(world), error;
    bool known = at < world->model.subscription_count, on = percent(world, 50);
    uint32_t licences = percent(world, 1) ? LEDGER_LICENCES_MAX : below(world, 12);
    struct model_term next = percent(world, 50) ? (struct model_term){0, 0} : choose_term(world);
    const struct term term = {.months = next.months, .days = next.days};
    const struct subscription_change change = {.renews = &on};

    describe(world, "subscription %d: change %u, %" PRIu32 " licences, term %dm%dd, renews %d", at, kind,
             licences, next.months, next.days, on);
    if (!known)
        refusals = (struct model_refusals){{"unknown_subscription"}, 1};
    if (kind == 0) {
        error = authority_admin_add(world->rows, &author, at + 1, licences, &of, &world->detail);
        if (known)
            model_add(&world->model, at, licences, &refusals);
    } else if (kind == 1) {
        error = authority_admin_renew(world->rows, &author, at + 1, &term, &of, &world->detail);
        if (known)
            model_renew(&world->model, at, next, &refusals);
    } else if (kind == 2) {
        error = authority_admin_set_subscription(world->rows, &author, at + 1, &change, &of, &world->detail);
        if (known)
            model_set_renews(&world->model, at, on, &refusals);
    } else {
        error = authority_admin_cancel(world->rows, &author, at + 1, &of, &world->detail);
        if (known)
            model_cancel(&world->model, at, &refusals);
    }
    return worked(world, error) && same_verdict(world, ledger_code(of.verdict), &refusals) &&
           (!known || same_subscription(world, &of.subscription, at));
}

static struct model_key_change choose_change(struct world *world, int subscription, bool whole)
{
    const struct model_subscription *of = &world->model.subscriptions[subscription];
    struct model_key_change change = {
        .sets_quota = whole || percent(world, 60),
        .sets_expires = whole || percent(world, 30),
        .resets_moves = !whole && percent(world, 40),
        .confirmed = percent(world, 40),
        .quota = below(world, percent(world, 80) ? 10 : 40),
    };
    if (percent(world, 40))
        change.expires_ms = of->expires_ms == 0 || percent(world, 30)
                                ? world->model.now_ms + below(world, 500) * DAY_MS
                                : of->expires_ms + (int64_t)below(world, 3) - 1;
    return change;
}

static bool create_key(struct world *world)
{
    struct model_refusals refusals = {.count = 0};
    struct admin_key got;
    const struct audit_author author = administrator(world);
    int at = choose_subscription(world);
    bool known = at < world->model.subscription_count;
    struct model_key_change change = choose_change(world, known ? at : 0, true);
    const struct key_change wanted = {.name = "k", .quota = &change.quota, .expires_ms = &change.expires_ms};

    describe(world, "create a key of %" PRIu32 " in subscription %d", change.quota, at);
    if (known)
        model_create_key(&world->model, at, &change, &refusals);
    else
        refusals = (struct model_refusals){{"unknown_subscription"}, 1};
    if (!worked(world, authority_admin_create_key(world->rows, &author, at + 1, &wanted, change.confirmed,
                                                  &got, &world->detail)))
        return false;
    if (got.verdict == LEDGER_GRANTED)
        (void)strcpy(world->keys[world->model.key_count - 1], got.key.text);
    return same_verdict(world, ledger_code(got.verdict), &refusals) &&
           (!known || got.verdict == LEDGER_GRANTED ||
            SAME("quota left", got.quota_left, model_quota_left(&world->model, at, MODEL_NONE)));
}

static bool edit_key(struct world *world)
{
    struct model_refusals refusals = {.count = 0};
    struct admin_key got;
    const struct audit_author author = administrator(world);
    int at = choose_key(world);
    bool known = at < world->model.key_count;
    struct model_key_change wanted =
        choose_change(world, known ? world->model.keys[at].subscription : 0, false);
    const struct key_change change = {.quota = wanted.sets_quota ? &wanted.quota : NULL,
                                      .expires_ms = wanted.sets_expires ? &wanted.expires_ms : NULL,
                                      .resets_moves = wanted.resets_moves};

    describe(world, "edit key %d: quota %d, end %" PRId64 "%s%s", at,
             wanted.sets_quota ? (int)wanted.quota : -1, wanted.sets_expires ? wanted.expires_ms : -1,
             wanted.resets_moves ? ", moves" : "", wanted.confirmed ? ", confirmed" : "");
    if (known)
        model_edit_key(&world->model, at, &wanted, &refusals);
    else
        refusals = (struct model_refusals){{"unknown_key"}, 1};
    return worked(world, authority_admin_edit_key(world->rows, &author, known ? world->keys[at] : "NONE",
                                                  &change, wanted.confirmed, &got, &world->detail)) &&
           same_verdict(world, ledger_code(got.verdict), &refusals) &&
           (!known || same_key(world, &got.key, at)) &&
           (got.verdict != LEDGER_QUOTA_TOO_LARGE ||
            SAME("quota left", got.quota_left,
                 model_quota_left(&world->model, world->model.keys[at].subscription, at)));
}

static bool delete_key(struct world *world)
{
    struct model_refusals refusals = {.count = 0};
    struct admin_key got;
    const struct audit_author author = administrator(world);
    int at = choose_key(world);
    bool known = at < world->model.key_count, confirmed = percent(world, 50);

    describe(world, "delete key %d", at);
    if (known)
        model_delete_key(&world->model, at, confirmed, &refusals);
    else
        refusals = (struct model_refusals){{"unknown_key"}, 1};
    return worked(world, authority_admin_delete_key(world->rows, &author, known ? world->keys[at] : "NONE",
                                                    confirmed, &got, &world->detail)) &&
           same_verdict(world, ledger_code(got.verdict), &refusals) &&
           (!known || same_key(world, &got.key, at));
}

static bool deactivate(struct world *world)
{
    struct admin_farm got;
    const struct audit_author author = administrator(world);
    int at = (int)below(world, (unsigned)world->model.farm_count + percent(world, 2));
    bool known = at < world->model.farm_count;

    describe(world, "deactivate farm %d", at);
    if (known)
        model_deactivate(&world->model, at, "administrator");
    return worked(world,
                  authority_admin_deactivate(world->rows, &author, known ? world->farms[at].id : "f-none",
                                             &got, &world->detail)) &&
           SAME("verdict", got.verdict, known ? LEDGER_GRANTED : LEDGER_UNKNOWN_FARM) &&
           (!known || same_farm(world, &got.line, at));
}

/* --- farms ---------------------------------------------------------------------------------------------- */

static const char *reason_text(const char *code)
{
    static const struct {
        const char *code, *text;
    } texts[] = {{"", ""},
                 {"administrator", "deactivated by administrator"},
                 {"moved", "key moved"},
                 {"key_deleted", "key deleted"},
                 {"cancelled", "subscription cancelled"},
                 {"released", "key given back"},
                 {"replaced", "trial replaced by a key"}};
    size_t at = 0;
    while (strcmp(texts[at].code, code) != 0)
        at++;
    return texts[at].text;
}

/* An entitlement follows from the books at that instant (§5.3). */
static bool says(struct world *world, const char *text, int farm)
{
    const struct model_farm *wanted = &world->model.farms[farm];
    struct farm_names *names = &world->farms[farm];
    struct entitlement got;
    bool trial = wanted->key == MODEL_NONE;
    if (!worked(world, entitlement_verify(text, strlen(text), &world->keyring, &got, &world->detail)))
        return false;
    if (strcmp(got.reason, reason_text(wanted->reason)) != 0 || strcmp(got.farm_id, names->id) != 0)
        return differs(world, "%s says \"%s\", wanted %s \"%s\"", got.farm_id, got.reason, names->id,
                       reason_text(wanted->reason));
    if (got.serial <= names->serial || got.issued_at_ms < names->issued_ms)
        return differs(world, "serial or date go back");
    meet(world, wanted->reason);
    names->serial = got.serial;
    names->issued_ms = got.issued_at_ms;
    uint32_t limit = trial ? wanted->trial_limit : model_quota(&world->model, wanted->key);
    uint64_t purchases =
        trial ? 0 : world->model.subscriptions[world->model.keys[wanted->key].subscription].purchases;
    return SAME("stands", got.status == ENTITLEMENT_STANDS, wanted->active) &&
           SAME("limit", got.limit, limit) && SAME("purchases", got.purchases, purchases) &&
           SAME("trial", got.trial, trial) &&
           SAME("expires", got.expires_at_ms, model_expires_ms(&world->model, farm)) &&
           SAME("refresh by", got.refresh_by_ms, world->model.now_ms + REFRESH_MS);
}

/* An answer may get lost on its way; then the farm goes on with what it has. */
static void receive(struct world *world, int farm)
{
    struct farm_names *names = &world->farms[farm];
    bool lost = percent(world, 30) && (names->token[0] == '\0' || names->token_used);
    if (lost)
        return;
    (void)strcpy(names->token, world->activation.answer.farm_token);
    names->token_used = false;
}

static void touch(struct world *world, int farm)
{
    if (world->model.farms[farm].key != MODEL_NONE)
        model_renew_due(&world->model, world->model.keys[world->model.farms[farm].key].subscription);
}

static bool activate(struct world *world)
{
    static const char *const sources[] = {"192.0.2.1", "192.0.2.2", "2001:db8::"};
    struct model_refusals refusals = {.count = 0};
    struct activation_request request = {.move = percent(world, 60), .trial = percent(world, 25)};
    int installation = (int)below(world, request.trial ? TRIAL_INSTALLATIONS : INSTALLATIONS),
        farm = MODEL_NONE, before = world->model.farm_count;
    int key = choose_key(world), source = (int)below(world, MODEL_SOURCES + 1) - 1;
    bool known = key < world->model.key_count;

    (void)snprintf(request.installation_id, sizeof request.installation_id, "i%d", installation);
    describe(world, "activate %d on i%d%s%s", key, installation, request.move ? ", move" : "",
             request.trial ? ", trial" : "");
    if (request.trial)
        model_trial(&world->model, installation, source, &farm, &refusals);
    else if (known)
        model_activate(&world->model, key, installation, request.move, &farm, &refusals);
    else
        refusals = (struct model_refusals){{"unknown_key"}, 1};
    if (!request.trial)
        (void)strcpy(request.license_key, known ? world->keys[key] : "NONE");
    if (!worked(world, authority_activate(&world->authority, world->rows, &request,
                                          source == MODEL_NONE ? "" : sources[source], world->model.now_ms,
                                          &world->activation, &world->detail)) ||
        !same_verdict(world, activation_code(world->activation.verdict), &refusals))
        return false;
    bool told = world->activation.verdict == ACTIVATION_KEY_IN_USE ||
                world->activation.verdict == ACTIVATION_MOVES_EXHAUSTED;
    if (told && !SAME("moves left", world->activation.moves_left, model_moves_left(&world->model, key)))
        return false;
    if (refusals.count > 0)
        return true;
    if (farm == before)
        (void)strcpy(world->farms[farm].id, world->activation.answer.farm_id);
    receive(world, farm);
    return says(world, world->activation.answer.entitlement, farm);
}

/* A window as it was sent before; or a farm that was set back uses its number for another one. */
static void choose_again(struct world *world, const struct model_farm *of, struct report_window *ret)
{
    const struct model_window *before = &of->windows[below(world, (unsigned)of->window_count)];
    ret->sequence = before->sequence;
    if (percent(world, 50))
        return;
    ret->start_ms = ret->peak_at_ms = before->start_ms;
    ret->end_ms = before->end_ms;
    ret->peak_users = before->peak_users;
}

static void choose_window(struct world *world, int farm, struct report_window *ret)
{
    const struct model_farm *of = &world->model.farms[farm];
    int64_t highest = totals_of(of).windows_missing + (int64_t)of->window_count; /* the highest sequence */
    int64_t length_ms = percent(world, 90) ? 20 * MINUTE_MS : (int64_t)below(world, 30) * MINUTE_MS;
    int64_t ends_ms = world->model.now_ms - (int64_t)below(world, 20) * MINUTE_MS;
    bool again = of->window_count > 0 && (percent(world, 15) || of->window_count > MODEL_WINDOWS_MAX - 10);
    if (percent(world, 10))
        ends_ms += (int64_t)below(world, 2000) * MINUTE_MS; /* a clock that is ahead */
    *ret = (struct report_window){.sequence = highest + 1 + (percent(world, 10) ? below(world, 4) : 0),
                                  .start_ms = ends_ms - length_ms,
                                  .end_ms = ends_ms,
                                  .peak_at_ms = ends_ms - length_ms,
                                  .peak_users = below(world, 14),
                                  .hosts = 1};
    if (again)
        choose_again(world, of, ret);
    else if (highest > 0 && percent(world, 10))
        ret->sequence = 1 + below(world, (unsigned)highest); /* one that was skipped, perhaps */
}

static bool same_refusals(struct world *world, const char *const refusals[], size_t count)
{
    const struct report_answer *answer = &world->answer;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        meet(world, refusals[i]);
        if (refusals[i][0] == '\0')
            continue;
        if (at == answer->refused_count ||
            answer->refused[at].sequence != world->request.windows[i].sequence ||
            strcmp(answer->refused[at].reason, refusals[i]) != 0)
            return differs(world, "window %" PRId64 " is not refused as %s",
                           world->request.windows[i].sequence, refusals[i]);
        at++;
    }
    return SAME("refused windows", answer->refused_count, at);
}

/* Windows one by one, as each is chosen by what was taken before. */
static size_t fill_report(struct world *world, int farm, const char *refusals[REPORT_WINDOWS_MAX])
{
    size_t count = below(world, REPORT_WINDOWS_MAX + 1);
    bool forgotten = model_is_forgotten(&world->model, farm), used = false;
    for (size_t i = 0; i < count; i++) {
        struct report_window *window = &world->request.windows[i];
        choose_window(world, farm, window);
        refusals[i] = "number_used";
        if (!forgotten && !used)
            refusals[i] = model_window(&world->model, farm,
                                       &(struct model_window){.sequence = window->sequence,
                                                              .start_ms = window->start_ms,
                                                              .end_ms = window->end_ms,
                                                              .peak_users = window->peak_users});
        used = strcmp(refusals[i], "number_used") == 0;
    }
    return count;
}

static bool same_access(struct world *world, enum authority_access got, enum authority_access access)
{
    meet(world, got == AUTHORITY_FORGOTTEN ? "forgotten" : got == AUTHORITY_STRANGER ? "stranger" : "");
    return SAME("access", got, access);
}

/* Where the last window waits for another number, the highest that was ever used. */
static int64_t dealt_with(const struct model_farm *farm, const char *last_refusal)
{
    struct usage_totals totals = totals_of(farm);
    bool waits = strcmp(last_refusal, "number_used") == 0;
    return waits ? totals.windows_missing + (int64_t)farm->window_count : totals.accepted_through;
}

static bool report(struct world *world, int farm)
{
    struct farm_names *names = &world->farms[farm];
    const char *refusals[REPORT_WINDOWS_MAX];
    size_t count = world->request.window_count = fill_report(world, farm, refusals);
    bool forgotten = model_is_forgotten(&world->model, farm);

    describe(world, "farm %d reports %zu windows", farm, count);
    (void)strcpy(world->request.farm_id, names->id);
    if (!worked(world, authority_report(&world->authority, world->rows, &world->request, names->token,
                                        world->model.now_ms, &world->report, &world->detail)))
        return false;
    names->token_used = true;
    if (!same_access(world, world->report.access, forgotten ? AUTHORITY_FORGOTTEN : AUTHORITY_KNOWN) ||
        forgotten)
        return world->difference[0] == '\0';
    world->model.farms[farm].reported_ms = world->model.now_ms;
    touch(world, farm);
    return worked(world,
                  authority_answer(&world->authority, &world->report, &world->answer, &world->detail)) &&
           SAME("accepted through", world->answer.accepted_through,
                dealt_with(&world->model.farms[farm], count > 0 ? refusals[count - 1] : "")) &&
           same_refusals(world, refusals, count) && says(world, world->answer.entitlement, farm);
}

static bool release(struct world *world, int farm)
{
    struct farm_names *names = &world->farms[farm];
    struct authority_release release;
    bool forgotten = model_is_forgotten(&world->model, farm);

    describe(world, "farm %d gives its key back", farm);
    if (!worked(world, authority_release(&world->authority, world->rows, names->id, names->token,
                                         world->model.now_ms, &release, &world->detail)))
        return false;
    names->token_used = true;
    if (!same_access(world, release.access, forgotten ? AUTHORITY_FORGOTTEN : AUTHORITY_KNOWN) || forgotten)
        return world->difference[0] == '\0';
    model_deactivate(&world->model, farm, "released");
    touch(world, farm);
    return says(world, release.entitlement, farm);
}

/* Somebody with a token that is not the farm's. */
static bool intrude(struct world *world, int farm)
{
    describe(world, "a stranger reports for farm %d", farm);
    int other = (int)below(world, (unsigned)world->model.farm_count);
    const char *token = other != farm ? world->farms[other].token : "guessed";
    world->request.window_count = 0;
    (void)strcpy(world->request.farm_id, world->farms[farm].id);
    return worked(world, authority_report(&world->authority, world->rows, &world->request, token,
                                          world->model.now_ms, &world->report, &world->detail)) &&
           same_access(world, world->report.access, AUTHORITY_STRANGER);
}

static bool let_farm_act(struct world *world)
{
    int farm = (int)below(world, (unsigned)world->model.farm_count);
    if (percent(world, 3))
        return intrude(world, farm);
    if (world->farms[farm].token[0] == '\0')
        return true; /* no answer has reached it yet */
    return percent(world, 12) ? release(world, farm) : report(world, farm);
}

/* --- the run -------------------------------------------------------------------------------------------- */

static void let_time_pass(struct world *world)
{
    unsigned kind = below(world, 100);
    unsigned minutes = kind < 70 ? 30 : kind < 90 ? 720 : kind < 99 ? 14400 : 86400;
    world->model.now_ms += (int64_t)below(world, minutes) * MINUTE_MS + below(world, 2000);
}

static bool operate(struct world *world)
{
    const struct ledger_model *model = &world->model;
    unsigned kind = below(world, 100);
    let_time_pass(world);
    bool room_for_farms = model->farm_count < MODEL_FARMS_MAX;
    if (model->subscription_count == 0 || (kind < 4 && model->subscription_count < MODEL_SUBSCRIPTIONS_MAX &&
                                           model->key_count < MODEL_KEYS_MAX))
        return buy(world);
    if (kind < 9)
        return change_subscription(world, 0);
    if (kind < 14)
        return change_subscription(world, 1);
    if (kind < 18)
        return change_subscription(world, 2);
    if (kind == 18 && percent(world, 50))
        return change_subscription(world, 3);
    if (kind < 26 && model->key_count < MODEL_KEYS_MAX)
        return create_key(world);
    if (kind < 36)
        return edit_key(world);
    if (kind < 39)
        return delete_key(world);
    if (model->farm_count > 0 && kind < 41)
        return deactivate(world);
    if (model->farm_count > 0 && (kind < 70 || !room_for_farms))
        return let_farm_act(world);
    return activate(world);
}

static bool reopen(struct world *world)
{
    rows_close(world->rows);
    world->rows = NULL;
    return worked(world, rows_open(world->path, &world->rows, &world->detail));
}

static bool world_begin(struct world *world, uint64_t seed, struct met *met)
{
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    memset(world, 0, sizeof *world);
    world->met = met;
    world->chance = seed;
    world->model.now_ms = START_MS;
    world->authority.trial_limit = world->model.trial_limit = 25;
    world->authority.trials_per_day = world->model.trials_per_day = 2;
    world->authority.trials_per_day_and_source = world->model.trials_per_day_and_source = 1;
    world->authority.refresh_ms = REFRESH_MS;
    (void)snprintf(world->directory, sizeof world->directory, "%s/farmgate-ledger-XXXXXX", memory);
    if (mkdtemp(world->directory) == NULL || entitlement_key_generate("k1", &world->authority.key) != 0)
        return differs(world, "no place for it");
    (void)snprintf(world->path, sizeof world->path, "%s/ledger.db", world->directory);
    world->keyring.keys[0] = world->authority.key.key;
    world->keyring.count = 1;
    return worked(world, rows_open(world->path, &world->rows, &world->detail));
}

static void world_end(struct world *world)
{
    static const char *const names[] = {"", "-wal", "-shm"};
    rows_close(world->rows);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s", world->path, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(world->directory);
}

static bool check(struct world *world, unsigned number)
{
    struct sums sums = {.world = world};
    if (!keys_hold(world, &sums))
        return false;
    return number % COMPARE_ALL_EVERY != 0 || all_hold(world, &sums);
}

/* As the store does: many changes in a transaction. */
static bool commit(struct world *world, bool last)
{
    bool open_again = last || percent(world, 50);
    return worked(world, rows_exec(world->rows, "COMMIT", &world->detail)) &&
           (!open_again || reopen(world)) &&
           (last || worked(world, rows_exec(world->rows, "BEGIN IMMEDIATE", &world->detail)));
}

static bool run_world(struct world *world, uint64_t seed, struct met *met, uint64_t *ret_operations)
{
    bool same = world_begin(world, seed, met) &&
                worked(world, rows_exec(world->rows, "BEGIN IMMEDIATE", &world->detail));
    for (unsigned i = 1; same && i <= OPERATIONS_PER_WORLD; i++) {
        same = operate(world) && check(world, i);
        ++*ret_operations;
        if (same && i % COMMIT_EVERY == 0)
            same = commit(world, false);
    }
    same = same && commit(world, true) && check(world, 0);
    for (int i = 0; same && i < world->model.farm_count; i++)
        same = same_days(world, i);
    world_end(world);
    return same;
}

static uint64_t number_of(const char *text)
{
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0') {
        (void)fprintf(stderr, "not a number: %s\n", text);
        exit(64);
    }
    return number;
}

int main(int argc, char **argv)
{
    uint64_t seed = CHANCE_SEED_DEFAULT, wanted = OPERATIONS_DEFAULT, operations = 0;
    bool expect_difference = false, same = true, met_all = true;
    struct met met = {{0}};
    struct world *world = malloc(sizeof *world);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--expect-difference") == 0)
            expect_difference = true;
        else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0)
            seed = number_of(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--operations") == 0)
            wanted = number_of(argv[++i]);
        else
            return 64;
    }
    if (world == NULL || entitlement_init() != 0)
        return 1;
    (void)printf("# seed %" PRIu64 "\n", seed);
    for (uint64_t seeds = seed; same && operations < wanted;)
        same = run_world(world, chance_next(&seeds), &met, &operations);
    for (size_t i = 0; i < EXPECTED && same; i++) {
        (void)printf("# %-24s %" PRIu64 "\n", expected[i], met.times[i]);
        met_all = met_all && met.times[i] > 0;
    }
    if (!same)
        (void)printf("# operation %" PRIu64 ", %s: %s\n", operations, world->operation, world->difference);
    (void)printf("%sok 1 - %" PRIu64 " operations of administrators and farms: the books are the model's\n",
                 same != expect_difference ? "" : "not ", operations);
    bool enough = met_all || expect_difference || operations < OPERATIONS_DEFAULT;
    (void)printf("%sok 2 - every refusal and every reason was met\n1..2\n", enough ? "" : "not ");
    free(world);
    return same != expect_difference && enough ? 0 : 1;
}
