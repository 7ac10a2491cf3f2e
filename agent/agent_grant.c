/* agent_grant.c - what the authority granted, withdrew or refused becomes the farm's, whether it came over
 * the network (agent_contact.c) or by file (agent_offline.c). */
#include "agent.h"

#include "agent/service/service.h"
#include "common/messages.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
void agent_grant_keys(struct agent *agent, const struct uplink_result *result)
{
    struct store_identity *identity = &agent->identity;
    if (agent->stopping)
        return;
    if (!uplink_is_unreachable(result->error))
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

void agent_grant_keyring(struct agent *agent, struct entitlement_keyring *ret)
{
    const char *pinned = agent->settings->authority_key;
    struct entitlement_keyring ring = {0};
    if (*pinned && entitlement_key_parse(pinned, &ring.keys[0]) == 0)
        ring.count++;
    follow_kept_keys(&agent->identity, &ring);
    *ret = ring;
}

/* --- setbacks ------------------------------------------------------------------------------------------- */

/* Of what the agent itself has broken off nothing is kept, and its detail is all there is to say. */
void agent_grant_setback(struct agent *agent, enum setback_asked asked, const struct uplink_result *result,
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

void agent_grant_windows_refused(struct agent *agent, const struct uplink_result *result)
{
    setbacks_clear(&agent->setbacks);
    for (size_t i = 0; i < result->refused_count; i++) {
        if (strcmp(result->refused[i].reason, CORE_NUMBER_USED) == 0)
            continue; /* it is reported again, and the event says why */
        const struct setback_cause cause = {.asked = SETBACK_WINDOW,
                                            .error = SETBACK_WINDOW_REFUSED,
                                            .problem = result->refused[i].reason,
                                            .said = result->refused[i].reason,
                                            .moves_left = -1,
                                            .retry_after_ms = -1};
        (void)setbacks_note(&agent->setbacks, &cause, clock_now_ms(&agent->clock));
    }
}

/* --- entitlements --------------------------------------------------------------------------------------- */

int agent_grant_entitlement(struct agent *agent, const struct uplink_result *result)
{
    char *before = strdup(agent->entitlement);
    if (!before)
        return CORE_NO_MEMORY; /* the next report brings it again */
    (void)snprintf(agent->entitlement, sizeof(agent->entitlement), "%s", result->entitlement);
    struct core_event event = {
        .type = EVENT_ENTITLEMENT, .clock_ms = result->clock_ms, .grant = &result->grant};
    int error = farm_step(agent->farm, &event, NULL, NULL);
    if (error < 0)
        (void)snprintf(agent->entitlement, sizeof(agent->entitlement), "%s", before);
    free(before);
    return error;
}

/* --- activations ---------------------------------------------------------------------------------------- */

bool agent_has_key(const struct agent *agent)
{
    struct core_status status;
    farm_status(agent->farm, &status);
    return status.standing.activation == ACTIVATION_ACTIVE && !status.standing.grant.trial;
}

static void former_released(void *data, struct uplink_result *result)
{
    struct agent *agent = data;
    agent_grant_keys(agent, result);
    if (result->error && !agent->stopping)
        agent_say(agent, LOG_former_key_kept, "detail", result->detail);
    uplink_result_free(result);
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
        agent_grant_setback(agent, SETBACK_ACTIVATION, &failed, &words);
        detail = words.text;
    }
    agent_answer_commit(changeover->answer, error, detail);
    free(changeover);
}

static struct changeover *changeover_create(struct agent *agent, api_done_fn *done, void *data)
{
    struct changeover *changeover = calloc(1, sizeof(*changeover));
    struct agent_answer *answer = agent_answer_later(done, data);
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

static void become(struct agent *agent, const char *installation_id, const struct uplink_result *result)
{
    struct store_identity *identity = &agent->identity;
    (void)snprintf(identity->installation_id, sizeof(identity->installation_id), "%s", installation_id);
    service_machine_id(identity->machine_id, sizeof(identity->machine_id));
    (void)snprintf(identity->farm_id, sizeof(identity->farm_id), "%s", result->farm_id);
    (void)snprintf(identity->farm_token, sizeof(identity->farm_token), "%s", result->farm_token);
    (void)snprintf(agent->entitlement, sizeof(agent->entitlement), "%s", result->entitlement);
    commit_identity_changed(agent->commit);
}

/* Identity and entitlement become the farm's with one step, or stay as they were. */
void agent_grant_activation(struct agent *agent, const char *installation_id,
                            const struct uplink_result *result, api_done_fn *done, void *data)
{
    struct store_identity before = agent->identity;
    char *entitlement = strdup(agent->entitlement);
    struct changeover *changeover = entitlement ? changeover_create(agent, done, data) : NULL;
    if (!changeover) {
        free(entitlement);
        agent_answer(done, data, 503, "out_of_memory", "activate again");
        return;
    }
    become(agent, installation_id, result);
    struct core_event event = {
        .type = EVENT_ACTIVATED,
        .clock_ms = result->clock_ms,
        .activated = {.farm_id = agent->identity.farm_id,
                      .installation_id = agent->identity.installation_id,
                      .grant = &result->grant,
                      .next_sequence = store_next_sequence(agent->store, agent->identity.farm_id)}};
    if (farm_step(agent->farm, &event, changed_over, changeover) < 0) {
        agent->identity = before;
        (void)snprintf(agent->entitlement, sizeof(agent->entitlement), "%s", entitlement);
        commit_identity_changed(agent->commit);
    }
    free(entitlement);
}
