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

static bool is_alone(const struct tally_entry *entry)
{
    return roster_reporters(entry->tag) == REPORTED_BY_BROKER;
}

static bool is_paired(const struct tally_entry *entry)
{
    return roster_reporters(entry->tag) == (REPORTED_BY_HOST | REPORTED_BY_BROKER);
}

static bool give_paired(void *data, const struct tally_entry *entry)
{
    struct roster *roster = data;
    if (is_paired(entry))
        records_give(&roster->records, roster_record(entry->tag), false);
    return true;
}

void roster_destroy(struct roster *roster)
{
    if (roster == NULL)
        return;
    tally_each(roster->tally, NULL, NULL, give_paired, roster);
    records_finish(&roster->records);
    free(roster);
}

size_t roster_bytes(const struct roster *roster)
{
    return sizeof(*roster) + records_bytes(&roster->records);
}

/* ---- what is told -------------------------------------------------------------------------------------- */

static const union record *record_behind(const struct roster *roster, const struct tally_entry *entry)
{
    return record_at(&roster->records, roster_record(entry->tag));
}

const char *roster_broker_id(const struct roster *roster, const struct tally_entry *entry)
{
    const char *broker_id = is_paired(entry) ? record_behind(roster, entry)->paired.broker_id : NULL;
    return broker_id != NULL ? broker_id : "";
}

static struct roster_change change_of(const struct roster *roster, const struct tally_entry *entry,
                                      enum roster_change_type type)
{
    return (struct roster_change){.type = type,
                                  .connection = entry->connection,
                                  .reported_by = roster_reporters(entry->tag),
                                  .broker_id = roster_broker_id(roster, entry),
                                  .lease_at_ms =
                                      is_alone(entry) ? record_behind(roster, entry)->alone.lease_at_ms : 0,
                                  .number = entry->number};
}

struct roster_change roster_at(const struct roster *roster, uint32_t number)
{
    struct tally_entry entry = tally_at(roster->tally, number);
    return change_of(roster, &entry, ROSTER_RENEWED);
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

bool roster_same_facts(const struct connection *a, const struct connection *b)
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
        bool same = roster_same_facts(&before.connection, connection);
        if (same && before.tag == tag && (roster_reporters(tag) & REPORTED_BY_BROKER) == 0)
            return 0;
        type = same ? ROSTER_RENEWED : ROSTER_CHANGED;
    }
    int code = tally_put(roster->tally, connection, tag);
    if (code == 0)
        tell_of(roster, connection->host, connection->id, type, renamed);
    return code;
}

/* Gives back the record of a connection (as it was, for it may have ended), if it has one. `host` is named
 * apart: the entry's own strings may be gone. */
static void drop_record(struct roster *roster, const struct tally_entry *entry, const char *host)
{
    uint32_t record = roster_record(entry->tag);
    if (record == RECORD_NONE)
        return;
    if (is_alone(entry))
        records_unlease(&roster->records, roster->tally, record);
    else
        records_forget(&roster->records, host, record, entry->number);
    records_give(&roster->records, record, is_alone(entry));
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
    struct tally_entry ended = *entry;
    keep_text(kept.host, entry->connection.host);
    keep_text(kept.id, entry->connection.id);
    keep_text(kept.user, entry->connection.user);
    change.connection.host = kept.host;
    change.connection.id = kept.id;
    change.connection.user = kept.user;
    change.renamed = renamed;
    (void)tally_end(roster->tally, kept.host, kept.id);
    tell(roster, &change);
    drop_record(roster, &ended, kept.host);
}

/* How the host itself sees a session that is live: without what its broker says. */
struct connection roster_as_host_sees(const struct roster *roster, const struct tally_entry *entry)
{
    struct connection connection = entry->connection;
    if (is_paired(entry)) {
        struct hidden hidden = record_hidden(record_behind(roster, entry));
        connection.kind = hidden.host_kind;
        connection.route = hidden.host_route;
        if (hidden.later_is_hosts)
            connection.connected_at_ms = hidden.later_ms;
    }
    return connection;
}

struct broker_words roster_words(const struct roster *roster, const struct tally_entry *entry)
{
    struct broker_words words = {.connected_at_ms = entry->connection.connected_at_ms,
                                 .kind = entry->connection.kind,
                                 .route = entry->connection.route,
                                 .broker_id = roster_broker_id(roster, entry)};
    if (is_paired(entry)) {
        struct hidden hidden = record_hidden(record_behind(roster, entry));
        if (!hidden.later_is_hosts)
            words.connected_at_ms = hidden.later_ms;
    }
    return words;
}

/* The broker no longer speaks of a paired session: it is what its host says again. */
int roster_unpair(struct roster *roster, const struct tally_entry *entry)
{
    struct connection connection = roster_as_host_sees(roster, entry);
    struct tally_entry paired = *entry;
    int code = roster_put_live(roster, &connection, roster_tag(REPORTED_BY_HOST, RECORD_NONE), false);
    if (code == 0)
        drop_record(roster, &paired, paired.connection.host);
    return code;
}

