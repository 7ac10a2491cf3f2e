/* agent_farm.c - what this host's farm is: itself, or one of many hosts, which the agent serves with clock,
 * store, gate and the way to the authority. */
#include "agent.h"

#include "agent/farm/farm_secret.h"
#include "agent/farm/farm_settings.h"
#include "agent/farm/shared.h"
#include "agent/service/service.h"
#include "version.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSTALLATION_ID_BYTES 16

bool agent_shares(const struct agent *agent)
{
    return agent->settings->farm_mode == FARM_MODE_ETCD;
}

int64_t agent_farm_n(const struct agent *agent)
{
    struct farm_place place = {.verdict_n = 0};
    if (agent->farm)
        farm_place(agent->farm, &place);
    return place.verdict_n;
}

/* --- what it does for a farm of many hosts -------------------------------------------------------------- */

static int64_t on_licence_ms(void *data)
{
    const struct agent *agent = data;
    return clock_now_ms(&agent->clock);
}

static const struct core_settings *on_settings(void *data)
{
    const struct agent *agent = data;
    return &agent->words->core;
}

static void on_clock(void *data, int64_t licence_ms)
{
    struct agent *agent = data;
    clock_set(&agent->clock, licence_ms);
}

static void on_identity(void *data, struct store_identity *ret,
                        char ret_entitlement[STORE_ENTITLEMENT_MAX + 1])
{
    const struct agent *agent = data;
    *ret = agent->identity;
    memcpy(ret_entitlement, agent->entitlement, STORE_ENTITLEMENT_MAX + 1);
}

/* The farm's licence counts for all its hosts: one that a host had for itself is named, and not used. */
static void put_aside(struct agent *agent, const char *farm_id)
{
    const char *own = agent->identity.farm_id;
    if (*own && *agent->identity.farm_token && strcmp(own, farm_id) != 0)
        agent_say(agent, LOG_farm_licence_put_aside, "farm_id", own);
}

static void on_named(void *data, const char *farm_id, bool first)
{
    struct agent *agent = data;
    struct store_identity *identity = &agent->identity;
    if (strcmp(identity->farm_id, farm_id) == 0)
        return;
    if (first)
        put_aside(agent, farm_id);
    (void)snprintf(identity->farm_id, sizeof(identity->farm_id), "%s", farm_id);
    identity->farm_token[0] = '\0';
    agent->entitlement[0] = '\0';
    commit_identity_changed(agent->commit);
}

static void on_adopt(void *data, const struct store_identity *identity, const char *entitlement)
{
    struct agent *agent = data;
    struct entitlement_keyring ring;
    put_aside(agent, identity->farm_id);
    agent->identity = *identity;
    service_machine_id(agent->identity.machine_id, sizeof(agent->identity.machine_id));
    (void)snprintf(agent->entitlement, sizeof(agent->entitlement), "%s", entitlement);
    commit_identity_changed(agent->commit);
    agent_grant_keyring(agent, &ring);
    uplink_trust(agent->uplink, &ring);
}

static uint64_t on_next_sequence(void *data, const char *farm_id)
{
    const struct agent *agent = data;
    return store_next_sequence(agent->store, farm_id);
}

static void on_gate(void *data)
{
    agent_gate_apply(data);
}

static void on_moved(void *data)
{
    struct agent *agent = data;
    if (agent->farm && !agent->stopping)
        agent_gate_follow(agent);
}

static void on_report(void *data)
{
    agent_contact_report(data);
}

struct history {
    struct agent *agent;
    int64_t before_ms;
};

static void on_windows(void *data, int error, const struct store_windows *windows)
{
    struct history *history = data;
    struct agent *agent = history->agent;
    struct window *copy = error ? NULL : malloc((windows->count + 1) * sizeof(*copy));
    size_t count = 0;
    for (size_t i = 0; copy && i < windows->count; i++) {
        if (windows->windows[i].start_ms < history->before_ms)
            copy[count++] = windows->windows[i];
    }
    if (copy && agent->farm && !agent->stopping)
        farm_shared_add_history(agent->farm, copy, count);
    else
        free(copy);
    free(history);
}

/* Whoever joins sees the whole of it. */
static void on_history(void *data, int64_t before_ms)
{
    struct agent *agent = data;
    struct history *history = malloc(sizeof(*history));
    if (!history)
        return;
    *history = (struct history){agent, before_ms};
    if (store_query_windows(agent->store, 0, before_ms, STORE_QUERY_ROWS_MAX, on_windows, history) < 0)
        free(history);
}

static void on_keep(void *data, const struct core_actions *actions)
{
    struct agent *agent = data;
    commit_take(agent->commit, actions);
}

static void on_say(void *data, const struct log_event *event)
{
    struct agent *agent = data;
    commit_log(agent->commit, event);
}

/* So that every host counts by the same rules, whoever leads. */
static char *on_first_settings(void *data)
{
    const struct agent *agent = data;
    char *text;
    return farm_settings_make(agent->file, &text) == 0 ? text : NULL;
}

