#include "rules_generator.h"
#include "chance.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_MS     INT64_C(1000)
#define MINUTE_MS     (60 * SECOND_MS)
#define HOUR_MS       (60 * MINUTE_MS)
#define DAY_MS        (24 * HOUR_MS)
#define YEAR_MS       (365 * DAY_MS)
#define T0            INT64_C(1704067200000)
#define FARMS         6
#define HOSTS_MAX     20
#define HOST_LIVE_MAX 10
#define LIVE_MAX      120
#define ADMINS        3 /* the first users are administrators */
#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))

/* What the authority knows of a farm. */
struct subscription {
    uint64_t serial, purchases;
    uint32_t limit;
    int64_t expires_ms;
    bool trial, deactivated, changed;
};

struct generator {
    uint64_t chance;
    struct history *history;
    struct history_run run;
    history_watcher *watcher;
    void *watcher_data;
    bool ended;             /* by the watcher */
    int64_t now_ms, end_ms; /* T */
    unsigned hosts, users, farm;
    int64_t gap_ms;       /* between what happens, about */
    int64_t refresh_ms;   /* of every entitlement */
    bool prompt;          /* reports are answered at once */
    int64_t authority_ms; /* its clock, less T */
    int64_t down_until_ms, mood_until_ms;
    int mood; /* how many users more than the limit are wanted */
    struct subscription subscriptions[FARMS];
    uint64_t serial;
    unsigned next_id, boots[HOSTS_MAX];
    struct rules_settings settings;
};

static bool percent(struct generator *generator, unsigned chance)
{
    return chance_percent(&generator->chance, chance);
}

static unsigned below(struct generator *generator, unsigned bound)
{
    return chance_below(&generator->chance, bound);
}

/* Anything up to a bound, small ones as often as large ones. */
static int64_t up_to(struct generator *generator, int64_t bound_ms)
{
    int64_t limit_ms = bound_ms;
    for (unsigned i = below(generator, 12); i > 0 && limit_ms > 4; i--)
        limit_ms /= 4;
    return (int64_t)(chance_next(&generator->chance) % (uint64_t)(limit_ms + 1));
}

static int64_t licence_ms(const struct generator *generator)
{
    return generator->now_ms + generator->run.offset_ms;
}

static const struct rules_model *model_of(const struct generator *generator)
{
    return generator->run.model;
}

/* ---- lines --------------------------------------------------------------------------------------------- */

static void add_line(struct generator *generator, struct history_line *line)
{
    line->at_ms = generator->now_ms;
    if (generator->ended)
        return;
    history_add(generator->history, line);
    generator->ended = !history_run_line(&generator->run, line, generator->watcher, generator->watcher_data);
}

static void add_event(struct generator *generator, const struct rules_event *event)
{
    struct history_line line = {.verb = HISTORY_STEP, .event = *event};
    add_line(generator, &line);
}

static void add_plain(struct generator *generator, enum rules_event_type type)
{
    add_event(generator, &(struct rules_event){.type = type});
}

static void add_wall(struct generator *generator, int64_t by_ms)
{
    struct history_line line = {.verb = HISTORY_WALL, .wall_ms = by_ms};
    add_line(generator, &line);
}

/* ---- sessions ------------------------------------------------------------------------------------------ */

static bool by_broker_only(unsigned host)
{
    return host % 3 == 2;
}

static void name_host(unsigned host, char name[RULES_NAME_BYTES_MAX + 1])
{
    (void)snprintf(name, RULES_NAME_BYTES_MAX + 1, "h%u", host);
}

static size_t sessions_of(const struct generator *generator, const char *host,
                          struct rules_connection sessions[HISTORY_SET_MAX])
{
    const struct rules_model *model = model_of(generator);
    size_t count = 0;
    for (size_t i = 0; i < model->live_count && count < HISTORY_SET_MAX - 8; i++)
        if (strcmp(model->live[i].host, host) == 0)
            sessions[count++] = model->live[i];
    return count;
}

static enum connection_route random_route(struct generator *generator)
{
    return percent(generator, 88) ? (enum connection_route)below(generator, 3)
                                  : (enum connection_route)below(generator, ROUTE_MAX);
}

