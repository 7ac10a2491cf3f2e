#include "rules_core.h"

#include "agent/core/admission.h"
#include "agent/core/core.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define INSTALLATION      "installation"
#define STORED_MAX        1024
#define ASKED_A_STEP      2
#define SAID_MAX          64
#define LICENCE_BOOTS_MAX RULES_HOSTS_MAX
#define COUNT(array)      (sizeof(array) / sizeof((array)[0]))

/* ---- what persist actions leave ------------------------------------------------------------------------ */

struct stored_connection {
    struct roster_change change; /* its texts are those below */
    char host[RULES_NAME_BYTES_MAX + 1], id[RULES_NAME_BYTES_MAX + 1], user[RULES_NAME_BYTES_MAX + 1];
};

struct stored_farm {
    char farm_id[RULES_NAME_BYTES_MAX + 1];
    uint64_t next_sequence;
};

struct store {
    struct stored_connection connections[STORED_MAX];
    size_t connection_count;
    char hosts[LICENCE_BOOTS_MAX][RULES_NAME_BYTES_MAX + 1];
    char boot_ids[LICENCE_BOOTS_MAX][CORE_BOOT_ID_BYTES_MAX + 1];
    size_t host_count;
    struct window *unsent; /* of the farm */
    size_t unsent_count, unsent_room;
    bool has_running;
    struct window running;
    struct peak_mark today, ever;
    struct standing standing;
    int64_t clock_ms;                       /* when it was stored */
    char farm_id[RULES_NAME_BYTES_MAX + 1]; /* the identity file's */
    struct stored_farm farms[RULES_FARMS_MAX];
    size_t farm_count;
};

struct rules_core {
    struct core *core;
    struct core_actions *actions;
    struct store store;
    enum rules_reason reason; /* as the model stood after the step before */
    enum rules_mode mode;
    bool told;
    enum term_state term;
    enum contact_state contact;
    enum usage_state usage;
    bool exceeds;
    unsigned asked;
    char difference[RULES_DIFFERENCE_BYTES];
};

static size_t find_stored(const struct store *store, const struct connection *connection)
{
    size_t at = 0;
    while (at < store->connection_count && (strcmp(store->connections[at].host, connection->host) != 0 ||
                                            strcmp(store->connections[at].id, connection->id) != 0))
        at++;
    return at;
}

static void store_connection(struct store *store, const struct roster_change *change)
{
    size_t at = find_stored(store, &change->connection);
    if (at == STORED_MAX)
        abort();
    store->connection_count += at == store->connection_count;
    struct stored_connection *stored = &store->connections[at];
    stored->change = *change;
    (void)snprintf(stored->host, sizeof(stored->host), "%s", change->connection.host);
    (void)snprintf(stored->id, sizeof(stored->id), "%s", change->connection.id);
    (void)snprintf(stored->user, sizeof(stored->user), "%s", change->connection.user);
}

static void store_end(struct store *store, const struct roster_change *change)
{
    size_t at = find_stored(store, &change->connection);
    if (at < store->connection_count)
        store->connections[at] = store->connections[--store->connection_count];
}

static void store_host(struct store *store, const char *host, const char *boot_id)
{
    size_t at = 0;
    while (at < store->host_count && strcmp(store->hosts[at], host) != 0)
        at++;
    if (at == LICENCE_BOOTS_MAX)
        abort();
    store->host_count += at == store->host_count;
    (void)snprintf(store->hosts[at], sizeof(store->hosts[at]), "%s", host);
    (void)snprintf(store->boot_ids[at], sizeof(store->boot_ids[at]), "%s", boot_id);
}

static struct stored_farm *farm_of(struct store *store, const char *farm_id)
{
    size_t at = 0;
    while (at < store->farm_count && strcmp(store->farms[at].farm_id, farm_id) != 0)
        at++;
    if (at == RULES_FARMS_MAX)
        abort();
    if (at == store->farm_count) {
        struct stored_farm *farm = &store->farms[store->farm_count++];
        *farm = (struct stored_farm){.next_sequence = 1};
        (void)snprintf(farm->farm_id, sizeof(farm->farm_id), "%s", farm_id);
    }
    return &store->farms[at];
}

