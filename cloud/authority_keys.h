/* authority_keys.h - the authority's signing keys: which one signs, and the one that follows it. Blocking,
 * for the pool or before the loop runs, inside a transaction. */
#ifndef FARMGATE_CLOUD_AUTHORITY_KEYS_H
#define FARMGATE_CLOUD_AUTHORITY_KEYS_H

#include "cloud/authority.h"

/* The ledger remembers which key signs for it: another one, made because the file got lost, would silently
 * cut off every farm that pinned the old one. 0: the newest key of the chain is that one, or is now, with a
 * line of the audit log for each key that has followed. ERROR_INVALID: the chain does not come from it. */
int authority_keys_note(struct rows *rows, const struct audit_author *author, const struct key_chain *chain,
                        struct error_detail *ret_detail);
/* The key that it remembers, as authority.key has it; "" before the first. */
int authority_keys_noted(struct rows *rows, char ret_text[96], struct error_detail *ret_detail);

/* A key, and the chain that leads to it (the authority's own). */
struct authority_signer {
    struct entitlement_signing_key key;
    struct key_chain *chain;
};

/* Makes the next key, durable in the file, signs with it from then on, and notes it. Chain NULL: the file
 * could not be written (the error says why), and the key in force goes on. A chain with an error: the ledger
 * could not note it, and will when the next one is made or the authority starts. */
int authority_keys_rotate(struct authority *authority, struct rows *rows, const char *path,
                          const struct audit_author *author, struct authority_signer *ret,
                          struct error_detail *ret_detail);

#endif
