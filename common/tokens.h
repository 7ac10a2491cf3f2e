/* tokens.h - bearer tokens of an API on TCP: a file of names, scopes and hashes, and whose token a request
 * carries. The tokens themselves are kept nowhere. */
#ifndef FARMGATE_COMMON_TOKENS_H
#define FARMGATE_COMMON_TOKENS_H

#include "error.h"
#include "http_server.h"

#include <stdbool.h>
#include <stddef.h>

#define TOKENS_MAX            64
#define TOKENS_FILE_BYTES_MAX 65536
#define TOKENS_NAME_BYTES_MAX 63
#define TOKENS_HASH_BYTES     32 /* BLAKE2b-256 */
#define TOKENS_TEXT_BYTES     65 /* of a new token: 256 random bits in hexadecimal, NUL */
#define TOKENS_LINE_BYTES_MAX 160

enum tokens_scope { TOKENS_NOTHING, TOKENS_READ, TOKENS_WRITE };

struct token {
    char name[TOKENS_NAME_BYTES_MAX + 1];
    enum tokens_scope scope;
    unsigned char hash[TOKENS_HASH_BYTES];
};
struct tokens {
    struct token list[TOKENS_MAX];
    size_t count;
};

/* Reads a token file: lines "NAME:read|write:HEX", HEX the BLAKE2b-256 of the token; empty lines and those
 * that begin with '#' are skipped. `path` "": no tokens. ERROR_CONFIGURATION naming file and line, or
 * file_read's errors. */
int tokens_read(const char *path, struct tokens *ret, struct error_detail *ret_detail);

/* The token of a request's "Authorization: Bearer TOKEN", within it; false: it carries none. */
bool tokens_bearer(const struct http_exchange *exchange, struct http_text *ret_token);

/* Whose the request's bearer token is; NULL without one, or with one that is not known. Takes the same time
 * whichever token fits. */
const struct token *tokens_find(const struct tokens *tokens, const struct http_exchange *exchange);

/* A new token, of TOKENS_HASH_BYTES random bytes in hexadecimal; and what is kept of one. */
void tokens_random(char ret_token[TOKENS_TEXT_BYTES]);
void tokens_hash(const char *token, size_t bytes, unsigned char ret_hash[TOKENS_HASH_BYTES]);

/* Makes a token, and its line for the file. */
void tokens_make(const char *name, enum tokens_scope scope, char ret_token[TOKENS_TEXT_BYTES],
                 char ret_line[TOKENS_LINE_BYTES_MAX]);

#endif
