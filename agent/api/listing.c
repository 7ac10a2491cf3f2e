#include "listing.h"

#include "api_internal.h"

#include <string.h>

struct listing_call {
    struct call call;
    struct admission_question question; /* points to `user` */
    char user[CONNECTION_USER_BYTES_MAX + 1];
    struct listing_wish wish;
    listing_fn *answer;
};

/* Whether the user is admitted to any kind. */
static bool list_kinds(const struct api *api, const struct admission_question *question,
                       enum administrator administrator, bool ret_kinds[KIND_MAX])
{
    struct admission_question of_kind = *question;
    bool any = false;
    for (int kind = 0; kind < KIND_MAX; kind++) {
        of_kind.kind = (enum connection_kind)kind;
        ret_kinds[kind] = ask_decide(api, &of_kind, administrator).list;
        any |= ret_kinds[kind];
    }
    return any;
}

static void answer_listing(struct api *api, struct http_exchange *exchange, struct listing *listing,
                           const struct listing_wish *wish, listing_fn *answer)
{
    if (list_kinds(api, listing->question, listing->administrator, listing->kinds)) {
        answer(api, exchange, listing, wish);
        return;
    }
    struct admission_answer refusal = ask_decide(api, listing->question, listing->administrator);
    ask_refuse(api, exchange, listing->question, &refusal);
}

static void account_known(void *data, const struct account *account)
{
    struct listing_call *call = data;
    struct api *api = call->call.api;
    struct listing listing = {.question = &call->question,
                              .administrator = api->agent.administrator(api->agent.agent, account),
                              .groups = account->groups,
                              .group_count = account->known ? account->group_count : 0,
                              .groups_known = account->known};
    if (call->call.exchange)
        answer_listing(api, call->call.exchange, &listing, &call->wish, call->answer);
    call_end(&call->call);
}

/* Whether the name service could make a difference: by the administrators' group, or by another one. */
static bool depends_on_account(const struct api *api, const struct admission_question *question)
{
    bool ordinary[KIND_MAX], administrators[KIND_MAX];
    bool any = list_kinds(api, question, ADMINISTRATOR_NO, ordinary);
    any |= list_kinds(api, question, ADMINISTRATOR_YES, administrators);
    return (any && resources_ask_for_groups(api->agent.resources(api->agent.agent))) ||
           memcmp(ordinary, administrators, sizeof(ordinary)) != 0;
}

void listing_ask(struct api *api, struct http_exchange *exchange, const struct http_request *request,
                 const struct listing_wish *wish, listing_fn *answer)
{
    char user[CONNECTION_USER_BYTES_MAX + 1];
    struct admission_question question = {
        .user = user, .host = api->agent.host(api->agent.agent), .kind = KIND_APPLICATION};
    if (!ask_user(exchange, request, user))
        return;
    if (!depends_on_account(api, &question)) {
        struct listing nothing_asked = {
            .question = &question, .administrator = ADMINISTRATOR_NO, .groups_known = true};
        answer_listing(api, exchange, &nothing_asked, wish, answer);
        return;
    }
    struct listing_call *call = call_begin(api, exchange, sizeof(*call));
    if (!call)
        return;
    memcpy(call->user, user, sizeof(user));
    call->question = question;
    call->question.user = call->user;
    call->wish = *wish;
    call->answer = answer;
    accounts_ask(api->agent.accounts(api->agent.agent), call->user, API_LOOKUP_MS, account_known, call);
}

void listing_visit(const struct api *api, const struct listing *listing, resources_visit_fn *visit,
                   void *data)
{
    resources_visible(api->agent.resources(api->agent.agent), listing->groups, listing->group_count, visit,
                      data);
}
