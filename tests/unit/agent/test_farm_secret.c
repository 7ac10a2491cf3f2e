/* test_farm_secret.c - files whose content nobody but the agent may know. */
#include "agent/farm/farm_secret.h"
#include "common/file.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BASE64 "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0e_-A"
#define HEX    "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1effe0"

static const uint8_t secret[SEAL_SECRET_BYTES] = {1,  2,  3,  4,  5,  6,  7,  8,  9,   10, 11,
                                                  12, 13, 14, 15, 16, 17, 18, 19, 20,  21, 22,
                                                  23, 24, 25, 26, 27, 28, 29, 30, 255, 224};

static void write_file(const char *path, const char *text, size_t bytes, unsigned mode)
{
    assert_int_equal(file_replace(path, text, bytes, mode, false, NULL), 0);
}

static void a_secret_is_read_from_either_text(void **state)
{
    const char *path = *state;
    static const char *const texts[] = {BASE64, BASE64 "\n", HEX, "  " HEX " \r\n",
                                        "0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1EFFE0\n"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        uint8_t got[SEAL_SECRET_BYTES] = {0};
        write_file(path, texts[i], strlen(texts[i]), 0600);
        assert_int_equal(farm_secret_read(path, got, NULL), 0);
        assert_memory_equal(got, secret, sizeof secret);
    }
    char text[FARM_SECRET_TEXT_BYTES];
    farm_secret_print(secret, text);
    assert_string_equal(text, BASE64);
}

static void what_is_no_secret_is_refused_without_repeating_it(void **state)
{
    const char *path = *state;
    static const struct {
        const char *text;
        size_t bytes;
        const char *words;
    } cases[] = {
        {"", 0, "it is not the text of a secret, 43 characters of base64url or 64 of hexadecimal"},
        {BASE64 "A", 44, "it is not the text of a secret"},
        {HEX, 63, "it is not the text of a secret"},
        {BASE64 " " BASE64, 87, "it is not the text of a secret"},
        {"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0e/+A", 43, "a character in it has no place in a secret"},
        {"xx02030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1effe0", 64, "a character in it"},
        {BASE64 "\n\0x", 46, "it contains a NUL byte"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t got[SEAL_SECRET_BYTES] = {0}, untouched[SEAL_SECRET_BYTES] = {0};
        struct error_detail detail = {""};
        write_file(path, cases[i].text, cases[i].bytes, 0600);
        assert_int_equal(farm_secret_read(path, got, &detail), ERROR_CONFIGURATION);
        assert_non_null(strstr(detail.text, cases[i].words));
        assert_non_null(strstr(detail.text, path));
        assert_null(strstr(detail.text, "AQID"));
        assert_memory_equal(got, untouched, sizeof got);
    }
}

static void a_file_that_others_may_read_is_refused(void **state)
{
    const char *path = *state;
    static const unsigned modes[] = {0640, 0604, 0620, 0601, 0660, 0644};
    uint8_t got[SEAL_SECRET_BYTES];
    char password[FARM_PASSWORD_BYTES_MAX + 1];
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct error_detail detail = {""};
        write_file(path, BASE64, strlen(BASE64), modes[i]);
        assert_int_equal(farm_secret_read(path, got, &detail), ERROR_CONFIGURATION);
        assert_non_null(strstr(detail.text, "may be read or changed by others than its owner"));
        assert_int_equal(farm_password_read(path, password, NULL), ERROR_CONFIGURATION);
    }
    write_file(path, BASE64, strlen(BASE64), 0400);
    assert_int_equal(farm_secret_read(path, got, NULL), 0);
}

static void a_missing_file_is_named(void **state)
{
    uint8_t got[SEAL_SECRET_BYTES];
    char password[FARM_PASSWORD_BYTES_MAX + 1];
    struct error_detail detail = {""};
    (void)state;
    assert_int_equal(farm_secret_read("/nonexistent/secret", got, &detail), ERROR_NOT_FOUND);
    assert_string_equal(detail.text, "cannot read /nonexistent/secret: No such file or directory");
    assert_int_equal(farm_password_read("/nonexistent/p", password, &detail), ERROR_NOT_FOUND);
}

