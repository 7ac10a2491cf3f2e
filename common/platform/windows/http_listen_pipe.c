/* http_listen_pipe.c - a local socket is a named pipe here. libuv's own listener says nothing of who may open
 * it, and lets clients of other machines in; so its ends are made here, and given to libuv once somebody has
 * connected. A thread of Windows' pool waits for that and only rings the loop. */
#include "common/error.h"
#include "common/http_internal.h"
#include "pipe_rights.h"
#include "wide.h"

#include <fcntl.h>
#include <io.h>
#include <stdint.h>
#include <stdlib.h>
#include <windows.h>

#define ENDS         8 /* that wait for clients at a time; a busy moment's others wait for one */
#define BUFFER_BYTES 65536
#define AGAIN_MS     500 /* when an end cannot be made */
#define PROBE_MS     1

struct end {
    struct pipes *pipes;
    HANDLE pipe; /* NULL: none */
    HANDLE connected, wait;
    OVERLAPPED connecting;
};

struct pipes {
    struct http_listener listener; /* first */
    uv_async_t rung;
    uv_timer_t again;
    unsigned open_handles;
    wchar_t *path;
    PSECURITY_DESCRIPTOR rights;
    struct end ends[ENDS];
};

/* --- one end ----------------------------------------------------------------------------------------------
 */

static void CALLBACK on_connected(void *data, BOOLEAN timed_out)
{
    (void)timed_out;
    struct end *end = data;
    (void)uv_async_send(&end->pipes->rung);
}

/* The first of all ends is refused if somebody else's has the name; with any other about, the name is ours.
 */
static HANDLE make_pipe(const struct pipes *pipes)
{
    SECURITY_ATTRIBUTES security = {.nLength = sizeof(security), .lpSecurityDescriptor = pipes->rights};
    DWORD first = FILE_FLAG_FIRST_PIPE_INSTANCE;
    for (unsigned i = 0; i < ENDS; i++)
        if (pipes->ends[i].pipe)
            first = 0;
    return CreateNamedPipeW(pipes->path, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | first,
                            PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
                            PIPE_UNLIMITED_INSTANCES, BUFFER_BYTES, BUFFER_BYTES, 0, &security);
}

/* Windows' error, 0 for none. Who has come already, or come and gone, is met like any other. */
static DWORD await_client(struct end *end)
{
    end->connecting = (OVERLAPPED){.hEvent = end->connected};
    if (!ResetEvent(end->connected))
        return GetLastError();
    DWORD error = ConnectNamedPipe(end->pipe, &end->connecting) ? ERROR_PIPE_CONNECTED : GetLastError();
    if (error == ERROR_PIPE_CONNECTED || error == ERROR_NO_DATA)
        (void)SetEvent(end->connected);
    else if (error != ERROR_IO_PENDING)
        return error;
    return RegisterWaitForSingleObject(&end->wait, end->connected, on_connected, end, INFINITE,
                                       WT_EXECUTEONLYONCE | WT_EXECUTEINWAITTHREAD)
               ? 0
               : GetLastError();
}

/* Nobody else touches it any more; its pipe stays open, and is forgotten. */
static HANDLE take_pipe(struct end *end)
{
    HANDLE pipe = end->pipe;
    DWORD bytes;
    if (end->wait)
        (void)UnregisterWaitEx(end->wait, INVALID_HANDLE_VALUE);
    if (pipe && CancelIoEx(pipe, &end->connecting))
        (void)GetOverlappedResult(pipe, &end->connecting, &bytes, TRUE);
    end->pipe = end->wait = NULL;
    return pipe;
}

static void close_end(struct end *end)
{
    HANDLE pipe = take_pipe(end);
    if (pipe)
        (void)CloseHandle(pipe);
}

/* Windows' error, 0 for none. */
static DWORD make_end(struct end *end)
{
    HANDLE pipe = make_pipe(end->pipes);
    if (pipe == INVALID_HANDLE_VALUE)
        return GetLastError();
    end->pipe = pipe;
    return 0;
}

/* --- all of them ------------------------------------------------------------------------------------------
 */

static void on_again(uv_timer_t *timer);

/* One that cannot be is tried again later. */
static void open_end(struct end *end)
{
    if ((end->pipe || make_end(end) == 0) && await_client(end) == 0)
        return;
    close_end(end);
    (void)uv_timer_start(&end->pipes->again, on_again, AGAIN_MS, 0);
}