static struct rules_connection new_session(struct generator *generator, const char *host)
{
    struct rules_connection session = {.kind = percent(generator, 70) ? KIND_DESKTOP : KIND_APPLICATION,
                                       .route = random_route(generator),
                                       .state = percent(generator, 85) ? CONNECTION_ACTIVE
                                                                       : CONNECTION_DISCONNECTED};
    unsigned user = percent(generator, 25) ? below(generator, ADMINS) : below(generator, generator->users);
    session.administrator = user < ADMINS ? ADMINISTRATOR_YES : ADMINISTRATOR_NO;
    if (percent(generator, 4))
        session.administrator = ADMINISTRATOR_UNKNOWN;
    (void)snprintf(session.host, sizeof(session.host), "%s", host);
    (void)snprintf(session.id, sizeof(session.id), "s%u", generator->next_id++);
    (void)snprintf(session.user, sizeof(session.user), "u%u", user);
    session.connected_ms = licence_ms(generator);
    if (percent(generator, 30))
        session.connected_ms -= up_to(generator, HOUR_MS) / SECOND_MS * SECOND_MS;
    return session;
}

static void change_session(struct generator *generator, struct rules_connection *session)
{
    switch (below(generator, 8)) {
    case 0:
        session->kind = session->kind == KIND_DESKTOP ? KIND_APPLICATION : KIND_DESKTOP;
        break;
    case 1:
        session->route = random_route(generator);
        break;
    case 2:
        session->administrator = (enum administrator)below(generator, ADMINISTRATOR_MAX);
        break;
    default:
        session->state = session->state == CONNECTION_ACTIVE ? CONNECTION_DISCONNECTED : CONNECTION_ACTIVE;
        break;
    }
}

/* How many users more than now are wanted. */
static int users_wanted(const struct generator *generator)
{
    const struct rules_model *model = model_of(generator);
    int limit = (int)generator->subscriptions[generator->farm].limit;
    int users = model->begun ? (int)rules_level(model).users : 0;
    return limit + generator->mood - users;
}

static void host_act(struct generator *generator, const char *host)
{
    struct rules_connection sessions[HISTORY_SET_MAX];
    struct rules_event event = {.type = RULES_EVENT_SET, .connections = sessions};
    int wanted = users_wanted(generator);
    event.count = sessions_of(generator, host, sessions);
    (void)snprintf(event.host, sizeof(event.host), "%s", host);
    if (event.count > 0 && percent(generator, 20))
        change_session(generator, &sessions[below(generator, (unsigned)event.count)]);
    if (wanted < 0 || percent(generator, 20))
        for (unsigned i = 1 + below(generator, 2); i > 0 && event.count > 0; i--) {
            sessions[below(generator, (unsigned)event.count)] = sessions[event.count - 1];
            event.count--;
        }
    if (wanted > 0 || percent(generator, 15))
        for (unsigned i = 1 + below(generator, 3);
             i > 0 && event.count < HOST_LIVE_MAX && model_of(generator)->live_count < LIVE_MAX; i--)
            sessions[event.count++] = new_session(generator, host);
    add_event(generator, &event);
}

static void broker_act(struct generator *generator, const char *host)
{
    struct rules_connection sessions[HISTORY_SET_MAX];
    size_t count = sessions_of(generator, host, sessions);
    int wanted = users_wanted(generator);
    struct rules_event event = {.type = RULES_EVENT_PUT, .connections = sessions, .count = 1};
    bool more = count == 0 ||
                (count < HOST_LIVE_MAX && (wanted > 0 ? percent(generator, 80) : percent(generator, 15)));
    if (more) {
        sessions[0] = new_session(generator, host);
    } else {
        sessions[0] = sessions[below(generator, (unsigned)count)];
        if (wanted < 0 ? percent(generator, 70) : percent(generator, 30)) {
            event = (struct rules_event){.type = RULES_EVENT_END};
            (void)snprintf(event.host, sizeof(event.host), "%s", host);
            (void)snprintf(event.id, sizeof(event.id), "%s", percent(generator, 5) ? "gone" : sessions[0].id);
        } else if (percent(generator, 50)) {
            change_session(generator, &sessions[0]);
        }
    }
    if (event.type == RULES_EVENT_PUT)
        (void)snprintf(event.host, sizeof(event.host), "%s", host);
    add_event(generator, &event);
}

static void session_act(struct generator *generator)
{
    char host[RULES_NAME_BYTES_MAX + 1];
    unsigned number = below(generator, generator->hosts);
    name_host(number, host);
    if (by_broker_only(number))
        broker_act(generator, host);
    else
        host_act(generator, host);
}

/* ---- the authority ------------------------------------------------------------------------------------- */

static int64_t authority_now_ms(const struct generator *generator)
{
    return generator->now_ms + generator->authority_ms;
}

