#include "reporter.h"

#include "core_error.h"
#include "grant.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 64 /* windows; had at creation, so that a window always finds a place */
/* More than the longest queue, so that a full one is moved to the front now and then only. */
#define ROOM_LAST (REPORTER_QUEUE_MAX + REPORTER_QUEUE_MAX / 4)

struct reporter {
    char farm_id[GRANT_ID_BYTES_MAX + 1]; /* "" before the first start; kept while stopped */
    bool running, by_files;
    int64_t phase_ms, due_ms;
    int64_t last_tick_ms; /* the phase at or after which the last report went out; 0: none yet */
    uint64_t random;
    unsigned failures;

    uint64_t next_sequence;
    struct window *windows; /* windows[first .. first + count) are unsent */
    size_t first, count, room;

    bool in_flight;
    bool flight_stale;   /* of another farm, or from before a stop: its answer says nothing about the queue */
    bool flight_full;    /* it carried as many windows as fit */
    size_t flight_count; /* the oldest so many windows are on their way and not yet acknowledged */
};

/* splitmix64 (public domain, S. Vigna): good enough for jitter, one word of state. */
static uint64_t next_random(struct reporter *reporter)
{
    uint64_t z = reporter->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* 0 … most, evenly enough. */
static int64_t random_up_to(struct reporter *reporter, int64_t most)
{
    return (int64_t)(next_random(reporter) % ((uint64_t)most + 1));
}

struct reporter *reporter_create(uint64_t seed)
{
    struct reporter *reporter = malloc(sizeof(*reporter));
    struct window *windows = malloc(ROOM_FIRST * sizeof(*windows));
    if (reporter == NULL || windows == NULL) {
        free(reporter);
        free(windows);
        return NULL;
    }
    *reporter = (struct reporter){
        .due_ms = INT64_MAX, .random = seed, .next_sequence = 1, .windows = windows, .room = ROOM_FIRST};
    return reporter;
}

void reporter_destroy(struct reporter *reporter)
{
    if (reporter == NULL)
        return;
    free(reporter->windows);
    free(reporter);
}

void reporter_use_files(struct reporter *reporter)
{
    reporter->by_files = true;
}

bool reporter_uses_files(const struct reporter *reporter)
{
    return reporter->by_files;
}

/* FNV-1a, 64 bits: spreads the farms over the cycle; nothing secret or hostile depends on it. */
int64_t reporter_phase(const char *farm_id)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (const char *at = farm_id; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001B3);
    return (int64_t)(hash % (uint64_t)WINDOW_MS);
}

/* The first instant of the farm's phase after t_ms. */
static int64_t next_tick(const struct reporter *reporter, int64_t t_ms)
{
    return window_start(t_ms - reporter->phase_ms) + reporter->phase_ms + WINDOW_MS;
}

/* The same, but not the one that was reported at just before the clock was set back a little. */
static int64_t next_new_tick(const struct reporter *reporter, int64_t t_ms)
{
    int64_t tick_ms = next_tick(reporter, t_ms);
    bool again = tick_ms == reporter->last_tick_ms && tick_ms - t_ms <= REPORTER_REST_MS;
    return again ? tick_ms + WINDOW_MS : tick_ms;
}

static void stop(struct reporter *reporter)
{
    reporter->running = false;
    reporter->due_ms = INT64_MAX;
    reporter->flight_stale = reporter->in_flight;
    reporter->flight_count = 0;
    reporter->failures = 0;
}

int reporter_start(struct reporter *reporter, const char *farm_id, uint64_t next_sequence, int64_t now_ms)
{
    if (farm_id != NULL && (*farm_id == '\0' || strlen(farm_id) > GRANT_ID_BYTES_MAX))
        return CORE_INVALID;
    stop(reporter);
    if (farm_id == NULL)
        return 0;
    if (strcmp(reporter->farm_id, farm_id) != 0) {
        memcpy(reporter->farm_id, farm_id, strlen(farm_id) + 1);
        reporter->first = reporter->count = 0;
        reporter->next_sequence = 1;
        reporter->last_tick_ms = 0;
    }
    if (next_sequence > reporter->next_sequence)
        reporter->next_sequence = next_sequence;
    reporter->running = true;
    reporter->phase_ms = reporter_phase(farm_id);
    reporter->due_ms = reporter->in_flight ? INT64_MAX : next_tick(reporter, now_ms);
    return 0;
}

