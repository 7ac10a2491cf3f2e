/* What --help prints: nothing wider than a terminal, and what fits as it was written. */
#include "common/help_text.h"

#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static void test_filled(void **state)
{
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"usage: farmgate x\n\nShort\nlines stay.\n", "usage: farmgate x\n\nShort\nlines stay.\n"},
        {"no end", "no end\n"},
        {"One that is far too wide for a terminal of eighty columns, and so it goes on below with\nthe "
         "next.\n\nNew.\n",
         "One that is far too wide for a terminal of eighty columns, and so it goes on\nbelow with the "
         "next.\n\nNew.\n"},
        {"usage: farmgate try it [--one OPTION] [--another OPTION] --third OPTION [--fourth OPTION | "
         "--fifth]\n"
         "           [--sixth]\n       farmgate try --list\n",
         "usage: farmgate try it [--one OPTION] [--another OPTION] --third OPTION\n"
         "                       [--fourth OPTION | --fifth] [--sixth]\n       farmgate try --list\n"},
        {"options:\n  -o, --output FILE  so that it does not fit into the eighty columns that a terminal "
         "has\n"
         "                     and more\n  --directory DIRECTORY whose value is as wide as all of the space "
         "that there is\n"
         "  --help  print this\n",
         "options:\n  -o, --output FILE  so that it does not fit into the eighty columns that a\n"
         "                     terminal has and more\n  --directory DIRECTORY whose value is as wide as all "
         "of the space that there is\n"
         "  --help  print this\n"},
        {"  --a VALUE       short\n  --long LONGVALUE whose value is as wide as all of the space that there "
         "is before texts\n",
         "  --a VALUE       short\n  --long LONGVALUE whose value is as wide as all of the space that there "
         "is\n"
         "                  before texts\n"},
        {"exit codes: 0 done; 1 failed; 3 no agent; 64 usage; 65 data; 77 forbidden; 78 configuration\n",
         "exit codes: 0 done; 1 failed; 3 no agent; 64 usage; 65 data; 77 forbidden;\n            78 "
         "configuration\n"},
        {"  --name NAME  …………………………………………………………………………………………………………… end\n",
         "  --name NAME  …………………………………………………………………………………………………………… end\n"},
        {"a-word-that-nobody-can-break-and-that-is-wider-than-any-terminal-has-columns-is-whole-all-the-same "
         "x\n",
         "a-word-that-nobody-can-break-and-that-is-wider-than-any-terminal-has-columns-is-whole-all-the-"
         "same\nx\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *got;
        size_t bytes;
        FILE *file = open_memstream(&got, &bytes);
        assert_non_null(file);
        help_print(file, cases[i].text);
        (void)fclose(file);
        assert_string_equal(got, cases[i].wanted);
        free(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_filled)};
    return cmocka_run_group_tests_name("help_text", tests, NULL, NULL);
}
