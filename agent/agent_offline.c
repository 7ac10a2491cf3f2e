/* agent_offline.c - a closed network: what is asked of the authority goes out as a file, and its answer comes
 * in as one (common/offline.h). */
#include "agent.h"

#include "agent/service/service.h"
#include "common/licence_key.h"
#include "common/offline.h"
#include "version.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPY_CONTEXT "farmgate-copied-installation-v1\n"

static_assert(OFFLINE_WINDOWS_MAX == REPORTER_QUEUE_MAX, "a file carries whatever is queued");
static_assert(sizeof(((struct offline_answer *)NULL)->keys[0]) <= STORE_KEY_BYTES_MAX,
              "a key that came is kept whole");

/* A copied image becomes an installation of its own. The file that asks for it and the one that answers need
 * the same id, and nothing is kept in between: it follows from what is copied and the machine. */
static void copys_installation_id(const struct agent *agent, char ret[GRANT_ID_BYTES_MAX + 1])
{
    char machine_id[GRANT_ID_BYTES_MAX + 1];
    unsigned char id[16];
    crypto_generichash_state state;
    service_machine_id(machine_id, sizeof(machine_id));
    const char *const parts[] = {COPY_CONTEXT, agent->identity.installation_id, machine_id};
    (void)crypto_generichash_init(&state, NULL, 0, sizeof(id));
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        (void)crypto_generichash_update(&state, (const unsigned char *)parts[i], strlen(parts[i]) + 1);
    (void)crypto_generichash_final(&state, id, sizeof(id));
    (void)sodium_bin2hex(ret, GRANT_ID_BYTES_MAX + 1, id, sizeof(id));
}

static void installation_id(const struct agent *agent, const struct core_status *status,
                            char ret[GRANT_ID_BYTES_MAX + 1])
{
    if (status->standing.copied)
        copys_installation_id(agent, ret);
    else
        memcpy(ret, agent->identity.installation_id, GRANT_ID_BYTES_MAX + 1);
}

/* --- requests ------------------------------------------------------------------------------------------- */

/* A file on its way to whoever asked: it leaves when all it says is durable. */
struct request_waiter {
    struct agent *agent;
    api_done_fn *done;
    void *data;
    struct api_wish wish;
    char key[LICENCE_KEY_TEXT_BYTES]; /* of the wish */
    char *text;
};

static void request_durable(void *data, int error, const char *detail)
{
    struct request_waiter *waiter = data;
    const struct api_outcome outcome = {.status = 200, .moves_left = -1, .file = waiter->text};
    if (error)
        agent_answer(waiter->done, waiter->data, 503, "store_unavailable", detail);
    else
        waiter->done(waiter->data, &outcome);
    free(waiter->text);
    free(waiter);
}

/* True: answered. */
static bool refuses_wish(const struct agent *agent, const struct api_wish *wish,
                         const struct core_status *status, api_done_fn *done, void *data)
{
    char canonical[LICENCE_KEY_TEXT_BYTES];
    bool reports = !wish->licence_key && !wish->trial;
    static const struct api_outcome no_key = {.status = 400,
                                              .code = "invalid_key",
                                              .detail = "this is no licence key: look for a typing error",
                                              .field = "license_key",
                                              .moves_left = -1};
    if (wish->licence_key && !licence_key_parse(wish->licence_key, canonical))
        done(data, &no_key);
    else if (wish->trial && agent_has_key(agent))
        agent_answer(done, data, 409, "already_activated", "the farm runs on a licence key");
    else if (reports && (!status->farm_id || !*agent->identity.farm_token))
        agent_answer(done, data, 409, "not_activated",
                     "there is no farm to report for: ask for an activation, with --key KEY or --trial");
    else
        return false;
    return true;
}

