/* How a subscription's licences are carved up among its keys (RULES §5.3). */
#include "cloud/ledger/key.h"
#include "tests/unit/unit.h"

#include <string.h>

#define END_MS INT64_C(1801440000000)

/* Ten licences; the primary key has six, "division" reserves four. */
struct world {
    struct subscription subscription;
    struct key keys[2];
    struct key_case of_primary, of_division;
};

static void begin(struct world *world)
{
    *world = (struct world){
        .subscription = {.id = 1, .licences = 10, .activated_ms = 1, .expires_ms = END_MS},
        .keys = {{.id = 1, .primary = true, .quota = 6}, {.id = 2, .name = "division", .quota = 4}},
    };
    world->of_primary = (struct key_case){.subscription = &world->subscription, .primary = &world->keys[0]};
    world->of_division = world->of_primary;
    world->of_division.key = &world->keys[1];
}

static enum ledger_verdict create(struct world *world, uint32_t quota, struct key *ret_key)
{
    struct key_change wanted = {.name = "new", .quota = &quota};
    return key_create(&world->of_primary, "TEXT", &wanted, 5, ret_key);
}

static enum ledger_verdict give(struct world *world, uint32_t quota)
{
    struct key_change change = {.quota = &quota};
    return key_edit(&world->of_division, &change);
}

static void a_further_key_carves_its_quota_out_of_the_primary(void **state)
{
    (void)state;
    struct world world;
    struct key made;
    begin(&world);
    assert_int_equal(create(&world, 6, &made), LEDGER_GRANTED);
    assert_string_equal(made.text, "TEXT");
    assert_string_equal(made.name, "new");
    assert_int_equal(made.quota, 6);
    assert_false(made.primary);
    assert_int_equal(world.keys[0].quota, 0); /* possibly 0 */
    struct key all[] = {world.keys[0], world.keys[1], made};
    assert_true(key_quotas_fit(&world.subscription, all, 3));
}

static void no_more_keys_than_can_be_added_up(void **state)
{
    (void)state;
    struct world world;
    struct key made;
    begin(&world);
    world.of_primary.key_count = LEDGER_KEYS_MAX;
    assert_int_equal(create(&world, 1, &made), LEDGER_TOO_MANY_KEYS);
    assert_int_equal(world.keys[0].quota, 6);
    world.of_division.key_count = LEDGER_KEYS_MAX;
    assert_int_equal(give(&world, 3), LEDGER_GRANTED); /* those there are go on */
    world.of_primary.key_count = LEDGER_KEYS_MAX - 1;
    assert_int_equal(create(&world, 1, &made), LEDGER_GRANTED);
}

static void no_more_than_is_left(void **state)
{
    (void)state;
    struct world world;
    struct key made;
    begin(&world);
    assert_int_equal(create(&world, 7, &made), LEDGER_QUOTA_TOO_LARGE);
    assert_int_equal(key_quota_left(&world.of_primary), 6);
    assert_int_equal(world.keys[0].quota, 6);
    assert_int_equal(give(&world, 11), LEDGER_QUOTA_TOO_LARGE);
    assert_int_equal(key_quota_left(&world.of_division), 10);
    assert_int_equal(give(&world, 10), LEDGER_GRANTED);
    assert_int_equal(give(&world, 1), LEDGER_GRANTED);
    assert_int_equal(world.keys[0].quota, 9);
    assert_true(key_quotas_fit(&world.subscription, world.keys, 2));
}

static void a_running_farm_is_not_put_below_its_peak_unasked(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    world.of_division.key_peak = 4;
    world.of_division.primary_peak = 6;
    assert_int_equal(give(&world, 3), LEDGER_BELOW_PEAK);
    assert_int_equal(give(&world, 5), LEDGER_BELOW_PEAK); /* the primary's farm */
    assert_int_equal(give(&world, 4), LEDGER_GRANTED);
    world.of_division.confirmed = true;
    assert_int_equal(give(&world, 3), LEDGER_GRANTED);
    assert_int_equal(give(&world, 10), LEDGER_GRANTED);
    struct world other;
    struct key made;
    begin(&other);
    other.of_primary.primary_peak = 3;
    assert_int_equal(create(&other, 4, &made), LEDGER_BELOW_PEAK);
    assert_int_equal(create(&other, 3, &made), LEDGER_GRANTED);
}

