/* log_file.h - one file of `farmgate size`, and what is found out about it before it is read: its format, its
 * host, and when its first event was. */
#ifndef FARMGATE_CTL_LOG_FILE_H
#define FARMGATE_CTL_LOG_FILE_H

#include "reader.h"

#define LOG_FILE_FIRST_EVENTS 5 /* by which the beginning is judged: one may be stamped wrongly */

#define LOG_FILE_NO_EVENT_MS INT64_MAX

struct input;
struct input_pool;

struct log_file {
    char *path; /* "-" too */
    char *host; /* of records that tell none */
    bool host_given;
    bool host_from_directory;
    struct input *input;
    const struct reader_format *format; /* NULL: nothing is in it */
    uint32_t number;                    /* in the order in which they were given */
    /* Of the first event; what only ends sessions that another file began is not seen. LOG_FILE_NO_EVENT_MS:
     * there is none; ORDER_UNKNOWN_MS: none in the first bytes of what can be read only once. */
    int64_t first_ms;
    bool begun;       /* to be read */
    char *first_host; /* of the first event; NULL: unknown */
};

/* Of "FILE", "-" or "NAME=FILE". ERROR_INVALID with *ret_detail: NAME is no name; ERROR_NO_MEMORY. */
int log_file_create(const char *argument, struct log_file **ret_file, struct error_detail *ret_detail);
void log_file_destroy(struct log_file *file);

/* Opens it and finds its format out. ERROR_INVALID with *ret_detail: no log, or of no format that is known;
 * ERROR_CANCELLED: a signal came before anything did; or why it could not be opened. */
int log_file_look(struct log_file *file, struct input_pool *pool, struct error_detail *ret_detail);

/* Names the hosts of those files that have the same name in different directories by these. */
int log_file_name_hosts(struct log_file *const *files, size_t count);

/* Finds the first event; further than in the first bytes only if `far`. What the settings say of hosts, dates
 * and the sink is the file's own. ERROR_NO_MEMORY. */
int log_file_find_first(struct log_file *file, const struct reader_settings *settings, bool far);

/* Whether both are of one rotated set by their paths: "a/wtmp", "a/wtmp.1", "a/wtmp-20260101.gz". */
bool log_file_same_name(const struct log_file *one, const struct log_file *other);
/* Whether both may be parts of one log: by their names or by their host. */
bool log_file_same_log(const struct log_file *one, const struct log_file *other);

/* It has been read: frees what is not needed for messages. */
void log_file_release(struct log_file *file);

#endif
