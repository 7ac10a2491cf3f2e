/* The agent's state as Prometheus text: values, absences, and the form that every line must have. */
#include "agent/metrics.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOON INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

static struct core_status status_of(enum activation_state activation)
{
    return (struct core_status){
        .verdict = {.open = activation == ACTIVATION_ACTIVE,
                    .reason = activation == ACTIVATION_ACTIVE ? VERDICT_OPEN : VERDICT_NOT_ACTIVATED},
        .standing = {.activation = activation,
                     .grant = {.limit = 25, .refresh_by_ms = NOON + DAY_MS},
                     .last_contact_ms = activation == ACTIVATION_ACTIVE ? NOON - 1500 : 0},
        .level = {.concurrent_users = 7,
                  .users = 9,
                  .connections = 14,
                  .consuming = 8,
                  .exempt = 2,
                  .disconnected = 3,
                  .hosts = 4},
        .window = {.peak_users = 8},
        .today = {NOON, 11},
        .ever = {NOON, 4000000000u},
        .next_report_ms = activation == ACTIVATION_ACTIVE ? NOON + 60005 : INT64_MAX,
        .next_validation_ms = activation == ACTIVATION_ACTIVE ? NOON - 1 : INT64_MAX,
        .deactivates_ms = INT64_MAX,
        .windows_queued = 3,
        .report_failures = 2,
    };
}

static const struct farm_place alone = {.part = FARM_ALONE, .whole = true};

static char *text_at(const struct core_status *status, const struct farm_place *place)
{
    const struct metrics_input input = {.status = status,
                                        .place = place,
                                        .now_ms = NOON,
                                        .version = "0.1.0",
                                        .store_healthy = true,
                                        .api_clients = 5};
    char *text = metrics_text(&input);
    assert_non_null(text);
    return text;
}

static char *text_of(const struct core_status *status)
{
    return text_at(status, &alone);
}

static void assert_line(const char *text, const char *line, bool expected)
{
    size_t length = strlen(line);
    bool found = false;
    for (const char *at = text; (at = strstr(at, line)); at += length)
        found |= (at == text || at[-1] == '\n') && at[length] == '\n';
    if (found != expected)
        fail_msg("%s: %s\n%s", expected ? "missing" : "not wanted", line, text);
}

static void test_an_active_farm(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "farmgate_concurrent_users 7",
        "farmgate_users_limit 25",
        "farmgate_users 9",
        "farmgate_hosts 4",
        "farmgate_connections{reason=\"counted\"} 8",
        "farmgate_connections{reason=\"exempt\"} 2",
        "farmgate_connections{reason=\"not_counted\"} 4",
        "farmgate_connections_disconnected 3",
        "farmgate_peak_users{period=\"window\"} 8",
        "farmgate_peak_users{period=\"today\"} 11",
        "farmgate_peak_users{period=\"ever\"} 4000000000",
        "farmgate_gate_open 1",
        "farmgate_gate_state{reason=\"open\"} 1",
        "farmgate_gate_state{reason=\"revoked\"} 0",
        "farmgate_windows_queued 3",
        "farmgate_report_failures 2",
        "farmgate_last_contact_timestamp_seconds 1767225598.500",
        "farmgate_next_report_timestamp_seconds 1767225660.005",
        "farmgate_refresh_by_timestamp_seconds 1767312000.000",
        "farmgate_clock_seconds_left{clock=\"next_report\"} 60.005",
        "farmgate_clock_seconds_left{clock=\"refresh_by\"} 86400.000",
        "farmgate_clock_seconds_left{clock=\"next_validation\"} 0.000",
        "farmgate_store_healthy 1",
        "farmgate_api_clients 5",
        "farmgate_build_info{version=\"0.1.0\"} 1",
    };
    struct core_status status = status_of(ACTIVATION_ACTIVE);
    char *text = text_of(&status);
    for (size_t i = 0; i < COUNT(lines); i++)
        assert_line(text, lines[i], true);
    assert_null(strstr(text, "\nfarmgate_expires_timestamp_seconds")); /* never expires */
    assert_null(strstr(text, "clock=\"expires_at\""));
    assert_null(strstr(text, "clock=\"deactivates_at\""));
    free(text);
}

