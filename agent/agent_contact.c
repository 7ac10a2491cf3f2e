/* agent_contact.c - what is asked of the authority over the network: reports, activations, keys given back.
 */
#include "agent.h"

#include "common/licence_key.h"
#include "common/messages.h"
#include "version.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Who asked for a report. It lives until both its step is durable and it is answered, in whichever order. */
struct report_waiter {
    struct report_waiter *next;
    struct agent *agent;
    api_done_fn *done; /* NULL: answered */
    void *data;
    bool decided;
};

/* One activation, release or report under way; what came of it waits for a turn to be taken. */
struct errand {
    struct agent *agent;
    struct uplink_result *result;
    api_done_fn *done;
    void *data;
    char installation_id[GRANT_ID_BYTES_MAX + 1];
    char farm_id[GRANT_ID_BYTES_MAX + 1]; /* the farm's when it was sent */
};

static void errand_free(struct errand *errand)
{
    if (errand)
        uplink_result_free(errand->result);
    free(errand);
}

static struct errand *errand_create(struct agent *agent, api_done_fn *done, void *data)
{
    struct errand *errand = calloc(1, sizeof(*errand));
    if (!errand)
        return NULL;
    *errand = (struct errand){.agent = agent, .done = done, .data = data};
    (void)snprintf(errand->installation_id, sizeof(errand->installation_id), "%s",
                   agent->identity.installation_id);
    (void)snprintf(errand->farm_id, sizeof(errand->farm_id), "%s", agent->identity.farm_id);
    return errand;
}

/* --- the beginning -------------------------------------------------------------------------------------- */

int agent_contact_open(struct agent *agent, struct error_detail *ret_detail)
{
    struct entitlement_keyring ring = {0};
    const struct settings *settings = agent->settings;
    agent_grant_keyring(agent, &ring);
    struct uplink_settings uplink = {
        .url = settings->authority_url,
        .ca_file = settings->authority_ca,
        .proxy = settings->authority_proxy,
        .farm_name = *settings->farm_name ? settings->farm_name : agent->host,
        .version = FARMGATE_VERSION,
    };
    agent->uplink = uplink_create(&agent->loop, &uplink, &ring);
    if (!agent->uplink) {
        error_detail_set(ret_detail, "out of memory");
        return ERROR_NO_MEMORY;
    }
    return 0;
}

/* --- reports -------------------------------------------------------------------------------------------- */

/* How the API calls an error of the authority's; NULL for none. */
static const char *failure_code(int error)
{
    if (error == 0)
        return NULL;
    if (error == ERROR_REFUSED)
        return "authority_refused";
    return uplink_is_unreachable(error) ? "authority_unreachable" : "authority_answer_invalid";
}

static void answer_report_waiter(struct report_waiter *waiter, int status, const char *code,
                                 const char *detail)
{
    agent_answer(waiter->done, waiter->data, status, code, detail);
    waiter->done = NULL;
    if (waiter->decided)
        free(waiter);
}

static void answer_report_waiters(struct agent *agent, int error, const char *detail)
{
    struct report_waiter *waiter = agent->report_waiters;
    agent->report_waiters = NULL;
    while (waiter) {
        struct report_waiter *next = waiter->next;
        answer_report_waiter(waiter, 502, failure_code(error), detail);
        waiter = next;
    }
}

/* A report that could not be decided for good is not sent before the store works again: nobody waits for
 * that. */
static void report_decided(void *data, int error, const char *detail)
{
    struct report_waiter *waiter = data;
    struct report_waiter **link = &waiter->agent->report_waiters;
    waiter->decided = true;
    while (*link && *link != waiter)
        link = &(*link)->next;
    if (!waiter->done) {
        free(waiter);
    } else if (error && *link == waiter) { /* else its answer is being made durable */
        *link = waiter->next;
        answer_report_waiter(waiter, 503, "store_unavailable", detail);
    }
}

/* What the authority said is durable, or was for a farm that is no more: now whoever asked may rely on it. */
static void report_kept(void *data, int error, const char *detail)
{
    struct report_waiter *waiter = data;
    bool kept = error == 0 || error == CORE_UNKNOWN;
    while (waiter) {
        struct report_waiter *next = waiter->next;
        answer_report_waiter(waiter, kept ? 200 : 503, kept ? NULL : "store_unavailable", detail);
        waiter = next;
    }
}

