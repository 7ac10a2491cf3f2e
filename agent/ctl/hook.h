/* hook.h - runs an administrator's command for one event. */
#ifndef FARMGATE_CTL_HOOK_H
#define FARMGATE_CTL_HOOK_H

#include <stddef.h>

#define HOOK_LIMIT_MS 10000 /* then its process group is told to end, */
#define HOOK_KILL_MS  1000  /* and after this what is left of it is killed */

struct hook_variable {
    const char *name; /* "FARMGATE_CODE" */
    const char *value;
};

enum hook_result {
    HOOK_DONE,
    HOOK_FAILED,
    HOOK_TIMED_OUT,
    HOOK_INTERRUPTED, /* we are to end: SIGTERM or SIGINT came, and the command was ended */
    HOOK_NOT_STARTED
};

/* Runs `command` by /bin/sh with the variables in its environment and `input` on its standard input, in a
 * process group of its own, and waits for it. *ret_status is wait's for HOOK_FAILED, the signal for
 * HOOK_INTERRUPTED, errno for HOOK_NOT_STARTED. */
enum hook_result hook_run(const char *command, const struct hook_variable *variables, size_t count,
                          const char *input, unsigned limit_ms, int *ret_status);

#endif
