/* farm_state_follow.c - what changes in the store becomes events of the core, in the store's order. */
#include "farm_state_private.h"

#include "common/rfc3339.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- time, and leases that wait for it ----------------------------------------------------------------- */

static int step(struct farm_state *state, const struct core_event *event)
{
    return state->told.step(state->data, event, state->now_ms);
}

struct looking {
    const char *host;
    int64_t silent_since_ms;
    bool lost;
};

static void look(void *data, const struct core_host *host)
{
    struct looking *looking = data;
    if (strcmp(looking->host, host->host) != 0)
        return;
    looking->silent_since_ms = host->silent_since_ms;
    looking->lost = host->lost;
}

/* Or will be, before anything else happens, in the core's next step: its time may have run out meanwhile. */
static bool is_lost(const struct farm_state *state, const struct host_set *set)
{
    struct looking looking = {set->host, 0, false};
    int64_t after_ms = state->told.settings(state->data)->host_lost_after_ms;
    if (!set->is_silent)
        return false;
    core_each_host(state->told.core(state->data), look, &looking);
    return looking.lost || (after_ms != 0 && looking.silent_since_ms != 0 &&
                            looking.silent_since_ms + after_ms < state->now_ms);
}

static int step_own(struct farm_state *state, const struct host_set *set)
{
    const struct connection *own = host_sets_connections(&state->sets, &set->own);
    const struct core_event event = {.type = EVENT_HOST_SET,
                                     .set = {.host = set->host, .connections = own, .count = set->own.count}};
    return own == NULL ? ERROR_NO_MEMORY : step(state, &event);
}

/* What brokers say of the host is renewed with it where it had ended. */
static int come_back(struct farm_state *state, struct host_set *set)
{
    bool lost = is_lost(state, set);
    set->is_silent = false;
    int code = step(state, &(struct core_event){.type = EVENT_HOST_BACK, .host = set->host});
    if (code == 0 && lost)
        code = step_own(state, set);
    for (size_t i = 0; code == 0 && lost && i < set->brokers.count; i++)
        code = step(state, &(struct core_event){.type = EVENT_BROKER_PUT,
                                                .put = set->brokers.sessions[i]->connection});
    return code;
}

void farm_follow_leases(struct farm_state *state)
{
    state->hosts_wait = false;
    for (size_t i = 0; i < state->sets.count; i++) {
        const struct host_set *set = state->sets.sets[i];
        state->hosts_wait |= set->boot_id[0] != '\0' && set->is_up == set->is_silent;
    }
}

static int tell_leases(struct farm_state *state)
{
    int code = 0;
    state->hosts_wait = false;
    for (size_t i = 0; i < state->sets.count && code == 0; i++) {
        struct host_set *set = state->sets.sets[i];
        if (set->boot_id[0] == '\0' || set->is_up != set->is_silent)
            continue;
        if (set->is_up) {
            code = come_back(state, set);
        } else {
            set->is_silent = true;
            code = step(state, &(struct core_event){.type = EVENT_HOST_SILENT, .host = set->host});
        }
    }
    return code;
}

/* Something has a time of its own: neither before what came before it, nor ahead of this host. */
static int move_time(struct farm_state *state, int64_t at_ms)
{
    int64_t licence_ms = state->told.licence_ms(state->data);
    if (at_ms > licence_ms)
        at_ms = licence_ms;
    if (at_ms > state->now_ms)
        state->now_ms = at_ms;
    return state->hosts_wait ? tell_leases(state) : 0;
}

/* ---- what comes late ----------------------------------------------------------------------------------- */

#define LATE_DETAIL_BYTES 512

static void say_late(struct farm_state *state, struct host_set *set)
{
    char detail[LATE_DETAIL_BYTES], key[WIRE_KEY_BYTES_MAX + SEAL_NAME_BYTES];
    char from[RFC3339_BYTES], through[RFC3339_BYTES];
    const struct checkpoint_gap *late = &set->late;
    if (late->changes == 0)
        return;
    (void)snprintf(key, sizeof(key), "%s%s", record_prefix(state->farm, RECORD_SEQ, NULL).text, set->name);
    (void)snprintf(detail, sizeof(detail),
                   "%s: %" PRId64 " changes came late: counts are not exact from %s to %s", late->host,
                   late->changes, rfc3339_format(late->after_ms, from),
                   rfc3339_format(late->through_ms, through));
    set->late.changes = 0;
    state->told.note(state->data, FARM_NOTE_LATE, key, detail);
}

/* Something of the host that is no history ends what came late. */
static void judge_time(struct farm_state *state, struct host_set *writer, const struct change *change,
                       int64_t revision)
{
    if (change->at_ms >= state->now_ms - FARM_STATE_LATE_MS) {
        say_late(state, writer);
        return;
    }
    struct checkpoint_gap late = {.after_revision = revision - 1,
                                  .through_revision = revision,
                                  .after_ms = change->at_ms,
                                  .through_ms = state->now_ms,
                                  .changes = 1};
    (void)snprintf(late.host, sizeof(late.host), "%s", writer->host[0] != '\0' ? writer->host : writer->name);
    if (writer->late.changes == 0)
        writer->late = late;
    else
        checkpoint_gap_join(&writer->late, &late);
    state->told.late(state->data, &late);
}

