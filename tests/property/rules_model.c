#include "rules_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_MS       INT64_C(1000)
#define MINUTE_MS       (60 * SECOND_MS)
#define DAY_MS          (24 * 60 * MINUTE_MS)
#define WINDOW_MS       (20 * MINUTE_MS)
#define CYCLE_MS        (20 * MINUTE_MS)
#define GRACE_MS        (7 * DAY_MS)
#define EXPIRY_GRACE_MS (30 * DAY_MS)
#define OVER_AFTER_MS   (60 * MINUTE_MS)
#define HEALED_BY_MS    DAY_MS
#define TERM_STAGE_LAST 4 /* the last of the warnings before the term ends; behind it come the grace's */
#define COUNT(array)    (sizeof(array) / sizeof((array)[0]))

static const int usage_percent[] = {80, 90, 100};
static const int term_days[] = {0, 90, 30, 7, 1, 7, 1}; /* by stage */
static const int contact_days[] = {0, 7, 1};

/* ---- lists --------------------------------------------------------------------------------------------- */

static void *list_add(struct rules_list *list, size_t size)
{
    if (list->count == list->room) {
        list->room = list->room == 0 ? 16 : 2 * list->room;
        list->items = realloc(list->items, list->room * size);
        if (list->items == NULL)
            abort();
    }
    return (char *)list->items + list->count++ * size;
}

static void list_copy(struct rules_list *list, size_t size)
{
    const void *items = list->items;
    list->room = list->count;
    list->items = list->count == 0 ? NULL : malloc(list->count * size);
    if (list->count > 0) {
        if (list->items == NULL)
            abort();
        memcpy(list->items, items, list->count * size);
    }
}

static void tell(struct rules_model *model, int64_t at_ms, enum rules_what what, int64_t number)
{
    struct rules_told *told = list_add(&model->told, sizeof(*told));
    *told =
        (struct rules_told){.at_ms = at_ms, .event_at_ms = model->event_ms, .what = what, .number = number};
}

/* ---- event time: windows, days, levels (§2.6, §3.2) ---------------------------------------------------- */

static int64_t floor_to(int64_t ms, int64_t step_ms)
{
    return ms - (ms % step_ms + step_ms) % step_ms;
}

struct rules_level rules_level(const struct rules_model *model)
{
    return model->levels[model->level_count - 1];
}

static void add_level(struct rules_model *model, struct rules_level level)
{
    if (model->level_count == RULES_LEVELS_MAX)
        abort();
    model->levels[model->level_count++] = level;
}

static void raise_mark(struct rules_mark *mark, const struct rules_level *level)
{
    if (level->users > mark->users)
        *mark = (struct rules_mark){.users = level->users, .at_ms = level->at_ms};
}

/* After a batch: there is a new level. */
static void note_level(struct rules_model *model)
{
    struct rules_level level = rules_work_out_level(model);
    add_level(model, level);
    raise_mark(&model->today, &level);
    raise_mark(&model->ever, &level);
}

static uint64_t next_sequence(struct rules_model *model, const char *farm_id)
{
    for (size_t i = 0; i < model->farm_count; i++)
        if (rules_same(model->farms[i], farm_id))
            return model->farm_sequences[i]++;
    if (model->farm_count == RULES_FARMS_MAX)
        abort();
    (void)snprintf(model->farms[model->farm_count], sizeof(model->farms[0]), "%s", farm_id);
    model->farm_sequences[model->farm_count++] = 2;
    return 1;
}

static void begin_window(struct rules_model *model, struct rules_level carried, int64_t start_ms)
{
    carried.at_ms = start_ms;
    model->window_start_ms = start_ms;
    model->level_count = 0;
    add_level(model, carried);
}

static void begin_day(struct rules_model *model, int64_t start_ms)
{
    model->today = (struct rules_mark){.users = rules_level(model).users, .at_ms = start_ms};
}

struct rules_window rules_running(const struct rules_model *model)
{
    struct rules_window window = {
        .start_ms = model->window_start_ms, .end_ms = model->event_ms, .peak_at_ms = model->window_start_ms};
    for (size_t i = 0; i < model->level_count; i++) {
        const struct rules_level *level = &model->levels[i];
        if (i == 0 || level->users > window.peak_users) {
            window.peak_users = level->users;
            window.peak_at_ms = level->at_ms;
        }
        window.exempt_peak = level->exempt > window.exempt_peak ? level->exempt : window.exempt_peak;
        window.hosts = level->hosts > window.hosts ? level->hosts : window.hosts;
        window.users_at_end = level->users;
    }
    return window;
}

static void close_window(struct rules_model *model, int64_t end_ms)
{
    struct rules_window window = rules_running(model);
    window.end_ms = end_ms;
    if (model->activation != RULES_NONE && !model->another_farm) {
        window.sequence = next_sequence(model, model->usage.farm_id);
        *(struct rules_window *)list_add(&model->queue, sizeof(window)) = window;
    }
    *(struct rules_window *)list_add(&model->closed, sizeof(window)) = window;
}

