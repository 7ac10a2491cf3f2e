/* test_core_property.c - whole histories through core_step, with restarts at any moment.
 *
 *     core_property [--seed N] [--events N]
 *
 * Two cores get the same events. One runs on; the other is thrown away again and again and goes on from what
 * its persist actions left in a store. After every event both must stand alike (what is made durable is the
 * whole state). The windows in the store must lie end to end, one a sequence, each with the peak and the last
 * level that a walk over all levels gives (RULES §2.6, §3.2), the levels being those of the model of hosts
 * and brokers (RULES §2.8, §2.9) with its leases ended at their own instants. What was acknowledged, set
 * aside and still queued is all that was numbered (RULES §3.3). A failing run prints the seed; the same seed
 * replays it.
 */
#include "chance.h"
#include "roster_model.h"

#include "agent/core/core.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_DEFAULT   60000
#define EVENTS_PER_WORLD 250
#define LEASE_MS         INT64_C(5400000)
#define T0               INT64_C(1700000410000)
#define WINDOWS_MAX      4096
#define LEVELS_MAX       65536
#define HOSTS_MAX        3
#define COUNT(array)     (sizeof(array) / sizeof((array)[0]))

static const char *const hosts[HOSTS_MAX] = {"h1", "h2", "h3"};
static const char *const host_ids[] = {"1", "2", "3", "4", "17"};
static const char *const broker_ids[] = {"b1", "b2", "b3", "17", "1"};
static const char *const users[] = {"alice", "bob", "carol", "dave", "erin", "frank"};
static const char *const boot_ids[] = {"boot-1", "boot-2", "boot-3"};

static unsigned person_of(const char *user)
{
    unsigned person = 0;
    while (strcmp(users[person], user) != 0)
        person++;
    return person;
}

/* ---- a store: what persist actions leave --------------------------------------------------------------- */

struct stored_window {
    struct window window;
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    char state; /* as store.h: 'c' closed, 'a' accepted, 'r' refused */
};

struct store_model {
    struct roster_change connections[ROSTER_MODEL_SESSIONS_MAX];
    char texts[ROSTER_MODEL_SESSIONS_MAX][4][32];
    size_t connection_count;
    char hosts[HOSTS_MAX][32], boot_ids[HOSTS_MAX][CORE_BOOT_ID_BYTES_MAX + 1];
    size_t host_count;
    struct stored_window windows[WINDOWS_MAX];
    size_t window_count;
    bool has_running;
    struct window running;
    struct peak_mark today, ever;
    struct standing standing;
    char farm_id[GRANT_ID_BYTES_MAX + 1]; /* the identity file's */
};

static size_t store_find(const struct store_model *store, const char *host, const char *id)
{
    size_t at = 0;
    while (at < store->connection_count &&
           (strcmp(store->texts[at][0], host) != 0 || strcmp(store->texts[at][1], id) != 0))
        at++;
    return at;
}

static void point_to_texts(struct store_model *store, size_t at)
{
    struct roster_change *change = &store->connections[at];
    change->connection.host = store->texts[at][0];
    change->connection.id = store->texts[at][1];
    change->connection.user = store->texts[at][2];
    change->broker_id = store->texts[at][3];
}

static void store_connection(struct store_model *store, const struct roster_change *change)
{
    size_t at = store_find(store, change->connection.host, change->connection.id);
    const char *const texts[] = {change->connection.host, change->connection.id, change->connection.user,
                                 change->broker_id};
    store->connection_count += at == store->connection_count;
    for (size_t i = 0; i < 4; i++)
        (void)snprintf(store->texts[at][i], sizeof(store->texts[at][i]), "%s", texts[i]);
    store->connections[at] = *change;
    point_to_texts(store, at);
}

static void store_end(struct store_model *store, const struct roster_change *change)
{
    size_t at = store_find(store, change->connection.host, change->connection.id);
    if (at == store->connection_count)
        return;
    size_t last = --store->connection_count;
    memcpy(store->texts[at], store->texts[last], sizeof(store->texts[at]));
    store->connections[at] = store->connections[last];
    point_to_texts(store, at);
}

