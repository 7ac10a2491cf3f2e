/* writer_told.c - events become changes: what differs from what was told before. */
#include "writer_private.h"

#include <stdlib.h>
#include <string.h>

/* One of a set, with the connect time it is told with. */
struct candidate {
    const struct connection *connection;
    int64_t connected_at_ms;
    size_t place;
};

struct change writer_change(const struct writer *writer, enum change_type type, const char *host,
                            const char *id)
{
    struct change change = {.type = type, .at_ms = writer->licence_ms};
    memcpy(change.host, host, strnlen(host, sizeof change.host - 1));
    memcpy(change.id, id, strnlen(id, sizeof change.id - 1));
    return change;
}

/* ---- books --------------------------------------------------------------------------------------------- */

/* What this host's boot ended: its sessions, and what brokers said of them. */
static void sweep(struct writer *writer, uint64_t number)
{
    struct book_cursor cursor = {0};
    struct book_line *line;
    while ((line = book_next(&writer->sessions, &cursor)) != NULL) {
        line->ended = true;
        line->kept->number = number;
    }
    cursor = (struct book_cursor){0};
    while ((line = book_next(&writer->brokers, &cursor)) != NULL)
        if (strcmp(line->kept->host, writer->host) == 0)
            book_strike(&writer->brokers, line);
}

static bool write_books(struct writer *writer, const struct change *change, bool sweeps)
{
    struct book_line *line;
    switch (change->type) {
    case CHANGE_BOOTED:
        if (sweeps)
            sweep(writer, change->number);
        memcpy(writer->boot_id, change->boot_id, sizeof writer->boot_id);
        return true;
    case CHANGE_SESSION:
        return book_write(&writer->sessions, change) != NULL;
    case CHANGE_SESSION_END: /* stays until the farm has heard, to be told from what the farm alone knows */
        line = book_write(&writer->sessions, change);
        if (line != NULL)
            line->ended = true;
        return line != NULL;
    case CHANGE_BROKER:
        return book_write(&writer->brokers, change) != NULL;
    default:
        line = book_find(&writer->brokers, change->host, change->id);
        if (line != NULL)
            book_strike(&writer->brokers, line);
        return true;
    }
}

bool writer_tell(struct writer *writer, struct change *change)
{
    bool sweeps = change->type == CHANGE_BOOTED && writer->boot_id[0] != '\0' &&
                  strcmp(writer->boot_id, change->boot_id) != 0;
    change->number = writer->last_number + 1;
    change->more = change->type != CHANGE_BOOTED; /* of the last one it is taken back */
    if (!writer_add(writer, change, false, sweeps))
        return false;
    writer->last_number = change->number;
    /* without memory the book lacks it, and the next set tells it again */
    return write_books(writer, change, sweeps);
}

void writer_end_batch(struct writer *writer, struct waiting *before, farm_done_fn *done, void *done_data)
{
    if (writer->last == before) {
        if (done != NULL)
            done(done_data, 0, NULL);
        return;
    }
    writer->last->kept->more = false;
    writer->last->done = done;
    writer->last->done_data = done_data;
}

/* ---- sets ---------------------------------------------------------------------------------------------- */

static int by_id(const void *one, const void *other)
{
    const struct candidate *a = one, *b = other;
    int order = strcmp(a->connection->id, b->connection->id);
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

/* RULES §2.8: by connect time, ties by id. */
static int by_time(const void *one, const void *other)
{
    const struct candidate *a = one, *b = other;
    if (a->connected_at_ms != b->connected_at_ms)
        return a->connected_at_ms < b->connected_at_ms ? -1 : 1;
    return strcmp(a->connection->id, b->connection->id);
}

static bool is_valid(const struct connection *connection)
{
    return connection_text_valid(connection->host, CONNECTION_HOST_BYTES_MAX) &&
           connection_text_valid(connection->id, CONNECTION_ID_BYTES_MAX) &&
           connection_text_valid(connection->user, CONNECTION_USER_BYTES_MAX) &&
           connection->connected_at_ms >= 0 && connection->connected_at_ms <= ROSTER_TIME_MS_MAX;
}

/* RULES §2.4: what was not told stays what it was, or is the arrival. */
static int64_t connected_at(const struct writer *writer, const struct book *book,
                            const struct connection *connection)
{
    const struct book_line *line = book_find(book, connection->host, connection->id);
    if (connection->connected_at_ms != 0)
        return connection->connected_at_ms;
    if (line != NULL && !line->ended && strcmp(line->kept->user, connection->user) == 0)
        return line->kept->connected_at_ms;
    return writer->licence_ms;
}

/* The valid ones, of two with one id the last, in the order they are told; *ret_error says if some are
 * missing. */
static size_t choose(const struct writer *writer, const struct book *book, const struct core_event *event,
                     struct candidate *chosen, int *ret_error)
{
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < event->set.count; i++) {
        const struct connection *connection = &event->set.connections[i];
        if (!is_valid(connection) || strcmp(connection->host, event->set.host) != 0) {
            *ret_error = CORE_INVALID;
            continue;
        }
        chosen[count++] = (struct candidate){connection, connected_at(writer, book, connection), i};
    }
    qsort(chosen, count, sizeof *chosen, by_id);
    for (size_t i = 0; i < count; i++)
        if (i + 1 == count || strcmp(chosen[i].connection->id, chosen[i + 1].connection->id) != 0)
            chosen[kept++] = chosen[i];
    qsort(chosen, kept, sizeof *chosen, by_time);
    return kept;
}

