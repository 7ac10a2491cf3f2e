#include "script_sessions.h"

#include "common/room.h"

#include "source.h"

#include <stdlib.h>
#include <string.h>

struct script_session {
    char *id, *user;
    int64_t connected_at_ms;
    int kind, route, administrator; /* as in session_facts */
    enum connection_state state;
};

struct script_host {
    char *name;
    struct script_session *sessions;
    size_t count, room;
    bool changed;
};

struct script_sessions {
    struct script_host *hosts; /* this host first */
    size_t count, room;
};

static void free_session(struct script_session *session)
{
    free(session->id);
    free(session->user);
}

static int find_host(struct script_sessions *sessions, const char *name, struct script_host **ret)
{
    struct script_host host = {.changed = true};

    for (size_t i = 0; i < sessions->count; i++)
        if (strcmp(sessions->hosts[i].name, name) == 0) {
            *ret = &sessions->hosts[i];
            return 0;
        }
    if (sessions->count == SCRIPT_HOSTS_MAX)
        return ERROR_FULL;
    host.name = room_reserve((void **)&sessions->hosts, &sessions->room, sessions->count + 1, sizeof(host))
                    ? strdup(name)
                    : NULL;
    if (host.name == NULL)
        return ERROR_NO_MEMORY;
    sessions->hosts[sessions->count] = host;
    *ret = &sessions->hosts[sessions->count++];
    return 0;
}

struct script_sessions *script_sessions_create(const char *this_host)
{
    struct script_sessions *sessions = calloc(1, sizeof(*sessions));
    struct script_host *host;

    if (sessions != NULL && find_host(sessions, this_host, &host) < 0) {
        script_sessions_destroy(sessions);
        return NULL;
    }
    return sessions;
}

void script_sessions_destroy(struct script_sessions *sessions)
{
    if (sessions == NULL)
        return;
    for (size_t i = 0; i < sessions->count; i++) {
        struct script_host *host = &sessions->hosts[i];

        for (size_t j = 0; j < host->count; j++)
            free_session(&host->sessions[j]);
        free(host->sessions);
        free(host->name);
    }
    free(sessions->hosts);
    free(sessions);
}

static struct script_session *find_session(struct script_host *host, const char *id)
{
    for (size_t i = 0; i < host->count; i++)
        if (strcmp(host->sessions[i].id, id) == 0)
            return &host->sessions[i];
    return NULL;
}

static void end_session(struct script_host *host, struct script_session *session)
{
    free_session(session);
    *session = host->sessions[--host->count];
}

static int open_session(struct script_host *host, const struct script_line *event, int64_t at_ms)
{
    struct script_session session = {
        .connected_at_ms = at_ms,
        .kind = event->kind,
        .route = event->route,
        .administrator = event->admin ? ADMINISTRATOR_YES : ADMINISTRATOR_NO,
        .state = CONNECTION_ACTIVE,
    };

    if (host->count == SOURCE_SESSIONS_MAX)
        return ERROR_FULL;
    if (!room_reserve((void **)&host->sessions, &host->room, host->count + 1, sizeof(session)))
        return ERROR_NO_MEMORY;
    session.id = strdup(event->session);
    session.user = strdup(event->user);
    if (session.id == NULL || session.user == NULL) {
        free_session(&session);
        return ERROR_NO_MEMORY;
    }
    host->sessions[host->count++] = session;
    return 0;
}

static int connect_session(struct script_host *host, const struct script_line *event, int64_t at_ms)
{
    struct script_session *session = find_session(host, event->session);

    if (session != NULL && strcmp(session->user, event->user) == 0) {
        session->state = CONNECTION_ACTIVE; /* came back */
        return 0;
    }
    if (session != NULL)
        end_session(host, session);
    return open_session(host, event, at_ms);
}

int script_sessions_apply(struct script_sessions *sessions, const struct script_line *event, int64_t at_ms)
{
    struct script_host *host;
    struct script_session *session;
    int r = find_host(sessions, event->host[0] != '\0' ? event->host : sessions->hosts[0].name, &host);

    if (r < 0)
        return r;
    host->changed = true;
    session = find_session(host, event->session);
    if (event->event == SCRIPT_CONNECT)
        return connect_session(host, event, at_ms);
    if (session == NULL)
        return 0;
    if (event->event == SCRIPT_DISCONNECT)
        session->state = CONNECTION_DISCONNECTED;
    else
        end_session(host, session);
    return 0;
}

static int visit_host(const struct script_host *host, script_sessions_fn *visit, void *data)
{
    struct session_facts *facts = calloc(host->count + 1, sizeof(*facts));

    if (facts == NULL)
        return ERROR_NO_MEMORY;
    for (size_t i = 0; i < host->count; i++) {
        const struct script_session *session = &host->sessions[i];

        facts[i] = (struct session_facts){
            .host = host->name,
            .id = session->id,
            .user = session->user,
            .state = session->state,
            .connected_at_ms = session->connected_at_ms,
            .kind_known = session->kind,
            .route_known = session->route,
            .administrator_known = session->administrator,
        };
    }
    visit(data, host->name, facts, host->count);
    free(facts);
    return 0;
}

int script_sessions_each_changed(struct script_sessions *sessions, script_sessions_fn *visit, void *data)
{
    for (size_t i = 1; i <= sessions->count; i++) {
        struct script_host *host = &sessions->hosts[i % sessions->count]; /* the first comes last */

        if (!host->changed)
            continue;
        if (visit_host(host, visit, data) < 0)
            return ERROR_NO_MEMORY;
        host->changed = false;
    }
    return 0;
}

void script_sessions_all_changed(struct script_sessions *sessions)
{
    for (size_t i = 0; i < sessions->count; i++)
        sessions->hosts[i].changed = true;
}
