#include "cloud/admin/client.h"
#include "cloud/admin/commands.h"
#include "cloud/admin/fields.h"
#include "cloud/admin/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGET       "/v1/admin/farms"
#define NUMBER_BYTES 24

struct farm_line {
    char farm_id[FIELD_TEXT_BYTES_MAX + 1], key[FIELD_TEXT_BYTES_MAX + 1], name[FIELD_TEXT_BYTES_MAX + 1],
        status[FIELD_TEXT_BYTES_MAX + 1], reason[FIELD_TEXT_BYTES_MAX + 1],
        installation_id[FIELD_TEXT_BYTES_MAX + 1], app_version[FIELD_TEXT_BYTES_MAX + 1],
        note[FIELD_LONG_BYTES_MAX + 1];
    int64_t subscription_id, activated_at, deactivated_at, reported_at, peak_users, peak_at;
    int64_t accepted_through, windows_counted, windows_refused, windows_missing, clock_ahead_ms;
    bool trial;
};

#define OF struct farm_line
static const struct json_field fields[] = {
    FIELD_TEXT(OF, farm_id),
    FIELD_TEXT(OF, key),
    FIELD_ID(OF, subscription_id),
    FIELD_TEXT(OF, name),
    FIELD_TEXT(OF, status),
    FIELD_TEXT(OF, reason),
    FIELD_BOOLEAN(OF, trial),
    FIELD_TEXT(OF, installation_id),
    FIELD_TEXT(OF, app_version),
    FIELD_TIME(OF, activated_at),
    FIELD_TIME(OF, deactivated_at),
    FIELD_TIME(OF, reported_at),
    FIELD_NUMBER(OF, peak_users),
    FIELD_TIME(OF, peak_at),
    FIELD_LONG(OF, note),
    FIELD_NUMBER(OF, accepted_through),
    FIELD_NUMBER(OF, windows_counted),
    FIELD_NUMBER(OF, windows_refused),
    FIELD_NUMBER(OF, windows_missing),
    FIELD_NUMBER(OF, clock_ahead_ms),
};
#undef OF
static const struct json_shape shape = {fields, FIELDS_COUNT(fields)};

static const struct list_column columns[] = {
    {"FARM", "farm_id", LIST_SHOWN},
    {"NAME", "name", LIST_CUT},
    {"STATUS", "status", LIST_SHOWN},
    {"REPORTED (UTC)", "reported_at", LIST_SHOWN},
    {"PEAK", "peak_users", LIST_SHOWN},
    {"KEY", "key", LIST_HIDDEN},
    {"SUBSCRIPTION", "subscription_id", LIST_HIDDEN},
    {"WHY", "reason", LIST_HIDDEN},
    {"TRIAL", "trial", LIST_HIDDEN},
    {"SERVER ID", "installation_id", LIST_HIDDEN},
    {"VERSION", "app_version", LIST_HIDDEN},
    {"ACTIVATED (UTC)", "activated_at", LIST_HIDDEN},
    {"DEACTIVATED (UTC)", "deactivated_at", LIST_HIDDEN},
    {"PEAK AT (UTC)", "peak_at", LIST_HIDDEN},
    {"NOTE", "note", LIST_HIDDEN},
    {"THROUGH", "accepted_through", LIST_HIDDEN},
    {"COUNTED", "windows_counted", LIST_HIDDEN},
    {"REFUSED", "windows_refused", LIST_HIDDEN},
    {"MISSING", "windows_missing", LIST_HIDDEN},
    {"CLOCK AHEAD (MS)", "clock_ahead_ms", LIST_HIDDEN},
};
static const struct list farms = {
    .name = "farms",
    .shape = &shape,
    .line_bytes = sizeof(struct farm_line),
    .columns = columns,
    .column_count = FIELDS_COUNT(columns),
    .when_empty = "no farms",
};

int command_farm_list(const struct admin_options *options)
{
    char target[CLIENT_TARGET_BYTES] = TARGET, id[NUMBER_BYTES];
    (void)snprintf(id, sizeof id, "%" PRId64, options->subscription);
    if (options->csv && options->json) {
        (void)fprintf(stderr, "farmgate-cloud: --csv or --json, not both\n");
        return ADMIN_USAGE;
    }
    if (!client_parameter(target, "status", options->status) ||
        !client_parameter(target, "key", options->key) ||
        !client_parameter(target, "subscription", options->subscription >= 0 ? id : NULL))
        return ADMIN_DATA;
    return list_print(&farms, &(struct list_how){.socket_path = options->socket_path,
                                                 .target = target,
                                                 .columns = options->columns,
                                                 .json = options->json,
                                                 .csv = options->csv});
}

/* --- one farm ------------------------------------------------------------------------------------------- */

