/* test_roll.c - who is in a farm and how each stands, as the store tells it; and that whoever asks hears in
 * time that it does not. */
#include "tests/unit/unit.h"

#include "tests/sim/model_etcd.h"

#include "agent/farm/roll.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0 INT64_C(1700000400000)

struct house {
    struct model_etcd *etcd;
    struct record_farm farm;
    struct roll_call *call;
    int64_t now_ms;
    bool asks_again;
    char heard[8192];
};

static void hear(struct house *house, const char *format, ...) __attribute__((format(__printf__, 2, 3)));
static void hear(struct house *house, const char *format, ...)
{
    va_list arguments;
    size_t used = strlen(house->heard);
    va_start(arguments, format);
    (void)vsnprintf(house->heard + used, sizeof house->heard - used, format, arguments);
    va_end(arguments);
}

static int64_t after(int64_t t_ms)
{
    return t_ms == 0 ? -1 : (t_ms - T0) / 1000;
}

static void hear_host(struct house *house, const struct roll_host *host)
{
    hear(house, "%s", host->host);
    if (host->is_up)
        hear(house, " up %s %s", host->version, host->machine_id);
    if (host->silent_since_ms != 0)
        hear(house, " %s since %" PRId64, host->lost ? "lost" : "silent", after(host->silent_since_ms));
    hear(house, " through %" PRIu64 " at %" PRId64 "\n", host->through, after(host->last_change_ms));
}

static void on_roll(void *data, const struct roll *roll, int error, const char *detail)
{
    struct house *house = data;
    if (roll == NULL) {
        hear(house, "%s: %s\n", error_text(error), detail);
    } else {
        hear(house, "%zu%s led by '%s'", roll->host_count, roll->more ? " and more" : "", roll->leader);
        if (roll->checkpoint_n != 0)
            hear(house, ", checkpoint %" PRId64 " of %" PRId64 " at %" PRId64, roll->checkpoint_n,
                 roll->checkpoint_revision, after(roll->checkpoint_at_ms));
        hear(house, roll->unreadable != 0 ? ", %zu unreadable\n" : "\n", roll->unreadable);
        for (size_t i = 0; i < roll->host_count && i < 4; i++)
            hear_host(house, &roll->hosts[i]);
        for (size_t i = 0; i < roll->gap_count; i++)
            hear(house, "gap %" PRId64 " to %" PRId64 ", %" PRId64 " ever\n", after(roll->gaps[i].after_ms),
                 after(roll->gaps[i].through_ms), roll->gaps_ever);
        assert_true(roll->head <= model_etcd_revision(house->etcd));
    }
    bool asks_again = house->asks_again;
    house->asks_again = false;
    if (asks_again)
        roll_call_ask(house->call, house->now_ms, on_roll, house);
}

static int open_house(void **state)
{
    static const uint8_t secret[SEAL_SECRET_BYTES] = {5};
    struct house *house = calloc(1, sizeof *house);
    if (house == NULL || sodium_init() < 0)
        return 1;
    house->now_ms = T0;
    house->etcd = model_etcd_create(1);
    model_etcd_pass(house->etcd, T0);
    const struct farm_port port = model_etcd_port(house->etcd, 0);
    if (record_farm_init(&house->farm, "farm", secret) < 0)
        return 1;
    house->call = roll_call_create(&house->farm, &port);
    *state = house;
    return house->call == NULL;
}

static int close_house(void **state)
{
    struct house *house = *state;
    roll_call_destroy(house->call);
    model_etcd_pass(house->etcd, house->now_ms + 100000);
    model_etcd_destroy(house->etcd);
    free(house);
    return 0;
}

/* ---- what is in the store ------------------------------------------------------------------------------ */

static void put(struct house *house, struct record_key key, struct record_value value)
{
    assert_non_null(value.bytes);
    model_etcd_put(house->etcd, key.text, value.bytes, value.count);
    free(value.bytes);
}

static void put_up(struct house *house, enum record_kind kind, const char *name)
{
    struct record_host host = {.instance = "i", .version = "0.7"};
    (void)snprintf(host.host, sizeof host.host, "%s", name);
    (void)snprintf(host.machine_id, sizeof host.machine_id, "m-%s", name);
    struct record_key key = record_key(&house->farm, kind, kind == RECORD_HOST ? name : NULL, NULL);
    put(house, key, record_host_value(&house->farm, key.text, &host));
}

