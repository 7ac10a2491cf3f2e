#include "hash_index.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN_BITS 4u
#define SLOTS_MAX_BITS 31u

/* Full beyond 13/16: linear probing still ends within two cache lines on average. */
static uint32_t room(uint32_t slots)
{
    return (uint32_t)((uint64_t)slots * 13 / 16);
}

bool hash_index_grow(struct hash_index *index)
{
    uint32_t bits = index->slots == NULL ? SLOTS_MIN_BITS : 32u - index->shift + 1u;
    if (bits > SLOTS_MAX_BITS)
        return false;
    uint32_t count = UINT32_C(1) << bits, shift = 32u - bits;
    struct hash_slot *slots = malloc(count * sizeof *slots);
    if (slots == NULL)
        return false;
    memset(slots, 0xff, count * sizeof *slots);
    for (uint32_t at = 0; index->slots != NULL && at <= index->mask; at++) {
        struct hash_slot slot = index->slots[at];
        if (slot.record != HASH_INDEX_NONE)
            hash_index_place(slots, count - 1, slot.hash >> shift, slot);
    }
    free(index->slots);
    index->slots = slots;
    index->mask = count - 1;
    index->shift = shift;
    index->count_max = room(count);
    return true;
}

void hash_index_finish(struct hash_index *index)
{
    free(index->slots);
    *index = (struct hash_index){0};
}

size_t hash_index_bytes(const struct hash_index *index)
{
    return index->slots == NULL ? 0 : ((size_t)index->mask + 1) * sizeof *index->slots;
}
