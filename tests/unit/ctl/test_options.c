/* Options by a table: what is taken, and what is refused with which exit code. */
#include "agent/ctl/command.h"
#include "agent/ctl/options.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 8
#define HELP      "usage: farmgate try\n\n  --json       so\n  --user NAME  who\n  -o, --output FILE  where\n"

struct words {
    bool json;
    const char *user, *output;
};

/* Runs the words with standard error, or output, going to `ret_said`. */
static int parse(const char *help, int operands_min, int operands_max, const char *const *argv,
                 struct words *ret, int *ret_count, char *ret_said, size_t bytes)
{
    const struct option_spec specs[] = {{"json", OPTION_FLAG, &ret->json},
                                        {"user", OPTION_TEXT, &ret->user},
                                        {"output", OPTION_TEXT, &ret->output}};
    const struct options_form form = {"try",        help,        specs, sizeof(specs) / sizeof(specs[0]),
                                      operands_min, operands_max};
    char *copy[WORDS_MAX + 2] = {(char *)(uintptr_t) "try"}, **operands;
    int count = 1;
    for (; argv[count - 1]; count++)
        copy[count] = (char *)(uintptr_t)argv[count - 1];
    FILE *file = tmpfile();
    int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    (void)fflush(stdout);
    (void)dup2(fileno(file), STDOUT_FILENO);
    (void)dup2(fileno(file), STDERR_FILENO);
    int code = options_parse(&form, count, copy, &operands, ret_count);
    (void)fflush(stdout);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(err, STDERR_FILENO);
    (void)close(out);
    (void)close(err);
    rewind(file);
    ret_said[fread(ret_said, 1, bytes - 1, file)] = '\0';
    (void)fclose(file);
    return code;
}

static void test_words(void **state)
{
    static const struct {
        const char *argv[WORDS_MAX];
        int code, count;
        bool json;
        const char *user, *said;
    } cases[] = {
        {{NULL}, OPTIONS_GO_ON, 0, false, NULL, ""},
        {{"--json", "--user", "bob"}, OPTIONS_GO_ON, 0, true, "bob", ""},
        {{"word", "--user=bob"}, OPTIONS_GO_ON, 1, false, "bob", ""},
        {{"--", "--json"}, OPTIONS_GO_ON, 1, false, NULL, ""},
        {{"-"}, OPTIONS_GO_ON, 1, false, NULL, ""},
        {{"--js"}, OPTIONS_GO_ON, 0, true, NULL, ""},
        {{"-o", "file", "--user", "bob"}, OPTIONS_GO_ON, 0, false, "bob", ""},
        {{"--output", "file"}, OPTIONS_GO_ON, 0, false, NULL, ""},
        {{"-o"}, COMMAND_USAGE, 0, false, NULL, "farmgate try: -o needs a value\n"},
        {{"-o", ""}, COMMAND_USAGE, 0, false, NULL, "farmgate try: --output: empty\n"},
        {{"--help"}, COMMAND_OK, 0, false, NULL, HELP},
        {{"-h"}, COMMAND_OK, 0, false, NULL, HELP},
        {{"--jsno"}, COMMAND_USAGE, 0, false, NULL, "farmgate try: no option --jsno; did you mean --json?\n"},
        {{"--json=1"}, COMMAND_USAGE, 0, false, NULL, "farmgate try: --json takes no value\n"},
        {{"--quux=1"},
         COMMAND_USAGE,
         0,
         false,
         NULL,
         "farmgate try: no option --quux; see farmgate try --help\n"},
        {{"--user"}, COMMAND_USAGE, 0, false, NULL, "farmgate try: --user needs a value\n"},
        {{"--user="}, COMMAND_USAGE, 0, false, NULL, "farmgate try: --user: empty\n"},
        {{"one", "two"},
         COMMAND_USAGE,
         0,
         false,
         NULL,
         "farmgate try: too many words; see farmgate try --help\n"},
    };
    char said[512];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct words words = {0};
        int count = 0;
        int code = parse(HELP, 0, 1, cases[i].argv, &words, &count, said, sizeof(said));
        if (code != cases[i].code || strcmp(said, cases[i].said) != 0)
            fail_msg("case %zu: %d \"%s\", not %d \"%s\"", i, code, said, cases[i].code, cases[i].said);
        if (code != OPTIONS_GO_ON)
            continue;
        assert_int_equal(count, cases[i].count);
        assert_int_equal(words.json, cases[i].json);
        assert_true(!words.output || strcmp(words.output, "file") == 0);
        assert_int_equal(words.output != NULL, cases[i].argv[1] && strcmp(cases[i].argv[1], "file") == 0);
        if (cases[i].user)
            assert_string_equal(words.user, cases[i].user);
        else
            assert_null(words.user);
    }
}

static void test_missing(void **state)
{
    static const struct {
        const char *help, *argv[WORDS_MAX], *missing;
    } cases[] = {
        {"usage: farmgate try HOST ID --user NAME\n", {NULL}, "HOST ID"},
        {"usage: farmgate try HOST ID --user NAME\n", {"h1"}, "ID"},
        {"usage: farmgate try HOST ID --user NAME\n", {"--user", "bob", "h1"}, "ID"},
        {"usage: farmgate other FILE\n       farmgate try PATH VALUE | PATH --unset\n", {NULL}, "PATH VALUE"},
        {"usage: farmgate try HOST ID\n\nAnd THEN.\n", {"h1"}, "ID"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct words words = {0};
        char said[512], wanted[512];
        int count = 0;
        (void)snprintf(wanted, sizeof(wanted), "farmgate try: what is missing: %s; see farmgate try --help\n",
                       cases[i].missing);
        assert_int_equal(parse(cases[i].help, 2, 2, cases[i].argv, &words, &count, said, sizeof(said)),
                         COMMAND_USAGE);
        assert_string_equal(said, wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words), cmocka_unit_test(test_missing)};
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
