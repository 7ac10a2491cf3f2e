/* plan.h - everything that a seed brings about from outside: who comes and goes, what administrators do, and
 * what breaks. A swarm: each seed turns on some kinds of fault, so that no kind hides another.
 *
 * A plan is a list of items in order of time. Any of them can be dropped and the rest still makes sense,
 * which is how a failing run gets short. */
#ifndef FARMGATE_TESTS_SIM_PLAN_H
#define FARMGATE_TESTS_SIM_PLAN_H

#include "agent/core/connection.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PLAN_HOSTS_MAX 1000
#define PLAN_KEYS_MAX  (PLAN_HOSTS_MAX + 8)
#define PLAN_EVERYBODY 0xffffu /* an item of no single host */
#define PLAN_TRIAL     -1

/* Flags of a host's settings. */
#define PLAN_COUNT_DISCONNECTED 1u
#define PLAN_SPARE_GRACE        2u
#define PLAN_STRICT             4u

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   INT64_C(3600000)
#define YEAR_MS   (365 * INT64_C(86400000))

/* X(name, words for the script: its two numbers) */
#define PLAN_ITEMS(X)                                          \
    X(ARRIVE, "session, who (person + 256 kind + 1024 route)") \
    X(LEAVE, "session")                                        \
    X(DISCONNECT, "session")                                   \
    X(RECONNECT, "session")                                    \
    X(ACTIVATE, "key or -1 for a trial, move")                 \
    X(RELEASE, "")                                             \
    X(REPORT_NOW, "")                                          \
    X(PURCHASE, "key, licences")                               \
    X(QUOTA, "key, licences")                                  \
    X(RENEW, "key, ms")                                        \
    X(DEACTIVATE, "key")                                       \
    X(RELOAD, "settling ms, flags")                            \
    X(CRASH, "boundary, ms until the restart")                 \
    X(REBOOT, "ms without power, error of the wall clock")     \
    X(COPY, "ms without power")                                \
    X(SUSPEND, "ms, lateness of timers in ms")                 \
    X(WALL_JUMP, "ms")                                         \
    X(STORE_FAILS, "ms")                                       \
    X(PARTITION, "ms")                                         \
    X(PORTAL, "ms, Retry-After in ms or -1")                   \
    X(WEATHER, "ms, per cent lost + 256 late + 65536 twice")   \
    X(OLD_ANSWERS, "ms")                                       \
    X(AUTHORITY_DIES, "ms")                                    \
    X(AUTHORITY_CLOCK, "error in ms")

#define PLAN_ITEM_ENUM(name, words) ITEM_##name,
enum item_type { PLAN_ITEMS(PLAN_ITEM_ENUM) ITEM_MAX };
#undef PLAN_ITEM_ENUM

struct item {
    int64_t at_ms; /* true time */
    int64_t a, b;
    uint16_t host; /* or PLAN_EVERYBODY */
    uint8_t type;
    uint32_t number; /* in the whole plan */
};

struct key_traits {
    uint32_t licences;
    int64_t term_ms, refresh_ms;
};

struct host_traits {
    unsigned persons, administrators; /* the first so many of the persons are administrators */
    int drift_ppm;
    int commit_ms;         /* the slowest commit; 0: at once */
    int64_t wall_error_ms; /* of the first boot */
    int64_t settle_ms;
    unsigned flags; /* as in RELOAD */
    bool guarded;   /* its sessions pass the gate */
};

struct plan {
    uint64_t seed;
    int64_t begin_ms, end_ms;
    unsigned faults; /* the swarm's choice: bits of enum item_type from CRASH on */
    unsigned host_count, key_count;
    struct host_traits hosts[PLAN_HOSTS_MAX];
    struct key_traits keys[PLAN_KEYS_MAX];
    struct item *items;
    size_t count, room;
};

struct plan *plan_make(uint64_t seed);
/* So many farms that do nothing but report, for so long; add what is to happen to them. */
struct plan *plan_make_herd(uint64_t seed, unsigned farms, int64_t for_ms);
void plan_add(struct plan *plan, unsigned host, int64_t at_ms, enum item_type type, int64_t a, int64_t b);
void plan_destroy(struct plan *plan);
/* A copy with the items for which keep[i] is true. */
struct plan *plan_some(const struct plan *plan, const bool *keep);
/* One line an item, to be read by people. */
void plan_print(const struct plan *plan, FILE *file);

static inline bool plan_has(const struct plan *plan, enum item_type type)
{
    return (plan->faults & 1u << type) != 0;
}

#endif