static void on_again(uv_timer_t *timer)
{
    struct pipes *pipes = timer->data;
    for (unsigned i = 0; i < ENDS; i++)
        if (!pipes->ends[i].pipe)
            open_end(&pipes->ends[i]);
}

static void welcome(struct pipes *pipes, HANDLE pipe)
{
    int fd = _open_osfhandle((intptr_t)pipe, _O_BINARY | _O_NOINHERIT);
    if (fd < 0)
        (void)CloseHandle(pipe);
    else
        http_server_welcome_pipe(&pipes->listener, fd);
}

static void on_rung(uv_async_t *async)
{
    struct pipes *pipes = async->data;
    for (unsigned i = 0; i < ENDS; i++) {
        struct end *end = &pipes->ends[i];
        if (!end->pipe || WaitForSingleObject(end->connected, 0) != WAIT_OBJECT_0)
            continue;
        HANDLE pipe = take_pipe(end);
        open_end(end); /* the name is never given up */
        welcome(pipes, pipe);
    }
}

/* --- opening and closing ----------------------------------------------------------------------------------
 */

static void release_ends(struct pipes *pipes)
{
    for (unsigned i = 0; i < ENDS; i++) {
        close_end(&pipes->ends[i]);
        if (pipes->ends[i].connected)
            (void)CloseHandle(pipes->ends[i].connected);
    }
    (void)LocalFree(pipes->rights);
    free(pipes->path);
}

static void on_closed(uv_handle_t *handle)
{
    struct pipes *pipes = handle->data;
    struct http_server *server = pipes->listener.server;
    if (--pipes->open_handles > 0)
        return;
    free(pipes);
    http_server_listener_closed(server);
}

static void close_pipes(struct http_listener *listener)
{
    struct pipes *pipes = (struct pipes *)listener;
    release_ends(pipes);
    uv_close((uv_handle_t *)&pipes->rung, on_closed);
    uv_close((uv_handle_t *)&pipes->again, on_closed);
}

static int error_of(DWORD error)
{
    switch (error) {
    case ERROR_ACCESS_DENIED: /* the name is taken: by one who lets us make no end, or before our first */
    case ERROR_PIPE_BUSY:
        return ERROR_BUSY;
    case ERROR_NOT_ENOUGH_MEMORY:
        return ERROR_NO_MEMORY;
    default:
        return uv_translate_sys_error((int)error);
    }
}

/* Whether anything listens there: to be told apart even where ends of others may be added to. */
static bool is_taken(const wchar_t *path)
{
    return WaitNamedPipeW(path, PROBE_MS) || GetLastError() == ERROR_SEM_TIMEOUT;
}

/* With the name taken; the caller releases, whatever came of it. */
static int open_pipes(struct pipes *pipes, const char *path, const char *group)
{
    pipes->path = wide_path(path);
    if (!pipes->path)
        return ERROR_INVALID;
    if (is_taken(pipes->path))
        return ERROR_BUSY;
    pipes->rights = pipe_rights_make(group);
    if (!pipes->rights)
        return error_of(GetLastError());
    for (unsigned i = 0; i < ENDS; i++) {
        pipes->ends[i].pipes = pipes;
        pipes->ends[i].connected = CreateEventW(NULL, TRUE, FALSE, NULL);
        if (!pipes->ends[i].connected)
            return ERROR_NO_MEMORY;
    }
    DWORD refused = make_end(&pipes->ends[0]);
    return refused ? error_of(refused) : 0;
}

int http_listen_local(struct http_server *server, const char *path, unsigned mode, const char *group,
                      void *listener_data)
{
    (void)mode; /* the rights say it */
    struct pipes *pipes = calloc(1, sizeof(*pipes));
    int error = pipes ? open_pipes(pipes, path, group) : ERROR_NO_MEMORY;
    if (!error)
        error = uv_async_init(server->loop, &pipes->rung, on_rung);
    if (error) {
        if (pipes)
            release_ends(pipes);
        free(pipes);
        return error;
    }
    (void)uv_timer_init(server->loop, &pipes->again);
    pipes->rung.data = pipes->again.data = pipes;
    pipes->open_handles = 2;
    pipes->listener = (struct http_listener){.close = close_pipes, .data = listener_data};
    http_server_add_listener(server, &pipes->listener);
    for (unsigned i = 0; i < ENDS; i++)
        open_end(&pipes->ends[i]);
    return 0;
}
