/* test_roster_property.c - the roster against the model of RULES §2.4, §2.8, §2.9, through many small random
 * worlds: host sets, brokers' puts, ends and sets, reboots, leases, restarts.
 *
 *     roster_property [--seed N] [--events N]
 *
 * A failing run prints the seed and the event; the same seed replays it. */
#include "chance.h"
#include "roster_model.h"

#include "agent/core/core_error.h"
#include "agent/core/tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_DEFAULT   200000
#define EVENTS_PER_WORLD 300
#define LEASE_MS         INT64_C(600000)
#define T0               INT64_C(1700000400000)
#define COUNT(array)     (sizeof(array) / sizeof((array)[0]))

static const char *const hosts[] = {"h1", "h2", "h3"};
/* Broker's and host's ids overlap, so that one is taken for the other. */
static const char *const host_ids[] = {"1",  "2",  "3",
                                       "17", "b1", "an id of a host that is longer than a record"};
static const char *const broker_ids[] = {"b1", "b2", "17", "1", "b-with-a-name-longer-than-any-record-holds"};
static const struct {
    const char *user;
    unsigned person;
} users[] = {{"alice", 0}, {"bob", 1}, {"CORP\\carol", 2}, {"corp\\CAROL", 2}, {"Alice", 3}};

static unsigned person_of(const char *user)
{
    for (size_t i = 0; i < COUNT(users); i++)
        if (strcmp(users[i].user, user) == 0)
            return users[i].person;
    abort();
}

/* What the changes that were told add up to: what a store would hold. */
struct shadow {
    struct roster_change held[ROSTER_MODEL_SESSIONS_MAX];
    char texts[ROSTER_MODEL_SESSIONS_MAX][4][64];
    size_t count;
};

struct world {
    struct tally *tally;
    struct roster *roster;
    struct roster_model model;
    struct shadow shadow;
    uint64_t chance;
    int64_t now_ms;
    char difference[512];
};

static size_t shadow_find(const struct shadow *shadow, const char *host, const char *id)
{
    size_t at = 0;
    while (at < shadow->count && (strcmp(shadow->held[at].connection.host, host) != 0 ||
                                  strcmp(shadow->held[at].connection.id, id) != 0))
        at++;
    return at;
}

static void shadow_point(struct shadow *shadow, size_t at)
{
    struct roster_change *change = &shadow->held[at];
    change->connection.host = shadow->texts[at][0];
    change->connection.id = shadow->texts[at][1];
    change->connection.user = shadow->texts[at][2];
    change->broker_id = shadow->texts[at][3];
}

static void shadow_put(struct shadow *shadow, size_t at, const struct roster_change *change)
{
    const char *const texts[] = {change->connection.host, change->connection.id, change->connection.user,
                                 change->broker_id};
    for (size_t i = 0; i < 4; i++)
        (void)snprintf(shadow->texts[at][i], sizeof(shadow->texts[at][i]), "%s", texts[i]);
    shadow->held[at] = *change;
    shadow_point(shadow, at);
}

static void hear(void *data, const struct roster_change *change)
{
    struct world *world = data;
    struct shadow *shadow = &world->shadow;
    size_t at = shadow_find(shadow, change->connection.host, change->connection.id);
    bool is_live = at < shadow->count;
    if (is_live == (change->type == ROSTER_OPENED))
        (void)snprintf(world->difference, sizeof(world->difference), "change %d of %s/%s while it is %slive",
                       (int)change->type, change->connection.host, change->connection.id,
                       is_live ? "" : "not ");
    if (change->type != ROSTER_ENDED) {
        shadow->count += !is_live;
        shadow_put(shadow, at, change);
    } else if (is_live) {
        shadow->count--;
        memcpy(shadow->texts[at], shadow->texts[shadow->count], sizeof(shadow->texts[at]));
        shadow->held[at] = shadow->held[shadow->count];
        shadow_point(shadow, at);
    }
}