static void store_host(struct store_model *store, const char *host, const char *boot_id)
{
    size_t at = 0;
    while (at < store->host_count && strcmp(store->hosts[at], host) != 0)
        at++;
    store->host_count += at == store->host_count;
    (void)snprintf(store->hosts[at], sizeof(store->hosts[at]), "%s", host);
    (void)snprintf(store->boot_ids[at], sizeof(store->boot_ids[at]), "%s", boot_id);
}

static void store_window(struct store_model *store, const struct window *window)
{
    size_t at = 0;
    while (at < store->window_count && store->windows[at].window.start_ms != window->start_ms)
        at++;
    if (at == WINDOWS_MAX)
        abort();
    store->window_count += at == store->window_count;
    store->windows[at].window = *window;
    store->windows[at].state = 'c';
    memcpy(store->windows[at].farm_id, store->farm_id, sizeof(store->farm_id));
}

static void store_mark(struct store_model *store, uint64_t first, uint64_t sequence, bool accepted)
{
    for (size_t i = 0; i < store->window_count; i++) {
        struct stored_window *window = &store->windows[i];
        if (window->state != 'c' || window->window.sequence == 0 ||
            strcmp(window->farm_id, store->farm_id) != 0)
            continue;
        if (accepted && window->window.sequence >= first && window->window.sequence <= sequence)
            window->state = 'a';
        else if (!accepted && window->window.sequence == sequence)
            window->state = 'r';
    }
}

static void store_apply(struct store_model *store, const struct persist *persist)
{
    switch (persist->type) {
    case PERSIST_CLEAR:
        store->connection_count = 0;
        break;
    case PERSIST_CONNECTION:
        store_connection(store, &persist->connection);
        break;
    case PERSIST_CONNECTION_ENDED:
        store_end(store, &persist->connection);
        break;
    case PERSIST_HOST:
        store_host(store, persist->host.host, persist->host.boot_id);
        break;
    case PERSIST_WINDOW:
        store_window(store, &persist->window);
        break;
    case PERSIST_RUNNING:
        store->has_running = true;
        store->running = persist->running.window;
        store->today = persist->running.today;
        store->ever = persist->running.ever;
        break;
    case PERSIST_ACKNOWLEDGED:
    case PERSIST_SET_ASIDE:
        store_mark(store, persist->acknowledged.first, persist->acknowledged.sequence,
                   persist->type == PERSIST_ACKNOWLEDGED);
        break;
    case PERSIST_STANDING:
        store->standing = persist->standing;
        break;
    case PERSIST_NEXT_SEQUENCE: /* no state is set back here */
    case PERSIST_DAY:
    case PERSIST_TYPE_MAX:
        break;
    }
}

/* ---- a world ------------------------------------------------------------------------------------------- */

struct level {
    int64_t at_ms;
    uint32_t users;
};

struct world {
    uint64_t chance;
    int64_t now_ms;
    struct core *steady, *restarted;
    struct core_actions *actions;
    struct store_model store; /* of the core that is restarted */
    struct roster_model model;
    struct level levels[LEVELS_MAX]; /* every one there was, in order */
    size_t level_count;
    size_t windows_checked;
    char farm_id[GRANT_ID_BYTES_MAX + 1]; /* "" while not activated */
    uint64_t serial;
    uint64_t next_sequence; /* that the next window of the farm must have */
    bool reporting, in_flight;
    bool another; /* the event brought another farm, or one after none: windows that closed first are nobody's
                   */
    unsigned boots[HOSTS_MAX];
    char difference[512];
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

static struct core *new_core(void)
{
    static const struct core_settings settings = {
        .tally = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT},
        .api_lease_ms = LEASE_MS,
        .overuse_settle_ms = USAGE_SETTLE_MS,
        .seed = 1};
    struct core *core = core_create(&settings);
    if (core == NULL)
        abort();
    return core;
}

/* ---- levels by walking --------------------------------------------------------------------------------- */

