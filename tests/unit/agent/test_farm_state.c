/* test_farm_state.c - what stands in a farm's store, and changes there, becomes the core's events: which, in
 * what order, and at what time. */
#include "tests/unit/unit.h"

#include "tests/sim/model_etcd.h"

#include "agent/farm/farm_state.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0     INT64_C(1700000400000)
#define CLIENT 0

struct house {
    struct model_etcd *etcd;
    struct record_farm farm;
    struct farm_state *state;
    struct core *core;
    int64_t now_ms, licence_ms;
    uint64_t through[10];
    int64_t n;
    char heard[8192]; /* of steps and notes, a line each */
    int64_t gap_after, gap_through, late_changes;
    bool is_older, has_begun;
    int64_t begun_at_ms;
    struct window unsent; /* the last one, as the core began */
    int failed;
};

static const struct core_settings core_settings = {
    .tally = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT},
    .api_lease_ms = DAY_MS,
    .host_lost_after_ms = 300000,
    .overuse_settle_ms = USAGE_SETTLE_MS};

/* ---- what is told -------------------------------------------------------------------------------------- */

static void hear(struct house *house, const char *format, ...) __attribute__((format(__printf__, 2, 3)));
static void hear(struct house *house, const char *format, ...)
{
    va_list arguments;
    size_t used = strlen(house->heard);
    va_start(arguments, format);
    (void)vsnprintf(house->heard + used, sizeof house->heard - used, format, arguments);
    va_end(arguments);
}

static int64_t on_licence_ms(void *data)
{
    const struct house *house = data;
    return house->licence_ms;
}

static const struct core_settings *on_settings(void *data)
{
    (void)data;
    return &core_settings;
}

static int on_begin(void *data, const struct farm_begin *begin)
{
    struct house *house = data;
    struct core_saved saved = *begin->saved;
    saved.installation_id = "inst";
    hear(house, "begin @%" PRId64 " %zu hosts", begin->at_ms - T0, saved.host_count);
    for (size_t i = 0; i < saved.connection_count; i++)
        hear(house, " %s/%s=%s%s", saved.connections[i].connection.host, saved.connections[i].connection.id,
             saved.connections[i].connection.user,
             saved.connections[i].reported_by == REPORTED_BY_BROKER ? " by broker" : "");
    hear(house, "%s\n", begin->gap != NULL ? " after a gap" : "");
    house->is_older = begin->is_older;
    house->has_begun = true;
    house->begun_at_ms = begin->at_ms;
    for (size_t i = 0; i < saved.connection_count; i++)
        assert_true(saved.connections[i].disconnected_at_ms <= begin->at_ms);
    if (saved.unsent_count > 0)
        house->unsent = saved.unsent[saved.unsent_count - 1];
    if (begin->gap != NULL) {
        house->gap_after = begin->gap->after_revision;
        house->gap_through = begin->gap->through_revision;
    }
    core_destroy(house->core);
    house->core = core_create(&core_settings);
    return core_restore(house->core, &saved, begin->at_ms);
}

static const struct core *on_core(void *data)
{
    const struct house *house = data;
    return house->core;
}

static void hear_event(struct house *house, const struct core_event *event)
{
    switch (event->type) {
    case EVENT_HOST_BOOTED:
        hear(house, "booted %s %s", event->booted.host, event->booted.boot_id);
        break;
    case EVENT_HOST_SILENT:
        hear(house, "silent %s", event->host);
        break;
    case EVENT_HOST_BACK:
        hear(house, "back %s", event->host);
        break;
    case EVENT_HOST_SET:
    case EVENT_BROKER_SET:
        hear(house, "%s %s", event->type == EVENT_HOST_SET ? "set" : "brokers", event->set.host);
        for (size_t i = 0; i < event->set.count; i++)
            hear(house, " %s=%s", event->set.connections[i].id, event->set.connections[i].user);
        break;
    case EVENT_BROKER_PUT:
        hear(house, "put %s %s=%s", event->put.host, event->put.id, event->put.user);
        break;
    case EVENT_BROKER_END:
        hear(house, "end %s %s", event->end.host, event->end.id);
        break;
    case EVENT_TIMER:
        hear(house, "timer");
        break;
    default:
        hear(house, "?");
    }
}

static int on_step(void *data, const struct core_event *event, int64_t at_ms)
{
    struct house *house = data;
    struct core_actions *actions = core_actions_create();
    if (house->has_begun) { /* first of all the core comes to where it was: not told by each test */
        assert_int_equal(event->type, EVENT_TIMER);
        assert_int_equal(at_ms, house->begun_at_ms);
    } else {
        hear_event(house, event);
        hear(house, " @%" PRId64 "\n", at_ms - T0);
    }
    house->has_begun = false;
    (void)core_step(house->core, event, at_ms, actions);
    core_actions_destroy(actions);
    return 0;
}

