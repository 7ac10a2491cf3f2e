/* GET /v1/events: stored events first, then each as it happens, none left out and none twice. While somebody
 * still replays, what is published meanwhile is kept in `recent`; a follower goes live when the store has no
 * more for him and `recent` reaches back to what he has. */
#include "api_internal.h"
#include "reply.h"

#include "agent/store.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_PAGE 256 /* stored events read at a time, */
#define EVENTS_PAGE_BYTES \
    65536 /* and of those as many sent as this: no follower falls behind for reading much */
#define EVENTS_RECENT_MAX    256   /* published events kept for those who replay */
#define EVENTS_KEEP_ALIVE_MS 45000 /* less than the minute after which proxies give up */

struct recent_event {
    struct recent_event *next;
    uint64_t id;
    char *frame;
};

struct follower {
    struct call call; /* its exchange waits until the first page is there */
    struct follower *previous, *next;
    struct http_stream *stream; /* NULL before the first page, and after the client has left */
    uint64_t sent;              /* the last id that the client has */
    uint64_t link;              /* of the status page, that he came with; 0: none */
    uint64_t dropped_at_query;  /* api->recent_dropped when the page was asked for */
    bool live;
    bool once;     /* ends where it would go live */
    bool behind;   /* has not heard what was published without an id and will be stored later */
    bool querying; /* the store will call */
    bool writing;  /* our own write is on the stack */
};

/* --- events that were just published -------------------------------------------------------- */

/* Without an id (an event that could not be stored) the client's cursor stays where it is. */
static char *make_frame(uint64_t id, const char *name, const char *json)
{
    char *frame = NULL;
    int bytes = id ? asprintf(&frame, "id: %" PRIu64 "\nevent: %s\ndata: %s\n\n", id, name, json)
                   : asprintf(&frame, "event: %s\ndata: %s\n\n", name, json);
    return bytes < 0 ? NULL : frame;
}

static void drop_oldest_recent(struct api *api)
{
    struct recent_event *oldest = api->recent_first;
    api->recent_first = oldest->next;
    if (!oldest->next)
        api->recent_last = NULL;
    api->recent_count--;
    free(oldest->frame);
    free(oldest);
}

static void keep_recent(struct api *api, uint64_t id, char *frame)
{
    struct recent_event *recent = malloc(sizeof(*recent));
    if (!recent) {
        api->recent_dropped = id > api->recent_dropped ? id : api->recent_dropped;
        free(frame);
        return;
    }
    *recent = (struct recent_event){.id = id, .frame = frame};
    if (api->recent_last)
        api->recent_last->next = recent;
    else
        api->recent_first = recent;
    api->recent_last = recent;
    if (++api->recent_count > EVENTS_RECENT_MAX) {
        api->recent_dropped =
            api->recent_first->id > api->recent_dropped ? api->recent_first->id : api->recent_dropped;
        drop_oldest_recent(api);
    }
}

static void replay_ended(struct api *api)
{
    if (--api->replaying > 0)
        return;
    while (api->recent_first)
        drop_oldest_recent(api);
}

/* --- followers ------------------------------------------------------------------------------ */

static void on_keep_alive(uv_timer_t *timer);
static void query_page(struct follower *follower);

static void follower_link(struct follower *follower)
{
    struct api *api = follower->call.api;
    follower->next = api->followers;
    if (api->followers)
        api->followers->previous = follower;
    api->followers = follower;
    if (++api->follower_count == 1)
        (void)uv_timer_start(&api->keep_alive, on_keep_alive, EVENTS_KEEP_ALIVE_MS, EVENTS_KEEP_ALIVE_MS);
}

static void follower_destroy(struct follower *follower)
{
    struct api *api = follower->call.api;
    assert(!follower->querying && !follower->stream);
    if (follower->previous)
        follower->previous->next = follower->next;
    else
        api->followers = follower->next;
    if (follower->next)
        follower->next->previous = follower->previous;
    if (--api->follower_count == 0)
        (void)uv_timer_stop(&api->keep_alive);
    if (!follower->live)
        replay_ended(api);
    call_end(&follower->call);
}

static void on_gone(void *data)
{
    struct follower *follower = data;
    follower->stream = NULL;
    if (!follower->querying && !follower->writing)
        follower_destroy(follower);
}

