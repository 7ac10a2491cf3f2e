/* agent_asks.c - what the API may ask of the agent. */
#include "agent.h"

#include <stdio.h>

static int64_t ask_now_ms(void *data)
{
    struct agent *agent = data;
    return clock_now_ms(&agent->clock);
}

static const struct core *ask_core(void *data)
{
    return farm_core(((struct agent *)data)->farm);
}

static void ask_status(void *data, struct core_status *ret)
{
    agent_status(data, ret);
}

static void ask_place(void *data, struct farm_place *ret)
{
    farm_place(((struct agent *)data)->farm, ret);
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

static const struct setbacks *ask_setbacks(void *data)
{
    return &((struct agent *)data)->setbacks;
}

static const char *ask_host(void *data)
{
    return ((struct agent *)data)->host;
}

static void ask_publisher(void *data, struct api_publisher *ret)
{
    const struct agent *agent = data;
    const struct settings *settings = agent->settings;
    *ret = (struct api_publisher){.name = settings->farm_name[0] ? settings->farm_name : agent->host,
                                  .address = settings->resources_address[0] ? settings->resources_address
                                                                            : agent->host};
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
    if (agent_refuses(agent, done, done_data))
        return;
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

static double seconds_of(const uv_timeval_t *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static void ask_measures(void *data, struct metrics_input *ret)
{
    const struct agent *agent = data;
    uv_rusage_t usage = {.ru_maxrss = 0};
    size_t resident_bytes = 0;
    (void)uv_getrusage(&usage);
    (void)uv_resident_set_memory(&resident_bytes);
    ret->counts = &agent->counts;
    ret->turns = &agent->watch.turns;
    ret->commits = &commit_figures(agent->commit)->took;
    ret->commits_failed = commit_figures(agent->commit)->failed;
    ret->process =
        (struct metrics_process){.cpu_seconds = seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime),
                                 .resident_bytes = resident_bytes,
                                 .started_ms = agent->process_started_ms};
}

struct api_agent agent_offers(struct agent *agent)
{
    return (struct api_agent){.agent = agent,
                              .core = ask_core,
                              .status = ask_status,
                              .place = ask_place,
                              .now_ms = ask_now_ms,
                              .store = ask_store,
                              .accounts = ask_accounts,
                              .resources = ask_resources,
                              .sessions = ask_sessions,
                              .setbacks = ask_setbacks,
                              .host = ask_host,
                              .publisher = ask_publisher,
                              .administrator = ask_administrator,
                              .refused = agent_refused,
                              .change = ask_change,
                              .activate = agent_contact_activate,
                              .release = agent_contact_release,
                              .request_file = agent_offline_request,
                              .import_file = agent_offline_import,
                              .report = agent_contact_report_now,
                              .forget = agent_forget,
                              .farm_roll = agent_farm_roll,
                              .farm_settings = agent_farm_visit,
                              .farm_set = agent_farm_set,
                              .farm_leave = agent_farm_leave,
                              .health = ask_health,
                              .measures = ask_measures};
}
