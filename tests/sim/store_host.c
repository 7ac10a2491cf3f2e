/* store_host.c - one host of the farm: its agent's parts for the shared store, wired as the agent wires them,
 * and the people on it. */
#include "store_farm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A watch of the leader's: when was which revision delivered? */
struct store_tap {
    struct store_tap *next, **link;
    struct store_host *host;
    struct etcd_told told;
    void *data;
};

int64_t store_host_licence_ms(const struct store_host *host)
{
    return host->farm->now_ms + host->clock_error_ms;
}

static int64_t steady_ms(const struct store_host *host)
{
    return host->farm->now_ms - host->frozen_ms;
}

void store_host_weather(struct store_host *host, const struct model_weather *weather)
{
    model_etcd_weather(host->farm->etcd, host->number, weather);
    host->well_since_ms = weather->cut_off || weather->refused || weather->request_lost_percent > 50 ||
                                  weather->reply_lost_percent > 50
                              ? INT64_MAX
                              : host->farm->now_ms;
}

/* ---- the leader's requests ----------------------------------------------------------------------------- */

static void tap_free(struct store_tap *tap)
{
    *tap->link = tap->next;
    if (tap->next != NULL)
        tap->next->link = tap->link;
    free(tap);
}

static int on_tap_kv(void *data, const struct wire_kv *kv)
{
    struct store_tap *tap = data;
    truth_life_delivered(tap->host->life, kv->mod_revision, store_host_licence_ms(tap->host));
    return tap->told.kv(tap->data, kv);
}

static int on_tap_message(void *data, const struct wire_message *message)
{
    struct store_tap *tap = data;
    return tap->told.message(tap->data, message);
}

static void on_tap_done(void *data, int error, const char *detail)
{
    struct store_tap tap = *(struct store_tap *)data;
    tap_free(data);
    tap.told.done(tap.data, error, detail);
}

/* Only the watch of everything is looked at: who leads is told by another. */
static bool is_of_state(const struct store_host *host, const char *path)
{
    return strcmp(path, WIRE_PATH_WATCH) == 0 &&
           (leader_state(host->leader) == LEADER_REPLAYING || leader_state(host->leader) == LEADER_LIVE);
}

static int64_t tapped_ask(void *data, const char *path, char *text, const struct etcd_told *told,
                          void *told_data)
{
    static const struct etcd_told tapped = {on_tap_kv, on_tap_message, on_tap_done};
    struct store_host *host = data;
    struct farm_port port = model_etcd_port(host->farm->etcd, host->number);
    if (!is_of_state(host, path))
        return port.ask(port.etcd, path, text, told, told_data);
    struct store_tap *tap = malloc(sizeof *tap);
    if (tap == NULL)
        abort();
    *tap = (struct store_tap){host->taps, &host->taps, host, *told, told_data};
    if (host->taps != NULL)
        host->taps->link = &tap->next;
    host->taps = tap;
    return port.ask(port.etcd, path, text, &tapped, tap);
}

static void tapped_cancel(void *data, int64_t id)
{
    struct store_host *host = data;
    struct farm_port port = model_etcd_port(host->farm->etcd, host->number);
    port.cancel(port.etcd, id);
}

/* ---- the leader's owner -------------------------------------------------------------------------------- */

static int64_t on_licence_ms(void *data)
{
    return store_host_licence_ms(data);
}

static const struct core_settings *on_settings(void *data)
{
    const struct store_host *host = data;
    return &host->farm->settings;
}

static int begin_core(struct store_host *host, struct core **core, const struct farm_begin *begin)
{
    struct core_saved saved = *begin->saved;
    if (saved.installation_id == NULL)
        saved.installation_id = STORE_INSTALLATION;
    core_destroy(*core);
    *core = core_create(&host->farm->settings);
    return core_restore(*core, &saved, begin->at_ms);
}

static int own_begin(void *data, const struct farm_begin *begin)
{
    struct store_host *host = data;
    host->identity = (struct store_identity){.installation_id = STORE_INSTALLATION};
    if (begin->checkpoint != NULL)
        host->identity = begin->checkpoint->identity;
    if (host->seen_n != 0 && (begin->checkpoint == NULL || begin->is_older))
        writer_look(host->writer);
    int code = begin_core(host, &host->core, begin);
    truth_life_loaded(host->life, begin, farm_state_revision(leader_farm_state(host->leader)));
    return code;
}

