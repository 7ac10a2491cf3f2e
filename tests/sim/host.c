#include "host.h"

#include "tests/property/chance.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEASE_MS       DAY_MS
#define ENUMERATION_MS 3000
#define PROCESS_MS     500              /* from power to the agent */
#define CLOCK_RIGHT_MS (20 * MINUTE_MS) /* until the network has put a wrong clock right, at most */

void host_init(struct host *host, unsigned number, const struct plan *plan, const struct surroundings *around)
{
    memset(host, 0, sizeof(*host));
    host->number = number;
    host->traits = &plan->hosts[number];
    host->around = *around;
    host->machine = (struct machine){.true_ms = around->true_ms,
                                     .drift_ppm = host->traits->drift_ppm,
                                     .number = 1,
                                     .forgets_sleep = around->mistake == MISTAKE_CLOCK_WITHOUT_SLEEP,
                                     .follows_wall = around->mistake == MISTAKE_CLOCK_FOLLOWS_WALL};
    (void)snprintf(host->name, sizeof(host->name), "h%u", number);
    (void)snprintf(host->store.identity.installation_id, GRANT_ID_BYTES_MAX, "inst-%u-0", number);
    host->store.loses_windows = around->mistake == MISTAKE_STORE_LOSES_WINDOW;
    host->store.keeps_old_marks = around->mistake == MISTAKE_STORE_KEEPS_OLD_MARKS;
    host->store.accepts_older = around->mistake == MISTAKE_STORE_ACCEPTS_OLDER;
    for (size_t i = 0; i < 2; i++) {
        host->batches[i].actions = core_actions_create();
        if (host->batches[i].actions == NULL)
            abort();
    }
    host->open = &host->batches[0];
    host->wake_ms = INT64_MAX;
    host->shown = VERDICT_OPEN;
    host->settings = (struct core_settings){
        .tally = {.count_disconnected = (host->traits->flags & PLAN_COUNT_DISCONNECTED) != 0,
                  .routes_counted = ROUTES_COUNTED_DEFAULT},
        .api_lease_ms = LEASE_MS,
        .overuse_settle_ms = host->traits->settle_ms,
        .spare_grace = (host->traits->flags & PLAN_SPARE_GRACE) != 0,
        .strict = (host->traits->flags & PLAN_STRICT) != 0,
    };
    judge_init(&host->judge_kept, host->traits->settle_ms);
    ledger_init(&host->ledger, number, host->settings.tally.count_disconnected, around->witness);
    ledger_state_copy(&host->ledger_kept, &host->ledger.now);
}

void host_finish(struct host *host)
{
    core_destroy(host->core);
    core_actions_destroy(host->batches[0].actions);
    core_actions_destroy(host->batches[1].actions);
    model_store_finish(&host->store);
    ledger_finish(&host->ledger);
}

uint64_t host_chance(const struct host *host, unsigned what_for)
{
    uint64_t chance = host->around.seed ^ (uint64_t)*host->around.true_ms ^ (uint64_t)host->number << 44 ^
                      (uint64_t)what_for << 56;
    (void)chance_next(&chance);
    return chance;
}

static void expect(struct host *host, enum moment_type type, int64_t after_ms)
{
    heap_push(host->around.heap, (struct moment){.at_ms = *host->around.true_ms + after_ms,
                                                 .type = type,
                                                 .host = host->number,
                                                 .what = host->life});
}

/* ---- power and sleep ----------------------------------------------------------------------------------- */

void host_power_on(struct host *host, int64_t wall_error_ms)
{
    uint64_t chance = host_chance(host, 'p');
    if (host->powered)
        return;
    machine_boot(&host->machine, wall_error_ms);
    host->powered = true;
    host->shown = VERDICT_OPEN; /* /run is empty */
    if (wall_error_ms != 0)
        expect(host, MOMENT_CLOCK_RIGHT, chance_below(&chance, (unsigned)CLOCK_RIGHT_MS));
    expect(host, MOMENT_PROCESS, PROCESS_MS);
}

static void forget_process(struct host *host)
{
    core_destroy(host->core);
    host->core = NULL;
    host->life++;
    for (size_t i = 0; i < 2; i++) {
        core_actions_clear(host->batches[i].actions);
        host->batches[i].identity = host->batches[i].errand = host->batches[i].whole = false;
        host->batches[i].former.token = 0;
    }
    host->flying = NULL;
    host->acting = host->ready = false;
    host->retrying = host->report_waits = host->identity_lost = false;
    host->failures = 0;
    host->report_number = 0;
    host->errand.number = 0;
    host->wake_ms = INT64_MAX;
}

