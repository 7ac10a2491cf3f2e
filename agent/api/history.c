/* GET /v1/windows and /v1/days: what was, from the store, and what runs. */
#include "api_internal.h"
#include "reply.h"
#include "show.h"

#include "agent/store.h"

#include <stdio.h>
#include <time.h>

struct history_call {
    struct call call;
    int64_t since_ms, until_ms;
};

/* Reads since and until; `span_ms` is how far back it goes by default. False: answered. */
static bool read_span(struct api *api, struct http_exchange *exchange, const struct http_request *request,
                      int64_t span_ms, struct history_call *ret)
{
    /* the running window began before now, so that "until now" means just after */
    ret->until_ms = api->agent.now_ms(api->agent.agent) + 1;
    if (!reply_time_parameter(exchange, request, "until", &ret->until_ms))
        return false;
    ret->since_ms = ret->until_ms - span_ms;
    if (!reply_time_parameter(exchange, request, "since", &ret->since_ms))
        return false;
    if (ret->since_ms < ret->until_ms)
        return true;
    reply_invalid(exchange, "since", "since: not before until");
    return false;
}

static struct history_call *begin(struct api *api, struct http_exchange *exchange,
                                  const struct http_request *request, int64_t span_ms)
{
    struct history_call *history = call_begin(api, exchange, sizeof(*history));
    if (!history)
        return NULL;
    if (read_span(api, exchange, request, span_ms, history))
        return history;
    call_end(&history->call);
    return NULL;
}

static void reply_unreadable(struct http_exchange *exchange, int error)
{
    http_problem(exchange, 503, "store_unavailable", error_text(error), NULL);
}

/* --- windows -------------------------------------------------------------------------------- */

static const char *window_state(char letter)
{
    return letter == 'a' ? "accepted" : letter == 'r' ? "refused" : "closed";
}

static void write_windows(struct json_writer *writer, const struct history_call *history,
                          const struct store_windows *windows)
{
    struct core_status status;
    json_open_array(writer, "windows");
    for (size_t i = 0; i < windows->count; i++)
        show_window(writer, NULL, &windows->windows[i], window_state(windows->states[i]));
    api_status(history->call.api, &status);
    if (!windows->more && status.window.start_ms < history->until_ms &&
        status.window.end_ms > history->since_ms)
        show_window(writer, NULL, &status.window, "running");
    json_close_array(writer);
    json_boolean(writer, "more", windows->more);
}

static void windows_read(void *data, int error, const struct store_windows *windows)
{
    struct history_call *history = data;
    struct http_exchange *exchange = history->call.exchange;
    if (exchange && error) {
        reply_unreadable(exchange, error);
    } else if (exchange) {
        struct json_writer *writer = reply_open(exchange);
        if (writer) {
            write_windows(writer, history, windows);
            reply_close(exchange, writer, 200);
        }
    }
    call_end(&history->call);
}

void windows_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct history_call *history = begin(api, exchange, request, DAY_MS);
    if (!history)
        return;
    int error = store_query_windows(api->agent.store(api->agent.agent), history->since_ms, history->until_ms,
                                    API_WINDOWS_MAX, windows_read, history);
    if (error)
        windows_read(history, error, NULL);
}

/* --- days ----------------------------------------------------------------------------------- */

static int64_t day_start(int64_t t_ms)
{
    int64_t rest = t_ms % DAY_MS;
    return t_ms - (rest < 0 ? rest + DAY_MS : rest);
}

static void write_day(struct json_writer *writer, int64_t start_ms, const struct peak_mark *mark,
                      bool complete)
{
    char date[32] = "";
    time_t seconds = (time_t)(start_ms / 1000);
    struct tm parts;
    if (gmtime_r(&seconds, &parts))
        (void)strftime(date, sizeof(date), "%Y-%m-%d", &parts);
    json_open_object(writer, NULL);
    json_text(writer, "day", date);
    json_integer(writer, "peak_users", mark->users);
    json_time_or_null(writer, "peak_at", mark->at_ms);
    json_boolean(writer, "complete", complete);
    json_close_object(writer);
}

static void write_days(struct json_writer *writer, const struct history_call *history,
                       const struct store_day *days, size_t count)
{
    struct api *api = history->call.api;
    struct core_status status;
    int64_t today_ms = day_start(api->agent.now_ms(api->agent.agent));
    json_open_array(writer, "days");
    for (size_t i = 0; i < count; i++)
        write_day(writer, days[i].start_ms, &days[i].mark, true);
    api_status(api, &status);
    if (today_ms < history->until_ms && today_ms + DAY_MS > history->since_ms)
        write_day(writer, today_ms, &status.today, false);
    json_close_array(writer);
}

static void days_read(void *data, int error, const struct store_day *days, size_t count)
{
    struct history_call *history = data;
    struct http_exchange *exchange = history->call.exchange;
    if (exchange && error) {
        reply_unreadable(exchange, error);
    } else if (exchange) {
        struct json_writer *writer = reply_open(exchange);
        if (writer) {
            write_days(writer, history, days, count);
            reply_close(exchange, writer, 200);
        }
    }
    call_end(&history->call);
}

void days_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct history_call *history = begin(api, exchange, request, STORE_HISTORY_KEPT_MS);
    if (!history)
        return;
    int error = store_query_days(api->agent.store(api->agent.agent), history->since_ms, history->until_ms,
                                 days_read, history);
    if (error)
        days_read(history, error, NULL, 0);
}
