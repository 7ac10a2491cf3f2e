#include "host.h"

#include <stdlib.h>
#include <string.h>

#define FAR_MS HOUR_MS

int host_farm(const struct host *host, const char *farm_id)
{
    for (unsigned i = 0; i < host->farm_count; i++) {
        if (strcmp(host->farms[i], farm_id) == 0)
            return (int)i;
    }
    return LEDGER_NO_FARM;
}

static int know_farm(struct host *host, const char *farm_id)
{
    int farm = host_farm(host, farm_id);
    if (farm != LEDGER_NO_FARM)
        return farm;
    if (host->farm_count == LEDGER_FARMS_MAX)
        abort();
    memcpy(host->farms[host->farm_count], farm_id, strlen(farm_id) + 1);
    return (int)host->farm_count++;
}

/* ---- what the watchers are told ------------------------------------------------------------------------ */

static void move(struct host *host, struct step *step, int64_t now_ms, bool inclusive)
{
    ledger_move(&host->ledger, now_ms, &step->closed);
    judge_move(&host->judge, now_ms, inclusive, host->around.witness);
    step->inclusive = inclusive;
}

static void note_correction(struct host *host, int64_t before_ms, int64_t now_ms)
{
    if (now_ms < before_ms - REPORTER_REST_MS)
        host->cycle_sent = host->cycle_done = INT64_MIN; /* that time comes again */
    if (now_ms < before_ms - FAR_MS)
        witness_note(host->around.witness, HAPPENED_CORRECTED_BACK);
    if (now_ms < before_ms - DAY_MS)
        witness_note(host->around.witness, HAPPENED_CORRECTED_FAR_BACK);
    if (now_ms > before_ms + FAR_MS)
        witness_note(host->around.witness, HAPPENED_CORRECTED_FORWARD);
}

static void entitle(struct host *host, struct step *step, const struct grant *grant, bool activation)
{
    int farm = know_farm(host, grant->farm_id);
    enum activation_state before = host->judge.activation;
    note_correction(host, step->now_ms, grant->issued_at_ms);
    judge_entitled(&host->judge, farm, host_phase(grant->farm_id), grant, activation, host->around.witness);
    ledger_move(&host->ledger, grant->issued_at_ms, &step->closed);
    licence_time_set(&host->time, &host->machine, grant->issued_at_ms);
    step->inclusive = true;
    if (before == ACTIVATION_ACTIVE && host->judge.activation == ACTIVATION_REVOKED)
        witness_note(host->around.witness, HAPPENED_REVOKED);
}

/* Windows that close before the activation are not the new farm's. */
static void follow_activation(struct host *host, struct step *step)
{
    const struct grant *grant = step->event->activated.grant;
    int farm = know_farm(host, grant->farm_id);
    bool accepted = judge_accepts(&host->judge, farm, grant);
    if (accepted && farm != host->ledger.now.farm)
        ledger_number_for(&host->ledger, LEDGER_NO_FARM);
    move(host, step, step->now_ms, false);
    if (accepted != (step->code == 0))
        witness_fail(host->around.witness, CHECK_GATE, host->number, "an activation was %s wrongly",
                     accepted ? "refused" : "taken");
    host->failures_in_row = 0;
    if (!accepted)
        return;
    entitle(host, step, grant, true);
    ledger_number_for(&host->ledger, farm);
}

static void follow_entitlement(struct host *host, struct step *step)
{
    const struct grant *grant = host->meant != NULL ? host->meant : step->event->grant;
    bool ours = strcmp(grant->farm_id, host->identity.farm_id) == 0 &&
                strcmp(grant->installation_id, host->identity.installation_id) == 0;
    bool accepted = ours && host->ledger.now.farm != LEDGER_NO_FARM &&
                    judge_accepts(&host->judge, host_farm(host, grant->farm_id), grant);
    move(host, step, step->now_ms, false);
    if (accepted != (step->code == 0))
        witness_fail(host->around.witness, CHECK_GATE, host->number, "an entitlement was %s wrongly",
                     accepted ? "refused" : "taken");
    if (accepted)
        entitle(host, step, grant, false);
}

static void follow_boot(struct host *host)
{
    struct ledger_state *now = &host->ledger.now;
    if (now->boots != 0 && now->boots != host->machine.boots)
        now->known.count = 0;
    now->boots = host->machine.boots;
}

static void follow_event(struct host *host, struct step *step)
{
    struct witness *witness = host->around.witness;
    switch (step->event->type) {
    case EVENT_ACTIVATED:
        follow_activation(host, step);
        return;
    case EVENT_ENTITLEMENT:
        follow_entitlement(host, step);
        return;
    default:
        move(host, step, step->now_ms,
             step->event->type == EVENT_TIMER || step->event->type == EVENT_STARTED);
        break;
    }
    switch (step->event->type) {
    case EVENT_STARTED:
        judge_started(&host->judge, witness);
        break;
    case EVENT_HOST_BOOTED:
        follow_boot(host);
        break;
    case EVENT_HOST_SET:
        people_copy(&host->ledger.now.known, &host->truth);
        break;
    case EVENT_SETTINGS:
        host->ledger.now.count_disconnected = step->event->settings->tally.count_disconnected;
        break;
    case EVENT_RELEASED:
        judge_released(&host->judge);
        ledger_number_for(&host->ledger, LEDGER_NO_FARM);
        break;
    case EVENT_COPIED:
        judge_copied(&host->judge);
        ledger_number_for(&host->ledger, LEDGER_NO_FARM);
        break;
    default:
        break;
    }
}

/* What a step acknowledged leaves the queue; what it dropped does too. */
static void follow_queue(struct host *host, const struct step *step)
{
    int farm = host_farm(host, host->report_farm);
    for (size_t i = 0; i < step->closed.count; i++) {
        const struct persist *persist = &step->closed.actions[i].persist;
        bool aside = persist->type == PERSIST_SET_ASIDE;
        if (step->closed.actions[i].type != ACTION_PERSIST ||
            (!aside && persist->type != PERSIST_ACKNOWLEDGED))
            continue;
        uint64_t sequence = persist->acknowledged.sequence;
        if (aside && step->event->type != EVENT_REPORT_ACCEPTED) {
            ledger_dropped(&host->ledger, sequence);
            continue;
        }
        for (size_t at = 0; at < host->flight_count; at++) {
            uint64_t sent = host->flight[at];
            if (sent == 0 || (aside ? sent != sequence : sent > sequence))
                continue;
            ledger_acknowledged(&host->ledger, farm, sent);
            host->flight[at] = 0;
        }
    }
}

void host_follow(struct host *host, struct step *step)
{
    const struct core_settings *settings = step->event->settings;
    follow_event(host, step);
    ledger_step_over(&host->ledger, &step->closed);
    follow_queue(host, step);
    struct people_level level = ledger_observe(&host->ledger);
    judge_users(&host->judge, level.users, host->around.witness);
    if (step->event->type != EVENT_SETTINGS)
        return;
    host->judge.spare_grace = settings->spare_grace;
    host->judge.strict = settings->strict;
    judge_settings(&host->judge, settings->overuse_settle_ms, host->around.witness);
}
