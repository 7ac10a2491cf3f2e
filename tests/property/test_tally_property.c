/* test_tally_property.c - the tally against the model of RULES §2, through many small random worlds.
 *
 *     tally_property [--seed N] [--events N] [--expect-difference]
 *
 * A failing run prints the seed and the event; the same seed replays it. With --expect-difference (for the
 * planted mistakes) a difference in the level is what is wanted. */
#include "chance.h"
#include "tally_model.h"

#include "agent/core/core_error.h"
#include "agent/core/reclaim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_DEFAULT       1200000
#define EVENTS_PER_WORLD     400
#define EVENTS_PER_BIG_WORLD 30000
#define BIG_WORLD_EVERY      400  /* worlds */
#define BIG_COMPARE_EVERY    2500 /* events */
#define PERSONS_MAX          400
#define HOSTS_MAX            40
#define IDS_MAX              60
#define TEXT_BYTES           160

/* ---- names --------------------------------------------------------------------------------------------- */

static const struct identity_alias aliases[] = {{"corp.example", "CORP"}, {"ÉCOLE.example", "ecole"}};

/* Spellings and who they are, with the aliases above and without: equal numbers are one user (RULES §2.5). */
static const struct spelling {
    const char *user;
    unsigned person, person_without_aliases;
} spellings[] = {
    {"alice", 0, 0},
    {"Alice", 1, 1},
    {"CORP\\bob", 2, 2},
    {"corp\\BOB", 2, 2},
    {"Bob@Corp.Example", 2, 3},
    {"bob@corp.example", 2, 3},
    {"bob@other.example", 4, 4},
    {"bob", 5, 5},
    {"corp\\bob@corp.example", 6, 6},
    {"ecole\\\u00c9l\u00c8ve", 7, 7},
    {"\u00e9l\u00e8VE@\u00e9cole.EXAMPLE", 7, 8},
    {"\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3@hades", 9, 9},
    {"\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2@hades", 9, 9},
    {"HOST7\\Administrator-of-Everything-and-More", 10, 10},
    {"host7\\administrator-of-everything-and-more", 10, 10},
    {"an-unusually-long-unix-name-of-forty-bytes", 11, 11},
    {"an-unusually-long-unix-name-of-forty-Bytes", 12, 12},
    {"caf\u00e9", 13, 13},
    {"caf\u00c9", 14, 14},
    {"corp\\stra\u00dfe", 15, 15},
    {"corp\\STRA\u1e9eE", 15, 15},
    {"corp\\strasse", 16, 16},
};
#define SPELLINGS      (sizeof spellings / sizeof *spellings)
#define PERSONS_LISTED 17

static const char *const odd_ids[] = {"1",
                                      "10",
                                      "2",
                                      "a",
                                      "A",
                                      "c1",
                                      "\u00e9",
                                      "session-of-eighteen",
                                      "session-of-eighteen-and-more",
                                      "c2",
                                      "c9",
                                      "0xa96e8",
                                      "17bytes-in-record",
                                      "18bytes-not-in-rec",
                                      "z",
                                      "~"};
#define ODD_IDS (sizeof odd_ids / sizeof *odd_ids)

/* ---- a world ------------------------------------------------------------------------------------------- */

struct world {
    uint64_t chance;
    unsigned hosts, ids, persons, times, administrators_percent;
    bool with_aliases;
    struct tally_settings settings;
    struct tally *tally;
    struct model *model, *rest; /* rest: what of it is left when some have ended */
    char host_names[HOSTS_MAX][TEXT_BYTES], id_names[IDS_MAX][TEXT_BYTES];
    char user_names[PERSONS_MAX][2][TEXT_BYTES]; /* beyond those listed, in two spellings */
    char difference[512];
};

static void world_names(struct world *world)
{
    for (unsigned i = 0; i < HOSTS_MAX; i++)
        snprintf(world->host_names[i], TEXT_BYTES,
                 i % 2 ? "srv%02u" : "srv%02u.with-a-long-name.corp.example", i);
    for (unsigned i = 0; i < IDS_MAX; i++)
        if (i < ODD_IDS)
            snprintf(world->id_names[i], TEXT_BYTES, "%s", odd_ids[i]);
        else
            snprintf(world->id_names[i], TEXT_BYTES, "%u", i);
    for (unsigned i = 0; i < PERSONS_MAX; i++) {
        snprintf(world->user_names[i][0], TEXT_BYTES, i % 2 ? "user%u" : "CORP\\User%u", i);
        snprintf(world->user_names[i][1], TEXT_BYTES, i % 2 ? "user%u" : "corp\\uSER%u", i);
    }
}

