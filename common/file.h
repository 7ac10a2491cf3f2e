/* file.h - small files written whole: to a temporary name, fsynced, renamed, the directory fsynced. */
#ifndef FARMGATE_COMMON_FILE_H
#define FARMGATE_COMMON_FILE_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

/* Replaces `path`. `durable` false skips the fsyncs (tmpfs). Never follows a link at the temporary name
 * (O_EXCL, O_NOFOLLOW; a stale temporary file is removed first). ERROR_FULL, ERROR_FORBIDDEN, ERROR_IO. */
int file_replace(const char *path, const void *bytes, size_t count, unsigned mode, bool durable,
                 struct error_detail *ret_detail);

/* Reads a regular file of at most `bytes_max` bytes; *ret_text (free() it) is NUL-terminated. Never blocks on
 * a FIFO. ERROR_NOT_FOUND, ERROR_TOO_LARGE, ERROR_INVALID (not a regular file), ERROR_IO. */
int file_read(const char *path, size_t bytes_max, char **ret_text, size_t *ret_bytes,
              struct error_detail *ret_detail);

#endif
