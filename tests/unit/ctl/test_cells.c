/* What stands in cells, and the bytes between two screens: played to a model of a terminal they make the
 * second of the first, whatever both are. */
#include "agent/ctl/cells.h"

#include "tests/unit/unit.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 12

static struct cells screen(unsigned rows, unsigned columns)
{
    struct cells cells = {.cells = NULL};
    assert_true(cells_resize(&cells, rows, columns));
    return cells;
}

static const char *row_text(const struct cells *cells, unsigned row, char ret[1024])
{
    ret[0] = '\0';
    for (unsigned i = 0; i < cells->columns; i++)
        strcat(ret, cells->cells[row * cells->columns + i].text);
    return ret;
}

static void test_put(void **state)
{
    static const struct {
        const char *text;
        unsigned column, end;
        bool plain;
        const char *row;
        unsigned after;
    } cases[] = {
        {"alice", 0, 12, false, "alice       ", 5},
        {"alice", 3, 12, false, "   alice    ", 8},
        {"alice", 0, 3, false, "al…         ", 3},
        {"alice", 0, 3, true, "al~         ", 3},
        {"alice in wonderland", 0, 99, false, "alice in wo…", 12},
        {"", 0, 12, false, "            ", 0},
        {"\033[2J", 0, 12, false, "?[2J        ", 4}, /* what would clear the screen */
        {"a\xc2\x9b"
         "2Jb",
         0, 12, false, "a?2Jb       ", 5},
        {"a\u202eb\nc", 0, 12, false, "a?b?c       ", 5}, /* nor is it written backwards, or below */
        {"J\u00f6rg", 0, 12, false, "J\u00f6rg        ", 4},
        {"J\u00f6rg", 0, 12, true, "J?rg        ", 4},
        {"\u674e\u5c0f", 0, 12, false, "\u674e\u5c0f        ", 4}, /* wide */
        {"\u674e\u5c0f", 0, 12, true, "????        ", 4},
        {"\u674e\u5c0f", 0, 3, false, "\u2026           ", 2}, /* half of one is none */
        {"e\u0301x", 0, 12, false, "e\u0301x          ", 2},
        {"\u0301x", 0, 12, false, "x           ", 1}, /* a mark on nothing */
        {"x\xff", 0, 12, false, "x?          ", 2},
    };
    char text[1024];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cells cells = screen(1, COLUMNS);
        cells.plain = cases[i].plain;
        assert_int_equal(cells_put(&cells, 0, cases[i].column, cases[i].end, TERM_PLAIN, cases[i].text),
                         cases[i].after);
        assert_string_equal(row_text(&cells, 0, text), cases[i].row);
        cells_finish(&cells);
    }
}

static void test_outside(void **state)
{
    struct cells cells = screen(2, 4);
    char text[1024], many[200] = "e";
    (void)state;
    (void)cells_put(&cells, 2, 0, 4, TERM_PLAIN, "below");
    (void)cells_put(&cells, 0, 4, 9, TERM_PLAIN, "right");
    (void)cells_put(&cells, 0, 9, 20, TERM_PLAIN, "right");
    assert_string_equal(row_text(&cells, 0, text), "    ");
    assert_string_equal(row_text(&cells, 1, text), "    ");
    for (size_t i = 0; i < 90; i++)
        strcat(many, "\u0301");
    (void)cells_put(&cells, 0, 0, 4, TERM_PLAIN, many); /* as many marks as there is room for */
    assert_true(strlen(cells.cells[0].text) < CELL_BYTES);
    assert_false(cells_resize(&cells, 0, 4));
    assert_false(cells_resize(&cells, CELLS_ROWS_MAX + 1, 4));
    assert_int_equal(cells.rows, 2);
    cells_finish(&cells);
}

static const char *difference(const struct cells *shown, const struct cells *wanted, bool colour,
                              struct text_buffer *output)
{
    output->bytes = 0;
    cells_difference(shown, wanted, colour, output);
    assert_false(output->failed);
    return output->bytes ? output->text : "";
}

static void test_difference(void **state)
{
    struct cells shown = screen(3, COLUMNS), wanted = screen(3, COLUMNS), other = screen(2, COLUMNS);
    struct text_buffer output = {.text = NULL};
    (void)state;
    assert_string_equal(difference(&shown, &wanted, true, &output), "");
    assert_string_equal(difference(NULL, &wanted, true, &output), "\033[H\033[2J");
    assert_string_equal(difference(&other, &wanted, true, &output), "\033[H\033[2J");
    (void)cells_put(&wanted, 1, 2, COLUMNS, TERM_PLAIN, "12 of 25");
    assert_string_equal(difference(&shown, &wanted, true, &output), "\033[2;3H12 of 25");
    cells_copy(&shown, &wanted);
    (void)cells_put(&wanted, 1, 2, COLUMNS, TERM_PLAIN, "13 of 25");
    assert_string_equal(difference(&shown, &wanted, true, &output), "\033[2;4H3");
    cells_copy(&shown, &wanted);
    (void)cells_put(&wanted, 1, 2, COLUMNS, TERM_BAD, "1");
    assert_string_equal(difference(&shown, &wanted, true, &output), "\033[2;3H\033[31m1\033[0m");
    assert_string_equal(difference(&shown, &wanted, false, &output), "\033[2;3H1");
    cells_clear(&wanted);
    assert_string_equal(difference(&shown, &wanted, true, &output), "\033[2;1H\033[K");
    text_buffer_finish(&output);
    cells_finish(&shown);
    cells_finish(&wanted);
    cells_finish(&other);
}

