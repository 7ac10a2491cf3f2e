/* C's utilities, with POSIX' ones. */
#ifndef PLATFORM_STDLIB_H
#define PLATFORM_STDLIB_H

#include_next <stdlib.h>

char *platform_mkdtemp(char *path);
char *platform_realpath(const char *path, char *ret);
int platform_setenv(const char *name, const char *value, int replace);
int platform_unsetenv(const char *name);

char *mkdtemp(char *path) __asm__("platform_mkdtemp");
/* The result has "/", and room for PATH_MAX bytes is given. */
char *realpath(const char *path, char *ret) __asm__("platform_realpath");
int setenv(const char *name, const char *value, int replace) __asm__("platform_setenv");
int unsetenv(const char *name) __asm__("platform_unsetenv");

#endif