/* So does time without any more. */
static void end_late(struct farm_state *state)
{
    for (size_t i = 0; i < state->sets.count; i++)
        if (state->now_ms - state->sets.sets[i]->late.through_ms > CHECKPOINT_LATE_JOIN_MS)
            say_late(state, state->sets.sets[i]);
}

void farm_follow_late(struct farm_state *state)
{
    for (size_t i = 0; state->checkpoint != NULL && i < state->checkpoint->gap_count; i++) {
        const struct checkpoint_gap *gap = &state->checkpoint->gaps[i];
        struct host_set *set = host_sets_find(&state->sets, &state->farm->seal, gap->host);
        if (set != NULL && state->now_ms - gap->through_ms <= CHECKPOINT_LATE_JOIN_MS)
            set->late = *gap;
    }
}

/* ---- a change ------------------------------------------------------------------------------------------ */

static int boot(struct farm_state *state, struct host_set *set, const struct change *change)
{
    bool another = set->boot_id[0] != '\0' && strcmp(set->boot_id, change->boot_id) != 0;
    if (another) {
        host_list_clear(&set->own);
        host_list_clear(&set->brokers);
    }
    memcpy(set->boot_id, change->boot_id, sizeof(set->boot_id));
    const struct core_event event = {.type = EVENT_HOST_BOOTED,
                                     .booted = {.host = set->host, .boot_id = set->boot_id}};
    int code = step(state, &event);
    farm_follow_leases(state);
    return code;
}

static int step_brokers(struct farm_state *state, const struct host_set *set)
{
    const struct connection *brokers = host_sets_connections(&state->sets, &set->brokers);
    const struct core_event event = {
        .type = EVENT_BROKER_SET,
        .set = {.host = set->host, .connections = brokers, .count = set->brokers.count}};
    return brokers == NULL ? ERROR_NO_MEMORY : step(state, &event);
}

/* One record by itself keeps the others' leases as they are. */
static int step_broker(struct farm_state *state, const struct host_set *set, const struct change *change)
{
    const struct host_session *session = host_list_find(&set->brokers, change->id);
    if (session == NULL)
        return step(state, &(struct core_event){.type = EVENT_BROKER_END,
                                                .end = {.host = set->host, .id = change->id}});
    return step(state, &(struct core_event){.type = EVENT_BROKER_PUT, .put = session->connection});
}

static int keep(struct host_list *list, const struct change *change, int64_t revision)
{
    if (change->type == CHANGE_SESSION || change->type == CHANGE_BROKER)
        return host_list_put(list, change, revision);
    host_list_end(list, change->id);
    return 0;
}

/* The batch of a writer is over: levels are judged with all of it. */
static int end_batch(struct farm_state *state, struct host_set *writer)
{
    int code = 0;
    writer->in_batch = false;
    for (size_t i = 0; i < state->sets.count && code == 0; i++) {
        struct host_set *set = state->sets.sets[i];
        if (set->own.writer == writer) {
            set->own.writer = NULL;
            code = step_own(state, set);
        }
        if (code == 0 && set->brokers.writer == writer) {
            set->brokers.writer = NULL;
            code = step_brokers(state, set);
        }
    }
    return code;
}

static int apply_session(struct farm_state *state, struct host_set *writer, struct host_set *set,
                         const struct change *change, int64_t revision)
{
    bool is_own = change->type == CHANGE_SESSION || change->type == CHANGE_SESSION_END;
    struct host_list *list = is_own ? &set->own : &set->brokers;
    int code = keep(list, change, revision);
    if (code < 0)
        return code;
    if (writer->in_batch || change->more) {
        list->writer = writer;
        return 0;
    }
    return is_own ? step_own(state, set) : step_broker(state, set, change);
}

/* Whoever changes something lives, lease or not; without one it falls silent again. */
static int hear(struct farm_state *state, struct host_set *writer)
{
    if (!is_lost(state, writer))
        return 0;
    int code = come_back(state, writer);
    farm_follow_leases(state);
    return code;
}

