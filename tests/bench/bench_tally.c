/* bench_tally.c - the tally beside uthash doing the same work, in one run.
 *
 *     bench_tally [LIVE...]
 *
 * The work: connects and ends over a random workload that stays at a level of live connections, and all that
 * tally.h promises of them: seeded hashing, limits, exempt places, reasons and every number of the level kept
 * right, spellings kept, connections found by host and id, users by name, both with their lists. The uthash
 * program is how a good engineer would write it: structs from malloc with their strings behind them, one hash
 * of connections, users and hosts each, by SipHash-1-3, lists by utlist, a host's administrator desktops in a
 * sorted list. Both compare names by identity.h. Rounds alternate; the best of each counts. */
#include "uthash_tally.h"

#include "agent/core/tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS            5
#define HOSTS_PER_LIVE    200 /* live connections a host */
#define ADMIN_PERCENT     2
#define APPLICATION_OF_10 3
#define CHURN_MIN         400000
#define TEXT_BYTES        32
#define STEPS_AHEAD       8
#define CACHE_LINE_BYTES  64

struct step {
    char host[TEXT_BYTES], id[12], user[TEXT_BYTES];
    struct connection connection;
    bool connect;
};

struct workload {
    struct step *steps;
    size_t fill, churn; /* steps of the filling, and of what is measured */
};

static uint64_t chance_state = 42;

static uint32_t below(uint32_t bound)
{
    uint64_t z = chance_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ z >> 31) >> 32) % bound;
}

static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static void describe_connect(struct step *step, size_t live, uint32_t number, int64_t at_ms)
{
    uint32_t user = below((uint32_t)live), hosts = (uint32_t)(live / HOSTS_PER_LIVE) + 1;
    bool administrator = below(100) < ADMIN_PERCENT;
    snprintf(step->host, sizeof step->host, "rdsh%04u.corp.example", below(hosts));
    snprintf(step->id, sizeof step->id, "%u", number);
    snprintf(step->user, sizeof step->user, user % 2 ? "CORP\\user%07u" : "user%07u", user);
    step->connect = true;
    step->connection = (struct connection){
        .connected_at_ms = at_ms,
        .kind = below(10) < APPLICATION_OF_10 ? KIND_APPLICATION : KIND_DESKTOP,
        .route = (enum connection_route)below(ROUTE_RDP_TUNNEL + 1),
        .administrator = administrator ? ADMINISTRATOR_YES : ADMINISTRATOR_NO,
    };
}

/* Connects up to the level; then an end of a random live connection and a connect by turns. */
static struct workload make_workload(size_t live)
{
    struct workload workload = {.fill = live, .churn = live * 2 > CHURN_MIN ? live * 2 : CHURN_MIN};
    size_t steps = workload.fill + workload.churn;
    uint32_t *open = must(malloc(live * sizeof *open)); /* steps whose connection is live */
    workload.steps = must(calloc(steps + STEPS_AHEAD, sizeof *workload.steps));
    uint32_t number = 0;
    for (size_t i = 0, gap = 0; i < steps; i++) {
        struct step *step = &workload.steps[i];
        if (i >= workload.fill && (i - workload.fill) % 2 == 0) {
            gap = below((uint32_t)live);
            *step = workload.steps[open[gap]];
            step->connect = false;
        } else {
            describe_connect(step, live, number++, (int64_t)i);
            open[i < workload.fill ? i : gap] = (uint32_t)i;
        }
    }
    for (size_t i = 0; i < steps; i++) {
        struct step *step = &workload.steps[i];
        step->connection.host = step->host;
        step->connection.id = step->id;
        step->connection.user = step->user;
    }
    free(open);
    return workload;
}

/* What an agent has just parsed lies in the cache; so shall the step that comes soon. */
static const struct step *step_at(const struct workload *workload, size_t i)
{
    const char *soon = (const char *)&workload->steps[i + STEPS_AHEAD];
    for (size_t line = 0; line < sizeof(struct step); line += CACHE_LINE_BYTES)
        __builtin_prefetch(soon + line);
    return &workload->steps[i];
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static const struct tally_settings settings = {
    .count_disconnected = true,
    .routes_counted = ROUTES_COUNTED_DEFAULT,
    .seed = {42},
};

/* Both must have counted the same. */
struct outcome {
    double events_per_s;
    uint64_t concurrent_sum;  /* over all measured steps */
    struct tally_level level; /* after the last */
};

static struct outcome run_tally(const struct workload *workload)
{
    struct tally *tally = must(tally_create(&settings));
    const struct tally_level *level = tally_level(tally);
    struct outcome outcome = {0};
    double start = 0;
    for (size_t i = 0; i < workload->fill + workload->churn; i++) {
        const struct step *step = step_at(workload, i);
        if (i == workload->fill)
            start = now();
        int code =
            step->connect ? tally_put(tally, &step->connection, 0) : tally_end(tally, step->host, step->id);
        if (code != 0)
            abort();
        if (i >= workload->fill)
            outcome.concurrent_sum += level->concurrent_users;
    }
    outcome.events_per_s = (double)workload->churn / (now() - start);
    outcome.level = *level;
    tally_destroy(tally);
    return outcome;
}

static struct outcome run_uthash(const struct workload *workload)
{
    struct uthash_tally *tally = must(uthash_tally_create(&settings));
    const struct tally_level *level = uthash_tally_level(tally);
    struct outcome outcome = {0};
    double start = 0;
    for (size_t i = 0; i < workload->fill + workload->churn; i++) {
        const struct step *step = step_at(workload, i);
        if (i == workload->fill)
            start = now();
        int code = step->connect ? uthash_tally_put(tally, &step->connection, 0)
                                 : uthash_tally_end(tally, step->host, step->id);
        if (code != 0)
            abort();
        if (i >= workload->fill)
            outcome.concurrent_sum += level->concurrent_users;
    }
    outcome.events_per_s = (double)workload->churn / (now() - start);
    outcome.level = *level;
    uthash_tally_destroy(tally);
    return outcome;
}

static void keep_best(struct outcome *best, struct outcome outcome)
{
    if (outcome.events_per_s > best->events_per_s)
        *best = outcome;
}

static bool compare(size_t live)
{
    struct workload workload = make_workload(live);
    struct outcome tally = {0}, uthash = {0};
    for (int round = 0; round < ROUNDS; round++) {
        keep_best(&tally, run_tally(&workload));
        keep_best(&uthash, run_uthash(&workload));
    }
    free(workload.steps);
    bool same = tally.concurrent_sum == uthash.concurrent_sum &&
                memcmp(&tally.level, &uthash.level, sizeof tally.level) == 0;
    printf("%9zu  %12.0f  %12.0f  %6.2f x%s\n", live, tally.events_per_s, uthash.events_per_s,
           tally.events_per_s / uthash.events_per_s, same ? "" : "  (they disagree)");
    fflush(stdout);
    return same;
}

int main(int argc, char **argv)
{
    static const size_t usual[] = {1000, 1000000};
    bool same = true;
    printf("     live   tally ev/s  uthash ev/s     ratio\n");
    for (int i = 1; i < argc; i++)
        same &= compare(strtoull(argv[i], NULL, 10));
    for (size_t i = 0; argc == 1 && i < sizeof usual / sizeof *usual; i++)
        same &= compare(usual[i]);
    return same ? 0 : 1;
}
