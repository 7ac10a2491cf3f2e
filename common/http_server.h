/* http_server.h - a small HTTP/1.1 server on libuv and llhttp, for the agent's local API and the authority.
 *
 * Knows nothing of routes: every complete request goes to one handler. llhttp's lenient flags stay off;
 * Content-Length with Transfer-Encoding is 400. Answers are written in the order of the requests (pipelining
 * works). One loop, one thread. Errors that the server itself answers (400, 408, 413, 414, 431, 503) are
 * problem+json. */
#ifndef FARMGATE_COMMON_HTTP_SERVER_H
#define FARMGATE_COMMON_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define HTTP_HEADER_BYTES_MAX 8192 /* request line and headers together; past it 431 (414 for the target) */
#define HTTP_BODY_BYTES_MAX   (1024 * 1024) /* past it 413 */
#define HTTP_LINE_BYTES_MAX   (16 * 1024)   /* one line of a streamed NDJSON body */
#define HTTP_CLIENTS_MAX      256   /* all listeners of a server together; past it the newcomer gets 503 */
#define HTTP_IDLE_MS          60000 /* without a byte on a kept-alive connection or in a stalled answer */
#define HTTP_REQUEST_MS       10000 /* from a request's first byte to its header's end; a stalled body: idle */
#define HTTP_PACE_BYTES       1     /* that a body, or an answer, has to move on in idle_ms to be no stall */
#define HTTP_STREAM_BYTES_MAX \
    (256 * 1024) /* unsent bytes of a streamed answer; past it the client is dropped */

struct http_server;
struct http_exchange;

struct http_limits { /* 0: the default above */
    size_t header_bytes_max, body_bytes_max, line_bytes_max, stream_bytes_max;
    size_t pace_bytes;
    unsigned clients_max;
    unsigned idle_ms, request_ms;
};

struct http_text { /* not NUL-terminated; valid until the exchange is answered */
    const char *text;
    size_t bytes;
};

/* A request whose body is complete. */
struct http_request {
    const char *method; /* "GET" */
    const char *path;   /* percent-decoded, NUL-terminated, starts with '/'; no NUL, no invalid UTF-8 in it
                           (else 400) */
    const char
        *encoded_slash; /* the first one of path's that was %2F, so that it parts nothing; NULL: none */
    const char *query;  /* raw, after '?'; "" without one */
    struct http_text body;
    void *listener_data; /* of http_server_listen: which door it came through */
};

/* A body taken as a stream of lines instead (NDJSON): see on_head. A line comes without its newline, at most
 * line_bytes_max (else the exchange gets `too_long` once and the rest of the body is discarded). */
struct http_body_lines {
    void (*on_line)(void *data, struct http_exchange *exchange, const char *line, size_t bytes);
    void (*on_end)(void *data, struct http_exchange *exchange); /* the whole body came; answer now or later */
    void (*on_too_long)(void *data, struct http_exchange *exchange);
    void (*on_gone)(void *data); /* the client left before the end; the exchange is dead, do not answer */
    void *data;
};

/* For an exchange whose lines are taken: no further line comes (and no further byte is read from the client)
 * until resumed; at most the lines of one read still follow. The stop is no stall of the client's: no
 * deadline runs. */
void http_lines_pause(struct http_exchange *exchange);
void http_lines_resume(struct http_exchange *exchange);

struct http_handlers {
    /* The request line and headers are there, the body not yet (request->body is empty). May answer at once
     * (401, 404): the body is then discarded. May return lines to have the body streamed. NULL handler: every
     * body is collected. */
    const struct http_body_lines *(*on_head)(void *data, struct http_exchange *exchange,
                                             const struct http_request *request);
    /* The request is complete. Answer exactly once, now or later, on the loop's thread: the exchange lives
     * until then, even if the client leaves (the answer is then dropped). Not called if on_head answered or
     * took the lines. */
    void (*on_request)(void *data, struct http_exchange *exchange, const struct http_request *request);
    void *data;
};

/* NULL without memory. `handlers` and `limits` are copied. */
struct http_server *http_server_create(uv_loop_t *loop, const struct http_handlers *handlers,
                                       const struct http_limits *limits);

/* Takes a bound, listening, non-blocking socket (Unix or TCP; from systemd or http_listen_*); the server
 * closes it, on failure at once. Negative libuv code on failure. */
