/* core_licence.c - what the authority says: activations, entitlements, answers to reports. */
#include "core_private.h"

#include <string.h>

/* An entitlement that was lost (a crash between two files, a damaged file) comes back with the next report;
 * one of a farm that was released does not. */
static bool has_lost_entitlement(const struct core *core)
{
    return core->standing.activation == ACTIVATION_NONE && !core->standing.copied && *core->farm_id != '\0' &&
           strcmp(core->standing.grant.farm_id, core->farm_id) != 0;
}

bool core_reports(const struct core *core)
{
    return core->standing.activation != ACTIVATION_NONE || has_lost_entitlement(core);
}

/* ---- licence time and entitlements --------------------------------------------------------------------- */

/* Licence time becomes issued_at (RULES §3.1). Forward it passes; backward event time waits for it. */
static void correct_clock(struct core *core, int64_t issued_at_ms)
{
    int64_t by_ms = issued_at_ms - core->clock_ms;
    bool is_said = by_ms <= -CORE_CLOCK_SAID_MS || by_ms >= CORE_CLOCK_SAID_MS;
    if (is_said)
        core_reclaim_corrected(core, by_ms);
    core_move_time(core, issued_at_ms, false);
    reporter_corrected(core->reporter, issued_at_ms);
    if (!is_said)
        return;
    struct log_event event = {.code = LOG_clock_corrected};
    log_event_number(&event, "seconds", by_ms / 1000);
    log_event_number(&event, "now_at", issued_at_ms);
    core_log(core, &event);
}

static int refuse(struct core *core, int code)
{
    struct log_event event = {.code = LOG_entitlement_refused};
    log_event_text(&event, "detail", core_error_text(code));
    core_log(core, &event);
    return code;
}

static void say_grant(struct core *core, enum log_event_code code)
{
    const struct grant *grant = &core->standing.grant;
    struct log_event event = {.code = code};
    log_event_text(&event, "farm_id", grant->farm_id);
    log_event_number(&event, "serial", (int64_t)grant->serial);
    log_event_number(&event, "limit", grant->limit);
    log_event_number(&event, "expires_at", grant->expires_at_ms);
    core_log(core, &event);
}

/* Applied all the same, as the rules say. */
static void say_unusual(struct core *core, const struct grant *grant, const struct grant *before)
{
    char oddity[GRANT_ODDITY_BYTES];
    if (strcmp(grant->farm_id, before->farm_id) == 0 && grant->limit != before->limit) {
        struct log_event event = {.code = LOG_limit_changed};
        log_event_number(&event, "limit", grant->limit);
        log_event_number(&event, "before", before->limit);
        core_log(core, &event);
    }
    if (grant_is_odd(grant, oddity)) {
        struct log_event event = {.code = LOG_entitlement_odd};
        log_event_number(&event, "serial", (int64_t)grant->serial);
        log_event_text(&event, "detail", oddity);
        core_log(core, &event);
    }
}

static void say_deactivated(struct core *core)
{
    struct log_event event = {.code = LOG_farm_deactivated};
    log_event_text(&event, "farm_id", core->standing.grant.farm_id);
    log_event_text(&event, "reason", core->standing.grant.reason);
    core_log(core, &event);
}

/* At equal instants: entitlements, timers, validation (RULES §3.5). The farm's phase may be another one now:
 * what lies before the entitlement is not missed. */
static void after_grant(struct core *core)
{
    core->validation_due_ms = core_phase_after(core, core->clock_ms);
    core_move_time(core, core->clock_ms, true);
    if (core->started)
        core_validate(core);
}

static int64_t clock_of(const struct core_event *event, const struct grant *grant)
{
    return event->clock_ms != 0 ? event->clock_ms : grant->issued_at_ms;
}

