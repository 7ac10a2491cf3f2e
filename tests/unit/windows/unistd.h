/* What tests do to their system and Windows cannot: it fails as a system without it would (ENOSYS), and the
 * test is skipped. */
#ifndef TEST_WINDOWS_UNISTD_H
#define TEST_WINDOWS_UNISTD_H

#include <errno.h>
#include_next <unistd.h>
#include <windows.h>
#include <winsock2.h>

int posix_close(int fd); /* sockets as well: posix_sockets.c */
#define close posix_close

static inline int seteuid(uid_t uid)
{
    (void)uid;
    errno = ENOSYS;
    return -1;
}

static inline uid_t getuid(void)
{
    return geteuid();
}

/* Short rests of Windows are long: such a one is over when others have run. */
static inline int posix_usleep(unsigned us)
{
    Sleep(us / 1000);
    return 0;
}
#define usleep posix_usleep

static inline pid_t fork(void)
{
    errno = ENOSYS;
    return -1;
}

static inline int symlink(const char *target, const char *path)
{
    (void)target;
    (void)path;
    errno = ENOSYS;
    return -1;
}

static inline int64_t pwrite(int fd, const void *bytes, size_t count, int64_t offset)
{
    return _lseeki64(fd, offset, SEEK_SET) < 0 ? -1 : write(fd, bytes, count);
}

#endif
