#include "cloud/authority_admin.h"

#include "cloud/bookkeeping.h"
#include "common/licence_key.h"

#include <stdio.h>
#include <string.h>

/* --- subscriptions -------------------------------------------------------------------------------------- */

/* Reads what an order is about. The verdict is LEDGER_GRANTED, or that there is no such subscription. */
static int load(struct rows *rows, int64_t id, int64_t now_ms, struct admin_subscription *ret,
                struct error_detail *ret_detail)
{
    *ret = (struct admin_subscription){.verdict = LEDGER_UNKNOWN_SUBSCRIPTION};
    int error = bookkeeping_subscription(rows, id, now_ms, &ret->subscription, ret_detail);
    if (error != 0)
        return error == ERROR_NOT_FOUND ? 0 : error;
    ret->verdict = LEDGER_GRANTED;
    return rows_key_primary(rows, id, &ret->primary, ret_detail);
}

/* Writes what has become of it, with the order and the line; `before` NULL: it is new. */
static int keep(struct rows *rows, const struct audit_author *author, enum audit_change change,
                const struct subscription *before, struct admin_subscription *of,
                struct error_detail *ret_detail)
{
    int error = rows_subscription_put(rows, &of->subscription, ret_detail);
    of->primary.subscription_id = of->order.subscription_id = of->subscription.id;
    if (error == 0)
        error = rows_key_put(rows, &of->primary, ret_detail);
    if (error == 0 && change != AUDIT_SUBSCRIPTION_EDIT)
        error = rows_order_put(rows, &of->order, ret_detail);
    if (error == 0)
        error = bookkeeping_check(rows, &of->subscription, ret_detail);
    if (error == 0)
        error = audit_subscription(rows, author, change, before, &of->subscription,
                                   before == NULL ? of->primary.text : NULL, ret_detail);
    return error;
}

int authority_admin_buy(struct rows *rows, const struct audit_author *author,
                        const struct subscription_order *wanted, struct admin_subscription *ret,
                        struct error_detail *ret_detail)
{
    char key[LICENCE_KEY_TEXT_BYTES];
    licence_key_generate(key);
    *ret = (struct admin_subscription){.verdict = LEDGER_GRANTED};
    ret->verdict =
        subscription_buy(wanted, key, author->now_ms, &ret->subscription, &ret->primary, &ret->order);
    if (ret->verdict != LEDGER_GRANTED)
        return 0;
    return keep(rows, author, AUDIT_SUBSCRIPTION_CREATE, NULL, ret, ret_detail);
}

int authority_admin_add(struct rows *rows, const struct audit_author *author, int64_t id, uint32_t licences,
                        struct admin_subscription *ret, struct error_detail *ret_detail)
{
    int error = load(rows, id, author->now_ms, ret, ret_detail);
    if (error != 0 || ret->verdict != LEDGER_GRANTED)
        return error;
    struct subscription before = ret->subscription;
    ret->verdict = subscription_add(&ret->subscription, &ret->primary, licences, author->now_ms, &ret->order);
    if (ret->verdict != LEDGER_GRANTED)
        return 0;
    return keep(rows, author, AUDIT_SUBSCRIPTION_ADD, &before, ret, ret_detail);
}

int authority_admin_renew(struct rows *rows, const struct audit_author *author, int64_t id,
                          const struct term *term, struct admin_subscription *ret,
                          struct error_detail *ret_detail)
{
    int error = load(rows, id, author->now_ms, ret, ret_detail);
    if (error != 0 || ret->verdict != LEDGER_GRANTED)
        return error;
    struct subscription before = ret->subscription;
    ret->verdict = subscription_renew(&ret->subscription, term, author->now_ms, &ret->order);
    if (ret->verdict != LEDGER_GRANTED)
        return 0;
    return keep(rows, author, AUDIT_SUBSCRIPTION_RENEW, &before, ret, ret_detail);
}

int authority_admin_cancel(struct rows *rows, const struct audit_author *author, int64_t id,
                           struct admin_subscription *ret, struct error_detail *ret_detail)
{
    int error = load(rows, id, author->now_ms, ret, ret_detail);
    if (error != 0 || ret->verdict != LEDGER_GRANTED)
        return error;
    struct subscription before = ret->subscription;
    ret->verdict = subscription_cancel(&ret->subscription, author->now_ms, &ret->order);
    if (ret->verdict != LEDGER_GRANTED)
        return 0;
    error = keep(rows, author, AUDIT_SUBSCRIPTION_CANCEL, &before, ret, ret_detail);
    if (error == 0)
        error = bookkeeping_close_farms_of(rows, author, id, &ret->closed, ret_detail);
    return error != 0 ? error : rows_key_primary(rows, id, &ret->primary, ret_detail);
}

static enum ledger_verdict set(struct subscription *subscription, const struct subscription_change *change,
                               int64_t now_ms)
{
    if (change->renews != NULL) {
        enum ledger_verdict verdict = subscription_set_renews(subscription, *change->renews, now_ms);
        if (verdict != LEDGER_GRANTED)
            return verdict;
    }
    if (change->name != NULL)
        (void)snprintf(subscription->name, sizeof subscription->name, "%s", change->name);
    if (change->contract != NULL)
        (void)snprintf(subscription->contract, sizeof subscription->contract, "%s", change->contract);
    return LEDGER_GRANTED;
}

