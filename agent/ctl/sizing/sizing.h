/* sizing.h - replays a log of sessions through the core's tally and peak, as if the farm had been counted
 * then.
 *
 * Events are gathered in any order, sorted by time (those of one instant stay as they came) and replayed
 * once. Errors are those of common/error.h. */
#ifndef FARMGATE_CTL_SIZING_H
#define FARMGATE_CTL_SIZING_H

#include "agent/core/connection.h"

#include <stddef.h>
#include <stdint.h>

#define SIZING_WINDOWS_MAX 2100000 /* 20-minute windows between first and last event: 80 years */
#define SIZING_TIME_MS_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

struct tally_settings;

/* HOST_END: all live sessions of a host end (it was started again, or shut down); `session` is "". */
enum sizing_type { SIZING_CONNECT, SIZING_DISCONNECT, SIZING_LOGOFF, SIZING_HOST_END, SIZING_TYPE_MAX };

/* Texts belong to the caller. Instants are Unix ms, 0..SIZING_TIME_MS_MAX. */
struct sizing_event {
    int64_t at_ms;
    enum sizing_type type;
    const char *host, *session;
    /* of a connect: */
    const char *user;
    enum connection_kind kind;
    enum connection_route route;
    enum administrator administrator;
};

struct sizing_window {
    int64_t start_ms;
    uint32_t peak_users;
};

/* Lives as long as the sizing. */
struct sizing_result {
    uint64_t events;
    uint64_t users, hosts; /* of counted connects: connects whose route is counted */
    uint32_t peak_users;
    int64_t peak_at_ms;                  /* the first instant of the peak; meaningless without events */
    int64_t first_at_ms, last_at_ms;     /* of all events */
    const struct sizing_window *windows; /* from that of the first event to that of the last */
    size_t window_count;
    uint64_t repeated_connects; /* of a live, active session by its own user: no change */
    uint64_t unknown_sessions;  /* disconnects and log-offs of sessions that are not live: ignored */
};

struct sizing;

/* NULL without memory. */
struct sizing *sizing_create(const struct tally_settings *settings);
void sizing_destroy(struct sizing *sizing);

/* Takes one event. ERROR_NO_MEMORY. */
int sizing_add(struct sizing *sizing, const struct sizing_event *event);

/* Replays all of them; once. ERROR_TOO_LARGE: more than SIZING_WINDOWS_MAX; ERROR_FULL: a limit of the
 * tally's; ERROR_NO_MEMORY. */
int sizing_run(struct sizing *sizing, struct sizing_result *ret_result);

#endif
