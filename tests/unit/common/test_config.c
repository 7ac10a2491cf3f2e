#include "common/config.h"
#include "common/config_file.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct rule {
    char service[16];
    int kind;
    bool last;
};

struct sample {
    char name[9];
    int64_t size, wait_ms, end_ms;
    int64_t steps[3];
    size_t step_count;
    bool strict;
    int mode;
    char words[3][9];
    size_t word_count;
    struct rule rules[2];
    size_t rule_count;
};

static const char *const kinds[] = {"desktop", "application", NULL};
static const char *const modes[] = {"alone", "etcd", NULL};

static int check_service(const char *text, struct error_detail *ret_detail)
{
    error_detail_set(ret_detail, "\"%s\" is no service", text);
    return strcmp(text, "bogus") == 0 ? ERROR_INVALID : 0;
}

static int check_sample(const void *values, char ret_path[CONFIG_PATH_BYTES], struct error_detail *ret_detail)
{
    const struct sample *sample = values;
    if (sample->rule_count == 2 && sample->size == 2) {
        snprintf(ret_path, CONFIG_PATH_BYTES, "farm.rules[1].service");
        error_detail_set(ret_detail, "two are too many");
        return ERROR_INVALID;
    }
    if (sample->size == 3) {
        snprintf(ret_path, CONFIG_PATH_BYTES, "farm.strict");
        error_detail_set(ret_detail, "cannot be when the size is 3");
        return ERROR_INVALID;
    }
    return 0;
}

static const struct config_setting rule_settings[] = {
    {.path = "service",
     .type = CONFIG_TEXT,
     .offset = offsetof(struct rule, service),
     .min = 1,
     .max = 15,
     .check = check_service,
     .required = true},
    {.path = "kind",
     .type = CONFIG_CHOICE,
     .offset = offsetof(struct rule, kind),
     .choices = kinds,
     .default_text = "\"application\""},
    {.path = "last", .type = CONFIG_BOOLEAN, .offset = offsetof(struct rule, last)},
};
static const struct config_table rule_table = {.settings = rule_settings, .count = COUNT(rule_settings)};

static const struct config_setting sample_settings[] = {
    {.path = "name",
     .type = CONFIG_TEXT,
     .offset = offsetof(struct sample, name),
     .min = 1,
     .max = 8,
     .default_text = "\"sample\""},
    {.path = "limits.size",
     .type = CONFIG_INTEGER,
     .offset = offsetof(struct sample, size),
     .min = 1,
     .max = INT64_C(10000000000),
     .default_text = "5000000000L"},
    {.path = "limits.wait",
     .type = CONFIG_DURATION,
     .offset = offsetof(struct sample, wait_ms),
     .max = 604800000,
     .default_text = "\"24h\"",
     .needs_restart = true},
    {.path = "limits.end",
     .type = CONFIG_DURATION,
     .offset = offsetof(struct sample, end_ms),
     .min = 60000,
     .max = 3600000,
     .or_zero = true,
     .default_text = "0"},
    {.path = "limits.steps",
     .type = CONFIG_INTEGERS,
     .offset = offsetof(struct sample, steps),
     .min = 1,
     .max = 100,
     .count_offset = offsetof(struct sample, step_count),
     .count_max = 3,
     .default_text = "(80, 90)",
     .needs_restart = true},
    {.path = "farm.strict",
     .type = CONFIG_BOOLEAN,
     .offset = offsetof(struct sample, strict),
     .default_text = "true"},
    {.path = "farm.mode",
     .type = CONFIG_CHOICE,
     .offset = offsetof(struct sample, mode),
     .choices = modes,
     .default_text = "\"alone\"",
     .needs_restart = true},
    {.path = "farm.words",
     .type = CONFIG_TEXTS,
     .offset = offsetof(struct sample, words),
     .min = 1,
     .max = 8,
     .count_offset = offsetof(struct sample, word_count),
     .count_max = 3,
     .default_text = "(\"sudo\", \"wheel\")"},
    {.path = "farm.rules",
     .type = CONFIG_LIST,
     .offset = offsetof(struct sample, rules),
     .count_offset = offsetof(struct sample, rule_count),
     .count_max = 2,
     .element_bytes = sizeof(struct rule),
     .elements = &rule_table,
     .default_text = "()"},
};
static const struct config_fixed sample_fixed[] = {{"tempo", "the rules say how fast it goes"}};
static const struct config_table sample_table = {.settings = sample_settings,
                                                 .count = COUNT(sample_settings),
                                                 .fixed = sample_fixed,
                                                 .fixed_count = COUNT(sample_fixed)};

