/* leader_write.c - what a leader leaves in the store: the checkpoint, which is its clock too, the verdict,
 * and closed windows; and which history is needed no longer. */
#include "leader_private.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- steps, and what they want written ----------------------------------------------------------------- */

/* The same window, where it is kept and not on its way. One that begins after all of them is not looked for:
 * a year of them is kept at once. */
static struct closed_window *kept_window(struct leader *leader, const struct window *window)
{
    if (leader->window_count == 0 || window->start_ms > leader->newest_window_ms) {
        leader->newest_window_ms = window->start_ms;
        return NULL;
    }
    bool flies = leader->flight.is_on && !leader->flight.is_history;
    for (size_t i = leader->window_count; i > (flies ? leader->flight.window_count : 0); i--)
        if (leader->windows[i - 1].window.start_ms == window->start_ms)
            return &leader->windows[i - 1];
    return NULL;
}

/* A window that is closed again, in a replay, stands in the place of itself. */
static bool keep_window(struct leader *leader, const struct window *window)
{
    struct closed_window *at = kept_window(leader, window);
    if (at == NULL && leader->window_count == leader->window_room) {
        size_t room = leader->window_room == 0 ? 8 : leader->window_room * 2;
        struct closed_window *windows = realloc(leader->windows, room * sizeof(*windows));
        if (windows == NULL)
            return false;
        leader->windows = windows;
        leader->window_room = room;
    }
    if (at == NULL)
        at = &leader->windows[leader->window_count++];
    struct core_status status;
    core_status(leader->told.core(leader->data), &status);
    *at = (struct closed_window){.window = *window};
    if (window->sequence != 0 && status.farm_id != NULL)
        (void)snprintf(at->farm_id, sizeof(at->farm_id), "%s", status.farm_id);
    return true;
}

/* What others wait for, or must not be lost, is written at once. */
static bool is_urgent(const struct action *action)
{
    if (action->type != ACTION_PERSIST)
        return action->type != ACTION_LOG;
    return action->persist.type != PERSIST_CONNECTION && action->persist.type != PERSIST_CONNECTION_ENDED &&
           action->persist.type != PERSIST_RUNNING;
}

static int step(struct leader *leader, const struct core_event *event, int64_t at_ms)
{
    size_t before, count;
    (void)core_actions_all(leader->gathered, &before);
    int code = leader->told.step(leader->data, event, at_ms, leader->gathered);
    const struct action *actions = core_actions_all(leader->gathered, &count);
    for (size_t i = before; i < count; i++) {
        leader->is_dirty = true;
        leader->is_urgent |= is_urgent(&actions[i]);
        if (actions[i].type == ACTION_PERSIST && actions[i].persist.type == PERSIST_WINDOW &&
            !keep_window(leader, &actions[i].persist.window))
            leader_resign_soon(leader, ERROR_NO_MEMORY, "out of memory");
    }
    return code;
}

/* What the core refuses has changed nothing. */
static int on_step(void *data, const struct core_event *event, int64_t at_ms)
{
    (void)step(data, event, at_ms);
    return 0;
}

int leader_step(struct leader *leader, const struct core_event *event)
{
    assert(leader->is_turn);
    return step(leader, event, farm_state_now_ms(leader->farm_state));
}

void leader_wants_turn(struct leader *leader)
{
    leader->wants_turn = true;
}

static void give_turn(struct leader *leader)
{
    leader->wants_turn = false;
    leader->is_turn = true;
    leader->told.turn(leader->data);
    leader->is_turn = false;
}

/* ---- a flight ------------------------------------------------------------------------------------------ */

static void end_flight(struct leader *leader)
{
    struct leader_flight *flight = &leader->flight;
    ask_drop(&leader->writing);
    free(flight->checkpoint.bytes);
    free(flight->verdict.bytes);
    for (size_t i = 0; i < flight->window_count; i++)
        free(flight->windows[i].bytes);
    core_actions_destroy(flight->actions);
    *flight = (struct leader_flight){.is_on = false};
    leader->write_due_ms = INT64_MAX;
}

