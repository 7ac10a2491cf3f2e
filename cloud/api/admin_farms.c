#include "cloud/api/admin_farms.h"

#include "cloud/ledger/calendar.h"
#include "common/rfc3339.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DAY_BYTES    10 /* of an RFC 3339 text, to its day */

/* --- as JSON -------------------------------------------------------------------------------------------- */

static void write_fields(struct json_writer *writer, const struct rows_farm_line *line)
{
    const struct farm *farm = &line->farm;
    const struct usage_totals *totals = &line->totals;
    json_text(writer, "farm_id", farm->id);
    json_text(writer, "key", line->key[0] != '\0' ? line->key : NULL);
    if (line->subscription_id != 0)
        json_integer(writer, "subscription_id", line->subscription_id);
    else
        json_null(writer, "subscription_id");
    json_text(writer, "name", farm->name);
    json_text(writer, "status", farm_status_name(farm->status));
    json_text(writer, "reason", farm->reason != FARM_REASON_NONE ? farm_reason_code(farm->reason) : NULL);
    json_boolean(writer, "trial", farm->key_id == 0);
    json_text(writer, "installation_id", farm->installation_id);
    json_text(writer, "app_version", farm->app_version);
    json_time_or_null(writer, "activated_at", farm->activated_ms);
    json_time_or_null(writer, "deactivated_at", farm->deactivated_ms);
    json_time_or_null(writer, "reported_at", farm->reported_ms);
    json_integer(writer, "peak_users", totals->peak_users);
    json_time_or_null(writer, "peak_at", totals->peak_at_ms);
    json_text(writer, "note", farm->note);
    json_integer(writer, "accepted_through", totals->accepted_through);
    json_integer(writer, "windows_counted", totals->windows_counted);
    json_integer(writer, "windows_refused", totals->windows_refused);
    json_integer(writer, "windows_missing", totals->windows_missing);
    json_integer(writer, "clock_ahead_ms", totals->clock_ahead_ms);
}

static void write_days(struct json_writer *writer, const struct usage *usage)
{
    json_open_array(writer, "days");
    for (size_t i = 0; i < usage->day_count; i++) {
        const struct usage_day *day = &usage->days[i];
        char text[RFC3339_BYTES];
        (void)rfc3339_format(day->day * CALENDAR_DAY_MS, text);
        text[DAY_BYTES] = '\0';
        json_open_object(writer, NULL);
        json_text(writer, "day", text);
        json_integer(writer, "peak_users", day->peak_users);
        json_time(writer, "peak_at", day->peak_at_ms);
        json_close_object(writer);
    }
    json_close_array(writer);
}

static void write_windows(struct json_writer *writer, const struct usage *usage)
{
    json_open_array(writer, "windows");
    for (size_t i = 0; i < usage->window_count; i++) {
        const struct usage_window *window = &usage->windows[i];
        bool counted = window->refusal == USAGE_COUNTED;
        json_open_object(writer, NULL);
        json_integer(writer, "sequence", window->sequence);
        json_time(writer, "start", window->start_ms);
        json_time(writer, "end", window->end_ms);
        json_integer(writer, "peak_users", window->peak_users);
        json_time(writer, "peak_at", window->peak_at_ms);
        json_integer(writer, "users_at_end", window->users_at_end);
        json_integer(writer, "exempt_peak", window->exempt_peak);
        json_integer(writer, "hosts", window->hosts);
        json_text(writer, "refused", counted ? NULL : usage_refusal_code(window->refusal));
        json_close_object(writer);
    }
    json_close_array(writer);
}

/* --- listed --------------------------------------------------------------------------------------------- */

struct list_call {
    struct admin_call call;
    struct admin_page page;
    struct rows_farm_filter filter;
    char key[LEDGER_KEY_BYTES_MAX + 1];
};

static bool read_status(struct admin_call *of, const struct http_request *request, enum farm_status *ret)
{
    char text[sizeof "deactivated"] = "";
    if (!admin_read_text(of, request, "status", text, sizeof text))
        return false;
    if (strcmp(text, farm_status_name(FARM_ACTIVE)) == 0)
        *ret = FARM_ACTIVE;
    else if (strcmp(text, farm_status_name(FARM_DEACTIVATED)) == 0)
        *ret = FARM_DEACTIVATED;
    else if (text[0] != '\0')
        return admin_refuse_field(of, "status", "status: active or deactivated");
    return true;
}

