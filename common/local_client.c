#include "local_client.h"

#include "platform/local_connect.h"
#include "platform/waiting.h"

#include <errno.h>
#include <llhttp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#define READ_BYTES  (64 * 1024)
#define CHUNK_BYTES (32 * 1024)
#define CHUNK_HEAD  10 /* "00008000\r\n" */
#define CHUNK_TAIL  2

struct local_client_call {
    struct local_client_request its_request; /* of a call in the caller's loop */
    const struct local_client_request *request;
    local_client_done_fn *done; /* NULL: somebody waits in local_client_request */
    void *done_data;
    unsigned closing; /* handles */
    uv_loop_t loop;   /* unless it is the caller's */
    uv_pipe_t pipe;
    uv_timer_t timer;
    struct waiting file; /* body_fd */
    bool file_waits;
    uv_connect_t connect;
    uv_write_t write;
    llhttp_t parser;
    llhttp_settings_t settings;
    unsigned timeout_ms;
    bool finished, cancelled, in_value, streams;
    int result;
    struct error_detail *detail, its_detail;
    struct local_client_answer answer;
    size_t body_room, header_bytes;
    char name[32]; /* the header line's, lower case; longer ones are of no interest */
    size_t name_bytes, type_bytes;
    char *head;
    char chunk[CHUNK_HEAD + CHUNK_BYTES + CHUNK_TAIL];
    char read[READ_BYTES];
};

static void free_call(struct local_client_call *call)
{
    free(call->head);
    free(call);
}

/* Nothing of a call in the caller's loop is in use any more. */
static void hand_over(struct local_client_call *call)
{
    if (!call->result && !call->answer.body) {
        call->answer.body = strdup("");
        call->result = call->answer.body ? 0 : ERROR_NO_MEMORY;
    }
    if (call->result || call->cancelled)
        free(call->answer.body);
    if (!call->cancelled)
        call->done(call->done_data, call->result, call->result ? NULL : &call->answer, call->detail);
    free_call(call);
}

static void on_closed(uv_handle_t *handle)
{
    struct local_client_call *call = handle->data;
    if (--call->closing == 0 && call->done)
        hand_over(call);
}

static void finish(struct local_client_call *call, int result)
{
    if (call->finished)
        return;
    call->finished = true;
    call->result = result;
    call->closing = 2;
    uv_close((uv_handle_t *)&call->pipe, on_closed);
    uv_close((uv_handle_t *)&call->timer, on_closed);
    waiting_close(&call->file);
}

static void fail(struct local_client_call *call, int error, const char *what)
{
    if (!call->finished)
        error_detail_set(call->detail, "%s %s at %s: %s", call->request->method, call->request->target,
                         call->request->socket_path, what);
    finish(call, error);
}

static void on_timeout(uv_timer_t *timer)
{
    fail(timer->data, ERROR_TIMEOUT, "no answer in time");
}

/* A byte moved: patience begins anew. */
static void moved(struct local_client_call *call)
{
    if (call->finished)
        return;
    if (call->streams || call->timeout_ms == LOCAL_CLIENT_NO_TIMEOUT)
        (void)uv_timer_stop(&call->timer);
    else
        (void)uv_timer_start(&call->timer, on_timeout, call->timeout_ms, 0);
}

/* --- the answer --- */

static struct local_client_call *call_of(llhttp_t *parser)
{
    return parser->data;
}

static int on_message_begin(llhttp_t *parser)
{
    struct local_client_call *call = call_of(parser);
    call->answer.content_type[0] = '\0';
    call->type_bytes = 0;
    call->name_bytes = 0;
    call->in_value = false;
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t bytes)
{
    struct local_client_call *call = call_of(parser);
    if (call->in_value)
        call->name_bytes = 0;
    call->in_value = false;
    for (size_t i = 0; i < bytes && call->name_bytes < sizeof call->name; i++)
        call->name[call->name_bytes++] = at[i];
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t bytes)
{
    static const char name[] = "content-type";
    struct local_client_call *call = call_of(parser);
    call->in_value = true;
    if (call->name_bytes != sizeof name - 1 || strncasecmp(call->name, name, sizeof name - 1) != 0)
        return 0;
    for (size_t i = 0; i < bytes && call->type_bytes < sizeof call->answer.content_type - 1; i++)
        call->answer.content_type[call->type_bytes++] = at[i];
    call->answer.content_type[call->type_bytes] = '\0';
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct local_client_call *call = call_of(parser);
    call->answer.status = parser->status_code;
    call->streams = call->request->on_data && parser->status_code / 100 == 2;
    call->header_bytes = 0;
    return 0;
}

