#include "http_internal.h"

#include "error.h"
#include "platform/sockets.h"

#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- deadlines ------------------------------------------------------------------------------------------ */

/* One timer for all clients. It is set to the earliest deadline ever asked for; a deadline that moves later
 * leaves it alone, and a timer that fires early looks around and is set anew. So a request costs no timer
 * call, and a quiet server no wake-ups. */

static uint64_t listeners_rest(struct http_server *server, uint64_t now_ms);

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void on_deadlines(uv_timer_t *timer)
{
    struct http_server *server = timer->data;
    uint64_t now_ms = uv_now(server->loop);
    server->deadlines_at_ms = HTTP_NEVER;

    bool out_of_grace = server->closing && now_ms >= server->close_by_ms;
    struct http_connection *next = NULL;
    for (struct http_connection *each = server->connections; each; each = next) {
        next = each->next;
        if (out_of_grace)
            http_connection_close(each);
        else if (each->deadline_ms <= now_ms)
            http_connection_expire(each);
    }

    uint64_t at_ms = listeners_rest(server, now_ms);
    if (server->closing && !out_of_grace)
        at_ms = earliest(at_ms, server->close_by_ms);
    for (struct http_connection *each = server->connections; each; each = each->next)
        at_ms = earliest(at_ms, each->deadline_ms);
    http_server_deadline(server, at_ms);
}

void http_server_deadline(struct http_server *server, uint64_t at_ms)
{
    if (at_ms >= server->deadlines_at_ms || uv_is_closing((uv_handle_t *)&server->deadlines))
        return;
    uint64_t now_ms = uv_now(server->loop);
    server->deadlines_at_ms = at_ms;
    (void)uv_timer_start(&server->deadlines, on_deadlines, at_ms > now_ms ? at_ms - now_ms : 0, 0);
}

/* --- clients with input to go on with, run from the loop so that an answer never calls a handler --- */

static void on_again(uv_idle_t *idle)
{
    struct http_server *server = idle->data;
    struct http_connection *last = NULL;
    for (struct http_connection *each = server->ready; each; each = each->next_ready)
        last = each;

    /* those who become ready meanwhile wait for the next turn */
    bool more = last != NULL;
    while (more && server->ready) {
        struct http_connection *connection = server->ready;
        more = connection != last;
        server->ready = connection->next_ready;
        if (!server->ready)
            server->ready_tail = &server->ready;
        connection->ready = false;
        http_connection_resume(connection);
    }
    if (!server->ready)
        (void)uv_idle_stop(&server->again);
}

void http_server_ready(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    if (connection->ready)
        return;
    connection->ready = true;
    connection->next_ready = NULL;
    *server->ready_tail = connection;
    server->ready_tail = &connection->next_ready;
    (void)uv_idle_start(&server->again, on_again);
}

static void forget_ready(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_connection **link = &server->ready;
    while (*link && *link != connection)
        link = &(*link)->next_ready;
    if (!*link)
        return;
    *link = connection->next_ready;
    if (!connection->next_ready)
        server->ready_tail = link;
    connection->ready = false;
}

/* --- the end --- */

static void on_server_handle_closed(uv_handle_t *handle)
{
    http_server_handle_closed(handle->data);
}

void http_server_handle_closed(struct http_server *server)
{
    server->handle_count--;
    if (server->handle_count > 0)
        return;
    void (*closed)(void *) = server->closed;
    void *data = server->closed_data;
    struct http_exchange *next = NULL;
    for (struct http_exchange *each = server->free_exchanges; each; each = next) {
        next = each->next_free;
        free(each->body);
        free(each);
    }
    if (server->reserve_fd >= 0)
        (void)close(server->reserve_fd);
    free(server);
    if (closed)
        closed(data);
}

static void close_own_handles(struct http_server *server)
{
    if (uv_is_closing((uv_handle_t *)&server->deadlines))
        return;
    uv_close((uv_handle_t *)&server->deadlines, on_server_handle_closed);
    uv_close((uv_handle_t *)&server->again, on_server_handle_closed);
}

void http_server_connection_closed(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    if (connection->ready)
        forget_ready(connection);
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        server->connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    if (connection->counted)
        server->client_count--;
    else
        server->lingerer_count--;
    if (server->closing && !server->connections)
        close_own_handles(server);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct http_socket_listener *socket = handle->data;
    struct http_server *server = socket->listener.server;
    sockets_close(socket->fd);
    free(socket);
    http_server_listener_closed(server);
}

