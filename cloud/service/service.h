/* service.h - how the authority talks to whoever runs it: systemd, or nobody (plain.c). One contract, one
 * file a variant; the build picks. */
#ifndef FARMGATE_CLOUD_SERVICE_SERVICE_H
#define FARMGATE_CLOUD_SERVICE_SERVICE_H

#include <stddef.h>

#define SERVICE_SOCKETS_MAX 4

/* A listening socket that was handed over. */
struct service_socket {
    int fd;
    char name[64]; /* "public", "admin": FileDescriptorName= */
};

/* Call once. The sockets handed over by the manager; 0 if none. */
size_t service_sockets(struct service_socket ret[SERVICE_SOCKETS_MAX]);

void service_ready(const char *status);
void service_stopping(void);

#endif
