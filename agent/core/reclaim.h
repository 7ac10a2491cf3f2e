/* reclaim.h - which disconnected sessions may be ended by a hook, and what it would save if they all were.
 *
 * Whoever is ended loses what was not saved, and it cannot be undone: so an administrator is here also who
 * might be one. */
#ifndef FARMGATE_CORE_RECLAIM_H
#define FARMGATE_CORE_RECLAIM_H

#include "tally.h"

/* Whether a hook may end it: it is disconnected, its host itself reports it (a broker's record alone is no
 * session that could be ended), it consumes, and it is surely no administrator's. */
bool reclaim_may_end(const struct tally_entry *entry);

/* Whether it is one of those whose end is reckoned with below: disconnected, and surely no administrator's.
 */
bool reclaim_would_end(const struct connection *connection);

/* Whether a user, in any spelling, would be no concurrent user any more if all of those ended, on `host` or
 * (NULL) on every one. They take no exempt places, so
 * nobody else begins or ceases to count: a user saves one if all that consumes of him would end, and else
 * none. */
bool reclaim_saves_user(const struct tally *tally, const char *user, const char *host);

/* How many concurrent users fewer that would be, of `user` alone or (NULL) of all. O(connections). */
uint32_t reclaim_saves(const struct tally *tally, const char *user, const char *host);

#endif
