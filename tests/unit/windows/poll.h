/* See unistd.h: poll() as a rest, and no more; a short one is over when others have run. */
#ifndef TEST_WINDOWS_POLL_H
#define TEST_WINDOWS_POLL_H

#include <stddef.h>
#include <windows.h>

static inline int poll(void *none, unsigned count, int ms)
{
    (void)none;
    (void)count;
    Sleep(ms > 1 ? (DWORD)ms : 0);
    return 0;
}

#endif
