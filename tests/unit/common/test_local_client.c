/* The command lines' client. It blocks, so that the daemon it talks to runs on a thread of its own: either
 * our server, or a peer that says one scripted answer. */
#include "../unit.h"

#include "common/error.h"
#include "common/http_server.h"
#include "common/local_client.h"
#include "system.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

struct daemon {
    char directory[40], path[64];
    uv_loop_t loop;
    uv_thread_t thread;
    uv_async_t stop;
    struct http_server *server;
    struct http_body_lines lines;
    unsigned line_count;
    size_t line_bytes;
    /* the scripted peer */
    uv_pipe_t listening, client;
    uv_timer_t timer;
    uv_write_t saying;
    const char *script;
    size_t script_bytes;
    unsigned linger_ms;
    char heard[4096];
};

/* --- our server on a thread --- */

static void on_gone(void *data)
{
    (void)data;
}

static void on_request(void *data, struct http_exchange *exchange, const struct http_request *request)
{
    (void)data;
    struct http_text type = {"-", 1}, event = {"-", 1};
    char text[512];
    (void)http_header(exchange, "content-type", &type);
    (void)http_header(exchange, "last-event-id", &event);
    if (strcmp(request->path, "/problem") == 0) {
        http_problem(exchange, 403, "no_license_free", "come back later", NULL);
    } else if (strcmp(request->path, "/big") == 0) {
        size_t bytes = 3 * 1024 * 1024;
        char *big = calloc(1, bytes);
        memset(big, 'x', bytes);
        http_respond(exchange,
                     &(struct http_reply){
                         .status = 200, .content_type = "text/plain", .body = big, .body_bytes = bytes});
        free(big);
    } else if (strcmp(request->path, "/none") == 0) {
        http_respond(exchange, &(struct http_reply){.status = 204});
    } else if (strcmp(request->path, "/stream") == 0) {
        struct http_stream *stream = http_stream_begin(exchange, "text/event-stream", on_gone, NULL);
        (void)http_stream_write(stream, "data: 1\n\n", 9);
        (void)http_stream_write(stream, "data: 2\n\n", 9);
        http_stream_end(stream);
    } else {
        snprintf(text, sizeof text, "%s|%s|%s|%.*s|%.*s|%.*s", request->method, request->path, request->query,
                 (int)type.bytes, type.text, (int)event.bytes, event.text, (int)request->body.bytes,
                 request->body.text);
        http_respond(exchange, &(struct http_reply){.status = 200,
                                                    .content_type = "text/plain",
                                                    .body = text,
                                                    .body_bytes = strlen(text)});
    }
}

static void on_line(void *data, struct http_exchange *exchange, const char *line, size_t bytes)
{
    (void)line;
    (void)exchange;
    struct daemon *daemon = data;
    daemon->line_count++;
    daemon->line_bytes += bytes;
}

static void on_lines_end(void *data, struct http_exchange *exchange)
{
    struct daemon *daemon = data;
    char text[64];
    snprintf(text, sizeof text, "%u lines %zu bytes", daemon->line_count, daemon->line_bytes);
    daemon->line_count = 0;
    daemon->line_bytes = 0;
    http_respond(exchange, &(struct http_reply){.status = 200,
                                                .content_type = "application/json",
                                                .body = text,
                                                .body_bytes = strlen(text)});
}

static void on_too_long(void *data, struct http_exchange *exchange)
{
    (void)data;
    http_problem(exchange, 413, "line_too_long", "a line is too long", NULL);
}

static const struct http_body_lines *on_head(void *data, struct http_exchange *exchange,
                                             const struct http_request *request)
{
    struct daemon *daemon = data;
    if (strcmp(request->path, "/denied") == 0)
        http_problem(exchange, 401, "denied", "no", NULL);
    return strcmp(request->path, "/lines") == 0 ? &daemon->lines : NULL;
}

static void on_stop(uv_async_t *async)
{
    struct daemon *daemon = async->data;
    http_server_close(daemon->server, 0, NULL, NULL);
    uv_close((uv_handle_t *)async, NULL);
}

