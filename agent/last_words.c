#include "last_words.h"

#include "agent/clock.h"
#include "agent/core/log_event.h"
#include "agent/event_file.h"
#include "agent/event_json.h"
#include "agent/log_sink.h"
#include "agent/service/service.h"
#include "agent/settings.h"
#include "common/log.h"

#include <stdlib.h>

void last_words_log(struct log *ret, const struct settings *settings)
{
    log_init(ret, "farmgated");
    if (service_has_log())
        ret->format = LOG_FORMAT_SYSTEMD;
    else if (settings->log_format == SETTINGS_LOG_HUMAN)
        ret->format = LOG_FORMAT_HUMAN;
    else if (settings->log_format == SETTINGS_LOG_JSON)
        ret->format = LOG_FORMAT_JSON;
    ret->severity_max = settings_severity(settings);
}

void last_words(const struct log *log, struct event_file *file, const char *detail, int exit_code)
{
    struct clock_reading reading;
    clock_system_read(NULL, &reading);
    struct log_event event = {.code = LOG_agent_failed, .at_ms = reading.wall_ms};
    log_event_text(&event, "detail", detail);
    log_event_number(&event, "exit_code", exit_code);
    char *json = event_json(&event);
    log_sink_write(log, &event, json);
    file->bytes_max = INT64_MAX / 4;
    if (json)
        (void)event_file_write(file, json);
    free(json);
}
