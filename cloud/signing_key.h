/* signing_key.h - the key that signs entitlements, in a file of its own (0600):
 * "farmgate-signing-key KID BASE64URL\n". */
#ifndef FARMGATE_CLOUD_SIGNING_KEY_H
#define FARMGATE_CLOUD_SIGNING_KEY_H

#include "common/entitlement.h"

#define SIGNING_KEY_FIRST_KID "k1"

/* Reads the file. ERROR_NOT_FOUND, ERROR_INVALID, ERROR_FORBIDDEN (others than its owner may read it). */
int signing_key_load(const char *path, struct entitlement_signing_key *ret, struct error_detail *ret_detail);

/* Makes a key and writes it. */
int signing_key_make(const char *path, struct entitlement_signing_key *ret, struct error_detail *ret_detail);

#endif
