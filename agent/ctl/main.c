/* farmgate - the command line of the farm's administrator: a table of commands, one file each. */
#include "command.h"
#include "commands.h"
#include "farm_command.h"
#include "options.h"
#include "size_command.h"
#include "version.h"

#include "common/config.h"
#include "common/platform/standard_streams.h"
#include "common/standard_output.h"

#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
    {"status", "the farm at a glance", status_command},
    {"top", "the same and more, live in the whole terminal", top_command},
    {"connections", "who is on, and why each connection counts or not", connections_command},
    {"users", "every user with a live connection", users_command},
    {"explain", "why the gate is open or closed, and why each user counts", explain_command},
    {"windows", "the peaks of the 20-minute windows, or of the days", windows_command},
    {"gate", "may a user list and start resources", gate_command},
    {"resources", "the published resources that a user may see", resources_command},
    {"connection", "tell of a session: put, end, load, reclaimable, reclaimed", connection_command},
    {"activate", "activate with a licence key, or as a trial", activate_command},
    {"activation", "the files of a closed network: request, import", activation_command},
    {"release", "give the licence key back", release_command},
    {"forget", "erase a person from what is stored", forget_command},
    {"report", "report to the authority now", report_command},
    {"farm", "many hosts: init, invite, join, status, settings, set, leave", farm_command},
    {"events", "log events, as they happen, to a command", events_command},
    {"web", "a link to the status page", web_command},
    {"check", "one line for Nagios and its kin", check_command},
    {"support", "one archive for a support ticket", support_command},
    {"check-config", "is a configuration right", check_config_command},
    {"configure", "write the authority into the configuration", configure_command},
    {"size", "work out the licences a farm needs from a log of its sessions", size_command},
};
#define COMMANDS (sizeof commands / sizeof *commands)

static void print_help(FILE *file)
{
    fprintf(file, "usage: farmgate COMMAND [ARGUMENT...]\n\ncommands:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(file, "  %-13s %s\n", commands[i].name, commands[i].help);
    fprintf(file, "\noptions:\n"
                  "  --help       print this, or after a command what it takes\n"
                  "  --version    print the version\n"
                  "  --describe   print every command and option, one a line, for shell completion\n");
}

static int run(int argc, char **argv)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(argc, argv);
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++)
        names[i] = commands[i].name;
    const char *nearest = config_nearest(argv[0], names, COMMANDS);
    if (argv[0][0] == '-')
        fprintf(stderr, "farmgate: no option %s; see farmgate --help\n", argv[0]);
    else if (nearest)
        fprintf(stderr, "farmgate: no command '%s'; did you mean '%s'?\n", argv[0], nearest);
    else
        fprintf(stderr, "farmgate: no command '%s'; see farmgate --help\n", argv[0]);
    return COMMAND_USAGE;
}

/* What the build makes shell completion from: every command, and what it says of itself. */
static void describe(void)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        char name[32], word[] = OPTIONS_DESCRIBE;
        char *words[] = {name, word, NULL};
        (void)snprintf(name, sizeof(name), "%s", commands[i].name);
        options_describe_command(NULL, name, commands[i].help);
        (void)commands[i].run(2, words);
    }
}

int main(int argc, char **argv)
{
    standard_streams_hold();
    if (argc < 2) {
        print_help(stderr);
        return COMMAND_USAGE;
    }
    int code = COMMAND_OK;
    setlocale(LC_CTYPE, "C.UTF-8"); /* names are UTF-8 whatever the terminal's language is */
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        print_help(stdout);
    else if (strcmp(argv[1], "--version") == 0)
        printf("farmgate %s\n", FARMGATE_VERSION);
    else if (strcmp(argv[1], OPTIONS_DESCRIBE) == 0)
        describe();
    else
        code = run(argc - 1, argv + 1);
    bool written = standard_output_finish("farmgate");
    return code != COMMAND_OK || written ? code : COMMAND_FAILED;
}