static void report_failed(struct agent *agent, const struct uplink_result *result)
{
    struct core_event event = {.type = EVENT_REPORT_FAILED,
                               .failed = {.refused = !uplink_is_unreachable(result->error),
                                          .retry_after_ms = result->retry_after_ms,
                                          .detail = result->detail}};
    struct error_detail words;
    agent->counts.reports[event.failed.refused ? REPORT_REFUSED : REPORT_UNREACHABLE]++;
    agent_grant_setback(agent, SETBACK_REPORT, result, &words);
    (void)farm_step(agent->farm, &event, NULL, NULL);
    answer_report_waiters(agent, result->error, words.text);
}

/* The entitlement first: whose entitlement does not hold is believed nothing else either. */
static void take_report_answer(struct agent *agent, const struct uplink_result *result)
{
    int refused = result->has_grant ? agent_grant_entitlement(agent, result) : 0;
    if (refused < 0) {
        struct uplink_result failed = {.error = refused,
                                       .code = "",
                                       .detail = core_error_text(refused),
                                       .moves_left = -1,
                                       .retry_after_ms = result->retry_after_ms};
        report_failed(agent, &failed);
        return;
    }
    agent->counts.reports[REPORT_ACCEPTED]++;
    agent_grant_windows_refused(agent, result);
    struct core_event event = {.type = EVENT_REPORT_ACCEPTED,
                               .accepted = {.through = result->accepted_through,
                                            .refused = result->refused,
                                            .refused_count = result->refused_count}};
    struct report_waiter *waiters = agent->report_waiters;
    agent->report_waiters = NULL;
    (void)farm_step(agent->farm, &event, report_kept, waiters);
}

/* The farm was activated anew while the report was under way: of the other farm's answer nothing counts, but
 * that it came. */
static void forget_report_answer(struct agent *agent)
{
    struct core_event event = {.type = EVENT_REPORT_ACCEPTED};
    (void)farm_step(agent->farm, &event, NULL, NULL);
    answer_report_waiters(agent, ERROR_CANCELLED, "the farm was activated anew meanwhile; ask again");
}

/* An answer that came too late, at the end or when another host counts, is given up: the next start, or that
 * host, reports again. */
static void report_in_turn(void *data, bool given)
{
    struct errand *errand = data;
    struct agent *agent = errand->agent;
    const struct uplink_result *result = errand->result;
    if (!agent->stopping && !given)
        answer_report_waiters(agent, ERROR_CANCELLED, AGENT_LEADS_NO_MORE);
    else if (agent->stopping)
        ;
    else if (strcmp(errand->farm_id, agent->identity.farm_id) != 0)
        forget_report_answer(agent);
    else if (result->error)
        report_failed(agent, result);
    else
        take_report_answer(agent, result);
    errand_free(errand);
}

static void report_done(void *data, struct uplink_result *result)
{
    struct errand *errand = data;
    errand->result = result;
    agent_grant_keys(errand->agent, result);
    farm_turn(errand->agent->farm, report_in_turn, errand);
}

static void report_failed_here(void *data, bool given)
{
    struct agent *agent = data;
    const struct uplink_result result = {.error = ERROR_UNREACHABLE,
                                         .code = "",
                                         .detail = error_text(agent->unsent_error),
                                         .moves_left = -1,
                                         .retry_after_ms = -1};
    if (given && !agent->stopping)
        report_failed(agent, &result);
    else
        answer_report_waiters(agent, ERROR_CANCELLED, AGENT_LEADS_NO_MORE);
}

void agent_contact_report(struct agent *agent)
{
    size_t count;
    const struct window *windows = core_report_batch(farm_core(agent->farm), &count);
    if (agent->stopping)
        return;
    struct errand *errand = errand_create(agent, NULL, NULL);
    int error = errand ? uplink_report(agent->uplink, agent->identity.farm_id, agent->identity.farm_token,
                                       windows, count, report_done, errand)
                       : ERROR_NO_MEMORY;
    if (!error)
        return;
    errand_free(errand);
    agent->unsent_error = error;
    farm_turn(agent->farm, report_failed_here, agent);
}

