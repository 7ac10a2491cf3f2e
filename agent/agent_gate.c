/* agent_gate.c - the gate's files, and the service manager's status line, follow the verdict and this host's
 * sessions. */
#include "agent.h"

#include "agent/core/admission.h"
#include "agent/core/spelling.h"
#include "agent/service/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSED_TEXT_BYTES 1024
#define STATUS_LINE_BYTES 160

/* Who may come back, by names. */
struct present {
    const struct agent *agent;
    char **names;
    size_t count, room;
    bool failed;
};

static bool make_room(struct present *present)
{
    if (present->count < present->room)
        return true;
    size_t room = present->room ? present->room * 2 : 64;
    char **names = realloc(present->names, room * sizeof(*names));
    if (!names)
        return false;
    present->names = names;
    present->room = room;
    return true;
}

static void add_name(void *data, const char *name)
{
    struct present *present = data;
    char *copy = make_room(present) ? strdup(name) : NULL;
    if (copy)
        present->names[present->count++] = copy;
    else
        present->failed = true;
}

/* Who is on this host, counted or not, as the host spells it. */
static bool add_who_is_here(void *data, const struct tally_entry *entry)
{
    struct present *present = data;
    add_name(present, entry->connection.user);
    return !present->failed;
}

/* Who holds a licence: on another host, by all names that this one may have for the user. */
static bool add_holder(void *data, const struct tally_entry *entry)
{
    struct present *present = data;
    const struct tally_settings *settings = &present->agent->words->core.tally;
    bool here = strcmp(entry->connection.host, present->agent->host) == 0;
    if (!here && entry->reason == TALLY_COUNTED)
        spelling_each(entry->connection.user, settings->aliases, settings->alias_count, add_name, present);
    return !present->failed;
}

static void collect(struct present *present, const struct core_status *status)
{
    const struct agent *agent = present->agent;
    const struct tally *tally = core_tally(farm_core(agent->farm));
    if (!status->verdict.open && status->strict)
        return;
    tally_each(tally, agent->host, NULL, add_who_is_here, present);
    if (status->verdict.admission == ADMISSION_HOLDERS && !present->failed)
        tally_each(tally, NULL, NULL, add_holder, present);
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
    static const char *const words[] = {[ADMISSION_NONE] = "closed: ",
                                        [ADMISSION_HOLDERS] =
                                            "open to who holds a licence, for all are in use",
                                        [ADMISSION_ALL] = "open"};
    struct core_status status;
    char line[STATUS_LINE_BYTES];
    farm_status(agent->farm, &status);
    (void)snprintf(
        line, sizeof(line), "The gate is %s%s, %u concurrent users%s", words[status.verdict.admission],
        status.verdict.open ? "" : verdict_reason_name(status.verdict.reason), status.level.concurrent_users,
        agent->reload_refused ? "; the last reload was refused" : "");
    show(line);
}

void agent_gate_open(struct agent *agent)
{
    struct error_detail detail = {""};
    gate_init(&agent->gate, agent->settings->gate_directory);
    int error = gate_after_stop(agent->settings->gate_directory, &detail); /* what a crash has left */
    if (error)
        report_failure(agent, error, &detail);
}

static enum gate_state state_of(const struct verdict *verdict)
{
    if (!verdict->open)
        return GATE_CLOSED;
    return verdict->admission == ADMISSION_HOLDERS ? GATE_RUN_OUT : GATE_OPEN;
}

void agent_gate_apply(struct agent *agent)
{
    struct core_status status;
    farm_status(agent->farm, &status);
    if (!status.started) /* until the sessions are known the last verdict on disk stays in force */
        return;
    struct present present = {.agent = agent};
    char text[CLOSED_TEXT_BYTES];
    struct error_detail detail = {"out of memory"};
    enum gate_state state = state_of(&status.verdict);
    const char *more = agent->settings->closed_text;
    const char *why =
        state == GATE_RUN_OUT ? admission_run_out_text() : verdict_reason_text(status.verdict.reason);
    (void)snprintf(text, sizeof(text), "%s%s%s", why, *more ? "\n" : "", more);
    collect(&present, &status);
    int error = present.failed ? ERROR_NO_MEMORY
                               : gate_apply(&agent->gate, state, text, (const char *const *)present.names,
                                            present.count, &detail);
    present_free(&present);
    agent->present_revision = status.sessions_revision;
    agent->present_applied_ms = uv_now(&agent->loop);
    report_failure(agent, error, &detail);
    agent_show_status(agent, service_status);
}

/* While nobody reads `present` it follows lazily; else at once, but a storm of changes is taken together. */
void agent_gate_follow(struct agent *agent)
{
    struct core_status status;
    farm_status(agent->farm, &status);
    if (!status.started || status.sessions_revision == agent->present_revision || agent->stopping)
        return;
    bool read = status.verdict.admission != ADMISSION_ALL;
    uint64_t spacing_ms = read ? AGENT_PRESENT_SPACING_MS : AGENT_PRESENT_LAZY_MS;
    uint64_t passed_ms = uv_now(&agent->loop) - agent->present_applied_ms;
    if (read && passed_ms >= spacing_ms)
        agent_gate_apply(agent);
    else if (read)
        (void)uv_timer_start(&agent->present, retry, spacing_ms - passed_ms, 0);
    else if (!uv_is_active((uv_handle_t *)&agent->present))
        (void)uv_timer_start(&agent->present, retry, spacing_ms, 0);
}
