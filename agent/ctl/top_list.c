#include "top_list.h"

#include "said.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP_COLUMNS   2
#define WIDEST_COLUMN 32
#define MINUTE_MS     60000

typedef char list_cell[TOP_LIST_CELL_BYTES];

static const char *const titles[TOP_PANEL_MAX][TOP_LIST_COLUMNS] = {
    [TOP_WHO] = {"USER", "WHY", "STATE", "SINCE", "SESSION", "KIND", "ROUTE"},
    [TOP_EVENTS] = {"WHEN", "SEVERITY", "WHAT", NULL},
    [TOP_HOSTS] = {"HOST", "STATE", "ON", "SILENT FOR", "VERSION", NULL},
};

/* --- a row's texts -------------------------------------------------------------------------- */

static void text_of_connection(const struct connection_row *row, int64_t now_ms, unsigned column,
                               list_cell ret)
{
    char since[SENTENCE_INSTANT_BYTES];
    const char *const texts[TOP_LIST_COLUMNS] = {
        row->user,  row->reason,
        row->state, row->connected_at_ms ? said_cell(now_ms, row->connected_at_ms, since) : "-",
        NULL,       row->kind,
        row->route};
    if (texts[column])
        (void)snprintf(ret, TOP_LIST_CELL_BYTES, "%s", texts[column]);
    else
        (void)snprintf(ret, TOP_LIST_CELL_BYTES, "%s %s", row->host, row->id);
}

static void text_of_ignored(const struct ignored_row *row, unsigned column, list_cell ret)
{
    const char *const texts[TOP_LIST_COLUMNS] = {
        row->user[0] ? row->user : "-",       row->reason, "-", "-", NULL,
        row->service[0] ? row->service : "-", "-"};
    if (texts[column])
        (void)snprintf(ret, TOP_LIST_CELL_BYTES, "%s", texts[column]);
    else
        (void)snprintf(ret, TOP_LIST_CELL_BYTES, "%s %s", row->host, row->id);
}

static void text_of_host(const struct farm_view_host *row, int64_t now_ms, unsigned column, list_cell ret)
{
    char span[TERM_TIME_BYTES] = "-";
    ret[0] = '\0';
    if (column == 0)
        (void)snprintf(ret, TOP_LIST_CELL_BYTES, "%s%s", row->host, row->answering ? " (this)" : "");
    else if (column == 1)
        (void)snprintf(ret, TOP_LIST_CELL_BYTES, "%s", row->state[0] ? row->state : "told of");
    else if (column == 2 && row->connections >= 0)
        (void)snprintf(ret, TOP_LIST_CELL_BYTES, "%" PRId64, row->connections);
    else if (column == 3 && row->silent_since_ms != 0)
        (void)snprintf(ret, TOP_LIST_CELL_BYTES, "%s",
                       term_span((now_ms - row->silent_since_ms) / MINUTE_MS * MINUTE_MS, span));
    else if (column == 4)
        (void)snprintf(ret, TOP_LIST_CELL_BYTES, "%s", row->version);
}

static void text_of_event(const struct top_event *event, int64_t now_ms, unsigned column, list_cell ret)
{
    char when[SENTENCE_INSTANT_BYTES];
    const char *const texts[] = {event->at_ms ? said_cell(now_ms, event->at_ms, when) : "-", event->severity,
                                 event->text};
    (void)snprintf(ret, TOP_LIST_CELL_BYTES, "%s", texts[column]);
}

static void text_of(const struct top_list *list, const struct top_row *row, unsigned column, list_cell ret)
{
    ret[0] = '\0';
    if (list->panel == TOP_EVENTS)
        text_of_event(row->of, list->now_ms, column, ret);
    else if (list->panel == TOP_HOSTS)
        text_of_host(row->of, list->now_ms, column, ret);
    else if (row->ignored)
        text_of_ignored(row->of, column, ret);
    else
        text_of_connection(row->of, list->now_ms, column, ret);
}

static enum term_style severity_style(const char *severity)
{
    return strcmp(severity, "error") == 0     ? TERM_BAD
           : strcmp(severity, "warning") == 0 ? TERM_WARN
                                              : TERM_PLAIN;
}

