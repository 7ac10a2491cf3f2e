#include "commands.h"

#include "ask.h"
#include "options.h"
#include "shape.h"
#include "term.h"

#include "common/rfc3339.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOW_ROWS_MAX 28801 /* what the agent tells at most */
#define LABEL_COLUMNS   28    /* of a line without its bar */
#define BAR_COLUMNS_MIN 10

static const char help[] =
    "usage: farmgate windows [--since WHEN] [--until WHEN] [--days] [--json] [--socket PATH]\n"
    "\n"
    "The peak of every 20-minute window (24 hours back by default), or of every UTC day, as a chart.\n"
    "\n"
    "options:\n"
    "  --since WHEN   from then on: 2026-01-31T08:00:00Z, 2026-01-31 (UTC), or a span back from now: 90min, "
    "12h, 7d\n"
    "  --until WHEN   up to then\n"
    "  --days         days instead of windows (400 days back by default)\n"
    "  --json         the agent's answer as it is\n"
    "  --socket PATH  another agent's socket\n"
    "  --help         print this\n";

struct peak_row {
    int64_t start_ms, peak_users;
    char day[16], state[32];
    bool complete;
};
struct peaks_view {
    bool more;
    size_t rows_count;
    struct peak_row rows[WINDOW_ROWS_MAX];
};

static const struct json_field row_fields[] = {
    SHAPE_TIME("start", struct peak_row, start_ms),
    SHAPE_TEXT("day", struct peak_row, day),
    SHAPE_NUMBER_MUST("peak_users", struct peak_row, peak_users),
    SHAPE_TEXT("state", struct peak_row, state),
    SHAPE_YES_NO("complete", struct peak_row, complete),
};
static const struct json_shape row_shape = SHAPE_OF(row_fields);
static const struct json_field view_fields[] = {
    SHAPE_LIST("windows", struct peaks_view, rows, row_shape),
    SHAPE_LIST("days", struct peaks_view, rows, row_shape),
    SHAPE_YES_NO("more", struct peaks_view, more),
};
static const struct json_shape view_shape = SHAPE_OF(view_fields);

/* --- when ----------------------------------------------------------------------------------- */

static bool parse_span(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"s", 1000}, {"min", 60000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    char *end = NULL;
    if (!isdigit((unsigned char)text[0]))
        return false;
    long long count = strtoll(text, &end, 10);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(end, units[i].name) == 0 && count <= INT64_C(1000000)) {
            *ret_ms = count * units[i].ms;
            return true;
        }
    return false;
}

/* An instant as the agent takes it; false, said, for anything else. */
static bool parse_when(const char *name, const char *text, int64_t now_ms, char ret[RFC3339_BYTES])
{
    char whole[64];
    int64_t instant, span_ms;
    (void)snprintf(whole, sizeof(whole), "%sT00:00:00Z", text);
    if (parse_span(text, &span_ms))
        instant = now_ms - span_ms;
    else if (!rfc3339_parse(text, strlen(text), &instant) && !rfc3339_parse(whole, strlen(whole), &instant)) {
        (void)fprintf(stderr, "farmgate windows: --%s: neither a time, a day nor a span: %s\n", name, text);
        return false;
    }
    (void)rfc3339_format(instant, ret);
    return true;
}

static bool add_when(char target[ASK_TARGET_BYTES], const char *name, const char *text)
{
    struct timespec now;
    char instant[RFC3339_BYTES];
    if (!text)
        return true;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return parse_when(name, text, (int64_t)now.tv_sec * 1000, instant) &&
           ask_parameter(target, name, instant);
}

/* --- the chart ------------------------------------------------------------------------------ */

static void print_row(const struct peak_row *row, int64_t highest, unsigned columns, const struct term *term)
{
    char bar[TERM_BAR_BYTES], when[TERM_TIME_BYTES];
    bool running = row->day[0] ? !row->complete : strcmp(row->state, "running") == 0;
    const char *note = running ? " …" : strcmp(row->state, "refused") == 0 ? " refused" : "";
    (void)fprintf(term->file, "%s%-16s%s %6" PRId64 "  %s%s%s%s%s%s\n", term_style(term, TERM_DIM),
                  row->day[0] ? row->day : term_time(row->start_ms, when), term_plain(term), row->peak_users,
                  term_style(term, row->peak_users == highest ? TERM_WARN : TERM_GOOD),
                  term_bar((uint64_t)row->peak_users, (uint64_t)highest, columns, bar), term_plain(term),
                  term_style(term, TERM_DIM), note, term_plain(term));
}

static void print_chart(const struct peaks_view *view)
{
    struct term term;
    int64_t highest = 0;
    term_init(&term, stdout);
    for (size_t i = 0; i < view->rows_count; i++)
        highest = view->rows[i].peak_users > highest ? view->rows[i].peak_users : highest;
    unsigned columns =
        term.width > LABEL_COLUMNS + BAR_COLUMNS_MIN ? term.width - LABEL_COLUMNS - 4 : BAR_COLUMNS_MIN;
    for (size_t i = 0; i < view->rows_count; i++)
        print_row(&view->rows[i], highest, columns, &term);
    if (view->rows_count == 0)
        (void)printf("no windows in that time\n");
    if (view->more)
        (void)printf("… there are more; ask again with a later --since\n");
}

int windows_command(int argc, char **argv)
{
    const char *since = NULL, *until = NULL;
    bool days = false, json = false;
    char target[ASK_TARGET_BYTES] = "";
    struct ask question = {.target = target};
    const struct option_spec specs[] = {{"since", OPTION_TEXT, &since},
                                        {"until", OPTION_TEXT, &until},
                                        {"days", OPTION_FLAG, &days},
                                        {"json", OPTION_FLAG, &json},
                                        {"socket", OPTION_TEXT, &question.socket}};
    const struct options_form form = {"windows", help, specs, sizeof(specs) / sizeof(specs[0]), 0, 0};
    struct local_client_answer answer;
    int code = options_only(&form, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    (void)strcpy(target, days ? "/v1/days" : "/v1/windows");
    if (!add_when(target, "since", since) || !add_when(target, "until", until))
        return COMMAND_USAGE;
    code = ask(&question, &answer);
    if (code != COMMAND_OK)
        return code;
    struct peaks_view *view = json ? NULL : calloc(1, sizeof(*view));
    if (json)
        ask_print(&answer);
    else if (!view)
        code = COMMAND_FAILED;
    else if ((code = ask_read(&answer, &view_shape, view)) == COMMAND_OK)
        print_chart(view);
    free(view);
    local_client_answer_finish(&answer);
    return code;
}
