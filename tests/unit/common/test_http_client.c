/* The client against our own server, and against a peer that plays a script: both in this process, on the
 * same loop, run by hand. TLS is tested with a real certificate in tests/daemon/test_http_client_tls.py. */
#include "../unit.h"

#include "common/error.h"
#include "common/http_client.h"
#include "common/http_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_NS 10000000000ull

struct fixture {
    uv_loop_t loop;
    struct http_client *client;
    int listening_fd, peer_fd;
    char url[64];
    /* the script */
    const char *script;
    size_t script_bytes, sent, repeat_from; /* repeat_from: the script's rest is sent for ever */
    bool repeats, closes, reads_first, heard;
    /* the answer */
    unsigned answers, client_closed;
    int error, status;
    char detail[256], body[1024];
    size_t body_bytes;
    int64_t retry_after_ms;
    bool send_again;
    size_t streamed, stream_max; /* bytes of an answer that is not kept; how many are wanted */
};

static void on_answer(void *data, const struct http_client_answer *answer)
{
    struct fixture *fixture = data;
    fixture->answers++;
    fixture->error = answer->error;
    fixture->status = answer->status;
    fixture->body_bytes = answer->body_bytes;
    fixture->retry_after_ms = answer->retry_after_ms;
    snprintf(fixture->detail, sizeof fixture->detail, "%s", answer->detail);
    snprintf(fixture->body, sizeof fixture->body, "%.*s", (int)answer->body_bytes, answer->body);
    if (fixture->send_again) {
        fixture->send_again = false;
        struct http_client_request request = {.method = "GET", .url = fixture->url};
        assert_true(http_client_send(fixture->client, &request, on_answer, fixture) > 0);
    }
}

static void on_client_closed(void *data)
{
    ((struct fixture *)data)->client_closed++;
}

static struct fixture *start(unsigned total_ms)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    struct http_client_settings settings = {.user_agent = "test/1", .total_ms = total_ms};
    fixture->client = http_client_create(&fixture->loop, &settings);
    assert_non_null(fixture->client);
    assert_int_equal(http_listen_tcp("127.0.0.1:0", &fixture->listening_fd), 0);
    struct sockaddr_in address;
    socklen_t bytes = sizeof address;
    assert_int_equal(getsockname(fixture->listening_fd, (struct sockaddr *)&address, &bytes), 0);
    snprintf(fixture->url, sizeof fixture->url, "http://127.0.0.1:%u/v1/reports",
             (unsigned)ntohs(address.sin_port));
    fixture->peer_fd = -1;
    return fixture;
}

static void stop(struct fixture *fixture)
{
    http_client_close(fixture->client, on_client_closed, fixture);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(fixture->client_closed, 1);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    if (fixture->listening_fd >= 0)
        (void)close(fixture->listening_fd);
    if (fixture->peer_fd >= 0)
        (void)close(fixture->peer_fd);
    free(fixture);
}

static void set_script(struct fixture *fixture, const char *script, size_t bytes)
{
    fixture->script = script;
    fixture->script_bytes = bytes;
    fixture->sent = 0;
    fixture->heard = false;
    if (fixture->peer_fd >= 0)
        (void)close(fixture->peer_fd);
    fixture->peer_fd = -1;
}

