#include "cloud/ledger/key.h"

#include "cloud/ledger/activation.h"

#include <assert.h>
#include <stdio.h>

/* What the primary key could give up, and what the key has already. */
uint32_t key_quota_left(const struct key_case *of)
{
    return of->primary->quota + (of->key != NULL ? of->key->quota : 0);
}

bool key_loss_of(const struct key_case *of, uint32_t quota, struct key_loss *ret)
{
    uint32_t left = key_quota_left(of);
    uint32_t had = of->key != NULL ? of->key->quota : 0;
    bool primary_suffers = quota > had && quota <= left && left - quota < of->primary_peak;
    bool key_suffers = quota < had && quota < of->key_peak;
    if (primary_suffers)
        *ret = (struct key_loss){true, left - quota, of->primary_peak};
    else if (key_suffers)
        *ret = (struct key_loss){false, quota, of->key_peak};
    return primary_suffers || key_suffers;
}

static enum ledger_verdict judge_quota(const struct key_case *of, uint32_t quota)
{
    struct key_loss ignored;
    if (quota > key_quota_left(of))
        return LEDGER_QUOTA_TOO_LARGE;
    return !of->confirmed && key_loss_of(of, quota, &ignored) ? LEDGER_BELOW_PEAK : LEDGER_GRANTED;
}

static enum ledger_verdict judge_expiry(const struct key_case *of, int64_t expires_ms)
{
    int64_t ends_ms = of->subscription->expires_ms;
    bool beyond = expires_ms != 0 && ends_ms != 0 && expires_ms > ends_ms;
    return beyond ? LEDGER_BEYOND_SUBSCRIPTION : LEDGER_GRANTED;
}

static enum ledger_verdict judge(const struct key_case *of, const struct key_change *change)
{
    enum ledger_verdict verdict = LEDGER_GRANTED;
    if (of->subscription->cancelled_ms != 0)
        return LEDGER_CANCELLED;
    if (change->expires_ms != NULL)
        verdict = judge_expiry(of, *change->expires_ms);
    if (verdict == LEDGER_GRANTED && change->quota != NULL)
        verdict = judge_quota(of, *change->quota);
    return verdict;
}

static void apply(const struct key_case *of, struct key *key, const struct key_change *change)
{
    if (change->name != NULL)
        (void)snprintf(key->name, sizeof key->name, "%s", change->name);
    if (change->expires_ms != NULL)
        key->expires_ms = *change->expires_ms;
    if (change->resets_moves)
        key->moves = 0;
    if (change->quota == NULL)
        return;
    of->primary->quota = of->primary->quota + key->quota - *change->quota;
    key->quota = *change->quota;
}

enum ledger_verdict key_create(const struct key_case *of, const char *text, const struct key_change *wanted,
                               int64_t now_ms, struct key *ret_key)
{
    enum ledger_verdict verdict = judge(of, wanted);
    if (verdict == LEDGER_GRANTED && of->key_count >= LEDGER_KEYS_MAX)
        verdict = LEDGER_TOO_MANY_KEYS;
    if (verdict != LEDGER_GRANTED)
        return verdict;
    struct key key = {.subscription_id = of->subscription->id, .created_ms = now_ms};
    (void)snprintf(key.text, sizeof key.text, "%s", text);
    apply(of, &key, wanted);
    *ret_key = key;
    return LEDGER_GRANTED;
}

/* The primary key's quota and end are no choices of its own. */
static enum ledger_verdict edit_primary(const struct key_case *of, const struct key_change *change)
{
    if (change->quota != NULL || change->expires_ms != NULL)
        return LEDGER_PRIMARY;
    apply(of, of->primary, change);
    return LEDGER_GRANTED;
}

enum ledger_verdict key_edit(const struct key_case *of, const struct key_change *change)
{
    if (of->key == NULL)
        return of->subscription->cancelled_ms != 0 ? LEDGER_CANCELLED : edit_primary(of, change);
    if (of->key->deleted_ms != 0)
        return LEDGER_KEY_DELETED;
    enum ledger_verdict verdict = judge(of, change);
    if (verdict == LEDGER_GRANTED)
        apply(of, of->key, change);
    return verdict;
}

enum ledger_verdict key_delete(const struct key_case *of, int64_t now_ms)
{
    if (of->key == NULL)
        return LEDGER_PRIMARY;
    if (of->key->deleted_ms != 0)
        return LEDGER_KEY_DELETED;
    if (of->key_peak > 0 && !of->confirmed)
        return LEDGER_BELOW_PEAK;
    of->primary->quota += of->key->quota;
    of->key->quota = 0;
    of->key->deleted_ms = now_ms;
    return LEDGER_GRANTED;
}

enum key_state key_state(const struct subscription *subscription, const struct key *key, int64_t now_ms)
{
    int64_t expires_ms = activation_expires_ms(subscription, key);
    if (key->deleted_ms != 0)
        return KEY_DELETED;
    if (subscription->cancelled_ms != 0)
        return KEY_CANCELLED;
    if (expires_ms != 0 && now_ms >= expires_ms)
        return KEY_EXPIRED;
    return key->holder[0] != '\0' ? KEY_IN_USE : KEY_FREE;
}

const char *key_state_name(enum key_state state)
{
    static const char *const names[] = {
        [KEY_FREE] = "free",       [KEY_IN_USE] = "in_use",       [KEY_EXPIRED] = "expired",
        [KEY_DELETED] = "deleted", [KEY_CANCELLED] = "cancelled",
    };
    static_assert(sizeof names / sizeof names[0] == KEY_STATE_MAX, "a name for every state");
    return names[state];
}

/* --- the sum of all keys -------------------------------------------------------------------------------- */

void key_sum_add(struct key_sum *sum, const struct key *key)
{
    sum->quotas += key->quota;
    sum->keys += key->deleted_ms == 0;
    sum->primaries += key->primary;
    sum->bad += key->deleted_ms != 0 && (key->quota != 0 || key->primary);
}

bool key_sum_fits(const struct key_sum *sum, const struct subscription *subscription)
{
    return sum->primaries == 1 && sum->bad == 0 && sum->quotas == subscription->licences;
}

bool key_quotas_fit(const struct subscription *subscription, const struct key *keys, size_t count)
{
    struct key_sum sum = {.quotas = 0};
    for (size_t i = 0; i < count; i++)
        key_sum_add(&sum, &keys[i]);
    return key_sum_fits(&sum, subscription);
}
