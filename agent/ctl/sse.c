#include "sse.h"

#include "common/error.h"

#include <stdio.h>
#include <string.h>

void sse_init(struct sse *sse, sse_event_fn *on_event, void *data)
{
    sse->on_event = on_event;
    sse->data = data;
    sse->id[0] = sse->name[0] = sse->text[0] = '\0';
    sse->has_id = false;
    sse->line_bytes = sse->text_bytes = 0;
}

/* The value of a field, NULL if the line is of another. */
static const char *value_of(const char *line, const char *field)
{
    size_t bytes = strlen(field);
    if (strncmp(line, field, bytes) != 0 || (line[bytes] != ':' && line[bytes] != '\0'))
        return NULL;
    line += bytes;
    line += *line == ':';
    return line + (*line == ' ');
}

static int dispatch(struct sse *sse)
{
    int result = 0;
    if (sse->has_id || sse->text[0] != '\0')
        result = sse->on_event(sse->data, sse->id, sse->name, sse->text);
    sse->has_id = false;
    sse->name[0] = sse->text[0] = '\0';
    sse->text_bytes = 0;
    return result;
}

static int take_data(struct sse *sse, const char *value)
{
    size_t bytes = strlen(value), newline = sse->text_bytes > 0;
    if (sse->text_bytes + newline + bytes > SSE_LINE_BYTES_MAX)
        return ERROR_TOO_LARGE;
    if (newline)
        sse->text[sse->text_bytes++] = '\n';
    memcpy(sse->text + sse->text_bytes, value, bytes + 1);
    sse->text_bytes += bytes;
    return 0;
}

static int take_line(struct sse *sse)
{
    const char *value;
    if (sse->line_bytes > 0 && sse->line[sse->line_bytes - 1] == '\r')
        sse->line_bytes--;
    sse->line[sse->line_bytes] = '\0';
    sse->line_bytes = 0;
    if (sse->line[0] == '\0')
        return dispatch(sse);
    if ((value = value_of(sse->line, "data")))
        return take_data(sse, value);
    if ((value = value_of(sse->line, "id"))) {
        (void)snprintf(sse->id, sizeof(sse->id), "%s", value);
        sse->has_id = true;
    } else if ((value = value_of(sse->line, "event"))) {
        (void)snprintf(sse->name, sizeof(sse->name), "%s", value);
    }
    return 0;
}

int sse_feed(struct sse *sse, const char *bytes, size_t count)
{
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        if (bytes[i] == '\n')
            result = take_line(sse);
        else if (sse->line_bytes == SSE_LINE_BYTES_MAX)
            result = ERROR_TOO_LARGE;
        else
            sse->line[sse->line_bytes++] = bytes[i];
    }
    return result;
}