/* One move of the peer: takes the connection, hears the request, says the next of the script. */
static void play(struct fixture *fixture)
{
    char heard[4096];
    if (fixture->peer_fd < 0) {
        fixture->peer_fd = accept4(fixture->listening_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        return;
    }
    ssize_t count = recv(fixture->peer_fd, heard, sizeof heard, 0);
    fixture->heard = fixture->heard || count > 0;
    if (!fixture->heard)
        return;
    if (fixture->sent < fixture->script_bytes) {
        count = send(fixture->peer_fd, fixture->script + fixture->sent, fixture->script_bytes - fixture->sent,
                     MSG_NOSIGNAL);
        if (count > 0)
            fixture->sent += (size_t)count;
    }
    if (fixture->sent == fixture->script_bytes && fixture->repeats)
        fixture->sent = fixture->repeat_from;
    else if (fixture->sent == fixture->script_bytes && fixture->closes)
        (void)shutdown(fixture->peer_fd, SHUT_RDWR);
}

static void run_until_answered(struct fixture *fixture, unsigned answers)
{
    uint64_t end = uv_hrtime() + WAIT_NS;
    while (fixture->answers < answers && uv_hrtime() < end) {
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        if (fixture->script)
            play(fixture);
        else
            usleep(100);
    }
    assert_int_equal(fixture->answers, answers);
}

static void ask(struct fixture *fixture)
{
    struct http_client_request request = {
        .method = "POST", .url = fixture->url, .body = "{}", .body_bytes = 2, .bearer = "token"};
    fixture->answers = 0;
    assert_true(http_client_send(fixture->client, &request, on_answer, fixture) > 0);
    assert_int_equal(fixture->answers, 0);
    run_until_answered(fixture, 1);
}

/* --- what a peer may say --- */

static const struct script_case {
    const char *name, *script;
    bool repeats, stays; /* says its end for ever; keeps the connection open */
    size_t repeat_from;
    int error, status;
    const char *body;
    int64_t retry_after_ms;
} script_cases[] = {
    {"an answer", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", .stays = true, .status = 200,
     .body = "hi", .retry_after_ms = -1},
    {"an answer to its end", "HTTP/1.0 200 OK\r\n\r\nhi", .status = 200, .body = "hi", .retry_after_ms = -1},
    {"in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", .stays = true,
     .status = 200, .body = "hi", .retry_after_ms = -1},
    {"in chunks, with a trailer",
     "HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nhi\r\n0\r\nX: y\r\n\r\n",
     .stays = true, .status = 400, .body = "hi", .retry_after_ms = -1},
    {"continue first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", .stays = true,
     .status = 204, .body = "", .retry_after_ms = -1},
    {"an HTTP error", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", .status = 403, .body = "no",
     .retry_after_ms = -1},
    {"retry after seconds", "HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n",
     .status = 503, .body = "", .retry_after_ms = 120000},
    {"retry after ages", "HTTP/1.1 429 Busy\r\nRetry-After: 99999999999\r\nContent-Length: 0\r\n\r\n",
     .status = 429, .body = "", .retry_after_ms = 86400000},
    {"retry after nonsense", "HTTP/1.1 503 Busy\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n",
     .status = 503, .body = "", .retry_after_ms = -1},
    {"retry after a past date",
     "HTTP/1.1 503 Busy\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n",
     .status = 503, .body = "", .retry_after_ms = -1},
    {"a redirect", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
     .error = ERROR_REFUSED, .status = 302, .body = "", .retry_after_ms = -1},
    {"a redirect elsewhere", "HTTP/1.1 308 Go\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
     .error = ERROR_REFUSED, .status = 308, .body = "", .retry_after_ms = -1},
    {"garbage", "\x16\x03\x01 what?\r\n\r\n", .error = ERROR_UNREACHABLE, .body = "", .retry_after_ms = -1},
    {"HTTP/0.9", "<html>hello</html>", .error = ERROR_UNREACHABLE, .body = "", .retry_after_ms = -1},
    {"nothing", "", .error = ERROR_UNREACHABLE, .body = "", .retry_after_ms = -1},
    {"too long by its length", "HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\nxxxxxxxx",
     .repeats = true, .repeat_from = 44, .error = ERROR_TOO_LARGE, .status = 200, .body = "",
     .retry_after_ms = -1},
    {"too long without one", "HTTP/1.1 200 OK\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
     .repeats = true, .repeat_from = 20, .error = ERROR_TOO_LARGE, .status = 200, .body = "",
     .retry_after_ms = -1},
    {"headers without end", "HTTP/1.1 200 OK\r\nX-Header: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
     .repeats = true, .repeat_from = 17, .error = ERROR_TOO_LARGE, .status = 200, .body = "",
     .retry_after_ms = -1},
    {"a stall", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh", .stays = true, .error = ERROR_TIMEOUT,
     .status = 200, .body = "", .retry_after_ms = -1},
    {"silence", "", .stays = true, .error = ERROR_TIMEOUT, .body = "", .retry_after_ms = -1},
};

static void what_a_peer_may_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(script_cases); i++) {
        const struct script_case *test = &script_cases[i];
        struct fixture *fixture = start(test->error == ERROR_TIMEOUT ? 100 : 5000);
        set_script(fixture, test->script, strlen(test->script));
        fixture->repeats = test->repeats;
        fixture->repeat_from = test->repeat_from;
        fixture->closes = !test->stays;
        ask(fixture);
        if (fixture->error != test->error || fixture->status != test->status ||
            strcmp(fixture->body, test->body) != 0 || fixture->retry_after_ms != test->retry_after_ms)
            fail_msg("%s: error %d, status %d, body \"%s\", retry after %lld ms; %s", test->name,
                     fixture->error, fixture->status, fixture->body, (long long)fixture->retry_after_ms,
                     fixture->detail);
        assert_true((fixture->error == 0) == (fixture->detail[0] == '\0'));
        stop(fixture);
    }
}

