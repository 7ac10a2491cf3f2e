#include "metrics.h"

#include "agent/core/clocks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A gauge without a label: most of what there is. */
static void gauge(FILE *out, const char *name, const char *help, int64_t value)
{
    fprintf(out, "# HELP farmgate_%s %s\n# TYPE farmgate_%s gauge\nfarmgate_%s %" PRId64 "\n", name, help,
            name, name, value);
}

/* An instant, in seconds as Prometheus wants them. What has not happened or is not due has no sample: an
 * alert on its age must not see 1970. */
static void gauge_instant(FILE *out, const char *name, const char *help, int64_t unix_ms)
{
    fprintf(out, "# HELP farmgate_%s %s\n# TYPE farmgate_%s gauge\n", name, help, name);
    if (unix_ms > 0 && unix_ms != INT64_MAX)
        fprintf(out, "farmgate_%s %" PRId64 ".%03d\n", name, unix_ms / 1000, (int)(unix_ms % 1000));
}

static void write_farm(FILE *out, const struct core_status *status)
{
    const struct tally_level *level = &status->level;
    gauge(out, "concurrent_users", "Distinct users who hold a consuming connection now: what is licensed.",
          level->concurrent_users);
    if (status->standing.activation != ACTIVATION_NONE)
        gauge(out, "users_limit", "Concurrent users the entitlement allows.", status->standing.grant.limit);
    gauge(out, "users", "Distinct users with any live connection.", level->users);
    gauge(out, "hosts", "Hosts with a live connection.", level->hosts);

    fputs("# HELP farmgate_connections Live connections by whether they count.\n"
          "# TYPE farmgate_connections gauge\n",
          out);
    uint32_t not_counted = level->connections - level->consuming - level->exempt;
    fprintf(out, "farmgate_connections{reason=\"counted\"} %" PRIu32 "\n", level->consuming);
    fprintf(out, "farmgate_connections{reason=\"exempt\"} %" PRIu32 "\n", level->exempt);
    fprintf(out, "farmgate_connections{reason=\"not_counted\"} %" PRIu32 "\n", not_counted);
    gauge(out, "connections_disconnected", "Live connections whose client is gone.", level->disconnected);

    fputs("# HELP farmgate_peak_users Highest number of concurrent users of the period.\n"
          "# TYPE farmgate_peak_users gauge\n",
          out);
    fprintf(out, "farmgate_peak_users{period=\"window\"} %" PRIu32 "\n", status->window.peak_users);
    fprintf(out, "farmgate_peak_users{period=\"today\"} %" PRIu32 "\n", status->today.users);
    fprintf(out, "farmgate_peak_users{period=\"ever\"} %" PRIu32 "\n", status->ever.users);
}

/* The reason as a set of states, one of which is 1: a label that changes would make a new series each time.
 */
static void write_gate(FILE *out, const struct verdict *verdict)
{
    gauge(out, "gate_open", "Whether the farm's gate is open.", verdict->open);
    fputs("# HELP farmgate_gate_state Why the gate stands as it does: 1 for the one that holds.\n"
          "# TYPE farmgate_gate_state gauge\n",
          out);
    for (int reason = 0; reason < VERDICT_REASON_MAX; reason++)
        fprintf(out, "farmgate_gate_state{reason=\"%s\"} %d\n",
                verdict_reason_name((enum verdict_reason)reason),
                (enum verdict_reason)reason == verdict->reason);
}

static void write_contact(FILE *out, const struct core_status *status)
{
    const struct standing *standing = &status->standing;
    bool activated = standing->activation != ACTIVATION_NONE;
    gauge(out, "windows_queued", "Closed windows that the authority has not acknowledged.",
          (int64_t)status->windows_queued);
    gauge(out, "report_failures", "Reports that failed in a row.", status->report_failures);
    gauge_instant(out, "last_contact_timestamp_seconds", "When the last entitlement was accepted.",
                  standing->last_contact_ms);
    gauge_instant(out, "next_report_timestamp_seconds", "When the next report is due.",
                  status->next_report_ms);
    gauge_instant(out, "expires_timestamp_seconds", "When the entitlement's term ends.",
                  activated ? standing->grant.expires_at_ms : 0);
    gauge_instant(out, "refresh_by_timestamp_seconds", "When the entitlement must have been renewed.",
                  activated ? standing->grant.refresh_by_ms : 0);
}

