#include "heap.h"

#include <stdlib.h>

#define ROOM_FIRST 64

void heap_finish(struct heap *heap)
{
    for (size_t i = 0; i < heap->count; i++)
        free(heap->moments[i].message);
    free(heap->moments);
    *heap = (struct heap){0};
}

static bool is_before(const struct moment *a, const struct moment *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->number < b->number;
}

void heap_push(struct heap *heap, struct moment moment)
{
    if (heap->count == heap->room) {
        heap->room = heap->room == 0 ? ROOM_FIRST : heap->room * 2;
        heap->moments = realloc(heap->moments, heap->room * sizeof(*heap->moments));
        if (heap->moments == NULL)
            abort();
    }
    moment.number = heap->pushed++;
    size_t at = heap->count++;
    while (at > 0 && is_before(&moment, &heap->moments[(at - 1) / 2])) {
        heap->moments[at] = heap->moments[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->moments[at] = moment;
}

const struct moment *heap_first(const struct heap *heap)
{
    return heap->count > 0 ? &heap->moments[0] : NULL;
}

struct moment heap_pop(struct heap *heap)
{
    struct moment first = heap->moments[0];
    struct moment last = heap->moments[--heap->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && is_before(&heap->moments[child + 1], &heap->moments[child]))
            child++;
        if (!is_before(&heap->moments[child], &last))
            break;
        heap->moments[at] = heap->moments[child];
        at = child;
    }
    if (heap->count > 0)
        heap->moments[at] = last;
    return first;
}