static int on_checkpoint(void *data, const struct checkpoint *checkpoint, int64_t revision, int64_t at_ms)
{
    (void)revision;
    (void)at_ms;
    hear(data, "checkpoint %" PRId64 ": ", checkpoint->n);
    return 0;
}

static void on_window(void *data, const char *farm_id, const struct window *window)
{
    hear(data, "window of %s, %u\n", farm_id, window->peak_users);
}

static void on_settled(void *data)
{
    (void)data;
}

static void on_note(void *data, enum farm_note note, const char *key, const char *detail)
{
    static const char *const names[FARM_NOTE_MAX] = {"foreign", "unreadable", "old",     "missed",
                                                     "gap",     "late",       "left_out"};
    (void)key;
    hear(data, "%s: %s\n", names[note], detail);
}

static void on_late(void *data, const struct checkpoint_gap *late)
{
    struct house *house = data;
    house->late_changes += late->changes;
}

static void on_failed(void *data, int error, const char *detail)
{
    struct house *house = data;
    house->failed = error;
    hear(house, "failed: %s\n", detail);
}

static const struct farm_state_told told = {on_licence_ms, on_settings,   on_begin,  on_core,
                                            on_step,       on_checkpoint, on_window, on_settled,
                                            on_note,       on_failed,     on_late};

/* ---- the house ----------------------------------------------------------------------------------------- */

static int open_house(void **state)
{
    static const uint8_t secret[SEAL_SECRET_BYTES] = {5};
    struct house *house = calloc(1, sizeof *house);
    if (house == NULL || sodium_init() < 0)
        return 1;
    house->now_ms = house->licence_ms = T0;
    house->etcd = model_etcd_create(1);
    model_etcd_pass(house->etcd, T0);
    *state = house;
    return record_farm_init(&house->farm, "farm", secret);
}

static int close_house(void **state)
{
    struct house *house = *state;
    farm_state_destroy(house->state);
    model_etcd_pass(house->etcd, house->now_ms + 100000);
    model_etcd_destroy(house->etcd);
    core_destroy(house->core);
    free(house);
    return 0;
}

/* Lets the store answer for a while. */
static void pass(struct house *house)
{
    for (int i = 0; i < 400; i++) {
        if (farm_state_due_ms(house->state) <= house->now_ms)
            farm_state_pass(house->state, house->now_ms);
        house->now_ms += 10;
        model_etcd_pass(house->etcd, house->now_ms);
    }
}

static void begin(struct house *house, int64_t seen_n)
{
    struct farm_port port = model_etcd_port(house->etcd, CLIENT);
    farm_state_destroy(house->state);
    house->state = farm_state_create(&house->farm, &port, &told, house, seen_n);
    pass(house);
}

static void expect(struct house *house, const char *heard)
{
    pass(house);
    assert_string_equal(house->heard, heard);
    house->heard[0] = '\0';
}

static void put(struct house *house, const char *key, const struct record_value *value)
{
    assert_non_null(value->bytes);
    model_etcd_put(house->etcd, key, value->bytes, value->count);
    free(value->bytes);
}

/* ---- hosts "h0" to "h9" write -------------------------------------------------------------------------- */

static struct change session(const char *id, const char *user, int64_t at_ms)
{
    struct change change = {
        .type = user != NULL ? CHANGE_SESSION : CHANGE_SESSION_END, .at_ms = T0 + at_ms, .route = ROUTE_RDP};
    strcpy(change.id, id);
    strcpy(change.user, user != NULL ? user : "");
    change.connected_at_ms = T0 + at_ms;
    return change;
}

static struct change broker(const char *host, const char *id, const char *user, int64_t at_ms)
{
    struct change change = session(id, user, at_ms);
    change.type = user != NULL ? CHANGE_BROKER : CHANGE_BROKER_END;
    change.route = ROUTE_BROKER;
    strcpy(change.host, host);
    return change;
}

static void write_state(struct house *house, const struct change *change)
{
    static const enum record_kind kinds[CHANGE_TYPE_MAX] = {[CHANGE_BOOTED] = RECORD_BOOT,
                                                            [CHANGE_SESSION] = RECORD_SESSION,
                                                            [CHANGE_SESSION_END] = RECORD_SESSION,
                                                            [CHANGE_BROKER] = RECORD_BROKER,
                                                            [CHANGE_BROKER_END] = RECORD_BROKER};
    struct record_key key = record_key(&house->farm, kinds[change->type], change->host,
                                       change->type == CHANGE_BOOTED ? NULL : change->id);
    struct record_value value = record_change_value(&house->farm, key.text, change);
    if (change->type == CHANGE_SESSION_END || change->type == CHANGE_BROKER_END) {
        model_etcd_delete(house->etcd, key.text);
        free(value.bytes);
    } else {
        put(house, key.text, &value);
    }
}

