/* The server over real sockets, in one process: clients are plain non-blocking sockets, and the loop is run
 * by hand until what a test waits for has come. */
#include "../unit.h"

#include "common/error.h"
#include "common/http_server.h"
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_MS    5000
#define CLIENT_MAX (4 * 1024 * 1024)

struct fixture {
    uv_loop_t loop;
    struct http_server *server;
    char directory[32];
    char path[64];
    bool closed;
    struct http_exchange *held; /* /later */
    struct http_stream *stream; /* /stream */
    unsigned gone, lines_gone, requests, lines, too_long, sent;
    size_t line_bytes;
    struct http_exchange *lines_exchange;
    bool pause_at_first_line;
    struct http_body_lines taker;
};

/* --- the handler --- */

static void on_gone(void *data)
{
    struct fixture *fixture = data;
    fixture->gone++;
    fixture->stream = NULL;
}

static void respond_text(struct http_exchange *exchange, int status, const char *text)
{
    http_respond(exchange, &(struct http_reply){.status = status,
                                                .content_type = "text/plain",
                                                .body = text,
                                                .body_bytes = strlen(text)});
}

/* Tells what the handler was given. */
static void echo(struct http_exchange *exchange, const struct http_request *request)
{
    char user[16] = "", text[1024];
    struct http_text header = {"-", 1};
    (void)http_header(exchange, "x-test", &header);
    int query = http_query(request, "user", user, sizeof user);
    snprintf(text, sizeof text, "%s %s ? %s | %.*s | %d %s | %.*s", request->method, request->path,
             request->query, (int)request->body.bytes, request->body.text, query, query > 0 ? user : "",
             (int)header.bytes, header.text);
    respond_text(exchange, 200, text);
}

static void big(struct http_exchange *exchange, size_t bytes)
{
    char *text = malloc(bytes);
    assert_non_null(text);
    memset(text, 'x', bytes);
    http_respond(
        exchange,
        &(struct http_reply){.status = 200, .content_type = "text/plain", .body = text, .body_bytes = bytes});
    free(text);
}

static void on_request(void *data, struct http_exchange *exchange, const struct http_request *request)
{
    struct fixture *fixture = data;
    fixture->requests++;
    if (strcmp(request->path, "/none") == 0)
        http_respond(exchange, &(struct http_reply){.status = 204, .extra_headers = "X-Extra: yes\r\n"});
    else if (strcmp(request->path, "/later") == 0)
        fixture->held = exchange;
    else if (strcmp(request->path, "/big") == 0)
        big(exchange, 256 * 1024);
    else if (strcmp(request->path, "/huge") == 0)
        big(exchange, 1024 * 1024);
    else if (strcmp(request->path, "/problem") == 0)
        http_problem(exchange, 403, "no_license_free", "a \"quoted\"\n\xff word", "user");
    else if (strcmp(request->path, "/stream") == 0)
        fixture->stream = http_stream_begin(exchange, "text/event-stream", on_gone, fixture);
    else
        echo(exchange, request);
}

static void on_line(void *data, struct http_exchange *exchange, const char *line, size_t bytes)
{
    struct fixture *fixture = data;
    fixture->lines++;
    fixture->line_bytes += bytes;
    fixture->lines_exchange = exchange;
    if (bytes == 4 && memcmp(line, "stop", 4) == 0)
        respond_text(exchange, 400, "stopped");
    if (fixture->pause_at_first_line && fixture->lines == 1)
        http_lines_pause(exchange);
}

static void on_lines_end(void *data, struct http_exchange *exchange)
{
    struct fixture *fixture = data;
    char text[64];
    snprintf(text, sizeof text, "%u lines %zu bytes", fixture->lines, fixture->line_bytes);
    respond_text(exchange, 200, text);
}

static void on_too_long(void *data, struct http_exchange *exchange)
{
    struct fixture *fixture = data;
    fixture->too_long++;
    respond_text(exchange, 413, "line too long");
}

static void on_lines_gone(void *data)
{
    struct fixture *fixture = data;
    fixture->lines_gone++;
}

static const struct http_body_lines *on_head(void *data, struct http_exchange *exchange,
                                             const struct http_request *request)
{
    struct fixture *fixture = data;
    assert_int_equal(request->body.bytes, 0);
    if (strcmp(request->path, "/denied") == 0)
        respond_text(exchange, 401, "denied");
    else if (strcmp(request->path, "/lines") == 0)
        return &fixture->taker;
    return NULL;
}

/* --- the fixture --- */

static void start_with(struct fixture *fixture, const struct http_limits *limits)
{
    int fd = -1;
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/farmgate-http-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->path, sizeof fixture->path, "%s/socket", fixture->directory);
    fixture->taker = (struct http_body_lines){on_line, on_lines_end, on_too_long, on_lines_gone, fixture};
    struct http_handlers handlers = {on_head, on_request, fixture};
    fixture->server = http_server_create(&fixture->loop, &handlers, limits);
    assert_non_null(fixture->server);
    assert_int_equal(http_listen_unix(fixture->path, 0600, &fd), 0);
    assert_int_equal(http_server_listen(fixture->server, fd, fixture), 0);
}

static struct fixture *start(const struct http_limits *limits)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    start_with(fixture, limits);
    return fixture;
}

static void on_closed(void *data)
{
    ((struct fixture *)data)->closed = true;
}

static void stop(struct fixture *fixture)
{
    if (!fixture->closed && fixture->server)
        http_server_close(fixture->server, 0, on_closed, fixture);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_true(fixture->closed);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    (void)unlink(fixture->path);
    (void)rmdir(fixture->directory);
    free(fixture);
}

