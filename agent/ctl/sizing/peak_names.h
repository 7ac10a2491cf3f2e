/* peak_names.h - who was on at the first instant of the peak.
 *
 * Until the answer is certain the changes since the highest level are kept, to be undone in the end; only
 * where they become more than there are sessions is the answer worked out on the way. So it costs each change
 * O(1), however often a log climbs a little higher. Errors are those of common/error.h. */
#ifndef FARMGATE_CTL_SIZING_PEAK_NAMES_H
#define FARMGATE_CTL_SIZING_PEAK_NAMES_H

#include "agent/core/tally.h"

struct peak_names {
    struct tally_settings settings;
    const struct tally *tally; /* whose peak it is */
    /* What undoes the changes since the peak, the oldest first. */
    struct peak_undo *undos;
    size_t undo_count, undo_room;
    char *texts;
    size_t text_bytes, text_room;
    bool settled; /* the names are known */
    char **names;
    size_t name_count, name_room;
};

/* `tally` and what the settings point to outlive it; before the first peak nobody is on. */
void peak_names_init(struct peak_names *names, const struct tally_settings *settings,
                     const struct tally *tally);
void peak_names_finish(struct peak_names *names);

/* The tally is higher now than ever before. */
void peak_names_begin(struct peak_names *names);
/* The connection of this host and id is about to change or to end; `before`, as it stands: NULL, it is not
 * live. */
int peak_names_before(struct peak_names *names, const struct connection *connection,
                      const struct tally_entry *before);

/* The keys (identity.h) of who was on, sorted as bytes; they live as long as `names`. */
int peak_names_tell(struct peak_names *names, const char *const **ret_names, size_t *ret_count);

#endif
