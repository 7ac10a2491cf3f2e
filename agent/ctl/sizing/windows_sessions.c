#include "windows_sessions.h"

#include "agent/core/hash_index.h"
#include "agent/core/identity.h"
#include "common/room.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NONE      UINT32_MAX
#define ENDED_MAX 32 /* of a host: whose late records are expected, and mean nothing */

#define LOGON_REMOTE 10
#define LOGON_UNLOCK 7

/* A session's name in its log: number or log-on id. */
struct key {
    uint32_t host;
    enum windows_log log;
    uint64_t id;
};

struct session {
    struct key keys[2]; /* the second only where linked */
    bool is_linked;
    bool is_active;
    enum connection_route route;
    enum administrator administrator;
    uint64_t instance;
    int64_t begun_ms, latest_ms;
    uint32_t next, previous; /* live sessions of the host; next also of free ones */
    char *user, *identity;   /* one piece of memory */
};

struct host {
    char *name;
    uint32_t first_session;
    struct key ended[ENDED_MAX];
    size_t ended_count;
};

struct windows_sessions {
    struct reader_sink sink;
    bool lsm, security;
    struct keyed_hash_keys keys;
    struct hash_index by_key, by_name;
    struct session *sessions;
    size_t session_count, session_room;
    uint32_t free_session;
    struct host *hosts;
    size_t host_count, host_room;
    uint64_t instances;
};

/* What is being taken. */
struct taking {
    struct windows_sessions *all;
    const struct windows_event *event;
    const struct log_place *place;
    uint32_t host;
};

static int repaired(const struct taking *taking, enum repair repair)
{
    repair_at(taking->all->sink.repairs, repair, taking->place, NULL);
    return 0;
}

/* ---- hosts --------------------------------------------------------------------------------------------- */

static uint32_t hash_name(const struct windows_sessions *all, const char *name)
{
    struct keyed_hash state = keyed_hash_begin(&all->keys);
    keyed_hash_text(&state, name, strlen(name));
    return keyed_hash_end(&all->keys, state);
}

static bool find_host(struct windows_sessions *all, const char *name, uint32_t *ret_host)
{
    uint32_t hash = hash_name(all, name), position = hash_index_home(&all->by_name, hash), number;
    while ((number = hash_index_candidate(&all->by_name, hash, &position)) != HASH_INDEX_NONE) {
        if (strcmp(all->hosts[number].name, name) != 0)
            continue;
        *ret_host = number;
        return true;
    }
    char *copy = hash_index_reserve(&all->by_name) && room_reserve((void **)&all->hosts, &all->host_room,
                                                                   all->host_count + 1, sizeof *all->hosts)
                     ? strdup(name)
                     : NULL;
    if (copy == NULL)
        return false;
    *ret_host = (uint32_t)all->host_count++;
    all->hosts[*ret_host] = (struct host){.name = copy, .first_session = NONE};
    hash_index_add(&all->by_name, hash, *ret_host);
    return true;
}

/* ---- sessions ------------------------------------------------------------------------------------------ */

static bool same_key(const struct key *one, const struct key *other)
{
    return one->host == other->host && one->log == other->log && one->id == other->id;
}

static uint32_t hash_key(const struct windows_sessions *all, const struct key *key)
{
    struct keyed_hash state = keyed_hash_begin(&all->keys);
    keyed_hash_pair(&state, (uint64_t)key->host << 8 | (uint64_t)key->log, key->id);
    return keyed_hash_end(&all->keys, state);
}

/* NULL: no live session has it. */
static struct session *find_session(const struct windows_sessions *all, const struct key *key)
{
    uint32_t hash = hash_key(all, key), position = hash_index_home(&all->by_key, hash), number;
    while ((number = hash_index_candidate(&all->by_key, hash, &position)) != HASH_INDEX_NONE) {
        struct session *session = &all->sessions[number];
        if (same_key(&session->keys[0], key) || (session->is_linked && same_key(&session->keys[1], key)))
            return session;
    }
    return NULL;
}

static uint32_t number_of(const struct windows_sessions *all, const struct session *session)
{
    return (uint32_t)(session - all->sessions);
}

static bool reserve_session(struct windows_sessions *all)
{
    return all->free_session != NONE || room_reserve((void **)&all->sessions, &all->session_room,
                                                     all->session_count + 1, sizeof *all->sessions);
}

static struct session *allot_session(struct windows_sessions *all)
{
    if (all->free_session == NONE)
        return &all->sessions[all->session_count++];
    struct session *session = &all->sessions[all->free_session];
    all->free_session = session->next;
    return session;
}