static void choose_settings(struct world *world)
{
    static const unsigned routes[] = {ROUTES_COUNTED_DEFAULT,
                                      ROUTES_COUNTED_DEFAULT,
                                      ROUTES_COUNTED_DEFAULT,
                                      0x1f,
                                      0x12,
                                      ROUTE_BIT(ROUTE_RDP),
                                      0};
    uint64_t *chance = &world->chance;
    world->with_aliases = chance_percent(chance, 50);
    world->settings = (struct tally_settings){
        .count_disconnected = chance_percent(chance, 60),
        .routes_counted = routes[chance_below(chance, sizeof routes / sizeof *routes)],
        .aliases = aliases,
        .alias_count = world->with_aliases ? sizeof aliases / sizeof *aliases : 0,
    };
    for (size_t i = 0; i < TALLY_SEED_BYTES; i++)
        world->settings.seed[i] = (uint8_t)chance_next(chance);
    world->model->count_disconnected = world->settings.count_disconnected;
    world->model->routes_counted = world->settings.routes_counted;
}

static bool world_begin(struct world *world, uint64_t seed, bool big)
{
    static const unsigned administrators[] = {10, 50, 95};
    static const unsigned times[] = {1, 3, 1000};
    world->chance = seed;
    uint64_t *chance = &world->chance;
    world->hosts = big ? HOSTS_MAX : 1 + chance_below(chance, 3);
    world->ids = big ? IDS_MAX : 2 + chance_below(chance, 9);
    world->persons = big ? PERSONS_MAX : 1 + chance_below(chance, 24);
    world->times = times[chance_below(chance, 3)];
    world->administrators_percent = administrators[chance_below(chance, 3)];
    world->model->count = 0;
    choose_settings(world);
    world->tally = tally_create(&world->settings);
    return world->tally != NULL;
}

/* A name in some spelling, and whose it is. */
static const char *choose_user(struct world *world, unsigned *ret_person)
{
    unsigned number = chance_below(&world->chance, world->persons);
    if (number < SPELLINGS) {
        *ret_person =
            world->with_aliases ? spellings[number].person : spellings[number].person_without_aliases;
        return spellings[number].user;
    }
    *ret_person = PERSONS_LISTED + number;
    return world->user_names[number][chance_below(&world->chance, 2)];
}

static struct connection choose_connection(struct world *world, unsigned *ret_person)
{
    uint64_t *chance = &world->chance;
    bool administrator = chance_percent(chance, world->administrators_percent);
    return (struct connection){
        .host = world->host_names[chance_below(chance, world->hosts)],
        .id = world->id_names[chance_below(chance, world->ids)],
        .user = choose_user(world, ret_person),
        .connected_at_ms = INT64_C(1767225600000) + chance_below(chance, world->times),
        .kind = chance_percent(chance, 70) ? KIND_DESKTOP : KIND_APPLICATION,
        .route = (enum connection_route)chance_below(chance, chance_percent(chance, 80) ? ROUTE_RDP_TUNNEL + 1
                                                                                        : ROUTE_MAX),
        .state = chance_percent(chance, 25) ? CONNECTION_DISCONNECTED : CONNECTION_ACTIVE,
        .administrator = administrator                ? ADMINISTRATOR_YES
                         : chance_percent(chance, 20) ? ADMINISTRATOR_UNKNOWN
                                                      : ADMINISTRATOR_NO,
    };
}

/* ---- events -------------------------------------------------------------------------------------------- */

static void event_put(struct world *world, const struct connection *connection, unsigned person)
{
    unsigned tag = chance_below(&world->chance, 1000);
    if (tally_put(world->tally, connection, tag) != 0)
        snprintf(world->difference, sizeof world->difference, "tally_put failed");
    model_put(world->model, connection, person, tag);
}

/* One thing about a live connection changes, as rule 4 of RULES §2 has it. */
static void event_change(struct world *world)
{
    if (world->model->count == 0)
        return;
    uint64_t *chance = &world->chance;
    unsigned person, ignored;
    const struct model_connection *live =
        &world->model->live[chance_below(chance, (unsigned)world->model->count)];
    struct connection connection = live->connection, other = choose_connection(world, &person);
    ignored = person;
    person = live->person;
    switch (chance_below(chance, 6)) {
    case 0:
        connection.kind = other.kind;
        break;
    case 1:
        connection.route = other.route;
        break;
    case 2:
        connection.state = other.state;
        break;
    case 3:
        connection.administrator = other.administrator;
        break;
    case 4:
        connection.connected_at_ms = other.connected_at_ms;
        break;
    default:
        connection.user = other.user;
        person = ignored;
    }
    event_put(world, &connection, person);
}

