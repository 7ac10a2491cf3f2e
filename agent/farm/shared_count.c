/* shared_count.c - who counts for the farm: this host, which then steps a core of all hosts' sessions; or
 * another, whose verdict is followed. */
#include "shared_private.h"

#include "agent/core/core_actions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEADS_NO_MORE "this host does not lead the farm any more; ask again where `farmgate farm status` says"

bool shared_leads(const struct shared *shared)
{
    return leader_state(shared->leader) == LEADER_LIVE;
}

bool shared_is_whole(const struct shared *shared)
{
    if (shared->whole == NULL)
        return false;
    return shared->whole_leads ? shared_leads(shared)
                               : shared->follower != NULL && follower_is_current(shared->follower);
}

/* ---- the core of all ------------------------------------------------------------------------------------
 */

/* Sessions to be ended are named by the host that they are on. */
static void take_settings(struct shared *shared)
{
    shared->whole_settings = *shared->told.settings(shared->told.data);
    shared->whole_settings.disconnected_for_ms = 0;
}

static void drop_whole(struct shared *shared)
{
    core_destroy(shared->whole);
    shared->whole = NULL;
    shared_moved(shared);
}

static int make_whole(struct shared *shared, const struct core_saved *saved, int64_t at_ms, bool leads)
{
    core_destroy(shared->whole);
    take_settings(shared);
    shared->whole = core_create(&shared->whole_settings);
    shared->whole_leads = leads;
    int code = shared->whole != NULL ? core_restore(shared->whole, saved, at_ms) : CORE_NO_MEMORY;
    if (code < 0)
        drop_whole(shared);
    shared_moved(shared);
    return code;
}

static int64_t on_licence_ms(void *data)
{
    return shared_licence_ms(data);
}

static const struct core_settings *on_settings(void *data)
{
    struct shared *shared = data;
    take_settings(shared);
    return &shared->whole_settings;
}

static const struct core *on_core(void *data)
{
    const struct shared *shared = data;
    return shared->whole;
}

static void on_note(void *data, enum farm_note note, const char *key, const char *detail)
{
    shared_say_note(data, note, key, detail);
}

/* ---- what this host keeps too ----------------------------------------------------------------------------
 */

/* A leader's core begins by saying how the gate stands: this host has said so already if nothing has changed.
 */
static bool is_said_again(struct shared *shared, const struct log_event *event)
{
    if (event->code != LOG_gate_opened && event->code != LOG_gate_closed)
        return false;
    const struct sentence_field *said =
        sentence_find(event->fields, event->field_count, "reason", strlen("reason"));
    enum verdict_reason reason = VERDICT_OPEN;
    while (reason < VERDICT_REASON_MAX && strcmp(verdict_reason_name(reason), said->text) != 0)
        reason++;
    bool again = reason == shared->said_reason;
    shared->said_reason = reason;
    return again;
}

/* Connections are the journal's, and where a leader begins the store's. */
static bool is_kept(struct shared *shared, const struct action *action)
{
    if (action->type == ACTION_LOG)
        return !is_said_again(shared, &action->log);
    if (action->type != ACTION_PERSIST)
        return false;
    switch (action->persist.type) {
    case PERSIST_WINDOW:
    case PERSIST_ACKNOWLEDGED:
    case PERSIST_SET_ASIDE:
    case PERSIST_NEXT_SEQUENCE:
    case PERSIST_DAY:
    case PERSIST_STANDING:
        return true;
    default:
        return false;
    }
}

static void keep(struct shared *shared, const struct core_actions *actions)
{
    struct core_actions *kept = core_actions_create();
    size_t count;
    const struct action *all = core_actions_all(actions, &count);
    if (kept == NULL)
        return; /* a copy of what the farm has: history may lack it here */
    for (size_t i = 0; i < count; i++) {
        if (!is_kept(shared, &all[i]))
            continue;
        if (all[i].type == ACTION_LOG)
            (void)core_actions_event(kept, &all[i].log);
        else
            (void)core_actions_persist(kept, &all[i].persist);
    }
    if (core_actions_count(kept) > 0)
        shared->told.keep(shared->told.data, kept);
    core_actions_destroy(kept);
}

static void keep_one(struct shared *shared, const struct persist *persist)
{
    struct core_actions *actions = core_actions_create();
    if (actions != NULL && core_actions_persist(actions, persist))
        keep(shared, actions);
    core_actions_destroy(actions);
}

