/* test_leader.c - how a leadership begins, what it leaves in the store, and how it ends. Many of them, one
 * after the other and against an oracle: tests/sim/test_farm_leader.c. */
#include "tests/unit/unit.h"

#include "tests/sim/model_etcd.h"

#include "agent/farm/leader.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0      INT64_C(1700000400000)
#define LEASE_S 10

struct house;

/* A way to etcd by a member that is cut off from the others, as far as watches go. */
struct deaf_way {
    struct farm_port port;
    bool is_deaf;    /* watches that begin now are told nothing */
    unsigned deafer; /* nor are those that began before so many were asked for */
    unsigned asked;
};

struct host {
    struct house *house;
    struct deaf_way way;
    struct leader *leader;
    struct core *core;
    unsigned lives, turns, saved;
    const struct core_event *event; /* for its next turn */
    int code;                       /* of that step */
    char heard[1024];
};

struct house {
    struct model_etcd *etcd;
    struct record_farm farm;
    struct host hosts[2];
    int64_t now_ms, licence_ahead_ms;
};

static const struct core_settings core_settings = {
    .tally = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT}};

/* ---- an owner ------------------------------------------------------------------------------------------ */

static int64_t on_licence_ms(void *data)
{
    const struct host *host = data;
    return host->house->now_ms + host->house->licence_ahead_ms;
}

static const struct core_settings *on_settings(void *data)
{
    (void)data;
    return &core_settings;
}

static int on_begin(void *data, const struct farm_begin *begin)
{
    struct host *host = data;
    struct core_saved saved = *begin->saved;
    saved.installation_id = "inst";
    if (begin->checkpoint != NULL && begin->checkpoint->identity.farm_id[0] != '\0')
        saved.farm_id = begin->checkpoint->identity.farm_id;
    core_destroy(host->core);
    host->core = core_create(&core_settings);
    return core_restore(host->core, &saved, begin->at_ms);
}

static const struct core *on_core(void *data)
{
    const struct host *host = data;
    return host->core;
}

static int on_step(void *data, const struct core_event *event, int64_t at_ms, struct core_actions *actions)
{
    struct host *host = data;
    return core_step(host->core, event, at_ms, actions);
}

static void on_identity(void *data, struct store_identity *ret,
                        char ret_entitlement[STORE_ENTITLEMENT_MAX + 1])
{
    const struct host *host = data;
    struct core_status status;
    core_status(host->core, &status);
    *ret = (struct store_identity){.installation_id = "inst"};
    if (status.farm_id != NULL)
        strcpy(ret->farm_id, status.farm_id);
    strcpy(ret_entitlement, "fg1");
}

static void on_live(void *data)
{
    struct host *host = data;
    host->lives++;
}

static void on_turn(void *data)
{
    struct host *host = data;
    host->turns++;
    if (host->event != NULL)
        host->code = leader_step(host->leader, host->event);
    host->event = NULL;
}

static void on_saved(void *data, const struct core_actions *actions)
{
    struct host *host = data;
    assert_non_null(actions);
    host->saved++;
}

static void say(struct host *host, const char *one, const char *other)
{
    size_t used = strlen(host->heard);
    (void)snprintf(host->heard + used, sizeof host->heard - used, "%s%s\n", one, other);
}

static void on_resigned(void *data, int error, const char *detail)
{
    (void)error;
    say(data, "resigned: ", detail);
}

static void on_window(void *data, const char *farm_id, const struct window *window)
{
    (void)data;
    (void)farm_id;
    (void)window;
}

static void on_note(void *data, enum farm_note note, const char *key, const char *detail)
{
    (void)note;
    (void)key;
    say(data, "", detail);
}

static const struct leader_told told = {on_licence_ms, on_settings, on_begin,  on_core,
                                        on_step,       on_identity, on_live,   on_turn,
                                        on_saved,      on_resigned, on_window, on_note};

/* ---- a way on which watches say nothing ---------------------------------------------------------------- */

struct deaf_watch {
    const struct deaf_way *way;
    struct etcd_told told;
    void *data;
    bool is_deaf;
    unsigned number;
};

static bool hears(const struct deaf_watch *watch)
{
    return !watch->is_deaf && watch->number > watch->way->deafer;
}

static int deaf_kv(void *data, const struct wire_kv *kv)
{
    const struct deaf_watch *watch = data;
    return hears(watch) ? watch->told.kv(watch->data, kv) : 0;
}

