#include "sizing_model.h"

#include "agent/core/peak.h"
#include "agent/core/usage.h"

#include <stdlib.h>
#include <string.h>

#define QUARTER_MS INT64_C(900000) /* in the tests' zones clocks differ by whole quarters of an hour */
#define HOUR_MS    INT64_C(3600000)

/* ---- the course ---------------------------------------------------------------------------------------- */

struct replay {
    const struct sizing_model_log *log;
    int64_t end_after_ms;
    bool exempt;
    struct model farm;
    int64_t gone_since_ms[SIZING_MODEL_HOSTS][SIZING_MODEL_IDS]; /* of those disconnected */
    struct sizing_model_course *course;
};

static void step(struct replay *replay, int64_t at_ms, bool is_event)
{
    struct sizing_model_course *course = replay->course;
    model_judge(&replay->farm);
    uint32_t users = model_level(&replay->farm).concurrent_users;
    bool higher = users > sizing_model_peak(course);
    course->steps[course->step_count++] = (struct sizing_model_step){at_ms, users, is_event};
    for (unsigned person = 0; higher && person < SIZING_MODEL_PERSONS; person++)
        course->on_at_peak[person] = model_user(&replay->farm, person).consuming > 0;
}

static struct model_connection *live_of(struct replay *replay, const struct sizing_model_event *event)
{
    int position = model_find(&replay->farm, event->event.host, event->event.session);
    return position < 0 ? NULL : &replay->farm.live[position];
}

/* Ends who has been gone for too long, up to but not at now_ms. */
static void pass(struct replay *replay, int64_t now_ms)
{
    for (size_t i = 0; i < replay->log->event_count && replay->end_after_ms != SIZING_MODEL_NEVER; i++) {
        const struct sizing_model_event *event = &replay->log->events[i];
        const struct model_connection *live = live_of(replay, event);
        if (live == NULL || live->connection.state != CONNECTION_DISCONNECTED)
            continue;
        int64_t due_ms = replay->gone_since_ms[event->host][event->id] + replay->end_after_ms;
        if (due_ms >= now_ms)
            continue;
        (void)model_end(&replay->farm, event->event.host, event->event.session);
        replay->course->ended++;
        step(replay, due_ms, false);
    }
}

static void put(struct replay *replay, const struct sizing_model_event *event, enum connection_state state,
                int64_t connected_at_ms)
{
    enum administrator administrator = event->event.administrator;
    struct connection connection = {
        .host = event->event.host,
        .id = event->event.session,
        .user = event->event.user,
        .connected_at_ms = connected_at_ms,
        .kind = event->event.kind,
        .route = event->event.route,
        .state = state,
        .administrator = replay->exempt ? administrator : ADMINISTRATOR_NO,
    };
    model_put(&replay->farm, &connection, event->person, 0);
}

static void connect(struct replay *replay, const struct sizing_model_event *event)
{
    struct model_connection *live = live_of(replay, event);
    if (live == NULL || live->person != event->person) {
        put(replay, event, CONNECTION_ACTIVE, event->event.at_ms);
        replay->course->began++;
    } else if (live->connection.state == CONNECTION_ACTIVE) {
        replay->course->repeated++;
    } else {
        live->connection.state = CONNECTION_ACTIVE;
    }
}

static void disconnect(struct replay *replay, const struct sizing_model_event *event)
{
    struct model_connection *live = live_of(replay, event);
    replay->course->unknown += live == NULL;
    if (live == NULL || live->connection.state == CONNECTION_DISCONNECTED)
        return;
    live->connection.state = CONNECTION_DISCONNECTED;
    replay->gone_since_ms[event->host][event->id] = event->event.at_ms;
    replay->course->left++;
}

static void end_host(struct replay *replay, const char *host)
{
    for (size_t i = 0; i < replay->farm.count;) {
        const struct connection *connection = &replay->farm.live[i].connection;
        if (strcmp(connection->host, host) == 0) {
            (void)model_end(&replay->farm, host, connection->id);
            replay->course->ended_with_host++;
        } else {
            i++;
        }
    }
}

static void apply(struct replay *replay, const struct sizing_model_event *event)
{
    switch (event->event.type) {
    case SIZING_CONNECT:
        connect(replay, event);
        break;
    case SIZING_DISCONNECT:
        disconnect(replay, event);
        break;
    case SIZING_HOST_END:
        end_host(replay, event->event.host);
        break;
    default:
        if (!model_end(&replay->farm, event->event.host, event->event.session))
            replay->course->unknown++;
    }
}

