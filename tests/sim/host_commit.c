#include "host.h"

#include "tests/property/chance.h"

#include <string.h>

#define RETRY_FIRST_MS INT64_C(1000)
#define RETRY_LAST_MS  INT64_C(60000)

static void batch_clear(struct batch *batch)
{
    core_actions_clear(batch->actions);
    batch->identity = batch->errand = batch->whole = false;
    batch->former.token = 0;
}

/* ---- what a batch asks of the disk --------------------------------------------------------------------- */

static void needs(const struct batch *batch, bool *ret_database, bool *ret_licence)
{
    size_t count;
    const struct action *actions = core_actions_all(batch->actions, &count);
    *ret_database = *ret_licence = batch->identity;
    for (size_t i = 0; i < count; i++) {
        if (actions[i].type != ACTION_PERSIST)
            continue;
        *ret_database = true;
        /* the licence file also has licence time, which every window's end brings up */
        if (actions[i].persist.type == PERSIST_STANDING || actions[i].persist.type == PERSIST_WINDOW)
            *ret_licence = true;
    }
}

static void spoil(const struct host *host, struct model_licence *licence)
{
    struct usage *usage = &licence->standing.usage;
    if (host->around.mistake == MISTAKE_CLOCK_NOT_STORED)
        licence->clock.licence_ms -= DAY_MS;
    if (host->around.mistake == MISTAKE_GRACE_FORGOTTEN && usage->state == USAGE_OVERUSE_GRACE)
        *usage = (struct usage){.state = USAGE_WITHIN};
    if (host->around.mistake == MISTAKE_EXCEEDING_BACKDATED && usage->exceeding_since_ms != 0)
        usage->exceeding_since_ms -= HOUR_MS;
}

/* How all stands behind the steps of the batch: that is what the disk is to have. */
static void take_picture(struct host *host, struct batch *batch)
{
    struct core_status status;
    core_status(host->core, &status);
    batch->identity_after = host->identity;
    batch->licence_after.standing = status.standing;
    clock_save(&host->clock, &batch->licence_after.clock);
    batch->time_after = licence_time_keep(&host->time, &host->machine);
    batch->judge_after = host->judge;
    ledger_state_copy(&batch->ledger_after, &host->ledger.now);
    if (host->around.mistake != MISTAKE_NONE)
        spoil(host, &batch->licence_after);
}

/* ---- crashes ------------------------------------------------------------------------------------------- */

static bool crashes_at(struct host *host, unsigned point, enum happening happening)
{
    if (!host->crash_armed[point])
        return false;
    host->crash_armed[point] = false;
    witness_note(host->around.witness, happening);
    host_die(host, host->crash_pause_ms);
    return true;
}

/* ---- the disk ------------------------------------------------------------------------------------------ */

static void keep_licence(struct host *host, const struct batch *batch)
{
    host->store.licence = batch->licence_after;
    host->time_kept = batch->time_after;
    host->judge_kept = batch->judge_after;
}

static void keep_rows(struct host *host, const struct batch *batch)
{
    if (host->around.mistake != MISTAKE_STORE_LOSES_COMMIT || host->steps % 100 != 0)
        model_store_write(&host->store, batch->actions, batch->identity);
    ledger_state_copy(&host->ledger_kept, &batch->ledger_after);
    ledger_durable(&host->ledger, &batch->ledger_after);
    host->judge_kept = batch->judge_after;
}

/* Identity, licence, database. False: it crashed on the way. */
static bool write_batch(struct host *host, const struct batch *batch, bool licence)
{
    if (crashes_at(host, CRASH_BEFORE_WRITE, HAPPENED_CRASH_BEFORE_WRITE))
        return false;
    if (batch->identity) {
        host->store.identity = batch->identity_after;
        if (licence && crashes_at(host, CRASH_AFTER_IDENTITY, HAPPENED_CRASH_AFTER_IDENTITY))
            return false;
    }
    if (licence) {
        keep_licence(host, batch);
        if (crashes_at(host, CRASH_AFTER_LICENCE, HAPPENED_CRASH_AFTER_LICENCE))
            return false;
    }
    keep_rows(host, batch);
    return !crashes_at(host, CRASH_BEFORE_ACTIONS, HAPPENED_CRASH_BEFORE_ACTIONS);
}

/* A full disk takes nothing into the database; the files it takes perhaps. */
static void fail_to_write(struct host *host, const struct batch *batch, bool licence)
{
    uint64_t chance = host_chance(host, 'f');
    bool files = chance_percent(&chance, 50);
    if (files && batch->identity)
        host->store.identity = batch->identity_after;
    if (files && licence)
        keep_licence(host, batch);
}

/* ---- carrying out -------------------------------------------------------------------------------------- */

static void show_gate(struct host *host)
{
    struct core_status status;
    core_status(host->core, &status);
    if (host->around.mistake != MISTAKE_GATE_NOT_MOVED)
        host->shown = status.verdict.reason;
}