void host_power_off(struct host *host, int64_t for_ms, int64_t wall_error_ms)
{
    if (!host->powered)
        return;
    forget_process(host);
    host->powered = false;
    host->asleep_ms = 0;
    host->late_ms = 0;
    host->truth.count = 0;
    heap_push(host->around.heap, (struct moment){.at_ms = *host->around.true_ms + for_ms,
                                                 .type = MOMENT_POWER_ON,
                                                 .host = host->number,
                                                 .what = (uint64_t)wall_error_ms});
}

void host_die(struct host *host, int64_t pause_ms)
{
    forget_process(host);
    expect(host, MOMENT_PROCESS, pause_ms);
}

void host_suspend(struct host *host, int64_t for_ms, int64_t late_ms)
{
    if (!host->powered || host_sleeps(host))
        return;
    host->asleep_ms = *host->around.true_ms + for_ms;
    host->machine.slept_ms += for_ms;
    host->late_ms = late_ms;
    witness_note(host->around.witness, HAPPENED_SUSPEND);
    heap_push(host->around.heap, (struct moment){.at_ms = host->asleep_ms,
                                                 .type = MOMENT_RESUME,
                                                 .host = host->number,
                                                 .what = host->machine.boots});
}

/* ---- start --------------------------------------------------------------------------------------------- */

/* A farm with a token reports if it is activated, or if its entitlement was lost in a crash between the
 * files: the next report brings that again. */
static bool will_report(const struct host *host, int farm)
{
    const struct judge *judge = &host->judge;
    return host->identity.token != 0 && !judge->copied &&
           (judge->activation != ACTIVATION_NONE || judge->usage.farm != farm);
}

static void start_watching(struct host *host, const struct core_saved *saved)
{
    const struct model_identity *identity = &host->identity;
    int farm = identity->token != 0 ? host_farm(host, identity->farm_id) : LEDGER_NO_FARM;
    int64_t now_ms = licence_time_now(&host->time, &host->machine);
    host->judge = host->judge_kept;
    judge_restart(&host->judge, farm, identity->token != 0,
                  people_count(&host->ledger_kept.known, host->ledger_kept.count_disconnected).users, now_ms);
    ledger_restart(&host->ledger, &host->ledger_kept, will_report(host, farm) ? farm : LEDGER_NO_FARM, farm,
                   saved, now_ms);
    host->cycle_sent = host->cycle_done = INT64_MIN;
    host->was_exceeding = host->judge.exceeding_ms != JUDGE_NEVER;
    host->was_over = host->judge.usage.over;
    host->exceeding_farm = host->judge.usage.farm;
    host->exceeding_moved_ms = host->was_exceeding ? host->judge.exceeding_ms : now_ms;
    host->ledger.now.count_disconnected = host->settings.tally.count_disconnected;
    host->judge.settle_ms = host->settings.overuse_settle_ms;
    host->judge.spare_grace = host->settings.spare_grace;
    host->judge.strict = host->settings.strict;
}

static void check_machine(struct host *host)
{
    struct core_event copied = {.type = EVENT_COPIED};
    if (host->identity.machine == 0) {
        host->identity.machine = host->machine.number;
        host->open->identity = true;
    } else if (host->identity.machine != host->machine.number) {
        witness_note(host->around.witness, HAPPENED_COPIED);
        (void)host_step(host, &copied);
    }
}

void host_start(struct host *host)
{
    struct model_arrays arrays;
    struct core_saved saved;
    char boot_id[CLOCK_BOOT_ID_BYTES];
    uint64_t chance = host_chance(host, 's');
    if (!host->powered || host->core != NULL)
        return;
    machine_boot_id(&host->machine, boot_id);
    host->identity = host->store.identity;
    clock_start(&host->clock, &host->store.licence.clock, boot_id, machine_read, &host->machine);
    host->time = licence_time_again(&host->time_kept, &host->machine);
    model_store_load(&host->store, machine_wall_ms(&host->machine), &arrays, &saved);
    host->settings.seed = chance_next(&chance);
    host->core = core_create(&host->settings);
    if (host->core == NULL)
        abort();
    int code = core_restore(host->core, &saved, clock_now_ms(&host->clock));
    if (code < 0)
        witness_fail(host->around.witness, CHECK_STEPS, host->number, "what was stored is refused: %s",
                     core_error_text(code));
    start_watching(host, &saved);
    free(arrays.unsent);
    check_machine(host);
    struct core_event booted = {.type = EVENT_HOST_BOOTED,
                                .booted = {.host = host->name, .boot_id = boot_id}};
    (void)host_step(host, &booted);
    if (host->core != NULL)
        expect(host, MOMENT_READY, chance_below(&chance, ENUMERATION_MS));
}

