/* test_farm_settings.c - the counting settings of a farm: made from a file, changed, and in force on hosts
 * whose files say otherwise. */
#include "agent/farm/farm_settings.h"
#include "system.h"
#include "tests/unit/unit.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALUE(rows) "{\"n\":3,\"settings\":{" rows "}}"

static struct settings *file_with(const char *text)
{
    char path[] = "/tmp/farmgate-settings-XXXXXX";
    struct settings *settings = calloc(1, sizeof *settings);
    struct error_detail detail = {""};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    int error = settings_read(path, settings, &detail);
    unlink(path);
    if (error != 0)
        fail_msg("%s", detail.text);
    return settings;
}

#define EVERYTHING                                                                                        \
    "farm = { host_lost_after = \"1min\"; };"                                                             \
    "sessions = { count_routes = (\"ssh\", \"rdp\"); count_disconnected = false; api_lease = 0;"          \
    "administrators = (\"wheel\", \"a \\\"quoted\\\" \\\\ one\");"                                        \
    "rules = ( { service = \"xrdp*\"; user = \"u\"; remote = \"no\"; kind = \"application\"; },"          \
    "          { kind = \"ignore\"; } );"                                                                 \
    "aliases = ( { dns_domain = \"corp.example\"; domain = \"CORP\"; } ); };"                             \
    "gate = { strict = true; spare_grace = true; overuse_settle = \"90s\"; limit_warnings = (50, 75); };" \
    "reclaim = { disconnected_for = \"2h\"; };"

static bool farm_wide_equal(const struct settings *a, const struct settings *b)
{
    for (size_t i = 0; i < settings_table.count; i++)
        if (settings_table.settings[i].farm_wide && !config_equal(&settings_table.settings[i], a, b))
            return false;
    return true;
}

static void what_one_file_says_is_in_force_on_any_other_host(void **state)
{
    (void)state;
    struct settings *first = file_with(EVERYTHING),
                    *other = file_with("gate = { strict = false; text = \"x\"; };");
    struct settings *ret = malloc(sizeof *ret);
    struct error_detail detail = {"before"};
    int64_t n;
    char *text;
    assert_int_equal(farm_settings_make(first, &text), 0);
    assert_int_equal(farm_settings_number(text, strlen(text), &n), 0);
    assert_int_equal(n, 1);
    assert_false(farm_wide_equal(first, other));
    assert_int_equal(farm_settings_apply(text, strlen(text), other, ret, &detail), 0);
    assert_string_equal(detail.text, "");
    assert_true(farm_wide_equal(first, ret));
    assert_string_equal(ret->closed_text, "x"); /* each host's own */
    assert_int_equal(farm_settings_apply(text, strlen(text), other, other, NULL), 0);
    assert_true(farm_wide_equal(first, other));
    free(text);
    free(first);
    free(other);
    free(ret);
}

struct told {
    char text[2048];
};
static void tell(void *data, const char *path, const char *in_file, const char *in_force)
{
    struct told *told = data;
    size_t length = strlen(told->text);
    (void)snprintf(told->text + length, sizeof told->text - length, "%s: %s, not %s\n", path, in_force,
                   in_file);
}

static void a_file_that_says_otherwise_is_told_of(void **state)
{
    (void)state;
    struct settings *file =
        file_with("gate = { strict = true; overuse_settle = \"2min\"; text = \"ask\"; };");
    struct settings *ret = malloc(sizeof *ret);
    struct told told = {""};
    const char *text = VALUE("\"gate.strict\":\"false\",\"gate.overuse_settle\":\"\\\"2min\\\"\","
                             "\"gate.spare_grace\":\"true\",\"gate.limit_warnings\":\"(90)\"");
    assert_int_equal(farm_settings_apply(text, strlen(text), file, ret, NULL), 0);
    assert_int_equal(farm_settings_differences(file, ret, tell, &told), 0);
    assert_string_equal(told.text, "gate.strict: false, not true\n");
    free(file);
    free(ret);
}