/* ---- comparing ----------------------------------------------------------------------------------------- */

static bool same_view(const struct roster_change *a, const struct roster_change *b)
{
    const struct connection *x = &a->connection, *y = &b->connection;
    return strcmp(x->user, y->user) == 0 && x->connected_at_ms == y->connected_at_ms && x->kind == y->kind &&
           x->route == y->route && x->state == y->state && x->administrator == y->administrator &&
           a->reported_by == b->reported_by && strcmp(a->broker_id, b->broker_id) == 0 &&
           a->lease_at_ms == b->lease_at_ms;
}

static void describe(char *to, size_t bytes, const struct roster_change *view)
{
    const struct connection *c = &view->connection;
    (void)snprintf(to, bytes, "%s at %+" PRId64 " %s %s %s admin=%s by=%u broker=\"%s\" lease=%+" PRId64,
                   c->user, c->connected_at_ms - T0, connection_kind_name(c->kind),
                   connection_route_name(c->route), connection_state_name(c->state),
                   administrator_name(c->administrator), view->reported_by, view->broker_id,
                   view->lease_at_ms ? view->lease_at_ms - T0 : 0);
}

static void compare_one(void *data, const struct roster_change *live)
{
    struct world *world = data;
    const struct connection *connection = &live->connection;
    const struct roster_model_session *session =
        roster_model_find(&world->model, connection->host, connection->id);
    char is[200], should[200] = "not live";
    struct roster_change view = {0};
    if (session != NULL) {
        view = roster_model_view(session);
        describe(should, sizeof(should), &view);
    }
    describe(is, sizeof(is), live);
    if (session == NULL || !same_view(live, &view))
        (void)snprintf(world->difference, sizeof(world->difference), "%s/%s is %s, should be %s",
                       connection->host, connection->id, is, should);
    size_t at = shadow_find(&world->shadow, connection->host, connection->id);
    if (at == world->shadow.count || !same_view(live, &world->shadow.held[at]))
        (void)snprintf(world->difference, sizeof(world->difference), "%s/%s is %s, but that was not told",
                       connection->host, connection->id, is);
}

static bool agrees(struct world *world)
{
    size_t live = tally_level(world->tally)->connections;
    roster_each(world->roster, compare_one, world);
    if (*world->difference == '\0' && (live != world->model.count || live != world->shadow.count))
        (void)snprintf(world->difference, sizeof(world->difference),
                       "%zu are live, should be %zu, told were %zu", live, world->model.count,
                       world->shadow.count);
    int64_t due_ms = roster_due_ms(world->roster, LEASE_MS);
    if (*world->difference == '\0' && due_ms != roster_model_due_ms(&world->model, LEASE_MS))
        (void)snprintf(world->difference, sizeof(world->difference), "due is %+" PRId64, due_ms - T0);
    return *world->difference == '\0';
}

/* ---- events -------------------------------------------------------------------------------------------- */

static struct connection random_connection(struct world *world, const char *host, bool by_host)
{
    uint64_t *chance = &world->chance;
    struct connection connection = {
        .host = host,
        .id = by_host ? host_ids[chance_below(chance, COUNT(host_ids))]
                      : broker_ids[chance_below(chance, COUNT(broker_ids))],
        .user = users[chance_below(chance, COUNT(users))].user,
        .kind = (enum connection_kind)chance_below(chance, KIND_MAX),
        .route = (enum connection_route)chance_below(chance, ROUTE_MAX),
        .state = (enum connection_state)chance_below(chance, CONNECTION_STATE_MAX),
        .administrator = (enum administrator)chance_below(chance, ADMINISTRATOR_MAX),
    };
    if (!chance_percent(chance, 20)) /* often just at the bounds of the window for pairs */
        connection.connected_at_ms =
            T0 + (int64_t)chance_below(chance, 8) * (ROSTER_PAIR_WINDOW_MS / 2) + chance_below(chance, 2);
    return connection;
}

