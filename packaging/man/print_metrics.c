/* print_metrics - puts the table of metrics into its manual page: `print_metrics PAGE`. The table is the one
 * that /metrics is written by. */
#include "roff.h"

#include "agent/metrics.h"

/* What the parts are called, by the first metric of each. */
static const struct {
    enum metric first;
    const char *title;
} parts[] = {
    {METRIC_farmgate_concurrent_users, "The farm"},
    {METRIC_farmgate_host_concurrent_users, "This host"},
    {METRIC_farmgate_gate_open, "The gate and why it stands so"},
    {METRIC_farmgate_clock_left_seconds, "Clocks"},
    {METRIC_farmgate_last_contact_timestamp_seconds, "Reports to the authority"},
    {METRIC_farmgate_farm_part, "A farm of many hosts"},
    {METRIC_farmgate_ready, "The agent"},
};

static const char *part_of(enum metric metric)
{
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].first == metric)
            return parts[i].title;
    }
    return NULL;
}

static void print_label(FILE *out, const struct metric_form *form)
{
    if (!form->label)
        return;
    (void)fprintf(out, ".br\nLabel \\fI%s\\fP", form->label);
    for (int i = 0; form->values && form->values(i); i++) {
        (void)fputs(i == 0 ? ": " : ", ", out);
        roff_text(out, form->values(i));
    }
    (void)fputs(".\n", out);
}

static void print_metric(FILE *out, const struct metric_form *form)
{
    (void)fprintf(out, ".It Cm %s Pq %s\n", form->name, metric_type_name(form->type));
    roff_line(out, form->help);
    print_label(out, form);
    if (*form->absent)
        (void)fprintf(out, ".br\nNo sample %s.\n", form->absent);
}

static void print_all(FILE *out)
{
    for (int metric = 0; metric < METRIC_MAX; metric++) {
        const char *title = part_of((enum metric)metric);
        if (title)
            (void)fprintf(out, "%s.Ss %s\n.Bl -tag -width Ds\n", metric == 0 ? "" : ".El\n", title);
        print_metric(out, metric_form((enum metric)metric));
    }
    (void)fprintf(out, ".El\n");
}

int main(int argc, char **argv)
{
    return roff_fill(argc, argv, "@metrics@", print_all);
}
