/* POST /v1/reclaims: what a hook has done to a session that was due. */
#include "api_internal.h"
#include "put.h"
#include "reply.h"

#include <string.h>

struct reclaim {
    char host[CONNECTION_HOST_BYTES_MAX + 1];
    char id[CONNECTION_ID_BYTES_MAX + 1];
    char user[CONNECTION_USER_BYTES_MAX + 1];
    char failure[CORE_FAILURE_BYTES_MAX + 1];
    bool has_failure;
};

#define FIELD(member, must)                                                                   \
    .name = #member, .type = JSON_TEXT, .offset = offsetof(struct reclaim, member), .min = 1, \
    .max = sizeof(((struct reclaim *)0)->member) - 1, .required = (must)

static const struct json_field reclaim_fields[] = {
    {FIELD(host, true)},
    {FIELD(id, true)},
    {FIELD(user, true)},
    {FIELD(failure, false), .present_offset = offsetof(struct reclaim, has_failure)},
};
static const struct json_shape reclaim_shape = {reclaim_fields,
                                                sizeof(reclaim_fields) / sizeof(reclaim_fields[0])};

/* False: answered. */
static bool read_reclaim(struct http_exchange *exchange, const struct http_request *request,
                         struct reclaim *ret)
{
    struct put_fault fault = {.field = ""};
    memset(ret, 0, sizeof(*ret));
    int error =
        json_read(&reclaim_shape, request->body.text, request->body.bytes, ret, &fault.detail, fault.field);
    if (error == ERROR_NO_MEMORY) {
        reply_no_memory(exchange);
        return false;
    }
    if (!error && put_host_valid(ret->host, &fault) &&
        put_text_valid("id", ret->id, CONNECTION_ID_BYTES_MAX, &fault) &&
        put_text_valid("user", ret->user, CONNECTION_USER_BYTES_MAX, &fault) &&
        (!ret->has_failure || put_text_valid("failure", ret->failure, CORE_FAILURE_BYTES_MAX, &fault)))
        return true;
    reply_invalid(exchange, fault.field, fault.detail.text);
    return false;
}

void reclaims_post(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct reclaim reclaim;
    if (!read_reclaim(exchange, request, &reclaim))
        return;
    struct call *call = call_begin(api, exchange, sizeof(*call));
    if (!call)
        return;
    struct core_event event = {.type = EVENT_RECLAIMED,
                               .reclaimed = {.host = reclaim.host,
                                             .id = reclaim.id,
                                             .user = reclaim.user,
                                             .failure = reclaim.has_failure ? reclaim.failure : NULL}};
    api->agent.change(api->agent.agent, &event, call_changed, call);
}
