#include "sessions.h"

#include "told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SOURCES_MAX 4

/* One source's last word on one host. */
struct told {
    unsigned
        source; /* its place in the configuration: where two sources tell the same id, the first is right */
    char *host;
    struct told_set set;
    bool whole; /* a complete set has come */
};

struct running {
    const struct source_type *type;
    struct source *source;
    bool whole; /* has told a complete set of this host, and so of every host */
};

struct sessions {
    struct sessions_listener listener;
    char host[CONNECTION_HOST_BYTES_MAX + 1]; /* this one */
    const struct classify_settings *classify;
    struct running sources[SOURCES_MAX];
    unsigned source_count;
    struct told **told;
    size_t told_count;
    uv_timer_t patience; /* how long sources may take to enumerate */
    uv_timer_t groups;   /* until sessions that wait for groups wait no more */
    bool enumerated;
    unsigned open_handles;
};

static int64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_groups_over(uv_timer_t *groups);

/* --- judging -------------------------------------------------------------------------------------------- */

/* A source that knows all that the rules would say needs nobody's groups. */
static bool needs_groups(const struct sessions *sessions, const struct session_facts *facts)
{
    return !facts->closing &&
           (facts->administrator_known < 0 || classify_needs_groups(sessions->classify, facts));
}

static void wait_for_groups(struct sessions *sessions, struct told_session *session, bool known)
{
    uint64_t now_ms = uv_now(sessions->groups.loop);

    session->waits = false;
    if (known || session->handed_on || session->result.outcome != CLASSIFY_LIVE)
        return;
    if (session->waits_since_ms == 0)
        session->waits_since_ms = now_ms;
    session->waits = now_ms - session->waits_since_ms < SESSIONS_GROUPS_MS;
    if (session->waits && !uv_is_active((uv_handle_t *)&sessions->groups))
        uv_timer_start(&sessions->groups, on_groups_over, SESSIONS_GROUPS_MS, 0);
}

static void judge_session(struct sessions *sessions, struct told_session *session)
{
    struct session_facts facts = session->facts;
    struct user_groups groups = {.known = true};

    if (!classify_names_valid(&facts)) {
        session->result = (struct classify_result){.outcome = CLASSIFY_IGNORED};
        return;
    }
    if (needs_groups(sessions, &facts)) {
        sessions->listener.groups(sessions->listener.data, facts.user, &groups);
        facts.groups = groups.groups;
        facts.group_count = groups.group_count;
        facts.groups_known = groups.known;
        facts.superuser = facts.superuser || (groups.known && groups.superuser);
    }
    session->result = classify(sessions->classify, &facts);
    wait_for_groups(sessions, session, groups.known);
}

/* Whether a source that comes before this one in the configuration tells the same session. */
static bool told_before(const struct sessions *sessions, const struct told *told, const char *id)
{
    for (size_t i = 0; i < sessions->told_count; i++) {
        const struct told *other = sessions->told[i];

        if (other->source < told->source && strcmp(other->host, told->host) == 0 &&
            told_set_find(&other->set, id) != NULL)
            return true;
    }
    return false;
}

static void add_live(const struct sessions *sessions, struct told *told, struct connection *connections,
                     size_t *count)
{
    for (size_t i = 0; i < told->set.count; i++) {
        struct told_session *session = &told->set.sessions[i];

        if (session->result.outcome != CLASSIFY_LIVE || session->waits ||
            told_before(sessions, told, session->facts.id))
            continue;
        session->handed_on = true;
        connections[(*count)++] = (struct connection){
            .host = told->host,
            .id = session->facts.id,
            .user = session->facts.user,
            .connected_at_ms = session->facts.connected_at_ms,
            .kind = session->result.kind,
            .route = session->result.route,
            .state = session->facts.state,
            .administrator = session->result.administrator,
        };
    }
}

/* Hands on what is live on a host by the word of all sources. */
static void hand_on(struct sessions *sessions, const char *host)
{
    struct connection *connections;
    size_t room = 1, count = 0;
    bool whole = false;

    for (size_t i = 0; i < sessions->told_count; i++)
        if (strcmp(sessions->told[i]->host, host) == 0) {
            room += sessions->told[i]->set.count;
            whole = whole || sessions->told[i]->whole;
        }
    if (!whole)
        return; /* nobody knows all of it yet: nothing may end */
    connections = calloc(room, sizeof(*connections));
    if (connections == NULL)
        return; /* the next change, or the refresh, tells it */
    for (size_t i = 0; i < sessions->told_count; i++)
        if (strcmp(sessions->told[i]->host, host) == 0)
            add_live(sessions, sessions->told[i], connections, &count);
    sessions->listener.on_host_set(sessions->listener.data, host, connections, count);
    free(connections);
}

