#include "agent/ctl/sizing/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_told(const struct repairs *repairs, const char *expected)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    assert_non_null(file);
    repair_tell(repairs, file);
    (void)fclose(file);
    assert_string_equal(text, expected);
    free(text);
}

static void nothing_repaired_says_nothing(void **state)
{
    (void)state;
    struct repairs repairs = {0};
    expect_told(&repairs, "");
}

static void a_kind_tells_its_number_and_the_first_place(void **state)
{
    (void)state;
    struct repairs repairs = {0};
    repair_at(&repairs, REPAIR_NOT_UNDERSTOOD, &(struct log_place){"auth.log", 12, true}, "user: missing");
    repair_at(&repairs, REPAIR_NOT_UNDERSTOOD, &(struct log_place){"auth.log", 40, true}, NULL);
    repair_at(&repairs, REPAIR_TORN, &(struct log_place){"wtmp", 768, false}, NULL);
    repair_add(&repairs, REPAIR_OPEN_AT_END, 3);
    expect_told(&repairs, "farmgate size: sessions still open at the end of the log: 3\n"
                          "farmgate size: records cut off, left out: 1 (first: wtmp: at byte 768)\n"
                          "farmgate size: lines or records not understood, left out: 2 (first: "
                          "auth.log:12: user: missing)\n");
}

static void a_long_place_is_cut(void **state)
{
    (void)state;
    struct repairs repairs = {0};
    char name[REPAIR_PLACE_BYTES * 2];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    repair_at(&repairs, REPAIR_TOO_LONG, &(struct log_place){name, 1, true}, NULL);
    assert_int_equal(strlen(repairs.of[REPAIR_TOO_LONG].first), REPAIR_PLACE_BYTES - 1);
}

static void a_service_is_named_case_aside_and_whole(void **state)
{
    (void)state;
    static const char *const names[] = {"sshd", "LSM"};
    const struct reader_services services = {names, 2};
    assert_true(reader_service_named(&services, "sshd", 4));
    assert_true(reader_service_named(&services, "lsm", 3));
    assert_false(reader_service_named(&services, "ssh", 3));
    assert_false(reader_service_named(&services, "sshd-session", 12));
    assert_false(reader_service_named(NULL, "sshd", 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_repaired_says_nothing),
        cmocka_unit_test(a_kind_tells_its_number_and_the_first_place),
        cmocka_unit_test(a_long_place_is_cut),
        cmocka_unit_test(a_service_is_named_case_aside_and_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
