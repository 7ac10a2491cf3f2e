#include "shared_private.h"

#include "agent/core/core_actions.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSES_MAX 32 /* of one turn of the loop; what is due then is done in the next */

static struct shared *of(struct farm *farm)
{
    return (struct shared *)farm;
}

static const struct shared *of_const(const struct farm *farm)
{
    return (const struct shared *)farm;
}

int64_t shared_steady_ms(const struct shared *shared)
{
    (void)shared;
    return (int64_t)(uv_hrtime() / 1000000);
}

int64_t shared_licence_ms(const struct shared *shared)
{
    return shared->told.licence_ms(shared->told.data);
}

void shared_moved(struct shared *shared)
{
    shared->moves++;
    if (!shared->is_closing)
        shared->told.moved(shared->told.data);
}

/* ---- this host's own sessions ----------------------------------------------------------------------------
 */

/* Of a farm's events these are its hosts', each of its own sessions. */
static bool is_said_here(enum log_event_code code)
{
    return code == LOG_reclaim_due || code == LOG_session_reclaimed || code == LOG_reclaim_failed;
}

static void say_here(struct shared *shared)
{
    size_t count;
    const struct action *actions = core_actions_all(shared->here_actions, &count);
    for (size_t i = 0; i < count; i++) {
        if (actions[i].type == ACTION_LOG && is_said_here(actions[i].log.code))
            shared->told.say(shared->told.data, &actions[i].log);
    }
}

static int step_here(struct shared *shared, const struct core_event *event)
{
    struct core_status status;
    int code = core_step(shared->here, event, shared_licence_ms(shared), shared->here_actions);
    say_here(shared);
    core_actions_clear(shared->here_actions);
    core_status(shared->here, &status);
    if (status.sessions_revision != shared->here_revision) {
        shared->here_revision = status.sessions_revision;
        shared_moved(shared);
    }
    return code;
}

/* Of a set the valid part is told; of one record nothing. */
static void on_offer(struct farm *farm, const struct core_event *event, farm_done_fn *done, void *done_data)
{
    struct shared *shared = of(farm);
    bool is_set = event->type == EVENT_HOST_SET || event->type == EVENT_BROKER_SET;
    int code = step_here(shared, event);
    if (event->type != EVENT_RECLAIMED && (code >= 0 || is_set) && !shared->is_leaving)
        writer_offer(shared->writer, event, shared_licence_ms(shared), done, done_data);
    else if (done != NULL)
        done(done_data, code, code < 0 ? core_error_text(code) : NULL);
}

/* What this host told before it stopped is on until its sources and brokers say otherwise. */
static int restore_here(struct shared *shared)
{
    const struct farm_journal_kept *told = shared->settings.told;
    struct core_saved saved = {.clock_ms = 0};
    struct change *changes = calloc(told->told_count + 1, sizeof(*changes));
    struct roster_change *connections = calloc(told->told_count + 1, sizeof(*connections));
    struct core_host *hosts = calloc(told->told_count + 1, sizeof(*hosts));
    int code = changes != NULL && connections != NULL && hosts != NULL ? 0 : CORE_NO_MEMORY;
    for (size_t i = 0; i < told->told_count && code == 0; i++) {
        struct change *change = &changes[i];
        struct error_detail ignored;
        if (change_read(told->told[i], strlen(told->told[i]), change, &ignored) < 0)
            continue;
        if (change->type == CHANGE_BOOTED)
            hosts[saved.host_count++] = (struct core_host){.host = change->host, .boot_id = change->boot_id};
        else
            connections[saved.connection_count++] = (struct roster_change){
                .connection = change_connection(change),
                .reported_by = change->type == CHANGE_SESSION ? REPORTED_BY_HOST : REPORTED_BY_BROKER,
                .lease_at_ms = change->at_ms};
    }
    saved.connections = connections;
    saved.hosts = hosts;
    if (code == 0)
        code = core_restore(shared->here, &saved, shared_licence_ms(shared));
    free(hosts);
    free(connections);
    free(changes);
    return code;
}

static struct core *create_here(const struct shared *shared)
{
    struct core_settings settings = *shared->told.settings(shared->told.data);
    settings.by_files = true; /* it has nothing to report */
    return core_create(&settings);
}

