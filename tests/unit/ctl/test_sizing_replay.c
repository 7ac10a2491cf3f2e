/* Sizing told as little logs. Each word is an instant and what happened then: "+a" user a connects (the
 * session has the user's name), "!a" the same as an administrator, "~a" a disconnects, "-a" a logs off, "*"
 * the host ends. Instants are sums of d, h, m, s and ms from Monday 2026-01-05 00:00. */
#include "tests/unit/unit.h"

#include "agent/core/peak.h"
#include "agent/core/tally.h"
#include "agent/ctl/sizing/recommend.h"
#include "common/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MONDAY_MS INT64_C(1767571200000)
#define HOUR_MS   INT64_C(3600000)

static const struct tally_settings settings = {.count_disconnected = true,
                                               .routes_counted = ROUTES_COUNTED_DEFAULT};

/* "1d2h" → ms; *at moves behind it. */
static int64_t instant(const char **at)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"d", DAY_MS}, {"h", HOUR_MS}, {"m", 60000}, {"s", 1000}};
    int64_t sum = 0;
    while (**at >= '0' && **at <= '9') {
        char *end;
        int64_t number = strtoll(*at, &end, 10);
        size_t unit = 0;
        while (unit < COUNT(units) && strncmp(end, units[unit].unit, strlen(units[unit].unit)) != 0)
            unit++;
        assert_true(unit < COUNT(units));
        sum += number * units[unit].ms;
        *at = end + strlen(units[unit].unit);
    }
    return sum;
}

static void take_log(struct sizing *sizing, const char *log)
{
    while (*log != '\0') {
        char user[16];
        struct sizing_event event = {.at_ms = MONDAY_MS + instant(&log),
                                     .host = "h",
                                     .session = user,
                                     .user = user,
                                     .route = ROUTE_RDP};
        char what = *log++;
        size_t bytes = strcspn(log, " ");
        snprintf(user, sizeof user, "%.*s", (int)bytes, log);
        event.type = what == '~'   ? SIZING_DISCONNECT
                     : what == '-' ? SIZING_LOGOFF
                     : what == '*' ? SIZING_HOST_END
                                   : SIZING_CONNECT;
        event.administrator = what == '!' ? ADMINISTRATOR_YES : ADMINISTRATOR_NO;
        assert_int_equal(sizing_take(sizing, &event), 0);
        log += bytes;
        log += strspn(log, " ");
    }
}

static struct sizing *size(const char *log, const struct sizing_zone *zone,
                           const struct sizing_result **ret_result)
{
    struct sizing *sizing = sizing_create(&settings, zone);
    assert_non_null(sizing);
    take_log(sizing, log);
    assert_int_equal(sizing_finish(sizing, ret_result), 0);
    return sizing;
}

/* ---- recommendations ----------------------------------------------------------------------------------- */

