#include "world.h"

#include "host.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HEAL_MS   (28 * HOUR_MS) /* event time that ran ahead is caught up with in a day */
#define ENDING_MS (HOUR_MS)      /* a few reports more */

struct world {
    const struct plan *plan;
    struct witness witness;
    int64_t now_ms;
    struct heap heap;
    struct network network;
    struct model_authority authority;
    struct host *hosts;
    world_arrival_fn *arrival; /* NULL: nobody is told */
    void *arrival_data;
};

/* ---- what the plan brings ------------------------------------------------------------------------------ */

static void jump(struct host *host, int64_t error_ms)
{
    if (!host->powered || host->machine.wall_error_ms == error_ms)
        return;
    bool years = llabs(error_ms - host->machine.wall_error_ms) >= YEAR_MS;
    host->machine.wall_error_ms = error_ms;
    witness_note(host->around.witness, HAPPENED_WALL_JUMP);
    if (years)
        witness_note(host->around.witness, HAPPENED_WALL_JUMP_YEARS);
}

static void reboot(struct host *host, const struct item *item, bool copied)
{
    if (!host->powered)
        return;
    int64_t error_ms = copied ? 0 : item->b;
    witness_note(host->around.witness, error_ms != 0 ? HAPPENED_REBOOT_WRONG_CLOCK : HAPPENED_REBOOT);
    host->machine.number += copied;
    host_power_off(host, item->a, error_ms);
}

static void arm_crash(struct host *host, const struct item *item)
{
    host->crash_armed[item->a] = true;
    host->crash_pause_ms = item->b;
}

static void happen_to_host(struct host *host, const struct item *item)
{
    switch ((enum item_type)item->type) {
    case ITEM_ARRIVE:
        host_arrive(host, item->a, item->b);
        break;
    case ITEM_LEAVE:
        host_leave(host, item->a);
        break;
    case ITEM_DISCONNECT:
        host_change_state(host, item->a, CONNECTION_DISCONNECTED);
        break;
    case ITEM_RECONNECT:
        host_change_state(host, item->a, CONNECTION_ACTIVE);
        break;
    case ITEM_ACTIVATE:
        host_want(host, MESSAGE_ACTIVATE, (int)item->a, item->b != 0);
        break;
    case ITEM_RELEASE:
        host_want(host, MESSAGE_RELEASE, PLAN_TRIAL, false);
        break;
    case ITEM_REPORT_NOW:
        if (host_runs(host) && host->ready)
            host_report_now(host);
        break;
    case ITEM_RELOAD:
        host_reload(host, item->a, (unsigned)item->b);
        break;
    case ITEM_CRASH:
        arm_crash(host, item);
        break;
    case ITEM_REBOOT:
    case ITEM_COPY:
        reboot(host, item, item->type == ITEM_COPY);
        break;
    case ITEM_SUSPEND:
        host_suspend(host, item->a, item->b);
        break;
    case ITEM_WALL_JUMP:
        jump(host, item->a);
        break;
    case ITEM_STORE_FAILS:
        host->store_fails_ms = item->at_ms + item->a;
        break;
    default:
        break;
    }
}

static void happen_to_link(struct link *link, const struct item *item)
{
    switch ((enum item_type)item->type) {
    case ITEM_PARTITION:
        link->partition_ms = item->at_ms + item->a;
        break;
    case ITEM_PORTAL:
        link->portal_ms = item->at_ms + item->a;
        link->retry_after_ms = item->b;
        break;
    case ITEM_WEATHER:
        link->weather_ms = item->at_ms + item->a;
        link->lost = (unsigned)item->b % 256;
        link->late = (unsigned)item->b / 256 % 256;
        link->twice = (unsigned)item->b / 65536;
        break;
    case ITEM_OLD_ANSWERS:
        link->old_answers_ms = item->at_ms + item->a;
        break;
    default:
        break;
    }
}