/* A farm's window, closed by another host. */
static void keep_window(struct shared *shared, const struct window *window)
{
    struct persist persist = {.type = PERSIST_WINDOW, .window = *window};
    const struct persist day = {.type = PERSIST_DAY,
                                .day = {.start_ms = window->start_ms - window->start_ms % DAY_MS,
                                        .mark = {.at_ms = window->peak_at_ms, .users = window->peak_users}}};
    if (window->start_ms <= shared->windows_after_ms)
        return;
    shared->windows_after_ms = window->start_ms;
    keep_one(shared, &persist);
    keep_one(shared, &day);
}

/* ---- leading ---------------------------------------------------------------------------------------------
 */

static void keep_later_mark(struct peak_mark *mark, const struct peak_mark *known)
{
    if (known->users > mark->users)
        *mark = *known;
}

/* What this host knows of the farm, where the store has an older state of it or none: its licence stands as
 * it was known last, the window that runs goes on, and no window's number is given again. */
static void keep_newest(const struct shared *shared, const struct store_identity *identity,
                        struct core_saved *saved)
{
    struct core_status known = shared->verdict.status;
    bool is_licensed = *identity->farm_id && *identity->farm_token;
    bool same = is_licensed && saved->farm_id != NULL && strcmp(saved->farm_id, identity->farm_id) == 0;
    uint64_t sequence = shared->told.next_sequence(shared->told.data, identity->farm_id);
    if (shared->verdict.n == 0) {
        core_status(shared->settings.kept, &known);
    } else {
        saved->has_running = true;
        saved->running = known.window;
    }
    if (!same)
        saved->unsent_count = 0;
    if (!same || sequence > saved->next_sequence)
        saved->next_sequence = sequence;
    saved->standing = known.standing;
    saved->farm_id = is_licensed ? identity->farm_id : NULL;
    saved->installation_id = identity->installation_id;
    keep_later_mark(&saved->ever, &known.ever);
    keep_later_mark(&saved->today, &known.today);
}

/* A farm that has no state yet begins with what this host was by itself. */
static void begin_with_own(const struct shared *shared, struct core_saved *saved)
{
    struct core_saved own;
    int64_t event_ms;
    core_keep(shared->settings.kept, &own, &event_ms);
    own.connections = saved->connections;
    own.connection_count = saved->connection_count;
    own.hosts = saved->hosts;
    own.host_count = saved->host_count;
    *saved = own;
}

static void adopt(const struct shared *shared, const struct checkpoint *checkpoint)
{
    shared->told.adopt(shared->told.data, &checkpoint->identity, checkpoint->entitlement);
}

static int on_lead_begin(void *data, const struct farm_begin *begin)
{
    struct shared *shared = data;
    struct core_saved saved = *begin->saved;
    struct store_identity identity;
    char entitlement[STORE_ENTITLEMENT_MAX + 1];
    int64_t at_ms = begin->at_ms;
    bool is_known = shared->seen_n != 0 && (begin->checkpoint == NULL || begin->is_older);
    shared->told.identity(shared->told.data, &identity, entitlement);
    shared->begins = begin->checkpoint == NULL && !is_known;
    if (begin->checkpoint == NULL)
        begin_with_own(shared, &saved);
    else if (!is_known || !*identity.farm_token)
        adopt(shared, begin->checkpoint);
    if (is_known) {
        shared->told.identity(shared->told.data, &identity, entitlement);
        keep_newest(shared, &identity, &saved);
        if (shared->verdict.n != 0 && shared->verdict.at_ms > at_ms)
            at_ms = shared->verdict.at_ms;
        shared_say(shared, LOG_farm_put_back, "detail",
                   begin->checkpoint != NULL ? "what it holds was known already" : "it is empty");
        writer_look(shared->writer);
    }
    return make_whole(shared, &saved, at_ms, true);
}

static int on_lead_step(void *data, const struct core_event *event, int64_t at_ms,
                        struct core_actions *actions)
{
    struct shared *shared = data;
    size_t before = core_actions_count(actions), count;
    int code = core_step(shared->whole, event, at_ms, actions);
    const struct action *all = core_actions_all(actions, &count);
    for (size_t i = before; i < count; i++) {
        if (all[i].type == ACTION_CLOCK)
            shared->told.clock(shared->told.data, all[i].clock_ms);
    }
    shared->step_list = actions;
    shared->step_count = count;
    shared_moved(shared);
    return code;
}

static void on_identity(void *data, struct store_identity *ret,
                        char ret_entitlement[STORE_ENTITLEMENT_MAX + 1])
{
    const struct shared *shared = data;
    shared->told.identity(shared->told.data, ret, ret_entitlement);
}

