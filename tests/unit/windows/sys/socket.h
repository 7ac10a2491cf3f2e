/* POSIX' sockets for tests, over Windows': numbers as files have them, errno, and flags that Windows has
 * calls for. Local ones are loopback's: their path is a file that says the port (posix_sockets.c). */
#ifndef TEST_WINDOWS_SYS_SOCKET_H
#define TEST_WINDOWS_SYS_SOCKET_H

#include_next <sys/socket.h>
#include <sys/types.h>

#define MSG_DONTWAIT  0x10000000 /* from then on */
#define MSG_NOSIGNAL  0
#define SHUT_RD       SD_RECEIVE
#define SHUT_WR       SD_SEND
#define SHUT_RDWR     SD_BOTH
#define SOCK_CLOEXEC  0
#define SOCK_NONBLOCK 0x10000000

int posix_socket(int family, int type, int protocol);
int posix_socketpair(int family, int type, int protocol, int ret_ends[2]);
int posix_connect(int fd, const struct sockaddr *address, socklen_t bytes);
int posix_accept4(int fd, struct sockaddr *ret_address, socklen_t *ret_bytes, int flags);
int posix_getsockname(int fd, struct sockaddr *ret_address, socklen_t *ret_bytes);
int posix_setsockopt(int fd, int level, int option, const void *value, socklen_t bytes);
ssize_t posix_recv(int fd, void *bytes, size_t count, int flags);
ssize_t posix_send(int fd, const void *bytes, size_t count, int flags);
int posix_shutdown(int fd, int how);

#define socket      posix_socket
#define socketpair  posix_socketpair
#define connect     posix_connect
#define accept4     posix_accept4
#define getsockname posix_getsockname
#define setsockopt  posix_setsockopt
#define recv        posix_recv
#define send        posix_send
#define shutdown    posix_shutdown

#endif
