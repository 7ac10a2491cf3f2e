#include "order.h"

#include "repair.h"

#include "agent/core/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 65536u

/* Texts lie in chunks, which go as soon as the last event in them does. */
struct chunk {
    size_t used, live;
    char text[CHUNK_BYTES];
};

/* Before the texts of an event, which are host, session and, of a connect, user, one behind the other. */
struct texts {
    uint16_t host_bytes, session_bytes; /* with their ends */
};
static_assert(CHUNK_BYTES >= sizeof(struct texts) + CONNECTION_HOST_BYTES_MAX + CONNECTION_ID_BYTES_MAX +
                                 CONNECTION_USER_BYTES_MAX + 3,
              "the longest texts fit into a chunk");

struct entry {
    int64_t at_ms;
    uint64_t sequence; /* within its stream */
    struct chunk *chunk;
    uint32_t texts; /* in the chunk */
    uint8_t type, kind, route, administrator;
};

struct queue {
    struct entry *entries; /* a ring; room is a power of two */
    size_t first, count, room;
};

struct heap {
    struct entry *entries;
    size_t count, room;
};

/* An event whose followers are to be seen before its stamp is believed, or one behind it. */
struct follower {
    struct entry entry;
    struct log_place place;
};

struct order_stream {
    struct order *order;
    void *data;
    uint32_t number;
    bool strict;
    bool ended;
    int64_t latest_ms;
    int64_t floor_ms; /* where the clock stood when it was set back last */
    char prefix[ORDER_PREFIX_BYTES_MAX + 1];
    size_t prefix_bytes;
    uint64_t sequence;
    struct queue queue; /* what came in order */
    struct heap late;   /* what came behind something later */
    struct follower followers[ORDER_FOLLOWERS];
    size_t follower_first, follower_count;
};

struct order {
    struct order_settings settings;
    struct chunk *chunk; /* that is being filled */
    struct order_stream **streams;
    size_t stream_count, stream_room;
    struct order_stream **heads; /* a heap of those that hold events, while they are given on */
    size_t head_count;
};

/* ---- texts --------------------------------------------------------------------------------------------- */

static void release(struct order *order, struct chunk *chunk)
{
    if (--chunk->live > 0)
        return;
    if (chunk == order->chunk)
        chunk->used = 0;
    else
        free(chunk);
}

static struct chunk *chunk_with_room(struct order *order, size_t bytes)
{
    struct chunk *chunk = order->chunk;
    if (chunk != NULL && CHUNK_BYTES - chunk->used >= bytes)
        return chunk;
    chunk = malloc(sizeof *chunk);
    if (chunk == NULL)
        return NULL;
    chunk->used = chunk->live = 0;
    if (order->chunk != NULL && order->chunk->live == 0)
        free(order->chunk);
    order->chunk = chunk;
    return chunk;
}

static char *append(char *to, const char *text, size_t bytes)
{
    if (bytes <= 24)
        text_copy_short(to, text, bytes);
    else
        memcpy(to, text, bytes);
    return to + bytes;
}

/* ERROR_TOO_LARGE: the session's name is too long with the prefix; ERROR_NO_MEMORY. */
static int keep_event(struct order_stream *stream, const struct sizing_event *event, struct entry *ret_entry)
{
    const char *user = event->type == SIZING_CONNECT ? event->user : "";
    size_t prefix_bytes = event->session[0] == '\0' ? 0 : stream->prefix_bytes;
    size_t host_bytes = strlen(event->host) + 1, session_bytes = strlen(event->session) + 1,
           user_bytes = strlen(user) + 1;
    if (prefix_bytes > 0 && prefix_bytes + session_bytes > CONNECTION_ID_BYTES_MAX + 1)
        return ERROR_TOO_LARGE;
    const struct texts texts = {(uint16_t)host_bytes, (uint16_t)(prefix_bytes + session_bytes)};
    size_t bytes = sizeof texts + host_bytes + prefix_bytes + session_bytes + user_bytes;
    assert(bytes <= CHUNK_BYTES);
    struct chunk *chunk = chunk_with_room(stream->order, bytes);
    if (chunk == NULL)
        return ERROR_NO_MEMORY;
    char *text = chunk->text + chunk->used;
    memcpy(text, &texts, sizeof texts);
    text = append(text + sizeof texts, event->host, host_bytes);
    text = append(text, stream->prefix, prefix_bytes);
    text = append(text, event->session, session_bytes);
    (void)append(text, user, user_bytes);
    *ret_entry = (struct entry){
        .at_ms = event->at_ms,
        .sequence = stream->sequence++,
        .chunk = chunk,
        .texts = (uint32_t)chunk->used,
        .type = (uint8_t)event->type,
        .kind = (uint8_t)event->kind,
        .route = (uint8_t)event->route,
        .administrator = (uint8_t)event->administrator,
    };
    chunk->used += bytes;
    chunk->live++;
    return 0;
}