static char directory[64];

static const char *put(const char *name, const char *text)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

static int load(const char *text, struct sample *ret, struct error_detail *detail)
{
    return config_load_checked(&sample_table, check_sample, put("x.conf", text), ret, detail);
}

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/farmgate-config-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", directory);
    return system(command);
}

static void an_empty_file_is_all_defaults(void **state)
{
    (void)state;
    struct sample sample;
    for (int i = 0; i < 2; i++) {
        memset(&sample, 0xA5, sizeof(sample));
        assert_int_equal(
            i == 0 ? load("# nothing\n", &sample, NULL) : config_load(&sample_table, NULL, &sample, NULL), 0);
        assert_string_equal(sample.name, "sample");
        assert_true(sample.size == INT64_C(5000000000));
        assert_int_equal(sample.wait_ms, 86400000);
        assert_int_equal(sample.end_ms, 0);
        assert_int_equal(sample.step_count, 2);
        assert_int_equal(sample.steps[1], 90);
        assert_true(sample.strict);
        assert_int_equal(sample.mode, 0);
        assert_int_equal(sample.word_count, 2);
        assert_string_equal(sample.words[1], "wheel");
        assert_int_equal(sample.rule_count, 0);
    }
}

static void reads_every_type(void **state)
{
    (void)state;
    struct sample sample;
    assert_int_equal(load("name = \"J\xC3\xBCrgen\";\n"
                          "limits: { size = 0x10; wait = \"5min\"; end = \"1h\"; steps = [7, 0x10, 100] };\n"
                          "farm = { strict = false; mode = \"etcd\"; words = [\"a\"];\n"
                          "  rules = ( { service = \"sshd\"; kind = \"desktop\"; }, { service = \"xrdp*\"; "
                          "last = true } ); }",
                          &sample, NULL),
                     0);
    assert_string_equal(sample.name, "J\xC3\xBCrgen");
    assert_int_equal(sample.size, 16);
    assert_int_equal(sample.wait_ms, 300000);
    assert_int_equal(sample.end_ms, 3600000);
    assert_int_equal(sample.step_count, 3);
    assert_int_equal(sample.steps[0] + sample.steps[1] * 1000 + sample.steps[2] * 1000000, 100016007);
    assert_false(sample.strict);
    assert_int_equal(sample.mode, 1);
    assert_int_equal(sample.word_count, 1);
    assert_string_equal(sample.words[0], "a");
    assert_int_equal(sample.rule_count, 2);
    assert_string_equal(sample.rules[0].service, "sshd");
    assert_int_equal(sample.rules[0].kind, 0);
    assert_false(sample.rules[0].last);
    assert_int_equal(sample.rules[1].kind, 1);
    assert_true(sample.rules[1].last);
}

static void reads_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } cases[] = {
        {"\"90s\"", 90000},
        {"\"5min\"", 300000},
        {"\"24h\"", 86400000},
        {"\"7d\"", 604800000},
        {"\"250ms\"", 250},
        {"\"0\"", 0},
        {"0", 0},
        {"\"0s\"", 0},
        {"\"90\"", -1},
        {"90", -1},
        {"\"\"", -1},
        {"\"s\"", -1},
        {"\"-1s\"", -1},
        {"\"1.5h\"", -1},
        {"\"1 h\"", -1},
        {"\"1h30min\"", -1},
        {"\"1S\"", -1},
        {"\"8d\"", -1},
        {"true", -1},
        {"\"99999999999999999999s\"", -1},
        {"\"9223372036854775807d\"", -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sample sample;
        struct error_detail detail;
        char text[96];
        snprintf(text, sizeof(text), "limits = { wait = %s; };", cases[i].text);
        assert_int_equal(load(text, &sample, &detail), cases[i].ms < 0 ? ERROR_CONFIGURATION : 0);
        if (cases[i].ms < 0)
            assert_non_null(strstr(detail.text, "x.conf:1: limits.wait: "));
        else
            assert_int_equal(sample.wait_ms, cases[i].ms);
    }
}

