/* agent_answers.c - what the API may ask of the agent, and how changes are answered. */
#include "agent.h"

#include "agent/core/core_error.h"

#include <stdio.h>
#include <stdlib.h>

struct agent_answer {
    api_done_fn *done;
    void *data;
};

struct agent_answer *agent_answer_later(api_done_fn *done, void *data)
{
    struct agent_answer *answer = malloc(sizeof(*answer));
    if (answer)
        *answer = (struct agent_answer){done, data};
    return answer;
}

void agent_answer(api_done_fn *done, void *data, int status, const char *code, const char *detail)
{
    struct api_outcome outcome = {.status = status, .code = code, .detail = detail, .moves_left = -1};
    done(data, &outcome);
}

void agent_answer_commit(void *data, int error, const char *detail)
{
    struct agent_answer *answer = data;
    static const struct {
        int error, status;
        const char *code;
    } table[] = {
        {0, 200, NULL},
        {CORE_UNKNOWN, 404, "unknown_connection"},
        {CORE_INVALID, 400, "invalid"},
        {CORE_FULL, 503, "table_full"},
        {CORE_NO_MEMORY, 503, "out_of_memory"},
        {CORE_NOT_OURS, 502, "authority_answer_invalid"},
        {CORE_OUTDATED, 502, "authority_answer_invalid"},
        {CORE_NOT_ACTIVE, 409, "not_activated"},
    };
    int status = 503;
    const char *code = "store_unavailable";
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].error == error) {
            status = table[i].status;
            code = table[i].code;
        }
    }
    agent_answer(answer->done, answer->data, status, code, detail);
    free(answer);
}

/* --- what the API asks --- */

static int64_t ask_now_ms(void *data)
{
    struct agent *agent = data;
    return clock_now_ms(&agent->clock);
}

static const struct core *ask_core(void *data)
{
    return ((struct agent *)data)->core;
}

static struct store *ask_store(void *data)
{
    return ((struct agent *)data)->store;
}

static struct accounts *ask_accounts(void *data)
{
    return ((struct agent *)data)->accounts;
}

static const struct resources *ask_resources(void *data)
{
    return ((struct agent *)data)->resources;
}

static const struct sessions *ask_sessions(void *data)
{
    return ((struct agent *)data)->sessions;
}

static const char *ask_host(void *data)
{
    return ((struct agent *)data)->host;
}

static enum administrator ask_administrator(void *data, const struct account *account)
{
    struct agent *agent = data;
    struct session_facts facts = {.host = agent->host,
                                  .id = "",
                                  .user = "",
                                  .groups = account->groups,
                                  .group_count = account->group_count,
                                  .groups_known = account->known,
                                  .superuser = account->superuser,
                                  .kind_known = -1,
                                  .route_known = -1,
                                  .administrator_known = -1};
    return classify(&agent->words->classify, &facts).administrator;
}

static void ask_change(void *data, const struct core_event *event, api_done_fn *done, void *done_data)
{
    struct agent *agent = data;
    const char *why;
    if (!commit_healthy(agent->commit, &why)) {
        agent_answer(done, done_data, 503, "store_unavailable", why);
        return;
    }
    struct agent_answer *answer = agent_answer_later(done, done_data);
    if (answer)
        farm_offer(agent->farm, event, agent_answer_commit, answer);
    else
        agent_answer(done, done_data, 503, "out_of_memory", "send the change again");
}

static void ask_health(void *data, bool *ret_alive, bool *ret_ready, char *ret_text, size_t bytes)
{
    struct agent *agent = data;
    const char *why;
    bool store_healthy = commit_healthy(agent->commit, &why);
    *ret_alive = store_healthy;
    *ret_ready = agent->ready && !agent->stopping;
    if (!store_healthy)
        (void)snprintf(ret_text, bytes, "store: %s", why);
    else if (agent->gate_failed)
        (void)snprintf(ret_text, bytes, "gate: its files cannot be written");
    else
        (void)snprintf(ret_text, bytes, "%s",
                       agent->ready ? "" : "starting: the sessions are not enumerated yet");
}

struct api_agent agent_offers(struct agent *agent)
{
    return (struct api_agent){.agent = agent,
                              .core = ask_core,
                              .now_ms = ask_now_ms,
                              .store = ask_store,
                              .accounts = ask_accounts,
                              .resources = ask_resources,
                              .sessions = ask_sessions,
                              .host = ask_host,
                              .administrator = ask_administrator,
                              .change = ask_change,
                              .activate = agent_contact_activate,
                              .release = agent_contact_release,
                              .report = agent_contact_report_now,
                              .health = ask_health};
}