void sizing_model_replay(const struct sizing_model_log *log, int64_t end_after_ms, bool exempt,
                         struct sizing_model_course *ret_course)
{
    struct replay *replay = calloc(1, sizeof *replay);
    if (replay == NULL)
        abort();
    memset(ret_course, 0, sizeof *ret_course);
    *replay =
        (struct replay){.log = log, .end_after_ms = end_after_ms, .exempt = exempt, .course = ret_course};
    replay->farm.count_disconnected = log->settings->count_disconnected;
    replay->farm.routes_counted = log->settings->routes_counted;
    for (size_t i = 0; i < log->event_count; i++) {
        pass(replay, log->events[i].event.at_ms);
        apply(replay, &log->events[i]);
        step(replay, log->events[i].event.at_ms, true);
    }
    pass(replay, log->events[log->event_count - 1].event.at_ms + 1);
    ret_course->open = replay->farm.count;
    free(replay);
}

uint32_t sizing_model_peak(const struct sizing_model_course *course)
{
    uint32_t peak = 0;
    for (size_t i = 0; i < course->step_count; i++)
        if (course->steps[i].users > peak)
            peak = course->steps[i].users;
    return peak;
}

/* ---- questions to a course ----------------------------------------------------------------------------- */

static int64_t until_ms(const struct sizing_model_course *course, size_t i)
{
    return course->steps[i + 1 < course->step_count ? i + 1 : i].at_ms;
}

static int64_t log_ms(const struct sizing_model_course *course)
{
    return course->steps[course->step_count - 1].at_ms - course->steps[0].at_ms;
}

static int64_t held_ms(const struct sizing_model_course *course, uint32_t users)
{
    int64_t held = 0;
    for (size_t i = 0; i < course->step_count; i++)
        if (course->steps[i].users == users)
            held += until_ms(course, i) - course->steps[i].at_ms;
    return held;
}

static int64_t above_ms(const struct sizing_model_course *course, uint32_t limit)
{
    int64_t above = 0;
    for (size_t i = 0; i < course->step_count; i++)
        if (course->steps[i].users > limit)
            above += until_ms(course, i) - course->steps[i].at_ms;
    return above;
}

/* The next excess of a limit at or behind step *from; false: there is none. */
static bool next_excess(const struct sizing_model_course *course, uint32_t limit, size_t *from,
                        int64_t *ret_start_ms, int64_t *ret_end_ms)
{
    size_t i = *from;
    while (i < course->step_count && course->steps[i].users <= limit)
        i++;
    if (i == course->step_count)
        return false;
    *ret_start_ms = course->steps[i].at_ms;
    while (i < course->step_count && course->steps[i].users > limit)
        i++;
    *ret_end_ms = course->steps[i < course->step_count ? i : i - 1].at_ms;
    *from = i;
    return true;
}

static bool level_differs(const struct sizing_model_course *course, uint32_t users,
                          const struct sizing_level *got)
{
    struct sizing_level want = {.held_ms = held_ms(course, users)};
    int64_t start_ms, end_ms;
    for (size_t from = 0; next_excess(course, users, &from, &start_ms, &end_ms);) {
        if (want.excesses++ == 0)
            want.first_above_ms = start_ms;
        want.last_above_until_ms = end_ms;
        if (end_ms - start_ms > want.longest_above_ms)
            want.longest_above_ms = end_ms - start_ms;
        if (end_ms - start_ms > 60000 && want.settled_excesses++ == 0)
            want.first_settled_at_ms = start_ms;
    }
    return memcmp(&want, got, sizeof want) != 0;
}

/* The highest number in [start_ms, end_ms), what was carried in included, and where it was reached. */
static struct sizing_model_step highest(const struct sizing_model_course *course, int64_t start_ms,
                                        int64_t end_ms)
{
    struct sizing_model_step highest = {.at_ms = start_ms};
    for (size_t i = 0; i < course->step_count && course->steps[i].at_ms < end_ms; i++) {
        const struct sizing_model_step *step = &course->steps[i];
        bool carried_in = step->at_ms < start_ms;
        bool carries = carried_in && i + 1 < course->step_count && course->steps[i + 1].at_ms >= start_ms;
        if (carries)
            highest = (struct sizing_model_step){.at_ms = start_ms, .users = step->users};
        else if (!carried_in && step->users > highest.users)
            highest = *step;
    }
    return highest;
}

static bool windows_differ(const struct sizing_model_course *course, const struct sizing_result *result)
{
    int64_t first = course->steps[0].at_ms / WINDOW_MS,
            last = course->steps[course->step_count - 1].at_ms / WINDOW_MS;
    if ((int64_t)result->window_count != last - first + 1)
        return true;
    for (int64_t i = first; i <= last; i++) {
        const struct sizing_window *window = &result->windows[i - first];
        if (window->start_ms != i * WINDOW_MS ||
            window->peak_users != highest(course, i * WINDOW_MS, (i + 1) * WINDOW_MS).users)
            return true;
    }
    return false;
}

