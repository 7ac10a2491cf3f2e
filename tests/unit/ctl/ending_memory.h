/* ending_memory.h - memory that ends after a number of allocations, for programs that are linked with
 * malloc, calloc, realloc, strdup and strndup wrapped (-Wl,--wrap=…). */
#ifndef FARMGATE_TESTS_ENDING_MEMORY_H
#define FARMGATE_TESTS_ENDING_MEMORY_H

#define MEMORY_FOREVER 1000000000

/* How many allocations succeed from now on. */
void memory_ends_after(int allocations);

#endif
