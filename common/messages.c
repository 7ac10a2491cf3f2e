#include "messages.h"

#include "json.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SHAPE(fields)         \
    {                         \
        fields, COUNT(fields) \
    }
#define USERS_MAX         UINT32_MAX
#define PROBLEM_MOVES_MAX 1000

/* ---- activation ---- */

#define AT(member) offsetof(struct activation_request, member)
static const struct json_field activation_request_fields[] = {
    {.name = "license_key",
     .type = JSON_TEXT,
     .offset = AT(license_key),
     .max = sizeof(((struct activation_request *)0)->license_key) - 1,
     .nullable = true},
    {.name = "trial", .type = JSON_BOOLEAN, .offset = AT(trial)},
    {.name = "installation_id",
     .type = JSON_TEXT,
     .offset = AT(installation_id),
     .min = 1,
     .max = ENTITLEMENT_ID_BYTES_MAX,
     .required = true},
    {.name = "farm_name", .type = JSON_TEXT, .offset = AT(farm_name), .max = MESSAGE_FARM_NAME_BYTES_MAX},
    {.name = "app_version", .type = JSON_TEXT, .offset = AT(app_version), .max = MESSAGE_VERSION_BYTES_MAX},
    {.name = "trusted_key", .type = JSON_TEXT, .offset = AT(trusted_key), .max = ENTITLEMENT_KID_BYTES_MAX},
    {.name = "move", .type = JSON_BOOLEAN, .offset = AT(move)},
};
#undef AT
static const struct json_shape activation_request_shape = SHAPE(activation_request_fields);

char *activation_request_encode(const struct activation_request *request)
{
    struct json_writer *writer = json_writer_create(false);
    if (!writer)
        return NULL;
    json_open_object(writer, NULL);
    if (request->trial)
        json_boolean(writer, "trial", true);
    else
        json_text(writer, "license_key", request->license_key);
    json_text(writer, "installation_id", request->installation_id);
    json_text(writer, "farm_name", request->farm_name);
    json_text(writer, "app_version", request->app_version);
    if (request->move)
        json_boolean(writer, "move", true);
    if (request->trusted_key[0] != '\0')
        json_text(writer, "trusted_key", request->trusted_key);
    json_close_object(writer);
    return json_writer_take(writer);
}

static int refuse_field(const char *field, const char *what, struct error_detail *ret_detail,
                        char ret_field[JSON_PATH_BYTES])
{
    error_detail_set(ret_detail, "%s: %s", field, what);
    if (ret_field)
        (void)snprintf(ret_field, JSON_PATH_BYTES, "%s", field);
    return ERROR_INVALID;
}

int activation_request_decode(const char *text, size_t bytes, struct activation_request *ret,
                              struct error_detail *ret_detail, char ret_field[JSON_PATH_BYTES])
{
    *ret = (struct activation_request){0};
    int error = json_read(&activation_request_shape, text, bytes, ret, ret_detail, ret_field);
    if (error != 0)
        return error;
    if (ret->trial && ret->license_key[0])
        return refuse_field("trial", "not together with license_key", ret_detail, ret_field);
    if (!ret->trial && !ret->license_key[0])
        return refuse_field("license_key", "missing", ret_detail, ret_field);
    return 0;
}

#define AT(member) offsetof(struct activation_answer, member)
static const struct json_field activation_answer_fields[] = {
    {.name = "farm_id",
     .type = JSON_TEXT,
     .offset = AT(farm_id),
     .min = 1,
     .max = ENTITLEMENT_ID_BYTES_MAX,
     .required = true},
    {.name = "farm_token",
     .type = JSON_TEXT,
     .offset = AT(farm_token),
     .min = 1,
     .max = MESSAGE_TOKEN_BYTES_MAX,
     .required = true},
    {.name = "entitlement",
     .type = JSON_TEXT,
     .offset = AT(entitlement),
     .min = 1,
     .max = ENTITLEMENT_BYTES_MAX,
     .required = true},
};
#undef AT
static const struct json_shape activation_answer_shape = SHAPE(activation_answer_fields);

char *activation_answer_encode(const struct activation_answer *answer)
{
    struct json_writer *writer = json_writer_create(false);
    if (!writer)
        return NULL;
    json_open_object(writer, NULL);
    json_text(writer, "farm_id", answer->farm_id);
    json_text(writer, "farm_token", answer->farm_token);
    json_text(writer, "entitlement", answer->entitlement);
    message_keys_put(writer, answer->keys, answer->key_count);
    json_close_object(writer);
    return json_writer_take(writer);
}

