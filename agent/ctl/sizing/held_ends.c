#include "held_ends.h"

#include <stdlib.h>

void held_ends_finish(struct held_ends *held)
{
    free(held->ends);
    *held = (struct held_ends){0};
}

static bool is_before(const struct held_end *one, const struct held_end *other)
{
    return one->at_ms != other->at_ms ? one->at_ms < other->at_ms : one->session < other->session;
}

bool held_ends_add(struct held_ends *held, struct held_end end)
{
    if (held->count == held->room) {
        size_t room = held->room == 0 ? 64 : held->room * 2;
        struct held_end *ends = realloc(held->ends, room * sizeof *ends);
        if (ends == NULL)
            return false;
        held->ends = ends;
        held->room = room;
    }
    size_t at = held->count++;
    for (; at > 0 && is_before(&end, &held->ends[(at - 1) / 2]); at = (at - 1) / 2)
        held->ends[at] = held->ends[(at - 1) / 2];
    held->ends[at] = end;
    return true;
}

/* Puts the last one into the place of the first. */
static void sift(struct held_ends *held)
{
    struct held_end last = held->ends[--held->count];
    size_t at = 0, child;
    for (; (child = at * 2 + 1) < held->count; at = child) {
        if (child + 1 < held->count && is_before(&held->ends[child + 1], &held->ends[child]))
            child++;
        if (!is_before(&held->ends[child], &last))
            break;
        held->ends[at] = held->ends[child];
    }
    held->ends[at] = last;
}

bool held_ends_due(struct held_ends *held, int64_t now_ms, struct held_end *ret_end)
{
    if (held->count == 0 || held->ends[0].at_ms > now_ms)
        return false;
    *ret_end = held->ends[0];
    sift(held);
    return true;
}
