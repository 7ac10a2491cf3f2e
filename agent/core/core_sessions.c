/* core_sessions.c - who is on: what sources and brokers tell, and what is made durable and said of it. */
#include "core_private.h"

#include <stdlib.h>
#include <string.h>

/* ---- every change of the live set ---------------------------------------------------------------------- */

static void name_connection(struct log_event *event, const struct connection *connection)
{
    log_event_text(event, "user", connection->user);
    log_event_text(event, "host", connection->host);
    log_event_text(event, "session", connection->id);
    log_event_text(event, "kind", connection_kind_name(connection->kind));
    log_event_text(event, "route", connection_route_name(connection->route));
}

static void say_unknown_administrator(struct core *core, const struct connection *connection)
{
    struct log_event event = {.code = LOG_administrator_unknown};
    log_event_text(&event, "user", connection->user);
    log_event_text(&event, "host", connection->host);
    core_log(core, &event);
}

static void say_live(struct core *core, const struct roster_change *change, enum log_event_code code)
{
    const struct connection *connection = &change->connection;
    struct log_event event = {.code = code};
    struct tally_entry entry = {0};
    name_connection(&event, connection);
    log_event_text(&event, "state", connection_state_name(connection->state));
    if (tally_find(core->tally, connection->host, connection->id, &entry))
        log_event_text(&event, "reason", tally_reason_name(entry.reason));
    core_log(core, &event);
    /* where the flag decides nothing it need not be known */
    if (connection->administrator == ADMINISTRATOR_UNKNOWN && connection->kind == KIND_DESKTOP &&
        entry.reason == TALLY_COUNTED)
        say_unknown_administrator(core, connection);
}

static void say_ended(struct core *core, const struct connection *connection)
{
    struct log_event event = {.code = LOG_connection_ended};
    name_connection(&event, connection);
    core_log(core, &event);
}

static void say_refused(struct core *core, const struct connection *connection)
{
    if (core->refusal_said)
        return;
    core->refusal_said = true;
    struct log_event event = {.code = LOG_connection_refused};
    log_event_text(&event, "user", connection->user);
    log_event_text(&event, "host", connection->host);
    log_event_text(&event, "session", connection->id);
    log_event_text(&event, "detail", "the table of connections, users or hosts is full, or memory is");
    core_log(core, &event);
}

static void say_change(struct core *core, const struct roster_change *change)
{
    if (change->type == ROSTER_RENEWED)
        return;
    core->sessions_revision++;
    if (change->type == ROSTER_OPENED && !change->renamed)
        say_live(core, change, LOG_connection_opened);
    else if (change->type != ROSTER_ENDED)
        say_live(core, change, LOG_connection_changed);
    else if (!change->renamed)
        say_ended(core, &change->connection);
}

void core_on_change(void *data, const struct roster_change *change)
{
    struct core *core = data;
    struct persist persist = {.type = PERSIST_CONNECTION, .connection = *change};
    if (change->type == ROSTER_REFUSED) {
        say_refused(core, &change->connection);
        return;
    }
    if (change->type == ROSTER_ENDED)
        persist.type = PERSIST_CONNECTION_ENDED;
    persist.connection.disconnected_at_ms = core_follow_state(core, change);
    core_persist(core, &persist);
    say_change(core, change);
    core_reclaim_changed(core, change->number);
}

int core_session_event(struct core *core, const struct core_event *event)
{
    struct roster *roster = core->roster;
    core->refusal_said = false;
    switch (event->type) {
    case EVENT_HOST_SET:
        return roster_host_set(roster, event->set.host, event->set.connections, event->set.count,
                               core->now_ms);
    case EVENT_BROKER_SET:
        return roster_broker_set(roster, event->set.host, event->set.connections, event->set.count,
                                 core->now_ms);
    case EVENT_BROKER_PUT:
        return roster_broker_put(roster, &event->put, core->now_ms);
    case EVENT_BROKER_END:
        return roster_broker_end(roster, event->end.host, event->end.id, core->now_ms);
    default:
        return CORE_INVALID;
    }
}

/* ---- boots --------------------------------------------------------------------------------------------- */

/* The place of a host in the array, or where it belongs. */
static size_t place_of(const struct core *core, const char *host, bool *ret_found)
{
    size_t low = 0, high = core->host_count;
    *ret_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(core->hosts[middle].host, host);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int insert_host(struct core *core, size_t place, const char *host, const char *boot_id)
{
    size_t bytes = strlen(host) + 1;
    if (core->host_count == TALLY_HOSTS_MAX)
        return CORE_FULL;
    if (core->host_count == core->host_room) {
        size_t room = core->host_room == 0 ? 4 : core->host_room * 2;
        struct booted_host *hosts = realloc(core->hosts, room * sizeof(*hosts));
        if (hosts == NULL)
            return CORE_NO_MEMORY;
        core->hosts = hosts;
        core->host_room = room;
    }
    char *name = malloc(bytes);
    if (name == NULL)
        return CORE_NO_MEMORY;
    memcpy(name, host, bytes);
    struct booted_host *at = core->hosts + place;
    memmove(at + 1, at, (core->host_count - place) * sizeof(*at));
    core->host_count++;
    at->host = name;
    memcpy(at->boot_id, boot_id, strlen(boot_id) + 1);
    return 0;
}

static int check_boot(const char *host, const char *boot_id)
{
    bool valid = connection_text_valid(host, CONNECTION_HOST_BYTES_MAX) &&
                 connection_text_valid(boot_id, CORE_BOOT_ID_BYTES_MAX);
    return valid ? 0 : CORE_INVALID;
}

/* A boot id seen for the first time ends nothing: there is none that it differs from. */
int core_host_booted(struct core *core, const struct core_event *event)
{
    const char *host = event->booted.host, *boot_id = event->booted.boot_id;
    bool found;
    int code = check_boot(host, boot_id);
    if (code < 0)
        return code;
    size_t place = place_of(core, host, &found);
    if (found && strcmp(core->hosts[place].boot_id, boot_id) == 0)
        return 0;
    if (found) {
        struct log_event said = {.code = LOG_host_booted};
        log_event_text(&said, "host", host);
        memcpy(core->hosts[place].boot_id, boot_id, strlen(boot_id) + 1);
        core_log(core, &said);
        roster_host_gone(core->roster, host);
    } else {
        code = insert_host(core, place, host, boot_id);
        if (code < 0)
            return code;
    }
    struct persist persist = {.type = PERSIST_HOST, .host = {.host = host, .boot_id = boot_id}};
    core_persist(core, &persist);
    return 0;
}

int core_restore_hosts(struct core *core, const struct core_saved *saved)
{
    for (size_t i = 0; i < saved->host_count; i++) {
        bool found;
        size_t place = place_of(core, saved->hosts[i], &found);
        int code = check_boot(saved->hosts[i], saved->boot_ids[i]);
        if (code == 0 && !found)
            code = insert_host(core, place, saved->hosts[i], saved->boot_ids[i]);
        if (code < 0)
            return code;
    }
    return 0;
}

void core_forget_hosts(struct core *core)
{
    for (size_t i = 0; i < core->host_count; i++)
        free(core->hosts[i].host);
    free(core->hosts);
}
