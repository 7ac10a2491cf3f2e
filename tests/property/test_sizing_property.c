/* test_sizing_property.c - sizing and its recommendations against the model, through many small random logs.
 *
 *     sizing_property [--seed N] [--logs N] [--expect-difference]
 *
 * A failing run prints the seed of its log; that seed with --logs 1 replays it. With --expect-difference (for
 * the planted mistakes) a difference is what is wanted. */
#include "chance.h"
#include "sizing_model.h"

#include "agent/core/peak.h"
#include "agent/ctl/sizing/peak_names.h"
#include "agent/ctl/sizing/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOGS_DEFAULT 300
#define FIRST_MS     INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define HOUR_MS      INT64_C(3600000)

static const char *const hosts[SIZING_MODEL_HOSTS] = {"a", "b", "c.example"};
static const char *const ids[SIZING_MODEL_IDS] = {"1", "2", "c10", "c9", "z"};

/* Spellings, whose they are, and the key under which sizing tells them. */
static const struct {
    const char *user, *key;
    unsigned person;
} names[] = {
    {"alice", "alice", 0},
    {"Alice", "Alice", 1},
    {"CORP\\Bob", "corp\\bob", 2},
    {"corp\\BOB", "corp\\bob", 2},
    {"Bob@corp.example", "corp\\bob", 2},
    {"carol@other.example", "carol@other.example", 3},
    {"CAROL@other.EXAMPLE", "carol@other.example", 3},
    {"<script>", "<script>", 4},
    {"dave", "dave", 5},
    {"erin", "erin", 6},
    {"zoë", "zoë", 7},
    {"root", "root", 8},
};
#define NAMES (sizeof names / sizeof *names)
static const struct identity_alias aliases[] = {{"corp.example", "CORP"}};

/* A zone 5:45 ahead whose clocks are changed at 03:00 of every twentieth day. */
static int64_t odd_offset_ms(const void *data, int64_t at_ms)
{
    const int64_t base_ms = 5 * HOUR_MS + HOUR_MS * 3 / 4;
    bool summer = (at_ms + base_ms - 3 * HOUR_MS) / (20 * DAY_MS) % 2 == 1;
    (void)data;
    return base_ms + (summer ? HOUR_MS : 0);
}
static int64_t west_offset_ms(const void *data, int64_t at_ms)
{
    (void)data;
    (void)at_ms;
    return -8 * HOUR_MS;
}
static const struct sizing_zone odd_zone = {odd_offset_ms, NULL}, west_zone = {west_offset_ms, NULL};

/* ---- a log --------------------------------------------------------------------------------------------- */

struct world {
    uint64_t chance;
    struct tally_settings settings;
    struct sizing_model_log log;
    struct sizing_model_course course, other;
    unsigned hosts, ids, names, administrators_percent, disconnects_percent, pause;
    char difference[128];
};

static int64_t choose_pause_ms(struct world *world)
{
    uint64_t *chance = &world->chance;
    static const int64_t whole_ms[] = {
        0,       0,           1,           1000,        60000,        60001,  WINDOW_MS, HOUR_MS / 2,
        HOUR_MS, HOUR_MS + 1, 2 * HOUR_MS, 4 * HOUR_MS, 12 * HOUR_MS, DAY_MS, 7 * DAY_MS};
    switch (chance_below(chance, 4 + world->pause)) {
    case 0:
        return chance_below(chance, 90000);
    case 1:
        return whole_ms[chance_below(chance, 12)];
    case 2:
        return whole_ms[chance_below(chance,
                                     sizeof whole_ms / sizeof *whole_ms - (world->pause > 8 ? 2 : 0))];
    default:
        return chance_below(chance, world->pause > 8 ? 600000 : 5000000);
    }
}

static struct sizing_model_event choose_event(struct world *world, int64_t at_ms)
{
    uint64_t *chance = &world->chance;
    unsigned host = chance_below(chance, world->hosts), id = chance_below(chance, world->ids),
             name = chance_below(chance, world->names), die = chance_below(chance, 100);
    bool administrator = chance_percent(chance, world->administrators_percent);
    enum sizing_type type = die < 50                                ? SIZING_CONNECT
                            : die < 50 + world->disconnects_percent ? SIZING_DISCONNECT
                            : die < 98                              ? SIZING_LOGOFF
                                                                    : SIZING_HOST_END;
    return (struct sizing_model_event){
        .event =
            {
                .at_ms = at_ms,
                .type = type,
                .host = hosts[host],
                .session = type == SIZING_HOST_END ? "" : ids[id],
                .user = names[name].user,
                .kind = chance_percent(chance, 75) ? KIND_DESKTOP : KIND_APPLICATION,
                .route = (enum connection_route)chance_below(
                    chance, chance_percent(chance, 85) ? ROUTE_RDP_TUNNEL + 1 : ROUTE_MAX),
                .administrator = administrator                ? ADMINISTRATOR_YES
                                 : chance_percent(chance, 10) ? ADMINISTRATOR_UNKNOWN
                                                              : ADMINISTRATOR_NO,
            },
        .host = host,
        .id = id,
        .person = names[name].person,
    };
}

