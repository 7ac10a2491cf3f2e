/* texts.c - string.h's functions that Windows' C runtime lacks. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void *platform_memmem(const void *in, size_t in_bytes, const void *what, size_t bytes)
{
    const char *at = in, *end = at + in_bytes;
    if (bytes == 0)
        return (void *)(uintptr_t)in;
    while ((size_t)(end - at) >= bytes) {
        at = memchr(at, *(const unsigned char *)what, (size_t)(end - at) - bytes + 1);
        if (!at)
            return NULL;
        if (memcmp(at, what, bytes) == 0)
            return (void *)(uintptr_t)at;
        at++;
    }
    return NULL;
}

void *platform_memrchr(const void *in, int byte, size_t bytes)
{
    const unsigned char *start = in;
    while (bytes > 0)
        if (start[--bytes] == (unsigned char)byte)
            return (void *)(uintptr_t)(start + bytes);
    return NULL;
}

char *platform_stpcpy(char *to, const char *from)
{
    size_t bytes = strlen(from);
    memcpy(to, from, bytes + 1);
    return to + bytes;
}

char *platform_strcasestr(const char *in, const char *what)
{
    size_t bytes = strlen(what);
    for (; strlen(in) >= bytes; in++) {
        if (strncasecmp(in, what, bytes) == 0)
            return (char *)(uintptr_t)in;
        if (!*in)
            break;
    }
    return NULL;
}

char *platform_strchrnul(const char *in, int byte)
{
    char *found = strchr(in, byte);
    return found ? found : (char *)(uintptr_t)in + strlen(in);
}

char *platform_strndup(const char *text, size_t bytes_max)
{
    size_t bytes = strnlen(text, bytes_max);
    char *copy = malloc(bytes + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    return copy;
}