static uint32_t model_users(const struct roster_model *model)
{
    bool holds[COUNT(users)] = {false};
    uint32_t count = 0;
    for (size_t i = 0; i < model->count; i++) {
        struct roster_change view = roster_model_view(&model->sessions[i]);
        if (ROUTE_BIT(view.connection.route) & ROUTES_COUNTED_DEFAULT)
            holds[person_of(view.connection.user)] = true;
    }
    for (size_t i = 0; i < COUNT(users); i++)
        count += holds[i];
    return count;
}

static void note_level(struct world *world, int64_t at_ms)
{
    if (world->level_count == LEVELS_MAX)
        abort();
    world->levels[world->level_count++] = (struct level){.at_ms = at_ms, .users = model_users(&world->model)};
}

/* Leases end at their own instants; at now_ms itself only with the timer, after the session events. */
static void move_model(struct world *world, int64_t now_ms, bool inclusive)
{
    for (;;) {
        int64_t due_ms = roster_model_due_ms(&world->model, LEASE_MS);
        if (due_ms > now_ms || (due_ms == now_ms && !inclusive))
            break;
        roster_model_expire(&world->model, LEASE_MS, due_ms);
        note_level(world, due_ms);
    }
}

/* The peak of [start, end) is the highest of the level carried in and of those that began in it. */
static void check_window(struct world *world, const struct stored_window *stored)
{
    const struct window *window = &stored->window;
    uint32_t peak = 0, last = 0;
    int64_t peak_at_ms = window->start_ms;
    bool carried = true;
    for (size_t i = 0; i <= world->level_count; i++) {
        bool inside = i < world->level_count && world->levels[i].at_ms >= window->start_ms;
        if (carried && (inside || i == world->level_count)) {
            peak = last;
            carried = false;
        }
        if (i == world->level_count || world->levels[i].at_ms >= window->end_ms)
            break;
        last = world->levels[i].users;
        if (inside && last > peak) {
            peak = last;
            peak_at_ms = world->levels[i].at_ms;
        }
    }
    if (window->peak_users != peak || window->users_at_end != last || window->peak_at_ms != peak_at_ms)
        differ(world,
               "window at %" PRId64 ": peak %u at %+" PRId64 ", %u at its end; should be %u at %+" PRId64
               ", %u",
               window->start_ms, window->peak_users, window->peak_at_ms - T0, window->users_at_end, peak,
               peak_at_ms - T0, last);
}

static void check_new_windows(struct world *world)
{
    for (; world->windows_checked < world->store.window_count; world->windows_checked++) {
        const struct stored_window *stored = &world->store.windows[world->windows_checked];
        int64_t begins_ms = world->windows_checked == 0 ? T0 : stored[-1].window.end_ms;
        if (stored->window.start_ms != begins_ms ||
            stored->window.end_ms != window_start(begins_ms) + WINDOW_MS)
            differ(world, "window at %" PRId64 " does not follow %" PRId64, stored->window.start_ms,
                   begins_ms);
        if (stored->window.sequence != (world->reporting ? world->next_sequence : 0))
            differ(world, "window has sequence %" PRIu64 ", not %" PRIu64, stored->window.sequence,
                   world->next_sequence);
        world->next_sequence += world->reporting;
        check_window(world, stored);
    }
}

static void check_queue(struct world *world, const struct core_status *status)
{
    uint64_t numbered = 0, closed = 0;
    for (size_t i = 0; i < world->store.window_count; i++) {
        const struct stored_window *stored = &world->store.windows[i];
        if (stored->window.sequence == 0 || strcmp(stored->farm_id, world->store.farm_id) != 0)
            continue;
        numbered++;
        closed += stored->state == 'c';
    }
    if (world->reporting && status->windows_queued != closed)
        differ(world, "%zu windows are queued, the store has %" PRIu64 " of %" PRIu64 " to send",
               status->windows_queued, closed, numbered);
}

/* ---- two cores, alike ---------------------------------------------------------------------------------- */

