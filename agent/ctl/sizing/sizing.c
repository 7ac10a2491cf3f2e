#include "sizing.h"

#include "name_set.h"

#include "agent/core/core_error.h"
#include "agent/core/peak.h"
#include "agent/core/tally.h"
#include "common/error.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES (1u << 20)

/* Texts live in chunks until the sizing ends. */
struct chunk {
    struct chunk *next;
    size_t used;
    char text[ARENA_BYTES];
};

struct kept_event {
    int64_t at_ms;
    size_t sequence;
    const char *text; /* host, session and, of a connect, user, one behind the other */
    uint8_t type, kind, route, administrator;
};

struct sizing {
    struct tally_settings settings;
    struct tally *tally;
    struct peak peak;
    struct name_set users, hosts;
    struct chunk *chunks;
    struct kept_event *events;
    size_t event_count, event_room;
    struct sizing_window *windows;
    size_t window_room;
    struct sizing_result result;
    int error; /* of a window that could not be kept */
};

/* Room for one more at the end of an array; NULL without memory. */
static void *grow(void *array, size_t count, size_t *room, size_t element_bytes)
{
    if (count < *room)
        return array;
    size_t more = *room == 0 ? 1024 : *room * 2;
    void *grown = realloc(array, more * element_bytes);
    if (grown != NULL)
        *room = more;
    return grown;
}

/* ---- gathering ----------------------------------------------------------------------------------------- */

static char *arena_take(struct sizing *sizing, size_t bytes)
{
    struct chunk *chunk = sizing->chunks;
    if (chunk == NULL || sizeof chunk->text - chunk->used < bytes) {
        chunk = malloc(sizeof *chunk);
        if (chunk == NULL)
            return NULL;
        chunk->next = sizing->chunks;
        chunk->used = 0;
        sizing->chunks = chunk;
    }
    char *text = chunk->text + chunk->used;
    chunk->used += bytes;
    return text;
}

static const char *keep_texts(struct sizing *sizing, const struct sizing_event *event)
{
    const char *user = event->type == SIZING_CONNECT ? event->user : "";
    size_t host_bytes = strlen(event->host) + 1, session_bytes = strlen(event->session) + 1,
           user_bytes = strlen(user) + 1;
    char *text = arena_take(sizing, host_bytes + session_bytes + user_bytes);
    if (text == NULL)
        return NULL;
    memcpy(text, event->host, host_bytes);
    memcpy(text + host_bytes, event->session, session_bytes);
    memcpy(text + host_bytes + session_bytes, user, user_bytes);
    return text;
}

int sizing_add(struct sizing *sizing, const struct sizing_event *event)
{
    struct kept_event *events =
        grow(sizing->events, sizing->event_count, &sizing->event_room, sizeof *events);
    if (events == NULL)
        return ERROR_NO_MEMORY;
    sizing->events = events;
    const char *text = keep_texts(sizing, event);
    if (text == NULL)
        return ERROR_NO_MEMORY;
    events[sizing->event_count] = (struct kept_event){
        .at_ms = event->at_ms,
        .sequence = sizing->event_count,
        .text = text,
        .type = (uint8_t)event->type,
        .kind = (uint8_t)event->kind,
        .route = (uint8_t)event->route,
        .administrator = (uint8_t)event->administrator,
    };
    sizing->event_count++;
    return 0;
}

/* ---- replaying ----------------------------------------------------------------------------------------- */

static int by_time(const void *one, const void *other)
{
    const struct kept_event *a = one, *b = other;
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    return a->sequence < b->sequence ? -1 : 1;
}

static void keep_window(void *data, const struct window *closed)
{
    struct sizing *sizing = data;
    struct sizing_window *windows =
        grow(sizing->windows, sizing->result.window_count, &sizing->window_room, sizeof *windows);
    if (windows == NULL) {
        sizing->error = ERROR_NO_MEMORY;
        return;
    }
    sizing->windows = windows;
    windows[sizing->result.window_count++] =
        (struct sizing_window){window_start(closed->start_ms), closed->peak_users};
}

/* The peak leaves a gap after too long a pause; a log's pauses are walked through in steps that are not. */
static int advance(struct sizing *sizing, int64_t now_ms)
{
    const int64_t step_ms = (PEAK_CATCH_UP_MAX - 1) * WINDOW_MS;
    while (sizing->error == 0 && now_ms - sizing->peak.now_ms > step_ms)
        peak_advance(&sizing->peak, sizing->peak.now_ms + step_ms, keep_window, sizing);
    peak_advance(&sizing->peak, now_ms, keep_window, sizing);
    return sizing->error;
}

static int from_core(int code)
{
    return code == CORE_NO_MEMORY ? ERROR_NO_MEMORY : code == CORE_FULL ? ERROR_FULL : ERROR_INVALID;
}

static bool is_same_user(const char *one, const char *other)
{
    char one_key[IDENTITY_KEY_BYTES_MAX], other_key[IDENTITY_KEY_BYTES_MAX];
    identity_key(one, NULL, 0, one_key);
    identity_key(other, NULL, 0, other_key);
    return strcmp(one_key, other_key) == 0;
}

static int note_counted(struct sizing *sizing, const struct connection *connection)
{
    char key[IDENTITY_KEY_BYTES_MAX];
    if ((sizing->settings.routes_counted & ROUTE_BIT(connection->route)) == 0)
        return 0;
    identity_key(connection->user, NULL, 0, key);
    if (!name_set_add(&sizing->users, key) || !name_set_add(&sizing->hosts, connection->host))
        return ERROR_NO_MEMORY;
    return 0;
}

