/* sockets.h - listening stream sockets, which libuv is not asked for: the server accepts itself, to answer
 * whom it has no room for. A socket is a number; on Windows it is no file's. What fails is a negative libuv
 * code. */
#ifndef FARMGATE_COMMON_PLATFORM_SOCKETS_H
#define FARMGATE_COMMON_PLATFORM_SOCKETS_H

#include <stddef.h>
#include <uv.h>

/* Binds to an IPv4 or IPv6 address and listens; does not block, is inherited by nobody. */
int sockets_listen(const struct sockaddr_storage *address, int backlog, int *ret_fd);

/* What addresses a socket has: AF_INET, AF_INET6, AF_UNIX; and its own. */
int sockets_family(int fd, int *ret_family);
int sockets_address(int fd, struct sockaddr_storage *ret_address);

/* The next newcomer, likewise. UV_EAGAIN: nobody waits. */
int sockets_accept(int listening_fd, struct sockaddr_storage *ret_address, int *ret_fd);

/* Sends what goes at once, whatever becomes of it. */
void sockets_say(int fd, const char *bytes, size_t count);

void sockets_close(int fd);

#endif
