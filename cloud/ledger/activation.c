#include "cloud/ledger/activation.h"

#include "cloud/ledger/subscription.h"

#include <string.h>

int activation_http_status(enum activation_verdict verdict)
{
#define ACTIVATION_STATUS(name, status, code, text) [name] = status,
    static const int statuses[] = {ACTIVATION_VERDICTS(ACTIVATION_STATUS)};
    return statuses[verdict];
}

const char *activation_code(enum activation_verdict verdict)
{
#define ACTIVATION_CODE(name, status, code, text) [name] = code,
    static const char *const codes[] = {ACTIVATION_VERDICTS(ACTIVATION_CODE)};
    return codes[verdict];
}

const char *activation_text(enum activation_verdict verdict)
{
#define ACTIVATION_TEXT(name, status, code, text) [name] = text,
    static const char *const texts[] = {ACTIVATION_VERDICTS(ACTIVATION_TEXT)};
    return texts[verdict];
}

const char *activation_field(enum activation_verdict verdict)
{
    return verdict == ACTIVATION_TRIAL_USED || verdict == ACTIVATION_TRIAL_CAP ? "trial" : "license_key";
}

unsigned activation_moves_left(const struct key *key)
{
    return key->moves < ACTIVATION_MOVES_MAX ? ACTIVATION_MOVES_MAX - key->moves : 0;
}

int64_t activation_expires_ms(const struct subscription *subscription, const struct key *key)
{
    if (key->expires_ms == 0)
        return subscription->expires_ms;
    if (subscription->expires_ms == 0)
        return key->expires_ms;
    return key->expires_ms < subscription->expires_ms ? key->expires_ms : subscription->expires_ms;
}

/* A move is counted against the installation that had the key last, however it was freed (A→B→A is two). */
static bool is_move(const struct key *key, const struct farm *farm)
{
    return key->last_installation[0] != '\0' && strcmp(key->last_installation, farm->installation_id) != 0;
}

static enum activation_verdict judge(const struct activation_case *activation, bool move, int64_t now_ms)
{
    const struct key *key = &activation->key;
    int64_t expires_ms = activation_expires_ms(&activation->subscription, key);

    if (key->deleted_ms != 0)
        return ACTIVATION_KEY_DELETED;
    if (activation->subscription.cancelled_ms != 0)
        return ACTIVATION_CANCELLED;
    if (expires_ms != 0 && now_ms >= expires_ms)
        return ACTIVATION_EXPIRED;
    if (activation->held_elsewhere && !move)
        return ACTIVATION_KEY_IN_USE;
    if (is_move(key, &activation->farm) && activation_moves_left(key) == 0)
        return ACTIVATION_MOVES_EXHAUSTED;
    return ACTIVATION_GRANTED;
}

static void open_farm(struct farm *farm, int64_t now_ms)
{
    if (farm->status == FARM_ACTIVE)
        return;
    farm->status = FARM_ACTIVE;
    farm->reason = FARM_REASON_NONE;
    farm->activated_ms = now_ms;
    farm->deactivated_ms = 0;
}

static void close_farm(struct farm *farm, enum farm_reason reason, int64_t now_ms)
{
    farm->status = FARM_DEACTIVATED;
    farm->reason = reason;
    farm->deactivated_ms = now_ms;
}

enum activation_verdict activation_by_key(struct activation_case *activation, bool move, int64_t now_ms)
{
    struct subscription *subscription = &activation->subscription;
    struct key *key = &activation->key;
    struct farm *farm = &activation->farm;

    enum activation_verdict verdict = judge(activation, move, now_ms);
    if (verdict != ACTIVATION_GRANTED)
        return verdict;

    if (subscription->activated_ms == 0)
        subscription_begin(subscription, now_ms);
    if (is_move(key, farm))
        key->moves++;
    if (activation->held_elsewhere)
        close_farm(&activation->holder, FARM_REASON_MOVED, now_ms);
    memcpy(key->last_installation, farm->installation_id, sizeof key->last_installation);
    memcpy(key->holder, farm->id, sizeof key->holder);
    open_farm(farm, now_ms);
    return ACTIVATION_GRANTED;
}

enum activation_verdict activation_by_trial(struct farm *farm, uint32_t limit, bool may_begin, int64_t now_ms)
{
    if (farm->status == FARM_NEW && !may_begin)
        return ACTIVATION_TRIAL_CAP;
    if (farm->status == FARM_NEW) {
        farm->trial_limit = limit;
        farm->trial_ends_ms = now_ms + ACTIVATION_TRIAL_MS;
    } else if (now_ms >= farm->trial_ends_ms || farm->reason == FARM_REASON_ADMINISTRATOR) {
        return ACTIVATION_TRIAL_USED;
    }
    open_farm(farm, now_ms);
    return ACTIVATION_GRANTED;
}

bool activation_end(struct farm *farm, struct key *key, enum farm_reason reason, int64_t now_ms)
{
    if (farm->status != FARM_ACTIVE)
        return false;
    close_farm(farm, reason, now_ms);
    if (key != NULL && strcmp(key->holder, farm->id) == 0)
        key->holder[0] = '\0';
    return true;
}
