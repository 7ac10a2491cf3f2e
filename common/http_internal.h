/* http_internal.h - what the server's own files share; nobody else includes it but the fuzz target.
 *
 *     http_server.c      listeners, the clients' list, deadlines, closing
 *     http_connection.c  one client: bytes in, parser, bytes out
 *     http_request.c     a request's head: target, headers, the rules for them
 *     http_reply.c       answers, problems, streams
 *     http_listen.c      listening sockets
 */
#ifndef FARMGATE_COMMON_HTTP_INTERNAL_H
#define FARMGATE_COMMON_HTTP_INTERNAL_H

#include "http_server.h"

#include <llhttp.h>
#include <netinet/in.h>

#define HTTP_READ_BYTES       (16 * 1024) /* one read; shared by all clients of a server */
#define HTTP_CORK_BYTES       (16 * 1024) /* answers of one read, written together; shared likewise */
#define HTTP_HEADERS_MAX      64          /* header lines of one request; past it 431 */
#define HTTP_ARENA_BYTES      1536        /* of a request's head, before it grows to header_bytes_max */
#define HTTP_EXCHANGES_KEPT   16          /* answered exchanges kept for reuse */
#define HTTP_BODY_KEPT_BYTES  4096        /* body buffers up to this are kept with them */
#define HTTP_LINGER_MS        2000        /* after a last answer: the client's rest is read and dropped */
#define HTTP_LINGERERS_MAX    64          /* refused newcomers that are let linger at a time */
#define HTTP_ACCEPT_PAUSE_MS  500         /* when the system cannot accept (out of files, out of memory) */
#define HTTP_ACCEPTS_PER_WAKE 64
#define HTTP_PEER_BYTES       INET6_ADDRSTRLEN
#define HTTP_REPLY_HEAD_BYTES 512 /* an answer's head without extra headers */
#define HTTP_NEVER            UINT64_MAX

enum http_phase {
    HTTP_PHASE_IDLE,    /* between requests: not a byte of the next one */
    HTTP_PHASE_HEAD,    /* in a request's line and headers */
    HTTP_PHASE_BODY,    /* in its body: collected, given away as lines, or dropped (exchange NULL) */
    HTTP_PHASE_HANDLER, /* complete; the handler owes the answer */
    HTTP_PHASE_STREAM,  /* a streamed answer; input is dropped */
    HTTP_PHASE_LAST,    /* the last answer is being written or lingers; input is dropped */
    HTTP_PHASE_CLOSED,  /* uv_close was called */
};

struct http_header_line { /* offsets into the arena */
    uint32_t name, name_bytes;
    uint32_t value, value_bytes;
};

/* A request from its first byte to its answer. Owned by its connection until the handler has it, then by the
 * handler; without its connection (and server) when the client has left. */
struct http_exchange {
    struct http_connection *connection; /* NULL: the client has left */
    struct http_exchange *next_free;
    struct http_request request;
    bool handed;     /* the handler knows it and will answer */
    bool is_head;    /* HEAD: no body in the answer */
    bool keep_alive; /* what the request allows */
    bool chunked_ok; /* HTTP/1.1 */
    bool expects;    /* Expect: 100-continue */
    const struct http_body_lines *lines;
    bool lines_dropped; /* after on_too_long */
    bool header_open;   /* a header line's name has begun, its value not ended */
    char peer[HTTP_PEER_BYTES];

    struct http_header_line headers[HTTP_HEADERS_MAX];
    unsigned header_count;
    char *body;
    size_t body_bytes, body_room;
    size_t target_bytes;
    char *arena; /* target, then names and values; `first` until that is too small */
    size_t arena_bytes, arena_room;
    char first[HTTP_ARENA_BYTES];
};

struct http_stream {
    struct http_connection *connection;
    void (*gone)(void *data); /* NULL: no stream */
    void (*sent)(void *data); /* NULL: nobody waits */
    void *data;
    bool chunked;
};

struct http_connection {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct http_server *server;
    struct http_connection *previous, *next; /* the server's list */
    struct http_connection *next_ready;      /* the server's list of those with input to go on with */
    llhttp_t parser;
    enum http_phase phase;
    bool counted;      /* among clients_max; a refused newcomer is not */
    bool reading;      /* uv_read_start */
    bool ready;        /* on the ready list */
    bool in_input;     /* below http_connection_input on the stack */
    bool input_ended;  /* the client will send no more */
    bool input_unread; /* bytes of the client may remain unread at the last answer */
    bool shut;         /* uv_shutdown was called */
    bool head_timed;   /* the deadline is this request head's */
    bool body_paused;  /* the handler has asked for no more lines yet */
    bool complete;     /* the parser has seen the request's end */
    int refusal;       /* status the parser's callbacks want, 0 none */
    const char *refusal_detail;
    void *listener_data;
    struct http_exchange *exchange; /* the one under way */
    struct http_stream out;
    uint64_t deadline_ms;      /* loop time; HTTP_NEVER */
    size_t unsent_at_deadline; /* what was unsent when the deadline was set: less by then is progress */
    size_t head_bytes;         /* of this request's head so far */
    size_t body_moved;         /* body bytes that came since the deadline was set */
    size_t body_left;          /* of a dropped body that is still read to keep the connection */
    char *pending;             /* input that waits for the answer before it */
    size_t pending_bytes;
    uv_shutdown_t shutdown;
    char peer[HTTP_PEER_BYTES];
};

