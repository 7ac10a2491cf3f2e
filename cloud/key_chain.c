#include "cloud/key_chain.h"

#include <stdlib.h>
#include <string.h>

struct key_chain *key_chain_create(const struct entitlement_key *first)
{
    struct key_chain *chain = calloc(1, sizeof *chain);
    if (chain == NULL)
        return NULL;
    chain->links[0].key = *first;
    chain->certificates[0] = chain->links[0].certificate;
    chain->count = 1;
    return chain;
}

struct key_chain *key_chain_copy(const struct key_chain *chain)
{
    struct key_chain *copy = malloc(sizeof *copy);
    if (copy == NULL)
        return NULL;
    *copy = *chain;
    copy->former = NULL;
    for (size_t i = 0; i < copy->count; i++)
        copy->certificates[i] = copy->links[i].certificate;
    return copy;
}

void key_chain_destroy(struct key_chain *chain)
{
    while (chain != NULL) {
        struct key_chain *former = chain->former;
        free(chain);
        chain = former;
    }
}

static int find_name(const struct key_chain *chain, const char *kid)
{
    for (size_t i = 0; i < chain->count; i++)
        if (strcmp(chain->links[i].key.kid, kid) == 0)
            return (int)i;
    return -1;
}

int key_chain_extend(struct key_chain *chain, const char *certificate, struct error_detail *ret_detail)
{
    struct entitlement_keyring newest = {.keys = {*key_chain_newest(chain)}, .count = 1};
    struct entitlement_successor successor;
    size_t bytes = strlen(certificate);
    if (chain->count == KEY_CHAIN_MAX) {
        error_detail_set(ret_detail, "%d keys have followed one another, and no agent follows further",
                         KEY_CHAIN_MAX);
        return ERROR_FULL;
    }
    if (bytes > ENTITLEMENT_KEY_BYTES_MAX) {
        error_detail_set(ret_detail, "a key's document is longer than %d bytes", ENTITLEMENT_KEY_BYTES_MAX);
        return ERROR_TOO_LARGE;
    }
    int error = entitlement_key_verify(certificate, bytes, &newest, &successor, ret_detail);
    if (error != 0)
        return error;
    if (find_name(chain, successor.key.kid) >= 0) {
        error_detail_set(ret_detail, "two keys are called %s", successor.key.kid);
        return ERROR_INVALID;
    }
    struct key_chain_link *link = &chain->links[chain->count];
    link->key = successor.key;
    link->issued_at_ms = successor.issued_at_ms;
    memcpy(link->certificate, certificate, bytes + 1);
    chain->certificates[chain->count++] = link->certificate;
    return 0;
}

const struct entitlement_key *key_chain_newest(const struct key_chain *chain)
{
    return &chain->links[chain->count - 1].key;
}

int key_chain_find(const struct key_chain *chain, const struct entitlement_key *key)
{
    int at = find_name(chain, key->kid);
    if (at >= 0 && memcmp(chain->links[at].key.public_key, key->public_key, sizeof key->public_key) != 0)
        return -1;
    return at;
}

size_t key_chain_after(const struct key_chain *chain, const char *kid, const char *const **ret)
{
    if (chain == NULL)
        return 0;
    int known = find_name(chain, kid);
    size_t first = known < 0 ? 1 : (size_t)known + 1;
    *ret = chain->certificates + first;
    return chain->count - first;
}