static int connect_client(struct fixture *fixture)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, fixture->path, strlen(fixture->path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void turn(struct fixture *fixture)
{
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
}

static void turns_ms(struct fixture *fixture, unsigned ms)
{
    uint64_t end = uv_hrtime() + (uint64_t)ms * 1000000;
    while (uv_hrtime() < end) {
        turn(fixture);
        usleep(500);
    }
}

/* Sends all of it, running the server meanwhile. False when the server has closed. */
static bool send_bytes(struct fixture *fixture, int fd, const char *bytes, size_t count)
{
    uint64_t end = uv_hrtime() + WAIT_MS * 1000000ull;
    while (count > 0 && uv_hrtime() < end) {
        ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return false;
        if (sent > 0) {
            bytes += sent;
            count -= (size_t)sent;
        }
        turn(fixture);
    }
    return count == 0;
}

static void send_text(struct fixture *fixture, int fd, const char *text)
{
    (void)send_bytes(fixture, fd, text, strlen(text));
}

struct received {
    char *text;
    size_t bytes;
    bool closed;
};

/* Receives until `until` stands in it, or to the end if that is NULL. */
static struct received receive(struct fixture *fixture, int fd, const char *until)
{
    struct received received = {.text = malloc(CLIENT_MAX + 1)};
    assert_non_null(received.text);
    received.text[0] = '\0';
    uint64_t end = uv_hrtime() + WAIT_MS * 1000000ull;
    while (uv_hrtime() < end && received.bytes < CLIENT_MAX) {
        turn(fixture);
        ssize_t count = recv(fd, received.text + received.bytes, CLIENT_MAX - received.bytes, 0);
        if (count == 0 || (count < 0 && errno != EAGAIN)) {
            received.closed = true;
            break;
        }
        if (count > 0)
            received.bytes += (size_t)count;
        received.text[received.bytes] = '\0';
        if (until && strstr(received.text, until))
            break;
        if (count < 0)
            usleep(200);
    }
    return received;
}

static unsigned count_of(const char *text, const char *word)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
        count++;
    return count;
}

static void expect(struct fixture *fixture, int fd, const char *until, const char *part)
{
    struct received received = receive(fixture, fd, until);
    if (!strstr(received.text, part))
        fail_msg("no \"%s\" in \"%.400s\"", part, received.text);
    free(received.text);
}

static void expect_closed(struct fixture *fixture, int fd)
{
    struct received received = receive(fixture, fd, NULL);
    assert_true(received.closed);
    free(received.text);
}

/* --- single requests, as a table --- */

enum after { KEPT, ENDS };

struct exchange_case {
    const char *name;
    const char *request;
    const char *status;
    const char *part; /* of the answer */
    enum after after;
};

#define HOST "Host: localhost\r\n"