static void check_usage(struct world *world, const struct usage *steady, const struct usage *restarted)
{
    if (steady->state != restarted->state)
        differ(world, "usage is %s and %s", usage_state_name(steady->state),
               usage_state_name(restarted->state));
    if (steady->exceeding_since_ms != restarted->exceeding_since_ms ||
        steady->grace_started_ms != restarted->grace_started_ms ||
        steady->settle_ms != restarted->settle_ms || steady->warned_percent != restarted->warned_percent ||
        steady->grace_end_said != restarted->grace_end_said)
        differ(world, "usage goes on from other instants");
}

static void check_alike(struct world *world)
{
    struct core_status a, b;
    core_status(world->steady, &a);
    core_status(world->restarted, &b);
    if (memcmp(&a.level, &b.level, sizeof(a.level)) != 0)
        differ(world, "levels differ: %u and %u users", a.level.concurrent_users, b.level.concurrent_users);
    if (a.level.concurrent_users != model_users(&world->model))
        differ(world, "%u concurrent users, should be %u", a.level.concurrent_users,
               model_users(&world->model));
    if (a.verdict.reason != b.verdict.reason || a.standing.activation != b.standing.activation ||
        a.standing.usage.state != b.standing.usage.state || a.standing.copied != b.standing.copied ||
        a.standing.last_contact_ms != b.standing.last_contact_ms ||
        memcmp(&a.standing.grant, &b.standing.grant, sizeof(a.standing.grant)) != 0)
        differ(world, "the standing differs");
    if (strcmp(a.farm_id ? a.farm_id : "", b.farm_id ? b.farm_id : "") != 0)
        differ(world, "the farm differs");
    if (a.window.start_ms != b.window.start_ms || a.window.end_ms != b.window.end_ms ||
        a.window.peak_users != b.window.peak_users || a.window.peak_at_ms != b.window.peak_at_ms ||
        a.window.hosts != b.window.hosts || a.window.exempt_peak != b.window.exempt_peak)
        differ(world, "the running window differs: peak %u at %" PRId64 " and %u at %" PRId64,
               a.window.peak_users, a.window.peak_at_ms, b.window.peak_users, b.window.peak_at_ms);
    if (a.today.users != b.today.users || a.today.at_ms != b.today.at_ms || a.ever.users != b.ever.users ||
        a.ever.at_ms != b.ever.at_ms)
        differ(world, "today or ever differs");
    if (a.windows_queued != b.windows_queued)
        differ(world, "%zu and %zu windows are queued", a.windows_queued, b.windows_queued);
    check_usage(world, &a.standing.usage, &b.standing.usage);
    check_queue(world, &b);
}

static bool step_one(struct world *world, struct core *core, const struct core_event *event, int64_t now_ms,
                     int *ret_code)
{
    bool reports = false;
    size_t count;
    core_actions_clear(world->actions);
    *ret_code = core_step(core, event, now_ms, world->actions);
    const struct action *all = core_actions_all(world->actions, &count);
    for (size_t i = 0; i < count; i++) {
        reports |= all[i].type == ACTION_REPORT;
        if (core == world->restarted && all[i].type == ACTION_PERSIST)
            store_apply(&world->store, &all[i].persist);
    }
    return reports;
}

/* Both cores get the event. Their tries to report part ways with a restart (failures are not kept), so when
 * one sends, the other is asked to. */
static int step(struct world *world, const struct core_event *event)
{
    int a, b, ignored;
    bool steady_reports = step_one(world, world->steady, event, world->now_ms, &a);
    bool restarted_reports = step_one(world, world->restarted, event, world->now_ms, &b);
    struct core_event hurry = {.type = EVENT_REPORT_NOW};
    if (a != b)
        differ(world, "event %d gave %d and %d", (int)event->type, a, b);
    if (steady_reports && !restarted_reports)
        restarted_reports = step_one(world, world->restarted, &hurry, world->now_ms, &ignored);
    else if (restarted_reports && !steady_reports)
        steady_reports = step_one(world, world->steady, &hurry, world->now_ms, &ignored);
    if (steady_reports != restarted_reports)
        differ(world, "only one of them reports");
    /* what is due at the same instant comes before the validation of the same step (RULES §3.5) */
    bool validates =
        event->type == EVENT_ENTITLEMENT || event->type == EVENT_ACTIVATED || event->type == EVENT_STARTED;
    if (a == 0 && validates)
        move_model(world, world->now_ms, true);
    world->in_flight |= steady_reports;
    return a;
}

