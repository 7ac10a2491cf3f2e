#include "cloud/service/service.h"

size_t service_sockets(struct service_socket ret[SERVICE_SOCKETS_MAX])
{
    (void)ret;
    return 0;
}

void service_ready(const char *status)
{
    (void)status;
}

void service_stopping(void)
{
}
