/* test_restored_property.c - a farm whose state is set back again and again (a snapshot of the machine, a
 * backup of its database, a state from before the first activation), against the authority's real books:
 * windows close, reports and files are lost on the way there or back or come twice, the agent is killed
 * before and after every step. No period may be counted twice, and every window that closes after all that
 * had been counted when the state was set back last has to be counted in the end, with its own peak.
 *
 *     restored_property [--seed N] [--events N]
 *
 * A failing run prints the seed and the event; the same seed replays it. */
#include "chance.h"
#include "restored_books.h"

#include "agent/core/core.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_DEFAULT   60000
#define EVENTS_PER_WORLD 400
#define START_MS         INT64_C(1769904000000) /* 2026-02-01 */
#define MINUTE_MS        INT64_C(60000)
#define SNAPSHOTS        4
#define PERIODS_MAX      (1 << 18)
#define PEOPLE_MAX       9

/* All that is on the disk. */
struct disk {
    struct core_saved saved;
    struct window *unsent;
    int64_t event_ms;
    size_t last_closed; /* the last window that had closed */
    bool is_active;
};

struct period {
    int64_t start_ms, end_ms;
    uint32_t peak_users;
    size_t before; /* of a window that closed: the one before it, in the life that closed it; 0: the first */
};

struct answer {
    bool is_there;
    uint64_t through, carried;
    size_t refused_count;
    struct core_refused_window refused[REPORTER_QUEUE_MAX];
};

struct world {
    uint64_t chance;
    bool by_files, is_offline;
    int64_t now_ms;
    struct core_settings settings;
    struct core *core;
    struct core_actions *actions;
    struct grant grant;
    struct disk disk, snapshots[SNAPSHOTS];
    struct books *books;
    struct period counted[PERIODS_MAX], closed[PERIODS_MAX]; /* by the authority; by the agent */
    size_t counted_count, closed_count, last_closed;
    int64_t line_ms; /* what had been counted when the state was set back last ended by then */
    struct books_verdict verdicts[REPORTER_QUEUE_MAX];
    struct answer answer; /* of a file */
    uint64_t set_back, renumbered, dealt_with;
    char difference[256];
};

static void differ(struct world *world, const char *format, ...) __attribute__((format(__printf__, 2, 3)));
static void differ(struct world *world, const char *format, ...)
{
    va_list values;
    if (*world->difference != '\0')
        return;
    va_start(values, format);
    (void)vsnprintf(world->difference, sizeof(world->difference), format, values);
    va_end(values);
}

static unsigned below(struct world *world, unsigned bound)
{
    return chance_below(&world->chance, bound);
}

static bool percent(struct world *world, unsigned chances)
{
    return chance_percent(&world->chance, chances);
}

/* ---- the disk ------------------------------------------------------------------------------------------ */

static void disk_copy(struct disk *to, const struct disk *from)
{
    struct window *unsent = calloc(from->saved.unsent_count + 1, sizeof(*unsent));
    if (unsent == NULL)
        abort();
    if (from->saved.unsent_count > 0)
        memcpy(unsent, from->saved.unsent, from->saved.unsent_count * sizeof(*unsent));
    free(to->unsent);
    *to = *from;
    to->unsent = unsent;
    to->saved.unsent = unsent;
}

static void write_disk(struct world *world)
{
    struct disk now = {.last_closed = world->last_closed, .is_active = true};
    core_keep(world->core, &now.saved, &now.event_ms);
    now.saved.farm_id = now.saved.installation_id = NULL; /* as on_start has them */
    disk_copy(&world->disk, &now);
}

/* ---- the agent ----------------------------------------------------------------------------------------- */

static int64_t counted_through_ms(const struct world *world)
{
    int64_t through_ms = INT64_MIN;
    for (size_t i = 0; i < world->counted_count; i++)
        if (world->counted[i].end_ms > through_ms)
            through_ms = world->counted[i].end_ms;
    return through_ms;
}

