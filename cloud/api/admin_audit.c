#include "cloud/api/admin_audit.h"

#include "common/licence_key.h"
#include "common/rfc3339.h"

#include <string.h>

struct list_call {
    struct admin_call call;
    struct admin_page page;
    char subject[API_NAME_BYTES_MAX + 1]; /* "": all */
    int64_t since_ms;
};

static bool read_since(struct admin_call *of, const struct http_request *request, int64_t *since_ms)
{
    char text[RFC3339_BYTES + 8] = "";
    if (!admin_read_text(of, request, "since", text, sizeof text))
        return false;
    return text[0] == '\0' || rfc3339_parse(text, strlen(text), since_ms) ||
           admin_refuse_field(of, "since", "since: not a time as in 2026-01-31T08:00:00Z");
}

/* A key may be written as people write it, here too. */
static bool read_subject(struct admin_call *of, const struct http_request *request,
                         char subject[API_NAME_BYTES_MAX + 1])
{
    char canonical[LICENCE_KEY_TEXT_BYTES];
    if (!admin_read_text(of, request, "subject", subject, API_NAME_BYTES_MAX + 1))
        return false;
    if (licence_key_parse(subject, canonical))
        memcpy(subject, canonical, sizeof canonical);
    return true;
}

static bool read_list(struct admin_call *of, const struct http_request *request)
{
    struct list_call *call = (struct list_call *)of;
    return admin_page_read(of, request, &call->page) && read_subject(of, request, call->subject) &&
           read_since(of, request, &call->since_ms);
}

/* --- where a time begins -------------------------------------------------------------------------------- */

struct first_line {
    int64_t id, at_ms; /* id 0: there is none */
};

static void take_first(void *data, const struct rows_audit_line *line)
{
    *(struct first_line *)data = (struct first_line){line->id, line->at_ms};
}

/* Whether the line after `after` is there and older than since_ms. */
static int is_older(const struct list_call *call, struct rows *rows, int64_t after, bool *ret,
                    struct error_detail *ret_detail)
{
    const char *subject = call->subject[0] != '\0' ? call->subject : NULL;
    struct first_line first = {0};
    int error = rows_each_audit_line(rows, subject, after, 1, take_first, &first, ret_detail);
    *ret = first.id != 0 && first.at_ms < call->since_ms;
    return error;
}

/* Moves the cursor on to the first line of that time: lines stand in the order of time, so it is found by
 * halves, however long the log has become. */
static int skip_older(struct list_call *call, struct rows *rows, struct error_detail *ret_detail)
{
    int64_t low = call->page.after, high = low; /* what follows low is older, what follows high is not */
    bool older = false;
    int error = is_older(call, rows, low, &older, ret_detail);
    for (int64_t step = 1; error == 0 && older; step *= 2) {
        low = high;
        high += step;
        error = is_older(call, rows, high, &older, ret_detail);
    }
    while (error == 0 && high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        error = is_older(call, rows, middle, &older, ret_detail);
        *(older ? &low : &high) = middle;
    }
    call->page.after = high;
    return error;
}

/* --- the list ------------------------------------------------------------------------------------------- */

static void add_line(void *data, const struct rows_audit_line *line)
{
    struct list_call *call = data;
    struct json_writer *writer = call->call.answer;
    json_open_object(writer, NULL);
    json_integer(writer, "id", line->id);
    json_time(writer, "at", line->at_ms);
    json_text(writer, "who", line->who);
    json_text(writer, "what", line->what);
    json_text(writer, "subject", line->subject);
    json_raw(writer, "before", line->before);
    json_raw(writer, "after", line->after);
    json_close_object(writer);
    admin_page_count(&call->page, line->id);
}

static int run_list(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    struct list_call *call = (struct list_call *)of;
    int error = skip_older(call, rows, ret_detail);
    if (error != 0)
        return error;
    json_open_object(of->answer, NULL);
    admin_page_begin(of->answer, "audit");
    error = rows_each_audit_line(rows, call->subject[0] != '\0' ? call->subject : NULL, call->page.after,
                                 call->page.limit, add_line, call, ret_detail);
    admin_page_end(of->answer, &call->page, "next");
    json_close_object(of->answer);
    return error;
}

const struct admin_action admin_audit_list = {sizeof(struct list_call), read_list, run_list, NULL};
