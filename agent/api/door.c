#include "door.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum tokens_scope door_scope(const struct door_keys *keys, const struct http_exchange *exchange)
{
    const struct token *token = tokens_find(&keys->tokens, exchange);
    return token ? token->scope : TOKENS_NOTHING;
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
