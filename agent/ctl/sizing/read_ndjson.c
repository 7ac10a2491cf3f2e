/* Logs in the form of `farmgate size`: one JSON object a line.
 *
 *     {"ts": Unix ms, "event": "connect"|"disconnect"|"logoff", "host": …, "session": …}
 *     and of a connect: "user", "admin": true|false, "kind": "desktop"|"application",
 *                       "route": "broker"|"rdp"|"rdp-tunnel"|"console"|"ssh"
 *
 * Blank lines and unknown fields are skipped; the last line need not end. */
#include "lines.h"
#include "ndjson_line.h"
#include "reader.h"

#include "common/json.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX 16384 /* without its end */

static const char byte_order_mark[] = "\xef\xbb\xbf";

struct reader {
    struct reader_sink sink;
    const char *file;
    struct lines lines;
    struct json_reader *json;
    struct ndjson_line line;
    uint64_t understood;
};

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

static void skip_mark(uint64_t number, const char **text, size_t *bytes)
{
    size_t mark_bytes = sizeof byte_order_mark - 1;
    if (number != 1 || *bytes < mark_bytes || memcmp(*text, byte_order_mark, mark_bytes) != 0)
        return;
    *text += mark_bytes;
    *bytes -= mark_bytes;
}

static int take_line(void *data, const char *text, size_t bytes)
{
    struct reader *reader = data;
    struct error_detail detail;
    struct sizing_event event;
    skip_mark(reader->lines.number, &text, &bytes);
    if (is_blank(text, bytes))
        return 0;
    int code = read_line(reader->json, text, bytes, &reader->line, &event, &detail);
    if (code == ERROR_NO_MEMORY)
        return code;
    if (code < 0) {
        repair_line(reader->sink.repairs, REPAIR_NOT_UNDERSTOOD, reader->file, reader->lines.number,
                    detail.text);
        return 0;
    }
    reader->understood++;
    return reader->sink.take(reader->sink.data, &event);
}

static void too_long(void *data)
{
    struct reader *reader = data;
    struct error_detail detail;
    error_detail_set(&detail, "longer than %d bytes", LINE_BYTES_MAX);
    repair_line(reader->sink.repairs, REPAIR_TOO_LONG, reader->file, reader->lines.number, detail.text);
}

/* ---- the contract -------------------------------------------------------------------------------------- */

/* A line that reads well makes it sure; where an object comes first, it may be an event whose fields are
 * wrong. */
static enum recognised ndjson_recognise(const char *head, size_t bytes, bool whole)
{
    struct json_reader *json = json_reader_create();
    struct ndjson_line line;
    struct sizing_event event;
    const char *end = head + bytes, *newline;
    enum recognised sure = RECOGNISED_NO;
    bool is_first = true;
    skip_mark(1, &head, &bytes);
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

static void ndjson_destroy(struct reader *reader)
{
    if (reader == NULL)
        return;
    lines_finish(&reader->lines);
    json_reader_destroy(reader->json);
    free(reader);
}

static struct reader *ndjson_create(const struct reader_settings *settings)
{
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    struct lines_settings lines = {
        .bytes_max = LINE_BYTES_MAX, .take = take_line, .too_long = too_long, .data = reader};
    reader->sink = settings->sink;
    lines_init(&reader->lines, &lines);
    reader->json = json_reader_create();
    if (reader->json != NULL)
        return reader;
    ndjson_destroy(reader);
    return NULL;
}

static int ndjson_begin_file(struct reader *reader, const char *file)
{
    reader->file = file;
    lines_begin(&reader->lines);
    return 0;
}

static int ndjson_feed(struct reader *reader, const char *bytes, size_t count)
{
    return lines_feed(&reader->lines, bytes, count);
}

static int ndjson_end_file(struct reader *reader)
{
    return lines_end(&reader->lines);
}

static int ndjson_end(struct reader *reader)
{
    (void)reader;
    return 0;
}

static uint64_t ndjson_understood(const struct reader *reader)
{
    return reader->understood;
}

static uint64_t ndjson_place(const struct reader *reader)
{
    return reader->lines.number;
}

const struct reader_format reader_ndjson = {
    .name = "ndjson",
    .strict_order = true,
    .recognise = ndjson_recognise,
    .create = ndjson_create,
    .begin_file = ndjson_begin_file,
    .feed = ndjson_feed,
    .end_file = ndjson_end_file,
    .end = ndjson_end,
    .destroy = ndjson_destroy,
    .understood = ndjson_understood,
    .place = ndjson_place,
    .place_is_line = true,
};
