/* test_farm_store.c - farms of several hosts over a shared store, on virtual time, under everything that can
 * befall agents, machines, ways and the store itself.
 *
 *     farm_store_sim [--seed N] [--worlds N] [--processes N] | --long
 *     farm_store_sim --seed N --worlds 1 [--trace]
 *
 * Whoever leads, and however it ends: every checkpoint is, word by word, what follows by the rules from what
 * the hosts told, in the store's order (store_truth.h), or a gap is reported; only the elected leader's
 * writes take effect; numbers never go back; every host has the verdict within a minute of being able to; a
 * window reported again is the same one. In the end the store has who is on, and everything that was durable.
 *
 * One world in twelve is a stormy hour or two. The others are offices over months, whose machines are off at
 * night and on most days: what fell due meanwhile has to happen when they come back. */
#include "store_farm.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORLDS_DEFAULT    230
#define LONG_DAYS         10000000
#define PROCESSES         2
#define STORM_EVERY       12
#define NIGHTS_ON_PERCENT 5
#define FAILURES_MAX      3
#define LEADERSHIPS_MOST  30
#define MINUTE_MS         INT64_C(60000)
#define HOUR_MS           (60 * MINUTE_MS)
#define COUNT(array)      (sizeof(array) / sizeof((array)[0]))

struct options {
    uint64_t seed;
    unsigned worlds, processes;
    int64_t days; /* until so many have passed; 0: so many worlds */
    bool is_traced, expects_failure;
};

struct tally_sheet {
    uint64_t happened[STORE_HAPPENING_MAX];
    int64_t time_ms;
    uint64_t worlds, failed;
};

/* A farm, and the faces of its life that are not the farm's own. */
struct world {
    struct store_farm *farm;
    bool is_storm;
    int64_t length_ms;
    int64_t open_ms;           /* an office on a day, and */
    unsigned open_percent;     /* on so many days */
    int64_t act_ms, mishap_ms; /* about so long between two */
    int64_t next_mishap_ms, quorum_at_ms;
    struct tally_sheet *sheet;
};

static unsigned below(struct world *world, unsigned bound)
{
    return chance_below(&world->farm->chance, bound);
}

static bool percent(struct world *world, unsigned percents)
{
    return chance_percent(&world->farm->chance, percents);
}

static void happens(struct world *world, enum store_happening happening)
{
    world->farm->happened[happening]++;
}

static struct store_host *any_host(struct world *world)
{
    return &world->farm->hosts[below(world, world->farm->traits.hosts)];
}

/* Half of what goes wrong befalls the leader. */
static struct store_host *some_host(struct world *world)
{
    struct store_host *leader = store_farm_leader(world->farm);
    return leader != NULL && percent(world, 60) ? leader : any_host(world);
}

/* Long enough for a lease to end, every other time. */
static int64_t some_time_ms(struct world *world)
{
    return 1000 + below(world, (unsigned)(world->farm->traits.ttl_s * 3000));
}

/* ---- what befalls a host ------------------------------------------------------------------------------- */

static void kill_agent(struct world *world)
{
    struct store_host *host = some_host(world);
    if (host->writer == NULL)
        return;
    happens(world, STORE_KILLS);
    store_host_kill(host);
    host->back_at_ms = world->farm->now_ms + (percent(world, 50) ? 1 : some_time_ms(world));
}

static void reboot(struct world *world)
{
    struct store_host *host = some_host(world);
    if (!host->is_on)
        return;
    happens(world, STORE_REBOOTS);
    store_host_power_off(host);
    host->back_at_ms = world->farm->now_ms + some_time_ms(world);
}

/* Stopped; every other time its clock stands still meanwhile, as a paused machine's. */
static void pause_agent(struct world *world)
{
    const struct model_weather none = {.cut_off = true};
    struct store_host *host = some_host(world);
    int64_t long_ms = some_time_ms(world);
    if (host->writer == NULL || host->asleep_until_ms != 0)
        return;
    happens(world, STORE_PAUSES);
    host->asleep_until_ms = world->farm->now_ms + long_ms;
    if (percent(world, 50))
        host->frozen_ms += long_ms;
    store_host_weather(host, &none);
}

