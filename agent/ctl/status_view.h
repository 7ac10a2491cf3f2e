/* status_view.h - /v1/status as the commands read it, and as people see it while the answer lives. */
#ifndef FARMGATE_CTL_STATUS_VIEW_H
#define FARMGATE_CTL_STATUS_VIEW_H

#include "setback_row.h"
#include "term.h"

#include "common/json.h"

#define STATUS_VIEW_TEXT_BYTES 511

struct status_verdict {
    bool open;
    char reason[64], admission[16], activation[32], text[STATUS_VIEW_TEXT_BYTES + 1];
};
struct status_window {
    int64_t peak_users;
};
struct status_peak {
    int64_t users, at_ms; /* 0: none yet */
};
struct status_clocks {
    int64_t expires_at_ms, refresh_by_ms, next_report_ms; /* 0: does not run */
    int64_t overuse_grace_ends_at_ms, deactivates_at_ms;
};
struct status_farm {
    char name[64], part[16], leader[256];
    int64_t verdict_at_ms, waiting, lag, gaps;
};
struct status_here {
    int64_t users, connections, exempt, disconnected;
};
struct status_entitlement {
    bool trial;
    char reason[STATUS_VIEW_TEXT_BYTES + 1]; /* why it revokes */
};

struct status_view {
    char host[256], version[64], farm_id[64], health[STATUS_VIEW_TEXT_BYTES + 1];
    int64_t now_ms;
    bool ready;
    struct status_verdict verdict;
    int64_t limit; /* -1: not activated */
    int64_t concurrent_users, users, connections, exempt, disconnected, hosts;
    struct status_window window;
    struct status_peak peak_today, peak_ever;
    struct status_clocks clocks;
    struct json_span next;   /* a sentence within the text that was read; none: start is NULL */
    int64_t last_contact_ms; /* 0: never */
    int64_t windows_queued, report_failures;
    bool offline; /* files are exchanged instead of reports */
    size_t setbacks_count;
    struct setback_row setbacks[SETBACK_ROWS_MAX]; /* within the text that was read */
    struct status_entitlement entitlement;
    struct status_farm farm; /* of many hosts, unless its part is "alone" or not told */
    struct status_here this_host;
};

extern const struct json_shape status_view_shape;

void status_view_init(struct status_view *view);
void status_view_print(const struct status_view *view, const struct term *term);

#endif