/* False: the client was too slow or has left; the caller lets go of the follower. */
static bool follower_write(struct follower *follower, const char *text)
{
    follower->writing = true;
    bool written = follower->stream && http_stream_write(follower->stream, text, strlen(text)) == 0;
    follower->writing = false;
    return written && follower->stream;
}

static void follower_drop(struct follower *follower)
{
    if (follower->stream)
        http_stream_end(follower->stream);
    follower->stream = NULL;
    if (!follower->querying)
        follower_destroy(follower);
}

void events_check_links(struct api *api)
{
    for (struct follower *follower = api->followers, *next; follower; follower = next) {
        next = follower->next;
        if (follower->link != 0 && follower->stream &&
            !web_links_holds(&api->links, follower->link, uv_now(api->loop)))
            follower_drop(follower);
    }
}

static void on_keep_alive(uv_timer_t *timer)
{
    struct api *api = timer->data;
    events_check_links(api);
    for (struct follower *follower = api->followers, *next; follower; follower = next) {
        next = follower->next;
        if (follower->live && !follower_write(follower, ":\n\n"))
            follower_drop(follower);
    }
}

/* An id that the follower has already belongs to an event that is not stored: it goes without one. */
static bool follower_publish(struct follower *follower, uint64_t id, const char *frame, const char *bare)
{
    if (id != 0 && id <= follower->sent)
        return bare && follower_write(follower, bare);
    follower->sent = id > follower->sent ? id : follower->sent;
    return follower_write(follower, frame);
}

/* What was not stored when it was published is by now: with ids below the one that comes next. */
static void go_back(struct follower *follower)
{
    follower->behind = false;
    follower->live = false;
    follower->call.api->replaying++;
    query_page(follower);
}

void api_publish(struct api *api, uint64_t id, const char *name, const char *json)
{
    api->unstored = id <= api->published;
    api->published = id > api->published ? id : api->published;
    if (!api->followers)
        return;
    char *frame = make_frame(id, name, json);
    char *bare = make_frame(0, name, json);
    for (struct follower *follower = api->followers, *next; follower; follower = next) {
        next = follower->next;
        if (!follower->live)
            continue;
        if (follower->behind && !api->unstored)
            go_back(follower);
        else if (!frame || !follower_publish(follower, id, frame, bare))
            follower_drop(follower); /* he comes again with his last id */
    }
    free(bare);
    if (frame && api->replaying > 0)
        keep_recent(api, id, frame);
    else
        free(frame);
}

/* --- replay --------------------------------------------------------------------------------- */

static bool go_live(struct follower *follower)
{
    struct api *api = follower->call.api;
    if (follower->behind && api->published > follower->sent) {
        follower->behind = false;
        query_page(follower);
        return true;
    }
    for (struct recent_event *recent = api->recent_first; recent; recent = recent->next) {
        if (recent->id != 0 && recent->id <= follower->sent)
            continue;
        follower->sent = recent->id ? recent->id : follower->sent;
        if (!follower_write(follower, recent->frame))
            return false;
    }
    if (follower->once)
        return false;
    follower->live = true;
    replay_ended(api);
    return true;
}

/* Writes the events of a page, up to EVENTS_PAGE_BYTES; *ret_written is how many. */
static bool write_page(struct follower *follower, const struct store_event *events, size_t count,
                       size_t *ret_written)
{
    size_t bytes = 0, i = 0;
    for (; i < count && bytes < EVENTS_PAGE_BYTES; i++) {
        char *frame = make_frame(events[i].id, events[i].name, events[i].json);
        bool written = frame && follower_write(follower, frame);
        bytes += frame ? strlen(frame) : 0;
        free(frame);
        if (!written)
            return false;
        follower->sent = events[i].id;
    }
    *ret_written = i;
    return true;
}

static void page_sent(void *data)
{
    query_page(data);
}

/* Whether something was published that `recent` has lost and the page could not show yet. */
static bool missed_some(const struct follower *follower, size_t count)
{
    uint64_t dropped = follower->call.api->recent_dropped;
    return dropped > follower->sent && (count > 0 || dropped != follower->dropped_at_query);
}

static bool take_page(struct follower *follower, const struct store_event *events, size_t count)
{
    size_t written = 0;
    if (!write_page(follower, events, count, &written))
        return false;
    if (count == EVENTS_PAGE || written < count)
        http_stream_when_sent(follower->stream, page_sent);
    else if (missed_some(follower, count))
        query_page(follower);
    else
        return go_live(follower);
    return true;
}

