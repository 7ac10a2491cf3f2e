/* uthash_tally.h - what bench_tally.c sets beside the tally: the same counting, written with uthash. */
#ifndef FARMGATE_BENCH_UTHASH_TALLY_H
#define FARMGATE_BENCH_UTHASH_TALLY_H

#include "agent/core/connection.h"

struct uthash_tally {
    struct uthash_connection *connections;
    struct uthash_user *users;
    struct uthash_host *hosts;
    uint32_t concurrent_users;
};

struct uthash_tally *uthash_tally_create(void);
void uthash_tally_destroy(struct uthash_tally *tally);
bool uthash_tally_put(struct uthash_tally *tally, const struct connection *connection); /* of a new key */
bool uthash_tally_end(struct uthash_tally *tally, const char *host, const char *id);

#endif