static void make_way(struct world *world, struct store_host *host, const struct model_weather *weather)
{
    if (host->asleep_until_ms != 0)
        return;
    host->cut_until_ms = world->farm->now_ms + some_time_ms(world) * (percent(world, 20) ? 20 : 1);
    store_host_weather(host, weather);
}

static void cut_off(struct world *world)
{
    const bool refused = percent(world, 30);
    happens(world, STORE_CUTS);
    make_way(world, some_host(world), &(struct model_weather){.cut_off = !refused, .refused = refused});
}

static void lose_one_way(struct world *world)
{
    struct model_weather weather = {.way_ms_max = 40};
    if (percent(world, 50))
        weather.reply_lost_percent = 100;
    else
        weather.request_lost_percent = 100;
    happens(world, STORE_ONE_WAYS);
    make_way(world, some_host(world), &weather);
}

static void bad_way(struct world *world)
{
    make_way(world, some_host(world),
             &(struct model_weather){.way_ms_max = 200 + below(world, 2000),
                                     .request_lost_percent = below(world, 30),
                                     .reply_lost_percent = below(world, 30),
                                     .late_percent = below(world, 20)});
}

static void slow_disk(struct world *world)
{
    model_journal_weather(any_host(world)->journal, below(world, 5000), false);
}

/* ---- what befalls the store ---------------------------------------------------------------------------- */

static void lose_quorum(struct world *world)
{
    if (!world->farm->has_quorum)
        return;
    happens(world, STORE_NO_QUORUMS);
    model_etcd_quorum(world->farm->etcd, false);
    world->farm->has_quorum = false;
    world->quorum_at_ms =
        world->farm->now_ms + (percent(world, 70) ? 1 + below(world, 300000) : 1 + below(world, 4 * 3600000));
}

static void find_quorum(struct world *world)
{
    if (world->farm->has_quorum || world->farm->now_ms < world->quorum_at_ms)
        return;
    model_etcd_quorum(world->farm->etcd, true);
    world->farm->has_quorum = true;
    world->farm->quorum_since_ms = world->farm->now_ms;
}

static void restart_etcd(struct world *world)
{
    happens(world, STORE_ETCD_RESTARTS);
    model_etcd_restart(world->farm->etcd);
}

static void kill_leader(struct world *world)
{
    struct store_host *leader = store_farm_leader(world->farm);
    if (leader == NULL)
        return;
    happens(world, STORE_KILLS);
    store_host_kill(leader);
    leader->back_at_ms = world->farm->now_ms + 1;
}

/* Around the last checkpoint, mostly; then the next leader has to go on from there, mostly. */
static void compact(struct world *world)
{
    struct store_farm *farm = world->farm;
    struct wire_kv kv;
    struct record_key key = record_key(&farm->record, RECORD_CHECKPOINT, NULL, NULL);
    int64_t head = model_etcd_revision(farm->etcd), at = head;
    if (!farm->traits.compacts || !farm->has_quorum)
        return;
    if (percent(world, 75) && model_etcd_get(farm->etcd, key.text, 0, &kv))
        at = kv.mod_revision - 6 + below(world, 12);
    if (at <= model_etcd_compacted(farm->etcd) || at > head)
        return;
    happens(world, STORE_COMPACTIONS);
    store_farm_trace(farm, "compacted at %" PRId64, at);
    model_etcd_compact(farm->etcd, at);
    if (percent(world, 70))
        kill_leader(world);
}

static void backup(struct world *world)
{
    if (world->farm->traits.restores)
        model_etcd_backup(world->farm->etcd);
}

static void restore(struct world *world)
{
    struct store_farm *farm = world->farm;
    if (!farm->traits.restores || !farm->has_quorum)
        return;
    happens(world, STORE_RESTORES);
    store_farm_trace(farm, "a backup is put back");
    farm->was_restored = true;
    farm->verdict_n = 0;
    store_truth_restored(farm->truth);
    model_etcd_restore(farm->etcd);
}

/* ---- what befalls the licence -------------------------------------------------------------------------- */

