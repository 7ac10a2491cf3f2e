/* unit.h - cmocka with the headers it wants before it. */
#ifndef FARMGATE_TESTS_UNIT_H
#define FARMGATE_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#ifdef UNIT_LEFT_OUT /* "NAME NAME": cases that are not for this system, see tests/unit/meson.build */
static inline bool unit_left_out(const char *name)
{
    const char *at = UNIT_LEFT_OUT;
    for (size_t bytes; *at; at += bytes + (at[bytes] == ' ')) {
        bytes = strcspn(at, " ");
        if (bytes == strlen(name) && memcmp(at, name, bytes) == 0)
            return true;
    }
    return false;
}

/* The group's cases but for those; one left out that there is not is a mistake. */
static inline int unit_run(const char *group, const struct CMUnitTest *tests, size_t count,
                           CMFixtureFunction setup, CMFixtureFunction teardown)
{
    size_t taken = 0, left_out = UNIT_LEFT_OUT[0] != '\0';
    struct CMUnitTest *those = calloc(count, sizeof(*those));
    for (const char *at = UNIT_LEFT_OUT; *at; at++)
        left_out += *at == ' ';
    for (size_t i = 0; those && i < count; i++)
        if (!unit_left_out(tests[i].name))
            those[taken++] = tests[i];
    if (!those || taken + left_out != count) {
        (void)printf("not ok - %s: there is no such case to leave out: %s\n", group, UNIT_LEFT_OUT);
        free(those);
        return 1;
    }
    int failed = _cmocka_run_group_tests(group, those, taken, setup, teardown);
    free(those);
    return failed;
}
#undef cmocka_run_group_tests
#undef cmocka_run_group_tests_name
#define cmocka_run_group_tests(tests, setup, teardown) unit_run(#tests, tests, COUNT(tests), setup, teardown)
#define cmocka_run_group_tests_name(group, tests, setup, teardown) \
    unit_run(group, tests, COUNT(tests), setup, teardown)
#endif

#endif