/* False: the process is gone. */
static bool act(struct host *host, const struct action *action, bool durable, unsigned *done)
{
    if (action->type == ACTION_GATE)
        show_gate(host);
    else if (action->type == ACTION_REPORT && durable)
        host_report(host);
    else if (action->type == ACTION_REPORT)
        host->report_waits = true;
    else
        return true;
    (*done)++;
    for (unsigned point = CRASH_AMID_ACTIONS; point < CRASH_POINTS_MAX; point++) {
        if (*done >= point - CRASH_AMID_ACTIONS + 1 && crashes_at(host, point, HAPPENED_CRASH_AMID_ACTIONS))
            return false;
    }
    return true;
}

static void carry_out(struct host *host, bool durable)
{
    struct batch *batch = host->flying;
    size_t count;
    unsigned done = 0;
    const struct action *actions = core_actions_all(batch->actions, &count);
    host->acting = true;
    for (size_t i = 0; i < count; i++) {
        if (!act(host, &actions[i], durable, &done))
            return;
    }
    if (batch->errand)
        host_errand_done(host, batch, durable);
    batch_clear(batch);
    host->flying = NULL;
    host->acting = false;
    host_commit(host);
}

static void store_failed(struct host *host)
{
    int64_t wait_ms = RETRY_FIRST_MS << (host->failures < 6 ? host->failures : 6);
    if (host->failures == 0)
        witness_note(host->around.witness, HAPPENED_STORE_FAILED);
    host->failures++;
    heap_push(host->around.heap, (struct moment){.at_ms = *host->around.true_ms +
                                                          (wait_ms < RETRY_LAST_MS ? wait_ms : RETRY_LAST_MS),
                                                 .type = MOMENT_RETRY,
                                                 .host = host->number,
                                                 .what = host->life});
}

static void store_mended(struct host *host)
{
    host->failures = 0;
    host->identity_lost = false;
    witness_note(host->around.witness, HAPPENED_STORE_MENDED);
    if (host->report_waits) {
        host->report_waits = false;
        host_report(host);
    }
}

void host_landed(struct host *host)
{
    struct batch *batch = host->flying;
    bool database, licence, whole = batch->whole;
    needs(batch, &database, &licence);
    host->retrying = false;
    if (!database) {
        carry_out(host, true);
        return;
    }
    if (*host->around.true_ms < host->store_fails_ms) {
        fail_to_write(host, batch, licence);
        host->identity_lost |= batch->identity;
        store_failed(host);
        carry_out(host, false);
        return;
    }
    if (!write_batch(host, batch, licence))
        return;
    if (whole)
        store_mended(host);
    carry_out(host, true);
}

static bool is_empty(const struct batch *batch)
{
    size_t count;
    (void)core_actions_all(batch->actions, &count);
    return count == 0 && !batch->identity;
}

static bool needs_disk(const struct batch *batch)
{
    bool database, licence;
    needs(batch, &database, &licence);
    return database;
}

/* While a commit is under way the steps that arrive gather for the next. */
void host_commit(struct host *host)
{
    struct batch *batch = host->open;
    uint64_t chance = host_chance(host, 'c');
    if (host->flying != NULL || host->acting || is_empty(batch))
        return;
    host->flying = batch;
    host->open = batch == &host->batches[0] ? &host->batches[1] : &host->batches[0];
    take_picture(host, batch);
    if (host->failures > 0 && !host->retrying) { /* only a whole copy may be written now */
        host->identity_lost |= batch->identity;
        carry_out(host, false);
        return;
    }
    if (host->around.mistake == MISTAKE_SENT_BEFORE_DURABLE && host->steps % 10 == 0) {
        carry_out(host, true);
        return;
    }
    if (host->traits->commit_ms == 0 || !needs_disk(batch)) {
        host_landed(host);
        return;
    }
    int64_t wait_ms = 1 + chance_below(&chance, (unsigned)host->traits->commit_ms);
    heap_push(host->around.heap, (struct moment){.at_ms = *host->around.true_ms + wait_ms,
                                                 .type = MOMENT_LANDED,
                                                 .host = host->number,
                                                 .what = host->life});
}

void host_retry_store(struct host *host)
{
    if (host->flying != NULL) {
        heap_push(host->around.heap, (struct moment){.at_ms = *host->around.true_ms + RETRY_FIRST_MS,
                                                     .type = MOMENT_RETRY,
                                                     .host = host->number,
                                                     .what = host->life});
        return;
    }
    if (core_snapshot(host->core, host->open->actions) < 0)
        witness_fail(host->around.witness, CHECK_STEPS, host->number, "no copy of the state can be made");
    host->open->identity |= host->identity_lost;
    host->open->whole = host->retrying = true;
    host_commit(host);
}

bool host_is_quiet(const struct host *host)
{
    return host->flying == NULL && !host->acting && is_empty(host->open);
}
