/* event_filter.h - which log events are wanted: --code and --severity. */
#ifndef FARMGATE_CTL_EVENT_FILTER_H
#define FARMGATE_CTL_EVENT_FILTER_H

#include "agent/core/log_event.h"

#include <stdbool.h>

struct event_filter {
    bool by_code;
    bool codes[LOG_EVENT_MAX];
    enum log_severity severity_max; /* the least important that is wanted */
};

#define EVENT_FILTER_WORD_BYTES 64

/* `codes`: names, separated by commas, or NULL for all; `severity`: a name, or NULL for all. False:
 * *ret_wrong is the word that is neither. */
bool event_filter_init(struct event_filter *filter, const char *codes, const char *severity,
                       char ret_wrong[EVENT_FILTER_WORD_BYTES]);

/* What a later agent calls in a way not known here passes, unless codes were asked for. */
bool event_filter_wants(const struct event_filter *filter, const char *code, const char *severity);

#endif