static void event_end(struct world *world, const char *host, const char *id)
{
    int expected = model_end(world->model, host, id) ? 0 : CORE_UNKNOWN;
    if (tally_end(world->tally, host, id) != expected)
        snprintf(world->difference, sizeof world->difference, "tally_end of %s on %s", id, host);
}

static void rename_persons(struct world *world)
{
    for (size_t i = 0; i < world->model->count; i++)
        for (size_t s = 0; s < SPELLINGS; s++)
            if (strcmp(world->model->live[i].connection.user, spellings[s].user) == 0)
                world->model->live[i].person =
                    world->with_aliases ? spellings[s].person : spellings[s].person_without_aliases;
}

static void event_settings(struct world *world)
{
    choose_settings(world);
    rename_persons(world);
    if (tally_reconfigure(world->tally, &world->settings) != 0)
        snprintf(world->difference, sizeof world->difference, "tally_reconfigure failed");
}

static void event(struct world *world)
{
    unsigned person, die = chance_below(&world->chance, 1000);
    struct connection connection = choose_connection(world, &person);
    if (die < 2)
        event_settings(world);
    else if (die < 300)
        event_end(world, connection.host, connection.id);
    else if (die < 500)
        event_change(world);
    else
        event_put(world, &connection, person);
}

/* ---- comparing ----------------------------------------------------------------------------------------- */

#define DIFFERS(...) (snprintf(world->difference, sizeof world->difference, __VA_ARGS__), false)

static bool level_agrees(struct world *world)
{
    const struct tally_level *got = tally_level(world->tally);
    struct tally_level want = model_level(world->model);
    if (memcmp(got, &want, sizeof want) == 0)
        return true;
    return DIFFERS("level: concurrent %u (want %u), users %u (%u), connections %u (%u), consuming %u (%u), "
                   "exempt %u (%u), disconnected %u (%u), hosts %u (%u)",
                   got->concurrent_users, want.concurrent_users, got->users, want.users, got->connections,
                   want.connections, got->consuming, want.consuming, got->exempt, want.exempt,
                   got->disconnected, want.disconnected, got->hosts, want.hosts);
}

static bool connections_agree(struct world *world)
{
    for (size_t i = 0; i < world->model->count; i++) {
        const struct model_connection *want = &world->model->live[i];
        const struct connection *c = &want->connection;
        struct tally_entry got;
        if (!tally_find(world->tally, c->host, c->id, &got))
            return DIFFERS("%s on %s is not found", c->id, c->host);
        if (got.reason != world->model->reasons[i])
            return DIFFERS("%s on %s: %s, want %s", c->id, c->host, tally_reason_name(got.reason),
                           tally_reason_name(world->model->reasons[i]));
        if (strcmp(got.connection.user, c->user) != 0 || strcmp(got.connection.id, c->id) != 0 ||
            strcmp(got.connection.host, c->host) != 0 ||
            got.connection.connected_at_ms != c->connected_at_ms || got.connection.kind != c->kind ||
            got.connection.route != c->route || got.connection.state != c->state ||
            got.connection.administrator != c->administrator || got.tag != want->tag)
            return DIFFERS("%s on %s is not as it was put", c->id, c->host);
    }
    return true;
}

static bool users_agree(struct world *world)
{
    for (size_t i = 0; i < world->model->count; i++) {
        const struct model_connection *live = &world->model->live[i];
        const char *host = world->host_names[i % world->hosts];
        struct tally_user got, want = model_user(world->model, live->person);
        if (!tally_user(world->tally, live->connection.user, &got) || got.connections != want.connections ||
            got.consuming != want.consuming)
            return DIFFERS("user %s: %u connections (want %u), %u consuming (want %u)", live->connection.user,
                           got.connections, want.connections, got.consuming, want.consuming);
        if (tally_user_on_host(world->tally, live->connection.user, host) !=
            model_user_on_host(world->model, live->person, host))
            return DIFFERS("user %s on %s", live->connection.user, host);
    }
    return true;
}

static bool count_connections(void *data, const struct tally_entry *entry)
{
    (void)entry;
    ++*(uint32_t *)data;
    return true;
}

static bool count_users(void *data, const struct tally_user *user)
{
    (void)user;
    ++*(uint32_t *)data;
    return true;
}

static bool count_hosts(void *data, const char *host, uint32_t connections)
{
    (void)host;
    *(uint64_t *)data += (UINT64_C(1) << 32) + connections;
    return true;
}

