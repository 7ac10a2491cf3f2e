#include "store_truth.h"

#include "store_farm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_ROOM (RULES_NAME_BYTES_MAX + 1)

enum entry_type { ENTRY_CHANGES, ENTRY_UP, ENTRY_DOWN, ENTRY_CHECKPOINT };

/* A change in the store that matters, with its revision. */
struct entry {
    enum entry_type type;
    int64_t revision, at_ms, n; /* the latter of a checkpoint */
    unsigned host;
    struct change *changes;
    size_t count;
};

struct delivery {
    int64_t revision, licence_ms;
};

struct own_event {
    int64_t revision; /* the last one that was delivered before */
    struct rules_event event;
};

/* Arrays that grow; items before `done` are dealt with. */
struct pile {
    void *items;
    size_t count, room, done;
};

struct truth_life {
    struct truth_life *next;
    struct store_truth *truth;
    char instance[RECORD_INSTANCE_BYTES_MAX + 1];
    int64_t base_n, base_revision, base_gaps, begin_ms;
    int64_t followed_n;
    bool has_gap, has_written;
    struct pile deliveries, own, reports; /* reports: revisions */
};

struct truth_host {
    bool is_up, has_booted, is_silent;
    char boot_id[NAME_ROOM];
    uint64_t through; /* of its changes */
    int64_t late_ms;  /* when something of it came late last; 0: never */
    char line[RECORD_INSTANCE_BYTES_MAX + 1];
    struct rules_connection own[TRUTH_SESSIONS_MAX];
    size_t count;
};

struct store_truth {
    struct store_farm *farm;
    struct rules_model *model;
    struct truth_life *lives, *writer; /* writer: of the last checkpoint */
    struct truth_host hosts[TRUTH_HOSTS_MAX];
    struct pile entries;
    int64_t now_ms;      /* the farm's time */
    int64_t n, revision; /* of the last checkpoint */
    int64_t gaps_ever;
    bool is_begun, is_lost;
    int64_t known_from; /* all that changed behind this revision is known; INT64_MAX: not what it is */
    size_t told_at;     /* of what the model told, looked at so far */
    char owner[RECORD_INSTANCE_BYTES_MAX + 1];
    char checkpoint_key[WIRE_KEY_BYTES_MAX + 1];
    struct window *windows; /* in the store since the last checkpoint, by start */
    size_t window_count, window_room;
    char host_keys[TRUTH_HOSTS_MAX][WIRE_KEY_BYTES_MAX + 1],
        seq_keys[TRUTH_HOSTS_MAX][WIRE_KEY_BYTES_MAX + 1];
};

static void *pile_add(struct pile *pile, size_t size)
{
    if (pile->count == pile->room && pile->done > pile->room / 2) {
        pile->count -= pile->done;
        memmove(pile->items, (char *)pile->items + pile->done * size, pile->count * size);
        pile->done = 0;
    }
    if (pile->count == pile->room) {
        pile->room = pile->room == 0 ? 16 : 2 * pile->room;
        pile->items = realloc(pile->items, pile->room * size);
        if (pile->items == NULL)
            abort();
    }
    return (char *)pile->items + pile->count++ * size;
}

static void pile_clear(struct pile *pile)
{
    pile->count = pile->done = 0;
}

static struct entry *entry_at(const struct store_truth *truth, size_t place)
{
    return (struct entry *)truth->entries.items + place;
}

/* ---- a leader's life ----------------------------------------------------------------------------------- */

struct truth_life *truth_life_begin(struct store_truth *truth, const char *instance)
{
    struct truth_life *life = calloc(1, sizeof *life);
    if (life == NULL)
        abort();
    life->next = truth->lives;
    life->truth = truth;
    (void)snprintf(life->instance, sizeof life->instance, "%s", instance);
    return truth->lives = life;
}

void truth_life_delivered(struct truth_life *life, int64_t revision, int64_t licence_ms)
{
    const struct delivery *all = life->deliveries.items;
    if (life->deliveries.count > 0 && all[life->deliveries.count - 1].revision >= revision)
        return;
    *(struct delivery *)pile_add(&life->deliveries, sizeof(struct delivery)) =
        (struct delivery){revision, licence_ms};
}

static int64_t last_delivered(const struct truth_life *life)
{
    const struct delivery *all = life->deliveries.items;
    return life->deliveries.count > 0 ? all[life->deliveries.count - 1].revision : life->base_revision;
}

void truth_life_stepped(struct truth_life *life, const struct rules_event *event)
{
    *(struct own_event *)pile_add(&life->own, sizeof(struct own_event)) =
        (struct own_event){last_delivered(life), *event};
}

void truth_life_reported(struct truth_life *life)
{
    *(int64_t *)pile_add(&life->reports, sizeof(int64_t)) = last_delivered(life);
}

static struct truth_life *find_life(struct store_truth *truth, const char *instance)
{
    struct truth_life *life = truth->lives;
    while (life != NULL && strcmp(life->instance, instance) != 0)
        life = life->next;
    return life;
}

/* ---- the model's steps --------------------------------------------------------------------------------- */

static struct rules_event event_of(enum rules_event_type type, unsigned host)
{
    struct rules_event event = {.type = type};
    (void)snprintf(event.host, sizeof event.host, "h%u", host);
    return event;
}