static void report_now_in_turn(void *data, bool given)
{
    struct report_waiter *waiter = data;
    struct core_event event = {.type = EVENT_REPORT_NOW};
    if (given)
        (void)farm_step(waiter->agent->farm, &event, report_decided, waiter);
    else
        report_decided(waiter, ERROR_CANCELLED, AGENT_LEADS_NO_MORE);
}

void agent_contact_report_now(void *data, api_done_fn *done, void *done_data)
{
    struct agent *agent = data;
    struct core_status status;
    farm_status(agent->farm, &status);
    if (!status.farm_id) {
        agent_answer(done, done_data, 409, "not_activated",
                     "there is no farm to report for; activate it first");
        return;
    }
    if (agent_refuses_without_network(agent, AGENT_ASKED_REPORT, done, done_data) ||
        agent_refuses_to_lead(agent, done, done_data))
        return;
    struct report_waiter *waiter = malloc(sizeof(*waiter));
    if (!waiter) {
        agent_answer(done, done_data, 503, "out_of_memory", "no memory to wait for the authority");
        return;
    }
    *waiter = (struct report_waiter){
        .next = agent->report_waiters, .agent = agent, .done = done, .data = done_data};
    agent->report_waiters = waiter;
    farm_turn(agent->farm, report_now_in_turn, waiter);
}

void agent_contact_close(struct agent *agent)
{
    answer_report_waiters(agent, ERROR_CANCELLED, "the agent is stopping");
}

/* --- activation ----------------------------------------------------------------------------------------- */

/* The authority's refusals are passed on as they are, but only what it says with a code of its own: a proxy's
 * 401 must not read as ours. What is no proper answer is the authority's fault: 502. */
static void answer_failure(struct errand *errand, enum setback_asked asked,
                           const struct uplink_result *result)
{
    struct error_detail words;
    struct api_outcome outcome = {.status = 502,
                                  .code = failure_code(result->error),
                                  .detail = words.text,
                                  .moves_left = result->moves_left};
    agent_grant_setback(errand->agent, asked, result, &words);
    if (result->error == ERROR_REFUSED && *result->code && result->http_status >= 400 &&
        result->http_status < 500) {
        outcome.status = result->http_status == 404 ? 409 : result->http_status;
        outcome.code = result->code;
    }
    if (!errand->agent->stopping)
        agent_say(errand->agent, asked == SETBACK_ACTIVATION ? LOG_activation_refused : LOG_release_refused,
                  "detail", result->detail);
    errand->done(errand->data, &outcome);
}

static void activate_in_turn(void *data, bool given)
{
    struct errand *errand = data;
    if (given)
        agent_grant_activation(errand->agent, errand->installation_id, errand->result, errand->done,
                               errand->data);
    else
        agent_answer(errand->done, errand->data, 503, "leader_changed", AGENT_LEADS_NO_MORE);
    errand_free(errand);
}

static void activate_done(void *data, struct uplink_result *result)
{
    struct errand *errand = data;
    errand->result = result;
    agent_grant_keys(errand->agent, result);
    if (!result->error) {
        farm_turn(errand->agent->farm, activate_in_turn, errand);
        return;
    }
    answer_failure(errand, SETBACK_ACTIVATION, result);
    errand_free(errand);
}

/* A copied image begins a life of its own: the id it shares with the original stays the original's. */
static void choose_installation_id(struct errand *errand)
{
    struct core_status status;
    unsigned char random[16];
    farm_status(errand->agent->farm, &status);
    if (!status.standing.copied)
        return;
    randombytes_buf(random, sizeof(random));
    (void)sodium_bin2hex(errand->installation_id, sizeof(errand->installation_id), random, sizeof(random));
}

/* The authority need not be asked: the check group does not fit. */
static void answer_typing_error(struct agent *agent, api_done_fn *done, void *done_data)
{
    const struct uplink_result result = {
        .error = ERROR_REFUSED, .code = "invalid_key", .detail = "", .moves_left = -1, .retry_after_ms = -1};
    struct error_detail words;
    agent_grant_setback(agent, SETBACK_ACTIVATION, &result, &words);
    const struct api_outcome outcome = {
        .status = 400, .code = "invalid_key", .detail = words.text, .field = "license_key", .moves_left = -1};
    done(done_data, &outcome);
}

