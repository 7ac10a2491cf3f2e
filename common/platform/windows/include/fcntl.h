/* POSIX over Windows: opening files. */
#ifndef PLATFORM_FCNTL_H
#define PLATFORM_FCNTL_H

#include_next <fcntl.h>
#include <io.h>

/* Beyond the C runtime's own. Every file is closed when another program is started, none is anybody's
 * terminal, and no open waits for a writer. */
#define O_NOFOLLOW  0x10000000
#define O_DIRECTORY 0x20000000
#define O_CLOEXEC   _O_NOINHERIT
#define O_NOCTTY    0
#define O_NONBLOCK  0

int platform_open(const char *path, int flags, ...);
int open(const char *path, int flags, ...) __asm__("platform_open");

#endif