static void put_boot(struct house *house, const char *name)
{
    struct change change = {.number = 1, .at_ms = T0, .type = CHANGE_BOOTED, .boot_id = "b1"};
    (void)snprintf(change.host, sizeof change.host, "%s", name);
    struct record_key key = record_key(&house->farm, RECORD_BOOT, name, NULL);
    put(house, key, record_change_value(&house->farm, key.text, &change));
}

static void put_seq(struct house *house, const char *name, uint64_t through, int64_t at_ms)
{
    struct record_seq *seq = calloc(1, sizeof *seq);
    assert_non_null(seq);
    strcpy(seq->instance, "i");
    seq->through = through;
    seq->count = 2;
    for (size_t i = 0; i < 2; i++) {
        struct change *change = &seq->changes[i];
        *change = (struct change){.number = through - 1 + i,
                                  .at_ms = at_ms - 1000 + (int64_t)i * 1000,
                                  .type = CHANGE_SESSION_END,
                                  .id = "1"};
        (void)snprintf(change->host, sizeof change->host, "%s", name);
    }
    struct record_key key = record_key(&house->farm, RECORD_SEQ, name, NULL);
    put(house, key, record_seq_value(&house->farm, key.text, seq));
    free(seq);
}

static void put_checkpoint(struct house *house)
{
    struct checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    assert_non_null(checkpoint);
    strcpy(checkpoint->instance, "i");
    strcpy(checkpoint->version, "0.7");
    strcpy(checkpoint->identity.installation_id, "inst");
    checkpoint->n = 7;
    checkpoint->revision = 3;
    checkpoint->at_ms = T0 + 60000;
    checkpoint->event_ms = checkpoint->clock_ms = T0 + 60000;
    checkpoint->next_sequence = 1;
    checkpoint->host_count = 2;
    checkpoint->hosts[0] = (struct checkpoint_host){"rds3", T0 + 20000, true};
    checkpoint->hosts[1] = (struct checkpoint_host){"rds2", T0 + 30000, false};
    checkpoint->gap_count = 1;
    checkpoint->gaps[0] = (struct checkpoint_gap){
        .after_revision = 1, .through_revision = 2, .after_ms = T0 + 5000, .through_ms = T0 + 9000};
    checkpoint->gaps_ever = 4;
    struct record_key key = record_key(&house->farm, RECORD_CHECKPOINT, NULL, NULL);
    put(house, key, checkpoint_value(&house->farm, checkpoint));
    free(checkpoint);
}

/* ---- asking -------------------------------------------------------------------------------------------- */

static void ask(struct house *house)
{
    roll_call_ask(house->call, house->now_ms, on_roll, house);
}

static void expect(struct house *house, const char *heard)
{
    for (int i = 0; i < 300; i++) {
        if (roll_call_due_ms(house->call) <= house->now_ms)
            roll_call_pass(house->call, house->now_ms);
        house->now_ms += 10;
        model_etcd_pass(house->etcd, house->now_ms);
    }
    assert_string_equal(house->heard, heard);
    assert_true(roll_call_due_ms(house->call) == INT64_MAX);
    house->heard[0] = '\0';
}

static void everybody_who_ever_was_in_the_farm_is_told(void **state)
{
    struct house *house = *state;
    put_up(house, RECORD_LEADER, "rds1");
    put_up(house, RECORD_HOST, "rds1");
    put_up(house, RECORD_HOST, "rds4"); /* has come just now, and told nothing yet */
    for (int i = 1; i <= 3; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "rds%d", i);
        put_boot(house, name);
        put_seq(house, name, (uint64_t)(10 * i), T0 + i * 1000);
    }
    put_checkpoint(house);
    ask(house);
    expect(house, "4 led by 'rds1', checkpoint 7 of 3 at 60\n"
                  "rds1 up 0.7 m-rds1 through 10 at 1\n"
                  "rds2 silent since 30 through 20 at 2\n"
                  "rds3 lost since 20 through 30 at 3\n"
                  "rds4 up 0.7 m-rds4 through 0 at -1\n"
                  "gap 5 to 9, 4 ever\n");
}

static void a_farm_that_begins_has_no_leader(void **state)
{
    struct house *house = *state;
    ask(house);
    expect(house, "0 led by ''\n");
    put_boot(house, "rds1");
    ask(house);
    expect(house, "1 led by ''\nrds1 through 0 at -1\n");
}