static void test_what_there_is_not_has_no_sample(void **state)
{
    (void)state;
    static const char *const names[] = {"users_limit", "last_contact_timestamp_seconds",
                                        "next_report_timestamp_seconds", "refresh_by_timestamp_seconds",
                                        "clock_seconds_left"};
    struct core_status status = status_of(ACTIVATION_NONE);
    char *text = text_of(&status);
    for (size_t i = 0; i < COUNT(names); i++) {
        char sample[64];
        (void)snprintf(sample, sizeof(sample), "\nfarmgate_%s", names[i]);
        assert_null(strstr(text, sample));
    }
    assert_line(text, "farmgate_gate_open 0", true);
    assert_line(text, "farmgate_gate_state{reason=\"open\"} 0", true);
    assert_line(text, "farmgate_gate_state{reason=\"not_activated\"} 1", true);
    free(text);
}

static void test_a_farm_of_many_hosts(void **state)
{
    (void)state;
    static const struct {
        struct farm_place place;
        const char *lines[6];
    } rows[] = {
        {{.part = FARM_ALONE, .whole = true},
         {"farmgate_farm_part{part=\"alone\"} 1", "farmgate_farm_part{part=\"leads\"} 0",
          "farmgate_farm_leader 1", "farmgate_farm_changes_waiting 0", "farmgate_farm_waiting_seconds 0",
          "farmgate_farm_gaps_total 0"}},
        {{.part = FARM_LEADS, .whole = true, .revision = 40, .head = 42, .gaps = 3},
         {"farmgate_farm_part{part=\"alone\"} 0", "farmgate_farm_part{part=\"leads\"} 1",
          "farmgate_farm_leader 1", "farmgate_farm_lag_revisions 2", "farmgate_farm_waiting_seconds 0",
          "farmgate_farm_gaps_total 3"}},
        {{.part = FARM_FOLLOWS, .revision = 43, .head = 42},
         {"farmgate_farm_part{part=\"follows\"} 1", "farmgate_farm_leader 0",
          "farmgate_farm_lag_revisions 0"}},
        {{.part = FARM_CUT_OFF, .waiting = 7, .waiting_since_ms = NOON - 61500},
         {"farmgate_farm_part{part=\"cut_off\"} 1", "farmgate_farm_leader 0",
          "farmgate_farm_changes_waiting 7", "farmgate_farm_waiting_seconds 61"}},
    };
    struct core_status status = status_of(ACTIVATION_ACTIVE);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = text_at(&status, &rows[i].place);
        for (size_t line = 0; line < COUNT(rows[i].lines) && rows[i].lines[line]; line++)
            assert_line(text, rows[i].lines[line], true);
        assert_true((strstr(text, "\nfarmgate_farm_lag_revisions") != NULL) == (rows[i].place.head != 0));
        free(text);
    }
}

/* The exposition format: HELP, then TYPE, then the family's samples; no family twice; a newline at the end.
 */
static void test_the_form_holds(void **state)
{
    (void)state;
    struct core_status status = status_of(ACTIVATION_ACTIVE);
    char *text = text_of(&status);
    char family[64] = "", type_of[64] = "", seen[64][64];
    size_t seen_count = 0, samples = 0;
    assert_int_equal(text[strlen(text) - 1], '\n');
    for (char *rest, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (sscanf(line, "# HELP %63s", family) == 1) {
            assert_int_equal(strncmp(family, "farmgate_", 9), 0);
            for (size_t i = 0; i < seen_count; i++)
                assert_string_not_equal(seen[i], family);
            assert_true(seen_count < COUNT(seen));
            (void)strcpy(seen[seen_count++], family);
            assert_int_equal(line[strlen(line) - 1], '.');
        } else if (sscanf(line, "# TYPE %63s gauge", type_of) == 1) {
            assert_string_equal(type_of, family);
        } else {
            char name[64];
            int end = 0;
            double value;
            assert_int_equal(sscanf(line, "%63[a-z_]%n", name, &end), 1);
            assert_string_equal(name, family);
            assert_string_equal(name, type_of);
            const char *number = strrchr(line, ' ');
            assert_true(line[end] == '{' ? number[-1] == '}' : number == line + end);
            assert_int_equal(sscanf(number, "%lf%n", &value, &end), 1);
            assert_int_equal(number[end], '\0');
            samples++;
        }
    }
    assert_true(samples > 20);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_active_farm),
        cmocka_unit_test(test_what_there_is_not_has_no_sample),
        cmocka_unit_test(test_a_farm_of_many_hosts),
        cmocka_unit_test(test_the_form_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
