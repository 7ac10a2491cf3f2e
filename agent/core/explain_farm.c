#include "clocks.h"
#include "explain_say.h"

#include <assert.h>
#include <stdlib.h>

/* So long before it the end of the term matters, and that of the contact even while reports arrive. */
#define TERM_MATTERS_MS    (90 * DAY_MS)
#define CONTACT_MATTERS_MS (7 * DAY_MS)

static uint32_t users_of(const struct core_status *status)
{
    return status->level.concurrent_users;
}

static uint32_t limit_of(const struct core_status *status)
{
    return status->standing.grant.limit;
}

static bool exceeds(const struct core_status *status)
{
    return status->standing.usage.exceeding_since_ms != 0;
}

/* How it is said where files are exchanged instead of reports. */
static enum explain_code by_its_way(const struct core_status *status, enum explain_code code)
{
    static const struct {
        enum explain_code reports, files;
    } ways[] = {
        {EXPLAIN_activation_lost, EXPLAIN_activation_lost_by_files},
        {EXPLAIN_contact_fresh, EXPLAIN_contact_fresh_by_files},
        {EXPLAIN_contact_stale, EXPLAIN_contact_stale_by_files},
        {EXPLAIN_next_contact_closes, EXPLAIN_next_contact_closes_by_files},
        {EXPLAIN_do_activate, EXPLAIN_do_activate_by_files},
        {EXPLAIN_do_move, EXPLAIN_do_move_by_files},
        {EXPLAIN_do_activate_anew, EXPLAIN_do_activate_anew_by_files},
        {EXPLAIN_do_activate_over_trial, EXPLAIN_do_activate_over_trial_by_files},
        {EXPLAIN_do_fetch, EXPLAIN_do_exchange},
        {EXPLAIN_do_renew, EXPLAIN_do_renew_by_files},
        {EXPLAIN_do_reach, EXPLAIN_do_exchange},
        {EXPLAIN_do_buy, EXPLAIN_do_buy_by_files},
    };
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && status->by_files; i++)
        if (ways[i].reports == code)
            return ways[i].files;
    return code;
}

/* With the numbers that most sentences have. */
static struct explain_sentence *say_numbers(struct explain_why *why, enum explain_code code,
                                            const struct core_status *status)
{
    struct explain_sentence *sentence = explain_say(why, code);
    explain_number(sentence, "users", users_of(status));
    explain_number(sentence, "limit", limit_of(status));
    return sentence;
}

/* ---- the gate ------------------------------------------------------------------------------------------ */

static void say_open(const struct core_status *status, struct explain_why *ret)
{
    bool holders = status->verdict.admission == ADMISSION_HOLDERS;
    if (holders)
        say_numbers(ret, EXPLAIN_gate_run_out, status);
    else if (users_of(status) > limit_of(status))
        say_numbers(ret, EXPLAIN_gate_open_above, status);
    else
        say_numbers(ret, EXPLAIN_gate_open, status);
    explain_say(ret, holders ? EXPLAIN_admits_holders : EXPLAIN_admits_all);
    if (holders)
        explain_say(ret, status->strict ? EXPLAIN_admits_exempt_desktops : EXPLAIN_admits_desktops);
}

/* A farm with an identity that has no entitlement gets it back with a report. */
static bool is_lost(const struct core_status *status)
{
    return status->verdict.reason == VERDICT_NOT_ACTIVATED && status->farm_id != NULL;
}

static enum explain_code closed_code(const struct core_status *status)
{
    static const enum explain_code codes[] = {
        [VERDICT_OPEN] = EXPLAIN_gate_open,       [VERDICT_NOT_ACTIVATED] = EXPLAIN_gate_not_activated,
        [VERDICT_COPIED] = EXPLAIN_gate_copied,   [VERDICT_REVOKED] = EXPLAIN_gate_revoked,
        [VERDICT_EXPIRED] = EXPLAIN_gate_expired, [VERDICT_STALE] = EXPLAIN_gate_stale,
        [VERDICT_OVER] = EXPLAIN_gate_over,
    };
    static_assert(sizeof(codes) / sizeof(codes[0]) == VERDICT_REASON_MAX, "every reason is said");
    if (status->verdict.reason == VERDICT_EXPIRED && status->standing.grant.trial)
        return EXPLAIN_gate_trial_ended;
    return is_lost(status) ? EXPLAIN_gate_not_known : codes[status->verdict.reason];
}