static void on_refused(void *data, const char *detail)
{
    struct agent *agent = data;
    struct error_detail words;
    error_detail_set(&words, "farm.host: %s", detail);
    agent_tell_failed(agent, words.text, AGENT_BUSY);
    agent_stop(agent, AGENT_BUSY);
}

/* --- opening -------------------------------------------------------------------------------------------- */

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static int open_shared(struct agent *agent, const struct store_loaded *loaded,
                       struct farm_shared_settings *shared, struct error_detail *ret_detail)
{
    const struct settings *settings = agent->settings;
    const char *endpoints[SETTINGS_ENDPOINTS_MAX];
    const struct farm_shared_told told = {.licence_ms = on_licence_ms,
                                          .settings = on_settings,
                                          .clock = on_clock,
                                          .identity = on_identity,
                                          .adopt = on_adopt,
                                          .named = on_named,
                                          .next_sequence = on_next_sequence,
                                          .gate = on_gate,
                                          .moved = on_moved,
                                          .report = on_report,
                                          .history = on_history,
                                          .keep = on_keep,
                                          .say = on_say,
                                          .farm_settings = agent_farm_settings,
                                          .first_settings = on_first_settings,
                                          .refused = on_refused,
                                          .data = agent};
    for (size_t i = 0; i < settings->farm_endpoint_count; i++)
        endpoints[i] = settings->farm_endpoints[i];
    shared->loop = &agent->loop;
    shared->name = settings->farm_name;
    shared->any_version = settings->any_etcd_version;
    shared->lease_ttl_s = settings->farm_lease_ttl_ms / 1000;
    shared->kept = agent->core;
    shared->seen_n = loaded->licence.farm_n;
    shared->windows_after_ms = loaded->last_window_ms;
    shared->told = &loaded->journal;
    shared->journal = (struct farm_journal){store_journal_write, agent->store};
    shared->etcd = (struct etcd_settings){.endpoints = endpoints,
                                          .endpoint_count = settings->farm_endpoint_count,
                                          .ca_file = or_null(settings->farm_ca),
                                          .certificate_file = or_null(settings->farm_certificate),
                                          .key_file = or_null(settings->farm_key),
                                          .user = or_null(settings->farm_user),
                                          .password = shared->etcd.password};
    (void)snprintf(shared->self.host, sizeof(shared->self.host), "%s", agent->host);
    (void)snprintf(shared->self.version, sizeof(shared->self.version), "%s", FARMGATE_VERSION);
    service_machine_id(shared->self.machine_id, sizeof(shared->self.machine_id));
    return farm_shared_create(shared, &told, &agent->farm, ret_detail);
}

/* What brokers told this host while it was alone stays told: nobody else would tell it to the farm. Its own
 * sessions are told by their sources. */
static void carry_over(struct agent *agent, const struct store_loaded *loaded)
{
    const struct core_saved *alone = &loaded->core;
    bool has_booted = false;
    if (*loaded->journal.line != '\0')
        return; /* it was in a farm already */
    for (size_t i = 0; i < alone->host_count; i++) {
        const struct core_host *host = &alone->hosts[i];
        has_booted |=
            strcmp(host->host, agent->host) == 0 && strcmp(host->boot_id, agent->clock.boot_id) != 0;
    }
    for (size_t i = 0; i < alone->connection_count; i++) {
        const struct roster_change *stored = &alone->connections[i];
        struct core_event event = {.type = EVENT_BROKER_PUT, .put = stored->connection};
        bool is_over = has_booted && strcmp(event.put.host, agent->host) == 0;
        if (*stored->broker_id)
            event.put.id = stored->broker_id;
        if ((stored->reported_by & REPORTED_BY_BROKER) && !is_over)
            farm_offer(agent->farm, &event, NULL, NULL);
    }
}

static int open_with_secrets(struct agent *agent, const struct store_loaded *loaded,
                             struct error_detail *ret_detail)
{
    const struct settings *settings = agent->settings;
    struct farm_shared_settings shared = {.name = ""};
    char password[FARM_PASSWORD_BYTES_MAX + 1] = "";
    int error = farm_secret_read(settings->farm_secret_file, shared.secret, ret_detail);
    if (!error && *settings->farm_password_file)
        error = farm_password_read(settings->farm_password_file, password, ret_detail);
    if (!error) {
        shared.etcd.password = password;
        error = open_shared(agent, loaded, &shared, ret_detail);
        if (!error)
            carry_over(agent, loaded);
    } else {
        error = ERROR_CONFIGURATION;
    }
    sodium_memzero(password, sizeof(password));
    sodium_memzero(&shared, sizeof(shared));
    return error;
}

int agent_farm_open(struct agent *agent, const struct store_loaded *loaded, struct error_detail *ret_detail)
{
    if (agent_shares(agent))
        return open_with_secrets(agent, loaded, ret_detail);
    agent->farm = farm_alone_create(agent_step, agent, agent->core);
    if (agent->farm)
        return 0;
    error_detail_set(ret_detail, "out of memory");
    return ERROR_NO_MEMORY;
}

