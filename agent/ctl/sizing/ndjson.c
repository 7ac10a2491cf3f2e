#include "ndjson.h"

#include "gather.h"

#include "common/json.h"

#include <stdlib.h>
#include <string.h>

#define WORD_BYTES_MAX 15 /* of "application", "rdp-tunnel", … */

struct ndjson {
    struct gather *gather;
    const char *name;
    struct json_reader *reader;
    size_t line;                       /* the one being read, from 1 */
    char begun[NDJSON_LINE_BYTES_MAX]; /* what earlier bytes hold of it */
    size_t begun_bytes;
};

/* A line as it stands there. */
struct line {
    int64_t ts;
    char event[WORD_BYTES_MAX + 1], kind[WORD_BYTES_MAX + 1], route[WORD_BYTES_MAX + 1];
    char host[CONNECTION_HOST_BYTES_MAX + 1], session[CONNECTION_ID_BYTES_MAX + 1],
        user[CONNECTION_USER_BYTES_MAX + 1];
    bool admin;
    bool has_user, has_admin, has_kind, has_route;
};

#define TEXT_FIELD(member, bytes_max) \
    .name = #member, .type = JSON_TEXT, .offset = offsetof(struct line, member), .min = 1, .max = (bytes_max)

static const struct json_field fields[] = {
    {.name = "ts",
     .type = JSON_INTEGER,
     .offset = offsetof(struct line, ts),
     .max = SIZING_TIME_MS_MAX,
     .required = true},
    {TEXT_FIELD(event, WORD_BYTES_MAX), .required = true},
    {TEXT_FIELD(host, CONNECTION_HOST_BYTES_MAX), .required = true},
    {TEXT_FIELD(session, CONNECTION_ID_BYTES_MAX), .required = true},
    {TEXT_FIELD(user, CONNECTION_USER_BYTES_MAX), .present_offset = offsetof(struct line, has_user)},
    {.name = "admin",
     .type = JSON_BOOLEAN,
     .offset = offsetof(struct line, admin),
     .present_offset = offsetof(struct line, has_admin)},
    {TEXT_FIELD(kind, WORD_BYTES_MAX), .present_offset = offsetof(struct line, has_kind)},
    {TEXT_FIELD(route, WORD_BYTES_MAX), .present_offset = offsetof(struct line, has_route)},
};
static const struct json_shape shape = {fields, sizeof fields / sizeof *fields};

static bool event_type(const char *word, enum sizing_type *ret_type)
{
    static const char *const words[] = {
        [SIZING_CONNECT] = "connect", [SIZING_DISCONNECT] = "disconnect", [SIZING_LOGOFF] = "logoff"};
    for (int i = 0; i <= SIZING_LOGOFF; i++) {
        if (strcmp(word, words[i]) != 0)
            continue;
        *ret_type = (enum sizing_type)i;
        return true;
    }
    return false;
}

/* What is wrong with a line that JSON itself finds well; NULL if nothing is. */
static const char *judge(const struct line *line, struct sizing_event *ret_event)
{
    struct sizing_event event = {
        .at_ms = line->ts,
        .host = line->host,
        .session = line->session,
        .user = line->user,
        .administrator = line->admin ? ADMINISTRATOR_YES : ADMINISTRATOR_NO,
    };
    if (!event_type(line->event, &event.type))
        return "event: neither connect, disconnect nor logoff";
    if (!connection_text_valid(line->host, CONNECTION_HOST_BYTES_MAX))
        return "host: contains a control character";
    if (!connection_text_valid(line->session, CONNECTION_ID_BYTES_MAX))
        return "session: contains a control character";
    if (event.type == SIZING_CONNECT) {
        if (!line->has_user)
            return "user: missing";
        if (!line->has_admin)
            return "admin: missing";
        if (!line->has_kind)
            return "kind: missing";
        if (!line->has_route)
            return "route: missing";
    }
    if (line->has_user && !connection_text_valid(line->user, CONNECTION_USER_BYTES_MAX))
        return "user: contains a control character";
    if (line->has_kind && !connection_kind_parse(line->kind, &event.kind))
        return "kind: neither desktop nor application";
    if (line->has_route && !connection_route_parse(line->route, &event.route))
        return "route: not one of broker, rdp, rdp-tunnel, console, ssh";
    *ret_event = event;
    return NULL;
}

static bool is_blank(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

static int refuse(const struct ndjson *ndjson, int error, const char *what, struct error_detail *ret_detail)
{
    error_detail_set(ret_detail, "%s:%zu: %s", ndjson->name, ndjson->line, what);
    return error;
}

static int take_line(struct ndjson *ndjson, const char *text, size_t bytes, struct error_detail *ret_detail)
{
    struct line line = {0};
    struct error_detail detail;
    struct sizing_event event;
    if (is_blank(text, bytes))
        return 0;
    int code = json_reader_read(ndjson->reader, &shape, text, bytes, &line, &detail, NULL);
    if (code < 0)
        return refuse(ndjson, code, detail.text, ret_detail);
    const char *wrong = judge(&line, &event);
    if (wrong != NULL)
        return refuse(ndjson, ERROR_INVALID, wrong, ret_detail);
    code = gather_add(ndjson->gather, &event);
    return code < 0 ? refuse(ndjson, code, error_text(code), ret_detail) : 0;
}

static int keep_begun(struct ndjson *ndjson, const char *bytes, size_t count, struct error_detail *ret_detail)
{
    if (count > sizeof ndjson->begun - ndjson->begun_bytes) {
        struct error_detail detail;
        error_detail_set(&detail, "the line is longer than %d bytes", NDJSON_LINE_BYTES_MAX);
        return refuse(ndjson, ERROR_TOO_LARGE, detail.text, ret_detail);
    }
    memcpy(ndjson->begun + ndjson->begun_bytes, bytes, count);
    ndjson->begun_bytes += count;
    return 0;
}

int ndjson_feed(struct ndjson *ndjson, const char *bytes, size_t count, struct error_detail *ret_detail)
{
    const char *end = bytes + count, *newline;
    for (; bytes < end && (newline = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL;
         bytes = newline + 1) {
        int code = keep_begun(ndjson, bytes, (size_t)(newline - bytes), ret_detail);
        if (code == 0)
            code = take_line(ndjson, ndjson->begun, ndjson->begun_bytes, ret_detail);
        if (code < 0)
            return code;
        ndjson->begun_bytes = 0;
        ndjson->line++;
    }
    return keep_begun(ndjson, bytes, (size_t)(end - bytes), ret_detail);
}

int ndjson_end(struct ndjson *ndjson, struct error_detail *ret_detail)
{
    return take_line(ndjson, ndjson->begun, ndjson->begun_bytes, ret_detail);
}

struct ndjson *ndjson_create(struct gather *gather, const char *name)
{
    struct ndjson *ndjson = malloc(sizeof *ndjson);
    if (ndjson == NULL)
        return NULL;
    ndjson->gather = gather;
    ndjson->name = name;
    ndjson->line = 1;
    ndjson->begun_bytes = 0;
    ndjson->reader = json_reader_create();
    if (ndjson->reader != NULL)
        return ndjson;
    free(ndjson);
    return NULL;
}

void ndjson_destroy(struct ndjson *ndjson)
{
    if (ndjson == NULL)
        return;
    json_reader_destroy(ndjson->reader);
    free(ndjson);
}
