/* api.h - what the two doors of the authority share: the farms' on TCP (public_api.h) and the administrator's
 * on a Unix socket (admin_api.h). Every call becomes a store job; its answer goes out after the commit. */
#ifndef FARMGATE_CLOUD_API_API_H
#define FARMGATE_CLOUD_API_API_H

#include "cloud/api/backlog.h"
#include "cloud/authority.h"
#include "cloud/store/store.h"
#include "cloud/sweep.h"
#include "common/http_server.h"
#include "common/log.h"
#include "common/tokens.h"

#include <limits.h>

/* Outlives both doors. */
struct api_context {
    struct store *store;
    struct backlog *backlog;
    struct sweep *sweep;
    struct authority authority; /* the pool's, whose jobs may change the key */
    struct authority answering; /* the loop's copy, which follows when they are done */
    int64_t offline_refresh_ms; /* as authority.refresh_ms, of what is answered by file */
    struct log log;
    struct tokens tokens; /* of the administrators on TCP */
    char signing_key_file[PATH_MAX];
    char backup_file[PATH_MAX]; /* that a backup is made in before it is sent */
    uv_loop_t *loop;
    bool stopping; /* new calls are answered 503 */
};

#define API_NAME_BYTES_MAX    255
#define API_METHODS_BYTES_MAX 64
#define API_ADMIN_PREFIX      "/v1/admin/"

#define API_WRONG_TOKENS_CODE "too_many_wrong_tokens"
#define API_WRONG_TOKENS_TEXT "too many wrong tokens from this address; try again later"

/* The clock of everything that waits: monotonic. */
int64_t api_now_ms(void);

/* A method on a path. */
struct api_path {
    const char *method; /* GET takes HEAD too */
    const char *path;   /* ends in '/': the rest is a name without another '/' */
    const char *suffix; /* behind the name, or NULL */
};

/* Whether the request is for it, with the name ("" if it has none). One that only differs in the method is
 * added to `allowed` (which begins as ""). */
bool api_path_fits(const struct api_path *path, const struct http_request *request,
                   char ret_name[API_NAME_BYTES_MAX + 1], char allowed[API_METHODS_BYTES_MAX]);

/* Answers 404, or 405 with what is allowed. */
void api_answer_no_path(struct http_exchange *exchange, const char *allowed);

/* One call of a method on a path. `rest` is what follows the path's prefix, percent-decoded ("" if nothing).
 */
typedef void api_call_fn(void *door, struct http_exchange *exchange, const struct http_request *request,
                         const char *rest);
struct api_route {
    struct api_path path;
    api_call_fn *call;
};

/* Calls the route, one of the door's or one that both doors have (/v1/version, /healthz); or answers 404, 405
 * (with Allow) or, while stopping, 503. */
void api_dispatch(struct api_context *context, const struct api_route *routes, size_t count, void *door,
                  struct http_exchange *exchange, const struct http_request *request);

/* Hands the job to the store; too many waiting: answers 503 with Retry-After and returns false (done is not
 * called then). */
bool api_submit(const struct api_context *context, struct store_job *job, struct http_exchange *exchange);

/* A refusal with members of its own, which are written between the two calls. The writer is NULL without
 * memory: then they are left out, and it is answered all the same. */
struct api_problem {
    int status;
    const char *code, *detail, *field; /* field NULL: none */
};
struct json_writer *api_problem_open(const struct api_problem *problem);
void api_problem_close(struct http_exchange *exchange, const struct api_problem *problem,
                       struct json_writer *writer, const char *extra_headers);

/* Answers 401. */
void api_answer_unauthorized(struct http_exchange *exchange, const char *detail);

/* Answers 429 or 503 with Retry-After. */
void api_answer_wait(struct http_exchange *exchange, int status, const char *code, const char *detail,
                     int64_t wait_ms);

/* Answers a failed job: 503 store_unavailable with Retry-After, logged once. */
void api_store_failed(const struct api_context *context, struct http_exchange *exchange, int error,
                      const char *detail);

/* Answers 200 with a JSON text and frees it; NULL: 503 without memory. */
void api_answer_json(struct http_exchange *exchange, int status, char *json);

#endif
