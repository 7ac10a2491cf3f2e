#include "cloud/api/admin_api.h"

#include "cloud/api/admin_audit.h"
#include "cloud/api/admin_backup.h"
#include "cloud/api/admin_farms.h"
#include "cloud/api/admin_keys.h"
#include "cloud/api/admin_offline.h"
#include "cloud/api/admin_signing_keys.h"
#include "cloud/api/admin_subscriptions.h"

#include <stdlib.h>
#include <string.h>

struct admin_api {
    struct api_context *context;
    struct http_server *server;
    void (*closed)(void *data);
    void *closed_data;
};

/* --- what may be asked ---------------------------------------------------------------------------------- */

/* A path that is no other's name stands before the one that takes any. */
struct route {
    struct api_path path;
    const struct admin_action *action; /* NULL: what is answered at once */
    void (*show)(struct api_context *context, struct http_exchange *exchange);
    bool socket_only; /* not over TCP, whatever the token */
};

static const struct route routes[] = {
    {{"GET", "/v1/admin/subscriptions", NULL}, &admin_subscription_list, NULL, false},
    {{"POST", "/v1/admin/subscriptions", NULL}, &admin_subscription_create, NULL, false},
    {{"GET", "/v1/admin/subscriptions/", NULL}, &admin_subscription_show, NULL, false},
    {{"PATCH", "/v1/admin/subscriptions/", NULL}, &admin_subscription_edit, NULL, false},
    {{"GET", "/v1/admin/subscriptions/", "/orders"}, &admin_order_list, NULL, false},
    {{"POST", "/v1/admin/subscriptions/", "/orders"}, &admin_order_make, NULL, false},
    {{"POST", "/v1/admin/subscriptions/", "/keys"}, &admin_key_create, NULL, false},
    {{"GET", "/v1/admin/keys", NULL}, &admin_key_list, NULL, false},
    {{"GET", "/v1/admin/keys/", NULL}, &admin_key_show, NULL, false},
    {{"PATCH", "/v1/admin/keys/", NULL}, &admin_key_edit, NULL, false},
    {{"DELETE", "/v1/admin/keys/", NULL}, &admin_key_delete, NULL, false},
    {{"GET", "/v1/admin/farms", NULL}, &admin_farm_list, NULL, false},
    {{"POST", "/v1/admin/farms/deactivate", NULL}, &admin_farm_deactivate, NULL, false},
    {{"GET", "/v1/admin/farms/", NULL}, &admin_farm_show, NULL, false},
    {{"PATCH", "/v1/admin/farms/", NULL}, &admin_farm_note, NULL, false},
    {{"GET", "/v1/admin/farms/", "/history"}, &admin_farm_history, NULL, false},
    {{"GET", "/v1/admin/audit", NULL}, &admin_audit_list, NULL, false},
    {{"POST", "/v1/admin/offline", NULL}, &admin_offline_exchange, NULL, false},
    {{"GET", "/v1/admin/public-key", NULL}, NULL, admin_public_key_show, false},
    {{"GET", "/v1/admin/signing-keys", NULL}, NULL, admin_signing_key_list, false},
    /* It changes what every farm trusts and a file that then needs a new backup: for whoever looks after the
     * machine. */
    {{"POST", "/v1/admin/signing-keys", NULL}, &admin_signing_key_rotate, NULL, true},
    /* Every key and every farm there is: not for the network. */
    {{"POST", "/v1/admin/backup", NULL}, NULL, admin_backup_send, true},
};

/* The call of a request; NULL: none, and that was answered. */
static const struct route *find_route(struct http_exchange *exchange, const struct http_request *request,
                                      char ret_name[API_NAME_BYTES_MAX + 1])
{
    char allowed[API_METHODS_BYTES_MAX] = "";
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (api_path_fits(&routes[i].path, request, ret_name, allowed))
            return &routes[i];
    api_answer_no_path(exchange, allowed);
    return NULL;
}

static bool is_admin_path(const char *path)
{
    return strncmp(path, API_ADMIN_PREFIX, strlen(API_ADMIN_PREFIX)) == 0;
}

