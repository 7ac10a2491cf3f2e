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
                    .admission = activation == ACTIVATION_ACTIVE ? ADMISSION_ALL : ADMISSION_NONE,
                    .reason = activation == ACTIVATION_ACTIVE ? VERDICT_OPEN : VERDICT_NOT_ACTIVATED},
        .standing = {.activation = activation,
                     .usage = {.state = USAGE_OVERUSE_GRACE},
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
    static const struct tally_level here = {
        .concurrent_users = 4, .users = 5, .connections = 6, .consuming = 4, .exempt = 1};
    static const struct metrics_counts counts = {
        .events = {[SEVERITY_ERROR] = 1, [SEVERITY_WARNING] = 2, [SEVERITY_INFO] = 40},
        .refusals = 17,
        .reports = {[REPORT_ACCEPTED] = 12, [REPORT_UNREACHABLE] = 3, [REPORT_REFUSED] = 1}};
    struct histogram turns = {.sum_ns = 0}, commits = {.sum_ns = 0};
    histogram_note(&turns, 100000);
    histogram_note(&turns, 100001);
    histogram_note(&turns, 20000000000);
    const struct metrics_input input = {
        .status = status,
        .here = &here,
        .place = place,
        .now_ms = NOON,
        .version = "0.1.0",
        .ready = true,
        .store_healthy = true,
        .api_clients = 5,
        .counts = &counts,
        .turns = &turns,
        .commits = &commits,
        .commits_failed = 6,
        .process = {.cpu_seconds = 1.5, .resident_bytes = 8000000, .started_ms = NOON - 1000}};
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
        "farmgate_peak_users{period=\"day\"} 11",
        "farmgate_peak_users{period=\"ever\"} 4000000000",
        "farmgate_gate_open 1",
        "farmgate_gate_state{reason=\"open\"} 1",
        "farmgate_gate_state{reason=\"revoked\"} 0",
        "farmgate_windows_queued 3",
        "farmgate_report_failures 2",
        "farmgate_last_contact_timestamp_seconds 1767225598.500",
        "farmgate_next_report_timestamp_seconds 1767225660.005",
        "farmgate_refresh_by_timestamp_seconds 1767312000.000",
        "farmgate_clock_left_seconds{clock=\"next_report\"} 60.005",
        "farmgate_clock_left_seconds{clock=\"refresh_by\"} 86400.000",
        "farmgate_clock_left_seconds{clock=\"next_validation\"} 0.000",
        "farmgate_last_contact_age_seconds 1.500",
        "farmgate_licence_timestamp_seconds 1767225600.000",
        "farmgate_host_concurrent_users 4",
        "farmgate_host_users 5",
        "farmgate_host_connections{reason=\"not_counted\"} 1",
        "farmgate_gate_admission{admission=\"all\"} 1",
        "farmgate_gate_refusals_total 17",
        "farmgate_activation_state{state=\"active\"} 1",
        "farmgate_activation_state{state=\"none\"} 0",
        "farmgate_term_state{state=\"valid\"} 1",
        "farmgate_contact_state{state=\"fresh\"} 1",
        "farmgate_usage_state{state=\"overuse_grace\"} 1",
        "farmgate_reports_total{result=\"accepted\"} 12",
        "farmgate_reports_total{result=\"unreachable\"} 3",
        "farmgate_reports_total{result=\"refused\"} 1",
        "farmgate_ready 1",
        "farmgate_store_commit_failures_total 6",
        "farmgate_events_total{severity=\"error\"} 1",
        "farmgate_events_total{severity=\"warning\"} 2",
        "farmgate_events_total{severity=\"debug\"} 0",
        "process_cpu_seconds_total 1.500000",
        "process_resident_memory_bytes 8000000",
        "process_start_time_seconds 1767225599.000",
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
    static const char *const names[] = {"users_limit",
                                        "last_contact_timestamp_seconds",
                                        "next_report_timestamp_seconds",
                                        "refresh_by_timestamp_seconds",
                                        "clock_left_seconds",
                                        "last_contact_age_seconds"};
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
          "farmgate_farm_leader 1", "farmgate_farm_changes_waiting 0", "farmgate_farm_waiting_seconds 0.000",
          "farmgate_farm_gaps_total 0"}},
        {{.part = FARM_LEADS, .whole = true, .revision = 40, .head = 42, .gaps = 3},
         {"farmgate_farm_part{part=\"alone\"} 0", "farmgate_farm_part{part=\"leads\"} 1",
          "farmgate_farm_leader 1", "farmgate_farm_lag_revisions 2", "farmgate_farm_waiting_seconds 0.000",
          "farmgate_farm_gaps_total 3"}},
        {{.part = FARM_FOLLOWS, .revision = 43, .head = 42},
         {"farmgate_farm_part{part=\"follows\"} 1", "farmgate_farm_leader 0",
          "farmgate_farm_lag_revisions 0"}},
        {{.part = FARM_CUT_OFF, .waiting = 7, .waiting_since_ms = NOON - 61500},
         {"farmgate_farm_part{part=\"cut_off\"} 1", "farmgate_farm_leader 0",
          "farmgate_farm_changes_waiting 7", "farmgate_farm_waiting_seconds 61.500"}},
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