static struct subscription *subscription_of(struct generator *generator)
{
    return &generator->subscriptions[generator->farm];
}

static void new_subscription(struct generator *generator, struct subscription *subscription)
{
    subscription->limit = percent(generator, 8) ? 0 : 1 + below(generator, generator->users);
    subscription->purchases = 1 + below(generator, 3);
    subscription->trial = percent(generator, 12);
    subscription->expires_ms =
        percent(generator, 15) ? 0 : authority_now_ms(generator) + up_to(generator, 120 * DAY_MS);
    if (subscription->trial)
        subscription->expires_ms = authority_now_ms(generator) + 30 * DAY_MS;
}

/* What the customer or the operator does at the authority; the farm learns it with the next entitlement. */
static void order(struct generator *generator)
{
    struct subscription *subscription = subscription_of(generator);
    bool spent = model_of(generator)->usage_state >= RULES_ENFORCED;
    subscription->changed = true;
    switch (spent && percent(generator, 30) ? 0 : below(generator, 12)) {
    case 0:
    case 1:
        subscription->purchases++;
        subscription->limit += below(generator, spent ? 2 : 4);
        break;
    case 2:
    case 3:
    case 4:
        subscription->limit = below(generator, generator->users + 2);
        break;
    case 5:
        subscription->trial = false;
        subscription->expires_ms = 0;
        break;
    case 6:
        subscription->deactivated = percent(generator, 40);
        break;
    case 7:
        subscription->expires_ms = authority_now_ms(generator) - up_to(generator, 40 * DAY_MS);
        break;
    case 8:
        generator->authority_ms += up_to(generator, percent(generator, 10) ? 3 * DAY_MS : MINUTE_MS);
        break;
    default:
        subscription->trial = false;
        subscription->expires_ms = authority_now_ms(generator) + up_to(generator, 120 * DAY_MS);
        break;
    }
}

static struct rules_grant grant_now(struct generator *generator)
{
    struct subscription *subscription = subscription_of(generator);
    int64_t issued_ms = authority_now_ms(generator);
    if (subscription->changed)
        subscription->serial = ++generator->serial;
    subscription->changed = false;
    return (struct rules_grant){.serial = subscription->serial,
                                .limit = subscription->limit,
                                .purchases = subscription->purchases,
                                .deactivated = subscription->deactivated,
                                .trial = subscription->trial,
                                .issued_ms = issued_ms,
                                .expires_ms = subscription->expires_ms,
                                .refresh_ms = issued_ms + generator->refresh_ms};
}

static void activate(struct generator *generator)
{
    struct rules_event event = {.type = RULES_EVENT_ACTIVATED};
    if (percent(generator, 35))
        generator->farm = below(generator, FARMS);
    struct subscription *subscription = subscription_of(generator);
    if (subscription->serial == 0)
        new_subscription(generator, subscription);
    if (percent(generator, 80))
        subscription->deactivated = false;
    subscription->changed = true;
    event.grant = grant_now(generator);
    (void)snprintf(event.id, sizeof(event.id), "farm-%c", (int)('a' + generator->farm));
    add_event(generator, &event);
}

static void send_grant(struct generator *generator)
{
    struct rules_event event = {.type = RULES_EVENT_GRANT, .grant = grant_now(generator)};
    if (percent(generator, 2) && event.grant.serial > 1)
        event.grant.serial--;
    add_event(generator, &event);
}

static void answer(struct generator *generator)
{
    struct rules_event event = {.type = RULES_EVENT_ACCEPTED};
    if (!generator->run.timers)
        add_plain(generator, RULES_EVENT_TIMER);
    if (generator->now_ms < generator->down_until_ms) {
        add_plain(generator, RULES_EVENT_FAILED);
        return;
    }
    event.answered = percent(generator, 85) ? 1000000 : below(generator, 5);
    event.refused = percent(generator, 4) ? 1 + below(generator, 4) : 0;
    add_event(generator, &event);
    if (percent(generator, 94))
        send_grant(generator);
}

/* ---- the machine the agent runs on --------------------------------------------------------------------- */

static int64_t wrong_by_ms(struct generator *generator)
{
    int64_t by_ms = up_to(generator, percent(generator, 10) ? 2 * YEAR_MS : 40 * DAY_MS);
    return percent(generator, 50) ? -by_ms : by_ms;
}

