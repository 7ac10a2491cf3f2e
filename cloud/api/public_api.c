#include "cloud/api/public_api.h"

#include "cloud/api/admin_api.h"
#include "cloud/api/visitors.h"
#include "cloud/ledger/calendar.h"
#include "cloud/wall_clock.h"
#include "common/json.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct public_api {
    struct api_context *context;
    const struct settings *settings;
    struct http_server *server;
    struct throttle *activations;
    struct visitors *visitors;
    void (*closed)(void *data);
    void *closed_data;
};

/* --- what requests say about their sender --------------------------------------------------------------- */

static struct source_address find_source(const struct public_api *api, const struct http_exchange *exchange)
{
    struct source_address peer = {{0}};
    struct http_text forwarded = {"", 0};
    (void)source_parse(http_peer(exchange), &peer);
    (void)http_header(exchange, "x-forwarded-for", &forwarded);
    return source_find(&peer, forwarded.text, forwarded.bytes, api->settings->trusted,
                       api->settings->trusted_proxy_count);
}

/* The farm's token; false without a usable one. */
static bool find_token(const struct http_exchange *exchange, char ret[MESSAGE_TOKEN_BYTES_MAX + 1])
{
    struct http_text token;
    if (!tokens_bearer(exchange, &token) || token.bytes > MESSAGE_TOKEN_BYTES_MAX ||
        memchr(token.text, '\0', token.bytes) != NULL)
        return false;
    memcpy(ret, token.text, token.bytes);
    ret[token.bytes] = '\0';
    return true;
}

/* To one without access. */
static void answer_stranger(struct http_exchange *exchange, enum authority_access access)
{
    if (access == AUTHORITY_FORGOTTEN)
        http_problem(exchange, 404, "unknown_farm",
                     "this farm was deactivated so long ago that it is unknown", NULL);
    else
        api_answer_unauthorized(exchange, "no farm has this id and token");
}

/* --- activation ----------------------------------------------------------------------------------------- */

struct activation_call {
    struct store_job job;
    const struct api_context *context;
    struct http_exchange *exchange;
    struct activation_request request;
    struct authority_activation outcome;
    char source[SOURCE_TEXT_BYTES], trial_source[SOURCE_TEXT_BYTES];
};

static int run_activation(struct store_job *job, struct rows *rows, struct error_detail *ret_detail)
{
    struct activation_call *call = (struct activation_call *)job;
    return authority_activate(&call->context->authority, rows, &call->request, call->trial_source,
                              wall_clock_ms(), &call->outcome, ret_detail);
}

/* Trials begin again with the next day. */
static void retry_tomorrow(char *ret, size_t ret_bytes)
{
    int64_t now_ms = wall_clock_ms();
    int64_t tomorrow_ms = (calendar_day(now_ms) + 1) * CALENDAR_DAY_MS;
    (void)snprintf(ret, ret_bytes, "Retry-After: %lld\r\n", (long long)(tomorrow_ms - now_ms + 999) / 1000);
}

static void answer_refusal(struct http_exchange *exchange, const struct authority_activation *outcome)
{
    char retry[48] = "";
    enum activation_verdict verdict = outcome->verdict;
    const struct api_problem problem = {activation_http_status(verdict), activation_code(verdict),
                                        activation_text(verdict), activation_field(verdict)};
    struct json_writer *writer = api_problem_open(&problem);
    if (writer != NULL && (verdict == ACTIVATION_KEY_IN_USE || verdict == ACTIVATION_MOVES_EXHAUSTED))
        json_integer(writer, "moves_left", outcome->moves_left);
    if (verdict == ACTIVATION_TRIAL_CAP)
        retry_tomorrow(retry, sizeof retry);
    api_problem_close(exchange, &problem, writer, retry);
}

/* A line for the log: never the whole key. */
static void log_activation(const struct activation_call *call)
{
    const struct log *log = &call->context->log;
    char key[LICENCE_KEY_TEXT_BYTES] = "a trial";
    if (call->request.license_key[0] != '\0')
        licence_key_masked(call->request.license_key, key);
    if (call->outcome.verdict == ACTIVATION_GRANTED)
        log_line(log, 6, "farm %s activated with %s from %s", call->outcome.answer.farm_id, key,
                 call->source);
    else
        log_line(log, 5, "activation with %s from %s refused: %s", key, call->source,
                 activation_code(call->outcome.verdict));
}

