/* What people see: widths, bars, spans, tables. */
#include "agent/ctl/term.h"

#include "tests/unit/unit.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

static void test_clean(void **state)
{
    static const struct {
        const char *text, *clean;
        size_t width;
    } cases[] = {
        {"alice", "alice", 5},
        {"", "", 0},
        {"J\xc3\xb6rg", "J\xc3\xb6rg", 4},
        {"\xe6\x9d\x8e", "\xe6\x9d\x8e", 2}, /* a wide character */
        {"e\xcc\x81", "e\xcc\x81", 1},       /* a combining accent */
        {"a\033[31mb", "a?[31mb", 7},        /* a colour is no name */
        {"a\xc2\x9b"
         "31mb",
         "a?31mb", 6}, /* nor is one by C1 control */
        {"a\rb\nc\x7f", "a?b?c?", 6},
        {"a\xff\xfe"
         "b",
         "a??b", 4},
        {"cut\xc3", "cut?", 4},
    };
    char clean[TERM_TEXT_BYTES];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_string_equal(term_clean(cases[i].text, clean), cases[i].clean);
        assert_int_equal(term_text_width(clean), cases[i].width);
    }
    char *huge = malloc(3 * TERM_TEXT_BYTES + 1);
    for (size_t i = 0; i < TERM_TEXT_BYTES; i++)
        memcpy(huge + 3 * i, "\xe2\x82\xac", 4);
    assert_int_equal(strlen(term_clean(huge, clean)) % 3, 0);
    free(huge);
}

static void test_bar(void **state)
{
    static const struct {
        uint64_t value, maximum;
        unsigned columns;
        const char *bar;
    } cases[] = {
        {0, 10, 8, ""},   {10, 10, 4, "████"}, {99, 10, 4, "████"},
        {5, 10, 4, "██"}, {5, 10, 3, "█▌"},    {1, 1000, 4, "▏"},    /* somebody was there */
        {1, 0, 4, "▏"},   {1, 10, 0, ""},      {3, 3, 100000, NULL}, /* only as wide as there is room */
    };
    char bar[TERM_BAR_BYTES];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        (void)term_bar(cases[i].value, cases[i].maximum, cases[i].columns, bar);
        if (cases[i].bar)
            assert_string_equal(bar, cases[i].bar);
        assert_true(strlen(bar) < TERM_BAR_BYTES);
    }
}

static void test_time_and_span(void **state)
{
    static const struct {
        int64_t ms;
        const char *span;
    } spans[] = {
        {0, "a moment"},       {999, "a moment"},        {1000, "1 second"},   {119000, "119 seconds"},
        {120000, "2 minutes"}, {7199000, "119 minutes"}, {7200000, "2 hours"}, {129600000, "36 hours"},
        {172800000, "2 days"}, {-172800000, "2 days"},
    };
    char text[TERM_TIME_BYTES];
    (void)state;
    for (size_t i = 0; i < COUNT(spans); i++)
        assert_string_equal(term_span(spans[i].ms, text), spans[i].span);
    assert_string_equal(term_time(0, text), "-");
    assert_string_equal(term_time(INT64_C(1767600000000), text), "2026-01-05 08:00");
}

/* What a table prints, plain or with colours. */
static const char *printed(const struct table *table, bool colour, char *text, size_t bytes)
{
    struct term term = {.file = fmemopen(text, bytes, "w"), .colour = colour};
    assert_true(table_print(table, &term));
    (void)fclose(term.file);
    return text;
}

