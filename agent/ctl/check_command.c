/* check_command - the plugin for Nagios, Icinga and their kin, by the guidelines of the Monitoring Plugins:
 * one line of text and performance data on the standard output, and an exit code of 0 to 3. */
#include "commands.h"

#include "ask.h"
#include "options.h"
#include "shape.h"
#include "status_view.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS         INT64_C(86400000)
#define HOUR_MS        INT64_C(3600000)
#define TIMEOUT_S      10
#define TIMEOUT_MAX_S  600
#define GAPS_MAX       16 /* that the store keeps */
#define LAG_MAX        INT64_C(1000000000)
#define NEVER          -1 /* a threshold that there is none of */
#define DEACTIVATES_MS (2 * HOUR_MS)

static const char help[] =
    "usage: farmgate check [--warning-users PERCENT] [--critical-users PERCENT] [--warning-term DAYS]\n"
    "                      [--critical-term DAYS] [--warning-contact DAYS] [--critical-contact DAYS]\n"
    "                      [--warning-report HOURS] [--critical-report HOURS] [--warning-lag REVISIONS]\n"
    "                      [--critical-lag REVISIONS] [--warning-gaps COUNT] [--critical-gaps COUNT]\n"
    "                      [--timeout SECONDS] [--socket PATH]\n"
    "\n"
    "One line for Nagios and its kin: is the gate open, how near is the limit, does something run out.\n"
    "\n"
    "options:\n"
    "  --warning-users PERCENT     of the limit in use, from which on it warns (90)\n"
    "  --critical-users PERCENT    past which it is critical (100)\n"
    "  --warning-term DAYS         before the licence ends, fewer of which warn (30)\n"
    "  --critical-term DAYS        fewer of which are critical (7)\n"
    "  --warning-contact DAYS      until the authority must be reached, fewer of which warn (7)\n"
    "  --critical-contact DAYS     fewer of which are critical (1)\n"
    "  --warning-report HOURS      since the last answered report, more of which warn (2)\n"
    "  --critical-report HOURS     more of which are critical (24)\n"
    "  --warning-lag REVISIONS     that this host is behind its farm, more of which warn (1000)\n"
    "  --critical-lag REVISIONS    more of which are critical (100000)\n"
    "  --warning-gaps COUNT        of the farm's gaps of the last day, from which on it warns (1)\n"
    "  --critical-gaps COUNT       from which on it is critical (never)\n"
    "  --timeout SECONDS           how long it waits for the agent (10); then it is unknown\n"
    "  --socket PATH               another agent's socket\n"
    "  --help                      print this\n"
    "\n"
    "exit codes: 0 ok; 1 warning; 2 critical; 3 unknown\n";

enum subject { USERS, TERM, CONTACT, REPORT, LAG, GAPS, SUBJECT_MAX };

/* What may be chosen, and what holds where it is not. */
static const struct {
    const char *warning, *critical, *what;
    int64_t max, warning_at, critical_at;
} subjects[] = {
    [USERS] = {"warning-users", "critical-users", "a percentage", 1000, 90, 100},
    [TERM] = {"warning-term", "critical-term", "a number of days", 36500, 30, 7},
    [CONTACT] = {"warning-contact", "critical-contact", "a number of days", 36500, 7, 1},
    [REPORT] = {"warning-report", "critical-report", "a number of hours", 87600, 2, 24},
    [LAG] = {"warning-lag", "critical-lag", "a number of revisions", LAG_MAX, 1000, 100000},
    [GAPS] = {"warning-gaps", "critical-gaps", "a number of gaps", GAPS_MAX, 1, NEVER},
};
static_assert(sizeof(subjects) / sizeof(subjects[0]) == SUBJECT_MAX, "every subject has its thresholds");

enum check_state { CHECK_OK, CHECK_WARNING, CHECK_CRITICAL, CHECK_UNKNOWN };

struct check {
    int64_t warning[SUBJECT_MAX], critical[SUBJECT_MAX];
    int64_t timeout_s;
    const char *socket;
    enum check_state state;
    char text[1024], figures[1024];
};

static void append(char *text, size_t room, const char *between, const char *format, va_list arguments)
    __attribute__((format(__printf__, 4, 0)));
static void append(char *text, size_t room, const char *between, const char *format, va_list arguments)
{
    size_t length = strlen(text);
    if (length > 0 && length + strlen(between) < room)
        length += (size_t)snprintf(text + length, room - length, "%s", between);
    (void)vsnprintf(text + length, room - length, format, arguments);
}

static void note(struct check *check, enum check_state state, const char *format, ...)
    __attribute__((format(__printf__, 3, 4)));