static void test_recommendations(void **state)
{
    (void)state;
    static const struct {
        const char *name, *log;
        uint32_t peak, one_percent, five_percent, within_grace, within_settled_grace, never_deactivated;
    } cases[] = {
        {"nothing", "", 0, 0, 0, 0, 0, 0},
        {"an instant says nothing of shares of time", "0m+a 0m+b", 2, 2, 2, 0, 0, 0},
        {"exceeded for 1 % of the time exactly", "0m+a 99m+b 100m-b", 2, 1, 1, 0, 0, 1},
        {"exceeded a little longer", "0m+a 98m59s+b 100m-b", 2, 2, 1, 0, 0, 1},
        {"exceeded for 5 % of the time exactly", "0m+a 95m+b 100m-b", 2, 2, 1, 0, 0, 1},
        {"an instant 7 days later", "0m+a 1h-a 7d-x 7d+a 7d-a", 1, 0, 0, 0, 0, 0},
        {"the last ends 7 days after the first began", "0m+a 2h-a 6d23h+a 7d-a", 1, 1, 0, 0, 0, 1},
        {"a millisecond later, but the grace begins a minute later", "0m+a 2h-a 6d23h+a 7d1ms-a", 1, 1, 0, 1,
         0, 1},
        {"a minute later: where the grace ends", "0m+a 2h-a 6d23h+a 7d1m-a", 1, 1, 0, 1, 0, 1},
        {"behind the grace", "0m+a 2h-a 6d23h+a 7d1m1ms-a", 1, 1, 0, 1, 1, 1},
        {"a minute begins no grace", "0m+a 1m-a 20d+a 20d1h-a", 1, 0, 0, 1, 0, 0},
        {"more than a minute does", "0m+a 1m1ms-a 20d+a 20d1h-a", 1, 0, 0, 1, 1, 0},
        {"60 minutes: no validation finds it too long", "0m-x 10h+a 11h-a 99d-x", 1, 0, 0, 0, 0, 0},
        {"a millisecond longer: one may", "0m-x 10h+a 11h1ms-a 99d-x", 1, 0, 0, 0, 0, 1},
        {"interrupted for an instant", "0m-x 10h+a 11h-a 11h+a 12h-a 99d-x", 1, 0, 0, 0, 0, 0},
        {"still too many when the log ends", "0m+a 0m+b 2h-x", 2, 2, 2, 0, 0, 2},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct sizing_result *result;
        struct recommendation got;
        struct sizing *sizing = size(cases[i].log, NULL, &result);
        recommend(result, &got);
        print_message("# %s\n", cases[i].name);
        assert_int_equal(got.peak, cases[i].peak);
        assert_int_equal(got.one_percent, cases[i].one_percent);
        assert_int_equal(got.five_percent, cases[i].five_percent);
        assert_int_equal(got.within_grace, cases[i].within_grace);
        assert_int_equal(got.within_settled_grace, cases[i].within_settled_grace);
        assert_int_equal(got.never_deactivated, cases[i].never_deactivated);
        sizing_destroy(sizing);
    }
}

static void test_office_time(void **state)
{
    (void)state;
    const struct sizing_result *result;
    struct recommendation got;
    /* Four at ten and eleven, two at nine, one at eight: at nine there are half as many as in the busiest. */
    struct sizing *sizing =
        size("0m-x 8h+a 9h+b 10h+c 10h+d 11h54m+e 12h-b 12h-c 12h-d 12h-e 23h-a 1d-x", NULL, &result);
    recommend(result, &got);
    for (int hour = 0; hour < SIZING_WEEK_HOURS; hour++)
        assert_int_equal(got.office.hours[hour], hour == 10 || hour == 11);
    assert_int_equal(got.office.hour_count, 2);
    assert_true(got.office.held_ms == 2 * HOUR_MS);
    assert_int_equal(recommend_office_users(result, &got.office, 95), 4);
    assert_int_equal(recommend_office_users(result, &got.office, 96), 5);
    assert_true(recommend_above_ms(result, 4) == HOUR_MS / 10);
    sizing_destroy(sizing);
}

/* ---- what else it came to ------------------------------------------------------------------------------ */

/* One line of what a log came to. */
static void told(const struct sizing_result *result, char *ret_line, size_t bytes)
{
    FILE *line = fmemopen(ret_line, bytes, "w");
    assert_non_null(line);
    fprintf(line, "peak %u:", result->peak_users);
    for (size_t i = 0; i < result->peak_name_count; i++)
        fprintf(line, " %s", result->peak_names[i]);
    fprintf(line, "; not exempt %u; ended", result->peak_without_exemptions);
    for (int i = 0; i < SIZING_SAVINGS; i++)
        fprintf(line, " %u(%" PRIu64 ")", result->peak_ended_after[i], result->sessions_ended_after[i]);
    fprintf(line, "; open %" PRIu64 " with host %" PRIu64, result->open_at_end, result->ended_with_host);
    fclose(line);
}

