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

unsigned activation_moves_left(const struct licence *licence)
{
    return licence->moves < ACTIVATION_MOVES_MAX ? ACTIVATION_MOVES_MAX - licence->moves : 0;
}

int64_t activation_expires_ms(const struct subscription *subscription, const struct licence *licence)
{
    if (licence->expires_ms == 0)
        return subscription->expires_ms;
    if (subscription->expires_ms == 0)
        return licence->expires_ms;
    return licence->expires_ms < subscription->expires_ms ? licence->expires_ms : subscription->expires_ms;
}

/* A move is counted against the installation that had the key last, however it was freed (A→B→A is two). */
static bool is_move(const struct licence *licence, const struct farm *farm)
{
    return licence->last_installation[0] != '\0' &&
           strcmp(licence->last_installation, farm->installation_id) != 0;
}

static enum activation_verdict judge(const struct activation_case *activation, bool move, int64_t now_ms)
{
    const struct licence *licence = &activation->licence;
    int64_t expires_ms = activation_expires_ms(&activation->subscription, licence);

    if (licence->deleted_ms != 0)
        return ACTIVATION_KEY_DELETED;
    if (activation->subscription.cancelled_ms != 0)
        return ACTIVATION_CANCELLED;
    if (expires_ms != 0 && now_ms >= expires_ms)
        return ACTIVATION_EXPIRED;
    if (activation->held_elsewhere && !move)
        return ACTIVATION_KEY_IN_USE;
    if (is_move(licence, &activation->farm) && activation_moves_left(licence) == 0)
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
    struct licence *licence = &activation->licence;
    struct farm *farm = &activation->farm;

    enum activation_verdict verdict = judge(activation, move, now_ms);
    if (verdict != ACTIVATION_GRANTED)
        return verdict;

    if (subscription->activated_ms == 0)
        subscription_begin(subscription, now_ms);
    if (is_move(licence, farm))
        licence->moves++;
    if (activation->held_elsewhere)
        close_farm(&activation->holder, FARM_REASON_MOVED, now_ms);
    memcpy(licence->last_installation, farm->installation_id, sizeof licence->last_installation);
    memcpy(licence->holder, farm->id, sizeof licence->holder);
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

bool activation_end(struct farm *farm, struct licence *licence, enum farm_reason reason, int64_t now_ms)
{
    if (farm->status != FARM_ACTIVE)
        return false;
    close_farm(farm, reason, now_ms);
    if (licence != NULL && strcmp(licence->holder, farm->id) == 0)
        licence->holder[0] = '\0';
    return true;
}