static void drop_oldest(struct reporter *reporter)
{
    reporter->first++;
    reporter->count--;
    if (reporter->flight_count > 0)
        reporter->flight_count--;
}

/* The longest queue leaves room, so there is always more to be had. */
static void grow(struct reporter *reporter)
{
    size_t room = reporter->room * 2 < ROOM_LAST ? reporter->room * 2 : ROOM_LAST;
    struct window *windows = realloc(reporter->windows, room * sizeof(*windows));
    if (windows == NULL)
        return;
    reporter->windows = windows;
    reporter->room = room;
}

/* Never fails: where neither room nor memory is left the oldest window makes place. */
static void append(struct reporter *reporter, const struct window *window)
{
    if (reporter->count == reporter->room)
        grow(reporter);
    if (reporter->count == reporter->room || reporter->count == REPORTER_QUEUE_MAX)
        drop_oldest(reporter);
    if (reporter->first + reporter->count == reporter->room) {
        memmove(reporter->windows, reporter->windows + reporter->first,
                reporter->count * sizeof(*reporter->windows));
        reporter->first = 0;
    }
    reporter->windows[reporter->first + reporter->count++] = *window;
}

uint64_t reporter_queue(struct reporter *reporter, const struct window *window)
{
    if (!reporter->running)
        return 0;
    struct window queued = *window;
    queued.sequence = reporter->next_sequence++;
    append(reporter, &queued);
    return queued.sequence;
}

int reporter_restore(struct reporter *reporter, const struct window *window)
{
    uint64_t last =
        reporter->count > 0 ? reporter->windows[reporter->first + reporter->count - 1].sequence : 0;
    if (window->sequence <= last)
        return CORE_INVALID;
    append(reporter, window);
    if (window->sequence >= reporter->next_sequence)
        reporter->next_sequence = window->sequence + 1;
    return 0;
}

const struct window *reporter_batch(const struct reporter *reporter, size_t *ret_count)
{
    if (reporter->in_flight)
        *ret_count = reporter->flight_count;
    else
        *ret_count = reporter->count < REPORTER_BATCH_MAX ? reporter->count : REPORTER_BATCH_MAX;
    return reporter->windows + reporter->first;
}

const struct window *reporter_unsent(const struct reporter *reporter, size_t *ret_count)
{
    *ret_count = reporter->count;
    return reporter->windows + reporter->first;
}

uint64_t reporter_acknowledge(struct reporter *reporter, uint64_t through)
{
    uint64_t last = 0;
    while (reporter->flight_count > 0 && reporter->windows[reporter->first].sequence <= through) {
        last = reporter->windows[reporter->first].sequence;
        drop_oldest(reporter);
    }
    return last;
}

/* Of the oldest `among` windows. */
static bool set_aside(struct reporter *reporter, size_t among, uint64_t sequence)
{
    struct window *windows = reporter->windows + reporter->first;
    for (size_t i = 0; i < among && windows[i].sequence <= sequence; i++) {
        if (windows[i].sequence != sequence)
            continue;
        size_t flight_count = reporter->flight_count;
        memmove(windows + 1, windows, i * sizeof(*windows)); /* of a long queue the shorter side */
        drop_oldest(reporter);
        if (i >= flight_count)
            reporter->flight_count = flight_count; /* it was none of those */
        return true;
    }
    return false;
}

bool reporter_set_aside(struct reporter *reporter, uint64_t sequence)
{
    return set_aside(reporter, reporter->flight_count, sequence);
}

uint64_t reporter_acknowledge_carried(struct reporter *reporter, uint64_t through)
{
    uint64_t last = 0;
    while (reporter->count > 0 && reporter->windows[reporter->first].sequence <= through) {
        last = reporter->windows[reporter->first].sequence;
        drop_oldest(reporter);
    }
    return last;
}

bool reporter_set_aside_carried(struct reporter *reporter, uint64_t sequence)
{
    return set_aside(reporter, reporter->count, sequence);
}