static void finish_day(struct rules_model *model, int64_t start_ms)
{
    struct rules_day *day = list_add(&model->days, sizeof(*day));
    *day = (struct rules_day){.start_ms = start_ms, .mark = model->today};
}

static void move_event_time(struct rules_model *model, int64_t to_ms)
{
    for (int count = 0;; count++) {
        int64_t end_ms = floor_to(model->window_start_ms, WINDOW_MS) + WINDOW_MS;
        if (end_ms > to_ms)
            break;
        if (count == RULES_CATCH_UP_MAX) {
            begin_window(model, rules_level(model), to_ms);
            begin_day(model, to_ms);
            break;
        }
        close_window(model, end_ms);
        begin_window(model, rules_level(model), end_ms);
        if (end_ms % DAY_MS == 0) {
            finish_day(model, end_ms - DAY_MS);
            begin_day(model, end_ms);
        }
    }
    model->event_ms = to_ms;
}

/* ---- the four machines (§3) ---------------------------------------------------------------------------- */

static bool is_running(const struct rules_model *model)
{
    return model->activation != RULES_NONE;
}

static int64_t grace_end_ms(const struct rules_model *model)
{
    return model->usage.grace_started_ms + GRACE_MS;
}

static bool is_spent(const struct rules_model *model, int64_t at_ms)
{
    return model->usage.has_grace && at_ms >= grace_end_ms(model);
}

static enum rules_term term_at(const struct rules_model *model, int64_t at_ms)
{
    const struct rules_grant *grant = &model->grant;
    if (!is_running(model) || grant->expires_ms == 0 || at_ms < grant->expires_ms)
        return RULES_VALID;
    if (!grant->trial && at_ms < grant->expires_ms + EXPIRY_GRACE_MS)
        return RULES_EXPIRY_GRACE;
    return RULES_EXPIRED;
}

static enum rules_contact contact_at(const struct rules_model *model, int64_t at_ms)
{
    return is_running(model) && at_ms >= model->grant.refresh_ms ? RULES_STALE : RULES_FRESH;
}

static enum rules_usage_state usage_at(const struct rules_model *model, int64_t at_ms)
{
    if (!model->usage.has_grace)
        return model->usage.exceeding ? RULES_SETTLING : RULES_WITHIN;
    if (!is_spent(model, at_ms))
        return RULES_OVERUSE_GRACE;
    return model->usage.over ? RULES_OVER : RULES_ENFORCED;
}

static enum rules_reason reason_now(const struct rules_model *model)
{
    if (model->activation == RULES_NONE)
        return model->copied ? RULES_COPIED : RULES_NOT_ACTIVATED;
    if (model->activation == RULES_REVOKED)
        return RULES_WAS_REVOKED;
    if (model->term == RULES_EXPIRED)
        return RULES_HAS_EXPIRED;
    if (model->contact == RULES_STALE)
        return RULES_IS_STALE;
    return model->usage_state == RULES_OVER ? RULES_IS_OVER : RULES_OPEN;
}

static void start_grace(struct rules_usage *usage, int64_t at_ms)
{
    usage->has_grace = true;
    usage->grace_started_ms = at_ms;
    usage->grace_warned = false;
}

/* Settled for as long as the setting wants: the grace starts at this instant. */
static void settle(struct rules_model *model, int64_t at_ms)
{
    struct rules_usage *usage = &model->usage;
    if (is_running(model) && usage->exceeding && !usage->has_grace &&
        usage->exceeding_since_ms + model->settings.settle_ms <= at_ms)
        start_grace(usage, at_ms);
}

static void warn_of_users(struct rules_model *model)
{
    int64_t users = rules_level(model).users, limit = model->grant.limit;
    int say = 0;
    for (size_t i = 0; i < COUNT(usage_percent); i++) {
        int64_t percent = usage_percent[i];
        bool reached = limit == 0 ? users > 0 : users * 100 >= percent * limit;
        if (!model->latched[i] && reached)
            say = usage_percent[i];
        if (reached)
            model->latched[i] = true;
        else if (users == 0 || users * 100 < (percent - 5) * limit)
            model->latched[i] = false;
    }
    if (say != 0)
        tell(model, model->licence_ms, RULES_TOLD_USERS, say);
}

/* After every batch, at L: is the limit exceeded, since when? */
static void judge_users(struct rules_model *model)
{
    struct rules_usage *usage = &model->usage;
    if (!is_running(model))
        return;
    bool exceeding = rules_level(model).users > model->grant.limit;
    if (exceeding && !usage->exceeding)
        usage->exceeding_since_ms = model->licence_ms;
    if (exceeding != usage->exceeding)
        tell(model, model->licence_ms, RULES_TOLD_EXCEEDS, exceeding);
    usage->exceeding = exceeding;
    if (model->settings.settle_ms == 0)
        settle(model, model->licence_ms);
    warn_of_users(model);
}

