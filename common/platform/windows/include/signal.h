/* C's signals. Of POSIX' others none ever comes: who ignores them has what he wants. */
#ifndef PLATFORM_SIGNAL_H
#define PLATFORM_SIGNAL_H

#define signal runtime_signal
#include_next <signal.h>
#undef signal

#define SIGHUP  1
#define SIGBUS  7
#define SIGKILL 9
#define SIGPIPE 13
#define SIGXFSZ 25

#define SA_RESETHAND 1 /* always so: what a handler was called for, it is not called for again */

struct sigaction {
    void (*sa_handler)(int number);
    int sa_flags;
};

void (*platform_signal(int number, void (*handler)(int number)))(int number);
int platform_sigaction(int number, const struct sigaction *action, struct sigaction *ret_before);

void (*signal(int number, void (*handler)(int number)))(int number) __asm__("platform_signal");
int sigaction(int number, const struct sigaction *action,
              struct sigaction *ret_before) __asm__("platform_sigaction");

#endif
