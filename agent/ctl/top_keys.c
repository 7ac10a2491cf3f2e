/* What the keys of `farmgate top` do. */
#include "top_page.h"

#include "common/utf8.h"

#include <stdio.h>
#include <string.h>

void top_page_init(struct top_page *page)
{
    *page = (struct top_page){.panel = TOP_WHO};
}

static void scroll_to(struct top_page *page, size_t first)
{
    size_t last = page->rows > page->room ? page->rows - page->room : 0;
    page->first[page->panel] = first < last ? first : last;
}

static void scroll(struct top_page *page, long by)
{
    size_t first = page->first[page->panel];
    if (by < 0)
        scroll_to(page, first > (size_t)-by ? first - (size_t)-by : 0);
    else
        scroll_to(page, first + (size_t)by);
}

static void show_panel(struct top_page *page, int panel)
{
    page->panel = (enum top_panel)((panel + TOP_PANEL_MAX) % TOP_PANEL_MAX);
    page->shift = 0;
}

static enum top_wish key_of_filter(struct top_page *page, enum key key, const char *text)
{
    size_t used = strlen(page->filter);
    if (key == KEY_TEXT && used + strlen(text) < sizeof(page->filter)) {
        (void)snprintf(page->filter + used, sizeof(page->filter) - used, "%s", text);
    } else if (key == KEY_BACKSPACE && used > 0) {
        page->filter[used - 1] = '\0';
        utf8_cut(page->filter);
    } else if (key == KEY_ESCAPE) {
        page->filter[0] = '\0';
        page->typing = false;
    } else if (key == KEY_ENTER) {
        page->typing = false;
    }
    page->first[page->panel] = 0;
    return TOP_DRAW;
}

static enum top_wish key_of_text(struct top_page *page, const char *text)
{
    switch (text[0]) {
    case 'q':
        return TOP_LEAVE;
    case 's':
        page->sort = (enum top_sort)((page->sort + 1) % TOP_SORT_MAX);
        page->first[TOP_WHO] = 0;
        break;
    case 'r':
        page->reversed = !page->reversed;
        break;
    case '/':
        page->typing = true;
        break;
    case '?':
    case 'h':
        page->help = true;
        break;
    case '1':
    case '2':
    case '3':
        show_panel(page, text[0] - '1');
        break;
    case 'j':
        scroll(page, 1);
        break;
    case 'k':
        scroll(page, -1);
        break;
    case ' ':
        scroll(page, (long)page->room);
        break;
    case 'g':
        scroll_to(page, 0);
        break;
    case 'G':
        scroll_to(page, page->rows);
        break;
    default:
        break;
    }
    return TOP_DRAW;
}

static void key_of_list(struct top_page *page, enum key key)
{
    switch (key) {
    case KEY_UP:
        scroll(page, -1);
        break;
    case KEY_DOWN:
        scroll(page, 1);
        break;
    case KEY_PAGE_UP:
        scroll(page, -(long)page->room);
        break;
    case KEY_PAGE_DOWN:
        scroll(page, (long)page->room);
        break;
    case KEY_HOME:
        scroll_to(page, 0);
        break;
    case KEY_END:
        scroll_to(page, page->rows);
        break;
    case KEY_LEFT:
        page->shift -= page->shift > 0;
        break;
    case KEY_RIGHT:
        page->shift += page->shift < 16; /* as many columns as no list has */
        break;
    case KEY_TAB:
        show_panel(page, (int)page->panel + 1);
        break;
    case KEY_BACK_TAB:
        show_panel(page, (int)page->panel - 1);
        break;
    case KEY_ESCAPE:
        page->filter[0] = '\0';
        break;
    default:
        break;
    }
}

enum top_wish top_page_key(struct top_page *page, enum key key, const char *text)
{
    if (key == KEY_INTERRUPT)
        return TOP_LEAVE;
    if (key == KEY_SUSPEND)
        return TOP_SUSPEND;
    if (key == KEY_REDRAW)
        return TOP_REDRAW;
    if (page->help) { /* any key ends it, and q does what it always does */
        page->help = false;
        return key == KEY_TEXT && text[0] == 'q' ? TOP_LEAVE : TOP_DRAW;
    }
    if (page->typing)
        return key_of_filter(page, key, text);
    if (key == KEY_TEXT)
        return key_of_text(page, text);
    key_of_list(page, key);
    return TOP_DRAW;
}
