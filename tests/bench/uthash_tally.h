/* uthash_tally.h - what bench_tally.c sets beside the tally: the same promises as tally.h's, kept with
 * uthash.
 *
 * Seeded hashing, limits, a put of a live connection as a change of it, every number of struct tally_level,
 * each connection's reason, tag and own spelling of the user, nothing changed on failure. */
#ifndef FARMGATE_BENCH_UTHASH_TALLY_H
#define FARMGATE_BENCH_UTHASH_TALLY_H

#include "agent/core/tally.h"

struct uthash_tally;

struct uthash_tally *uthash_tally_create(const struct tally_settings *settings);
void uthash_tally_destroy(struct uthash_tally *tally);
int uthash_tally_put(struct uthash_tally *tally, const struct connection *connection, uint32_t tag);
int uthash_tally_end(struct uthash_tally *tally, const char *host, const char *id);
const struct tally_level *uthash_tally_level(const struct uthash_tally *tally);

#endif
