/* source_names.h - the session sources that were built in (source.h), by their names: the build picks. */
#ifndef FARMGATE_AGENT_SESSIONS_SOURCE_NAMES_H
#define FARMGATE_AGENT_SESSIONS_SOURCE_NAMES_H

/* NULL at the end. "api" is none of them: it needs nothing of the platform. */
extern const char *const source_names[];

/* What sessions.sources is by default, as it stands in a configuration. */
extern const char source_names_default[];

#endif
