#include "host.h"

#include <inttypes.h>
#include <stdio.h>

#define TIMER_LATE_MS SECOND_MS

/* For the eyes of whoever looks for a mistake. */
static void trace(const struct host *host, const struct step *step)
{
    static const char *const names[EVENT_TYPE_MAX] = {
        [EVENT_STARTED] = "started",      [EVENT_HOST_BOOTED] = "booted",
        [EVENT_HOST_SET] = "sessions",    [EVENT_ACTIVATED] = "activated",
        [EVENT_RELEASED] = "released",    [EVENT_COPIED] = "copied",
        [EVENT_ENTITLEMENT] = "entitled", [EVENT_REPORT_ACCEPTED] = "accepted",
        [EVENT_REPORT_FAILED] = "failed", [EVENT_REPORT_NOW] = "report now",
        [EVENT_SETTINGS] = "settings",    [EVENT_TIMER] = "timer"};
    struct core_status status;
    core_status(host->core, &status);
    printf("# %" PRId64 " L %" PRId64 " %-10s %d users %u of %u, %s, %s; due %" PRId64 ", report %" PRId64
           ", queue %zu, window %" PRId64 "; judge: %s, %s, since %" PRId64 ", grace %" PRId64 "\n",
           *host->around.true_ms, step->now_ms, names[step->event->type], step->code,
           status.level.concurrent_users, status.standing.grant.limit,
           verdict_reason_name(status.verdict.reason), usage_state_name(status.standing.usage.state),
           core_due_ms(host->core), status.next_report_ms, status.windows_queued, status.window.start_ms,
           verdict_reason_name(judge_verdict(&host->judge, false)),
           usage_state_name(judge_usage_state(&host->judge, false)), host->judge.exceeding_ms,
           host->judge.usage.grace_ms);
}

/* ---- the step ------------------------------------------------------------------------------------------ */

/* Licence time moves at once: every later step uses it. */
static void set_clock(struct host *host, const struct step *step)
{
    for (size_t i = 0; i < step->closed.count; i++) {
        if (step->closed.actions[i].type == ACTION_CLOCK)
            clock_set(&host->clock, step->closed.actions[i].clock_ms);
    }
}

int host_step(struct host *host, const struct core_event *event)
{
    struct step step = {.event = event, .now_ms = clock_now_ms(&host->clock)};
    size_t before, count;
    if (step.now_ms != licence_time_now(&host->time, &host->machine))
        witness_fail(host->around.witness, CHECK_LICENCE_TIME, host->number,
                     "licence time is %" PRId64 " ms beside the rule's",
                     step.now_ms - licence_time_now(&host->time, &host->machine));
    host_check_not_missed(host, step.now_ms);
    (void)core_actions_all(host->open->actions, &before);
    step.code = core_step(host->core, event, step.now_ms, host->open->actions);
    host->steps++;
    const struct action *actions = core_actions_all(host->open->actions, &count);
    step.closed =
        (struct ledger_closed){.actions = count > before ? actions + before : NULL, .count = count - before};
    set_clock(host, &step);
    host_follow(host, &step);
    host_check(host, &step);
    if (host->around.traced == (int)host->number)
        trace(host, &step);
    host_commit(host);
    if (host->core != NULL)
        host_arm(host);
    return step.code;
}

/* ---- the timer ----------------------------------------------------------------------------------------- */

void host_arm(struct host *host)
{
    int64_t due_ms = core_due_ms(host->core), now_ms = clock_now_ms(&host->clock);
    if (due_ms == INT64_MAX)
        return;
    int64_t at_ms =
        due_ms > now_ms ? machine_true_after(&host->machine, due_ms - now_ms) : *host->around.true_ms;
    if (host->around.mistake == MISTAKE_TIMER_LATE)
        at_ms += TIMER_LATE_MS;
    if (host->around.mistake == MISTAKE_TIMER_RESTLESS)
        at_ms = *host->around.true_ms;
    if (host->wake_ms <= at_ms)
        return;
    host->wake_ms = at_ms;
    heap_push(host->around.heap,
              (struct moment){.at_ms = at_ms, .type = MOMENT_WAKE, .host = host->number, .what = host->life});
}

void host_wake(struct host *host)
{
    struct core_event timer = {.type = EVENT_TIMER};
    host->wake_ms = INT64_MAX;
    bool restless = host->around.mistake == MISTAKE_TIMER_RESTLESS;
    if (clock_now_ms(&host->clock) >= core_due_ms(host->core) || restless)
        (void)host_step(host, &timer);
    else
        host_arm(host);
}

/* ---- who is let in ------------------------------------------------------------------------------------- */

/* RULES §4's table, by who is there. */
static bool is_to_be_let_in(struct host *host, unsigned person, enum connection_kind kind)
{
    struct people_level level = people_count(&host->truth, host->ledger.now.count_disconnected);
    bool present = (level.present >> person & 1) != 0, holder = (level.holders >> person & 1) != 0;
    bool administrator = kind == KIND_DESKTOP && person < host->traits->administrators;
    bool strict = host->judge.strict;
    struct witness *witness = host->around.witness;
    switch (judge_admission(&host->judge)) {
    case ADMISSION_NONE:
        if (!strict && present)
            witness_note(witness, HAPPENED_PRESENT_LET_IN);
        return !strict && (present || administrator);
    case ADMISSION_HOLDERS:
        if (holder || present)
            witness_note(witness, HAPPENED_HOLDER_LET_IN);
        else if (administrator && (!strict || level.exempt < TALLY_EXEMPT_PER_HOST))
            witness_note(witness, HAPPENED_ADMIN_LET_IN);
        else
            return false;
        return true;
    default:
        return true;
    }
}

bool host_admits(struct host *host, unsigned person, enum connection_kind kind)
{
    char user[PEOPLE_NAME_BYTES];
    struct core_status status;
    people_name(person, user);
    struct admission_question question = {
        .user = user,
        .host = host->name,
        .kind = kind,
        .administrator = person < host->traits->administrators ? ADMINISTRATOR_YES : ADMINISTRATOR_NO};
    core_status(host->core, &status);
    bool strict = host->around.mistake == MISTAKE_STRICT_FORGOTTEN ? false : status.strict;
    struct admission_answer answer =
        admission_decide(&status.verdict, strict, core_tally(host->core), &question);
    bool expected = is_to_be_let_in(host, person, kind);
    bool listed = expected && judge_admission(&host->judge) != ADMISSION_NONE;
    if (answer.gate != expected || answer.list != listed)
        witness_fail(host->around.witness, CHECK_ADMISSION, host->number, "user%u is %s wrongly (%s)", person,
                     answer.gate ? "let in" : "turned away", answer.code);
    if (!expected)
        witness_note(host->around.witness, HAPPENED_TURNED_AWAY);
    return answer.gate;
}
