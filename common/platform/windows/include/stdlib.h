/* C's utilities, with POSIX' ones. */
#ifndef PLATFORM_STDLIB_H
#define PLATFORM_STDLIB_H

#include_next <stdlib.h>

char *platform_mkdtemp(char *path);
int platform_setenv(const char *name, const char *value, int replace);
int platform_unsetenv(const char *name);

char *mkdtemp(char *path) __asm__("platform_mkdtemp");
int setenv(const char *name, const char *value, int replace) __asm__("platform_setenv");
int unsetenv(const char *name) __asm__("platform_unsetenv");

#endif
