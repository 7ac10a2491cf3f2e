#include "../standard_streams.h"

#include <errno.h>
#include <windows.h>

/* Windows gives a closed stream's handle to nobody else. */
void standard_streams_hold(void)
{
}

/* Of a pipe that is being closed the C runtime only says that it is not valid. */
bool standard_output_left(int error)
{
    return error == EPIPE ||
           (error == EINVAL && GetFileType(GetStdHandle(STD_OUTPUT_HANDLE)) == FILE_TYPE_PIPE);
}