static void judge(struct sessions *sessions, struct told *told)
{
    for (size_t i = 0; i < told->set.count; i++)
        judge_session(sessions, &told->set.sessions[i]);
}

static void hand_on_all(struct sessions *sessions)
{
    for (size_t i = 0; i < sessions->told_count; i++) {
        bool done = false;

        for (size_t j = 0; !done && j < i; j++)
            done = strcmp(sessions->told[j]->host, sessions->told[i]->host) == 0;
        if (!done)
            hand_on(sessions, sessions->told[i]->host);
    }
}

/* Everything is known that the first judgement needs. */
static bool all_known(const struct sessions *sessions)
{
    for (unsigned i = 0; i < sessions->source_count; i++)
        if (!sessions->sources[i].whole)
            return false;
    for (size_t i = 0; i < sessions->told_count; i++)
        for (size_t j = 0; j < sessions->told[i]->set.count; j++)
            if (sessions->told[i]->set.sessions[j].waits)
                return false;
    return true;
}

static void enumerated(struct sessions *sessions)
{
    sessions->enumerated = true;
    uv_timer_stop(&sessions->patience);
    hand_on_all(sessions);
    sessions->listener.on_enumerated(sessions->listener.data);
}

static void on_patience_over(uv_timer_t *patience)
{
    enumerated(patience->data);
}

static void judge_all(struct sessions *sessions)
{
    for (size_t i = 0; i < sessions->told_count; i++)
        judge(sessions, sessions->told[i]);
    if (sessions->enumerated)
        hand_on_all(sessions);
    else if (all_known(sessions))
        enumerated(sessions);
}

static void on_groups_over(uv_timer_t *groups)
{
    judge_all(groups->data);
}

/* --- what sources say ----------------------------------------------------------------------------------- */

static unsigned place_of(const struct sessions *sessions, const struct source *source)
{
    unsigned place = 0;

    while (sessions->sources[place].source != source)
        place++;
    return place;
}

static struct told *find_told(struct sessions *sessions, unsigned source, const char *host)
{
    struct told *told, **grown;

    for (size_t i = 0; i < sessions->told_count; i++)
        if (sessions->told[i]->source == source && strcmp(sessions->told[i]->host, host) == 0)
            return sessions->told[i];
    grown = realloc(sessions->told, (sessions->told_count + 1) * sizeof(struct told *));
    if (grown == NULL)
        return NULL;
    sessions->told = grown;
    told = calloc(1, sizeof(*told));
    if (told == NULL || (told->host = strdup(host)) == NULL) {
        free(told);
        return NULL;
    }
    told->source = source;
    sessions->told[sessions->told_count++] = told;
    return told;
}

static void on_health(void *data, struct source *source, int error, const char *detail)
{
    struct sessions *sessions = data;

    sessions->listener.on_health(sessions->listener.data, source->type->name, error, detail);
}

static void on_limit(void *data, struct source *source, const char *detail)
{
    struct sessions *sessions = data;

    sessions->listener.on_limit(sessions->listener.data, source->type->name, detail);
}

static void on_set(void *data, struct source *source, const char *host, const struct session_facts *facts,
                   size_t count, bool complete)
{
    struct sessions *sessions = data;
    unsigned place = place_of(sessions, source);
    struct told *told = find_told(sessions, place, host);
    struct error_detail detail;

    if (count > SOURCE_SESSIONS_MAX) {
        error_detail_set(&detail, "%zu sessions on %s, only %d are taken", count, host, SOURCE_SESSIONS_MAX);
        on_limit(sessions, source, detail.text);
    }
    if (told == NULL ||
        told_set_replace(&told->set, facts, count, complete, SOURCE_SESSIONS_MAX, wall_ms()) < 0) {
        on_health(sessions, source, ERROR_NO_MEMORY, error_text(ERROR_NO_MEMORY));
        return;
    }
    told->whole |= complete;
    sessions->sources[place].whole |= complete && strcmp(host, sessions->host) == 0;
    judge(sessions, told);
    if (sessions->enumerated)
        hand_on(sessions, told->host);
    else if (all_known(sessions))
        enumerated(sessions);
}

