#include "http_internal.h"

#include "error.h"
#include "platform/sockets.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a write has sent shows only when all of it has, on Windows: a slow reader would look like one that has
 * stalled. */
#define PIECE_BYTES 65536

/* Bytes that wait, in pieces; the requests stand before the bytes. */
struct http_write {
    unsigned open; /* pieces that are not written yet */
    uv_write_t pieces[];
};

void http_connection_deadline(struct http_connection *connection, uint64_t in_ms)
{
    connection->unsent_at_deadline = http_connection_unsent(connection);
    if (in_ms == HTTP_NEVER) {
        connection->deadline_ms = HTTP_NEVER;
        return;
    }
    connection->deadline_ms = uv_now(connection->server->loop) + in_ms;
    http_server_deadline(connection->server, connection->deadline_ms);
}

/* --- the end of a connection --- */

static void on_closed(uv_handle_t *handle)
{
    struct http_connection *connection = handle->data;
    struct http_server *server = connection->server;
    free(connection->pending);
    free(connection);
    http_server_handle_closed(server);
}

void http_connection_lose_exchange(struct http_connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    if (!exchange)
        return;
    connection->exchange = NULL;
    if (exchange->handed) {
        http_exchange_orphan(exchange);
        return;
    }
    const struct http_body_lines *lines = exchange->lines;
    http_exchange_end(exchange);
    if (lines)
        lines->on_gone(lines->data);
}

void http_connection_close(struct http_connection *connection)
{
    if (connection->phase == HTTP_PHASE_CLOSED)
        return;
    connection->phase = HTTP_PHASE_CLOSED;
    connection->deadline_ms = HTTP_NEVER;
    if (connection->server->corked == connection)
        connection->server->cork_bytes = 0;
    http_server_connection_closed(connection);
    uv_close(&connection->uv.handle, on_closed);
    http_connection_lose_exchange(connection);
    http_stream_gone(connection);
}

static void on_shut(uv_shutdown_t *request, int status)
{
    (void)request;
    (void)status; /* the deadline or the client's end closes */
}

/* With the client's bytes unread, close() would make the system reset the connection and may destroy our last
 * answer on its way: so our side is shut, and the rest is read and dropped for a while. */
void http_connection_finish(struct http_connection *connection)
{
    if (connection->phase == HTTP_PHASE_CLOSED)
        return;
    connection->phase = HTTP_PHASE_LAST;
    if (http_connection_unsent(connection) > 0) {
        http_connection_deadline(connection, connection->server->limits.idle_ms);
        return;
    }
    if (!connection->input_unread || connection->input_ended) {
        http_connection_close(connection);
        return;
    }
    if (connection->shut)
        return;
    connection->shut = true;
    if (uv_shutdown(&connection->shutdown, &connection->uv.stream, on_shut) < 0)
        http_connection_close(connection);
    else
        http_connection_deadline(connection, HTTP_LINGER_MS);
}

/* --- bytes out --- */

size_t http_connection_unsent(const struct http_connection *connection)
{
    size_t corked = connection->server->corked == connection ? connection->server->cork_bytes : 0;
    return corked + uv_stream_get_write_queue_size(&connection->uv.stream);
}

static void go_on(struct http_connection *connection);

static void on_written(uv_write_t *request, int status)
{
    struct http_connection *connection = request->handle->data;
    struct http_write *write = request->data;
    if (--write->open == 0)
        free(write);
    if (connection->phase == HTTP_PHASE_CLOSED)
        return;
    if (status < 0) {
        http_connection_close(connection);
        return;
    }
    if (http_connection_unsent(connection) > 0)
        return;
    if (connection->phase == HTTP_PHASE_LAST) {
        http_connection_finish(connection);
        return;
    }
    if (connection->out.sent) {
        http_connection_deadline(connection, HTTP_NEVER);
        http_stream_sent(connection);
        return;
    }
    bool waits_for_us = connection->phase == HTTP_PHASE_HANDLER || connection->phase == HTTP_PHASE_STREAM;
    http_connection_deadline(connection, waits_for_us ? HTTP_NEVER : connection->server->limits.idle_ms);
    go_on(connection);
}