void agent_contact_activate(void *data, const char *licence_key_or_null, bool move, api_done_fn *done,
                            void *done_data)
{
    struct agent *agent = data;
    char key[LICENCE_KEY_TEXT_BYTES];
    if (licence_key_or_null && !licence_key_parse(licence_key_or_null, key)) {
        answer_typing_error(agent, done, done_data);
        return;
    }
    if (agent_refuses_without_network(agent, AGENT_ASKED_ACTIVATE, done, done_data))
        return;
    if (!licence_key_or_null && agent_has_key(agent)) {
        agent_answer(done, done_data, 409, "already_activated",
                     "the farm runs on a licence key; release that before a trial");
        return;
    }
    if (agent_refuses_to_lead(agent, done, done_data))
        return;
    struct errand *errand = errand_create(agent, done, done_data);
    if (!errand) {
        agent_answer(done, done_data, 503, "out_of_memory", "activate again");
        return;
    }
    choose_installation_id(errand);
    int error = uplink_activate(agent->uplink, licence_key_or_null ? key : NULL, errand->installation_id,
                                move, activate_done, errand);
    if (error) {
        errand_free(errand);
        agent_answer(done, done_data, 502, "authority_unreachable", error_text(error));
    }
}

/* --- the key given back --------------------------------------------------------------------------------- */

/* Why this is no answer to the release of this farm; NULL if it is one. */
static const char *release_fault(const struct errand *errand, const struct uplink_result *result)
{
    if (strcmp(errand->farm_id, errand->agent->identity.farm_id) != 0)
        return "the farm was activated anew meanwhile";
    if (!result->has_grant)
        return NULL;
    if (strcmp(result->grant.farm_id, errand->farm_id) != 0)
        return "the entitlement is another farm's";
    return result->grant.status == GRANT_ACTIVE ? "the entitlement still stands: the key was not taken back"
                                                : NULL;
}

static void take_release(struct errand *errand, const struct uplink_result *result)
{
    struct agent *agent = errand->agent;
    const char *fault = release_fault(errand, result);
    struct agent_answer *answer = fault ? NULL : agent_answer_later(errand->done, errand->data);
    if (fault) {
        struct uplink_result failed = {
            .error = CORE_INVALID, .code = "", .detail = fault, .moves_left = -1, .retry_after_ms = -1};
        answer_failure(errand, SETBACK_RELEASE, &failed);
    } else if (!answer) {
        agent_answer(errand->done, errand->data, 503, "out_of_memory", "release again");
    } else {
        struct core_event event = {.type = EVENT_RELEASED};
        setbacks_clear(&agent->setbacks);
        agent->identity.farm_token[0] = '\0';
        agent->entitlement[0] = '\0';
        commit_identity_changed(agent->commit);
        (void)farm_step(agent->farm, &event, agent_answer_commit, answer);
    }
}

static void release_in_turn(void *data, bool given)
{
    struct errand *errand = data;
    if (given)
        take_release(errand, errand->result);
    else
        agent_answer(errand->done, errand->data, 503, "leader_changed", AGENT_LEADS_NO_MORE);
    errand_free(errand);
}

static void release_done(void *data, struct uplink_result *result)
{
    struct errand *errand = data;
    errand->result = result;
    agent_grant_keys(errand->agent, result);
    if (!result->error) {
        farm_turn(errand->agent->farm, release_in_turn, errand);
        return;
    }
    answer_failure(errand, SETBACK_RELEASE, result);
    errand_free(errand);
}

void agent_contact_release(void *data, api_done_fn *done, void *done_data)
{
    struct agent *agent = data;
    if (agent_refuses_to_lead(agent, done, done_data))
        return;
    if (!*agent->identity.farm_token) {
        agent_answer(done, done_data, 409, "not_activated", "there is no key to give back");
        return;
    }
    if (agent_refuses_without_network(agent, AGENT_ASKED_RELEASE, done, done_data))
        return;
    struct errand *errand = errand_create(agent, done, done_data);
    int error = ERROR_NO_MEMORY;
    if (errand)
        error = uplink_release(agent->uplink, agent->identity.farm_id, agent->identity.farm_token,
                               release_done, errand);
    if (error) {
        errand_free(errand);
        agent_answer(done, done_data, 502, "authority_unreachable", error_text(error));
    }
}
