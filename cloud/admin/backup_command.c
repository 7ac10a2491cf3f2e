#include "cloud/admin/client.h"
#include "cloud/admin/commands.h"
#include "common/json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TARGET       "/v1/admin/backup"
#define HEADER_BYTES 32 /* of a database's file, as far as it is looked at */

/* What comes is written beside its place under a name of its own, and gets its name when it is whole. */
struct backup {
    const char *path;
    char temporary[PATH_MAX];
    int fd;
    int number; /* errno of a failed write; 0: none */
    int64_t bytes;
    unsigned char header[HEADER_BYTES];
};

static int fail(const struct backup *backup, const char *doing, int number)
{
    (void)fprintf(stderr, "farmgate-cloud: cannot %s %s: %s\n", doing, backup->path, strerror(number));
    return number == EACCES || number == EPERM ? ADMIN_FORBIDDEN : ADMIN_FAILED;
}

static int take(void *data, const char *bytes, size_t count)
{
    struct backup *backup = data;
    for (size_t i = 0; i < count && backup->bytes + (int64_t)i < HEADER_BYTES; i++)
        backup->header[backup->bytes + (int64_t)i] = (unsigned char)bytes[i];
    backup->bytes += (int64_t)count;
    while (count > 0) {
        ssize_t written = write(backup->fd, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            backup->number = errno;
            return ERROR_IO;
        }
        bytes += written;
        count -= (size_t)written;
    }
    return 0;
}

static uint64_t big_endian(const unsigned char *bytes, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* A database says in its head how long it is: pages of a size, of which 1 stands for 65536 bytes. */
static bool is_whole(const struct backup *backup)
{
    static const char magic[16] = "SQLite format 3";
    uint64_t page_bytes = big_endian(backup->header + 16, 2), pages = big_endian(backup->header + 28, 4);
    if (page_bytes == 1)
        page_bytes = 65536;
    return backup->bytes >= HEADER_BYTES && memcmp(backup->header, magic, sizeof magic) == 0 &&
           (uint64_t)backup->bytes == page_bytes * pages;
}

static int begin(struct backup *backup)
{
    if ((size_t)snprintf(backup->temporary, sizeof backup->temporary, "%s.XXXXXX", backup->path) >=
        sizeof backup->temporary)
        return fail(backup, "write", ENAMETOOLONG);
    backup->fd = mkostemp(backup->temporary, O_CLOEXEC); /* 0600 */
    return backup->fd < 0 ? fail(backup, "write", errno) : ADMIN_OK;
}

static bool sync_directory(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    (void)snprintf(directory, sizeof directory, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
                   slash != NULL ? path : ".");
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    return synced;
}

/* The name comes last, and only to what is whole and on the disk. */
static int keep(struct backup *backup, bool force)
{
    if (!is_whole(backup)) {
        (void)fprintf(stderr, "farmgate-cloud: the backup was cut off after %" PRId64 " bytes\n",
                      backup->bytes);
        return ADMIN_FAILED;
    }
    if (fsync(backup->fd) != 0)
        return fail(backup, "write", errno);
    if (!force && access(backup->path, F_OK) == 0)
        return fail(backup, "make", EEXIST);
    if (rename(backup->temporary, backup->path) != 0)
        return fail(backup, "make", errno);
    return sync_directory(backup->path) ? ADMIN_OK : fail(backup, "write the directory of", errno);
}

static int fetch(const struct admin_options *options, struct backup *backup)
{
    int code = client_stream(options->socket_path, "POST", TARGET, take, backup);
    return backup->number != 0 ? fail(backup, "write", backup->number) : code;
}

static int tell(const struct admin_options *options, const struct backup *backup)
{
    struct json_writer *writer = options->json ? json_writer_create(false) : NULL;
    if (!options->json) {
        (void)printf("%s: %" PRId64 " bytes\n", backup->path, backup->bytes);
        (void)fprintf(stderr, "farmgate-cloud: the signing key is not in it: it needs a copy of its own\n");
        return ADMIN_OK;
    }
    if (writer != NULL) {
        json_open_object(writer, NULL);
        json_text(writer, "file", backup->path);
        json_integer(writer, "bytes", backup->bytes);
        json_close_object(writer);
    }
    char *text = json_writer_take(writer);
    if (text != NULL)
        (void)printf("%s\n", text);
    free(text);
    return text != NULL ? ADMIN_OK : ADMIN_FAILED;
}

int command_backup(const struct admin_options *options)
{
    struct backup backup = {.path = options->arguments[0]};
    struct stat status;
    if (stat(backup.path, &status) == 0 && (!options->force || S_ISDIR(status.st_mode)))
        return fail(&backup, "make", S_ISDIR(status.st_mode) ? EISDIR : EEXIST);
    int code = begin(&backup);
    if (code != ADMIN_OK)
        return code;
    code = fetch(options, &backup);
    if (code == ADMIN_OK)
        code = keep(&backup, options->force);
    (void)close(backup.fd);
    if (code != ADMIN_OK)
        (void)unlink(backup.temporary);
    return code == ADMIN_OK ? tell(options, &backup) : code;
}