/* Takes the write over. */
static int write_pieces(struct http_connection *connection, struct http_write *write, char *bytes,
                        size_t count)
{
    int error = 0;
    write->open = 0;
    for (size_t at = 0; at < count && error == 0; at += PIECE_BYTES) {
        size_t length = count - at < PIECE_BYTES ? count - at : PIECE_BYTES;
        uv_buf_t buffer = uv_buf_init(bytes + at, (unsigned)length);
        uv_write_t *piece = &write->pieces[at / PIECE_BYTES];
        piece->data = write;
        error = uv_write(piece, &connection->uv.stream, &buffer, 1, on_written);
        write->open += error == 0;
    }
    if (write->open == 0)
        free(write);
    return error;
}

/* Queues what try_write left; `skip` bytes of the parts are sent. */
static int queue_rest(struct http_connection *connection, const uv_buf_t *parts, unsigned count, size_t skip)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < count; i++)
        bytes += parts[i].len;
    bytes -= skip;
    size_t pieces = (bytes + PIECE_BYTES - 1) / PIECE_BYTES, used = 0;
    struct http_write *rest = malloc(sizeof *rest + pieces * sizeof(uv_write_t) + bytes);
    if (!rest)
        return ERROR_NO_MEMORY;
    char *waiting = (char *)&rest->pieces[pieces];
    for (unsigned i = 0; i < count; i++) {
        size_t skipped = skip < parts[i].len ? skip : parts[i].len;
        skip -= skipped;
        if (parts[i].len > skipped)
            memcpy(waiting + used, parts[i].base + skipped, parts[i].len - skipped);
        used += parts[i].len - skipped;
    }
    return write_pieces(connection, rest, waiting, used);
}

static void write_now(struct http_connection *connection, const uv_buf_t *parts, unsigned count)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < count; i++)
        bytes += parts[i].len;
    if (bytes == 0)
        return;
    int sent = 0;
    if (uv_stream_get_write_queue_size(&connection->uv.stream) == 0) {
        sent = uv_try_write(&connection->uv.stream, parts, count);
        if (sent == UV_EAGAIN)
            sent = 0;
    }
    if (sent < 0) {
        http_connection_close(connection);
        return;
    }
    if ((size_t)sent == bytes)
        return;
    if (queue_rest(connection, parts, count, (size_t)sent) < 0) {
        http_connection_close(connection);
        return;
    }
    http_connection_deadline(connection, connection->server->limits.idle_ms);
}

static void flush_cork(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    uv_buf_t gathered = uv_buf_init(server->cork, (unsigned)server->cork_bytes);
    server->cork_bytes = 0;
    write_now(connection, &gathered, 1);
}

void http_connection_write(struct http_connection *connection, const uv_buf_t *parts, unsigned count)
{
    struct http_server *server = connection->server;
    if (connection->phase == HTTP_PHASE_CLOSED)
        return;
    if (server->corked != connection) {
        write_now(connection, parts, count);
        return;
    }
    size_t bytes = 0;
    for (unsigned i = 0; i < count; i++)
        bytes += parts[i].len;
    if (bytes > sizeof server->cork - server->cork_bytes)
        flush_cork(connection);
    if (connection->phase == HTTP_PHASE_CLOSED)
        return;
    if (bytes > sizeof server->cork) {
        write_now(connection, parts, count);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        memcpy(server->cork + server->cork_bytes, parts[i].base, parts[i].len);
        server->cork_bytes += parts[i].len;
    }
}

void http_connection_answered(struct http_connection *connection, bool last)
{
    connection->exchange = NULL;
    bool early = !connection->complete;
    if (connection->phase == HTTP_PHASE_CLOSED)
        return;
    if (last) {
        connection->input_unread = connection->input_unread || early;
        http_connection_finish(connection);
        return;
    }
    http_connection_deadline(connection, connection->server->limits.idle_ms);
    if (early) {
        connection->body_left = connection->server->limits.body_bytes_max;
        connection->body_paused = false;
    } else {
        connection->phase = HTTP_PHASE_IDLE;
    }
    if (!connection->in_input)
        go_on(connection);
}