/* `token` NULL: it came over the socket. */
static void begin(struct api_context *context, const struct token *token, struct http_exchange *exchange,
                  const struct http_request *request)
{
    char name[API_NAME_BYTES_MAX + 1];
    const struct route *route = find_route(exchange, request, name);
    if (route == NULL)
        return;
    if (route->socket_only && token != NULL)
        http_problem(exchange, 403, "socket_only",
                     "this is asked for on the authority's own machine, with farmgate-cloud", NULL);
    else if (route->action == NULL)
        route->show(context, exchange);
    else
        admin_call_begin(context, route->action, token != NULL ? token->name : ADMIN_WHO_SOCKET, name,
                         exchange, request);
}

/* --- with a token --------------------------------------------------------------------------------------- */

static bool only_reads(const struct http_request *request)
{
    return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
}

static void answer_unauthorized(struct http_exchange *exchange)
{
    api_answer_unauthorized(exchange, "this needs a token of an administrator");
}

static void answer_wrong(const struct api_context *context, struct visitors *visitors,
                         const struct source_address *source, struct http_exchange *exchange, int64_t now_ms)
{
    char text[SOURCE_TEXT_BYTES];
    struct throttle_key key = throttle_key_of_source(source);
    visitors_wrong(visitors, &key, now_ms);
    log_line(&context->log, 4, "a wrong administrator's token from %s", source_format(source, text));
    answer_unauthorized(exchange);
}

bool admin_api_is_asked(const struct http_request *request)
{
    return is_admin_path(request->path);
}

void admin_api_take(struct api_context *context, struct visitors *visitors,
                    const struct source_address *source, struct http_exchange *exchange,
                    const struct http_request *request)
{
    struct http_text header;
    struct throttle_key key = throttle_key_of_source(source);
    int64_t now_ms = api_now_ms(), wait_ms = visitors_guess_wait(visitors, &key, now_ms);
    const struct token *token = wait_ms == 0 ? tokens_find(&context->tokens, exchange) : NULL;
    if (!http_header(exchange, "authorization", &header))
        answer_unauthorized(exchange);
    else if (wait_ms > 0)
        api_answer_wait(exchange, 429, API_WRONG_TOKENS_CODE, API_WRONG_TOKENS_TEXT, wait_ms);
    else if (token == NULL)
        answer_wrong(context, visitors, source, exchange, now_ms);
    else if (token->scope != TOKENS_WRITE && !only_reads(request))
        http_problem(exchange, 403, "read_only", "this token may read only", NULL);
    else
        begin(context, token, exchange, request);
}

/* --- the socket ----------------------------------------------------------------------------------------- */

static void on_request(void *data, struct http_exchange *exchange, const struct http_request *request)
{
    const struct admin_api *api = data;
    if (is_admin_path(request->path) && !api->context->stopping)
        begin(api->context, NULL, exchange, request);
    else
        api_dispatch(api->context, NULL, 0, NULL, exchange, request);
}

struct admin_api *admin_api_create(uv_loop_t *loop, struct api_context *context)
{
    struct admin_api *api = calloc(1, sizeof *api);
    if (api == NULL)
        return NULL;
    api->context = context;
    api->server = http_server_create(loop, &(struct http_handlers){.on_request = on_request, .data = api},
                                     &(struct http_limits){.body_bytes_max = ADMIN_API_BODY_BYTES_MAX});
    if (api->server == NULL) {
        free(api);
        return NULL;
    }
    return api;
}

int admin_api_listen(struct admin_api *api, int fd)
{
    return http_server_listen(api->server, fd, NULL);
}

static void on_server_closed(void *data)
{
    struct admin_api *api = data;
    void (*closed)(void *data) = api->closed;
    void *closed_data = api->closed_data;
    free(api);
    if (closed != NULL)
        closed(closed_data);
}

void admin_api_close(struct admin_api *api, unsigned grace_ms, void (*closed)(void *data), void *data)
{
    if (api == NULL) {
        if (closed != NULL)
            closed(data);
        return;
    }
    api->closed = closed;
    api->closed_data = data;
    http_server_close(api->server, grace_ms, on_server_closed, api);
}
