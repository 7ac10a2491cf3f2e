/* chance.h - random choices that a seed replays (SplitMix64: any seed is a good one). */
#ifndef FARMGATE_TESTS_CHANCE_H
#define FARMGATE_TESTS_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

/* Without --seed a test draws the same every time: whether a change is good does not depend on the day. The
 * long forms draw anew (tests/run). */
#define CHANCE_SEED_DEFAULT UINT64_C(20260101)

static inline uint64_t chance_next(uint64_t *chance)
{
    uint64_t z = *chance += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline unsigned chance_below(uint64_t *chance, unsigned bound)
{
    return (unsigned)(chance_next(chance) >> 32) % bound;
}

static inline bool chance_percent(uint64_t *chance, unsigned percent)
{
    return chance_below(chance, 100) < percent;
}

#endif
