/* config_file.h - the text of a configuration file, after refusing what libconfig 1.5 does not survive or
 * notice: a directory or FIFO where a file is included, a NUL byte, an integer that it would cut to 32 bits.
 */
#ifndef FARMGATE_COMMON_CONFIG_FILE_H
#define FARMGATE_COMMON_CONFIG_FILE_H

#include "error.h"

#include <limits.h>

#define CONFIG_FILE_BYTES_MAX    (1024 * 1024) /* of a file, and of each that it includes */
#define CONFIG_INCLUDE_DEPTH_MAX 10            /* libconfig's own */

/* Where @include looks: the directory that the file is in. */
void config_file_directory(const char *path, char ret[PATH_MAX]);

/* Reads the file and checks it and all that it includes; *ret_text is to be freed with free().
 * ERROR_CONFIGURATION, ERROR_NOT_FOUND, ERROR_FORBIDDEN, ERROR_IO, ERROR_NO_MEMORY. */
int config_file_read(const char *path, const char *directory, char **ret_text,
                     struct error_detail *ret_detail);

/* Whether `text`, lines that no file has, is free of what is checked above; it may include nothing.
 * ERROR_CONFIGURATION. */
int config_file_check_value(const char *text, struct error_detail *ret_detail);

#endif
