/* agent_forget.c - a person is taken out of what this host has stored. */
#include "agent.h"

#include "agent/event_json.h"
#include "agent/log_sink.h"

#include <stdlib.h>

struct forgetting {
    struct agent *agent;
    api_done_fn *done;
    void *data;
};

/* The store goes on to the end of what it was given when nothing is committed any more: then it is told
 * alone. */
static void say_erased(struct agent *agent, uint64_t events)
{
    struct log_event event = {.code = LOG_person_erased, .at_ms = clock_now_ms(&agent->clock)};
    log_event_number(&event, "count", (int64_t)events);
    if (!agent->stopping) {
        commit_log(agent->commit, &event);
        return;
    }
    char *json = event_json(&event);
    log_sink_write(&agent->log, &event, json);
    free(json);
}

static void forgotten(void *data, int error, const char *detail, uint64_t events)
{
    struct forgetting *forgetting = data;
    struct agent *agent = forgetting->agent;
    struct api_outcome outcome = {.status = 200, .moves_left = -1, .events = events};
    if (error == 0) {
        say_erased(agent, events);
        forgetting->done(forgetting->data, &outcome);
    } else {
        agent_answer(forgetting->done, forgetting->data, 503, "store_unavailable", detail);
    }
    free(forgetting);
}

void agent_forget(void *data, const char *user, api_done_fn *done, void *done_data)
{
    struct agent *agent = data;
    struct tally_user live;
    if (agent_refuses(agent, done, done_data))
        return;
    if (tally_user(core_tally(agent->core), user, &live)) {
        agent_answer(done, done_data, 409, "user_is_on",
                     "the user has a live connection, which would be told of again: end it first");
        return;
    }
    struct forgetting *forgetting = malloc(sizeof(*forgetting));
    int error = ERROR_NO_MEMORY;
    if (forgetting) {
        *forgetting = (struct forgetting){agent, done, done_data};
        const struct tally_settings *tally = &agent->words->core.tally;
        error = store_forget(agent->store, user, tally->aliases, tally->alias_count, forgotten, forgetting);
    }
    if (error == 0)
        return;
    free(forgetting);
    agent_answer(done, done_data, 503, "store_unavailable", error_text(error));
}