static void tell_from(struct house *house, unsigned host, const struct change *changes, size_t count,
                      uint64_t first)
{
    static struct record_seq seq;
    char name[8];
    (void)snprintf(name, sizeof name, "h%u", host);
    seq = (struct record_seq){.instance = "w", .count = count, .through = first + count - 1};
    for (size_t i = 0; i < count; i++) {
        seq.changes[i] = changes[i];
        seq.changes[i].number = first + i;
        if (seq.changes[i].host[0] == '\0')
            strcpy(seq.changes[i].host, name);
        write_state(house, &seq.changes[i]);
    }
    struct record_key key = record_key(&house->farm, RECORD_SEQ, name, NULL);
    struct record_value value = record_seq_value(&house->farm, key.text, &seq);
    put(house, key.text, &value);
    house->through[host] = seq.through;
}

static void tell(struct house *house, unsigned host, const struct change *changes, size_t count)
{
    tell_from(house, host, changes, count, house->through[host] + 1);
}

static void tell_one(struct house *house, unsigned host, struct change change)
{
    tell(house, host, &change, 1);
}

static void up(struct house *house, unsigned host, bool is_up)
{
    struct record_host self = {.instance = "w"};
    (void)snprintf(self.host, sizeof self.host, "h%u", host);
    struct record_key key = record_key(&house->farm, RECORD_HOST, self.host, NULL);
    struct record_value value = record_host_value(&house->farm, key.text, &self);
    if (is_up)
        put(house, key.text, &value);
    else
        free(value.bytes);
    if (!is_up)
        model_etcd_delete(house->etcd, key.text);
}

static void boot(struct house *house, unsigned host, const char *boot_id, int64_t at_ms)
{
    struct change change = {.type = CHANGE_BOOTED, .at_ms = T0 + at_ms};
    strcpy(change.boot_id, boot_id);
    up(house, host, true);
    tell_one(house, host, change);
}

/* Of the core as it is, or of nothing. */
static void checkpoint(struct house *house, int64_t at_ms)
{
    struct checkpoint *made = calloc(1, sizeof *made);
    struct record_key key = record_key(&house->farm, RECORD_CHECKPOINT, NULL, NULL);
    made->event_ms = made->clock_ms = T0;
    if (house->core != NULL)
        checkpoint_take(made, house->core);
    made->n = ++house->n;
    made->revision = model_etcd_revision(house->etcd);
    made->at_ms = T0 + at_ms;
    strcpy(made->instance, "l");
    strcpy(made->identity.installation_id, "inst");
    struct record_value value = checkpoint_value(&house->farm, made);
    put(house, key.text, &value);
    free(made);
}

/* ---- loading ------------------------------------------------------------------------------------------- */

static void who_is_on_is_taken_over_without_a_word(void **state)
{
    struct house *house = *state;
    boot(house, 1, "b1", 0);
    const struct change on[] = {session("1", "ann", 1), session("2", "bob", 2)};
    tell(house, 1, on, 2);
    tell_one(house, 1, broker("h2", "x", "eve", 3));
    tell_one(house, 1, session("1", NULL, 4));
    house->licence_ms = T0 + 9;
    begin(house, 0);
    expect(house, "begin @9 1 hosts h1/2=bob h2/x=eve by broker\n");
    tell_one(house, 1, session("3", "cid", 20));
    house->licence_ms = T0 + 50;
    expect(house, "set h1 2=bob 3=cid @20\n");
}

static void what_came_after_the_checkpoint_is_told(void **state)
{
    struct house *house = *state;
    boot(house, 1, "b1", 0);
    tell_one(house, 1, session("1", "ann", 1));
    checkpoint(house, 5);
    tell_one(house, 1, session("2", "bob", 7));
    tell_one(house, 1, session("1", NULL, 8));
    house->licence_ms = T0 + 50;
    begin(house, 0);
    expect(house, "begin @0 1 hosts h1/1=ann\n"
                  "checkpoint 1: timer @5\n"
                  "set h1 1=ann 2=bob @7\n"
                  "set h1 2=bob @8\n");
    assert_int_equal(farm_state_seen_n(house->state), 1);
}

