/* licence_json.h - who the farm is and how it stands, as JSON: in the store's two files, and in what the
 * hosts of a farm keep together (farm/checkpoint.h).
 *
 * Reading ignores members that it does not know, so that both may stand in an object with others. */
#ifndef FARMGATE_AGENT_LICENCE_JSON_H
#define FARMGATE_AGENT_LICENCE_JSON_H

#include "agent/core/standing.h"
#include "common/error.h"

#include <stddef.h>

#define STORE_TOKEN_BYTES_MAX 63
#define STORE_ENTITLEMENT_MAX 8192
#define STORE_KEYS_MAX        63  /* as many as follow a pinned one: ENTITLEMENT_KEYS_MAX - 1 */
#define STORE_KEY_BYTES_MAX   384 /* ENTITLEMENT_KEY_BYTES_MAX and a NUL */

struct json_writer;

/* The identity file. */
struct store_identity {
    char installation_id[GRANT_ID_BYTES_MAX + 1]; /* random, made at the first start */
    char machine_id[GRANT_ID_BYTES_MAX + 1];      /* application-specific; "" where there is none */
    char farm_id[GRANT_ID_BYTES_MAX + 1];         /* "" before activation */
    char farm_token[STORE_TOKEN_BYTES_MAX + 1];
    char keys[STORE_KEYS_MAX][STORE_KEY_BYTES_MAX]; /* fgkey1 documents accepted so far, oldest first */
    size_t key_count;
};

/* Their members, into the object that is open; and from an object's text: codes of json_read. */
void identity_json_write(struct json_writer *writer, const struct store_identity *identity);
int identity_json_read(const char *text, size_t bytes, struct store_identity *ret,
                       struct error_detail *ret_detail);
void standing_json_write(struct json_writer *writer, const struct standing *standing);
int standing_json_read(const char *text, size_t bytes, struct standing *ret, struct error_detail *ret_detail);

#endif
