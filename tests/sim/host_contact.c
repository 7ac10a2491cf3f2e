#include "host.h"

#include "tests/property/chance.h"

#include <stdio.h>
#include <string.h>

#define ERRAND_TRIES   40
#define ERRAND_WAIT_MS (10 * MINUTE_MS)

/* FNV-1a, 64 bits. */
int64_t host_phase(const char *farm_id)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *at = farm_id; *at != '\0'; at++) {
        hash ^= (unsigned char)*at;
        hash *= UINT64_C(1099511628211);
    }
    return (int64_t)(hash % (uint64_t)(20 * MINUTE_MS));
}

/* ---- reports ------------------------------------------------------------------------------------------- */

void host_report(struct host *host)
{
    size_t count;
    const struct window *windows = core_report_batch(host->core, &count);
    struct message *message = message_create(MESSAGE_REPORT, host->number, ++host->messages, windows, count);
    ledger_sent(&host->ledger, windows, count);
    memcpy(message->farm_id, host->identity.farm_id, sizeof(message->farm_id));
    message->token = host->identity.token;
    memcpy(host->report_farm, host->identity.farm_id, sizeof(host->report_farm));
    host->report_number = message->number;
    host->flight_count = count;
    for (size_t i = 0; i < count; i++)
        host->flight[i] = windows[i].sequence;
    network_send(host->around.network, message);
}

static void report_failed(struct host *host, bool refused, int64_t retry_after_ms)
{
    host->retry_after_ms = retry_after_ms;
    struct core_event event = {
        .type = EVENT_REPORT_FAILED,
        .failed = {.refused = refused, .retry_after_ms = retry_after_ms, .detail = "not answered"}};
    if (host->around.mistake == MISTAKE_RETRY_AFTER_IGNORED)
        event.failed.retry_after_ms = -1;
    if (refused && host->around.mistake == MISTAKE_REFUSAL_BELIEVED)
        event = (struct core_event){.type = EVENT_REPORT_ACCEPTED, .accepted = {.through = UINT64_MAX}};
    (void)host_step(host, &event);
}

static void take_report_answer(struct host *host, const struct message *message)
{
    const struct model_answer *answer = &message->answer;
    struct core_refused_window refused[REPORTER_BATCH_MAX];
    struct grant grant = answer->grant;
    if (host->around.mistake == MISTAKE_LIMIT_KEPT_BACK && host->judge.activation != ACTIVATION_NONE)
        grant.limit = host->judge.limit;
    host->meant = &answer->grant;
    struct core_event entitlement = {.type = EVENT_ENTITLEMENT, .grant = &grant};
    int code = host_step(host, &entitlement);
    host->meant = NULL;
    if (host->core == NULL)
        return;
    if (code < 0) { /* whose entitlement does not hold is believed nothing else either */
        report_failed(host, true, -1);
        return;
    }
    for (size_t i = 0; i < answer->refused_count; i++)
        refused[i] = (struct core_refused_window){.sequence = answer->refused[i], .reason = "refused"};
    struct core_event accepted = {
        .type = EVENT_REPORT_ACCEPTED,
        .accepted = {.through = answer->through, .refused = refused, .refused_count = answer->refused_count}};
    (void)host_step(host, &accepted);
    if (host->around.mistake == MISTAKE_REPORT_REPEATED && host->core != NULL)
        host_report_now(host);
}

static void report_answered(struct host *host, const struct message *message)
{
    struct core_event forget = {.type = EVENT_REPORT_ACCEPTED};
    if (message->number != host->report_number)
        return;
    host->report_number = 0;
    if (strcmp(message->farm_id, host->identity.farm_id) != 0)
        (void)host_step(host, &forget); /* another farm's by now */
    else if (message->outcome == OUTCOME_ANSWERED)
        take_report_answer(host, message);
    else
        report_failed(host, message->outcome == OUTCOME_REFUSED, message->retry_after_ms);
}

void host_report_now(struct host *host)
{
    struct core_event event = {.type = EVENT_REPORT_NOW};
    if (host->failures == 0 && host->ledger.now.farm != LEDGER_NO_FARM)
        (void)host_step(host, &event);
}

/* ---- errands of the administrator ---------------------------------------------------------------------- */

static void try_again_later(struct host *host)
{
    uint64_t chance = host_chance(host, 'e');
    if (!host->errand.wanted || host->errand.tries_left-- == 0) {
        host->errand.wanted = false;
        return;
    }
    int64_t wait_ms = 1 + (int64_t)(chance_next(&chance) % (uint64_t)ERRAND_WAIT_MS);
    heap_push(host->around.heap, (struct moment){.at_ms = *host->around.true_ms + wait_ms,
                                                 .type = MOMENT_ERRAND,
                                                 .host = host->number});
}

void host_want(struct host *host, enum message_type type, int key, bool move)
{
    host->errand =
        (struct errand){.wanted = true, .type = type, .key = key, .move = move, .tries_left = ERRAND_TRIES};
    host_try_errand(host);
}

