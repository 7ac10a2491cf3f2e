/* told.h - the last set of sessions that one source told of one host, kept. */
#ifndef FARMGATE_AGENT_SESSIONS_TOLD_H
#define FARMGATE_AGENT_SESSIONS_TOLD_H

#include "agent/core/classify.h"

struct told_session {
    struct session_facts facts;    /* texts are the set's own; groups are not kept */
    struct classify_result result; /* as last judged */
    /* A new session waits a moment for its user's groups, so that an administrator is never counted first and
     * exempt later. Once handed on it does not wait again. */
    bool waits, handed_on;
    uint64_t waits_since_ms; /* loop time; 0: has not waited */
};

struct told_set {
    struct told_session *sessions; /* sorted by id, each once */
    size_t count;
};

/* Replaces *set by what was told; of a session that was there before, what is beside the facts stays. One
 * whose beginning is not known begins at now_ms, or when it was first told. With `complete` false, sessions
 * that are not told stay. At most `count_max` are kept. ERROR_NO_MEMORY: *set is as it was. */
int told_set_replace(struct told_set *set, const struct session_facts *facts, size_t count, bool complete,
                     size_t count_max, int64_t now_ms);
const struct told_session *told_set_find(const struct told_set *set, const char *id);
void told_set_finish(struct told_set *set);

#endif
