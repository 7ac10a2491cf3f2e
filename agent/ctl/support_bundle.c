#include "support_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define BLOCK_BYTES 512
#define GZIP_WINDOW (15 + 16) /* zlib's largest, with gzip's head */

/* --- files ---------------------------------------------------------------------------------- */

bool support_bundle_add(struct support_bundle *bundle, const char *name, bool json, char *text)
{
    if (!text || bundle->count == SUPPORT_FILES_MAX) {
        free(text);
        return false;
    }
    struct support_file *file = &bundle->files[bundle->count++];
    (void)snprintf(file->name, sizeof(file->name), "%s", name);
    file->text = text;
    file->bytes = strlen(text);
    file->json = json;
    return true;
}

void support_bundle_finish(struct support_bundle *bundle)
{
    for (size_t i = 0; i < bundle->count; i++)
        free(bundle->files[i].text);
    bundle->count = 0;
}

const struct support_file *support_bundle_find(const struct support_bundle *bundle, const char *name)
{
    for (size_t i = 0; i < bundle->count; i++)
        if (strcmp(bundle->files[i].name, name) == 0)
            return &bundle->files[i];
    return NULL;
}

/* --- the archive ---------------------------------------------------------------------------- */

/* POSIX.1-1988's head of a regular file. */
struct head {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[6],
        version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct head) == BLOCK_BYTES, "a head is a block");

static void add_head(struct text_buffer *tar, const char *folder, const struct support_file *file,
                     int64_t unix_s)
{
    struct head head = {.type = '0', .magic = "ustar", .version = {'0', '0'}};
    unsigned sum = 0;
    (void)snprintf(head.name, sizeof(head.name), "%.30s/%s", folder, file->name);
    (void)snprintf(head.mode, sizeof(head.mode), "%07o", 0600u);
    (void)snprintf(head.uid, sizeof(head.uid), "%07o", 0u);
    (void)snprintf(head.gid, sizeof(head.gid), "%07o", 0u);
    (void)snprintf(head.size, sizeof(head.size), "%011llo", (unsigned long long)file->bytes);
    (void)snprintf(head.mtime, sizeof(head.mtime), "%011llo", (unsigned long long)unix_s);
    memset(head.sum, ' ', sizeof(head.sum));
    for (size_t i = 0; i < sizeof(head); i++)
        sum += ((const unsigned char *)&head)[i];
    (void)snprintf(head.sum, sizeof(head.sum), "%06o", sum & 0777777u);
    text_buffer_add(tar, (const char *)&head, sizeof(head));
}

static void add_padding(struct text_buffer *tar, size_t bytes)
{
    static const char zeros[2 * BLOCK_BYTES];
    text_buffer_add(tar, zeros, bytes);
}

/* gzip's head says neither when nor where, so that the same texts are the same archive. */
static int compress_all(const struct text_buffer *tar, char **ret, size_t *ret_bytes)
{
    z_stream stream = {.next_in = (Bytef *)tar->text, .avail_in = (uInt)tar->bytes};
    if (tar->bytes > UINT32_MAX / 2 ||
        deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return ERROR_NO_MEMORY;
    size_t room = deflateBound(&stream, (uLong)tar->bytes);
    char *packed = malloc(room);
    stream.next_out = (Bytef *)packed;
    stream.avail_out = (uInt)room;
    bool whole = packed && deflate(&stream, Z_FINISH) == Z_STREAM_END;
    size_t bytes = stream.total_out;
    (void)deflateEnd(&stream);
    if (!whole) {
        free(packed);
        return ERROR_NO_MEMORY;
    }
    *ret = packed;
    *ret_bytes = bytes;
    return 0;
}

int support_bundle_pack(const struct support_bundle *bundle, const char *folder, int64_t unix_s,
                        char **ret_archive, size_t *ret_bytes)
{
    struct text_buffer tar = {.text = NULL};
    for (size_t i = 0; i < bundle->count; i++) {
        const struct support_file *file = &bundle->files[i];
        add_head(&tar, folder, file, unix_s);
        text_buffer_add(&tar, file->text, file->bytes);
        add_padding(&tar, (BLOCK_BYTES - file->bytes % BLOCK_BYTES) % BLOCK_BYTES);
    }
    add_padding(&tar, sizeof(char[2 * BLOCK_BYTES]));
    int error = tar.failed ? ERROR_NO_MEMORY : compress_all(&tar, ret_archive, ret_bytes);
    text_buffer_finish(&tar);
    return error;
}

/* --- on the disk ---------------------------------------------------------------------------- */

static bool write_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(fd, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        count -= (size_t)written;
    }
    return fsync(fd) == 0;
}

int support_bundle_write(const char *path, const char *bytes, size_t count, struct error_detail *ret_detail)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        error_detail_set(ret_detail, "%s: %s%s", path, strerror(errno),
                         errno == EEXIST ? "; nothing is written over: name another with --output" : "");
        return ERROR_IO;
    }
    bool whole = write_all(fd, bytes, count);
    int error = errno;
    whole = close(fd) == 0 && whole;
    if (whole)
        return 0;
    (void)unlink(path);
    error_detail_set(ret_detail, "%s: %s; nothing of it was left", path, strerror(error));
    return ERROR_IO;
}
