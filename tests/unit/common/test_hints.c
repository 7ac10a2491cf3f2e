/* Each system is told of its own commands and folders, and of no other's. */
#include "common/platform/hints.h"
#include "tests/unit/unit.h"

#include <string.h>

static const char *const of_linux[] = {"systemctl", "loginctl", "timedatectl", "getent",
                                       "chmod",     "/var/",    "/run/",       "SIG"};
static const char *const of_windows[] = {"Service", "icacls",         "w32tm",
                                         "logoff",  "net localgroup", "%ProgramData%"};

static void each_is_of_its_own_system(void **state)
{
    (void)state;
    for (int i = 0; i < HINT_MAX; i++) {
        const char *there = hint_on(HINT_LINUX, (enum hint)i), *here = hint_on(HINT_WINDOWS, (enum hint)i);
        assert_true(strlen(there) > 0 && strlen(here) > 0);
        assert_string_not_equal(there, here);
        for (size_t j = 0; j < COUNT(of_windows); j++)
            assert_null(strstr(there, of_windows[j]));
        for (size_t j = 0; j < COUNT(of_linux); j++)
            assert_null(strstr(here, of_linux[j]));
    }
}

static void they_are_found_by_name(void **state)
{
    (void)state;
    assert_string_equal(hint_named(HINT_LINUX, "restart}", 7), "systemctl restart farmgated");
    assert_string_equal(hint_named(HINT_WINDOWS, "restart", 7), "Restart-Service farmgated");
    assert_null(hint_named(HINT_LINUX, "restar", 6));
    assert_null(hint_named(HINT_LINUX, "restarts", 8));
    assert_null(hint_named(HINT_LINUX, "", 0));
}

static void this_system_is_one_of_them(void **state)
{
    (void)state;
    const char *first = hint(HINT_restart);
    enum hint_system system =
        strcmp(first, hint_on(HINT_LINUX, HINT_restart)) == 0 ? HINT_LINUX : HINT_WINDOWS;
    for (int i = 0; i < HINT_MAX; i++)
        assert_string_equal(hint((enum hint)i), hint_on(system, (enum hint)i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_of_its_own_system),
        cmocka_unit_test(they_are_found_by_name),
        cmocka_unit_test(this_system_is_one_of_them),
    };
    return cmocka_run_group_tests_name("hints", tests, NULL, NULL);
}
