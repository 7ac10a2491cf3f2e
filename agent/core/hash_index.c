#include "hash_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN_BITS 4u
#define SLOTS_MAX_BITS 31u

/* Full beyond 13/16: linear probing still ends within two cache lines on average. */
static uint32_t room(uint32_t slots)
{
    return (uint32_t)((uint64_t)slots * 13 / 16);
}

static void place(struct hash_slot *slots, uint32_t mask, uint32_t home, struct hash_slot slot)
{
    uint32_t at = home;
    while (slots[at].record != HASH_INDEX_NONE)
        at = (at + 1) & mask;
    slots[at] = slot;
}

static bool grow(struct hash_index *index)
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
            place(slots, count - 1, slot.hash >> shift, slot);
    }
    free(index->slots);
    index->slots = slots;
    index->mask = count - 1;
    index->shift = shift;
    return true;
}

bool hash_index_reserve(struct hash_index *index)
{
    if (index->slots != NULL && index->count < room(index->mask + 1))
        return true;
    return grow(index);
}

void hash_index_add(struct hash_index *index, uint32_t hash, uint32_t record)
{
    assert(index->count < index->mask);
    place(index->slots, index->mask, hash_index_home(index, hash), (struct hash_slot){hash, record});
    index->count++;
}

/* Moves later slots of the run into the hole wherever that brings them nearer to their home. */
static void close_up(struct hash_index *index, uint32_t hole)
{
    struct hash_slot *slots = index->slots;
    uint32_t mask = index->mask;
    for (uint32_t at = (hole + 1) & mask; slots[at].record != HASH_INDEX_NONE; at = (at + 1) & mask) {
        uint32_t distance = (at - hash_index_home(index, slots[at].hash)) & mask;
        if (distance >= ((at - hole) & mask)) {
            slots[hole] = slots[at];
            hole = at;
        }
    }
    slots[hole].record = HASH_INDEX_NONE;
}

void hash_index_remove(struct hash_index *index, uint32_t hash, uint32_t record)
{
    uint32_t at = hash_index_home(index, hash);
    while (index->slots[at].record != record) {
        assert(index->slots[at].record != HASH_INDEX_NONE);
        at = (at + 1) & index->mask;
    }
    close_up(index, at);
    index->count--;
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
