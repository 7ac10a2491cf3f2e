/* windows_input.h - what the readers of Windows logs share: from a record's fields to its sessions. */
#ifndef FARMGATE_CTL_WINDOWS_INPUT_H
#define FARMGATE_CTL_WINDOWS_INPUT_H

#include "reader.h"
#include "windows_record.h"
#include "windows_sessions.h"

struct windows_input {
    struct reader_sink sink;
    struct windows_sessions *sessions;
    struct windows_hosts hosts;
    struct windows_zone zone;
    struct windows_place place; /* of what is being read */
    uint64_t understood;
    struct windows_record record; /* to be filled */
};

/* False without memory. */
bool windows_input_init(struct windows_input *input, const struct reader_settings *settings,
                        bool place_is_line);
void windows_input_finish(struct windows_input *input);

/* Counts something at the place being read as repaired. */
void windows_input_repair(struct windows_input *input, enum repair repair, const char *what);

/* The record is full: whether it is an event that says something of sessions; its texts live as long as the
 * record. */
bool windows_input_read(struct windows_input *input, struct windows_event *ret_event);

/* The record is full, and its event the next. 0, ERROR_NO_MEMORY or what the sink returned. */
int windows_input_take(struct windows_input *input);

#endif
