#include "top_feed.h"

#include "ask.h"
#include "event_view.h"
#include "shape.h"
#include "sse.h"

#include "common/rfc3339.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_MS INT64_C(86400000)

enum step { STEP_NONE, STEP_STATUS, STEP_CONNECTIONS, STEP_WINDOWS, STEP_FARM };

struct window_row {
    int64_t start_ms, peak_users;
};
struct windows_part {
    size_t windows_count;
    struct window_row windows[2 * TOP_WINDOWS_MAX]; /* clocks that were set back make more than a day has */
};
static const struct json_field window_fields[] = {
    SHAPE_TIME("start", struct window_row, start_ms),
    SHAPE_NUMBER_MUST("peak_users", struct window_row, peak_users),
};
static const struct json_shape window_shape = SHAPE_OF(window_fields);
static const struct json_field windows_fields[] = {
    SHAPE_LIST("windows", struct windows_part, windows, window_shape),
};
static const struct json_shape windows_shape = SHAPE_OF(windows_fields);

struct top_feed {
    uv_loop_t *loop;
    const char *sockets[2];
    size_t socket, socket_count; /* the one in use: a reader who may not open the first tries the next */
    uint64_t interval_ms;
    void (*on_change)(void *data);
    void *data;
    bool stopped;

    uv_timer_t ask_timer, stream_timer;
    enum step step;
    bool again;        /* something came while we were asking */
    uint64_t round_ms; /* when this round of questions began */
    uint64_t stream_wait_ms;
    char target[ASK_TARGET_BYTES];
    struct local_client_call *call, *stream;

    bool has_id; /* where the stream goes on is known */
    char last_id[SSE_ID_BYTES];
    bool changed; /* an event came in this piece */
    struct sse sse;
    struct top_told told;
};

static void ask_next(struct top_feed *feed, enum step step);
static void open_stream(struct top_feed *feed);

/* --- times ---------------------------------------------------------------------------------- */

int64_t top_told_now_ms(const struct top_told *told, uint64_t loop_now_ms)
{
    return told->status.now_ms + (int64_t)(loop_now_ms - told->status_at_ms);
}

static uint64_t heal_ms(const struct top_feed *feed)
{
    const char *part = feed->told.status.farm.part;
    uint64_t heal = part[0] == '\0' || strcmp(part, "alone") == 0 ? TOP_HEAL_ALONE_MS : TOP_HEAL_SHARED_MS;
    return heal > feed->interval_ms ? heal : feed->interval_ms;
}

static void on_ask_timer(uv_timer_t *timer)
{
    struct top_feed *feed = timer->data;
    if (feed->step != STEP_NONE)
        return;
    feed->round_ms = uv_now(feed->loop);
    ask_next(feed, STEP_STATUS);
}

static void ask_in(struct top_feed *feed, uint64_t wait_ms)
{
    if (!feed->stopped)
        (void)uv_timer_start(&feed->ask_timer, on_ask_timer, wait_ms, 0);
}

void top_feed_refresh(struct top_feed *feed)
{
    uint64_t since_ms = uv_now(feed->loop) - feed->round_ms;
    if (feed->step != STEP_NONE) {
        feed->again = true;
        return;
    }
    uint64_t due_ms = uv_timer_get_due_in(&feed->ask_timer);
    uint64_t wait_ms = since_ms < feed->interval_ms ? feed->interval_ms - since_ms : 0;
    if (feed->told.lost[0] || !uv_is_active((uv_handle_t *)&feed->ask_timer) || wait_ms < due_ms)
        ask_in(feed, wait_ms);
}

/* --- what was told -------------------------------------------------------------------------- */

static void lose(struct top_feed *feed, const char *why)
{
    struct timespec now;
    if (feed->told.lost[0] == '\0') {
        (void)clock_gettime(CLOCK_REALTIME, &now);
        feed->told.lost_since_ms = (int64_t)now.tv_sec * 1000;
    }
    (void)snprintf(feed->told.lost, sizeof(feed->told.lost), "%s", why);
    feed->step = STEP_NONE;
    feed->again = false;
    ask_in(feed, feed->interval_ms > TOP_RETRY_LAST_MS ? feed->interval_ms : TOP_RETRY_LAST_MS);
    feed->on_change(feed->data);
}

