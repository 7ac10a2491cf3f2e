#include "metrics.h"

#include "agent/core/clocks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* --- the table ------------------------------------------------------------------------------------------ */

static const char *metrics_counting(int value)
{
    static const char *const names[] = {"counted", "exempt", "not_counted"};
    return value < (int)(sizeof(names) / sizeof(names[0])) ? names[value] : NULL;
}

static const char *metrics_period(int value)
{
    static const char *const names[] = {"window", "day", "ever"};
    return value < (int)(sizeof(names) / sizeof(names[0])) ? names[value] : NULL;
}

static const char *metrics_verdict(int value)
{
    return value < VERDICT_REASON_MAX ? verdict_reason_name((enum verdict_reason)value) : NULL;
}

static const char *metrics_admission(int value)
{
    return value < ADMISSION_MAX ? admission_name((enum admission)value) : NULL;
}

static const char *metrics_activation(int value)
{
    return value < ACTIVATION_STATE_MAX ? activation_state_name((enum activation_state)value) : NULL;
}

static const char *metrics_term(int value)
{
    return value < TERM_STATE_MAX ? term_state_name((enum term_state)value) : NULL;
}

static const char *metrics_contact(int value)
{
    return value < CONTACT_STATE_MAX ? contact_state_name((enum contact_state)value) : NULL;
}

static const char *metrics_usage(int value)
{
    return value < USAGE_STATE_MAX ? usage_state_name((enum usage_state)value) : NULL;
}

static const char *metrics_clock(int value)
{
    return value < CLOCK_MAX ? farm_clock_name((enum farm_clock)value) : NULL;
}

static const char *metrics_report(int value)
{
    static const char *const names[] = {
        [REPORT_ACCEPTED] = "accepted", [REPORT_UNREACHABLE] = "unreachable", [REPORT_REFUSED] = "refused"};
    return value < REPORT_RESULT_MAX ? names[value] : NULL;
}

static const char *metrics_part(int value)
{
    return value < FARM_PART_MAX ? farm_part_name((enum farm_part)value) : NULL;
}

/* From the first that there is: the numbers below are syslog's, and used for nothing. */
static const char *metrics_severity(int value)
{
    int severity = SEVERITY_ERROR + value;
    return severity <= SEVERITY_DEBUG ? log_severity_name((enum log_severity)severity) : NULL;
}

const struct metric_form *metric_form(enum metric metric)
{
#define METRIC(name, type, label, values, help, absent) {#name, METRIC_##type, label, values, help, absent},
    static const struct metric_form forms[] = {
#include "agent/metrics.def"
    };
#undef METRIC
    return &forms[metric];
}

const char *metric_type_name(enum metric_type type)
{
    static const char *const names[] = {
        [METRIC_GAUGE] = "gauge", [METRIC_COUNTER] = "counter", [METRIC_HISTOGRAM] = "histogram"};
    return names[type];
}

/* --- samples -------------------------------------------------------------------------------------------- */

static const char *begin(FILE *out, enum metric metric)
{
    const struct metric_form *form = metric_form(metric);
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", form->name, form->help, form->name,
            metric_type_name(form->type));
    return form->name;
}

/* A number without a label: most of what there is. */
static void number(FILE *out, enum metric metric, int64_t value)
{
    fprintf(out, "%s %" PRId64 "\n", begin(out, metric), value);
}

static void count(FILE *out, enum metric metric, uint64_t value)
{
    fprintf(out, "%s %" PRIu64 "\n", begin(out, metric), value);
}

/* The number for each value of the label. */
static void numbers(FILE *out, enum metric metric, const uint64_t *values)
{
    const struct metric_form *form = metric_form(metric);
    begin(out, metric);
    for (int i = 0; form->values(i); i++)
        fprintf(out, "%s{%s=\"%s\"} %" PRIu64 "\n", form->name, form->label, form->values(i), values[i]);
}

/* A set of states, one of which is 1: a label that changes would make a new series each time. */
static void state(FILE *out, enum metric metric, unsigned holds)
{
    const struct metric_form *form = metric_form(metric);
    begin(out, metric);
    for (int i = 0; form->values(i); i++)
        fprintf(out, "%s{%s=\"%s\"} %d\n", form->name, form->label, form->values(i), (unsigned)i == holds);
}