static void a_brokers_record_and_a_session_are_one_connection(void **state)
{
    struct house *house = *state;
    boot(house, 1, "b1", 0);
    tell_one(house, 1, session("1", "ann", 1));
    tell_one(house, 2, broker("h1", "x", "ann", 3));
    begin(house, 0);
    expect(house, "begin @0 1 hosts h1/1=ann\n");
}

static void what_brokers_said_before_a_boot_has_ended(void **state)
{
    struct house *house = *state;
    boot(house, 1, "b1", 0);
    tell_one(house, 2, broker("h1", "x", "eve", 3));
    boot(house, 1, "b2", 4);
    tell_one(house, 2, broker("h1", "y", "kim", 5));
    begin(house, 0);
    expect(house, "begin @0 1 hosts h1/y=kim by broker\n");
}

static void what_no_broker_renewed_has_ended(void **state)
{
    struct house *house = *state;
    tell_one(house, 2, broker("h1", "x", "eve", 3));
    tell_one(house, 2, broker("h1", "y", "kim", DAY_MS));
    house->licence_ms = T0 + DAY_MS + 3;
    begin(house, 0);
    expect(house, "begin @86400003 0 hosts h1/y=kim by broker\n");
}

/* A host's clock may be ahead of whoever counted it. */
static void what_was_told_ahead_is_not_later_than_now(void **state)
{
    struct house *house = *state;
    struct change change = session("1", "ann", 5000);
    change.state = CONNECTION_DISCONNECTED;
    boot(house, 1, "b1", 0);
    tell_one(house, 1, change);
    tell_one(house, 2, broker("h2", "x", "eve", 6000));
    begin(house, 0);
    expect(house, "begin @0 1 hosts h1/1=ann h2/x=eve by broker\n");
    assert_true(core_due_ms(house->core) <= T0 + DAY_MS); /* the broker's lease */
}

static void put_window(struct house *house, int64_t start_ms)
{
    const struct window window = {.start_ms = start_ms,
                                  .end_ms = start_ms + 1000,
                                  .peak_users = 4,
                                  .peak_at_ms = start_ms,
                                  .sequence = 1};
    struct record_key key = record_window_key(&house->farm, start_ms);
    struct record_value value = checkpoint_window_value(&house->farm, "f-1", &window);
    put(house, key.text, &value);
}

/* Its transaction puts them, which is later than the revision that it was made of. */
static void windows_that_a_checkpoint_has_closed_are_unsent(void **state)
{
    struct house *house = *state;
    struct checkpoint *made = calloc(1, sizeof *made);
    struct record_key key = record_key(&house->farm, RECORD_CHECKPOINT, NULL, NULL);
    boot(house, 1, "b1", 0);
    assert_non_null(made);
    made->n = 1;
    made->revision = model_etcd_revision(house->etcd);
    made->event_ms = made->clock_ms = made->at_ms = T0 + 1000;
    made->next_sequence = 2;
    made->unsent[0] = (struct checkpoint_span){1, 1};
    made->unsent_count = 1;
    made->unsent_from_ms = T0;
    strcpy(made->instance, "l");
    strcpy(made->identity.installation_id, "inst");
    strcpy(made->identity.farm_id, "f-1");
    put_window(house, T0);
    struct record_value value = checkpoint_value(&house->farm, made);
    put(house, key.text, &value);
    free(made);
    begin(house, 0);
    assert_int_equal(house->unsent.start_ms, T0);
    assert_int_equal(house->unsent.peak_users, 4);
}

static void pages_are_put_together(void **state)
{
    struct house *house = *state;
    for (int i = 0; i < FARM_STATE_PAGE + 1; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "%d", i);
        struct change change = session(id, "ann", 1);
        strcpy(change.host, "h1");
        change.number = 1;
        write_state(house, &change);
    }
    begin(house, 0);
    assert_int_equal(tally_level(core_tally(house->core))->connections, FARM_STATE_PAGE + 1);
}

/* ---- following ----------------------------------------------------------------------------------------- */

static void a_batch_is_one_set(void **state)
{
    struct house *house = *state;
    boot(house, 1, "b1", 0);
    begin(house, 0);
    expect(house, "begin @0 1 hosts\n");
    struct change batch[] = {session("1", "ann", 1), session("2", "bob", 1), session("1", NULL, 2)};
    batch[0].more = batch[1].more = true;
    house->licence_ms = T0 + 10;
    tell(house, 1, batch, 2);
    tell_one(house, 2, session("9", "kim", 1)); /* another host's is not part of it */
    tell_one(house, 1, batch[2]);
    expect(house, "set h2 9=kim @1\nset h1 2=bob @2\n");
}

