#include "ndjson_line.h"

#include "common/json.h"

#include <string.h>

/* ---- any line ------------------------------------------------------------------------------------------ */

#define TEXT_FIELD(member, bytes_max)                                                             \
    .name = #member, .type = JSON_TEXT, .offset = offsetof(struct ndjson_line, member), .min = 1, \
    .max = (bytes_max)

static const struct json_field fields[] = {
    {.name = "ts",
     .type = JSON_INTEGER,
     .offset = offsetof(struct ndjson_line, ts),
     .max = SIZING_TIME_MS_MAX,
     .required = true},
    {TEXT_FIELD(event, NDJSON_WORD_BYTES_MAX), .required = true},
    {TEXT_FIELD(host, CONNECTION_HOST_BYTES_MAX), .required = true},
    {TEXT_FIELD(session, CONNECTION_ID_BYTES_MAX), .required = true},
    {TEXT_FIELD(user, CONNECTION_USER_BYTES_MAX), .present_offset = offsetof(struct ndjson_line, has_user)},
    {.name = "admin",
     .type = JSON_BOOLEAN,
     .offset = offsetof(struct ndjson_line, admin),
     .present_offset = offsetof(struct ndjson_line, has_admin)},
    {TEXT_FIELD(kind, NDJSON_WORD_BYTES_MAX), .present_offset = offsetof(struct ndjson_line, has_kind)},
    {TEXT_FIELD(route, NDJSON_WORD_BYTES_MAX), .present_offset = offsetof(struct ndjson_line, has_route)},
};
static const struct json_shape shape = {fields, sizeof fields / sizeof *fields};

/* What is not told is false or empty; the texts need not be cleared byte by byte for that. */
static void clear(struct ndjson_line *line)
{
    line->ts = 0;
    line->admin = line->has_user = line->has_admin = line->has_kind = line->has_route = false;
    line->event[0] = line->kind[0] = line->route[0] = '\0';
    line->host[0] = line->session[0] = line->user[0] = '\0';
}

int ndjson_line_read(struct json_reader *reader, const char *text, size_t bytes, struct ndjson_line *line,
                     struct error_detail *ret_detail)
{
    clear(line);
    return json_reader_read(reader, &shape, text, bytes, line, ret_detail, NULL);
}

/* ---- the usual line ------------------------------------------------------------------------------------ */

struct cursor {
    const char *at, *end;
};

static void skip_blanks(struct cursor *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\t'))
        cursor->at++;
}

static bool take(struct cursor *cursor, char wanted)
{
    skip_blanks(cursor);
    if (cursor->at == cursor->end || *cursor->at != wanted)
        return false;
    cursor->at++;
    return true;
}

/* Plain ASCII but for '"' and '\'. */
static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static bool take_text(struct cursor *cursor, const char **ret_text, size_t *ret_bytes)
{
    if (!take(cursor, '"'))
        return false;
    const char *text = cursor->at;
    while (cursor->at < cursor->end && is_plain(*cursor->at))
        cursor->at++;
    if (cursor->at == cursor->end || *cursor->at != '"')
        return false;
    *ret_text = text;
    *ret_bytes = (size_t)(cursor->at++ - text);
    return true;
}

static bool take_value(struct cursor *cursor, char *to, size_t bytes_max)
{
    const char *text;
    size_t bytes;
    if (!take_text(cursor, &text, &bytes) || bytes == 0 || bytes > bytes_max)
        return false;
    memcpy(to, text, bytes);
    to[bytes] = '\0';
    return true;
}

static bool take_time(struct cursor *cursor, int64_t *ret)
{
    skip_blanks(cursor);
    const char *first = cursor->at;
    int64_t value = 0;
    for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++)
        if (cursor->at - first < 16)
            value = value * 10 + (*cursor->at - '0');
    size_t digits = (size_t)(cursor->at - first);
    if (digits == 0 || digits > 15 || (digits > 1 && *first == '0') || value > SIZING_TIME_MS_MAX)
        return false;
    *ret = value;
    return true;
}

