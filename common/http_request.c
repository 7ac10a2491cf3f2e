#include "http_internal.h"

#include "error.h"
#include "utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- exchanges and their arena --- */

struct http_exchange *http_exchange_begin(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_exchange *exchange = server->free_exchanges;
    if (exchange) {
        server->free_exchanges = exchange->next_free;
        server->free_count--;
    } else {
        exchange = malloc(sizeof *exchange);
        if (!exchange)
            return NULL;
        exchange->body = NULL;
        exchange->body_room = 0;
    }
    exchange->connection = connection;
    exchange->next_free = NULL;
    exchange->request = (struct http_request){.listener_data = connection->listener_data};
    exchange->handed = false;
    exchange->lines = NULL;
    exchange->lines_dropped = false;
    exchange->header_open = false;
    exchange->header_count = 0;
    exchange->body_bytes = 0;
    exchange->target_bytes = 0;
    exchange->arena = exchange->first;
    exchange->arena_bytes = 0;
    exchange->arena_room = sizeof exchange->first;
    return exchange;
}

void http_exchange_end(struct http_exchange *exchange)
{
    if (exchange->arena != exchange->first)
        free(exchange->arena);
    if (exchange->body_room > HTTP_BODY_KEPT_BYTES) {
        free(exchange->body);
        exchange->body = NULL;
        exchange->body_room = 0;
    }
    struct http_server *server = exchange->connection ? exchange->connection->server : NULL;
    if (!server || server->free_count >= HTTP_EXCHANGES_KEPT) {
        free(exchange->body);
        free(exchange);
        return;
    }
    exchange->next_free = server->free_exchanges;
    server->free_exchanges = exchange;
    server->free_count++;
}

void http_exchange_orphan(struct http_exchange *exchange)
{
    memcpy(exchange->peer, exchange->connection->peer, sizeof exchange->peer);
    exchange->connection = NULL;
}

/* Room for `bytes` more. The head's limit bounds it: doubling from 1.5 KiB ends soon after 8 KiB. */
static int grow_arena(struct http_exchange *exchange, size_t bytes)
{
    size_t need = exchange->arena_bytes + bytes;
    if (need <= exchange->arena_room)
        return 0;
    size_t room = exchange->arena_room * 2;
    while (room < need)
        room *= 2;
    char *larger = malloc(room);
    if (!larger)
        return ERROR_NO_MEMORY;
    memcpy(larger, exchange->arena, exchange->arena_bytes);
    if (exchange->arena != exchange->first)
        free(exchange->arena);
    exchange->arena = larger;
    exchange->arena_room = room;
    return 0;
}

static int add_text(struct http_exchange *exchange, const char *at, size_t bytes)
{
    int error = grow_arena(exchange, bytes);
    if (error)
        return error;
    memcpy(exchange->arena + exchange->arena_bytes, at, bytes);
    exchange->arena_bytes += bytes;
    return 0;
}

int http_exchange_add_target(struct http_exchange *exchange, const char *at, size_t bytes)
{
    int error = add_text(exchange, at, bytes);
    if (!error)
        exchange->target_bytes += bytes;
    return error;
}

/* A header's name begins: the target before it is whole, and gets its NUL. */
static int open_header(struct http_exchange *exchange)
{
    if (exchange->header_count == HTTP_HEADERS_MAX)
        return ERROR_TOO_LARGE;
    if (exchange->header_count == 0) {
        int error = add_text(exchange, "", 1);
        if (error)
            return error;
    }
    exchange->headers[exchange->header_count] = (struct http_header_line){
        .name = (uint32_t)exchange->arena_bytes,
    };
    exchange->header_count++;
    exchange->header_open = true;
    return 0;
}

int http_exchange_add_name(struct http_exchange *exchange, const char *at, size_t bytes)
{
    int error = exchange->header_open ? 0 : open_header(exchange);
    if (error)
        return error;
    size_t start = exchange->arena_bytes;
    error = add_text(exchange, at, bytes);
    if (error)
        return error;
    for (size_t i = start; i < exchange->arena_bytes; i++) {
        if (exchange->arena[i] == ' ') /* which llhttp lets pass, even before the colon */
            return ERROR_INVALID;
        exchange->arena[i] = (char)tolower((unsigned char)exchange->arena[i]);
    }
    struct http_header_line *line = &exchange->headers[exchange->header_count - 1];
    line->name_bytes += (uint32_t)bytes;
    line->value = (uint32_t)exchange->arena_bytes;
    return 0;
}

