#include "commands.h"

#include "ask.h"
#include "options.h"
#include "status_view.h"

#include <unistd.h>

#define WATCH_S 2

static const char help[] =
    "usage: farmgate status [--json] [--watch] [--socket PATH]\n"
    "\n"
    "The farm at a glance: is the gate open, how many licences are in use, the peaks, what "
    "runs out when.\n"
    "\n"
    "options:\n"
    "  --json         the agent's answer as it is\n"
    "  --watch        again every two seconds, until interrupted\n"
    "  --socket PATH  another agent's socket\n"
    "  --help         print this\n"
    "\n"
    "exit codes: 0 done; 1 failed; 3 no agent; 64 usage; 77 forbidden\n";

static int show_once(const struct ask *question, bool json, bool clear, const struct term *term)
{
    struct local_client_answer answer;
    struct status_view view;
    int code = ask(question, &answer);
    if (code != COMMAND_OK)
        return code;
    if (clear)
        (void)fputs("\033[H\033[J", term->file);
    status_view_init(&view);
    if (json)
        ask_print(&answer);
    else if ((code = ask_read(&answer, &status_view_shape, &view)) == COMMAND_OK)
        status_view_print(&view, term);
    local_client_answer_finish(&answer);
    return code;
}

int status_command(int argc, char **argv)
{
    bool json = false, watch = false;
    struct ask question = {.target = "/v1/status"};
    const struct option_spec specs[] = {{"json", OPTION_FLAG, &json},
                                        {"watch", OPTION_FLAG, &watch},
                                        {"socket", OPTION_TEXT, &question.socket}};
    const struct options_form form = {"status", help, specs, sizeof(specs) / sizeof(specs[0]), 0, 0};
    struct term term;
    int code = options_only(&form, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    term_init(&term, stdout);
    bool clear = watch && !json && isatty(STDOUT_FILENO) == 1;
    code = show_once(&question, json, clear, &term);
    while (watch && fflush(stdout) == 0 && !ferror(stdout)) {
        (void)sleep(WATCH_S);
        if (!clear && !json)
            (void)fputc('\n', stdout);
        code = show_once(&question, json, clear, &term); /* an agent that restarts is waited for */
    }
    return code;
}
