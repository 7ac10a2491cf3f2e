#include "status_view.h"

#include "farm_view.h"
#include "shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LABEL_COLUMNS 12
#define BAR_COLUMNS   24
#define WARN_PERCENT  90

static const struct json_field verdict_fields[] = {
    SHAPE_YES_NO("open", struct status_verdict, open),
    SHAPE_TEXT("reason", struct status_verdict, reason),
    SHAPE_TEXT("admission", struct status_verdict, admission),
    SHAPE_TEXT("activation", struct status_verdict, activation),
    SHAPE_TEXT("text", struct status_verdict, text),
};
static const struct json_shape verdict_shape = SHAPE_OF(verdict_fields);

static const struct json_field window_fields[] = {
    SHAPE_NUMBER("peak_users", struct status_window, peak_users),
};
static const struct json_shape window_shape = SHAPE_OF(window_fields);

static const struct json_field peak_fields[] = {
    SHAPE_NUMBER("users", struct status_peak, users),
    SHAPE_TIME("at", struct status_peak, at_ms),
};
static const struct json_shape peak_shape = SHAPE_OF(peak_fields);

static const struct json_field clock_fields[] = {
    SHAPE_TIME("expires_at", struct status_clocks, expires_at_ms),
    SHAPE_TIME("refresh_by", struct status_clocks, refresh_by_ms),
    SHAPE_TIME("next_report", struct status_clocks, next_report_ms),
    SHAPE_TIME("overuse_grace_ends", struct status_clocks, overuse_grace_ends_at_ms),
    SHAPE_TIME("deactivates_at", struct status_clocks, deactivates_at_ms),
};
static const struct json_shape clocks_shape = SHAPE_OF(clock_fields);

static const struct json_field entitlement_fields[] = {
    SHAPE_YES_NO("trial", struct status_entitlement, trial),
    SHAPE_TEXT("reason", struct status_entitlement, reason),
};
static const struct json_shape entitlement_shape = SHAPE_OF(entitlement_fields);

static const struct json_field farm_fields[] = {
    SHAPE_TEXT("name", struct status_farm, name),
    SHAPE_TEXT("part", struct status_farm, part),
    SHAPE_TEXT("leader", struct status_farm, leader),
    SHAPE_TIME("verdict_at", struct status_farm, verdict_at_ms),
    SHAPE_NUMBER("waiting", struct status_farm, waiting),
    SHAPE_NUMBER("lag", struct status_farm, lag),
    SHAPE_NUMBER("gaps", struct status_farm, gaps),
};
static const struct json_shape farm_shape = SHAPE_OF(farm_fields);

static const struct json_field here_fields[] = {
    SHAPE_NUMBER("users", struct status_here, users),
    SHAPE_NUMBER("connections", struct status_here, connections),
    SHAPE_NUMBER("exempt", struct status_here, exempt),
    SHAPE_NUMBER("disconnected", struct status_here, disconnected),
};
static const struct json_shape here_shape = SHAPE_OF(here_fields);

static const struct json_field status_fields[] = {
    SHAPE_TEXT("host", struct status_view, host),
    SHAPE_TIME("now", struct status_view, now_ms),
    SHAPE_TEXT("version", struct status_view, version),
    SHAPE_YES_NO("ready", struct status_view, ready),
    SHAPE_TEXT("farm_id", struct status_view, farm_id),
    {.name = "verdict",
     .type = JSON_OBJECT,
     .offset = offsetof(struct status_view, verdict),
     .shape = &verdict_shape,
     .required = true},
    SHAPE_NUMBER("limit", struct status_view, limit),
    SHAPE_NUMBER_MUST("concurrent_users", struct status_view, concurrent_users),
    SHAPE_NUMBER("users", struct status_view, users),
    SHAPE_NUMBER("connections", struct status_view, connections),
    SHAPE_NUMBER("exempt", struct status_view, exempt),
    SHAPE_NUMBER("disconnected", struct status_view, disconnected),
    SHAPE_NUMBER("hosts", struct status_view, hosts),
    SHAPE_PART("window", struct status_view, window, window_shape),
    SHAPE_PART("peak_today", struct status_view, peak_today, peak_shape),
    SHAPE_PART("peak_ever", struct status_view, peak_ever, peak_shape),
    SHAPE_PART("clocks", struct status_view, clocks, clocks_shape),
    SHAPE_SPAN("next", struct status_view, next),
    SHAPE_TIME("last_contact", struct status_view, last_contact_ms),
    SHAPE_YES_NO("offline", struct status_view, offline),
    SHAPE_NUMBER("windows_queued", struct status_view, windows_queued),
    SHAPE_NUMBER("report_failures", struct status_view, report_failures),
    SHAPE_LIST("setbacks", struct status_view, setbacks, setback_row_shape),
    SHAPE_PART("entitlement", struct status_view, entitlement, entitlement_shape),
    SHAPE_TEXT("health", struct status_view, health),
    SHAPE_PART("farm", struct status_view, farm, farm_shape),
    SHAPE_PART("this_host", struct status_view, this_host, here_shape),
};
const struct json_shape status_view_shape = SHAPE_OF(status_fields);