static bool take_boolean(struct cursor *cursor, bool *ret)
{
    static const char *const words[] = {"false", "true"};
    skip_blanks(cursor);
    for (int i = 0; i < 2; i++) {
        size_t bytes = strlen(words[i]);
        if ((size_t)(cursor->end - cursor->at) < bytes || memcmp(cursor->at, words[i], bytes) != 0)
            continue;
        cursor->at += bytes;
        *ret = i == 1;
        return true;
    }
    return false;
}

enum { SEEN_TS = 1, SEEN_EVENT = 2, SEEN_HOST = 4, SEEN_SESSION = 8, SEEN_REQUIRED = 15 };

static bool is_new(unsigned *seen, unsigned bit)
{
    bool is = (*seen & bit) == 0;
    *seen |= bit;
    return is;
}

static bool is_new_field(bool *has)
{
    bool is = !*has;
    *has = true;
    return is;
}

#define IS_NAME(literal) (bytes == sizeof(literal) - 1 && memcmp(name, literal, sizeof(literal) - 1) == 0)

static bool take_field(struct cursor *cursor, struct ndjson_line *line, unsigned *seen)
{
    const char *name;
    size_t bytes;
    if (!take_text(cursor, &name, &bytes) || !take(cursor, ':'))
        return false;
    if (IS_NAME("ts"))
        return is_new(seen, SEEN_TS) && take_time(cursor, &line->ts);
    if (IS_NAME("event"))
        return is_new(seen, SEEN_EVENT) && take_value(cursor, line->event, NDJSON_WORD_BYTES_MAX);
    if (IS_NAME("host"))
        return is_new(seen, SEEN_HOST) && take_value(cursor, line->host, CONNECTION_HOST_BYTES_MAX);
    if (IS_NAME("session"))
        return is_new(seen, SEEN_SESSION) && take_value(cursor, line->session, CONNECTION_ID_BYTES_MAX);
    if (IS_NAME("user"))
        return is_new_field(&line->has_user) && take_value(cursor, line->user, CONNECTION_USER_BYTES_MAX);
    if (IS_NAME("admin"))
        return is_new_field(&line->has_admin) && take_boolean(cursor, &line->admin);
    if (IS_NAME("kind"))
        return is_new_field(&line->has_kind) && take_value(cursor, line->kind, NDJSON_WORD_BYTES_MAX);
    if (IS_NAME("route"))
        return is_new_field(&line->has_route) && take_value(cursor, line->route, NDJSON_WORD_BYTES_MAX);
    return false;
}

bool ndjson_line_quick(const char *text, size_t bytes, struct ndjson_line *line)
{
    struct cursor cursor = {text, text + bytes};
    unsigned seen = 0;
    clear(line);
    if (!take(&cursor, '{'))
        return false;
    do {
        if (!take_field(&cursor, line, &seen))
            return false;
    } while (take(&cursor, ','));
    if (!take(&cursor, '}') || seen != SEEN_REQUIRED)
        return false;
    skip_blanks(&cursor);
    return cursor.at == cursor.end;
}

/* ---- its event ----------------------------------------------------------------------------------------- */

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

static const char *missing_of_connect(const struct ndjson_line *line)
{
    if (!line->has_user)
        return "user: missing";
    if (!line->has_admin)
        return "admin: missing";
    if (!line->has_kind)
        return "kind: missing";
    return line->has_route ? NULL : "route: missing";
}

const char *ndjson_line_event(const struct ndjson_line *line, bool plain, struct sizing_event *ret_event)
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
    if (!plain && !connection_text_valid(line->host, CONNECTION_HOST_BYTES_MAX))
        return "host: contains a control character";
    if (!plain && !connection_text_valid(line->session, CONNECTION_ID_BYTES_MAX))
        return "session: contains a control character";
    const char *missing = event.type == SIZING_CONNECT ? missing_of_connect(line) : NULL;
    if (missing != NULL)
        return missing;
    if (!plain && line->has_user && !connection_text_valid(line->user, CONNECTION_USER_BYTES_MAX))
        return "user: contains a control character";
    if (line->has_kind && !connection_kind_parse(line->kind, &event.kind))
        return "kind: neither desktop nor application";
    if (line->has_route && !connection_route_parse(line->route, &event.route))
        return "route: not one of broker, rdp, rdp-tunnel, console, ssh";
    *ret_event = event;
    return NULL;
}
