/* Who may run on a key (RULES §3.13), told as stories: each step is one activation or one end. */
#include "cloud/ledger/activation.h"
#include "cloud/ledger/standing.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define START_MS INT64_C(1769904000000) /* 2026-02-01 */
#define DAY_MS   INT64_C(86400000)

/* One key and the farms of the installations A to E on it. */
struct world {
    struct subscription subscription;
    struct key key;
    struct farm farms[5];
};

static void begin(struct world *world)
{
    *world = (struct world){
        .subscription = {.id = 1, .licences = 10, .purchases = 10, .term = {.months = 1}},
        .key = {.id = 1, .subscription_id = 1, .quota = 10},
    };
    for (int i = 0; i < 5; i++) {
        (void)snprintf(world->farms[i].id, sizeof world->farms[i].id, "farm-%c", 'A' + i);
        (void)snprintf(world->farms[i].installation_id, sizeof world->farms[i].installation_id, "%c",
                       'A' + i);
        world->farms[i].key_id = 1;
    }
}

static struct farm *holder_of(struct world *world)
{
    for (int i = 0; i < 5; i++) {
        if (strcmp(world->farms[i].id, world->key.holder) == 0)
            return &world->farms[i];
    }
    return NULL;
}

static enum activation_verdict activate(struct world *world, char installation, bool move, int64_t now_ms)
{
    struct farm *farm = &world->farms[installation - 'A'], *holder = holder_of(world);
    struct activation_case activation = {
        .subscription = world->subscription,
        .key = world->key,
        .farm = *farm,
        .held_elsewhere = holder != NULL && holder != farm,
    };
    if (activation.held_elsewhere)
        activation.holder = *holder;
    struct activation_case before = activation;
    enum activation_verdict verdict = activation_by_key(&activation, move, now_ms);
    if (verdict != ACTIVATION_GRANTED) {
        assert_memory_equal(&activation, &before, sizeof before);
        return verdict;
    }
    world->subscription = activation.subscription;
    world->key = activation.key;
    *farm = activation.farm;
    if (activation.held_elsewhere)
        *holder = activation.holder;
    return verdict;
}