void status_view_init(struct status_view *view)
{
    memset(view, 0, sizeof(*view));
    view->limit = -1;
}

/* --- for people ----------------------------------------------------------------------------- */

static void print_label(const struct term *term, const char *label)
{
    (void)fprintf(term->file, "%s%-*s%s", term_style(term, TERM_DIM), LABEL_COLUMNS, label, term_plain(term));
}

static void print_gate(const struct status_view *view, const struct term *term)
{
    const char *word = view->verdict.open ? "open" : "closed";
    char line[2 * TERM_TEXT_BYTES] = "";
    if (!view->verdict.open)
        (void)snprintf(line, sizeof(line), "%s: %s%s", view->verdict.reason, view->verdict.text,
                       view->ready ? "" : "  ");
    size_t used = strlen(line);
    if (!view->ready)
        (void)snprintf(line + used, sizeof(line) - used, "(starting: not every session is known yet)");
    print_label(term, "gate");
    (void)fprintf(term->file, "%s%s%s%s", term_style(term, view->verdict.open ? TERM_GOOD : TERM_BAD), word,
                  term_plain(term), line[0] ? "  " : "");
    term_wrap(term, LABEL_COLUMNS + strlen(word) + 2, line);
}

/* The authority's own words for why it withdrew the activation, which the gate's text for users leaves out.
 */
static void print_revoked(const struct status_view *view, const struct term *term)
{
    char clean[TERM_TEXT_BYTES], line[TERM_TEXT_BYTES + 32];
    if (strcmp(view->verdict.activation, "revoked") != 0 || !view->entitlement.reason[0])
        return;
    (void)snprintf(line, sizeof(line), "by the licensing authority: %s",
                   term_clean(view->entitlement.reason, clean));
    print_label(term, "revoked");
    term_wrap(term, LABEL_COLUMNS, line);
}

static enum term_style users_style(const struct status_view *view)
{
    if (view->limit < 0)
        return TERM_PLAIN;
    if (view->concurrent_users > view->limit)
        return TERM_BAD;
    return view->concurrent_users * 100 >= view->limit * WARN_PERCENT ? TERM_WARN : TERM_GOOD;
}

static void print_users(const struct status_view *view, const struct term *term)
{
    char bar[TERM_BAR_BYTES];
    print_label(term, "users");
    const char *style = term_style(term, users_style(view));
    if (view->limit < 0) {
        (void)fprintf(term->file, "%" PRId64 " concurrent, no limit known\n", view->concurrent_users);
        return;
    }
    (void)fprintf(term->file, "%s%" PRId64 "%s of %" PRId64 " licences", style, view->concurrent_users,
                  term_plain(term), view->limit);
    (void)term_bar((uint64_t)view->concurrent_users, (uint64_t)view->limit, BAR_COLUMNS, bar);
    int rest = BAR_COLUMNS - (int)term_text_width(bar);
    (void)fprintf(term->file, "  %s%s%s%*s", style, bar, term_plain(term), rest, "");
    if (view->limit > 0)
        (void)fprintf(term->file, " %" PRId64 " %%", view->concurrent_users * 100 / view->limit);
    (void)fputc('\n', term->file);
}