static int give(struct order *order, const struct entry *entry)
{
    struct texts texts;
    const char *text = entry->chunk->text + entry->texts;
    memcpy(&texts, text, sizeof texts);
    text += sizeof texts;
    const struct sizing_event event = {
        .at_ms = entry->at_ms,
        .type = (enum sizing_type)entry->type,
        .host = text,
        .session = text + texts.host_bytes,
        .user = text + texts.host_bytes + texts.session_bytes,
        .kind = (enum connection_kind)entry->kind,
        .route = (enum connection_route)entry->route,
        .administrator = (enum administrator)entry->administrator,
    };
    int code = order->settings.take(order->settings.data, &event);
    release(order, entry->chunk);
    return code;
}

/* ---- a stream's events --------------------------------------------------------------------------------- */

static bool is_before(const struct entry *one, const struct entry *other)
{
    return one->at_ms != other->at_ms ? one->at_ms < other->at_ms : one->sequence < other->sequence;
}

static bool queue_reserve(struct queue *queue)
{
    if (queue->count < queue->room)
        return true;
    size_t room = queue->room == 0 ? 16 : queue->room * 2;
    struct entry *entries = malloc(room * sizeof *entries);
    if (entries == NULL)
        return false;
    for (size_t i = 0; i < queue->count; i++)
        entries[i] = queue->entries[(queue->first + i) & (queue->room - 1)];
    free(queue->entries);
    queue->entries = entries;
    queue->first = 0;
    queue->room = room;
    return true;
}

/* Behind the last; there is room. */
static struct entry *queue_end(const struct queue *queue)
{
    return &queue->entries[(queue->first + queue->count) & (queue->room - 1)];
}

static const struct entry *queue_last(const struct queue *queue)
{
    return queue->count == 0 ? NULL : &queue->entries[(queue->first + queue->count - 1) & (queue->room - 1)];
}

static bool heap_add(struct heap *heap, const struct entry *entry)
{
    if (heap->count == heap->room) {
        size_t room = heap->room == 0 ? 16 : heap->room * 2;
        struct entry *entries = realloc(heap->entries, room * sizeof *entries);
        if (entries == NULL)
            return false;
        heap->entries = entries;
        heap->room = room;
    }
    size_t at = heap->count++;
    for (; at > 0 && is_before(entry, &heap->entries[(at - 1) / 2]); at = (at - 1) / 2)
        heap->entries[at] = heap->entries[(at - 1) / 2];
    heap->entries[at] = *entry;
    return true;
}

static void heap_drop_first(struct heap *heap)
{
    struct entry last = heap->entries[--heap->count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < heap->count; at = child) {
        if (child + 1 < heap->count && is_before(&heap->entries[child + 1], &heap->entries[child]))
            child++;
        if (!is_before(&heap->entries[child], &last))
            break;
        heap->entries[at] = heap->entries[child];
    }
    heap->entries[at] = last;
}

static bool late_is_first(const struct order_stream *stream)
{
    if (stream->late.count == 0 || stream->queue.count == 0)
        return stream->late.count > 0;
    return is_before(&stream->late.entries[0], &stream->queue.entries[stream->queue.first]);
}

/* The earliest event that is held; NULL if there is none. */
static const struct entry *head(const struct order_stream *stream)
{
    if (late_is_first(stream))
        return &stream->late.entries[0];
    return stream->queue.count > 0 ? &stream->queue.entries[stream->queue.first] : NULL;
}

