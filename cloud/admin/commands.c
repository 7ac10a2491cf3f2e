#include "cloud/admin/commands.h"

#include "cloud/admin/client.h"
#include "cloud/admin/list.h"
#include "common/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX 127
#define TARGET_BYTES   512
#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))
#define TEXT(where)    .type = JSON_TEXT, .offset = (where), .max = TEXT_BYTES_MAX
#define MAYBE(where)   TEXT(where), .nullable = true
#define NUMBER(where)  .type = JSON_INTEGER, .offset = (where), .max = INT64_MAX
#define TIME(where)    .type = JSON_TIME, .offset = (where), .nullable = true
#define BOOLEAN(where) .type = JSON_BOOLEAN, .offset = (where)

/* --- keys ----------------------------------------------------------------------------------------------- */

struct key_line {
    char key[TEXT_BYTES_MAX + 1], name[TEXT_BYTES_MAX + 1], term[TEXT_BYTES_MAX + 1],
        state[TEXT_BYTES_MAX + 1], farm_id[TEXT_BYTES_MAX + 1];
    int64_t limit, purchases, created_at, activated_at, expires_at, moves, moves_left;
};

#define AT(member) offsetof(struct key_line, member)
static const struct json_field key_fields[] = {
    {.name = "key", TEXT(AT(key)), .required = true},
    {.name = "name", TEXT(AT(name))},
    {.name = "limit", NUMBER(AT(limit))},
    {.name = "purchases", NUMBER(AT(purchases))},
    {.name = "term", TEXT(AT(term))},
    {.name = "state", TEXT(AT(state))},
    {.name = "created_at", TIME(AT(created_at))},
    {.name = "activated_at", TIME(AT(activated_at))},
    {.name = "expires_at", TIME(AT(expires_at))},
    {.name = "moves", NUMBER(AT(moves))},
    {.name = "moves_left", NUMBER(AT(moves_left))},
    {.name = "farm_id", MAYBE(AT(farm_id))},
};
#undef AT
static const struct json_shape key_shape = {key_fields, COUNT(key_fields)};

static char *order_encode(const struct admin_options *options)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer == NULL)
        return NULL;
    json_open_object(writer, NULL);
    json_integer(writer, "limit", options->limit);
    json_text(writer, "term", options->term);
    json_text(writer, "name", options->name);
    json_close_object(writer);
    return json_writer_take(writer);
}

int command_key_create(const struct admin_options *options)
{
    struct local_client_answer answer;
    struct error_detail detail;
    struct key_line key = {.key = ""};

    if (options->limit < 0 || options->term == NULL) {
        (void)fprintf(stderr, "farmgate-cloud: key create needs --limit and --term\n");
        return ADMIN_USAGE;
    }
    char *order = order_encode(options);
    if (order == NULL)
        return ADMIN_FAILED;
    int code = client_call(options->socket_path, "POST", "/v1/keys", order, &answer);
    free(order);
    if (code != ADMIN_OK)
        return code;
    if (json_read(&key_shape, answer.body, answer.body_bytes, &key, &detail, NULL) != 0)
        code = client_misunderstood("/v1/keys", detail.text);
    else
        (void)printf("%s\n", options->json ? answer.body : key.key);
    local_client_answer_finish(&answer);
    return code;
}

int command_key_list(const struct admin_options *options)
{
    static const struct list_column columns[] = {
        {"KEY", "key"},
        {"NAME", "name"},
        {"LIMIT", "limit"},
        {"TERM", "term"},
        {"EXPIRES (UTC)", "expires_at"},
        {"STATE", "state"},
        {"MOVES LEFT", "moves_left"},
        {"FARM", "farm_id"},
    };
    static const struct list list = {.target = "/v1/keys",
                                     .name = "keys",
                                     .shape = &key_shape,
                                     .line_bytes = sizeof(struct key_line),
                                     .columns = columns,
                                     .column_count = COUNT(columns),
                                     .when_empty = "no keys yet; farmgate-cloud key create makes one"};
    return list_print(&list, options->socket_path, options->json);
}

/* --- farms ---------------------------------------------------------------------------------------------- */

struct farm_line {
    char farm_id[TEXT_BYTES_MAX + 1], name[TEXT_BYTES_MAX + 1], status[TEXT_BYTES_MAX + 1],
        reason[TEXT_BYTES_MAX + 1], key[TEXT_BYTES_MAX + 1], installation_id[TEXT_BYTES_MAX + 1],
        app_version[TEXT_BYTES_MAX + 1];
    bool trial;
    int64_t activated_at, deactivated_at, reported_at, peak_users, peak_at;
    int64_t accepted_through, windows_counted, windows_refused, windows_missing, clock_ahead_ms;
};