/* --- whatever stood and is to stand ----------------------------------------------------------- */

/* A terminal that knows what the difference may say, and nothing else. */
static void play(struct cells *terminal, const char *bytes)
{
    unsigned row = 0, column = 0, numbers[2];
    int used;
    uint8_t style = TERM_PLAIN;
    static const char *const styles[] = {"\033[0m", "\033[1m", "\033[2m", "\033[32m", "\033[33m", "\033[31m"};
    while (*bytes) {
        size_t is_style = 0;
        while (is_style < COUNT(styles) && strncmp(bytes, styles[is_style], strlen(styles[is_style])) != 0)
            is_style++;
        if (strncmp(bytes, "\033[H", 3) == 0) {
            row = column = 0;
            bytes += 3;
        } else if (strncmp(bytes, "\033[2J", 4) == 0) {
            cells_clear(terminal);
            bytes += 4;
        } else if (strncmp(bytes, "\033[K", 3) == 0) {
            assert_int_equal(style, TERM_PLAIN);
            for (unsigned i = column; i < terminal->columns; i++)
                (void)cells_put(terminal, row, i, i + 1, TERM_PLAIN, " ");
            bytes += 3;
        } else if (is_style < COUNT(styles)) {
            style = (uint8_t)is_style;
            bytes += strlen(styles[is_style]);
        } else if (sscanf(bytes, "\033[%u;%uH%n", &numbers[0], &numbers[1], &used) == 2) {
            row = numbers[0] - 1;
            column = numbers[1] - 1;
            assert_true(row < terminal->rows && column < terminal->columns);
            bytes += used;
        } else {
            char character[8] = "";
            size_t count = 1;
            assert_int_not_equal(bytes[0], '\033');
            while (((unsigned char)bytes[count] & 0xC0) == 0x80)
                count++;
            memcpy(character, bytes, count);
            assert_true(column < terminal->columns);
            column = cells_put(terminal, row, column, terminal->columns, (enum term_style)style, character);
            bytes += count;
        }
    }
    assert_int_equal(style, TERM_PLAIN);
}

static void draw_something(struct cells *cells, unsigned *seed)
{
    static const char *const texts[] = {
        "a", "   ", "alice", "\u674e\u5c0f\u9f99", "12 of 25", "\u2588\u2588\u258c", "J\u00f6rg"};
    for (int i = 0; i < 6; i++) {
        unsigned row = (unsigned)rand_r(seed) % cells->rows, column = (unsigned)rand_r(seed) % cells->columns;
        const char *text = texts[(unsigned)rand_r(seed) % COUNT(texts)];
        /* a whole row, so that no half of a wide character is left by writing over the other */
        for (unsigned j = 0; j < cells->columns; j++)
            (void)cells_put(cells, row, j, j + 1, TERM_PLAIN, " ");
        (void)cells_put(cells, row, column, cells->columns,
                        (enum term_style)((unsigned)rand_r(seed) % TERM_STYLE_MAX), text);
    }
}

static void test_any(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 3000; seed++) {
        struct cells shown = screen(4, COLUMNS), wanted = screen(4, COLUMNS), terminal = screen(4, COLUMNS);
        struct text_buffer output = {.text = NULL};
        unsigned next = seed;
        char left[1024], right[1024];
        draw_something(&shown, &next);
        draw_something(&wanted, &next);
        play(&terminal, difference(NULL, &shown, true, &output));
        play(&terminal, difference(&shown, &wanted, true, &output));
        for (unsigned row = 0; row < 4; row++)
            assert_string_equal(row_text(&terminal, row, left), row_text(&wanted, row, right));
        for (unsigned i = 0; i < 4 * COLUMNS; i++)
            assert_int_equal(terminal.cells[i].style, wanted.cells[i].style);
        assert_true(output.bytes <= 4 * COLUMNS * 24);
        text_buffer_finish(&output);
        cells_finish(&shown);
        cells_finish(&wanted);
        cells_finish(&terminal);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_outside),
        cmocka_unit_test(test_difference),
        cmocka_unit_test(test_any),
    };
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
