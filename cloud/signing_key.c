#include "cloud/signing_key.h"

#include "common/file.h"

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WORD           "farmgate-signing-key "
#define FIRST_WORD     "farmgate-first-key "
#define FILE_BYTES_MAX (512 + KEY_CHAIN_MAX * (ENTITLEMENT_KEY_BYTES_MAX + 1))
#define BASE64         sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define MARK_BYTES     4 /* of a key's public half, in its name */

/* --- reading -------------------------------------------------------------------------------------------- */

/* The next line, NUL-terminated in place of its newline; NULL: there is none, or it has no end. */
static char *take_line(char **at)
{
    char *line = *at, *end = strchr(line, '\n');
    if (end == NULL)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return line;
}

/* "WORD KID SECRET"; the public half is the second half of Ed25519's secret key. */
static bool parse_secret(const char *line, struct entitlement_signing_key *ret)
{
    struct entitlement_signing_key key = {.key = {.kid = ""}};
    size_t word_bytes = strlen(WORD), decoded_bytes;
    if (line == NULL || strncmp(line, WORD, word_bytes) != 0)
        return false;
    const char *kid = line + word_bytes, *space = strchr(kid, ' '), *end;
    if (space == NULL || space == kid || (size_t)(space - kid) > ENTITLEMENT_KID_BYTES_MAX)
        return false;
    memcpy(key.key.kid, kid, (size_t)(space - kid));
    if (sodium_base642bin(key.secret_key, sizeof key.secret_key, space + 1, strlen(space + 1), NULL,
                          &decoded_bytes, &end, BASE64) != 0 ||
        decoded_bytes != sizeof key.secret_key || *end != '\0')
        return false;
    (void)crypto_sign_ed25519_sk_to_pk(key.key.public_key, key.secret_key);
    *ret = key;
    sodium_memzero(&key, sizeof key);
    return true;
}

/* The rest of the file: the way from the first key to this one. */
static int parse_chain(char *text, const struct entitlement_key *key, struct key_chain **ret_chain,
                       struct error_detail *ret_detail)
{
    struct entitlement_key first = *key;
    char *line = take_line(&text);
    if (line != NULL && (strncmp(line, FIRST_WORD, strlen(FIRST_WORD)) != 0 ||
                         entitlement_key_parse(line + strlen(FIRST_WORD), &first) != 0))
        return ERROR_INVALID;
    struct key_chain *chain = key_chain_create(&first);
    int error = chain == NULL ? ERROR_NO_MEMORY : 0;
    while (error == 0 && (line = take_line(&text)) != NULL)
        error = key_chain_extend(chain, line, ret_detail);
    if (error == 0 && (*text != '\0' || key_chain_find(chain, key) != (int)chain->count - 1))
        error = ERROR_INVALID;
    if (error == 0)
        *ret_chain = chain;
    else
        key_chain_destroy(chain);
    return error;
}

static int parse(const char *path, char *text, struct entitlement_signing_key *ret_key,
                 struct key_chain **ret_chain, struct error_detail *ret_detail)
{
    struct entitlement_signing_key key;
    struct error_detail why = {""};
    if (!parse_secret(take_line(&text), &key)) {
        error_detail_set(ret_detail, "%s is no signing key; bring back a copy of it", path);
        return ERROR_INVALID;
    }
    int error = parse_chain(text, &key.key, ret_chain, &why);
    if (error == 0)
        *ret_key = key;
    else
        error_detail_set(ret_detail, "%s does not lead from its first key to the one that signs%s%.200s",
                         path, why.text[0] != '\0' ? ": " : "", why.text);
    sodium_memzero(&key, sizeof key);
    return error;
}

/* A credential's mode may show a group that an ACL stands behind; its directory is the service's alone. */
static bool is_credential(const char *path)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    size_t bytes = directory != NULL ? strlen(directory) : 0;
    return bytes > 0 && strncmp(path, directory, bytes) == 0 && path[bytes] == '/';
}

int signing_key_load(const char *path, struct entitlement_signing_key *ret_key, struct key_chain **ret_chain,
                     struct error_detail *ret_detail)
{
    struct stat status;
    char *text;
    size_t bytes;
    int error = file_read(path, FILE_BYTES_MAX, &text, &bytes, ret_detail);
    if (error != 0)
        return error;
    if (stat(path, &status) != 0 || ((status.st_mode & 077) != 0 && !is_credential(path))) {
        error_detail_set(ret_detail, "%s may be read by others than its owner; make it mode 0600", path);
        error = ERROR_FORBIDDEN;
    } else {
        error = parse(path, text, ret_key, ret_chain, ret_detail);
    }
    sodium_memzero(text, bytes);
    free(text);
    return error;
}

