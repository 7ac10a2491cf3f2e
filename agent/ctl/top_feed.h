/* top_feed.h - what `farmgate top` knows of the agent: asked for when an event says that something has
 * changed, and now and then for what no event tells. A lost agent is waited for. */
#ifndef FARMGATE_CTL_TOP_FEED_H
#define FARMGATE_CTL_TOP_FEED_H

#include "connections_view.h"
#include "farm_view.h"
#include "status_view.h"

#include "common/local_client.h"

#include <uv.h>

#define TOP_EVENTS_MAX      200 /* the last ones, kept for the screen */
#define TOP_EVENT_BYTES     512 /* of a text; the rest is cut */
#define TOP_WINDOW_MS       1200000
#define TOP_WINDOWS_MAX     72 /* of a UTC day */
#define TOP_HEAL_ALONE_MS   60000
#define TOP_HEAL_SHARED_MS  10000 /* of many hosts: the others' changes are no events here */
#define TOP_RETRY_FIRST_MS  500
#define TOP_RETRY_LAST_MS   5000
#define TOP_PAUSE_FACTOR    10 /* asking takes at most a tenth of the time, of the agent's as well */
#define TOP_LOST_TEXT_BYTES 600

struct top_event {
    int64_t at_ms;
    char severity[16], text[TOP_EVENT_BYTES];
};

/* The last answers; each stands until the next of its kind. */
struct top_told {
    bool has_status;
    struct status_view status;
    struct local_client_answer status_answer; /* the status points into it */
    uint64_t status_at_ms;                    /* by the loop's clock */
    struct connections_view *connections;     /* NULL: not told yet */
    struct farm_view *farm;                   /* NULL: this host is its own farm, or not told yet */
    int64_t peaks[TOP_WINDOWS_MAX];           /* of today's windows; -1: none was counted */
    size_t events_first, events_count;
    struct top_event events[TOP_EVENTS_MAX];
    char lost[TOP_LOST_TEXT_BYTES]; /* why the agent does not answer; "" it does */
    int64_t lost_since_ms;          /* wall clock */
};

struct top_feed;
/* `on_change` is called from the loop when something in *told has changed. NULL without memory. `socket`:
 * NULL for the usual ones. */
struct top_feed *top_feed_create(uv_loop_t *loop, const char *socket, uint64_t interval_ms,
                                 void (*on_change)(void *data), void *data);
const struct top_told *top_feed_told(const struct top_feed *feed);
/* Asks anew soon, as if an event had come. */
void top_feed_refresh(struct top_feed *feed);
/* Ends every call; the loop has to run to its end before top_feed_destroy. */
void top_feed_stop(struct top_feed *feed);
void top_feed_destroy(struct top_feed *feed);

/* The licence's now, as far as it is known: what the last status said and the time since. */
int64_t top_told_now_ms(const struct top_told *told, uint64_t loop_now_ms);
/* The event that many before the last one. */
const struct top_event *top_told_event(const struct top_told *told, size_t before_last);

#endif
