/* Random bytes, of the system's generator. */
#ifndef PLATFORM_SYS_RANDOM_H
#define PLATFORM_SYS_RANDOM_H

#include <stddef.h>
#include <sys/types.h>

ssize_t platform_getrandom(void *ret, size_t bytes, unsigned flags);
ssize_t getrandom(void *ret, size_t bytes, unsigned flags) __asm__("platform_getrandom");

#endif
