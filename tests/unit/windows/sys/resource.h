/* See unistd.h. */
#ifndef TEST_WINDOWS_SYS_RESOURCE_H
#define TEST_WINDOWS_SYS_RESOURCE_H

#include <errno.h>
#include_next <sys/resource.h>

#define RLIMIT_FSIZE 1 /* not known to getrlimit() either */

static inline int setrlimit(int which, const struct rlimit *limit)
{
    (void)which;
    (void)limit;
    errno = ENOSYS;
    return -1;
}

#endif