static void run_server(void *data)
{
    struct daemon *daemon = data;
    uv_run(&daemon->loop, UV_RUN_DEFAULT);
}

static struct daemon *make_place(void)
{
    struct daemon *daemon = calloc(1, sizeof *daemon);
    assert_non_null(daemon);
    snprintf(daemon->directory, sizeof daemon->directory, "/tmp/farmgate-local-XXXXXX");
    assert_non_null(mkdtemp(daemon->directory));
    system_local_path(daemon->directory, daemon->path, sizeof daemon->path);
    return daemon;
}

static void leave_place(struct daemon *daemon)
{
    (void)unlink(daemon->path);
    (void)rmdir(daemon->directory);
    free(daemon);
}

static struct daemon *start_server(void)
{
    struct daemon *daemon = make_place();
    struct http_handlers handlers = {on_head, on_request, daemon};
    daemon->lines = (struct http_body_lines){on_line, on_lines_end, on_too_long, on_gone, daemon};
    assert_int_equal(uv_loop_init(&daemon->loop), 0);
    assert_int_equal(uv_async_init(&daemon->loop, &daemon->stop, on_stop), 0);
    daemon->stop.data = daemon;
    daemon->server = http_server_create(&daemon->loop, &handlers, NULL);
    assert_non_null(daemon->server);
    assert_int_equal(http_listen_local(daemon->server, daemon->path, 0600, NULL, NULL), 0);
    assert_int_equal(uv_thread_create(&daemon->thread, run_server, daemon), 0);
    return daemon;
}

static void stop_server(struct daemon *daemon)
{
    assert_int_equal(uv_async_send(&daemon->stop), 0);
    assert_int_equal(uv_thread_join(&daemon->thread), 0);
    assert_int_equal(uv_loop_close(&daemon->loop), 0);
    leave_place(daemon);
}

/* --- a peer with a script --- */

static void peer_end(struct daemon *daemon)
{
    uv_handle_t *handles[] = {(uv_handle_t *)&daemon->listening, (uv_handle_t *)&daemon->client,
                              (uv_handle_t *)&daemon->timer};
    for (size_t i = 0; i < COUNT(handles); i++)
        if (!uv_is_closing(handles[i]))
            uv_close(handles[i], NULL);
}

static void on_peer_time(uv_timer_t *timer)
{
    peer_end(timer->data);
}

static void on_peer_said(uv_write_t *write, int status)
{
    struct daemon *daemon = write->handle->data;
    (void)status;
    (void)uv_timer_start(&daemon->timer, on_peer_time, daemon->linger_ms, 0);
}

static void on_peer_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret_room)
{
    struct daemon *daemon = handle->data;
    (void)wanted;
    *ret_room = uv_buf_init(daemon->heard, sizeof daemon->heard);
}

/* The first bytes of the request heard, it speaks. */
static void on_peer_heard(uv_stream_t *client, ssize_t count, const uv_buf_t *room)
{
    struct daemon *daemon = client->data;
    uv_buf_t script = uv_buf_init((char *)(uintptr_t)daemon->script, (unsigned)daemon->script_bytes);
    (void)room;
    if (count == 0)
        return;
    (void)uv_read_stop(client);
    if (count < 0 || uv_write(&daemon->saying, client, &script, 1, on_peer_said))
        peer_end(daemon);
}

static void on_peer_client(uv_stream_t *listening, int status)
{
    struct daemon *daemon = listening->data;
    if (status || uv_accept(listening, (uv_stream_t *)&daemon->client) ||
        uv_read_start((uv_stream_t *)&daemon->client, on_peer_room, on_peer_heard))
        peer_end(daemon);
}

