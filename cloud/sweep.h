/* sweep.h - every hour, renews the subscriptions that renew by themselves and have fallen due, so that they
 * do even while none of their farms asks; and goes on closing the farms of cancelled ones. */
#ifndef FARMGATE_CLOUD_SWEEP_H
#define FARMGATE_CLOUD_SWEEP_H

#include "cloud/store/store.h"
#include "common/log.h"

#define SWEEP_EVERY_MS     3600000
#define SWEEP_RENEWALS_MAX 200 /* in one transaction: farms wait behind it */

struct sweep {
    uv_timer_t timer;
    struct store_job job;
    struct store *store;
    const struct log *log;
    int64_t now_ms;
    unsigned made, closed;
    bool under_way, again, stopped;
};

/* Begins at once; store and log outlive it. */
void sweep_start(struct sweep *sweep, uv_loop_t *loop, struct store *store, const struct log *log);

/* There is something to do before the hour is over. */
void sweep_soon(struct sweep *sweep);

/* To be called before store_close; work under way is still done. */
void sweep_stop(struct sweep *sweep);

#endif
