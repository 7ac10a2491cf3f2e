#include "countdown.h"

#include "peak.h" /* DAY_MS */

static int64_t instant_of(unsigned days, int64_t end_ms)
{
    return end_ms - (int64_t)days * DAY_MS;
}

unsigned countdown_passed(const unsigned *days, int64_t end_ms, int64_t now_ms)
{
    unsigned passed = 0;
    for (; *days != 0 && now_ms >= instant_of(*days, end_ms); days++)
        passed = *days;
    return passed;
}

int64_t countdown_next_ms(const unsigned *days, int64_t end_ms, int64_t now_ms)
{
    while (*days != 0 && now_ms >= instant_of(*days, end_ms))
        days++;
    return *days != 0 ? instant_of(*days, end_ms) : INT64_MAX;
}