static struct entry take_head(struct order_stream *stream)
{
    struct entry entry = *head(stream);
    if (late_is_first(stream)) {
        heap_drop_first(&stream->late);
    } else {
        stream->queue.first = (stream->queue.first + 1) & (stream->queue.room - 1);
        stream->queue.count--;
    }
    return entry;
}

static bool is_in_order(const struct order_stream *stream, int64_t at_ms)
{
    const struct entry *last = queue_last(&stream->queue);
    return last == NULL || last->at_ms <= at_ms;
}

static void note_latest(struct order_stream *stream, int64_t at_ms)
{
    if (at_ms > stream->latest_ms)
        stream->latest_ms = at_ms;
}

static int hold(struct order_stream *stream, const struct entry *entry)
{
    bool in_order = is_in_order(stream, entry->at_ms);
    if (in_order ? !queue_reserve(&stream->queue) : !heap_add(&stream->late, entry)) {
        release(stream->order, entry->chunk);
        return ERROR_NO_MEMORY;
    }
    if (in_order) {
        *queue_end(&stream->queue) = *entry;
        stream->queue.count++;
    }
    note_latest(stream, entry->at_ms);
    return 0;
}

/* The common case: kept where it stays. */
static int hold_in_order(struct order_stream *stream, const struct sizing_event *event)
{
    if (!queue_reserve(&stream->queue))
        return ERROR_NO_MEMORY;
    int code = keep_event(stream, event, queue_end(&stream->queue));
    if (code < 0)
        return code;
    stream->queue.count++;
    note_latest(stream, event->at_ms);
    return 0;
}

/* ---- clocks -------------------------------------------------------------------------------------------- */

int64_t order_latest_ms(const struct order_stream *stream)
{
    return stream->latest_ms;
}

int64_t order_bound_ms(const struct order_stream *stream)
{
    return stream->latest_ms == ORDER_UNKNOWN_MS ? ORDER_UNKNOWN_MS : stream->latest_ms - ORDER_LATE_MS;
}

static struct follower *follower_at(struct order_stream *stream, size_t i)
{
    return &stream->followers[(stream->follower_first + i) % ORDER_FOLLOWERS];
}

/* Far ahead of what was believed, or the first: its followers have to be seen. */
static bool has_to_wait(const struct order_stream *stream, int64_t at_ms)
{
    return stream->latest_ms == ORDER_UNKNOWN_MS || at_ms - stream->latest_ms > ORDER_AHEAD_MS;
}

/* Whether the first of the followers is far ahead of at least half of those behind it; then also where they
 * go on. Those that were set back themselves say nothing. */
static bool is_stamped_ahead(struct order_stream *stream, int64_t *ret_goes_on_ms)
{
    int64_t at_ms = follower_at(stream, 0)->entry.at_ms, goes_on_ms = at_ms;
    size_t behind = 0, others = stream->follower_count - 1;
    if (!has_to_wait(stream, at_ms))
        return false;
    for (size_t i = others; i > 0; i--) {
        int64_t next_ms = follower_at(stream, i)->entry.at_ms;
        if (at_ms - next_ms > ORDER_AHEAD_MS && next_ms >= order_bound_ms(stream)) {
            behind++;
            goes_on_ms = next_ms;
        }
    }
    if (behind == 0 || behind * 2 < others)
        return false;
    *ret_goes_on_ms = goes_on_ms > stream->latest_ms ? goes_on_ms : stream->latest_ms;
    return true;
}

/* From where a clock was set back until it stands there again the log's own order is all that is known. */
static bool is_set_back(const struct order_stream *stream, int64_t at_ms)
{
    return at_ms < order_bound_ms(stream) || at_ms < stream->floor_ms;
}

/* What was set back counts as of where the clock stood. */
static int hold_believed(struct order_stream *stream, struct entry *entry, const struct log_place *place)
{
    if (entry->at_ms < order_bound_ms(stream))
        stream->floor_ms = stream->latest_ms;
    if (entry->at_ms < stream->floor_ms) {
        repair_at(stream->order->settings.repairs, REPAIR_CLOCK_BACK, place, NULL);
        entry->at_ms = stream->floor_ms;
    }
    return hold(stream, entry);
}

