/* DELETE /v1/users/{user}: what is stored of a person. */
#include "api_internal.h"
#include "reply.h"

#include <string.h>

#define USERS_PATH "/v1/users/"

static void forgotten(void *data, const struct api_outcome *outcome)
{
    struct call *call = data;
    struct json_writer *writer = call_answer(call, outcome);
    if (writer) {
        json_integer(writer, "events", (int64_t)outcome->events);
        reply_close(call->exchange, writer, 200);
    }
    call_end(call);
}

void user_delete(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    const char *user = request->path + strlen(USERS_PATH);
    if (user[0] == '\0' || strlen(user) > CONNECTION_USER_BYTES_MAX) {
        reply_invalid(exchange, "user", "user: not a name of 1 to 511 bytes");
        return;
    }
    struct call *call = call_begin(api, exchange, sizeof(*call));
    if (call)
        api->agent.forget(api->agent.agent, user, forgotten, call);
}