static void says_where_and_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"name = 5;", "x.conf:1: name: not a text; allowed: a text of 1 to 8 bytes"},
        {"\n\nname = \"\";", "x.conf:3: name: empty; allowed: a text of 1 to 8 bytes"},
        {"name = \"123456789\";", "x.conf:1: name: too long; allowed: a text of 1 to 8 bytes"},
        {"name = \"a\\x01\";", "x.conf:1: name: contains a control character; allowed: "},
        {"name = \"a\\xFF\";", "x.conf:1: name: not valid UTF-8; allowed: "},
        {"limits = {\n size = 0; };",
         "x.conf:2: limits.size: out of range; allowed: an integer from 1 to 10000000000"},
        {"limits = { size = 1.0; };", "x.conf:1: limits.size: not an integer; allowed: "},
        {"limits = { size = 10000000001L; };", "x.conf:1: limits.size: out of range; allowed: "},
        {"limits = {\n size = 10000000001; };", "x.conf:2: a number past 2147483647 needs an L at its end"},
        {"limits = { size = 0xFFFFFFFF; };", "x.conf:1: a number past 2147483647 needs an L at its end"},
        {"limits = { size = 99999999999999999999L; };", "x.conf:1: the number is too large"},
        {"/* 1\n9999999999 \" */ # \"\n// \" 99999999999\nname = \"\\\"\n9999\"; n-9999999999 = 5;",
         "x.conf:5: n-9999999999: unknown setting"},
        {"limits = { wait = \"8d\"; };",
         "x.conf:1: limits.wait: out of range; allowed: a duration from \"0\" to \"7d\", like \"90s\""},
        {"limits = { end = \"1s\"; };",
         "x.conf:1: limits.end: out of range; allowed: 0, or a duration from \"1min\" to \"1h\", like"},
        {"limits = { steps = 5; };", "x.conf:1: limits.steps: not a list of integers, or too long a list; "
                                     "allowed: a list of at most 3 integers from 1 to 100, like (1, 2)"},
        {"limits = { steps = (1, 2, 3, 4); };",
         "x.conf:1: limits.steps: not a list of integers, or too long"},
        {"limits = { steps = (1,\n\"2\"); };", "x.conf:2: limits.steps[1]: not an integer; allowed: a list"},
        {"limits = { steps = (1, 101); };", "x.conf:1: limits.steps[1]: out of range; allowed: a list"},
        {"tempo = 5;", "x.conf:1: tempo: not a setting: the rules say how fast it goes"},
        {"limits = {\ntempo = 5; };", "x.conf:2: limits.tempo: not a setting: the rules say how fast"},
        {"farm = { strict = 1; };", "x.conf:1: farm.strict: not true or false; allowed: true or false"},
        {"farm = { mode = \"both\"; };",
         "x.conf:1: farm.mode: not a known word; allowed: \"alone\", \"etcd\""},
        {"farm = { mode = true; };", "x.conf:1: farm.mode: not a text; allowed: \"alone\", \"etcd\""},
        {"farm = { words = \"a\"; };",
         "x.conf:1: farm.words: not a list of texts, or too long a list; allowed: a list "
         "of at most 3 texts of 1 to 8 bytes"},
        {"farm = { words = (\"a\", \"\"); };", "x.conf:1: farm.words[1]: empty; allowed: "},
        {"farm = { words = (\"a\", 1); };", "x.conf:1: farm.words[1]: not a text; allowed: "},
        {"farm = { words = (\"a\", \"b\", \"c\", \"d\"); };",
         "x.conf:1: farm.words: not a list of texts, or too long"},
        {"farm = { rules = ( 5 ); };", "x.conf:1: farm.rules[0]: not a group; allowed: {"},
        {"farm = { rules = { service = \"x\"; }; };",
         "x.conf:1: farm.rules: not a list of groups, or too long"},
        {"farm = { rules = ( { service = \"x\"; },\n { kind = \"desktop\"; } ); };",
         "x.conf:2: farm.rules[1]: service is missing"},
        {"farm = { rules = ( { service = \"x\"; kind = \"tablet\"; } ); };",
         "x.conf:1: farm.rules[0].kind: not a known word; allowed: \"desktop\", \"application\""},
        {"farm = { rules = ( { servise = \"x\"; } ); };",
         "x.conf:1: farm.rules[0].servise: unknown setting; did you mean farm.rules[0].service?"},
        {"farm = 5;", "x.conf:1: farm: not a group; allowed: {"},
        {"nmae = \"x\";", "x.conf:1: nmae: unknown setting; did you mean name?"},
        {"farm = { mod = \"alone\"; };", "x.conf:1: farm.mod: unknown setting; did you mean farm.mode?"},
        {"frm = { mode = \"alone\"; };", "x.conf:1: frm: unknown setting; did you mean farm?"},
        {"strict = true;", "x.conf:1: strict: unknown setting; did you mean farm.strict?"},
        {"limits = { mode = \"x\"; };", "x.conf:1: limits.mode: unknown setting; did you mean farm.mode?"},
        {"zzzzzz = 1;", "x.conf:1: zzzzzz: unknown setting"},
        {"name = \"a\";\nname = \"b\";", "x.conf:2: duplicate setting name"},
        {"farm = { rules = (\n { service = \"bogus\"; } ); };",
         "x.conf:2: farm.rules[0].service: \"bogus\" is no service"},
        {"limits = { size = 2; }; farm = { rules = ( { service = \"x\"; },\n { service = \"y\"; } ); };",
         "x.conf:2: farm.rules[1].service: two are too many"},
        {"limits = { size = 3; };", "x.conf: farm.strict: cannot be when the size is 3"},
        {"name = ;", "x.conf:1: syntax error"},
        {"farm = {\n\n", "x.conf:3: syntax error"},
        {"name = \"unfinished", "x.conf:1: syntax error"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sample sample;
        struct error_detail detail = {""};
        int error = load(cases[i].text, &sample, &detail);
        if (error != ERROR_CONFIGURATION)
            print_message("# %s\n", cases[i].text);
        assert_int_equal(error, ERROR_CONFIGURATION);
        const char *at = strstr(detail.text, "x.conf:");
        assert_non_null(at);
        if (strncmp(at, cases[i].words, strlen(cases[i].words)) != 0)
            assert_string_equal(at, cases[i].words);
        assert_true(load(cases[i].text, &sample, NULL) == ERROR_CONFIGURATION);
    }
}

