#include "cloud/admin/client.h"
#include "cloud/admin/commands.h"
#include "cloud/admin/fields.h"
#include "cloud/admin/list.h"

#include "common/rfc3339.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TARGET       "/v1/admin/keys"
#define NUMBER_BYTES 24

struct key_line {
    char key[FIELD_TEXT_BYTES_MAX + 1], name[FIELD_TEXT_BYTES_MAX + 1], state[FIELD_TEXT_BYTES_MAX + 1],
        farm_id[FIELD_TEXT_BYTES_MAX + 1];
    int64_t subscription_id, quota, expires_at, ends_at, moves, moves_left, created_at, deleted_at;
    bool primary;
};

#define OF struct key_line
static const struct json_field fields[] = {
    FIELD_TEXT(OF, key),          FIELD_ID(OF, subscription_id), FIELD_TEXT(OF, name),
    FIELD_BOOLEAN(OF, primary),   FIELD_NUMBER(OF, quota),       FIELD_TIME(OF, expires_at),
    FIELD_TIME(OF, ends_at),      FIELD_TEXT(OF, state),         FIELD_NUMBER(OF, moves),
    FIELD_NUMBER(OF, moves_left), FIELD_TEXT(OF, farm_id),       FIELD_TIME(OF, created_at),
    FIELD_TIME(OF, deleted_at),
};
#undef OF
static const struct json_shape shape = {fields, FIELDS_COUNT(fields)};

static const struct list_column columns[] = {
    {"KEY", "key", LIST_SHOWN},
    {"NAME", "name", LIST_CUT},
    {"QUOTA", "quota", LIST_SHOWN},
    {"STATE", "state", LIST_SHOWN},
    {"ENDS (UTC)", "ends_at", LIST_SHOWN},
    {"MOVES LEFT", "moves_left", LIST_HIDDEN},
    {"FARM", "farm_id", LIST_CUT},
    {"SUBSCRIPTION", "subscription_id", LIST_HIDDEN},
    {"PRIMARY", "primary", LIST_HIDDEN},
    {"EXPIRES (UTC)", "expires_at", LIST_HIDDEN},
    {"MOVES", "moves", LIST_HIDDEN},
    {"CREATED (UTC)", "created_at", LIST_HIDDEN},
    {"DELETED (UTC)", "deleted_at", LIST_HIDDEN},
};
static const struct list keys = {
    .name = "keys",
    .shape = &shape,
    .line_bytes = sizeof(struct key_line),
    .columns = columns,
    .column_count = FIELDS_COUNT(columns),
    .when_empty = "no keys yet; farmgate-cloud key create makes one",
};

/* --- listed --------------------------------------------------------------------------------------------- */

int command_key_list_of(const struct admin_options *options, const char *target)
{
    return list_print(&keys, &(struct list_how){.socket_path = options->socket_path,
                                                .target = target,
                                                .columns = options->columns,
                                                .json = options->json});
}

int command_key_list(const struct admin_options *options)
{
    char target[CLIENT_TARGET_BYTES] = TARGET, id[NUMBER_BYTES];
    (void)snprintf(id, sizeof id, "%" PRId64, options->subscription);
    if (!client_parameter(target, "subscription", options->subscription >= 0 ? id : NULL))
        return ADMIN_DATA;
    return command_key_list_of(options, target);
}

/* --- made and changed ----------------------------------------------------------------------------------- */

/* "2026-12-31" is its beginning; "never": with the subscription. False: neither, and that was said. */
static bool put_expires(struct json_writer *writer, const char *text)
{
    char whole[2 * RFC3339_BYTES];
    int64_t instant;
    if (text == NULL)
        return true;
    (void)snprintf(whole, sizeof whole, "%sT00:00:00Z", text);
    if (strcmp(text, "never") == 0) {
        json_null(writer, "expires_at");
    } else if (rfc3339_parse(text, strlen(text), &instant) || rfc3339_parse(whole, strlen(whole), &instant)) {
        json_time(writer, "expires_at", instant);
    } else {
        (void)fprintf(stderr,
                      "farmgate-cloud: --expires: '%s' is neither a day as in 2026-12-31, nor a time as in "
                      "2026-12-31T12:00:00Z, nor never\n",
                      text);
        return false;
    }
    return true;
}

/* What both making and editing may say; NULL: something was wrong with it, and that was said. */
static struct json_writer *wanted_encode(const struct admin_options *options)
{
    struct json_writer *body = json_writer_create(false);
    if (body == NULL)
        return NULL;
    json_open_object(body, NULL);
    if (options->name != NULL)
        json_text(body, "name", options->name);
    if (options->quota >= 0)
        json_integer(body, "quota", options->quota);
    if (options->reset_moves)
        json_integer(body, "moves", 0);
    if (options->confirm)
        json_boolean(body, "confirm", true);
    if (!put_expires(body, options->expires)) {
        json_writer_destroy(body);
        return NULL;
    }
    json_close_object(body);
    return body;
}

static const char quota_would[] =
    "The farm would be over its limit as soon as it learns of it: its 7 days of grace begin, or, if they "
    "are\n"
    "spent, it is deactivated within two hours of too many users. Nobody is logged off.";

