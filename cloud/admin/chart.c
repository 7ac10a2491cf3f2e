#include "cloud/admin/chart.h"

#include <string.h>

#define EIGHTHS 8

/* Columns before the mark; all of them without one. */
static int64_t mark_of(const struct chart *chart)
{
    if (chart->limit < 0 || chart->maximum == 0)
        return chart->columns;
    return chart->limit * (chart->columns - 1) / chart->maximum;
}

/* So many eighths of the columns for this part of the value; one that is not 0 is seen. */
static int64_t eighths_of(int64_t part, int64_t whole, int64_t columns)
{
    if (part <= 0 || whole <= 0)
        return 0;
    int64_t eighths = part * columns * EIGHTHS / whole;
    return eighths > 0 || columns == 0 ? eighths : 1;
}

/* Fills `columns` with a bar of so many eighths, and with blanks behind it if something follows. */
static char *put(const struct chart *chart, char *at, int64_t eighths, int64_t columns, bool follows)
{
    static const char *const parts[EIGHTHS] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int64_t full = eighths / EIGHTHS, rest = eighths % EIGHTHS;
    for (int64_t i = 0; i < full; i++)
        at = stpcpy(at, chart->ascii ? "#" : "█");
    if (rest > 0)
        at = stpcpy(at, chart->ascii ? "#" : parts[rest]);
    for (int64_t i = full + (rest > 0); follows && i < columns; i++)
        at = stpcpy(at, " ");
    return at;
}

void chart_bar(const struct chart *chart, int64_t value, char ret[CHART_BYTES])
{
    int64_t before = mark_of(chart), behind = chart->columns - 1 - before;
    bool marked = before < chart->columns;
    int64_t bound = marked ? chart->limit : chart->maximum;
    int64_t inside = value < bound ? value : bound;
    ret[0] = '\0';
    char *at = put(chart, ret, eighths_of(inside, bound, before), before, marked);
    if (!marked)
        return;
    at = stpcpy(at, chart->ascii ? "|" : "│");
    (void)put(chart, at, eighths_of(value - bound, chart->maximum - bound, behind), behind, false);
}
