/* scripted.c - sessions from a file of events, replayed in real time or faster; lines appended to it are
 * taken as they come. For tests and demonstrations.
 *
 * Each event with a time is a change of its own, however fast the replay; events without one (ts 0), read
 * together, are one change. */
#include "script_sessions.h"
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_BYTES (SCRIPT_LINE_BYTES_MAX + 1)
#define EVENTS_MAX   1000 /* in one turn of the loop */

struct scripted {
    struct source source;
    struct source_listener listener;
    uv_loop_t *loop;
    uv_fs_event_t watch;
    uv_timer_t due; /* more to read, or the next event's instant */
    char *path;
    int fd;
    struct json_reader *reader;
    struct script_sessions *sessions;
    char buffer[BUFFER_BYTES]; /* read and not yet taken; a line without its end waits here */
    size_t buffered;
    bool skipping; /* the rest of a line that is too long */
    unsigned line_number;
    struct script_line next; /* the event that waits for its instant */
    bool has_next, failing;
    int64_t speed;
    int64_t first_ts_ms, first_at_ms; /* the script's first instant, and when it was here */
    bool started;
    unsigned open_handles;
};

static int64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* When an event of the script happens here, in the loop's time. */
static int64_t loop_instant(struct scripted *scripted, int64_t ts_ms)
{
    int64_t now_ms = (int64_t)uv_now(scripted->loop);

    if (ts_ms == 0)
        return now_ms;
    if (!scripted->started) {
        scripted->started = true;
        scripted->first_ts_ms = ts_ms;
        scripted->first_at_ms = now_ms;
    }
    return scripted->first_at_ms + (ts_ms - scripted->first_ts_ms) / scripted->speed;
}

static void say(struct scripted *scripted, int error, const char *what)
{
    struct error_detail detail;

    error_detail_set(&detail, "%s:%u: %s", scripted->path, scripted->line_number, what);
    scripted->failing = true;
    scripted->listener.on_health(scripted->listener.data, &scripted->source, error, detail.text);
}

static void worked(struct scripted *scripted)
{
    if (!scripted->failing)
        return;
    scripted->failing = false;
    scripted->listener.on_health(scripted->listener.data, &scripted->source, 0, "");
}

static void apply_next(struct scripted *scripted, int64_t instant)
{
    int64_t at_ms = wall_ms() - ((int64_t)uv_now(scripted->loop) - instant);
    int r = script_sessions_apply(scripted->sessions, &scripted->next, at_ms);

    scripted->has_next = false;
    if (r < 0)
        say(scripted, r, error_text(r));
    else
        worked(scripted);
}

static void take_line(struct scripted *scripted, const char *text, size_t bytes)
{
    struct error_detail detail = {{0}};
    struct script_line line;
    int r;

    scripted->line_number++;
    if (strspn(text, " \t\r") == bytes)
        return;
    r = script_line_read(scripted->reader, text, bytes, &line, &detail);
    if (r == 0 && line.speed != 0 && scripted->line_number != 1) {
        r = ERROR_INVALID;
        error_detail_set(&detail, "speed: only in the first line");
    }
    if (r < 0) {
        say(scripted, r, detail.text[0] != '\0' ? detail.text : error_text(r));
        return;
    }
    if (line.speed != 0) {
        scripted->speed = line.speed;
        return;
    }
    scripted->next = line;
    scripted->has_next = true;
}

/* Takes one whole line from the buffer; false if there is none yet. */
static bool take_buffered(struct scripted *scripted)
{
    char *end = memchr(scripted->buffer, '\n', scripted->buffered);
    size_t bytes;

    if (end == NULL && scripted->buffered < BUFFER_BYTES)
        return false;
    if (end == NULL) {
        if (!scripted->skipping) {
            scripted->line_number++;
            say(scripted, ERROR_TOO_LARGE, error_text(ERROR_TOO_LARGE));
        }
        scripted->skipping = true;
        scripted->buffered = 0;
        return true;
    }
    bytes = (size_t)(end - scripted->buffer);
    *end = '\0';
    if (!scripted->skipping)
        take_line(scripted, scripted->buffer, bytes);
    scripted->skipping = false;
    scripted->buffered -= bytes + 1;
    memmove(scripted->buffer, end + 1, scripted->buffered);
    return true;
}

/* Fills the buffer; false at the end of the file. A file that became shorter is read from its beginning. */
static bool fill_buffer(struct scripted *scripted)
{
    off_t at = lseek(scripted->fd, 0, SEEK_CUR), size = lseek(scripted->fd, 0, SEEK_END);
    ssize_t count;

    if (size < at) {
        at = 0;
        scripted->buffered = 0;
        scripted->line_number = 0;
        scripted->skipping = false;
    }
    (void)lseek(scripted->fd, at, SEEK_SET);
    do
        count = read(scripted->fd, scripted->buffer + scripted->buffered, BUFFER_BYTES - scripted->buffered);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        say(scripted, error_from_errno(errno), error_text(error_from_errno(errno)));
    if (count <= 0)
        return false;
    scripted->buffered += (size_t)count;
    return true;
}

