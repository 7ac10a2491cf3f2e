#include "wts_heard.h"

#include "tests/unit/unit.h"
#include "wts_text.h"

#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 20000

static void on_set(void *data, struct source *source, const char *host, const struct session_facts *facts,
                   size_t count, bool complete)
{
    struct wts_heard *heard = data;
    assert_ptr_equal(source, heard->source);
    assert_string_equal(host, "here");
    assert_true(complete);
    heard->after_stop += heard->stopped;
    heard->sets++;
    heard->began_ms = count > 0 ? facts[0].connected_at_ms : 0;
    wts_write_down(facts, count, heard->set, sizeof(heard->set));
    uv_stop(&heard->loop);
}

static void on_health(void *data, struct source *source, int error, const char *detail)
{
    struct wts_heard *heard = data;
    assert_ptr_equal(source, heard->source);
    heard->after_stop += heard->stopped;
    heard->healths++;
    heard->health = error;
    (void)snprintf(heard->detail, sizeof(heard->detail), "%s", detail);
    uv_stop(&heard->loop);
}

static void on_limit(void *data, struct source *source, const char *detail)
{
    on_health(data, source, HEARD_LIMIT, detail);
}

void wts_heard_start(struct wts_heard *heard)
{
    *heard = (struct wts_heard){.set = "nothing yet"};
    assert_int_equal(uv_loop_init(&heard->loop), 0);
    const struct source_settings settings = {.loop = &heard->loop, .host = "here"};
    const struct source_listener listener = {
        .on_set = on_set, .on_health = on_health, .on_limit = on_limit, .data = heard};
    struct error_detail detail;
    assert_int_equal(source_wts.start(&settings, &listener, &heard->source, &detail), 0);
    assert_ptr_equal(heard->source->type, &source_wts);
    assert_int_equal(heard->sets + heard->healths, 0); /* nothing is said from within the call */
}

void wts_heard_stop(struct wts_heard *heard)
{
    heard->stopped = true;
    source_wts.stop(heard->source);
    (void)uv_run(&heard->loop, UV_RUN_DEFAULT);
    assert_int_equal(heard->after_stop, 0);
    assert_int_equal(uv_loop_close(&heard->loop), 0);
}

static void on_timer(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
    uv_stop(timer->loop);
}

struct wanted {
    const char *text;
    int number;
};

static void run(struct wts_heard *heard, unsigned ms,
                bool (*reached)(const struct wts_heard *, const struct wanted *), const struct wanted *wanted)
{
    uv_timer_t timer;
    bool over = false;
    (void)uv_timer_init(&heard->loop, &timer);
    timer.data = &over;
    uv_update_time(&heard->loop);
    (void)uv_timer_start(&timer, on_timer, ms, 0);
    while (!over && !reached(heard, wanted))
        (void)uv_run(&heard->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(&heard->loop, UV_RUN_NOWAIT);
}

static bool never(const struct wts_heard *heard, const struct wanted *wanted)
{
    (void)heard;
    (void)wanted;
    return false;
}

void wts_heard_run_ms(struct wts_heard *heard, unsigned ms)
{
    run(heard, ms, never, NULL);
}

static bool set_is(const struct wts_heard *heard, const struct wanted *wanted)
{
    return strcmp(heard->set, wanted->text) == 0;
}

void wts_heard_until_set(struct wts_heard *heard, const char *set)
{
    run(heard, PATIENCE_MS, set_is, &(struct wanted){.text = set});
    assert_string_equal(heard->set, set);
}

static bool health_is(const struct wts_heard *heard, const struct wanted *wanted)
{
    return heard->healths > 0 && heard->health == wanted->number && strstr(heard->detail, wanted->text);
}

void wts_heard_until_health(struct wts_heard *heard, int health, const char *words)
{
    const struct wanted wanted = {words, health};
    run(heard, PATIENCE_MS, health_is, &wanted);
    if (!health_is(heard, &wanted))
        fail_msg("wanted %d with \"%s\", the last is %d \"%s\"", health, words, heard->health, heard->detail);
}

static bool sets_are(const struct wts_heard *heard, const struct wanted *wanted)
{
    return heard->sets >= (unsigned)wanted->number;
}

void wts_heard_until_sets(struct wts_heard *heard, unsigned sets)
{
    run(heard, PATIENCE_MS, sets_are, &(struct wanted){.number = (int)sets});
    assert_true(heard->sets >= sets);
}