static void finish_activation(struct store_job *job, int error, const char *detail)
{
    struct activation_call *call = (struct activation_call *)job;
    if (error != 0) {
        api_store_failed(call->context, call->exchange, error, detail);
    } else {
        log_activation(call);
        if (call->outcome.verdict == ACTIVATION_GRANTED)
            api_answer_json(call->exchange, 200, activation_answer_encode(&call->outcome.answer));
        else
            answer_refusal(call->exchange, &call->outcome);
    }
    sodium_memzero(&call->outcome, sizeof call->outcome);
    free(call);
}

/* False: answered. */
static bool read_activation(struct http_exchange *exchange, const struct http_request *request,
                            struct activation_request *ret)
{
    struct error_detail detail = {""};
    char field[JSON_PATH_BYTES] = "", canonical[LICENCE_KEY_TEXT_BYTES];
    if (activation_request_decode(request->body.text, request->body.bytes, ret, &detail, field) != 0) {
        http_problem(exchange, 400, "invalid", detail.text, field[0] != '\0' ? field : NULL);
        return false;
    }
    if (!authority_takes_id(ret->installation_id)) {
        http_problem(exchange, 400, "invalid", "installation_id: letters, digits and . _ : - only",
                     "installation_id");
        return false;
    }
    if (ret->trial)
        return true;
    if (!licence_key_parse(ret->license_key, canonical)) {
        http_problem(exchange, 400, "invalid_key", "this is no key: look for a typing error", "license_key");
        return false;
    }
    memcpy(ret->license_key, canonical, sizeof canonical);
    return true;
}

static void post_activation(void *door, struct http_exchange *exchange, const struct http_request *request,
                            const char *rest)
{
    struct public_api *api = door;
    struct source_address source = find_source(api, exchange);
    (void)rest;

    struct throttle_key key = throttle_key_of_source(&source);
    int64_t wait_ms = throttle_take(api->activations, &key, api_now_ms());
    if (wait_ms > 0) {
        api_answer_wait(exchange, 429, "too_many_activations",
                        "too many activations from this address; try again later", wait_ms);
        return;
    }
    struct activation_call *call = calloc(1, sizeof *call);
    if (call == NULL) {
        api_answer_json(exchange, 503, NULL);
        return;
    }
    call->job = (struct store_job){.run = run_activation, .done = finish_activation};
    call->context = api->context;
    call->exchange = exchange;
    (void)source_format(&source, call->source);
    source = source_of(&source);
    (void)source_format(&source, call->trial_source);
    if (!read_activation(exchange, request, &call->request) ||
        !api_submit(api->context, &call->job, exchange))
        free(call);
}

/* --- what farms ask with their tokens ------------------------------------------------------------------- */

/* False: answered. */
static bool enter(const struct public_api *api, struct http_exchange *exchange, const char *token,
                  struct visitor *ret)
{
    struct source_address source = find_source(api, exchange);
    struct visitor visitor = visitor_of(&source, token);
    int64_t wait_ms = 0;
    enum visitors_verdict verdict = visitors_enter(api->visitors, &visitor, api_now_ms(), &wait_ms);
    if (verdict == VISITORS_TOO_MANY_WRONG)
        api_answer_wait(exchange, 429, API_WRONG_TOKENS_CODE, API_WRONG_TOKENS_TEXT, wait_ms);
    else if (verdict == VISITORS_TOO_MANY_CALLS)
        api_answer_wait(exchange, 429, "too_many_reports", "too many reports of this farm; try again later",
                        wait_ms);
    *ret = visitor;
    return verdict == VISITORS_WELCOME;
}

/* What the ledger knew of the visitor's token. */
static void remember(const struct public_api *api, const struct visitor *visitor,
                     enum authority_access access)
{
    if (access == AUTHORITY_KNOWN)
        visitors_right(api->visitors, visitor, api_now_ms());
    else if (access == AUTHORITY_STRANGER)
        visitors_wrong(api->visitors, &visitor->source, api_now_ms());
}

/* --- the key handed back -------------------------------------------------------------------------------- */

struct release_call {
    struct store_job job;
    const struct public_api *api;
    const struct api_context *context;
    struct visitor visitor;
    struct http_exchange *exchange;
    char farm_id[LEDGER_ID_BYTES_MAX + 1];
    char token[MESSAGE_TOKEN_BYTES_MAX + 1];
    struct authority_release outcome;
};

