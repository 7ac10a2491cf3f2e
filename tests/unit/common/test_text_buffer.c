/* test_text_buffer.c - texts that grow. */
#include "common/text_buffer.h"

#include "tests/unit/unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool memory_has_ended;

void *__real_realloc(void *memory, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

void *__wrap_realloc(void *memory, size_t bytes)
{
    return memory_has_ended ? NULL : __real_realloc(memory, bytes);
}

static void nothing_is_an_empty_text(void **state)
{
    struct text_buffer buffer = {.text = NULL};
    (void)state;
    char *text = text_buffer_take(&buffer);
    assert_string_equal(text, "");
    free(text);
    text_buffer_finish(&buffer);
}

static void pieces_come_in_their_order(void **state)
{
    struct text_buffer buffer = {.text = NULL};
    (void)state;
    text_buffer_add_text(&buffer, "a user");
    text_buffer_add(&buffer, " is on and off", 6);
    assert_string_equal(buffer.text, "a user is on");
    text_buffer_print(&buffer, " %s, %d times", "ts1", 12);
    assert_int_equal(buffer.bytes, strlen("a user is on ts1, 12 times"));
    char *text = text_buffer_take(&buffer);
    assert_string_equal(text, "a user is on ts1, 12 times");
    free(text);
    assert_null(buffer.text);
    assert_int_equal(buffer.bytes, 0);
}

/* By single bytes, by lines that pass any room there is, and whole again. */
static void it_grows_by_any_piece(void **state)
{
    enum { BYTES = 20000 };
    struct text_buffer by_byte = {.text = NULL}, by_line = {.text = NULL};
    char *line = malloc(BYTES + 1);
    (void)state;
    assert_non_null(line);
    for (int i = 0; i < BYTES; i++) {
        line[i] = (char)('a' + i % 26);
        text_buffer_add(&by_byte, &line[i], 1);
    }
    line[BYTES] = '\0';
    assert_string_equal(by_byte.text, line);
    text_buffer_print(&by_line, "%s%s", line, line);
    assert_int_equal(by_line.bytes, 2 * BYTES);
    assert_memory_equal(by_line.text + BYTES, line, BYTES + 1);
    text_buffer_finish(&by_byte);
    text_buffer_finish(&by_line);
    free(line);
}

static void bytes_that_are_no_text_stay(void **state)
{
    static const char block[] = {'t', 'a', 'r', 0, 0, 'x'};
    struct text_buffer buffer = {.text = NULL};
    (void)state;
    text_buffer_add(&buffer, block, sizeof(block));
    text_buffer_add(&buffer, block, sizeof(block));
    assert_int_equal(buffer.bytes, 2 * sizeof(block));
    assert_memory_equal(buffer.text + sizeof(block), block, sizeof(block));
    text_buffer_finish(&buffer);
}

/* What had room stays; that something is left out is not forgotten when there is memory again. */
static void without_memory_it_stays_failed(void **state)
{
    struct text_buffer buffer = {.text = NULL};
    (void)state;
    text_buffer_add_text(&buffer, "begun");
    memory_has_ended = true;
    text_buffer_print(&buffer, "%1000s", "not ended");
    memory_has_ended = false;
    assert_true(buffer.failed);
    text_buffer_add_text(&buffer, "!");
    assert_string_equal(buffer.text, "begun");
    assert_null(text_buffer_take(&buffer));
    text_buffer_add_text(&buffer, "anew");
    assert_string_equal(buffer.text, "anew");
    text_buffer_finish(&buffer);
    memory_has_ended = true;
    assert_null(text_buffer_take(&buffer));
    memory_has_ended = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_an_empty_text),       cmocka_unit_test(pieces_come_in_their_order),
        cmocka_unit_test(it_grows_by_any_piece),          cmocka_unit_test(bytes_that_are_no_text_stay),
        cmocka_unit_test(without_memory_it_stays_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