static void includes_other_files(void **state)
{
    (void)state;
    struct sample sample;
    struct error_detail detail;
    put("more.conf", "strict = false;\nwords = (\"in\");\n");
    assert_int_equal(load("farm = {\n@include \"more.conf\"\n};\n", &sample, &detail), 0);
    assert_false(sample.strict);
    assert_string_equal(sample.words[0], "in");
    put("more.conf", "\nstrict = 7;\n");
    assert_int_equal(load("farm = {\n@include \"more.conf\"\n};\n", &sample, &detail), ERROR_CONFIGURATION);
    assert_non_null(strstr(detail.text, "more.conf:2: farm.strict: not true or false"));
    put("more.conf", "strict = = 7;\n");
    assert_int_equal(load("farm = {\n@include \"more.conf\"\n};\n", &sample, &detail), ERROR_CONFIGURATION);
    assert_non_null(strstr(detail.text, "more.conf:1: syntax error"));
    assert_int_equal(load("\n@include \"none.conf\"\n", &sample, &detail), ERROR_CONFIGURATION);
    assert_non_null(strstr(detail.text, "x.conf:2: @include: "));
    assert_non_null(strstr(detail.text, "/none.conf: No such file or directory"));
}

static void odd_includes_are_refused(void **state)
{
    (void)state;
    struct sample sample;
    struct error_detail detail;
    assert_int_equal(load("@include \".\"\n", &sample, &detail), ERROR_CONFIGURATION);
    assert_non_null(strstr(detail.text, "not a regular file"));
    static const char *const forms[] = {"@include \"\"\n", "@include \"a\\\"b\"\n", "@include \"a\nb\"\n",
                                        "@include \"a", "@include x\n"};
    for (size_t i = 0; i < COUNT(forms); i++) {
        assert_int_equal(load(forms[i], &sample, &detail), ERROR_CONFIGURATION);
        assert_non_null(strstr(detail.text, "x.conf:1: @include wants a file's name in quotes"));
    }
    assert_int_equal(load("name = \"a\";\n@include \"x.conf\"\n", &sample, &detail), ERROR_CONFIGURATION);
    assert_non_null(strstr(detail.text, "more than 10 deep"));
}

