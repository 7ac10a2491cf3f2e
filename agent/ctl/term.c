#include "term.h"

#include "console.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_EIGHTHS      8
#define WRAP_LEAST_COLUMNS 30
#define WRAP_INDENT        4

/* --- the terminal --------------------------------------------------------------------------- */

void term_init(struct term *term, FILE *file)
{
    const char *name = getenv("TERM"), *refused = getenv("NO_COLOR");
    unsigned columns = console_columns(file);
    term->file = file;
    term->colour = !(refused && refused[0]) && !(name && strcmp(name, "dumb") == 0) && console_colours(file);
    term->width = columns > 0 ? columns : TERM_WIDTH_DEFAULT;
}

const char *term_style(const struct term *term, enum term_style style)
{
    static const char *const sequences[TERM_STYLE_MAX] = {
        [TERM_PLAIN] = "",        [TERM_BOLD] = "\033[1m",  [TERM_DIM] = "\033[2m",
        [TERM_GOOD] = "\033[32m", [TERM_WARN] = "\033[33m", [TERM_BAD] = "\033[31m",
    };
    return term->colour ? sequences[style] : "";
}

const char *term_plain(const struct term *term)
{
    return term->colour ? "\033[0m" : "";
}

/* --- texts ---------------------------------------------------------------------------------- */

size_t term_text_width(const char *text)
{
    size_t width = 0;
    while (*text) {
        int columns;
        text += console_character(text, &columns);
        width += columns > 0 ? (size_t)columns : 0;
    }
    return width;
}

const char *term_clean(const char *text, char ret[TERM_TEXT_BYTES])
{
    size_t used = 0;
    while (*text) {
        int columns;
        size_t bytes = console_character(text, &columns);
        if (used + bytes >= TERM_TEXT_BYTES)
            break;
        if (columns < 0)
            ret[used++] = '?';
        else
            memcpy(ret + used, text, bytes);
        used += columns < 0 ? 0 : bytes;
        text += bytes;
    }
    ret[used] = '\0';
    return ret;
}

size_t term_fitting(const char *text, size_t columns)
{
    size_t at = 0, width = 0, broken_at = 0;
    while (text[at]) {
        int its_columns;
        if (text[at] == ' ')
            broken_at = at;
        size_t bytes = console_character(text + at, &its_columns);
        width += its_columns > 0 ? (size_t)its_columns : 0;
        if (width > columns && broken_at > 0)
            return broken_at;
        at += bytes;
    }
    return at;
}

void term_wrap(const struct term *term, size_t column, const char *text)
{
    char clean[TERM_TEXT_BYTES];
    const char *rest = term_clean(text, clean);
    bool far_right = column + WRAP_LEAST_COLUMNS > term->width;
    if (far_right && column > 0 && rest[0]) {
        column = WRAP_INDENT;
        (void)fprintf(term->file, "\n%*s", (int)column, "");
    }
    size_t columns = term->width > column + WRAP_LEAST_COLUMNS ? term->width - column : WRAP_LEAST_COLUMNS;
    for (;;) {
        size_t bytes = term_fitting(rest, columns);
        (void)fprintf(term->file, "%.*s\n", (int)bytes, rest);
        rest += bytes + strspn(rest + bytes, " ");
        if (!rest[0])
            return;
        (void)fprintf(term->file, "%*s", (int)column, "");
    }
}

const char *term_bar(uint64_t value, uint64_t maximum, unsigned columns, char ret[TERM_BAR_BYTES])
{
    static const char *const parts[BLOCK_EIGHTHS] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    uint64_t most = (TERM_BAR_BYTES - 1) / strlen("█") - 1;
    uint64_t room = columns < most ? columns : most;
    uint64_t eighths = 0;
    if (maximum > 0)
        eighths = (value < maximum ? value : maximum) * room * BLOCK_EIGHTHS / maximum;
    if (value > 0 && eighths == 0 && room > 0)
        eighths = 1; /* somebody was there */
    char *at = ret;
    for (uint64_t i = 0; i < eighths / BLOCK_EIGHTHS; i++)
        at = stpcpy(at, "█");
    (void)stpcpy(at, parts[eighths % BLOCK_EIGHTHS]);
    return ret;
}

const char *term_time(int64_t unix_ms, char ret[TERM_TIME_BYTES])
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm parts;
    if (unix_ms == 0 || !localtime_r(&seconds, &parts) ||
        strftime(ret, TERM_TIME_BYTES, "%Y-%m-%d %H:%M", &parts) == 0)
        (void)snprintf(ret, TERM_TIME_BYTES, "-");
    return ret;
}