/* --- the parser's callbacks --- */

static int refuse_later(struct http_connection *connection, int status, const char *detail)
{
    connection->refusal = status;
    connection->refusal_detail = detail;
    return -1;
}

static int check_added(struct http_connection *connection, int error)
{
    if (error == ERROR_TOO_LARGE)
        return refuse_later(connection, 431, "too many headers");
    if (error == ERROR_INVALID)
        return refuse_later(connection, 400, "a header's name holds a space");
    if (error)
        return refuse_later(connection, 503, "out of memory");
    return 0;
}

static int on_message_begin(llhttp_t *parser)
{
    struct http_connection *connection = parser->data;
    connection->phase = HTTP_PHASE_HEAD;
    connection->complete = false;
    connection->exchange = http_exchange_begin(connection);
    return check_added(connection, connection->exchange ? 0 : ERROR_NO_MEMORY);
}

static int on_url(llhttp_t *parser, const char *at, size_t bytes)
{
    struct http_connection *connection = parser->data;
    return check_added(connection, http_exchange_add_target(connection->exchange, at, bytes));
}

static int on_header_field(llhttp_t *parser, const char *at, size_t bytes)
{
    struct http_connection *connection = parser->data;
    if (connection->phase != HTTP_PHASE_HEAD)
        return 0; /* a trailer */
    return check_added(connection, http_exchange_add_name(connection->exchange, at, bytes));
}

static int on_header_value(llhttp_t *parser, const char *at, size_t bytes)
{
    struct http_connection *connection = parser->data;
    if (connection->phase != HTTP_PHASE_HEAD)
        return 0;
    return check_added(connection, http_exchange_add_value(connection->exchange, at, bytes));
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct http_connection *connection = parser->data;
    if (connection->phase == HTTP_PHASE_HEAD)
        http_exchange_end_value(connection->exchange);
    return 0;
}

static bool has_body(const llhttp_t *parser)
{
    return (parser->flags & F_CHUNKED) || parser->content_length > 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct http_connection *connection = parser->data;
    connection->phase = HTTP_PHASE_BODY;
    connection->body_moved = connection->server->limits.pace_bytes; /* its time begins */
    parser->upgrade = 0;                                            /* never done: what follows is HTTP/1 */
    return has_body(parser) ? HPE_PAUSED : 0;
}

static int take_lines(struct http_connection *connection, const char *at, size_t bytes);

static int on_body(llhttp_t *parser, const char *at, size_t bytes)
{
    struct http_connection *connection = parser->data;
    struct http_exchange *exchange = connection->exchange;
    if (connection->phase != HTTP_PHASE_BODY)
        return -1;
    connection->body_moved += bytes;
    if (exchange && exchange->lines && !exchange->lines_dropped)
        return take_lines(connection, at, bytes);
    if (exchange && !exchange->lines) {
        int error = http_exchange_add_body(exchange, at, bytes, connection->server->limits.body_bytes_max);
        if (error == ERROR_TOO_LARGE)
            return refuse_later(connection, 413, "the body is too large");
        return check_added(connection, error);
    }
    if (bytes <= connection->body_left) {
        connection->body_left -= bytes;
        return 0;
    }
    if (!exchange)
        return -1;
    connection->body_paused = true; /* enough dropped until the handler answers */
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct http_connection *connection = parser->data;
    connection->complete = true;
    return HPE_PAUSED;
}

void http_connection_callbacks(llhttp_settings_t *ret)
{
    llhttp_settings_init(ret);
    ret->on_message_begin = on_message_begin;
    ret->on_url = on_url;
    ret->on_header_field = on_header_field;
    ret->on_header_value = on_header_value;
    ret->on_header_value_complete = on_header_value_complete;
    ret->on_headers_complete = on_headers_complete;
    ret->on_body = on_body;
    ret->on_message_complete = on_message_complete;
}

