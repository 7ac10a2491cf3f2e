#include "seal.h"

#include <sodium.h>
#include <string.h>

#define CONTEXT    "fg-farm1" /* of crypto_kdf, 8 bytes: another use of the secret has another */
#define NAME_BYTES ((SEAL_NAME_BYTES - 1) / 2)

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define MAC_BYTES   crypto_aead_xchacha20poly1305_ietf_ABYTES

_Static_assert(SEAL_SECRET_BYTES == crypto_kdf_KEYBYTES, "the secret is a key to derive from");
_Static_assert(SEAL_ADDED_BYTES == NONCE_BYTES + MAC_BYTES, "what a sealed value has besides");
_Static_assert(sizeof((struct seal *)0)->value_key == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "");

void seal_init(struct seal *seal, const uint8_t secret[SEAL_SECRET_BYTES])
{
    (void)crypto_kdf_derive_from_key(seal->value_key, sizeof seal->value_key, 1, CONTEXT, secret);
    (void)crypto_kdf_derive_from_key(seal->name_key, sizeof seal->name_key, 2, CONTEXT, secret);
}

void seal_close(const struct seal *seal, const char *path, const void *plain, size_t bytes,
                uint8_t *ret_sealed)
{
    randombytes_buf(ret_sealed, NONCE_BYTES);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(ret_sealed + NONCE_BYTES, NULL, plain, bytes,
                                                     (const uint8_t *)path, strlen(path), NULL, ret_sealed,
                                                     seal->value_key);
}

int seal_open(const struct seal *seal, const char *path, const uint8_t *sealed, size_t bytes,
              uint8_t *ret_plain, size_t *ret_bytes)
{
    unsigned long long opened;
    if (bytes < SEAL_ADDED_BYTES)
        return ERROR_SIGNATURE;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(ret_plain, &opened, NULL, sealed + NONCE_BYTES,
                                                   bytes - NONCE_BYTES, (const uint8_t *)path, strlen(path),
                                                   sealed, seal->value_key) != 0)
        return ERROR_SIGNATURE;
    *ret_bytes = (size_t)opened;
    return 0;
}

void seal_name(const struct seal *seal, const char *kind, const char *name, char ret_name[SEAL_NAME_BYTES])
{
    uint8_t hash[NAME_BYTES];
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, seal->name_key, sizeof seal->name_key, sizeof hash);
    (void)crypto_generichash_update(&state, (const uint8_t *)kind, strlen(kind) + 1);
    (void)crypto_generichash_update(&state, (const uint8_t *)name, strlen(name));
    (void)crypto_generichash_final(&state, hash, sizeof hash);
    (void)sodium_bin2hex(ret_name, SEAL_NAME_BYTES, hash, sizeof hash);
}