static void say_closed(const struct core_status *status, struct explain_why *ret)
{
    explain_say(ret, closed_code(status));
    explain_say(ret, status->strict ? EXPLAIN_admits_nobody : EXPLAIN_admits_returning);
    if (!status->strict)
        explain_say(ret, EXPLAIN_admits_desktops);
}

static void say_gate(const struct core_status *status, struct explain_why *ret)
{
    if (!status->started)
        explain_say(ret, EXPLAIN_gate_starting);
    else if (status->verdict.open)
        say_open(status, ret);
    else
        say_closed(status, ret);
    if (status->level.users == 0) {
        explain_say(ret, EXPLAIN_nobody_on);
        return;
    }
    struct explain_sentence *sentence = explain_say(ret, EXPLAIN_people_on);
    explain_number(sentence, "on", status->level.users);
    explain_number(sentence, "connections", status->level.connections);
    explain_number(sentence, "users", users_of(status));
}

/* ---- the machines -------------------------------------------------------------------------------------- */

static enum explain_code not_activated(const struct core_status *status)
{
    if (status->standing.copied)
        return EXPLAIN_activation_copied;
    if (is_lost(status))
        return EXPLAIN_activation_lost;
    return status->standing.grant.farm_id[0] != '\0' ? EXPLAIN_activation_released : EXPLAIN_activation_none;
}

static void say_activation(const struct core_status *status, struct explain_why *ret)
{
    const struct grant *grant = &status->standing.grant;
    switch (status->standing.activation) {
    case ACTIVATION_ACTIVE:
        explain_number(explain_say(ret, grant->trial ? EXPLAIN_activation_trial : EXPLAIN_activation_active),
                       "limit", grant->limit);
        return;
    case ACTIVATION_REVOKED:
        if (grant->reason[0] != '\0')
            explain_text(explain_say(ret, EXPLAIN_activation_revoked), "detail", grant->reason);
        else
            explain_say(ret, EXPLAIN_activation_revoked_unsaid);
        return;
    case ACTIVATION_NONE:
    case ACTIVATION_STATE_MAX:
        break;
    }
    explain_say(ret, by_its_way(status, not_activated(status)));
}

static void say_term(const struct core_status *status, struct explain_why *ret)
{
    const struct grant *grant = &status->standing.grant;
    enum term_state state = status->standing.term;
    if (grant->expires_at_ms == 0) {
        explain_say(ret, EXPLAIN_term_endless);
        return;
    }
    enum explain_code code = state == TERM_VALID          ? EXPLAIN_term_valid
                             : state == TERM_EXPIRY_GRACE ? EXPLAIN_term_grace
                                                          : EXPLAIN_term_expired;
    if (grant->trial)
        code = state == TERM_VALID ? EXPLAIN_term_trial : EXPLAIN_term_trial_ended;
    struct explain_sentence *sentence = explain_say(ret, code);
    explain_number(sentence, "expires_at", grant->expires_at_ms);
    if (code == EXPLAIN_term_grace || code == EXPLAIN_term_expired)
        explain_number(sentence, "closes_at", term_closes_ms(grant));
}

static void say_contact(const struct core_status *status, struct explain_why *ret)
{
    const struct standing *standing = &status->standing;
    bool endless = standing->grant.refresh_by_ms == 0;
    struct explain_sentence *sentence =
        explain_say(ret, by_its_way(status, endless                              ? EXPLAIN_contact_endless
                                            : standing->contact == CONTACT_STALE ? EXPLAIN_contact_stale
                                                                                 : EXPLAIN_contact_fresh));
    explain_number(sentence, "last_contact_at", standing->last_contact_ms);
    if (!endless)
        explain_number(sentence, "closes_at", contact_closes_ms(&standing->grant));
}