static bool take_status(struct top_feed *feed, struct local_client_answer *answer)
{
    struct status_view view;
    status_view_init(&view);
    if (json_read(&status_view_shape, answer->body, answer->body_bytes, &view, NULL, NULL) < 0)
        return false;
    struct local_client_answer before = feed->told.status_answer;
    feed->told.status = view;
    feed->told.status_answer = *answer;
    feed->told.status_at_ms = uv_now(feed->loop);
    feed->told.has_status = true;
    *answer = before; /* ends with the question */
    return true;
}

static bool take_connections(struct top_feed *feed, const struct local_client_answer *answer)
{
    struct connections_view *view = calloc(1, sizeof(*view));
    if (!view || json_read(&connections_view_shape, answer->body, answer->body_bytes, view, NULL, NULL) < 0) {
        free(view);
        return false;
    }
    free(feed->told.connections);
    feed->told.connections = view;
    return true;
}

static bool take_windows(struct top_feed *feed, const struct local_client_answer *answer)
{
    struct windows_part *part = calloc(1, sizeof(*part));
    int64_t today_ms = feed->told.status.now_ms - feed->told.status.now_ms % DAY_MS;
    bool right = part && json_read(&windows_shape, answer->body, answer->body_bytes, part, NULL, NULL) >= 0;
    for (size_t i = 0; right && i < TOP_WINDOWS_MAX; i++)
        feed->told.peaks[i] = -1;
    for (size_t i = 0; right && i < part->windows_count; i++) {
        int64_t at = (part->windows[i].start_ms - today_ms) / TOP_WINDOW_MS;
        bool is_today = part->windows[i].start_ms >= today_ms && at < TOP_WINDOWS_MAX;
        if (is_today && feed->told.peaks[at] < part->windows[i].peak_users)
            feed->told.peaks[at] = part->windows[i].peak_users;
    }
    free(part);
    return right;
}

static bool take_farm(struct top_feed *feed, const struct local_client_answer *answer)
{
    struct farm_view *view = farm_view_create();
    if (!view || json_read(&farm_view_shape, answer->body, answer->body_bytes, view, NULL, NULL) < 0) {
        free(view);
        return false;
    }
    view->store.start = NULL; /* nobody keeps the answer */
    free(feed->told.farm);
    feed->told.farm = view;
    return true;
}

/* --- asking --------------------------------------------------------------------------------- */

static bool of_many_hosts(const struct top_feed *feed)
{
    const char *part = feed->told.status.farm.part;
    return part[0] != '\0' && strcmp(part, "alone") != 0;
}

static void end_round(struct top_feed *feed)
{
    uint64_t now_ms = uv_now(feed->loop), took_ms = now_ms - feed->round_ms;
    uint64_t pause_ms = took_ms * TOP_PAUSE_FACTOR;
    if (pause_ms < feed->interval_ms)
        pause_ms = feed->interval_ms;
    feed->step = STEP_NONE;
    feed->told.lost[0] = '\0';
    ask_in(feed, feed->again ? pause_ms : heal_ms(feed));
    feed->again = false;
    feed->on_change(feed->data);
}

