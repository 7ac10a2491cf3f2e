#include "common/error.h"
#include "common/utf8.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>
#include <uv.h>

static void every_code_has_its_text(void **state)
{
    (void)state;
    assert_string_equal(error_text(0), "no error");
    assert_string_equal(error_text(ERROR_TOO_DEEP), "nested too deeply");
    assert_string_equal(error_text(UV_ECONNREFUSED), "connection refused");
    assert_string_equal(error_text(-4711), "unknown error");
}

static void errno_becomes_a_code(void **state)
{
    (void)state;
    static const struct {
        int number, code;
    } cases[] = {
        {ENOENT, ERROR_NOT_FOUND}, {ENOTDIR, ERROR_NOT_FOUND}, {ENOSPC, ERROR_FULL},
        {EDQUOT, ERROR_FULL},      {EFBIG, ERROR_FULL},        {EACCES, ERROR_FORBIDDEN},
        {EROFS, ERROR_FORBIDDEN},  {EPERM, ERROR_FORBIDDEN},   {ENOMEM, ERROR_NO_MEMORY},
        {EIO, ERROR_IO},           {EISDIR, ERROR_IO},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(error_from_errno(cases[i].number), cases[i].code);
}

static void a_detail_is_cut_at_a_character(void **state)
{
    (void)state;
    struct error_detail detail;
    char longer[2 * ERROR_DETAIL_BYTES];
    for (size_t i = 0; i < sizeof(longer) - 2; i += 2)
        memcpy(longer + i, "\xC3\xBC", 3);
    error_detail_set(&detail, "%s", longer);
    assert_int_equal(strlen(detail.text), ERROR_DETAIL_BYTES - 2);
    assert_true(utf8_valid(detail.text, strlen(detail.text)));
    error_detail_set(&detail, "%d of %d", 1, 2);
    assert_string_equal(detail.text, "1 of 2");
    error_detail_set(NULL, "nobody wants it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_text),
        cmocka_unit_test(errno_becomes_a_code),
        cmocka_unit_test(a_detail_is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
