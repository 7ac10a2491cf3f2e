/* print_events - puts the table of log events into its manual page: `print_events PAGE`. */
#include "roff.h"

#include "agent/core/log_event.h"
#include "packaging/event_text.h"

#include <string.h>

static void print_fields(FILE *out, const char *fields)
{
    (void)fprintf(out, ".br\nFields: %s", fields[0] == '\0' ? "none" : "");
    for (const char *field = fields; *field != '\0';) {
        int bytes = (int)strcspn(field, " ");
        (void)fprintf(out, "%s\\fI%.*s\\fP", field == fields ? "" : ", ", bytes, field);
        field += bytes + (field[bytes] == ' ');
    }
    (void)fprintf(out, ".\n");
}

static void print_event(FILE *out, const struct log_event_form *form)
{
    char text[EVENT_TEXT_BYTES];
    (void)fprintf(out, ".It Cm %s Pq %s , event id %u\n", form->name, log_severity_name(form->severity),
                  (unsigned)form->number);
    (void)fprintf(out, "\\(lq");
    event_text_many(form->text, text);
    roff_text(out, text);
    (void)fprintf(out, "\\(rq\n.br\n");
    event_text_advice(form->advice, HINT_LINUX, text);
    roff_line(out, text);
    print_fields(out, form->fields);
    (void)fprintf(out, ".br\nMESSAGE_ID=%s\n", form->message_id);
}

static void print_all(FILE *out)
{
    unsigned group = 0;
    for (int code = 0; code < LOG_EVENT_MAX; code++) {
        const struct log_event_form *form = log_event_form((enum log_event_code)code);
        if (form->number / 100u != group) {
            (void)fprintf(out, "%s", group == 0 ? "" : ".El\n");
            group = form->number / 100u;
            (void)fprintf(out, ".Ss %s\n.Bl -tag -width Ds\n", log_event_group_name(group));
        }
        print_event(out, form);
    }
    (void)fprintf(out, ".El\n");
}

int main(int argc, char **argv)
{
    return roff_fill(argc, argv, "@events@", print_all);
}
