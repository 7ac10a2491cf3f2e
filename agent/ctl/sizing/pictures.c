#include "pictures.h"

#include "words.h"

#include "agent/core/peak.h"

#include <inttypes.h>
#include <stdlib.h>

#define PICTURE_WIDTH      760
#define PLOT_LEFT          40 /* room for the numbers of users */
#define PLOT_RIGHT         64 /* and for those of limits */
#define PLOT_TOP           14
#define PLOT_BOTTOM        26 /* for dates */
#define PLOT_WIDTH         (PICTURE_WIDTH - PLOT_LEFT - PLOT_RIGHT)
#define LABEL_APART        13.0 /* lines of text, one above the other */
#define TICK_APART         46.0 /* dates, side by side */
#define BAR_WIDEST         20.0
#define WEEKS_TO_DAYS      70 /* a picture of so many days has its weeks told, of more its months, */
#define QUARTERS_FROM_DAYS 400
#define YEARS_FROM_DAYS    1500
#define DAY_HOURS          24
#define WEEK_DAYS          7
#define HOUR_MS            INT64_C(3600000)
#define CURVE_PERCENT      95 /* of office time that is pointed out */

/* A plot of users over something. */
struct plot {
    FILE *file;
    double height; /* of the plot itself */
    uint32_t most; /* users at its upper edge */
};

static double x_of(double share)
{
    return PLOT_LEFT + share * PLOT_WIDTH;
}

static double y_of(const struct plot *plot, double users)
{
    return PLOT_TOP + plot->height * (1 - users / plot->most);
}

static void open_picture(FILE *file, const char *name, double height, const char *title)
{
    fprintf(file,
            "<svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-labelledby=\"%s-title %s-words\">\n"
            "<title id=\"%s-title\">%s</title>\n<desc id=\"%s-words\">",
            PICTURE_WIDTH, height, name, name, name, title, name);
}

/* ---- the axis of users --------------------------------------------------------------------------------- */

/* 1, 2 or 5 times a power of ten, so that there are three to seven of them. */
static uint32_t step_of(uint32_t most)
{
    uint32_t step = 1;
    static const uint32_t next[] = {2, 5, 10};
    for (uint32_t power = 1;; power *= 10)
        for (int i = 0; i < 3; i++) {
            if (most / step < 6)
                return step;
            step = power * next[i];
        }
}

static struct plot begin_plot(FILE *file, double height, uint32_t peak)
{
    return (struct plot){file, height, peak == 0 ? 1 : peak};
}

