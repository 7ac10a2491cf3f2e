/* test_sim.c - many farms, an authority and a network in one process, on virtual time.
 *
 *     farm_sim [--seed N] [--worlds N | --seconds N | --long]     the whole test, as TAP
 *     farm_sim --seed N --replay [--mistake NAME] [--keep LIST] [--trace HOST]   one world, and what failed
 *
 * Every seed makes a world: a few farms for months or hundreds for days, each with the real core and the real
 * clock, users who come and go, administrators who buy, move and cancel, and a random choice of faults.
 * Whatever happens, the rules have to hold (witness.h lists the checks); a failing world prints its seed,
 * shrinks to the few items that make it fail, and says how to replay them. Every kind of fault has to have
 * happened, and every check has to find the mistakes that are planted for it (mistakes.h).
 */
#include "herd.h"
#include "shrink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORLDS_DEFAULT     80
#define LONG_SECONDS       3600
#define MISTAKE_WORLDS_MAX 150 /* in which a planted mistake has to show */
#define SHRINK_RUNS_MAX    600
#define SHRUNK_ITEMS_MOST  12 /* a planted mistake shows with so few */
#define FAILURES_TOLD_MAX  3

struct options {
    uint64_t seed;
    unsigned worlds; /* 0: as many as fit into `seconds` */
    double seconds;
    bool replay;
    enum mistake mistake;
    const char *keep;
    int traced; /* host; -1: none */
};

struct tap {
    unsigned count, failed;
};

static void tell(struct tap *tap, bool good, const char *text, const char *more)
{
    tap->count++;
    tap->failed += !good;
    printf("%s %u - %s%s\n", good ? "ok" : "not ok", tap->count, text, more);
}

static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* ---- a world that fails -------------------------------------------------------------------------------- */

static const char *mistake_name(enum mistake mistake)
{
#define MISTAKE_NAME(name, check, text) [MISTAKE_##name] = #name,
    static const char *const names[] = {MISTAKES(MISTAKE_NAME)};
    return names[mistake];
}

static void print_failure(const struct plan *plan, enum mistake mistake, const struct outcome *outcome)
{
    const struct witness *witness = &outcome->witness;
    printf("# seed %" PRIu64 ", host %u, day %.6f: %s: %s\n", plan->seed, witness->failed_host,
           (double)(witness->failed_ms - plan->begin_ms) / 86400000.0, check_name(witness->failed),
           witness->words);
    printf("# replay: farm_sim --seed %" PRIu64 " --replay", plan->seed);
    if (mistake != MISTAKE_NONE)
        printf(" --mistake %s", mistake_name(mistake));
}

static void print_kept(const struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        printf("%s%u", i == 0 ? " --keep " : ",", plan->items[i].number);
    printf("%s\n", plan->count == 0 ? " --keep none" : "");
}

static void explain(const struct plan *plan, enum mistake mistake, const struct outcome *failed)
{
    struct outcome outcome;
    print_failure(plan, mistake, failed);
    printf("\n# it has %zu items; shrinking\n", plan->count);
    struct plan *some = shrink(plan, mistake, failed, SHRINK_RUNS_MAX, &outcome);
    print_failure(some, mistake, &outcome);
    print_kept(some);
    plan_print(some, stdout);
    plan_destroy(some);
}

/* ---- the swarm ----------------------------------------------------------------------------------------- */

struct swarm {
    uint64_t happened[HAPPENED_MAX];
    uint64_t host_days, steps;
    unsigned worlds, failures[CHECK_MAX], failed;
};

static void add_outcome(struct swarm *swarm, const struct outcome *outcome)
{
    for (size_t i = 0; i < HAPPENED_MAX; i++)
        swarm->happened[i] += outcome->witness.happened[i];
    swarm->host_days += outcome->host_days;
    swarm->steps += outcome->steps;
    swarm->worlds++;
    swarm->failures[outcome->witness.failed]++;
    swarm->failed += outcome->witness.failed != CHECK_NONE;
}

static void run_swarm(const struct options *options, struct swarm *swarm)
{
    double began = cpu_seconds();
    for (uint64_t seed = options->seed;; seed++) {
        bool enough = options->worlds > 0 ? swarm->worlds >= options->worlds
                                          : cpu_seconds() - began >= options->seconds;
        struct outcome outcome;
        if (enough || swarm->failed >= FAILURES_TOLD_MAX)
            break;
        struct plan *plan = plan_make(seed);
        world_run(plan, MISTAKE_NONE, &outcome);
        add_outcome(swarm, &outcome);
        if (outcome.witness.failed != CHECK_NONE)
            explain(plan, MISTAKE_NONE, &outcome);
        plan_destroy(plan);
    }
}