static void note(struct check *check, enum check_state state, const char *format, ...)
{
    va_list arguments;
    if (state > check->state)
        check->state = state;
    va_start(arguments, format);
    append(check->text, sizeof(check->text), ", ", format, arguments);
    va_end(arguments);
}

/* Performance data: 'label'=value[unit];[warning];[critical];[least];[most]. */
static void figure(struct check *check, const char *format, ...) __attribute__((format(__printf__, 2, 3)));
static void figure(struct check *check, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    append(check->figures, sizeof(check->figures), " ", format, arguments);
    va_end(arguments);
}

/* --- what is judged ------------------------------------------------------------------------------------- */

static void judge_gate(struct check *check, const struct status_view *view)
{
    char span[TERM_TIME_BYTES];
    if (!view->verdict.open)
        note(check, CHECK_CRITICAL, "the gate is closed: %s", view->verdict.reason);
    else if (strcmp(view->verdict.admission, "holders") == 0)
        note(check, CHECK_WARNING, "licences have run out");
    int64_t left_ms = view->clocks.deactivates_at_ms - view->now_ms;
    if (view->clocks.deactivates_at_ms && left_ms < DEACTIVATES_MS)
        note(check, CHECK_CRITICAL, "the farm is deactivated in %s", term_span(left_ms, span));
    left_ms = view->clocks.overuse_grace_ends_at_ms - view->now_ms;
    if (view->clocks.overuse_grace_ends_at_ms)
        note(check, CHECK_WARNING, "the overuse grace ends in %s", term_span(left_ms, span));
}

/* The thresholds of the figures are the last numbers that are still good, as ranges have them. */
static void judge_users(struct check *check, const struct status_view *view)
{
    int64_t users = view->concurrent_users;
    if (view->limit < 0) {
        note(check, CHECK_OK, "%" PRId64 " user%s", users, users == 1 ? "" : "s");
        figure(check, "users=%" PRId64 ";;;0", users);
        return;
    }
    int64_t share = view->limit * check->warning[USERS];
    int64_t warning = share > 0 ? (share - 1) / 100 : 0,
            critical = view->limit * check->critical[USERS] / 100;
    enum check_state state = CHECK_OK;
    if (users > critical)
        state = CHECK_CRITICAL;
    else if (users > warning)
        state = CHECK_WARNING;
    note(check, state, "%" PRId64 " of %" PRId64 " users", users, view->limit);
    figure(check, "users=%" PRId64 ";%" PRId64 ";%" PRId64 ";0;%" PRId64, users, warning, critical,
           view->limit);
}

/* Something that ends at an instant: the less is left, the worse. */
struct ending {
    enum subject subject;
    const char *label, *ahead, *past;
};

static void judge_ending(struct check *check, const struct ending *ending, int64_t left_ms)
{
    char span[TERM_TIME_BYTES];
    int64_t warning_ms = check->warning[ending->subject] * DAY_MS;
    int64_t critical_ms = check->critical[ending->subject] * DAY_MS;
    enum check_state state = left_ms < warning_ms ? CHECK_WARNING : CHECK_OK;
    if (left_ms < critical_ms)
        state = CHECK_CRITICAL;
    if (state != CHECK_OK && left_ms > 0)
        note(check, state, "%s in %s", ending->ahead, term_span(left_ms, span));
    else if (state != CHECK_OK)
        note(check, state, "%s %s ago", ending->past, term_span(left_ms, span));
    figure(check, "%s=%" PRId64 "s;%" PRId64 ":;%" PRId64 ":", ending->label, left_ms / 1000,
           warning_ms / 1000, critical_ms / 1000);
}

static void judge_clocks(struct check *check, const struct status_view *view)
{
    static const struct ending term = {TERM, "term_left", "the licence ends", "the licence ended"};
    static const struct ending contact = {CONTACT, "contact_left", "the authority must be reached",
                                          "the authority was to be reached"};
    if (view->clocks.expires_at_ms)
        judge_ending(check, &term, view->clocks.expires_at_ms - view->now_ms);
    if (view->clocks.refresh_by_ms)
        judge_ending(check, &contact, view->clocks.refresh_by_ms - view->now_ms);
}

/* Something that grows: the more, the worse. */
static enum check_state beyond(const struct check *check, enum subject subject, int64_t value, int64_t unit)
{
    if (check->critical[subject] != NEVER && value > check->critical[subject] * unit)
        return CHECK_CRITICAL;
    return value > check->warning[subject] * unit ? CHECK_WARNING : CHECK_OK;
}

/* In a closed network files are exchanged when somebody carries them: then only the contact's clock counts.
 */