static void test_stories(void **state)
{
    enum { ACTIVATE, MOVE, RELEASE, ADMINISTRATOR };
    static const struct {
        const char *story;
        struct {
            int what;
            char who;
            enum activation_verdict verdict;
            unsigned moves;
        } steps[12];
    } table[] = {
        {"the same installation again is success, whether a move is asked for or not",
         {{ACTIVATE, 'A', ACTIVATION_GRANTED, 0},
          {ACTIVATE, 'A', ACTIVATION_GRANTED, 0},
          {MOVE, 'A', ACTIVATION_GRANTED, 0}}},
        {"a key in use needs the word move",
         {{ACTIVATE, 'A', ACTIVATION_GRANTED, 0},
          {ACTIVATE, 'B', ACTIVATION_KEY_IN_USE, 0},
          {MOVE, 'B', ACTIVATION_GRANTED, 1}}},
        {"three moves, the fourth is refused; the last one stays",
         {{ACTIVATE, 'A', ACTIVATION_GRANTED, 0},
          {MOVE, 'B', ACTIVATION_GRANTED, 1},
          {MOVE, 'C', ACTIVATION_GRANTED, 2},
          {MOVE, 'D', ACTIVATION_GRANTED, 3},
          {MOVE, 'E', ACTIVATION_MOVES_EXHAUSTED, 3},
          {ACTIVATE, 'E', ACTIVATION_KEY_IN_USE, 3},
          {ACTIVATE, 'D', ACTIVATION_GRANTED, 3}}},
        {"there and back is two",
         {{ACTIVATE, 'A', ACTIVATION_GRANTED, 0},
          {MOVE, 'B', ACTIVATION_GRANTED, 1},
          {MOVE, 'A', ACTIVATION_GRANTED, 2}}},
        {"a key given back is free, and still moves",
         {{ACTIVATE, 'A', ACTIVATION_GRANTED, 0},
          {RELEASE, 'A', ACTIVATION_GRANTED, 0},
          {ACTIVATE, 'A', ACTIVATION_GRANTED, 0},
          {RELEASE, 'A', ACTIVATION_GRANTED, 0},
          {ACTIVATE, 'B', ACTIVATION_GRANTED, 1},
          {RELEASE, 'B', ACTIVATION_GRANTED, 1},
          {ACTIVATE, 'A', ACTIVATION_GRANTED, 2}}},
        {"released three times elsewhere, the fourth is refused too",
         {{ACTIVATE, 'A', ACTIVATION_GRANTED, 0},
          {RELEASE, 'A', ACTIVATION_GRANTED, 0},
          {ACTIVATE, 'B', ACTIVATION_GRANTED, 1},
          {RELEASE, 'B', ACTIVATION_GRANTED, 1},
          {ACTIVATE, 'C', ACTIVATION_GRANTED, 2},
          {RELEASE, 'C', ACTIVATION_GRANTED, 2},
          {ACTIVATE, 'D', ACTIVATION_GRANTED, 3},
          {RELEASE, 'D', ACTIVATION_GRANTED, 3},
          {ACTIVATE, 'E', ACTIVATION_MOVES_EXHAUSTED, 3},
          {ACTIVATE, 'D', ACTIVATION_GRANTED, 3}}},
        {"deactivated by the administrator: the key is free again, there and elsewhere",
         {{ACTIVATE, 'A', ACTIVATION_GRANTED, 0},
          {ADMINISTRATOR, 'A', ACTIVATION_GRANTED, 0},
          {ACTIVATE, 'A', ACTIVATION_GRANTED, 0},
          {ADMINISTRATOR, 'A', ACTIVATION_GRANTED, 0},
          {ACTIVATE, 'B', ACTIVATION_GRANTED, 1}}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct world world;
        begin(&world);
        for (size_t j = 0; j < 12 && table[i].steps[j].who != '\0'; j++) {
            int what = table[i].steps[j].what;
            char who = table[i].steps[j].who;
            struct farm *farm = &world.farms[who - 'A'];
            int64_t now_ms = START_MS + (int64_t)j * 1000;
            if (what == ACTIVATE || what == MOVE)
                assert_int_equal(activate(&world, who, what == MOVE, now_ms), table[i].steps[j].verdict);
            else
                assert_true(activation_end(farm, &world.key,
                                           what == RELEASE ? FARM_REASON_RELEASED : FARM_REASON_ADMINISTRATOR,
                                           now_ms));
            if (world.key.moves != table[i].steps[j].moves)
                fail_msg("%s: step %zu: %u moves", table[i].story, j + 1, world.key.moves);
            int active = 0;
            for (int k = 0; k < 5; k++)
                active += world.farms[k].status == FARM_ACTIVE;
            assert_true(active <= 1);
            assert_int_equal(active == 1, world.key.holder[0] != '\0');
        }
    }
}

static void test_the_former_holder_is_told_why(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    assert_int_equal(activate(&world, 'A', false, START_MS), ACTIVATION_GRANTED);
    assert_int_equal(activation_moves_left(&world.key), 3);
    assert_int_equal(activate(&world, 'B', true, START_MS + 5), ACTIVATION_GRANTED);
    assert_int_equal(activation_moves_left(&world.key), 2);
    assert_int_equal(world.farms[0].status, FARM_DEACTIVATED);
    assert_int_equal(world.farms[0].deactivated_ms, START_MS + 5);
    assert_string_equal(farm_reason_text(world.farms[0].reason), "key moved");
    assert_string_equal(farm_reason_code(world.farms[0].reason), "moved");
    /* a farm that no longer holds the key cannot free it */
    assert_false(activation_end(&world.farms[0], &world.key, FARM_REASON_RELEASED, START_MS + 6));
    assert_string_equal(world.key.holder, "farm-B");
    assert_string_equal(farm_reason_text(world.farms[0].reason), "key moved");
}

static void test_the_term_begins_with_the_first_activation(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    assert_int_equal(activate(&world, 'A', false, START_MS), ACTIVATION_GRANTED);
    int64_t expires_ms = world.subscription.expires_ms;
    assert_int_equal(expires_ms, START_MS + 28 * DAY_MS);
    assert_int_equal(activate(&world, 'B', true, START_MS + DAY_MS), ACTIVATION_GRANTED);
    assert_int_equal(world.subscription.activated_ms, START_MS);
    assert_int_equal(world.subscription.expires_ms, expires_ms);

    assert_int_equal(activate(&world, 'B', false, expires_ms - 1), ACTIVATION_GRANTED);
    assert_int_equal(activate(&world, 'B', false, expires_ms), ACTIVATION_EXPIRED);
    assert_int_equal(activate(&world, 'A', true, expires_ms), ACTIVATION_EXPIRED);
}

static void test_the_earlier_end_holds(void **state)
{
    static const struct {
        int64_t subscription_ms, licence_ms, expires_ms;
    } table[] = {{0, 0, 0}, {5, 0, 5}, {0, 7, 7}, {5, 7, 5}, {7, 5, 5}};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct subscription subscription = {.expires_ms = table[i].subscription_ms};
        struct key key = {.expires_ms = table[i].licence_ms};
        assert_int_equal(activation_expires_ms(&subscription, &key), table[i].expires_ms);
    }
}

static void test_a_deleted_key_activates_nothing(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    world.key.deleted_ms = START_MS;
    assert_int_equal(activate(&world, 'A', true, START_MS + 1), ACTIVATION_KEY_DELETED);
}