static bool tell_ended(struct writer *writer, struct book *book, const char *host)
{
    bool is_broker = book == &writer->brokers;
    struct book_cursor cursor = {0};
    struct book_line *line;
    bool good = true;
    while (good && (line = book_next(book, &cursor)) != NULL) {
        if (line->ended || line->seen == book->set || strcmp(line->kept->host, host) != 0)
            continue;
        struct change change = writer_change(writer, is_broker ? CHANGE_BROKER_END : CHANGE_SESSION_END,
                                             line->kept->host, line->kept->id);
        good = writer_tell(writer, &change);
    }
    return good;
}

/* A broker's record is told again though it is the same: its lease begins anew (RULES §2.9). */
static bool tell_live(struct writer *writer, struct book *book, const struct candidate *candidate)
{
    bool is_broker = book == &writer->brokers;
    const struct book_line *line = book_find(book, candidate->connection->host, candidate->connection->id);
    struct change change = writer_change(writer, is_broker ? CHANGE_BROKER : CHANGE_SESSION,
                                         candidate->connection->host, candidate->connection->id);
    (void)change_set_connection(&change, candidate->connection); /* its names were judged */
    change.connected_at_ms = candidate->connected_at_ms;
    if (line != NULL && !line->ended && !is_broker) {
        const struct kept_change *kept = line->kept;
        bool same = kept->connected_at_ms == change.connected_at_ms && kept->kind == change.kind &&
                    kept->route == change.route && kept->state == change.state &&
                    kept->administrator == change.administrator && strcmp(kept->user, change.user) == 0;
        if (same)
            return true;
    }
    return writer_tell(writer, &change);
}

static int tell_set(struct writer *writer, struct book *book, const struct core_event *event,
                    farm_done_fn *done, void *done_data)
{
    struct waiting *before = writer->last;
    struct candidate *chosen = calloc(event->set.count + 1, sizeof *chosen);
    int error = 0;
    if (chosen == NULL)
        return ERROR_NO_MEMORY;
    size_t count = choose(writer, book, event, chosen, &error);
    book->set++;
    for (size_t i = 0; i < count; i++) {
        struct book_line *line = book_find(book, chosen[i].connection->host, chosen[i].connection->id);
        if (line != NULL)
            line->seen = book->set;
    }
    bool good = tell_ended(writer, book, event->set.host);
    for (size_t i = 0; i < count && good; i++)
        good = tell_live(writer, book, &chosen[i]);
    free(chosen);
    if (!good)
        error = ERROR_NO_MEMORY;
    writer_end_batch(writer, before, error == 0 ? done : NULL, done_data);
    return error;
}

/* ---- the last set while it is full --------------------------------------------------------------------- */

static void forget_missed(struct writer *writer)
{
    for (size_t i = 0; i < writer->missed_count; i++)
        free(writer->missed[i]);
    free(writer->missed);
    writer->missed = NULL;
    writer->missed_count = 0;
    writer->has_missed = false;
}

static int keep_missed(struct writer *writer, const struct core_event *event)
{
    forget_missed(writer);
    writer->missed = calloc(event->set.count + 1, sizeof(struct kept_change *));
    if (writer->missed == NULL)
        return ERROR_NO_MEMORY;
    writer->has_missed = true;
    for (size_t i = 0; i < event->set.count; i++) {
        struct change change = {.type = CHANGE_SESSION};
        if (!is_valid(&event->set.connections[i]) ||
            !change_set_connection(&change, &event->set.connections[i]))
            continue;
        struct kept_change *kept = kept_create(&change);
        if (kept == NULL)
            return ERROR_NO_MEMORY;
        writer->missed[writer->missed_count++] = kept;
    }
    return 0;
}

