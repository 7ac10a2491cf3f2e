/* C's streams, with POSIX' ones; paths are UTF-8, nothing is translated. */
#ifndef PLATFORM_STDIO_H
#define PLATFORM_STDIO_H

#define fclose runtime_fclose
#define fflush runtime_fflush
#define fopen  runtime_fopen
#define rename runtime_rename
#define remove runtime_remove
#define unlink runtime_unlink
#include_next <stdio.h>
#undef fclose
#undef fflush
#undef fopen
#undef remove
#undef rename
#undef unlink

#include <stddef.h>
#include <sys/types.h>

int platform_dprintf(int fd, const char *format, ...) __attribute__((format(__printf__, 2, 3)));
int platform_fclose(FILE *file);
int platform_fflush(FILE *file);
FILE *platform_fmemopen(void *bytes, size_t room, const char *mode);
FILE *platform_fopen(const char *path, const char *mode);
ssize_t platform_getline(char **line, size_t *room, FILE *file);
FILE *platform_open_memstream(char **ret_text, size_t *ret_bytes);
int platform_remove(const char *path);
int platform_rename(const char *from, const char *to);

int dprintf(int fd, const char *format, ...) __asm__("platform_dprintf")
    __attribute__((format(__printf__, 2, 3)));
int fclose(FILE *file) __asm__("platform_fclose");
int fflush(FILE *file) __asm__("platform_fflush");
/* For writing alone. */
FILE *fmemopen(void *bytes, size_t room, const char *mode) __asm__("platform_fmemopen");
FILE *fopen(const char *path, const char *mode) __asm__("platform_fopen");
ssize_t getline(char **line, size_t *room, FILE *file) __asm__("platform_getline");
FILE *open_memstream(char **ret_text, size_t *ret_bytes) __asm__("platform_open_memstream");
int remove(const char *path) __asm__("platform_remove");
/* Takes another file's place at once and is on the disk when it returns. */
int rename(const char *from, const char *to) __asm__("platform_rename");

#endif
