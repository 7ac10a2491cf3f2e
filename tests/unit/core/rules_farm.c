#include "rules_farm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS_MAX    8
#define SESSIONS_MAX 128
#define NAME_BYTES   64
#define SAID_MAX     65536
#define WINDOWS_MAX  65536
#define STUCK_AFTER  1000 /* timers at one instant */

/* What a host's source sees. */
struct seen_host {
    char name[NAME_BYTES], boot_id[NAME_BYTES];
    int64_t silent_since_ms; /* as it is stored */
    bool lost;
    struct connection sessions[SESSIONS_MAX];
    char ids[SESSIONS_MAX][NAME_BYTES], names[SESSIONS_MAX][NAME_BYTES];
    size_t count;
};

/* What is in the store. Connections are taken from the core when it stops: that they are stored is proven by
 * tests/property. */
struct stored {
    struct standing standing;
    int64_t clock_ms; /* licence time when it was stored */
    struct window running;
    struct peak_mark today, ever;
    bool has_running;
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    struct window windows[WINDOWS_MAX]; /* every one that was closed */
    bool sent[WINDOWS_MAX];
    size_t window_count;
    struct core_actions *copy; /* whose texts the connections below use */
    struct roster_change connections[HOSTS_MAX * SESSIONS_MAX];
    size_t connection_count;
};

static struct farm {
    struct core *core;
    struct core_actions *actions;
    struct core_settings settings;
    int64_t now_ms;
    struct grant grant;
    struct seen_host hosts[HOSTS_MAX];
    size_t host_count;
    struct stored stored;
    struct log_event said[SAID_MAX];
    size_t said_count, reports, gate_moves;
    int code;
} * farm;

/* ---- the step ------------------------------------------------------------------------------------------ */

static void keep_host(const struct core_host *kept)
{
    for (size_t i = 0; i < farm->host_count; i++) {
        struct seen_host *host = &farm->hosts[i];
        if (strcmp(host->name, kept->host) != 0)
            continue;
        host->silent_since_ms = kept->silent_since_ms;
        host->lost = kept->lost;
    }
}

static void store(const struct persist *persist)
{
    struct stored *stored = &farm->stored;
    switch (persist->type) {
    case PERSIST_STANDING:
        stored->standing = persist->standing;
        stored->clock_ms = farm->now_ms;
        break;
    case PERSIST_RUNNING:
        stored->has_running = true;
        stored->running = persist->running.window;
        stored->today = persist->running.today;
        stored->ever = persist->running.ever;
        break;
    case PERSIST_WINDOW:
        assert_true(stored->window_count < WINDOWS_MAX);
        stored->windows[stored->window_count++] = persist->window;
        break;
    case PERSIST_ACKNOWLEDGED:
        for (size_t i = 0; i < stored->window_count; i++)
            stored->sent[i] |= stored->windows[i].sequence <= persist->acknowledged.sequence;
        break;
    case PERSIST_HOST:
        keep_host(&persist->host);
        break;
    case PERSIST_CONNECTION: /* of a copy; else the core is asked when it stops */
    case PERSIST_CONNECTION_ENDED:
    case PERSIST_CLEAR:
    case PERSIST_SET_ASIDE:
    case PERSIST_NEXT_SEQUENCE:
    case PERSIST_DAY:
    case PERSIST_TYPE_MAX:
        break;
    }
}

static void hear(const struct action *action)
{
    switch (action->type) {
    case ACTION_PERSIST:
        store(&action->persist);
        break;
    case ACTION_CLOCK:
        farm->now_ms = action->clock_ms;
        break;
    case ACTION_GATE:
        farm->gate_moves++;
        break;
    case ACTION_REPORT:
        farm->reports++;
        break;
    case ACTION_LOG:
        assert_true(farm->said_count < SAID_MAX);
        farm->said[farm->said_count++] = action->log; /* its texts are gone with the next step */
        break;
    case ACTION_TYPE_MAX:
        break;
    }
}

static int step(const struct core_event *event)
{
    size_t count;
    core_actions_clear(farm->actions);
    int code = core_step(farm->core, event, farm->now_ms, farm->actions);
    const struct action *all = core_actions_all(farm->actions, &count);
    for (size_t i = 0; i < count; i++)
        hear(&all[i]);
    return code;
}

static int simple(enum core_event_type type)
{
    struct core_event event = {.type = type};
    return step(&event);
}