static void change_licence(struct world *world)
{
    struct store_farm *farm = world->farm;
    struct store_authority *authority = &farm->authority;
    struct store_host *leader = store_farm_leader(farm);
    authority->failing_percent = percent(world, 70) ? below(world, 10) : 50 + below(world, 51);
    if (authority->farm_id[0] != '\0' && percent(world, 80)) {
        unsigned limit = 1 + below(world, 7);
        authority->purchases += limit > authority->limit && percent(world, 30);
        authority->limit = limit;
    } else if (leader != NULL && authority->farm_id[0] == '\0') {
        authority->limit = 1 + below(world, 5);
        leader->wants_activation = true;
    }
}

/* ---- a world ------------------------------------------------------------------------------------------- */

/* A quorum comes back at its own time. */
static void pass_time(struct world *world, int64_t for_ms)
{
    struct store_farm *farm = world->farm;
    int64_t until_ms = farm->now_ms + for_ms;
    if (!farm->has_quorum && world->quorum_at_ms < until_ms) {
        store_farm_run(farm, world->quorum_at_ms - farm->now_ms);
        find_quorum(world);
    }
    if (farm->now_ms < until_ms)
        store_farm_run(farm, until_ms - farm->now_ms);
}

static void mishap(struct world *world)
{
    static const struct {
        unsigned weight;
        void (*befall)(struct world *world);
    } mishaps[] = {
        {20, kill_agent}, {6, reboot},    {20, pause_agent},    {14, cut_off},     {8, lose_one_way},
        {10, bad_way},    {4, slow_disk}, {6, lose_quorum},     {5, restart_etcd}, {16, compact},
        {4, backup},      {3, restore},   {10, change_licence},
    };
    unsigned total = 0, drawn, i = 0;
    for (size_t k = 0; k < COUNT(mishaps); k++)
        total += mishaps[k].weight;
    for (drawn = below(world, total); drawn >= mishaps[i].weight; i++)
        drawn -= mishaps[i].weight;
    mishaps[i].befall(world);
    if (store_truth_is_lost(world->farm->truth) && percent(world, 50))
        kill_leader(world); /* what comes next is compared again */
}

/* People come and go, and things go wrong, for so long. */
static void live(struct world *world, int64_t for_ms)
{
    struct store_farm *farm = world->farm;
    int64_t until_ms = farm->now_ms + for_ms;
    while (farm->now_ms < until_ms && !store_farm_has_failed(farm)) {
        int64_t pause_ms = 1 + below(world, (unsigned)(2 * world->act_ms));
        if (farm->now_ms + pause_ms > until_ms)
            pause_ms = until_ms - farm->now_ms;
        pass_time(world, pause_ms);
        store_host_act(any_host(world), percent(world, 25) ? 2 + below(world, 4) : 1);
        if (farm->now_ms < world->next_mishap_ms)
            continue;
        mishap(world);
        world->next_mishap_ms = farm->now_ms + 1 + below(world, (unsigned)(2 * world->mishap_ms));
    }
}

static void close_office(struct world *world)
{
    struct store_farm *farm = world->farm;
    for (unsigned i = 0; i < farm->traits.hosts; i++) {
        if (farm->hosts[i].is_on)
            store_host_power_off(&farm->hosts[i]);
        farm->hosts[i].back_at_ms = 0;
    }
}

static void open_office(struct world *world)
{
    struct store_farm *farm = world->farm;
    for (unsigned i = 0; i < farm->traits.hosts; i++)
        if (farm->hosts[i].writer == NULL)
            farm->hosts[i].back_at_ms = farm->now_ms + 1 + below(world, 60000);
}

static void live_office(struct world *world)
{
    struct store_farm *farm = world->farm;
    int64_t ends_ms = farm->began_ms + world->length_ms;
    for (unsigned day = 0; farm->now_ms < ends_ms && !store_farm_has_failed(farm); day++) {
        int64_t morning_ms = farm->began_ms + day * DAY_MS;
        pass_time(world, morning_ms - farm->now_ms);
        if (percent(world, world->open_percent)) { /* not at weekends, nor on holidays */
            open_office(world);
            live(world, world->open_ms);
            if (percent(world, NIGHTS_ON_PERCENT))
                continue;
        }
        close_office(world);
    }
}

