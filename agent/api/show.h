/* show.h - connections and sessions as JSON, in the same words in every call. */
#ifndef FARMGATE_AGENT_API_SHOW_H
#define FARMGATE_AGENT_API_SHOW_H

#include "agent/core/classify.h"
#include "agent/core/core.h"
#include "common/json.h"

struct api;

/* Whether the reason makes the connection consume. */
bool show_counted(enum tally_reason reason);
/* `counted_as`: the user it is counted as, as first seen; NULL leaves that out. */
void show_connection(struct json_writer *writer, const struct tally_entry *entry, const char *counted_as);
/* An array "ignored" of this host's sessions that are no connections; user and host NULL: of any. */
void show_ignored(struct json_writer *writer, const struct api *api, const char *user, const char *host);
/* "limit": of the entitlement, null without one. */
void show_limit(struct json_writer *writer, const struct core_status *status);
void show_window(struct json_writer *writer, const char *name, const struct window *window,
                 const char *state);

/* Live connections, collected: pointers into the core, valid until its next step. */
struct show_list {
    struct tally_entry *entries;
    size_t count, room;
    int state; /* enum connection_state to keep, -1 any */
    bool more, failed;
};
/* Collects at most API_ROWS_MAX connections (of a host, of a user; NULL any), sorted by host, connect time,
 * id. `failed` without memory. Release with free(list->entries). */
void show_collect(struct show_list *list, const struct tally *tally, const char *host, const char *user);

#endif
