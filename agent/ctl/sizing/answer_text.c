#include "answer.h"

#include "choices.h"
#include "periods.h"
#include "words.h"

#include "agent/core/usage.h"
#include "agent/ctl/term.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DAY_HOURS      24
#define CHART_ROWS     42 /* more days than that are told as weeks, months or years */
#define CHART_LEFT     18 /* columns before a bar: "  Mon 2026-03-05  " */
#define CHART_RIGHT    9  /* and behind it, for the number */
#define CHART_LEAST    10
#define WEEK_WIDE      66 /* columns; in fewer an hour has one */
#define SHADES         5
#define NAMES_LINES    12 /* of who was on at the peak */
#define CHOICE_COLUMN  10
#define FACT_COLUMN    18
#define SENTENCE_BYTES 512

struct page {
    const struct answer *answer;
    const struct sizing_result *result;
    const struct recommendation *recommendation;
    const struct term *term;
    FILE *file;
    bool unicode;
};

static const char *dash_of(const struct page *page)
{
    return page->unicode ? "\u2013" : "-";
}

static void heading(const struct page *page, const char *text)
{
    fprintf(page->file, "\n%s%s%s\n", term_style(page->term, TERM_BOLD), text, term_plain(page->term));
}

/* ---- the summary --------------------------------------------------------------------------------------- */

/* A name and a sentence, which goes on below itself. */
static void fact(const struct page *page, const char *name, const char *format, ...)
    __attribute__((format(__printf__, 3, 4)));
