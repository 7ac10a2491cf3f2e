#include "common/error.h"
#include "common/http_server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_BACKLOG 128

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

static int open_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* 0: the path is free, now or because a stale socket was removed. */
static int clear_path(const struct sockaddr_un *address)
{
    struct stat found;
    if (lstat(address->sun_path, &found))
        return errno == ENOENT ? 0 : socket_error(errno);
    if (!S_ISSOCK(found.st_mode))
        return ERROR_INVALID; /* somebody's file: not ours to remove */
    int probe = open_socket();
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
    int fd = open_socket();
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

int http_listen_local(struct http_server *server, const char *path, unsigned mode, const char *group,
                      void *listener_data)
{
    (void)group; /* the directory's, or whose the service manager makes it */
    int fd, error = http_listen_unix(path, mode, &fd);
    return error ? error : http_server_listen(server, fd, listener_data);
}
