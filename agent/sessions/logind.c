/* logind.c - the sessions that systemd-logind knows. libsystemd's monitor says that something changed; then
 * all of them are read anew. Names and beginnings come later, from login_details; whether the client of an
 * xrdp session is there, from xrdp. */
#include "login_details.h"
#include "source.h"
#include "xrdp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-login.h>
#include <time.h>

#define SESSION_FILES  "/run/systemd/sessions/" /* only looked at; libsystemd reads them */
#define SETTLE_MS      50                       /* one log-in is three events within milliseconds */
#define HOLD_MS        1200                     /* how long a set waits for the names in it */
#define RETRY_FIRST_MS 1000
#define RETRY_LAST_MS  300000
#define FRESH_MS       5000 /* a new xrdp session's X server listens a moment before its client is let in */

/* Which file a session was read from: logind puts a new one in its place at every change. */
struct stamp {
    dev_t device;
    ino_t inode;
    struct timespec written;
};

struct entry {
    char *id, *state, *service, *type, *session_class, *remote_host, *display; /* all but id may be NULL */
    uid_t uid;
    bool remote, asked;
    struct stamp stamp;
    /* From login_details, kept as long as the session lives: */
    char *user; /* NULL: not answered yet */
    int64_t began_ms;
};

struct logind {
    struct source source;
    struct source_listener listener;
    uv_loop_t *loop;
    char *host;
    sd_login_monitor *monitor;
    uv_poll_t *poll; /* of the monitor */
    uv_timer_t due;  /* the next enumeration */
    uv_timer_t hold; /* the set waits for names no longer than this */
    struct login_details *details;
    struct xrdp_watch *xrdp_watch;
    struct entry *entries; /* sorted by id */
    size_t entry_count;
    bool all_read; /* every session of the last enumeration could be read */
    bool anew;     /* a refresh: read every file, and ask again where no beginning is known */
    bool failing;
    uint64_t retry_ms;
    unsigned open_handles;
};

static void enumerate(struct logind *logind);

static struct logind *logind_of(struct source *source)
{
    return (struct logind *)source;
}

static void free_entry(struct entry *entry)
{
    free(entry->id);
    free(entry->state);
    free(entry->service);
    free(entry->type);
    free(entry->session_class);
    free(entry->remote_host);
    free(entry->display);
    free(entry->user);
}

static void free_entries(struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free_entry(&entries[i]);
    free(entries);
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->id, ((const struct entry *)b)->id);
}

static struct entry *find_entry(struct logind *logind, const char *id)
{
    const struct entry key = {.id = (char *)(uintptr_t)id};

    if (logind->entry_count == 0)
        return NULL;
    return bsearch(&key, logind->entries, logind->entry_count, sizeof(key), compare_entries);
}

static void on_due(uv_timer_t *due)
{
    enumerate(due->data);
}

/* Enumerates after delay_ms, or sooner if that is planned already. */
static void schedule(struct logind *logind, uint64_t delay_ms)
{
    if (uv_is_active((uv_handle_t *)&logind->due) && uv_timer_get_due_in(&logind->due) <= delay_ms)
        return;
    uv_timer_start(&logind->due, on_due, delay_ms, 0);
}

static void failed(struct logind *logind, int error, const char *what)
{
    struct error_detail detail;

    error_detail_set(&detail, "%s: %s", what, error_text(error));
    logind->failing = true;
    schedule(logind, logind->retry_ms);
    logind->retry_ms = logind->retry_ms * 2 < RETRY_LAST_MS ? logind->retry_ms * 2 : RETRY_LAST_MS;
    logind->listener.on_health(logind->listener.data, &logind->source, error, detail.text);
}

static void worked(struct logind *logind)
{
    logind->retry_ms = RETRY_FIRST_MS;
    if (!logind->failing)
        return;
    logind->failing = false;
    logind->listener.on_health(logind->listener.data, &logind->source, 0, "");
}

/* --- telling the set ------------------------------------------------------------------------------------ */

static bool is_xrdp(const struct entry *entry, unsigned *ret_display)
{
    return entry->service != NULL && strcmp(entry->service, "xrdp-sesman") == 0 &&
           xrdp_display_number(entry->display, ret_display);
}