/* An instant, in seconds as Prometheus wants them. What has not happened or is not due has no sample: an
 * alert on its age must not see 1970. */
static void instant(FILE *out, enum metric metric, int64_t unix_ms)
{
    const char *name = begin(out, metric);
    if (unix_ms > 0 && unix_ms != INT64_MAX)
        fprintf(out, "%s %" PRId64 ".%03d\n", name, unix_ms / 1000, (int)(unix_ms % 1000));
}

static void seconds(FILE *out, enum metric metric, int64_t duration_ms)
{
    fprintf(out, "%s %" PRId64 ".%03d\n", begin(out, metric), duration_ms / 1000, (int)(duration_ms % 1000));
}

static void durations(FILE *out, enum metric metric, const struct histogram *histogram)
{
    const char *name = begin(out, metric);
    uint64_t sum = 0;
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        sum += histogram->counts[i];
        fprintf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, (double)histogram_bound_ns(i) / 1e9, sum);
    }
    sum += histogram->counts[HISTOGRAM_BOUNDS];
    fprintf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.9f\n%s_count %" PRIu64 "\n", name, sum, name,
            (double)histogram->sum_ns / 1e9, name, sum);
}

/* --- what there is -------------------------------------------------------------------------------------- */

static void write_connections(FILE *out, enum metric metric, const struct tally_level *level)
{
    const uint64_t values[] = {level->consuming, level->exempt,
                               level->connections - level->consuming - level->exempt};
    numbers(out, metric, values);
}

static void write_farm(FILE *out, const struct core_status *status)
{
    const struct tally_level *level = &status->level;
    const uint64_t peaks[] = {status->window.peak_users, status->today.users, status->ever.users};
    number(out, METRIC_farmgate_concurrent_users, level->concurrent_users);
    if (status->standing.activation != ACTIVATION_NONE)
        number(out, METRIC_farmgate_users_limit, status->standing.grant.limit);
    else
        begin(out, METRIC_farmgate_users_limit);
    number(out, METRIC_farmgate_users, level->users);
    number(out, METRIC_farmgate_hosts, level->hosts);
    write_connections(out, METRIC_farmgate_connections, level);
    number(out, METRIC_farmgate_connections_disconnected, level->disconnected);
    numbers(out, METRIC_farmgate_peak_users, peaks);
}

static void write_here(FILE *out, const struct tally_level *here)
{
    number(out, METRIC_farmgate_host_concurrent_users, here->concurrent_users);
    number(out, METRIC_farmgate_host_users, here->users);
    write_connections(out, METRIC_farmgate_host_connections, here);
}

static void write_gate(FILE *out, const struct core_status *status, const struct metrics_counts *counts)
{
    const struct standing *standing = &status->standing;
    number(out, METRIC_farmgate_gate_open, status->verdict.open);
    state(out, METRIC_farmgate_gate_state, status->verdict.reason);
    state(out, METRIC_farmgate_gate_admission, status->verdict.admission);
    count(out, METRIC_farmgate_gate_refusals_total, counts->refusals);
    state(out, METRIC_farmgate_activation_state, standing->activation);
    state(out, METRIC_farmgate_term_state, standing->term);
    state(out, METRIC_farmgate_contact_state, standing->contact);
    state(out, METRIC_farmgate_usage_state, standing->usage.state);
}

/* A date that has passed stays at 0: an alert on it must not go away. */
static void write_clocks(FILE *out, const struct core_status *status, int64_t now_ms)
{
    const struct metric_form *form = metric_form(METRIC_farmgate_clock_left_seconds);
    bool activated = status->standing.activation != ACTIVATION_NONE;
    begin(out, METRIC_farmgate_clock_left_seconds);
    for (int clock = 0; clock < CLOCK_MAX; clock++) {
        int64_t at_ms = farm_clock_ms(status, (enum farm_clock)clock);
        int64_t left_ms = at_ms > now_ms ? at_ms - now_ms : 0;
        if (at_ms != INT64_MAX)
            fprintf(out, "%s{%s=\"%s\"} %" PRId64 ".%03d\n", form->name, form->label, form->values(clock),
                    left_ms / 1000, (int)(left_ms % 1000));
    }
    instant(out, METRIC_farmgate_expires_timestamp_seconds,
            activated ? status->standing.grant.expires_at_ms : 0);
    instant(out, METRIC_farmgate_refresh_by_timestamp_seconds,
            activated ? status->standing.grant.refresh_by_ms : 0);
    instant(out, METRIC_farmgate_licence_timestamp_seconds, now_ms);
}

