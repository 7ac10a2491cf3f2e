/* How a program ended: always with a code, as hook_run tells it. */
#ifndef PLATFORM_SYS_WAIT_H
#define PLATFORM_SYS_WAIT_H

#define WIFEXITED(status)   1
#define WEXITSTATUS(status) (((status) >> 8) & 0xFF)
#define WIFSIGNALED(status) 0
#define WTERMSIG(status)    0

#endif
