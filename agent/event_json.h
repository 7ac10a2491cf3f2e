/* event_json.h - a log event as the JSON object that API, store and log show: {id, at, code, severity, text,
 * fields…}. */
#ifndef FARMGATE_AGENT_EVENT_JSON_H
#define FARMGATE_AGENT_EVENT_JSON_H

#include "agent/core/log_event.h"

/* One line without newline, to be freed with free(); NULL without memory. */
char *event_json(const struct log_event *event);

#endif
