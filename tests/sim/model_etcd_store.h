/* model_etcd_store.h - what an etcd keeps, told from its documentation: keys with all their versions since
 * the last compaction, one number rising with every change. No time, no network, no leases' ends. */
#ifndef FARMGATE_TESTS_MODEL_ETCD_STORE_H
#define FARMGATE_TESTS_MODEL_ETCD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A key as one revision left it. */
struct etcd_version {
    char *key;
    uint8_t *value;
    size_t value_bytes;
    int64_t create, mod, version, lease;
    bool deleted;
};

struct etcd_key {
    char *name;
    struct etcd_version **versions; /* by revision; the last is how it is now */
    size_t count, room;
};

struct etcd_store {
    int64_t revision;           /* of the last change, from 1 */
    int64_t compacted;          /* what was before is gone; 0: nothing */
    struct etcd_version **log;  /* every version, in the order they were made; owns them */
    size_t log_count, log_room; /* */
    struct etcd_key *keys;      /* by name */
    size_t key_count, key_room;
};

void etcd_store_init(struct etcd_store *store);
void etcd_store_finish(struct etcd_store *store);
/* *ret is empty or finished before. */
void etcd_store_copy(const struct etcd_store *store, struct etcd_store *ret);

/* The key as it was at a revision; NULL: it did not exist. */
const struct etcd_version *etcd_store_get(const struct etcd_store *store, const char *key, int64_t revision);
/* The place of the first key that is not less. */
size_t etcd_store_place(const struct etcd_store *store, const char *key);
const struct etcd_version *etcd_store_at(const struct etcd_store *store, size_t place, int64_t revision);
/* The place in the log of the first version of this revision or a later one. */
size_t etcd_store_since(const struct etcd_store *store, int64_t revision);

/* Changes of one transaction share a revision: they are made at revision + 1, which the caller then lets
 * hold. */
void etcd_store_put(struct etcd_store *store, const char *key, const void *value, size_t bytes,
                    int64_t lease);
/* False: there is no such key. */
bool etcd_store_delete(struct etcd_store *store, const char *key);

/* Forgets every version that was replaced at this revision or before, and keys that were gone by then: a
 * watch that begins here is told nothing of what it lacks. */
void etcd_store_compact(struct etcd_store *store, int64_t revision);

#endif
