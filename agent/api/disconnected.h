/* disconnected.h - the list of disconnected connections: what it would save if they ended. */
#ifndef FARMGATE_AGENT_API_DISCONNECTED_H
#define FARMGATE_AGENT_API_DISCONNECTED_H

#include "show.h"

/* Members "connections" and "would_save" of a list of disconnected connections, which was collected of `user`
 * and `host` (NULL: any). False without memory: then the list is left empty. */
bool disconnected_show(struct json_writer *writer, const struct core *core, const struct show_list *list,
                       const char *user, const char *host);

#endif