static void step(struct store_truth *truth, const struct rules_event *event)
{
    (void)rules_step(truth->model, event, truth->now_ms);
}

static void step_set(struct store_truth *truth, unsigned host)
{
    struct rules_event event = event_of(RULES_EVENT_SET, host);
    event.connections = truth->hosts[host].own;
    event.count = truth->hosts[host].count;
    step(truth, &event);
}

/* By now. */
static bool is_lost(const struct store_truth *truth, unsigned host)
{
    const struct rules_event event = event_of(RULES_EVENT_BACK, host);
    const struct rules_model *model = truth->model;
    for (size_t i = 0; i < model->boot_count; i++)
        if (rules_same(model->boot_hosts[i], event.host) && model->silent_since_ms[i] != 0)
            return model->silent_since_ms[i] + model->settings.lost_ms < truth->now_ms || model->lost[i];
    return false;
}

/* A lost host's sessions are counted again from now on; another's never ceased to be. */
static void come_back(struct store_truth *truth, unsigned host)
{
    const struct rules_event event = event_of(RULES_EVENT_BACK, host);
    truth->farm->happened[STORE_HOSTS_LOST] += is_lost(truth, host);
    truth->hosts[host].is_silent = false;
    step(truth, &event);
    step_set(truth, host);
}

/* Something with a time of its own: leases that have gone or come back happen with it. */
static void move(struct store_truth *truth, int64_t at_ms, int64_t licence_ms)
{
    at_ms = at_ms < licence_ms ? at_ms : licence_ms;
    truth->now_ms = at_ms > truth->now_ms ? at_ms : truth->now_ms;
    for (unsigned i = 0; i < TRUTH_HOSTS_MAX; i++) {
        struct truth_host *host = &truth->hosts[i];
        if (!host->has_booted || host->is_up != host->is_silent)
            continue;
        if (host->is_up) {
            come_back(truth, i);
        } else {
            const struct rules_event event = event_of(RULES_EVENT_SILENT, i);
            host->is_silent = true;
            step(truth, &event);
        }
    }
}

/* ---- a host's changes ---------------------------------------------------------------------------------- */

static size_t place_of(const struct truth_host *host, const char *id)
{
    size_t place = 0;
    while (place < host->count && !rules_same(host->own[place].id, id))
        place++;
    return place;
}

static void keep(struct store_truth *truth, struct truth_host *host, const struct change *change)
{
    size_t place = place_of(host, change->id);
    if (change->type == CHANGE_SESSION_END) {
        if (place < host->count)
            host->own[place] = host->own[--host->count];
        return;
    }
    if (place == TRUTH_SESSIONS_MAX) {
        store_farm_fail(truth->farm, "more sessions than there can be");
        return;
    }
    host->count += place == host->count;
    struct rules_connection *kept = &host->own[place];
    *kept = (struct rules_connection){.connected_ms = change->connected_at_ms,
                                      .kind = change->kind,
                                      .route = change->route,
                                      .state = change->state,
                                      .administrator = change->administrator};
    (void)snprintf(kept->host, NAME_ROOM, "%.23s", change->host);
    (void)snprintf(kept->id, NAME_ROOM, "%.23s", change->id);
    (void)snprintf(kept->user, NAME_ROOM, "%.23s", change->user);
}

static void keep_boot(struct truth_host *host, const struct change *change)
{
    if (host->has_booted && strcmp(host->boot_id, change->boot_id) != 0)
        host->count = 0;
    host->has_booted = true;
    (void)snprintf(host->boot_id, sizeof host->boot_id, "%.23s", change->boot_id);
}

/* What is in the store, whoever counts it when. */
static void note_entry(struct store_truth *truth, const struct entry *entry)
{
    struct truth_host *host = &truth->hosts[entry->host];
    if (entry->type == ENTRY_UP || entry->type == ENTRY_DOWN)
        host->is_up = entry->type == ENTRY_UP;
    for (size_t i = 0; i < entry->count; i++)
        if (entry->changes[i].type == CHANGE_BOOTED)
            keep_boot(host, &entry->changes[i]);
        else
            keep(truth, host, &entry->changes[i]);
}

/* What comes late from one host is one gap of exactness, unless so much time lies between. */
static void count_late(struct store_truth *truth, struct truth_host *host, const struct change *change)
{
    if (change->at_ms >= truth->now_ms - FARM_STATE_LATE_MS)
        return;
    truth->gaps_ever += host->late_ms == 0 || truth->now_ms - host->late_ms > CHECKPOINT_LATE_JOIN_MS;
    host->late_ms = truth->now_ms;
}

static void step_change(struct store_truth *truth, unsigned number, const struct change *change,
                        int64_t licence_ms)
{
    struct truth_host *host = &truth->hosts[number];
    move(truth, change->at_ms, licence_ms);
    count_late(truth, host, change);
    if (host->is_silent && is_lost(truth, number))
        come_back(truth, number); /* whoever changes something lives */
    if (change->type == CHANGE_BOOTED) {
        struct rules_event event = event_of(RULES_EVENT_BOOTED, number);
        keep_boot(host, change);
        (void)snprintf(event.id, sizeof event.id, "%s", host->boot_id);
        step(truth, &event);
        return;
    }
    keep(truth, host, change);
    if (!change->more)
        step_set(truth, number);
}

