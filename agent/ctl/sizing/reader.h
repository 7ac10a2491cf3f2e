/* reader.h - the one contract of all readers of logs: bytes of files in, connects, disconnects and log-offs
 * of sessions out.
 *
 *     files ──► input (decompressed) ──► reader of its format ──► order ──► sizing
 *
 * A reader knows a format and its traps, and nothing of files, order among files, or licences. One instance
 * reads a stream: the files of one host (or of one collector of several hosts' logs) in one format, in the
 * order of their time, as a rotated set is. What it is in the middle of at the end of a file goes on in the
 * next.
 *
 * A reader gives events in the order of its log; they may be up to ORDER_LATE_MS (order.h) behind the latest
 * before them. It stamps them as the log does; clocks that step back are repaired behind it. Session ids are
 * the reader's own to make: two sessions of one host that live at the same time have different ones, and a
 * reused id of the log (a line, a session number after a boot) may be given again once the former ended. What
 * a record does not tell (whether the user is an administrator) is unknown.
 *
 * Nothing in a log is an error: what cannot be read is skipped, and counted as a repair with its place. */
#ifndef FARMGATE_CTL_READER_H
#define FARMGATE_CTL_READER_H

#include "repair.h"
#include "sizing.h"

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

#define READER_LINE_BYTES_MAX 65536 /* of a line of text; a longer one is left out (REPAIR_TOO_LONG) */

/* Where a reader's events go. */
struct reader_sink {
    /* 0, or an error (memory), which the reader returns at once. The texts are the reader's. */
    int (*take)(void *data, const struct sizing_event *event);
    void *data;
    struct repairs *repairs;
};

/* Which services of a system log are read, by the names they log under ("sshd", "xrdp-sesman", "lsm",
 * "security"). NULL or empty: each format's default. */
struct reader_services {
    const char *const *names;
    size_t count;
};
/* Whether `service` is named (ASCII case aside). */
bool reader_service_named(const struct reader_services *services, const char *service, size_t bytes);

struct csv_map;

struct reader_settings {
    const char *host; /* of records that name none; where it was given (host_given), of all */
    bool host_given;
    int year;                               /* of the first line whose time has none; 0: see `modified_ms` */
    int64_t modified_ms;                    /* when the file was last written; 0: unknown */
    const struct reader_services *services; /* outlives the reader */
    const struct csv_map *csv; /* of csv: which column says what; NULL: by common names; outlives it */
    struct reader_sink sink;
};

/* How sure a format is that bytes are its own; the surest format reads them. */
enum recognised { RECOGNISED_NO, RECOGNISED_MAYBE, RECOGNISED_YES };

#define READER_HEAD_BYTES 65536 /* that recognise() is shown at most */

/* What every reader has; a format's own begins with it. */
struct reader {
    struct reader_settings settings;
    struct log_place place; /* of what is being read, and of the event being given */
    uint64_t understood; /* records of this format, of whatever kind: also such as say nothing of sessions */
};

struct reader_format {
    const char *name; /* "wtmp", "syslog", … as messages have it */
    /* Late events are the log's own fault and errors (ndjson, csv), not a clock's that is repaired. */
    bool strict_order;
    /* Stamps are UTC: files of which one goes on where the other ended overlap by no more than order.h puts
     * right. Others may by LOGS_OVERLAP_MS (logs.h). */
    bool in_utc;

    /* The first bytes of a file, decompressed; `whole`: there are no more. */
    enum recognised (*recognise)(const char *head, size_t bytes, bool whole);
    /* NULL without memory. */
    struct reader *(*create)(const struct reader_settings *settings);
    /* `file` is the name for messages; outlives the reader. */
    int (*begin_file)(struct reader *reader, const char *file);
    /* The next bytes, cut anywhere. Returns 0, ERROR_NO_MEMORY or what the sink returned. */
    int (*feed)(struct reader *reader, const char *bytes, size_t count);
    /* What is begun is complete, or torn. */
    int (*end_file)(struct reader *reader);
    /* No further file: gives what was held back. Sessions that are open stay so. */
    int (*end)(struct reader *reader);
    void (*destroy)(struct reader *reader);
};

/* ---- for the readers themselves */

/* Places are lines, or offsets. */
void reader_init(struct reader *reader, const struct reader_settings *settings, bool place_is_line);
/* begin_file, as far as it is the same for all: what comes next is the file's first line or byte. */
int reader_begin_file(struct reader *reader, const char *file);
/* end of those that hold nothing back. */
int reader_end(struct reader *reader);

/* What the sink returned. */
int reader_give(struct reader *reader, const struct sizing_event *event);
/* Counts something at the place being read as repaired; `what` may be NULL. */
void reader_repair(struct reader *reader, enum repair repair, const char *what);

#define READER_MARK "\xef\xbb\xbf" /* a byte order mark, as some programs begin a text of UTF-8 */
void reader_skip_mark(const char **bytes, size_t *count);

extern const struct reader_format reader_wtmp, reader_last, reader_syslog, reader_journal, reader_windows_xml,
    reader_windows_json, reader_evtx, reader_ndjson, reader_csv;

#endif
