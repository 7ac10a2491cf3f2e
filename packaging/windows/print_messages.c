/* print_messages - the table of log events as the message compiler wants it: what Event Viewer shows of each.
 *
 * The sentence comes as it was said, then each field by its name, then what it means and what to do. */
#include "agent/service/windows_event.h"
#include "packaging/event_text.h"

#include <stdio.h>
#include <string.h>

static const char *const severities[] = {[WINDOWS_EVENT_SUCCESS] = "Success",
                                         [WINDOWS_EVENT_INFORMATION] = "Informational",
                                         [WINDOWS_EVENT_WARNING] = "Warning",
                                         [WINDOWS_EVENT_ERROR] = "Error"};

static void print_head(unsigned id, const char *symbol, enum windows_event_severity severity)
{
    (void)printf(
        "MessageId=%u\nSeverity=%s\nFacility=Application\nSymbolicName=FARMGATE_%s\nLanguage=English\n", id,
        severities[severity], symbol);
}

/* A "%" begins something there. */
static void print_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '%')
            (void)putchar('%');
        (void)putchar(*text);
    }
}

static void print_category(unsigned group)
{
    char symbol[32];
    (void)snprintf(symbol, sizeof(symbol), "group_%u", group);
    print_head(group, symbol, WINDOWS_EVENT_SUCCESS);
    print_text(log_event_group_name(group));
    (void)printf("\n.\n\n");
}

static unsigned count_fields(const char *fields)
{
    unsigned count = *fields != '\0';
    for (; *fields; fields++)
        count += *fields == ' ';
    return count;
}

/* All in one line: where it is broken, "%n" says. */
static void print_event(const struct log_event_form *form)
{
    char advice[EVENT_TEXT_BYTES];
    unsigned number = 1, own = 1 + count_fields(form->fields);
    print_head(form->number, form->name, windows_event_severity(form));
    (void)printf("%%%u%%n%%n", own + WINDOWS_EVENT_SENTENCE);
    for (const char *field = form->fields; *field != '\0'; number++) {
        int bytes = (int)strcspn(field, " ");
        (void)printf("%.*s: %%%u%%n", bytes, field, number);
        field += bytes + (field[bytes] == ' ');
    }
    (void)printf("at: %%%u%%nid: %%%u%%n%%n", own + WINDOWS_EVENT_AT, own + WINDOWS_EVENT_ID);
    event_text_advice(form->advice, HINT_WINDOWS, advice);
    print_text(advice);
    (void)printf("\n.\n\n");
}

int main(void)
{
    (void)printf("MessageIdTypedef=DWORD\n"
                 "SeverityNames=(Success=0x0 Informational=0x1 Warning=0x2 Error=0x3)\n"
                 "FacilityNames=(Application=0x0)\n"
                 "LanguageNames=(English=0x409:MSG00409)\n\n");
    for (unsigned group = 1; group <= LOG_EVENT_GROUPS; group++)
        print_category(group);
    for (int code = 0; code < LOG_EVENT_MAX; code++)
        print_event(log_event_form((enum log_event_code)code));
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
