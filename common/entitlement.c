#include "entitlement.h"

#include "json.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

#define KEY_TEXT_BYTES 44 /* 32 bytes in base64url and a NUL */

static_assert(sizeof(((struct entitlement_key *)0)->public_key) == crypto_sign_PUBLICKEYBYTES, "Ed25519");
static_assert(sizeof(((struct entitlement_signing_key *)0)->secret_key) == crypto_sign_SECRETKEYBYTES,
              "Ed25519");

/* The two kinds of signed document. */
struct kind {
    const char *prefix;  /* first part of the text */
    const char *context; /* first line of what is signed */
};
static const struct kind entitlement_kind = {"fg1", "farmgate-entitlement-v1\n"};
static const struct kind key_kind = {"fgkey1", "farmgate-key-v1\n"};

int entitlement_init(void)
{
    return sodium_init() < 0 ? ERROR_IO : 0;
}

/* ---- keys ---- */

static bool is_kid(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        char c = text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return bytes >= 1 && bytes <= ENTITLEMENT_KID_BYTES_MAX;
}

/* libsodium 1.0.18 takes some bytes above 127 for digits ('_' with the high bit set). */
static bool is_base64url(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        char c = text[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
              c == '_'))
            return false;
    }
    return true;
}

static bool decode(const char *text, size_t bytes, unsigned char *ret, size_t room, size_t *ret_bytes)
{
    return is_base64url(text, bytes) &&
           sodium_base642bin(ret, room, text, bytes, NULL, ret_bytes, NULL, BASE64) == 0;
}

static bool decode_public_key(const char *text, size_t bytes, unsigned char ret[crypto_sign_PUBLICKEYBYTES])
{
    size_t length;
    unsigned char key[crypto_sign_PUBLICKEYBYTES];
    if (!decode(text, bytes, key, sizeof(key), &length) || length != sizeof(key))
        return false;
    memcpy(ret, key, sizeof(key));
    return true;
}

int entitlement_key_parse(const char *text, struct entitlement_key *ret_key)
{
    struct entitlement_key key = {0};
    const char *colon = strchr(text, ':');
    if (!colon || !is_kid(text, (size_t)(colon - text)) ||
        !decode_public_key(colon + 1, strlen(colon + 1), key.public_key))
        return ERROR_INVALID;
    memcpy(key.kid, text, (size_t)(colon - text));
    *ret_key = key;
    return 0;
}

void entitlement_key_format(const struct entitlement_key *key, char ret_text[96])
{
    char encoded[KEY_TEXT_BYTES];
    (void)sodium_bin2base64(encoded, sizeof(encoded), key->public_key, sizeof(key->public_key), BASE64);
    (void)snprintf(ret_text, 96, "%s:%s", key->kid, encoded);
}

int entitlement_key_generate(const char *kid, struct entitlement_signing_key *ret_key)
{
    struct entitlement_signing_key key = {0};
    size_t bytes = strlen(kid);
    if (!is_kid(kid, bytes))
        return ERROR_INVALID;
    memcpy(key.key.kid, kid, bytes);
    if (crypto_sign_keypair(key.key.public_key, key.secret_key) != 0)
        return ERROR_IO;
    *ret_key = key;
    sodium_memzero(&key, sizeof(key));
    return 0;
}

static const struct entitlement_key *find_key(const struct entitlement_keyring *keyring, const char *kid,
                                              size_t bytes)
{
    for (size_t i = 0; i < keyring->count; i++)
        if (strlen(keyring->keys[i].kid) == bytes && memcmp(keyring->keys[i].kid, kid, bytes) == 0)
            return &keyring->keys[i];
    return NULL;
}

/* ---- signed text of either kind ---- */

/* What is signed: context, KID, newline, payload. NULL without memory. */
static unsigned char *signed_message(const struct kind *kind, const char *kid, const void *payload,
                                     size_t bytes, size_t *ret_bytes)
{
    size_t head = strlen(kind->context) + strlen(kid) + 1;
    unsigned char *message = malloc(head + bytes + 1);
    if (!message)
        return NULL;
    (void)snprintf((char *)message, head + 1, "%s%s\n", kind->context, kid);
    memcpy(message + head, payload, bytes);
    *ret_bytes = head + bytes;
    return message;
}

