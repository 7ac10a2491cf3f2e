/* store_uplink.c - a leader's reports, and an authority that answers them, or does not.
 *
 * An answer is given at the licence time at which it is stepped, so that it moves no clock: what that does is
 * for other tests. */
#include "store_farm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFRESH_MS (30 * DAY_MS)

/* ---- the authority ------------------------------------------------------------------------------------- */

static struct grant issue(struct store_farm *farm, int64_t at_ms)
{
    struct store_authority *authority = &farm->authority;
    struct grant grant = {.serial = ++authority->serial,
                          .status = GRANT_ACTIVE,
                          .limit = authority->limit,
                          .purchases = authority->purchases,
                          .issued_at_ms = at_ms,
                          .refresh_by_ms = at_ms + REFRESH_MS};
    (void)snprintf(grant.farm_id, sizeof grant.farm_id, "%s", authority->farm_id);
    (void)snprintf(grant.installation_id, sizeof grant.installation_id, STORE_INSTALLATION);
    return grant;
}

static struct rules_grant rules_of(const struct grant *grant)
{
    return (struct rules_grant){.serial = grant->serial,
                                .limit = grant->limit,
                                .purchases = grant->purchases,
                                .issued_ms = grant->issued_at_ms,
                                .refresh_ms = grant->refresh_by_ms};
}

static bool is_same_window(const struct window *one, const struct window *other)
{
    return one->start_ms == other->start_ms && one->end_ms == other->end_ms &&
           one->peak_users == other->peak_users && one->peak_at_ms == other->peak_at_ms &&
           one->users_at_end == other->users_at_end;
}

/* A window that comes again is the same one. */
static void take_windows(struct store_farm *farm, const struct window *windows, size_t count)
{
    struct store_authority *authority = &farm->authority;
    for (size_t i = 0; i < count && !farm->was_restored; i++) {
        size_t place = (size_t)windows[i].sequence - 1;
        if (place < authority->window_count) {
            if (!is_same_window(&windows[i], &authority->windows[place]))
                store_farm_fail(farm, "window %zu is reported again as another one", place + 1);
            continue;
        }
        if (place > authority->window_count)
            store_farm_fail(farm, "window %zu is reported before the one ahead of it", place + 1);
        if (authority->window_count == authority->window_room) {
            authority->window_room = authority->window_room == 0 ? 256 : 2 * authority->window_room;
            authority->windows =
                realloc(authority->windows, authority->window_room * sizeof *authority->windows);
            if (authority->windows == NULL)
                abort();
        }
        authority->windows[authority->window_count++] = windows[i];
    }
}

/* ---- on its way ---------------------------------------------------------------------------------------- */

void store_uplink_saved(struct store_host *host, const struct core_actions *actions)
{
    struct store_farm *farm = host->farm;
    size_t count;
    const struct action *all = core_actions_all(actions, &count);
    for (size_t i = 0; i < count; i++) {
        if (all[i].type != ACTION_REPORT)
            continue;
        (void)core_report_batch(host->core, &host->reported);
        host->answer_is_good = !chance_percent(&farm->chance, farm->authority.failing_percent);
        host->answer_at_ms = farm->now_ms + 1 + chance_below(&farm->chance, 3000);
    }
}

void store_uplink_pass(struct store_host *host)
{
    if (host->answer_at_ms != 0 && host->answer_at_ms <= host->farm->now_ms) {
        host->answer_at_ms = 0;
        host->answer_came = true;
        leader_wants_turn(host->leader);
    }
    if (host->wants_activation && host->is_live)
        leader_wants_turn(host->leader);
}

/* ---- what it said is stepped --------------------------------------------------------------------------- */

static void step(struct store_host *host, const struct core_event *event, const struct rules_event *rules)
{
    truth_life_stepped(host->life, rules);
    (void)leader_step(host->leader, event);
}

static void activate(struct store_host *host, int64_t at_ms)
{
    struct store_farm *farm = host->farm;
    struct store_authority *authority = &farm->authority;
    (void)snprintf(authority->farm_id, sizeof authority->farm_id, "f-%" PRIu64, farm->traits.seed);
    const struct grant grant = issue(farm, at_ms);
    struct rules_event rules = {.type = RULES_EVENT_ACTIVATED, .grant = rules_of(&grant)};
    struct core_event event = {.type = EVENT_ACTIVATED};
    (void)snprintf(rules.id, sizeof rules.id, "%s", authority->farm_id);
    (void)snprintf(host->identity.farm_id, sizeof host->identity.farm_id, "%s", authority->farm_id);
    event.activated.farm_id = authority->farm_id;
    event.activated.installation_id = STORE_INSTALLATION;
    event.activated.grant = &grant;
    step(host, &event, &rules);
    farm->happened[STORE_ACTIVATIONS]++;
}

static void accept(struct store_host *host, int64_t at_ms)
{
    struct store_farm *farm = host->farm;
    const struct grant grant = issue(farm, at_ms);
    size_t count;
    const struct window *windows = core_report_batch(host->core, &count);
    const struct core_event entitlement = {.type = EVENT_ENTITLEMENT, .grant = &grant};
    struct core_event accepted = {.type = EVENT_REPORT_ACCEPTED};
    const struct rules_event rules[] = {{.type = RULES_EVENT_GRANT, .grant = rules_of(&grant)},
                                        {.type = RULES_EVENT_ACCEPTED, .answered = UINT32_MAX}};
    if (count > host->reported)
        count = host->reported;
    take_windows(farm, windows, count);
    accepted.accepted.through = count > 0 ? windows[count - 1].sequence : 0;
    step(host, &entitlement, &rules[0]);
    step(host, &accepted, &rules[1]);
    farm->happened[STORE_REPORTS_ACCEPTED]++;
}

static void fail(struct store_host *host)
{
    static const struct rules_event rules = {.type = RULES_EVENT_FAILED};
    const struct core_event event = {.type = EVENT_REPORT_FAILED,
                                     .failed = {.retry_after_ms = -1, .detail = "no answer"}};
    step(host, &event, &rules);
    host->farm->happened[STORE_REPORTS_FAILED]++;
}

void store_uplink_turn(struct store_host *host)
{
    int64_t at_ms = farm_state_now_ms(leader_farm_state(host->leader));
    if (host->answer_came && host->answer_is_good)
        accept(host, at_ms);
    else if (host->answer_came)
        fail(host);
    host->answer_came = false;
    if (host->wants_activation)
        activate(host, at_ms);
    host->wants_activation = false;
}