/* ---- events -------------------------------------------------------------------------------------------- */

static struct connection random_connection(struct world *world, const char *host, bool by_host)
{
    uint64_t *chance = &world->chance;
    int64_t back_ms = (int64_t)chance_below(chance, 200000);
    struct connection connection = {
        .host = host,
        .id = by_host ? host_ids[chance_below(chance, COUNT(host_ids))]
                      : broker_ids[chance_below(chance, COUNT(broker_ids))],
        .user = users[chance_below(chance, COUNT(users))],
        .connected_at_ms = chance_percent(chance, 30) ? 0 : world->now_ms - back_ms,
        .kind = (enum connection_kind)chance_below(chance, KIND_MAX),
        .route = (enum connection_route)chance_below(chance, ROUTE_MAX),
        .state = (enum connection_state)chance_below(chance, CONNECTION_STATE_MAX),
    };
    return connection;
}

/* What a host's source would tell now: as the model has it. */
static size_t host_view(const struct world *world, const char *host, struct connection *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < world->model.count; i++)
        if (world->model.sessions[i].by_host && strcmp(world->model.sessions[i].host.host, host) == 0)
            ret[count++] = world->model.sessions[i].host;
    return count;
}

static void tell_set(struct world *world, const char *host, const struct connection *set, size_t count)
{
    struct core_event event = {.type = EVENT_HOST_SET,
                               .set = {.host = host, .connections = set, .count = count}};
    roster_model_host_set(&world->model, host, set, count, world->now_ms);
    if (step(world, &event) != 0)
        differ(world, "a host's set was not taken");
}

static void session_event(struct world *world, unsigned which)
{
    struct connection set[ROSTER_MODEL_SESSIONS_MAX];
    unsigned number = chance_below(&world->chance, HOSTS_MAX);
    const char *host = hosts[number];
    struct core_event event = {.type = EVENT_BROKER_PUT};
    size_t count = 0;
    if (which < 40) {
        size_t live = host_view(world, host, set);
        for (size_t i = 0; i < live; i++)
            if (chance_percent(&world->chance, 75))
                set[count++] = set[i];
        for (unsigned i = chance_below(&world->chance, 3); i > 0; i--)
            set[count++] = random_connection(world, host, true);
        tell_set(world, host, set, count);
    } else if (which < 75) {
        event.put = random_connection(world, host, false);
        roster_model_put(&world->model, &event.put, world->now_ms);
        if (step(world, &event) != 0)
            differ(world, "a put was not taken");
    } else if (which < 90) {
        event.type = EVENT_BROKER_END;
        event.end.host = host;
        event.end.id = broker_ids[chance_below(&world->chance, COUNT(broker_ids))];
        bool known = roster_model_end(&world->model, host, event.end.id);
        if (step(world, &event) != (known ? 0 : CORE_UNKNOWN))
            differ(world, "an end had another answer");
    } else if (which < 96) {
        event.type = EVENT_BROKER_SET;
        for (unsigned i = chance_below(&world->chance, 4); i > 0; i--)
            set[count++] = random_connection(world, host, false);
        event.set.host = host;
        event.set.connections = set;
        event.set.count = count;
        roster_model_broker_set(&world->model, host, set, count, world->now_ms);
        if (step(world, &event) != 0)
            differ(world, "a broker's set was not taken");
    } else {
        event.type = EVENT_HOST_BOOTED;
        event.booted.host = host;
        event.booted.boot_id = boot_ids[chance_below(&world->chance, COUNT(boot_ids))];
        unsigned boot = (unsigned)(event.booted.boot_id[5] - '0');
        if (world->boots[number] != 0 && world->boots[number] != boot)
            roster_model_host_gone(&world->model, host);
        world->boots[number] = boot;
        (void)step(world, &event);
    }
}

