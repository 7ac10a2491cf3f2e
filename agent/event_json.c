#include "event_json.h"

#include "common/json.h"

#include <string.h>

static void write_field(struct json_writer *writer, const struct sentence_field *field)
{
    if (field->text)
        json_text(writer, field->name, field->text);
    else if (sentence_field_is_instant(field))
        json_time_or_null(writer, field->name, field->number);
    else
        json_integer(writer, field->name, field->number);
}

char *event_json(const struct log_event *event)
{
    struct json_writer *writer = json_writer_create(false);
    if (!writer)
        return NULL;
    char sentence[LOG_SENTENCE_BYTES];
    (void)log_event_sentence(event, sentence, sizeof(sentence));
    json_open_object(writer, NULL);
    json_integer(writer, "id", (int64_t)event->id);
    json_time(writer, "at", event->at_ms);
    json_text(writer, "code", log_event_name(event->code));
    json_text(writer, "severity", log_severity_name(log_event_severity(event->code)));
    json_text(writer, "text", sentence);
    for (size_t i = 0; i < event->field_count; i++)
        write_field(writer, &event->fields[i]);
    json_close_object(writer);

    const char *text;
    size_t bytes;
    char *copy = NULL;
    if (json_writer_finish(writer, &text, &bytes) == 0)
        copy = strndup(text, bytes);
    json_writer_destroy(writer);
    return copy;
}