static int collect(struct local_client_call *call, const char *at, size_t bytes)
{
    size_t need = call->answer.body_bytes + bytes + 1;
    if (need > LOCAL_CLIENT_ANSWER_BYTES_MAX) {
        fail(call, ERROR_TOO_LARGE, "the answer is too large");
        return -1;
    }
    if (need > call->body_room) {
        size_t room = call->body_room ? call->body_room : 4096;
        while (room < need)
            room *= 2;
        char *larger = realloc(call->answer.body, room);
        if (!larger) {
            fail(call, ERROR_NO_MEMORY, "out of memory");
            return -1;
        }
        call->answer.body = larger;
        call->body_room = room;
    }
    memcpy(call->answer.body + call->answer.body_bytes, at, bytes);
    call->answer.body_bytes += bytes;
    call->answer.body[call->answer.body_bytes] = '\0';
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t bytes)
{
    struct local_client_call *call = call_of(parser);
    if (!call->streams)
        return collect(call, at, bytes);
    int result = call->request->on_data(call->request->data, at, bytes);
    if (result == 0)
        return 0;
    fail(call, result, "ended by its reader");
    return -1;
}

static int on_message_complete(llhttp_t *parser)
{
    struct local_client_call *call = call_of(parser);
    if (parser->status_code / 100 == 1)
        return 0; /* 100 Continue and its like: the answer follows */
    finish(call, 0);
    return HPE_PAUSED;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    (void)suggested;
    struct local_client_call *call = handle->data;
    *ret = uv_buf_init(call->read, sizeof call->read);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct local_client_call *call = stream->data;
    if (count == 0 || call->finished)
        return;
    if (count < 0) {
        /* An answer without a length ends here, and its last callback finishes the call. */
        if (count != UV_EOF || llhttp_finish(&call->parser) != HPE_OK || !call->finished)
            fail(call, ERROR_IO, "the connection ended before the answer did");
        return;
    }
    llhttp_errno_t error = llhttp_execute(&call->parser, buffer->base, (size_t)count);
    call->header_bytes = call->answer.status ? 0 : call->header_bytes + (size_t)count;
    if (error != HPE_OK && error != HPE_PAUSED)
        fail(call, ERROR_INVALID, "what answers does not speak HTTP");
    else if (call->header_bytes > LOCAL_CLIENT_HEADER_BYTES_MAX)
        fail(call, ERROR_TOO_LARGE, "the answer's head is too large");
    else
        moved(call);
}

/* --- the request --- */

static void send_chunk(struct local_client_call *call);

static void on_written(uv_write_t *write, int status)
{
    struct local_client_call *call = write->data;
    if (call->finished)
        return;
    if (status < 0) {
        /* The daemon may refuse and close before it has read all: its answer says why, and is being read. */
        return;
    }
    moved(call);
    if (call->request->body_from_fd && !call->file_waits)
        send_chunk(call);
}

static void on_last_written(uv_write_t *write, int status)
{
    struct local_client_call *call = write->data;
    if (!call->finished && status == 0)
        moved(call);
}

static void on_file_readable(void *data)
{
    struct local_client_call *call = data;
    call->file_waits = false;
    send_chunk(call);
}

/* Pipes and terminals are waited for in the loop, so that an early answer ends the call. */
static bool must_wait(struct local_client_call *call)
{
    if (!waiting_for_bytes(&call->file))
        return false;
    call->file_waits = true;
    (void)uv_timer_stop(&call->timer); /* the silence is not the daemon's */
    return true;
}

