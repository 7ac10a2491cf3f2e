#include "progress.h"

#include <inttypes.h>
#include <unistd.h>

#define SIZE_BYTES 24

void progress_begin(struct progress *progress, FILE *file, uint64_t size_bytes, int64_t now_ms)
{
    *progress = (struct progress){
        .file = isatty(fileno(file)) == 1 ? file : NULL,
        .size_bytes = size_bytes,
        .begun_ms = now_ms,
        .shown_ms = now_ms + PROGRESS_FIRST_MS - PROGRESS_EVERY_MS,
    };
}

static const char *size_text(double bytes, char ret[SIZE_BYTES])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;
    for (; bytes >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1024;
    (void)snprintf(ret, SIZE_BYTES, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return ret;
}

static const char *time_text(double seconds, char ret[SIZE_BYTES])
{
    if (seconds < 60)
        (void)snprintf(ret, SIZE_BYTES, "%.0f s", seconds);
    else if (seconds < 3600)
        (void)snprintf(ret, SIZE_BYTES, "%.0f min", seconds / 60);
    else
        (void)snprintf(ret, SIZE_BYTES, "%.1f h", seconds / 3600);
    return ret;
}

const char *progress_line(const struct progress *progress, uint64_t bytes, int64_t now_ms,
                          char ret[PROGRESS_LINE_BYTES])
{
    char done[SIZE_BYTES], all[SIZE_BYTES], rate[SIZE_BYTES], left[SIZE_BYTES];
    double seconds = (double)(now_ms > progress->begun_ms ? now_ms - progress->begun_ms : 1) / 1000;
    double a_second = (double)bytes / seconds;
    size_text((double)bytes, done);
    size_text(a_second, rate);
    if (progress->size_bytes == 0 || bytes == 0 || bytes > progress->size_bytes) {
        (void)snprintf(ret, PROGRESS_LINE_BYTES, "%s, %s/s", done, rate);
        return ret;
    }
    (void)snprintf(ret, PROGRESS_LINE_BYTES, "%s of %s, %s/s, %s left", done,
                   size_text((double)progress->size_bytes, all), rate,
                   time_text((double)(progress->size_bytes - bytes) / a_second, left));
    return ret;
}

void progress_at(struct progress *progress, uint64_t bytes, int64_t now_ms)
{
    char line[PROGRESS_LINE_BYTES];
    if (progress->file == NULL || now_ms - progress->shown_ms < PROGRESS_EVERY_MS)
        return;
    fprintf(progress->file, "\r\033[K%s", progress_line(progress, bytes, now_ms, line));
    (void)fflush(progress->file);
    progress->shown_ms = now_ms;
    progress->shown = true;
}

void progress_end(struct progress *progress)
{
    if (!progress->shown)
        return;
    fputs("\r\033[K", progress->file);
    (void)fflush(progress->file);
    progress->shown = false;
}