static void describe(const struct agent *agent, const struct api_wish *wish, const struct core_status *status,
                     struct offline_request *ret)
{
    unsigned char nonce[OFFLINE_NONCE_BYTES];
    struct activation_request *activation = &ret->activation;
    const struct settings *settings = agent->settings;
    randombytes_buf(nonce, sizeof(nonce));
    (void)sodium_bin2hex(ret->nonce, sizeof(ret->nonce), nonce, sizeof(nonce));
    ret->made_ms = clock_now_ms(&agent->clock);
    ret->serial = status->standing.grant.serial;
    installation_id(agent, status, activation->installation_id);
    (void)snprintf(activation->farm_name, sizeof(activation->farm_name), "%.*s", MESSAGE_FARM_NAME_BYTES_MAX,
                   *settings->farm_name ? settings->farm_name : agent->host);
    (void)snprintf(activation->app_version, sizeof(activation->app_version), "%s", FARMGATE_VERSION);
    activation->trial = wish->trial;
    activation->move = wish->move;
    if (wish->licence_key)
        (void)licence_key_parse(wish->licence_key, activation->license_key);
    else if (!wish->trial)
        memcpy(ret->farm_id, agent->identity.farm_id, sizeof(ret->farm_id));
}

/* NULL without memory. */
static char *write_request(const struct agent *agent, const struct api_wish *wish)
{
    struct core_status status;
    struct offline_request request = {.farm_id = ""};
    size_t count;
    farm_status(agent->farm, &status);
    describe(agent, wish, &status, &request);
    const struct window *unsent = core_unsent(farm_core(agent->farm), &count);
    struct report_window *windows = calloc(count + 1, sizeof(*windows));
    if (!windows)
        return NULL;
    for (size_t i = 0; i < count; i++)
        windows[i] = uplink_window(&unsent[i]);
    request.windows = windows;
    request.window_count = request.farm_id[0] ? count : 0;
    char *text = offline_request_encode(&request, agent->identity.farm_token, NULL);
    free(windows);
    return text;
}

/* What the file says as of one step leaves with the commit of the next, which lands after it. */
static void request_in_turn(void *data, bool given)
{
    struct request_waiter *waiter = data;
    struct agent *agent = waiter->agent;
    struct core_event event = {.type = EVENT_TIMER};
    if (!given) {
        request_durable(waiter, ERROR_CANCELLED, AGENT_LEADS_NO_MORE);
        return;
    }
    (void)farm_step(agent->farm, &event, NULL, NULL);
    waiter->text = write_request(agent, &waiter->wish);
    if (waiter->text)
        (void)farm_step(agent->farm, &event, request_durable, waiter);
    else
        request_durable(waiter, ERROR_NO_MEMORY, "no memory for the file; ask for it again");
}

void agent_offline_request(void *data, const struct api_wish *wish, api_done_fn *done, void *done_data)
{
    struct agent *agent = data;
    struct core_status status;
    farm_status(agent->farm, &status);
    if (refuses_wish(agent, wish, &status, done, done_data) || agent_refuses_to_lead(agent, done, done_data))
        return;
    struct request_waiter *waiter = calloc(1, sizeof(*waiter));
    if (!waiter) {
        agent_answer(done, done_data, 503, "out_of_memory", "ask for the file again");
        return;
    }
    *waiter = (struct request_waiter){
        .agent = agent, .done = done, .data = done_data, .wish = {.trial = wish->trial, .move = wish->move}};
    if (wish->licence_key && licence_key_parse(wish->licence_key, waiter->key))
        waiter->wish.licence_key = waiter->key;
    farm_turn(agent->farm, request_in_turn, waiter);
}

/* --- answers: is it one for us? ------------------------------------------------------------------------- */

/* A file being imported. */
struct import {
    struct agent *agent;
    api_done_fn *done;
    void *data;
    struct offline_answer answer;
    struct entitlement_keyring keyring; /* the uplink's, and what the file has added */
    struct uplink_result result;
    const char *new_keys[OFFLINE_KEYS_MAX];
    struct core_refused_window *refused;
    struct error_detail detail;
    bool again; /* what it brings holds already */
};

/* Why a file is not taken. */
struct import_fault {
    int status; /* 0: it is */
    const char *code, *text;
};

static const struct import_fault no_fault = {0, "", ""};

static struct import_fault not_authentic(const struct error_detail *why)
{
    return (struct import_fault){400, "answer_not_authentic", why->text};
}

/* New keys are those that came to stand in the ring through this file. */
static void note_keys(struct import *import, const struct entitlement_keyring *before)
{
    struct entitlement_keyring ring = *before;
    for (size_t i = 0; i < import->answer.key_count; i++) {
        const char *key = import->answer.keys[i];
        size_t known = ring.count;
        if (entitlement_key_accept(key, strlen(key), &ring, NULL) == 0 && ring.count > known)
            import->new_keys[import->result.new_key_count++] = key;
    }
    import->result.new_keys = import->new_keys;
}