const char *term_span(int64_t ms, char ret[TERM_TIME_BYTES])
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "day"}, {3600000, "hour"}, {60000, "minute"}, {1000, "second"}};
    int64_t span = ms < 0 ? -ms : ms;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        int64_t count = span / units[i].ms;
        /* "2 days" rather than "47 hours", yet "36 hours" rather than "1 day" */
        if (count >= 2 || (count == 1 && i == 3)) {
            (void)snprintf(ret, TERM_TIME_BYTES, "%" PRId64 " %s%s", count, units[i].name,
                           count == 1 ? "" : "s");
            return ret;
        }
    }
    (void)snprintf(ret, TERM_TIME_BYTES, "a moment");
    return ret;
}

/* --- tables --------------------------------------------------------------------------------- */

#define COLUMN_GAP 2

struct cell {
    char *text;
    size_t width;
    enum term_style style;
};

struct table {
    const char *const *titles;
    size_t columns;
    bool *right;
    size_t *widths;
    struct cell *cells;
    size_t count, room;
    bool failed, wraps;
};

struct table *table_create(const char *const *titles, size_t columns)
{
    struct table *table = calloc(1, sizeof(*table));
    if (!table)
        return NULL;
    table->titles = titles;
    table->columns = columns;
    table->right = calloc(columns, sizeof(*table->right));
    table->widths = calloc(columns, sizeof(*table->widths));
    if (!table->right || !table->widths) {
        table_destroy(table);
        return NULL;
    }
    for (size_t i = 0; i < columns; i++)
        table->widths[i] = term_text_width(titles[i]);
    return table;
}

void table_destroy(struct table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i].text);
    free(table->cells);
    free(table->right);
    free(table->widths);
    free(table);
}

void table_right(struct table *table, size_t column)
{
    table->right[column] = true;
}

void table_wrap(struct table *table)
{
    table->wraps = true;
}

void table_cell(struct table *table, enum term_style style, const char *text)
{
    char clean[TERM_TEXT_BYTES];
    if (table->count == table->room) {
        size_t room = table->room ? 2 * table->room : 64;
        struct cell *cells = realloc(table->cells, room * sizeof(*cells));
        if (!cells) {
            table->failed = true;
            return;
        }
        table->cells = cells;
        table->room = room;
    }
    struct cell *cell = &table->cells[table->count];
    size_t column = table->count % table->columns;
    *cell = (struct cell){.text = strdup(term_clean(text, clean)), .style = style};
    if (!cell->text) {
        table->failed = true;
        return;
    }
    cell->width = term_text_width(cell->text);
    if (cell->width > table->widths[column])
        table->widths[column] = cell->width;
    table->count++;
}

void table_number(struct table *table, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, number);
    table_cell(table, TERM_PLAIN, text);
}

static void print_cell(const struct table *table, const struct term *term, size_t column, const char *text,
                       size_t width, enum term_style style)
{
    bool last = column + 1 == table->columns;
    int padding = (int)(table->widths[column] - width);
    if (table->right[column])
        (void)fprintf(term->file, "%*s", padding, "");
    (void)fprintf(term->file, "%s%s%s", term_style(term, style), text,
                  style == TERM_PLAIN ? "" : term_plain(term));
    if (last)
        (void)fputc('\n', term->file);
    else
        (void)fprintf(term->file, "%*s", COLUMN_GAP + (table->right[column] ? 0 : padding), "");
}

/* Where the last column begins. */
static size_t last_column(const struct table *table)
{
    size_t column = 0;
    for (size_t i = 0; i + 1 < table->columns; i++)
        column += table->widths[i] + COLUMN_GAP;
    return column;
}

bool table_print(const struct table *table, const struct term *term)
{
    if (table->failed)
        return false;
    for (size_t i = 0; i < table->columns; i++)
        print_cell(table, term, i, table->titles[i], term_text_width(table->titles[i]), TERM_BOLD);
    for (size_t i = 0; i < table->count; i++) {
        const struct cell *cell = &table->cells[i];
        size_t column = i % table->columns;
        if (table->wraps && column + 1 == table->columns)
            term_wrap(term, last_column(table), cell->text);
        else
            print_cell(table, term, column, cell->text, cell->width, cell->style);
    }
    return true;
}