static void open_farm(void)
{
    farm = calloc(1, sizeof(*farm));
    assert_non_null(farm);
    farm->settings = (struct core_settings){
        .tally = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT},
        .api_lease_ms = HOURS(24),
        .host_lost_after_ms = MINUTES(5),
        .overuse_settle_ms = SECONDS(60),
        .seed = 3};
    farm->now_ms = START;
    farm->core = core_create(&farm->settings);
    farm->actions = core_actions_create();
    assert_non_null(farm->core);
    assert_non_null(farm->actions);
    farm->grant.limit = 10;
    assert_int_equal(simple(EVENT_STARTED), 0);
}

int farm_opens(void **state)
{
    (void)state;
    open_farm();
    assert_int_equal(activated("farm"), 0);
    forget();
    return 0;
}

int farm_closes(void **state)
{
    (void)state;
    core_destroy(farm->core);
    core_actions_destroy(farm->actions);
    core_actions_destroy(farm->stored.copy);
    free(farm);
    farm = NULL;
    return 0;
}

void farm_without_a_past(void)
{
    (void)farm_closes(NULL);
    open_farm();
}

/* ---- time ---------------------------------------------------------------------------------------------- */

int64_t now(void)
{
    return farm->now_ms;
}

void until(int64_t at_ms)
{
    int64_t due_ms;
    for (int times = 0; (due_ms = core_due_ms(farm->core)) <= at_ms; times++) {
        if (due_ms > farm->now_ms) {
            farm->now_ms = due_ms;
            times = 0;
        }
        assert_in_range(times, 0, STUCK_AFTER);
        assert_int_equal(simple(EVENT_TIMER), 0);
    }
    farm->now_ms = at_ms;
}

void after(int64_t ms)
{
    until(farm->now_ms + ms);
}

void late(int64_t ms)
{
    farm->now_ms += ms;
}

void wakes_at(int64_t at_ms)
{
    farm->now_ms = at_ms;
    assert_int_equal(simple(EVENT_TIMER), 0);
}

void asleep(int64_t ms)
{
    wakes_at(farm->now_ms + ms);
}

int64_t next_phase(void)
{
    return status().next_validation_ms;
}

int64_t validation(void)
{
    int64_t at_ms = next_phase();
    until(at_ms);
    return at_ms;
}

/* ---- who is on ----------------------------------------------------------------------------------------- */

static struct seen_host *seen(const char *name)
{
    size_t at = 0;
    while (at < farm->host_count && strcmp(farm->hosts[at].name, name) != 0)
        at++;
    if (at == farm->host_count) {
        assert_true(farm->host_count < HOSTS_MAX);
        farm->host_count++;
        (void)snprintf(farm->hosts[at].name, NAME_BYTES, "%s", name);
    }
    return &farm->hosts[at];
}

static struct connection with_defaults(struct connection session)
{
    if (session.host == NULL)
        session.host = "h1";
    if (session.id == NULL)
        session.id = session.user;
    return session;
}

/* The session's texts may be another place's of the same host. */
static void keep_session(struct seen_host *host, size_t at, struct connection session)
{
    assert_true(at < SESSIONS_MAX && strlen(session.id) < NAME_BYTES && strlen(session.user) < NAME_BYTES);
    memmove(host->ids[at], session.id, strlen(session.id) + 1);
    memmove(host->names[at], session.user, strlen(session.user) + 1);
    host->sessions[at] = session;
    host->sessions[at].host = host->name;
    host->sessions[at].id = host->ids[at];
    host->sessions[at].user = host->names[at];
}

static void tell(const struct seen_host *host)
{
    struct core_event event = {
        .type = EVENT_HOST_SET,
        .set = {.host = host->name, .connections = host->sessions, .count = host->count}};
    assert_int_equal(step(&event), 0);
}

void farm_comes(struct connection session)
{
    session = with_defaults(session);
    struct seen_host *host = seen(session.host);
    size_t at = 0;
    while (at < host->count && strcmp(host->ids[at], session.id) != 0)
        at++;
    host->count += at == host->count;
    keep_session(host, at, session);
    tell(host);
}

void leaves(const char *name, const char *id)
{
    struct seen_host *host = seen(name);
    size_t kept = 0;
    for (size_t i = 0; i < host->count; i++)
        if (strcmp(host->ids[i], id) != 0)
            keep_session(host, kept++, host->sessions[i]);
    assert_int_equal(kept, host->count - 1);
    host->count = kept;
    tell(host);
}

void farm_tells(const char *name, const struct connection *sessions, size_t count)
{
    struct seen_host *host = seen(name);
    for (size_t i = 0; i < count; i++)
        keep_session(host, i, with_defaults(sessions[i]));
    host->count = count;
    tell(host);
}

void tells_nobody(const char *host)
{
    farm_tells(host, NULL, 0);
}