static int put(struct sizing *sizing, const struct connection *connection)
{
    int code = tally_put(sizing->tally, connection, 0);
    return code < 0 ? from_core(code) : 0;
}

/* A live session's own user again: back to a disconnected session, else no change. */
static int replay_connect(struct sizing *sizing, const struct connection *connection)
{
    struct tally_entry live;
    int code = note_counted(sizing, connection);
    if (code < 0)
        return code;
    if (!tally_find(sizing->tally, connection->host, connection->id, &live) ||
        !is_same_user(live.connection.user, connection->user))
        return put(sizing, connection);
    if (live.connection.state == CONNECTION_ACTIVE) {
        sizing->result.repeated_connects++;
        return 0;
    }
    live.connection.state = CONNECTION_ACTIVE;
    return put(sizing, &live.connection);
}

static int replay_disconnect(struct sizing *sizing, const struct connection *connection)
{
    struct tally_entry live;
    if (!tally_find(sizing->tally, connection->host, connection->id, &live)) {
        sizing->result.unknown_sessions++;
        return 0;
    }
    live.connection.state = CONNECTION_DISCONNECTED;
    return put(sizing, &live.connection);
}

static bool take_first(void *data, const struct tally_entry *entry)
{
    struct tally_entry *first = data;
    *first = *entry;
    return false;
}

static void end_host(struct sizing *sizing, const char *host)
{
    for (;;) {
        struct tally_entry first = {0};
        tally_each(sizing->tally, host, NULL, take_first, &first);
        if (first.connection.id == NULL)
            return;
        (void)tally_end(sizing->tally, host, first.connection.id);
    }
}

static int replay(struct sizing *sizing, const struct kept_event *event)
{
    const char *session = event->text + strlen(event->text) + 1;
    struct connection connection = {
        .host = event->text,
        .id = session,
        .user = session + strlen(session) + 1,
        .connected_at_ms = event->at_ms,
        .kind = (enum connection_kind)event->kind,
        .route = (enum connection_route)event->route,
        .state = CONNECTION_ACTIVE,
        .administrator = (enum administrator)event->administrator,
    };
    switch ((enum sizing_type)event->type) {
    case SIZING_CONNECT:
        return replay_connect(sizing, &connection);
    case SIZING_DISCONNECT:
        return replay_disconnect(sizing, &connection);
    case SIZING_HOST_END:
        end_host(sizing, connection.host);
        return 0;
    default:
        if (tally_end(sizing->tally, connection.host, connection.id) == CORE_UNKNOWN)
            sizing->result.unknown_sessions++;
        return 0;
    }
}

static int replay_all(struct sizing *sizing)
{
    peak_start(&sizing->peak, tally_level(sizing->tally), sizing->events[0].at_ms);
    for (size_t i = 0; i < sizing->event_count; i++) {
        const struct kept_event *event = &sizing->events[i];
        int code = advance(sizing, event->at_ms);
        if (code == 0)
            code = replay(sizing, event);
        if (code < 0)
            return code;
        (void)peak_observe(&sizing->peak, tally_level(sizing->tally), event->at_ms);
    }
    keep_window(sizing, &sizing->peak.window);
    return sizing->error;
}

static void summarise(struct sizing *sizing)
{
    struct sizing_result *result = &sizing->result;
    result->peak_users = sizing->peak.ever.users;
    result->peak_at_ms = result->peak_users == 0 ? result->first_at_ms : sizing->peak.ever.at_ms;
    result->users = sizing->users.count;
    result->hosts = sizing->hosts.count;
    result->windows = sizing->windows;
}

int sizing_run(struct sizing *sizing, struct sizing_result *ret_result)
{
    struct sizing_result *result = &sizing->result;
    result->events = sizing->event_count;
    if (sizing->event_count > 0) {
        qsort(sizing->events, sizing->event_count, sizeof *sizing->events, by_time);
        result->first_at_ms = sizing->events[0].at_ms;
        result->last_at_ms = sizing->events[sizing->event_count - 1].at_ms;
        if ((result->last_at_ms - window_start(result->first_at_ms)) / WINDOW_MS >= SIZING_WINDOWS_MAX)
            return ERROR_TOO_LARGE;
        int code = replay_all(sizing);
        if (code < 0)
            return code;
        summarise(sizing);
    }
    *ret_result = *result;
    return 0;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

struct sizing *sizing_create(const struct tally_settings *settings)
{
    struct sizing *sizing = calloc(1, sizeof *sizing);
    if (sizing == NULL)
        return NULL;
    sizing->settings = *settings;
    name_set_init(&sizing->users, settings->seed);
    name_set_init(&sizing->hosts, settings->seed);
    sizing->tally = tally_create(settings);
    if (sizing->tally != NULL)
        return sizing;
    sizing_destroy(sizing);
    return NULL;
}

void sizing_destroy(struct sizing *sizing)
{
    if (sizing == NULL)
        return;
    while (sizing->chunks != NULL) {
        struct chunk *next = sizing->chunks->next;
        free(sizing->chunks);
        sizing->chunks = next;
    }
    free(sizing->windows);
    free(sizing->events);
    name_set_finish(&sizing->hosts);
    name_set_finish(&sizing->users);
    tally_destroy(sizing->tally);
    free(sizing);
}