static int sign(const struct kind *kind, const char *payload, const struct entitlement_signing_key *by,
                char *ret, size_t ret_bytes)
{
    size_t bytes = strlen(payload), message_bytes;
    size_t head = strlen(kind->prefix) + strlen(by->key.kid) + 2;
    size_t payload_room = sodium_base64_encoded_len(bytes, BASE64); /* with a NUL, where the dot goes */
    size_t signature_room = sodium_base64_encoded_len(crypto_sign_BYTES, BASE64);
    size_t total = head + payload_room + signature_room;
    unsigned char signature[crypto_sign_BYTES];
    if (total > ret_bytes || total - 1 > ENTITLEMENT_BYTES_MAX)
        return ERROR_TOO_LARGE;
    unsigned char *message = signed_message(kind, by->key.kid, payload, bytes, &message_bytes);
    if (!message)
        return ERROR_NO_MEMORY;
    (void)crypto_sign_detached(signature, NULL, message, message_bytes, by->secret_key);
    free(message);
    (void)snprintf(ret, ret_bytes, "%s.%s.", kind->prefix, by->key.kid);
    (void)sodium_bin2base64(ret + head, payload_room, (const unsigned char *)payload, bytes, BASE64);
    ret[head + payload_room - 1] = '.';
    (void)sodium_bin2base64(ret + head + payload_room, signature_room, signature, sizeof(signature), BASE64);
    return 0;
}

struct part {
    const char *text;
    size_t bytes;
};
enum { PART_PREFIX, PART_KID, PART_PAYLOAD, PART_SIGNATURE, PART_MAX };

/* Splits at the dots; false unless there are exactly PART_MAX parts. */
static bool split(const char *text, size_t bytes, struct part ret[PART_MAX])
{
    const char *at = text, *end = text + bytes;
    for (size_t i = 0; i < PART_MAX; i++) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        if ((dot == NULL) != (i == PART_MAX - 1))
            return false;
        ret[i] = (struct part){at, (size_t)((dot ? dot : end) - at)};
        at = dot ? dot + 1 : end;
    }
    return true;
}

static int refuse(int error, const char *what, struct error_detail *ret_detail)
{
    error_detail_set(ret_detail, "%s", what);
    return error;
}

/* Whether a trusted key has signed the payload. */
static int check_signature(const struct kind *kind, const char *kid, size_t kid_bytes,
                           const unsigned char *payload, size_t bytes,
                           const unsigned char signature[crypto_sign_BYTES],
                           const struct entitlement_keyring *keyring, struct error_detail *ret_detail)
{
    size_t message_bytes;
    const struct entitlement_key *key = find_key(keyring, kid, kid_bytes);
    if (!key) {
        error_detail_set(ret_detail, "signed by the key %.*s, which is not trusted", (int)kid_bytes, kid);
        return ERROR_UNKNOWN_KEY;
    }
    unsigned char *message = signed_message(kind, key->kid, payload, bytes, &message_bytes);
    if (!message)
        return refuse(ERROR_NO_MEMORY, error_text(ERROR_NO_MEMORY), ret_detail);
    bool fits = crypto_sign_verify_detached(signature, message, message_bytes, key->public_key) == 0;
    free(message);
    return fits ? 0 : refuse(ERROR_SIGNATURE, error_text(ERROR_SIGNATURE), ret_detail);
}

