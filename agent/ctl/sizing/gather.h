/* gather.h - holds the events of a log until all are read, to replay them in the order of time; those of one
 * instant stay as they came. Errors are those of common/error.h. */
#ifndef FARMGATE_CTL_SIZING_GATHER_H
#define FARMGATE_CTL_SIZING_GATHER_H

#include "sizing.h"

struct gather;

/* NULL without memory. */
struct gather *gather_create(void);
void gather_destroy(struct gather *gather);

/* Keeps an event, its texts included. ERROR_NO_MEMORY. */
int gather_add(struct gather *gather, const struct sizing_event *event);

/* Gives all of them to `sizing`. As sizing_take. */
int gather_replay(struct gather *gather, struct sizing *sizing);

#endif