static void what_a_newer_release_has_is_kept_and_not_looked_at(void **state)
{
    (void)state;
    struct settings *file = file_with(""), *ret = malloc(sizeof *ret);
    struct error_detail detail = {""};
    const char *text =
        VALUE("\"gate.new\":\"( { a = 1; } )\",\"gate.strict\":\"true\",\"store.directory\":\"\\\"/x\\\"\"");
    char *changed;
    assert_int_equal(farm_settings_apply(text, strlen(text), file, ret, &detail), 0);
    assert_string_equal(detail.text, "");
    assert_true(ret->strict);
    assert_string_equal(ret->state_directory, SYSTEM_STATE); /* no farm has a say there */
    assert_int_equal(farm_settings_change(text, strlen(text), "gate.strict", "false", &changed, NULL), 0);
    assert_string_equal(changed,
                        "{\"n\":4,\"settings\":{\"gate.new\":\"( { a = 1; } )\",\"gate.strict\":\"false\","
                        "\"store.directory\":\"\\\"/x\\\"\"}}");
    free(changed);
    /* Wider bounds than ours: the file's value holds, and that is said. */
    text = VALUE("\"gate.overuse_settle\":\"\\\"2h\\\"\",\"gate.strict\":\"true\"");
    assert_int_equal(farm_settings_apply(text, strlen(text), file, ret, &detail), 0);
    assert_string_equal(detail.text, "gate.overuse_settle: out of range; allowed: a duration from \"0\" to "
                                     "\"1h\", like \"90s\", \"5min\", \"24h\", \"7d\"");
    assert_int_equal(ret->overuse_settle_ms, 60000);
    assert_true(ret->strict);
    free(file);
    free(ret);
}

static void what_is_no_such_value_changes_nothing(void **state)
{
    (void)state;
    struct settings *file = file_with(""), *ret = calloc(1, sizeof *ret), *zeros = calloc(1, sizeof *zeros);
    static const char *const texts[] = {
        "",
        "x",
        "{}",
        "[]",
        "{\"n\":1}",
        "{\"settings\":{}}",
        "{\"n\":0,\"settings\":{}}",
        "{\"n\":\"1\",\"settings\":{}}",
        "{\"n\":1,\"settings\":[]}",
        VALUE("\"a\":null"),
        VALUE("\"a\":[]"),
        VALUE("\"a\":\"1\",\"a\":\"1\""),
        "{\"n\":9223372036854775807,\"settings\":{}}",
        VALUE("\"sessions.aliases\":\"({dns_domain=\\\"a\\\";domain=\\\"A\\\";})\""), /* in a loop */
        VALUE("\"gate.limit_warnings\":\"(90,80)\""),
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct error_detail detail = {""};
        assert_int_equal(farm_settings_apply(texts[i], strlen(texts[i]), file, ret, &detail), ERROR_INVALID);
        assert_string_not_equal(detail.text, "");
        assert_memory_equal(ret, zeros, sizeof *ret);
    }
    char *large = malloc(FARM_SETTINGS_BYTES_MAX + 2);
    memset(large, ' ', FARM_SETTINGS_BYTES_MAX + 2);
    memcpy(large, "{\"n\":1,\"settings\":{}}", 21);
    assert_int_equal(farm_settings_apply(large, FARM_SETTINGS_BYTES_MAX, file, ret, NULL), 0);
    assert_int_equal(farm_settings_apply(large, FARM_SETTINGS_BYTES_MAX + 1, file, ret, NULL), ERROR_INVALID);
    free(large);
    free(file);
    free(ret);
    free(zeros);
}

static void one_setting_is_changed_with_the_checks_of_a_file(void **state)
{
    (void)state;
    static const struct {
        const char *path, *value, *outcome; /* the row, or what is wrong */
        int error;
    } cases[] = {
        {"gate.strict", "true", "{\"n\":1,\"settings\":{\"gate.strict\":\"true\"}}", 0},
        {"gate.strict", NULL, "{\"n\":1,\"settings\":{\"gate.strict\":\"false\"}}", 0},
        {"sessions.api_lease", "\"36h\"", "{\"n\":1,\"settings\":{\"sessions.api_lease\":\"\\\"36h\\\"\"}}",
         0},
        {"sessions.api_lease", "48h", "{\"n\":1,\"settings\":{\"sessions.api_lease\":\"\\\"2d\\\"\"}}", 0},
        {"sessions.api_lease", "0", "{\"n\":1,\"settings\":{\"sessions.api_lease\":\"0\"}}", 0},
        {"gate.limit_warnings", "( 50 ,\n 75 )  # so",
         "{\"n\":1,\"settings\":{\"gate.limit_warnings\":\"(50, 75)\"}}", 0},
        {"sessions.aliases", "( { domain = \"CORP\"; dns_domain = \"corp.example\"; } )",
         "{\"n\":1,\"settings\":{\"sessions.aliases\":\"({ dns_domain = \\\"corp.example\\\"; domain = "
         "\\\"CORP\\\"; })\"}}",
         0},
        {"gate.strict", "yes", "gate.strict: cannot be read; allowed: true or false", ERROR_CONFIGURATION},
        {"gate.strict", "\"yes\"", "gate.strict: not true or false; allowed: true or false",
         ERROR_CONFIGURATION},
        {"gate.strict", "", "gate.strict: cannot be read; allowed: true or false", ERROR_CONFIGURATION},
        {"gate.strict", "true; store = { directory = \"/x\"; }", "gate.strict: more than a value",
         ERROR_CONFIGURATION},
        {"gate.strict", "true;\n@include \"/etc/shadow\"", "gate.strict: @include has no place in a value; ",
         ERROR_CONFIGURATION},
        {"gate.limit_warnings", "(4294967376)", "gate.limit_warnings: a number past 2147483647 needs an L",
         ERROR_CONFIGURATION},
        {"gate.limit_warnings", "(90, 80)", "gate.limit_warnings[1]: 80 after 90; allowed: each more",
         ERROR_CONFIGURATION},
        {"gate.overuse_settle", "2h", "gate.overuse_settle: out of range; allowed: a duration",
         ERROR_CONFIGURATION},
        {"gate.overuse_settle", "soon",
         "gate.overuse_settle: not a duration; allowed: ", ERROR_CONFIGURATION},
        {"sessions.count_routes", "(\"pigeon\")", "sessions.count_routes[0]: unknown route \"pigeon\"",
         ERROR_CONFIGURATION},
        {"gate.text", "\"x\"", "gate.text: each host has it for itself: change it in farmgate.conf there",
         ERROR_CONFIGURATION},
        {"gate.strickt", "true", "gate.strickt: unknown setting; did you mean gate.strict?",
         ERROR_CONFIGURATION},
        {"zzzzzzzz", "true", "zzzzzzzz: unknown setting", ERROR_CONFIGURATION},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error_detail detail = {""};
        char *text = NULL;
        int error = farm_settings_change(NULL, 0, cases[i].path, cases[i].value, &text, &detail);
        if (error != cases[i].error || (error == 0 && strcmp(text, cases[i].outcome) != 0) ||
            (error != 0 && (text || strncmp(detail.text, cases[i].outcome, strlen(cases[i].outcome)) != 0)))
            fail_msg("%s %s: %d %s %s", cases[i].path, cases[i].value, error, text ? text : "", detail.text);
        free(text);
    }
}

