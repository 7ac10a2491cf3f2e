#include "windows_hold.h"

#include <stdlib.h>
#include <string.h>

static void empty(struct windows_hold *hold)
{
    for (size_t i = 0; i < hold->count; i++)
        free(hold->events[i].texts);
    hold->count = 0;
}

void windows_hold_finish(struct windows_hold *hold)
{
    empty(hold);
    free(hold->events);
    *hold = (struct windows_hold){0};
}

static bool reserve(struct windows_hold *hold)
{
    if (hold->count < hold->room)
        return true;
    size_t room = hold->room == 0 ? 32 : hold->room * 2;
    struct windows_held *events = realloc(hold->events, room * sizeof *events);
    if (events == NULL)
        return false;
    hold->events = events;
    hold->room = room;
    return true;
}

int windows_hold_add(struct windows_hold *hold, const struct windows_event *event,
                     const struct log_place *place)
{
    size_t host_bytes = strlen(event->host) + 1, user_bytes = strlen(event->user) + 1;
    char *texts = reserve(hold) ? malloc(host_bytes + user_bytes) : NULL;
    if (texts == NULL)
        return ERROR_NO_MEMORY;
    struct windows_held *held = &hold->events[hold->count++];
    *held = (struct windows_held){*event, *place, texts};
    held->event.host = memcpy(texts, event->host, host_bytes);
    held->event.user = memcpy(texts + host_bytes, event->user, user_bytes);
    return 0;
}

int windows_hold_give(struct windows_hold *hold, bool backwards, struct windows_sessions *sessions,
                      struct log_place *place)
{
    int code = 0;
    for (size_t i = 0; i < hold->count && code == 0; i++) {
        const struct windows_held *held = &hold->events[backwards ? hold->count - 1 - i : i];
        *place = held->place;
        code = windows_sessions_take(sessions, &held->event, place);
    }
    empty(hold);
    return code;
}
