/* agent_tell.c - how the agent speaks: an answer to a change, an event of its own. */
#include "agent.h"

#include "agent/core/core_error.h"

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

bool agent_refuses(const struct agent *agent, api_done_fn *done, void *data)
{
    const char *why;
    if (agent->stopping)
        agent_answer(done, data, 503, "stopping", "the agent is stopping");
    else if (!commit_healthy(agent->commit, &why))
        agent_answer(done, data, 503, "store_unavailable", why);
    else
        return false;
    return true;
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

void agent_say(struct agent *agent, enum log_event_code code, const char *name, const char *text)
{
    struct log_event event = {.code = code, .at_ms = clock_now_ms(&agent->clock)};
    if (name)
        log_event_text(&event, name, text);
    commit_log(agent->commit, &event);
}
