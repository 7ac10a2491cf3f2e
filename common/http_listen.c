#include "http_server.h"

#include "error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_BACKLOG    128
#define TCP_ADDRESS_BYTES 64

static int socket_error(int code)
{
    switch (code) {
    case EADDRINUSE:
        return ERROR_BUSY;
    case EACCES:
    case EPERM:
        return ERROR_FORBIDDEN;
    case ENOMEM:
    case ENOBUFS:
        return ERROR_NO_MEMORY;
    default:
        return uv_translate_sys_error(code);
    }
}

static int open_socket(int family)
{
    return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* 0: the path is free, now or because a stale socket was removed. */
static int clear_path(const struct sockaddr_un *address)
{
    struct stat found;
    if (lstat(address->sun_path, &found))
        return errno == ENOENT ? 0 : socket_error(errno);
    if (!S_ISSOCK(found.st_mode))
        return ERROR_INVALID; /* somebody's file: not ours to remove */
    int probe = open_socket(AF_UNIX);
    if (probe < 0)
        return socket_error(errno);
    int code = connect(probe, (const struct sockaddr *)address, sizeof *address) ? errno : 0;
    (void)close(probe);
    if (code == 0 || code == EAGAIN) /* EAGAIN: alive, its queue is full */
        return ERROR_BUSY;
    if (code != ECONNREFUSED)
        return code == ENOENT ? 0 : socket_error(code);
    return unlink(address->sun_path) && errno != ENOENT ? socket_error(errno) : 0;
}

/* The socket's own mode, set before bind(), is what the path gets less the umask; so at no time may more open
 * it than `mode` says, and chmod() gives back what the umask took. */
static int bind_with_mode(int fd, const struct sockaddr_un *address, unsigned mode)
{
    if (fchmod(fd, (mode_t)mode) || bind(fd, (const struct sockaddr *)address, sizeof *address))
        return socket_error(errno);
    if (chmod(address->sun_path, (mode_t)mode) || listen(fd, LISTEN_BACKLOG)) {
        int error = socket_error(errno);
        (void)unlink(address->sun_path);
        return error;
    }
    return 0;
}

int http_listen_unix(const char *path, unsigned mode, int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t bytes = strlen(path);
    if (bytes == 0)
        return ERROR_INVALID;
    if (bytes >= sizeof address.sun_path)
        return ERROR_TOO_LARGE;
    memcpy(address.sun_path, path, bytes);
    int error = clear_path(&address);
    if (error)
        return error;
    int fd = open_socket(AF_UNIX);
    if (fd < 0)
        return socket_error(errno);
    error = bind_with_mode(fd, &address, mode);
    if (error) {
        (void)close(fd);
        return error;
    }
    *ret_fd = fd;
    return 0;
}

static int parse_port(const char *text, int *ret_port)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 5 || text[digits] != '\0')
        return ERROR_INVALID;
    long port = strtol(text, NULL, 10);
    if (port > 65535)
        return ERROR_INVALID;
    *ret_port = (int)port;
    return 0;
}

/* "1.2.3.4:port" or "[::1]:port". */
static int parse_address(const char *text, struct sockaddr_storage *ret)
{
    char host[TCP_ADDRESS_BYTES];
    int port = 0;
    const char *colon = strrchr(text, ':');
    if (!colon || parse_port(colon + 1, &port))
        return ERROR_INVALID;
    bool v6 = text[0] == '[';
    const char *start = v6 ? text + 1 : text;
    const char *end = v6 ? colon - 1 : colon;
    if (end <= start || (v6 && *end != ']') || (size_t)(end - start) >= sizeof host)
        return ERROR_INVALID;
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    int error = v6 ? uv_ip6_addr(host, port, (struct sockaddr_in6 *)ret)
                   : uv_ip4_addr(host, port, (struct sockaddr_in *)ret);
    return error ? ERROR_INVALID : 0;
}

static int listen_at(int fd, const struct sockaddr_storage *address)
{
    int yes = 1;
    bool v6 = address->ss_family == AF_INET6;
    socklen_t bytes = v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) ||
        (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes)) ||
        bind(fd, (const struct sockaddr *)address, bytes) || listen(fd, LISTEN_BACKLOG))
        return socket_error(errno);
    return 0;
}

int http_listen_tcp_check(const char *address)
{
    struct sockaddr_storage parsed = {0};
    return parse_address(address, &parsed);
}

int http_listen_tcp(const char *address, int *ret_fd)
{
    struct sockaddr_storage parsed = {0};
    int error = parse_address(address, &parsed);
    if (error)
        return error;
    int fd = open_socket(parsed.ss_family);
    if (fd < 0)
        return socket_error(errno);
    error = listen_at(fd, &parsed);
    if (error) {
        (void)close(fd);
        return error;
    }
    *ret_fd = fd;
    return 0;
}