void users_unseen(uint32_t count)
{
    struct seen_host *crowd = seen("crowd");
    for (uint32_t i = 0; i < count; i++) {
        char name[NAME_BYTES];
        (void)snprintf(name, sizeof(name), "user-%u", i + 1);
        keep_session(crowd, i, (struct connection){.id = name, .user = name, .connected_at_ms = START});
    }
    crowd->count = count;
}

void users(uint32_t count)
{
    users_unseen(count);
    tell(seen("crowd"));
}

void boots(const char *name, const char *boot_id)
{
    struct seen_host *host = seen(name);
    struct core_event event = {.type = EVENT_HOST_BOOTED, .booted = {.host = name, .boot_id = boot_id}};
    (void)snprintf(host->boot_id, NAME_BYTES, "%s", boot_id);
    assert_int_equal(step(&event), 0);
}

static int hears(const char *name, enum core_event_type type)
{
    struct core_event event = {.type = type, .host = name};
    return step(&event);
}

int falls_silent(const char *name)
{
    return hears(name, EVENT_HOST_SILENT);
}

int comes_back(const char *name)
{
    return hears(name, EVENT_HOST_BACK);
}

void farm_broker_puts(struct connection session)
{
    struct core_event event = {.type = EVENT_BROKER_PUT, .put = with_defaults(session)};
    assert_int_equal(step(&event), 0);
}

int broker_ends(const char *host, const char *id)
{
    struct core_event event = {.type = EVENT_BROKER_END, .end = {.host = host, .id = id}};
    return step(&event);
}

/* ---- what the authority says --------------------------------------------------------------------------- */

struct grant *grant(void)
{
    return &farm->grant;
}

int entitled_at(int64_t issued_at_ms)
{
    struct core_event event = {.type = EVENT_ENTITLEMENT, .grant = &farm->grant};
    farm->grant.serial++;
    farm->grant.issued_at_ms = issued_at_ms;
    return step(&event);
}

void entitled(void)
{
    assert_int_equal(entitled_at(farm->now_ms), 0);
}

void limit(uint32_t count)
{
    farm->grant.limit = count;
    entitled();
}

void purchased(uint32_t count)
{
    farm->grant.purchases++;
    limit(count);
}

void revoked(const char *reason)
{
    farm->grant.status = GRANT_DEACTIVATED;
    (void)snprintf(farm->grant.reason, sizeof(farm->grant.reason), "%s", reason);
    entitled();
    farm->grant.status = GRANT_ACTIVE;
    farm->grant.reason[0] = '\0';
}

/* The store knows the sequence that an earlier activation of the farm id went on to. */
static uint64_t next_sequence(void)
{
    uint64_t next = 1;
    for (size_t i = 0; i < farm->stored.window_count; i++)
        if (farm->stored.windows[i].sequence >= next)
            next = farm->stored.windows[i].sequence + 1;
    return next;
}

int activated(const char *farm_id)
{
    struct grant *granted = &farm->grant;
    struct core_event event = {
        .type = EVENT_ACTIVATED,
        .activated = {.farm_id = farm_id, .installation_id = "installation", .grant = granted}};
    (void)snprintf(granted->farm_id, sizeof(granted->farm_id), "%s", farm_id);
    (void)snprintf(granted->installation_id, sizeof(granted->installation_id), "installation");
    granted->serial++;
    granted->issued_at_ms = farm->now_ms;
    int code = step(&event);
    if (code == 0)
        (void)snprintf(farm->stored.farm_id, sizeof(farm->stored.farm_id), "%s", farm_id);
    return code;
}

void released(void)
{
    assert_int_equal(simple(EVENT_RELEASED), 0);
}

void copied(void)
{
    assert_int_equal(simple(EVENT_COPIED), 0);
}

void report_accepted(uint64_t through)
{
    struct core_event event = {.type = EVENT_REPORT_ACCEPTED, .accepted = {.through = through}};
    assert_int_equal(step(&event), 0);
}

void report_failed(bool refused)
{
    struct core_event event = {.type = EVENT_REPORT_FAILED,
                               .failed = {.refused = refused, .retry_after_ms = -1, .detail = "no answer"}};
    assert_int_equal(step(&event), 0);
}

/* ---- the agent ----------------------------------------------------------------------------------------- */

struct core_settings *settings(void)
{
    return &farm->settings;
}

void reloads(void)
{
    struct core_event event = {.type = EVENT_SETTINGS, .settings = &farm->settings};
    assert_int_equal(step(&event), 0);
}

void stops(void)
{
    struct stored *stored = &farm->stored;
    size_t count;
    core_actions_destroy(stored->copy);
    stored->copy = core_actions_create();
    assert_non_null(stored->copy);
    assert_int_equal(core_snapshot(farm->core, stored->copy), 0);
    const struct action *all = core_actions_all(stored->copy, &count);
    stored->connection_count = 0;
    for (size_t i = 0; i < count; i++)
        if (all[i].persist.type == PERSIST_CONNECTION)
            stored->connections[stored->connection_count++] = all[i].persist.connection;
    core_destroy(farm->core);
    farm->core = NULL;
}

