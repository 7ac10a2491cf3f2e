/* Routes, doors, and the life of the API. */
#include "api_internal.h"
#include "reply.h"

#include "agent/store.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- routes --------------------------------------------------------------------------------- */

enum method { METHOD_GET, METHOD_PUT, METHOD_POST, METHOD_DELETE, METHOD_MAX, METHOD_OTHER };

enum path_shape {
    PATH_EXACT,
    PATH_NAME,      /* `path` and one name */
    PATH_USER,      /* `path` and a user's name, which may have slashes */
    PATH_CONNECTION /* `path`, a host, a slash, an id */
};

#define PARAMETERS_MAX 4

struct route {
    const char *path;
    enum path_shape shape;
    api_handler_fn *handlers[METHOD_MAX];
    const char *parameters[PARAMETERS_MAX];
    bool open;       /* on TCP without a token */
    bool takes_bulk; /* POST with a body of lines */
    bool local;      /* only through a socket, whatever the token */
    bool reader_too; /* POST changes nothing that the reader's socket must not change */
    bool endless;    /* no HEAD */
};

/* The gate first: it is asked most. */
static const struct route routes[] = {
    {.path = "/v1/gate",
     .handlers = {[METHOD_GET] = gate_get},
     .parameters = {"user", "host", "kind"},
     .open = true},
    {.path = "/v1/resources", .handlers = {[METHOD_GET] = resources_get}, .parameters = {"user"}},
    {.path = "/v1/resources/",
     .shape = PATH_NAME,
     .handlers = {[METHOD_GET] = rdp_file_get},
     .parameters = {"user", "host"}},
    {.path = "/v1/workspace", .handlers = {[METHOD_GET] = workspace_get}, .parameters = {"user", "base"}},
    {.path = "/v1/connections/",
     .shape = PATH_CONNECTION,
     .handlers = {[METHOD_PUT] = connection_put, [METHOD_DELETE] = connection_delete}},
    {.path = "/v1/connections/", .shape = PATH_NAME, .handlers = {[METHOD_PUT] = connection_set_put}},
    {.path = "/v1/connections",
     .handlers = {[METHOD_GET] = connections_get},
     .parameters = {"user", "host", "state"},
     .takes_bulk = true},
    {.path = "/v1/status", .handlers = {[METHOD_GET] = status_get}},
    {.path = "/v1/users", .handlers = {[METHOD_GET] = users_get}},
    {.path = "/v1/users/", .shape = PATH_USER, .handlers = {[METHOD_DELETE] = user_delete}},
    {.path = "/v1/explain", .handlers = {[METHOD_GET] = explain_get}, .parameters = {"user"}},
    {.path = "/v1/windows", .handlers = {[METHOD_GET] = windows_get}, .parameters = {"since", "until"}},
    {.path = "/v1/days", .handlers = {[METHOD_GET] = days_get}, .parameters = {"since", "until"}},
    {.path = "/v1/events",
     .handlers = {[METHOD_GET] = events_get},
     .parameters = {"after", "follow"},
     .endless = true},
    {.path = "/v1/activation",
     .handlers = {[METHOD_POST] = activation_post, [METHOD_DELETE] = activation_delete}},
    {.path = "/v1/activation/request", .handlers = {[METHOD_POST] = request_file_post}},
    {.path = "/v1/activation/import", .handlers = {[METHOD_POST] = import_file_post}},
    {.path = "/v1/reclaims", .handlers = {[METHOD_POST] = reclaims_post}},
    {.path = "/v1/report", .handlers = {[METHOD_POST] = report_post}},
    {.path = "/v1/farm", .handlers = {[METHOD_GET] = farm_get}},
    {.path = "/v1/farm/settings", .handlers = {[METHOD_GET] = farm_settings_get}},
    {.path = "/v1/farm/settings/",
     .shape = PATH_NAME,
     .handlers = {[METHOD_PUT] = farm_setting_put, [METHOD_DELETE] = farm_setting_delete}},
    {.path = "/v1/farm/leave", .handlers = {[METHOD_POST] = farm_leave_post}},
    {.path = "/v1/version", .handlers = {[METHOD_GET] = version_get}},
    {.path = "/v1/web/links",
     .handlers = {[METHOD_POST] = web_link_post, [METHOD_DELETE] = web_links_delete},
     .local = true,
     .reader_too = true},
    {.path = "/", .handlers = {[METHOD_GET] = page_get}, .open = true},
    {.path = "/metrics", .handlers = {[METHOD_GET] = metrics_get}, .open = true},
    {.path = "/healthz", .handlers = {[METHOD_GET] = healthz_get}, .open = true},
    {.path = "/readyz", .handlers = {[METHOD_GET] = readyz_get}, .open = true},
};