static void brokers_are_told_one_by_one_or_as_a_set(void **state)
{
    struct house *house = *state;
    begin(house, 0);
    house->licence_ms = T0 + 10;
    struct change batch[] = {broker("h1", "x", "eve", 2), broker("h1", "y", NULL, 2)};
    batch[0].more = true;
    tell_one(house, 2, broker("h1", "y", "kim", 1));
    tell(house, 2, batch, 2);
    tell_one(house, 3, broker("h1", "x", NULL, 3));
    expect(house, "begin @0 0 hosts\nput h1 y=kim @1\nbrokers h1 x=eve @2\nend h1 x @3\n");
}

static void a_boot_ends_what_was(void **state)
{
    struct house *house = *state;
    boot(house, 1, "b1", 0);
    tell_one(house, 1, session("1", "ann", 1));
    tell_one(house, 2, broker("h1", "x", "eve", 1));
    begin(house, 0);
    house->licence_ms = T0 + 10;
    boot(house, 1, "b2", 5);
    tell_one(house, 1, session("2", "bob", 6));
    expect(house, "begin @0 1 hosts h1/1=ann h1/x=eve by broker\nbooted h1 b2 @5\nset h1 2=bob @6\n");
}

static void time_goes_neither_back_nor_ahead(void **state)
{
    struct house *house = *state;
    begin(house, 0);
    house->licence_ms = T0 + 100;
    tell_one(house, 1, session("1", "ann", 40));
    tell_one(house, 2, session("1", "bob", 30));
    tell_one(house, 2, session("1", "kim", 900));
    checkpoint(house, 60);
    expect(house, "begin @0 0 hosts\nset h1 1=ann @40\nset h2 1=bob @40\nset h2 1=kim @100\n"
                  "checkpoint 1: timer @100\n");
    assert_int_equal(farm_state_now_ms(house->state), T0 + 100);
}

static void changes_are_told_once(void **state)
{
    struct house *house = *state;
    begin(house, 0);
    tell_one(house, 1, session("1", "ann", 0));
    pass(house);
    struct change again[] = {session("1", "ann", 0), session("2", "bob", 0)};
    tell_from(house, 1, again, 2, 1); /* the first one is known */
    expect(house, "begin @0 0 hosts\nset h1 1=ann @0\nset h1 1=ann 2=bob @0\n");
}

static void a_watch_that_breaks_goes_on_where_it_was(void **state)
{
    struct house *house = *state;
    begin(house, 0);
    tell_one(house, 1, session("1", "ann", 0));
    pass(house);
    model_etcd_restart(house->etcd);
    tell_one(house, 1, session("2", "bob", 0));
    expect(house, "begin @0 0 hosts\nset h1 1=ann @0\nset h1 1=ann 2=bob @0\n");
}

/* ---- leases -------------------------------------------------------------------------------------------- */

static void a_lost_lease_waits_for_a_time(void **state)
{
    struct house *house = *state;
    boot(house, 1, "b1", 0);
    tell_one(house, 1, session("1", "ann", 0));
    begin(house, 0);
    house->licence_ms = T0 + 900000;
    up(house, 1, false);
    expect(house, "begin @0 1 hosts h1/1=ann\n");
    assert_true(farm_state_wants_time(house->state));
    checkpoint(house, 1000);
    expect(house, "silent h1 @1000\ncheckpoint 1: timer @1000\n");
    assert_false(farm_state_wants_time(house->state));
    up(house, 1, true); /* in time: nothing happened */
    tell_one(house, 2, session("1", "bob", 2000));
    expect(house, "back h1 @2000\nset h2 1=bob @2000\n");
    up(house, 1, false);
    up(house, 1, true);
    checkpoint(house, 3000);
    expect(house, "checkpoint 2: timer @3000\n");
}

static void a_host_that_comes_back_too_late_has_its_sessions_again(void **state)
{
    struct house *house = *state;
    boot(house, 1, "b1", 0);
    tell_one(house, 1, session("1", "ann", 0));
    tell_one(house, 2, broker("h1", "x", "eve", 0));
    up(house, 1, false);
    begin(house, 0);
    house->licence_ms = T0 + 900000;
    checkpoint(house, 1000);
    checkpoint(house, 301000);
    pass(house);
    assert_int_equal(tally_level(core_tally(house->core))->connections, 0);
    checkpoint(house, 400000); /* it is lost there, and whoever begins there knows */
    house->heard[0] = '\0';
    begin(house, 0);
    expect(house, "begin @301000 1 hosts\ncheckpoint 3: timer @400000\n");
    up(house, 1, true);
    tell_one(house, 2, session("1", "bob", 500000));
    expect(house, "back h1 @500000\nset h1 1=ann @500000\nput h1 x=eve @500000\nset h2 1=bob @500000\n");
    assert_int_equal(tally_level(core_tally(house->core))->connections, 3);
}

