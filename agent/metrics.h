/* metrics.h - the agent's state as Prometheus text (farmgate-metrics(7)). What there is stands in
 * metrics.def, one table for the text and the manual. */
#ifndef FARMGATE_AGENT_METRICS_H
#define FARMGATE_AGENT_METRICS_H

#include "agent/core/core.h"
#include "agent/farm/farm.h"
#include "agent/histogram.h"

#define METRIC(name, type, label, values, help, absent) METRIC_##name,
enum metric {
#include "agent/metrics.def"
    METRIC_MAX
};
#undef METRIC

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM };

/* The value with this number that a label may have; NULL past the last. */
typedef const char *metric_values_fn(int value);

/* What the table says of a metric. */
struct metric_form {
    const char *name;
    enum metric_type type;
    const char *label;        /* NULL: none */
    metric_values_fn *values; /* NULL: not from a list */
    const char *help;
    const char *absent; /* when it has no sample; "" never */
};
const struct metric_form *metric_form(enum metric metric);
const char *metric_type_name(enum metric_type type);

/* How a report ended. */
enum report_result { REPORT_ACCEPTED, REPORT_UNREACHABLE, REPORT_REFUSED, REPORT_RESULT_MAX };

/* What the agent counts for this alone, since its start. */
struct metrics_counts {
    uint64_t events[SEVERITY_DEBUG + 1]; /* by severity */
    uint64_t refusals;
    uint64_t reports[REPORT_RESULT_MAX];
};

struct metrics_process {
    double cpu_seconds;
    uint64_t resident_bytes;
    int64_t started_ms; /* of the wall clock */
};

struct metrics_input {
    const struct core_status *status;
    const struct tally_level *here; /* of this host alone: users and connections */
    const struct farm_place *place;
    int64_t now_ms; /* licence time */
    const char *version;
    bool ready, store_healthy;
    unsigned api_clients;
    const struct metrics_counts *counts;
    const struct histogram *turns, *commits; /* of the loop; to the store */
    uint64_t commits_failed;
    struct metrics_process process;
};

/* To be freed with free(); NULL without memory. */
char *metrics_text(const struct metrics_input *input);

#endif
