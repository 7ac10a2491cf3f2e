/* fuzz_entitlement.c - anything as a signed document, and anything as the payload of a rightly signed one. */
#include "common/entitlement.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check(const struct entitlement *entitlement, const struct entitlement_signing_key *key)
{
    char text[ENTITLEMENT_BYTES_MAX + 1];
    struct entitlement again;
    struct entitlement_keyring ring = {.count = 1};
    ring.keys[0] = key->key;
    require(entitlement->farm_id[0] && entitlement->installation_id[0]);
    require((unsigned)entitlement->status < ENTITLEMENT_STANDING_MAX);
    require(entitlement_sign(entitlement, key, text, sizeof(text)) == 0);
    require(entitlement_verify(text, strlen(text), &ring, &again, NULL) == 0);
    require(strcmp(again.reason, entitlement->reason) == 0 && again.serial == entitlement->serial);
}

static void verify(const char *text, size_t bytes, const struct entitlement_signing_key *key)
{
    struct entitlement entitlement = {0};
    struct entitlement_keyring ring = {.count = 1};
    struct error_detail detail = {""};
    ring.keys[0] = key->key;
    if (entitlement_verify(text, bytes, &ring, &entitlement, &detail) == 0)
        check(&entitlement, key);
    else
        require(detail.text[0] && entitlement.farm_id[0] == '\0');
    require(entitlement_key_accept(text, bytes, &ring, NULL) <= 0 && ring.count <= 2);
}

static void verify_payload(const char *context, const char *prefix, const uint8_t *payload, size_t bytes,
                           const struct entitlement_signing_key *key)
{
    unsigned char message[4096], signature[crypto_sign_BYTES];
    char encoded[6000], encoded_signature[100], text[ENTITLEMENT_BYTES_MAX];
    int head = snprintf((char *)message, sizeof(message), "%s%s\n", context, key->key.kid);
    if (bytes > sizeof(message) - (size_t)head)
        return;
    memcpy(message + head, payload, bytes);
    crypto_sign_detached(signature, NULL, message, (size_t)head + bytes, key->secret_key);
    sodium_bin2base64(encoded, sizeof(encoded), payload, bytes, BASE64);
    sodium_bin2base64(encoded_signature, sizeof(encoded_signature), signature, sizeof(signature), BASE64);
    int length =
        snprintf(text, sizeof(text), "%s.%s.%s.%s", prefix, key->key.kid, encoded, encoded_signature);
    verify(text, (size_t)length, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char seed[crypto_sign_SEEDBYTES] = {1};
    struct entitlement_signing_key key = {.key.kid = "fuzz"};
    require(entitlement_init() == 0);
    crypto_sign_seed_keypair(key.key.public_key, key.secret_key, seed);
    verify((const char *)data, size, &key);
    verify_payload("farmgate-entitlement-v1\n", "fg1", data, size, &key);
    verify_payload("farmgate-key-v1\n", "fgkey1", data, size, &key);
    return 0;
}