/* Checks form, key and signature; writes the payload, which has room for all of the text. */
static int open_signed(const struct kind *kind, const char *text, size_t bytes,
                       const struct entitlement_keyring *keyring,
                       unsigned char ret_payload[ENTITLEMENT_BYTES_MAX], size_t *ret_bytes,
                       struct error_detail *ret_detail)
{
    struct part parts[PART_MAX];
    unsigned char signature[crypto_sign_BYTES];
    size_t signature_bytes;
    if (bytes > ENTITLEMENT_BYTES_MAX)
        return refuse(ERROR_TOO_LARGE, "longer than 8192 bytes", ret_detail);
    if (!split(text, bytes, parts))
        return refuse(ERROR_INVALID, "not of four parts", ret_detail);
    if (parts[PART_PREFIX].bytes != strlen(kind->prefix) ||
        memcmp(parts[PART_PREFIX].text, kind->prefix, parts[PART_PREFIX].bytes) != 0)
        return refuse(ERROR_INVALID, "of another form or version", ret_detail);
    if (!is_kid(parts[PART_KID].text, parts[PART_KID].bytes))
        return refuse(ERROR_INVALID, "the key's name is not valid", ret_detail);
    if (!decode(parts[PART_PAYLOAD].text, parts[PART_PAYLOAD].bytes, ret_payload, ENTITLEMENT_BYTES_MAX,
                ret_bytes))
        return refuse(ERROR_INVALID, "the payload is not base64url", ret_detail);
    if (!decode(parts[PART_SIGNATURE].text, parts[PART_SIGNATURE].bytes, signature, sizeof(signature),
                &signature_bytes) ||
        signature_bytes != sizeof(signature))
        return refuse(ERROR_INVALID, "the signature is not 64 bytes in base64url", ret_detail);
    return check_signature(kind, parts[PART_KID].text, parts[PART_KID].bytes, ret_payload, *ret_bytes,
                           signature, keyring, ret_detail);
}

/* ---- the entitlement's payload ---- */

/* The payload as json.h reads it. */
struct payload {
    struct entitlement entitlement;
    int64_t serial, limit, purchases;
    int status;
};

static const char *const standing_names[] = {[ENTITLEMENT_STANDS] = "active",
                                             [ENTITLEMENT_REVOKES] = "deactivated",
                                             [ENTITLEMENT_STANDING_MAX] = NULL};

#define PAYLOAD(member)  offsetof(struct payload, member)
#define DOCUMENT(member) offsetof(struct payload, entitlement.member)

static const struct json_field payload_fields[] = {
    {.name = "farm_id",
     .type = JSON_TEXT,
     .offset = DOCUMENT(farm_id),
     .min = 1,
     .max = ENTITLEMENT_ID_BYTES_MAX,
     .required = true},
    {.name = "installation_id",
     .type = JSON_TEXT,
     .offset = DOCUMENT(installation_id),
     .min = 1,
     .max = ENTITLEMENT_ID_BYTES_MAX,
     .required = true},
    {.name = "serial",
     .type = JSON_INTEGER,
     .offset = PAYLOAD(serial),
     .min = 0,
     .max = INT64_MAX,
     .required = true},
    {.name = "status",
     .type = JSON_CHOICE,
     .offset = PAYLOAD(status),
     .choices = standing_names,
     .required = true},
    {.name = "reason",
     .type = JSON_TEXT,
     .offset = DOCUMENT(reason),
     .max = ENTITLEMENT_TEXT_BYTES_MAX,
     .required = true,
     .nullable = true},
    {.name = "limit",
     .type = JSON_INTEGER,
     .offset = PAYLOAD(limit),
     .min = 0,
     .max = UINT32_MAX,
     .required = true},
    {.name = "purchases",
     .type = JSON_INTEGER,
     .offset = PAYLOAD(purchases),
     .min = 0,
     .max = INT64_MAX,
     .required = true},
    {.name = "trial", .type = JSON_BOOLEAN, .offset = DOCUMENT(trial), .required = true},
    {.name = "expires_at",
     .type = JSON_TIME,
     .offset = DOCUMENT(expires_at_ms),
     .required = true,
     .nullable = true},
    {.name = "issued_at", .type = JSON_TIME, .offset = DOCUMENT(issued_at_ms), .required = true},
    {.name = "refresh_by", .type = JSON_TIME, .offset = DOCUMENT(refresh_by_ms), .required = true},
};
static const struct json_shape payload_shape = {payload_fields,
                                                sizeof(payload_fields) / sizeof(payload_fields[0])};

static char *payload_encode(const struct entitlement *entitlement)
{
    struct json_writer *writer = json_writer_create(false);
    if (!writer)
        return NULL;
    json_open_object(writer, NULL);
    json_text(writer, "farm_id", entitlement->farm_id);
    json_text(writer, "installation_id", entitlement->installation_id);
    json_integer(writer, "serial", (int64_t)entitlement->serial);
    json_text(writer, "status", standing_names[entitlement->status]);
    json_text(writer, "reason", entitlement->reason);
    json_integer(writer, "limit", entitlement->limit);
    json_integer(writer, "purchases", (int64_t)entitlement->purchases);
    json_boolean(writer, "trial", entitlement->trial);
    json_time_or_null(writer, "expires_at", entitlement->expires_at_ms);
    json_time(writer, "issued_at", entitlement->issued_at_ms);
    json_time(writer, "refresh_by", entitlement->refresh_by_ms);
    json_close_object(writer);
    return json_writer_take(writer);
}

