#include "lines.h"

#include "common/error.h"

#include <stdlib.h>
#include <string.h>

void lines_init(struct lines *lines, const struct lines_settings *settings)
{
    *lines = (struct lines){.settings = *settings, .number = 1};
}

void lines_finish(struct lines *lines)
{
    free(lines->begun);
    lines->begun = NULL;
}

void lines_begin(struct lines *lines)
{
    lines->number = 1;
    lines->begun_bytes = 0;
    lines->skipping = false;
}

static int take(struct lines *lines, const char *line, size_t bytes)
{
    if (bytes > lines->settings.bytes_max) {
        lines->settings.too_long(lines->settings.data);
        return 0;
    }
    if (bytes > 0 && line[bytes - 1] == '\r')
        bytes--;
    return lines->settings.take(lines->settings.data, line, bytes);
}

/* A line that has begun, and more of it; too much is forgotten. */
static int keep(struct lines *lines, const char *bytes, size_t count)
{
    if (lines->skipping || count == 0)
        return 0;
    if (count > lines->settings.bytes_max - lines->begun_bytes) {
        lines->settings.too_long(lines->settings.data);
        lines->skipping = true;
        lines->begun_bytes = 0;
        return 0;
    }
    if (lines->begun == NULL && (lines->begun = malloc(lines->settings.bytes_max)) == NULL)
        return ERROR_NO_MEMORY;
    memcpy(lines->begun + lines->begun_bytes, bytes, count);
    lines->begun_bytes += count;
    return 0;
}

static int end_of_line(struct lines *lines, const char *bytes, size_t count)
{
    int code;
    if (lines->begun_bytes == 0 && !lines->skipping) {
        code = take(lines, bytes, count);
    } else {
        code = keep(lines, bytes, count);
        if (code == 0 && !lines->skipping)
            code = take(lines, lines->begun, lines->begun_bytes);
    }
    lines->begun_bytes = 0;
    lines->skipping = false;
    lines->number++;
    return code;
}

int lines_feed(struct lines *lines, const char *bytes, size_t count)
{
    const char *end = bytes + count, *newline;
    for (; bytes < end && (newline = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL;
         bytes = newline + 1) {
        int code = end_of_line(lines, bytes, (size_t)(newline - bytes));
        if (code < 0)
            return code;
    }
    return keep(lines, bytes, (size_t)(end - bytes));
}

int lines_end(struct lines *lines)
{
    return lines->begun_bytes > 0 ? end_of_line(lines, "", 0) : 0;
}
