/* variant.h - the farm's live sessions as a log tells them, replayed through a tally: as they were, or as
 * they would have been had sessions disconnected for long been ended, or administrators not been exempt.
 *
 * A connect of a live session by its own user brings it back if it was disconnected and changes nothing if
 * not; by another user it is an end and a connect. Errors are those of common/error.h; after one the variant
 * may only be finished. */
#ifndef FARMGATE_CTL_SIZING_VARIANT_H
#define FARMGATE_CTL_SIZING_VARIANT_H

#include "agent/core/tally.h"

struct peak_names;

#define VARIANT_NEVER INT64_MAX

struct variant {
    struct tally *tally;
    int64_t end_after_ms;     /* disconnected sessions are ended then; VARIANT_NEVER */
    bool exempts_nobody;      /* administrators count as everybody does */
    struct peak_names *names; /* told of every change before it is made; may be NULL */
    /* The disconnected ones that will be ended, by the number of their connection, the oldest first. */
    struct variant_due {
        uint32_t before, behind;
        int64_t at_ms; /* 0: not due */
    } * dues;
    size_t due_room;
    uint32_t first_due, last_due;
    uint64_t ended; /* so many were */
    uint32_t peak_users;
};

enum variant_connected { VARIANT_BEGAN, VARIANT_CAME_BACK, VARIANT_REPEATED };

/* `variant` is all zero but for its options (end_after_ms, exempts_nobody, names). */
int variant_init(struct variant *variant, const struct tally_settings *settings);
/* The same sessions as another's; those disconnected are so from now_ms on. */
int variant_copy(struct variant *variant, const struct tally_settings *settings, const struct tally *other,
                 int64_t now_ms);
void variant_finish(struct variant *variant);

/* Ends what is due before now_ms: a session that comes back at the very instant comes first (RULES §3.5). */
int variant_advance(struct variant *variant, int64_t now_ms);

/* connection->connected_at_ms is now. */
int variant_connect(struct variant *variant, const struct connection *connection,
                    enum variant_connected *ret_connected);
enum variant_disconnected { VARIANT_LEFT, VARIANT_HAD_LEFT, VARIANT_UNKNOWN };
int variant_disconnect(struct variant *variant, const char *host, const char *id, int64_t now_ms,
                       enum variant_disconnected *ret_disconnected);
int variant_logoff(struct variant *variant, const char *host, const char *id, bool *ret_was_live);
/* *ret_ended: how many sessions that were. */
int variant_end_host(struct variant *variant, const char *host, uint32_t *ret_ended);

#endif
