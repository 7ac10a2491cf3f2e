#include "cloud/api/api.h"

#include "cloud/api/document.h"
#include "common/json.h"
#include "version.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t api_now_ms(void)
{
    return (int64_t)(uv_hrtime() / 1000000);
}

/* Whether the path is the route's, and what stands for its name. */
static bool match(const struct api_path *route, const char *path, char ret_name[API_NAME_BYTES_MAX + 1])
{
    size_t prefix = strlen(route->path), suffix = route->suffix != NULL ? strlen(route->suffix) : 0;
    ret_name[0] = '\0';
    if (route->path[prefix - 1] != '/')
        return strcmp(path, route->path) == 0;
    size_t bytes = strlen(path);
    if (bytes <= prefix + suffix || strncmp(path, route->path, prefix) != 0)
        return false;
    size_t name = bytes - prefix - suffix;
    if (suffix > 0 && strcmp(path + prefix + name, route->suffix) != 0)
        return false;
    if (name > API_NAME_BYTES_MAX || memchr(path + prefix, '/', name) != NULL)
        return false;
    memcpy(ret_name, path + prefix, name);
    ret_name[name] = '\0';
    return true;
}

static bool takes(const struct api_path *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

bool api_path_fits(const struct api_path *path, const struct http_request *request,
                   char ret_name[API_NAME_BYTES_MAX + 1], char allowed[API_METHODS_BYTES_MAX])
{
    if (!match(path, request->path, ret_name))
        return false;
    if (takes(path, request->method))
        return true;
    size_t used = strlen(allowed);
    (void)snprintf(allowed + used, API_METHODS_BYTES_MAX - used, "%s%s", used > 0 ? ", " : "", path->method);
    return false;
}

static void answer_not_allowed(struct http_exchange *exchange, const char *allowed)
{
    char allow[API_METHODS_BYTES_MAX + 16];
    (void)snprintf(allow, sizeof allow, "Allow: %s\r\n", allowed);
    http_problem_with(exchange, 405, "method_not_allowed", "this path has other methods", allow);
}

static void get_version(void *door, struct http_exchange *exchange, const struct http_request *request,
                        const char *rest)
{
    (void)door;
    (void)request;
    (void)rest;
    struct json_writer *writer = json_writer_create(false);
    if (writer != NULL) {
        json_open_object(writer, NULL);
        json_text(writer, "program", "farmgate-cloud");
        json_text(writer, "version", FARMGATE_VERSION);
        json_close_object(writer);
    }
    api_answer_json(exchange, 200, json_writer_take(writer));
}

static void get_health(void *door, struct http_exchange *exchange, const struct http_request *request,
                       const char *rest)
{
    const struct api_context *context = door;
    (void)request;
    (void)rest;
    static const char body[] = "{\"status\":\"ok\"}";
    if (store_failing(context->store)) {
        http_problem(exchange, 503, "store_unavailable",
                     "the ledger could not be written when that was last tried", NULL);
        return;
    }
    http_respond(exchange, &(struct http_reply){.status = 200,
                                                .content_type = "application/json",
                                                .body = body,
                                                .body_bytes = sizeof body - 1});
}

static void get_document(void *door, struct http_exchange *exchange, const struct http_request *request,
                         const char *rest)
{
    (void)door;
    (void)request;
    (void)rest;
    http_respond(exchange, &(struct http_reply){.status = 200,
                                                .content_type = "application/yaml",
                                                .body = (const char *)document,
                                                .body_bytes = document_bytes});
}

/* Calls the route that fits; false where none does, with the methods the path has added to `allowed`. */
static bool try_routes(const struct api_route *routes, size_t count, void *door,
                       struct http_exchange *exchange, const struct http_request *request,
                       char allowed[API_METHODS_BYTES_MAX])
{
    char name[API_NAME_BYTES_MAX + 1];
    for (size_t i = 0; i < count; i++) {
        if (!api_path_fits(&routes[i].path, request, name, allowed))
            continue;
        routes[i].call(door, exchange, request, name);
        return true;
    }
    return false;
}

/* The calls that both doors have; the context stands for the door. */
static const struct api_route shared_routes[] = {
    {{"GET", "/v1/version", NULL}, get_version},
    {{"GET", "/healthz", NULL}, get_health},
    {{"GET", "/v1/openapi.yaml", NULL}, get_document},
};

void api_answer_no_path(struct http_exchange *exchange, const char *allowed)
{
    if (allowed[0] != '\0')
        answer_not_allowed(exchange, allowed);
    else
        http_problem(exchange, 404, "not_found", "there is nothing at this path", NULL);
}

void api_answer_unauthorized(struct http_exchange *exchange, const char *detail)
{
    http_problem_with(exchange, 401, "unauthorized", detail, "WWW-Authenticate: Bearer\r\n");
}

void api_answer_wait(struct http_exchange *exchange, int status, const char *code, const char *detail,
                     int64_t wait_ms)
{
    char retry[48];
    (void)snprintf(retry, sizeof retry, "Retry-After: %lld\r\n", (long long)(wait_ms + 999) / 1000);
    http_problem_with(exchange, status, code, detail, retry);
}

struct json_writer *api_problem_open(const struct api_problem *problem)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer == NULL)
        return NULL;
    json_open_object(writer, NULL);
    json_text(writer, "type", "about:blank");
    json_text(writer, "title", http_status_title(problem->status));
    json_integer(writer, "status", problem->status);
    json_text(writer, "code", problem->code);
    json_text(writer, "detail", problem->detail);
    if (problem->field != NULL)
        json_text(writer, "field", problem->field);
    return writer;
}

