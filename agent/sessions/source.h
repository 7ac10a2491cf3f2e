/* source.h - the one contract of all session sources (DESIGN §4).
 *
 * A source tells the set of live sessions of a host now, again whenever it may have changed. It subscribes
 * first, then enumerates; every wake-up re-reads everything. It knows nothing of counting. One file a source;
 * the build picks. */
#ifndef FARMGATE_AGENT_SESSIONS_SOURCE_H
#define FARMGATE_AGENT_SESSIONS_SOURCE_H

#include "agent/core/classify.h"
#include "common/error.h"

#include <uv.h>

#define SOURCE_SESSIONS_MAX 65536 /* of one host; more are left out, and said */

struct source;

struct source_listener {
    /* The whole set now. Texts and array are valid during the call. `complete` is false where some session
     * could not be read: then nothing that is missing may be ended. */
    void (*on_set)(void *data, struct source *source, const char *host, const struct session_facts *sessions,
                   size_t count, bool complete);
    /* The source failed (error != 0, with detail) or works again (0). It goes on trying by itself. */
    void (*on_health)(void *data, struct source *source, int error, const char *detail);
    void *data;
};

struct source_settings {
    uv_loop_t *loop;
    const char *host;          /* this host's name */
    const char *scripted_file; /* for the scripted source */
};

struct source_type {
    const char *name; /* as in sessions.sources: "logind" */
    /* Starts it; on_set is called later, from the loop, at least once. Negative: cannot run here at all
     * (detail says why). */
    int (*start)(const struct source_settings *settings, const struct source_listener *listener,
                 struct source **ret, struct error_detail *ret_detail);
    /* Enumerate again soon (the periodic healing, an administrator's wish). */
    void (*refresh)(struct source *source);
    /* Stops it and frees it, possibly later; no callback after this returns. */
    void (*stop)(struct source *source);
};

struct source { /* every source's struct begins with this */
    const struct source_type *type;
};

extern const struct source_type source_logind, source_utmp, source_scripted;

#endif
