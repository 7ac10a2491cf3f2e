/* What tests have to know of the system they run on. */
#ifndef TEST_POSIX_SYSTEM_H
#define TEST_POSIX_SYSTEM_H

#include <stddef.h>
#include <stdio.h>
#include <uv.h>

#define SYSTEM_ROOT         ""     /* of absolute paths */
#define SYSTEM_OTHER_SOURCE "wts"  /* which this one does not have */
#define SYSTEM_LOCAL_PEER   "unix" /* http_listen_unix's clients */

#define SYSTEM_CONFIGURATION "/etc/farmgate"
#define SYSTEM_STATE         "/var/lib/farmgate"
#define SYSTEM_GATE          "/run/farmgate"
#define SYSTEM_READER_SOCKET "/run/farmgate/agent.sock"
#define SYSTEM_ADMIN_SOCKET  "/run/farmgate/admin.sock"

/* A client's certificate, as a configuration has it and as it is read, and its private key; what of a key
 * is wrong with it, and why. */
#define SYSTEM_CERTIFICATE      "/c"
#define SYSTEM_CERTIFICATE_READ "/c"
#define SYSTEM_KEY              "/k"
#define SYSTEM_WRONG_KEY        ""
#define SYSTEM_WRONG_KEY_WORDS  "missing: farm.certificate is of no use without"

/* Where a local socket can be. */
static inline void system_local_path(const char *directory, char *ret, size_t room)
{
    (void)snprintf(ret, room, "%s/socket", directory);
}

static inline int system_local_bind(uv_pipe_t *pipe, const char *path)
{
    return uv_pipe_bind(pipe, path);
}

#endif