static enum term_style style_of(const struct top_list *list, const struct top_row *row, unsigned column)
{
    if (list->panel == TOP_EVENTS)
        return column == 0   ? TERM_DIM
               : column == 1 ? severity_style(((const struct top_event *)row->of)->severity)
                             : TERM_PLAIN;
    if (list->panel == TOP_HOSTS)
        return column == 1 ? farm_view_state_style(((const struct farm_view_host *)row->of)->state)
                           : TERM_PLAIN;
    if (row->ignored)
        return TERM_DIM;
    const struct connection_row *connection = row->of;
    if (column == 1)
        return connection->counted ? TERM_GOOD : TERM_DIM;
    return column == 2 && strcmp(connection->state, "active") != 0 ? TERM_WARN : TERM_PLAIN;
}

/* --- filter and order ----------------------------------------------------------------------- */

static bool passes(const struct top_list *list, const struct top_row *row, const char *filter)
{
    list_cell text;
    if (filter[0] == '\0')
        return true;
    for (unsigned column = 0; column < TOP_LIST_COLUMNS && titles[list->panel][column]; column++) {
        text_of(list, row, column, text);
        if (strcasestr(text, filter))
            return true;
    }
    return false;
}

static void add(struct top_list *list, const struct top_page *page, const void *of, bool ignored)
{
    const struct top_row row = {of, page, ignored};
    if (passes(list, &row, page->filter))
        list->rows[list->count++] = row;
}

static const char *name_of(const struct top_row *row, bool host)
{
    if (row->ignored) {
        const struct ignored_row *ignored = row->of;
        return host ? ignored->host : ignored->user;
    }
    const struct connection_row *connection = row->of;
    return host ? connection->host : connection->user;
}

/* Those that count, then those that do not, then what is no connection; then by reason. */
static int compare_why(const struct top_row *a, const struct top_row *b)
{
    if (a->ignored || b->ignored)
        return a->ignored - b->ignored;
    const struct connection_row *first = a->of, *second = b->of;
    int counted = second->counted - first->counted;
    return counted ? counted : strcmp(first->reason, second->reason);
}

/* The oldest first; the age of what is no connection is not told. */
static int compare_since(const struct top_row *a, const struct top_row *b)
{
    if (a->ignored || b->ignored)
        return a->ignored - b->ignored;
    const struct connection_row *first = a->of, *second = b->of;
    return (first->connected_at_ms > second->connected_at_ms) -
           (first->connected_at_ms < second->connected_at_ms);
}

static int compare_user(const struct top_row *a, const struct top_row *b)
{
    return strcmp(name_of(a, false), name_of(b, false));
}

static int compare_host(const struct top_row *a, const struct top_row *b)
{
    return strcmp(name_of(a, true), name_of(b, true));
}

static int (*const orders[TOP_SORT_MAX])(const struct top_row *a, const struct top_row *b) = {
    [TOP_BY_USER] = compare_user,
    [TOP_BY_WHY] = compare_why,
    [TOP_BY_SINCE] = compare_since,
    [TOP_BY_HOST] = compare_host,
};

/* Equal ones by user, then as the agent told them. */
static int compare(const void *a, const void *b)
{
    const struct top_row *first = a, *second = b;
    const struct top_page *page = first->page;
    int order = orders[page->sort](first, second);
    if (page->reversed)
        order = -order;
    if (order == 0)
        order = compare_user(first, second);
    return order ? order : (first->of > second->of) - (first->of < second->of);
}

/* --- the list ------------------------------------------------------------------------------- */

static void fill_who(struct top_list *list, const struct top_page *page, const struct connections_view *view)
{
    for (size_t i = 0; i < view->connections_count; i++)
        add(list, page, &view->connections[i], false);
    for (size_t i = 0; i < view->ignored_count; i++)
        add(list, page, &view->ignored[i], true);
    qsort(list->rows, list->count, sizeof(*list->rows), compare);
    list->more = view->more;
    if (list->count == 0)
        list->note = page->filter[0] ? "nobody of whom this is true" : "nobody is connected";
}