static int deaf_message(void *data, const struct wire_message *message)
{
    const struct deaf_watch *watch = data;
    return hears(watch) ? watch->told.message(watch->data, message) : 0;
}

static void deaf_done(void *data, int error, const char *detail)
{
    struct deaf_watch *watch = data;
    watch->told.done(watch->data, error, detail);
    free(watch);
}

static int64_t deaf_ask(void *etcd, const char *path, char *text, const struct etcd_told *watcher, void *data)
{
    static const struct etcd_told relay = {deaf_kv, deaf_message, deaf_done};
    struct deaf_way *way = etcd;
    if (strcmp(path, WIRE_PATH_WATCH) != 0)
        return way->port.ask(way->port.etcd, path, text, watcher, data);
    struct deaf_watch *watch = calloc(1, sizeof *watch);
    assert_non_null(watch);
    *watch = (struct deaf_watch){way, *watcher, data, way->is_deaf, ++way->asked};
    return way->port.ask(way->port.etcd, path, text, &relay, watch);
}

static void deaf_cancel(void *etcd, int64_t id)
{
    const struct deaf_way *way = etcd;
    way->port.cancel(way->port.etcd, id);
}

/* ---- the house ----------------------------------------------------------------------------------------- */

static int open_house(void **state)
{
    static const uint8_t secret[SEAL_SECRET_BYTES] = {5};
    struct house *house = calloc(1, sizeof *house);
    if (house == NULL || sodium_init() < 0)
        return 1;
    house->now_ms = T0;
    house->etcd = model_etcd_create(1);
    model_etcd_pass(house->etcd, T0);
    *state = house;
    return record_farm_init(&house->farm, "farm", secret);
}

static struct host *start(struct house *house, unsigned number, int64_t seen_n)
{
    struct host *host = &house->hosts[number];
    struct leader_settings settings = {.farm = &house->farm,
                                       .port = {deaf_ask, deaf_cancel, &host->way},
                                       .lease_ttl_s = LEASE_S,
                                       .seen_n = seen_n};
    host->house = house;
    host->way.port = model_etcd_port(house->etcd, number);
    (void)snprintf(settings.self.host, sizeof settings.self.host, "rds%u", number);
    (void)snprintf(settings.self.instance, sizeof settings.self.instance, "i%u", number);
    host->leader = leader_create(&settings, &told, host);
    assert_non_null(host->leader);
    return host;
}

static int close_house(void **state)
{
    struct house *house = *state;
    for (unsigned i = 0; i < COUNT(house->hosts); i++) {
        leader_destroy(house->hosts[i].leader);
        core_destroy(house->hosts[i].core);
    }
    model_etcd_pass(house->etcd, house->now_ms + 100000);
    model_etcd_destroy(house->etcd);
    free(house);
    return 0;
}

static void pass(struct house *house, int64_t for_ms)
{
    int64_t until_ms = house->now_ms + for_ms;
    while (house->now_ms < until_ms) {
        for (unsigned i = 0; i < COUNT(house->hosts); i++) {
            struct leader *leader = house->hosts[i].leader;
            for (int turns = 0; leader != NULL && turns < 10 && leader_due_ms(leader) <= house->now_ms;
                 turns++)
                leader_pass(leader, house->now_ms);
        }
        house->now_ms += 10;
        model_etcd_pass(house->etcd, house->now_ms);
    }
}

static struct wire_kv kv_of(const struct house *house, enum record_kind kind)
{
    struct wire_kv kv = {.key = NULL};
    struct record_key key = record_key(&house->farm, kind, NULL, NULL);
    assert_true(model_etcd_get(house->etcd, key.text, 0, &kv));
    return kv;
}

static struct checkpoint *checkpoint_of(const struct house *house)
{
    struct checkpoint *checkpoint = NULL;
    struct wire_kv kv = kv_of(house, RECORD_CHECKPOINT);
    assert_int_equal(checkpoint_read(&house->farm, &kv, &checkpoint, NULL), 0);
    return checkpoint;
}

static int64_t n_of(const struct house *house)
{
    struct checkpoint *checkpoint = checkpoint_of(house);
    int64_t n = checkpoint->n;
    free(checkpoint);
    return n;
}

static void count(void *data, const struct wire_kv *kv)
{
    size_t *counted = data;
    (void)kv;
    ++*counted;
}