static bool keep_user(const char *user, struct session *session)
{
    char identity[IDENTITY_KEY_BYTES_MAX];
    size_t user_bytes = strlen(user) + 1, identity_bytes = identity_key(user, NULL, 0, identity) + 1;
    session->user = malloc(user_bytes + identity_bytes);
    if (session->user == NULL)
        return false;
    session->identity = session->user + user_bytes;
    memcpy(session->user, user, user_bytes);
    memcpy(session->identity, identity, identity_bytes);
    return true;
}

static bool is_of_user(const struct session *session, const char *user)
{
    char identity[IDENTITY_KEY_BYTES_MAX];
    identity_key(user, NULL, 0, identity);
    return strcmp(session->identity, identity) == 0;
}

/* Adds a session to its host and the index. NULL without memory. */
static struct session *add_session(struct windows_sessions *all, const struct session *form, const char *user)
{
    struct session made = *form;
    struct host *host = &all->hosts[form->keys[0].host];
    for (int i = 0; i <= form->is_linked; i++) /* both are added below, so that room for both is needed now */
        if (all->by_key.count + (uint32_t)i >= all->by_key.count_max && !hash_index_grow(&all->by_key))
            return NULL;
    if (!reserve_session(all) || !keep_user(user, &made))
        return NULL;
    struct session *session = allot_session(all);
    uint32_t number = number_of(all, session);
    made.next = host->first_session;
    made.previous = NONE;
    made.instance = ++all->instances;
    *session = made;
    if (made.next != NONE)
        all->sessions[made.next].previous = number;
    host->first_session = number;
    for (int i = 0; i <= made.is_linked; i++)
        hash_index_add(&all->by_key, hash_key(all, &made.keys[i]), number);
    return session;
}

static void remember_ended(struct host *host, const struct key *key)
{
    host->ended[host->ended_count++ % ENDED_MAX] = *key;
}

static bool ended_lately(const struct host *host, const struct key *key)
{
    for (size_t i = 0; i < ENDED_MAX && i < host->ended_count; i++)
        if (same_key(&host->ended[i], key))
            return true;
    return false;
}

static void remove_session(struct windows_sessions *all, struct session *session)
{
    uint32_t number = number_of(all, session);
    struct host *host = &all->hosts[session->keys[0].host];
    for (int i = 0; i <= session->is_linked; i++) {
        hash_index_remove(&all->by_key, hash_key(all, &session->keys[i]), number);
        remember_ended(host, &session->keys[i]);
    }
    if (session->previous == NONE)
        host->first_session = session->next;
    else
        all->sessions[session->previous].next = session->next;
    if (session->next != NONE)
        all->sessions[session->next].previous = session->previous;
    free(session->user);
    session->user = NULL;
    session->next = all->free_session;
    all->free_session = number;
}

/* ---- giving -------------------------------------------------------------------------------------------- */

static void session_id(const struct session *session, char ret_id[CONNECTION_ID_BYTES_MAX + 1])
{
    bool lsm = session->keys[0].log == WINDOWS_LSM;
    (void)snprintf(
        ret_id, CONNECTION_ID_BYTES_MAX + 1, lsm ? "%s%" PRIu64 "#%" PRIu64 : "%s0x%" PRIx64 "#%" PRIu64,
        lsm ? WINDOWS_LSM_PREFIX : WINDOWS_SECURITY_PREFIX, session->keys[0].id, session->instance);
}

/* A stamp from before what the session did last comes from a clock that was set back: order would put it
 * there, and a log-off before its connect would leave the session for ever. */
static int give(const struct taking *taking, struct session *session, enum sizing_type type)
{
    char id[CONNECTION_ID_BYTES_MAX + 1];
    int64_t at_ms = taking->event->at_ms;
    if (at_ms < session->latest_ms) {
        (void)repaired(taking, REPAIR_CLOCK_BACK);
        at_ms = session->latest_ms;
    }
    session->latest_ms = at_ms;
    session_id(session, id);
    struct sizing_event event = {
        .at_ms = at_ms,
        .type = type,
        .host = taking->all->hosts[taking->host].name,
        .session = id,
        .user = session->user,
        .kind = KIND_DESKTOP,
        .route = session->route,
        .administrator = session->administrator,
    };
    return taking->all->sink.take(taking->all->sink.data, &event);
}

static enum connection_route route_of(const struct windows_event *event)
{
    return event->is_local ? ROUTE_CONSOLE : ROUTE_RDP;
}

/* LSM knows sessions by number and Security by log-on. */
static struct key key_of(const struct taking *taking, uint64_t id)
{
    return (struct key){taking->host, taking->event->log, id};
}

