/* /v1/farm/settings and /v1/farm/leave: what the farm has agreed on, and how a host gives up its place. */
#include "api_internal.h"
#include "reply.h"

#include "common/config.h"

#include <stdio.h>
#include <string.h>

#define SETTINGS_PATH   "/v1/farm/settings/"
#define VALUE_BYTES_MAX (64 * 1024)

/* --- settings ------------------------------------------------------------------------------------------- */

/* A file that says the same says nothing else. */
static void write_setting(void *data, const char *path, const char *farm_value, const char *host_value)
{
    struct json_writer *writer = data;
    if (farm_value && host_value && strcmp(farm_value, host_value) == 0)
        host_value = NULL;
    json_open_object(writer, NULL);
    json_text(writer, "path", path);
    json_text(writer, "value", farm_value);
    json_text(writer, "host_value", host_value);
    json_close_object(writer);
}

void farm_settings_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct json_writer *writer = reply_open(exchange);
    (void)request;
    if (!writer)
        return;
    json_text(writer, "host", api->agent.host(api->agent.agent));
    json_open_array(writer, "settings");
    api->agent.farm_settings(api->agent.agent, write_setting, writer);
    json_close_array(writer);
    reply_close(exchange, writer, 200);
}

struct setting_call {
    struct call call;
    char value[VALUE_BYTES_MAX + 1];
};

static const struct json_field setting_fields[] = {
    {.name = "value",
     .type = JSON_TEXT,
     .offset = offsetof(struct setting_call, value),
     .min = 1,
     .max = VALUE_BYTES_MAX,
     .required = true},
};
static const struct json_shape setting_shape = {setting_fields, 1};

/* NULL: answered. */
static const char *setting_path(struct http_exchange *exchange, const struct http_request *request)
{
    const char *path = request->path + strlen(SETTINGS_PATH);
    if (path[0] != '\0' && strlen(path) < CONFIG_PATH_BYTES)
        return path;
    reply_invalid(exchange, "path", "path: not a setting's, like gate.strict");
    return NULL;
}

/* False: answered. */
static bool read_body(struct http_exchange *exchange, const struct http_request *request,
                      const struct json_shape *shape, void *ret)
{
    struct error_detail detail;
    char field[JSON_PATH_BYTES] = "";
    int error = json_read(shape, request->body.text, request->body.bytes, ret, &detail, field);
    if (error == ERROR_NO_MEMORY)
        reply_no_memory(exchange);
    else if (error)
        reply_invalid(exchange, field, detail.text);
    return error == 0;
}

void farm_setting_put(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    const char *path = setting_path(exchange, request);
    struct setting_call *setting = path ? call_begin(api, exchange, sizeof(*setting)) : NULL;
    if (!setting)
        return;
    if (read_body(exchange, request, &setting_shape, setting))
        api->agent.farm_set(api->agent.agent, path, setting->value, call_changed, setting);
    else
        call_end(&setting->call);
}

void farm_setting_delete(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    const char *path = setting_path(exchange, request);
    struct call *call = path ? call_begin(api, exchange, sizeof(*call)) : NULL;
    if (call)
        api->agent.farm_set(api->agent.agent, path, NULL, call_changed, call);
}

/* --- leaving -------------------------------------------------------------------------------------------- */

struct leaving {
    bool force;
};
static const struct json_field leaving_fields[] = {
    {.name = "force", .type = JSON_BOOLEAN, .offset = offsetof(struct leaving, force)},
};
static const struct json_shape leaving_shape = {leaving_fields, 1};

void farm_leave_post(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct leaving leaving = {.force = false};
    if (request->body.bytes > 0 && !read_body(exchange, request, &leaving_shape, &leaving))
        return;
    struct call *call = call_begin(api, exchange, sizeof(*call));
    if (call)
        api->agent.farm_leave(api->agent.agent, leaving.force, call_changed, call);
}