/* ---- one leader's account of a revision ---------------------------------------------------------------- */

/* When it was delivered to this leader; false: never, though it says to have applied it. */
static bool find_delivery(struct truth_life *life, int64_t revision, int64_t *ret_licence_ms)
{
    const struct delivery *all = life->deliveries.items;
    struct pile *pile = &life->deliveries;
    while (pile->done < pile->count && all[pile->done].revision < revision)
        pile->done++;
    if (pile->done == pile->count || all[pile->done].revision != revision)
        return false;
    *ret_licence_ms = all[pile->done].licence_ms;
    return true;
}

/* Its own events behind this revision: those that the checkpoint's coming back has brought, or the start. */
static void step_own(struct store_truth *truth, struct truth_life *life, int64_t revision, bool starts)
{
    const struct own_event *all = life->own.items;
    while (life->own.done < life->own.count && all[life->own.done].revision <= revision &&
           (all[life->own.done].event.type == RULES_EVENT_STARTED) == starts)
        step(truth, &all[life->own.done++].event);
}

/* A report that failed is sent again when the leader likes, any other one when the rules say. */
static void check_reports(struct store_truth *truth, struct truth_life *life, int64_t revision)
{
    const int64_t *all = life->reports.items;
    const struct rules_told *told = truth->model->told.items;
    unsigned sent = 0, due = 0;
    for (; life->reports.done < life->reports.count && all[life->reports.done] <= revision;
         life->reports.done++)
        sent++;
    for (; truth->told_at < truth->model->told.count; truth->told_at++)
        due += told[truth->told_at].what == RULES_TOLD_REPORT;
    if (sent > due && rules_retry(truth->model)) {
        due++;
        truth->told_at = truth->model->told.count;
    }
    if (sent != due)
        store_farm_fail(truth->farm, "%s sends %u reports at revision %" PRId64 ", by the rules %u",
                        life->instance, sent, revision, due);
}

static void step_entry(struct store_truth *truth, struct truth_life *life, const struct entry *entry)
{
    static const struct rules_event timer = {.type = RULES_EVENT_TIMER};
    int64_t licence_ms = 0;
    if (!find_delivery(life, entry->revision, &licence_ms)) {
        store_farm_fail(truth->farm, "%s says it has applied revision %" PRId64 ", which never reached it",
                        life->instance, entry->revision);
        return;
    }
    if (entry->type == ENTRY_UP || entry->type == ENTRY_DOWN)
        truth->hosts[entry->host].is_up = entry->type == ENTRY_UP;
    for (size_t i = 0; i < entry->count; i++)
        step_change(truth, entry->host, &entry->changes[i], licence_ms);
    if (entry->type == ENTRY_CHECKPOINT && entry->n > life->followed_n) {
        life->followed_n = entry->n;
        move(truth, entry->at_ms, licence_ms);
        step_own(truth, life, entry->revision, false);
        step(truth, &timer);
    }
    step_own(truth, life, entry->revision, true);
    check_reports(truth, life, entry->revision);
}

/* ---- comparing ----------------------------------------------------------------------------------------- */

static void equal(struct store_truth *truth, const struct checkpoint *checkpoint, const char *what,
                  int64_t is, int64_t should_be)
{
    if (is != should_be)
        store_farm_fail(truth->farm,
                        "checkpoint %" PRId64 " of %s through revision %" PRId64 " has %s %" PRId64
                        ", by the rules %" PRId64,
                        checkpoint->n, checkpoint->instance, checkpoint->revision, what, is, should_be);
}

static void equal_window(struct store_truth *truth, const struct checkpoint *checkpoint,
                         const struct window *is, const struct rules_window *should_be)
{
    equal(truth, checkpoint, "a window's start", is->start_ms, should_be->start_ms);
    equal(truth, checkpoint, "a window's peak", is->peak_users, should_be->peak_users);
    equal(truth, checkpoint, "the instant of a window's peak", is->peak_at_ms, should_be->peak_at_ms);
    equal(truth, checkpoint, "users at a window's end", is->users_at_end, should_be->users_at_end);
    equal(truth, checkpoint, "a window's exempt peak", is->exempt_peak, should_be->exempt_peak);
    equal(truth, checkpoint, "a window's hosts", is->hosts, should_be->hosts);
    equal(truth, checkpoint, "a window's sequence", (int64_t)is->sequence, (int64_t)should_be->sequence);
}

/* Those that were put ahead of a checkpoint that never came stay until whoever leads then closes them again.
 */
static void forget_windows(struct store_truth *truth, int64_t before_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < truth->window_count; i++)
        if (truth->windows[i].start_ms >= before_ms)
            truth->windows[kept++] = truth->windows[i];
    truth->window_count = kept;
}

static void compare_windows(struct store_truth *truth, const struct checkpoint *checkpoint)
{
    const struct rules_window *closed = truth->model->closed.items;
    size_t count = truth->model->closed.count, place = 0;
    for (size_t i = 0; i < count; i++, place++) {
        if (place == truth->window_count) {
            equal(truth, checkpoint, "so many closed windows", (int64_t)i, (int64_t)count);
            return;
        }
        equal_window(truth, checkpoint, &truth->windows[place], &closed[i]);
        equal(truth, checkpoint, "a window's end", truth->windows[place].end_ms, closed[i].end_ms);
    }
    if (place < truth->window_count && truth->windows[place].start_ms < checkpoint->running.start_ms)
        equal(truth, checkpoint, "so many closed windows", (int64_t)truth->window_count, (int64_t)count);
    truth->farm->happened[STORE_WINDOWS] += count;
}