static void send_chunk(struct local_client_call *call)
{
    if (must_wait(call))
        return;
    ssize_t count = 0;
    do
        count = read(call->request->body_fd, call->chunk + CHUNK_HEAD, CHUNK_BYTES);
    while (count < 0 && errno == EINTR);
    if (count < 0) {
        fail(call, ERROR_IO, strerror(errno));
        return;
    }
    char head[CHUNK_HEAD + 1];
    snprintf(head, sizeof head, "%08x\r\n", (unsigned)count);
    memcpy(call->chunk, head, CHUNK_HEAD);
    memcpy(call->chunk + CHUNK_HEAD + count, "\r\n", CHUNK_TAIL);
    uv_buf_t buffer = uv_buf_init(call->chunk, (unsigned)(CHUNK_HEAD + count + CHUNK_TAIL));
    (void)uv_write(&call->write, (uv_stream_t *)&call->pipe, &buffer, 1,
                   count ? on_written : on_last_written);
}

static bool has_line_break(const char *text)
{
    return text && strpbrk(text, "\r\n");
}

static int make_head(struct local_client_call *call)
{
    const struct local_client_request *request = call->request;
    char type[128] = "", event[128] = "", length[64] = "";
    if (request->target[0] != '/' || strpbrk(request->target, " \r\n") ||
        has_line_break(request->content_type) || has_line_break(request->last_event_id))
        return ERROR_INVALID;
    if (request->content_type)
        snprintf(type, sizeof type, "Content-Type: %.100s\r\n", request->content_type);
    if (request->last_event_id)
        snprintf(event, sizeof event, "Last-Event-ID: %.100s\r\n", request->last_event_id);
    if (request->body_from_fd)
        snprintf(length, sizeof length, "Transfer-Encoding: chunked\r\n");
    else if (request->body)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", request->body_bytes);
    int bytes = asprintf(&call->head, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s%s%s\r\n",
                         request->method, request->target, type, event, length);
    if (bytes < 0) {
        call->head = NULL;
        return ERROR_NO_MEMORY;
    }
    return 0;
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct local_client_call *call = connect->data;
    if (call->finished)
        return;
    if (status == UV_EACCES || status == UV_EPERM) {
        fail(call, ERROR_FORBIDDEN, "you may not open this socket");
        return;
    }
    if (status == ERROR_REFUSED) {
        fail(call, ERROR_FORBIDDEN, "who listens there is neither the system, an administrator nor you");
        return;
    }
    if (status < 0) {
        fail(call, ERROR_UNREACHABLE,
             status == UV_ENOENT || status == UV_ECONNREFUSED ? "nobody listens there" : uv_strerror(status));
        return;
    }
    const struct local_client_request *request = call->request;
    bool has_body = request->body && !request->body_from_fd;
    uv_buf_t parts[2] = {uv_buf_init(call->head, (unsigned)strlen(call->head)),
                         uv_buf_init((char *)(uintptr_t)(has_body ? request->body : ""),
                                     has_body ? (unsigned)request->body_bytes : 0)};
    int error = uv_read_start((uv_stream_t *)&call->pipe, on_alloc, on_read);
    if (!error)
        error = uv_write(&call->write, (uv_stream_t *)&call->pipe, parts, 2, on_written);
    if (error)
        fail(call, ERROR_IO, uv_strerror(error));
}

/* --- the call --- */

static void prepare_parser(struct local_client_call *call)
{
    llhttp_settings_init(&call->settings);
    call->settings.on_message_begin = on_message_begin;
    call->settings.on_header_field = on_header_field;
    call->settings.on_header_value = on_header_value;
    call->settings.on_headers_complete = on_headers_complete;
    call->settings.on_body = on_body;
    call->settings.on_message_complete = on_message_complete;
    llhttp_init(&call->parser, HTTP_RESPONSE, &call->settings);
    call->parser.data = call;
}

static void set_out(struct local_client_call *call, uv_loop_t *loop)
{
    (void)uv_pipe_init(loop, &call->pipe, 0);
    (void)uv_timer_init(loop, &call->timer);
    call->pipe.data = call->timer.data = call->connect.data = call->write.data = call;
    prepare_parser(call);
    if (call->request->body_from_fd)
        waiting_open(&call->file, loop, call->request->body_fd, on_file_readable, call);
    moved(call);
    local_connect(&call->connect, &call->pipe, call->request->socket_path, on_connected);
}