static void test_swarm(const struct options *options, struct tap *tap)
{
    struct swarm swarm = {0};
    double began = cpu_seconds();
    run_swarm(options, &swarm);
    printf("# seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " host-days in %" PRIu64 " steps and %.1f s\n",
           options->seed, options->seed + swarm.worlds - 1, swarm.host_days, swarm.steps,
           cpu_seconds() - began);
    for (unsigned check = CHECK_NONE + 1; check < CHECK_MAX; check++)
        tell(tap, swarm.failures[check] == 0, check_text(check), "");
    for (unsigned i = 0; i < HAPPENED_MAX; i++) {
        char figure[32];
        (void)snprintf(figure, sizeof(figure), ": %" PRIu64, swarm.happened[i]);
        if (swarm.worlds >= WORLDS_DEFAULT)
            tell(tap, swarm.happened[i] > 0, happening_text(i), figure);
        else
            printf("# %s%s\n", happening_text(i), figure);
    }
}

/* ---- planted mistakes ---------------------------------------------------------------------------------- */

static enum check check_for(enum mistake mistake)
{
#define MISTAKE_CHECK(name, check, text) [MISTAKE_##name] = CHECK_##check,
    static const enum check checks[] = {MISTAKES(MISTAKE_CHECK)};
    return checks[mistake];
}

static const char *mistake_text(enum mistake mistake)
{
#define MISTAKE_TEXT(name, check, text) [MISTAKE_##name] = text,
    static const char *const texts[] = {MISTAKES(MISTAKE_TEXT)};
    return texts[mistake];
}

/* The first world in which the check that is made for it finds it; NULL: none does. */
static struct plan *find_mistake(enum mistake mistake, struct outcome *ret_outcome)
{
    for (uint64_t seed = 1; seed <= MISTAKE_WORLDS_MAX; seed++) {
        if (seed % 10 <= 2) /* many farms: slow, and nothing that few do not have */
            continue;
        struct plan *plan = plan_make(seed);
        world_run(plan, mistake, ret_outcome);
        if (ret_outcome->witness.failed == check_for(mistake))
            return plan;
        plan_destroy(plan);
    }
    return NULL;
}

static void test_mistake(enum mistake mistake, struct tap *tap)
{
    struct outcome outcome;
    char found[160] = "";
    struct plan *plan = find_mistake(mistake, &outcome);
    if (plan != NULL)
        (void)snprintf(found, sizeof(found), ": found by %s with seed %" PRIu64,
                       check_name(check_for(mistake)), plan->seed);
    tell(tap, plan != NULL, mistake_text(mistake), found);
    plan_destroy(plan);
}

/* A failing run gets short, and its short form fails alike, again and again. */
static void test_shrinking(struct tap *tap)
{
    struct outcome outcome, shrunk, again;
    struct plan *plan = find_mistake(MISTAKE_GRACE_FORGOTTEN, &outcome);
    bool good = plan != NULL;
    char figures[80] = "";
    if (good) {
        struct plan *some = shrink(plan, MISTAKE_GRACE_FORGOTTEN, &outcome, SHRINK_RUNS_MAX, &shrunk);
        world_run(some, MISTAKE_GRACE_FORGOTTEN, &again);
        good = some->count <= SHRUNK_ITEMS_MOST && again.witness.failed == CHECK_GATE &&
               again.witness.failed_ms == shrunk.witness.failed_ms &&
               strcmp(again.witness.words, shrunk.witness.words) == 0;
        (void)snprintf(figures, sizeof(figures), ": %zu items to %zu", plan->count, some->count);
        plan_destroy(some);
    }
    tell(tap, good, "a failing run shrinks and replays", figures);
    plan_destroy(plan);
}

/* ---- crowds -------------------------------------------------------------------------------------------- */

static void test_herd(enum herd_event event, bool in_step, struct tap *tap)
{
    struct herd_figures figures = herd_run(event, in_step);
    char text[160];
    (void)snprintf(text, sizeof(text),
                   " %s: %u back within a cycle, %u in the busiest second, %u to %u in a minute",
                   herd_event_text(event), figures.farms, figures.most_second, figures.least_minute,
                   figures.most_minute);
    tell(tap, herd_is_spread(&figures) != in_step,
         in_step ? "farms in step with each other are found out" : "a thousand farms come back one by one",
         text);
}