static bool route_fits(const struct route *route, const char *path)
{
    size_t bytes = strlen(route->path);
    if (route->shape == PATH_EXACT)
        return strcmp(route->path, path) == 0;
    if (strncmp(route->path, path, bytes) != 0)
        return false;
    if (route->shape == PATH_USER)
        return true;
    return (strchr(path + bytes, '/') != NULL) == (route->shape == PATH_CONNECTION);
}

static const struct route *find_route(const char *path)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (route_fits(&routes[i], path))
            return &routes[i];
    return NULL;
}

static enum method find_method(const char *name, bool head_too)
{
    static const char *const names[METHOD_MAX] = {
        [METHOD_GET] = "GET", [METHOD_PUT] = "PUT", [METHOD_POST] = "POST", [METHOD_DELETE] = "DELETE"};
    for (int method = 0; method < METHOD_MAX; method++)
        if (strcmp(names[method], name) == 0)
            return (enum method)method;
    return head_too && strcmp(name, "HEAD") == 0 ? METHOD_GET : METHOD_OTHER;
}

static bool route_takes(const struct route *route, enum method method)
{
    return method < METHOD_MAX && (route->handlers[method] || (method == METHOD_POST && route->takes_bulk));
}

/* --- who may pass --------------------------------------------------------------------------- */

static void refuse_method(struct http_exchange *exchange, const struct route *route)
{
    static const char *const words[METHOD_MAX] = {
        [METHOD_GET] = "GET, HEAD", [METHOD_PUT] = "PUT", [METHOD_POST] = "POST", [METHOD_DELETE] = "DELETE"};
    char header[96] = "Allow: ";
    const char *separator = "";
    for (int method = 0; method < METHOD_MAX; method++) {
        if (!route_takes(route, (enum method)method))
            continue;
        const char *word = method == METHOD_GET && route->endless ? "GET" : words[method];
        size_t length = strlen(header);
        (void)snprintf(header + length, sizeof(header) - length, "%s%s", separator, word);
        separator = ", ";
    }
    size_t length = strlen(header);
    (void)snprintf(header + length, sizeof(header) - length, "\r\n");
    reply_problem_with_headers(exchange, 405, "method_not_allowed", "this path does not take this method",
                               header);
}

static bool admit_host(const struct api_entrance *entrance, struct http_exchange *exchange)
{
    struct http_text host;
    if (http_header(exchange, "host", &host) &&
        door_host_allowed(&entrance->api->keys, host.text, host.bytes))
        return true;
    http_problem(exchange, 403, "host_not_allowed",
                 "the Host header is neither a loopback name or address nor listed in api.hosts", NULL);
    return false;
}

enum tokens_scope api_scope(const struct api *api, const struct http_exchange *exchange)
{
    enum tokens_scope scope = door_scope(&api->keys, exchange);
    if (scope == TOKENS_NOTHING && web_links_find(&api->links, exchange, uv_now(api->loop)) != 0)
        scope = TOKENS_READ;
    return scope;
}

static bool admit_token(const struct api_entrance *entrance, struct http_exchange *exchange, bool changes)
{
    static const char challenge[] = "WWW-Authenticate: Bearer realm=\"farmgate\"\r\n";
    struct http_text header;
    enum tokens_scope scope = api_scope(entrance->api, exchange);
    if (scope == TOKENS_WRITE || (scope == TOKENS_READ && !changes))
        return true;
    if (scope == TOKENS_READ)
        http_problem(exchange, 403, "read_only", "this token may read only", NULL);
    else if (http_header(exchange, "authorization", &header))
        reply_problem_with_headers(exchange, 401, "token_unknown",
                                   "this token is not in api.token_file, and of no link of `farmgate web` "
                                   "that still holds",
                                   challenge);
    else
        reply_problem_with_headers(exchange, 401, "token_required",
                                   "over TCP this call needs a bearer token of api.token_file, or of a link "
                                   "that `farmgate web` prints",
                                   challenge);
    return false;
}

