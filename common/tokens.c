#include "tokens.h"

#include "file.h"

#include <ctype.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int refuse_line(const char *path, unsigned line, const char *what, struct error_detail *ret_detail)
{
    error_detail_set(ret_detail,
                     "%s:%u: %s; a line is NAME:read:HEX or NAME:write:HEX, HEX the BLAKE2b-256 "
                     "of the token",
                     path, line, what);
    return ERROR_CONFIGURATION;
}

static bool parse_scope(const char *text, size_t bytes, enum tokens_scope *ret)
{
    if (bytes == 4 && memcmp(text, "read", 4) == 0)
        *ret = TOKENS_READ;
    else if (bytes == 5 && memcmp(text, "write", 5) == 0)
        *ret = TOKENS_WRITE;
    else
        return false;
    return true;
}

static bool parse_hash(const char *text, unsigned char ret[TOKENS_HASH_BYTES])
{
    unsigned char hash[TOKENS_HASH_BYTES];
    size_t bytes = 0;
    const char *end = NULL;
    size_t length = strlen(text);
    if (sodium_hex2bin(hash, sizeof(hash), text, length, NULL, &bytes, &end) != 0 || bytes != sizeof(hash) ||
        end != text + length)
        return false;
    memcpy(ret, hash, sizeof(hash));
    return true;
}

static bool name_taken(const struct tokens *tokens, const char *name, size_t bytes)
{
    for (size_t i = 0; i < tokens->count; i++)
        if (strlen(tokens->list[i].name) == bytes && memcmp(tokens->list[i].name, name, bytes) == 0)
            return true;
    return false;
}

static int read_line(const char *path, unsigned line, const char *text, struct tokens *tokens,
                     struct error_detail *ret_detail)
{
    struct token token = {0};
    const char *scope = strchr(text, ':');
    const char *hash = scope ? strchr(scope + 1, ':') : NULL;
    if (!hash)
        return refuse_line(path, line, "not three parts", ret_detail);
    size_t name_bytes = (size_t)(scope - text);
    if (name_bytes == 0 || name_bytes > TOKENS_NAME_BYTES_MAX)
        return refuse_line(path, line, "the name has not 1 to 63 bytes", ret_detail);
    if (name_taken(tokens, text, name_bytes))
        return refuse_line(path, line, "the name stands in an earlier line", ret_detail);
    if (!parse_scope(scope + 1, (size_t)(hash - scope - 1), &token.scope))
        return refuse_line(path, line, "the scope is neither read nor write", ret_detail);
    if (!parse_hash(hash + 1, token.hash))
        return refuse_line(path, line, "not 64 hexadecimal digits", ret_detail);
    if (tokens->count == TOKENS_MAX)
        return refuse_line(path, line, "more than 64 tokens", ret_detail);
    memcpy(token.name, text, name_bytes);
    tokens->list[tokens->count++] = token;
    return 0;
}

/* Cuts white space at both ends. */
static char *trimmed(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    return text;
}

int tokens_read(const char *path, struct tokens *ret, struct error_detail *ret_detail)
{
    char *text = NULL;
    size_t bytes = 0;
    int error = 0;
    ret->count = 0;
    if (path[0] == '\0')
        return 0;
    error = file_read(path, TOKENS_FILE_BYTES_MAX, &text, &bytes, ret_detail);
    if (error)
        return error;
    char *rest = text;
    for (unsigned line = 1; rest && !error; line++) {
        char *next = strchr(rest, '\n');
        if (next)
            *next++ = '\0';
        char *words = trimmed(rest);
        if (words[0] != '\0' && words[0] != '#')
            error = read_line(path, line, words, ret, ret_detail);
        rest = next;
    }
    sodium_memzero(text, bytes);
    free(text);
    return error;
}

bool tokens_bearer(const struct http_exchange *exchange, struct http_text *ret_token)
{
    static const char scheme[] = "bearer ";
    const size_t bytes = sizeof(scheme) - 1;
    struct http_text header;
    if (!http_header(exchange, "authorization", &header) || header.bytes <= bytes ||
        strncasecmp(header.text, scheme, bytes) != 0)
        return false;
    *ret_token = (struct http_text){header.text + bytes, header.bytes - bytes};
    return true;
}

void tokens_random(char ret_token[TOKENS_TEXT_BYTES])
{
    unsigned char random[TOKENS_HASH_BYTES];
    randombytes_buf(random, sizeof(random));
    (void)sodium_bin2hex(ret_token, TOKENS_TEXT_BYTES, random, sizeof(random));
    sodium_memzero(random, sizeof(random));
}

void tokens_hash(const char *token, size_t bytes, unsigned char ret_hash[TOKENS_HASH_BYTES])
{
    (void)crypto_generichash(ret_hash, TOKENS_HASH_BYTES, (const unsigned char *)token, bytes, NULL, 0);
}

const struct token *tokens_find(const struct tokens *tokens, const struct http_exchange *exchange)
{
    const struct token *found = NULL;
    unsigned char hash[TOKENS_HASH_BYTES];
    struct http_text token;
    if (!tokens_bearer(exchange, &token))
        return NULL;
    tokens_hash(token.text, token.bytes, hash);
    for (size_t i = 0; i < tokens->count; i++)
        if (sodium_memcmp(hash, tokens->list[i].hash, sizeof(hash)) == 0)
            found = &tokens->list[i];
    return found;
}

void tokens_make(const char *name, enum tokens_scope scope, char ret_token[TOKENS_TEXT_BYTES],
                 char ret_line[TOKENS_LINE_BYTES_MAX])
{
    unsigned char hash[TOKENS_HASH_BYTES];
    char hex[2 * TOKENS_HASH_BYTES + 1];
    tokens_random(ret_token);
    tokens_hash(ret_token, strlen(ret_token), hash);
    (void)sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
    (void)snprintf(ret_line, TOKENS_LINE_BYTES_MAX, "%s:%s:%s", name,
                   scope == TOKENS_WRITE ? "write" : "read", hex);
}