/* Windows that are yet to be reported stand in the store already. */
static void ask_for_history(struct shared *shared)
{
    size_t count;
    const struct window *unsent = core_unsent(shared->whole, &count);
    shared->told.history(shared->told.data, count > 0 ? unsent[0].start_ms : shared_licence_ms(shared));
}

static void on_live(void *data)
{
    struct shared *shared = data;
    shared_say(shared, LOG_leader_elected, "host", shared->settings.self.host);
    shared_moved(shared);
    if (shared->begins)
        ask_for_history(shared);
    shared->begins = false;
    if (shared->turns != NULL)
        leader_wants_turn(shared->leader);
}

/* Those that ask again from within get the next one. */
static void give_turns(struct shared *shared, bool given)
{
    struct shared_turn *turn = shared->turns;
    shared->turns = NULL;
    shared->turns_end = &shared->turns;
    shared->is_turn = given;
    while (turn != NULL) {
        struct shared_turn *next = turn->next;
        turn->turn(turn->data, given);
        free(turn);
        turn = next;
    }
    shared->is_turn = false;
}

static void on_turn(void *data)
{
    give_turns(data, true);
}

/* `list` NULL: all of them. */
static void tell_waiters(struct shared *shared, const struct core_actions *list, int error,
                         const char *detail)
{
    struct shared_waiter *told = NULL, **told_end = &told;
    for (struct shared_waiter **link = &shared->waiters; *link != NULL;) {
        struct shared_waiter *waiter = *link;
        if (list != NULL && waiter->list != list) {
            link = &waiter->next;
            continue;
        }
        *link = waiter->next;
        waiter->next = NULL;
        *told_end = waiter;
        told_end = &waiter->next;
    }
    shared->waiters_end = &shared->waiters;
    while (*shared->waiters_end != NULL)
        shared->waiters_end = &(*shared->waiters_end)->next;
    while (told != NULL) {
        struct shared_waiter *next = told->next;
        told->done(told->data, error, detail);
        free(told);
        told = next;
    }
}

/* The last verdict that is durable: what stands should another host lead from here on. */
static void note_own_verdict(struct shared *shared)
{
    struct farm_verdict *verdict = &shared->verdict;
    core_status(shared->whole, &verdict->status);
    (void)snprintf(verdict->farm_id, sizeof(verdict->farm_id), "%s",
                   verdict->status.farm_id != NULL ? verdict->status.farm_id : "");
    verdict->status.farm_id = NULL;
    (void)snprintf(verdict->leader, sizeof(verdict->leader), "%s", shared->settings.self.host);
    const struct farm_state *state = leader_farm_state(shared->leader);
    verdict->n = farm_state_seen_n(state);
    verdict->at_ms = farm_state_now_ms(state);
    verdict->gaps_ever = leader_gaps(shared->leader);
    shared->seen_n = verdict->n;
}

static void on_saved(void *data, const struct core_actions *actions)
{
    struct shared *shared = data;
    size_t count;
    const struct action *all = core_actions_all(actions, &count);
    if (shared_leads(shared))
        note_own_verdict(shared); /* before, it is on its way to where the farm stands */
    keep(shared, actions);
    for (size_t i = 0; i < count && !shared->is_closing; i++) {
        if (all[i].type == ACTION_PERSIST && all[i].persist.type == PERSIST_WINDOW)
            shared->windows_after_ms = all[i].persist.window.start_ms;
        if (all[i].type == ACTION_REPORT && shared_leads(shared))
            shared->told.report(shared->told.data);
    }
    tell_waiters(shared, actions, 0, NULL);
}

static void on_resigned(void *data, int error, const char *detail)
{
    struct shared *shared = data;
    if (error != ERROR_CANCELLED)
        shared_say(shared, LOG_leader_resigned, "detail", detail);
    drop_whole(shared);
    give_turns(shared, false);
    tell_waiters(shared, NULL, ERROR_CANCELLED, LEADS_NO_MORE);
}

/* Of its own windows `saved` tells; these are of leaders before it. */
static void on_lead_window(void *data, const char *farm_id, const struct window *window)
{
    struct shared *shared = data;
    (void)farm_id;
    if (!shared_leads(shared))
        keep_window(shared, window);
}

/* ---- following -------------------------------------------------------------------------------------------
 */

/* A clock that is behind the leader's is behind for certain: what it says had been said already. One that is
 * ahead may only have been told late, but for a while that no message takes. */
