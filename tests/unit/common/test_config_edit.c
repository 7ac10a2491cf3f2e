/* test_config_edit.c - settings of one group change, and nothing else in the file. */
#include "common/config_edit.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static const struct config_change changes[] = {
    {"mode", "\"etcd\""}, {"name", "\"office\""}, {"ca", NULL}, {"endpoints", "(\"https://e:1\")"}};

static void each_setting_changes_where_an_administrator_would(void **state)
{
    (void)state;
    static const struct {
        const char *text, *edited;
    } cases[] = {
        /* no group: at the end */
        {"",
         "farm = {\n    mode = \"etcd\";\n    name = \"office\";\n    endpoints = (\"https://e:1\");\n};\n"},
        {"gate: { strict = true }",
         "gate: { strict = true }\n\nfarm = {\n    mode = \"etcd\";\n    name = \"office\";\n"
         "    endpoints = (\"https://e:1\");\n};\n"},
        {"/* farm = { */ # farm = {\na = \"farm = {\";\n",
         "/* farm = { */ # farm = {\na = \"farm = {\";\n\nfarm = {\n    mode = \"etcd\";\n    name = "
         "\"office\";\n"
         "    endpoints = (\"https://e:1\");\n};\n"},
        /* as shipped: behind the commented lines */
        {"farm = {\n    # \"alone\" or not.\n    # mode = \"alone\";\n\n    # Its name: see mode = x.\n"
         "    # name = \"\";\n\n    # endpoints = ();\n    # ca = \"\";\n};\nlog = { };\n",
         "farm = {\n    # \"alone\" or not.\n    # mode = \"alone\";\n    mode = \"etcd\";\n\n"
         "    # Its name: see mode = x.\n    # name = \"\";\n    name = \"office\";\n\n    # endpoints = "
         "();\n"
         "    endpoints = (\"https://e:1\");\n    # ca = \"\";\n};\nlog = { };\n"},
        /* in place, with what stands around it */
        {"farm : {\n  mode : \"al\" /* so */ \"one\" ; // why\n  name = \"a;}\\\"\", host = \"ts1\"\n"
         "  endpoints = [\"a\", # ]\n \"b\"];\n}\n",
         "farm : {\n  mode : \"etcd\" ; // why\n  name = \"office\", host = \"ts1\"\n"
         "  endpoints = (\"https://e:1\");\n}\n"},
        /* what goes takes its line along, if that is all there is on it */
        {"farm = {\n    mode = \"x\";\n    ca = \"/ca\";\n    name = \"y\"; ca2 = 1; endpoints = (); };\n",
         "farm = {\n    mode = \"etcd\";\n    name = \"office\"; ca2 = 1; endpoints = (\"https://e:1\"); "
         "};\n"},
        {"farm = { ca = \"/ca\" };",
         "farm = {  mode = \"etcd\"; name = \"office\"; endpoints = (\"https://e:1\"); };"},
        {"farm={}", "farm={ mode = \"etcd\";  name = \"office\";  endpoints = (\"https://e:1\"); }"},
        {"farm = {\n    host = \"ts1\";\n    ca = \"/ca\"; # ours\n};\n",
         "farm = {\n    host = \"ts1\";\n     # ours\n    mode = \"etcd\";\n    name = \"office\";\n"
         "    endpoints = (\"https://e:1\");\n};\n"},
        {"farm = {\n    ca = \"/ca\";\n};\n",
         "farm = {\n    mode = \"etcd\";\n    name = \"office\";\n    endpoints = (\"https://e:1\");\n};\n"},
        /* groups within, includes, and settings of the same name elsewhere */
        {"@include \"farm = {\"\nx = { farm = { mode = 1; }; };\nfarm = {\n@include \"more\"\n  r = ( { mode "
         "= 1; } );\n};\n",
         "@include \"farm = {\"\nx = { farm = { mode = 1; }; };\nfarm = {\n@include \"more\"\n  r = ( { mode "
         "= 1; } );\n"
         "    mode = \"etcd\";\n    name = \"office\";\n    endpoints = (\"https://e:1\");\n};\n"},
        {"farm = {\r\n    # mode = \"alone\";\r\n    name = \"n\";\r\n    endpoints = ();\r\n};\r\n",
         "farm = {\r\n    # mode = \"alone\";\r\n    mode = \"etcd\";\r\n    name = \"office\";\r\n"
         "    endpoints = (\"https://e:1\");\r\n};\r\n"},
        {"farm = {\r\n    mode = \"x\";\r\n};\r\n", "farm = {\r\n    mode = \"etcd\";\r\n    name = "
                                                    "\"office\";\r\n    endpoints = (\"https://e:1\");\r\n"
                                                    "};\r\n"},
        {"a = 1;\r\n", "a = 1;\r\n\r\nfarm = {\r\n    mode = \"etcd\";\r\n    name = \"office\";\r\n"
                       "    endpoints = (\"https://e:1\");\r\n};\r\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error_detail detail = {""};
        char *edited = NULL, *again = NULL;
        assert_int_equal(config_edit(cases[i].text, "farm", changes, COUNT(changes), &edited, &detail), 0);
        assert_string_equal(edited, cases[i].edited);
        assert_int_equal(config_edit(edited, "farm", changes, COUNT(changes), &again, &detail), 0);
        assert_string_equal(again, edited);
        free(again);
        free(edited);
    }
}

static void what_is_no_configuration_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"farm = {\n mode = \"x\";\n", "line 3: a bracket is not closed"},
        {"x = (\n(", "line 2: a bracket is not closed"},
        {"a = 1;\n}", "line 2: a bracket that closes nothing"},
        {"farm = 5;", "line 1: not a group"},
        {"farm = { mode \"x\"; };", "line 1: a '=' is missing"},
        {"farm = { mode = ; };", "line 1: a value is missing"},
        {"farm", "line 1: a '=' is missing"},
        {"a = 1;\n/* and", "line 2: a text or comment is not closed"},
        {"a = 1 /*/", "line 1: a text or comment is not closed"},
        {"a = \"x\\\"", "line 1: a text or comment is not closed"},
        {"= 5;", "line 1: the name of a setting is missing"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error_detail detail = {""};
        char *edited = NULL;
        assert_int_equal(config_edit(cases[i].text, "farm", changes, COUNT(changes), &edited, &detail),
                         ERROR_CONFIGURATION);
        assert_null(edited);
        assert_string_equal(detail.text, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_setting_changes_where_an_administrator_would),
        cmocka_unit_test(what_is_no_configuration_is_refused_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
