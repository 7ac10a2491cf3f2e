/* agent_reload.c - SIGHUP: the whole new configuration is validated first and applied whole, or the old
 * stays. */
#include "agent.h"

#include "agent/service/service.h"

#include <stdio.h>
#include <stdlib.h>

#define NAMES_BYTES 1024

/* All that a reload makes before it changes anything. */
struct fresh {
    struct settings *settings;
    struct settings_core *words;
    struct resources *resources;
};

static void fresh_free(struct fresh *fresh)
{
    resources_destroy(fresh->resources);
    settings_core_destroy(fresh->words);
    free(fresh->settings);
}

static int read_fresh(const struct agent *agent, struct fresh *ret_fresh, struct error_detail *ret_detail)
{
    ret_fresh->settings = calloc(1, sizeof(*ret_fresh->settings));
    if (!ret_fresh->settings) {
        error_detail_set(ret_detail, "out of memory");
        return ERROR_NO_MEMORY;
    }
    int error = settings_read(agent->settings_path, ret_fresh->settings, ret_detail);
    if (!error)
        error = settings_core_create(ret_fresh->settings, &ret_fresh->words, ret_detail);
    if (!error)
        error = resources_read(ret_fresh->settings->resources_file, &ret_fresh->resources, ret_detail);
    return error;
}

/* From here on everything is in memory; only tokens and counting settings can still refuse. */
static int apply_fresh(struct agent *agent, struct fresh *fresh, struct error_detail *ret_detail)
{
    int error = api_reconfigure(agent->api, &fresh->words->api, ret_detail);
    if (error)
        return error;
    struct core_event event = {.type = EVENT_SETTINGS, .settings = &fresh->words->core};
    error = farm_reconfigure(agent->farm, &event);
    if (error) {
        error_detail_set(ret_detail, "%s", core_error_text(error));
        struct error_detail ignored;
        (void)api_reconfigure(agent->api, &agent->words->api, &ignored);
        return error;
    }
    sessions_reconfigure(agent->sessions, &fresh->words->classify);
    return 0;
}

static void swap(struct agent *agent, struct fresh *fresh)
{
    struct fresh old = {agent->settings, agent->words, agent->resources};
    agent->settings = fresh->settings;
    agent->words = fresh->words;
    agent->resources = fresh->resources;
    *fresh = old;
}

void agent_reload(struct agent *agent)
{
    struct fresh fresh = {0};
    struct error_detail detail = {""};
    char restart[NAMES_BYTES], changed[NAMES_BYTES];
    if (agent->stopping || !agent->ready)
        return;
    service_reloading();
    int error = read_fresh(agent, &fresh, &detail);
    if (!error)
        error = apply_fresh(agent, &fresh, &detail);
    if (error) {
        agent_say(agent, LOG_settings_refused, "detail", detail.text);
    } else {
        config_compare(&settings_table, agent->settings, fresh.settings, restart, sizeof(restart), changed,
                       sizeof(changed));
        settings_keep_until_restart(agent->settings, fresh.settings);
        swap(agent, &fresh);
        agent_say(agent, LOG_settings_applied, "file",
                  agent->settings_path ? agent->settings_path : "(defaults)");
        if (*restart)
            agent_say(agent, LOG_settings_need_restart, "detail", restart);
        agent->log.severity_max = settings_severity(agent->settings);
        agent_gate_apply(agent);
    }
    fresh_free(&fresh);
    agent->reload_refused = error != 0;
    agent_show_status(agent, service_ready);
}
