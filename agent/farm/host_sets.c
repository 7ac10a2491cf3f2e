#include "host_sets.h"

#include "agent/core/sorted.h"

#include <stdlib.h>
#include <string.h>

/* ---- a list -------------------------------------------------------------------------------------------- */

static const char *id_at(const void *sessions, size_t place)
{
    return ((struct host_session *const *)sessions)[place]->connection.id;
}

static size_t place_of(const struct host_list *list, const char *id, bool *ret_found)
{
    return sorted_place(list->sessions, list->count, id_at, id, ret_found);
}

static char *append(char **at, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *to = memcpy(*at, text, bytes);
    *at += bytes;
    return to;
}

/* In one piece with its texts: there may be a hundred thousand. */
static struct host_session *session_of(const struct change *change, int64_t revision)
{
    struct host_session *session =
        malloc(sizeof(*session) + strlen(change->host) + strlen(change->id) + strlen(change->user) + 3);
    if (session == NULL)
        return NULL;
    char *texts = (char *)(session + 1);
    *session = (struct host_session){
        .revision = revision, .told_at_ms = change->at_ms, .connection = change_connection(change)};
    session->connection.host = append(&texts, change->host);
    session->connection.id = append(&texts, change->id);
    session->connection.user = append(&texts, change->user);
    if (session->connection.connected_at_ms == 0)
        session->connection.connected_at_ms = change->at_ms;
    return session;
}

int host_list_put(struct host_list *list, const struct change *change, int64_t revision)
{
    bool found;
    size_t place = place_of(list, change->id, &found);
    if (!found && list->count == list->room) {
        size_t room = list->room == 0 ? 8 : list->room * 2;
        struct host_session **sessions = realloc(list->sessions, room * sizeof(struct host_session *));
        if (sessions == NULL)
            return ERROR_NO_MEMORY;
        list->sessions = sessions;
        list->room = room;
    }
    struct host_session *session = session_of(change, revision);
    if (session == NULL)
        return ERROR_NO_MEMORY;
    struct host_session **at = list->sessions + place;
    if (found) {
        if (change->connected_at_ms == 0)
            session->connection.connected_at_ms = (*at)->connection.connected_at_ms;
        free(*at);
    } else {
        memmove(at + 1, at, (list->count - place) * sizeof(struct host_session *));
        list->count++;
    }
    *at = session;
    return 0;
}

void host_list_end(struct host_list *list, const char *id)
{
    bool found;
    size_t place = place_of(list, id, &found);
    if (!found)
        return;
    struct host_session **at = list->sessions + place;
    free(*at);
    list->count--;
    memmove(at, at + 1, (list->count - place) * sizeof(struct host_session *));
}

const struct host_session *host_list_find(const struct host_list *list, const char *id)
{
    bool found;
    size_t place = place_of(list, id, &found);
    return found ? list->sessions[place] : NULL;
}

void host_list_clear(struct host_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->sessions[i]);
    list->count = 0;
}

/* ---- hosts --------------------------------------------------------------------------------------------- */

void host_sets_init(struct host_sets *sets)
{
    *sets = (struct host_sets){.count = 0};
}

void host_sets_finish(struct host_sets *sets)
{
    for (size_t i = 0; i < sets->count; i++) {
        struct host_set *set = sets->sets[i];
        host_list_clear(&set->own);
        host_list_clear(&set->brokers);
        free(set->own.sessions);
        free(set->brokers.sessions);
        free(set);
    }
    free(sets->sets);
    free(sets->scratch);
    host_sets_init(sets);
}

static const char *name_at(const void *sets, size_t place)
{
    return ((struct host_set *const *)sets)[place]->name;
}

static size_t host_place(const struct host_sets *sets, const char *name, bool *ret_found)
{
    return sorted_place(sets->sets, sets->count, name_at, name, ret_found);
}

struct host_set *host_sets_make_named(struct host_sets *sets, const char name[SEAL_NAME_BYTES])
{
    bool found;
    size_t place = host_place(sets, name, &found);
    if (found)
        return sets->sets[place];
    if (sets->count == sets->room) {
        size_t room = sets->room == 0 ? 8 : sets->room * 2;
        struct host_set **all = realloc(sets->sets, room * sizeof(struct host_set *));
        if (all == NULL)
            return NULL;
        sets->sets = all;
        sets->room = room;
    }
    struct host_set *set = calloc(1, sizeof(*set));
    if (set == NULL)
        return NULL;
    memcpy(set->name, name, SEAL_NAME_BYTES);
    struct host_set **at = sets->sets + place;
    memmove(at + 1, at, (sets->count - place) * sizeof(struct host_set *));
    sets->count++;
    *at = set;
    return set;
}

struct host_set *host_sets_make(struct host_sets *sets, const struct seal *seal, const char *host)
{
    char name[SEAL_NAME_BYTES];
    seal_name(seal, "host", host, name);
    struct host_set *set = host_sets_make_named(sets, name);
    if (set != NULL && set->host[0] == '\0')
        memcpy(set->host, host, strlen(host) + 1);
    return set;
}

struct host_set *host_sets_find(const struct host_sets *sets, const struct seal *seal, const char *host)
{
    bool found;
    char name[SEAL_NAME_BYTES];
    seal_name(seal, "host", host, name);
    size_t place = host_place(sets, name, &found);
    return found ? sets->sets[place] : NULL;
}

const struct connection *host_sets_connections(struct host_sets *sets, const struct host_list *list)
{
    if (sets->scratch == NULL || list->count > sets->scratch_room) {
        size_t room = list->count * 2 + 8;
        struct connection *scratch = realloc(sets->scratch, room * sizeof(*scratch));
        if (scratch == NULL)
            return NULL;
        sets->scratch = scratch;
        sets->scratch_room = room;
    }
    for (size_t i = 0; i < list->count; i++)
        sets->scratch[i] = list->sessions[i]->connection;
    return sets->scratch;
}
