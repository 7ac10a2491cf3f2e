/* farmgate activation request|import: the files of a closed network. */
#include "commands.h"

#include "ask.h"
#include "options.h"
#include "shape.h"
#include "term.h"

#include "common/config.h"
#include "common/file.h"
#include "common/help_text.h"
#include "common/offline.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MODE 0600 /* it may hold the licence key */

static const char help[] =
    "usage: farmgate activation request [--key KEY [--move] | --trial] [--output FILE]\n"
    "       farmgate activation import FILE\n"
    "\n"
    "The files of a farm that has no network to the licensing authority. request writes what is sent there, "
    "by mail or on\n"
    "a stick: with a key or as a trial it asks for an activation, else it carries the windows that were not "
    "yet accepted.\n"
    "import takes the answer: what the farm may do from now on, and until when the next files must have been "
    "exchanged.\n"
    "\n"
    "options:\n"
    "  --key KEY          ask for an activation with this licence key\n"
    "  --move             take the key from the installation that has it\n"
    "  --trial            ask for a trial of 30 days without a key\n"
    "  -o, --output FILE  write the request there (mode 0600) instead of to standard output\n"
    "  --socket PATH      another agent's administrator socket\n"
    "  --help             print this\n"
    "\n"
    "exit codes: 0 done; 1 failed; 3 no agent; 64 usage; 65 data; 77 forbidden\n";

/* --- request -------------------------------------------------------------------------------------------- */

struct wish {
    const char *key, *output, *socket;
    bool trial, move;
};

/* What is to be done with it, beside the file: on stderr, for the file may go to stdout. */
static void tell_request(const struct wish *wish, const char *text, size_t bytes)
{
    struct offline_request request;
    if (offline_request_decode(text, bytes, &request, NULL) != OFFLINE_GOOD)
        return; /* it is the agent's own */
    if (request.farm_id[0])
        (void)fprintf(stderr, "%zu window%s to be accepted; ", request.window_count,
                      request.window_count == 1 ? "" : "s");
    else
        (void)fprintf(stderr, "to be kept confidential%s; ",
                      wish->trial ? "" : ", for it holds the licence key");
    (void)fprintf(stderr, "have it answered with `farmgate-cloud activate-offline`, and import the answer\n");
    offline_request_finish(&request);
}

static int put_request(const struct wish *wish, const struct local_client_answer *answer)
{
    struct error_detail detail = {""};
    if (!wish->output) {
        (void)fwrite(answer->body, 1, answer->body_bytes, stdout);
    } else if (file_replace(wish->output, answer->body, answer->body_bytes, FILE_MODE, true, &detail) != 0) {
        (void)fprintf(stderr, "farmgate activation request: %s\n", detail.text);
        return COMMAND_FAILED;
    }
    tell_request(wish, answer->body, answer->body_bytes);
    return COMMAND_OK;
}

static int ask_for_request(const struct wish *wish)
{
    struct ask question = {.socket = wish->socket, .method = "POST", .target = "/v1/activation/request"};
    struct local_client_answer answer;
    size_t bytes;
    struct json_writer *writer = json_writer_create(false);
    int code = COMMAND_FAILED;
    if (!writer)
        return code;
    json_open_object(writer, NULL);
    if (wish->key)
        json_text(writer, "license_key", wish->key);
    json_boolean(writer, "trial", wish->trial);
    json_boolean(writer, "move", wish->move);
    json_close_object(writer);
    if (json_writer_finish(writer, &question.body, &bytes) == 0)
        code = ask(&question, &answer);
    json_writer_destroy(writer);
    if (code != COMMAND_OK)
        return code;
    code = put_request(wish, &answer);
    local_client_answer_finish(&answer);
    return code;
}

