#include "agent.h"

#include "agent/core/core_error.h"
#include "agent/event_json.h"
#include "agent/last_words.h"
#include "agent/service/service.h"
#include "common/entitlement.h"
#include "common/http_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOCKET_MODE 0660

/* --- opening, in order ---------------------------------------------------------------------------------- */

/* What was damaged is never taken silently for what never was. */
static void say_damage(struct agent *agent, const struct store_loaded *loaded)
{
    if (loaded->database_was_damaged)
        agent_say(agent, LOG_store_damaged, "file", loaded->set_aside);
    if (loaded->identity_was_damaged)
        agent_say(agent, LOG_identity_damaged, "file", loaded->identity_set_aside);
    if (loaded->licence_was_damaged)
        agent_say(agent, LOG_licence_damaged, "file", loaded->licence_set_aside);
}

static int restore_core(struct agent *agent, const struct store_loaded *loaded)
{
    struct core_saved saved = loaded->core;
    if (agent_shares(agent))
        saved.connection_count = saved.host_count = 0; /* the journal and the farm know who is on */
    core_destroy(agent->core);
    agent->core = core_create(&agent->words->core);
    return agent->core ? core_restore(agent->core, &saved, clock_now_ms(&agent->clock)) : CORE_NO_MEMORY;
}

/* A row that the core will not have costs history, as any damage does; it must not keep the gate from
 * standing. */
static int restore(struct agent *agent, struct store_loaded *loaded, int64_t wall_ms,
                   struct error_detail *ret_detail)
{
    int error = restore_core(agent, loaded);
    if (error == CORE_INVALID) {
        error = store_begin_anew(agent->store, wall_ms, loaded, ret_detail);
        if (error)
            return error;
        error = restore_core(agent, loaded);
    }
    if (error)
        error_detail_set(ret_detail, "%s: the stored state: %s", agent->settings->state_directory,
                         core_error_text(error));
    return error;
}

static int open_commit(struct agent *agent, const struct store_loaded *loaded,
                       struct error_detail *ret_detail)
{
    struct commit_hooks hooks = agent_commit_hooks(agent);
    agent->commit =
        commit_create(&agent->loop, agent_shares(agent) ? NULL : agent->core, agent->store, &hooks);
    if (!agent->commit) {
        error_detail_set(ret_detail, "out of memory");
        return ERROR_NO_MEMORY;
    }
    if (loaded->database_error)
        commit_identity_changed(agent->commit); /* perhaps only in memory yet */
    say_damage(agent, loaded);
    return 0;
}

static int open_store(struct agent *agent, struct error_detail *ret_detail)
{
    struct clock_reading reading;
    struct store_loaded *loaded = NULL;
    char boot_id[CLOCK_BOOT_ID_BYTES];
    clock_system_read(NULL, &reading);
    clock_system_boot_id(boot_id);
    int error = store_open(&agent->loop, agent->settings->state_directory, reading.wall_ms, &agent->store,
                           &loaded, ret_detail);
    if (error)
        return error;
    agent->identity = loaded->identity;
    memcpy(agent->entitlement, loaded->licence.entitlement, sizeof(agent->entitlement));
    clock_start(&agent->clock, &loaded->licence.clock, boot_id, clock_system_read, NULL);
    error = restore(agent, loaded, reading.wall_ms, ret_detail);
    if (!error)
        error = open_commit(agent, loaded, ret_detail);
    if (!error)
        error = agent_farm_open(agent, loaded, ret_detail);
    store_loaded_free(loaded);
    return error;
}

/* The machine's id beside the installation's: another one means a copied image. */
static void check_machine(struct agent *agent)
{
    char machine_id[GRANT_ID_BYTES_MAX + 1];
    service_machine_id(machine_id, sizeof(machine_id));
    if (!*agent->identity.machine_id) {
        memcpy(agent->identity.machine_id, machine_id, sizeof(machine_id));
        commit_identity_changed(agent->commit);
    } else if (*machine_id && strcmp(machine_id, agent->identity.machine_id) != 0) {
        struct core_event event = {.type = EVENT_COPIED};
        (void)commit_step(agent->commit, &event, NULL, NULL);
    }
}

/* A farm of many hosts tells copies apart by who holds a host's name. */
static void open_hosts(struct agent *agent)
{
    if (!agent_shares(agent))
        check_machine(agent);
    struct core_event event = {.type = EVENT_HOST_BOOTED,
                               .booted = {.host = agent->host, .boot_id = agent->clock.boot_id}};
    farm_offer(agent->farm, &event, NULL, NULL);
}

