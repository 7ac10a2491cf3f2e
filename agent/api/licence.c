/* Activation, the key handed back, and a report when the administrator wants one. */
#include "api_internal.h"
#include "reply.h"
#include "wish.h"

/* --- activation ----------------------------------------------------------------------------------------- */

static void activated(void *data, const struct api_outcome *outcome)
{
    struct call *call = data;
    struct core_status status;
    struct json_writer *writer = call_answer(call, outcome);
    if (writer) {
        api_status(call->api, &status);
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
    struct wish wish;
    if (!wish_read(exchange, request, &wish))
        return;
    if (wish.license_key[0] == '\0' && !wish.trial) {
        reply_invalid(exchange, "license_key",
                      "license_key: missing; or ask for a trial with \"trial\": true");
        return;
    }
    struct call *call = call_begin(api, exchange, sizeof(*call));
    if (call)
        api->agent.activate(api->agent.agent, wish.trial ? NULL : wish.license_key, wish.move, activated,
                            call);
}

void activation_delete(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct call *call = call_begin(api, exchange, sizeof(*call));
    (void)request;
    if (call)
        api->agent.release(api->agent.agent, call_changed, call);
}

/* --- reports -------------------------------------------------------------------------------------------- */

static void reported(void *data, const struct api_outcome *outcome)
{
    struct call *call = data;
    struct core_status status;
    struct json_writer *writer = call_answer(call, outcome);
    if (writer) {
        api_status(call->api, &status);
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
