#include "file.h"

#include "platform/replacing.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_ROOM_BYTES 8192

static int failed(const char *doing, const char *path, struct error_detail *ret_detail)
{
    int number = errno;
    error_detail_set(ret_detail, "cannot %s %s: %s", doing, path, strerror(number));
    return error_from_errno(number);
}

static bool write_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(fd, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes += written;
        count -= (size_t)written;
    }
    return true;
}

/* Makes the name in the directory as durable as the bytes in the file. */
static bool sync_directory(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = !slash ? 0 : slash == path ? 1 : (size_t)(slash - path);
    if (length >= sizeof(directory)) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(directory, path, length);
    directory[length] = '\0';
    int fd = open(length > 0 ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool synced = fsync(fd) == 0;
    int number = errno;
    (void)close(fd);
    errno = number;
    return synced;
}

static int fill(const char *path, const void *bytes, size_t count, unsigned mode, bool durable,
                struct error_detail *ret_detail)
{
    int error = 0;
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed("create", path, ret_detail);
    if (!write_all(fd, bytes, count))
        error = failed("write", path, ret_detail);
    else if (fchmod(fd, (mode_t)mode) != 0) /* the umask has no say */
        error = failed("set the mode of", path, ret_detail);
    else if (durable && fsync(fd) != 0)
        error = failed("write", path, ret_detail);
    if (close(fd) != 0 && error == 0)
        error = failed("write", path, ret_detail);
    if (error != 0)
        (void)unlink(path);
    return error;
}

int file_new_name(const char *path, char ret[PATH_MAX], struct error_detail *ret_detail)
{
    if (snprintf(ret, PATH_MAX, "%s.new", path) < PATH_MAX)
        return 0;
    error_detail_set(ret_detail, "the path is too long: %s", path);
    return ERROR_TOO_LARGE;
}

int file_prepare(const char *path, const void *bytes, size_t count, unsigned mode, bool durable,
                 struct error_detail *ret_detail)
{
    char temporary[PATH_MAX];
    int error = file_new_name(path, temporary, ret_detail);
    return error != 0 ? error : fill(temporary, bytes, count, mode, durable, ret_detail);
}

int file_put_in_place(const char *path, bool durable, struct error_detail *ret_detail)
{
    char temporary[PATH_MAX];
    int error = file_new_name(path, temporary, ret_detail);
    if (error != 0)
        return error;
    if (replacing_rename(temporary, path) != 0) {
        error = failed("replace", path, ret_detail);
        (void)unlink(temporary);
        return error;
    }
    return durable ? file_sync_directory(path, ret_detail) : 0;
}

int file_sync_directory(const char *path, struct error_detail *ret_detail)
{
    return sync_directory(path) ? 0 : failed("write the directory of", path, ret_detail);
}

int file_replace(const char *path, const void *bytes, size_t count, unsigned mode, bool durable,
                 struct error_detail *ret_detail)
{
    int error = file_prepare(path, bytes, count, mode, durable, ret_detail);
    return error != 0 ? error : file_put_in_place(path, durable, ret_detail);
}

/* Fills `text` from `*length` on, up to `room` bytes. */
static bool read_on(int fd, char *text, size_t room, size_t *length)
{
    while (*length < room) {
        ssize_t got = read(fd, text + *length, room - *length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        *length += (size_t)got;
    }
    return true;
}

/* The room grows until the end of the file fits, whatever size it claims (files of /proc say 0). */
static int read_open(int fd, const char *path, size_t bytes_max, char **ret_text, size_t *ret_bytes,
                     struct error_detail *ret_detail)
{
    char *text = NULL;
    size_t length = 0, room = FIRST_ROOM_BYTES;
    for (;;) {
        room = room > bytes_max ? bytes_max + 1 : room;
        char *larger = realloc(text, room + 1);
        if (!larger) {
            free(text);
            error_detail_set(ret_detail, "cannot read %s: %s", path, error_text(ERROR_NO_MEMORY));
            return ERROR_NO_MEMORY;
        }
        text = larger;
        if (!read_on(fd, text, room, &length)) {
            int error = failed("read", path, ret_detail);
            free(text);
            return error;
        }
        if (length < room)
            break;
        if (length > bytes_max) {
            free(text);
            error_detail_set(ret_detail, "%s is larger than %zu bytes", path, bytes_max);
            return ERROR_TOO_LARGE;
        }
        room *= 2;
    }
    text[length] = '\0';
    *ret_text = text;
    *ret_bytes = length;
    return 0;
}

static int check_regular(int fd, const char *path, struct error_detail *ret_detail)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return failed("read", path, ret_detail);
    if (S_ISREG(status.st_mode))
        return 0;
    error_detail_set(ret_detail, "%s is not a regular file", path);
    return ERROR_INVALID;
}

int file_read(const char *path, size_t bytes_max, char **ret_text, size_t *ret_bytes,
              struct error_detail *ret_detail)
{
    /* O_NONBLOCK: a FIFO in the file's place must not hold us up. */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return failed("open", path, ret_detail);
    int error = check_regular(fd, path, ret_detail);
    if (error == 0)
        error = read_open(fd, path, bytes_max, ret_text, ret_bytes, ret_detail);
    (void)close(fd);
    return error;
}
