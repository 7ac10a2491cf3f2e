/* PUT and DELETE below /v1/connections/. */
#include "change.h"
#include "reply.h"

#include <stdlib.h>
#include <string.h>

#define CONNECTIONS_PATH "/v1/connections/"

void change_account(const struct api *api, struct put *put, const struct account *account)
{
    enum administrator administrator = api->agent.administrator(api->agent.agent, account);
    if (administrator != ADMINISTRATOR_UNKNOWN)
        put->administrator = administrator == ADMINISTRATOR_YES;
}

static void reply_fault(struct http_exchange *exchange, int error, const struct put_fault *fault)
{
    if (error == ERROR_NO_MEMORY)
        reply_no_memory(exchange);
    else
        reply_invalid(exchange, fault->field, fault->detail.text);
}

/* Host and id of the path; the id, which may hold slashes, is everything after the host's. False: answered.
 * `ret_id` NULL: the path has none. */
static bool read_path(struct http_exchange *exchange, const struct http_request *request, char *ret_host,
                      char *ret_id)
{
    struct put_fault fault;
    const char *host = request->path + strlen(CONNECTIONS_PATH);
    const char *slash = strchr(host, '/');
    if (slash && slash == request->encoded_slash) /* of the host, not behind it */
        slash = strchr(slash + 1, '/');
    size_t host_bytes = slash ? (size_t)(slash - host) : strlen(host);
    const char *id = slash ? slash + 1 : "";
    host_bytes = host_bytes <= CONNECTION_HOST_BYTES_MAX ? host_bytes : CONNECTION_HOST_BYTES_MAX + 1;
    char copy[CONNECTION_HOST_BYTES_MAX + 2];
    memcpy(copy, host, host_bytes);
    copy[host_bytes] = '\0';
    if (!put_host_valid(copy, &fault) ||
        (ret_id && !put_text_valid("id", id, CONNECTION_ID_BYTES_MAX, &fault))) {
        reply_invalid(exchange, fault.field, fault.detail.text);
        return false;
    }
    memcpy(ret_host, copy, host_bytes + 1);
    if (ret_id)
        memcpy(ret_id, id, strlen(id) + 1);
    return true;
}

/* --- one connection ------------------------------------------------------------------------- */

struct put_call {
    struct call call;
    struct put put;
};

static void apply_put(struct put_call *put_call)
{
    struct api *api = put_call->call.api;
    struct core_event event = {.type = EVENT_BROKER_PUT,
                               .put = put_connection(&put_call->put, put_call->put.host)};
    api->agent.change(api->agent.agent, &event, call_changed, put_call);
}

static void put_account_known(void *data, const struct account *account)
{
    struct put_call *put_call = data;
    if (!put_call->call.exchange) {
        call_end(&put_call->call);
        return;
    }
    change_account(put_call->call.api, &put_call->put, account);
    apply_put(put_call);
}

void connection_put(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct put_fault fault;
    struct put_call *put_call = call_begin(api, exchange, sizeof(*put_call));
    if (!put_call)
        return;
    int error = put_read_one(request->body.text, request->body.bytes, &put_call->put, &fault);
    if (error)
        reply_fault(exchange, error, &fault);
    if (error || !read_path(exchange, request, put_call->put.host, put_call->put.id))
        call_end(&put_call->call);
    else if (put_call->put.administrator == PUT_ADMINISTRATOR_UNTOLD)
        accounts_ask(api->agent.accounts(api->agent.agent), put_call->put.user, API_LOOKUP_MS,
                     put_account_known, put_call);
    else
        apply_put(put_call);
}

/* That a connection is not known is success: it has ended, and a lost answer can be asked for again. */
static void ended(void *data, const struct api_outcome *outcome)
{
    static const struct api_outcome success = {.status = 204, .moves_left = -1};
    call_changed(data, outcome->status == 404 ? &success : outcome);
}

void connection_delete(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    char host[CONNECTION_HOST_BYTES_MAX + 1], id[CONNECTION_ID_BYTES_MAX + 1];
    if (!read_path(exchange, request, host, id))
        return;
    struct call *call = call_begin(api, exchange, sizeof(*call));
    if (!call)
        return;
    struct core_event event = {.type = EVENT_BROKER_END, .end = {.host = host, .id = id}};
    api->agent.change(api->agent.agent, &event, ended, call);
}

/* --- a host's whole set --------------------------------------------------------------------- */

struct set_call {
    struct call call;
    char host[CONNECTION_HOST_BYTES_MAX + 1];
    struct put_set *set;
    size_t waiting;
};

/* The name service answers by user, so its question carries the record. */
struct set_question {
    struct set_call *set_call;
    struct put *put;
};

static void set_call_end(struct set_call *set_call)
{
    free(set_call->set);
    call_end(&set_call->call);
}

static void set_changed(void *data, const struct api_outcome *outcome)
{
    struct set_call *set_call = data;
    free(set_call->set);
    call_changed(&set_call->call, outcome);
}

static void apply_set(struct set_call *set_call)
{
    struct api *api = set_call->call.api;
    struct put_set *set = set_call->set;
    struct connection *connections = malloc((set->count + 1) * sizeof(*connections));
    if (!connections) {
        reply_no_memory(set_call->call.exchange);
        set_call_end(set_call);
        return;
    }
    for (size_t i = 0; i < set->count; i++)
        connections[i] = put_connection(&set->puts[i], set_call->host);
    struct core_event event = {
        .type = EVENT_BROKER_SET,
        .set = {.host = set_call->host, .connections = connections, .count = set->count}};
    api->agent.change(api->agent.agent, &event, set_changed, set_call);
    free(connections);
}

static void set_account_known(void *data, const struct account *account)
{
    struct set_question *question = data;
    struct set_call *set_call = question->set_call;
    if (set_call->call.exchange)
        change_account(set_call->call.api, question->put, account);
    free(question);
    if (--set_call->waiting > 0)
        return;
    if (set_call->call.exchange)
        apply_set(set_call);
    else
        set_call_end(set_call);
}

/* All look-ups run at once, so that the whole set waits no longer than one of them. */
static void ask_accounts(struct set_call *set_call)
{
    struct api *api = set_call->call.api;
    set_call->waiting = 1; /* ourselves: nothing is applied before all are asked */
    for (size_t i = 0; i < set_call->set->count; i++) {
        struct put *put = &set_call->set->puts[i];
        struct set_question *question = NULL;
        if (put->administrator == PUT_ADMINISTRATOR_UNTOLD)
            question = malloc(sizeof(*question));
        if (!question)
            continue; /* told; or without memory unknown, as if nobody had answered */
        *question = (struct set_question){set_call, put};
        set_call->waiting++;
        accounts_ask(api->agent.accounts(api->agent.agent), put->user, API_LOOKUP_MS, set_account_known,
                     question);
    }
    if (--set_call->waiting == 0)
        apply_set(set_call);
}

void connection_set_put(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct put_fault fault;
    struct set_call *set_call = call_begin(api, exchange, sizeof(*set_call));
    if (!set_call)
        return;
    if (!read_path(exchange, request, set_call->host, NULL)) {
        set_call_end(set_call);
        return;
    }
    int error = put_read_set(request->body.text, request->body.bytes, &set_call->set, &fault);
    if (error) {
        reply_fault(exchange, error, &fault);
        set_call_end(set_call);
        return;
    }
    ask_accounts(set_call);
}
