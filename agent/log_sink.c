#include "log_sink.h"

#include "agent/core/log_event.h"
#include "agent/service/service.h"
#include "common/log.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#define LOG_SINK_SENTENCE_BYTES 1024

/* The journal gets every field by itself, so that people can ask for one host or one user. */
static bool to_journal(const struct log_event *event, const char *sentence)
{
    const char *names[LOG_FIELDS_MAX];
    const char *values[LOG_FIELDS_MAX];
    char numbers[LOG_FIELDS_MAX][24];
    for (size_t i = 0; i < event->field_count; i++) {
        const struct log_field *field = &event->fields[i];
        names[i] = field->name;
        values[i] = field->text;
        if (!field->text) {
            (void)snprintf(numbers[i], sizeof(numbers[i]), "%" PRId64, field->number);
            values[i] = numbers[i];
        }
    }
    return service_log((int)log_event_severity(event->code), sentence, log_event_name(event->code), names,
                       values, event->field_count);
}

void log_sink_write(const struct log *log, const struct log_event *event, const char *json)
{
    char sentence[LOG_SINK_SENTENCE_BYTES];
    int severity = (int)log_event_severity(event->code);
    (void)log_event_sentence(event, sentence, sizeof(sentence));
    if (severity > log->severity_max)
        return;
    if (log->format == LOG_FORMAT_SYSTEMD && to_journal(event, sentence))
        return;
    if (log->format == LOG_FORMAT_JSON && json)
        (void)dprintf(log->fd, "%s\n", json);
    else
        log_line(log, severity, "%s", sentence);
}