static int64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum connection_state state_of(struct logind *logind, const struct entry *entry,
                                      const struct xrdp_streams *streams)
{
    unsigned display;
    int64_t age_ms;

    /* No such socket: another X server than xorgxrdp's, of which nothing is known. */
    if (!is_xrdp(entry, &display) || xrdp_streams_get(streams, display) != XRDP_STREAM_LISTENING)
        return CONNECTION_ACTIVE;
    age_ms = wall_ms() - entry->began_ms;
    if (age_ms < 0 || age_ms >= FRESH_MS)
        return CONNECTION_DISCONNECTED;
    schedule(logind, (uint64_t)(FRESH_MS - age_ms));
    return CONNECTION_ACTIVE;
}

static bool is_closing(const struct entry *entry)
{
    return entry->state != NULL && strcmp(entry->state, "closing") == 0;
}

static void fill_facts(struct logind *logind, const struct entry *entry, const struct xrdp_streams *streams,
                       struct session_facts *ret)
{
    *ret = (struct session_facts){
        .host = logind->host,
        .id = entry->id,
        .user = entry->user,
        .service = entry->service,
        .type = entry->type,
        .session_class = entry->session_class,
        .remote_host = entry->remote_host,
        .superuser = entry->uid == 0,
        .remote = entry->remote,
        .closing = is_closing(entry),
        .state = state_of(logind, entry, streams),
        .connected_at_ms = entry->began_ms,
        .kind_known = -1,
        .route_known = -1,
        .administrator_known = -1,
    };
}

/* The streams of all displays, and whether any session is xrdp's. */
static int read_streams(struct logind *logind, struct xrdp_streams *ret_streams)
{
    bool needed = false;
    unsigned display;

    for (size_t i = 0; !needed && i < logind->entry_count; i++)
        needed = is_xrdp(&logind->entries[i], &display);
    xrdp_watch_set_needed(logind->xrdp_watch, needed);
    return needed ? xrdp_streams_read(ret_streams) : 0;
}

static void tell(struct logind *logind)
{
    struct xrdp_streams streams = {0};
    struct session_facts *facts = calloc(logind->entry_count + 1, sizeof(*facts));
    size_t count = 0, unnamed = 0;
    int r;

    uv_timer_stop(&logind->hold);
    if (facts == NULL) {
        failed(logind, ERROR_NO_MEMORY, "the sessions cannot be told");
        return;
    }
    r = read_streams(logind, &streams);
    for (size_t i = 0; i < logind->entry_count; i++) {
        if (logind->entries[i].user == NULL)
            unnamed++;
        else
            fill_facts(logind, &logind->entries[i], &streams, &facts[count++]);
    }
    logind->listener.on_set(logind->listener.data, &logind->source, logind->host, facts, count,
                            logind->all_read && unnamed == 0);
    xrdp_streams_finish(&streams);
    free(facts);
    if (r < 0)
        failed(logind, r, "xrdp's connections cannot be read");
    else if (logind->all_read)
        worked(logind);
}

static void on_hold_over(uv_timer_t *hold)
{
    tell(hold->data);
}

static bool all_named(const struct logind *logind)
{
    for (size_t i = 0; i < logind->entry_count; i++)
        if (logind->entries[i].user == NULL)
            return false;
    return true;
}

static void tell_when_named(struct logind *logind)
{
    if (all_named(logind))
        tell(logind);
    else if (!uv_is_active((uv_handle_t *)&logind->hold))
        uv_timer_start(&logind->hold, on_hold_over, HOLD_MS, 0);
}

static void on_details(void *data, const char *session, uid_t uid, const struct login_answer *answer)
{
    struct logind *logind = data;
    struct entry *entry = find_entry(logind, session);

    if (entry == NULL || entry->uid != uid)
        return;
    entry->asked = false;
    if (entry->user == NULL)
        entry->user = strdup(answer->user);
    else if (answer->began_ms == 0)
        return; /* asked again, and nothing new */
    if (answer->began_ms != 0)
        entry->began_ms = answer->began_ms;
    if (all_named(logind))
        uv_timer_start(&logind->hold, on_hold_over, 0, 0);
}

/* --- reading -------------------------------------------------------------------------------------------- */