/* Everything is mended; it catches up, and somebody leads whose beginning is known. */
static void settle(struct world *world)
{
    struct store_farm *farm = world->farm;
    int64_t calm_ms = 4 * farm->traits.ttl_s * 1000 + 10 * MINUTE_MS;
    store_farm_mend(farm);
    store_farm_run(farm, calm_ms);
    for (int tries = 0; tries < 3 && store_truth_is_lost(farm->truth); tries++) {
        kill_leader(world);
        store_farm_run(farm, calm_ms);
    }
    store_host_act(any_host(world), 1); /* the last word is a checkpoint's */
    store_farm_run(farm, calm_ms);
    if (store_truth_is_lost(farm->truth))
        store_farm_fail(farm, "nobody leads in the end");
    store_farm_check_told(farm);
}

static struct store_traits draw(uint64_t seed, bool is_storm)
{
    uint64_t chance = seed ^ UINT64_C(0x5eed);
    struct store_traits traits = {.seed = seed, .lost_after_ms = 300000};
    traits.hosts = is_storm ? 3 + chance_below(&chance, 3) : 2 + chance_below(&chance, 100) / 80;
    traits.ttl_s = is_storm ? 15 : 300 + chance_below(&chance, 600);
    traits.progress_ms = is_storm ? MODEL_ETCD_PROGRESS_MS : 120000;
    traits.clock_error_ms = chance_percent(&chance, 50) ? 1 + chance_below(&chance, 5000) : 0;
    traits.count_disconnected = chance_percent(&chance, 70);
    traits.spare_grace = chance_percent(&chance, 30);
    traits.compacts = chance_percent(&chance, 60);
    traits.restores = chance_percent(&chance, 25);
    return traits;
}

static bool live_once(uint64_t seed, bool is_traced, struct tally_sheet *sheet)
{
    bool is_storm = seed % STORM_EVERY == 0;
    const struct store_traits traits = draw(seed, is_storm);
    struct world world = {.is_storm = is_storm, .sheet = sheet};
    struct store_farm *farm = world.farm = store_farm_create(&traits, sheet->happened, is_traced);
    world.length_ms = is_storm ? HOUR_MS + below(&world, 2 * 3600000) : (40 + below(&world, 120)) * DAY_MS;
    world.open_ms = 10 * MINUTE_MS + below(&world, 40 * 60000);
    world.open_percent = 5 + below(&world, 20);
    world.act_ms = is_storm ? 4000 : 8 * MINUTE_MS;
    world.mishap_ms = is_storm ? 60000 : 20 * MINUTE_MS;
    if (is_storm)
        live(&world, world.length_ms);
    else
        live_office(&world);
    if (!store_farm_has_failed(farm))
        settle(&world);
    bool good = !store_farm_has_failed(farm);
    if (!good)
        printf("# seed %" PRIu64 ", after %.3f s: %s\n# replay: farm_store_sim --seed %" PRIu64
               " --worlds 1 --trace\n",
               seed, (double)(farm->now_ms - farm->began_ms) / 1000, farm->failure, seed);
    sheet->time_ms += farm->now_ms - farm->began_ms;
    sheet->worlds++;
    sheet->failed += !good;
    store_farm_destroy(farm);
    return good;
}

/* ---- several processes --------------------------------------------------------------------------------- */

/* Every so many-th world. */
static void run_share(const struct options *options, unsigned share, struct tally_sheet *sheet)
{
    for (uint64_t i = share;; i += options->processes) {
        bool enough = options->days > 0 ? sheet->time_ms / DAY_MS >= options->days / options->processes
                                        : i >= options->worlds;
        if (enough || sheet->failed >= FAILURES_MAX)
            return;
        (void)live_once(options->seed + i, options->is_traced, sheet);
    }
}

static void add_sheet(struct tally_sheet *sum, const struct tally_sheet *sheet)
{
    for (size_t i = 0; i < STORE_HAPPENING_MAX; i++)
        sum->happened[i] += sheet->happened[i];
    sum->time_ms += sheet->time_ms;
    sum->worlds += sheet->worlds;
    sum->failed += sheet->failed;
}

