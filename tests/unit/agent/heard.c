#include "heard.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 8000

static const char *or_dash(const char *text)
{
    return text != NULL ? text : "-";
}

static void write_down(char *ret, size_t bytes, const struct session_facts *sessions, size_t count)
{
    size_t at = strlen(ret);

    for (size_t i = 0; i < count && at < bytes; i++) {
        const struct session_facts *facts = &sessions[i];

        at += (size_t)snprintf(ret + at, bytes - at, "%s %s %s %s %s %s%s%s\n", facts->id, facts->user,
                               or_dash(facts->service), or_dash(facts->type), or_dash(facts->session_class),
                               facts->state == CONNECTION_ACTIVE ? "active" : "disconnected",
                               facts->remote ? " remote" : "", facts->closing ? " closing" : "");
    }
}

static void on_set(void *data, struct source *source, const char *host, const struct session_facts *sessions,
                   size_t count, bool complete)
{
    struct heard *heard = data;

    (void)source;
    heard->after_stop += heard->stopped;
    uv_stop(&heard->loop); /* what waits for this set sees it before the next */
    heard->sets++;
    heard->complete = complete;
    if (count > 0)
        heard->began_ms = sessions[count - 1].connected_at_ms;
    if (strcmp(host, "here") == 0) {
        heard->set[0] = '\0';
        write_down(heard->set, sizeof(heard->set), sessions, count);
        return;
    }
    snprintf(heard->elsewhere, sizeof(heard->elsewhere), "%s\n", host);
    write_down(heard->elsewhere, sizeof(heard->elsewhere), sessions, count);
}

static void on_health(void *data, struct source *source, int error, const char *detail)
{
    struct heard *heard = data;

    (void)source;
    heard->after_stop += heard->stopped;
    uv_stop(&heard->loop);
    heard->healths++;
    heard->error = error;
    snprintf(heard->detail, sizeof(heard->detail), "%s", detail);
}

struct source_listener heard_listener(struct heard *heard)
{
    return (struct source_listener){.on_set = on_set, .on_health = on_health, .data = heard};
}

void heard_init(struct heard *heard)
{
    memset(heard, 0, sizeof(*heard));
    strcpy(heard->set, "nothing yet");
    assert_int_equal(uv_loop_init(&heard->loop), 0);
}

void heard_finish(struct heard *heard)
{
    assert_int_equal(heard->after_stop, 0);
    assert_int_equal(uv_loop_close(&heard->loop), 0);
}

static void on_timer(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void run(struct heard *heard, unsigned ms, bool (*reached)(struct heard *, const void *),
                const void *wanted)
{
    uv_timer_t timer;
    bool over = false;

    uv_timer_init(&heard->loop, &timer);
    timer.data = &over;
    uv_timer_start(&timer, on_timer, ms, 0);
    while (!over && !reached(heard, wanted))
        uv_run(&heard->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&heard->loop, UV_RUN_NOWAIT);
}

static bool set_is(struct heard *heard, const void *wanted)
{
    return strcmp(heard->set, wanted) == 0;
}

void heard_until(struct heard *heard, const char *set)
{
    run(heard, PATIENCE_MS, set_is, set);
    assert_string_equal(heard->set, set);
}

static bool error_is(struct heard *heard, const void *wanted)
{
    return heard->healths > 0 && heard->error == *(const int *)wanted;
}

void heard_until_error(struct heard *heard, int error)
{
    run(heard, PATIENCE_MS, error_is, &error);
    assert_true(heard->healths > 0);
    assert_int_equal(heard->error, error);
}

static bool sets_are(struct heard *heard, const void *wanted)
{
    return heard->sets >= *(const unsigned *)wanted;
}

void heard_until_sets(struct heard *heard, unsigned sets)
{
    run(heard, PATIENCE_MS, sets_are, &sets);
    assert_true(heard->sets >= sets);
}

static bool never(struct heard *heard, const void *wanted)
{
    (void)heard;
    (void)wanted;
    return false;
}

void heard_run_ms(struct heard *heard, unsigned ms)
{
    run(heard, ms, never, NULL);
}

void heard_stop(struct heard *heard, struct source *source)
{
    source->type->stop(source);
    heard->stopped = true;
    uv_run(&heard->loop, UV_RUN_DEFAULT);
}