static bool visits_agree(struct world *world)
{
    const struct tally_level *level = tally_level(world->tally);
    uint32_t connections = 0, users = 0, by_host = 0;
    uint64_t hosts = 0;
    tally_each(world->tally, NULL, NULL, count_connections, &connections);
    tally_each_user(world->tally, count_users, &users);
    tally_each_host(world->tally, count_hosts, &hosts);
    for (unsigned i = 0; i < world->hosts; i++) {
        const char *host = world->host_names[i];
        tally_each(world->tally, host, NULL, count_connections, &by_host);
        if (tally_host_exempt(world->tally, host) != model_host_exempt(world->model, host))
            return DIFFERS("exempt places of %s", host);
    }
    if (connections != level->connections || users != level->users || by_host != level->connections ||
        hosts != ((uint64_t)level->hosts << 32) + level->connections)
        return DIFFERS("visits: %u connections, %u users, %u by host", connections, users, by_host);
    return true;
}

/* Ends them in a copy of the model, and counts anew. */
static uint32_t model_savings(struct world *world, const char *host)
{
    struct model *rest = world->rest;
    rest->count_disconnected = world->model->count_disconnected;
    rest->routes_counted = world->model->routes_counted;
    rest->count = 0;
    for (size_t i = 0; i < world->model->count; i++) {
        const struct connection *connection = &world->model->live[i].connection;
        bool ends = connection->state == CONNECTION_DISCONNECTED &&
                    connection->administrator == ADMINISTRATOR_NO &&
                    (host == NULL || strcmp(host, connection->host) == 0);
        if (!ends)
            rest->live[rest->count++] = world->model->live[i];
    }
    model_judge(rest);
    return model_level(world->model).concurrent_users - model_level(rest).concurrent_users;
}

static bool savings_agree(struct world *world)
{
    const char *host = world->host_names[world->model->count % world->hosts];
    uint32_t all = reclaim_saves(world->tally, NULL, NULL), of_host = reclaim_saves(world->tally, NULL, host);
    if (all != model_savings(world, NULL) || of_host != model_savings(world, host))
        return DIFFERS("savings: %u (want %u), on %s %u (want %u)", all, model_savings(world, NULL), host,
                       of_host, model_savings(world, host));
    return true;
}

static bool agrees(struct world *world)
{
    model_judge(world->model);
    return world->difference[0] == '\0' && level_agrees(world) && connections_agree(world) &&
           users_agree(world) && visits_agree(world) && savings_agree(world);
}

/* ---- the run ------------------------------------------------------------------------------------------- */

/* For planted mistakes: the licensed number itself must come out wrong, not only a reason's name. */
static bool levels_agree(struct world *world)
{
    model_judge(world->model);
    return level_agrees(world);
}

static bool run_world(struct world *world, uint64_t seed, bool big, bool (*compare)(struct world *),
                      uint64_t *ret_events)
{
    unsigned events = big ? EVENTS_PER_BIG_WORLD : EVENTS_PER_WORLD;
    bool same = world_begin(world, seed, big);
    if (!same)
        snprintf(world->difference, sizeof world->difference, "tally_create failed");
    for (unsigned i = 1; same && i <= events; i++) {
        event(world);
        ++*ret_events;
        if (!big || i % BIG_COMPARE_EVERY == 0)
            same = compare(world);
    }
    tally_destroy(world->tally);
    return same;
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
    uint64_t seed = CHANCE_SEED_DEFAULT, events_wanted = EVENTS_DEFAULT, events = 0;
    bool expect_difference = false, same = true;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--expect-difference") == 0)
            expect_difference = true;
        else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0)
            seed = number_of(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--events") == 0)
            events_wanted = number_of(argv[++i]);
        else
            return fprintf(stderr, "usage: %s [--seed N] [--events N] [--expect-difference]\n", argv[0]), 64;
    }
    struct world *world = calloc(1, sizeof *world);
    struct model *model = calloc(1, sizeof *model), *rest = calloc(1, sizeof *rest);
    if (world == NULL || model == NULL || rest == NULL)
        return 1;
    world->model = model;
    world->rest = rest;
    world_names(world);

    printf("TAP version 13\n1..1\n# seed %" PRIu64 "\n", seed);
    uint64_t chance = seed;
    for (unsigned number = 1; same && events < events_wanted; number++)
        same = run_world(world, chance_next(&chance), number % BIG_WORLD_EVERY == 0,
                         expect_difference ? levels_agree : agrees, &events);
    if (!same)
        printf("# after event %" PRIu64 " of seed %" PRIu64 ": %s\n", events, seed, world->difference);
    printf("%sok 1 - %" PRIu64 " random events: %s\n", same == expect_difference ? "not " : "", events,
           expect_difference ? "the planted mistake is found" : "tally and model agree");
    free(rest);
    free(model);
    free(world);
    return same == expect_difference;
}