int http_server_listen(struct http_server *server, int fd, void *listener_data);

/* Stops accepting, finishes answers in flight for at most grace_ms, then closes all and calls `closed` (then
 * *server is gone). */
void http_server_close(struct http_server *server, unsigned grace_ms, void (*closed)(void *data), void *data);

unsigned http_server_clients(const struct http_server *server);

/* Listens at a path of this machine, as the system has them: a Unix socket with this mode, or a named pipe
 * ("//./pipe/NAME") that SYSTEM, Administrators and the program's own account may open, and a group of this
 * machine's by that name if there is one; nobody over the network. ERROR_BUSY: somebody listens there. */
int http_listen_local(struct http_server *server, const char *path, unsigned mode, const char *group,
                      void *listener_data);

/* Where such paths are of sockets alone. A listening socket at a path: a stale one (nobody answers) is
 * replaced, a live one is ERROR_BUSY; mode as given. */
int http_listen_unix(const char *path, unsigned mode, int *ret_fd);
/* "127.0.0.1:8620", "[::1]:8620"; port 0 picks one. ERROR_INVALID for what is no numeric address. */
int http_listen_tcp(const char *address, int *ret_fd);
/* Whether it is such an address: 0 or ERROR_INVALID. */
int http_listen_tcp_check(const char *address);

/* Where clients of this machine find a listening TCP socket: "127.0.0.1:8620", also where it listens on every
 * address.
 * "": not a TCP socket's. */
void http_listen_address(int fd, char *ret, size_t bytes);

/* --- inside a handler ----------------------------------------------------------------------------------- */

/* A header of the request by lower-case name, in *ret, without white space around it; false if absent. Host,
 * Authorization, Content-Length, Content-Type, Expect and Last-Event-ID given twice are 400 before the
 * handler; of another that is repeated this is the last line. */
bool http_header(const struct http_exchange *exchange, const char *name, struct http_text *ret);

/* Inside on_head: whether a body follows. */
bool http_body_follows(const struct http_exchange *exchange);

/* A parameter of the query string, percent- and plus-decoded into ret (NUL-terminated). 1 found, 0 absent,
 * negative: malformed, given twice, too long for ret_bytes, or holds NUL, control characters or invalid
 * UTF-8. */
int http_query(const struct http_request *request, const char *name, char *ret, size_t ret_bytes);

/* The client's address for a log line ("unix", "127.0.0.1"). */
const char *http_peer(const struct http_exchange *exchange);

struct http_reply {
    int status;
    const char *content_type; /* NULL: no body allowed (204) or none wanted */
    const char *body;         /* copied */
    size_t body_bytes;
    const char *extra_headers; /* whole lines "Name: value\r\n", or NULL */
};

/* Answers; the exchange is gone afterwards. HEAD drops the body, keeps the length. */
void http_respond(struct http_exchange *exchange, const struct http_reply *reply);

/* What a status is called: "Not Found". */
const char *http_status_title(int status);

/* application/problem+json (RFC 9457): {type:"about:blank", title, status, code, detail[, field]}. */
void http_problem(struct http_exchange *exchange, int status, const char *code, const char *detail,
                  const char *field);
/* With further header lines, as a reply's. */
void http_problem_with(struct http_exchange *exchange, int status, const char *code, const char *detail,
                       const char *extra_headers);

/* A streamed answer (server-sent events). After http_stream_begin write as often as wanted; `gone` is called
 * once when the client leaves, is dropped for being slow, or the server closes; then the stream is no more.
 */
struct http_stream;
struct http_stream *http_stream_begin(struct http_exchange *exchange, const char *content_type,
                                      void (*gone)(void *data),
                                      void *data); /* NULL: client already gone, gone not called */
/* 0, or ERROR_FULL: the client is too slow, or left, and has been dropped (gone was called). Bytes are
 * copied. */
int http_stream_write(struct http_stream *stream, const void *bytes, size_t count);
/* Calls `sent` once, from the loop, when all that was written so far is out of our hands: the time to write
 * more of something long. Not called after gone or http_stream_end. */
void http_stream_when_sent(struct http_stream *stream, void (*sent)(void *data));
/* Ends it from our side; gone is not called. */
void http_stream_end(struct http_stream *stream);

#endif