static void print_sessions(const struct status_view *view, const struct term *term)
{
    print_label(term, "connections");
    (void)fprintf(term->file,
                  "%" PRId64 " of %" PRId64 " user%s on %" PRId64 " host%s; %" PRId64
                  " disconnected, %" PRId64 " exempt\n",
                  view->connections, view->users, view->users == 1 ? "" : "s", view->hosts,
                  view->hosts == 1 ? "" : "s", view->disconnected, view->exempt);
}

static void print_peaks(const struct status_view *view, const struct term *term)
{
    char today[TERM_TIME_BYTES], ever[TERM_TIME_BYTES];
    print_label(term, "peak");
    (void)fprintf(term->file, "%" PRId64 " in this window, %" PRId64, view->window.peak_users,
                  view->peak_today.users);
    if (view->peak_today.at_ms)
        (void)fprintf(term->file, " today (%s)",
                      term_time(view->peak_today.at_ms, today) + strlen("YYYY-MM-DD "));
    else
        (void)fprintf(term->file, " today");
    (void)fprintf(term->file, ", %" PRId64 " ever", view->peak_ever.users);
    if (view->peak_ever.at_ms)
        (void)fprintf(term->file, " (%s)", term_time(view->peak_ever.at_ms, ever));
    (void)fputc('\n', term->file);
}

static void print_clock(const struct status_view *view, const struct term *term, const char *label,
                        int64_t at_ms)
{
    char time[TERM_TIME_BYTES], span[TERM_TIME_BYTES];
    if (at_ms == 0)
        return;
    print_label(term, label);
    bool past = at_ms <= view->now_ms;
    (void)fprintf(term->file, "%s%s%s  %s%s%s\n", term_style(term, past ? TERM_BAD : TERM_PLAIN),
                  term_time(at_ms, time), past ? term_plain(term) : "", past ? "" : "in ",
                  term_span(at_ms - view->now_ms, span), past ? " ago" : "");
}

/* The clock that matters, in one line, or how a closed gate is opened. */
static void print_next(const struct status_view *view, const struct term *term)
{
    struct said *said = view->next.start ? said_create(view->now_ms) : NULL;
    char line[EXPLAIN_SENTENCE_BYTES + 2 * SENTENCE_INSTANT_BYTES], at[SENTENCE_INSTANT_BYTES];
    char span[TERM_TIME_BYTES];
    if (!said)
        return;
    const char *text = said_text(said, &view->next, 1);
    int64_t at_ms = said_at_ms(said), now_ms = view->now_ms;
    said_instant(&now_ms, at_ms, at);
    if (at_ms != 0)
        (void)snprintf(line, sizeof(line), "%s, in %s: %s", at, term_span(at_ms - now_ms, span), text);
    print_label(term, "next");
    term_wrap(term, LABEL_COLUMNS, at_ms != 0 ? line : text);
    said_destroy(said);
}

/* Of a closed network: until when what was imported last holds. */
static void print_exchange(const struct status_view *view, const struct term *term)
{
    char line[160], span[TERM_TIME_BYTES], by[TERM_TIME_BYTES];
    int used = snprintf(line, sizeof(line), "by files, the last answer %s ago",
                        term_span(view->now_ms - view->last_contact_ms, span));
    if (view->clocks.refresh_by_ms)
        used += snprintf(line + used, sizeof(line) - (size_t)used, "; exchange the next before %s",
                         term_time(view->clocks.refresh_by_ms, by));
    (void)snprintf(line + used, sizeof(line) - (size_t)used, "; %" PRId64 " window%s to send",
                   view->windows_queued, view->windows_queued == 1 ? "" : "s");
    print_label(term, "contact");
    term_wrap(term, LABEL_COLUMNS, line);
}

