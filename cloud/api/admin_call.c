#include "cloud/api/admin_call.h"

#include "cloud/wall_clock.h"
#include "common/licence_key.h"
#include "common/rfc3339.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 24
#define DETAIL_BYTES 160

/* --- the way of a call ---------------------------------------------------------------------------------- */

static void destroy(struct admin_call *call)
{
    if (call->finish != NULL)
        call->finish(call);
    free(call->file);
    json_writer_destroy(call->answer);
    free(call);
}

static int run(struct store_job *job, struct rows *rows, struct error_detail *ret_detail)
{
    struct admin_call *call = (struct admin_call *)job;
    call->author = (struct audit_author){call->who, wall_clock_ms()};
    call->answer = json_writer_create(false);
    return call->answer != NULL ? call->action->run(call, rows, ret_detail) : ERROR_NO_MEMORY;
}

/* The sentence, with the numbers of the case. */
static const char *detail_of(const struct admin_call *call, char ret[DETAIL_BYTES])
{
    const struct admin_numbers *numbers = &call->numbers;
    const char *text = ledger_text(call->verdict);
    char time[RFC3339_BYTES];
    if (call->verdict == LEDGER_QUOTA_TOO_LARGE)
        (void)snprintf(ret, DETAIL_BYTES, "%s: %u", text, numbers->left);
    else if (call->verdict == LEDGER_BEYOND_SUBSCRIPTION)
        (void)snprintf(ret, DETAIL_BYTES, "%s: %s", text, rfc3339_format(numbers->ends_ms, time));
    else if (call->verdict == LEDGER_BELOW_PEAK)
        (void)snprintf(ret, DETAIL_BYTES,
                       "farm %s would get %u licences, less than its last reported peak of %lld; confirm it",
                       numbers->farm_id, numbers->quota, (long long)numbers->peak);
    else
        return text;
    return ret;
}

/* The same numbers for programs. */
static void write_numbers(const struct admin_call *call, struct json_writer *writer)
{
    const struct admin_numbers *numbers = &call->numbers;
    if (call->verdict == LEDGER_QUOTA_TOO_LARGE) {
        json_integer(writer, "left", numbers->left);
    } else if (call->verdict == LEDGER_BEYOND_SUBSCRIPTION) {
        json_time(writer, "subscription_expires_at", numbers->ends_ms);
    } else if (call->verdict == LEDGER_BELOW_PEAK) {
        json_text(writer, "farm_id", numbers->farm_id);
        json_integer(writer, "quota", numbers->quota);
        json_integer(writer, "peak_users", numbers->peak);
    }
}

static void answer_refusal(const struct admin_call *call)
{
    char detail[DETAIL_BYTES];
    const char *field = ledger_field(call->verdict);
    const struct api_problem problem = {ledger_http_status(call->verdict), ledger_code(call->verdict),
                                        detail_of(call, detail), field[0] != '\0' ? field : NULL};
    struct json_writer *writer = api_problem_open(&problem);
    if (writer != NULL)
        write_numbers(call, writer);
    api_problem_close(call->exchange, &problem, writer, NULL);
}

/* What is no fault of the asker's is told in the log as well, with what the ledger says to it. */
static void answer_other_refusal(const struct admin_call *call, const char *why)
{
    const struct admin_refusal *refusal = &call->refusal;
    char detail[ERROR_DETAIL_BYTES];
    if (refusal->moves_left >= 0)
        (void)snprintf(detail, sizeof detail, "%s (moves left: %d)", refusal->text, refusal->moves_left);
    else
        (void)snprintf(detail, sizeof detail, "%s", refusal->text);
    if (refusal->status >= 500)
        log_line(&call->context->log, 3, "%s%s%s", detail, why[0] != '\0' ? ": " : "", why);
    http_problem(call->exchange, refusal->status, refusal->code, detail,
                 refusal->field[0] != '\0' ? refusal->field : NULL);
}

static void answer_file(const struct admin_call *call)
{
    http_respond(call->exchange, &(struct http_reply){.status = call->status,
                                                      .content_type = "text/plain; charset=utf-8",
                                                      .body = call->file,
                                                      .body_bytes = strlen(call->file),
                                                      .extra_headers = "Cache-Control: no-store\r\n"});
}

static void answer_success(struct admin_call *call)
{
    if (call->note[0] != '\0')
        log_line(&call->context->log, 5, "%s (by %s)", call->note, call->who);
    if (call->file != NULL) {
        answer_file(call);
        return;
    }
    api_answer_json(call->exchange, call->status, json_writer_take(call->answer));
    call->answer = NULL;
}

static void finish(struct store_job *job, int error, const char *detail)
{
    struct admin_call *call = (struct admin_call *)job;
    if (call->action->done != NULL)
        call->action->done(call, error);
    if (error != 0 && call->refusal.status == 0) {
        api_store_failed(call->context, call->exchange, error, detail);
    } else if (call->verdict != LEDGER_GRANTED) {
        answer_refusal(call);
    } else if (call->refusal.status != 0) {
        answer_other_refusal(call, detail);
    } else {
        answer_success(call);
    }
    destroy(call);
}