/* That the authority has made the file, and the entitlement in it. */
static struct import_fault check_maker(const struct agent *agent, struct import *import)
{
    const struct entitlement_keyring *trusted = uplink_keyring(agent->uplink);
    struct entitlement entitlement;
    const char *text = import->answer.entitlement;
    if (trusted->count == 0)
        return (struct import_fault){
            409, "no_authority",
            "set authority.key in the configuration: without it nobody's answer can be trusted"};
    import->keyring = *trusted;
    if (offline_answer_verify(&import->answer, &import->keyring, &import->detail) != 0 ||
        entitlement_verify(text, strlen(text), &import->keyring, &entitlement, &import->detail) != 0)
        return not_authentic(&import->detail);
    note_keys(import, trusted);
    uplink_grant_of(&entitlement, &import->result.grant);
    return no_fault;
}

static struct import_fault check_meant_for(const struct agent *agent, const struct core_status *status,
                                           const struct import *import)
{
    static const struct import_fault not_ours = {
        409, "answer_not_ours", "this is another farm's or installation's answer: the last good one stays"};
    const struct offline_answer *answer = &import->answer;
    const struct grant *grant = &import->result.grant;
    char ours[GRANT_ID_BYTES_MAX + 1];
    installation_id(agent, status, ours);
    if (strcmp(answer->installation_id, ours) != 0 || strcmp(grant->installation_id, ours) != 0 ||
        strcmp(grant->farm_id, answer->farm_id) != 0)
        return not_ours;
    bool reported = answer->farm_token[0] == '\0';
    return reported && strcmp(answer->farm_id, agent->identity.farm_id) != 0 ? not_ours : no_fault;
}

/* What holds already is not applied again: that would take the farm's clock back to when it was made. */
static struct import_fault check_new(const struct agent *agent, const struct core_status *status,
                                     struct import *import)
{
    const struct grant *grant = &import->result.grant, *held = &status->standing.grant;
    int64_t now_ms = clock_now_ms(&agent->clock);
    bool same_farm = strcmp(held->farm_id, grant->farm_id) == 0;
    bool released = status->standing.activation == ACTIVATION_NONE;
    if (same_farm && (grant->serial < held->serial || (released && grant->serial == held->serial)))
        return (struct import_fault){409, "answer_outdated", "a newer answer holds here already, and stays"};
    import->again = same_farm && grant->serial == held->serial;
    import->result.clock_ms =
        offline_answer_clock_ms(&import->answer, grant->issued_at_ms, held->serial, now_ms);
    if (grant->status == GRANT_ACTIVE && grant->refresh_by_ms <= import->result.clock_ms)
        return (struct import_fault){
            409, "answer_expired",
            "the next answer was due before this one was imported: exchange files anew"};
    return no_fault;
}

static struct import_fault check_import(const struct agent *agent, struct import *import)
{
    struct core_status status;
    farm_status(agent->farm, &status);
    struct import_fault fault = check_maker(agent, import);
    if (fault.status == 0)
        fault = check_meant_for(agent, &status, import);
    return fault.status == 0 ? check_new(agent, &status, import) : fault;
}

/* --- answers: taken ------------------------------------------------------------------------------------- */

/* The windows of the queue that lie in what was refused; both rise. */
static bool find_refused(const struct agent *agent, struct import *import)
{
    const struct offline_answer *answer = &import->answer;
    size_t count, range = 0;
    const struct window *unsent = core_unsent(farm_core(agent->farm), &count);
    import->refused = calloc(count + 1, sizeof(*import->refused));
    if (!import->refused)
        return false;
    import->result.refused = import->refused;
    for (size_t i = 0; i < count; i++) {
        while (range < answer->refused_count && (uint64_t)answer->refused[range].last < unsent[i].sequence)
            range++;
        if (range == answer->refused_count)
            break;
        if ((uint64_t)answer->refused[range].first <= unsent[i].sequence)
            import->refused[import->result.refused_count++] =
                (struct core_refused_window){unsent[i].sequence, answer->refused[range].reason};
    }
    return true;
}