static bool read_list(struct admin_call *of, const struct http_request *request)
{
    struct list_call *call = (struct list_call *)of;
    char key[ADMIN_KEY_TEXT_BYTES] = "";
    if (!admin_page_read(of, request, &call->page) || !read_status(of, request, &call->filter.status) ||
        !admin_read_number(of, request, "subscription", 1, INT64_MAX, &call->filter.subscription_id) ||
        !admin_read_text(of, request, "key", key, sizeof key))
        return false;
    if (key[0] == '\0')
        return true;
    call->filter.key = call->key;
    return admin_read_key(of, key, "key", call->key);
}

static void add_farm(void *data, const struct rows_farm_line *line)
{
    struct list_call *call = data;
    json_open_object(call->call.answer, NULL);
    write_fields(call->call.answer, line);
    json_close_object(call->call.answer);
    admin_page_count(&call->page, line->cursor);
}

static int run_list(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    struct list_call *call = (struct list_call *)of;
    json_open_object(of->answer, NULL);
    admin_page_begin(of->answer, "farms");
    int error =
        rows_each_farm(rows, &call->filter, call->page.after, call->page.limit, add_farm, call, ret_detail);
    admin_page_end(of->answer, &call->page, "next");
    json_close_object(of->answer);
    return error;
}

const struct admin_action admin_farm_list = {sizeof(struct list_call), read_list, run_list, NULL};

/* --- one farm ------------------------------------------------------------------------------------------- */

struct farm_call {
    struct admin_call call;
    struct admin_farm outcome;
    struct usage usage;
};

static int load(struct farm_call *call, struct rows *rows, struct error_detail *ret_detail)
{
    int error = authority_admin_farm(rows, call->call.name, &call->outcome, &call->usage, ret_detail);
    call->call.verdict = call->outcome.verdict;
    return error;
}

static int run_show(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    struct farm_call *call = (struct farm_call *)of;
    int error = load(call, rows, ret_detail);
    if (error != 0 || of->verdict != LEDGER_GRANTED)
        return error;
    json_open_object(of->answer, NULL);
    write_fields(of->answer, &call->outcome.line);
    write_days(of->answer, &call->usage);
    write_windows(of->answer, &call->usage);
    json_close_object(of->answer);
    return 0;
}

const struct admin_action admin_farm_show = {sizeof(struct farm_call), NULL, run_show, NULL};

/* What the farm may have at the moment; -1: nothing, for it is deactivated. */
static int find_limit(const struct farm_call *call, struct rows *rows, int64_t *ret_limit,
                      struct error_detail *ret_detail)
{
    const struct rows_farm_line *line = &call->outcome.line;
    struct admin_key key;
    *ret_limit = -1;
    if (line->farm.status != FARM_ACTIVE)
        return 0;
    if (line->key[0] == '\0') {
        *ret_limit = line->farm.trial_limit;
        return 0;
    }
    int error = authority_admin_key(rows, line->key, call->call.author.now_ms, &key, ret_detail);
    if (error == 0 && key.verdict == LEDGER_GRANTED)
        *ret_limit = key.key.quota;
    return error;
}

static int run_history(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    struct farm_call *call = (struct farm_call *)of;
    int64_t limit = -1;
    int error = load(call, rows, ret_detail);
    if (error == 0 && of->verdict == LEDGER_GRANTED)
        error = find_limit(call, rows, &limit, ret_detail);
    if (error != 0 || of->verdict != LEDGER_GRANTED)
        return error;
    json_open_object(of->answer, NULL);
    json_text(of->answer, "farm_id", call->outcome.line.farm.id);
    json_text(of->answer, "name", call->outcome.line.farm.name);
    if (limit >= 0)
        json_integer(of->answer, "limit", limit);
    else
        json_null(of->answer, "limit");
    write_days(of->answer, &call->usage);
    write_windows(of->answer, &call->usage);
    json_close_object(of->answer);
    return 0;
}

