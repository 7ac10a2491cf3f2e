/* POSIX over Windows: what a file is. Of modes there are two: what keeps the group and others out is
 * SYSTEM's, Administrators' and one's own alone, whatever the folder lets others do (0600, 0700); all else is
 * as open as its folder (0666, 0777). */
#ifndef PLATFORM_SYS_STAT_H
#define PLATFORM_SYS_STAT_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define S_IFMT   0170000
#define S_IFSOCK 0140000
#define S_IFLNK  0120000
#define S_IFREG  0100000
#define S_IFDIR  0040000
#define S_IFCHR  0020000
#define S_IFIFO  0010000

#define S_ISSOCK(mode) (((mode)&S_IFMT) == S_IFSOCK)
#define S_ISLNK(mode)  (((mode)&S_IFMT) == S_IFLNK)
#define S_ISREG(mode)  (((mode)&S_IFMT) == S_IFREG)
#define S_ISDIR(mode)  (((mode)&S_IFMT) == S_IFDIR)
#define S_ISCHR(mode)  (((mode)&S_IFMT) == S_IFCHR)
#define S_ISFIFO(mode) (((mode)&S_IFMT) == S_IFIFO)

#define S_IRWXU 0700
#define S_IRUSR 0400
#define S_IWUSR 0200
#define S_IXUSR 0100
#define S_IRWXG 0070
#define S_IRGRP 0040
#define S_IWGRP 0020
#define S_IXGRP 0010
#define S_IRWXO 0007
#define S_IROTH 0004
#define S_IWOTH 0002
#define S_IXOTH 0001

/* There is nothing to mask. */
static inline mode_t umask(mode_t mask)
{
    (void)mask;
    return 0;
}

struct stat {
    uint64_t st_dev, st_ino;
    unsigned st_mode, st_nlink;
    unsigned st_uid, st_gid; /* 0 */
    int64_t st_size;
    struct timespec st_atim, st_mtim, st_ctim;
};
#define st_mtime st_mtim.tv_sec

int platform_chmod(const char *path, unsigned mode);
int platform_fchmod(int fd, unsigned mode);
int platform_fstat(int fd, struct stat *ret);
int platform_lstat(const char *path, struct stat *ret);
int platform_mkdir(const char *path, unsigned mode);
int platform_stat(const char *path, struct stat *ret);

int chmod(const char *path, unsigned mode) __asm__("platform_chmod");
int fchmod(int fd, unsigned mode) __asm__("platform_fchmod");
int fstat(int fd, struct stat *ret) __asm__("platform_fstat");
int lstat(const char *path, struct stat *ret) __asm__("platform_lstat");
int mkdir(const char *path, unsigned mode) __asm__("platform_mkdir");
int stat(const char *path, struct stat *ret) __asm__("platform_stat");

#endif
