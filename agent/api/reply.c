#include "reply.h"

#include "agent/api.h"
#include "common/rfc3339.h"

#include <stdio.h>
#include <string.h>

#define TIME_PARAMETER_BYTES 64

struct json_writer *reply_open(struct http_exchange *exchange)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer)
        json_open_object(writer, NULL);
    else
        reply_no_memory(exchange);
    return writer;
}

static void close_as(struct http_exchange *exchange, struct json_writer *writer, int status,
                     const char *content_type, const char *extra_headers)
{
    struct http_reply reply = {
        .status = status, .content_type = content_type, .extra_headers = extra_headers};
    json_close_object(writer);
    if (json_writer_finish(writer, &reply.body, &reply.body_bytes) == 0)
        http_respond(exchange, &reply);
    else
        reply_no_memory(exchange);
    json_writer_destroy(writer);
}

void reply_close(struct http_exchange *exchange, struct json_writer *writer, int status)
{
    close_as(exchange, writer, status, "application/json", NULL);
}

void reply_close_problem(struct http_exchange *exchange, struct json_writer *writer, int status)
{
    close_as(exchange, writer, status, "application/problem+json", NULL);
}

void reply_no_content(struct http_exchange *exchange)
{
    http_respond(exchange, &(struct http_reply){.status = 204});
}

void reply_no_memory(struct http_exchange *exchange)
{
    http_problem(exchange, 503, "out_of_memory", "there is not enough memory for the answer", NULL);
}

void reply_invalid(struct http_exchange *exchange, const char *field, const char *detail)
{
    http_problem(exchange, 400, "invalid", detail, field && field[0] ? field : NULL);
}

/* The statuses that problems have here; NULL for any other. */
static const char *problem_title(int status)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {410, "Gone"},
        {413, "Content Too Large"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
        if (titles[i].status == status)
            return titles[i].title;
    return NULL;
}

void reply_problem_members(struct json_writer *writer, int status, const char *code, const char *detail)
{
    json_text(writer, "type", "about:blank");
    json_text(writer, "title", problem_title(status));
    json_integer(writer, "status", status);
    json_text(writer, "code", code);
    json_text(writer, "detail", detail);
}

void reply_problem_with_headers(struct http_exchange *exchange, int status, const char *code,
                                const char *detail, const char *headers)
{
    struct json_writer *writer = reply_open(exchange);
    if (!writer)
        return;
    reply_problem_members(writer, status, code, detail);
    close_as(exchange, writer, status, "application/problem+json", headers);
}

void reply_refused(struct http_exchange *exchange, const struct admission_answer *answer)
{
    char header[96];
    (void)snprintf(header, sizeof(header), "X-Farmgate-Reason: %s\r\n", answer->code);
    reply_problem_with_headers(exchange, 403, answer->code, answer->text, header);
}

/* The status may be the authority's, and so anything: what we do not know is its fault. */
void reply_outcome(struct http_exchange *exchange, const struct api_outcome *outcome)
{
    int status = problem_title(outcome->status) ? outcome->status : 502;
    struct json_writer *writer = reply_open(exchange);
    if (!writer)
        return;
    reply_problem_members(writer, status, outcome->code ? outcome->code : "failed",
                          outcome->detail ? outcome->detail : "");
    if (outcome->field)
        json_text(writer, "field", outcome->field);
    if (outcome->moves_left >= 0)
        json_integer(writer, "moves_left", outcome->moves_left);
    reply_close_problem(exchange, writer, status);
}

bool reply_text_parameter(struct http_exchange *exchange, const struct http_request *request,
                          const char *name, bool required, char *ret, size_t ret_bytes)
{
    char detail[160];
    ret[0] = '\0';
    int found = http_query(request, name, ret, ret_bytes);
    if (found < 0) {
        (void)snprintf(detail, sizeof(detail),
                       "%s: malformed, given twice, longer than %zu bytes, or with control characters", name,
                       ret_bytes - 1);
        reply_invalid(exchange, name, detail);
        return false;
    }
    if ((found == 0 && required) || (found == 1 && ret[0] == '\0')) {
        (void)snprintf(detail, sizeof(detail), found == 0 ? "%s: missing" : "%s: empty", name);
        reply_invalid(exchange, name, detail);
        return false;
    }
    return true;
}

bool reply_time_parameter(struct http_exchange *exchange, const struct http_request *request,
                          const char *name, int64_t *ret_ms)
{
    char text[TIME_PARAMETER_BYTES], detail[160];
    if (!reply_text_parameter(exchange, request, name, false, text, sizeof(text)))
        return false;
    if (text[0] == '\0' || rfc3339_parse(text, strlen(text), ret_ms))
        return true;
    (void)snprintf(detail, sizeof(detail), "%s: not a time like 2026-01-31T08:00:00Z", name);
    reply_invalid(exchange, name, detail);
    return false;
}
