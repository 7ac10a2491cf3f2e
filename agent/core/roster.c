#include "roster.h"

#include "core_error.h"
#include "roster_records.h"
#include "tally.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(TALLY_SEED_BYTES == KEYED_HASH_SEED_BYTES, "one seed for all names");

/* What the tally keeps for the roster: who reports a connection, and the number of its record behind that. */
#define TAG_BITS    2u
#define TAG_RECORDS (UINT32_MAX >> TAG_BITS)

struct roster {
    struct tally *tally;
    roster_change_fn *on_change;
    void *data;
    struct records records;
    uint32_t record_count;
    uint32_t broker_only; /* of them those that no host sees */
};

static uint32_t tag_of(unsigned reported_by, uint32_t record)
{
    return (record == RECORD_NONE ? 0 : record + 1) << TAG_BITS | reported_by;
}

static unsigned reporters(uint32_t tag)
{
    return tag & (REPORTED_BY_HOST | REPORTED_BY_BROKER);
}

static uint32_t record_number(uint32_t tag)
{
    return tag >> TAG_BITS == 0 ? RECORD_NONE : (tag >> TAG_BITS) - 1;
}

struct roster *roster_create(struct tally *tally, const uint8_t seed[16], roster_change_fn *on_change,
                             void *data)
{
    struct roster *roster = malloc(sizeof(*roster));
    if (roster == NULL)
        return NULL;
    *roster = (struct roster){.tally = tally, .on_change = on_change, .data = data};
    records_init(&roster->records, seed);
    return roster;
}

void roster_destroy(struct roster *roster)
{
    if (roster == NULL)
        return;
    records_finish(&roster->records);
    free(roster);
}

size_t roster_bytes(const struct roster *roster)
{
    return sizeof(*roster) + slab_bytes(&roster->records.slab) + hash_index_bytes(&roster->records.aliases) +
           roster->records.room * sizeof(uint32_t);
}

/* ---- what is told -------------------------------------------------------------------------------------- */

static struct roster_change change_of(const struct roster *roster, const struct tally_entry *entry,
                                      enum roster_change_type type)
{
    uint32_t number = record_number(entry->tag);
    struct roster_change change = {
        .type = type, .connection = entry->connection, .reported_by = reporters(entry->tag), .broker_id = ""};
    if (number != RECORD_NONE) {
        change.broker_id = record_broker_id(record_at(&roster->records, number));
        change.lease_at_ms = record_at(&roster->records, number)->lease_at_ms;
    }
    return change;
}

static void tell(struct roster *roster, const struct roster_change *change)
{
    if (roster->on_change != NULL)
        roster->on_change(roster->data, change);
}

static void tell_of(struct roster *roster, const char *host, const char *id, enum roster_change_type type,
                    bool renamed)
{
    struct tally_entry entry;
    if (!tally_find(roster->tally, host, id, &entry))
        return;
    struct roster_change change = change_of(roster, &entry, type);
    change.renamed = renamed;
    tell(roster, &change);
}

static void tell_refused(struct roster *roster, const struct connection *connection, unsigned reported_by)
{
    struct roster_change change = {
        .type = ROSTER_REFUSED, .connection = *connection, .reported_by = reported_by, .broker_id = ""};
    tell(roster, &change);
}

/* ---- names and facts ----------------------------------------------------------------------------------- */

static bool is_valid(const struct connection *connection)
{
    return connection_text_valid(connection->host, CONNECTION_HOST_BYTES_MAX) &&
           connection_text_valid(connection->id, CONNECTION_ID_BYTES_MAX) &&
           connection_text_valid(connection->user, CONNECTION_USER_BYTES_MAX) &&
           connection->connected_at_ms >= 0 && connection->connected_at_ms <= ROSTER_TIME_MS_MAX &&
           (unsigned)connection->kind < KIND_MAX && (unsigned)connection->route < ROUTE_MAX &&
           (unsigned)connection->state < CONNECTION_STATE_MAX &&
           (unsigned)connection->administrator < ADMINISTRATOR_MAX;
}

