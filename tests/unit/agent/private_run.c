#include "private_run.h"

#include "tests/unit/unit.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static bool entered;

void private_run_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool enter_namespace(void)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    char map[64];

    if (unshare(uid == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) < 0)
        return false;
    if (uid != 0) {
        private_run_write("/proc/self/setgroups", "deny");
        snprintf(map, sizeof(map), "0 %u 1", uid);
        private_run_write("/proc/self/uid_map", map);
        snprintf(map, sizeof(map), "0 %u 1", gid);
        private_run_write("/proc/self/gid_map", map);
    }
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", "/run", "tmpfs", 0, NULL) < 0)
        return false;
    private_run_write("/run/passwd", "root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n"
                                     "bob:x:1001:1001::/:/bin/sh\ncarol:x:1002:1002::/:/bin/sh\n");
    return mount("/run/passwd", "/etc/passwd", NULL, MS_BIND, NULL) == 0 &&
           setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=" PRIVATE_BUS, 1) == 0;
}

void private_run_enter(void)
{
    entered = enter_namespace();
}

bool private_run_entered(void)
{
    return entered;
}

int private_run_make(void **state)
{
    (void)state;
    return entered && (mkdir("/run/systemd", 0755) < 0 || mkdir(PRIVATE_SESSIONS, 0755) < 0) ? -1 : 0;
}

static void remove_files(const char *directory)
{
    DIR *open = opendir(directory);
    struct dirent *file;
    char path[512];

    if (open == NULL)
        return;
    while ((file = readdir(open)) != NULL)
        if (file->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", directory, file->d_name);
            (void)unlink(path);
        }
    closedir(open);
    (void)rmdir(directory);
}

int private_run_clear(void **state)
{
    (void)state;
    if (!entered)
        return 0;
    remove_files(PRIVATE_SESSIONS);
    remove_files("/run/systemd");
    remove_files("/run/xrdp/sockdir");
    remove_files("/run/xrdp");
    (void)unlink(PRIVATE_BUS);
    return 0;
}
