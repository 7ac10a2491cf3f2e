/* loop_watch.h - how long each turn of the event loop took: for so long whatever arrived meanwhile had to
 * wait. */
#ifndef FARMGATE_AGENT_LOOP_WATCH_H
#define FARMGATE_AGENT_LOOP_WATCH_H

#include "histogram.h"

#include <uv.h>

struct loop_watch {
    uv_prepare_t turned;
    uint64_t at_ns, idle_ns; /* when the last turn ended, and what the loop had waited until then */
    struct histogram turns;
};

/* Before the loop runs, which it does not keep running. */
void loop_watch_init(struct loop_watch *watch, uv_loop_t *loop);
/* Its handle closes with the loop's next turn. */
void loop_watch_finish(struct loop_watch *watch);

#endif
