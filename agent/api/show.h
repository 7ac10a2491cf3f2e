/* show.h - connections and sessions as JSON, in the same words in every call. */
#ifndef FARMGATE_AGENT_API_SHOW_H
#define FARMGATE_AGENT_API_SHOW_H

#include "agent/core/classify.h"
#include "agent/core/core.h"
#include "agent/core/explain.h"
#include "common/json.h"

struct api;

/* Whether the reason makes the connection consume. */
bool show_counted(enum tally_reason reason);
/* What a list tells of a connection beside what every list does; NULL leaves it out. */
struct show_beside {
    const char *counted_as;        /* the user it is counted as, as first seen */
    const struct explain_why *why; /* it counts or not */
    const bool *would_save;        /* its user would be no concurrent user any more: see reclaim_saves_user */
};
void show_connection(struct json_writer *writer, const struct core *core, const struct tally_entry *entry,
                     const struct show_beside *beside);
/* An array "ignored" of this host's sessions that are no connections; user and host NULL: of any. */
void show_ignored(struct json_writer *writer, const struct api *api, const char *user, const char *host,
                  bool explained);
/* How many those of a user are. */
size_t show_ignored_count(const struct api *api, const char *user);
/* code, text and fields of a sentence, into the object that is open. */
void show_sentence(struct json_writer *writer, const struct explain_sentence *sentence);
/* An array of sentences. */
void show_why(struct json_writer *writer, const char *name, const struct explain_why *why);
/* An array "setbacks": what failed with the authority since it was reached last. */
void show_setbacks(struct json_writer *writer, const struct api *api);
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

/* Every user with a live connection, by name, at most API_ROWS_MAX. Release with free(list->users). */
struct show_users {
    struct tally_user *users;
    size_t count, room;
    bool more;
};
void show_collect_users(struct show_users *list, const struct tally *tally);

#endif
