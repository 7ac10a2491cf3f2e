/* The tokens of an API: what the file says, and what a new one is. */
#include "common/tokens.h"

#include "tests/unit/unit.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static int read_text(const char *text, size_t bytes, struct tokens *ret, struct error_detail *ret_detail)
{
    char path[] = "/tmp/farmgate-tokens-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, bytes), bytes);
    (void)close(fd);
    int error = tokens_read(path, ret, ret_detail);
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
        struct tokens tokens = {0};
        struct error_detail detail = {""};
        int error = read_text(cases[i].text, strlen(cases[i].text), &tokens, &detail);
        if (cases[i].count >= 0) {
            if (error != 0 || tokens.count != (size_t)cases[i].count)
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
    struct tokens *tokens = calloc(1, sizeof(*tokens));
    struct error_detail detail = {""};
    (void)state;
    for (int i = 0; i <= TOKENS_MAX; i++)
        (void)fprintf(file, "t%d:read:" HASH "\n", i);
    (void)fclose(file);
    assert_int_equal(read_text(text, bytes, tokens, &detail), ERROR_CONFIGURATION);
    assert_non_null(strstr(detail.text, ":65: more than 64 tokens"));
    free(tokens);
    free(text);
}

static void test_missing_file(void **state)
{
    struct tokens tokens = {.count = 1};
    struct error_detail detail = {""};
    (void)state;
    assert_int_equal(tokens_read("/nonexistent/tokens", &tokens, &detail), ERROR_NOT_FOUND);
    assert_int_equal(tokens_read("", &tokens, &detail), 0);
    assert_int_equal(tokens.count, 0);
}

static void test_made(void **state)
{
    char token[TOKENS_TEXT_BYTES], again[TOKENS_TEXT_BYTES], line[TOKENS_LINE_BYTES_MAX];
    unsigned char hash[TOKENS_HASH_BYTES];
    struct tokens *tokens = calloc(1, sizeof(*tokens));
    struct error_detail detail = {""};
    (void)state;
    tokens_make("shop", TOKENS_READ, again, line);
    tokens_make("portal", TOKENS_WRITE, token, line);
    assert_string_not_equal(token, again);
    assert_int_equal(read_text(line, strlen(line), tokens, &detail), 0);
    assert_int_equal(tokens->count, 1);
    assert_string_equal(tokens->list[0].name, "portal");
    assert_int_equal(tokens->list[0].scope, TOKENS_WRITE);
    (void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)token, strlen(token), NULL, 0);
    assert_memory_equal(tokens->list[0].hash, hash, sizeof(hash));
    assert_null(strstr(line, token));
    free(tokens);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_files),
        cmocka_unit_test(test_too_many_tokens),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_made),
    };
    return cmocka_run_group_tests_name("tokens", tests, NULL, NULL);
}