static int run_release(struct store_job *job, struct rows *rows, struct error_detail *ret_detail)
{
    struct release_call *call = (struct release_call *)job;
    return authority_release(&call->context->authority, rows, call->farm_id, call->token, wall_clock_ms(),
                             &call->outcome, ret_detail);
}

static char *release_answer_encode(const struct release_call *call)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer == NULL)
        return NULL;
    json_open_object(writer, NULL);
    json_text(writer, "farm_id", call->farm_id);
    json_text(writer, "entitlement", call->outcome.entitlement);
    message_keys_put(writer, call->outcome.keys, call->outcome.key_count);
    json_close_object(writer);
    return json_writer_take(writer);
}

static void finish_release(struct store_job *job, int error, const char *detail)
{
    struct release_call *call = (struct release_call *)job;
    if (error == 0)
        remember(call->api, &call->visitor, call->outcome.access);
    if (error != 0) {
        api_store_failed(call->context, call->exchange, error, detail);
    } else if (call->outcome.access != AUTHORITY_KNOWN) {
        answer_stranger(call->exchange, call->outcome.access);
    } else {
        log_line(&call->context->log, 6, "farm %s gave its key back", call->farm_id);
        api_answer_json(call->exchange, 200, release_answer_encode(call));
    }
    sodium_memzero(call->token, sizeof call->token);
    free(call);
}

static void delete_activation(void *door, struct http_exchange *exchange, const struct http_request *request,
                              const char *rest)
{
    struct public_api *api = door;
    char token[MESSAGE_TOKEN_BYTES_MAX + 1];
    struct visitor visitor;
    (void)request;
    if (strlen(rest) > LEDGER_ID_BYTES_MAX || !find_token(exchange, token)) {
        answer_stranger(exchange, AUTHORITY_STRANGER);
        return;
    }
    if (!enter(api, exchange, token, &visitor))
        return;
    struct release_call *call = calloc(1, sizeof *call);
    if (call == NULL) {
        api_answer_json(exchange, 503, NULL);
        return;
    }
    call->job = (struct store_job){.run = run_release, .done = finish_release};
    call->api = api;
    call->visitor = visitor;
    call->context = api->context;
    call->exchange = exchange;
    memcpy(call->farm_id, rest, strlen(rest) + 1);
    memcpy(call->token, token, sizeof token);
    if (!api_submit(api->context, &call->job, exchange))
        free(call);
}

/* --- reports -------------------------------------------------------------------------------------------- */

struct report_call {
    struct store_job job;
    const struct public_api *api;
    const struct api_context *context;
    struct visitor visitor;
    struct http_exchange *exchange;
    char token[MESSAGE_TOKEN_BYTES_MAX + 1];
    struct report_request request;
    struct authority_report outcome;
};

static int run_report(struct store_job *job, struct rows *rows, struct error_detail *ret_detail)
{
    struct report_call *call = (struct report_call *)job;
    return authority_report(&call->context->authority, rows, &call->request, call->token, wall_clock_ms(),
                            &call->outcome, ret_detail);
}

static void answer_report(const struct report_call *call)
{
    struct error_detail detail = {""};
    struct report_answer *answer = malloc(sizeof *answer);
    int error = answer != NULL ? authority_answer(&call->context->answering, &call->outcome, answer, &detail)
                               : ERROR_NO_MEMORY;
    if (error == 0)
        api_answer_json(call->exchange, 200, report_answer_encode(answer));
    else
        api_store_failed(call->context, call->exchange, error, detail.text);
    free(answer);
}

static void finish_report(struct store_job *job, int error, const char *detail)
{
    struct report_call *call = (struct report_call *)job;
    if (error == 0)
        remember(call->api, &call->visitor, call->outcome.access);
    if (error != 0) {
        api_store_failed(call->context, call->exchange, error, detail);
    } else if (call->outcome.access != AUTHORITY_KNOWN) {
        answer_stranger(call->exchange, call->outcome.access);
    } else {
        log_line(&call->context->log, 7, "farm %s reported %zu windows, %zu refused, %zu to be numbered anew",
                 call->request.farm_id, call->request.window_count,
                 call->outcome.refused_count - call->outcome.used_count, call->outcome.used_count);
        answer_report(call);
    }
    sodium_memzero(call->token, sizeof call->token);
    free(call);
}

