#include "options.h"

#include "command.h"

#include "common/config.h"
#include "common/help_text.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define HELP_INDEX  1000
#define OUTPUT_NAME "output" /* the one option that has a short form, -o */

static int refuse_unknown(const struct options_form *form, const char *word)
{
    const char *names[OPTIONS_MAX + 1];
    char name[64];
    size_t count = 0;
    for (; count < form->count; count++)
        names[count] = form->specs[count].name;
    names[count++] = "help";
    word += strspn(word, "-");
    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
    const char *nearest = config_nearest(name, names, count);
    if (nearest && strcmp(nearest, name) == 0)
        (void)fprintf(stderr, "farmgate %s: --%s takes no value\n", form->command, name);
    else if (nearest)
        (void)fprintf(stderr, "farmgate %s: no option --%s; did you mean --%s?\n", form->command, name,
                      nearest);
    else
        (void)fprintf(stderr, "farmgate %s: no option --%s; see farmgate %s --help\n", form->command, name,
                      form->command);
    return COMMAND_USAGE;
}

static int take(const struct options_form *form, const struct option_spec *spec, const char *value)
{
    if (spec->kind == OPTION_FLAG) {
        *(bool *)spec->ret = true;
        return OPTIONS_GO_ON;
    }
    if (value[0] == '\0') {
        (void)fprintf(stderr, "farmgate %s: --%s: empty\n", form->command, spec->name);
        return COMMAND_USAGE;
    }
    *(const char **)spec->ret = value;
    return OPTIONS_GO_ON;
}

/* The words of the usage that stand before every option ("HOST ID") without the first `given` of them. */
static void find_missing(const struct options_form *form, int given, const char **ret, size_t *ret_bytes)
{
    char begin[96];
    (void)snprintf(begin, sizeof(begin), "farmgate %s ", form->command);
    const char *usage = strstr(form->help, begin);
    *ret = "";
    *ret_bytes = 0;
    if (!usage)
        return;
    const char *at = usage + strlen(begin), *end = at;
    for (; *end >= 'A' && *end <= 'Z'; end += strspn(end, " "), given--) {
        if (given > 0)
            at = end + strcspn(end, " \n") + 1;
        end += strcspn(end, " \n");
    }
    while (end > at && end[-1] == ' ')
        end--;
    *ret = at;
    *ret_bytes = end > at ? (size_t)(end - at) : 0;
}

static int check_operands(const struct options_form *form, int count)
{
    const char *missing;
    size_t bytes;
    if (count >= form->operands_min && count <= form->operands_max)
        return OPTIONS_GO_ON;
    find_missing(form, count, &missing, &bytes);
    if (count < form->operands_min)
        (void)fprintf(stderr, "farmgate %s: what is missing: %.*s; see farmgate %s --help\n", form->command,
                      (int)bytes, missing, form->command);
    else
        (void)fprintf(stderr, "farmgate %s: too many words; see farmgate %s --help\n", form->command,
                      form->command);
    return COMMAND_USAGE;
}

static const struct option_spec *find_output(const struct options_form *form)
{
    for (size_t i = 0; i < form->count; i++)
        if (strcmp(form->specs[i].name, OUTPUT_NAME) == 0)
            return &form->specs[i];
    return NULL;
}

/* What a command takes and what its --help tells are two lists of one thing. */
static bool help_has_all(const struct options_form *form)
{
    char option[64];
    for (size_t i = 0; i < form->count; i++) {
        bool has_short = strcmp(form->specs[i].name, OUTPUT_NAME) == 0;
        (void)snprintf(option, sizeof(option), "\n  %s--%s ", has_short ? "-o, " : "", form->specs[i].name);
        if (!strstr(form->help, option))
            return false;
    }
    return true;
}

/* --- for shell completion ------------------------------------------------------------------- */

void options_describe_command(const char *group, const char *name, const char *help)
{
    (void)printf("c\t%s%s%s\t%s\n", group ? group : "", group ? " " : "", name, help);
}