static void judge_reports(struct check *check, const struct status_view *view)
{
    char span[TERM_TIME_BYTES];
    if (view->last_contact_ms && view->limit >= 0 && !view->offline) {
        int64_t age_ms = view->now_ms - view->last_contact_ms;
        enum check_state state = beyond(check, REPORT, age_ms, HOUR_MS);
        if (state != CHECK_OK)
            note(check, state, "the last report was answered %s ago", term_span(age_ms, span));
        figure(check, "report_age=%" PRId64 "s;%" PRId64 ";%" PRId64 ";0", age_ms / 1000,
               check->warning[REPORT] * HOUR_MS / 1000, check->critical[REPORT] * HOUR_MS / 1000);
    }
    if (view->report_failures > 0)
        note(check, CHECK_WARNING, "%" PRId64 " report%s failed in a row", view->report_failures,
             view->report_failures == 1 ? "" : "s");
    figure(check, "report_failures=%" PRId64 ";0;;0 windows_queued=%" PRId64 ";;;0", view->report_failures,
           view->windows_queued);
}

struct gap_row {
    int64_t through_ms;
};
struct gap_rows {
    struct gap_row gaps[GAPS_MAX];
    size_t gaps_count;
};
struct gap_view {
    struct gap_rows store;
};

static const struct json_field gap_fields[] = {SHAPE_TIME("through", struct gap_row, through_ms)};
static const struct json_shape gap_shape = SHAPE_OF(gap_fields);
static const struct json_field gaps_fields[] = {SHAPE_LIST("gaps", struct gap_rows, gaps, gap_shape)};
static const struct json_shape gaps_shape = SHAPE_OF(gaps_fields);
static const struct json_field store_fields[] = {SHAPE_PART("store", struct gap_view, store, gaps_shape)};
static const struct json_shape store_shape = SHAPE_OF(store_fields);

static int ask_agent(const struct check *check, const char *target, struct local_client_answer *ret_answer,
                     struct error_detail *ret_detail)
{
    const struct local_client_request request = {.socket_path = check->socket,
                                                 .method = "GET",
                                                 .target = target,
                                                 .timeout_ms = (unsigned)(check->timeout_s * 1000)};
    return ask_quietly(&request, false, ret_answer, ret_detail);
}

/* Only what is known of a farm that has gaps at all is asked further: the shared store has when they were. */
static int64_t gaps_of_last_day(const struct check *check, const struct status_view *view)
{
    struct local_client_answer answer;
    struct error_detail detail;
    struct gap_view farm = {.store = {.gaps_count = 0}};
    int64_t count = 0;
    if (view->farm.gaps == 0 || ask_agent(check, "/v1/farm", &answer, &detail) != 0)
        return 0;
    if (answer.status == 200 &&
        json_read(&store_shape, answer.body, answer.body_bytes, &farm, NULL, NULL) == 0) {
        for (size_t i = 0; i < farm.store.gaps_count; i++)
            count += farm.store.gaps[i].through_ms > view->now_ms - DAY_MS;
    }
    local_client_answer_finish(&answer);
    return count;
}

static void judge_gaps(struct check *check, const struct status_view *view)
{
    int64_t gaps = gaps_of_last_day(check, view);
    enum check_state state = gaps >= check->warning[GAPS] && gaps > 0 ? CHECK_WARNING : CHECK_OK;
    if (check->critical[GAPS] != NEVER && gaps >= check->critical[GAPS] && gaps > 0)
        state = CHECK_CRITICAL;
    if (state != CHECK_OK)
        note(check, state, "%" PRId64 " gap%s in the last day", gaps, gaps == 1 ? "" : "s");
    figure(check, "gaps=%" PRId64 ";;;0", gaps);
}

static void judge_farm(struct check *check, const struct status_view *view)
{
    const struct status_farm *farm = &view->farm;
    if (farm->part[0] == '\0' || strcmp(farm->part, "alone") == 0)
        return;
    if (strcmp(farm->part, "refused") == 0 || strcmp(farm->part, "left") == 0)
        note(check, CHECK_CRITICAL, "this host is not in its farm: %s", farm->part);
    else if (strcmp(farm->part, "cut_off") == 0)
        note(check, CHECK_WARNING, "this host is cut off from its farm");
    enum check_state state = beyond(check, LAG, farm->lag, 1);
    if (state != CHECK_OK)
        note(check, state, "%" PRId64 " revisions behind the farm", farm->lag);
    figure(check, "lag=%" PRId64 ";%" PRId64 ";%" PRId64 ";0 changes_waiting=%" PRId64 ";;;0", farm->lag,
           check->warning[LAG], check->critical[LAG], farm->waiting);
    judge_gaps(check, view);
}