int http_exchange_add_value(struct http_exchange *exchange, const char *at, size_t bytes)
{
    int error = add_text(exchange, at, bytes);
    if (!error)
        exchange->headers[exchange->header_count - 1].value_bytes += (uint32_t)bytes;
    return error;
}

void http_exchange_end_value(struct http_exchange *exchange)
{
    struct http_header_line *line = &exchange->headers[exchange->header_count - 1];
    const char *value = exchange->arena + line->value;
    while (line->value_bytes > 0 &&
           (value[line->value_bytes - 1] == ' ' || value[line->value_bytes - 1] == '\t'))
        line->value_bytes--;
    exchange->header_open = false;
}

int http_exchange_add_body(struct http_exchange *exchange, const char *at, size_t bytes, size_t bytes_max)
{
    if (bytes > bytes_max - exchange->body_bytes)
        return ERROR_TOO_LARGE;
    size_t need = exchange->body_bytes + bytes;
    if (need > exchange->body_room) {
        size_t room = exchange->body_room ? exchange->body_room : HTTP_BODY_KEPT_BYTES / 4;
        while (room < need)
            room *= 2;
        char *larger = realloc(exchange->body, room);
        if (!larger)
            return ERROR_NO_MEMORY;
        exchange->body = larger;
        exchange->body_room = room;
    }
    memcpy(exchange->body + exchange->body_bytes, at, bytes);
    exchange->body_bytes = need;
    return 0;
}

/* --- texts --- */

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* Percent-decodes into ret, which may be `text` itself, with a NUL behind. */
static int decode(const char *text, size_t bytes, bool plus_is_space, char *ret, size_t room,
                  size_t *ret_bytes)
{
    size_t used = 0;
    for (size_t i = 0; i < bytes; i++) {
        char byte = text[i];
        if (byte == '%') {
            int high = i + 2 < bytes ? hex_digit(text[i + 1]) : -1;
            int low = i + 2 < bytes ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return ERROR_INVALID;
            byte = (char)(high * 16 + low);
            i += 2;
        } else if (byte == '+' && plus_is_space) {
            byte = ' ';
        }
        if (byte == '\0')
            return ERROR_INVALID;
        if (used + 1 >= room)
            return ERROR_TOO_LARGE;
        ret[used++] = byte;
    }
    ret[used] = '\0';
    *ret_bytes = used;
    return utf8_valid(ret, used) ? 0 : ERROR_INVALID;
}

/* --- the head --- */

static const struct http_header_line *find_header(const struct http_exchange *exchange, const char *name,
                                                  unsigned *ret_count)
{
    size_t bytes = strlen(name);
    const struct http_header_line *found = NULL;
    *ret_count = 0;
    for (unsigned i = 0; i < exchange->header_count; i++) {
        const struct http_header_line *line = &exchange->headers[i];
        if (line->name_bytes == bytes && memcmp(exchange->arena + line->name, name, bytes) == 0) {
            found = line;
            ++*ret_count;
        }
    }
    return found;
}

bool http_header(const struct http_exchange *exchange, const char *name, struct http_text *ret)
{
    unsigned count = 0;
    const struct http_header_line *line = find_header(exchange, name, &count);
    if (line)
        *ret = (struct http_text){exchange->arena + line->value, line->value_bytes};
    return line != NULL;
}

bool http_body_follows(const struct http_exchange *exchange)
{
    return exchange->connection && !exchange->connection->complete;
}

const char *http_peer(const struct http_exchange *exchange)
{
    return exchange->connection ? exchange->connection->peer : exchange->peer;
}

/* Where the first %2F of a path is going to be when that is decoded in its place; NULL: there is none. */
static const char *find_encoded_slash(const char *path, size_t bytes)
{
    size_t decoded = 0;
    for (size_t i = 0; i < bytes; i++, decoded++) {
        if (path[i] != '%')
            continue;
        if (bytes - i > 2 && strncasecmp(path + i, "%2F", 3) == 0)
            return path + decoded;
        i += 2;
    }
    return NULL;
}

