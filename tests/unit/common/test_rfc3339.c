#include "common/rfc3339.h"
#include "tests/unit/unit.h"

#include <string.h>
#include <time.h>

static void formats_known_instants(void **state)
{
    (void)state;
    static const struct {
        int64_t instant;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
        {INT64_C(1767225600123), "2026-01-01T00:00:00.123Z"},
        {INT64_C(-62135596800000), "0001-01-01T00:00:00.000Z"},
        {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {INT64_MIN, "0001-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[RFC3339_BYTES];
        assert_string_equal(rfc3339_format(cases[i].instant, text), cases[i].text);
    }
}

static void reads_what_the_standard_allows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t instant;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00.5z", 500},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T18:30:00.001-05:30", 1},
        {"2026-01-01T00:00:00.123456789Z", INT64_C(1767225600123)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000)},
        {"2016-12-31T23:59:60.25Z", INT64_C(1483228800250)},
        {"2017-01-01T00:59:60+01:00", INT64_C(1483228800000)},
        {"2000-02-29T00:00:00.000Z", INT64_C(951782400000)},
        {"0001-01-01T00:00:00Z", INT64_C(-62135596800000)},
        {"1970-01-01T00:00:00-00:00", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t instant = 4711;
        assert_true(rfc3339_parse(cases[i].text, strlen(cases[i].text), &instant));
        assert_true(instant == cases[i].instant);
    }
}

static void refuses_everything_else(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "2026",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T12:00:60Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567890Z",
        "2026-01-01T00:00:00+1:00",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+00:60",
        "2026-01-01T00:00:00ZZ",
        " 2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z ",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "20a6-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t instant = 4711;
        assert_false(rfc3339_parse(cases[i], strlen(cases[i]), &instant));
        assert_true(instant == 4711);
    }
}

static void reads_no_byte_past_the_end(void **state)
{
    (void)state;
    static const char text[] = "1970-01-01T00:00:00.000Z";
    for (size_t bytes = 0; bytes < sizeof(text) - 1; bytes++) {
        int64_t instant;
        assert_false(rfc3339_parse(text, bytes, &instant));
    }
}

static void agrees_with_the_c_library_on_every_day(void **state)
{
    (void)state;
    for (int64_t day = -25567; day < 60000; day++) { /* 1900 to 2134 */
        time_t seconds = (time_t)(day * 86400 + day % 86400);
        struct tm tm;
        char ours[RFC3339_BYTES], theirs[RFC3339_BYTES];
        int64_t back;
        (void)gmtime_r(&seconds, &tm);
        strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S.000Z", &tm);
        assert_string_equal(rfc3339_format((int64_t)seconds * 1000, ours), theirs);
        assert_true(rfc3339_parse(ours, strlen(ours), &back));
        assert_true(back == (int64_t)seconds * 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_known_instants),
        cmocka_unit_test(reads_what_the_standard_allows),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(reads_no_byte_past_the_end),
        cmocka_unit_test(agrees_with_the_c_library_on_every_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
