/* Users of this host and their groups, as Windows tells of them. */
#include "agent/account_lookup.h"
#include "common/platform/windows/wide.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

static char *own_name(void)
{
    wchar_t name[256];
    DWORD room = 256;
    assert_true(GetUserNameW(name, &room));
    return wide_to_utf8(name);
}

static void who_runs_this_is_known(void **state)
{
    char *name = own_name();
    (void)state;
    assert_non_null(name);
    struct account_answer *answer = account_lookup(name);
    assert_non_null(answer);
    assert_true(answer->exists);
    for (size_t i = 0; i < answer->group_count; i++)
        assert_string_not_equal(answer->groups[i], "");
    free(answer);
    free(name);
}

static void nobody_is_an_answer(void **state)
{
    (void)state;
    struct account_answer *answer = account_lookup("no-such-user-7f3a");
    assert_non_null(answer);
    assert_false(answer->exists);
    assert_int_equal(answer->group_count, 0);
    free(answer);
    assert_null(account_lookup("\xff\xfe")); /* no UTF-8: not a question */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_runs_this_is_known),
        cmocka_unit_test(nobody_is_an_answer),
    };
    return cmocka_run_group_tests_name("accounts", tests, NULL, NULL);
}
