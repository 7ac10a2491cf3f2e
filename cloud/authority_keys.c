#include "cloud/authority_keys.h"

#include "cloud/signing_key.h"

#include <sodium.h>

#define NOTE "public_key"

int authority_keys_noted(struct rows *rows, char ret_text[96], struct error_detail *ret_detail)
{
    return rows_note(rows, NOTE, ret_text, 96, ret_detail);
}

/* Where in the chain the noted key is; the newest if there is no note yet; -1: nowhere. */
static int find_noted(const struct key_chain *chain, const char *noted)
{
    struct entitlement_key key;
    if (noted[0] == '\0')
        return (int)chain->count - 1;
    return entitlement_key_parse(noted, &key) == 0 ? key_chain_find(chain, &key) : -1;
}

int authority_keys_note(struct rows *rows, const struct audit_author *author, const struct key_chain *chain,
                        struct error_detail *ret_detail)
{
    char noted[96], newest[96];
    int error = authority_keys_noted(rows, noted, ret_detail);
    if (error != 0)
        return error;
    int known = find_noted(chain, noted);
    if (known < 0) {
        error_detail_set(ret_detail, "the signing key is not the key that this ledger's farms trust (%s)",
                         noted);
        return ERROR_INVALID;
    }
    for (size_t i = (size_t)known + 1; i < chain->count && error == 0; i++)
        error = audit_signing_key(rows, author, &chain->links[i - 1].key, &chain->links[i].key, ret_detail);
    entitlement_key_format(key_chain_newest(chain), newest);
    return error != 0 ? error : rows_note_put(rows, NOTE, newest, ret_detail);
}

int authority_keys_rotate(struct authority *authority, struct rows *rows, const char *path,
                          const struct audit_author *author, struct authority_signer *ret,
                          struct error_detail *ret_detail)
{
    struct authority_signer next;
    int error = signing_key_succeed(path, &authority->key, authority->chain, author->now_ms, &next.key,
                                    &next.chain, ret_detail);
    ret->chain = NULL;
    if (error != 0)
        return error;
    next.chain->former = authority->chain;
    authority->key = next.key;
    authority->chain = next.chain;
    *ret = next;
    sodium_memzero(&next, sizeof next);
    return authority_keys_note(rows, author, authority->chain, ret_detail);
}
