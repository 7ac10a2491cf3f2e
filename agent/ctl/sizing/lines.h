/* lines.h - cuts bytes that come in pieces into lines. A line that is too long is told and left out; it takes
 * no room. */
#ifndef FARMGATE_CTL_LINES_H
#define FARMGATE_CTL_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lines_settings {
    size_t bytes_max; /* of a line without its end */
    /* A line without its "\n" or "\r\n". Returns 0 or an error, which ends the piece. */
    int (*take)(void *data, const char *line, size_t bytes);
    /* A line longer than bytes_max has begun. */
    void (*too_long)(void *data);
    void *data;
};

struct lines {
    struct lines_settings settings;
    uint64_t number; /* of the line that is being taken, from 1 */
    char *begun;     /* what earlier pieces hold of it */
    size_t begun_bytes;
    bool skipping; /* to the end of a line that is too long */
};

void lines_init(struct lines *lines, const struct lines_settings *settings);
void lines_finish(struct lines *lines);

/* What follows is another file's first line. */
void lines_begin(struct lines *lines);
/* The next bytes, cut anywhere. 0, ERROR_NO_MEMORY, or what `take` returned. */
int lines_feed(struct lines *lines, const char *bytes, size_t count);
/* No more of this file: the last line need not have an end. */
int lines_end(struct lines *lines);

#endif
