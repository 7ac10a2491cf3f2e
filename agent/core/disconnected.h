/* disconnected.h - since when connections are disconnected, and whose time has come.
 *
 * The tally has no room for it in a connection's record, and most connections are active: so it stands here,
 * for disconnected ones alone, by their number in the tally. They are kept in the order of since, of two at
 * one instant the one told first. A new one goes to the end at once, for time does not go back; an older one
 * looks for its place.
 *
 * Each waits, until the caller finds that its time has come and lets it pass; then it may be said, once. */
#ifndef FARMGATE_CORE_DISCONNECTED_H
#define FARMGATE_CORE_DISCONNECTED_H

#include "hash_index.h"
#include "slab.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISCONNECTED_NONE      UINT32_MAX
#define DISCONNECTED_BYTES_MAX 48 /* of one, from about 10,000 on, below which whole slabs weigh more */

struct disconnected {
    struct slab slab;
    struct hash_index index; /* number of the connection → record */
    uint32_t oldest, newest;
    uint32_t next; /* the oldest that waits */
};

void disconnected_init(struct disconnected *disconnected);
void disconnected_finish(struct disconnected *disconnected);
size_t disconnected_bytes(const struct disconnected *disconnected);

/* The connection is disconnected since then, and waits; one that is known already stays as it is. False
 * without memory: it is not known. */
bool disconnected_add(struct disconnected *disconnected, uint32_t connection, int64_t since_ms);
/* It has ended, or is active again. Nothing to do for one that is not known. */
void disconnected_remove(struct disconnected *disconnected, uint32_t connection);

/* 0: not known. */
int64_t disconnected_since(const struct disconnected *disconnected, uint32_t connection);

/* The oldest that waits, DISCONNECTED_NONE if none does. */
uint32_t disconnected_next(const struct disconnected *disconnected, int64_t *ret_since_ms);
/* It waits no more. */
void disconnected_pass(struct disconnected *disconnected);
/* Whether it has passed and was not said yet. */
bool disconnected_is_unsaid(const struct disconnected *disconnected, uint32_t connection);
void disconnected_said(struct disconnected *disconnected, uint32_t connection);
/* Whatever was not said waits again. */
void disconnected_wait_again(struct disconnected *disconnected);

/* Hears of each connection that is disconnected since another instant now. */
typedef void disconnected_moved_fn(void *data, uint32_t connection);

/* None is disconnected since later than now_ms: those that are become so since now. The newest first. */
void disconnected_cut(struct disconnected *disconnected, int64_t now_ms, disconnected_moved_fn *moved,
                      void *data);
/* Each is disconnected since so much later (earlier, if it is negative). The oldest first. */
void disconnected_shift(struct disconnected *disconnected, int64_t by_ms, disconnected_moved_fn *moved,
                        void *data);

#endif
