/* clock_boot.c - what tells this boot from every other. */
#include "clock.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define KERNEL_BOOT_ID_PATH  "/proc/sys/kernel/random/boot_id"
#define KERNEL_BOOT_ID_BYTES 36
#define BOOT_DIRECTORY       "/run"

static bool kernel_boot_id(char ret[CLOCK_BOOT_ID_BYTES])
{
    int fd = open(KERNEL_BOOT_ID_PATH, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return false;
    char text[KERNEL_BOOT_ID_BYTES];
    ssize_t bytes = read(fd, text, sizeof(text));
    (void)close(fd);
    if (bytes != (ssize_t)sizeof(text))
        return false;
    memcpy(ret, text, sizeof(text));
    ret[KERNEL_BOOT_ID_BYTES] = '\0';
    return true;
}

/* Every boot mounts /run anew. A container whose /run lies on a disk keeps its birth time over reboots: that
 * tells nothing, so only a tmpfs counts. */
static bool run_birth(char ret[CLOCK_BOOT_ID_BYTES])
{
    struct statfs filesystem;
    struct statx status;
    if (statfs(BOOT_DIRECTORY, &filesystem) != 0 || filesystem.f_type != TMPFS_MAGIC)
        return false;
    if (statx(AT_FDCWD, BOOT_DIRECTORY, 0, STATX_BTIME, &status) != 0 || !(status.stx_mask & STATX_BTIME))
        return false;
    (void)snprintf(ret, CLOCK_BOOT_ID_BYTES, "run-%lld.%09u", (long long)status.stx_btime.tv_sec,
                   (unsigned)status.stx_btime.tv_nsec);
    return true;
}

void clock_system_boot_id(char ret_boot_id[CLOCK_BOOT_ID_BYTES])
{
    if (!kernel_boot_id(ret_boot_id) && !run_birth(ret_boot_id))
        ret_boot_id[0] = '\0';
}
