#include "hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The input as a file without a name: a command that does not read it cannot hold us up. */
static int input_file(const char *input)
{
    size_t bytes = strlen(input);
    int fd = memfd_create("event", MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    if (write(fd, input, bytes) == (ssize_t)bytes && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static void run_child(const char *command, const struct hook_variable *variables, size_t count, int input,
                      const sigset_t *mask)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    (void)setpgid(0, 0);
    (void)sigaction(SIGPIPE, &plain, NULL);
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    for (size_t i = 0; i < count; i++)
        (void)setenv(variables[i].name, variables[i].value, 1);
    if (dup2(input, STDIN_FILENO) >= 0)
        (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* True when the child has ended within that time. SIGCHLD is blocked, so none is missed. */
static bool wait_child(pid_t child, unsigned limit_ms, int *ret_status)
{
    struct timespec now, end;
    sigset_t children;
    (void)sigemptyset(&children);
    (void)sigaddset(&children, SIGCHLD);
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    int64_t end_ms = (int64_t)end.tv_sec * 1000 + end.tv_nsec / 1000000 + limit_ms;
    for (;;) {
        if (waitpid(child, ret_status, WNOHANG) != 0)
            return true;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t left_ms = end_ms - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
        if (left_ms <= 0)
            return false;
        struct timespec left = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
        (void)sigtimedwait(&children, NULL, &left);
    }
}

static void stop_child(pid_t child, int *ret_status)
{
    (void)kill(-child, SIGTERM);
    if (wait_child(child, HOOK_KILL_MS, ret_status))
        return;
    (void)kill(-child, SIGKILL);
    while (waitpid(child, ret_status, 0) < 0 && errno == EINTR)
        ;
}

enum hook_result hook_run(const char *command, const struct hook_variable *variables, size_t count,
                          const char *input, unsigned limit_ms, int *ret_status)
{
    enum hook_result result = HOOK_NOT_STARTED;
    sigset_t children, mask;
    int status = 0, fd = input_file(input);
    pid_t child = -1;
    (void)sigemptyset(&children);
    (void)sigaddset(&children, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &children, &mask);
    (void)fflush(NULL);
    if (fd >= 0)
        child = fork();
    if (child == 0)
        run_child(command, variables, count, fd, &mask);
    if (child < 0) {
        *ret_status = errno;
    } else if (!wait_child(child, limit_ms, &status)) {
        stop_child(child, &status);
        result = HOOK_TIMED_OUT;
    } else {
        result = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? HOOK_DONE : HOOK_FAILED;
        *ret_status = status;
    }
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    if (fd >= 0)
        (void)close(fd);
    return result;
}
