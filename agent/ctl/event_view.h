/* event_view.h - a log event as the agent tells it: its members by name, also those that a later agent has
 * added. */
#ifndef FARMGATE_CTL_EVENT_VIEW_H
#define FARMGATE_CTL_EVENT_VIEW_H

#include <stddef.h>

#define EVENT_MEMBERS_MAX 32

struct event_member {
    char *name, *value;
};

/* Members that are null are left out. */
struct event_view {
    size_t count;
    struct event_member members[EVENT_MEMBERS_MAX];
};

/* 0, or a code of error.h: not an object, more than EVENT_MEMBERS_MAX members, no memory; nothing is to be
 * finished then. */
int event_view_read(const char *json, struct event_view *ret);
void event_view_finish(struct event_view *view);

/* "" if there is none of that name. */
const char *event_view_get(const struct event_view *view, const char *name);

#endif