static size_t windows_of(const struct house *house)
{
    size_t counted = 0;
    struct record_key prefix = record_prefix(&house->farm, RECORD_WINDOW, NULL);
    (void)model_etcd_each(house->etcd, prefix.text, 0, count, &counted);
    return counted;
}

static void write_often(struct house *house, struct host *host)
{
    for (int i = 0; i < 40; i++) {
        leader_wants_turn(host->leader);
        pass(house, 10000);
    }
}

/* ---- how it begins ------------------------------------------------------------------------------------- */

static void the_first_one_leads(void **state)
{
    struct house *house = *state;
    struct host *host = start(house, 0, 0);
    struct farm_verdict verdict;
    pass(house, 2000);
    assert_int_equal(leader_state(host->leader), LEADER_LIVE);
    assert_string_equal(leader_name(host->leader), "rds0");
    assert_int_equal(host->lives, 1);
    assert_true(host->saved > 0);
    struct wire_kv kv = kv_of(house, RECORD_VERDICT);
    assert_int_equal(farm_verdict_read(&house->farm, &kv, &verdict, NULL), 0);
    assert_int_equal(verdict.n, n_of(house));
    assert_int_equal(verdict.status.verdict.reason, VERDICT_NOT_ACTIVATED);
    assert_string_equal(verdict.leader, "rds0");
    struct checkpoint *checkpoint = checkpoint_of(house);
    assert_string_equal(checkpoint->entitlement, "fg1");
    assert_string_equal(checkpoint->instance, "i0");
    free(checkpoint);
    assert_string_equal(host->heard, "");
}

static void an_idle_farm_writes_nothing(void **state)
{
    struct house *house = *state;
    (void)start(house, 0, 0);
    pass(house, 2000);
    int64_t revision = model_etcd_revision(house->etcd);
    pass(house, 60000);
    assert_int_equal(model_etcd_revision(house->etcd), revision);
}

static void the_second_one_waits_until_it_is_handed_on(void **state)
{
    struct house *house = *state;
    struct host *first = start(house, 0, 0);
    pass(house, 2000);
    struct host *second = start(house, 1, 0);
    pass(house, 30000);
    assert_int_equal(leader_state(second->leader), LEADER_FOLLOWING);
    assert_string_equal(leader_name(second->leader), "rds0");
    assert_null(leader_farm_state(second->leader));
    leader_stand(first->leader, false);
    leader_resign(first->leader);
    assert_string_equal(first->heard, "resigned: it is handed on\n");
    pass(house, 1500); /* sooner than its lease would have run out */
    assert_int_equal(leader_state(second->leader), LEADER_LIVE);
    assert_int_equal(leader_state(first->leader), LEADER_FOLLOWING);
    assert_string_equal(leader_name(first->leader), "rds1");
}

static void who_does_not_stand_is_not_elected(void **state)
{
    struct house *house = *state;
    struct host *host = start(house, 0, 0);
    leader_stand(host->leader, false);
    pass(house, 20000);
    assert_int_equal(leader_state(host->leader), LEADER_FOLLOWING);
    leader_stand(host->leader, true);
    pass(house, 2000);
    assert_int_equal(leader_state(host->leader), LEADER_LIVE);
}

static void numbers_go_on_above_what_was_seen(void **state)
{
    struct house *house = *state;
    (void)start(house, 0, T0 + DAY_MS);
    pass(house, 2000);
    assert_true(n_of(house) > T0 + DAY_MS);
}

/* Who has seen nothing begins above all that anybody can have seen. */
static void numbers_are_as_high_as_the_clock(void **state)
{
    struct house *house = *state;
    (void)start(house, 0, 0);
    pass(house, 2000);
    assert_true(n_of(house) >= T0);
}

/* Also of what was seen while another one led. */
static void numbers_go_on_above_what_was_followed(void **state)
{
    struct house *house = *state;
    struct host *first = start(house, 0, 0);
    pass(house, 2000);
    struct host *second = start(house, 1, 0);
    pass(house, 2000);
    int64_t seen = n_of(house) + DAY_MS; /* of before the store was put back */
    leader_saw(second->leader, seen);
    leader_saw(second->leader, seen - 1);
    leader_stand(first->leader, false);
    leader_resign(first->leader);
    pass(house, 2000);
    assert_true(n_of(house) > seen);
    assert_string_equal(second->heard, "an earlier checkpoint was put back\n");
}