static int begin(const struct taking *taking, uint64_t id, uint64_t linked)
{
    const struct windows_event *event = taking->event;
    struct key keys[] = {key_of(taking, id), key_of(taking, linked)};
    struct session form = {
        .keys = {keys[0], keys[1]},
        .is_linked = linked != 0 && linked != id && find_session(taking->all, &keys[1]) == NULL,
        .is_active = true,
        .route = route_of(event),
        .administrator = event->administrator,
        .begun_ms = event->at_ms,
        .latest_ms = event->at_ms,
    };
    struct session *session = add_session(taking->all, &form, event->user);
    return session == NULL ? ERROR_NO_MEMORY : give(taking, session, SIZING_CONNECT);
}

static int end(const struct taking *taking, struct session *session)
{
    int code = give(taking, session, SIZING_LOGOFF);
    remove_session(taking->all, session);
    return code;
}

static int disconnect(const struct taking *taking, struct session *session)
{
    if (!session->is_active)
        return 0;
    session->is_active = false;
    return give(taking, session, SIZING_DISCONNECT);
}

/* From a screen at the host to a remote one or back: the route of a session stands, so that it is another. */
static int change_route(const struct taking *taking, struct session *session)
{
    int code = give(taking, session, SIZING_LOGOFF);
    session->route = route_of(taking->event);
    session->instance = ++taking->all->instances;
    session->is_active = true;
    return code < 0 ? code : give(taking, session, SIZING_CONNECT);
}

static int come_back(const struct taking *taking, struct session *session)
{
    if (session->route != route_of(taking->event))
        return change_route(taking, session);
    if (session->is_active)
        return 0;
    session->is_active = true;
    return give(taking, session, SIZING_CONNECT);
}

/* Whether the event's user is one that can have a session; if not, why is counted. */
static bool has_user(const struct taking *taking)
{
    const struct windows_event *event = taking->event;
    bool valid = connection_text_valid(event->user, CONNECTION_USER_BYTES_MAX);
    if (event->is_user && valid)
        return true;
    (void)repaired(taking, event->is_user ? REPAIR_BAD_NAME : REPAIR_NOT_A_USER);
    return false;
}

/* ---- LSM ----------------------------------------------------------------------------------------------- */

static int lsm_connect(const struct taking *taking, struct session *session)
{
    const struct windows_event *event = taking->event;
    if (!has_user(taking))
        return 0;
    if (session != NULL && is_of_user(session, event->user)) {
        if (event->id == 21 && session->is_active)
            return repaired(taking, REPAIR_CONNECT_REPEATED);
        return event->id == 22 ? 0 : come_back(taking, session);
    }
    if (session != NULL) {
        (void)repaired(taking, REPAIR_LINE_REUSED);
        int code = end(taking, session);
        if (code < 0)
            return code;
    }
    return begin(taking, event->session, 0);
}

static int take_lsm(const struct taking *taking)
{
    const struct windows_event *event = taking->event;
    struct key key = key_of(taking, event->session);
    struct session *session = find_session(taking->all, &key);
    bool known = session != NULL || ended_lately(&taking->all->hosts[taking->host], &key);
    switch (event->id) {
    case 21:
    case 22:
    case 25:
        return lsm_connect(taking, session);
    case 23:
        if (session != NULL)
            return end(taking, session);
        break;
    default:
        if (session != NULL)
            return disconnect(taking, session);
        if (event->id != 24) /* 39 and 40 name no user, and are also written where nobody had logged on */
            return 0;
        break;
    }
    return !known && event->is_user ? repaired(taking, REPAIR_LOGOFF_UNKNOWN) : 0;
}

/* ---- Security ------------------------------------------------------------------------------------------ */

static int log_on_remotely(const struct taking *taking)
{
    const struct windows_event *event = taking->event;
    struct key key = key_of(taking, event->logon);
    struct session *session = find_session(taking->all, &key);
    if (!has_user(taking))
        return 0;
    if (session == NULL)
        return begin(taking, event->logon, event->linked);
    if (session->is_linked && same_key(&session->keys[1], &key))
        return repaired(taking, REPAIR_LINKED_LOGON);
    return repaired(taking, REPAIR_CONNECT_REPEATED);
}

/* The user's session that waits for him, else one in which he is. */
static struct session *session_of_user(const struct taking *taking)
{
    struct windows_sessions *all = taking->all;
    struct session *found = NULL;
    for (uint32_t number = all->hosts[taking->host].first_session; number != NONE;) {
        struct session *session = &all->sessions[number];
        if (session->keys[0].log == taking->event->log && (found == NULL || !session->is_active) &&
            is_of_user(session, taking->event->user))
            found = session;
        number = session->next;
    }
    return found;
}

