/* model_store.h - what persist actions leave on a disk: the files `identity` and `licence`, and
 * the rows of the database. A commit writes them in this order; a crash may stop it between any two. */
#ifndef FARMGATE_TESTS_SIM_MODEL_STORE_H
#define FARMGATE_TESTS_SIM_MODEL_STORE_H

#include "agent/clock.h"
#include "agent/core/core.h"
#include "people.h"

#define MODEL_STORE_FARMS_MAX 32
#define MODEL_STORE_TEXTS     4

struct model_identity {
    char installation_id[GRANT_ID_BYTES_MAX + 1];
    unsigned machine;                     /* 0: not known yet */
    char farm_id[GRANT_ID_BYTES_MAX + 1]; /* "" before activation */
    uint64_t token;                       /* 0: none */
};

struct model_licence {
    struct standing standing;
    struct clock_saved clock;
};

struct model_window {
    struct window window;
    unsigned farm; /* place in the table of farms */
};

struct model_connection {
    struct roster_change change;
    char texts[MODEL_STORE_TEXTS][PEOPLE_NAME_BYTES];
};

struct model_farm {
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    uint64_t next_sequence;
};

struct model_store {
    struct model_identity identity;
    struct model_licence licence;
    /* the database */
    struct model_connection connections[PEOPLE_MAX];
    size_t connection_count;
    char host[PEOPLE_NAME_BYTES], boot_id[CORE_BOOT_ID_BYTES_MAX + 1];
    struct model_window *unsent; /* rows that are neither accepted nor refused: [first, first + count) */
    size_t unsent_first, unsent_count, unsent_room;
    int64_t latest_start_ms; /* of any row */
    bool has_running;
    struct window running;
    struct peak_mark today, ever;
    struct model_farm farms[MODEL_STORE_FARMS_MAX];
    unsigned farm_count;
    bool loses_windows, keeps_old_marks, accepts_older; /* planted mistakes */
};

void model_store_finish(struct model_store *store);
/* The database's part of a commit; `identity`: one that wrote the identity too. Windows belong to the farm of
 * the identity on disk. */
void model_store_write(struct model_store *store, const struct core_actions *actions, bool identity);
/* 0: never seen here. */
uint64_t model_store_next_sequence(const struct model_store *store, const char *farm_id);
/* What a start finds; *arrays has what it points to. A farm that the database does not know (a crash between
 * its identity and the database) goes on past every sequence that can have been used. */
struct model_arrays {
    struct roster_change connections[PEOPLE_MAX];
    struct core_host host;
    struct window *unsent; /* free() */
};
void model_store_load(const struct model_store *store, int64_t wall_ms, struct model_arrays *arrays,
                      struct core_saved *ret);

#endif