/* "/path?query", or the same behind "http://host", which proxies may send. */
static int take_target(struct http_exchange *exchange)
{
    char *at = exchange->arena;
    char *end = at + exchange->target_bytes;
    if (exchange->target_bytes > 7 && strncasecmp(at, "http://", 7) == 0) {
        at += 7;
        while (at < end && *at != '/' && *at != '?')
            at++;
    } else if (at == end || *at != '/') {
        return ERROR_INVALID;
    }
    if (memchr(at, '#', (size_t)(end - at)))
        return ERROR_INVALID;
    char *mark = memchr(at, '?', (size_t)(end - at));
    exchange->request.query = mark ? mark + 1 : end;
    size_t path_bytes = (size_t)((mark ? mark : end) - at);
    if (path_bytes == 0) {
        exchange->request.path = "/";
        return 0;
    }
    exchange->request.path = at;
    exchange->request.encoded_slash = find_encoded_slash(at, path_bytes);
    return decode(at, path_bytes, false, at, path_bytes + 1, &path_bytes);
}

static bool text_is(const struct http_exchange *exchange, const struct http_header_line *line,
                    const char *lower)
{
    return line->value_bytes == strlen(lower) &&
           strncasecmp(exchange->arena + line->value, lower, line->value_bytes) == 0;
}

static int refuse(int status, const char *detail, const char **ret_detail)
{
    *ret_detail = detail;
    return status;
}

/* Headers that mean something else to different readers when given twice. */
static bool singles_are_single(const struct http_exchange *exchange)
{
    static const char *const singles[] = {"host",         "authorization", "content-length",
                                          "content-type", "expect",        "last-event-id"};
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++) {
        unsigned count = 0;
        (void)find_header(exchange, singles[i], &count);
        if (count > 1)
            return false;
    }
    return true;
}

int http_exchange_check_head(struct http_exchange *exchange, const llhttp_t *parser, const char **ret_detail)
{
    bool is_1_1 = parser->http_major == 1 && parser->http_minor == 1;
    unsigned count = 0;
    if (exchange->header_count == 0 && add_text(exchange, "", 1))
        return refuse(503, "out of memory", ret_detail);
    exchange->request.method = llhttp_method_name((llhttp_method_t)parser->method);
    exchange->request.body = (struct http_text){"", 0};
    exchange->is_head = parser->method == HTTP_HEAD;
    exchange->chunked_ok = is_1_1;
    exchange->keep_alive = llhttp_should_keep_alive(parser);
    exchange->expects = false;

    if (parser->http_major != 1)
        return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken", ret_detail);
    if (take_target(exchange))
        return refuse(400, "the target is not a valid path", ret_detail);
    if (!singles_are_single(exchange))
        return refuse(400, "a header is given twice", ret_detail);
    if (is_1_1 && !find_header(exchange, "host", &count))
        return refuse(400, "the Host header is missing", ret_detail);
    const struct http_header_line *coding = find_header(exchange, "transfer-encoding", &count);
    if (coding && (!is_1_1 || count > 1))
        return refuse(400, "Transfer-Encoding is not valid here", ret_detail);
    if (coding && !text_is(exchange, coding, "chunked"))
        return refuse(501, "only the transfer coding chunked is known", ret_detail);
    const struct http_header_line *expect = find_header(exchange, "expect", &count);
    if (expect && !text_is(exchange, expect, "100-continue"))
        return refuse(417, "only 100-continue can be expected", ret_detail);
    exchange->expects = expect && is_1_1;
    return 0;
}

/* --- the query --- */

static bool has_control(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return true;
    return false;
}

int http_query(const struct http_request *request, const char *name, char *ret, size_t ret_bytes)
{
    size_t name_bytes = strlen(name);
    const char *value = NULL, *value_end = NULL;
    for (const char *at = request->query; *at;) {
        const char *end = strchrnul(at, '&');
        if ((size_t)(end - at) > name_bytes && at[name_bytes] == '=' && memcmp(at, name, name_bytes) == 0) {
            if (value)
                return ERROR_INVALID;
            value = at + name_bytes + 1;
            value_end = end;
        }
        at = *end ? end + 1 : end;
    }
    if (!value)
        return 0;
    size_t bytes = 0;
    int error = decode(value, (size_t)(value_end - value), true, ret, ret_bytes, &bytes);
    if (error)
        return error;
    return has_control(ret, bytes) ? ERROR_INVALID : 1;
}