static void compare_standing(struct store_truth *truth, const struct checkpoint *checkpoint)
{
    const struct rules_model *model = truth->model;
    const struct standing *standing = &checkpoint->standing;
    equal(truth, checkpoint, "activation", (int64_t)standing->activation, (int64_t)model->activation);
    equal(truth, checkpoint, "term", (int64_t)standing->term, (int64_t)model->term);
    equal(truth, checkpoint, "contact", (int64_t)standing->contact, (int64_t)model->contact);
    equal(truth, checkpoint, "usage", (int64_t)standing->usage.state, (int64_t)model->usage_state);
    equal(truth, checkpoint, "exceeding since", standing->usage.exceeding_since_ms,
          model->usage.exceeding ? model->usage.exceeding_since_ms : 0);
    equal(truth, checkpoint, "a grace since", standing->usage.grace_started_ms,
          model->usage.has_grace ? model->usage.grace_started_ms : 0);
    truth->farm->happened[STORE_GRACES] += model->usage_state == RULES_OVERUSE_GRACE;
    truth->farm->happened[STORE_CLOSED_FOR_OVERUSE] += model->usage_state == RULES_OVER;
    truth->farm->happened[STORE_HOLDERS_ONLY] += rules_mode(model) == RULES_FOR_HOLDERS;
}

static void compare_hosts(struct store_truth *truth, const struct checkpoint *checkpoint)
{
    const struct rules_model *model = truth->model;
    size_t silent = 0;
    for (size_t i = 0; i < model->boot_count; i++) {
        bool found = model->silent_since_ms[i] == 0;
        silent += !found;
        for (size_t k = 0; k < checkpoint->host_count; k++)
            if (rules_same(checkpoint->hosts[k].host, model->boot_hosts[i])) {
                found = true;
                equal(truth, checkpoint, "a host silent since", checkpoint->hosts[k].silent_since_ms,
                      model->silent_since_ms[i]);
                equal(truth, checkpoint, "a host lost", checkpoint->hosts[k].lost, model->lost[i]);
            }
        equal(truth, checkpoint, "a host that is silent", found, true);
    }
    equal(truth, checkpoint, "so many silent hosts", (int64_t)checkpoint->host_count, (int64_t)silent);
}

static size_t unsent_of(const struct checkpoint *checkpoint)
{
    size_t count = 0;
    for (size_t i = 0; i < checkpoint->unsent_count; i++)
        count += (size_t)(checkpoint->unsent[i].last - checkpoint->unsent[i].first) + 1;
    return count;
}

static void compare(struct store_truth *truth, const struct checkpoint *checkpoint)
{
    const struct rules_model *model = truth->model;
    const struct rules_window running = rules_running(model);
    equal(truth, checkpoint, "event time", checkpoint->event_ms, model->event_ms);
    equal(truth, checkpoint, "licence time", checkpoint->clock_ms, model->licence_ms);
    equal_window(truth, checkpoint, &checkpoint->running, &running);
    equal(truth, checkpoint, "the peak of today", checkpoint->today.users, model->today.users);
    equal(truth, checkpoint, "its instant", checkpoint->today.at_ms, model->today.at_ms);
    equal(truth, checkpoint, "the peak ever", checkpoint->ever.users, model->ever.users);
    equal(truth, checkpoint, "its instant", checkpoint->ever.at_ms, model->ever.at_ms);
    equal(truth, checkpoint, "windows unsent", (int64_t)unsent_of(checkpoint), (int64_t)model->queue.count);
    equal(truth, checkpoint, "so many gaps", checkpoint->gaps_ever, truth->gaps_ever);
    compare_standing(truth, checkpoint);
    compare_windows(truth, checkpoint);
    compare_hosts(truth, checkpoint);
    truth->farm->happened[STORE_CHECKPOINTS]++;
}

/* ---- where a leadership begins ------------------------------------------------------------------------- */

static void visit_boot(void *data, const struct wire_kv *kv)
{
    struct store_truth *truth = data;
    struct error_detail detail;
    struct change change;
    if (record_change_read(&truth->farm->record, kv, &change, &detail) == 0)
        keep_boot(&truth->hosts[change.host[1] - '0'], &change);
}

static void visit_session(void *data, const struct wire_kv *kv)
{
    struct store_truth *truth = data;
    struct error_detail detail;
    struct change change;
    if (record_change_read(&truth->farm->record, kv, &change, &detail) == 0)
        keep(truth, &truth->hosts[change.host[1] - '0'], &change);
}

static void each(struct store_truth *truth, enum record_kind kind, int64_t revision,
                 void (*visit)(void *data, const struct wire_kv *kv))
{
    (void)model_etcd_each(truth->farm->etcd, record_prefix(&truth->farm->record, kind, NULL).text, revision,
                          visit, truth);
}

static void forget_entries(struct store_truth *truth, int64_t through)
{
    struct pile *pile = &truth->entries;
    while (pile->done < pile->count && entry_at(truth, pile->done)->revision <= through)
        free(entry_at(truth, pile->done++)->changes);
}

