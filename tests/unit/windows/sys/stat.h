/* See unistd.h. */
#ifndef TEST_WINDOWS_SYS_STAT_H
#define TEST_WINDOWS_SYS_STAT_H

#include <errno.h>
#include_next <sys/stat.h>

static inline int mkfifo(const char *path, unsigned mode)
{
    (void)path;
    (void)mode;
    errno = ENOSYS;
    return -1;
}

#endif