static void fact(const struct page *page, const char *name, const char *format, ...)
{
    char sentence[SENTENCE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    fprintf(page->file, "%-*s", FACT_COLUMN, name);
    term_wrap(page->term, FACT_COLUMN, sentence);
}

static void tell_peak(const struct page *page)
{
    char at[WORDS_BYTES], span[WORDS_BYTES], number[WORDS_BYTES];
    const struct sizing_result *result = page->result;
    if (result->peak_users == 0) {
        fact(page, "licences needed", "0: nobody was ever on with a session that consumes a licence");
        return;
    }
    words_instant(page->answer->zone, result->peak_at_ms, at);
    fact(page, "licences needed",
         "%s, and nobody is ever turned away: so many users were on at once at the peak, on %s",
         words_number(result->peak_users, number), at);
    struct choice choice = choice_of(result, page->recommendation->one_percent);
    if (choice.limit == result->peak_users)
        return;
    char longest[WORDS_BYTES];
    words_number(choice.limit, number);
    if (choice.above_ms > 0)
        fact(page, "or fewer",
             "%s would have been too few for %s in all, at most %s at a time; more numbers are below", number,
             words_span(choice.above_ms, span), words_span(choice.longest_ms, longest));
    else
        fact(page, "or fewer",
             "%s would have been too few for no longer than an instant%s; more numbers are below", number,
             result->peak_at_ms == result->last_at_ms ? ", the log's last" : "");
}

static void tell_administrators(const struct page *page)
{
    const struct sizing_result *result = page->result;
    char number[WORDS_BYTES];
    if (result->peak_without_exemptions > result->peak_users)
        fact(page, "administrators",
             "their exempt desktops save %s: the peak would be %" PRIu32 " if they counted as everybody's",
             words_number(result->peak_without_exemptions - result->peak_users, number),
             result->peak_without_exemptions);
    bool is_one = result->administrators_unknown == 1;
    if (result->administrators_unknown > 0)
        fact(page, "administrators",
             "of %s desktop%s the log does not tell whether %s user is one; %s. Where administrators' names "
             "are given, two desktops of each host are exempt",
             words_number(result->administrators_unknown, number), is_one ? "" : "s",
             is_one ? "its" : "their", is_one ? "it counts" : "they count");
}

static void tell_disconnected(const struct page *page)
{
    const struct sizing_result *result = page->result;
    char text[SENTENCE_BYTES], number[WORDS_BYTES];
    int used = 0;
    if (result->disconnects == 0) {
        fact(page, "disconnected",
             "the log knows of no disconnected sessions, so that it does not tell what ending them would "
             "save");
        return;
    }
    for (int i = 0; i < SIZING_SAVINGS; i++) {
        uint32_t fewer = result->peak_users - result->peak_ended_after[i];
        char less[WORDS_BYTES] = "as now";
        if (fewer > 0)
            snprintf(less, sizeof less, "%" PRIu32 " fewer", fewer);
        used += snprintf(text + used, sizeof text - (size_t)used,
                         "%s%d h a peak of %" PRIu32 ", %s (%s session%s)", i > 0 ? "; " : "",
                         sizing_saving_hours[i], result->peak_ended_after[i], less,
                         words_number(result->sessions_ended_after[i], number),
                         result->sessions_ended_after[i] == 1 ? "" : "s");
    }
    fact(page, "disconnected", "ending sessions that are disconnected for so long gives: %s", text);
}

static void tell_log(const struct page *page)
{
    const struct sizing_result *result = page->result;
    char first[WORDS_BYTES], last[WORDS_BYTES], users[WORDS_BYTES], hosts[WORDS_BYTES], events[WORDS_BYTES];
    words_instant(page->answer->zone, result->first_at_ms, first);
    words_instant(page->answer->zone, result->last_at_ms, last);
    fact(page, "users", "%s on %s host%s", words_number(result->users, users),
         words_number(result->hosts, hosts), result->hosts == 1 ? "" : "s");
    fact(page, "log", "%s events, from %s to %s; all times are %s", words_number(result->events, events),
         first, last, page->answer->zone_name);
}

/* ---- limits -------------------------------------------------------------------------------------------- */

static void tell_choice(const struct page *page, const struct choice *choice)
{
    char text[SENTENCE_BYTES] = "never too few", number[WORDS_BYTES], times[WORDS_BYTES], above[WORDS_BYTES],
         year[WORDS_BYTES], longest[WORDS_BYTES];
    bool yearly = choice->a_year_ms >= 0;
    if (choice->excesses > 0 && choice->above_ms == 0)
        snprintf(text, sizeof text, "too few %s%s, for an instant%s",
                 choice->excesses == 1 ? "once" : words_number(choice->excesses, times),
                 choice->excesses == 1 ? "" : " times", choice->excesses == 1 ? "" : " each");
    else if (choice->excesses > 0)
        snprintf(text, sizeof text, "too few %s%s, for %s in all%s%s%s, at most %s at a time",
                 choice->excesses == 1 ? "once" : words_number(choice->excesses, times),
                 choice->excesses == 1 ? "" : " times", words_span(choice->above_ms, above),
                 yearly ? " (" : "", yearly ? words_span(choice->a_year_ms, year) : "",
                 yearly ? " a year)" : "", words_span(choice->longest_ms, longest));
    fprintf(page->file, "%s%8s%s  ", term_style(page->term, TERM_BOLD), words_number(choice->limit, number),
            term_plain(page->term));
    term_wrap(page->term, CHOICE_COLUMN, text);
    for (int reason = 0; reason < CHOICE_MAX; reason++) {
        if ((choice->reasons >> reason & 1) == 0)
            continue;
        fprintf(page->file, "%*s- ", CHOICE_COLUMN, "");
        term_wrap(page->term, CHOICE_COLUMN + 2, choice_words((enum choice_reason)reason));
    }
}

static void tell_choices(const struct page *page)
{
    struct choice choices[CHOICE_MAX];
    size_t count = choices_make(page->result, page->recommendation, page->answer->limit_asked, choices);
    heading(page, "What each number of licences would have meant");
    for (size_t i = 0; i < count; i++)
        tell_choice(page, &choices[i]);
    if (recommend_log_ms(page->result) <= USAGE_GRACE_MS)
        fprintf(page->file, "The log is no longer than the grace of 7 days, and says nothing of it.\n");
}

/* ---- charts -------------------------------------------------------------------------------------------- */

static void bar(const struct page *page, uint32_t users)
{
    char text[TERM_BAR_BYTES];
    unsigned width = page->term->width, columns = CHART_LEAST;
    if (width > CHART_LEFT + CHART_RIGHT + CHART_LEAST)
        columns = width - CHART_LEFT - CHART_RIGHT;
    if (page->unicode) {
        term_bar(users, page->result->peak_users, columns, text);
    } else {
        uint64_t full =
            page->result->peak_users == 0 ? 0 : (uint64_t)users * columns / page->result->peak_users;
        size_t count = full < sizeof text - 1 ? (size_t)full : sizeof text - 1;
        memset(text, '#', count);
        text[count] = '\0';
    }
    fprintf(page->file, "%s%s%" PRIu32 "\n", text, users == 0 ? "" : " ", users);
}

static void period_label(enum periods_unit unit, int64_t date, char ret_label[WORDS_BYTES])
{
    char day[WORDS_BYTES];
    words_date(date, day);
    if (unit == PERIODS_DAYS)
        snprintf(ret_label, WORDS_BYTES, "%s %.10s", words_weekday(words_weekday_of(date)), day);
    else if (unit == PERIODS_WEEKS)
        snprintf(ret_label, WORDS_BYTES, "from %.10s", day);
    else
        snprintf(ret_label, WORDS_BYTES, "%.*s", unit == PERIODS_MONTHS ? 7 : 4, day);
}

static int tell_days(const struct page *page)
{
    struct periods periods;
    char label[WORDS_BYTES], title[WORDS_BYTES];
    int code = periods_make(page->result, CHART_ROWS, &periods);
    if (code < 0)
        return code;
    snprintf(title, sizeof title, "Most users at once, by %s", periods_unit_name(periods.unit));
    heading(page, title);
    for (size_t i = 0; i < periods.count; i++) {
        period_label(periods.unit, periods.of[i].date, label);
        fprintf(page->file, "  %-*s", CHART_LEFT - 2, label);
        bar(page, periods.of[i].peak_users);
    }
    free(periods.of);
    return 0;
}

static double mean_of(const struct sizing_hour *hour)
{
    return hour->held_ms == 0 ? 0 : (double)hour->user_ms / (double)hour->held_ms;
}

/* The lightest shade is of an hour in which hardly anybody is on, the darkest of those next to the busiest.
 */
static const char *shade(const struct page *page, const struct sizing_hour *hour, double busiest)
{
    static const char *const blocks[SHADES] = {" ", "\u2591", "\u2592", "\u2593", "\u2588"},
                             *const letters[SHADES] = {" ", ".", ":", "*", "#"};
    int darkness = busiest > 0 ? (int)(mean_of(hour) / busiest * SHADES) : 0;
    darkness = darkness < SHADES ? darkness : SHADES - 1;
    return page->unicode ? blocks[darkness] : letters[darkness];
}

static void tell_weekday(const struct page *page, unsigned day, bool wide, double busiest)
{
    uint32_t most = 0;
    fprintf(page->file, "  %s  ", words_weekday(day));
    for (unsigned hour = 0; hour < DAY_HOURS; hour++) {
        const struct sizing_hour *it = &page->result->week[day * DAY_HOURS + hour];
        const char *its_shade = shade(page, it, busiest);
        most = it->peak_users > most ? it->peak_users : most;
        fprintf(page->file, "%s%s", its_shade, wide ? its_shade : "");
    }
    fprintf(page->file, "  %" PRIu32 "\n", most);
}

static void tell_week(const struct page *page)
{
    bool wide = page->term->width >= WEEK_WIDE;
    double busiest = 0;
    for (int i = 0; i < SIZING_WEEK_HOURS; i++)
        busiest = mean_of(&page->result->week[i]) > busiest ? mean_of(&page->result->week[i]) : busiest;
    heading(page, "Hours of the week, by how many users are on");
    fprintf(page->file, "       ");
    for (int hour = 0; hour < DAY_HOURS; hour += 3)
        fprintf(page->file, "%-*d", wide ? 6 : 3, hour);
    fprintf(page->file, "  most\n");
    for (unsigned day = 0; day < SIZING_WEEK_HOURS / DAY_HOURS; day++)
        tell_weekday(page, day, wide, busiest);
}

/* ---- office time --------------------------------------------------------------------------------------- */

static void tell_office(const struct page *page)
{
    static const unsigned percents[] = {50, 75, 90, 95, 99, 100};
    const struct recommend_office *office = &page->recommendation->office;
    char hours[WORDS_OFFICE_BYTES];
    if (office->hour_count == 0)
        return;
    heading(page, "Office time: how many are on for how much of it");
    term_wrap(page->term, 0, words_office(office, dash_of(page), hours));
    term_wrap(page->term, 0,
              "(hours of the week with on average at least half as many users as the busiest)");
    for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
        fprintf(page->file, "  %3u %% at most   ", percents[i]);
        bar(page, recommend_office_users(page->result, office, percents[i]));
    }
}

