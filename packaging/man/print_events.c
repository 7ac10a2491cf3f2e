/* print_events - puts the table of log events into its manual page: `print_events PAGE`. */
#include "roff.h"

#include "agent/core/log_event.h"

static void print_event(FILE *out, const char *code, enum log_severity severity, const char *text)
{
    (void)fprintf(out, ".It Cm %s Pq %s\n", code, log_severity_name(severity));
    roff_sentence(out, text);
}

static void print_all(FILE *out)
{
#define PRINT(code, severity, text) print_event(out, #code, SEVERITY_##severity, text);
    LOG_EVENTS(PRINT)
#undef PRINT
}

int main(int argc, char **argv)
{
    return roff_fill(argc, argv, "@events@", print_all);
}