/* ---- days and hours ------------------------------------------------------------------------------------ */

static int64_t local_ms(const struct sizing_model_log *log, int64_t at_ms)
{
    return at_ms + (log->zone == NULL ? 0 : log->zone->offset_ms(log->zone->data, at_ms));
}

static bool days_differ(const struct sizing_model_log *log, const struct sizing_model_course *course,
                        const struct sizing_result *result)
{
    int64_t first_ms = course->steps[0].at_ms, last_ms = course->steps[course->step_count - 1].at_ms;
    size_t count = 0;
    for (int64_t start_ms = first_ms, end_ms; start_ms <= last_ms; start_ms = end_ms, count++) {
        int64_t date = local_ms(log, start_ms) / DAY_MS;
        end_ms = start_ms;
        do
            end_ms = end_ms / QUARTER_MS * QUARTER_MS + QUARTER_MS;
        while (local_ms(log, end_ms) / DAY_MS == date);
        struct sizing_model_step peak = highest(course, start_ms, end_ms);
        const struct sizing_day *day = &result->days[count];
        if (count >= result->day_count || day->date != date || day->start_ms != start_ms ||
            day->peak_users != peak.users || day->peak_at_ms != peak.at_ms)
            return true;
    }
    return count != result->day_count;
}

struct week {
    struct sizing_hour hours[SIZING_WEEK_HOURS];
    int64_t levels[SIZING_WEEK_HOURS][SIZING_MODEL_PERSONS + 1];
};

/* An instant with so many users, or what is carried into it, and how long they stay in that hour. */
static void add_to_hour(const struct sizing_model_log *log, struct week *week, int64_t at_ms, uint32_t users,
                        int64_t held_ms)
{
    int64_t monday_ms = local_ms(log, at_ms) + 3 * DAY_MS; /* 1970-01-01 was a Thursday */
    int64_t hour = monday_ms / HOUR_MS % SIZING_WEEK_HOURS;
    week->hours[hour].held_ms += held_ms;
    week->hours[hour].user_ms += held_ms * users;
    week->levels[hour][users] += held_ms;
    if (users > week->hours[hour].peak_users)
        week->hours[hour].peak_users = users;
}

static void find_week(const struct sizing_model_log *log, const struct sizing_model_course *course,
                      struct week *week)
{
    for (size_t i = 0; i < course->step_count; i++) {
        uint32_t users = course->steps[i].users;
        int64_t at_ms = course->steps[i].at_ms, end_ms = until_ms(course, i);
        int64_t quarter_ms = at_ms / QUARTER_MS * QUARTER_MS + QUARTER_MS;
        for (; quarter_ms <= end_ms; quarter_ms += QUARTER_MS) {
            add_to_hour(log, week, at_ms, users, quarter_ms - at_ms);
            at_ms = quarter_ms;
        }
        add_to_hour(log, week, at_ms, users, end_ms - at_ms);
    }
}

static bool week_differs(const struct week *week, const struct sizing_result *result)
{
    for (int hour = 0; hour < SIZING_WEEK_HOURS; hour++) {
        const struct sizing_hour *got = &result->week[hour], *want = &week->hours[hour];
        if (got->held_ms != want->held_ms || got->user_ms != want->user_ms ||
            got->peak_users != want->peak_users)
            return true;
        for (uint32_t users = 0; users <= SIZING_MODEL_PERSONS; users++)
            if ((users < got->level_count ? got->levels[users] : 0) != week->levels[hour][users])
                return true;
    }
    return false;
}

/* ---- recommendations ----------------------------------------------------------------------------------- */

static bool is_exceeded_for(const struct sizing_model_course *course, uint32_t limit, int percent)
{
    if (log_ms(course) == 0)
        return limit >= sizing_model_peak(course);
    return above_ms(course, limit) * 100 <= log_ms(course) * percent;
}

static bool is_exceeded_for_1(const struct sizing_model_course *course, uint32_t limit)
{
    return is_exceeded_for(course, limit, 1);
}

static bool is_exceeded_for_5(const struct sizing_model_course *course, uint32_t limit)
{
    return is_exceeded_for(course, limit, 5);
}

static bool lies_within_seven_days(const struct sizing_model_course *course, uint32_t limit)
{
    int64_t start_ms, end_ms, first_ms = 0, last_ms = 0;
    size_t from = 0;
    if (next_excess(course, limit, &from, &first_ms, &last_ms))
        while (next_excess(course, limit, &from, &start_ms, &end_ms))
            last_ms = end_ms;
    return last_ms - first_ms <= 7 * DAY_MS;
}