static void forget_windows(struct leader *leader, size_t count)
{
    leader->window_count -= count;
    memmove(leader->windows, leader->windows + count, leader->window_count * sizeof(*leader->windows));
}

static void forget_history(struct leader *leader, size_t count)
{
    leader->history_at += count;
    if (leader->history_at < leader->history_count)
        return;
    free(leader->history);
    leader->history = NULL;
}

/* A member that is cut off from the others keeps a watch alive, and tells nothing. */
static void await(struct leader *leader, int64_t revision)
{
    if (leader->awaited_revision == 0) {
        leader->awaited_until_ms = leader->steady_ms + LEADER_BARRIER_MS;
        leader->awaited_times = 0;
    }
    leader->awaited_revision = revision;
}

static void watch_awaited(struct leader *leader)
{
    if (leader->awaited_revision == 0 || leader->steady_ms < leader->awaited_until_ms)
        return;
    if (++leader->awaited_times == LEADER_BARRIERS_MAX) {
        leader_resign_soon(leader, ERROR_TIMEOUT, "what it writes does not come back to it");
        return;
    }
    leader->awaited_until_ms = leader->steady_ms + LEADER_BARRIER_MS;
    farm_state_watch_again(leader->farm_state);
}

static void committed(struct leader *leader, int64_t revision)
{
    struct leader_flight *flight = &leader->flight;
    struct core_actions *actions = flight->actions;
    bool is_checkpoint = flight->is_checkpoint;
    flight->actions = NULL;
    if (is_checkpoint) {
        leader_saw(leader, flight->n); /* of one that was tried in vain nobody has seen the number */
        leader->last_revision = revision;
        leader->guard_revision = flight->revision;
        await(leader, revision);
    }
    if (flight->is_history)
        forget_history(leader, flight->window_count);
    else if (flight->window_count > 0)
        forget_windows(leader, flight->window_count);
    end_flight(leader);
    leader->write_due_ms = leader->steady_ms + LEADER_CHECKPOINT_MS;
    if (is_checkpoint)
        leader->told.saved(leader->data, actions);
    core_actions_destroy(actions);
}

/* ---- the farm's state, as it is told ------------------------------------------------------------------- */

static int64_t on_licence_ms(void *data)
{
    const struct leader *leader = data;
    return leader->told.licence_ms(leader->data);
}

static const struct core_settings *on_settings(void *data)
{
    const struct leader *leader = data;
    return leader->told.settings(leader->data);
}

static const struct core *on_core(void *data)
{
    const struct leader *leader = data;
    return leader->told.core(leader->data);
}

/* A farm that begins with what its first host was alone: the windows that it had not sent yet are the farm's
 * now, and a checkpoint only names them. */
static int keep_unsent(struct leader *leader)
{
    size_t count;
    const struct window *unsent = core_unsent(leader->told.core(leader->data), &count);
    for (size_t i = 0; i < count; i++)
        if (!keep_window(leader, &unsent[i]))
            return ERROR_NO_MEMORY;
    return 0;
}

static int on_begin(void *data, const struct farm_begin *begin)
{
    struct leader *leader = data;
    end_flight(leader);
    core_actions_clear(leader->gathered);
    leader->window_count = 0;
    leader->awaited_revision = 0;
    leader->is_dirty = leader->is_urgent = leader->barrier_sent = leader->barrier_back = false;
    leader->last_revision = farm_state_checkpoint_revision(leader->farm_state);
    leader->guard_revision = farm_state_revision(leader->farm_state);
    leader_saw(leader, farm_state_seen_n(leader->farm_state));
    if (leader->seen_n > leader->last_n)
        leader->last_n = leader->seen_n;
    if (begin->checkpoint != NULL)
        *leader->checkpoint = *begin->checkpoint;
    else
        *leader->checkpoint = (struct checkpoint){.n = 0};
    if (begin->gap != NULL)
        checkpoint_add_gap(leader->checkpoint, begin->gap);
    int code = leader->told.begin(leader->data, begin);
    return code == 0 && begin->checkpoint == NULL ? keep_unsent(leader) : code;
}

