/* Types of the system, with the numbers of accounts that Windows does not have. */
#ifndef PLATFORM_SYS_TYPES_H
#define PLATFORM_SYS_TYPES_H

#include_next <sys/types.h>

typedef unsigned uid_t, gid_t;

#endif