static void retry_after_a_date(void **state)
{
    (void)state;
    struct fixture *fixture = start(5000);
    char date[64], script[256];
    time_t then = time(NULL) + 100;
    struct tm utc;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &utc));
    snprintf(script, sizeof script, "HTTP/1.1 503 Busy\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n",
             date);
    set_script(fixture, script, strlen(script));
    fixture->closes = true;
    ask(fixture);
    assert_in_range(fixture->retry_after_ms, 90000, 100000);
    stop(fixture);
}

static void answers_cut_at_every_byte(void **state)
{
    (void)state;
    static const char script[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Y: z\r\n\r\nhello";
    struct fixture *fixture = start(5000);
    fixture->closes = true;
    for (size_t bytes = 0; bytes < sizeof script; bytes++) {
        set_script(fixture, script, bytes);
        ask(fixture);
        int want = bytes == sizeof script - 1 ? 0 : ERROR_UNREACHABLE;
        if (fixture->error != want)
            fail_msg("cut at %zu: %d %s", bytes, fixture->error, fixture->detail);
    }
    stop(fixture);
}

/* --- answers that are taken as they arrive --- */

static int on_bytes(void *data, const char *bytes, size_t count)
{
    struct fixture *fixture = data;
    (void)bytes;
    fixture->streamed += count;
    return fixture->streamed > fixture->stream_max ? ERROR_DAMAGED : 0;
}

static void stream(struct fixture *fixture, bool endless, unsigned stalled_ms)
{
    struct http_client_request request = {.method = "POST",
                                          .url = fixture->url,
                                          .body = "{}",
                                          .body_bytes = 2,
                                          .authorization = "a-token",
                                          .on_bytes = on_bytes,
                                          .endless = endless,
                                          .stalled_ms = stalled_ms};
    fixture->answers = 0;
    fixture->streamed = 0;
    assert_true(http_client_send(fixture->client, &request, on_answer, fixture) > 0);
    run_until_answered(fixture, 1);
}

static void an_answer_of_any_length_is_taken_as_it_arrives(void **state)
{
    (void)state;
    static const char head[] = "HTTP/1.0 200 OK\r\n\r\n";
    enum { BODY_BYTES = 8 * HTTP_CLIENT_ANSWER_BYTES_MAX };
    struct fixture *fixture = start(5000);
    char *script = malloc(sizeof head - 1 + BODY_BYTES);
    assert_non_null(script);
    memcpy(script, head, sizeof head - 1);
    memset(script + sizeof head - 1, 'x', BODY_BYTES);
    set_script(fixture, script, sizeof head - 1 + BODY_BYTES);
    fixture->closes = true;
    fixture->stream_max = BODY_BYTES;
    stream(fixture, false, 0);
    assert_int_equal(fixture->error, 0);
    assert_int_equal(fixture->streamed, BODY_BYTES);
    assert_int_equal(fixture->body_bytes, 0);
    stop(fixture);
    free(script);
}

static void who_takes_it_may_end_it(void **state)
{
    (void)state;
    struct fixture *fixture = start(5000);
    set_script(fixture, "HTTP/1.1 200 OK\r\n\r\nxxxxxxxx", 27);
    fixture->repeats = true;
    fixture->repeat_from = 19;
    fixture->stream_max = 2000;
    stream(fixture, true, 0);
    assert_int_equal(fixture->error, ERROR_DAMAGED);
    assert_string_equal(fixture->detail, error_text(ERROR_DAMAGED));
    stop(fixture);
}

static void an_endless_answer_ends_when_it_stalls(void **state)
{
    (void)state;
    struct fixture *fixture = start(100);
    set_script(fixture, "HTTP/1.1 200 OK\r\n\r\nxxxxxxxx", 27);
    fixture->stream_max = 8;
    uint64_t began = uv_hrtime();
    stream(fixture, true, 1000);
    assert_int_equal(fixture->error, ERROR_TIMEOUT);
    assert_int_equal(fixture->streamed, 8);
    assert_true(uv_hrtime() - began > 900000000ull); /* not after total_ms */
    stop(fixture);
}

static void an_errors_body_is_kept_all_the_same(void **state)
{
    (void)state;
    struct fixture *fixture = start(5000);
    set_script(fixture, "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno", 42);
    fixture->closes = true;
    stream(fixture, false, 0);
    assert_int_equal(fixture->status, 503);
    assert_int_equal(fixture->streamed, 0);
    assert_string_equal(fixture->body, "no");
    stop(fixture);
}

static void nobody_listens(void **state)
{
    (void)state;
    struct fixture *fixture = start(5000);
    (void)close(fixture->listening_fd);
    fixture->listening_fd = -1;
    ask(fixture);
    assert_int_equal(fixture->error, ERROR_UNREACHABLE);
    assert_int_equal(fixture->status, 0);
    assert_non_null(strstr(fixture->detail, "127.0.0.1"));
    stop(fixture);
}

/* --- our own server --- */

static void on_request(void *data, struct http_exchange *exchange, const struct http_request *request)
{
    (void)data;
    char text[512];
    struct http_text bearer = {"-", 1}, type = {"-", 1}, agent = {"-", 1};
    (void)http_header(exchange, "authorization", &bearer);
    (void)http_header(exchange, "content-type", &type);
    (void)http_header(exchange, "user-agent", &agent);
    snprintf(text, sizeof text, "%s|%s|%.*s|%.*s|%.*s|%.*s", request->method, request->path,
             (int)bearer.bytes, bearer.text, (int)type.bytes, type.text, (int)agent.bytes, agent.text,
             (int)request->body.bytes, request->body.text);
    http_respond(exchange,
                 &(struct http_reply){
                     .status = 200, .content_type = "text/plain", .body = text, .body_bytes = strlen(text)});
}

static struct http_server *serve(struct fixture *fixture)
{
    struct http_handlers handlers = {.on_request = on_request};
    struct http_server *server = http_server_create(&fixture->loop, &handlers, NULL);
    assert_non_null(server);
    assert_int_equal(http_server_listen(server, fixture->listening_fd, NULL), 0);
    fixture->listening_fd = -1;
    return server;
}

static void requests_as_the_server_sees_them(void **state)
{
    (void)state;
    struct fixture *fixture = start(5000);
    struct http_server *server = serve(fixture);
    char body[3000];
    memset(body, 'b', sizeof body);
    const struct {
        struct http_client_request request;
        const char *seen;
    } cases[] = {
        {{.method = "GET", .url = fixture->url}, "GET|/v1/reports|-|-|test/1|"},
        {{.method = "DELETE", .url = fixture->url, .bearer = "t0"}, "DELETE|/v1/reports|Bearer t0|-|test/1|"},
        {{.method = "POST", .url = fixture->url, .bearer = "t0", .body = "{}", .body_bytes = 2},
         "POST|/v1/reports|Bearer t0|application/json|test/1|{}"},
        {{.method = "POST", .url = fixture->url}, "POST|/v1/reports|-|-|test/1|"},
        {{.method = "GET", .url = fixture->url, .authorization = "t0"}, "GET|/v1/reports|t0|-|test/1|"},
        {{.method = "PUT", .url = fixture->url, .body = body, .body_bytes = sizeof body},
         "PUT|/v1/reports|-|application/json|test/1|bbb"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        fixture->answers = 0;
        assert_true(http_client_send(fixture->client, &cases[i].request, on_answer, fixture) > 0);
        run_until_answered(fixture, 1);
        assert_int_equal(fixture->error, 0);
        assert_int_equal(fixture->status, 200);
        assert_int_equal(strncmp(fixture->body, cases[i].seen, strlen(cases[i].seen)), 0);
    }
    http_server_close(server, 0, NULL, NULL);
    stop(fixture);
}

static void many_at_once_and_again_from_within(void **state)
{
    (void)state;
    struct fixture *fixture = start(5000);
    struct http_server *server = serve(fixture);
    struct http_client_request request = {.method = "GET", .url = fixture->url};
    fixture->send_again = true;
    for (int i = 0; i < HTTP_CLIENT_REQUESTS_MAX; i++)
        assert_true(http_client_send(fixture->client, &request, on_answer, fixture) > 0);
    assert_int_equal(http_client_send(fixture->client, &request, on_answer, fixture), ERROR_FULL);
    run_until_answered(fixture, HTTP_CLIENT_REQUESTS_MAX + 1);
    assert_int_equal(fixture->error, 0);
    http_server_close(server, 0, NULL, NULL);
    stop(fixture);
}

static void cancelled_requests(void **state)
{
    (void)state;
    struct fixture *fixture = start(5000);
    struct http_client_request request = {.method = "GET", .url = fixture->url};
    set_script(fixture, "", 0);
    int64_t id = http_client_send(fixture->client, &request, on_answer, fixture);
    assert_true(id > 0);
    for (int i = 0; i < 5; i++)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    http_client_cancel(fixture->client, id);
    http_client_cancel(fixture->client, id);
    http_client_cancel(fixture->client, 4711);
    assert_int_equal(fixture->answers, 0);
    run_until_answered(fixture, 1);
    assert_int_equal(fixture->error, ERROR_CANCELLED);

    /* closing cancels what is under way */
    assert_true(http_client_send(fixture->client, &request, on_answer, fixture) > 0);
    assert_true(http_client_send(fixture->client, &request, on_answer, fixture) > 0);
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
    http_client_close(fixture->client, on_client_closed, fixture);
    assert_int_equal(http_client_send(fixture->client, &request, on_answer, fixture), ERROR_CANCELLED);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(fixture->answers, 3);
    assert_int_equal(fixture->error, ERROR_CANCELLED);
    assert_int_equal(fixture->client_closed, 1);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    (void)close(fixture->listening_fd);
    if (fixture->peer_fd >= 0)
        (void)close(fixture->peer_fd);
    free(fixture);
}

/* What the environment says of proxies must not matter. */
static void environment_names_no_proxy(void **state)
{
    (void)state;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    struct fixture *fixture = start(5000);
    struct http_server *server = serve(fixture);
    ask(fixture);
    assert_int_equal(fixture->error, 0);
    http_server_close(server, 0, NULL, NULL);
    stop(fixture);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(unsetenv("ALL_PROXY"), 0);
}

/* --- URLs --- */

static void urls(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        int error;
    } cases[] = {
        {"https://licence.example.com/", 0},
        {"https://licence.example.com:8443/base", 0},
        {"https://192.0.2.1", 0},
        {"http://127.0.0.1:8640", 0},
        {"http://127.9.9.9/", 0},
        {"http://localhost:8640/", 0},
        {"http://LOCALHOST/", 0},
        {"http://[::1]:8640/", 0},
        {"http://licence.example.com/", ERROR_INVALID},
        {"http://128.0.0.1/", ERROR_INVALID},
        {"http://0.0.0.0/", ERROR_INVALID},
        {"http://[::2]/", ERROR_INVALID},
        {"http://[::ffff:192.0.2.1]/", ERROR_INVALID},
        {"http://localhost.example.com/", ERROR_INVALID},
        {"http://127.0.0.1.example.com/", ERROR_INVALID},
        {"http://127.0.0.1@example.com/", ERROR_INVALID},
        {"https://user:secret@licence.example.com/", ERROR_INVALID},
        {"ftp://127.0.0.1/", ERROR_INVALID},
        {"file:///etc/passwd", ERROR_INVALID},
        {"gopher://127.0.0.1/", ERROR_INVALID},
        {"licence.example.com", ERROR_INVALID},
        {"https://", ERROR_INVALID},
        {"https://a b/", ERROR_INVALID},
        {"", ERROR_INVALID},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error_detail detail = {""};
        int error = http_client_url_check(cases[i].url, &detail);
        if (error != cases[i].error || (error && !detail.text[0]))
            fail_msg("%s: %d \"%s\"", cases[i].url, error, detail.text);
    }
}

static void requests_that_are_not_started(void **state)
{
    (void)state;
    struct fixture *fixture = start(5000);
    struct http_client_request elsewhere = {.method = "GET", .url = "http://example.com/"};
    struct http_client_request bearer = {.method = "GET", .url = fixture->url, .bearer = "a\r\nX: y"};
    assert_int_equal(http_client_send(fixture->client, &elsewhere, on_answer, fixture), ERROR_INVALID);
    assert_int_equal(http_client_send(fixture->client, &bearer, on_answer, fixture), ERROR_INVALID);
    bearer = (struct http_client_request){.method = "GET", .url = fixture->url, .authorization = "a\r\nX: y"};
    assert_int_equal(http_client_send(fixture->client, &bearer, on_answer, fixture), ERROR_INVALID);
    for (int i = 0; i < 5; i++)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_int_equal(fixture->answers, 0);
    stop(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_peer_may_say),
        cmocka_unit_test(retry_after_a_date),
        cmocka_unit_test(answers_cut_at_every_byte),
        cmocka_unit_test(an_answer_of_any_length_is_taken_as_it_arrives),
        cmocka_unit_test(who_takes_it_may_end_it),
        cmocka_unit_test(an_endless_answer_ends_when_it_stalls),
        cmocka_unit_test(an_errors_body_is_kept_all_the_same),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(requests_as_the_server_sees_them),
        cmocka_unit_test(many_at_once_and_again_from_within),
        cmocka_unit_test(cancelled_requests),
        cmocka_unit_test(environment_names_no_proxy),
        cmocka_unit_test(urls),
        cmocka_unit_test(requests_that_are_not_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
