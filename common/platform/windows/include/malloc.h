/* The heap, with what GNU tells of a block. */
#ifndef PLATFORM_MALLOC_H
#define PLATFORM_MALLOC_H

#include_next <malloc.h>

static inline size_t malloc_usable_size(void *block)
{
    return block ? _msize(block) : 0;
}

#endif
