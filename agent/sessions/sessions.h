/* sessions.h - this host's sessions: runs the configured sources, has users' groups looked up, classifies,
 * and hands on the set of live connections. What is ignored or closing is kept to be shown.
 */
#ifndef FARMGATE_AGENT_SESSIONS_SESSIONS_H
#define FARMGATE_AGENT_SESSIONS_SESSIONS_H

#include "source.h"

#define SESSIONS_ENUMERATE_MS 5000
#define SESSIONS_GROUPS_MS    1000 /* a new session waits this long for its user's groups, then is handed on */

struct sessions;

/* How groups are asked for: answers from a cache at once, or says unknown and calls sessions_groups_changed
 * later. */
struct user_groups {
    const char *const *groups; /* valid until the next call */
    size_t group_count;
    bool known;
    bool superuser;
};
typedef void sessions_groups_fn(void *data, const char *user, struct user_groups *ret);

struct sessions_listener {
    /* The live, counted or not, connections of a host, whole, whenever they may have changed. Not before
     * every source had its chance to tell its set (below): what is missing from it has ended. */
    void (*on_host_set)(void *data, const char *host, const struct connection *connections, size_t count);
    /* Every source has told its whole set once, or SESSIONS_ENUMERATE_MS have passed: the agent may judge.
     * Called once, after the first on_host_set. */
    void (*on_enumerated)(void *data);
    void (*on_health)(void *data, const char *source, int error, const char *detail);
    /* A source tells, but not all: see source.h. */
    void (*on_limit)(void *data, const char *source, const char *detail);
    sessions_groups_fn *groups;
    void *data;
};

/* `names`: source type names ("api" is no source of this room and is skipped). The classify settings outlive
 * it or the next sessions_reconfigure. */
int sessions_start(uv_loop_t *loop, const char *host, const char *scripted_file, const char (*names)[32],
                   size_t name_count, const struct classify_settings *classify,
                   const struct sessions_listener *listener, struct sessions **ret,
                   struct error_detail *ret_detail);
void sessions_reconfigure(struct sessions *sessions, const struct classify_settings *classify);
void sessions_groups_changed(struct sessions *sessions); /* judge the last sets again */
void sessions_refresh(struct sessions *sessions);        /* every source enumerates again */
void sessions_stop(struct sessions *sessions);

/* Whether a source has told of this host, or one may yet: there is one that has told no whole set so far. */
bool sessions_speak_of(const struct sessions *sessions, const char *host);

/* What was not handed on: ignored or closing sessions (outcome IGNORED by rule 0 where no rule matched or a
 * text is not valid), for /v1/connections and /v1/explain. */
typedef bool sessions_visit_fn(void *data, const struct session_facts *facts,
                               const struct classify_result *result);
void sessions_each_ignored(const struct sessions *sessions, sessions_visit_fn *visit, void *data);
/* The rules by which they were judged. */
const struct classify_settings *sessions_rules(const struct sessions *sessions);

#endif
