/* What falls due while nobody asks is renewed all the same. */
#include "cloud/sweep.h"

#include "cloud/authority_admin.h"
#include "cloud/bookkeeping.h"
#include "cloud/wall_clock.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY_MS INT64_C(86400000)

enum { DUE = SWEEP_RENEWALS_MAX + 10 };

struct world {
    uv_loop_t loop;
    char directory[64];
    struct store *store;
    struct log log;
    struct sweep sweep;
    struct error_detail detail;
};

static int begin(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL)
        return 1;
    *state = world;
    log_init(&world->log, "test");
    world->log.severity_max = 0;
    (void)strcpy(world->directory, "/tmp/farmgate-test-XXXXXX");
    if (mkdtemp(world->directory) == NULL || uv_loop_init(&world->loop) != 0)
        return 1;
    return store_open(&world->loop, world->directory, &world->store, &world->detail);
}

static int end(void **state)
{
    struct world *world = *state;
    static const char *const names[] = {"ledger.db", "ledger.db-wal", "ledger.db-shm"};
    store_close(world->store, NULL, NULL);
    (void)uv_run(&world->loop, UV_RUN_DEFAULT);
    int error = uv_loop_close(&world->loop);
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", world->directory, names[i]);
        (void)unlink(path);
    }
    error |= rmdir(world->directory);
    free(world);
    return error;
}

/* Subscriptions that run since `since_ms`, for a day. */
static void subscribe(struct world *world, int count, int64_t since_ms, bool renews)
{
    const struct audit_author author = {"socket", since_ms};
    for (int i = 0; i < count; i++) {
        struct admin_subscription of;
        struct subscription_order wanted = {
            .name = "", .contract = "", .licences = 1, .term = {.days = 1}, .renews = &renews};
        assert_int_equal(authority_admin_buy(store_rows(world->store), &author, &wanted, &of, &world->detail),
                         0);
        of.subscription.activated_ms = since_ms;
        of.subscription.expires_ms = since_ms + DAY_MS;
        assert_int_equal(rows_subscription_put(store_rows(world->store), &of.subscription, &world->detail),
                         0);
    }
}

static void count_due(void *data, const struct subscription *subscription)
{
    *(int *)data += subscription->expires_ms <= wall_clock_ms();
}

static void count_renewal(void *data, const struct rows_audit_line *line)
{
    *(int *)data += strcmp(line->what, "subscription.renew") == 0 && strcmp(line->who, "authority") == 0;
}

static int still_due(struct world *world)
{
    int due = 0;
    assert_int_equal(
        rows_each_subscription(store_rows(world->store), 0, INT64_MAX, count_due, &due, &world->detail), 0);
    return due;
}

static void what_has_fallen_due_is_renewed_in_bounded_transactions(void **state)
{
    struct world *world = *state;
    int64_t now_ms = wall_clock_ms();
    int renewals = 0;
    assert_int_equal(rows_exec(store_rows(world->store), "BEGIN", &world->detail), 0);
    subscribe(world, DUE - 5, now_ms - DAY_MS - 1, true); /* once */
    subscribe(world, 5, now_ms - 3 * DAY_MS - 1, true);   /* three times each */
    subscribe(world, 3, now_ms - 9 * DAY_MS, false);
    subscribe(world, 3, now_ms, true);
    assert_int_equal(rows_exec(store_rows(world->store), "COMMIT", &world->detail), 0);
    assert_int_equal(still_due(world), DUE + 3);

    sweep_start(&world->sweep, &world->loop, world->store, &world->log);
    do
        (void)uv_run(&world->loop, UV_RUN_ONCE);
    while (world->sweep.under_way);
    sweep_stop(&world->sweep);
    assert_int_equal(still_due(world), 3);
    assert_int_equal(rows_each_audit_line(store_rows(world->store), NULL, 0, INT64_MAX, count_renewal,
                                          &renewals, &world->detail),
                     0);
    assert_int_equal(renewals, DUE - 5 + 15);
}

/* A subscription's keys, with a farm on each. */
static void run_farms(struct world *world, int64_t subscription_id, int count)
{
    struct rows *rows = store_rows(world->store);
    for (int i = 0; i < count; i++) {
        struct farm farm = {.status = FARM_ACTIVE};
        struct key key = {.subscription_id = subscription_id};
        (void)snprintf(farm.id, sizeof farm.id, "f-%d", i);
        (void)snprintf(farm.installation_id, sizeof farm.installation_id, "i-%d", i);
        (void)snprintf(key.text, sizeof key.text, "K-%d", i);
        (void)snprintf(key.holder, sizeof key.holder, "f-%d", i);
        assert_int_equal(rows_key_put(rows, &key, &world->detail), 0);
        farm.key_id = key.id;
        assert_int_equal(rows_farm_put(rows, &farm, &world->detail), 0);
    }
}

static void count_active(void *data, const struct rows_farm_line *line)
{
    *(int *)data += line->farm.status == FARM_ACTIVE;
}

static void cancelled_farms_are_closed_by_and_by(void **state)
{
    struct world *world = *state;
    struct admin_subscription of;
    const struct audit_author author = {"socket", wall_clock_ms()};
    const struct rows_farm_filter all = {.status = FARM_NEW};
    int active = 0;
    assert_int_equal(rows_exec(store_rows(world->store), "BEGIN", &world->detail), 0);
    subscribe(world, 1, author.now_ms, false);
    run_farms(world, 1, 2 * BOOKKEEPING_CLOSED_MAX + 7);
    assert_int_equal(authority_admin_cancel(store_rows(world->store), &author, 1, &of, &world->detail), 0);
    assert_int_equal(of.closed, BOOKKEEPING_CLOSED_MAX);
    assert_int_equal(rows_exec(store_rows(world->store), "COMMIT", &world->detail), 0);

    sweep_start(&world->sweep, &world->loop, world->store, &world->log);
    sweep_soon(&world->sweep);
    sweep_soon(&world->sweep); /* under way: once more */
    assert_true(world->sweep.again);
    do
        (void)uv_run(&world->loop, UV_RUN_ONCE);
    while (world->sweep.under_way);
    sweep_stop(&world->sweep);
    sweep_soon(&world->sweep); /* too late, and no harm */
    assert_int_equal(
        rows_each_farm(store_rows(world->store), &all, 0, INT64_MAX, count_active, &active, &world->detail),
        0);
    assert_int_equal(active, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_has_fallen_due_is_renewed_in_bounded_transactions, begin, end),
        cmocka_unit_test_setup_teardown(cancelled_farms_are_closed_by_and_by, begin, end),
    };
    return cmocka_run_group_tests_name("renewals while nobody asks", tests, NULL, NULL);
}