/* A date that has passed stays at 0: an alert on it must not go away. */
static void write_clocks(FILE *out, const struct core_status *status, int64_t now_ms)
{
    fputs("# HELP farmgate_clock_seconds_left Seconds until each running clock falls due, 0 if it is past.\n"
          "# TYPE farmgate_clock_seconds_left gauge\n",
          out);
    for (int clock = 0; clock < CLOCK_MAX; clock++) {
        int64_t at_ms = farm_clock_ms(status, (enum farm_clock)clock);
        int64_t left_ms = at_ms > now_ms ? at_ms - now_ms : 0;
        if (at_ms != INT64_MAX)
            fprintf(out, "farmgate_clock_seconds_left{clock=\"%s\"} %" PRId64 ".%03d\n",
                    farm_clock_name((enum farm_clock)clock), left_ms / 1000, (int)(left_ms % 1000));
    }
}

/* One of a farm of many hosts, or all of it. What every host tells of the farm is said once in it where
 * farmgate_farm_leader is 1. */
static void write_place(FILE *out, const struct farm_place *place, int64_t now_ms)
{
    int64_t waited_ms = place->waiting_since_ms != 0 ? now_ms - place->waiting_since_ms : 0;
    fputs("# HELP farmgate_farm_part What this host is in its farm: 1 for what holds.\n"
          "# TYPE farmgate_farm_part gauge\n",
          out);
    for (int part = 0; part < FARM_PART_MAX; part++)
        fprintf(out, "farmgate_farm_part{part=\"%s\"} %d\n", farm_part_name((enum farm_part)part),
                (enum farm_part)part == place->part);
    gauge(out, "farm_leader", "Whether this host counts for the farm.",
          place->part == FARM_LEADS || place->part == FARM_ALONE);
    gauge(out, "farm_changes_waiting", "Changes of this host that the farm does not have yet.",
          (int64_t)place->waiting);
    gauge(out, "farm_waiting_seconds", "How long the first of them has waited.",
          waited_ms > 0 ? waited_ms / 1000 : 0);
    if (place->revision != 0 && place->head != 0)
        gauge(out, "farm_lag_revisions", "Revisions of the shared store that are not applied here yet.",
              farm_place_lag(place));
    fprintf(out,
            "# HELP farmgate_farm_gaps_total Spans of time of which not all is known, ever.\n"
            "# TYPE farmgate_farm_gaps_total counter\nfarmgate_farm_gaps_total %" PRId64 "\n",
            place->gaps);
}

static void write_agent(FILE *out, const struct metrics_input *input)
{
    gauge_instant(out, "licence_time_seconds", "Licence time, which all dates here compare with.",
                  input->now_ms);
    gauge(out, "store_healthy", "Whether the last commit was written.", input->store_healthy);
    gauge(out, "api_clients", "Clients connected to the local API.", input->api_clients);
    /* The version is our own literal: nothing in it to escape. */
    fprintf(out,
            "# HELP farmgate_build_info The agent's version.\n# TYPE farmgate_build_info gauge\n"
            "farmgate_build_info{version=\"%s\"} 1\n",
            input->version);
}

char *metrics_text(const struct metrics_input *input)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return NULL;
    write_farm(out, input->status);
    write_gate(out, &input->status->verdict);
    write_contact(out, input->status);
    write_clocks(out, input->status, input->now_ms);
    write_place(out, input->place, input->now_ms);
    write_agent(out, input);
    bool complete = !ferror(out);
    if (fclose(out) != 0 || !complete) {
        free(text);
        return NULL;
    }
    return text;
}