/* ---- one world ----------------------------------------------------------------------------------------- */

static struct plan *keep_some(const struct plan *plan, const char *list)
{
    bool *keep = calloc(plan->count + 1, sizeof(*keep));
    if (keep == NULL)
        abort();
    while (*list >= '0' && *list <= '9') {
        char *end;
        unsigned long number = strtoul(list, &end, 10);
        if (number < plan->count)
            keep[number] = true;
        list = *end == ',' ? end + 1 : end;
    }
    struct plan *some = plan_some(plan, keep);
    free(keep);
    return some;
}

static int replay(const struct options *options)
{
    struct outcome outcome;
    struct plan *plan = plan_make(options->seed);
    if (options->keep != NULL) {
        struct plan *some = keep_some(plan, options->keep);
        plan_destroy(plan);
        plan = some;
    }
    if (options->traced >= 0)
        world_run_traced(plan, options->mistake, (unsigned)options->traced, &outcome);
    else
        world_run(plan, options->mistake, &outcome);
    if (options->keep != NULL)
        plan_print(plan, stdout);
    if (outcome.witness.failed != CHECK_NONE && options->keep == NULL && options->traced < 0) {
        explain(plan, options->mistake, &outcome);
    } else if (outcome.witness.failed != CHECK_NONE) {
        print_failure(plan, options->mistake, &outcome);
        print_kept(plan);
    }
    for (unsigned i = 0; i < HAPPENED_MAX; i++) {
        if (outcome.witness.happened[i] > 0)
            printf("# %s: %" PRIu64 "\n", happening_text(i), outcome.witness.happened[i]);
    }
    printf("1..1\n%s 1 - seed %" PRIu64 "\n", outcome.witness.failed == CHECK_NONE ? "ok" : "not ok",
           options->seed);
    plan_destroy(plan);
    return outcome.witness.failed == CHECK_NONE ? 0 : 1;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static bool parse_mistake(const char *name, enum mistake *ret)
{
    for (unsigned i = 0; i < MISTAKE_MAX; i++) {
        if (strcmp(mistake_name(i), name) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static bool parse(int argc, char **argv, struct options *ret)
{
    *ret = (struct options){.seed = 1, .worlds = WORLDS_DEFAULT, .traced = -1};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--replay") == 0) {
            ret->replay = true;
            continue;
        }
        if (strcmp(argv[i], "--long") == 0) {
            ret->worlds = 0;
            ret->seconds = LONG_SECONDS;
            ret->seed = (uint64_t)time(NULL);
            continue;
        }
        if (value == NULL)
            return false;
        i++;
        if (strcmp(argv[i - 1], "--seed") == 0) {
            ret->seed = strtoull(value, NULL, 0);
        } else if (strcmp(argv[i - 1], "--worlds") == 0) {
            ret->worlds = (unsigned)strtoul(value, NULL, 0);
        } else if (strcmp(argv[i - 1], "--seconds") == 0) {
            ret->worlds = 0;
            ret->seconds = strtod(value, NULL);
        } else if (strcmp(argv[i - 1], "--keep") == 0) {
            ret->keep = value;
        } else if (strcmp(argv[i - 1], "--trace") == 0) {
            ret->traced = (int)strtoul(value, NULL, 0);
        } else if (strcmp(argv[i - 1], "--mistake") != 0 || !parse_mistake(value, &ret->mistake)) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options options;
    struct tap tap = {0};
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (!parse(argc, argv, &options)) {
        (void)fprintf(stderr,
                      "usage: farm_sim [--seed N] [--worlds N | --seconds N | --long]\n"
                      "       farm_sim --seed N --replay [--mistake NAME] [--keep LIST] [--trace HOST]\n");
        return 64;
    }
    if (options.replay)
        return replay(&options);
    test_swarm(&options, &tap);
    for (unsigned mistake = MISTAKE_NONE + 1; mistake < MISTAKE_MAX; mistake++)
        test_mistake(mistake, &tap);
    test_shrinking(&tap);
    for (unsigned event = 0; event < HERD_EVENT_MAX; event++)
        test_herd(event, false, &tap);
    test_herd(HERD_OUTAGE, true, &tap);
    printf("1..%u\n", tap.count);
    return tap.failed == 0 ? 0 : 1;
}
