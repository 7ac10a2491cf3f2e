/* systemd.c - the service under systemd: readiness, reloading, the watchdog, sockets handed over, the
 * journal. Without systemd around (no $NOTIFY_SOCKET, no journal) each call does nothing, so the same program
 * runs in a terminal. */
#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>
#include <time.h>

#define SERVICE_APP_ID         SD_ID128_MAKE(5f, 0c, 3e, 8a, 91, 7d, 4b, 26, a4, e2, 6c, 1b, d8, 35, 70, 9e)
#define SERVICE_JOURNAL_FIELDS 16
#define SERVICE_JOURNAL_BYTES  1024
#define SERVICE_JOURNAL_PREFIX "FARMGATE_"

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

/* "host" → "FARMGATE_HOST=value", as the journal wants its names. */
static size_t journal_field(char *ret, size_t bytes, const char *name, const char *value)
{
    int length = snprintf(ret, bytes, "%s%s=%s", SERVICE_JOURNAL_PREFIX, name, value);
    for (char *c = ret + strlen(SERVICE_JOURNAL_PREFIX); *c && *c != '='; c++) {
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    }
    return length < 0 ? 0 : (size_t)length >= bytes ? bytes - 1 : (size_t)length;
}

bool service_log(int severity, const char *text, const char *code, const char *const *names,
                 const char *const *values, size_t count)
{
    if (!getenv("JOURNAL_STREAM"))
        return false;
    char fields[SERVICE_JOURNAL_FIELDS][SERVICE_JOURNAL_BYTES];
    struct iovec parts[SERVICE_JOURNAL_FIELDS];
    int used = 0;
    int length = snprintf(fields[used], SERVICE_JOURNAL_BYTES, "MESSAGE=%s", text);
    parts[used] = (struct iovec){
        fields[used], (size_t)(length < SERVICE_JOURNAL_BYTES ? length : SERVICE_JOURNAL_BYTES - 1)};
    used++;
    length = snprintf(fields[used], SERVICE_JOURNAL_BYTES, "PRIORITY=%d", severity);
    parts[used] = (struct iovec){fields[used], (size_t)length};
    used++;
    parts[used] =
        (struct iovec){fields[used], journal_field(fields[used], SERVICE_JOURNAL_BYTES, "event", code)};
    used++;
    for (size_t i = 0; i < count && used < SERVICE_JOURNAL_FIELDS; i++, used++)
        parts[used] = (struct iovec){fields[used],
                                     journal_field(fields[used], SERVICE_JOURNAL_BYTES, names[i], values[i])};
    return sd_journal_sendv(parts, used) >= 0;
}

void service_machine_id(char *ret, size_t bytes)
{
    sd_id128_t id;
    ret[0] = '\0';
    if (bytes > SD_ID128_STRING_MAX - 1 && sd_id128_get_machine_app_specific(SERVICE_APP_ID, &id) >= 0)
        (void)sd_id128_to_string(id, ret);
}
