/* utmp_layout.h - records of wtmp and utmp files as any machine's C library writes them: 384 bytes with
 * 32-bit times (x86-64, ppc64), 400 bytes with 64-bit ones (aarch64, s390x), in either byte order. Which one
 * a file has only its content tells. */
#ifndef FARMGATE_CTL_UTMP_LAYOUT_H
#define FARMGATE_CTL_UTMP_LAYOUT_H

#include "agent/core/connection.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTMP_RECORD_BYTES_MAX 400

enum utmp_layout { UTMP_384_LITTLE, UTMP_384_BIG, UTMP_400_LITTLE, UTMP_400_BIG, UTMP_LAYOUT_MAX };

/* ut_type, the same everywhere. */
enum utmp_type {
    UTMP_EMPTY,
    UTMP_RUN_LEVEL,
    UTMP_BOOT,
    UTMP_NEW_TIME,
    UTMP_OLD_TIME,
    UTMP_INIT,
    UTMP_LOGIN,
    UTMP_USER,
    UTMP_DEAD,
    UTMP_ACCOUNTING,
    UTMP_TYPE_MAX,
    UTMP_SHUTDOWN = 254 /* last's own */
};

/* A text within its record. */
struct utmp_field {
    const char *text;
    uint32_t bytes;
};

struct utmp_record {
    uint32_t type; /* as it stands there, of UTMP_TYPE_MAX or more too */
    uint32_t pid;  /* of a run level: the level and the one before */
    int64_t at_ms; /* 32-bit seconds are read unsigned, up to 2106; -1: no instant sizing knows */
    struct utmp_field line, user, host;
};

size_t utmp_record_bytes_of(enum utmp_layout layout);

/* `record` outlives what is read from it. */
void utmp_record_of(enum utmp_layout layout, const char *record, struct utmp_record *ret);

/* `console` on a terminal or a display of the machine ("tty1", ":0") that nobody remote is at, else `ssh`. */
enum connection_route utmp_route(const struct utmp_field *line, const struct utmp_field *host);

/* Whether its texts are texts. */
bool utmp_record_is_text(const struct utmp_record *record);

/* The layout in which most records of `bytes` make sense. *ret_sensible of them do and say something,
 * *ret_senseless make none. */
enum utmp_layout utmp_layout_guess(const char *bytes, size_t count, size_t *ret_sensible,
                                   size_t *ret_senseless);

#endif