/* Only a validation moves enforced to over and back (§3.5, §3.7, §3.8). */
static void validate(struct rules_model *model)
{
    struct rules_usage *usage = &model->usage;
    model->validated_ms = model->licence_ms;
    if (!is_spent(model, model->licence_ms))
        return;
    int64_t since_ms = usage->exceeding_since_ms;
    if (since_ms < grace_end_ms(model))
        since_ms = grace_end_ms(model);
    if (!usage->exceeding)
        usage->over = false;
    else if (model->licence_ms - since_ms >= OVER_AFTER_MS)
        usage->over = true;
}

/* ---- warnings ------------------------------------------------------------------------------------------ */

static int term_stage(const struct rules_model *model, int64_t at_ms)
{
    int64_t ends_ms = model->grant.expires_ms;
    int first = 1, last = TERM_STAGE_LAST, stage = 0;
    if (ends_ms == 0)
        return 0;
    if (at_ms >= ends_ms) {
        if (model->grant.trial)
            return 0;
        ends_ms += EXPIRY_GRACE_MS;
        first = TERM_STAGE_LAST + 1;
        last = (int)COUNT(term_days) - 1;
    }
    if (at_ms >= ends_ms)
        return 0;
    for (int i = first; i <= last; i++)
        if (at_ms >= ends_ms - term_days[i] * DAY_MS)
            stage = i;
    return stage;
}

static int contact_stage(const struct rules_model *model, int64_t at_ms)
{
    int stage = 0;
    if (at_ms >= model->grant.refresh_ms)
        return 0;
    for (int i = 1; i < (int)COUNT(contact_days); i++)
        if (at_ms >= model->grant.refresh_ms - contact_days[i] * DAY_MS)
            stage = i;
    return stage;
}

static void warn_of_ends(struct rules_model *model)
{
    int64_t at_ms = model->licence_ms;
    int term = term_stage(model, at_ms), contact = contact_stage(model, at_ms);
    if (term > model->term_said) {
        tell(model, at_ms, term > TERM_STAGE_LAST ? RULES_TOLD_EXPIRY_ENDS : RULES_TOLD_TERM_ENDS,
             term_days[term]);
        model->term_said = term;
    }
    if (contact > model->contact_said) {
        tell(model, at_ms, RULES_TOLD_CONTACT_ENDS, contact_days[contact]);
        model->contact_said = contact;
    }
    if (model->usage.has_grace && !model->usage.grace_warned && at_ms >= grace_end_ms(model) - DAY_MS &&
        at_ms < grace_end_ms(model)) {
        tell(model, at_ms, RULES_TOLD_GRACE_ENDS, 1);
        model->usage.grace_warned = true;
    }
}

/* ---- what time brings ---------------------------------------------------------------------------------- */

/* The states as they stand now; what moved is told with this instant. */
static void look(struct rules_model *model)
{
    int64_t at_ms = model->licence_ms;
    enum rules_term term = term_at(model, model->judged_ms);
    enum rules_contact contact = contact_at(model, model->judged_ms);
    bool rests = !is_running(model) && model->usage.has_grace;
    enum rules_usage_state usage = rests ? model->usage_state : usage_at(model, model->judged_ms);
    if (term != model->term)
        tell(model, at_ms, RULES_TOLD_TERM, term);
    if (contact != model->contact)
        tell(model, at_ms, RULES_TOLD_CONTACT, contact);
    if (usage != model->usage_state)
        tell(model, at_ms, RULES_TOLD_USAGE, usage);
    model->term = term;
    model->contact = contact;
    model->usage_state = usage;
    enum rules_reason reason = reason_now(model);
    if (model->started && reason != model->reason)
        tell(model, at_ms, RULES_TOLD_REASON, reason);
    model->reason = reason;
}

static void end_at(struct rules_model *model, size_t position)
{
    model->live[position] = model->live[--model->live_count];
}

/* A broker's record that was not told again in time (§2.9). */
static bool end_leases(struct rules_model *model)
{
    bool ended = false;
    for (size_t i = model->live_count; i-- > 0;)
        if (model->live[i].by_broker && model->settings.lease_ms > 0 &&
            model->live[i].lease_at_ms + model->settings.lease_ms <= model->event_ms) {
            end_at(model, i);
            ended = true;
        }
    return ended;
}

static void end_host(struct rules_model *model, const char *host)
{
    for (size_t i = model->live_count; i-- > 0;)
        if (rules_same(model->live[i].host, host))
            end_at(model, i);
}

