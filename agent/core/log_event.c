#include "log_event.h"

#include <assert.h>
#include <string.h>

const struct log_event_form *log_event_form(enum log_event_code code)
{
    static const struct log_event_form forms[] = {
#define LOG_EVENT(code, number, severity, message_id, text, fields, advice) \
    {#code, number, SEVERITY_##severity, message_id, text, fields, advice},
#include "log_events.def"
#undef LOG_EVENT
    };
    static_assert(sizeof(forms) / sizeof(forms[0]) == LOG_EVENT_MAX, "one table yields them all");
    assert(code < LOG_EVENT_MAX);
    return &forms[code];
}

const char *log_event_group_name(unsigned group)
{
    static const char *const names[] = {
        "The agent itself",
        "Connections and users",
        "Concurrent users and the limit",
        "The gate, the licence and its terms",
        "The authority",
        "State and session sources",
        "A farm of many hosts",
    };
    static_assert(sizeof(names) / sizeof(names[0]) == LOG_EVENT_GROUPS, "every group has its name");
    assert(group >= 1 && group <= LOG_EVENT_GROUPS);
    return names[group - 1];
}

const char *log_event_name(enum log_event_code code)
{
    return log_event_form(code)->name;
}

enum log_severity log_event_severity(enum log_event_code code)
{
    return log_event_form(code)->severity;
}

const char *log_severity_name(enum log_severity severity)
{
    static const char *const names[] = {
        [SEVERITY_ERROR] = "error", [SEVERITY_WARNING] = "warning", [SEVERITY_NOTICE] = "notice",
        [SEVERITY_INFO] = "info",   [SEVERITY_DEBUG] = "debug",
    };
    return names[severity];
}

bool log_event_has_field(enum log_event_code code, const char *name, size_t name_bytes)
{
    return sentence_names(log_event_form(code)->fields, name, name_bytes);
}

static struct sentence_field *add_field(struct log_event *event, const char *name)
{
    assert(event->field_count < LOG_FIELDS_MAX);
    assert(log_event_has_field(event->code, name, strlen(name)));
    assert(sentence_find(event->fields, event->field_count, name, strlen(name)) == NULL);
    struct sentence_field *field = &event->fields[event->field_count++];
    *field = (struct sentence_field){.name = name};
    return field;
}

void log_event_text(struct log_event *event, const char *name, const char *text)
{
    add_field(event, name)->text = text != NULL ? text : "";
}

void log_event_number(struct log_event *event, const char *name, int64_t number)
{
    add_field(event, name)->number = number;
}

size_t log_event_sentence(const struct log_event *event, char *ret, size_t ret_bytes)
{
    return sentence_write(log_event_form(event->code)->text, event->fields, event->field_count, sentence_utc,
                          NULL, ret, ret_bytes);
}