static void on_changed_host(void *data, const char *host, const struct session_facts *facts, size_t count)
{
    struct scripted *scripted = data;

    scripted->listener.on_set(scripted->listener.data, &scripted->source, host, facts, count, true);
}

static void tell(struct scripted *scripted)
{
    if (script_sessions_each_changed(scripted->sessions, on_changed_host, scripted) < 0)
        say(scripted, ERROR_NO_MEMORY, error_text(ERROR_NO_MEMORY));
}

static bool read_next(struct scripted *scripted)
{
    while (!scripted->has_next)
        if (!take_buffered(scripted) && !fill_buffer(scripted))
            return false;
    return true;
}

/* Everything that is due by now, and a timer for what comes next. A change that is longer than one turn of
 * the loop is told when it is whole. */
static void play(uv_timer_t *due)
{
    struct scripted *scripted = due->data;
    int64_t now_ms = (int64_t)uv_now(scripted->loop);

    for (unsigned events = 0; read_next(scripted); events++) {
        int64_t instant = loop_instant(scripted, scripted->next.ts_ms);
        bool timed = scripted->next.ts_ms != 0;

        if (instant > now_ms || events == EVENTS_MAX) {
            uv_timer_start(due, play, instant > now_ms ? (uint64_t)(instant - now_ms) : 0, 0);
            if (instant <= now_ms && !timed)
                return;
            break;
        }
        if (timed)
            tell(scripted);
        apply_next(scripted, instant);
        if (timed)
            tell(scripted);
    }
    tell(scripted);
}

static void on_watch(uv_fs_event_t *watch, const char *name, int events, int status)
{
    struct scripted *scripted = watch->data;

    (void)name;
    (void)events;
    (void)status;
    if (!scripted->has_next) /* else it is read when that one's instant has come */
        uv_timer_start(&scripted->due, play, 0, 0);
}

static void on_closed(uv_handle_t *handle)
{
    struct scripted *scripted = handle->data;

    if (--scripted->open_handles > 0)
        return;
    if (scripted->fd >= 0)
        close(scripted->fd);
    json_reader_destroy(scripted->reader);
    script_sessions_destroy(scripted->sessions);
    free(scripted->path);
    free(scripted);
}

static void stop(struct source *source)
{
    struct scripted *scripted = (struct scripted *)source;

    uv_close((uv_handle_t *)&scripted->watch, on_closed);
    uv_close((uv_handle_t *)&scripted->due, on_closed);
}

static void refresh(struct source *source)
{
    struct scripted *scripted = (struct scripted *)source;

    script_sessions_all_changed(scripted->sessions);
    uv_timer_start(&scripted->due, play, 0, 0);
}

static int open_script(struct scripted *scripted, struct error_detail *ret_detail)
{
    int r;

    scripted->fd = open(scripted->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    r = scripted->fd < 0 ? error_from_errno(errno)
                         : uv_fs_event_start(&scripted->watch, on_watch, scripted->path, 0);
    if (r < 0)
        error_detail_set(ret_detail, "%s: %s", scripted->path, error_text(r));
    return r;
}

static int start(const struct source_settings *settings, const struct source_listener *listener,
                 struct source **ret, struct error_detail *ret_detail)
{
    struct scripted *scripted = calloc(1, sizeof(*scripted));
    int r = ERROR_NO_MEMORY;

    error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
    if (scripted == NULL)
        return r;
    scripted->source.type = &source_scripted;
    scripted->listener = *listener;
    scripted->loop = settings->loop;
    scripted->fd = -1;
    scripted->speed = 1;
    uv_fs_event_init(settings->loop, &scripted->watch);
    uv_timer_init(settings->loop, &scripted->due);
    scripted->watch.data = scripted->due.data = scripted;
    scripted->open_handles = 2;
    scripted->path = strdup(settings->scripted_file);
    scripted->reader = json_reader_create();
    scripted->sessions = script_sessions_create(settings->host);
    if (scripted->path != NULL && scripted->reader != NULL && scripted->sessions != NULL)
        r = open_script(scripted, ret_detail);
    if (r < 0) {
        stop(&scripted->source);
        return r;
    }
    uv_timer_start(&scripted->due, play, 0, 0);
    *ret = &scripted->source;
    return 0;
}

const struct source_type source_scripted = {
    .name = "scripted",
    .start = start,
    .refresh = refresh,
    .stop = stop,
};
