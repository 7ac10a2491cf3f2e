#include "event_file.h"

#include "common/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE        0640
#define DIRECTORY_MODE   0750
#define NAME_BYTES       (PATH_MAX + 16) /* of a kept file */
#define UNROTATED_FACTOR 2               /* how far a file may grow that cannot be rotated */

void event_file_init(struct event_file *file)
{
    *file = (struct event_file){.fd = -1};
}

static void close_file(struct event_file *file)
{
    if (file->fd >= 0)
        (void)close(file->fd);
    file->fd = -1;
}

void event_file_configure(struct event_file *file, const char *path, int64_t bytes_max, unsigned kept)
{
    assert(kept >= 1 && kept <= EVENT_FILES_KEPT_MAX && strlen(path) < sizeof(file->path));
    close_file(file);
    (void)snprintf(file->path, sizeof(file->path), "%s", path);
    file->bytes_max = bytes_max;
    file->kept = kept;
    file->failing = file->failing && path[0] != '\0';
}

void event_file_finish(struct event_file *file)
{
    close_file(file);
}

/* --- opening ----------------------------------------------------------------------------------------------
 */

static bool failed(struct event_file *file, const char *what)
{
    error_detail_set(&file->why, "%s: %s", what, strerror(errno));
    return false;
}

/* The last directory is made if it is missing: none of a path's others is ours. */
static void make_directory(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return;
    (void)snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
    (void)mkdir(directory, DIRECTORY_MODE); /* why it cannot be made, opening the file tells */
}

/* A line that was begun before a crash is ended, so that it spoils no other. */
static bool look_at_end(struct event_file *file)
{
    struct stat status;
    char last = '\n';
    if (fstat(file->fd, &status) != 0)
        return failed(file, "cannot be written");
    if (!S_ISREG(status.st_mode)) {
        error_detail_set(&file->why, "cannot be written: it is not a regular file");
        return false;
    }
    file->bytes = status.st_size;
    if (file->bytes > 0 && pread(file->fd, &last, 1, file->bytes - 1) != 1)
        return failed(file, "cannot be read");
    file->torn = last != '\n';
    return true;
}

static bool open_file(struct event_file *file)
{
    /* O_NONBLOCK: a FIFO in the file's place must not hold us up */
    const int flags = O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    file->fd = open(file->path, flags, FILE_MODE);
    if (file->fd < 0 && errno == ENOENT) {
        make_directory(file->path);
        file->fd = open(file->path, flags, FILE_MODE);
    }
    if (file->fd < 0)
        return failed(file, "cannot be written");
    if (look_at_end(file))
        return true;
    close_file(file);
    return false;
}

/* --- rotating ---------------------------------------------------------------------------------------------
 */

static const char *kept_name(const struct event_file *file, unsigned number, char ret[NAME_BYTES])
{
    (void)snprintf(ret, NAME_BYTES, number == 0 ? "%s" : "%s.%u", file->path, number);
    return ret;
}

static bool exists(const struct event_file *file, unsigned number)
{
    char name[NAME_BYTES];
    struct stat status;
    return lstat(kept_name(file, number, name), &status) == 0;
}

/* Every one takes the next one's name, the last one's place is lost with its lines. A rotation that was
 * broken off has left a name free: those behind it have moved already. */
static bool rotate(struct event_file *file)
{
    char from[NAME_BYTES], to[NAME_BYTES];
    unsigned last = 1;
    while (last < file->kept && exists(file, last))
        last++;
    close_file(file);
    for (unsigned i = last; i > 0; i--) {
        if (rename(kept_name(file, i - 1, from), kept_name(file, i, to)) != 0) {
            failed(file, "cannot be renamed, so it grows");
            return false;
        }
    }
    for (unsigned i = file->kept + 1; i <= EVENT_FILES_KEPT_MAX; i++) /* more were kept once */
        (void)unlink(kept_name(file, i, to));
    return true;
}

/* --- writing ----------------------------------------------------------------------------------------------
 */

/* All of it, or what was there before. */
static bool append(struct event_file *file, const char *bytes, size_t count)
{
    size_t done = 0;
    while (done < count) {
        ssize_t written = write(file->fd, bytes + done, count - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            failed(file, "cannot be written");
            file->torn |= done > 0 && file_cut(file->path, file->bytes) != 0;
            return false;
        }
        done += (size_t)written;
    }
    file->bytes += (int64_t)count;
    return true;
}

static bool append_line(struct event_file *file, const char *line)
{
    char text[EVENT_FILE_BYTES_MIN];
    int bytes = snprintf(text, sizeof(text), "%s%s\n", file->torn ? "\n" : "", line);
    if (bytes < 0 || (size_t)bytes >= sizeof(text)) {
        error_detail_set(&file->why, "cannot be written: the line is too long");
        return false;
    }
    if (!append(file, text, (size_t)bytes))
        return false;
    file->torn = false;
    return true;
}

static enum event_file_news judge(struct event_file *file, bool written, bool rotated)
{
    bool was_failing = file->failing;
    if (!was_failing)
        file->missed = 0;
    if (!written)
        file->missed++;
    file->failing = !written || !rotated;
    if (file->failing == was_failing)
        return EVENT_FILE_AS_EVER;
    return file->failing ? EVENT_FILE_FAILS : EVENT_FILE_RECOVERS;
}

enum event_file_news event_file_write(struct event_file *file, const char *line)
{
    bool rotated = true;
    if (file->path[0] == '\0')
        return EVENT_FILE_AS_EVER;
    if (file->fd < 0 && !open_file(file))
        return judge(file, false, true);
    int64_t wanted = file->bytes + (int64_t)strlen(line) + 1;
    if (file->bytes > 0 && wanted > file->bytes_max) {
        rotated = rotate(file);
        if (!open_file(file) || (!rotated && wanted > UNROTATED_FACTOR * file->bytes_max))
            return judge(file, false, rotated);
    }
    bool written = append_line(file, line);
    if (!written)
        close_file(file); /* the next line looks anew */
    return judge(file, written, rotated);
}
