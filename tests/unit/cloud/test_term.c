/* Terms: calendar months in UTC from the activation day, clamped to the month's end (RULES §5.1). */
#include "cloud/ledger/calendar.h"
#include "cloud/ledger/term.h"
#include "tests/unit/unit.h"

#include <string.h>
#include <time.h>

static int64_t at(int year, int month, int day, int hour, int minute, int second)
{
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second};
    return (int64_t)timegm(&tm) * 1000;
}

static void test_texts(void **state)
{
    static const struct {
        const char *text;
        int months, days;
    } good[] = {{"1m", 1, 0}, {"1y", 12, 0},  {"2y", 24, 0},     {"3y", 36, 0},
                {"1d", 0, 1}, {"30d", 0, 30}, {"3660d", 0, 3660}};
    static const char *const bad[] = {
        "",   "m",  "d",    "0d",   "4y", "2m",  "-1d", "3661d", "99999999999999999999d",
        "1w", "30", "30d ", " 30d", "1M", "1.5d"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct term term;
        char text[TERM_TEXT_BYTES];
        assert_true(term_parse(good[i].text, &term));
        assert_int_equal(term.months, good[i].months);
        assert_int_equal(term.days, good[i].days);
        term_format(&term, text);
        assert_string_equal(text, good[i].text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct term term = {.months = 7};
        assert_false(term_parse(bad[i], &term));
        assert_int_equal(term.months, 7);
    }
}

static void test_ends(void **state)
{
    const struct {
        const char *term;
        int64_t start_ms, end_ms;
    } table[] = {
        {"1m", at(2026, 1, 15, 10, 20, 30), at(2026, 2, 15, 10, 20, 30)},
        {"1m", at(2026, 1, 31, 0, 0, 0), at(2026, 2, 28, 0, 0, 0)},
        {"1m", at(2028, 1, 31, 23, 59, 59), at(2028, 2, 29, 23, 59, 59)},
        {"1m", at(2026, 3, 31, 12, 0, 0), at(2026, 4, 30, 12, 0, 0)},
        {"1m", at(2026, 12, 31, 12, 0, 0), at(2027, 1, 31, 12, 0, 0)},
        {"1y", at(2028, 2, 29, 1, 2, 3), at(2029, 2, 28, 1, 2, 3)},
        {"1y", at(2026, 2, 28, 0, 0, 0), at(2027, 2, 28, 0, 0, 0)},
        {"2y", at(2026, 11, 22, 0, 0, 0), at(2028, 11, 22, 0, 0, 0)},
        {"3y", at(2024, 2, 29, 0, 0, 0), at(2027, 2, 28, 0, 0, 0)},
        {"3y", at(2097, 3, 1, 0, 0, 0), at(2100, 3, 1, 0, 0, 0)},
        {"30d", at(2026, 1, 31, 5, 0, 0), at(2026, 3, 2, 5, 0, 0)},
        {"1m", at(1969, 12, 31, 23, 0, 0), at(1970, 1, 31, 23, 0, 0)},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct term term;
        assert_true(term_parse(table[i].term, &term));
        assert_int_equal(term_end_ms(&term, table[i].start_ms, calendar_day_of_month(table[i].start_ms)),
                         table[i].end_ms);
    }
}

static void test_months_come_back_to_their_day(void **state)
{
    static const struct {
        int day, anchor, month_after, day_after;
    } table[] = {
        {28, 31, 3, 31}, /* in February of 2026 */
        {28, 30, 3, 30}, {28, 29, 3, 29}, {28, 28, 3, 28}, {1, 1, 3, 1}, {28, 31, 4, 30}, {28, 31, 14, 28},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int64_t start_ms = at(2026, 2, table[i].day, 7, 8, 9);
        int month = table[i].month_after;
        int64_t end_ms = at(2026 + (month - 1) / 12, (month - 1) % 12 + 1, table[i].day_after, 7, 8, 9);
        assert_int_equal(calendar_add_months(start_ms, month - 2, table[i].anchor), end_ms);
        assert_int_equal(calendar_day_of_month(end_ms), table[i].day_after);
    }
}

static void test_every_day_of_four_centuries_is_found_again(void **state)
{
    (void)state;
    for (int64_t day = -200000; day < 200000; day++) {
        int64_t noon = day * CALENDAR_DAY_MS + CALENDAR_DAY_MS / 2;
        assert_int_equal(calendar_add_months(noon, 0, calendar_day_of_month(noon)), noon);
        assert_int_equal(calendar_day(noon), day);
    }
    assert_int_equal(calendar_day(-1), -1);
    assert_int_equal(calendar_day(0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_months_come_back_to_their_day),
        cmocka_unit_test(test_every_day_of_four_centuries_is_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