/* The hosts as of a revision, where it is not known how they came to be so. */
static void load_hosts(struct store_truth *truth, int64_t revision)
{
    for (unsigned i = 0; i < TRUTH_HOSTS_MAX; i++) {
        struct truth_host *host = &truth->hosts[i];
        struct wire_kv kv;
        host->count = 0;
        host->late_ms = 0;
        host->has_booted = host->is_silent = false;
        host->is_up = model_etcd_get(truth->farm->etcd, truth->host_keys[i], revision, &kv);
    }
    each(truth, RECORD_BOOT, revision, visit_boot);
    each(truth, RECORD_SESSION, revision, visit_session);
    forget_entries(truth, revision);
}

static void make_model(struct store_truth *truth)
{
    const struct core_settings *settings = &truth->farm->settings;
    const struct rules_settings rules = {.count_disconnected = settings->tally.count_disconnected,
                                         .routes = settings->tally.routes_counted,
                                         .settle_ms = settings->overuse_settle_ms,
                                         .lease_ms = settings->api_lease_ms,
                                         .lost_ms = settings->host_lost_after_ms,
                                         .spare_grace = settings->spare_grace};
    rules_destroy(truth->model);
    truth->model = rules_create(&rules);
    truth->told_at = 0;
}

static void tell_hosts(struct store_truth *truth)
{
    for (unsigned i = 0; i < TRUTH_HOSTS_MAX; i++) {
        struct rules_event event = event_of(RULES_EVENT_BOOTED, i);
        if (!truth->hosts[i].has_booted)
            continue;
        (void)snprintf(event.id, sizeof event.id, "%s", truth->hosts[i].boot_id);
        step(truth, &event);
        step_set(truth, i);
    }
}

/* The farm's first leader finds no checkpoint: the farm begins with what is there. */
static void begin_anew(struct store_truth *truth, int64_t at_ms, int64_t revision)
{
    static const struct rules_event timer = {.type = RULES_EVENT_TIMER};
    load_hosts(truth, revision);
    make_model(truth);
    truth->now_ms = at_ms;
    tell_hosts(truth);
    step(truth, &timer);
    rules_forget(truth->model);
    truth->told_at = 0;
}

static struct rules_window window_of(const struct window *window)
{
    return (struct rules_window){.start_ms = window->start_ms,
                                 .end_ms = window->end_ms,
                                 .peak_users = window->peak_users,
                                 .users_at_end = window->users_at_end,
                                 .exempt_peak = window->exempt_peak,
                                 .hosts = window->hosts,
                                 .peak_at_ms = window->peak_at_ms,
                                 .sequence = window->sequence};
}

/* The running window is a level at its peak, and one since. */
static void adopt_peak(struct rules_model *model, const struct checkpoint *checkpoint)
{
    const struct window *running = &checkpoint->running;
    struct rules_level now = rules_work_out_level(model);
    model->window_start_ms = running->start_ms;
    model->levels[0] =
        (struct rules_level){running->start_ms, running->peak_users, running->exempt_peak, running->hosts};
    model->levels[0].at_ms = running->peak_at_ms;
    model->levels[1] = now;
    model->level_count = 2;
    model->today = (struct rules_mark){checkpoint->today.users, checkpoint->today.at_ms};
    model->ever = (struct rules_mark){checkpoint->ever.users, checkpoint->ever.at_ms};
}

static void adopt_standing(struct rules_model *model, const struct checkpoint *checkpoint,
                           const struct farm_begin *begin)
{
    const struct standing *standing = &checkpoint->standing;
    const struct grant *grant = &standing->grant;
    const struct usage *usage = &standing->usage;
    model->activation = (enum rules_activation)standing->activation;
    model->term = (enum rules_term)standing->term;
    model->contact = (enum rules_contact)standing->contact;
    model->usage_state = (enum rules_usage_state)usage->state;
    model->grant = (struct rules_grant){.serial = grant->serial,
                                        .limit = grant->limit,
                                        .purchases = grant->purchases,
                                        .issued_ms = grant->issued_at_ms,
                                        .refresh_ms = grant->refresh_by_ms};
    model->usage = (struct rules_usage){.purchases = grant->purchases,
                                        .exceeding = usage->exceeding_since_ms != 0,
                                        .has_grace = usage->grace_started_ms != 0,
                                        .over = usage->state == USAGE_OVER,
                                        .exceeding_since_ms = usage->exceeding_since_ms,
                                        .grace_started_ms = usage->grace_started_ms,
                                        .grace_warned = usage->grace_end_said};
    (void)snprintf(model->usage.farm_id, NAME_ROOM, "%.23s", checkpoint->identity.farm_id);
    if (model->activation == RULES_NONE)
        return;
    (void)snprintf(model->farms[0], NAME_ROOM, "%.23s", checkpoint->identity.farm_id);
    model->farm_sequences[0] = (uint64_t)checkpoint->next_sequence;
    model->farm_count = 1;
    model->queue.items =
        realloc(model->queue.items, (begin->saved->unsent_count + 1) * sizeof(struct rules_window));
    model->queue.room = begin->saved->unsent_count + 1;
    model->queue.count = begin->saved->unsent_count;
    for (size_t i = 0; i < model->queue.count; i++)
        ((struct rules_window *)model->queue.items)[i] = window_of(&begin->saved->unsent[i]);
}

