/* local_client.h - one request to a daemon on this machine, over its Unix socket (llhttp on uv_pipe): what
 * the command lines talk through.
 *
 * For programs that have nothing else to do meanwhile: a call runs its own loop and returns with the answer.
 * SIGPIPE is ignored during it. Who may open the socket may ask: there is no other authorisation here. */
#ifndef FARMGATE_COMMON_LOCAL_CLIENT_H
#define FARMGATE_COMMON_LOCAL_CLIENT_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

#define LOCAL_CLIENT_ANSWER_BYTES_MAX (64 * 1024 * 1024) /* of a collected body */
#define LOCAL_CLIENT_HEADER_BYTES_MAX (16 * 1024)
#define LOCAL_CLIENT_TIMEOUT_MS       10000 /* without a byte either way */
#define LOCAL_CLIENT_NO_TIMEOUT       (~0u)

struct local_client_request {
    const char *socket_path;
    const char *method; /* "GET" */
    const char *target; /* path and query, percent-encoded: see local_client_encode */
    /* What to send: nothing, or these bytes, or all that can be read from a file. */
    const char *content_type; /* NULL: none */
    const char *body;         /* NULL: none */
    size_t body_bytes;
    bool body_from_fd;         /* sent in chunks as it is read, to its end; body is not looked at */
    int body_fd;               /* stays the caller's */
    const char *last_event_id; /* of a stream to be resumed; NULL: none */
    /* NULL: the body is collected into the answer. Else it gets every piece of a 2xx answer's body as it
     * comes (server-sent events); what it returns but 0 ends the request with that. */
    int (*on_data)(void *data, const char *bytes, size_t count);
    void *data;
    unsigned timeout_ms; /* silence that is endured; 0: the default. A stream that has begun may be silent. */
};

struct local_client_answer {
    int status; /* HTTP */
    char content_type[64];
    char *body; /* NUL-terminated, never NULL; empty if on_data got it */
    size_t body_bytes;
};

/* 0: an answer came, whole, of whatever status; give it to local_client_answer_finish. Else nothing is to be
 * finished, and *ret_detail says what was tried and how it failed:
 * ERROR_UNREACHABLE nobody listens at the path; ERROR_FORBIDDEN the socket may not be opened; ERROR_TIMEOUT;
 * ERROR_INVALID a path too long, a text with a line break, not an HTTP answer; ERROR_TOO_LARGE; ERROR_IO the
 * connection broke or the file cannot be read; ERROR_NO_MEMORY; or what on_data returned. */
int local_client_request(const struct local_client_request *request, struct local_client_answer *ret_answer,
                         struct error_detail *ret_detail);
void local_client_answer_finish(struct local_client_answer *answer);

/* The same in the caller's loop, for programs that have something else to do meanwhile; they ignore SIGPIPE
 * themselves. `done` is called once, from the loop, with 0 and an answer that it is to finish, or the error;
 * the call is gone then. Until then what the request points to stays where it is. A body from a file is
 * refused. 0, or an error as above: `done` will not be called. */
struct uv_loop_s;
struct local_client_call;
typedef void local_client_done_fn(void *data, int error, struct local_client_answer *answer,
                                  const struct error_detail *detail);
int local_client_begin(struct uv_loop_s *loop, const struct local_client_request *request,
                       local_client_done_fn *done, void *data, struct local_client_call **ret,
                       struct error_detail *ret_detail);
/* `done` is not called; the call is gone when the loop has run again. NULL is fine. */
void local_client_cancel(struct local_client_call *call);

/* Percent-encodes a path segment or query value into ret, NUL-terminated: all but letters, digits and "-._~".
 * ERROR_TOO_LARGE, ret untouched, if it does not fit. */
int local_client_encode(const char *text, char *ret, size_t ret_bytes);

#endif
