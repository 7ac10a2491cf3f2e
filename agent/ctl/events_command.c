#include "commands.h"

#include "ask.h"
#include "hook.h"
#include "options.h"
#include "shape.h"
#include "sse.h"
#include "term.h"

#include "common/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RETRY_LAST_S    10
#define CURSOR_BYTES    64
#define CURSOR_FILE     "cursor"
#define EVENT_FIELDS    8
#define EVENT_VARIABLES 5

static const char help[] =
    "usage: farmgate events [--follow] [--after ID] [--json] [--exec COMMAND] [--cursor FILE] [--socket "
    "PATH]\n"
    "\n"
    "The agent's log events: those that are stored, or with --follow each as it happens, from now on or "
    "after ID.\n"
    "\n"
    "options:\n"
    "  --follow          go on until interrupted; an agent that restarts is waited for\n"
    "  --after ID        begin after this event; 0: with the oldest\n"
    "  --json            one JSON object a line\n"
    "  --exec COMMAND    follow, and run COMMAND by /bin/sh for each event: the event as JSON on its "
    "standard input,\n"
    "                    FARMGATE_EVENT_ID, _CODE, _SEVERITY, _TEXT and _AT in its environment, and "
    "FARMGATE_USER,\n"
    "                    _HOST, _SESSION, _KIND, _ROUTE, _STATE, _REASON and _DETAIL where the event has "
    "them. It has\n"
    "                    10 seconds. One that fails is said and not run again\n"
    "  --cursor FILE     where the last handled event is kept, so that none is left out over restarts\n"
    "                    ($STATE_DIRECTORY/cursor with --exec)\n"
    "  --socket PATH     another agent's socket\n"
    "  --help            print this\n"
    "\n"
    "exit codes: 0 done; 1 failed; 3 no agent; 64 usage; 77 forbidden\n";

struct events {
    bool follow, json;
    const char *after, *exec, *cursor, *socket;
    char last_id[SSE_ID_BYTES]; /* handled; "" none */
    struct term term;
    struct sse sse;
    int code;       /* why we ended ourselves */
    bool connected; /* the agent has answered at least once since it was lost */
};

struct event_view {
    char at[40], code[64], severity[16], text[2048];
    char fields[EVENT_FIELDS][600];
};
static const char *const field_names[EVENT_FIELDS] = {"user",  "host",  "session", "kind",
                                                      "route", "state", "reason",  "detail"};

/* False: not an event (it is shown as it is). */
static bool read_event(const char *json, struct event_view *ret)
{
    struct json_field fields[4 + EVENT_FIELDS] = {
        SHAPE_TEXT("at", struct event_view, at), SHAPE_TEXT("code", struct event_view, code),
        SHAPE_TEXT("severity", struct event_view, severity), SHAPE_TEXT("text", struct event_view, text)};
    for (size_t i = 0; i < EVENT_FIELDS; i++)
        fields[4 + i] =
            (struct json_field){.name = field_names[i],
                                .type = JSON_TEXT,
                                .offset = offsetof(struct event_view, fields) + i * sizeof(ret->fields[0]),
                                .max = sizeof(ret->fields[0]) - 1,
                                .nullable = true};
    const struct json_shape shape = {fields, sizeof(fields) / sizeof(fields[0])};
    memset(ret, 0, sizeof(*ret));
    return json_read(&shape, json, strlen(json), ret, NULL, NULL) == 0 && ret->text[0];
}

/* --- what becomes of an event --------------------------------------------------------------- */

static void print_event(const struct events *events, const char *json)
{
    struct event_view view;
    char clean[TERM_TEXT_BYTES];
    if (events->json || !read_event(json, &view)) {
        (void)printf("%s\n", json);
        return;
    }
    enum term_style style = strcmp(view.severity, "error") == 0     ? TERM_BAD
                            : strcmp(view.severity, "warning") == 0 ? TERM_WARN
                                                                    : TERM_PLAIN;
    (void)printf("%s%s%s  %s%-7s%s  %s\n", term_style(&events->term, TERM_DIM), view.at,
                 term_plain(&events->term), term_style(&events->term, style), view.severity,
                 term_plain(&events->term), term_clean(view.text, clean));
}

