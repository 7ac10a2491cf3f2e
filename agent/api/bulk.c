/* POST /v1/connections: changes as NDJSON. Lines are applied in their order; the name service is asked for
 * many of them at once. At most BULK_OPEN_MAX lines are under way, then the client is held back. */
#include "change.h"
#include "reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BULK_OPEN_MAX     256 /* lines read but not yet durable */
#define BULK_RESUME_AT    128
#define BULK_FAILURES_MAX 100 /* told one by one; the rest is counted */

struct bulk;

struct bulk_line {
    struct bulk *bulk;
    struct bulk_line *next;
    uint64_t number;
    bool ready; /* the administrator flag is told or asked for */
    struct put put;
};

struct bulk_failure {
    struct bulk_failure *next;
    uint64_t line;
    char code[48];
    struct put_fault fault;
};

struct bulk {
    struct call call;
    struct http_body_lines lines;
    struct json_reader *reader;
    uint64_t line_number, accepted, failed;
    struct bulk_line *first, **last; /* read, not yet handed to the agent */
    unsigned open;                   /* of those and of those handed on: not yet done */
    struct bulk_failure *failures, **failures_last;
    unsigned failures_kept;
    bool paused, in_body, too_long, unavailable;
    unsigned busy; /* our own calls on the stack that may not be pulled from under us */
};

static void bulk_destroy(struct bulk *bulk)
{
    for (struct bulk_failure *failure = bulk->failures, *next; failure; failure = next) {
        next = failure->next;
        free(failure);
    }
    json_reader_destroy(bulk->reader);
    call_end(&bulk->call);
}

static void note_failure(struct bulk *bulk, uint64_t line, const char *code, const char *field,
                         const char *detail)
{
    struct bulk_failure *failure = NULL;
    bulk->failed++;
    if (bulk->failures_kept < BULK_FAILURES_MAX)
        failure = calloc(1, sizeof(*failure));
    if (!failure)
        return;
    failure->line = line;
    (void)snprintf(failure->code, sizeof(failure->code), "%s", code);
    (void)snprintf(failure->fault.field, sizeof(failure->fault.field), "%s", field);
    error_detail_set(&failure->fault.detail, "%s", detail);
    *bulk->failures_last = failure;
    bulk->failures_last = &failure->next;
    bulk->failures_kept++;
}

/* --- the answer ----------------------------------------------------------------------------- */

static int by_line(const void *left, const void *right)
{
    uint64_t left_line = (*(struct bulk_failure *const *)left)->line;
    uint64_t right_line = (*(struct bulk_failure *const *)right)->line;
    return left_line < right_line ? -1 : left_line > right_line;
}

static void write_failures(struct json_writer *writer, const struct bulk *bulk)
{
    struct bulk_failure *sorted[BULK_FAILURES_MAX];
    size_t count = 0;
    for (struct bulk_failure *failure = bulk->failures; failure; failure = failure->next)
        sorted[count++] = failure;
    qsort(sorted, count, sizeof(sorted[0]), by_line);
    json_integer(writer, "accepted", (int64_t)bulk->accepted);
    json_integer(writer, "failed", (int64_t)bulk->failed);
    json_open_array(writer, "failures");
    for (size_t i = 0; i < count; i++) {
        json_open_object(writer, NULL);
        json_integer(writer, "line", (int64_t)sorted[i]->line);
        json_text(writer, "code", sorted[i]->code);
        json_text(writer, "detail", sorted[i]->fault.detail.text);
        if (sorted[i]->fault.field[0])
            json_text(writer, "field", sorted[i]->fault.field);
        json_close_object(writer);
    }
    json_close_array(writer);
}

static void answer(struct bulk *bulk)
{
    struct http_exchange *exchange = bulk->call.exchange;
    struct json_writer *writer = reply_open(exchange);
    if (!writer)
        return;
    int status = bulk->unavailable ? 503 : bulk->too_long ? 413 : 200;
    if (status == 503)
        reply_problem_members(writer, status, "store_unavailable",
                              "some lines could not be written; send them all again");
    if (status == 413)
        reply_problem_members(writer, status, "line_too_long", "a line is longer than 16 KiB");
    write_failures(writer, bulk);
    if (status == 200)
        reply_close(exchange, writer, status);
    else
        reply_close_problem(exchange, writer, status);
}

/* Answers once the body has ended and every line is done. */
static void finish_if_done(struct bulk *bulk)
{
    if (bulk->busy > 0 || bulk->open > 0 || (bulk->in_body && bulk->call.exchange))
        return;
    if (bulk->call.exchange)
        answer(bulk);
    bulk_destroy(bulk);
}

/* --- lines under way ------------------------------------------------------------------------ */

static void line_done(struct bulk_line *line)
{
    struct bulk *bulk = line->bulk;
    free(line);
    bulk->open--;
    if (bulk->paused && bulk->open <= BULK_RESUME_AT && bulk->call.exchange) {
        bulk->paused = false;
        bulk->busy++;
        http_lines_resume(bulk->call.exchange);
        bulk->busy--;
    }
    finish_if_done(bulk);
}

