/* GET /v1/connections, /v1/users and /v1/explain: who is on, and why each one counts or not. */
#include "api_internal.h"
#include "reply.h"
#include "show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct core *core_of(const struct api *api)
{
    return api->agent.core(api->agent.agent);
}

static const char *or_any(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

/* The state to keep; -1 any. False: answered. */
static bool read_state(struct http_exchange *exchange, const struct http_request *request, int *ret_state)
{
    char text[32];
    enum connection_state state;
    if (!reply_text_parameter(exchange, request, "state", false, text, sizeof(text)))
        return false;
    *ret_state = -1;
    if (text[0] == '\0')
        return true;
    if (!connection_state_parse(text, &state)) {
        reply_invalid(exchange, "state", "state: neither active nor disconnected");
        return false;
    }
    *ret_state = (int)state;
    return true;
}

void connections_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    char user[CONNECTION_USER_BYTES_MAX + 1], host[CONNECTION_HOST_BYTES_MAX + 1];
    struct show_list list = {0};
    if (!reply_text_parameter(exchange, request, "user", false, user, sizeof(user)) ||
        !reply_text_parameter(exchange, request, "host", false, host, sizeof(host)) ||
        !read_state(exchange, request, &list.state))
        return;
    show_collect(&list, core_tally(core_of(api)), or_any(host), or_any(user));
    struct json_writer *writer = reply_open(exchange);
    if (writer) {
        json_open_array(writer, "connections");
        for (size_t i = 0; i < list.count; i++)
            show_connection(writer, &list.entries[i], NULL);
        json_close_array(writer);
        show_ignored(writer, api, or_any(user), or_any(host));
        json_boolean(writer, "more", list.more || list.failed);
        reply_close(exchange, writer, 200);
    }
    free(list.entries);
}

/* --- users ---------------------------------------------------------------------------------- */

struct user_list {
    struct tally_user *users;
    size_t count, room;
    bool more;
};

static bool collect_user(void *data, const struct tally_user *user)
{
    struct user_list *list = data;
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

/* Every user, or just the one that is asked for; release with free(list->users). */
static void collect_users(struct user_list *list, const struct tally *tally, const char *user)
{
    struct tally_user found;
    if (!user) {
        tally_each_user(tally, collect_user, list);
        if (list->count > 1)
            qsort(list->users, list->count, sizeof(*list->users), by_name);
    } else if (tally_user(tally, user, &found) && found.connections > 0) {
        (void)collect_user(list, &found);
    }
}

void users_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    const struct tally *tally = core_tally(core_of(api));
    struct user_list list = {0};
    (void)request;
    collect_users(&list, tally, NULL);
    struct json_writer *writer = reply_open(exchange);
    if (writer) {
        json_integer(writer, "concurrent_users", tally_level(tally)->concurrent_users);
        json_open_array(writer, "users");
        for (size_t i = 0; i < list.count; i++) {
            json_open_object(writer, NULL);
            json_text(writer, "user", list.users[i].name);
            json_integer(writer, "connections", list.users[i].connections);
            json_integer(writer, "consuming", list.users[i].consuming);
            json_boolean(writer, "counted", list.users[i].consuming > 0);
            json_close_object(writer);
        }
        json_close_array(writer);
        json_boolean(writer, "more", list.more);
        reply_close(exchange, writer, 200);
    }
    free(list.users);
}

/* --- explanations --------------------------------------------------------------------------- */

static void explanation(const struct tally_user *user, char *ret, size_t bytes)
{
    const char *plural = user->connections == 1 ? "" : "s";
    if (user->consuming > 0)
        (void)snprintf(ret, bytes, "one concurrent user: %u of %u connection%s consume%s a licence",
                       user->consuming, user->connections, plural, user->consuming == 1 ? "s" : "");
    else
        (void)snprintf(ret, bytes, "not counted: none of %u connection%s consumes a licence",
                       user->connections, plural);
}

static void explain_user(struct json_writer *writer, const struct tally_user *user)
{
    char text[160];
    explanation(user, text, sizeof(text));
    json_open_object(writer, NULL);
    json_text(writer, "user", user->name);
    json_boolean(writer, "counted", user->consuming > 0);
    json_text(writer, "text", text);
    json_close_object(writer);
}

/* The connections of the users, user by user. Returns whether there is room for them all. */
static bool explain_connections(struct json_writer *writer, const struct tally *tally,
                                const struct user_list *users)
{
    size_t rows = 0;
    bool whole = true;
    json_open_array(writer, "connections");
    for (size_t i = 0; i < users->count && whole; i++) {
        struct show_list list = {.state = -1};
        show_collect(&list, tally, NULL, users->users[i].name);
        whole = !list.failed && !list.more && rows + list.count <= API_ROWS_MAX;
        for (size_t j = 0; j < list.count && whole; j++)
            show_connection(writer, &list.entries[j], users->users[i].name);
        rows += list.count;
        free(list.entries);
    }
    json_close_array(writer);
    return whole;
}

void explain_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    char user[CONNECTION_USER_BYTES_MAX + 1];
    const struct tally *tally = core_tally(core_of(api));
    struct user_list list = {0};
    struct core_status status;
    if (!reply_text_parameter(exchange, request, "user", false, user, sizeof(user)))
        return;
    core_status(core_of(api), &status);
    collect_users(&list, tally, or_any(user));
    struct json_writer *writer = reply_open(exchange);
    if (writer) {
        json_integer(writer, "concurrent_users", status.level.concurrent_users);
        show_limit(writer, &status);
        json_open_array(writer, "users");
        for (size_t i = 0; i < list.count; i++)
            explain_user(writer, &list.users[i]);
        json_close_array(writer);
        bool whole = explain_connections(writer, tally, &list);
        show_ignored(writer, api, or_any(user), NULL);
        json_boolean(writer, "more", list.more || !whole);
        reply_close(exchange, writer, 200);
    }
    free(list.users);
}