static size_t rows_of(const struct top_told *told, enum top_panel panel)
{
    if (panel == TOP_EVENTS)
        return told->events_count;
    if (panel == TOP_HOSTS)
        return told->farm ? told->farm->hosts_count : 0;
    return told->connections ? told->connections->connections_count + told->connections->ignored_count : 0;
}

bool top_list_create(const struct top_page *page, const struct top_told *told, int64_t wall_ms,
                     struct top_list *ret)
{
    struct top_list list = {.panel = page->panel, .now_ms = wall_ms};
    list.rows = calloc(rows_of(told, page->panel) + 1, sizeof(*list.rows));
    if (!list.rows)
        return false;
    if (page->panel == TOP_WHO && told->connections)
        fill_who(&list, page, told->connections);
    for (size_t i = 0; page->panel == TOP_EVENTS && i < told->events_count; i++)
        add(&list, page, top_told_event(told, i), false);
    if (page->panel == TOP_HOSTS && !told->farm)
        list.note = "this host is its own farm";
    if (page->panel == TOP_HOSTS && told->farm) {
        list.now_ms = told->farm->now_ms;
        for (size_t i = 0; i < told->farm->hosts_count; i++)
            add(&list, page, &told->farm->hosts[i], false);
    }
    *ret = list;
    return true;
}

void top_list_finish(struct top_list *list)
{
    free(list->rows);
    list->rows = NULL;
}

/* --- on the screen -------------------------------------------------------------------------- */

/* As wide as what is shown of it now; the last one as far as there is room. */
static void measure(const struct top_list *list, size_t first, size_t count,
                    unsigned widths[TOP_LIST_COLUMNS])
{
    list_cell text;
    for (unsigned column = 0; column < TOP_LIST_COLUMNS && titles[list->panel][column]; column++) {
        widths[column] = (unsigned)strlen(titles[list->panel][column]);
        for (size_t i = first; i < first + count; i++) {
            text_of(list, &list->rows[i], column, text);
            unsigned width = (unsigned)term_text_width(text);
            widths[column] = width > widths[column] ? width : widths[column];
        }
        bool last = column + 1 == TOP_LIST_COLUMNS || !titles[list->panel][column + 1];
        if (!last && widths[column] > WIDEST_COLUMN)
            widths[column] = WIDEST_COLUMN;
    }
}

/* Row -1 are the titles. */
static void draw_row(const struct top_list *list, const struct top_page *page, struct cells *cells,
                     unsigned at, const struct top_row *row, const unsigned widths[TOP_LIST_COLUMNS])
{
    list_cell text;
    unsigned x = 0;
    for (unsigned column = 0; column < TOP_LIST_COLUMNS && titles[list->panel][column]; column++) {
        if (column > 0 && column <= page->shift)
            continue;
        if (row)
            text_of(list, row, column, text);
        unsigned width = widths[column];
        if (column == 0 && width > cells->columns / 2)
            width = cells->columns / 2; /* of a name too long there is room for the reason */
        (void)cells_put(cells, at, x, x + width, row ? style_of(list, row, column) : TERM_BOLD,
                        row ? text : titles[list->panel][column]);
        x += width + GAP_COLUMNS;
    }
}

void top_list_draw(const struct top_list *list, const struct top_page *page, struct cells *cells,
                   unsigned row, unsigned room)
{
    unsigned widths[TOP_LIST_COLUMNS] = {0};
    size_t first = page->first[list->panel];
    size_t count = list->count - first < room ? list->count - first : room;
    measure(list, first, count, widths);
    draw_row(list, page, cells, row, NULL, widths);
    for (size_t i = 0; i < count; i++)
        draw_row(list, page, cells, row + 1 + (unsigned)i, &list->rows[first + i], widths);
    if (list->note && room > 0)
        (void)cells_put(cells, row + 1, 0, cells->columns, TERM_DIM, list->note);
}

void top_list_draw_event(struct cells *cells, unsigned row, const struct top_event *event, int64_t wall_ms)
{
    list_cell text;
    text_of_event(event, wall_ms, 0, text);
    unsigned column = cells_put(cells, row, 0, cells->columns, TERM_DIM, text);
    (void)cells_put(cells, row, column + GAP_COLUMNS, cells->columns, severity_style(event->severity),
                    event->text);
}