static struct daemon *start_peer(const char *script, size_t bytes, unsigned linger_ms)
{
    struct daemon *daemon = make_place();
    daemon->script = script;
    daemon->script_bytes = bytes;
    daemon->linger_ms = linger_ms;
    assert_int_equal(uv_loop_init(&daemon->loop), 0);
    assert_int_equal(uv_pipe_init(&daemon->loop, &daemon->listening, 0), 0);
    assert_int_equal(uv_pipe_init(&daemon->loop, &daemon->client, 0), 0);
    assert_int_equal(uv_timer_init(&daemon->loop, &daemon->timer), 0);
    daemon->listening.data = daemon->client.data = daemon->timer.data = daemon;
    assert_int_equal(system_local_bind(&daemon->listening, daemon->path), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&daemon->listening, 1, on_peer_client), 0);
    assert_int_equal(uv_timer_start(&daemon->timer, on_peer_time, 5000, 0), 0);
    assert_int_equal(uv_thread_create(&daemon->thread, run_server, daemon), 0);
    return daemon;
}

static void stop_peer(struct daemon *daemon)
{
    assert_int_equal(uv_thread_join(&daemon->thread), 0);
    assert_int_equal(uv_loop_close(&daemon->loop), 0);
    leave_place(daemon);
}

/* --- requests --- */

static void check_answer(const struct local_client_request *request, int status, const char *type,
                         const char *body)
{
    struct local_client_answer answer;
    struct error_detail detail = {""};
    int error = local_client_request(request, &answer, &detail);
    if (error)
        fail_msg("%s: %d %s", request->target, error, detail.text);
    if (answer.status != status || strcmp(answer.content_type, type) != 0 || strcmp(answer.body, body) != 0)
        fail_msg("%s: %d %s \"%s\"", request->target, answer.status, answer.content_type, answer.body);
    assert_int_equal(answer.body_bytes, strlen(body));
    local_client_answer_finish(&answer);
    local_client_answer_finish(&answer);
}

static void whole_answers(void **state)
{
    (void)state;
    struct daemon *daemon = start_server();
    check_answer(
        &(struct local_client_request){
            .socket_path = daemon->path, .method = "GET", .target = "/v1/status?a=b", .last_event_id = "17"},
        200, "text/plain", "GET|/v1/status|a=b|-|17|");
    check_answer(&(struct local_client_request){.socket_path = daemon->path,
                                                .method = "PUT",
                                                .target = "/x%20y",
                                                .content_type = "application/json",
                                                .body = "{}",
                                                .body_bytes = 2},
                 200, "text/plain", "PUT|/x y||application/json|-|{}");
    check_answer(
        &(struct local_client_request){
            .socket_path = daemon->path, .method = "POST", .target = "/x", .body = "", .body_bytes = 0},
        200, "text/plain", "POST|/x||-|-|");
    check_answer(
        &(struct local_client_request){.socket_path = daemon->path, .method = "GET", .target = "/none"}, 204,
        "", "");
    check_answer(
        &(struct local_client_request){.socket_path = daemon->path, .method = "GET", .target = "/problem"},
        403, "application/problem+json",
        "{\"type\":\"about:blank\",\"title\":\"Forbidden\",\"status\":403,\"code\":\"no_license_free\","
        "\"detail\":\"come back later\"}\n");
    struct local_client_answer answer;
    struct error_detail detail;
    assert_int_equal(
        local_client_request(
            &(struct local_client_request){.socket_path = daemon->path, .method = "GET", .target = "/big"},
            &answer, &detail),
        0);
    assert_int_equal(answer.body_bytes, 3 * 1024 * 1024);
    local_client_answer_finish(&answer);
    stop_server(daemon);
}

struct pieces {
    char text[128];
    int stop_with;
};

static int on_piece(void *data, const char *bytes, size_t count)
{
    struct pieces *pieces = data;
    size_t used = strlen(pieces->text);
    snprintf(pieces->text + used, sizeof pieces->text - used, "%.*s", (int)count, bytes);
    return pieces->stop_with;
}

