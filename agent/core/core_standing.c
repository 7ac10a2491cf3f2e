/* core_standing.c - the four machines at work: how they are moved by levels, time, grants and validations,
 * and what is said of it. Every function compares before and after, so that each transition is said once. */
#include "core_private.h"

#include <string.h>

/* ---- what is said -------------------------------------------------------------------------------------- */

static void say_users(struct core *core, enum log_event_code code, const char *instant, int64_t at_ms)
{
    struct log_event event = {.code = code};
    log_event_number(&event, "users", tally_level(core->tally)->concurrent_users);
    log_event_number(&event, "limit", core->standing.grant.limit);
    if (instant != NULL)
        log_event_number(&event, instant, at_ms);
    core_log(core, &event);
}

static void say_days(struct core *core, enum log_event_code code, unsigned days, const char *instant,
                     int64_t at_ms)
{
    struct log_event event = {.code = code};
    if (days != 0)
        log_event_number(&event, "days", days);
    log_event_number(&event, instant, at_ms);
    core_log(core, &event);
}

static bool more_urgent(unsigned days, unsigned before)
{
    return days != 0 && (before == 0 || days < before);
}

static void say_term(struct core *core, const struct standing *before)
{
    const struct standing *now = &core->standing;
    int64_t expires_at_ms = now->grant.expires_at_ms, closes_ms = term_closes_ms(&now->grant);
    if (more_urgent(now->term_said.days, before->term_said.days))
        say_days(core, LOG_term_ends_soon, now->term_said.days, "expires_at", expires_at_ms);
    if (now->term != before->term && now->term == TERM_EXPIRY_GRACE)
        say_days(core, LOG_expiry_grace_started, 0, "grace_ends_at", closes_ms);
    if (more_urgent(now->term_said.grace_days, before->term_said.grace_days))
        say_days(core, LOG_expiry_grace_ends_soon, now->term_said.grace_days, "grace_ends_at", closes_ms);
    if (now->term != before->term && now->term == TERM_EXPIRED)
        say_days(core, LOG_term_expired, 0, "expires_at", expires_at_ms);
    if (now->term != before->term && now->term == TERM_VALID)
        say_days(core, LOG_term_renewed, 0, "expires_at", expires_at_ms);
}

static void say_contact(struct core *core, const struct standing *before)
{
    const struct standing *now = &core->standing;
    int64_t closes_ms = contact_closes_ms(&now->grant);
    if (more_urgent(now->contact_said_days, before->contact_said_days))
        say_days(core, LOG_contact_ends_soon, now->contact_said_days, "closes_at", closes_ms);
    if (now->contact != before->contact && now->contact == CONTACT_STALE)
        say_days(core, LOG_contact_stale, 0, "last_contact_at", now->last_contact_ms);
    if (now->contact != before->contact && now->contact == CONTACT_FRESH)
        say_days(core, LOG_contact_restored, 0, "closes_at", closes_ms);
}

static void say_warning(struct core *core, const struct usage *before)
{
    const struct usage *now = &core->standing.usage;
    if (now->warned_percent <= before->warned_percent)
        return;
    struct log_event event = {.code = now->warned_percent == 100 ? LOG_limit_reached : LOG_limit_near};
    if (now->warned_percent != 100)
        log_event_number(&event, "percent", now->warned_percent);
    log_event_number(&event, "users", tally_level(core->tally)->concurrent_users);
    log_event_number(&event, "limit", core->standing.grant.limit);
    core_log(core, &event);
}

/* In `enforced` to exceed the limit is a countdown; elsewhere it is just said. */
static void say_exceeding(struct core *core, const struct usage *before)
{
    const struct usage *now = &core->standing.usage;
    bool exceeds = now->exceeding_since_ms != 0, exceeded = before->exceeding_since_ms != 0;
    bool counts = now->state == USAGE_ENFORCED;
    if (exceeds && counts && (!exceeded || before->state != USAGE_ENFORCED))
        say_users(core, LOG_overuse_countdown_started, "deactivates_at", core_deactivates_ms(core));
    else if (!exceeds && exceeded && counts)
        say_users(core, LOG_overuse_countdown_stopped, NULL, 0);
    else if (exceeds && !exceeded)
        say_users(core, LOG_limit_exceeded, "grace_starts_at",
                  now->grace_started_ms != 0 ? now->grace_started_ms
                                             : now->exceeding_since_ms + now->settle_ms);
    else if (!exceeds && exceeded)
        say_users(core, LOG_limit_kept, NULL, 0);
}

static void say_purchased(struct core *core)
{
    struct log_event event = {.code = LOG_overuse_grace_renewed};
    log_event_number(&event, "purchases", (int64_t)core->standing.grant.purchases);
    core_log(core, &event);
}

