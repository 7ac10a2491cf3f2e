/* key.h - how a subscription's licences are carved up among its keys (RULES §5.3). Pure.
 *
 * The quotas of a subscription's keys add up to its licences: what a further key reserves is taken from the
 * primary key and goes back to it. A change is judged and made in one: anything but LEDGER_GRANTED leaves
 * everything as it was. */
#ifndef FARMGATE_CLOUD_LEDGER_KEY_H
#define FARMGATE_CLOUD_LEDGER_KEY_H

#include "cloud/ledger/ledger.h"

/* A key, the primary key of its subscription (another struct, also when `key` is the primary itself: then
 * `key` is NULL), and the last reported peaks of the farms that run on them (0: none runs). */
struct key_case {
    struct subscription *subscription;
    struct key *primary, *key;
    int64_t primary_peak, key_peak;
    uint64_t key_count; /* of the subscription, deleted ones left out */
    bool confirmed;     /* also if a running farm gets less than its last reported peak */
};

/* What is to be changed; NULL leaves it as it is. */
struct key_change {
    const char *name;
    const uint32_t *quota;
    const int64_t *expires_ms; /* 0: with the subscription */
    bool resets_moves;         /* none counts as made any more */
};

/* The most that the key (or a new one, `key` NULL) could be given. */
uint32_t key_quota_left(const struct key_case *of);

/* Whose running farm would get less than its last reported peak if `of->key` (NULL: a new key) had this
 * quota: the key's, or the primary key's. `key_loss_of` false: nobody's, and *ret is untouched. */
struct key_loss {
    bool of_primary;
    uint32_t quota; /* that it would get */
    int64_t peak;
};
bool key_loss_of(const struct key_case *of, uint32_t quota, struct key_loss *ret);

/* A further key with the text `text`, into *ret_key. `of->key` is NULL. */
enum ledger_verdict key_create(const struct key_case *of, const char *text, const struct key_change *wanted,
                               int64_t now_ms, struct key *ret_key);

enum ledger_verdict key_edit(const struct key_case *of, const struct key_change *change);

/* Frees its quota. The farm on it is to be closed with FARM_REASON_KEY_DELETED (activation_end). */
enum ledger_verdict key_delete(const struct key_case *of, int64_t now_ms);

enum key_state { KEY_FREE, KEY_IN_USE, KEY_EXPIRED, KEY_DELETED, KEY_CANCELLED, KEY_STATE_MAX };
enum key_state key_state(const struct subscription *subscription, const struct key *key, int64_t now_ms);
const char *key_state_name(enum key_state state); /* "free", "in_use", … */

/* The keys of a subscription, added one by one to a struct that begins zeroed: whether their quotas add up to
 * its licences, with exactly one primary key, and deleted ones hold none. */
struct key_sum {
    uint64_t quotas;
    uint64_t keys, primaries, bad; /* deleted keys are no keys; bad are those that are, but hold something */
};
void key_sum_add(struct key_sum *sum, const struct key *key);
bool key_sum_fits(const struct key_sum *sum, const struct subscription *subscription);

/* The same for all of them at once. */
bool key_quotas_fit(const struct subscription *subscription, const struct key *keys, size_t count);

#endif
