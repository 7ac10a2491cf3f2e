/* farmgate - the command line of the farm's administrator: a table of commands, one file each. */
#include "command.h"
#include "size_command.h"
#include "version.h"

#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
    {"size", "work out the licences a farm needs from a log of its sessions", size_command},
};
#define COMMANDS (sizeof commands / sizeof *commands)

static void print_help(FILE *file)
{
    fprintf(file, "usage: farmgate COMMAND [ARGUMENT...]\n\ncommands:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(file, "  %-12s %s\n", commands[i].name, commands[i].help);
    fprintf(file, "\noptions:\n"
                  "  --help       print this, or after a command what it takes\n"
                  "  --version    print the version\n");
}

static int finish_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return COMMAND_OK;
    perror("farmgate: standard output");
    return COMMAND_FAILED;
}

static int run(int argc, char **argv)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(argc, argv);
    fprintf(stderr, "farmgate: no command '%s'; see farmgate --help\n", argv[0]);
    return COMMAND_USAGE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return COMMAND_USAGE;
    }
    int code = COMMAND_OK;
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        print_help(stdout);
    else if (strcmp(argv[1], "--version") == 0)
        printf("farmgate %s\n", FARMGATE_VERSION);
    else
        code = run(argc - 1, argv + 1);
    int written = finish_output();
    return code != COMMAND_OK ? code : written;
}