/* One that closed before has a new number. */
static void note_closed(struct world *world, const struct window *window)
{
    if (window->sequence == 0 ||
        (world->last_closed != 0 && window->start_ms <= world->closed[world->last_closed].start_ms))
        return;
    if (++world->closed_count == PERIODS_MAX)
        abort();
    world->closed[world->closed_count] =
        (struct period){window->start_ms, window->end_ms, window->peak_users, world->last_closed};
    world->last_closed = world->closed_count;
}

static void report(struct world *world);

/* One event and what comes of it, durable at once; or the agent is killed before that, and the event is lost.
 */
static void step(struct world *world, const struct core_event *event)
{
    size_t count;
    core_actions_clear(world->actions);
    (void)core_step(world->core, event, world->now_ms, world->actions);
    const struct action *actions = core_actions_all(world->actions, &count);
    bool reports = false;
    for (size_t i = 0; i < count; i++) {
        if (actions[i].type == ACTION_PERSIST && actions[i].persist.type == PERSIST_WINDOW)
            note_closed(world, &actions[i].persist.window);
        world->renumbered += actions[i].type == ACTION_LOG && actions[i].log.code == LOG_windows_renumbered;
        reports |= actions[i].type == ACTION_REPORT;
    }
    write_disk(world);
    if (reports)
        report(world);
}

static void simple(struct world *world, enum core_event_type type)
{
    struct core_event event = {.type = type};
    step(world, &event);
}

static void activate(struct world *world)
{
    struct core_event event = {.type = EVENT_ACTIVATED,
                               .activated = {.farm_id = world->grant.farm_id,
                                             .installation_id = world->grant.installation_id,
                                             .grant = &world->grant}};
    world->grant.serial++;
    world->grant.issued_at_ms = world->now_ms;
    world->grant.refresh_by_ms = world->now_ms + 4000 * DAY_MS;
    step(world, &event);
}

/* What a process finds on the disk when it starts. */
static void on_start(struct world *world, const struct disk *disk)
{
    struct core_saved saved = disk->saved;
    core_destroy(world->core);
    world->core = core_create(&world->settings);
    if (world->core == NULL)
        abort();
    saved.farm_id = world->grant.farm_id;
    saved.installation_id = world->grant.installation_id;
    world->last_closed = disk->last_closed;
    if (disk->is_active && core_restore(world->core, &saved, disk->event_ms) != 0)
        differ(world, "a state that was stored is not taken");
    if (!disk->is_active)
        activate(world);
    simple(world, EVENT_STARTED);
}

static void kill_agent(struct world *world)
{
    struct disk disk = {.last_closed = 0};
    disk_copy(&disk, &world->disk);
    on_start(world, &disk);
    free(disk.unsent);
}

static void set_back(struct world *world)
{
    world->set_back++;
    world->line_ms = counted_through_ms(world);
    world->answer.is_there = false;
    on_start(world, &world->snapshots[below(world, SNAPSHOTS)]);
}

/* ---- the authority ------------------------------------------------------------------------------------- */

static void note_counted(struct world *world, const struct window *window)
{
    for (size_t i = 0; i < world->counted_count; i++)
        if (window->start_ms < world->counted[i].end_ms && world->counted[i].start_ms < window->end_ms)
            differ(world, "window %" PRIu64 " of minute %" PRId64 " counts twice", window->sequence,
                   (window->start_ms - START_MS) / MINUTE_MS);
    if (world->counted_count == PERIODS_MAX)
        abort();
    world->counted[world->counted_count++] =
        (struct period){window->start_ms, window->end_ms, window->peak_users, 0};
}

static void ask_authority(struct world *world, const struct window *windows, size_t count, struct answer *ret)
{
    ret->through = books_report(world->books, windows, count, world->now_ms, world->verdicts);
    ret->refused_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct books_verdict *verdict = &world->verdicts[i];
        if (verdict->is_new)
            note_counted(world, &windows[i]);
        world->dealt_with += !verdict->is_new && *verdict->reason == '\0';
        if (*verdict->reason != '\0')
            ret->refused[ret->refused_count++] =
                (struct core_refused_window){windows[i].sequence, verdict->reason};
    }
}

