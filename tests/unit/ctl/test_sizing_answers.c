/* The words and periods of which answers are made, and texts on a page. */
#include "tests/unit/unit.h"

#include "agent/core/peak.h"
#include "agent/ctl/sizing/html.h"
#include "agent/ctl/sizing/periods.h"
#include "agent/ctl/sizing/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MONDAY INT64_C(20458) /* 2026-01-05 */

static void test_spans(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *words;
    } cases[] = {
        {0, "0"},
        {1, "under 1 s"},
        {999, "under 1 s"},
        {1000, "1 s"},
        {99499, "99 s"},
        {99500, "2 min"},
        {INT64_C(59) * 60000, "59 min"},
        {INT64_C(60) * 60000 - 1, "1 h"},
        {INT64_C(60) * 60000, "1 h"},
        {INT64_C(72) * 60000, "1 h 12 min"},
        {INT64_C(10) * 3600000 + 29 * 60000, "10 h"},
        {INT64_C(99) * 3600000, "99 h"},
        {INT64_C(100) * 3600000, "4 days"},
        {INT64_C(400) * DAY_MS, "400 days"},
    };
    char text[WORDS_BYTES];
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(words_span(cases[i].ms, text), cases[i].words);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        uint64_t number;
        const char *words;
    } cases[] = {{0, "0"},
                 {999, "999"},
                 {1000, "1,000"},
                 {123456, "123,456"},
                 {UINT64_MAX, "18,446,744,073,709,551,615"}};
    char text[WORDS_BYTES];
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(words_number(cases[i].number, text), cases[i].words);
}

static void test_dates(void **state)
{
    (void)state;
    char text[WORDS_BYTES];
    int64_t ms;
    assert_string_equal(words_date(0, text), "1970-01-01");
    assert_string_equal(words_date(MONDAY + 1, text), "2026-01-06");
    assert_string_equal(words_long_date(MONDAY - 1, text), "Sun 4 January 2026");
    assert_string_equal(words_long_date(-1, text), "Wed 31 December 1969");
    assert_string_equal(words_instant(NULL, MONDAY * DAY_MS + 3723004, text), "Mon 5 January 2026, 01:02:03");
    assert_true(words_date_of(NULL, -1, &ms) == -1 && ms == DAY_MS - 1);
}

static void test_office(void **state)
{
    (void)state;
    static const struct {
        const char *days[7]; /* a letter an hour; NULL: none */
        const char *words;
    } cases[] = {
        {{0}, ""},
        {{"--------xxxxxxxxx-------", "--------xxxxxxxxx-------", "--------xxxxxxxxx-------",
          "--------xxxxxxxxx-------", "--------xxxxxxxxx-------"},
         "Mon-Fri 8-17 h"},
        {{"--------xxxx-xxxx-------", "--------xxxx-xxxx-------", "-----------------------x", NULL, NULL,
          NULL, "x-----------------------"},
         "Mon-Tue 8-12, 13-17 h; Wed 23-24 h; Sun 0-1 h"},
        {{"x", "-x", "--x", "---x", "----x"}, "5 hours of the week"},
        {{"xxxxxxxxxxxxxxxxxxxxxxxx", "xxxxxxxxxxxxxxxxxxxxxxxx", "xxxxxxxxxxxxxxxxxxxxxxxx",
          "xxxxxxxxxxxxxxxxxxxxxxxx", "xxxxxxxxxxxxxxxxxxxxxxxx", "xxxxxxxxxxxxxxxxxxxxxxxx",
          "xxxxxxxxxxxxxxxxxxxxxxxx"},
         "every hour of the week"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct recommend_office office = {.hour_count = 0};
        char text[WORDS_OFFICE_BYTES];
        for (size_t day = 0; day < 7; day++)
            for (size_t hour = 0; cases[i].days[day] != NULL && hour < strlen(cases[i].days[day]); hour++) {
                office.hours[day * 24 + hour] = cases[i].days[day][hour] == 'x';
                office.hour_count += office.hours[day * 24 + hour];
            }
        assert_string_equal(words_office(&office, "-", text), cases[i].words);
    }
}

/* So many days from Thursday 2026-01-01 on; the one of number n has n users. */
static void test_periods(void **state)
{
    (void)state;
    static const struct {
        size_t days, most;
        enum periods_unit unit;
        size_t count;
        const char *first, *last;
        uint32_t first_peak, last_peak;
    } cases[] = {
        {1, 35, PERIODS_DAYS, 1, "2026-01-01", "2026-01-01", 0, 0},
        {35, 35, PERIODS_DAYS, 35, "2026-01-01", "2026-02-04", 0, 34},
        {36, 35, PERIODS_WEEKS, 6, "2025-12-29", "2026-02-02", 3, 35},
        {300, 35, PERIODS_MONTHS, 10, "2026-01-01", "2026-10-01", 30, 299},
        {400, 12, PERIODS_YEARS, 2, "2026-01-01", "2027-01-01", 364, 399},
        {800, 2, PERIODS_YEARS, 3, "2026-01-01", "2028-01-01", 364, 799},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sizing_day *days = calloc(cases[i].days, sizeof *days);
        assert_non_null(days);
        for (size_t day = 0; day < cases[i].days; day++)
            days[day] = (struct sizing_day){.date = MONDAY - 4 + (int64_t)day, .peak_users = (uint32_t)day};
        const struct sizing_result result = {.days = days, .day_count = cases[i].days};
        struct periods periods;
        char text[WORDS_BYTES];
        assert_int_equal(periods_make(&result, cases[i].most, &periods), 0);
        assert_int_equal(periods.unit, cases[i].unit);
        assert_int_equal(periods.count, cases[i].count);
        assert_string_equal(words_date(periods.of[0].date, text), cases[i].first);
        assert_string_equal(words_date(periods.of[periods.count - 1].date, text), cases[i].last);
        assert_int_equal(periods.of[0].peak_users, cases[i].first_peak);
        assert_int_equal(periods.of[periods.count - 1].peak_users, cases[i].last_peak);
        free(periods.of);
        free(days);
    }
}

static void test_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *html;
    } cases[] = {
        {"alice", "alice"},
        {"<script>", "&lt;script&gt;"},
        {"a&b\"c'd", "a&amp;b&quot;c&#39;d"},
        {"J\xc3\xb6rg \xe6\x9d\x8e", "J\xc3\xb6rg \xe6\x9d\x8e"},
        {"a\x1b[31m\x7f", "a\xef\xbf\xbd[31m\xef\xbf\xbd"},
        {"\xc2\x9b", "\xef\xbf\xbd"},
        {"\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *html = NULL;
        size_t bytes;
        FILE *file = open_memstream(&html, &bytes);
        assert_non_null(file);
        html_text(file, cases[i].text);
        fclose(file);
        assert_string_equal(html, cases[i].html);
        free(html);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans),  cmocka_unit_test(test_numbers), cmocka_unit_test(test_dates),
        cmocka_unit_test(test_office), cmocka_unit_test(test_periods), cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