static int open_here(struct shared *shared)
{
    shared->here = create_here(shared);
    shared->here_actions = core_actions_create();
    if (shared->here == NULL || shared->here_actions == NULL)
        return ERROR_NO_MEMORY;
    if (restore_here(shared) == 0)
        return 0;
    core_destroy(shared->here); /* what was kept does not go together: the sources tell it anew */
    shared->here = create_here(shared);
    const struct core_saved nothing = {.clock_ms = 0};
    return shared->here != NULL ? core_restore(shared->here, &nothing, shared_licence_ms(shared))
                                : ERROR_NO_MEMORY;
}

/* ---- the way to the store --------------------------------------------------------------------------------
 */

static int64_t port_ask(void *etcd, const char *path, char *text, const struct etcd_told *told, void *data)
{
    return etcd_ask(etcd, path, text, told, data);
}

static void port_cancel(void *etcd, int64_t id)
{
    etcd_cancel(etcd, id);
}

static void on_probed(void *data, int error, const char *detail)
{
    struct shared *shared = data;
    error_detail_set(&shared->trouble, "%s", error != 0 ? detail : "");
    writer_hold(shared->writer, error != 0);
    if (error != 0)
        shared_say(shared, LOG_farm_unreachable, "detail", detail);
    else if (*detail)
        shared_say(shared, LOG_farm_store_old, "detail", detail);
}

static void note_cut_off(struct shared *shared, const struct member_news *news)
{
    int64_t passed_ms = shared_steady_ms(shared) - news->since_ms;
    shared->cut_off_since_ms = shared_licence_ms(shared) - passed_ms;
    shared_say(shared, LOG_farm_cut_off, "detail", news->detail);
}

static void note_refused(struct shared *shared, const struct member_news *news)
{
    const struct record_host *holder = news->holder;
    writer_hold(shared->writer, true);
    (void)snprintf(shared->holder, sizeof(shared->holder), "%s", holder != NULL ? holder->machine_id : "");
    leader_stand(shared->leader, false);
    shared_say(shared, LOG_farm_host_refused, "detail", news->detail);
    if (!shared->has_joined)
        shared->told.refused(shared->told.data, shared->trouble.text);
}

static void on_member(void *data, const struct member_news *news)
{
    struct shared *shared = data;
    error_detail_set(&shared->trouble, "%s", news->detail != NULL ? news->detail : "");
    switch (news->state) {
    case MEMBER_JOINED:
        writer_hold(shared->writer, false);
        leader_stand(shared->leader, !shared->is_leaving);
        if (shared->has_joined && news->back)
            writer_look(shared->writer);
        shared_say(shared, shared->has_joined ? LOG_farm_reached : LOG_farm_joined, "endpoint",
                   etcd_endpoint(shared->etcd));
        shared->has_joined = true;
        shared->holder[0] = '\0';
        break;
    case MEMBER_CUT_OFF:
        note_cut_off(shared, news);
        break;
    case MEMBER_REFUSED:
        note_refused(shared, news);
        break;
    case MEMBER_LEFT:
    case MEMBER_JOINING:
    case MEMBER_STATE_MAX:
        break;
    }
    shared_moved(shared);
}

static void on_settings(void *data, const char *text, size_t bytes)
{
    struct shared *shared = data;
    shared->lacks_settings = text == NULL;
    shared->told.farm_settings(shared->told.data, text, bytes);
}

static void on_unreadable(void *data, const char *key, const char *detail)
{
    shared_say_note(data, FARM_NOTE_UNREADABLE, key, detail);
}

static void on_writer(void *data, enum writer_saying saying, const char *detail)
{
    shared_say_writer(data, saying, detail);
}

/* ---- time ------------------------------------------------------------------------------------------------
 */

