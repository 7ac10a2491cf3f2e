/* farmgate connection put|end|load|reclaimable|reclaimed: what brokers and hooks tell of sessions. */
#include "commands.h"

#include "ask.h"
#include "options.h"
#include "reclaim_command.h"
#include "shape.h"
#include "term.h"

#include "common/config.h"
#include "common/help_text.h"
#include "common/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAILURES_MAX 100

static const char help[] =
    "usage: farmgate connection put HOST ID --user NAME [--kind KIND] [--route ROUTE] [--state STATE]\n"
    "                               [--administrator yes|no] [--connected-at TIME]\n"
    "       farmgate connection end HOST ID\n"
    "       farmgate connection load FILE\n"
    "       farmgate connection reclaimable HOST ID --user NAME [--since TIME]\n"
    "       farmgate connection reclaimed HOST ID --user NAME [--failure TEXT]\n"
    "\n"
    "Tells the agent of a session that it cannot see itself: made for brokers and hooks. The answer comes "
    "when it is\n"
    "durable. Telling it again renews it; ending one that is not known is no error. FILE ('-': standard "
    "input) has\n"
    "one JSON object a line: {\"event\": \"put\"|\"end\", \"host\", \"id\", and for put \"user\", \"kind\", "
    "…}.\n"
    "\n"
    "A hook that ends disconnected sessions asks with reclaimable whether it may end this one, and tells "
    "with "
    "reclaimed that\n"
    "it was ended, or why it was not.\n"
    "\n"
    "options:\n"
    "  --user NAME           whose session it is\n"
    "  --kind KIND           desktop or application (desktop)\n"
    "  --route ROUTE         broker, rdp, rdp-tunnel, console or ssh (broker)\n"
    "  --state STATE         active or disconnected (active)\n"
    "  --administrator WORD  yes or no (looked up by the user's groups)\n"
    "  --connected-at TIME   the log-on, like 2026-01-31T08:00:00Z (now)\n"
    "  --since TIME          and that it has been disconnected since then, without interruption\n"
    "  --failure TEXT        why it could not be ended\n"
    "  --socket PATH         another agent's administrator socket\n"
    "  --help                print this\n"
    "\n"
    "exit codes: 0 done, or it may be ended; 1 failed; 2 it may not; 3 no agent; 64 usage; 65 data; 77 "
    "forbidden\n";

struct record {
    const char *user, *kind, *route, *state, *administrator, *connected_at;
};

/* False: neither yes nor no, said. */
static bool write_record(struct json_writer *writer, const struct record *record)
{
    json_open_object(writer, NULL);
    json_text(writer, "user", record->user);
    json_text(writer, "kind", record->kind);
    if (record->route)
        json_text(writer, "route", record->route);
    if (record->state)
        json_text(writer, "state", record->state);
    if (record->connected_at)
        json_text(writer, "connected_at", record->connected_at);
    bool yes = record->administrator && strcmp(record->administrator, "yes") == 0;
    if (record->administrator)
        json_boolean(writer, "administrator", yes);
    json_close_object(writer);
    if (!record->administrator || yes || strcmp(record->administrator, "no") == 0)
        return true;
    (void)fprintf(stderr, "farmgate connection put: --administrator: neither yes nor no\n");
    return false;
}

/* JSON would carry another name: what is no UTF-8 is replaced in it. */
static bool is_text(const char *user)
{
    if (utf8_valid(user, strlen(user)))
        return true;
    (void)fprintf(stderr, "farmgate connection put: --user: invalid UTF-8\n");
    return false;
}

/* Asks for a change whose success needs no words. */
static int change(const struct ask *question)
{
    struct local_client_answer answer;
    int code = ask(question, &answer);
    if (code == COMMAND_OK)
        local_client_answer_finish(&answer);
    return code;
}

static int put(int argc, char **argv)
{
    struct record record = {.kind = "desktop"};
    char target[ASK_TARGET_BYTES] = "/v1/connections";
    struct ask question = {.method = "PUT", .target = target};
    const struct option_spec specs[] = {
        {"user", OPTION_TEXT, &record.user},
        {"kind", OPTION_TEXT, &record.kind},
        {"route", OPTION_TEXT, &record.route},
        {"state", OPTION_TEXT, &record.state},
        {"administrator", OPTION_TEXT, &record.administrator},
        {"connected-at", OPTION_TEXT, &record.connected_at},
        {"socket", OPTION_TEXT, &question.socket},
    };
    const struct options_form form = {"connection put", help, specs, sizeof(specs) / sizeof(specs[0]), 2, 2};
    char **operands;
    size_t bytes;
    int count;
    int code = options_parse(&form, argc, argv, &operands, &count);
    if (code != OPTIONS_GO_ON)
        return code;
    if (!record.user) {
        (void)fprintf(stderr, "farmgate connection put: --user is missing\n");
        return COMMAND_USAGE;
    }
    if (!is_text(record.user) || !ask_segment(target, operands[0]) || !ask_segment(target, operands[1]))
        return COMMAND_DATA;
    struct json_writer *writer = json_writer_create(false);
    code = COMMAND_FAILED;
    if (writer && !write_record(writer, &record))
        code = COMMAND_USAGE;
    else if (writer && json_writer_finish(writer, &question.body, &bytes) == 0)
        code = change(&question);
    json_writer_destroy(writer);
    return code;
}