static void say_reports(const struct core_status *status, struct explain_why *ret)
{
    if (status->outage != OUTAGE_NONE && status->report_failures > 0)
        explain_number(explain_say(ret, status->outage == OUTAGE_REFUSED ? EXPLAIN_reports_refused
                                                                         : EXPLAIN_reports_unreachable),
                       "failures", status->report_failures);
}

static void say_usage(const struct core_status *status, struct explain_why *ret)
{
    const struct usage *usage = &status->standing.usage;
    static const enum explain_code codes[] = {
        [USAGE_WITHIN] = EXPLAIN_usage_within,       [USAGE_SETTLING] = EXPLAIN_usage_settling,
        [USAGE_OVERUSE_GRACE] = EXPLAIN_usage_grace, [USAGE_ENFORCED] = EXPLAIN_usage_enforced,
        [USAGE_OVER] = EXPLAIN_usage_over,
    };
    static_assert(sizeof(codes) / sizeof(codes[0]) == USAGE_STATE_MAX, "every state is said");
    bool counts_down = usage->state == USAGE_ENFORCED && exceeds(status);
    struct explain_sentence *sentence =
        say_numbers(ret, counts_down ? EXPLAIN_usage_counting_down : codes[usage->state], status);
    if (usage->state == USAGE_SETTLING || counts_down)
        explain_number(sentence, "since_at", usage->exceeding_since_ms);
    if (usage->state == USAGE_OVERUSE_GRACE)
        explain_number(sentence, "grace_started_at", usage->grace_started_ms);
    if (usage->state == USAGE_OVERUSE_GRACE || usage->state == USAGE_ENFORCED)
        explain_number(sentence, "grace_ends_at", usage_grace_ends_ms(usage));
    if (status->spare_grace && usage->grace_started_ms == 0)
        explain_number(explain_say(ret, EXPLAIN_grace_spared), "limit", limit_of(status));
}

static void say_machines(const struct core_status *status, struct explain_farm *ret)
{
    const struct standing *standing = &status->standing;
    struct explain_state states[EXPLAIN_MACHINE_MAX] = {
        [EXPLAIN_ACTIVATION] = {.machine = "activation",
                                .state = activation_state_name(standing->activation),
                                .closes = activation_state_closes(standing->activation)},
        [EXPLAIN_TERM] = {.machine = "term",
                          .state = term_state_name(standing->term),
                          .closes = term_state_closes(standing->term)},
        [EXPLAIN_CONTACT] = {.machine = "contact",
                             .state = contact_state_name(standing->contact),
                             .closes = contact_state_closes(standing->contact)},
        [EXPLAIN_USAGE] = {.machine = "usage",
                           .state = usage_state_name(standing->usage.state),
                           .closes = usage_state_closes(standing->usage.state)},
    };
    static void (*const say[])(const struct core_status *, struct explain_why *) = {
        [EXPLAIN_ACTIVATION] = say_activation,
        [EXPLAIN_TERM] = say_term,
        [EXPLAIN_CONTACT] = say_contact,
        [EXPLAIN_USAGE] = say_usage,
    };
    for (int machine = 0; machine < EXPLAIN_MACHINE_MAX; machine++) {
        ret->machines[machine] = states[machine];
        if (standing->activation != ACTIVATION_NONE || machine == EXPLAIN_ACTIVATION)
            say[machine](status, &ret->machines[machine].why);
        else
            explain_say(&ret->machines[machine].why, EXPLAIN_rests);
    }
    say_reports(status, &ret->machines[EXPLAIN_CONTACT].why);
}

/* ---- what happens next --------------------------------------------------------------------------------- */

/* While something keeps the gate closed, only what may open it matters. Nothing happens at INT64_MAX. */
static struct explain_sentence *add_step(struct explain_farm *farm, const struct core_status *status,
                                         int64_t at_ms, enum explain_code code, bool matters)
{
    struct explain_step *step = &farm->next[farm->next_count];
    *step = (struct explain_step){.at_ms = at_ms,
                                  .matters = matters && (status->verdict.open || code == EXPLAIN_next_opens),
                                  .sentence = explain_begin(code)};
    if (at_ms != INT64_MAX)
        farm->next_count++;
    return &step->sentence;
}

