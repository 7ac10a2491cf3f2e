/* script_sessions.h - what is live after the events of a script so far, host by host. */
#ifndef FARMGATE_AGENT_SESSIONS_SCRIPT_SESSIONS_H
#define FARMGATE_AGENT_SESSIONS_SCRIPT_SESSIONS_H

#include "script_line.h"

#define SCRIPT_HOSTS_MAX 4096

struct session_facts;
struct script_sessions;

struct script_sessions *script_sessions_create(const char *this_host); /* NULL without memory */
void script_sessions_destroy(struct script_sessions *sessions);

/* Applies one event, which happens at at_ms (Unix ms). A logoff of something unknown is nothing.
 * ERROR_NO_MEMORY, ERROR_FULL past SCRIPT_HOSTS_MAX or SOURCE_SESSIONS_MAX. */
int script_sessions_apply(struct script_sessions *sessions, const struct script_line *event, int64_t at_ms);

/* Visits the whole set of each host that an event was applied to since the last visit, and of this host the
 * first time; this host is the last. Texts and array are valid during the call. ERROR_NO_MEMORY: not all were
 * visited, and are the next time. */
typedef void script_sessions_fn(void *data, const char *host, const struct session_facts *facts,
                                size_t count);
int script_sessions_each_changed(struct script_sessions *sessions, script_sessions_fn *visit, void *data);

/* Every host counts as changed. */
void script_sessions_all_changed(struct script_sessions *sessions);

#endif
