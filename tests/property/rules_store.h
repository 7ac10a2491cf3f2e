/* rules_store.h - what the core's persist actions leave, as the agent's store keeps it, and what a restart
 * goes on from. */
#ifndef FARMGATE_TESTS_RULES_STORE_H
#define FARMGATE_TESTS_RULES_STORE_H

#include "rules_model.h"

#include "agent/core/core.h"

#define RULES_STORED_MAX 1024

struct rules_stored_connection {
    struct roster_change change; /* its texts are those below */
    char host[RULES_NAME_BYTES_MAX + 1], id[RULES_NAME_BYTES_MAX + 1], user[RULES_NAME_BYTES_MAX + 1];
};

struct rules_stored_farm {
    char farm_id[RULES_NAME_BYTES_MAX + 1];
    uint64_t next_sequence;
};

struct rules_store {
    struct rules_stored_connection connections[RULES_STORED_MAX];
    size_t connection_count;
    char hosts[RULES_HOSTS_MAX][RULES_NAME_BYTES_MAX + 1];
    char boot_ids[RULES_HOSTS_MAX][CORE_BOOT_ID_BYTES_MAX + 1];
    size_t host_count;
    struct window *unsent; /* of the farm */
    size_t unsent_count, unsent_room;
    bool has_running;
    struct window running;
    struct peak_mark today, ever;
    struct standing standing;
    int64_t clock_ms;                       /* when it was stored */
    char farm_id[RULES_NAME_BYTES_MAX + 1]; /* the identity file's */
    struct rules_stored_farm farms[RULES_FARMS_MAX];
    size_t farm_count;
};

/* clock_ms: licence time at the step. */
void rules_store_apply(struct rules_store *store, const struct persist *persist, int64_t clock_ms);

/* The identity file names this farm from now on. */
void rules_store_farm(struct rules_store *store, const char *farm_id);

/* The sequence that windows of a farm go on with; 1 for one that was not here yet. */
uint64_t rules_store_next_sequence(struct rules_store *store, const char *farm_id);

/* What core_restore gets; it points into the store, and into what the next call overwrites. */
struct core_saved rules_store_saved(struct rules_store *store, const char *installation_id);

void rules_store_finish(struct rules_store *store);

#endif