static int entitlement(struct core *core, const struct core_event *event)
{
    const struct grant *grant = event->grant;
    int64_t clock_ms = clock_of(event, grant);
    if (!core_reports(core))
        return refuse(core, CORE_NOT_ACTIVE);
    int code = standing_check(&core->standing, core->farm_id, core->installation_id, grant);
    if (code < 0)
        return refuse(core, code);
    if (!core_actions_clock(core->actions, clock_ms))
        return CORE_NO_MEMORY;
    correct_clock(core, clock_ms);
    enum activation_state before = core->standing.activation;
    struct grant last = core->standing.grant;
    bool is_news = grant->serial != last.serial || before == ACTIVATION_NONE;
    core_grant(core, grant, before == ACTIVATION_NONE);
    if (is_news) {
        say_grant(core, LOG_entitlement_applied);
        say_unusual(core, grant, &last);
    }
    if (before != ACTIVATION_REVOKED && core->standing.activation == ACTIVATION_REVOKED)
        say_deactivated(core);
    after_grant(core);
    return 0;
}

/* ---- activation ---------------------------------------------------------------------------------------- */

static bool id_fits(const char *id)
{
    return id != NULL && *id != '\0' && strlen(id) <= GRANT_ID_BYTES_MAX;
}

static int check_activation(const struct core *core, const struct core_event *event)
{
    if (!id_fits(event->activated.farm_id) || !id_fits(event->activated.installation_id))
        return CORE_INVALID;
    return standing_check(&core->standing, event->activated.farm_id, event->activated.installation_id,
                          event->activated.grant);
}

/* A window that closes before the activation is not the new farm's: it was opened under no farm or another,
 * whose windows are never sent any more. Nobody gets it (RULES §3.2). */
int core_activated(struct core *core, const struct core_event *event, int64_t now_ms)
{
    const struct grant *grant = event->activated.grant;
    int64_t clock_ms = clock_of(event, grant);
    int code = check_activation(core, event);
    if (code == 0 && !core_actions_clock(core->actions, clock_ms))
        code = CORE_NO_MEMORY;
    if (code == 0 && strcmp(core->farm_id, event->activated.farm_id) != 0)
        (void)reporter_start(core->reporter, NULL, 0, now_ms);
    core_move_time(core, now_ms, false);
    if (code < 0)
        return code == CORE_NO_MEMORY ? code : refuse(core, code);
    correct_clock(core, clock_ms);
    (void)reporter_start(core->reporter, event->activated.farm_id, event->activated.next_sequence,
                         core->clock_ms); /* takes any id that fits */
    bool again = core->standing.activation == ACTIVATION_REVOKED &&
                 strcmp(core->farm_id, event->activated.farm_id) == 0;
    memcpy(core->farm_id, event->activated.farm_id, strlen(event->activated.farm_id) + 1);
    memcpy(core->installation_id, event->activated.installation_id,
           strlen(event->activated.installation_id) + 1);
    struct grant last = core->standing.grant;
    core_grant(core, grant, true);
    core->outage = OUTAGE_NONE;
    say_grant(core, again ? LOG_farm_reactivated : LOG_farm_activated);
    say_unusual(core, grant, &last);
    if (core->standing.activation == ACTIVATION_REVOKED)
        say_deactivated(core);
    after_grant(core);
    return 0;
}

static void stop_reporting(struct core *core)
{
    (void)reporter_start(core->reporter, NULL, 0, core->clock_ms);
    core->outage = OUTAGE_NONE;
}

static int released(struct core *core)
{
    if (!core_reports(core))
        return CORE_NOT_ACTIVE;
    struct log_event event = {.code = LOG_farm_released};
    log_event_text(&event, "farm_id", core->farm_id);
    core_log(core, &event);
    if (has_lost_entitlement(core)) /* now none is missing */
        standing_name(&core->standing, core->farm_id);
    standing_release(&core->standing);
    core->standing_moved = true;
    stop_reporting(core);
    return 0;
}

static int copied(struct core *core)
{
    struct log_event event = {.code = LOG_farm_copied};
    core_log(core, &event);
    core->standing_moved |= !core->standing.copied || core->standing.activation != ACTIVATION_NONE;
    core->standing.copied = true;
    standing_release(&core->standing);
    stop_reporting(core);
    return 0;
}

/* ---- answers to reports -------------------------------------------------------------------------------- */

