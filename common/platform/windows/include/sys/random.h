/* Random bytes, of the system's generator. */
#ifndef PLATFORM_SYS_RANDOM_H
#define PLATFORM_SYS_RANDOM_H

#include <stddef.h>
#include <sys/types.h>

int platform_getentropy(void *ret, size_t bytes);
ssize_t platform_getrandom(void *ret, size_t bytes, unsigned flags);
int getentropy(void *ret, size_t bytes) __asm__("platform_getentropy");
ssize_t getrandom(void *ret, size_t bytes, unsigned flags) __asm__("platform_getrandom");

#endif
