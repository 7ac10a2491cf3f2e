/* Nobody was forked (unistd.h): nobody is waited for. */
#ifndef TEST_WINDOWS_SYS_WAIT_H
#define TEST_WINDOWS_SYS_WAIT_H

#include <errno.h>
#include <sys/types.h>
#include_next <sys/wait.h>

static inline pid_t waitpid(pid_t child, int *ret_status, int options)
{
    (void)child;
    *ret_status = 0;
    (void)options;
    errno = ENOSYS;
    return -1;
}

#endif