static bool differ(const struct subscription *a, const struct subscription *b)
{
    return a->renews != b->renews || strcmp(a->name, b->name) != 0 || strcmp(a->contract, b->contract) != 0;
}

int authority_admin_set_subscription(struct rows *rows, const struct audit_author *author, int64_t id,
                                     const struct subscription_change *change, struct admin_subscription *ret,
                                     struct error_detail *ret_detail)
{
    int error = load(rows, id, author->now_ms, ret, ret_detail);
    if (error != 0 || ret->verdict != LEDGER_GRANTED)
        return error;
    struct subscription before = ret->subscription;
    ret->verdict = set(&ret->subscription, change, author->now_ms);
    if (ret->verdict != LEDGER_GRANTED || !differ(&before, &ret->subscription))
        return 0;
    return keep(rows, author, AUDIT_SUBSCRIPTION_EDIT, &before, ret, ret_detail);
}

int authority_admin_subscription(struct rows *rows, int64_t id, int64_t now_ms,
                                 struct admin_subscription *ret, struct error_detail *ret_detail)
{
    return load(rows, id, now_ms, ret, ret_detail);
}

/* --- lists ---------------------------------------------------------------------------------------------- */

/* What bookkeeping_renew will write at the next change. */
static void foresee(struct subscription *subscription, int64_t now_ms)
{
    struct order order;
    for (int i = 0; i < BOOKKEEPING_RENEWALS_MAX; i++)
        if (!subscription_renews_now(subscription, now_ms, &order))
            return;
}

struct renewed_list {
    int64_t now_ms;
    rows_subscription_fn *each_subscription;
    rows_key_fn *each_key;
    void *data;
};

static void pass_subscription(void *data, const struct subscription *subscription)
{
    const struct renewed_list *list = data;
    struct subscription renewed = *subscription;
    foresee(&renewed, list->now_ms);
    list->each_subscription(list->data, &renewed);
}

static void pass_key(void *data, const struct rows_key_line *line)
{
    const struct renewed_list *list = data;
    struct rows_key_line renewed = *line;
    foresee(&renewed.subscription, list->now_ms);
    list->each_key(list->data, &renewed);
}

int authority_admin_each_subscription(struct rows *rows, int64_t now_ms, int64_t after, int64_t limit,
                                      rows_subscription_fn *each, void *data, struct error_detail *ret_detail)
{
    struct renewed_list list = {.now_ms = now_ms, .each_subscription = each, .data = data};
    return rows_each_subscription(rows, after, limit, pass_subscription, &list, ret_detail);
}

int authority_admin_each_key(struct rows *rows, int64_t now_ms, int64_t subscription_id, int64_t after,
                             int64_t limit, rows_key_fn *each, void *data, struct error_detail *ret_detail)
{
    struct renewed_list list = {.now_ms = now_ms, .each_key = each, .data = data};
    return rows_each_key(rows, subscription_id, after, limit, pass_key, &list, ret_detail);
}

/* --- farms ---------------------------------------------------------------------------------------------- */

static int load_farm(struct rows *rows, const char *farm_id, struct admin_farm *ret,
                     struct error_detail *ret_detail)
{
    struct admin_farm found = {.verdict = LEDGER_GRANTED};
    int error = rows_farm_line(rows, farm_id, &found.line, ret_detail);
    if (error == ERROR_NOT_FOUND)
        found = (struct admin_farm){.verdict = LEDGER_UNKNOWN_FARM};
    else if (error != 0)
        return error;
    *ret = found; /* the id may stand in it */
    return 0;
}

int authority_admin_deactivate(struct rows *rows, const struct audit_author *author, const char *farm_id,
                               struct admin_farm *ret, struct error_detail *ret_detail)
{
    int error = load_farm(rows, farm_id, ret, ret_detail);
    if (error != 0 || ret->verdict != LEDGER_GRANTED || ret->line.farm.status != FARM_ACTIVE)
        return error;
    ret->changed = true;
    return bookkeeping_close_farm(rows, author, &ret->line.farm, AUDIT_FARM_DEACTIVATE,
                                  FARM_REASON_ADMINISTRATOR, ret_detail);
}

int authority_admin_note(struct rows *rows, const struct audit_author *author, const char *farm_id,
                         const char *note, struct admin_farm *ret, struct error_detail *ret_detail)
{
    char before[LEDGER_NOTE_BYTES_MAX + 1];
    int error = load_farm(rows, farm_id, ret, ret_detail);
    if (error != 0 || ret->verdict != LEDGER_GRANTED || strcmp(ret->line.farm.note, note) == 0)
        return error;
    ret->changed = true;
    memcpy(before, ret->line.farm.note, sizeof before);
    (void)snprintf(ret->line.farm.note, sizeof ret->line.farm.note, "%s", note);
    error = rows_farm_note_put(rows, farm_id, ret->line.farm.note, ret_detail);
    return error != 0 ? error : audit_note(rows, author, farm_id, before, ret->line.farm.note, ret_detail);
}

int authority_admin_farm(struct rows *rows, const char *farm_id, struct admin_farm *ret,
                         struct usage *ret_usage, struct error_detail *ret_detail)
{
    int error = load_farm(rows, farm_id, ret, ret_detail);
    if (error != 0 || ret->verdict != LEDGER_GRANTED || ret_usage == NULL)
        return error;
    return rows_usage(rows, farm_id, ret_usage, ret_detail);
}