static int open_sessions(struct agent *agent, struct error_detail *ret_detail)
{
    const struct settings *settings = agent->settings;
    struct sessions_listener listener = agent_sessions_listener(agent);
    return sessions_start(&agent->loop, agent->host, settings->scripted_file, settings->sources,
                          settings->source_count, &agent->words->classify, &listener, &agent->sessions,
                          ret_detail);
}

/* One door: handed over by the service manager, or made here. */
struct door {
    enum api_door door;
    const char *name;
    const char *address;
    const char *group; /* that may open it, where the door names it itself */
};

/* Made here. */
static int make_door(struct agent *agent, const struct door *door)
{
    int fd = -1;
    if (door->door != API_DOOR_TCP)
        return api_listen_local(agent->api, door->door, door->address, SOCKET_MODE, door->group);
    int error = http_listen_tcp(door->address, &fd);
    return error ? error : api_listen(agent->api, door->door, fd);
}

static int open_door(struct agent *agent, const struct door *door, const struct service_socket *handed,
                     size_t handed_count, struct error_detail *ret_detail)
{
    int fd = -1;
    for (size_t i = 0; i < handed_count; i++) {
        if (strcmp(handed[i].name, door->name) == 0)
            fd = handed[i].fd;
    }
    if (fd < 0 && !*door->address)
        return 0;
    int error = fd >= 0 ? api_listen(agent->api, door->door, fd) : make_door(agent, door);
    if (error == ERROR_BUSY)
        error_detail_set(ret_detail, "%s: %s is listening there; stop it, or choose another address",
                         door->address,
                         door->door == API_DOOR_TCP ? "another agent or program" : "another agent");
    else if (error)
        error_detail_set(ret_detail, "%s: cannot listen: %s", *door->address ? door->address : door->name,
                         error_text(error));
    return error;
}

static int open_api(struct agent *agent, struct error_detail *ret_detail)
{
    const struct settings *settings = agent->settings;
    const struct api_agent offers = agent_offers(agent);
    agent->api = api_create(&agent->loop, &agent->words->api, &offers, ret_detail);
    if (!agent->api)
        return ERROR_CONFIGURATION;
    const struct door doors[] = {
        {API_DOOR_READER, "agent", settings->api_socket, "farmgate"},
        {API_DOOR_ADMIN, "admin", settings->admin_socket, "farmgate-admin"},
        {API_DOOR_TCP, "tcp", settings->api_listen, NULL},
    };
    struct service_socket handed[SERVICE_SOCKETS_MAX];
    size_t handed_count = service_sockets(handed);
    int error = 0;
    for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]) && !error; i++)
        error = open_door(agent, &doors[i], handed, handed_count, ret_detail);
    return error;
}

/* --- signals and timers --------------------------------------------------------------------------------- */

static void stop(struct agent *agent);

static void on_terminate(uv_signal_t *handle, int number)
{
    (void)number;
    stop(handle->data);
}

static void on_reload(uv_signal_t *handle, int number)
{
    (void)number;
    agent_reload(handle->data);
}

static void on_refresh(uv_timer_t *timer)
{
    struct agent *agent = timer->data;
    if (agent->sessions)
        sessions_refresh(agent->sessions);
}

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    service_alive();
}

static void on_asked_to_stop(void *data)
{
    stop(data);
}

static void on_asked_to_reload(void *data)
{
    agent_reload(data);
}

static void on_sessions_changed(void *data)
{
    const struct agent *agent = data;
    if (agent->sessions)
        sessions_refresh(agent->sessions);
}

static int open_service(struct agent *agent, struct error_detail *ret_detail)
{
    const struct service_listener listener = {on_asked_to_stop, on_asked_to_reload, on_sessions_changed,
                                              agent};
    int error = service_open(&agent->loop, &listener);
    if (error)
        error_detail_set(ret_detail, "the service manager cannot be heard: %s", error_text(error));
    return error;
}

static void init_handles(struct agent *agent)
{
    uv_timer_t *timers[] = {&agent->due,     &agent->refresh, &agent->watchdog,
                            &agent->present, &agent->unsaid,  &agent->file_news};
    uv_signal_t *signals[] = {&agent->terminate, &agent->interrupt, &agent->reload};
    for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
        (void)uv_timer_init(&agent->loop, timers[i]);
        timers[i]->data = agent;
    }
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        (void)uv_signal_init(&agent->loop, signals[i]);
        signals[i]->data = agent;
    }
}