static int64_t lost_at_ms(const struct rules_model *model, size_t host)
{
    bool runs = model->settings.lost_ms > 0 && model->silent_since_ms[host] != 0 && !model->lost[host];
    return runs ? model->silent_since_ms[host] + model->settings.lost_ms : RULES_NEVER;
}

/* Hosts that have been silent for so long (§2.10). */
static bool lose_hosts(struct rules_model *model)
{
    bool lost = false;
    for (size_t i = 0; i < model->boot_count; i++)
        if (lost_at_ms(model, i) <= model->licence_ms) {
            model->lost[i] = lost = true;
            end_host(model, model->boot_hosts[i]);
        }
    return lost;
}

/* Everything that is due at this instant: leases and lost hosts, then the machines' timers. */
static void let_fall_due(struct rules_model *model)
{
    model->judged_ms = model->licence_ms;
    if (end_leases(model)) {
        note_level(model);
        judge_users(model);
    }
    if (lose_hosts(model)) {
        note_level(model);
        judge_users(model);
    }
    settle(model, model->licence_ms);
    if (is_running(model))
        warn_of_ends(model);
}

static int64_t phase_of(const char *farm_id)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = farm_id; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    return (int64_t)(hash % (uint64_t)CYCLE_MS);
}

int64_t rules_phase_after_ms(const char *farm_id, int64_t ms)
{
    int64_t phase_ms = phase_of(farm_id);
    return floor_to(ms - phase_ms, CYCLE_MS) + phase_ms + CYCLE_MS;
}

static void earlier(int64_t *due_ms, int64_t at_ms, int64_t behind_ms)
{
    if (at_ms > behind_ms && at_ms < *due_ms)
        *due_ms = at_ms;
}

/* The end of the term and of its grace, and the days before them. */
static void earlier_of_term(const struct rules_model *model, int64_t *due_ms)
{
    const struct rules_grant *grant = &model->grant;
    int64_t ends_ms = grant->expires_ms, judged_ms = model->judged_ms;
    if (ends_ms == 0)
        return;
    for (int i = 0; i <= TERM_STAGE_LAST; i++)
        earlier(due_ms, ends_ms - term_days[i] * DAY_MS, judged_ms);
    if (grant->trial)
        return;
    ends_ms += EXPIRY_GRACE_MS;
    earlier(due_ms, ends_ms, judged_ms);
    for (int i = TERM_STAGE_LAST + 1; i < (int)COUNT(term_days); i++)
        earlier(due_ms, ends_ms - term_days[i] * DAY_MS, judged_ms);
}

static void earlier_of_usage(const struct rules_model *model, int64_t *due_ms)
{
    const struct rules_usage *usage = &model->usage;
    if (usage->exceeding && !usage->has_grace)
        earlier(due_ms, usage->exceeding_since_ms + model->settings.settle_ms, INT64_MIN);
    if (usage->has_grace && !usage->grace_warned)
        earlier(due_ms, grace_end_ms(model) - DAY_MS, model->judged_ms);
    if (usage->has_grace)
        earlier(due_ms, grace_end_ms(model), model->judged_ms);
}

/* The next instant, not before L, at which something but a validation falls due. */
static int64_t next_due_ms(const struct rules_model *model)
{
    int64_t due_ms = RULES_NEVER;
    for (size_t i = 0; i < model->live_count; i++) {
        int64_t ends_ms = model->live[i].lease_at_ms + model->settings.lease_ms;
        if (model->live[i].by_broker && model->settings.lease_ms > 0)
            earlier(&due_ms, ends_ms <= model->event_ms ? model->licence_ms : ends_ms, INT64_MIN);
    }
    for (size_t i = 0; i < model->boot_count; i++)
        earlier(&due_ms, lost_at_ms(model, i), INT64_MIN);
    if (is_running(model)) {
        earlier_of_usage(model, &due_ms);
        earlier_of_term(model, &due_ms);
        for (int i = 0; i < (int)COUNT(contact_days); i++)
            earlier(&due_ms, model->grant.refresh_ms - contact_days[i] * DAY_MS, model->judged_ms);
    }
    return due_ms < model->licence_ms ? model->licence_ms : due_ms;
}

static bool validates(const struct rules_model *model)
{
    return model->started && is_running(model);
}

/* Of the phase instants behind the last validation or correction and not after to_ms, the last one: missed
 * cycles run once. RULES_NEVER: there is none. */
static int64_t last_phase_ms(const struct rules_model *model, int64_t to_ms)
{
    if (!validates(model))
        return RULES_NEVER;
    int64_t phase_ms = rules_phase_after_ms(model->usage.farm_id, to_ms) - CYCLE_MS;
    return phase_ms > model->validated_ms ? phase_ms : RULES_NEVER;
}

