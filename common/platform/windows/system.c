/* system.c - what POSIX asks of the system: its name, randomness, environment, signals, limits. */
#include "wide.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>
#include <windows.h>

#include <bcrypt.h>

#define HOST_NAME_CHARACTERS 256

int platform_gethostname(char *ret, size_t bytes)
{
    wchar_t name[HOST_NAME_CHARACTERS];
    DWORD count = HOST_NAME_CHARACTERS;
    char *utf8 = GetComputerNameExW(ComputerNameDnsHostname, name, &count) ? wide_to_utf8(name) : NULL;
    bool fits = utf8 && strlen(utf8) < bytes;
    if (fits)
        memcpy(ret, utf8, strlen(utf8) + 1);
    else
        errno = utf8 ? ENAMETOOLONG : EIO;
    free(utf8);
    return fits ? 0 : -1;
}

ssize_t platform_getrandom(void *ret, size_t bytes, unsigned flags)
{
    (void)flags;
    if (bytes <= UINT32_MAX && BCryptGenRandom(NULL, ret, (ULONG)bytes, BCRYPT_USE_SYSTEM_PREFERRED_RNG) == 0)
        return (ssize_t)bytes;
    errno = EIO;
    return -1;
}

int platform_getentropy(void *ret, size_t bytes)
{
    return platform_getrandom(ret, bytes, 0) < 0 ? -1 : 0;
}

void *platform_mmap(void *address, size_t bytes, int protection, int flags, int fd, int64_t offset)
{
    (void)address;
    (void)fd;
    (void)offset;
    if (protection != (PROT_READ | PROT_WRITE) || flags != (MAP_PRIVATE | MAP_ANONYMOUS)) {
        errno = ENOTSUP;
        return MAP_FAILED;
    }
    void *memory = VirtualAlloc(NULL, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (memory)
        return memory;
    errno = ENOMEM;
    return MAP_FAILED;
}

int platform_munmap(void *address, size_t bytes)
{
    (void)bytes;
    return VirtualFree(address, 0, MEM_RELEASE) ? 0 : -1;
}

int platform_getrlimit(int which, struct rlimit *ret)
{
    if (which != RLIMIT_NOFILE) {
        errno = EINVAL;
        return -1;
    }
    ret->rlim_cur = ret->rlim_max = (unsigned long long)_getmaxstdio();
    return 0;
}

/* --- environment: a variable without a value is none here
 * --------------------------------------------------- */

int platform_setenv(const char *name, const char *value, int replace)
{
    if (!replace && getenv(name))
        return 0;
    return _putenv_s(name, value) == 0 ? 0 : -1;
}

int platform_unsetenv(const char *name)
{
    return _putenv_s(name, "") == 0 ? 0 : -1;
}

/* --- signals ----------------------------------------------------------------------------------------------
 */

static bool ever_comes(int number)
{
    return number == SIGINT || number == SIGTERM || number == SIGABRT || number == SIGSEGV ||
           number == SIGFPE || number == SIGILL;
}

/* The C runtime's own has this name in its library alone. */
void (*runtime_signal(int number, void (*handler)(int number)))(int number) __asm__("signal");

void (*platform_signal(int number, void (*handler)(int number)))(int number)
{
    return ever_comes(number) ? runtime_signal(number, handler) : SIG_DFL;
}

int platform_sigaction(int number, const struct sigaction *action, struct sigaction *ret_before)
{
    void (*before)(int) = SIG_DFL;
    if (action)
        before = platform_signal(number, action->sa_handler);
    if (before == SIG_ERR)
        return -1;
    if (ret_before)
        ret_before->sa_handler = before;
    return 0;
}
