/* admin.h - the administrator's commands: every one asks the daemon through its admin socket, none opens a
 * database. */
#ifndef FARMGATE_CLOUD_ADMIN_ADMIN_H
#define FARMGATE_CLOUD_ADMIN_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#define ADMIN_SOCKET        "/run/farmgate-cloud/admin.sock"
#define ADMIN_ARGUMENTS_MAX 500 /* FARM… */

/* Exit codes (farmgate-cloud(8)). */
enum {
    ADMIN_OK = 0,
    ADMIN_FAILED = 1,
    ADMIN_NO_AUTHORITY = 3,
    ADMIN_USAGE = 64,
    ADMIN_DATA = 65,
    ADMIN_FORBIDDEN = 77,
};

/* Texts are NULL, numbers -1 where they were not given. */
struct admin_options {
    const char *socket_path;
    const char *term, *name, *plan, *channel, *contract, *automatic, *expires;
    const char *status, *columns, *subject, *since, *key, *output;
    int64_t limit, licences, add, quota, subscription, days;
    bool json, csv, renew, reset_moves, confirm, force;
    const char *const *arguments; /* what is no option; as many as the command takes */
    int argument_count;
};

/* Runs `argv[0] argv[1] …` ("key", "create", …); returns the exit code. */
int admin_run(int argc, char **argv);

/* The lines of --help that name the commands. */
void admin_print_commands(void);

/* For shell completion, a line each, its parts separated by tabs: "c WORDS HELP" a command, "o WORDS --NAME
 * -SHORT VALUE HELP" an option of it ("": none), "f WORDS" what are no options are files. */
#define ADMIN_DESCRIBE "--describe"
void admin_describe_commands(void);

#endif
