/* slab.h - records of one size, known by number, that never move: slabs of SLAB_RECORDS, freed ones are used
 * again first. */
#ifndef FARMGATE_CORE_SLAB_H
#define FARMGATE_CORE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SLAB_RECORDS_BITS 10u
#define SLAB_RECORDS      (1u << SLAB_RECORDS_BITS)
#define SLAB_NONE         UINT32_MAX

struct slab {
    char **slabs;
    uint32_t slab_count, slab_room;
    uint32_t record_bytes; /* at least 4 */
    uint32_t used;         /* numbers below were taken at least once */
    uint32_t free;         /* the last freed record, SLAB_NONE: none; its first four bytes name the next */
};

void slab_init(struct slab *slab, uint32_t record_bytes);
void slab_finish(struct slab *slab);
bool slab_grow(struct slab *slab);
size_t slab_bytes(const struct slab *slab);

static inline void *slab_at(const struct slab *slab, uint32_t number, uint32_t record_bytes)
{
    return slab->slabs[number >> SLAB_RECORDS_BITS] + (size_t)(number & (SLAB_RECORDS - 1)) * record_bytes;
}

/* Makes sure that the next slab_take succeeds; false without memory. */
static inline bool slab_reserve(struct slab *slab)
{
    return slab->free != SLAB_NONE || slab->used < slab->slab_count * SLAB_RECORDS || slab_grow(slab);
}

/* The number of a record with undefined content. */
static inline uint32_t slab_take(struct slab *slab)
{
    if (slab->free == SLAB_NONE)
        return slab->used++;
    uint32_t number = slab->free;
    memcpy(&slab->free, slab_at(slab, number, slab->record_bytes), sizeof slab->free);
    return number;
}

static inline void slab_give(struct slab *slab, uint32_t number)
{
    memcpy(slab_at(slab, number, slab->record_bytes), &slab->free, sizeof slab->free);
    slab->free = number;
}

#endif
