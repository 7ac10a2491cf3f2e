/* order.c against a plain sort. Streams of events up to an hour late, put in pieces as a merge reads them:
 * what comes out is what a stable sort by time, stream and place gives, no more than about an hour of each is
 * held, and it does not depend on how they were cut. And any events at all, of strict and other streams: what
 * comes out is in order, and as much as was put in.
 *
 *     order_property [--seed N] [--sets N] */
#include "agent/ctl/sizing/order.h"
#include "agent/ctl/sizing/repair.h"
#include "chance.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS_MAX 8
#define EVENTS_MAX  400
#define SETS        300

struct given {
    int64_t at_ms;
    uint32_t stream, number;
};

struct world {
    uint64_t chance;
    uint32_t stream_count;
    struct given events[STREAMS_MAX][EVENTS_MAX]; /* as each log has them */
    uint32_t event_count[STREAMS_MAX], put[STREAMS_MAX];
    struct order *order;
    struct order_stream *streams[STREAMS_MAX];
    struct given out[STREAMS_MAX * EVENTS_MAX];
    size_t out_count;
    struct repairs repairs;
};

/* ---- worlds -------------------------------------------------------------------------------------------- */

static void make_late(struct world *world, uint32_t stream)
{
    int64_t latest_ms = chance_below(&world->chance, 4 * 3600000);
    uint32_t count = chance_below(&world->chance, EVENTS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        unsigned back = chance_below(&world->chance, 4);
        int64_t at_ms = latest_ms;
        if (back == 0)
            at_ms -= chance_below(&world->chance, (unsigned)ORDER_LATE_MS + 1);
        else if (back == 1)
            at_ms += chance_below(&world->chance, 1800000);
        if (at_ms < 0)
            at_ms = 0;
        world->events[stream][i] = (struct given){at_ms, stream, i};
        if (at_ms > latest_ms)
            latest_ms = at_ms;
    }
    world->event_count[stream] = count;
}

static void make_wild(struct world *world, uint32_t stream)
{
    static const int64_t spans_ms[] = {1000, 3600000, 86400000, INT64_C(31536000000), SIZING_TIME_MS_MAX};
    uint32_t count = chance_below(&world->chance, EVENTS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        int64_t span_ms = spans_ms[chance_below(&world->chance, sizeof spans_ms / sizeof *spans_ms)];
        world->events[stream][i] =
            (struct given){(int64_t)(chance_next(&world->chance) % (uint64_t)(span_ms + 1)), stream, i};
    }
    world->event_count[stream] = count;
}

/* ---- a run of the order -------------------------------------------------------------------------------- */

static int take(void *data, const struct sizing_event *event)
{
    struct world *world = data;
    struct given *given = &world->out[world->out_count++];
    given->at_ms = event->at_ms;
    int read = sscanf(event->session, "%" SCNu32 "/%" SCNu32, &given->stream, &given->number);
    assert(read == 2 && strcmp(event->host, "host") == 0);
    assert(event->type != SIZING_CONNECT || strcmp(event->user, "user") == 0);
    (void)read;
    return 0;
}

static bool put_next(struct world *world, uint32_t stream)
{
    const struct given *given = &world->events[stream][world->put[stream]++];
    char session[32];
    struct log_place place = {"log", given->number, true};
    snprintf(session, sizeof session, "%" PRIu32 "/%" PRIu32, given->stream, given->number);
    struct sizing_event event = {
        .at_ms = given->at_ms,
        .type = given->number % 2 == 0 ? SIZING_CONNECT : SIZING_LOGOFF,
        .host = "host",
        .session = session,
        .user = given->number % 2 == 0 ? "user" : NULL,
    };
    return order_put(world->streams[stream], &event, &place) == 0;
}

