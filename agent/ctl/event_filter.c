#include "event_filter.h"

#include <stdio.h>
#include <string.h>

static bool find_code(const char *name, size_t bytes, enum log_event_code *ret)
{
    for (int code = 0; code < LOG_EVENT_MAX; code++) {
        const char *known = log_event_name((enum log_event_code)code);
        if (strlen(known) == bytes && memcmp(known, name, bytes) == 0) {
            *ret = (enum log_event_code)code;
            return true;
        }
    }
    return false;
}

static bool find_severity(const char *name, enum log_severity *ret)
{
    for (int severity = SEVERITY_ERROR; severity <= SEVERITY_DEBUG; severity++) {
        if (strcmp(log_severity_name((enum log_severity)severity), name) == 0) {
            *ret = (enum log_severity)severity;
            return true;
        }
    }
    return false;
}

bool event_filter_init(struct event_filter *filter, const char *codes, const char *severity,
                       char ret_wrong[EVENT_FILTER_WORD_BYTES])
{
    *filter = (struct event_filter){.by_code = codes != NULL, .severity_max = SEVERITY_DEBUG};
    for (const char *at = codes; at;) {
        enum log_event_code code;
        size_t bytes = strcspn(at, ",");
        if (!find_code(at, bytes, &code)) {
            (void)snprintf(ret_wrong, EVENT_FILTER_WORD_BYTES, "%.*s", (int)bytes, at);
            return false;
        }
        filter->codes[code] = true;
        at = at[bytes] == ',' ? at + bytes + 1 : NULL;
    }
    if (severity && !find_severity(severity, &filter->severity_max)) {
        (void)snprintf(ret_wrong, EVENT_FILTER_WORD_BYTES, "%s", severity);
        return false;
    }
    return true;
}

bool event_filter_wants(const struct event_filter *filter, const char *code, const char *severity)
{
    enum log_event_code known;
    enum log_severity level;
    if (filter->by_code && !(find_code(code, strlen(code), &known) && filter->codes[known]))
        return false;
    return !find_severity(severity, &level) || level <= filter->severity_max;
}
