#include "show.h"

#include "agent/core/reclaim.h"
#include "agent/sessions/sessions.h"
#include "agent/setbacks.h"

#include "api_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool show_counted(enum tally_reason reason)
{
    return reason == TALLY_COUNTED;
}

static void show_administrator(struct json_writer *writer, enum administrator administrator)
{
    if (administrator == ADMINISTRATOR_UNKNOWN)
        json_null(writer, "administrator");
    else
        json_boolean(writer, "administrator", administrator == ADMINISTRATOR_YES);
}

void show_connection(struct json_writer *writer, const struct core *core, const struct tally_entry *entry,
                     const struct show_beside *beside)
{
    const struct connection *connection = &entry->connection;
    json_open_object(writer, NULL);
    json_text(writer, "host", connection->host);
    json_text(writer, "id", connection->id);
    json_text(writer, "user", connection->user);
    json_text(writer, "kind", connection_kind_name(connection->kind));
    json_text(writer, "route", connection_route_name(connection->route));
    json_text(writer, "state", connection_state_name(connection->state));
    show_administrator(writer, connection->administrator);
    json_time(writer, "connected_at", connection->connected_at_ms);
    json_time_or_null(writer, "disconnected_at", core_disconnected_since_ms(core, entry->number));
    json_boolean(writer, "counted", show_counted(entry->reason));
    json_text(writer, "reason", tally_reason_name(entry->reason));
    if (beside->counted_as)
        json_text(writer, "counted_as", beside->counted_as);
    json_open_array(writer, "reported_by");
    if (entry->tag & REPORTED_BY_HOST)
        json_text(writer, NULL, "host");
    if (entry->tag & REPORTED_BY_BROKER)
        json_text(writer, NULL, "broker");
    json_close_array(writer);
    json_boolean(writer, "reclaimable", reclaim_may_end(entry));
    if (beside->would_save)
        json_boolean(writer, "would_save", *beside->would_save);
    if (beside->why)
        show_why(writer, "why", beside->why);
    json_close_object(writer);
}

/* --- sentences ------------------------------------------------------------------------------ */

static void show_field(struct json_writer *writer, const struct sentence_field *field)
{
    if (field->text)
        json_text(writer, field->name, field->text);
    else if (sentence_field_is_instant(field))
        json_time(writer, field->name, field->number);
    else
        json_integer(writer, field->name, field->number);
}

void show_sentence(struct json_writer *writer, const struct explain_sentence *sentence)
{
    char text[EXPLAIN_SENTENCE_BYTES];
    (void)explain_write(sentence, sentence_utc, NULL, text, sizeof(text));
    json_text(writer, "code", explain_form(sentence->code)->name);
    json_text(writer, "text", text);
    json_open_object(writer, "fields");
    for (size_t i = 0; i < sentence->field_count; i++)
        show_field(writer, &sentence->fields[i]);
    json_close_object(writer);
}

void show_why(struct json_writer *writer, const char *name, const struct explain_why *why)
{
    json_open_array(writer, name);
    for (size_t i = 0; i < why->count; i++) {
        json_open_object(writer, NULL);
        show_sentence(writer, &why->sentences[i]);
        json_close_object(writer);
    }
    json_close_array(writer);
}

/* --- setbacks ------------------------------------------------------------------------------- */

static void show_setback(struct json_writer *writer, const struct setback *setback)
{
    struct explain_why why, remedies;
    setback_explain(setback, true, &why, &remedies);
    json_open_object(writer, NULL);
    json_text(writer, "asked", setback_asked_name(setback->asked));
    json_text(writer, "code", setback_code_name(setback->code));
    json_time(writer, "since", setback->since_ms);
    json_time(writer, "last", setback->last_ms);
    json_integer(writer, "tries", setback->tries);
    json_text(writer, "said", setback->said);
    show_why(writer, "why", &why);
    show_why(writer, "remedies", &remedies);
    json_close_object(writer);
}

void show_setbacks(struct json_writer *writer, const struct api *api)
{
    const struct setbacks *setbacks = api->agent.setbacks(api->agent.agent);
    json_open_array(writer, "setbacks");
    for (size_t i = 0; i < setbacks->count; i++)
        show_setback(writer, &setbacks->kept[i]);
    json_close_array(writer);
}

/* --- sessions that are no connections ------------------------------------------------------- */

struct ignored_list {
    const struct api *api;
    struct json_writer *writer;            /* NULL: only counts */
    const char *host, *user;               /* NULL any */
    const struct classify_settings *rules; /* to explain by; NULL: not */
    size_t count;
};

static void ignored_reason(const struct classify_result *result, char *ret, size_t bytes)
{
    if (result->outcome == CLASSIFY_CLOSING)
        (void)snprintf(ret, bytes, "closing");
    else if (result->rule > 0)
        (void)snprintf(ret, bytes, "ignored by rule %d", result->rule);
    else
        (void)snprintf(ret, bytes, "ignored, no rule matches");
}

static void explain_ignored(const struct ignored_list *list, const struct session_facts *facts,
                            const struct classify_result *result)
{
    char rule_text[CLASSIFY_RULE_TEXT_BYTES];
    struct explain_why why;
    json_time_or_null(list->writer, "connected_at", facts->connected_at_ms);
    explain_left_out(facts, result, list->rules, rule_text, &why);
    show_why(list->writer, "why", &why);
}