static void on_answer(void *data, int error, struct local_client_answer *answer,
                      const struct error_detail *detail)
{
    struct top_feed *feed = data;
    char text[TOP_LOST_TEXT_BYTES];
    feed->call = NULL;
    if (error == ERROR_FORBIDDEN && feed->socket + 1 < feed->socket_count) {
        feed->socket++;
        ask_next(feed, feed->step);
        return;
    }
    if (error) {
        lose(feed, detail->text);
        return;
    }
    bool right = answer->status == 200;
    if (right && feed->step == STEP_STATUS)
        right = take_status(feed, answer);
    else if (right && feed->step == STEP_CONNECTIONS)
        right = take_connections(feed, answer);
    else if (right && feed->step == STEP_WINDOWS)
        right = take_windows(feed, answer);
    else if (right)
        right = take_farm(feed, answer);
    if (!right)
        (void)snprintf(text, sizeof(text), "GET %.200s: an answer that is not understood, status %d",
                       feed->target, answer->status);
    local_client_answer_finish(answer);
    if (!right)
        lose(feed, text);
    else if (feed->step == STEP_WINDOWS && !of_many_hosts(feed))
        end_round(feed);
    else if (feed->step == STEP_FARM)
        end_round(feed);
    else
        ask_next(feed, feed->step + 1);
}

static void ask_next(struct top_feed *feed, enum step step)
{
    static const char *const targets[] = {[STEP_STATUS] = "/v1/status",
                                          [STEP_CONNECTIONS] = "/v1/connections",
                                          [STEP_WINDOWS] = "/v1/windows",
                                          [STEP_FARM] = "/v1/farm"};
    struct error_detail detail = {""};
    char since[RFC3339_BYTES];
    feed->step = step;
    (void)snprintf(feed->target, sizeof(feed->target), "%s", targets[step]);
    if (step == STEP_WINDOWS) {
        int64_t now_ms = feed->told.status.now_ms;
        (void)rfc3339_format(now_ms - now_ms % DAY_MS, since);
        (void)ask_parameter(feed->target, "since", since);
    }
    const struct local_client_request request = {
        .socket_path = feed->sockets[feed->socket], .method = "GET", .target = feed->target};
    if (local_client_begin(feed->loop, &request, on_answer, feed, &feed->call, &detail) != 0)
        lose(feed, detail.text);
}

/* --- events --------------------------------------------------------------------------------- */

static void keep_event(struct top_told *told, const struct event_view *view)
{
    size_t at = (told->events_first + told->events_count) % TOP_EVENTS_MAX;
    struct top_event *event = &told->events[at];
    const char *when = event_view_get(view, "at");
    if (told->events_count == TOP_EVENTS_MAX)
        told->events_first = (told->events_first + 1) % TOP_EVENTS_MAX;
    else
        told->events_count++;
    if (!rfc3339_parse(when, strlen(when), &event->at_ms))
        event->at_ms = 0;
    (void)snprintf(event->severity, sizeof(event->severity), "%s", event_view_get(view, "severity"));
    (void)snprintf(event->text, sizeof(event->text), "%s", event_view_get(view, "text"));
}

const struct top_event *top_told_event(const struct top_told *told, size_t before_last)
{
    return &told->events[(told->events_first + told->events_count - 1 - before_last) % TOP_EVENTS_MAX];
}

static int on_event(void *data, const char *id, const char *name, const char *json)
{
    struct top_feed *feed = data;
    struct event_view view;
    (void)name;
    (void)snprintf(feed->last_id, sizeof(feed->last_id), "%s", id);
    if (!feed->has_id)
        return ERROR_CANCELLED; /* where the stream stands is all that was wanted */
    if (json[0] == '\0' || event_view_read(json, &view) != 0)
        return 0; /* a cursor alone, or what is no event */
    keep_event(&feed->told, &view);
    event_view_finish(&view);
    feed->changed = true;
    return 0;
}

static int on_stream_data(void *data, const char *bytes, size_t count)
{
    struct top_feed *feed = data;
    feed->stream_wait_ms = TOP_RETRY_FIRST_MS;
    feed->changed = false;
    int error = sse_feed(&feed->sse, bytes, count);
    if (feed->changed) {
        top_feed_refresh(feed);
        if (feed->told.connections)
            feed->on_change(feed->data);
    }
    return error;
}

static void on_stream_timer(uv_timer_t *timer)
{
    open_stream(timer->data);
}

