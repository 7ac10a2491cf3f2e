/* Tokens and Host headers: what opens the TCP door. */
#include "agent/api/door.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static void test_hosts(void **state)
{
    static const struct {
        const char *host;
        bool allowed;
    } cases[] = {
        {"localhost", true},
        {"LocalHost:8620", true},
        {"localhost.", true},
        {"127.0.0.1", true},
        {"127.0.0.1:8620", true},
        {"127.8.9.10:1", true},
        {"[::1]", true},
        {"[::1]:8620", true},
        {"portal.example", true},
        {"PORTAL.example:80", true},
        {"", false},
        {":8620", false},
        {"localhost:", false},
        {"localhost:x", false},
        {"localhost.evil.example", false},
        {"evil.example", false},
        {"127.0.0.1.evil.example", false},
        {"127.0.0.256", false},
        {"127.0.0", false},
        {"127.0.0.1.1", false},
        {"127.0.0.0001", false},
        {"128.0.0.1", false},
        {"::1", false},
        {"[::2]", false},
        {"portal.example.evil", false},
        {"xportal.example", false},
        {"user@localhost", false},
    };
    struct door_keys keys = {.hosts = {"portal.example"}, .host_count = 1};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (door_host_allowed(&keys, cases[i].host, strlen(cases[i].host)) != cases[i].allowed)
            fail_msg("Host \"%s\" is %s", cases[i].host, cases[i].allowed ? "refused" : "allowed");
}

static int read_text(const char *text, size_t bytes, struct door_keys *ret, struct error_detail *ret_detail)
{
    char path[] = "/tmp/farmgate-tokens-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, bytes), bytes);
    (void)close(fd);
    int error = door_read_tokens(path, ret, ret_detail);
    (void)unlink(path);
    return error;
}

static void test_token_files(void **state)
{
    static const struct {
        const char *text;
        int count;             /* -1: refused */
        const char *complaint; /* in the detail */
    } cases[] = {
        {"", 0, NULL},
        {"# nothing\n\n   \n", 0, NULL},
        {"a:read:" HASH, 1, NULL},
        {"  a:read:" HASH "  \r\nb:write:" HASH "\n", 2, NULL},
        {"a:read:" HASH "\n\nb:both:" HASH "\n", -1, ":3: the scope"},
        {"a:read\n", -1, ":1: not three parts"},
        {"secret\n", -1, ":1: not three parts"},
        {":read:" HASH "\n", -1, ":1: the name"},
        {"# x\na:read:0011\n", -1, ":2: not 64"},
        {"a:read:" HASH "00\n", -1, ":1: not 64"},
        {"a:read:zz112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF\n", -1, ":1: not 64"},
        {"a:read:" HASH "\na:write:" HASH "\n", -1, ":2: the name stands"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct door_keys keys = {0};
        struct error_detail detail = {""};
        int error = read_text(cases[i].text, strlen(cases[i].text), &keys, &detail);
        if (cases[i].count >= 0) {
            if (error != 0 || keys.token_count != (size_t)cases[i].count)
                fail_msg("case %zu: %s", i, detail.text);
            continue;
        }
        assert_int_equal(error, ERROR_CONFIGURATION);
        if (!strstr(detail.text, cases[i].complaint))
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, detail.text, cases[i].complaint);
        if (strstr(detail.text, "secret"))
            fail_msg("case %zu: the detail shows what may be a token", i);
    }
}

static void test_too_many_tokens(void **state)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    struct door_keys *keys = calloc(1, sizeof(*keys));
    struct error_detail detail = {""};
    (void)state;
    for (int i = 0; i <= DOOR_TOKENS_MAX; i++)
        (void)fprintf(file, "t%d:read:" HASH "\n", i);
    (void)fclose(file);
    assert_int_equal(read_text(text, bytes, keys, &detail), ERROR_CONFIGURATION);
    assert_non_null(strstr(detail.text, ":65: more than 64 tokens"));
    free(keys);
    free(text);
}

static void test_missing_file(void **state)
{
    struct door_keys keys = {.token_count = 1};
    struct error_detail detail = {""};
    (void)state;
    assert_int_equal(door_read_tokens("/nonexistent/tokens", &keys, &detail), ERROR_NOT_FOUND);
    assert_int_equal(door_read_tokens("", &keys, &detail), 0);
    assert_int_equal(keys.token_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_token_files),
        cmocka_unit_test(test_too_many_tokens),
        cmocka_unit_test(test_missing_file),
    };
    return cmocka_run_group_tests_name("api_door", tests, NULL, NULL);
}
