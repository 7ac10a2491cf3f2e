/* farmgate activate, release, report: the farm and its authority. */
#include "commands.h"

#include "ask.h"
#include "options.h"
#include "shape.h"
#include "term.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#define KEY_LINE_BYTES 256 /* whatever is longer is no key */

struct activation_view {
    char farm_id[64];
    int64_t limit, expires_at_ms;
    bool trial;
};
static const struct json_field activation_fields[] = {
    SHAPE_TEXT("farm_id", struct activation_view, farm_id),
    SHAPE_NUMBER("limit", struct activation_view, limit),
    SHAPE_YES_NO("trial", struct activation_view, trial),
    SHAPE_TIME("expires_at", struct activation_view, expires_at_ms),
};
static const struct json_shape activation_shape = SHAPE_OF(activation_fields);

static int show_activation(const struct local_client_answer *answer)
{
    struct activation_view view = {0};
    char time[TERM_TIME_BYTES], clean[TERM_TEXT_BYTES];
    int code = ask_read(answer, &activation_shape, &view);
    if (code != COMMAND_OK)
        return code;
    (void)printf("activated%s: farm %s, %" PRId64 " concurrent users%s%s\n", view.trial ? " as a trial" : "",
                 term_clean(view.farm_id, clean), view.limit, view.expires_at_ms ? ", until " : "",
                 view.expires_at_ms ? term_time(view.expires_at_ms, time) : "");
    return COMMAND_OK;
}

static int activate(struct ask *question, const char *key, bool move)
{
    struct local_client_answer answer;
    size_t bytes;
    struct json_writer *writer = json_writer_create(false);
    int code = COMMAND_FAILED;
    if (!writer)
        return code;
    json_open_object(writer, NULL);
    if (key)
        json_text(writer, "license_key", key);
    else
        json_boolean(writer, "trial", true);
    json_boolean(writer, "move", move);
    json_close_object(writer);
    if (json_writer_finish(writer, &question->body, &bytes) == 0)
        code = ask(question, &answer);
    json_writer_destroy(writer);
    if (code != COMMAND_OK)
        return code;
    code = show_activation(&answer);
    local_client_answer_finish(&answer);
    return code;
}

/* A key that is to stand in no list of processes. */
static const char *read_key(char ret[KEY_LINE_BYTES])
{
    ret[0] = '\0';
    (void)fgets(ret, KEY_LINE_BYTES, stdin);
    ret[strcspn(ret, "\r\n")] = '\0';
    return ret;
}

int activate_command(int argc, char **argv)
{
    static const char help[] = "usage: farmgate activate KEY|--trial [--move] [--socket PATH]\n"
                               "\n"
                               "Activates this farm with a licence key, or as a trial of 30 days without "
                               "one. KEY may be -: then it is "
                               "the line on\n"
                               "standard input.\n"
                               "\n"
                               "options:\n"
                               "  --trial        as a trial\n"
                               "  --move         take the key from the installation that has it\n"
                               "  --socket PATH  another agent's administrator socket\n"
                               "  --help         print this\n"
                               "\n"
                               "exit codes: 0 done; 1 failed; 3 no agent; 64 usage; 65 data; 77 forbidden\n";
    bool trial = false, move = false;
    struct ask question = {.method = "POST", .target = "/v1/activation"};
    const struct option_spec specs[] = {{"trial", OPTION_FLAG, &trial},
                                        {"move", OPTION_FLAG, &move},
                                        {"socket", OPTION_TEXT, &question.socket}};
    const struct options_form form = {"activate", help, specs, sizeof(specs) / sizeof(specs[0]), 0, 1};
    char **operands;
    int count;
    int code = options_parse(&form, argc, argv, &operands, &count);
    if (code != OPTIONS_GO_ON)
        return code;
    if (trial == (count == 1)) {
        (void)fprintf(stderr, "farmgate activate: either a key or --trial\n");
        return COMMAND_USAGE;
    }
    char line[KEY_LINE_BYTES];
    const char *key = trial ? NULL : strcmp(operands[0], "-") == 0 ? read_key(line) : operands[0];
    if (key && !key[0]) {
        (void)fprintf(stderr, "farmgate activate: there is no licence key %s\n",
                      key == line ? "on standard input" : "in what was given");
        return COMMAND_DATA;
    }
    code = activate(&question, key, move);
    sodium_memzero(line, sizeof line);
    return code;
}

/* A command that asks one thing and takes no words. */
static int ask_plainly(int argc, char **argv, const char *name, const char *help, const char *method,
                       const char *target, const char *done)
{
    struct ask question = {.method = method, .target = target};
    const struct option_spec specs[] = {{"socket", OPTION_TEXT, &question.socket}};
    const struct options_form form = {name, help, specs, 1, 0, 0};
    struct local_client_answer answer;
    int code = options_only(&form, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    code = ask(&question, &answer);
    if (code != COMMAND_OK)
        return code;
    (void)puts(done);
    local_client_answer_finish(&answer);
    return COMMAND_OK;
}

int release_command(int argc, char **argv)
{
    static const char help[] =
        "usage: farmgate release [--socket PATH]\n"
        "\n"
        "Gives the licence key back: the gate closes, and the key may be activated elsewhere.\n"
        "\n"
        "options:\n"
        "  --socket PATH  another agent's administrator socket\n"
        "  --help         print this\n"
        "\n"
        "exit codes: 0 done; 1 failed; 3 no agent; 64 usage; 77 forbidden\n";
    return ask_plainly(argc, argv, "release", help, "DELETE", "/v1/activation",
                       "the licence key was given back");
}

int report_command(int argc, char **argv)
{
    static const char help[] = "usage: farmgate report [--socket PATH]\n"
                               "\n"
                               "Reports to the authority now, and waits for its answer.\n"
                               "\n"
                               "options:\n"
                               "  --socket PATH  another agent's administrator socket\n"
                               "  --help         print this\n"
                               "\n"
                               "exit codes: 0 done; 1 failed; 3 no agent; 64 usage; 77 forbidden\n";
    return ask_plainly(argc, argv, "report", help, "POST", "/v1/report", "reported");
}