static void judge(struct check *check, const struct status_view *view)
{
    judge_gate(check, view);
    judge_users(check, view);
    figure(check, "connections=%" PRId64 ";;;0 exempt=%" PRId64 ";;;0 peak_today=%" PRId64 ";;;0",
           view->connections, view->exempt, view->peak_today.users);
    judge_clocks(check, view);
    judge_reports(check, view);
    judge_farm(check, view);
    if (view->health[0])
        note(check, CHECK_WARNING, "%s", view->health);
}

/* --- asking and answering ------------------------------------------------------------------------------- */

/* Whatever goes wrong is said on standard output, where the monitor looks. */
static int finish(const struct check *check)
{
    static const char *const words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    char clean[TERM_TEXT_BYTES];
    (void)term_clean(check->text, clean);
    for (char *at = clean; (at = strchr(at, '|')); at++)
        *at = '/'; /* a bar parts the text from the figures */
    (void)printf("FARMGATE %s - %s", words[check->state], clean);
    if (check->figures[0])
        (void)printf(" | %s", check->figures);
    (void)fputc('\n', stdout);
    return (int)check->state;
}

static bool ask_status(struct check *check, struct status_view *ret_view)
{
    struct local_client_answer answer;
    struct error_detail detail = {""};
    int error = ask_agent(check, "/v1/status", &answer, &detail);
    if (error) {
        note(check, CHECK_UNKNOWN, "%s: %s",
             error == ERROR_UNREACHABLE ? "no agent answers" : "the agent could not be asked", detail.text);
        return false;
    }
    bool understood = false;
    if (answer.status != 200)
        note(check, CHECK_UNKNOWN, "the agent answered with status %d", answer.status);
    else if (json_read(&status_view_shape, answer.body, answer.body_bytes, ret_view, &detail, NULL) < 0)
        note(check, CHECK_UNKNOWN, "the agent's answer is not as expected: %s", detail.text);
    else
        understood = true;
    local_client_answer_finish(&answer);
    return understood;
}

static bool parse_number(struct check *check, const char *option, const char *what, const char *text,
                         int64_t min, int64_t max, int64_t *ret)
{
    char *end = NULL;
    if (!text)
        return true;
    long long number = strtoll(text, &end, 10);
    if (end != text && *end == '\0' && number >= min && number <= max) {
        *ret = number;
        return true;
    }
    note(check, CHECK_UNKNOWN, "--%s: not %s of %" PRId64 " to %" PRId64 ": %s", option, what, min, max,
         text);
    return false;
}

/* OPTIONS_GO_ON, or what to end with. */
static int parse(struct check *check, int argc, char **argv)
{
    const char *warning[SUBJECT_MAX] = {NULL}, *critical[SUBJECT_MAX] = {NULL}, *timeout = NULL;
    struct option_spec specs[2 * SUBJECT_MAX + 2] = {{"timeout", OPTION_TEXT, &timeout},
                                                     {"socket", OPTION_TEXT, &check->socket}};
    size_t count = 2;
    char **operands;
    int operand_count;
    for (int i = 0; i < SUBJECT_MAX; i++) {
        specs[count++] = (struct option_spec){subjects[i].warning, OPTION_TEXT, &warning[i]};
        specs[count++] = (struct option_spec){subjects[i].critical, OPTION_TEXT, &critical[i]};
        check->warning[i] = subjects[i].warning_at;
        check->critical[i] = subjects[i].critical_at;
    }
    const struct options_form form = {"check", help, specs, count, 0, 0};
    int code = options_parse(&form, argc, argv, &operands, &operand_count);
    if (code == COMMAND_OK)
        return CHECK_OK;
    if (code != OPTIONS_GO_ON) {
        note(check, CHECK_UNKNOWN, "wrong options: see farmgate check --help");
        return finish(check);
    }
    check->timeout_s = TIMEOUT_S;
    bool right =
        parse_number(check, "timeout", "a number of seconds", timeout, 1, TIMEOUT_MAX_S, &check->timeout_s);
    for (int i = 0; i < SUBJECT_MAX && right; i++)
        right = parse_number(check, subjects[i].warning, subjects[i].what, warning[i], 0, subjects[i].max,
                             &check->warning[i]) &&
                parse_number(check, subjects[i].critical, subjects[i].what, critical[i], 0, subjects[i].max,
                             &check->critical[i]);
    return right ? OPTIONS_GO_ON : finish(check);
}

int check_command(int argc, char **argv)
{
    struct check check = {.state = CHECK_OK};
    struct status_view view;
    int code = parse(&check, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    status_view_init(&view);
    if (ask_status(&check, &view))
        judge(&check, &view);
    return finish(&check);
}
