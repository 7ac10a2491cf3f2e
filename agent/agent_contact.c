/* agent_contact.c - what is asked of the authority, and what its answers become: events for the core. */
#include "agent.h"

#include "agent/service/service.h"
#include "common/licence_key.h"
#include "common/messages.h"
#include "version.h"

#include <assert.h>
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

/* One activation, release or report under way. */
struct errand {
    struct agent *agent;
    api_done_fn *done;
    void *data;
    char installation_id[GRANT_ID_BYTES_MAX + 1];
    char farm_id[GRANT_ID_BYTES_MAX + 1]; /* the farm's when it was sent */
};

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

/* --- signing keys --------------------------------------------------------------------------------------- */

static_assert(STORE_KEYS_MAX == MESSAGE_KEYS_MAX && STORE_KEY_BYTES_MAX == ENTITLEMENT_KEY_BYTES_MAX + 1,
              "what may be accepted can be kept");

/* From the pinned key on. Those that do not lead on from it, because another one was pinned since, are
 * forgotten: they would take the room of those that do. */
static void follow_kept_keys(struct store_identity *identity, struct entitlement_keyring *ring)
{
    size_t kept = 0;
    for (size_t i = 0; i < identity->key_count; i++) {
        size_t before = ring->count;
        if (entitlement_key_accept(identity->keys[i], strlen(identity->keys[i]), ring, NULL) == 0 &&
            ring->count > before)
            memmove(identity->keys[kept++], identity->keys[i], STORE_KEY_BYTES_MAX);
    }
    identity->key_count = kept;
}

/* Whether nothing of an authority's came: then none has refused either. */
static bool is_unreachable(int error)
{
    return error == ERROR_UNREACHABLE || error == ERROR_TIMEOUT || error == ERROR_CERTIFICATE ||
           error == ERROR_CONFIGURATION || error == ERROR_CANCELLED || error == ERROR_NO_MEMORY;
}

/* A report brings the same one again every 20 minutes: it is told once. */
static void tell_refused_key(struct agent *agent, const char *why)
{
    if (strcmp(why, agent->refused_key.text) == 0)
        return;
    error_detail_set(&agent->refused_key, "%s", why);
    if (*why)
        agent_say(agent, LOG_signing_key_refused, "detail", why);
}

/* New public keys are kept for good: entitlements signed by them must verify after a restart. */
static void take_keys(struct agent *agent, const struct uplink_result *result)
{
    struct store_identity *identity = &agent->identity;
    if (agent->stopping)
        return;
    if (!is_unreachable(result->error))
        tell_refused_key(agent, result->refused_key);
    if (result->error)
        return;
    const struct entitlement_keyring *ring = uplink_keyring(agent->uplink);
    const struct entitlement_key *newest = &ring->keys[ring->count - result->new_key_count];
    for (size_t i = 0; i < result->new_key_count && identity->key_count < STORE_KEYS_MAX; i++) {
        (void)snprintf(identity->keys[identity->key_count++], STORE_KEY_BYTES_MAX, "%s", result->new_keys[i]);
        commit_identity_changed(agent->commit);
        agent_say(agent, LOG_signing_key_followed, "key", newest[i].kid);
    }
}

/* --- the beginning -------------------------------------------------------------------------------------- */

