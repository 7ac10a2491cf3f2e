/* entitlement.h - the signed document and the keys that sign it.
 *
 *     fg1.KID.base64url(payload).base64url(signature)
 *         what a farm may do; Ed25519 over "farmgate-entitlement-v1\n" KID "\n" payload
 *     fgkey1.KID.base64url(payload).base64url(signature)
 *         a new key {kid, public_key, issued_at}, signed by the older key KID; Ed25519 over
 * "farmgate-key-v1\n" KID
 *         "\n" payload, so that neither document can pass for the other
 *
 * A public key is written "KID:base64url(32 bytes)". KID is 1 to 32 of [a-z0-9-]. */
#ifndef FARMGATE_COMMON_ENTITLEMENT_H
#define FARMGATE_COMMON_ENTITLEMENT_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENTITLEMENT_BYTES_MAX      8192
#define ENTITLEMENT_KID_BYTES_MAX  32
#define ENTITLEMENT_KEYS_MAX       64  /* that one agent trusts: the pinned one, and those that followed */
#define ENTITLEMENT_KEY_BYTES_MAX  383 /* of a new key's document */
#define ENTITLEMENT_ID_BYTES_MAX   63
#define ENTITLEMENT_TEXT_BYTES_MAX 127

enum entitlement_standing {
    ENTITLEMENT_STANDS,
    ENTITLEMENT_REVOKES,
    ENTITLEMENT_STANDING_MAX
}; /* "active", "deactivated" */

/* What the document says. Instants are Unix ms (RFC 3339 in the JSON); expires_at_ms 0: never (null). The
 * agent's edge turns it into the core's struct grant; agent and authority share nothing else. */
struct entitlement {
    char farm_id[ENTITLEMENT_ID_BYTES_MAX + 1];
    char installation_id[ENTITLEMENT_ID_BYTES_MAX + 1];
    uint64_t serial;
    enum entitlement_standing status;
    char reason[ENTITLEMENT_TEXT_BYTES_MAX + 1];
    uint32_t limit;
    uint64_t purchases;
    bool trial;
    int64_t expires_at_ms, issued_at_ms, refresh_by_ms;
};

struct entitlement_key {
    char kid[ENTITLEMENT_KID_BYTES_MAX + 1];
    unsigned char public_key[32];
};
struct entitlement_signing_key {
    struct entitlement_key key;
    unsigned char secret_key[64];
};

/* What a new key's document says. */
struct entitlement_successor {
    struct entitlement_key key;
    int64_t issued_at_ms;
};

/* The keys an agent trusts: the pinned first one, and those it signed. */
struct entitlement_keyring {
    struct entitlement_key keys[ENTITLEMENT_KEYS_MAX];
    size_t count;
};

/* libsodium's own start; call once before the rest. */
int entitlement_init(void);

int entitlement_key_parse(const char *text, struct entitlement_key *ret_key);
void entitlement_key_format(const struct entitlement_key *key, char ret_text[96]);
int entitlement_key_generate(const char *kid, struct entitlement_signing_key *ret_key);

/* Writes the signed document (NUL-terminated). ERROR_TOO_LARGE if it would pass ENTITLEMENT_BYTES_MAX or
 * ret_bytes; ERROR_INVALID for what no reader would take (an empty id, a serial past INT64_MAX). */
int entitlement_sign(const struct entitlement *entitlement, const struct entitlement_signing_key *key,
                     char *ret, size_t ret_bytes);

/* Checks form, key and signature, then reads the payload; unknown fields are ignored. ERROR_INVALID,
 * ERROR_UNKNOWN_KEY, ERROR_SIGNATURE, ERROR_TOO_LARGE; *ret is untouched then. Whether it is ours and new is
 * the core's question. */
int entitlement_verify(const char *text, size_t bytes, const struct entitlement_keyring *keyring,
                       struct entitlement *ret, struct error_detail *ret_detail);

/* A successor key's document, its reading (errors as of entitlement_verify), and its acceptance into the
 * ring, as the newest key: a known key again is success, another key under a known kid is ERROR_INVALID, a
 * full ring ERROR_FULL. */
int entitlement_key_sign(const struct entitlement_key *successor, int64_t issued_at_ms,
                         const struct entitlement_signing_key *by, char *ret, size_t ret_bytes);
int entitlement_key_verify(const char *text, size_t bytes, const struct entitlement_keyring *keyring,
                           struct entitlement_successor *ret, struct error_detail *ret_detail);
int entitlement_key_accept(const char *text, size_t bytes, struct entitlement_keyring *keyring,
                           struct error_detail *ret_detail);

/* A signature of something longer, by its BLAKE2b-256 digest: "KID.base64url(signature)", Ed25519 over
 * context KID "\n" digest. The context is a line of its own, which keeps this from passing for another kind
 * of signed document. Errors as entitlement_verify. */
#define ENTITLEMENT_DIGEST_BYTES 32
#define ENTITLEMENT_SEAL_BYTES   (ENTITLEMENT_KID_BYTES_MAX + 1 + 86 + 1) /* with a NUL */
int entitlement_seal(const char *context, const unsigned char digest[ENTITLEMENT_DIGEST_BYTES],
                     const struct entitlement_signing_key *by, char ret[ENTITLEMENT_SEAL_BYTES]);
int entitlement_seal_verify(const char *context, const unsigned char digest[ENTITLEMENT_DIGEST_BYTES],
                            const char *seal, const struct entitlement_keyring *keyring,
                            struct error_detail *ret_detail);

#endif
