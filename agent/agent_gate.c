/* agent_gate.c - the gate's files, and the service manager's status line, follow the verdict and this host's
 * sessions. */
#include "agent.h"

#include "agent/service/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSED_TEXT_BYTES 1024
#define STATUS_LINE_BYTES 160

/* Names of users with a live session on this host, as the host spells them. */
struct present {
    char **names;
    size_t count, room;
    bool failed;
};

static bool collect(void *data, const struct tally_entry *entry)
{
    struct present *present = data;
    if (present->count == present->room) {
        size_t room = present->room ? present->room * 2 : 64;
        char **names = realloc(present->names, room * sizeof(*names));
        if (!names) {
            present->failed = true;
            return false;
        }
        present->names = names;
        present->room = room;
    }
    char *name = strdup(entry->connection.user);
    present->failed |= !name;
    if (name)
        present->names[present->count++] = name;
    return !present->failed;
}

static void present_free(struct present *present)
{
    for (size_t i = 0; i < present->count; i++)
        free(present->names[i]);
    free(present->names);
}

static void retry(uv_timer_t *timer)
{
    agent_gate_apply(timer->data);
}

/* Said when it begins and tried again until it works; the last files stay in force meanwhile. */
static void report_failure(struct agent *agent, int error, const struct error_detail *detail)
{
    if (error && !agent->gate_failed)
        agent_say(agent, LOG_gate_files_failed, "detail", detail->text);
    agent->gate_failed = error != 0;
    if (error && !agent->stopping)
        (void)uv_timer_start(&agent->present, retry, AGENT_GATE_RETRY_MS, 0);
}

void agent_show_status(const struct agent *agent, void (*show)(const char *line))
{
    struct core_status status;
    char line[STATUS_LINE_BYTES];
    core_status(agent->core, &status);
    bool open = status.verdict.open;
    (void)snprintf(line, sizeof(line), "The gate is %s%s, %u concurrent users%s",
                   open ? "open" : "closed: ", open ? "" : verdict_reason_name(status.verdict.reason),
                   status.level.concurrent_users,
                   agent->reload_refused ? "; the last reload was refused" : "");
    show(line);
}

void agent_gate_apply(struct agent *agent)
{
    struct core_status status;
    core_status(agent->core, &status);
    if (!status.started) /* until the sessions are known the last verdict on disk stays in force */
        return;
    struct present present = {0};
    tally_each(core_tally(agent->core), agent->host, NULL, collect, &present);
    char text[CLOSED_TEXT_BYTES];
    const char *more = agent->settings->closed_text;
    (void)snprintf(text, sizeof(text), "%s%s%s", verdict_reason_text(status.verdict.reason),
                   *more ? "\n" : "", more);
    struct error_detail detail = {"out of memory"};
    int error = present.failed ? ERROR_NO_MEMORY
                               : gate_apply(&agent->gate, !status.verdict.open, text,
                                            (const char *const *)present.names, present.count, &detail);
    present_free(&present);
    agent->present_revision = status.sessions_revision;
    report_failure(agent, error, &detail);
    agent_show_status(agent, service_status);
}

void agent_gate_follow(struct agent *agent)
{
    struct core_status status;
    core_status(agent->core, &status);
    if (!status.started || status.sessions_revision == agent->present_revision || agent->stopping)
        return;
    if (!status.verdict.open)
        agent_gate_apply(agent);
    else if (!uv_is_active((uv_handle_t *)&agent->present))
        (void)uv_timer_start(&agent->present, retry, AGENT_PRESENT_LAZY_MS, 0);
}
