/* wts_heard.h - runs a loop until the source of a Windows host's sessions has told something. */
#ifndef FARMGATE_TESTS_WTS_HEARD_H
#define FARMGATE_TESTS_WTS_HEARD_H

#include "agent/sessions/source.h"

#define WTS_HEARD_BYTES 4096
#define HEARD_LIMIT     1 /* on_limit */

struct wts_heard {
    uv_loop_t loop;
    struct source *source;
    unsigned sets, healths, after_stop;
    bool stopped;
    int health; /* of the last on_health, or HEARD_LIMIT */
    char detail[ERROR_DETAIL_BYTES];
    char set[WTS_HEARD_BYTES]; /* the last one, as wts_write_down has it */
    int64_t began_ms;          /* of its first session */
};

void wts_heard_start(struct wts_heard *heard); /* with source_wts */
void wts_heard_stop(
    struct wts_heard *heard); /* nothing may be said afterwards, and nothing be left in the loop */

void wts_heard_run_ms(struct wts_heard *heard, unsigned ms);
/* Run until the last set, or health, is that, or fail after some seconds. */
void wts_heard_until_set(struct wts_heard *heard, const char *set);
void wts_heard_until_health(struct wts_heard *heard, int health, const char *words);
void wts_heard_until_sets(struct wts_heard *heard, unsigned sets);

#endif