static void fill_result(struct import *import)
{
    const struct offline_answer *answer = &import->answer;
    struct uplink_result *result = &import->result;
    result->code = result->detail = result->refused_key = "";
    result->moves_left = result->retry_after_ms = -1;
    result->has_grant = !import->again;
    result->entitlement = answer->entitlement;
    result->farm_id = answer->farm_id;
    result->farm_token = answer->farm_token;
    result->accepted_through = (uint64_t)answer->accepted_through;
    result->carried_through = (uint64_t)answer->sent_through;
    result->server_time_ms = answer->made_ms;
}

/* The windows last: whoever is answered knows that all of it is durable. */
static void take_report(struct agent *agent, const struct import *import, api_done_fn *done, void *data)
{
    const struct uplink_result *result = &import->result;
    struct agent_answer *answer = agent_answer_later(done, data);
    if (!answer) {
        agent_answer(done, data, 503, "out_of_memory", "import the file again");
        return;
    }
    agent_grant_keys(agent, result);
    int error = result->has_grant ? agent_grant_entitlement(agent, result) : 0;
    if (error < 0) {
        agent_answer_commit(answer, error, core_error_text(error));
        return;
    }
    agent_grant_windows_refused(agent, result);
    struct core_event accepted = {.type = EVENT_REPORT_ACCEPTED,
                                  .accepted = {.through = result->accepted_through,
                                               .refused = result->refused,
                                               .refused_count = result->refused_count,
                                               .carried_through = result->carried_through}};
    struct core_event nothing = {.type = EVENT_TIMER};
    (void)farm_step(agent->farm, result->carried_through > 0 ? &accepted : &nothing, agent_answer_commit,
                    answer);
}

static void take(struct agent *agent, struct import *import, api_done_fn *done, void *data)
{
    char ours[GRANT_ID_BYTES_MAX + 1];
    fill_result(import);
    memcpy(ours, import->answer.installation_id, sizeof(ours));
    if (!find_refused(agent, import)) {
        agent_answer(done, data, 503, "out_of_memory", "import the file again");
        return;
    }
    uplink_trust(agent->uplink, &import->keyring);
    if (import->answer.farm_token[0] == '\0' || import->again) {
        take_report(agent, import, done, data);
        return;
    }
    agent_grant_keys(agent, &import->result);
    agent_grant_activation(agent, ours, &import->result, done, data);
}

/* --- answers: all together ------------------------------------------------------------------------------ */

static void refuse(struct agent *agent, int status, const char *code, const char *text, api_done_fn *done,
                   void *data)
{
    agent_say(agent, LOG_entitlement_refused, "detail", text);
    agent_answer(done, data, status, code, text);
}

static void refuse_file(struct agent *agent, enum offline_fault fault, const struct error_detail *detail,
                        api_done_fn *done, void *data)
{
    int status = fault == OFFLINE_TOO_LARGE ? 413 : fault == OFFLINE_NO_MEMORY ? 503 : 400;
    refuse(agent, status, offline_fault_code(fault), detail->text, done, data);
}

static void import_free(struct import *import)
{
    offline_answer_finish(&import->answer);
    free(import->refused);
    free(import);
}

static void import_in_turn(void *data, bool given)
{
    struct import *import = data;
    struct agent *agent = import->agent;
    struct import_fault wrong = given ? check_import(agent, import) : no_fault;
    if (!given)
        agent_answer(import->done, import->data, 503, "leader_changed", AGENT_LEADS_NO_MORE);
    else if (wrong.status != 0)
        refuse(agent, wrong.status, wrong.code, wrong.text, import->done, import->data);
    else
        take(agent, import, import->done, import->data);
    import_free(import);
}

void agent_offline_import(void *data, const char *text, size_t bytes, api_done_fn *done, void *done_data)
{
    struct agent *agent = data;
    if (agent_refuses_to_lead(agent, done, done_data))
        return;
    struct import *import = calloc(1, sizeof(*import));
    if (!import) {
        agent_answer(done, done_data, 503, "out_of_memory", "import the file again");
        return;
    }
    import->agent = agent;
    import->done = done;
    import->data = done_data;
    enum offline_fault fault = offline_answer_decode(text, bytes, &import->answer, &import->detail);
    if (fault == OFFLINE_GOOD) {
        farm_turn(agent->farm, import_in_turn, import);
        return;
    }
    refuse_file(agent, fault, &import->detail, done, done_data);
    free(import);
}