static void streamed_answers(void **state)
{
    (void)state;
    struct daemon *daemon = start_server();
    struct pieces pieces = {.text = ""};
    struct local_client_request request = {.socket_path = daemon->path,
                                           .method = "GET",
                                           .target = "/stream",
                                           .on_data = on_piece,
                                           .data = &pieces};
    check_answer(&request, 200, "text/event-stream", "");
    assert_string_equal(pieces.text, "data: 1\n\ndata: 2\n\n");

    /* an error's body is collected, for it is to be shown */
    pieces.text[0] = '\0';
    request.target = "/problem";
    struct local_client_answer answer;
    struct error_detail detail;
    assert_int_equal(local_client_request(&request, &answer, &detail), 0);
    assert_int_equal(answer.status, 403);
    assert_non_null(strstr(answer.body, "come back later"));
    assert_string_equal(pieces.text, "");
    local_client_answer_finish(&answer);

    request.target = "/stream";
    pieces.stop_with = ERROR_CANCELLED;
    assert_int_equal(local_client_request(&request, &answer, &detail), ERROR_CANCELLED);
    stop_server(daemon);
}

/* --- in the caller's loop --- */

struct heard {
    unsigned count;
    int error, status;
    char body[256];
};

static void on_done(void *data, int error, struct local_client_answer *answer,
                    const struct error_detail *detail)
{
    struct heard *heard = data;
    heard->count++;
    heard->error = error;
    if (error) {
        assert_null(answer);
        assert_true(detail->text[0]);
        return;
    }
    heard->status = answer->status;
    snprintf(heard->body, sizeof heard->body, "%s", answer->body);
    local_client_answer_finish(answer);
}