static void happen_to_authority(struct world *world, const struct item *item)
{
    struct model_authority *authority = &world->authority;
    switch ((enum item_type)item->type) {
    case ITEM_PURCHASE:
        model_authority_purchase(authority, (unsigned)item->a, (uint32_t)item->b);
        break;
    case ITEM_QUOTA:
        model_authority_limit(authority, (unsigned)item->a, (uint32_t)item->b);
        break;
    case ITEM_RENEW:
        model_authority_renew(authority, (unsigned)item->a, item->b);
        break;
    case ITEM_DEACTIVATE:
        model_authority_deactivate(authority, (unsigned)item->a);
        break;
    case ITEM_AUTHORITY_DIES:
        world->network.authority_dead_ms = item->at_ms + item->a;
        if (item->a > 7 * DAY_MS)
            witness_note(&world->witness, HAPPENED_AUTHORITY_WEEKS);
        break;
    case ITEM_AUTHORITY_CLOCK:
        authority->clock_error_ms = item->a;
        if (item->a != 0)
            witness_note(&world->witness, HAPPENED_AUTHORITY_CLOCK);
        break;
    default:
        break;
    }
}

static void happen(struct world *world, const struct item *item)
{
    happen_to_authority(world, item);
    if (item->host == PLAN_EVERYBODY)
        return;
    happen_to_host(&world->hosts[item->host], item);
    happen_to_link(&world->network.links[item->host], item);
}

/* ---- what follows in time ------------------------------------------------------------------------------ */

/* A sleeping machine finds it on waking. */
static bool put_off(struct world *world, struct host *host, struct moment *moment)
{
    if (!host_sleeps(host) || moment->type == MOMENT_POWER_ON)
        return false;
    moment->at_ms = host->asleep_ms;
    if (moment->type == MOMENT_WAKE) {
        moment->at_ms += host->late_ms;
        host->wake_ms = moment->at_ms;
    }
    if (moment->type == MOMENT_WAKE && host->late_ms > 0)
        witness_note(&world->witness, HAPPENED_LATE_TIMER);
    heap_push(&world->heap, *moment);
    host->overslept = true;
    return true;
}

/* Another has been set since. */
static bool is_stale(const struct host *host, const struct moment *moment)
{
    return moment->type == MOMENT_WAKE && (moment->what != host->life || moment->at_ms != host->wake_ms);
}

static void take_moment(struct host *host, const struct moment *moment)
{
    bool same_life = moment->what == host->life && host->core != NULL;
    switch (moment->type) {
    case MOMENT_WAKE:
        if (same_life)
            host_wake(host);
        break;
    case MOMENT_LANDED:
        if (same_life && host->flying != NULL) {
            host_landed(host);
            if (host->core != NULL)
                host_arm(host);
        }
        break;
    case MOMENT_RETRY:
        if (same_life)
            host_retry_store(host);
        break;
    case MOMENT_PROCESS:
        if (moment->what == host->life)
            host_start(host);
        break;
    case MOMENT_READY:
        if (same_life)
            host_ready(host);
        break;
    case MOMENT_POWER_ON:
        host_power_on(host, (int64_t)moment->what);
        break;
    case MOMENT_RESUME:
        if (moment->what == host->machine.boots && host->powered && host->asleep_ms != 0)
            host_resume(host);
        break;
    case MOMENT_CLOCK_RIGHT:
        if (moment->what == host->life)
            jump(host, 0);
        break;
    case MOMENT_ANSWER:
        if (host_runs(host))
            host_answer(host, moment->message);
        break;
    case MOMENT_ERRAND:
        host_try_errand(host);
        break;
    case MOMENT_REQUEST:
        break;
    }
}

static void check_gate_file(struct world *world, struct host *host)
{
    if (host->core == NULL || !host->ready || !host_is_quiet(host))
        return;
    enum verdict_reason due = judge_verdict(&host->judge, false), before = judge_verdict(&host->judge, true);
    if (host->shown != due && host->shown != before)
        witness_fail(&world->witness, CHECK_GATE_FILE, host->number, "the gate shows %s, decided was %s",
                     verdict_reason_name(host->shown), verdict_reason_name(due));
}

