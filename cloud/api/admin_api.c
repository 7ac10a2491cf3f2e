#include "cloud/api/admin_api.h"

#include "cloud/authority_admin.h"
#include "cloud/wall_clock.h"
#include "common/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct admin_api {
    struct api_context *context;
    struct http_server *server;
    void (*closed)(void *data);
    void *closed_data;
};

/* What every call begins with. */
struct call {
    struct store_job job;
    const struct api_context *context;
    struct http_exchange *exchange;
};

/* A zeroed call of `bytes` bytes that starts with a struct call; NULL: answered. */
static void *new_call(const struct admin_api *api, struct http_exchange *exchange, size_t bytes,
                      int (*run)(struct store_job *job, struct rows *rows, struct error_detail *ret_detail),
                      void (*done)(struct store_job *job, int error, const char *detail))
{
    struct call *call = calloc(1, bytes);
    if (call == NULL) {
        api_answer_json(exchange, 503, NULL);
        return NULL;
    }
    call->job = (struct store_job){.run = run, .done = done};
    call->context = api->context;
    call->exchange = exchange;
    return call;
}

static void submit(struct call *call)
{
    if (!api_submit(call->context, &call->job, call->exchange))
        free(call);
}

/* --- a key made ----------------------------------------------------------------------------------------- */

struct key_order {
    int64_t limit;
    char term_text[TERM_TEXT_BYTES];
    char name[LEDGER_NAME_BYTES_MAX + 1];
    struct term term;
};

struct key_call {
    struct call call;
    struct key_order order;
    struct licence licence;
};

static int run_key(struct store_job *job, struct rows *rows, struct error_detail *ret_detail)
{
    struct key_call *call = (struct key_call *)job;
    const struct audit_author author = {"socket", wall_clock_ms()};
    return authority_create_key(rows, &author, (uint32_t)call->order.limit, &call->order.term,
                                call->order.name, &call->licence, ret_detail);
}

static char *key_encode(const struct key_call *call)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer == NULL)
        return NULL;
    json_open_object(writer, NULL);
    json_text(writer, "key", call->licence.key);
    json_text(writer, "name", call->licence.name);
    json_integer(writer, "limit", call->licence.quota);
    json_text(writer, "term", call->order.term_text);
    json_close_object(writer);
    return json_writer_take(writer);
}

static void finish_key(struct store_job *job, int error, const char *detail)
{
    struct key_call *call = (struct key_call *)job;
    if (error != 0) {
        api_store_failed(call->call.context, call->call.exchange, error, detail);
    } else {
        char masked[LICENCE_KEY_TEXT_BYTES];
        licence_key_masked(call->licence.key, masked);
        log_line(&call->call.context->log, 6, "key %s made: limit %lld, term %s", masked,
                 (long long)call->order.limit, call->order.term_text);
        api_answer_json(call->call.exchange, 201, key_encode(call));
    }
    free(call);
}

/* False: answered. */
static bool read_order(struct http_exchange *exchange, const struct http_request *request,
                       struct key_order *ret)
{
    static const struct json_field fields[] = {
        {.name = "limit",
         .type = JSON_INTEGER,
         .offset = offsetof(struct key_order, limit),
         .max = LEDGER_LICENCES_MAX,
         .required = true},
        {.name = "term",
         .type = JSON_TEXT,
         .offset = offsetof(struct key_order, term_text),
         .min = 2,
         .max = TERM_TEXT_BYTES - 1,
         .required = true},
        {.name = "name",
         .type = JSON_TEXT,
         .offset = offsetof(struct key_order, name),
         .max = LEDGER_NAME_BYTES_MAX},
    };
    static const struct json_shape shape = {fields, sizeof fields / sizeof fields[0]};
    struct error_detail detail = {""};
    char field[JSON_PATH_BYTES] = "";

    if (json_read(&shape, request->body.text, request->body.bytes, ret, &detail, field) != 0) {
        http_problem(exchange, 400, "invalid", detail.text, field[0] != '\0' ? field : NULL);
        return false;
    }
    if (!term_parse(ret->term_text, &ret->term)) {
        http_problem(exchange, 400, "invalid", "term: 1m, 1y, 2y, 3y, or a number of days as in 30d", "term");
        return false;
    }
    return true;
}

static void post_key(void *door, struct http_exchange *exchange, const struct http_request *request,
                     const char *rest)
{
    struct key_call *call = new_call(door, exchange, sizeof *call, run_key, finish_key);
    (void)rest;
    if (call == NULL)
        return;
    if (read_order(exchange, request, &call->order))
        submit(&call->call);
    else
        free(call);
}

/* --- lists ---------------------------------------------------------------------------------------------- */

struct list_call {
    struct call call;
    int64_t after, limit;
    int64_t now_ms;
    struct json_writer *writer;
    int64_t count, cursor;
};

