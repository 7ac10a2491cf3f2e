#include "log_sink.h"

#include "agent/core/log_event.h"
#include "agent/service/service.h"
#include "common/log.h"
#include "common/rfc3339.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#define INTEGER_BYTES 24
#define OWN_FIELDS    2 /* id and at, which every event has */

static_assert(OWN_FIELDS + LOG_FIELDS_MAX <= SERVICE_FIELDS_MAX, "every field finds room in the journal");
static_assert(INTEGER_BYTES <= RFC3339_BYTES, "an integer finds room where an instant does");

static const char *field_value(const struct sentence_field *field, char room[RFC3339_BYTES])
{
    if (field->text)
        return field->text;
    if (!sentence_field_is_instant(field))
        (void)snprintf(room, RFC3339_BYTES, "%" PRId64, field->number);
    else if (field->number == 0 || field->number == INT64_MAX)
        return "never";
    else
        (void)rfc3339_format(field->number, room);
    return room;
}

/* The journal gets every field by itself, so that people can ask for one host or one user. */
static bool to_journal(const struct log_event *event, const char *sentence)
{
    struct service_field fields[OWN_FIELDS + LOG_FIELDS_MAX];
    char rooms[OWN_FIELDS + LOG_FIELDS_MAX][RFC3339_BYTES];
    size_t count = 0;
    if (event->id != 0) { /* one that the store could not take has none */
        (void)snprintf(rooms[count], sizeof(rooms[count]), "%" PRIu64, event->id);
        fields[count] = (struct service_field){"id", rooms[count]};
        count++;
    }
    fields[count] = (struct service_field){"at", rfc3339_format(event->at_ms, rooms[count])};
    count++;
    for (size_t i = 0; i < event->field_count; i++, count++) {
        const struct sentence_field *field = &event->fields[i];
        fields[count] = (struct service_field){field->name, field_value(field, rooms[count])};
    }
    return service_log(log_event_form(event->code), sentence, fields, count);
}

void log_sink_write(const struct log *log, const struct log_event *event, const char *json)
{
    char sentence[LOG_SENTENCE_BYTES];
    int severity = (int)log_event_severity(event->code);
    if (severity > log->severity_max)
        return;
    (void)log_event_sentence(event, sentence, sizeof(sentence));
    if (log->format == LOG_FORMAT_SYSTEMD && to_journal(event, sentence))
        return;
    if (log->format == LOG_FORMAT_JSON && json)
        (void)dprintf(log->fd, "%s\n", json);
    else
        log_line(log, severity, "%s", sentence);
}
