#include "farm_view.h"

#include "shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_COLUMNS 12
#define LINE_BYTES    1200

static const struct json_field host_fields[] = {
    SHAPE_TEXT("host", struct farm_view_host, host),
    SHAPE_TEXT("state", struct farm_view_host, state),
    SHAPE_TEXT("version", struct farm_view_host, version),
    SHAPE_NUMBER("connections", struct farm_view_host, connections),
    SHAPE_TIME("silent_since", struct farm_view_host, silent_since_ms),
    SHAPE_TIME("last_change", struct farm_view_host, last_change_ms),
    SHAPE_YES_NO("answering", struct farm_view_host, answering),
};
static const struct json_shape host_shape = SHAPE_OF(host_fields);

static const struct json_field gap_fields[] = {
    SHAPE_TIME("after", struct farm_view_gap, after_ms),
    SHAPE_TIME("through", struct farm_view_gap, through_ms),
    SHAPE_TEXT("host", struct farm_view_gap, host),
    SHAPE_NUMBER("changes", struct farm_view_gap, changes),
};
static const struct json_shape gap_shape = SHAPE_OF(gap_fields);

static const struct json_field store_fields[] = {
    SHAPE_NUMBER("revision", struct farm_view_store, revision),
    SHAPE_LIST("gaps", struct farm_view_store, gaps, gap_shape),
    SHAPE_NUMBER("gaps_ever", struct farm_view_store, gaps_ever),
    SHAPE_NUMBER("unreadable", struct farm_view_store, unreadable),
    SHAPE_YES_NO("more", struct farm_view_store, more),
};
static const struct json_shape store_shape = SHAPE_OF(store_fields);

static const struct json_field farm_fields[] = {
    SHAPE_TEXT("host", struct farm_view, host),
    SHAPE_TEXT("mode", struct farm_view, mode),
    SHAPE_TEXT("name", struct farm_view, name),
    SHAPE_TEXT("part", struct farm_view, part),
    SHAPE_TEXT("leader", struct farm_view, leader),
    SHAPE_TEXT("holder", struct farm_view, holder),
    SHAPE_TEXT("endpoint", struct farm_view, endpoint),
    SHAPE_TEXT("detail", struct farm_view, detail),
    SHAPE_TEXT("store_detail", struct farm_view, store_detail),
    SHAPE_TIME("now", struct farm_view, now_ms),
    SHAPE_TIME("since", struct farm_view, since_ms),
    SHAPE_TIME("verdict_at", struct farm_view, verdict_at_ms),
    SHAPE_TIME("waiting_since", struct farm_view, waiting_since_ms),
    SHAPE_NUMBER("waiting", struct farm_view, waiting),
    SHAPE_NUMBER("gaps", struct farm_view, gaps),
    SHAPE_NUMBER("head", struct farm_view, head),
    SHAPE_NUMBER("lag", struct farm_view, lag),
    SHAPE_SPAN("store", struct farm_view, store),
    SHAPE_LIST("hosts", struct farm_view, hosts, host_shape),
};
const struct json_shape farm_view_shape = SHAPE_OF(farm_fields);

struct farm_view *farm_view_create(void)
{
    struct farm_view *view = calloc(1, sizeof(*view));
    if (!view)
        return NULL;
    view->lag = -1;
    for (size_t i = 0; i < FARM_VIEW_HOSTS_MAX; i++)
        view->hosts[i].connections = -1;
    return view;
}

const char *farm_view_part(const char *part, const char *leader, char ret[FARM_VIEW_PART_BYTES])
{
    static const struct {
        const char *part, *words;
    } known[] = {
        {"alone", "its own farm"},
        {"joining", "joining: it has not heard of the farm yet"},
        {"leads", "leads: it counts for the whole farm"},
        {"cut_off", "cut off: the farm's last verdict stands"},
        {"refused", "refused: another machine of the farm has its name"},
        {"left", "left: it was taken out of the farm"},
    };
    const char *words = part;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i].part, part) == 0)
            words = known[i].words;
    if (strcmp(part, "follows") != 0)
        (void)snprintf(ret, FARM_VIEW_PART_BYTES, "%s", words);
    else if (leader[0] != '\0')
        (void)snprintf(ret, FARM_VIEW_PART_BYTES, "follows %s, which counts for the whole farm", leader);
    else
        (void)snprintf(ret, FARM_VIEW_PART_BYTES, "follows; no host counts for the whole farm now");
    return ret;
}

/* ---- this host ----------------------------------------------------------------------------------------- */