static int on_checkpoint(void *data, const struct checkpoint *checkpoint, int64_t revision, int64_t at_ms)
{
    struct leader *leader = data;
    (void)at_ms;
    bool is_ours = strcmp(checkpoint->instance, leader->settings.self.instance) == 0;
    if (!is_ours || !leader->barrier_sent || checkpoint->n < leader->first_n) {
        if (leader->barrier_back)
            leader_resign_soon(leader, ERROR_REFUSED, "another leader has written a checkpoint");
        return 0;
    }
    leader->barrier_back = true;
    if (leader->flight.is_on && leader->flight.is_checkpoint && leader->flight.n == checkpoint->n)
        leader->flight.committed_revision = revision;
    if (leader->state == LEADER_LIVE)
        give_turn(leader);
    return 0;
}

static void go_live(struct leader *leader)
{
    leader->state = LEADER_LIVE;
    leader->compact_due_ms = leader->steady_ms + LEADER_COMPACT_MS;
    (void)step(leader, &(struct core_event){.type = EVENT_STARTED}, farm_state_now_ms(leader->farm_state));
    leader->is_urgent = true;
    leader->told.live(leader->data);
}

static void on_settled(void *data)
{
    struct leader *leader = data;
    if (leader->flight.is_on && leader->flight.committed_revision != 0)
        committed(leader, leader->flight.committed_revision);
    if (farm_state_revision(leader->farm_state) >= leader->awaited_revision)
        leader->awaited_revision = 0;
    if (leader->state == LEADER_REPLAYING && leader->barrier_back && !leader->resigning)
        go_live(leader);
}

static void on_window(void *data, const char *farm_id, const struct window *window)
{
    const struct leader *leader = data;
    leader->told.window(leader->data, farm_id, window);
}

static void on_note(void *data, enum farm_note note, const char *key, const char *detail)
{
    const struct leader *leader = data;
    leader->told.note(leader->data, note, key, detail);
}

static void on_failed(void *data, int error, const char *detail)
{
    leader_resign_soon(data, error, detail);
}

static void on_late(void *data, const struct checkpoint_gap *late)
{
    struct leader *leader = data;
    checkpoint_add_late(leader->checkpoint, late);
    leader->is_dirty = true;
}

int leader_write_open(struct leader *leader)
{
    static const struct farm_state_told told = {on_licence_ms, on_settings,   on_begin,  on_core,
                                                on_step,       on_checkpoint, on_window, on_settled,
                                                on_note,       on_failed,     on_late};
    leader->checkpoint = calloc(1, sizeof(*leader->checkpoint));
    leader->gathered = core_actions_create();
    leader->farm_state =
        farm_state_create(leader->settings.farm, &leader->settings.port, &told, leader, leader->seen_n);
    leader->write_due_ms = leader->compact_due_ms = INT64_MAX;
    leader->wants_turn = leader->barrier_sent = leader->barrier_back = false;
    leader->awaited_revision = 0;
    leader->window_count = 0;
    leader->said_left_out = false;
    if (leader->checkpoint != NULL && leader->gathered != NULL && leader->farm_state != NULL)
        return 0;
    leader_write_close(leader);
    return ERROR_NO_MEMORY;
}

