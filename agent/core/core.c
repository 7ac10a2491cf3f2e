/* core.c - the step: time moves on, the event is applied, and what follows from both is put on the list. */
#include "core_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct core *core_create(const struct core_settings *settings)
{
    struct core *core = calloc(1, sizeof(*core));
    if (core == NULL)
        return NULL;
    core->settings = *settings;
    core->tally = tally_create(&settings->tally);
    core->reporter = reporter_create(settings->seed);
    disconnected_init(&core->disconnected);
    if (core->tally != NULL)
        core->roster = roster_create(core->tally, settings->tally.seed, core_on_change, core);
    if (core->tally == NULL || core->reporter == NULL || core->roster == NULL) {
        core_destroy(core);
        return NULL;
    }
    if (settings->by_files)
        reporter_use_files(core->reporter);
    return core;
}

void core_destroy(struct core *core)
{
    if (core == NULL)
        return;
    roster_destroy(core->roster);
    tally_destroy(core->tally);
    reporter_destroy(core->reporter);
    disconnected_finish(&core->disconnected);
    core_forget_hosts(core);
    free(core);
}

/* ---- the list of the step ------------------------------------------------------------------------------ */

void core_persist(struct core *core, const struct persist *persist)
{
    core->unsaved |= !core_actions_persist(core->actions, persist);
}

/* A line that is lost for want of memory is lost; the state it tells of is not. */
void core_log(struct core *core, struct log_event *event)
{
    event->at_ms = core->now_ms;
    (void)core_actions_event(core->actions, event);
}

/* ---- time ---------------------------------------------------------------------------------------------- */

static uint64_t oldest_sequence(const struct core *core)
{
    size_t count;
    const struct window *batch = reporter_batch(core->reporter, &count);
    return reporter_queued(core->reporter) > 0 ? batch[0].sequence : 0;
}

/* The oldest unsent window made place for a new one. */
static void say_dropped(struct core *core, uint64_t sequence)
{
    struct persist persist = {
        .type = PERSIST_SET_ASIDE,
        .acknowledged = {.sequence = sequence, .reason = "never sent: the queue was full"}};
    struct log_event event = {.code = LOG_windows_dropped};
    core_persist(core, &persist);
    log_event_number(&event, "count", 1);
    log_event_number(&event, "sequence", (int64_t)sequence);
    core_log(core, &event);
}

static void on_window_closed(void *data, const struct window *closed)
{
    struct core *core = data;
    struct persist persist = {.type = PERSIST_WINDOW, .window = *closed};
    uint64_t oldest = oldest_sequence(core);
    persist.window.sequence = reporter_queue(core->reporter, closed);
    core_persist(core, &persist);
    if (oldest != 0 && oldest_sequence(core) != oldest)
        say_dropped(core, oldest);
    if (closed->end_ms % DAY_MS == 0) {
        struct persist day = {.type = PERSIST_DAY,
                              .day = {.start_ms = closed->end_ms - DAY_MS, .mark = core->peak.today}};
        core_persist(core, &day);
    }
    core->marks_moved = true;
}

static void observe(struct core *core)
{
    core->marks_moved |= peak_observe(&core->peak, tally_level(core->tally), core->now_ms);
}

int64_t core_phase_after(const struct core *core, int64_t at_ms)
{
    int64_t start_ms = window_start(at_ms) + reporter_phase(core->farm_id);
    return start_ms > at_ms ? start_ms : start_ms + WINDOW_MS;
}

/* What falls due, in the order that holds at equal instants (RULES §3.5). */
enum due_kind { DUE_LEASE, DUE_HOST, DUE_RECLAIM, DUE_MACHINE, DUE_VALIDATION, DUE_NOTHING };

struct due {
    enum due_kind kind;
    int64_t at_ms; /* licence time; INT64_MAX: never */
};

/* Leases run on event time, which may be ahead; after a restart it may be behind. */
static int64_t lease_due_ms(const struct core *core)
{
    int64_t due_ms = roster_due_ms(core->roster, core->settings.api_lease_ms);
    return due_ms <= core->now_ms || due_ms <= core->clock_ms ? core->clock_ms : due_ms;
}

static bool validates(const struct core *core)
{
    return core->started && core->standing.activation != ACTIVATION_NONE;
}

