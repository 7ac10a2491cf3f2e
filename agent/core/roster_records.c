#include "roster_records.h"

#include "roster_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(sizeof(union record) == 16, "memory is promised");
static_assert(ROSTER_TIME_MS_MAX < INT64_C(1) << 48, "a connect time leaves room for the other words");

#define HIDDEN_TIME_SHIFT  16
#define HIDDEN_HOSTS_SHIFT 8
#define HIDDEN_KIND_SHIFT  4
#define HIDDEN_NIBBLE      UINT64_C(15)

static_assert(KIND_MAX <= HIDDEN_NIBBLE && ROUTE_MAX <= HIDDEN_NIBBLE, "a word fits into its bits");

void records_init(struct records *records, const uint8_t seed[KEYED_HASH_SEED_BYTES])
{
    *records = (struct records){.oldest = RECORD_NONE, .newest = RECORD_NONE};
    slab_init(&records->slab, sizeof(union record));
    keyed_hash_expand(seed, &records->keys);
}

void records_finish(struct records *records)
{
    hash_index_finish(&records->broker_ids);
    slab_finish(&records->slab);
}

size_t records_bytes(const struct records *records)
{
    return slab_bytes(&records->slab) + hash_index_bytes(&records->broker_ids);
}

union record *record_at(const struct records *records, uint32_t record)
{
    return slab_at(&records->slab, record, sizeof(union record));
}

/* The record of the connection with this number. */
static union record *record_of(const struct records *records, const struct tally *tally, uint32_t number)
{
    return record_at(records, roster_record(tally_tag(tally, number)));
}

/* ---- records ------------------------------------------------------------------------------------------- */

static uint32_t take(struct records *records)
{
    if (records->count == ROSTER_RECORDS_MAX || !slab_reserve(&records->slab))
        return RECORD_NONE;
    records->count++;
    return slab_take(&records->slab);
}

uint32_t records_take_alone(struct records *records, int64_t lease_at_ms)
{
    uint32_t record = take(records);
    if (record == RECORD_NONE)
        return RECORD_NONE;
    records->alone_count++;
    *record_at(records, record) =
        (union record){.alone = {.lease_at_ms = lease_at_ms, .older = RECORD_NONE, .newer = RECORD_NONE}};
    return record;
}

static uint64_t hide(const struct connection *host_view, const struct broker_words *words)
{
    bool later_is_hosts = host_view->connected_at_ms > words->connected_at_ms;
    int64_t later_ms = later_is_hosts ? host_view->connected_at_ms : words->connected_at_ms;
    return (uint64_t)later_ms << HIDDEN_TIME_SHIFT | (uint64_t)later_is_hosts << HIDDEN_HOSTS_SHIFT |
           (uint64_t)host_view->kind << HIDDEN_KIND_SHIFT | (uint64_t)host_view->route;
}

struct hidden record_hidden(const union record *paired)
{
    uint64_t hidden = paired->paired.hidden;
    return (struct hidden){
        .later_ms = (int64_t)(hidden >> HIDDEN_TIME_SHIFT),
        .later_is_hosts = (hidden >> HIDDEN_HOSTS_SHIFT & 1) != 0,
        .host_kind = (enum connection_kind)(hidden >> HIDDEN_KIND_SHIFT & HIDDEN_NIBBLE),
        .host_route = (enum connection_route)(hidden & HIDDEN_NIBBLE),
    };
}

uint32_t records_take_paired(struct records *records, const struct connection *host_view,
                             const struct broker_words *words)
{
    char *broker_id = NULL;
    if (*words->broker_id != '\0') {
        size_t bytes = strlen(words->broker_id) + 1;
        broker_id = hash_index_reserve(&records->broker_ids) ? malloc(bytes) : NULL;
        if (broker_id == NULL)
            return RECORD_NONE;
        memcpy(broker_id, words->broker_id, bytes);
    }
    uint32_t record = take(records);
    if (record == RECORD_NONE)
        free(broker_id);
    else
        *record_at(records, record) =
            (union record){.paired = {.hidden = hide(host_view, words), .broker_id = broker_id}};
    return record;
}

void records_give(struct records *records, uint32_t record, bool alone)
{
    if (!alone)
        free(record_at(records, record)->paired.broker_id);
    records->alone_count -= alone;
    records->count--;
    slab_give(&records->slab, record);
}

/* ---- by the broker's id -------------------------------------------------------------------------------- */

static uint32_t hash_of(const struct records *records, const char *host, const char *broker_id)
{
    struct keyed_hash hash = keyed_hash_begin(&records->keys);
    keyed_hash_text(&hash, host, strlen(host));
    keyed_hash_text(&hash, broker_id, strlen(broker_id));
    return keyed_hash_end(&records->keys, hash);
}

void records_know(struct records *records, const char *host, uint32_t record, uint32_t number)
{
    const char *broker_id = record_at(records, record)->paired.broker_id;
    if (broker_id != NULL)
        hash_index_add(&records->broker_ids, hash_of(records, host, broker_id), number);
}

void records_forget(struct records *records, const char *host, uint32_t record, uint32_t number)
{
    const char *broker_id = record_at(records, record)->paired.broker_id;
    if (broker_id != NULL)
        hash_index_remove(&records->broker_ids, hash_of(records, host, broker_id), number);
}

uint32_t records_find(const struct records *records, const struct tally *tally, const char *host,
                      const char *broker_id)
{
    if (records->broker_ids.count == 0)
        return RECORD_NONE;
    uint32_t hash = hash_of(records, host, broker_id);
    uint32_t position = hash_index_home(&records->broker_ids, hash), number;
    while ((number = hash_index_candidate(&records->broker_ids, hash, &position)) != HASH_INDEX_NONE) {
        if (strcmp(record_of(records, tally, number)->paired.broker_id, broker_id) == 0 &&
            strcmp(tally_at(tally, number).connection.host, host) == 0)
            return number;
    }
    return RECORD_NONE;
}

/* ---- leases -------------------------------------------------------------------------------------------- */

void records_lease(struct records *records, const struct tally *tally, uint32_t number)
{
    union record *record = record_of(records, tally, number), *neighbour;
    uint32_t older = records->newest, newer = RECORD_NONE;
    while (older != RECORD_NONE) {
        neighbour = record_of(records, tally, older);
        if (neighbour->alone.lease_at_ms <= record->alone.lease_at_ms)
            break;
        newer = older;
        older = neighbour->alone.older;
    }
    record->alone.older = older;
    record->alone.newer = newer;
    *(older == RECORD_NONE ? &records->oldest : &record_of(records, tally, older)->alone.newer) = number;
    *(newer == RECORD_NONE ? &records->newest : &record_of(records, tally, newer)->alone.older) = number;
}

void records_unlease(struct records *records, const struct tally *tally, uint32_t record)
{
    uint32_t older = record_at(records, record)->alone.older, newer = record_at(records, record)->alone.newer;
    *(older == RECORD_NONE ? &records->oldest : &record_of(records, tally, older)->alone.newer) = newer;
    *(newer == RECORD_NONE ? &records->newest : &record_of(records, tally, newer)->alone.older) = older;
}
