#include "../sockets.h"

#include <limits.h>
#include <stdbool.h>
#include <winsock2.h>
#include <ws2tcpip.h>

/* Handles of sockets are small numbers: Windows promises 32 bits of them to be enough. */
static SOCKET of(int fd)
{
    return (SOCKET)(unsigned)fd;
}

static int failed(void)
{
    return uv_translate_sys_error(WSAGetLastError());
}

static int listen_at(SOCKET made, const struct sockaddr_storage *address, int backlog)
{
    DWORD yes = 1;
    bool v6 = address->ss_family == AF_INET6;
    int bytes = v6 ? (int)sizeof(struct sockaddr_in6) : (int)sizeof(struct sockaddr_in);
    /* Not SO_REUSEADDR, by which another program could take the address over. */
    if (setsockopt(made, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&yes, sizeof yes) ||
        (v6 && setsockopt(made, IPPROTO_IPV6, IPV6_V6ONLY, (const char *)&yes, sizeof yes)) ||
        bind(made, (const struct sockaddr *)address, bytes) || listen(made, backlog))
        return failed();
    return 0;
}

/* Takes the socket over. */
static int give_out(SOCKET made, int *ret_fd)
{
    u_long yes = 1;
    if (made > INT_MAX || ioctlsocket(made, (long)FIONBIO, &yes)) {
        int error = made > INT_MAX ? UV_EMFILE : failed();
        (void)closesocket(made);
        return error;
    }
    (void)SetHandleInformation((HANDLE)made, HANDLE_FLAG_INHERIT, 0);
    *ret_fd = (int)made;
    return 0;
}

int sockets_listen(const struct sockaddr_storage *address, int backlog, int *ret_fd)
{
    WSADATA about;
    (void)WSAStartup(MAKEWORD(2, 2), &about); /* for as long as the process lives */
    SOCKET made = WSASocketW(address->ss_family, SOCK_STREAM, 0, NULL, 0,
                             WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (made == INVALID_SOCKET)
        return failed();
    int error = listen_at(made, address, backlog);
    if (error) {
        (void)closesocket(made);
        return error;
    }
    return give_out(made, ret_fd);
}

int sockets_address(int fd, struct sockaddr_storage *ret_address)
{
    struct sockaddr_storage address = {0};
    int bytes = sizeof address;
    if (getsockname(of(fd), (struct sockaddr *)&address, &bytes))
        return failed();
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
    int bytes = sizeof address;
    SOCKET made = accept(of(listening_fd), (struct sockaddr *)&address, &bytes);
    if (made == INVALID_SOCKET)
        return failed();
    int error = give_out(made, ret_fd);
    if (!error)
        *ret_address = address;
    return error;
}

void sockets_say(int fd, const char *bytes, size_t count)
{
    (void)send(of(fd), bytes, count < INT_MAX ? (int)count : INT_MAX, 0);
}

void sockets_close(int fd)
{
    (void)closesocket(of(fd));
}
