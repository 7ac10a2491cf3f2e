/* service.h - how the process talks to whoever runs it: systemd, the Windows service manager, or nobody
 * (plain.c). One contract, one file a variant; the build picks. */
#ifndef FARMGATE_AGENT_SERVICE_SERVICE_H
#define FARMGATE_AGENT_SERVICE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct log_event_form;

#define SERVICE_SOCKETS_MAX 8
#define SERVICE_FIELDS_MAX  16

/* A listening socket that was handed over. */
struct service_socket {
    int fd;
    char name[64]; /* "agent", "admin", "tcp": FileDescriptorName= */
};

/* What the program does, main() but for its name. */
typedef int service_program_fn(int argc, char **argv);

/* Runs the program as its manager wants it run, or carries out what the arguments ask of the manager itself
 * (service_help); the exit code. Called once. */
int service_main(int argc, char **argv, service_program_fn *program);
/* Lines for --help about such arguments; "" where there are none. */
const char *service_help(void);

/* What a manager asks by other ways than signals. From the loop, whose thread is the program's. */
struct service_listener {
    void (*stop)(void *data);
    void (*reload)(void *data);
    void (*sessions_changed)(void *data); /* a session of this host began, ended, connected, disconnected */
    void *data;
};
/* What was asked before is told as well. Without a manager nothing is. Negative: libuv's code. */
int service_open(uv_loop_t *loop, const struct service_listener *listener);
/* Nothing is told any more; a handle of the loop is closed when it turns. */
void service_close(void);
/* The last word before the process ends by itself, without a return to service_main. */
void service_ended(int exit_code);

/* Sockets handed over by the manager; 0 if none. */
size_t service_sockets(struct service_socket ret[SERVICE_SOCKETS_MAX]);

void service_ready(const char *status);
void service_status(const char *status); /* one line for `systemctl status` */
void service_reloading(void);
void service_stopping(void);
/* Interval in ms at which service_alive must be called, 0 for none. */
uint64_t service_watchdog_ms(void);
void service_alive(void);

/* One field of a log event; the journal has "host" as FARMGATE_HOST. */
struct service_field {
    const char *name, *value;
};

/* Whether the system's log is all that anybody reads of us: a service of Windows has no stderr. */
bool service_has_log(void);
/* Sends one log event to the system's log: true if it took it (the journal, Windows' Event Log), false where
 * stderr is to be used. */
bool service_log(const struct log_event_form *form, const char *sentence, const struct service_field *fields,
                 size_t count);

/* This machine's application-specific id, "" where there is none. */
void service_machine_id(char *ret, size_t bytes);

#endif