void leader_write_close(struct leader *leader)
{
    end_flight(leader);
    ask_drop(&leader->compacting);
    if (leader->farm_state != NULL)
        leader_saw(leader, farm_state_seen_n(leader->farm_state));
    farm_state_destroy(leader->farm_state);
    core_actions_destroy(leader->gathered);
    free(leader->checkpoint);
    free(leader->history);
    leader->history = NULL;
    leader->farm_state = NULL;
    leader->gathered = NULL;
    leader->checkpoint = NULL;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static struct record_key farm_key(const struct leader *leader, enum record_kind kind)
{
    return record_key(leader->settings.farm, kind, NULL, NULL);
}

/* "/farmgate/FARM/" to "/farmgate/.floor/FARM". */
static struct record_key floor_key(const struct leader *leader)
{
    struct record_key key;
    const char *name = leader->settings.farm->prefix + strlen("/farmgate/");
    (void)snprintf(key.text, sizeof(key.text), RECORD_FLOORS "%.*s", (int)strlen(name) - 1, name);
    return key;
}

static int on_writing_kv(void *data, const struct wire_kv *kv)
{
    struct leader *leader = data;
    struct leader_flight *flight = &leader->flight;
    if (strcmp(kv->key, farm_key(leader, RECORD_LEADER).text) == 0)
        flight->leader_revision = kv->lease == leader->lease ? kv->create_revision : 0;
    if (strcmp(kv->key, farm_key(leader, RECORD_CHECKPOINT).text) == 0) {
        flight->checkpoint_revision = kv->mod_revision;
        flight->is_ours = kv->value_bytes == flight->checkpoint.count && kv->value_bytes > 0 &&
                          memcmp(kv->value, flight->checkpoint.bytes, kv->value_bytes) == 0;
    }
    return 0;
}

static int on_writing_message(void *data, const struct wire_message *message)
{
    struct leader *leader = data;
    leader_note_answer(&leader->writing_answer, message);
    return 0;
}

/* The failing branch says why: another leads, it was committed by a try whose answer was lost, or a stranger
 * has written over the checkpoint. */
static void not_held(struct leader *leader)
{
    struct leader_flight *flight = &leader->flight;
    if (flight->leader_revision != leader->create_revision) {
        leader_resign_soon(leader, ERROR_REFUSED, "another one leads now");
    } else if (flight->is_ours) {
        committed(leader, flight->checkpoint_revision);
    } else {
        leader->last_revision = flight->checkpoint_revision;
        leader->write_due_ms = leader->steady_ms + LEADER_RETRY_MS;
    }
}

static void lost_history(struct leader *leader)
{
    end_flight(leader);
    leader->state = LEADER_REPLAYING;
    farm_state_reload(leader->farm_state);
}

static void on_written(void *data, int error, const char *detail)
{
    struct leader *leader = data;
    const struct leader_answer *answer = &leader->writing_answer;
    (void)detail;
    if (error == 0 && answer->failed && answer->code == WIRE_OUT_OF_RANGE)
        lost_history(leader);
    else if (error != 0 || answer->failed)
        leader->write_due_ms = leader->steady_ms + LEADER_RETRY_MS;
    else if (answer->succeeded)
        committed(leader, answer->revision);
    else
        not_held(leader);
}

/* Where a backup was put back revisions come again, but no lease does. The whole transaction fails when the
 * history since the last checkpoint is gone: the range is its guard. */
static char *flight_text(const struct leader *leader, const struct record_key *window_keys)
{
    const struct leader_flight *flight = &leader->flight;
    const struct record_key keys[] = {farm_key(leader, RECORD_LEADER), farm_key(leader, RECORD_CHECKPOINT),
                                      farm_key(leader, RECORD_VERDICT), floor_key(leader)};
    char floor[24];
    struct wire_op success[LEADER_WINDOWS_MAX + 4];
    size_t count = 0;
    (void)snprintf(floor, sizeof(floor), "%" PRId64, leader->guard_revision);
    for (size_t i = 0; i < flight->window_count; i++)
        success[count++] = (struct wire_op){.type = WIRE_PUT,
                                            .key = window_keys[i].text,
                                            .value = flight->windows[i].bytes,
                                            .value_bytes = flight->windows[i].count};
    if (flight->is_checkpoint) {
        success[count++] = (struct wire_op){.type = WIRE_PUT,
                                            .key = keys[1].text,
                                            .value = flight->checkpoint.bytes,
                                            .value_bytes = flight->checkpoint.count};
        success[count++] = (struct wire_op){
            .type = WIRE_PUT, .key = keys[3].text, .value = floor, .value_bytes = strlen(floor)};
        success[count++] = (struct wire_op){
            .type = WIRE_RANGE, .key = keys[1].text, .revision = leader->guard_revision, .count_only = true};
    }
    if (flight->verdict.bytes != NULL)
        success[count++] = (struct wire_op){.type = WIRE_PUT,
                                            .key = keys[2].text,
                                            .value = flight->verdict.bytes,
                                            .value_bytes = flight->verdict.count};
    const struct wire_compare compares[] = {{WIRE_CREATE, keys[0].text, leader->create_revision},
                                            {WIRE_LEASE, keys[0].text, leader->lease},
                                            {WIRE_MOD, keys[1].text, leader->last_revision}};
    const struct wire_op failure[] = {{.type = WIRE_RANGE, .key = keys[0].text},
                                      {.type = WIRE_RANGE, .key = keys[1].text}};
    const struct wire_txn txn = {compares, 3, success, failure, count, 2};
    return wire_txn_text(&txn);
}

static void send(struct leader *leader)
{
    static const struct etcd_told told = {on_writing_kv, on_writing_message, on_written};
    struct leader_flight *flight = &leader->flight;
    struct record_key window_keys[LEADER_WINDOWS_MAX];
    for (size_t i = 0; i < flight->window_count; i++) {
        const struct window *window =
            flight->is_history ? &leader->history[leader->history_at + i] : &leader->windows[i].window;
        window_keys[i] = record_window_key(leader->settings.farm, window->start_ms);
    }
    flight->leader_revision = flight->checkpoint_revision = 0;
    flight->is_ours = false;
    leader->write_due_ms = INT64_MAX;
    leader->writing_answer = (struct leader_answer){.failed = true};
    if (ask_send(&leader->writing, &leader->settings.port, WIRE_PATH_TXN, flight_text(leader, window_keys),
                 &told, leader) < 0)
        leader->write_due_ms = leader->steady_ms + LEADER_RETRY_MS;
}

static bool take_windows(struct leader *leader)
{
    struct leader_flight *flight = &leader->flight;
    while (flight->window_count < leader->window_count && flight->window_count < LEADER_WINDOWS_MAX) {
        const struct closed_window *window = &leader->windows[flight->window_count];
        struct record_value value =
            checkpoint_window_value(leader->settings.farm, window->farm_id, &window->window);
        if (value.bytes == NULL)
            return false;
        flight->windows[flight->window_count++] = value;
    }
    return true;
}

/* Those that are lost are left out first; their sessions would be live again. */
static void say_left_out(struct leader *leader)
{
    char detail[128];
    size_t left_out = leader->checkpoint->hosts_left_out;
    if (left_out > 0 && !leader->said_left_out) {
        (void)snprintf(detail, sizeof(detail),
                       "%zu silent hosts are more than it holds: another leader would wait for them anew",
                       left_out);
        leader->told.note(leader->data, FARM_NOTE_LEFT_OUT, farm_key(leader, RECORD_CHECKPOINT).text, detail);
    }
    leader->said_left_out = left_out > 0;
}

/* Above every number that any host has seen, also one that this leader has not: of a time that an older state
 * of the store, put back, knows nothing of. */
static int64_t next_number(const struct leader *leader)
{
    int64_t licence_ms = leader->told.licence_ms(leader->data);
    return licence_ms > leader->last_n ? licence_ms : leader->last_n + 1;
}

static void fill_checkpoint(struct leader *leader)
{
    struct checkpoint *checkpoint = leader->checkpoint;
    checkpoint_take(checkpoint, leader->told.core(leader->data));
    say_left_out(leader);
    leader->told.identity(leader->data, &checkpoint->identity, checkpoint->entitlement);
    checkpoint->n = next_number(leader);
    checkpoint->revision = farm_state_revision(leader->farm_state);
    checkpoint->at_ms = leader->told.licence_ms(leader->data);
    memcpy(checkpoint->instance, leader->settings.self.instance, sizeof(checkpoint->instance));
    (void)snprintf(checkpoint->version, sizeof(checkpoint->version), "%s", leader->settings.self.version);
}

static struct record_value verdict_value(const struct leader *leader)
{
    const struct checkpoint *checkpoint = leader->checkpoint;
    struct farm_verdict verdict = {
        .n = checkpoint->n, .at_ms = checkpoint->at_ms, .gaps_ever = checkpoint->gaps_ever};
    core_status(leader->told.core(leader->data), &verdict.status);
    if (verdict.status.farm_id != NULL)
        (void)snprintf(verdict.farm_id, sizeof(verdict.farm_id), "%s", verdict.status.farm_id);
    memcpy(verdict.leader, leader->settings.self.host, sizeof(verdict.leader));
    return farm_verdict_value(leader->settings.farm, &verdict);
}

/* What is gathered from now on flies with the next one. */
static bool take_checkpoint(struct leader *leader)
{
    struct leader_flight *flight = &leader->flight;
    struct core_actions *fresh = core_actions_create();
    if (fresh == NULL)
        return false;
    fill_checkpoint(leader);
    flight->is_checkpoint = true;
    flight->n = leader->checkpoint->n;
    flight->revision = leader->checkpoint->revision;
    flight->checkpoint = checkpoint_value(leader->settings.farm, leader->checkpoint);
    if (leader->state == LEADER_LIVE)
        flight->verdict = verdict_value(leader);
    flight->actions = leader->gathered;
    leader->gathered = fresh;
    leader->is_dirty = leader->is_urgent = false;
    leader->last_n = flight->n;
    if (!leader->barrier_sent)
        leader->first_n = flight->n;
    leader->barrier_sent = true;
    return flight->checkpoint.bytes != NULL &&
           (leader->state != LEADER_LIVE || flight->verdict.bytes != NULL);
}

/* Windows go ahead of a checkpoint that counts them as written. */
static void take_off(struct leader *leader)
{
    bool fits = leader->window_count <= LEADER_WINDOWS_MAX;
    leader->flight.is_on = true;
    if (take_windows(leader) && (!fits || take_checkpoint(leader)))
        send(leader);
    else
        leader_resign_soon(leader, ERROR_NO_MEMORY, "a checkpoint cannot be made");
}

/* Under no farm id: nobody reports them again. */
static void take_off_history(struct leader *leader)
{
    struct leader_flight *flight = &leader->flight;
    flight->is_on = flight->is_history = true;
    while (flight->window_count < LEADER_WINDOWS_MAX &&
           leader->history_at + flight->window_count < leader->history_count) {
        struct record_value value = checkpoint_window_value(
            leader->settings.farm, "", &leader->history[leader->history_at + flight->window_count]);
        if (value.bytes == NULL)
            break; /* the rest with the next one */
        flight->windows[flight->window_count++] = value;
    }
    if (flight->window_count > 0)
        send(leader);
    else
        leader_resign_soon(leader, ERROR_NO_MEMORY, "out of memory");
}

void leader_add_history(struct leader *leader, struct window *windows, size_t count)
{
    if (leader->state != LEADER_LIVE || leader->history != NULL || count == 0) {
        free(windows);
        return;
    }
    leader->history = windows;
    leader->history_at = 0;
    leader->history_count = count;
}

/* ---- old history --------------------------------------------------------------------------------------- */

static int on_floor_kv(void *data, const struct wire_kv *kv)
{
    struct leader *leader = data;
    char text[24] = "";
    if (kv->value_bytes < sizeof(text) && kv->value_bytes > 0)
        memcpy(text, kv->value, kv->value_bytes);
    int64_t revision = strtoll(text, NULL, 10); /* nonsense is 0: nothing is compacted */
    if (leader->floor < 0 || revision < leader->floor)
        leader->floor = revision;
    return 0;
}

static int on_compacting_message(void *data, const struct wire_message *message)
{
    struct leader *leader = data;
    leader_note_answer(&leader->compacting_answer, message);
    return 0;
}

/* Signed where there is an entitlement, since licence time may be far ahead before the next contact. */
static int64_t history_now_ms(const struct leader *leader)
{
    struct core_status status;
    core_status(leader->told.core(leader->data), &status);
    return status.standing.activation != ACTIVATION_NONE ? status.standing.grant.issued_at_ms
                                                         : leader->told.licence_ms(leader->data);
}

/* Keys of windows come in the order of their starts. */
static int on_old_kv(void *data, const struct wire_kv *kv)
{
    struct leader *leader = data;
    const struct checkpoint *checkpoint = leader->checkpoint;
    if (record_kind_of(leader->settings.farm, kv->key) != RECORD_WINDOW)
        return 0;
    int64_t start_ms = strtoll(strrchr(kv->key, '/') + 1, NULL, 10);
    bool is_unsent = checkpoint->unsent_count > 0 && start_ms >= checkpoint->unsent_from_ms;
    if (is_unsent || start_ms >= history_now_ms(leader) - LEADER_WINDOWS_KEPT_MS ||
        leader->old_count == LEADER_WINDOWS_MAX)
        return 0;
    memcpy(leader->old_keys[leader->old_count++].text, kv->key, strlen(kv->key) + 1);
    return 0;
}

static void on_ignored(void *data, int error, const char *detail)
{
    (void)data;
    (void)error; /* done already, or tried again later */
    (void)detail;
}

static void on_old_windows(void *data, int error, const char *detail)
{
    static const struct etcd_told told = {NULL, NULL, on_ignored};
    struct leader *leader = data;
    struct wire_op deletes[LEADER_WINDOWS_MAX];
    const struct record_key key = farm_key(leader, RECORD_LEADER);
    const struct wire_compare compares[] = {{WIRE_CREATE, key.text, leader->create_revision},
                                            {WIRE_LEASE, key.text, leader->lease}};
    (void)detail;
    if (error != 0 || leader->old_count == 0 || leader->state != LEADER_LIVE)
        return;
    for (size_t i = 0; i < leader->old_count; i++)
        deletes[i] = (struct wire_op){.type = WIRE_DELETE, .key = leader->old_keys[i].text};
    const struct wire_txn txn = {compares, 2, deletes, NULL, leader->old_count, 0};
    (void)ask_send(&leader->compacting, &leader->settings.port, WIRE_PATH_TXN, wire_txn_text(&txn), &told,
                   leader);
}

/* A few at a time: two windows grow old while one page is looked at. */
static void prune(struct leader *leader)
{
    static const struct etcd_told told = {on_old_kv, NULL, on_old_windows};
    const struct record_key prefix = record_prefix(leader->settings.farm, RECORD_WINDOW, NULL);
    const struct wire_op range = {
        .type = WIRE_RANGE, .key = prefix.text, .prefix = true, .limit = LEADER_WINDOWS_MAX};
    leader->old_count = 0;
    (void)ask_send(&leader->compacting, &leader->settings.port, WIRE_PATH_RANGE, wire_range_text(&range),
                   &told, leader);
}

static void on_compacted(void *data, int error, const char *detail)
{
    struct leader *leader = data;
    (void)error; /* done already by another, or tried again later */
    (void)detail;
    if (leader->state == LEADER_LIVE)
        prune(leader);
}

/* Another may have done it, or it is tried again; but one that is not allowed never is. */
static void on_compact_answered(void *data, int error, const char *detail)
{
    struct leader *leader = data;
    const struct leader_answer *answer = &leader->compacting_answer;
    if (error == 0 && answer->failed && answer->code == WIRE_PERMISSION_DENIED &&
        !leader->said_no_compaction) {
        leader->said_no_compaction = true;
        leader->told.note(leader->data, FARM_NOTE_NO_COMPACTION, leader->settings.farm->prefix, answer->text);
    }
    on_compacted(leader, error, detail);
}

static void on_floors(void *data, int error, const char *detail)
{
    static const struct etcd_told told = {NULL, on_compacting_message, on_compact_answered};
    struct leader *leader = data;
    const struct leader_answer *answer = &leader->compacting_answer;
    if (error != 0 || answer->failed || answer->more || leader->floor <= 0)
        on_compacted(leader, error, detail);
    else
        (void)ask_send(&leader->compacting, &leader->settings.port, WIRE_PATH_COMPACT,
                       wire_compact_text(leader->floor), &told, leader);
}

/* History is every farm's of this etcd: it goes up to where the least of them may need it. */
static void compact(struct leader *leader)
{
    static const struct etcd_told told = {on_floor_kv, on_compacting_message, on_floors};
    const struct wire_op range = {
        .type = WIRE_RANGE, .key = RECORD_FLOORS, .prefix = true, .limit = LEADER_FLOORS_MAX};
    leader->floor = -1;
    leader->compact_due_ms = leader->steady_ms + LEADER_COMPACT_MS;
    (void)ask_send(&leader->compacting, &leader->settings.port, WIRE_PATH_RANGE, wire_range_text(&range),
                   &told, leader);
}

/* ---- time ---------------------------------------------------------------------------------------------- */

/* Something waits for the clock that a checkpoint is. */
static bool wants_checkpoint(const struct leader *leader)
{
    if (!farm_state_is_following(leader->farm_state))
        return false;
    if (leader->state == LEADER_REPLAYING)
        return !leader->barrier_sent;
    const struct core *core = leader->told.core(leader->data);
    return leader->is_urgent || leader->wants_turn || farm_state_wants_time(leader->farm_state) ||
           core_due_ms(core) <= leader->told.licence_ms(leader->data) ||
           (leader->is_dirty && leader->steady_ms >= leader->write_due_ms);
}

void leader_write_pass(struct leader *leader)
{
    watch_awaited(leader);
    farm_state_pass(leader->farm_state, leader->steady_ms);
    if (leader->resigning)
        return;
    if (leader->compacting == NULL && leader->steady_ms >= leader->compact_due_ms)
        compact(leader);
    if (leader->writing != NULL)
        return;
    if (leader->flight.is_on) {
        if (leader->steady_ms >= leader->write_due_ms)
            send(leader);
    } else if (wants_checkpoint(leader)) {
        take_off(leader);
    } else if (leader->history != NULL && leader->state == LEADER_LIVE) {
        take_off_history(leader);
    }
}

static int64_t least(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

int64_t leader_write_due_ms(const struct leader *leader)
{
    int64_t due_ms = farm_state_due_ms(leader->farm_state);
    if (leader->awaited_revision != 0)
        due_ms = least(due_ms, leader->awaited_until_ms);
    if (leader->compacting == NULL)
        due_ms = least(due_ms, leader->compact_due_ms);
    if (leader->writing != NULL)
        return due_ms;
    if (leader->flight.is_on)
        return least(due_ms, leader->write_due_ms);
    if (wants_checkpoint(leader) || (leader->history != NULL && leader->state == LEADER_LIVE))
        return leader->steady_ms;
    if (leader->state != LEADER_LIVE || !farm_state_is_following(leader->farm_state))
        return due_ms;
    if (leader->is_dirty)
        due_ms = least(due_ms, leader->write_due_ms);
    int64_t core_ms = core_due_ms(leader->told.core(leader->data));
    if (core_ms == INT64_MAX)
        return due_ms;
    return least(due_ms, leader->steady_ms + core_ms - leader->told.licence_ms(leader->data));
}
