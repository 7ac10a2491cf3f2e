/* term.h - what people see: colours, widths, tables, bars, times. */
#ifndef FARMGATE_CTL_TERM_H
#define FARMGATE_CTL_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TERM_WIDTH_DEFAULT 80
#define TERM_TEXT_BYTES    2048 /* of a cleaned text; longer ones are cut */

enum term_style { TERM_PLAIN, TERM_BOLD, TERM_DIM, TERM_GOOD, TERM_WARN, TERM_BAD, TERM_STYLE_MAX };

struct term {
    FILE *file;
    bool colour;
    unsigned width; /* columns */
};

/* Colour only on a terminal, and not where NO_COLOR is set or TERM is dumb. */
void term_init(struct term *term, FILE *file);

/* The sequence that begins a style, "" without colour; term_plain ends it. */
const char *term_style(const struct term *term, enum term_style style);
const char *term_plain(const struct term *term);

/* Columns that a UTF-8 text takes. */
size_t term_text_width(const char *text);

/* Control characters, which could steer the terminal, become '?', as do bytes that are no UTF-8. Returns ret.
 */
const char *term_clean(const char *text, char ret[TERM_TEXT_BYTES]);

/* How much of a cleaned text fits into so many columns, broken at spaces: bytes. At least one word. */
size_t term_fitting(const char *text, size_t columns);

/* A bar of `value` out of `maximum` in `columns` columns, eighths of a block at its end. Returns ret. */
#define TERM_BAR_BYTES 1024
const char *term_bar(uint64_t value, uint64_t maximum, unsigned columns, char ret[TERM_BAR_BYTES]);

/* "2026-01-05 08:00" in local time; "-" for 0. */
#define TERM_TIME_BYTES 32
const char *term_time(int64_t unix_ms, char ret[TERM_TIME_BYTES]);
/* "3 days", "25 minutes", "a moment": a span without its sign. */
const char *term_span(int64_t ms, char ret[TERM_TIME_BYTES]);

/* Writes a cleaned text from `column` on, where the cursor stands, and ends the line. What does not fit into
 * the terminal goes on below, in the same column; if that is too far right, further left. */
void term_wrap(const struct term *term, size_t column, const char *text);

/* A table with aligned columns; every column but the last as wide as its widest cell. */
struct table;
struct table *table_create(const char *const *titles, size_t columns); /* NULL without memory */
void table_destroy(struct table *table);
void table_right(struct table *table, size_t column); /* numbers */
void table_wrap(struct table *table);                 /* the last column holds sentences: see term_wrap */
/* Fills the next cell; rows follow from the number of columns. Texts are cleaned. */
void table_cell(struct table *table, enum term_style style, const char *text);
void table_number(struct table *table, uint64_t number);
/* False without memory for all cells: nothing was printed. */
bool table_print(const struct table *table, const struct term *term);

#endif