/* --- a body as lines --- */

static void give_line(struct http_exchange *exchange, const char *line, size_t bytes)
{
    if (bytes > 0 && line[bytes - 1] == '\r')
        bytes--;
    exchange->lines->on_line(exchange->lines->data, exchange, line, bytes);
}

static void line_too_long(struct http_connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    exchange->lines_dropped = true;
    exchange->handed = true;
    connection->body_left = connection->server->limits.body_bytes_max;
    exchange->lines->on_too_long(exchange->lines->data, exchange);
}

/* One line ends at `end`, or begins and does not end. False when the exchange is done with lines. */
static bool take_line(struct http_connection *connection, const char *at, size_t bytes, bool ends)
{
    struct http_exchange *exchange = connection->exchange;
    size_t bytes_max = connection->server->limits.line_bytes_max;
    if (bytes > bytes_max - exchange->body_bytes) {
        line_too_long(connection);
        return false;
    }
    if (ends && exchange->body_bytes == 0) {
        give_line(exchange, at, bytes);
    } else {
        if (http_exchange_add_body(exchange, at, bytes, bytes_max)) {
            refuse_later(connection, 503, "out of memory");
            return false;
        }
        if (!ends)
            return true;
        size_t line_bytes = exchange->body_bytes;
        exchange->body_bytes = 0;
        give_line(exchange, exchange->body, line_bytes);
    }
    return connection->exchange == exchange;
}

static int take_lines(struct http_connection *connection, const char *at, size_t bytes)
{
    const char *end = at + bytes;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        if (!take_line(connection, at, (size_t)(stop - at), newline != NULL))
            break;
        at = newline ? newline + 1 : end;
    }
    return connection->refusal || connection->phase != HTTP_PHASE_BODY ? -1 : 0;
}

static void end_lines(struct http_connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    if (exchange->lines_dropped)
        return; /* the answer is still owed */
    if (exchange->body_bytes > 0) {
        give_line(exchange, exchange->body, exchange->body_bytes);
        if (connection->exchange != exchange)
            return;
    }
    exchange->handed = true;
    exchange->lines->on_end(exchange->lines->data, exchange);
}

/* --- bytes in --- */

/* The head is judged and shown to the handler. True: the exchange goes on. */
static bool show_head(struct http_connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    const char *detail = NULL;
    int status = http_exchange_check_head(exchange, &connection->parser, &detail);
    if (status) {
        http_refuse(connection, status, detail);
        return false;
    }
    const struct http_handlers *handlers = &connection->server->handlers;
    if (!handlers->on_head)
        return true;
    const struct http_body_lines *lines = handlers->on_head(handlers->data, exchange, &exchange->request);
    if (connection->exchange != exchange)
        return false;
    exchange->lines = lines;
    return true;
}

static void head_before_body(struct http_connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    if (!show_head(connection))
        return;
    const llhttp_t *parser = &connection->parser;
    if (!exchange->lines && (parser->flags & F_CONTENT_LENGTH) &&
        parser->content_length > connection->server->limits.body_bytes_max) {
        http_refuse(connection, 413, "the body is too large");
        return;
    }
    if (exchange->expects) {
        static char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
        uv_buf_t line = uv_buf_init(text, sizeof text - 1);
        http_connection_write(connection, &line, 1);
        exchange->expects = false;
    }
}

static void request_complete(struct http_connection *connection, bool head_shown)
{
    struct http_exchange *exchange = connection->exchange;
    connection->head_bytes = 0;
    connection->head_timed = false;
    if (!exchange) { /* answered before its body's end */
        connection->phase = HTTP_PHASE_IDLE;
        http_connection_deadline(connection, connection->server->limits.idle_ms);
        return;
    }
    connection->phase = HTTP_PHASE_HANDLER;
    if (!head_shown && !show_head(connection))
        return;
    if (exchange->lines) {
        end_lines(connection);
        return;
    }
    exchange->handed = true;
    exchange->request.body = (struct http_text){exchange->body ? exchange->body : "", exchange->body_bytes};
    connection->server->handlers.on_request(connection->server->handlers.data, exchange, &exchange->request);
}