static void start_handles(struct agent *agent)
{
    uint64_t watchdog_ms = service_watchdog_ms();
    (void)uv_signal_start(&agent->terminate, on_terminate, SIGTERM);
    (void)uv_signal_start(&agent->interrupt, on_terminate, SIGINT);
    (void)uv_signal_start(&agent->reload, on_reload, SIGHUP);
    (void)uv_timer_start(&agent->refresh, on_refresh, AGENT_REFRESH_MS, AGENT_REFRESH_MS);
    if (watchdog_ms)
        (void)uv_timer_start(&agent->watchdog, on_watchdog, watchdog_ms, watchdog_ms);
}

/* --- stopping, in reverse ------------------------------------------------------------------------------- */

static void close_own_handles(struct agent *agent)
{
    uv_handle_t *handles[] = {(uv_handle_t *)&agent->due,       (uv_handle_t *)&agent->refresh,
                              (uv_handle_t *)&agent->watchdog,  (uv_handle_t *)&agent->present,
                              (uv_handle_t *)&agent->unsaid,    (uv_handle_t *)&agent->file_news,
                              (uv_handle_t *)&agent->interrupt, (uv_handle_t *)&agent->reload};
    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
        uv_close(handles[i], NULL);
    loop_watch_finish(&agent->watch);
    service_close();
}

static void last_handle_closed(uv_handle_t *handle)
{
    uv_stop(handle->loop);
}

/* All that anybody waits for is done; what may still hang in the pool is left behind. */
static void room_closed(void *data)
{
    struct agent *agent = data;
    if (--agent->open_rooms > 0)
        return;
    close_own_handles(agent);
    uv_close((uv_handle_t *)&agent->terminate, last_handle_closed);
}

static void commit_closed(void *data)
{
    struct agent *agent = data;
    agent->commit = NULL;
    if (agent->store) {
        agent->open_rooms++;
        store_close(agent->store, room_closed, agent);
        agent->store = NULL;
    }
    room_closed(agent);
}

static void commit_drained(void *data)
{
    struct agent *agent = data;
    commit_destroy(agent->commit, commit_closed, agent);
}

static void farm_closed(void *data)
{
    struct agent *agent = data;
    if (agent->commit)
        commit_drain(agent->commit, commit_drained, agent);
    else
        commit_closed(agent);
}

/* Nothing is asked or answered outside any more: what came in becomes durable. */
static void inlet_closed(void *data)
{
    struct agent *agent = data;
    if (--agent->open_inlets == 0)
        farm_close(agent->farm, farm_closed, agent);
}

static void close_inlets(struct agent *agent)
{
    agent->open_inlets = 1;
    sessions_stop(agent->sessions);
    agent->sessions = NULL;
    agent_contact_close(agent);
    if (agent->uplink) {
        agent->open_inlets++;
        uplink_close(agent->uplink, inlet_closed, agent);
        agent->uplink = NULL;
    }
    if (agent->accounts) {
        agent->open_inlets++;
        accounts_close(agent->accounts, inlet_closed, agent);
        agent->accounts = NULL;
    }
    inlet_closed(agent);
}

void agent_stop(struct agent *agent, int exit_code)
{
    agent->exit_code = exit_code;
    stop(agent);
}

/* No more comes in, then what came in becomes durable, then the rest closes. Half-opened agents come this way
 * too. */
static void stop(struct agent *agent)
{
    if (agent->stopping)
        return;
    service_stopping();
    if (agent->ready) {
        agent_say_unsaid(agent);
        agent_say(agent, LOG_agent_stopping, NULL, NULL);
    }
    agent->stopping = true;
    (void)uv_timer_stop(&agent->due);
    (void)uv_timer_stop(&agent->present);
    (void)uv_timer_stop(&agent->unsaid);
    (void)uv_timer_stop(&agent->file_news);
    agent->open_rooms = 1;
    if (agent->api) {
        agent->open_rooms++;
        api_close(agent->api, AGENT_STOP_GRACE_MS, room_closed, agent);
        agent->api = NULL;
    }
    close_inlets(agent);
}

/* The store is closed. */
static void tell_unstored(struct agent *agent, enum log_event_code code, const char *detail)
{
    struct log_event event = {.code = code, .at_ms = clock_now_ms(&agent->clock)};
    log_event_text(&event, "detail", detail);
    char *json = event_json(&event);
    agent_tell(agent, &event, json);
    free(json);
}