/* --- what the API asks of it ---------------------------------------------------------------------------- */

static bool answers_alone(const struct agent *agent, api_done_fn *done, void *data)
{
    if (agent_shares(agent))
        return false;
    agent_answer(done, data, 409, "farm_is_alone",
                 "this host is its own farm; `farmgate farm init` makes one of many hosts");
    return true;
}

void agent_farm_roll(void *data, roll_done_fn *done, void *done_data)
{
    struct agent *agent = data;
    if (!agent_shares(agent) || agent->stopping)
        done(done_data, NULL, ERROR_NOT_FOUND,
             agent->stopping ? "the agent is stopping" : "this host is its own farm");
    else
        farm_shared_roll(agent->farm, done, done_data);
}

/* --- settings --- */

struct visiting {
    const struct agent *agent;
    api_farm_setting_fn *visit;
    void *data;
    const char *path, *in_file; /* of the difference that was looked for */
};

static void note_difference(void *data, const char *path, const char *in_file, const char *in_force)
{
    struct visiting *visiting = data;
    (void)in_force;
    if (strcmp(path, visiting->path) == 0)
        visiting->visit(visiting->data, path, in_force, in_file);
    if (strcmp(path, visiting->path) == 0)
        visiting->in_file = in_file;
}

static void visit_row(void *data, const char *path, const char *value)
{
    struct visiting *visiting = data;
    visiting->path = path;
    visiting->in_file = NULL;
    (void)farm_settings_differences(visiting->agent->file, visiting->agent->settings, note_difference,
                                    visiting);
    if (!visiting->in_file)
        visiting->visit(visiting->data, path, value, value);
}

void agent_farm_visit(void *data, api_farm_setting_fn *visit, void *visit_data)
{
    struct agent *agent = data;
    struct visiting visiting = {.agent = agent, .visit = visit, .data = visit_data};
    if (agent->farm_settings)
        (void)farm_settings_each(agent->farm_settings, agent->farm_settings_bytes, visit_row, &visiting);
}

static void settings_put(void *data, int error, const char *detail)
{
    agent_answer_commit(data, error, detail);
}

void agent_farm_set(void *data, const char *path, const char *value_or_null, api_done_fn *done,
                    void *done_data)
{
    struct agent *agent = data;
    struct error_detail detail = {""};
    char *text;
    if (answers_alone(agent, done, done_data) || agent_refuses(agent, done, done_data))
        return;
    if (!farm_shared_settings_known(agent->farm)) {
        agent_answer(done, done_data, 503, "farm_unreachable",
                     "the farm's settings have not been read yet; ask again");
        return;
    }
    int error = farm_settings_change(agent->farm_settings, agent->farm_settings_bytes, path, value_or_null,
                                     &text, &detail);
    if (error) {
        agent_answer(done, done_data, error == ERROR_NO_MEMORY ? 503 : 400,
                     error == ERROR_NO_MEMORY ? "out_of_memory" : "invalid", detail.text);
        return;
    }
    struct agent_answer *answer = agent_answer_later(done, done_data);
    if (answer)
        farm_shared_put_settings(agent->farm, text, strlen(text), settings_put, answer);
    else
        agent_answer(done, done_data, 503, "out_of_memory", "set it again");
    free(text);
}

/* --- leaving --- */

/* What a host that goes takes with it: nothing of the farm's. It is another installation from now on: as the
 * farm's own it could take the farm's key without moving it. */
static void forget_farm(struct agent *agent)
{
    unsigned char random[INSTALLATION_ID_BYTES];
    randombytes_buf(random, sizeof(random));
    (void)sodium_bin2hex(agent->identity.installation_id, sizeof(agent->identity.installation_id), random,
                         sizeof(random));
    agent->identity.farm_id[0] = '\0';
    agent->identity.farm_token[0] = '\0';
    agent->entitlement[0] = '\0';
    commit_identity_changed(agent->commit);
}

void agent_farm_leave(void *data, bool force, api_done_fn *done, void *done_data)
{
    struct agent *agent = data;
    struct farm_place place;
    struct error_detail words;
    if (answers_alone(agent, done, done_data) || agent_refuses(agent, done, done_data))
        return;
    uint32_t here = farm_shared_connections(agent->farm);
    farm_place(agent->farm, &place);
    if (here > 0 && !force) {
        error_detail_set(&words,
                         "%u %s on at this host and counted in the farm: log them off first, or force it",
                         (unsigned)here, here == 1 ? "connection is" : "connections are");
        agent_answer(done, done_data, 409, "still_in_use", words.text);
    } else if (place.waiting > 0 && !force) {
        error_detail_set(&words, "%zu changes of this host wait for the farm, which cannot be reached",
                         place.waiting);
        agent_answer(done, done_data, 409, "farm_unreachable", words.text);
    } else {
        farm_shared_leave(agent->farm);
        forget_farm(agent);
        agent_say(agent, LOG_farm_left, NULL, NULL);
        agent_answer(done, done_data, 200, NULL, NULL);
    }
}