static void write_contact(FILE *out, const struct metrics_input *input)
{
    const struct core_status *status = input->status;
    int64_t contact_ms = status->standing.last_contact_ms;
    instant(out, METRIC_farmgate_last_contact_timestamp_seconds, contact_ms);
    if (contact_ms > 0)
        seconds(out, METRIC_farmgate_last_contact_age_seconds,
                input->now_ms > contact_ms ? input->now_ms - contact_ms : 0);
    else
        begin(out, METRIC_farmgate_last_contact_age_seconds);
    instant(out, METRIC_farmgate_next_report_timestamp_seconds, status->next_report_ms);
    count(out, METRIC_farmgate_windows_queued, status->windows_queued);
    number(out, METRIC_farmgate_report_failures, status->report_failures);
    numbers(out, METRIC_farmgate_reports_total, input->counts->reports);
}

/* One of a farm of many hosts, or all of it. What every host tells of the farm is said once in it where
 * farmgate_farm_leader is 1. */
static void write_place(FILE *out, const struct farm_place *place, int64_t now_ms)
{
    int64_t waited_ms = place->waiting_since_ms != 0 ? now_ms - place->waiting_since_ms : 0;
    state(out, METRIC_farmgate_farm_part, place->part);
    number(out, METRIC_farmgate_farm_leader, place->part == FARM_LEADS || place->part == FARM_ALONE);
    count(out, METRIC_farmgate_farm_changes_waiting, place->waiting);
    seconds(out, METRIC_farmgate_farm_waiting_seconds, waited_ms > 0 ? waited_ms : 0);
    if (place->revision != 0 && place->head != 0)
        number(out, METRIC_farmgate_farm_lag_revisions, farm_place_lag(place));
    else
        begin(out, METRIC_farmgate_farm_lag_revisions);
    number(out, METRIC_farmgate_farm_gaps_total, place->gaps);
}

static void write_agent(FILE *out, const struct metrics_input *input)
{
    number(out, METRIC_farmgate_ready, input->ready);
    number(out, METRIC_farmgate_store_healthy, input->store_healthy);
    durations(out, METRIC_farmgate_store_commit_seconds, input->commits);
    count(out, METRIC_farmgate_store_commit_failures_total, input->commits_failed);
    durations(out, METRIC_farmgate_loop_delay_seconds, input->turns);
    numbers(out, METRIC_farmgate_events_total, &input->counts->events[SEVERITY_ERROR]);
    number(out, METRIC_farmgate_api_clients, input->api_clients);
    /* The version is our own literal: nothing in it to escape. */
    fprintf(out, "%s{version=\"%s\"} 1\n", begin(out, METRIC_farmgate_build_info), input->version);
}

static void write_process(FILE *out, const struct metrics_process *process)
{
    fprintf(out, "%s %.6f\n", begin(out, METRIC_process_cpu_seconds_total), process->cpu_seconds);
    count(out, METRIC_process_resident_memory_bytes, process->resident_bytes);
    instant(out, METRIC_process_start_time_seconds, process->started_ms);
}

char *metrics_text(const struct metrics_input *input)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return NULL;
    write_farm(out, input->status);
    write_here(out, input->here);
    write_gate(out, input->status, input->counts);
    write_clocks(out, input->status, input->now_ms);
    write_contact(out, input);
    write_place(out, input->place, input->now_ms);
    write_agent(out, input);
    write_process(out, &input->process);
    bool complete = !ferror(out);
    if (fclose(out) != 0 || !complete) {
        free(text);
        return NULL;
    }
    return text;
}
