#include "farm_invitation.h"

#include "common/json.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION        1
#define CHECKSUM_BYTES 16
#define HEAD_BYTES     (1 + CHECKSUM_BYTES) /* version and checksum */
#define LINE_BYTES     64
#define BASE64         sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define BETWEEN        " \t\r\n>|" /* may stand between the characters: mail quotes with the last two */

/* ---- the document ---- */

struct document {
    struct invitation invitation;
    char secret[FARM_SECRET_TEXT_BYTES];
    int64_t lease_ttl_s;
};

#define AT(member)   offsetof(struct document, member)
#define ROOM(member) (sizeof(((struct document *)0)->member) - 1)
#define TEXT(named, member, least)                                                                 \
    {                                                                                              \
        .name = named, .type = JSON_TEXT, .offset = AT(member), .min = least, .max = ROOM(member), \
        .required = (least) > 0                                                                    \
    }
static const struct json_field fields[] = {
    TEXT("farm", invitation.farm_name, 1),
    {.name = "endpoints",
     .type = JSON_TEXTS,
     .offset = AT(invitation.endpoints),
     .min = 1,
     .max = ROOM(invitation.endpoints[0]),
     .required = true,
     .count_offset = AT(invitation.endpoint_count),
     .count_max = SETTINGS_ENDPOINTS_MAX,
     .element_bytes = ROOM(invitation.endpoints[0]) + 1},
    TEXT("secret", secret, 1),
    {.name = "lease_ttl_s",
     .type = JSON_INTEGER,
     .offset = AT(lease_ttl_s),
     .min = 2,
     .max = 300,
     .required = true},
    TEXT("ca", invitation.ca, 0),
    TEXT("certificate", invitation.certificate, 0),
    TEXT("private_key", invitation.private_key, 0),
    {.name = "wants_certificate", .type = JSON_BOOLEAN, .offset = AT(invitation.wants_certificate)},
    TEXT("user", invitation.user, 0),
    TEXT("password", invitation.password, 0),
    TEXT("authority_url", invitation.authority_url, 0),
    TEXT("authority_key", invitation.authority_key, 0),
};
static const struct json_shape shape = {fields, sizeof fields / sizeof *fields};

static void put_text(struct json_writer *writer, const char *name, const char *text)
{
    if (text[0])
        json_text(writer, name, text);
}

static char *write_document(const struct invitation *invitation)
{
    char secret[FARM_SECRET_TEXT_BYTES];
    struct json_writer *writer = json_writer_create(false);
    if (!writer)
        return NULL;
    farm_secret_print(invitation->secret, secret);
    json_open_object(writer, NULL);
    json_text(writer, "farm", invitation->farm_name);
    json_open_array(writer, "endpoints");
    for (size_t i = 0; i < invitation->endpoint_count; i++)
        json_text(writer, NULL, invitation->endpoints[i]);
    json_close_array(writer);
    json_text(writer, "secret", secret);
    json_integer(writer, "lease_ttl_s", invitation->lease_ttl_ms / 1000);
    put_text(writer, "ca", invitation->ca);
    put_text(writer, "certificate", invitation->certificate);
    put_text(writer, "private_key", invitation->private_key);
    json_boolean(writer, "wants_certificate", invitation->wants_certificate);
    put_text(writer, "user", invitation->user);
    put_text(writer, "password", invitation->password);
    put_text(writer, "authority_url", invitation->authority_url);
    put_text(writer, "authority_key", invitation->authority_key);
    json_close_object(writer);
    sodium_memzero(secret, sizeof secret);
    return json_writer_take(writer);
}

/* No control characters: each of these becomes one line of a configuration, or of a file. */
static bool is_line(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            return false;
    return true;
}

static bool is_pem(const char *text)
{
    return !text[0] || strstr(text, "-----BEGIN ") != NULL;
}

static const char *fault_of(const struct invitation *invitation)
{
    bool lines = is_line(invitation->user) && is_line(invitation->password) &&
                 is_line(invitation->authority_url) && is_line(invitation->authority_key);
    for (size_t i = 0; i < invitation->endpoint_count; i++)
        lines = lines && is_line(invitation->endpoints[i]);
    if (!settings_farm_name_valid(invitation->farm_name))
        return "farm: not the name of a farm";
    if (invitation->endpoint_count == 0)
        return "endpoints: none";
    if (!lines)
        return "a control character where there may be none";
    if (!is_pem(invitation->ca) || !is_pem(invitation->certificate) || !is_pem(invitation->private_key))
        return "a certificate that is none";
    if (!invitation->certificate[0] != !invitation->private_key[0])
        return "a certificate without its key, or a key without its certificate";
    if (!invitation->user[0] != !invitation->password[0])
        return "a user without a password, or a password without a user";
    return NULL;
}

static int invalid(const char *what, struct error_detail *ret_detail)
{
    error_detail_set(ret_detail, "the invitation does not say what it must: %s", what);
    return ERROR_INVALID;
}

static int read_into(struct document *document, const void *json, size_t bytes,
                     struct error_detail *ret_detail)
{
    struct error_detail detail = {""};
    int error = json_read(&shape, json, bytes, document, &detail, NULL);
    if (error == ERROR_NO_MEMORY)
        return error;
    if (error != 0)
        return invalid(detail.text, ret_detail);
    if (farm_secret_parse(document->secret, document->invitation.secret, &detail) != 0)
        return invalid("secret: not one", ret_detail);
    document->invitation.lease_ttl_ms = document->lease_ttl_s * 1000;
    const char *fault = fault_of(&document->invitation);
    return fault ? invalid(fault, ret_detail) : 0;
}

