#include "answer.h"

#include "answer_style.h"
#include "choices.h"
#include "html.h"
#include "periods.h"
#include "pictures.h"
#include "words.h"

#include "agent/core/usage.h"
#include "common/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LIMITS_MOST 500 /* numbers of licences that are told one by one */
#define BARS_MOST   400 /* more days than that are drawn as weeks, months or years */

struct page {
    const struct answer *answer;
    const struct sizing_result *result;
    const struct recommendation *recommendation;
    struct choice choices[CHOICE_MAX];
    size_t choice_count;
    struct periods periods;
    FILE *file;
};

static void begin_page(const struct page *page)
{
    fprintf(page->file,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
            "style-src 'unsafe-inline'\">\n"
            "<title>How many licences does this farm "
            "need?</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n",
            answer_style);
}

/* ---- the answer ---------------------------------------------------------------------------------------- */

static void tell_log(const struct page *page)
{
    const struct sizing_result *result = page->result;
    char first[WORDS_BYTES], last[WORDS_BYTES], users[WORDS_BYTES], hosts[WORDS_BYTES], events[WORDS_BYTES];
    int64_t ms;
    words_long_date(words_date_of(page->answer->zone, result->first_at_ms, &ms), first);
    words_long_date(words_date_of(page->answer->zone, result->last_at_ms, &ms), last);
    fprintf(page->file,
            "<h1>How many licences does this farm need?</h1>\n<p class=\"sub\">%s user%s on %s host%s, "
            "from %s to %s, in %s events. Times are ",
            words_number(result->users, users), result->users == 1 ? "" : "s",
            words_number(result->hosts, hosts), result->hosts == 1 ? "" : "s", first, last,
            words_number(result->events, events));
    html_text(page->file, page->answer->zone_name);
    fprintf(page->file, ".</p>\n");
}

static void tell_fewer(const struct page *page)
{
    const struct choice choice = choice_of(page->result, page->recommendation->one_percent);
    char number[WORDS_BYTES], above[WORDS_BYTES], longest[WORDS_BYTES], times[WORDS_BYTES];
    if (choice.limit == page->result->peak_users)
        return;
    words_number(choice.limit, number);
    if (choice.above_ms > 0)
        fprintf(
            page->file,
            "<p>With %s, more users would have been on for %s in all, on %s occasion%s, the longest of %s.",
            number, words_span(choice.above_ms, above), words_number(choice.excesses, times),
            choice.excesses == 1 ? "" : "s", words_span(choice.longest_ms, longest));
    else
        fprintf(page->file, "<p>With %s, more users would have been on for no longer than an instant.",
                number);
    fprintf(page->file,
            " A farm may pass its limit for 7 days; what each number would have meant is below.</p>\n");
}

/* A sentence, if there is anything to tell. */
static void tell_left_out(const struct page *page)
{
    char number[WORDS_BYTES];
    bool any = false;
    for (int route = 0; route < ROUTE_MAX; route++) {
        uint64_t sessions = page->result->sessions[route];
        if (sessions == 0 || (page->answer->routes_counted & ROUTE_BIT(route)) != 0)
            continue;
        fprintf(page->file, "%s %s by %s", any ? "," : " Left out were sessions whose route does not count:",
                words_number(sessions, number), connection_route_name((enum connection_route)route));
        any = true;
    }
    fprintf(page->file, "%s", any ? "." : "");
}

/* Who reads the number alone must not take it for an answer where no session counts at all. */
static void tell_number(const struct page *page)
{
    char at[WORDS_BYTES], number[WORDS_BYTES];
    if (page->result->peak_users == 0) {
        fprintf(page->file, "<p><strong>Nobody was ever on with a session that consumes a licence.</strong>");
        tell_left_out(page);
        fprintf(page->file, "</p>\n");
        return;
    }
    fprintf(page->file,
            "<p><strong>Buy %s licence%s, and nobody is ever turned away.</strong> So many users were on at "
            "once at the peak, on %s.</p>\n",
            words_number(page->result->peak_users, number), page->result->peak_users == 1 ? "" : "s",
            words_instant(page->answer->zone, page->result->peak_at_ms, at));
    tell_fewer(page);
}

static void tell_answer(const struct page *page)
{
    char number[WORDS_BYTES];
    fprintf(page->file, "<section class=\"answer\">\n<p class=\"number\">%s</p>\n<div>\n",
            words_number(page->result->peak_users, number));
    tell_number(page);
    fprintf(page->file, "</div>\n</section>\n");
}

/* ---- which number -------------------------------------------------------------------------------------- */

static void cell_span(const struct page *page, int64_t ms, bool known)
{
    char span[WORDS_BYTES];
    fprintf(page->file, "<td class=\"n\">%s</td>", known ? words_span(ms, span) : "");
}

