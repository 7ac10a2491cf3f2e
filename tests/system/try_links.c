/* try_links.c - what a compromised agent would try in the directory where root reads: a line for each
 * attempt, "NAME done" or "NAME refused" with the error.
 *
 *     try_links DIRECTORY */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SECRET "/etc/machine-id"

static void report(const char *name, long result)
{
    if (result < 0)
        printf("%s refused %s\n", name, strerrorname_np(errno));
    else
        printf("%s done\n", name);
}

static long try_io_uring(void)
{
    struct io_uring_params params;

    memset(&params, 0, sizeof(params));
    return syscall(SYS_io_uring_setup, 4, &params);
}

int main(int argc, char **argv)
{
    int directory;

    if (argc != 2 || chdir(argv[1]) < 0 || (directory = open(".", O_RDONLY | O_DIRECTORY)) < 0) {
        perror("try_links DIRECTORY");
        return 1;
    }
    /* What the agent itself needs must work, or the rest shows nothing. */
    report("file", open("own", O_WRONLY | O_CREAT | O_TRUNC, 0600));
    report("rename", rename("own", "renamed"));
    report("symlink", syscall(SYS_symlinkat, SECRET, AT_FDCWD, "a1"));
    report("symlinkat", syscall(SYS_symlinkat, SECRET, directory, "a2"));
    report("link", syscall(SYS_linkat, AT_FDCWD, "renamed", AT_FDCWD, "a3", 0));
    report("linkat", syscall(SYS_linkat, directory, "renamed", directory, "a4", 0));
#ifdef SYS_symlink
    report("symlink_old", syscall(SYS_symlink, SECRET, "a5"));
    report("link_old", syscall(SYS_link, "renamed", "a6"));
    report("mknod_old", syscall(SYS_mknod, "a7", S_IFIFO | 0600, 0));
#endif
    report("fifo", mkfifo("a8", 0600));
    report("mknodat", syscall(SYS_mknodat, directory, "a9", S_IFREG | 0600, 0));
    report("device", syscall(SYS_mknodat, directory, "a10", S_IFCHR | 0600, makedev(1, 3)));
    report("io_uring", try_io_uring()); /* makes links past a filter of the calls above */
    report("setuid_bit", chmod("renamed", 04755));
    return 0;
}