static void print_line(const struct term *term, const char *label, enum term_style style, const char *text)
{
    (void)fprintf(term->file, "%s%-*s%s%s", term_style(term, TERM_DIM), LABEL_COLUMNS, label,
                  term_plain(term), term_style(term, style));
    term_wrap(term, LABEL_COLUMNS, text);
    (void)fputs(term_plain(term), term->file);
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

static bool is_part(const struct farm_view *view, const char *part)
{
    return strcmp(view->part, part) == 0;
}

static void print_place(const struct farm_view *view, const struct term *term)
{
    char part[FARM_VIEW_PART_BYTES], line[LINE_BYTES + FARM_VIEW_PART_BYTES], since[TERM_TIME_BYTES];
    char span[TERM_TIME_BYTES];
    bool is_well = is_part(view, "leads") || is_part(view, "follows");
    int used =
        snprintf(line, sizeof(line), "%s %s", view->host, farm_view_part(view->part, view->leader, part));
    if (view->since_ms != 0)
        used += snprintf(line + used, sizeof(line) - (size_t)used, "; since %s, %s",
                         term_time(view->since_ms, since), term_span(view->now_ms - view->since_ms, span));
    if (view->detail[0] != '\0')
        used += snprintf(line + used, sizeof(line) - (size_t)used, " (%s)", view->detail);
    if (view->holder[0] != '\0')
        (void)snprintf(line + used, sizeof(line) - (size_t)used, "; its id is %s", view->holder);
    print_line(term, "this host", is_well ? TERM_GOOD : TERM_WARN, line);
}

static void print_verdict(const struct farm_view *view, const struct term *term)
{
    char line[LINE_BYTES], span[TERM_TIME_BYTES];
    if (view->verdict_at_ms == 0)
        (void)snprintf(line, sizeof(line), "none yet");
    else
        (void)snprintf(line, sizeof(line), "given %s ago",
                       term_span(view->now_ms - view->verdict_at_ms, span));
    if (view->lag > 0)
        (void)snprintf(line + strlen(line), sizeof(line) - strlen(line),
                       "; %" PRId64 " change%s of the store to go", view->lag, plural(view->lag));
    print_line(term, "verdict", TERM_PLAIN, line);
}

static void print_waiting(const struct farm_view *view, const struct term *term)
{
    char line[LINE_BYTES], since[TERM_TIME_BYTES];
    if (view->waiting == 0) {
        print_line(term, "waiting", TERM_PLAIN, "nothing: the farm has every change of this host");
        return;
    }
    (void)snprintf(line, sizeof(line),
                   "%" PRId64 " change%s of this host, the first of %s; kept here until the farm has %s",
                   view->waiting, plural(view->waiting), term_time(view->waiting_since_ms, since),
                   view->waiting == 1 ? "it" : "them");
    print_line(term, "waiting", TERM_WARN, line);
}

static void print_last_gap(const struct farm_view_gap *gap, const struct term *term)
{
    char line[LINE_BYTES], after[TERM_TIME_BYTES], through[TERM_TIME_BYTES];
    int used = snprintf(line, sizeof(line), "%s to %s: ", term_time(gap->after_ms, after),
                        term_time(gap->through_ms, through));
    if (gap->host[0] != '\0')
        (void)snprintf(line + used, sizeof(line) - (size_t)used,
                       "%" PRId64 " change%s of %s came late, and counted from its end on only", gap->changes,
                       plural(gap->changes), gap->host);
    else
        (void)snprintf(line + used, sizeof(line) - (size_t)used,
                       "the store lost what happened before it was read");
    print_line(term, "last gap", TERM_PLAIN, line);
}

static void print_gaps(const struct farm_view *view, const struct farm_view_store *store,
                       const struct term *term)
{
    char line[LINE_BYTES];
    int64_t count = store->gaps_ever > view->gaps ? store->gaps_ever : view->gaps;
    if (count == 0) {
        print_line(term, "gaps", TERM_PLAIN, "none: the farm's peaks are exact");
        return;
    }
    (void)snprintf(line, sizeof(line),
                   "%" PRId64 " span%s of time of which not all is known: peaks may have been higher", count,
                   plural(count));
    print_line(term, "gaps", TERM_WARN, line);
    if (store->gaps_count > 0)
        print_last_gap(&store->gaps[store->gaps_count - 1], term);
}

static void print_store(const struct farm_view *view, const struct farm_view_store *store,
                        const struct term *term)
{
    char line[LINE_BYTES];
    if (view->store.start == NULL) {
        (void)snprintf(line, sizeof(line), "%s%sdoes not tell who is in the farm: %s", view->endpoint,
                       view->endpoint[0] != '\0' ? " " : "", view->store_detail);
        print_line(term, "store", TERM_BAD, line);
        return;
    }
    (void)snprintf(line, sizeof(line), "%s%srevision %" PRId64, view->endpoint,
                   view->endpoint[0] != '\0' ? ", " : "", store->revision);
    print_line(term, "store", TERM_PLAIN, line);
    if (store->unreadable == 0)
        return;
    (void)snprintf(line, sizeof(line),
                   "%" PRId64 " value%s under the farm's name %s not open: written by a stranger, or by a "
                   "host with another secret",
                   store->unreadable, plural(store->unreadable), store->unreadable == 1 ? "does" : "do");
    print_line(term, "strange", TERM_BAD, line);
}

/* ---- hosts --------------------------------------------------------------------------------------------- */

enum term_style farm_view_state_style(const char *state)
{
    static const struct {
        const char *state;
        enum term_style style;
    } styles[] = {{"leads", TERM_GOOD}, {"follows", TERM_GOOD}, {"silent", TERM_WARN}, {"lost", TERM_BAD}};
    for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++)
        if (strcmp(styles[i].state, state) == 0)
            return styles[i].style;
    return TERM_DIM;
}

