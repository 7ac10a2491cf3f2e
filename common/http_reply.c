#include "http_internal.h"

#include "error.h"
#include "utf8.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define STATUSES(X)                           \
    X(200, "OK")                              \
    X(201, "Created")                         \
    X(202, "Accepted")                        \
    X(204, "No Content")                      \
    X(304, "Not Modified")                    \
    X(400, "Bad Request")                     \
    X(401, "Unauthorized")                    \
    X(403, "Forbidden")                       \
    X(404, "Not Found")                       \
    X(405, "Method Not Allowed")              \
    X(406, "Not Acceptable")                  \
    X(408, "Request Timeout")                 \
    X(409, "Conflict")                        \
    X(410, "Gone")                            \
    X(411, "Length Required")                 \
    X(412, "Precondition Failed")             \
    X(413, "Content Too Large")               \
    X(414, "URI Too Long")                    \
    X(415, "Unsupported Media Type")          \
    X(417, "Expectation Failed")              \
    X(421, "Misdirected Request")             \
    X(422, "Unprocessable Content")           \
    X(429, "Too Many Requests")               \
    X(431, "Request Header Fields Too Large") \
    X(500, "Internal Server Error")           \
    X(501, "Not Implemented")                 \
    X(502, "Bad Gateway")                     \
    X(503, "Service Unavailable")             \
    X(504, "Gateway Timeout")                 \
    X(505, "HTTP Version Not Supported")      \
    X(507, "Insufficient Storage")

#define PROBLEM_BYTES 2048 /* a longer detail is cut */
#define PROBLEM_TYPE  "application/problem+json"

struct status {
    const char *line;
    size_t line_bytes;
    const char *title;
};

