/* POSIX over Windows: what files, processes and the host are asked for. Paths are UTF-8 and may be long;
 * nothing is translated; errno tells what failed. */
#ifndef PLATFORM_UNISTD_H
#define PLATFORM_UNISTD_H

#include <io.h>
#include_next <unistd.h>

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Whoever runs us and whatever file it is: one owner, whom nobody can change. */
static inline uid_t geteuid(void)
{
    return 0;
}

static inline gid_t getegid(void)
{
    return 0;
}

int platform_access(const char *path, int mode);
int platform_fsync(int fd);
int platform_gethostname(char *ret, size_t bytes);
int platform_lchown(const char *path, uid_t uid, gid_t gid);
int platform_link(const char *from, const char *to);
int platform_pipe(int ret_fds[2]);
ssize_t platform_pread(int fd, void *bytes, size_t count, int64_t offset);
ssize_t platform_read(int fd, void *bytes, size_t count);
int platform_rmdir(const char *path);
int platform_unlink(const char *path);
ssize_t platform_write(int fd, const void *bytes, size_t count);

int access(const char *path, int mode) __asm__("platform_access");
/* A directory's names are written with them (rename): asked of one, this does nothing. */
int fsync(int fd) __asm__("platform_fsync");
int gethostname(char *ret, size_t bytes) __asm__("platform_gethostname");
int lchown(const char *path, uid_t uid, gid_t gid) __asm__("platform_lchown");
int link(const char *from, const char *to) __asm__("platform_link");
int pipe(int ret_fds[2]) __asm__("platform_pipe");
/* Where read() goes on afterwards, it does not say. */
ssize_t pread(int fd, void *bytes, size_t count, int64_t offset) __asm__("platform_pread");
ssize_t read(int fd, void *bytes, size_t count) __asm__("platform_read");
int rmdir(const char *path) __asm__("platform_rmdir");
int unlink(const char *path) __asm__("platform_unlink");
ssize_t write(int fd, const void *bytes, size_t count) __asm__("platform_write");

#endif