static int run(struct local_client_call *call)
{
    int error = uv_loop_init(&call->loop);
    if (error) {
        error_detail_set(call->detail, "%s", uv_strerror(error));
        return ERROR_NO_MEMORY;
    }
    set_out(call, &call->loop);
    (void)uv_run(&call->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&call->loop);
    waiting_restore(&call->file);
    return call->result;
}

static int check(const struct local_client_request *request, struct error_detail *ret_detail)
{
    if (strlen(request->socket_path) >= sizeof((struct sockaddr_un *)0)->sun_path) {
        error_detail_set(ret_detail, "%s: too long for a socket's path", request->socket_path);
        return ERROR_INVALID;
    }
    return 0;
}

/* NULL with *ret_error and *ret_detail. */
static struct local_client_call *prepare(const struct local_client_request *request, int *ret_error,
                                         struct error_detail *ret_detail)
{
    int error = check(request, ret_detail);
    if (error) {
        *ret_error = error;
        return NULL;
    }
    struct local_client_call *call = calloc(1, sizeof *call);
    if (!call) {
        error_detail_set(ret_detail, "out of memory");
        *ret_error = ERROR_NO_MEMORY;
        return NULL;
    }
    call->its_request = *request;
    call->request = &call->its_request;
    call->detail = ret_detail;
    call->timeout_ms = request->timeout_ms ? request->timeout_ms : LOCAL_CLIENT_TIMEOUT_MS;
    error = make_head(call);
    if (error) {
        error_detail_set(ret_detail, "%s: %s", request->target, error_text(error));
        free_call(call);
        *ret_error = error;
        return NULL;
    }
    return call;
}

int local_client_request(const struct local_client_request *request, struct local_client_answer *ret_answer,
                         struct error_detail *ret_detail)
{
    int error = 0;
    struct local_client_call *call = prepare(request, &error, ret_detail);
    if (!call)
        return error;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    (void)sigaction(SIGPIPE, &ignore, &before);
    error = run(call);
    (void)sigaction(SIGPIPE, &before, NULL);
    if (!error && !call->answer.body) {
        call->answer.body = strdup("");
        error = call->answer.body ? 0 : ERROR_NO_MEMORY;
    }
    if (!error)
        *ret_answer = call->answer;
    else
        free(call->answer.body);
    free_call(call);
    return error;
}

int local_client_begin(struct uv_loop_s *loop, const struct local_client_request *request,
                       local_client_done_fn *done, void *data, struct local_client_call **ret,
                       struct error_detail *ret_detail)
{
    int error = 0;
    if (request->body_from_fd) {
        error_detail_set(ret_detail, "%s: a file is not sent from the caller's loop", request->target);
        return ERROR_INVALID;
    }
    struct local_client_call *call = prepare(request, &error, ret_detail);
    if (!call)
        return error;
    call->done = done;
    call->done_data = data;
    call->detail = &call->its_detail;
    set_out(call, loop);
    *ret = call;
    return 0;
}

void local_client_cancel(struct local_client_call *call)
{
    if (!call)
        return;
    call->cancelled = true; /* also one that has ended and is only not yet told */
    finish(call, ERROR_CANCELLED);
}

void local_client_answer_finish(struct local_client_answer *answer)
{
    if (!answer)
        return;
    free(answer->body);
    answer->body = NULL;
}

int local_client_encode(const char *text, char *ret, size_t ret_bytes)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    size_t need = 1;
    for (const char *at = text; *at; at++)
        need += strchr(plain, *at) ? 1 : 3;
    if (need > ret_bytes)
        return ERROR_TOO_LARGE;
    for (const char *at = text; *at; at++) {
        unsigned char byte = (unsigned char)*at;
        if (strchr(plain, *at)) {
            *ret++ = *at;
        } else {
            *ret++ = '%';
            *ret++ = hex[byte >> 4];
            *ret++ = hex[byte & 15];
        }
    }
    *ret = '\0';
    return 0;
}
