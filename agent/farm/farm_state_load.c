/* farm_state_load.c - what stands in the store: the checkpoint, and who was on as of its revision. */
#include "farm_state_private.h"

#include <stdlib.h>
#include <string.h>

/* What is wrong with one value costs that value, never the farm: 0, unless it is ours. */
static int judge(struct farm_state *state, const struct wire_kv *kv, int code,
                 const struct error_detail *detail)
{
    if (code == 0 || code == ERROR_NO_MEMORY)
        return code;
    farm_state_note(state, FARM_NOTE_UNREADABLE, kv->key, detail->text);
    return 0;
}

int farm_load_checkpoint(struct farm_state *state, const struct wire_kv *kv)
{
    struct error_detail detail = {""};
    struct checkpoint *checkpoint;
    if (state->checkpoint_before == 0)
        state->checkpoint_revision = kv->mod_revision;
    int code = checkpoint_read(state->farm, kv, &checkpoint, &detail);
    if (code == ERROR_NEWER) {
        state->newer = detail;
        return code;
    }
    if (code < 0) { /* a stranger may have written over it: the one before is still in the history */
        state->checkpoint_before = kv->mod_revision - 1;
        state->wants_earlier = true;
        return judge(state, kv, code, &detail);
    }
    free(state->checkpoint);
    state->checkpoint = checkpoint;
    state->loaded_revision = kv->mod_revision;
    state->is_older = checkpoint->n < state->seen_n;
    if (state->is_older)
        farm_state_note(state, FARM_NOTE_OLD, kv->key, "an earlier checkpoint was put back");
    else
        state->seen_n = checkpoint->n;
    return 0;
}

/* Reads a change; NULL in *ret_set: it cannot be read. */
static int read_change(struct farm_state *state, const struct wire_kv *kv, struct change *ret_change,
                       struct host_set **ret_set)
{
    struct error_detail detail = {""};
    *ret_set = NULL;
    int code = record_change_read(state->farm, kv, ret_change, &detail);
    if (code < 0)
        return judge(state, kv, code, &detail);
    *ret_set = host_sets_make(&state->sets, &state->farm->seal, ret_change->host);
    return *ret_set == NULL ? ERROR_NO_MEMORY : 0;
}

int farm_load_boot(struct farm_state *state, const struct wire_kv *kv)
{
    struct change change;
    struct host_set *set;
    int code = read_change(state, kv, &change, &set);
    if (set == NULL)
        return code;
    memcpy(set->boot_id, change.boot_id, sizeof(set->boot_id));
    if (kv->version > 1) /* the first boot that is seen ends nothing */
        set->boot_revision = kv->mod_revision;
    return 0;
}

int farm_load_host(struct farm_state *state, const struct wire_kv *kv)
{
    struct error_detail detail = {""};
    struct record_host host;
    int code = record_host_read(state->farm, kv, &host, &detail);
    if (code < 0)
        return judge(state, kv, code, &detail);
    struct host_set *set = host_sets_make(&state->sets, &state->farm->seal, host.host);
    if (set == NULL)
        return ERROR_NO_MEMORY;
    set->is_up = true;
    return 0;
}

int farm_load_seq(struct farm_state *state, const struct wire_kv *kv)
{
    struct error_detail detail = {"not the name of a host"};
    const char *name = strrchr(kv->key, '/') + 1;
    int code = strlen(name) == SEAL_NAME_BYTES - 1 ? record_seq_read(state->farm, kv, state->seq, &detail)
                                                   : ERROR_INVALID;
    if (code < 0)
        return judge(state, kv, code, &detail);
    struct host_set *set = host_sets_make_named(&state->sets, name);
    if (set == NULL)
        return ERROR_NO_MEMORY;
    set->through = state->seq->through;
    return 0;
}

int farm_load_session(struct farm_state *state, const struct wire_kv *kv)
{
    struct change change;
    struct host_set *set;
    int code = read_change(state, kv, &change, &set);
    return set == NULL ? code : host_list_put(&set->own, &change, kv->mod_revision);
}

/* A boot has ended what brokers said before. */
int farm_load_broker(struct farm_state *state, const struct wire_kv *kv)
{
    struct change change;
    struct host_set *set;
    int code = read_change(state, kv, &change, &set);
    if (set == NULL || kv->mod_revision < set->boot_revision)
        return code;
    return host_list_put(&set->brokers, &change, kv->mod_revision);
}

