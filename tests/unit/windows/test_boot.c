/* One boot is known again, and by whoever asks first. */
#include "agent/clock.h"
#include "tests/unit/unit.h"

#include <string.h>

static void one_boot_has_one_id(void **state)
{
    char id[CLOCK_BOOT_ID_BYTES] = "", again[CLOCK_BOOT_ID_BYTES] = "";
    (void)state;
    clock_system_boot_id(id);
    clock_system_boot_id(again);
    assert_int_equal(strlen(id), 32);
    assert_int_equal(strspn(id, "0123456789abcdef"), 32);
    assert_string_equal(id, again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_boot_has_one_id)};
    return cmocka_run_group_tests_name("the boot's id", tests, NULL, NULL);
}
