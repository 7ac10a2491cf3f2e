/* windows_input.h - what the readers of Windows logs share: from a record's fields to its sessions.
 *
 * Some programs write a log newest first. By the first WINDOWS_INPUT_JUDGED events of a file it is seen
 * whether its records' numbers go down or, where they have none, its stamps do; then all of the file is held
 * and given from its end. */
#ifndef FARMGATE_CTL_WINDOWS_INPUT_H
#define FARMGATE_CTL_WINDOWS_INPUT_H

#include "reader.h"
#include "windows_hold.h"
#include "windows_record.h"
#include "windows_sessions.h"

#define WINDOWS_INPUT_JUDGED 16

struct windows_input {
    struct reader *reader; /* whose input this is */
    struct windows_sessions *sessions;
    struct windows_hosts hosts;
    struct windows_zone zone;
    enum { ORDER_UNJUDGED, ORDER_OLDEST_FIRST, ORDER_NEWEST_FIRST } order; /* of the file */
    struct windows_hold hold;
    struct windows_record record; /* to be filled */
};

/* Of a reader that has its settings, and tells where it is. False without memory. */
bool windows_input_init(struct windows_input *input, struct reader *reader);
void windows_input_finish(struct windows_input *input);

/* A file begins; it has ended. What windows_sessions_take returned. */
void windows_input_begin_file(struct windows_input *input);
int windows_input_end_file(struct windows_input *input);

/* The record is full: whether it is an event that says something of sessions; its texts live as long as the
 * record. */
bool windows_input_read(struct windows_input *input, struct windows_event *ret_event);

/* The record is full, and its event the next of the file. 0, ERROR_NO_MEMORY or what the sink returned. */
int windows_input_take(struct windows_input *input);

#endif
