#include "commit.h"

#include "agent/core/core_actions.h"

#include "common/error.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct waiter {
    commit_done_fn *done;
    void *data;
};

/* Steps that become durable together. */
struct batch {
    struct core_actions *actions;
    struct waiter *waiters;
    size_t waiter_count, waiter_room;
    bool identity;
    uint64_t first_event_id;
};

struct commit {
    uv_loop_t *loop;
    struct core *core;
    struct store *store;
    struct commit_hooks hooks;
    struct batch batches[2];
    struct batch *open;   /* gathers */
    struct batch *flying; /* under way, NULL if none */
    uv_timer_t retry;
    unsigned failures; /* in a row; > 0: the store lacks something */
    bool retrying;     /* what flies is a whole copy */
    bool report_waits; /* an ACTION_REPORT that must not go before the state is whole */
    bool identity_lost;
    bool acting;                 /* carrying out actions: new steps gather, do not fly */
    bool tried_last;             /* while draining: the store had its last chance */
    struct core_actions *missed; /* log events that were told but not stored: the whole copy brings them */
    char why[ERROR_DETAIL_BYTES];
    struct commit_figures figures;
    uint64_t flew_ns; /* what is under way, by the loop's high-resolution clock */
    void (*drained)(void *data);
    void *drained_data;
    void (*closed)(void *data);
    void *closed_data;
};

static void fly(struct commit *commit);

struct commit *commit_create(uv_loop_t *loop, struct core *core, struct store *store,
                             const struct commit_hooks *hooks)
{
    struct commit *commit = calloc(1, sizeof(*commit));
    if (!commit)
        return NULL;
    commit->loop = loop;
    commit->core = core;
    commit->store = store;
    commit->hooks = *hooks;
    commit->open = &commit->batches[0];
    for (size_t i = 0; i < 2; i++) {
        commit->batches[i].actions = core_actions_create();
        if (!commit->batches[i].actions)
            goto fail;
    }
    commit->missed = core_actions_create();
    if (!commit->missed)
        goto fail;
    (void)uv_timer_init(loop, &commit->retry);
    commit->retry.data = commit;
    return commit;
fail:
    core_actions_destroy(commit->batches[0].actions);
    core_actions_destroy(commit->batches[1].actions);
    free(commit);
    return NULL;
}

static void batch_clear(struct batch *batch)
{
    core_actions_clear(batch->actions);
    batch->waiter_count = 0;
    batch->identity = false;
}

static bool batch_empty(const struct batch *batch)
{
    size_t count;
    (void)core_actions_all(batch->actions, &count);
    return count == 0 && batch->waiter_count == 0 && !batch->identity;
}

static int batch_wait(struct batch *batch, commit_done_fn *done, void *data)
{
    if (batch->waiter_count == batch->waiter_room) {
        size_t room = batch->waiter_room ? batch->waiter_room * 2 : 16;
        struct waiter *waiters = realloc(batch->waiters, room * sizeof(*waiters));
        if (!waiters)
            return ERROR_NO_MEMORY;
        batch->waiters = waiters;
        batch->waiter_room = room;
    }
    batch->waiters[batch->waiter_count++] = (struct waiter){done, data};
    return 0;
}

/* Waiters may step again from their callbacks, so they leave the batch first. */
static void batch_answer(struct batch *batch, int error, const char *detail)
{
    struct waiter *waiters = batch->waiters;
    size_t count = batch->waiter_count;
    batch->waiters = NULL;
    batch->waiter_count = batch->waiter_room = 0;
    for (size_t i = 0; i < count; i++)
        waiters[i].done(waiters[i].data, error, detail);
    free(waiters);
}

/* Tells an event that cannot be stored now: without an id, so that nobody's cursor passes what the store may
 * yet give out. It is stored, and gets its id, with the whole copy. */
static void tell_unstored(struct commit *commit, const struct log_event *event)
{
    struct log_event told = *event;
    size_t missed;
    (void)core_actions_all(commit->missed, &missed);
    told.id = 0;
    if (missed < COMMIT_MISSED_MAX)
        (void)core_actions_log(commit->missed, &told); /* without memory it is told at least */
    commit->hooks.log(commit->hooks.data, &told);
}

/* Carries out what a batch decided, in order. `durable` false: the store has failed, so reports wait. */
static void batch_act(struct commit *commit, struct batch *batch, bool durable)
{
    size_t count;
    const struct action *actions = core_actions_all(batch->actions, &count);
    uint64_t event_id = batch->first_event_id;
    for (size_t i = 0; i < count; i++) {
        switch (actions[i].type) {
        case ACTION_GATE:
            commit->hooks.gate(commit->hooks.data);
            break;
        case ACTION_REPORT:
            if (durable)
                commit->hooks.report(commit->hooks.data);
            else
                commit->report_waits = true;
            break;
        case ACTION_LOG: {
            struct log_event event = actions[i].log;
            event.id = event_id++;
            if (durable)
                commit->hooks.log(commit->hooks.data, &event);
            else
                tell_unstored(commit, &event);
            break;
        }
        case ACTION_PERSIST:
        case ACTION_CLOCK: /* carried out when it was decided */
        case ACTION_TYPE_MAX:
            break;
        }
    }
}

