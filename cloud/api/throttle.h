/* throttle.h - how often one source may try: a token bucket an address (an IPv6 /64 is one), in a table of
 * fixed size. Pure but for its seed. */
#ifndef FARMGATE_CLOUD_API_THROTTLE_H
#define FARMGATE_CLOUD_API_THROTTLE_H

#include "cloud/api/source.h"

#include <stdint.h>

#define THROTTLE_SOURCES_MAX 8192 /* remembered at a time; the least recent of its row of 8 makes room */

struct throttle;

/* NULL without memory. `seed` keeps chosen addresses from pushing each other out. */
struct throttle *throttle_create(unsigned per_minute, unsigned burst, uint64_t seed);
void throttle_destroy(struct throttle *throttle);

/* Takes a turn: 0, or the ms until there is one (nothing is taken then). now_ms is monotonic. */
int64_t throttle_take(struct throttle *throttle, const struct source_address *source, int64_t now_ms);

#endif