static void fail(struct world *world)
{
    struct core_event event = {.type = EVENT_REPORT_FAILED,
                               .failed = {.retry_after_ms = -1, .detail = "nothing came"}};
    step(world, &event);
}

static void hear(struct world *world, const struct answer *answer)
{
    struct core_event event = {.type = EVENT_REPORT_ACCEPTED,
                               .accepted = {.through = answer->through,
                                            .refused = answer->refused,
                                            .refused_count = answer->refused_count,
                                            .carried_through = answer->carried}};
    struct disk before = {.last_closed = 0};
    disk_copy(&before, &world->disk);
    step(world, &event);
    if (percent(world, 10))
        on_start(world, &before); /* killed before it was durable */
    free(before.unsent);
}

static void report(struct world *world)
{
    static struct answer answer;
    size_t count;
    const struct window *batch = core_report_batch(world->core, &count);
    if (world->is_offline || percent(world, 10)) {
        fail(world);
        return;
    }
    ask_authority(world, batch, count, &answer);
    answer.carried = 0;
    if (percent(world, 10))
        kill_agent(world); /* and the answer reaches nobody */
    else if (percent(world, 10))
        fail(world);
    else
        hear(world, &answer);
}

/* A file is made, brought, answered; the answer is imported now, later, again, or never. */
static void exchange(struct world *world)
{
    size_t count;
    const struct window *unsent = core_unsent(world->core, &count);
    if (count == 0)
        return;
    world->answer.is_there = true;
    world->answer.carried = unsent[count - 1].sequence;
    ask_authority(world, unsent, count, &world->answer);
    if (percent(world, 30))
        ask_authority(world, unsent, count, &world->answer);
}

/* ---- what happens -------------------------------------------------------------------------------------- */

static void people_change(struct world *world)
{
    static const char *const names[PEOPLE_MAX] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    struct connection set[PEOPLE_MAX];
    size_t count = below(world, PEOPLE_MAX + 1);
    for (size_t i = 0; i < count; i++)
        set[i] = (struct connection){.host = "h",
                                     .id = names[i],
                                     .user = names[i],
                                     .connected_at_ms = world->now_ms,
                                     .kind = KIND_DESKTOP,
                                     .route = ROUTE_RDP};
    struct core_event event = {.type = EVENT_HOST_SET, .set = {"h", set, count}};
    step(world, &event);
}

static void pass(struct world *world, int64_t ms)
{
    world->now_ms += ms;
    simple(world, EVENT_TIMER);
}

static void time_passes(struct world *world)
{
    unsigned which = below(world, 100);
    int64_t minutes = which < 70   ? 1 + below(world, 45)
                      : which < 97 ? 60 * below(world, 12)
                                   : 1440 * below(world, 9);
    pass(world, minutes * MINUTE_MS);
}

static void happen(struct world *world)
{
    unsigned which = below(world, 100);
    if (which < 45)
        time_passes(world);
    else if (which < 65)
        people_change(world);
    else if (which < 75 && world->by_files)
        exchange(world);
    else if (which < 85 && world->by_files && world->answer.is_there)
        hear(world, &world->answer);
    else if (which < 75)
        simple(world, EVENT_REPORT_NOW);
    else if (which < 85)
        world->is_offline = percent(world, 30);
    else if (which < 90)
        kill_agent(world);
    else if (which < 96)
        disk_copy(&world->snapshots[below(world, SNAPSHOTS)], &world->disk);
    else if (which < 97) { /* from before the first activation */
        struct disk *none = &world->snapshots[below(world, SNAPSHOTS)];
        free(none->unsent);
        *none = (struct disk){.is_active = false};
    } else
        set_back(world);
}

/* ---- what must hold ------------------------------------------------------------------------------------ */

static bool is_counted(const struct world *world, const struct period *closed)
{
    for (size_t i = world->counted_count; i > 0; i--) {
        const struct period *counted = &world->counted[i - 1];
        if (counted->start_ms == closed->start_ms && counted->end_ms == closed->end_ms &&
            counted->peak_users == closed->peak_users)
            return true;
    }
    return false;
}