static void choose_log(struct world *world, uint64_t seed)
{
    static const unsigned counts[] = {1, 10, 80, 250, SIZING_MODEL_EVENTS_MAX};
    static const struct sizing_zone *const zones[] = {NULL, &odd_zone, &west_zone};
    world->chance = seed;
    uint64_t *chance = &world->chance;
    world->hosts = 1 + chance_below(chance, SIZING_MODEL_HOSTS);
    world->ids = 2 + chance_below(chance, SIZING_MODEL_IDS - 1);
    world->names = 2 + chance_below(chance, NAMES - 1);
    world->administrators_percent = chance_percent(chance, 30) ? 0 : chance_below(chance, 90);
    world->disconnects_percent = chance_percent(chance, 30) ? 0 : chance_below(chance, 40);
    world->pause = chance_below(chance, 24);
    world->settings = (struct tally_settings){
        .count_disconnected = chance_percent(chance, 90),
        .routes_counted = chance_percent(chance, 80) ? ROUTES_COUNTED_DEFAULT : 0x1f,
        .aliases = aliases,
        .alias_count = 1,
    };
    memcpy(world->settings.seed, &seed, sizeof seed);
    world->log.settings = &world->settings;
    world->log.zone = zones[chance_below(chance, 3)];
    world->log.event_count = 1 + chance_below(chance, counts[chance_below(chance, 5)]);
    int64_t at_ms = FIRST_MS + chance_below(chance, 3) * HOUR_MS;
    for (size_t i = 0; i < world->log.event_count; i++, at_ms += choose_pause_ms(world))
        world->log.events[i] = choose_event(world, at_ms);
}

/* ---- comparing ----------------------------------------------------------------------------------------- */

static const char *names_differ(struct world *world, const struct sizing_result *result)
{
    size_t wanted = 0;
    for (size_t i = 0; i < result->peak_name_count; i++)
        if (i > 0 && strcmp(result->peak_names[i - 1], result->peak_names[i]) >= 0)
            return "names at the peak are not sorted";
    for (unsigned person = 0; person < SIZING_MODEL_PERSONS; person++) {
        size_t name = 0;
        while (names[name].person != person)
            name++;
        bool found = false;
        for (size_t i = 0; i < result->peak_name_count; i++)
            found = found || strcmp(names[name].key, result->peak_names[i]) == 0;
        if (found != world->course.on_at_peak[person])
            return "names at the peak";
        wanted += world->course.on_at_peak[person];
    }
    return wanted == result->peak_name_count ? NULL : "names at the peak";
}

static const char *counts_differ(const struct world *world, const struct sizing_result *result)
{
    const struct sizing_model_course *course = &world->course;
    uint64_t begun = 0;
    bool users[SIZING_MODEL_PERSONS] = {false}, seen[SIZING_MODEL_HOSTS] = {false};
    uint64_t user_count = 0, host_count = 0;
    for (int route = 0; route < ROUTE_MAX; route++)
        begun += result->sessions[route];
    for (size_t i = 0; i < world->log.event_count; i++) {
        const struct sizing_model_event *event = &world->log.events[i];
        bool counts = event->event.type == SIZING_CONNECT &&
                      (world->settings.routes_counted & ROUTE_BIT(event->event.route)) != 0;
        user_count += counts && !users[event->person];
        host_count += counts && !seen[event->host];
        users[event->person] |= counts;
        seen[event->host] |= counts;
    }
    bool same = begun == course->began && result->repeated_connects == course->repeated &&
                result->unknown_sessions == course->unknown && result->disconnects == course->left &&
                result->ended_with_host == course->ended_with_host && result->open_at_end == course->open &&
                result->users == user_count && result->hosts == host_count &&
                result->events == world->log.event_count;
    return same ? NULL : "counts of sessions";
}

