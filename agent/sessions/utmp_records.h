/* utmp_records.h - the user records of a utmp file: who is logged in on which line. The file is anybody's
 * guess: torn at its end, with types nobody knows and records of processes that are long gone. */
#ifndef FARMGATE_AGENT_SESSIONS_UTMP_RECORDS_H
#define FARMGATE_AGENT_SESSIONS_UTMP_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define UTMP_LINE_BYTES_MAX 32
#define UTMP_USER_BYTES_MAX 32
#define UTMP_HOST_BYTES_MAX 256

struct utmp_user {
    char line[UTMP_LINE_BYTES_MAX + 1]; /* "pts/3" */
    char user[UTMP_USER_BYTES_MAX + 1];
    char host[UTMP_HOST_BYTES_MAX + 1]; /* "" for a local log-in */
    int64_t began_ms;
    pid_t pid;
};

size_t utmp_record_bytes(void);

/* Reads one record of utmp_record_bytes(); false if it is no user's. */
bool utmp_record_read(const void *record, struct utmp_user *ret);

#endif
