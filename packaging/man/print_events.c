/* print_events - puts the table of log events into its manual page: `print_events PAGE`. */
#include "roff.h"

#include "agent/core/log_event.h"

#include <string.h>

static void print_fields(FILE *out, const char *fields)
{
    const char *before = "; fields ";
    for (const char *field = fields; *field != '\0'; before = ", ") {
        int bytes = (int)strcspn(field, " ");
        (void)fprintf(out, "%s\\fI%.*s\\fP", before, bytes, field);
        field += bytes + (field[bytes] == ' ');
    }
}

static void print_event(FILE *out, const struct log_event_form *form)
{
    (void)fprintf(out, ".It Cm %s Pq %s\n", form->name, log_severity_name(form->severity));
    roff_sentence(out, form->text);
    (void)fprintf(out, ".br\n");
    roff_line(out, form->advice);
    (void)fprintf(out, ".br\nEvent id %u, MESSAGE_ID %s", (unsigned)form->number, form->message_id);
    print_fields(out, form->fields);
    (void)fprintf(out, ".\n");
}

static void print_all(FILE *out)
{
    for (int code = 0; code < LOG_EVENT_MAX; code++)
        print_event(out, log_event_form((enum log_event_code)code));
}

int main(int argc, char **argv)
{
    return roff_fill(argc, argv, "@events@", print_all);
}
