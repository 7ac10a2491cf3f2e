/* unit.h - cmocka with the headers it wants before it. */
#ifndef FARMGATE_TESTS_UNIT_H
#define FARMGATE_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

/* Windows has access lists instead. */
static inline bool files_have_modes(void)
{
    mode_t before = umask(0077);
    return umask(before) == 0077;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
