/* test_reclaim_property.c - since when connections are disconnected, and when that is said, through many
 * small random worlds: sessions of hosts and brokers, licence time in both directions, other settings,
 * restarts.
 *
 *     reclaim_property [--seed N] [--events N]
 *
 * The model is a list of ages and a walk over it. After every event the core is given its timer, so that all
 * that is due has been said: exactly once, of exactly those of whom it may be. A failing run prints the seed
 * and the event; the same seed replays it. */
#include "chance.h"
#include "roster_model.h"

#include "agent/core/core.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_DEFAULT   100000
#define EVENTS_PER_WORLD 300
#define T0               INT64_C(1700000400000)
#define MINUTE           INT64_C(60000)
#define LIVE_MAX         64
#define SAID_MAX         64
#define COUNT(array)     (sizeof(array) / sizeof((array)[0]))

/* No id is a host's and a broker's: which session is whose is the roster's test. */
static const char *const hosts[] = {"h1", "h2"};
static const char *const host_ids[] = {"1", "2", "3", "4"};
static const char *const broker_ids[] = {"b1", "b2", "b3"};
static const char *const users[] = {"alice", "bob", "carol", "dave"};

static unsigned person_of(const char *user)
{
    unsigned person = 0;
    while (strcmp(users[person], user) != 0)
        person++;
    return person;
}

/* A live connection as the model has it. */
struct age {
    char host[8], id[8], user[8];
    int64_t since_ms; /* 0: active */
    bool said, reclaimable;
};

struct ages {
    struct age all[LIVE_MAX];
    size_t count;
};

struct said {
    char host[8], id[8];
    int64_t since_ms;
};

