#include "loop_watch.h"

/* Called just before the loop waits: what has passed since the last time without waiting was work. */
static void on_turned(uv_prepare_t *handle)
{
    struct loop_watch *watch = handle->data;
    uint64_t at_ns = uv_hrtime(), idle_ns = uv_metrics_idle_time(handle->loop);
    uint64_t passed_ns = at_ns - watch->at_ns, waited_ns = idle_ns - watch->idle_ns;
    histogram_note(&watch->turns, passed_ns > waited_ns ? passed_ns - waited_ns : 0);
    watch->at_ns = at_ns;
    watch->idle_ns = idle_ns;
}

void loop_watch_init(struct loop_watch *watch, uv_loop_t *loop)
{
    (void)uv_loop_configure(loop, UV_METRICS_IDLE_TIME); /* fails only where libuv does not know it */
    *watch = (struct loop_watch){.at_ns = uv_hrtime(), .idle_ns = uv_metrics_idle_time(loop)};
    (void)uv_prepare_init(loop, &watch->turned);
    watch->turned.data = watch;
    (void)uv_prepare_start(&watch->turned, on_turned);
    uv_unref((uv_handle_t *)&watch->turned);
}

void loop_watch_finish(struct loop_watch *watch)
{
    uv_close((uv_handle_t *)&watch->turned, NULL);
}
