#include "wts_sessions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIX_BEGINS_S 11644473600 /* from 1601, where Windows' time begins */
#define TICKS_A_MS    10000
#define ID_BYTES      12 /* of a session's number */

/* One log-on, as far as a later reading may no longer tell it: a session without a client says that it is the
 * console's, and a program that told the kind may have ended. */
struct logon {
    uint32_t id;
    uint64_t logon_time;
    char *user; /* as in the facts */
    char *client;
    enum connection_kind kind;
    enum connection_route route;
    bool kind_told, route_told; /* else they are guesses */
    bool disconnected;
    enum administrator administrator;
    char id_text[ID_BYTES];
};

struct wts_sessions {
    char *host;
    struct logon *logons; /* in the order of the last snapshot's sessions */
    size_t logon_count;
    struct session_facts *facts; /* of these, one by one */
};

/* --- texts ---------------------------------------------------------------------------------------------- */

static char folded(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

/* The names compared are Windows' own, plain ASCII. */
static bool same_name(const char *one, const char *other)
{
    for (; *one != '\0' && folded(*one) == folded(*other); one++)
        other++;
    return *one == *other;
}

static bool is_told(const char *text)
{
    return text != NULL && *text != '\0';
}

static const char *behind_slashes(const char *path)
{
    const char *name = path;

    for (; *path != '\0'; path++)
        if (*path == '\\' || *path == '/')
            name = path + 1;
    return name;
}

/* Whether a path is directory\name, spelled in whatever case. */
static bool is_in(const char *path, const char *directory)
{
    size_t bytes = strlen(directory);

    if (bytes > 0 && directory[bytes - 1] == '\\')
        bytes--;
    for (size_t i = 0; i < bytes; i++)
        if (folded(path[i]) != folded(directory[i])) /* a path that is shorter ends here */
            return false;
    return path[bytes] == '\\' && behind_slashes(path) == path + bytes + 1;
}

/* --- snapshots ------------------------------------------------------------------------------------------ */

void wts_snapshot_finish(struct wts_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->session_count; i++) {
        free(snapshot->sessions[i].user);
        free(snapshot->sessions[i].domain);
        free(snapshot->sessions[i].client);
        free(snapshot->sessions[i].initial_program);
    }
    for (size_t i = 0; i < snapshot->process_count; i++) {
        free(snapshot->processes[i].name);
        free(snapshot->processes[i].path);
    }
    free(snapshot->sessions);
    free(snapshot->processes);
    free(snapshot->system_directory);
    free(snapshot->computer);
    *snapshot = (struct wts_snapshot){0};
}

bool wts_session_is_users(const struct wts_session *session)
{
    return session->id != WTS_SESSION_OF_SERVICES && session->state != WTS_STATE_LISTEN &&
           is_told(session->user);
}

/* --- the kind ------------------------------------------------------------------------------------------- */

/* RemoteApp brings its own shell, and Explorer is a desktop's; but Explorer can be published as an
 * application too, so it tells nothing beside the other. Userinit runs for both. */
static bool is_application_shell(const char *name)
{
    return same_name(name, "rdpinit.exe") || same_name(name, "rdpshell.exe");
}

static bool is_desktop_shell(const char *name)
{
    return same_name(name, "explorer.exe");
}

bool wts_program_matters(const char *name)
{
    return is_application_shell(name) || is_desktop_shell(name);
}

/* Anybody can name a program of his own like Windows' one: it has to be where Windows has it. */
static bool is_windows_own(const struct wts_process *process, const struct wts_snapshot *snapshot)
{
    return process->path == NULL || snapshot->system_directory == NULL ||
           is_in(process->path, snapshot->system_directory);
}

