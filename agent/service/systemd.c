/* systemd.c - the service under systemd: readiness, reloading, the watchdog, sockets handed over, the
 * journal. Without systemd around (no $NOTIFY_SOCKET, no journal) each call does nothing, so the same program
 * runs in a terminal. */
#define SD_JOURNAL_SUPPRESS_LOCATION /* this file has made none of the events */

#include "service.h"

#include "agent/core/log_event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>
#include <time.h>

#define SERVICE_APP_ID     SD_ID128_MAKE(5f, 0c, 3e, 8a, 91, 7d, 4b, 26, a4, e2, 6c, 1b, d8, 35, 70, 9e)
#define JOURNAL_OWN_FIELDS 4 /* MESSAGE, MESSAGE_ID, PRIORITY, FARMGATE_CODE */
#define JOURNAL_PREFIX     "FARMGATE_"

int service_main(int argc, char **argv, service_program_fn *program)
{
    return program(argc, argv);
}

const char *service_help(void)
{
    return "";
}

/* Signals are all that is asked. */
int service_open(uv_loop_t *loop, const struct service_listener *listener)
{
    (void)loop;
    (void)listener;
    return 0;
}

void service_close(void)
{
}

void service_ended(int exit_code)
{
    (void)exit_code;
}

size_t service_sockets(struct service_socket ret[SERVICE_SOCKETS_MAX])
{
    char **names = NULL;
    int count = sd_listen_fds_with_names(1, &names);
    size_t taken = 0;
    for (int i = 0; i < count && taken < SERVICE_SOCKETS_MAX; i++) {
        struct service_socket *socket = &ret[taken++];
        socket->fd = SD_LISTEN_FDS_START + i;
        (void)snprintf(socket->name, sizeof(socket->name), "%s", names ? names[i] : "");
    }
    for (char **name = names; name && *name; name++)
        free(*name);
    free(names);
    return taken;
}

void service_ready(const char *status)
{
    (void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void service_status(const char *status)
{
    (void)sd_notifyf(0, "STATUS=%s", status);
}

void service_reloading(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    long long us = (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", us);
}

void service_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}

uint64_t service_watchdog_ms(void)
{
    uint64_t us = 0;
    if (sd_watchdog_enabled(0, &us) <= 0)
        return 0;
    return us / 1000 / 2; /* twice within the period, as sd_watchdog_enabled(3) advises */
}

void service_alive(void)
{
    (void)sd_notify(0, "WATCHDOG=1");
}

/* --- the journal ------------------------------------------------------------------------------ */

struct entry {
    struct iovec parts[SERVICE_FIELDS_MAX + JOURNAL_OWN_FIELDS];
    int count;
    bool short_of_memory;
};

/* "host" with a prefix becomes "FARMGATE_HOST=value": the journal wants its names in capitals. */
static void add_part(struct entry *entry, const char *prefix, const char *name, const char *value)
{
    char *part = NULL;
    int bytes = asprintf(&part, "%s%s=%s", prefix, name, value);
    if (bytes < 0) {
        entry->short_of_memory = true;
        return;
    }
    for (char *c = part; *c != '='; c++) {
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    }
    entry->parts[entry->count++] = (struct iovec){part, (size_t)bytes};
}

/* What there is of a journal reads stderr as well. */
bool service_has_log(void)
{
    return false;
}

bool service_log(const struct log_event_form *form, const char *sentence, const struct service_field *fields,
                 size_t count)
{
    if (!getenv("JOURNAL_STREAM"))
        return false;
    struct entry entry = {.count = 0};
    const char priority[] = {(char)('0' + form->severity), '\0'};
    add_part(&entry, "", "MESSAGE", sentence);
    add_part(&entry, "", "MESSAGE_ID", form->message_id);
    add_part(&entry, "", "PRIORITY", priority);
    add_part(&entry, JOURNAL_PREFIX, "code", form->name);
    for (size_t i = 0; i < count && i < SERVICE_FIELDS_MAX; i++)
        add_part(&entry, JOURNAL_PREFIX, fields[i].name, fields[i].value);
    bool taken = !entry.short_of_memory && sd_journal_sendv(entry.parts, entry.count) >= 0;
    for (int i = 0; i < entry.count; i++)
        free(entry.parts[i].iov_base);
    return taken;
}

void service_machine_id(char *ret, size_t bytes)
{
    sd_id128_t id;
    ret[0] = '\0';
    if (bytes > SD_ID128_STRING_MAX - 1 && sd_id128_get_machine_app_specific(SERVICE_APP_ID, &id) >= 0)
        (void)sd_id128_to_string(id, ret);
}
