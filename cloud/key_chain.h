/* key_chain.h - the public side of the keys that have signed for this authority, oldest first, each vouched
 * for by the one before it: what an agent follows from the key that it pinned. */
#ifndef FARMGATE_CLOUD_KEY_CHAIN_H
#define FARMGATE_CLOUD_KEY_CHAIN_H

#include "common/entitlement.h"

#define KEY_CHAIN_MAX ENTITLEMENT_KEYS_MAX /* keys; no agent follows further */

struct key_chain_link {
    struct entitlement_key key;
    int64_t issued_at_ms;                            /* 0 of the first */
    char certificate[ENTITLEMENT_KEY_BYTES_MAX + 1]; /* its fgkey1 document; "" of the first */
};

struct key_chain {
    struct key_chain
        *former;  /* shorter, and still pointed at by answers under way; destroyed with this one */
    size_t count; /* at least 1 */
    struct key_chain_link links[KEY_CHAIN_MAX];
    const char *certificates[KEY_CHAIN_MAX]; /* of the links */
};

/* A chain of one key, and one that says the same (without a former). NULL without memory. */
struct key_chain *key_chain_create(const struct entitlement_key *first);
struct key_chain *key_chain_copy(const struct key_chain *chain);
void key_chain_destroy(struct key_chain *chain);

/* Adds the key of an fgkey1 document, which the newest key must have signed: errors as of
 * entitlement_key_verify. ERROR_FULL: the chain is as long as it may be; ERROR_INVALID also for a key whose
 * name is in it. */
int key_chain_extend(struct key_chain *chain, const char *certificate, struct error_detail *ret_detail);

const struct entitlement_key *key_chain_newest(const struct key_chain *chain);
/* The key's place, -1 for none. */
int key_chain_find(const struct key_chain *chain, const struct entitlement_key *key);

/* The documents that somebody lacks whose newest key is `kid`; if that is none of the chain's, all of them.
 * How many, into *ret where they begin; the chain's own. `chain` NULL: none. */
size_t key_chain_after(const struct key_chain *chain, const char *kid, const char *const **ret);

#endif