/* A text that may be missing. */
static int read_text(int (*get)(const char *id, char **ret), const char *id, char **ret)
{
    int r = get(id, ret);

    return r == -ENODATA ? 0 : r;
}

static int read_entry(struct entry *entry)
{
    const char *id = entry->id;
    int r;

    if ((r = sd_session_get_uid(id, &entry->uid)) < 0 ||
        (r = read_text(sd_session_get_state, id, &entry->state)) < 0 ||
        (r = read_text(sd_session_get_service, id, &entry->service)) < 0 ||
        (r = read_text(sd_session_get_type, id, &entry->type)) < 0 ||
        (r = read_text(sd_session_get_class, id, &entry->session_class)) < 0 ||
        (r = read_text(sd_session_get_remote_host, id, &entry->remote_host)) < 0 ||
        (r = read_text(sd_session_get_display, id, &entry->display)) < 0)
        return r;
    r = sd_session_is_remote(id);
    entry->remote = r > 0;
    return r < 0 && r != -ENODATA ? r : 0;
}

static bool is_gone(int error)
{
    return error == -ENXIO || error == -ENOENT;
}

static bool stamp_of(const char *id, struct stamp *ret)
{
    char path[sizeof(SESSION_FILES) + CONNECTION_ID_BYTES_MAX + 1];
    struct stat file;
    int length = snprintf(path, sizeof(path), SESSION_FILES "%s", id);

    if (length < 0 || (size_t)length >= sizeof(path) || stat(path, &file) < 0)
        return false;
    *ret = (struct stamp){file.st_dev, file.st_ino, file.st_mtim};
    return true;
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->written.tv_sec == b->written.tv_sec &&
           a->written.tv_nsec == b->written.tv_nsec;
}

/* Fills an entry that has its id: from the old one if nothing has changed since (reading a session costs tens
 * of microseconds a property, and hundreds of sessions are read at each log-in), else from logind; then what
 * was asked before stays known. The old entry is left without what the new one took. */
static int renew_entry(struct logind *logind, struct entry *entry)
{
    struct entry *old = find_entry(logind, entry->id);
    bool stamped = stamp_of(entry->id, &entry->stamp);
    char *id = entry->id;
    int r;

    if (stamped && old != NULL && !logind->anew && same_stamp(&entry->stamp, &old->stamp)) {
        *entry = *old;
        *old = (struct entry){.id = id};
        return 0;
    }
    r = read_entry(entry);
    if (r < 0 || old == NULL || old->uid != entry->uid)
        return r;
    entry->user = old->user;
    entry->began_ms = old->began_ms;
    entry->asked = old->asked;
    old->user = NULL;
    return 0;
}

/* Takes over the ids. What vanished since they were listed is left out. */
static int read_entries(struct logind *logind, char **ids, size_t id_count, struct entry **ret_entries,
                        size_t *ret_count)
{
    struct entry *entries = calloc(id_count + 1, sizeof(*entries));
    size_t count = 0;
    int result = 0;

    for (size_t i = 0; i < id_count; i++) {
        struct entry entry = {.id = ids[i]};
        int r = entries == NULL ? -ENOMEM : renew_entry(logind, &entry);

        if (r < 0) {
            free_entry(&entry);
            if (!is_gone(r))
                result = r;
            continue;
        }
        entries[count++] = entry;
    }
    *ret_entries = entries;
    *ret_count = count;
    return entries == NULL ? -ENOMEM : result;
}

static void ask_details(struct logind *logind, struct entry *entry)
{
    bool wanted = entry->user == NULL || (logind->anew && entry->began_ms == 0);

    if (wanted && !entry->asked)
        entry->asked = login_details_ask(logind->details, entry->id, entry->uid) == 0;
}

static int read_all(struct logind *logind)
{
    struct entry *entries;
    size_t count;
    char **ids = NULL;
    int id_count = sd_get_sessions(&ids);
    int r;

    if (id_count < 0)
        return id_count;
    r = read_entries(logind, ids, (size_t)id_count, &entries, &count);
    free(ids); /* the ids themselves have moved */
    if (entries == NULL)
        return r;
    qsort(entries, count, sizeof(*entries), compare_entries);
    free_entries(logind->entries, logind->entry_count);
    logind->entries = entries;
    logind->entry_count = count;
    for (size_t i = 0; i < count; i++)
        ask_details(logind, &entries[i]);
    logind->anew = false;
    return r;
}