/* From a checkpoint of which it is not known how it came to be: what follows has to follow from it. */
static void adopt(struct store_truth *truth, const struct farm_begin *begin, int64_t revision)
{
    const struct checkpoint *checkpoint = begin->checkpoint;
    load_hosts(truth, revision);
    make_model(truth);
    struct rules_model *model = truth->model;
    truth->now_ms = begin->at_ms;
    tell_hosts(truth);
    for (size_t i = 0; i < checkpoint->host_count; i++) {
        unsigned host = (unsigned)(checkpoint->hosts[i].host[1] - '0');
        for (size_t k = 0; k < model->boot_count; k++)
            if (rules_same(model->boot_hosts[k], checkpoint->hosts[i].host)) {
                model->silent_since_ms[k] = checkpoint->hosts[i].silent_since_ms;
                model->lost[k] = checkpoint->hosts[i].lost;
            }
        truth->hosts[host].is_silent = truth->hosts[host].has_booted;
        struct rules_event none = event_of(RULES_EVENT_SET, host);
        if (checkpoint->hosts[i].lost)
            step(truth, &none);
    }
    for (size_t i = 0; i < checkpoint->gap_count; i++)
        if (checkpoint->gaps[i].host[0] != '\0')
            truth->hosts[checkpoint->gaps[i].host[1] - '0'].late_ms = checkpoint->gaps[i].through_ms;
    model->licence_ms = checkpoint->clock_ms;
    model->judged_ms = model->validated_ms = model->event_ms = begin->at_ms;
    adopt_peak(model, checkpoint);
    adopt_standing(model, checkpoint, begin);
    rules_forget(model);
    truth->told_at = 0;
}

/* History that is gone is said; whatever is not said has to be there. */
void truth_life_loaded(struct truth_life *life, const struct farm_begin *begin, int64_t revision)
{
    struct store_truth *truth = life->truth;
    life->base_n = begin->checkpoint != NULL ? begin->checkpoint->n : 0;
    life->base_gaps = begin->checkpoint != NULL ? begin->checkpoint->gaps_ever : 0;
    life->base_revision = revision;
    life->begin_ms = begin->at_ms;
    life->followed_n = 0;
    life->has_gap = begin->gap != NULL;
    life->has_written = false;
    pile_clear(&life->deliveries);
    pile_clear(&life->own);
    pile_clear(&life->reports);
    if (life->has_gap || !truth->is_lost || begin->checkpoint == NULL || revision < truth->known_from)
        return;
    adopt(truth, begin, revision);
    truth->n = life->base_n;
    truth->gaps_ever = life->base_gaps;
    truth->revision = revision;
    truth->writer = NULL;
    truth->is_lost = false;
    truth->is_begun = true;
    truth->window_count = 0;
}

static void begin_leadership(struct store_truth *truth, struct truth_life *life)
{
    static const struct rules_event timer = {.type = RULES_EVENT_TIMER};
    const struct rules_event restart = {.type = RULES_EVENT_RESTART};
    if (life->base_n != truth->n)
        store_farm_fail(truth->farm, "%s goes on from checkpoint %" PRId64 ", the last one is %" PRId64,
                        life->instance, life->base_n, truth->n);
    if (!truth->is_begun) {
        begin_anew(truth, life->begin_ms, life->base_revision);
        truth->is_begun = true;
        return;
    }
    if (life->base_revision != truth->revision)
        store_farm_fail(truth->farm, "%s goes on from revision %" PRId64 ", the checkpoint is of %" PRId64,
                        life->instance, life->base_revision, truth->revision);
    (void)rules_step(truth->model, &restart, life->begin_ms);
    truth->now_ms = life->begin_ms;
    step(truth, &timer);
}

/* ---- checkpoints --------------------------------------------------------------------------------------- */

static void add_entry(struct store_truth *truth, const struct entry *entry)
{
    *(struct entry *)pile_add(&truth->entries, sizeof *entry) = *entry;
}

/* A gap is a gap that is counted, and lies behind what the checkpoint before knew. */
static void check_gap(struct store_truth *truth, const struct checkpoint *checkpoint)
{
    const struct checkpoint_gap *gap = NULL;
    for (size_t i = 0; i < checkpoint->gap_count; i++)
        if (checkpoint->gaps[i].host[0] == '\0') /* of lost history */
            gap = &checkpoint->gaps[i];
    if (checkpoint->gaps_ever <= truth->gaps_ever || gap == NULL)
        store_farm_fail(truth->farm, "checkpoint %" PRId64 " does not tell of the gap before it",
                        checkpoint->n);
    else if (!truth->is_lost && gap->after_revision > truth->revision)
        store_farm_fail(truth->farm,
                        "the gap begins behind revision %" PRId64 ", known was all through %" PRId64,
                        gap->after_revision, truth->revision);
}

static void follow(struct store_truth *truth, struct truth_life *life, const struct checkpoint *checkpoint)
{
    struct pile *entries = &truth->entries;
    if (truth->writer != life || !life->has_written)
        begin_leadership(truth, life);
    while (entries->done < entries->count &&
           entry_at(truth, entries->done)->revision <= checkpoint->revision &&
           !store_farm_has_failed(truth->farm)) {
        struct entry *entry = entry_at(truth, entries->done++);
        step_entry(truth, life, entry);
        free(entry->changes);
    }
    if (!store_farm_has_failed(truth->farm))
        compare(truth, checkpoint);
}

