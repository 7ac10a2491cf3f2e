/* top_page.h - what `farmgate top` shows and what its keys do: what was told and the reader's wishes go in,
 * cells come out. Pure but for the local time of day. */
#ifndef FARMGATE_CTL_TOP_PAGE_H
#define FARMGATE_CTL_TOP_PAGE_H

#include "cells.h"
#include "keys.h"
#include "top_feed.h"

#define TOP_FILTER_BYTES 128

enum top_panel { TOP_WHO, TOP_EVENTS, TOP_HOSTS, TOP_PANEL_MAX };
enum top_sort { TOP_BY_USER, TOP_BY_WHY, TOP_BY_SINCE, TOP_BY_HOST, TOP_SORT_MAX };

struct top_page {
    enum top_panel panel;
    enum top_sort sort;
    bool reversed, help, typing; /* typing: keys go into the filter */
    char filter[TOP_FILTER_BYTES];
    size_t first[TOP_PANEL_MAX]; /* row of the list that stands at its top */
    unsigned shift;              /* columns that are left out behind the first */
    size_t rows, room;           /* of the list, and what of it fits, when it was drawn last */
};

void top_page_init(struct top_page *page);

/* What a key asks of whoever has the terminal; the page itself is to be drawn anew in any case. */
enum top_wish { TOP_DRAW, TOP_LEAVE, TOP_SUSPEND, TOP_REDRAW };
enum top_wish top_page_key(struct top_page *page, enum key key, const char *text);

struct top_now {
    uint64_t loop_ms; /* as in told->status_at_ms */
    int64_t wall_ms;
};
/* False without memory: the cells are not whole. */
bool top_page_draw(struct top_page *page, const struct top_told *told, const struct top_now *now,
                   struct cells *cells);

#endif