static void set_aside(struct core *core, uint64_t sequence, const char *reason)
{
    struct persist persist = {.type = PERSIST_SET_ASIDE,
                              .acknowledged = {.sequence = sequence, .reason = reason}};
    struct log_event event = {.code = LOG_window_refused};
    core_persist(core, &persist);
    log_event_number(&event, "sequence", (int64_t)sequence);
    log_event_text(&event, "detail", reason);
    core_log(core, &event);
}

static void keep_acknowledged(struct core *core, uint64_t first, uint64_t last)
{
    struct persist persist = {.type = PERSIST_ACKNOWLEDGED,
                              .acknowledged = {.sequence = last, .first = first}};
    core_persist(core, &persist);
}

static void say_acknowledged(struct core *core, uint64_t last)
{
    struct log_event event = {.code = LOG_report_accepted};
    log_event_number(&event, "sequence", (int64_t)last);
    core_log(core, &event);
}

static void acknowledge(struct core *core, uint64_t through)
{
    size_t count;
    const struct window *batch = reporter_batch(core->reporter, &count);
    uint64_t first = count > 0 ? batch[0].sequence : 0;
    uint64_t last = reporter_acknowledge(core->reporter, through);
    if (last == 0)
        return;
    keep_acknowledged(core, first, last);
    say_acknowledged(core, last);
}

/* The last one acknowledged; 0: none. */
static uint64_t acknowledge_carried(struct core *core, uint64_t through)
{
    size_t count;
    const struct window *unsent = reporter_unsent(core->reporter, &count);
    uint64_t first = count > 0 ? unsent[0].sequence : 0;
    uint64_t last = reporter_acknowledge_carried(core->reporter, through);
    if (last != 0)
        keep_acknowledged(core, first, last);
    return last;
}

/* ---- numbers that were used before --------------------------------------------------------------------- */

/* A database that was set back (a snapshot, a backup) numbers windows again from where it was. The authority
 * tells a used number from a window sent again by the period, and refuses the number; from that window on all
 * are numbered anew, past what it has counted and what was given here, in one step: a crash before it is
 * durable has the same answer come again. Of an authority that only says how far it has counted, later
 * windows are numbered past that all the same. */
static bool is_number_used(const struct core_refused_window *refused)
{
    return refused->reason != NULL && strcmp(refused->reason, CORE_NUMBER_USED) == 0;
}

static bool holds(const struct window *windows, size_t count, uint64_t sequence)
{
    for (size_t i = 0; i < count; i++)
        if (windows[i].sequence == sequence)
            return true;
    return false;
}

/* The first of these windows whose number was used before; UINT64_MAX: none. */
static uint64_t first_used(const struct core_event *event, const struct window *windows, size_t count)
{
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < event->accepted.refused_count; i++) {
        const struct core_refused_window *refused = &event->accepted.refused[i];
        if (is_number_used(refused) && refused->sequence < first && holds(windows, count, refused->sequence))
            first = refused->sequence;
    }
    return first;
}

static void say_renumbered(struct core *core, uint64_t used, uint64_t sequence, size_t count)
{
    struct log_event event = {.code = LOG_windows_renumbered};
    log_event_number(&event, "used", (int64_t)used);
    log_event_number(&event, "sequence", (int64_t)sequence);
    log_event_number(&event, "count", (int64_t)count);
    core_log(core, &event);
}

static void number_on(struct core *core, uint64_t used, uint64_t counted)
{
    uint64_t next = reporter_next_sequence(core->reporter);
    bool was_set_back = reporter_go_on_after(core->reporter, counted);
    uint64_t sequence = reporter_next_sequence(core->reporter);
    size_t unsent, count = reporter_renumber(core->reporter, used);
    const struct window *windows = reporter_unsent(core->reporter, &unsent);
    for (size_t i = unsent - count; i < unsent; i++) {
        struct persist persist = {.type = PERSIST_WINDOW, .window = windows[i]};
        core_persist(core, &persist);
    }
    struct persist numbered = {.type = PERSIST_NEXT_SEQUENCE,
                               .next_sequence = reporter_next_sequence(core->reporter)};
    if (was_set_back)
        core_persist(core, &numbered);
    if (was_set_back || count > 0)
        say_renumbered(core, count > 0 ? used : next, sequence, count);
}