/* False: a process ended without a result. */
static bool run_all(const struct options *options, struct tally_sheet *ret)
{
    int ends[2];
    bool good = true;
    if (options->processes == 1) {
        run_share(options, 0, ret);
        return true;
    }
    if (pipe(ends) != 0)
        return false;
    (void)fflush(stdout);
    for (unsigned i = 0; i < options->processes; i++) {
        pid_t child = fork();
        if (child == 0) {
            struct tally_sheet sheet = {.worlds = 0};
            run_share(options, i, &sheet);
            (void)fflush(stdout);
            bool written = write(ends[1], &sheet, sizeof sheet) == (ssize_t)sizeof sheet;
            _exit(written ? 0 : 1);
        }
        good = good && child > 0;
    }
    (void)close(ends[1]);
    for (unsigned i = 0; i < options->processes; i++) {
        struct tally_sheet sheet;
        if (read(ends[0], &sheet, sizeof sheet) == (ssize_t)sizeof sheet)
            add_sheet(ret, &sheet);
        else
            good = false;
    }
    (void)close(ends[0]);
    while (wait(NULL) > 0) {
    }
    return good;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static bool parse(int argc, char **argv, struct options *ret)
{
    *ret = (struct options){.seed = CHANCE_SEED_DEFAULT, .worlds = WORLDS_DEFAULT, .processes = PROCESSES};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--long") == 0) {
            ret->days = LONG_DAYS;
            ret->seed = (uint64_t)time(NULL) << 20;
            continue;
        }
        if (strcmp(argv[i], "--trace") == 0) {
            ret->is_traced = true;
            ret->processes = 1;
            continue;
        }
        if (strcmp(argv[i], "--expect-failure") == 0) {
            ret->expects_failure = true;
            continue;
        }
        if (value == NULL)
            return false;
        i++;
        if (strcmp(argv[i - 1], "--seed") == 0)
            ret->seed = strtoull(value, NULL, 0);
        else if (strcmp(argv[i - 1], "--worlds") == 0)
            ret->worlds = (unsigned)strtoul(value, NULL, 0);
        else if (strcmp(argv[i - 1], "--processes") == 0)
            ret->processes = (unsigned)strtoul(value, NULL, 0);
        else
            return false;
    }
    return ret->processes > 0;
}

static unsigned tell_happened(const struct tally_sheet *sheet)
{
    static const char *const texts[] = {
#define STORE_HAPPENING_TEXT(name, text) text,
        STORE_HAPPENINGS(STORE_HAPPENING_TEXT)
#undef STORE_HAPPENING_TEXT
    };
    unsigned missing = 0;
    printf("# %" PRIu64 " farms, %.1f farm-days\n", sheet->worlds, (double)sheet->time_ms / (double)DAY_MS);
    for (size_t i = 0; i < STORE_HAPPENING_MAX; i++) {
        printf("# %s: %" PRIu64 "\n", texts[i], sheet->happened[i]);
        missing += sheet->happened[i] == 0;
    }
    return missing;
}

int main(int argc, char **argv)
{
    struct options options;
    struct tally_sheet sheet = {.worlds = 0};
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (!parse(argc, argv, &options)) {
        (void)fprintf(stderr, "usage: farm_store_sim [--seed N] [--worlds N] [--processes N] | --long\n"
                              "       farm_store_sim --seed N --worlds 1 [--trace]\n");
        return 64;
    }
    if (sodium_init() < 0)
        return 1;
    bool ran = run_all(&options, &sheet);
    unsigned missing = tell_happened(&sheet);
    bool good = ran && (sheet.failed > 0) == options.expects_failure;
    bool whole = options.worlds < WORLDS_DEFAULT || options.expects_failure ||
                 (missing == 0 && sheet.happened[STORE_LEADERSHIPS] >= LEADERSHIPS_MOST);
    printf("%s 1 - %s\n", good ? "ok" : "not ok",
           options.expects_failure ? "the mistake is found"
                                   : "every checkpoint follows from what the hosts told, or a gap is said");
    printf("%s 2 - everything has happened\n1..2\n", whole ? "ok" : "not ok");
    return good && whole ? 0 : 1;
}
