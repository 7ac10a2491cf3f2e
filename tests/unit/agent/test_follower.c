/* test_follower.c - a host that does not lead is told each verdict once, keeps the windows, and knows who is
 * on only while that decides something. */
#include "tests/unit/unit.h"

#include "tests/sim/model_etcd.h"

#include "agent/farm/follower.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0 INT64_C(1700000400000)

struct house {
    struct model_etcd *etcd;
    struct record_farm farm;
    struct follower *follower;
    struct core *core;
    int64_t now_ms;
    char heard[4096];
};

static const struct core_settings core_settings = {
    .tally = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT}};

static void hear(struct house *house, const char *format, ...) __attribute__((format(__printf__, 2, 3)));
static void hear(struct house *house, const char *format, ...)
{
    va_list arguments;
    size_t used = strlen(house->heard);
    va_start(arguments, format);
    (void)vsnprintf(house->heard + used, sizeof house->heard - used, format, arguments);
    va_end(arguments);
}

static void on_verdict(void *data, const struct farm_verdict *verdict)
{
    hear(data, "%" PRId64 ": %s, %s, %u of %u, by %s\n", verdict->n,
         verdict_reason_name(verdict->status.verdict.reason),
         admission_name(verdict->status.verdict.admission), verdict->status.level.concurrent_users,
         verdict->status.standing.grant.limit, verdict->leader);
}

static void on_window(void *data, const char *farm_id, const struct window *window)
{
    hear(data, "window %" PRId64 " of %s: %u\n", (window->start_ms - T0) / WINDOW_MS, farm_id,
         window->peak_users);
}

static void on_note(void *data, enum farm_note note, const char *key, const char *detail)
{
    (void)note;
    (void)key;
    hear(data, "%s\n", detail);
}

static void on_went_back(void *data)
{
    hear(data, "went back\n");
}

static void on_identity(void *data, const struct checkpoint *checkpoint)
{
    hear(data, "identity %s, %s\n", checkpoint->identity.farm_id, checkpoint->entitlement);
}

static int64_t on_licence_ms(void *data)
{
    const struct house *house = data;
    return house->now_ms;
}

static const struct core_settings *on_settings(void *data)
{
    (void)data;
    return &core_settings;
}

static int on_begin(void *data, const struct farm_begin *begin)
{
    struct house *house = data;
    hear(house, "begin with %zu\n", begin->saved->connection_count);
    core_destroy(house->core);
    house->core = core_create(&core_settings);
    struct core_saved saved = *begin->saved;
    saved.installation_id = "inst";
    return core_restore(house->core, &saved, begin->at_ms);
}

static const struct core *on_core(void *data)
{
    const struct house *house = data;
    return house->core;
}

static int on_step(void *data, const struct core_event *event, int64_t at_ms)
{
    struct house *house = data;
    struct core_actions *actions = core_actions_create();
    hear(house, "step\n");
    int code = core_step(house->core, event, at_ms, actions);
    core_actions_destroy(actions);
    return code;
}

static void on_dropped(void *data)
{
    struct house *house = data;
    hear(house, "dropped\n");
    core_destroy(house->core);
    house->core = NULL;
}

static const struct follower_told told = {.verdict = on_verdict,
                                          .window = on_window,
                                          .note = on_note,
                                          .went_back = on_went_back,
                                          .identity = on_identity,
                                          .licence_ms = on_licence_ms,
                                          .settings = on_settings,
                                          .begin = on_begin,
                                          .core = on_core,
                                          .step = on_step,
                                          .dropped = on_dropped};

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

static int close_house(void **state)
{
    struct house *house = *state;
    follower_destroy(house->follower);
    model_etcd_pass(house->etcd, house->now_ms + 100000);
    model_etcd_destroy(house->etcd);
    core_destroy(house->core);
    free(house);
    return 0;
}

static void begin(struct house *house, int64_t seen_n, int64_t windows_after_ms)
{
    const struct follower_settings settings = {&house->farm, model_etcd_port(house->etcd, 0), seen_n,
                                               windows_after_ms};
    house->follower = follower_create(&settings, &told, house);
    assert_non_null(house->follower);
}

static void expect(struct house *house, const char *heard)
{
    for (int i = 0; i < 2000; i++) {
        if (follower_due_ms(house->follower) <= house->now_ms)
            follower_pass(house->follower, house->now_ms);
        house->now_ms += 10;
        model_etcd_pass(house->etcd, house->now_ms);
    }
    assert_string_equal(house->heard, heard);
    house->heard[0] = '\0';
}

static void put(struct house *house, struct record_key key, struct record_value value)
{
    assert_non_null(value.bytes);
    model_etcd_put(house->etcd, key.text, value.bytes, value.count);
    free(value.bytes);
}