static int64_t least(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

/* In steady time; licence time runs as fast. */
static int64_t here_due_ms(const struct shared *shared, int64_t now_ms)
{
    int64_t due_ms = core_due_ms(shared->here);
    return due_ms == INT64_MAX ? INT64_MAX : now_ms + due_ms - shared_licence_ms(shared);
}

static bool is_judged(const struct shared *shared, int64_t now_ms)
{
    return shared->verdict.n != 0 || shared_leads(shared) || now_ms - shared->opened_ms >= SHARED_PATIENCE_MS;
}

static int64_t due_ms(const struct shared *shared, int64_t now_ms)
{
    int64_t due = here_due_ms(shared, now_ms);
    if (shared->started != NULL && shared->has_enumerated)
        due = least(due, shared->opened_ms + SHARED_PATIENCE_MS);
    due = least(due, writer_due_ms(shared->writer));
    if (!probe_is_good(shared->probe))
        return least(due, probe_due_ms(shared->probe));
    due = least(due, member_due_ms(shared->member));
    if (!shared->has_joined)
        return due;
    due = least(due, settings_watch_due_ms(shared->watch));
    due = least(due, roll_call_due_ms(shared->roll));
    return least(due, shared_count_due_ms(shared));
}

static void tell_started(struct shared *shared, int64_t now_ms)
{
    farm_done_fn *started = shared->started;
    if (started == NULL || !shared->has_enumerated || !is_judged(shared, now_ms))
        return;
    shared->started = NULL;
    started(shared->started_data, 0, NULL);
}

/* Whatever has moved the verdict: the leader, this host's clock, or that holders are known now. */
static void tell_gate(struct shared *shared)
{
    struct core_status status;
    farm_status(&shared->farm, &status);
    const struct verdict *told = &shared->gate, *is = &status.verdict;
    if (!status.started || (told->reason == is->reason && told->admission == is->admission))
        return;
    shared->gate = *is;
    shared->told.gate(shared->told.data);
}

static void on_first_put(void *data, int error, const char *detail)
{
    (void)data;
    (void)error; /* somebody else has put them, or it is tried again by whoever leads next */
    (void)detail;
}

/* From the first leader on all hosts count alike. */
static void put_first_settings(struct shared *shared)
{
    if (shared->first_put || !shared_leads(shared) || !settings_watch_is_read(shared->watch) ||
        !shared->lacks_settings)
        return;
    char *text = shared->told.first_settings(shared->told.data);
    shared->first_put = true;
    if (text != NULL)
        settings_watch_put(shared->watch, text, strlen(text), on_first_put, shared);
    free(text);
}

/* An etcd that is good, but will not have this host: a user without rights, or none. */
static void say_failure(struct shared *shared)
{
    const char *failure = member_failure(shared->member);
    if (shared->has_joined || *failure == '\0' || strcmp(failure, shared->trouble.text) == 0)
        return;
    error_detail_set(&shared->trouble, "%s", failure);
    shared_say(shared, LOG_farm_unreachable, "detail", failure);
}

static void pass(struct shared *shared, int64_t now_ms)
{
    if (here_due_ms(shared, now_ms) <= now_ms)
        (void)step_here(shared, &(struct core_event){.type = EVENT_TIMER});
    probe_pass(shared->probe, now_ms);
    if (probe_is_good(shared->probe))
        member_pass(shared->member, now_ms);
    if (shared->is_closing)
        return; /* another machine has this host's name */
    say_failure(shared);
    writer_pass(shared->writer, now_ms, shared_licence_ms(shared)); /* the journal takes what it can */
    if (!shared->has_joined)
        return;
    settings_watch_pass(shared->watch, now_ms);
    roll_call_pass(shared->roll, now_ms);
    put_first_settings(shared);
    shared_count_pass(shared, now_ms);
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer; /* the loop turns, and on_prepare does what is due */
}

/* Before the loop sleeps: what is due is done, and the next is waited for. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct shared *shared = prepare->data;
    int64_t now_ms = shared_steady_ms(shared);
    for (int i = 0; i < PASSES_MAX && due_ms(shared, now_ms) <= now_ms && !shared->is_closing; i++)
        pass(shared, now_ms);
    if (shared->is_closing)
        return;
    tell_started(shared, now_ms);
    tell_gate(shared);
    int64_t due = due_ms(shared, now_ms);
    if (due == INT64_MAX) {
        (void)uv_timer_stop(&shared->timer);
        return;
    }
    uv_update_time(shared->settings.loop);
    (void)uv_timer_start(&shared->timer, on_timer, due > now_ms ? (uint64_t)(due - now_ms) : 0, 0);
}

/* ---- for the agent ---------------------------------------------------------------------------------------
 */

static void on_turn(struct farm *farm, farm_turn_fn *turn, void *data)
{
    shared_turn(of(farm), turn, data);
}

static int on_step(struct farm *farm, const struct core_event *event, farm_done_fn *done, void *done_data)
{
    return shared_step(of(farm), event, done, done_data);
}

static int on_reconfigure(struct farm *farm, const struct core_event *event)
{
    struct core_settings settings = *event->settings;
    settings.by_files = true;
    int code = step_here(of(farm), &(struct core_event){.type = EVENT_SETTINGS, .settings = &settings});
    if (code >= 0)
        shared_count_reconfigure(of(farm));
    return code;
}

static void on_started(struct farm *farm, farm_done_fn *done, void *done_data)
{
    struct shared *shared = of(farm);
    shared->has_enumerated = true;
    shared->started = done;
    shared->started_data = done_data;
    (void)step_here(shared, &(struct core_event){.type = EVENT_STARTED});
}

static const struct core *on_core(const struct farm *farm)
{
    const struct shared *shared = of_const(farm);
    return shared_is_whole(shared) ? shared->whole : shared->here;
}

/* Terms run out and contact grows stale on every host, whether it hears of its farm or not (RULES §3.10,
 * §3.11). */
static void pass_time(const struct shared *shared, struct core_status *status)
{
    standing_pass(&status->standing, shared_licence_ms(shared));
    struct verdict verdict =
        verdict_of(&status->standing, status->level.concurrent_users, status->spare_grace);
    if (!verdict.open)
        status->verdict = verdict;
}

static void on_status(const struct farm *farm, struct core_status *ret)
{
    const struct shared *shared = of_const(farm);
    if (shared_leads(shared) && shared->whole != NULL) {
        core_status(shared->whole, ret);
    } else if (shared->verdict.n != 0) {
        *ret = shared->verdict.status;
        ret->farm_id = *shared->verdict.farm_id ? shared->verdict.farm_id : NULL;
        pass_time(shared, ret);
        if (ret->verdict.admission == ADMISSION_HOLDERS && !shared_is_whole(shared))
            ret->verdict.admission = ADMISSION_ALL; /* nobody is refused who may hold a licence elsewhere */
    } else {
        core_status(shared->settings.kept, ret);
        ret->verdict = verdict_of(&ret->standing, 0, ret->spare_grace);
        pass_time(shared, ret);
    }
    ret->started = shared->has_enumerated && shared->started == NULL;
    ret->sessions_revision = shared->moves;
}

static enum farm_part part_of(const struct shared *shared)
{
    switch (member_state(shared->member)) {
    case MEMBER_REFUSED:
        return FARM_REFUSED;
    case MEMBER_LEFT:
        return FARM_LEFT;
    case MEMBER_CUT_OFF:
        return FARM_CUT_OFF;
    case MEMBER_JOINED:
        return shared_leads(shared) ? FARM_LEADS : FARM_FOLLOWS;
    default:
        return FARM_JOINING;
    }
}

static void on_place(const struct farm *farm, struct farm_place *ret)
{
    const struct shared *shared = of_const(farm);
    const struct writer_status writer = writer_status(shared->writer);
    const struct farm_state *state = leader_farm_state(shared->leader);
    *ret = (struct farm_place){
        .part = part_of(shared),
        .name = shared->name,
        .whole = shared_is_whole(shared),
        .leader = leader_name(shared->leader),
        .holder = shared->holder,
        .detail = shared->trouble.text,
        .endpoint = shared->etcd != NULL ? etcd_endpoint(shared->etcd) : "",
        .since_ms = part_of(shared) == FARM_CUT_OFF ? shared->cut_off_since_ms : 0,
        .verdict_at_ms = shared->verdict.at_ms,
        .verdict_n = shared->seen_n,
        .waiting = writer.waiting,
        .waiting_since_ms = writer.oldest_ms,
        .revision = state != NULL ? farm_state_revision(state) : writer.revision,
        .head = state != NULL ? farm_state_head(state) : writer.revision,
        .gaps = shared_leads(shared) ? leader_gaps(shared->leader) : shared->verdict.gaps_ever,
    };
    if (*ret->detail == '\0' && writer.failures > 0)
        ret->detail = writer.failure; /* it is in its farm, and can tell it nothing */
    if (*ret->leader == '\0' && ret->part != FARM_JOINING)
        ret->leader = shared->verdict.n != 0 ? shared->verdict.leader : "";
}

/* ---- opening and closing ---------------------------------------------------------------------------------
 */

static void on_handle_closed(uv_handle_t *handle)
{
    struct shared *shared = handle->data;
    if (--shared->open_handles == 0)
        shared->closed(shared->closed_data);
}

static void on_etcd_closed(void *data)
{
    struct shared *shared = data;
    shared->etcd = NULL;
    shared->open_handles = 2;
    uv_close((uv_handle_t *)&shared->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&shared->timer, on_handle_closed);
}

static void close_etcd(uv_timer_t *timer)
{
    struct shared *shared = timer->data;
    etcd_close(shared->etcd, on_etcd_closed, shared);
}

/* Who led gives that back, so that another host need not wait for the lease to end. The host's own place
 * stays its own: it is soon back. */
static void on_close(struct farm *farm, void (*closed)(void *data), void *data)
{
    struct shared *shared = of(farm);
    bool led = leader_state(shared->leader) != LEADER_FOLLOWING;
    shared->closed = closed;
    shared->closed_data = data;
    shared->is_closing = true;
    (void)uv_prepare_stop(&shared->prepare);
    (void)uv_timer_stop(&shared->timer);
    writer_stop(shared->writer);
    roll_call_destroy(shared->roll);
    settings_watch_destroy(shared->watch);
    probe_destroy(shared->probe);
    shared->roll = NULL;
    shared->watch = NULL;
    shared->probe = NULL;
    shared_count_stop(shared);
    if (led)
        (void)uv_timer_start(&shared->timer, close_etcd, SHARED_HAND_ON_MS, 0);
    else
        close_etcd(&shared->timer);
}

static void on_destroy(struct farm *farm)
{
    struct shared *shared = of(farm);
    shared_count_free(shared);
    writer_destroy(shared->writer);
    member_destroy(shared->member);
    roll_call_destroy(shared->roll);
    settings_watch_destroy(shared->watch);
    probe_destroy(shared->probe);
    core_destroy(shared->here);
    core_actions_destroy(shared->here_actions);
    sodium_memzero(&shared->record, sizeof(shared->record));
    free(shared);
}

static int open_parts(struct shared *shared)
{
    struct farm_shared_settings *settings = &shared->settings;
    const struct probe_settings probe = {
        .port = shared->port, .any_version = settings->any_version, .told = on_probed, .data = shared};
    const struct member_settings member = {.farm = &shared->record,
                                           .self = settings->self,
                                           .ttl_seconds = settings->lease_ttl_s,
                                           .seed = shared->seed,
                                           .port = shared->port,
                                           .changed = on_member,
                                           .data = shared};
    const struct writer_settings writer = {.farm = &shared->record,
                                           .host = settings->self.host,
                                           .instance = settings->self.instance,
                                           .seed = shared->seed,
                                           .port = shared->port,
                                           .journal = settings->journal,
                                           .said = on_writer,
                                           .data = shared};
    const struct settings_watch_told watch = {on_settings, on_unreadable, shared};
    shared->probe = probe_create(&probe);
    shared->member = member_create(&member);
    shared->writer = writer_create(&writer, settings->told);
    shared->watch = settings_watch_create(&shared->record, &shared->port, &watch);
    shared->roll = roll_call_create(&shared->record, &shared->port);
    if (shared->roll == NULL || shared->watch == NULL || shared->probe == NULL || shared->member == NULL ||
        shared->writer == NULL)
        return ERROR_NO_MEMORY;
    writer_hold(shared->writer, true); /* until it is known that there is an etcd */
    int error = shared_count_open(shared);
    return error != 0 ? error : open_here(shared);
}

static void start_handles(struct shared *shared)
{
    (void)uv_timer_init(shared->settings.loop, &shared->timer);
    (void)uv_prepare_init(shared->settings.loop, &shared->prepare);
    shared->timer.data = shared->prepare.data = shared;
    (void)uv_prepare_start(&shared->prepare, on_prepare);
}

static void choose_instance(struct shared *shared)
{
    uint8_t random[RECORD_INSTANCE_BYTES_MAX / 2];
    randombytes_buf(random, sizeof(random));
    randombytes_buf(&shared->seed, sizeof(shared->seed));
    (void)sodium_bin2hex(shared->settings.self.instance, sizeof(shared->settings.self.instance), random,
                         sizeof(random));
}

/* A member that swallows requests is left for the next one while the lease still lasts. */
static unsigned request_ms(int64_t lease_ttl_s)
{
    int64_t ms = lease_ttl_s * 1000 / MEMBER_RENEWALS;
    if (ms > ETCD_REQUEST_MS)
        ms = ETCD_REQUEST_MS;
    return ms > SHARED_REQUEST_MS ? (unsigned)ms : SHARED_REQUEST_MS;
}

static int open_all(struct shared *shared, struct error_detail *ret_detail)
{
    int error = record_farm_init(&shared->record, shared->settings.name, shared->settings.secret);
    sodium_memzero(shared->settings.secret, sizeof(shared->settings.secret));
    if (error != 0) {
        error_detail_set(ret_detail, "\"%s\" is no farm's name: letters a to z, digits and -",
                         shared->settings.name);
        return ERROR_CONFIGURATION;
    }
    (void)snprintf(shared->name, sizeof(shared->name), "%s", shared->settings.name);
    if (shared->settings.etcd.request_ms == 0)
        shared->settings.etcd.request_ms = request_ms(shared->settings.lease_ttl_s);
    shared->etcd = etcd_create(shared->settings.loop, &shared->settings.etcd, &error, ret_detail);
    if (shared->etcd == NULL)
        return error == ERROR_INVALID ? ERROR_CONFIGURATION : ERROR_NO_MEMORY;
    shared->port = (struct farm_port){port_ask, port_cancel, shared->etcd};
    return open_parts(shared);
}

static void ignore_closed(void *data)
{
    (void)data;
}

int farm_shared_create(const struct farm_shared_settings *settings, const struct farm_shared_told *told,
                       struct farm **ret, struct error_detail *ret_detail)
{
    static const struct farm_way way = {on_offer, on_turn,   on_step,  on_reconfigure, on_started,
                                        on_core,  on_status, on_place, on_close,       on_destroy};
    struct shared *shared = calloc(1, sizeof(*shared));
    error_detail_set(ret_detail, "out of memory");
    if (shared == NULL)
        return ERROR_NO_MEMORY;
    shared->farm.way = &way;
    shared->settings = *settings;
    shared->told = *told;
    shared->seen_n = settings->seen_n;
    shared->windows_after_ms = settings->windows_after_ms;
    shared->opened_ms = shared_steady_ms(shared);
    shared->gate.reason = shared->said_reason = VERDICT_REASON_MAX; /* none was told */
    choose_instance(shared);
    int error = open_all(shared, ret_detail);
    if (error == 0) {
        start_handles(shared);
        *ret = &shared->farm;
        return 0;
    }
    if (shared->etcd != NULL)
        etcd_close(shared->etcd, ignore_closed, NULL);
    on_destroy(&shared->farm);
    return error;
}

void farm_shared_roll(struct farm *farm, roll_done_fn *done, void *data)
{
    roll_call_ask(of(farm)->roll, shared_steady_ms(of(farm)), done, data);
}

uint32_t farm_shared_connections(const struct farm *farm)
{
    return tally_level(core_tally(of_const(farm)->here))->connections;
}

bool farm_shared_settings_known(const struct farm *farm)
{
    return settings_watch_is_read(of_const(farm)->watch);
}

void farm_shared_add_history(struct farm *farm, struct window *windows, size_t count)
{
    leader_add_history(of(farm)->leader, windows, count);
}

void farm_shared_put_settings(struct farm *farm, const char *text, size_t bytes, farm_done_fn *done,
                              void *done_data)
{
    settings_watch_put(of(farm)->watch, text, bytes, done, done_data);
}

void farm_shared_leave(struct farm *farm)
{
    struct shared *shared = of(farm);
    shared->is_leaving = true;
    writer_stop(shared->writer);
    shared_count_stop(shared);
    member_leave(shared->member);
}