static bool admit_reader(struct http_exchange *exchange, const struct route *route, enum method method)
{
    if (method == METHOD_GET || (method == METHOD_POST && route->reader_too))
        return true;
    http_problem(exchange, 403, "read_only", "changes go through the administrator's socket", NULL);
    return false;
}

static bool admit_tcp(const struct api_entrance *entrance, struct http_exchange *exchange,
                      const struct route *route, enum method method)
{
    if (!route->open && !admit_token(entrance, exchange, method != METHOD_GET))
        return false;
    if (route->local)
        http_problem(exchange, 403, "socket_only", "this call is taken through a socket only", NULL);
    return !route->local;
}

static bool admit_door(const struct api_entrance *entrance, struct http_exchange *exchange,
                       const struct route *route, enum method method)
{
    switch (entrance->door) {
    case API_DOOR_READER:
        return admit_reader(exchange, route, method);
    case API_DOOR_ADMIN:
        return true;
    case API_DOOR_TCP:
        return admit_tcp(entrance, exchange, route, method);
    case API_DOOR_MAX:
        break;
    }
    return false;
}

static bool parameter_known(const struct route *route, const char *name, size_t bytes)
{
    for (size_t i = 0; i < PARAMETERS_MAX && route->parameters[i]; i++)
        if (strlen(route->parameters[i]) == bytes && memcmp(route->parameters[i], name, bytes) == 0)
            return true;
    return false;
}

/* A parameter that is misspelt must not quietly ask for something else. */
static bool admit_query(const struct route *route, struct http_exchange *exchange, const char *query)
{
    char field[64], detail[128];
    while (*query) {
        size_t bytes = strcspn(query, "&");
        size_t name_bytes = strcspn(query, "=&");
        if (bytes > 0 && !parameter_known(route, query, name_bytes)) {
            (void)snprintf(field, sizeof(field), "%.*s", (int)(name_bytes < 48 ? name_bytes : 48), query);
            (void)snprintf(detail, sizeof(detail), "%s: this call has no such parameter", field);
            http_problem(exchange, 400, "unknown_parameter", detail, field);
            return false;
        }
        query += bytes + (query[bytes] == '&');
    }
    return true;
}

/* The route that may be taken; NULL: answered. */
static const struct route *admit(struct http_exchange *exchange, const struct http_request *request,
                                 enum method *ret_method)
{
    const struct api_entrance *entrance = request->listener_data;
    if (entrance->door == API_DOOR_TCP && !admit_host(entrance, exchange))
        return NULL;
    const struct route *route = find_route(request->path);
    if (!route) {
        http_problem(exchange, 404, "not_found", "there is no such path", NULL);
        return NULL;
    }
    enum method method = find_method(request->method, !route->endless);
    if (!route_takes(route, method)) {
        refuse_method(exchange, route);
        return NULL;
    }
    if (!admit_door(entrance, exchange, route, method) || !admit_query(route, exchange, request->query))
        return NULL;
    *ret_method = method;
    return route;
}

/* Who may not pass is told before he sends a body, and nobody keeps one here that nothing reads. */
static const struct http_body_lines *on_head(void *data, struct http_exchange *exchange,
                                             const struct http_request *request)
{
    struct api_entrance *entrance = data;
    enum method method;
    if (find_method(request->method, true) == METHOD_GET) {
        if (http_body_follows(exchange))
            http_problem(exchange, 413, "body_not_taken", "this method takes no body", NULL);
        return NULL;
    }
    const struct route *route = admit(exchange, request, &method);
    return route && route->takes_bulk ? bulk_begin(entrance->api, exchange) : NULL;
}

static void on_request(void *data, struct http_exchange *exchange, const struct http_request *request)
{
    struct api_entrance *entrance = data;
    enum method method;
    const struct route *route = admit(exchange, request, &method);
    if (route)
        route->handlers[method](entrance->api, exchange, request);
}

void api_status(const struct api *api, struct core_status *ret)
{
    api->agent.status(api->agent.agent, ret);
}

void api_place(const struct api *api, struct farm_place *ret)
{
    api->agent.place(api->agent.agent, ret);
}

