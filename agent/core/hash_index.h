/* hash_index.h - stored hash → number of a record: open addressing in chunks of seven slots, a cache line
 * each.
 *
 * The index knows no records: the caller walks the candidates of a hash and compares. A chunk begins with a
 * word of tags, one byte a slot, so that a search looks at all seven at once, without a loop whose end is
 * chance. Its last byte counts the records that found the chunk full and went on to a later one: a search
 * goes no further than they did, and what is removed leaves no mark. A chunk is chosen by the high bits of a
 * hash, so that growing copies from front to back. */
#ifndef FARMGATE_CORE_HASH_INDEX_H
#define FARMGATE_CORE_HASH_INDEX_H

#include "cache_line.h"
#include "text.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_INDEX_NONE UINT32_MAX /* no such record; also the largest number of records */

#define HASH_CHUNK_SLOTS 7u

struct hash_chunk {
    uint64_t tags; /* of each slot, 0: empty; in the highest byte how many went on, from 255 on for ever */
    uint32_t hashes[HASH_CHUNK_SLOTS];
    uint32_t records[HASH_CHUNK_SLOTS];
};
static_assert(sizeof(struct hash_chunk) == CACHE_LINE_BYTES, "a search loads one line");

#define HASH_CHUNK_EACH_SLOT UINT64_C(0x0080808080808080) /* the highest bit of every tag */
#define HASH_CHUNK_WENT_ON   (UINT64_C(1) << 56)

struct hash_index {
    struct hash_chunk *chunks; /* mask + 1 of them, at least one slot empty; NULL before the first reserve */
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

static inline uint32_t hash_index_chunk(const struct hash_index *index, uint32_t hash)
{
    return (uint32_t)((uint64_t)hash >> index->shift);
}

/* Where a search for `hash` begins. A position is a chunk's number times eight and a slot in it. */
static inline uint32_t hash_index_home(const struct hash_index *index, uint32_t hash)
{
    return hash_index_chunk(index, hash) * 8;
}

/* Starts to load what a search for `hash` will need. */
static inline void hash_index_prefetch(const struct hash_index *index, uint32_t hash)
{
    if (index->chunks != NULL)
        __builtin_prefetch(&index->chunks[hash_index_chunk(index, hash)]);
}

/* The tag of a hash: its low bits, which say nothing of its chunk. */
static inline uint64_t hash_index_tag(uint32_t hash)
{
    return 0x80 | (hash & 0x7f);
}

static inline uint32_t hash_index_slot(uint64_t slots)
{
    return (uint32_t)__builtin_ctzll(slots) / 8;
}

/* The first record with this hash at or behind *position (begin with hash_index_home), HASH_INDEX_NONE if
 * there is none. *position moves behind it. */
static inline uint32_t hash_index_candidate(const struct hash_index *index, uint32_t hash, uint32_t *position)
{
    if (index->chunks == NULL)
        return HASH_INDEX_NONE;
    uint64_t tag = TEXT_EACH_BYTE(hash_index_tag(hash));
    uint64_t slots = HASH_CHUNK_EACH_SLOT << *position % 8 * 8 & HASH_CHUNK_EACH_SLOT;
    uint32_t at = *position / 8;
    for (uint32_t searched = 0; searched <= index->mask; searched++) {
        const struct hash_chunk *chunk = &index->chunks[at];
        for (slots &= text_zero_bytes(chunk->tags ^ tag); slots != 0; slots &= slots - 1) {
            uint32_t slot = hash_index_slot(slots);
            if (chunk->hashes[slot] == hash) {
                *position = at * 8 + slot + 1;
                return chunk->records[slot];
            }
        }
        if (chunk->tags < HASH_CHUNK_WENT_ON)
            break;
        at = (at + 1) & index->mask;
        slots = HASH_CHUNK_EACH_SLOT;
    }
    return HASH_INDEX_NONE;
}

/* Adds a record that is not in; room has been reserved. */
static inline void hash_index_add(struct hash_index *index, uint32_t hash, uint32_t record)
{
    struct hash_chunk *chunk = &index->chunks[hash_index_chunk(index, hash)];
    uint64_t empty;
    while ((empty = ~chunk->tags & HASH_CHUNK_EACH_SLOT) == 0) {
        if (chunk->tags < HASH_CHUNK_WENT_ON * 255)
            chunk->tags += HASH_CHUNK_WENT_ON;
        chunk = chunk == &index->chunks[index->mask] ? index->chunks : chunk + 1;
    }
    uint32_t slot = hash_index_slot(empty);
    chunk->tags |= hash_index_tag(hash) << slot * 8;
    chunk->hashes[slot] = hash;
    chunk->records[slot] = record;
    index->count++;
}

/* Removes the record behind which a search for `hash` has just moved. */
static inline void hash_index_remove_behind(struct hash_index *index, uint32_t hash, uint32_t position)
{
    uint32_t found = (position - 1) / 8, slot = (position - 1) % 8;
    for (uint32_t at = hash_index_chunk(index, hash); at != found; at = (at + 1) & index->mask)
        if (index->chunks[at].tags < HASH_CHUNK_WENT_ON * 255)
            index->chunks[at].tags -= HASH_CHUNK_WENT_ON;
    index->chunks[found].tags &= ~(UINT64_C(0xff) << slot * 8);
    index->count--;
}

/* Removes a record that is in. */
static inline void hash_index_remove(struct hash_index *index, uint32_t hash, uint32_t record)
{
    uint32_t position = hash_index_home(index, hash), candidate;
    do {
        candidate = hash_index_candidate(index, hash, &position);
        assert(candidate != HASH_INDEX_NONE);
    } while (candidate != record);
    hash_index_remove_behind(index, hash, position);
}

#endif