/* Reads on what holds the others back, a piece of random length, as the merge of files does. */
static bool run(struct world *world, bool strict, bool all)
{
    struct order_settings settings = {all, take, world, &world->repairs};
    uint32_t index[STREAMS_MAX];
    void *wanting;
    int64_t bound_ms;
    bool good = true;
    world->order = order_create(&settings);
    world->out_count = 0;
    memset(world->put, 0, sizeof world->put);
    for (uint32_t i = 0; i < world->stream_count; i++) {
        index[i] = i;
        world->streams[i] = order_add(world->order, i, strict, ORDER_UNKNOWN_MS, &index[i]);
    }
    while (good && order_wanting(world->order, &wanting, &bound_ms)) {
        uint32_t stream = *(uint32_t *)wanting;
        unsigned piece = 1 + chance_below(&world->chance, 20);
        for (; good && piece > 0 && world->put[stream] < world->event_count[stream]; piece--)
            good = put_next(world, stream);
        if (good && piece > 0)
            good = order_end(world->streams[stream]) == 0;
        if (good)
            good = order_flush(world->order, ORDER_NO_LIMIT_MS) == 0;
    }
    order_destroy(world->order);
    return good;
}

/* ---- what must hold ------------------------------------------------------------------------------------ */

static int by_time(const void *one, const void *other)
{
    const struct given *a = one, *b = other;
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    if (a->stream != b->stream)
        return a->stream < b->stream ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static size_t sort_all(const struct world *world, struct given *ret_sorted)
{
    size_t count = 0;
    for (uint32_t i = 0; i < world->stream_count; i++)
        for (uint32_t k = 0; k < world->event_count[i]; k++)
            ret_sorted[count++] = world->events[i][k];
    qsort(ret_sorted, count, sizeof *ret_sorted, by_time);
    return count;
}

static bool is_sorted_right(const struct world *world)
{
    static struct given sorted[STREAMS_MAX * EVENTS_MAX];
    size_t count = sort_all(world, sorted);
    return count == world->out_count && memcmp(sorted, world->out, count * sizeof *sorted) == 0;
}

/* In order, and each once; those of a stream that were repaired to one instant stay as they came. */
static bool is_whole_and_in_order(const struct world *world)
{
    size_t count = 0;
    uint64_t sum = 0, expected_sum = 0;
    for (uint32_t i = 0; i < world->stream_count; i++) {
        count += world->event_count[i];
        for (uint32_t k = 0; k < world->event_count[i]; k++)
            expected_sum += i * UINT64_C(1000003) + k;
    }
    for (size_t i = 0; i < world->out_count; i++) {
        sum += world->out[i].stream * UINT64_C(1000003) + world->out[i].number;
        if (i > 0 && by_time(&world->out[i - 1], &world->out[i]) >= 0)
            return false;
    }
    return count == world->out_count && sum == expected_sum;
}

static bool check(uint64_t seed)
{
    static struct world world;
    memset(&world, 0, sizeof world);
    world.chance = seed;
    world.stream_count = 1 + chance_below(&world.chance, STREAMS_MAX);
    for (uint32_t i = 0; i < world.stream_count; i++)
        make_late(&world, i);
    bool strict = chance_below(&world.chance, 2) == 0;
    if (!run(&world, strict, false) || !is_sorted_right(&world)) {
        printf("# --seed %" PRIu64 " --sets 1: late events of %s streams\n", seed,
               strict ? "strict" : "other");
        return false;
    }
    for (uint32_t i = 0; i < world.stream_count; i++)
        make_wild(&world, i);
    if (!run(&world, strict, true) || !is_sorted_right(&world)) {
        printf("# --seed %" PRIu64 " --sets 1: wild events, all sorted\n", seed);
        return false;
    }
    if (!run(&world, false, false) || !is_whole_and_in_order(&world)) {
        printf("# --seed %" PRIu64 " --sets 1: wild events, repaired\n", seed);
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    uint64_t seed = CHANCE_SEED_DEFAULT, sets = SETS, done = 0;
    bool good = true;
    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--sets") == 0)
            sets = strtoull(argv[++i], NULL, 10);
        else
            return fprintf(stderr, "usage: %s [--seed N] [--sets N]\n", argv[0]), 64;
    }
    printf("TAP version 13\n1..1\n# seed %" PRIu64 "\n", seed);
    for (uint64_t chance = seed; good && done < sets; done++)
        good = check(done == 0 ? seed : chance_next(&chance));
    printf("%sok 1 - %" PRIu64 " sets of streams come out as sorted\n", good ? "" : "not ", done);
    return !good;
}
