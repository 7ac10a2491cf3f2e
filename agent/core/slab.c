#include "slab.h"

#include "cache_line.h"

#include <stdlib.h>

#define SLABS_MIN 16u

void slab_init(struct slab *slab, uint32_t record_bytes)
{
    *slab = (struct slab){.record_bytes = record_bytes, .free = SLAB_NONE};
}

void slab_finish(struct slab *slab)
{
    for (uint32_t i = 0; i < slab->slab_count; i++)
        cache_lines_destroy(slab->slabs[i]);
    free(slab->slabs);
    slab_init(slab, slab->record_bytes);
}

static bool grow_directory(struct slab *slab)
{
    uint32_t room = slab->slab_room == 0 ? SLABS_MIN : slab->slab_room * 2;
    char **slabs = realloc(slab->slabs, room * sizeof *slabs);
    if (slabs == NULL)
        return false;
    slab->slabs = slabs;
    slab->slab_room = room;
    return true;
}

bool slab_grow(struct slab *slab)
{
    if (slab->slab_count == (SLAB_NONE >> SLAB_RECORDS_BITS))
        return false;
    if (slab->slab_count == slab->slab_room && !grow_directory(slab))
        return false;
    char *records = cache_lines_create((size_t)SLAB_RECORDS * slab->record_bytes);
    if (records == NULL)
        return false;
    slab->slabs[slab->slab_count++] = records;
    return true;
}

size_t slab_bytes(const struct slab *slab)
{
    return slab->slab_count * ((size_t)SLAB_RECORDS * slab->record_bytes + CACHE_LINE_BYTES) +
           slab->slab_room * sizeof *slab->slabs;
}
