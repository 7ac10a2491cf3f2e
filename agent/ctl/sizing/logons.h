/* logons.h - makes sessions of what the services of Unix machines log about them.
 *
 * One log-on leaves up to three records: PAM's, which tells the service and with it the route; logind's,
 * which tells when its user has left though processes linger; xrdp's own. Records of different services about
 * one user on one host within LOGONS_JOIN_MS are one log-on, the first of each kind with the first of the
 * other. PAM's and xrdp's word is taken for what it is: a log-on of a service that is not read (cron, su)
 * takes logind's record with it; one that only logind tells of counts once nobody else spoke up, as `ssh`. A
 * log-on ends with the first record that says so. Log-outs are matched by process, or by logind's number;
 * where a log has no process numbers, by service and user, the earliest first.
 *
 * A host's log-ons all end when the kernel starts, when logind takes the machine down, when the boot id
 * changes; and at logind's start, if its next session's number shows that it counts from the beginning
 * again. */
#ifndef FARMGATE_CTL_LOGONS_H
#define FARMGATE_CTL_LOGONS_H

#include "reader.h"
#include "service_line.h"

#define LOGONS_JOIN_MS INT64_C(10000)

/* A line's circumstances. */
struct logons_line {
    int64_t at_ms;
    struct log_span host;    /* empty: the settings' */
    struct log_span process; /* that wrote it; empty: not told */
    struct log_place place;
};

struct logons;

/* `prefix` (of SESSION_NAME_PREFIX_BYTES at most) begins the sessions' names; both outlive it. NULL without
 * memory. */
struct logons *logons_create(const struct reader_settings *settings, const char *prefix);
void logons_destroy(struct logons *logons);

/* 0, ERROR_NO_MEMORY or what the sink returned; all of them. */
int logons_take(struct logons *logons, const struct logons_line *line, const struct service_line *says);
/* The line is of this boot of its host; if that is not the one before, all that went before has ended. */
int logons_boot(struct logons *logons, const struct logons_line *line, struct log_span boot);
/* Gives what waits for other services' word. */
int logons_end(struct logons *logons);

#endif
