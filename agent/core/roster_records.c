#include "roster_records.h"

#include <stdlib.h>
#include <string.h>

void records_init(struct records *records, const uint8_t seed[KEYED_HASH_SEED_BYTES])
{
    *records = (struct records){0};
    slab_init(&records->slab, sizeof(struct record));
    keyed_hash_expand(seed, &records->keys);
}

void records_finish(struct records *records)
{
    for (uint32_t number = 0; number < records->slab.used; number++)
        free(record_at(records, number)->text);
    hash_index_finish(&records->aliases);
    slab_finish(&records->slab);
    free(records->leases);
}

struct record *record_at(const struct records *records, uint32_t number)
{
    return slab_at(&records->slab, number, sizeof(struct record));
}

static const char *next_text(const char *text)
{
    return text + strlen(text) + 1;
}

const char *record_host(const struct record *record)
{
    return record->text;
}

const char *record_id(const struct record *record)
{
    return next_text(record->text);
}

const char *record_broker_id(const struct record *record)
{
    return next_text(record_id(record));
}

static bool has_alias(const struct record *record)
{
    return *record_broker_id(record) != '\0';
}

static uint32_t hash_of(const struct records *records, const char *host, const char *broker_id)
{
    struct keyed_hash hash = keyed_hash_begin(&records->keys);
    keyed_hash_text(&hash, host, strlen(host));
    keyed_hash_text(&hash, broker_id, strlen(broker_id));
    return keyed_hash_end(&records->keys, hash);
}

static char *text_create(const char *host, const char *id, const char *broker_id)
{
    size_t host_bytes = strlen(host) + 1, id_bytes = strlen(id) + 1, broker_bytes = strlen(broker_id) + 1;
    char *text = malloc(host_bytes + id_bytes + broker_bytes);
    if (text == NULL)
        return NULL;
    memcpy(text, host, host_bytes);
    memcpy(text + host_bytes, id, id_bytes);
    memcpy(text + host_bytes + id_bytes, broker_id, broker_bytes);
    return text;
}

/* Every record has a place in the heap waiting, so that a lease never fails. */
static bool reserve(struct records *records)
{
    if (!slab_reserve(&records->slab) || !hash_index_reserve(&records->aliases))
        return false;
    if (records->slab.used < records->room)
        return true;
    uint32_t room = records->room == 0 ? 16 : records->room * 2;
    uint32_t *leases = realloc(records->leases, room * sizeof(*leases));
    if (leases == NULL)
        return false;
    records->leases = leases;
    records->room = room;
    return true;
}

uint32_t records_take(struct records *records, const char *host, const char *id, const char *broker_id)
{
    char *text = reserve(records) ? text_create(host, id, broker_id) : NULL;
    if (text == NULL)
        return RECORD_NONE;
    uint32_t number = slab_take(&records->slab);
    struct record *record = record_at(records, number);
    *record = (struct record){.place = RECORD_NONE, .text = text};
    if (has_alias(record)) {
        record->hash = hash_of(records, host, broker_id);
        hash_index_add(&records->aliases, record->hash, number);
    }
    return number;
}

void records_give(struct records *records, uint32_t number)
{
    struct record *record = record_at(records, number);
    records_unlease(records, number);
    if (has_alias(record))
        hash_index_remove(&records->aliases, record->hash, number);
    free(record->text);
    record->text = NULL;
    slab_give(&records->slab, number);
}

uint32_t records_find(const struct records *records, const char *host, const char *broker_id)
{
    if (records->aliases.count == 0)
        return RECORD_NONE;
    uint32_t hash = hash_of(records, host, broker_id);
    uint32_t position = hash_index_home(&records->aliases, hash), number;
    while ((number = hash_index_candidate(&records->aliases, hash, &position)) != HASH_INDEX_NONE) {
        const struct record *record = record_at(records, number);
        if (strcmp(record_broker_id(record), broker_id) == 0 && strcmp(record_host(record), host) == 0)
            return number;
    }
    return RECORD_NONE;
}

/* ---- the heap of leases -------------------------------------------------------------------------------- */

static int64_t lease_of(const struct records *records, uint32_t number)
{
    return record_at(records, number)->lease_at_ms;
}

static void set_place(struct records *records, uint32_t place, uint32_t number)
{
    records->leases[place] = number;
    record_at(records, number)->place = place;
}

static void rise(struct records *records, uint32_t place, uint32_t number)
{
    for (; place > 0; place = (place - 1) / 2) {
        uint32_t parent = records->leases[(place - 1) / 2];
        if (lease_of(records, parent) <= lease_of(records, number))
            break;
        set_place(records, place, parent);
    }
    set_place(records, place, number);
}

static void sink(struct records *records, uint32_t place, uint32_t number)
{
    for (;;) {
        uint32_t child = place * 2 + 1;
        if (child >= records->lease_count)
            break;
        if (child + 1 < records->lease_count &&
            lease_of(records, records->leases[child + 1]) < lease_of(records, records->leases[child]))
            child++;
        if (lease_of(records, number) <= lease_of(records, records->leases[child]))
            break;
        set_place(records, place, records->leases[child]);
        place = child;
    }
    set_place(records, place, number);
}

void records_unlease(struct records *records, uint32_t number)
{
    struct record *record = record_at(records, number);
    uint32_t place = record->place;
    if (place == RECORD_NONE)
        return;
    record->place = RECORD_NONE;
    uint32_t last = records->leases[--records->lease_count];
    if (last == number)
        return;
    if (place > 0 && lease_of(records, last) < lease_of(records, records->leases[(place - 1) / 2]))
        rise(records, place, last);
    else
        sink(records, place, last);
}

void records_lease(struct records *records, uint32_t number, int64_t lease_at_ms)
{
    records_unlease(records, number);
    record_at(records, number)->lease_at_ms = lease_at_ms;
    rise(records, records->lease_count++, number);
}

uint32_t records_oldest_lease(const struct records *records)
{
    return records->lease_count > 0 ? records->leases[0] : RECORD_NONE;
}
