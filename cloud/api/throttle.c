#include "cloud/api/throttle.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define ROW_BUCKETS 8

/* A bucket is kept as the instant at which it will be full again: no arithmetic on turns, no rounding. */
struct bucket {
    uint64_t who; /* 0: unused */
    int64_t full_ms;
};

struct throttle {
    int64_t turn_ms, burst_ms;
    uint64_t seed;
    size_t rows;
    struct bucket buckets[];
};

struct throttle_key throttle_key_of_source(const struct source_address *source)
{
    struct throttle_key key;
    struct source_address whole = source_of(source);
    memcpy(key.bytes, whole.bytes, sizeof key.bytes);
    return key;
}

struct throttle_key throttle_key_of_token(const char *token)
{
    struct throttle_key key;
    (void)crypto_generichash(key.bytes, sizeof key.bytes, (const unsigned char *)token, strlen(token), NULL,
                             0);
    return key;
}

struct throttle *throttle_create(unsigned per_minute, unsigned burst, size_t keys_max, uint64_t seed)
{
    struct throttle *throttle = calloc(1, sizeof *throttle + keys_max * sizeof throttle->buckets[0]);
    if (throttle == NULL)
        return NULL;
    throttle->turn_ms = 60000 / per_minute;
    throttle->burst_ms = throttle->turn_ms * burst;
    throttle->seed = seed;
    throttle->rows = keys_max / ROW_BUCKETS;
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
static uint64_t who_is(const struct throttle *throttle, const struct throttle_key *key)
{
    uint64_t upper, lower;
    memcpy(&upper, key->bytes, sizeof upper);
    memcpy(&lower, key->bytes + 8, sizeof lower);
    uint64_t who = mix(mix(upper ^ throttle->seed) ^ lower);
    return who != 0 ? who : 1;
}

static size_t row_of(const struct throttle *throttle, uint64_t who)
{
    return who % throttle->rows * ROW_BUCKETS;
}

static const struct bucket *look_up(const struct throttle *throttle, const struct throttle_key *key)
{
    uint64_t who = who_is(throttle, key);
    const struct bucket *row = &throttle->buckets[row_of(throttle, who)];
    for (int i = 0; i < ROW_BUCKETS; i++)
        if (row[i].who == who)
            return &row[i];
    return NULL;
}

/* The key's bucket, which the least recent of its row makes room for. */
static struct bucket *find_bucket(struct throttle *throttle, uint64_t who)
{
    struct bucket *row = &throttle->buckets[row_of(throttle, who)], *oldest = row;
    for (int i = 0; i < ROW_BUCKETS; i++) {
        if (row[i].who == who)
            return &row[i];
        if (row[i].who == 0 || (oldest->who != 0 && row[i].full_ms < oldest->full_ms))
            oldest = &row[i];
    }
    *oldest = (struct bucket){.who = who};
    return oldest;
}

static int64_t full_after(const struct throttle *throttle, int64_t full_ms, int64_t now_ms)
{
    return (full_ms > now_ms ? full_ms : now_ms) + throttle->turn_ms;
}

int64_t throttle_take(struct throttle *throttle, const struct throttle_key *key, int64_t now_ms)
{
    struct bucket *bucket = find_bucket(throttle, who_is(throttle, key));
    int64_t full_ms = full_after(throttle, bucket->full_ms, now_ms);
    if (full_ms - now_ms > throttle->burst_ms)
        return full_ms - now_ms - throttle->burst_ms;
    bucket->full_ms = full_ms;
    return 0;
}

int64_t throttle_wait(const struct throttle *throttle, const struct throttle_key *key, int64_t now_ms)
{
    const struct bucket *bucket = look_up(throttle, key);
    int64_t full_ms = full_after(throttle, bucket != NULL ? bucket->full_ms : 0, now_ms);
    return full_ms - now_ms > throttle->burst_ms ? full_ms - now_ms - throttle->burst_ms : 0;
}

bool throttle_remembers(const struct throttle *throttle, const struct throttle_key *key)
{
    return look_up(throttle, key) != NULL;
}
