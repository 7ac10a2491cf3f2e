#include "reader.h"

#include <string.h>
#include <strings.h>

bool reader_service_named(const struct reader_services *services, const char *service, size_t bytes)
{
    for (size_t i = 0; services != NULL && i < services->count; i++)
        if (strlen(services->names[i]) == bytes && strncasecmp(services->names[i], service, bytes) == 0)
            return true;
    return false;
}

void reader_init(struct reader *reader, const struct reader_settings *settings, bool place_is_line)
{
    *reader = (struct reader){.settings = *settings, .place = {"", 0, place_is_line}};
}

int reader_begin_file(struct reader *reader, const char *file)
{
    reader->place.file = file;
    reader->place.number = reader->place.is_line ? 1 : 0;
    return 0;
}

int reader_end(struct reader *reader)
{
    (void)reader;
    return 0;
}

int reader_give(struct reader *reader, const struct sizing_event *event)
{
    return reader->settings.sink.take(reader->settings.sink.data, event);
}

void reader_repair(struct reader *reader, enum repair repair, const char *what)
{
    repair_at(reader->settings.sink.repairs, repair, &reader->place, what);
}

void reader_skip_mark(const char **bytes, size_t *count)
{
    const size_t mark_bytes = sizeof READER_MARK - 1;
    if (*count < mark_bytes || memcmp(*bytes, READER_MARK, mark_bytes) != 0)
        return;
    *bytes += mark_bytes;
    *count -= mark_bytes;
}