static void test_results(void **state)
{
    (void)state;
    static const struct {
        const char *name, *log, *want;
    } cases[] = {
        {"who is on at the first instant of the peak", "0m+a 1m+b 2m-a 2m+c 3m-b 4m-c",
         "peak 2: a b; not exempt 2; ended 2(0) 2(0) 2(0); open 0 with host 0"},
        {"administrators are exempt, two of a host", "0m!a 1m!b 2m!c 3m+d 4m-a",
         "peak 2: c d; not exempt 4; ended 2(0) 2(0) 2(0); open 3 with host 0"},
        {"disconnected sessions that would have been ended", "0m+a 0m~a 1h+x 1h1m+b 1h1m~b 2h1m+c 4h+d",
         "peak 5: a b c d x; not exempt 5; ended 3(2) 3(2) 5(1); open 5 with host 0"},
        {"back at the very instant: not ended", "0m+a 0m~a 1h+a 2h+b 2h~a 4h+c",
         "peak 3: a b c; not exempt 3; ended 2(1) 3(1) 3(0); open 3 with host 0"},
        {"back later: anew", "0m+a 0m~a 3h+a 5h-a",
         "peak 1: a; not exempt 1; ended 1(1) 1(1) 1(0); open 0 with host 0"},
        {"disconnected twice: since the first", "0m+a 0m~a 50m~a 1h1m+b",
         "peak 2: a b; not exempt 2; ended 1(1) 2(0) 2(0); open 2 with host 0"},
        {"a host that goes down", "0m+a 0m+b 1m~b 2m* 3m+c",
         "peak 2: a b; not exempt 2; ended 2(0) 2(0) 2(0); open 1 with host 2"},
        {"ended where the log ends", "0m+a 0m~a 1h-x",
         "peak 1: a; not exempt 1; ended 1(1) 1(0) 1(0); open 1 with host 0"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct sizing_result *result;
        char line[256];
        struct sizing *sizing = size(cases[i].log, NULL, &result);
        told(result, line, sizeof line);
        print_message("# %s\n", cases[i].name);
        assert_string_equal(line, cases[i].want);
        sizing_destroy(sizing);
    }
}

static int64_t seven_east(const void *data, int64_t at_ms)
{
    (void)data;
    (void)at_ms;
    return 7 * HOUR_MS;
}

static void test_days_of_a_zone(void **state)
{
    (void)state;
    static const struct sizing_zone zone = {seven_east, NULL};
    const struct sizing_result *result;
    struct sizing *sizing = size("10h+a 16h59m+b 18h-b 18h-a", &zone, &result);
    const int64_t monday = MONDAY_MS / DAY_MS;
    assert_int_equal(result->day_count, 2);
    assert_true(result->days[0].date == monday && result->days[1].date == monday + 1);
    assert_true(result->days[0].start_ms == MONDAY_MS + 10 * HOUR_MS);
    assert_true(result->days[0].peak_at_ms == MONDAY_MS + 17 * HOUR_MS - 60000);
    assert_true(result->days[1].start_ms == MONDAY_MS + 17 * HOUR_MS); /* midnight; both are carried in */
    assert_true(result->days[1].peak_at_ms == MONDAY_MS + 17 * HOUR_MS);
    assert_int_equal(result->days[1].peak_users, 2);
    assert_int_equal(result->week[23].peak_users, 2); /* Monday's last hour */
    assert_true(result->week[24].held_ms == HOUR_MS && result->week[24].user_ms == 2 * HOUR_MS);
    assert_true(result->week[16].held_ms == 0);
    sizing_destroy(sizing);
}

static void test_refused(void **state)
{
    (void)state;
    struct sizing *sizing = sizing_create(&settings, NULL);
    struct sizing_event event = {
        .at_ms = MONDAY_MS, .host = "h", .session = "1", .user = "a", .route = ROUTE_RDP};
    assert_int_equal(sizing_take(sizing, &event), 0);
    event.at_ms--;
    assert_int_equal(sizing_take(sizing, &event), ERROR_INVALID);
    event.at_ms = MONDAY_MS + SIZING_WINDOWS_MAX * WINDOW_MS;
    assert_int_equal(sizing_take(sizing, &event), ERROR_TOO_LARGE);
    event.at_ms--;
    assert_int_equal(sizing_take(sizing, &event), 0);
    event.user = "";
    event.session = "2";
    assert_int_equal(sizing_take(sizing, &event), ERROR_INVALID);
    sizing_destroy(sizing);
    sizing_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recommendations), cmocka_unit_test(test_office_time),
        cmocka_unit_test(test_results),         cmocka_unit_test(test_days_of_a_zone),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