static void reload(struct generator *generator)
{
    static const int64_t settles[] = {0, 1, 60000, 60000, 600000, 5400000};
    static const int64_t leases[] = {0, 3600000, 86400000, 86400000};
    struct rules_settings *settings = &generator->settings;
    switch (below(generator, 6)) {
    case 0:
        settings->settle_ms = settles[below(generator, COUNT(settles))];
        break;
    case 1:
        settings->lease_ms = leases[below(generator, COUNT(leases))];
        break;
    case 2:
        settings->count_disconnected = !settings->count_disconnected;
        break;
    case 3:
        settings->routes =
            percent(generator, 60) ? ROUTES_COUNTED_DEFAULT : below(generator, 1u << ROUTE_MAX);
        break;
    case 4:
        settings->strict = !settings->strict;
        break;
    default:
        settings->spare_grace = !settings->spare_grace;
        break;
    }
}

static void boot_and_tell(struct generator *generator, bool rebooted)
{
    unsigned changed = below(generator, generator->hosts);
    for (unsigned i = 0; i < generator->hosts; i++) {
        struct rules_event boot = {.type = RULES_EVENT_BOOTED};
        struct rules_connection sessions[HISTORY_SET_MAX];
        struct rules_event set = {.type = RULES_EVENT_SET, .connections = sessions};
        if (by_broker_only(i) && percent(generator, 90))
            continue;
        generator->boots[i] += rebooted && i == changed;
        name_host(i, boot.host);
        (void)snprintf(boot.id, sizeof(boot.id), "b%u", generator->boots[i]);
        add_event(generator, &boot);
        if (by_broker_only(i))
            continue;
        name_host(i, set.host);
        set.count = sessions_of(generator, set.host, sessions);
        if (percent(generator, 20) && set.count > 0)
            set.count--;
        add_event(generator, &set);
    }
}

static void restart(struct generator *generator)
{
    bool rebooted = percent(generator, 30);
    if (percent(generator, 50)) {
        struct history_line stop = {.verb = HISTORY_STOP};
        add_line(generator, &stop);
        generator->now_ms += up_to(generator, percent(generator, 10) ? 12 * DAY_MS : 2 * HOUR_MS);
        if (rebooted && percent(generator, 30))
            add_wall(generator, up_to(generator, percent(generator, 5) ? YEAR_MS : 20 * DAY_MS));
    }
    add_plain(generator, RULES_EVENT_RESTART);
    boot_and_tell(generator, rebooted);
    if (percent(generator, 30))
        generator->now_ms += up_to(generator, MINUTE_MS);
    add_plain(generator, RULES_EVENT_STARTED);
}

/* ---- what happens when --------------------------------------------------------------------------------- */

/* An instant at which something falls due, or the one before or after it; T. */
static int64_t interesting_ms(struct generator *generator)
{
    const struct rules_model *model = model_of(generator);
    const int64_t hour_ms = HOUR_MS, week_ms = 7 * DAY_MS;
    const int64_t instants[] = {
        rules_due_ms(model),
        rules_due_ms(model),
        model->usage.exceeding ? model->usage.exceeding_since_ms + model->settings.settle_ms : 0,
        model->usage.exceeding ? model->usage.exceeding_since_ms + hour_ms : 0,
        model->usage.has_grace ? model->usage.grace_started_ms + week_ms : 0,
        model->usage.has_grace ? model->usage.grace_started_ms + week_ms + hour_ms : 0,
        model->grant.expires_ms,
        model->grant.expires_ms + 30 * DAY_MS,
        model->grant.refresh_ms,
        rules_phase_after_ms(model->usage.farm_id, licence_ms(generator)),
    };
    int64_t at_ms = instants[below(generator, COUNT(instants))] - generator->run.offset_ms;
    return at_ms + (int64_t)below(generator, 3) - 1;
}

static void pass_time(struct generator *generator)
{
    int64_t next_ms = generator->now_ms;
    if (percent(generator, 70))
        next_ms += up_to(generator, 4 * generator->gap_ms);
    if (percent(generator, 25)) {
        int64_t at_ms = interesting_ms(generator);
        if (at_ms >= generator->now_ms && at_ms < generator->now_ms + 4 * generator->gap_ms + HOUR_MS)
            next_ms = at_ms;
    }
    const struct rules_model *model = model_of(generator);
    while (generator->prompt && model->started && model->activation != RULES_NONE) {
        int64_t due_ms = rules_phase_after_ms(model->usage.farm_id, model->validated_ms) -
                         generator->run.offset_ms + (int64_t)below(generator, 3000);
        if (due_ms > next_ms || due_ms < generator->now_ms)
            break;
        generator->now_ms = due_ms;
        answer(generator);
    }
    if (next_ms > generator->now_ms)
        generator->now_ms = next_ms;
}