static void open_stream_in(struct top_feed *feed, uint64_t wait_ms)
{
    if (!feed->stopped)
        (void)uv_timer_start(&feed->stream_timer, on_stream_timer, wait_ms, 0);
}

/* A stream begins with the id of the last event: begun anew some before it, the screen has a past. */
static void begin_with_past(struct top_feed *feed)
{
    uint64_t last = strtoull(feed->last_id, NULL, 10);
    feed->has_id = true;
    (void)snprintf(feed->last_id, sizeof(feed->last_id), "%" PRIu64,
                   last > TOP_EVENTS_MAX ? last - TOP_EVENTS_MAX : 0);
}

static void on_stream_end(void *data, int error, struct local_client_answer *answer,
                          const struct error_detail *detail)
{
    struct top_feed *feed = data;
    (void)detail;
    feed->stream = NULL;
    if (!error)
        local_client_answer_finish(answer);
    if (error == ERROR_CANCELLED && !feed->has_id) {
        begin_with_past(feed);
        open_stream(feed);
        return;
    }
    open_stream_in(feed, feed->stream_wait_ms);
    feed->stream_wait_ms =
        feed->stream_wait_ms * 2 < TOP_RETRY_LAST_MS ? feed->stream_wait_ms * 2 : TOP_RETRY_LAST_MS;
    if (feed->has_id)
        top_feed_refresh(feed); /* tells at once whether the agent is lost */
}

static void open_stream(struct top_feed *feed)
{
    struct error_detail detail;
    const struct local_client_request request = {
        .socket_path = feed->sockets[feed->socket],
        .method = "GET",
        .target = "/v1/events",
        .last_event_id = feed->has_id ? feed->last_id : NULL,
        .on_data = on_stream_data,
        .data = feed,
    };
    sse_init(&feed->sse, on_event, feed);
    (void)snprintf(feed->sse.id, sizeof(feed->sse.id), "%s", feed->last_id);
    if (local_client_begin(feed->loop, &request, on_stream_end, feed, &feed->stream, &detail) != 0)
        open_stream_in(feed, feed->stream_wait_ms);
}

/* --- the whole ------------------------------------------------------------------------------ */

struct top_feed *top_feed_create(uv_loop_t *loop, const char *socket, uint64_t interval_ms,
                                 void (*on_change)(void *data), void *data)
{
    struct top_feed *feed = calloc(1, sizeof(*feed));
    if (!feed)
        return NULL;
    feed->loop = loop;
    feed->sockets[0] = socket ? socket : ASK_READER_SOCKET;
    feed->sockets[1] = ASK_ADMIN_SOCKET;
    feed->socket_count = socket ? 1 : 2;
    feed->interval_ms = interval_ms;
    feed->on_change = on_change;
    feed->data = data;
    feed->stream_wait_ms = TOP_RETRY_FIRST_MS;
    for (size_t i = 0; i < TOP_WINDOWS_MAX; i++)
        feed->told.peaks[i] = -1;
    (void)uv_timer_init(loop, &feed->ask_timer);
    (void)uv_timer_init(loop, &feed->stream_timer);
    feed->ask_timer.data = feed->stream_timer.data = feed;
    ask_in(feed, 0);
    open_stream_in(feed, 0);
    return feed;
}

const struct top_told *top_feed_told(const struct top_feed *feed)
{
    return &feed->told;
}

void top_feed_stop(struct top_feed *feed)
{
    if (!feed || feed->stopped)
        return;
    feed->stopped = true;
    local_client_cancel(feed->call);
    local_client_cancel(feed->stream);
    feed->call = feed->stream = NULL;
    uv_close((uv_handle_t *)&feed->ask_timer, NULL);
    uv_close((uv_handle_t *)&feed->stream_timer, NULL);
}

void top_feed_destroy(struct top_feed *feed)
{
    if (!feed)
        return;
    local_client_answer_finish(&feed->told.status_answer);
    free(feed->told.connections);
    free(feed->told.farm);
    free(feed);
}