bool reporter_go_on_after(struct reporter *reporter, uint64_t counted)
{
    if (counted < reporter->next_sequence || counted > REPORTER_SEQUENCE_MAX)
        return false;
    reporter->next_sequence = counted + 1;
    return true;
}

size_t reporter_renumber(struct reporter *reporter, uint64_t sequence)
{
    struct window *windows = reporter->windows + reporter->first;
    size_t at = 0;
    while (at < reporter->count && windows[at].sequence < sequence)
        at++;
    if (at == reporter->count || windows[at].sequence != sequence)
        return 0;
    for (size_t i = at; i < reporter->count; i++)
        windows[i].sequence = reporter->next_sequence++;
    if (reporter->flight_count > at)
        reporter->flight_count = at;
    return reporter->count - at;
}

int64_t reporter_due_ms(const struct reporter *reporter)
{
    return reporter->by_files ? INT64_MAX : reporter->due_ms;
}

void reporter_sent(struct reporter *reporter, int64_t now_ms)
{
    reporter->last_tick_ms = next_tick(reporter, now_ms) - WINDOW_MS;
    (void)reporter_batch(reporter, &reporter->flight_count);
    reporter->in_flight = true;
    reporter->flight_full = reporter->flight_count == REPORTER_BATCH_MAX;
    reporter->due_ms = INT64_MAX;
}

/* Ends the flight; false if it said nothing about the queue and failures. */
static bool land(struct reporter *reporter, int64_t now_ms)
{
    bool tells = reporter->in_flight && !reporter->flight_stale;
    if (reporter->in_flight && reporter->running)
        reporter->due_ms = next_tick(reporter, now_ms);
    reporter->in_flight = reporter->flight_stale = false;
    return tells;
}

bool reporter_succeeded(struct reporter *reporter, int64_t now_ms)
{
    bool all_taken = reporter->flight_count == 0;
    if (!land(reporter, now_ms))
        return false;
    reporter->failures = 0;
    reporter->flight_count = 0;
    if (reporter->flight_full && all_taken && reporter->count > 0)
        reporter->due_ms = now_ms; /* a long queue goes on at once, as long as it gets shorter */
    else
        reporter_corrected(reporter, now_ms);
    return true;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool reporter_failed(struct reporter *reporter, int64_t retry_after_ms, int64_t now_ms)
{
    if (!land(reporter, now_ms))
        return false;
    reporter->flight_count = 0;
    reporter->failures++;
    unsigned doublings = reporter->failures - 1 < 16 ? reporter->failures - 1 : 16;
    int64_t bound_ms = least(REPORTER_BACKOFF_FIRST_MS * (INT64_C(1) << doublings), REPORTER_BACKOFF_LAST_MS);
    int64_t wait_ms =
        REPORTER_BACKOFF_LEAST_MS + random_up_to(reporter, bound_ms - REPORTER_BACKOFF_LEAST_MS);
    if (retry_after_ms >= 0) { /* never sooner; a tenth more, that not all farms come back at once */
        int64_t asked_ms = least(retry_after_ms, REPORTER_BACKOFF_LAST_MS);
        wait_ms = asked_ms + random_up_to(reporter, asked_ms / 10);
        if (wait_ms < REPORTER_BACKOFF_LEAST_MS)
            wait_ms = REPORTER_BACKOFF_LEAST_MS;
    }
    reporter->due_ms = least(now_ms + wait_ms, next_tick(reporter, now_ms));
    return true;
}

void reporter_hurry(struct reporter *reporter, int64_t now_ms)
{
    if (reporter->running && !reporter->in_flight)
        reporter->due_ms = now_ms;
}

void reporter_corrected(struct reporter *reporter, int64_t now_ms)
{
    if (reporter->running && !reporter->in_flight)
        reporter->due_ms = next_new_tick(reporter, now_ms);
}

size_t reporter_queued(const struct reporter *reporter)
{
    return reporter->count;
}

uint64_t reporter_next_sequence(const struct reporter *reporter)
{
    return reporter->next_sequence;
}

unsigned reporter_failures(const struct reporter *reporter)
{
    return reporter->failures;
}
