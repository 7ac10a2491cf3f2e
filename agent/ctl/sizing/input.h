/* input.h - a file, or the standard input, as the bytes that a reader is fed: decompressed by what its first
 * bytes show.
 *
 * Of regular files only some are open at once: the others are opened for each piece that is read, and must
 * still be the same file then. */
#ifndef FARMGATE_CTL_INPUT_H
#define FARMGATE_CTL_INPUT_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define INPUT_OPEN_MAX   256   /* regular files held open at once, of all inputs with one count */
#define INPUT_RAW_BYTES  65536 /* read at once */
#define INPUT_HEAD_BYTES 65536 /* that can be looked at before they are read */

struct input;

/* What all inputs of a run have in common. All zero at first; then the least of INPUT_OPEN_MAX and half of
 * what the process may open. */
struct input_pool {
    unsigned open_count, open_max;
};

/* Opens `path` ("-": the standard input, which stays open behind it). The pool outlives it; the path is
 * copied. On an error (of the system's, or ERROR_INVALID for what is no file: a directory) *ret_detail says
 * what is wrong. */
int input_open(struct input_pool *pool, const char *path, struct input **ret_input,
               struct error_detail *ret_detail);
void input_close(struct input *input);

/* The first bytes, INPUT_HEAD_BYTES unless there are fewer; input_read gives them again. Lives until the next
 * call. `ret_whole`: there are no more. ERROR_CANCELLED: a signal came before the first. */
int input_head(struct input *input, const char **ret_bytes, size_t *ret_count, bool *ret_whole);

/* Lets a regular file be read from its beginning again, and frees what it holds until then; false for
 * anything else. */
bool input_rewind(struct input *input);

/* The next bytes; 0 of them at the end. Read errors and damage end it early: see input_damage. They live
 * until the next call. ERROR_CANCELLED: a signal came, call again to go on; ERROR_NO_MEMORY. */
int input_read(struct input *input, const char **ret_bytes, size_t *ret_count);

/* What ended it before its end, in words ("the gzip data break off"); NULL: nothing. */
const char *input_damage(const struct input *input);

uint64_t input_raw_offset(const struct input *input); /* of the file as it lies there, read so far */
uint64_t input_size_bytes(const struct input *input); /* as it lies there; 0: unknown */
int64_t input_modified_ms(const struct input *input); /* 0: unknown */
bool input_is_regular(const struct input *input);
bool input_is_same(const struct input *one, const struct input *other); /* file */

#endif
