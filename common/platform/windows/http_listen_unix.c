/* http_listen_unix.c - a local socket is a named pipe here, which is listened to in another way: see
 * http_server.h. */
#include "common/http_server.h"

int http_listen_unix(const char *path, unsigned mode, int *ret_fd)
{
    (void)path;
    (void)mode;
    (void)ret_fd;
    return UV_ENOTSUP;
}
