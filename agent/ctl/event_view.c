#include "event_view.h"

#include "common/json_members.h"

#include <stdlib.h>
#include <string.h>

static int add_member(void *data, const char *name, const char *value)
{
    struct event_view *view = data;
    if (!value)
        return 0;
    if (view->count == EVENT_MEMBERS_MAX)
        return ERROR_TOO_LARGE;
    struct event_member *member = &view->members[view->count++];
    *member = (struct event_member){strdup(name), strdup(value)};
    return member->name && member->value ? 0 : ERROR_NO_MEMORY;
}

int event_view_read(const char *json, struct event_view *ret)
{
    struct event_view view = {.count = 0};
    int error = json_members(json, strlen(json), add_member, &view);
    if (error)
        event_view_finish(&view);
    else
        *ret = view;
    return error;
}

void event_view_finish(struct event_view *view)
{
    for (size_t i = 0; i < view->count; i++) {
        free(view->members[i].name);
        free(view->members[i].value);
    }
    view->count = 0;
}

const char *event_view_get(const struct event_view *view, const char *name)
{
    for (size_t i = 0; i < view->count; i++) {
        if (strcmp(view->members[i].name, name) == 0)
            return view->members[i].value;
    }
    return "";
}
