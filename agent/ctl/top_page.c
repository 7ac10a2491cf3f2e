/* The page of `farmgate top`: what stands above the list, and around it. */
#include "top_page.h"

#include "said.h"
#include "top_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_COLUMNS 8
#define LINE_BYTES    TERM_TEXT_BYTES
#define WARN_PERCENT  90
#define BAR_COLUMNS   30
#define MINUTE_MS     60000
#define RECENT_MAX    8
#define RECENT_ROWS   26 /* a screen with fewer has none but those of the panel */

struct drawing {
    struct top_page *page;
    const struct top_told *told;
    const struct status_view *status;
    struct cells *cells;
    struct said *said;
    int64_t now_ms, wall_ms;
    unsigned row; /* the next one */
};

/* --- words ---------------------------------------------------------------------------------- */

/* In whole minutes: the screen moves with them. */
static const char *span_of(int64_t ms, char ret[TERM_TIME_BYTES])
{
    int64_t span = ms < 0 ? -ms : ms;
    if (span >= 2 * MINUTE_MS)
        return term_span(span, ret);
    (void)snprintf(ret, TERM_TIME_BYTES, span < MINUTE_MS ? "under a minute" : "a minute");
    return ret;
}

static const char *clock_of(int64_t unix_ms, char ret[TERM_TIME_BYTES])
{
    term_time(unix_ms, ret);
    if (strlen(ret) > strlen("YYYY-MM-DD "))
        memmove(ret, ret + strlen("YYYY-MM-DD "), strlen("HH:MM") + 1);
    return ret;
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

/* --- lines ---------------------------------------------------------------------------------- */

static unsigned put(struct drawing *drawing, unsigned column, enum term_style style, const char *text)
{
    return cells_put(drawing->cells, drawing->row, column, drawing->cells->columns, style, text);
}

static void put_label(struct drawing *drawing, const char *label)
{
    (void)cells_put(drawing->cells, drawing->row, 0, LABEL_COLUMNS - 1, TERM_DIM, label);
}

/* From `column` on, and below in the label's column, on at most so many lines; the next row is past them. */
static void put_lines(struct drawing *drawing, unsigned column, unsigned lines, enum term_style style,
                      const char *text)
{
    char clean[TERM_TEXT_BYTES], line[TERM_TEXT_BYTES];
    const char *rest = term_clean(text, clean);
    for (unsigned i = 0; i < lines; i++, drawing->row++, column = LABEL_COLUMNS) {
        unsigned columns = drawing->cells->columns > column ? drawing->cells->columns - column : 1;
        size_t bytes = i + 1 == lines ? strlen(rest) : term_fitting(rest, columns);
        (void)snprintf(line, sizeof(line), "%.*s", (int)bytes, rest);
        (void)put(drawing, column, style, line);
        rest += bytes + strspn(rest + bytes, " ");
        if (!rest[0]) {
            drawing->row++;
            return;
        }
    }
}

static void draw_title(struct drawing *drawing)
{
    char line[LINE_BYTES], right[TERM_TIME_BYTES + 16], time[TERM_TIME_BYTES];
    const struct status_view *status = drawing->status;
    (void)snprintf(line, sizeof(line), "farmgate top  %s%s%s", status->host, status->farm.name[0] ? "  " : "",
                   status->farm.name);
    (void)snprintf(right, sizeof(right), " %s %s", drawing->told->lost[0] ? "no agent" : "live",
                   clock_of(drawing->wall_ms, time));
    unsigned width = (unsigned)strlen(right), columns = drawing->cells->columns;
    unsigned at = columns > width ? columns - width : 0;
    (void)cells_put(drawing->cells, drawing->row, 0, at, TERM_BOLD, line);
    (void)put(drawing, at, drawing->told->lost[0] ? TERM_BAD : TERM_DIM, right);
    drawing->row++;
}

static void draw_lost(struct drawing *drawing)
{
    char line[LINE_BYTES], time[TERM_TIME_BYTES];
    if (!drawing->told->lost[0])
        return;
    (void)snprintf(line, sizeof(line), "no answer since %s, trying again: %s",
                   clock_of(drawing->told->lost_since_ms, time), drawing->told->lost);
    put_label(drawing, "agent");
    put_lines(drawing, LABEL_COLUMNS, drawing->cells->rows >= 14 ? 3 : 1, TERM_BAD, line);
}

static void draw_gate(struct drawing *drawing)
{
    const struct status_verdict *verdict = &drawing->status->verdict;
    char line[LINE_BYTES];
    put_label(drawing, "gate");
    unsigned column =
        put(drawing, LABEL_COLUMNS, verdict->open ? TERM_GOOD : TERM_BAD, verdict->open ? "open" : "closed");
    (void)snprintf(line, sizeof(line), "%s%s%s%s%s", verdict->open ? "" : verdict->reason,
                   verdict->open || !verdict->text[0] ? "" : ": ", verdict->text,
                   drawing->status->entitlement.reason[0] ? " - " : "", drawing->status->entitlement.reason);
    if (!drawing->status->ready)
        (void)snprintf(line, sizeof(line), "(starting: not every session is known yet)");
    put_lines(drawing, column + 2, drawing->cells->rows >= 14 ? 3 : 1, TERM_PLAIN, line);
}

static enum term_style users_style(const struct status_view *status)
{
    if (status->limit < 0)
        return TERM_PLAIN;
    if (status->concurrent_users > status->limit)
        return TERM_BAD;
    return status->concurrent_users * 100 >= status->limit * WARN_PERCENT ? TERM_WARN : TERM_GOOD;
}

/* The bar in blocks, or in '#'. */
static void draw_bar(struct drawing *drawing, unsigned column, unsigned columns)
{
    const struct status_view *status = drawing->status;
    char bar[TERM_BAR_BYTES];
    uint64_t users = (uint64_t)status->concurrent_users, limit = (uint64_t)status->limit;
    if (drawing->cells->plain) {
        uint64_t full = limit == 0 ? users > 0 : (users < limit ? users : limit) * columns / limit;
        memset(bar, '#', (size_t)full);
        bar[full] = '\0';
    } else {
        (void)term_bar(users, limit, columns, bar);
    }
    (void)put(drawing, column, users_style(status), bar);
}

static void draw_users(struct drawing *drawing)
{
    const struct status_view *status = drawing->status;
    char number[24], line[LINE_BYTES], percent[32] = "";
    put_label(drawing, "users");
    (void)snprintf(number, sizeof(number), "%" PRId64, status->concurrent_users);
    unsigned column = put(drawing, LABEL_COLUMNS, users_style(status), number);
    if (status->limit < 0) {
        (void)put(drawing, column + 1, TERM_PLAIN, "concurrent, no limit known");
        drawing->row++;
        return;
    }
    (void)snprintf(line, sizeof(line), " of %" PRId64 " licence%s ", status->limit, plural(status->limit));
    column = put(drawing, column, TERM_PLAIN, line);
    if (status->limit > 0)
        (void)snprintf(percent, sizeof(percent), " %" PRId64 " %%",
                       status->concurrent_users * 100 / status->limit);
    unsigned rest = drawing->cells->columns - column, needed = (unsigned)strlen(percent);
    unsigned columns = rest > needed ? rest - needed : 0;
    columns = columns < BAR_COLUMNS ? columns : BAR_COLUMNS;
    draw_bar(drawing, column, columns);
    (void)put(drawing, column + columns, TERM_PLAIN, percent);
    drawing->row++;
}

static void draw_sessions(struct drawing *drawing)
{
    const struct status_view *status = drawing->status;
    char line[LINE_BYTES];
    (void)snprintf(line, sizeof(line),
                   "%" PRId64 " connection%s of %" PRId64 " user%s on %" PRId64 " host%s; %" PRId64
                   " disconnected, %" PRId64 " exempt",
                   status->connections, plural(status->connections), status->users, plural(status->users),
                   status->hosts, plural(status->hosts), status->disconnected, status->exempt);
    put_lines(drawing, LABEL_COLUMNS, 1, TERM_PLAIN, line);
}

/* One level of a sparkline; nobody was there, or nothing was counted. */
static const char *spark(const struct cells *cells, int64_t peak, int64_t highest)
{
    static const char *const levels[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const plain[] = {".", ":", "-", "=", "+", "*", "#", "@"};
    if (peak < 0)
        return " ";
    if (peak == 0 || highest == 0)
        return "_";
    size_t level = (size_t)((peak * 8 - 1) / highest);
    return (cells->plain ? plain : levels)[level < 8 ? level : 7];
}

/* The windows of today up to now, the highest of several where there is less room. */
static void draw_today(struct drawing *drawing)
{
    const struct status_view *status = drawing->status;
    char line[LINE_BYTES], time[TERM_TIME_BYTES];
    int used = snprintf(line, sizeof(line), "  peak %" PRId64, status->peak_today.users);
    if (status->peak_today.at_ms)
        used += snprintf(line + used, sizeof(line) - (size_t)used, " at %s",
                         clock_of(status->peak_today.at_ms, time));
    (void)snprintf(line + used, sizeof(line) - (size_t)used, ", %" PRId64 " ever", status->peak_ever.users);
    size_t count = (size_t)(drawing->now_ms % DAY_MS / TOP_WINDOW_MS) + 1;
    size_t room = drawing->cells->columns > LABEL_COLUMNS + strlen(line)
                      ? drawing->cells->columns - LABEL_COLUMNS - strlen(line)
                      : 1;
    size_t each = (count + room - 1) / room;
    int64_t highest = 0;
    for (size_t i = 0; i < TOP_WINDOWS_MAX; i++)
        highest = drawing->told->peaks[i] > highest ? drawing->told->peaks[i] : highest;
    put_label(drawing, "today");
    unsigned column = LABEL_COLUMNS;
    for (size_t i = 0; i < count; i += each) {
        int64_t peak = -1;
        for (size_t j = i; j < i + each && j < TOP_WINDOWS_MAX; j++)
            peak = drawing->told->peaks[j] > peak ? drawing->told->peaks[j] : peak;
        column = put(drawing, column, TERM_GOOD, spark(drawing->cells, peak, highest));
    }
    (void)put(drawing, column, TERM_PLAIN, line);
    drawing->row++;
}

static void draw_next(struct drawing *drawing)
{
    char line[LINE_BYTES], at[SENTENCE_INSTANT_BYTES], span[TERM_TIME_BYTES];
    if (!drawing->status->next.start)
        return;
    const char *text = said_text(drawing->said, &drawing->status->next, 1);
    int64_t at_ms = said_at_ms(drawing->said), now_ms = drawing->now_ms;
    (void)snprintf(line, sizeof(line), "%s", text);
    if (at_ms != 0) {
        said_instant(&now_ms, at_ms, at);
        (void)snprintf(line, sizeof(line), "%s, in %s: %s", at, span_of(at_ms - now_ms, span), text);
    }
    put_label(drawing, "next");
    put_lines(drawing, LABEL_COLUMNS, 2, TERM_PLAIN, line);
}

static void add_clock(const struct drawing *drawing, char line[LINE_BYTES], const char *name, int64_t at_ms)
{
    char span[TERM_TIME_BYTES];
    size_t used = strlen(line);
    bool past = at_ms <= drawing->now_ms;
    if (at_ms != 0)
        (void)snprintf(line + used, LINE_BYTES - used, "%s%s %s%s%s", used ? "; " : "", name,
                       past ? "" : "in ", span_of(at_ms - drawing->now_ms, span), past ? " ago" : "");
}

static void draw_clocks(struct drawing *drawing)
{
    const struct status_view *status = drawing->status;
    char line[LINE_BYTES] = "";
    add_clock(drawing, line, "next report", status->clocks.next_report_ms);
    add_clock(drawing, line, status->entitlement.trial ? "trial ends" : "expires",
              status->clocks.expires_at_ms);
    add_clock(drawing, line, "refresh", status->clocks.refresh_by_ms);
    if (status->windows_queued > 0)
        (void)snprintf(line + strlen(line), sizeof(line) - strlen(line), "; %" PRId64 " window%s to send",
                       status->windows_queued, plural(status->windows_queued));
    if (line[0] == '\0')
        return;
    put_label(drawing, "clocks");
    put_lines(drawing, LABEL_COLUMNS, 2, TERM_PLAIN, line);
}

static void draw_troubles(struct drawing *drawing)
{
    const struct status_view *status = drawing->status;
    for (size_t i = 0; i < status->setbacks_count; i++) {
        put_label(drawing, status->setbacks[i].asked);
        put_lines(drawing, LABEL_COLUMNS, 2, TERM_WARN,
                  setback_row_text(&status->setbacks[i], drawing->said));
    }
    if (status->health[0]) {
        put_label(drawing, "health");
        put_lines(drawing, LABEL_COLUMNS, 2, TERM_WARN, status->health);
    }
}

static void draw_part(struct drawing *drawing)
{
    const struct status_farm *farm = &drawing->status->farm;
    char line[LINE_BYTES], part[FARM_VIEW_PART_BYTES];
    if (farm->part[0] == '\0' || strcmp(farm->part, "alone") == 0)
        return;
    int used = snprintf(line, sizeof(line), "%s", farm_view_part(farm->part, farm->leader, part));
    if (farm->waiting > 0)
        (void)snprintf(line + used, sizeof(line) - (size_t)used, "; %" PRId64 " change%s wait for the farm",
                       farm->waiting, plural(farm->waiting));
    put_label(drawing, "part");
    put_lines(drawing, LABEL_COLUMNS, 1, farm->waiting > 0 ? TERM_WARN : TERM_PLAIN, line);
}

/* --- around the list ------------------------------------------------------------------------ */

static void draw_footer(struct drawing *drawing, const struct top_list *list)
{
    const struct top_page *page = drawing->page;
    static const char *const sorts[TOP_SORT_MAX] = {"user", "why", "since", "host"};
    static const char *const panels[TOP_PANEL_MAX] = {"on", "events", "hosts"};
    char line[LINE_BYTES], where[64] = "", sort[64] = "", filter[TOP_FILTER_BYTES + 16] = "";
    size_t first = page->first[page->panel];
    if (page->rows > page->room)
        (void)snprintf(where, sizeof(where), "%zu-%zu of ", first + 1,
                       first + page->room < page->rows ? first + page->room : page->rows);
    if (page->panel == TOP_WHO)
        (void)snprintf(sort, sizeof(sort), " by %s%s", sorts[page->sort], page->reversed ? ", reversed" : "");
    if (page->typing || page->filter[0])
        (void)snprintf(filter, sizeof(filter), " /%s%s", page->filter, page->typing ? "_" : "");
    (void)snprintf(line, sizeof(line), "%s%zu %s%s%s%s", where, page->rows, panels[page->panel],
                   list->more ? " (and more)" : "", sort, filter);
    drawing->row = drawing->cells->rows - 1;
    unsigned column = put(drawing, 0, page->typing ? TERM_BOLD : TERM_DIM, line);
    const char *keys = "q quit  s sort  / filter  Tab panel  ? help";
    if (column + 2 + strlen(keys) > drawing->cells->columns)
        keys = "? help  q quit";
    if (!page->typing)
        (void)put(drawing, column + 2, TERM_DIM, keys);
}

static void draw_recent(struct drawing *drawing, unsigned rows)
{
    const struct top_told *told = drawing->told;
    (void)put(drawing, 0, TERM_BOLD, "RECENT EVENTS");
    drawing->row++;
    for (unsigned i = 0; i + 1 < rows && i < told->events_count; i++, drawing->row++)
        top_list_draw_event(drawing->cells, drawing->row, top_told_event(told, i), drawing->wall_ms);
}

static bool draw_list(struct drawing *drawing)
{
    struct top_page *page = drawing->page;
    struct top_list list;
    unsigned rows = drawing->cells->rows, recent = 0;
    if (page->panel == TOP_WHO && rows >= RECENT_ROWS && drawing->told->events_count > 0)
        recent = rows / 4 < RECENT_MAX ? rows / 4 : RECENT_MAX;
    unsigned room = rows > drawing->row + recent + 2 ? rows - drawing->row - recent - 2 : 0;
    if (!top_list_create(page, drawing->told, drawing->wall_ms, &list))
        return false;
    page->rows = list.count;
    page->room = room;
    size_t last = list.count > room ? list.count - room : 0;
    if (page->first[page->panel] > last)
        page->first[page->panel] = last;
    if (rows > drawing->row + 1)
        top_list_draw(&list, page, drawing->cells, drawing->row, room);
    drawing->row += room + 1;
    if (recent > 0)
        draw_recent(drawing, recent);
    draw_footer(drawing, &list);
    top_list_finish(&list);
    return true;
}

static void draw_help(struct drawing *drawing)
{
    static const char *const lines[] = {
        "q Ctrl-C    leave, Ctrl-Z suspend", "Tab 1 2 3   who is on, events, hosts",
        "s r         next order; reversed",  "/           filter: Enter, Esc",
        "up dn j k PgUp PgDn g G  scroll",   "left right  further columns",
        "Ctrl-L      draw everything anew",  "any key     back",
    };
    (void)put(drawing, 0, TERM_BOLD, "KEYS");
    drawing->row++;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        put_lines(drawing, 0, 1, TERM_PLAIN, lines[i]);
}

/* What stands above the list, the first first; each where the screen has so many rows. */
static void draw_head(struct drawing *drawing)
{
    static const struct {
        unsigned rows;
        void (*draw)(struct drawing *drawing);
    } parts[] = {{0, draw_gate},  {0, draw_users},   {13, draw_sessions}, {8, draw_today},
                 {15, draw_next}, {12, draw_clocks}, {17, draw_troubles}, {14, draw_part}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (drawing->cells->rows >= parts[i].rows)
            parts[i].draw(drawing);
}

bool top_page_draw(struct top_page *page, const struct top_told *told, const struct top_now *now,
                   struct cells *cells)
{
    struct drawing drawing = {.page = page,
                              .told = told,
                              .status = &told->status,
                              .cells = cells,
                              .now_ms = top_told_now_ms(told, now->loop_ms),
                              .wall_ms = now->wall_ms};
    bool drawn = true;
    cells_clear(cells);
    drawing.said = said_create(drawing.now_ms);
    if (!drawing.said)
        return false;
    draw_title(&drawing);
    draw_lost(&drawing);
    if (page->help) {
        draw_help(&drawing);
    } else if (told->has_status) {
        draw_head(&drawing);
        drawn = draw_list(&drawing);
    } else if (!told->lost[0]) {
        (void)put(&drawing, 0, TERM_DIM, "asking the agent");
    }
    said_destroy(drawing.said);
    return drawn;
}
