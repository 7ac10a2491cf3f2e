#include "cloud/admin/admin.h"

#include "cloud/admin/commands.h"
#include "common/config.h"
#include "common/help_text.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_BYTES   64
#define OUTPUT_LETTER 'o' /* the one option that has a short form */
#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))

/* --- what there is -------------------------------------------------------------------------------------- */

enum option_kind { OPTION_TEXT, OPTION_NUMBER, OPTION_FLAG };

#define AT(member) offsetof(struct admin_options, member)

/* Every option there is; a command takes those that its `options` name by letter. */
static const struct {
    char letter;
    const char *name;
    enum option_kind kind;
    size_t offset;
    const char *help;
} all_options[] = {
    {'L', "limit", OPTION_NUMBER, AT(limit), "      --limit N          concurrent users\n"},
    {'l', "licences", OPTION_NUMBER, AT(licences), "      --licences N       how many licences are bought\n"},
    {'S', "subscription", OPTION_NUMBER, AT(subscription), "      --subscription ID  whose keys or farms\n"},
    {'q', "quota", OPTION_NUMBER, AT(quota), "      --quota N          licences that the key reserves\n"},
    {'t', "term", OPTION_TEXT, AT(term),
     "      --term TERM        1m, 1y, 2y, 3y, or a number of days as in 30d\n"},
    {'n', "name", OPTION_TEXT, AT(name), "      --name NAME        shown in lists\n"},
    {'p', "plan", OPTION_TEXT, AT(plan), "      --plan PLAN        standard (default) or premium\n"},
    {'c', "channel", OPTION_TEXT, AT(channel),
     "      --channel CHANNEL  online (default) or reseller, who alone renews what he sold\n"},
    {'C', "contract", OPTION_TEXT, AT(contract), "      --contract TEXT    what is to be kept with it\n"},
    {'a', "automatic", OPTION_TEXT, AT(automatic), "      --automatic on|off whether it renews by itself\n"},
    {'A', "add", OPTION_NUMBER, AT(add), "      --add N            so many licences more\n"},
    {'r', "renew", OPTION_FLAG, AT(renew),
     "      --renew            another term: as the one before, or the one that follows the ID\n"},
    {'e', "expires", OPTION_TEXT, AT(expires),
     "      --expires DATE     2026-12-31, 2026-12-31T12:00:00Z, or never: with its subscription\n"},
    {'R', "reset-moves", OPTION_FLAG, AT(reset_moves),
     "      --reset-moves      it may be moved as often as a new one\n"},
    {'y', "confirm", OPTION_FLAG, AT(confirm),
     "      --confirm          even if a running farm gets less than its last reported peak\n"},
    {'u', "status", OPTION_TEXT, AT(status),
     "      --status STATUS    only those that are active, or deactivated\n"},
    {'K', "key", OPTION_TEXT, AT(key), "      --key KEY          only those on this key\n"},
    {'b', "subject", OPTION_TEXT, AT(subject),
     "      --subject S        only the changes of this subscription, key or farm\n"},
    {'i', "since", OPTION_TEXT, AT(since),
     "      --since DATE       only from then on: 2026-12-31, or with a time\n"},
    {'k', "columns", OPTION_TEXT, AT(columns),
     "      --columns A,B,C    these columns, by their names in JSON; all: every one\n"},
    {'v', "csv", OPTION_FLAG, AT(csv),
     "      --csv              comma-separated values (RFC 4180), every column\n"},
    {'d', "days", OPTION_NUMBER, AT(days),
     "      --days N           of the last N days (default 30, at most 400)\n"},
    {'D', "days", OPTION_NUMBER, AT(days),
     "      --days N           the farm must import the next answer within N days, 1 to 400 (default as in "
     "the\n"
     "                         configuration: entitlement.offline_refresh)\n"},
    {'o', "output", OPTION_TEXT, AT(output),
     "  -o, --output FILE      write the answer there (mode 0600) instead of to standard output\n"},
    {'f', "force", OPTION_FLAG, AT(force), "      --force            replace the file that is there\n"},
    {'j', "json", OPTION_FLAG, AT(json), "      --json             print JSON\n"},
    {'s', "socket", OPTION_TEXT, AT(socket_path),
     "      --socket PATH      the authority's admin socket (default " ADMIN_SOCKET ")\n"},
};

