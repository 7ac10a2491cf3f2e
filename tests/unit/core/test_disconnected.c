/* Since when connections are disconnected, and whose time has come. */
#include "agent/core/disconnected.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

#define FOREVER 1000000000

/* ---- memory that ends ---------------------------------------------------------------------------------- */

void *__real_malloc(size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

static int allocations_left = FOREVER;

void *__wrap_malloc(size_t bytes)
{
    return allocations_left-- <= 0 ? NULL : __real_malloc(bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return allocations_left-- <= 0 ? NULL : __real_realloc(memory, bytes);
}

/* ---- a few connections --------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    struct disconnected *all = malloc(sizeof(*all));
    if (all != NULL)
        disconnected_init(all);
    *state = all;
    return all != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    disconnected_finish(*state);
    free(*state);
    return 0;
}

/* Lets all that wait pass; they must be these. */
static void assert_order(struct disconnected *all, const uint32_t *connections, size_t count)
{
    int64_t since_ms, before_ms = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(disconnected_next(all, &since_ms), connections[i]);
        assert_int_equal(since_ms, disconnected_since(all, connections[i]));
        assert_true(since_ms >= before_ms);
        before_ms = since_ms;
        disconnected_pass(all);
    }
    assert_int_equal(disconnected_next(all, &since_ms), DISCONNECTED_NONE);
}
#define ASSERT_ORDER(all, ...)                                       \
    do {                                                             \
        const uint32_t wanted[] = {__VA_ARGS__};                     \
        assert_order(all, wanted, sizeof(wanted) / sizeof(*wanted)); \
    } while (0)

static void what_is_not_disconnected_has_no_age(void **state)
{
    struct disconnected *all = *state;
    int64_t since_ms;
    assert_int_equal(disconnected_since(all, 7), 0);
    assert_int_equal(disconnected_next(all, &since_ms), DISCONNECTED_NONE);
    assert_false(disconnected_is_unsaid(all, 7));
    disconnected_remove(all, 7);
    disconnected_said(all, 7);
    disconnected_wait_again(all);
    assert_true(disconnected_add(all, 7, 100));
    assert_int_equal(disconnected_since(all, 7), 100);
    disconnected_remove(all, 7);
    assert_int_equal(disconnected_since(all, 7), 0);
}

static void they_stand_in_the_order_of_since(void **state)
{
    struct disconnected *all = *state;
    assert_true(disconnected_add(all, 1, 30));
    assert_true(disconnected_add(all, 2, 10));
    assert_true(disconnected_add(all, 3, 20));
    assert_true(disconnected_add(all, 4, 30)); /* at one instant: as they were told */
    assert_true(disconnected_add(all, 5, 10));
    ASSERT_ORDER(all, 2, 5, 3, 1, 4);
}

static void one_that_is_known_stays_as_it_is(void **state)
{
    struct disconnected *all = *state;
    assert_true(disconnected_add(all, 1, 10));
    assert_true(disconnected_add(all, 2, 20));
    assert_true(disconnected_add(all, 1, 99));
    ASSERT_ORDER(all, 1, 2);
    assert_int_equal(disconnected_since(all, 1), 10);
}

static void one_that_goes_leaves_the_others_in_order(void **state)
{
    struct disconnected *all = *state;
    for (uint32_t gone = 1; gone <= 4; gone++) {
        for (uint32_t i = 1; i <= 4; i++)
            assert_true(disconnected_add(all, i, i * 10));
        disconnected_remove(all, gone);
        const uint32_t left[] = {1 + (gone <= 1), 2 + (gone <= 2), 3 + (gone <= 3)};
        assert_order(all, left, 3);
        for (uint32_t i = 1; i <= 4; i++)
            disconnected_remove(all, i);
    }
}

static void each_passes_once_and_is_said_once(void **state)
{
    struct disconnected *all = *state;
    for (uint32_t i = 1; i <= 3; i++)
        assert_true(disconnected_add(all, i, i * 10));
    assert_false(disconnected_is_unsaid(all, 1));
    disconnected_pass(all);
    assert_true(disconnected_is_unsaid(all, 1));
    disconnected_said(all, 1);
    assert_false(disconnected_is_unsaid(all, 1));
    disconnected_pass(all);
    ASSERT_ORDER(all, 3);
    disconnected_wait_again(all); /* all but what was said */
    assert_false(disconnected_is_unsaid(all, 2));
    ASSERT_ORDER(all, 2, 3);
    assert_false(disconnected_is_unsaid(all, 1));
}

static void who_comes_again_is_said_again(void **state)
{
    struct disconnected *all = *state;
    assert_true(disconnected_add(all, 1, 10));
    disconnected_pass(all);
    disconnected_said(all, 1);
    disconnected_remove(all, 1);
    assert_true(disconnected_add(all, 1, 50));
    ASSERT_ORDER(all, 1);
    assert_true(disconnected_is_unsaid(all, 1));
}

static void an_older_one_comes_before_those_that_wait(void **state)
{
    struct disconnected *all = *state;
    assert_true(disconnected_add(all, 1, 10));
    assert_true(disconnected_add(all, 2, 20));
    assert_true(disconnected_add(all, 3, 30));
    disconnected_pass(all);
    disconnected_pass(all);
    assert_true(disconnected_add(all, 4, 5)); /* before those that have passed, too */
    assert_true(disconnected_add(all, 5, 15));
    assert_true(disconnected_add(all, 6, 30));
    ASSERT_ORDER(all, 4, 5, 3, 6);
    assert_true(disconnected_add(all, 7, 12)); /* where all have passed */
    ASSERT_ORDER(all, 7);
}

struct heard {
    uint32_t connections[4];
    size_t count;
};

static void hear(void *data, uint32_t connection)
{
    struct heard *heard = data;
    heard->connections[heard->count++] = connection;
}

static void none_is_disconnected_in_the_future(void **state)
{
    struct disconnected *all = *state;
    struct heard heard = {.count = 0};
    for (uint32_t i = 1; i <= 4; i++)
        assert_true(disconnected_add(all, i, i * 10));
    disconnected_cut(all, 20, hear, &heard);
    assert_int_equal(heard.count, 2);
    assert_int_equal(heard.connections[0], 4);
    assert_int_equal(heard.connections[1], 3);
    for (uint32_t i = 1; i <= 4; i++)
        assert_int_equal(disconnected_since(all, i), i == 1 ? 10 : 20);
    ASSERT_ORDER(all, 1, 2, 3, 4);
}

static void all_are_moved_together(void **state)
{
    struct disconnected *all = *state;
    struct heard heard = {.count = 0};
    for (uint32_t i = 1; i <= 3; i++)
        assert_true(disconnected_add(all, i, i * 10));
    disconnected_pass(all);
    disconnected_shift(all, 100, hear, &heard);
    assert_int_equal(heard.count, 3);
    assert_int_equal(heard.connections[0], 1);
    assert_int_equal(heard.connections[2], 3);
    assert_int_equal(disconnected_since(all, 1), 110);
    ASSERT_ORDER(all, 2, 3);
    heard.count = 0;
    disconnected_shift(all, -115, hear, &heard); /* none becomes unknown */
    assert_int_equal(disconnected_since(all, 1), 1);
    assert_int_equal(disconnected_since(all, 2), 5);
    assert_int_equal(disconnected_since(all, 3), 15);
}

static void many_are_found_and_cost_what_is_promised(void **state)
{
    struct disconnected *all = *state;
    const uint32_t count = 200000;
    size_t most = 0;
    for (uint32_t i = 0; i < count; i++) {
        assert_true(disconnected_add(all, i * 3, i));
        if (i >= 10000 && disconnected_bytes(all) / i > most)
            most = disconnected_bytes(all) / i;
    }
    assert_in_range(most, 24, DISCONNECTED_BYTES_MAX);
    for (uint32_t i = 0; i < count; i += 2)
        disconnected_remove(all, i * 3);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(disconnected_since(all, i * 3), i % 2 == 1 ? i : 0);
        assert_int_equal(disconnected_since(all, i * 3 + 1), 0);
    }
    for (uint32_t i = 1; i < count; i += 2) {
        int64_t since_ms;
        assert_int_equal(disconnected_next(all, &since_ms), i * 3);
        disconnected_pass(all);
    }
}