static void post_report(void *door, struct http_exchange *exchange, const struct http_request *request,
                        const char *rest)
{
    struct public_api *api = door;
    struct error_detail detail = {""};
    char field[JSON_PATH_BYTES] = "", token[MESSAGE_TOKEN_BYTES_MAX + 1];
    struct visitor visitor;
    (void)rest;

    if (!find_token(exchange, token)) {
        answer_stranger(exchange, AUTHORITY_STRANGER);
        return;
    }
    if (!enter(api, exchange, token, &visitor))
        return;
    struct report_call *call = calloc(1, sizeof *call);
    if (call == NULL) {
        api_answer_json(exchange, 503, NULL);
        return;
    }
    call->job = (struct store_job){.run = run_report, .done = finish_report};
    call->api = api;
    call->visitor = visitor;
    call->context = api->context;
    call->exchange = exchange;
    memcpy(call->token, token, sizeof token);
    if (report_request_decode(request->body.text, request->body.bytes, &call->request, &detail, field) != 0) {
        http_problem(exchange, 400, "invalid", detail.text, field[0] != '\0' ? field : NULL);
        free(call);
    } else if (!api_submit(api->context, &call->job, exchange)) {
        free(call);
    }
}

/* --- the door ------------------------------------------------------------------------------------------- */

static void on_request(void *data, struct http_exchange *exchange, const struct http_request *request)
{
    static const struct api_route routes[] = {
        {{"POST", "/v1/activations", NULL}, post_activation},
        {{"DELETE", "/v1/activations/", NULL}, delete_activation},
        {{"POST", "/v1/reports", NULL}, post_report},
    };
    struct public_api *api = data;
    if (admin_api_is_asked(request) && !api->context->stopping) {
        struct source_address source = find_source(api, exchange);
        admin_api_take(api->context, api->visitors, &source, exchange, request);
        return;
    }
    api_dispatch(api->context, routes, sizeof routes / sizeof routes[0], api, exchange, request);
}

static bool make_throttles(struct public_api *api, const struct settings *settings)
{
    const struct visitors_limits limits = {.calls_per_minute = (unsigned)settings->reports_per_minute,
                                           .calls_burst = (unsigned)settings->reports_burst,
                                           .wrong_per_minute = (unsigned)settings->wrong_tokens_per_minute,
                                           .wrong_burst = (unsigned)settings->wrong_tokens_burst};
    uint64_t seed;
    randombytes_buf(&seed, sizeof seed);
    api->activations = throttle_create((unsigned)settings->activations_per_minute,
                                       (unsigned)settings->activations_burst, THROTTLE_SOURCES_MAX, seed);
    api->visitors = visitors_create(&limits, seed);
    return api->activations != NULL && api->visitors != NULL;
}

struct public_api *public_api_create(uv_loop_t *loop, struct api_context *context,
                                     const struct settings *settings)
{
    struct public_api *api = calloc(1, sizeof *api);
    if (api == NULL)
        return NULL;
    api->context = context;
    api->settings = settings;
    api->server = http_server_create(loop, &(struct http_handlers){.on_request = on_request, .data = api},
                                     &(struct http_limits){.body_bytes_max = PUBLIC_API_BODY_BYTES_MAX,
                                                           .pace_bytes = PUBLIC_API_PACE_BYTES,
                                                           .clients_max = (unsigned)settings->clients_max});
    if (api->server == NULL || !make_throttles(api, settings)) {
        public_api_close(api, 0, NULL, NULL);
        return NULL;
    }
    return api;
}

int public_api_listen(struct public_api *api, int fd)
{
    return http_server_listen(api->server, fd, NULL);
}

static void on_server_closed(void *data)
{
    struct public_api *api = data;
    void (*closed)(void *data) = api->closed;
    void *closed_data = api->closed_data;
    visitors_destroy(api->visitors);
    throttle_destroy(api->activations);
    free(api);
    if (closed != NULL)
        closed(closed_data);
}

void public_api_close(struct public_api *api, unsigned grace_ms, void (*closed)(void *data), void *data)
{
    if (api == NULL) {
        if (closed != NULL)
            closed(data);
        return;
    }
    api->closed = closed;
    api->closed_data = data;
    if (api->server != NULL)
        http_server_close(api->server, grace_ms, on_server_closed, api);
    else
        on_server_closed(api);
}
