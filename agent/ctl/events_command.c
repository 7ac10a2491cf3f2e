#include "commands.h"

#include "ask.h"
#include "event_cursor.h"
#include "event_filter.h"
#include "event_view.h"
#include "hook.h"
#include "options.h"
#include "sse.h"
#include "term.h"

#include "common/platform/standard_streams.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RETRY_LAST_S    10
#define CURSOR_FILE     "cursor"
#define VARIABLE_PREFIX "FARMGATE_"
#define VARIABLE_BYTES  64
#define PASSED_OVER_MAX 1000 /* events that were not wanted; then the cursor is moved all the same */

static_assert(SSE_ID_BYTES <= EVENT_ID_BYTES, "an id finds room");

static const char help[] =
    "usage: farmgate events [--follow] [--after ID] [--code LIST] [--severity LEVEL] [--json] [--exec "
    "COMMAND]\n"
    "                       [--cursor FILE] [--socket PATH]\n"
    "\n"
    "The agent's log events: those that are stored, or with --follow each as it happens, from now on or "
    "after ID.\n"
    "\n"
    "options:\n"
    "  --follow          go on until interrupted; an agent that restarts is waited for\n"
    "  --after ID        begin after this event; 0: with the oldest\n"
    "  --code LIST       only these, separated by commas: gate_closed,gate_opened\n"
    "  --severity LEVEL  only those of this severity and more important ones: error, warning, notice, info\n"
    "  --json            one JSON object a line\n"
    "  --exec COMMAND    follow, and run COMMAND by /bin/sh for each event: the event as JSON on its "
    "standard input,\n"
    "                    FARMGATE_CODE, _SEVERITY, _ID, _AT, _TEXT and each of its fields (FARMGATE_USER) in "
    "its\n"
    "                    environment. It has 10 seconds. One that fails is said and not run again\n"
    "  --cursor FILE     where the last handled event is kept, so that none is left out over restarts\n"
    "                    ($STATE_DIRECTORY/cursor with --exec)\n"
    "  --socket PATH     another agent's socket\n"
    "  --help            print this\n"
    "\n"
    "exit codes: 0 done; 1 failed; 3 no agent; 64 usage; 65 the cursor's file is damaged; 77 forbidden\n";

struct events {
    bool follow, json;
    const char *after, *codes, *severity, *exec, *cursor, *socket;
    struct event_filter filter;
    char last_id[EVENT_ID_BYTES]; /* handled; "" none */
    unsigned passed_over;         /* events since the cursor was saved */
    struct term term;
    struct sse sse;
    int code;       /* why we ended ourselves, */
    int signal;     /* or what has ended us */
    bool connected; /* the agent has answered at least once since it was lost */
    bool resumed;   /* the next event shows whether some are missing before it */
};

static int fail(struct events *events, int code, const char *text)
{
    (void)fprintf(stderr, "farmgate events: %s\n", text);
    events->code = code;
    return ERROR_CANCELLED;
}

/* --- what becomes of an event --------------------------------------------------------------- */

static int print_event(struct events *events, const struct event_view *view, const char *json)
{
    char clean[TERM_TEXT_BYTES];
    const char *severity = event_view_get(view, "severity");
    enum term_style style = strcmp(severity, "error") == 0     ? TERM_BAD
                            : strcmp(severity, "warning") == 0 ? TERM_WARN
                                                               : TERM_PLAIN;
    if (events->json)
        (void)printf("%s\n", json);
    else
        (void)printf("%s%s%s  %s%-7s%s  %s\n", term_style(&events->term, TERM_DIM),
                     event_view_get(view, "at"), term_plain(&events->term), term_style(&events->term, style),
                     severity, term_plain(&events->term), term_clean(event_view_get(view, "text"), clean));
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    if (standard_output_left(errno))
        clearerr(stdout); /* its reader has seen enough (`| head`): no fault to be told */
    events->code = COMMAND_FAILED;
    return ERROR_CANCELLED;
}

/* "user" → "FARMGATE_USER"; false: no name for a variable. */
static bool name_variable(const char *member, char ret[VARIABLE_BYTES])
{
    size_t bytes = strlen(member), prefix = strlen(VARIABLE_PREFIX);
    if (bytes == 0 || bytes >= VARIABLE_BYTES - prefix ||
        strspn(member, "abcdefghijklmnopqrstuvwxyz0123456789_") != bytes)
        return false;
    memcpy(ret, VARIABLE_PREFIX, prefix);
    for (size_t i = 0; i <= bytes; i++)
        ret[prefix + i] = (char)(member[i] >= 'a' && member[i] <= 'z' ? member[i] - 'a' + 'A' : member[i]);
    return true;
}

