/* chart.h - bars in a line of text, with a limit marked in them. Pure. */
#ifndef FARMGATE_CLOUD_ADMIN_CHART_H
#define FARMGATE_CLOUD_ADMIN_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHART_COLUMNS_MIN 10
#define CHART_COLUMNS_MAX 300
#define CHART_BYTES       (CHART_COLUMNS_MAX * 3 + 1)

struct chart {
    int64_t maximum;  /* that fills all columns; at least the limit */
    int64_t limit;    /* -1: none is marked */
    unsigned columns; /* CHART_COLUMNS_MIN … CHART_COLUMNS_MAX */
    bool ascii;       /* else UTF-8, to an eighth of a column */
};

/* The bar of a value (0 … maximum). One of at most the limit ends before the mark, any other behind it. */
void chart_bar(const struct chart *chart, int64_t value, char ret[CHART_BYTES]);

#endif
