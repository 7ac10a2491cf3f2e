/* workspace.h - published resources as the feed of a workspace (Microsoft's MS-TSWP): XML that remote desktop
 * clients and portals read, each resource with the address of its .rdp file. */
#ifndef FARMGATE_AGENT_WORKSPACE_H
#define FARMGATE_AGENT_WORKSPACE_H

#include "resources.h"

#include <stdint.h>

struct workspace {
    const char *name;    /* as people see it */
    const char *id;      /* the same for ever, and no other's */
    const char *base;    /* what the addresses of files begin with: "/v1/" */
    const char *address; /* of resources that name no host */
    int64_t updated_ms;
    bool folders; /* schema version 2.0 instead of 1.1, which knows none */
};

struct workspace_feed;

/* NULL without memory. The workspace outlives the feed. */
struct workspace_feed *workspace_feed_create(const struct workspace *workspace);
void workspace_feed_destroy(struct workspace_feed *feed);

/* The next resource; each id once. */
void workspace_feed_add(struct workspace_feed *feed, const struct resource *resource);

/* The whole of it, to be freed with free(); once. ERROR_NO_MEMORY. */
int workspace_feed_text(struct workspace_feed *feed, char **ret, size_t *ret_bytes);

#endif