/* Whether the session's programs tell its kind. */
static bool kind_by_programs(const struct wts_snapshot *snapshot, uint32_t id, enum connection_kind *ret)
{
    bool desktop = false;

    for (size_t i = 0; i < snapshot->process_count; i++) {
        const struct wts_process *process = &snapshot->processes[i];

        if (process->session != id)
            continue;
        if (is_application_shell(process->name) && is_windows_own(process, snapshot)) {
            *ret = KIND_APPLICATION;
            return true;
        }
        desktop = desktop || is_desktop_shell(process->name);
    }
    if (desktop)
        *ret = KIND_DESKTOP;
    return desktop;
}

static enum connection_kind kind_by_hint(const struct wts_session *session)
{
    bool application =
        session->initial_program != NULL && is_application_shell(behind_slashes(session->initial_program));

    return application ? KIND_APPLICATION : KIND_DESKTOP;
}

static void judge_kind(const struct wts_snapshot *snapshot, const struct wts_session *session,
                       const struct logon *before, struct logon *logon)
{
    bool came_back = before != NULL && before->disconnected && !logon->disconnected;

    logon->kind_told = true;
    if (logon->route == ROUTE_CONSOLE) {
        logon->kind = KIND_DESKTOP;
    } else if (kind_by_programs(snapshot, session->id, &logon->kind)) {
        return;
    } else if (before != NULL && !came_back && (before->kind_told || logon->disconnected)) {
        logon->kind = before->kind;
        logon->kind_told = before->kind_told;
    } else {
        logon->kind = kind_by_hint(session);
        logon->kind_told = false;
    }
}

/* --- the route ------------------------------------------------------------------------------------------ */

/* Some other vendors' remote sessions tell the console's protocol, but say that they are remote. */
static void judge_route(const struct wts_session *session, const struct logon *before, struct logon *logon)
{
    bool far = session->protocol > WTS_PROTOCOL_CONSOLE || session->remote == 1;
    bool near = session->protocol == WTS_PROTOCOL_CONSOLE || session->remote == 0;

    logon->route_told = far || (near && !logon->disconnected);
    if (!logon->route_told && before != NULL) {
        logon->route = before->route;
        logon->route_told = before->route_told;
        return;
    }
    /* Of a session that nobody saw connected: on a session host it was somebody's from afar. */
    logon->route = logon->route_told && !far ? ROUTE_CONSOLE : ROUTE_RDP;
}

/* --- facts ---------------------------------------------------------------------------------------------- */

/* Account names cannot have an '@': one that has it is whole already (a UPN). */
static char *user_of(const struct wts_session *session, const char *computer)
{
    const char *domain = is_told(session->domain) ? session->domain : computer;
    size_t bytes;
    char *user;

    if (strchr(session->user, '@') != NULL || strchr(session->user, '\\') != NULL || !is_told(domain))
        return strdup(session->user);
    bytes = strlen(domain) + strlen(session->user) + 2;
    user = malloc(bytes);
    if (user != NULL)
        (void)snprintf(user, bytes, "%s\\%s", domain, session->user);
    return user;
}

static int64_t unix_ms(uint64_t logon_time)
{
    int64_t ms = (int64_t)(logon_time / TICKS_A_MS) - UNIX_BEGINS_S * 1000;

    return ms > 0 ? ms : 0;
}

static bool is_closing(const struct wts_session *session)
{
    return session->state == WTS_STATE_RESET || session->state == WTS_STATE_DOWN;
}

static struct session_facts facts_of(const struct wts_sessions *sessions, const struct wts_session *session,
                                     const struct logon *logon)
{
    bool remote = logon->route != ROUTE_CONSOLE;

    return (struct session_facts){
        .host = sessions->host,
        .id = logon->id_text,
        .user = logon->user,
        .service = remote ? "rdp" : "console",
        .type = "windows",
        .session_class = "user",
        .remote_host = remote && is_told(logon->client) ? logon->client : NULL,
        .remote = remote,
        .closing = is_closing(session),
        .state = logon->disconnected ? CONNECTION_DISCONNECTED : CONNECTION_ACTIVE,
        .connected_at_ms = unix_ms(logon->logon_time),
        .kind_known = (int)logon->kind,
        .route_known = (int)logon->route,
        .administrator_known = (int)logon->administrator,
        .rules_first = true,
    };
}

