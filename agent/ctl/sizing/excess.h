/* excess.h - how long exactly how many users were on, and when every limit was exceeded.
 *
 * A change of the level by n costs O(n); the passing of time O(1). */
#ifndef FARMGATE_CTL_SIZING_EXCESS_H
#define FARMGATE_CTL_SIZING_EXCESS_H

#include "sizing.h"

#include <stdbool.h>

/* All zero: nobody on, at the instant 0. */
struct excess {
    struct sizing_level *levels; /* [0..top] at least */
    int64_t *since_ms;           /* [0..users): when the running excess of that limit began */
    size_t level_room, since_room;
    uint32_t users, top;
    int64_t now_ms;
};

void excess_finish(struct excess *excess);

/* Begins at now_ms, with nobody on. False without memory. */
bool excess_start(struct excess *excess, int64_t now_ms);
/* Time passes. */
void excess_advance(struct excess *excess, int64_t now_ms);
/* From now on `users` are on. False without memory. */
bool excess_observe(struct excess *excess, uint32_t users);
/* The excesses that still run end. */
void excess_close(struct excess *excess);

#endif