struct command {
    const char *words[2];
    const char *options;   /* letters of all_options */
    const char *arguments; /* as --help shows them; NULL: takes none */
    int arguments_min, arguments_max;
    const char *what;
    int (*run)(const struct admin_options *options);
};

static const struct command commands[] = {
    {{"subscription", "create"},
     "ltnpcCajs",
     NULL,
     0,
     0,
     "Buys licences for a term, which begins with the first activation; prints id and primary key.",
     command_subscription_create},
    {{"subscription", "list"}, "kjs", NULL, 0, 0, "Lists every subscription.", command_subscription_list},
    {{"subscription", "show"},
     "js",
     "ID",
     1,
     1,
     "Shows a subscription with its keys and orders.",
     command_subscription_show},
    {{"subscription", "order"},
     "Arjs",
     "ID [TERM]",
     1,
     2,
     "Orders licences (--add) or another term (--renew).",
     command_subscription_order},
    {{"subscription", "renew"},
     "tajs",
     "ID",
     1,
     1,
     "Orders another term; with --automatic alone only says whether that happens by itself.",
     command_subscription_renew},
    {{"subscription", "cancel"},
     "js",
     "ID",
     1,
     1,
     "Ends a subscription at once, with every farm on its keys.",
     command_subscription_cancel},
    {{"subscription", "rename"},
     "Cjs",
     "ID NAME",
     2,
     2,
     "Gives a subscription another name.",
     command_subscription_rename},
    {{"key", "create"},
     "SqneyLtjs",
     NULL,
     0,
     0,
     "Reserves licences of a subscription for a key, and prints it; or, with --limit and --term, buys a "
     "subscription and prints its primary key.",
     command_key_create},
    {{"key", "list"},
     "Skjs",
     NULL,
     0,
     0,
     "Lists every key, with the farm that runs on it.",
     command_key_list},
    {{"key", "edit"}, "nqeRyjs", "KEY", 1, 1, "Changes a key.", command_key_edit},
    {{"key", "delete"},
     "yjs",
     "KEY",
     1,
     1,
     "Deletes a key: its licences are free, the farm on it is deactivated.",
     command_key_delete},
    {{"farm", "list"},
     "uSKkvjs",
     NULL,
     0,
     0,
     "Lists every farm, with its latest report and highest peak.",
     command_farm_list},
    {{"farm", "show"}, "js", "FARM", 1, 1, "Shows all that is known of a farm.", command_farm_show},
    {{"farm", "note"},
     "js",
     "FARM TEXT",
     2,
     2,
     "Keeps a note with a farm; an empty one removes it.",
     command_farm_note},
    {{"farm", "deactivate"},
     "js",
     "FARM...",
     1,
     ADMIN_ARGUMENTS_MAX,
     "Closes farms at their next contact and frees their keys; only a new activation opens them again.",
     command_farm_deactivate},
    {{"report", "history"},
     "djs",
     "FARM",
     1,
     1,
     "Draws the daily peaks of a farm, with its limit marked.",
     command_report_history},
    {{"activate-offline", NULL},
     "Dos",
     "REQUEST-FILE",
     1,
     1,
     "Answers the request file of a farm without a network: activates it, or takes its windows in.",
     command_activate_offline},
    {{"audit", NULL}, "bikjs", NULL, 0, 0, "Lists who changed what, and when.", command_audit},
    {{"token", "make"},
     "j",
     "NAME read|write",
     2,
     2,
     "Makes a token for /v1/admin, and prints it with its line for token_file.",
     command_token_make},
    {{"backup", NULL},
     "fjs",
     "FILE",
     1,
     1,
     "Writes a copy of the whole ledger to a file, while the authority goes on.",
     command_backup},
    {{"public-key", NULL}, "s", NULL, 0, 0, "Prints what agents put into authority.key.", command_public_key},
    {{"signing-key", "list"},
     "kjs",
     NULL,
     0,
     0,
     "Lists the keys that have signed, oldest first, and which one signs.",
     command_signing_key_list},
    {{"signing-key", "rotate"},
     "js",
     NULL,
     0,
     0,
     "Makes the next signing key, which farms follow by themselves; prints its public side.",
     command_signing_key_rotate},
    {{"signing-key", "next"},
     "",
     "FILE NEXTFILE",
     2,
     2,
     "Makes the key that follows the one in FILE, for a signing_key_file that the authority cannot write.",
     command_signing_key_next},
};

