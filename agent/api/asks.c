/* GET /v1/gate and /v1/resources: may this user. */
#include "api_internal.h"
#include "reply.h"

#include "agent/core/admission.h"
#include "agent/resources.h"

#include <stdlib.h>
#include <string.h>

struct ask_call {
    struct call call;
    struct admission_question question; /* points into the texts below */
    char user[CONNECTION_USER_BYTES_MAX + 1];
    char host[CONNECTION_HOST_BYTES_MAX + 1];
};

static struct admission_answer decide(const struct api *api, const struct admission_question *question,
                                      enum administrator administrator)
{
    struct core_status status;
    struct admission_question whole = *question;
    const struct core *core = api->agent.core(api->agent.agent);
    api_status(api, &status);
    whole.administrator = administrator;
    return admission_decide(&status.verdict, status.strict, core_tally(core), &whole);
}

static void refuse(struct api *api, struct http_exchange *exchange, const struct admission_question *question,
                   const struct admission_answer *answer)
{
    api->agent.refused(api->agent.agent, question, answer->code);
    reply_refused(exchange, answer);
}

/* A user name as it may be asked for. False: answered. */
static bool read_user(struct http_exchange *exchange, const struct http_request *request,
                      char ret_user[CONNECTION_USER_BYTES_MAX + 1])
{
    return reply_text_parameter(exchange, request, "user", true, ret_user, CONNECTION_USER_BYTES_MAX + 1);
}

/* --- the gate ------------------------------------------------------------------------------- */

static void answer_gate(struct api *api, struct http_exchange *exchange,
                        const struct admission_question *question, enum administrator administrator)
{
    struct admission_answer answer = decide(api, question, administrator);
    if (answer.gate)
        reply_no_content(exchange);
    else
        refuse(api, exchange, question, &answer);
}

static bool read_gate_question(struct api *api, struct http_exchange *exchange,
                               const struct http_request *request, struct ask_call *ret)
{
    char kind[32];
    ret->question =
        (struct admission_question){.user = ret->user, .host = ret->host, .kind = KIND_APPLICATION};
    if (!read_user(exchange, request, ret->user) ||
        !reply_text_parameter(exchange, request, "host", false, ret->host, sizeof(ret->host)) ||
        !reply_text_parameter(exchange, request, "kind", false, kind, sizeof(kind)))
        return false;
    if (kind[0] != '\0' && !connection_kind_parse(kind, &ret->question.kind)) {
        reply_invalid(exchange, "kind", "kind: neither desktop nor application");
        return false;
    }
    if (ret->host[0] == '\0')
        ret->question.host = api->agent.host(api->agent.agent);
    return true;
}

/* Without a token an ordinary user may be asking: he is told of this host only, where every user may see who
 * has a session anyway. */
static bool may_ask_of_host(struct api *api, struct http_exchange *exchange,
                            const struct http_request *request, const struct ask_call *ask)
{
    const struct api_entrance *entrance = request->listener_data;
    if (entrance->door != API_DOOR_TCP ||
        strcmp(ask->question.host, api->agent.host(api->agent.agent)) == 0 ||
        door_scope(&api->keys, exchange) != TOKENS_NOTHING)
        return true;
    http_problem(exchange, 401, "token_required", "without a token the gate answers for this host alone",
                 "host");
    return false;
}

static void gate_account_known(void *data, const struct account *account)
{
    struct ask_call *ask = data;
    struct api *api = ask->call.api;
    if (ask->call.exchange)
        answer_gate(api, ask->call.exchange, &ask->question,
                    api->agent.administrator(api->agent.agent, account));
    call_end(&ask->call);
}

/* The name service is asked only where it makes a difference whether the user is an administrator: the usual
 * answer costs neither memory nor a wait. */
void gate_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct ask_call ask;
    if (!read_gate_question(api, exchange, request, &ask) || !may_ask_of_host(api, exchange, request, &ask))
        return;
    if (decide(api, &ask.question, ADMINISTRATOR_NO).gate ==
        decide(api, &ask.question, ADMINISTRATOR_YES).gate) {
        answer_gate(api, exchange, &ask.question, ADMINISTRATOR_NO);
        return;
    }
    struct ask_call *kept = call_begin(api, exchange, sizeof(*kept));
    if (!kept)
        return;
    struct call call = kept->call;
    *kept = ask;
    kept->call = call;
    kept->question.user = kept->user;
    if (kept->host[0] != '\0')
        kept->question.host = kept->host;
    accounts_ask(api->agent.accounts(api->agent.agent), kept->user, API_LOOKUP_MS, gate_account_known, kept);
}

