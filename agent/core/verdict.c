#include "verdict.h"

#include "standing.h"

#include <assert.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static enum verdict_reason reason_of(const struct standing *standing)
{
    if (standing->activation == ACTIVATION_NONE)
        return standing->copied ? VERDICT_COPIED : VERDICT_NOT_ACTIVATED;
    if (activation_state_closes(standing->activation))
        return VERDICT_REVOKED;
    if (term_state_closes(standing->term))
        return VERDICT_EXPIRED;
    if (contact_state_closes(standing->contact))
        return VERDICT_STALE;
    if (usage_state_closes(standing->usage.state))
        return VERDICT_OVER;
    return VERDICT_OPEN;
}

/* The grace lets everyone in while it is available and while it runs; once spent nobody passes the limit. */
static bool limits(const struct usage *usage, bool spare_grace)
{
    return usage->state == USAGE_ENFORCED || (spare_grace && usage->grace_started_ms == 0);
}

struct verdict verdict_of(const struct standing *standing, uint32_t users, bool spare_grace)
{
    struct verdict verdict = {.reason = reason_of(standing)};
    if (verdict.reason != VERDICT_OPEN)
        return verdict;
    bool run_out = users >= standing->grant.limit && limits(&standing->usage, spare_grace);
    verdict.open = true;
    verdict.admission = run_out ? ADMISSION_HOLDERS : ADMISSION_ALL;
    return verdict;
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

const char *admission_name(enum admission admission)
{
    static const char *const names[] = {
        [ADMISSION_NONE] = "none", [ADMISSION_HOLDERS] = "holders", [ADMISSION_ALL] = "all"};
    static_assert(COUNT(names) == ADMISSION_MAX, "every admission has a name");
    return names[admission];
}