static void print_contact(const struct status_view *view, const struct term *term)
{
    char line[256] = "never", span[TERM_TIME_BYTES];
    if (view->limit < 0 && view->last_contact_ms == 0)
        return;
    if (view->offline && view->last_contact_ms) {
        print_exchange(view, term);
        return;
    }
    if (view->last_contact_ms)
        (void)snprintf(line, sizeof(line), "last %s ago",
                       term_span(view->now_ms - view->last_contact_ms, span));
    size_t used = strlen(line);
    if (view->clocks.next_report_ms)
        (void)snprintf(line + used, sizeof(line) - used, ", next report in %s",
                       term_span(view->clocks.next_report_ms - view->now_ms, span));
    used = strlen(line);
    (void)snprintf(line + used, sizeof(line) - used, ", %" PRId64 " window%s to send", view->windows_queued,
                   view->windows_queued == 1 ? "" : "s");
    used = strlen(line);
    if (view->report_failures > 0)
        (void)snprintf(line + used, sizeof(line) - used, ", %" PRId64 " failed in a row",
                       view->report_failures);
    print_label(term, "contact");
    term_wrap(term, LABEL_COLUMNS, line);
}

/* Under what was asked for: since when it fails, why, and what to do. */
static void print_setbacks(const struct status_view *view, const struct term *term)
{
    struct said *said = view->setbacks_count > 0 ? said_create(view->now_ms) : NULL;
    char clean[TERM_TEXT_BYTES];
    for (size_t i = 0; said && i < view->setbacks_count; i++) {
        print_label(term, term_clean(view->setbacks[i].asked, clean));
        term_wrap(term, LABEL_COLUMNS, setback_row_text(&view->setbacks[i], said));
    }
    said_destroy(said);
}

/* What stands above is the farm's; this is this host's. */
static void print_here(const struct status_view *view, const struct term *term)
{
    const struct status_here *here = &view->this_host;
    const struct status_farm *farm = &view->farm;
    char line[TERM_TEXT_BYTES], part[FARM_VIEW_PART_BYTES], span[TERM_TIME_BYTES];
    if (farm->part[0] == '\0' || strcmp(farm->part, "alone") == 0)
        return;
    print_label(term, "this host");
    (void)snprintf(line, sizeof(line),
                   "%" PRId64 " connection%s of %" PRId64 " user%s; %" PRId64 " disconnected, %" PRId64
                   " exempt",
                   here->connections, here->connections == 1 ? "" : "s", here->users,
                   here->users == 1 ? "" : "s", here->disconnected, here->exempt);
    term_wrap(term, LABEL_COLUMNS, line);
    int used = snprintf(line, sizeof(line), "%s", farm_view_part(farm->part, farm->leader, part));
    if (farm->verdict_at_ms != 0)
        used += snprintf(line + used, sizeof(line) - (size_t)used, "; the verdict is %s old",
                         term_span(view->now_ms - farm->verdict_at_ms, span));
    if (farm->waiting > 0)
        (void)snprintf(line + used, sizeof(line) - (size_t)used,
                       "; the farm does not have %" PRId64 " change%s of this host yet", farm->waiting,
                       farm->waiting == 1 ? "" : "s");
    print_label(term, "part");
    term_wrap(term, LABEL_COLUMNS, line);
}

void status_view_print(const struct status_view *view, const struct term *term)
{
    char clean[TERM_TEXT_BYTES];
    print_gate(view, term);
    print_revoked(view, term);
    print_users(view, term);
    print_sessions(view, term);
    print_peaks(view, term);
    print_next(view, term);
    print_clock(view, term, view->entitlement.trial ? "trial ends" : "expires", view->clocks.expires_at_ms);
    print_clock(view, term, "refresh by", view->clocks.refresh_by_ms);
    print_contact(view, term);
    print_setbacks(view, term);
    print_here(view, term);
    if (view->farm_id[0]) {
        print_label(term, "farm");
        (void)fprintf(term->file, "%s%s%s\n", view->farm_id, view->farm.name[0] ? ", " : "",
                      term_clean(view->farm.name, clean));
    }
    if (view->health[0]) {
        print_label(term, "health");
        (void)fprintf(term->file, "%s%s%s\n", term_style(term, TERM_WARN), term_clean(view->health, clean),
                      term_plain(term));
    }
    print_label(term, "agent");
    (void)fprintf(term->file, "%s on %s\n", view->version, term_clean(view->host, clean));
}
