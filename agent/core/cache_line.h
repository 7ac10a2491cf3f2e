/* cache_line.h - memory that begins at a cache line, so that what is 64 bytes long is one line. */
#ifndef FARMGATE_CORE_CACHE_LINE_H
#define FARMGATE_CORE_CACHE_LINE_H

#include <stddef.h>

#define CACHE_LINE_BYTES 64u

/* Undefined content, a line more than asked for; NULL without memory. */
void *cache_lines_create(size_t bytes);
void cache_lines_destroy(void *lines);

#endif