static const struct core *own_core(void *data)
{
    const struct store_host *host = data;
    return host->core;
}

static int own_step(void *data, const struct core_event *event, int64_t at_ms, struct core_actions *actions)
{
    static const struct rules_event started = {.type = RULES_EVENT_STARTED};
    struct store_host *host = data;
    size_t before, count;
    (void)core_actions_all(actions, &before);
    if (event->type == EVENT_STARTED)
        truth_life_stepped(host->life, &started);
    int code = core_step(host->core, event, at_ms, actions);
    const struct action *all = core_actions_all(actions, &count);
    for (size_t i = before; i < count; i++)
        if (all[i].type == ACTION_REPORT)
            truth_life_reported(host->life);
    return code;
}

static void own_identity(void *data, struct store_identity *ret,
                         char ret_entitlement[STORE_ENTITLEMENT_MAX + 1])
{
    const struct store_host *host = data;
    *ret = host->identity;
    ret_entitlement[0] = '\0';
}

static void own_live(void *data)
{
    struct store_host *host = data;
    host->is_live = true;
    host->farm->happened[STORE_LEADERSHIPS]++;
    store_farm_trace(host->farm, "%s leads", host->name);
}

static void own_turn(void *data)
{
    store_uplink_turn(data);
}

static void own_saved(void *data, const struct core_actions *actions)
{
    store_uplink_saved(data, actions);
}

static void own_resigned(void *data, int error, const char *detail)
{
    struct store_host *host = data;
    host->is_live = false;
    host->answer_at_ms = 0;
    host->answer_came = host->wants_activation = false;
    host->farm->happened[STORE_FENCED] += error == ERROR_REFUSED;
    store_farm_trace(host->farm, "%s leads no longer: %s", host->name, detail);
}

static void own_window(void *data, const char *farm_id, const struct window *window)
{
    (void)data;
    (void)farm_id;
    (void)window;
}

/* Nothing but a backup brings old values, or misses changes; strangers do not write here. */
static void own_note(void *data, enum farm_note note, const char *key, const char *detail)
{
    struct store_host *host = data;
    host->farm->happened[STORE_GAPS] += note == FARM_NOTE_GAP;
    store_farm_trace(host->farm, "%s says: %s: %s", host->name, key, detail);
    host->farm->happened[STORE_LATE] += note == FARM_NOTE_LATE;
    if (note == FARM_NOTE_GAP || note == FARM_NOTE_LATE || host->farm->was_restored)
        return;
    store_farm_fail(host->farm, "%s says of %s: %s", host->name, key, detail);
}

/* ---- the follower's owner ------------------------------------------------------------------------------ */

/* The gate of this host. */
static void on_verdict(void *data, const struct farm_verdict *verdict)
{
    struct store_host *host = data;
    if (verdict->n < host->verdict_n)
        store_farm_fail(host->farm, "%s goes back from verdict %" PRId64 " to %" PRId64, host->name,
                        host->verdict_n, verdict->n);
    host->verdict_n = verdict->n;
    host->seen_n = verdict->n;
    leader_saw(host->leader, verdict->n);
    host->verdict_open = verdict->status.verdict.open;
    host->farm->happened[STORE_VERDICTS_FOLLOWED]++;
}

/* Nobody else's: the farm has one for ever. */
static void follower_identity(void *data, const struct checkpoint *checkpoint)
{
    struct store_host *host = data;
    const char *farm_id = checkpoint->identity.farm_id;
    if (farm_id[0] != '\0' && strcmp(farm_id, host->farm->authority.farm_id) != 0)
        store_farm_fail(host->farm, "%s follows the farm %s", host->name, farm_id);
}

static int follower_begin(void *data, const struct farm_begin *begin)
{
    struct store_host *host = data;
    return begin_core(host, &host->holders, begin);
}

static const struct core *follower_core(void *data)
{
    const struct store_host *host = data;
    return host->holders;
}

static int follower_step(void *data, const struct core_event *event, int64_t at_ms)
{
    struct store_host *host = data;
    struct core_actions *actions = core_actions_create();
    int code = core_step(host->holders, event, at_ms, actions);
    core_actions_destroy(actions);
    return code;
}