static void a_pipe_is_not_included(void **state)
{
    (void)state;
    struct sample sample;
    struct error_detail detail;
    char fifo[128];
    snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(load("  @include  \"fifo\"\n", &sample, &detail), ERROR_CONFIGURATION);
    assert_non_null(strstr(detail.text, "not a regular file"));
}

static void odd_files_are_refused(void **state)
{
    (void)state;
    struct sample sample;
    struct error_detail detail;
    char path[128];
    snprintf(path, sizeof(path), "%s/none.conf", directory);
    assert_int_equal(config_load(&sample_table, path, &sample, &detail), ERROR_NOT_FOUND);
    assert_non_null(strstr(detail.text, "none.conf"));
    assert_int_equal(config_load(&sample_table, directory, &sample, &detail), ERROR_CONFIGURATION);
    strcpy(path, put("zero.conf", ""));
    FILE *file = fopen(path, "wb");
    fwrite("name = \"a\";\0nonsense", 1, 20, file);
    fclose(file);
    assert_int_equal(config_load(&sample_table, path, &sample, &detail), ERROR_CONFIGURATION);
    assert_non_null(strstr(detail.text, "contains a NUL byte"));
    static const char utf16[] = {'\xff', '\xfe', 'n', 0, '=', 0};
    file = fopen(path, "wb");
    fwrite(utf16, 1, sizeof(utf16), file);
    fclose(file);
    assert_int_equal(config_load(&sample_table, path, &sample, &detail), ERROR_CONFIGURATION);
    assert_non_null(strstr(detail.text, "zero.conf: is UTF-16: save it as UTF-8"));
    assert_int_equal(load("\xef\xbb\xbf# by an editor\n", &sample, &detail), ERROR_CONFIGURATION);
    assert_non_null(
        strstr(detail.text, "x.conf: begins with a byte order mark: save it as UTF-8 without one"));
    file = fopen(path, "wb");
    for (int i = 0; i < CONFIG_FILE_BYTES_MAX / 8 + 1; i++)
        fputs("# long\n ", file);
    fclose(file);
    assert_int_equal(config_load(&sample_table, path, &sample, &detail), ERROR_CONFIGURATION);
    assert_non_null(strstr(detail.text, "larger than 1048576 bytes"));
    file = fopen(path, "wb");
    fputs("name = ", file);
    for (int i = 0; i < 100000; i++)
        fputs("(", file);
    fclose(file);
    assert_int_equal(config_load(&sample_table, path, &sample, &detail), ERROR_CONFIGURATION);
}