int activation_answer_decode(const char *text, size_t bytes, struct activation_answer *ret,
                             struct error_detail *ret_detail)
{
    *ret = (struct activation_answer){0};
    return json_read(&activation_answer_shape, text, bytes, ret, ret_detail, NULL);
}

/* ---- report ---- */

#define AT(member) offsetof(struct report_window, member)
static const struct json_field window_fields[] = {
    {.name = "sequence",
     .type = JSON_INTEGER,
     .offset = AT(sequence),
     .min = 1,
     .max = MESSAGE_SEQUENCE_MAX,
     .required = true},
    {.name = "start", .type = JSON_TIME, .offset = AT(start_ms), .required = true},
    {.name = "end", .type = JSON_TIME, .offset = AT(end_ms), .required = true},
    {.name = "peak_users",
     .type = JSON_INTEGER,
     .offset = AT(peak_users),
     .max = USERS_MAX,
     .required = true},
    {.name = "peak_at", .type = JSON_TIME, .offset = AT(peak_at_ms), .required = true},
    {.name = "users_at_end",
     .type = JSON_INTEGER,
     .offset = AT(users_at_end),
     .max = USERS_MAX,
     .required = true},
    {.name = "exempt_peak",
     .type = JSON_INTEGER,
     .offset = AT(exempt_peak),
     .max = USERS_MAX,
     .required = true},
    {.name = "hosts", .type = JSON_INTEGER, .offset = AT(hosts), .max = USERS_MAX, .required = true},
};
#undef AT
static const struct json_shape window_shape = SHAPE(window_fields);

#define AT(member) offsetof(struct report_request, member)
static const struct json_field report_request_fields[] = {
    {.name = "farm_id",
     .type = JSON_TEXT,
     .offset = AT(farm_id),
     .min = 1,
     .max = ENTITLEMENT_ID_BYTES_MAX,
     .required = true},
    {.name = "app_version", .type = JSON_TEXT, .offset = AT(app_version), .max = MESSAGE_VERSION_BYTES_MAX},
    {.name = "trusted_key", .type = JSON_TEXT, .offset = AT(trusted_key), .max = ENTITLEMENT_KID_BYTES_MAX},
    {.name = "windows",
     .type = JSON_ARRAY,
     .offset = AT(windows),
     .shape = &window_shape,
     .count_offset = AT(window_count),
     .count_max = MESSAGE_WINDOWS_MAX,
     .element_bytes = sizeof(struct report_window),
     .required = true},
};
#undef AT
static const struct json_shape report_request_shape = SHAPE(report_request_fields);

static void put_window(struct json_writer *writer, const struct report_window *window)
{
    json_open_object(writer, NULL);
    json_integer(writer, "sequence", window->sequence);
    json_time(writer, "start", window->start_ms);
    json_time(writer, "end", window->end_ms);
    json_integer(writer, "peak_users", window->peak_users);
    json_time(writer, "peak_at", window->peak_at_ms);
    json_integer(writer, "users_at_end", window->users_at_end);
    json_integer(writer, "exempt_peak", window->exempt_peak);
    json_integer(writer, "hosts", window->hosts);
    json_close_object(writer);
}

char *report_request_encode(const char *farm_id, const char *app_version, const char *trusted_key,
                            const struct report_window *windows, size_t count)
{
    struct json_writer *writer = json_writer_create(false);
    if (!writer)
        return NULL;
    json_open_object(writer, NULL);
    json_text(writer, "farm_id", farm_id);
    json_text(writer, "app_version", app_version);
    if (trusted_key[0] != '\0')
        json_text(writer, "trusted_key", trusted_key);
    json_open_array(writer, "windows");
    for (size_t i = 0; i < count; i++)
        put_window(writer, &windows[i]);
    json_close_array(writer);
    json_close_object(writer);
    return json_writer_take(writer);
}

int report_request_decode(const char *text, size_t bytes, struct report_request *ret,
                          struct error_detail *ret_detail, char ret_field[JSON_PATH_BYTES])
{
    memset(ret, 0, sizeof(*ret));
    return json_read(&report_request_shape, text, bytes, ret, ret_detail, ret_field);
}

