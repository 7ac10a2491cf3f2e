/* farm_view.h - /v1/farm as people see it: where this host stands, what its farm does not have or know, and
 * every host of it. */
#ifndef FARMGATE_CTL_FARM_VIEW_H
#define FARMGATE_CTL_FARM_VIEW_H

#include "term.h"

#include "common/json.h"

#define FARM_VIEW_HOSTS_MAX 20000 /* hosts that brokers alone speak of are among them */
#define FARM_VIEW_GAPS_MAX  16

struct farm_view_host {
    char host[256], state[16], version[32];
    int64_t connections; /* -1: not known there */
    int64_t silent_since_ms, last_change_ms;
    bool answering;
};
struct farm_view_gap {
    int64_t after_ms, through_ms, changes;
    char host[256]; /* whose changes came late; "": history was lost */
};
struct farm_view_store {
    int64_t revision, gaps_ever, unreadable;
    bool more;
    size_t gaps_count;
    struct farm_view_gap gaps[FARM_VIEW_GAPS_MAX];
};

struct farm_view {
    char host[256], mode[16], name[64], part[16], leader[256], holder[64], endpoint[512];
    char detail[512], store_detail[512];
    int64_t now_ms, since_ms, verdict_at_ms, waiting_since_ms;
    int64_t waiting, gaps, head;
    int64_t lag;            /* -1: not known */
    struct json_span store; /* start NULL: nothing came from it */
    size_t hosts_count;
    struct farm_view_host hosts[FARM_VIEW_HOSTS_MAX];
};

extern const struct json_shape farm_view_shape;

/* To be freed with free(); NULL without memory. */
struct farm_view *farm_view_create(void);
/* While the answer lives. False without memory. */
bool farm_view_print(const struct farm_view *view, const struct term *term);

/* What a host is in its farm, in words: "follows rds1, which counts for the farm". */
#define FARM_VIEW_PART_BYTES 512
const char *farm_view_part(const char *part, const char *leader, char ret[FARM_VIEW_PART_BYTES]);

/* How a host's state is shown. */
enum term_style farm_view_state_style(const char *state);

#endif