static void words_of(const struct command *command, char ret[WORDS_BYTES])
{
    (void)snprintf(ret, WORDS_BYTES, "%s%s%s", command->words[0], command->words[1] != NULL ? " " : "",
                   command->words[1] != NULL ? command->words[1] : "");
}

/* --- help ----------------------------------------------------------------------------------------------- */

static void print_help(const struct command *command)
{
    char words[WORDS_BYTES];
    words_of(command, words);
    (void)printf("usage: farmgate-cloud %s [OPTION...]%s%s\n\n", words, command->arguments != NULL ? " " : "",
                 command->arguments != NULL ? command->arguments : "");
    help_print(stdout, command->what);
    (void)printf("\n");
    for (size_t i = 0; i < COUNT(all_options); i++) {
        if (strchr(command->options, all_options[i].letter) != NULL)
            help_print(stdout, all_options[i].help);
    }
    (void)printf("  -h, --help             print this, and end\n");
}

/* Of what a command does the first part of its sentence, without what stands in parentheses. */
static size_t summary_bytes(const char *what)
{
    size_t bytes = strcspn(what, ":;,(");
    while (bytes > 0 && (what[bytes - 1] == ' ' || what[bytes - 1] == '.'))
        bytes--;
    return bytes;
}

void admin_print_commands(void)
{
    for (size_t i = 0; i < COUNT(commands); i++) {
        char words[WORDS_BYTES];
        words_of(&commands[i], words);
        (void)printf("  %-20s  %.*s\n", words, (int)summary_bytes(commands[i].what), commands[i].what);
    }
}

/* "      --limit N          concurrent users\n" in parts. */
static void describe_option(const char *words, const char *name, const char *option_help)
{
    const char *value = strstr(option_help, "--") + strlen("--") + strlen(name);
    value += *value == ' ';
    size_t value_bytes = strcspn(value, " \n");
    const char *text = value + value_bytes;
    text += strspn(text, " ");
    (void)printf("o\t%s\t--%s\t%s\t%.*s\t%.*s\n", words, name,
                 strncmp(option_help, "  -o", 4) == 0 ? "-o" : "", (int)value_bytes, value,
                 (int)strcspn(text, "\n"), text);
}

void admin_describe_commands(void)
{
    for (size_t i = 0; i < COUNT(commands); i++) {
        const struct command *command = &commands[i];
        char words[WORDS_BYTES];
        words_of(command, words);
        (void)printf("c\t%s\t%.*s\n", words, (int)summary_bytes(command->what), command->what);
        for (size_t j = 0; j < COUNT(all_options); j++)
            if (strchr(command->options, all_options[j].letter) != NULL)
                describe_option(words, all_options[j].name, all_options[j].help);
        describe_option(words, "help", "  -h, --help             print this, and end\n");
        if (command->arguments != NULL && strstr(command->arguments, "FILE") != NULL)
            (void)printf("f\t%s\n", words);
    }
}

/* Whether commands begin with the word, as "key list" does. */
static bool is_group(const char *word)
{
    for (size_t i = 0; i < COUNT(commands); i++)
        if (commands[i].words[1] != NULL && strcmp(commands[i].words[0], word) == 0)
            return true;
    return false;
}

/* What stands before the options and was to name a command; "": nothing does. */
static void words_given(int argc, char **argv, char ret[WORDS_BYTES])
{
    bool first = argc > 0 && argv[0][0] != '-', second = first && argc > 1 && argv[1][0] != '-';
    (void)snprintf(ret, WORDS_BYTES, "%s%s%s", first ? argv[0] : "", second ? " " : "",
                   second ? argv[1] : "");
}

