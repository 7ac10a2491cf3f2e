/* The authority's configuration: the shipped file is the table, and what is wrong is named. */
#include "cloud/settings.h"
#include "common/file.h"
#include "tests/unit/unit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[64], path[128];

static int begin(void **state)
{
    (void)state;
    (void)strcpy(directory, "/tmp/farmgate-test-XXXXXX");
    if (mkdtemp(directory) == NULL)
        return 1;
    (void)snprintf(path, sizeof path, "%s/cloud.conf", directory);
    return 0;
}

static int end(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory);
}

static int read_text(const char *text, struct settings *ret, struct error_detail *ret_detail)
{
    assert_int_equal(file_replace(path, text, strlen(text), 0600, false, ret_detail), 0);
    ret_detail->text[0] = '\0';
    return settings_read(path, ret, ret_detail);
}

/* The comments' words, joined by single spaces, so that a sentence may be broken anywhere. */
static char *comments_of(const char *text)
{
    char *comments = calloc(1, strlen(text) + 2);
    bool in_comment = false;
    assert_non_null(comments);
    comments[0] = ' ';
    char *at = comments + 1;
    for (; *text != '\0'; text++) {
        if (*text == '#')
            in_comment = true;
        else if (*text == '\n')
            in_comment = false;
        else if (in_comment && !(isspace((unsigned char)*text) && at[-1] == ' '))
            *at++ = *text;
        if (*text == '\n' && at[-1] != ' ')
            *at++ = ' ';
    }
    return comments;
}

static void test_the_shipped_file_has_every_setting_at_its_default(void **state)
{
    struct settings defaults, shipped;
    struct error_detail detail;
    char restart[512], changed[512], *text;
    size_t bytes;
    (void)state;
    assert_int_equal(settings_read(NULL, &defaults, &detail), 0);
    assert_int_equal(settings_read(SHIPPED, &shipped, &detail), 0);
    config_compare(&settings_table, &defaults, &shipped, restart, sizeof restart, changed, sizeof changed);
    assert_string_equal(restart, "");
    assert_string_equal(changed, "");

    assert_int_equal(file_read(SHIPPED, 65536, &text, &bytes, &detail), 0);
    char *comments = comments_of(text);
    for (size_t i = 0; i < settings_table.count; i++) {
        const struct config_setting *setting = &settings_table.settings[i];
        const char *dot = strrchr(setting->path, '.');
        char line[256];
        (void)snprintf(line, sizeof line, "%s = %s;\n", dot != NULL ? dot + 1 : setting->path,
                       setting->default_text);
        if (strstr(text, line) == NULL)
            fail_msg("%s does not stand at its default", setting->path);
        if (strstr(comments, setting->what) == NULL)
            fail_msg("%s is not commented as the table says", setting->path);
    }
    free(comments);
    free(text);
}

static void test_defaults(void **state)
{
    struct settings settings;
    struct error_detail detail;
    (void)state;
    assert_int_equal(settings_read(NULL, &settings, &detail), 0);
    assert_string_equal(settings.listen, "127.0.0.1:8640");
    assert_string_equal(settings.admin_socket, "/run/farmgate-cloud/admin.sock");
    assert_string_equal(settings.state_directory, "/var/lib/farmgate-cloud");
    assert_int_equal(settings.refresh_ms, INT64_C(30) * 86400000);
    assert_int_equal(settings.offline_refresh_ms, INT64_C(400) * 86400000);
    assert_int_equal(settings.trusted_proxy_count, 0);
}

static void test_what_is_set_holds(void **state)
{
    struct settings settings;
    struct error_detail detail;
    (void)state;
    assert_int_equal(
        read_text("listen = \"[::1]:0\";\ntrusted_proxies = (\"127.0.0.1\", \"2001:db8::/32\");\n"
                  "trial: { limit = 0; };\nlog: { severity = \"error\"; };\n",
                  &settings, &detail),
        0);
    assert_int_equal(settings.trusted_proxy_count, 2);
    assert_int_equal(settings.trusted[0].bits, 128);
    assert_int_equal(settings.trusted[1].bits, 32);
    assert_int_equal(settings.trial_limit, 0);
    assert_int_equal(settings.log_severity, 0);
}

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void test_what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *text, *named;
    } table[] = {
        {"trusted_proxies = (\"example.org\");", "cloud.conf:1: trusted_proxies"},
        {"\ntrusted_proxies = (\"127.0.0.1\", \"::1/129\");", "cloud.conf:2: trusted_proxies"},
        {"listen = \"example.org:8640\";", "cloud.conf:1: listen"},
        {"listen = \"127.0.0.1\";", "listen"},
        {"listen = \"127.0.0.1:65536\";", "listen"},
        {"listen = \"::1:8640\";", "listen"},
        {"admin_socket = \"admin.sock\";", "admin_socket"},
        {"admin_socket = \"/" X50 X50 "1234567\";", "1 to 107 bytes"},
        {"state_directory = \"ledger\";", "state_directory"},
        {"signing_key_file = \"key\";", "signing_key_file"},
        {"token_file = \"tokens\";", "token_file"},
        {"trusted_proxies = (\"10.0.0.0/33\");", "10.0.0.0/33"},
        {"activations: { per_minute = 0; };", "activations.per_minute"},
        {"entitlement: { refresh = \"1s\"; };", "entitlement.refresh"},
        {"entitlement: { offline_refresh = \"401d\"; };", "entitlement.offline_refresh"},
        {"entitlement: { offline_refresh = \"23h\"; };", "entitlement.offline_refresh"},
        {"listne = \"127.0.0.1:1\";", "listen"},
        {"log: { severity = \"loud\"; };", "log.severity"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        struct settings settings;
        struct error_detail detail;
        assert_int_equal(read_text(table[i].text, &settings, &detail), ERROR_CONFIGURATION);
        if (strstr(detail.text, table[i].named) == NULL)
            fail_msg("%s: %s", table[i].text, detail.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_shipped_file_has_every_setting_at_its_default),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test_setup_teardown(test_what_is_set_holds, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_wrong_is_named, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