/* Nobody but itself has seen the number of a checkpoint that was never committed. */
static void a_number_tried_in_vain_is_not_an_older_one(void **state)
{
    struct house *house = *state;
    struct host *host = start(house, 0, 0);
    const struct model_weather fine = {.way_ms_max = 0}, none = {.cut_off = true};
    pass(house, 2000);
    model_etcd_weather(house->etcd, 0, &none);
    leader_wants_turn(host->leader);
    pass(house, 60000);
    assert_int_equal(leader_state(host->leader), LEADER_FOLLOWING);
    model_etcd_weather(house->etcd, 0, &fine);
    pass(house, 60000);
    assert_int_equal(leader_state(host->leader), LEADER_LIVE);
    assert_string_equal(host->heard, "resigned: the lease could not be renewed\n");
}

/* ---- what it writes ------------------------------------------------------------------------------------ */

static void the_owner_steps_at_its_turn(void **state)
{
    struct house *house = *state;
    struct host *host = start(house, 0, 0);
    pass(house, 2000);
    unsigned turns = host->turns;
    host->event = &(const struct core_event){.type = EVENT_REPORT_NOW};
    leader_wants_turn(host->leader);
    pass(house, 100);
    assert_true(host->turns > turns);
    assert_int_equal(host->code, CORE_NOT_ACTIVE);
}

/* Compacting does not wait for a checkpoint that is under way, and nothing turns until that is answered. */
static void it_rests_while_it_waits(void **state)
{
    struct house *house = *state;
    struct host *host = start(house, 0, 0);
    const struct model_weather none = {.cut_off = true};
    pass(house, LEADER_COMPACT_MS - 1000);
    model_etcd_weather(house->etcd, 0, &none);
    leader_wants_turn(host->leader);
    for (int i = 0; i < 300; i++) {
        pass(house, 10);
        leader_pass(host->leader, house->now_ms);
        assert_true(leader_due_ms(host->leader) > house->now_ms);
    }
    assert_int_equal(leader_state(host->leader), LEADER_LIVE);
}

static void more_windows_than_fit_go_ahead_of_the_checkpoint(void **state)
{
    struct house *house = *state;
    struct host *host = start(house, 0, 0);
    pass(house, 2000);
    house->licence_ahead_ms = (2 * LEADER_WINDOWS_MAX + 5) * WINDOW_MS;
    pass(house, 2000);
    assert_int_equal(windows_of(house), 2 * LEADER_WINDOWS_MAX + 5);
    struct checkpoint *checkpoint = checkpoint_of(house);
    assert_true(checkpoint->running.start_ms > T0 + 2 * LEADER_WINDOWS_MAX * WINDOW_MS);
    free(checkpoint);
    assert_int_equal(leader_state(host->leader), LEADER_LIVE);
}

struct sequences {
    const struct house *house;
    uint64_t least;
    size_t count;
};

static void note_sequence(void *data, const struct wire_kv *kv)
{
    struct sequences *sequences = data;
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    struct window window;
    assert_int_equal(checkpoint_window_read(&sequences->house->farm, kv, farm_id, &window, NULL), 0);
    if (window.sequence == 0)
        return; /* it closed before the activation */
    sequences->count++;
    if (window.sequence < sequences->least)
        sequences->least = window.sequence;
}

static void take_turn(struct house *house, struct host *host, const struct core_event *event)
{
    host->event = event;
    leader_wants_turn(host->leader);
    pass(house, 2000);
    assert_null(host->event);
    assert_int_equal(host->code, 0);
}