static void follower_dropped(void *data)
{
    struct store_host *host = data;
    core_destroy(host->holders);
    host->holders = NULL;
}

static void follower_went_back(void *data)
{
    const struct store_host *host = data;
    writer_look(host->writer);
}

static void follower_note(void *data, enum farm_note note, const char *key, const char *detail)
{
    struct store_host *host = data;
    if (note != FARM_NOTE_GAP && note != FARM_NOTE_LATE && !host->farm->was_restored)
        store_farm_fail(host->farm, "%s says as a follower of %s: %s", host->name, key, detail);
}

/* ---- member and writer --------------------------------------------------------------------------------- */

static void on_member_changed(void *data, const struct member_news *news)
{
    struct store_host *host = data;
    store_farm_trace(host->farm, "%s is %s", host->name, member_state_name(news->state));
    if (news->back)
        writer_look(host->writer);
    writer_hold(host->writer, news->state == MEMBER_REFUSED);
}

/* ---- the agent ----------------------------------------------------------------------------------------- */

static void create_writer(struct store_host *host, const char *instance)
{
    struct store_farm *farm = host->farm;
    const struct farm_journal_kept kept = model_journal_kept(host->journal);
    const struct writer_settings writer = {.farm = &farm->record,
                                           .host = host->name,
                                           .instance = instance,
                                           .seed = chance_next(&farm->chance),
                                           .port = model_etcd_port(farm->etcd, host->number),
                                           .journal = model_journal_port(host->journal),
                                           .data = host};
    struct member_settings member = {.farm = &farm->record,
                                     .ttl_seconds = farm->traits.ttl_s,
                                     .seed = chance_next(&farm->chance),
                                     .port = writer.port,
                                     .changed = on_member_changed,
                                     .data = host};
    (void)snprintf(member.self.host, sizeof member.self.host, "%s", host->name);
    (void)snprintf(member.self.machine_id, sizeof member.self.machine_id, "machine-%u", host->number);
    (void)snprintf(member.self.instance, sizeof member.self.instance, "%s", instance);
    host->writer = writer_create(&writer, &kept);
    host->member = member_create(&member);
}

static void create_leader(struct store_host *host, const char *instance)
{
    static const struct leader_told told = {on_licence_ms, on_settings,  own_begin,  own_core,
                                            own_step,      own_identity, own_live,   own_turn,
                                            own_saved,     own_resigned, own_window, own_note};
    static const struct follower_told follower_told = {.verdict = on_verdict,
                                                       .window = own_window,
                                                       .note = follower_note,
                                                       .went_back = follower_went_back,
                                                       .identity = follower_identity,
                                                       .licence_ms = on_licence_ms,
                                                       .settings = on_settings,
                                                       .begin = follower_begin,
                                                       .core = follower_core,
                                                       .step = follower_step,
                                                       .dropped = follower_dropped};
    struct store_farm *farm = host->farm;
    struct leader_settings leader = {
        .farm = &farm->record, .port = {tapped_ask, tapped_cancel, host}, .lease_ttl_s = farm->traits.ttl_s};
    const struct follower_settings follower = {.farm = &farm->record,
                                               .port = model_etcd_port(farm->etcd, host->number),
                                               .seen_n = host->seen_n,
                                               .windows_after_ms = farm->now_ms - WINDOW_MS};
    (void)snprintf(leader.self.host, sizeof leader.self.host, "%s", host->name);
    (void)snprintf(leader.self.instance, sizeof leader.self.instance, "%s", instance);
    host->life = truth_life_begin(farm->truth, instance);
    host->leader = leader_create(&leader, &told, host);
    host->follower = follower_create(&follower, &follower_told, host);
}

/* Licence time of the first moment at which this machine's sources have spoken. */
static void offer_boot(struct store_host *host)
{
    char boot_id[16];
    (void)snprintf(boot_id, sizeof boot_id, "boot-%u", host->boots);
    const struct core_event event = {.type = EVENT_HOST_BOOTED, .booted = {host->name, boot_id}};
    writer_offer(host->writer, &event, store_host_licence_ms(host), NULL, NULL);
}

static void offer_set(struct store_host *host, size_t new_from);