static struct status status_of(int status)
{
#define STATUS_CASE(number, text)                                   \
    case number:                                                    \
        return (struct status){"HTTP/1.1 " #number " " text "\r\n", \
                               sizeof "HTTP/1.1 " #number " " text "\r\n" - 1, text};
    switch (status) {
        STATUSES(STATUS_CASE)
    default:
        assert(status == 500); /* else STATUSES lacks it */
        return status_of(500);
    }
#undef STATUS_CASE
}

const char *http_status_title(int status)
{
    return status_of(status).title;
}

/* A text being put together in fixed room; what does not fit is left out. */
struct text {
    char *at, *end;
};

static void put(struct text *text, const char *bytes, size_t count)
{
    size_t room = (size_t)(text->end - text->at);
    if (count > room)
        count = room;
    memcpy(text->at, bytes, count);
    text->at += count;
}

#define PUT(text, literal) put(text, literal, sizeof literal - 1)

static void put_number(struct text *text, uint64_t number)
{
    char digits[20];
    char *at = digits + sizeof digits;
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    put(text, at, (size_t)(digits + sizeof digits - at));
}

/* Written anew once a second at most. */
static void put_date(struct text *text, struct http_server *server)
{
    time_t now = time(NULL);
    if (now != server->date_s) {
        struct tm utc;
        server->date_s = now;
        server->date_bytes = 0;
        if (gmtime_r(&now, &utc)) /* the C locale's names: neither program calls setlocale for LC_TIME */
            server->date_bytes =
                strftime(server->date, sizeof server->date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
    }
    put(text, server->date, server->date_bytes);
}

static bool may_have_body(int status)
{
    return status != 204 && status != 304;
}

/* --- whole answers --- */

/* Whether the connection ends with this answer to the exchange under way. */
static bool is_last(const struct http_exchange *exchange)
{
    const struct http_connection *connection = exchange->connection;
    if (!exchange->keep_alive || connection->server->closing)
        return true;
    if (connection->complete)
        return false;
    /* The body is still to come: one that waits for our word may never come, one too long is not read. */
    return exchange->expects ||
           ((connection->parser.flags & F_CONTENT_LENGTH) &&
            connection->parser.content_length > connection->server->limits.body_bytes_max);
}

void http_respond(struct http_exchange *exchange, const struct http_reply *reply)
{
    struct http_connection *connection = exchange->connection;
    if (!connection) {
        http_exchange_end(exchange);
        return;
    }
    bool last = is_last(exchange);
    struct status status = status_of(reply->status);
    char head[HTTP_REPLY_HEAD_BYTES];
    struct text text = {head, head + sizeof head};
    put(&text, status.line, status.line_bytes);
    put_date(&text, connection->server);
    if (may_have_body(reply->status)) {
        PUT(&text, "Content-Length: ");
        put_number(&text, reply->content_type ? reply->body_bytes : 0);
        PUT(&text, "\r\n");
    }
    if (reply->content_type) {
        PUT(&text, "Content-Type: ");
        put(&text, reply->content_type, strnlen(reply->content_type, 128));
        PUT(&text, "\r\n");
    }
    if (last)
        PUT(&text, "Connection: close\r\n");
    else if (!exchange->chunked_ok)
        PUT(&text, "Connection: keep-alive\r\n");

    uv_buf_t parts[4] = {uv_buf_init(head, (unsigned)(text.at - head))};
    unsigned count = 1;
    if (reply->extra_headers)
        parts[count++] =
            uv_buf_init((char *)(uintptr_t)reply->extra_headers, (unsigned)strlen(reply->extra_headers));
    parts[count++] = uv_buf_init((char *)(uintptr_t) "\r\n", 2);
    if (reply->content_type && may_have_body(reply->status) && !exchange->is_head && reply->body_bytes > 0)
        parts[count++] = uv_buf_init((char *)(uintptr_t)reply->body, (unsigned)reply->body_bytes);
    http_connection_write(connection, parts, count);
    connection->exchange = NULL;
    http_exchange_end(exchange);
    http_connection_answered(connection, last);
}

/* --- problems --- */

static void put_json_text(struct text *text, const char *bytes)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *at = (const unsigned char *)bytes;
    size_t left = strlen(bytes);
    for (size_t length = 1; left > 0; at += length, left -= length) {
        length = utf8_character(at, left);
        if (text->end - text->at < 8)
            return;
        if (*at == '"' || *at == '\\') {
            PUT(text, "\\");
            put(text, (const char *)at, 1);
        } else if (*at < 0x20 || *at == 0x7f) {
            PUT(text, "\\u00");
            put(text, &hex[*at >> 4], 1);
            put(text, &hex[*at & 15], 1);
        } else if (length == 0) {
            PUT(text, "?"); /* no UTF-8 */
            length = 1;
        } else {
            put(text, (const char *)at, length);
        }
    }
}

static size_t problem_json(int status, const char *code, const char *detail, const char *field, char *ret,
                           size_t room)
{
    struct text text = {ret, ret + room - 96}; /* the rest is for what must stand behind the detail */
    PUT(&text, "{\"type\":\"about:blank\",\"title\":\"");
    put_json_text(&text, status_of(status).title);
    PUT(&text, "\",\"status\":");
    put_number(&text, (uint64_t)status);
    PUT(&text, ",\"code\":\"");
    put_json_text(&text, code);
    if (field) {
        PUT(&text, "\",\"field\":\"");
        put_json_text(&text, field);
    }
    PUT(&text, "\",\"detail\":\"");
    put_json_text(&text, detail ? detail : "");
    text.end = ret + room;
    PUT(&text, "\"}\n");
    return (size_t)(text.at - ret);
}

static void answer_problem(struct http_exchange *exchange, int status, const char *code, const char *detail,
                           const char *field, const char *extra_headers)
{
    char body[PROBLEM_BYTES];
    size_t bytes = problem_json(status, code, detail, field, body, sizeof body);
    http_respond(exchange, &(struct http_reply){.status = status,
                                                .content_type = PROBLEM_TYPE,
                                                .body = body,
                                                .body_bytes = bytes,
                                                .extra_headers = extra_headers});
}

void http_problem(struct http_exchange *exchange, int status, const char *code, const char *detail,
                  const char *field)
{
    answer_problem(exchange, status, code, detail, field, NULL);
}

void http_problem_with(struct http_exchange *exchange, int status, const char *code, const char *detail,
                       const char *extra_headers)
{
    answer_problem(exchange, status, code, detail, NULL, extra_headers);
}

static const char *code_of(int status)
{
    switch (status) {
    case 408:
        return "request_timeout";
    case 413:
        return "body_too_large";
    case 414:
        return "target_too_long";
    case 417:
        return "expectation_failed";
    case 431:
        return "header_too_large";
    case 501:
        return "not_implemented";
    case 503:
        return "too_busy";
    case 505:
        return "version_not_supported";
    default:
        return "bad_request";
    }
}

size_t http_refusal(struct http_server *server, int status, const char *detail, char *ret, size_t room)
{
    char body[PROBLEM_BYTES / 4];
    size_t bytes = problem_json(status, code_of(status), detail, NULL, body, sizeof body);
    struct text text = {ret, ret + room};
    struct status known = status_of(status);
    put(&text, known.line, known.line_bytes);
    put_date(&text, server);
    PUT(&text, "Content-Length: ");
    put_number(&text, bytes);
    PUT(&text, "\r\nContent-Type: " PROBLEM_TYPE "\r\nConnection: close\r\n\r\n");
    put(&text, body, bytes);
    return (size_t)(text.at - ret);
}

void http_refuse(struct http_connection *connection, int status, const char *detail)
{
    connection->input_unread = true;
    connection->phase = HTTP_PHASE_LAST;
    char text[PROBLEM_BYTES / 2];
    size_t bytes = http_refusal(connection->server, status, detail, text, sizeof text);
    uv_buf_t part = uv_buf_init(text, (unsigned)bytes);
    http_connection_write(connection, &part, 1);
    if (connection->phase == HTTP_PHASE_CLOSED)
        return;
    http_connection_lose_exchange(connection);
    http_connection_finish(connection);
}

/* --- streams --- */

struct http_stream *http_stream_begin(struct http_exchange *exchange, const char *content_type,
                                      void (*gone)(void *data), void *data)
{
    struct http_connection *connection = exchange->connection;
    if (!connection) {
        http_exchange_end(exchange);
        return NULL;
    }
    char head[HTTP_REPLY_HEAD_BYTES];
    struct text text = {head, head + sizeof head};
    struct status status = status_of(200);
    put(&text, status.line, status.line_bytes);
    put_date(&text, connection->server);
    PUT(&text, "Content-Type: ");
    put(&text, content_type, strnlen(content_type, 128));
    PUT(&text, "\r\nCache-Control: no-store\r\nConnection: close\r\n");
    if (exchange->chunked_ok)
        PUT(&text, "Transfer-Encoding: chunked\r\n");
    PUT(&text, "\r\n");

    bool streams = !exchange->is_head && !connection->server->closing;
    connection->out = (struct http_stream){.connection = connection, .chunked = exchange->chunked_ok};
    connection->exchange = NULL;
    http_exchange_end(exchange);
    connection->phase = HTTP_PHASE_STREAM;
    uv_buf_t part = uv_buf_init(head, (unsigned)(text.at - head));
    http_connection_write(connection, &part, 1);
    if (connection->phase == HTTP_PHASE_CLOSED)
        return NULL;
    if (!streams) {
        http_connection_finish(connection);
        return NULL;
    }
    connection->out.gone = gone;
    connection->out.data = data;
    return &connection->out;
}

void http_stream_gone(struct http_connection *connection)
{
    void (*gone)(void *) = connection->out.gone;
    connection->out.gone = NULL;
    connection->out.sent = NULL;
    if (gone)
        gone(connection->out.data);
}

void http_stream_when_sent(struct http_stream *stream, void (*sent)(void *data))
{
    stream->sent = sent;
    if (http_connection_unsent(stream->connection) == 0)
        http_server_ready(stream->connection);
}

void http_stream_sent(struct http_connection *connection)
{
    void (*sent)(void *) = connection->out.sent;
    connection->out.sent = NULL;
    sent(connection->out.data);
}

int http_stream_write(struct http_stream *stream, const void *bytes, size_t count)
{
    struct http_connection *connection = stream->connection;
    if (count == 0)
        return 0;
    size_t unsent = http_connection_unsent(connection);
    if (count > connection->server->limits.stream_bytes_max - unsent) {
        http_connection_close(connection);
        return ERROR_FULL;
    }
    char size[20];
    int size_bytes = stream->chunked ? snprintf(size, sizeof size, "%zx\r\n", count) : 0;
    uv_buf_t parts[3] = {uv_buf_init(size, (unsigned)size_bytes),
                         uv_buf_init((char *)(uintptr_t)bytes, (unsigned)count),
                         uv_buf_init((char *)(uintptr_t) "\r\n", stream->chunked ? 2 : 0)};
    http_connection_write(connection, parts, 3);
    return connection->phase == HTTP_PHASE_CLOSED ? ERROR_FULL : 0;
}

void http_stream_end(struct http_stream *stream)
{
    struct http_connection *connection = stream->connection;
    stream->gone = NULL;
    stream->sent = NULL;
    if (stream->chunked) {
        uv_buf_t part = uv_buf_init((char *)(uintptr_t) "0\r\n\r\n", 5);
        http_connection_write(connection, &part, 1);
    }
    http_connection_finish(connection);
}
