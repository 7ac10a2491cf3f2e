/* order.h - puts the events of many streams in one order of time, with a bounded buffer.
 *
 * Every stream gives its events in nearly the order of time: up to ORDER_LATE_MS behind the latest before
 * them. What is held is the last hour of each. Events of one instant stay as their stream gave them, and
 * those of several streams in the order of their numbers.
 *
 * A later event is an error where the stream is strict. Else its clock was set back: until it stands again
 * where it stood, all counts as of that instant, in the log's own order (REPAIR_CLOCK_BACK). A few stamps
 * that are more than ORDER_AHEAD_MS ahead of most of what follows them move nothing: they count as of what
 * comes next (REPAIR_CLOCK_AHEAD). With `all` everything is held and sorted by its stamp, and nothing is
 * repaired. */
#ifndef FARMGATE_CTL_ORDER_H
#define FARMGATE_CTL_ORDER_H

#include "sizing.h"

#include "common/error.h"

#include <stdbool.h>

#define ORDER_LATE_MS     INT64_C(3600000)
#define ORDER_AHEAD_MS    INT64_C(86400000) /* further ahead than what comes next: a wrong stamp */
#define ORDER_FOLLOWERS   16                /* events by which a stamp far ahead is judged */
#define ORDER_UNKNOWN_MS  INT64_MIN         /* the first time of a stream that is not known */
#define ORDER_NO_LIMIT_MS INT64_MAX

#define ORDER_PREFIX_BYTES_MAX 24

struct log_place;
struct repairs;

struct order_settings {
    bool all;
    /* Gets the events in order of time; its error is handed back. The texts live during the call. */
    int (*take)(void *data, const struct sizing_event *event);
    void *data;
    struct repairs *repairs; /* outlives the order */
};

struct order;
struct order_stream;

/* NULL without memory. */
struct order *order_create(const struct order_settings *settings);
void order_destroy(struct order *order);

/* A further stream; `data` is handed back by order_wanting. `first_ms`: the time of its first event, as far
 * as known. Nothing is given on until a stream that was added has been put events or has ended. NULL without
 * memory. */
struct order_stream *order_add(struct order *order, uint32_t number, bool strict, int64_t first_ms,
                               void *data);

/* What the names of its sessions are to begin with, of ORDER_PREFIX_BYTES_MAX at most, so that those of two
 * streams are told apart. */
void order_prefix_sessions(struct order_stream *stream, const char *prefix);

/* The next event of a stream, and where it stands; the place's file outlives the order. ERROR_INVALID: later
 * than a strict stream's may be; ERROR_TOO_LARGE: the name of its session is too long with the prefix; both
 * leave it out. ERROR_NO_MEMORY. */
int order_put(struct order_stream *stream, const struct sizing_event *event, const struct log_place *place);

/* The latest stamp that was believed; ORDER_UNKNOWN_MS before the first. */
int64_t order_latest_ms(const struct order_stream *stream);
/* Nothing earlier will come from it: ORDER_LATE_MS before the latest. */
int64_t order_bound_ms(const struct order_stream *stream);

/* A file ends here: what was put is judged without what follows. ERROR_NO_MEMORY. */
int order_settle(struct order_stream *stream);
/* There is nothing more to come. The stream must not be used any more. */
int order_end(struct order_stream *stream);

/* The data of the stream that holds the others back most: it is to be read next. False: there is none. */
bool order_wanting(const struct order *order, void **ret_data, int64_t *ret_bound_ms);

/* Gives on everything before `before_ms` that nothing can come before any more. */
int order_flush(struct order *order, int64_t before_ms);

#endif