static void restore(void)
{
    struct stored *stored = &farm->stored;
    static struct window unsent[WINDOWS_MAX];
    struct core_host hosts[HOSTS_MAX];
    struct core_saved saved = {.connections = stored->connections,
                               .connection_count = stored->connection_count,
                               .hosts = hosts,
                               .unsent = unsent,
                               .next_sequence = next_sequence(),
                               .has_running = stored->has_running,
                               .running = stored->running,
                               .today = stored->today,
                               .ever = stored->ever,
                               .standing = stored->standing,
                               .clock_ms = stored->clock_ms,
                               .farm_id = *stored->farm_id != '\0' ? stored->farm_id : NULL,
                               .installation_id = "installation"};
    for (size_t i = 0; i < stored->window_count; i++)
        if (!stored->sent[i] && stored->windows[i].sequence != 0)
            unsent[saved.unsent_count++] = stored->windows[i];
    for (size_t i = 0; i < farm->host_count; i++) {
        if (farm->hosts[i].boot_id[0] == '\0')
            continue;
        hosts[saved.host_count++] = (struct core_host){.host = farm->hosts[i].name,
                                                       .boot_id = farm->hosts[i].boot_id,
                                                       .silent_since_ms = farm->hosts[i].silent_since_ms,
                                                       .lost = farm->hosts[i].lost};
    }
    farm->core = core_create(&farm->settings);
    assert_non_null(farm->core);
    assert_int_equal(core_restore(farm->core, &saved, farm->now_ms), 0);
}

void starts_but_does_not_judge_yet(void)
{
    restore();
    for (size_t i = 0; i < farm->host_count; i++)
        tell(&farm->hosts[i]);
}

void farm_goes_on_from(const struct core_saved *saved)
{
    core_destroy(farm->core);
    farm->core = core_create(&farm->settings);
    assert_non_null(farm->core);
    assert_int_equal(core_restore(farm->core, saved, farm->now_ms), 0);
    judges();
}

void judges(void)
{
    assert_int_equal(simple(EVENT_STARTED), 0);
}

void starts(void)
{
    starts_but_does_not_judge_yet();
    judges();
}

void restarts(void)
{
    stops();
    starts();
}

int farm_hears(const struct core_event *event)
{
    return step(event);
}

/* ---- what holds ---------------------------------------------------------------------------------------- */

struct core_status status(void)
{
    struct core_status is;
    core_status(farm->core, &is);
    return is;
}

const struct core *core(void)
{
    return farm->core;
}

const struct tally *tally(void)
{
    return core_tally(farm->core);
}

enum tally_reason reason_of(const char *host, const char *id)
{
    struct tally_entry entry;
    return tally_find(core_tally(farm->core), host, id, &entry) ? entry.reason : TALLY_REASON_MAX;
}

struct admission_answer asks(const char *user, const char *host, enum connection_kind kind,
                             enum administrator administrator)
{
    struct core_status stands = status();
    struct admission_question question = {
        .user = user, .host = host, .kind = kind, .administrator = administrator};
    return admission_decide(&stands.verdict, stands.strict, core_tally(farm->core), &question);
}

void forget(void)
{
    farm->said_count = farm->reports = farm->gate_moves = 0;
}

static const struct log_event *last_said(enum log_event_code code)
{
    size_t at = farm->said_count;
    while (at > 0 && farm->said[at - 1].code != code)
        at--;
    return at > 0 ? &farm->said[at - 1] : NULL;
}

size_t said(enum log_event_code code)
{
    size_t count = 0;
    for (size_t i = 0; i < farm->said_count; i++)
        count += farm->said[i].code == code;
    return count;
}

int64_t said_at(enum log_event_code code)
{
    const struct log_event *event = last_said(code);
    return event != NULL ? event->at_ms : 0;
}

int64_t said_number(enum log_event_code code, const char *field)
{
    const struct log_event *event = last_said(code);
    for (size_t i = 0; event != NULL && i < event->field_count; i++)
        if (strcmp(event->fields[i].name, field) == 0)
            return event->fields[i].number;
    return 0;
}

size_t windows(void)
{
    return farm->stored.window_count;
}

const struct window *window(size_t number)
{
    assert_true(number < farm->stored.window_count);
    return &farm->stored.windows[number];
}

size_t reports(void)
{
    return farm->reports;
}

size_t gate_moves(void)
{
    return farm->gate_moves;
}
