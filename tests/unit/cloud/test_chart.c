/* The bars of a chart: what their length says, and where the limit is marked. */
#include "cloud/admin/chart.h"

#include "tests/unit/unit.h"

#include <string.h>

static void test_bars(void **state)
{
    static const struct {
        int64_t maximum, limit, value;
        unsigned columns;
        bool ascii;
        const char *bar;
    } cases[] = {
        /* nobody, or nothing to compare with */
        {0, -1, 0, 10, true, ""},
        {10, -1, 0, 10, true, ""},
        {10, 10, 0, 11, true, "          |"},
        /* no limit */
        {10, -1, 10, 10, true, "##########"},
        {10, -1, 5, 10, false, "█████"},
        {1000, -1, 1, 10, false, "▏"},
        {1000, -1, 1, 10, true, "#"},
        /* up to the limit, and not past it */
        {20, 10, 5, 21, true, "#####     |"},
        {20, 10, 10, 21, true, "##########|"},
        {20, 10, 11, 21, true, "##########|#"},
        {20, 10, 20, 21, true, "##########|##########"},
        {20, 10, 5, 21, false, "█████     │"},
        {1000, 999, 1000, 11, false, "█████████│█"},
        /* a limit of nobody */
        {10, 0, 0, 11, true, "|"},
        {10, 0, 5, 11, true, "|#####"},
        {0, 0, 0, 11, true, ""},
        /* numbers as large as there are */
        {INT64_C(4294967295), INT64_C(10000000), INT64_C(4294967295), 300, true, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char bar[CHART_BYTES];
        const struct chart chart = {.maximum = cases[i].maximum,
                                    .limit = cases[i].limit,
                                    .columns = cases[i].columns,
                                    .ascii = cases[i].ascii};
        chart_bar(&chart, cases[i].value, bar);
        if (cases[i].bar != NULL && strcmp(bar, cases[i].bar) != 0)
            fail_msg("case %zu: \"%s\", not \"%s\"", i, bar, cases[i].bar);
        if (cases[i].bar == NULL && strlen(bar) != cases[i].columns)
            fail_msg("case %zu: %zu columns", i, strlen(bar));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bars)};
    return cmocka_run_group_tests_name("chart", tests, NULL, NULL);
}