static void calls_in_a_loop(void **state)
{
    (void)state;
    struct daemon *daemon = start_server();
    uv_loop_t loop;
    struct heard heard[4] = {{.count = 0}};
    struct local_client_call *calls[4];
    struct error_detail detail = {""};
    struct pieces pieces = {.text = ""};
    struct local_client_request requests[4] = {
        {.socket_path = daemon->path, .method = "GET", .target = "/a?b=c", .last_event_id = "17"},
        {.socket_path = daemon->path, .method = "GET", .target = "/big"},
        {.socket_path = "/nowhere/at/all", .method = "GET", .target = "/"},
        {.socket_path = daemon->path,
         .method = "GET",
         .target = "/stream",
         .on_data = on_piece,
         .data = &pieces},
    };
    assert_int_equal(uv_loop_init(&loop), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(local_client_begin(&loop, &requests[i], on_done, &heard[i], &calls[i], &detail), 0);
    local_client_cancel(calls[1]);
    local_client_cancel(NULL);
    pieces.stop_with = ERROR_CANCELLED;
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(heard[0].count, 1);
    assert_int_equal(heard[0].error, 0);
    assert_int_equal(heard[0].status, 200);
    assert_string_equal(heard[0].body, "GET|/a|b=c|-|17|");
    assert_int_equal(heard[1].count, 0);
    assert_int_equal(heard[2].error, ERROR_UNREACHABLE);
    assert_int_equal(heard[3].error, ERROR_CANCELLED); /* its reader's wish, and told */

    requests[0].body_from_fd = true;
    assert_int_equal(local_client_begin(&loop, &requests[0], on_done, &heard[0], &calls[0], &detail),
                     ERROR_INVALID);
    requests[0].body_from_fd = false;
    requests[0].target = "/two words";
    assert_int_equal(local_client_begin(&loop, &requests[0], on_done, &heard[0], &calls[0], &detail),
                     ERROR_INVALID);
    assert_int_equal(uv_loop_close(&loop), 0);
    stop_server(daemon);
}

/* --- bodies from a file --- */

static void bodies_from_files(void **state)
{
    (void)state;
    struct daemon *daemon = start_server();
    char path[64];
    snprintf(path, sizeof path, "%s/body", daemon->directory);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(write(fd, "0123456789\n", 11), 11);
    struct local_client_request request = {
        daemon->path, "POST", "/lines", "application/x-ndjson", .body_from_fd = true, .body_fd = fd};
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    check_answer(&request, 200, "application/json", "20000 lines 200000 bytes");
    check_answer(&request, 200, "application/json", "0 lines 0 bytes"); /* at its end */
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    request.target = "/denied"; /* refused before it is read */
    struct local_client_answer answer;
    struct error_detail detail;
    assert_int_equal(local_client_request(&request, &answer, &detail), 0);
    assert_int_equal(answer.status, 401);
    local_client_answer_finish(&answer);
    (void)close(fd);
    assert_int_equal(unlink(path), 0);

    request.target = "/lines";
    request.body_fd = open(daemon->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(local_client_request(&request, &answer, &detail), ERROR_IO);
    (void)close(request.body_fd);
    request.body_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    check_answer(&request, 200, "application/json", "0 lines 0 bytes");
    (void)close(request.body_fd);
    stop_server(daemon);
}

static void write_slowly(void *data)
{
    int fd = *(int *)data;
    for (int i = 0; i < 3; i++) {
        (void)!write(fd, "line\n", 5);
        usleep(300000);
    }
    (void)close(fd);
}

static void body_from_a_slow_pipe(void **state)
{
    (void)state;
    struct daemon *daemon = start_server();
    int ends[2];
    uv_thread_t writer;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(uv_thread_create(&writer, write_slowly, &ends[1]), 0);
    struct local_client_request request = {
        daemon->path,       "POST",           "/lines", "application/x-ndjson", .body_from_fd = true,
        .body_fd = ends[0], .timeout_ms = 200}; /* waiting for the pipe is no silence */
    check_answer(&request, 200, "application/json", "3 lines 12 bytes");
    assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(uv_thread_join(&writer), 0);
    (void)close(ends[0]);

    /* a pipe that says nothing does not keep a refusal back */
    assert_int_equal(pipe(ends), 0);
    request.target = "/denied";
    request.body_fd = ends[0];
    struct local_client_answer answer;
    struct error_detail detail;
    assert_int_equal(local_client_request(&request, &answer, &detail), 0);
    assert_int_equal(answer.status, 401);
    local_client_answer_finish(&answer);
    (void)close(ends[0]);
    (void)close(ends[1]);
    stop_server(daemon);
}

/* --- failures --- */

static int ask(const char *path, unsigned timeout_ms, struct error_detail *detail)
{
    struct local_client_answer answer = {.status = -1};
    struct local_client_request request = {
        .socket_path = path, .method = "GET", .target = "/v1/status", .timeout_ms = timeout_ms};
    int error = local_client_request(&request, &answer, detail);
    if (!error)
        local_client_answer_finish(&answer);
    else
        assert_int_equal(answer.status, -1);
    return error;
}

static void no_daemon(void **state)
{
    (void)state;
    struct daemon *daemon = make_place();
    struct error_detail detail = {""};
    assert_int_equal(ask(daemon->path, 0, &detail), ERROR_UNREACHABLE);
    assert_non_null(strstr(detail.text, daemon->path));
    leave_place(daemon);
}

static void a_door_that_is_shut(void **state)
{
    (void)state;
    struct daemon *daemon = make_place();
    struct error_detail detail = {""};
    int fd = -1;
    assert_int_equal(http_listen_unix(daemon->path, 0000, &fd), 0);
    if (geteuid() == 0) { /* root opens everything: ask as somebody else */
        assert_int_equal(chmod(daemon->directory, 0755), 0);
        assert_int_equal(seteuid(65534), 0);
    }
    int error = ask(daemon->path, 0, &detail);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(error, ERROR_FORBIDDEN);
    (void)close(fd);
    assert_int_equal(chmod(daemon->path, 0600), 0);
    assert_int_equal(ask(daemon->path, 0, &detail), ERROR_UNREACHABLE); /* stale */
    leave_place(daemon);
}

static void a_path_too_long(void **state)
{
    (void)state;
    struct error_detail detail = {""};
    char longer[200];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(ask(longer, 0, &detail), ERROR_INVALID);
}

static void texts_that_would_break_the_request(void **state)
{
    (void)state;
    struct daemon *daemon = make_place();
    struct local_client_answer answer;
    struct error_detail detail;
    const struct local_client_request cases[] = {
        {.socket_path = daemon->path, .method = "GET", .target = "v1"},
        {.socket_path = daemon->path, .method = "GET", .target = "/a b"},
        {.socket_path = daemon->path, .method = "GET", .target = "/a\r\nX: y"},
        {.socket_path = daemon->path, .method = "GET", .target = "/", .last_event_id = "1\r\nX: y"},
        {.socket_path = daemon->path, .method = "PUT", .target = "/", .content_type = "a\nb"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(local_client_request(&cases[i], &answer, &detail), ERROR_INVALID);
    leave_place(daemon);
}

static void peers_that_misbehave(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        unsigned linger_ms;
        int error;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 0, 0},
        {"HTTP/1.1 200 OK\r\n\r\nhi", 0, 0},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 0, 0},
        {"", 0, ERROR_IO},
        {"HTTP/1.1 200 OK\r\nContent-Le", 0, ERROR_IO},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", 0, ERROR_IO},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", 0, ERROR_IO},
        {"SSH-2.0-OpenSSH_9.2\r\n", 0, ERROR_INVALID},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", 200, ERROR_TIMEOUT},
        {"", 200, ERROR_TIMEOUT},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error_detail detail = {""};
        struct daemon *daemon = start_peer(cases[i].script, strlen(cases[i].script), cases[i].linger_ms);
        int error = ask(daemon->path, cases[i].linger_ms / 4, &detail);
        if (error != cases[i].error)
            fail_msg("case %zu: %d %s", i, error, detail.text);
        stop_peer(daemon);
    }
    struct error_detail detail;
    char *headers = malloc(100000);
    memset(headers, 'a', 100000);
    memcpy(headers, "HTTP/1.1 200 OK\r\nX: ", 20);
    struct daemon *daemon = start_peer(headers, 100000, 0);
    assert_int_equal(ask(daemon->path, 0, &detail), ERROR_TOO_LARGE);
    stop_peer(daemon);
    free(headers);
}