void options_describe_option(const char *command, const char *help, const char *name)
{
    char option[64];
    bool has_short = strcmp(name, OUTPUT_NAME) == 0;
    (void)snprintf(option, sizeof(option), "\n  %s--%s", has_short ? "-o, " : "", name);
    const char *at = help;
    do
        at = strstr(at, option) ? strstr(at, option) + strlen(option) : NULL;
    while (at && *at != ' ' && *at != '['); /* that was another one, of which it is the beginning */
    const char *value = at && at[0] == ' ' && at[1] != ' ' ? at + 1 : "";
    const char *text = at ? strstr(at, "  ") : NULL;
    size_t value_bytes = strcspn(value, " \n");
    if (!text || text > at + strcspn(at, "\n")) /* it had to begin one space behind a long value */
        text = value + value_bytes;
    text += strspn(text, " ");
    (void)printf("o\t%s\t--%s\t%s\t%.*s\t%.*s\n", command, name, has_short ? "-o" : "", (int)value_bytes,
                 value, (int)strcspn(text, "\n"), text);
}

/* Whether a usage has FILE or LOG where it is no option's value. */
static bool has_files(const char *usage, const char *end)
{
    bool of_option = false;
    while (usage < end) {
        usage += strspn(usage, " [(|\n");
        size_t bytes = strcspn(usage, " ])|\n");
        if (!of_option && (strncmp(usage, "FILE", 4) == 0 || strncmp(usage, "LOG", 3) == 0) && usage < end)
            return true;
        of_option = usage[0] == '-' && usage[1] != '\0' && usage[bytes] == ' ';
        usage += bytes + strspn(usage + bytes, "])");
    }
    return false;
}

void options_describe_operands(const char *command, const char *help)
{
    char begin[96];
    (void)snprintf(begin, sizeof(begin), "farmgate %s ", command);
    const char *usage = strstr(help, begin);
    if (!usage)
        return;
    usage += strlen(begin);
    const char *end = strstr(usage, "farmgate "), *paragraph = strstr(usage, "\n\n");
    if (!end || (paragraph && paragraph < end))
        end = paragraph ? paragraph : usage + strlen(usage);
    if (has_files(usage, end))
        (void)printf("f\t%s\n", command);
}

static int describe(const struct options_form *form)
{
    for (size_t i = 0; i < form->count; i++)
        options_describe_option(form->command, form->help, form->specs[i].name);
    options_describe_option(form->command, form->help, "help");
    if (form->operands_max > 0)
        options_describe_operands(form->command, form->help);
    return COMMAND_OK;
}

int options_parse(const struct options_form *form, int argc, char **argv, char ***ret_operands,
                  int *ret_count)
{
    struct option options[OPTIONS_MAX + 2] = {0};
    int code = OPTIONS_GO_ON, found;
    assert(form->count <= OPTIONS_MAX);
    if (argc == 2 && strcmp(argv[1], OPTIONS_DESCRIBE) == 0)
        return describe(form);
    for (size_t i = 0; i < form->count; i++)
        options[i] = (struct option){form->specs[i].name,
                                     form->specs[i].kind == OPTION_TEXT ? required_argument : no_argument,
                                     NULL, (int)i + 1};
    options[form->count] = (struct option){"help", no_argument, NULL, HELP_INDEX};
    opterr = 0;
    optind = 0; /* begins anew, also where another command was parsed before */
    const struct option_spec *output = find_output(form);
    while (code == OPTIONS_GO_ON &&
           (found = getopt_long(argc, argv, output ? ":ho:" : ":h", options, NULL)) != -1) {
        if (found == HELP_INDEX || found == 'h') {
            assert(help_has_all(form));
            help_print(stdout, form->help);
            return COMMAND_OK;
        }
        if (found == ':' && !strchr(argv[optind - 1], '=')) {
            (void)fprintf(stderr, "farmgate %s: %s needs a value\n", form->command, argv[optind - 1]);
            return COMMAND_USAGE;
        }
        if (found == '?' || found == ':') /* Windows' getopt takes --flag=value for the latter */
            code = refuse_unknown(form, argv[optind - 1]);
        else
            code = take(form, found == 'o' ? output : &form->specs[found - 1], optarg);
    }
    if (code == OPTIONS_GO_ON)
        code = check_operands(form, argc - optind);
    *ret_operands = argv + optind;
    *ret_count = argc - optind;
    return code;
}

int options_only(const struct options_form *form, int argc, char **argv)
{
    char **operands;
    int count;
    assert(form->operands_max == 0);
    return options_parse(form, argc, argv, &operands, &count);
}
