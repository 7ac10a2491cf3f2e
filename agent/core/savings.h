/* savings.h - how many licences disconnected sessions hold that nobody else's do: what would be saved if they
 * ended, those of administrators, or of who might be one, left alone.
 *
 * Such a session takes no exempt place, so nobody else begins or ceases to count when it ends: a user saves
 * one if all that consumes of him would end, and else none. */
#ifndef FARMGATE_CORE_SAVINGS_H
#define FARMGATE_CORE_SAVINGS_H

#include "tally.h"

/* Whether the connection would be one of those that end. */
bool savings_would_end(const struct connection *connection);

/* Whether a user, in any spelling, would be no concurrent user any more if those on `host` (NULL: any) ended.
 */
bool savings_of_user(const struct tally *tally, const char *user, const char *host);

/* How many concurrent users fewer that would be, of `user` alone or (NULL) of all. O(connections). */
uint32_t savings(const struct tally *tally, const char *user, const char *host);

#endif
