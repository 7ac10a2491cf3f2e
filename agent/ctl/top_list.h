/* top_list.h - the list of `farmgate top`: who is on and why each counts, events, or the hosts of the farm;
 * sorted and filtered. */
#ifndef FARMGATE_CTL_TOP_LIST_H
#define FARMGATE_CTL_TOP_LIST_H

#include "top_page.h"

#define TOP_LIST_COLUMNS    7
#define TOP_LIST_CELL_BYTES 512

struct top_row {
    const void *of;              /* a struct connection_row, ignored_row, top_event or farm_view_host */
    const struct top_page *page; /* whose order it is in */
    bool ignored;                /* of: an ignored_row */
};

struct top_list {
    enum top_panel panel;
    int64_t now_ms;   /* by the licence's clock for hosts, by the wall's else */
    bool more;        /* the agent has not told of all */
    const char *note; /* instead of rows; NULL: none */
    size_t count;
    struct top_row *rows;
};

/* What the page's filter lets pass, in its order. False without memory. */
bool top_list_create(const struct top_page *page, const struct top_told *told, int64_t wall_ms,
                     struct top_list *ret);
void top_list_finish(struct top_list *list);
/* Titles in `row`, and below as many rows as there is room for. */
void top_list_draw(const struct top_list *list, const struct top_page *page, struct cells *cells,
                   unsigned row, unsigned room);
void top_list_draw_event(struct cells *cells, unsigned row, const struct top_event *event, int64_t wall_ms);

#endif