/* --- from reading to reading ---------------------------------------------------------------------------- */

/* Windows gives the number of a session that has ended to another one. */
static const struct logon *logon_before(const struct wts_sessions *sessions, const struct logon *logon)
{
    for (size_t i = 0; i < sessions->logon_count; i++) {
        const struct logon *before = &sessions->logons[i];

        if (before->id != logon->id)
            continue;
        bool other_time =
            before->logon_time != 0 && logon->logon_time != 0 && before->logon_time != logon->logon_time;
        return other_time || strcmp(before->user, logon->user) != 0 ? NULL : before;
    }
    return NULL;
}

static void free_logons(struct logon *logons, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(logons[i].user);
        free(logons[i].client);
    }
    free(logons);
}

static int judge_logon(const struct wts_sessions *sessions, const struct wts_snapshot *snapshot,
                       const struct wts_session *session, struct logon *logon)
{
    const struct logon *before;

    *logon = (struct logon){
        .id = session->id,
        .logon_time = session->logon_time,
        .disconnected = session->state == WTS_STATE_DISCONNECTED,
        .administrator = session->administrator,
        .user = user_of(session, snapshot->computer),
    };
    if (logon->user == NULL)
        return ERROR_NO_MEMORY;
    (void)snprintf(logon->id_text, sizeof(logon->id_text), "%u", (unsigned)session->id);
    before = logon_before(sessions, logon);
    judge_route(session, before, logon);
    judge_kind(snapshot, session, before, logon);
    if (before != NULL && logon->logon_time == 0)
        logon->logon_time = before->logon_time;
    /* A user's groups are read once, when he logs on. */
    if (before != NULL && logon->administrator == ADMINISTRATOR_UNKNOWN)
        logon->administrator = before->administrator;
    if (is_told(session->client))
        logon->client = strdup(session->client);
    return is_told(session->client) && logon->client == NULL ? ERROR_NO_MEMORY : 0;
}

int wts_sessions_judge(struct wts_sessions *sessions, const struct wts_snapshot *snapshot,
                       const struct session_facts **ret_facts, size_t *ret_count, bool *ret_settled)
{
    size_t room = snapshot->session_count + 1, count = 0;
    struct logon *logons = calloc(room, sizeof(*logons));
    struct session_facts *facts = calloc(room, sizeof(*facts));
    int r = logons == NULL || facts == NULL ? ERROR_NO_MEMORY : 0;
    bool settled = true;

    for (size_t i = 0; r == 0 && i < snapshot->session_count; i++) {
        const struct wts_session *session = &snapshot->sessions[i];

        if (!wts_session_is_users(session))
            continue;
        r = judge_logon(sessions, snapshot, session, &logons[count]);
        facts[count] = facts_of(sessions, session, &logons[count]);
        settled = settled && logons[count].kind_told;
        count++;
    }
    if (r < 0) {
        free_logons(logons, count);
        free(facts);
        return r;
    }
    free_logons(sessions->logons, sessions->logon_count);
    free(sessions->facts);
    sessions->logons = logons;
    sessions->logon_count = count;
    *ret_facts = sessions->facts = facts;
    *ret_count = count;
    *ret_settled = settled;
    return 0;
}

struct wts_sessions *wts_sessions_create(const char *host)
{
    struct wts_sessions *sessions = calloc(1, sizeof(*sessions));

    if (sessions != NULL && (sessions->host = strdup(host)) == NULL) {
        free(sessions);
        return NULL;
    }
    return sessions;
}

void wts_sessions_destroy(struct wts_sessions *sessions)
{
    if (sessions == NULL)
        return;
    free_logons(sessions->logons, sessions->logon_count);
    free(sessions->facts);
    free(sessions->host);
    free(sessions);
}