static int run_hook(struct events *events, const struct event_view *view, const char *json)
{
    char names[EVENT_MEMBERS_MAX][VARIABLE_BYTES];
    struct hook_variable variables[EVENT_MEMBERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < view->count; i++) {
        if (name_variable(view->members[i].name, names[count])) {
            variables[count] = (struct hook_variable){names[count], view->members[i].value};
            count++;
        }
    }
    int status = 0;
    enum hook_result result = hook_run(events->exec, variables, count, json, HOOK_LIMIT_MS, &status);
    if (result == HOOK_DONE)
        return 0;
    (void)fprintf(stderr, "farmgate events: the command for event %s (%s) ", event_view_get(view, "id"),
                  event_view_get(view, "code"));
    if (result == HOOK_FAILED)
        (void)fprintf(stderr, "ended with %s %d\n", WIFSIGNALED(status) ? "signal" : "status",
                      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    else if (result == HOOK_TIMED_OUT)
        (void)fprintf(stderr, "took over %d s and was ended\n", HOOK_LIMIT_MS / 1000);
    else if (result == HOOK_NOT_STARTED)
        (void)fprintf(stderr, "could not be started: %s\n", strerror(status));
    else
        (void)fprintf(stderr, "was ended, as we are; it will be run again\n");
    events->signal = result == HOOK_INTERRUPTED ? status : 0;
    return events->signal ? ERROR_CANCELLED : 0;
}

/* 0 also for one that is not wanted, then *ret_wanted is false. */
static int handle(struct events *events, const char *json, bool *ret_wanted)
{
    struct event_view view;
    int error = event_view_read(json, &view);
    if (error == ERROR_NO_MEMORY)
        return fail(events, COMMAND_FAILED, error_text(error));
    if (error) { /* nothing that a second reading would mend */
        (void)fprintf(stderr, "farmgate events: passed over what is no event: %s\n", json);
        *ret_wanted = false;
        return 0;
    }
    *ret_wanted =
        event_filter_wants(&events->filter, event_view_get(&view, "code"), event_view_get(&view, "severity"));
    if (*ret_wanted)
        error = events->exec ? run_hook(events, &view, json) : print_event(events, &view, json);
    event_view_finish(&view);
    return error;
}

/* --- the stream ----------------------------------------------------------------------------- */

/* Ids follow one another, so the first event after a pause tells whether the agent still had what came
 * before. */
static void say_missing(const struct events *events, const char *id)
{
    uint64_t last = strtoull(events->last_id, NULL, 10), first = strtoull(id, NULL, 10);
    if (last != 0 && first > last + 1)
        (void)fprintf(stderr,
                      "farmgate events: the agent's store has no events %" PRIu64 " to %" PRIu64
                      "; going on after them\n",
                      last + 1, first - 1);
    else if (first < last)
        (void)fprintf(stderr,
                      "farmgate events: the agent does not know event %" PRIu64
                      ", its database must be another one; beginning with its oldest\n",
                      last);
}

static int move_cursor(struct events *events, const char *id, bool wanted)
{
    struct error_detail detail = {""};
    (void)snprintf(events->last_id, sizeof(events->last_id), "%s", id);
    if (!events->cursor || (!wanted && ++events->passed_over < PASSED_OVER_MAX))
        return 0;
    events->passed_over = 0;
    return event_cursor_save(events->cursor, id, &detail) ? fail(events, COMMAND_FAILED, detail.text) : 0;
}

/* The cursor moves only after the event is handled: over a crash it comes again. One that could not be stored
 * has no id of its own, and does not move it. */
static int on_event(void *data, const char *id, const char *name, const char *json)
{
    struct events *events = data;
    bool wanted = true, numbered = strcmp(id, events->last_id) != 0;
    (void)name;
    if (numbered && events->resumed && json[0] != '\0')
        say_missing(events, id);
    events->resumed &= !numbered;
    int error = json[0] != '\0' ? handle(events, json, &wanted) : 0;
    if (error || !numbered)
        return error;
    return move_cursor(events, id, wanted);
}

static int on_data(void *data, const char *bytes, size_t count)
{
    struct events *events = data;
    events->connected = true;
    return sse_feed(&events->sse, bytes, count);
}

/* One connection to its end: 0 it was whole, else a code of error.h with *ret_detail; *ret_code is the exit
 * code if the agent refused. */
static int stream_once(struct events *events, int *ret_code, struct error_detail *ret_detail)
{
    struct local_client_answer answer;
    const struct local_client_request request = {
        .socket_path = events->socket,
        .method = "GET",
        .target = events->follow ? "/v1/events" : "/v1/events?follow=false",
        .last_event_id = events->last_id[0] ? events->last_id : NULL,
        .on_data = on_data,
        .data = events,
    };
    sse_init(&events->sse, on_event, events);
    (void)snprintf(events->sse.id, sizeof(events->sse.id), "%s", events->last_id);
    events->resumed = events->last_id[0] != '\0';
    int error = ask_quietly(&request, false, &answer, ret_detail);
    if (error)
        return error;
    *ret_code = answer.status == 200 ? COMMAND_OK : ask_problem(&answer);
    local_client_answer_finish(&answer);
    return 0;
}

/* Whether an agent was there, though it may have left before its first word. */
static bool was_there(const struct events *events, int error, int code)
{
    if (events->connected || error == ERROR_IO || error == ERROR_TIMEOUT)
        return true;
    return !error && code == COMMAND_OK;
}

static int follow(struct events *events)
{
    bool ever_there = false, lost = false;
    for (unsigned wait_s = 1;; wait_s = wait_s * 2 < RETRY_LAST_S ? wait_s * 2 : RETRY_LAST_S) {
        struct error_detail detail = {""};
        int code = COMMAND_OK;
        events->connected = false;
        int error = stream_once(events, &code, &detail);
        if (events->code != COMMAND_OK || events->signal)
            return events->code;
        if (code == COMMAND_DATA || code == COMMAND_FORBIDDEN)
            return code;
        ever_there |= was_there(events, error, code);
        if (!events->follow || !ever_there)
            return error ? ask_failure(error, &detail) : code;
        if (events->connected)
            wait_s = 1;
        if (events->connected || !lost)
            (void)fprintf(stderr, "farmgate events: the agent has closed the stream; waiting for it\n");
        lost = true;
        (void)sleep(wait_s);
    }
}

static int prepare(struct events *events, char path[4096])
{
    const char *directory = getenv("STATE_DIRECTORY");
    char wrong[EVENT_FILTER_WORD_BYTES];
    if (events->exec && !events->cursor) {
        if (!directory || !directory[0]) {
            (void)fprintf(stderr, "farmgate events: --exec wants --cursor, so that no event is left out\n");
            return COMMAND_USAGE;
        }
        (void)snprintf(path, 4096, "%s/" CURSOR_FILE, directory);
        events->cursor = path;
    }
    events->follow |= events->exec != NULL;
    if (!event_filter_init(&events->filter, events->codes, events->severity, wrong)) {
        if (events->severity && strcmp(wrong, events->severity) == 0)
            (void)fprintf(stderr, "farmgate events: --severity: not error, warning, notice or info: %s\n",
                          wrong);
        else
            (void)fprintf(stderr,
                          "farmgate events: --code: no event has the code %s; farmgate-events(7) has all\n",
                          wrong);
        return COMMAND_USAGE;
    }
    if (events->after && !event_id_valid(events->after)) {
        (void)fprintf(stderr, "farmgate events: --after: not the id of an event: %s\n", events->after);
        return COMMAND_USAGE;
    }
    struct error_detail detail = {""};
    int error = events->cursor ? event_cursor_load(events->cursor, events->last_id, &detail) : 0;
    if (error) {
        (void)fail(events, error == ERROR_INVALID ? COMMAND_DATA : COMMAND_FAILED, detail.text);
        return events->code;
    }
    if (events->after && !events->last_id[0])
        (void)snprintf(events->last_id, sizeof(events->last_id), "%s", events->after);
    return COMMAND_OK;
}

int events_command(int argc, char **argv)
{
    struct events *events = calloc(1, sizeof(*events));
    char path[4096];
    if (!events)
        return COMMAND_FAILED;
    const struct option_spec specs[] = {
        {"follow", OPTION_FLAG, &events->follow}, {"after", OPTION_TEXT, &events->after},
        {"json", OPTION_FLAG, &events->json},     {"exec", OPTION_TEXT, &events->exec},
        {"cursor", OPTION_TEXT, &events->cursor}, {"socket", OPTION_TEXT, &events->socket},
        {"code", OPTION_TEXT, &events->codes},    {"severity", OPTION_TEXT, &events->severity},
    };
    const struct options_form form = {"events", help, specs, sizeof(specs) / sizeof(specs[0]), 0, 0};
    int code = options_only(&form, argc, argv);
    if (code == OPTIONS_GO_ON) {
        term_init(&events->term, stdout);
        code = prepare(events, path);
        if (code == COMMAND_OK)
            code = follow(events);
    }
    int signal = events->signal;
    free(events);
    if (signal)
        (void)raise(signal);
    return code;
}
