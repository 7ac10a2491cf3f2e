/* test_rules_property.c - random histories of a farm through the core and through the model of the rules.
 *
 *     rules_property [--seed N] [--host-days N] [--script FILE] [--print] [--outcome]
 *
 * After every step both must stand alike: every machine's state, the verdict and its reason, levels and
 * windows, marks, what is reported, the next instant at which something is due, what the gate answers; and
 * what was said must have been said at the same instants. Restarts happen at any time: the core goes on from
 * what its persist actions left. A history that brings a difference is shrunk and printed with its seed.
 *
 * --seed N alone replays one history; --script FILE one that was printed. --print writes the script of the
 * history to standard output, --outcome what it comes to in the model alone, and nothing else. */
#include "chance.h"
#include "rules_core.h"
#include "rules_generator.h"
#include "rules_outcome.h"
#include "rules_shrink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HOST_DAYS_DEFAULT 200000.0
#define COVERED_LEAST     10 /* chance has to be unlucky by far */

struct options {
    uint64_t seed;
    bool has_seed, print, outcome;
    double host_days;
    const char *script;
};

/* What is done with every step of every history. */
struct watch {
    struct outcome_counts counts;
    struct rules_core *core;
    FILE *outcome;
    bool counting;
    char difference[RULES_DIFFERENCE_BYTES];
    char kind[RULES_DIFFERENCE_BYTES]; /* of the difference that is shrunk: what it begins with */
};

static bool watch_core(struct watch *watch, struct history_run *run, const struct rules_event *event,
                       int64_t now_ms, bool taken)
{
    if (watch->core == NULL)
        watch->core = rules_core_create(&run->model->settings);
    run->due_ms = rules_core_due_ms;
    run->due_data = watch->core;
    if (rules_core_step(watch->core, run, event, now_ms, taken))
        return true;
    (void)snprintf(watch->difference, sizeof(watch->difference), "%s", rules_core_difference(watch->core));
    return false;
}

static bool watch_step(void *data, struct history_run *run, const struct rules_event *event, int64_t now_ms,
                       bool taken)
{
    struct watch *watch = data;
    if (watch->outcome != NULL) {
        outcome_print(run, taken, watch->outcome);
        return true;
    }
    if (watch->counting)
        outcome_count(&watch->counts, run, taken);
    return watch_core(watch, run, event, now_ms, taken);
}

static void begin(struct watch *watch)
{
    *watch->difference = '\0';
    outcome_begin(&watch->counts);
}

static bool end(struct watch *watch)
{
    rules_core_destroy(watch->core);
    watch->core = NULL;
    return *watch->difference == '\0';
}

static bool run_history(const struct history *history, struct watch *watch)
{
    struct history_run run;
    bool good = true;
    history_run_init(&run, history);
    begin(watch);
    for (size_t i = 0; good && i < history->count; i++)
        good = history_run_line(&run, &history->lines[i], watch_step, watch);
    history_run_finish(&run);
    return end(watch);
}

/* With a difference of the same kind. */
static bool fails(void *data, const struct history *history)
{
    struct watch *watch = data;
    return !run_history(history, watch) && strncmp(watch->difference, watch->kind, strlen(watch->kind)) == 0;
}

/* The shortest history with a difference that could be found, as comments. */
static void explain(struct history *history, struct watch *watch)
{
    char *text = NULL;
    size_t bytes = 0;
    watch->counting = false;
    (void)snprintf(watch->kind, sizeof(watch->kind), "%.*s", (int)strcspn(watch->difference, ":"),
                   watch->difference);
    rules_shrink(history, fails, watch);
    (void)run_history(history, watch);
    FILE *file = open_memstream(&text, &bytes);
    if (file == NULL)
        abort();
    history_print(history, file);
    (void)fclose(file);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        printf("# %s\n", line);
    free(text);
    printf("# %s\n", watch->difference);
}

static bool run_seed(uint64_t seed, struct watch *watch, double *host_days)
{
    struct history history;
    history_init(&history);
    begin(watch);
    *host_days += rules_generate(seed, &history, watch_step, watch);
    bool good = end(watch);
    if (!good) {
        printf("# seed %" PRIu64 " brings a difference: %s\n", seed, watch->difference);
        explain(&history, watch);
    }
    history_finish(&history);
    return good;
}

static int run_many(const struct options *options)
{
    static struct watch watch;
    uint64_t chance = options->seed;
    double host_days = 0;
    bool alike = true;
    watch.counting = true;
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* what was found in hours is not lost with the process */
    printf("TAP version 13\n1..2\n# seed %" PRIu64 "\n", options->seed);
    while (alike && host_days < options->host_days)
        alike = run_seed(chance_next(&chance), &watch, &host_days);
    bool covered = outcome_covers(&watch.counts, COVERED_LEAST, stdout);
    printf("%sok 1 - %.0f host-days, %" PRIu64 " steps: the core does what the rules say\n",
           alike ? "" : "not ", host_days, watch.counts.steps);
    printf("%sok 2 - every state and transition is reached\n", covered ? "" : "not ");
    return alike && covered ? 0 : 1;
}

static bool load(const struct options *options, struct history *history, struct watch *watch)
{
    size_t bad_line;
    if (options->script == NULL) {
        begin(watch);
        (void)rules_generate(options->seed, history, watch_step, watch);
        (void)end(watch);
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

static bool replay(struct history *history, struct watch *watch)
{
    printf("TAP version 13\n1..1\n");
    bool alike = run_history(history, watch);
    if (!alike)
        explain(history, watch);
    printf("%sok 1 - %zu lines: the core does what the rules say\n", alike ? "" : "not ", history->count);
    return alike;
}

static int run_one(const struct options *options)
{
    static struct watch watch;
    struct history history;
    history_init(&history);
    bool good = load(options, &history, &watch);
    watch.outcome = options->outcome ? stdout : NULL;
    if (good && options->print)
        history_print(&history, stdout);
    else if (good && options->outcome)
        good = run_history(&history, &watch);
    else if (good)
        good = replay(&history, &watch);
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
    struct options options = {.seed = CHANCE_SEED_DEFAULT};
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