/* L is somewhere else now. E follows it forward; back only if a wrong clock was healed. */
static void follow_licence_time(struct rules_model *model)
{
    if (model->licence_ms > model->event_ms)
        move_event_time(model, model->licence_ms);
    if (model->event_ms - model->licence_ms <= HEALED_BY_MS)
        return;
    if (model->event_ms > model->window_start_ms)
        close_window(model, model->event_ms);
    model->event_ms = model->licence_ms;
    begin_window(model, rules_level(model), model->event_ms);
    begin_day(model, model->event_ms);
    for (size_t i = 0; i < model->live_count; i++)
        if (model->live[i].lease_at_ms > model->event_ms)
            model->live[i].lease_at_ms = model->event_ms;
}

static void cut(struct rules_usage *usage, int64_t now_ms, bool far)
{
    if (usage->exceeding && usage->exceeding_since_ms > now_ms)
        usage->exceeding_since_ms = now_ms;
    if (!usage->has_grace)
        return;
    if (usage->grace_started_ms > now_ms)
        start_grace(usage, now_ms);
    if (now_ms < usage->grace_started_ms + GRACE_MS)
        usage->over = false;
    if (far)
        usage->grace_warned = now_ms >= usage->grace_started_ms + GRACE_MS - DAY_MS;
}

/* L went back: nothing of a grace lies in the future (a grace is at most 7 days from now). If by more than a
 * day, warnings begin anew. */
static void set_back(struct rules_model *model, int64_t before_ms)
{
    int64_t now_ms = model->licence_ms;
    bool far = before_ms - now_ms > DAY_MS;
    cut(&model->usage, now_ms, far);
    for (size_t i = 0; i < model->former_count; i++)
        cut(&model->former[i], now_ms, far);
    if (far) {
        model->term_said = term_stage(model, now_ms);
        model->contact_said = contact_stage(model, now_ms);
    }
}

static void set_licence_time(struct rules_model *model, int64_t to_ms)
{
    int64_t before_ms = model->licence_ms;
    model->licence_ms = to_ms;
    follow_licence_time(model);
    if (to_ms < before_ms)
        set_back(model, before_ms);
}

/* What fell due up to an instant, and at it, happens, each thing at its own. */
static void advance(struct rules_model *model, int64_t to_ms)
{
    int64_t phase_ms = last_phase_ms(model, to_ms);
    for (;;) {
        int64_t due_ms = next_due_ms(model);
        if (phase_ms < due_ms)
            due_ms = phase_ms;
        if (due_ms > to_ms)
            break;
        set_licence_time(model, due_ms);
        let_fall_due(model);
        if (due_ms == phase_ms) {
            validate(model);
            phase_ms = RULES_NEVER;
        }
        look(model);
    }
    if (to_ms > model->judged_ms)
        model->judged_ms = to_ms;
}

/* Time goes to the instant of a step. What is due at that very instant happens only with a timer. */
static void go_to(struct rules_model *model, int64_t now_ms, bool inclusive)
{
    if (!model->begun) {
        model->begun = true;
        model->licence_ms = model->event_ms = model->validated_ms = now_ms;
        model->judged_ms = now_ms - 1;
        begin_window(model, rules_work_out_level(model), now_ms);
        begin_day(model, now_ms);
        model->ever = model->today;
    }
    if (now_ms < model->licence_ms)
        model->judged_ms = now_ms - 1;
    else
        advance(model, inclusive ? now_ms : now_ms - 1);
    set_licence_time(model, now_ms);
}

/* ---- sessions ------------------------------------------------------------------------------------------ */

static int find(const struct rules_model *model, const char *host, const char *id)
{
    for (size_t i = 0; i < model->live_count; i++)
        if (rules_same(model->live[i].host, host) && rules_same(model->live[i].id, id))
            return (int)i;
    return -1;
}

static void put(struct rules_model *model, const struct rules_connection *connection, bool by_broker)
{
    int position = find(model, connection->host, connection->id);
    if (position < 0) {
        if (model->live_count == RULES_CONNECTIONS_MAX)
            abort();
        position = (int)model->live_count++;
    }
    model->live[position] = *connection;
    model->live[position].by_broker = by_broker;
    model->live[position].lease_at_ms = model->event_ms;
}

static bool is_in(const struct rules_event *event, const char *id)
{
    for (size_t i = 0; i < event->count; i++)
        if (rules_same(event->connections[i].id, id))
            return true;
    return false;
}

static void take_set(struct rules_model *model, const struct rules_event *event)
{
    for (size_t i = model->live_count; i-- > 0;)
        if (!model->live[i].by_broker && rules_same(model->live[i].host, event->host) &&
            !is_in(event, model->live[i].id))
            end_at(model, i);
    for (size_t i = 0; i < event->count; i++)
        put(model, &event->connections[i], false);
}

static size_t host_place(const struct rules_model *model, const char *host)
{
    size_t at = 0;
    while (at < model->boot_count && !rules_same(model->boot_hosts[at], host))
        at++;
    return at;
}

