/* logs.h - reads all logs of one call, of many hosts and formats, in one order of time.
 *
 * Files of one host in one format, one going on where the other ended, are one stream (a rotated set: wtmp,
 * wtmp.1, …), in the order of their first events, whatever order they were given in. Which file goes on where
 * which ended is seen while they are read: files whose times overlap by more than LOGS_OVERLAP_MS are logs of
 * their own. In strict formats (ndjson, csv) each file is a stream, and sessions are the same in all of them.
 *
 * A file without a name of its host, in a format that tells none, is of this host; where two such files of
 * different directories have the same name, each is of a host called as its directory. */
#ifndef FARMGATE_CTL_LOGS_H
#define FARMGATE_CTL_LOGS_H

#include "reader.h"

#define LOGS_OVERLAP_MS INT64_C(10800000) /* clocks in local time, and put right */

struct logs_settings {
    bool sort; /* by stamps, however late; holds everything */
    int year;  /* of a stream's first line whose time has none; 0: by the file's date */
    const struct reader_services *services;
    const struct csv_map *csv; /* NULL: by common names */
    struct repairs *repairs;
    /* The next event in order of time. 0, or an error that ends it all. */
    int (*take)(void *data, const struct sizing_event *event);
    /* A sentence about a file, for people. */
    void (*tell)(void *data, const char *sentence);
    /* Called after every piece. False: the rest is not to be read any more. */
    bool (*go_on)(void *data, uint64_t raw_bytes_read);
    void *data;
};

struct logs;

/* The settings' pointers outlive it. NULL without memory. */
struct logs *logs_create(const struct logs_settings *settings);
void logs_destroy(struct logs *logs);

/* "FILE", "-" or "NAME=FILE" (a path that exists is no NAME=FILE). What cannot be read is told and left out.
 * ERROR_INVALID with *ret_detail for a NAME that is none; ERROR_CANCELLED: a signal came; ERROR_NO_MEMORY. */
int logs_add(struct logs *logs, const char *argument, struct error_detail *ret_detail);

/* Reads all that was added; once. ERROR_INVALID with *ret_detail for an event that a strict log has too late;
 * ERROR_NO_MEMORY; what `take` returned. */
int logs_read(struct logs *logs, struct error_detail *ret_detail);

/* Bytes of all files as they lie there; 0: not known for all. */
uint64_t logs_size_bytes(const struct logs *logs);

/* How it went, for the exit code: whether anything was understood, or was a log without a record; whether
 * something could not be opened. */
bool logs_understood(const struct logs *logs);
bool logs_failed_to_open(const struct logs *logs);

#endif
