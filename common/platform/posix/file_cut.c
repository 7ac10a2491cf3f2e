#include "common/file.h"

#include <errno.h>
#include <unistd.h>

int file_cut(const char *path, int64_t bytes)
{
    return truncate(path, bytes) == 0 ? 0 : error_from_errno(errno);
}
