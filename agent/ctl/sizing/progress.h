/* progress.h - how far a long reading is, in one line of a terminal: bytes, rate, time left. */
#ifndef FARMGATE_CTL_PROGRESS_H
#define FARMGATE_CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PROGRESS_EVERY_MS   200  /* at most five times a second */
#define PROGRESS_FIRST_MS   1000 /* what is done by then shows nothing */
#define PROGRESS_LINE_BYTES 128

struct progress {
    FILE *file; /* NULL: nobody looks */
    uint64_t size_bytes;
    int64_t begun_ms, shown_ms;
    bool shown;
};

/* Shows only where `file` is a terminal. `size_bytes`: of all; 0: unknown. */
void progress_begin(struct progress *progress, FILE *file, uint64_t size_bytes, int64_t now_ms);
/* Shows it if it is time to. */
void progress_at(struct progress *progress, uint64_t bytes, int64_t now_ms);
/* Erases it. */
void progress_end(struct progress *progress);

/* "1.2 GiB of 4.0 GiB, 210.0 MiB/s, 14 s left". Returns ret. */
const char *progress_line(const struct progress *progress, uint64_t bytes, int64_t now_ms,
                          char ret[PROGRESS_LINE_BYTES]);

#endif
