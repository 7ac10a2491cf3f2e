/* roster_records.h - what the roster keeps of connections that a broker reported: the broker's own id where
 * the host has another, the lease, and how the host itself sees a session that is paired (RULES §2.9). */
#ifndef FARMGATE_CORE_ROSTER_RECORDS_H
#define FARMGATE_CORE_ROSTER_RECORDS_H

#include "hash_index.h"
#include "keyed_hash.h"
#include "slab.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_NONE UINT32_MAX

struct record {
    uint32_t place; /* in the heap of leases, RECORD_NONE: not in it. First, for the slab writes over it */
    uint32_t hash;  /* of (host, broker's id), while that is another than the id */
    int64_t lease_at_ms, broker_connected_at_ms;
    int64_t host_connected_at_ms; /* this and what follows: of a paired connection, as its host sees it */
    char *text;                   /* "host\0id\0broker's id\0"; the last is "" if it is the same */
    uint8_t host_kind, host_route;
};

struct records {
    struct slab slab;
    struct hash_index aliases; /* by (host, broker's id), of those that have one of their own */
    uint32_t *leases;          /* a heap, the oldest lease on top */
    uint32_t lease_count, room;
    struct keyed_hash_keys keys;
};

void records_init(struct records *records, const uint8_t seed[KEYED_HASH_SEED_BYTES]);
void records_finish(struct records *records);

/* A record for the connection (host, id), everything else zero; RECORD_NONE without memory. */
uint32_t records_take(struct records *records, const char *host, const char *id, const char *broker_id);
void records_give(struct records *records, uint32_t number);
/* The record whose broker's id, other than its id, is this. Both are valid names (connection_text_valid). */
uint32_t records_find(const struct records *records, const char *host, const char *broker_id);

/* The lease of a record runs from lease_at_ms on, or (unlease) not at all. */
void records_lease(struct records *records, uint32_t number, int64_t lease_at_ms);
void records_unlease(struct records *records, uint32_t number);
/* The record with the oldest running lease, RECORD_NONE if none runs. */
uint32_t records_oldest_lease(const struct records *records);

struct record *record_at(const struct records *records, uint32_t number);
const char *record_host(const struct record *record);
const char *record_id(const struct record *record);
const char *record_broker_id(const struct record *record);

#endif