static void parse_failed(struct http_connection *connection, llhttp_errno_t error)
{
    if (connection->phase == HTTP_PHASE_CLOSED || connection->phase == HTTP_PHASE_LAST)
        return;
    connection->input_unread = true;
    if (connection->phase == HTTP_PHASE_BODY && !connection->exchange)
        http_connection_finish(connection); /* answered already */
    else if (connection->refusal)
        http_refuse(connection, connection->refusal, connection->refusal_detail);
    else if (error == HPE_INVALID_VERSION || error == HPE_PAUSED_H2_UPGRADE)
        http_refuse(connection, 505, "only HTTP/1.0 and HTTP/1.1 are spoken");
    else
        http_refuse(connection, 400, llhttp_get_error_reason(&connection->parser));
}

/* Feeds the parser up to the next place where something is to be decided. Returns how much it took. */
static size_t feed(struct http_connection *connection, const char *at, size_t bytes)
{
    bool in_head = connection->phase != HTTP_PHASE_BODY;
    size_t head_left = connection->server->limits.header_bytes_max - connection->head_bytes;
    if (in_head && bytes > head_left)
        bytes = head_left;
    llhttp_errno_t error = llhttp_execute(&connection->parser, at, bytes);
    if (error == HPE_PAUSED) {
        bytes = (size_t)(llhttp_get_error_pos(&connection->parser) - at);
        llhttp_resume(&connection->parser);
        if (connection->complete)
            request_complete(connection, !in_head);
        else
            head_before_body(connection);
    } else if (error != HPE_OK) {
        parse_failed(connection, error);
    } else if (in_head) {
        connection->head_bytes += bytes;
        if (connection->head_bytes >= connection->server->limits.header_bytes_max) {
            bool in_target = !connection->exchange || connection->exchange->header_count == 0;
            connection->input_unread = true;
            http_refuse(connection, in_target ? 414 : 431, "the request's head is too large");
        }
    }
    return bytes;
}

static bool takes_input(const struct http_connection *connection)
{
    bool parses = connection->phase == HTTP_PHASE_IDLE || connection->phase == HTTP_PHASE_HEAD ||
                  connection->phase == HTTP_PHASE_BODY;
    return parses && !connection->body_paused && uv_stream_get_write_queue_size(&connection->uv.stream) == 0;
}

/* The client ended its side. One that only shut its half still gets every answer. */
static void input_end(struct http_connection *connection)
{
    switch (connection->phase) {
    case HTTP_PHASE_IDLE:
    case HTTP_PHASE_LAST:
        http_connection_finish(connection);
        break;
    case HTTP_PHASE_HEAD:
    case HTTP_PHASE_BODY:
        if (connection->exchange)
            http_refuse(connection, 400, "the request ends early");
        else
            http_connection_finish(connection);
        break;
    case HTTP_PHASE_STREAM:
        http_connection_close(connection);
        break;
    case HTTP_PHASE_HANDLER:
    case HTTP_PHASE_CLOSED:
        break;
    }
}

static void keep_pending(struct http_connection *connection, const char *at, size_t bytes)
{
    char *kept = realloc(connection->pending, connection->pending_bytes + bytes);
    if (!kept) {
        http_connection_close(connection);
        return;
    }
    memcpy(kept + connection->pending_bytes, at, bytes);
    connection->pending = kept;
    connection->pending_bytes += bytes;
}