/* Of those at the farm's phase. */
static int64_t first_validation_from(const struct core_status *status, int64_t from_ms)
{
    int64_t next_ms = status->next_validation_ms;
    if (next_ms == INT64_MAX || from_ms <= next_ms)
        return next_ms;
    return next_ms + (from_ms - next_ms + WINDOW_MS - 1) / WINDOW_MS * WINDOW_MS;
}

static void add_deactivation(const struct core_status *status, int64_t hour_full_ms, struct explain_farm *ret)
{
    struct explain_sentence *sentence =
        add_step(ret, status, first_validation_from(status, hour_full_ms), EXPLAIN_next_deactivates, true);
    explain_number(sentence, "limit", limit_of(status));
    explain_number(sentence, "hour_full_at", hour_full_ms);
}

static void add_usage(const struct core_status *status, struct explain_farm *ret)
{
    const struct usage *usage = &status->standing.usage;
    int64_t settled_ms = farm_clock_ms(status, CLOCK_SETTLING_ENDS);
    int64_t grace_ends_ms = farm_clock_ms(status, CLOCK_OVERUSE_GRACE_ENDS);
    if (settled_ms != INT64_MAX) {
        struct explain_sentence *sentence = add_step(ret, status, settled_ms, EXPLAIN_next_settled, true);
        explain_number(sentence, "limit", limit_of(status));
        explain_number(sentence, "grace_ends_at", settled_ms + USAGE_GRACE_MS);
    }
    if (grace_ends_ms != INT64_MAX)
        explain_number(add_step(ret, status, grace_ends_ms, EXPLAIN_next_grace_ends, true), "limit",
                       limit_of(status));
    if (grace_ends_ms != INT64_MAX && exceeds(status))
        add_deactivation(status, grace_ends_ms + USAGE_OVER_AFTER_MS, ret);
    else if (status->deactivates_ms != INT64_MAX)
        add_deactivation(status, usage_deactivates_ms(usage), ret);
}

static void add_term_and_contact(const struct core_status *status, int64_t now_ms, struct explain_farm *ret)
{
    const struct standing *standing = &status->standing;
    int64_t expires_ms = farm_clock_ms(status, CLOCK_EXPIRES_AT);
    if (standing->term == TERM_VALID)
        add_step(ret, status, expires_ms,
                 standing->grant.trial ? EXPLAIN_next_trial_ends : EXPLAIN_next_expires,
                 expires_ms - now_ms <= TERM_MATTERS_MS);
    add_step(ret, status, farm_clock_ms(status, CLOCK_EXPIRY_GRACE_ENDS), EXPLAIN_next_term_closes, true);
    int64_t stale_ms = farm_clock_ms(status, CLOCK_REFRESH_BY);
    if (standing->contact == CONTACT_FRESH)
        add_step(ret, status, stale_ms, by_its_way(status, EXPLAIN_next_contact_closes),
                 status->report_failures > 0 || stale_ms - now_ms <= CONTACT_MATTERS_MS);
}

static void add_validation(const struct core_status *status, struct explain_farm *ret)
{
    int64_t at_ms = status->next_validation_ms;
    struct explain_sentence *sentence;
    if (status->standing.usage.state == USAGE_OVER) {
        bool opens = status->verdict.reason == VERDICT_OVER;
        sentence = add_step(ret, status, at_ms, opens ? EXPLAIN_next_opens : EXPLAIN_next_eases, true);
        explain_number(sentence, "limit", limit_of(status));
        explain_number(sentence, "users", users_of(status));
    } else if (status->standing.usage.state != USAGE_ENFORCED) {
        add_step(ret, status, at_ms, EXPLAIN_next_validation, false);
    } else if (!exceeds(status)) {
        sentence = add_step(ret, status, at_ms, EXPLAIN_next_validation_within, false);
        explain_number(sentence, "limit", limit_of(status));
    } else if (at_ms < status->deactivates_ms) {
        add_step(ret, status, at_ms, EXPLAIN_next_validation_early, false);
    }
}

