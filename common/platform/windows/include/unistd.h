/* POSIX over Windows: what files, processes and the host are asked for. Paths are UTF-8 and may be long;
 * nothing is translated; errno tells what failed. */
#ifndef PLATFORM_UNISTD_H
#define PLATFORM_UNISTD_H

#include <io.h>
#include_next <unistd.h>

#include <stddef.h>
#include <sys/types.h>

int platform_access(const char *path, int mode);
int platform_fsync(int fd);
int platform_gethostname(char *ret, size_t bytes);
int platform_pipe(int ret_fds[2]);
ssize_t platform_read(int fd, void *bytes, size_t count);
int platform_rmdir(const char *path);
int platform_unlink(const char *path);
ssize_t platform_write(int fd, const void *bytes, size_t count);

int access(const char *path, int mode) __asm__("platform_access");
/* A directory's names are written with them (rename): asked of one, this does nothing. */
int fsync(int fd) __asm__("platform_fsync");
int gethostname(char *ret, size_t bytes) __asm__("platform_gethostname");
int pipe(int ret_fds[2]) __asm__("platform_pipe");
ssize_t read(int fd, void *bytes, size_t count) __asm__("platform_read");
int rmdir(const char *path) __asm__("platform_rmdir");
int unlink(const char *path) __asm__("platform_unlink");
ssize_t write(int fd, const void *bytes, size_t count) __asm__("platform_write");

#endif
