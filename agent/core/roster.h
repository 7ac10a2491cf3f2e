/* roster.h - who reported a connection, and what is live when several reporters speak (RULES §2.4, §2.8,
 * §2.9).
 *
 * A host source tells the whole set of its sessions, a broker single connections. The roster compares, pairs
 * a broker's record with the host's session, and hands the tally single changes: of a batch, ends first, then
 * connects by connect time (ties by id as bytes). */
#ifndef FARMGATE_CORE_ROSTER_H
#define FARMGATE_CORE_ROSTER_H

#include "connection.h"

#include <stddef.h>

struct tally;
struct roster;

/* A broker's record and a host's session are one connection (RULES §2.9) if the broker uses the host's id for
 * it, or else if they are of the same user on one host and began within this span (of several the nearest,
 * ties by id as bytes). What is paired stays so until host or broker says that it ended. It has the host's
 * id, state and administrator flag, the earlier connect time, the broker's kind and route, and either id
 * finds it. A session has at most one broker's record: the one told last. Where host and broker name
 * different users for one (host, id), whoever spoke last is right: the earlier connection has ended. */
#define ROSTER_PAIR_WINDOW_MS 120000

#define ROSTER_TIME_MS_MAX \
    INT64_C(253402300799999) /* the end of the year 9999: later connect times are wrong */

/* Who says that a connection is live: bits, a paired connection has both. */
enum reporter_bit { REPORTED_BY_HOST = 1, REPORTED_BY_BROKER = 2 };

/* What happened to one connection; strings are valid during the call. */
enum roster_change_type {
    ROSTER_OPENED,
    ROSTER_CHANGED,
    ROSTER_RENEWED, /* only who reports it, or the lease: to be stored, nothing to be said */
    ROSTER_ENDED,
    ROSTER_REFUSED /* one of a set that did not fit: it is not live */
};
struct roster_change {
    enum roster_change_type type;
    struct connection connection; /* as it is now; for ENDED as it was */
    unsigned reported_by;         /* enum reporter_bit */
    const char *broker_id;        /* the broker's own id of a paired connection, "" if the same or none */
    int64_t lease_at_ms;          /* last PUT by the broker; 0 where its host sees it: no lease runs */
    int64_t disconnected_at_ms;   /* 0: active, or not known. The core's to say: see core_reclaim.c */
    uint32_t number;              /* in the tally (tally_at); of an ended one given back */
    bool renamed; /* OPENED and ENDED of one session that has got its host's id: nobody came or left */
};
typedef void roster_change_fn(void *data, const struct roster_change *change);

/* `on_change` is called for every change, in order, while a function below runs; it may ask the tally, but
 * not change it. The tally outlives the roster. NULL without memory. */
struct roster *roster_create(struct tally *tally, const uint8_t seed[16], roster_change_fn *on_change,
                             void *data);
void roster_destroy(struct roster *roster);

/* The sessions of `host` that are live now, whole, as its source enumerates them; of two with one id the last
 * holds. A connect time of 0 is unknown: the arrival counts. Connections of that host reported only by a
 * broker stay. On an error (CORE_FULL, CORE_NO_MEMORY, CORE_INVALID) what did not fit is left out and the
 * rest is done. */
int roster_host_set(struct roster *roster, const char *host, const struct connection *sessions, size_t count,
                    int64_t now_ms);

/* One broker's record; again for the same (host, id) renews its lease. A connect time of 0 is not told: it
 * stays what it was for a live connection of the same user, else it is now_ms. CORE_FULL, CORE_NO_MEMORY,
 * CORE_INVALID: it is not live, nor is another user's connection whose id it takes; else nothing changed. */
int roster_broker_put(struct roster *roster, const struct connection *connection, int64_t now_ms);

/* A broker's record ends, under the broker's id or the host's. A connection that the host still sees stays,
 * as the host sees it. CORE_UNKNOWN: no such. */
int roster_broker_end(struct roster *roster, const char *host, const char *id, int64_t now_ms);

/* A broker's whole set for one host replaces what brokers said of it before: one batch. Errors as with
 * roster_host_set. */
int roster_broker_set(struct roster *roster, const char *host, const struct connection *connections,
                      size_t count, int64_t now_ms);

/* Ends broker-only records not PUT again within lease_ms (0: never). */
void roster_expire(struct roster *roster, int64_t lease_ms, int64_t now_ms);
/* Time was ahead and begins anew at now_ms: leases that lie ahead of it are renewed then. */
void roster_restart_leases(struct roster *roster, int64_t now_ms);
/* When the next one falls due; INT64_MAX: never. */
int64_t roster_due_ms(const struct roster *roster, int64_t lease_ms);

/* Ends everything of a host: it rebooted (RULES §2.8), or is lost (§2.10). */
void roster_host_gone(struct roster *roster, const char *host);

/* Puts back a stored connection at start, without on_change. How its host sees a paired one is not stored:
 * the host's next set tells it. In the order of their leases each takes its place without a search. */
int roster_restore(struct roster *roster, const struct roster_change *stored);

/* The live connection with this number (tally_at), as a ROSTER_RENEWED change. */
struct roster_change roster_at(const struct roster *roster, uint32_t number);

/* Visits every live connection as a ROSTER_OPENED change: what a whole copy of the state needs. */
void roster_each(const struct roster *roster, roster_change_fn *visit, void *data);

/* Bytes beside the tally's, strings apart: 16 for a connection that a broker reports, a place in an index
 * besides where broker and host have different ids for it; nothing for one that only its host reports. */
size_t roster_bytes(const struct roster *roster);

#endif
