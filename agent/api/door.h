/* door.h - who may do what: tokens with their scopes, and the names by which a TCP client may call us. */
#ifndef FARMGATE_AGENT_API_DOOR_H
#define FARMGATE_AGENT_API_DOOR_H

#include "common/error.h"
#include "common/http_server.h"

#include <stdbool.h>
#include <stddef.h>

#define DOOR_TOKENS_MAX       64
#define DOOR_TOKEN_FILE_BYTES 65536
#define DOOR_TOKEN_NAME_BYTES 63
#define DOOR_TOKEN_HASH_BYTES 32 /* BLAKE2b-256 */
#define DOOR_HOSTS_MAX        8
#define DOOR_HOST_BYTES       255

enum door_scope { DOOR_NOBODY, DOOR_READ, DOOR_WRITE };

struct door_token {
    char name[DOOR_TOKEN_NAME_BYTES + 1];
    enum door_scope scope;
    unsigned char hash[DOOR_TOKEN_HASH_BYTES];
};

struct door_keys {
    struct door_token tokens[DOOR_TOKENS_MAX];
    size_t token_count;
    char hosts[DOOR_HOSTS_MAX][DOOR_HOST_BYTES + 1];
    size_t host_count;
};

/* Reads a token file: lines "NAME:read|write:HEX", HEX the BLAKE2b-256 of the token; empty lines and those
 * that begin with '#' are skipped. `path` "": no tokens. ERROR_CONFIGURATION naming file and line, or
 * file_read's errors. */
int door_read_tokens(const char *path, struct door_keys *ret_keys, struct error_detail *ret_detail);

/* The scope of the request's bearer token; DOOR_NOBODY without one or with one that is not known. Takes the
 * same time whichever token fits. */
enum door_scope door_scope(const struct door_keys *keys, const struct http_exchange *exchange);

/* Whether a Host header ("localhost", "127.0.0.1:8620", "[::1]", a configured name) may be used on loopback:
 * a web page of a stranger must not reach us through a name of his. */
bool door_host_allowed(const struct door_keys *keys, const char *host, size_t bytes);

#endif