/* Of a store that was put back: the farm's numbers were used, and what leads next has the new ones. */
static void windows_get_new_numbers_in_the_store(void **state)
{
    struct house *house = *state;
    struct host *first = start(house, 0, 0);
    size_t unsent, count = LEADER_WINDOWS_MAX + 6;
    struct grant grant = {.farm_id = "f1", .installation_id = "inst", .serial = 1, .limit = 5};
    const struct core_event activated = {
        .type = EVENT_ACTIVATED, .activated = {.farm_id = "f1", .installation_id = "inst", .grant = &grant}};
    const struct core_refused_window refused = {1, CORE_NUMBER_USED};
    const struct core_event answered = {
        .type = EVENT_REPORT_ACCEPTED,
        .accepted = {.through = 5000, .refused = &refused, .refused_count = 1}};
    pass(house, 2000);
    grant.issued_at_ms = house->now_ms;
    grant.refresh_by_ms = house->now_ms + 30 * DAY_MS;
    take_turn(house, first, &activated);
    house->licence_ahead_ms = (int64_t)count * WINDOW_MS; /* and a report is on its way */
    pass(house, 2000);
    take_turn(house, first, &answered);

    struct sequences sequences = {.house = house, .least = UINT64_MAX};
    struct record_key prefix = record_prefix(&house->farm, RECORD_WINDOW, NULL);
    (void)model_etcd_each(house->etcd, prefix.text, 0, note_sequence, &sequences);
    assert_int_equal(sequences.count, count);
    assert_int_equal(sequences.least, 5001);
    struct checkpoint *checkpoint = checkpoint_of(house);
    assert_int_equal(checkpoint->next_sequence, 5001 + count);
    assert_int_equal(checkpoint->unsent_count, 1);
    assert_int_equal(checkpoint->unsent[0].first, 5001);
    assert_int_equal(checkpoint->unsent[0].last, 5000 + count);
    free(checkpoint);

    struct host *second = start(house, 1, 0);
    pass(house, 2000);
    leader_stand(first->leader, false);
    leader_resign(first->leader);
    pass(house, 2000);
    assert_int_equal(leader_state(second->leader), LEADER_LIVE);
    assert_int_equal(core_unsent(second->core, &unsent)[0].sequence, 5001);
    assert_int_equal(unsent, count);
}

static void history_is_written_when_nothing_else_is(void **state)
{
    struct house *house = *state;
    struct host *host = start(house, 0, 0);
    size_t count = LEADER_WINDOWS_MAX + 7;
    struct window *windows = calloc(count, sizeof(*windows)), *late = calloc(1, sizeof(*late));
    for (size_t i = 0; i < count; i++)
        windows[i] = (struct window){.start_ms = T0 - (int64_t)(count - i) * WINDOW_MS, .peak_users = 3};
    leader_add_history(host->leader, late, 1); /* nobody leads yet: it is freed */
    pass(house, 2000);
    assert_int_equal(windows_of(house), 0);
    leader_add_history(host->leader, windows, count);
    pass(house, 2000);
    assert_int_equal(windows_of(house), count);
    assert_int_equal(leader_state(host->leader), LEADER_LIVE);
    int64_t n = n_of(house);
    write_often(house, host);
    assert_true(n_of(house) > n); /* and the farm goes on */
}

static void windows_are_kept_for_400_days(void **state)
{
    static const int64_t days_old[] = {-1, 1, 399, 401, 500};
    struct house *house = *state;
    struct host *host = start(house, 0, 0);
    for (size_t i = 0; i < COUNT(days_old); i++) {
        const struct window window = {.start_ms = T0 - days_old[i] * DAY_MS};
        struct record_key key = record_window_key(&house->farm, window.start_ms);
        struct record_value value = checkpoint_window_value(&house->farm, "f1", &window);
        model_etcd_put(house->etcd, key.text, value.bytes, value.count);
        free(value.bytes);
    }
    write_often(house, host);
    assert_int_equal(windows_of(house), 3);
}

static void a_strangers_checkpoint_is_written_over(void **state)
{
    struct house *house = *state;
    struct host *host = start(house, 0, 0);
    pass(house, 2000);
    struct record_key key = record_key(&house->farm, RECORD_CHECKPOINT, NULL, NULL);
    model_etcd_put(house->etcd, key.text, "x", 1);
    leader_wants_turn(host->leader);
    pass(house, 3000);
    struct checkpoint *checkpoint = checkpoint_of(house);
    free(checkpoint);
    model_etcd_delete(house->etcd, key.text);
    leader_wants_turn(host->leader);
    pass(house, 3000);
    checkpoint = checkpoint_of(house);
    free(checkpoint);
    assert_int_equal(host->lives, 1);
    assert_string_equal(host->heard, "not written with this farm's secret, or for another key\n");
}

/* ---- history ------------------------------------------------------------------------------------------- */

static void history_is_compacted_behind_its_own_checkpoint(void **state)
{
    struct house *house = *state;
    struct host *host = start(house, 0, 0);
    write_often(house, host);
    struct checkpoint *checkpoint = checkpoint_of(house);
    assert_true(model_etcd_compacted(house->etcd) > 0);
    assert_true(model_etcd_compacted(house->etcd) <= checkpoint->revision);
    assert_int_equal(checkpoint->gaps_ever, 0);
    free(checkpoint);
}