struct world {
    uint64_t chance;
    int64_t now_ms;
    struct core *core;
    struct core_settings settings;
    struct core_actions *actions;
    struct grant grant; /* the last one */
    struct standing standing;
    struct roster_model model;
    struct ages ages;
    struct said said[SAID_MAX], expected[SAID_MAX]; /* of the event under way */
    size_t said_count, expected_count;
    uint64_t total; /* that was said */
    struct roster_change stored[LIVE_MAX];
    char texts[LIVE_MAX][4][8];
    size_t stored_count;
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

/* ---- what the core does -------------------------------------------------------------------------------- */

static void keep(char to[8], const char *text)
{
    (void)snprintf(to, 8, "%s", text);
}

static size_t stored_at(const struct world *world, const struct connection *connection)
{
    size_t at = 0;
    while (at < world->stored_count && (strcmp(world->texts[at][0], connection->host) != 0 ||
                                        strcmp(world->texts[at][1], connection->id) != 0))
        at++;
    return at;
}

static void point(struct world *world, size_t at)
{
    struct roster_change *change = &world->stored[at];
    change->connection.host = world->texts[at][0];
    change->connection.id = world->texts[at][1];
    change->connection.user = world->texts[at][2];
    change->broker_id = world->texts[at][3];
}

static void store(struct world *world, const struct persist *persist)
{
    const struct connection *connection = &persist->connection.connection;
    if (persist->type == PERSIST_STANDING)
        world->standing = persist->standing;
    if (persist->type != PERSIST_CONNECTION && persist->type != PERSIST_CONNECTION_ENDED)
        return;
    size_t at = stored_at(world, connection), last = world->stored_count - 1;
    if (persist->type == PERSIST_CONNECTION) {
        world->stored_count += at == world->stored_count;
        keep(world->texts[at][0], connection->host);
        keep(world->texts[at][1], connection->id);
        keep(world->texts[at][2], connection->user);
        keep(world->texts[at][3], persist->connection.broker_id);
        world->stored[at] = persist->connection;
    } else {
        memcpy(world->texts[at], world->texts[last], sizeof(world->texts[at]));
        world->stored[at] = world->stored[last];
        world->stored_count--;
    }
    point(world, at);
}

static void hear(struct world *world, const struct log_event *event)
{
    if (event->code != LOG_reclaim_due)
        return;
    if (world->said_count == SAID_MAX)
        abort();
    struct said *said = &world->said[world->said_count++];
    keep(said->host, event->fields[1].text);
    keep(said->id, event->fields[2].text);
    said->since_ms = event->fields[3].number;
    if (event->at_ms < said->since_ms)
        differ(world, "said before it began");
}

static void step(struct world *world, const struct core_event *event)
{
    size_t count;
    core_actions_clear(world->actions);
    (void)core_step(world->core, event, world->now_ms, world->actions);
    const struct action *all = core_actions_all(world->actions, &count);
    for (size_t i = 0; i < count; i++) {
        if (all[i].type == ACTION_PERSIST)
            store(world, &all[i].persist);
        else if (all[i].type == ACTION_LOG)
            hear(world, &all[i].log);
    }
}

static void simple(struct world *world, enum core_event_type type)
{
    step(world, &(struct core_event){.type = type});
}

/* ---- what it should do --------------------------------------------------------------------------------- */

static struct age *find_age(struct ages *ages, const char *host, const char *id)
{
    for (size_t i = 0; i < ages->count; i++)
        if (strcmp(ages->all[i].host, host) == 0 && strcmp(ages->all[i].id, id) == 0)
            return &ages->all[i];
    return NULL;
}

static bool is_reclaimable(const struct world *world, const struct roster_change *view)
{
    return view->connection.administrator == ADMINISTRATOR_NO &&
           (view->reported_by & REPORTED_BY_HOST) != 0 &&
           (ROUTE_BIT(view->connection.route) & ROUTES_COUNTED_DEFAULT) != 0 &&
           world->settings.tally.count_disconnected;
}

/* What goes on from what was: the same session, or the broker's record that it has been paired with. */
static struct age age_of(struct world *world, struct ages *before, const struct roster_change *view)
{
    const struct connection *connection = &view->connection;
    struct age age = {.reclaimable = is_reclaimable(world, view)};
    keep(age.host, connection->host);
    keep(age.id, connection->id);
    keep(age.user, connection->user);
    if (connection->state != CONNECTION_DISCONNECTED)
        return age;
    const struct age *was = find_age(before, connection->host, connection->id);
    const struct age *record =
        *view->broker_id != '\0' ? find_age(before, connection->host, view->broker_id) : NULL;
    age.since_ms = world->now_ms;
    if (was != NULL && was->since_ms != 0 && strcmp(was->user, connection->user) == 0) {
        age.since_ms = was->since_ms;
        age.said = was->said;
    } else if (record != NULL && record->since_ms != 0 && strcmp(record->user, connection->user) == 0) {
        age.since_ms = record->since_ms;
    }
    return age;
}

static void follow_model(struct world *world)
{
    struct ages before = world->ages;
    if (world->model.count > LIVE_MAX)
        abort();
    world->ages.count = 0;
    for (size_t i = 0; i < world->model.count; i++) {
        struct roster_change view = roster_model_view(&world->model.sessions[i]);
        world->ages.all[world->ages.count++] = age_of(world, &before, &view);
    }
}

/* Whose time has come by until_ms is to be said with this event. */
static void expect(struct world *world, int64_t until_ms)
{
    int64_t for_ms = world->settings.disconnected_for_ms;
    for (size_t i = 0; for_ms != 0 && i < world->ages.count; i++) {
        struct age *age = &world->ages.all[i];
        if (age->since_ms == 0 || age->said || !age->reclaimable || age->since_ms + for_ms > until_ms)
            continue;
        age->said = true;
        struct said *expected = &world->expected[world->expected_count++];
        keep(expected->host, age->host);
        keep(expected->id, age->id);
        expected->since_ms = age->since_ms;
    }
}

static void check_said(struct world *world)
{
    for (size_t i = 0; i < world->expected_count; i++) {
        const struct said *expected = &world->expected[i];
        size_t at = 0;
        while (at < world->said_count && (strcmp(world->said[at].host, expected->host) != 0 ||
                                          strcmp(world->said[at].id, expected->id) != 0 ||
                                          world->said[at].since_ms != expected->since_ms))
            at++;
        if (at == world->said_count)
            differ(world, "%s on %s is due, which is not said", expected->id, expected->host);
        else
            world->said[at] = world->said[--world->said_count];
    }
    if (world->said_count > 0)
        differ(world, "%s on %s is said, which is not due", world->said[0].id, world->said[0].host);
    world->total += world->expected_count;
}

static void check_ages(struct world *world)
{
    for (size_t i = 0; i < world->ages.count; i++) {
        const struct age *age = &world->ages.all[i];
        struct tally_entry entry;
        if (!tally_find(core_tally(world->core), age->host, age->id, &entry)) {
            differ(world, "%s on %s is not live", age->id, age->host);
            return;
        }
        int64_t since_ms = core_disconnected_since_ms(world->core, entry.number);
        size_t at = stored_at(world, &entry.connection);
        if (since_ms != age->since_ms)
            differ(world, "%s on %s: since %+" PRId64 ", should be %+" PRId64, age->id, age->host,
                   since_ms - T0, age->since_ms - T0);
        else if (at == world->stored_count || world->stored[at].disconnected_at_ms != since_ms)
            differ(world, "%s on %s is stored with another age", age->id, age->host);
    }
}

/* ---- events -------------------------------------------------------------------------------------------- */

static struct connection random_connection(struct world *world, const char *host, const char *id)
{
    uint64_t *chance = &world->chance;
    unsigned administrator = chance_below(chance, 10);
    return (struct connection){
        .host = host,
        .id = id,
        .user = users[chance_below(chance, COUNT(users))],
        .connected_at_ms = T0 + chance_below(chance, 300000),
        .kind = (enum connection_kind)chance_below(chance, KIND_MAX),
        .route = chance_percent(chance, 85) ? ROUTE_RDP : ROUTE_SSH,
        .state = chance_percent(chance, 70) ? CONNECTION_DISCONNECTED : CONNECTION_ACTIVE,
        .administrator =
            administrator < ADMINISTRATOR_MAX ? (enum administrator)administrator : ADMINISTRATOR_NO,
    };
}

/* Mostly what it showed before, some of it changed. */
static void host_set(struct world *world)
{
    const char *host = hosts[chance_below(&world->chance, COUNT(hosts))];
    struct connection set[COUNT(host_ids)];
    size_t count = 0;
    for (size_t i = 0; i < COUNT(host_ids); i++) {
        const struct roster_model_session *live = roster_model_find(&world->model, host, host_ids[i]);
        bool seen = live != NULL && live->by_host;
        if (seen && chance_percent(&world->chance, 70))
            set[count++] = live->host;
        else if (seen && chance_percent(&world->chance, 50)) {
            set[count] = live->host;
            set[count].state = chance_percent(&world->chance, 50);
            set[count++].administrator = (enum administrator)chance_below(&world->chance, ADMINISTRATOR_MAX);
        } else if (chance_percent(&world->chance, 30))
            set[count++] = random_connection(world, host, host_ids[i]);
    }
    struct core_event event = {.type = EVENT_HOST_SET,
                               .set = {.host = host, .connections = set, .count = count}};
    roster_model_host_set(&world->model, host, set, count, world->now_ms);
    step(world, &event);
}

static void broker_event(struct world *world)
{
    const char *host = hosts[chance_below(&world->chance, COUNT(hosts))];
    const char *id = broker_ids[chance_below(&world->chance, COUNT(broker_ids))];
    struct core_event event = {.type = EVENT_BROKER_END, .end = {.host = host, .id = id}};
    if (chance_percent(&world->chance, 30)) {
        (void)roster_model_end(&world->model, host, id);
    } else {
        event.type = EVENT_BROKER_PUT;
        event.put = random_connection(world, host, id);
        roster_model_put(&world->model, &event.put, world->now_ms);
    }
    step(world, &event);
}

static void other_settings(struct world *world)
{
    static const int64_t times_ms[] = {0, 10 * MINUTE, 60 * MINUTE, 180 * MINUTE};
    world->settings.disconnected_for_ms = times_ms[chance_below(&world->chance, COUNT(times_ms))];
    world->settings.tally.count_disconnected = chance_percent(&world->chance, 80);
    struct core_event event = {.type = EVENT_SETTINGS, .settings = &world->settings};
    step(world, &event);
}

static void activate(struct world *world)
{
    world->grant = (struct grant){.serial = 1, .limit = 100, .issued_at_ms = world->now_ms};
    keep(world->grant.farm_id, "farm");
    keep(world->grant.installation_id, "inst");
    step(world, &(struct core_event){
                    .type = EVENT_ACTIVATED,
                    .activated = {.farm_id = "farm", .installation_id = "inst", .grant = &world->grant}});
}

/* A new life: what was said may be said again, once every host has shown its sessions. */
static void restart(struct world *world)
{
    struct core_saved saved = {.connections = world->stored,
                               .connection_count = world->stored_count,
                               .next_sequence = 1,
                               .standing = world->standing,
                               .farm_id = "farm",
                               .installation_id = "inst"};
    core_destroy(world->core);
    world->core = core_create(&world->settings);
    if (world->core == NULL || core_restore(world->core, &saved, world->now_ms) != 0)
        abort();
    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct connection set[COUNT(host_ids)];
        size_t count = 0;
        for (size_t j = 0; j < world->model.count; j++)
            if (world->model.sessions[j].by_host && strcmp(world->model.sessions[j].host.host, hosts[i]) == 0)
                set[count++] = world->model.sessions[j].host;
        step(world, &(struct core_event){.type = EVENT_HOST_SET,
                                         .set = {.host = hosts[i], .connections = set, .count = count}});
    }
    if (world->said_count > 0)
        differ(world, "said before every host has shown its sessions");
    for (size_t i = 0; i < world->ages.count; i++)
        world->ages.all[i].said = false;
    simple(world, EVENT_STARTED);
}

