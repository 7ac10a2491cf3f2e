#include "cloud/admin/audit_change.h"

#include "common/json_members.h"
#include "common/utf8.h"

#include <stdio.h>
#include <string.h>

#define MEMBERS_MAX 32
#define NAME_BYTES  32
#define VALUE_BYTES 160

struct member {
    char name[NAME_BYTES], value[VALUE_BYTES];
};

struct line {
    struct member members[MEMBERS_MAX]; /* of the state before */
    size_t count;
    char *text;
    size_t bytes;
};

static void put(struct line *line, const char *name, const char *before, const char *after)
{
    size_t used = strlen(line->text);
    const char *separator = used > 0 ? ", " : "";
    if (before != NULL)
        (void)snprintf(line->text + used, line->bytes - used, "%s%s %s -> %s", separator, name, before,
                       after);
    else
        (void)snprintf(line->text + used, line->bytes - used, "%s%s %s", separator, name, after);
}

static const char *shown(const char *value)
{
    return value == NULL || value[0] == '\0' ? "-" : value;
}

static int keep(void *data, const char *name, const char *value)
{
    struct line *line = data;
    if (line->count == MEMBERS_MAX)
        return 0;
    struct member *member = &line->members[line->count++];
    (void)snprintf(member->name, sizeof member->name, "%s", name);
    (void)snprintf(member->value, sizeof member->value, "%s", shown(value));
    return 0;
}

static int compare(void *data, const char *name, const char *value)
{
    struct line *line = data;
    char after[VALUE_BYTES];
    (void)snprintf(after, sizeof after, "%s", shown(value));
    for (size_t i = 0; i < line->count; i++) {
        if (strcmp(line->members[i].name, name) != 0)
            continue;
        if (strcmp(line->members[i].value, after) != 0)
            put(line, name, line->members[i].value, after);
        return 0;
    }
    if (strcmp(after, "-") != 0)
        put(line, name, line->count > 0 ? "-" : NULL, after);
    return 0;
}

void audit_change_format(const struct json_span *before, const struct json_span *after, char *ret,
                         size_t ret_bytes)
{
    struct line line = {.text = ret, .bytes = ret_bytes};
    ret[0] = '\0';
    if (before->start != NULL)
        (void)json_members(before->start, before->bytes, keep, &line);
    if (after->start != NULL)
        (void)json_members(after->start, after->bytes, compare, &line);
    utf8_cut(ret);
}