/* Of several missed validations only the last is made up for: cycles run once (RULES §3.4). */
static int64_t validation_due_ms(const struct core *core, int64_t until_ms, bool inclusive)
{
    if (!validates(core))
        return INT64_MAX;
    int64_t last_ms = core_phase_after(core, until_ms - !inclusive) - WINDOW_MS;
    return last_ms >= core->validation_due_ms ? last_ms : INT64_MAX;
}

static struct due next_due(const struct core *core, int64_t until_ms, bool inclusive)
{
    struct due due = {DUE_LEASE, lease_due_ms(core)};
    int64_t host_ms = core_host_due_ms(core);
    int64_t reclaim_ms = core_reclaim_due_ms(core);
    int64_t machine_ms = standing_due_ms(&core->standing, core->clock_ms);
    int64_t validation_ms = validation_due_ms(core, until_ms, inclusive);
    if (host_ms < due.at_ms)
        due = (struct due){DUE_HOST, host_ms};
    if (reclaim_ms < due.at_ms)
        due = (struct due){DUE_RECLAIM, reclaim_ms};
    if (machine_ms < due.at_ms)
        due = (struct due){DUE_MACHINE, machine_ms};
    if (validation_ms < due.at_ms)
        due = (struct due){DUE_VALIDATION, validation_ms};
    if (due.at_ms > until_ms || (due.at_ms == until_ms && !inclusive))
        due.kind = DUE_NOTHING;
    return due;
}

static void pass_to(struct core *core, int64_t clock_ms)
{
    core->clock_ms = clock_ms;
    if (clock_ms <= core->now_ms)
        return;
    peak_advance(&core->peak, clock_ms, on_window_closed, core);
    core->now_ms = clock_ms;
}

static void happen(struct core *core, enum due_kind kind)
{
    switch (kind) {
    case DUE_LEASE:
        roster_expire(core->roster, core->settings.api_lease_ms, core->now_ms);
        observe(core);
        core_judge(core);
        return;
    case DUE_HOST:
        core_lose_hosts(core);
        observe(core);
        core_judge(core);
        return;
    case DUE_RECLAIM:
        core_reclaim(core);
        return;
    case DUE_MACHINE:
        core_pass(core);
        return;
    case DUE_VALIDATION:
        core_validate(core);
        return;
    case DUE_NOTHING:
        return;
    }
}

/* What lies further ahead than the authority would count is given up: event time begins anew. */
static void restart_time(struct core *core)
{
    struct log_event event = {.code = LOG_time_restarted};
    peak_restart(&core->peak, core->clock_ms, on_window_closed, core);
    core->now_ms = core->clock_ms;
    core->marks_moved = true;
    roster_restart_leases(core->roster, core->now_ms);
    log_event_number(&event, "now_at", core->now_ms);
    core_log(core, &event);
}

static void set_back(struct core *core, int64_t clock_ms)
{
    int64_t before_ms = core->clock_ms;
    core->clock_ms = clock_ms;
    if (core->now_ms - clock_ms > CORE_AHEAD_MS)
        restart_time(core);
    core_set_back(core, before_ms);
    core_hosts_set_back(core);
    core_reclaim_set_back(core);
    core->validation_due_ms = core_phase_after(core, clock_ms);
}

static void start_time(struct core *core, int64_t clock_ms)
{
    core->clock_ms = core->now_ms = clock_ms;
    core->validation_due_ms = core_phase_after(core, clock_ms);
    peak_start(&core->peak, tally_level(core->tally), clock_ms);
    core->marks_moved = true;
}

void core_move_time(struct core *core, int64_t clock_ms, bool inclusive)
{
    if (!core->peak.started)
        start_time(core, clock_ms);
    if (clock_ms < core->clock_ms)
        set_back(core, clock_ms);
    else if (core->now_ms - core->clock_ms > CORE_AHEAD_MS)
        restart_time(core); /* what was stored lies ahead */
    for (;;) {
        struct due due = next_due(core, clock_ms, inclusive);
        if (due.kind == DUE_NOTHING)
            break;
        pass_to(core, due.at_ms);
        happen(core, due.kind);
    }
    pass_to(core, clock_ms);
}

/* ---- what follows -------------------------------------------------------------------------------------- */

static void persist_running(struct core *core)
{
    struct persist persist = {
        .type = PERSIST_RUNNING,
        .running = {.window = core->peak.window, .today = core->peak.today, .ever = core->peak.ever}};
    core_persist(core, &persist);
}

static void persist_standing(struct core *core)
{
    struct persist persist = {.type = PERSIST_STANDING, .standing = core->standing};
    core_persist(core, &persist);
}