static bool is_of_user(const struct ignored_list *list, const char *user)
{
    const struct core *core = list->api->agent.core(list->api->agent.agent);
    return !list->user || (user && tally_same_user(core_tally(core), user, list->user));
}

static bool show_ignored_one(void *data, const struct session_facts *facts,
                             const struct classify_result *result)
{
    struct ignored_list *list = data;
    char reason[48];
    if ((list->host && strcmp(list->host, facts->host) != 0) || !is_of_user(list, facts->user))
        return true;
    list->count++;
    if (!list->writer)
        return true;
    ignored_reason(result, reason, sizeof(reason));
    json_open_object(list->writer, NULL);
    json_text(list->writer, "host", facts->host);
    json_text(list->writer, "id", facts->id);
    json_text(list->writer, "user", facts->user);
    json_text(list->writer, "service", facts->service);
    json_text(list->writer, "type", facts->type);
    json_text(list->writer, "class", facts->session_class);
    json_text(list->writer, "reason", reason);
    if (list->rules)
        explain_ignored(list, facts, result);
    json_close_object(list->writer);
    return true;
}

void show_ignored(struct json_writer *writer, const struct api *api, const char *user, const char *host,
                  bool explained)
{
    const struct sessions *sessions = api->agent.sessions(api->agent.agent);
    struct ignored_list list = {.api = api, .writer = writer, .host = host, .user = user};
    json_open_array(writer, "ignored");
    if (sessions) {
        list.rules = explained ? sessions_rules(sessions) : NULL;
        sessions_each_ignored(sessions, show_ignored_one, &list);
    }
    json_close_array(writer);
}

size_t show_ignored_count(const struct api *api, const char *user)
{
    const struct sessions *sessions = api->agent.sessions(api->agent.agent);
    struct ignored_list list = {.api = api, .user = user};
    if (sessions)
        sessions_each_ignored(sessions, show_ignored_one, &list);
    return list.count;
}

/* --- what the other calls share ------------------------------------------------------------- */

void show_limit(struct json_writer *writer, const struct core_status *status)
{
    if (status->standing.activation == ACTIVATION_NONE)
        json_null(writer, "limit");
    else
        json_integer(writer, "limit", status->standing.grant.limit);
}

void show_window(struct json_writer *writer, const char *name, const struct window *window, const char *state)
{
    json_open_object(writer, name);
    if (window->sequence > 0)
        json_integer(writer, "sequence", (int64_t)window->sequence);
    else
        json_null(writer, "sequence");
    json_time(writer, "start", window->start_ms);
    json_time(writer, "end", window->end_ms);
    json_integer(writer, "peak_users", window->peak_users);
    json_time_or_null(writer, "peak_at", window->peak_at_ms);
    json_integer(writer, "users_at_end", window->users_at_end);
    json_integer(writer, "exempt_peak", window->exempt_peak);
    json_integer(writer, "hosts", window->hosts);
    json_text(writer, "state", state);
    json_close_object(writer);
}

static bool collect_one(void *data, const struct tally_entry *entry)
{
    struct show_list *list = data;
    if (list->state >= 0 && entry->connection.state != (enum connection_state)list->state)
        return true;
    if (list->count == API_ROWS_MAX) {
        list->more = true;
        return false;
    }
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        struct tally_entry *entries = realloc(list->entries, room * sizeof(*entries));
        if (!entries) {
            list->failed = true;
            return false;
        }
        list->entries = entries;
        list->room = room;
    }
    list->entries[list->count++] = *entry;
    return true;
}

static int by_host_time_id(const void *left_entry, const void *right_entry)
{
    const struct connection *left = &((const struct tally_entry *)left_entry)->connection;
    const struct connection *right = &((const struct tally_entry *)right_entry)->connection;
    int order = strcmp(left->host, right->host);
    if (order != 0)
        return order;
    if (left->connected_at_ms != right->connected_at_ms)
        return left->connected_at_ms < right->connected_at_ms ? -1 : 1;
    return strcmp(left->id, right->id);
}

void show_collect(struct show_list *list, const struct tally *tally, const char *host, const char *user)
{
    tally_each(tally, host, user, collect_one, list);
    if (list->count > 1)
        qsort(list->entries, list->count, sizeof(*list->entries), by_host_time_id);
}

static bool collect_user(void *data, const struct tally_user *user)
{
    struct show_users *list = data;
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        struct tally_user *users =
            list->count < API_ROWS_MAX ? realloc(list->users, room * sizeof(*users)) : NULL;
        list->more = !users;
        if (!users)
            return false;
        list->users = users;
        list->room = room < API_ROWS_MAX ? room : API_ROWS_MAX;
    }
    list->users[list->count++] = *user;
    return true;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct tally_user *)left)->name, ((const struct tally_user *)right)->name);
}

void show_collect_users(struct show_users *list, const struct tally *tally)
{
    tally_each_user(tally, collect_user, list);
    if (list->count > 1)
        qsort(list->users, list->count, sizeof(*list->users), by_name);
}