static void write_key(void *data, const struct rows_licence_line *line)
{
    struct list_call *call = data;
    struct json_writer *writer = call->writer;
    const struct licence *licence = &line->licence;
    int64_t expires_ms = activation_expires_ms(&line->subscription, licence);
    char term[TERM_TEXT_BYTES];

    term_format(&line->subscription.term, term);
    json_open_object(writer, NULL);
    json_text(writer, "key", licence->key);
    json_text(writer, "name", licence->name);
    json_integer(writer, "limit", licence->quota);
    json_integer(writer, "purchases", (int64_t)line->subscription.purchases);
    json_text(writer, "term", term);
    json_text(writer, "state", key_state_name(key_state(&line->subscription, licence, call->now_ms)));
    json_time(writer, "created_at", licence->created_ms);
    json_time_or_null(writer, "activated_at", line->subscription.activated_ms);
    json_time_or_null(writer, "expires_at", expires_ms);
    json_integer(writer, "moves", licence->moves);
    json_integer(writer, "moves_left", activation_moves_left(licence));
    json_text(writer, "farm_id", licence->holder[0] != '\0' ? licence->holder : NULL);
    json_close_object(writer);
    call->count++;
    call->cursor = line->cursor;
}

static void write_farm(void *data, const struct rows_farm_line *line)
{
    struct list_call *call = data;
    struct json_writer *writer = call->writer;
    const struct farm *farm = &line->farm;
    const struct usage_totals *totals = &line->totals;

    json_open_object(writer, NULL);
    json_text(writer, "farm_id", farm->id);
    json_text(writer, "name", farm->name);
    json_text(writer, "status", farm_status_name(farm->status));
    json_text(writer, "reason", farm->reason != FARM_REASON_NONE ? farm_reason_code(farm->reason) : NULL);
    json_boolean(writer, "trial", farm->licence_id == 0);
    json_text(writer, "key", line->key[0] != '\0' ? line->key : NULL);
    json_text(writer, "installation_id", farm->installation_id);
    json_text(writer, "app_version", farm->app_version);
    json_time_or_null(writer, "activated_at", farm->activated_ms);
    json_time_or_null(writer, "deactivated_at", farm->deactivated_ms);
    json_time_or_null(writer, "reported_at", farm->reported_ms);
    json_integer(writer, "peak_users", totals->peak_users);
    json_time_or_null(writer, "peak_at", totals->peak_at_ms);
    json_integer(writer, "accepted_through", totals->accepted_through);
    json_integer(writer, "windows_counted", totals->windows_counted);
    json_integer(writer, "windows_refused", totals->windows_refused);
    json_integer(writer, "windows_missing", totals->windows_missing);
    json_integer(writer, "clock_ahead_ms", totals->clock_ahead_ms);
    json_close_object(writer);
    call->count++;
    call->cursor = line->cursor;
}

static void begin_list(struct list_call *call, const char *name)
{
    call->now_ms = wall_clock_ms();
    json_open_object(call->writer, NULL);
    json_open_array(call->writer, name);
}

/* A full page names where the next one starts. */
static void end_list(struct list_call *call)
{
    json_close_array(call->writer);
    if (call->count == call->limit)
        json_integer(call->writer, "next", call->cursor);
    else
        json_null(call->writer, "next");
    json_close_object(call->writer);
}

static int run_keys(struct store_job *job, struct rows *rows, struct error_detail *ret_detail)
{
    struct list_call *call = (struct list_call *)job;
    begin_list(call, "keys");
    int error = rows_each_licence(rows, 0, call->after, call->limit, write_key, call, ret_detail);
    end_list(call);
    return error;
}

static int run_farms(struct store_job *job, struct rows *rows, struct error_detail *ret_detail)
{
    struct list_call *call = (struct list_call *)job;
    begin_list(call, "farms");
    int error = rows_each_farm(rows, &(struct rows_farm_filter){.key = NULL}, call->after, call->limit,
                               write_farm, call, ret_detail);
    end_list(call);
    return error;
}

static void finish_list(struct store_job *job, int error, const char *detail)
{
    struct list_call *call = (struct list_call *)job;
    char *json = json_writer_take(call->writer);
    if (error != 0) {
        free(json);
        api_store_failed(call->call.context, call->call.exchange, error, detail);
    } else {
        api_answer_json(call->call.exchange, 200, json);
    }
    free(call);
}

/* A number of the query string; false: answered. */
static bool read_number(struct http_exchange *exchange, const struct http_request *request, const char *name,
                        int64_t min, int64_t max, int64_t *number)
{
    char text[24];
    int found = http_query(request, name, text, sizeof text);
    if (found == 0)
        return true;
    char *end = text;
    errno = 0;
    long long value = found > 0 ? strtoll(text, &end, 10) : 0;
    if (found < 0 || end == text || *end != '\0' || errno != 0 || value < min || value > max) {
        http_problem(exchange, 400, "invalid", "not a number in the allowed range", name);
        return false;
    }
    *number = value;
    return true;
}