static void test_table(void **state)
{
    static const char *const titles[] = {"USER", "N", "COUNTS"};
    struct table *table = table_create(titles, 3);
    char text[1024];
    (void)state;
    table_right(table, 1);
    assert_string_equal(printed(table, false, text, sizeof(text)), "USER  N  COUNTS\n");
    table_cell(table, TERM_PLAIN, "J\xc3\xb6rg");
    table_number(table, 7);
    table_cell(table, TERM_GOOD, "counted");
    table_cell(table, TERM_PLAIN, "administrator");
    table_number(table, 12345);
    table_cell(table, TERM_DIM, "exempt 1 of 2");
    assert_string_equal(printed(table, false, text, sizeof(text)), "USER               N  COUNTS\n"
                                                                   "J\xc3\xb6rg               7  counted\n"
                                                                   "administrator  12345  exempt 1 of 2\n");
    assert_non_null(strstr(printed(table, true, text, sizeof(text)), "\033[32mcounted\033[0m\n"));
    table_destroy(table);
    table_destroy(NULL);
}

/* What stands in so many columns. */
static void test_wrap(void **state)
{
    static const struct {
        unsigned width;
        size_t column;
        const char *text, *shown;
    } cases[] = {
        {40, 0, "short", "short\n"},
        {40, 0, "", "\n"},
        {40, 0, "forty characters stand in the first line", "forty characters stand in the first line\n"},
        {40, 0, "forty characters stand in the first line and more",
         "forty characters stand in the first line\nand more\n"},
        {40, 0, "forty-one characters do not, in one  line", "forty-one characters do not, in one \nline\n"},
        {40, 4, "thirty-six characters and four before", "thirty-six characters and four\n    before\n"},
        {40, 0, "anameofmorethanfortycharacterswithoutanyspaceinit stays whole",
         "anameofmorethanfortycharacterswithoutanyspaceinit\nstays whole\n"},
        {40, 20, "what begins too far right goes on below",
         "\n    what begins too far right goes on\n    below\n"},
        {0, 0, "no width at all, but one of thirty", "no width at all, but one of\nthirty\n"},
        {40, 0, "J\xc3\xb6rg \xe6\x9d\x8e\xe6\x9d\x8e counts in columns, not bytes: a word more",
         "J\xc3\xb6rg \xe6\x9d\x8e\xe6\x9d\x8e counts in columns, not bytes:\na word more\n"},
        {40, 0, "a\033[31mb", "a?[31mb\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[256];
        struct term term = {.file = fmemopen(text, sizeof(text), "w"), .width = cases[i].width};
        term_wrap(&term, cases[i].column, cases[i].text);
        (void)fclose(term.file);
        assert_string_equal(text, cases[i].shown);
    }
}

static void test_table_of_sentences(void **state)
{
    static const char *const titles[] = {"USER", "WHY"};
    struct table *table = table_create(titles, 2);
    char text[512];
    struct term term = {.file = fmemopen(text, sizeof(text), "w"), .width = 40};
    (void)state;
    table_wrap(table);
    table_cell(table, TERM_PLAIN, "alice");
    table_cell(table, TERM_PLAIN, "Desktop by rdp. Consumes a licence until it ends.");
    table_cell(table, TERM_PLAIN, "bob");
    table_cell(table, TERM_PLAIN, "Short.");
    assert_true(table_print(table, &term));
    (void)fclose(term.file);
    assert_string_equal(text, "USER   WHY\n"
                              "alice  Desktop by rdp. Consumes a\n"
                              "       licence until it ends.\n"
                              "bob    Short.\n");
    table_destroy(table);
}

static void test_no_colour(void **state)
{
    struct term term;
    FILE *file = tmpfile();
    (void)state;
    term_init(&term, file);
    assert_false(term.colour); /* a file is no terminal */
    assert_int_equal(term.width, TERM_WIDTH_DEFAULT);
    assert_string_equal(term_style(&term, TERM_BAD), "");
    (void)fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),         cmocka_unit_test(test_bar),
        cmocka_unit_test(test_time_and_span), cmocka_unit_test(test_table),
        cmocka_unit_test(test_wrap),          cmocka_unit_test(test_table_of_sentences),
        cmocka_unit_test(test_no_colour),
    };
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    (void)setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests_name("term", tests, NULL, NULL);
}