/* Nothing has told the core the time since: it is lost by the very step that brings it back. */
static void a_host_that_is_back_is_not_lost_on_the_way(void **state)
{
    struct house *house = *state;
    boot(house, 1, "b1", 0);
    tell_one(house, 1, session("1", "ann", 0));
    begin(house, 0);
    house->licence_ms = T0 + 900000;
    up(house, 1, false);
    checkpoint(house, 1000);
    pass(house);
    house->heard[0] = '\0';
    up(house, 1, true);
    tell_one(house, 2, session("1", "bob", 500000));
    expect(house, "back h1 @500000\nset h1 1=ann @500000\nset h2 1=bob @500000\n");
    assert_int_equal(tally_level(core_tally(house->core))->connections, 2);
}

static void who_changes_something_lives(void **state)
{
    struct house *house = *state;
    boot(house, 1, "b1", 0);
    up(house, 1, false);
    begin(house, 0);
    house->licence_ms = T0 + 900000;
    checkpoint(house, 1000);
    checkpoint(house, 301000);
    pass(house);
    house->heard[0] = '\0';
    tell_one(house, 1, session("1", "ann", 400000)); /* its lease is still gone */
    checkpoint(house, 500000);
    expect(house, "back h1 @400000\nset h1 @400000\nset h1 1=ann @400000\nsilent h1 @500000\n"
                  "checkpoint 3: timer @500000\n");
}

/* ---- what should not be there -------------------------------------------------------------------------- */

static void strangers_keys_are_said_once_and_ignored(void **state)
{
    struct house *house = *state;
    begin(house, 0);
    struct record_key seq = record_key(&house->farm, RECORD_SEQ, "h1", NULL);
    for (int i = 0; i < 2; i++) {
        model_etcd_put(house->etcd, "/farmgate/farm/who", "x", 1);
        model_etcd_put(house->etcd, seq.text, "x", 1);
        model_etcd_put(house->etcd, "/farmgate/farm/host/short", "x", 1);
        model_etcd_put(house->etcd, "/farmgate/other/who", "x", 1);
    }
    expect(house, "begin @0 0 hosts\nforeign: not a key of this farm\n"
                  "unreadable: not written with this farm's secret, or for another key\n"
                  "unreadable: not the name of a host\n");
}

static void old_changes_are_not_told_again(void **state)
{
    struct house *house = *state;
    struct wire_kv kv;
    uint8_t kept[4096];
    struct record_key key = record_key(&house->farm, RECORD_SEQ, "h1", NULL);
    tell_one(house, 1, session("1", "ann", 0));
    assert_true(model_etcd_get(house->etcd, key.text, 0, &kv));
    size_t bytes = kv.value_bytes;
    memcpy(kept, kv.value, bytes);
    tell_one(house, 1, session("1", NULL, 0));
    begin(house, 0); /* also what was read by the load is known */
    model_etcd_put(house->etcd, key.text, kept, bytes);
    expect(house, "begin @0 0 hosts\nold: changes of before were put back\n");
    struct change later = session("2", "bob", 0);
    tell_from(house, 1, &later, 1, 7);
    expect(house, "missed: changes are missing before these\nset h1 2=bob @0\n");
}

static void an_overwritten_checkpoint_is_found_in_the_history(void **state)
{
    struct house *house = *state;
    struct record_key key = record_key(&house->farm, RECORD_CHECKPOINT, NULL, NULL);
    checkpoint(house, 1);
    checkpoint(house, 2);
    model_etcd_put(house->etcd, key.text, "x", 1);
    model_etcd_put(house->etcd, key.text, "y", 1);
    house->licence_ms = T0 + 50;
    begin(house, 0);
    expect(house, "unreadable: not written with this farm's secret, or for another key\nbegin @0 0 hosts\n"
                  "checkpoint 2: timer @2\n");
    assert_int_equal(farm_state_checkpoint_revision(house->state), model_etcd_revision(house->etcd));
}

static void an_overwritten_checkpoint_without_history_is_none(void **state)
{
    struct house *house = *state;
    struct record_key key = record_key(&house->farm, RECORD_CHECKPOINT, NULL, NULL);
    checkpoint(house, 1);
    model_etcd_put(house->etcd, key.text, "x", 1);
    model_etcd_compact(house->etcd, model_etcd_revision(house->etcd));
    house->licence_ms = T0 + 50;
    begin(house, 0);
    expect(house, "unreadable: not written with this farm's secret, or for another key\nbegin @50 0 hosts\n");
}