/* The tally knows one name a user: two spellings are of one user if they lead to the same one. `live` has a
 * connection. */
static bool is_same_user(const struct roster *roster, const char *live, const char *other)
{
    struct tally_user one, two;
    if (strcmp(live, other) == 0)
        return true;
    return tally_user(roster->tally, live, &one) && tally_user(roster->tally, other, &two) &&
           one.name == two.name;
}

static bool same_facts(const struct connection *a, const struct connection *b)
{
    return a->connected_at_ms == b->connected_at_ms && a->kind == b->kind && a->route == b->route &&
           a->state == b->state && a->administrator == b->administrator && strcmp(a->user, b->user) == 0;
}

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

/* ---- single changes ------------------------------------------------------------------------------------ */

/* Puts a connection that is not live, or of the same user. Tells it unless nothing at all is new. */
static int put(struct roster *roster, const struct connection *connection, uint32_t tag, bool renamed)
{
    struct tally_entry before;
    enum roster_change_type type = ROSTER_OPENED;
    if (tally_find(roster->tally, connection->host, connection->id, &before)) {
        bool same = same_facts(&before.connection, connection);
        if (same && before.tag == tag && (reporters(tag) & REPORTED_BY_BROKER) == 0)
            return 0;
        type = same ? ROSTER_RENEWED : ROSTER_CHANGED;
    }
    int code = tally_put(roster->tally, connection, tag);
    if (code == 0)
        tell_of(roster, connection->host, connection->id, type, renamed);
    return code;
}

static void give_record(struct roster *roster, uint32_t number, bool broker_only)
{
    records_give(&roster->records, number);
    roster->record_count--;
    roster->broker_only -= broker_only;
}

/* The tally's strings end with the connection, but whoever is told wants to read them. */
struct ended {
    char host[CONNECTION_HOST_BYTES_MAX + 1], id[CONNECTION_ID_BYTES_MAX + 1],
        user[CONNECTION_USER_BYTES_MAX + 1];
};

static void keep_text(char *to, const char *text)
{
    memcpy(to, text, strlen(text) + 1);
}

/* Ends a live connection, and its record. */
static void end(struct roster *roster, const struct tally_entry *entry, bool renamed)
{
    struct ended kept;
    struct roster_change change = change_of(roster, entry, ROSTER_ENDED);
    uint32_t number = record_number(entry->tag);
    keep_text(kept.host, entry->connection.host);
    keep_text(kept.id, entry->connection.id);
    keep_text(kept.user, entry->connection.user);
    change.connection.host = kept.host;
    change.connection.id = kept.id;
    change.connection.user = kept.user;
    change.renamed = renamed;
    (void)tally_end(roster->tally, kept.host, kept.id);
    tell(roster, &change);
    if (number != RECORD_NONE)
        give_record(roster, number, change.reported_by == REPORTED_BY_BROKER);
}

/* How the host itself sees a session that is live: without what its broker says. */
static struct connection as_host_sees(const struct roster *roster, const struct tally_entry *entry)
{
    struct connection connection = entry->connection;
    uint32_t number = record_number(entry->tag);
    if (number != RECORD_NONE) {
        const struct record *record = record_at(&roster->records, number);
        connection.connected_at_ms = record->host_connected_at_ms;
        connection.kind = (enum connection_kind)record->host_kind;
        connection.route = (enum connection_route)record->host_route;
    }
    return connection;
}

/* The broker no longer speaks of a paired session: it is what its host says again. */
static int unpair(struct roster *roster, const struct tally_entry *entry)
{
    struct connection connection = as_host_sees(roster, entry);
    uint32_t number = record_number(entry->tag);
    int code = put(roster, &connection, tag_of(REPORTED_BY_HOST, RECORD_NONE), false);
    if (code == 0)
        give_record(roster, number, false);
    return code;
}

/* Makes a host's session and a broker's words one connection, and puts it. `host_view` is all the host's. The
 * record has its id already. */
