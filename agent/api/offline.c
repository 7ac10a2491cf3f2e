/* A closed network: the file that is sent to the authority, and the one that comes back. */
#include "api_internal.h"
#include "reply.h"
#include "wish.h"

#include "common/offline.h"

#include <assert.h>
#include <string.h>

static_assert(OFFLINE_ANSWER_BYTES_MAX <= HTTP_BODY_BYTES_MAX, "an answer fits into a request");

/* --- the request ---------------------------------------------------------------------------------------- */

static void requested(void *data, const struct api_outcome *outcome)
{
    struct call *call = data;
    if (call->exchange && outcome->status >= 400)
        reply_outcome(call->exchange, outcome);
    else if (call->exchange)
        http_respond(call->exchange, &(struct http_reply){.status = 200,
                                                          .content_type = "text/plain; charset=utf-8",
                                                          .body = outcome->file,
                                                          .body_bytes = strlen(outcome->file),
                                                          .extra_headers = "Cache-Control: no-store\r\n"});
    call_end(call);
}

void request_file_post(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct wish wish;
    if (!wish_read(exchange, request, &wish))
        return;
    if (wish.move && wish.license_key[0] == '\0') {
        reply_invalid(exchange, "move", "move: only with license_key");
        return;
    }
    const struct api_wish asked = {
        .licence_key = wish.license_key[0] ? wish.license_key : NULL, .trial = wish.trial, .move = wish.move};
    struct call *call = call_begin(api, exchange, sizeof(*call));
    if (call)
        api->agent.request_file(api->agent.agent, &asked, requested, call);
}

/* --- the answer ----------------------------------------------------------------------------------------- */

static void imported(void *data, const struct api_outcome *outcome)
{
    struct call *call = data;
    struct core_status status;
    struct json_writer *writer = call_answer(call, outcome);
    if (writer) {
        api_status(call->api, &status);
        const struct grant *grant = &status.standing.grant;
        json_text(writer, "farm_id", status.farm_id ? status.farm_id : "");
        json_text(writer, "status", grant->status == GRANT_ACTIVE ? "active" : "deactivated");
        json_text(writer, "reason", grant->reason);
        json_integer(writer, "limit", grant->limit);
        json_boolean(writer, "trial", grant->trial);
        json_time_or_null(writer, "expires_at", grant->expires_at_ms);
        json_time_or_null(writer, "refresh_by", grant->refresh_by_ms);
        json_integer(writer, "windows_queued", (int64_t)status.windows_queued);
        reply_close(call->exchange, writer, 200);
    }
    call_end(call);
}

void import_file_post(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct call *call = call_begin(api, exchange, sizeof(*call));
    if (call)
        api->agent.import_file(api->agent.agent, request->body.text, request->body.bytes, imported, call);
}