int entitlement_sign(const struct entitlement *entitlement, const struct entitlement_signing_key *key,
                     char *ret, size_t ret_bytes)
{
    if (entitlement->farm_id[0] == '\0' || entitlement->installation_id[0] == '\0' ||
        entitlement->serial > INT64_MAX || entitlement->purchases > INT64_MAX ||
        (unsigned)entitlement->status >= ENTITLEMENT_STANDING_MAX)
        return ERROR_INVALID;
    char *payload = payload_encode(entitlement);
    if (!payload)
        return ERROR_NO_MEMORY;
    int error = sign(&entitlement_kind, payload, key, ret, ret_bytes);
    free(payload);
    return error;
}

int entitlement_verify(const char *text, size_t bytes, const struct entitlement_keyring *keyring,
                       struct entitlement *ret, struct error_detail *ret_detail)
{
    unsigned char json[ENTITLEMENT_BYTES_MAX];
    size_t json_bytes;
    struct payload payload = {0};
    int error = open_signed(&entitlement_kind, text, bytes, keyring, json, &json_bytes, ret_detail);
    if (error != 0)
        return error;
    error = json_read(&payload_shape, json, json_bytes, &payload, ret_detail, NULL);
    if (error != 0)
        return error == ERROR_NO_MEMORY ? error : ERROR_INVALID;
    payload.entitlement.serial = (uint64_t)payload.serial;
    payload.entitlement.limit = (uint32_t)payload.limit;
    payload.entitlement.purchases = (uint64_t)payload.purchases;
    payload.entitlement.status = (enum entitlement_standing)payload.status;
    *ret = payload.entitlement;
    return 0;
}

/* ---- successor keys ---- */

struct key_payload {
    char kid[ENTITLEMENT_KID_BYTES_MAX + 1];
    char public_key[KEY_TEXT_BYTES];
    int64_t issued_at_ms;
};

static const struct json_field key_fields[] = {
    {.name = "kid",
     .type = JSON_TEXT,
     .offset = offsetof(struct key_payload, kid),
     .min = 1,
     .max = ENTITLEMENT_KID_BYTES_MAX,
     .required = true},
    {.name = "public_key",
     .type = JSON_TEXT,
     .offset = offsetof(struct key_payload, public_key),
     .min = 1,
     .max = KEY_TEXT_BYTES - 1,
     .required = true},
    {.name = "issued_at",
     .type = JSON_TIME,
     .offset = offsetof(struct key_payload, issued_at_ms),
     .required = true},
};
static const struct json_shape key_shape = {key_fields, sizeof(key_fields) / sizeof(key_fields[0])};

int entitlement_key_sign(const struct entitlement_key *successor, int64_t issued_at_ms,
                         const struct entitlement_signing_key *by, char *ret, size_t ret_bytes)
{
    char encoded[KEY_TEXT_BYTES];
    if (!is_kid(successor->kid, strlen(successor->kid)))
        return ERROR_INVALID;
    (void)sodium_bin2base64(encoded, sizeof(encoded), successor->public_key, sizeof(successor->public_key),
                            BASE64);
    struct json_writer *writer = json_writer_create(false);
    if (!writer)
        return ERROR_NO_MEMORY;
    json_open_object(writer, NULL);
    json_text(writer, "kid", successor->kid);
    json_text(writer, "public_key", encoded);
    json_time(writer, "issued_at", issued_at_ms);
    json_close_object(writer);
    char *payload = json_writer_take(writer);
    if (!payload)
        return ERROR_NO_MEMORY;
    int error = sign(&key_kind, payload, by, ret, ret_bytes);
    free(payload);
    return error;
}