static int put_paired(struct roster *roster, const struct connection *host_view, enum connection_kind kind,
                      enum connection_route route, uint32_t number, bool renamed)
{
    struct record *record = record_at(&roster->records, number);
    struct connection connection = *host_view;
    struct record before = *record;
    connection.kind = kind;
    connection.route = route;
    connection.connected_at_ms = earlier(host_view->connected_at_ms, record->broker_connected_at_ms);
    record->host_connected_at_ms = host_view->connected_at_ms;
    record->host_kind = (uint8_t)host_view->kind;
    record->host_route = (uint8_t)host_view->route;
    int code = put(roster, &connection, tag_of(REPORTED_BY_HOST | REPORTED_BY_BROKER, number), renamed);
    if (code < 0) {
        record->host_connected_at_ms = before.host_connected_at_ms;
        record->host_kind = before.host_kind;
        record->host_route = before.host_route;
    }
    return code;
}

static uint32_t take_record(struct roster *roster, const char *host, const char *id, const char *broker_id,
                            int64_t broker_connected_at_ms, int64_t lease_at_ms)
{
    uint32_t number = RECORD_NONE;
    if (roster->record_count < TAG_RECORDS)
        number = records_take(&roster->records, host, id, broker_id);
    if (number == RECORD_NONE)
        return RECORD_NONE;
    struct record *record = record_at(&roster->records, number);
    record->broker_connected_at_ms = broker_connected_at_ms;
    record->lease_at_ms = lease_at_ms;
    roster->record_count++;
    return number;
}

/* ---- pairing by user and time -------------------------------------------------------------------------- */

struct candidate {
    unsigned reported_by; /* by whom alone */
    int64_t at_ms, distance_ms;
    struct tally_entry entry;
    bool found;
};

static bool consider(void *data, const struct tally_entry *entry)
{
    struct candidate *best = data;
    int64_t distance_ms = entry->connection.connected_at_ms - best->at_ms;
    if (distance_ms < 0)
        distance_ms = -distance_ms;
    if (reporters(entry->tag) != best->reported_by || distance_ms > ROSTER_PAIR_WINDOW_MS)
        return true;
    if (best->found &&
        (distance_ms > best->distance_ms ||
         (distance_ms == best->distance_ms && strcmp(entry->connection.id, best->entry.connection.id) > 0)))
        return true;
    best->found = true;
    best->distance_ms = distance_ms;
    best->entry = *entry;
    return true;
}

/* The connection of this user on this host, told by `reported_by` alone, that began nearest to at_ms. */
static bool find_partner(const struct roster *roster, const struct connection *connection, int64_t at_ms,
                         unsigned reported_by, struct tally_entry *ret_entry)
{
    struct candidate best = {.reported_by = reported_by, .at_ms = at_ms};
    uint32_t among = reported_by == REPORTED_BY_BROKER
                         ? roster->broker_only
                         : tally_level(roster->tally)->connections - roster->record_count;
    if (among == 0)
        return false;
    tally_each(roster->tally, connection->host, connection->user, consider, &best);
    if (best.found)
        *ret_entry = best.entry;
    return best.found;
}

/* A broker's record that stood alone becomes part of a session of its host, live or just beginning. The new
 * record is had first, so that a failure changes nothing. */
static int pair_with_record(struct roster *roster, const struct connection *host_view,
                            const struct tally_entry *alone)
{
    const struct record *old = record_at(&roster->records, record_number(alone->tag));
    struct tally_entry entry;
    char broker_id[CONNECTION_ID_BYTES_MAX + 1];
    keep_text(broker_id, alone->connection.id);
    uint32_t number = take_record(roster, host_view->host, host_view->id, broker_id,
                                  old->broker_connected_at_ms, old->lease_at_ms);
    if (number == RECORD_NONE)
        return CORE_NO_MEMORY;
    int code = put_paired(roster, host_view, alone->connection.kind, alone->connection.route, number, true);
    if (code < 0) {
        give_record(roster, number, false);
        return code;
    }
    if (tally_find(roster->tally, host_view->host, broker_id, &entry))
        end(roster, &entry, true);
    return 0;
}

