#include "roster_private.h"

#include "core_error.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(TALLY_SEED_BYTES == KEYED_HASH_SEED_BYTES, "one seed for all names");

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
    uint32_t number = roster_record(entry->tag);
    struct roster_change change = {.type = type,
                                   .connection = entry->connection,
                                   .reported_by = roster_reporters(entry->tag),
                                   .broker_id = ""};
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

void roster_tell_refused(struct roster *roster, const struct connection *connection, unsigned reported_by)
{
    struct roster_change change = {
        .type = ROSTER_REFUSED, .connection = *connection, .reported_by = reported_by, .broker_id = ""};
    tell(roster, &change);
}

/* ---- names and facts ----------------------------------------------------------------------------------- */

bool roster_is_valid(const struct connection *connection)
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
bool roster_is_same_user(const struct roster *roster, const char *live, const char *other)
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
int roster_put_live(struct roster *roster, const struct connection *connection, uint32_t tag, bool renamed)
{
    struct tally_entry before;
    enum roster_change_type type = ROSTER_OPENED;
    if (tally_find(roster->tally, connection->host, connection->id, &before)) {
        bool same = same_facts(&before.connection, connection);
        if (same && before.tag == tag && (roster_reporters(tag) & REPORTED_BY_BROKER) == 0)
            return 0;
        type = same ? ROSTER_RENEWED : ROSTER_CHANGED;
    }
    int code = tally_put(roster->tally, connection, tag);
    if (code == 0)
        tell_of(roster, connection->host, connection->id, type, renamed);
    return code;
}

void roster_give_record(struct roster *roster, uint32_t number, bool broker_only)
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
void roster_end_live(struct roster *roster, const struct tally_entry *entry, bool renamed)
{
    struct ended kept;
    struct roster_change change = change_of(roster, entry, ROSTER_ENDED);
    uint32_t number = roster_record(entry->tag);
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
        roster_give_record(roster, number, change.reported_by == REPORTED_BY_BROKER);
}

/* How the host itself sees a session that is live: without what its broker says. */
struct connection roster_as_host_sees(const struct roster *roster, const struct tally_entry *entry)
{
    struct connection connection = entry->connection;
    uint32_t number = roster_record(entry->tag);
    if (number != RECORD_NONE) {
        const struct record *record = record_at(&roster->records, number);
        connection.connected_at_ms = record->host_connected_at_ms;
        connection.kind = (enum connection_kind)record->host_kind;
        connection.route = (enum connection_route)record->host_route;
    }
    return connection;
}

/* The broker no longer speaks of a paired session: it is what its host says again. */
int roster_unpair(struct roster *roster, const struct tally_entry *entry)
{
    struct connection connection = roster_as_host_sees(roster, entry);
    uint32_t number = roster_record(entry->tag);
    int code = roster_put_live(roster, &connection, roster_tag(REPORTED_BY_HOST, RECORD_NONE), false);
    if (code == 0)
        roster_give_record(roster, number, false);
    return code;
}

/* Makes a host's session and a broker's words one connection, and puts it. `host_view` is all the host's. The
 * record has its id already. */
int roster_put_paired(struct roster *roster, const struct connection *host_view, enum connection_kind kind,
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
    int code = roster_put_live(roster, &connection, roster_tag(REPORTED_BY_HOST | REPORTED_BY_BROKER, number),
                               renamed);
    if (code < 0) {
        record->host_connected_at_ms = before.host_connected_at_ms;
        record->host_kind = before.host_kind;
        record->host_route = before.host_route;
    }
    return code;
}

uint32_t roster_take_record(struct roster *roster, const char *host, const char *id, const char *broker_id,
                            int64_t broker_connected_at_ms, int64_t lease_at_ms)
{
    uint32_t number = RECORD_NONE;
    if (roster->record_count < ROSTER_RECORDS_MAX)
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
    if (roster_reporters(entry->tag) != best->reported_by || distance_ms > ROSTER_PAIR_WINDOW_MS)
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
bool roster_find_partner(const struct roster *roster, const struct connection *connection, int64_t at_ms,
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
int roster_pair_with_record(struct roster *roster, const struct connection *host_view,
                            const struct tally_entry *alone)
{
    const struct record *old = record_at(&roster->records, roster_record(alone->tag));
    struct tally_entry entry;
    char broker_id[CONNECTION_ID_BYTES_MAX + 1];
    keep_text(broker_id, alone->connection.id);
    uint32_t number = roster_take_record(roster, host_view->host, host_view->id, broker_id,
                                         old->broker_connected_at_ms, old->lease_at_ms);
    if (number == RECORD_NONE)
        return CORE_NO_MEMORY;
    int code =
        roster_put_paired(roster, host_view, alone->connection.kind, alone->connection.route, number, true);
    if (code < 0) {
        roster_give_record(roster, number, false);
        return code;
    }
    if (tally_find(roster->tally, host_view->host, broker_id, &entry))
        roster_end_live(roster, &entry, true);
    return 0;
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
            roster_end_live(roster, &entry, false);
        else
            roster_give_record(roster, number, true);
    }
}

static bool end_first(void *data, const struct tally_entry *entry)
{
    roster_end_live(data, entry, false);
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
    uint32_t number = roster_take_record(roster, connection->host, connection->id, stored->broker_id,
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
    if (!roster_is_valid(&stored->connection) || (!by_broker && !by_host) ||
        tally_find(roster->tally, stored->connection.host, stored->connection.id, &entry))
        return CORE_INVALID;
    int code = by_broker ? restore_record(roster, stored, &number) : 0;
    if (code == 0)
        code = tally_put(roster->tally, &stored->connection, roster_tag(stored->reported_by, number));
    if (code < 0) {
        if (number != RECORD_NONE)
            roster_give_record(roster, number, false);
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
