/* commit.h - the one order of things: an event is decided by the core, what it changed is made
 * durable, and only then its actions are carried out and its sender is told. While a commit is under way the
 * steps that arrive gather for the next.
 *
 * When the store fails, senders of changes are told so, reports wait, gate and log events go on from memory,
 * and a whole copy of the state is tried again with growing waits until it is written. Log events of that
 * time are told without an id; the copy brings them into the store, where they get one. */
#ifndef FARMGATE_AGENT_COMMIT_H
#define FARMGATE_AGENT_COMMIT_H

#include "agent/core/core.h"
#include "agent/histogram.h"
#include "agent/store.h"

#include <uv.h>

#define COMMIT_RETRY_FIRST_MS 1000
#define COMMIT_RETRY_LAST_MS  60000
#define COMMIT_MISSED_MAX     4096 /* log events kept for a failing store; later ones are told but not stored */

struct commit;

/* What is carried out; every call comes from the loop. */
struct commit_hooks {
    int64_t (*now_ms)(void *data);                 /* licence time */
    void (*clock)(void *data, int64_t licence_ms); /* ACTION_CLOCK, at once: the next step uses it */
    void (*gate)(void *data);
    void (*report)(void *data);
    void (*log)(void *data, const struct log_event *event);
    /* After every step: timers and the `present` file may need care. */
    void (*stepped)(void *data);
    /* The contents of the two files as they stand now. */
    void (*files)(void *data, struct store_identity *ret_identity, struct store_licence *ret_licence);
    void *data;
};

/* `error` is 0 once the step is durable, a code of core_error.h if the core refused it, else why it could not
 * be written. */
typedef void commit_done_fn(void *data, int error, const char *detail);

/* NULL without memory. core and store outlive it. Without a core (NULL) another host may count: nothing is
 * stepped here, and what others have decided is taken. */
struct commit *commit_create(uv_loop_t *loop, struct core *core, struct store *store,
                             const struct commit_hooks *hooks);

/* Steps the core. `done` (may be NULL) is called later or within this call. Returns what core_step returned.
 */
int commit_step(struct commit *commit, const struct core_event *event, commit_done_fn *done, void *data);

/* What was decided and made durable elsewhere, to be kept here too: log events, which are told as ever, and
 * PERSIST actions. If the store fails the latter are lost. */
void commit_take(struct commit *commit, const struct core_actions *actions);

/* The identity file changes with the next commit. */
void commit_identity_changed(struct commit *commit);

/* An edge's own log event takes the same way as the core's. */
void commit_log(struct commit *commit, const struct log_event *event);

/* False from the first failing commit until the state is whole on disk again; then *ret_why (may be NULL)
 * says why. */
bool commit_healthy(const struct commit *commit, const char **ret_why);

/* How long the store took for what it was given, and how often it failed. */
struct commit_figures {
    struct histogram took;
    uint64_t failed;
};
const struct commit_figures *commit_figures(const struct commit *commit);

/* No further steps; calls `drained` once nothing is under way (at once if so). A failing store is tried once
 * more, and not waited for. */
void commit_drain(struct commit *commit, void (*drained)(void *data), void *data);

/* After drained. */
void commit_destroy(struct commit *commit, void (*closed)(void *data), void *data);

#endif