static void say_gate(struct core *core, const struct verdict *verdict)
{
    struct log_event event = {.code = verdict->open ? LOG_gate_opened : LOG_gate_closed};
    log_event_text(&event, "reason", verdict_reason_name(verdict->reason));
    log_event_text(&event, "detail", verdict_reason_text(verdict->reason));
    core_log(core, &event);
}

static void say_admission(struct core *core, enum log_event_code code)
{
    struct log_event event = {.code = code};
    log_event_number(&event, "users", tally_level(core->tally)->concurrent_users);
    log_event_number(&event, "limit", core->standing.grant.limit);
    core_log(core, &event);
}

/* Until every source has enumerated, the last verdict on disk stays in force. A gate that could not be put on
 * the list is told with the next step. */
static void tell_verdict(struct core *core)
{
    struct verdict verdict = core_verdict(core), told = core->told;
    bool first = !core->told_once;
    bool moved = first || verdict.reason != told.reason || verdict.admission != told.admission;
    if (!core->started || !moved || !core_actions_signal(core->actions, ACTION_GATE))
        return;
    core->told = verdict;
    core->told_once = true;
    if (first || verdict.reason != told.reason)
        say_gate(core, &verdict);
    if (verdict.admission == ADMISSION_HOLDERS)
        say_admission(core, LOG_licenses_run_out);
    else if (verdict.admission == ADMISSION_ALL && !first && told.admission == ADMISSION_HOLDERS)
        say_admission(core, LOG_licenses_free_again);
}

static void report_if_due(struct core *core)
{
    if (reporter_due_ms(core->reporter) > core->clock_ms)
        return;
    bool listed = core_actions_signal(core->actions, ACTION_REPORT);
    reporter_sent(core->reporter, core->clock_ms);
    if (!listed) /* tried again, not at once */
        (void)reporter_failed(core->reporter, -1, core->clock_ms);
}

static void settle(struct core *core)
{
    observe(core);
    core_judge(core);
    if (core->marks_moved)
        persist_running(core);
    if (core->standing_moved)
        persist_standing(core);
    core->marks_moved = core->standing_moved = false;
    tell_verdict(core);
    report_if_due(core);
}

/* ---- the step ------------------------------------------------------------------------------------------ */

static int apply_settings(struct core *core, const struct core_settings *settings)
{
    int code = tally_reconfigure(core->tally, &settings->tally);
    if (code < 0)
        return code;
    core->settings = *settings;
    core_resettle(core);
    core_reclaim_resettle(core);
    return 0;
}

/* The gate may be judged from now on, and is told anew. */
static void start(struct core *core)
{
    observe(core);
    core_judge(core);
    core->started = true;
    core->told_once = false;
    core->validation_due_ms = core_phase_after(core, core->clock_ms); /* this is one, none was missed */
    core_move_time(core, core->clock_ms, true);
    core_validate(core);
}

static int apply(struct core *core, const struct core_event *event)
{
    switch (event->type) {
    case EVENT_STARTED:
        start(core);
        return 0;
    case EVENT_HOST_BOOTED:
        return core_host_booted(core, event);
    case EVENT_HOST_SILENT:
    case EVENT_HOST_BACK:
        return core_host_heard(core, event);
    case EVENT_HOST_SET:
    case EVENT_BROKER_PUT:
    case EVENT_BROKER_END:
    case EVENT_BROKER_SET:
        return core_session_event(core, event);
    case EVENT_RECLAIMED:
        return core_reclaimed(core, event);
    case EVENT_RELEASED:
    case EVENT_COPIED:
    case EVENT_ENTITLEMENT:
    case EVENT_REPORT_ACCEPTED:
    case EVENT_REPORT_FAILED:
    case EVENT_REPORT_NOW:
        return core_licence_event(core, event);
    case EVENT_SETTINGS:
        return apply_settings(core, event->settings);
    case EVENT_TIMER:
        return 0;
    case EVENT_ACTIVATED: /* moves time by itself */
    case EVENT_TYPE_MAX:
        break;
    }
    return CORE_INVALID;
}

int core_step(struct core *core, const struct core_event *event, int64_t now_ms, struct core_actions *actions)
{
    int code;
    core->actions = actions;
    if (core->unsaved && core_snapshot(core, actions) == 0)
        core->unsaved = false;
    if (event->type == EVENT_ACTIVATED) {
        code = core_activated(core, event, now_ms);
    } else {
        core_move_time(core, now_ms, event->type == EVENT_TIMER);
        code = apply(core, event);
    }
    settle(core);
    core->actions = NULL;
    return code == 0 && core->unsaved ? CORE_NO_MEMORY : code;
}

