/* Bytes of a client into the HTTP server, over a socketpair, in pieces of every size, with handlers that
 * answer at once, later, early, as a stream and line by line. What must hold for any bytes: everything is
 * closed and freed at the end, every answer is one that an HTTP parser takes, and the loop comes to rest. */
#include "common/http_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURNS_MAX 2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    uv_loop_t loop;
    struct http_server *server;
    struct http_exchange *held, *paused;
    struct http_stream *stream;
    struct http_body_lines lines;
    llhttp_t answers;
    llhttp_settings_t settings;
    bool heads; /* an answer to HEAD has a length and no body: it cannot be parsed without its request */
    bool closed;
};

static void answer(struct http_exchange *exchange, int status)
{
    http_respond(exchange,
                 &(struct http_reply){
                     .status = status, .content_type = "text/plain", .body = "hello", .body_bytes = 5});
}

static void on_gone(void *data)
{
    ((struct world *)data)->stream = NULL;
}

static void look_at(const struct http_exchange *exchange, const struct http_request *request)
{
    char value[32];
    struct http_text text;
    (void)http_query(request, "user", value, sizeof value);
    if (http_header(exchange, "x-test", &text) && text.bytes > 0 && memchr(text.text, '\n', text.bytes))
        abort();
    if (request->path[0] != '/')
        abort();
    if (request->body.bytes > exchange->connection->server->limits.body_bytes_max)
        abort();
}

static void on_request(void *data, struct http_exchange *exchange, const struct http_request *request)
{
    struct world *world = data;
    look_at(exchange, request);
    switch (request->path[1]) {
    case 'h':
        world->held = exchange;
        break;
    case 's':
        world->stream = http_stream_begin(exchange, "text/event-stream", on_gone, world);
        if (world->stream && http_stream_write(world->stream, "data: x\n\n", 9) == 0 &&
            request->path[2] == 'e')
            http_stream_end(world->stream);
        break;
    case 'p':
        http_problem(exchange, 403, "a\"b", request->path, request->query);
        break;
    case 'n':
        http_respond(exchange, &(struct http_reply){.status = 204});
        break;
    default:
        answer(exchange, 200);
    }
}

static void on_line(void *data, struct http_exchange *exchange, const char *line, size_t bytes)
{
    struct world *world = data;
    if (bytes > exchange->connection->server->limits.line_bytes_max || memchr(line, '\n', bytes))
        abort();
    if (bytes == 1 && line[0] == '!') {
        world->paused = NULL;
        answer(exchange, 409);
    } else if (bytes == 1 && line[0] == 'p') {
        http_lines_pause(exchange);
        world->paused = exchange;
    }
}

static void on_lines_end(void *data, struct http_exchange *exchange)
{
    struct world *world = data;
    world->paused = NULL;
    world->held = exchange;
}

static void on_line_too_long(void *data, struct http_exchange *exchange)
{
    struct world *world = data;
    world->paused = NULL;
    world->held = exchange;
}

static void on_lines_gone(void *data)
{
    ((struct world *)data)->paused = NULL;
}

static const struct http_body_lines *on_head(void *data, struct http_exchange *exchange,
                                             const struct http_request *request)
{
    struct world *world = data;
    look_at(exchange, request);
    world->heads = world->heads || strcmp(request->method, "HEAD") == 0;
    if (request->path[1] == 'd')
        answer(exchange, 401);
    return request->path[1] == 'l' ? &world->lines : NULL;
}

static void on_closed(void *data)
{
    ((struct world *)data)->closed = true;
}

/* What the server says is read, so that it can go on, and checked. */
static bool hear(struct world *world, int fd)
{
    char bytes[4096];
    bool heard = false;
    ssize_t count = 0;
    while ((count = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        heard = true;
        if (!world->heads && llhttp_execute(&world->answers, bytes, (size_t)count) != HPE_OK)
            abort();
    }
    return heard;
}

static bool turn(struct world *world, int fd)
{
    uv_run(&world->loop, UV_RUN_NOWAIT);
    bool moved = hear(world, fd);
    if (world->held) {
        struct http_exchange *held = world->held;
        world->held = NULL;
        answer(held, 200);
        moved = true;
    }
    if (world->paused) {
        struct http_exchange *paused = world->paused;
        world->paused = NULL;
        http_lines_resume(paused);
        moved = true;
    }
    return moved;
}

static void send_pieces(struct world *world, int fd, const uint8_t *data, size_t size, uint8_t way)
{
    size_t piece = way & 1 ? size : 1 + (size_t)(way >> 4);
    for (unsigned turns = 0; size > 0 && turns < TURNS_MAX; turns++) {
        size_t want = piece < size ? piece : size;
        ssize_t count = send(fd, data, want, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count > 0) {
            data += count;
            size -= (size_t)count;
        } else if (errno != EAGAIN) {
            break;
        }
        (void)turn(world, fd);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world world = {.lines = {on_line, on_lines_end, on_line_too_long, on_lines_gone, &world}};
    struct http_handlers handlers = {on_head, on_request, &world};
    struct http_limits limits = {.header_bytes_max = 512, .body_bytes_max = 256, .line_bytes_max = 32};
    int ends[2];
    if (size < 1 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) ||
        uv_loop_init(&world.loop))
        return 0;
    uint8_t way = data[0];
    llhttp_settings_init(&world.settings);
    llhttp_init(&world.answers, HTTP_RESPONSE, &world.settings);
    world.server = http_server_create(&world.loop, &handlers, &limits);
    if (!world.server || http_connection_open(world.server, ends[0], false, true, "unix", NULL))
        abort();

    send_pieces(&world, ends[1], data + 1, size - 1, way);
    if (way & 2)
        (void)shutdown(ends[1], SHUT_WR);
    unsigned turns = 0;
    while (turn(&world, ends[1]) && turns < TURNS_MAX)
        turns++;
    if (turns == TURNS_MAX)
        abort();
    if (way & 4)
        (void)close(ends[1]);
    http_server_close(world.server, way & 8 ? 1 : 0, on_closed, &world);
    if (world.held)
        answer(world.held, 200);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    if (!(way & 4)) {
        (void)hear(&world, ends[1]);
        (void)close(ends[1]);
    }
    if (!world.closed || uv_loop_close(&world.loop))
        abort();
    return 0;
}
