#include "error.h"
#include "http_server.h"
#include "platform/sockets.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LISTEN_BACKLOG    128
#define TCP_ADDRESS_BYTES 64

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
    error = sockets_listen(&parsed, LISTEN_BACKLOG, ret_fd);
    switch (error) {
    case UV_EADDRINUSE:
        return ERROR_BUSY;
    case UV_EACCES:
    case UV_EPERM:
        return ERROR_FORBIDDEN;
    case UV_ENOMEM:
    case UV_ENOBUFS:
        return ERROR_NO_MEMORY;
    default:
        return error;
    }
}

void http_listen_address(int fd, char *ret, size_t bytes)
{
    struct sockaddr_storage address;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;
    char host[TCP_ADDRESS_BYTES] = "";
    ret[0] = '\0';
    if (sockets_address(fd, &address))
        return;
    if (address.ss_family == AF_INET && uv_ip4_name(v4, host, sizeof(host)) == 0)
        (void)snprintf(ret, bytes, "%s:%u", strcmp(host, "0.0.0.0") == 0 ? "127.0.0.1" : host,
                       (unsigned)ntohs(v4->sin_port));
    else if (address.ss_family == AF_INET6 && uv_ip6_name(v6, host, sizeof(host)) == 0)
        (void)snprintf(ret, bytes, "[%s]:%u", strcmp(host, "::") == 0 ? "::1" : host,
                       (unsigned)ntohs(v6->sin6_port));
}