static void change_mood(struct generator *generator)
{
    if (generator->now_ms < generator->mood_until_ms)
        return;
    generator->mood = (int)below(generator, 9) - 4;
    generator->mood_until_ms = generator->now_ms + up_to(generator, 12 * DAY_MS);
    if (percent(generator, 8))
        generator->down_until_ms = generator->now_ms + up_to(generator, 45 * DAY_MS);
}

static void licence_act(struct generator *generator)
{
    const struct rules_model *model = model_of(generator);
    unsigned which = below(generator, 100);
    if (model->activation == RULES_NONE ? which < 60 : model->activation == RULES_REVOKED && which < 15) {
        if (generator->now_ms >= generator->down_until_ms || which < 2)
            activate(generator);
    } else if (which < 85) {
        order(generator);
    } else if (which < 94) {
        add_plain(generator, RULES_EVENT_REPORT_NOW);
    } else if (which < 96) {
        activate(generator);
    } else {
        add_plain(generator, which < 98 ? RULES_EVENT_RELEASED : RULES_EVENT_COPIED);
    }
}

static void happen(struct generator *generator)
{
    unsigned which = below(generator, 1000);
    if (model_of(generator)->in_flight && which < (generator->prompt ? 900u : 300u)) {
        generator->now_ms += up_to(generator, 10 * SECOND_MS);
        answer(generator);
    } else if (which < 860) {
        session_act(generator);
    } else if (which < 940) {
        licence_act(generator);
    } else if (which < 970) {
        add_plain(generator, RULES_EVENT_TIMER);
    } else if (which < 980) {
        struct rules_event event = {.type = RULES_EVENT_SETTINGS};
        reload(generator);
        event.settings = generator->settings;
        add_event(generator, &event);
    } else if (which < 990) {
        restart(generator);
    } else if (model_of(generator)->grant.serial == 0) {
        add_wall(generator, wrong_by_ms(generator));
    }
}

static void init(struct generator *generator, uint64_t seed, struct history *history)
{
    static const int64_t gaps[] = {2 * MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS, DAY_MS};
    static const int64_t refreshes[] = {30 * DAY_MS, 30 * DAY_MS, 30 * DAY_MS, 10 * DAY_MS, 2 * HOUR_MS};
    *generator = (struct generator){.chance = seed, .history = history, .next_id = 1};
    generator->hosts = 1 + below(generator, HOSTS_MAX);
    generator->users = ADMINS + 1 + below(generator, 16);
    generator->farm = below(generator, FARMS);
    generator->gap_ms = gaps[below(generator, COUNT(gaps))];
    generator->refresh_ms = refreshes[below(generator, COUNT(refreshes))];
    generator->prompt = percent(generator, 25);
    generator->authority_ms = T0;
    /* dense ones are short */
    int64_t lines = 300 + below(generator, 900);
    generator->end_ms = lines * generator->gap_ms;
    if (generator->end_ms > 200 * DAY_MS)
        generator->end_ms = 200 * DAY_MS;
    generator->settings = (struct rules_settings){.count_disconnected = true,
                                                  .routes = ROUTES_COUNTED_DEFAULT,
                                                  .settle_ms = MINUTE_MS,
                                                  .lease_ms = DAY_MS};
    for (unsigned i = below(generator, 4); i > 0; i--)
        reload(generator);
    history->settings = generator->settings;
    history->timers = percent(generator, 50);
    history->begin_ms =
        T0 + (percent(generator, 40) ? wrong_by_ms(generator) : (int64_t)below(generator, 5000));
    for (unsigned i = 0; i < FARMS; i++)
        generator->subscriptions[i].changed = true;
    history_run_init(&generator->run, history);
}

double rules_generate(uint64_t seed, struct history *history, history_watcher *watcher, void *data)
{
    struct generator generator;
    init(&generator, seed, history);
    generator.watcher = watcher;
    generator.watcher_data = data;
    boot_and_tell(&generator, false);
    add_plain(&generator, RULES_EVENT_STARTED);
    if (percent(&generator, 80))
        activate(&generator);
    while (!generator.ended && generator.now_ms < generator.end_ms) {
        change_mood(&generator);
        pass_time(&generator);
        happen(&generator);
    }
    history_run_finish(&generator.run);
    return (double)generator.hosts * (double)generator.now_ms / (double)DAY_MS;
}