static struct grant next_grant(struct world *world)
{
    struct grant grant = {.serial = ++world->serial,
                          .limit = chance_below(&world->chance, 6),
                          .issued_at_ms = world->now_ms,
                          .status = chance_percent(&world->chance, 15) ? GRANT_DEACTIVATED : GRANT_ACTIVE};
    (void)snprintf(grant.farm_id, sizeof(grant.farm_id), "%s", world->farm_id);
    (void)snprintf(grant.installation_id, sizeof(grant.installation_id), "inst");
    return grant;
}

static void activate(struct world *world)
{
    static const char *const farms[] = {"farm-a", "farm-b"};
    const char *farm_id = farms[chance_below(&world->chance, 6) == 0];
    bool another = strcmp(world->store.farm_id, farm_id) != 0;
    uint64_t next_sequence =
        1; /* as the authority's answer and the store would tell of an earlier activation */
    for (size_t i = 0; i < world->store.window_count; i++)
        if (strcmp(world->store.windows[i].farm_id, farm_id) == 0 &&
            world->store.windows[i].window.sequence >= next_sequence)
            next_sequence = world->store.windows[i].window.sequence + 1;
    for (size_t i = 0; another && i < world->store.window_count; i++)
        if (world->store.windows[i].state == 'c')
            world->store.windows[i].state = 'x'; /* another farm's are never sent */
    (void)snprintf(world->farm_id, sizeof(world->farm_id), "%s", farm_id);
    memcpy(world->store.farm_id, world->farm_id, sizeof(world->farm_id));
    world->another = another || !world->reporting;
    world->next_sequence = next_sequence;
    world->reporting = true;
    struct grant grant = next_grant(world);
    struct core_event event = {
        .type = EVENT_ACTIVATED,
        .activated = {
            .farm_id = farm_id, .installation_id = "inst", .grant = &grant, .next_sequence = next_sequence}};
    if (step(world, &event) != 0)
        differ(world, "an activation was not taken");
}

static void answer_report(struct world *world)
{
    size_t count;
    const struct window *batch = core_report_batch(world->restarted, &count);
    struct core_refused_window refused = {.sequence = count > 1 ? batch[1].sequence : 0, .reason = "refused"};
    struct core_event event = {.type = EVENT_REPORT_FAILED,
                               .failed = {.refused = chance_percent(&world->chance, 50),
                                          .retry_after_ms = -1,
                                          .detail = "no answer"}};
    if (chance_percent(&world->chance, 70)) {
        event.type = EVENT_REPORT_ACCEPTED;
        event.accepted.through =
            count > 0 ? batch[chance_below(&world->chance, (unsigned)count)].sequence : 0;
        event.accepted.refused = &refused;
        event.accepted.refused_count = chance_percent(&world->chance, 20) && count > 1;
    }
    world->in_flight = false;
    (void)step(world, &event);
}

static void licence_event(struct world *world, unsigned which)
{
    struct core_event event = {.type = EVENT_REPORT_NOW};
    struct grant grant = next_grant(world);
    if (world->in_flight && which < 60) {
        answer_report(world);
    } else if (which < 40) {
        (void)step(world, &event);
    } else if (which < 75) {
        event.type = EVENT_ENTITLEMENT;
        event.grant = &grant;
        if (chance_percent(&world->chance, 10))
            grant.serial = 0; /* outdated */
        (void)step(world, &event);
    } else if (which < 90) {
        activate(world);
    } else {
        event.type = which < 97 ? EVENT_RELEASED : EVENT_COPIED;
        world->reporting = false;
        (void)step(world, &event);
    }
}

/* The core is lost; what the store has goes on. A report on its way is lost with it, so for the other core it
 * has failed. Then both hear what every host sees, as after any start. */