/* --- published resources -------------------------------------------------------------------- */

static void write_texts(struct json_writer *writer, const char *name, const char *texts, size_t stride,
                        size_t count)
{
    json_open_array(writer, name);
    for (size_t i = 0; i < count; i++)
        json_text(writer, NULL, texts + i * stride);
    json_close_array(writer);
}

/* The resources of the kinds that the user is admitted to. */
struct listing {
    bool kinds[KIND_MAX];
    struct json_writer *writer;
};

static void write_resource(void *data, const struct resource *resource)
{
    const struct listing *listing = data;
    struct json_writer *writer = listing->writer;
    if (!listing->kinds[resource->kind])
        return;
    json_open_object(writer, NULL);
    json_text(writer, "id", resource->id);
    json_text(writer, "name", resource->name);
    json_text(writer, "description", resource->description);
    json_text(writer, "folder", resource->folder);
    json_text(writer, "kind", connection_kind_name(resource->kind));
    json_text(writer, "command", resource->command);
    write_texts(writer, "hosts", resource->hosts[0], sizeof(resource->hosts[0]), resource->host_count);
    write_texts(writer, "properties", resource->properties[0], sizeof(resource->properties[0]),
                resource->property_count);
    json_close_object(writer);
}

/* Whether the user is admitted to any kind. */
static bool list_kinds(const struct api *api, const struct admission_question *question,
                       enum administrator administrator, struct listing *ret)
{
    struct admission_question of_kind = *question;
    bool any = false;
    for (int kind = 0; kind < KIND_MAX; kind++) {
        of_kind.kind = (enum connection_kind)kind;
        ret->kinds[kind] = decide(api, &of_kind, administrator).list;
        any |= ret->kinds[kind];
    }
    return any;
}

static void answer_resources(struct api *api, struct http_exchange *exchange,
                             const struct admission_question *question, enum administrator administrator,
                             const struct account *account)
{
    struct listing listing = {0};
    if (!list_kinds(api, question, administrator, &listing)) {
        struct admission_answer answer = decide(api, question, administrator);
        refuse(api, exchange, question, &answer);
        return;
    }
    listing.writer = reply_open(exchange);
    if (!listing.writer)
        return;
    json_open_array(listing.writer, "resources");
    resources_visible(api->agent.resources(api->agent.agent), account->groups,
                      account->known ? account->group_count : 0, write_resource, &listing);
    json_close_array(listing.writer);
    json_boolean(listing.writer, "groups_known", account->known);
    reply_close(exchange, listing.writer, 200);
}

static void resources_account_known(void *data, const struct account *account)
{
    struct ask_call *ask = data;
    struct api *api = ask->call.api;
    if (ask->call.exchange)
        answer_resources(api, ask->call.exchange, &ask->question,
                         api->agent.administrator(api->agent.agent, account), account);
    call_end(&ask->call);
}

/* Whether the name service could make a difference: by the administrators' group, or by another one. */
static bool depends_on_account(const struct api *api, const struct admission_question *question)
{
    struct listing ordinary, administrators;
    bool any = list_kinds(api, question, ADMINISTRATOR_NO, &ordinary);
    any |= list_kinds(api, question, ADMINISTRATOR_YES, &administrators);
    return (any && resources_ask_for_groups(api->agent.resources(api->agent.agent))) ||
           memcmp(ordinary.kinds, administrators.kinds, sizeof(ordinary.kinds)) != 0;
}

void resources_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    char user[CONNECTION_USER_BYTES_MAX + 1];
    struct admission_question question = {
        .user = user, .host = api->agent.host(api->agent.agent), .kind = KIND_APPLICATION};
    if (!read_user(exchange, request, user))
        return;
    if (!depends_on_account(api, &question)) {
        const struct account nothing_asked = {.known = true};
        answer_resources(api, exchange, &question, ADMINISTRATOR_NO, &nothing_asked);
        return;
    }
    struct ask_call *ask = call_begin(api, exchange, sizeof(*ask));
    if (!ask)
        return;
    memcpy(ask->user, user, sizeof(user));
    ask->question = question;
    ask->question.user = ask->user;
    accounts_ask(api->agent.accounts(api->agent.agent), ask->user, API_LOOKUP_MS, resources_account_known,
                 ask);
}