/* --- the monitor ---------------------------------------------------------------------------------------- */

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void unsubscribe(struct logind *logind)
{
    if (logind->poll != NULL) {
        uv_poll_stop(logind->poll);
        uv_close((uv_handle_t *)logind->poll, free_handle);
        logind->poll = NULL;
    }
    logind->monitor = sd_login_monitor_unref(logind->monitor);
}

static void on_monitor(uv_poll_t *poll, int status, int events)
{
    struct logind *logind = poll->data;

    (void)events;
    if (status < 0 || sd_login_monitor_flush(logind->monitor) < 0)
        unsubscribe(logind);
    schedule(logind, SETTLE_MS);
}

static int subscribe(struct logind *logind)
{
    uv_poll_t *poll;
    int r;

    if (logind->monitor != NULL)
        return 0;
    r = sd_login_monitor_new("session", &logind->monitor);
    if (r < 0)
        return r;
    poll = calloc(1, sizeof(*poll));
    r = poll == NULL ? -ENOMEM : uv_poll_init(logind->loop, poll, sd_login_monitor_get_fd(logind->monitor));
    if (r < 0) {
        free(poll);
        logind->monitor = sd_login_monitor_unref(logind->monitor);
        return r;
    }
    poll->data = logind;
    logind->poll = poll;
    uv_poll_start(poll, UV_READABLE, on_monitor);
    return 0;
}

static void enumerate(struct logind *logind)
{
    int r = subscribe(logind);

    if (r < 0) {
        failed(logind, r, "systemd-logind's sessions cannot be watched (does it run?)");
        return;
    }
    r = read_all(logind);
    logind->all_read = r == 0;
    if (r < 0)
        failed(logind, r, "not all of systemd-logind's sessions can be read");
    tell_when_named(logind);
}

/* --- the contract --------------------------------------------------------------------------------------- */

static void on_xrdp_changed(void *data)
{
    schedule(data, SETTLE_MS);
}

static void destroy(struct logind *logind)
{
    free_entries(logind->entries, logind->entry_count);
    free(logind->host);
    free(logind);
}

static void on_closed(uv_handle_t *handle)
{
    struct logind *logind = handle->data;

    if (--logind->open_handles == 0)
        destroy(logind);
}

static void stop(struct source *source)
{
    struct logind *logind = logind_of(source);

    unsubscribe(logind);
    login_details_close(logind->details);
    xrdp_watch_close(logind->xrdp_watch);
    uv_close((uv_handle_t *)&logind->due, on_closed);
    uv_close((uv_handle_t *)&logind->hold, on_closed);
}

static void refresh(struct source *source)
{
    struct logind *logind = logind_of(source);

    unsubscribe(logind); /* a watch can die with the directory it is on, without a word */
    logind->anew = true;
    schedule(logind, 0);
}

static int start(const struct source_settings *settings, const struct source_listener *listener,
                 struct source **ret, struct error_detail *ret_detail)
{
    struct logind *logind = calloc(1, sizeof(*logind));

    if (logind == NULL) {
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    logind->source.type = &source_logind;
    logind->listener = *listener;
    logind->loop = settings->loop;
    logind->retry_ms = RETRY_FIRST_MS;
    uv_timer_init(settings->loop, &logind->due);
    uv_timer_init(settings->loop, &logind->hold);
    logind->due.data = logind->hold.data = logind;
    logind->open_handles = 2;
    logind->host = strdup(settings->host);
    logind->details = login_details_create(settings->loop, on_details, logind);
    logind->xrdp_watch = xrdp_watch_create(settings->loop, on_xrdp_changed, logind);
    if (logind->host == NULL || logind->details == NULL || logind->xrdp_watch == NULL) {
        stop(&logind->source);
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    schedule(logind, 0);
    *ret = &logind->source;
    return 0;
}

const struct source_type source_logind = {
    .name = "logind",
    .start = start,
    .refresh = refresh,
    .stop = stop,
};
