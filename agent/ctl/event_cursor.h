/* event_cursor.h - the last log event that was handled, kept in a file so that none is left out over
 * restarts. */
#ifndef FARMGATE_CTL_EVENT_CURSOR_H
#define FARMGATE_CTL_EVENT_CURSOR_H

#include "common/error.h"

#include <stdbool.h>

#define EVENT_ID_BYTES 24 /* of an id as text */

/* Whether the text is the id of an event: digits, not too many. */
bool event_id_valid(const char *text);

/* 0 with *ret_id, "" if there is no file yet. ERROR_INVALID: the file holds something else, and *ret_detail
 * says what to do; or file_read's errors. */
int event_cursor_load(const char *path, char ret_id[EVENT_ID_BYTES], struct error_detail *ret_detail);

/* Durable when it returns 0; file_replace's errors. */
int event_cursor_save(const char *path, const char *id, struct error_detail *ret_detail);

#endif