/* A changed boot id ends all earlier connections of the host, broker-reported ones too (§2.8). */
static void take_boot(struct rules_model *model, const struct rules_event *event)
{
    size_t at = host_place(model, event->host);
    if (at == RULES_HOSTS_MAX)
        abort();
    bool changed = at < model->boot_count && !rules_same(model->boot_ids[at], event->id);
    model->boot_count += at == model->boot_count;
    (void)snprintf(model->boot_hosts[at], sizeof(model->boot_hosts[at]), "%s", event->host);
    (void)snprintf(model->boot_ids[at], sizeof(model->boot_ids[at]), "%s", event->id);
    if (changed)
        end_host(model, event->host);
}

/* False: no host that has booted. */
static bool take_hearing(struct rules_model *model, const struct rules_event *event)
{
    size_t at = host_place(model, event->host);
    if (at == model->boot_count)
        return false;
    if (event->type == RULES_EVENT_BACK) {
        model->silent_since_ms[at] = 0;
        model->lost[at] = false;
    } else if (model->silent_since_ms[at] == 0) {
        model->silent_since_ms[at] = model->licence_ms;
    }
    return true;
}

static bool take_end(struct rules_model *model, const struct rules_event *event)
{
    int position = find(model, event->host, event->id);
    if (position < 0 || !model->live[position].by_broker)
        return false;
    end_at(model, (size_t)position);
    return true;
}

/* ---- reports (§3.3) ------------------------------------------------------------------------------------ */

/* Whoever gets them: the farm as it is activated now. */
static int64_t next_report_ms(const struct rules_model *model, int64_t after_ms)
{
    if (!is_running(model) || model->in_flight)
        return RULES_NEVER;
    return rules_phase_after_ms(model->usage.farm_id, after_ms);
}

/* The same, but where L was set back a little the phase just reported at does not come again. */
static int64_t next_new_report_ms(const struct rules_model *model, int64_t after_ms)
{
    int64_t due_ms = next_report_ms(model, after_ms);
    bool again = due_ms == model->reported_at_ms && due_ms - after_ms <= MINUTE_MS;
    return again ? due_ms + CYCLE_MS : due_ms;
}

static void send_report(struct rules_model *model)
{
    model->in_flight = true;
    model->batch_count = model->queue.count < RULES_BATCH_MAX ? model->queue.count : RULES_BATCH_MAX;
    model->flight_full = model->batch_count == RULES_BATCH_MAX;
    model->report_due_ms = RULES_NEVER;
    model->reported_at_ms = rules_phase_after_ms(model->usage.farm_id, model->licence_ms) - CYCLE_MS;
    tell(model, model->licence_ms, RULES_TOLD_REPORT, (int64_t)model->batch_count);
}

bool rules_retry(struct rules_model *model)
{
    bool may = model->failing && !model->in_flight && is_running(model);
    if (may)
        send_report(model);
    return may;
}

/* The report in flight, if any, belongs to an activation that is over. */
static void leave_flight(struct rules_model *model)
{
    model->flight_stale = model->in_flight;
    model->batch_count = 0;
    model->failing = false;
    model->report_due_ms = RULES_NEVER;
}

/* False: there was none, or its answer says nothing any more. */
static bool land(struct rules_model *model)
{
    bool was = model->in_flight, tells = was && !model->flight_stale;
    model->in_flight = model->flight_stale = false;
    if (was)
        model->report_due_ms = next_report_ms(model, model->licence_ms);
    return tells;
}

/* The first `answered` windows are accepted, or one refused and set aside. Returns how many were neither. */
static size_t acknowledge(struct rules_model *model, const struct rules_event *event)
{
    struct rules_window *queue = model->queue.items;
    size_t kept = 0, left = 0;
    for (size_t i = 0; i < model->queue.count; i++) {
        bool sent = i < model->batch_count;
        if (sent && (i < event->answered || i + 1 == event->refused))
            continue;
        left += sent;
        queue[kept++] = queue[i];
    }
    model->queue.count = kept;
    return left;
}

/* A queue too long for one report goes on at once, as long as it gets shorter. */
static bool take_answer(struct rules_model *model, const struct rules_event *event)
{
    if (!model->in_flight || model->flight_stale)
        return land(model);
    size_t left = acknowledge(model, event);
    (void)land(model);
    model->failing = false;
    model->report_due_ms = model->flight_full && left == 0 && model->queue.count > 0
                               ? model->licence_ms
                               : next_new_report_ms(model, model->licence_ms);
    return true;
}

static bool take_failure(struct rules_model *model)
{
    bool tells = land(model);
    model->failing |= tells;
    return tells;
}

static bool take_hurry(struct rules_model *model)
{
    if (is_running(model) && !model->in_flight)
        model->report_due_ms = model->licence_ms;
    return is_running(model);
}

