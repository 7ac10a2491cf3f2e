#include "cloud/admin/audit_change.h"
#include "cloud/admin/client.h"
#include "cloud/admin/commands.h"
#include "cloud/admin/fields.h"
#include "cloud/admin/list.h"

#include "common/rfc3339.h"

#include <stdio.h>
#include <string.h>

struct audit_line {
    char who[FIELD_TEXT_BYTES_MAX + 1], what[FIELD_TEXT_BYTES_MAX + 1], subject[FIELD_TEXT_BYTES_MAX + 1],
        change[FIELD_LONG_BYTES_MAX + 1];
    int64_t id, at;
    struct json_span before, after;
};

/* What stands in the table: what is different between before and after. */
static void prepare(void *data)
{
    struct audit_line *line = data;
    audit_change_format(&line->before, &line->after, line->change, sizeof line->change);
}

#define OF struct audit_line
static const struct json_field fields[] = {
    FIELD_ID(OF, id),        FIELD_TIME(OF, at),
    FIELD_TEXT(OF, who),     FIELD_TEXT(OF, what),
    FIELD_TEXT(OF, subject), FIELD_OF(OF, before, JSON_SPAN, 0, 0),
    FIELD_LONG(OF, change),  FIELD_OF(OF, after, JSON_SPAN, 0, 0),
};
#undef OF
static const struct json_shape shape = {fields, FIELDS_COUNT(fields)};
static const struct list_column columns[] = {
    {"ID", "id", LIST_HIDDEN},    {"AT (UTC)", "at", LIST_SHOWN},     {"WHO", "who", LIST_SHOWN},
    {"WHAT", "what", LIST_SHOWN}, {"SUBJECT", "subject", LIST_SHOWN}, {"CHANGE", "change", LIST_CUT},
};
static const struct list lines = {
    .name = "audit",
    .shape = &shape,
    .line_bytes = sizeof(struct audit_line),
    .columns = columns,
    .column_count = FIELDS_COUNT(columns),
    .prepare = prepare,
    .when_empty = "nothing was changed",
};

/* A day is its beginning. */
static bool parse_since(const char *text, char ret[RFC3339_BYTES])
{
    char whole[2 * RFC3339_BYTES];
    int64_t instant;
    (void)snprintf(whole, sizeof whole, "%sT00:00:00Z", text);
    if (!rfc3339_parse(text, strlen(text), &instant) && !rfc3339_parse(whole, strlen(whole), &instant)) {
        (void)fprintf(stderr,
                      "farmgate-cloud: --since: '%s' is neither a day as in 2026-12-31 nor a time as in "
                      "2026-12-31T12:00:00Z\n",
                      text);
        return false;
    }
    (void)rfc3339_format(instant, ret);
    return true;
}

int command_audit(const struct admin_options *options)
{
    char target[CLIENT_TARGET_BYTES] = "/v1/admin/audit", since[RFC3339_BYTES];
    if (options->since != NULL && !parse_since(options->since, since))
        return ADMIN_USAGE;
    if (!client_parameter(target, "subject", options->subject) ||
        !client_parameter(target, "since", options->since != NULL ? since : NULL))
        return ADMIN_DATA;
    return list_print(&lines, &(struct list_how){.socket_path = options->socket_path,
                                                 .target = target,
                                                 .columns = options->columns,
                                                 .json = options->json});
}
