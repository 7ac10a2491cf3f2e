/* agent_hooks.c - who hears whom: what a commit carries out, and what sessions and accounts tell. */
#include "agent.h"

#include "agent/event_json.h"
#include "agent/service/service.h"
#include "version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what the commit carries out --- */

static int64_t hook_now_ms(void *data)
{
    struct agent *agent = data;
    return clock_now_ms(&agent->clock);
}

static void hook_clock(void *data, int64_t licence_ms)
{
    struct agent *agent = data;
    clock_set(&agent->clock, licence_ms);
}

static void hook_gate(void *data)
{
    agent_gate_apply(data);
}

static void hook_report(void *data)
{
    agent_contact_report(data);
}

static void hook_log(void *data, const struct log_event *event)
{
    struct agent *agent = data;
    char *json = event_json(event);
    agent->counts.events[log_event_severity(event->code)]++;
    agent_tell(agent, event, json);
    if (agent->api && json)
        api_publish(agent->api, event->id, log_event_name(event->code), json);
    free(json);
}

void agent_status(const struct agent *agent, struct core_status *ret)
{
    if (agent->farm)
        farm_status(agent->farm, ret);
    else
        core_status(agent->core, ret);
}

static void hook_files(void *data, struct store_identity *ret_identity, struct store_licence *ret_licence)
{
    struct agent *agent = data;
    struct core_status status;
    agent_status(agent, &status);
    *ret_identity = agent->identity;
    memset(ret_licence, 0, sizeof(*ret_licence));
    ret_licence->standing = status.standing;
    memcpy(ret_licence->entitlement, agent->entitlement, sizeof(ret_licence->entitlement));
    clock_save(&agent->clock, &ret_licence->clock);
    ret_licence->farm_n = agent_farm_n(agent);
}

static void on_due(uv_timer_t *timer)
{
    struct agent *agent = timer->data;
    struct core_event event = {.type = EVENT_TIMER};
    (void)commit_step(agent->commit, &event, NULL, NULL);
}

/* One timer for all that is due: licence time and the loop's time run at one speed, so the difference is
 * enough. */
static void hook_stepped(void *data)
{
    struct agent *agent = data;
    int64_t due_ms = core_due_ms(agent->core);
    if (agent->stopping)
        return;
    agent_gate_follow(agent);
    if (due_ms == INT64_MAX) {
        (void)uv_timer_stop(&agent->due);
        return;
    }
    int64_t wait_ms = due_ms - clock_now_ms(&agent->clock);
    uv_update_time(&agent->loop);
    (void)uv_timer_start(&agent->due, on_due, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
}

struct commit_hooks agent_commit_hooks(struct agent *agent)
{
    return (struct commit_hooks){.now_ms = hook_now_ms,
                                 .clock = hook_clock,
                                 .gate = hook_gate,
                                 .report = hook_report,
                                 .log = hook_log,
                                 .stepped = hook_stepped,
                                 .files = hook_files,
                                 .data = agent};
}

/* --- what sessions and accounts tell --- */

int agent_step(void *data, const struct core_event *event, farm_done_fn *done, void *done_data)
{
    struct agent *agent = data;
    return commit_step(agent->commit, event, done, done_data);
}

struct orphan_search {
    const struct sessions *sessions;
    char host[CONNECTION_HOST_BYTES_MAX + 1]; /* "" none found */
};

static void look_for_orphan(void *data, const struct roster_change *live)
{
    struct orphan_search *search = data;
    const char *host = live->connection.host;
    if ((live->reported_by & REPORTED_BY_HOST) != 0 && !sessions_speak_of(search->sessions, host))
        (void)snprintf(search->host, sizeof(search->host), "%s", host);
}

/* Stored sessions of a host that no source speaks of, for it was renamed or a source was taken out of the
 * configuration, would count for ever. They belong to the batch of a restart (RULES §2.8): ends first. */
static void end_orphans(struct agent *agent)
{
    struct orphan_search search = {.sessions = agent->sessions};
    if (agent->orphans_ended)
        return;
    agent->orphans_ended = true;
    const struct tally_level *level = tally_level(core_tally(farm_core(agent->farm)));
    uint32_t before;
    do {
        before = level->connections;
        search.host[0] = '\0';
        roster_each(core_roster(farm_core(agent->farm)), look_for_orphan, &search);
        struct core_event event = {.type = EVENT_HOST_SET, .set = {.host = search.host}};
        if (search.host[0] != '\0')
            farm_offer(agent->farm, &event, NULL, NULL);
    } while (level->connections < before);
}

static void on_host_set(void *data, const char *host, const struct connection *connections, size_t count)
{
    struct agent *agent = data;
    end_orphans(agent);
    struct core_event event = {.type = EVENT_HOST_SET,
                               .set = {.host = host, .connections = connections, .count = count}};
    farm_offer(agent->farm, &event, NULL, NULL);
}

static void on_started(void *data, int error, const char *detail)
{
    struct agent *agent = data;
    (void)error; /* a store that fails has said so; the gate stands all the same */
    (void)detail;
    agent->ready = true;
    agent_show_status(agent, service_ready);
    struct log_event event = {.code = LOG_agent_started, .at_ms = clock_now_ms(&agent->clock)};
    log_event_text(&event, "version", FARMGATE_VERSION);
    log_event_text(&event, "host", agent->host);
    commit_log(agent->commit, &event);
}

static void on_enumerated(void *data)
{
    struct agent *agent = data;
    end_orphans(agent);
    farm_started(agent->farm, on_started, agent);
}

static void on_health(void *data, const char *source, int error, const char *detail)
{
    struct agent *agent = data;
    struct log_event event = {.code = error ? LOG_source_failed : LOG_source_recovered,
                              .at_ms = clock_now_ms(&agent->clock)};
    log_event_text(&event, "source", source);
    if (error)
        log_event_text(&event, "detail", detail);
    commit_log(agent->commit, &event);
}

static void on_limit(void *data, const char *source, const char *detail)
{
    struct agent *agent = data;
    struct log_event event = {.code = LOG_source_limited, .at_ms = clock_now_ms(&agent->clock)};
    log_event_text(&event, "source", source);
    log_event_text(&event, "detail", detail);
    commit_log(agent->commit, &event);
}

static void groups_of(void *data, const char *user, struct user_groups *ret)
{
    struct agent *agent = data;
    struct account account = accounts_get(agent->accounts, user);
    *ret = (struct user_groups){.groups = account.groups,
                                .group_count = account.group_count,
                                .known = account.known,
                                .superuser = account.superuser};
}

void agent_accounts_changed(void *data)
{
    struct agent *agent = data;
    if (agent->sessions)
        sessions_groups_changed(agent->sessions);
}

struct sessions_listener agent_sessions_listener(struct agent *agent)
{
    return (struct sessions_listener){.on_host_set = on_host_set,
                                      .on_enumerated = on_enumerated,
                                      .on_health = on_health,
                                      .on_limit = on_limit,
                                      .groups = groups_of,
                                      .data = agent};
}