static void draw_users(const struct plot *plot)
{
    uint32_t step = step_of(plot->most);
    for (uint64_t users = 0; users <= plot->most; users += step) {
        double y = y_of(plot, (double)users);
        fprintf(plot->file, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>", PLOT_LEFT, y, PLOT_LEFT + PLOT_WIDTH);
        fprintf(plot->file, "<text class=\"soft end\" x=\"%d\" y=\"%.1f\">%" PRIu64 "</text>\n",
                PLOT_LEFT - 8, y + 4, users);
    }
}

/* Limits as lines, from the highest down; where two are too close only the upper one has its number. */
static void draw_limits(const struct plot *plot, const struct choice *choices, size_t count)
{
    double last = -LABEL_APART;
    for (size_t i = 0; i < count; i++) {
        if (choices[i].limit > plot->most)
            continue;
        double y = y_of(plot, choices[i].limit);
        bool peak = (choices[i].reasons & 1u << CHOICE_PEAK) != 0;
        fprintf(plot->file, "<path class=\"%s\" d=\"M%d %.1fH%d\"/>", peak ? "peak" : "limit", PLOT_LEFT, y,
                PLOT_LEFT + PLOT_WIDTH);
        if (y - last >= LABEL_APART) {
            fprintf(plot->file, "<text class=\"%s\" x=\"%d\" y=\"%.1f\">%" PRIu32 "</text>\n",
                    peak ? "peak" : "soft", PLOT_LEFT + PLOT_WIDTH + 8, y + 4, choices[i].limit);
            last = y;
        }
    }
}

static void draw_tick(const struct plot *plot, double x, const char *label)
{
    double y = PLOT_TOP + plot->height;
    fprintf(plot->file,
            "<path class=\"tick\" d=\"M%.1f %.1fv5\"/><text class=\"soft middle\" x=\"%.1f\" "
            "y=\"%.1f\">%s</text>\n",
            x, y, x, y + 18, label);
}

/* ---- periods ------------------------------------------------------------------------------------------- */

/* What stands below a period where something new begins with it: a week of few, a month of more, a year. */
static bool begins_something(const struct periods *periods, size_t i, char ret_label[WORDS_BYTES])
{
    int year, month, year_before = 0, month_before = 0;
    const struct period *period = &periods->of[i];
    int64_t days = periods->of[periods->count - 1].date - periods->of[0].date;
    words_month_of(period->date, &year, &month);
    if (i > 0)
        words_month_of(period[-1].date, &year_before, &month_before);
    if (periods->unit == PERIODS_DAYS && days <= WEEKS_TO_DAYS) {
        char date[WORDS_BYTES];
        words_date(period->date, date);
        snprintf(ret_label, WORDS_BYTES, "%d %s", atoi(date + 8), words_month(month));
        return words_weekday_of(period->date) == 0 || days < 2 * WEEK_DAYS;
    }
    bool new_year = year != year_before && (i > 0 || month == 1);
    if (new_year || periods->unit == PERIODS_YEARS)
        snprintf(ret_label, WORDS_BYTES, "%d", year);
    else
        snprintf(ret_label, WORDS_BYTES, "%s", words_month(month));
    bool new_month = i > 0 && (year != year_before || month != month_before);
    if (days > YEARS_FROM_DAYS)
        return new_year || periods->unit == PERIODS_YEARS;
    return new_month && (days <= QUARTERS_FROM_DAYS || month % 3 == 1);
}

static void draw_dates(const struct plot *plot, const struct periods *periods)
{
    char label[WORDS_BYTES];
    double width = (double)PLOT_WIDTH / (double)periods->count, last = -TICK_APART;
    for (size_t i = 0; i < periods->count; i++) {
        double x = PLOT_LEFT + ((double)i + 0.5) * width;
        if (x - last < TICK_APART || !begins_something(periods, i, label))
            continue;
        draw_tick(plot, x, label);
        last = x;
    }
}

static void draw_bar(const struct plot *plot, const struct answer *answer, const struct periods *periods,
                     size_t i)
{
    const struct period *period = &periods->of[i];
    double width = (double)PLOT_WIDTH / (double)periods->count;
    double gap = width > BAR_WIDEST * 1.3 ? width - BAR_WIDEST
                 : width > 4              ? width * 0.22
                 : width > 2              ? 0.5
                                          : 0;
    double y = y_of(plot, period->peak_users);
    bool weekend = periods->unit == PERIODS_DAYS && words_weekday_of(period->date) >= 5;
    bool peak = period->peak_users == answer->result->peak_users;
    char day[WORDS_BYTES], at[WORDS_BYTES];
    fprintf(plot->file,
            "<rect class=\"%s\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\"><title>%s%s: %" PRIu32
            ", first on %s</title></rect>\n",
            peak      ? "top"
            : weekend ? "weekend"
                      : "bar",
            PLOT_LEFT + (double)i * width + gap / 2, y, width - gap, PLOT_TOP + plot->height - y,
            periods->unit == PERIODS_DAYS ? "" : "from ", words_long_date(period->date, day),
            period->peak_users, words_instant(answer->zone, period->peak_at_ms, at));
}

void picture_periods(const struct answer *answer, const struct periods *periods, const struct choice *choices,
                     size_t choice_count, FILE *file)
{
    struct plot plot = begin_plot(file, 190, answer->result->peak_users);
    char at[WORDS_BYTES];
    open_picture(file, "days", PLOT_TOP + plot.height + PLOT_BOTTOM, "Most users at once");
    fprintf(file, "A bar a %s, %zu of them. The highest is %" PRIu32 ", reached on %s.</desc>\n",
            periods_unit_name(periods->unit), periods->count, answer->result->peak_users,
            words_instant(answer->zone, answer->result->peak_at_ms, at));
    draw_users(&plot);
    for (size_t i = 0; i < periods->count; i++)
        draw_bar(&plot, answer, periods, i);
    draw_limits(&plot, choices, choice_count);
    draw_dates(&plot, periods);
    fprintf(file, "</svg>\n");
}

/* ---- the day of the peak ------------------------------------------------------------------------------- */

/* The windows that begin on the peak's day; at least its own. */
static void find_day(const struct answer *answer, size_t *ret_first, size_t *ret_end)
{
    const struct sizing_result *result = answer->result;
    size_t peak = (size_t)((result->peak_at_ms - result->windows[0].start_ms) / WINDOW_MS);
    size_t first = peak, end = peak + 1;
    int64_t ms, date = words_date_of(answer->zone, result->peak_at_ms, &ms);
    while (first > 0 && words_date_of(answer->zone, result->windows[first - 1].start_ms, &ms) == date)
        first--;
    while (end < result->window_count &&
           words_date_of(answer->zone, result->windows[end].start_ms, &ms) == date)
        end++;
    *ret_first = first;
    *ret_end = end;
}

static double day_x(const struct answer *answer, int64_t at_ms)
{
    int64_t ms;
    (void)words_date_of(answer->zone, at_ms, &ms);
    return x_of((double)ms / (double)DAY_MS);
}

void picture_peak_day(const struct answer *answer, FILE *file)
{
    const struct sizing_result *result = answer->result;
    struct plot plot = begin_plot(file, 150, result->peak_users);
    char at[WORDS_BYTES], label[WORDS_BYTES];
    size_t first, end;
    double width = (double)PLOT_WIDTH * (double)WINDOW_MS / (double)DAY_MS;
    find_day(answer, &first, &end);
    open_picture(file, "peak-day", PLOT_TOP + plot.height + PLOT_BOTTOM, "The day of the peak");
    fprintf(file,
            "Most users in each window of 20 minutes. The peak of %" PRIu32 " is reached on %s.</desc>\n",
            result->peak_users, words_instant(answer->zone, result->peak_at_ms, at));
    draw_users(&plot);
    fprintf(file, "<g class=\"bar\">\n");
    for (size_t i = first; i < end; i++) {
        const struct sizing_window *window = &result->windows[i];
        double y = y_of(&plot, window->peak_users);
        fprintf(file,
                "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\"><title>%s: %" PRIu32
                "</title></rect>\n",
                day_x(answer, window->start_ms), y, width - 0.6, PLOT_TOP + plot.height - y,
                words_instant(answer->zone, window->start_ms, at), window->peak_users);
    }
    fprintf(file, "</g>\n");
    for (int hour = 0; hour <= DAY_HOURS; hour += 3) {
        snprintf(label, sizeof label, "%d", hour);
        draw_tick(&plot, x_of((double)hour / DAY_HOURS), label);
    }
    double x = day_x(answer, result->peak_at_ms), y = y_of(&plot, result->peak_users);
    fprintf(file,
            "<circle class=\"peak\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>"
            "<text class=\"peak middle\" x=\"%.1f\" y=\"%.1f\">%" PRIu32 "</text>\n</svg>\n",
            x, y, x, y - 6, result->peak_users);
}

/* ---- the week ------------------------------------------------------------------------------------------ */

#define CELL_WIDTH  26.0
#define CELL_HEIGHT 22.0
#define WEEK_LEFT   40.0
#define WEEK_TOP    20.0

static double mean_of(const struct sizing_hour *hour)
{
    return hour->held_ms == 0 ? 0 : (double)hour->user_ms / (double)hour->held_ms;
}

static void draw_hour(const struct answer *answer, unsigned number, double busiest, FILE *file)
{
    const struct sizing_hour *hour = &answer->result->week[number];
    unsigned day = number / DAY_HOURS, of_day = number % DAY_HOURS;
    double x = WEEK_LEFT + of_day * CELL_WIDTH, y = WEEK_TOP + day * CELL_HEIGHT;
    double share = busiest > 0 ? mean_of(hour) / busiest : 0;
    fprintf(
        file,
        "<g><title>%s %u to %u: %.1f users on average, at most %" PRIu32 "</title>"
        "<rect class=\"hour\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill-opacity=\"%.3f\"/>",
        words_weekday(day), of_day, of_day + 1, mean_of(hour), hour->peak_users, x, y, CELL_WIDTH - 1.5,
        CELL_HEIGHT - 1.5, share);
    if (hour->peak_users > 0)
        fprintf(file, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%" PRIu32 "</text>",
                share > 0.55   ? "cell dark"
                : share > 0.25 ? "cell ink"
                               : "cell",
                x + (CELL_WIDTH - 1.5) / 2, y + CELL_HEIGHT / 2 + 3, hour->peak_users);
    fprintf(file, "</g>\n");
}

static bool is_office(const struct answer *answer, int day, int hour)
{
    return day >= 0 && day < WEEK_DAYS && hour >= 0 && hour < DAY_HOURS &&
           answer->recommendation->office.hours[day * DAY_HOURS + hour];
}

/* A line wherever office time begins or ends. */
static void draw_office(const struct answer *answer, FILE *file)
{
    fprintf(file, "<path class=\"office\" d=\"");
    for (int day = 0; day <= WEEK_DAYS; day++)
        for (int hour = 0; hour <= DAY_HOURS; hour++) {
            double x = WEEK_LEFT + hour * CELL_WIDTH - 0.75, y = WEEK_TOP + day * CELL_HEIGHT - 0.75;
            if (is_office(answer, day, hour) != is_office(answer, day, hour - 1))
                fprintf(file, "M%.2f %.2fv%.1f", x, y, CELL_HEIGHT);
            if (is_office(answer, day, hour) != is_office(answer, day - 1, hour))
                fprintf(file, "M%.2f %.2fh%.1f", x, y, CELL_WIDTH);
        }
    fprintf(file, "\"/>\n");
}

void picture_week(const struct answer *answer, FILE *file)
{
    double busiest = 0;
    unsigned busiest_hour = 0;
    for (unsigned i = 0; i < SIZING_WEEK_HOURS; i++)
        if (mean_of(&answer->result->week[i]) > busiest) {
            busiest = mean_of(&answer->result->week[i]);
            busiest_hour = i;
        }
    open_picture(file, "week", WEEK_TOP + WEEK_DAYS * CELL_HEIGHT + 4, "The hours of the week");
    fprintf(file, "The busiest is %s from %u to %u, with %.1f users on average.</desc>\n",
            words_weekday(busiest_hour / DAY_HOURS), busiest_hour % DAY_HOURS, busiest_hour % DAY_HOURS + 1,
            busiest);
    for (unsigned hour = 0; hour <= DAY_HOURS; hour += 3)
        fprintf(file, "<text class=\"soft middle\" x=\"%.1f\" y=\"13\">%u</text>\n",
                WEEK_LEFT + hour * CELL_WIDTH - 0.75, hour);
    for (unsigned day = 0; day < WEEK_DAYS; day++)
        fprintf(file, "<text class=\"soft end\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", WEEK_LEFT - 8,
                WEEK_TOP + day * CELL_HEIGHT + CELL_HEIGHT / 2 + 3, words_weekday(day));
    for (unsigned i = 0; i < SIZING_WEEK_HOURS; i++)
        draw_hour(answer, i, busiest, file);
    draw_office(answer, file);
    fprintf(file, "</svg>\n");
}

/* ---- the curve ----------------------------------------------------------------------------------------- */

/* How long exactly so many users were on, in office time or in all. */
static int64_t held_ms(const struct answer *answer, bool office, uint32_t users)
{
    const struct sizing_result *result = answer->result;
    int64_t held = 0;
    if (!office)
        return result->levels[users].held_ms;
    for (int i = 0; i < SIZING_WEEK_HOURS; i++)
        if (answer->recommendation->office.hours[i] && users < result->week[i].level_count)
            held += result->week[i].levels[users];
    return held;
}

/* From the busiest instants on the left to the quietest; a step where the number falls by one. */
static void draw_curve(const struct plot *plot, const struct answer *answer, bool office, int64_t all_ms)
{
    int64_t above_ms = 0;
    fprintf(plot->file, "<path class=\"%s\" d=\"M%d %.1f", office ? "curve" : "curve all", PLOT_LEFT,
            y_of(plot, answer->result->peak_users));
    for (uint32_t users = answer->result->peak_users;; users--) {
        above_ms += held_ms(answer, office, users);
        fprintf(plot->file, "V%.1fH%.1f", y_of(plot, users), x_of((double)above_ms / (double)all_ms));
        if (users == 0)
            break;
    }
    fprintf(plot->file, "\"/>\n");
}

/* A point out of office time, with what it says. */
static void draw_point(const struct plot *plot, uint32_t users, unsigned percent)
{
    double x = x_of((100 - percent) / 100.0), y = y_of(plot, users);
    fprintf(plot->file,
            "<path class=\"limit\" d=\"M%.1f %.1fV%.1f\"/><circle class=\"peak\" cx=\"%.1f\" cy=\"%.1f\" "
            "r=\"3\"/>"
            "<text class=\"peak\" x=\"%.1f\" y=\"%.1f\">for %u %% of office time at most %" PRIu32
            "</text>\n",
            x, y, PLOT_TOP + plot->height, x, y, x + 8, y - 5, percent, users);
}

void picture_curve(const struct answer *answer, FILE *file)
{
    const struct recommend_office *office = &answer->recommendation->office;
    int64_t all_ms = recommend_log_ms(answer->result);
    struct plot plot = begin_plot(file, 190, answer->result->peak_users);
    char label[WORDS_BYTES];
    uint32_t users = recommend_office_users(answer->result, office, CURVE_PERCENT);
    open_picture(file, "curve", PLOT_TOP + plot.height + PLOT_BOTTOM,
                 "For how much of the time so many are on");
    fprintf(file,
            "For %d %% of office time at most %" PRIu32 " users are on, for half of it at most %" PRIu32
            ".</desc>\n",
            CURVE_PERCENT, users, recommend_office_users(answer->result, office, 50));
    draw_users(&plot);
    if (all_ms > 0)
        draw_curve(&plot, answer, false, all_ms);
    if (office->held_ms > 0) {
        draw_curve(&plot, answer, true, office->held_ms);
        draw_point(&plot, users, CURVE_PERCENT);
    }
    for (int percent = 0; percent <= 100; percent += 20) {
        snprintf(label, sizeof label, "%d %%", percent);
        draw_tick(&plot, x_of(percent / 100.0), label);
    }
    fprintf(file, "</svg>\n");
}