static void set_deadline_of_phase(struct http_connection *connection)
{
    if (http_connection_unsent(connection) > 0)
        return;
    if (connection->phase == HTTP_PHASE_HEAD && !connection->head_timed) {
        connection->head_timed = true;
        http_connection_deadline(connection, connection->server->limits.request_ms);
    } else if (connection->phase == HTTP_PHASE_BODY &&
               connection->body_moved >= connection->server->limits.pace_bytes) {
        connection->body_moved = 0;
        http_connection_deadline(connection, connection->server->limits.idle_ms);
    } else if (connection->phase == HTTP_PHASE_HANDLER || connection->phase == HTTP_PHASE_STREAM) {
        http_connection_deadline(connection, HTTP_NEVER);
    }
}

/* Takes what may be taken now and keeps the rest; answers made meanwhile leave in one write. */
static void take_input(struct http_connection *connection, const char *at, size_t bytes)
{
    struct http_server *server = connection->server;
    server->corked = connection;
    connection->in_input = true;
    while (bytes > 0 && takes_input(connection)) {
        size_t used = feed(connection, at, bytes);
        at += used;
        bytes -= used;
    }
    connection->in_input = false;
    flush_cork(connection);
    server->corked = NULL;

    switch (connection->phase) {
    case HTTP_PHASE_CLOSED:
        return;
    case HTTP_PHASE_LAST:
        connection->input_unread = connection->input_unread || bytes > 0;
        http_connection_finish(connection);
        return;
    case HTTP_PHASE_STREAM:
        break;
    default:
        if (bytes > 0)
            keep_pending(connection, at, bytes);
    }
    set_deadline_of_phase(connection);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    (void)suggested;
    struct http_connection *connection = handle->data;
    *ret = uv_buf_init(connection->server->read, sizeof connection->server->read);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer);

/* Reads on unless there is input that waits or answers that the client does not take: then it must wait too.
 */
static void update_reading(struct http_connection *connection)
{
    if (connection->phase == HTTP_PHASE_CLOSED || connection->input_ended)
        return;
    bool drops = connection->phase == HTTP_PHASE_STREAM || connection->phase == HTTP_PHASE_LAST;
    bool want = drops || (connection->pending_bytes == 0 && !connection->body_paused &&
                          uv_stream_get_write_queue_size(&connection->uv.stream) == 0);
    if (want == connection->reading)
        return;
    connection->reading = want;
    if (!want)
        (void)uv_read_stop(&connection->uv.stream);
    else if (uv_read_start(&connection->uv.stream, on_alloc, on_read) < 0)
        http_connection_close(connection);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct http_connection *connection = stream->data;
    if (count == 0)
        return;
    if (count == UV_EOF) {
        connection->reading = false;
        connection->input_ended = true;
        if (connection->pending_bytes == 0)
            input_end(connection);
        return;
    }
    if (count < 0) {
        http_connection_close(connection);
        return;
    }
    if (connection->phase == HTTP_PHASE_HANDLER)
        keep_pending(connection, buffer->base, (size_t)count);
    else if (connection->phase != HTTP_PHASE_STREAM && connection->phase != HTTP_PHASE_LAST)
        take_input(connection, buffer->base, (size_t)count);
    update_reading(connection);
}

void http_connection_resume(struct http_connection *connection)
{
    if (connection->phase == HTTP_PHASE_CLOSED)
        return;
    if (connection->out.sent && http_connection_unsent(connection) == 0)
        http_stream_sent(connection);
    if (connection->pending_bytes > 0 && takes_input(connection)) {
        char *waited = connection->pending;
        size_t bytes = connection->pending_bytes;
        connection->pending = NULL;
        connection->pending_bytes = 0;
        take_input(connection, waited, bytes);
        free(waited);
    }
    if (connection->input_ended && connection->pending_bytes == 0)
        input_end(connection);
    update_reading(connection);
}

/* Something that held the input back is over. */
static void go_on(struct http_connection *connection)
{
    if (connection->pending_bytes > 0 || connection->input_ended)
        http_server_ready(connection);
    else
        update_reading(connection);
}

void http_lines_pause(struct http_exchange *exchange)
{
    if (exchange->connection && !exchange->handed)
        exchange->connection->body_paused = true;
}

