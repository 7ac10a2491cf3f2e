/* hash_index.h - stored hash → number of a record: open addressing with linear probing in slots of 8 bytes.
 *
 * The index knows no records: the caller walks the candidates of a hash and compares. A slot's home is the
 * high bits of its hash, so that growing copies from front to back; what was removed is closed up at once,
 * so that churn leaves no marks. */
#ifndef FARMGATE_CORE_HASH_INDEX_H
#define FARMGATE_CORE_HASH_INDEX_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_INDEX_NONE UINT32_MAX /* no such record; also the largest number of records */

struct hash_slot {
    uint32_t hash;
    uint32_t record; /* HASH_INDEX_NONE: empty */
};

struct hash_index {
    struct hash_slot *slots; /* mask + 1 of them, at least one empty; NULL before the first reserve */
    uint32_t mask, shift;
    uint32_t count, count_max; /* beyond count_max it has to grow first */
};

bool hash_index_grow(struct hash_index *index);
void hash_index_finish(struct hash_index *index);
size_t hash_index_bytes(const struct hash_index *index);

/* Makes room for one more; false without memory, with nothing changed. */
static inline bool hash_index_reserve(struct hash_index *index)
{
    return index->count < index->count_max || hash_index_grow(index);
}

static inline uint32_t hash_index_home(const struct hash_index *index, uint32_t hash)
{
    return hash >> index->shift;
}

/* Starts to load what a search for `hash` will need. */
static inline void hash_index_prefetch(const struct hash_index *index, uint32_t hash)
{
    if (index->slots != NULL)
        __builtin_prefetch(&index->slots[hash_index_home(index, hash)]);
}

/* The first record with this hash at or behind *position (begin with hash_index_home), HASH_INDEX_NONE if
 * there is none. *position moves behind it, or to the empty slot that ended the search. */
static inline uint32_t hash_index_candidate(const struct hash_index *index, uint32_t hash, uint32_t *position)
{
    if (index->slots == NULL)
        return HASH_INDEX_NONE;
    for (uint32_t at = *position;; at = (at + 1) & index->mask) {
        struct hash_slot slot = index->slots[at];
        if (slot.record == HASH_INDEX_NONE) {
            *position = at;
            return HASH_INDEX_NONE;
        }
        if (slot.hash == hash) {
            *position = (at + 1) & index->mask;
            return slot.record;
        }
    }
}

static inline void hash_index_place(struct hash_slot *slots, uint32_t mask, uint32_t home,
                                    struct hash_slot slot)
{
    uint32_t at = home;
    while (slots[at].record != HASH_INDEX_NONE)
        at = (at + 1) & mask;
    slots[at] = slot;
}

/* Adds a record that is not in; room has been reserved. */
static inline void hash_index_add(struct hash_index *index, uint32_t hash, uint32_t record)
{
    assert(index->count < index->mask);
    hash_index_place(index->slots, index->mask, hash_index_home(index, hash),
                     (struct hash_slot){hash, record});
    index->count++;
}

/* The same where a search has just ended in vain, unless the index has grown since. */
static inline void hash_index_add_at(struct hash_index *index, uint32_t position, uint32_t hash,
                                     uint32_t record)
{
    assert(index->slots[position].record == HASH_INDEX_NONE);
    index->slots[position] = (struct hash_slot){hash, record};
    index->count++;
}

/* Removes the record behind which a search has just moved. Later slots of the run move into the hole wherever
 * that brings them nearer to their home; which ones is chance, so the loop decides without a branch. */
static inline void hash_index_remove_behind(struct hash_index *index, uint32_t position)
{
    struct hash_slot *slots = index->slots, empty = {0, HASH_INDEX_NONE};
    uint32_t mask = index->mask, hole = (position - 1) & mask;
    for (uint32_t at = position; slots[at].record != HASH_INDEX_NONE; at = (at + 1) & mask) {
        struct hash_slot slot = slots[at];
        bool moves = ((at - hash_index_home(index, slot.hash)) & mask) >= ((at - hole) & mask);
        slots[hole] = moves ? slot : slots[hole];
        hole = moves ? at : hole;
    }
    slots[hole] = empty;
    index->count--;
}

/* Removes a record that is in. */
static inline void hash_index_remove(struct hash_index *index, uint32_t hash, uint32_t record)
{
    uint32_t at = hash_index_home(index, hash);
    while (index->slots[at].record != record) {
        assert(index->slots[at].record != HASH_INDEX_NONE);
        at = (at + 1) & index->mask;
    }
    hash_index_remove_behind(index, (at + 1) & index->mask);
}

#endif
