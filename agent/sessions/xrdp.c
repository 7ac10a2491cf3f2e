#include "xrdp.h"

#include "common/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KERNEL_LIST     "/proc/self/net/unix"
#define SOCKET_NAME     "xrdp_display_"
#define TYPE_STREAM     1
#define STATE_LISTENING 1
#define STATE_CONNECTED 3

/* Where xrdp's versions and packages keep them; from 0.10 on in a directory for each uid below. */
static const char *const socket_directories[] = {"/run/xrdp/sockdir/", "/var/run/xrdp/sockdir/",
                                                 "/tmp/.xrdp/"};
#define DIRECTORY_COUNT (sizeof(socket_directories) / sizeof(socket_directories[0]))

static bool read_number(const char *text, const char **ret_end, unsigned *ret_number)
{
    unsigned number = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        number = number * 10 + (unsigned)(*at - '0');
        if (number >= XRDP_DISPLAYS_MAX)
            return false;
    }
    if (at == text)
        return false;
    *ret_end = at;
    *ret_number = number;
    return true;
}

bool xrdp_display_number(const char *display, unsigned *ret_number)
{
    const char *end;
    unsigned number, screen;

    if (display == NULL || *display != ':' || !read_number(display + 1, &end, &number))
        return false;
    if (*end == '.' && !read_number(end + 1, &end, &screen))
        return false;
    if (*end != '\0')
        return false;
    *ret_number = number;
    return true;
}

/* The display a socket's path belongs to. */
static bool display_of_path(const char *path, unsigned *ret_display)
{
    const char *rest = NULL, *end;
    size_t uid_digits;

    for (size_t i = 0; rest == NULL && i < DIRECTORY_COUNT; i++) {
        size_t bytes = strlen(socket_directories[i]);

        if (strncmp(path, socket_directories[i], bytes) == 0)
            rest = path + bytes;
    }
    if (rest == NULL)
        return false;
    uid_digits = strspn(rest, "0123456789");
    if (uid_digits > 0 && rest[uid_digits] == '/')
        rest += uid_digits + 1;
    if (strncmp(rest, SOCKET_NAME, strlen(SOCKET_NAME)) != 0)
        return false;
    return read_number(rest + strlen(SOCKET_NAME), &end, ret_display) && (*end == '\0' || *end == '\n');
}

static int note(struct xrdp_streams *streams, unsigned display, enum xrdp_stream stream)
{
    if (display >= streams->room) {
        size_t room = (size_t)display + 64;
        unsigned char *grown = realloc(streams->of_display, room);

        if (grown == NULL)
            return ERROR_NO_MEMORY;
        memset(grown + streams->room, XRDP_STREAM_NONE, room - streams->room);
        streams->of_display = grown;
        streams->room = room;
    }
    if (streams->of_display[display] < stream)
        streams->of_display[display] = (unsigned char)stream;
    return 0;
}

int xrdp_streams_line(struct xrdp_streams *streams, const char *line)
{
    unsigned type, state, display;
    int path_at = -1;

    /* Num RefCount Protocol Flags Type St Inode Path */
    if (sscanf(line, "%*[0-9a-fA-F]: %*8x %*8x %*8x %4x %2x %*u %n", &type, &state, &path_at) != 2 ||
        path_at < 0 || type != TYPE_STREAM || !display_of_path(line + path_at, &display))
        return 0;
    if (state == STATE_CONNECTED)
        return note(streams, display, XRDP_STREAM_CONNECTED);
    if (state == STATE_LISTENING)
        return note(streams, display, XRDP_STREAM_LISTENING);
    return 0;
}

int xrdp_streams_read(struct xrdp_streams *ret_streams)
{
    FILE *list = fopen(KERNEL_LIST, "re");
    char *line = NULL;
    size_t room = 0;
    int r = 0;

    if (list == NULL)
        return -errno;
    while (r == 0 && getline(&line, &room, list) >= 0)
        r = xrdp_streams_line(ret_streams, line);
    if (r == 0 && ferror(list))
        r = ERROR_IO;
    free(line);
    fclose(list);
    return r;
}

enum xrdp_stream xrdp_streams_get(const struct xrdp_streams *streams, unsigned display)
{
    return display < streams->room ? (enum xrdp_stream)streams->of_display[display] : XRDP_STREAM_NONE;
}

void xrdp_streams_finish(struct xrdp_streams *streams)
{
    free(streams->of_display);
    *streams = (struct xrdp_streams){0};
}

/* --- the watch ------------------------------------------------------------------------------------------ */

struct xrdp_watch {
    uv_fs_event_t directory;
    uv_timer_t poll;
    bool needed;
    unsigned open_handles;
    void (*changed)(void *data);
    void *data;
};

static void on_directory(uv_fs_event_t *directory, const char *name, int events, int status)
{
    struct xrdp_watch *watch = directory->data;

    (void)name;
    (void)events;
    (void)status;
    watch->changed(watch->data);
}

/* Again and again, since the directory may be made or replaced at any time. */
static void watch_directory(struct xrdp_watch *watch)
{
    uv_fs_event_stop(&watch->directory);
    for (size_t i = 0; i < DIRECTORY_COUNT; i++)
        if (uv_fs_event_start(&watch->directory, on_directory, socket_directories[i], 0) == 0)
            return;
}

static void on_poll(uv_timer_t *poll)
{
    struct xrdp_watch *watch = poll->data;

    watch_directory(watch);
    watch->changed(watch->data);
}

struct xrdp_watch *xrdp_watch_create(uv_loop_t *loop, void (*changed)(void *data), void *data)
{
    struct xrdp_watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL)
        return NULL;
    uv_fs_event_init(loop, &watch->directory);
    uv_timer_init(loop, &watch->poll);
    watch->directory.data = watch->poll.data = watch;
    watch->open_handles = 2;
    watch->changed = changed;
    watch->data = data;
    return watch;
}

void xrdp_watch_set_needed(struct xrdp_watch *watch, bool needed)
{
    if (needed == watch->needed)
        return;
    watch->needed = needed;
    if (needed) {
        watch_directory(watch);
        uv_timer_start(&watch->poll, on_poll, XRDP_POLL_MS, XRDP_POLL_MS);
    } else {
        uv_fs_event_stop(&watch->directory);
        uv_timer_stop(&watch->poll);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct xrdp_watch *watch = handle->data;

    if (--watch->open_handles == 0)
        free(watch);
}

void xrdp_watch_close(struct xrdp_watch *watch)
{
    if (watch == NULL)
        return;
    uv_close((uv_handle_t *)&watch->directory, on_closed);
    uv_close((uv_handle_t *)&watch->poll, on_closed);
}
