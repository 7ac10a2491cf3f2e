/* farmgate forget: a person taken out of what the agent has stored. */
#include "commands.h"

#include "ask.h"
#include "options.h"
#include "shape.h"

#include <inttypes.h>
#include <stdio.h>

struct forgotten_view {
    int64_t events;
};
static const struct json_field forgotten_fields[] = {SHAPE_NUMBER("events", struct forgotten_view, events)};
static const struct json_shape forgotten_shape = SHAPE_OF(forgotten_fields);

static int forget(struct ask *question, const char *user)
{
    char target[ASK_TARGET_BYTES] = "/v1/users";
    struct local_client_answer answer;
    struct forgotten_view view = {0};
    if (!ask_segment(target, user))
        return COMMAND_DATA;
    question->target = target;
    int code = ask(question, &answer);
    if (code != COMMAND_OK)
        return code;
    code = ask_read(&answer, &forgotten_shape, &view);
    local_client_answer_finish(&answer);
    if (code == COMMAND_OK)
        (void)printf("erased from %" PRId64
                     " stored %s of this host; the journal, log files, backups and the other hosts of "
                     "a farm have their own\n",
                     view.events, view.events == 1 ? "event" : "events");
    return code;
}

int forget_command(int argc, char **argv)
{
    static const char help[] = "usage: farmgate forget NAME [--socket PATH]\n"
                               "\n"
                               "Erases a person from the events that this host has stored: codes and "
                               "instants stay, names and sentences go.\n"
                               "The person must have no session.\n"
                               "\n"
                               "options:\n"
                               "  --socket PATH  another agent's administrator socket\n"
                               "  --help         print this\n"
                               "\n"
                               "exit codes: 0 done; 1 failed; 3 no agent; 64 usage; 65 data; 77 forbidden\n";
    struct ask question = {.method = "DELETE"};
    const struct option_spec specs[] = {{"socket", OPTION_TEXT, &question.socket}};
    const struct options_form form = {"forget", help, specs, 1, 1, 1};
    char **operands;
    int count;
    int code = options_parse(&form, argc, argv, &operands, &count);
    return code == OPTIONS_GO_ON ? forget(&question, operands[0]) : code;
}