int farm_load_window(struct farm_state *state, const struct wire_kv *kv)
{
    struct error_detail detail = {""};
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    struct window window;
    const struct checkpoint *checkpoint = state->checkpoint;
    int code = checkpoint_window_read(state->farm, kv, farm_id, &window, &detail);
    if (code < 0)
        return judge(state, kv, code, &detail);
    if (strcmp(farm_id, checkpoint->identity.farm_id) != 0 ||
        !checkpoint_is_unsent(checkpoint, window.sequence))
        return 0;
    if (state->unsent_count == state->unsent_room) {
        size_t room = state->unsent_room == 0 ? 64 : state->unsent_room * 2;
        struct window *unsent = realloc(state->unsent, room * sizeof(*unsent));
        if (unsent == NULL)
            return ERROR_NO_MEMORY;
        state->unsent = unsent;
        state->unsent_room = room;
    }
    state->unsent[state->unsent_count++] = window;
    return 0;
}

/* ---- what the core begins with ------------------------------------------------------------------------- */

/* Put together on a roster of its own, so that what brokers and hosts say of one session is paired as it is
 * in the core. */
struct gathering {
    struct farm_state *state;
    const struct core_settings *settings;
    struct tally *tally;
    struct roster *roster;
    struct roster_change *connections;
    size_t connection_count;
    struct core_host *hosts;
    size_t host_count;
    const struct host_session **brokers; /* in the store's order */
    size_t broker_count;
    int64_t at_ms;
};

static void ignore_change(void *data, const struct roster_change *change)
{
    (void)data;
    (void)change;
}

static const struct checkpoint_host *silent_host(const struct checkpoint *checkpoint, const char *host)
{
    for (size_t i = 0; checkpoint != NULL && i < checkpoint->host_count; i++)
        if (strcmp(checkpoint->hosts[i].host, host) == 0)
            return &checkpoint->hosts[i];
    return NULL;
}

/* A lost host's sessions have ended; they are kept aside should it come back. */
static int gather_host(struct gathering *gathering, struct host_set *set)
{
    struct host_sets *sets = &gathering->state->sets;
    const struct checkpoint_host *silent = silent_host(gathering->state->checkpoint, set->host);
    if (set->boot_id[0] != '\0') {
        struct core_host *host = &gathering->hosts[gathering->host_count++];
        *host = (struct core_host){.host = set->host, .boot_id = set->boot_id};
        if (silent != NULL) {
            host->silent_since_ms = silent->silent_since_ms;
            host->lost = silent->lost;
        }
        set->is_silent = silent != NULL;
    }
    if (silent != NULL && silent->lost)
        return 0;
    const struct connection *own = host_sets_connections(sets, &set->own);
    if (own == NULL)
        return ERROR_NO_MEMORY;
    for (size_t i = 0; i < set->brokers.count; i++)
        gathering->brokers[gathering->broker_count++] = set->brokers.sessions[i];
    return roster_host_set(gathering->roster, set->host, own, set->own.count, gathering->at_ms) ==
                   CORE_NO_MEMORY
               ? ERROR_NO_MEMORY
               : 0;
}

static int by_revision(const void *a, const void *b)
{
    const struct host_session *const *one = a, *const *other = b;
    if ((*one)->revision != (*other)->revision)
        return (*one)->revision < (*other)->revision ? -1 : 1;
    return strcmp((*one)->connection.id, (*other)->connection.id);
}

/* A host's clock may be ahead of the farm's time: what it told was counted at that. */
static int64_t not_ahead(const struct gathering *gathering, int64_t told_at_ms)
{
    return told_at_ms < gathering->at_ms ? told_at_ms : gathering->at_ms;
}

static int gather_brokers(struct gathering *gathering)
{
    qsort(gathering->brokers, gathering->broker_count, sizeof(*gathering->brokers), by_revision);
    for (size_t i = 0; i < gathering->broker_count; i++) {
        const struct host_session *session = gathering->brokers[i];
        if (roster_broker_put(gathering->roster, &session->connection,
                              not_ahead(gathering, session->told_at_ms)) == CORE_NO_MEMORY)
            return ERROR_NO_MEMORY;
    }
    roster_expire(gathering->roster, gathering->settings->api_lease_ms, gathering->at_ms);
    return 0;
}