static int end(int argc, char **argv)
{
    char target[ASK_TARGET_BYTES] = "/v1/connections";
    struct ask question = {.method = "DELETE", .target = target};
    const struct option_spec specs[] = {{"socket", OPTION_TEXT, &question.socket}};
    const struct options_form form = {"connection end", help, specs, 1, 2, 2};
    char **operands;
    int count;
    int code = options_parse(&form, argc, argv, &operands, &count);
    if (code != OPTIONS_GO_ON)
        return code;
    if (!ask_segment(target, operands[0]) || !ask_segment(target, operands[1]))
        return COMMAND_DATA;
    return change(&question);
}

/* --- many at once --------------------------------------------------------------------------- */

struct failure {
    int64_t line;
    char code[64], detail[512];
};
struct load_view {
    int64_t accepted, failed;
    size_t failures_count;
    struct failure failures[FAILURES_MAX];
};

static const struct json_field failure_fields[] = {
    SHAPE_NUMBER("line", struct failure, line),
    SHAPE_TEXT("code", struct failure, code),
    SHAPE_TEXT("detail", struct failure, detail),
};
static const struct json_shape failure_shape = SHAPE_OF(failure_fields);
static const struct json_field load_fields[] = {
    SHAPE_NUMBER_MUST("accepted", struct load_view, accepted),
    SHAPE_NUMBER("failed", struct load_view, failed),
    SHAPE_LIST("failures", struct load_view, failures, failure_shape),
};
static const struct json_shape load_shape = SHAPE_OF(load_fields);

/* What became of the lines, which the agent also tells with 413 and 503. */
static int show_load(const struct local_client_answer *answer)
{
    struct load_view view = {0};
    char clean[TERM_TEXT_BYTES];
    if (json_read(&load_shape, answer->body, answer->body_bytes, &view, NULL, NULL) < 0)
        return ask_problem(answer);
    for (size_t i = 0; i < view.failures_count; i++)
        (void)fprintf(stderr, "line %" PRId64 ": %s: %s\n", view.failures[i].line, view.failures[i].code,
                      term_clean(view.failures[i].detail, clean));
    (void)printf("%" PRId64 " accepted, %" PRId64 " failed\n", view.accepted, view.failed);
    if (answer->status != 200)
        return ask_problem(answer);
    return view.failed ? COMMAND_DATA : COMMAND_OK;
}

/* -1 and errno; a directory can be opened, and fails only when it is read. */
static int open_lines(const char *path)
{
    struct stat kind;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &kind) || !S_ISDIR(kind.st_mode))
        return fd;
    (void)close(fd);
    errno = EISDIR;
    return -1;
}

static int load(int argc, char **argv)
{
    struct local_client_request request = {.method = "POST",
                                           .target = "/v1/connections",
                                           .content_type = "application/x-ndjson",
                                           .body_from_fd = true,
                                           .body_fd = STDIN_FILENO};
    const struct option_spec specs[] = {{"socket", OPTION_TEXT, &request.socket_path}};
    const struct options_form form = {"connection load", help, specs, 1, 1, 1};
    struct local_client_answer answer;
    char **operands;
    int count;
    int code = options_parse(&form, argc, argv, &operands, &count);
    if (code != OPTIONS_GO_ON)
        return code;
    if (strcmp(operands[0], "-") != 0)
        request.body_fd = open_lines(operands[0]);
    if (request.body_fd < 0) {
        (void)fprintf(stderr, "farmgate connection load: %s: %s\n", operands[0], strerror(errno));
        return COMMAND_DATA;
    }
    code = ask_with(&request, true, &answer);
    if (code == COMMAND_OK) {
        code = show_load(&answer);
        local_client_answer_finish(&answer);
    }
    if (request.body_fd != STDIN_FILENO)
        (void)close(request.body_fd);
    return code;
}

static int reclaimable(int argc, char **argv)
{
    return connection_reclaimable(help, argc, argv);
}

static int reclaimed(int argc, char **argv)
{
    return connection_reclaimed(help, argc, argv);
}

int connection_command(int argc, char **argv)
{
    static const char *const names[] = {"put", "end", "load", "reclaimable", "reclaimed"};
    static int (*const runs[])(int, char **) = {put, end, load, reclaimable, reclaimed};
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        help_print(stdout, help);
        return COMMAND_OK;
    }
    bool describe = argc == 2 && strcmp(argv[1], OPTIONS_DESCRIBE) == 0;
    for (size_t i = 0; argc >= 2 && i < sizeof(names) / sizeof(names[0]); i++) {
        if (describe) {
            options_describe_command("connection", names[i], "");
            (void)runs[i](argc, argv);
        } else if (strcmp(argv[1], names[i]) == 0) {
            return runs[i](argc - 1, argv + 1);
        }
    }
    if (describe)
        return COMMAND_OK;
    const char *nearest = argc >= 2 ? config_nearest(argv[1], names, sizeof(names) / sizeof(names[0])) : NULL;
    (void)fprintf(
        stderr,
        "farmgate connection: put, end, load, reclaimable or reclaimed is wanted%s%s%s; see farmgate "
        "connection --help\n",
        nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
    return COMMAND_USAGE;
}