static void say_usage(struct core *core, const struct usage *before)
{
    const struct usage *now = &core->standing.usage;
    bool moved = now->state != before->state;
    bool renewed = before->grace_started_ms != 0 && now->grace_started_ms == 0;
    int64_t ends_ms = usage_grace_ends_ms(now);
    say_warning(core, before);
    if (renewed)
        say_purchased(core);
    if (moved && now->state == USAGE_ENFORCED && before->state == USAGE_OVERUSE_GRACE)
        say_users(core, LOG_overuse_grace_spent, NULL, 0);
    say_exceeding(core, before);
    if (moved && now->state == USAGE_OVERUSE_GRACE)
        say_users(core, LOG_overuse_grace_started, "grace_ends_at", ends_ms);
    if (now->state == USAGE_OVERUSE_GRACE && now->grace_end_said && !before->grace_end_said)
        say_users(core, LOG_overuse_grace_ends_soon, "grace_ends_at", ends_ms);
    if (moved && now->state == USAGE_OVER)
        say_users(core, LOG_farm_over, "since_at", now->exceeding_since_ms);
    if (moved && now->state == USAGE_ENFORCED && before->state == USAGE_OVER)
        say_users(core, LOG_farm_within, NULL, 0);
}

static bool same_usage(const struct usage *left, const struct usage *right)
{
    return left->state == right->state && left->exceeding_since_ms == right->exceeding_since_ms &&
           left->settle_ms == right->settle_ms && left->grace_started_ms == right->grace_started_ms &&
           left->grace_end_said == right->grace_end_said && left->warned_percent == right->warned_percent;
}

static bool same_timed(const struct standing *left, const struct standing *right)
{
    return left->term == right->term && left->contact == right->contact &&
           left->term_said.days == right->term_said.days &&
           left->term_said.grace_days == right->term_said.grace_days &&
           left->contact_said_days == right->contact_said_days;
}

/* The grant was in force before and after: what moved is said and is to be stored. */
static void follow(struct core *core, const struct standing *before)
{
    if (!same_timed(&core->standing, before)) {
        core->standing_moved = true;
        say_term(core, before);
        say_contact(core, before);
    }
    if (!same_usage(&core->standing.usage, &before->usage)) {
        core->standing_moved = true;
        say_usage(core, &before->usage);
    }
}

/* ---- what moves them ----------------------------------------------------------------------------------- */

static void judge(struct core *core)
{
    standing_judge(&core->standing, tally_level(core->tally)->concurrent_users,
                   core->settings.overuse_settle_ms, &core->settings.limit_warnings, core->clock_ms);
}

void core_judge(struct core *core)
{
    struct usage before = core->standing.usage;
    judge(core);
    if (same_usage(&core->standing.usage, &before))
        return;
    core->standing_moved = true;
    say_usage(core, &before);
}

void core_pass(struct core *core)
{
    struct standing before = core->standing;
    standing_pass(&core->standing, core->clock_ms);
    follow(core, &before);
}

void core_validate(struct core *core)
{
    struct usage before = core->standing.usage;
    standing_validate(&core->standing, core->clock_ms);
    core->validation_due_ms = core_phase_after(core, core->clock_ms);
    if (same_usage(&core->standing.usage, &before))
        return;
    core->standing_moved = true;
    say_usage(core, &before);
}

void core_resettle(struct core *core)
{
    struct usage before = core->standing.usage;
    usage_resettle(&core->standing.usage, core->settings.overuse_settle_ms, core->clock_ms);
    if (same_usage(&core->standing.usage, &before))
        return;
    core->standing_moved = true;
    say_usage(core, &before);
}

void core_set_back(struct core *core, int64_t before_ms)
{
    struct standing before = core->standing;
    standing_set_back(&core->standing, before_ms, core->clock_ms);
    core->standing_moved = true;
    if (before.activation != ACTIVATION_NONE)
        follow(core, &before);
}

void core_grant(struct core *core, const struct grant *grant, bool activates)
{
    struct standing *standing = &core->standing, before = *standing;
    bool same_farm = strcmp(before.grant.farm_id, grant->farm_id) == 0;
    bool was_in_force = before.activation != ACTIVATION_NONE && same_farm;
    if (activates)
        standing_activate(standing, grant, core->clock_ms);
    else
        standing_apply(standing, grant, core->clock_ms);
    judge(core);
    core->standing_moved = true;
    if (!was_in_force) { /* what begins is said, what was before another's is not compared */
        before = (struct standing){.activation = ACTIVATION_NONE};
        before.usage = standing->usage;
        before.usage.exceeding_since_ms = 0;
        before.usage.warned_percent = 0;
        if (before.usage.state == USAGE_SETTLING)
            before.usage.state = USAGE_WITHIN;
    }
    before.contact_said_days = standing->contact_said_days; /* a contact needs no warning of its want */
    before.term_said = standing->term_said;                 /* said when time passes */
    follow(core, &before);
}