static void a_new_secret_is_random_private_and_never_written_over(void **state)
{
    const char *path = *state;
    uint8_t first[SEAL_SECRET_BYTES], second[SEAL_SECRET_BYTES];
    struct error_detail detail = {""};
    struct stat status;
    mode_t mask = umask(0);
    assert_int_equal(farm_secret_make(path, &detail), 0);
    umask(mask);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(status.st_nlink, 1);
    assert_int_equal(farm_secret_read(path, first, &detail), 0);
    assert_int_equal(farm_secret_make(path, &detail), ERROR_REFUSED);
    assert_non_null(strstr(detail.text, "is there already, and stays as it is"));
    assert_int_equal(farm_secret_read(path, second, &detail), 0);
    assert_memory_equal(first, second, sizeof first);
    unlink(path);
    assert_int_equal(farm_secret_make(path, &detail), 0);
    assert_int_equal(farm_secret_read(path, second, &detail), 0);
    assert_memory_not_equal(first, second, sizeof first);
    assert_int_equal(farm_secret_make("/nonexistent/secret", &detail), ERROR_NOT_FOUND);
}

static void a_password_is_one_line(void **state)
{
    const char *path = *state;
    static char longest[FARM_PASSWORD_BYTES_MAX + 1], too_long[FARM_PASSWORD_BYTES_MAX + 2];
    memset(longest, 'x', FARM_PASSWORD_BYTES_MAX);
    memset(too_long, 'x', FARM_PASSWORD_BYTES_MAX + 1);
    static const struct {
        const char *text;
        size_t bytes;
        const char *password, *words; /* NULL: one or the other */
    } cases[] = {
        {"geheim\n", 7, "geheim", NULL},
        {"geheim\r\n", 8, "geheim", NULL},
        {" two words ", 11, " two words ", NULL},
        {"p\u00e4ss", 5, "p\u00e4ss", NULL},
        {longest, FARM_PASSWORD_BYTES_MAX, longest, NULL},
        {too_long, FARM_PASSWORD_BYTES_MAX + 1, NULL, "longer than a password may be"},
        {"", 0, NULL, "empty"},
        {"\n", 1, NULL, "empty"},
        {"a\nb\n", 4, NULL, "more than one line"},
        {"a\0b", 3, NULL, "more than one line, or a control character"},
        {"\xff", 1, NULL, "not valid UTF-8"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char password[FARM_PASSWORD_BYTES_MAX + 1] = "before";
        struct error_detail detail = {""};
        write_file(path, cases[i].text, cases[i].bytes, 0600);
        assert_int_equal(farm_password_read(path, password, &detail),
                         cases[i].words ? ERROR_CONFIGURATION : 0);
        assert_string_equal(password, cases[i].words ? "before" : cases[i].password);
        assert_non_null(strstr(detail.text, cases[i].words ? cases[i].words : ""));
    }
}

static int setup(void **state)
{
    static char directory[64], path[96];
    (void)snprintf(directory, sizeof directory, "/tmp/farmgate-secret-XXXXXX");
    if (!mkdtemp(directory) || chmod(directory, 0755) != 0) /* others may look what is in it */
        return -1;
    (void)snprintf(path, sizeof path, "%s/farm.secret", directory);
    *state = path;
    return 0;
}

static int teardown(void **state)
{
    char *path = *state;
    (void)unlink(path);
    *strrchr(path, '/') = '\0';
    return rmdir(path); /* nothing else was left there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_secret_is_read_from_either_text, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_secret_is_refused_without_repeating_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_others_may_read_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_file_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_secret_is_random_private_and_never_written_over, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_password_is_one_line, setup, teardown),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