void store_host_start(struct store_host *host)
{
    char instance[RECORD_INSTANCE_BYTES_MAX + 1];
    (void)snprintf(instance, sizeof instance, "%s-%u", host->name, ++host->lives);
    create_writer(host, instance);
    create_leader(host, instance);
    if (host->writer == NULL || host->member == NULL || host->leader == NULL || host->follower == NULL)
        abort();
    host->verdict_n = 0;
    host->well_since_ms =
        host->well_since_ms == INT64_MAX ? INT64_MAX : host->farm->now_ms; /* cut off all the same */
    offer_boot(host);
    offer_set(host, host->farm->session_count);
    store_farm_trace(host->farm, "%s starts", instance);
}

void store_host_kill(struct store_host *host)
{
    if (host->writer == NULL)
        return;
    leader_destroy(host->leader);
    follower_destroy(host->follower);
    model_etcd_pass(host->farm->etcd, host->farm->now_ms); /* what they have dropped is freed */
    model_etcd_forget(host->farm->etcd, host->number);
    model_journal_crash(host->journal);
    writer_destroy(host->writer);
    member_destroy(host->member);
    core_destroy(host->core);
    core_destroy(host->holders);
    while (host->taps != NULL)
        tap_free(host->taps);
    host->writer = NULL;
    host->member = NULL;
    host->leader = NULL;
    host->follower = NULL;
    host->core = host->holders = NULL;
    host->is_live = host->answer_came = host->wants_activation = false;
    host->answer_at_ms = host->asleep_until_ms = 0;
    store_farm_trace(host->farm, "%s dies", host->name);
}

void store_host_power_off(struct store_host *host)
{
    store_host_kill(host);
    host->is_on = false;
    for (size_t i = 0; i < STORE_SEATS_MAX; i++) {
        if (host->seats[i] != 0)
            host->farm->sessions[host->seats[i] - 1].ended_ms = store_host_licence_ms(host);
        host->seats[i] = 0;
    }
}

void store_host_power_on(struct store_host *host)
{
    host->is_on = true;
    host->back_at_ms = 0;
    host->boots++;
    host->frozen_ms = 0;
    store_host_start(host);
}

static bool is_awake(const struct store_host *host)
{
    return host->writer != NULL && host->asleep_until_ms == 0;
}

static void wake(struct store_host *host)
{
    const struct model_weather fine = {.way_ms_max = 40};
    host->asleep_until_ms = 0;
    if (host->cut_until_ms == 0)
        store_host_weather(host, &fine);
}

static void come_back(struct store_host *host)
{
    int64_t now_ms = host->farm->now_ms;
    const struct model_weather fine = {.way_ms_max = 40};
    if (host->asleep_until_ms != 0 && host->asleep_until_ms <= now_ms)
        wake(host);
    if (host->cut_until_ms != 0 && host->cut_until_ms <= now_ms) {
        host->cut_until_ms = 0;
        if (host->asleep_until_ms == 0)
            store_host_weather(host, &fine);
    }
    if (host->back_at_ms != 0 && host->back_at_ms <= now_ms) {
        host->back_at_ms = 0;
        if (host->is_on)
            store_host_start(host);
        else
            store_host_power_on(host);
    }
}

void store_host_pass(struct store_host *host)
{
    come_back(host);
    if (!is_awake(host))
        return;
    int64_t steady = steady_ms(host), licence_ms = store_host_licence_ms(host);
    for (int turns = 0; turns < 20 && store_host_due_ms(host) <= host->farm->now_ms; turns++) {
        if (member_due_ms(host->member) <= steady)
            member_pass(host->member, steady);
        if (writer_due_ms(host->writer) <= steady)
            writer_pass(host->writer, steady, licence_ms);
        if (leader_due_ms(host->leader) <= steady)
            leader_pass(host->leader, steady);
        if (follower_due_ms(host->follower) <= steady)
            follower_pass(host->follower, steady);
        store_uplink_pass(host);
    }
}