static const struct exchange_case exchange_cases[] = {
    {"get", "GET /a HTTP/1.1\r\n" HOST "\r\n", "200 OK", "GET /a ?  |  | 0  | -", KEPT},
    {"decoded path", "GET /a%20b%2Fc%C3%A9 HTTP/1.1\r\n" HOST "\r\n", "200", "GET /a b/c\xc3\xa9 ? ", KEPT},
    {"raw query", "GET /a?x=%20&user=al+i%63e HTTP/1.1\r\n" HOST "\r\n", "200",
     "? x=%20&user=al+i%63e |  | 1 al ice", KEPT},
    {"query twice", "GET /?user=a&user=b HTTP/1.1\r\n" HOST "\r\n", "200", "| -10002 ", KEPT},
    {"query too long", "GET /?user=0123456789abcdef HTTP/1.1\r\n" HOST "\r\n", "200", "| -10003 ", KEPT},
    {"query with NUL", "GET /?user=a%00b HTTP/1.1\r\n" HOST "\r\n", "200", "| -10002 ", KEPT},
    {"query with newline", "GET /?user=a%0Ab HTTP/1.1\r\n" HOST "\r\n", "200", "| -10002 ", KEPT},
    {"query cut escape", "GET /?user=a%4 HTTP/1.1\r\n" HOST "\r\n", "200", "| -10002 ", KEPT},
    {"query bad UTF-8", "GET /?user=%ff HTTP/1.1\r\n" HOST "\r\n", "200", "| -10002 ", KEPT},
    {"query other name", "GET /?users=b&xuser=c&user HTTP/1.1\r\n" HOST "\r\n", "200", "| 0 ", KEPT},
    {"query empty", "GET /?user= HTTP/1.1\r\n" HOST "\r\n", "200", "| 1  |", KEPT},
    {"header trimmed", "GET / HTTP/1.1\r\n" HOST "X-TEST: \t a b \t \r\n\r\n", "200", "| a b", KEPT},
    {"header empty", "GET / HTTP/1.1\r\n" HOST "X-Test:\r\nY: z\r\n\r\n", "200", "0  | ", KEPT},
    {"header last of two", "GET / HTTP/1.1\r\n" HOST "X-Test: a\r\nX-Test: b\r\n\r\n", "200", "| b", KEPT},
    {"absolute target", "GET http://h/a?b HTTP/1.1\r\n" HOST "\r\n", "200", "GET /a ? b", KEPT},
    {"absolute target without path", "GET http://h?b HTTP/1.1\r\n" HOST "\r\n", "200", "GET / ? b", KEPT},
    {"empty lines before", "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "200", "GET /", KEPT},
    {"body", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", "200", "| hello |", KEPT},
    {"empty body", "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "200", "|  |", KEPT},
    {"chunked body",
     "PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nX-Test: "
     "trailer\r\n\r\n",
     "200", "| hello | 0  | -", KEPT},
    {"upgrade is not done", "GET / HTTP/1.1\r\n" HOST "Connection: upgrade\r\nUpgrade: x\r\n\r\n", "200",
     "GET /", KEPT},
    {"connection close", "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "200", "Connection: close",
     ENDS},
    {"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "200", "Connection: close", ENDS},
    {"HTTP/1.0 kept", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "200", "Connection: keep-alive",
     KEPT},
    {"head", "HEAD /none HTTP/1.1\r\n" HOST "\r\n", "204", "X-Extra: yes", KEPT},
    {"no content", "GET /none HTTP/1.1\r\n" HOST "\r\n", "204 No Content", "X-Extra: yes", KEPT},
    {"problem", "GET /problem HTTP/1.1\r\n" HOST "\r\n", "403 Forbidden",
     "{\"type\":\"about:blank\",\"title\":\"Forbidden\",\"status\":403,\"code\":\"no_license_free\","
     "\"field\":"
     "\"user\",\"detail\":\"a \\\"quoted\\\"\\u000a? word\"}",
     KEPT},
    {"early answer", "POST /denied HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", "401", "denied",
     KEPT},
    {"early answer, no body", "GET /denied HTTP/1.1\r\n" HOST "\r\n", "401", "denied", KEPT},
    {"early answer, too long a body", "POST /denied HTTP/1.1\r\n" HOST "Content-Length: 5000\r\n\r\n", "401",
     "Connection: close", ENDS},
    {"early answer, client expects",
     "POST /denied HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", "401",
     "Connection: close", ENDS},
    {"garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", "400", "problem+json", ENDS},
    {"no host", "GET / HTTP/1.1\r\n\r\n", "400", "Host header is missing", ENDS},
    {"two hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", "400", "given twice", ENDS},
    {"two authorizations", "GET / HTTP/1.1\r\n" HOST "Authorization: a\r\nAUTHORIZATION: b\r\n\r\n", "400",
     "given twice", ENDS},
    {"two lengths", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", "400",
     "bad_request", ENDS},
    {"length and chunked",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400",
     "bad_request", ENDS},
    {"chunked and length",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "400",
     "bad_request", ENDS},
    {"chunked twice", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
     "400", "bad_request", ENDS},
    {"not chunked last", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n", "400",
     "bad_request", ENDS},
    {"unknown coding", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501",
     "not_implemented", ENDS},
    {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400",
     "Transfer-Encoding", ENDS},
    {"bad chunk", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "400",
     "bad_request", ENDS},
    {"negative length", "POST / HTTP/1.1\r\n" HOST "Content-Length: -5\r\n\r\n", "400", "bad_request", ENDS},
    {"length past 64 bits", "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551616\r\n\r\n", "400",
     "bad_request", ENDS},
    {"space before colon", "GET / HTTP/1.1\r\n" HOST "X-Test : a\r\n\r\n", "400", "bad_request", ENDS},
    {"NUL in a header", "GET / HTTP/1.1\r\n" HOST "X-Test: a\x01z\r\n\r\n", "400", "bad_request", ENDS},
    {"folded header", "GET / HTTP/1.1\r\n" HOST "X-Test: a\r\n b\r\n\r\n", "200", "| a b", KEPT},
    {"folded length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n 0\r\n\r\nx", "400", "bad_request",
     ENDS},
    {"folded coding", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
     "200", "| x |", KEPT},
    {"late folded coding",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n , x\r\n\r\n1\r\nx\r\n0\r\n\r\n", "400",
     "bad_request", ENDS},
    {"lone CR in a header", "GET / HTTP/1.1\r\n" HOST "X-Test: a\rEvil: b\r\n\r\n", "400", "bad_request",
     ENDS},
    {"no such method", "BREW / HTTP/1.1\r\n" HOST "\r\n", "400", "bad_request", ENDS},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505", "version_not_supported", ENDS},
    {"HTTP/3.0", "GET / HTTP/3.0\r\n" HOST "\r\n", "505", "version_not_supported", ENDS},
    {"HTTP/2.0", "GET / HTTP/2.0\r\n" HOST "\r\n", "505", "version_not_supported", ENDS},
    {"NUL in the path", "GET /a%00b HTTP/1.1\r\n" HOST "\r\n", "400", "not a valid path", ENDS},
    {"bad UTF-8 in the path", "GET /%c0%af HTTP/1.1\r\n" HOST "\r\n", "400", "not a valid path", ENDS},
    {"cut escape in the path", "GET /%4 HTTP/1.1\r\n" HOST "\r\n", "400", "not a valid path", ENDS},
    {"fragment", "GET /a#b HTTP/1.1\r\n" HOST "\r\n", "400", "not a valid path", ENDS},
    {"star", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "400", "not a valid path", ENDS},
    {"connect", "CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", "400", "not a valid path", ENDS},
    {"unknown expectation", "GET / HTTP/1.1\r\n" HOST "Expect: cake\r\n\r\n", "417", "expectation_failed",
     ENDS},
    {"body too long by its length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 2049\r\n\r\nx", "413",
     "body_too_large", ENDS},
    {"lines", "POST /lines HTTP/1.1\r\n" HOST "Content-Length: 8\r\n\r\nab\r\ncd\ne", "200",
     "3 lines 5 bytes", KEPT},
    {"lines, none", "POST /lines HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "200", "0 lines 0 bytes",
     KEPT},
    {"lines, answered within", "POST /lines HTTP/1.1\r\n" HOST "Content-Length: 12\r\n\r\na\nstop\nb\nc\nd",
     "400", "stopped", KEPT},
    {"lines, bad chunk",
     "POST /lines HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\na\n\r\nzz\r\n", "400",
     "bad_request", ENDS},
};

static const struct http_limits small = {.header_bytes_max = 1024,
                                         .body_bytes_max = 2048,
                                         .line_bytes_max = 100,
                                         .stream_bytes_max = 64 * 1024,
                                         .clients_max = 4,
                                         .idle_ms = 60000,
                                         .request_ms = 10000};

static void run_case(struct fixture *fixture, const struct exchange_case *test, bool by_byte)
{
    fixture->lines = 0;
    fixture->line_bytes = 0;
    int fd = connect_client(fixture);
    if (by_byte)
        for (const char *at = test->request; *at && send_bytes(fixture, fd, at, 1); at++)
            ;
    else
        send_text(fixture, fd, test->request);
    /* a kept connection answers a second request; one that ends says so by its end */
    if (test->after == KEPT)
        send_text(fixture, fd, "GET /last HTTP/1.0\r\n\r\n");
    struct received received = receive(fixture, fd, NULL);
    char status[64];
    snprintf(status, sizeof status, "HTTP/1.1 %s", test->status);
    if (strncmp(received.text, status, strlen(status)) != 0 || !strstr(received.text, test->part))
        fail_msg("%s%s: \"%s\"", test->name, by_byte ? " (by byte)" : "", received.text);
    if (!received.closed || count_of(received.text, "GET /last ?") != (test->after == KEPT))
        fail_msg("%s%s: wrong end: \"%s\"", test->name, by_byte ? " (by byte)" : "", received.text);
    free(received.text);
    (void)close(fd);
    turn(fixture);
}

static void single_requests(void **state)
{
    (void)state;
    struct fixture *fixture = start(&small);
    for (size_t i = 0; i < COUNT(exchange_cases); i++) {
        run_case(fixture, &exchange_cases[i], false);
        run_case(fixture, &exchange_cases[i], true);
    }
    assert_int_equal(http_server_clients(fixture->server), 0);
    stop(fixture);
}

/* --- limits --- */

static char *repeated(const char *before, char byte, size_t count, const char *after)
{
    char *text = calloc(1, strlen(before) + count + strlen(after) + 1);
    assert_non_null(text);
    strcpy(text, before);
    memset(text + strlen(before), byte, count);
    strcat(text, after);
    return text;
}

static void heads_and_bodies_past_their_limit(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        char byte;
        size_t count;
        const char *after, *status;
    } cases[] = {
        {"GET /", 'a', 900, " HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "200"},
        {"GET /", 'a', 1100, " HTTP/1.1\r\n" HOST "\r\n", "414"},
        {"GET / HTTP/1.1\r\n" HOST "Connection: close\r\nX: ", 'a', 900, "\r\n\r\n", "200"},
        {"GET / HTTP/1.1\r\n" HOST "X: ", 'a', 1100, "\r\n\r\n", "431"},
        {"GET / HTTP/1.1\r\n" HOST "X", 'a', 100000, ": b\r\n\r\n", "431"},
        {"", '\n', 3000, "GET / HTTP/1.1\r\n" HOST "\r\n", "414"},
        {"POST / HTTP/1.0\r\nContent-Length: 2048\r\n\r\n", 'b', 2048, "", "200"},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 2049\r\n\r\n", 'b', 2049, "", "413"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n100000\r\n", 'b', 0x100000,
         "\r\n0\r\n\r\n", "413"},
        {"POST /lines HTTP/1.0\r\nContent-Length: 101\r\n\r\n", 'b', 100, "\n", "200"},
        {"POST /lines HTTP/1.0\r\nContent-Length: 102\r\n\r\n", 'b', 101, "\n", "413"},
        {"POST /lines HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n", 'b', 100000, "", "413"},
    };
    struct fixture *fixture = start(&small);
    for (size_t i = 0; i < COUNT(cases); i++) {
        int fd = connect_client(fixture);
        char *text = repeated(cases[i].before, cases[i].byte, cases[i].count, cases[i].after);
        send_text(fixture, fd, text);
        struct received received = receive(fixture, fd, NULL);
        if (!received.closed || strncmp(received.text + 9, cases[i].status, 3) != 0)
            fail_msg("case %zu: \"%.300s\"", i, received.text);
        free(received.text);
        free(text);
        (void)close(fd);
    }
    stop(fixture);
}

static void too_many_headers(void **state)
{
    (void)state;
    struct fixture *fixture = start(NULL);
    int fd = connect_client(fixture);
    send_text(fixture, fd, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 64; i++)
        send_text(fixture, fd, "X: y\r\n");
    expect(fixture, fd, NULL, "HTTP/1.1 431 ");
    (void)close(fd);
    stop(fixture);
}

static void slow_and_idle_clients(void **state)
{
    (void)state;
    struct http_limits quick = {.idle_ms = 120, .request_ms = 60};
    struct fixture *fixture = start(&quick);
    int idle = connect_client(fixture);
    int slow = connect_client(fixture);
    int stalled = connect_client(fixture);
    int waiting = connect_client(fixture);
    send_text(fixture, slow, "GET / HT");
    send_text(fixture, stalled, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhe");
    send_text(fixture, waiting, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    expect(fixture, slow, NULL, "HTTP/1.1 408 ");
    expect(fixture, stalled, NULL, "HTTP/1.1 408 ");
    struct received received = receive(fixture, idle, NULL);
    assert_true(received.closed);
    assert_int_equal(received.bytes, 0);
    free(received.text);

    turns_ms(fixture, 200); /* our own slowness is not the client's */
    respond_text(fixture->held, 200, "at last");
    expect(fixture, waiting, "at last", "200 OK");
    (void)close(idle);
    (void)close(slow);
    (void)close(stalled);
    (void)close(waiting);
    stop(fixture);
}

static void dribbled_head_is_cut_at_its_time(void **state)
{
    (void)state;
    struct http_limits quick = {.idle_ms = 10000, .request_ms = 80};
    struct fixture *fixture = start(&quick);
    int fd = connect_client(fixture);
    uint64_t began = uv_hrtime();
    send_text(fixture, fd, "GET / HTTP/1.1\r\nX: ");
    for (int i = 0; i < 12; i++) {
        (void)send(fd, "a", 1, MSG_NOSIGNAL);
        turns_ms(fixture, 10);
    }
    expect(fixture, fd, NULL, "HTTP/1.1 408 ");
    assert_true(uv_hrtime() - began < 2000000000ull);
    (void)close(fd);
    stop(fixture);
}

/* --- order, keep-alive, waiting --- */

static void pipelined_answers_keep_their_order(void **state)
{
    (void)state;
    struct fixture *fixture = start(NULL);
    int fd = connect_client(fixture);
    send_text(fixture, fd,
              "GET /1 HTTP/1.1\r\n" HOST "\r\nGET /later HTTP/1.1\r\n" HOST "\r\nPOST /3 HTTP/1.1\r\n" HOST
              "Content-Length: 2\r\n\r\nhiGET /4 HTTP/1.1\r\n" HOST "\r\n");
    turns_ms(fixture, 20);
    assert_non_null(fixture->held);
    assert_int_equal(fixture->requests, 2);
    respond_text(fixture->held, 200, "held");
    struct received received = receive(fixture, fd, "GET /4");
    const char *one = strstr(received.text, "GET /1"), *two = strstr(received.text, "held");
    const char *three = strstr(received.text, "POST /3"), *four = strstr(received.text, "GET /4");
    assert_true(one && two && three && four && one < two && two < three && three < four);
    assert_int_equal(count_of(received.text, "Date: "), 4);
    free(received.text);
    (void)close(fd);
    stop(fixture);
}

static void half_closed_clients_get_every_answer(void **state)
{
    (void)state;
    struct fixture *fixture = start(NULL);
    int fd = connect_client(fixture);
    send_text(fixture, fd,
              "GET /1 HTTP/1.1\r\n" HOST "\r\nGET /later HTTP/1.1\r\n" HOST "\r\nGET /big HTTP/1.1\r\n" HOST
              "\r\nGET /4 HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    turns_ms(fixture, 20);
    respond_text(fixture->held, 200, "held");
    struct received received = receive(fixture, fd, NULL);
    assert_true(received.closed);
    assert_int_equal(count_of(received.text, "HTTP/1.1 200 OK"), 4);
    assert_non_null(strstr(received.text, "GET /4"));
    free(received.text);
    (void)close(fd);

    fd = connect_client(fixture);
    send_text(fixture, fd, "GET / HTTP/1.1\r\nHos");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    expect(fixture, fd, NULL, "HTTP/1.1 400 ");
    (void)close(fd);
    stop(fixture);
}

static void expected_continue(void **state)
{
    (void)state;
    struct fixture *fixture = start(NULL);
    int fd = connect_client(fixture);
    send_text(fixture, fd, "POST /e HTTP/1.1\r\n" HOST "Content-Length: 2\r\nExpect: 100-Continue\r\n\r\n");
    expect(fixture, fd, "\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n");
    send_text(fixture, fd, "hi");
    expect(fixture, fd, "POST /e", "| hi |");
    send_text(fixture, fd,
              "POST /e HTTP/1.1\r\n" HOST "Content-Length: 2000000\r\nExpect: 100-continue\r\n\r\n");
    struct received received = receive(fixture, fd, NULL);
    assert_null(strstr(received.text, "100 Continue"));
    assert_non_null(strstr(received.text, "HTTP/1.1 413 "));
    free(received.text);
    (void)close(fd);
    stop(fixture);
}

static void head_has_the_length_and_no_body(void **state)
{
    (void)state;
    struct fixture *fixture = start(NULL);
    int fd = connect_client(fixture);
    send_text(fixture, fd, "HEAD /big HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    struct received received = receive(fixture, fd, NULL);
    assert_non_null(strstr(received.text, "Content-Length: 262144\r\n"));
    assert_string_equal(strstr(received.text, "\r\n\r\n"), "\r\n\r\n");
    free(received.text);
    (void)close(fd);
    stop(fixture);
}

/* A client that sends and never reads: answers queue, so its further requests must wait unread. */
static void unread_answers_hold_requests_back(void **state)
{
    (void)state;
    static const char request[] = "GET /big HTTP/1.1\r\n" HOST "\r\n";
    struct fixture *fixture = start(NULL);
    int fd = connect_client(fixture);
    size_t sent_requests = 0;
    for (int i = 0; i < 20000; i++) {
        ssize_t sent = send(fd, request, sizeof request - 1, MSG_NOSIGNAL);
        if (sent != (ssize_t)(sizeof request - 1)) {
            assert_true(sent < 0);
            break;
        }
        sent_requests++;
        if (i % 16 == 0)
            turn(fixture);
    }
    turns_ms(fixture, 20);
    assert_true(sent_requests > 100);
    assert_true(fixture->requests <= 4);

    /* and when it reads, all come */
    size_t bytes = 0, want = sent_requests * 256 * 1024;
    char *room = malloc(1 << 20);
    assert_non_null(room);
    uint64_t end = uv_hrtime() + 20 * 1000000000ull;
    while (bytes < want && uv_hrtime() < end) {
        ssize_t count = recv(fd, room, 1 << 20, 0);
        if (count > 0)
            bytes += (size_t)count;
        turn(fixture);
    }
    assert_true(bytes >= want);
    assert_int_equal(fixture->requests, sent_requests);
    free(room);
    (void)close(fd);
    stop(fixture);
}

static void stalled_reader_is_dropped(void **state)
{
    (void)state;
    struct http_limits quick = {.idle_ms = 80};
    struct fixture *fixture = start(&quick);
    int fd = connect_client(fixture);
    for (int i = 0; i < 4; i++)
        send_text(fixture, fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    turns_ms(fixture, 300);
    assert_int_equal(http_server_clients(fixture->server), 0);
    (void)close(fd);
    stop(fixture);
}

static void slow_reader_is_not_dropped(void **state)
{
    (void)state;
    struct http_limits quick = {.idle_ms = 500};
    struct fixture *fixture = start(&quick);
    int fd = connect_client(fixture);
    send_text(fixture, fd, "GET /huge HTTP/1.0\r\n\r\n");
    size_t bytes = 0;
    char room[8192];
    ssize_t count = 1;
    uint64_t began = uv_hrtime();
    while (count != 0 && uv_hrtime() - began < WAIT_MS * 1000000ull) {
        count = recv(fd, room, sizeof room, 0);
        if (count > 0)
            bytes += (size_t)count;
        turns_ms(fixture, 10);
    }
    assert_true(bytes > 1024 * 1024);
    assert_true(uv_hrtime() - began > 2 * 500000000ull);
    (void)close(fd);
    stop(fixture);
}

/* Moving is not enough where a pace is asked for: a byte now and then would hold a connection for ever. */
static void trickles_are_stalls(void **state)
{
    (void)state;
    struct http_limits quick = {.idle_ms = 150, .pace_bytes = 64};
    struct fixture *fixture = start(&quick);
    int trickle = connect_client(fixture), steady = connect_client(fixture), reader = connect_client(fixture);
    char piece[41], room[256];
    memset(piece, 'x', sizeof piece - 1);
    piece[sizeof piece - 1] = '\0';
    send_text(fixture, trickle, "POST / HTTP/1.1\r\n" HOST "Content-Length: 4000\r\n\r\n");
    send_text(fixture, steady, "POST / HTTP/1.1\r\n" HOST "Content-Length: 400\r\n\r\n");
    send_text(fixture, reader, "GET /huge HTTP/1.1\r\n" HOST "\r\n");
    for (int i = 0; i < 10; i++) {
        (void)send(trickle, "x", 1, MSG_NOSIGNAL);
        send_text(fixture, steady, piece);
        turns_ms(fixture, 40);
        (void)recv(reader, room, 1, 0);
    }
    expect(fixture, steady, NULL, "HTTP/1.1 200 ");
    expect(fixture, trickle, NULL, "HTTP/1.1 408 ");
    (void)close(trickle);
    (void)close(steady);
    turns_ms(fixture, 300);
    assert_int_equal(http_server_clients(fixture->server), 0);
    (void)close(reader);
    stop(fixture);
}

/* --- clients that leave --- */

static void answer_to_one_who_left_is_dropped(void **state)
{
    (void)state;
    struct fixture *fixture = start(NULL);
    int fd = connect_client(fixture);
    send_text(fixture, fd, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    turns_ms(fixture, 5);
    (void)close(fd);
    turns_ms(fixture, 5);
    assert_non_null(fixture->held);
    assert_string_equal(http_peer(fixture->held), SYSTEM_LOCAL_PEER);
    respond_text(fixture->held, 200, "nobody");
    turns_ms(fixture, 5);
    assert_int_equal(http_server_clients(fixture->server), 0);

    /* the same when the server ends first */
    fd = connect_client(fixture);
    send_text(fixture, fd, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    turns_ms(fixture, 5);
    struct http_exchange *held = fixture->held;
    stop(fixture);
    assert_string_equal(http_peer(held), SYSTEM_LOCAL_PEER);
    respond_text(held, 200, "nobody");
    (void)close(fd);
}

static int connect_tcp(int listening_fd)
{
    struct sockaddr_in address;
    socklen_t bytes = sizeof address;
    assert_int_equal(getsockname(listening_fd, (struct sockaddr *)&address, &bytes), 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, bytes), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void reset_in_the_middle_of_an_answer(void **state)
{
    (void)state;
    struct fixture *fixture = start(NULL);
    int listening_fd = -1;
    assert_int_equal(http_listen_tcp("127.0.0.1:0", &listening_fd), 0);
    assert_int_equal(http_server_listen(fixture->server, listening_fd, NULL), 0);
    for (int i = 0; i < 20; i++) {
        int fd = connect_tcp(listening_fd);
        for (int j = 0; j < 40; j++)
            send_text(fixture, fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
        turns_ms(fixture, 2);
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
        (void)close(fd);
        turns_ms(fixture, 2);
    }
    turns_ms(fixture, 20);
    assert_int_equal(http_server_clients(fixture->server), 0);
    int fd = connect_tcp(listening_fd);
    send_text(fixture, fd, "GET /alive HTTP/1.0\r\n\r\n");
    expect(fixture, fd, NULL, "GET /alive");
    (void)close(fd);
    stop(fixture);
}

/* A refusal must reach a client that is still sending: a reset would take it away on TCP. */
static void refusal_survives_a_client_that_goes_on_sending(void **state)
{
    (void)state;
    struct fixture *fixture = start(NULL);
    int listening_fd = -1;
    assert_int_equal(http_listen_tcp("127.0.0.1:0", &listening_fd), 0);
    assert_int_equal(http_server_listen(fixture->server, listening_fd, NULL), 0);
    int fd = connect_tcp(listening_fd);
    char *body = repeated("POST / HTTP/1.1\r\n" HOST "Content-Length: 3000000\r\n\r\n", 'x', 3000000, "");
    assert_true(send_bytes(fixture, fd, body, strlen(body)));
    struct received received = receive(fixture, fd, NULL);
    assert_non_null(strstr(received.text, "HTTP/1.1 413 "));
    free(received.text);
    free(body);
    (void)close(fd);
    stop(fixture);
}

/* --- lines --- */

static void lines_wait_while_paused(void **state)
{
    (void)state;
    struct fixture *fixture = start(NULL);
    fixture->pause_at_first_line = true;
    int fd = connect_client(fixture);
    send_text(fixture, fd, "POST /lines HTTP/1.1\r\n" HOST "Content-Length: 400000\r\n\r\n");
    char *body = repeated("", '\n', 400000, "");
    size_t sent = 0;
    for (int i = 0; i < 200 && sent < 400000; i++) {
        ssize_t count = send(fd, body + sent, 400000 - sent, MSG_NOSIGNAL);
        if (count > 0)
            sent += (size_t)count;
        turn(fixture);
    }
    turns_ms(fixture, 20);
    assert_in_range(fixture->lines, 1, 16 * 1024);
    http_lines_resume(fixture->lines_exchange);
    (void)send_bytes(fixture, fd, body + sent, 400000 - sent);
    expect(fixture, fd, "bytes", "400000 lines 0 bytes");
    free(body);
    (void)close(fd);
    stop(fixture);
}

static void lines_of_one_who_leaves(void **state)
{
    (void)state;
    struct fixture *fixture = start(NULL);
    int fd = connect_client(fixture);
    send_text(fixture, fd, "POST /lines HTTP/1.1\r\n" HOST "Content-Length: 400\r\n\r\na\nb\nc");
    turns_ms(fixture, 5);
    assert_int_equal(fixture->lines, 2);
    (void)close(fd);
    turns_ms(fixture, 5);
    assert_int_equal(fixture->lines_gone, 1);
    assert_int_equal(http_server_clients(fixture->server), 0);
    stop(fixture);
}

/* --- streams --- */

static void on_sent(void *data)
{
    ((struct fixture *)data)->sent++;
}

static void streamed_answer(void **state)
{
    (void)state;
    struct fixture *fixture = start(NULL);
    int fd = connect_client(fixture);
    send_text(fixture, fd, "GET /stream HTTP/1.1\r\n" HOST "\r\nGET /dropped HTTP/1.1\r\n" HOST "\r\n");
    expect(fixture, fd, "\r\n\r\n", "Transfer-Encoding: chunked");
    assert_non_null(fixture->stream);
    assert_int_equal(http_stream_write(fixture->stream, "data: 1\n\n", 9), 0);
    expect(fixture, fd, "data", "9\r\ndata: 1\n\n\r\n");
    http_stream_when_sent(fixture->stream, on_sent);
    assert_int_equal(fixture->sent, 0);
    turns_ms(fixture, 5);
    assert_int_equal(fixture->sent, 1);
    http_stream_end(fixture->stream);
    struct received received = receive(fixture, fd, NULL);
    assert_string_equal(received.text, "0\r\n\r\n");
    assert_true(received.closed);
    free(received.text);
    (void)close(fd);

    fd = connect_client(fixture);
    send_text(fixture, fd, "GET /stream HTTP/1.0\r\n\r\n");
    turns_ms(fixture, 5);
    assert_int_equal(http_stream_write(fixture->stream, "data", 4), 0);
    http_stream_end(fixture->stream);
    received = receive(fixture, fd, NULL);
    assert_string_equal(strstr(received.text, "\r\n\r\n"), "\r\n\r\ndata");
    free(received.text);
    (void)close(fd);

    fd = connect_client(fixture);
    send_text(fixture, fd, "HEAD /stream HTTP/1.1\r\n" HOST "\r\n");
    expect(fixture, fd, NULL, "text/event-stream");
    assert_int_equal(fixture->gone, 0);
    (void)close(fd);
    stop(fixture);
}

static void stream_of_one_who_leaves(void **state)
{
    (void)state;
    struct fixture *fixture = start(NULL);
    int fd = connect_client(fixture);
    send_text(fixture, fd, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    turns_ms(fixture, 5);
    assert_non_null(fixture->stream);
    (void)close(fd);
    turns_ms(fixture, 5);
    assert_int_equal(fixture->gone, 1);
    assert_int_equal(http_server_clients(fixture->server), 0);
    stop(fixture);
}

static void stream_to_one_who_does_not_read(void **state)
{
    (void)state;
    struct fixture *fixture = start(&small);
    int fd = connect_client(fixture), error = 0;
    char event[1024];
    memset(event, 'e', sizeof event);
    send_text(fixture, fd, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    turns_ms(fixture, 5);
    int written = 0;
    while (!error && written < 10000) {
        error = http_stream_write(fixture->stream, event, sizeof event);
        written++;
        if (written == 100 && !error)
            http_stream_when_sent(fixture->stream, on_sent);
    }
    assert_int_equal(error, ERROR_FULL);
    assert_int_equal(fixture->gone, 1);
    turns_ms(fixture, 5);
    assert_int_equal(http_server_clients(fixture->server), 0);
    (void)close(fd);
    stop(fixture);
}

static void long_stream_paced_by_its_client(void **state)
{
    (void)state;
    struct fixture *fixture = start(&small);
    int fd = connect_client(fixture);
    char event[32 * 1024];
    memset(event, 'e', sizeof event);
    send_text(fixture, fd, "GET /stream HTTP/1.0\r\n\r\n");
    turns_ms(fixture, 5);
    size_t bytes = 0;
    char *room = malloc(1 << 20);
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(http_stream_write(fixture->stream, event, sizeof event), 0);
        http_stream_when_sent(fixture->stream, on_sent);
        while (fixture->sent == i) {
            ssize_t count = recv(fd, room, 1 << 20, 0);
            if (count > 0)
                bytes += (size_t)count;
            turn(fixture);
        }
    }
    http_stream_end(fixture->stream);
    struct received rest = receive(fixture, fd, NULL);
    assert_true(bytes + rest.bytes > 64 * sizeof event);
    free(rest.text);
    free(room);
    (void)close(fd);
    stop(fixture);
}

/* --- too many clients --- */

static void newcomers_over_the_limit(void **state)
{
    (void)state;
    struct fixture *fixture = start(&small);
    int kept[4];
    for (size_t i = 0; i < COUNT(kept); i++) {
        kept[i] = connect_client(fixture);
        send_text(fixture, kept[i], "GET / HTTP/1.1\r\n" HOST "\r\n");
        expect(fixture, kept[i], "GET /", "200 OK");
    }
    for (int i = 0; i < 100; i++) { /* also past those who may linger */
        int fd = connect_client(fixture);
        (void)send(fd, "GET / HTTP/1.1\r\n", 16, MSG_NOSIGNAL);
        struct received received = receive(fixture, fd, "too many clients");
        if (strncmp(received.text, "HTTP/1.1 503 ", 13) != 0)
            fail_msg("newcomer %d: \"%s\"", i, received.text);
        free(received.text);
        if (i % 2)
            (void)close(fd);
    }
    assert_int_equal(http_server_clients(fixture->server), 4);
    (void)close(kept[0]);
    turns_ms(fixture, 5);
    int fd = connect_client(fixture);
    send_text(fixture, fd, "GET /again HTTP/1.0\r\n\r\n");
    expect(fixture, fd, NULL, "GET /again");
    (void)close(fd);
    for (size_t i = 1; i < COUNT(kept); i++)
        (void)close(kept[i]);
    stop(fixture);
}

/* No file left for accept(): the newcomer is refused at once, and the loop does not spin. */
static void out_of_files(void **state)
{
    (void)state;
    struct fixture *fixture = start(NULL);
    struct rlimit before, now;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int fd = connect_client(fixture);
    int next = dup(0);
    (void)close(next);
    now = before;
    now.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    struct received received = receive(fixture, fd, NULL);
    int spins = 0;
    uint64_t end = uv_hrtime() + 50000000;
    while (uv_hrtime() < end) {
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        spins++;
        usleep(1000);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(strncmp(received.text, "HTTP/1.1 503 ", 13), 0);
    free(received.text);
    (void)close(fd);
    fd = connect_client(fixture);
    send_text(fixture, fd, "GET /again HTTP/1.0\r\n\r\n");
    expect(fixture, fd, NULL, "GET /again");
    (void)close(fd);
    stop(fixture);
}

/* --- the end --- */

static void close_lets_answers_finish(void **state)
{
    (void)state;
    struct fixture *fixture = start(NULL);
    int later = connect_client(fixture), idle = connect_client(fixture), half = connect_client(fixture),
        follower = connect_client(fixture), big_reader = connect_client(fixture);
    send_text(fixture, later, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    send_text(fixture, half, "GET /la");
    send_text(fixture, follower, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    send_text(fixture, big_reader, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    turns_ms(fixture, 10);
    http_server_close(fixture->server, 5000, on_closed, fixture);
    expect_closed(fixture, idle);
    expect_closed(fixture, half);
    expect(fixture, follower, NULL, "0\r\n\r\n");
    assert_int_equal(fixture->gone, 1);
    assert_false(fixture->closed);
    respond_text(fixture->held, 200, "in time");
    expect(fixture, later, NULL, "Connection: close");
    struct received received = receive(fixture, big_reader, NULL);
    assert_true(received.bytes > 256 * 1024);
    free(received.text);
    turns_ms(fixture, 10);
    assert_true(fixture->closed);
    int fds[] = {later, idle, half, follower, big_reader};
    for (size_t i = 0; i < COUNT(fds); i++)
        (void)close(fds[i]);
    stop(fixture);
}

static void close_waits_no_longer_than_told(void **state)
{
    (void)state;
    struct fixture *fixture = start(NULL);
    int fd = connect_client(fixture);
    send_text(fixture, fd, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    turns_ms(fixture, 5);
    http_server_close(fixture->server, 50, on_closed, fixture);
    turns_ms(fixture, 20);
    assert_false(fixture->closed);
    turns_ms(fixture, 60);
    assert_true(fixture->closed);
    respond_text(fixture->held, 200, "too late");
    (void)close(fd);
    stop(fixture);
}

/* --- listening sockets --- */

static void unix_sockets(void **state)
{
    (void)state;
    struct fixture *fixture = start(NULL);
    char path[128], longer[200];
    struct stat found;
    int fd = -1, second = -1;
    mode_t umask_before = umask(0077);
    snprintf(path, sizeof path, "%s/other", fixture->directory);
    assert_int_equal(http_listen_unix(path, 0666, &fd), 0);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0666);
    assert_int_equal(http_listen_unix(path, 0600, &second), ERROR_BUSY);
    assert_int_equal(second, -1);
    (void)close(fd);
    umask(0);
    assert_int_equal(http_listen_unix(path, 0600, &fd), 0); /* stale: replaced */
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    umask(umask_before);
    (void)close(fd);
    assert_int_equal(unlink(path), 0);

    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    (void)close(file);
    assert_int_equal(http_listen_unix(path, 0600, &fd), ERROR_INVALID);
    assert_int_equal(unlink(path), 0);
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(http_listen_unix(longer, 0600, &fd), ERROR_TOO_LARGE);
    assert_int_equal(http_listen_unix("", 0600, &fd), ERROR_INVALID);
    snprintf(path, sizeof path, "%s/none/socket", fixture->directory);
    assert_int_equal(http_listen_unix(path, 0600, &fd), UV_ENOENT);
    stop(fixture);
}

static void tcp_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        int error;
    } cases[] = {
        {"127.0.0.1:0", 0},
        {"[::1]:0", 0},
        {"localhost:0", ERROR_INVALID},
        {"127.0.0.1", ERROR_INVALID},
        {"127.0.0.1:", ERROR_INVALID},
        {"127.0.0.1:65536", ERROR_INVALID},
        {"127.0.0.1:-1", ERROR_INVALID},
        {"127.0.0.1:1x", ERROR_INVALID},
        {"::1:80", ERROR_INVALID},
        {"[::1:80", ERROR_INVALID},
        {"[]:80", ERROR_INVALID},
        {":80", ERROR_INVALID},
        {"", ERROR_INVALID},
        {"192.0.2.1:0", UV_EADDRNOTAVAIL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int fd = -1;
        int error = http_listen_tcp(cases[i].address, &fd);
        if (error == UV_EAFNOSUPPORT || (error == UV_EADDRNOTAVAIL && cases[i].address[0] == '['))
            continue; /* a machine without IPv6 */
        if (error != cases[i].error)
            fail_msg("%s: %s", cases[i].address, error_text(error));
        if (fd >= 0)
            (void)close(fd);
    }
    int fd = -1, second = -1;
    struct sockaddr_in address;
    socklen_t bytes = sizeof address;
    char text[64];
    assert_int_equal(http_listen_tcp("127.0.0.1:0", &fd), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
    snprintf(text, sizeof text, "127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    assert_int_equal(http_listen_tcp(text, &second), ERROR_BUSY);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_requests),
        cmocka_unit_test(heads_and_bodies_past_their_limit),
        cmocka_unit_test(too_many_headers),
        cmocka_unit_test(slow_and_idle_clients),
        cmocka_unit_test(dribbled_head_is_cut_at_its_time),
        cmocka_unit_test(pipelined_answers_keep_their_order),
        cmocka_unit_test(half_closed_clients_get_every_answer),
        cmocka_unit_test(expected_continue),
        cmocka_unit_test(head_has_the_length_and_no_body),
        cmocka_unit_test(unread_answers_hold_requests_back),
        cmocka_unit_test(stalled_reader_is_dropped),
        cmocka_unit_test(trickles_are_stalls),
        cmocka_unit_test(slow_reader_is_not_dropped),
        cmocka_unit_test(answer_to_one_who_left_is_dropped),
        cmocka_unit_test(reset_in_the_middle_of_an_answer),
        cmocka_unit_test(refusal_survives_a_client_that_goes_on_sending),
        cmocka_unit_test(lines_wait_while_paused),
        cmocka_unit_test(lines_of_one_who_leaves),
        cmocka_unit_test(streamed_answer),
        cmocka_unit_test(stream_of_one_who_leaves),
        cmocka_unit_test(stream_to_one_who_does_not_read),
        cmocka_unit_test(long_stream_paced_by_its_client),
        cmocka_unit_test(newcomers_over_the_limit),
        cmocka_unit_test(out_of_files),
        cmocka_unit_test(close_lets_answers_finish),
        cmocka_unit_test(close_waits_no_longer_than_told),
        cmocka_unit_test(unix_sockets),
        cmocka_unit_test(tcp_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