static void without_memory_one_is_not_known_and_the_others_are(void **state)
{
    struct disconnected *all = *state;
    uint32_t known = 0, refused = 0;
    for (uint32_t i = 0; i < 5000; i++) {
        allocations_left = (int)(i % 2); /* an index may grow, and then there is no more */
        bool added = disconnected_add(all, i, i + 1);
        allocations_left = FOREVER;
        assert_int_equal(disconnected_since(all, i), added ? i + 1 : 0);
        known += added;
        refused += !added;
    }
    assert_true(known > 0);
    assert_true(refused > 0);
    int64_t since_ms, before_ms = 0;
    while (known-- > 0) {
        assert_int_not_equal(disconnected_next(all, &since_ms), DISCONNECTED_NONE);
        assert_true(since_ms > before_ms);
        before_ms = since_ms;
        disconnected_pass(all);
    }
    assert_int_equal(disconnected_next(all, &since_ms), DISCONNECTED_NONE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_disconnected_has_no_age),
        TEST(they_stand_in_the_order_of_since),
        TEST(one_that_is_known_stays_as_it_is),
        TEST(one_that_goes_leaves_the_others_in_order),
        TEST(each_passes_once_and_is_said_once),
        TEST(who_comes_again_is_said_again),
        TEST(an_older_one_comes_before_those_that_wait),
        TEST(none_is_disconnected_in_the_future),
        TEST(all_are_moved_together),
        TEST(many_are_found_and_cost_what_is_promised),
        TEST(without_memory_one_is_not_known_and_the_others_are),
    };
    return cmocka_run_group_tests_name("disconnected", tests, NULL, NULL);
}
