#include "cloud/service/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

size_t service_sockets(struct service_socket ret[SERVICE_SOCKETS_MAX])
{
    char **names = NULL;
    size_t count = 0;
    int passed = sd_listen_fds_with_names(1, &names);
    for (int i = 0; i < passed; i++) {
        int fd = SD_LISTEN_FDS_START + i;
        if (count == SERVICE_SOCKETS_MAX) {
            (void)close(fd);
        } else {
            ret[count].fd = fd;
            (void)snprintf(ret[count].name, sizeof ret[count].name, "%s", names[i]);
            count++;
        }
        free(names[i]);
    }
    free(names);
    return count;
}

void service_ready(const char *status)
{
    (void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void service_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}