static void follow_clock(struct shared *shared, const struct farm_verdict *verdict)
{
    int64_t ahead_ms = shared_licence_ms(shared) - verdict->at_ms;
    if (ahead_ms < 0 || (ahead_ms > SHARED_AHEAD_MS && follower_is_live(shared->follower)))
        shared->told.clock(shared->told.data, verdict->at_ms);
}

/* So that a start without the farm knows how it stood. */
static void keep_standing(struct shared *shared, const struct farm_verdict *before)
{
    const struct core_status *was = &before->status, *is = &shared->verdict.status;
    bool same = before->n != 0 && was->verdict.reason == is->verdict.reason &&
                was->standing.activation == is->standing.activation &&
                was->standing.grant.serial == is->standing.grant.serial &&
                was->standing.usage.state == is->standing.usage.state;
    if (same && shared->verdict.at_ms - shared->kept_at_ms < SHARED_KEEP_MS)
        return;
    shared->kept_at_ms = shared->verdict.at_ms;
    keep_one(shared, &(struct persist){.type = PERSIST_STANDING, .standing = is->standing});
}

static void on_verdict(void *data, const struct farm_verdict *verdict)
{
    struct shared *shared = data;
    const struct farm_verdict before = shared->verdict;
    bool first = shared->seen_n == 0;
    shared->verdict = *verdict;
    shared->verdict.status.farm_id = NULL;
    shared->seen_n = verdict->n;
    leader_saw(shared->leader, verdict->n);
    if (*verdict->farm_id)
        shared->told.named(shared->told.data, verdict->farm_id, first);
    follow_clock(shared, verdict);
    keep_standing(shared, &before);
    if (shared->said_reason != verdict->status.verdict.reason)
        shared_say_verdict(shared, &verdict->status.verdict);
    shared->said_reason = verdict->status.verdict.reason;
    shared_moved(shared);
}

static void on_follow_window(void *data, const char *farm_id, const struct window *window)
{
    (void)farm_id;
    keep_window(data, window);
}

/* A lease that was in the backup lives on, so this host would not notice by itself. */
static void on_went_back(void *data)
{
    const struct shared *shared = data;
    writer_look(shared->writer);
}

static void on_follow_identity(void *data, const struct checkpoint *checkpoint)
{
    const struct shared *shared = data;
    shared->told.adopt(shared->told.data, &checkpoint->identity, checkpoint->entitlement);
}

static int on_follow_begin(void *data, const struct farm_begin *begin)
{
    return make_whole(data, begin->saved, begin->at_ms, false);
}

static int on_follow_step(void *data, const struct core_event *event, int64_t at_ms)
{
    struct shared *shared = data;
    int code = core_step(shared->whole, event, at_ms, shared->whole_actions);
    core_actions_clear(shared->whole_actions);
    shared_moved(shared);
    return code;
}

static void on_dropped(void *data)
{
    drop_whole(data);
}

static struct follower *create_follower(struct shared *shared)
{
    static const struct follower_told told = {
        .verdict = on_verdict,
        .window = on_follow_window,
        .went_back = on_went_back,
        .identity = on_follow_identity,
        .note = on_note,
        .licence_ms = on_licence_ms,
        .settings = on_settings,
        .begin = on_follow_begin,
        .core = on_core,
        .step = on_follow_step,
        .dropped = on_dropped,
    };
    const struct follower_settings settings = {.farm = &shared->record,
                                               .port = shared->port,
                                               .seen_n = shared->seen_n,
                                               .windows_after_ms = shared->windows_after_ms};
    return follower_create(&settings, &told, shared);
}

/* ---- turns and steps -------------------------------------------------------------------------------------
 */

void shared_turn(struct shared *shared, farm_turn_fn *turn, void *data)
{
    struct shared_turn *waiting =
        shared_leads(shared) && !shared->is_closing ? malloc(sizeof(*waiting)) : NULL;
    if (waiting == NULL) {
        turn(data, false);
        return;
    }
    *waiting = (struct shared_turn){.turn = turn, .data = data};
    *shared->turns_end = waiting;
    shared->turns_end = &waiting->next;
    leader_wants_turn(shared->leader);
}

static bool wait_for(struct shared *shared, farm_done_fn *done, void *done_data)
{
    struct shared_waiter *waiter = malloc(sizeof(*waiter));
    if (waiter == NULL)
        return false;
    *waiter = (struct shared_waiter){.list = shared->step_list, .done = done, .data = done_data};
    *shared->waiters_end = waiter;
    shared->waiters_end = &waiter->next;
    leader_wants_turn(shared->leader); /* a checkpoint is written, however little there is to it */
    return true;
}