static void store_window(struct store *store, const struct window *window)
{
    if (window->sequence == 0)
        return;
    if (store->unsent_count == store->unsent_room) {
        store->unsent_room = store->unsent_room == 0 ? 256 : 2 * store->unsent_room;
        store->unsent = realloc(store->unsent, store->unsent_room * sizeof(*store->unsent));
        if (store->unsent == NULL)
            abort();
    }
    store->unsent[store->unsent_count++] = *window;
    farm_of(store, store->farm_id)->next_sequence = window->sequence + 1;
}

static void store_sent(struct store *store, uint64_t first, uint64_t last)
{
    size_t kept = 0;
    for (size_t i = 0; i < store->unsent_count; i++)
        if (store->unsent[i].sequence < first || store->unsent[i].sequence > last)
            store->unsent[kept++] = store->unsent[i];
    store->unsent_count = kept;
}

static void store_apply(struct store *store, const struct persist *persist)
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
        store_sent(store, 0, persist->acknowledged.sequence);
        break;
    case PERSIST_SET_ASIDE:
        store_sent(store, persist->acknowledged.sequence, persist->acknowledged.sequence);
        break;
    case PERSIST_STANDING:
        store->standing = persist->standing;
        break;
    case PERSIST_DAY:
    case PERSIST_TYPE_MAX:
        break;
    }
}

/* ---- differences --------------------------------------------------------------------------------------- */

