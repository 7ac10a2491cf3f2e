/* replay.h - the farm's live sessions as a log tells them, replayed through the core's tally; and beside them
 * what would have been (what_if.h).
 *
 * A connect of a live session by its own user brings it back if it was disconnected and changes nothing if
 * not; by another user it is an end and a connect. Where absence does not change what counts the tally is not
 * told of it. Errors are those of common/error.h; after one the replay may only be finished. */
#ifndef FARMGATE_CTL_SIZING_REPLAY_H
#define FARMGATE_CTL_SIZING_REPLAY_H

#include "gone.h"
#include "sizing.h"
#include "what_if.h"

#include "agent/core/tally.h"

struct peak_names;

struct replay {
    struct tally *tally;
    bool absence_counts; /* disconnected sessions consume as others do */
    struct peak_names *names;
    struct gone gone;
    struct what_if what_if;
    uint32_t peak_users;
};

/* What an event did, as far as anything is made of it. */
struct replayed {
    bool began;             /* a session */
    bool repeated;          /* a connect that changed nothing */
    bool counted_before;    /* a connect of a live session of this user, whose route counts */
    bool left;              /* the client of a session */
    bool unknown;           /* the session was not live */
    uint32_t ended_by_host; /* sessions */
};

/* `names`, told of every change before it is made, and what the settings point to outlive it. */
int replay_init(struct replay *replay, const struct tally_settings *settings, struct peak_names *names);
void replay_finish(struct replay *replay);

/* Tells the what-ifs whose absence has become too long before now_ms, which never falls: a session that comes
 * back at the very instant comes first (RULES §3.5). */
void replay_advance(struct replay *replay, int64_t now_ms);

int replay_take(struct replay *replay, const struct sizing_event *event, struct replayed *ret_replayed);

#endif