static bool fly_whole(struct commit *commit);

/* What a failing store lacks is offered to it once more before the end: the disk may have room again. */
static bool last_try(struct commit *commit)
{
    if (commit->failures == 0 || commit->tried_last)
        return false;
    commit->tried_last = true;
    return fly_whole(commit);
}

static void fly_on(struct commit *commit)
{
    if (!batch_empty(commit->open) && !commit->flying)
        fly(commit);
    if (!commit->flying && commit->drained && batch_empty(commit->open) && !last_try(commit)) {
        void (*drained)(void *) = commit->drained;
        commit->drained = NULL;
        drained(commit->drained_data);
    }
}

static void retry_due(uv_timer_t *timer);

static void failed(struct commit *commit, const char *detail)
{
    bool first = commit->failures == 0;
    (void)snprintf(commit->why, sizeof(commit->why), "%s", detail);
    if (commit->failures < 32)
        commit->failures++;
    unsigned shift = commit->failures - 1 < 6 ? commit->failures - 1 : 6;
    uint64_t wait_ms = (uint64_t)COMMIT_RETRY_FIRST_MS << shift;
    if (!commit->drained)
        (void)uv_timer_start(&commit->retry, retry_due,
                             wait_ms < COMMIT_RETRY_LAST_MS ? wait_ms : COMMIT_RETRY_LAST_MS, 0);
    if (!first)
        return;
    struct log_event event = {.code = LOG_store_failed, .at_ms = commit->hooks.now_ms(commit->hooks.data)};
    log_event_text(&event, "detail", detail);
    tell_unstored(commit, &event);
}

static void recovered(struct commit *commit)
{
    commit->failures = 0;
    commit->identity_lost = false;
    core_actions_clear(commit->missed);
    struct log_event event = {.code = LOG_store_recovered, .at_ms = commit->hooks.now_ms(commit->hooks.data)};
    commit_log(commit, &event);
    if (commit->report_waits) {
        commit->report_waits = false;
        commit->hooks.report(commit->hooks.data);
    }
}

/* What flew is decided now, durable (error 0) or not: it is acted upon, answered, and the next may go. */
static void carry_out(struct commit *commit, int error, const char *detail)
{
    struct batch *batch = commit->flying;
    commit->acting = true;
    batch_act(commit, batch, error == 0);
    batch_answer(batch, error, detail);
    commit->acting = false;
    batch_clear(batch);
    commit->flying = NULL;
    fly_on(commit);
}

static void landed(void *data, int error, const char *detail)
{
    struct commit *commit = data;
    bool whole = commit->retrying;
    commit->retrying = false;
    commit->figures.failed += error != 0;
    commit->identity_lost |= error != 0 && commit->flying->identity;
    if (error)
        failed(commit, detail);
    else if (whole)
        recovered(commit);
    carry_out(commit, error, detail);
}

static void stored(void *data, int error, const char *detail)
{
    struct commit *commit = data;
    histogram_note(&commit->figures.took, uv_hrtime() - commit->flew_ns);
    landed(data, error, detail);
}

/* What a batch asks of the store. Log events are kept too, so they alone are reason enough to write. */
static void batch_needs(const struct batch *batch, bool *ret_database, bool *ret_licence)
{
    size_t count;
    const struct action *actions = core_actions_all(batch->actions, &count);
    *ret_database = false;
    *ret_licence = batch->identity;
    for (size_t i = 0; i < count; i++) {
        if (actions[i].type == ACTION_LOG)
            *ret_database = true;
        if (actions[i].type != ACTION_PERSIST)
            continue;
        *ret_database = true;
        /* the licence file also keeps licence time, which must not fall far behind: every window's end brings
         * it up */
        if (actions[i].persist.type == PERSIST_STANDING || actions[i].persist.type == PERSIST_WINDOW)
            *ret_licence = true;
    }
}

/* Sends the open batch off. Without a whole state on disk nothing may be written but a whole copy: then the
 * batch is acted upon from memory. */
