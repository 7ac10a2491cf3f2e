/* blocks.h - what readers of records share: bytes cut anywhere in, whole blocks out. */
#ifndef FARMGATE_CTL_BLOCKS_H
#define FARMGATE_CTL_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>

struct blocks {
    char *begun; /* what earlier pieces hold of a block: at the end of a file, what is left of it */
    size_t begun_bytes;
};

/* Of up to bytes_max each. False without memory. */
bool blocks_init(struct blocks *blocks, size_t bytes_max);
void blocks_finish(struct blocks *blocks);

/* The next `block_bytes` bytes, which advances *bytes and *count; they live until the next call and as long
 * as the piece does. NULL: there are not so many, and the rest of the piece is kept. */
const char *blocks_next(struct blocks *blocks, size_t block_bytes, const char **bytes, size_t *count);

#endif