static int64_t least(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

int64_t core_due_ms(const struct core *core)
{
    if (core->unsaved)
        return core->clock_ms + CORE_UNSAVED_RETRY_MS;
    int64_t due_ms = least(reporter_due_ms(core->reporter), lease_due_ms(core));
    due_ms = least(due_ms, core_host_due_ms(core));
    due_ms = least(due_ms, core_reclaim_due_ms(core));
    due_ms = least(due_ms, standing_due_ms(&core->standing, core->clock_ms));
    if (validates(core))
        due_ms = least(due_ms, core->validation_due_ms);
    return core->peak.started ? least(due_ms, core->peak.window.end_ms) : due_ms;
}

/* ---- over a restart ------------------------------------------------------------------------------------ */

static bool keep_id(char to[GRANT_ID_BYTES_MAX + 1], const char *id)
{
    size_t bytes = id != NULL ? strlen(id) : 0;
    if (bytes > GRANT_ID_BYTES_MAX)
        return false;
    if (bytes > 0)
        memcpy(to, id, bytes + 1);
    return true;
}

static int restore_reporter(struct core *core, const struct core_saved *saved, int64_t now_ms)
{
    if (*core->farm_id == '\0')
        return 0;
    int code = reporter_start(core->reporter, core->farm_id, saved->next_sequence, now_ms);
    for (size_t i = 0; code == 0 && i < saved->unsent_count; i++)
        code = reporter_restore(core->reporter, &saved->unsent[i]);
    if (code == 0 && !core_reports(core))
        code = reporter_start(core->reporter, NULL, 0, now_ms);
    else if (code == 0 && core->standing.activation == ACTIVATION_NONE)
        reporter_hurry(core->reporter, now_ms); /* the gate is closed until the entitlement is back */
    return code;
}

/* What fell due since the last step has not happened yet, and what happened before is not to happen again.
 * The standing may have been stored long before; licence time was never further behind event time than this.
 */
static int64_t clock_to_go_on_from(const struct core *core, const struct core_saved *saved, int64_t now_ms)
{
    int64_t clock_ms = saved->clock_ms != 0 ? saved->clock_ms : core->now_ms;
    if (clock_ms < core->now_ms - CORE_AHEAD_MS)
        clock_ms = core->now_ms - CORE_AHEAD_MS;
    return least(now_ms, clock_ms);
}

int core_restore(struct core *core, const struct core_saved *saved, int64_t now_ms)
{
    assert(!core->peak.started);
    for (size_t i = 0; i < saved->connection_count; i++) {
        int code = roster_restore(core->roster, &saved->connections[i]);
        if (code < 0)
            return code;
    }
    int code = core_restore_disconnected(core, saved, now_ms);
    if (code == 0)
        code = core_restore_hosts(core, saved);
    if (code < 0)
        return code;
    if (!keep_id(core->farm_id, saved->farm_id) || !keep_id(core->installation_id, saved->installation_id))
        return CORE_INVALID;
    core->standing = saved->standing;
    if (saved->has_running)
        core->peak = (struct peak){.window = saved->running, .today = saved->today, .ever = saved->ever};
    peak_start(&core->peak, tally_level(core->tally), now_ms);
    core->now_ms = core->peak.now_ms;
    core->clock_ms = clock_to_go_on_from(core, saved, now_ms);
    core->validation_due_ms = core_phase_after(core, now_ms);
    core->marks_moved = true; /* the first step stores what begins here */
    return restore_reporter(core, saved, now_ms);
}

struct copying {
    const struct core *core;
    struct core_actions *actions;
    bool failed;
};

static void copy(struct copying *copying, const struct persist *persist)
{
    if (!copying->failed)
        copying->failed = !core_actions_persist(copying->actions, persist);
}

static void copy_connection(void *data, const struct roster_change *change)
{
    const struct copying *copying = data;
    struct persist persist = {.type = PERSIST_CONNECTION, .connection = *change};
    persist.connection.disconnected_at_ms = core_disconnected_since_ms(copying->core, change->number);
    copy(data, &persist);
}

static void copy_windows(const struct core *core, struct copying *copying)
{
    struct persist persist = {
        .type = PERSIST_RUNNING,
        .running = {.window = core->peak.window, .today = core->peak.today, .ever = core->peak.ever}};
    if (core->peak.started)
        copy(copying, &persist);
    size_t count;
    const struct window *unsent = reporter_unsent(core->reporter, &count);
    for (size_t i = 0; i < count; i++) {
        struct persist window = {.type = PERSIST_WINDOW, .window = unsent[i]};
        copy(copying, &window);
    }
    struct persist next = {.type = PERSIST_NEXT_SEQUENCE,
                           .next_sequence = reporter_next_sequence(core->reporter)};
    if (*core->farm_id != '\0')
        copy(copying, &next);
}

/* Half a copy would be worse than none: it begins with forgetting. */
int core_snapshot(const struct core *core, struct core_actions *actions)
{
    size_t before = core_actions_count(actions);
    struct copying copying = {.core = core, .actions = actions};
    struct persist clear = {.type = PERSIST_CLEAR};
    copy(&copying, &clear);
    roster_each(core->roster, copy_connection, &copying);
    for (size_t i = 0; i < core->host_count; i++) {
        struct persist host = {.type = PERSIST_HOST, .host = core_host_kept(&core->hosts[i])};
        copy(&copying, &host);
    }
    copy_windows(core, &copying);
    struct persist standing = {.type = PERSIST_STANDING, .standing = core->standing};
    copy(&copying, &standing);
    if (copying.failed)
        core_actions_rewind(actions, before);
    return copying.failed ? CORE_NO_MEMORY : 0;
}

void core_keep(const struct core *core, struct core_saved *ret_saved, int64_t *ret_event_ms)
{
    *ret_saved = (struct core_saved){.next_sequence = reporter_next_sequence(core->reporter),
                                     .has_running = core->peak.started,
                                     .running = core->peak.window,
                                     .today = core->peak.today,
                                     .ever = core->peak.ever,
                                     .standing = core->standing,
                                     .clock_ms = core->clock_ms,
                                     .farm_id = *core->farm_id != '\0' ? core->farm_id : NULL,
                                     .installation_id = core->installation_id};
    ret_saved->unsent = reporter_unsent(core->reporter, &ret_saved->unsent_count);
    *ret_event_ms = core->now_ms;
}

/* ---- questions ----------------------------------------------------------------------------------------- */

struct verdict core_verdict(const struct core *core)
{
    return verdict_of(&core->standing, tally_level(core->tally)->concurrent_users,
                      core->settings.spare_grace);
}

int64_t core_deactivates_ms(const struct core *core)
{
    int64_t from_ms = usage_deactivates_ms(&core->standing.usage);
    return from_ms == INT64_MAX ? INT64_MAX : core_phase_after(core, from_ms - 1);
}

void core_status(const struct core *core, struct core_status *ret_status)
{
    *ret_status = (struct core_status){
        .verdict = core_verdict(core),
        .standing = core->standing,
        .farm_id = core_reports(core) ? core->farm_id : NULL,
        .level = *tally_level(core->tally),
        .window = core->peak.window,
        .today = core->peak.today,
        .ever = core->peak.ever,
        .next_report_ms = reporter_due_ms(core->reporter),
        .next_validation_ms = validates(core) ? core->validation_due_ms : INT64_MAX,
        .deactivates_ms = core_deactivates_ms(core),
        .strict = core->settings.strict,
        .spare_grace = core->settings.spare_grace,
        .by_files = reporter_uses_files(core->reporter),
        .outage = core->outage,
        .windows_queued = reporter_queued(core->reporter),
        .report_failures = reporter_failures(core->reporter),
        .started = core->started,
        .sessions_revision = core->sessions_revision,
    };
    ret_status->window.users_at_end =
        ret_status->level.concurrent_users; /* it ends now, as far as is known */
}

const struct tally *core_tally(const struct core *core)
{
    return core->tally;
}

const struct roster *core_roster(const struct core *core)
{
    return core->roster;
}

int64_t core_lease_ends_ms(const struct core *core, uint32_t number)
{
    int64_t lease_ms = core->settings.api_lease_ms;
    int64_t told_ms = roster_at(core->roster, number).lease_at_ms;
    return lease_ms != 0 && told_ms != 0 ? told_ms + lease_ms : INT64_MAX;
}

const struct window *core_report_batch(const struct core *core, size_t *ret_count)
{
    return reporter_batch(core->reporter, ret_count);
}

const struct window *core_unsent(const struct core *core, size_t *ret_count)
{
    return reporter_unsent(core->reporter, ret_count);
}
