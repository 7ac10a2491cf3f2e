/* The signing key's file: made for its owner alone, read again, and nothing else is taken for it. */
#include "cloud/signing_key.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64], path[128];

static int begin(void **state)
{
    (void)state;
    (void)strcpy(directory, "/tmp/farmgate-test-XXXXXX");
    if (mkdtemp(directory) == NULL || entitlement_init() != 0)
        return 1;
    (void)snprintf(path, sizeof path, "%s/signing-key", directory);
    return 0;
}

static int end(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory);
}

static void write_file(const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void test_made_and_read_again(void **state)
{
    struct entitlement_signing_key made, read;
    struct error_detail detail;
    struct stat status;
    (void)state;
    assert_int_equal(signing_key_load(path, &read, &detail), ERROR_NOT_FOUND);
    assert_int_equal(signing_key_make(path, &made, &detail), 0);
    assert_string_equal(made.key.kid, "k1");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(signing_key_load(path, &read, &detail), 0);
    assert_string_equal(read.key.kid, made.key.kid);
    assert_memory_equal(read.key.public_key, made.key.public_key, sizeof made.key.public_key);
    assert_memory_equal(read.secret_key, made.secret_key, sizeof made.secret_key);
}

static void test_what_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "farmgate-signing-key",
        "farmgate-signing-key k1 \n",
        "farmgate-signing-key  AAAA\n",
        "farmgate-signing-key k1 AAAA\n",
        "farmgate-signing-key k1 !!!!\n",
        "farmgate-signing-key abcdefghijklmnopqrstuvwxyzabcdefghijklmnop AAAA\n",
        "another-key k1 "
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
        "farmgate-signing-key k1 "
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    struct entitlement_signing_key key;
    struct error_detail detail;
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        write_file(bad[i], 0600);
        assert_int_equal(signing_key_load(path, &key, &detail), ERROR_INVALID);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(signing_key_make(path, &key, &detail), 0);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(signing_key_load(path, &key, &detail), ERROR_FORBIDDEN);
    assert_non_null(strstr(detail.text, "0600"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_made_and_read_again, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