static void judge(struct store_truth *truth, const struct checkpoint *checkpoint)
{
    struct store_farm *farm = truth->farm;
    struct truth_life *life = find_life(truth, checkpoint->instance);
    store_farm_trace(farm,
                     "checkpoint %" PRId64 " of %s: through %" PRId64 ", time %" PRId64
                     ", users %u, since %" PRId64 " at most %u%s",
                     checkpoint->n, checkpoint->instance, checkpoint->revision, checkpoint->event_ms,
                     checkpoint->running.users_at_end, checkpoint->running.start_ms,
                     checkpoint->running.peak_users, truth->is_lost ? " (not compared)" : "");
    if (life == NULL || strcmp(truth->owner, checkpoint->instance) != 0)
        store_farm_fail(farm, "%s wrote checkpoint %" PRId64 " while '%s' leads", checkpoint->instance,
                        checkpoint->n, truth->owner);
    if (checkpoint->n <= truth->n)
        store_farm_fail(farm, "checkpoint %" PRId64 " comes behind checkpoint %" PRId64, checkpoint->n,
                        truth->n);
    if (life == NULL)
        return;
    if (life->has_gap && !life->has_written) {
        check_gap(truth, checkpoint);
        truth->is_lost = true;
    } else if (!truth->is_lost) {
        follow(truth, life, checkpoint);
    }
    if (truth->is_lost)
        forget_entries(truth, checkpoint->revision);
    else
        rules_forget(truth->model);
    life->has_written = true;
    truth->writer = life;
    truth->told_at = 0;
    forget_windows(truth, checkpoint->running.start_ms);
    truth->n = checkpoint->n;
    truth->revision = checkpoint->revision;
    truth->gaps_ever = checkpoint->gaps_ever;
}

static void see_checkpoint(struct store_truth *truth, const struct wire_kv *kv)
{
    struct checkpoint *checkpoint;
    struct error_detail detail = {""};
    if (kv->deleted || checkpoint_read(&truth->farm->record, kv, &checkpoint, &detail) < 0) {
        store_farm_fail(truth->farm, "a checkpoint cannot be read: %s", detail.text);
        return;
    }
    judge(truth, checkpoint);
    add_entry(truth, &(struct entry){.type = ENTRY_CHECKPOINT,
                                     .revision = kv->mod_revision,
                                     .at_ms = checkpoint->at_ms,
                                     .n = checkpoint->n});
    free(checkpoint);
}

/* ---- what else changes --------------------------------------------------------------------------------- */

static unsigned host_of(const struct store_truth *truth,
                        const char keys[TRUTH_HOSTS_MAX][WIRE_KEY_BYTES_MAX + 1], const char *key)
{
    unsigned host = 0;
    (void)truth;
    while (host < TRUTH_HOSTS_MAX && strcmp(keys[host], key) != 0)
        host++;
    return host;
}

static void see_leader(struct store_truth *truth, const struct wire_kv *kv)
{
    struct record_host owner = {.instance = ""};
    struct error_detail detail;
    if (!kv->deleted && record_host_read(&truth->farm->record, kv, &owner, &detail) < 0)
        store_farm_fail(truth->farm, "who leads cannot be read");
    memcpy(truth->owner, owner.instance, sizeof truth->owner);
}

static void see_window(struct store_truth *truth, const struct wire_kv *kv)
{
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    struct error_detail detail;
    struct window window;
    size_t place = truth->window_count;
    if (kv->deleted)
        return;
    if (checkpoint_window_read(&truth->farm->record, kv, farm_id, &window, &detail) < 0) {
        store_farm_fail(truth->farm, "a window cannot be read");
        return;
    }
    while (place > 0 && truth->windows[place - 1].start_ms >= window.start_ms)
        place--;
    if (place < truth->window_count && truth->windows[place].start_ms == window.start_ms) {
        truth->windows[place] = window;
        return;
    }
    if (truth->window_count == truth->window_room) {
        truth->window_room = truth->window_room == 0 ? 128 : 2 * truth->window_room;
        truth->windows = realloc(truth->windows, truth->window_room * sizeof *truth->windows);
        if (truth->windows == NULL)
            abort();
    }
    memmove(truth->windows + place + 1, truth->windows + place,
            (truth->window_count++ - place) * sizeof window);
    truth->windows[place] = window;
}

/* What the host says of a session is what was so on it. */
static void check_change(struct store_truth *truth, unsigned host, const struct change *change)
{
    struct store_farm *farm = truth->farm;
    char user[24];
    size_t number = strtoul(change->id, NULL, 10);
    if (change->type == CHANGE_BOOTED)
        return;
    if (number >= farm->session_count || farm->sessions[number].host != host) {
        store_farm_fail(farm, "h%u tells of session %s, which it never had", host, change->id);
        return;
    }
    struct store_session *session = &farm->sessions[number];
    (void)snprintf(user, sizeof user, "u%u", session->user);
    if (change->type == CHANGE_SESSION_END) {
        if (session->ended_ms == 0 || change->at_ms < session->ended_ms)
            store_farm_fail(farm, "h%u ends session %s, which goes on", host, change->id);
        return;
    }
    session->told = true;
    if (strcmp(user, change->user) != 0 || change->connected_at_ms != session->opened_ms ||
        change->at_ms < session->opened_ms)
        store_farm_fail(farm, "h%u tells session %s otherwise than it is", host, change->id);
}

