/* sizing.h - replays sessions through the core's tally and peak, as if the farm had been counted then, and
 * gathers what the answers are made of.
 *
 * One pass: memory is bound by live sessions, distinct names and the windows and days from the first event to
 * the last, not by the number of events. Errors are those of common/error.h. */
#ifndef FARMGATE_CTL_SIZING_H
#define FARMGATE_CTL_SIZING_H

#include "agent/core/connection.h"

#include <stddef.h>
#include <stdint.h>

#define SIZING_WINDOWS_MAX 2100000 /* 20-minute windows between first and last event: 80 years */
#define SIZING_TIME_MS_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */
#define SIZING_WEEK_HOURS  168                      /* from Monday 00:00 */
#define SIZING_SAVINGS     3

/* After how many hours of being disconnected sessions would be ended: 1, 2, 4. */
extern const int sizing_saving_hours[SIZING_SAVINGS];

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

/* Whose days and hours of the week are told. Windows are UTC's everywhere (RULES §3.2). */
struct sizing_zone {
    /* How far its clocks are ahead of UTC at an instant, ms. */
    int64_t (*offset_ms)(const void *data, int64_t at_ms);
    const void *data;
};

struct sizing_window {
    int64_t start_ms;
    uint32_t peak_users;
};

struct sizing_day {
    int64_t date;     /* days from 1970-01-01 in the zone */
    int64_t start_ms; /* its first instant in the log */
    int64_t peak_at_ms;
    uint32_t peak_users;
};

/* How long exactly `users` were on, and how a limit of `users` would have fared. An excess goes from the
 * instant at which more are on to the one at which no more are; it may be without duration. */
struct sizing_level {
    int64_t held_ms;                             /* exactly so many users */
    uint64_t excesses;                           /* how often the limit was exceeded; if ever: */
    int64_t first_above_ms, last_above_until_ms; /* where the first begins and the last one ends */
    int64_t longest_above_ms;
    uint64_t settled_excesses;   /* of these, how many lasted longer than USAGE_SETTLE_MS; if any: */
    int64_t first_settled_at_ms; /* where the first of them begins */
};

/* An hour of the week, of all weeks. */
struct sizing_hour {
    uint32_t peak_users;
    int64_t held_ms;       /* how much of it the log covers */
    int64_t user_ms;       /* sum of users × time: divided by held_ms the mean */
    const int64_t *levels; /* how long exactly so many users were on: [0..level_count) */
    uint32_t level_count;
};

/* Lives as long as the sizing. Users are concurrent users; everything of routes that count, unless said. */
struct sizing_result {
    uint64_t events;
    uint64_t users, hosts; /* of counted connects: connects whose route is counted */
    uint32_t peak_users;
    int64_t peak_at_ms;                  /* the first instant of the peak; meaningless without events */
    int64_t first_at_ms, last_at_ms;     /* of all events */
    const struct sizing_window *windows; /* from that of the first event to that of the last */
    size_t window_count;
    const struct sizing_day *days; /* from that of the first event to that of the last */
    size_t day_count;
    struct sizing_hour week[SIZING_WEEK_HOURS];
    const struct sizing_level *levels; /* [0..peak_users] */
    const char *const *peak_names;     /* who was on at peak_at_ms: keys of identity.h, sorted as bytes */
    size_t peak_name_count;

    uint32_t peak_without_exemptions;              /* if administrators' desktops counted as everybody's */
    uint32_t peak_ended_after[SIZING_SAVINGS];     /* if sessions disconnected for so long had been ended: */
    uint64_t sessions_ended_after[SIZING_SAVINGS]; /* so many would have been; a connect begins them anew */

    uint64_t repeated_connects; /* of a live, active session by its own user: no change */
    uint64_t unknown_sessions;  /* disconnects and log-offs of sessions that are not live: ignored */
    uint64_t ended_with_host;   /* sessions that a HOST_END ended */
    uint64_t open_at_end;       /* sessions still live after the last event */
    uint64_t disconnects;       /* of live, active sessions; 0: the log knows of none */

    uint64_t sessions[ROUTE_MAX];    /* begun, of each route, counted or not */
    uint64_t administrators_unknown; /* counted desktops begun whose user may be an administrator */
};

struct sizing;

/* `zone` may be NULL (UTC); what it points to outlives the sizing. NULL without memory. */
struct sizing *sizing_create(const struct tally_settings *settings, const struct sizing_zone *zone);
void sizing_destroy(struct sizing *sizing);

/* Takes the next event; its time is not before the last one's. ERROR_TOO_LARGE: more than SIZING_WINDOWS_MAX
 * since the first; ERROR_FULL: a limit of the tally's; ERROR_INVALID: a name that is empty or too long;
 * ERROR_NO_MEMORY. After one of the last two of what an event does nothing may be taken any more. */
int sizing_take(struct sizing *sizing, const struct sizing_event *event);

/* What it came to up to the last event; once. ERROR_NO_MEMORY. */
int sizing_finish(struct sizing *sizing, const struct sizing_result **ret_result);

#endif