const struct admin_action admin_farm_history = {sizeof(struct farm_call), NULL, run_history, NULL};

/* --- noted ---------------------------------------------------------------------------------------------- */

struct note_call {
    struct admin_call call;
    char note[LEDGER_NOTE_BYTES_MAX + 1];
};

static bool read_note(struct admin_call *of, const struct http_request *request)
{
    static const struct json_field fields[] = {{.name = "note",
                                                .type = JSON_TEXT,
                                                .offset = offsetof(struct note_call, note),
                                                .max = LEDGER_NOTE_BYTES_MAX,
                                                .required = true}};
    static const struct json_shape shape = {fields, COUNT(fields)};
    return admin_read_body(of, request, &shape, of);
}

static int run_note(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    const struct note_call *call = (const struct note_call *)of;
    struct admin_farm outcome;
    int error = authority_admin_note(rows, &of->author, of->name, call->note, &outcome, ret_detail);
    of->verdict = outcome.verdict;
    if (error != 0 || of->verdict != LEDGER_GRANTED)
        return error;
    json_open_object(of->answer, NULL);
    write_fields(of->answer, &outcome.line);
    json_close_object(of->answer);
    admin_note(of, "farm %s noted", outcome.line.farm.id);
    return 0;
}

const struct admin_action admin_farm_note = {sizeof(struct note_call), read_note, run_note, NULL};

/* --- deactivated ---------------------------------------------------------------------------------------- */

struct deactivate_call {
    struct admin_call call;
    size_t count;
    char farms[ADMIN_FARMS_MAX][LEDGER_ID_BYTES_MAX + 1];
};

static bool read_deactivate(struct admin_call *of, const struct http_request *request)
{
    static const struct json_field fields[] = {{.name = "farms",
                                                .type = JSON_TEXTS,
                                                .offset = offsetof(struct deactivate_call, farms),
                                                .min = 1,
                                                .max = LEDGER_ID_BYTES_MAX,
                                                .count_offset = offsetof(struct deactivate_call, count),
                                                .count_max = ADMIN_FARMS_MAX,
                                                .element_bytes = LEDGER_ID_BYTES_MAX + 1,
                                                .required = true}};
    static const struct json_shape shape = {fields, COUNT(fields)};
    if (!admin_read_body(of, request, &shape, of))
        return false;
    return ((struct deactivate_call *)of)->count > 0 || admin_refuse_field(of, "farms", "farms: which?");
}

/* What came of one of them: a farm that nobody knows is in no other's way. */
static void write_outcome(struct json_writer *writer, const char *farm_id, const struct admin_farm *outcome)
{
    bool known = outcome->verdict == LEDGER_GRANTED;
    json_open_object(writer, NULL);
    json_text(writer, "farm_id", farm_id);
    json_boolean(writer, "changed", outcome->changed);
    json_text(writer, "status", known ? farm_status_name(outcome->line.farm.status) : NULL);
    json_text(writer, "reason", known ? farm_reason_code(outcome->line.farm.reason) : NULL);
    json_time_or_null(writer, "deactivated_at", known ? outcome->line.farm.deactivated_ms : 0);
    json_text(writer, "code", known ? NULL : ledger_code(outcome->verdict));
    json_close_object(writer);
}

static int run_deactivate(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    const struct deactivate_call *call = (const struct deactivate_call *)of;
    size_t changed = 0;
    json_open_object(of->answer, NULL);
    json_open_array(of->answer, "farms");
    for (size_t i = 0; i < call->count; i++) {
        struct admin_farm outcome;
        int error = authority_admin_deactivate(rows, &of->author, call->farms[i], &outcome, ret_detail);
        if (error != 0)
            return error;
        write_outcome(of->answer, call->farms[i], &outcome);
        changed += outcome.changed;
    }
    json_close_array(of->answer);
    json_close_object(of->answer);
    if (changed > 0)
        admin_note(of, "%zu farms deactivated, the first asked for %s", changed, call->farms[0]);
    return 0;
}

const struct admin_action admin_farm_deactivate = {sizeof(struct deactivate_call), read_deactivate,
                                                   run_deactivate, NULL};