static void test_trial(void **state)
{
    struct farm farm = {.id = "farm-T", .installation_id = "T"};
    int64_t end_ms = START_MS + 30 * DAY_MS;
    (void)state;
    struct farm before = farm;
    assert_int_equal(activation_by_trial(&farm, 50, false, START_MS), ACTIVATION_TRIAL_CAP);
    assert_memory_equal(&farm, &before, sizeof farm);
    assert_int_equal(activation_by_trial(&farm, 50, true, START_MS), ACTIVATION_GRANTED);
    assert_int_equal(farm.trial_ends_ms, end_ms);
    assert_int_equal(farm.trial_limit, 50);
    /* asked again: the same trial goes on, with its limit and its end */
    assert_int_equal(activation_by_trial(&farm, 99, true, START_MS + DAY_MS), ACTIVATION_GRANTED);
    assert_int_equal(farm.trial_limit, 50);
    assert_int_equal(farm.trial_ends_ms, end_ms);
    assert_true(activation_end(&farm, NULL, FARM_REASON_RELEASED, START_MS + DAY_MS));
    assert_int_equal(activation_by_trial(&farm, 50, true, end_ms - 1), ACTIVATION_GRANTED);
    assert_int_equal(activation_by_trial(&farm, 50, true, end_ms), ACTIVATION_TRIAL_USED);

    struct farm stopped = {.id = "farm-S", .installation_id = "S"};
    assert_int_equal(activation_by_trial(&stopped, 50, true, START_MS), ACTIVATION_GRANTED);
    assert_true(activation_end(&stopped, NULL, FARM_REASON_ADMINISTRATOR, START_MS + 1));
    assert_int_equal(activation_by_trial(&stopped, 50, true, START_MS + 2), ACTIVATION_TRIAL_USED);
    assert_int_equal(stopped.status, FARM_DEACTIVATED);
}

static void test_standing(void **state)
{
    struct world world;
    struct standing standing;
    (void)state;
    begin(&world);
    assert_int_equal(activate(&world, 'A', false, START_MS), ACTIVATION_GRANTED);
    struct farm *farm = &world.farms[0];

    /* the wall clock stands still, goes back, goes on: serial and date never go back */
    static const struct {
        int64_t now_ms;
        uint64_t serial;
        int64_t issued_ms;
    } table[] = {
        {START_MS, START_MS, START_MS},
        {START_MS, START_MS + 1, START_MS},
        {START_MS - DAY_MS, START_MS + 2, START_MS},
        {-5, START_MS + 3, START_MS},
        {START_MS + 9, START_MS + 9, START_MS + 9},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        standing_issue(farm, &world.subscription, &world.key, 30 * DAY_MS, table[i].now_ms, &standing);
        assert_int_equal(standing.serial, table[i].serial);
        assert_int_equal(standing.issued_ms, table[i].issued_ms);
        assert_int_equal(standing.refresh_by_ms, table[i].issued_ms + 30 * DAY_MS);
    }
    assert_true(standing.active);
    assert_string_equal(standing.reason, "");
    assert_int_equal(standing.limit, 10);
    assert_int_equal(standing.purchases, 10);
    assert_false(standing.trial);
    assert_int_equal(standing.expires_ms, START_MS + 28 * DAY_MS);

    assert_true(activation_end(farm, &world.key, FARM_REASON_ADMINISTRATOR, START_MS));
    standing_issue(farm, &world.subscription, &world.key, DAY_MS, START_MS, &standing);
    assert_false(standing.active);
    assert_string_equal(standing.reason, "deactivated by administrator");

    struct farm trial = {.id = "farm-T", .installation_id = "T"};
    assert_int_equal(activation_by_trial(&trial, 0, true, START_MS), ACTIVATION_GRANTED);
    standing_issue(&trial, NULL, NULL, DAY_MS, START_MS, &standing);
    assert_true(standing.trial);
    assert_int_equal(standing.limit, 0);
    assert_int_equal(standing.purchases, 0);
    assert_int_equal(standing.expires_ms, START_MS + 30 * DAY_MS);
}

static void test_every_refusal_has_a_status_a_code_and_words(void **state)
{
    (void)state;
    for (int i = 0; i < ACTIVATION_VERDICT_MAX; i++) {
        bool granted = i == ACTIVATION_GRANTED;
        assert_int_equal(granted, activation_http_status((enum activation_verdict)i) == 200);
        assert_int_equal(granted, activation_code((enum activation_verdict)i)[0] == '\0');
        assert_int_equal(granted, activation_text((enum activation_verdict)i)[0] == '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_the_former_holder_is_told_why),
        cmocka_unit_test(test_the_term_begins_with_the_first_activation),
        cmocka_unit_test(test_the_earlier_end_holds),
        cmocka_unit_test(test_a_deleted_key_activates_nothing),
        cmocka_unit_test(test_trial),
        cmocka_unit_test(test_standing),
        cmocka_unit_test(test_every_refusal_has_a_status_a_code_and_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