static void line_changed(void *data, const struct api_outcome *outcome)
{
    struct bulk_line *line = data;
    struct bulk *bulk = line->bulk;
    bool ended_before = line->put.event == PUT_EVENT_END && outcome->status == 404;
    if (outcome->status < 400 || ended_before)
        bulk->accepted++;
    else
        note_failure(bulk, line->number, outcome->code ? outcome->code : "failed", "",
                     outcome->detail ? outcome->detail : "");
    bulk->unavailable |= outcome->status == 503;
    line_done(line);
}

static void hand_on(struct bulk_line *line)
{
    struct api *api = line->bulk->call.api;
    struct core_event event;
    if (line->put.event == PUT_EVENT_END) {
        event = (struct core_event){.type = EVENT_BROKER_END,
                                    .end = {.host = line->put.host, .id = line->put.id}};
    } else {
        event =
            (struct core_event){.type = EVENT_BROKER_PUT, .put = put_connection(&line->put, line->put.host)};
    }
    api->agent.change(api->agent.agent, &event, line_changed, line);
}

/* Hands on, in order, what is ready. */
static void pump(struct bulk *bulk)
{
    bulk->busy++;
    while (bulk->first && bulk->first->ready) {
        struct bulk_line *line = bulk->first;
        bulk->first = line->next;
        if (!bulk->first)
            bulk->last = &bulk->first;
        if (!bulk->call.api->closed_told)
            hand_on(line);
        else
            line_done(line);
    }
    bulk->busy--;
    finish_if_done(bulk);
}

static void line_account_known(void *data, const struct account *account)
{
    struct bulk_line *line = data;
    if (!line->bulk->call.api->closed_told)
        change_account(line->bulk->call.api, &line->put, account);
    line->ready = true;
    if (line->bulk->busy == 0)
        pump(line->bulk);
}

/* --- the body ------------------------------------------------------------------------------- */

static bool is_blank(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (!strchr(" \t\r", text[i]))
            return false;
    return true;
}

static void take_line(struct bulk *bulk, const char *text, size_t bytes)
{
    struct put_fault fault = {0};
    struct bulk_line *line = calloc(1, sizeof(*line));
    int error = line ? put_read_line(bulk->reader, text, bytes, &line->put, &fault) : ERROR_NO_MEMORY;
    if (error == ERROR_NO_MEMORY) {
        bulk->unavailable = true;
        note_failure(bulk, bulk->line_number, "out_of_memory", "", "not enough memory for the line");
    } else if (error) {
        note_failure(bulk, bulk->line_number, "invalid", fault.field, fault.detail.text);
    }
    if (error) {
        free(line);
        return;
    }
    line->bulk = bulk;
    line->number = bulk->line_number;
    *bulk->last = line;
    bulk->last = &line->next;
    bulk->open++;
    struct api *api = bulk->call.api;
    line->ready = line->put.event == PUT_EVENT_END || line->put.administrator != PUT_ADMINISTRATOR_UNTOLD;
    if (!line->ready)
        accounts_ask(api->agent.accounts(api->agent.agent), line->put.user, API_LOOKUP_MS, line_account_known,
                     line);
}

static void on_line(void *data, struct http_exchange *exchange, const char *text, size_t bytes)
{
    struct bulk *bulk = data;
    bulk->line_number++;
    bulk->busy++;
    if (!is_blank(text, bytes))
        take_line(bulk, text, bytes);
    bulk->busy--;
    if (bulk->open >= BULK_OPEN_MAX && !bulk->paused) {
        bulk->paused = true;
        http_lines_pause(exchange);
    }
    pump(bulk);
}

static void body_ended(struct bulk *bulk)
{
    bulk->in_body = false;
    finish_if_done(bulk);
}

static void on_end(void *data, struct http_exchange *exchange)
{
    (void)exchange;
    body_ended(data);
}

static void on_too_long(void *data, struct http_exchange *exchange)
{
    struct bulk *bulk = data;
    (void)exchange;
    bulk->too_long = true;
    note_failure(bulk, bulk->line_number + 1, "line_too_long", "",
                 "longer than 16 KiB; the rest was not read");
    body_ended(bulk);
}

static void on_gone(void *data)
{
    struct bulk *bulk = data;
    bulk->call.exchange = NULL; /* it is dead; what was taken is done all the same */
    body_ended(bulk);
}

const struct http_body_lines *bulk_begin(struct api *api, struct http_exchange *exchange)
{
    struct bulk *bulk = call_begin(api, exchange, sizeof(*bulk));
    if (!bulk)
        return NULL;
    bulk->reader = json_reader_create();
    if (!bulk->reader) {
        reply_no_memory(exchange);
        bulk_destroy(bulk);
        return NULL;
    }
    bulk->last = &bulk->first;
    bulk->failures_last = &bulk->failures;
    bulk->in_body = true;
    bulk->lines = (struct http_body_lines){
        .on_line = on_line, .on_end = on_end, .on_too_long = on_too_long, .on_gone = on_gone, .data = bulk};
    return &bulk->lines;
}
