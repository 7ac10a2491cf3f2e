/* admin.h - the administrator's commands: every one asks the daemon through its admin socket, none opens a
 * database. */
#ifndef FARMGATE_CLOUD_ADMIN_ADMIN_H
#define FARMGATE_CLOUD_ADMIN_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#define ADMIN_SOCKET "/run/farmgate-cloud/admin.sock"

/* Exit codes (DESIGN §5). */
enum {
    ADMIN_OK = 0,
    ADMIN_FAILED = 1,
    ADMIN_NO_AUTHORITY = 3,
    ADMIN_USAGE = 64,
    ADMIN_DATA = 65,
    ADMIN_FORBIDDEN = 77,
};

struct admin_options {
    const char *socket_path;
    bool json;
    int64_t limit;    /* -1: not given */
    const char *term; /* NULL: not given */
    const char *name; /* "": not given */
    const char *farm; /* NULL: not given */
};

/* Runs `argv[0] argv[1] …` ("key", "create", …); returns the exit code. */
int admin_run(int argc, char **argv);

#endif