/* --- life ----------------------------------------------------------------------------------- */

static int read_keys(const struct api_settings *settings, struct door_keys *ret,
                     struct error_detail *ret_detail)
{
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < settings->host_count; i++) {
        if (i == DOOR_HOSTS_MAX || strlen(settings->hosts[i]) > DOOR_HOST_BYTES) {
            error_detail_set(ret_detail, "api.hosts: at most %d names of at most %d bytes", DOOR_HOSTS_MAX,
                             DOOR_HOST_BYTES);
            return ERROR_CONFIGURATION;
        }
        memcpy(ret->hosts[i], settings->hosts[i], strlen(settings->hosts[i]) + 1);
        ret->host_count++;
    }
    return tokens_read(settings->token_file, &ret->tokens, ret_detail);
}

static void part_closed(void *data)
{
    struct api *api = data;
    if (--api->open_parts > 0)
        return;
    for (struct call *call = api->calls; call; call = call->calls_next) {
        if (call->exchange) /* nobody hears it, but it is owed */
            http_problem(call->exchange, 503, "stopping", "the agent is stopping", NULL);
        call->exchange = NULL;
    }
    void (*closed)(void *) = api->closed;
    void *closed_data = api->closed_data;
    api->closed_told = true;
    call_free_api(api);
    if (closed)
        closed(closed_data);
}

static void timer_closed(uv_handle_t *handle)
{
    part_closed(handle->data);
}

void api_close(struct api *api, unsigned grace_ms, void (*closed)(void *data), void *data)
{
    api->closed = closed;
    api->closed_data = data;
    api->closing = true;
    events_close(api);
    api->open_parts = 1;
    for (size_t i = 0; i < API_DOOR_MAX; i++)
        api->open_parts += api->entrances[i].server != NULL;
    for (size_t i = 0; i < API_DOOR_MAX; i++)
        if (api->entrances[i].server)
            http_server_close(api->entrances[i].server, grace_ms, part_closed, api);
    uv_close((uv_handle_t *)&api->keep_alive, timer_closed);
}

struct api *api_create(uv_loop_t *loop, const struct api_settings *settings, const struct api_agent *agent,
                       struct error_detail *ret_detail)
{
    const struct http_limits limits = {.clients_max = settings->clients_max};
    struct api *api = calloc(1, sizeof(*api));
    if (!api || sodium_init() < 0) {
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        free(api);
        return NULL;
    }
    if (read_keys(settings, &api->keys, ret_detail) < 0) {
        free(api);
        return NULL;
    }
    api->loop = loop;
    api->agent = *agent;
    (void)uv_timer_init(loop, &api->keep_alive);
    api->keep_alive.data = api;
    uint64_t next_event_id = store_next_event_id(agent->store(agent->agent));
    api->published = next_event_id > 0 ? next_event_id - 1 : 0;
    for (int door = 0; door < API_DOOR_MAX; door++) {
        struct api_entrance *entrance = &api->entrances[door];
        const struct http_handlers handlers = {
            .on_head = on_head, .on_request = on_request, .data = entrance};
        entrance->api = api;
        entrance->door = (enum api_door)door;
        entrance->server = http_server_create(loop, &handlers, &limits);
        if (!entrance->server) {
            error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
            api_close(api, 0, NULL, NULL);
            return NULL;
        }
    }
    return api;
}

int api_reconfigure(struct api *api, const struct api_settings *settings, struct error_detail *ret_detail)
{
    struct door_keys keys;
    int error = read_keys(settings, &keys, ret_detail);
    if (!error)
        api->keys = keys;
    return error;
}

int api_listen(struct api *api, enum api_door door, int fd)
{
    struct api_entrance *entrance = &api->entrances[door];
    char address[API_ADDRESS_BYTES] = "";
    if (door == API_DOOR_TCP)
        http_listen_address(fd, address, sizeof(address));
    int error = http_server_listen(entrance->server, fd, entrance);
    if (!error && door == API_DOOR_TCP)
        memcpy(api->tcp_address, address, sizeof(address));
    return error;
}

int api_listen_local(struct api *api, enum api_door door, const char *path, unsigned mode, const char *group)
{
    struct api_entrance *entrance = &api->entrances[door];
    return http_listen_local(entrance->server, path, mode, group, entrance);
}