static void restart(struct world *world)
{
    static struct window unsent[WINDOWS_MAX];
    struct core_host stored_hosts[HOSTS_MAX];
    struct store_model *store = &world->store;
    struct connection set[ROSTER_MODEL_SESSIONS_MAX];
    struct core_event failed = {.type = EVENT_REPORT_FAILED, .failed = {.retry_after_ms = -1, .detail = ""}};
    struct core_event started = {.type = EVENT_STARTED};
    if (world->in_flight)
        (void)step(world, &failed);
    world->in_flight = false;
    struct core_saved saved = {.connections = store->connections,
                               .connection_count = store->connection_count,
                               .hosts = stored_hosts,
                               .host_count = store->host_count,
                               .unsent = unsent,
                               .has_running = store->has_running,
                               .running = store->running,
                               .today = store->today,
                               .ever = store->ever,
                               .standing = store->standing,
                               .farm_id = *store->farm_id ? store->farm_id : NULL,
                               .installation_id = "inst"};
    for (size_t i = 0; i < store->host_count; i++)
        stored_hosts[i] = (struct core_host){.host = store->hosts[i], .boot_id = store->boot_ids[i]};
    saved.next_sequence = 1;
    for (size_t i = 0; i < store->window_count; i++) {
        const struct stored_window *stored = &store->windows[i];
        if (stored->window.sequence == 0 || strcmp(stored->farm_id, store->farm_id) != 0)
            continue;
        saved.next_sequence = stored->window.sequence + 1;
        if (stored->state == 'c')
            unsent[saved.unsent_count++] = stored->window;
    }
    core_destroy(world->restarted);
    world->restarted = new_core();
    if (core_restore(world->restarted, &saved, world->now_ms) != 0)
        differ(world, "what was stored cannot be restored");
    for (size_t i = 0; i < HOSTS_MAX; i++)
        tell_set(world, hosts[i], set, host_view(world, hosts[i], set));
    (void)step(world, &started);
}

static void happen(struct world *world)
{
    unsigned which = chance_below(&world->chance, 100);
    bool timer = which >= 92 && which < 97;
    if (chance_percent(&world->chance, 60))
        world->now_ms +=
            (int64_t)chance_below(&world->chance, chance_percent(&world->chance, 10) ? 4000000 : 60000);
    if (chance_percent(&world->chance, 10)) /* exactly what is due */
        world->now_ms = core_due_ms(world->steady) > world->now_ms &&
                                core_due_ms(world->steady) < world->now_ms + 2 * WINDOW_MS
                            ? core_due_ms(world->steady)
                            : world->now_ms;
    move_model(world, world->now_ms, timer);
    if (which < 70)
        session_event(world, chance_below(&world->chance, 100));
    else if (which < 92)
        licence_event(world, chance_below(&world->chance, 100));
    else if (timer)
        (void)step(world, &(struct core_event){.type = EVENT_TIMER});
    else
        restart(world);
    note_level(world, world->now_ms);
}

static bool run_world(struct world *world, uint64_t seed, uint64_t *events)
{
    memset(world, 0, sizeof(*world));
    world->chance = seed;
    world->now_ms = T0;
    world->model.person_of = person_of;
    world->steady = new_core();
    world->restarted = new_core();
    world->actions = core_actions_create();
    if (world->actions == NULL)
        abort();
    (void)step(world, &(struct core_event){.type = EVENT_STARTED});
    note_level(world, T0);
    for (unsigned i = 0; *world->difference == '\0' && i < EVENTS_PER_WORLD; i++, ++*events) {
        bool was_reporting = world->reporting;
        world->another = false;
        happen(world);
        /* a window that a release or a copy found open closes before it takes effect */
        bool is_reporting = world->reporting;
        world->reporting = (was_reporting || is_reporting) && !world->another;
        check_new_windows(world);
        world->reporting = is_reporting;
        check_alike(world);
    }
    core_destroy(world->steady);
    core_destroy(world->restarted);
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
    if (!alike)
        printf("# after event %" PRIu64 " of seed %" PRIu64 ": %s\n", events, seed, world->difference);
    printf("%sok 1 - %" PRIu64 " random events: a restart changes nothing, windows are exact\n",
           alike ? "" : "not ", events);
    free(world);
    return alike ? 0 : 1;
}