/* ---- reports and files --------------------------------------------------------------------------------- */

static uint64_t lesser(uint64_t left, uint64_t right)
{
    return left < right ? left : right;
}

/* A file's answer never acknowledges what the file did not carry. Windows leave a queue of a year at its
 * front, one after another: those before a refused one are acknowledged first. */
static int file_accepted(struct core *core, const struct core_event *event)
{
    uint64_t carried = event->accepted.carried_through, last = 0, acknowledged;
    size_t count;
    const struct window *unsent = reporter_unsent(core->reporter, &count);
    uint64_t used = first_used(event, unsent, count);
    uint64_t through = lesser(lesser(event->accepted.through, carried), used - 1);
    for (size_t i = 0; i < event->accepted.refused_count; i++) {
        const struct core_refused_window *refused = &event->accepted.refused[i];
        if (refused->sequence == 0 || refused->sequence > carried || is_number_used(refused))
            continue;
        acknowledged = acknowledge_carried(core, lesser(refused->sequence - 1, through));
        last = acknowledged != 0 ? acknowledged : last;
        if (reporter_set_aside_carried(core->reporter, refused->sequence))
            set_aside(core, refused->sequence, refused->reason != NULL ? refused->reason : "");
    }
    acknowledged = acknowledge_carried(core, through);
    last = acknowledged != 0 ? acknowledged : last;
    if (last != 0)
        say_acknowledged(core, last);
    number_on(core, used, event->accepted.through);
    return 0;
}

static int report_accepted(struct core *core, const struct core_event *event)
{
    if (event->accepted.carried_through != 0)
        return file_accepted(core, event);
    size_t count;
    const struct window *batch = reporter_batch(core->reporter, &count);
    uint64_t used = first_used(event, batch, count);
    for (size_t i = 0; i < event->accepted.refused_count; i++) {
        const struct core_refused_window *refused = &event->accepted.refused[i];
        if (!is_number_used(refused) && reporter_set_aside(core->reporter, refused->sequence))
            set_aside(core, refused->sequence, refused->reason != NULL ? refused->reason : "");
    }
    acknowledge(core, lesser(event->accepted.through, used - 1));
    if (!reporter_succeeded(core->reporter, core->clock_ms))
        return CORE_UNKNOWN;
    number_on(core, used, event->accepted.through);
    if (core->outage != OUTAGE_NONE) {
        struct log_event said = {.code = LOG_authority_reached};
        core_log(core, &said);
    }
    core->outage = OUTAGE_NONE;
    return 0;
}

/* Said when it begins and when its kind changes, not at every try. */
static int report_failed(struct core *core, const struct core_event *event)
{
    enum outage outage = event->failed.refused ? OUTAGE_REFUSED : OUTAGE_UNREACHABLE;
    if (!reporter_failed(core->reporter, event->failed.retry_after_ms, core->clock_ms))
        return CORE_UNKNOWN;
    if (outage == core->outage)
        return 0;
    core->outage = outage;
    struct log_event said = {.code =
                                 event->failed.refused ? LOG_authority_refused : LOG_authority_unreachable};
    log_event_text(&said, "detail", event->failed.detail);
    log_event_number(&said, "retry_at", reporter_due_ms(core->reporter));
    core_log(core, &said);
    return 0;
}

static int report_now(struct core *core)
{
    if (!core_reports(core))
        return CORE_NOT_ACTIVE;
    reporter_hurry(core->reporter, core->clock_ms);
    return 0;
}

int core_licence_event(struct core *core, const struct core_event *event)
{
    switch (event->type) {
    case EVENT_ENTITLEMENT:
        return entitlement(core, event);
    case EVENT_RELEASED:
        return released(core);
    case EVENT_COPIED:
        return copied(core);
    case EVENT_REPORT_ACCEPTED:
        return report_accepted(core, event);
    case EVENT_REPORT_FAILED:
        return report_failed(core, event);
    case EVENT_REPORT_NOW:
        return report_now(core);
    default:
        return CORE_INVALID;
    }
}
