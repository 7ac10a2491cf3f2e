/* test_rules_property.c - random histories of a farm through the rules.
 *
 *     rules_property [--seed N] [--host-days N] [--script FILE] [--print] [--outcome]
 *
 * --seed N alone replays one history; --script FILE one that was printed. --print writes the script of the
 * history to standard output, --outcome what it comes to, and nothing else.
 */
#include "chance.h"
#include "rules_generator.h"
#include "rules_outcome.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOST_DAYS_DEFAULT 200000.0
#define COVERED_LEAST     20

struct options {
    uint64_t seed;
    bool has_seed, print, outcome;
    double host_days;
    const char *script;
};

/* What is done with every step of every history. */
struct watch {
    struct outcome_counts counts;
    FILE *outcome;
};

static bool watch_step(void *data, struct history_run *run, const struct rules_event *event, int64_t now_ms,
                       bool taken)
{
    struct watch *watch = data;
    (void)event;
    (void)now_ms;
    outcome_count(&watch->counts, run, taken);
    if (watch->outcome != NULL)
        outcome_print(run, taken, watch->outcome);
    return true;
}

static bool run_history(const struct history *history, struct watch *watch)
{
    struct history_run run;
    bool good = true;
    history_run_init(&run, history);
    outcome_begin(&watch->counts);
    for (size_t i = 0; good && i < history->count; i++)
        good = history_run_line(&run, &history->lines[i], watch_step, watch);
    history_run_finish(&run);
    return good;
}

static double run_seed(uint64_t seed, struct watch *watch)
{
    struct history history;
    history_init(&history);
    outcome_begin(&watch->counts);
    double host_days = rules_generate(seed, &history, watch_step, watch);
    history_finish(&history);
    return host_days;
}

static int run_many(const struct options *options)
{
    static struct watch watch;
    uint64_t chance = options->seed;
    double host_days = 0;
    printf("TAP version 13\n1..1\n# seed %" PRIu64 "\n", options->seed);
    while (host_days < options->host_days)
        host_days += run_seed(chance_next(&chance), &watch);
    bool covered = outcome_covers(&watch.counts, COVERED_LEAST, stdout);
    printf("%sok 1 - %.0f host-days, %" PRIu64 " steps: every state and transition is reached\n",
           covered ? "" : "not ", host_days, watch.counts.steps);
    return covered ? 0 : 1;
}

static bool load(const struct options *options, struct history *history)
{
    size_t bad_line;
    if (options->script == NULL) {
        (void)rules_generate(options->seed, history, NULL, NULL);
        return true;
    }
    FILE *file = fopen(options->script, "r");
    if (file == NULL) {
        perror(options->script);
        return false;
    }
    bool good = history_read(history, file, &bad_line);
    if (!good)
        fprintf(stderr, "%s:%zu: not a line of a history\n", options->script, bad_line);
    (void)fclose(file);
    return good;
}

static int run_one(const struct options *options)
{
    static struct watch watch;
    struct history history;
    history_init(&history);
    bool good = load(options, &history);
    if (good && options->print)
        history_print(&history, stdout);
    watch.outcome = options->outcome ? stdout : NULL;
    good = good && run_history(&history, &watch);
    history_finish(&history);
    return good ? 0 : 1;
}

static bool read_options(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--print") == 0) {
            options->print = true;
        } else if (strcmp(argv[i], "--outcome") == 0) {
            options->outcome = true;
        } else if (value == NULL) {
            return false;
        } else if (strcmp(argv[i++], "--seed") == 0) {
            options->seed = strtoull(value, NULL, 10);
            options->has_seed = true;
        } else if (strcmp(argv[i - 1], "--host-days") == 0) {
            options->host_days = strtod(value, NULL);
        } else if (strcmp(argv[i - 1], "--script") == 0) {
            options->script = value;
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options options = {.seed = (uint64_t)time(NULL)};
    if (!read_options(argc, argv, &options)) {
        fprintf(stderr, "usage: %s [--seed N] [--host-days N] [--script FILE] [--print] [--outcome]\n",
                argv[0]);
        return 64;
    }
    if (options.script != NULL || (options.has_seed && options.host_days == 0.0))
        return run_one(&options);
    if (options.host_days == 0.0)
        options.host_days = HOST_DAYS_DEFAULT;
    return run_many(&options);
}