static size_t random_set(struct world *world, const char *host, bool by_host, struct connection *ret)
{
    size_t count = 0;
    for (size_t i = 0; by_host && i < world->model.count; i++) { /* most sessions stay */
        const struct roster_model_session *session = &world->model.sessions[i];
        if (session->by_host && strcmp(session->host.host, host) == 0 && chance_percent(&world->chance, 80))
            ret[count++] = session->host;
    }
    for (size_t i = chance_below(&world->chance, 4); i > 0; i--)
        ret[count++] = random_connection(world, host, by_host);
    return count;
}

static bool restart(struct world *world)
{
    struct tally_settings settings = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT};
    roster_destroy(world->roster);
    tally_destroy(world->tally);
    world->tally = tally_create(&settings);
    world->roster = roster_create(world->tally, settings.seed, hear, world);
    for (size_t i = 0; i < world->shadow.count; i++)
        if (roster_restore(world->roster, &world->shadow.held[i]) != 0)
            (void)snprintf(world->difference, sizeof(world->difference), "what was told is not restored");
    roster_model_restart(&world->model);
    return *world->difference == '\0';
}

static bool happen(struct world *world)
{
    struct connection set[ROSTER_MODEL_SESSIONS_MAX];
    const char *host = hosts[chance_below(&world->chance, COUNT(hosts))];
    const char *id = chance_percent(&world->chance, 50)
                         ? host_ids[chance_below(&world->chance, COUNT(host_ids))]
                         : broker_ids[chance_below(&world->chance, COUNT(broker_ids))];
    unsigned event = chance_below(&world->chance, 100);
    size_t count;
    world->now_ms += chance_below(&world->chance, 60000);
    if (event < 35) {
        count = random_set(world, host, true, set);
        roster_model_host_set(&world->model, host, set, count, world->now_ms);
        return roster_host_set(world->roster, host, set, count, world->now_ms) == 0;
    }
    if (event < 65) {
        set[0] = random_connection(world, host, false);
        roster_model_put(&world->model, &set[0], world->now_ms);
        return roster_broker_put(world->roster, &set[0], world->now_ms) == 0;
    }
    if (event < 80) {
        bool known = roster_model_end(&world->model, host, id);
        return roster_broker_end(world->roster, host, id, world->now_ms) == (known ? 0 : CORE_UNKNOWN);
    }
    if (event < 88) {
        count = random_set(world, host, false, set);
        roster_model_broker_set(&world->model, host, set, count, world->now_ms);
        return roster_broker_set(world->roster, host, set, count, world->now_ms) == 0;
    }
    if (event < 94) {
        roster_model_expire(&world->model, LEASE_MS, world->now_ms);
        roster_expire(world->roster, LEASE_MS, world->now_ms);
    } else if (event < 97) {
        roster_model_host_gone(&world->model, host);
        roster_host_gone(world->roster, host);
    } else {
        return restart(world);
    }
    return true;
}

static bool run_world(struct world *world, uint64_t seed, uint64_t *events)
{
    memset(world, 0, sizeof(*world));
    world->chance = seed;
    world->now_ms = T0;
    world->model.person_of = person_of;
    bool agree = restart(world);
    for (unsigned i = 0; agree && i < EVENTS_PER_WORLD; i++, ++*events) {
        if (!happen(world) && *world->difference == '\0')
            (void)snprintf(world->difference, sizeof(world->difference), "an event failed");
        agree = agrees(world);
    }
    roster_destroy(world->roster);
    tally_destroy(world->tally);
    return agree;
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
    bool agree = true;
    while (agree && events < wanted)
        agree = run_world(world, chance_next(&chance), &events);
    if (!agree)
        printf("# after event %" PRIu64 " of seed %" PRIu64 ": %s\n", events, seed, world->difference);
    printf("%sok 1 - %" PRIu64 " random events: roster and model agree\n", agree ? "" : "not ", events);
    free(world);
    return agree ? 0 : 1;
}