/* Believes or repairs the first of the followers. */
static int pass_first(struct order_stream *stream)
{
    struct follower first = *follower_at(stream, 0);
    int64_t goes_on_ms;
    if (is_stamped_ahead(stream, &goes_on_ms)) {
        repair_at(stream->order->settings.repairs, REPAIR_CLOCK_AHEAD, &first.place, NULL);
        first.entry.at_ms = goes_on_ms;
    }
    stream->follower_first = (stream->follower_first + 1) % ORDER_FOLLOWERS;
    stream->follower_count--;
    return hold_believed(stream, &first.entry, &first.place);
}

int order_settle(struct order_stream *stream)
{
    int code = 0;
    while (code == 0 && stream->follower_count > 0)
        code = pass_first(stream);
    return code;
}

/* The event is one of the followers of a first that has to wait, or that first itself. */
static int follow(struct order_stream *stream, const struct entry *entry, const struct log_place *place)
{
    int code = stream->follower_count == ORDER_FOLLOWERS ? pass_first(stream) : 0;
    *follower_at(stream, stream->follower_count++) = (struct follower){*entry, *place};
    while (code == 0 && stream->follower_count > 0 &&
           !has_to_wait(stream, follower_at(stream, 0)->entry.at_ms))
        code = pass_first(stream);
    return code;
}

int order_put(struct order_stream *stream, const struct sizing_event *event, const struct log_place *place)
{
    struct entry entry;
    bool is_believed = stream->strict || stream->order->settings.all,
         is_late = is_set_back(stream, event->at_ms);
    if (is_late && stream->strict && !stream->order->settings.all)
        return ERROR_INVALID;
    bool has_followed = stream->follower_count > 0 || has_to_wait(stream, event->at_ms);
    if (is_in_order(stream, event->at_ms) && (is_believed || (!has_followed && !is_late)))
        return hold_in_order(stream, event);
    int code = keep_event(stream, event, &entry);
    if (code < 0)
        return code;
    if (is_believed)
        return hold(stream, &entry);
    return has_followed ? follow(stream, &entry, place) : hold_believed(stream, &entry, place);
}

/* ---- streams ------------------------------------------------------------------------------------------- */

struct order_stream *order_add(struct order *order, uint32_t number, bool strict, int64_t first_ms,
                               void *data)
{
    if (order->stream_count == order->stream_room) {
        size_t room = order->stream_room == 0 ? 16 : order->stream_room * 2;
        struct order_stream **streams = realloc(order->streams, room * sizeof *streams);
        if (streams == NULL)
            return NULL;
        order->streams = streams;
        struct order_stream **heads = realloc(order->heads, room * sizeof *heads);
        if (heads == NULL)
            return NULL;
        order->heads = heads;
        order->stream_room = room;
    }
    struct order_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return NULL;
    stream->order = order;
    stream->data = data;
    stream->number = number;
    stream->strict = strict;
    stream->latest_ms = first_ms;
    stream->floor_ms = ORDER_UNKNOWN_MS;
    order->streams[order->stream_count++] = stream;
    return stream;
}

void order_prefix_sessions(struct order_stream *stream, const char *prefix)
{
    size_t bytes = strlen(prefix);
    assert(bytes <= ORDER_PREFIX_BYTES_MAX);
    memcpy(stream->prefix, prefix, bytes + 1);
    stream->prefix_bytes = bytes;
}

int order_end(struct order_stream *stream)
{
    stream->ended = true;
    return order_settle(stream);
}

bool order_wanting(const struct order *order, void **ret_data, int64_t *ret_bound_ms)
{
    const struct order_stream *least = NULL;
    for (size_t i = 0; i < order->stream_count; i++) {
        const struct order_stream *stream = order->streams[i];
        if (!stream->ended && (least == NULL || order_bound_ms(stream) < order_bound_ms(least)))
            least = stream;
    }
    if (least == NULL)
        return false;
    *ret_data = least->data;
    *ret_bound_ms = order_bound_ms(least);
    return true;
}

