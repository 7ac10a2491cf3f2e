/* utmp.c - the users that the utmp file lists, for hosts without logind. The file is watched, and read whole
 * at every change. */
#include "source.h"
#include "utmp_records.h"

#include <errno.h>
#include <paths.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE_MS      100
#define RETRY_FIRST_MS 1000
#define RETRY_LAST_MS  300000
#define USERS_MAX      8192  /* as many as logind allows by default */
#define RECORDS_MAX    65536 /* read of one file */

struct utmp {
    struct source source;
    struct source_listener listener;
    uv_fs_event_t watch;
    uv_timer_t due; /* the next reading */
    char *host, *path, *directory;
    struct utmp_user *users; /* as last read, each line once */
    size_t user_count, user_room;
    bool failing;
    uint64_t retry_ms;
    unsigned open_handles;
};

static void read_and_tell(struct utmp *utmp);

static void on_due(uv_timer_t *due)
{
    read_and_tell(due->data);
}

static void schedule(struct utmp *utmp, uint64_t delay_ms)
{
    if (uv_is_active((uv_handle_t *)&utmp->due) && uv_timer_get_due_in(&utmp->due) <= delay_ms)
        return;
    uv_timer_start(&utmp->due, on_due, delay_ms, 0);
}

static void failed(struct utmp *utmp, int error)
{
    struct error_detail detail;

    error_detail_set(&detail, "%s cannot be read: %s", utmp->path, error_text(error));
    utmp->failing = true;
    schedule(utmp, utmp->retry_ms);
    utmp->retry_ms = utmp->retry_ms * 2 < RETRY_LAST_MS ? utmp->retry_ms * 2 : RETRY_LAST_MS;
    utmp->listener.on_health(utmp->listener.data, &utmp->source, error, detail.text);
}

static void worked(struct utmp *utmp)
{
    utmp->retry_ms = RETRY_FIRST_MS;
    if (!utmp->failing)
        return;
    utmp->failing = false;
    utmp->listener.on_health(utmp->listener.data, &utmp->source, 0, "");
}

/* --- reading -------------------------------------------------------------------------------------------- */

/* A record outlives its process where nobody wrote the log-out. Whose process it is does not matter: not
 * being allowed to signal it shows that it lives. */