/* --- writing -------------------------------------------------------------------------------------------- */

static void format(const struct entitlement_signing_key *key, const struct key_chain *chain,
                   char ret[FILE_BYTES_MAX])
{
    char secret[sodium_base64_ENCODED_LEN(sizeof key->secret_key, BASE64)], first[96];
    (void)sodium_bin2base64(secret, sizeof secret, key->secret_key, sizeof key->secret_key, BASE64);
    size_t used = (size_t)snprintf(ret, FILE_BYTES_MAX, WORD "%s %s\n", key->key.kid, secret);
    sodium_memzero(secret, sizeof secret);
    entitlement_key_format(&chain->links[0].key, first);
    if (chain->count > 1)
        used += (size_t)snprintf(ret + used, FILE_BYTES_MAX - used, FIRST_WORD "%s\n", first);
    for (size_t i = 1; i < chain->count; i++)
        used += (size_t)snprintf(ret + used, FILE_BYTES_MAX - used, "%s\n", chain->certificates[i]);
}

static int write_file(const char *path, const struct entitlement_signing_key *key,
                      const struct key_chain *chain, struct error_detail *ret_detail)
{
    char *text = malloc(FILE_BYTES_MAX);
    if (text == NULL)
        return ERROR_NO_MEMORY;
    format(key, chain, text);
    int error = file_replace(path, text, strlen(text), 0600, true, ret_detail);
    sodium_memzero(text, FILE_BYTES_MAX);
    free(text);
    return error;
}

int signing_key_make(const char *path, struct entitlement_signing_key *ret_key, struct key_chain **ret_chain,
                     struct error_detail *ret_detail)
{
    struct entitlement_signing_key key;
    int error = entitlement_key_generate(SIGNING_KEY_FIRST_KID, &key);
    if (error != 0)
        return error;
    struct key_chain *chain = key_chain_create(&key.key);
    error = chain == NULL ? ERROR_NO_MEMORY : write_file(path, &key, chain, ret_detail);
    if (error == 0) {
        *ret_key = key;
        *ret_chain = chain;
    } else {
        key_chain_destroy(chain);
    }
    sodium_memzero(&key, sizeof key);
    return error;
}

/* "k2-1f9c03ab": the number for people; the mark so that a key made again, after an older copy of the file
 * was brought back, is not taken for the lost one by agents that have followed that. */
static void name_successor(const char *kid, struct entitlement_key *successor)
{
    char mark[2 * MARK_BYTES + 1];
    unsigned long number = kid[0] == 'k' && isdigit((unsigned char)kid[1]) ? strtoul(kid + 1, NULL, 10) : 0;
    (void)sodium_bin2hex(mark, sizeof mark, successor->public_key, MARK_BYTES);
    (void)snprintf(successor->kid, sizeof successor->kid, "k%u-%s", (unsigned)number + 1, mark);
}

static int make_successor(const struct entitlement_signing_key *by, struct key_chain *chain, int64_t now_ms,
                          struct entitlement_signing_key *ret, struct error_detail *ret_detail)
{
    char certificate[ENTITLEMENT_KEY_BYTES_MAX + 1];
    int error = entitlement_key_generate(SIGNING_KEY_FIRST_KID, ret);
    if (error != 0)
        return error;
    name_successor(by->key.kid, &ret->key);
    error = entitlement_key_sign(&ret->key, now_ms, by, certificate, sizeof certificate);
    return error != 0 ? error : key_chain_extend(chain, certificate, ret_detail);
}

int signing_key_succeed(const char *path, const struct entitlement_signing_key *key,
                        const struct key_chain *chain, int64_t now_ms,
                        struct entitlement_signing_key *ret_key, struct key_chain **ret_chain,
                        struct error_detail *ret_detail)
{
    struct entitlement_signing_key next = {.key = {.kid = ""}};
    struct key_chain *longer = key_chain_copy(chain);
    int error = longer == NULL ? ERROR_NO_MEMORY : make_successor(key, longer, now_ms, &next, ret_detail);
    if (error == 0)
        error = write_file(path, &next, longer, ret_detail);
    if (error == 0) {
        *ret_key = next;
        *ret_chain = longer;
    } else {
        key_chain_destroy(longer);
    }
    sodium_memzero(&next, sizeof next);
    return error;
}