static void get_list(struct admin_api *api, struct http_exchange *exchange,
                     const struct http_request *request,
                     int (*run)(struct store_job *job, struct rows *rows, struct error_detail *ret_detail))
{
    struct list_call *call = new_call(api, exchange, sizeof *call, run, finish_list);
    if (call == NULL)
        return;
    call->limit = ADMIN_API_PAGE_DEFAULT;
    if (!read_number(exchange, request, "after", 0, INT64_MAX, &call->after) ||
        !read_number(exchange, request, "limit", 1, ADMIN_API_PAGE_MAX, &call->limit)) {
        free(call);
        return;
    }
    call->writer = json_writer_create(false);
    if (call->writer == NULL) {
        api_answer_json(exchange, 503, NULL);
        free(call);
    } else if (!api_submit(api->context, &call->call.job, exchange)) {
        json_writer_destroy(call->writer);
        free(call);
    }
}

static void get_keys(void *door, struct http_exchange *exchange, const struct http_request *request,
                     const char *rest)
{
    (void)rest;
    get_list(door, exchange, request, run_keys);
}

static void get_farms(void *door, struct http_exchange *exchange, const struct http_request *request,
                      const char *rest)
{
    (void)rest;
    get_list(door, exchange, request, run_farms);
}

/* --- a farm deactivated --------------------------------------------------------------------------------- */

struct deactivate_call {
    struct call call;
    char farm_id[LEDGER_ID_BYTES_MAX + 1];
    struct admin_farm outcome;
};

static int run_deactivate(struct store_job *job, struct rows *rows, struct error_detail *ret_detail)
{
    struct deactivate_call *call = (struct deactivate_call *)job;
    const struct audit_author author = {"socket", wall_clock_ms()};
    return authority_admin_deactivate(rows, &author, call->farm_id, &call->outcome, ret_detail);
}

static char *farm_encode(const struct farm *farm)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer == NULL)
        return NULL;
    json_open_object(writer, NULL);
    json_text(writer, "farm_id", farm->id);
    json_text(writer, "name", farm->name);
    json_text(writer, "status", farm_status_name(farm->status));
    json_text(writer, "reason", farm_reason_code(farm->reason));
    json_time_or_null(writer, "deactivated_at", farm->deactivated_ms);
    json_close_object(writer);
    return json_writer_take(writer);
}

static void finish_deactivate(struct store_job *job, int error, const char *detail)
{
    struct deactivate_call *call = (struct deactivate_call *)job;
    struct http_exchange *exchange = call->call.exchange;
    const struct farm *farm = &call->outcome.line.farm;
    if (error != 0) {
        api_store_failed(call->call.context, exchange, error, detail);
    } else if (call->outcome.verdict != LEDGER_GRANTED) {
        http_problem(exchange, 404, "unknown_farm", "no farm has this id", NULL);
    } else {
        log_line(&call->call.context->log, 5, "farm %s deactivated by the administrator", farm->id);
        api_answer_json(exchange, 200, farm_encode(farm));
    }
    free(call);
}

static void post_deactivate(void *door, struct http_exchange *exchange, const struct http_request *request,
                            const char *rest)
{
    (void)request;
    if (strlen(rest) > LEDGER_ID_BYTES_MAX) {
        http_problem(exchange, 404, "unknown_farm", "no farm has this id", NULL);
        return;
    }
    struct deactivate_call *call = new_call(door, exchange, sizeof *call, run_deactivate, finish_deactivate);
    if (call == NULL)
        return;
    memcpy(call->farm_id, rest, strlen(rest) + 1);
    submit(&call->call);
}

/* --- the door ------------------------------------------------------------------------------------------- */

static void get_public_key(void *door, struct http_exchange *exchange, const struct http_request *request,
                           const char *rest)
{
    struct admin_api *api = door;
    char text[96];
    (void)request;
    (void)rest;
    entitlement_key_format(&api->context->authority.key.key, text);
    struct json_writer *writer = json_writer_create(false);
    if (writer != NULL) {
        json_open_object(writer, NULL);
        json_text(writer, "public_key", text);
        json_close_object(writer);
    }
    api_answer_json(exchange, 200, json_writer_take(writer));
}

static void on_request(void *data, struct http_exchange *exchange, const struct http_request *request)
{
    static const struct api_route routes[] = {
        {"POST", "/v1/keys", NULL, post_key},
        {"GET", "/v1/keys", NULL, get_keys},
        {"GET", "/v1/farms", NULL, get_farms},
        {"POST", "/v1/farms/", "/deactivate", post_deactivate},
        {"GET", "/v1/public-key", NULL, get_public_key},
    };
    struct admin_api *api = data;
    api_dispatch(api->context, routes, sizeof routes / sizeof routes[0], api, exchange, request);
}

struct admin_api *admin_api_create(uv_loop_t *loop, struct api_context *context)
{
    struct admin_api *api = calloc(1, sizeof *api);
    if (api == NULL)
        return NULL;
    api->context = context;
    api->server =
        http_server_create(loop, &(struct http_handlers){.on_request = on_request, .data = api}, NULL);
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
