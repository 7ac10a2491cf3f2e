/* held_ends.h - ends of sessions that are stamped ahead of the log, held back until the log gets there: a
 * clock in local time stamps a boot hours ahead of the log-ins after it. */
#ifndef FARMGATE_CTL_HELD_ENDS_H
#define FARMGATE_CTL_HELD_ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct held_end {
    int64_t at_ms;
    uint64_t session; /* the reader's number of it; of one instant the lower one comes first */
};

/* All zero: none. */
struct held_ends {
    struct held_end *ends; /* a heap, the earliest first */
    size_t count, room;
};

void held_ends_finish(struct held_ends *held);
/* False without memory. */
bool held_ends_add(struct held_ends *held, struct held_end end);
/* Takes out the earliest one if it is due at `now_ms`. */
bool held_ends_due(struct held_ends *held, int64_t now_ms, struct held_end *ret_end);

#endif