/* True: the answer has begun. */
static bool begin_stream(struct follower *follower)
{
    struct http_exchange *exchange = follower->call.exchange;
    if (!follower->stream && exchange) {
        follower->call.exchange = NULL;
        follower->stream = http_stream_begin(exchange, "text/event-stream", on_gone, follower);
    }
    return follower->stream;
}

static void page_read(void *data, int error, const struct store_event *events, size_t count)
{
    struct follower *follower = data;
    follower->querying = false;
    if (error && follower->call.exchange)
        http_problem(follower->call.exchange, 503, "store_unavailable", error_text(error), NULL);
    else if (follower->call.api->closing && follower->call.exchange)
        http_problem(follower->call.exchange, 503, "stopping", "the agent is stopping", NULL);
    if (error || follower->call.api->closing || !begin_stream(follower) ||
        !take_page(follower, events, count))
        follower_drop(follower);
}

static void query_page(struct follower *follower)
{
    struct api *api = follower->call.api;
    follower->querying = true;
    follower->dropped_at_query = api->recent_dropped;
    int error = store_query_events(api->agent.store(api->agent.agent), follower->sent, EVENTS_PAGE, page_read,
                                   follower);
    if (error)
        page_read(follower, error, NULL, 0);
}

/* --- the request ---------------------------------------------------------------------------- */

static bool parse_id(const char *text, size_t bytes, uint64_t *ret)
{
    uint64_t id = 0;
    if (bytes == 0 || bytes > 18)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        id = id * 10 + (uint64_t)(text[i] - '0');
    }
    *ret = id;
    return true;
}

/* Whether the stream goes on after what is stored; false: answered. */
static bool read_follow(struct http_exchange *exchange, const struct http_request *request, bool *ret_once)
{
    char follow[8];
    if (!reply_text_parameter(exchange, request, "follow", false, follow, sizeof(follow)))
        return false;
    *ret_once = strcmp(follow, "false") == 0;
    if (*ret_once || follow[0] == '\0' || strcmp(follow, "true") == 0)
        return true;
    reply_invalid(exchange, "follow", "follow: neither true nor false");
    return false;
}

/* Where to begin: 1 with *ret_after, 0 from now on, -1 answered. */
static int read_cursor(struct http_exchange *exchange, const struct http_request *request,
                       uint64_t *ret_after)
{
    char after[32];
    struct http_text header;
    if (!reply_text_parameter(exchange, request, "after", false, after, sizeof(after)))
        return -1;
    if (after[0] != '\0' && !parse_id(after, strlen(after), ret_after)) {
        reply_invalid(exchange, "after", "after: not the id of an event");
        return -1;
    }
    if (!http_header(exchange, "last-event-id", &header) || header.bytes == 0)
        return after[0] != '\0';
    if (parse_id(header.text, header.bytes, ret_after))
        return 1;
    reply_invalid(exchange, "Last-Event-ID", "Last-Event-ID: not the id of an event");
    return -1;
}

/* Tells the client where he stands, as an event without data: one who comes again goes on from here. */
static bool begin_live(struct follower *follower)
{
    char frame[40];
    follower->sent = follower->call.api->published;
    (void)snprintf(frame, sizeof(frame), "id: %" PRIu64 "\n\n", follower->sent);
    return begin_stream(follower) && follower_write(follower, frame);
}

void events_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    uint64_t after = 0;
    bool once = false;
    int cursor = read_follow(exchange, request, &once) ? read_cursor(exchange, request, &after) : -1;
    struct follower *follower = cursor < 0 ? NULL : call_begin(api, exchange, sizeof(*follower));
    if (!follower)
        return;
    follower_link(follower);
    follower->link = web_links_find(&api->links, exchange, uv_now(api->loop));
    follower->once = once;
    follower->live = cursor == 0 && !once;
    if (follower->live) {
        if (!begin_live(follower))
            follower_drop(follower);
        return;
    }
    api->replaying++;
    follower->behind = api->unstored;
    /* an id from the future is one of a database that was set aside: the new one is told from its beginning
     */
    follower->sent = after < store_next_event_id(api->agent.store(api->agent.agent)) ? after : 0;
    query_page(follower);
}

void events_close(struct api *api)
{
    for (struct follower *follower = api->followers, *next; follower; follower = next) {
        next = follower->next;
        if (follower->stream)
            follower_drop(follower);
    }
}