static void other_farms_floors_hold_history(void **state)
{
    static const struct {
        const char *floor;
        int64_t compacted;
    } rows[] = {{"3", 3}, {"0", 0}, {"nonsense", 0}, {"-7", 0}};
    struct house *house = *state;
    struct host *host = start(house, 0, 0);
    for (size_t i = COUNT(rows); i-- > 0;) {
        model_etcd_put(house->etcd, RECORD_FLOORS "other", rows[i].floor, strlen(rows[i].floor));
        write_often(house, host);
        assert_int_equal(model_etcd_compacted(house->etcd), rows[i].compacted);
    }
}

static void what_is_compacted_behind_its_back_is_a_gap(void **state)
{
    struct house *house = *state;
    struct host *host = start(house, 0, 0);
    pass(house, 2000);
    model_etcd_put(house->etcd, "/elsewhere", "x", 1);
    model_etcd_compact(house->etcd, model_etcd_revision(house->etcd));
    leader_wants_turn(host->leader);
    pass(house, 3000);
    assert_string_equal(host->heard, "history was compacted before it was read\n");
    assert_int_equal(leader_gaps(host->leader), 1);
    assert_int_equal(leader_state(host->leader), LEADER_LIVE);
    assert_int_equal(host->lives, 2); /* the core was made anew */
    struct checkpoint *checkpoint = checkpoint_of(house);
    assert_int_equal(checkpoint->gaps_ever, 1);
    free(checkpoint);
}

/* The deletion of a key right behind the checkpoint, and the history compacted there: a watch is not told of
 * it, and does not say so. */
static void a_deletion_that_no_watch_tells_is_a_gap(void **state)
{
    struct house *house = *state;
    struct record_host self = {.host = "h1", .instance = "w"};
    struct record_key key = record_key(&house->farm, RECORD_HOST, "h1", NULL);
    struct record_value value = record_host_value(&house->farm, key.text, &self);
    model_etcd_put(house->etcd, key.text, value.bytes, value.count);
    free(value.bytes);
    struct host *first = start(house, 0, 0);
    write_often(house, first);
    struct checkpoint *checkpoint = checkpoint_of(house);
    int64_t revision = checkpoint->revision;
    free(checkpoint);
    leader_destroy(first->leader);
    first->leader = NULL;
    model_etcd_delete(house->etcd, key.text);
    model_etcd_compact(house->etcd, revision + 1);
    struct host *second = start(house, 1, 0);
    pass(house, 20000);
    assert_int_equal(leader_state(second->leader), LEADER_LIVE);
    assert_int_equal(leader_gaps(second->leader), 1);
    assert_false(farm_state_host_is_up(leader_farm_state(second->leader), "h1"));
}

/* ---- what it says -------------------------------------------------------------------------------------- */

/* Of hosts that have booted, and have no lease. */
static void more_silent_hosts_than_a_checkpoint_holds_are_said(void **state)
{
    struct house *house = *state;
    for (int i = 0; i < CHECKPOINT_HOSTS_MAX + 6; i++) {
        struct change change = {.number = 1, .at_ms = T0, .type = CHANGE_BOOTED, .boot_id = "b"};
        (void)snprintf(change.host, sizeof change.host, "h%d", i);
        struct record_key key = record_key(&house->farm, RECORD_BOOT, change.host, NULL);
        struct record_value value = record_change_value(&house->farm, key.text, &change);
        model_etcd_put(house->etcd, key.text, value.bytes, value.count);
        free(value.bytes);
    }
    struct host *host = start(house, 0, 0);
    write_often(house, host);
    assert_string_equal(host->heard,
                        "6 silent hosts are more than it holds: another leader would wait for them anew\n");
}

/* ---- how it ends --------------------------------------------------------------------------------------- */

static void who_has_lost_the_key_is_fenced_off(void **state)
{
    struct house *house = *state;
    struct host *host = start(house, 0, 0);
    pass(house, 2000);
    int64_t n = n_of(house);
    leader_stand(host->leader, false);
    struct record_key key = record_key(&house->farm, RECORD_LEADER, NULL, NULL);
    model_etcd_delete(house->etcd, key.text);
    leader_wants_turn(host->leader);
    pass(house, 1000);
    assert_string_equal(host->heard, "resigned: another one leads now\n");
    assert_int_equal(n_of(house), n);
}

