#include "host.h"

#include <inttypes.h>

#define STEPS_AT_ONCE_MAX 20000 /* without time going on: then it never comes to rest */

static void check_level(struct host *host, const struct core_status *status)
{
    struct people_level level = people_count(host->ready ? &host->truth : &host->ledger.now.known,
                                             host->ledger.now.count_disconnected);
    if (status->level.concurrent_users != level.users || status->level.exempt != level.exempt)
        witness_fail(host->around.witness, CHECK_LEVEL, host->number,
                     "%u concurrent users and %u exempt, should be %u and %u", status->level.concurrent_users,
                     status->level.exempt, level.users, level.exempt);
}

/* Since when users have exceeded the limit, or kept it, before the event of this step. */
static int64_t note_exceeding(struct host *host)
{
    const struct judge *judge = &host->judge;
    bool exceeding = judge->activation != ACTIVATION_NONE && judge->users > judge->limit;
    int64_t before_ms = host->exceeding_moved_ms < judge->now_ms ? host->exceeding_moved_ms : judge->now_ms;
    host->exceeding_moved_ms = exceeding == host->was_exceeding ? before_ms : judge->now_ms;
    host->was_exceeding = exceeding;
    return before_ms;
}

/* RULES §3.7 and §3.8 by their outcome: what came, came at its time. */
static void check_bounds(struct host *host, const struct step *step, const struct core_status *status)
{
    const struct judge *judge = &host->judge;
    bool over = status->standing.usage.state == USAGE_OVER, exceeded = host->was_exceeding;
    bool changed = over != host->was_over, same_farm = judge->usage.farm == host->exceeding_farm;
    int64_t since_ms = note_exceeding(host), ends_ms = judge_grace_ends(judge);
    bool on_time = step->event->type == EVENT_TIMER && !host->step_was_late;
    host->was_over = over;
    host->exceeding_farm = judge->usage.farm;
    if (!same_farm)
        host->exceeding_moved_ms = judge->now_ms;
    if (!changed || !same_farm) /* another farm brings its own history */
        return;
    int64_t for_ms = judge->now_ms - (over && ends_ms > since_ms ? ends_ms : since_ms);
    if (over && (!exceeded || for_ms < 60 * MINUTE_MS || (on_time && for_ms > 80 * MINUTE_MS)))
        witness_fail(host->around.witness, CHECK_OVERUSE_BOUNDS, host->number,
                     "deactivated %" PRId64 " ms after the limit was exceeded", for_ms);
    if (!over && on_time && (exceeded || for_ms > 20 * MINUTE_MS))
        witness_fail(host->around.witness, CHECK_OVERUSE_BOUNDS, host->number,
                     "activated again %" PRId64 " ms after the limit was kept", for_ms);
}

static void check_gate(struct host *host, const struct step *step, const struct core_status *status)
{
    const struct judge *judge = &host->judge;
    enum verdict_reason due = judge_verdict(judge, false), before = judge_verdict(judge, true);
    enum usage_state usage = judge_usage_state(judge, false);
    bool in_between = !step->inclusive && (due != before || usage != judge_usage_state(judge, true));
    if (in_between)
        return;
    if (status->verdict.reason != due)
        witness_fail(host->around.witness, CHECK_GATE, host->number, "the verdict is %s, should be %s",
                     verdict_reason_name(status->verdict.reason), verdict_reason_name(due));
    else if (judge->activation != ACTIVATION_NONE && status->standing.usage.state != usage)
        witness_fail(host->around.witness, CHECK_GATE, host->number, "usage is %s, should be %s",
                     usage_state_name(status->standing.usage.state), usage_state_name(usage));
    else if (status->verdict.admission != judge_admission(judge))
        witness_fail(host->around.witness, CHECK_ADMISSION, host->number, "admission is %s, should be %s",
                     admission_name(status->verdict.admission), admission_name(judge_admission(judge)));
    if (due == VERDICT_EXPIRED)
        witness_note(host->around.witness, judge->trial ? HAPPENED_TRIAL_OVER : HAPPENED_EXPIRED);
    else if (due == VERDICT_STALE)
        witness_note(host->around.witness, HAPPENED_STALE);
    else if (due == VERDICT_OPEN && status->standing.term == TERM_EXPIRY_GRACE)
        witness_note(host->around.witness, HAPPENED_EXPIRY_GRACE);
}

void host_check_not_missed(struct host *host, int64_t now_ms)
{
    int64_t due_ms = judge_due(&host->judge);
    bool on_time = host->late_ms == 0 && !host->overslept;
    host->step_was_late = !on_time;
    if (host->ready && on_time && due_ms != JUDGE_NEVER && now_ms > due_ms + 1)
        witness_fail(host->around.witness, CHECK_GATE, host->number,
                     "the verdict was due %" PRId64 " ms ago, and nobody asked", now_ms - due_ms);
    host->overslept = false;
    host->late_ms = 0;
}

