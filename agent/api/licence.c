/* Activation, the key handed back, and a report when the administrator wants one. */
#include "api_internal.h"
#include "reply.h"

#include <string.h>

#define KEY_BYTES_MAX 63

struct activation {
    char license_key[KEY_BYTES_MAX + 1];
    bool trial, move;
};

static const struct json_field activation_fields[] = {
    {.name = "license_key",
     .type = JSON_TEXT,
     .offset = offsetof(struct activation, license_key),
     .min = 1,
     .max = KEY_BYTES_MAX},
    {.name = "trial", .type = JSON_BOOLEAN, .offset = offsetof(struct activation, trial)},
    {.name = "move", .type = JSON_BOOLEAN, .offset = offsetof(struct activation, move)},
};
static const struct json_shape activation_shape = {activation_fields,
                                                   sizeof(activation_fields) / sizeof(activation_fields[0])};

/* False: answered. */
static bool read_activation(struct http_exchange *exchange, const struct http_request *request,
                            struct activation *ret)
{
    struct error_detail detail;
    char field[JSON_PATH_BYTES] = "";
    memset(ret, 0, sizeof(*ret));
    int error = json_read(&activation_shape, request->body.text, request->body.bytes, ret, &detail, field);
    bool has_key = ret->license_key[0] != '\0';
    if (error == ERROR_NO_MEMORY)
        reply_no_memory(exchange);
    else if (error)
        reply_invalid(exchange, field, detail.text);
    else if (has_key && ret->trial)
        reply_invalid(exchange, "trial", "trial: not together with license_key");
    else if (!has_key && !ret->trial)
        reply_invalid(exchange, "license_key",
                      "license_key: missing; or ask for a trial with \"trial\": true");
    else
        return true;
    return false;
}

static void activated(void *data, const struct api_outcome *outcome)
{
    struct call *call = data;
    struct core_status status;
    struct json_writer *writer = NULL;
    if (call->exchange && outcome->status >= 400)
        reply_outcome(call->exchange, outcome);
    else if (call->exchange)
        writer = reply_open(call->exchange);
    if (writer) {
        core_status(call->api->agent.core(call->api->agent.agent), &status);
        json_text(writer, "farm_id", status.farm_id ? status.farm_id : "");
        json_integer(writer, "limit", status.standing.grant.limit);
        json_boolean(writer, "trial", status.standing.grant.trial);
        json_time_or_null(writer, "expires_at", status.standing.grant.expires_at_ms);
        reply_close(call->exchange, writer, 200);
    }
    call_end(call);
}

void activation_post(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct activation activation;
    if (!read_activation(exchange, request, &activation))
        return;
    struct call *call = call_begin(api, exchange, sizeof(*call));
    if (call)
        api->agent.activate(api->agent.agent, activation.trial ? NULL : activation.license_key,
                            activation.move, activated, call);
}

static void released(void *data, const struct api_outcome *outcome)
{
    struct call *call = data;
    if (call->exchange && outcome->status >= 400)
        reply_outcome(call->exchange, outcome);
    else if (call->exchange)
        reply_no_content(call->exchange);
    call_end(call);
}

void activation_delete(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct call *call = call_begin(api, exchange, sizeof(*call));
    (void)request;
    if (call)
        api->agent.release(api->agent.agent, released, call);
}

static void reported(void *data, const struct api_outcome *outcome)
{
    struct call *call = data;
    struct core_status status;
    struct json_writer *writer = NULL;
    if (call->exchange && outcome->status >= 400)
        reply_outcome(call->exchange, outcome);
    else if (call->exchange)
        writer = reply_open(call->exchange);
    if (writer) {
        core_status(call->api->agent.core(call->api->agent.agent), &status);
        json_integer(writer, "windows_queued", (int64_t)status.windows_queued);
        json_time_or_null(writer, "last_contact", status.standing.last_contact_ms);
        json_time_or_null(writer, "next_report", status.next_report_ms);
        reply_close(call->exchange, writer, 200);
    }
    call_end(call);
}

void report_post(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct call *call = call_begin(api, exchange, sizeof(*call));
    (void)request;
    if (call)
        api->agent.report(api->agent.agent, reported, call);
}