static void pass_moment(struct world *world, struct moment *moment)
{
    struct host *host = &world->hosts[moment->host];
    if (moment->type == MOMENT_REQUEST) {
        const struct message *message = moment->message;
        if (world->arrival != NULL && message->type == MESSAGE_REPORT)
            world->arrival(world->arrival_data, message->host, world->now_ms);
        network_arrive(&world->network, &world->authority, moment->message);
        return;
    }
    if (is_stale(host, moment) || put_off(world, host, moment))
        return;
    take_moment(host, moment);
    free(moment->message);
    check_gate_file(world, host);
}

/* ---- the run ------------------------------------------------------------------------------------------- */

static void run_until(struct world *world, int64_t until_ms)
{
    while (world->witness.failed == CHECK_NONE) {
        const struct moment *first = heap_first(&world->heap);
        if (first == NULL || first->at_ms >= until_ms)
            break;
        struct moment moment = heap_pop(&world->heap);
        world->now_ms = moment.at_ms;
        pass_moment(world, &moment);
    }
    if (world->witness.failed == CHECK_NONE)
        world->now_ms = until_ms;
}

static void on_judged(void *data, const struct model_farm_account *farm, const struct window *window,
                      bool accepted, bool repeated)
{
    struct world *world = data;
    struct host *host = &world->hosts[farm->host];
    ledger_judged(&host->ledger, host_farm(host, farm->farm_id), window, accepted, repeated);
}

/* Hosts to which nothing happens stay out of it, as most do when a run is shrunk. */
static void power_on(struct world *world)
{
    const struct plan *plan = world->plan;
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->items[i].host != PLAN_EVERYBODY)
            world->hosts[plan->items[i].host].concerned = true;
    }
    for (unsigned i = 0; i < plan->host_count; i++) {
        if (world->hosts[i].concerned)
            host_power_on(&world->hosts[i], plan->hosts[i].wall_error_ms);
    }
}

static void begin(struct world *world, const struct plan *plan, enum mistake mistake, int traced)
{
    *world = (struct world){.plan = plan, .now_ms = plan->begin_ms};
    world->witness.true_ms = &world->now_ms;
    world->network.witness = &world->witness;
    world->network.heap = &world->heap;
    world->network.true_ms = &world->now_ms;
    world->network.seed = plan->seed;
    model_authority_init(&world->authority, plan, &world->witness, &world->now_ms);
    world->authority.counts_twice = mistake == MISTAKE_AUTHORITY_COUNTS_TWICE;
    world->authority.forgets = mistake == MISTAKE_AUTHORITY_FORGETS;
    world->authority.impatient = mistake == MISTAKE_AUTHORITY_IMPATIENT;
    world->authority.judged = on_judged;
    world->authority.judged_data = world;
    world->hosts = calloc(plan->host_count, sizeof(*world->hosts));
    if (world->hosts == NULL)
        abort();
    struct surroundings around = {.true_ms = &world->now_ms,
                                  .seed = plan->seed,
                                  .mistake = mistake,
                                  .heap = &world->heap,
                                  .witness = &world->witness,
                                  .network = &world->network,
                                  .traced = traced};
    for (unsigned i = 0; i < plan->host_count; i++)
        host_init(&world->hosts[i], i, plan, &around);
    power_on(world);
}

/* Every fault ends; machines run with the right time, and nobody comes any more. */
static void heal(struct world *world)
{
    if (world->witness.failed != CHECK_NONE)
        return;
    network_heal(&world->network);
    world->authority.clock_error_ms = 0;
    for (unsigned i = 0; i < world->plan->host_count; i++) {
        struct host *host = &world->hosts[i];
        if (host->asleep_ms != 0)
            host_resume(host);
        host->late_ms = host->store_fails_ms = 0;
        memset(host->crash_armed, 0, sizeof(host->crash_armed));
        if (host->concerned)
            host_power_on(host, 0);
        jump(host, 0);
    }
}