static void who_would_lose_and_how_much(void **state)
{
    (void)state;
    static const struct {
        bool is_new;
        uint32_t quota;
        bool loses, of_primary;
        uint32_t gets;
    } rows[] = {
        {false, 4, false, false, 0}, {false, 3, true, false, 3}, {false, 5, true, true, 5},
        {false, 6, true, true, 4},   {false, 0, true, false, 0}, {false, 11, false, false, 0},
        {true, 0, false, false, 0},  {true, 1, true, true, 5},   {true, 7, false, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world world;
        struct key_loss loss = {.peak = -1};
        begin(&world);
        struct key_case *of = rows[i].is_new ? &world.of_primary : &world.of_division;
        of->primary_peak = 6;
        of->key_peak = rows[i].is_new ? 0 : 4;
        assert_int_equal(key_loss_of(of, rows[i].quota, &loss), rows[i].loses);
        assert_int_equal(loss.peak, !rows[i].loses ? -1 : rows[i].of_primary ? 6 : 4);
        assert_int_equal(loss.quota, rows[i].gets);
        assert_int_equal(loss.of_primary, rows[i].of_primary);
    }
}

static void a_key_ends_with_its_subscription_at_the_latest(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    int64_t late_ms = END_MS + 1, early_ms = END_MS - 1, with_it_ms = 0;
    struct key_change late = {.expires_ms = &late_ms}, early = {.expires_ms = &early_ms},
                      with_it = {.expires_ms = &with_it_ms};
    assert_int_equal(key_edit(&world.of_division, &late), LEDGER_BEYOND_SUBSCRIPTION);
    assert_int_equal(world.keys[1].expires_ms, 0);
    assert_int_equal(key_edit(&world.of_division, &early), LEDGER_GRANTED);
    assert_int_equal(world.keys[1].expires_ms, early_ms);
    assert_int_equal(world.keys[1].quota, 4); /* an expired key keeps its reservation */
    assert_int_equal(key_edit(&world.of_division, &with_it), LEDGER_GRANTED);
    assert_int_equal(world.keys[1].expires_ms, 0);
}

static void the_primary_key_has_what_the_others_leave(void **state)
{
    (void)state;
    struct world world;
    uint32_t quota = 5;
    int64_t expires_ms = 5;
    begin(&world);
    struct key_change by_quota = {.quota = &quota}, by_end = {.expires_ms = &expires_ms},
                      by_name = {.name = "first"};
    assert_int_equal(key_edit(&world.of_primary, &by_quota), LEDGER_PRIMARY);
    assert_int_equal(key_edit(&world.of_primary, &by_end), LEDGER_PRIMARY);
    assert_int_equal(key_delete(&world.of_primary, 9), LEDGER_PRIMARY);
    assert_int_equal(key_edit(&world.of_primary, &by_name), LEDGER_GRANTED);
    assert_string_equal(world.keys[0].name, "first");
}

static void a_deleted_key_gives_its_quota_back_at_once(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    world.of_division.key_peak = 1;
    assert_int_equal(key_delete(&world.of_division, 9), LEDGER_BELOW_PEAK);
    world.of_division.confirmed = true;
    assert_int_equal(key_delete(&world.of_division, 9), LEDGER_GRANTED);
    assert_int_equal(world.keys[0].quota, 10);
    assert_int_equal(world.keys[1].quota, 0);
    assert_int_equal(world.keys[1].deleted_ms, 9);
    assert_true(key_quotas_fit(&world.subscription, world.keys, 2));
    assert_int_equal(key_delete(&world.of_division, 10), LEDGER_KEY_DELETED);
    assert_int_equal(give(&world, 1), LEDGER_KEY_DELETED);
}

static void nothing_changes_in_a_cancelled_subscription(void **state)
{
    (void)state;
    struct world world;
    struct key made;
    begin(&world);
    world.subscription.cancelled_ms = 1;
    struct key_change by_name = {.name = "x"};
    assert_int_equal(create(&world, 1, &made), LEDGER_CANCELLED);
    assert_int_equal(give(&world, 1), LEDGER_CANCELLED);
    assert_int_equal(key_edit(&world.of_primary, &by_name), LEDGER_CANCELLED);
}

static void what_does_not_add_up_is_seen(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    assert_true(key_quotas_fit(&world.subscription, world.keys, 2));
    world.keys[1].quota = 5;
    assert_false(key_quotas_fit(&world.subscription, world.keys, 2));
    world.keys[1].quota = 4;
    world.keys[1].primary = true;
    assert_false(key_quotas_fit(&world.subscription, world.keys, 2));
    world.keys[1].primary = false;
    world.keys[1].deleted_ms = 1; /* and has its quota still */
    assert_false(key_quotas_fit(&world.subscription, world.keys, 2));
}

static void a_keys_state_follows_from_its_dates(void **state)
{
    (void)state;
    static const struct {
        int64_t cancelled_ms, deleted_ms, expires_ms, now_ms;
        const char *holder, *name;
    } rows[] = {
        {0, 0, 0, END_MS - 1, "", "free"},   {0, 0, 0, END_MS - 1, "f-1", "in_use"},
        {0, 0, 0, END_MS, "f-1", "expired"}, {0, 0, 50, 50, "", "expired"},
        {0, 0, 50, 49, "", "free"},          {7, 0, 50, 50, "", "cancelled"},
        {7, 8, 50, 50, "", "deleted"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct subscription subscription = {.expires_ms = END_MS, .cancelled_ms = rows[i].cancelled_ms};
        struct key key = {.deleted_ms = rows[i].deleted_ms, .expires_ms = rows[i].expires_ms};
        (void)strcpy(key.holder, rows[i].holder);
        assert_string_equal(key_state_name(key_state(&subscription, &key, rows[i].now_ms)), rows[i].name);
    }
}

static void the_operator_resets_moves(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    world.keys[0].moves = world.keys[1].moves = 3;
    const struct key_change change = {.resets_moves = true};
    assert_int_equal(key_edit(&world.of_division, &change), LEDGER_GRANTED);
    assert_int_equal(key_edit(&world.of_primary, &change), LEDGER_GRANTED); /* of any key */
    assert_int_equal(world.keys[0].moves + world.keys[1].moves, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_further_key_carves_its_quota_out_of_the_primary),
        cmocka_unit_test(no_more_keys_than_can_be_added_up),
        cmocka_unit_test(no_more_than_is_left),
        cmocka_unit_test(a_running_farm_is_not_put_below_its_peak_unasked),
        cmocka_unit_test(who_would_lose_and_how_much),
        cmocka_unit_test(a_key_ends_with_its_subscription_at_the_latest),
        cmocka_unit_test(the_primary_key_has_what_the_others_leave),
        cmocka_unit_test(a_deleted_key_gives_its_quota_back_at_once),
        cmocka_unit_test(nothing_changes_in_a_cancelled_subscription),
        cmocka_unit_test(what_does_not_add_up_is_seen),
        cmocka_unit_test(a_keys_state_follows_from_its_dates),
        cmocka_unit_test(the_operator_resets_moves),
    };
    return cmocka_run_group_tests_name("keys (RULES 5.3)", tests, NULL, NULL);
}
