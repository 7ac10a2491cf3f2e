/* line_reader.h - what readers of text share: bytes cut anywhere in, whole lines out. Blank or not, all lines
 * count; one that is too long is told (REPAIR_TOO_LONG) and left out, and takes no room. A byte order mark
 * before the first line is none of it. */
#ifndef FARMGATE_CTL_LINE_READER_H
#define FARMGATE_CTL_LINE_READER_H

#include "reader.h"

/* A format's own begins with it. The place is the line that is being taken. */
struct line_reader {
    struct reader base;
    size_t bytes_max; /* of a line without its end */
    /* A line without its "\n" or "\r\n". Returns 0 or an error, which ends the piece. */
    int (*take)(struct reader *reader, const char *line, size_t bytes);
    char *begun; /* what earlier pieces hold of a line */
    size_t begun_bytes;
    bool skipping; /* to the end of a line that is too long */
};

void line_reader_init(struct line_reader *lines, const struct reader_settings *settings, size_t bytes_max,
                      int (*take)(struct reader *reader, const char *line, size_t bytes));
void line_reader_finish(struct line_reader *lines);

/* Those of a format (reader.h). */
int line_reader_begin_file(struct reader *reader, const char *file);
int line_reader_feed(struct reader *reader, const char *bytes, size_t count);
int line_reader_end_file(struct reader *reader);

#define LINE_READER_SAMPLE 64 /* lines by which a format is recognised */

/* Whether a line is one of a format. */
enum line_verdict { LINE_SAYS_NOTHING, LINE_FITS, LINE_DOES_NOT_FIT };

/* recognise() by the first lines: sure where as many fit as do not. `judge` sees no empty ones. */
enum recognised line_reader_recognise(const char *head, size_t bytes, bool whole,
                                      enum line_verdict (*judge)(void *data, const char *line, size_t bytes),
                                      void *data);

#endif
