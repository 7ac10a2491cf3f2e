/* what_if.h - how many concurrent users a farm would have had if sessions disconnected for long had been
 * ended (one what-if for each of SIZING_SAVINGS), or if administrators' desktops had counted as everybody's.
 *
 * A what-if has the farm's sessions but those that would have been ended in it. It counts how many of each
 * user's consume; only administrators' desktops, which exempt one another, are replayed through a tally. So
 * other sessions cost O(1), and no name is looked at twice. Sessions and users are known by their numbers in
 * the farm's tally. Errors are those of common/error.h; after one it may only be finished. */
#ifndef FARMGATE_CTL_SIZING_WHAT_IF_H
#define FARMGATE_CTL_SIZING_WHAT_IF_H

#include "sizing.h"

#include "agent/core/tally.h"

#define WHAT_IF_UNEXEMPTED SIZING_SAVINGS /* behind those in which sessions are ended */
#define WHAT_IFS           (SIZING_SAVINGS + 1)

struct what_if {
    struct tally_settings settings;
    struct what_if_session *sessions; /* by number */
    struct what_if_user *users;       /* by number */
    size_t session_room, user_room;
    struct tally *desks[SIZING_SAVINGS]; /* administrators' desktops, tagged with their numbers */
    uint32_t level[WHAT_IFS], peak[WHAT_IFS];
    uint64_t ended[SIZING_SAVINGS]; /* so many sessions were */
};

/* What the settings point to outlives it. */
void what_if_init(struct what_if *what_if, const struct tally_settings *settings);
void what_if_finish(struct what_if *what_if);

/* A session begins; `user` is the number of its user. In the following `connection` tells it apart by its
 * host and id. */
int what_if_begin(struct what_if *what_if, uint32_t number, uint32_t user,
                  const struct connection *connection);
/* Its client is gone. */
int what_if_leave(struct what_if *what_if, uint32_t number, const struct connection *connection);
/* It has been gone for long: ended in what-if `saving`. */
void what_if_expire(struct what_if *what_if, int saving, uint32_t number,
                    const struct connection *connection);
/* Its client is back. Where it had been ended it begins anew, as `connection` says. */
int what_if_return(struct what_if *what_if, uint32_t number, const struct connection *connection);
void what_if_end(struct what_if *what_if, uint32_t number, const struct connection *connection);

/* An event is over: the numbers of users are those of this instant. */
void what_if_observe(struct what_if *what_if);

#endif
