/* source.h - the one contract of all session sources.
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
    /* The whole set now, each id once. Texts and array are valid during the call. `complete` is false where
     * some session could not be read (yet): then nothing that is missing may be ended. Most sources know one
     * host; the scripted one tells a set for each host of its file, of this host last: once a source has told
     * that completely, it has told all that it knows. */
    void (*on_set)(void *data, struct source *source, const char *host, const struct session_facts *sessions,
                   size_t count, bool complete);
    /* The source failed (error != 0, with detail) or works again (0). It goes on trying by itself. */
    void (*on_health)(void *data, struct source *source, int error, const char *detail);
    /* It tells the sessions, but not all of them or not all about them: what is missing, and what comes of
     * that. on_health with 0 once it does again. */
    void (*on_limit)(void *data, struct source *source, const char *detail);
    void *data;
};

struct source_settings {
    uv_loop_t *loop;
    const char *host;          /* this host's name */
    const char *scripted_file; /* for the scripted source */
    const char *utmp_file;     /* for the utmp source; NULL: the system's */
};

struct source_type {
    const char *name; /* as in sessions.sources: "logind" */
    /* Starts it; on_set is called later, from the loop, as soon as the set is known, and on_health while it
     * can not be. The settings are copied. Negative: cannot run here at all (detail says why). */
    int (*start)(const struct source_settings *settings, const struct source_listener *listener,
                 struct source **ret, struct error_detail *ret_detail);
    /* Enumerate again soon (the periodic healing, an administrator's wish). */
    void (*refresh)(struct source *source);
    /* Stops it and frees it, the memory when the loop turns; no callback after this returns. Not to be called
     * from within a callback of this source. */
    void (*stop)(struct source *source);
};

struct source { /* every source's struct begins with this */
    const struct source_type *type;
};

extern const struct source_type source_logind, source_utmp, source_wts, source_scripted;

/* Those that were built in, NULL at the end. */
extern const struct source_type *const source_types[];

#endif
