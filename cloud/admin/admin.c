#include "cloud/admin/admin.h"

#include "cloud/admin/commands.h"
#include "common/config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_BYTES  64
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { OPTION_SOCKET = 256, OPTION_JSON, OPTION_LIMIT, OPTION_TERM, OPTION_NAME };

/* Every option there is; a command takes those that its `options` name by letter. */
static const struct {
    char letter;
    struct option option;
    const char *help;
} all_options[] = {
    {'l', {"limit", required_argument, NULL, OPTION_LIMIT}, "      --limit N      concurrent users\n"},
    {'t',
     {"term", required_argument, NULL, OPTION_TERM},
     "      --term TERM    1m, 1y, 2y, 3y, or a number of days as in 30d; begins with the first "
     "activation\n"},
    {'n', {"name", required_argument, NULL, OPTION_NAME}, "      --name NAME    shown in lists\n"},
    {'j', {"json", no_argument, NULL, OPTION_JSON}, "      --json         print JSON\n"},
    {'s',
     {"socket", required_argument, NULL, OPTION_SOCKET},
     "      --socket PATH  the authority's admin socket (default " ADMIN_SOCKET ")\n"},
    {'h', {"help", no_argument, NULL, 'h'}, "  -h, --help         print this, and end\n"},
};

struct command {
    const char *words[2];
    const char *options;  /* letters of all_options */
    const char *argument; /* NULL: takes none */
    const char *what;
    int (*run)(const struct admin_options *options);
};

static const struct command commands[] = {
    {{"key", "create"}, "ltnjsh", NULL, "Makes a key and prints it.", command_key_create},
    {{"key", "list"}, "jsh", NULL, "Lists every key, with the farm that runs on it.", command_key_list},
    {{"farm", "list"},
     "jsh",
     NULL,
     "Lists every farm, with its latest report and highest peak.",
     command_farm_list},
    {{"farm", "deactivate"},
     "sh",
     "FARM",
     "Closes a farm at its next contact and frees its key; only a new activation opens it again.",
     command_farm_deactivate},
    {{"public-key", NULL}, "sh", NULL, "Prints what agents put into authority.key.", command_public_key},
};

static void words_of(const struct command *command, char ret[WORDS_BYTES])
{
    (void)snprintf(ret, WORDS_BYTES, "%s%s%s", command->words[0], command->words[1] != NULL ? " " : "",
                   command->words[1] != NULL ? command->words[1] : "");
}

static void print_help(const struct command *command)
{
    char words[WORDS_BYTES];
    words_of(command, words);
    (void)printf("usage: farmgate-cloud %s [OPTION...]%s%s\n\n%s\n\n", words,
                 command->argument != NULL ? " " : "", command->argument != NULL ? command->argument : "",
                 command->what);
    for (size_t i = 0; i < COUNT(all_options); i++) {
        if (strchr(command->options, all_options[i].letter) != NULL)
            (void)printf("%s", all_options[i].help);
    }
}

/* Says what might have been meant. */
static int tell_unknown(int argc, char **argv)
{
    char given[WORDS_BYTES], texts[COUNT(commands)][WORDS_BYTES];
    const char *names[COUNT(commands)];
    (void)snprintf(given, sizeof given, "%s%s%s", argc > 0 ? argv[0] : "", argc > 1 ? " " : "",
                   argc > 1 ? argv[1] : "");
    for (size_t i = 0; i < COUNT(commands); i++) {
        words_of(&commands[i], texts[i]);
        names[i] = texts[i];
    }
    const char *nearest = config_nearest(given, names, COUNT(commands));
    (void)fprintf(stderr, "farmgate-cloud: %s%s%s%s%s%s; try 'farmgate-cloud --help'\n",
                  argc > 0 ? "no command '" : "which command?", argc > 0 ? given : "", argc > 0 ? "'" : "",
                  nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
                  nearest != NULL ? "'" : "");
    return ADMIN_USAGE;
}

static const struct command *find_command(int argc, char **argv, int *ret_words)
{
    for (size_t i = 0; i < COUNT(commands); i++) {
        const struct command *command = &commands[i];
        int words = command->words[1] != NULL ? 2 : 1;
        if (argc < words || strcmp(argv[0], command->words[0]) != 0)
            continue;
        if (words == 2 && strcmp(argv[1], command->words[1]) != 0)
            continue;
        *ret_words = words;
        return command;
    }
    return NULL;
}

static bool parse_limit(const char *text, int64_t *ret)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < 0)
        return false;
    *ret = value;
    return true;
}

static int usage(const struct command *command)
{
    char words[WORDS_BYTES];
    words_of(command, words);
    (void)fprintf(stderr, "try 'farmgate-cloud %s --help'\n", words);
    return ADMIN_USAGE;
}

/* One option's value; false: it is wrong, and that was said. */
static bool take_option(int option, struct admin_options *options)
{
    switch (option) {
    case OPTION_SOCKET:
        options->socket_path = optarg;
        return true;
    case OPTION_JSON:
        options->json = true;
        return true;
    case OPTION_TERM:
        options->term = optarg;
        return true;
    case OPTION_NAME:
        options->name = optarg;
        return true;
    case OPTION_LIMIT:
        if (parse_limit(optarg, &options->limit))
            return true;
        (void)fprintf(stderr, "farmgate-cloud: --limit: '%s' is not a number of users\n", optarg);
        return false;
    default:
        return false; /* getopt said it */
    }
}

/* -1: go on; else the exit code. */
static int parse_options(const struct command *command, int argc, char **argv,
                         struct admin_options *ret_options)
{
    struct option table[COUNT(all_options) + 1] = {{NULL, 0, NULL, 0}};
    size_t count = 0;
    for (size_t i = 0; i < COUNT(all_options); i++) {
        if (strchr(command->options, all_options[i].letter) != NULL)
            table[count++] = all_options[i].option;
    }
    struct admin_options options = {.socket_path = ADMIN_SOCKET, .limit = -1, .name = ""};
    for (int option; (option = getopt_long(argc, argv, "h", table, NULL)) != -1;) {
        if (option == 'h') {
            print_help(command);
            return ADMIN_OK;
        }
        if (!take_option(option, &options))
            return usage(command);
    }
    if (command->argument != NULL && optind < argc)
        options.farm = argv[optind++];
    if (optind < argc) {
        (void)fprintf(stderr, "farmgate-cloud: unexpected argument '%s'\n", argv[optind]);
        return usage(command);
    }
    *ret_options = options;
    return -1;
}

/* "farmgate-cloud key --help": the group's commands. */
static bool print_group_help(int argc, char **argv)
{
    bool found = false;
    if (argc != 2 || (strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h") != 0))
        return false;
    for (size_t i = 0; i < COUNT(commands); i++) {
        if (commands[i].words[1] == NULL || strcmp(commands[i].words[0], argv[0]) != 0)
            continue;
        char words[WORDS_BYTES];
        words_of(&commands[i], words);
        (void)printf("farmgate-cloud %-16s %s\n", words, commands[i].what);
        found = true;
    }
    return found;
}

int admin_run(int argc, char **argv)
{
    struct admin_options options;
    int words = 0;
    if (print_group_help(argc, argv))
        return ADMIN_OK;
    const struct command *command = find_command(argc, argv, &words);
    if (command == NULL)
        return tell_unknown(argc, argv);
    int code = parse_options(command, argc - words + 1, argv + words - 1, &options);
    return code >= 0 ? code : command->run(&options);
}
