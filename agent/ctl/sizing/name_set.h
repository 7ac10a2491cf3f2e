/* name_set.h - how many different names there were. */
#ifndef FARMGATE_CTL_NAME_SET_H
#define FARMGATE_CTL_NAME_SET_H

#include "agent/core/hash_index.h"
#include "agent/core/keyed_hash.h"

struct name_set {
    struct hash_index index;
    char **names;
    size_t count, room;
    struct keyed_hash_keys keys;
};

void name_set_init(struct name_set *set, const uint8_t seed[KEYED_HASH_SEED_BYTES]);
void name_set_finish(struct name_set *set);
/* Adds a name of at most KEYED_HASH_BYTES_MAX bytes unless it is in. False without memory. */
bool name_set_add(struct name_set *set, const char *name);
bool name_set_has(const struct name_set *set, const char *name);

#endif
