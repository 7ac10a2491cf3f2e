/* checkpoint.h - all that a farm of many hosts has decided so far, as its leader leaves it in the shared
 * store for the next one: everything of the core but its connections, which their own keys tell (record.h).
 *
 *     checkpoint   the core as it was when everything through `revision` had been applied, with the identity
 *     w/START      a window, since it closed
 *
 * The checkpoint fits into one value whatever happens: what grows without end is elsewhere or counted. Times
 * are licence time, Unix ms. Pure. */
#ifndef FARMGATE_AGENT_FARM_CHECKPOINT_H
#define FARMGATE_AGENT_FARM_CHECKPOINT_H

#include "record.h"

#include "agent/licence_json.h"

/* Whoever reads a format above its own refuses it. Members that are added raise nothing: the release before
 * ignores them, and what the release before leaves out has a default. */
#define CHECKPOINT_FORMAT    1
#define CHECKPOINT_HOSTS_MAX 1024 /* silent at once; of more the lost ones are left out first */
#define CHECKPOINT_SPANS_MAX 256  /* of unsent windows; past it what lies between the last is sent again */
#define CHECKPOINT_GAPS_MAX  16   /* the last ones; all are counted */
/* What comes late from one host is one gap, unless so much of the farm's time lies between. */
#define CHECKPOINT_LATE_JOIN_MS 60000

/* Windows that the authority has not acknowledged, by sequence, both ends included. */
struct checkpoint_span {
    int64_t first, last;
};

/* Where the counts are not exact: what was lost of the store's history before it was read; or, where a host
 * is named, changes of it that came late: what happened from after_ms on was counted by through_ms only. */
struct checkpoint_gap {
    int64_t after_revision, through_revision;
    int64_t after_ms, through_ms;
    char host[CONNECTION_HOST_BYTES_MAX + 1]; /* "": history was lost */
    int64_t changes;                          /* of the host; else 0 */
};

struct checkpoint_host {
    char host[CONNECTION_HOST_BYTES_MAX + 1];
    int64_t silent_since_ms;
    bool lost;
};

struct checkpoint {
    int64_t n;        /* only grows: a lower one than seen is an old value */
    int64_t revision; /* of the store: what came later is not in it */
    int64_t at_ms;    /* when it was written: all that came before happened before */
    char instance[RECORD_INSTANCE_BYTES_MAX + 1]; /* of the process that wrote it */
    char version[RECORD_VERSION_BYTES_MAX + 1];   /* of its program */

    int64_t event_ms, clock_ms; /* the core's two times: see core.h */
    struct standing standing;
    bool has_running;
    struct window running;
    struct peak_mark today, ever;
    int64_t next_sequence;
    struct checkpoint_span unsent[CHECKPOINT_SPANS_MAX];
    size_t unsent_count;
    int64_t unsent_from_ms; /* no unsent window begins earlier */
    struct checkpoint_host hosts[CHECKPOINT_HOSTS_MAX];
    size_t host_count;
    size_t hosts_left_out; /* not stored; the leader says so */

    struct store_identity identity;
    char entitlement[STORE_ENTITLEMENT_MAX + 1];
    struct checkpoint_gap gaps[CHECKPOINT_GAPS_MAX]; /* oldest first */
    size_t gap_count;
    int64_t gaps_ever;
};

/* Everything of the core; the rest of *ret stays. */
void checkpoint_take(struct checkpoint *ret, const struct core *core);
/* Back: for core_restore at event_ms, once connections, hosts and unsent windows are added. Texts are the
 * checkpoint's. */
struct core_saved checkpoint_saved(const struct checkpoint *checkpoint);
/* Whether a window of this sequence is not acknowledged yet. */
bool checkpoint_is_unsent(const struct checkpoint *checkpoint, uint64_t sequence);
/* Notes a gap; the oldest one that is kept gives way. */
void checkpoint_add_gap(struct checkpoint *checkpoint, const struct checkpoint_gap *gap);
/* A host's changes that came late: to the gap of those before, or as one more. */
void checkpoint_add_late(struct checkpoint *checkpoint, const struct checkpoint_gap *late);
/* Both as one. */
void checkpoint_gap_join(struct checkpoint_gap *gap, const struct checkpoint_gap *later);

/* Sealed for the key `checkpoint`, to be freed; NULL without memory, or past WIRE_VALUE_BYTES_MAX. */
struct record_value checkpoint_value(const struct record_farm *farm, const struct checkpoint *checkpoint);
/* *ret is to be freed. ERROR_SIGNATURE; ERROR_NEWER with the writer's version; ERROR_INVALID and the codes of
 * json_read; ERROR_NO_MEMORY. */
int checkpoint_read(const struct record_farm *farm, const struct wire_kv *kv, struct checkpoint **ret,
                    struct error_detail *ret_detail);

/* ERROR_NEWER, with the writer's version, for a text of a format above ours: of the verdict too. */
int checkpoint_check_format(const char *text, size_t bytes, struct error_detail *ret_detail);

/* A closed window of a farm id ("": before the first activation). */
struct record_value checkpoint_window_value(const struct record_farm *farm, const char *farm_id,
                                            const struct window *window);
int checkpoint_window_read(const struct record_farm *farm, const struct wire_kv *kv,
                           char ret_farm_id[GRANT_ID_BYTES_MAX + 1], struct window *ret,
                           struct error_detail *ret_detail);

#endif
