#include "../waiting.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

void waiting_open(struct waiting *waiting, uv_loop_t *loop, int fd, void (*ready)(void *data), void *data)
{
    struct stat kind;
    *waiting = (struct waiting){.fd = fd, .ready = ready, .data = data};
    if (fstat(fd, &kind) || S_ISREG(kind.st_mode))
        return;
    waiting->flags = fcntl(fd, F_GETFL);
    waiting->open = uv_poll_init(loop, &waiting->poll, fd) == 0;
    waiting->poll.data = waiting;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status; /* read() will tell */
    (void)events;
    struct waiting *waiting = poll->data;
    (void)uv_poll_stop(poll);
    waiting->ready(waiting->data);
}

bool waiting_for_bytes(struct waiting *waiting)
{
    struct pollfd now = {.fd = waiting->fd, .events = POLLIN};
    if (!waiting->open || poll(&now, 1, 0) != 0)
        return false;
    (void)uv_poll_start(&waiting->poll, UV_READABLE | UV_DISCONNECT, on_readable);
    return true;
}

void waiting_close(struct waiting *waiting)
{
    if (waiting->open)
        uv_close((uv_handle_t *)&waiting->poll, NULL);
}

void waiting_restore(struct waiting *waiting)
{
    if (waiting->open)
        (void)fcntl(waiting->fd, F_SETFL, waiting->flags);
}
