/* signing_key.h - the key that signs entitlements, in a file of its own (0600) together with the way to it
 * from the first one:
 *
 *     farmgate-signing-key KID BASE64URL
 *     farmgate-first-key KID:BASE64URL          the rest only once a key has followed another:
 *     fgkey1…                                   the public side of the first, then a line for each that
 * followed
 *
 * One file, so that whoever has a copy of it has all that it takes to go on, and so that a rotation is one
 * rename: at any instant there is the old key or the new one with its way, and either goes on. */
#ifndef FARMGATE_CLOUD_SIGNING_KEY_H
#define FARMGATE_CLOUD_SIGNING_KEY_H

#include "cloud/key_chain.h"

#define SIGNING_KEY_FIRST_KID "k1"

/* Each returns a key and its chain (key_chain_destroy), whose newest it is. */

/* Reads the file. ERROR_NOT_FOUND, ERROR_INVALID, ERROR_FORBIDDEN (others than its owner may read it; how
 * systemd keeps a credential is systemd's affair). */
int signing_key_load(const char *path, struct entitlement_signing_key *ret_key, struct key_chain **ret_chain,
                     struct error_detail *ret_detail);

/* Makes a first key and writes it. */
int signing_key_make(const char *path, struct entitlement_signing_key *ret_key, struct key_chain **ret_chain,
                     struct error_detail *ret_detail);

/* Makes the key that follows, vouched for by `key`, and writes it: durable when this returns. ERROR_FULL with
 * nothing tried if the chain is as long as it may be; else what file_replace says, and `key` goes on. */
int signing_key_succeed(const char *path, const struct entitlement_signing_key *key,
                        const struct key_chain *chain, int64_t now_ms,
                        struct entitlement_signing_key *ret_key, struct key_chain **ret_chain,
                        struct error_detail *ret_detail);

#endif