static void collect(void *data, const struct roster_change *change)
{
    struct gathering *gathering = data;
    struct roster_change *kept = &gathering->connections[gathering->connection_count++];
    *kept = *change;
    if (change->connection.state != CONNECTION_DISCONNECTED)
        return;
    const struct host_set *set =
        host_sets_find(&gathering->state->sets, &gathering->state->farm->seal, change->connection.host);
    const struct host_session *session =
        set != NULL ? host_list_find(&set->own, change->connection.id) : NULL;
    kept->disconnected_at_ms = session != NULL ? not_ahead(gathering, session->told_at_ms) : 0;
}

static int by_lease(const void *a, const void *b)
{
    const struct roster_change *one = a, *other = b;
    if (one->lease_at_ms != other->lease_at_ms)
        return one->lease_at_ms < other->lease_at_ms ? -1 : 1;
    int order = strcmp(one->connection.host, other->connection.host);
    return order != 0 ? order : strcmp(one->connection.id, other->connection.id);
}

static int gather(struct gathering *gathering)
{
    const struct host_sets *sets = &gathering->state->sets;
    size_t brokers = 0;
    for (size_t i = 0; i < sets->count; i++)
        brokers += sets->sets[i]->brokers.count;
    gathering->tally = tally_create(&gathering->settings->tally);
    if (gathering->tally != NULL)
        gathering->roster =
            roster_create(gathering->tally, gathering->settings->tally.seed, ignore_change, NULL);
    gathering->hosts = calloc(sets->count + 1, sizeof(*gathering->hosts));
    gathering->brokers = calloc(brokers + 1, sizeof(struct host_session *));
    if (gathering->roster == NULL || gathering->hosts == NULL || gathering->brokers == NULL)
        return ERROR_NO_MEMORY;
    int code = 0;
    for (size_t i = 0; i < sets->count && code == 0; i++)
        if (sets->sets[i]->host[0] != '\0')
            code = gather_host(gathering, sets->sets[i]);
    if (code == 0)
        code = gather_brokers(gathering);
    if (code < 0)
        return code;
    gathering->connections =
        calloc((size_t)tally_level(gathering->tally)->connections + 1, sizeof(*gathering->connections));
    if (gathering->connections == NULL)
        return ERROR_NO_MEMORY;
    roster_each(gathering->roster, collect, gathering);
    qsort(gathering->connections, gathering->connection_count, sizeof(*gathering->connections), by_lease);
    return 0;
}

static int by_sequence(const void *a, const void *b)
{
    const struct window *one = a, *other = b;
    return (one->sequence > other->sequence) - (one->sequence < other->sequence);
}

static int tell_begin(const struct gathering *gathering)
{
    struct farm_state *state = gathering->state;
    const struct checkpoint *checkpoint = state->checkpoint;
    struct core_saved saved = {.clock_ms = 0};
    if (checkpoint != NULL)
        saved = checkpoint_saved(checkpoint);
    saved.connections = gathering->connections;
    saved.connection_count = gathering->connection_count;
    saved.hosts = gathering->hosts;
    saved.host_count = gathering->host_count;
    if (state->unsent_count > 0)
        qsort(state->unsent, state->unsent_count, sizeof(*state->unsent), by_sequence);
    saved.unsent = state->unsent;
    saved.unsent_count = state->unsent_count;
    const struct farm_begin begin = {.saved = &saved,
                                     .checkpoint = checkpoint,
                                     .at_ms = gathering->at_ms,
                                     .gap = state->has_gap ? &state->gap : NULL,
                                     .is_older = state->is_older};
    return state->told.begin(state->data, &begin);
}

int farm_load_begin(struct farm_state *state)
{
    struct gathering gathering = {.state = state, .settings = state->told.settings(state->data)};
    gathering.at_ms =
        state->checkpoint != NULL ? state->checkpoint->event_ms : state->told.licence_ms(state->data);
    int code = gather(&gathering);
    if (code == 0)
        code = tell_begin(&gathering);
    roster_destroy(gathering.roster);
    tally_destroy(gathering.tally);
    free(gathering.connections);
    free(gathering.hosts);
    free(gathering.brokers);
    if (code < 0)
        return code;
    state->now_ms = gathering.at_ms;
    state->as_of_now = false;
    farm_follow_leases(state);
    farm_follow_late(state);
    /* A restored core is at its window's start; a checkpoint made of it must not fall behind the one before.
     */
    return state->told.step(state->data, &(struct core_event){.type = EVENT_TIMER}, state->now_ms);
}