/* What a what-if's number of users is after every event; a peak would hide most mistakes. */
static bool levels_agree(struct world *world, struct replay *replay, int what_if)
{
    const struct sizing_model_step *step = world->other.steps;
    bool agree = true;
    for (size_t i = 0; i < world->log.event_count && agree; i++, step++) {
        const struct sizing_event *event = &world->log.events[i].event;
        struct replayed replayed;
        replay_advance(replay, event->at_ms);
        agree = replay_take(replay, event, &replayed) == 0;
        while (!step->is_event)
            step++;
        agree = agree && replay->what_if.level[what_if] == step->users;
    }
    return agree;
}

static bool is_replayed_alike(struct world *world, int what_if)
{
    struct replay replay;
    struct peak_names at_peak;
    bool agree = replay_init(&replay, &world->settings, &at_peak) == 0;
    peak_names_init(&at_peak, &world->settings, replay.tally);
    agree = agree && levels_agree(world, &replay, what_if);
    peak_names_finish(&at_peak);
    replay_finish(&replay);
    return agree;
}

static const char *what_ifs_differ(struct world *world, const struct sizing_result *result)
{
    sizing_model_replay(&world->log, SIZING_MODEL_NEVER, false, &world->other);
    if (result->peak_without_exemptions != sizing_model_peak(&world->other))
        return "the peak without exemptions";
    if (!is_replayed_alike(world, WHAT_IF_UNEXEMPTED))
        return "the users without exemptions";
    for (int i = 0; i < SIZING_SAVINGS; i++) {
        sizing_model_replay(&world->log, sizing_saving_hours[i] * HOUR_MS, true, &world->other);
        if (result->peak_ended_after[i] != sizing_model_peak(&world->other))
            return "a peak with disconnected sessions ended";
        if (result->sessions_ended_after[i] != world->other.ended)
            return "how many sessions would have been ended";
        if (!is_replayed_alike(world, i))
            return "the users with disconnected sessions ended";
    }
    return NULL;
}

static const char *differs(struct world *world, struct sizing *sizing)
{
    const struct sizing_result *result;
    struct recommendation recommendation;
    for (size_t i = 0; i < world->log.event_count; i++)
        if (sizing_take(sizing, &world->log.events[i].event) < 0)
            return "an event is refused";
    if (sizing_finish(sizing, &result) < 0)
        return "no result";
    recommend(result, &recommendation);
    sizing_model_replay(&world->log, SIZING_MODEL_NEVER, true, &world->course);
    const char *what = sizing_model_differs(&world->log, &world->course, result, &recommendation);
    if (what == NULL)
        what = counts_differ(world, result);
    if (what == NULL)
        what = names_differ(world, result);
    return what != NULL ? what : what_ifs_differ(world, result);
}

static bool run_log(struct world *world, uint64_t seed)
{
    choose_log(world, seed);
    struct sizing *sizing = sizing_create(&world->settings, world->log.zone);
    const char *what = sizing == NULL ? "out of memory" : differs(world, sizing);
    sizing_destroy(sizing);
    if (what != NULL)
        snprintf(world->difference, sizeof world->difference, "%zu events: %s", world->log.event_count, what);
    return what == NULL;
}

static uint64_t number_of(const char *text)
{
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0') {
        fprintf(stderr, "not a number: %s\n", text);
        exit(64);
    }
    return number;
}

int main(int argc, char **argv)
{
    uint64_t seed = CHANCE_SEED_DEFAULT, logs = LOGS_DEFAULT, done = 0, log_seed = 0;
    bool same = true, expect_difference = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--expect-difference") == 0)
            expect_difference = true;
        else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0)
            seed = number_of(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--logs") == 0)
            logs = number_of(argv[++i]);
        else
            return fprintf(stderr, "usage: %s [--seed N] [--logs N] [--expect-difference]\n", argv[0]), 64;
    }
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL)
        return 1;
    printf("TAP version 13\n1..1\n# seed %" PRIu64 "\n", seed);
    for (uint64_t chance = seed; same && done < logs; done++) {
        log_seed = done == 0 ? seed : chance_next(&chance);
        same = run_log(world, log_seed);
    }
    if (!same)
        printf("# the log of --seed %" PRIu64 " --logs 1, %s\n", log_seed, world->difference);
    printf("%sok 1 - %" PRIu64 " random logs: %s\n", same == expect_difference ? "not " : "", done,
           expect_difference ? "the planted mistake is found" : "sizing and model agree");
    free(world);
    return same == expect_difference;
}
