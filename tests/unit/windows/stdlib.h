/* See unistd.h: chance that is said anew by its seed. */
#ifndef TEST_WINDOWS_STDLIB_H
#define TEST_WINDOWS_STDLIB_H

#include_next <stdlib.h>

static inline int rand_r(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return (int)(*seed >> 1 & RAND_MAX);
}

#endif
