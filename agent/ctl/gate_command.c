/* farmgate gate and resources: may this user. */
#include "commands.h"

#include "ask.h"
#include "options.h"
#include "shape.h"
#include "term.h"

#include <stdlib.h>
#include <string.h>

#define RESOURCE_ROWS_MAX 1024

struct refusal {
    char code[64], detail[512];
};
static const struct json_field refusal_fields[] = {
    SHAPE_TEXT("code", struct refusal, code),
    SHAPE_TEXT("detail", struct refusal, detail),
};
static const struct json_shape refusal_shape = SHAPE_OF(refusal_fields);

/* Where licences have run out the gate is open, though not to this user. */
static const char *refused_word(const char *code)
{
    return strcmp(code, "no_license_free") == 0 ? "refused" : "closed";
}

/* A 403 is the answer "no" here. */
static int answer_no(const struct local_client_answer *answer, bool quiet)
{
    struct refusal refusal = {"", ""};
    char clean[TERM_TEXT_BYTES];
    if (answer->status != 403 ||
        json_read(&refusal_shape, answer->body, answer->body_bytes, &refusal, NULL, NULL) < 0)
        return ask_problem(answer);
    if (!quiet)
        (void)printf("%s: %s: %s\n", refused_word(refusal.code), refusal.code,
                     term_clean(refusal.detail, clean));
    return COMMAND_CLOSED;
}

int gate_command(int argc, char **argv)
{
    static const char help[] =
        "usage: farmgate gate --user NAME [--host NAME] [--kind KIND] [--quiet] [--socket PATH]\n"
        "\n"
        "May this user list and start resources, or come back to a session?\n"
        "\n"
        "options:\n"
        "  --user NAME    who\n"
        "  --host NAME    on which host (this one)\n"
        "  --kind KIND    desktop or application (application)\n"
        "  --quiet        only the exit code\n"
        "  --socket PATH  another agent's socket\n"
        "  --help         print this\n"
        "\n"
        "exit codes: 0 open; 2 closed, or refused to this user; 1 failed; 3 no agent; 64 usage; 65 data; 77 "
        "forbidden\n";
    const char *user = NULL, *host = NULL, *kind = NULL;
    bool quiet = false;
    char target[ASK_TARGET_BYTES] = "/v1/gate";
    struct ask question = {.target = target};
    const struct option_spec specs[] = {{"user", OPTION_TEXT, &user},
                                        {"host", OPTION_TEXT, &host},
                                        {"kind", OPTION_TEXT, &kind},
                                        {"quiet", OPTION_FLAG, &quiet},
                                        {"socket", OPTION_TEXT, &question.socket}};
    const struct options_form form = {"gate", help, specs, sizeof(specs) / sizeof(specs[0]), 0, 0};
    struct local_client_answer answer;
    int code = options_only(&form, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    if (!user) {
        (void)fprintf(stderr, "farmgate gate: --user is missing\n");
        return COMMAND_USAGE;
    }
    if (!ask_parameter(target, "user", user) || !ask_parameter(target, "host", host) ||
        !ask_parameter(target, "kind", kind))
        return COMMAND_DATA;
    code = ask_any(&question, &answer);
    if (code != COMMAND_OK)
        return code;
    if (answer.status != 204)
        code = answer_no(&answer, quiet);
    else if (!quiet)
        (void)printf("open\n");
    local_client_answer_finish(&answer);
    return code;
}

/* --- resources ------------------------------------------------------------------------------ */

struct resource_row {
    char id[64], name[128], folder[128], kind[32], command[512];
};
struct resources_view {
    bool groups_known;
    size_t rows_count;
    struct resource_row rows[RESOURCE_ROWS_MAX];
};

static const struct json_field row_fields[] = {
    SHAPE_TEXT("id", struct resource_row, id),           SHAPE_TEXT("name", struct resource_row, name),
    SHAPE_TEXT("folder", struct resource_row, folder),   SHAPE_TEXT("kind", struct resource_row, kind),
    SHAPE_TEXT("command", struct resource_row, command),
};
static const struct json_shape row_shape = SHAPE_OF(row_fields);
static const struct json_field view_fields[] = {
    SHAPE_YES_NO("groups_known", struct resources_view, groups_known),
    SHAPE_LIST("resources", struct resources_view, rows, row_shape),
};
static const struct json_shape view_shape = SHAPE_OF(view_fields);

static int print_resources(const struct resources_view *view)
{
    static const char *const titles[] = {"ID", "NAME", "FOLDER", "KIND", "COMMAND"};
    struct term term;
    struct table *table = table_create(titles, sizeof(titles) / sizeof(titles[0]));
    term_init(&term, stdout);
    for (size_t i = 0; table && i < view->rows_count; i++) {
        const struct resource_row *row = &view->rows[i];
        table_cell(table, TERM_PLAIN, row->id);
        table_cell(table, TERM_PLAIN, row->name);
        table_cell(table, TERM_PLAIN, row->folder);
        table_cell(table, TERM_PLAIN, row->kind);
        table_cell(table, TERM_PLAIN, row->command);
    }
    bool printed = table && (view->rows_count == 0 || table_print(table, &term));
    table_destroy(table);
    if (!printed) {
        (void)fprintf(stderr, "farmgate: out of memory\n");
        return COMMAND_FAILED;
    }
    if (view->rows_count == 0)
        (void)printf("nothing is published for this user\n");
    if (!view->groups_known)
        (void)fprintf(stderr,
                      "farmgate: the user's groups are not known; only what is for everybody is shown\n");
    return COMMAND_OK;
}

static int show_resources(const struct local_client_answer *answer, bool json)
{
    if (answer->status != 200)
        return answer_no(answer, false);
    if (json) {
        ask_print(answer);
        return COMMAND_OK;
    }
    struct resources_view *view = calloc(1, sizeof(*view));
    int code = view ? ask_read(answer, &view_shape, view) : COMMAND_FAILED;
    if (code == COMMAND_OK)
        code = print_resources(view);
    free(view);
    return code;
}

int resources_command(int argc, char **argv)
{
    static const char help[] =
        "usage: farmgate resources --user NAME [--json] [--socket PATH]\n"
        "\n"
        "The published resources that this user may see: those of the kinds that the gate would let the user "
        "start.\n"
        "\n"
        "options:\n"
        "  --user NAME    who\n"
        "  --json         the agent's answer as it is\n"
        "  --socket PATH  another agent's socket\n"
        "  --help         print this\n"
        "\n"
        "exit codes: 0 done; 2 closed, or refused to this user; 1 failed; 3 no agent; 64 usage; 65 data; 77 "
        "forbidden\n";
    const char *user = NULL;
    bool json = false;
    char target[ASK_TARGET_BYTES] = "/v1/resources";
    struct ask question = {.target = target};
    const struct option_spec specs[] = {{"user", OPTION_TEXT, &user},
                                        {"json", OPTION_FLAG, &json},
                                        {"socket", OPTION_TEXT, &question.socket}};
    const struct options_form form = {"resources", help, specs, sizeof(specs) / sizeof(specs[0]), 0, 0};
    struct local_client_answer answer;
    int code = options_only(&form, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    if (!user) {
        (void)fprintf(stderr, "farmgate resources: --user is missing\n");
        return COMMAND_USAGE;
    }
    if (!ask_parameter(target, "user", user))
        return COMMAND_DATA;
    code = ask_any(&question, &answer);
    if (code != COMMAND_OK)
        return code;
    code = show_resources(&answer, json);
    local_client_answer_finish(&answer);
    return code;
}
