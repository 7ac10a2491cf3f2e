#include "line_reader.h"

#include <stdlib.h>
#include <string.h>

void line_reader_init(struct line_reader *lines, const struct reader_settings *settings, size_t bytes_max,
                      int (*take)(struct reader *reader, const char *line, size_t bytes))
{
    *lines = (struct line_reader){.bytes_max = bytes_max, .take = take};
    reader_init(&lines->base, settings, true);
}

void line_reader_finish(struct line_reader *lines)
{
    free(lines->begun);
    lines->begun = NULL;
}

static struct line_reader *lines_of(struct reader *reader)
{
    return (struct line_reader *)reader;
}

static void tell_too_long(struct line_reader *lines)
{
    struct error_detail what;
    error_detail_set(&what, "longer than %zu bytes", lines->bytes_max);
    reader_repair(&lines->base, REPAIR_TOO_LONG, what.text);
}

static int take(struct line_reader *lines, const char *line, size_t bytes)
{
    if (bytes > lines->bytes_max) {
        tell_too_long(lines);
        return 0;
    }
    if (bytes > 0 && line[bytes - 1] == '\r')
        bytes--;
    if (lines->base.place.number == 1)
        reader_skip_mark(&line, &bytes);
    return lines->take(&lines->base, line, bytes);
}

/* A line that has begun, and more of it; too much is forgotten. */
static int keep(struct line_reader *lines, const char *bytes, size_t count)
{
    if (lines->skipping || count == 0)
        return 0;
    if (count > lines->bytes_max - lines->begun_bytes) {
        tell_too_long(lines);
        lines->skipping = true;
        lines->begun_bytes = 0;
        return 0;
    }
    if (lines->begun == NULL && (lines->begun = malloc(lines->bytes_max)) == NULL)
        return ERROR_NO_MEMORY;
    memcpy(lines->begun + lines->begun_bytes, bytes, count);
    lines->begun_bytes += count;
    return 0;
}

static int end_of_line(struct line_reader *lines, const char *bytes, size_t count)
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
    lines->base.place.number++;
    return code;
}

int line_reader_begin_file(struct reader *reader, const char *file)
{
    struct line_reader *lines = lines_of(reader);
    lines->begun_bytes = 0;
    lines->skipping = false;
    return reader_begin_file(reader, file);
}

int line_reader_feed(struct reader *reader, const char *bytes, size_t count)
{
    struct line_reader *lines = lines_of(reader);
    const char *end = bytes + count, *newline;
    for (; bytes < end && (newline = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL;
         bytes = newline + 1) {
        int code = end_of_line(lines, bytes, (size_t)(newline - bytes));
        if (code < 0)
            return code;
    }
    return keep(lines, bytes, (size_t)(end - bytes));
}

int line_reader_end_file(struct reader *reader)
{
    struct line_reader *lines = lines_of(reader);
    return lines->begun_bytes > 0 ? end_of_line(lines, "", 0) : 0;
}

enum recognised line_reader_recognise(const char *head, size_t bytes, bool whole,
                                      enum line_verdict (*judge)(void *data, const char *line, size_t bytes),
                                      void *data)
{
    unsigned fitting = 0, others = 0;
    reader_skip_mark(&head, &bytes);
    for (size_t at = 0; at < bytes && fitting + others < LINE_READER_SAMPLE;) {
        const char *newline = memchr(head + at, '\n', bytes - at);
        if (newline == NULL && !whole && fitting + others > 0)
            break; /* it goes on */
        size_t length = newline == NULL ? bytes - at : (size_t)(newline - head) - at;
        enum line_verdict verdict = length == 0 ? LINE_SAYS_NOTHING : judge(data, head + at, length);
        fitting += verdict == LINE_FITS;
        others += verdict == LINE_DOES_NOT_FIT;
        at += length + 1;
    }
    if (fitting == 0)
        return RECOGNISED_NO;
    return others <= fitting ? RECOGNISED_YES : RECOGNISED_MAYBE;
}
