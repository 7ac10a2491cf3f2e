/* GET /v1/connections and /v1/users: who is on, and whether each one counts. */
#include "api_internal.h"
#include "disconnected.h"
#include "farm_show.h"
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

static void show_all(struct json_writer *writer, const struct core *core, const struct show_list *list)
{
    static const struct show_beside nothing = {.counted_as = NULL};
    json_open_array(writer, "connections");
    for (size_t i = 0; i < list->count; i++)
        show_connection(writer, core, &list->entries[i], &nothing);
    json_close_array(writer);
}

void connections_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    char user[CONNECTION_USER_BYTES_MAX + 1], host[CONNECTION_HOST_BYTES_MAX + 1];
    struct show_list list = {0};
    if (!reply_text_parameter(exchange, request, "user", false, user, sizeof(user)) ||
        !reply_text_parameter(exchange, request, "host", false, host, sizeof(host)) ||
        !read_state(exchange, request, &list.state))
        return;
    const struct core *core = core_of(api);
    show_collect(&list, core_tally(core), or_any(host), or_any(user));
    struct json_writer *writer = reply_open(exchange);
    if (writer) {
        json_time(writer, "now", api->agent.now_ms(api->agent.agent));
        if (list.state != CONNECTION_DISCONNECTED)
            show_all(writer, core, &list);
        else if (!disconnected_show(writer, core, &list, or_any(user), or_any(host)))
            list.failed = true;
        show_ignored(writer, api, or_any(user), or_any(host), false);
        json_boolean(writer, "more", list.more || list.failed);
        farm_show_scope(writer, api);
        reply_close(exchange, writer, 200);
    }
    free(list.entries);
}

/* --- users ---------------------------------------------------------------------------------- */

void users_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    const struct tally *tally = core_tally(core_of(api));
    struct show_users list = {0};
    (void)request;
    show_collect_users(&list, tally);
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
        farm_show_scope(writer, api);
        reply_close(exchange, writer, 200);
    }
    free(list.users);
}
