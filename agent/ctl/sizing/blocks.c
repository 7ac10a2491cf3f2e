#include "blocks.h"

#include <stdlib.h>
#include <string.h>

bool blocks_init(struct blocks *blocks, size_t bytes_max)
{
    *blocks = (struct blocks){.begun = malloc(bytes_max)};
    return blocks->begun != NULL;
}

void blocks_finish(struct blocks *blocks)
{
    free(blocks->begun);
    blocks->begun = NULL;
}

static void take(const char **bytes, size_t *count, size_t taken)
{
    *bytes += taken;
    *count -= taken;
}

const char *blocks_next(struct blocks *blocks, size_t block_bytes, const char **bytes, size_t *count)
{
    const char *block = *bytes;
    if (blocks->begun_bytes == 0 && *count >= block_bytes) {
        take(bytes, count, block_bytes);
        return block;
    }
    size_t lacking = block_bytes - blocks->begun_bytes, taken = *count < lacking ? *count : lacking;
    memcpy(blocks->begun + blocks->begun_bytes, block, taken);
    blocks->begun_bytes += taken;
    take(bytes, count, taken);
    if (taken < lacking)
        return NULL;
    blocks->begun_bytes = 0;
    return blocks->begun;
}