static void say_licensed(struct house *house, int64_t n, enum admission admission, int64_t windows,
                         const char *farm_id, uint64_t serial)
{
    struct farm_verdict verdict = {.n = n, .leader = "rds1"};
    (void)snprintf(verdict.farm_id, sizeof verdict.farm_id, "%s", farm_id);
    verdict.status.standing.grant.serial = serial;
    verdict.status.verdict = (struct verdict){
        admission != ADMISSION_NONE, admission == ADMISSION_NONE ? VERDICT_STALE : VERDICT_OPEN, admission};
    verdict.status.level.concurrent_users = 7;
    verdict.status.standing.grant.limit = 10;
    verdict.status.window.start_ms = T0 + windows * WINDOW_MS;
    put(house, record_key(&house->farm, RECORD_VERDICT, NULL, NULL),
        farm_verdict_value(&house->farm, &verdict));
}

static void say(struct house *house, int64_t n, enum admission admission, int64_t windows)
{
    say_licensed(house, n, admission, windows, "", 0);
}

static void license(struct house *house, int64_t n, const char *farm_id, const char *entitlement)
{
    struct checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    assert_non_null(checkpoint);
    checkpoint->n = n;
    (void)snprintf(checkpoint->instance, sizeof checkpoint->instance, "i");
    (void)snprintf(checkpoint->identity.installation_id, sizeof checkpoint->identity.installation_id, "in");
    (void)snprintf(checkpoint->identity.farm_id, sizeof checkpoint->identity.farm_id, "%s", farm_id);
    (void)snprintf(checkpoint->entitlement, sizeof checkpoint->entitlement, "%s", entitlement);
    put(house, record_key(&house->farm, RECORD_CHECKPOINT, NULL, NULL),
        checkpoint_value(&house->farm, checkpoint));
    free(checkpoint);
}

static void close_window(struct house *house, int64_t number, uint32_t peak_users)
{
    const struct window window = {.start_ms = T0 + number * WINDOW_MS, .peak_users = peak_users};
    put(house, record_window_key(&house->farm, window.start_ms),
        checkpoint_window_value(&house->farm, "f1", &window));
}

static void each_verdict_is_told_once(void **state)
{
    struct house *house = *state;
    begin(house, 0, T0 + WINDOW_MS);
    expect(house, "");
    say(house, 3, ADMISSION_ALL, 0);
    expect(house, "3: open, all, 7 of 10, by rds1\n");
    model_etcd_restart(house->etcd);
    expect(house, "");
    say(house, 4, ADMISSION_NONE, 0);
    say(house, 3, ADMISSION_ALL, 0);
    expect(house, "4: stale, none, 7 of 10, by rds1\nan earlier verdict was put back\nwent back\n");
    struct record_key key = record_key(&house->farm, RECORD_VERDICT, NULL, NULL);
    model_etcd_put(house->etcd, key.text, "x", 1);
    model_etcd_delete(house->etcd, key.text);
    expect(house, "not written with this farm's secret, or for another key\n");
}

static void an_earlier_verdict_than_was_seen_is_none(void **state)
{
    struct house *house = *state;
    say(house, 3, ADMISSION_ALL, 0);
    begin(house, 4, T0);
    expect(house, "an earlier verdict was put back\nwent back\n");
    say(house, 4, ADMISSION_ALL, 0);
    expect(house, "4: open, all, 7 of 10, by rds1\n");
}

static void windows_are_read_when_another_one_runs(void **state)
{
    struct house *house = *state;
    close_window(house, 0, 5);
    close_window(house, 1, 6);
    say(house, 1, ADMISSION_ALL, 2);
    begin(house, 0, T0);
    expect(house, "1: open, all, 7 of 10, by rds1\nwindow 1 of f1: 6\n");
    close_window(house, 2, 8);
    say(house, 2, ADMISSION_ALL, 2);
    expect(house, "2: open, all, 7 of 10, by rds1\n");
    say(house, 3, ADMISSION_ALL, 3);
    expect(house, "3: open, all, 7 of 10, by rds1\nwindow 2 of f1: 8\n");
}

static void who_the_farm_is_is_read_with_each_licence(void **state)
{
    struct house *house = *state;
    begin(house, 0, T0 + WINDOW_MS);
    license(house, 1, "f1", "e1");
    say_licensed(house, 1, ADMISSION_ALL, 0, "f1", 1);
    expect(house, "1: open, all, 7 of 10, by rds1\nidentity f1, e1\n");
    license(house, 2, "f1", "e1");
    say_licensed(house, 2, ADMISSION_ALL, 0, "f1", 1);
    expect(house, "2: open, all, 7 of 10, by rds1\n");
    license(house, 2, "f1", "older");
    say_licensed(house, 3, ADMISSION_ALL, 0, "f1", 2);
    expect(house, "3: open, all, 7 of 10, by rds1\n");
    struct record_key key = record_key(&house->farm, RECORD_CHECKPOINT, NULL, NULL);
    model_etcd_put(house->etcd, key.text, "x", 1);
    expect(house, "");
    license(house, 3, "f1", "e2");
    expect(house, "identity f1, e2\n");
}

