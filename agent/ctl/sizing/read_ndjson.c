/* Logs in the form of `farmgate size`: one JSON object a line.
 *
 *     {"ts": Unix ms, "event": "connect"|"disconnect"|"logoff", "host": …, "session": …}
 *     and of a connect: "user", "admin": true|false, "kind": "desktop"|"application",
 *                       "route": "broker"|"rdp"|"rdp-tunnel"|"console"|"ssh"
 *
 * Blank lines and unknown fields are skipped; the last line need not end. */
#include "line_reader.h"
#include "ndjson_line.h"
#include "reader.h"

#include "common/json.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX 16384 /* without its end */

struct ndjson_reader {
    struct line_reader lines;
    struct json_reader *json;
    struct ndjson_line line;
};

static struct ndjson_reader *own(struct reader *base)
{
    return (struct ndjson_reader *)base;
}

static bool is_blank(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

/* The event of a line. ERROR_INVALID with *ret_detail; ERROR_NO_MEMORY. */
static int read_line(struct json_reader *json, const char *text, size_t bytes, struct ndjson_line *line,
                     struct sizing_event *ret_event, struct error_detail *ret_detail)
{
    bool plain = ndjson_line_quick(text, bytes, line);
    int code = plain ? 0 : ndjson_line_read(json, text, bytes, line, ret_detail);
    if (code < 0)
        return code == ERROR_NO_MEMORY ? code : ERROR_INVALID;
    const char *wrong = ndjson_line_event(line, plain, ret_event);
    if (wrong == NULL)
        return 0;
    error_detail_set(ret_detail, "%s", wrong);
    return ERROR_INVALID;
}

static int take_line(struct reader *base, const char *text, size_t bytes)
{
    struct ndjson_reader *reader = own(base);
    struct error_detail detail;
    struct sizing_event event;
    if (is_blank(text, bytes))
        return 0;
    int code = read_line(reader->json, text, bytes, &reader->line, &event, &detail);
    if (code == ERROR_NO_MEMORY)
        return code;
    if (code < 0) {
        reader_repair(base, REPAIR_NOT_UNDERSTOOD, detail.text);
        return 0;
    }
    base->understood++;
    return reader_give(base, &event);
}

/* ---- the contract -------------------------------------------------------------------------------------- */

/* A line that reads well makes it sure; where an object comes first, it may be an event whose fields are
 * wrong. */
static enum recognised recognise(const char *head, size_t bytes, bool whole)
{
    struct json_reader *json = json_reader_create();
    struct ndjson_line line;
    struct sizing_event event;
    const char *end = head + bytes, *newline;
    enum recognised sure = RECOGNISED_NO;
    bool is_first = true;
    reader_skip_mark(&head, &bytes);
    for (; json != NULL && head < end && sure != RECOGNISED_YES; head = newline + 1) {
        newline = memchr(head, '\n', (size_t)(end - head));
        bool begins = *head == '{', is_cut = newline == NULL && !whole;
        newline = newline == NULL ? end : newline;
        if (!begins) {
            is_first = is_first && is_blank(head, (size_t)(newline - head));
            continue;
        }
        if (is_first)
            sure = RECOGNISED_MAYBE;
        if (!is_cut && read_line(json, head, (size_t)(newline - head), &line, &event, NULL) == 0)
            sure = RECOGNISED_YES;
        is_first = false;
    }
    json_reader_destroy(json);
    return sure;
}

static void destroy(struct reader *base)
{
    if (base == NULL)
        return;
    struct ndjson_reader *reader = own(base);
    json_reader_destroy(reader->json);
    line_reader_finish(&reader->lines);
    free(reader);
}

static struct reader *create(const struct reader_settings *settings)
{
    struct ndjson_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    line_reader_init(&reader->lines, settings, LINE_BYTES_MAX, take_line);
    reader->json = json_reader_create();
    if (reader->json != NULL)
        return &reader->lines.base;
    destroy(&reader->lines.base);
    return NULL;
}

const struct reader_format reader_ndjson = {
    .name = "ndjson",
    .strict_order = true,
    .recognise = recognise,
    .create = create,
    .begin_file = line_reader_begin_file,
    .feed = line_reader_feed,
    .end_file = line_reader_end_file,
    .end = reader_end,
    .destroy = destroy,
};
