#include "door.h"

#include "common/file.h"

#include <ctype.h>
#include <sodium.h>
#include <stdint.h>
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

static bool parse_scope(const char *text, size_t bytes, enum door_scope *ret)
{
    if (bytes == 4 && memcmp(text, "read", 4) == 0)
        *ret = DOOR_READ;
    else if (bytes == 5 && memcmp(text, "write", 5) == 0)
        *ret = DOOR_WRITE;
    else
        return false;
    return true;
}

static bool parse_hash(const char *text, unsigned char ret[DOOR_TOKEN_HASH_BYTES])
{
    unsigned char hash[DOOR_TOKEN_HASH_BYTES];
    size_t bytes = 0;
    const char *end = NULL;
    size_t length = strlen(text);
    if (sodium_hex2bin(hash, sizeof(hash), text, length, NULL, &bytes, &end) != 0 || bytes != sizeof(hash) ||
        end != text + length)
        return false;
    memcpy(ret, hash, sizeof(hash));
    return true;
}

static bool name_taken(const struct door_keys *keys, const char *name, size_t bytes)
{
    for (size_t i = 0; i < keys->token_count; i++)
        if (strlen(keys->tokens[i].name) == bytes && memcmp(keys->tokens[i].name, name, bytes) == 0)
            return true;
    return false;
}

static int read_line(const char *path, unsigned line, const char *text, struct door_keys *keys,
                     struct error_detail *ret_detail)
{
    struct door_token token = {0};
    const char *scope = strchr(text, ':');
    const char *hash = scope ? strchr(scope + 1, ':') : NULL;
    if (!hash)
        return refuse_line(path, line, "not three parts", ret_detail);
    size_t name_bytes = (size_t)(scope - text);
    if (name_bytes == 0 || name_bytes > DOOR_TOKEN_NAME_BYTES)
        return refuse_line(path, line, "the name has not 1 to 63 bytes", ret_detail);
    if (name_taken(keys, text, name_bytes))
        return refuse_line(path, line, "the name stands in an earlier line", ret_detail);
    if (!parse_scope(scope + 1, (size_t)(hash - scope - 1), &token.scope))
        return refuse_line(path, line, "the scope is neither read nor write", ret_detail);
    if (!parse_hash(hash + 1, token.hash))
        return refuse_line(path, line, "not 64 hexadecimal digits", ret_detail);
    if (keys->token_count == DOOR_TOKENS_MAX)
        return refuse_line(path, line, "more than 64 tokens", ret_detail);
    memcpy(token.name, text, name_bytes);
    keys->tokens[keys->token_count++] = token;
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

int door_read_tokens(const char *path, struct door_keys *ret_keys, struct error_detail *ret_detail)
{
    char *text = NULL;
    size_t bytes = 0;
    int error = 0;
    ret_keys->token_count = 0;
    if (path[0] == '\0')
        return 0;
    error = file_read(path, DOOR_TOKEN_FILE_BYTES, &text, &bytes, ret_detail);
    if (error)
        return error;
    char *rest = text;
    for (unsigned line = 1; rest && !error; line++) {
        char *next = strchr(rest, '\n');
        if (next)
            *next++ = '\0';
        char *words = trimmed(rest);
        if (words[0] != '\0' && words[0] != '#')
            error = read_line(path, line, words, ret_keys, ret_detail);
        rest = next;
    }
    sodium_memzero(text, bytes);
    free(text);
    return error;
}

enum door_scope door_scope(const struct door_keys *keys, const struct http_exchange *exchange)
{
    static const char scheme[] = "bearer ";
    enum door_scope scope = DOOR_NOBODY;
    unsigned char hash[DOOR_TOKEN_HASH_BYTES];
    struct http_text header;
    if (!http_header(exchange, "authorization", &header) || header.bytes <= strlen(scheme) ||
        strncasecmp(header.text, scheme, strlen(scheme)) != 0)
        return DOOR_NOBODY;
    (void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)header.text + strlen(scheme),
                             header.bytes - strlen(scheme), NULL, 0);
    for (size_t i = 0; i < keys->token_count; i++)
        if (sodium_memcmp(hash, keys->tokens[i].hash, sizeof(hash)) == 0)
            scope = keys->tokens[i].scope;
    return scope;
}

static bool same_name(const char *name, const char *text, size_t bytes)
{
    return strlen(name) == bytes && strncasecmp(name, text, bytes) == 0;
}

/* 127.0.0.0/8 in four decimal parts. */
static bool is_loopback_v4(const char *text, size_t bytes)
{
    unsigned part = 0, parts = 0, digits = 0;
    if (bytes < 4 || memcmp(text, "127.", 4) != 0)
        return false;
    for (size_t i = 0; i <= bytes; i++) {
        if (i == bytes || text[i] == '.') {
            if (digits == 0 || part > 255)
                return false;
            parts++;
            part = digits = 0;
        } else if (isdigit((unsigned char)text[i]) && digits < 3) {
            part = part * 10 + (unsigned)(text[i] - '0');
            digits++;
        } else {
            return false;
        }
    }
    return parts == 4;
}

/* The length of `host` without ":PORT"; -1 if what follows the colon is no port. */
static ptrdiff_t without_port(const char *host, size_t bytes)
{
    size_t end = bytes;
    while (end > 0 && isdigit((unsigned char)host[end - 1]))
        end--;
    if (end == 0 || host[end - 1] != ':')
        return memchr(host, ':', bytes) && host[0] != '[' ? -1 : (ptrdiff_t)bytes;
    return end == bytes ? -1 : (ptrdiff_t)(end - 1);
}

bool door_host_allowed(const struct door_keys *keys, const char *host, size_t bytes)
{
    if (bytes == 0)
        return false;
    ptrdiff_t length = without_port(host, bytes);
    if (length <= 0)
        return false;
    bytes = (size_t)length;
    if (same_name("[::1]", host, bytes))
        return true;
    if (bytes > 1 && host[bytes - 1] == '.')
        bytes--;
    if (same_name("localhost", host, bytes) || is_loopback_v4(host, bytes))
        return true;
    for (size_t i = 0; i < keys->host_count; i++)
        if (same_name(keys->hosts[i], host, bytes))
            return true;
    return false;
}
