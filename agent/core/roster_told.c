/* roster_told.c - what hosts and brokers tell: whole sets, single records, ends. */
#include "roster_private.h"

#include "core_error.h"
#include "sorted.h"

#include <stdlib.h>
#include <string.h>

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
    roster_tell_refused(batch->roster, connection, batch->brokers ? REPORTED_BY_BROKER : REPORTED_BY_HOST);
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
        if (!roster_is_valid(&sessions[i]) || strcmp(sessions[i].host, host) != 0) {
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

static const char *id_at(const void *items, size_t place)
{
    return ((const struct item *)items)[place].session->id;
}

static struct item *batch_find(const struct batch *batch, const char *id)
{
    bool found;
    size_t place = sorted_place(batch->items, batch->count, id_at, id, &found);
    return found ? &batch->items[place] : NULL;
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
    unsigned reported_by = roster_reporters(entry->tag);
    const char *id = entry->connection.id;
    if (batch->brokers && (reported_by & REPORTED_BY_BROKER) == 0)
        return true;
    if (batch->brokers && *roster_broker_id(batch->roster, entry) != '\0')
        id = roster_broker_id(batch->roster, entry);
    struct item *item = batch_find(batch, id);
    if (item != NULL && roster_is_same_user(batch->roster, entry->connection.user, item->session->user)) {
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
        if (batch->brokers && (roster_reporters(entry.tag) & REPORTED_BY_HOST) != 0)
            note_error(batch, roster_unpair(batch->roster, &entry), &entry.connection);
        else
            roster_end_live(batch->roster, &entry, false);
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
    unsigned reported_by = roster_reporters(entry.tag);
    bool seen_before = (reported_by & REPORTED_BY_HOST) != 0;
    if (session.connected_at_ms == 0)
        session.connected_at_ms =
            seen_before ? roster_as_host_sees(roster, &entry).connected_at_ms : item->connected_at_ms;
    if ((reported_by & REPORTED_BY_BROKER) != 0) {
        struct connection host_view = roster_as_host_sees(roster, &entry);
        struct broker_words words = roster_words(roster, &entry);
        if (seen_before && roster_same_facts(&host_view, &session))
            return 0;
        return roster_put_paired(roster, &session, &words, false);
    }
    bool began_elsewhen = session.connected_at_ms != entry.connection.connected_at_ms;
    if (began_elsewhen &&
        roster_find_partner(roster, &session, session.connected_at_ms, REPORTED_BY_BROKER, &partner))
        return roster_pair_with_record(roster, &session, &partner);
    return roster_put_live(roster, &session, roster_tag(REPORTED_BY_HOST, RECORD_NONE), false);
}

/* A session begins whose id a broker used for one that was paired by user and time: the id is the better
 * witness, so the broker's words move here. */
static int take_over(struct roster *roster, const struct connection *session, uint32_t number, bool *ret_done)
{
    struct tally_entry entry = tally_at(roster->tally, number);
    struct broker_words words = roster_words(roster, &entry);
    bool same_user = roster_is_same_user(roster, entry.connection.user, session->user);
    words.broker_id = "";
    int code = roster_unpair(roster, &entry);
    if (code < 0 || !same_user)
        return code;
    code = roster_put_paired(roster, session, &words, false);
    *ret_done = code == 0;
    return code;
}

/* A session that was not live before. */
static int admit(struct roster *roster, const struct item *item)
{
    struct connection session = *item->session;
    struct tally_entry partner;
    session.connected_at_ms = item->connected_at_ms;
    uint32_t number = records_find(&roster->records, roster->tally, session.host, session.id);
    if (number != RECORD_NONE) {
        bool done = false;
        int code = take_over(roster, &session, number, &done);
        if (code < 0 || done)
            return code;
    }
    if (roster_find_partner(roster, &session, session.connected_at_ms, REPORTED_BY_BROKER, &partner))
        return roster_pair_with_record(roster, &session, &partner);
    return roster_put_live(roster, &session, roster_tag(REPORTED_BY_HOST, RECORD_NONE), false);
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
    uint32_t number = records_find(&roster->records, roster->tally, host, id);
    if (number != RECORD_NONE)
        *ret_entry = tally_at(roster->tally, number);
    return number != RECORD_NONE;
}

/* The broker's words for a session that its host sees, told under the host's id or the broker's own; they
 * replace what it said before. */
static int put_on_session(struct roster *roster, const struct tally_entry *entry,
                          const struct connection *told, int64_t now_ms)
{
    struct connection host_view = roster_as_host_sees(roster, entry);
    struct broker_words words = {.connected_at_ms = told->connected_at_ms,
                                 .kind = told->kind,
                                 .route = told->route,
                                 .broker_id = strcmp(host_view.id, told->id) == 0 ? "" : told->id};
    bool told_before = (roster_reporters(entry->tag) & REPORTED_BY_BROKER) != 0;
    if (words.connected_at_ms == 0)
        words.connected_at_ms = told_before ? roster_words(roster, entry).connected_at_ms : now_ms;
    return roster_put_paired(roster, &host_view, &words, false);
}

/* A record that no host sees, again. */
static int put_alone_again(struct roster *roster, const struct tally_entry *entry,
                           const struct connection *told, int64_t now_ms)
{
    union record *record = record_at(&roster->records, roster_record(entry->tag));
    struct connection connection = *told;
    if (connection.connected_at_ms == 0)
        connection.connected_at_ms = entry->connection.connected_at_ms;
    int64_t lease_before_ms = record->alone.lease_at_ms;
    uint32_t number = entry->number;
    record->alone.lease_at_ms = now_ms; /* who is told of the change is told of the lease */
    int code = roster_put_live(roster, &connection, entry->tag, false);
    if (code < 0) {
        record->alone.lease_at_ms = lease_before_ms;
        return code;
    }
    records_unlease(&roster->records, roster->tally, roster_record(entry->tag));
    records_lease(&roster->records, roster->tally, number);
    return 0;
}

static int put_alone(struct roster *roster, const struct connection *told, int64_t now_ms)
{
    struct connection connection = *told;
    struct tally_entry entry;
    if (connection.connected_at_ms == 0)
        connection.connected_at_ms = now_ms;
    uint32_t record = records_take_alone(&roster->records, now_ms);
    if (record == RECORD_NONE)
        return CORE_NO_MEMORY;
    int code = roster_put_live(roster, &connection, roster_tag(REPORTED_BY_BROKER, record), false);
    if (code < 0)
        records_give(&roster->records, record, true);
    else if (tally_find(roster->tally, told->host, told->id, &entry))
        records_lease(&roster->records, roster->tally, entry.number);
    return code;
}

static int broker_put(struct roster *roster, const struct connection *told, int64_t now_ms)
{
    struct tally_entry entry, partner;
    bool live = find_told(roster, told->host, told->id, &entry);
    if (live && !roster_is_same_user(roster, entry.connection.user, told->user)) {
        bool under_host_id = strcmp(entry.connection.id, told->id) == 0;
        int code = 0;
        if (under_host_id)
            roster_end_live(roster, &entry, false);
        else
            code = roster_unpair(roster, &entry);
        if (code < 0)
            return code;
        live = false;
    }
    if (live && (roster_reporters(entry.tag) & REPORTED_BY_HOST) != 0)
        return put_on_session(roster, &entry, told, now_ms);
    int64_t at_ms = told->connected_at_ms;
    if (at_ms == 0)
        at_ms = live ? entry.connection.connected_at_ms : now_ms;
    bool has_partner = roster_find_partner(roster, told, at_ms, REPORTED_BY_HOST, &partner);
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
    return roster_pair_with_record(roster, &host_view, &entry);
}

int roster_broker_put(struct roster *roster, const struct connection *connection, int64_t now_ms)
{
    return roster_is_valid(connection) ? broker_put(roster, connection, now_ms) : CORE_INVALID;
}

int roster_broker_end(struct roster *roster, const char *host, const char *id, int64_t now_ms)
{
    struct tally_entry entry;
    (void)now_ms;
    if (!connection_text_valid(host, CONNECTION_HOST_BYTES_MAX) ||
        !connection_text_valid(id, CONNECTION_ID_BYTES_MAX))
        return CORE_UNKNOWN;
    if (!find_told(roster, host, id, &entry) || (roster_reporters(entry.tag) & REPORTED_BY_BROKER) == 0)
        return CORE_UNKNOWN;
    if ((roster_reporters(entry.tag) & REPORTED_BY_HOST) != 0)
        return roster_unpair(roster, &entry);
    roster_end_live(roster, &entry, false);
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
