/* throttle.h - how often one may try: a token bucket for each, in a table of fixed size. Pure but for its
 * seed. */
#ifndef FARMGATE_CLOUD_API_THROTTLE_H
#define FARMGATE_CLOUD_API_THROTTLE_H

#include "cloud/api/source.h"

#include <stdint.h>

#define THROTTLE_SOURCES_MAX 8192  /* remembered at a time; the least recent of its row of 8 makes room */
#define THROTTLE_TOKENS_MAX  65536 /* likewise */

/* Who tries. */
struct throttle_key {
    unsigned char bytes[16];
};

/* An IPv4 address, or the /64 network of an IPv6 one. */
struct throttle_key throttle_key_of_source(const struct source_address *source);
struct throttle_key throttle_key_of_token(const char *token);

struct throttle;

/* NULL without memory. `keys_max`, a multiple of 8, are remembered. `seed` keeps chosen addresses from
 * pushing each other out. */
struct throttle *throttle_create(unsigned per_minute, unsigned burst, size_t keys_max, uint64_t seed);
void throttle_destroy(struct throttle *throttle);

/* Takes a turn: 0, or the ms until there is one (nothing is taken then). now_ms is monotonic. */
int64_t throttle_take(struct throttle *throttle, const struct throttle_key *key, int64_t now_ms);

/* What throttle_take would answer; nothing is taken, and nobody makes room. */
int64_t throttle_wait(const struct throttle *throttle, const struct throttle_key *key, int64_t now_ms);

/* Whether it took a turn and has not made room since. */
bool throttle_remembers(const struct throttle *throttle, const struct throttle_key *key);

#endif
