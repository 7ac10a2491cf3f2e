#include "verdict.h"

#include "core_error.h"

#include <assert.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static enum verdict_reason reason_of(const struct standing *standing)
{
    if (standing->activation == ACTIVATION_NONE)
        return standing->copied ? VERDICT_COPIED : VERDICT_NOT_ACTIVATED;
    if (standing->activation == ACTIVATION_REVOKED)
        return VERDICT_REVOKED;
    if (standing->term == TERM_EXPIRED)
        return VERDICT_EXPIRED;
    if (standing->contact == CONTACT_STALE)
        return VERDICT_STALE;
    if (standing->usage == USAGE_OVER)
        return VERDICT_OVER;
    return VERDICT_OPEN;
}

struct verdict verdict_of(const struct standing *standing)
{
    enum verdict_reason reason = reason_of(standing);
    return (struct verdict){.open = reason == VERDICT_OPEN, .reason = reason};
}

const char *verdict_reason_name(enum verdict_reason reason)
{
    static const char *const names[] = {
        [VERDICT_OPEN] = "open",       [VERDICT_NOT_ACTIVATED] = "not_activated",
        [VERDICT_COPIED] = "copied",   [VERDICT_REVOKED] = "revoked",
        [VERDICT_EXPIRED] = "expired", [VERDICT_STALE] = "stale",
        [VERDICT_OVER] = "over",
    };
    static_assert(COUNT(names) == VERDICT_REASON_MAX, "every reason has a name");
    return names[reason];
}

const char *verdict_reason_text(enum verdict_reason reason)
{
    static const char *const texts[] = {
        [VERDICT_OPEN] = "This farm is licensed.",
        [VERDICT_NOT_ACTIVATED] =
            "This farm is not activated: no published resources can be used. Ask its administrator to "
            "activate it with a licence key or as a trial.",
        [VERDICT_COPIED] =
            "This server is a copy of another one that holds the licence: no published resources can be "
            "used. Ask its administrator to activate it with --move.",
        [VERDICT_REVOKED] =
            "The licensing authority has deactivated this farm: no published resources can be used. Ask its "
            "administrator to activate it again.",
        [VERDICT_EXPIRED] = "The licence of this farm has expired: no published resources can be used. Ask "
                            "its administrator to renew it.",
        [VERDICT_STALE] =
            "This farm has had no contact with the licensing authority for too long: no published resources "
            "can be used. Ask its administrator to restore the connection.",
        [VERDICT_OVER] = "More users than are licensed have used this farm for too long: no published "
                         "resources can be used until some have logged off. Ask its administrator.",
    };
    static_assert(COUNT(texts) == VERDICT_REASON_MAX, "every reason has a text");
    return texts[reason];
}

const char *activation_state_name(enum activation_state state)
{
    static const char *const names[] = {
        [ACTIVATION_NONE] = "none", [ACTIVATION_ACTIVE] = "active", [ACTIVATION_REVOKED] = "revoked"};
    static_assert(COUNT(names) == ACTIVATION_STATE_MAX, "every state has a name");
    return names[state];
}

const char *term_state_name(enum term_state state)
{
    static const char *const names[] = {
        [TERM_VALID] = "valid", [TERM_EXPIRY_GRACE] = "expiry_grace", [TERM_EXPIRED] = "expired"};
    static_assert(COUNT(names) == TERM_STATE_MAX, "every state has a name");
    return names[state];
}

const char *contact_state_name(enum contact_state state)
{
    static const char *const names[] = {[CONTACT_FRESH] = "fresh", [CONTACT_STALE] = "stale"};
    static_assert(COUNT(names) == CONTACT_STATE_MAX, "every state has a name");
    return names[state];
}

const char *usage_state_name(enum usage_state state)
{
    static const char *const names[] = {
        [USAGE_WITHIN] = "within",     [USAGE_SETTLING] = "settling", [USAGE_OVERUSE_GRACE] = "overuse_grace",
        [USAGE_ENFORCED] = "enforced", [USAGE_OVER] = "over",
    };
    static_assert(COUNT(names) == USAGE_STATE_MAX, "every state has a name");
    return names[state];
}

int standing_check(const struct standing *standing, const char *farm_id, const char *installation_id,
                   const struct grant *grant)
{
    if (strcmp(grant->farm_id, farm_id) != 0 || strcmp(grant->installation_id, installation_id) != 0)
        return CORE_NOT_OURS;
    bool same_farm = strcmp(standing->grant.farm_id, farm_id) == 0;
    if (same_farm &&
        (grant->serial < standing->grant.serial || grant->issued_at_ms < standing->grant.issued_at_ms))
        return CORE_OUTDATED;
    return 0;
}

static void take(struct standing *standing, const struct grant *grant, int64_t now_ms)
{
    standing->grant = *grant;
    standing->last_contact_ms = now_ms;
}

void standing_apply(struct standing *standing, const struct grant *grant, int64_t now_ms)
{
    take(standing, grant, now_ms);
    if (grant->status == GRANT_DEACTIVATED)
        standing->activation = ACTIVATION_REVOKED;
}

void standing_activate(struct standing *standing, const struct grant *grant, int64_t now_ms)
{
    take(standing, grant, now_ms);
    standing->activation = grant->status == GRANT_ACTIVE ? ACTIVATION_ACTIVE : ACTIVATION_REVOKED;
    standing->copied = false;
}

void standing_release(struct standing *standing)
{
    standing->activation = ACTIVATION_NONE;
}