static void run_hook(const struct events *events, const char *id, const char *name, const char *json)
{
    static const char *const variables_of_fields[EVENT_FIELDS] = {
        "FARMGATE_USER",  "FARMGATE_HOST",  "FARMGATE_SESSION", "FARMGATE_KIND",
        "FARMGATE_ROUTE", "FARMGATE_STATE", "FARMGATE_REASON",  "FARMGATE_DETAIL"};
    struct event_view view;
    struct hook_variable variables[EVENT_VARIABLES + EVENT_FIELDS] = {{"FARMGATE_EVENT_ID", id},
                                                                      {"FARMGATE_EVENT_CODE", name}};
    size_t count = 2;
    int status = 0;
    if (read_event(json, &view)) {
        variables[count++] = (struct hook_variable){"FARMGATE_EVENT_SEVERITY", view.severity};
        variables[count++] = (struct hook_variable){"FARMGATE_EVENT_TEXT", view.text};
        variables[count++] = (struct hook_variable){"FARMGATE_EVENT_AT", view.at};
        for (size_t i = 0; i < EVENT_FIELDS; i++)
            if (view.fields[i][0])
                variables[count++] = (struct hook_variable){variables_of_fields[i], view.fields[i]};
    }
    switch (hook_run(events->exec, variables, count, json, HOOK_LIMIT_MS, &status)) {
    case HOOK_DONE:
        break;
    case HOOK_FAILED:
        (void)fprintf(stderr, "farmgate events: the command for event %s (%s) ended with %s %d\n", id, name,
                      WIFSIGNALED(status) ? "signal" : "status",
                      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        break;
    case HOOK_TIMED_OUT:
        (void)fprintf(stderr, "farmgate events: the command for event %s (%s) took over 10 s and was ended\n",
                      id, name);
        break;
    case HOOK_NOT_STARTED:
        (void)fprintf(stderr, "farmgate events: the command for event %s (%s) could not be started: %s\n", id,
                      name, strerror(status));
        break;
    }
}

/* --- the cursor ----------------------------------------------------------------------------- */

static bool is_id(const char *text)
{
    return text[0] != '\0' && strlen(text) < SSE_ID_BYTES && text[strspn(text, "0123456789")] == '\0';
}

static int save_cursor(struct events *events)
{
    struct error_detail detail = {""};
    char text[CURSOR_BYTES];
    if (!events->cursor)
        return 0;
    int bytes = snprintf(text, sizeof(text), "%s\n", events->last_id);
    int error = file_replace(events->cursor, text, (size_t)bytes, 0600, true, &detail);
    if (error) {
        (void)fprintf(stderr, "farmgate events: %s\n", detail.text);
        events->code = COMMAND_FAILED;
    }
    return error;
}

/* COMMAND_OK; a file that is not there yet is a first start. */
static int load_cursor(struct events *events)
{
    struct error_detail detail = {""};
    char *text = NULL;
    size_t bytes;
    int error = file_read(events->cursor, CURSOR_BYTES, &text, &bytes, &detail);
    if (error == ERROR_NOT_FOUND)
        return COMMAND_OK;
    if (error) {
        (void)fprintf(stderr, "farmgate events: %s\n", detail.text);
        return COMMAND_FAILED;
    }
    text[strcspn(text, "\n")] = '\0';
    bool good = is_id(text);
    if (good)
        (void)snprintf(events->last_id, sizeof(events->last_id), "%s", text);
    else
        (void)fprintf(stderr, "farmgate events: %s: not the id of an event\n", events->cursor);
    free(text);
    return good ? COMMAND_OK : COMMAND_DATA;
}

/* --- the stream ----------------------------------------------------------------------------- */

/* The cursor moves only after the event is handled: over a crash it comes again. */
static int on_event(void *data, const char *id, const char *name, const char *json)
{
    struct events *events = data;
    if (json[0] != '\0' && events->exec)
        run_hook(events, id, name, json);
    else if (json[0] != '\0')
        print_event(events, json);
    if (!events->exec && (fflush(stdout) != 0 || ferror(stdout))) {
        events->code = COMMAND_FAILED;
        return ERROR_CANCELLED;
    }
    if (strcmp(id, events->last_id) == 0)
        return 0;
    (void)snprintf(events->last_id, sizeof(events->last_id), "%s", id);
    return save_cursor(events) ? ERROR_CANCELLED : 0;
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
    int error = ask_quietly(&request, false, &answer, ret_detail);
    if (error)
        return error;
    *ret_code = answer.status == 200 ? COMMAND_OK : ask_problem(&answer);
    local_client_answer_finish(&answer);
    return 0;
}

static int follow(struct events *events)
{
    bool ever_connected = false;
    for (unsigned wait_s = 1;; wait_s = wait_s < RETRY_LAST_S ? wait_s * 2 : RETRY_LAST_S) {
        struct error_detail detail = {""};
        int code = COMMAND_OK;
        events->connected = false;
        int error = stream_once(events, &code, &detail);
        if (events->code != COMMAND_OK || code == COMMAND_DATA || code == COMMAND_FORBIDDEN)
            return events->code != COMMAND_OK ? events->code : code;
        if (!events->follow)
            return error ? ask_failure(error, &detail) : code;
        if (!ever_connected && !events->connected)
            return error ? ask_failure(error, &detail) : COMMAND_FAILED;
        if (events->connected) {
            (void)fprintf(stderr, "farmgate events: the agent has closed the stream; waiting for it\n");
            wait_s = 1;
        }
        ever_connected = true;
        (void)sleep(wait_s);
    }
}

static int prepare(struct events *events, char path[4096])
{
    const char *directory = getenv("STATE_DIRECTORY");
    if (events->exec && !events->cursor) {
        if (!directory || !directory[0]) {
            (void)fprintf(stderr, "farmgate events: --exec wants --cursor, so that no event is left out\n");
            return COMMAND_USAGE;
        }
        (void)snprintf(path, 4096, "%s/" CURSOR_FILE, directory);
        events->cursor = path;
    }
    events->follow |= events->exec != NULL;
    if (events->after && !is_id(events->after)) {
        (void)fprintf(stderr, "farmgate events: --after: not the id of an event: %s\n", events->after);
        return COMMAND_USAGE;
    }
    if (events->cursor) {
        int code = load_cursor(events);
        if (code != COMMAND_OK)
            return code;
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
    };
    const struct options_form form = {"events", help, specs, sizeof(specs) / sizeof(specs[0]), 0, 0};
    char **operands;
    int count;
    int code = options_parse(&form, argc, argv, &operands, &count);
    if (code == OPTIONS_GO_ON) {
        term_init(&events->term, stdout);
        code = prepare(events, path);
        if (code == COMMAND_OK)
            code = follow(events);
    }
    free(events);
    return code;
}
