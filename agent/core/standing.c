#include "standing.h"

#include "core_error.h"

#include <assert.h>
#include <string.h>

struct cell {
    const char *name;
    bool closes;
};

static const struct cell *cell_of(enum activation_state state)
{
    static const struct cell cells[] = {
        [ACTIVATION_NONE] = {"none", true},
        [ACTIVATION_ACTIVE] = {"active", false},
        [ACTIVATION_REVOKED] = {"revoked", true},
    };
    static_assert(sizeof(cells) / sizeof(cells[0]) == ACTIVATION_STATE_MAX, "every state has its cell");
    return &cells[state];
}

const char *activation_state_name(enum activation_state state)
{
    return cell_of(state)->name;
}

bool activation_state_closes(enum activation_state state)
{
    return cell_of(state)->closes;
}

static bool in_force(const struct standing *standing)
{
    return standing->activation != ACTIVATION_NONE;
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

/* ---- farms come and go --------------------------------------------------------------------------------- */

/* The usage of a farm that was here before, taken out of its place. */
static bool recall(struct standing *standing, const char *farm_id, struct former_farm *ret)
{
    struct former_farm *former = standing->former;
    size_t at = 0;
    while (at < STANDING_FORMER_MAX && strcmp(former[at].farm_id, farm_id) != 0)
        at++;
    if (at == STANDING_FORMER_MAX)
        return false;
    *ret = former[at];
    memmove(former + at, former + at + 1, (STANDING_FORMER_MAX - 1 - at) * sizeof(*former));
    former[STANDING_FORMER_MAX - 1] = (struct former_farm){0};
    return true;
}

static void remember(struct standing *standing)
{
    struct former_farm *former = standing->former;
    memmove(former + 1, former, (STANDING_FORMER_MAX - 1) * sizeof(*former));
    former[0] = (struct former_farm){.purchases = standing->grant.purchases, .usage = standing->usage};
    memcpy(former[0].farm_id, standing->grant.farm_id, sizeof(former[0].farm_id));
    usage_rest(&former[0].usage);
}

/* Usage and purchases of the grant's farm stand in place of those of the farm before. */
static void change_farms(struct standing *standing, const struct grant *grant)
{
    struct former_farm back = {.purchases = grant->purchases};
    if (strcmp(standing->grant.farm_id, grant->farm_id) == 0)
        return;
    bool was_here = recall(standing, grant->farm_id, &back);
    if (standing->grant.farm_id[0] != '\0')
        remember(standing);
    standing->usage = was_here ? back.usage : (struct usage){0};
    standing->grant.purchases = back.purchases;
    standing->grant.expires_at_ms = 0; /* the days said before were another farm's */
}

static void take(struct standing *standing, const struct grant *grant, int64_t now_ms)
{
    change_farms(standing, grant);
    if (grant->purchases > standing->grant.purchases)
        usage_purchased(&standing->usage);
    if (grant->expires_at_ms != standing->grant.expires_at_ms)
        standing->term_said = (struct term_said){0};
    standing->grant = *grant;
    standing->last_contact_ms = now_ms;
    standing->term = term_state_at(grant, now_ms);
    standing->contact = contact_state_at(grant, now_ms);
    standing->contact_said_days = contact_days_passed(grant, now_ms);
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
    standing->term = TERM_VALID;
    standing->contact = CONTACT_FRESH;
    usage_rest(&standing->usage);
}

void standing_name(struct standing *standing, const char *farm_id)
{
    struct grant unknown = {0};
    memcpy(unknown.farm_id, farm_id, strlen(farm_id) + 1);
    change_farms(standing, &unknown);
    unknown.purchases = standing->grant.purchases;
    standing->grant = unknown;
}

/* ---- levels and time ----------------------------------------------------------------------------------- */

void standing_judge(struct standing *standing, uint32_t users, int64_t settle_ms,
                    const struct usage_warnings *warnings, int64_t now_ms)
{
    if (!in_force(standing))
        return;
    struct usage *usage = &standing->usage;
    uint32_t limit = standing->grant.limit;
    usage_judge(usage, users > limit, settle_ms, now_ms);
    usage->warned_percent = usage_warning(warnings, usage->warned_percent, users, limit);
}

/* Of the days that have passed the most urgent was said, or is to be said now. */
static unsigned more_urgent(unsigned said_days, unsigned passed_days)
{
    bool news = passed_days != 0 && (said_days == 0 || passed_days < said_days);
    return news ? passed_days : said_days;
}

void standing_set_back(struct standing *standing, int64_t before_ms, int64_t now_ms)
{
    bool anew = before_ms - now_ms > STANDING_SAID_MS;
    usage_set_back(&standing->usage, anew, now_ms);
    for (size_t i = 0; i < STANDING_FORMER_MAX; i++)
        usage_set_back(&standing->former[i].usage, anew, now_ms);
    if (in_force(standing)) {
        standing->term = term_state_at(&standing->grant, now_ms);
        standing->contact = contact_state_at(&standing->grant, now_ms);
    }
    if (!anew)
        return;
    standing->term_said = term_said_at(&standing->grant, now_ms);
    standing->contact_said_days = contact_days_passed(&standing->grant, now_ms);
}

static int64_t least(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

/* What follows from the grant and the time alone. Warnings only add up. */
struct timed {
    enum term_state term;
    enum contact_state contact;
    unsigned term_days, grace_days, contact_days;
};

static struct timed timed_at(const struct standing *standing, int64_t now_ms)
{
    const struct grant *grant = &standing->grant;
    struct term_said passed = term_said_at(grant, now_ms);
    return (struct timed){
        .term = term_state_at(grant, now_ms),
        .contact = contact_state_at(grant, now_ms),
        .term_days = more_urgent(standing->term_said.days, passed.days),
        .grace_days = more_urgent(standing->term_said.grace_days, passed.grace_days),
        .contact_days = more_urgent(standing->contact_said_days, contact_days_passed(grant, now_ms)),
    };
}

static bool is_behind(const struct standing *standing, int64_t now_ms)
{
    struct timed timed = timed_at(standing, now_ms);
    return standing->term != timed.term || standing->contact != timed.contact ||
           standing->term_said.days != timed.term_days ||
           standing->term_said.grace_days != timed.grace_days ||
           standing->contact_said_days != timed.contact_days;
}

int64_t standing_due_ms(const struct standing *standing, int64_t now_ms)
{
    if (!in_force(standing))
        return INT64_MAX;
    if (is_behind(standing, now_ms))
        return now_ms;
    int64_t due_ms = least(term_due_ms(&standing->grant, now_ms), contact_due_ms(&standing->grant, now_ms));
    int64_t usage_ms = usage_due_ms(&standing->usage);
    return least(due_ms, usage_ms > now_ms ? usage_ms : now_ms);
}

void standing_pass(struct standing *standing, int64_t now_ms)
{
    if (!in_force(standing))
        return;
    struct timed timed = timed_at(standing, now_ms);
    standing->term = timed.term;
    standing->contact = timed.contact;
    standing->term_said = (struct term_said){.days = timed.term_days, .grace_days = timed.grace_days};
    standing->contact_said_days = timed.contact_days;
    usage_pass(&standing->usage, now_ms);
}

void standing_validate(struct standing *standing, int64_t now_ms)
{
    if (in_force(standing))
        usage_validate(&standing->usage, now_ms);
}