#define AT(member) offsetof(struct refused_window, member)
static const struct json_field refused_fields[] = {
    {.name = "sequence",
     .type = JSON_INTEGER,
     .offset = AT(sequence),
     .min = 1,
     .max = INT64_MAX,
     .required = true},
    {.name = "reason",
     .type = JSON_TEXT,
     .offset = AT(reason),
     .max = MESSAGE_REASON_BYTES_MAX,
     .required = true},
};
#undef AT
static const struct json_shape refused_shape = SHAPE(refused_fields);

#define AT(member) offsetof(struct report_answer, member)
static const struct json_field report_answer_fields[] = {
    {.name = "accepted_through",
     .type = JSON_INTEGER,
     .offset = AT(accepted_through),
     .max = INT64_MAX,
     .required = true},
    {.name = "refused",
     .type = JSON_ARRAY,
     .offset = AT(refused),
     .shape = &refused_shape,
     .count_offset = AT(refused_count),
     .count_max = MESSAGE_WINDOWS_MAX,
     .element_bytes = sizeof(struct refused_window)},
    {.name = "server_time", .type = JSON_TIME, .offset = AT(server_time_ms), .required = true},
    {.name = "entitlement",
     .type = JSON_TEXT,
     .offset = AT(entitlement),
     .min = 1,
     .max = ENTITLEMENT_BYTES_MAX,
     .required = true},
};
#undef AT
static const struct json_shape report_answer_shape = SHAPE(report_answer_fields);

char *report_answer_encode(const struct report_answer *answer)
{
    struct json_writer *writer = json_writer_create(false);
    if (!writer)
        return NULL;
    json_open_object(writer, NULL);
    json_integer(writer, "accepted_through", answer->accepted_through);
    json_open_array(writer, "refused");
    for (size_t i = 0; i < answer->refused_count; i++) {
        json_open_object(writer, NULL);
        json_integer(writer, "sequence", answer->refused[i].sequence);
        json_text(writer, "reason", answer->refused[i].reason);
        json_close_object(writer);
    }
    json_close_array(writer);
    json_time(writer, "server_time", answer->server_time_ms);
    json_text(writer, "entitlement", answer->entitlement);
    message_keys_put(writer, answer->keys, answer->key_count);
    json_close_object(writer);
    return json_writer_take(writer);
}

int report_answer_decode(const char *text, size_t bytes, struct report_answer *ret,
                         struct error_detail *ret_detail)
{
    memset(ret, 0, sizeof(*ret));
    return json_read(&report_answer_shape, text, bytes, ret, ret_detail, NULL);
}

/* ---- new signing keys ---- */

void message_keys_put(struct json_writer *writer, const char *const *keys, size_t count)
{
    if (count == 0)
        return;
    json_open_array(writer, "keys");
    for (size_t i = 0; i < count; i++)
        json_text(writer, NULL, keys[i]);
    json_close_array(writer);
}

int message_keys_decode(const char *text, size_t bytes, struct message_keys *ret,
                        struct error_detail *ret_detail)
{
    static const struct json_field fields[] = {
        {.name = "keys",
         .type = JSON_TEXTS,
         .offset = offsetof(struct message_keys, texts),
         .min = 1,
         .max = ENTITLEMENT_KEY_BYTES_MAX,
         .count_offset = offsetof(struct message_keys, count),
         .count_max = MESSAGE_KEYS_MAX,
         .element_bytes = ENTITLEMENT_KEY_BYTES_MAX + 1},
    };
    static const struct json_shape shape = SHAPE(fields);
    ret->count = 0;
    return json_read(&shape, text, bytes, ret, ret_detail, NULL);
}

/* ---- problem ---- */

#define AT(member)    offsetof(struct problem_answer, member)
#define BYTES(member) (sizeof(((struct problem_answer *)0)->member) - 1)
static const struct json_field problem_fields[] = {
    {.name = "code", .type = JSON_TEXT, .offset = AT(code), .min = 1, .max = BYTES(code), .required = true},
    {.name = "detail", .type = JSON_TEXT, .offset = AT(detail), .max = BYTES(detail)},
    {.name = "moves_left", .type = JSON_INTEGER, .offset = AT(moves_left), .max = PROBLEM_MOVES_MAX},
};
#undef AT
static const struct json_shape problem_shape = SHAPE(problem_fields);

int problem_answer_decode(const char *text, size_t bytes, struct problem_answer *ret)
{
    *ret = (struct problem_answer){.moves_left = -1};
    return json_read(&problem_shape, text, bytes, ret, NULL, NULL);
}
