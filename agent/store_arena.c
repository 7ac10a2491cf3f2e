#include "store_private.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 4096

struct store_chunk {
    struct store_chunk *next;
    size_t used, room;
    alignas(max_align_t) char bytes[];
};

void *store_arena_take(struct store_arena *arena, size_t bytes)
{
    size_t wanted = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct store_chunk *chunk = arena->chunks;
    if (!chunk || chunk->room - chunk->used < wanted) {
        size_t room = wanted > CHUNK_BYTES ? wanted : CHUNK_BYTES;
        chunk = malloc(sizeof(*chunk) + room);
        if (!chunk)
            return NULL;
        *chunk = (struct store_chunk){.next = arena->chunks, .room = room};
        arena->chunks = chunk;
    }
    void *taken = chunk->bytes + chunk->used;
    chunk->used += wanted;
    return taken;
}

char *store_arena_text(struct store_arena *arena, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = store_arena_take(arena, bytes);
    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}

void store_arena_free(struct store_arena *arena)
{
    struct store_chunk *chunk = arena->chunks;
    while (chunk) {
        struct store_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    arena->chunks = NULL;
}
