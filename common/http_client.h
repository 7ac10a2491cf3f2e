/* http_client.h - HTTPS requests through libcurl's multi interface on libuv.
 *
 * TLS ≥ 1.2, verification never off, no redirects, plain http only to loopback, answers at most
 * HTTP_CLIENT_ANSWER_BYTES_MAX. libcurl is set up at the first request and torn down when none is under way:
 * an idle agent holds no TLS memory.
 *
 * A proxy is used only if the settings name one, and never towards loopback; the environment's (https_proxy)
 * is not looked at: what a daemon talks through must stand in its configuration. */
#ifndef FARMGATE_COMMON_HTTP_CLIENT_H
#define FARMGATE_COMMON_HTTP_CLIENT_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define HTTP_CLIENT_ANSWER_BYTES_MAX (64 * 1024)
#define HTTP_CLIENT_HEADER_BYTES_MAX (32 * 1024) /* all header lines of an answer */
#define HTTP_CLIENT_REQUESTS_MAX     64          /* under way; past it ERROR_FULL */
#define HTTP_CLIENT_CONNECT_MS       10000
#define HTTP_CLIENT_TOTAL_MS         30000

struct http_client;

struct http_client_settings { /* texts are copied; NULL: the system's or none */
    const char *ca_file;
    const char *proxy;
    const char *user_agent;
    const char *certificate_file, *key_file; /* the client's own, see client_certificate.h */
    unsigned connect_ms, total_ms;           /* 0: the defaults above */
};

/* Bytes of an answer with a status below 300, as they arrive; not 0 ends the request, which is then done with
 * that error. Called from within libcurl: what it leads to must wait for the loop's next turn, since none of
 * the functions below may be called meanwhile. */
typedef int http_client_bytes_fn(void *data, const char *bytes, size_t count);

struct http_client_request { /* copied */
    const char *method;      /* "POST" */
    const char *url;
    const char *bearer; /* token, or NULL */
    const char *body;   /* application/json, or NULL */
    size_t body_bytes;
    const char *authorization; /* the header's whole value, in place of `bearer`, or NULL */
    http_client_bytes_fn
        *on_bytes;       /* of an answer of any length, with `done`'s data; NULL: kept for `done` */
    bool endless;        /* total_ms is no limit: an answer that goes on as long as it likes */
    unsigned stalled_ms; /* ends if nothing arrives for so long, in whole seconds; 0: no limit */
};

struct http_client_answer { /* valid during the callback */
    int error;          /* 0: an HTTP answer came, of whatever status but a redirect; else ERROR_UNREACHABLE
                           (also: no TLS, not HTTP, cut short), ERROR_CERTIFICATE, ERROR_TIMEOUT,
                           ERROR_TOO_LARGE, ERROR_REFUSED (a redirect), ERROR_CONFIGURATION (the CA file),
                           ERROR_NO_MEMORY, ERROR_CANCELLED */
    const char *detail; /* of the error, for people: curl's words */
    int status;         /* HTTP status; 0 without an answer */
    const char *body;   /* "" if on_bytes had it */
    size_t body_bytes;
    int64_t retry_after_ms; /* from Retry-After (seconds or date), at most a day; -1 without one */
};
typedef void http_client_fn(void *data, const struct http_client_answer *answer);

/* NULL without memory. */
struct http_client *http_client_create(uv_loop_t *loop, const struct http_client_settings *settings);

/* Whether this URL may be used: https, or http to a loopback host. ERROR_INVALID with the reason in
 * *ret_detail. */
int http_client_url_check(const char *url, struct error_detail *ret_detail);

/* Whether a proxy may stand there: http, https, socks5 or socks5h, a host and a port. ERROR_INVALID with the
 * reason in *ret_detail. */
int http_client_proxy_check(const char *url, struct error_detail *ret_detail);

/* Starts a request; `done` is called exactly once, later, on the loop (also when the client is closed:
 * ERROR_CANCELLED). Negative code: not started, done is not called. Returns an id > 0 for http_client_cancel.
 */
int64_t http_client_send(struct http_client *client, const struct http_client_request *request,
                         http_client_fn *done, void *data);

/* Ends a request early: `done` is called, later, with ERROR_CANCELLED. An id that is done is ignored. */
void http_client_cancel(struct http_client *client, int64_t id);

/* Cancels all, closes handles; calls `closed` when *client is gone. */
void http_client_close(struct http_client *client, void (*closed)(void *data), void *data);

#endif
