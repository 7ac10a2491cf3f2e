/* options.h - the options of a command by a table: --help, and the nearest name for one that is not known. */
#ifndef FARMGATE_CTL_OPTIONS_H
#define FARMGATE_CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define OPTIONS_MAX 16
/* Behind a command, in place of everything else: prints what the command takes, for shell completion. One
 * line each, its parts separated by tabs: "c WORDS HELP" a command, "o WORDS --NAME -SHORT VALUE HELP" an
 * option of it ("": none), "f WORDS" what are no options are files. */
#define OPTIONS_DESCRIBE "--describe"

#define OPTIONS_GO_ON -1 /* not an exit code: the command is to be run */

enum option_kind {
    OPTION_FLAG, /* bool */
    OPTION_TEXT, /* const char *; empty ones are refused */
};

struct option_spec {
    const char *name; /* without "--"; "output" may be given as -o as well */
    enum option_kind kind;
    void *ret;
};

struct options_form {
    const char *command; /* "connection put" */
    const char *help;    /* whole, for --help */
    const struct option_spec *specs;
    size_t count;
    int operands_min, operands_max;
};

/* Fills what the specs point to and sets *ret_operands to the words that are no options (within argv, which
 * is reordered). OPTIONS_GO_ON, or an exit code: --help was printed, or what is wrong. */
int options_parse(const struct options_form *form, int argc, char **argv, char ***ret_operands,
                  int *ret_count);
/* The same where there are no other words than options. */
int options_only(const struct options_form *form, int argc, char **argv);

/* A line "c" for a command of a group ("farm"), or of none (NULL). */
void options_describe_command(const char *group, const char *name, const char *help);
/* A line "o" for an option of a command, its value and text as they stand in the help; and a line "f" if its
 * usage there has files. */
void options_describe_option(const char *command, const char *help, const char *name);
void options_describe_operands(const char *command, const char *help);

#endif
