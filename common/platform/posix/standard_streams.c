#include "../standard_streams.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void standard_streams_hold(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDONLY); /* the lowest that is free; streams are inherited: no O_CLOEXEC */
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        (void)close(fd);
}

bool standard_output_left(int error)
{
    return error == EPIPE;
}
