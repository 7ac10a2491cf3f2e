#include "answer.h"

#include "words.h"

#include "agent/core/usage.h"
#include "common/json.h"

#define DAY_HOURS 24

static void tell_windows(struct json_writer *writer, const struct sizing_result *result)
{
    json_integer(writer, "events", (int64_t)result->events);
    json_integer(writer, "users", (int64_t)result->users);
    json_integer(writer, "hosts", (int64_t)result->hosts);
    json_integer(writer, "peak_users", result->peak_users);
    if (result->events > 0)
        json_time(writer, "peak_at", result->peak_at_ms);
    else
        json_null(writer, "peak_at");
    json_open_array(writer, "windows");
    for (size_t i = 0; i < result->window_count; i++) {
        json_open_object(writer, NULL);
        json_time(writer, "start", result->windows[i].start_ms);
        json_integer(writer, "peak_users", result->windows[i].peak_users);
        json_close_object(writer);
    }
    json_close_array(writer);
}

static void tell_period(struct json_writer *writer, const struct answer *answer)
{
    const struct sizing_result *result = answer->result;
    if (result->events > 0) {
        json_time(writer, "first_at", result->first_at_ms);
        json_time(writer, "last_at", result->last_at_ms);
    } else {
        json_null(writer, "first_at");
        json_null(writer, "last_at");
    }
    json_text(writer, "time_zone", answer->zone_name);
}

static void tell_sessions(struct json_writer *writer, const struct answer *answer)
{
    const struct sizing_result *result = answer->result;
    json_open_object(writer, "sessions");
    for (int route = 0; route < ROUTE_MAX; route++)
        json_integer(writer, connection_route_name((enum connection_route)route),
                     (int64_t)result->sessions[route]);
    json_close_object(writer);
    json_open_array(writer, "routes_counted");
    for (int route = 0; route < ROUTE_MAX; route++)
        if ((answer->routes_counted & ROUTE_BIT(route)) != 0)
            json_text(writer, NULL, connection_route_name((enum connection_route)route));
    json_close_array(writer);
    json_integer(writer, "administrators_unknown", (int64_t)result->administrators_unknown);
    json_integer(writer, "repeated_connects", (int64_t)result->repeated_connects);
    json_integer(writer, "unknown_sessions", (int64_t)result->unknown_sessions);
    json_integer(writer, "ended_with_host", (int64_t)result->ended_with_host);
    json_integer(writer, "open_at_end", (int64_t)result->open_at_end);
    json_integer(writer, "disconnects", (int64_t)result->disconnects);
}

static void tell_recommendation(struct json_writer *writer, const struct answer *answer)
{
    const struct recommendation *it = answer->recommendation;
    json_open_object(writer, "recommendation");
    json_integer(writer, "never_exceeded", it->peak);
    json_integer(writer, "exceeded_at_most_1_percent", it->one_percent);
    json_integer(writer, "exceeded_at_most_5_percent", it->five_percent);
    json_integer(writer, "within_grace", it->within_grace);
    json_integer(writer, "within_settled_grace", it->within_settled_grace);
    json_integer(writer, "never_deactivated", it->never_deactivated);
    json_integer(writer, "office_95_percent", recommend_office_users(answer->result, &it->office, 95));
    json_close_object(writer);
}

/* What-ifs; null where the log does not know. */
static void tell_savings(struct json_writer *writer, const struct sizing_result *result)
{
    json_integer(writer, "peak_without_exemptions", result->peak_without_exemptions);
    if (result->disconnects == 0) {
        json_null(writer, "disconnected_ended");
        return;
    }
    json_open_array(writer, "disconnected_ended");
    for (int i = 0; i < SIZING_SAVINGS; i++) {
        json_open_object(writer, NULL);
        json_integer(writer, "after_hours", sizing_saving_hours[i]);
        json_integer(writer, "peak_users", result->peak_ended_after[i]);
        json_integer(writer, "sessions", (int64_t)result->sessions_ended_after[i]);
        json_close_object(writer);
    }
    json_close_array(writer);
}

static void tell_days(struct json_writer *writer, const struct sizing_result *result)
{
    char date[WORDS_BYTES];
    json_open_array(writer, "days");
    for (size_t i = 0; i < result->day_count; i++) {
        json_open_object(writer, NULL);
        json_text(writer, "date", words_date(result->days[i].date, date));
        json_integer(writer, "peak_users", result->days[i].peak_users);
        json_time(writer, "peak_at", result->days[i].peak_at_ms);
        json_close_object(writer);
    }
    json_close_array(writer);
}

static void tell_week(struct json_writer *writer, const struct answer *answer)
{
    json_open_array(writer, "week");
    for (unsigned i = 0; i < SIZING_WEEK_HOURS; i++) {
        const struct sizing_hour *hour = &answer->result->week[i];
        json_open_object(writer, NULL);
        json_text(writer, "day", words_weekday(i / DAY_HOURS));
        json_integer(writer, "hour", i % DAY_HOURS);
        json_integer(writer, "peak_users", hour->peak_users);
        json_integer(writer, "held_ms", hour->held_ms);
        json_integer(writer, "user_ms", hour->user_ms);
        json_boolean(writer, "office", answer->recommendation->office.hours[i]);
        json_close_object(writer);
    }
    json_close_array(writer);
}

static void tell_limits(struct json_writer *writer, const struct sizing_result *result)
{
    int64_t above_ms = recommend_log_ms(result);
    json_open_array(writer, "limits");
    for (uint32_t users = 0; result->events > 0 && users <= result->peak_users; users++) {
        const struct sizing_level *level = &result->levels[users];
        above_ms -= level->held_ms;
        json_open_object(writer, NULL);
        json_integer(writer, "users", users);
        json_integer(writer, "held_ms", level->held_ms);
        json_integer(writer, "above_ms", above_ms);
        json_integer(writer, "excesses", (int64_t)level->excesses);
        json_integer(writer, "longest_above_ms", level->longest_above_ms);
        if (level->excesses > 0) {
            json_time(writer, "first_above_at", level->first_above_ms);
            json_time(writer, "last_above_until", level->last_above_until_ms);
        } else {
            json_null(writer, "first_above_at");
            json_null(writer, "last_above_until");
        }
        json_close_object(writer);
    }
    json_close_array(writer);
}

static void tell_rest(struct json_writer *writer, const struct answer *answer)
{
    const struct sizing_result *result = answer->result;
    tell_period(writer, answer);
    json_open_array(writer, "peak_names");
    for (size_t i = 0; i < result->peak_name_count; i++)
        json_text(writer, NULL, result->peak_names[i]);
    json_close_array(writer);
    tell_recommendation(writer, answer);
    tell_savings(writer, result);
    tell_sessions(writer, answer);
    tell_days(writer, result);
    tell_week(writer, answer);
    tell_limits(writer, result);
}

int answer_json(const struct answer *answer, bool full, FILE *file)
{
    struct json_writer *writer = json_writer_create(false);
    const char *text;
    size_t bytes;
    if (writer == NULL)
        return ERROR_NO_MEMORY;
    json_open_object(writer, NULL);
    tell_windows(writer, answer->result);
    if (full)
        tell_rest(writer, answer);
    json_close_object(writer);
    int code = json_writer_finish(writer, &text, &bytes);
    if (code == 0)
        fprintf(file, "%s\n", text);
    json_writer_destroy(writer);
    return code;
}
