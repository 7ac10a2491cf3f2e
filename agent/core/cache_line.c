#include "cache_line.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static_assert(_Alignof(max_align_t) >= sizeof(char *), "there is room in front of the first line");

/* aligned_alloc is not everywhere: what malloc gave is kept in front of the lines. */
void *cache_lines_create(size_t bytes)
{
    char *start = malloc(bytes + CACHE_LINE_BYTES);
    if (start == NULL)
        return NULL;
    char *lines = start + (CACHE_LINE_BYTES - (uintptr_t)start % CACHE_LINE_BYTES);
    memcpy(lines - sizeof start, &start, sizeof start);
    return lines;
}

void cache_lines_destroy(void *lines)
{
    char *start;
    if (lines == NULL)
        return;
    memcpy(&start, (char *)lines - sizeof start, sizeof start);
    free(start);
}