void admin_call_begin(struct api_context *context, const struct admin_action *action, const char *who,
                      const char *name, struct http_exchange *exchange, const struct http_request *request)
{
    struct admin_call *call = calloc(1, action->call_bytes);
    if (call == NULL) {
        api_answer_json(exchange, 503, NULL);
        return;
    }
    call->job = (struct store_job){.run = run, .done = finish};
    call->action = action;
    call->context = context;
    call->exchange = exchange;
    call->verdict = LEDGER_GRANTED;
    call->status = 200;
    (void)snprintf(call->who, sizeof call->who, "%s", who);
    (void)snprintf(call->name, sizeof call->name, "%s", name);
    if ((action->read != NULL && !action->read(call, request)) || !api_submit(context, &call->job, exchange))
        destroy(call);
}

/* --- what a request says -------------------------------------------------------------------------------- */

bool admin_refuse_field(struct admin_call *call, const char *field, const char *detail)
{
    http_problem(call->exchange, 400, "invalid", detail, field);
    return false;
}

bool admin_read_body(struct admin_call *call, const struct http_request *request,
                     const struct json_shape *shape, void *ret)
{
    struct error_detail detail = {""};
    char field[JSON_PATH_BYTES] = "";
    if (json_read(shape, request->body.text, request->body.bytes, ret, &detail, field) == 0)
        return true;
    return admin_refuse_field(call, field[0] != '\0' ? field : NULL, detail.text);
}

bool admin_read_text(struct admin_call *call, const struct http_request *request, const char *name,
                     char *text, size_t bytes)
{
    char value[API_NAME_BYTES_MAX + 1];
    int found = http_query(request, name, value, bytes < sizeof value ? bytes : sizeof value);
    if (found < 0)
        return admin_refuse_field(call, name, "not a text of the allowed length, or given twice");
    if (found > 0)
        memcpy(text, value, strlen(value) + 1);
    return true;
}

static bool parse_number(const char *text, int64_t min, int64_t max, int64_t *ret)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < min || value > max)
        return false;
    *ret = value;
    return true;
}

bool admin_read_number(struct admin_call *call, const struct http_request *request, const char *name,
                       int64_t min, int64_t max, int64_t *number)
{
    char text[NUMBER_BYTES], detail[DETAIL_BYTES];
    int found = http_query(request, name, text, sizeof text);
    if (found == 0 || (found > 0 && parse_number(text, min, max, number)))
        return true;
    (void)snprintf(detail, sizeof detail, "%s: not a number from %lld to %lld", name, (long long)min,
                   (long long)max);
    return admin_refuse_field(call, name, detail);
}

bool admin_read_id(struct admin_call *call, int64_t *ret_id)
{
    if (parse_number(call->name, 1, INT64_MAX, ret_id))
        return true;
    http_problem(call->exchange, ledger_http_status(LEDGER_UNKNOWN_SUBSCRIPTION),
                 ledger_code(LEDGER_UNKNOWN_SUBSCRIPTION), ledger_text(LEDGER_UNKNOWN_SUBSCRIPTION), NULL);
    return false;
}

bool admin_read_term(struct admin_call *call, const char *text, struct term *ret)
{
    return term_parse(text, ret) ||
           admin_refuse_field(call, "term", "term: 1m, 1y, 2y, 3y, or a number of days as in 30d");
}

bool admin_read_key(struct admin_call *call, const char *text, const char *field,
                    char ret_canonical[LEDGER_KEY_BYTES_MAX + 1])
{
    char canonical[LICENCE_KEY_TEXT_BYTES];
    if (!licence_key_parse(text, canonical)) {
        http_problem(call->exchange, 400, "invalid_key", "this is no key: look for a typing error", field);
        return false;
    }
    memcpy(ret_canonical, canonical, sizeof canonical);
    return true;
}

void admin_refuse(struct admin_call *call, int status, const char *code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(call->refusal_text, sizeof call->refusal_text, format, arguments);
    va_end(arguments);
    call->refusal = (struct admin_refusal){status, code, call->refusal_text, "", -1};
}

void admin_note(struct admin_call *call, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(call->note, sizeof call->note, format, arguments);
    va_end(arguments);
}

/* --- lists ---------------------------------------------------------------------------------------------- */

bool admin_page_read(struct admin_call *call, const struct http_request *request, struct admin_page *ret)
{
    ret->limit = ADMIN_PAGE_MAX;
    return admin_read_number(call, request, "after", 0, INT64_MAX, &ret->after) &&
           admin_read_number(call, request, "limit", 1, ADMIN_PAGE_MAX, &ret->limit);
}

void admin_page_begin(struct json_writer *writer, const char *name)
{
    json_open_array(writer, name);
}

void admin_page_count(struct admin_page *page, int64_t cursor)
{
    page->count++;
    page->cursor = cursor;
}

void admin_page_end(struct json_writer *writer, const struct admin_page *page, const char *next)
{
    json_close_array(writer);
    if (page->count == page->limit)
        json_integer(writer, next, page->cursor);
    else
        json_null(writer, next);
}
