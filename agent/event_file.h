/* event_file.h - log events as lines of JSON in a file that is rotated: FILE, the one before it FILE.1, and
 * so on to FILE.N. A file that cannot be written costs the lines that should be in it, and nothing else. */
#ifndef FARMGATE_AGENT_EVENT_FILE_H
#define FARMGATE_AGENT_EVENT_FILE_H

#include "common/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define EVENT_FILE_BYTES_MIN (64 * 1024)          /* more than any line has */
#define EVENT_FILE_BYTES_MAX (1024 * 1024 * 1024) /* of one file */
#define EVENT_FILES_KEPT_MAX 100

struct event_file {
    char path[PATH_MAX]; /* "": none */
    int64_t bytes_max;   /* of one file; twice that where it cannot be rotated */
    unsigned kept;       /* older files: 1 to EVENT_FILES_KEPT_MAX */
    int fd;              /* -1: not open */
    int64_t bytes;       /* in the open file */
    bool torn;           /* it ends within a line */
    bool failing;        /* said, and not over yet */
    uint64_t missed;     /* lines, since it fails */
    struct error_detail why;
};

/* What has to be said now. */
enum event_file_news {
    EVENT_FILE_AS_EVER,
    EVENT_FILE_FAILS,   /* `why` says it; not again until it is over */
    EVENT_FILE_RECOVERS /* `missed` lines are not in it */
};

/* None, until it is configured. */
void event_file_init(struct event_file *file);

/* From the next line on; that is written to whatever has the path then, so a file that was moved away is let
 * go. */
void event_file_configure(struct event_file *file, const char *path, int64_t bytes_max, unsigned kept);

/* One line, without its newline. */
enum event_file_news event_file_write(struct event_file *file, const char *line);

void event_file_finish(struct event_file *file);

#endif