/* Says what might have been meant. */
static int tell_unknown(int argc, char **argv)
{
    char given[WORDS_BYTES], texts[COUNT(commands)][WORDS_BYTES];
    const char *names[COUNT(commands)];
    words_given(argc, argv, given);
    for (size_t i = 0; i < COUNT(commands); i++) {
        words_of(&commands[i], texts[i]);
        names[i] = texts[i];
    }
    const char *nearest = given[0] != '\0' ? config_nearest(given, names, COUNT(commands)) : NULL;
    if (argc > 0 && argv[0][0] == '-')
        (void)fprintf(stderr, "farmgate-cloud: no option %s before a command; ", argv[0]);
    else if (given[0] == '\0')
        (void)fprintf(stderr, "farmgate-cloud: a command is wanted; ");
    else if (nearest != NULL)
        (void)fprintf(stderr, "farmgate-cloud: no command '%s'; did you mean '%s'? ", given, nearest);
    else
        (void)fprintf(stderr, "farmgate-cloud: no command '%s'; ", given);
    bool group = argc > 0 && is_group(argv[0]);
    (void)fprintf(stderr, "try 'farmgate-cloud %s%s--help'\n", group ? argv[0] : "", group ? " " : "");
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

static bool parse_number(const char *text, int64_t *ret)
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

/* --- what was given ------------------------------------------------------------------------------------- */

/* One option's value; false: it is wrong, and that was said. */
static bool take_option(size_t index, const char *value, struct admin_options *options)
{
    void *at = (char *)options + all_options[index].offset;
    switch (all_options[index].kind) {
    case OPTION_TEXT:
        *(const char **)at = value;
        return true;
    case OPTION_FLAG:
        *(bool *)at = true;
        return true;
    case OPTION_NUMBER:
        if (parse_number(value, at))
            return true;
        (void)fprintf(stderr, "farmgate-cloud: --%s: '%s' is not a whole number from 0\n",
                      all_options[index].name, value);
        return false;
    }
    return false;
}

/* What getopt is to know of a command's options; an option's val is its index in all_options. */
static void fill_getopt(const struct command *command, struct option table[COUNT(all_options) + 2])
{
    size_t count = 0;
    for (size_t i = 0; i < COUNT(all_options); i++) {
        if (strchr(command->options, all_options[i].letter) == NULL)
            continue;
        table[count++] = (struct option){
            .name = all_options[i].name,
            .has_arg = all_options[i].kind == OPTION_FLAG ? no_argument : required_argument,
            .val = (int)i,
        };
    }
    table[count++] = (struct option){.name = "help", .val = 'h'};
    table[count] = (struct option){.name = NULL};
}

static int take_arguments(const struct command *command, int argc, char **argv, struct admin_options *options)
{
    options->arguments = (const char *const *)argv;
    options->argument_count = argc;
    if (argc > command->arguments_max) {
        (void)fprintf(stderr, "farmgate-cloud: unexpected argument '%s'\n", argv[command->arguments_max]);
        return usage(command);
    }
    if (argc < command->arguments_min) {
        (void)fprintf(stderr, "farmgate-cloud: what is missing: %s\n", command->arguments);
        return usage(command);
    }
    return -1;
}

static_assert(COUNT(all_options) < 'h', "an option's index is not taken for --help");

/* What -o stands for; -1: the command has no such option. */
static int find_output(const struct command *command)
{
    for (size_t i = 0; i < COUNT(all_options) && strchr(command->options, OUTPUT_LETTER) != NULL; i++) {
        if (all_options[i].letter == OUTPUT_LETTER)
            return (int)i;
    }
    return -1;
}

/* -1: go on; else the exit code. */
static int parse_options(const struct command *command, int argc, char **argv,
                         struct admin_options *ret_options)
{
    struct option table[COUNT(all_options) + 2];
    struct admin_options options = {.socket_path = ADMIN_SOCKET,
                                    .limit = -1,
                                    .licences = -1,
                                    .add = -1,
                                    .quota = -1,
                                    .subscription = -1,
                                    .days = -1};
    int output = find_output(command);
    static char program[] = "farmgate-cloud"; /* how getopt's messages begin */
    argv[0] = program;
    fill_getopt(command, table);
    for (int option; (option = getopt_long(argc, argv, output >= 0 ? "ho:" : "h", table, NULL)) != -1;) {
        if (option == 'h') {
            print_help(command);
            return ADMIN_OK;
        }
        if (option == OUTPUT_LETTER)
            option = output;
        if (option == '?' || !take_option((size_t)option, optarg, &options))
            return usage(command);
    }
    int code = take_arguments(command, argc - optind, argv + optind, &options);
    if (code < 0)
        *ret_options = options;
    return code;
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
        (void)printf("farmgate-cloud %-20s %s\n", words, commands[i].what);
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
