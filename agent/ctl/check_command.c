#include "commands.h"

#include "ask.h"
#include "options.h"
#include "status_view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define WARNING_PERCENT 90
#define EXPIRY_WARN_MS  (30 * INT64_C(86400000))
#define REFRESH_WARN_MS (7 * INT64_C(86400000))

static const char help[] =
    "usage: farmgate check [--warning PERCENT] [--critical PERCENT] [--socket PATH]\n"
    "\n"
    "One line for Nagios and its kin: is the gate open, how near is the limit, does something run out.\n"
    "\n"
    "options:\n"
    "  --warning PERCENT   of the limit in use from which on it warns (90)\n"
    "  --critical PERCENT  of the limit in use past which it is critical (100)\n"
    "  --socket PATH       another agent's socket\n"
    "  --help              print this\n"
    "\n"
    "exit codes: 0 ok; 1 warning; 2 critical; 3 unknown\n";

enum check_state { CHECK_OK, CHECK_WARNING, CHECK_CRITICAL, CHECK_UNKNOWN };

struct check {
    int64_t warning, critical; /* percent */
    enum check_state state;
    char text[1024];
};

static void note(struct check *check, enum check_state state, const char *format, ...)
    __attribute__((format(__printf__, 3, 4)));
static void note(struct check *check, enum check_state state, const char *format, ...)
{
    size_t length = strlen(check->text);
    va_list arguments;
    if (state > check->state)
        check->state = state;
    if (length > 0 && length + 2 < sizeof(check->text))
        length += (size_t)snprintf(check->text + length, sizeof(check->text) - length, ", ");
    va_start(arguments, format);
    (void)vsnprintf(check->text + length, sizeof(check->text) - length, format, arguments);
    va_end(arguments);
}

static void judge_users(struct check *check, const struct status_view *view)
{
    if (view->limit < 0) {
        note(check, CHECK_OK, "%" PRId64 " users", view->concurrent_users);
        return;
    }
    int64_t hundredfold = view->concurrent_users * 100;
    enum check_state state = CHECK_OK;
    if (hundredfold > view->limit * check->critical)
        state = CHECK_CRITICAL;
    else if (hundredfold >= view->limit * check->warning && view->concurrent_users > 0)
        state = CHECK_WARNING;
    note(check, state, "%" PRId64 " of %" PRId64 " users", view->concurrent_users, view->limit);
}

static void judge_clock(struct check *check, const char *what, int64_t left_ms, int64_t warn_ms)
{
    char span[TERM_TIME_BYTES];
    if (left_ms < warn_ms)
        note(check, CHECK_WARNING, "%s %s%s%s", what, left_ms > 0 ? "in " : "", term_span(left_ms, span),
             left_ms > 0 ? "" : " ago");
}

static void judge(struct check *check, const struct status_view *view)
{
    if (!view->verdict.open)
        note(check, CHECK_CRITICAL, "the gate is closed: %s", view->verdict.reason);
    judge_users(check, view);
    if (view->clocks.expires_at_ms)
        judge_clock(check, "the licence expires", view->clocks.expires_at_ms - view->now_ms, EXPIRY_WARN_MS);
    if (view->clocks.refresh_by_ms)
        judge_clock(check, "the authority must be reached", view->clocks.refresh_by_ms - view->now_ms,
                    REFRESH_WARN_MS);
    if (view->report_failures > 0)
        note(check, CHECK_WARNING, "%" PRId64 " reports failed in a row", view->report_failures);
    if (view->health[0])
        note(check, CHECK_WARNING, "%s", view->health);
}

static int finish(const struct check *check, const struct status_view *view)
{
    static const char *const words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    char clean[TERM_TEXT_BYTES];
    (void)term_clean(check->text, clean);
    for (char *at = clean; (at = strchr(at, '|')); at++)
        *at = '/'; /* a bar parts the text from the figures */
    (void)printf("FARMGATE %s - %s", words[check->state], clean);
    if (view && view->limit >= 0)
        (void)printf(" | users=%" PRId64 ";%" PRId64 ";%" PRId64 ";0;%" PRId64, view->concurrent_users,
                     view->limit * check->warning / 100, view->limit * check->critical / 100, view->limit);
    else if (view)
        (void)printf(" | users=%" PRId64 ";;;0", view->concurrent_users);
    if (view)
        (void)printf(" connections=%" PRId64 ";;;0 windows_queued=%" PRId64 ";;;0", view->connections,
                     view->windows_queued);
    (void)fputc('\n', stdout);
    return (int)check->state;
}

static bool parse_percent(const char *name, const char *text, int64_t *ret)
{
    char *end = NULL;
    if (!text)
        return true;
    long percent = strtol(text, &end, 10);
    if (end != text && *end == '\0' && percent >= 0 && percent <= 1000) {
        *ret = percent;
        return true;
    }
    (void)printf("FARMGATE UNKNOWN - --%s: not a percentage of 0 to 1000: %s\n", name, text);
    return false;
}

/* Whatever goes wrong is said on standard output, where the monitor looks. */
int check_command(int argc, char **argv)
{
    const char *warning = NULL, *critical = NULL;
    struct check check = {.warning = WARNING_PERCENT, .critical = 100};
    struct ask question = {.target = "/v1/status"};
    const struct option_spec specs[] = {{"warning", OPTION_TEXT, &warning},
                                        {"critical", OPTION_TEXT, &critical},
                                        {"socket", OPTION_TEXT, &question.socket}};
    const struct options_form form = {"check", help, specs, sizeof(specs) / sizeof(specs[0]), 0, 0};
    struct local_client_answer answer;
    struct status_view view;
    char **operands;
    int count;
    int code = options_parse(&form, argc, argv, &operands, &count);
    if (code != OPTIONS_GO_ON)
        return code == COMMAND_OK ? CHECK_OK : CHECK_UNKNOWN;
    if (!parse_percent("warning", warning, &check.warning) ||
        !parse_percent("critical", critical, &check.critical))
        return CHECK_UNKNOWN;
    status_view_init(&view);
    code = ask(&question, &answer);
    if (code == COMMAND_OK) {
        code = ask_read(&answer, &status_view_shape, &view);
        local_client_answer_finish(&answer);
    }
    if (code != COMMAND_OK) {
        note(&check, CHECK_UNKNOWN,
             code == COMMAND_NO_AGENT ? "no agent answers" : "the agent could not be asked");
        return finish(&check, NULL);
    }
    judge(&check, &view);
    return finish(&check, &view);
}
