#include "cloud/api/throttle.h"

#include <stdlib.h>
#include <string.h>

#define ROW_BUCKETS 8
#define ROWS        (THROTTLE_SOURCES_MAX / ROW_BUCKETS)

/* A bucket is kept as the instant at which it will be full again: no arithmetic on turns, no rounding. */
struct bucket {
    uint64_t who; /* 0: unused */
    int64_t full_ms;
};

struct throttle {
    int64_t turn_ms, burst_ms;
    uint64_t seed;
    struct bucket buckets[ROWS][ROW_BUCKETS];
};

struct throttle *throttle_create(unsigned per_minute, unsigned burst, uint64_t seed)
{
    struct throttle *throttle = calloc(1, sizeof *throttle);
    if (throttle == NULL)
        return NULL;
    throttle->turn_ms = 60000 / per_minute;
    throttle->burst_ms = throttle->turn_ms * burst;
    throttle->seed = seed;
    return throttle;
}

void throttle_destroy(struct throttle *throttle)
{
    free(throttle);
}

static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

/* Never 0. */
static uint64_t who_is(const struct throttle *throttle, const struct source_address *address)
{
    struct source_address source = source_of(address);
    uint64_t upper, lower;
    memcpy(&upper, source.bytes, sizeof upper);
    memcpy(&lower, source.bytes + 8, sizeof lower);
    uint64_t who = mix(mix(upper ^ throttle->seed) ^ lower);
    return who != 0 ? who : 1;
}

static struct bucket *find_bucket(struct throttle *throttle, uint64_t who)
{
    struct bucket *row = throttle->buckets[who % ROWS], *oldest = row;
    for (int i = 0; i < ROW_BUCKETS; i++) {
        if (row[i].who == who)
            return &row[i];
        if (row[i].who == 0 || (oldest->who != 0 && row[i].full_ms < oldest->full_ms))
            oldest = &row[i];
    }
    *oldest = (struct bucket){.who = who};
    return oldest;
}

int64_t throttle_take(struct throttle *throttle, const struct source_address *source, int64_t now_ms)
{
    struct bucket *bucket = find_bucket(throttle, who_is(throttle, source));
    int64_t full_ms = (bucket->full_ms > now_ms ? bucket->full_ms : now_ms) + throttle->turn_ms;
    if (full_ms - now_ms > throttle->burst_ms)
        return full_ms - now_ms - throttle->burst_ms;
    bucket->full_ms = full_ms;
    return 0;
}
