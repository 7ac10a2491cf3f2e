/* gone.h - which live sessions are disconnected, in the order in which they were, and which of them have been
 * so for long.
 *
 * A session is known by its number. A change costs O(1). */
#ifndef FARMGATE_CTL_SIZING_GONE_H
#define FARMGATE_CTL_SIZING_GONE_H

#include "sizing.h"

#include <stdbool.h>

struct gone {
    struct gone_session *sessions; /* by number */
    size_t room;
    uint32_t last;
    uint32_t next[SIZING_SAVINGS]; /* the first whose absence was not told yet */
};

void gone_init(struct gone *gone);
void gone_finish(struct gone *gone);

bool gone_has(const struct gone *gone, uint32_t number);
/* Disconnected from now_ms on, which is not before any other's; it was not in. False without memory. */
bool gone_add(struct gone *gone, uint32_t number, int64_t now_ms);
/* It came back or ended; nothing if it was not in. */
void gone_remove(struct gone *gone, uint32_t number);

/* The next one that is disconnected since before `before_ms`, which never falls, once for each `saving`;
 * false: there is none. */
bool gone_take_next(struct gone *gone, int saving, int64_t before_ms, uint32_t *ret_number);

#endif
