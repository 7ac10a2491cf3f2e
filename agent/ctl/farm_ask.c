/* farmgate farm status, settings, set, leave: what the agent is asked of its farm. */
#include "farm_command.h"

#include "ask.h"
#include "farm_view.h"
#include "options.h"
#include "shape.h"

#include <stdlib.h>
#include <string.h>

static int no_memory(void)
{
    (void)fprintf(stderr, "farmgate: out of memory\n");
    return COMMAND_FAILED;
}

/* Asks, and prints the answer as it is or by `print`. */
static int ask_and_show(const struct ask *question, bool json,
                        int (*print)(const struct local_client_answer *answer))
{
    struct local_client_answer answer;
    int code = ask(question, &answer);
    if (code != COMMAND_OK)
        return code;
    if (json)
        ask_print(&answer);
    else
        code = print(&answer);
    local_client_answer_finish(&answer);
    return code;
}

/* A subcommand that asks and takes no words. */
static int show_command(int argc, char **argv, const char *name, const char *target,
                        int (*print)(const struct local_client_answer *answer))
{
    bool json = false;
    struct ask question = {.target = target};
    const struct option_spec specs[] = {{"json", OPTION_FLAG, &json},
                                        {"socket", OPTION_TEXT, &question.socket}};
    const struct options_form form = {name, farm_help, specs, sizeof(specs) / sizeof(specs[0]), 0, 0};
    int code = options_only(&form, argc, argv);
    return code != OPTIONS_GO_ON ? code : ask_and_show(&question, json, print);
}

/* ---- status -------------------------------------------------------------------------------------------- */

static int print_status(const struct local_client_answer *answer)
{
    struct term term;
    struct farm_view *view = farm_view_create();
    int code = view ? ask_read(answer, &farm_view_shape, view) : no_memory();
    term_init(&term, stdout);
    if (code == COMMAND_OK && !farm_view_print(view, &term))
        code = no_memory();
    free(view);
    return code;
}

int farm_status_command(int argc, char **argv)
{
    return show_command(argc, argv, "farm status", "/v1/farm", print_status);
}

/* ---- settings ------------------------------------------------------------------------------------------ */

#define SETTINGS_MAX    256
#define VALUE_BYTES_MAX (64 * 1024)

/* A value may be a list of hundreds of rules; every row has room for that. */
struct setting_row {
    char path[128], value[VALUE_BYTES_MAX + 1], host_value[VALUE_BYTES_MAX + 1];
};
static const struct json_field setting_fields[] = {
    SHAPE_TEXT("path", struct setting_row, path),
    SHAPE_TEXT("value", struct setting_row, value),
    SHAPE_TEXT("host_value", struct setting_row, host_value),
};
static const struct json_shape setting_shape = SHAPE_OF(setting_fields);

struct settings_view {
    char host[256];
    size_t settings_count;
    struct json_span settings[SETTINGS_MAX];
};
static const struct json_field settings_fields[] = {
    SHAPE_TEXT("host", struct settings_view, host),
    SHAPE_SPANS("settings", struct settings_view, settings),
};
static const struct json_shape settings_shape = SHAPE_OF(settings_fields);

static void print_setting(const struct setting_row *row, const char *host, const struct term *term)
{
    char line[TERM_TEXT_BYTES], clean[TERM_TEXT_BYTES];
    (void)fprintf(term->file, "%s%s%s = ", term_style(term, TERM_BOLD), term_clean(row->path, clean),
                  term_plain(term));
    term_wrap(term, strlen(clean) + strlen(" = "), row->value[0] != '\0' ? row->value : "each host's own");
    if (row->host_value[0] == '\0')
        return;
    (void)snprintf(line, sizeof(line), "the file of %s says otherwise, without effect: %.1500s", host,
                   row->host_value);
    (void)fputs("    ", term->file);
    term_wrap(term, strlen("    "), line);
}

static int print_settings(const struct local_client_answer *answer)
{
    struct settings_view view = {.settings_count = 0};
    struct term term;
    struct setting_row *row = malloc(sizeof(*row));
    int code = row ? ask_read(answer, &settings_shape, &view) : no_memory();
    term_init(&term, stdout);
    if (code == COMMAND_OK && view.settings_count == 0)
        (void)puts("nothing is agreed on: this host counts by its own file");
    for (size_t i = 0; code == COMMAND_OK && i < view.settings_count; i++) {
        memset(row, 0, sizeof(*row));
        const struct json_span *span = &view.settings[i];
        if (json_read(&setting_shape, span->start, span->bytes, row, NULL, NULL) < 0)
            code = COMMAND_DATA;
        else
            print_setting(row, view.host, &term);
    }
    free(row);
    return code;
}

int farm_settings_command(int argc, char **argv)
{
    return show_command(argc, argv, "farm settings", "/v1/farm/settings", print_settings);
}

/* ---- set ----------------------------------------------------------------------------------------------- */

/* Tells what was written, and is answered without a word. */
static int tell(struct ask *question, struct json_writer *writer)
{
    struct local_client_answer answer;
    size_t bytes;
    if (!writer || json_writer_finish(writer, &question->body, &bytes) < 0)
        return no_memory();
    int code = ask(question, &answer);
    if (code == COMMAND_OK)
        local_client_answer_finish(&answer);
    return code;
}

static int tell_value(struct ask *question, const char *value)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer) {
        json_open_object(writer, NULL);
        json_text(writer, "value", value);
        json_close_object(writer);
    }
    int code = tell(question, writer);
    json_writer_destroy(writer);
    return code;
}

static int unset(const struct ask *question)
{
    struct local_client_answer answer;
    int code = ask(question, &answer);
    if (code == COMMAND_OK)
        local_client_answer_finish(&answer);
    return code;
}

int farm_set_command(int argc, char **argv)
{
    bool takes_back = false;
    char target[ASK_TARGET_BYTES] = "/v1/farm/settings";
    struct ask question = {.target = target};
    const struct option_spec specs[] = {{"unset", OPTION_FLAG, &takes_back},
                                        {"socket", OPTION_TEXT, &question.socket}};
    const struct options_form form = {"farm set", farm_help, specs, sizeof(specs) / sizeof(specs[0]), 1, 2};
    char **operands;
    int count;
    int code = options_parse(&form, argc, argv, &operands, &count);
    if (code != OPTIONS_GO_ON)
        return code;
    if (takes_back == (count == 2)) {
        (void)fprintf(stderr, "farmgate farm set: either a value or --unset\n");
        return COMMAND_USAGE;
    }
    if (!ask_segment(target, operands[0]))
        return COMMAND_DATA;
    question.method = takes_back ? "DELETE" : "PUT";
    code = takes_back ? unset(&question) : tell_value(&question, operands[1]);
    if (code == COMMAND_OK)
        (void)puts(takes_back ? "the default holds in the whole farm" : "set in the whole farm");
    return code;
}
