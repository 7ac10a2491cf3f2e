#include "../sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_at(int fd, const struct sockaddr_storage *address, int backlog)
{
    int yes = 1;
    bool v6 = address->ss_family == AF_INET6;
    socklen_t bytes = v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) ||
        (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes)) ||
        bind(fd, (const struct sockaddr *)address, bytes) || listen(fd, backlog))
        return uv_translate_sys_error(errno);
    return 0;
}

int sockets_listen(const struct sockaddr_storage *address, int backlog, int *ret_fd)
{
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return uv_translate_sys_error(errno);
    int error = listen_at(fd, address, backlog);
    if (error) {
        sockets_close(fd);
        return error;
    }
    *ret_fd = fd;
    return 0;
}

int sockets_address(int fd, struct sockaddr_storage *ret_address)
{
    struct sockaddr_storage address = {0};
    socklen_t bytes = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &bytes))
        return uv_translate_sys_error(errno);
    *ret_address = address;
    return 0;
}

int sockets_family(int fd, int *ret_family)
{
    struct sockaddr_storage address;
    int error = sockets_address(fd, &address);
    if (!error)
        *ret_family = address.ss_family;
    return error;
}

int sockets_accept(int listening_fd, struct sockaddr_storage *ret_address, int *ret_fd)
{
    struct sockaddr_storage address = {0};
    socklen_t bytes = sizeof address;
    int fd = accept4(listening_fd, (struct sockaddr *)&address, &bytes, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return uv_translate_sys_error(errno);
    *ret_address = address;
    *ret_fd = fd;
    return 0;
}

void sockets_say(int fd, const char *bytes, size_t count)
{
    (void)send(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void sockets_close(int fd)
{
    (void)close(fd);
}
