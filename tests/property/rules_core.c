#include "rules_core.h"
#include "rules_said.h"
#include "rules_store.h"

#include "agent/core/admission.h"
#include "agent/core/core.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define INSTALLATION "installation"
#define ASKED_A_STEP 2

struct rules_core {
    struct core *core;
    struct core_actions *actions;
    struct rules_store store;
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

/* ---- differences --------------------------------------------------------------------------------------- */

static void differ(struct rules_core *core, const char *format, ...)
    __attribute__((format(__printf__, 2, 3)));
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
        .host_lost_after_ms = settings->lost_ms,
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
    ret->activated.next_sequence = rules_store_next_sequence(&core->store, event->id);
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
    case RULES_EVENT_SILENT:
    case RULES_EVENT_BACK:
        made.type = event->type == RULES_EVENT_SILENT ? EVENT_HOST_SILENT : EVENT_HOST_BACK;
        made.host = event->host;
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

static void compare_sayings(struct rules_core *core, const struct rules_sayings *is,
                            const struct rules_sayings *should_be)
{
    for (size_t i = 0; i < is->count || i < should_be->count; i++) {
        const struct rules_said *one = i < is->count ? &is->all[i] : NULL;
        const struct rules_said *other = i < should_be->count ? &should_be->all[i] : NULL;
        if (one != NULL && other != NULL && one->at_ms == other->at_ms && one->number == other->number)
            continue;
        const struct rules_said *any = one != NULL ? one : other;
        differ(core, "%s: the core says %" PRId64 " at %" PRId64 ", the rules %" PRId64 " at %" PRId64,
               rules_told_word(any->what), one != NULL ? one->number : -1, one != NULL ? one->at_ms : 0,
               other != NULL ? other->number : -1, other != NULL ? other->at_ms : 0);
    }
}

static void compare_said(struct rules_core *core, const struct rules_model *model,
                         const struct rules_event *event, enum usage_state usage, struct rules_sayings *said)
{
    bool begins = event->type == RULES_EVENT_ACTIVATED; /* what was before is not compared with */
    bool ends = event->type == RULES_EVENT_RELEASED || event->type == RULES_EVENT_COPIED;
    const struct rules_told *told = model->told.items;
    const int64_t before[] = {[RULES_TOLD_TERM] = core->term,
                              [RULES_TOLD_CONTACT] = core->contact,
                              [RULES_TOLD_USAGE] = core->usage,
                              [RULES_TOLD_EXCEEDS] = core->exceeds};
    struct rules_sayings rules = {.count = 0};
    for (size_t i = 0; i < model->told.count; i++)
        rules_said_add(&rules, (struct rules_said){told[i].event_at_ms, told[i].what, told[i].number});
    rules_said_add(&rules, (struct rules_said){model->event_ms, RULES_TOLD_USAGE, model->usage_state});
    rules_said_add(said, (struct rules_said){model->event_ms, RULES_TOLD_USAGE, usage});
    for (enum rules_what what = RULES_TOLD_TERM; what < RULES_TOLD_REPORT; what++) {
        struct rules_sayings is = {.count = 0}, should_be = {.count = 0};
        bool machine = what <= RULES_TOLD_EXCEEDS;
        if (what == RULES_TOLD_REASON || (machine && (begins || ends)))
            continue;
        if (machine) {
            rules_said_moves(said, what, before[what], &is);
            rules_said_moves(&rules, what, before[what], &should_be);
        } else {
            rules_said_of(said, what, &is);
            rules_said_of(&rules, what, &should_be);
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
    struct rules_sayings said;
};

static void take_persist(struct rules_core *core, const struct rules_model *model,
                         const struct persist *persist, struct done *done)
{
    const struct rules_window *closed = model->closed.items;
    const struct rules_day *days = model->days.items;
    rules_store_apply(&core->store, persist, done->clock_ms);
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
            rules_said_log(&done->said, &actions[i].log);
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
    struct core_settings settings = settings_of(&model->settings);
    if (now_ms % 2 == 0) /* it ended in order, and stored the time; a crash leaves what there was */
        core->store.clock_ms = model->licence_ms;
    struct core_saved saved = rules_store_saved(&core->store, INSTALLATION);
    core_destroy(core->core);
    core->core = core_create(&settings);
    core->told = false;
    if (core->core == NULL)
        abort();
    int code = model->begun ? core_restore(core->core, &saved, now_ms) : 0;
    compare(core, "restoring", code, 0);
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
    if (event->type == RULES_EVENT_ACTIVATED && code == 0)
        rules_store_farm(&core->store, event->id);
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
    rules_store_finish(&core->store);
    free(core);
}
