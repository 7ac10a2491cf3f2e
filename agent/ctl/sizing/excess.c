#include "excess.h"

#include "agent/core/usage.h"
#include "common/room.h"

#include <stdlib.h>

void excess_finish(struct excess *excess)
{
    free(excess->levels);
    free(excess->since_ms);
    *excess = (struct excess){0};
}

static bool reserve(struct excess *excess, uint32_t users)
{
    void *levels = excess->levels, *since_ms = excess->since_ms;
    bool reserved = room_reserve(&levels, &excess->level_room, (size_t)users + 1, sizeof *excess->levels) &&
                    room_reserve(&since_ms, &excess->since_room, (size_t)users + 1, sizeof *excess->since_ms);
    excess->levels = levels;
    excess->since_ms = since_ms;
    return reserved;
}

bool excess_start(struct excess *excess, int64_t now_ms)
{
    excess->now_ms = now_ms;
    return reserve(excess, 0);
}

void excess_advance(struct excess *excess, int64_t now_ms)
{
    excess->levels[excess->users].held_ms += now_ms - excess->now_ms;
    excess->now_ms = now_ms;
}

static void begin(struct excess *excess, uint32_t limit)
{
    struct sizing_level *level = &excess->levels[limit];
    if (level->excesses++ == 0)
        level->first_above_ms = excess->now_ms;
    excess->since_ms[limit] = excess->now_ms;
}

static void end(struct excess *excess, uint32_t limit)
{
    struct sizing_level *level = &excess->levels[limit];
    int64_t lasted_ms = excess->now_ms - excess->since_ms[limit];
    level->last_above_until_ms = excess->now_ms;
    if (lasted_ms > level->longest_above_ms)
        level->longest_above_ms = lasted_ms;
    /* One that ends at the very instant has not settled: session events come before timers (RULES §3.5). */
    if (lasted_ms > USAGE_SETTLE_MS && level->settled_excesses++ == 0)
        level->first_settled_at_ms = excess->since_ms[limit];
}

bool excess_observe(struct excess *excess, uint32_t users)
{
    if (users > excess->top) {
        if (!reserve(excess, users))
            return false;
        excess->top = users;
    }
    while (excess->users < users)
        begin(excess, excess->users++);
    while (excess->users > users)
        end(excess, --excess->users);
    return true;
}

void excess_close(struct excess *excess)
{
    (void)excess_observe(excess, 0);
}