/* ---- who was on ---------------------------------------------------------------------------------------- */

static void tell_names(const struct page *page)
{
    const struct sizing_result *result = page->result;
    char clean[TERM_TEXT_BYTES], number[WORDS_BYTES];
    size_t widest = 0, told = 0;
    for (size_t i = 0; i < result->peak_name_count; i++) {
        size_t width = term_text_width(term_clean(result->peak_names[i], clean));
        widest = width > widest ? width : widest;
    }
    if (result->peak_name_count == 0)
        return;
    size_t columns = page->term->width / (widest + 2) > 0 ? page->term->width / (widest + 2) : 1;
    heading(page, "Who was on at the peak");
    for (; told < result->peak_name_count && told < columns * NAMES_LINES; told++) {
        term_clean(result->peak_names[told], clean);
        bool ends = (told + 1) % columns == 0 || told + 1 == result->peak_name_count;
        int padding = ends ? 0 : (int)(widest - term_text_width(clean));
        fprintf(page->file, "  %s%*s%s", clean, padding, "", ends ? "\n" : "");
    }
    if (told < result->peak_name_count)
        fprintf(page->file, "  and %s more\n", words_number(result->peak_name_count - told, number));
}

int answer_text(const struct answer *answer, const struct term *term, bool unicode)
{
    const struct page page = {answer, answer->result, answer->recommendation, term, term->file, unicode};
    if (answer->result->events == 0) {
        fprintf(page.file, "no events\n");
        return 0;
    }
    tell_peak(&page);
    tell_disconnected(&page);
    tell_administrators(&page);
    tell_log(&page);
    tell_choices(&page);
    int code = tell_days(&page);
    if (code < 0)
        return code;
    tell_week(&page);
    tell_office(&page);
    tell_names(&page);
    return 0;
}