struct http_listener {
    struct http_server *server;
    struct http_listener *next;
    /* Ends it: http_server_listener_closed is called when that is done. Its memory is whoever's it was. */
    void (*close)(struct http_listener *listener);
    void *data;
};

struct http_socket_listener {
    struct http_listener listener; /* first */
    uv_poll_t poll;
    struct http_socket_listener *next; /* of the server's that pause together */
    int fd;
    bool tcp;
};

struct http_server {
    uv_loop_t *loop;
    struct http_handlers handlers;
    struct http_limits limits;
    llhttp_settings_t parser_settings;
    struct http_listener *listeners;
    struct http_socket_listener *sockets;
    struct http_connection *connections;
    struct http_connection *ready, **ready_tail;
    struct http_exchange *free_exchanges;
    unsigned free_count, client_count, lingerer_count, handle_count;
    uv_timer_t deadlines;
    uint64_t deadlines_at_ms; /* when the timer fires; HTTP_NEVER */
    uint64_t accept_again_ms; /* HTTP_NEVER unless accepting pauses */
    uv_idle_t again;          /* runs the ready list */
    int reserve_fd;           /* given up to accept and refuse when out of files */
    bool closing;
    uint64_t close_by_ms;
    void (*closed)(void *data);
    void *closed_data;
    int64_t date_s;
    char date[48]; /* "Date: …\r\n" of date_s */
    size_t date_bytes;
    struct http_connection *corked; /* whose answers are gathered in cork */
    size_t cork_bytes;
    char cork[HTTP_CORK_BYTES];
    char read[HTTP_READ_BYTES];
};

/* http_server.c */
void http_server_deadline(struct http_server *server, uint64_t at_ms);
void http_server_ready(struct http_connection *connection);
void http_server_connection_closed(struct http_connection *connection);
void http_server_handle_closed(struct http_server *server);
/* A listener of another kind than sockets; it gives its newcomers here, each a descriptor that uv_pipe_open
 * takes. */
void http_server_add_listener(struct http_server *server, struct http_listener *listener);
void http_server_listener_closed(struct http_server *server);
void http_server_welcome_pipe(struct http_listener *listener, int fd);

/* http_connection.c */
/* Takes fd. counted false: a newcomer over the limit, who gets 503 and is let linger. */
int http_connection_open(struct http_server *server, int fd, bool tcp, bool counted, const char *peer,
                         void *listener_data);
void http_connection_callbacks(llhttp_settings_t *ret);
void http_connection_close(struct http_connection *connection);
/* Goes on with input that waited. */
void http_connection_resume(struct http_connection *connection);
/* Its deadline has come. */
void http_connection_expire(struct http_connection *connection);
/* The server closes: finishes or closes. */
void http_connection_wind_up(struct http_connection *connection);
/* Writes now, or behind what is queued. On failure the connection is closed. */
void http_connection_write(struct http_connection *connection, const uv_buf_t *parts, unsigned count);
size_t http_connection_unsent(const struct http_connection *connection);
/* The exchange under way has lost its client. */
void http_connection_lose_exchange(struct http_connection *connection);
/* The answer of the exchange under way has been written; it is the last one if `last`. */
void http_connection_answered(struct http_connection *connection, bool last);
/* The last bytes were written: closes once they are sent. */
void http_connection_finish(struct http_connection *connection);
void http_connection_deadline(struct http_connection *connection, uint64_t in_ms);

/* http_request.c */
struct http_exchange *http_exchange_begin(struct http_connection *connection);
void http_exchange_end(struct http_exchange *exchange);
/* The client has left: the handler keeps an exchange without connection, or it ends. */
void http_exchange_orphan(struct http_exchange *exchange);
int http_exchange_add_target(struct http_exchange *exchange, const char *at, size_t bytes);
int http_exchange_add_name(struct http_exchange *exchange, const char *at, size_t bytes);
int http_exchange_add_value(struct http_exchange *exchange, const char *at, size_t bytes);
void http_exchange_end_value(struct http_exchange *exchange);
int http_exchange_add_body(struct http_exchange *exchange, const char *at, size_t bytes, size_t bytes_max);
/* Judges a complete head and fills exchange->request: 0, or the status to refuse with and *ret_detail. */
int http_exchange_check_head(struct http_exchange *exchange, const llhttp_t *parser, const char **ret_detail);

/* http_reply.c */
/* Refuses by the server itself; the connection ends with it. */
void http_refuse(struct http_connection *connection, int status, const char *detail);
/* A whole refusal for one who gets no connection. */
size_t http_refusal(struct http_server *server, int status, const char *detail, char *ret, size_t room);
void http_stream_gone(struct http_connection *connection);
void http_stream_sent(struct http_connection *connection);

#endif
