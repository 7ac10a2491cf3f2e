/* seal.h - what the hosts of a farm write into the shared store so that nobody else can read or make it
 * (farmgate-etcd(7)).
 *
 * A value is sealed under the farm's secret with its key's path: at another key, or changed by a byte, it
 * does not open. Names in keys are pseudonyms under the same secret: equal names give equal ones, and without
 * the secret nobody can tell or try out which name it was. That an old value was put back is seen by what is
 * in it (record.h: numbers that only grow). */
#ifndef FARMGATE_AGENT_FARM_SEAL_H
#define FARMGATE_AGENT_FARM_SEAL_H

#include "common/error.h"

#include <stddef.h>
#include <stdint.h>

#define SEAL_SECRET_BYTES 32
#define SEAL_ADDED_BYTES  40 /* a sealed value is so much longer: nonce and authenticator */
#define SEAL_NAME_BYTES   33 /* of a pseudonym, with its NUL: 32 hexadecimal digits */

/* The keys derived from a farm's secret. */
struct seal {
    uint8_t value_key[32];
    uint8_t name_key[32];
};

void seal_init(struct seal *seal, const uint8_t secret[SEAL_SECRET_BYTES]);

/* Seals `bytes` bytes for the key `path` into ret_sealed, bytes + SEAL_ADDED_BYTES long. */
void seal_close(const struct seal *seal, const char *path, const void *plain, size_t bytes,
                uint8_t *ret_sealed);

/* Opens what was sealed for this path into ret_plain, bytes - SEAL_ADDED_BYTES long and apart from the sealed
 * bytes. ERROR_SIGNATURE: another secret's, another path's, or none. */
int seal_open(const struct seal *seal, const char *path, const uint8_t *sealed, size_t bytes,
              uint8_t *ret_plain, size_t *ret_bytes);

/* A name of some `kind` ("host", "session") as it stands in a key; the same name of another kind is another.
 */
void seal_name(const struct seal *seal, const char *kind, const char *name, char ret_name[SEAL_NAME_BYTES]);

#endif