static void finish(struct agent *agent)
{
    struct error_detail detail = {""};
    if (gate_finish(&agent->gate, &detail) != 0)
        tell_unstored(agent, LOG_gate_files_failed, detail.text);
    event_file_finish(&agent->event_file);
    farm_destroy(agent->farm);
    core_destroy(agent->core);
    resources_destroy(agent->resources);
    settings_core_destroy(agent->words);
    free(agent->settings);
    free(agent->farm_settings);
    free(agent->file);
}

/* --- the whole ------------------------------------------------------------------------------------------ */

static int choose_host(struct agent *agent, struct error_detail *ret_detail)
{
    if (*agent->settings->host)
        (void)snprintf(agent->host, sizeof(agent->host), "%s", agent->settings->host);
    else if (gethostname(agent->host, sizeof(agent->host)) < 0)
        agent->host[0] = '\0';
    agent->host[sizeof(agent->host) - 1] = '\0';
    if (connection_text_valid(agent->host, CONNECTION_HOST_BYTES_MAX))
        return 0;
    error_detail_set(ret_detail, "this host has no usable name; set farm.host in the configuration");
    return ERROR_CONFIGURATION;
}

static int open_rest(struct agent *agent, struct error_detail *ret_detail)
{
    refusals_init(&agent->refusals, uv_now(&agent->loop));
    agent->accounts = accounts_create(&agent->loop);
    if (!agent->accounts) {
        error_detail_set(ret_detail, "out of memory");
        return ERROR_NO_MEMORY;
    }
    accounts_on_change(agent->accounts, agent_accounts_changed, agent);
    int error = resources_read(agent->settings->resources_file, &agent->resources, ret_detail);
    if (!error)
        error = agent_contact_open(agent, ret_detail);
    if (!error)
        open_hosts(agent);
    if (!error)
        error = open_api(agent, ret_detail);
    if (!error)
        error = open_sessions(agent, ret_detail);
    if (!error)
        agent_gate_open(agent);
    return error;
}

static int exit_code_of(int error)
{
    if (error == ERROR_CONFIGURATION)
        return AGENT_CONFIGURATION;
    return error == ERROR_BUSY ? AGENT_BUSY : AGENT_FAILED;
}

static int open_all(struct agent *agent, struct error_detail *ret_detail)
{
    int error = entitlement_init();
    if (error)
        error_detail_set(ret_detail, "libsodium cannot be started");
    if (!error)
        error = choose_host(agent, ret_detail);
    if (!error)
        error = settings_core_create(agent->settings, &agent->words, ret_detail);
    if (!error)
        error = open_store(agent, ret_detail);
    return error ? error : open_rest(agent, ret_detail);
}

static struct settings *copy_of(const struct settings *settings)
{
    struct settings *copy = malloc(sizeof(*copy));
    if (copy)
        *copy = *settings;
    return copy;
}

/* For /metrics. */
static void watch_itself(struct agent *agent)
{
    struct clock_reading reading;
    clock_system_read(NULL, &reading);
    agent->process_started_ms = reading.wall_ms;
    loop_watch_init(&agent->watch, &agent->loop);
}

int agent_run(const char *settings_path, struct settings *settings)
{
    struct agent agent = {.settings_path = settings_path, .file = settings, .settings = copy_of(settings)};
    struct error_detail detail = {""};
    int error = agent.settings ? uv_loop_init(&agent.loop) : ERROR_NO_MEMORY;
    event_file_init(&agent.event_file);
    last_words_log(&agent.log, settings);
    if (error) {
        error_detail_set(&detail, "the event loop cannot be made: %s", error_text(error));
        agent_tell_failed(&agent, detail.text, AGENT_FAILED);
        free(agent.settings);
        free(settings);
        return AGENT_FAILED;
    }
    agent_open_log_file(&agent);
    watch_itself(&agent);
    init_handles(&agent);
    error = open_all(&agent, &detail);
    if (!error)
        error = open_service(&agent, &detail);
    if (error) {
        agent.exit_code = exit_code_of(error);
        agent_tell_failed(&agent, detail.text, agent.exit_code);
        stop(&agent);
    } else {
        start_handles(&agent);
    }
    (void)uv_run(&agent.loop, UV_RUN_DEFAULT);
    finish(&agent);
    /* a name service that hangs holds a thread of the pool, and exit() would wait for it */
    if (uv_loop_close(&agent.loop) == UV_EBUSY) {
        service_ended(agent.exit_code);
        _exit(agent.exit_code);
    }
    return agent.exit_code;
}