/* How often, how long at most, how long in all and a year. */
static void cells_of_consequences(const struct page *page, const struct choice *choice)
{
    char number[WORDS_BYTES];
    bool ever = choice->excesses > 0;
    fprintf(page->file, "<td class=\"n\">%s</td>", ever ? words_number(choice->excesses, number) : "never");
    cell_span(page, choice->longest_ms, ever);
    cell_span(page, choice->above_ms, ever);
    if (choice->a_year_ms >= 0)
        cell_span(page, choice->a_year_ms, ever);
    fprintf(page->file, "</tr>\n");
}

static void heads_of_consequences(const struct page *page)
{
    fprintf(page->file,
            "<th class=\"n\">Times over</th><th class=\"n\">Longest</th><th class=\"n\">In all</th>%s"
            "</tr></thead>\n<tbody>\n",
            page->choices[0].a_year_ms >= 0 ? "<th class=\"n\">A year</th>" : "");
}

static void row_of_choice(const struct page *page, const struct choice *choice)
{
    char number[WORDS_BYTES];
    bool first = true;
    fprintf(page->file, "<tr%s><td class=\"n\"><strong>%s</strong></td><td>",
            (choice->reasons & 1u << CHOICE_PEAK) != 0 ? " class=\"best\"" : "",
            words_number(choice->limit, number));
    for (int reason = 0; reason < CHOICE_MAX; reason++) {
        if ((choice->reasons >> reason & 1) == 0)
            continue;
        fprintf(page->file, "%s%s", first ? "" : ";<br>", choice_words((enum choice_reason)reason));
        first = false;
    }
    fprintf(page->file, "</td>");
    cells_of_consequences(page, choice);
}

static void tell_choices(const struct page *page)
{
    fprintf(page->file,
            "<h2>Which number to choose</h2>\n<div class=\"wide\"><table>\n<thead><tr><th class=\"n\">"
            "Licences</th><th>With so many</th>");
    heads_of_consequences(page);
    for (size_t i = 0; i < page->choice_count; i++)
        row_of_choice(page, &page->choices[i]);
    fprintf(page->file, "</tbody>\n</table></div>\n");
    if (recommend_log_ms(page->result) <= USAGE_GRACE_MS)
        fprintf(
            page->file,
            "<p class=\"sub\">The log is no longer than the grace of 7 days, and says nothing of it.</p>\n");
}

/* Every number from the peak down to where it would mostly have been too few. */
static void tell_limits(const struct page *page)
{
    int64_t log_ms = recommend_log_ms(page->result);
    char number[WORDS_BYTES];
    uint32_t least = page->result->peak_users;
    while (least > 0 && page->result->peak_users - least < LIMITS_MOST - 1 &&
           recommend_above_ms(page->result, least - 1) * 2 <= log_ms)
        least--;
    fprintf(page->file, "<details>\n<summary>What each number of licences would have meant</summary>\n"
                        "<div class=\"wide\"><table>\n<thead><tr><th class=\"n\">Licences</th>");
    heads_of_consequences(page);
    for (uint32_t limit = page->result->peak_users;; limit--) {
        const struct choice choice = choice_of(page->result, limit);
        fprintf(page->file, "<tr><td class=\"n\">%s</td>", words_number(limit, number));
        cells_of_consequences(page, &choice);
        if (limit == least)
            break;
    }
    fprintf(page->file, "</tbody>\n</table></div>\n</details>\n");
}

/* ---- pictures ------------------------------------------------------------------------------------------ */

static void begin_figure(const struct page *page, const char *title)
{
    fprintf(page->file, "<h2>%s</h2>\n<figure>\n", title);
}

static void end_figure(const struct page *page, const char *caption)
{
    fprintf(page->file, "<figcaption>%s</figcaption>\n</figure>\n", caption);
}

static void show_periods(const struct page *page)
{
    const char *unit = periods_unit_name(page->periods.unit);
    fprintf(page->file, "<h2>Every %s</h2>\n<figure>\n", unit);
    picture_periods(page->answer, &page->periods, page->choices, page->choice_count, page->file);
    fprintf(page->file,
            "<figcaption>Most users at once of every %s%s. Lines are the numbers of licences "
            "above.</figcaption>\n"
            "</figure>\n",
            unit, page->periods.unit == PERIODS_DAYS ? "; weekends are pale" : "");
}

