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

/* SIGCHLD, and what would end us unless it is ignored: all blocked while a command runs. */
static void awaited_signals(sigset_t *ret)
{
    static const int ends[] = {SIGTERM, SIGINT};
    (void)sigemptyset(ret);
    (void)sigaddset(ret, SIGCHLD);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct sigaction action;
        if (sigaction(ends[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            (void)sigaddset(ret, ends[i]);
    }
}

/* It is left unreaped, so that its group keeps its number. */
static bool has_ended(pid_t child)
{
    siginfo_t info = {.si_pid = 0};
    return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != 0;
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* 0: the child has ended; SIGALRM: it has not within that time; else the signal that wants our own end. */
static int wait_child(pid_t child, unsigned limit_ms, const sigset_t *signals)
{
    int64_t end_ms = now_ms() + limit_ms;
    while (!has_ended(child)) {
        int64_t left_ms = end_ms - now_ms();
        if (left_ms <= 0)
            return SIGALRM;
        struct timespec left = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
        int signal = sigtimedwait(signals, NULL, &left);
        if (signal > 0 && signal != SIGCHLD)
            return signal;
    }
    return 0;
}

/* Whatever the command has begun ends with it, also what does not heed SIGTERM. Whether anybody but its
 * leader is left in a group cannot be seen, so all have the whole time. */
static void stop_group(pid_t child)
{
    struct timespec left = {.tv_sec = HOOK_KILL_MS / 1000, .tv_nsec = HOOK_KILL_MS % 1000 * 1000000};
    (void)kill(-child, SIGTERM);
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
    (void)kill(-child, SIGKILL);
}

static enum hook_result attend(pid_t child, unsigned limit_ms, const sigset_t *signals, int *ret_status)
{
    int status, signal = wait_child(child, limit_ms, signals);
    if (signal != 0)
        stop_group(child);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (signal == SIGALRM)
        return HOOK_TIMED_OUT;
    *ret_status = signal != 0 ? signal : status;
    if (signal != 0)
        return HOOK_INTERRUPTED;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? HOOK_DONE : HOOK_FAILED;
}

enum hook_result hook_run(const char *command, const struct hook_variable *variables, size_t count,
                          const char *input, unsigned limit_ms, int *ret_status)
{
    enum hook_result result = HOOK_NOT_STARTED;
    sigset_t signals, mask;
    int fd = input_file(input);
    pid_t child = -1;
    awaited_signals(&signals);
    (void)sigprocmask(SIG_BLOCK, &signals, &mask);
    (void)fflush(NULL);
    if (fd >= 0)
        child = fork();
    if (child == 0)
        run_child(command, variables, count, fd, &mask);
    if (child > 0) {
        (void)setpgid(child, child); /* whoever comes first: the group is there before it is needed */
        result = attend(child, limit_ms, &signals, ret_status);
    } else {
        *ret_status = errno;
    }
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    if (fd >= 0)
        (void)close(fd);
    return result;
}