static int send_change(const struct admin_options *options, const char *method, const char *target,
                       struct json_writer *body, const char *would, struct key_line *ret,
                       struct local_client_answer *ret_answer)
{
    int code = body != NULL ? client_send(options->socket_path, method, target, body, would, ret_answer)
                            : client_change(options->socket_path, method, target, NULL, would, ret_answer);
    return code != ADMIN_OK ? code : client_read(&shape, target, ret_answer, ret);
}

/* The key alone, so that it can be handed on. */
static int create_in(const struct admin_options *options)
{
    char target[CLIENT_TARGET_BYTES], id[NUMBER_BYTES];
    struct local_client_answer answer;
    struct key_line line = {.key = ""};
    (void)snprintf(id, sizeof id, "%" PRId64, options->subscription);
    if (options->quota < 0 || options->limit >= 0 || options->term != NULL) {
        (void)fprintf(stderr,
                      "farmgate-cloud: key create --subscription needs --quota; --limit and --term are "
                      "those of a subscription of its own\n");
        return ADMIN_USAGE;
    }
    struct json_writer *body = wanted_encode(options);
    if (body == NULL)
        return ADMIN_USAGE;
    if (!client_target(target, "/v1/admin/subscriptions/", id, "/keys")) {
        json_writer_destroy(body);
        return ADMIN_DATA;
    }
    int code = send_change(options, "POST", target, body, quota_would, &line, &answer);
    if (code != ADMIN_OK)
        return code;
    (void)printf("%s\n", options->json ? answer.body : line.key);
    local_client_answer_finish(&answer);
    return ADMIN_OK;
}

/* The short way: a subscription of its own, that does not renew by itself; its primary key is printed. */
static int create_alone(const struct admin_options *options)
{
    static const struct json_field primary_fields[] = {
        {.name = "primary_key", .type = JSON_TEXT, .max = FIELD_TEXT_BYTES_MAX, .required = true}};
    static const struct json_shape primary_shape = {primary_fields, FIELDS_COUNT(primary_fields)};
    static const char target[] = "/v1/admin/subscriptions";
    struct local_client_answer answer;
    char key[FIELD_TEXT_BYTES_MAX + 1] = "";

    if (options->limit < 0 || options->term == NULL || options->quota >= 0 || options->expires != NULL) {
        (void)fprintf(stderr, "farmgate-cloud: key create needs --subscription and --quota, or --limit and "
                              "--term\n");
        return ADMIN_USAGE;
    }
    struct json_writer *body = json_writer_create(false);
    if (body == NULL)
        return ADMIN_FAILED;
    json_open_object(body, NULL);
    json_integer(body, "licences", options->limit);
    json_text(body, "term", options->term);
    json_text(body, "name", options->name != NULL ? options->name : "");
    json_boolean(body, "renews", false);
    json_close_object(body);
    int code = client_send(options->socket_path, "POST", target, body, NULL, &answer);
    if (code == ADMIN_OK)
        code = client_read(&primary_shape, target, &answer, key);
    if (code != ADMIN_OK)
        return code;
    (void)printf("%s\n", options->json ? answer.body : key);
    local_client_answer_finish(&answer);
    return ADMIN_OK;
}

int command_key_create(const struct admin_options *options)
{
    return options->subscription >= 0 ? create_in(options) : create_alone(options);
}

int command_key_edit(const struct admin_options *options)
{
    char target[CLIENT_TARGET_BYTES];
    struct local_client_answer answer;
    struct key_line line = {.key = ""};
    if (options->name == NULL && options->quota < 0 && options->expires == NULL && !options->reset_moves) {
        (void)fprintf(
            stderr,
            "farmgate-cloud: key edit: what is to be changed? try 'farmgate-cloud key edit --help'\n");
        return ADMIN_USAGE;
    }
    struct json_writer *body = wanted_encode(options);
    if (body == NULL)
        return ADMIN_USAGE;
    if (!client_target(target, TARGET "/", options->arguments[0], "")) {
        json_writer_destroy(body);
        return ADMIN_DATA;
    }
    int code = send_change(options, "PATCH", target, body, quota_would, &line, &answer);
    if (code != ADMIN_OK)
        return code;
    if (options->json)
        (void)printf("%s\n", answer.body);
    else
        list_print_line(&keys, &line);
    local_client_answer_finish(&answer);
    return ADMIN_OK;
}

int command_key_delete(const struct admin_options *options)
{
    static const char would[] =
        "The farm on it would be deactivated at its next contact, and only another key opens it again.";
    char target[CLIENT_TARGET_BYTES];
    struct local_client_answer answer;
    struct key_line line = {.key = ""};
    if (!client_target(target, TARGET "/", options->arguments[0], options->confirm ? "?confirm=true" : ""))
        return ADMIN_DATA;
    int code = send_change(options, "DELETE", target, NULL, would, &line, &answer);
    if (code != ADMIN_OK)
        return code;
    if (options->json)
        (void)printf("%s\n", answer.body);
    else
        (void)printf("key %s is deleted; its licences are its subscription's primary key's again\n",
                     line.key);
    local_client_answer_finish(&answer);
    return ADMIN_OK;
}
