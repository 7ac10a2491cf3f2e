/* roster_records.h - what the roster keeps of a connection that a broker reported, beside what the tally has
 * (RULES §2.9): while it stands alone its lease, and once its host sees it too what is not seen of it: the
 * other connect time, the host's kind and route, the broker's own id.
 *
 * 16 bytes each. A record is found by the tag of its connection in the tally, and knows other connections by
 * their numbers there. */
#ifndef FARMGATE_CORE_ROSTER_RECORDS_H
#define FARMGATE_CORE_ROSTER_RECORDS_H

#include "connection.h"
#include "hash_index.h"
#include "keyed_hash.h"
#include "slab.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_NONE UINT32_MAX

struct tally;

/* What a broker says of a session that its host sees, too. */
struct broker_words {
    int64_t connected_at_ms;
    enum connection_kind kind;
    enum connection_route route;
    const char *broker_id; /* its own id of it; "" if it is the host's */
};

union record {
    struct {
        int64_t lease_at_ms;
        uint32_t older, newer; /* numbers of connections: the list of leases */
    } alone;
    struct {
        uint64_t hidden; /* see records_hide */
        char *broker_id; /* NULL: the host's */
    } paired;
};

struct records {
    struct slab slab;
    struct hash_index broker_ids; /* (host, broker's id) → number of the connection, where the ids differ */
    uint32_t oldest, newest;      /* ends of the list of leases */
    uint32_t count, alone_count;
    struct keyed_hash_keys keys;
};

void records_init(struct records *records, const uint8_t seed[KEYED_HASH_SEED_BYTES]);
/* Broker's ids are freed one by one, with their records. */
void records_finish(struct records *records);
size_t records_bytes(const struct records *records);

union record *record_at(const struct records *records, uint32_t record);

/* A record of one that stands alone, not yet in the list of leases; RECORD_NONE without memory. */
uint32_t records_take_alone(struct records *records, int64_t lease_at_ms);
/* A record of a pair, not yet known by the broker's id; RECORD_NONE without memory. */
uint32_t records_take_paired(struct records *records, const struct connection *host_view,
                             const struct broker_words *words);
/* Gives back a record that stands in neither list nor index. */
void records_give(struct records *records, uint32_t record, bool alone);

/* What of a pair does not show in the connection: the later connect time, whose it is, the host's words. */
struct hidden {
    int64_t later_ms;
    bool later_is_hosts;
    enum connection_kind host_kind;
    enum connection_route host_route;
};
struct hidden record_hidden(const union record *paired);

/* The connection with this number (its record is `record`) is found by the broker's id from here on; nothing
 * to do where the ids are the same. Never fails: room was had with the record. */
void records_know(struct records *records, const char *host, uint32_t record, uint32_t number);
void records_forget(struct records *records, const char *host, uint32_t record, uint32_t number);
/* The number of the connection whose broker has this id of its own for it, RECORD_NONE if none. Both are
 * valid names (connection_text_valid). */
uint32_t records_find(const struct records *records, const struct tally *tally, const char *host,
                      const char *broker_id);

/* The lease of a connection runs, or runs no more. In the order of lease_at_ms: new ones go to the end at
 * once, for time does not go back; older ones look for their place. */
void records_lease(struct records *records, const struct tally *tally, uint32_t number);
void records_unlease(struct records *records, const struct tally *tally, uint32_t record);

#endif