static void who_cannot_renew_its_lease_resigns_in_time(void **state)
{
    struct house *house = *state;
    struct host *host = start(house, 0, 0);
    pass(house, 2000);
    model_etcd_weather(house->etcd, 0, &(struct model_weather){.cut_off = true});
    pass(house, (LEASE_S + 1) * 1000);
    assert_string_equal(host->heard, "resigned: the lease could not be renewed\n");
    assert_int_equal(leader_state(host->leader), LEADER_FOLLOWING);
    model_etcd_weather(house->etcd, 0, &(struct model_weather){.way_ms_max = 5});
    pass(house, 30000);
    assert_int_equal(leader_state(host->leader), LEADER_LIVE);
}

/* Transactions go by, and are not told: another watch may, as it asks another member. */
static void a_checkpoint_that_does_not_come_back_is_watched_for_again(void **state)
{
    struct house *house = *state;
    struct host *host = start(house, 0, 0);
    pass(house, 2000);
    for (unsigned i = 0; i < LEADER_BARRIERS_MAX; i++) { /* each time by itself: it does not add up */
        unsigned turns = host->turns;
        int64_t n = n_of(house);
        host->way.deafer = host->way.asked;
        leader_wants_turn(host->leader);
        pass(house, 1000);
        assert_true(n_of(house) > n);
        pass(house, LEADER_BARRIER_MS - 1100);
        assert_int_equal(host->turns, turns);
        pass(house, 1000);
        assert_true(host->turns > turns);
    }
    assert_string_equal(host->heard, "");
    assert_int_equal(leader_state(host->leader), LEADER_LIVE);
    assert_int_equal(host->lives, 1);
}

static void who_never_hears_of_what_it_writes_leaves_it_to_another(void **state)
{
    struct house *house = *state;
    struct host *host = start(house, 0, 0);
    pass(house, 2000);
    unsigned turns = host->turns;
    host->way.is_deaf = true;
    host->way.deafer = host->way.asked;
    leader_stand(host->leader, false);
    struct host *second = start(house, 1, 0);
    leader_wants_turn(host->leader);
    pass(house, LEADER_BARRIERS_MAX * LEADER_BARRIER_MS - 500);
    assert_string_equal(host->heard, "");
    assert_int_equal(leader_state(host->leader), LEADER_LIVE);
    pass(house, 1500);
    assert_string_equal(host->heard, "resigned: what it writes does not come back to it\n");
    assert_int_equal(host->turns, turns);
    pass(house, 2000);
    assert_int_equal(leader_state(second->leader), LEADER_LIVE);
}

#define HOUSED(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSED(the_first_one_leads),
        HOUSED(an_idle_farm_writes_nothing),
        HOUSED(the_second_one_waits_until_it_is_handed_on),
        HOUSED(who_does_not_stand_is_not_elected),
        HOUSED(numbers_go_on_above_what_was_seen),
        HOUSED(numbers_are_as_high_as_the_clock),
        HOUSED(numbers_go_on_above_what_was_followed),
        HOUSED(a_number_tried_in_vain_is_not_an_older_one),
        HOUSED(it_rests_while_it_waits),
        HOUSED(the_owner_steps_at_its_turn),
        HOUSED(more_windows_than_fit_go_ahead_of_the_checkpoint),
        HOUSED(windows_get_new_numbers_in_the_store),
        HOUSED(history_is_written_when_nothing_else_is),
        HOUSED(windows_are_kept_for_400_days),
        HOUSED(a_strangers_checkpoint_is_written_over),
        HOUSED(history_is_compacted_behind_its_own_checkpoint),
        HOUSED(other_farms_floors_hold_history),
        HOUSED(what_is_compacted_behind_its_back_is_a_gap),
        HOUSED(a_deletion_that_no_watch_tells_is_a_gap),
        HOUSED(more_silent_hosts_than_a_checkpoint_holds_are_said),
        HOUSED(who_has_lost_the_key_is_fenced_off),
        HOUSED(who_cannot_renew_its_lease_resigns_in_time),
        HOUSED(a_checkpoint_that_does_not_come_back_is_watched_for_again),
        HOUSED(who_never_hears_of_what_it_writes_leaves_it_to_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