static void show_peak_day(const struct page *page)
{
    char date[WORDS_BYTES], title[2 * WORDS_BYTES];
    int64_t ms;
    words_long_date(words_date_of(page->answer->zone, page->result->peak_at_ms, &ms), date);
    snprintf(title, sizeof title, "The busiest day: %s", date);
    begin_figure(page, title);
    picture_peak_day(page->answer, page->file);
    end_figure(page, "Most users at once in every 20 minutes, the windows that a farm reports.");
}

static void show_week(const struct page *page)
{
    const struct recommend_office *office = &page->recommendation->office;
    char hours[WORDS_OFFICE_BYTES];
    begin_figure(page, "The hours of the week");
    picture_week(page->answer, page->file);
    fprintf(
        page->file,
        "<figcaption>Numbers are the most users that were ever on in that hour; the stronger the shade, the "
        "more are on, on average. ");
    if (office->hour_count > 0)
        fprintf(
            page->file,
            "Within the line is office time: the hours with, on average, at least half as many users as the "
            "busiest one. It is %s.",
            words_office(office, "\u2013", hours));
    fprintf(page->file, "</figcaption>\n</figure>\n");
}

static void show_curve(const struct page *page)
{
    begin_figure(page, "For how much of the time so many are on");
    picture_curve(page->answer, page->file);
    end_figure(
        page, "Users over the share of time, the busiest first: dark in office time, pale in all of the log. "
              "What lies above a number of licences is for how long it would have been too few.");
}

/* ---- savings ------------------------------------------------------------------------------------------- */

static void row_of_saving(const struct page *page, const char *what, uint32_t users, const char *note)
{
    uint32_t peak = page->result->peak_users;
    char number[WORDS_BYTES];
    fprintf(page->file, "<tr><td>%s</td><td class=\"n\"><strong>%s</strong></td>", what,
            words_number(users, number));
    if (users == peak)
        fprintf(page->file, "<td class=\"n\">no change</td>");
    else
        fprintf(page->file, "<td class=\"n\">%s %s</td>",
                words_number(users < peak ? peak - users : users - peak, number),
                users < peak ? "fewer" : "more");
    fprintf(page->file, "<td>%s</td></tr>\n", note);
}

static void tell_savings(const struct page *page)
{
    const struct sizing_result *result = page->result;
    char what[3 * WORDS_BYTES], note[3 * WORDS_BYTES], number[WORDS_BYTES];
    bool exempts = result->peak_without_exemptions > result->peak_users;
    fprintf(page->file, "<h2>What would change the number</h2>\n");
    if (result->disconnects > 0 || exempts)
        fprintf(page->file,
                "<table>\n<thead><tr><th>If</th><th class=\"n\">Peak</th><th class=\"n\"></th><th></th>"
                "</tr></thead>\n<tbody>\n");
    for (int i = 0; i < SIZING_SAVINGS && result->disconnects > 0; i++) {
        snprintf(what, sizeof what, "sessions were ended when disconnected for %d hour%s",
                 sizing_saving_hours[i], sizing_saving_hours[i] == 1 ? "" : "s");
        snprintf(note, sizeof note, "%s session%s", words_number(result->sessions_ended_after[i], number),
                 result->sessions_ended_after[i] == 1 ? "" : "s");
        row_of_saving(page, what, result->peak_ended_after[i], note);
    }
    if (exempts)
        row_of_saving(page, "administrators\u2019 desktops counted as everybody\u2019s",
                      result->peak_without_exemptions, "two of each host are exempt");
    if (result->disconnects > 0 || exempts)
        fprintf(page->file, "</tbody>\n</table>\n");
    if (result->disconnects == 0)
        fprintf(page->file,
                "<p class=\"sub\">The log knows of no disconnected sessions, so that it does not tell what "
                "ending them would save.</p>\n");
    bool is_one = result->administrators_unknown == 1;
    if (result->administrators_unknown > 0)
        fprintf(page->file,
                "<p class=\"sub\">Of %s desktop%s the log does not tell whether %s user is an "
                "administrator; %s. Two administrators\u2019 desktops of each host would not count.</p>\n",
                words_number(result->administrators_unknown, number), is_one ? "" : "s",
                is_one ? "its" : "their", is_one ? "it counts" : "they count");
}

/* ---- names and figures --------------------------------------------------------------------------------- */

static void tell_names(const struct page *page)
{
    char number[WORDS_BYTES];
    if (page->result->peak_name_count == 0)
        return;
    fprintf(
        page->file,
        "<h2>Who was on at the peak</h2>\n<details>\n<summary>%s user%s</summary>\n<ul class=\"names\">\n",
        words_number(page->result->peak_name_count, number), page->result->peak_name_count == 1 ? "" : "s");
    for (size_t i = 0; i < page->result->peak_name_count; i++) {
        fprintf(page->file, "<li><bdi>");
        html_text(page->file, page->result->peak_names[i]);
        fprintf(page->file, "</bdi></li>\n");
    }
    fprintf(page->file, "</ul>\n</details>\n");
}