#define AT(member) offsetof(struct farm_line, member)
static const struct json_field farm_fields[] = {
    {.name = "farm_id", TEXT(AT(farm_id)), .required = true},
    {.name = "name", TEXT(AT(name))},
    {.name = "status", TEXT(AT(status)), .required = true},
    {.name = "reason", MAYBE(AT(reason))},
    {.name = "trial", BOOLEAN(AT(trial))},
    {.name = "key", MAYBE(AT(key))},
    {.name = "installation_id", TEXT(AT(installation_id))},
    {.name = "app_version", TEXT(AT(app_version))},
    {.name = "activated_at", TIME(AT(activated_at))},
    {.name = "deactivated_at", TIME(AT(deactivated_at))},
    {.name = "reported_at", TIME(AT(reported_at))},
    {.name = "peak_users", NUMBER(AT(peak_users))},
    {.name = "peak_at", TIME(AT(peak_at))},
    {.name = "accepted_through", NUMBER(AT(accepted_through))},
    {.name = "windows_counted", NUMBER(AT(windows_counted))},
    {.name = "windows_refused", NUMBER(AT(windows_refused))},
    {.name = "windows_missing", NUMBER(AT(windows_missing))},
    {.name = "clock_ahead_ms", NUMBER(AT(clock_ahead_ms))},
};
#undef AT
static const struct json_shape farm_shape = {farm_fields, COUNT(farm_fields)};

int command_farm_list(const struct admin_options *options)
{
    static const struct list_column columns[] = {
        {"FARM", "farm_id"},
        {"NAME", "name"},
        {"STATUS", "status"},
        {"WHY", "reason"},
        {"KEY", "key"},
        {"SERVER ID", "installation_id"},
        {"VERSION", "app_version"},
        {"ACTIVATED (UTC)", "activated_at"},
        {"REPORTED (UTC)", "reported_at"},
        {"PEAK", "peak_users"},
    };
    static const struct list list = {.target = "/v1/farms",
                                     .name = "farms",
                                     .shape = &farm_shape,
                                     .line_bytes = sizeof(struct farm_line),
                                     .columns = columns,
                                     .column_count = COUNT(columns),
                                     .when_empty = "no farms yet"};
    return list_print(&list, options->socket_path, options->json);
}

static int tell_deactivated(const struct local_client_answer *answer)
{
    struct farm_line farm = {.farm_id = ""};
    struct error_detail detail;
    if (json_read(&farm_shape, answer->body, answer->body_bytes, &farm, &detail, NULL) != 0)
        return client_misunderstood("/v1/farms", detail.text);
    if (strcmp(farm.reason, "administrator") == 0)
        (void)printf("farm %s is deactivated; it closes at its next contact, and its key is free\n",
                     farm.farm_id);
    else
        (void)printf("farm %s was deactivated before (%s)\n", farm.farm_id, farm.reason);
    return ADMIN_OK;
}

int command_farm_deactivate(const struct admin_options *options)
{
    struct local_client_answer answer;
    char farm[TARGET_BYTES / 2], target[TARGET_BYTES];

    if (options->farm == NULL || options->farm[0] == '\0') {
        (void)fprintf(stderr, "farmgate-cloud: which farm? farmgate-cloud farm list names them\n");
        return ADMIN_USAGE;
    }
    if (local_client_encode(options->farm, farm, sizeof farm) != 0) {
        (void)fprintf(stderr, "farmgate-cloud: no farm has such a long id\n");
        return ADMIN_DATA;
    }
    (void)snprintf(target, sizeof target, "/v1/farms/%s/deactivate", farm);
    int code = client_call(options->socket_path, "POST", target, NULL, &answer);
    if (code != ADMIN_OK)
        return code;
    code = tell_deactivated(&answer);
    local_client_answer_finish(&answer);
    return code;
}

/* --- the public key ------------------------------------------------------------------------------------- */

int command_public_key(const struct admin_options *options)
{
    static const struct json_field fields[] = {{.name = "public_key", TEXT(0), .required = true}};
    static const struct json_shape shape = {fields, COUNT(fields)};
    struct local_client_answer answer;
    struct error_detail detail;
    char key[TEXT_BYTES_MAX + 1] = "";

    int code = client_call(options->socket_path, "GET", "/v1/public-key", NULL, &answer);
    if (code != ADMIN_OK)
        return code;
    if (json_read(&shape, answer.body, answer.body_bytes, key, &detail, NULL) != 0)
        code = client_misunderstood("/v1/public-key", detail.text);
    else
        (void)printf("%s\n", key);
    local_client_answer_finish(&answer);
    return code;
}
