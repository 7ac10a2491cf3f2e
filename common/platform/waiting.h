/* waiting.h - waiting in a loop until a file has something to read: pipes and terminals do, files always
 * have.
 */
#ifndef FARMGATE_COMMON_PLATFORM_WAITING_H
#define FARMGATE_COMMON_PLATFORM_WAITING_H

#include <stdbool.h>
#include <uv.h>

struct waiting {
    uv_poll_t poll;
    uv_timer_t look; /* where files cannot be polled */
    bool open;       /* a handle of the loop, to be closed by waiting_close */
    int fd, flags;
    void (*ready)(void *data);
    void *data;
};

/* Where waiting for this file in a loop cannot be done or need not be, it just never waits. */
void waiting_open(struct waiting *waiting, uv_loop_t *loop, int fd, void (*ready)(void *data), void *data);

/* Whether there is nothing to read yet: `ready` is then called once when there is. */
bool waiting_for_bytes(struct waiting *waiting);

/* Before the loop ends. */
void waiting_close(struct waiting *waiting);

/* After it: the file is as it was (it may be the shell's terminal, which libuv makes non-blocking). */
void waiting_restore(struct waiting *waiting);

#endif