static int tell_farm(const struct admin_options *options, const char *target,
                     struct local_client_answer *answer)
{
    struct farm_line line = {.farm_id = ""};
    int code = client_read(&shape, target, answer, &line);
    if (code != ADMIN_OK)
        return code;
    if (options->json)
        (void)printf("%s\n", answer->body);
    else
        list_print_line(&farms, &line);
    local_client_answer_finish(answer);
    return ADMIN_OK;
}

int command_farm_show(const struct admin_options *options)
{
    char target[CLIENT_TARGET_BYTES];
    struct local_client_answer answer;
    if (!client_target(target, TARGET "/", options->arguments[0], ""))
        return ADMIN_DATA;
    int code = client_call(options->socket_path, "GET", target, NULL, &answer);
    return code != ADMIN_OK ? code : tell_farm(options, target, &answer);
}

int command_farm_note(const struct admin_options *options)
{
    char target[CLIENT_TARGET_BYTES];
    struct local_client_answer answer;
    if (!client_target(target, TARGET "/", options->arguments[0], ""))
        return ADMIN_DATA;
    struct json_writer *body = json_writer_create(false);
    if (body == NULL)
        return ADMIN_FAILED;
    json_open_object(body, NULL);
    json_text(body, "note", options->arguments[1]);
    json_close_object(body);
    int code = client_send(options->socket_path, "PATCH", target, body, NULL, &answer);
    return code != ADMIN_OK ? code : tell_farm(options, target, &answer);
}

/* --- deactivated ---------------------------------------------------------------------------------------- */

struct outcome_line {
    char farm_id[FIELD_TEXT_BYTES_MAX + 1], reason[FIELD_TEXT_BYTES_MAX + 1], code[FIELD_TEXT_BYTES_MAX + 1];
    bool changed;
};
struct outcomes {
    size_t count;
    struct outcome_line lines[ADMIN_ARGUMENTS_MAX];
};

#define OF struct outcome_line
static const struct json_field outcome_fields[] = {
    FIELD_TEXT(OF, farm_id),
    FIELD_TEXT(OF, reason),
    FIELD_TEXT(OF, code),
    FIELD_BOOLEAN(OF, changed),
};
#undef OF
static const struct json_shape outcome_shape = {outcome_fields, FIELDS_COUNT(outcome_fields)};
static const struct json_field outcomes_fields[] = {{.name = "farms",
                                                     .type = JSON_ARRAY,
                                                     .offset = offsetof(struct outcomes, lines),
                                                     .required = true,
                                                     .shape = &outcome_shape,
                                                     .count_offset = offsetof(struct outcomes, count),
                                                     .count_max = ADMIN_ARGUMENTS_MAX,
                                                     .element_bytes = sizeof(struct outcome_line)}};
static const struct json_shape outcomes_shape = {outcomes_fields, FIELDS_COUNT(outcomes_fields)};

/* A farm that nobody knows makes the command fail; the others are deactivated all the same. */
static int tell_outcomes(const struct outcomes *outcomes, bool json)
{
    int code = ADMIN_OK;
    for (size_t i = 0; i < outcomes->count; i++) {
        const struct outcome_line *line = &outcomes->lines[i];
        if (line->code[0] != '\0') {
            (void)fprintf(stderr, "farmgate-cloud: no farm has the id %s (%s)\n", line->farm_id, line->code);
            code = ADMIN_FAILED;
        } else if (!json && line->changed) {
            (void)printf("farm %s is deactivated; it closes at its next contact, and its key is free\n",
                         line->farm_id);
        } else if (!json) {
            (void)printf("farm %s was deactivated before (%s)\n", line->farm_id, line->reason);
        }
    }
    return code;
}

static struct json_writer *farms_encode(const struct admin_options *options)
{
    struct json_writer *body = json_writer_create(false);
    if (body == NULL)
        return NULL;
    json_open_object(body, NULL);
    json_open_array(body, "farms");
    for (int i = 0; i < options->argument_count; i++)
        json_text(body, NULL, options->arguments[i]);
    json_close_array(body);
    json_close_object(body);
    return body;
}

int command_farm_deactivate(const struct admin_options *options)
{
    static const char target[] = TARGET "/deactivate";
    struct local_client_answer answer;
    int code = client_send(options->socket_path, "POST", target, farms_encode(options), NULL, &answer);
    if (code != ADMIN_OK)
        return code;
    struct outcomes *outcomes = calloc(1, sizeof *outcomes);
    if (outcomes == NULL) {
        local_client_answer_finish(&answer);
        return ADMIN_FAILED;
    }
    code = client_read(&outcomes_shape, target, &answer, outcomes);
    if (code == ADMIN_OK) {
        if (options->json)
            (void)printf("%s\n", answer.body);
        code = tell_outcomes(outcomes, options->json);
        local_client_answer_finish(&answer);
    }
    free(outcomes);
    return code;
}
