#include "gate.h"

#include "common/file.h"
#include "core/connection.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GATE_FILE_MODE    0600
#define GATE_PATH_BYTES   (sizeof(((struct gate *)NULL)->directory) + 16)
#define GATE_NAME_NOLOGIN "nologin"
#define GATE_NAME_PRESENT "present"

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
        if (!connection_text_valid(present[i], CONNECTION_USER_BYTES_MAX))
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

static void file_path(const struct gate *gate, const char *name, char ret_path[GATE_PATH_BYTES])
{
    (void)snprintf(ret_path, GATE_PATH_BYTES, "%s/%s", gate->directory, name);
}

/* Replaces *kept, what the file holds, by `text` (taken over) unless they are the same. */
static int write_file(const struct gate *gate, const char *name, char **kept, char *text,
                      struct error_detail *ret_detail)
{
    if (*kept && strcmp(*kept, text) == 0) {
        free(text);
        return 0;
    }
    char path[GATE_PATH_BYTES];
    file_path(gate, name, path);
    int error = file_replace(path, text, strlen(text), GATE_FILE_MODE, false, ret_detail);
    free(*kept);
    *kept = error == 0 ? text : NULL;
    if (error != 0)
        free(text);
    return error;
}

static int remove_nologin(struct gate *gate, struct error_detail *ret_detail)
{
    char path[GATE_PATH_BYTES];
    file_path(gate, GATE_NAME_NOLOGIN, path);
    if (unlink(path) != 0 && errno != ENOENT) {
        int number = errno;
        error_detail_set(ret_detail, "cannot remove %s: %s", path, strerror(number));
        return error_from_errno(number);
    }
    free(gate->text);
    gate->text = NULL;
    return 0;
}

/* Opening: nologin goes first, whatever becomes of `present`. Closing: `present` must stand before nologin
 * does, and without it nologin is not made. So nobody who may come back is refused at any instant. */
static int open_files(struct gate *gate, char *present, struct error_detail *ret_detail)
{
    int error = gate->written && !gate->closed ? 0 : remove_nologin(gate, ret_detail);
    if (error != 0) {
        free(present);
        return error;
    }
    return write_file(gate, GATE_NAME_PRESENT, &gate->present, present, ret_detail);
}

static int close_files(struct gate *gate, char *text, char *present, struct error_detail *ret_detail)
{
    int error = write_file(gate, GATE_NAME_PRESENT, &gate->present, present, ret_detail);
    if (error != 0) {
        free(text);
        return error;
    }
    return write_file(gate, GATE_NAME_NOLOGIN, &gate->text, text, ret_detail);
}

static void forget(struct gate *gate)
{
    free(gate->text);
    free(gate->present);
    gate->text = gate->present = NULL;
    gate->written = false;
}

int gate_apply(struct gate *gate, bool closed, const char *text, const char *const *present,
               size_t present_count, struct error_detail *ret_detail)
{
    if (gate->directory[0] == '\0')
        return 0;
    char *names = present_text(present, present_count);
    char *line = closed ? with_newline(text) : NULL;
    if (!names || (closed && !line)) {
        free(names);
        free(line);
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    int error = closed ? close_files(gate, line, names, ret_detail) : open_files(gate, names, ret_detail);
    if (error != 0) {
        forget(gate);
        return error;
    }
    gate->written = true;
    gate->closed = closed;
    return 0;
}

void gate_finish(struct gate *gate)
{
    forget(gate);
}
