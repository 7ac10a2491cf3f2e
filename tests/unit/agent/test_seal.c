/* test_seal.c - what is sealed opens with the same secret at the same key, and nowhere else. */
#include "agent/farm/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#define PATH  "/farmgate/f/seq/1"
#define PLAIN "alice came"

static const uint8_t secret[SEAL_SECRET_BYTES] = {1, 2, 3}, another[SEAL_SECRET_BYTES] = {1, 2, 4};

struct sealed {
    uint8_t bytes[sizeof PLAIN + SEAL_ADDED_BYTES];
};

static struct sealed close_plain(const uint8_t with[SEAL_SECRET_BYTES])
{
    struct sealed sealed;
    struct seal seal;
    seal_init(&seal, with);
    seal_close(&seal, PATH, PLAIN, sizeof PLAIN, sealed.bytes);
    return sealed;
}

static int open_at(const struct sealed *sealed, const uint8_t with[SEAL_SECRET_BYTES], const char *path,
                   size_t bytes)
{
    uint8_t plain[sizeof sealed->bytes];
    size_t count = 0;
    struct seal seal;
    seal_init(&seal, with);
    int code = seal_open(&seal, path, sealed->bytes, bytes, plain, &count);
    if (code == 0) {
        assert_int_equal(count, sizeof PLAIN);
        assert_memory_equal(plain, PLAIN, sizeof PLAIN);
    }
    return code;
}

static void a_value_opens_with_its_secret_at_its_key(void **state)
{
    (void)state;
    struct sealed sealed = close_plain(secret);
    assert_int_equal(open_at(&sealed, secret, PATH, sizeof sealed.bytes), 0);
    assert_int_equal(open_at(&sealed, another, PATH, sizeof sealed.bytes), ERROR_SIGNATURE);
    assert_int_equal(open_at(&sealed, secret, PATH "2", sizeof sealed.bytes), ERROR_SIGNATURE);
}

static void no_byte_of_a_value_may_be_changed_or_missing(void **state)
{
    (void)state;
    struct sealed sealed = close_plain(secret);
    for (size_t i = 0; i < sizeof sealed.bytes; i++) {
        sealed.bytes[i] ^= 1;
        assert_int_equal(open_at(&sealed, secret, PATH, sizeof sealed.bytes), ERROR_SIGNATURE);
        sealed.bytes[i] ^= 1;
        assert_int_equal(open_at(&sealed, secret, PATH, i), ERROR_SIGNATURE);
    }
    assert_int_equal(open_at(&sealed, secret, PATH, sizeof sealed.bytes), 0);
}

static void the_same_value_is_never_sealed_alike(void **state)
{
    (void)state;
    struct sealed one = close_plain(secret), other = close_plain(secret);
    assert_memory_not_equal(one.bytes, other.bytes, sizeof one.bytes);
}

static void a_pseudonym_is_of_a_secret_a_kind_and_a_name(void **state)
{
    (void)state;
    char name[SEAL_NAME_BYTES], again[SEAL_NAME_BYTES];
    struct seal seal, foreign;
    seal_init(&seal, secret);
    seal_init(&foreign, another);
    seal_name(&seal, "host", "rds1", name);
    assert_int_equal(strlen(name), SEAL_NAME_BYTES - 1);
    assert_int_equal(strspn(name, "0123456789abcdef"), SEAL_NAME_BYTES - 1);
    seal_name(&seal, "host", "rds1", again);
    assert_string_equal(name, again);
    seal_name(&seal, "host", "rds2", again);
    assert_string_not_equal(name, again);
    seal_name(&seal, "session", "rds1", again);
    assert_string_not_equal(name, again);
    seal_name(&seal, "hos", "trds1", again); /* kind and name do not run together */
    assert_string_not_equal(name, again);
    seal_name(&foreign, "host", "rds1", again);
    assert_string_not_equal(name, again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_opens_with_its_secret_at_its_key),
        cmocka_unit_test(no_byte_of_a_value_may_be_changed_or_missing),
        cmocka_unit_test(the_same_value_is_never_sealed_alike),
        cmocka_unit_test(a_pseudonym_is_of_a_secret_a_kind_and_a_name),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