/* Of both there are three turns: one at the first bound, one just past it, one longer than all. */
static void test_how_long_things_take(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "farmgate_loop_delay_seconds_bucket{le=\"0.0001\"} 1",
        "farmgate_loop_delay_seconds_bucket{le=\"0.0005\"} 2",
        "farmgate_loop_delay_seconds_bucket{le=\"10\"} 2",
        "farmgate_loop_delay_seconds_bucket{le=\"+Inf\"} 3",
        "farmgate_loop_delay_seconds_sum 20.000200001",
        "farmgate_loop_delay_seconds_count 3",
        "farmgate_store_commit_seconds_bucket{le=\"+Inf\"} 0",
        "farmgate_store_commit_seconds_sum 0.000000000",
        "farmgate_store_commit_seconds_count 0",
    };
    struct core_status status = status_of(ACTIVATION_ACTIVE);
    char *text = text_of(&status);
    for (size_t i = 0; i < COUNT(lines); i++)
        assert_line(text, lines[i], true);
    for (size_t i = 1; i < HISTOGRAM_BOUNDS; i++)
        assert_true(histogram_bound_ns(i) > histogram_bound_ns(i - 1));
    free(text);
}

/* A sample's name is its family's, and a histogram's has one of three endings. */
static void assert_sample(const char *line, const struct metric_form *form)
{
    size_t length = strlen(form->name);
    const char *rest = line + length, *value = strrchr(line, ' ');
    char label[64];
    double number;
    int end = 0;
    assert_int_equal(strncmp(line, form->name, length), 0);
    assert_int_equal(sscanf(value, "%lf%n", &number, &end), 1);
    assert_int_equal(value[end], '\0');
    if (form->type == METRIC_HISTOGRAM) {
        assert_true(strncmp(rest, "_bucket{le=\"", 12) == 0 || rest + 4 == value || rest + 6 == value);
    } else if (form->label) {
        assert_int_equal(sscanf(rest, "{%63[a-z]=\"", label), 1);
        assert_string_equal(label, form->label);
        assert_int_equal(value[-1], '}');
    } else {
        assert_ptr_equal(rest, value);
    }
}

/* The exposition format, in the table's order: HELP, then TYPE, then the family's samples; a newline at the
 * end. */
static void test_the_form_holds(void **state)
{
    (void)state;
    struct core_status status = status_of(ACTIVATION_ACTIVE);
    char *text = text_of(&status), wanted[512];
    size_t samples = 0;
    int metric = -1;
    assert_int_equal(text[strlen(text) - 1], '\n');
    for (char *rest, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (line[0] != '#') {
            assert_true(metric >= 0);
            assert_sample(line, metric_form((enum metric)metric));
            samples++;
            continue;
        }
        const struct metric_form *form = metric_form((enum metric)++ metric);
        assert_true(metric < METRIC_MAX);
        (void)snprintf(wanted, sizeof(wanted), "# HELP %s %s", form->name, form->help);
        assert_string_equal(line, wanted);
        assert_non_null(line = strtok_r(NULL, "\n", &rest));
        (void)snprintf(wanted, sizeof(wanted), "# TYPE %s %s", form->name, metric_type_name(form->type));
        assert_string_equal(line, wanted);
    }
    assert_int_equal(metric, METRIC_MAX - 1);
    assert_true(samples > 100);
    free(text);
}

/* Prometheus' own customs: a counter is a total, nothing else is; a help is a sentence. */
static void test_the_table_keeps_to_the_customs(void **state)
{
    (void)state;
    for (int metric = 0; metric < METRIC_MAX; metric++) {
        const struct metric_form *form = metric_form((enum metric)metric);
        size_t length = strlen(form->name), help = strlen(form->help);
        bool total = length > 6 && strcmp(form->name + length - 6, "_total") == 0;
        assert_int_equal(total, form->type == METRIC_COUNTER);
        assert_int_equal(form->help[help - 1], '.');
        assert_null(strpbrk(form->help, "\\\n"));
        assert_true(!form->values || form->label);
        assert_true(!form->values || form->values(0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_active_farm),       cmocka_unit_test(test_what_there_is_not_has_no_sample),
        cmocka_unit_test(test_a_farm_of_many_hosts), cmocka_unit_test(test_how_long_things_take),
        cmocka_unit_test(test_the_form_holds),       cmocka_unit_test(test_the_table_keeps_to_the_customs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