void http_lines_resume(struct http_exchange *exchange)
{
    struct http_connection *connection = exchange->connection;
    if (!connection || !connection->body_paused)
        return;
    connection->body_paused = false;
    http_connection_deadline(connection, connection->server->limits.idle_ms);
    if (!connection->in_input)
        go_on(connection);
}

/* --- from the server --- */

void http_connection_expire(struct http_connection *connection)
{
    size_t unsent = http_connection_unsent(connection);
    if (unsent > 0 && unsent + connection->server->limits.pace_bytes <= connection->unsent_at_deadline)
        http_connection_deadline(connection, connection->server->limits.idle_ms);
    else if (unsent > 0)
        http_connection_close(connection);
    else if (connection->body_paused)
        http_connection_deadline(connection, HTTP_NEVER); /* it waits for us */
    else if (connection->exchange && connection->phase == HTTP_PHASE_HEAD)
        http_refuse(connection, 408, "the request's head did not come in time");
    else if (connection->exchange && connection->phase == HTTP_PHASE_BODY)
        http_refuse(connection, 408, "the request's body stalled");
    else
        http_connection_close(connection);
}

void http_connection_wind_up(struct http_connection *connection)
{
    switch (connection->phase) {
    case HTTP_PHASE_HANDLER:
    case HTTP_PHASE_LAST:
    case HTTP_PHASE_CLOSED:
        break;
    case HTTP_PHASE_IDLE:
        http_connection_finish(connection);
        break;
    case HTTP_PHASE_STREAM: {
        struct http_stream stream = connection->out;
        http_stream_end(&connection->out);
        if (stream.gone)
            stream.gone(stream.data);
        break;
    }
    case HTTP_PHASE_HEAD:
    case HTTP_PHASE_BODY:
        if (connection->exchange)
            http_connection_close(connection);
        else
            http_connection_finish(connection);
    }
}

static int open_handle(struct http_connection *connection, int fd, bool tcp)
{
    struct http_server *server = connection->server;
    int error = 0;
    if (tcp) {
        error = uv_tcp_init(server->loop, &connection->uv.tcp);
        if (!error)
            error = uv_tcp_open(&connection->uv.tcp, (uv_os_sock_t)fd);
    } else {
        error = uv_pipe_init(server->loop, &connection->uv.pipe, 0);
        if (!error)
            error = uv_pipe_open(&connection->uv.pipe, fd);
    }
    connection->uv.handle.data = connection;
    return error;
}

/* A socket need not be a file. */
static void give_back(int fd, bool tcp)
{
    if (tcp)
        sockets_close(fd);
    else
        (void)close(fd);
}

int http_connection_open(struct http_server *server, int fd, bool tcp, bool counted, const char *peer,
                         void *listener_data)
{
    struct http_connection *connection = calloc(1, sizeof *connection);
    if (!connection) {
        give_back(fd, tcp);
        return ERROR_NO_MEMORY;
    }
    connection->server = server;
    connection->counted = counted;
    connection->deadline_ms = HTTP_NEVER;
    connection->listener_data = listener_data;
    memcpy(connection->peer, peer, strnlen(peer, sizeof connection->peer - 1));
    connection->next = server->connections;
    if (connection->next)
        connection->next->previous = connection;
    server->connections = connection;
    server->handle_count++;
    if (counted)
        server->client_count++;
    else
        server->lingerer_count++;

    int error = open_handle(connection, fd, tcp);
    if (error < 0) {
        give_back(fd, tcp);
        http_connection_close(connection);
        return error;
    }
    if (tcp)
        (void)uv_tcp_nodelay(&connection->uv.tcp, 1);
    llhttp_init(&connection->parser, HTTP_REQUEST, &server->parser_settings);
    connection->parser.data = connection;
    http_connection_deadline(connection, server->limits.idle_ms);
    update_reading(connection);
    if (!counted) {
        connection->input_unread = true;
        http_refuse(connection, 503, "too many clients");
    }
    return 0;
}