static void see_seq(struct store_truth *truth, const struct wire_kv *kv)
{
    static struct record_seq seq;
    struct error_detail detail = {""};
    unsigned number = host_of(truth, truth->seq_keys, kv->key);
    if (number == TRUTH_HOSTS_MAX || kv->deleted ||
        record_seq_read(&truth->farm->record, kv, &seq, &detail) < 0) {
        store_farm_fail(truth->farm, "a host's changes cannot be read: %s", detail.text);
        return;
    }
    struct truth_host *host = &truth->hosts[number];
    if (seq.through - seq.count != host->through && !truth->farm->was_restored)
        store_farm_fail(truth->farm, "h%u tells changes %" PRIu64 " to %" PRIu64 " behind %" PRIu64, number,
                        seq.through - seq.count + 1, seq.through, host->through);
    host->through = seq.through;
    struct entry entry = {.type = ENTRY_CHANGES,
                          .revision = kv->mod_revision,
                          .host = number,
                          .count = seq.count,
                          .changes = malloc((seq.count + 1) * sizeof *entry.changes)};
    if (entry.changes == NULL)
        abort();
    memcpy(entry.changes, seq.changes, seq.count * sizeof *entry.changes);
    for (size_t i = 0; i < seq.count; i++)
        check_change(truth, number, &entry.changes[i]);
    add_entry(truth, &entry);
}

static void see_host(struct store_truth *truth, const struct wire_kv *kv)
{
    unsigned host = host_of(truth, truth->host_keys, kv->key);
    if (host == TRUTH_HOSTS_MAX)
        store_farm_fail(truth->farm, "a host that there is not: %s", kv->key);
    else
        add_entry(truth, &(struct entry){.type = kv->deleted ? ENTRY_DOWN : ENTRY_UP,
                                         .revision = kv->mod_revision,
                                         .host = host});
}

void store_truth_change(struct store_truth *truth, const struct wire_kv *kv)
{
    if (truth->known_from == INT64_MAX)
        truth->known_from = kv->mod_revision - 1;
    switch (record_kind_of(&truth->farm->record, kv->key)) {
    case RECORD_SEQ:
        see_seq(truth, kv);
        return;
    case RECORD_HOST:
        see_host(truth, kv);
        return;
    case RECORD_LEADER:
        see_leader(truth, kv);
        return;
    case RECORD_WINDOW:
        see_window(truth, kv);
        return;
    case RECORD_CHECKPOINT:
        see_checkpoint(truth, kv);
        return;
    default:
        return;
    }
}

void store_truth_restored(struct store_truth *truth)
{
    forget_entries(truth, INT64_MAX);
    pile_clear(&truth->entries);
    truth->is_lost = true;
    truth->known_from = INT64_MAX;
    truth->n = truth->revision = truth->gaps_ever = 0;
    truth->owner[0] = '\0';
    truth->window_count = 0;
}

bool store_truth_is_lost(const struct store_truth *truth)
{
    return truth->is_lost || !truth->is_begun;
}

/* ---- looking ------------------------------------------------------------------------------------------- */

/* As of now: also what no checkpoint has yet. */
static size_t count_now(const struct store_truth *truth, unsigned host, const char *id, bool *ret_has)
{
    struct store_truth now = *truth;
    for (size_t i = truth->entries.done; i < truth->entries.count; i++)
        note_entry(&now, entry_at(truth, i));
    if (ret_has != NULL)
        *ret_has = place_of(&now.hosts[host], id) < now.hosts[host].count;
    return now.hosts[host].count;
}

size_t store_truth_sessions(const struct store_truth *truth, unsigned host)
{
    return count_now(truth, host, "", NULL);
}

bool store_truth_has(const struct store_truth *truth, unsigned host, const char *id)
{
    bool has;
    (void)count_now(truth, host, id, &has);
    return has;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

struct store_truth *store_truth_create(struct store_farm *farm)
{
    struct store_truth *truth = calloc(1, sizeof *truth);
    if (truth == NULL)
        abort();
    truth->farm = farm;
    for (unsigned i = 0; i < TRUTH_HOSTS_MAX; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "h%u", i);
        memcpy(truth->host_keys[i], record_key(&farm->record, RECORD_HOST, name, NULL).text,
               sizeof truth->host_keys[i]);
        memcpy(truth->seq_keys[i], record_key(&farm->record, RECORD_SEQ, name, NULL).text,
               sizeof truth->seq_keys[i]);
    }
    return truth;
}

static void free_life(struct truth_life *life)
{
    free(life->deliveries.items);
    free(life->own.items);
    free(life->reports.items);
    free(life);
}

void store_truth_destroy(struct store_truth *truth)
{
    struct truth_life *next;
    forget_entries(truth, INT64_MAX);
    for (struct truth_life *life = truth->lives; life != NULL; life = next) {
        next = life->next;
        free_life(life);
    }
    rules_destroy(truth->model);
    free(truth->entries.items);
    free(truth->windows);
    free(truth);
}
