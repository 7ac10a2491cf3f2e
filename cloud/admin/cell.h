/* cell.h - a value of the daemon's as people and as programs of theirs read it. */
#ifndef FARMGATE_CLOUD_ADMIN_CELL_H
#define FARMGATE_CLOUD_ADMIN_CELL_H

#include "common/json.h"

#define CELL_BYTES   1032 /* the longest text is a farm's note */
#define CELL_NOTHING "-"

/* What the field holds in `line`: times in UTC to the minute, nothing as "-", and no control characters:
 * farms name themselves, and must not steer an administrator's terminal. */
void cell_format(const struct json_field *field, const void *line, char ret[CELL_BYTES]);

/* Characters, for columns that stand under each other. */
size_t cell_width(const char *text);

/* Printed in so many characters; one that is longer is cut, and says so. The last of a row is not filled up.
 */
void cell_print(const char *text, size_t width, bool last);

/* As a value of RFC 4180: times as RFC 3339, nothing as nothing. A text that a spreadsheet would take for a
 * formula (it begins with = + - @, a tab or a line break) gets an apostrophe before it. */
void cell_print_csv(const struct json_field *field, const void *line);

/* Columns of the terminal that stdout is; 0: it is none, and nothing needs to be cut. */
size_t cell_terminal_width(void);

#endif