int shared_step(struct shared *shared, const struct core_event *event, farm_done_fn *done, void *done_data)
{
    int code = shared->is_turn ? leader_step(shared->leader, event) : ERROR_CANCELLED;
    if (done == NULL)
        return code;
    if (code < 0)
        done(done_data, code, code == ERROR_CANCELLED ? LEADS_NO_MORE : core_error_text(code));
    else if (shared->step_count == 0)
        done(done_data, 0, NULL); /* all that was decided before is durable */
    else if (!wait_for(shared, done, done_data))
        done(done_data, ERROR_NO_MEMORY, error_text(ERROR_NO_MEMORY));
    return code;
}

static void settings_in_turn(void *data, bool given)
{
    struct shared *shared = data;
    const struct core_event event = {.type = EVENT_SETTINGS, .settings = &shared->whole_settings};
    take_settings(shared);
    if (given)
        (void)shared_step(shared, &event, NULL, NULL);
}

/* Who follows knows holders by the leader's settings only after it has loaded anew; the verdict is the
 * leader's in any case. */
void shared_count_reconfigure(struct shared *shared)
{
    shared_turn(shared, settings_in_turn, shared);
}

/* ---- together --------------------------------------------------------------------------------------------
 */

/* Shorter than a host's: a host that is missed for a while is no harm, a farm that nobody counts for is. */
static int64_t leader_lease_s(const struct shared *shared)
{
    int64_t lease_s = shared->settings.lease_ttl_s * 2 / 5;
    return lease_s < SHARED_LEASE_LEAST_S ? SHARED_LEASE_LEAST_S : lease_s;
}

int shared_count_open(struct shared *shared)
{
    static const struct leader_told told = {
        .licence_ms = on_licence_ms,
        .settings = on_settings,
        .begin = on_lead_begin,
        .core = on_core,
        .step = on_lead_step,
        .identity = on_identity,
        .live = on_live,
        .turn = on_turn,
        .saved = on_saved,
        .resigned = on_resigned,
        .window = on_lead_window,
        .note = on_note,
    };
    const struct leader_settings settings = {.farm = &shared->record,
                                             .port = shared->port,
                                             .self = shared->settings.self,
                                             .lease_ttl_s = leader_lease_s(shared),
                                             .seen_n = shared->seen_n};
    shared->turns_end = &shared->turns;
    shared->waiters_end = &shared->waiters;
    shared->whole_actions = core_actions_create();
    shared->leader = leader_create(&settings, &told, shared);
    return shared->whole_actions != NULL && shared->leader != NULL ? 0 : ERROR_NO_MEMORY;
}

/* Who leads knows everything by itself. */
static void choose_follower(struct shared *shared)
{
    enum leader_state state = leader_state(shared->leader);
    bool elected = state == LEADER_REPLAYING || state == LEADER_LIVE;
    if (elected && shared->follower != NULL) {
        follower_destroy(shared->follower);
        shared->follower = NULL;
        if (shared->whole != NULL && !shared->whole_leads)
            drop_whole(shared);
    } else if (!elected && shared->follower == NULL && !shared->is_closing) {
        shared->follower = create_follower(shared); /* without memory: with the next pass */
    }
}

void shared_count_pass(struct shared *shared, int64_t now_ms)
{
    leader_pass(shared->leader, now_ms);
    choose_follower(shared);
    if (shared->follower != NULL)
        follower_pass(shared->follower, now_ms);
}

int64_t shared_count_due_ms(const struct shared *shared)
{
    int64_t due_ms = leader_due_ms(shared->leader);
    int64_t follower_ms = shared->follower != NULL ? follower_due_ms(shared->follower) : INT64_MAX;
    return follower_ms < due_ms ? follower_ms : due_ms;
}

void shared_count_stop(struct shared *shared)
{
    leader_stand(shared->leader, false);
    leader_resign(shared->leader);
    give_turns(shared, false);
    tell_waiters(shared, NULL, ERROR_CANCELLED, LEADS_NO_MORE);
    follower_destroy(shared->follower);
    shared->follower = NULL;
}

void shared_count_free(struct shared *shared)
{
    leader_destroy(shared->leader);
    follower_destroy(shared->follower);
    core_destroy(shared->whole);
    core_actions_destroy(shared->whole_actions);
}
