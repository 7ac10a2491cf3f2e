/* log.h - lines for people: stderr with sd-daemon prefixes, human or JSON. Log events proper
 * (farmgate-events(7)) are made by agent/log_sink; this is what they and start-up errors are written through.
 */
#ifndef FARMGATE_COMMON_LOG_H
#define FARMGATE_COMMON_LOG_H

#include <stdarg.h>
#include <stdbool.h>

/* Severities are syslog's: 3 error … 7 debug. */
enum log_format { LOG_FORMAT_HUMAN, LOG_FORMAT_JSON, LOG_FORMAT_SYSTEMD };

struct log {
    enum log_format format;
    int severity_max; /* less important lines are left out */
    int fd;           /* 2 */
    const char *program;
};

/* LOG_FORMAT_SYSTEMD when stderr is the journal's ($JOURNAL_STREAM fits), else human. */
void log_init(struct log *log, const char *program);

/* One line, at once, unbuffered; newlines and control characters are escaped; a failing write is ignored. */
void log_line(const struct log *log, int severity, const char *format, ...)
    __attribute__((format(__printf__, 3, 4)));

#endif
