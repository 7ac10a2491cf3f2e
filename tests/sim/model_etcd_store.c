#include "model_etcd_store.h"

#include <stdlib.h>
#include <string.h>

/* A test that has no memory has no result. */
static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static void *grown(void *array, size_t count, size_t *room, size_t element_bytes)
{
    if (count < *room)
        return array;
    *room = *room == 0 ? 8 : *room * 2;
    return must(realloc(array, *room * element_bytes));
}

void etcd_store_init(struct etcd_store *store)
{
    *store = (struct etcd_store){.revision = 1};
}

static void free_version(struct etcd_version *version)
{
    free(version->key);
    free(version->value);
    free(version);
}

void etcd_store_finish(struct etcd_store *store)
{
    for (size_t i = 0; i < store->log_count; i++)
        free_version(store->log[i]);
    for (size_t i = 0; i < store->key_count; i++) {
        free(store->keys[i].name);
        free(store->keys[i].versions);
    }
    free(store->log);
    free(store->keys);
    etcd_store_init(store);
}

/* ---- finding ------------------------------------------------------------------------------------------- */

size_t etcd_store_place(const struct etcd_store *store, const char *key)
{
    size_t low = 0, high = store->key_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(store->keys[middle].name, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct etcd_version *etcd_store_at(const struct etcd_store *store, size_t place, int64_t revision)
{
    const struct etcd_key *key = &store->keys[place];
    for (size_t i = key->count; i-- > 0;)
        if (key->versions[i]->mod <= revision)
            return key->versions[i]->deleted ? NULL : key->versions[i];
    return NULL;
}

static bool has_key(const struct etcd_store *store, size_t place, const char *key)
{
    return place < store->key_count && strcmp(store->keys[place].name, key) == 0;
}

const struct etcd_version *etcd_store_get(const struct etcd_store *store, const char *key, int64_t revision)
{
    size_t place = etcd_store_place(store, key);
    return has_key(store, place, key) ? etcd_store_at(store, place, revision) : NULL;
}

size_t etcd_store_since(const struct etcd_store *store, int64_t revision)
{
    size_t low = 0, high = store->log_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (store->log[middle]->mod < revision)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- changing ------------------------------------------------------------------------------------------ */

static struct etcd_key *own_key(struct etcd_store *store, const char *name)
{
    size_t place = etcd_store_place(store, name);
    if (has_key(store, place, name))
        return &store->keys[place];
    store->keys = grown(store->keys, store->key_count, &store->key_room, sizeof *store->keys);
    struct etcd_key *key = &store->keys[place];
    memmove(key + 1, key, (store->key_count++ - place) * sizeof *key);
    *key = (struct etcd_key){.name = must(strdup(name))};
    return key;
}

static void add_version(struct etcd_store *store, struct etcd_key *key, const struct etcd_version *version)
{
    struct etcd_version *kept = must(malloc(sizeof *kept));
    *kept = *version;
    kept->key = must(strdup(key->name));
    kept->value = must(malloc(version->value_bytes + 1));
    if (version->value_bytes > 0)
        memcpy(kept->value, version->value, version->value_bytes);
    key->versions = grown(key->versions, key->count, &key->room, sizeof(struct etcd_version *));
    key->versions[key->count++] = kept;
    store->log = grown(store->log, store->log_count, &store->log_room, sizeof(struct etcd_version *));
    store->log[store->log_count++] = kept;
}

void etcd_store_put(struct etcd_store *store, const char *name, const void *value, size_t bytes,
                    int64_t lease)
{
    struct etcd_key *key = own_key(store, name);
    const struct etcd_version *last = key->count == 0 ? NULL : key->versions[key->count - 1];
    bool is_new = last == NULL || last->deleted;
    struct etcd_version version = {.value_bytes = bytes,
                                   .create = is_new ? store->revision + 1 : last->create,
                                   .mod = store->revision + 1,
                                   .version = is_new ? 1 : last->version + 1,
                                   .lease = lease};
    uint8_t *copy = must(malloc(bytes + 1));
    if (bytes > 0)
        memcpy(copy, value, bytes);
    version.value = copy;
    add_version(store, key, &version);
    free(copy);
}

bool etcd_store_delete(struct etcd_store *store, const char *name)
{
    size_t place = etcd_store_place(store, name);
    if (!has_key(store, place, name))
        return false;
    struct etcd_key *key = &store->keys[place];
    if (key->versions[key->count - 1]->deleted)
        return false;
    struct etcd_version version = {.mod = store->revision + 1, .deleted = true};
    add_version(store, key, &version);
    return true;
}

/* ---- compaction ---------------------------------------------------------------------------------------- */

/* What of a key stays: its version as of then, unless that is its deletion, and all later ones. */
static void compact_key(struct etcd_key *key, int64_t revision)
{
    size_t from = 0;
    while (from + 1 < key->count && key->versions[from + 1]->mod <= revision)
        from++;
    if (key->versions[from]->mod <= revision && key->versions[from]->deleted)
        from++;
    for (size_t i = 0; i < from; i++)
        key->versions[i]->version = -1; /* goes with the log below */
    key->count -= from;
    memmove(key->versions, key->versions + from, key->count * sizeof(struct etcd_version *));
}

void etcd_store_compact(struct etcd_store *store, int64_t revision)
{
    size_t kept = 0;
    for (size_t i = 0; i < store->key_count; i++)
        compact_key(&store->keys[i], revision);
    for (size_t i = 0; i < store->log_count; i++) {
        if (store->log[i]->version < 0)
            free_version(store->log[i]);
        else
            store->log[kept++] = store->log[i];
    }
    store->log_count = kept;
    kept = 0;
    for (size_t i = 0; i < store->key_count; i++) {
        if (store->keys[i].count > 0) {
            store->keys[kept++] = store->keys[i];
            continue;
        }
        free(store->keys[i].name);
        free(store->keys[i].versions);
    }
    store->key_count = kept;
    store->compacted = revision;
}

void etcd_store_copy(const struct etcd_store *store, struct etcd_store *ret)
{
    etcd_store_init(ret);
    for (size_t i = 0; i < store->log_count; i++)
        add_version(ret, own_key(ret, store->log[i]->key), store->log[i]);
    ret->revision = store->revision;
    ret->compacted = store->compacted;
}
