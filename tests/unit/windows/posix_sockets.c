/* See sys/socket.h here. */
#include <sys/socket.h>
#undef socket
#undef connect
#undef getsockname
#undef setsockopt
#undef recv
#undef send
#undef shutdown

#include "common/error.h"
#include "common/file.h"
#include "common/http_server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>
#undef close

#define PORT_BYTES 16

static SOCKET of(int fd)
{
    return (SOCKET)(unsigned)fd;
}

static int result(int failed)
{
    if (failed)
        errno = WSAGetLastError() == WSAEWOULDBLOCK ? EAGAIN : ECONNRESET;
    return failed ? -1 : 0;
}

static int never_wait(SOCKET made)
{
    u_long yes = 1;
    return ioctlsocket(made, (long)FIONBIO, &yes);
}

static int number(SOCKET made, int flags)
{
    if (made == INVALID_SOCKET)
        return result(1);
    if (flags & SOCK_NONBLOCK)
        (void)never_wait(made);
    return (int)made;
}

/* A local one is told by its address family until it is connected: it waits for that, being of loopback. */
int posix_socket(int family, int type, int protocol)
{
    WSADATA about;
    (void)WSAStartup(MAKEWORD(2, 2), &about);
    int flags = family == AF_UNIX ? 0 : type; /* see posix_connect */
    return number(socket(family == AF_UNIX ? AF_INET : family, SOCK_STREAM, protocol), flags);
}

int posix_socketpair(int family, int type, int protocol, int ret_ends[2])
{
    uv_os_sock_t ends[2];
    (void)family;
    if (uv_socketpair(SOCK_STREAM, protocol, ends, 0, 0) != 0)
        return -1;
    for (int i = 0; i < 2; i++)
        ret_ends[i] = number(ends[i], type);
    return 0;
}

int posix_connect(int fd, const struct sockaddr *address, socklen_t bytes)
{
    char *port = NULL;
    size_t port_bytes;
    if (address->sa_family != AF_UNIX)
        return result(connect(of(fd), address, bytes));
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const char *path = ((const struct sockaddr_un *)(const void *)address)->sun_path;
    if (file_read(path, PORT_BYTES, &port, &port_bytes, NULL) != 0) {
        errno = ECONNREFUSED;
        return -1;
    }
    there.sin_port = htons((unsigned short)strtol(port, NULL, 10));
    free(port);
    int little = 65536;
    (void)setsockopt(of(fd), SOL_SOCKET, SO_RCVBUF, (const char *)&little, sizeof(little));
    int failed = connect(of(fd), (const struct sockaddr *)&there, sizeof(there));
    (void)never_wait(of(fd));
    return result(failed);
}

int posix_accept4(int fd, struct sockaddr *ret_address, socklen_t *ret_bytes, int flags)
{
    return number(accept(of(fd), ret_address, ret_bytes), flags);
}

int posix_getsockname(int fd, struct sockaddr *ret_address, socklen_t *ret_bytes)
{
    return result(getsockname(of(fd), ret_address, ret_bytes));
}

int posix_setsockopt(int fd, int level, int option, const void *value, socklen_t bytes)
{
    return result(setsockopt(of(fd), level, option, value, bytes));
}

ssize_t posix_recv(int fd, void *bytes, size_t count, int flags)
{
    if (flags & MSG_DONTWAIT)
        (void)never_wait(of(fd));
    int got = recv(of(fd), bytes, (int)count, 0);
    return got < 0 ? result(1) : got;
}

ssize_t posix_send(int fd, const void *bytes, size_t count, int flags)
{
    if (flags & MSG_DONTWAIT)
        (void)never_wait(of(fd));
    int sent = send(of(fd), bytes, (int)count, 0);
    return sent < 0 ? result(1) : sent;
}

int posix_shutdown(int fd, int how)
{
    return result(shutdown(of(fd), how));
}

int posix_close(int fd)
{
    return closesocket(of(fd)) == 0 ? 0 : close(fd);
}

int posix_fcntl(int fd, int what, ...)
{
    return what == F_SETFL ? result(never_wait(of(fd))) : 0;
}

/* The server's end of a local socket, for tests of what is behind it; its own end is a pipe (local_pipe). */
int http_listen_unix(const char *path, unsigned mode, int *ret_fd)
{
    struct sockaddr_in address;
    socklen_t bytes = sizeof(address);
    char port[PORT_BYTES];
    int error = http_listen_tcp("127.0.0.1:0", ret_fd);
    if (error)
        return error;
    int little = 65536; /* kept by the system for one who does not read, as of a local socket */
    (void)setsockopt(of(*ret_fd), SOL_SOCKET, SO_SNDBUF, (const char *)&little, sizeof(little));
    (void)getsockname(of(*ret_fd), (struct sockaddr *)&address, &bytes);
    int port_bytes = snprintf(port, sizeof(port), "%u", ntohs(address.sin_port));
    return file_replace(path, port, (size_t)port_bytes, mode, false, NULL);
}
