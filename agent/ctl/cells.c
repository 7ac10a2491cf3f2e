#include "cells.h"

#include "console.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP_COLUMNS 5 /* so many equal cells are written again rather than jumped over: a jump is as long */

static const struct cell blank = {.text = " ", .width = 1, .style = TERM_PLAIN};

bool cells_resize(struct cells *cells, unsigned rows, unsigned columns)
{
    if (rows == 0 || columns == 0 || rows > CELLS_ROWS_MAX || columns > CELLS_COLUMNS_MAX)
        return false;
    struct cell *room = malloc((size_t)rows * columns * sizeof(*room));
    if (!room)
        return false;
    free(cells->cells);
    cells->cells = room;
    cells->rows = rows;
    cells->columns = columns;
    cells_clear(cells);
    return true;
}

void cells_finish(struct cells *cells)
{
    free(cells->cells);
    cells->cells = NULL;
    cells->rows = cells->columns = 0;
}

void cells_clear(struct cells *cells)
{
    for (size_t i = 0; i < (size_t)cells->rows * cells->columns; i++)
        cells->cells[i] = blank;
}

void cells_copy(struct cells *to, const struct cells *from)
{
    memcpy(to->cells, from->cells, (size_t)from->rows * from->columns * sizeof(*from->cells));
}

static struct cell *cell_at(const struct cells *cells, unsigned row, unsigned column)
{
    return &cells->cells[(size_t)row * cells->columns + column];
}

static void set_cell(struct cells *cells, unsigned row, unsigned column, const char *text, size_t bytes,
                     int width, enum term_style style)
{
    struct cell cell = {.width = (uint8_t)width, .style = (uint8_t)style};
    memcpy(cell.text, text, bytes);
    *cell_at(cells, row, column) = cell;
    if (width == 2)
        *cell_at(cells, row, column + 1) = (struct cell){.text = "", .width = 0, .style = (uint8_t)style};
}

static void add_mark(struct cell *cell, const char *text, size_t bytes)
{
    size_t used = strlen(cell->text);
    if (used + bytes < CELL_BYTES)
        memcpy(cell->text + used, text, bytes);
}

unsigned cells_put(struct cells *cells, unsigned row, unsigned column, unsigned end, enum term_style style,
                   const char *text)
{
    unsigned start = column;
    end = end < cells->columns ? end : cells->columns;
    if (row >= cells->rows)
        return column;
    while (*text) {
        int width;
        size_t bytes = console_character(text, &width);
        const char *shown = text;
        size_t shown_bytes = bytes;
        if (width < 0 || (cells->plain && (unsigned char)*text >= 0x80)) {
            shown = "?";
            shown_bytes = 1;
            width = width < 1 ? 1 : width;
        }
        if (column + (unsigned)width > end)
            break;
        if (width == 0 && column > start)
            add_mark(cell_at(cells, row, column - 1), shown, shown_bytes);
        else if (width > 0)
            set_cell(cells, row, column, shown, shown_bytes, shown == text ? width : 1, style);
        if (shown != text && width == 2)
            set_cell(cells, row, column + 1, "?", 1, 1, style);
        column += (unsigned)width;
        text += bytes;
    }
    if (*text && column > start) {
        unsigned last = column - 1; /* the ellipsis takes a whole character's place */
        if (cell_at(cells, row, last)->width == 0)
            *cell_at(cells, row, last--) = blank;
        set_cell(cells, row, last, cells->plain ? "~" : "…", strlen(cells->plain ? "~" : "…"), 1, style);
    }
    return column;
}

/* --- bytes ---------------------------------------------------------------------------------- */

/* The terminal's pen: where it stands, and how it writes. */
struct pen {
    struct term term; /* for its colours alone */
    struct text_buffer *bytes;
    bool placed; /* where is known */
    unsigned row, column;
    uint8_t style;
};

static void set_style(struct pen *pen, uint8_t style)
{
    if (pen->style == style)
        return;
    if (pen->style != TERM_PLAIN)
        text_buffer_add_text(pen->bytes, term_plain(&pen->term));
    text_buffer_add_text(pen->bytes, term_style(&pen->term, (enum term_style)style));
    pen->style = style;
}

static void move(struct pen *pen, unsigned row, unsigned column)
{
    char text[32];
    if (pen->placed && pen->row == row && pen->column == column)
        return;
    (void)snprintf(text, sizeof(text), "\033[%u;%uH", row + 1, column + 1);
    text_buffer_add_text(pen->bytes, text);
    pen->placed = true;
    pen->row = row;
    pen->column = column;
}

static bool same(const struct cell *a, const struct cell *b)
{
    return a->style == b->style && a->width == b->width && strcmp(a->text, b->text) == 0;
}

static void write_cell(struct pen *pen, const struct cell *cell)
{
    if (cell->width == 0)
        return;
    set_style(pen, cell->style);
    text_buffer_add_text(pen->bytes, cell->text);
    pen->column += cell->width;
    /* Terminals disagree on how wide some characters are: what follows those is placed anew. */
    if (cell->width != 1 || ((unsigned char)cell->text[0] >= 0xF0))
        pen->placed = false;
}

/* Past the last cell of a row that is not blank. */
static unsigned row_end(const struct cells *cells, unsigned row)
{
    unsigned end = cells->columns;
    while (end > 0 && same(cell_at(cells, row, end - 1), &blank))
        end--;
    return end;
}

static void write_row(struct pen *pen, const struct cells *shown, const struct cells *wanted, unsigned row)
{
    unsigned end = row_end(wanted, row), shown_end = shown ? row_end(shown, row) : 0;
    for (unsigned column = 0; column < end; column++) {
        const struct cell *cell = cell_at(wanted, row, column);
        if (same(cell, shown ? cell_at(shown, row, column) : &blank) || cell->width == 0)
            continue;
        unsigned from = column;
        if (pen->placed && pen->row == row && pen->column < column && column - pen->column <= GAP_COLUMNS)
            from = pen->column;
        move(pen, row, from);
        for (; from <= column; from++) {
            if (!pen->placed && cell_at(wanted, row, from)->width > 0)
                move(pen, row, from);
            write_cell(pen, cell_at(wanted, row, from));
        }
    }
    if (shown_end > end) {
        move(pen, row, end);
        set_style(pen, TERM_PLAIN);
        text_buffer_add_text(pen->bytes, "\033[K");
    }
}

void cells_difference(const struct cells *shown, const struct cells *wanted, bool colour,
                      struct text_buffer *ret)
{
    struct pen pen = {.term = {.colour = colour}, .bytes = ret, .style = TERM_PLAIN};
    if (shown && (shown->rows != wanted->rows || shown->columns != wanted->columns))
        shown = NULL;
    if (!shown)
        text_buffer_add_text(ret, "\033[H\033[2J");
    for (unsigned row = 0; row < wanted->rows; row++)
        write_row(&pen, shown, wanted, row);
    set_style(&pen, TERM_PLAIN);
}
