/* slow_disk.c - preloaded into an authority: while the file named by SLOW_DISK exists, whatever is to be
 * durable takes a second and a half, as on a disk that others keep busy. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOW_MICROSECONDS 1500000

typedef int sync_fn(int);

int fdatasync(int fd)
{
    sync_fn *next;
    void *symbol = dlsym(RTLD_NEXT, "fdatasync");
    const char *name = getenv("SLOW_DISK");
    memcpy(&next, &symbol, sizeof next);
    if (name != NULL && access(name, F_OK) == 0)
        (void)usleep(SLOW_MICROSECONDS);
    return next(fd);
}