static void an_older_checkpoint_is_said(void **state)
{
    struct house *house = *state;
    checkpoint(house, 1);
    begin(house, 5);
    expect(house, "old: an earlier checkpoint was put back\nbegin @0 0 hosts\ncheckpoint 1: timer @0\n");
    assert_true(house->is_older);
    assert_int_equal(farm_state_seen_n(house->state), 5);
}

static void a_newer_releases_checkpoint_is_refused_by_name(void **state)
{
    struct house *house = *state;
    static const char text[] = "{\"format\":2,\"version\":\"9.1\"}";
    struct record_key key = record_key(&house->farm, RECORD_CHECKPOINT, NULL, NULL);
    struct record_value value = record_seal(&house->farm, key.text, text, strlen(text));
    put(house, key.text, &value);
    begin(house, 0);
    expect(house, "failed: written by version 9.1: its format is 2, this program knows 1\n");
    assert_int_equal(house->failed, ERROR_NEWER);
    farm_state_reload(house->state);
    expect(house, "");
}

/* ---- history that is gone ------------------------------------------------------------------------------ */

static void compacted_history_is_a_gap(void **state)
{
    struct house *house = *state;
    boot(house, 1, "b1", 0);
    int64_t revision = model_etcd_revision(house->etcd);
    checkpoint(house, 1);
    tell_one(house, 1, session("1", "ann", 7));
    model_etcd_compact(house->etcd, model_etcd_revision(house->etcd));
    house->licence_ms = T0 + 50;
    begin(house, 0);
    expect(house, "gap: history was compacted before it was read\nbegin @0 1 hosts h1/1=ann after a gap\n");
    assert_int_equal(house->gap_after, revision);
    assert_int_equal(house->gap_through, model_etcd_revision(house->etcd));
    tell_one(house, 1, session("2", "bob", 9));
    expect(house, "set h1 1=ann 2=bob @9\n");
}

static void history_that_goes_while_it_is_followed_is_a_gap(void **state)
{
    struct house *house = *state;
    const struct model_weather cut = {.cut_off = true}, fair = {.way_ms_max = 0};
    boot(house, 1, "b1", 0);
    checkpoint(house, 1);
    begin(house, 0);
    house->heard[0] = '\0';
    model_etcd_weather(house->etcd, CLIENT, &cut);
    tell_one(house, 1, session("1", "ann", 7));
    tell_one(house, 1, session("2", "bob", 7));
    for (int i = 0; i < 5; i++)
        pass(house);
    model_etcd_compact(house->etcd, model_etcd_revision(house->etcd));
    model_etcd_weather(house->etcd, CLIENT, &fair);
    for (int i = 0; i < 5; i++)
        pass(house);
    expect(house, "gap: history was compacted before it was read\n"
                  "begin @0 1 hosts h1/1=ann h1/2=bob after a gap\n");
}

/* ---- history that comes late --------------------------------------------------------------------------- */

static void what_a_host_kept_while_it_was_cut_off_is_said_once(void **state)
{
    struct house *house = *state;
    const struct change kept[] = {session("1", "ann", 1000), session("2", "bob", 2500)};
    house->licence_ms = T0 + 30000;
    boot(house, 1, "b1", 0);
    checkpoint(house, 0);
    begin(house, 0);
    checkpoint(house, 20000);
    pass(house);
    house->heard[0] = '\0';
    tell(house, 1, kept, 2);
    tell_one(house, 1, session("1", NULL, 14999));
    expect(house, "set h1 1=ann @20000\nset h1 1=ann 2=bob @20000\nset h1 2=bob @20000\n");
    assert_int_equal(house->late_changes, 3);
    tell_one(house, 1, session("3", "eve", 15000)); /* not late any more */
    expect(house, "late: h1: 3 changes came late: counts are not exact from 2023-11-14T22:20:01.000Z to "
                  "2023-11-14T22:20:20.000Z\nset h1 2=bob 3=eve @20000\n");
    assert_int_equal(house->late_changes, 3);
}

static void time_ends_what_comes_late(void **state)
{
    struct house *house = *state;
    house->licence_ms = T0 + 300000;
    boot(house, 1, "b1", 0);
    checkpoint(house, 0);
    begin(house, 0);
    checkpoint(house, 20000);
    tell_one(house, 1, session("1", "ann", 1));
    checkpoint(house, 20000 + CHECKPOINT_LATE_JOIN_MS);
    pass(house);
    assert_null(strstr(house->heard, "late"));
    house->heard[0] = '\0';
    checkpoint(house, 20001 + CHECKPOINT_LATE_JOIN_MS);
    expect(house, "late: h1: 1 changes came late: counts are not exact from 2023-11-14T22:20:00.001Z to "
                  "2023-11-14T22:20:20.000Z\ncheckpoint 4: timer @80001\n");
}