/* The authority's time: a correction that is said moves since when along, and the age stays. */
static void correct(struct world *world)
{
    int64_t span_ms = chance_percent(&world->chance, 50) ? CORE_CLOCK_SAID_MS + 2000 : 180 * MINUTE;
    int64_t by_ms = (int64_t)chance_below(&world->chance, (unsigned)span_ms * 2) - span_ms;
    struct grant *grant = &world->grant;
    if (world->now_ms + by_ms < grant->issued_at_ms) /* which never goes back */
        by_ms = grant->issued_at_ms - world->now_ms;
    grant->serial++;
    grant->issued_at_ms = world->now_ms + by_ms;
    step(world, &(struct core_event){.type = EVENT_ENTITLEMENT, .grant = grant});
    for (size_t i = 0; i < world->ages.count; i++) {
        int64_t *since_ms = &world->ages.all[i].since_ms;
        if (*since_ms != 0 && (by_ms >= CORE_CLOCK_SAID_MS || by_ms <= -CORE_CLOCK_SAID_MS))
            *since_ms += by_ms;
        if (*since_ms > grant->issued_at_ms)
            *since_ms = grant->issued_at_ms;
    }
    world->now_ms = grant->issued_at_ms;
}

static void move_time(struct world *world)
{
    unsigned which = chance_below(&world->chance, 100);
    if (which < 50)
        world->now_ms += (int64_t)chance_below(&world->chance, 30 * MINUTE);
    else if (which < 55)
        world->now_ms -= (int64_t)chance_below(&world->chance, which == 54 ? 30 * 60 * MINUTE : 90 * MINUTE);
    else if (which < 65 && core_due_ms(world->core) > world->now_ms)
        world->now_ms = core_due_ms(world->core);
    for (size_t i = 0; i < world->ages.count; i++)
        if (world->ages.all[i].since_ms > world->now_ms)
            world->ages.all[i].since_ms = world->now_ms;
}