/* ---- the books ----------------------------------------------------------------------------------------- */

/* What was closed some reports ago has to be there by now. */
static void draw_line(struct world *world)
{
    for (unsigned i = 0; i < world->plan->host_count; i++)
        ledger_draw_line(&world->hosts[i].ledger);
}

static void close_books(struct world *world)
{
    for (unsigned i = 0; i < world->plan->host_count; i++) {
        struct host *host = &world->hosts[i];
        if (host->concerned && (host->core == NULL || !host->ready))
            witness_fail(&world->witness, CHECK_STEPS, i, "healed, and no agent runs");
        else
            ledger_check_healed(&host->ledger);
    }
    for (size_t i = 0; i < world->authority.farm_count; i++) {
        const struct model_farm_account *farm = &world->authority.farms[i];
        struct host *host = &world->hosts[farm->host];
        int number = host_farm(host, farm->farm_id);
        if (number != LEDGER_NO_FARM)
            ledger_check_account(&host->ledger, number, farm->windows_counted, farm->users_counted);
    }
}

static bool had_wrong_clocks(const struct plan *plan)
{
    return plan_has(plan, ITEM_REBOOT) || plan_has(plan, ITEM_AUTHORITY_CLOCK) ||
           plan_has(plan, ITEM_WALL_JUMP);
}

static void check_refusals(struct world *world)
{
    uint64_t refused = world->witness.happened[HAPPENED_WINDOW_REFUSED];
    if (refused > 0 && !had_wrong_clocks(world->plan))
        witness_fail(&world->witness, CHECK_REFUSED_FOR_A_REASON, 0, "%" PRIu64 " windows were refused",
                     refused);
}

static void end(struct world *world, struct outcome *ret)
{
    *ret = (struct outcome){.witness = world->witness};
    ret->witness.true_ms = NULL;
    for (unsigned i = 0; i < world->plan->host_count; i++) {
        ret->steps += world->hosts[i].steps;
        if (world->hosts[i].concerned)
            ret->host_days += (uint64_t)((world->now_ms - world->plan->begin_ms) / DAY_MS);
        host_finish(&world->hosts[i]);
    }
    free(world->hosts);
    heap_finish(&world->heap);
    model_authority_finish(&world->authority);
}

static void run(struct world *world, struct outcome *ret)
{
    const struct plan *plan = world->plan;
    const enum check *failed = &world->witness.failed;
    for (size_t i = 0; i < plan->count && *failed == CHECK_NONE; i++) {
        run_until(world, plan->items[i].at_ms);
        if (*failed == CHECK_NONE)
            happen(world, &plan->items[i]);
    }
    run_until(world, plan->end_ms);
    heal(world);
    run_until(world, plan->end_ms + HEAL_MS);
    draw_line(world);
    run_until(world, plan->end_ms + HEAL_MS + ENDING_MS);
    if (*failed == CHECK_NONE)
        close_books(world);
    if (*failed == CHECK_NONE)
        check_refusals(world);
    end(world, ret);
}

void world_run(const struct plan *plan, enum mistake mistake, struct outcome *ret)
{
    struct world world;
    begin(&world, plan, mistake, -1);
    run(&world, ret);
}

void world_run_traced(const struct plan *plan, enum mistake mistake, unsigned host, struct outcome *ret)
{
    struct world world;
    begin(&world, plan, mistake, (int)host);
    run(&world, ret);
}

void world_run_watched(const struct plan *plan, bool in_step, world_arrival_fn *arrival, void *data,
                       struct outcome *ret)
{
    struct world world;
    begin(&world, plan, MISTAKE_NONE, -1);
    world.authority.in_step = in_step;
    world.arrival = arrival;
    world.arrival_data = data;
    run(&world, ret);
}
