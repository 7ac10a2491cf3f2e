/* waiting.c - Windows' pipes cannot be waited for beside other things without a thread: reading one holds the
 * loop up until something comes. */
#include "../waiting.h"

void waiting_open(struct waiting *waiting, uv_loop_t *loop, int fd, void (*ready)(void *data), void *data)
{
    (void)loop;
    *waiting = (struct waiting){.fd = fd, .ready = ready, .data = data};
}

bool waiting_for_bytes(struct waiting *waiting)
{
    (void)waiting;
    return false;
}

void waiting_close(struct waiting *waiting)
{
    (void)waiting;
}

void waiting_restore(struct waiting *waiting)
{
    (void)waiting;
}
