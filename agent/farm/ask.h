/* ask.h - a request of someone who may be gone before the answer: nothing is told to whom it was dropped for.
 */
#ifndef FARMGATE_AGENT_FARM_ASK_H
#define FARMGATE_AGENT_FARM_ASK_H

#include "port.h"

/* One place for one request; NULL: none is under way. It stays where it is while one is. */
struct ask;

/* Sends it as farm_port.ask does (`text` is taken over), the place being free. ERROR_FULL, ERROR_NO_MEMORY:
 * nothing is told. The place is free again when told->done is called. */
int ask_send(struct ask **place, const struct farm_port *port, const char *path, char *text,
             const struct etcd_told *told, void *data);
/* Cancels, if one is under way; nothing more is told of it. */
void ask_drop(struct ask **place);

#endif
