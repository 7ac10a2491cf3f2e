/* door.h - who may do what: tokens with their scopes, and the names by which a TCP client may call us. */
#ifndef FARMGATE_AGENT_API_DOOR_H
#define FARMGATE_AGENT_API_DOOR_H

#include "common/tokens.h"

#include <stdbool.h>
#include <stddef.h>

#define DOOR_HOSTS_MAX  8
#define DOOR_HOST_BYTES 255

struct door_keys {
    struct tokens tokens;
    char hosts[DOOR_HOSTS_MAX][DOOR_HOST_BYTES + 1];
    size_t host_count;
};

/* The scope of the request's bearer token; TOKENS_NOTHING without one or with one that is not known. */
enum tokens_scope door_scope(const struct door_keys *keys, const struct http_exchange *exchange);

/* Whether a Host header ("localhost", "127.0.0.1:8620", "[::1]", a configured name) may be used on loopback:
 * a web page of a stranger must not reach us through a name of his. */
bool door_host_allowed(const struct door_keys *keys, const char *host, size_t bytes);

#endif
