/* host_sets.h - who is on, host by host, as the farm's store tells it: what hosts say of their own sessions
 * and what brokers say of them, kept apart from the core so that a single change becomes the whole set that
 * the core is told, and a lost host's sessions are not forgotten should it come back. */
#ifndef FARMGATE_AGENT_FARM_HOST_SETS_H
#define FARMGATE_AGENT_FARM_HOST_SETS_H

#include "checkpoint.h"

/* A session as it was told last. */
struct host_session {
    int64_t revision, told_at_ms;
    struct connection connection; /* texts are its own */
};

struct host_set;

/* By id as bytes. */
struct host_list {
    struct host_session **sessions;
    size_t count, room;
    const struct host_set *writer; /* whose batch, which goes on, has changed it; NULL: none */
};

struct host_set {
    char name[SEAL_NAME_BYTES];               /* in keys */
    char host[CONNECTION_HOST_BYTES_MAX + 1]; /* "": not known yet */
    char boot_id[CORE_BOOT_ID_BYTES_MAX + 1]; /* "": it has not booted yet */
    int64_t boot_revision;
    bool is_up;                 /* its leased key is there */
    bool is_silent;             /* as the core was told */
    uint64_t through;           /* the number of its last change that was read; 0: none */
    bool in_batch;              /* of its changes more is to come before the core is told */
    struct checkpoint_gap late; /* of its changes, not said yet; of 0 changes: none */
    struct host_list own, brokers;
};

struct host_sets {
    struct host_set **sets; /* by name */
    size_t count, room;
    struct connection *scratch;
    size_t scratch_room;
};

void host_sets_init(struct host_sets *sets);
void host_sets_finish(struct host_sets *sets); /* and empty again */

/* The set of a host, made if there is none; NULL without memory. It stays where it is. */
struct host_set *host_sets_make(struct host_sets *sets, const struct seal *seal, const char *host);
/* The same by its name in keys. */
struct host_set *host_sets_make_named(struct host_sets *sets, const char name[SEAL_NAME_BYTES]);
/* NULL: none. */
struct host_set *host_sets_find(const struct host_sets *sets, const struct seal *seal, const char *host);

/* A session as the change tells it, opened or changed; a connect time that is not known is when it was told
 * first. ERROR_NO_MEMORY. */
int host_list_put(struct host_list *list, const struct change *change, int64_t revision);
void host_list_end(struct host_list *list, const char *id); /* unknown ones too */
const struct host_session *host_list_find(const struct host_list *list, const char *id); /* NULL: none */
void host_list_clear(struct host_list *list);

/* The list as the core takes it, until the next call; NULL without memory. */
const struct connection *host_sets_connections(struct host_sets *sets, const struct host_list *list);

#endif