static void signals_stay_as_they_were(void **state)
{
    (void)state;
    struct sigaction mine = {.sa_handler = SIG_DFL}, after;
    struct error_detail detail;
    assert_int_equal(sigaction(SIGPIPE, &mine, NULL), 0);
    assert_int_equal(ask("/nonexistent/socket", 0, &detail), ERROR_UNREACHABLE);
    assert_int_equal(sigaction(SIGPIPE, NULL, &after), 0);
    assert_ptr_equal((void *)(uintptr_t)after.sa_handler, (void *)(uintptr_t)SIG_DFL);
}

static void encoded_texts(void **state)
{
    (void)state;
    char text[16] = "untouched";
    assert_int_equal(local_client_encode("a-b_c.~9", text, sizeof text), 0);
    assert_string_equal(text, "a-b_c.~9");
    assert_int_equal(local_client_encode("A\\\xc3\xa9 /", text, sizeof text), ERROR_TOO_LARGE);
    assert_string_equal(text, "a-b_c.~9");
    assert_int_equal(local_client_encode("A\\\xc3\xa9/", text, sizeof text), 0);
    assert_string_equal(text, "A%5C%C3%A9%2F");
    assert_int_equal(local_client_encode("", text, 1), 0);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_answers),
        cmocka_unit_test(streamed_answers),
        cmocka_unit_test(calls_in_a_loop),
        cmocka_unit_test(bodies_from_files),
        cmocka_unit_test(body_from_a_slow_pipe),
        cmocka_unit_test(no_daemon),
        cmocka_unit_test(a_door_that_is_shut),
        cmocka_unit_test(a_path_too_long),
        cmocka_unit_test(texts_that_would_break_the_request),
        cmocka_unit_test(peers_that_misbehave),
        cmocka_unit_test(signals_stay_as_they_were),
        cmocka_unit_test(encoded_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
