/* core_sessions.c - who is on: what sources and brokers tell, and what is made durable and said of it. */
#include "core_private.h"

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