/* ---- a batch ------------------------------------------------------------------------------------------- */

struct item {
    const struct connection *session;
    int64_t connected_at_ms; /* 0 replaced by the arrival */
    size_t place;            /* in the caller's array */
    bool live;               /* of the same user already */
};

struct batch {
    struct item *items; /* sorted by id, one for each */
    size_t count;
    char *leavers; /* ids, one after the other, each with its NUL */
    size_t leaver_bytes, leaver_room;
    struct roster *roster;
    bool brokers; /* what brokers say of the host, else what its source does */
    bool no_memory;
    int error; /* the first */
};

static int by_id(const void *a, const void *b)
{
    const struct item *one = a, *other = b;
    int order = strcmp(one->session->id, other->session->id);
    if (order != 0)
        return order;
    return one->place < other->place ? -1 : 1;
}

static int by_connect_time(const void *a, const void *b)
{
    const struct item *one = a, *other = b;
    if (one->connected_at_ms != other->connected_at_ms)
        return one->connected_at_ms < other->connected_at_ms ? -1 : 1;
    return strcmp(one->session->id, other->session->id);
}

static void note_error(struct batch *batch, int code, const struct connection *connection)
{
    if (code == 0)
        return;
    if (batch->error == 0)
        batch->error = code;
    tell_refused(batch->roster, connection, batch->brokers ? REPORTED_BY_BROKER : REPORTED_BY_HOST);
}

/* A later session with the same id replaces an earlier one. */
static void keep_last_of_each(struct batch *batch)
{
    size_t kept = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (kept > 0 && strcmp(batch->items[kept - 1].session->id, batch->items[i].session->id) == 0)
            kept--;
        batch->items[kept++] = batch->items[i];
    }
    batch->count = kept;
}

static int batch_init(struct batch *batch, struct roster *roster, bool brokers,
                      const struct connection *sessions, size_t count, const char *host, int64_t now_ms)
{
    *batch = (struct batch){.roster = roster, .brokers = brokers};
    batch->items = calloc(count > 0 ? count : 1, sizeof(*batch->items));
    if (batch->items == NULL)
        return CORE_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        if (!is_valid(&sessions[i]) || strcmp(sessions[i].host, host) != 0) {
            if (batch->error == 0)
                batch->error = CORE_INVALID;
            continue;
        }
        int64_t at_ms = sessions[i].connected_at_ms;
        batch->items[batch->count++] = (struct item){
            .session = &sessions[i], .connected_at_ms = at_ms != 0 ? at_ms : now_ms, .place = i};
    }
    qsort(batch->items, batch->count, sizeof(*batch->items), by_id);
    keep_last_of_each(batch);
    return 0;
}

static void batch_finish(struct batch *batch)
{
    free(batch->items);
    free(batch->leavers);
}