static void what_came_late_before_the_checkpoint_is_gone_on_with(void **state)
{
    struct house *house = *state;
    struct checkpoint *made = calloc(1, sizeof *made);
    struct record_key key = record_key(&house->farm, RECORD_CHECKPOINT, NULL, NULL);
    house->licence_ms = T0 + 30000;
    boot(house, 1, "b1", 0);
    made->event_ms = made->clock_ms = made->at_ms = T0 + 20000;
    made->n = 1;
    made->revision = model_etcd_revision(house->etcd);
    strcpy(made->instance, "l");
    strcpy(made->identity.installation_id, "inst");
    checkpoint_add_gap(made, &(struct checkpoint_gap){.after_revision = 1}); /* of no host */
    checkpoint_add_late(
        made, &(struct checkpoint_gap){.after_ms = T0, .through_ms = T0 + 20000, .host = "h1", .changes = 6});
    struct record_value value = checkpoint_value(&house->farm, made);
    put(house, key.text, &value);
    free(made);
    begin(house, 0);
    house->heard[0] = '\0';
    tell_one(house, 1, session("1", "ann", 1));
    tell_one(house, 1, session("2", "bob", 20001));
    expect(house, "set h1 1=ann @20000\nlate: h1: 7 changes came late: counts are not exact from "
                  "2023-11-14T22:20:00.000Z to 2023-11-14T22:20:20.000Z\nset h1 1=ann 2=bob @20001\n");
}

static void a_backup_that_was_put_back_is_said(void **state)
{
    struct house *house = *state;
    boot(house, 1, "b1", 0);
    checkpoint(house, 1);
    model_etcd_backup(house->etcd);
    begin(house, 0);
    tell_one(house, 1, session("1", "ann", 0));
    checkpoint(house, 2);
    pass(house);
    house->heard[0] = '\0';
    model_etcd_restore(house->etcd);
    for (int i = 0; i < 5; i++)
        pass(house);
    assert_non_null(strstr(house->heard, "old: revisions of the store went back\n"));
    assert_non_null(strstr(house->heard, "old: an earlier checkpoint was put back\n"));
    assert_non_null(strstr(house->heard, "begin @0 1 hosts after a gap\n"));
    assert_true(house->is_older);
}

#define HOUSED(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSED(who_is_on_is_taken_over_without_a_word),
        HOUSED(what_came_after_the_checkpoint_is_told),
        HOUSED(a_brokers_record_and_a_session_are_one_connection),
        HOUSED(what_brokers_said_before_a_boot_has_ended),
        HOUSED(what_no_broker_renewed_has_ended),
        HOUSED(pages_are_put_together),
        HOUSED(a_batch_is_one_set),
        HOUSED(brokers_are_told_one_by_one_or_as_a_set),
        HOUSED(a_boot_ends_what_was),
        HOUSED(time_goes_neither_back_nor_ahead),
        HOUSED(changes_are_told_once),
        HOUSED(a_watch_that_breaks_goes_on_where_it_was),
        HOUSED(what_was_told_ahead_is_not_later_than_now),
        HOUSED(windows_that_a_checkpoint_has_closed_are_unsent),
        HOUSED(a_host_that_is_back_is_not_lost_on_the_way),
        HOUSED(a_lost_lease_waits_for_a_time),
        HOUSED(a_host_that_comes_back_too_late_has_its_sessions_again),
        HOUSED(who_changes_something_lives),
        HOUSED(strangers_keys_are_said_once_and_ignored),
        HOUSED(old_changes_are_not_told_again),
        HOUSED(an_overwritten_checkpoint_is_found_in_the_history),
        HOUSED(an_overwritten_checkpoint_without_history_is_none),
        HOUSED(an_older_checkpoint_is_said),
        HOUSED(a_newer_releases_checkpoint_is_refused_by_name),
        HOUSED(compacted_history_is_a_gap),
        HOUSED(history_that_goes_while_it_is_followed_is_a_gap),
        HOUSED(what_a_host_kept_while_it_was_cut_off_is_said_once),
        HOUSED(time_ends_what_comes_late),
        HOUSED(what_came_late_before_the_checkpoint_is_gone_on_with),
        HOUSED(a_backup_that_was_put_back_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