static void compares_what_a_reload_would_change(void **state)
{
    (void)state;
    static const struct {
        const char *text, *restart, *changed;
    } cases[] = {
        {"", "", ""},
        {"name = \"other\";", "", "name"},
        {"limits = { size = 1; wait = \"1s\"; };", "limits.wait", "limits.size"},
        {"limits = { wait = 0; }; farm = { mode = \"etcd\"; strict = false; };", "limits.wait, farm.mode",
         "farm.strict"},
        {"farm = { words = (\"sudo\", \"wheel\"); };", "", ""},
        {"farm = { words = (\"sudo\"); };", "", "farm.words"},
        {"farm = { words = (\"sudo\", \"other\"); };", "", "farm.words"},
        {"farm = { rules = ({ service = \"x\"; }); };", "", "farm.rules"},
    };
    struct sample old, new;
    char restart[100], changed[100];
    assert_int_equal(load("", &old, NULL), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(load(cases[i].text, &new, NULL), 0);
        config_compare(&sample_table, &old, &new, restart, sizeof(restart), changed, sizeof(changed));
        assert_string_equal(restart, cases[i].restart);
        assert_string_equal(changed, cases[i].changed);
        config_keep_until_restart(&sample_table, &old, &new);
        config_compare(&sample_table, &old, &new, restart, sizeof(restart), changed, sizeof(changed));
        assert_string_equal(restart, "");
        assert_string_equal(changed, cases[i].changed);
    }
    struct sample first, second;
    assert_int_equal(load("farm = { rules = ({ service = \"x\"; last = true; }); };", &first, NULL), 0);
    assert_int_equal(load("farm = { rules = ({ service = \"x\"; }); };", &second, NULL), 0);
    config_compare(&sample_table, &first, &second, restart, sizeof(restart), changed, 4);
    assert_string_equal(changed, "far");
}

static void one_setting_can_be_had_of_a_wrong_file(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name;
    } cases[] = {
        {"", "sample"},
        {"name = \"right\";", "right"},
        {"name = \"right\"; nonsense = 5; farm = { mode = 7; };", "right"},
        {"name = 5;", "sample"},
        {"name = \"too long a name\";", "sample"},
        {"name = \"right\"; farm = = ;", "sample"},
        {"@include \"none.conf\"\nname = \"right\";", "sample"},
    };
    struct sample sample;
    for (size_t i = 0; i < COUNT(cases); i++) {
        sample.size = 7;
        config_peek(&sample_table, "name", put("x.conf", cases[i].text), &sample);
        assert_string_equal(sample.name, cases[i].name);
        assert_int_equal(sample.size, 7);
    }
    config_peek(&sample_table, "limits.wait", put("x.conf", "limits = { wait = \"5s\"; size = true; };"),
                &sample);
    assert_int_equal(sample.wait_ms, 5000);
    config_peek(&sample_table, "name", "/nonexistent/x.conf", &sample);
    assert_string_equal(sample.name, "sample");
    config_peek(&sample_table, "name", directory, &sample);
    assert_string_equal(sample.name, "sample");
}