static void close_socket_listener(struct http_listener *listener)
{
    struct http_socket_listener *socket = (struct http_socket_listener *)listener;
    uv_close((uv_handle_t *)&socket->poll, on_listener_closed);
}

void http_server_listener_closed(struct http_server *server)
{
    http_server_handle_closed(server);
}

void http_server_close(struct http_server *server, unsigned grace_ms, void (*closed)(void *data), void *data)
{
    assert(!server->closing);
    server->closing = true;
    server->closed = closed;
    server->closed_data = data;
    server->accept_again_ms = HTTP_NEVER;
    uv_update_time(server->loop);
    server->close_by_ms = uv_now(server->loop) + grace_ms;

    struct http_listener *next_listener = NULL;
    for (struct http_listener *each = server->listeners; each; each = next_listener) {
        next_listener = each->next;
        each->close(each);
    }
    server->listeners = NULL;
    server->sockets = NULL;

    struct http_connection *next = NULL;
    for (struct http_connection *each = server->connections; each; each = next) {
        next = each->next;
        if (grace_ms == 0)
            http_connection_close(each);
        else
            http_connection_wind_up(each);
    }
    if (server->connections)
        http_server_deadline(server, server->close_by_ms);
    else
        close_own_handles(server);
}

/* --- accepting --- */

/* Says 503 to one who gets no connection: best effort, the answer fits any socket buffer. */
static void refuse_fd(struct http_server *server, int fd)
{
    char text[HTTP_REPLY_HEAD_BYTES];
    size_t bytes = http_refusal(server, 503, "too many clients", text, sizeof text);
    sockets_say(fd, text, bytes);
    sockets_close(fd);
}

/* Out of files: the reserve is given up to take the newcomer off the queue and refuse him, or he would wake
 * us for ever. */
static bool accept_with_reserve(struct http_server *server, int listening_fd)
{
    if (server->reserve_fd < 0)
        return false;
    (void)close(server->reserve_fd);
    struct sockaddr_storage address;
    int fd, error = sockets_accept(listening_fd, &address, &fd);
    if (error == 0)
        refuse_fd(server, fd);
    server->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return error == 0;
}

static void peer_text(const struct sockaddr_storage *address, char ret[HTTP_PEER_BYTES])
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    const char *text = NULL;
    if (address->ss_family == AF_INET)
        text = inet_ntop(AF_INET, &v4->sin_addr, ret, HTTP_PEER_BYTES);
    else if (address->ss_family == AF_INET6)
        text = inet_ntop(AF_INET6, &v6->sin6_addr, ret, HTTP_PEER_BYTES);
    if (!text)
        memcpy(ret, "unix", sizeof "unix");
}

static void welcome(struct http_socket_listener *socket, int fd, const struct sockaddr_storage *address)
{
    struct http_server *server = socket->listener.server;
    char peer[HTTP_PEER_BYTES];
    peer_text(address, peer);
    bool counted = server->client_count < server->limits.clients_max;
    if (!counted && server->lingerer_count >= HTTP_LINGERERS_MAX)
        refuse_fd(server, fd);
    else
        (void)http_connection_open(server, fd, socket->tcp, counted, peer, socket->listener.data);
}

void http_server_welcome_pipe(struct http_listener *listener, int fd)
{
    struct http_server *server = listener->server;
    bool counted = server->client_count < server->limits.clients_max;
    if (!counted && server->lingerer_count >= HTTP_LINGERERS_MAX)
        (void)close(fd);
    else
        (void)http_connection_open(server, fd, false, counted, "unix", listener->data);
}

static void pause_accepting(struct http_server *server)
{
    for (struct http_socket_listener *each = server->sockets; each; each = each->next)
        (void)uv_poll_stop(&each->poll);
    server->accept_again_ms = uv_now(server->loop) + HTTP_ACCEPT_PAUSE_MS;
    http_server_deadline(server, server->accept_again_ms);
}

