/* model_etcd.h - an etcd cluster on virtual time, asked through struct farm_port as the real one is.
 *
 * Revisions, versions, transactions with both branches, leases, watches, compaction, and refusals are those
 * that were seen of a real etcd, with its traps: a watch from the revision of a compaction is told nothing of
 * what it lacks; a lease lives a whole TTL more after an election; what a client has given up on may still
 * happen. Requests and replies travel, get lost, or come too late, each client's by its own weather. One seed
 * makes one history. It aborts without memory, and on a request that etcd could not read. */
#ifndef FARMGATE_TESTS_MODEL_ETCD_H
#define FARMGATE_TESTS_MODEL_ETCD_H

#include "agent/farm/port.h"

#define MODEL_ETCD_CLIENTS_MAX 64
#define MODEL_ETCD_REQUEST_MS  5000 /* a client waits no longer for an answer */
#define MODEL_ETCD_PROGRESS_MS 2000 /* a watch is told something at least so often */
#define MODEL_ETCD_STALLED     4    /* so many times that, without a sign of life, and its client gives up */

struct model_etcd;

struct model_weather {
    int64_t way_ms_max;                                /* one way takes 0 to this */
    unsigned request_lost_percent, reply_lost_percent; /* 100: of watches too, which are told all later */
    unsigned late_percent; /* of requests: they arrive when the client has given up on them */
    bool cut_off;          /* nothing passes, and nobody says so */
    bool refused;          /* nobody listens: at once ERROR_UNREACHABLE */
};

struct model_etcd *model_etcd_create(uint64_t seed);
void model_etcd_destroy(struct model_etcd *etcd);

/* Other than MODEL_ETCD_PROGRESS_MS, for long times in which little happens. */
void model_etcd_progress(struct model_etcd *etcd, int64_t progress_ms);

/* The way of one client, a number below MODEL_ETCD_CLIENTS_MAX. */
struct farm_port model_etcd_port(struct model_etcd *etcd, unsigned client);
void model_etcd_weather(struct model_etcd *etcd, unsigned client, const struct model_weather *weather);
/* The client's process died: nobody is told any more, but what it sent may still arrive. */
void model_etcd_forget(struct model_etcd *etcd, unsigned client);

/* Lets everything happen that is due by now_ms (which never goes back), in its order and at its own time;
 * callbacks run within. What is asked outside of it is asked at the last now_ms. */
void model_etcd_pass(struct model_etcd *etcd, int64_t now_ms);
int64_t model_etcd_due_ms(const struct model_etcd *etcd); /* INT64_MAX: never */

/* Without a quorum nothing is answered or changed; some of what was asked meanwhile happens when it is back.
 */
void model_etcd_quorum(struct model_etcd *etcd, bool has_quorum);
/* Every member dies and starts: connections break, what was on its way there is lost, what was on its way
 * back too. */
void model_etcd_restart(struct model_etcd *etcd);
/* An operator's. */
void model_etcd_compact(struct model_etcd *etcd, int64_t revision);
void model_etcd_put(struct model_etcd *etcd, const char *key, const void *value, size_t bytes);
void model_etcd_delete(struct model_etcd *etcd, const char *key);
/* Takes a backup, and puts it back: revisions go back too, leases are gone. One is kept. */
void model_etcd_backup(struct model_etcd *etcd);
void model_etcd_restore(struct model_etcd *etcd);

/* Looking, without a way: the revision now; the key as of a revision (0: now; false: it does not exist; it
 * lives until the next change); every key with a prefix, in order. */
int64_t model_etcd_revision(const struct model_etcd *etcd);
int64_t model_etcd_compacted(const struct model_etcd *etcd);
bool model_etcd_get(const struct model_etcd *etcd, const char *key, int64_t revision, struct wire_kv *ret);
/* Tells each change of a key as it is made, in the order of revisions; of a restore the leased keys that go.
 * NULL: nobody. */
void model_etcd_on_change(struct model_etcd *etcd, void (*changed)(void *data, const struct wire_kv *kv),
                          void *data);
size_t model_etcd_each(const struct model_etcd *etcd, const char *prefix, int64_t revision,
                       void (*visit)(void *data, const struct wire_kv *kv), void *data);

#endif