static void tell_figures(const struct page *page)
{
    char date[WORDS_BYTES], at[WORDS_BYTES];
    fprintf(page->file,
            "<h2>The figures</h2>\n<details>\n<summary>Most users at once of every %s</summary>\n<table>\n"
            "<thead><tr><th>%s</th><th class=\"n\">Users</th><th>First reached</th></tr></thead>\n<tbody>\n",
            periods_unit_name(page->periods.unit), page->periods.unit == PERIODS_DAYS ? "Day" : "From");
    for (size_t i = 0; i < page->periods.count; i++) {
        const struct period *period = &page->periods.of[i];
        fprintf(page->file, "<tr><td>%s</td><td class=\"n\">%" PRIu32 "</td><td>%s</td></tr>\n",
                words_long_date(period->date, date), period->peak_users,
                words_instant(page->answer->zone, period->peak_at_ms, at));
    }
    fprintf(page->file, "</tbody>\n</table>\n</details>\n");
    tell_limits(page);
}

/* ---- how it was counted -------------------------------------------------------------------------------- */

static void tell_method(const struct page *page)
{
    char number[WORDS_BYTES];
    fprintf(page->file, "<h2>How this was counted</h2>\n<div class=\"method\">\n<p>By the rules by which a "
                        "farm is licensed, at every "
                        "instant of the log: a user with any number of sessions on any number of hosts is "
                        "one, a disconnected "
                        "session holds its licence until it ends, and two administrators\u2019 desktops of "
                        "each host are exempt.");
    tell_left_out(page);
    if (page->result->open_at_end > 0)
        fprintf(page->file, " Still open when the log ends: %s.",
                words_number(page->result->open_at_end, number));
    fprintf(
        page->file,
        "</p>\n<p>A farm may pass its limit for 7 days once; that grace begins when the limit has been "
        "passed for a "
        "minute, and is available again when licences are added. With the grace spent, nobody new is let in "
        "while as many as the limit are on, and a farm that has passed it for 60 minutes without "
        "interruption "
        "is deactivated until its users fit again. Here every passing of the limit counts, however short, "
        "unless "
        "said otherwise.</p>\n</div>\n");
}

static int make_page(struct page *page)
{
    begin_page(page);
    if (page->result->events == 0) {
        fprintf(page->file,
                "<h1>How many licences does this farm need?</h1>\n<p>The log holds no events.</p>\n");
        return 0;
    }
    int code = periods_make(page->result, BARS_MOST, &page->periods);
    if (code < 0)
        return code;
    page->choice_count =
        choices_make(page->result, page->recommendation, page->answer->limit_asked, page->choices);
    tell_log(page);
    tell_answer(page);
    tell_choices(page);
    show_periods(page);
    show_peak_day(page);
    show_week(page);
    show_curve(page);
    tell_savings(page);
    tell_names(page);
    tell_figures(page);
    tell_method(page);
    free(page->periods.of);
    return 0;
}

int answer_html(const struct answer *answer, FILE *file)
{
    struct page page = {
        .answer = answer, .result = answer->result, .recommendation = answer->recommendation, .file = file};
    int code = make_page(&page);
    fprintf(file, "</main>\n</body>\n</html>\n");
    return code;
}

/* ---- the file ------------------------------------------------------------------------------------------ */

/* A device, a directory or a link would be replaced by the page, which nobody means. */
static bool is_replaceable(const char *path, struct error_detail *ret_detail)
{
    struct stat status;
    if (lstat(path, &status) != 0 || S_ISREG(status.st_mode))
        return true; /* what else is wrong, writing tells */
    error_detail_set(ret_detail, "%s is no regular file, and is left as it is", path);
    return false;
}

static unsigned mode_of_new_files(void)
{
    mode_t mask = umask(0);
    (void)umask(mask);
    return (unsigned)(0666 & ~mask);
}

int answer_html_file(const struct answer *answer, const char *path, struct error_detail *ret_detail)
{
    char *text = NULL;
    size_t bytes = 0;
    if (!is_replaceable(path, ret_detail))
        return ERROR_INVALID;
    FILE *file = open_memstream(&text, &bytes);
    int code = file == NULL ? ERROR_NO_MEMORY : answer_html(answer, file);
    if (file != NULL && fclose(file) != 0)
        code = ERROR_NO_MEMORY;
    if (code < 0)
        error_detail_set(ret_detail, "%s: %s", path, error_text(code));
    else
        code = file_replace(path, text, bytes, mode_of_new_files(), true, ret_detail);
    free(text);
    return code;
}
