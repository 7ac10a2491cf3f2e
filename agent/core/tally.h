/* tally.h - live connections → concurrent users, exempt connections, and why each one counts (RULES §2).
 *
 * Incremental: a change costs O(log n) on a host's administrator desktops and O(1) otherwise; nothing is
 * rescanned. The answer depends only on the set of live connections. A connection costs at most
 * TALLY_CONNECTION_BYTES_MAX bytes beside its strings. Names are hashed with the seed given at creation. */
#ifndef FARMGATE_CORE_TALLY_H
#define FARMGATE_CORE_TALLY_H

#include "connection.h"
#include "identity.h"

#include <stddef.h>

#define TALLY_EXEMPT_PER_HOST      2 /* RULES §2: at most two administrators' desktops a host */
#define TALLY_CONNECTION_BYTES_MAX 128
#define TALLY_CONNECTIONS_MAX      4000000u /* default of the limits below */
#define TALLY_USERS_MAX            4000000u
#define TALLY_HOSTS_MAX            65536u
#define TALLY_SEED_BYTES           16

struct tally_settings {
    bool count_disconnected;              /* RULES §2.3; true by default */
    unsigned routes_counted;              /* ROUTE_BIT()s; ROUTES_COUNTED_DEFAULT by default */
    const struct identity_alias *aliases; /* outlive the tally */
    size_t alias_count;
    uint8_t seed[TALLY_SEED_BYTES];
    uint32_t connections_max, users_max, hosts_max; /* 0: the defaults above */
};

/* The numbers at one instant. */
struct tally_level {
    uint32_t concurrent_users; /* the number that is licensed */
    uint32_t users;            /* distinct users with any live connection */
    uint32_t connections;
    uint32_t consuming;    /* connections that consume */
    uint32_t exempt;       /* connections in an exempt place */
    uint32_t disconnected; /* connections whose client is gone */
    uint32_t hosts;        /* hosts with a live connection */
};

/* Why a connection counts or not. */
enum tally_reason {
    TALLY_COUNTED,
    TALLY_EXEMPT_FIRST,  /* "exempt 1 of 2" */
    TALLY_EXEMPT_SECOND, /* "exempt 2 of 2" */
    TALLY_ROUTE_NOT_COUNTED,
    TALLY_DISCONNECTED_NOT_COUNTED,
    TALLY_REASON_MAX
};

/* "counted", "exempt 1 of 2", "route not counted", … */
const char *tally_reason_name(enum tally_reason reason);

/* A connection as it stands in the tally. The strings live as long as the connection does unchanged. */
struct tally_entry {
    struct connection connection;
    enum tally_reason reason;
    uint32_t tag;    /* the caller's, kept beside the connection: see tally_put */
    uint32_t number; /* stays the connection's as long as it lives: see tally_at */
    uint32_t holder; /* its user's number, stays the user's as long as a connection of theirs lives */
};

struct tally;

/* NULL without memory. */
struct tally *tally_create(const struct tally_settings *settings);
void tally_destroy(struct tally *tally);

/* Opens a connection, or changes the live one with the same (host, id): kind, route, state and administrator
 * apply at once, the connect time is replaced; another user is an end and a connect. `tag` is kept for the
 * caller (roster uses it for who reported the connection). CORE_FULL at a limit, CORE_NO_MEMORY, CORE_INVALID
 * for a name that is empty or too long; then nothing has changed. The strings may be the tally's own. */
int tally_put(struct tally *tally, const struct connection *connection, uint32_t tag);
/* The same; *ret_number is the connection's. */
int tally_put_numbered(struct tally *tally, const struct connection *connection, uint32_t tag,
                       uint32_t *ret_number);

/* Ends a connection. CORE_UNKNOWN if it is not live. */
int tally_end(struct tally *tally, const char *host, const char *id);

/* Always current; the pointer is valid as long as the tally. */
const struct tally_level *tally_level(const struct tally *tally);

/* Fills *ret_entry for a live connection; false if there is none. */
bool tally_find(const struct tally *tally, const char *host, const char *id, struct tally_entry *ret_entry);

/* The live connection with this number (of a tally_entry). */
struct tally_entry tally_at(const struct tally *tally, uint32_t number);
/* No more than its tag. */
uint32_t tally_tag(const struct tally *tally, uint32_t number);

/* How a user stands; all zero if no connection is live. `user` in any spelling that identity.h holds equal.
 */
struct tally_user {
    const char *name; /* as first seen; lives as long as the user has a connection */
    uint32_t connections;
    uint32_t consuming; /* > 0: one concurrent user */
};
bool tally_user(const struct tally *tally, const char *user, struct tally_user *ret_user);

/* Whether two spellings are of one user, on or not. */
bool tally_same_user(const struct tally *tally, const char *one, const char *other);

/* Whether `user` has a live connection on `host`, counted or not (RULES §4). */
bool tally_user_on_host(const struct tally *tally, const char *user, const char *host);

/* Exempt places of a host in use: 0..TALLY_EXEMPT_PER_HOST. */
uint32_t tally_host_exempt(const struct tally *tally, const char *host);
/* The same; ret_numbers[0..] are the connections in them, the oldest first. */
uint32_t tally_host_places(const struct tally *tally, const char *host,
                           uint32_t ret_numbers[TALLY_EXEMPT_PER_HOST]);

/* Visits every live connection (of one host, of one user; NULL for any), in no stated order. The tally must
 * not be changed meanwhile, except that the visited connection may be ended by a visitor that then returns
 * false (stop). */
typedef bool tally_visit_fn(void *data, const struct tally_entry *entry);
void tally_each(const struct tally *tally, const char *host, const char *user, tally_visit_fn *visit,
                void *data);

/* Visits every user with a live connection. */
typedef bool tally_visit_user_fn(void *data, const struct tally_user *user);
void tally_each_user(const struct tally *tally, tally_visit_user_fn *visit, void *data);

/* Visits every host with a live connection. */
typedef bool tally_visit_host_fn(void *data, const char *host, uint32_t connections);
void tally_each_host(const struct tally *tally, tally_visit_host_fn *visit, void *data);

/* New counting settings on the live set (a reload): the level afterwards is that of the same set under the
 * new rules; numbers stay, the strings are new ones. O(n). CORE_NO_MEMORY, or CORE_FULL where the live set
 * passes a new limit: then nothing has changed. */
int tally_reconfigure(struct tally *tally, const struct tally_settings *settings);

/* Bytes held: slabs of records (free ones and the unused part of their room for strings too), hash tables,
 * desktops' heaps. Left out are the strings themselves, wherever they lie. Records are kept for reuse: the
 * peak of connections tells the memory. What TALLY_CONNECTION_BYTES_MAX is checked against, from about
 * 100,000 connections on, below which whole slabs weigh more. O(n). */
size_t tally_bytes(const struct tally *tally);

#endif