/* ---- the licence --------------------------------------------------------------------------------------- */

static void apply_grant(struct rules_model *model, const struct rules_grant *grant)
{
    struct rules_usage *usage = &model->usage;
    bool purchased = grant->purchases > usage->purchases;
    model->grant = *grant;
    if (grant->deactivated)
        model->activation = RULES_REVOKED;
    usage->purchases = grant->purchases;
    if (purchased) {
        usage->has_grace = usage->over = usage->grace_warned = false;
        usage->exceeding_since_ms = model->licence_ms;
    }
    if (model->term_said_for_ms != grant->expires_ms)
        model->term_said = 0;
    model->term_said_for_ms = grant->expires_ms;
    model->contact_said = contact_stage(model, model->licence_ms);
}

/* L is the issued_at of an accepted entitlement. Forward that is time passing, under the old one. */
static void correct(struct rules_model *model, int64_t issued_ms)
{
    if (issued_ms > model->licence_ms)
        go_to(model, issued_ms, false);
    else
        set_licence_time(model, issued_ms);
    model->validated_ms = issued_ms;
    model->report_due_ms = next_new_report_ms(model, issued_ms);
}

/* It holds; then comes what is due; then its validation. */
static void accept(struct rules_model *model, const struct rules_grant *grant)
{
    apply_grant(model, grant);
    judge_users(model);
    let_fall_due(model);
    if (validates(model))
        validate(model);
}

static void rest(struct rules_model *model, bool copied)
{
    if (model->activation != RULES_NONE)
        tell(model, model->licence_ms, RULES_TOLD_ACTIVATION, RULES_NONE);
    model->activation = RULES_NONE;
    model->copied = copied;
    leave_flight(model);
    model->usage.exceeding = false;
    memset(model->latched, 0, sizeof(model->latched));
}

static bool take_release(struct rules_model *model)
{
    bool taken = is_running(model);
    if (taken)
        rest(model, false);
    return taken;
}

/* The usage state belongs to the farm id: this farm's is kept, the other's found again or begun. */
static void change_farm(struct rules_model *model, const char *farm_id, uint64_t purchases)
{
    struct rules_usage found = {.purchases = purchases};
    (void)snprintf(found.farm_id, sizeof(found.farm_id), "%s", farm_id);
    size_t at = 0;
    while (at < model->former_count && !rules_same(model->former[at].farm_id, farm_id))
        at++;
    if (at < model->former_count) {
        found = model->former[at];
        memmove(&model->former[at], &model->former[at + 1],
                (--model->former_count - at) * sizeof(model->former[0]));
    }
    if (*model->usage.farm_id != '\0') {
        if (model->former_count == RULES_FORMER_MAX)
            memmove(&model->former[0], &model->former[1], --model->former_count * sizeof(model->former[0]));
        model->usage.exceeding = false;
        model->former[model->former_count++] = model->usage;
    }
    model->usage = found;
    model->queue.count = 0; /* another farm's windows are never sent */
    model->reported_at_ms = 0;
    model->term_said = 0; /* what was said was another's */
    model->term_said_for_ms = 0;
    memset(model->latched, 0, sizeof(model->latched));
}

/* A replayed entitlement is none: neither serial nor issued_at of a farm goes back. */
static bool is_outdated(const struct rules_model *model, const char *farm_id, const struct rules_grant *grant)
{
    return model->grant.serial != 0 && rules_same(model->usage.farm_id, farm_id) &&
           (grant->serial < model->grant.serial || grant->issued_ms < model->grant.issued_ms);
}

static bool activate(struct rules_model *model, const struct rules_event *event)
{
    if (is_outdated(model, event->id, &event->grant))
        return false;
    correct(model, event->grant.issued_ms);
    leave_flight(model);
    if (model->another_farm)
        change_farm(model, event->id, event->grant.purchases);
    model->copied = false;
    model->activation = RULES_ACTIVE;
    model->report_due_ms = next_report_ms(model, model->licence_ms);
    accept(model, &event->grant);
    return true;
}

static bool take_grant(struct rules_model *model, const struct rules_event *event)
{
    if (!is_running(model) || is_outdated(model, model->usage.farm_id, &event->grant))
        return false;
    correct(model, event->grant.issued_ms);
    accept(model, &event->grant);
    return true;
}

/* ---- a step -------------------------------------------------------------------------------------------- */

static bool is_of_sessions(enum rules_event_type type)
{
    return type == RULES_EVENT_SETTINGS || type == RULES_EVENT_BOOTED || type == RULES_EVENT_SET ||
           type == RULES_EVENT_PUT || type == RULES_EVENT_END;
}

/* Another settling time holds from now on, also for what settles. */
static void take_settings(struct rules_model *model, const struct rules_settings *settings)
{
    bool resettled = settings->settle_ms != model->settings.settle_ms;
    model->settings = *settings;
    if (resettled)
        settle(model, model->licence_ms);
}

