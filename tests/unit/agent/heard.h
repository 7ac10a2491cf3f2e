/* heard.h - a listener that writes down what a session source says, and a loop that runs until it was said.
 */
#ifndef FARMGATE_TESTS_HEARD_H
#define FARMGATE_TESTS_HEARD_H

#include "agent/sessions/source.h"

struct heard {
    uv_loop_t loop;
    unsigned sets, healths;
    int error; /* of the last on_health */
    char detail[ERROR_DETAIL_BYTES];
    bool complete;
    /* The last set of the host `here`, a line each: "ID USER SERVICE TYPE CLASS STATE[ remote][ closing]",
     * with "-" for what is absent. */
    char set[4096];
    char elsewhere[4096]; /* the same, of the last set of any other host, after its name and a newline */
    int64_t began_ms;     /* of the last session of the last set */
    unsigned after_stop;  /* callbacks that came too late */
    bool stopped;
};

struct source_listener heard_listener(struct heard *heard);
void heard_init(struct heard *heard);
/* The loop must be empty: nothing was leaked. */
void heard_finish(struct heard *heard);

/* Runs the loop until `set` was the last one heard of the host `here`; fails after some seconds. */
void heard_until(struct heard *heard, const char *set);
void heard_until_error(struct heard *heard, int error);
/* Runs the loop until so many sets have come in all. */
void heard_until_sets(struct heard *heard, unsigned sets);
void heard_run_ms(struct heard *heard, unsigned ms);
/* Stops the source; nothing may be heard afterwards. */
void heard_stop(struct heard *heard, struct source *source);

#endif