void api_problem_close(struct http_exchange *exchange, const struct api_problem *problem,
                       struct json_writer *writer, const char *extra_headers)
{
    if (writer != NULL)
        json_close_object(writer);
    char *body = json_writer_take(writer);
    if (body == NULL) {
        http_problem(exchange, problem->status, problem->code, problem->detail, problem->field);
        return;
    }
    http_respond(exchange, &(struct http_reply){.status = problem->status,
                                                .content_type = "application/problem+json",
                                                .body = body,
                                                .body_bytes = strlen(body),
                                                .extra_headers = extra_headers});
    free(body);
}

/* To one who did nothing wrong: when to come back differs, that not all who hear it come at once again. */
static void send_away(const struct api_context *context, struct http_exchange *exchange, const char *code,
                      const char *detail)
{
    unsigned seconds = backlog_send_away(context->backlog, randombytes_random(), api_now_ms());
    api_answer_wait(exchange, 503, code, detail, (int64_t)seconds * 1000);
}

void api_dispatch(struct api_context *context, const struct api_route *routes, size_t count, void *door,
                  struct http_exchange *exchange, const struct http_request *request)
{
    char allowed[API_METHODS_BYTES_MAX] = "";
    if (context->stopping)
        send_away(context, exchange, "stopping", "the authority is stopping; try again");
    else if (!try_routes(routes, count, door, exchange, request, allowed) &&
             !try_routes(shared_routes, sizeof shared_routes / sizeof shared_routes[0], context, exchange,
                         request, allowed))
        api_answer_no_path(exchange, allowed);
}

bool api_submit(const struct api_context *context, struct store_job *job, struct http_exchange *exchange)
{
    if (store_submit(context->store, job) == 0)
        return true;
    send_away(context, exchange, "busy", "too many requests are waiting; try again");
    return false;
}

void api_store_failed(const struct api_context *context, struct http_exchange *exchange, int error,
                      const char *detail)
{
    log_line(&context->log, 3, "the ledger cannot be used: %s%s%s", error_text(error),
             detail[0] != '\0' ? ": " : "", detail);
    send_away(context, exchange, "store_unavailable", "the ledger cannot be used at the moment; try again");
}

void api_answer_json(struct http_exchange *exchange, int status, char *json)
{
    if (json == NULL) {
        http_problem(exchange, 503, "out_of_memory", "no memory for the answer", NULL);
        return;
    }
    http_respond(exchange, &(struct http_reply){.status = status,
                                                .content_type = "application/json",
                                                .body = json,
                                                .body_bytes = strlen(json),
                                                .extra_headers = "Cache-Control: no-store\r\n"});
    free(json);
}
