/* Requests that wait for an answer from the agent. They outlive the API: the last one frees it. */
#include "api_internal.h"
#include "reply.h"

#include <stdlib.h>

void *call_begin(struct api *api, struct http_exchange *exchange, size_t bytes)
{
    struct call *call = calloc(1, bytes);
    if (!call) {
        reply_no_memory(exchange);
        return NULL;
    }
    call->api = api;
    call->exchange = exchange;
    call->calls_next = api->calls;
    if (api->calls)
        api->calls->calls_previous = call;
    api->calls = call;
    return call;
}

void call_free_api(struct api *api)
{
    if (api->closed_told && !api->calls)
        free(api);
}

void call_end(struct call *call)
{
    struct api *api = call->api;
    if (call->calls_previous)
        call->calls_previous->calls_next = call->calls_next;
    else
        api->calls = call->calls_next;
    if (call->calls_next)
        call->calls_next->calls_previous = call->calls_previous;
    free(call);
    call_free_api(api);
}

struct json_writer *call_answer(struct call *call, const struct api_outcome *outcome)
{
    if (!call->exchange)
        return NULL;
    if (outcome->status < 400)
        return reply_open(call->exchange);
    reply_outcome(call->exchange, outcome);
    return NULL;
}

void call_changed(void *data, const struct api_outcome *outcome)
{
    struct call *call = data;
    if (call->exchange && outcome->status < 400)
        reply_no_content(call->exchange);
    else if (call->exchange)
        reply_outcome(call->exchange, outcome);
    call_end(call);
}
