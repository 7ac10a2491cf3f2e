#include "cloud/admin/cell.h"
#include "cloud/admin/chart.h"
#include "cloud/admin/client.h"
#include "cloud/admin/commands.h"
#include "cloud/admin/fields.h"

#include "common/rfc3339.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAYS_MAX      400 /* that the authority keeps */
#define DAYS_DEFAULT  30
#define DAY_TEXT      16
#define DAY_MS        INT64_C(86400000)
#define WIDTH_DEFAULT 80
#define LABEL_COLUMNS 21 /* the day, its peak, the gaps */
#define NOTE_COLUMNS  12 /* "  +99999 over" */

struct day {
    char day[DAY_TEXT];
    int64_t peak_users;
    int64_t start_ms; /* of the day, once it was understood */
};
struct history {
    char farm_id[FIELD_TEXT_BYTES_MAX + 1], name[FIELD_TEXT_BYTES_MAX + 1];
    int64_t limit; /* -1: none */
    size_t count;
    struct day days[DAYS_MAX];
};

static const struct json_field day_fields[] = {
    {.name = "day",
     .type = JSON_TEXT,
     .offset = offsetof(struct day, day),
     .max = DAY_TEXT - 1,
     .required = true},
    FIELD_NUMBER(struct day, peak_users),
};
static const struct json_shape day_shape = {day_fields, FIELDS_COUNT(day_fields)};
static const struct json_field history_fields[] = {
    FIELD_TEXT(struct history, farm_id),
    FIELD_TEXT(struct history, name),
    FIELD_NUMBER(struct history, limit),
    {.name = "days",
     .type = JSON_ARRAY,
     .offset = offsetof(struct history, days),
     .required = true,
     .shape = &day_shape,
     .count_offset = offsetof(struct history, count),
     .count_max = DAYS_MAX,
     .element_bytes = sizeof(struct day)},
};
static const struct json_shape history_shape = {history_fields, FIELDS_COUNT(history_fields)};

/* --- the chart ------------------------------------------------------------------------------------------ */

static bool find_start(struct day *day)
{
    char text[2 * RFC3339_BYTES];
    (void)snprintf(text, sizeof text, "%sT00:00:00Z", day->day);
    return rfc3339_parse(text, strlen(text), &day->start_ms);
}

static struct chart chart_of(const struct history *history, size_t first)
{
    struct chart chart = {.maximum = history->limit > 0 ? history->limit : 0, .limit = history->limit};
    size_t width = cell_terminal_width();
    if (width == 0)
        width = WIDTH_DEFAULT;
    size_t columns = width > LABEL_COLUMNS + NOTE_COLUMNS + CHART_COLUMNS_MIN
                         ? width - LABEL_COLUMNS - NOTE_COLUMNS
                         : CHART_COLUMNS_MIN;
    chart.columns = (unsigned)(columns < CHART_COLUMNS_MAX ? columns : CHART_COLUMNS_MAX);
    chart.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    for (size_t i = first; i < history->count; i++)
        if (history->days[i].peak_users > chart.maximum)
            chart.maximum = history->days[i].peak_users;
    return chart;
}

static void print_day(const struct chart *chart, const struct day *day)
{
    char bar[CHART_BYTES];
    chart_bar(chart, day->peak_users, bar);
    (void)printf("%-10s  %7" PRId64 "  %s", day->day, day->peak_users, bar);
    if (chart->limit >= 0 && day->peak_users > chart->limit)
        (void)printf("  +%" PRId64 " over", day->peak_users - chart->limit);
    (void)printf("\n");
}

/* Days of which nothing was reported stand between the others, so that a line is a day. */
static void print_gap(int64_t from_ms, int64_t to_ms)
{
    char text[RFC3339_BYTES];
    for (int64_t at = from_ms; at < to_ms; at += DAY_MS)
        (void)printf("%.10s  %7s\n", rfc3339_format(at, text), CELL_NOTHING);
}

static void print_head(const struct history *history, const struct chart *chart)
{
    char name[CELL_BYTES];
    cell_format(&history_fields[1], history, name);
    (void)printf("%s (%s): ", name, history->farm_id);
    if (history->limit >= 0)
        (void)printf("limit %" PRId64 ", marked %s\n", history->limit, chart->ascii ? "|" : "│");
    else
        (void)printf("deactivated\n");
}

/* The last `count` days up to the latest of which something was reported. */
static int print_chart(struct history *history, int64_t count)
{
    size_t first = 0;
    if (history->count == 0) {
        (void)printf("nothing was reported yet\n");
        return ADMIN_OK;
    }
    for (size_t i = 0; i < history->count; i++)
        if (!find_start(&history->days[i]))
            return client_misunderstood("history", history->days[i].day);
    int64_t begin_ms = history->days[history->count - 1].start_ms - (count - 1) * DAY_MS;
    while (history->days[first].start_ms < begin_ms)
        first++;
    struct chart chart = chart_of(history, first);
    print_head(history, &chart);
    for (size_t i = first; i < history->count; i++) {
        const struct day *day = &history->days[i];
        if (i > first)
            print_gap(day[-1].start_ms + DAY_MS, day->start_ms);
        print_day(&chart, day);
    }
    return ADMIN_OK;
}

int command_report_history(const struct admin_options *options)
{
    char target[CLIENT_TARGET_BYTES];
    struct local_client_answer answer;
    int64_t count = options->days >= 0 ? options->days : DAYS_DEFAULT;
    if (count < 1 || count > DAYS_MAX) {
        (void)fprintf(stderr, "farmgate-cloud: --days: 1 to %d\n", DAYS_MAX);
        return ADMIN_USAGE;
    }
    if (!client_target(target, "/v1/admin/farms/", options->arguments[0], "/history"))
        return ADMIN_DATA;
    int code = client_call(options->socket_path, "GET", target, NULL, &answer);
    if (code != ADMIN_OK)
        return code;
    (void)setlocale(LC_CTYPE, ""); /* whether the terminal knows more than ASCII */
    struct history *history = calloc(1, sizeof *history);
    if (history == NULL) {
        local_client_answer_finish(&answer);
        return ADMIN_FAILED;
    }
    history->limit = -1;
    code = client_read(&history_shape, target, &answer, history);
    if (code == ADMIN_OK) {
        if (options->json)
            (void)printf("%s\n", answer.body);
        else
            code = print_chart(history, count);
        local_client_answer_finish(&answer);
    }
    free(history);
    return code;
}