static void who_is_on_is_known_while_holders_are_admitted(void **state)
{
    struct house *house = *state;
    struct change change = {.number = 1, .at_ms = T0, .type = CHANGE_SESSION, .route = ROUTE_RDP};
    strcpy(change.host, "h1");
    strcpy(change.id, "1");
    strcpy(change.user, "ann");
    struct record_key key = record_key(&house->farm, RECORD_SESSION, "h1", "1");
    put(house, key, record_change_value(&house->farm, key.text, &change));
    begin(house, 0, T0 + WINDOW_MS);
    say(house, 1, ADMISSION_ALL, 0);
    expect(house, "1: open, all, 7 of 10, by rds1\n");
    assert_false(follower_is_current(house->follower));
    say(house, 2, ADMISSION_HOLDERS, 0);
    expect(house, "2: open, holders, 7 of 10, by rds1\nbegin with 1\nstep\n");
    assert_true(follower_is_current(house->follower));
    struct tally_user user;
    assert_true(tally_user(core_tally(house->core), "ann", &user));
    say(house, 3, ADMISSION_ALL, 0);
    expect(house, "3: open, all, 7 of 10, by rds1\ndropped\n");
    assert_false(follower_is_current(house->follower));
}

static void all_of_a_status_but_its_texts_comes_back(void **state)
{
    struct house *house = *state;
    struct farm_verdict verdict = {.n = 5, .at_ms = T0, .gaps_ever = 2, .leader = "rds1", .farm_id = "f1"},
                        back;
    verdict.status = (struct core_status){
        .verdict = {true, VERDICT_OPEN, ADMISSION_ALL},
        .standing = {.activation = ACTIVATION_ACTIVE, .grant = {.farm_id = "f1", .serial = 4, .limit = 10}},
        .level = {1, 2, 3, 4, 5, 6, 7},
        .window = {8, T0, T0 + WINDOW_MS, T0 + 1, 9, 10, 11, 12},
        .today = {T0, 13},
        .ever = {T0 - 1, 14},
        .next_report_ms = T0 + 15,
        .next_validation_ms = INT64_MAX,
        .deactivates_ms = INT64_MAX,
        .strict = true,
        .outage = OUTAGE_REFUSED,
        .windows_queued = 16,
        .report_failures = 17,
        .started = true};
    struct error_detail detail;
    struct record_key key = record_key(&house->farm, RECORD_VERDICT, NULL, NULL);
    struct record_value value = farm_verdict_value(&house->farm, &verdict);
    struct wire_kv kv = {.key = key.text, .value = value.bytes, .value_bytes = value.count};
    memset(&back, 0, sizeof back);
    assert_int_equal(farm_verdict_read(&house->farm, &kv, &back, &detail), 0);
    assert_memory_equal(&back.status.level, &verdict.status.level, sizeof back.status.level);
    assert_memory_equal(&back.status.window, &verdict.status.window, sizeof back.status.window);
    assert_memory_equal(&back.status.standing, &verdict.status.standing, sizeof back.status.standing);
    assert_int_equal(back.status.today.users, 13);
    assert_int_equal(back.status.ever.at_ms, T0 - 1);
    assert_true(back.status.next_report_ms == T0 + 15 && back.status.next_validation_ms == INT64_MAX);
    assert_true(back.status.strict && back.status.started && !back.status.by_files &&
                !back.status.spare_grace);
    assert_int_equal(back.status.outage, OUTAGE_REFUSED);
    assert_int_equal(back.status.windows_queued, 16);
    assert_int_equal(back.status.report_failures, 17);
    assert_int_equal(back.gaps_ever, 2);
    assert_string_equal(back.farm_id, "f1");
    free(value.bytes);
    static const char newer[] = "{\"format\":2,\"version\":\"9.1\"}";
    value = record_seal(&house->farm, key.text, newer, strlen(newer));
    kv = (struct wire_kv){.key = key.text, .value = value.bytes, .value_bytes = value.count};
    assert_int_equal(farm_verdict_read(&house->farm, &kv, &back, &detail), ERROR_NEWER);
    free(value.bytes);
}

#define HOUSED(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSED(each_verdict_is_told_once),
        HOUSED(an_earlier_verdict_than_was_seen_is_none),
        HOUSED(windows_are_read_when_another_one_runs),
        HOUSED(who_the_farm_is_is_read_with_each_licence),
        HOUSED(who_is_on_is_known_while_holders_are_admitted),
        HOUSED(all_of_a_status_but_its_texts_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