static void tell_sessions(struct host *host)
{
    struct people_names names;
    struct connection connections[PEOPLE_MAX];
    struct core_event event = {
        .type = EVENT_HOST_SET,
        .set = {.host = host->name, .connections = connections, .count = host->truth.count}};
    people_tell(&host->truth, host->name, &names, connections);
    if (host->around.mistake == MISTAKE_ADMINISTRATOR_NOT_TOLD && host->truth.count > 0)
        connections[0].administrator = ADMINISTRATOR_NO;
    (void)host_step(host, &event);
}

void host_ready(struct host *host)
{
    struct core_event started = {.type = EVENT_STARTED};
    tell_sessions(host);
    if (host->core == NULL) /* crashed meanwhile */
        return;
    host->ready = true;
    (void)host_step(host, &started);
    host_try_errand(host);
}

void host_reload(struct host *host, int64_t settle_ms, unsigned flags)
{
    if (!host_runs(host) || !host->ready)
        return;
    host->settings.overuse_settle_ms = settle_ms;
    host->settings.spare_grace = (flags & PLAN_SPARE_GRACE) != 0;
    host->settings.strict = (flags & PLAN_STRICT) != 0;
    host->settings.tally.count_disconnected = (flags & PLAN_COUNT_DISCONNECTED) != 0;
    struct core_event event = {.type = EVENT_SETTINGS, .settings = &host->settings};
    witness_note(host->around.witness, HAPPENED_RELOADED);
    (void)host_step(host, &event);
}

/* ---- who comes and goes -------------------------------------------------------------------------------- */

void host_arrive(struct host *host, int64_t number, int64_t who)
{
    unsigned person = (unsigned)who % 256, kind = (unsigned)who / 256 % 4, route = (unsigned)who / 1024;
    int64_t wall_ms = machine_wall_ms(&host->machine);
    struct session session = {.number = number,
                              .connected_at_ms = wall_ms > 0 ? wall_ms : 1,
                              .person = (uint8_t)person,
                              .kind = (uint8_t)kind,
                              .route = (uint8_t)route,
                              .state = CONNECTION_ACTIVE,
                              .administrator = person < host->traits->administrators};
    if (!host->powered || host_sleeps(host))
        return;
    bool guarded = host->traits->guarded && host->ready && route != ROUTE_CONSOLE && route != ROUTE_SSH;
    bool admitted = !host->ready || host_admits(host, person, kind);
    if (guarded && !admitted)
        return;
    if (people_add(&host->truth, &session) && host->ready)
        tell_sessions(host);
}

/* Who was to leave in the night leaves now. */
void host_resume(struct host *host)
{
    host->asleep_ms = 0;
    for (size_t i = host->truth.count; i > 0; i--) {
        if (host->truth.sessions[i - 1].leaves)
            people_remove(&host->truth, host->truth.sessions[i - 1].number);
    }
    if (host->core != NULL && host->ready)
        tell_sessions(host);
}

void host_leave(struct host *host, int64_t number)
{
    struct session *session = people_find(&host->truth, number);
    if (session == NULL)
        return;
    if (host_sleeps(host)) {
        session->leaves = true;
        return;
    }
    people_remove(&host->truth, number);
    bool told = host->around.mistake != MISTAKE_SESSION_NOT_TOLD || number % 20 != 0;
    if (host_runs(host) && host->ready && told)
        tell_sessions(host);
}

void host_change_state(struct host *host, int64_t number, enum connection_state state)
{
    struct session *session = people_find(&host->truth, number);
    if (session == NULL || session->state == state || host_sleeps(host))
        return;
    session->state = (uint8_t)state;
    if (host_runs(host) && host->ready)
        tell_sessions(host);
}
