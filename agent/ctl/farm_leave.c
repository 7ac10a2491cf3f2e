/* farmgate farm leave: this host goes, and its configuration says so, or it would be back with the next
 * start. */
#include "farm_command.h"

#include "ask.h"
#include "farm_setup.h"
#include "options.h"

#include "common/platform/hints.h"

#include <stdio.h>

struct wish {
    bool force;
    const char *config; /* NULL: none is changed */
};

static int ask_to_leave(struct ask *question, bool force)
{
    struct local_client_answer answer;
    struct json_writer *writer = json_writer_create(false);
    size_t bytes;
    int code = COMMAND_FAILED;
    if (writer) {
        json_open_object(writer, NULL);
        json_boolean(writer, "force", force);
        json_close_object(writer);
    }
    if (!writer || json_writer_finish(writer, &question->body, &bytes) < 0)
        (void)fprintf(stderr, "farmgate: out of memory\n");
    else
        code = ask(question, &answer);
    if (code == COMMAND_OK)
        local_client_answer_finish(&answer);
    json_writer_destroy(writer);
    return code;
}

static void tell_changed(const struct farm_setup *setup)
{
    (void)printf("this host has left the farm %s, and is its own farm with the next start; changed:\n",
                 setup->settings->farm_name);
    for (size_t i = 0; i < setup->files.count; i++)
        (void)printf("  %s%s\n", setup->files.files[i].path,
                     setup->files.files[i].was_there ? " (the old one: .bak)" : "");
    (void)printf("next: %s, or stop it for good\n", hint(HINT_restart));
}

/* Everything else that the group farm has stays, for the day on which the host comes back. */
static int change_mode(const char *config)
{
    struct farm_setup *setup = NULL;
    int code = farm_setup_create("farm leave", config, &setup);
    if (code == COMMAND_OK && setup->settings->farm_mode == FARM_MODE_ALONE) {
        (void)puts("this host has left the farm");
    } else if (code == COMMAND_OK) {
        farm_setup_text(setup, "mode", "alone");
        code = farm_setup_apply(setup);
        if (code == COMMAND_OK)
            tell_changed(setup);
    }
    farm_setup_destroy(setup);
    return code;
}

static int leave(struct ask *question, const struct wish *wish)
{
    int code = ask_to_leave(question, wish->force);
    if (code != COMMAND_OK)
        return code;
    if (wish->config && change_mode(wish->config) == COMMAND_OK)
        return COMMAND_OK;
    (void)puts(
        "this host has left the farm; set farm.mode to \"alone\" in its configuration, or it is in the farm "
        "again with the\nnext start");
    return COMMAND_OK;
}

int farm_leave_command(int argc, char **argv)
{
    struct wish wish = {.config = NULL};
    struct ask question = {.method = "POST", .target = "/v1/farm/leave"};
    const struct option_spec specs[] = {{"force", OPTION_FLAG, &wish.force},
                                        {"config", OPTION_TEXT, &wish.config},
                                        {"socket", OPTION_TEXT, &question.socket}};
    const struct options_form form = {"farm leave", farm_help, specs, sizeof(specs) / sizeof(specs[0]), 0, 0};
    int code = options_only(&form, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    if (!wish.config && !question.socket) /* which configuration another agent has is not known */
        wish.config = FARM_SETUP_CONFIG;
    return leave(&question, &wish);
}