int agent_contact_open(struct agent *agent, struct error_detail *ret_detail)
{
    struct entitlement_keyring ring = {0};
    const struct settings *settings = agent->settings;
    if (*settings->authority_key &&
        entitlement_key_parse(settings->authority_key, &ring.keys[ring.count]) == 0)
        ring.count++;
    follow_kept_keys(&agent->identity, &ring);
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

/* --- setbacks ------------------------------------------------------------------------------------------- */

/* Keeps what failed for whoever asks later. Its words, with what to do; of what the agent itself has broken
 * off nothing is kept, and its detail is all there is to say. */
static void keep_setback(struct agent *agent, enum setback_asked asked, const struct uplink_result *result,
                         struct error_detail *ret_words)
{
    const struct setback_cause cause = {.asked = asked,
                                        .error = result->error,
                                        .http_status = result->http_status,
                                        .problem = result->code,
                                        .said = result->detail,
                                        .moves_left = result->moves_left,
                                        .retry_after_ms = result->retry_after_ms};
    error_detail_set(ret_words, "%s", result->detail);
    if (result->error != ERROR_CANCELLED && !agent->stopping)
        setback_write(setbacks_note(&agent->setbacks, &cause, clock_now_ms(&agent->clock)), ret_words);
}

/* What failed before is over; what this report's windows were refused for has just begun. */
static void keep_refused_windows(struct agent *agent, const struct uplink_result *result)
{
    setbacks_clear(&agent->setbacks);
    for (size_t i = 0; i < result->refused_count; i++) {
        const struct setback_cause cause = {.asked = SETBACK_WINDOW,
                                            .error = SETBACK_WINDOW_REFUSED,
                                            .problem = result->refused[i].reason,
                                            .said = result->refused[i].reason,
                                            .moves_left = -1,
                                            .retry_after_ms = -1};
        (void)setbacks_note(&agent->setbacks, &cause, clock_now_ms(&agent->clock));
    }
}

/* --- reports -------------------------------------------------------------------------------------------- */

/* How the API calls an error of the authority's; NULL for none. */
static const char *failure_code(int error)
{
    if (error == 0)
        return NULL;
    if (error == ERROR_REFUSED)
        return "authority_refused";
    return is_unreachable(error) ? "authority_unreachable" : "authority_answer_invalid";
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

/* The text of an entitlement is kept only if the core takes what it says. */
static int apply_entitlement(struct agent *agent, const struct uplink_result *result)
{
    char *before = strdup(agent->entitlement);
    if (!before)
        return CORE_NO_MEMORY; /* the next report brings it again */
    (void)snprintf(agent->entitlement, sizeof(agent->entitlement), "%s", result->entitlement);
    struct core_event event = {
        .type = EVENT_ENTITLEMENT, .clock_ms = result->clock_ms, .grant = &result->grant};
    int error = commit_step(agent->commit, &event, NULL, NULL);
    if (error < 0)
        (void)snprintf(agent->entitlement, sizeof(agent->entitlement), "%s", before);
    free(before);
    return error;
}

int agent_contact_take_file(struct agent *agent, const struct uplink_result *result)
{
    int error = 0;
    take_keys(agent, result);
    if (result->has_grant)
        error = apply_entitlement(agent, result);
    if (error == 0)
        keep_refused_windows(agent, result);
    return error;
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
                               .failed = {.refused = !is_unreachable(result->error),
                                          .retry_after_ms = result->retry_after_ms,
                                          .detail = result->detail}};
    struct error_detail words;
    keep_setback(agent, SETBACK_REPORT, result, &words);
    (void)commit_step(agent->commit, &event, NULL, NULL);
    answer_report_waiters(agent, result->error, words.text);
}

/* The entitlement first: whose entitlement does not hold is believed nothing else either. */
static void take_report_answer(struct agent *agent, const struct uplink_result *result)
{
    int refused = result->has_grant ? apply_entitlement(agent, result) : 0;
    if (refused < 0) {
        struct uplink_result failed = {.error = refused,
                                       .code = "",
                                       .detail = core_error_text(refused),
                                       .moves_left = -1,
                                       .retry_after_ms = result->retry_after_ms};
        report_failed(agent, &failed);
        return;
    }
    keep_refused_windows(agent, result);
    struct core_event event = {.type = EVENT_REPORT_ACCEPTED,
                               .accepted = {.through = result->accepted_through,
                                            .refused = result->refused,
                                            .refused_count = result->refused_count}};
    struct report_waiter *waiters = agent->report_waiters;
    agent->report_waiters = NULL;
    (void)commit_step(agent->commit, &event, report_kept, waiters);
}

/* The farm was activated anew while the report was under way: of the other farm's answer nothing counts, but
 * that it came. */
static void forget_report_answer(struct agent *agent)
{
    struct core_event event = {.type = EVENT_REPORT_ACCEPTED};
    (void)commit_step(agent->commit, &event, NULL, NULL);
    answer_report_waiters(agent, ERROR_CANCELLED, "the farm was activated anew meanwhile; ask again");
}

static void report_done(void *data, const struct uplink_result *result)
{
    struct errand *errand = data;
    struct agent *agent = errand->agent;
    take_keys(agent, result);
    if (agent->stopping)
        ; /* the answer was given up for the end: the next start reports again */
    else if (strcmp(errand->farm_id, agent->identity.farm_id) != 0)
        forget_report_answer(agent);
    else if (result->error)
        report_failed(agent, result);
    else
        take_report_answer(agent, result);
    free(errand);
}

static void report_failed_here(struct agent *agent, const char *detail)
{
    struct uplink_result result = {
        .error = ERROR_UNREACHABLE, .code = "", .detail = detail, .moves_left = -1, .retry_after_ms = -1};
    report_failed(agent, &result);
}

void agent_contact_report(struct agent *agent)
{
    size_t count;
    const struct window *windows = core_report_batch(agent->core, &count);
    if (agent->stopping)
        return;
    struct errand *errand = errand_create(agent, NULL, NULL);
    int error = errand ? uplink_report(agent->uplink, agent->identity.farm_id, agent->identity.farm_token,
                                       windows, count, report_done, errand)
                       : ERROR_NO_MEMORY;
    if (!error)
        return;
    free(errand);
    report_failed_here(agent, error_text(error));
}

void agent_contact_report_now(void *data, api_done_fn *done, void *done_data)
{
    struct agent *agent = data;
    struct core_status status;
    core_status(agent->core, &status);
    if (!status.farm_id) {
        agent_answer(done, done_data, 409, "not_activated",
                     "there is no farm to report for; activate it first");
        return;
    }
    if (agent_refuses_without_network(agent, AGENT_OFFLINE_REPORT, done, done_data) ||
        agent_refuses(agent, done, done_data))
        return;
    struct report_waiter *waiter = malloc(sizeof(*waiter));
    if (!waiter) {
        agent_answer(done, done_data, 503, "out_of_memory", "no memory to wait for the authority");
        return;
    }
    *waiter = (struct report_waiter){
        .next = agent->report_waiters, .agent = agent, .done = done, .data = done_data};
    agent->report_waiters = waiter;
    struct core_event event = {.type = EVENT_REPORT_NOW};
    (void)commit_step(agent->commit, &event, report_decided, waiter);
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
    keep_setback(errand->agent, asked, result, &words);
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

static void former_released(void *data, const struct uplink_result *result)
{
    struct agent *agent = data;
    take_keys(agent, result);
    if (result->error && !agent->stopping)
        agent_say(agent, LOG_former_key_kept, "detail", result->detail);
}

/* An activation on its way to the disk, and what it replaces. */
struct changeover {
    struct agent *agent;
    struct agent_answer *answer;
    char former_farm_id[GRANT_ID_BYTES_MAX + 1]; /* "": no key was held */
    char former_token[STORE_TOKEN_BYTES_MAX + 1];
};

/* Another key has taken the place of this farm's: the former one is given back, so that it can run elsewhere.
 * A trial ends by itself. */
static void release_former(const struct changeover *changeover)
{
    struct agent *agent = changeover->agent;
    if (!*changeover->former_token || strcmp(changeover->former_farm_id, agent->identity.farm_id) == 0)
        return;
    int error = uplink_release(agent->uplink, changeover->former_farm_id, changeover->former_token,
                               former_released, agent);
    if (error)
        agent_say(agent, LOG_former_key_kept, "detail",
                  agent_uses_files(agent) ? "there is no network to the authority" : error_text(error));
}

/* Only when the new farm is on the disk: after a crash before that the former one goes on, with its key. */
static void changed_over(void *data, int error, const char *detail)
{
    struct changeover *changeover = data;
    struct agent *agent = changeover->agent;
    const struct uplink_result failed = {
        .error = error, .detail = detail, .moves_left = -1, .retry_after_ms = -1};
    struct error_detail words;
    if (error == 0 && !agent->stopping) {
        setbacks_clear(&agent->setbacks);
        release_former(changeover);
    } else if (error == CORE_NOT_OURS || error == CORE_OUTDATED) {
        keep_setback(agent, SETBACK_ACTIVATION, &failed, &words);
        detail = words.text;
    }
    agent_answer_commit(changeover->answer, error, detail);
    free(changeover);
}

bool agent_has_key(const struct agent *agent)
{
    struct core_status status;
    core_status(agent->core, &status);
    return status.standing.activation == ACTIVATION_ACTIVE && !status.standing.grant.trial;
}

static struct changeover *changeover_create(const struct errand *errand)
{
    struct agent *agent = errand->agent;
    struct changeover *changeover = calloc(1, sizeof(*changeover));
    struct agent_answer *answer = agent_answer_later(errand->done, errand->data);
    if (!changeover || !answer) {
        free(changeover);
        free(answer);
        return NULL;
    }
    *changeover = (struct changeover){.agent = agent, .answer = answer};
    if (agent_has_key(agent)) {
        memcpy(changeover->former_farm_id, agent->identity.farm_id, sizeof(changeover->former_farm_id));
        memcpy(changeover->former_token, agent->identity.farm_token, sizeof(changeover->former_token));
    }
    return changeover;
}

static void become(struct agent *agent, const struct errand *errand, const struct uplink_result *result)
{
    struct store_identity *identity = &agent->identity;
    memcpy(identity->installation_id, errand->installation_id, sizeof(identity->installation_id));
    service_machine_id(identity->machine_id, sizeof(identity->machine_id));
    (void)snprintf(identity->farm_id, sizeof(identity->farm_id), "%s", result->farm_id);
    (void)snprintf(identity->farm_token, sizeof(identity->farm_token), "%s", result->farm_token);
    (void)snprintf(agent->entitlement, sizeof(agent->entitlement), "%s", result->entitlement);
    commit_identity_changed(agent->commit);
}

/* Identity and entitlement become the farm's with one step, or stay as they were. */
static void take_activation(struct errand *errand, const struct uplink_result *result)
{
    struct agent *agent = errand->agent;
    struct store_identity before = agent->identity;
    char *entitlement = strdup(agent->entitlement);
    struct changeover *changeover = entitlement ? changeover_create(errand) : NULL;
    if (!changeover) {
        free(entitlement);
        agent_answer(errand->done, errand->data, 503, "out_of_memory", "activate again");
        return;
    }
    become(agent, errand, result);
    struct core_event event = {
        .type = EVENT_ACTIVATED,
        .clock_ms = result->clock_ms,
        .activated = {.farm_id = agent->identity.farm_id,
                      .installation_id = agent->identity.installation_id,
                      .grant = &result->grant,
                      .next_sequence = store_next_sequence(agent->store, agent->identity.farm_id)}};
    if (commit_step(agent->commit, &event, changed_over, changeover) < 0) {
        agent->identity = before;
        (void)snprintf(agent->entitlement, sizeof(agent->entitlement), "%s", entitlement);
        commit_identity_changed(agent->commit);
    }
    free(entitlement);
}

void agent_contact_activate_by_file(struct agent *agent, const char *installation_id,
                                    const struct uplink_result *result, api_done_fn *done, void *data)
{
    struct errand errand = {.agent = agent, .done = done, .data = data};
    (void)snprintf(errand.installation_id, sizeof(errand.installation_id), "%s", installation_id);
    take_keys(agent, result);
    take_activation(&errand, result);
}

static void activate_done(void *data, const struct uplink_result *result)
{
    struct errand *errand = data;
    take_keys(errand->agent, result);
    if (result->error)
        answer_failure(errand, SETBACK_ACTIVATION, result);
    else
        take_activation(errand, result);
    free(errand);
}

/* A copied image begins a life of its own: the id it shares with the original stays the original's. */
static void choose_installation_id(struct errand *errand)
{
    struct core_status status;
    unsigned char random[16];
    core_status(errand->agent->core, &status);
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
    keep_setback(agent, SETBACK_ACTIVATION, &result, &words);
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
    if (agent_refuses_without_network(agent, AGENT_OFFLINE_ACTIVATE, done, done_data))
        return;
    if (!licence_key_or_null && agent_has_key(agent)) {
        agent_answer(done, done_data, 409, "already_activated",
                     "the farm runs on a licence key; release that before a trial");
        return;
    }
    if (agent_refuses(agent, done, done_data))
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
        free(errand);
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
        (void)commit_step(agent->commit, &event, agent_answer_commit, answer);
    }
}

static void release_done(void *data, const struct uplink_result *result)
{
    struct errand *errand = data;
    take_keys(errand->agent, result);
    if (result->error)
        answer_failure(errand, SETBACK_RELEASE, result);
    else
        take_release(errand, result);
    free(errand);
}

void agent_contact_release(void *data, api_done_fn *done, void *done_data)
{
    struct agent *agent = data;
    if (!*agent->identity.farm_token) {
        agent_answer(done, done_data, 409, "not_activated", "there is no key to give back");
        return;
    }
    if (agent_refuses_without_network(agent, AGENT_OFFLINE_RELEASE, done, done_data) ||
        agent_refuses(agent, done, done_data))
        return;
    struct errand *errand = errand_create(agent, done, done_data);
    int error = ERROR_NO_MEMORY;
    if (errand)
        error = uplink_release(agent->uplink, agent->identity.farm_id, agent->identity.farm_token,
                               release_done, errand);
    if (error) {
        free(errand);
        agent_answer(done, done_data, 502, "authority_unreachable", error_text(error));
    }
}
