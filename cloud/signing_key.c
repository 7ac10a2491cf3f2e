#include "cloud/signing_key.h"

#include "common/file.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WORD           "farmgate-signing-key "
#define FILE_BYTES_MAX 512
#define BASE64         sodium_base64_VARIANT_URLSAFE_NO_PADDING

/* "WORD KID SECRET\n"; the public half is the second half of Ed25519's secret key. */
static int parse(const char *text, struct entitlement_signing_key *ret)
{
    struct entitlement_signing_key key = {.key = {.kid = ""}};
    size_t word_bytes = strlen(WORD), decoded_bytes;
    if (strncmp(text, WORD, word_bytes) != 0)
        return ERROR_INVALID;
    const char *kid = text + word_bytes, *space = strchr(kid, ' ');
    if (space == NULL || space == kid || (size_t)(space - kid) > ENTITLEMENT_KID_BYTES_MAX)
        return ERROR_INVALID;
    memcpy(key.key.kid, kid, (size_t)(space - kid));

    const char *end;
    if (sodium_base642bin(key.secret_key, sizeof key.secret_key, space + 1, strlen(space + 1), NULL,
                          &decoded_bytes, &end, BASE64) != 0 ||
        decoded_bytes != sizeof key.secret_key || strcmp(end, "\n") != 0)
        return ERROR_INVALID;
    (void)crypto_sign_ed25519_sk_to_pk(key.key.public_key, key.secret_key);
    *ret = key;
    return 0;
}

int signing_key_load(const char *path, struct entitlement_signing_key *ret, struct error_detail *ret_detail)
{
    struct stat status;
    char *text;
    size_t bytes;
    int error = file_read(path, FILE_BYTES_MAX, &text, &bytes, ret_detail);
    if (error != 0)
        return error;
    if (stat(path, &status) != 0 || (status.st_mode & 077) != 0) {
        error_detail_set(ret_detail, "%s may be read by others than its owner; make it mode 0600", path);
        error = ERROR_FORBIDDEN;
    } else if ((error = parse(text, ret)) != 0) {
        error_detail_set(ret_detail, "%s is no signing key; bring back a copy of it", path);
    }
    sodium_memzero(text, bytes);
    free(text);
    return error;
}

int signing_key_make(const char *path, struct entitlement_signing_key *ret, struct error_detail *ret_detail)
{
    struct entitlement_signing_key key;
    char secret[sodium_base64_ENCODED_LEN(sizeof key.secret_key, BASE64)], text[FILE_BYTES_MAX];

    int error = entitlement_key_generate(SIGNING_KEY_FIRST_KID, &key);
    if (error != 0)
        return error;
    (void)sodium_bin2base64(secret, sizeof secret, key.secret_key, sizeof key.secret_key, BASE64);
    (void)snprintf(text, sizeof text, WORD "%s %s\n", key.key.kid, secret);
    error = file_replace(path, text, strlen(text), 0600, true, ret_detail);
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(text, sizeof text);
    if (error == 0)
        *ret = key;
    sodium_memzero(&key, sizeof key);
    return error;
}