static int64_t least(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

static int64_t or_never(int64_t at_ms)
{
    return at_ms == 0 ? INT64_MAX : at_ms;
}

int64_t store_host_due_ms(const struct store_host *host)
{
    int64_t due_ms = least(or_never(host->asleep_until_ms), or_never(host->cut_until_ms));
    due_ms = least(due_ms, or_never(host->back_at_ms));
    if (!is_awake(host))
        return due_ms;
    due_ms = least(due_ms, or_never(host->answer_at_ms));
    int64_t own_ms = least(least(member_due_ms(host->member), writer_due_ms(host->writer)),
                           least(leader_due_ms(host->leader), follower_due_ms(host->follower)));
    return own_ms == INT64_MAX ? due_ms : least(due_ms, own_ms + host->frozen_ms);
}

/* ---- people -------------------------------------------------------------------------------------------- */

static void on_offered(void *data, int error, const char *detail)
{
    struct store_offer *offer = data;
    (void)detail;
    for (size_t i = offer->from; i < offer->to && error == 0; i++)
        offer->farm->sessions[i].durable = true;
}

static struct store_offer *make_offer(struct store_farm *farm, size_t new_from)
{
    struct store_offer *offer = malloc(sizeof *offer);
    if (offer == NULL)
        abort();
    *offer = (struct store_offer){farm->offers, farm, new_from, farm->session_count};
    return farm->offers = offer;
}

/* The whole set, as sources tell it; sessions from new_from on are told for the first time. */
static void offer_set(struct store_host *host, size_t new_from)
{
    struct store_farm *farm = host->farm;
    struct connection set[STORE_SEATS_MAX];
    char ids[STORE_SEATS_MAX][24], users[STORE_SEATS_MAX][24];
    size_t count = 0;
    for (size_t i = 0; i < STORE_SEATS_MAX; i++) {
        if (host->seats[i] == 0)
            continue;
        const struct store_session *session = &farm->sessions[host->seats[i] - 1];
        (void)snprintf(ids[count], sizeof ids[count], "%zu", host->seats[i] - 1);
        (void)snprintf(users[count], sizeof users[count], "u%u", session->user);
        set[count] = (struct connection){.host = host->name,
                                         .id = ids[count],
                                         .user = users[count],
                                         .connected_at_ms = session->opened_ms,
                                         .kind = session->kind,
                                         .route = ROUTE_RDP,
                                         .state = session->state,
                                         .administrator =
                                             session->administrator ? ADMINISTRATOR_YES : ADMINISTRATOR_NO};
        count++;
    }
    const struct core_event event = {.type = EVENT_HOST_SET, .set = {host->name, set, count}};
    writer_offer(host->writer, &event, store_host_licence_ms(host), on_offered, make_offer(farm, new_from));
}

static void log_on(struct store_host *host, size_t seat)
{
    struct store_farm *farm = host->farm;
    if (farm->session_count == farm->session_room) {
        farm->session_room = farm->session_room == 0 ? 256 : 2 * farm->session_room;
        farm->sessions = realloc(farm->sessions, farm->session_room * sizeof *farm->sessions);
        if (farm->sessions == NULL)
            abort();
    }
    farm->sessions[farm->session_count++] =
        (struct store_session){.host = host->number,
                               .user = chance_below(&farm->chance, STORE_USERS),
                               .opened_ms = store_host_licence_ms(host),
                               .kind = chance_percent(&farm->chance, 50) ? KIND_DESKTOP : KIND_APPLICATION,
                               .administrator = chance_percent(&farm->chance, 15)};
    host->seats[seat] = farm->session_count;
}

static void change_seat(struct store_host *host, size_t seat)
{
    struct store_farm *farm = host->farm;
    if (host->seats[seat] == 0) {
        log_on(host, seat);
        return;
    }
    struct store_session *session = &farm->sessions[host->seats[seat] - 1];
    if (chance_percent(&farm->chance, 20)) {
        session->state = session->state == CONNECTION_ACTIVE ? CONNECTION_DISCONNECTED : CONNECTION_ACTIVE;
    } else {
        session->ended_ms = store_host_licence_ms(host);
        host->seats[seat] = 0;
    }
}

void store_host_act(struct store_host *host, unsigned changes)
{
    struct store_farm *farm = host->farm;
    size_t new_from = farm->session_count;
    if (!is_awake(host))
        return;
    unsigned first = chance_below(&farm->chance, STORE_SEATS_MAX);
    for (unsigned i = 0; i < changes && i < STORE_SEATS_MAX; i++)
        change_seat(host, (first + i) % STORE_SEATS_MAX);
    offer_set(host, new_from);
}