/* With nobody in the way all is delivered. */
static void deliver(struct world *world)
{
    struct core_status status;
    world->is_offline = false;
    for (int i = 0; i < 400; i++) {
        core_status(world->core, &status);
        if (status.windows_queued == 0)
            return;
        if (world->by_files)
            exchange(world);
        if (world->by_files && world->answer.is_there)
            hear(world, &world->answer);
        if (!world->by_files)
            simple(world, EVENT_REPORT_NOW);
        if (i % 40 == 39)
            pass(world, WINDOW_MS / 2);
    }
    differ(world, "%zu windows are never delivered", status.windows_queued);
}

static void check_closed(struct world *world)
{
    for (size_t i = world->last_closed; i != 0; i = world->closed[i].before)
        if (world->closed[i].start_ms >= world->line_ms && !is_counted(world, &world->closed[i]))
            differ(world, "the window of minute %" PRId64 " with %" PRIu32 " users is lost",
                   (world->closed[i].start_ms - START_MS) / MINUTE_MS, world->closed[i].peak_users);
}

/* ---- worlds -------------------------------------------------------------------------------------------- */

static void begin(struct world *world, uint64_t seed)
{
    world->chance = seed;
    world->now_ms = START_MS + (int64_t)below(world, 1440) * MINUTE_MS;
    world->by_files = percent(world, 30);
    world->is_offline = world->answer.is_there = false;
    world->counted_count = world->closed_count = world->last_closed = 0;
    world->line_ms = INT64_MIN;
    world->settings = (struct core_settings){
        .tally = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT},
        .by_files = world->by_files,
        .seed = seed};
    world->grant = (struct grant){.farm_id = "farm", .installation_id = "installation", .limit = 5};
    world->books = books_create();
    world->actions = core_actions_create();
    if (world->books == NULL || world->actions == NULL)
        abort();
    on_start(world, &world->snapshots[0]); /* nothing */
}

static void end(struct world *world)
{
    core_destroy(world->core);
    core_actions_destroy(world->actions);
    books_destroy(world->books);
    world->core = NULL;
    free(world->disk.unsent);
    world->disk = (struct disk){.last_closed = 0};
    for (size_t i = 0; i < SNAPSHOTS; i++) {
        free(world->snapshots[i].unsent);
        world->snapshots[i] = (struct disk){.last_closed = 0};
    }
}

static void run_world(struct world *world, uint64_t seed, uint64_t *events)
{
    begin(world, seed);
    for (unsigned i = 0; *world->difference == '\0' && i < EVENTS_PER_WORLD; i++, ++*events)
        happen(world);
    if (*world->difference == '\0')
        deliver(world);
    if (*world->difference == '\0')
        check_closed(world);
    end(world);
}

int main(int argc, char **argv)
{
    uint64_t seed = CHANCE_SEED_DEFAULT, events = 0, wanted = EVENTS_DEFAULT;
    bool expects_difference = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--expect-difference") == 0)
            expects_difference = true;
        else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--events") == 0)
            wanted = strtoull(argv[++i], NULL, 10);
    }
    struct world *world = calloc(1, sizeof(*world));
    if (world == NULL)
        return 1;
    printf("TAP version 13\n1..1\n# seed %" PRIu64 "\n", seed);
    uint64_t chance = seed, of_world = 0;
    while (*world->difference == '\0' && events < wanted) {
        of_world = chance_next(&chance);
        run_world(world, of_world, &events);
    }
    bool sees =
        world->set_back > events / 200 && world->renumbered > events / 400 && world->dealt_with > events / 10;
    if (*world->difference == '\0' && !sees)
        differ(world, "too little happened: the test sees nothing");
    if (*world->difference != '\0')
        printf("# after event %" PRIu64 " of seed %" PRIu64 ": %s\n", events, seed, world->difference);
    bool good = (*world->difference != '\0') == expects_difference;
    printf("%sok 1 - %" PRIu64 " events: set back %" PRIu64 " times, numbered on %" PRIu64 " times, %" PRIu64
           " windows were repetitions; none is lost or counts twice\n",
           good ? "" : "not ", events, world->set_back, world->renumbered, world->dealt_with);
    free(world);
    return good ? 0 : 1;
}
