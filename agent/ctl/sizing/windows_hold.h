/* windows_hold.h - events that wait, until it is known in which order they are to be given. */
#ifndef FARMGATE_CTL_WINDOWS_HOLD_H
#define FARMGATE_CTL_WINDOWS_HOLD_H

#include "windows_sessions.h"

struct windows_held {
    struct windows_event event;
    struct log_place place;
    char *texts; /* one piece of memory */
};

/* All zero: empty. */
struct windows_hold {
    struct windows_held *events;
    size_t count, room;
};

void windows_hold_finish(struct windows_hold *hold);

/* Copies an event to the end. The place's file outlives the hold. ERROR_NO_MEMORY. */
int windows_hold_add(struct windows_hold *hold, const struct windows_event *event,
                     const struct log_place *place);

/* Gives all, the last first if `backwards`, each with its place told in *place; then it is empty. What
 * windows_sessions_take returned. */
int windows_hold_give(struct windows_hold *hold, bool backwards, struct windows_sessions *sessions,
                      struct log_place *place);

#endif