static int add_key(struct entitlement_keyring *keyring, const struct entitlement_key *key,
                   struct error_detail *ret_detail)
{
    const struct entitlement_key *known = find_key(keyring, key->kid, strlen(key->kid));
    if (known && memcmp(known->public_key, key->public_key, sizeof(key->public_key)) == 0)
        return 0;
    if (known)
        return refuse(ERROR_INVALID, "another key has this name", ret_detail);
    if (keyring->count == ENTITLEMENT_KEYS_MAX)
        return refuse(ERROR_FULL, "no room for another key", ret_detail);
    keyring->keys[keyring->count++] = *key;
    return 0;
}

int entitlement_key_verify(const char *text, size_t bytes, const struct entitlement_keyring *keyring,
                           struct entitlement_successor *ret, struct error_detail *ret_detail)
{
    unsigned char json[ENTITLEMENT_BYTES_MAX];
    size_t json_bytes;
    struct key_payload payload = {0};
    struct entitlement_successor successor = {0};
    int error = open_signed(&key_kind, text, bytes, keyring, json, &json_bytes, ret_detail);
    if (error != 0)
        return error;
    error = json_read(&key_shape, json, json_bytes, &payload, ret_detail, NULL);
    if (error != 0)
        return error == ERROR_NO_MEMORY ? error : ERROR_INVALID;
    if (!is_kid(payload.kid, strlen(payload.kid)))
        return refuse(ERROR_INVALID, "kid: not valid", ret_detail);
    if (!decode_public_key(payload.public_key, strlen(payload.public_key), successor.key.public_key))
        return refuse(ERROR_INVALID, "public_key: not 32 bytes in base64url", ret_detail);
    memcpy(successor.key.kid, payload.kid, sizeof(successor.key.kid));
    successor.issued_at_ms = payload.issued_at_ms;
    *ret = successor;
    return 0;
}

int entitlement_key_accept(const char *text, size_t bytes, struct entitlement_keyring *keyring,
                           struct error_detail *ret_detail)
{
    struct entitlement_successor successor;
    int error = entitlement_key_verify(text, bytes, keyring, &successor, ret_detail);
    return error != 0 ? error : add_key(keyring, &successor.key, ret_detail);
}

/* ---- seals of longer texts ---- */

static_assert(ENTITLEMENT_SEAL_BYTES ==
                  ENTITLEMENT_KID_BYTES_MAX + 1 + sodium_base64_ENCODED_LEN(crypto_sign_BYTES, BASE64),
              "a name, a dot, a signature");

int entitlement_seal(const char *context, const unsigned char digest[ENTITLEMENT_DIGEST_BYTES],
                     const struct entitlement_signing_key *by, char ret[ENTITLEMENT_SEAL_BYTES])
{
    const struct kind kind = {.context = context};
    unsigned char signature[crypto_sign_BYTES];
    size_t message_bytes;
    unsigned char *message =
        signed_message(&kind, by->key.kid, digest, ENTITLEMENT_DIGEST_BYTES, &message_bytes);
    if (!message)
        return ERROR_NO_MEMORY;
    (void)crypto_sign_detached(signature, NULL, message, message_bytes, by->secret_key);
    free(message);
    int head = snprintf(ret, ENTITLEMENT_SEAL_BYTES, "%s.", by->key.kid);
    (void)sodium_bin2base64(ret + head, ENTITLEMENT_SEAL_BYTES - (size_t)head, signature, sizeof(signature),
                            BASE64);
    return 0;
}

int entitlement_seal_verify(const char *context, const unsigned char digest[ENTITLEMENT_DIGEST_BYTES],
                            const char *seal, const struct entitlement_keyring *keyring,
                            struct error_detail *ret_detail)
{
    const struct kind kind = {.context = context};
    unsigned char signature[crypto_sign_BYTES];
    size_t signature_bytes, kid_bytes = strcspn(seal, ".");
    if (!is_kid(seal, kid_bytes) || seal[kid_bytes] == '\0' ||
        !decode(seal + kid_bytes + 1, strlen(seal + kid_bytes + 1), signature, sizeof(signature),
                &signature_bytes) ||
        signature_bytes != sizeof(signature))
        return refuse(ERROR_INVALID, "the signature is not KID.SIGNATURE", ret_detail);
    return check_signature(&kind, seal, kid_bytes, digest, ENTITLEMENT_DIGEST_BYTES, signature, keyring,
                           ret_detail);
}