void writer_tell_missed(struct writer *writer)
{
    struct connection *connections = calloc(writer->missed_count + 1, sizeof *connections);
    struct core_event event = {.type = EVENT_HOST_SET};
    if (connections == NULL)
        return;
    for (size_t i = 0; i < writer->missed_count; i++) {
        const struct kept_change *kept = writer->missed[i];
        connections[i] = (struct connection){.host = kept->host,
                                             .id = kept->id,
                                             .user = kept->user,
                                             .connected_at_ms = kept->connected_at_ms,
                                             .kind = kept->kind,
                                             .route = kept->route,
                                             .state = kept->state,
                                             .administrator = kept->administrator};
    }
    event.set.host = writer->host;
    event.set.connections = connections;
    event.set.count = writer->missed_count;
    int error = tell_set(writer, &writer->sessions, &event, NULL, NULL);
    free(connections);
    if (error != ERROR_NO_MEMORY)
        forget_missed(writer);
}

/* ---- events -------------------------------------------------------------------------------------------- */

static int offer_booted(struct writer *writer, const struct core_event *event, farm_done_fn *done,
                        void *done_data)
{
    const char *boot_id = event->booted.boot_id;
    struct waiting *before = writer->last;
    if (strcmp(event->booted.host, writer->host) != 0 ||
        !connection_text_valid(boot_id, CORE_BOOT_ID_BYTES_MAX))
        return CORE_INVALID;
    if (strcmp(boot_id, writer->boot_id) != 0) {
        struct change change = writer_change(writer, CHANGE_BOOTED, writer->host, "");
        memcpy(change.boot_id, boot_id, strlen(boot_id) + 1);
        if (!writer_tell(writer, &change))
            return ERROR_NO_MEMORY;
    }
    writer_end_batch(writer, before, done, done_data);
    return 0;
}

static int offer_host_set(struct writer *writer, const struct core_event *event, farm_done_fn *done,
                          void *done_data)
{
    if (strcmp(event->set.host, writer->host) != 0)
        return CORE_INVALID;
    writer->enumerated = true;
    if (!writer->full) {
        forget_missed(writer);
        return tell_set(writer, &writer->sessions, event, done, done_data);
    }
    int error = keep_missed(writer, event);
    return error == 0 ? ERROR_FULL : error;
}

static int offer_put(struct writer *writer, const struct core_event *event, farm_done_fn *done,
                     void *done_data)
{
    const struct candidate candidate = {&event->put, connected_at(writer, &writer->brokers, &event->put), 0};
    struct waiting *before = writer->last;
    if (!is_valid(&event->put))
        return CORE_INVALID;
    if (!tell_live(writer, &writer->brokers, &candidate))
        return ERROR_NO_MEMORY;
    writer_end_batch(writer, before, done, done_data);
    return 0;
}

/* Also of what was told through another agent, and so is not in the book. */
static int offer_end(struct writer *writer, const struct core_event *event, farm_done_fn *done,
                     void *done_data)
{
    struct waiting *before = writer->last;
    if (!connection_text_valid(event->end.host, CONNECTION_HOST_BYTES_MAX) ||
        !connection_text_valid(event->end.id, CONNECTION_ID_BYTES_MAX))
        return CORE_INVALID;
    struct change change = writer_change(writer, CHANGE_BROKER_END, event->end.host, event->end.id);
    if (!writer_tell(writer, &change))
        return ERROR_NO_MEMORY;
    writer_end_batch(writer, before, done, done_data);
    return 0;
}

static int offer(struct writer *writer, const struct core_event *event, farm_done_fn *done, void *done_data)
{
    switch (event->type) {
    case EVENT_HOST_BOOTED:
        return offer_booted(writer, event, done, done_data);
    case EVENT_HOST_SET:
        return offer_host_set(writer, event, done, done_data);
    case EVENT_BROKER_PUT:
        return writer->full ? ERROR_FULL : offer_put(writer, event, done, done_data);
    case EVENT_BROKER_END:
        return writer->full ? ERROR_FULL : offer_end(writer, event, done, done_data);
    case EVENT_BROKER_SET:
        if (writer->full)
            return ERROR_FULL;
        if (!connection_text_valid(event->set.host, CONNECTION_HOST_BYTES_MAX))
            return CORE_INVALID;
        return tell_set(writer, &writer->brokers, event, done, done_data);
    default:
        return CORE_INVALID;
    }
}

void writer_offer(struct writer *writer, const struct core_event *event, int64_t licence_ms,
                  farm_done_fn *done, void *done_data)
{
    writer->licence_ms = licence_ms;
    int error = offer(writer, event, done, done_data);
    if (error != 0 && done != NULL)
        done(done_data, error,
             error == ERROR_FULL     ? "too many changes wait for etcd"
             : error == CORE_INVALID ? core_error_text(error)
                                     : error_text(error));
    if (writer->count >= writer->settings.changes_max && !writer->full) {
        writer->full = true;
        writer_say(writer, WRITER_FULL, "too many changes wait for etcd");
    }
    if (writer->settings.wake != NULL)
        writer->settings.wake(writer->settings.data);
}