static bool is_alive(pid_t pid)
{
    return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

static int keep_user(struct utmp *utmp, const struct utmp_user *user)
{
    for (size_t i = 0; i < utmp->user_count; i++)
        if (strcmp(utmp->users[i].line, user->line) == 0) {
            utmp->users[i] = *user; /* a line is used once: the later record is right */
            return 0;
        }
    if (utmp->user_count == USERS_MAX)
        return ERROR_TOO_LARGE;
    if (utmp->user_count == utmp->user_room) {
        size_t room = utmp->user_room * 2 + 16;
        struct utmp_user *grown = realloc(utmp->users, room * sizeof(*grown));

        if (grown == NULL)
            return ERROR_NO_MEMORY;
        utmp->users = grown;
        utmp->user_room = room;
    }
    utmp->users[utmp->user_count++] = *user;
    return 0;
}

/* A missing file: nobody is logged in. A torn last record is being written: a change will follow. */
static int read_users(struct utmp *utmp)
{
    size_t bytes = utmp_record_bytes();
    char *record = malloc(bytes);
    FILE *file = fopen(utmp->path, "re");
    int r = record == NULL ? ERROR_NO_MEMORY : file == NULL && errno != ENOENT ? error_from_errno(errno) : 0;
    struct utmp_user user;

    utmp->user_count = 0;
    for (unsigned i = 0; r == 0 && file != NULL && i < RECORDS_MAX && fread(record, bytes, 1, file) == 1; i++)
        if (utmp_record_read(record, &user) && is_alive(user.pid))
            r = keep_user(utmp, &user);
    if (r == 0 && file != NULL && ferror(file))
        r = ERROR_IO;
    if (file != NULL)
        fclose(file);
    free(record);
    return r;
}

static void fill_facts(const struct utmp *utmp, const struct utmp_user *user, struct session_facts *ret)
{
    /* Terminals inside an X session name its display as their host: ":10.0". */
    bool from_display = user->host[0] == ':' || user->host[0] == '\0';

    *ret = (struct session_facts){
        .host = utmp->host,
        .id = user->line,
        .user = user->user,
        .type = user->line[0] == ':' ? "x11" : "tty",
        .session_class = "user",
        .remote_host = from_display ? NULL : user->host,
        .remote = !from_display,
        .state = CONNECTION_ACTIVE,
        .connected_at_ms = user->began_ms,
        .kind_known = -1,
        .route_known = -1,
        .administrator_known = -1,
    };
}

/* --- watching ------------------------------------------------------------------------------------------- */

static void on_watch(uv_fs_event_t *watch, const char *name, int events, int status)
{
    struct utmp *utmp = watch->data;
    const char *base = strrchr(utmp->path, '/');

    (void)events;
    if (status == 0 && name != NULL && base != NULL && strcmp(name, base + 1) != 0)
        return; /* another file of the directory */
    schedule(utmp, SETTLE_MS);
}

/* The file itself, since it may be the only quiet one where it is; or its directory until there is one. Set
 * anew before every reading: a watch dies with the file that is replaced. */
static int watch(struct utmp *utmp)
{
    int r;

    uv_fs_event_stop(&utmp->watch);
    r = uv_fs_event_start(&utmp->watch, on_watch, utmp->path, 0);
    if (r == UV_ENOENT)
        r = uv_fs_event_start(&utmp->watch, on_watch, utmp->directory, 0);
    return r;
}

static void read_and_tell(struct utmp *utmp)
{
    struct session_facts *facts;
    int r = watch(utmp);

    if (r == 0)
        r = read_users(utmp);
    if (r < 0) {
        failed(utmp, r);
        return;
    }
    facts = calloc(utmp->user_count + 1, sizeof(*facts));
    if (facts == NULL) {
        failed(utmp, ERROR_NO_MEMORY);
        return;
    }
    for (size_t i = 0; i < utmp->user_count; i++)
        fill_facts(utmp, &utmp->users[i], &facts[i]);
    utmp->listener.on_set(utmp->listener.data, &utmp->source, utmp->host, facts, utmp->user_count, true);
    free(facts);
    worked(utmp);
}

/* --- the contract --------------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct utmp *utmp = handle->data;

    if (--utmp->open_handles > 0)
        return;
    free(utmp->users);
    free(utmp->host);
    free(utmp->path);
    free(utmp->directory);
    free(utmp);
}

static void stop(struct source *source)
{
    struct utmp *utmp = (struct utmp *)source;

    uv_close((uv_handle_t *)&utmp->watch, on_closed);
    uv_close((uv_handle_t *)&utmp->due, on_closed);
}

static void refresh(struct source *source)
{
    schedule((struct utmp *)source, 0);
}

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static int start(const struct source_settings *settings, const struct source_listener *listener,
                 struct source **ret, struct error_detail *ret_detail)
{
    struct utmp *utmp = calloc(1, sizeof(*utmp));
    const char *path = settings->utmp_file != NULL ? settings->utmp_file : _PATH_UTMP;

    if (utmp == NULL) {
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    utmp->source.type = &source_utmp;
    utmp->listener = *listener;
    utmp->retry_ms = RETRY_FIRST_MS;
    uv_fs_event_init(settings->loop, &utmp->watch);
    uv_timer_init(settings->loop, &utmp->due);
    utmp->watch.data = utmp->due.data = utmp;
    utmp->open_handles = 2;
    utmp->host = strdup(settings->host);
    utmp->path = strdup(path);
    utmp->directory = directory_of(path);
    if (utmp->host == NULL || utmp->path == NULL || utmp->directory == NULL) {
        stop(&utmp->source);
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    schedule(utmp, 0);
    *ret = &utmp->source;
    return 0;
}

const struct source_type source_utmp = {
    .name = "utmp",
    .start = start,
    .refresh = refresh,
    .stop = stop,
};