static void stream_destroy(struct order_stream *stream)
{
    free(stream->queue.entries);
    free(stream->late.entries);
    free(stream);
}

static void drop_ended(struct order *order)
{
    size_t kept = 0;
    for (size_t i = 0; i < order->stream_count; i++) {
        struct order_stream *stream = order->streams[i];
        if (stream->ended && head(stream) == NULL)
            stream_destroy(stream);
        else
            order->streams[kept++] = stream;
    }
    order->stream_count = kept;
}

/* ---- giving on ----------------------------------------------------------------------------------------- */

static bool stream_is_before(const struct order_stream *one, const struct order_stream *other)
{
    int64_t one_ms = head(one)->at_ms, other_ms = head(other)->at_ms;
    return one_ms != other_ms ? one_ms < other_ms : one->number < other->number;
}

static void sink_head(struct order *order, size_t at)
{
    struct order_stream *stream = order->heads[at];
    for (size_t child; (child = 2 * at + 1) < order->head_count; at = child) {
        if (child + 1 < order->head_count && stream_is_before(order->heads[child + 1], order->heads[child]))
            child++;
        if (!stream_is_before(order->heads[child], stream))
            break;
        order->heads[at] = order->heads[child];
    }
    order->heads[at] = stream;
}

/* Whose turn is behind that of the first; NULL: nobody's. */
static const struct order_stream *next_head(const struct order *order)
{
    if (order->head_count < 3)
        return order->head_count < 2 ? NULL : order->heads[1];
    return stream_is_before(order->heads[2], order->heads[1]) ? order->heads[2] : order->heads[1];
}

static void gather_heads(struct order *order)
{
    order->head_count = 0;
    for (size_t i = 0; i < order->stream_count; i++)
        if (head(order->streams[i]) != NULL)
            order->heads[order->head_count++] = order->streams[i];
    for (size_t i = order->head_count / 2; i-- > 0;)
        sink_head(order, i);
}

/* Of the stream whose turn it is, as long as it is. */
static int give_first(struct order *order, int64_t before_ms)
{
    struct order_stream *stream = order->heads[0];
    const struct order_stream *next = next_head(order);
    const struct entry *first;
    int code = 0;
    do {
        struct entry entry = take_head(stream);
        code = give(order, &entry);
        first = head(stream);
    } while (code == 0 && first != NULL && first->at_ms < before_ms &&
             (next == NULL || stream_is_before(stream, next)));
    if (first == NULL)
        order->heads[0] = order->heads[--order->head_count];
    if (order->head_count > 0)
        sink_head(order, 0);
    return code;
}

int order_flush(struct order *order, int64_t before_ms)
{
    void *data;
    int64_t bound_ms;
    int code = 0;
    if (order_wanting(order, &data, &bound_ms)) {
        if (order->settings.all)
            return 0;
        if (bound_ms < before_ms)
            before_ms = bound_ms;
    }
    if (order->settings.all && before_ms != ORDER_NO_LIMIT_MS)
        return 0;
    gather_heads(order);
    while (code == 0 && order->head_count > 0 && head(order->heads[0])->at_ms < before_ms)
        code = give_first(order, before_ms);
    drop_ended(order);
    return code;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

struct order *order_create(const struct order_settings *settings)
{
    struct order *order = calloc(1, sizeof *order);
    if (order == NULL)
        return NULL;
    order->settings = *settings;
    return order;
}

void order_destroy(struct order *order)
{
    if (order == NULL)
        return;
    for (size_t i = 0; i < order->stream_count; i++) {
        struct order_stream *stream = order->streams[i];
        while (stream->follower_count > 0) {
            release(order, follower_at(stream, 0)->entry.chunk);
            stream->follower_first = (stream->follower_first + 1) % ORDER_FOLLOWERS;
            stream->follower_count--;
        }
        while (head(stream) != NULL)
            release(order, take_head(stream).chunk);
        stream_destroy(stream);
    }
    free(order->chunk);
    free(order->streams);
    free(order->heads);
    free(order);
}