/* The live agent's own machine (RULES §3.6): is the limit ever exceeded with the grace spent? What is due at
 * an instant comes behind its session events. */
static bool is_covered_by_the_grace(const struct sizing_model_course *course, uint32_t limit)
{
    struct usage usage = {0};
    for (size_t i = 0; i < course->step_count; i++) {
        const struct sizing_model_step *step = &course->steps[i];
        while (usage_due_ms(&usage) < step->at_ms)
            usage_pass(&usage, usage_due_ms(&usage));
        bool exceeded =
            i > 0 && course->steps[i - 1].users > limit && step->at_ms > course->steps[i - 1].at_ms;
        if (usage.state == USAGE_ENFORCED && (exceeded || step->users > limit))
            return false;
        usage_judge(&usage, step->users > limit, USAGE_SETTLE_MS, step->at_ms);
    }
    return true;
}

/* The same with a grace spent long ago, and a validation right before every change. */
static bool is_never_deactivated(const struct sizing_model_course *course, uint32_t limit)
{
    struct usage usage = {.state = USAGE_ENFORCED, .grace_started_ms = 1};
    for (size_t i = 0; i < course->step_count; i++) {
        int64_t at_ms = course->steps[i].at_ms;
        if (i > 0 && at_ms > course->steps[i - 1].at_ms)
            usage_validate(&usage, at_ms - 1);
        if (usage.state == USAGE_OVER)
            return false;
        usage_judge(&usage, course->steps[i].users > limit, USAGE_SETTLE_MS, at_ms);
    }
    return true;
}

static uint32_t least(const struct sizing_model_course *course,
                      bool (*holds)(const struct sizing_model_course *, uint32_t))
{
    uint32_t limit = 0;
    while (!holds(course, limit))
        limit++;
    return limit;
}

static bool office_differs(const struct week *week, const struct sizing_result *result,
                           const struct recommend_office *office)
{
    double busiest = 0;
    int64_t office_ms = 0;
    for (int hour = 0; hour < SIZING_WEEK_HOURS; hour++)
        if (week->hours[hour].held_ms > 0 &&
            (double)week->hours[hour].user_ms / (double)week->hours[hour].held_ms > busiest)
            busiest = (double)week->hours[hour].user_ms / (double)week->hours[hour].held_ms;
    for (int hour = 0; hour < SIZING_WEEK_HOURS; hour++) {
        double held = (double)week->hours[hour].held_ms, users = (double)week->hours[hour].user_ms;
        bool is_office = held > 0 && busiest > 0 && users / held >= busiest / 2;
        if (is_office != office->hours[hour])
            return true;
        office_ms += is_office ? week->hours[hour].held_ms : 0;
    }
    for (unsigned percent = 50; percent <= 100; percent += 5) {
        uint32_t got = recommend_office_users(result, office, percent), users = 0;
        for (int64_t ms = 0; office_ms > 0; users++) {
            for (int hour = 0; hour < SIZING_WEEK_HOURS; hour++)
                ms += office->hours[hour] ? week->levels[hour][users] : 0;
            if (ms * 100 >= office_ms * percent)
                break;
        }
        if (got != users)
            return true;
    }
    return office->held_ms != office_ms;
}

static const char *recommendation_differs(const struct sizing_model_course *course,
                                          const struct recommendation *got)
{
    if (got->peak != sizing_model_peak(course))
        return "recommended peak";
    if (got->one_percent != least(course, is_exceeded_for_1))
        return "one percent";
    if (got->five_percent != least(course, is_exceeded_for_5))
        return "five percent";
    if (got->within_grace != least(course, lies_within_seven_days))
        return "within the grace";
    if (got->within_settled_grace != least(course, is_covered_by_the_grace))
        return "within the settled grace";
    if (got->never_deactivated != least(course, is_never_deactivated))
        return "never deactivated";
    return NULL;
}

const char *sizing_model_differs(const struct sizing_model_log *log, const struct sizing_model_course *course,
                                 const struct sizing_result *result,
                                 const struct recommendation *recommendation)
{
    static struct week week;
    memset(&week, 0, sizeof week);
    if (result->peak_users != sizing_model_peak(course))
        return "peak";
    if (result->peak_at_ms != highest(course, course->steps[0].at_ms, INT64_MAX).at_ms)
        return "instant of the peak";
    for (uint32_t users = 0; users <= result->peak_users; users++)
        if (level_differs(course, users, &result->levels[users]))
            return "levels";
    if (windows_differ(course, result))
        return "windows";
    if (days_differ(log, course, result))
        return "days";
    find_week(log, course, &week);
    if (week_differs(&week, result))
        return "hours of the week";
    if (office_differs(&week, result, &recommendation->office))
        return "office time";
    return recommendation_differs(course, recommendation);
}