static void a_change_may_not_contradict_what_the_farm_has(void **state)
{
    (void)state;
    const char *text = VALUE("\"sessions.aliases\":\"({dns_domain=\\\"a\\\";domain=\\\"B\\\";})\"");
    struct error_detail detail = {""};
    char *changed;
    assert_int_equal(
        farm_settings_change(text, strlen(text), "sessions.aliases",
                             "({dns_domain=\"a\";domain=\"b\";},{dns_domain=\"b\";domain=\"c\";})", &changed,
                             &detail),
        ERROR_CONFIGURATION);
    assert_non_null(strstr(detail.text, "sessions.aliases[0].domain: \"b\" is mapped on"));
    assert_int_equal(farm_settings_change("{}", 2, "gate.strict", "true", &changed, &detail), ERROR_INVALID);
    char *huge = malloc(FARM_SETTINGS_VALUE_BYTES_MAX + 2);
    memset(huge, '(', FARM_SETTINGS_VALUE_BYTES_MAX + 1);
    huge[FARM_SETTINGS_VALUE_BYTES_MAX + 1] = '\0';
    assert_int_equal(farm_settings_change(NULL, 0, "sessions.rules", huge, &changed, &detail),
                     ERROR_TOO_LARGE);
    huge[FARM_SETTINGS_VALUE_BYTES_MAX] = '\0';
    assert_int_equal(farm_settings_change(NULL, 0, "sessions.rules", huge, &changed, &detail),
                     ERROR_CONFIGURATION);
    free(huge);
}

static void count_row(void *data, const char *path, const char *value)
{
    size_t *rows = data;
    assert_non_null(config_find(&settings_table, path));
    assert_string_not_equal(value, "");
    ++*rows;
}

static void everything_that_the_farm_has_is_listed(void **state)
{
    (void)state;
    struct settings *file = file_with(EVERYTHING);
    char *text;
    size_t rows = 0, farm_wide = 0;
    for (size_t i = 0; i < settings_table.count; i++)
        farm_wide += settings_table.settings[i].farm_wide;
    assert_int_equal(farm_settings_make(file, &text), 0);
    assert_int_equal(farm_settings_each(text, strlen(text), count_row, &rows), 0);
    assert_int_equal(rows, farm_wide);
    assert_int_equal(farm_settings_each("{", 1, count_row, &rows), ERROR_INVALID);
    assert_int_equal(farm_settings_number("{", 1, NULL), ERROR_INVALID);
    free(text);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_file_says_is_in_force_on_any_other_host),
        cmocka_unit_test(a_file_that_says_otherwise_is_told_of),
        cmocka_unit_test(what_a_newer_release_has_is_kept_and_not_looked_at),
        cmocka_unit_test(what_is_no_such_value_changes_nothing),
        cmocka_unit_test(one_setting_is_changed_with_the_checks_of_a_file),
        cmocka_unit_test(a_change_may_not_contradict_what_the_farm_has),
        cmocka_unit_test(everything_that_the_farm_has_is_listed),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