static void finds_the_nearest_name(void **state)
{
    (void)state;
    static const char *const names[] = {"status", "connections", "users", "windows", "gate", "events"};
    static const struct {
        const char *word, *nearest;
    } cases[] = {
        {"status", "status"}, {"sttaus", "status"}, {"conection", "connections"},
        {"user", "users"},    {"gat", "gate"},      {"evnets", "events"},
        {"xyzzy", NULL},      {"", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *nearest = config_nearest(cases[i].word, names, COUNT(names));
        if (cases[i].nearest)
            assert_string_equal(nearest, cases[i].nearest);
        else
            assert_null(nearest);
    }
    char longer[1000];
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_null(config_nearest(longer, names, COUNT(names)));
}

static void every_value_is_printed_as_a_file_has_it_and_set_again(void **state)
{
    (void)state;
    static const struct {
        const char *path, *text, *printed; /* NULL: the same */
    } cases[] = {
        {"name", "\"a\\\"\\\\b\\n\\t\"", NULL},
        {"name", "\"ab\" /* and */ \"cd\"", "\"abcd\""},
        {"limits.size", "2147483648L", NULL},
        {"limits.size", "0x10", "16"},
        {"limits.wait", "\"90s\"", NULL},
        {"limits.wait", "\"120s\"", "\"2min\""},
        {"limits.wait", "\"1500ms\"", NULL},
        {"limits.wait", "0", NULL},
        {"limits.end", "\"0\"", "0"},
        {"limits.steps", "()", NULL},
        {"limits.steps", "[1,2,3] # so", "(1, 2, 3)"},
        {"farm.strict", "FALSE", "false"},
        {"farm.mode", "\"etcd\"", NULL},
        {"farm.words", "(\"a\", \"\\\"b\")", NULL},
        {"farm.rules", "({ kind = \"desktop\"; service = \"x\"; })",
         "({ service = \"x\"; kind = \"desktop\"; last = false; })"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct config_setting *setting = config_find(&sample_table, cases[i].path);
        struct sample one, other;
        struct error_detail detail = {""};
        assert_int_equal(config_load(&sample_table, NULL, &one, NULL), 0);
        other = one;
        if (config_set(&sample_table, setting, cases[i].text, &one, &detail) != 0)
            fail_msg("%s", detail.text);
        char *printed = config_print(setting, &one);
        assert_string_equal(printed, cases[i].printed ? cases[i].printed : cases[i].text);
        assert_int_equal(config_set(&sample_table, setting, printed, &other, &detail), 0);
        assert_true(config_equal(setting, &one, &other));
        config_copy(setting, &one, &other);
        assert_true(config_equal(setting, &one, &other));
        free(printed);
    }
    assert_null(config_find(&sample_table, "limits"));
}

static void a_wrong_value_leaves_the_old_one(void **state)
{
    (void)state;
    static const struct {
        const char *path, *text, *words;
    } cases[] = {
        {"name", "\"123456789\"", "name: too long; allowed: a text of 1 to 8 bytes"},
        {"limits.size", "", "limits.size: cannot be read; allowed: an integer from 1"},
        {"limits.size", "1; x = 2", "limits.size: more than a value"},
        {"limits.size", "2147483648",
         "limits.size: a number past 2147483647 needs an L at its end; allowed: "},
        {"limits.size", "1;\n@include \"/etc/passwd\"",
         "limits.size: @include has no place in a value; allowed: "},
        {"limits.steps", "(1, 2, 101)", "limits.steps[2]: out of range"},
        {"farm.words", "(\"a\", \"123456789\")", "farm.words[1]: too long"},
        {"farm.rules", "({ service = \"x\"; }, { service = \"bogus\"; })",
         "farm.rules[1].service: \"bogus\" is no service"},
        {"farm.rules", "({ service = \"x\"; }, { })", "farm.rules[1]: service is missing"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct config_setting *setting = config_find(&sample_table, cases[i].path);
        struct sample before, after;
        struct error_detail detail = {""};
        memset(&before, 0, sizeof(before));
        assert_int_equal(config_load(&sample_table, NULL, &before, NULL), 0);
        after = before;
        assert_int_equal(config_set(&sample_table, setting, cases[i].text, &after, &detail),
                         ERROR_CONFIGURATION);
        if (strncmp(detail.text, cases[i].words, strlen(cases[i].words)) != 0)
            fail_msg("%s: %s", cases[i].text, detail.text);
        assert_memory_equal(&before, &after, sizeof(before));
    }
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(an_empty_file_is_all_defaults),
        IN_DIRECTORY(reads_every_type),
        IN_DIRECTORY(reads_durations),
        IN_DIRECTORY(says_where_and_what_is_wrong),
        IN_DIRECTORY(includes_other_files),
        IN_DIRECTORY(odd_includes_are_refused),
        IN_DIRECTORY(a_pipe_is_not_included),
        IN_DIRECTORY(odd_files_are_refused),
        IN_DIRECTORY(compares_what_a_reload_would_change),
        IN_DIRECTORY(one_setting_can_be_had_of_a_wrong_file),
        cmocka_unit_test(finds_the_nearest_name),
        cmocka_unit_test(every_value_is_printed_as_a_file_has_it_and_set_again),
        cmocka_unit_test(a_wrong_value_leaves_the_old_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