/* --- the contract --------------------------------------------------------------------------------------- */

static const struct source_type *type_named(const char *name)
{
    for (size_t i = 0; source_types[i] != NULL; i++)
        if (strcmp(source_types[i]->name, name) == 0)
            return source_types[i];
    return NULL;
}

static int start_source(struct sessions *sessions, const struct source_settings *settings, const char *name,
                        struct error_detail *ret_detail)
{
    const struct source_listener listener = {
        .on_set = on_set, .on_health = on_health, .on_limit = on_limit, .data = sessions};
    struct running *running = &sessions->sources[sessions->source_count];
    int r;

    if (strcmp(name, "api") == 0)
        return 0;
    running->type = type_named(name);
    if (running->type == NULL || sessions->source_count == SOURCES_MAX) {
        error_detail_set(ret_detail, "there is no session source '%s' here", name);
        return ERROR_NOT_FOUND;
    }
    r = running->type->start(settings, &listener, &running->source, ret_detail);
    if (r == 0)
        sessions->source_count++;
    return r;
}

static void on_closed(uv_handle_t *handle)
{
    struct sessions *sessions = handle->data;

    if (--sessions->open_handles > 0)
        return;
    for (size_t i = 0; i < sessions->told_count; i++) {
        told_set_finish(&sessions->told[i]->set);
        free(sessions->told[i]->host);
        free(sessions->told[i]);
    }
    free(sessions->told);
    free(sessions);
}

void sessions_stop(struct sessions *sessions)
{
    if (sessions == NULL)
        return;
    for (unsigned i = 0; i < sessions->source_count; i++)
        sessions->sources[i].type->stop(sessions->sources[i].source);
    sessions->source_count = 0;
    uv_close((uv_handle_t *)&sessions->patience, on_closed);
    uv_close((uv_handle_t *)&sessions->groups, on_closed);
}

int sessions_start(uv_loop_t *loop, const char *host, const char *scripted_file, const char (*names)[32],
                   size_t name_count, const struct classify_settings *classify,
                   const struct sessions_listener *listener, struct sessions **ret,
                   struct error_detail *ret_detail)
{
    const struct source_settings settings = {.loop = loop, .host = host, .scripted_file = scripted_file};
    struct sessions *sessions = calloc(1, sizeof(*sessions));
    int r = 0;

    if (sessions == NULL) {
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    sessions->listener = *listener;
    sessions->classify = classify;
    (void)snprintf(sessions->host, sizeof(sessions->host), "%s", host);
    uv_timer_init(loop, &sessions->patience);
    uv_timer_init(loop, &sessions->groups);
    sessions->patience.data = sessions->groups.data = sessions;
    sessions->open_handles = 2;
    for (size_t i = 0; r == 0 && i < name_count; i++)
        r = start_source(sessions, &settings, names[i], ret_detail);
    if (r < 0) {
        sessions_stop(sessions);
        return r;
    }
    uv_timer_start(&sessions->patience, on_patience_over,
                   sessions->source_count > 0 ? SESSIONS_ENUMERATE_MS : 0, 0);
    *ret = sessions;
    return 0;
}

bool sessions_speak_of(const struct sessions *sessions, const char *host)
{
    for (unsigned i = 0; i < sessions->source_count; i++)
        if (!sessions->sources[i].whole)
            return true;
    for (size_t i = 0; i < sessions->told_count; i++)
        if (strcmp(sessions->told[i]->host, host) == 0)
            return true;
    return false;
}

void sessions_reconfigure(struct sessions *sessions, const struct classify_settings *classify)
{
    sessions->classify = classify;
    judge_all(sessions);
}

void sessions_groups_changed(struct sessions *sessions)
{
    judge_all(sessions);
}

void sessions_refresh(struct sessions *sessions)
{
    for (unsigned i = 0; i < sessions->source_count; i++)
        sessions->sources[i].type->refresh(sessions->sources[i].source);
}

const struct classify_settings *sessions_rules(const struct sessions *sessions)
{
    return sessions->classify;
}

void sessions_each_ignored(const struct sessions *sessions, sessions_visit_fn *visit, void *data)
{
    for (size_t i = 0; i < sessions->told_count; i++)
        for (size_t j = 0; j < sessions->told[i]->set.count; j++) {
            const struct told_session *session = &sessions->told[i]->set.sessions[j];

            if (session->result.outcome != CLASSIFY_LIVE && !visit(data, &session->facts, &session->result))
                return;
        }
}
