/* windows_event.h - log events in Windows' Event Log: what an event is called there, which the table of
 * messages (packaging/windows/print_messages.c), the program and the registry have to agree on.
 *
 * An event's strings are its fields in the order of log_events.def, then those of enum windows_event_own. */
#ifndef FARMGATE_AGENT_SERVICE_WINDOWS_EVENT_H
#define FARMGATE_AGENT_SERVICE_WINDOWS_EVENT_H

#include "agent/core/log_event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

struct service_field;

enum windows_event_own { WINDOWS_EVENT_SENTENCE, WINDOWS_EVENT_AT, WINDOWS_EVENT_ID, WINDOWS_EVENT_OWN_MAX };
#define WINDOWS_EVENT_STRINGS_MAX   (LOG_FIELDS_MAX + WINDOWS_EVENT_OWN_MAX)
#define WINDOWS_EVENT_STRING_LENGTH 4096 /* of one, in UTF-16; Windows takes 31839 */

/* The two highest bits of a message's id. */
enum windows_event_severity {
    WINDOWS_EVENT_SUCCESS,
    WINDOWS_EVENT_INFORMATION,
    WINDOWS_EVENT_WARNING,
    WINDOWS_EVENT_ERROR
};

static inline enum windows_event_severity windows_event_severity(const struct log_event_form *form)
{
    if (form->severity <= SEVERITY_ERROR)
        return WINDOWS_EVENT_ERROR;
    return form->severity == SEVERITY_WARNING ? WINDOWS_EVENT_WARNING : WINDOWS_EVENT_INFORMATION;
}

/* What Event Viewer shows of it is form->number. */
static inline uint32_t windows_event_id(const struct log_event_form *form)
{
    return (uint32_t)windows_event_severity(form) << 30 | form->number;
}

/* 1 to LOG_EVENT_GROUPS; a message of that id is its name. */
static inline uint16_t windows_event_category(const struct log_event_form *form)
{
    return (uint16_t)(form->number / 100);
}

/* Hands one event over as service_log does; among the fields are "at" and, if it has one, "id". False: it was
 * not taken. */
bool windows_event_report(const struct log_event_form *form, const char *sentence,
                          const struct service_field *fields, size_t count);

/* Puts the source into the registry, or takes it out: 0, or Windows' error. */
uint32_t windows_event_register(const wchar_t *program);
uint32_t windows_event_unregister(void);

#endif