static void on_newcomer(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct http_socket_listener *socket = poll->data;
    struct http_server *server = socket->listener.server;
    if (status < 0) {
        pause_accepting(server);
        return;
    }
    for (unsigned count = 0; count < HTTP_ACCEPTS_PER_WAKE && !server->closing; count++) {
        struct sockaddr_storage address;
        int fd, error = sockets_accept(socket->fd, &address, &fd);
        if (error == 0) {
            welcome(socket, fd, &address);
        } else if (error == UV_EAGAIN) {
            return;
        } else if (error == UV_EMFILE || error == UV_ENFILE) {
            if (!accept_with_reserve(server, socket->fd)) {
                pause_accepting(server);
                return;
            }
        } else if (error == UV_ENOMEM || error == UV_ENOBUFS || error == UV_EBADF || error == UV_EINVAL) {
            pause_accepting(server);
            return;
        } /* else the newcomer's own trouble, such as ECONNABORTED */
    }
}

/* Starts accepting again when its pause is over; when the next pause ends. */
static uint64_t listeners_rest(struct http_server *server, uint64_t now_ms)
{
    if (now_ms < server->accept_again_ms)
        return server->accept_again_ms;
    server->accept_again_ms = HTTP_NEVER;
    for (struct http_socket_listener *each = server->sockets; each; each = each->next)
        (void)uv_poll_start(&each->poll, UV_READABLE, on_newcomer);
    return HTTP_NEVER;
}

void http_server_add_listener(struct http_server *server, struct http_listener *listener)
{
    server->handle_count++;
    listener->server = server;
    listener->next = server->listeners;
    server->listeners = listener;
}

static int listen_to(struct http_server *server, int fd, void *listener_data)
{
    int family, error = sockets_family(fd, &family);
    if (error < 0)
        return error;
    struct http_socket_listener *socket = calloc(1, sizeof *socket);
    if (!socket)
        return ERROR_NO_MEMORY;
    error = uv_poll_init_socket(server->loop, &socket->poll, (uv_os_sock_t)fd);
    if (error < 0) {
        free(socket);
        return error;
    }
    socket->listener = (struct http_listener){.close = close_socket_listener, .data = listener_data};
    socket->fd = fd;
    socket->tcp = family != AF_UNIX;
    socket->poll.data = socket;
    http_server_add_listener(server, &socket->listener);
    socket->next = server->sockets;
    server->sockets = socket;
    (void)uv_poll_start(&socket->poll, UV_READABLE, on_newcomer); /* fails for what is being closed */
    return 0;
}

int http_server_listen(struct http_server *server, int fd, void *listener_data)
{
    int error = listen_to(server, fd, listener_data);
    if (error)
        sockets_close(fd);
    return error;
}

/* --- the beginning --- */

static struct http_limits limits_with_defaults(const struct http_limits *limits)
{
    struct http_limits all = limits ? *limits : (struct http_limits){0};
    if (!all.header_bytes_max)
        all.header_bytes_max = HTTP_HEADER_BYTES_MAX;
    if (!all.body_bytes_max)
        all.body_bytes_max = HTTP_BODY_BYTES_MAX;
    if (!all.line_bytes_max)
        all.line_bytes_max = HTTP_LINE_BYTES_MAX;
    if (!all.stream_bytes_max)
        all.stream_bytes_max = HTTP_STREAM_BYTES_MAX;
    if (!all.clients_max)
        all.clients_max = HTTP_CLIENTS_MAX;
    if (!all.idle_ms)
        all.idle_ms = HTTP_IDLE_MS;
    if (!all.pace_bytes)
        all.pace_bytes = HTTP_PACE_BYTES;
    if (!all.request_ms)
        all.request_ms = HTTP_REQUEST_MS;
    return all;
}

struct http_server *http_server_create(uv_loop_t *loop, const struct http_handlers *handlers,
                                       const struct http_limits *limits)
{
    struct http_server *server = malloc(sizeof *server);
    if (!server)
        return NULL;
    /* all but the two buffers, which stay untouched pages until they are used */
    memset(server, 0, offsetof(struct http_server, cork));
    server->loop = loop;
    server->handlers = *handlers;
    server->limits = limits_with_defaults(limits);
    server->ready_tail = &server->ready;
    server->deadlines_at_ms = HTTP_NEVER;
    server->accept_again_ms = HTTP_NEVER;
    server->date_s = -1;
    server->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    http_connection_callbacks(&server->parser_settings);
    (void)uv_timer_init(loop, &server->deadlines);
    (void)uv_idle_init(loop, &server->again);
    server->deadlines.data = server;
    server->again.data = server;
    server->handle_count = 2;
    (void)signal(SIGPIPE, SIG_IGN); /* libuv writes without MSG_NOSIGNAL */
    return server;
}

unsigned http_server_clients(const struct http_server *server)
{
    return server->client_count;
}
