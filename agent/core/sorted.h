/* sorted.h - where a name stands in an array that is sorted by names, as bytes. */
#ifndef FARMGATE_CORE_SORTED_H
#define FARMGATE_CORE_SORTED_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The name of an element. */
typedef const char *sorted_name_fn(const void *array, size_t place);

/* The place of `name` among `count` elements, or where it belongs. */
static inline size_t sorted_place(const void *array, size_t count, sorted_name_fn *name_at, const char *name,
                                  bool *ret_found)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(name_at(array, middle), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = low < count && strcmp(name_at(array, low), name) == 0;
    return low;
}

#endif