static bool is_pointless(const struct host *host)
{
    const struct errand *errand = &host->errand;
    if (errand->type == MESSAGE_RELEASE)
        return host->identity.token == 0 || host->ledger.now.farm == LEDGER_NO_FARM;
    bool has_key = host->judge.activation == ACTIVATION_ACTIVE && !host->judge.trial;
    return (errand->key == PLAN_TRIAL && has_key) || host->farm_count + 2 > LEDGER_FARMS_MAX;
}

/* A copied image begins a life of its own. */
static void choose_installation_id(struct host *host)
{
    struct errand *errand = &host->errand;
    memcpy(errand->installation_id, host->identity.installation_id, sizeof(errand->installation_id));
    if (host->judge.copied)
        (void)snprintf(errand->installation_id, sizeof(errand->installation_id), "inst-%u-%u", host->number,
                       ++host->installations);
}

void host_try_errand(struct host *host)
{
    struct errand *errand = &host->errand;
    if (!errand->wanted || errand->number != 0)
        return;
    if (!host_runs(host) || !host->ready || host->failures > 0) {
        try_again_later(host);
        return;
    }
    if (is_pointless(host)) {
        errand->wanted = false;
        return;
    }
    choose_installation_id(host);
    struct message *message = message_create(errand->type, host->number, ++host->messages, NULL, 0);
    memcpy(message->farm_id, host->identity.farm_id, sizeof(message->farm_id));
    memcpy(message->installation_id, errand->installation_id, sizeof(message->installation_id));
    message->token = host->identity.token;
    message->key = errand->key;
    message->move = errand->move;
    errand->number = message->number;
    network_send(host->around.network, message);
}

/* Another key has taken the place of this farm's: the former one is given back. */
static void note_former(struct host *host, const struct model_identity *before)
{
    bool had_key = host->judge.activation == ACTIVATION_ACTIVE && !host->judge.trial && before->token != 0;
    if (had_key && strcmp(before->farm_id, host->identity.farm_id) != 0)
        host->open->former = *before;
}

/* Identity and entitlement become the farm's with one step, or stay as they were. */
static void take_activation(struct host *host, const struct message *message)
{
    struct model_identity before = host->identity;
    const struct grant *grant = &message->answer.grant;
    memcpy(host->identity.installation_id, host->errand.installation_id, sizeof(before.installation_id));
    memcpy(host->identity.farm_id, grant->farm_id, sizeof(before.farm_id));
    host->identity.machine = host->machine.number;
    host->identity.token = message->answer.token;
    note_former(host, &before);
    host->open->identity = host->open->errand = true;
    struct core_event event = {
        .type = EVENT_ACTIVATED,
        .activated = {.farm_id = host->identity.farm_id,
                      .installation_id = host->identity.installation_id,
                      .grant = grant,
                      .next_sequence = model_store_next_sequence(&host->store, grant->farm_id)}};
    if (host_step(host, &event) >= 0 || host->core == NULL)
        return;
    host->identity = before;
    host->open->identity = true;
    host_commit(host);
    if (host->core != NULL)
        try_again_later(host);
}

static void take_release(struct host *host, const struct message *message)
{
    struct core_event event = {.type = EVENT_RELEASED};
    if (strcmp(message->farm_id, host->identity.farm_id) != 0 ||
        message->answer.grant.status == GRANT_ACTIVE || host->ledger.now.farm == LEDGER_NO_FARM)
        return;
    host->identity.token = 0;
    host->open->identity = host->open->errand = true;
    witness_note(host->around.witness, HAPPENED_RELEASED);
    (void)host_step(host, &event);
}

static void errand_answered(struct host *host, const struct message *message)
{
    struct errand *errand = &host->errand;
    if (message->number != errand->number)
        return;
    errand->number = 0;
    if (message->outcome != OUTCOME_ANSWERED) {
        try_again_later(host);
    } else if (message->answer.type != ANSWER_GRANTED) {
        witness_note(host->around.witness, HAPPENED_ACTIVATION_REFUSED);
        errand->wanted = false;
    } else if (host->failures > 0) {
        try_again_later(host);
    } else if (message->type == MESSAGE_ACTIVATE) {
        take_activation(host, message);
    } else {
        take_release(host, message);
    }
}

void host_errand_done(struct host *host, const struct batch *batch, bool durable)
{
    if (!durable) {
        try_again_later(host);
        return;
    }
    host->errand.wanted = false;
    if (batch->former.token == 0)
        return;
    struct message *message = message_create(MESSAGE_RELEASE, host->number, ++host->messages, NULL, 0);
    memcpy(message->farm_id, batch->former.farm_id, sizeof(message->farm_id));
    message->token = batch->former.token;
    network_send(host->around.network, message);
}

void host_answer(struct host *host, const struct message *message)
{
    if (message->type == MESSAGE_REPORT)
        report_answered(host, message);
    else
        errand_answered(host, message);
}