static int by_instant(const void *left_step, const void *right_step)
{
    const struct explain_step *left = left_step, *right = right_step;
    if (left->at_ms != right->at_ms)
        return left->at_ms < right->at_ms ? -1 : 1;
    return (left->sentence.code > right->sentence.code) - (left->sentence.code < right->sentence.code);
}

/* At one instant in the order of the table, which is that of the rules (RULES §3.5). The other machines of a
 * revoked farm run on, but whatever becomes of them, only a new activation opens the gate. */
static void say_next(const struct core_status *status, int64_t now_ms, struct explain_farm *ret)
{
    if (status->standing.activation == ACTIVATION_ACTIVE) {
        add_usage(status, ret);
        add_term_and_contact(status, now_ms, ret);
        add_validation(status, ret);
    }
    add_step(ret, status, status->next_report_ms,
             status->report_failures > 0 ? EXPLAIN_next_retry : EXPLAIN_next_report, false);
    qsort(ret->next, ret->next_count, sizeof(ret->next[0]), by_instant);
}

/* ---- what would change it ------------------------------------------------------------------------------ */

static void say_activation_remedy(const struct core_status *status, struct explain_why *ret)
{
    if (status->verdict.reason == VERDICT_COPIED)
        explain_say(ret, by_its_way(status, EXPLAIN_do_move));
    else if (status->verdict.reason == VERDICT_REVOKED)
        explain_say(ret, by_its_way(status, EXPLAIN_do_activate_anew));
    else if (status->verdict.reason == VERDICT_NOT_ACTIVATED)
        explain_say(ret, by_its_way(status, is_lost(status) ? EXPLAIN_do_fetch : EXPLAIN_do_activate));
}

static void say_usage_remedy(const struct core_status *status, struct explain_why *ret)
{
    if (exceeds(status))
        explain_number(explain_say(ret, EXPLAIN_do_log_off), "excess",
                       (int64_t)users_of(status) - limit_of(status));
    if (status->verdict.admission == ADMISSION_HOLDERS)
        explain_say(ret, EXPLAIN_do_free);
    if (status->verdict.reason == VERDICT_OVER && !exceeds(status) && !status->by_files)
        explain_say(ret, EXPLAIN_do_validate);
    if (status->standing.usage.grace_started_ms != 0)
        explain_say(ret, by_its_way(status, EXPLAIN_do_buy));
}

static void say_remedies(const struct core_status *status, struct explain_why *ret)
{
    const struct standing *standing = &status->standing;
    say_activation_remedy(status, ret);
    if (standing->activation == ACTIVATION_ACTIVE && standing->term != TERM_VALID)
        explain_say(ret, by_its_way(status, standing->grant.trial ? EXPLAIN_do_activate_over_trial
                                                                  : EXPLAIN_do_renew));
    if (standing->contact == CONTACT_STALE || status->outage != OUTAGE_NONE)
        explain_say(ret, by_its_way(status, EXPLAIN_do_reach));
    if (standing->activation == ACTIVATION_ACTIVE)
        say_usage_remedy(status, ret);
}

bool explain_what_matters(const struct explain_farm *farm, struct explain_step *ret)
{
    for (size_t i = 0; i < farm->next_count; i++) {
        if (farm->next[i].matters) {
            *ret = farm->next[i];
            return true;
        }
    }
    if (farm->open || farm->remedies.count == 0)
        return false;
    *ret =
        (struct explain_step){.at_ms = INT64_MAX, .matters = true, .sentence = farm->remedies.sentences[0]};
    return true;
}

void explain_farm(const struct core_status *status, int64_t now_ms, struct explain_farm *ret)
{
    *ret = (struct explain_farm){.open = status->verdict.open};
    say_gate(status, &ret->gate);
    say_machines(status, ret);
    say_next(status, now_ms, ret);
    say_remedies(status, &ret->remedies);
}
