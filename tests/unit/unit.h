/* unit.h - cmocka with the headers it wants before it. */
#ifndef FARMGATE_TESTS_UNIT_H
#define FARMGATE_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
