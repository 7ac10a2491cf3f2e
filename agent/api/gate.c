/* GET /v1/gate: may this user. */
#include "ask.h"

#include "api_internal.h"
#include "reply.h"

#include <string.h>

struct ask_call {
    struct call call;
    struct admission_question question; /* points into the texts below */
    char user[CONNECTION_USER_BYTES_MAX + 1];
    char host[CONNECTION_HOST_BYTES_MAX + 1];
};

struct admission_answer ask_decide(const struct api *api, const struct admission_question *question,
                                   enum administrator administrator)
{
    struct core_status status;
    struct admission_question whole = *question;
    const struct core *core = api->agent.core(api->agent.agent);
    api_status(api, &status);
    whole.administrator = administrator;
    return admission_decide(&status.verdict, status.strict, core_tally(core), &whole);
}

void ask_refuse(struct api *api, struct http_exchange *exchange, const struct admission_question *question,
                const struct admission_answer *answer)
{
    api->agent.refused(api->agent.agent, question, answer->code);
    reply_refused(exchange, answer);
}

bool ask_user(struct http_exchange *exchange, const struct http_request *request,
              char ret_user[CONNECTION_USER_BYTES_MAX + 1])
{
    return reply_text_parameter(exchange, request, "user", true, ret_user, CONNECTION_USER_BYTES_MAX + 1);
}

/* --- the gate ------------------------------------------------------------------------------- */

static void answer_gate(struct api *api, struct http_exchange *exchange,
                        const struct admission_question *question, enum administrator administrator)
{
    struct admission_answer answer = ask_decide(api, question, administrator);
    if (answer.gate)
        reply_no_content(exchange);
    else
        ask_refuse(api, exchange, question, &answer);
}

static bool read_gate_question(struct api *api, struct http_exchange *exchange,
                               const struct http_request *request, struct ask_call *ret)
{
    char kind[32];
    ret->question =
        (struct admission_question){.user = ret->user, .host = ret->host, .kind = KIND_APPLICATION};
    if (!ask_user(exchange, request, ret->user) ||
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
        api_scope(api, exchange) != TOKENS_NOTHING)
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
    if (ask_decide(api, &ask.question, ADMINISTRATOR_NO).gate ==
        ask_decide(api, &ask.question, ADMINISTRATOR_YES).gate) {
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
