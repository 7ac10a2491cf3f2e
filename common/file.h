/* file.h - small files written whole: to a temporary name, fsynced, renamed, the directory fsynced. */
#ifndef FARMGATE_COMMON_FILE_H
#define FARMGATE_COMMON_FILE_H

#include "error.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Replaces `path`. `durable` false skips the fsyncs (tmpfs). Never follows a link at the temporary name
 * (O_EXCL, O_NOFOLLOW; a stale temporary file is removed first). ERROR_FULL, ERROR_FORBIDDEN, ERROR_IO. */
int file_replace(const char *path, const void *bytes, size_t count, unsigned mode, bool durable,
                 struct error_detail *ret_detail);

/* The two halves of it, for files that are to change together: what can fail for want of room has failed in
 * the first. file_prepare writes `path`.new, file_put_in_place renames it; who does not go on removes it. */
int file_prepare(const char *path, const void *bytes, size_t count, unsigned mode, bool durable,
                 struct error_detail *ret_detail);
int file_put_in_place(const char *path, bool durable, struct error_detail *ret_detail);
/* `path`.new; ERROR_TOO_LARGE. */
int file_new_name(const char *path, char ret[PATH_MAX], struct error_detail *ret_detail);
/* Makes names in the file's directory durable. */
int file_sync_directory(const char *path, struct error_detail *ret_detail);

/* Leaves the first `bytes` of it: 0, or negative. */
int file_cut(const char *path, int64_t bytes);

/* Reads a regular file of at most `bytes_max` bytes; *ret_text (free() it) is NUL-terminated. Never blocks on
 * a FIFO. ERROR_NOT_FOUND, ERROR_TOO_LARGE, ERROR_INVALID (not a regular file), ERROR_IO. */
int file_read(const char *path, size_t bytes_max, char **ret_text, size_t *ret_bytes,
              struct error_detail *ret_detail);

#endif
