#include "windows_input.h"

#include <sys/random.h>

bool windows_input_init(struct windows_input *input, const struct reader_settings *settings,
                        bool place_is_line)
{
    uint8_t seed[KEYED_HASH_SEED_BYTES];
    input->sessions = NULL;
    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return false;
    input->sink = settings->sink;
    input->sessions = windows_sessions_create(&settings->sink, settings->services, seed);
    input->hosts = (struct windows_hosts){settings->host, settings->host_given};
    input->zone = (struct windows_zone){0};
    input->place = (struct windows_place){.file = "", .is_line = place_is_line};
    input->understood = 0;
    windows_record_begin(&input->record);
    return input->sessions != NULL;
}

void windows_input_finish(struct windows_input *input)
{
    windows_sessions_destroy(input->sessions);
    input->sessions = NULL;
}

void windows_input_repair(struct windows_input *input, enum repair repair, const char *what)
{
    windows_repair(input->sink.repairs, repair, &input->place, what);
}

bool windows_input_read(struct windows_input *input, struct windows_event *ret_event)
{
    enum windows_meaning meaning =
        windows_record_read(&input->record, &input->hosts, &input->zone, ret_event);
    if (meaning == WINDOWS_UNREADABLE)
        windows_input_repair(input, REPAIR_NOT_UNDERSTOOD, NULL);
    else
        input->understood++;
    return meaning == WINDOWS_MEANT;
}

int windows_input_take(struct windows_input *input)
{
    struct windows_event event;
    if (!windows_input_read(input, &event))
        return 0;
    return windows_sessions_take(input->sessions, &event, &input->place);
}
