/* test_member.c - a host joins its farm, is cut off, comes back, and is kept from a name that another has. */
#include "tests/unit/unit.h"

#include "agent/farm/member.h"
#include "tests/sim/model_etcd.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TTL_MS     6000
#define MEMBERS    2
#define SAID_BYTES 512

struct house;
struct ear {
    struct house *house;
    unsigned which;
};

/* Members of one farm, each by a way of its own, and what each has told. */
struct house {
    struct record_farm farm;
    struct model_etcd *etcd;
    struct member *members[MEMBERS];
    struct ear ears[MEMBERS];
    char said[MEMBERS][SAID_BYTES]; /* "joined ", "cut_off ", "back ", "refused:MACHINE/INSTANCE " */
    int64_t since_ms, now_ms;
};

static void on_changed(void *data, const struct member_news *news)
{
    const struct ear *ear = data;
    char *said = ear->house->said[ear->which];
    size_t used = strlen(said);
    if (news->state == MEMBER_REFUSED)
        (void)snprintf(said + used, SAID_BYTES - used, "refused:%s/%s ", news->holder->machine_id,
                       news->holder->instance);
    else
        (void)snprintf(said + used, SAID_BYTES - used, "%s ",
                       news->back ? "back" : member_state_name(news->state));
    if (news->state == MEMBER_CUT_OFF)
        ear->house->since_ms = news->since_ms;
}

static void come(struct house *house, unsigned which, const char *machine_id, const char *instance)
{
    struct member_settings settings = {.farm = &house->farm,
                                       .ttl_seconds = TTL_MS / 1000,
                                       .seed = which,
                                       .port = model_etcd_port(house->etcd, which),
                                       .changed = on_changed,
                                       .data = &house->ears[which]};
    house->ears[which] = (struct ear){house, which};
    (void)snprintf(settings.self.host, sizeof settings.self.host, "rds1");
    (void)snprintf(settings.self.machine_id, sizeof settings.self.machine_id, "%s", machine_id);
    (void)snprintf(settings.self.instance, sizeof settings.self.instance, "%s", instance);
    (void)snprintf(settings.self.version, sizeof settings.self.version, "1.0");
    house->members[which] = member_create(&settings);
    assert_non_null(house->members[which]);
    house->said[which][0] = '\0';
}

/* kill -9 */
static void die(struct house *house, unsigned which)
{
    model_etcd_forget(house->etcd, which);
    free(house->members[which]); /* no destroyer runs in a process that is killed */
    house->members[which] = NULL;
}

static void run(struct house *house, int64_t until_ms)
{
    for (;;) {
        int64_t due_ms = model_etcd_due_ms(house->etcd);
        for (size_t i = 0; i < MEMBERS; i++)
            if (house->members[i] != NULL && member_due_ms(house->members[i]) < due_ms)
                due_ms = member_due_ms(house->members[i]);
        if (due_ms > until_ms)
            break;
        if (due_ms > house->now_ms)
            house->now_ms = due_ms;
        model_etcd_pass(house->etcd, house->now_ms);
        for (size_t i = 0; i < MEMBERS; i++)
            if (house->members[i] != NULL)
                member_pass(house->members[i], house->now_ms);
    }
    house->now_ms = until_ms;
    model_etcd_pass(house->etcd, until_ms);
}

static void open_house(struct house *house)
{
    static const uint8_t secret[SEAL_SECRET_BYTES] = {3};
    memset(house, 0, sizeof *house);
    assert_int_equal(record_farm_init(&house->farm, "north", secret), 0);
    house->etcd = model_etcd_create(1);
    house->now_ms = 1000;
    model_etcd_pass(house->etcd, house->now_ms);
}

static void close_house(struct house *house)
{
    for (unsigned i = 0; i < MEMBERS; i++) {
        model_etcd_weather(house->etcd, i, &(struct model_weather){.refused = true});
        model_etcd_restart(house->etcd);
        model_etcd_pass(house->etcd, house->now_ms + 100000);
        member_destroy(house->members[i]);
    }
    model_etcd_destroy(house->etcd);
}

/* The host's key as it stands; false: there is none. */
static bool key_says(struct house *house, struct record_host *ret)
{
    struct record_key key = record_key(&house->farm, RECORD_HOST, "rds1", NULL);
    struct error_detail detail;
    struct wire_kv kv;
    return model_etcd_get(house->etcd, key.text, 0, &kv) &&
           record_host_read(&house->farm, &kv, ret, &detail) == 0;
}

static void weather(struct house *house, struct model_weather weather)
{
    model_etcd_weather(house->etcd, 0, &weather);
}

static void a_host_joins_and_its_lease_lives(void **state)
{
    (void)state;
    struct house house;
    struct record_host host;
    open_house(&house);
    come(&house, 0, "machine-1", "first");
    run(&house, 600000);
    assert_string_equal(house.said[0], "joined ");
    assert_true(key_says(&house, &host));
    assert_string_equal(host.instance, "first");
    assert_string_equal(host.version, "1.0");
    member_leave(house.members[0]);
    run(&house, 600100);
    assert_string_equal(house.said[0], "joined left ");
    assert_false(key_says(&house, &host));
    close_house(&house);
}

