#include "windows_input.h"

#include <string.h>
#include <sys/random.h>

#define STAMPS_DOWN_MIN 4 /* a clock that is put right goes back once or twice */

bool windows_input_init(struct windows_input *input, struct reader *reader)
{
    const struct reader_settings *settings = &reader->settings;
    uint8_t seed[KEYED_HASH_SEED_BYTES];
    input->sessions = NULL;
    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return false;
    input->reader = reader;
    input->sessions = windows_sessions_create(&settings->sink, settings->services, seed);
    input->hosts = (struct windows_hosts){settings->host, settings->host_given};
    input->zone = (struct windows_zone){0};
    input->order = ORDER_UNJUDGED;
    input->hold = (struct windows_hold){0};
    windows_record_begin(&input->record);
    return input->sessions != NULL;
}

void windows_input_finish(struct windows_input *input)
{
    windows_hold_finish(&input->hold);
    windows_sessions_destroy(input->sessions);
    input->sessions = NULL;
}

bool windows_input_read(struct windows_input *input, struct windows_event *ret_event)
{
    enum windows_meaning meaning =
        windows_record_read(&input->record, &input->hosts, &input->zone, ret_event);
    if (meaning == WINDOWS_UNREADABLE)
        reader_repair(input->reader, REPAIR_NOT_UNDERSTOOD, NULL);
    else
        input->reader->understood++;
    return meaning == WINDOWS_MEANT;
}

/* The event of the same log before this one; NULL: none is held. */
static const struct windows_event *before(const struct windows_hold *hold, size_t number)
{
    const struct windows_event *event = &hold->events[number].event;
    while (number-- > 0) {
        const struct windows_event *other = &hold->events[number].event;
        if (other->log == event->log && other->record != 0 && strcmp(other->host, event->host) == 0)
            return other;
    }
    return NULL;
}

static bool goes_down(const struct windows_hold *hold)
{
    size_t numbers_down = 0, numbers_up = 0, stamps_down = 0, stamps_up = 0;
    for (size_t i = 1; i < hold->count; i++) {
        const struct windows_event *event = &hold->events[i].event, *same_log = before(hold, i);
        if (event->record != 0 && same_log != NULL) {
            numbers_down += event->record < same_log->record;
            numbers_up += event->record > same_log->record;
        }
        stamps_down += event->at_ms < hold->events[i - 1].event.at_ms;
        stamps_up += event->at_ms > hold->events[i - 1].event.at_ms;
    }
    if (numbers_down + numbers_up > 0)
        return numbers_down > numbers_up;
    return stamps_down >= STAMPS_DOWN_MIN && stamps_down > 3 * stamps_up;
}

/* Judges the file by what is held, and gives that on unless it has to wait for the file's end. */
static int judge(struct windows_input *input)
{
    input->order = goes_down(&input->hold) ? ORDER_NEWEST_FIRST : ORDER_OLDEST_FIRST;
    if (input->order == ORDER_NEWEST_FIRST)
        return 0;
    struct log_place place = input->reader->place;
    int code = windows_hold_give(&input->hold, false, input->sessions, &input->reader->place);
    input->reader->place = place;
    return code;
}

int windows_input_take(struct windows_input *input)
{
    struct windows_event event;
    if (!windows_input_read(input, &event))
        return 0;
    if (input->order == ORDER_OLDEST_FIRST)
        return windows_sessions_take(input->sessions, &event, &input->reader->place);
    int code = windows_hold_add(&input->hold, &event, &input->reader->place);
    if (code < 0 || input->order == ORDER_NEWEST_FIRST || input->hold.count < WINDOWS_INPUT_JUDGED)
        return code;
    return judge(input);
}

void windows_input_begin_file(struct windows_input *input)
{
    input->order = ORDER_UNJUDGED;
}

int windows_input_end_file(struct windows_input *input)
{
    int code = input->order == ORDER_UNJUDGED ? judge(input) : 0;
    return code == 0 ? windows_hold_give(&input->hold, true, input->sessions, &input->reader->place) : code;
}