static void happen(struct world *world)
{
    unsigned which = chance_below(&world->chance, 100);
    world->said_count = world->expected_count = 0;
    move_time(world);
    if (which < 95) /* as things stood until now */
        expect(world, world->now_ms - 1);
    if (which < 55)
        host_set(world);
    else if (which < 80)
        broker_event(world);
    else if (which < 86)
        correct(world);
    else if (which < 90)
        simple(world, EVENT_TIMER);
    else if (which < 95)
        other_settings(world);
    else
        restart(world);
    follow_model(world);
    simple(world, EVENT_TIMER);
    expect(world, world->now_ms);
    check_said(world);
    check_ages(world);
}

static bool run_world(struct world *world, uint64_t seed, uint64_t *events)
{
    uint64_t total = world->total;
    memset(world, 0, sizeof(*world));
    world->total = total;
    world->chance = seed;
    world->now_ms = T0;
    world->model.person_of = person_of;
    world->settings = (struct core_settings){
        .tally = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT},
        .disconnected_for_ms = 60 * MINUTE};
    world->core = core_create(&world->settings);
    world->actions = core_actions_create();
    if (world->core == NULL || world->actions == NULL)
        abort();
    activate(world);
    simple(world, EVENT_STARTED);
    for (unsigned i = 0; *world->difference == '\0' && i < EVENTS_PER_WORLD; i++, ++*events)
        happen(world);
    core_destroy(world->core);
    core_actions_destroy(world->actions);
    return *world->difference == '\0';
}

int main(int argc, char **argv)
{
    uint64_t seed = CHANCE_SEED_DEFAULT, events = 0, wanted = EVENTS_DEFAULT;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--events") == 0)
            wanted = strtoull(argv[i + 1], NULL, 10);
    }
    struct world *world = calloc(1, sizeof(*world));
    if (world == NULL)
        return 1;
    printf("TAP version 13\n1..1\n# seed %" PRIu64 "\n", seed);
    uint64_t chance = seed;
    bool alike = true;
    while (alike && events < wanted)
        alike = run_world(world, chance_next(&chance), &events);
    if (alike && world->total < events / 100) {
        alike = false;
        differ(world, "only %" PRIu64 " were said: the test sees nothing", world->total);
    }
    if (!alike)
        printf("# after event %" PRIu64 " of seed %" PRIu64 ": %s\n", events, seed, world->difference);
    printf("%sok 1 - %" PRIu64 " random events: ages are right, and %" PRIu64
           " were said, each once and in time\n",
           alike ? "" : "not ", events, world->total);
    free(world);
    return alike ? 0 : 1;
}
