#include "gate.h"

#include "common/file.h"
#include "core/connection.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GATE_FILE_MODE       0600
#define GATE_DIRECTORY_BYTES (sizeof(((struct gate *)NULL)->directory))
#define GATE_PATH_BYTES      (GATE_DIRECTORY_BYTES + 16)
#define GATE_TEXT_BYTES_MAX  8192 /* of a nologin and a note on it */
#define GATE_NAME_NOLOGIN    "nologin"
#define GATE_NAME_PRESENT    "present"
#define GATE_NAME_RUN_OUT    "run-out"
#define RUN_OUT_NOTE                                                                             \
    "All licences are in use: that is why nologin stands here, and it goes with farmgated. See " \
    "farmgated(8).\n"

void gate_init(struct gate *gate, const char *directory)
{
    *gate = (struct gate){0};
    assert(strlen(directory) < sizeof(gate->directory)); /* settings.h limits it */
    memcpy(gate->directory, directory, strlen(directory));
}

static int by_bytes(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* One name a line, sorted and each once, so that the same set always gives the same file. A name with a
 * control character could pass for two: it is left out. NULL without memory. */
static char *present_text(const char *const *present, size_t count)
{
    const char **names = malloc((count + 1) * sizeof(*names));
    if (!names)
        return NULL;
    size_t kept = 0, bytes = 1;
    for (size_t i = 0; i < count; i++) {
        if (!connection_text_valid(present[i], GATE_NAME_BYTES_MAX))
            continue;
        names[kept++] = present[i];
        bytes += strlen(present[i]) + 1;
    }
    qsort(names, kept, sizeof(*names), by_bytes);
    char *text = malloc(bytes), *end = text;
    for (size_t i = 0; text && i < kept; i++) {
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            end += sprintf(end, "%s\n", names[i]);
    }
    if (text)
        *end = '\0';
    free(names);
    return text;
}

static char *with_newline(const char *text)
{
    char *line = malloc(strlen(text) + 2);
    if (line)
        (void)sprintf(line, "%s\n", text);
    return line;
}

static void file_path(const char *directory, const char *name, char ret_path[GATE_PATH_BYTES])
{
    (void)snprintf(ret_path, GATE_PATH_BYTES, "%s/%s", directory, name);
}

static int write_file(const struct gate *gate, const char *name, const char *text,
                      struct error_detail *ret_detail)
{
    char path[GATE_PATH_BYTES];
    file_path(gate->directory, name, path);
    return file_replace(path, text, strlen(text), GATE_FILE_MODE, false, ret_detail);
}

/* Replaces *kept, what the file holds, by `text` (taken over) unless they are the same. */
static int keep_file(const struct gate *gate, const char *name, char **kept, char *text,
                     struct error_detail *ret_detail)
{
    if (*kept && strcmp(*kept, text) == 0) {
        free(text);
        return 0;
    }
    int error = write_file(gate, name, text, ret_detail);
    free(*kept);
    *kept = error == 0 ? text : NULL;
    if (error != 0)
        free(text);
    return error;
}

static int remove_file(const char *directory, const char *name, struct error_detail *ret_detail)
{
    char path[GATE_PATH_BYTES];
    file_path(directory, name, path);
    if (unlink(path) == 0 || errno == ENOENT)
        return 0;
    int number = errno;
    error_detail_set(ret_detail, "cannot remove %s: %s", path, strerror(number));
    return error_from_errno(number);
}

/* In this order: run-out without a nologin harms nobody, a nologin that has lost its run-out stays for ever.
 */
static int remove_both(const char *directory, struct error_detail *ret_detail)
{
    int error = remove_file(directory, GATE_NAME_NOLOGIN, ret_detail);
    return error != 0 ? error : remove_file(directory, GATE_NAME_RUN_OUT, ret_detail);
}

/* Opening: nologin goes first, whatever becomes of `present`. */
static int open_files(struct gate *gate, char *present, struct error_detail *ret_detail)
{
    int error = 0;
    if (!gate->written || gate->state != GATE_OPEN)
        error = remove_both(gate->directory, ret_detail);
    if (error != 0) {
        free(present);
        return error;
    }
    free(gate->text);
    gate->text = NULL;
    return keep_file(gate, GATE_NAME_PRESENT, &gate->present, present, ret_detail);
}

/* Whether nologin is already the deactivation that run-out tells of. */
static bool has_passed_on(const char *directory)
{
    char path[GATE_PATH_BYTES], *told = NULL, *stands = NULL;
    size_t told_bytes, bytes, note_bytes = strlen(RUN_OUT_NOTE);
    file_path(directory, GATE_NAME_RUN_OUT, path);
    bool passed = file_read(path, GATE_TEXT_BYTES_MAX, &told, &told_bytes, NULL) == 0;
    file_path(directory, GATE_NAME_NOLOGIN, path);
    passed = passed && file_read(path, GATE_TEXT_BYTES_MAX, &stands, &bytes, NULL) == 0 &&
             told_bytes > note_bytes && strcmp(told + note_bytes, stands) == 0;
    free(told);
    free(stands);
    return passed;
}

static bool exists(const char *directory, const char *name)
{
    char path[GATE_PATH_BYTES];
    struct stat status;
    file_path(directory, name, path);
    return lstat(path, &status) == 0;
}

/* run-out tells of the deactivation that comes next. Where what is on disk is not known, it may be one
 * already. */
static int tell_of_closing(const struct gate *gate, const char *text, struct error_detail *ret_detail)
{
    char *note = NULL;
    if (gate->written ? gate->state != GATE_RUN_OUT : !exists(gate->directory, GATE_NAME_RUN_OUT))
        return 0;
    if (!gate->written && has_passed_on(gate->directory))
        return remove_file(gate->directory, GATE_NAME_RUN_OUT, ret_detail);
    if (asprintf(&note, "%s%s", RUN_OUT_NOTE, text) < 0) {
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    int error = write_file(gate, GATE_NAME_RUN_OUT, note, ret_detail);
    free(note);
    return error;
}

/* Says by run-out which nologin it is that comes next. */
static int mark(const struct gate *gate, enum gate_state state, const char *text,
                struct error_detail *ret_detail)
{
    if (gate->written && gate->state == state)
        return 0;
    if (state == GATE_RUN_OUT)
        return write_file(gate, GATE_NAME_RUN_OUT, RUN_OUT_NOTE, ret_detail);
    return tell_of_closing(gate, text, ret_detail);
}

/* A deactivation stands. */
static int unmark(const struct gate *gate, struct error_detail *ret_detail)
{
    if (gate->written && gate->state == GATE_CLOSED)
        return 0;
    return remove_file(gate->directory, GATE_NAME_RUN_OUT, ret_detail);
}

/* Closing: `present` must stand before nologin does, and without it nologin is not made. So nobody who may
 * come back is refused at any instant. */
static int close_files(struct gate *gate, enum gate_state state, char *text, char *present,
                       struct error_detail *ret_detail)
{
    int error = keep_file(gate, GATE_NAME_PRESENT, &gate->present, present, ret_detail);
    if (error == 0)
        error = mark(gate, state, text, ret_detail);
    if (error != 0) {
        free(text);
        return error;
    }
    error = keep_file(gate, GATE_NAME_NOLOGIN, &gate->text, text, ret_detail);
    return error == 0 && state == GATE_CLOSED ? unmark(gate, ret_detail) : error;
}

static void forget(struct gate *gate)
{
    free(gate->text);
    free(gate->present);
    gate->text = gate->present = NULL;
    gate->written = false;
}

int gate_apply(struct gate *gate, enum gate_state state, const char *text, const char *const *present,
               size_t present_count, struct error_detail *ret_detail)
{
    bool closes = state != GATE_OPEN;
    if (gate->directory[0] == '\0')
        return 0;
    char *names = present_text(present, present_count);
    char *line = closes ? with_newline(text) : NULL;
    if (!names || (closes && !line)) {
        free(names);
        free(line);
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    int error =
        closes ? close_files(gate, state, line, names, ret_detail) : open_files(gate, names, ret_detail);
    if (error != 0) {
        forget(gate);
        return error;
    }
    gate->written = true;
    gate->state = state;
    return 0;
}

int gate_after_stop(const char *directory, struct error_detail *ret_detail)
{
    char path[GATE_PATH_BYTES];
    struct stat status;
    if (directory[0] == '\0' || strlen(directory) >= GATE_DIRECTORY_BYTES)
        return 0;
    file_path(directory, GATE_NAME_RUN_OUT, path);
    if (lstat(path, &status) == 0)
        return has_passed_on(directory) ? remove_file(directory, GATE_NAME_RUN_OUT, ret_detail)
                                        : remove_both(directory, ret_detail);
    int number = errno;
    if (number == ENOENT || number == ENOTDIR)
        return 0;
    error_detail_set(ret_detail, "cannot look for %s: %s", path, strerror(number));
    return error_from_errno(number);
}

int gate_finish(struct gate *gate, struct error_detail *ret_detail)
{
    forget(gate);
    return gate_after_stop(gate->directory, ret_detail);
}