static void what_is_not_this_farms_is_counted_and_left_out(void **state)
{
    static const char *const keys[] = {"leader", "checkpoint", "host/x", "boot/x", "seq/x", "seq/x/y"};
    struct house *house = *state;
    put_up(house, RECORD_HOST, "rds1");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char key[128];
        (void)snprintf(key, sizeof key, "%s%s", house->farm.prefix, keys[i]);
        model_etcd_put(house->etcd, key, "x", 1);
    }
    put_seq(house, "nobody", 3, T0); /* opens, but nothing says whose it is */
    ask(house);
    expect(house, "1 led by '', 6 unreadable\nrds1 up 0.7 m-rds1 through 0 at -1\n");
}

/* More than a page of what hosts have told, and more hosts than are listed. */
static void a_large_farm_is_told_in_pages(void **state)
{
    struct house *house = *state;
    for (unsigned i = 0; i < ROLL_SEQ_PAGE + 1; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "rds%03u", i);
        put_boot(house, name);
        put_seq(house, name, 2 + i, T0);
    }
    ask(house);
    expect(house, "201 led by ''\nrds000 through 2 at 0\nrds001 through 3 at 0\nrds002 through 4 at 0\n"
                  "rds003 through 5 at 0\n");
    for (unsigned i = 0; i < ROLL_HOSTS_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "new%04u", i);
        put_up(house, RECORD_HOST, name);
    }
    ask(house);
    expect(house, "2000 and more led by ''\nnew0000 up 0.7 m-new0000 through 0 at -1\n"
                  "new0001 up 0.7 m-new0001 through 0 at -1\nnew0002 up 0.7 m-new0002 through 0 at -1\n"
                  "new0003 up 0.7 m-new0003 through 0 at -1\n");
}

static void who_asks_together_hears_one_answer(void **state)
{
    struct house *house = *state;
    house->asks_again = true;
    ask(house);
    ask(house);
    expect(house, "0 led by ''\n0 led by ''\n0 led by ''\n");
}

static void a_store_that_is_silent_is_said_in_time(void **state)
{
    const struct model_weather cut_off = {.cut_off = true}, refused = {.refused = true}, fine = {0};
    struct house *house = *state;
    model_etcd_weather(house->etcd, 0, &cut_off);
    int64_t asked_ms = house->now_ms;
    ask(house);
    assert_true(roll_call_due_ms(house->call) == asked_ms + ROLL_PATIENCE_MS);
    roll_call_pass(house->call, asked_ms + ROLL_PATIENCE_MS - 1);
    assert_string_equal(house->heard, "");
    expect(house, "timed out: the shared store does not answer\n");
    model_etcd_weather(house->etcd, 0, &refused);
    ask(house);
    expect(house, "cannot be reached: cannot be reached\n");
    model_etcd_weather(house->etcd, 0, &fine);
    ask(house);
    expect(house, "0 led by ''\n");
    model_etcd_quorum(house->etcd, false);
    ask(house);
    expect(house, "timed out: the shared store does not answer\n");
}

static void history_that_is_compacted_meanwhile_is_no_answer(void **state)
{
    const struct model_weather slow = {.way_ms_max = 200};
    struct house *house = *state;
    for (unsigned i = 0; i < ROLL_SEQ_PAGE * 3; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "rds%03u", i);
        put_seq(house, name, 2, T0);
    }
    model_etcd_weather(house->etcd, 0, &slow);
    ask(house);
    for (int i = 0; i < 45; i++)
        model_etcd_pass(house->etcd, house->now_ms += 10);
    put_boot(house, "rds1");
    model_etcd_compact(house->etcd, model_etcd_revision(house->etcd));
    for (int i = 0; i < 200; i++)
        model_etcd_pass(house->etcd, house->now_ms += 10);
    assert_string_equal(house->heard, "refused: etcdserver: mvcc: required revision has been compacted\n");
}

static void nobody_waits_for_one_that_is_gone(void **state)
{
    struct house *house = *state;
    ask(house);
    roll_call_destroy(house->call);
    house->call = NULL;
    assert_string_equal(house->heard, "cancelled: the agent is stopping\n");
}

#define HOUSED(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSED(everybody_who_ever_was_in_the_farm_is_told),
        HOUSED(a_farm_that_begins_has_no_leader),
        HOUSED(what_is_not_this_farms_is_counted_and_left_out),
        HOUSED(a_large_farm_is_told_in_pages),
        HOUSED(who_asks_together_hears_one_answer),
        HOUSED(a_store_that_is_silent_is_said_in_time),
        HOUSED(history_that_is_compacted_meanwhile_is_no_answer),
        HOUSED(nobody_waits_for_one_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