static void differ(struct rules_core *core, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void differ(struct rules_core *core, const char *format, ...)
{
    va_list values;
    if (*core->difference != '\0')
        return;
    va_start(values, format);
    (void)vsnprintf(core->difference, sizeof(core->difference), format, values);
    va_end(values);
}

static void compare(struct rules_core *core, const char *what, int64_t is, int64_t should_be)
{
    if (is != should_be)
        differ(core, "%s: the core has %" PRId64 ", the rules %" PRId64, what, is, should_be);
}

static void compare_words(struct rules_core *core, const char *what, const char *is, const char *should_be)
{
    if (strcmp(is, should_be) != 0)
        differ(core, "%s: the core has %s, the rules %s", what, is, should_be);
}

static void compare_window(struct rules_core *core, const char *what, const struct window *is,
                           const struct rules_window *should_be)
{
    if (is->start_ms != should_be->start_ms || is->peak_users != should_be->peak_users ||
        is->peak_at_ms != should_be->peak_at_ms || is->users_at_end != should_be->users_at_end ||
        is->exempt_peak != should_be->exempt_peak || is->hosts != should_be->hosts ||
        is->sequence != should_be->sequence)
        differ(core,
               "%s: the core has #%" PRIu64 " from %" PRId64 ", %u at %" PRId64 ", end %u, exempt %u, hosts "
               "%u; the rules #%" PRIu64 " from %" PRId64 ", %u at %" PRId64 ", end %u, exempt %u, hosts %u",
               what, is->sequence, is->start_ms, is->peak_users, is->peak_at_ms, is->users_at_end,
               is->exempt_peak, is->hosts, should_be->sequence, should_be->start_ms, should_be->peak_users,
               should_be->peak_at_ms, should_be->users_at_end, should_be->exempt_peak, should_be->hosts);
}

/* ---- an event in the core's words ---------------------------------------------------------------------- */

static struct core_settings settings_of(const struct rules_settings *settings)
{
    return (struct core_settings){
        .tally = {.count_disconnected = settings->count_disconnected, .routes_counted = settings->routes},
        .api_lease_ms = settings->lease_ms,
        .overuse_settle_ms = settings->settle_ms,
        .spare_grace = settings->spare_grace,
        .strict = settings->strict,
        .seed = 1};
}

static struct connection connection_of(const struct rules_connection *connection)
{
    return (struct connection){.host = connection->host,
                               .id = connection->id,
                               .user = connection->user,
                               .connected_at_ms = connection->connected_ms,
                               .kind = connection->kind,
                               .route = connection->route,
                               .state = connection->state,
                               .administrator = connection->administrator};
}

static struct grant grant_of(const struct rules_grant *grant, const char *farm_id)
{
    struct grant made = {.serial = grant->serial,
                         .status = grant->deactivated ? GRANT_DEACTIVATED : GRANT_ACTIVE,
                         .limit = grant->limit,
                         .purchases = grant->purchases,
                         .trial = grant->trial,
                         .expires_at_ms = grant->expires_ms,
                         .issued_at_ms = grant->issued_ms,
                         .refresh_by_ms = grant->refresh_ms};
    (void)snprintf(made.farm_id, sizeof(made.farm_id), "%s", farm_id);
    (void)snprintf(made.installation_id, sizeof(made.installation_id), INSTALLATION);
    return made;
}

/* What an event points to. */
struct parts {
    struct connection connections[HISTORY_SET_MAX];
    struct grant grant;
    struct core_settings settings;
    struct core_refused_window refused;
};

static void answer_of(struct rules_core *core, const struct rules_event *event, struct parts *parts,
                      struct core_event *ret)
{
    size_t count;
    const struct window *batch = core_report_batch(core->core, &count);
    size_t answered = event->answered < count ? event->answered : count;
    ret->type = EVENT_REPORT_ACCEPTED;
    ret->accepted.through = answered > 0 ? batch[answered - 1].sequence : 0;
    if (event->refused == 0 || event->refused > count)
        return;
    parts->refused =
        (struct core_refused_window){.sequence = batch[event->refused - 1].sequence, .reason = "refused"};
    ret->accepted.refused = &parts->refused;
    ret->accepted.refused_count = 1;
}

static void sessions_of(const struct rules_event *event, struct parts *parts, struct core_event *ret)
{
    for (size_t i = 0; i < event->count; i++)
        parts->connections[i] = connection_of(&event->connections[i]);
    if (event->type == RULES_EVENT_PUT) {
        ret->type = EVENT_BROKER_PUT;
        ret->put = parts->connections[0];
        return;
    }
    ret->type = EVENT_HOST_SET;
    ret->set.host = event->host;
    ret->set.connections = parts->connections;
    ret->set.count = event->count;
}

static void activation_of(struct rules_core *core, const struct rules_event *event, struct parts *parts,
                          struct core_event *ret)
{
    parts->grant = grant_of(&event->grant, event->id);
    ret->type = EVENT_ACTIVATED;
    ret->activated.farm_id = event->id;
    ret->activated.installation_id = INSTALLATION;
    ret->activated.grant = &parts->grant;
    ret->activated.next_sequence = farm_of(&core->store, event->id)->next_sequence;
}

static struct core_event event_of(struct rules_core *core, const struct rules_event *event,
                                  struct parts *parts)
{
    struct core_event made = {.type = EVENT_TIMER};
    switch (event->type) {
    case RULES_EVENT_SETTINGS:
        parts->settings = settings_of(&event->settings);
        made.type = EVENT_SETTINGS;
        made.settings = &parts->settings;
        break;
    case RULES_EVENT_BOOTED:
        made.type = EVENT_HOST_BOOTED;
        made.booted.host = event->host;
        made.booted.boot_id = event->id;
        break;
    case RULES_EVENT_SET:
    case RULES_EVENT_PUT:
        sessions_of(event, parts, &made);
        break;
    case RULES_EVENT_END:
        made.type = EVENT_BROKER_END;
        made.end.host = event->host;
        made.end.id = event->id;
        break;
    case RULES_EVENT_ACTIVATED:
        activation_of(core, event, parts, &made);
        break;
    case RULES_EVENT_GRANT:
        parts->grant = grant_of(&event->grant, core->store.farm_id);
        made.type = EVENT_ENTITLEMENT;
        made.grant = &parts->grant;
        break;
    case RULES_EVENT_RELEASED:
        made.type = EVENT_RELEASED;
        break;
    case RULES_EVENT_COPIED:
        made.type = EVENT_COPIED;
        break;
    case RULES_EVENT_ACCEPTED:
        answer_of(core, event, parts, &made);
        break;
    case RULES_EVENT_FAILED:
        made.type = EVENT_REPORT_FAILED;
        made.failed.retry_after_ms = -1;
        made.failed.detail = "no answer";
        break;
    case RULES_EVENT_REPORT_NOW:
        made.type = EVENT_REPORT_NOW;
        break;
    case RULES_EVENT_STARTED:
        made.type = EVENT_STARTED;
        break;
    case RULES_EVENT_TIMER:
    case RULES_EVENT_RESTART:
    case RULES_EVENT_TYPE_MAX:
        break;
    }
    return made;
}

/* ---- what was said ------------------------------------------------------------------------------------- */

struct said {
    int64_t at_ms;
    enum rules_what what;
    int64_t number;
};

static int64_t field_of(const struct log_event *event, const char *name)
{
    for (size_t i = 0; i < event->field_count; i++)
        if (strcmp(event->fields[i].name, name) == 0)
            return event->fields[i].number;
    return -1;
}

/* The events that tell a transition or a warning; false for the others. */
static bool said_by(const struct log_event *event, struct said *ret)
{
    static const struct {
        enum log_event_code code;
        enum rules_what what;
        int64_t number;    /* or, */
        const char *field; /* if it has one */
    } table[] = {
        {LOG_expiry_grace_started, RULES_TOLD_TERM, RULES_EXPIRY_GRACE, NULL},
        {LOG_term_expired, RULES_TOLD_TERM, RULES_EXPIRED, NULL},
        {LOG_term_renewed, RULES_TOLD_TERM, RULES_VALID, NULL},
        {LOG_contact_stale, RULES_TOLD_CONTACT, RULES_STALE, NULL},
        {LOG_contact_restored, RULES_TOLD_CONTACT, RULES_FRESH, NULL},
        {LOG_overuse_grace_started, RULES_TOLD_USAGE, RULES_OVERUSE_GRACE, NULL},
        {LOG_overuse_grace_spent, RULES_TOLD_USAGE, RULES_ENFORCED, NULL},
        {LOG_farm_within, RULES_TOLD_USAGE, RULES_ENFORCED, NULL},
        {LOG_farm_over, RULES_TOLD_USAGE, RULES_OVER, NULL},
        {LOG_limit_exceeded, RULES_TOLD_EXCEEDS, 1, NULL},
        {LOG_overuse_countdown_started, RULES_TOLD_EXCEEDS, 1, NULL},
        {LOG_limit_kept, RULES_TOLD_EXCEEDS, 0, NULL},
        {LOG_overuse_countdown_stopped, RULES_TOLD_EXCEEDS, 0, NULL},
        {LOG_limit_near, RULES_TOLD_USERS, 0, "percent"},
        {LOG_limit_reached, RULES_TOLD_USERS, 100, NULL},
        {LOG_term_ends_soon, RULES_TOLD_TERM_ENDS, 0, "days"},
        {LOG_expiry_grace_ends_soon, RULES_TOLD_EXPIRY_ENDS, 0, "days"},
        {LOG_contact_ends_soon, RULES_TOLD_CONTACT_ENDS, 0, "days"},
        {LOG_overuse_grace_ends_soon, RULES_TOLD_GRACE_ENDS, 1, NULL},
    };
    for (size_t i = 0; i < COUNT(table); i++)
        if (event->code == table[i].code) {
            *ret = (struct said){event->at_ms, table[i].what, table[i].number};
            if (table[i].field != NULL)
                ret->number = field_of(event, table[i].field);
            return true;
        }
    return false;
}

/* Everything said of one machine, in order; of several at one instant the last, and only what moved. */
struct sayings {
    struct said all[SAID_MAX];
    size_t count;
};

static void add_said(struct sayings *sayings, struct said said)
{
    if (sayings->count == SAID_MAX)
        abort();
    sayings->all[sayings->count++] = said;
}

/* Usage falls to within and settling without a saying of its own. */
static bool has_saying(enum rules_what what, int64_t number)
{
    return what != RULES_TOLD_USAGE || number >= RULES_OVERUSE_GRACE;
}

static void net_moves(const struct sayings *from, enum rules_what what, int64_t before, struct sayings *to)
{
    int64_t shown = before;
    for (size_t i = 0; i < from->count; i++) {
        const struct said *said = &from->all[i];
        bool last = true;
        if (said->what != what)
            continue;
        for (size_t j = i + 1; j < from->count; j++)
            last &= from->all[j].what != what || from->all[j].at_ms != said->at_ms;
        if (!last)
            continue;
        if (said->number != shown && has_saying(what, said->number))
            add_said(to, *said);
        shown = said->number;
    }
}

static void keep_only(const struct sayings *from, enum rules_what what, struct sayings *to)
{
    for (size_t i = 0; i < from->count; i++)
        if (from->all[i].what == what)
            add_said(to, from->all[i]);
}

static void compare_sayings(struct rules_core *core, const struct sayings *is,
                            const struct sayings *should_be)
{
    for (size_t i = 0; i < is->count || i < should_be->count; i++) {
        const struct said *one = i < is->count ? &is->all[i] : NULL;
        const struct said *other = i < should_be->count ? &should_be->all[i] : NULL;
        if (one != NULL && other != NULL && one->at_ms == other->at_ms && one->number == other->number)
            continue;
        const struct said *any = one != NULL ? one : other;
        differ(core, "%s: the core says %" PRId64 " at %" PRId64 ", the rules %" PRId64 " at %" PRId64,
               rules_told_word(any->what), one != NULL ? one->number : -1, one != NULL ? one->at_ms : 0,
               other != NULL ? other->number : -1, other != NULL ? other->at_ms : 0);
    }
}

static void compare_said(struct rules_core *core, const struct rules_model *model,
                         const struct rules_event *event, enum usage_state usage, struct sayings *said)
{
    bool begins = event->type == RULES_EVENT_ACTIVATED; /* what was before is not compared with */
    bool ends = event->type == RULES_EVENT_RELEASED || event->type == RULES_EVENT_COPIED;
    const struct rules_told *told = model->told.items;
    const int64_t before[] = {[RULES_TOLD_TERM] = core->term,
                              [RULES_TOLD_CONTACT] = core->contact,
                              [RULES_TOLD_USAGE] = core->usage,
                              [RULES_TOLD_EXCEEDS] = core->exceeds};
    struct sayings rules = {.count = 0};
    for (size_t i = 0; i < model->told.count; i++)
        add_said(&rules, (struct said){told[i].event_at_ms, told[i].what, told[i].number});
    add_said(&rules, (struct said){model->event_ms, RULES_TOLD_USAGE, model->usage_state});
    add_said(said, (struct said){model->event_ms, RULES_TOLD_USAGE, usage});
    for (enum rules_what what = RULES_TOLD_TERM; what < RULES_TOLD_REPORT; what++) {
        struct sayings is = {.count = 0}, should_be = {.count = 0};
        bool machine = what <= RULES_TOLD_EXCEEDS;
        if (what == RULES_TOLD_REASON || (machine && (begins || ends)))
            continue;
        if (machine) {
            net_moves(said, what, before[what], &is);
            net_moves(&rules, what, before[what], &should_be);
        } else {
            keep_only(said, what, &is);
            keep_only(&rules, what, &should_be);
        }
        compare_sayings(core, &is, &should_be);
    }
}

/* ---- comparing ----------------------------------------------------------------------------------------- */

static void compare_level(struct rules_core *core, const struct rules_model *model,
                          const struct core_status *status)
{
    struct rules_level level = rules_level(model);
    struct rules_window running = rules_running(model);
    compare(core, "concurrent users", status->level.concurrent_users, level.users);
    compare(core, "exempt", status->level.exempt, level.exempt);
    compare(core, "hosts", status->level.hosts, level.hosts);
    compare(core, "connections", status->level.connections, (int64_t)model->live_count);
    compare_window(core, "running window", &status->window, &running);
    compare(core, "users today", status->today.users, model->today.users);
    compare(core, "users today since", status->today.at_ms, model->today.at_ms);
    compare(core, "users ever", status->ever.users, model->ever.users);
    compare(core, "users ever since", status->ever.at_ms, model->ever.at_ms);
}

static void compare_machines(struct rules_core *core, const struct rules_model *model,
                             const struct core_status *status)
{
    const struct standing *standing = &status->standing;
    compare_words(core, "activation", activation_state_name(standing->activation),
                  rules_activation_word(model->activation));
    compare_words(core, "term", term_state_name(standing->term), rules_term_word(model->term));
    compare_words(core, "contact", contact_state_name(standing->contact), rules_contact_word(model->contact));
    compare_words(core, "usage", usage_state_name(standing->usage.state),
                  rules_usage_word(model->usage_state));
    compare(core, "exceeding since", standing->usage.exceeding_since_ms,
            model->usage.exceeding ? model->usage.exceeding_since_ms : 0);
    compare(core, "grace started", standing->usage.grace_started_ms,
            model->usage.has_grace ? model->usage.grace_started_ms : 0);
    compare_words(core, "reason", verdict_reason_name(status->verdict.reason),
                  rules_reason_word(model->reason));
    static const char *const modes[] = {"all", "holders", "none"};
    compare_words(core, "admission", admission_name(status->verdict.admission), modes[rules_mode(model)]);
}

static void compare_reports(struct rules_core *core, const struct rules_model *model,
                            const struct core_status *status)
{
    size_t count;
    const struct window *batch = core_report_batch(core->core, &count);
    const struct rules_window *queue = model->queue.items;
    compare(core, "windows queued", (int64_t)status->windows_queued, (int64_t)model->queue.count);
    if (model->in_flight)
        compare(core, "windows in flight", (int64_t)count, (int64_t)model->batch_count);
    for (size_t i = 0; model->in_flight && i < count && i < model->batch_count; i++)
        compare_window(core, "window in flight", &batch[i], &queue[i]);
    if (!model->failing)
        compare(core, "next report", status->next_report_ms, model->report_due_ms);
}

/* The agent must neither sleep past something nor wake for nothing. */
static void compare_due(struct rules_core *core, const struct rules_model *model)
{
    int64_t is = core_due_ms(core->core), should_be = rules_due_ms(model);
    if (is != should_be && (!model->failing || is > should_be))
        compare(core, "due", is, should_be);
}

static void compare_answers(struct rules_core *core, const struct rules_model *model,
                            const struct core_status *status)
{
    for (int i = 0; i < ASKED_A_STEP; i++) {
        char user[RULES_NAME_BYTES_MAX + 1], host[RULES_NAME_BYTES_MAX + 1];
        unsigned number = core->asked++;
        struct admission_question question = {.user = user,
                                              .host = host,
                                              .kind = (enum connection_kind)(number % KIND_MAX),
                                              .administrator =
                                                  (enum administrator)(number / 2 % ADMINISTRATOR_MAX)};
        (void)snprintf(user, sizeof(user), "u%u", number / 7 % 21);
        (void)snprintf(host, sizeof(host), "h%u", number / 3 % 20);
        struct admission_answer is =
            admission_decide(&status->verdict, status->strict, core_tally(core->core), &question);
        struct rules_admission should_be =
            rules_admit(model, user, host, question.kind, question.administrator);
        if (is.gate != should_be.gate || is.list != should_be.list)
            differ(core, "%s on %s (%s, %s) gets %d %d, by the rules %d %d", user, host,
                   connection_kind_name(question.kind), administrator_name(question.administrator), is.gate,
                   is.list, should_be.gate, should_be.list);
    }
}

/* The actions of a step, beside what the model told. */
struct done {
    size_t windows, days, reports, gates;
    int64_t clock_ms;
    struct sayings said;
};

static void take_persist(struct rules_core *core, const struct rules_model *model,
                         const struct persist *persist, struct done *done)
{
    const struct rules_window *closed = model->closed.items;
    const struct rules_day *days = model->days.items;
    store_apply(&core->store, persist);
    if (persist->type == PERSIST_STANDING)
        core->store.clock_ms = done->clock_ms;
    if (persist->type == PERSIST_WINDOW) {
        size_t at = done->windows++;
        if (at >= model->closed.count)
            return;
        compare(core, "window's end", persist->window.end_ms, closed[at].end_ms);
        compare_window(core, "window", &persist->window, &closed[at]);
    } else if (persist->type == PERSIST_DAY) {
        size_t at = done->days++;
        if (at >= model->days.count)
            return;
        compare(core, "day", persist->day.start_ms, days[at].start_ms);
        compare(core, "day's users", persist->day.mark.users, days[at].mark.users);
        compare(core, "day's instant", persist->day.mark.at_ms, days[at].mark.at_ms);
    }
}

static void take_actions(struct rules_core *core, const struct rules_model *model, struct done *done)
{
    size_t count;
    const struct action *actions = core_actions_all(core->actions, &count);
    for (size_t i = 0; i < count; i++) {
        struct said said;
        switch (actions[i].type) {
        case ACTION_PERSIST:
            take_persist(core, model, &actions[i].persist, done);
            break;
        case ACTION_CLOCK:
            done->clock_ms = actions[i].clock_ms;
            break;
        case ACTION_GATE:
            done->gates++;
            break;
        case ACTION_REPORT:
            done->reports++;
            break;
        case ACTION_LOG:
            if (said_by(&actions[i].log, &said))
                add_said(&done->said, said);
            break;
        case ACTION_TYPE_MAX:
            break;
        }
    }
    compare(core, "windows closed", (int64_t)done->windows, (int64_t)model->closed.count);
    compare(core, "days finished", (int64_t)done->days, (int64_t)model->days.count);
    compare(core, "licence time", done->clock_ms, model->licence_ms);
}

static size_t reports_told(const struct rules_model *model)
{
    const struct rules_told *told = model->told.items;
    size_t count = 0;
    for (size_t i = 0; i < model->told.count; i++)
        count += told[i].what == RULES_TOLD_REPORT;
    return count;
}

/* Once started the gate is told when it moves, and at the start. */
static void compare_gate(struct rules_core *core, const struct rules_model *model,
                         const struct rules_event *event, size_t gates)
{
    bool moved = event->type == RULES_EVENT_STARTED || !core->told || core->reason != model->reason ||
                 core->mode != rules_mode(model);
    compare(core, "gate told", (int64_t)gates, model->started && moved);
    if (model->started) {
        core->told = true;
        core->reason = model->reason;
        core->mode = rules_mode(model);
    }
}

/* ---- a step -------------------------------------------------------------------------------------------- */

static void restart(struct rules_core *core, const struct rules_model *model, int64_t now_ms)
{
    static struct roster_change connections[STORED_MAX];
    const char *hosts[LICENCE_BOOTS_MAX], *boot_ids[LICENCE_BOOTS_MAX];
    struct store *store = &core->store;
    struct core_settings settings = settings_of(&model->settings);
    struct core_saved saved = {.connections = connections,
                               .connection_count = store->connection_count,
                               .hosts = hosts,
                               .boot_ids = boot_ids,
                               .host_count = store->host_count,
                               .unsent = store->unsent,
                               .unsent_count = store->unsent_count,
                               .has_running = store->has_running,
                               .running = store->running,
                               .today = store->today,
                               .ever = store->ever,
                               .standing = store->standing,
                               .clock_ms = store->clock_ms,
                               .farm_id = *store->farm_id != '\0' ? store->farm_id : NULL,
                               .installation_id = INSTALLATION};
    for (size_t i = 0; i < store->connection_count; i++) {
        struct stored_connection *stored = &store->connections[i];
        connections[i] = stored->change;
        connections[i].connection.host = stored->host;
        connections[i].connection.id = stored->id;
        connections[i].connection.user = stored->user;
        connections[i].broker_id = "";
    }
    for (size_t i = 0; i < store->host_count; i++) {
        hosts[i] = store->hosts[i];
        boot_ids[i] = store->boot_ids[i];
    }
    if (*store->farm_id != '\0')
        saved.next_sequence = farm_of(store, store->farm_id)->next_sequence;
    core_destroy(core->core);
    core->core = core_create(&settings);
    core->told = false;
    if (core->core == NULL)
        abort();
    int code = model->begun ? core_restore(core->core, &saved, now_ms) : 0;
    compare(core, "restoring", code, 0);
}

/* What the identity file says from this step on. */
static void take_farm(struct rules_core *core, const struct rules_event *event, int code)
{
    struct store *store = &core->store;
    if (event->type != RULES_EVENT_ACTIVATED || code != 0 || strcmp(store->farm_id, event->id) == 0)
        return;
    (void)snprintf(store->farm_id, sizeof(store->farm_id), "%s", event->id);
    store->unsent_count = 0; /* another farm's are never sent */
}

bool rules_core_step(struct rules_core *core, struct history_run *run, const struct rules_event *event,
                     int64_t now_ms, bool taken)
{
    static struct parts parts;
    struct rules_model *model = run->model;
    struct core_status status;
    struct done done = {.clock_ms = now_ms};
    if (event->type == RULES_EVENT_RESTART) {
        restart(core, model, now_ms);
        return *core->difference == '\0';
    }
    struct core_event made = event_of(core, event, &parts);
    core_actions_clear(core->actions);
    int code = core_step(core->core, &made, now_ms, core->actions);
    compare(core, "the event's being taken", code == 0, taken);
    take_farm(core, event, code);
    take_actions(core, model, &done);
    if (done.reports > reports_told(model) && !rules_retry(model))
        differ(core, "the core reports, by the rules nothing is due");
    compare(core, "reports", (int64_t)done.reports, (int64_t)reports_told(model));
    core_status(core->core, &status);
    compare_level(core, model, &status);
    compare_machines(core, model, &status);
    compare_said(core, model, event, status.standing.usage.state, &done.said);
    compare_reports(core, model, &status);
    compare_gate(core, model, event, done.gates);
    compare_due(core, model);
    compare_answers(core, model, &status);
    core->term = status.standing.term;
    core->contact = status.standing.contact;
    core->usage = status.standing.usage.state;
    core->exceeds = status.standing.usage.exceeding_since_ms != 0;
    return *core->difference == '\0';
}

int64_t rules_core_due_ms(void *core)
{
    return core_due_ms(((struct rules_core *)core)->core);
}

const char *rules_core_difference(const struct rules_core *core)
{
    return core->difference;
}

struct rules_core *rules_core_create(const struct rules_settings *settings)
{
    struct rules_core *core = calloc(1, sizeof(*core));
    struct core_settings core_settings = settings_of(settings);
    if (core == NULL)
        abort();
    core->core = core_create(&core_settings);
    core->actions = core_actions_create();
    if (core->core == NULL || core->actions == NULL)
        abort();
    return core;
}

void rules_core_destroy(struct rules_core *core)
{
    if (core == NULL)
        return;
    core_destroy(core->core);
    core_actions_destroy(core->actions);
    free(core->store.unsent);
    free(core);
}