static struct item *batch_find(const struct batch *batch, const char *id)
{
    size_t low = 0, high = batch->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(batch->items[middle].session->id, id);
        if (order == 0)
            return &batch->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool note_leaver(struct batch *batch, const char *id)
{
    size_t bytes = strlen(id) + 1;
    if (batch->leaver_bytes + bytes > batch->leaver_room) {
        size_t room = (batch->leaver_room + bytes) * 2;
        char *leavers = realloc(batch->leavers, room);
        if (leavers == NULL) {
            batch->no_memory = true;
            return false;
        }
        batch->leavers = leavers;
        batch->leaver_room = room;
    }
    memcpy(batch->leavers + batch->leaver_bytes, id, bytes);
    batch->leaver_bytes += bytes;
    return true;
}

/* Whether a live connection of the host stands in the batch. Of a broker's batch its own id counts; what no
 * broker reported is none of its business, and what only a broker did is the host's only where it takes the
 * id. */
static bool compare(void *data, const struct tally_entry *entry)
{
    struct batch *batch = data;
    unsigned reported_by = reporters(entry->tag);
    const char *id = entry->connection.id;
    if (batch->brokers && (reported_by & REPORTED_BY_BROKER) == 0)
        return true;
    if (batch->brokers) {
        const char *broker_id =
            record_broker_id(record_at(&batch->roster->records, record_number(entry->tag)));
        id = *broker_id != '\0' ? broker_id : id;
    }
    struct item *item = batch_find(batch, id);
    if (item != NULL && is_same_user(batch->roster, entry->connection.user, item->session->user)) {
        item->live = true;
        return true;
    }
    bool leaves = item != NULL || batch->brokers || (reported_by & REPORTED_BY_HOST) != 0;
    return leaves ? note_leaver(batch, entry->connection.id) : true;
}

/* Ends what left; a broker no longer speaking of a session leaves it to its host. */
static void end_leavers(struct batch *batch, const char *host)
{
    for (size_t at = 0; at < batch->leaver_bytes; at += strlen(batch->leavers + at) + 1) {
        struct tally_entry entry;
        if (!tally_find(batch->roster->tally, host, batch->leavers + at, &entry))
            continue;
        if (batch->brokers && (reporters(entry.tag) & REPORTED_BY_HOST) != 0)
            note_error(batch, unpair(batch->roster, &entry), &entry.connection);
        else
            end(batch->roster, &entry, false);
    }
}

/* ---- the host speaks ----------------------------------------------------------------------------------- */

/* A session that was live before, as its host sees it now. A broker's record of that id may meanwhile have
 * gone into another session whose connect time has become known: then it is a new one. */
static int refresh(struct roster *roster, struct item *item)
{
    struct tally_entry entry, partner;
    struct connection session = *item->session;
    item->live = tally_find(roster->tally, session.host, session.id, &entry);
    if (!item->live)
        return 0;
    uint32_t number = record_number(entry.tag);
    bool seen_before = (reporters(entry.tag) & REPORTED_BY_HOST) != 0;
    if (session.connected_at_ms == 0)
        session.connected_at_ms =
            seen_before ? as_host_sees(roster, &entry).connected_at_ms : item->connected_at_ms;
    if (number != RECORD_NONE) {
        struct record *record = record_at(&roster->records, number);
        bool same_host_view = seen_before && record->host_connected_at_ms == session.connected_at_ms &&
                              record->host_kind == (uint8_t)session.kind &&
                              record->host_route == (uint8_t)session.route;
        if (same_host_view && session.state == entry.connection.state &&
            session.administrator == entry.connection.administrator &&
            strcmp(session.user, entry.connection.user) == 0)
            return 0;
        int code = put_paired(roster, &session, entry.connection.kind, entry.connection.route, number, false);
        if (code == 0 && !seen_before) {
            records_unlease(&roster->records, number);
            roster->broker_only--;
        }
        return code;
    }
    bool began_elsewhen = session.connected_at_ms != entry.connection.connected_at_ms;
    if (began_elsewhen &&
        find_partner(roster, &session, session.connected_at_ms, REPORTED_BY_BROKER, &partner))
        return pair_with_record(roster, &session, &partner);
    return put(roster, &session, tag_of(REPORTED_BY_HOST, RECORD_NONE), false);
}

/* A session begins whose id a broker used for one that was paired by user and time: the id is the better
 * witness, so the broker's words move here. */
static int take_over(struct roster *roster, const struct connection *session, uint32_t number, bool *ret_done)
{
    struct tally_entry entry;
    struct record record = *record_at(&roster->records, number);
    if (!tally_find(roster->tally, session->host, record_id(&record), &entry))
        return 0;
    enum connection_kind kind = entry.connection.kind;
    enum connection_route route = entry.connection.route;
    bool same_user = is_same_user(roster, entry.connection.user, session->user);
    int code = unpair(roster, &entry);
    if (code < 0 || !same_user)
        return code;
    number = take_record(roster, session->host, session->id, "", record.broker_connected_at_ms,
                         record.lease_at_ms);
    if (number == RECORD_NONE)
        return CORE_NO_MEMORY;
    code = put_paired(roster, session, kind, route, number, false);
    if (code < 0)
        give_record(roster, number, false);
    *ret_done = code == 0;
    return code;
}

/* A session that was not live before. */
static int admit(struct roster *roster, const struct item *item)
{
    struct connection session = *item->session;
    struct tally_entry partner;
    session.connected_at_ms = item->connected_at_ms;
    uint32_t number = records_find(&roster->records, session.host, session.id);
    if (number != RECORD_NONE) {
        bool done = false;
        int code = take_over(roster, &session, number, &done);
        if (code < 0 || done)
            return code;
    }
    if (find_partner(roster, &session, session.connected_at_ms, REPORTED_BY_BROKER, &partner))
        return pair_with_record(roster, &session, &partner);
    return put(roster, &session, tag_of(REPORTED_BY_HOST, RECORD_NONE), false);
}

int roster_host_set(struct roster *roster, const char *host, const struct connection *sessions, size_t count,
                    int64_t now_ms)
{
    struct batch batch;
    if (!connection_text_valid(host, CONNECTION_HOST_BYTES_MAX))
        return CORE_INVALID;
    int code = batch_init(&batch, roster, false, sessions, count, host, now_ms);
    if (code < 0)
        return code;
    tally_each(roster->tally, host, NULL, compare, &batch);
    if (batch.no_memory) {
        batch_finish(&batch);
        return CORE_NO_MEMORY;
    }
    end_leavers(&batch, host);
    for (size_t i = 0; i < batch.count; i++)
        if (batch.items[i].live)
            note_error(&batch, refresh(roster, &batch.items[i]), batch.items[i].session);
    qsort(batch.items, batch.count, sizeof(*batch.items), by_connect_time);
    for (size_t i = 0; i < batch.count; i++)
        if (!batch.items[i].live)
            note_error(&batch, admit(roster, &batch.items[i]), batch.items[i].session);
    code = batch.error;
    batch_finish(&batch);
    return code;
}

/* ---- brokers speak ------------------------------------------------------------------------------------- */

/* A live connection by the broker's id, or by the host's. */
static bool find_told(const struct roster *roster, const char *host, const char *id,
                      struct tally_entry *ret_entry)
{
    if (tally_find(roster->tally, host, id, ret_entry))
        return true;
    uint32_t number = records_find(&roster->records, host, id);
    return number != RECORD_NONE &&
           tally_find(roster->tally, host, record_id(record_at(&roster->records, number)), ret_entry);
}

/* The broker's words for a session that its host sees, told under the host's id or the broker's own; they
 * replace what it said before. */
static int put_on_session(struct roster *roster, const struct tally_entry *entry,
                          const struct connection *told, int64_t now_ms)
{
    struct connection host_view = as_host_sees(roster, entry);
    uint32_t before = record_number(entry->tag);
    int64_t at_ms = told->connected_at_ms;
    if (at_ms == 0)
        at_ms = before != RECORD_NONE ? record_at(&roster->records, before)->broker_connected_at_ms : now_ms;
    const char *broker_id = strcmp(host_view.id, told->id) == 0 ? "" : told->id;
    uint32_t number = take_record(roster, host_view.host, host_view.id, broker_id, at_ms, now_ms);
    if (number == RECORD_NONE)
        return CORE_NO_MEMORY;
    int code = put_paired(roster, &host_view, told->kind, told->route, number, false);
    uint32_t unused = code < 0 ? number : before;
    if (unused != RECORD_NONE)
        give_record(roster, unused, false);
    return code;
}

/* A record that no host sees, again. */
static int put_alone_again(struct roster *roster, const struct tally_entry *entry,
                           const struct connection *told, int64_t now_ms)
{
    uint32_t number = record_number(entry->tag);
    struct record *record = record_at(&roster->records, number);
    struct connection connection = *told;
    int64_t lease_before_ms = record->lease_at_ms;
    if (connection.connected_at_ms == 0)
        connection.connected_at_ms = entry->connection.connected_at_ms;
    records_lease(&roster->records, number, now_ms);
    int code = put(roster, &connection, entry->tag, false);
    if (code < 0)
        records_lease(&roster->records, number, lease_before_ms);
    else
        record->broker_connected_at_ms = connection.connected_at_ms;
    return code;
}

static int put_alone(struct roster *roster, const struct connection *told, int64_t now_ms)
{
    struct connection connection = *told;
    if (connection.connected_at_ms == 0)
        connection.connected_at_ms = now_ms;
    uint32_t number = take_record(roster, told->host, told->id, "", connection.connected_at_ms, now_ms);
    if (number == RECORD_NONE)
        return CORE_NO_MEMORY;
    records_lease(&roster->records, number, now_ms);
    int code = put(roster, &connection, tag_of(REPORTED_BY_BROKER, number), false);
    if (code < 0)
        give_record(roster, number, false);
    else
        roster->broker_only++;
    return code;
}

static int broker_put(struct roster *roster, const struct connection *told, int64_t now_ms)
{
    struct tally_entry entry, partner;
    bool live = find_told(roster, told->host, told->id, &entry);
    if (live && !is_same_user(roster, entry.connection.user, told->user)) {
        bool under_host_id = strcmp(entry.connection.id, told->id) == 0;
        int code = 0;
        if (under_host_id)
            end(roster, &entry, false);
        else
            code = unpair(roster, &entry);
        if (code < 0)
            return code;
        live = false;
    }
    if (live && (reporters(entry.tag) & REPORTED_BY_HOST) != 0)
        return put_on_session(roster, &entry, told, now_ms);
    int64_t at_ms = told->connected_at_ms;
    if (at_ms == 0)
        at_ms = live ? entry.connection.connected_at_ms : now_ms;
    bool has_partner = find_partner(roster, told, at_ms, REPORTED_BY_HOST, &partner);
    if (!has_partner)
        return live ? put_alone_again(roster, &entry, told, now_ms) : put_alone(roster, told, now_ms);
    struct connection timed = *told;
    timed.connected_at_ms = at_ms;
    if (!live)
        return put_on_session(roster, &partner, &timed, now_ms);
    int code = put_alone_again(roster, &entry, &timed, now_ms);
    if (code < 0 || !find_told(roster, told->host, told->id, &entry))
        return code;
    struct connection host_view = partner.connection;
    return pair_with_record(roster, &host_view, &entry);
}

int roster_broker_put(struct roster *roster, const struct connection *connection, int64_t now_ms)
{
    return is_valid(connection) ? broker_put(roster, connection, now_ms) : CORE_INVALID;
}

int roster_broker_end(struct roster *roster, const char *host, const char *id, int64_t now_ms)
{
    struct tally_entry entry;
    (void)now_ms;
    if (!connection_text_valid(host, CONNECTION_HOST_BYTES_MAX) ||
        !connection_text_valid(id, CONNECTION_ID_BYTES_MAX))
        return CORE_UNKNOWN;
    if (!find_told(roster, host, id, &entry) || (reporters(entry.tag) & REPORTED_BY_BROKER) == 0)
        return CORE_UNKNOWN;
    if ((reporters(entry.tag) & REPORTED_BY_HOST) != 0)
        return unpair(roster, &entry);
    end(roster, &entry, false);
    return 0;
}

int roster_broker_set(struct roster *roster, const char *host, const struct connection *connections,
                      size_t count, int64_t now_ms)
{
    struct batch batch;
    if (!connection_text_valid(host, CONNECTION_HOST_BYTES_MAX))
        return CORE_INVALID;
    int code = batch_init(&batch, roster, true, connections, count, host, now_ms);
    if (code < 0)
        return code;
    tally_each(roster->tally, host, NULL, compare, &batch);
    if (batch.no_memory) {
        batch_finish(&batch);
        return CORE_NO_MEMORY;
    }
    end_leavers(&batch, host);
    qsort(batch.items, batch.count, sizeof(*batch.items), by_connect_time);
    for (size_t i = 0; i < batch.count; i++)
        note_error(&batch, broker_put(roster, batch.items[i].session, now_ms), batch.items[i].session);
    code = batch.error;
    batch_finish(&batch);
    return code;
}

/* ---- ends by themselves -------------------------------------------------------------------------------- */

int64_t roster_due_ms(const struct roster *roster, int64_t lease_ms)
{
    uint32_t number = records_oldest_lease(&roster->records);
    if (lease_ms == 0 || number == RECORD_NONE)
        return INT64_MAX;
    return record_at(&roster->records, number)->lease_at_ms + lease_ms;
}

void roster_expire(struct roster *roster, int64_t lease_ms, int64_t now_ms)
{
    while (roster_due_ms(roster, lease_ms) <= now_ms) {
        uint32_t number = records_oldest_lease(&roster->records);
        const struct record *record = record_at(&roster->records, number);
        struct tally_entry entry;
        bool live = tally_find(roster->tally, record_host(record), record_id(record), &entry);
        assert(live);
        if (live)
            end(roster, &entry, false);
        else
            give_record(roster, number, true);
    }
}

static bool end_first(void *data, const struct tally_entry *entry)
{
    end(data, entry, false);
    return false;
}

void roster_host_gone(struct roster *roster, const char *host)
{
    uint32_t before;
    do {
        before = tally_level(roster->tally)->connections;
        tally_each(roster->tally, host, NULL, end_first, roster);
    } while (tally_level(roster->tally)->connections < before);
}

/* ---- kept over a restart ------------------------------------------------------------------------------- */

static int restore_record(struct roster *roster, const struct roster_change *stored, uint32_t *ret_number)
{
    const struct connection *connection = &stored->connection;
    uint32_t number = take_record(roster, connection->host, connection->id, stored->broker_id,
                                  connection->connected_at_ms, stored->lease_at_ms);
    if (number == RECORD_NONE)
        return CORE_NO_MEMORY;
    struct record *record = record_at(&roster->records, number);
    record->host_connected_at_ms = connection->connected_at_ms;
    record->host_kind = (uint8_t)connection->kind;
    record->host_route = (uint8_t)connection->route;
    *ret_number = number;
    return 0;
}

int roster_restore(struct roster *roster, const struct roster_change *stored)
{
    uint32_t number = RECORD_NONE;
    struct tally_entry entry;
    bool by_broker = (stored->reported_by & REPORTED_BY_BROKER) != 0;
    bool by_host = (stored->reported_by & REPORTED_BY_HOST) != 0;
    if (!is_valid(&stored->connection) || (!by_broker && !by_host) ||
        tally_find(roster->tally, stored->connection.host, stored->connection.id, &entry))
        return CORE_INVALID;
    int code = by_broker ? restore_record(roster, stored, &number) : 0;
    if (code == 0)
        code = tally_put(roster->tally, &stored->connection, tag_of(stored->reported_by, number));
    if (code < 0) {
        if (number != RECORD_NONE)
            give_record(roster, number, false);
        return code;
    }
    if (by_broker && !by_host) {
        records_lease(&roster->records, number, stored->lease_at_ms);
        roster->broker_only++;
    }
    return 0;
}

struct visiting {
    const struct roster *roster;
    roster_change_fn *visit;
    void *data;
};

static bool visit_entry(void *data, const struct tally_entry *entry)
{
    const struct visiting *visiting = data;
    struct roster_change change = change_of(visiting->roster, entry, ROSTER_OPENED);
    visiting->visit(visiting->data, &change);
    return true;
}

void roster_each(const struct roster *roster, roster_change_fn *visit, void *data)
{
    struct visiting visiting = {roster, visit, data};
    tally_each(roster->tally, NULL, NULL, visit_entry, &visiting);
}
