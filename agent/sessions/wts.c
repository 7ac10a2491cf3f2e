/* wts.c - the sessions that Windows' Remote Desktop Services know. All of them are read anew, on a thread of
 * libuv's pool and one reading at a time, at every refresh: the service manager notes each session that
 * changes (SERVICE_CONTROL_SESSIONCHANGE), and whoever runs the agent asks for one then. */
#include "source.h"
#include "wts_read.h"

#include <stdlib.h>
#include <string.h>

#define SETTLE_MS      50    /* after what changed during a reading: one log-on is several notes */
#define POLL_MS        15000 /* the net under the notes, and all there is where no manager sends any */
#define RETRY_FIRST_MS 1000
#define RETRY_LAST_MS  60000
#define LOOK_AGAIN_MS  1000 /* until a session's programs have told its kind */
#define LOOKS_MAX      30   /* in a row: a session may run neither of the shells that tell it */

struct reading {
    uv_work_t work;
    struct wts *wts; /* NULL: stopped meanwhile */
    int result;
    struct wts_snapshot snapshot;
    struct wts_trouble trouble;
};

struct wts {
    struct source source;
    struct source_listener listener;
    uv_loop_t *loop;
    char *host;
    uv_timer_t due; /* the next reading */
    struct wts_sessions *sessions;
    struct reading *reading; /* the one that runs */
    bool again;              /* something changed while it ran */
    unsigned looks;          /* in a row, for a session whose kind is not told yet */
    uint64_t retry_ms;
    int health; /* as last told */
    struct error_detail detail;
};

/* --- telling -------------------------------------------------------------------------------------------- */

/* `told`: the sessions were, whatever else is missing. */
static void tell_health(struct wts *wts, int health, bool told, const struct error_detail *detail)
{
    if (health == wts->health && strcmp(detail->text, wts->detail.text) == 0)
        return;
    wts->health = health;
    wts->detail = *detail;
    if (health != 0 && told)
        wts->listener.on_limit(wts->listener.data, &wts->source, detail->text);
    else
        wts->listener.on_health(wts->listener.data, &wts->source, health, detail->text);
}

static int tell_set(struct wts *wts, const struct wts_snapshot *snapshot, bool *ret_settled)
{
    const struct session_facts *facts;
    size_t count;
    int r = wts_sessions_judge(wts->sessions, snapshot, &facts, &count, ret_settled);

    if (r == 0)
        wts->listener.on_set(wts->listener.data, &wts->source, wts->host, facts, count, true);
    return r;
}

/* --- reading -------------------------------------------------------------------------------------------- */

static void start_reading(struct wts *wts);

static void on_due(uv_timer_t *due)
{
    start_reading(due->data);
}

/* Reads after delay_ms, or sooner if that is planned already. */
static void schedule(struct wts *wts, uint64_t delay_ms)
{
    if (uv_is_active((uv_handle_t *)&wts->due) && uv_timer_get_due_in(&wts->due) <= delay_ms)
        return;
    uv_timer_start(&wts->due, on_due, delay_ms, 0);
}

static void schedule_retry(struct wts *wts)
{
    schedule(wts, wts->retry_ms);
    wts->retry_ms = wts->retry_ms * 2 < RETRY_LAST_MS ? wts->retry_ms * 2 : RETRY_LAST_MS;
}

static void schedule_next(struct wts *wts, bool settled)
{
    bool look = !settled && wts->looks < LOOKS_MAX;

    wts->looks = look ? wts->looks + 1 : settled ? 0 : wts->looks;
    wts->retry_ms = RETRY_FIRST_MS;
    schedule(wts, look ? LOOK_AGAIN_MS : POLL_MS);
}

static void take(struct wts *wts, struct reading *reading)
{
    struct error_detail detail = {""};
    int health = wts_trouble_text(&reading->trouble, &detail);
    bool settled = true;
    int r = reading->result;

    if (r == 0)
        r = tell_set(wts, &reading->snapshot, &settled);
    if (r == ERROR_NO_MEMORY) {
        health = r;
        error_detail_set(&detail, "the sessions cannot be told: %s", error_text(r));
    }
    tell_health(wts, health, r == 0, &detail);
    if (r < 0)
        schedule_retry(wts);
    else
        schedule_next(wts, settled);
}

static void on_read(uv_work_t *work, int status)
{
    struct reading *reading = work->data;
    struct wts *wts = reading->wts;

    (void)status; /* it is cancelled by nobody */
    if (wts != NULL) {
        wts->reading = NULL;
        take(wts, reading);
        if (wts->again)
            schedule(wts, SETTLE_MS);
        wts->again = false;
    }
    wts_snapshot_finish(&reading->snapshot);
    free(reading);
}

static void read_there(uv_work_t *work)
{
    struct reading *reading = work->data;

    reading->result = wts_read(&reading->snapshot, &reading->trouble);
}

static void start_reading(struct wts *wts)
{
    struct reading *reading;

    if (wts->reading != NULL) {
        wts->again = true;
        return;
    }
    reading = calloc(1, sizeof(*reading));
    if (reading == NULL) {
        schedule_retry(wts);
        return;
    }
    reading->wts = wts;
    reading->work.data = reading;
    wts->reading = reading;
    uv_queue_work(wts->loop, &reading->work, read_there, on_read);
}

/* --- the contract --------------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *due)
{
    struct wts *wts = due->data;

    wts_sessions_destroy(wts->sessions);
    free(wts->host);
    free(wts);
}

static void stop(struct source *source)
{
    struct wts *wts = (struct wts *)source;

    if (wts->reading != NULL)
        wts->reading->wts = NULL; /* it ends when it ends */
    uv_close((uv_handle_t *)&wts->due, on_closed);
}

static void refresh(struct source *source)
{
    struct wts *wts = (struct wts *)source;

    wts->looks = 0;
    schedule(wts, 0);
}

static int start(const struct source_settings *settings, const struct source_listener *listener,
                 struct source **ret, struct error_detail *ret_detail)
{
    struct wts *wts = calloc(1, sizeof(*wts));

    if (wts == NULL) {
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    wts->source.type = &source_wts;
    wts->listener = *listener;
    wts->loop = settings->loop;
    wts->retry_ms = RETRY_FIRST_MS;
    uv_timer_init(settings->loop, &wts->due);
    wts->due.data = wts;
    wts->host = strdup(settings->host);
    wts->sessions = wts_sessions_create(settings->host);
    if (wts->host == NULL || wts->sessions == NULL) {
        stop(&wts->source);
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    schedule(wts, 0);
    *ret = &wts->source;
    return 0;
}

const struct source_type source_wts = {
    .name = "wts",
    .start = start,
    .refresh = refresh,
    .stop = stop,
};