/* What happens to the only host for some time, what it says of it, and whether it stands there in the end. */
static void cut_off_and_back(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct model_weather weather;
        bool no_quorum, restart, key_deleted, restored;
        int64_t for_ms;
        const char *said;
    } table[] = {
        {"a moment without a way", {.refused = true}, .for_ms = 3000, .said = "joined "},
        {"longer than its lease", {.refused = true}, .for_ms = 30000, .said = "joined cut_off back "},
        {"silently", {.cut_off = true}, .for_ms = 30000, .said = "joined cut_off back "},
        {"no quorum", .no_quorum = true, .for_ms = 30000, .said = "joined cut_off back "},
        {"etcd starts anew", .restart = true, .for_ms = 100, .said = "joined "},
        {"its key is deleted", .key_deleted = true, .for_ms = 20000, .said = "joined cut_off back "},
        {"a backup of before is put back", .restored = true, .for_ms = 20000, .said = "joined cut_off back "},
        {"most requests are lost", {.request_lost_percent = 60}, .for_ms = 3000, .said = "joined "},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct house house;
        struct record_host host;
        open_house(&house);
        model_etcd_backup(house.etcd);
        come(&house, 0, "machine-1", "first");
        run(&house, 20000);
        weather(&house, table[i].weather);
        model_etcd_quorum(house.etcd, !table[i].no_quorum);
        if (table[i].restart)
            model_etcd_restart(house.etcd);
        if (table[i].restored)
            model_etcd_restore(house.etcd);
        if (table[i].key_deleted)
            model_etcd_delete(house.etcd, record_key(&house.farm, RECORD_HOST, "rds1", NULL).text);
        run(&house, 20000 + table[i].for_ms);
        weather(&house, (struct model_weather){.way_ms_max = 0});
        model_etcd_quorum(house.etcd, true);
        run(&house, 120000);
        if (strcmp(house.said[0], table[i].said) != 0)
            fail_msg("%s: said %s", table[i].name, house.said[0]);
        assert_true(key_says(&house, &host));
        assert_true(strstr(table[i].said, "cut_off") == NULL ||
                    (house.since_ms > 20000 - TTL_MS / MEMBER_RENEWALS - 1 && house.since_ms <= 32000));
        close_house(&house);
    }
}

/* Who comes second under the same name. */
static void the_second_of_one_name(void **state)
{
    (void)state;
    static const struct {
        const char *name, *first_machine, *second_machine, *second_instance;
        bool first_dies;
        const char *said_soon, *said_later;
    } table[] = {
        {"its former process", "m1", "m1", "second", true, "joined ", "joined "},
        {"its own, whose answer was lost", "m1", "m1", "first", true, "joined ", "joined "},
        {"another machine that lives", "m1", "m2", "second", false, "refused:m1/first ", "refused:m1/first "},
        {"another machine that died", "m1", "m2", "second", true, "refused:m1/first ",
         "refused:m1/first joined "},
        {"without ids", "", "", "second", true, "refused:/first ", "refused:/first joined "},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct house house;
        struct record_host host;
        open_house(&house);
        come(&house, 0, table[i].first_machine, "first");
        run(&house, 10000);
        if (table[i].first_dies)
            die(&house, 0);
        come(&house, 1, table[i].second_machine, table[i].second_instance);
        run(&house, 10500);
        if (strcmp(house.said[1], table[i].said_soon) != 0)
            fail_msg("%s: said %s", table[i].name, house.said[1]);
        run(&house, 60000);
        assert_string_equal(house.said[1], table[i].said_later);
        assert_true(key_says(&house, &host));
        assert_string_equal(host.instance,
                            strstr(house.said[1], "joined") != NULL ? table[i].second_instance : "first");
        close_house(&house);
    }
}

static void who_lost_its_name_meanwhile_is_told(void **state)
{
    (void)state;
    struct house house;
    open_house(&house);
    come(&house, 0, "m1", "first");
    run(&house, 10000);
    weather(&house, (struct model_weather){.refused = true});
    run(&house, 30000);
    come(&house, 1, "m2", "second");
    run(&house, 40000);
    assert_string_equal(house.said[1], "joined ");
    weather(&house, (struct model_weather){.way_ms_max = 0});
    run(&house, 60000);
    assert_string_equal(house.said[0], "joined cut_off refused:m2/second ");
    member_leave(house.members[1]);
    run(&house, 80000);
    assert_string_equal(house.said[0], "joined cut_off refused:m2/second back ");
    close_house(&house);
}

static void a_strangers_value_keeps_nobody_out(void **state)
{
    (void)state;
    struct house house;
    struct record_host host;
    open_house(&house);
    model_etcd_put(house.etcd, record_key(&house.farm, RECORD_HOST, "rds1", NULL).text, "junk", 4);
    come(&house, 0, "m1", "first");
    run(&house, 2000);
    assert_string_equal(house.said[0], "joined ");
    assert_true(key_says(&house, &host));
    close_house(&house);
}

static void it_joins_by_any_weather(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 20; seed++) {
        struct house house;
        open_house(&house);
        model_etcd_destroy(house.etcd);
        house.etcd = model_etcd_create(seed);
        weather(&house, (struct model_weather){.way_ms_max = 300,
                                               .request_lost_percent = 30,
                                               .reply_lost_percent = 30,
                                               .late_percent = 10});
        come(&house, 0, "m1", "first");
        run(&house, 300000);
        if (strncmp(house.said[0], "joined ", 7) != 0)
            fail_msg("seed %u: said %s", seed, house.said[0]);
        weather(&house, (struct model_weather){.way_ms_max = 0});
        run(&house, 400000);
        assert_int_equal(member_state(house.members[0]), MEMBER_JOINED);
        close_house(&house);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_joins_and_its_lease_lives),
        cmocka_unit_test(cut_off_and_back),
        cmocka_unit_test(the_second_of_one_name),
        cmocka_unit_test(who_lost_its_name_meanwhile_is_told),
        cmocka_unit_test(a_strangers_value_keeps_nobody_out),
        cmocka_unit_test(it_joins_by_any_weather),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
