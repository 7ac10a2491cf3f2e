/* waiting.c - Windows' pipes cannot be waited for beside other things without a thread that reads: they are
 * looked at again and again instead, which a loop can do. A console is read when its line is complete, as
 * elsewhere. */
#include "../waiting.h"

#include <io.h>
#include <stdint.h>
#include <windows.h>

#define LOOK_MS 20

void waiting_open(struct waiting *waiting, uv_loop_t *loop, int fd, void (*ready)(void *data), void *data)
{
    *waiting = (struct waiting){.fd = fd, .ready = ready, .data = data};
    waiting->open =
        GetFileType((HANDLE)_get_osfhandle(fd)) == FILE_TYPE_PIPE && uv_timer_init(loop, &waiting->look) == 0;
    waiting->look.data = waiting;
}

/* One that nobody writes to any more has its end to be read. */
static bool is_silent(const struct waiting *waiting)
{
    DWORD bytes = 0;
    return PeekNamedPipe((HANDLE)_get_osfhandle(waiting->fd), NULL, 0, NULL, &bytes, NULL) && bytes == 0;
}

static void on_look(uv_timer_t *timer)
{
    struct waiting *waiting = timer->data;
    if (is_silent(waiting))
        return;
    (void)uv_timer_stop(timer);
    waiting->ready(waiting->data);
}

bool waiting_for_bytes(struct waiting *waiting)
{
    return waiting->open && is_silent(waiting) &&
           uv_timer_start(&waiting->look, on_look, LOOK_MS, LOOK_MS) == 0;
}

void waiting_close(struct waiting *waiting)
{
    if (waiting->open)
        uv_close((uv_handle_t *)&waiting->look, NULL);
}

void waiting_restore(struct waiting *waiting)
{
    (void)waiting;
}