static void add_span(struct table *table, int64_t now_ms, int64_t since_ms, const char *after)
{
    char span[TERM_TIME_BYTES], cell[2 * TERM_TIME_BYTES] = "-";
    if (since_ms != 0)
        (void)snprintf(cell, sizeof(cell), "%s%s", term_span(now_ms - since_ms, span), after);
    table_cell(table, TERM_PLAIN, cell);
}

static void add_host(struct table *table, const struct farm_view *view, const struct farm_view_host *host)
{
    char name[sizeof(host->host) + 16];
    (void)snprintf(name, sizeof(name), "%s%s", host->host, host->answering ? " (this)" : "");
    table_cell(table, TERM_PLAIN, name);
    const char *state = host->state[0] != '\0' ? host->state : "told of";
    table_cell(table, farm_view_state_style(state), state);
    add_span(table, view->now_ms, host->silent_since_ms, "");
    if (host->connections >= 0)
        table_number(table, (uint64_t)host->connections);
    else
        table_cell(table, TERM_DIM, "?");
    table_cell(table, TERM_PLAIN, host->version[0] != '\0' ? host->version : "-");
    add_span(table, view->now_ms, host->last_change_ms, " ago");
}

static bool print_hosts(const struct farm_view *view, const struct term *term)
{
    static const char *const titles[] = {"HOST",        "STATE",   "SILENT FOR",
                                         "CONNECTIONS", "VERSION", "LAST CHANGE"};
    struct table *table = table_create(titles, sizeof(titles) / sizeof(titles[0]));
    if (!table)
        return false;
    table_right(table, 3);
    for (size_t i = 0; i < view->hosts_count; i++)
        add_host(table, view, &view->hosts[i]);
    (void)fputc('\n', term->file);
    bool printed = table_print(table, term);
    table_destroy(table);
    return printed;
}

static bool print_hosts_alone(const struct farm_view *view, const struct term *term)
{
    static const char *const titles[] = {"HOST", "CONNECTIONS"};
    struct table *table = table_create(titles, sizeof(titles) / sizeof(titles[0]));
    if (!table)
        return false;
    table_right(table, 1);
    for (size_t i = 0; i < view->hosts_count; i++) {
        table_cell(table, TERM_PLAIN, view->hosts[i].host);
        table_number(table, (uint64_t)view->hosts[i].connections);
    }
    (void)fputc('\n', term->file);
    bool printed = table_print(table, term);
    table_destroy(table);
    return printed;
}

/* What the words in the table mean, of those that stand there. */
static void print_notes(const struct farm_view *view, const struct term *term)
{
    static const struct {
        const char *state, *note;
    } notes[] = {
        {"silent",
         "silent: not heard of. Its connections count until farm.host_lost_after has passed, and it may come "
         "back as if nothing had been."},
        {"lost",
         "lost: waited for in vain. Its connections have ended; what it did meanwhile is merged when it "
         "is back."},
        {"down", "down: it has no place in the farm now; it was stopped, or has left."},
        {"", "told of: no agent runs there, as far as the farm knows; brokers speak of its sessions."},
    };
    bool begun = false;
    for (size_t note = 0; note < sizeof(notes) / sizeof(notes[0]); note++) {
        bool stands = false;
        for (size_t i = 0; i < view->hosts_count && !stands; i++)
            stands = strcmp(view->hosts[i].state, notes[note].state) == 0;
        if (stands && !begun)
            (void)fputc('\n', term->file);
        if (stands)
            term_wrap(term, 0, notes[note].note);
        begun |= stands;
    }
}

bool farm_view_print(const struct farm_view *view, const struct term *term)
{
    struct farm_view_store store = {.revision = 0};
    char line[LINE_BYTES];
    if (is_part(view, "alone")) {
        (void)snprintf(line, sizeof(line), "%s is its own farm", view->host);
        print_line(term, "farm", TERM_PLAIN, line);
        return print_hosts_alone(view, term);
    }
    if (view->store.start != NULL &&
        json_read(&store_shape, view->store.start, view->store.bytes, &store, NULL, NULL) < 0)
        return false;
    print_line(term, "farm", TERM_BOLD, view->name);
    print_place(view, term);
    print_verdict(view, term);
    print_waiting(view, term);
    print_gaps(view, &store, term);
    print_store(view, &store, term);
    if (view->hosts_count == 0)
        return true;
    if (!print_hosts(view, term))
        return false;
    if (store.more)
        (void)fprintf(term->file, "… there are more\n");
    print_notes(view, term);
    return true;
}