static int read_document(const void *json, size_t bytes, struct invitation *ret,
                         struct error_detail *ret_detail)
{
    struct document *document = calloc(1, sizeof *document);
    if (!document) {
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    int error = read_into(document, json, bytes, ret_detail);
    if (error == 0)
        *ret = document->invitation;
    sodium_memzero(document, sizeof *document);
    free(document);
    return error;
}

/* ---- the outer form ---- */

static void checksum_of(uint8_t version, const void *json, size_t bytes, uint8_t ret[CHECKSUM_BYTES])
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, CHECKSUM_BYTES);
    (void)crypto_generichash_update(&state, &version, 1);
    (void)crypto_generichash_update(&state, json, bytes);
    (void)crypto_generichash_final(&state, ret, CHECKSUM_BYTES);
    sodium_memzero(&state, sizeof state);
}

static void wipe(void *bytes, size_t count)
{
    if (bytes)
        sodium_memzero(bytes, count);
    free(bytes);
}

/* In lines, between the two marks. */
static char *armour(const char *encoded)
{
    size_t bytes = strlen(encoded), lines = (bytes + LINE_BYTES - 1) / LINE_BYTES;
    size_t room = bytes + lines + sizeof INVITATION_BEGIN + sizeof INVITATION_END + 2;
    char *text = malloc(room), *at = text;
    if (!text)
        return NULL;
    at += snprintf(at, room, "%s\n", INVITATION_BEGIN);
    for (size_t i = 0; i < bytes; i += LINE_BYTES)
        at += snprintf(at, room - (size_t)(at - text), "%.*s\n", LINE_BYTES, encoded + i);
    (void)snprintf(at, room - (size_t)(at - text), "%s\n", INVITATION_END);
    return text;
}

char *farm_invitation_encode(const struct invitation *invitation)
{
    char *json = write_document(invitation), *text = NULL;
    size_t bytes = json ? strlen(json) : 0, room = sodium_base64_encoded_len(HEAD_BYTES + bytes, BASE64);
    uint8_t *plain = json ? malloc(HEAD_BYTES + bytes) : NULL;
    char *encoded = plain ? malloc(room) : NULL;
    assert(!fault_of(invitation));
    if (encoded) {
        plain[0] = VERSION;
        checksum_of(VERSION, json, bytes, plain + 1);
        memcpy(plain + HEAD_BYTES, json, bytes);
        (void)sodium_bin2base64(encoded, room, plain, HEAD_BYTES + bytes, BASE64);
        text = armour(encoded);
    }
    wipe(encoded, room);
    wipe(plain, HEAD_BYTES + bytes);
    wipe(json, bytes);
    return text;
}

/* What is between the marks. */
static int find(const char *text, size_t bytes, const char **ret_start, size_t *ret_bytes,
                struct error_detail *ret_detail)
{
    const char *begin = memmem(text, bytes, INVITATION_BEGIN, strlen(INVITATION_BEGIN));
    if (!begin) {
        error_detail_set(ret_detail, "there is no invitation in it: it begins with %s", INVITATION_BEGIN);
        return ERROR_INVALID;
    }
    const char *start = begin + strlen(INVITATION_BEGIN);
    const char *end = memmem(start, (size_t)(text + bytes - start), INVITATION_END, strlen(INVITATION_END));
    if (!end) {
        error_detail_set(ret_detail, "the end of the invitation is missing: copy all of it, up to %s",
                         INVITATION_END);
        return ERROR_INVALID;
    }
    *ret_start = start;
    *ret_bytes = (size_t)(end - start);
    return 0;
}

static int take_apart(const uint8_t *plain, size_t bytes, struct invitation *ret,
                      struct error_detail *ret_detail)
{
    uint8_t checksum[CHECKSUM_BYTES];
    if (bytes > HEAD_BYTES)
        checksum_of(plain[0], plain + HEAD_BYTES, bytes - HEAD_BYTES, checksum);
    if (bytes <= HEAD_BYTES || memcmp(checksum, plain + 1, sizeof checksum) != 0) {
        error_detail_set(ret_detail,
                         "the invitation was changed on its way: its checksum does not fit; copy it again");
        return ERROR_DAMAGED;
    }
    if (plain[0] != VERSION) {
        error_detail_set(ret_detail,
                         "the invitation is of a newer release than this program: install that here first");
        return ERROR_NEWER;
    }
    return read_document(plain + HEAD_BYTES, bytes - HEAD_BYTES, ret, ret_detail);
}

int farm_invitation_decode(const char *text, size_t bytes, struct invitation *ret,
                           struct error_detail *ret_detail)
{
    const char *start;
    size_t length, got = 0;
    if (bytes > INVITATION_BYTES_MAX) {
        error_detail_set(ret_detail, "larger than any invitation");
        return ERROR_TOO_LARGE;
    }
    int error = find(text, bytes, &start, &length, ret_detail);
    if (error != 0)
        return error;
    uint8_t *plain = malloc(length + 1);
    if (!plain) {
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    if (sodium_base642bin(plain, length + 1, start, length, BETWEEN, &got, NULL, BASE64) != 0)
        got = 0; /* no checksum fits */
    error = take_apart(plain, got, ret, ret_detail);
    wipe(plain, length + 1);
    return error;
}

void farm_invitation_wipe(struct invitation *invitation)
{
    if (invitation)
        sodium_memzero(invitation, sizeof *invitation);
}
