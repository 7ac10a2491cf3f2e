/* agent_reload.c - new settings: the whole new configuration is validated first and applied whole, or the old
 * stays. They come with SIGHUP from this host's file, and in a farm of many hosts from the farm, whose
 * counting settings are the same for all. */
#include "agent.h"

#include "agent/farm/farm_settings.h"
#include "agent/service/service.h"
#include "agent/sessions/sessions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_BYTES 1024

/* All that is made before anything changes. */
struct fresh {
    struct settings *file; /* as this host's file has them */
    struct settings *settings;
    struct settings_core *words;
    struct resources *resources;
};

static void fresh_free(struct fresh *fresh)
{
    resources_destroy(fresh->resources);
    settings_core_destroy(fresh->words);
    free(fresh->settings);
    free(fresh->file);
}

static int out_of_memory(struct error_detail *ret_detail)
{
    error_detail_set(ret_detail, "out of memory");
    return ERROR_NO_MEMORY;
}

static int read_file(const struct agent *agent, struct fresh *fresh, struct error_detail *ret_detail)
{
    fresh->file = calloc(1, sizeof(*fresh->file));
    return fresh->file ? settings_read(agent->settings_path, fresh->file, ret_detail)
                       : out_of_memory(ret_detail);
}

static int copy_file(const struct agent *agent, struct fresh *fresh, struct error_detail *ret_detail)
{
    fresh->file = malloc(sizeof(*fresh->file));
    if (!fresh->file)
        return out_of_memory(ret_detail);
    *fresh->file = *agent->file;
    return 0;
}

/* What the farm does not take of a value is said, and the file's holds. */
static int apply_farm(struct agent *agent, const char *text, size_t bytes, struct fresh *fresh,
                      struct error_detail *ret_detail)
{
    struct error_detail left_out = {""};
    fresh->settings = malloc(sizeof(*fresh->settings));
    if (!fresh->settings)
        return out_of_memory(ret_detail);
    *fresh->settings = *fresh->file;
    if (!text)
        return 0;
    int error = farm_settings_apply(text, bytes, fresh->file, fresh->settings, &left_out);
    if (error)
        *ret_detail = left_out;
    else if (*left_out.text)
        agent_say(agent, LOG_farm_settings_ignored, "detail", left_out.text);
    return error;
}

static int make_rest(struct fresh *fresh, struct error_detail *ret_detail)
{
    int error = settings_core_create(fresh->settings, &fresh->words, ret_detail);
    return error ? error : resources_read(fresh->settings->resources_file, &fresh->resources, ret_detail);
}

/* From here on everything is in memory; only tokens and counting settings can still refuse. */
static int apply_fresh(struct agent *agent, struct fresh *fresh, struct error_detail *ret_detail)
{
    int error = api_reconfigure(agent->api, &fresh->words->api, ret_detail);
    if (error)
        return error;
    struct settings_core *before = agent->words;
    struct core_event event = {.type = EVENT_SETTINGS, .settings = &fresh->words->core};
    agent->words = fresh->words; /* the farm asks for them */
    error = farm_reconfigure(agent->farm, &event);
    agent->words = before;
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
    struct fresh old = {agent->file, agent->settings, agent->words, agent->resources};
    agent->file = fresh->file;
    agent->settings = fresh->settings;
    agent->words = fresh->words;
    agent->resources = fresh->resources;
    *fresh = old;
}

/* --- differences ---------------------------------------------------------------------------------------- */

struct names {
    char text[NAMES_BYTES];
};

static void add_name(void *data, const char *path, const char *in_file, const char *in_force)
{
    struct names *names = data;
    size_t at = strlen(names->text);
    (void)snprintf(names->text + at, sizeof(names->text) - at, "%s%s: %s in the file, %s in the farm",
                   at > 0 ? "; " : "", path, in_file, in_force);
}

static void say_differences(struct agent *agent)
{
    struct names names = {""};
    (void)farm_settings_differences(agent->file, agent->settings, add_name, &names);
    if (*names.text)
        agent_say(agent, LOG_farm_settings_differ, "detail", names.text);
}

/* --- both ways ------------------------------------------------------------------------------------------ */

static void applied(struct agent *agent, struct fresh *fresh, const char *restart)
{
    swap(agent, fresh);
    agent_open_log_file(agent); /* also when it was moved away: then there is another one of the name */
    agent_say(agent, LOG_settings_applied, "file",
              agent->settings_path ? agent->settings_path : "(defaults)");
    if (*restart)
        agent_say(agent, LOG_settings_need_restart, "detail", restart);
    agent->log.severity_max = settings_severity(agent->settings);
    say_differences(agent);
    agent_gate_apply(agent);
}

void agent_reload(struct agent *agent)
{
    struct fresh fresh = {0};
    struct error_detail detail = {""};
    char restart[NAMES_BYTES] = "", changed[NAMES_BYTES];
    if (agent->stopping || !agent->ready)
        return;
    service_reloading();
    int error = read_file(agent, &fresh, &detail);
    if (!error) {
        config_compare(&settings_table, agent->file, fresh.file, restart, sizeof(restart), changed,
                       sizeof(changed));
        settings_keep_until_restart(agent->file, fresh.file);
        error = apply_farm(agent, agent->farm_settings, agent->farm_settings_bytes, &fresh, &detail);
    }
    if (!error)
        error = make_rest(&fresh, &detail);
    if (!error)
        error = apply_fresh(agent, &fresh, &detail);
    if (error)
        agent_say(agent, LOG_settings_refused, "detail", detail.text);
    else
        applied(agent, &fresh, restart);
    fresh_free(&fresh);
    if (agent->sessions) /* whoever asks may have changed more than the file */
        sessions_refresh(agent->sessions);
    agent->reload_refused = error != 0;
    agent_show_status(agent, service_ready);
}

static char *copy_text(const char *text, size_t bytes)
{
    char *copy = malloc(bytes + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    return copy;
}

static void take_farm_settings(struct agent *agent, char *text, size_t bytes, struct fresh *fresh)
{
    char number[32] = "";
    int64_t n;
    if (farm_settings_number(text, bytes, &n) == 0)
        (void)snprintf(number, sizeof(number), "number %lld", (long long)n);
    free(agent->farm_settings);
    agent->farm_settings = text;
    agent->farm_settings_bytes = bytes;
    swap(agent, fresh);
    agent_say(agent, LOG_farm_settings_applied, "detail", number);
    say_differences(agent);
    agent_gate_apply(agent);
}

void agent_farm_settings(void *data, const char *text, size_t bytes)
{
    struct agent *agent = data;
    struct fresh fresh = {0};
    struct error_detail detail = {"out of memory"};
    if (agent->stopping || !text)
        return;
    char *copy = copy_text(text, bytes);
    int error = copy ? copy_file(agent, &fresh, &detail) : ERROR_NO_MEMORY;
    if (!error)
        error = apply_farm(agent, text, bytes, &fresh, &detail);
    if (!error)
        error = make_rest(&fresh, &detail);
    if (!error)
        error = apply_fresh(agent, &fresh, &detail);
    if (error) {
        agent_say(agent, LOG_farm_settings_ignored, "detail", detail.text);
        free(copy);
    } else {
        take_farm_settings(agent, copy, bytes, &fresh);
    }
    fresh_free(&fresh);
}
