#include "hash_index.h"

#include <string.h>

#define CHUNKS_MIN_BITS 1u
#define CHUNKS_MAX_BITS 28u /* positions are of 32 bits */

/* Full beyond 29/32: one search in two still ends in its first chunk, the others soon. */
static uint32_t room(uint32_t chunks)
{
    return (uint32_t)((uint64_t)chunks * HASH_CHUNK_SLOTS * 29 / 32);
}

static void copy_chunk(struct hash_index *to, const struct hash_chunk *chunk)
{
    for (uint64_t used = chunk->tags & HASH_CHUNK_EACH_SLOT; used != 0; used &= used - 1) {
        uint32_t slot = hash_index_slot(used);
        hash_index_add(to, chunk->hashes[slot], chunk->records[slot]);
    }
}

bool hash_index_grow(struct hash_index *index)
{
    uint32_t bits = index->chunks == NULL ? CHUNKS_MIN_BITS : 32u - index->shift + 1u;
    if (bits > CHUNKS_MAX_BITS)
        return false;
    uint32_t count = UINT32_C(1) << bits;
    struct hash_chunk *chunks = cache_lines_create(count * sizeof *chunks);
    if (chunks == NULL)
        return false;
    memset(chunks, 0, count * sizeof *chunks);
    struct hash_index grown = {
        .chunks = chunks, .mask = count - 1, .shift = 32u - bits, .count_max = room(count)};
    for (uint32_t at = 0; index->chunks != NULL && at <= index->mask; at++)
        copy_chunk(&grown, &index->chunks[at]);
    cache_lines_destroy(index->chunks);
    *index = grown;
    return true;
}

void hash_index_finish(struct hash_index *index)
{
    cache_lines_destroy(index->chunks);
    *index = (struct hash_index){0};
}

size_t hash_index_bytes(const struct hash_index *index)
{
    return index->chunks == NULL ? 0 : ((size_t)index->mask + 1) * sizeof *index->chunks + CACHE_LINE_BYTES;
}