/* The report's next instant is within the bounds of what happened to the last. */
static void check_report(struct host *host, const struct step *step, const struct core_status *status)
{
    int64_t due_ms = status->next_report_ms, now_ms = step->now_ms;
    int64_t phase_ms = host_phase(host->identity.farm_id);
    int64_t tick_ms = window_start(now_ms - phase_ms) + phase_ms + WINDOW_MS;
    if (step->code != 0 || status->farm_id == NULL)
        return;
    if (step->event->type == EVENT_REPORT_ACCEPTED) {
        bool goes_on = status->windows_queued > 0 && host->flight_count == REPORTER_BATCH_MAX;
        host->failures_in_row = 0;
        if (!goes_on && due_ms != INT64_MAX && due_ms != tick_ms && due_ms != tick_ms + WINDOW_MS)
            witness_fail(host->around.witness, CHECK_CYCLES, host->number,
                         "after a report the next is due in %" PRId64 " ms, the cycle in %" PRId64,
                         due_ms - now_ms, tick_ms - now_ms);
        return;
    }
    if (step->event->type != EVENT_REPORT_FAILED || due_ms == INT64_MAX)
        return;
    int64_t asked_ms = host->retry_after_ms, most_ms = 5000;
    for (unsigned i = 0; i < host->failures_in_row && most_ms < WINDOW_MS; i++)
        most_ms *= 2;
    most_ms = most_ms < WINDOW_MS ? most_ms : WINDOW_MS;
    int64_t least_ms = asked_ms >= SECOND_MS ? asked_ms : SECOND_MS;
    if (asked_ms >= 0)
        most_ms = asked_ms + asked_ms / 10 > SECOND_MS ? asked_ms + asked_ms / 10 : SECOND_MS;
    host->failures_in_row++;
    if (due_ms != tick_ms && (due_ms < now_ms + least_ms || due_ms > now_ms + most_ms || due_ms > tick_ms))
        witness_fail(host->around.witness, CHECK_RETRIES, host->number,
                     "failure %u: tried again after %" PRId64 " ms, not %" PRId64 " to %" PRId64,
                     host->failures_in_row, due_ms - now_ms, least_ms, most_ms);
}

/* A report that was answered is the cycle's: the next is another cycle's, unless somebody hurries. */
static void check_cycle(struct host *host, const struct step *step)
{
    int64_t cycle = window_start(step->now_ms - host_phase(host->identity.farm_id));
    unsigned reports = 0;
    for (size_t i = 0; i < step->closed.count; i++)
        reports += step->closed.actions[i].type == ACTION_REPORT;
    bool asked = host->around.mistake != MISTAKE_REPORT_REPEATED && step->event->type == EVENT_REPORT_NOW;
    bool hurried = asked || step->event->type == EVENT_ACTIVATED;
    if (reports > 1 || (reports == 1 && !hurried && cycle <= host->cycle_done))
        witness_fail(host->around.witness, CHECK_CYCLES, host->number,
                     "%u reports, in a cycle that had its own", reports);
    if (step->event->type == EVENT_REPORT_ACCEPTED && step->code == 0)
        host->cycle_done = host->flight_count < REPORTER_BATCH_MAX ? host->cycle_sent : INT64_MIN;
    if (reports > 0)
        host->cycle_sent = cycle;
    if (hurried)
        host->cycle_done = INT64_MIN;
}

static void check_queue(struct host *host, const struct core_status *status)
{
    if (status->farm_id != NULL && status->windows_queued != host->ledger.now.queued)
        witness_fail(host->around.witness, CHECK_CONSERVATION, host->number,
                     "%zu windows are queued, should be %zu", status->windows_queued,
                     host->ledger.now.queued);
}

static void check_rest(struct host *host, const struct step *step)
{
    int64_t after_ms = clock_now_ms(&host->clock);
    if (after_ms != licence_time_now(&host->time, &host->machine))
        witness_fail(host->around.witness, CHECK_LICENCE_TIME, host->number,
                     "licence time is %" PRId64 " ms beside the rule's",
                     after_ms - licence_time_now(&host->time, &host->machine));
    host->steps_at_once = *host->around.true_ms == host->stepped_ms ? host->steps_at_once + 1 : 0;
    host->stepped_ms = *host->around.true_ms;
    if (host->steps_at_once > STEPS_AT_ONCE_MAX)
        witness_fail(host->around.witness, CHECK_STEPS, host->number,
                     "it steps and steps and comes to no rest");
    bool may_fail = step->event->type == EVENT_ACTIVATED || step->event->type == EVENT_ENTITLEMENT ||
                    step->event->type == EVENT_REPORT_ACCEPTED || step->event->type == EVENT_REPORT_FAILED;
    if (step->code != 0 && !may_fail)
        witness_fail(host->around.witness, CHECK_STEPS, host->number, "event %d failed: %s",
                     step->event->type, core_error_text(step->code));
}

void host_check(struct host *host, const struct step *step)
{
    struct core_status status;
    core_status(host->core, &status);
    check_level(host, &status);
    check_bounds(host, step, &status);
    if (host->ready)
        check_gate(host, step, &status);
    check_queue(host, &status);
    check_cycle(host, step);
    check_report(host, step, &status);
    check_rest(host, step);
}
