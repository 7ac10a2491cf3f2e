#include "gather.h"

#include "room.h"

#include "common/error.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (1u << 20)

/* Texts live in chunks until the end. */
struct chunk {
    struct chunk *next;
    size_t used;
    char text[CHUNK_BYTES];
};

struct kept_event {
    int64_t at_ms;
    size_t sequence;
    const char *text; /* host, session and, of a connect, user, one behind the other */
    uint8_t type, kind, route, administrator;
};

struct gather {
    struct chunk *chunks;
    struct kept_event *events;
    size_t event_count, event_room;
};

struct gather *gather_create(void)
{
    return calloc(1, sizeof(struct gather));
}

void gather_destroy(struct gather *gather)
{
    if (gather == NULL)
        return;
    while (gather->chunks != NULL) {
        struct chunk *next = gather->chunks->next;
        free(gather->chunks);
        gather->chunks = next;
    }
    free(gather->events);
    free(gather);
}

static char *take_room(struct gather *gather, size_t bytes)
{
    struct chunk *chunk = gather->chunks;
    if (chunk == NULL || sizeof chunk->text - chunk->used < bytes) {
        chunk = malloc(sizeof *chunk);
        if (chunk == NULL)
            return NULL;
        chunk->next = gather->chunks;
        chunk->used = 0;
        gather->chunks = chunk;
    }
    char *text = chunk->text + chunk->used;
    chunk->used += bytes;
    return text;
}

static const char *keep_texts(struct gather *gather, const struct sizing_event *event)
{
    const char *user = event->type == SIZING_CONNECT ? event->user : "";
    size_t host_bytes = strlen(event->host) + 1, session_bytes = strlen(event->session) + 1,
           user_bytes = strlen(user) + 1;
    char *text = take_room(gather, host_bytes + session_bytes + user_bytes);
    if (text == NULL)
        return NULL;
    memcpy(text, event->host, host_bytes);
    memcpy(text + host_bytes, event->session, session_bytes);
    memcpy(text + host_bytes + session_bytes, user, user_bytes);
    return text;
}

int gather_add(struct gather *gather, const struct sizing_event *event)
{
    void *events = gather->events;
    if (!room_reserve(&events, &gather->event_room, gather->event_count + 1, sizeof *gather->events))
        return ERROR_NO_MEMORY;
    gather->events = events;
    const char *text = keep_texts(gather, event);
    if (text == NULL)
        return ERROR_NO_MEMORY;
    gather->events[gather->event_count] = (struct kept_event){
        .at_ms = event->at_ms,
        .sequence = gather->event_count,
        .text = text,
        .type = (uint8_t)event->type,
        .kind = (uint8_t)event->kind,
        .route = (uint8_t)event->route,
        .administrator = (uint8_t)event->administrator,
    };
    gather->event_count++;
    return 0;
}

static int by_time(const void *one, const void *other)
{
    const struct kept_event *a = one, *b = other;
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    return a->sequence < b->sequence ? -1 : 1;
}

int gather_replay(struct gather *gather, struct sizing *sizing)
{
    int code = 0;
    if (gather->event_count > 0)
        qsort(gather->events, gather->event_count, sizeof *gather->events, by_time);
    for (size_t i = 0; i < gather->event_count && code == 0; i++) {
        const struct kept_event *kept = &gather->events[i];
        const char *session = kept->text + strlen(kept->text) + 1;
        const struct sizing_event event = {
            .at_ms = kept->at_ms,
            .type = (enum sizing_type)kept->type,
            .host = kept->text,
            .session = session,
            .user = session + strlen(session) + 1,
            .kind = (enum connection_kind)kept->kind,
            .route = (enum connection_route)kept->route,
            .administrator = (enum administrator)kept->administrator,
        };
        code = sizing_take(sizing, &event);
    }
    return code;
}
