/* command.h - what the commands of `farmgate` share: their form and their exit codes (farmgate(1)). */
#ifndef FARMGATE_CTL_COMMAND_H
#define FARMGATE_CTL_COMMAND_H

enum command_exit {
    COMMAND_OK = 0, /* or: the gate is open */
    COMMAND_FAILED = 1,
    COMMAND_CLOSED = 2, /* the gate is closed */
    COMMAND_NO_AGENT = 3,
    COMMAND_USAGE = 64,
    COMMAND_DATA = 65, /* what was read is not as it should be */
    COMMAND_FORBIDDEN = 77,
    COMMAND_CONFIGURATION = 78,
    COMMAND_INTERRUPTED = 130, /* by SIGINT; what was done until then is told */
};

struct command {
    const char *name;
    const char *help; /* one line, for `farmgate --help` */
    /* argv[0] is the command's name. Returns an enum command_exit; takes --help itself. */
    int (*run)(int argc, char **argv);
};

#endif
