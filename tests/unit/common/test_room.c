/* test_room.c - arrays that grow. */
#include "common/room.h"

#include "tests/unit/unit.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static bool memory_has_ended;

void *__real_realloc(void *memory, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

void *__wrap_realloc(void *memory, size_t bytes)
{
    return memory_has_ended ? NULL : __real_realloc(memory, bytes);
}

static void what_is_new_is_zero_and_what_was_stays(void **state)
{
    static const size_t counts[] = {1, 2, 64, 65, 66, 1000, 999, 5000};
    void *array = NULL;
    size_t room = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(counts); i++) {
        size_t before = room;
        assert_true(room_reserve(&array, &room, counts[i], sizeof(uint32_t)));
        assert_true(room >= counts[i]);
        uint32_t *numbers = array;
        for (size_t j = 0; j < room; j++) {
            assert_int_equal(numbers[j], j < before ? j + 1 : 0);
            numbers[j] = (uint32_t)j + 1;
        }
    }
    free(array);
}

static void one_by_one_it_moves_seldom(void **state)
{
    void *array = NULL;
    size_t room = 0, moves = 0;
    (void)state;
    for (size_t count = 1; count <= 100000; count++) {
        size_t before = room;
        assert_true(room_reserve(&array, &room, count, 1));
        moves += room != before;
    }
    assert_true(moves < 20);
    free(array);
}

static void without_memory_nothing_changes(void **state)
{
    void *array = NULL;
    size_t room = 0;
    (void)state;
    memory_has_ended = true;
    assert_false(room_reserve(&array, &room, 1, 8));
    assert_null(array);
    memory_has_ended = false;
    assert_true(room_reserve(&array, &room, 1, 8));
    void *before = array;
    size_t room_before = room;
    memory_has_ended = true;
    assert_true(room_reserve(&array, &room, room, 8));
    assert_false(room_reserve(&array, &room, room + 1, 8));
    memory_has_ended = false;
    assert_ptr_equal(array, before);
    assert_int_equal(room, room_before);
    free(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_new_is_zero_and_what_was_stays),
        cmocka_unit_test(one_by_one_it_moves_seldom),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
