/* What tests have to know of the system they run on. */
#ifndef TEST_WINDOWS_SYSTEM_H
#define TEST_WINDOWS_SYSTEM_H

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#define SYSTEM_ROOT         "C:"        /* of absolute paths */
#define SYSTEM_OTHER_SOURCE "logind"    /* which this one does not have */
#define SYSTEM_LOCAL_PEER   "127.0.0.1" /* http_listen_unix's clients: posix_sockets.c */

#define SYSTEM_CONFIGURATION "C:/ProgramData/Farmgate"
#define SYSTEM_STATE         "C:/ProgramData/Farmgate/state"
#define SYSTEM_GATE          "" /* PAM's */
#define SYSTEM_READER_SOCKET "//./pipe/farmgate"
#define SYSTEM_ADMIN_SOCKET  "//./pipe/farmgate-admin"

/* A client's certificate, as a configuration has it and as it is read, in the store with its private key;
 * what of a key is wrong with it, and why. */
#define SYSTEM_CERTIFICATE      "LocalMachine\\\\MY\\\\0123456789abcdefABCDEF567890123456789012"
#define SYSTEM_CERTIFICATE_READ "LocalMachine\\MY\\0123456789abcdefABCDEF567890123456789012"
#define SYSTEM_KEY              ""
#define SYSTEM_WRONG_KEY        "C:/k"
#define SYSTEM_WRONG_KEY_WORDS  "not for Windows"

/* Where a local socket can be: a named pipe. */
static inline void system_local_path(const char *directory, char *ret, size_t room)
{
    const char *name = strrchr(directory, '/');
    (void)snprintf(ret, room, "//./pipe/%s", name ? name + 1 : directory);
}

/* With rights of its own: wine tells no owner of one that has none. */
static inline int system_local_bind(uv_pipe_t *pipe, const char *path)
{
    int error = uv_pipe_bind(pipe, path);
    return error ? error : uv_pipe_chmod(pipe, UV_READABLE | UV_WRITABLE);
}

#endif