/* Event time is not stored by itself: where it was ahead of L it goes on from the running window's start. */
static void take_restart(struct rules_model *model, int64_t now_ms)
{
    model->started = model->in_flight = model->flight_stale = model->failing = false;
    model->reported_at_ms = 0;
    model->report_due_ms = next_report_ms(model, now_ms);
    int64_t at_ms = now_ms < model->licence_ms ? now_ms : model->licence_ms;
    if (model->event_ms > at_ms)
        model->event_ms = model->window_start_ms > at_ms ? model->window_start_ms : at_ms;
}

static bool take(struct rules_model *model, const struct rules_event *event)
{
    switch (event->type) {
    case RULES_EVENT_SETTINGS:
        take_settings(model, &event->settings);
        return true;
    case RULES_EVENT_BOOTED:
        take_boot(model, event);
        return true;
    case RULES_EVENT_SET:
        take_set(model, event);
        return true;
    case RULES_EVENT_PUT:
        put(model, event->connections, true);
        return true;
    case RULES_EVENT_END:
        return take_end(model, event);
    case RULES_EVENT_SILENT:
    case RULES_EVENT_BACK:
        return take_hearing(model, event);
    case RULES_EVENT_ACTIVATED:
        return activate(model, event);
    case RULES_EVENT_GRANT:
        return take_grant(model, event);
    case RULES_EVENT_RELEASED:
        return take_release(model);
    case RULES_EVENT_COPIED:
        rest(model, true);
        return true;
    case RULES_EVENT_ACCEPTED:
        return take_answer(model, event);
    case RULES_EVENT_FAILED:
        return take_failure(model);
    case RULES_EVENT_REPORT_NOW:
        return take_hurry(model);
    case RULES_EVENT_STARTED:
        model->started = true;
        if (is_running(model))
            validate(model);
        return true;
    case RULES_EVENT_TIMER:
    case RULES_EVENT_RESTART:
    case RULES_EVENT_TYPE_MAX:
        break;
    }
    return true;
}

bool rules_step(struct rules_model *model, const struct rules_event *event, int64_t now_ms)
{
    if (event->type == RULES_EVENT_RESTART) {
        take_restart(model, now_ms);
        return true;
    }
    model->another_farm =
        event->type == RULES_EVENT_ACTIVATED && !rules_same(model->usage.farm_id, event->id);
    go_to(model, now_ms, event->type == RULES_EVENT_TIMER || event->type == RULES_EVENT_STARTED);
    enum rules_activation before = model->activation;
    bool taken = take(model, event);
    model->another_farm = false;
    if (is_of_sessions(event->type)) {
        note_level(model);
        judge_users(model);
    }
    if (model->activation != before && model->activation != RULES_NONE)
        tell(model, model->licence_ms, RULES_TOLD_ACTIVATION, model->activation);
    look(model);
    if (model->report_due_ms <= model->licence_ms)
        send_report(model);
    return taken;
}

int64_t rules_due_ms(const struct rules_model *model)
{
    int64_t due_ms = next_due_ms(model);
    earlier(&due_ms, floor_to(model->window_start_ms, WINDOW_MS) + WINDOW_MS, INT64_MIN);
    if (validates(model)) {
        int64_t phase_ms = rules_phase_after_ms(model->usage.farm_id, model->validated_ms);
        due_ms = phase_ms < due_ms ? phase_ms : due_ms;
    }
    if (model->report_due_ms < due_ms)
        due_ms = model->report_due_ms > model->licence_ms ? model->report_due_ms : model->licence_ms;
    return due_ms;
}

/* ---- the model as a whole ------------------------------------------------------------------------------ */

struct rules_model *rules_create(const struct rules_settings *settings)
{
    struct rules_model *model = calloc(1, sizeof(*model));
    if (model == NULL)
        abort();
    model->settings = *settings;
    model->reason = RULES_NOT_ACTIVATED;
    model->report_due_ms = RULES_NEVER;
    return model;
}

void rules_destroy(struct rules_model *model)
{
    if (model == NULL)
        return;
    free(model->queue.items);
    free(model->closed.items);
    free(model->days.items);
    free(model->told.items);
    free(model);
}

struct rules_model *rules_copy(const struct rules_model *model)
{
    struct rules_model *copy = malloc(sizeof(*copy));
    if (copy == NULL)
        abort();
    *copy = *model;
    list_copy(&copy->queue, sizeof(struct rules_window));
    list_copy(&copy->closed, sizeof(struct rules_window));
    list_copy(&copy->days, sizeof(struct rules_day));
    list_copy(&copy->told, sizeof(struct rules_told));
    return copy;
}

void rules_forget(struct rules_model *model)
{
    model->closed.count = model->days.count = model->told.count = 0;
}
