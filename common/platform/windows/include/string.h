/* C's strings, with those of POSIX and GNU. */
#ifndef PLATFORM_STRING_H
#define PLATFORM_STRING_H

#include_next <string.h>

void *platform_memmem(const void *in, size_t in_bytes, const void *what, size_t bytes);
void *platform_memrchr(const void *in, int byte, size_t bytes);
char *platform_stpcpy(char *to, const char *from);
char *platform_strcasestr(const char *in, const char *what);
char *platform_strchrnul(const char *in, int byte);
char *platform_strndup(const char *text, size_t bytes_max);

void *memmem(const void *in, size_t in_bytes, const void *what, size_t bytes) __asm__("platform_memmem");
void *memrchr(const void *in, int byte, size_t bytes) __asm__("platform_memrchr");
char *stpcpy(char *to, const char *from) __asm__("platform_stpcpy");
char *strcasestr(const char *in, const char *what) __asm__("platform_strcasestr");
char *strchrnul(const char *in, int byte) __asm__("platform_strchrnul");
char *strndup(const char *text, size_t bytes_max) __asm__("platform_strndup");

#endif