/* The new record is had first, so that a failure changes nothing, and the old one goes before the new one is
 * known: a connection stands in the index once. */
int roster_put_paired(struct roster *roster, const struct connection *host_view,
                      const struct broker_words *words, bool renamed)
{
    struct connection connection = *host_view;
    struct tally_entry before, after;
    bool was_live = tally_find(roster->tally, host_view->host, host_view->id, &before);
    uint32_t record = records_take_paired(&roster->records, host_view, words);
    if (record == RECORD_NONE)
        return CORE_NO_MEMORY;
    connection.kind = words->kind;
    connection.route = words->route;
    connection.connected_at_ms = earlier(host_view->connected_at_ms, words->connected_at_ms);
    int code = roster_put_live(roster, &connection, roster_tag(REPORTED_BY_HOST | REPORTED_BY_BROKER, record),
                               renamed);
    if (code < 0) {
        records_give(&roster->records, record, false);
        return code;
    }
    if (was_live)
        drop_record(roster, &before, host_view->host);
    if (tally_find(roster->tally, host_view->host, host_view->id, &after))
        records_know(&roster->records, host_view->host, record, after.number);
    return 0;
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
                         ? roster->records.alone_count
                         : tally_level(roster->tally)->connections - roster->records.count;
    if (among == 0)
        return false;
    tally_each(roster->tally, connection->host, connection->user, consider, &best);
    if (best.found)
        *ret_entry = best.entry;
    return best.found;
}

/* A broker's record that stood alone becomes part of a session of its host, live or just beginning. */
int roster_pair_with_record(struct roster *roster, const struct connection *host_view,
                            const struct tally_entry *alone)
{
    struct tally_entry entry;
    char broker_id[CONNECTION_ID_BYTES_MAX + 1];
    struct broker_words words = roster_words(roster, alone);
    keep_text(broker_id, alone->connection.id);
    words.broker_id = broker_id;
    int code = roster_put_paired(roster, host_view, &words, true);
    if (code == 0 && tally_find(roster->tally, host_view->host, broker_id, &entry))
        roster_end_live(roster, &entry, true);
    return code;
}

/* ---- ends by themselves -------------------------------------------------------------------------------- */

int64_t roster_due_ms(const struct roster *roster, int64_t lease_ms)
{
    uint32_t number = roster->records.oldest;
    if (lease_ms == 0 || number == RECORD_NONE)
        return INT64_MAX;
    uint32_t record = roster_record(tally_tag(roster->tally, number));
    return record_at(&roster->records, record)->alone.lease_at_ms + lease_ms;
}

void roster_expire(struct roster *roster, int64_t lease_ms, int64_t now_ms)
{
    while (roster_due_ms(roster, lease_ms) <= now_ms) {
        struct tally_entry entry = tally_at(roster->tally, roster->records.oldest);
        roster_end_live(roster, &entry, false);
    }
}

void roster_restart_leases(struct roster *roster, int64_t now_ms)
{
    uint32_t number = roster->records.newest;
    while (number != RECORD_NONE) {
        struct tally_entry entry = tally_at(roster->tally, number);
        union record *record = record_at(&roster->records, roster_record(entry.tag));
        if (record->alone.lease_at_ms <= now_ms)
            return;
        record->alone.lease_at_ms = now_ms;
        number = record->alone.older;
        struct roster_change change = change_of(roster, &entry, ROSTER_RENEWED);
        tell(roster, &change);
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

static uint32_t restore_record(struct roster *roster, const struct roster_change *stored)
{
    const struct connection *connection = &stored->connection;
    if ((stored->reported_by & REPORTED_BY_HOST) == 0)
        return records_take_alone(&roster->records, stored->lease_at_ms);
    struct broker_words words = {.connected_at_ms = connection->connected_at_ms,
                                 .broker_id = stored->broker_id};
    return records_take_paired(&roster->records, connection, &words);
}

int roster_restore(struct roster *roster, const struct roster_change *stored)
{
    const struct connection *connection = &stored->connection;
    uint32_t record = RECORD_NONE;
    struct tally_entry entry;
    bool by_broker = (stored->reported_by & REPORTED_BY_BROKER) != 0;
    bool by_host = (stored->reported_by & REPORTED_BY_HOST) != 0;
    if (!roster_is_valid(connection) || (!by_broker && !by_host) ||
        tally_find(roster->tally, connection->host, connection->id, &entry))
        return CORE_INVALID;
    if (by_broker && (record = restore_record(roster, stored)) == RECORD_NONE)
        return CORE_NO_MEMORY;
    int code = tally_put(roster->tally, connection, roster_tag(stored->reported_by, record));
    if (code < 0) {
        if (by_broker)
            records_give(&roster->records, record, !by_host);
        return code;
    }
    if (!by_broker || !tally_find(roster->tally, connection->host, connection->id, &entry))
        return 0;
    if (by_host)
        records_know(&roster->records, connection->host, record, entry.number);
    else
        records_lease(&roster->records, roster->tally, entry.number);
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
