#include "uv_reserve.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* uv_replace_allocator hands no data to its functions, so the reserve is the one thing here that belongs to
 * the process. libuv allocates on the loop's thread and, rarely, on pool threads: a mutex would need memory
 * of its own, so blocks are taken with an atomic flag each. */
static struct {
    _Alignas(max_align_t) unsigned char bytes[UV_RESERVE_BLOCKS][UV_RESERVE_BLOCK_BYTES];
    atomic_bool taken[UV_RESERVE_BLOCKS];
} reserve;

static bool is_reserved(const void *pointer)
{
    uintptr_t at = (uintptr_t)pointer;
    uintptr_t start = (uintptr_t)reserve.bytes;
    return at >= start && at < start + sizeof(reserve.bytes);
}

static void *take(size_t bytes)
{
    if (bytes > UV_RESERVE_BLOCK_BYTES)
        return NULL;
    for (size_t i = 0; i < UV_RESERVE_BLOCKS; i++) {
        bool free_before = false;
        if (atomic_compare_exchange_strong(&reserve.taken[i], &free_before, true))
            return memset(reserve.bytes[i], 0, UV_RESERVE_BLOCK_BYTES);
    }
    return NULL;
}

static void *reserve_malloc(size_t bytes)
{
    void *pointer = malloc(bytes);
    return pointer ? pointer : take(bytes);
}

static void *reserve_calloc(size_t count, size_t bytes)
{
    void *pointer = calloc(count, bytes);
    if (pointer || (bytes && count > UV_RESERVE_BLOCK_BYTES / bytes))
        return pointer;
    return take(count * bytes);
}

static void reserve_free(void *pointer)
{
    if (!is_reserved(pointer)) {
        free(pointer);
        return;
    }
    size_t block = ((uintptr_t)pointer - (uintptr_t)reserve.bytes) / UV_RESERVE_BLOCK_BYTES;
    atomic_store(&reserve.taken[block], false);
}

static void *reserve_realloc(void *pointer, size_t bytes)
{
    if (!is_reserved(pointer)) {
        void *grown = realloc(pointer, bytes);
        if (grown || bytes == 0)
            return grown;
        void *block = take(bytes);
        size_t held = pointer ? malloc_usable_size(pointer) : 0;
        if (block && pointer)
            memcpy(block, pointer, held < bytes ? held : bytes);
        if (block)
            free(pointer);
        return block;
    }
    if (bytes <= UV_RESERVE_BLOCK_BYTES)
        return pointer;
    void *grown = malloc(bytes);
    if (grown) {
        memcpy(grown, pointer, UV_RESERVE_BLOCK_BYTES);
        reserve_free(pointer);
    }
    return grown;
}

int uv_reserve_install(void)
{
    return uv_replace_allocator(reserve_malloc, reserve_realloc, reserve_calloc, reserve_free);
}