static int apply(struct farm_state *state, struct host_set *writer, const struct change *change,
                 int64_t revision)
{
    struct host_set *set = host_sets_make(&state->sets, &state->farm->seal, change->host);
    if (set == NULL)
        return ERROR_NO_MEMORY;
    int code = move_time(state, change->at_ms);
    judge_time(state, writer, change, revision);
    if (code == 0)
        code = hear(state, writer);
    if (code == 0)
        code = change->type == CHANGE_BOOTED ? boot(state, set, change)
                                             : apply_session(state, writer, set, change, revision);
    if (code < 0)
        return code;
    if (change->more)
        writer->in_batch = true;
    else if (writer->in_batch)
        code = end_batch(state, writer);
    return code;
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

static int unreadable(struct farm_state *state, const struct wire_kv *kv, int code,
                      const struct error_detail *detail)
{
    if (code == ERROR_NO_MEMORY)
        return code;
    farm_state_note(state, FARM_NOTE_UNREADABLE, kv->key, detail->text);
    return 0;
}

static int follow_seq(struct farm_state *state, const struct wire_kv *kv)
{
    struct error_detail detail = {"not the name of a host"};
    const char *name = strrchr(kv->key, '/') + 1;
    struct record_seq *seq = state->seq;
    if (kv->deleted) /* what was read stays read, should an old value be put in its place */
        return 0;
    int code =
        strlen(name) == SEAL_NAME_BYTES - 1 ? record_seq_read(state->farm, kv, seq, &detail) : ERROR_INVALID;
    if (code < 0)
        return unreadable(state, kv, code, &detail);
    struct host_set *writer = host_sets_make_named(&state->sets, name);
    if (writer == NULL)
        return ERROR_NO_MEMORY;
    if (seq->through < writer->through) {
        farm_state_note(state, FARM_NOTE_OLD, kv->key, "changes of before were put back");
        return 0;
    }
    if (seq->through - seq->count > writer->through)
        farm_state_note(state, FARM_NOTE_MISSED, kv->key, "changes are missing before these");
    for (size_t i = 0; i < seq->count && code == 0; i++) {
        if (seq->changes[i].number <= writer->through)
            continue;
        code = apply(state, writer, &seq->changes[i], kv->mod_revision);
        if (code == 0)
            writer->through = seq->changes[i].number;
    }
    return code;
}

static int follow_host(struct farm_state *state, const struct wire_kv *kv)
{
    struct error_detail detail = {"not the name of a host"};
    const char *name = strrchr(kv->key, '/') + 1;
    struct record_host host;
    int code = strlen(name) == SEAL_NAME_BYTES - 1 ? 0 : ERROR_INVALID;
    if (code == 0 && !kv->deleted)
        code = record_host_read(state->farm, kv, &host, &detail);
    if (code < 0)
        return unreadable(state, kv, code, &detail);
    struct host_set *set = host_sets_make_named(&state->sets, name);
    if (set == NULL)
        return ERROR_NO_MEMORY;
    set->is_up = !kv->deleted;
    farm_follow_leases(state);
    return 0;
}

/* Everything before it happened before it was written. */
static int follow_checkpoint(struct farm_state *state, const struct wire_kv *kv)
{
    struct error_detail detail = {"it was deleted"};
    struct checkpoint *checkpoint = NULL;
    state->checkpoint_revision = kv->deleted ? 0 : kv->mod_revision;
    int code = kv->deleted ? ERROR_INVALID : checkpoint_read(state->farm, kv, &checkpoint, &detail);
    if (code < 0)
        return unreadable(state, kv, code, &detail);
    if (checkpoint->n <= state->followed_n) {
        farm_state_note(state, FARM_NOTE_OLD, kv->key, "an earlier checkpoint was put back");
    } else {
        state->followed_n = checkpoint->n;
        if (checkpoint->n > state->seen_n)
            state->seen_n = checkpoint->n;
        code = move_time(state, checkpoint->at_ms);
        end_late(state);
        if (code == 0)
            code = state->told.checkpoint(state->data, checkpoint, kv->mod_revision, state->now_ms);
        if (code == 0)
            code = step(state, &(struct core_event){.type = EVENT_TIMER});
    }
    free(checkpoint);
    return code;
}

static int follow_window(struct farm_state *state, const struct wire_kv *kv)
{
    struct error_detail detail = {""};
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    struct window window;
    if (kv->deleted)
        return 0;
    int code = checkpoint_window_read(state->farm, kv, farm_id, &window, &detail);
    if (code < 0)
        return unreadable(state, kv, code, &detail);
    state->told.window(state->data, farm_id, &window);
    return 0;
}

/* Sessions stand in s/ and b/ too, for whoever loads; what changed is in the seq/ value of the transaction.
 */
int farm_follow_kv(struct farm_state *state, const struct wire_kv *kv)
{
    switch (record_kind_of(state->farm, kv->key)) {
    case RECORD_SEQ:
        return follow_seq(state, kv);
    case RECORD_HOST:
        return follow_host(state, kv);
    case RECORD_CHECKPOINT:
        return follow_checkpoint(state, kv);
    case RECORD_WINDOW:
        return follow_window(state, kv);
    case RECORD_OTHER:
        farm_state_note(state, FARM_NOTE_FOREIGN, kv->key, "not a key of this farm");
        return 0;
    default:
        return 0;
    }
}
