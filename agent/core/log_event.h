/* log_event.h - every log event there is: one table yields what journal, stderr, API, store and manual say
 * of it (farmgate-events(7)). */
#ifndef FARMGATE_CORE_LOG_EVENT_H
#define FARMGATE_CORE_LOG_EVENT_H

#include "sentence.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* syslog's levels. */
enum log_severity {
    SEVERITY_ERROR = 3,
    SEVERITY_WARNING = 4,
    SEVERITY_NOTICE = 5,
    SEVERITY_INFO = 6,
    SEVERITY_DEBUG = 7
};

/* The codes, in the order of log_events.def, which is the one table of them all. */
enum log_event_code {
#define LOG_EVENT(code, number, severity, message_id, text, fields, advice) LOG_##code,
#include "log_events.def"
#undef LOG_EVENT
    LOG_EVENT_MAX
};

/* What the table says of a code. */
struct log_event_form {
    const char *name; /* "gate_closed" */
    uint16_t number;  /* event id of Windows */
    enum log_severity severity;
    const char *message_id; /* of the journal: 128 bits as 32 lower-case hexadecimal digits */
    const char *text;       /* with {fields}: see sentence.h */
    const char *fields;     /* names, one space between two */
    const char *advice;     /* what it means and what to do; `literals` in backquotes */
};

/* The hundreds of the numbers. */
#define LOG_EVENT_GROUPS 7
/* Of 1 to LOG_EVENT_GROUPS: "The agent itself". */
const char *log_event_group_name(unsigned group);

#define LOG_FIELDS_MAX     8
#define LOG_SENTENCE_BYTES 2048 /* room for any sentence that is to be read whole */

/* One event as it happens. Texts belong to whoever made it; receivers copy or use them at once. */
struct log_event {
    enum log_event_code code;
    int64_t at_ms; /* licence time, Unix ms */
    uint64_t id;   /* given by the store, rising; 0 until then */
    size_t field_count;
    struct sentence_field fields[LOG_FIELDS_MAX]; /* an instant of 0 or INT64_MAX: never */
};

const struct log_event_form *log_event_form(enum log_event_code code);
const char *log_event_name(enum log_event_code code); /* "gate_closed" */
enum log_severity log_event_severity(enum log_event_code code);
const char *log_severity_name(enum log_severity severity); /* "error", "warning", "notice", "info", "debug" */

/* Adds a field. One that the table does not declare for the event's code, one that is there already, and one
 * beyond LOG_FIELDS_MAX are our own bugs (asserts). */
void log_event_text(struct log_event *event, const char *name, const char *text);
void log_event_number(struct log_event *event, const char *name, int64_t number);

/* Whether the table declares a field of that name for the code. */
bool log_event_has_field(enum log_event_code code, const char *name, size_t name_bytes);

/* The sentence, with instants in UTC: see sentence_write. */
size_t log_event_sentence(const struct log_event *event, char *ret, size_t ret_bytes);

#endif