static int log_on_again(const struct taking *taking)
{
    if (taking->event->is_local || !taking->event->is_user)
        return 0;
    struct session *session = session_of_user(taking);
    if (session == NULL)
        return repaired(taking, REPAIR_BEGUN_BEFORE);
    return session->is_active ? 0 : come_back(taking, session);
}

/* 4779 and 4778 of a session that the log does not know: fast user switching at a screen is none of ours. */
static int change_unknown(const struct taking *taking, const struct key *key)
{
    if (ended_lately(&taking->all->hosts[taking->host], key) || !taking->event->is_user ||
        !(taking->event->is_rdp || !taking->event->is_local))
        return 0;
    return repaired(taking, taking->event->id == 4778 ? REPAIR_BEGUN_BEFORE : REPAIR_LOGOFF_UNKNOWN);
}

static int take_security(const struct taking *taking)
{
    const struct windows_event *event = taking->event;
    if (event->id == 4624) {
        if (event->logon_type == LOGON_REMOTE)
            return log_on_remotely(taking);
        return event->logon_type == LOGON_UNLOCK ? log_on_again(taking) : 0;
    }
    struct key key = key_of(taking, event->logon);
    struct session *session = find_session(taking->all, &key);
    if (event->id == 4778 || event->id == 4779) {
        if (session == NULL)
            return change_unknown(taking, &key);
        return event->id == 4778 ? come_back(taking, session) : disconnect(taking, session);
    }
    if (session != NULL)
        return end(taking, session);
    bool was_remote = event->id == 4634 && event->logon_type == LOGON_REMOTE;
    if (!was_remote || !event->is_user || ended_lately(&taking->all->hosts[taking->host], &key))
        return 0;
    return repaired(taking, REPAIR_LOGOFF_UNKNOWN);
}

/* ---- all ----------------------------------------------------------------------------------------------- */

static bool is_boot(const struct windows_event *event)
{
    return event->log == WINDOWS_SYSTEM || (event->log == WINDOWS_LSM && event->id == 32) ||
           (event->log == WINDOWS_SECURITY && (event->id == 1100 || event->id == 4608));
}

static int take_boot(const struct taking *taking)
{
    struct windows_sessions *all = taking->all;
    for (uint32_t number = all->hosts[taking->host].first_session; number != NONE;) {
        struct session *session = &all->sessions[number];
        number = session->next;
        if (session->keys[0].log != taking->event->log && session->begun_ms >= taking->event->at_ms)
            continue;
        (void)repaired(taking, REPAIR_ENDED_BY_BOOT);
        int code = end(taking, session);
        if (code < 0)
            return code;
    }
    return 0;
}

int windows_sessions_take(struct windows_sessions *sessions, const struct windows_event *event,
                          const struct log_place *place)
{
    struct taking taking = {.all = sessions, .event = event, .place = place};
    bool boot = is_boot(event);
    if (!boot && !(event->log == WINDOWS_LSM ? sessions->lsm : sessions->security))
        return 0;
    if (!connection_text_valid(event->host, CONNECTION_HOST_BYTES_MAX))
        return repaired(&taking, REPAIR_BAD_NAME);
    if (!find_host(sessions, event->host, &taking.host))
        return ERROR_NO_MEMORY;
    if (boot)
        return take_boot(&taking);
    return event->log == WINDOWS_LSM ? take_lsm(&taking) : take_security(&taking);
}

struct windows_sessions *windows_sessions_create(const struct reader_sink *sink,
                                                 const struct reader_services *services,
                                                 const uint8_t seed[KEYED_HASH_SEED_BYTES])
{
    struct windows_sessions *sessions = calloc(1, sizeof *sessions);
    if (sessions == NULL)
        return NULL;
    bool all = services == NULL || services->count == 0;
    sessions->sink = *sink;
    sessions->lsm = all || reader_service_named(services, "lsm", 3);
    sessions->security = all || reader_service_named(services, "security", 8);
    sessions->free_session = NONE;
    keyed_hash_expand(seed, &sessions->keys);
    return sessions;
}

void windows_sessions_destroy(struct windows_sessions *sessions)
{
    if (sessions == NULL)
        return;
    for (size_t i = 0; i < sessions->session_count; i++)
        free(sessions->sessions[i].user);
    for (size_t i = 0; i < sessions->host_count; i++)
        free(sessions->hosts[i].name);
    free(sessions->sessions);
    free(sessions->hosts);
    hash_index_finish(&sessions->by_key);
    hash_index_finish(&sessions->by_name);
    free(sessions);
}
