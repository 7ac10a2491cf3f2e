/* cells.h - a screen of characters, and the fewest bytes that turn what a terminal shows into the next one.
 * Pure. */
#ifndef FARMGATE_CTL_CELLS_H
#define FARMGATE_CTL_CELLS_H

#include "common/text_buffer.h"

#include "term.h"

#include <stdbool.h>
#include <stdint.h>

#define CELLS_ROWS_MAX    500
#define CELLS_COLUMNS_MAX 1000
#define CELL_BYTES        14 /* of a character and its combining marks; further marks are left out */

struct cell {
    char text[CELL_BYTES]; /* NUL-terminated; "" on the right half of a wide character */
    uint8_t width;         /* columns; 0: the right half of a wide one */
    uint8_t style;         /* enum term_style */
};

struct cells {
    unsigned rows, columns;
    bool plain; /* the terminal knows ASCII only: anything else shows as '?' */
    struct cell *cells;
};

/* All blank. False without memory or for a screen past the limits: nothing was changed. */
bool cells_resize(struct cells *cells, unsigned rows, unsigned columns);
void cells_finish(struct cells *cells);
void cells_clear(struct cells *cells);
/* ERROR-free: both have the same size. */
void cells_copy(struct cells *to, const struct cells *from);

/* Writes from `column` up to before `end` and returns the column after it. What could steer the terminal
 * shows as
 * '?'; a text that is too long ends with an ellipsis. Outside the screen nothing is written. */
unsigned cells_put(struct cells *cells, unsigned row, unsigned column, unsigned end, enum term_style style,
                   const char *text);

/* Appends what turns `shown` into `wanted`, nothing if they are the same. `shown` NULL or of another size:
 * the terminal is cleared first. Needs a terminal that knows cursor positions (CUP), erasing (ED, EL) and,
 * with colour, SGR: what every one since the VT100 knows, and Windows' console. */
void cells_difference(const struct cells *shown, const struct cells *wanted, bool colour,
                      struct text_buffer *ret);

#endif
