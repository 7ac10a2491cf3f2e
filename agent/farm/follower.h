/* follower.h - what every host of a farm does that does not lead: moves its gate by the leader's verdict, and
 * keeps a copy of the farm's closed windows.
 *
 * It watches the verdict alone, for 500 hosts that watched everything would cap an etcd at a few changes a
 * second. Only while the verdict admits licence holders alone does it load and follow the whole state, with
 * the leader's own code and without writing, so that its host can say who holds one.
 *
 * Pure, as leader.h. */
#ifndef FARMGATE_AGENT_FARM_FOLLOWER_H
#define FARMGATE_AGENT_FARM_FOLLOWER_H

#include "farm_state.h"
#include "farm_verdict.h"

#define FOLLOWER_RETRY_MS     500 /* after a request that failed; doubled up to the last */
#define FOLLOWER_RETRY_MAX_MS 8000
#define FOLLOWER_WINDOWS_PAGE 500

struct follower;

struct follower_settings {
    const struct record_farm *farm; /* outlives the follower */
    struct farm_port port;
    int64_t seen_n;           /* the highest verdict that was seen before; 0: none */
    int64_t windows_after_ms; /* windows that begin later are told; 0: all */
};

/* No function here may be answered by follower_destroy. */
struct follower_told {
    void (*verdict)(void *data, const struct farm_verdict *verdict);
    void (*window)(void *data, const char *farm_id, const struct window *window);
    void (*note)(void *data, enum farm_note note, const char *key, const char *detail);
    /* The store may have less than it had: a backup was put back, or a single value. */
    void (*went_back)(void *data);
    /* Who the farm is, read when its licence has changed: a host that is restarted without the store stands
     * by it, and one that leads goes on with it. */
    void (*identity)(void *data, const struct checkpoint *checkpoint);
    /* The owner's core, from `begin` to `dropped`: see farm_state.h. */
    int64_t (*licence_ms)(void *data);
    const struct core_settings *(*settings)(void *data);
    int (*begin)(void *data, const struct farm_begin *begin);
    const struct core *(*core)(void *data);
    int (*step)(void *data, const struct core_event *event, int64_t at_ms);
    void (*dropped)(void *data);
};

/* NULL without memory. */
struct follower *follower_create(const struct follower_settings *settings, const struct follower_told *told,
                                 void *data);
void follower_destroy(struct follower *follower);

/* Time has passed; the first call begins. It may be due anew whenever the port has told something. */
void follower_pass(struct follower *follower, int64_t steady_ms);
int64_t follower_due_ms(const struct follower *follower); /* steady */

/* Whether the core has everything up to the verdict that asks for it: before, nobody may be refused by it. */
bool follower_is_current(const struct follower *follower);
/* Verdicts are told as they are given, not as they were found. */
bool follower_is_live(const struct follower *follower);

#endif