static void fly(struct commit *commit)
{
    struct batch *batch = commit->open;
    commit->flying = batch;
    commit->open = batch == &commit->batches[0] ? &commit->batches[1] : &commit->batches[0];
    batch->first_event_id = store_next_event_id(commit->store);
    if (commit->failures && !commit->retrying) {
        commit->identity_lost |= batch->identity;
        carry_out(commit, ERROR_IO, commit->why);
        return;
    }
    bool database, licence_file;
    batch_needs(batch, &database, &licence_file);
    if (!database && !licence_file) {
        landed(commit, 0, NULL);
        return;
    }
    struct store_identity identity;
    struct store_licence licence;
    commit->hooks.files(commit->hooks.data, &identity, &licence);
    const struct core_actions *lists[] = {batch->actions, commit->missed};
    struct store_batch written = {.actions = lists,
                                  .count = commit->retrying ? 2 : 1,
                                  .identity = batch->identity ? &identity : NULL,
                                  .licence = licence_file ? &licence : NULL};
    commit->flew_ns = uv_hrtime();
    int error = store_commit(commit->store, &written, stored, commit);
    if (error)
        landed(commit, error, error_text(error));
}

/* A whole copy of the state goes first; steps that arrive meanwhile gather behind it as ever. False: there is
 * no memory for the copy. */
static bool fly_whole(struct commit *commit)
{
    int error = commit->core ? core_snapshot(commit->core, commit->open->actions) : 0;
    if (error) {
        failed(commit, core_error_text(error));
        return false;
    }
    commit->open->identity |= commit->identity_lost;
    commit->retrying = true;
    fly(commit);
    return true;
}

static void retry_due(uv_timer_t *timer)
{
    struct commit *commit = timer->data;
    if (commit->flying)
        (void)uv_timer_start(&commit->retry, retry_due, COMMIT_RETRY_FIRST_MS, 0);
    else
        (void)fly_whole(commit);
}

/* ACTION_CLOCK moves time for every later step, so it cannot wait for the commit; the licence file of that
 * commit has it. */
static void act_at_once(struct commit *commit, size_t from)
{
    size_t count;
    const struct action *actions = core_actions_all(commit->open->actions, &count);
    for (size_t i = from; i < count; i++) {
        if (actions[i].type == ACTION_CLOCK)
            commit->hooks.clock(commit->hooks.data, actions[i].clock_ms);
    }
}

int commit_step(struct commit *commit, const struct core_event *event, commit_done_fn *done, void *data)
{
    size_t before;
    (void)core_actions_all(commit->open->actions, &before);
    int result =
        core_step(commit->core, event, commit->hooks.now_ms(commit->hooks.data), commit->open->actions);
    act_at_once(commit, before);
    if (done && result < 0)
        done(data, result, core_error_text(result));
    else if (done && batch_wait(commit->open, done, data) < 0)
        done(data, ERROR_NO_MEMORY, error_text(ERROR_NO_MEMORY));
    if (!commit->flying && !commit->acting)
        fly_on(commit);
    commit->hooks.stepped(commit->hooks.data);
    return result;
}

void commit_take(struct commit *commit, const struct core_actions *actions)
{
    size_t count;
    const struct action *all = core_actions_all(actions, &count);
    for (size_t i = 0; i < count; i++) {
        if (all[i].type == ACTION_LOG && core_actions_log(commit->open->actions, &all[i].log) < 0)
            commit->hooks.log(commit->hooks.data, &all[i].log);
        else if (all[i].type == ACTION_PERSIST)
            (void)core_actions_persist(commit->open->actions, &all[i].persist);
    }
    if (!commit->flying && !commit->acting)
        fly_on(commit);
}

void commit_identity_changed(struct commit *commit)
{
    commit->open->identity = true;
}

void commit_log(struct commit *commit, const struct log_event *event)
{
    if (core_actions_log(commit->open->actions, event) < 0)
        commit->hooks.log(commit->hooks.data, event);
    if (!commit->flying && !commit->acting)
        fly_on(commit);
}

bool commit_healthy(const struct commit *commit, const char **ret_why)
{
    if (ret_why)
        *ret_why = commit->failures ? commit->why : "";
    return commit->failures == 0;
}

const struct commit_figures *commit_figures(const struct commit *commit)
{
    return &commit->figures;
}

void commit_drain(struct commit *commit, void (*drained)(void *data), void *data)
{
    commit->drained = drained;
    commit->drained_data = data;
    (void)uv_timer_stop(&commit->retry);
    fly_on(commit);
}

static void timer_closed(uv_handle_t *handle)
{
    struct commit *commit = handle->data;
    void (*closed)(void *) = commit->closed;
    void *data = commit->closed_data;
    for (size_t i = 0; i < 2; i++) {
        core_actions_destroy(commit->batches[i].actions);
        free(commit->batches[i].waiters);
    }
    core_actions_destroy(commit->missed);
    free(commit);
    closed(data);
}

void commit_destroy(struct commit *commit, void (*closed)(void *data), void *data)
{
    assert(!commit->flying);
    commit->closed = closed;
    commit->closed_data = data;
    uv_close((uv_handle_t *)&commit->retry, timer_closed);
}