static int request(int argc, char **argv)
{
    struct wish wish = {.key = NULL};
    const struct option_spec specs[] = {{"key", OPTION_TEXT, &wish.key},
                                        {"move", OPTION_FLAG, &wish.move},
                                        {"trial", OPTION_FLAG, &wish.trial},
                                        {"output", OPTION_TEXT, &wish.output},
                                        {"socket", OPTION_TEXT, &wish.socket}};
    const struct options_form form = {
        "activation request", help, specs, sizeof(specs) / sizeof(specs[0]), 0, 0};
    int code = options_only(&form, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    if ((wish.key && wish.trial) || (wish.move && !wish.key)) {
        (void)fprintf(stderr, "farmgate activation request: %s\n",
                      wish.trial ? "either --key or --trial" : "--move takes a --key");
        return COMMAND_USAGE;
    }
    return ask_for_request(&wish);
}

/* --- import --------------------------------------------------------------------------------------------- */

struct import_view {
    char farm_id[64], status[32], reason[256];
    int64_t limit, expires_at_ms, refresh_by_ms, windows_queued;
    bool trial;
};
static const struct json_field import_fields[] = {
    SHAPE_TEXT("farm_id", struct import_view, farm_id),
    SHAPE_TEXT("status", struct import_view, status),
    SHAPE_TEXT("reason", struct import_view, reason),
    SHAPE_NUMBER("limit", struct import_view, limit),
    SHAPE_YES_NO("trial", struct import_view, trial),
    SHAPE_TIME("expires_at", struct import_view, expires_at_ms),
    SHAPE_TIME("refresh_by", struct import_view, refresh_by_ms),
    SHAPE_NUMBER("windows_queued", struct import_view, windows_queued),
};
static const struct json_shape import_shape = SHAPE_OF(import_fields);

static int show_import(const struct local_client_answer *answer)
{
    struct import_view view = {.limit = 0};
    char clean[TERM_TEXT_BYTES], time[TERM_TIME_BYTES];
    int code = ask_read(answer, &import_shape, &view);
    if (code != COMMAND_OK)
        return code;
    if (strcmp(view.status, "active") != 0) {
        (void)printf("farm %s: the authority has withdrawn its activation", term_clean(view.farm_id, clean));
        (void)printf(": %s\n", term_clean(view.reason, clean));
        return COMMAND_OK;
    }
    (void)printf("farm %s%s: %" PRId64 " concurrent users%s", term_clean(view.farm_id, clean),
                 view.trial ? ", a trial" : "", view.limit, view.expires_at_ms ? ", until " : "");
    (void)printf("%s\n", view.expires_at_ms ? term_time(view.expires_at_ms, time) : "");
    if (view.refresh_by_ms)
        (void)printf("exchange the next files before %s\n", term_time(view.refresh_by_ms, time));
    if (view.windows_queued > 0)
        (void)printf("%" PRId64 " window%s left for the next request\n", view.windows_queued,
                     view.windows_queued == 1 ? "" : "s");
    return COMMAND_OK;
}

static int send_answer(const char *socket_path, const char *text, size_t bytes)
{
    const struct local_client_request question = {.socket_path = socket_path,
                                                  .method = "POST",
                                                  .target = "/v1/activation/import",
                                                  .content_type = "text/plain; charset=utf-8",
                                                  .body = text,
                                                  .body_bytes = bytes,
                                                  .timeout_ms = ASK_PATIENCE_MS};
    struct local_client_answer answer;
    int code = ask_with(&question, true, &answer);
    if (code != COMMAND_OK)
        return code;
    code = answer.status == 200 ? show_import(&answer) : ask_problem(&answer);
    local_client_answer_finish(&answer);
    return code;
}

static int read_input(char **ret_text, size_t *ret_bytes, struct error_detail *ret_detail)
{
    char *text = malloc(OFFLINE_ANSWER_BYTES_MAX + 1);
    size_t bytes = text ? fread(text, 1, OFFLINE_ANSWER_BYTES_MAX + 1, stdin) : 0;
    if (text && !ferror(stdin) && bytes <= OFFLINE_ANSWER_BYTES_MAX) {
        *ret_text = text;
        *ret_bytes = bytes;
        return 0;
    }
    int error = !text ? ERROR_NO_MEMORY : ferror(stdin) ? ERROR_IO : ERROR_TOO_LARGE;
    error_detail_set(ret_detail, "standard input: %s", error_text(error));
    free(text);
    return error;
}

static int import(int argc, char **argv)
{
    const char *socket_path = NULL;
    const struct option_spec specs[] = {{"socket", OPTION_TEXT, &socket_path}};
    const struct options_form form = {"activation import", help, specs, 1, 1, 1};
    struct error_detail detail = {""};
    char **operands, *text;
    size_t bytes;
    int count;
    int code = options_parse(&form, argc, argv, &operands, &count);
    if (code != OPTIONS_GO_ON)
        return code;
    int error = strcmp(operands[0], "-") == 0
                    ? read_input(&text, &bytes, &detail)
                    : file_read(operands[0], OFFLINE_ANSWER_BYTES_MAX, &text, &bytes, &detail);
    if (error != 0) {
        (void)fprintf(stderr, "farmgate activation import: %s\n", detail.text);
        return COMMAND_DATA;
    }
    code = send_answer(socket_path, text, bytes);
    sodium_memzero(text, bytes);
    free(text);
    return code;
}

int activation_command(int argc, char **argv)
{
    static const char *const names[] = {"request", "import"};
    static int (*const runs[])(int, char **) = {request, import};
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        help_print(stdout, help);
        return COMMAND_OK;
    }
    bool describe = argc == 2 && strcmp(argv[1], OPTIONS_DESCRIBE) == 0;
    for (size_t i = 0; argc >= 2 && i < sizeof(names) / sizeof(names[0]); i++) {
        if (describe) {
            options_describe_command("activation", names[i], "");
            (void)runs[i](argc, argv);
        } else if (strcmp(argv[1], names[i]) == 0) {
            return runs[i](argc - 1, argv + 1);
        }
    }
    if (describe)
        return COMMAND_OK;
    const char *nearest = argc >= 2 ? config_nearest(argv[1], names, sizeof(names) / sizeof(names[0])) : NULL;
    (void)fprintf(stderr,
                  "farmgate activation: request or import is wanted%s%s%s; see farmgate activation --help\n",
                  nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
    return COMMAND_USAGE;
}
