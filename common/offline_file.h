/* offline_file.h - the form of the files that a farm without a network and its authority exchange (offline.h
 * says what is in them): plain text that whoever guards the network can read.
 *
 *     farmgate-offline-request-1        what it is, and the version of this form
 *     WORD VALUE                        so many lines
 *     checksum HEX                      BLAKE2b-128 of all lines before: what was cut off or damaged is named
 *
 * Made to survive mail and USB sticks: no line without spaces is longer than OFFLINE_LINE_BYTES; what does
 * not fit goes on in the next one, behind a space. Line ends of any kind, blanks at the end of a line, empty
 * lines and a byte order mark do not matter; checksum, proof and signature are over the lines as they were
 * before folding, each ended by one newline. Words that are not known are skipped (and are covered all the
 * same). */
#ifndef FARMGATE_COMMON_OFFLINE_FILE_H
#define FARMGATE_COMMON_OFFLINE_FILE_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OFFLINE_LINE_BYTES     76
#define OFFLINE_CHECKSUM_BYTES 33 /* in hexadecimal, with a NUL */
#define OFFLINE_DIGEST_BYTES   32 /* BLAKE2b-256 */

/* Why a file is not taken: a code for programs, a sentence for people. One table for both sides. */
#define OFFLINE_FAULTS(X)                                                                             \
    X(OFFLINE_GOOD, "", "")                                                                           \
    X(OFFLINE_NO_FILE, "not_an_offline_file", "this is no file of an offline exchange")               \
    X(OFFLINE_OTHER_KIND, "wrong_offline_file", "this is the other file of the exchange")             \
    X(OFFLINE_NEWER, "newer_offline_file", "this file is of a newer version than this program knows") \
    X(OFFLINE_CUT, "truncated_file", "the end of the file is missing: copy it again")                 \
    X(OFFLINE_DAMAGED, "damaged_file",                                                                \
      "the file was changed on its way: its checksum does not fit; copy it again")                    \
    X(OFFLINE_TOO_LARGE, "file_too_large", "the file is larger than any that is ever made")           \
    X(OFFLINE_INVALID, "invalid_file", "the file does not say what it must")                          \
    X(OFFLINE_NO_MEMORY, "out_of_memory", "no memory to read the file")

#define OFFLINE_FAULT_ENUM(name, code, text) name,
enum offline_fault { OFFLINE_FAULTS(OFFLINE_FAULT_ENUM) OFFLINE_FAULT_MAX };
#undef OFFLINE_FAULT_ENUM

const char *offline_fault_code(enum offline_fault fault);
const char *offline_fault_text(enum offline_fault fault);

enum offline_kind { OFFLINE_REQUEST, OFFLINE_ANSWER, OFFLINE_KIND_MAX };

/* --- writing -------------------------------------------------------------------------------------------- */

struct offline_writer; /* grows; a failure sticks and is told at the end */
struct offline_writer *offline_writer_create(enum offline_kind kind); /* NULL without memory */
void offline_writer_destroy(struct offline_writer *writer);
/* What a line cannot hold (control characters, blanks at either end) is left out of the value. */
void offline_write(struct offline_writer *writer, const char *word, const char *format, ...)
    __attribute__((format(__printf__, 3, 4)));
/* Of the lines so far. */
void offline_writer_digest(const struct offline_writer *writer, unsigned char ret[OFFLINE_DIGEST_BYTES]);
/* Adds the checksum, folds, and destroys the writer. The text is to be freed with free(); NULL: no memory. */
char *offline_writer_take(struct offline_writer *writer, char ret_checksum[OFFLINE_CHECKSUM_BYTES]);

/* --- reading -------------------------------------------------------------------------------------------- */

/* A file whose checksum fits, taken apart; words and values live as long as it. */
struct offline_line {
    const char *word, *value;
};
struct offline_file {
    struct offline_line *lines; /* without the first and the checksum */
    size_t count;
    char checksum[OFFLINE_CHECKSUM_BYTES];
    /* Of all lines before the last (which may be the proof or the signature of those before). */
    unsigned char digest[OFFLINE_DIGEST_BYTES];
    char *text;
};

/* Anything but OFFLINE_GOOD leaves nothing to finish. */
enum offline_fault offline_file_read(enum offline_kind kind, const char *text, size_t bytes, size_t bytes_max,
                                     struct offline_file *ret, struct error_detail *ret_detail);
void offline_file_finish(struct offline_file *file);

/* How a word's value is read. False: it is not what it must be. */
typedef bool offline_take_fn(void *of, const char *value);
struct offline_word {
    const char *word;
    offline_take_fn *take;
    bool required, repeated;
};
/* Hands each known word's value to its taker. OFFLINE_INVALID with words for one that is wrong, missing, or
 * there twice. */
enum offline_fault offline_file_take(const struct offline_file *file, const struct offline_word *words,
                                     size_t count, void *of, struct error_detail *ret_detail);

/* Whole decimal numbers within bounds, ended by `end`; *text moves behind that. */
bool offline_number(const char **text, char end, int64_t min, int64_t max, int64_t *ret);
/* A value that fits whole into `ret_bytes` with its NUL, and is not empty. */
bool offline_text(const char *value, char *ret, size_t ret_bytes);

#endif
